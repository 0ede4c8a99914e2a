//! Lists of checksums, as `sha256sum` writes them (GNU coreutils manual, "md5sum invocation") and as BSD's `sha256`.
//!
//! Threats, each with its defence:
//! - A name that is a path elsewhere, or that a shell or another reader reads otherwise: only [`check_file`]'s names.
//! - Escaped names (a leading `\`), which old and new readers take for different files: refused.
//! - A name twice, perhaps with two digests: refused.
//! - Lines that one reader passes over and another reads: every line must be understood.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::coordinate::check_file;
use crate::model::{Algorithm, Claim, Digest};

/// The usual name of such a list.
pub const LIST_NAME: &str = "SHA256SUMS";

/// One line of a list: a path below the list's folder, and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file's path.
    pub file: String,
    /// Its digest.
    pub claim: Claim,
}

/// A list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// A line is in neither style.
    #[error("line {line} is not a SHA-256 digest and a file name")]
    Line {
        /// The line's number, from 1.
        line: usize,
    },
    /// A name is escaped: it holds a line break or backslash.
    #[error("line {line} has an escaped file name")]
    Escaped {
        /// The line's number, from 1.
        line: usize,
    },
    /// A name cannot be a file of a set.
    #[error("line {line}: {reason}")]
    Name {
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A file stands in the list twice.
    #[error("line {line} names {file} a second time")]
    Twice {
        /// The line's number, from 1.
        line: usize,
        /// The file.
        file: String,
    },
    /// The list names no file.
    #[error("the list is empty")]
    Empty,
}

/// Reads a list in GNU or BSD style; both may stand in one list. A `./` before a name is dropped.
///
/// # Errors
/// Any line but an empty one that is not exactly a digest and a name.
pub fn read(text: &str) -> Result<Vec<Entry>, ListError> {
    let mut entries = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let number = number + 1;
        if line.is_empty() {
            continue;
        }
        if line.starts_with('\\') {
            return Err(ListError::Escaped { line: number });
        }
        let (digits, file) = bsd(line)
            .or_else(|| gnu(line))
            .ok_or(ListError::Line { line: number })?;
        let claim = Claim::from_hex(Algorithm::Sha256, digits).map_err(|_| ListError::Line { line: number })?;
        let file = file.strip_prefix("./").unwrap_or(file);
        check_file(file).map_err(|mismatch| ListError::Name {
            line: number,
            reason: mismatch.reason,
        })?;
        if !seen.insert(file) {
            return Err(ListError::Twice {
                line: number,
                file: file.to_owned(),
            });
        }
        entries.push(Entry {
            file: file.to_owned(),
            claim,
        });
    }
    if entries.is_empty() {
        return Err(ListError::Empty);
    }
    Ok(entries)
}

/// The list within a text that is signed as a whole (RFC 9580 §7); any other text as it is. Whose signature it is does not matter here: the
/// operator names the list, and digests only say which bytes are meant.
pub fn unframed(text: &str) -> Cow<'_, str> {
    let begins = |line: &str| line.trim_end() == "-----BEGIN PGP SIGNED MESSAGE-----";
    if !text.lines().next().is_some_and(begins) {
        return Cow::Borrowed(text);
    }
    let mut list = String::new();
    for line in text.lines().skip_while(|line| !line.trim_end().is_empty()).skip(1) {
        if line.trim_end() == "-----BEGIN PGP SIGNATURE-----" {
            break;
        }
        list.push_str(line.strip_prefix("- ").unwrap_or(line));
        list.push('\n');
    }
    Cow::Owned(list)
}

/// `DIGITS`, a space, a space or `*` (read as binary), and the name.
fn gnu(line: &str) -> Option<(&str, &str)> {
    let (digits, rest) = line.split_once(' ')?;
    Some((digits, rest.strip_prefix([' ', '*'])?))
}

/// `SHA256 (NAME) = DIGITS`.
fn bsd(line: &str) -> Option<(&str, &str)> {
    let (file, digits) = line.strip_prefix("SHA256 (")?.rsplit_once(") = ")?;
    Some((digits, file))
}

/// Writes a list in GNU style. Names are already checked, and hold nothing that would need an escape.
pub(crate) fn write<'a>(files: impl Iterator<Item = (&'a str, &'a Digest)>) -> Vec<u8> {
    files
        .map(|(file, digest)| format!("{}  {file}\n", digest.hex()))
        .collect::<String>()
        .into_bytes()
}

/// Where a list and a folder do not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Files that the list names and that are not there.
    pub missing: Vec<String>,
    /// Files that are there and that the list does not name.
    pub unlisted: Vec<String>,
}

impl Difference {
    /// Whether list and folder name the same files.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.unlisted.is_empty()
    }
}

/// Compares a list with the paths that are there, relative to the list's folder and without the list itself.
pub fn compare<'a>(entries: &[Entry], present: impl IntoIterator<Item = &'a str>) -> Difference {
    let mut listed: BTreeMap<&str, bool> = entries.iter().map(|entry| (entry.file.as_str(), false)).collect();
    let mut difference = Difference::default();
    for file in present {
        match listed.get_mut(file) {
            Some(found) => *found = true,
            None => difference.unlisted.push(file.to_owned()),
        }
    }
    difference.unlisted.sort();
    difference.missing = listed
        .into_iter()
        .filter(|(_, found)| !found)
        .map(|(file, _)| file.to_owned())
        .collect();
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn both_styles_are_read() {
        let text = format!("{SUM}  a.txt\n{SUM} *b/c.bin\r\n\nSHA256 (d(1).txt) = {SUM}\n{SUM}  ./e\n");
        let files: Vec<_> = read(&text).unwrap().into_iter().map(|entry| entry.file).collect();
        assert_eq!(files, ["a.txt", "b/c.bin", "d(1).txt", "e"]);
    }

    #[test]
    fn doubtful_lines_are_refused() {
        for (text, expected) in [
            (String::new(), ListError::Empty),
            ("\n\n".to_owned(), ListError::Empty),
            (format!("\\{SUM}  a\\nb\n"), ListError::Escaped { line: 1 }),
            (format!("{SUM} a\n"), ListError::Line { line: 1 }),
            (format!("{SUM}\n"), ListError::Line { line: 1 }),
            (format!("{}  a\n", &SUM[1..]), ListError::Line { line: 1 }),
            (format!("# note\n{SUM}  a\n"), ListError::Line { line: 1 }),
            (format!("SHA512 (a) = {SUM}\n"), ListError::Line { line: 1 }),
            (
                format!("{SUM}  a\n{SUM}  ./a\n"),
                ListError::Twice {
                    line: 2,
                    file: "a".to_owned(),
                },
            ),
        ] {
            assert_eq!(read(&text), Err(expected), "{text}");
        }
        for name in [
            "../a",
            "/a",
            "a/../b",
            "C:x",
            "SHA256SUMS",
            " a",
            "a ",
            "con",
            "a\u{202e}b",
        ] {
            let found = read(&format!("{SUM}  {name}\n"));
            assert!(
                matches!(found, Err(ListError::Name { line: 1, .. })),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn a_signed_text_is_read_within_its_frame() {
        let list = format!("{SUM}  a\n{SUM}  -b\n");
        assert_eq!(unframed(&list), list);
        let framed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n{SUM}  a\n- {SUM}  -b\n-----BEGIN PGP SIGNATURE-----\n\nAA==\n-----END PGP SIGNATURE-----\n"
        );
        assert_eq!(unframed(&framed), list);
        // What stands before the frame is not passed over: a reader of the list would see it.
        assert!(read(&unframed(&format!("x\n{framed}"))).is_err());
    }

    #[test]
    fn list_and_folder_are_compared() {
        let entries = read(&format!("{SUM}  a\n{SUM}  b\n")).unwrap();
        assert!(compare(&entries, ["b", "a"]).is_none());
        let difference = compare(&entries, ["b", "c"]);
        assert_eq!(difference.missing, ["a"]);
        assert_eq!(difference.unlisted, ["c"]);
    }

    #[test]
    fn what_is_written_is_read() {
        let digest = Digest::of(b"");
        let text = String::from_utf8(write([("a", &digest), ("b/c", &digest)].into_iter())).unwrap();
        assert_eq!(text, format!("{SUM}  a\n{SUM}  b/c\n"));
        assert_eq!(read(&text).unwrap().len(), 2);
    }

    #[test]
    fn a_list_fits_where_nothing_is_missing_and_nothing_unlisted() {
        let list = read(&format!("{}  a\n", "00".repeat(32))).unwrap();
        assert!(compare(&list, ["a"]).is_none());
        assert!(!compare(&list, []).is_none());
        assert!(!compare(&list, ["a", "b"]).is_none());
    }
}
