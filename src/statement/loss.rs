//! Reports that are truly lost: persons have taken note, and the enclave goes on.

use serde::{Deserialize, Serialize};

use super::AbsentReport;
use super::document::{check_texts, fault};
use crate::crypto::strict_json::{Critical, Extensions};
use crate::model::{Digest, Timestamp};
use crate::trust::TrustError;

/// The most reports that one document names: who has lost more needs another plan.
const MAX_LOST: usize = 1_000;

/// Which reports are lost, and why that is to be borne.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loss {
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
    /// Why, in the persons' words.
    pub reason: String,
    /// What is lost, by number: what the log still says of each.
    pub reports: Vec<AbsentReport>,
    /// Where the request is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

impl Loss {
    pub(super) fn check(&self) -> Result<(), TrustError> {
        check_texts(&self.reason, self.ticket.as_deref())?;
        if self.reports.is_empty() || self.reports.len() > MAX_LOST {
            return Err(fault("reports", "must have between 1 and 1000 entries"));
        }
        if self.reports.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(fault("reports", "are not in ascending order"));
        }
        Ok(())
    }
}
