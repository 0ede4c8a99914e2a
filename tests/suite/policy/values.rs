//! What a policy says value by value: what its profile says, what another says otherwise, and what ends.

use std::collections::BTreeSet;

use sealift::model::Level;
use sealift::policy::{self, Action, Floor, IdentityMode, Policy, PolicyError, Profile};

use super::{now, policy, read};

/// The chapter's tables of profiles are the program's values.
#[test]
fn the_chapter_has_the_profiles_values() {
    let page = include_str!("../../../bundle-spec/policy.md");
    let values = [Profile::Evaluation, Profile::Standard, Profile::Strict]
        .map(|profile| policy::values(&Policy::of_profile(profile)));
    let mut seen = 0;
    for line in page
        .lines()
        .filter(|line| line.starts_with("| `") && line.matches('|').count() == 5)
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let place = cells[0].trim_matches('`');
        for (values, cell) in values.iter().zip(&cells[1..]) {
            assert_eq!(values.get(place).map(String::as_str), Some(*cell), "{place}");
        }
        seen += 1;
    }
    // Ecosystems differ in few things, which the chapter says in another table.
    let places: BTreeSet<&String> = values[0]
        .keys()
        .filter(|place| !place.starts_with("ecosystems."))
        .collect();
    let unsaid = [
        "schema",
        "id",
        "version",
        "profile",
        "publishers",
        "internal",
        "deny",
        "scan",
        "waivers",
    ];
    assert_eq!(seen, places.len() - unsaid.len(), "rows of the table");
    for (id, rule) in &Policy::of_profile(Profile::Standard).ecosystems {
        let row = format!("| {id} | `{}` |", rule.evidence);
        assert!(page.contains(&row), "{row}");
    }
}

#[test]
fn policies_are_compared_value_by_value() {
    let one = policy("");
    let other = policy("ecosystems: {npm: {evidence: provenance}}\ninternal: [npm/x]\n");
    let differences = policy::differences(&one, &other);
    let of = |rule: &str| differences.iter().find(|difference| difference.rule == rule);
    let evidence = of("ecosystems.npm.evidence").unwrap();
    assert_eq!(evidence.before.as_deref(), Some("registry"));
    assert_eq!(evidence.after.as_deref(), Some("provenance"));
    assert_eq!(of("internal").unwrap().after.as_deref(), Some("[npm/x]"));
    // A site that names its ecosystems admits no other.
    assert_eq!(of("ecosystems.pypi.evidence").unwrap().after, None);
    assert!(of("version").is_none());
    assert!(policy::differences(&one, &one).is_empty());
}

/// The digits of a fingerprint have two cases, and one that stands twice would be counted as two persons by whoever reads the policy.
#[test]
fn a_fingerprint_stands_once_in_either_case() {
    let lines = |pgp: &str| {
        format!(
            "schema: sealift-policy/1\nid: test\nversion: 1\nprofile: standard\npublishers: [{{match: npm/a, pgp: [{pgp}], until: \"2027-01-01\"}}]\n"
        )
    };
    let (upper, lower) = ("ABCDEF".repeat(7)[..40].to_owned(), "abcdef".repeat(7)[..40].to_owned());
    assert!(read(&lines(&upper)).is_ok());
    for twice in [format!("{upper}, {lower}"), format!("{upper}, {upper}")] {
        assert!(
            matches!(read(&lines(&twice)), Err(PolicyError::Twice { .. })),
            "{twice}"
        );
    }
}

#[test]
fn what_ends_is_told_in_time() {
    let policy = policy(
        "publishers:\n  - {match: npm/a, evidence: publisher, until: \"2027-01-20\"}\n  - {match: npm/b, evidence: publisher, until: \
         \"2027-01-21\"}\n  - {match: npm/c, evidence: publisher, until: \"2026-11-20\"}\n",
    );
    let endings: Vec<(String, i64)> = policy
        .endings(now())
        .into_iter()
        .map(|ending| (ending.rule, ending.days_left))
        .collect();
    assert_eq!(
        endings,
        [
            ("publishers[npm/c]".to_owned(), -1),
            ("publishers[npm/a]".to_owned(), 60)
        ]
    );
}

/// Of ecosystems the profiles say the same but for ages and pins.
#[test]
fn profiles_are_stricter_about_ecosystems_in_few_things() {
    for profile in [Profile::Evaluation, Profile::Standard, Profile::Strict] {
        let is_strict = profile == Profile::Strict;
        let rules = Policy::of_profile(profile).ecosystems;
        assert_eq!(rules.len(), 11);
        for (id, rule) in rules {
            // Where it is not certain that somebody states times, nothing waits.
            let age = match id.as_str() {
                "cargo" | "npm" | "pypi" if is_strict => 14,
                "cargo" | "npm" | "pypi" => 7,
                _ => 0,
            };
            assert_eq!(rule.min_age_days, age, "{profile:?} {id}");
            // A second observation does not travel.
            assert_eq!(rule.observers, 1, "{profile:?} {id}");
            let is_pinned = rule.identity == IdentityMode::PinOnFirstImport;
            assert_eq!(is_pinned, is_strict || id == "maven", "{profile:?} {id}");
            assert_eq!(rule.unknown_age, Action::Deny, "{profile:?} {id}");
            assert_eq!((rule.floor, rule.signers, rule.max_age_days), (Floor::Keep, 1, None));
            assert!(rule.scope.is_empty() && rule.evidence >= Level::Observed);
        }
    }
}

/// Entries of lists have names, and what stands in them is said in words.
#[test]
fn entries_of_lists_are_called_by_what_they_are_about() {
    let values = policy::values(&policy(
        "scan: [{engine: clamav, side: import}]\ndeny: [{match: npm/a, reason: r}, {digest: \
         \"sha256:0000000000000000000000000000000000000000000000000000000000000000\", reason: r}]\npublishers: [{match: npm/b, until: \
         \"2027-01-01\", identity: [{issuer: forge, owner_id: \"7\"}, {issuer: forge, owner_id: \"8\"}]}]\n",
    ));
    let zeros = "0".repeat(64);
    for (place, value) in [
        ("scan[clamav import].required", "true"),
        ("scan[clamav import].definitions_max_age_days", "none"),
        ("deny[npm/a].reason", "r"),
        (&format!("deny[sha256:{zeros}].reason"), "r"),
        (
            "publishers[npm/b].identity",
            "[{issuer: forge, owner_id: 7}, {issuer: forge, owner_id: 8}]",
        ),
        ("internal", "[]"),
        ("licences.allow", "[]"),
    ] {
        assert_eq!(
            values.get(place).map(String::as_str),
            Some(value),
            "{place}: {values:#?}"
        );
    }
}
