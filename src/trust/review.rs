//! Reviews: named persons' signed decisions about artifacts that the policy leaves to people (`bundle-spec/policy.md` §8).
//!
//! Threats, each with its defence:
//! - A decision that serves for something else than was looked at: it names the bundle by its manifest's digest, each artifact by its bytes,
//!   the policy by its digest, and every code that the person saw.
//! - A decision that outlives its reason: it expires.
//! - One person with many keys, or the exporter in person: persons are counted, and whoever exported the bundle does not count.
//! - A signature made for something else: the payload type is checked first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::approval::{Decision, MAX_REASON_BYTES, MAX_TICKET_BYTES};
use super::{Kind, Revocations, Role, Root, TrustError};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::key::{SignError, Signer};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::{Digest, Timestamp};

/// The most artifacts of one document: with 300 bytes each it stays within an envelope.
pub const MAX_REVIEWED: usize = 2_000;

/// The most documents that are counted for one bundle: a hundred thousand artifacts by several persons.
pub const MAX_REVIEWS: usize = 1_000;

/// How long a review may count.
pub const MAX_VALID_DAYS: u32 = 90;

/// The longest package URL.
const MAX_SUBJECT_BYTES: usize = 2_000;

/// One person's decision about some artifacts of one bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// The artifacts.
    pub artifacts: Vec<Reviewed>,
    /// When the person decided.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// What the person decided.
    pub decision: Decision,
    /// After this time it no longer counts.
    pub expires: Timestamp,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// The digest of the bundle's manifest.
    pub manifest: Digest,
    /// The digest of the policy that left it open.
    pub policy: Digest,
    /// Why, in the person's words.
    pub reason: String,
    /// Where the request is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// One artifact, with what the person saw of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// The codes that were open.
    pub codes: BTreeSet<String>,
    /// Its bytes.
    pub digest: Digest,
    /// Its package URL.
    pub purl: String,
}

/// A review cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// It does not keep its own rules.
    #[error("the review does not keep its rules")]
    Rules(#[from] TrustError),
    /// It cannot be signed.
    #[error("cannot sign the review")]
    Sign(#[from] SignError),
}

impl Review {
    /// Reads a review. Who signed it is not looked at.
    ///
    /// # Errors
    /// [`TrustError`] for what is not strict JSON or does not keep the rules of a review.
    pub fn read(untrusted_payload: &[u8]) -> Result<Self, TrustError> {
        let this: Self = strict_json::read(untrusted_payload)?;
        this.check()?;
        Ok(this)
    }

    /// Seals the review with one person's key.
    ///
    /// # Errors
    /// [`ReviewError`] if it does not keep its rules, or the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Envelope, ReviewError> {
        self.check()?;
        Ok(super::sign(Kind::Review, strict_json::write(self), &[signer])?)
    }

    fn check(&self) -> Result<(), TrustError> {
        let fault = |field, reason| Err(TrustError::Field { field, reason });
        if self.artifacts.is_empty() || self.artifacts.len() > MAX_REVIEWED {
            return fault("artifacts", "must have between 1 and 2000 entries");
        }
        if self.reason.trim().is_empty() {
            return fault("reason", "is empty");
        }
        let texts = [("reason", &self.reason, MAX_REASON_BYTES)]
            .into_iter()
            .chain(self.ticket.iter().map(|ticket| ("ticket", ticket, MAX_TICKET_BYTES)))
            .chain(
                self.artifacts
                    .iter()
                    .map(|artifact| ("purl", &artifact.purl, MAX_SUBJECT_BYTES)),
            );
        for (field, text, max_bytes) in texts {
            if text.len() > max_bytes {
                return fault(field, "is too long");
            }
            if text.chars().any(char::is_control) {
                return fault(field, "holds a control character");
            }
        }
        if self.expires < self.created {
            return fault("expires", "is before `created`");
        }
        if self.expires > self.created.plus_days(MAX_VALID_DAYS) {
            return fault("expires", "is more than 90 days after `created`");
        }
        Ok(())
    }
}

/// The decisions about one bundle that count, by artifact.
#[derive(Debug, Clone, Default)]
pub struct Reviews {
    by_artifact: BTreeMap<(Digest, String), Vec<Said>>,
    /// What was not counted, and why, in words.
    pub passed_over: Vec<String>,
}

#[derive(Debug, Clone)]
struct Said {
    person: String,
    decision: Decision,
    codes: BTreeSet<String>,
    reason: String,
}

/// What persons have decided about one artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Not enough have; who has.
    Open(Vec<String>),
    /// Enough have approved all that is open; who.
    Approved(Vec<String>),
    /// Somebody rejected it: who and why.
    Rejected {
        /// The person.
        person: String,
        /// The reason that the person gave.
        reason: String,
    },
}

/// For which bundle and policy reviews are counted, and when.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The bundle.
    pub manifest: Digest,
    /// The policy.
    pub policy: Digest,
    /// The persons who exported the bundle: they do not count.
    pub exporters: &'a [String],
    /// What the site no longer believes: revoked keys sign nothing.
    pub revocations: Option<&'a Revocations>,
    /// The enclave's time.
    pub now: Timestamp,
}

impl Reviews {
    /// Counts the reviews of a bundle. What does not count is passed over, and said: nobody can block an import by putting a file beside others.
    pub fn count(root: &Root, untrusted_envelopes: &[Vec<u8>], asked: &Asked<'_>) -> Self {
        let mut this = Self::default();
        if untrusted_envelopes.len() > MAX_REVIEWS {
            this.passed_over.push(format!(
                "{} reviews lie there, and the first {MAX_REVIEWS} were looked at",
                untrusted_envelopes.len()
            ));
        }
        for (index, bytes) in untrusted_envelopes.iter().take(MAX_REVIEWS).enumerate() {
            if let Err(reason) = this.take(root, bytes, asked) {
                this.passed_over.push(format!("review {}: {reason}", index + 1));
            }
        }
        this
    }

    fn take(&mut self, root: &Root, bytes: &[u8], asked: &Asked<'_>) -> Result<(), String> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err("it is longer than an envelope may be".to_owned());
        }
        let envelope = Envelope::read(bytes).map_err(|error| error.to_string())?;
        let mut persons: BTreeSet<String> = BTreeSet::new();
        for role in ROLES {
            let signers = root
                .signers(role, Kind::Review, &envelope)
                .map_err(|error| error.to_string())?;
            let standing = signers.into_iter().filter(|signer| {
                let revoked = asked
                    .revocations
                    .and_then(|document| document.key(&signer.key.to_string()));
                revoked.is_none()
            });
            persons.extend(standing.map(|signer| signer.person));
        }
        if persons.is_empty() {
            return Err(
                "nobody signed it who has the role policy or approve, with a key that is not revoked".to_owned(),
            );
        }
        // Parsed once somebody vouches for its bytes.
        let review = Review::read(&envelope.payload).map_err(|error| error.to_string())?;
        if review.manifest != asked.manifest {
            return Err("it is about another bundle".to_owned());
        }
        if review.policy != asked.policy {
            return Err(format!("it was decided under another policy, {}", review.policy));
        }
        if asked.now > review.expires {
            return Err(format!("it expired at {}", review.expires));
        }
        let before = persons.len();
        persons.retain(|person| !asked.exporters.contains(person));
        if persons.len() < before {
            self.passed_over
                .push("a review by a person who exported the bundle does not count".to_owned());
        }
        for artifact in review.artifacts {
            let entry = self.by_artifact.entry((artifact.digest, artifact.purl)).or_default();
            for person in &persons {
                entry.push(Said {
                    person: person.clone(),
                    decision: review.decision,
                    codes: artifact.codes.clone(),
                    reason: review.reason.clone(),
                });
            }
        }
        Ok(())
    }

    /// What persons decided about an artifact for which these codes are open.
    pub fn answer(&self, digest: Digest, purl: &str, open: &BTreeSet<String>, persons: u32) -> Answer {
        let said = self
            .by_artifact
            .get(&(digest, purl.to_owned()))
            .map_or(&[][..], Vec::as_slice);
        if let Some(rejected) = said.iter().find(|said| said.decision == Decision::Rejected) {
            return Answer::Rejected {
                person: rejected.person.clone(),
                reason: rejected.reason.clone(),
            };
        }
        let approved: BTreeSet<String> = said
            .iter()
            // Whoever did not see a code has not decided about it.
            .filter(|said| open.is_subset(&said.codes))
            .map(|said| said.person.clone())
            .collect();
        let enough = usize::try_from(persons.max(1)).is_ok_and(|persons| approved.len() >= persons);
        let approved = approved.into_iter().collect();
        if enough {
            Answer::Approved(approved)
        } else {
            Answer::Open(approved)
        }
    }
}

/// Whose persons decide: those who sign policies, and those who approve bundles.
pub const ROLES: [Role; 2] = [Role::Policy, Role::Approve];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;

    #[test]
    fn what_does_not_keep_the_rules_is_neither_signed_nor_read() {
        let review = |reason: &str| Review {
            artifacts: vec![Reviewed {
                codes: BTreeSet::new(),
                digest: Digest::of(b"a"),
                purl: "pkg:generic/a@1".to_owned(),
            }],
            created: Timestamp::from_seconds(1),
            critical: Critical,
            decision: Decision::Approved,
            expires: Timestamp::from_seconds(2),
            ext: Extensions::new(),
            manifest: Digest::of(b"manifest"),
            policy: Digest::of(b"policy"),
            reason: reason.to_owned(),
            ticket: None,
        };
        for (reason, is_read) in [("looked", true), (" ", false)] {
            let read = Review::read(&strict_json::write(&review(reason)));
            assert_eq!(read.is_ok(), is_read, "{reason:?}");
            let signed = review(reason).sign(&FileKey::from_seed(&[7; 32]));
            assert_eq!(signed.is_ok(), is_read, "{reason:?}");
        }
    }
}
