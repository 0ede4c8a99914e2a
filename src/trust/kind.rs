//! Kinds of signed documents, and the roles that sign them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TrustError;
use crate::crypto::dsse::Envelope;

/// A kind of signed document. Each has its own payload type, so that no signature can serve for another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Who may sign what.
    Root,
    /// What is in a bundle.
    Manifest,
    /// A second person's consent to a manifest.
    Approval,
    /// What the site admits.
    Policy,
    /// A person's decision about artifacts that the policy leaves to people.
    Review,
    /// The site's anchors of upstream trust.
    TrustData,
    /// What is no longer good.
    Revocations,
    /// What an import found.
    Report,
    /// What the enclave holds.
    Receipt,
    /// What happened to media on their way.
    Custody,
    /// What must not be removed for now.
    Hold,
    /// That a hold has ended.
    Release,
    /// What was removed because its time was over.
    Tombstone,
    /// Old seals sealed anew.
    Renewal,
    /// That reports are lost, and that work goes on all the same.
    Loss,
    /// What a person who had no part in an import says of its report.
    Countersignature,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Root,
        Self::Manifest,
        Self::Approval,
        Self::Policy,
        Self::Review,
        Self::TrustData,
        Self::Revocations,
        Self::Report,
        Self::Receipt,
        Self::Custody,
        Self::Hold,
        Self::Release,
        Self::Tombstone,
        Self::Renewal,
        Self::Loss,
        Self::Countersignature,
    ];

    /// The payload type in envelopes of this kind.
    pub const fn payload_type(self) -> &'static str {
        match self {
            Self::Root => "application/vnd.sealift.root.v1+json",
            Self::Manifest => "application/vnd.sealift.manifest.v1+json",
            Self::Approval => "application/vnd.sealift.approval.v1+json",
            Self::Policy => "application/vnd.sealift.policy.v1+json",
            Self::Review => "application/vnd.sealift.review.v1+json",
            Self::TrustData => "application/vnd.sealift.trust-data.v1+json",
            Self::Revocations => "application/vnd.sealift.revocations.v1+json",
            Self::Report => "application/vnd.sealift.report.v1+json",
            Self::Receipt => "application/vnd.sealift.receipt.v1+json",
            Self::Custody => "application/vnd.sealift.custody.v1+json",
            Self::Hold => "application/vnd.sealift.hold.v1+json",
            Self::Release => "application/vnd.sealift.release.v1+json",
            Self::Tombstone => "application/vnd.sealift.tombstone.v1+json",
            Self::Renewal => "application/vnd.sealift.renewal.v1+json",
            Self::Loss => "application/vnd.sealift.loss.v1+json",
            Self::Countersignature => "application/vnd.sealift.countersignature.v1+json",
        }
    }

    /// The kind with a payload type.
    pub fn of_payload_type(payload_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.payload_type() == payload_type)
    }

    /// Fails unless an envelope holds a document of this kind. Comes before anything is verified or parsed.
    pub fn check(self, envelope: &Envelope) -> Result<(), TrustError> {
        if envelope.payload_type == self.payload_type() {
            return Ok(());
        }
        Err(TrustError::WrongKind {
            expected: self,
            found: envelope.payload_type.chars().take(100).collect(),
        })
    }

    /// What people call such a document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Manifest => "manifest",
            Self::Approval => "approval",
            Self::Policy => "policy",
            Self::Review => "review",
            Self::TrustData => "trust data",
            Self::Revocations => "revocations",
            Self::Report => "report",
            Self::Receipt => "receipt",
            Self::Custody => "custody record",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Tombstone => "tombstone",
            Self::Renewal => "renewal",
            Self::Loss => "loss",
            Self::Countersignature => "countersignature",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a key may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Roots.
    Root,
    /// Trust data and revocations.
    Trust,
    /// Policies and waivers.
    Policy,
    /// Manifests.
    Export,
    /// Approvals of manifests.
    Approve,
    /// Receipts and reports.
    Import,
    /// Checkpoints of the enclave's log.
    Log,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 7] = [
        Self::Root,
        Self::Trust,
        Self::Policy,
        Self::Export,
        Self::Approve,
        Self::Import,
        Self::Log,
    ];

    /// The word in a root.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Trust => "trust",
            Self::Policy => "policy",
            Self::Export => "export",
            Self::Approve => "approve",
            Self::Import => "import",
            Self::Log => "log",
        }
    }

    /// The role with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
