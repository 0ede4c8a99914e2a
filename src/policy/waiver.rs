//! Waivers: what two persons let pass all the same (`bundle-spec/policy.md` §5). A waiver lifts exactly the codes that it lists, for
//! exactly the bytes that it names, until its last day. No other thing lowers what a rule asks for.

use std::collections::HashMap;

use super::check::{MAX_WAIVER_DAYS, MIN_WAIVER_PERSONS};
use super::document::{Policy, Waiver};
use super::{Case, Ecosystems, Hit, Verdict};
use crate::model::{Code, Digest, Timestamp};

/// Whether a waiver may name a code: a list of what may, so that a new code may not until somebody has thought about it.
pub(crate) const fn may_be_waived(code: Code) -> bool {
    matches!(
        code,
        Code::Denylisted
            | Code::EvidenceDowngraded
            | Code::EvidenceInvalid
            | Code::EvidenceTooLow
            | Code::FirstSeenName
            | Code::IdentityMismatch
            | Code::KnownMalicious
            | Code::KnownVulnerable
            | Code::LicenceNotAllowed
            | Code::NoRuleMatches
            | Code::PublisherChanged
            | Code::PublisherTrustEnded
            | Code::ScanMissing
            | Code::ScanPositive
            | Code::SimilarName
            | Code::TooNew
            | Code::TooOld
    )
}

/// The waivers of a policy, by the bytes that they are about.
pub(crate) struct Waivers<'p>(HashMap<Digest, Vec<&'p Waiver>>);

impl<'p> Waivers<'p> {
    pub(crate) fn new(policy: &'p Policy) -> Self {
        let mut by_digest: HashMap<Digest, Vec<&Waiver>> = HashMap::new();
        for waiver in &policy.waivers {
            by_digest.entry(waiver.digest).or_default().push(waiver);
        }
        Self(by_digest)
    }

    /// The waivers for an artifact's bytes, if they also name its name and version.
    pub(crate) fn of<'s>(
        &'s self,
        case: &'s Case<'_>,
        key: &'s str,
        ecosystems: &'s Ecosystems,
    ) -> impl Iterator<Item = &'p Waiver> + 's {
        let artifact = case.artifact;
        self.0
            .get(&artifact.digest)
            .into_iter()
            .flatten()
            .copied()
            .filter(move |waiver| {
                let scope = &waiver.scope;
                // A version has one spelling here: what compares as equal elsewhere is other bytes.
                scope.clone().folded(ecosystems).covers(&artifact.ecosystem, key)
                    && scope.versions().and_then(|versions| versions.exact()) == Some(artifact.version.as_str())
            })
    }

    /// Lifts the hits that waivers cover, and says which waivers would cover something if they were still good.
    pub(crate) fn apply(
        &self,
        case: &Case<'_>,
        key: &str,
        ecosystems: &Ecosystems,
        now: Timestamp,
        hits: &mut Vec<Hit>,
    ) {
        let mut spent = Vec::new();
        for waiver in self.of(case, key, ecosystems) {
            let problem = problem(waiver, now);
            let covered = hits.iter_mut().filter(|hit| {
                hit.verdict > Verdict::Allow && may_be_waived(hit.code) && waiver.codes.contains(hit.code.name())
            });
            match problem {
                None => covered.for_each(|hit| {
                    hit.verdict = Verdict::Allow;
                    hit.waived_by = Some(waiver.id.clone());
                }),
                Some(problem) if covered.count() > 0 => spent.push((waiver, problem)),
                Some(_) => {}
            }
        }
        hits.extend(spent.into_iter().map(|(waiver, message)| Hit {
            code: Code::WaiverInvalid,
            // It lifts nothing, so what it would have lifted still stands.
            verdict: Verdict::Allow,
            rule: waiver.path(),
            message,
            solution: "write the waiver anew, or take it out".to_owned(),
            lowered: None,
            waived_by: None,
            counts_from: None,
        }));
    }
}

/// Why a waiver does not count today.
pub(crate) fn problem(waiver: &Waiver, now: Timestamp) -> Option<String> {
    if waiver.expires.end() < now {
        Some(format!("the waiver ended on {}", waiver.expires))
    } else if waiver.expires.days_after(now) > i64::from(MAX_WAIVER_DAYS) {
        Some(format!(
            "the waiver runs until {}, more than {MAX_WAIVER_DAYS} days from now",
            waiver.expires
        ))
    } else if waiver.approved_by.len() < MIN_WAIVER_PERSONS {
        Some("fewer than two persons approved the waiver".to_owned())
    } else {
        None
    }
}
