//! The enclave's folder of reports: one file for each attempt, numbered from 1, each naming the one before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::failed;
use super::{Head, Outcome, Previous, ReportError, read};
use crate::model::Digest;

/// How files begin that are being written.
pub const ASIDE: &str = ".aside-";

/// How a report's file begins while its import is not yet committed.
const PENDING: &str = ".pending-";

/// How a report's file ends.
const SUFFIX: &str = ".report.ndjson";

/// How the file ends with what state.db took in.
const JOURNAL: &str = ".journal.ndjson.zst";

/// How the folder ends with what an attempt was judged by.
const BASIS: &str = ".basis";

/// A folder of reports.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// A report that lies in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number, from its name.
    pub number: u64,
    /// Where it lies.
    pub path: PathBuf,
}

impl Folder {
    /// A folder, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The reports, by number. What has another name is not ours.
    pub fn list(&self) -> Result<Vec<Listed>, ReportError> {
        let mut list = Vec::new();
        for name in self.names()? {
            if let Some(number) = number_of(&name) {
                list.push(Listed {
                    number,
                    path: self.path.join(name),
                });
            }
        }
        list.sort_by(|one, other| (one.number, &one.path).cmp(&(other.number, &other.path)));
        Ok(list)
    }

    /// The digest of a report's head.
    pub fn digest(path: &Path) -> Result<Digest, ReportError> {
        Ok(Digest::of(&read::untrusted_envelope(path)?.payload))
    }

    /// The number of the next report, and what it says of the one before.
    pub fn next(&self) -> Result<(u64, Option<Previous>), ReportError> {
        let Some(last) = self.list()?.pop() else {
            return Ok((1, None));
        };
        let digest = Self::digest(&last.path)?;
        let previous = Previous {
            digest,
            number: last.number,
        };
        Ok((last.number.saturating_add(1), Some(previous)))
    }

    /// Where a report lies, before its import is committed and after.
    pub fn places(&self, head: &Head) -> (PathBuf, PathBuf) {
        let name = file_name(head);
        (self.path.join(format!("{PENDING}{name}")), self.path.join(name))
    }

    /// Where the journal of an import lies: what state.db took in.
    pub fn journal(&self, head: &Head) -> PathBuf {
        self.path.join(format!("{}{JOURNAL}", name_of(head)))
    }

    /// Where the journal of a report lies, by the name of the report's file.
    pub fn journal_of(&self, file: &str) -> PathBuf {
        let name = file.strip_suffix(SUFFIX).unwrap_or(file);
        self.path.join(format!("{name}{JOURNAL}"))
    }

    /// The folder with what an attempt was judged by, as the head lists it.
    pub fn basis(&self, head: &Head) -> PathBuf {
        self.path.join(format!("{}{BASIS}", name_of(head)))
    }

    /// The folders of that kind that lie here, by the numbers in their names.
    pub fn bases(&self) -> Result<Vec<(u64, PathBuf)>, ReportError> {
        self.numbered(BASIS)
    }

    /// Removes what attempts that did not end left beside their reports: journals and bases from a number on.
    pub fn remove_unfinished(&self, number: u64) -> Result<(), ReportError> {
        for (_, path) in self.bases()?.into_iter().filter(|(found, _)| *found >= number) {
            fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
        }
        self.remove_journals_from(number)
    }

    /// Removes the journals of imports that did not commit: those from a number on.
    fn remove_journals_from(&self, number: u64) -> Result<(), ReportError> {
        for path in self
            .journals()?
            .into_iter()
            .filter_map(|(found, path)| (found >= number).then_some(path))
        {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// The journals that lie here, by the numbers in their names.
    pub fn journals(&self) -> Result<Vec<(u64, PathBuf)>, ReportError> {
        self.numbered(JOURNAL)
    }

    fn numbered(&self, suffix: &str) -> Result<Vec<(u64, PathBuf)>, ReportError> {
        let mut found = Vec::new();
        for name in self.names()? {
            if let Some(number) = number_with(&name, suffix) {
                found.push((number, self.path.join(name)));
            }
        }
        Ok(found)
    }

    /// Shows a report whose import is committed.
    pub fn show(&self, pending: &Path, shown: &Path) -> Result<(), ReportError> {
        fs::rename(pending, shown).map_err(failed("rename", pending))?;
        fs::File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("sync", &self.path))
    }

    /// The reports that are written and not shown yet, with their digests.
    pub fn pending(&self) -> Result<Vec<(PathBuf, Digest)>, ReportError> {
        let mut found = Vec::new();
        for name in self.names()? {
            let path = self.path.join(&name);
            if name.strip_prefix(PENDING).and_then(number_of).is_some()
                && let Some((_, digest)) = whole_head(&path)?
            {
                found.push((path, digest));
            }
        }
        Ok(found)
    }

    /// Brings the folder in line after a run that was killed: a report whose import was committed is shown, and what else was
    /// being written is removed.
    pub fn settle<E: From<ReportError>>(
        &self,
        mut is_committed: impl FnMut(&Head, &Digest) -> Result<bool, E>,
    ) -> Result<(), E> {
        for name in self.names()? {
            let path = self.path.join(&name);
            let keep = match name.strip_prefix(PENDING) {
                Some(shown) if number_of(shown).is_some() => match whole_head(&path)? {
                    Some((head, digest)) => is_committed(&head, &digest)?,
                    None => false,
                },
                Some(_) => false,
                None if name.starts_with(ASIDE) => false,
                None => continue,
            };
            let shown = self.path.join(name.strip_prefix(PENDING).unwrap_or(&name));
            if keep && !shown.exists() {
                self.show(&path, &shown)?;
            } else {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, ReportError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(failed("read", &self.path))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("read", &self.path))?.file_name();
            names.extend(name.into_string());
        }
        names.sort();
        Ok(names)
    }
}

/// The head of a report that was being written; none where it is not whole. A disk that cannot be read says nothing about it.
fn whole_head(path: &Path) -> Result<Option<(Head, Digest)>, ReportError> {
    match read::untrusted_head(path) {
        Ok(head) => Ok(Some(head)),
        Err(error @ ReportError::File { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Each report names the one before, so that one that is missing or exchanged is found.
pub fn check_order(head: &Head, number: u64, before: Option<&(u64, Digest)>) -> Result<(), ReportError> {
    let words = |number: u64, digest: &Digest| format!("report {number}, {digest}");
    let expected = head.previous.as_ref().map_or_else(
        || "no report".to_owned(),
        |previous| words(previous.number, &previous.digest),
    );
    let found = before.map_or_else(|| "no report".to_owned(), |(number, digest)| words(*number, digest));
    if expected == found && head.number == number {
        return Ok(());
    }
    Err(ReportError::NotInOrder {
        number,
        expected,
        found,
    })
}

/// `000007-main-12.report.ndjson`.
fn file_name(head: &Head) -> String {
    let refused = match head.outcome {
        Outcome::Imported => "",
        Outcome::Refused => "-refused",
    };
    format!("{}{refused}{SUFFIX}", name_of(head))
}

/// `000007-main-12`; a bundle's stream holds only letters, digits, `.`, `_` and `-`.
fn name_of(head: &Head) -> String {
    let label = match &head.bundle {
        Some(bundle) if bundle.epoch == 1 => format!("{}-{}", bundle.stream, bundle.sequence),
        Some(bundle) => format!("{}-{}.{}", bundle.stream, bundle.epoch, bundle.sequence),
        None => "unknown".to_owned(),
    };
    format!("{:06}-{label}", head.number)
}

fn number_of(name: &str) -> Option<u64> {
    number_with(name, SUFFIX)
}

fn number_with(name: &str, suffix: &str) -> Option<u64> {
    let (digits, _) = name.strip_suffix(suffix)?.split_once('-')?;
    (digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_six_digits_and_may_have_more() {
        let of = |digits: &str| number_of(&format!("{digits}-main-1{SUFFIX}"));
        assert_eq!((of("000001"), of("1000000")), (Some(1), Some(1_000_000)));
        assert_eq!((of("00001"), of("00000x"), of("")), (None, None, None));
        // A library reads a sign, too.
        assert_eq!(of("+00001"), None);
    }

    #[test]
    fn what_earlier_attempts_left_beside_their_reports_stays() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::new(temporary.path());
        for number in 1..=3 {
            let beside = |end: &str| temporary.path().join(format!("{number:06}-main-{number}{end}"));
            fs::create_dir(beside(BASIS)).unwrap();
            fs::write(beside(BASIS).join("policy"), "").unwrap();
            fs::write(beside(JOURNAL), "").unwrap();
        }
        folder.remove_unfinished(2).unwrap();
        let numbers = |found: Vec<(u64, PathBuf)>| found.into_iter().map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(numbers(folder.bases().unwrap()), [1]);
        assert_eq!(numbers(folder.journals().unwrap()), [1]);
    }
}
