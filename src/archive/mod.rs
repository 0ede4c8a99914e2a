//! Strict, bounded readers of the artifacts' own containers: ar, zip and tar, and of the indexes that list them.

pub mod apt;
pub mod ar;
pub mod inflate;
pub mod oci;
pub mod tar;
pub mod zip;

/// An archive cannot be read, or goes over a limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The bytes are not a whole archive of their kind.
    #[error("the archive is malformed: {reason}")]
    Malformed {
        /// What is wrong, in one phrase.
        reason: &'static str,
    },
    /// The archive is well formed to some readers, and others would see other files in it.
    #[error("readers would not agree about the archive: {reason}")]
    Ambiguous {
        /// What is wrong, in one phrase.
        reason: &'static str,
    },
    /// A member that was wanted is a link, a folder or a device.
    #[error("{name:?} is not a plain file")]
    NotAFile {
        /// The member's name.
        name: String,
    },
    /// Two members carry a name that was wanted.
    #[error("the archive holds {name:?} besides {first:?}")]
    SecondMatch {
        /// The member found first.
        first: String,
        /// The other.
        name: String,
    },
    /// A limit was passed.
    #[error("the archive has more than {limit} {what}")]
    OverLimit {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
    /// The bytes could not be read.
    #[error("the archive cannot be read")]
    Unreadable {
        /// Why.
        source: std::io::Error,
    },
}
