//! The local repository on disk, as clients read it (`bundle-spec/repository.md`).
//!
//! A generation costs what changed, not what is held:
//!
//! - `store/objects/`: contents, named by digest, never changed.
//! - `tree/`: folders named by what they hold, never changed. A *shard* has the files of about a sixty-fourth of all
//!   names as hard links to objects, with a list that says which is which; a *root* links all shards. Adding one name writes
//!   one shard and one root; everything else is shared.
//! - `generations/N`: a link to a root. `generations/current`: a link to one `N`, replaced by rename: THE switch.
//! - `repository/`: the façade. Real folders, in which each file is a link through `generations/current` into the
//!   tree. Links are made before the switch and dangle until it, so clients see nothing of a generation before all of it.
//!
//! A hard link costs a tenth of a folder or a symbolic link, so a shard links files itself rather than a folder for each
//! name. Two paths whose shortened hashes are equal are refused as `name-collision`. The digest of a root covers every path
//! and every content that clients can see.
#![expect(clippy::disallowed_methods, reason = "the repository is files on disk")]

mod compare;
mod error;
mod facade;
mod list;
mod lock;
mod node;
mod stage;
mod sweep;
mod write_behind;

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::model::Digest;
use crate::store::Store;
pub use error::RepositoryError;
pub use lock::Lock;
pub use stage::{NameFiles, NameStager, StagedGeneration, Stager};
pub use sweep::{Sweep, Swept};
pub use write_behind::WriteBehind;

/// The link that says which generation clients see.
const CURRENT: &str = "current";

/// From `generations` to a node.
const TO_TREE: &str = "../tree/";

/// The root of one generation's tree: the digest of everything that clients find in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootNode(Digest);

impl RootNode {
    /// Takes a root's digest, as the ledger keeps it.
    pub const fn new(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest.
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for RootNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One published state of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Its number: larger is later.
    pub number: u64,
    /// What it shows.
    pub root: RootNode,
}

/// An enclave's repository.
#[derive(Debug)]
pub struct Repository {
    folder: PathBuf,
    store: Store,
    tree: node::Tree,
    facade: facade::Facade,
}

impl Repository {
    /// Opens the repository of an enclave's folder, making what is missing.
    pub fn open(folder: &Path) -> Result<Self, RepositoryError> {
        let store = Store::open(folder.join("store"))?;
        let generations = folder.join("generations");
        fs::create_dir_all(&generations).map_err(RepositoryError::file("make", &generations))?;
        Ok(Self {
            tree: node::Tree::open(folder.join("tree"), folder.join("store/objects"))?,
            facade: facade::Facade::open(folder.join("repository"))?,
            folder: folder.to_owned(),
            store,
        })
    }

    /// The objects.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The enclave's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder that clients read.
    pub fn facade(&self) -> PathBuf {
        self.folder.join("repository")
    }

    /// Starts a new generation on top of `base`, or on nothing.
    pub fn stager(&self, base: Option<RootNode>) -> Result<Stager<'_>, RepositoryError> {
        Stager::new(self, base)
    }

    /// Writes a new generation aside: `base` with the changed names. Doing it again, also after a kill, gives the same root.
    pub fn stage(&self, base: Option<RootNode>, changes: &[NameFiles]) -> Result<StagedGeneration, RepositoryError> {
        let mut stager = self.stager(base)?;
        for change in changes {
            stager.name(change)?;
        }
        stager.finish()
    }

    /// Takes up the tree of an earlier generation again.
    pub fn restage(&self, root: RootNode) -> Result<StagedGeneration, RepositoryError> {
        if !self.tree.node(&root.0).is_dir() {
            return Err(RepositoryError::RootMissing { root: root.0 });
        }
        Ok(StagedGeneration::new(root, 0))
    }

    /// Shows a staged generation to clients: one rename, and it is durable when this returns. Doing it again changes nothing.
    pub fn switch(&self, number: u64, staged: &StagedGeneration) -> Result<(), RepositoryError> {
        if let Some(current) = self.current()?
            && number <= current.number
        {
            return if current
                == (Generation {
                    number,
                    root: staged.root(),
                }) {
                Ok(())
            } else if number == current.number {
                Err(number_taken(number, current.root, staged.root()))
            } else {
                Err(RepositoryError::NotForward {
                    number,
                    current: current.number,
                })
            };
        }
        let path = self.generation_path(number);
        let target = format!("{TO_TREE}{}", node::node_path(&staged.root().0));
        match rustix::fs::symlink(&target, &path) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let held = self.root_of(number)?;
                if held != staged.root() {
                    return Err(number_taken(number, held, staged.root()));
                }
            }
            Err(error) => return Err(RepositoryError::file("make", &path)(error)),
        }
        let folder = self.folder.join("generations");
        let (aside, current) = (folder.join(".current"), folder.join(CURRENT));
        match fs::remove_file(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RepositoryError::file("remove", &aside)(error));
            }
            _ => {}
        }
        rustix::fs::symlink(number.to_string(), &aside).map_err(RepositoryError::file("make", &aside))?;
        fs::rename(&aside, &current).map_err(RepositoryError::file("switch", &current))?;
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(RepositoryError::file("sync", &folder))
    }

    /// Completes the switch that a kill prevented: the ledger's generation is the true one. Says whether there was one to do.
    pub fn recover(&self, committed: Option<Generation>) -> Result<Recovered, RepositoryError> {
        let current = self.current()?;
        let behind = |repository: u64, ledger| Err(RepositoryError::StateBehind { repository, ledger });
        match (current, committed) {
            (None, None) => Ok(Recovered::Nothing),
            (Some(current), None) => behind(current.number, 0),
            (Some(current), Some(committed)) if current.number > committed.number => {
                behind(current.number, committed.number)
            }
            (current, Some(committed)) if current == Some(committed) => Ok(Recovered::Nothing),
            (_, Some(committed)) => {
                self.switch(committed.number, &self.restage(committed.root)?)?;
                Ok(Recovered::Switched)
            }
        }
    }

    /// The generation that clients see; `None` before the first.
    pub fn current(&self) -> Result<Option<Generation>, RepositoryError> {
        shown(&self.folder)
    }

    /// The generations that are kept, the oldest first.
    pub fn generations(&self) -> Result<Vec<Generation>, RepositoryError> {
        let folder = self.folder.join("generations");
        let mut generations = Vec::new();
        for entry in fs::read_dir(&folder).map_err(RepositoryError::file("read", &folder))? {
            let entry = entry.map_err(RepositoryError::file("read", &folder))?;
            if let Some(number) = entry.file_name().to_str().and_then(parse_number) {
                generations.push(Generation {
                    number,
                    root: self.root_of(number)?,
                });
            }
        }
        generations.sort_by_key(|generation| generation.number);
        Ok(generations)
    }

    fn generation_path(&self, number: u64) -> PathBuf {
        self.folder.join("generations").join(number.to_string())
    }

    fn root_of(&self, number: u64) -> Result<RootNode, RepositoryError> {
        root_of(&self.folder, number)
    }
}

/// The generation that clients of an enclave's folder see, without opening the repository for writing.
pub fn shown(folder: &Path) -> Result<Option<Generation>, RepositoryError> {
    let path = folder.join("generations").join(CURRENT);
    let target = match fs::read_link(&path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RepositoryError::file("read", &path)(error)),
    };
    let number = target
        .to_str()
        .and_then(parse_number)
        .ok_or(RepositoryError::Damaged { path })?;
    Ok(Some(Generation {
        number,
        root: root_of(folder, number)?,
    }))
}

fn root_of(folder: &Path, number: u64) -> Result<RootNode, RepositoryError> {
    let path = folder.join("generations").join(number.to_string());
    let target = fs::read_link(&path).map_err(RepositoryError::file("read", &path))?;
    target
        .to_str()
        .and_then(|target| node::id_of_path(target, TO_TREE))
        .map(RootNode)
        .ok_or(RepositoryError::Damaged { path })
}

/// What [`Repository::recover`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovered {
    /// Clients see what the ledger says.
    Nothing,
    /// A switch was completed.
    Switched,
}

fn number_taken(number: u64, held: RootNode, wanted: RootNode) -> RepositoryError {
    RepositoryError::NumberTaken {
        number,
        held: held.0,
        wanted: wanted.0,
    }
}

/// Reads the one spelling of a number.
fn parse_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}
