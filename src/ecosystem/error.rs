//! Why a selection, an upstream or an artifact is not as an ecosystem needs it.

use crate::model::Code;

/// A selection cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// The lockfile's text does not fit its format.
    #[error("{file}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong, with the place in it.
        reason: String,
    },
    /// An entry has no digest.
    #[error("{file}: {entry} has no hash")]
    Unpinned {
        /// The file.
        file: String,
        /// The entry.
        entry: String,
    },
    /// A file that the selection names cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// An upstream did not give what was asked.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// It answered with an error status.
    #[error("{url} answered {status}")]
    Status {
        /// The URL, without credentials.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// It could not be reached, or the transfer broke off.
    #[error("{url}: {reason}")]
    Transport {
        /// The URL, without credentials.
        url: String,
        /// Why.
        reason: String,
    },
    /// The document is not what it should be.
    #[error("{url}: {reason}")]
    Malformed {
        /// The URL, without credentials.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// It was not asked: nobody named it, or not so.
    #[error("{url}: {reason}")]
    NotContacted {
        /// The URL, without credentials.
        url: String,
        /// Why.
        reason: String,
    },
    /// No upstream is known for it.
    #[error("no upstream is named for {ecosystem}")]
    NoUpstream {
        /// The ecosystem.
        ecosystem: String,
    },
    /// Upstream does not list it.
    #[error("{url} does not list {what}")]
    NotListed {
        /// The document.
        url: String,
        /// What is missing.
        what: String,
    },
}

/// An artifact's content is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Mismatch {
    /// Under which code it is refused.
    pub code: Code,
    /// One phrase.
    pub reason: String,
    /// What was expected, where two things were compared.
    pub expected: Option<String>,
    /// What was found.
    pub found: Option<String>,
}

impl Mismatch {
    /// A mismatch in one phrase.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            code: Code::ArtifactMalformed,
            reason: reason.into(),
            expected: None,
            found: None,
        }
    }

    /// Two that want one place, in one phrase.
    pub fn collision(reason: impl Into<String>) -> Self {
        Self {
            code: Code::NameCollision,
            ..Self::new(reason)
        }
    }

    /// Adds what was compared.
    #[must_use]
    pub fn comparing(mut self, expected: impl Into<String>, found: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self.found = Some(found.into());
        self
    }
}
