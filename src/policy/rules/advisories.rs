//! What advisories say of a version, and what its publisher says of them.

use super::Hits;
use crate::model::{Code, Timestamp};
use crate::policy::advisory::{Advised, Certainty, Class};
use crate::policy::document::{AdvisoryRule, HonourVex};
use crate::policy::vex::{Answer, Lowered, answer};
use crate::policy::{Action, Case, Surroundings, Verdict};

/// Adds what the snapshot says of the version: malicious ones stand before all proofs, the others behind them.
pub(crate) fn advisories(
    rule: &AdvisoryRule,
    case: &Case<'_>,
    key: &str,
    surroundings: &Surroundings<'_>,
    malicious: &mut Hits,
    others: &mut Hits,
) {
    let Some(snapshot) = surroundings.advisories else {
        return;
    };
    let artifact = case.artifact;
    let (key, version) = case.advised_as.unwrap_or((key, &artifact.version));
    let found = snapshot.about(&artifact.ecosystem, key, version, case.release, surroundings.now);
    for advised in found {
        let (class_action, hits) = match advised.class {
            Class::Malicious => (rule.malicious, &mut *malicious),
            Class::Critical => (rule.critical, &mut *others),
            Class::High => (rule.high, &mut *others),
            Class::Medium => (rule.medium, &mut *others),
            Class::Low => (rule.low, &mut *others),
            Class::Unknown => (rule.unknown, &mut *others),
        };
        let action = match advised.certainty {
            Certainty::Affected => class_action,
            // It may not be meant at all.
            Certainty::Unknown => class_action.min(Action::Review),
        };
        let (code, path) = match advised.class {
            Class::Malicious => (Code::KnownMalicious, "advisories.malicious".to_owned()),
            class => (Code::KnownVulnerable, format!("advisories.{}", class.word())),
        };
        let mut says = match advised.certainty {
            Certainty::Unknown => "may mean it: the versions cannot be compared".to_owned(),
            Certainty::Affected => "names it".to_owned(),
        };
        let answered = answered(rule, case, &advised, surroundings.now);
        let lowered = match answered {
            Answer::Nothing => None,
            Answer::Disputed(against) => {
                says.push_str(&format!(
                    "; one signed statement clears it, and {} says in {} that it is affected",
                    against.by(),
                    against.document
                ));
                None
            }
            Answer::Lowers(said) => {
                says.push_str(&format!(
                    "; {} says in {}: {}",
                    said.by(),
                    said.document,
                    said.status.word()
                ));
                if let Some(why) = &said.justification {
                    says.push_str(&format!(", {why}"));
                }
                Some(Lowered {
                    by: said.by(),
                    document: said.document.clone(),
                    from: Verdict::from(action),
                    justification: said.justification.clone(),
                    signer: Some(said.author.clone()),
                    stated: said.time,
                    status: said.status.word().to_owned(),
                })
            }
        };
        let action = match &lowered {
            Some(_) => action.min(Action::Record),
            None => action,
        };
        let message = format!("{} ({}) {says}", advised.id, advised.class.word());
        let solution = match advised.fixed.as_slice() {
            _ if advised.class == Class::Malicious => "do not open it, and look where else it is".to_owned(),
            [] => "take another version, or leave it out".to_owned(),
            fixed => format!("take a fixed version: {}", fixed.join(", ")),
        };
        hits.add(code, action, &path, message, &solution);
        // What the rule only mentions anyway is not lowered.
        let lowered = lowered.filter(|lowered| lowered.from > Verdict::Allow);
        if let (Some(lowered), Some(hit)) = (lowered, hits.0.last_mut()) {
            hit.lowered = Some(lowered);
        }
    }
}

/// What signed statements say of an advisory. A malicious version is never cleared.
fn answered<'c>(rule: &AdvisoryRule, case: &Case<'c>, advised: &Advised, now: Timestamp) -> Answer<'c> {
    if rule.honour_vex == HonourVex::SignedOnly && advised.class != Class::Malicious {
        answer(case.vex, advised, now)
    } else {
        Answer::Nothing
    }
}
