//! Why a policy is refused.

use crate::crypto::strict_json::JsonError;
use crate::crypto::yaml::YamlError;
use crate::model::{Code, PatternError, Refusal};

/// A policy cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The text is over the bound.
    #[error("the policy has {found} bytes, more than {max}")]
    TooLong {
        /// Its length.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// The text is not YAML as sealift reads it, or has a field that no policy has.
    #[error("the text is not a policy")]
    Yaml(#[from] YamlError),
    /// The explicit form is not strict JSON, or has a field that no policy has.
    #[error("the explicit policy cannot be read")]
    Json(#[from] JsonError),
    /// A list has too many entries.
    #[error("{rule} has {found} entries, more than {max}")]
    TooMany {
        /// The list.
        rule: String,
        /// How many it has.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// A text is empty, too long or holds what it may not hold.
    #[error("{rule}: `{}` is not {expected}", .found.escape_debug())]
    Malformed {
        /// The place.
        rule: String,
        /// The text, shortened.
        found: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// Two rules overlap, and neither is narrower.
    #[error("{one} and {other} both match some names, and neither is the narrower one")]
    Ambiguous {
        /// A rule.
        one: String,
        /// The other.
        other: String,
    },
    /// An entry stands twice.
    #[error("{rule} stands twice")]
    Twice {
        /// The entry.
        rule: String,
    },
    /// An entry lacks something.
    #[error("{rule} needs {what}")]
    Lacks {
        /// The entry.
        rule: String,
        /// What it lacks.
        what: &'static str,
    },
    /// Two things stand together that exclude each other.
    #[error("{rule}: {what}")]
    Contradiction {
        /// The entry.
        rule: String,
        /// What excludes what.
        what: &'static str,
    },
    /// Something is asked for that cannot be met, or that anybody could evade.
    #[error("{rule}: {what}")]
    Unusable {
        /// The entry.
        rule: String,
        /// Why.
        what: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// An end date is further away than any may be.
    #[error("{rule} ends {end}, more than {max_days} days from now")]
    TooFar {
        /// The rule.
        rule: String,
        /// Its end.
        end: String,
        /// The bound.
        max_days: u32,
    },
    /// An identity's pattern says too little or too much.
    #[error("{rule}: the identity cannot be used")]
    Identity {
        /// The rule.
        rule: String,
        /// Why.
        source: PatternError,
    },
    /// A waiver says what no waiver may say.
    #[error("{rule}: {problem}")]
    Waiver {
        /// The waiver.
        rule: String,
        /// What is wrong.
        problem: WaiverProblem,
    },
}

/// What is wrong with a waiver.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaiverProblem {
    /// It names a code that there is not.
    #[error("there is no code `{0}`")]
    UnknownCode(String),
    /// It names a code that is never waived.
    #[error("`{0}` is never waived")]
    NeverWaived(Code),
    /// It names no code.
    #[error("it names no code")]
    NoCode,
    /// It is about more than one version.
    #[error("it must name one version, as in `npm/left-pad@1.3.0`")]
    NotOneVersion,
    /// Fewer than two persons approved it.
    #[error("at least two persons must approve it")]
    TooFewPersons,
    /// Two of those who approved it differ in capitals alone.
    #[error("`{}` and `{}` count as one person", .0.escape_debug(), .1.escape_debug())]
    SamePerson(String, String),
}

impl PolicyError {
    /// The code of its refusal.
    pub const fn code(&self) -> Code {
        match self {
            Self::Json(_) => Code::JsonNotStrict,
            Self::Waiver { .. } => Code::WaiverInvalid,
            _ => Code::PolicyMalformed,
        }
    }

    /// The refusal of a policy's file, with the causes in its reason.
    pub fn refusal(&self, subject: &str) -> Refusal {
        let mut reason = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            let text = error.to_string();
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            next = error.source();
        }
        let refusal = Refusal::new(self.code(), subject, reason);
        match self {
            Self::Unusable { hint, .. } => refusal.hint(*hint),
            _ => refusal,
        }
    }
}
