//! What can go wrong with the log.

use std::io;
use std::path::{Path, PathBuf};

use crate::crypto::key::SignError;
use crate::model::{Code, Digest, Refusal, Stop, Unable};

/// The log cannot be read, written or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A file cannot be read or written.
    #[error("cannot {what} `{path}`")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A leaf is longer than an entry may be.
    #[error("a leaf of {found} bytes is longer than {limit}")]
    LeafTooLarge {
        /// Its length.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The key would not sign.
    #[error("cannot sign the checkpoint")]
    Sign(#[from] SignError),
    /// The key is of an algorithm that signs no notes.
    #[error("the key signs no checkpoints: notes are signed with Ed25519")]
    KeyUnfit,
    /// A file of the log is missing or is not what was written.
    #[error("`{path}` {reason}")]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tree on the disk is not the one that state.db or a checkpoint names.
    #[error("the tree of {size} leaves is another one")]
    OtherTree {
        /// The size.
        size: u64,
        /// The root that was to be found.
        expected: Digest,
        /// The root that was computed.
        found: Digest,
    },
    /// state.db knows less than the log's checkpoint.
    #[error("the log has {log} leaves that are signed, and state.db knows {state}")]
    StateBehind {
        /// What the checkpoint says.
        log: u64,
        /// What state.db says.
        state: u64,
    },
    /// A checkpoint cannot be read.
    #[error("the checkpoint {reason}")]
    Checkpoint {
        /// Why not.
        reason: String,
    },
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another log")]
    OtherLog {
        /// This log.
        expected: String,
        /// The one that it names.
        found: String,
    },
    /// Nobody who may sign checkpoints has signed it.
    #[error("nobody with the role log has signed the checkpoint as often as the root asks")]
    NotSigned,
    /// A witness's signature cannot be kept.
    #[error("a witness's signature cannot be kept: {reason}")]
    Cosignature {
        /// Why not.
        reason: String,
    },
    /// The key that signed it is revoked.
    #[error("the key that signed the checkpoint is revoked: {reason}")]
    KeyRevoked {
        /// Why.
        reason: String,
    },
    /// A witness's key cannot be read.
    #[error("not a witness's key: {reason}")]
    Witness {
        /// Why not.
        reason: String,
    },
}

pub(super) fn failed<'p>(what: &'static str, path: &'p Path) -> impl Fn(io::Error) -> LogError + use<'p> {
    move |source| LogError::File {
        what,
        path: path.to_owned(),
        source,
    }
}

const RESTORE: &str = "restore the enclave's folder from its own backup, and find out who changed it";

impl LogError {
    /// As a stop, about a log or what carries a checkpoint of it.
    pub fn stop(self, subject: impl Into<String>) -> Stop {
        let subject = subject.into();
        let what = self.to_string();
        match self {
            Self::File { source, .. } => Unable::new(what).because(source).into(),
            Self::Sign(source) => Unable::new(what).because(source).into(),
            Self::LeafTooLarge { .. } => Unable::new(what).into(),
            Self::KeyUnfit => Refusal::new(Code::KeyNotAllowed, subject, what)
                .hint("name another key with --log-key")
                .into(),
            Self::Inconsistent { .. } | Self::Checkpoint { .. } => {
                Refusal::new(Code::LogInconsistent, subject, what).hint(RESTORE).into()
            }
            Self::OtherTree { expected, found, .. } => Refusal::new(Code::LogInconsistent, subject, what)
                .comparing(expected, found)
                .hint(RESTORE)
                .into(),
            Self::OtherLog { expected, found } => Refusal::new(Code::LogInconsistent, subject, what)
                .comparing(expected, found)
                .into(),
            Self::StateBehind { .. } => Refusal::new(Code::StateRolledBack, subject, what)
                .hint("restore state.db from the enclave's own backup, or make it again with `sealift rebuild`")
                .into(),
            Self::NotSigned => Refusal::new(Code::KeyNotInRole, subject, what).into(),
            Self::Cosignature { .. } => Refusal::new(Code::KeyNotInRole, subject, what)
                .hint("a witness is pinned in the trust data, as a note's key with the scope `log/` and the enclave's name")
                .into(),
            Self::KeyRevoked { .. } => Refusal::new(Code::KeyRevoked, subject, what)
                .hint("what this checkpoint says stands on no key that this site believes")
                .into(),
            Self::Witness { .. } => Unable::new(what).into(),
        }
    }
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        error.stop("the log")
    }
}
