//! What happens to media on their way, as records of custody say it (`bundle-spec/custody.md` §4).

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that happened to media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CustodyEvent {
    /// The volumes were written onto a medium, or copied onto another one.
    Written,
    /// What the volumes hold was scanned for malware.
    Scanned,
    /// The medium was put under a numbered seal.
    Sealed,
    /// It was put somewhere.
    Stored,
    /// Somebody gave it to somebody else.
    HandedOver,
    /// The receiving side got it.
    Received,
    /// The receiving side looked at medium and seal.
    Inspected,
    /// The seal was taken off.
    Opened,
    /// The medium was made empty.
    Wiped,
    /// It exists no more.
    Destroyed,
}

impl CustodyEvent {
    /// Every event, in the order in which they usually happen.
    pub const ALL: [Self; 10] = [
        Self::Written,
        Self::Scanned,
        Self::Sealed,
        Self::Stored,
        Self::HandedOver,
        Self::Received,
        Self::Inspected,
        Self::Opened,
        Self::Wiped,
        Self::Destroyed,
    ];

    /// The word in the document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Scanned => "scanned",
            Self::Sealed => "sealed",
            Self::Stored => "stored",
            Self::HandedOver => "handed-over",
            Self::Received => "received",
            Self::Inspected => "inspected",
            Self::Opened => "opened",
            Self::Wiped => "wiped",
            Self::Destroyed => "destroyed",
        }
    }

    /// The event with a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.word() == word)
    }

    /// Whether only the receiving side can say that it happened: whoever exported the bundle does not count for it.
    pub const fn is_of_receiver(self) -> bool {
        matches!(self, Self::Received | Self::Inspected | Self::Opened)
    }
}

impl fmt::Display for CustodyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
