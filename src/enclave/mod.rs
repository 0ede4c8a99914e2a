//! An enclave's folder as a whole: the ledger says what is, the repository shows it, and one lock lets one process
//! change both. What concerns both stands here: opening, completing an interrupted switch, going back, sweeping.
#![expect(clippy::disallowed_methods, reason = "an enclave is a folder")]

mod statements;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use crate::ecosystem::{self, PlacedContent};
use crate::ledger::{GenerationRecord, Ledger, LedgerError, Use};
use crate::log::{Leaf, Log};
use crate::model::{Artifact, Digest, LogState, Name, RelativePath, Stop, Timestamp, Unable};
use crate::repository::{Generation, Lock, Recovered, Repository, RepositoryError, RootNode, Sweep, Swept};
use crate::store;
pub use statements::{Statement, StatementFiles, recheck_journal, recheck_journals};

/// How the names of the files of one SQLite database end.
const LEDGER_FILES: [&str; 3] = ["-wal", "-shm", ""];

/// An enclave that this process may change.
#[derive(Debug)]
pub struct Enclave {
    /// What is remembered.
    pub ledger: Ledger,
    /// What clients read.
    pub repository: Repository,
    /// Whether opening had to complete a switch that an earlier run left undone.
    pub recovered: Recovered,
    _lock: Lock,
}

/// The ledger of an enclave's folder.
fn ledger_path(folder: &Path) -> PathBuf {
    folder.join("state.db")
}

/// The log of an enclave's folder.
pub fn log_folder(folder: &Path) -> PathBuf {
    folder.join("log")
}

/// Where an enclave's ledger is made again before it is put in its place. What an earlier run left there is removed.
pub fn ledger_aside(folder: &Path) -> Result<PathBuf, Stop> {
    let path = folder.join("state.rebuilt.db");
    for end in LEDGER_FILES {
        let leftover = PathBuf::from(format!("{}{end}", path.display()));
        match fs::remove_file(&leftover) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RepositoryError::file("remove", &leftover)(error).into());
            }
            _ => {}
        }
    }
    Ok(path)
}

/// Puts the ledger that was made again in the place of the one that is there, which is kept beside it. Says where that lies.
pub fn replace_ledger(folder: &Path) -> Result<Option<PathBuf>, Stop> {
    let (aside, path) = (folder.join("state.rebuilt.db"), ledger_path(folder));
    let mut kept = None;
    if path.exists() {
        let free = (1_u32..)
            .map(|number| folder.join(format!("state.before-{number}.db")))
            .find(|path| !path.exists());
        let target = free.ok_or_else(|| Unable::new("there is no name left for the old state.db"))?;
        for end in LEDGER_FILES {
            let from = PathBuf::from(format!("{}{end}", path.display()));
            let to = PathBuf::from(format!("{}{end}", target.display()));
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RepositoryError::file("rename", &from)(error).into());
                }
                _ => {}
            }
        }
        kept = Some(target);
    }
    fs::rename(&aside, &path).map_err(RepositoryError::file("rename", &aside))?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(RepositoryError::file("sync", folder))?;
    Ok(kept)
}

/// Where clients of an enclave read.
pub fn facade(folder: &Path) -> PathBuf {
    folder.join("repository")
}

/// Opens an enclave's ledger for questions, beside whatever is running.
pub fn read(folder: &Path) -> Result<Ledger, LedgerError> {
    let path = ledger_path(folder);
    if !path.exists() && folder.join("generations").exists() {
        return Err(LedgerError::Gone { path });
    }
    Ledger::open(&path)
}

impl Enclave {
    /// Makes the ledger and repository of a new enclave, in a folder that has neither.
    pub fn create(folder: &Path, holder: &str) -> Result<Self, Stop> {
        fs::create_dir_all(folder)
            .map_err(|error| Unable::new(format!("cannot make {}", folder.display())).because(error))?;
        let lock = Lock::take(folder, holder)?;
        Ok(Self {
            ledger: Ledger::create(&ledger_path(folder))?,
            repository: Repository::open(folder)?,
            recovered: Recovered::Nothing,
            _lock: lock,
        })
    }

    /// Opens an enclave to change it, and completes what an earlier run left undone. `holder` says who has the lock.
    pub fn open(folder: &Path, holder: &str) -> Result<Self, Stop> {
        // First the ledger: a folder that is no enclave gets no lock file and no repository.
        let ledger = read(folder)?;
        let lock = Lock::take(folder, holder)?;
        let repository = Repository::open(folder)?;
        let recovered = repository.recover(ledger.generation()?.as_ref().map(generation))?;
        if let Some(state) = ledger.log()? {
            // Looks whether it is the log that the ledger knows, and clears away what a killed run had added.
            Log::open(&log_folder(folder), Some(&state))?;
            statements::settle_rechecks(folder, state.size)?;
        }
        StatementFiles::of(folder).settle(&ledger)?;
        Ok(Self {
            ledger,
            repository,
            recovered,
            _lock: lock,
        })
    }

    /// Shows clients again what generation `to` showed, or without it what the generation before showed. Sequence numbers and
    /// everything else that only moves forward stay as they are.
    pub fn rollback(&mut self, to: Option<u64>, reason: &str, now: Timestamp) -> Result<GenerationRecord, Stop> {
        let number = match to {
            Some(number) => number,
            None => {
                let generations = self.ledger.generations()?;
                match generations
                    .len()
                    .checked_sub(2)
                    .and_then(|index| generations.get(index))
                {
                    Some(before) => before.number,
                    None => return Err(Unable::new("there is no earlier generation").into()),
                }
            }
        };
        let target = self
            .ledger
            .generations()?
            .into_iter()
            .find(|held| held.number == number);
        let target = target.ok_or(LedgerError::NoGeneration { number })?;
        // The tree first: a rollback to what was swept must not be committed.
        let staged = self.repository.restage(RootNode::new(target.root))?;
        let newest = self.ledger.generation()?.map_or(0, |newest| newest.number);
        let mut logged = self.logged(&Leaf::Rollback {
            generation: newest + 1,
            reason: reason.to_owned(),
            time: now,
            to: number,
        })?;
        let state = logged.as_ref().map(|(_, state)| state);
        let record = self.ledger.rollback(number, reason, now, state)?;
        if let Some((log, _)) = &mut logged {
            log.committed(None)?;
        }
        self.repository.switch(record.number, &staged)?;
        Ok(record)
    }

    /// Adds a leaf to the log, where one is kept. It counts once what is given is committed.
    pub fn logged(&self, leaf: &Leaf) -> Result<Option<(Log, LogState)>, Stop> {
        let Some(state) = self.ledger.log()? else {
            return Ok(None);
        };
        let mut log = Log::open(&log_folder(self.repository.folder()), Some(&state))?;
        log.add(leaf)?;
        log.flush()?;
        let head = log.head();
        let state = LogState {
            size: head.size,
            root: head.root,
            ..state
        };
        Ok(Some((log, state)))
    }

    /// Removes what neither the newest `keep` generations, nor those in `held`, nor the ledger need. Objects of a bundle whose volumes have not all
    /// come are in no list yet, so while there is one no object is removed.
    pub fn sweep(&self, keep: NonZeroU32, held: &BTreeSet<u64>, sweep: Sweep, now: Timestamp) -> Result<Swept, Stop> {
        let is_waiting = !self.ledger.unfinished()?.is_empty();
        let swept = self.repository.sweep(keep, held, sweep, |digest| {
            Ok::<_, Stop>(is_waiting || self.ledger.needs(digest)?)
        })?;
        if sweep == Sweep::Remove {
            self.forget_what_is_gone(now)?;
            self.clear_leftovers()?;
        }
        Ok(swept)
    }

    /// Brings the ledger in line with what a sweep left. It compares and does not take the sweep's word, because an
    /// earlier sweep may have been killed between removing and forgetting.
    fn forget_what_is_gone(&self, now: Timestamp) -> Result<(), Stop> {
        let kept: BTreeSet<u64> = self
            .repository
            .generations()?
            .into_iter()
            .map(|generation| generation.number)
            .collect();
        let known = self
            .ledger
            .generations()?
            .into_iter()
            .map(|generation| generation.number);
        let gone: Vec<u64> = known.filter(|number| !kept.contains(number)).collect();
        if !gone.is_empty() {
            let mut logged = self.logged(&Leaf::Sweep {
                generations: gone.clone(),
                time: now,
            })?;
            let state = logged.as_ref().map(|(_, state)| state);
            self.ledger.forget_generations(&gone, state)?;
            if let Some((log, _)) = &mut logged {
                log.committed(None)?;
            }
        }
        Ok(forget_gone(&self.ledger, &self.repository.facade())?)
    }

    /// Removes what killed runs left aside: staging folders of bundles of which no volume is noted, and objects that
    /// were being written.
    pub fn clear_leftovers(&self) -> Result<(), Stop> {
        self.repository
            .store()
            .clear_incoming()
            .map_err(RepositoryError::from)?;
        let staging = self.repository.folder().join("staging");
        let waiting: BTreeSet<String> = self
            .ledger
            .unfinished()?
            .into_iter()
            .map(|unfinished| unfinished.manifest.hex())
            .collect();
        let entries = match fs::read_dir(&staging) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(RepositoryError::file("read", &staging))?,
        };
        for entry in entries {
            let entry = entry.map_err(RepositoryError::file("read", &staging))?;
            if !waiting.contains(&*entry.file_name().to_string_lossy()) {
                let path = entry.path();
                fs::remove_dir_all(&path).map_err(RepositoryError::file("remove", &path))?;
            }
        }
        Ok(())
    }
}

/// Forgets the paths of which the folder that clients read has nothing any more.
pub fn forget_gone(ledger: &Ledger, facade: &Path) -> Result<(), LedgerError> {
    let mut gone = Vec::new();
    ledger.for_each_path(|path| {
        if fs::symlink_metadata(facade.join(path)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            gone.push(path.to_owned());
        }
        Ok::<_, LedgerError>(())
    })?;
    ledger.forget_paths(&gone)
}

/// A ledger's generation as the repository knows it.
fn generation(record: &GenerationRecord) -> Generation {
    Generation {
        number: record.number,
        root: RootNode::new(record.root),
    }
}

/// Where clients find an artifact, as paths below the repository's folder. Empty for an ecosystem that this program does
/// not know.
pub fn places(ledger: &Ledger, artifact: &Artifact) -> Result<Vec<String>, Stop> {
    let Some(ecosystem) = ecosystem::find(&artifact.ecosystem) else {
        return Ok(Vec::new());
    };
    let held = ledger.held(&artifact.full_name())?;
    let files = ecosystem.layout(&artifact.name, &held).map_err(|mismatch| {
        Unable::new(format!("cannot compute the files of {}", artifact.full_name())).because(mismatch)
    })?;
    Ok(files
        .into_iter()
        .filter(|file| file.content == PlacedContent::Object(artifact.digest))
        .map(|file| format!("{}/{}", artifact.ecosystem, file.path))
        .collect())
}

/// What stands at a path of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose path it is.
    pub name: Option<Name>,
    /// The digest of the bytes that clients read there; `None` where the current generation has no such file.
    pub digest: Option<Digest>,
    /// What these bytes are. Empty for a page that sealift made from the name's artifacts.
    pub uses: Vec<Use>,
}

/// Looks up a path below the repository's folder, such as `pypi/files/x.whl`, by the bytes that stand there.
pub fn standing(folder: &Path, ledger: &Ledger, path: &RelativePath) -> Result<Standing, Stop> {
    let name = ledger.path_owner(path.as_str())?;
    let file = path.under(&facade(folder));
    let digest = match hash(&file) {
        Ok(digest) => Some(digest),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
        Err(error) => return Err(RepositoryError::file("read", &file)(error).into()),
    };
    let uses = match &digest {
        Some(digest) => ledger.uses(digest)?,
        None => Vec::new(),
    };
    Ok(Standing { name, digest, uses })
}

fn hash(file: &Path) -> io::Result<Digest> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    store::hash_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_at_a_path_is_read_or_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&ledger_path(folder.path())).unwrap();
        let files = facade(folder.path()).join("files");
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("x"), "x").unwrap();
        let standing = |path: &str| {
            let path = RelativePath::new(path).unwrap();
            super::standing(folder.path(), &ledger, &path).map(|standing| standing.digest)
        };
        assert_eq!(standing("files/x").unwrap(), Some(Digest::of(b"x")));
        assert_eq!(standing("files/y").unwrap(), None);
        assert_eq!(standing("files/x/y").unwrap(), None);
        std::os::unix::fs::symlink("z", files.join("z")).unwrap();
        assert!(standing("files/z").is_err());
    }

    #[test]
    fn a_folder_of_waiting_volumes_is_read_or_it_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let enclave = Enclave::create(folder.path(), "a test").unwrap();
        enclave.clear_leftovers().unwrap();
        fs::write(folder.path().join("staging"), "").unwrap();
        assert!(enclave.clear_leftovers().is_err());
    }

    #[test]
    fn an_enclave_is_not_made_where_there_can_be_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let Err(Stop::Unable(unable)) = Enclave::create(&file.join("enclave"), "a test") else {
            panic!("a file is no folder");
        };
        assert!(unable.what.starts_with("cannot make"), "{unable:?}");
    }

    #[test]
    fn a_ledger_is_made_again_where_nothing_lies() {
        let folder = tempfile::tempdir().unwrap();
        let aside = ledger_aside(folder.path()).unwrap();
        fs::write(&aside, "half").unwrap();
        assert!(!ledger_aside(folder.path()).unwrap().exists());
        fs::create_dir(&aside).unwrap();
        assert!(ledger_aside(folder.path()).is_err());
    }

    #[test]
    fn an_old_ledger_is_put_aside_with_all_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        for name in ["state.db", "state.db-wal", "state.rebuilt.db"] {
            fs::write(file(name), name).unwrap();
        }
        // Something stands where one of them is to go.
        fs::create_dir(file("state.before-1.db-wal")).unwrap();
        assert!(replace_ledger(folder.path()).is_err());
        assert!(file("state.rebuilt.db").exists());
        fs::remove_dir(file("state.before-1.db-wal")).unwrap();
        assert_eq!(replace_ledger(folder.path()).unwrap(), Some(file("state.before-1.db")));
        assert_eq!(fs::read(file("state.db")).unwrap(), b"state.rebuilt.db");
        assert_eq!(fs::read(file("state.before-1.db-wal")).unwrap(), b"state.db-wal");
    }
}
