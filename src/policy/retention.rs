//! How long records are kept: days for each class of records (`bundle-spec/retention.md` §1).
//!
//! What regimes ask for, as the facts have it: evidence of the last three years is sampled (NERC CIP); ten years, or as long as the
//! product is supported (EU CRA Art. 13); a programme's life (DoD, FDA). No primary text of these was read: a site sets what its own regime says.

use serde::{Deserialize, Serialize};

/// Three years: what is sampled (NERC CIP, not read in a primary text).
const THREE_YEARS: u32 = 1_096;

/// Ten years (EU CRA, not read in a primary text).
const TEN_YEARS: u32 = 3_653;

/// How many days each class is kept; `null`: always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Approvals of bundles.
    pub approval_days: Option<u32>,
    /// Artifacts' bytes, once no generation that is kept shows them.
    pub artifact_days: Option<u32>,
    /// What reports were judged by, of which capsules are made.
    pub capsule_days: Option<u32>,
    /// Proofs' bytes, once no generation that is kept shows their artifacts.
    pub proof_days: Option<u32>,
    /// Reports of refusals.
    pub refusal_days: Option<u32>,
    /// Reports of imports.
    pub report_days: Option<u32>,
    /// Persons' decisions about artifacts.
    pub review_days: Option<u32>,
}

/// A class of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordClass {
    /// A report of an import.
    Report,
    /// A report of a refusal.
    Refusal,
    /// An approval of a bundle.
    Approval,
    /// A person's decision about artifacts.
    Review,
    /// What a report was judged by, of which its capsule is made.
    Capsule,
    /// The bytes of a proof.
    Proof,
    /// The bytes of an artifact.
    Artifact,
}

impl RecordClass {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Report,
        Self::Refusal,
        Self::Approval,
        Self::Review,
        Self::Capsule,
        Self::Proof,
        Self::Artifact,
    ];

    /// The word in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Refusal => "refusal",
            Self::Approval => "approval",
            Self::Review => "review",
            Self::Capsule => "capsule",
            Self::Proof => "proof",
            Self::Artifact => "artifact",
        }
    }

    /// What it is, in words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Report => "reports of imports",
            Self::Refusal => "reports of refusals",
            Self::Approval => "approvals of bundles",
            Self::Review => "persons' decisions about artifacts",
            Self::Capsule => "what reports were judged by",
            Self::Proof => "proofs that no kept generation needs",
            Self::Artifact => "artifacts that no kept generation shows",
        }
    }

    /// The rule of the policy that says how long.
    pub fn rule(self) -> String {
        format!("retention.{}_days", self.name())
    }
}

impl Default for Retention {
    /// What counts where a policy says nothing. It may become longer in later versions of this program, and never shorter.
    fn default() -> Self {
        Self {
            approval_days: Some(TEN_YEARS),
            artifact_days: None,
            capsule_days: Some(TEN_YEARS),
            proof_days: Some(TEN_YEARS),
            refusal_days: Some(THREE_YEARS),
            report_days: Some(TEN_YEARS),
            review_days: Some(TEN_YEARS),
        }
    }
}

impl Retention {
    /// How many days a class is kept; `None`: always.
    pub const fn days(&self, class: RecordClass) -> Option<u32> {
        match class {
            RecordClass::Report => self.report_days,
            RecordClass::Refusal => self.refusal_days,
            RecordClass::Approval => self.approval_days,
            RecordClass::Review => self.review_days,
            RecordClass::Capsule => self.capsule_days,
            RecordClass::Proof => self.proof_days,
            RecordClass::Artifact => self.artifact_days,
        }
    }
}
