//! Approvals: a second person's consent to a manifest (`bundle-spec/approvals.md`).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Kind, Role, TrustError, TrustedRoot};
use crate::crypto::dsse::Envelope;
use crate::crypto::key::{SignError, Signer};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::{Digest, Timestamp};

/// As many as an envelope may carry signatures.
pub const MAX_APPROVALS: usize = 64;

/// A reason is a sentence or a paragraph, and must fit a report.
pub const MAX_REASON_BYTES: usize = 2000;

/// The summary that a person reads before deciding: what does not fit two screens is not read.
pub const MAX_SEEN_LINES: usize = 100;

/// A ticket's number or address.
pub const MAX_TICKET_BYTES: usize = 200;

/// One person's decision about one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The digest of the manifest's exact bytes.
    pub manifest: Digest,
    /// What the person decided.
    pub decision: Decision,
    /// The lines that the person was shown, made from the very bytes of the manifest.
    pub seen: Vec<String>,
    /// Why, in the person's words.
    pub reason: String,
    /// Where the request is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// When the person decided.
    pub created: Timestamp,
    /// After this time the approval no longer counts.
    pub expires: Timestamp,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
}

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The bundle may be imported.
    Approved,
    /// The bundle may not be imported, whoever else approves it.
    Rejected,
}

/// The approvals of one manifest, enough of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Approved {
    /// Who approved, sorted; nobody where the root asks for no approval and none came.
    pub persons: Vec<String>,
    /// What they signed, in the order of the persons.
    pub approvals: Vec<Approval>,
}

impl Approval {
    /// Reads an approval. Who signed it is not looked at.
    pub fn read(untrusted_payload: &[u8]) -> Result<Self, TrustError> {
        let this: Self = strict_json::read(untrusted_payload)?;
        this.check()?;
        Ok(this)
    }

    /// Seals the approval with one person's key.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Envelope, ApprovalError> {
        self.check()?;
        Ok(super::sign(Kind::Approval, strict_json::write(self), &[signer])?)
    }

    fn check(&self) -> Result<(), TrustError> {
        let fault = |field, reason| Err(TrustError::Field { field, reason });
        if self.reason.trim().is_empty() {
            return fault("reason", "is empty");
        }
        if self.seen.is_empty() || self.seen.len() > MAX_SEEN_LINES {
            return fault("seen", "must have between 1 and 100 lines");
        }
        let texts = self
            .seen
            .iter()
            .map(|line| ("seen", line, MAX_REASON_BYTES))
            .chain([("reason", &self.reason, MAX_REASON_BYTES)])
            .chain(self.ticket.iter().map(|ticket| ("ticket", ticket, MAX_TICKET_BYTES)));
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
        Ok(())
    }
}

/// An approval could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApprovalError {
    /// The document would be refused.
    #[error("the approval would be refused")]
    Document(#[from] TrustError),
    /// The key did not sign.
    #[error("the approval cannot be signed")]
    Sign(#[from] SignError),
}

/// Finds enough approvals of a manifest among envelopes, or says what is missing.
///
/// An envelope without a valid signature of this root is passed over, as is an approval of another manifest: both may
/// lie beside a bundle by accident. A signed rejection, and an approval by a person who signed the manifest, end the
/// search.
pub fn verify(
    root: &TrustedRoot,
    manifest: &Digest,
    manifest_persons: &[String],
    untrusted_envelopes: &[Envelope],
    now: Timestamp,
) -> Result<Approved, TrustError> {
    if untrusted_envelopes.len() > MAX_APPROVALS {
        return Err(TrustError::TooManyApprovals {
            found: untrusted_envelopes.len(),
        });
    }
    let mut approved: BTreeMap<String, Approval> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    let mut passed_over = Vec::new();
    for envelope in untrusted_envelopes {
        let signers = root.document().all_signers(Kind::Approval, envelope)?;
        if signers.is_empty() {
            passed_over.push("one has no valid signature of a key in the root".to_owned());
            continue;
        }
        let approval = Approval::read(&envelope.payload)?;
        if approval.manifest != *manifest {
            passed_over.push(format!("one approves another manifest, {}", approval.manifest));
            continue;
        }
        if let Some(signer) = signers.iter().find(|signer| manifest_persons.contains(&signer.person)) {
            return Err(TrustError::NotSeparate {
                person: signer.person.clone(),
            });
        }
        let approvers = root.document().signers(Role::Approve, Kind::Approval, envelope)?;
        for signer in &signers {
            if !approvers.contains(signer) {
                passed_over.push(format!("{} does not have the role approve", signer.person));
            } else if approval.decision == Decision::Rejected {
                return Err(TrustError::Rejected {
                    person: signer.person.clone(),
                    reason: approval.reason.clone(),
                });
            } else if now > approval.expires {
                passed_over.push(format!("that of {} expired at {}", signer.person, approval.expires));
            } else {
                keys.insert(signer.key);
                approved.insert(signer.person.clone(), approval.clone());
            }
        }
    }
    let threshold = root.document().threshold(Role::Approve);
    let (persons, approvals): (Vec<_>, Vec<_>) = approved.into_iter().unzip();
    if persons.len().min(keys.len()) < threshold as usize {
        return Err(TrustError::NotApproved {
            threshold,
            persons,
            passed_over,
        });
    }
    Ok(Approved { persons, approvals })
}
