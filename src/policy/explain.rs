//! The rules that are about every name alike, in words: what an explanation lists beside those that name one.

use super::custody::{CustodyRule, SealRule};
use super::document::{
    Action, Closure, CompareWith, EcosystemRule, HonourVex, LicenceRule, Mode, NameRule, OnRefusal, Policy,
    RecordOrRefuse, Require, ScanRule, Side,
};
use super::judge::Applied;
use super::pattern::Ecosystems;
use super::rules::days;
use crate::model::{Artifact, Timestamp};

/// A trail of rules, as it grows.
#[derive(Default)]
struct Trail(Vec<Applied>);

impl Trail {
    fn add(&mut self, rule: impl Into<String>, says: impl Into<String>) {
        self.0.push(Applied {
            rule: rule.into(),
            says: says.into(),
        });
    }

    /// What a rule does if something is so; what it passes over is left out.
    fn act(&mut self, rule: impl Into<String>, action: Action, condition: &str) {
        if action != Action::Allow {
            self.add(rule, format!("{}, if {condition}", action_word(action)));
        }
    }
}

/// The rules for an ecosystem's artifacts, whatever they are called.
pub(crate) fn alike(policy: &Policy, ecosystem: &str, now: Timestamp) -> Vec<Applied> {
    let mut trail = Trail::default();
    if let Some(rule) = policy.ecosystems.get(ecosystem) {
        age(rule, ecosystem, &mut trail);
    }
    names(&policy.names, &mut trail);
    advisories(policy, &mut trail);
    licences(&policy.licences, &mut trail);
    for rule in &policy.scan {
        scan(rule, now, &mut trail);
    }
    trail.0
}

/// What is asked of the bundle in which it comes, and what becomes of an outcome.
pub(crate) fn around(policy: &Policy) -> Vec<Applied> {
    let mut trail = Trail::default();
    trail.add("require", require_words(&policy.require));
    if let Some(words) = policy.custody.as_ref().and_then(custody_words) {
        trail.add("custody", words);
    }
    if policy.mode == Mode::Evaluate {
        trail.add("mode", "evaluate: it is for review, whatever the rules say");
    }
    let persons = match policy.review_persons {
        1 => "one person signs".to_owned(),
        count => format!("{count} persons sign"),
    };
    trail.add("review_persons", format!("{persons} for what is for review"));
    let refused = match policy.on_refusal {
        OnRefusal::Stop => "stop: if it is not admitted, nothing of its bundle is",
        OnRefusal::KeepOut => "keep-out: if it is not admitted, the rest of its bundle may be",
    };
    trail.add("on_refusal", refused);
    trail.0
}

/// Waivers for the version that are for other bytes: whoever names no bytes wants to know of them.
pub(crate) fn waivers_for_other_bytes(
    policy: &Policy,
    artifact: &Artifact,
    key: &str,
    ecosystems: &Ecosystems,
) -> Vec<Applied> {
    let id = &artifact.ecosystem;
    let mut trail = Trail::default();
    for waiver in policy.waivers.iter().filter(|one| one.digest != artifact.digest) {
        let scope = waiver.scope.clone().folded(ecosystems);
        let is_version = |versions: &super::Versions| versions.hold(id, &artifact.version, ecosystems) == Some(true);
        if scope.covers(id, key) && scope.versions().is_some_and(is_version) {
            let codes: Vec<&str> = waiver.codes.iter().map(String::as_str).collect();
            let says = format!(
                "only for {}: lifts {} until {}",
                waiver.digest,
                codes.join(", "),
                waiver.expires
            );
            trail.add(waiver.path(), says);
        }
    }
    trail.0
}

fn age(rule: &EcosystemRule, ecosystem: &str, trail: &mut Trail) {
    let path = |field: &str| format!("ecosystems.{ecosystem}.{field}");
    if rule.min_age_days > 0 {
        trail.act(
            path("unknown_age"),
            rule.unknown_age,
            "nobody states when it was published",
        );
    }
    if let Some(max) = rule.max_age_days {
        let condition = format!("it was published more than {} before the export", days(max.into()));
        trail.act(path("max_age_days"), Action::Review, &condition);
    }
}

fn names(rule: &NameRule, trail: &mut Trail) {
    trail.act(
        "names.first_seen",
        rule.first_seen,
        "nothing of this name was here before",
    );
    let with: Vec<&str> = rule.compare_with.iter().map(|one| list_word(*one)).collect();
    if !with.is_empty() {
        let condition = format!("a name that is new here looks like one that is {}", with.join(" or "));
        trail.act("names.similar", rule.similar, &condition);
    }
}

fn advisories(policy: &Policy, trail: &mut Trail) {
    let rule = &policy.advisories;
    let classes = [
        ("malicious", rule.malicious),
        ("critical", rule.critical),
        ("high", rule.high),
        ("medium", rule.medium),
        ("low", rule.low),
        ("unknown", rule.unknown),
    ];
    let words: Vec<String> = classes
        .into_iter()
        .filter(|(_, action)| *action != Action::Allow)
        .map(|(class, action)| format!("{class} {}", action_word(action)))
        .collect();
    if !words.is_empty() {
        let vex = match rule.honour_vex {
            HonourVex::Never => "",
            HonourVex::SignedOnly => "; signed statements that one does not affect it count",
        };
        trail.add("advisories", format!("{}{vex}", words.join(", ")));
    }
}

fn licences(rule: &LicenceRule, trail: &mut Trail) {
    if !rule.allow.is_empty() {
        let allowed: Vec<&str> = rule.allow.iter().map(String::as_str).collect();
        trail.add("licences.allow", allowed.join(", "));
    }
    let condition = if rule.allow.is_empty() {
        "it has a licence: none is on the list"
    } else {
        "it has another licence"
    };
    trail.act("licences.other", rule.other, condition);
    let unknown = "nothing states its licence, or not as SPDX has it";
    trail.act("licences.unknown", rule.unknown, unknown);
}

fn scan(rule: &ScanRule, now: Timestamp, trail: &mut Trail) {
    let action = if rule.required { Action::Deny } else { Action::Record };
    let side = match rule.side {
        Side::Export => "on the sending side",
        Side::Import => "on the receiving side",
    };
    let definitions = rule.definitions_max_age_days.map_or_else(String::new, |max| {
        format!(" with definitions of at most {}", days(max.into()))
    });
    let from = rule.effective.filter(|day| day.start() > now);
    let from = from.map_or_else(String::new, |day| format!("; counts from {day}"));
    let condition = format!("{} has not scanned it {side}{definitions}{from}", rule.engine);
    trail.act(rule.path(), action, &condition);
}

fn require_words(rule: &Require) -> String {
    let mut words = Vec::new();
    match rule.approvals {
        0 => {}
        1 => words.push("approved by another person".to_owned()),
        count => words.push(format!("approved by {count} other persons")),
    }
    if rule.release_by_other_person {
        words.push("imported by yet another".to_owned());
    }
    words.push(format!("at most {} old", days(rule.max_age_days.into())));
    for (what, max) in [
        ("revocations", rule.revocations_max_age_days),
        ("advisories", rule.advisories_max_age_days),
    ] {
        words.extend(max.map(|max| format!("{what} at most {}", days(max.into()))));
    }
    if rule.sequence_gap == RecordOrRefuse::Refuse {
        words.push("none missing before it".to_owned());
    }
    if rule.closure == Closure::Strict {
        words.push("complete and as planned".to_owned());
    }
    format!("its bundle: {}", words.join(", "))
}

fn custody_words(rule: &CustodyRule) -> Option<String> {
    let mut words = Vec::new();
    if !rule.events.is_empty() {
        let events: Vec<String> = rule.events.iter().map(ToString::to_string).collect();
        words.push(format!("recorded as {}", events.join(" and ")));
    }
    if rule.chain == RecordOrRefuse::Refuse {
        words.push("records follow one another".to_owned());
    }
    match rule.seals {
        SealRule::Record => {}
        SealRule::Refuse => words.push("seals as recorded".to_owned()),
        SealRule::BothSides => words.push("seals as recorded on both sides".to_owned()),
    }
    if rule.write_protected {
        words.push("write-protected".to_owned());
    }
    words.extend(
        rule.scan_max_age_days
            .map(|max| format!("scanned at most {} ago", days(max.into()))),
    );
    (!words.is_empty()).then(|| format!("its bundle's media: {}", words.join(", ")))
}

const fn action_word(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Record => "record",
        Action::Review => "review",
        Action::Deny => "deny",
    }
}

const fn list_word(list: CompareWith) -> &'static str {
    match list {
        CompareWith::Popular => "popular",
        CompareWith::AlreadyHere => "already here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_says_from_when_it_counts_until_it_does() {
        let told = |now: &str| {
            let rule = ScanRule {
                engine: "clamav".to_owned(),
                side: Side::Import,
                definitions_max_age_days: None,
                required: true,
                effective: Some("2027-01-01".parse().unwrap()),
            };
            let mut trail = Trail::default();
            scan(&rule, now.parse().unwrap(), &mut trail);
            trail.0.remove(0).says
        };
        let counts = "deny, if clamav has not scanned it on the receiving side";
        assert_eq!(
            told("2026-12-31T23:59:59Z"),
            format!("{counts}; counts from 2027-01-01")
        );
        assert_eq!(told("2027-01-01T00:00:00Z"), counts);
    }
}
