//! Why bytes are no signature, signed text or signed message that is judged.

use crate::model::{Doubt, Fault, Finding};

/// Bytes that cannot be read as OpenPGP.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    /// More bytes than are judged.
    #[error("it has {found} bytes, and at most {most} are judged")]
    TooLarge {
        /// As many as there are.
        found: usize,
        /// As many as are judged.
        most: usize,
    },
    /// More signatures, packets or certificates than are judged.
    #[error("it holds more than {most} signatures, packets or certificates")]
    TooMany {
        /// As many as are judged.
        most: usize,
    },
    /// No signature at all.
    #[error("it holds no OpenPGP signature")]
    NoSignature,
    /// No certificate at all.
    #[error("it holds no OpenPGP certificate in armor")]
    NoCertificate,
    /// Armor or packets are damaged.
    #[error("its OpenPGP packets cannot be read")]
    Damaged,
    /// A packet that has no place where it stands.
    #[error("a packet of type `{0}` has no place in it")]
    Packet(String),
    /// A signed message within a signed message, or a signature that covers other signatures.
    #[error("its signatures are nested")]
    Nested,
    /// Signatures and what announces them do not fit each other.
    #[error("its signatures do not fit the packets that announce them")]
    Unbalanced,
    /// A compression that is not read.
    #[error("its compression {0} is not known")]
    Compression(u8),
    /// No text in the frame for signed text.
    #[error("it is no signed text")]
    NotCleartext,
    /// Two signed texts, of which a reader could take the other one.
    #[error("it holds more than one signed text")]
    SecondText,
    /// A header line beside `Hash`.
    #[error("line {0} is a header that signed text may not have")]
    Header(usize),
    /// A line that should have been escaped.
    #[error("line {0} begins with a dash and is not escaped")]
    Dash(usize),
    /// A character at which readers disagree about where a line ends.
    #[error("line {0} holds a zero byte or a carriage return within")]
    Control(usize),
    /// The frame is not closed.
    #[error("it ends before its signature does")]
    Unfinished,
    /// The signed bytes could not be read.
    #[error("the signed bytes could not be read")]
    Unread,
}

impl Error {
    /// The finding, of a kind.
    pub(crate) fn finding(&self, kind: &str) -> Finding {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => Finding::undecided(kind, Doubt::TooLarge, self.to_string()),
            Self::Compression(_) | Self::Nested => Finding::undecided(kind, Doubt::UnknownFormat, self.to_string()),
            Self::NoSignature | Self::NoCertificate | Self::Unread => {
                Finding::undecided(kind, Doubt::Incomplete, self.to_string())
            }
            Self::Damaged
            | Self::Packet(_)
            | Self::Unbalanced
            | Self::NotCleartext
            | Self::SecondText
            | Self::Header(_)
            | Self::Dash(_)
            | Self::Control(_)
            | Self::Unfinished => Finding::contradicted(kind, Fault::Malformed, self.to_string()),
        }
    }
}
