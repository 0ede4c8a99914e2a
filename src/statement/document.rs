//! Holds and releases, and what all statements have in common.

use serde::{Deserialize, Serialize};

use super::{Countersignature, Loss, Renewal, Scope, Tombstone};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::{Code, Digest, Refusal, Timestamp};
use crate::trust::approval::{MAX_REASON_BYTES, MAX_TICKET_BYTES};
use crate::trust::{Kind, TrustError};

/// The format that this program reads and writes.
pub const FORMAT: u64 = 1;

/// The longest package URL or key in a scope.
const MAX_SCOPE_BYTES: usize = 2_000;

/// The longest name of a hold.
const MAX_NAME_BYTES: usize = 64;

/// What must not be removed until somebody ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// When the person signed, by their own clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// The enclave.
    pub enclave: Digest,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// 1.
    pub format: u64,
    /// What people call it: letters, digits, `.`, `_` and `-`.
    pub name: String,
    /// Why, in the person's words.
    pub reason: String,
    /// What is held.
    pub scope: Scope,
    /// Where the request is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// That a hold has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// When the first person signed, by their own clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// The enclave.
    pub enclave: Digest,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// 1.
    pub format: u64,
    /// The digest of the hold, as it was signed.
    pub hold: Digest,
    /// Why, in the person's words.
    pub reason: String,
    /// Where the request is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A statement's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// What must not be removed.
    Hold(Hold),
    /// That a hold has ended.
    Release(Release),
    /// What was removed.
    Tombstone(Tombstone),
    /// Old seals sealed anew.
    Renewal(Renewal),
    /// Lost reports of which persons have taken note.
    Loss(Loss),
    /// What a person says of a report.
    Countersignature(Countersignature),
}

/// A statement is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// It is not signed as it should be, or does not fit its schema.
    #[error("it does not count")]
    Trust(#[from] TrustError),
    /// It is another enclave's.
    #[error("it is another enclave's")]
    WrongEnclave {
        /// The id of this enclave.
        expected: Digest,
        /// What it says.
        found: Digest,
    },
    /// Too few of those who signed it have keys that are still good.
    #[error("a key that signed it is revoked: {reason}")]
    KeyRevoked {
        /// Why.
        reason: String,
    },
    /// It is not there.
    #[error("it is missing")]
    Missing,
    /// Another document lies in its place.
    #[error("it is not the one that was taken")]
    Differs {
        /// What the log says.
        expected: Digest,
        /// What lies there.
        found: Digest,
    },
    /// It is about a report that is not there, or is another one.
    #[error("it is about another report {number} than the one that is there")]
    OtherReport {
        /// The report's number.
        number: u64,
        /// The digest that it says.
        expected: Digest,
        /// That of the report which is there, or what is known of one that is gone; none where there is no such report.
        found: Option<Digest>,
    },
    /// Whoever signed it has a part in what it is about.
    #[error("{person} {part}, and so cannot countersign its report")]
    NotSeparate {
        /// Who.
        person: String,
        /// What that person did.
        part: &'static str,
    },
    /// No such statement is known.
    #[error("this program knows no statement `{what}`")]
    UnknownKind {
        /// What the log calls it.
        what: String,
    },
}

impl StatementError {
    /// As a refusal of a named statement.
    pub fn refusal(&self, subject: impl Into<String>) -> Refusal {
        let text = self.to_string();
        match self {
            Self::Trust(error) => error.refusal(subject),
            Self::WrongEnclave { expected, found } => {
                Refusal::new(Code::WrongEnclave, subject, text).comparing(expected, found)
            }
            Self::KeyRevoked { .. } => Refusal::new(Code::KeyRevoked, subject, text),
            Self::Missing => Refusal::new(Code::StateRolledBack, subject, text)
                .hint("restore the folder `statements` from the enclave's own backup, and find out who changed it"),
            Self::Differs { expected, found } => Refusal::new(Code::StateRolledBack, subject, text)
                .comparing(expected, found)
                .hint("restore the folder `statements` from the enclave's own backup, and find out who changed it"),
            Self::OtherReport { expected, found, .. } => Refusal::new(Code::StateRolledBack, subject, text)
                .comparing(
                    expected,
                    found.map_or_else(|| "no report".to_owned(), |found| found.to_string()),
                )
                .hint("restore the folder `reports` from the enclave's own backup, and find out who changed it"),
            Self::NotSeparate { .. } => Refusal::new(Code::RolesNotSeparate, subject, text)
                .hint("another person with the role approve has to sign"),
            Self::UnknownKind { .. } => Refusal::new(Code::UnknownFormat, subject, text).hint("use the newer sealift"),
        }
    }
}

impl Body {
    /// Reads the payload of a kind of statement, and checks its rules. Who signed it is not looked at.
    pub fn read(kind: Kind, payload: &[u8]) -> Result<Self, TrustError> {
        let body = match kind {
            Kind::Hold => Self::Hold(strict_json::read(payload)?),
            Kind::Release => Self::Release(strict_json::read(payload)?),
            Kind::Tombstone => Self::Tombstone(strict_json::read(payload)?),
            Kind::Renewal => Self::Renewal(strict_json::read(payload)?),
            Kind::Loss => Self::Loss(strict_json::read(payload)?),
            Kind::Countersignature => Self::Countersignature(strict_json::read(payload)?),
            other => {
                return Err(TrustError::WrongKind {
                    expected: Kind::Hold,
                    found: other.payload_type().to_owned(),
                });
            }
        };
        body.check()?;
        Ok(body)
    }

    /// The bytes that are signed. Fails where [`Body::read`] would.
    pub fn write(&self) -> Result<Vec<u8>, TrustError> {
        self.check()?;
        Ok(match self {
            Self::Hold(body) => strict_json::write(body),
            Self::Release(body) => strict_json::write(body),
            Self::Tombstone(body) => strict_json::write(body),
            Self::Renewal(body) => strict_json::write(body),
            Self::Loss(body) => strict_json::write(body),
            Self::Countersignature(body) => strict_json::write(body),
        })
    }

    /// What kind of document it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Hold(_) => Kind::Hold,
            Self::Release(_) => Kind::Release,
            Self::Tombstone(_) => Kind::Tombstone,
            Self::Renewal(_) => Kind::Renewal,
            Self::Loss(_) => Kind::Loss,
            Self::Countersignature(_) => Kind::Countersignature,
        }
    }

    /// The enclave that it is of.
    pub const fn enclave(&self) -> &Digest {
        match self {
            Self::Hold(body) => &body.enclave,
            Self::Release(body) => &body.enclave,
            Self::Tombstone(body) => &body.enclave,
            Self::Renewal(body) => &body.enclave,
            Self::Loss(body) => &body.enclave,
            Self::Countersignature(body) => &body.enclave,
        }
    }

    /// When it was signed, by the clock of whoever did.
    pub const fn created(&self) -> &Timestamp {
        match self {
            Self::Hold(body) => &body.created,
            Self::Release(body) => &body.created,
            Self::Tombstone(body) => &body.created,
            Self::Renewal(body) => &body.created,
            Self::Loss(body) => &body.created,
            Self::Countersignature(body) => &body.created,
        }
    }

    const fn format(&self) -> u64 {
        match self {
            Self::Hold(body) => body.format,
            Self::Release(body) => body.format,
            Self::Tombstone(body) => body.format,
            Self::Renewal(body) => body.format,
            Self::Loss(body) => body.format,
            Self::Countersignature(body) => body.format,
        }
    }

    fn check(&self) -> Result<(), TrustError> {
        if self.format() != FORMAT {
            return Err(fault("format", "is not 1"));
        }
        match self {
            Self::Hold(body) => body.check(),
            Self::Release(body) => check_texts(&body.reason, body.ticket.as_deref()),
            Self::Tombstone(body) => body.check(),
            Self::Renewal(body) => body.check(),
            Self::Loss(body) => body.check(),
            Self::Countersignature(body) => body.check(),
        }
    }
}

impl Hold {
    fn check(&self) -> Result<(), TrustError> {
        check_texts(&self.reason, self.ticket.as_deref())?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES || !self.name.bytes().all(plain) {
            return Err(fault("name", "must have 1 to 64 letters, digits, `.`, `_` and `-`"));
        }
        match &self.scope {
            Scope::Dates { from, until } if from >= until => Err(fault("scope", "ends before it begins")),
            Scope::Purl { purl: text } if !text.starts_with("pkg:") => Err(fault("scope", "names no package URL")),
            Scope::Purl { purl: text } | Scope::Key { key: text }
                if text.is_empty() || text.len() > MAX_SCOPE_BYTES || text.chars().any(char::is_control) =>
            {
                Err(fault("scope", "must have 1 to 2000 bytes and no control character"))
            }
            _ => Ok(()),
        }
    }
}

/// Checks what a person wrote.
pub fn check_texts(reason: &str, ticket: Option<&str>) -> Result<(), TrustError> {
    if reason.trim().is_empty() {
        return Err(fault("reason", "is empty"));
    }
    let texts = [
        ("reason", Some(reason), MAX_REASON_BYTES),
        ("ticket", ticket, MAX_TICKET_BYTES),
    ];
    for (field, text, max_bytes) in texts {
        let Some(text) = text else { continue };
        if text.len() > max_bytes {
            return Err(fault(field, "is too long"));
        }
        if text.chars().any(char::is_control) {
            return Err(fault(field, "holds a control character"));
        }
    }
    Ok(())
}

pub(super) const fn fault(field: &'static str, reason: &'static str) -> TrustError {
    TrustError::Field { field, reason }
}
