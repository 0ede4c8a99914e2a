//! What can go wrong with the local repository.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Code, Digest, Name, Refusal, Stop, Unable, UnsafeName};
use crate::store::StoreError;

/// The local repository could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The file system refused.
    #[error("cannot {what} {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The object store failed.
    #[error("the object store failed")]
    Store(#[from] StoreError),
    /// Another process is writing.
    #[error("the enclave {folder} is in use by {holder}")]
    Locked {
        /// The enclave's folder.
        folder: PathBuf,
        /// What the holder wrote into the lock file.
        holder: String,
    },
    /// A name cannot stand in the tree.
    #[error(transparent)]
    UnsafeName(#[from] UnsafeName),
    /// Two files want one place.
    #[error("{path} of {name} is also wanted by {other}")]
    Collision {
        /// Whose file it is.
        name: Name,
        /// The path below the ecosystem's folder.
        path: String,
        /// Who else wants the place.
        other: String,
    },
    /// A file names an object that the store does not hold.
    #[error("{path} of {name} is not in the store")]
    ObjectMissing {
        /// Whose file it is.
        name: Name,
        /// The path below the ecosystem's folder.
        path: String,
        /// The object.
        digest: Digest,
    },
    /// A node or link of the repository is not what sealift wrote.
    #[error("{path} is not as sealift wrote it")]
    Damaged {
        /// The node, link or folder.
        path: PathBuf,
    },
    /// The switch would not go forward.
    #[error("generation {number} cannot follow generation {current}")]
    NotForward {
        /// The number asked for.
        number: u64,
        /// The current number.
        current: u64,
    },
    /// A generation's number stands for another tree.
    #[error("generation {number} stands for another tree")]
    NumberTaken {
        /// The number.
        number: u64,
        /// The root that it stands for.
        held: Digest,
        /// The root that was to be switched to.
        wanted: Digest,
    },
    /// The repository is further than the state that should know it.
    #[error("the repository is at generation {repository}, and state.db knows only {ledger}")]
    StateBehind {
        /// The repository's generation.
        repository: u64,
        /// The ledger's; 0 where it knows none.
        ledger: u64,
    },
    /// A root node is not there.
    #[error("the tree has no root node {root}")]
    RootMissing {
        /// The root.
        root: Digest,
    },
}

impl RepositoryError {
    /// Wraps an error of the file system with what was tried on which path.
    pub(crate) fn file<E: Into<io::Error>>(what: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        move |source| Self::File {
            what,
            path: path.to_owned(),
            source: source.into(),
        }
    }
}

impl From<RepositoryError> for Stop {
    fn from(error: RepositoryError) -> Self {
        let what = error.to_string();
        match error {
            RepositoryError::Collision { name, path, other } => Refusal::new(
                Code::NameCollision,
                name.to_string(),
                format!("{path} is also wanted by {other}"),
            )
            .into(),
            RepositoryError::UnsafeName(unsafe_name) => {
                Refusal::new(Code::UnsafeName, unsafe_name.name, unsafe_name.reason).into()
            }
            RepositoryError::NumberTaken { held, wanted, .. } => {
                Refusal::new(Code::StateRolledBack, "the enclave's state", what)
                    .comparing(held, wanted)
                    .into()
            }
            RepositoryError::StateBehind { .. } => Refusal::new(Code::StateRolledBack, "the enclave's state", what)
                .hint("restore state.db from the enclave's own backup")
                .into(),
            RepositoryError::Locked { .. } => Unable::new(what).hint("wait until it has ended").into(),
            RepositoryError::Damaged { .. } => Unable::new(what)
                .code(Code::StateRolledBack)
                .hint("restore the enclave's folder from its own backup")
                .into(),
            RepositoryError::ObjectMissing { ref digest, .. } => Unable::new(format!("{what}: {digest}"))
                .code(Code::PublicationRolledBack)
                .into(),
            RepositoryError::File { source, .. } => Unable::new(what)
                .because(source)
                .code(Code::PublicationRolledBack)
                .into(),
            RepositoryError::Store(source) => Unable::new(what)
                .because(source)
                .code(Code::PublicationRolledBack)
                .into(),
            RepositoryError::NotForward { .. } | RepositoryError::RootMissing { .. } => Unable::new(what).into(),
        }
    }
}
