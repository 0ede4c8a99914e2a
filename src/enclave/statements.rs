//! The folder of statements: what was signed about the enclave's own records, one envelope a file, numbered in the order of the log
//! (`bundle-spec/retention.md` §2).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Enclave;
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::ledger::{Ledger, StatementRecord};
use crate::log::Leaf;
use crate::model::{Digest, Stop, Timestamp, Unable};
use crate::repository::RepositoryError;
use crate::trust::folder::{read_bounded, write_whole};

/// How a file begins whose statement is not committed yet.
const PENDING: &str = ".pending-";

/// How a statement's file ends.
const SUFFIX: &str = ".dsse.json";

/// How the file ends that lists what a statement is about.
const LIST: &str = ".list.ndjson";

/// How a journal of judgements that were made again ends; before that stands the place of its leaf.
const RECHECK: &str = ".journal.ndjson.zst";

/// Where what state.db took in lies, when what is held was judged again: by the place of the leaf that tells of it.
pub fn recheck_journal(enclave: &Path, leaf: u64) -> PathBuf {
    recheck_folder(enclave).join(format!("{leaf:08}{RECHECK}"))
}

/// The folder of those.
fn recheck_folder(enclave: &Path) -> PathBuf {
    enclave.join("rechecks")
}

/// The journals of judgements that were made again, by the places of their leaves; and what else lies there.
pub fn recheck_journals(enclave: &Path) -> Result<Vec<(Option<u64>, PathBuf)>, Stop> {
    let folder = recheck_folder(enclave);
    let place = |name: &str| name.strip_suffix(RECHECK)?.parse().ok();
    Ok(names(&folder)?
        .into_iter()
        .map(|name| (place(&name), folder.join(&name)))
        .collect())
}

/// Removes what a killed run left: journals of leaves that do not count.
pub(super) fn settle_rechecks(enclave: &Path, size: u64) -> Result<(), Stop> {
    for (leaf, path) in recheck_journals(enclave)? {
        if leaf.is_none_or(|leaf| leaf >= size) {
            fs::remove_file(&path).map_err(RepositoryError::file("remove", &path))?;
        }
    }
    Ok(())
}

/// The names in a folder, sorted; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, Stop> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(RepositoryError::file("read", folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RepositoryError::file("read", folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Where statements lie.
#[derive(Debug, Clone)]
pub struct StatementFiles {
    folder: PathBuf,
}

/// Something to state.
#[derive(Debug)]
pub struct Statement<'a> {
    /// Which kind of document it is: a word.
    pub what: &'a str,
    /// The signed document.
    pub envelope: &'a Envelope,
    /// Objects that it says are removed.
    pub pruned: &'a [Digest],
    /// The list that lies beside it, if it has one.
    pub list: Option<&'a [u8]>,
}

impl StatementFiles {
    /// The folder of an enclave.
    pub fn of(enclave: &Path) -> Self {
        Self {
            folder: enclave.join("statements"),
        }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a statement lies once it is committed.
    pub fn path(&self, number: u64, what: &str) -> PathBuf {
        self.folder.join(format!("{number:06}-{what}{SUFFIX}"))
    }

    /// Where the list beside a statement lies.
    pub fn list(&self, number: u64, what: &str) -> PathBuf {
        self.folder.join(format!("{number:06}-{what}{LIST}"))
    }

    fn pending(&self, number: u64, what: &str) -> PathBuf {
        self.folder.join(format!("{PENDING}{number:06}-{what}{SUFFIX}"))
    }

    /// The envelope of a statement, if it is there: also where a run was killed before it could be shown.
    pub fn read(&self, record: &StatementRecord) -> Result<Option<Vec<u8>>, Stop> {
        Ok(read_bounded(&self.lying(record), MAX_ENVELOPE_BYTES)?)
    }

    /// Where a statement lies: also where a run was killed before it could be shown.
    pub fn lying(&self, record: &StatementRecord) -> PathBuf {
        let shown = self.path(record.number, &record.what);
        match shown.exists() {
            true => shown,
            false => self.pending(record.number, &record.what),
        }
    }

    /// The names of all files in the folder, sorted.
    pub fn names(&self) -> Result<Vec<String>, Stop> {
        names(&self.folder)
    }

    /// Whether a file was written by a run that did not commit, or not to its end: the next run clears it away.
    pub fn is_leftover(name: &str, known: &[StatementRecord]) -> bool {
        let last = known.last().map_or(0, |record| record.number);
        let number = |name: &str| name.split('-').next().and_then(|digits| digits.parse::<u64>().ok());
        match name.strip_prefix(PENDING) {
            Some(_) => true,
            None => {
                name.ends_with(LIST) && number(name).is_some_and(|number| number > last) || name.starts_with(".tmp")
            }
        }
    }

    /// Shows what a killed run had committed, and removes what it had not.
    pub(super) fn settle(&self, ledger: &Ledger) -> Result<(), Stop> {
        let names = self.names()?;
        if names.is_empty() {
            return Ok(());
        }
        let known = ledger.statements()?;
        for name in names.iter().filter(|name| Self::is_leftover(name, &known)) {
            let path = self.folder.join(name);
            let committed = known
                .iter()
                .find(|record| self.pending(record.number, &record.what) == path);
            match committed {
                Some(record) => self.show(record.number, &record.what)?,
                None => fs::remove_file(&path).map_err(RepositoryError::file("remove", &path))?,
            }
        }
        Ok(())
    }

    fn show(&self, number: u64, what: &str) -> Result<(), Stop> {
        let (from, to) = (self.pending(number, what), self.path(number, what));
        fs::rename(&from, &to).map_err(RepositoryError::file("rename", &from))?;
        fs::File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(RepositoryError::file("sync", &self.folder))?;
        Ok(())
    }
}

impl Enclave {
    /// Takes a statement: writes it, a leaf for it into the log, and commits both together. Who may sign it is for the caller to judge.
    pub fn state(&self, statement: &Statement<'_>, now: Timestamp) -> Result<StatementRecord, Stop> {
        let files = StatementFiles::of(self.repository.folder());
        let folder = files.folder();
        fs::create_dir_all(folder).map_err(RepositoryError::file("make", folder))?;
        let number = self.ledger.statements()?.last().map_or(0, |last| last.number) + 1;
        let record = StatementRecord {
            number,
            what: statement.what.to_owned(),
            digest: Digest::of(&statement.envelope.payload),
            time: now,
        };
        if let Some(list) = statement.list {
            write_whole(&files.list(number, statement.what), list)?;
        }
        write_whole(&files.pending(number, statement.what), &statement.envelope.write())?;
        let leaf = Leaf::Statement {
            digest: record.digest,
            number,
            time: now,
            what: record.what.clone(),
        };
        let Some((mut log, state)) = self.logged(&leaf)? else {
            return Err(
                Unable::new("this enclave has no log yet, and so no records to state something about")
                    .hint("an import or a refusal begins it")
                    .into(),
            );
        };
        self.ledger.note_statement(&record, statement.pruned, Some(&state))?;
        files.show(number, statement.what)?;
        log.committed(None)?;
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journals_stay_only_where_their_leaf_counts() {
        let enclave = tempfile::tempdir().unwrap();
        settle_rechecks(enclave.path(), 0).unwrap();
        let folder = recheck_folder(enclave.path());
        fs::create_dir(&folder).unwrap();
        for leaf in [4, 5, 6] {
            fs::write(recheck_journal(enclave.path(), leaf), b"").unwrap();
        }
        fs::write(folder.join(".tmp-half"), b"").unwrap();
        settle_rechecks(enclave.path(), 5).unwrap();
        let left = recheck_journals(enclave.path()).unwrap();
        assert_eq!(left, [(Some(4), recheck_journal(enclave.path(), 4))]);
    }

    #[test]
    fn what_a_killed_run_committed_is_shown_and_the_rest_is_cleared_away() {
        let enclave = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&enclave.path().join("state.db")).unwrap();
        let record = |number: u64, what: &str| StatementRecord {
            number,
            what: what.to_owned(),
            digest: Digest::of(what.as_bytes()),
            time: Timestamp::from_seconds(0),
        };
        ledger.note_statement(&record(1, "hold"), &[], None).unwrap();
        ledger.note_statement(&record(2, "loss"), &[], None).unwrap();
        let files = StatementFiles::of(enclave.path());
        fs::create_dir(files.folder()).unwrap();
        fs::write(files.path(1, "hold"), "").unwrap();
        for (number, what) in [(2, "loss"), (3, "hold")] {
            fs::write(files.pending(number, what), "").unwrap();
        }
        files.settle(&ledger).unwrap();
        assert_eq!(
            files.names().unwrap(),
            ["000001-hold.dsse.json", "000002-loss.dsse.json"]
        );
    }

    #[test]
    fn a_folder_that_cannot_be_read_has_no_names() {
        let enclave = tempfile::tempdir().unwrap();
        let file = enclave.path().join("file");
        assert_eq!(names(&file).unwrap(), [""; 0]);
        fs::write(&file, "").unwrap();
        assert!(names(&file).is_err());
    }

    #[test]
    fn only_what_a_run_did_not_commit_is_left_over() {
        let known = [StatementRecord {
            number: 2,
            what: "hold".to_owned(),
            digest: Digest::of(b""),
            time: Timestamp::from_seconds(0),
        }];
        for (name, is_leftover) in [
            (".pending-000002-hold.dsse.json", true),
            (".pending-000003-hold.dsse.json", true),
            (".tmp-half", true),
            ("000003-renewal.list.ndjson", true),
            ("000002-renewal.list.ndjson", false),
            ("renewal.list.ndjson", false),
            // One of which state.db knows nothing is not what a run left: that it is there is told.
            ("000003-hold.dsse.json", false),
            ("000003-notes.txt", false),
        ] {
            assert_eq!(StatementFiles::is_leftover(name, &known), is_leftover, "{name}");
        }
    }
}
