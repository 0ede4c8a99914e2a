//! What advisories say of a version.

use super::Hits;
use crate::model::{Code, Level};
use crate::policy::advisory::{Advised, Certainty, Class};
use crate::policy::document::{AdvisoryRule, HonourVex};
use crate::policy::{Action, Case, Surroundings};

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
        let cleared = is_cleared(rule, case, &advised);
        let action = match advised.certainty {
            _ if cleared => class_action.min(Action::Record),
            Certainty::Affected => class_action,
            // It may not be meant at all.
            Certainty::Unknown => class_action.min(Action::Review),
        };
        let (code, path) = match advised.class {
            Class::Malicious => (Code::KnownMalicious, "advisories.malicious".to_owned()),
            class => (Code::KnownVulnerable, format!("advisories.{}", class.word())),
        };
        let says = match (advised.certainty, cleared) {
            (_, true) => "names it, and a signed statement says that it is not affected",
            (Certainty::Unknown, _) => "may mean it: the versions cannot be compared",
            (Certainty::Affected, _) => "names it",
        };
        let message = format!("{} ({}) {says}", advised.id, advised.class.word());
        let solution = match advised.fixed.as_slice() {
            _ if advised.class == Class::Malicious => "do not open it, and look where else it is".to_owned(),
            [] => "take another version, or leave it out".to_owned(),
            fixed => format!("take a fixed version: {}", fixed.join(", ")),
        };
        hits.add(code, action, &path, message, &solution);
    }
}

/// Whether a statement that counts says that an advisory does not affect the artifact. A malicious version is never cleared.
fn is_cleared(rule: &AdvisoryRule, case: &Case<'_>, advised: &Advised) -> bool {
    rule.honour_vex == HonourVex::SignedOnly
        && advised.class != Class::Malicious
        && case.cleared.iter().any(|cleared| {
            cleared.level >= Level::Publisher
                && (cleared.advisory == advised.id || advised.aliases.contains(&cleared.advisory))
        })
}
