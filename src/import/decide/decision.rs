//! What was decided, about one artifact and about all of a bundle, as the ledger and reports keep it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::crypto::strict_json;
use crate::import::site::Origin;
use crate::model::{Code, Digest, Level, Refusal};
use crate::policy::{Decision, Hit, Mode, Policy, Scan, ScanResult, Side, Verdict};
use crate::report::ScannerRun;
use crate::trust::Profile;

/// What became of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// The policy allows it.
    Allowed,
    /// The policy left it to persons, and enough of them signed for it.
    Reviewed,
    /// The enclave is for an evaluation, whose policy only shows what it would do.
    Evaluation,
    /// The policy leaves it to persons, and too few of them signed for it: not admitted.
    Waiting,
    /// Not admitted.
    Denied,
}

impl Admission {
    /// Whether it is published.
    pub const fn is_admitted(self) -> bool {
        matches!(self, Self::Allowed | Self::Reviewed | Self::Evaluation)
    }

    /// Reads the word in reports.
    pub fn read(word: &str) -> Option<Self> {
        [
            Self::Allowed,
            Self::Reviewed,
            Self::Evaluation,
            Self::Waiting,
            Self::Denied,
        ]
        .into_iter()
        .find(|admission| admission.word() == word)
    }

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Reviewed => "reviewed",
            Self::Evaluation => "evaluation",
            Self::Waiting => "waiting",
            Self::Denied => "denied",
        }
    }
}

/// What was decided about one artifact, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactDecision {
    /// What became of it.
    pub admission: Admission,
    /// What the policy says, with every hit.
    pub decision: Decision,
    /// Its bytes.
    pub digest: Digest,
    /// The best level of its name so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Level>,
    /// The policy's digest.
    pub policy: Digest,
    /// The policy's version.
    pub policy_version: u64,
    /// The persons whose signed review admitted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewed_by: Vec<String>,
    /// What each scanner of the site said of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<ScanTold>,
}

/// What a scanner said of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanTold {
    /// What was found, or why it was not scanned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The scanner's name, as policies call it.
    pub engine: String,
    /// `clean`, `found` or `not-scanned`.
    pub result: String,
    /// `export` where somebody on the sending side recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
}

impl From<&Scan> for ScanTold {
    fn from(scan: &Scan) -> Self {
        let (result, detail) = match &scan.result {
            ScanResult::Clean => ("clean", None),
            ScanResult::Found(name) => ("found", Some(name.clone())),
            ScanResult::NotScanned(why) => ("not-scanned", Some(why.clone())),
        };
        Self {
            detail,
            engine: scan.engine.clone(),
            result: result.to_owned(),
            side: (scan.side == Side::Export).then(|| "export".to_owned()),
        }
    }
}

impl ArtifactDecision {
    /// Whether it is published though the policy's rules alone would not let it pass: by a waiver, by persons, or because the enclave is for evaluation.
    pub(in crate::import) fn passes_by_exception(&self) -> bool {
        let is_waived = self.decision.hits.iter().any(|hit| hit.waived_by.is_some());
        self.admission.is_admitted() && (self.admission != Admission::Allowed || is_waived)
    }

    /// What the ledger keeps: canonical JSON.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&strict_json::write(self)).into_owned()
    }

    /// Reads what [`ArtifactDecision::text`] wrote; `None` for what was recorded before there were policies.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The hits that stand in its way, the worst first.
    pub fn open(&self) -> Vec<&Hit> {
        open_hits(&self.decision)
    }
}

/// Artifacts of one ecosystem by what became of them.
pub type Counts = BTreeMap<Admission, u64>;

/// What the policy decided about a bundle.
#[derive(Debug, Clone)]
pub struct Decisions {
    /// The policy's name.
    pub policy_id: String,
    /// Its version.
    pub policy_version: u64,
    /// Its digest.
    pub policy: Digest,
    /// Where it comes from.
    pub policy_origin: Origin,
    /// Who signed it; nobody where it does not stand.
    pub policy_signed_by: Vec<String>,
    /// Whether the policy only shows what it would do.
    pub mode: Mode,
    /// What is asked of the bundle as a whole.
    pub bundle: Decision,
    /// What became of the artifacts, by ecosystem.
    pub counts: BTreeMap<String, Counts>,
    /// The levels that they reach, by ecosystem.
    pub levels: BTreeMap<String, BTreeMap<Level, u64>>,
    /// What the rules alone say, where the policy only shows what it would do.
    pub rules_say: BTreeMap<Verdict, u64>,
    /// How many artifacts a waiver or a review let pass.
    pub waived: u64,
    /// The first of those that are not admitted, each with its rule.
    pub kept_out: Vec<Refusal>,
    /// How many are not admitted.
    pub kept_out_count: u64,
    /// What each scanner of the site came to.
    pub scanners: Vec<ScannerRun>,
    /// What was not asked, or not counted, in words.
    pub not_asked: Vec<String>,
}

impl Decisions {
    /// How many artifacts became something.
    pub fn count(&self, admission: Admission) -> u64 {
        self.counts.values().filter_map(|counts| counts.get(&admission)).sum()
    }
}

/// The hits that stand in the way, the worst first, otherwise in their order.
pub(in crate::import) fn open_hits(decision: &Decision) -> Vec<&Hit> {
    let of = |verdict| decision.hits.iter().filter(move |hit| hit.verdict == verdict);
    of(Verdict::Deny).chain(of(Verdict::Review)).collect()
}

pub(in crate::import) fn codes(decision: &Decision) -> BTreeSet<String> {
    open_hits(decision)
        .iter()
        .map(|hit| hit.code.name().to_owned())
        .collect()
}

pub(super) fn says(hit: &Hit) -> String {
    format!("{} ({})", hit.message, hit.rule)
}

/// Whether an enclave is for an evaluation, and its policy only shows what it would do.
pub(in crate::import) fn only_shows(profile: Profile, policy: &Policy) -> bool {
    profile == Profile::Evaluation && policy.mode == Mode::Evaluate
}

/// Whether something was found that is not only missing but wrong. That is published nowhere without a person's decision, an evaluation included.
pub(in crate::import) fn is_wrong(decision: &Decision) -> bool {
    open_hits(decision).iter().any(|hit| {
        hit.verdict == Verdict::Deny
            && matches!(
                hit.code,
                Code::EvidenceInvalid
                    | Code::IdentityMismatch
                    | Code::PublisherChanged
                    | Code::EvidenceDowngraded
                    | Code::KnownMalicious
                    | Code::Denylisted
                    | Code::ScanPositive
            )
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A decision with these findings of the rules.
    pub(in crate::import::decide) fn decided(
        admission: Admission,
        hits: &[(Code, Verdict, Option<&str>)],
    ) -> ArtifactDecision {
        let hits = hits.iter().map(|(code, verdict, waived_by)| {
            let words = |what: &str| format!("{what} of {}", code.name());
            let mut hit = Hit::new(*code, *verdict, "rule".to_owned(), words("message"), words("solution"));
            hit.waived_by = waived_by.map(str::to_owned);
            hit
        });
        ArtifactDecision {
            admission,
            decision: Decision {
                hits: hits.collect(),
                reached: Level::None,
                required: Level::None,
                required_by: "levels.default".to_owned(),
                rules_say: Verdict::Allow,
                verdict: Verdict::Allow,
            },
            digest: Digest::of(b"artifact"),
            floor: None,
            policy: Digest::of(b"policy"),
            policy_version: 1,
            reviewed_by: Vec::new(),
            scans: Vec::new(),
        }
    }

    #[test]
    fn what_became_of_an_artifact_is_read_by_its_own_word() {
        for word in ["allowed", "reviewed", "evaluation", "waiting", "denied"] {
            assert_eq!(Admission::read(word).map(Admission::word), Some(word));
        }
        assert_eq!(Admission::read("admitted"), None);
    }

    #[test]
    fn an_exception_is_what_is_admitted_and_would_not_be_by_the_rules_alone() {
        let passes = |admission, waived_by| {
            decided(admission, &[(Code::TooNew, Verdict::Allow, waived_by)]).passes_by_exception()
        };
        for (admission, plain, waived) in [
            (Admission::Allowed, false, true),
            (Admission::Reviewed, true, true),
            (Admission::Evaluation, true, true),
            (Admission::Waiting, false, false),
            (Admission::Denied, false, false),
        ] {
            let found = (passes(admission, None), passes(admission, Some("W-1")));
            assert_eq!(found, (plain, waived), "{admission:?}");
        }
    }

    #[test]
    fn wrong_is_what_is_denied_for_more_than_something_missing() {
        let wrong = |code, verdict| is_wrong(&decided(Admission::Denied, &[(code, verdict, None)]).decision);
        assert!(wrong(Code::EvidenceInvalid, Verdict::Deny));
        assert!(!wrong(Code::EvidenceInvalid, Verdict::Review));
        assert!(!wrong(Code::EvidenceInvalid, Verdict::Allow));
        assert!(!wrong(Code::EvidenceTooLow, Verdict::Deny));
    }
}
