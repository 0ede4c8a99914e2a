//! Why a check did not pass, before it is a finding of some kind.

use crate::model::{Doubt, Fault, Finding, Outcome};

/// A check that did not pass: wrong, or not to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    outcome: Outcome,
    reason: String,
}

impl Refusal {
    /// Checked, and wrong.
    pub(crate) fn wrong(fault: Fault, reason: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Contradicted(fault),
            reason: reason.into(),
        }
    }

    /// Could not be checked.
    pub(crate) fn unsure(doubt: Doubt, reason: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Undecided(doubt),
            reason: reason.into(),
        }
    }

    /// Its bytes are not of its format.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::wrong(Fault::Malformed, reason)
    }

    /// What it came to.
    pub(crate) fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Says whose part it is about, before the reason.
    pub(crate) fn of(mut self, part: &str) -> Self {
        self.reason = format!("{part}: {}", self.reason);
        self
    }

    /// The same reason as another fault, if it is a fault.
    pub(crate) fn with_fault(mut self, fault: Fault) -> Self {
        if let Outcome::Contradicted(_) = self.outcome {
            self.outcome = Outcome::Contradicted(fault);
        }
        self
    }

    /// As a finding.
    pub(crate) fn into_finding(self, kind: &str) -> Finding {
        Finding::new(kind, self.outcome, self.reason)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}
