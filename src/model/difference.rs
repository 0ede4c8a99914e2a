//! A file of an enclave that is not what its records say.

use std::path::PathBuf;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It is not there.
    Missing,
    /// Nothing says that it should be there.
    Extra,
    /// It is there and is another one.
    Other,
    /// A run that was killed left it, and the next one clears it away: nobody reads it.
    Leftover,
}

impl How {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Other => "other",
            Self::Leftover => "leftover",
        }
    }
}

/// A file that differs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub how: How,
    /// The same in words.
    pub reason: String,
}

impl Difference {
    /// A file that is not there.
    pub fn missing(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::of(path, How::Missing, reason)
    }

    /// A file that should not be there.
    pub fn extra(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::of(path, How::Extra, reason)
    }

    /// A file that is another one.
    pub fn other(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::of(path, How::Other, reason)
    }

    /// A file that a killed run left.
    pub fn leftover(path: impl Into<PathBuf>, reason: impl Into<String>) -> Self {
        Self::of(path, How::Leftover, reason)
    }

    fn of(path: impl Into<PathBuf>, how: How, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            how,
            reason: reason.into(),
        }
    }
}
