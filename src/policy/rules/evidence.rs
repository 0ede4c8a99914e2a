//! What proofs must come to: none of them wrong, by whom the policy names, at the level that it asks for.
//!
//! A level is counted from confirmed findings only, and of those only the ones that a rule admits: resting on the anchors of the ecosystem's
//! scope, and for a publisher's rule by those whom it names. More of them can only help.

use super::Hits;
use crate::model::{Artifact, Code, Fault, Finding, Level, Outcome, Signer};
use crate::policy::check::MAX_UNTIL_DAYS;
use crate::policy::document::{EcosystemRule, Floor, IdentityMode, PublisherRule};
use crate::policy::signer;
use crate::policy::{Action, Case, Surroundings};

/// The level that is asked for, and by which rule.
#[derive(Debug, Clone)]
pub(crate) struct Required {
    pub(crate) level: Level,
    pub(crate) rule: String,
}

/// The level that an artifact must reach: the highest of what its ecosystem, its publisher's rule and its name's floor ask for.
pub(crate) fn required(
    artifact: &Artifact,
    ecosystem: Option<&EcosystemRule>,
    publisher: Option<&PublisherRule>,
    floor: Option<Level>,
) -> Required {
    let mut required = Required {
        level: ecosystem.map_or(Level::None, |rule| rule.evidence),
        rule: ecosystem.map_or_else(
            || "default".to_owned(),
            |_| format!("ecosystems.{}.evidence", artifact.ecosystem),
        ),
    };
    if let Some(rule) = publisher.filter(|rule| rule.evidence > required.level) {
        required.level = rule.evidence;
        required.rule = rule.path();
    }
    let keeps = ecosystem.is_some_and(|rule| rule.floor == Floor::Keep);
    if let Some(floor) = floor.filter(|floor| keeps && *floor > required.level) {
        required.level = floor;
        required.rule = format!("ecosystems.{}.floor", artifact.ecosystem);
    }
    required
}

/// Refuses proofs that were checked and are wrong.
pub(crate) fn contradictions(case: &Case<'_>, hits: &mut Hits) {
    for finding in case.findings {
        let Outcome::Contradicted(fault) = finding.outcome else {
            continue;
        };
        let (code, solution) = match fault {
            Fault::IdentityDiffers => (
                Code::IdentityMismatch,
                "ask the publisher by another way who signs, before anything is changed here",
            ),
            Fault::Revoked => (
                Code::Revoked,
                "do not use it, and look where else it has been installed; no waiver covers this",
            ),
            _ => (
                Code::EvidenceInvalid,
                "fetch artifact and proof again; no other proof makes up for a wrong one",
            ),
        };
        let message = format!("{}: {}", finding.kind, finding.reason);
        hits.add(code, Action::Deny, "findings", message, solution);
        hits.about(fault);
    }
}

/// The confirmed findings that count for an ecosystem.
fn counted<'c>(case: &Case<'c>, rule: Option<&EcosystemRule>) -> Vec<&'c Finding> {
    let in_scope = |finding: &Finding| {
        rule.is_none_or(|rule| {
            finding.level() < Level::Registry
                || rule.scope.is_empty()
                || finding.anchors.iter().any(|anchor| rule.scope.contains(anchor))
        })
    };
    case.findings
        .iter()
        .filter(|finding| finding.is_confirmed() && in_scope(finding))
        .collect()
}

fn best(findings: &[&Finding]) -> Level {
    findings.iter().map(|finding| finding.level()).max().unwrap_or_default()
}

/// Judges who signed, and how well. Gives the level that is reached.
pub(crate) fn evidence(
    case: &Case<'_>,
    ecosystem: Option<&EcosystemRule>,
    publisher: Option<&PublisherRule>,
    announced: Option<&PublisherRule>,
    surroundings: &Surroundings<'_>,
    hits: &mut Hits,
) -> Level {
    let findings = counted(case, ecosystem);
    let reached = best(&findings);
    let mut is_named = false;
    if let Some(rule) = publisher {
        is_named = by_publisher(rule, &findings, surroundings, hits);
    }
    if let Some(rule) = announced {
        hits.since(rule.effective, surroundings.now, |hits| {
            by_publisher(rule, &findings, surroundings, hits);
        });
    }
    let Some(rule) = ecosystem else {
        return reached;
    };
    let path = format!("ecosystems.{}", case.artifact.ecosystem);
    if rule.identity == IdentityMode::PinOnFirstImport && !is_named {
        same_publisher(case, &findings, &path, hits);
    }
    by_ecosystem(case, rule, &findings, &path, hits);
    if let Some(floor) = case.floor.filter(|floor| rule.floor == Floor::Keep && reached < *floor) {
        hits.add(
            Code::EvidenceDowngraded,
            Action::Deny,
            &format!("{path}.floor"),
            format!("earlier versions reached `{floor}`, and this one reaches `{reached}`"),
            "find out whether the publisher has stopped signing",
        );
    }
    reached
}

/// Holds findings against a publisher's rule. Says whether somebody whom it names has signed as well as it asks.
fn by_publisher(rule: &PublisherRule, findings: &[&Finding], surroundings: &Surroundings<'_>, hits: &mut Hits) -> bool {
    let path = rule.path();
    let ended = if rule.until.end() < surroundings.now {
        Some(format!("the trust in its publisher ended on {}", rule.until))
    } else if rule.until.days_after(surroundings.now) > i64::from(MAX_UNTIL_DAYS) {
        Some(format!(
            "the trust in its publisher runs until {}, more than {MAX_UNTIL_DAYS} days from now",
            rule.until
        ))
    } else {
        None
    };
    if let Some(message) = ended {
        // A rule that fell away would ask for less than before.
        hits.add(
            Code::PublisherTrustEnded,
            Action::Deny,
            &path,
            message,
            "look at the rule again, and give it a new end",
        );
        return false;
    }
    let good: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|finding| finding.level() >= rule.evidence)
        .collect();
    if !rule.has_pins() {
        let signers = signer::count(good.iter().flat_map(|finding| &finding.signers));
        too_low(
            rule.evidence,
            rule.signers,
            good.is_empty(),
            signers,
            findings,
            &path,
            hits,
        );
        return false;
    }
    let named = signer::count_named(rule, &good, surroundings.issuers);
    if named >= usize::try_from(rule.signers).unwrap_or(usize::MAX) {
        return true;
    }
    let others: Vec<String> = good
        .iter()
        .flat_map(|finding| &finding.signers)
        .map(signer::words)
        .collect();
    if named == 0 && !others.is_empty() {
        hits.add(
            Code::IdentityMismatch,
            Action::Deny,
            &path,
            format!("it is signed by {}, whom the rule does not name", others.join(" and ")),
            "ask the publisher by another way who signs, before the rule is changed",
        );
        // Who lets it pass when nobody signed, lets it pass when somebody else did as well.
        hits.lifted_as(Code::EvidenceTooLow);
    } else {
        too_low(rule.evidence, rule.signers, named == 0, named, findings, &path, hits);
        let is_other = |finding: &&Finding| {
            !finding.signers.is_empty() && signer::count_named(rule, &[*finding], surroundings.issuers) == 0
        };
        if good.iter().any(is_other) {
            hits.lifted_as(Code::IdentityMismatch);
        }
    }
    false
}

/// Refuses an artifact none, or too few, of whose findings reach a level.
fn too_low(
    level: Level,
    signers: u32,
    is_below: bool,
    found: usize,
    findings: &[&Finding],
    path: &str,
    hits: &mut Hits,
) {
    let message = if is_below {
        format!("`{level}` is asked for, and `{}` is reached", best(findings))
    } else if signers > 1 && found < usize::try_from(signers).unwrap_or(usize::MAX) {
        format!("{signers} signers are asked for at `{level}`, and {found} signed")
    } else {
        return;
    };
    hits.add(
        Code::EvidenceTooLow,
        Action::Deny,
        path,
        message,
        "bring the missing proof, or pin the anchor that it needs",
    );
}

/// Holds findings against what is asked of the whole ecosystem.
fn by_ecosystem(case: &Case<'_>, rule: &EcosystemRule, findings: &[&Finding], path: &str, hits: &mut Hits) {
    let good: Vec<&Finding> = findings
        .iter()
        .copied()
        .filter(|finding| finding.level() >= rule.evidence)
        .collect();
    let is_below = rule.evidence > Level::None && good.is_empty();
    if is_below && !rule.scope.is_empty() && best(&case.findings.iter().collect::<Vec<_>>()) >= rule.evidence {
        let scope: Vec<&str> = rule.scope.iter().map(String::as_str).collect();
        hits.add(
            Code::EvidenceTooLow,
            Action::Deny,
            &format!("{path}.scope"),
            format!("its proofs rest on none of the anchors {}", scope.join(", ")),
            "take it from a source that one of these anchors signs",
        );
        return;
    }
    let signers = signer::count(good.iter().flat_map(|finding| &finding.signers));
    // Nobody signs what was merely observed; there the number of observers counts.
    let wanted = if rule.evidence >= Level::Registry {
        rule.signers
    } else {
        1
    };
    too_low(
        rule.evidence,
        wanted,
        is_below,
        signers,
        findings,
        &format!("{path}.evidence"),
        hits,
    );
    let only_seen = rule.evidence == Level::Observed && best(findings) == Level::Observed;
    if only_seen && case.observers < rule.observers {
        hits.add(
            Code::EvidenceTooLow,
            Action::Deny,
            &format!("{path}.observers"),
            format!(
                "{} stations must have seen its digest, and {} did",
                rule.observers, case.observers
            ),
            "have another station on another network export the same",
        );
    }
}

/// Refuses an artifact that nobody has signed who published the name before.
fn same_publisher(case: &Case<'_>, findings: &[&Finding], path: &str, hits: &mut Hits) {
    if case.pinned.is_empty() {
        return;
    }
    let signers: Vec<&Signer> = findings
        .iter()
        .filter(|finding| finding.level() >= Level::Publisher)
        .flat_map(|finding| &finding.signers)
        .collect();
    let is_pinned = |found: &&Signer| case.pinned.iter().any(|pinned| signer::is_same(pinned, found));
    if signers.iter().any(is_pinned) {
        return;
    }
    let words = |signers: Vec<String>| signers.join(" and ");
    let found = if signers.is_empty() {
        "nobody".to_owned()
    } else {
        words(signers.iter().map(|found| signer::words(found)).collect())
    };
    hits.add(
        Code::PublisherChanged,
        Action::Deny,
        &format!("{path}.identity"),
        format!(
            "earlier versions were published by {}, and this one by {found}",
            words(case.pinned.iter().map(signer::words).collect())
        ),
        "find out what happened; a rule under `publishers` names the new publisher",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artifact, Digest, Doubt, Signer};

    #[test]
    fn only_what_is_confirmed_counts_whoever_is_said_to_have_signed() {
        let artifact = Artifact::plain("files", "a", "1", "a", Digest::of(b""));
        let signed = |finding: Finding| finding.by(Signer::key("SHA256:abc".to_owned(), None));
        let findings = [
            signed(Finding::contradicted("openpgp", Fault::SignatureWrong, "it is wrong")),
            signed(Finding::undecided("openpgp", Doubt::NoAnchor, "nobody is pinned")),
            signed(Finding::confirmed("openpgp", Level::Publisher, "signed")),
        ];
        let counted = counted(&Case::new(&artifact, &findings), None);
        assert_eq!(counted, [&findings[2]]);
    }
}
