//! Waivers: what two persons let pass all the same (`bundle-spec/policy.md` §5). A waiver lifts exactly the codes that it lists, for
//! exactly the bytes that it names, until its last day, if those who approved it have signed the policy that holds it. No other thing lowers what a
//! rule asks for.
//!
//! Threats, each with its defence:
//! - One person who writes down two names: whoever approves a waiver must have signed the policy, which the enclave has verified.
//! - A waiver for one proof that lets a forged one pass: what may be waived of a proof is said fault by fault.

use std::collections::HashMap;

use super::check::{MAX_WAIVER_DAYS, MIN_WAIVER_PERSONS};
use super::document::{Policy, Waiver};
use super::{Case, Ecosystems, Hit, Surroundings, Verdict};
use crate::model::{Code, Digest, Fault, Timestamp};

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

/// Whether a waiver may lift a proof that is wrong for this reason (`bundle-spec/policy.md` §5): where its age, strength or form is at fault, it proves
/// nothing. Everything else says that the bytes, the signer or the order are not what they claim to be.
const fn fault_may_be_waived(fault: Fault) -> bool {
    match fault {
        Fault::Expired | Fault::IdentityDiffers | Fault::Malformed | Fault::NotValidThen | Fault::Weak => true,
        Fault::ChainWrong
        | Fault::LogWrong
        | Fault::Revoked
        | Fault::RolledBack
        | Fault::SignatureWrong
        | Fault::SubjectDiffers
        | Fault::TimeWrong => false,
    }
}

/// Whether any waiver may lift what was found.
fn is_waivable(hit: &Hit) -> bool {
    may_be_waived(hit.code) && hit.fault.is_none_or(fault_may_be_waived)
}

fn covers(waiver: &Waiver, hit: &Hit) -> bool {
    let lists = |code: Code| waiver.codes.contains(code.name());
    hit.verdict > Verdict::Allow && is_waivable(hit) && (lists(hit.code) || hit.also.is_some_and(lists))
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

    /// Lifts the hits that waivers cover. What a waiver would cover if it counted says why it does not.
    pub(crate) fn apply(&self, case: &Case<'_>, key: &str, surroundings: &Surroundings<'_>, hits: &mut Vec<Hit>) {
        let mut spent = Vec::new();
        for waiver in self.of(case, key, &surroundings.ecosystems) {
            if let Some(problem) = problem(waiver, surroundings.now, surroundings.policy_signers) {
                spent.push((waiver, problem));
                continue;
            }
            for hit in hits.iter_mut().filter(|hit| covers(waiver, hit)) {
                hit.verdict = Verdict::Allow;
                hit.waived_by = Some(waiver.id.clone());
                hit.approved_by = waiver.approved_by.iter().cloned().collect();
            }
        }
        for (waiver, problem) in spent {
            let mut is_missed = false;
            for hit in hits.iter_mut().filter(|hit| covers(waiver, hit)) {
                is_missed = true;
                hit.message.push_str("; ");
                hit.message.push_str(&problem);
            }
            if is_missed {
                // It lifts nothing, so what it would have lifted still stands.
                let solution = "write the waiver anew, or take it out".to_owned();
                hits.push(Hit::new(
                    Code::WaiverInvalid,
                    Verdict::Allow,
                    waiver.path(),
                    problem,
                    solution,
                ));
            }
        }
    }
}

/// Why a waiver does not count today, by a policy that these persons have signed.
pub(crate) fn problem(waiver: &Waiver, now: Timestamp, policy_signers: Option<&[String]>) -> Option<String> {
    let id = &waiver.id;
    if waiver.expires.end() < now {
        Some(format!("waiver {id} ended on {}", waiver.expires))
    } else if waiver.expires.days_after(now) > i64::from(MAX_WAIVER_DAYS) {
        Some(format!(
            "waiver {id} runs until {}, more than {MAX_WAIVER_DAYS} days from now",
            waiver.expires
        ))
    } else if waiver.approved_by.len() < MIN_WAIVER_PERSONS {
        Some(format!("fewer than two persons approved waiver {id}"))
    } else {
        policy_signers.and_then(|signers| not_signed(waiver, signers))
    }
}

/// Who approved a waiver and has not signed the policy that holds it, in words.
fn not_signed(waiver: &Waiver, signers: &[String]) -> Option<String> {
    let missing: Vec<&str> = waiver
        .approved_by
        .iter()
        .filter(|person| !signers.contains(person))
        .map(String::as_str)
        .collect();
    let persons = missing.join(" and ");
    (!missing.is_empty()).then(|| {
        format!(
            "waiver {} is not approved by {persons}: {persons} did not sign this policy",
            waiver.id
        )
    })
}

impl Policy {
    /// What keeps waivers that have not ended from counting if exactly these persons have signed the policy, in words.
    pub fn waivers_not_signed(&self, now: Timestamp, signers: &[String]) -> Vec<String> {
        let live = self.waivers.iter().filter(|waiver| waiver.expires.end() >= now);
        live.filter_map(|waiver| not_signed(waiver, signers)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Profile;

    #[test]
    fn a_waiver_that_has_ended_needs_nobodys_signature() {
        let mut policy = Policy::of_profile(Profile::Evaluation);
        policy.waivers.push(Waiver {
            id: "w1".to_owned(),
            scope: serde_json::from_str("\"npm/a@1\"").unwrap(),
            digest: Digest::of(b""),
            codes: ["denylisted".to_owned()].into(),
            approved_by: ["ann".to_owned(), "bob".to_owned()].into(),
            expires: "2026-12-31".parse().unwrap(),
            reason: "ticket 1".to_owned(),
        });
        let told = |now: &str, signers: &[&str]| {
            let signers: Vec<String> = signers.iter().map(|&person| person.to_owned()).collect();
            policy.waivers_not_signed(now.parse().unwrap(), &signers).len()
        };
        assert_eq!(told("2026-12-31T23:59:59Z", &["ann", "bob"]), 0);
        assert_eq!(told("2026-12-31T23:59:59Z", &["ann"]), 1);
        assert_eq!(told("2027-01-01T00:00:00Z", &["ann"]), 0);
    }
}
