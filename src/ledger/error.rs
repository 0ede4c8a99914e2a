//! What can go wrong with the ledger.

use std::path::PathBuf;

use crate::model::{Artifact, Code, Digest, Name, Refusal, Stop, Unable, bundle_label};

/// The ledger could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The database is not there.
    #[error("there is no ledger at {path}")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The database is gone from an enclave that had one.
    #[error("the enclave's memory, {path}, is gone")]
    Gone {
        /// Where it was.
        path: PathBuf,
    },
    /// There is a database already.
    #[error("there is a ledger at {path} already")]
    Exists {
        /// Where it is.
        path: PathBuf,
    },
    /// The file is a database of something else, or damaged.
    #[error("{path} is not a ledger")]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// The database was written by a newer program.
    #[error("{path} has schema {found}, and this program knows up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program knows.
        known: i64,
    },
    /// The file cannot be made or opened.
    #[error("cannot {what} the ledger {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("cannot {what} the ledger")]
    Sql {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: rusqlite::Error,
    },
    /// A journal's line is not what an import writes.
    #[error("the journal of an import cannot be read")]
    Journal,
    /// A row does not hold what this program writes.
    #[error("the ledger's {what} cannot be read")]
    Damaged {
        /// Which column.
        what: &'static str,
    },
    /// The enclave holds this version with other bytes.
    #[error("{artifact}: {file} is held with other bytes")]
    VersionBytesDiffer {
        /// The artifact's ecosystem, name and version.
        artifact: String,
        /// The file.
        file: String,
        /// What is held.
        held: Digest,
        /// What came.
        offered: Digest,
    },
    /// Two names want one path.
    #[error("{path} of {name} is also wanted by {other}")]
    Collision {
        /// Whose path it is.
        name: Name,
        /// The path below the ecosystem's folder.
        path: String,
        /// Who has it, with its spelling.
        other: String,
    },
    /// A new name could be taken for one that is held.
    #[error("{name} could be taken for {other}, which is held")]
    NameCollision {
        /// The new name.
        name: Name,
        /// The held one.
        other: String,
    },
    /// The bundle was imported before.
    #[error("bundle {manifest} was imported before")]
    BundleKnown {
        /// The manifest's digest.
        manifest: Digest,
    },
    /// Only the last bundle of a stream is taken once more.
    #[error("bundle {manifest} is not the last one of its stream")]
    NotLast {
        /// The manifest's digest.
        manifest: Digest,
    },
    /// The bundle's number does not go forward within its stream.
    #[error("bundle {} does not follow {}", bundle_label(stream, *epoch, *sequence), bundle_label(stream, *held_epoch, *held_sequence))]
    NotForward {
        /// The stream.
        stream: String,
        /// The bundle's epoch.
        epoch: u64,
        /// The bundle's sequence number.
        sequence: u64,
        /// The last imported epoch.
        held_epoch: u64,
        /// The last imported sequence number.
        held_sequence: u64,
    },
    /// There is no such generation.
    #[error("there is no generation {number}")]
    NoGeneration {
        /// The number asked for.
        number: u64,
    },
    /// An artifact names an object whose size nobody gave.
    #[error("{artifact}: the size of {digest} is not known")]
    SizeUnknown {
        /// The artifact.
        artifact: String,
        /// The object.
        digest: Digest,
    },
    /// A number is larger than the database keeps.
    #[error("{what} is larger than the ledger keeps")]
    TooLarge {
        /// Which number.
        what: &'static str,
    },
}

impl LedgerError {
    pub(super) fn sql(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sql { what, source }
    }

    pub(super) fn bytes_differ(artifact: &Artifact, held: Digest) -> Self {
        Self::VersionBytesDiffer {
            artifact: artifact.to_string(),
            file: artifact.file.clone(),
            held,
            offered: artifact.digest,
        }
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        let what = error.to_string();
        match error {
            LedgerError::VersionBytesDiffer {
                artifact,
                file,
                held,
                offered,
            } => Refusal::new(
                Code::VersionBytesDiffer,
                artifact,
                format!("{file} is held with other bytes"),
            )
            .comparing(held, offered)
            .into(),
            LedgerError::Collision { name, path, other } => Refusal::new(
                Code::NameCollision,
                name.to_string(),
                format!("{path} is also wanted by {other}"),
            )
            .into(),
            LedgerError::NameCollision { name, other } => Refusal::new(
                Code::NameCollision,
                name.to_string(),
                format!("it could be taken for `{other}`, which this enclave holds"),
            )
            .hint("ask upstream which of the two is meant, and leave the other one out")
            .into(),
            LedgerError::BundleKnown { manifest } => {
                Refusal::new(Code::AlreadyImported, manifest.to_string(), "was imported before").into()
            }
            LedgerError::NotLast { manifest } => Refusal::new(
                Code::Rollback,
                manifest.to_string(),
                "is not the last bundle of its stream, and no other is taken once more",
            )
            .into(),
            LedgerError::NotForward {
                stream,
                epoch,
                sequence,
                held_epoch,
                held_sequence,
            } => Refusal::new(
                Code::Rollback,
                format!("bundle {}", bundle_label(&stream, epoch, sequence)),
                "does not follow the last imported one",
            )
            .comparing(
                format!("later than {}", bundle_label(&stream, held_epoch, held_sequence)),
                bundle_label(&stream, epoch, sequence),
            )
            .into(),
            LedgerError::NotALedger { .. } | LedgerError::Journal | LedgerError::Damaged { .. } => Unable::new(what)
                .code(Code::StateRolledBack)
                .hint("restore the enclave's folder from its own backup")
                .into(),
            LedgerError::Gone { path } => Refusal::new(
                Code::StateRolledBack,
                path.display().to_string(),
                "the memory of what was imported is gone, and the repository is still there",
            )
            .hint("restore it from the enclave's own backup; without it an old bundle could pass for a new one")
            .into(),
            LedgerError::Missing { .. } => Unable::new(what)
                .hint("give the enclave's folder with `--enclave`, or make one with `sealift init enclave`")
                .into(),
            LedgerError::Newer { .. } => Unable::new(what).hint("use the newer sealift").into(),
            LedgerError::File { source, .. } => Unable::new(what).because(source).into(),
            LedgerError::Sql { source, .. } => {
                let is_full = source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull);
                let mut unable = Unable::new(what).because(source).code(Code::PublicationRolledBack);
                if is_full {
                    unable = unable.hint(Unable::MAKE_ROOM);
                }
                unable.into()
            }
            LedgerError::NoGeneration { .. } => Unable::new(what)
                .hint("`sealift status` lists the generations that are kept")
                .into(),
            LedgerError::Exists { .. } | LedgerError::SizeUnknown { .. } | LedgerError::TooLarge { .. } => {
                Unable::new(what).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn only_of_a_full_disk_room_is_asked_for() {
        for (code, is_full) in [(ffi::SQLITE_FULL, true), (ffi::SQLITE_IOERR, false)] {
            let source = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let Stop::Unable(unable) = Stop::from(LedgerError::Sql { what: "write", source }) else {
                panic!("nothing was refused");
            };
            assert_eq!(unable.hint.as_deref() == Some(Unable::MAKE_ROOM), is_full, "{unable:?}");
        }
    }
}
