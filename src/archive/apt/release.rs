//! An archive's `Release`: what a suite is, from when until when it holds, and the digests of its indexes.
//!
//! Threats, each with its defence:
//! - Text around the signed part that another reader takes for signed: [`signed_part`] gives the part alone, and only of a
//!   document that holds nothing else (CVE-2018-0501 was of this kind).
//! - A path listed twice with two digests or sizes: refused.
//! - Lists of MD5 or SHA-1: not read; a file that only they list is not listed.
//! - Paths that climb: listed paths are compared and never opened.

use std::collections::BTreeMap;

use super::deb822::{ControlError, Paragraph};
use crate::model::Timestamp;

/// The largest real ones have some 300 KiB.
const MAX_RELEASE_BYTES: usize = 8 << 20;

/// The largest real ones list some 2,000 files.
const MAX_FILES: usize = 100_000;

/// A `Release` file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Who publishes it.
    pub origin: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// The suite's name by its role, such as `stable`.
    pub suite: Option<String>,
    /// The suite's own name.
    pub codename: Option<String>,
    /// The version of the distribution, such as `12.11`.
    pub version: Option<String>,
    /// When it was made.
    pub date: Timestamp,
    /// After which it is not to be believed, if it says so.
    pub valid_until: Option<Timestamp>,
    /// Whether indexes are also served under their digests.
    pub by_hash: bool,
    /// Its architectures.
    pub architectures: Vec<String>,
    /// Whether packages for all architectures are listed in an index of their own, and not in each.
    pub lists_all_apart: bool,
    /// The files that it lists with a strong digest, by path.
    pub files: BTreeMap<String, IndexFile>,
}

/// What a `Release` says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexFile {
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: Option<Vec<u8>>,
    /// Its SHA-512.
    pub sha512: Option<Vec<u8>>,
}

/// A `Release` cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// It is larger than the limit, or lists more files.
    #[error("it has more than {limit} {what}")]
    OverLimit {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Its fields cannot be read.
    #[error("its fields cannot be read")]
    Control(#[from] ControlError),
    /// It is more than one paragraph.
    #[error("it is not a single paragraph")]
    Paragraphs,
    /// A field is missing or cannot be read.
    #[error("its field {field} is missing or is not one")]
    Field {
        /// The field.
        field: &'static str,
    },
    /// A line of a list is not a digest, a size and a path.
    #[error("a line of {list} is not a digest, a size and a path")]
    Line {
        /// The list.
        list: &'static str,
    },
    /// A path is listed twice, with different digests or sizes.
    #[error("it lists {path:?} twice, and differently")]
    Twice {
        /// The path.
        path: String,
    },
    /// It has no list of strong digests.
    #[error("it lists files by MD5 or SHA-1 alone")]
    Weak,
    /// It lists no files at all.
    #[error("it lists no files")]
    Empty,
}

impl Release {
    /// Reads the text, which is without any signature around it.
    ///
    /// # Errors
    /// [`ReleaseError`].
    pub fn read(text: &str) -> Result<Self, ReleaseError> {
        if text.len() > MAX_RELEASE_BYTES {
            return Err(ReleaseError::OverLimit {
                what: "bytes",
                limit: MAX_RELEASE_BYTES,
            });
        }
        let text = text.trim_matches('\n');
        if text.contains("\n\n") {
            return Err(ReleaseError::Paragraphs);
        }
        let fields = Paragraph::read(text)?;
        let owned = |name| fields.get(name).filter(|value| !value.is_empty()).map(str::to_owned);
        let time = |name: &'static str| {
            fields
                .get(name)
                .map(|value| read_date(value).ok_or(ReleaseError::Field { field: name }))
                .transpose()
        };
        let says = |name| fields.get(name).is_some_and(|value| value.eq_ignore_ascii_case("yes"));
        let architectures: Vec<String> = fields.words("Architectures").map(str::to_owned).collect();
        let lists_all_apart = architectures.iter().any(|architecture| architecture == "all")
            && !fields
                .words("No-Support-for-Architecture-all")
                .any(|what| what == "Packages");
        Ok(Self {
            origin: owned("Origin"),
            label: owned("Label"),
            suite: owned("Suite"),
            codename: owned("Codename"),
            version: owned("Version"),
            date: time("Date")?.ok_or(ReleaseError::Field { field: "Date" })?,
            valid_until: time("Valid-Until")?,
            by_hash: says("Acquire-By-Hash"),
            architectures,
            lists_all_apart,
            files: read_lists(&fields)?,
        })
    }

    /// Whether one of the names by which it is known is this.
    pub fn is_called(&self, name: &str) -> bool {
        [&self.suite, &self.codename]
            .into_iter()
            .flatten()
            .any(|own| own == name)
    }
}

fn read_lists(fields: &Paragraph<'_>) -> Result<BTreeMap<String, IndexFile>, ReleaseError> {
    let mut files: BTreeMap<String, IndexFile> = BTreeMap::new();
    let mut has_strong = false;
    for (list, digits) in [("SHA256", 64), ("SHA512", 128)] {
        let Some(lines) = fields.get(list) else { continue };
        has_strong = true;
        // No line is blank: that would have ended the paragraph.
        for line in lines.lines() {
            let wrong = || ReleaseError::Line { list };
            let mut words = line.split_ascii_whitespace();
            let (Some(digest), Some(size), Some(path), None) = (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(wrong());
            };
            if digest.len() != digits || !size.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong());
            }
            let digest = hex::decode(digest).map_err(|_| wrong())?;
            let size: u64 = size.parse().map_err(|_| wrong())?;
            if files.len() >= MAX_FILES {
                return Err(ReleaseError::OverLimit {
                    what: "files",
                    limit: MAX_FILES,
                });
            }
            let file = files.entry(path.to_owned()).or_insert(IndexFile {
                size,
                sha256: None,
                sha512: None,
            });
            let place = if digits == 64 {
                &mut file.sha256
            } else {
                &mut file.sha512
            };
            let differs = place.as_ref().is_some_and(|known| *known != digest) || file.size != size;
            *place = Some(digest);
            if differs {
                return Err(ReleaseError::Twice {
                    path: path.chars().take(200).collect(),
                });
            }
        }
    }
    if !has_strong {
        let weak = ["MD5Sum", "SHA1"].into_iter().any(|list| fields.get(list).is_some());
        return Err(if weak { ReleaseError::Weak } else { ReleaseError::Empty });
    }
    Ok(files)
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Reads `Thu, 19 Nov 2026 02:12:54 UTC`, as RFC 5322 §3.3 with the zone that the format demands (apt-secure(8)).
fn read_date(text: &str) -> Option<Timestamp> {
    let rest = match text.split_once(',') {
        Some((_, rest)) => rest.trim_ascii_start(),
        None => text,
    };
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [day, month, year, time, "UTC" | "GMT" | "Z" | "+0000"] = words[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    // A timestamp is read from its one spelling: of plain digits, four for a year and two for anything else.
    format!("{year}-{month:02}-{day:0>2}T{time:0>8}Z").parse().ok()
}

const BEGIN_SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &str = "-----END PGP SIGNATURE-----";

/// The text within a clear-signed document (RFC 9580 §7): only where the document holds one signed text and signatures
/// over it, and nothing before, between or after. Says nothing about the signatures.
pub fn signed_part(document: &str) -> Option<String> {
    let mut lines = document.lines();
    if lines.next()? != BEGIN_SIGNED {
        return None;
    }
    loop {
        match lines.next()? {
            "" => break,
            // RFC 9580 §7: no armor header but `Hash`.
            header if header.starts_with("Hash: ") => {}
            _ => return None,
        }
    }
    let mut text = String::with_capacity(document.len());
    loop {
        match lines.next()? {
            BEGIN_SIGNATURE => break,
            line => match line.strip_prefix('-') {
                None => text.push_str(line),
                // RFC 9580 §7.1: a line that begins with a dash is escaped.
                Some(escaped) => text.push_str(escaped.strip_prefix(' ')?),
            },
        }
        text.push('\n');
    }
    let armored = |line: &str| !line.starts_with('-');
    loop {
        match lines.next()? {
            END_SIGNATURE => break,
            line if armored(line) => {}
            _ => return None,
        }
    }
    lines.all(|line| line.trim_ascii().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn text(more: &str) -> String {
        format!("Origin: Test\nSuite: stable\nCodename: towel\nDate: Thu, 19 Nov 2026 02:12:54 UTC\n{more}")
    }

    #[test]
    fn a_release_is_read() {
        let release = Release::read(&text(&format!(
            "Valid-Until: Thu, 26 Nov 2026 2:12:54 +0000\nAcquire-By-Hash: yes\nArchitectures: all amd64\nMD5Sum:\n 0 0 \
             x\nSHA256:\n {A} 0 main/binary-amd64/Packages\n {A}    7 main/binary-amd64/Packages.xz\n"
        )))
        .unwrap();
        assert_eq!(release.date.to_string(), "2026-11-19T02:12:54Z");
        assert_eq!(release.valid_until.unwrap().to_string(), "2026-11-26T02:12:54Z");
        assert!(release.by_hash && release.lists_all_apart);
        assert!(release.is_called("stable") && release.is_called("towel") && !release.is_called("Test"));
        assert_eq!(release.files.len(), 2);
        assert_eq!(release.files["main/binary-amd64/Packages.xz"].size, 7);
        let apart = Release::read(&text(&format!(
            "Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\nSHA256:\n {A} 0 x\n"
        )));
        assert!(!apart.unwrap().lists_all_apart);
        let of_machines = format!("Architectures: amd64 arm64\nSHA256:\n {A} 0 x\n {A} 0 x\n");
        assert!(!Release::read(&text(&of_machines)).unwrap().lists_all_apart);
        // What is said without a word is not said, and `no` is no.
        let little = format!("Acquire-By-Hash: no\nSHA256:\n {A} 0 x\n");
        let little = Release::read(&text(&little).replace("Origin: Test", "Origin:")).unwrap();
        assert_eq!((little.origin, little.by_hash), (None, false));
        let both = Release::read(&text(&format!("SHA256:\n {A} 0 x\nSHA512:\n {A}{A} 0 x\n"))).unwrap();
        assert!(both.files["x"].sha256.is_some() && both.files["x"].sha512.is_some());
    }

    #[test]
    fn doubtful_releases_are_refused() {
        let line = format!(" {A} 0 x\n");
        for (more, expected) in [
            (String::new(), "it lists no files"),
            (
                "MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 x\nSHA1:\n x 0 x\n".to_owned(),
                "it lists files by MD5 or SHA-1 alone",
            ),
            (
                format!("SHA256:\n {A} x\n"),
                "a line of SHA256 is not a digest, a size and a path",
            ),
            (
                format!("SHA256:\n {A} 0 x y\n"),
                "a line of SHA256 is not a digest, a size and a path",
            ),
            (
                format!("SHA256:\n {A} -1 x\n"),
                "a line of SHA256 is not a digest, a size and a path",
            ),
            (
                format!("SHA256:\n {A} +0 x\n"),
                "a line of SHA256 is not a digest, a size and a path",
            ),
            (
                format!("SHA256:\n {} 0 x\n", &A[2..]),
                "a line of SHA256 is not a digest, a size and a path",
            ),
            (
                format!("SHA512:\n{line}"),
                "a line of SHA512 is not a digest, a size and a path",
            ),
            (
                format!("SHA256:\n{line} {A} 1 x\n"),
                "it lists \"x\" twice, and differently",
            ),
            (
                format!("SHA256:\n{line} {} 0 x\n", A.replace('e', "f")),
                "it lists \"x\" twice, and differently",
            ),
            (
                format!("SHA256:\n{line}SHA512:\n {A}{A} 1 x\n"),
                "it lists \"x\" twice, and differently",
            ),
            (format!("SHA256:\n{line}SHA256:\n{line}"), "its fields cannot be read"),
            (format!("SHA256:\n{line}\nOrigin: x\n"), "it is not a single paragraph"),
            (
                format!("Valid-Until: soon\nSHA256:\n{line}"),
                "its field Valid-Until is missing or is not one",
            ),
        ] {
            let error = Release::read(&text(&more)).unwrap_err();
            assert_eq!(error.to_string(), expected, "{more}");
        }
        let undated = Release::read(&format!("Suite: x\nSHA256:\n{line}")).unwrap_err();
        assert_eq!(undated.to_string(), "its field Date is missing or is not one");
        let huge = text(&format!("Description: {}\n", "x".repeat(MAX_RELEASE_BYTES)));
        assert!(matches!(
            Release::read(&huge),
            Err(ReleaseError::OverLimit { what: "bytes", .. })
        ));
        let many: String = (0..=MAX_FILES).map(|number| format!(" {A} 0 {number}\n")).collect();
        let many = text(&format!("SHA256:\n{many}"));
        if many.len() <= MAX_RELEASE_BYTES {
            assert!(matches!(
                Release::read(&many),
                Err(ReleaseError::OverLimit { what: "files", .. })
            ));
        }
    }

    #[test]
    fn dates_have_one_zone() {
        for good in ["Sun, 01 Mar 2026 00:00:00 UTC", "1 Mar 2026 00:00:00 GMT"] {
            assert_eq!(read_date(good).unwrap().to_string(), "2026-03-01T00:00:00Z", "{good}");
        }
        for wrong in [
            "",
            "2026-03-01T00:00:00Z",
            "Sun, 01 Mar 2026 00:00:00",
            "Sun, 01 Mar 2026 00:00:00 +0100",
            "Sun, 01 Mar 2026 00:00:00 CET",
            "Sun, 30 Feb 2026 00:00:00 UTC",
            "Sun, 001 Mar 2026 00:00:00 UTC",
            "Sun, +1 Mar 2026 00:00:00 UTC",
            "Sun, ١ Mar 2026 00:00:00 UTC",
            "Sun, 01 Mar 26 00:00:00 UTC",
            "Sun, 01 Mar +026 00:00:00 UTC",
            "Sun, 01 Mar 02026 00:00:00 UTC",
            "Sun, 01 March 2026 00:00:00 UTC",
            "Sun, 01 Mar 2026 25:00:00 UTC",
            "Sun, 01 Mar 1969 00:00:00 UTC",
        ] {
            assert!(read_date(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn only_what_is_signed_is_taken_and_only_where_nothing_else_stands() {
        let body = "a: b\n- -----dash\n\nc: d\n";
        let signature = "-----BEGIN PGP SIGNATURE-----\n\nabc\n=def\n-----END PGP SIGNATURE-----\n";
        let good = format!("{BEGIN_SIGNED}\nHash: SHA256\n\n{body}{signature}");
        assert_eq!(signed_part(&good).as_deref(), Some("a: b\n-----dash\n\nc: d\n"));
        assert_eq!(
            signed_part(&good.replace('\n', "\r\n")).as_deref(),
            Some("a: b\n-----dash\n\nc: d\n")
        );
        for wrong in [
            body.to_owned(),
            format!("x\n{good}"),
            format!("\n{good}"),
            good.replacen("SIGNED", "SINGED", 1),
            format!("{good}x\n"),
            format!("{good}{good}"),
            format!("{BEGIN_SIGNED}\nHash: SHA256\n\n{body}"),
            format!("{BEGIN_SIGNED}\nComment: x\n\n{body}{signature}"),
            format!("{BEGIN_SIGNED}\nHash: SHA256\n \n{body}{signature}"),
            format!("{BEGIN_SIGNED}\nHash: SHA256\n\n-x\n{body}{signature}"),
            format!("{BEGIN_SIGNED}\n\n{body}-----BEGIN PGP SIGNATURE-----\nabc\n{BEGIN_SIGNED}\n"),
            format!("{BEGIN_SIGNED}\n\n{body}-----BEGIN PGP SIGNATURE-----\nabc\n"),
            good.replace("\nabc\n", "\n-----BEGIN PGP SIGNATURE-----\nabc\n"),
        ] {
            assert_eq!(signed_part(&wrong), None, "{wrong}");
        }
    }
}
