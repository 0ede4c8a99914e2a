//! Why a proof does not count, on its way to becoming a finding.

use crate::evidence::x509;
use crate::model::{Doubt, Fault, Finding, Level, Outcome};

/// A check that did not pass: wrong, or not to be judged. Never both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Contradicted or undecided.
    pub(crate) outcome: Outcome,
    /// Why, in one line.
    pub(crate) reason: String,
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
    pub(crate) fn doubt(doubt: Doubt, reason: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Undecided(doubt),
            reason: reason.into(),
        }
    }

    /// Its bytes are not of their format.
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::wrong(Fault::Malformed, reason)
    }

    /// The finding that says so.
    pub(crate) fn finding(&self, kind: &str) -> Finding {
        Finding::new(kind, self.outcome, self.reason.clone())
    }

    /// How much it says, where several anchors were tried: what is wrong before what is not known, and an anchor that fits and
    /// does not count before one that does not fit.
    pub(crate) const fn weight(&self) -> u8 {
        match self.outcome {
            Outcome::Contradicted(_) => 3,
            Outcome::Undecided(Doubt::UnknownSigner) => 1,
            Outcome::Undecided(_) => 2,
            Outcome::Confirmed(_) => 0,
        }
    }
}

/// The finding, with what its judging came to.
pub(crate) fn settled(mut finding: Finding, came_to: Result<(Level, String), Refusal>) -> Finding {
    (finding.outcome, finding.reason) = match came_to {
        Ok((level, reason)) => (Outcome::Confirmed(level), reason),
        Err(refusal) => (refusal.outcome, refusal.reason),
    };
    finding
}

impl From<x509::Refusal> for Refusal {
    fn from(refusal: x509::Refusal) -> Self {
        Self {
            outcome: refusal.outcome(),
            reason: refusal.to_string(),
        }
    }
}

/// Text out of a proof, short enough for one line; control characters are left to the printer's escapes.
pub(crate) fn shown(untrusted: &str) -> String {
    /// The longest text quoted in a reason: a workflow's URI has about 120 characters.
    const LONGEST: usize = 200;
    if untrusted.chars().count() <= LONGEST {
        untrusted.to_owned()
    } else {
        let mut text: String = untrusted.chars().take(LONGEST).collect();
        text.push('…');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_out_of_a_proof_is_cut_where_nobody_reads_on() {
        assert_eq!(shown(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(shown(&"é".repeat(201)), format!("{}…", "é".repeat(200)));
    }
}
