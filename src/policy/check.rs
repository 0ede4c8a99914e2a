//! What must hold of a policy as a whole, wherever it came from (`bundle-spec/policy.md` §5).

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Action, EXPLICIT, EcosystemRule, Policy, PublisherRule, Waiver};
use super::pattern::Pattern;
use super::{PolicyError, RecordClass, WaiverProblem};
use crate::model::{Code, Level, PatternError, Timestamp, plain_fingerprint};

/// The most entries of one list: each artifact is compared with all rules of its ecosystem.
pub const MAX_RULES: usize = 10_000;

/// The most publishers' rules: each is compared with each when a policy is read.
pub const MAX_PUBLISHERS: usize = 2_000;

/// Trust in a publisher is looked at again after a year and a month.
pub const MAX_UNTIL_DAYS: u32 = 400;

/// A waiver is looked at again after a quarter.
pub const MAX_WAIVER_DAYS: u32 = 90;

/// The persons who must have approved a waiver.
pub const MIN_WAIVER_PERSONS: usize = 2;

/// Names of persons, engines, licences; reasons may be longer.
const MAX_WORD_BYTES: usize = 200;

/// A reason is a sentence or a paragraph.
const MAX_REASON_BYTES: usize = 2_000;

/// Days that a policy can speak of: a century.
const MAX_DAYS: u32 = 36_525;

/// Checks the explicit form.
pub(crate) fn check(policy: &Policy) -> Result<(), PolicyError> {
    if policy.schema != EXPLICIT {
        return Err(malformed("schema", &policy.schema, "`sealift-policy-explicit/1`"));
    }
    word("id", &policy.id)?;
    if policy.version == 0 || policy.version > crate::crypto::strict_json::MAX_INTEGER.unsigned_abs() {
        return Err(malformed("version", &policy.version.to_string(), "a number from 1"));
    }
    for (rule, found, max) in [
        ("ecosystems", policy.ecosystems.len(), MAX_RULES),
        ("publishers", policy.publishers.len(), MAX_PUBLISHERS),
        ("internal", policy.internal.len(), MAX_RULES),
        ("deny", policy.deny.len(), MAX_RULES),
        ("licences.allow", policy.licences.allow.len(), MAX_RULES),
        ("scan", policy.scan.len(), MAX_RULES),
        ("waivers", policy.waivers.len(), MAX_RULES),
    ] {
        if found > max {
            return Err(PolicyError::TooMany {
                rule: rule.to_owned(),
                found,
                max,
            });
        }
    }
    numbers(policy)?;
    for id in policy.ecosystems.keys() {
        let is_id = !id.is_empty()
            && id.len() <= MAX_WORD_BYTES
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_id {
            return Err(malformed("ecosystems", id, "an ecosystem's id"));
        }
    }
    for pattern in &policy.internal {
        without_versions("internal", pattern)?;
    }
    once("internal", policy.internal.iter())?;
    publishers(&policy.publishers)?;
    for deny in &policy.deny {
        match (&deny.names, &deny.digest) {
            (None, None) => {
                return Err(PolicyError::Lacks {
                    rule: "an entry of deny".to_owned(),
                    what: "`match` or `digest`",
                });
            }
            (Some(_), Some(_)) => {
                return Err(PolicyError::Contradiction {
                    rule: deny.path(),
                    what: "`match` and `digest` are two entries",
                });
            }
            _ => reason(&deny.path(), &deny.reason)?,
        }
    }
    once("deny", policy.deny.iter().map(super::document::DenyRule::path))?;
    for licence in &policy.licences.allow {
        if super::spdx::Licence::parse(licence).is_none() {
            return Err(malformed("licences.allow", licence, "an SPDX licence identifier"));
        }
    }
    for scan in &policy.scan {
        word(&scan.path(), &scan.engine)?;
    }
    once("scan", policy.scan.iter().map(super::document::ScanRule::path))?;
    for one in &policy.waivers {
        waiver(one)?;
    }
    once("waivers", policy.waivers.iter().map(|waiver| &waiver.id))
}

fn numbers(policy: &Policy) -> Result<(), PolicyError> {
    let mut days: Vec<(String, u32)> = vec![
        ("require.max_age_days".to_owned(), policy.require.max_age_days),
        ("require.max_transit_days".to_owned(), policy.require.max_transit_days),
    ];
    for (id, one) in &policy.ecosystems {
        days.push((format!("ecosystems.{id}.min_age_days"), one.min_age_days));
        days.extend(
            one.max_age_days
                .map(|max| (format!("ecosystems.{id}.max_age_days"), max)),
        );
        for (name, count) in [("observers", one.observers), ("signers", one.signers)] {
            persons(&format!("ecosystems.{id}.{name}"), count)?;
        }
        one_observer(id, one)?;
        unknown_age(id, one)?;
        if one.max_age_days.is_some_and(|max| max < one.min_age_days) {
            return Err(PolicyError::Contradiction {
                rule: format!("ecosystems.{id}"),
                what: "nothing is younger than `max_age_days` and older than `min_age_days`",
            });
        }
        for anchor in &one.scope {
            word(&format!("ecosystems.{id}.scope"), anchor)?;
        }
    }
    days.extend(
        [
            policy.require.revocations_max_age_days,
            policy.require.advisories_max_age_days,
            policy.custody.as_ref().and_then(|custody| custody.scan_max_age_days),
        ]
        .into_iter()
        .flatten()
        .map(|days| ("require".to_owned(), days)),
    );
    days.extend(
        policy
            .scan
            .iter()
            .filter_map(|scan| Some((scan.path(), scan.definitions_max_age_days?))),
    );
    if let Some(retention) = &policy.retention {
        let classes = RecordClass::ALL.into_iter();
        days.extend(classes.filter_map(|class| Some((class.rule(), retention.days(class)?))));
    }
    for (rule, count) in days {
        if count > MAX_DAYS {
            return Err(malformed(
                &rule,
                &count.to_string(),
                "a number of days within a century",
            ));
        }
    }
    persons("review_persons", policy.review_persons)?;
    if policy.require.approvals > MAX_PERSONS {
        return Err(malformed(
            "require.approvals",
            &policy.require.approvals.to_string(),
            "a number of persons",
        ));
    }
    Ok(())
}

/// Nothing could meet a second observer: only the exporter's own observation travels.
fn one_observer(id: &str, rule: &EcosystemRule) -> Result<(), PolicyError> {
    if rule.observers == 1 {
        return Ok(());
    }
    Err(PolicyError::Unusable {
        rule: format!("ecosystems.{id}.observers"),
        what: "no artifact could have more than 1, since a second station's observation does not travel yet",
        hint: "say `observers: 1`, and ask for a higher level of evidence where there is one",
    })
}

/// A proof that shows how young a version is must not make it worse than none (§4): what hides its age would pass.
fn unknown_age(id: &str, rule: &EcosystemRule) -> Result<(), PolicyError> {
    if rule.min_age_days == 0 || rule.unknown_age == Action::Deny {
        return Ok(());
    }
    Err(PolicyError::Unusable {
        rule: format!("ecosystems.{id}.unknown_age"),
        what: "a version that hides its age would pass more easily than one that is too young",
        hint: "say `unknown_age: deny`, or `min_age_days: 0` for an ecosystem in which nobody states times",
    })
}

/// More persons than any site has in one role.
const MAX_PERSONS: u32 = 64;

fn persons(rule: &str, count: u32) -> Result<(), PolicyError> {
    if count == 0 || count > MAX_PERSONS {
        return Err(malformed(rule, &count.to_string(), "a number from 1 to 64"));
    }
    Ok(())
}

/// Checks publishers' rules one by one, and that of any two that overlap one is the narrower.
fn publishers(rules: &[PublisherRule]) -> Result<(), PolicyError> {
    let mut by_ecosystem: BTreeMap<&str, Vec<&PublisherRule>> = BTreeMap::new();
    for rule in rules {
        let path = rule.path();
        without_versions("publishers", &rule.names)?;
        for text in &rule.pgp {
            let is_fingerprint = matches!(text.len(), 40 | 64)
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'A'..=b'F'));
            if !is_fingerprint {
                return Err(malformed(
                    &path,
                    text,
                    "a whole fingerprint: 40 or 64 hexadecimal digits",
                ));
            }
        }
        for text in &rule.keys {
            word(&path, text)?;
        }
        for identity in &rule.identity {
            identity_rule(&path, identity)?;
        }
        // One key under two headings, or in two spellings, is one.
        let keys: BTreeSet<String> = rule
            .pgp
            .iter()
            .chain(&rule.keys)
            .map(|text| plain_fingerprint(text))
            .collect();
        let pins = keys.len() + rule.identity.len();
        persons(&path, rule.signers)?;
        if rule.has_pins() {
            if rule.evidence < Level::Publisher {
                return Err(PolicyError::Contradiction {
                    rule: path,
                    what: "it names who signs, and asks for less than their signature",
                });
            }
            if usize::try_from(rule.signers).map_or(true, |signers| signers > pins) {
                return Err(PolicyError::Contradiction {
                    rule: path,
                    what: "it asks for more signers than it names",
                });
            }
        }
        by_ecosystem.entry(rule.names.ecosystem()).or_default().push(rule);
    }
    for rules in by_ecosystem.values() {
        for (at, one) in rules.iter().enumerate() {
            for other in &rules[at + 1..] {
                let ordered = one.names.is_within(&other.names) != other.names.is_within(&one.names);
                if !ordered && one.names.overlaps(&other.names) {
                    return Err(PolicyError::Ambiguous {
                        one: one.path(),
                        other: other.path(),
                    });
                }
            }
        }
    }
    Ok(())
}

fn identity_rule(path: &str, rule: &super::document::IdentityRule) -> Result<(), PolicyError> {
    let error = |source| PolicyError::Identity {
        rule: path.to_owned(),
        source,
    };
    for value in rule.0.values() {
        word(path, value)?;
    }
    let mut pattern = rule.pattern();
    match rule.0.get("workflow") {
        // A path says nothing about whose it is.
        Some(workflow) if pattern.subject.is_none() && pattern.fields.is_empty() => {
            return Err(error(PatternError::Malformed(workflow.clone())));
        }
        Some(workflow) if workflow.chars().all(|character| matches!(character, '*' | '/')) => {
            return Err(error(PatternError::Malformed(workflow.clone())));
        }
        _ => {}
    }
    // An alias is looked up in the trust data; here any name will do.
    if pattern.issuer.is_empty() || pattern.issuer.contains('*') {
        return Err(error(PatternError::Malformed(pattern.issuer)));
    }
    pattern.issuer = "alias".to_owned();
    pattern.check().map_err(error)
}

fn waiver(waiver: &Waiver) -> Result<(), PolicyError> {
    let problem = |problem| PolicyError::Waiver {
        rule: waiver.path(),
        problem,
    };
    word("waivers", &waiver.id)?;
    reason(&waiver.path(), &waiver.reason)?;
    if !waiver.scope.is_exact() {
        return Err(problem(WaiverProblem::NotOneVersion));
    }
    if waiver.codes.is_empty() {
        return Err(problem(WaiverProblem::NoCode));
    }
    for name in &waiver.codes {
        let code =
            Code::named(name).ok_or_else(|| problem(WaiverProblem::UnknownCode(name.chars().take(100).collect())))?;
        if !super::waiver::may_be_waived(code) {
            return Err(problem(WaiverProblem::NeverWaived(code)));
        }
    }
    for person in &waiver.approved_by {
        word(&waiver.path(), person)?;
    }
    if waiver.approved_by.len() < MIN_WAIVER_PERSONS {
        return Err(problem(WaiverProblem::TooFewPersons));
    }
    let mut seen: BTreeMap<String, &String> = BTreeMap::new();
    for person in &waiver.approved_by {
        // One person may be written in more than one way; two persons are not told apart by their capitals.
        if let Some(other) = seen.insert(person.trim().to_lowercase(), person) {
            return Err(problem(WaiverProblem::SamePerson(other.clone(), person.clone())));
        }
    }
    Ok(())
}

/// Checks that no end is further away than any may be. An end that is past is no error: a policy grows old.
pub(crate) fn dates(policy: &Policy, now: Timestamp) -> Result<(), PolicyError> {
    let publishers = policy
        .publishers
        .iter()
        .map(|rule| (rule.path(), rule.until, MAX_UNTIL_DAYS));
    let waivers = policy
        .waivers
        .iter()
        .map(|waiver| (waiver.path(), waiver.expires, MAX_WAIVER_DAYS));
    for (rule, end, max_days) in publishers.chain(waivers) {
        if end.days_after(now) > i64::from(max_days) {
            return Err(PolicyError::TooFar {
                rule,
                end: end.to_string(),
                max_days,
            });
        }
    }
    Ok(())
}

fn without_versions(list: &str, pattern: &Pattern) -> Result<(), PolicyError> {
    if pattern.versions().is_some() {
        return Err(PolicyError::Contradiction {
            rule: format!("{list}[{pattern}]"),
            what: "it is about names, and cannot tell versions apart",
        });
    }
    Ok(())
}

fn once<T: Ord + std::fmt::Display>(list: &str, entries: impl Iterator<Item = T>) -> Result<(), PolicyError> {
    let mut seen = BTreeSet::new();
    for entry in entries {
        if seen.contains(&entry) {
            return Err(PolicyError::Twice {
                rule: format!("{entry} of {list}"),
            });
        }
        seen.insert(entry);
    }
    Ok(())
}

fn word(rule: &str, text: &str) -> Result<(), PolicyError> {
    bounded(rule, text, MAX_WORD_BYTES, "a word or two without control characters")
}

fn reason(rule: &str, text: &str) -> Result<(), PolicyError> {
    bounded(rule, text, MAX_REASON_BYTES, "a reason of at most 2000 bytes")
}

fn bounded(rule: &str, text: &str, max: usize, expected: &'static str) -> Result<(), PolicyError> {
    if text.trim().is_empty() || text.len() > max || text.chars().any(char::is_control) {
        return Err(malformed(rule, text, expected));
    }
    Ok(())
}

fn malformed(rule: &str, found: &str, expected: &'static str) -> PolicyError {
    PolicyError::Malformed {
        rule: rule.to_owned(),
        found: found.chars().take(100).collect(),
        expected,
    }
}
