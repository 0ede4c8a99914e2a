//! Why a step did not pass.

use std::error::Error;
use std::fmt;
use std::io;

use super::Code;

/// Why a step did not pass. Exit codes follow from it.
#[derive(Debug)]
pub enum Stop {
    /// The input was judged and is wrong: the same input would be refused again. Never empty.
    Refused(Vec<Refusal>),
    /// This run failed: disk, rights, network.
    Unable(Box<Unable>),
}

/// One thing that was checked and is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// What it is about: an artifact, a volume, a document.
    pub subject: String,
    /// One phrase, lower case, no full stop.
    pub reason: String,
    /// What should have been there.
    pub expected: Option<String>,
    /// What was there.
    pub found: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Refusal {
    /// A refusal with its three necessary parts.
    pub fn new(code: Code, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            code,
            subject: subject.into(),
            reason: reason.into(),
            expected: None,
            found: None,
            hint: None,
        }
    }

    /// Adds what was expected and what was found.
    #[must_use]
    pub fn comparing(mut self, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        self.expected = Some(expected.to_string());
        self.found = Some(found.to_string());
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

/// Something that could not be done in this run.
#[derive(Debug)]
pub struct Unable {
    /// What could not be done, with its path or address: one phrase, lower case, no full stop.
    pub what: String,
    /// Why, from below.
    pub source: Option<Box<dyn Error + Send + Sync>>,
    /// What to do next.
    pub hint: Option<String>,
    /// A code, for the few failures that have one.
    pub code: Option<Code>,
}

impl Unable {
    /// Names what could not be done.
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            source: None,
            hint: None,
            code: None,
        }
    }

    /// Adds the error from below. A full disk gets its hint here, wherever it was met.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        if self.hint.is_none() && is_full_disk(source.as_ref()) {
            self.hint = Some(Self::MAKE_ROOM.to_owned());
        }
        self.source = Some(source);
        self
    }

    /// What to do about a full disk.
    pub const MAKE_ROOM: &str = "make room on this disk, and run the command again";

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a code.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }
}

fn is_full_disk(error: &(dyn Error + 'static)) -> bool {
    let full = |kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let mut next = Some(error);
    while let Some(error) = next {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| full(error.kind()))
        {
            return true;
        }
        next = error.source();
    }
    false
}

impl From<Unable> for Stop {
    fn from(unable: Unable) -> Self {
        Self::Unable(Box::new(unable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("it cannot be kept")]
    struct Above(#[source] io::Error);

    #[test]
    fn a_full_disk_gets_its_hint_wherever_it_is_met() {
        let hint = |unable: Unable| unable.hint;
        let make_room = Some(Unable::MAKE_ROOM.to_owned());
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert_eq!(hint(Unable::new("x").because(io::Error::from(kind))), make_room);
            assert_eq!(hint(Unable::new("x").because(Above(kind.into()))), make_room);
            // What is said already stays.
            let said = Unable::new("x").hint("wait").because(io::Error::from(kind));
            assert_eq!(hint(said).as_deref(), Some("wait"));
        }
        let other = io::ErrorKind::PermissionDenied;
        assert_eq!(hint(Unable::new("x").because(io::Error::from(other))), None);
        assert_eq!(hint(Unable::new("x").because(Above(other.into()))), None);
        assert_eq!(hint(Unable::new("x").because("no error of the disk")), None);
    }
}
