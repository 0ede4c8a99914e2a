//! A shard's list: which entry is which file of which name (`bundle-spec/repository.md` §2). Its digest names the shard, so
//! the list is also what makes a repository checkable without anything else.

use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::ops::Range;

use crate::model::{Digest, Hasher};

/// The first line.
const HEADER: &str = "sealift-shard-1";

/// No line is longer: an owner and a path consist of a few names of at most `MAX_NAME_BYTES` (`bundle-spec/limits.md`).
const MAX_LINE_BYTES: u64 = 16 * 1024;

/// What one entry of a shard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListedFile<'a> {
    pub(super) entry: &'a str,
    pub(super) digest: Digest,
    /// `ecosystem/name`.
    pub(super) owner: &'a str,
    /// The path below the ecosystem's folder.
    pub(super) path: &'a str,
}

/// All files of a shard. One name may have a million of them, so memory holds their lines as one text, and where each one is.
#[derive(Debug, Default)]
pub(super) struct List {
    text: String,
    /// In the order of the entries once [`List::sort`] was called.
    lines: Vec<Range<usize>>,
}

impl List {
    /// Takes the lines of a text that are files, in any order; what else stands in it goes to `other`.
    pub(super) fn of_journal<E>(text: String, mut other: impl FnMut(&str) -> Result<(), E>) -> Result<Self, E> {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.trim_end_matches('\n').len();
            match read_line(&text[start..end]) {
                Some(_) => lines.push(start..end),
                None => other(&text[start..end])?,
            }
            start += line.len();
        }
        Ok(Self { text, lines })
    }

    /// Brings the lines into the order of their entries.
    pub(super) fn sort(&mut self) {
        let text = &self.text;
        self.lines
            .sort_unstable_by(|one, other| entry(&text[one.clone()]).cmp(entry(&text[other.clone()])));
    }

    pub(super) fn files(&self) -> impl Iterator<Item = ListedFile<'_>> {
        // Every line was read when it was taken.
        self.lines.iter().filter_map(|line| read_line(&self.text[line.clone()]))
    }

    pub(super) fn find(&self, entry: &str) -> Option<ListedFile<'_>> {
        self.files().find(|file| file.entry == entry)
    }

    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn push(&mut self, file: &ListedFile<'_>) {
        let start = self.text.len();
        // A text grows to twice its size by itself; a large one shall not.
        if self.text.capacity() - start < 1024 {
            self.text.reserve_exact(64 * 1024 + start / 8);
        }
        line(&mut self.text, file);
        self.lines.push(start..self.text.len() - 1);
    }

    /// Writes the canonical text: a header, then a line for each entry in order. No part of a line holds a tab or a line's end.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "{HEADER}")?;
        for line in &self.lines {
            writeln!(to, "{}", &self.text[line.clone()])?;
        }
        Ok(())
    }

    /// The digest of the canonical text.
    pub(super) fn id(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(HEADER.as_bytes());
        hasher.update(b"\n");
        for line in &self.lines {
            hasher.update(self.text[line.clone()].as_bytes());
            hasher.update(b"\n");
        }
        hasher.finish()
    }
}

/// Reads a canonical text line by line, and gives its digest; `None` where it is not canonical. What `visit` hears counts only if the digest
/// is the one that names the shard; it says whether to go on.
pub(super) fn read_lines(
    from: &mut impl BufRead,
    mut visit: impl FnMut(ListedFile<'_>) -> bool,
) -> io::Result<Option<Digest>> {
    let mut hasher = Hasher::new();
    let mut line = String::new();
    let mut last = String::new();
    let mut is_first = true;
    loop {
        line.clear();
        match io::Read::take(&mut *from, MAX_LINE_BYTES).read_line(&mut line) {
            Ok(0) => return Ok((!is_first).then(|| hasher.finish())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(None),
            Err(error) => return Err(error),
        }
        hasher.update(line.as_bytes());
        let Some(text) = line.strip_suffix('\n') else {
            return Ok(None);
        };
        if std::mem::take(&mut is_first) {
            if text != HEADER {
                return Ok(None);
            }
            continue;
        }
        match read_line(text) {
            Some(file) if last.as_str() < file.entry => {
                if !visit(file) {
                    return Ok(None);
                }
                last.clear();
                last.push_str(file.entry);
            }
            _ => return Ok(None),
        }
    }
}

/// Writes a line of a list.
pub(super) fn line(text: &mut String, file: &ListedFile<'_>) {
    // Writing to a text cannot fail.
    let _ = writeln!(
        text,
        "{}\t{}\t{}\t{}",
        file.entry,
        file.digest.hex(),
        file.owner,
        file.path
    );
}

fn entry(line: &str) -> &str {
    line.split_once('\t').map_or(line, |(entry, _)| entry)
}

/// Reads the one spelling of a line.
fn read_line(line: &str) -> Option<ListedFile<'_>> {
    let mut parts = line.split('\t');
    let (entry, digest, owner, path) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let file = ListedFile {
        entry,
        digest: format!("sha256:{digest}").parse().ok()?,
        owner,
        path,
    };
    parts.next().is_none().then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Digest> {
        read_lines(&mut text.as_bytes(), |_| true).unwrap()
    }

    #[test]
    fn one_spelling_only() {
        let mut list = List::default();
        for entry in ["b", "a"] {
            list.push(&ListedFile {
                entry,
                digest: Digest::of(entry.as_bytes()),
                owner: "files/x y",
                path: &format!("x/{entry}"),
            });
        }
        list.sort();
        let mut text = Vec::new();
        list.write(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.lines().next(), Some(HEADER));
        assert_eq!(list.id(), Digest::of(text.as_bytes()));
        let mut found = Vec::new();
        let id = read_lines(&mut text.as_bytes(), |file| {
            found.push(format!("{} {} {}", file.entry, file.owner, file.path));
            true
        });
        assert_eq!(id.unwrap(), Some(list.id()));
        assert_eq!(found, ["a files/x y x/a", "b files/x y x/b"]);
        let mut lines: Vec<&str> = text.lines().collect();
        lines.swap(1, 2);
        let unsorted = format!("{}\n", lines.join("\n"));
        let twice = text.replace("\nb\t", "\na\t");
        for wrong in [
            "",
            HEADER,
            &text.replace(HEADER, "sealift-shard-2"),
            text.trim_end(),
            &unsorted,
            &twice,
            &text.replace('\t', " "),
            &format!("{text}\n"),
            &text.replace("\na\t", "\n\t"),
            &format!("{}\textra\n", text.trim_end()),
            &text.to_uppercase(),
            &text.replace("x/b", &"x".repeat(20_000)),
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_journal_tells_files_from_the_rest() {
        let mut text = String::from("files/x\n");
        let file = ListedFile {
            entry: "a",
            digest: Digest::of(b""),
            owner: "files/x",
            path: "x/1/a",
        };
        line(&mut text, &file);
        text.push_str("files/y\n");
        let mut names = Vec::new();
        let list = List::of_journal(text, |name| {
            names.push(name.to_owned());
            Ok::<_, io::Error>(())
        });
        let list = list.unwrap();
        assert_eq!(names, ["files/x", "files/y"]);
        assert_eq!(list.files().collect::<Vec<_>>(), [file]);
        assert_eq!(list.find("a"), Some(file));
        assert_eq!(list.find("b"), None);
    }

    /// Takes or gives so many bytes, then fails once.
    struct Failing(usize);

    impl Failing {
        fn step(&mut self, length: usize) -> io::Result<usize> {
            let length = length.min(self.0);
            self.0 -= length;
            if length == 0 {
                self.0 = usize::MAX;
                return Err(io::ErrorKind::StorageFull.into());
            }
            Ok(length)
        }
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.step(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.step(buffer.len())?;
            buffer[..length].fill(b'a');
            Ok(length)
        }
    }

    #[test]
    fn a_list_is_written_and_read_to_its_end_or_it_is_said() {
        let mut list = List::default();
        list.push(&ListedFile {
            entry: "a",
            digest: Digest::of(b"a"),
            owner: "files/x",
            path: "x/a",
        });
        let mut text = Vec::new();
        list.write(&mut text).unwrap();
        for bytes in 0..text.len() {
            assert!(list.write(&mut Failing(bytes)).is_err(), "{bytes}");
        }
        assert!(list.write(&mut Failing(text.len())).is_ok());
        assert!(read_lines(&mut io::BufReader::new(Failing(5)), |_| true).is_err());
        // Text that is none is no canonical list, and no failure.
        assert_eq!(read_lines(&mut &b"\xff\n"[..], |_| true).unwrap(), None);
    }
}
