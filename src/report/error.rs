//! What can go wrong with a report.

use std::io;
use std::path::{Path, PathBuf};

use crate::crypto::dsse::DsseError;
use crate::crypto::key::SignError;
use crate::crypto::strict_json::JsonError;
use crate::log::LogError;
use crate::model::{Code, Digest, Refusal, Stop, Timestamp, Unable};
use crate::trust::TrustError;

/// A report cannot be written, read or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
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
    /// The key would not sign.
    #[error("cannot sign the report")]
    Sign(#[from] SignError),
    /// The first line is longer than an envelope may be.
    #[error("the first line is longer than {limit} bytes")]
    HeadTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The first line is no envelope.
    #[error("the first line is no envelope")]
    Envelope(#[from] DsseError),
    /// Nobody who may sign reports has signed it.
    #[error("the signature does not count")]
    Signature(#[from] TrustError),
    /// The head does not fit its schema.
    #[error("the head does not fit its schema")]
    Head(#[source] JsonError),
    /// The head is of a later format.
    #[error("format {found} is not known")]
    UnknownFormat {
        /// The format found.
        found: u64,
    },
    /// The key that signed it is revoked.
    #[error("the key that signed it is revoked: {reason}")]
    KeyRevoked {
        /// Its id.
        key: String,
        /// Why.
        reason: String,
        /// Since when it is not good; without it, never.
        since: Option<Timestamp>,
    },
    /// The records are not those that the head names.
    #[error("the records are not those that were signed")]
    RecordsDiffer {
        /// What the head says.
        expected: Digest,
        /// What stands there.
        found: Digest,
    },
    /// More or fewer records follow than the head says.
    #[error("{found} records follow, and {expected} were signed")]
    RecordsCount {
        /// What the head says.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// The records have more or fewer bytes than the head says.
    #[error("the records have {found} bytes, and {expected} were signed")]
    RecordsBytes {
        /// What the head says.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// A record is longer than the limit.
    #[error("record {number} is longer than {limit} bytes")]
    RecordTooLarge {
        /// Which, from 1.
        number: u64,
        /// The limit.
        limit: usize,
    },
    /// A record does not fit its schema.
    #[error("record {number} does not fit its schema")]
    Record {
        /// Which, from 1.
        number: u64,
        /// Why.
        source: JsonError,
    },
    /// A word or a number stands there that no report has.
    #[error("`{field}` is none that a report has")]
    Word {
        /// Where.
        field: &'static str,
    },
    /// What it says of the log is wrong.
    #[error("what it says of the log is wrong")]
    Log(#[from] LogError),
    /// The proofs about the log do not hold.
    #[error("its proof about the log does not hold: {reason}")]
    LogProof {
        /// Why not.
        reason: String,
    },
    /// The last report is not the one that state.db knows.
    #[error("the last report is not the one that state.db knows")]
    LastDiffers {
        /// What state.db says.
        expected: String,
        /// What lies there.
        found: String,
    },
    /// Reports of this enclave are missing, or were exchanged.
    #[error("report {number} does not follow the one before")]
    NotInOrder {
        /// Which report.
        number: u64,
        /// What it says of the one before.
        expected: String,
        /// What stands there.
        found: String,
    },
}

pub(super) fn failed<'p>(what: &'static str, path: &'p Path) -> impl Fn(io::Error) -> ReportError + use<'p> {
    move |source| ReportError::File {
        what,
        path: path.to_owned(),
        source,
    }
}

impl ReportError {
    /// As a stop, about a report.
    pub fn stop(self, subject: impl Into<String>) -> Stop {
        let subject = subject.into();
        let what = self.to_string();
        match self {
            Self::File { source, .. } => Unable::new(what).because(source).into(),
            Self::Sign(source) => Unable::new(what).because(source).into(),
            Self::Signature(source) => source.refusal(subject).into(),
            Self::HeadTooLarge { .. } | Self::RecordTooLarge { .. } => {
                Refusal::new(Code::SizeExceeded, subject, what).into()
            }
            Self::Envelope(source) => Refusal::new(Code::JsonNotStrict, subject, format!("{what}: {source}")).into(),
            Self::Head(source) | Self::Record { source, .. } => {
                Refusal::new(Code::JsonNotStrict, subject, format!("{what}: {source}")).into()
            }
            Self::Word { .. } => Refusal::new(Code::JsonNotStrict, subject, what).into(),
            Self::UnknownFormat { .. } => Refusal::new(Code::UnknownFormat, subject, what)
                .hint("use the newer sealift")
                .into(),
            Self::KeyRevoked { .. } => Refusal::new(Code::KeyRevoked, subject, what)
                .hint("what this report says stands on no key that this site believes")
                .into(),
            Self::RecordsDiffer { expected, found } => Refusal::new(Code::DigestMismatch, subject, what)
                .comparing(expected, found)
                .into(),
            Self::RecordsCount { .. } | Self::RecordsBytes { .. } => {
                Refusal::new(Code::DigestMismatch, subject, what).into()
            }
            Self::Log(source) => source.stop(subject),
            Self::LogProof { .. } => Refusal::new(Code::LogInconsistent, subject, what)
                .hint("compare it with the enclave's log: `sealift audit --report`")
                .into(),
            Self::LastDiffers { expected, found } | Self::NotInOrder { expected, found, .. } => {
                Refusal::new(Code::StateRolledBack, subject, what)
                    .comparing(expected, found)
                    .hint("restore the folder `reports` from the enclave's own backup, and find out who changed it")
                    .into()
            }
        }
    }
}
