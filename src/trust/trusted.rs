//! The root that is trusted now: pinned, advanced step by step, and the judge of every other document.
//!
//! Threats (`bundle-spec/root.md` §4):
//! - a root from nowhere: only a step from the current root is taken, with both thresholds
//! - skipping or going back: exactly the next version
//! - one person with many keys, one key under many ids: persons and keys are both counted, ids are computed
//! - a signature made for another kind of document: the payload type is checked first, and is part of what is signed
//! - floors lowered bit by bit: the profile never falls, the epoch rises by at most one
//! - endless chains: [`MAX_ROOT_BYTES`] and [`MAX_ROOT_STEPS`]

use std::collections::BTreeSet;

use super::{Kind, Role, Root};
use crate::crypto::dsse::{DsseError, Envelope};
use crate::crypto::key::{KeyError, KeyId};
use crate::crypto::strict_json::JsonError;
use crate::model::{Code, Digest, Refusal, Timestamp};

/// A root with a hundred keys takes about 20 KiB; its envelope a third more.
pub const MAX_ROOT_BYTES: usize = 64 * 1024;

/// A root a month for five years. More steps than that at once are an attack on time, not a rotation.
pub const MAX_ROOT_STEPS: usize = 64;

/// A root that this site trusts, with the exact bytes that say so.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    root: Root,
    fingerprint: Digest,
    envelope: Vec<u8>,
}

/// A document that enough persons of a role have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The bytes that were verified, to be parsed.
    pub payload: Vec<u8>,
    /// The persons who signed, sorted.
    pub persons: Vec<String>,
    /// The keys with which they signed, sorted.
    pub keys: Vec<KeyId>,
}

/// A document is not trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The envelope cannot be read.
    #[error("the envelope cannot be read")]
    Envelope(#[from] DsseError),
    /// The document is not in strict JSON or does not fit its schema.
    #[error("the document does not fit its schema")]
    Document(#[from] JsonError),
    /// The document or its envelope is larger than the limit.
    #[error("the document has {found} bytes, more than {limit}")]
    TooLarge {
        /// The length found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// More roots follow than are taken at once.
    #[error("more than {MAX_ROOT_STEPS} roots follow at once")]
    TooManySteps,
    /// A document of one kind stands where another belongs.
    #[error("the document is not a {expected}")]
    WrongKind {
        /// The kind that belongs there.
        expected: Kind,
        /// The payload type found.
        found: String,
    },
    /// A key may not be used.
    #[error("the key of {person} may not be used")]
    Key {
        /// Whose key.
        person: String,
        /// Why not.
        source: KeyError,
    },
    /// A root's thresholds, keys or persons cannot work.
    #[error("root {version}: {reason}")]
    Threshold {
        /// The root's version.
        version: u64,
        /// What is wrong.
        reason: String,
    },
    /// One person has two roles that must be separate.
    #[error("{person} would act in two roles that must be separate, export and approve")]
    NotSeparate {
        /// The person.
        person: String,
    },
    /// A root is not the next one.
    #[error("root {found} does not follow root {current}")]
    OutOfOrder {
        /// The version that is trusted.
        current: u64,
        /// The version found.
        found: u64,
    },
    /// A standing document does not follow the one that counts.
    #[error("{kind} version {found} does not follow version {current}")]
    StandingOutOfOrder {
        /// What it is.
        kind: Kind,
        /// The version that counts.
        current: u64,
        /// The version found.
        found: u64,
    },
    /// A root changes what no root may change.
    #[error("root {version} {reason}")]
    ChainBroken {
        /// The root's version.
        version: u64,
        /// What it changes.
        reason: String,
    },
    /// A field's value is out of its range.
    #[error("the field `{field}` {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// More approvals came than are looked at.
    #[error("{found} approvals are more than {}", super::approval::MAX_APPROVALS)]
    TooManyApprovals {
        /// How many came.
        found: usize,
    },
    /// A person with the role approve decided against the bundle.
    #[error("{person} rejected it: {reason}")]
    Rejected {
        /// Who.
        person: String,
        /// Why, in the person's words.
        reason: String,
    },
    /// Not enough persons have approved.
    #[error("{} of {threshold} persons with the role approve have approved", .persons.len())]
    NotApproved {
        /// How many persons must approve.
        threshold: u32,
        /// Who has approved.
        persons: Vec<String>,
        /// Why other approvals do not count.
        passed_over: Vec<String>,
    },
    /// Not enough persons have signed.
    #[error("{} of {threshold} persons with the role {role} have signed the {kind}", .persons.len())]
    NotEnough {
        /// The kind of document.
        kind: Kind,
        /// The role.
        role: Role,
        /// How many persons must sign.
        threshold: u32,
        /// Who has signed.
        persons: Vec<String>,
    },
    /// The root has expired.
    #[error("root {version} expired at {expires}")]
    Expired {
        /// The root's version.
        version: u64,
        /// When.
        expires: Timestamp,
    },
    /// The root is not the pinned one.
    #[error("the root is not the one that was pinned")]
    NotPinned {
        /// The fingerprint that was asked for.
        expected: Digest,
        /// The root's fingerprint.
        found: Digest,
    },
}

impl TrustError {
    /// The code of the refusal.
    pub fn code(&self) -> Code {
        match self {
            Self::Envelope(DsseError::TooLarge { .. } | DsseError::TooManySignatures { .. })
            | Self::TooLarge { .. }
            | Self::TooManySteps
            | Self::TooManyApprovals { .. } => Code::PreauthLimitExceeded,
            Self::Rejected { .. } | Self::NotApproved { .. } => Code::ApprovalsMissing,
            Self::Envelope(_) | Self::Document(_) | Self::Field { .. } => Code::JsonNotStrict,
            Self::WrongKind { .. } => Code::WrongDocumentKind,
            Self::Key { .. } => Code::KeyNotAllowed,
            Self::Threshold { .. } => Code::ThresholdInvalid,
            Self::NotSeparate { .. } => Code::RolesNotSeparate,
            Self::OutOfOrder { .. } | Self::StandingOutOfOrder { .. } => Code::TrustVersionOutOfOrder,
            Self::ChainBroken { .. } => Code::RootChainBroken,
            // Whatever role a person has who speaks about records, it is not about a root or a bundle.
            Self::NotEnough {
                kind: Kind::Hold | Kind::Countersignature,
                ..
            } => Code::KeyNotInRole,
            Self::NotEnough { role, .. } => match role {
                Role::Root => Code::RootChainBroken,
                Role::Export => Code::ExportSignatureInvalid,
                Role::Approve => Code::ApprovalsMissing,
                Role::Trust | Role::Policy | Role::Import | Role::Log => Code::KeyNotInRole,
            },
            Self::Expired { .. } => Code::RootExpired,
            Self::NotPinned { .. } => Code::NotRootedInPin,
        }
    }

    /// The refusal of a named document.
    pub fn refusal(&self, subject: impl Into<String>) -> Refusal {
        let mut reason = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            reason = format!("{reason}: {error}");
            next = error.source();
        }
        let refusal = Refusal::new(self.code(), subject, reason);
        match self {
            Self::WrongKind { expected, found } => refusal.comparing(expected.payload_type(), found),
            Self::OutOfOrder { current, found } => refusal.comparing(
                format!("version {}", current.saturating_add(1)),
                format!("version {found}"),
            ),
            Self::StandingOutOfOrder { current, found, .. } => refusal.comparing(
                format!("version {} or later", current.saturating_add(1)),
                format!("version {found}"),
            ),
            Self::NotEnough { threshold, persons, .. } => {
                refusal.comparing(format!("{threshold} persons"), persons_of(persons))
            }
            Self::NotApproved {
                threshold,
                persons,
                passed_over,
            } => {
                let refusal = refusal.comparing(format!("{threshold} persons"), persons_of(persons));
                match passed_over.as_slice() {
                    [] => refusal,
                    reasons => refusal.hint(format!("of the approvals that came, {}", reasons.join("; "))),
                }
            }
            Self::NotPinned { expected, found } => refusal.comparing(expected, found),
            _ => refusal,
        }
    }
}

/// Names persons in a phrase.
pub(crate) fn persons_of(persons: &[String]) -> String {
    if persons.is_empty() {
        "nobody".to_owned()
    } else {
        persons.join(", ")
    }
}

impl TrustedRoot {
    /// Takes a root that this site trusts already: from its own disk, or confirmed by fingerprint just now.
    ///
    /// The root must be signed by its own threshold; that it is the right one is for the caller to know.
    pub fn pinned(envelope: &[u8]) -> Result<Self, TrustError> {
        let parsed = Self::read_envelope(envelope)?;
        let this = Self::parse(envelope, &parsed)?;
        this.verify(Role::Root, Kind::Root, &parsed)?;
        Ok(this)
    }

    /// Takes the next root, if it is exactly the next and enough persons of this and of the next root have signed it.
    ///
    /// Whether it has expired is not looked at: only the last root of a chain must be fresh.
    pub fn advance(&self, untrusted_envelope: &[u8]) -> Result<Self, TrustError> {
        let parsed = Self::read_envelope(untrusted_envelope)?;
        // The payload is parsed once this root's persons vouch for its bytes, and not before.
        self.verify(Role::Root, Kind::Root, &parsed)?;
        let next = Self::parse(untrusted_envelope, &parsed)?;
        let version = next.root.version;
        if Some(version) != self.root.version.checked_add(1) {
            return Err(TrustError::OutOfOrder {
                current: self.root.version,
                found: version,
            });
        }
        next.verify(Role::Root, Kind::Root, &parsed)?;
        let broken = |reason: String| Err(TrustError::ChainBroken { version, reason });
        if next.root.enclave != self.root.enclave {
            return broken(format!("is for the enclave {}", next.root.enclave.name));
        }
        if next.root.profile < self.root.profile {
            return Err(TrustError::Threshold {
                version,
                reason: format!(
                    "the profile would fall from {} to {}",
                    self.root.profile, next.root.profile
                ),
            });
        }
        if !(self.root.epoch..=self.root.epoch.saturating_add(1)).contains(&next.root.epoch) {
            return broken(format!(
                "moves the epoch from {} to {}",
                self.root.epoch, next.root.epoch
            ));
        }
        Ok(next)
    }

    /// Applies travelling roots in the order of their versions, and gives every root newly trusted, the last one last.
    ///
    /// Roots up to the current version are left out: each is either known or replaced. A fault ends the chain, and
    /// what was applied before it stays valid, so the caller gets both.
    pub fn advance_all(&self, untrusted: &[(u64, Vec<u8>)]) -> (Vec<Self>, Result<(), TrustError>) {
        let mut applied: Vec<Self> = Vec::new();
        let mut newer: Vec<_> = untrusted
            .iter()
            .filter(|(version, _)| *version > self.root.version)
            .collect();
        newer.sort_by_key(|(version, _)| *version);
        for (_, envelope) in newer {
            if applied.len() == MAX_ROOT_STEPS {
                return (applied, Err(TrustError::TooManySteps));
            }
            match applied.last().unwrap_or(self).advance(envelope) {
                Ok(next) => applied.push(next),
                Err(error) => return (applied, Err(error)),
            }
        }
        (applied, Ok(()))
    }

    /// The document.
    pub const fn document(&self) -> &Root {
        &self.root
    }

    /// The digest of the exact bytes that were signed; signatures added later do not change it.
    pub const fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    /// The envelope as it was read, for keeping and for carrying on.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// Fails unless the root has a fingerprint.
    pub fn check_fingerprint(&self, expected: &Digest) -> Result<(), TrustError> {
        if self.fingerprint == *expected {
            return Ok(());
        }
        Err(TrustError::NotPinned {
            expected: *expected,
            found: self.fingerprint,
        })
    }

    /// Fails if the root has expired at a time.
    pub fn check_fresh(&self, now: Timestamp) -> Result<(), TrustError> {
        if now > self.root.expires {
            return Err(TrustError::Expired {
                version: self.root.version,
                expires: self.root.expires,
            });
        }
        Ok(())
    }

    /// Verifies that enough persons with a role have signed a document of a kind.
    pub fn verify(&self, role: Role, kind: Kind, envelope: &Envelope) -> Result<Vouched, TrustError> {
        let signers = self.root.signers(role, kind, envelope)?;
        let persons: BTreeSet<_> = signers.iter().map(|signer| signer.person.clone()).collect();
        let keys: BTreeSet<_> = signers.iter().map(|signer| signer.key).collect();
        let persons: Vec<_> = persons.into_iter().collect();
        // A role that nobody has vouches for nothing.
        let threshold = self.root.threshold(role).max(1);
        if persons.len().min(keys.len()) < threshold as usize {
            return Err(TrustError::NotEnough {
                kind,
                role,
                threshold,
                persons,
            });
        }
        Ok(Vouched {
            payload: envelope.payload.clone(),
            persons,
            keys: keys.into_iter().collect(),
        })
    }

    /// Reads a bounded envelope, and nothing of its payload.
    fn read_envelope(envelope: &[u8]) -> Result<Envelope, TrustError> {
        if envelope.len() > MAX_ROOT_BYTES {
            return Err(TrustError::TooLarge {
                found: envelope.len(),
                limit: MAX_ROOT_BYTES,
            });
        }
        let parsed = Envelope::read(envelope)?;
        Kind::Root.check(&parsed)?;
        Ok(parsed)
    }

    fn parse(envelope: &[u8], parsed: &Envelope) -> Result<Self, TrustError> {
        Ok(Self {
            root: Root::read(&parsed.payload)?,
            fingerprint: Digest::of(&parsed.payload),
            envelope: envelope.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_compares_what_was_expected_with_what_was_found() {
        let nobody = || vec!["of nobody".to_owned()];
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let wrong_kind = TrustError::WrongKind {
            expected: Kind::Root,
            found: "text/plain".to_owned(),
        };
        let not_enough = TrustError::NotEnough {
            kind: Kind::Policy,
            role: Role::Trust,
            threshold: 2,
            persons: Vec::new(),
        };
        let not_approved = TrustError::NotApproved {
            threshold: 2,
            persons: vec!["ann".to_owned()],
            passed_over: nobody(),
        };
        for (error, expected, found) in [
            (wrong_kind, Kind::Root.payload_type(), "text/plain"),
            (
                TrustError::OutOfOrder { current: 5, found: 9 },
                "version 6",
                "version 9",
            ),
            (
                TrustError::StandingOutOfOrder {
                    kind: Kind::Policy,
                    current: 5,
                    found: 4,
                },
                "version 6 or later",
                "version 4",
            ),
            (not_enough, "2 persons", "nobody"),
            (not_approved, "2 persons", "ann"),
            (
                TrustError::NotPinned {
                    expected: one,
                    found: other,
                },
                &one.to_string(),
                &other.to_string(),
            ),
        ] {
            let refusal = error.refusal("document");
            let compared = (refusal.expected.as_deref(), refusal.found.as_deref());
            assert_eq!(compared, (Some(expected), Some(found)));
        }
        let with = |passed_over| TrustError::NotApproved {
            threshold: 1,
            persons: Vec::new(),
            passed_over,
        };
        assert_eq!(with(Vec::new()).refusal("bundle").hint, None);
        assert!(with(nobody()).refusal("bundle").hint.unwrap().ends_with("of nobody"));
    }
}
