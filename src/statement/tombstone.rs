//! What was removed because its time was over and nothing held it.

use serde::{Deserialize, Serialize};

use super::AbsentReport;
use super::document::fault;
use crate::crypto::strict_json::{Critical, Extensions};
use crate::model::{Digest, RelativePath, Timestamp};
use crate::policy::RecordClass;
use crate::trust::TrustError;

/// The most entries of one tombstone: with 300 bytes each it stays within an envelope.
pub const MAX_PRUNED: usize = 2_000;

/// What was removed, under which rule, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// The time at which it was judged what is over.
    pub at: Timestamp,
    /// When it was signed, by the enclave's clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// The enclave.
    pub enclave: Digest,
    /// What was removed, by class and path.
    pub entries: Vec<Pruned>,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// 1.
    pub format: u64,
    /// The policy whose classes counted.
    pub policy: PolicyNamed,
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyNamed {
    /// Its digest.
    pub digest: Digest,
    /// Its name.
    pub id: String,
    /// Its version.
    pub version: u64,
}

/// One file that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruned {
    /// Its class.
    pub class: RecordClass,
    /// For how many days that class was kept.
    pub days: u32,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Where it lay, below the enclave's folder.
    pub path: String,
    /// What is still known of a report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<AbsentReport>,
    /// How many bytes it had.
    pub size: u64,
    /// Until when it was kept.
    pub until: Timestamp,
}

impl Tombstone {
    /// The reports among what was removed.
    pub fn reports(&self) -> impl Iterator<Item = &AbsentReport> {
        self.entries.iter().filter_map(|entry| entry.report.as_ref())
    }

    /// The objects among what was removed.
    pub fn objects(&self) -> impl Iterator<Item = Digest> {
        let of_store = |entry: &&Pruned| matches!(entry.class, RecordClass::Artifact | RecordClass::Proof);
        self.entries.iter().filter(of_store).map(|entry| entry.digest)
    }

    pub(super) fn check(&self) -> Result<(), TrustError> {
        if self.entries.is_empty() || self.entries.len() > MAX_PRUNED {
            return Err(fault("entries", "must have between 1 and 2000 entries"));
        }
        if self.at > self.created {
            return Err(fault("at", "is after `created`"));
        }
        for entry in &self.entries {
            // What is removed by a path out of a document must lie where records lie.
            let is_below = RelativePath::new(entry.path.as_str()).is_ok()
                && ["reports/", "reviews/", "store/objects/"]
                    .iter()
                    .any(|folder| entry.path.starts_with(folder));
            if !is_below {
                return Err(fault("path", "is not where records lie"));
            }
            if entry.until > self.at {
                return Err(fault("until", "is after `at`"));
            }
            let is_report = matches!(entry.class, RecordClass::Report | RecordClass::Refusal);
            if is_report != entry.report.is_some() {
                return Err(fault("report", "stands where there is a report, and nowhere else"));
            }
        }
        Ok(())
    }
}
