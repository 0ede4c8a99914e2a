//! What holds of every policy and every case.

use proptest::prelude::*;
use sealift::model::{Artifact, Doubt, Fault, Finding, Level, SignedAt, Signer, TimeSource, Timestamp};
use sealift::policy::{self, Case, Policy, Published, Standing, Verdict};

use super::{Around, artifact, confirmed, identity, key, plain, policy};

const NAMES: [&str; 4] = ["left-pad", "left-pax", "@corp/x", "lodash"];

fn signer() -> impl Strategy<Value = Option<Signer>> {
    prop_oneof![
        Just(None),
        proptest::sample::select(vec!["a1", "a2", "a3"]).prop_map(|name| Some(key(name))),
        proptest::sample::select(vec!["7", "8"]).prop_map(|owner| Some(identity("acme/tool", owner))),
    ]
}

fn level() -> impl Strategy<Value = Level> {
    proptest::sample::select(Level::ALL.to_vec())
}

fn good() -> impl Strategy<Value = Finding> {
    (level(), signer(), any::<bool>(), time(), any::<bool>()).prop_map(|(level, signer, in_scope, time, is_proven)| {
        let mut finding = confirmed("sigstore", level);
        finding.signers.extend(signer);
        let source = if is_proven { TimeSource::Log } else { TimeSource::Signer };
        finding.signed_at = time.map(|time| SignedAt { source, time });
        if in_scope { finding.resting_on("ours") } else { finding }
    })
}

/// A time about the export: too young, old enough, too old, or still to come.
fn time() -> impl Strategy<Value = Option<Timestamp>> {
    proptest::option::of(
        proptest::sample::select(vec![-1_i64, 1, 6, 7, 20, 40])
            .prop_map(|days| Around::new().exported.plus_seconds(-days * 86_400)),
    )
}

/// Codes of a waiver for the artifact; none: there is no waiver.
fn codes() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(WAIVABLE.to_vec(), 0..=WAIVABLE.len())
}

const WAIVABLE: [&str; 9] = [
    "denylisted",
    "evidence-too-low",
    "evidence-downgraded",
    "evidence-invalid",
    "identity-mismatch",
    "publisher-changed",
    "first-seen-name",
    "too-new",
    "too-old",
];

fn waive(policy: &mut Policy, artifact: &Artifact, codes: &[&str]) {
    if codes.is_empty() {
        return;
    }
    let text = format!(
        "waivers: [{{id: W, scope: \"{}/{}@{}\", digest: \"{}\", codes: [{}], approved_by: [ann, bob], expires: \"2027-01-01\", reason: r}}]\n",
        artifact.ecosystem,
        artifact.name,
        artifact.version,
        artifact.digest,
        codes.join(", "),
    );
    policy.waivers = super::policy(&text).waivers;
}

fn finding() -> impl Strategy<Value = Finding> {
    prop_oneof![
        6 => good(),
        1 => Just(Finding::undecided("openpgp", Doubt::NoAnchor, "no anchor")),
        1 => Just(Finding::contradicted("openpgp", Fault::SignatureWrong, "wrong")),
    ]
}

/// Lines of a policy, one rule each, whose order may be changed at will within their lists.
fn rules() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let publishers = prop_oneof![
        level().prop_map(|level| format!("{{match: \"npm/*\", evidence: {level}, until: \"2027-01-01\"}}")),
        level().prop_map(|level| format!(
            "{{match: \"npm/left-*\", evidence: {level}, until: \"2027-01-01\", effective: \"2026-12-01\"}}"
        )),
        Just("{match: npm/left-pad, keys: [a1, a2], signers: 2, until: \"2027-01-01\"}".to_owned()),
        Just("{match: npm/left-pax, until: \"2027-01-01\", identity: {issuer: forge, owner_id: \"7\"}}".to_owned()),
        Just("{match: npm/lodash, keys: [a3], until: \"2026-01-01\"}".to_owned()),
    ]
    .prop_map(|text| ("publishers", text));
    let lists = prop_oneof![
        deny(),
        Just(("internal", "\"npm/@corp/*\"".to_owned())),
        Just(("scan", "{engine: clamav, side: import, required: false}".to_owned())),
    ];
    let of_one_name = |rules: &mut Vec<(&'static str, String)>| {
        let mut seen = std::collections::BTreeSet::new();
        // One rule for one match; two would be refused.
        rules.retain(|(list, text)| {
            let subject = text.split(',').next().unwrap_or(text).to_owned();
            seen.insert((*list, subject))
        });
    };
    proptest::collection::vec(prop_oneof![publishers, lists], 0..8).prop_map(move |mut rules| {
        of_one_name(&mut rules);
        rules
    })
}

fn deny() -> impl Strategy<Value = (&'static str, String)> {
    proptest::sample::select(vec![
        "{match: npm/left-pad, reason: r}",
        "{match: \"npm/left-*\", reason: r, effective: \"2026-12-01\"}",
        "{match: \"npm/lodash@<2.0.0\", reason: r}",
        "{match: \"npm/lodash@one\", reason: r}",
    ])
    .prop_map(|text| ("deny", text.to_owned()))
}

fn ecosystem() -> impl Strategy<Value = String> {
    let max_age = proptest::sample::select(vec!["none", "30"]);
    (level(), any::<bool>(), max_age, 1..3_u32, any::<(bool, bool, bool)>()).prop_map(|(level, waits, max_age, signers, (floor, pin, scope))| {
        let min_age = if waits { 7 } else { 0 };
        format!(
            "ecosystems: {{npm: {{evidence: {level}, min_age_days: {min_age}, max_age_days: {max_age}, signers: {signers}, floor: {}, identity: {}, scope: [{}]}}}}\n",
            if floor { "keep" } else { "ignore" },
            if pin { "pin-on-first-import" } else { "any" },
            if scope { "ours" } else { "" },
        )
    })
}

fn write(ecosystem: &str, rules: &[(&'static str, String)]) -> Policy {
    let mut text = ecosystem.to_owned();
    for list in ["publishers", "deny", "internal", "scan"] {
        let entries: Vec<&String> = rules
            .iter()
            .filter(|(of, _)| *of == list)
            .map(|(_, entry)| entry)
            .collect();
        if !entries.is_empty() {
            text.push_str(&format!("{list}:\n"));
            for entry in entries {
                text.push_str(&format!("  - {entry}\n"));
            }
        }
    }
    policy(&text)
}

/// Everything about a case but its findings.
#[derive(Debug, Clone)]
struct Given {
    artifact: Artifact,
    floor: Option<Level>,
    pinned: Vec<Signer>,
    observers: u32,
    standing: Standing,
    stated: Option<Timestamp>,
}

impl Given {
    fn published(&self, findings: &[Finding]) -> Vec<Published> {
        policy::published(findings, self.stated)
    }

    fn case<'a>(&'a self, findings: &'a [Finding], published: &'a [Published]) -> Case<'a> {
        Case {
            published,
            floor: self.floor,
            pinned: &self.pinned,
            observers: self.observers,
            standing: self.standing,
            ..plain(&self.artifact, findings)
        }
    }
}

fn given() -> impl Strategy<Value = Given> {
    (
        proptest::sample::select(NAMES.to_vec()),
        proptest::sample::select(vec!["1.3.0", "2.0.0", "one"]),
        proptest::option::of(level()),
        signer(),
        1..3_u32,
        any::<bool>(),
        time(),
    )
        .prop_map(|(name, version, floor, pinned, observers, is_new, stated)| Given {
            stated,
            artifact: artifact("npm", name, version),
            floor,
            pinned: pinned.into_iter().collect(),
            observers,
            standing: if is_new { Standing::FirstSeen } else { Standing::Known },
        })
}

fn verdict(policy: &Policy, given: &Given, findings: &[Finding]) -> Verdict {
    let published = given.published(findings);
    let signed = Around::signed_by(&["ann", "bob"]);
    signed.decide(policy, &given.case(findings, &published)).verdict
}

proptest! {
    #[test]
    fn more_evidence_never_worsens(
        ecosystem in ecosystem(), rules in rules(), given in given(),
        findings in proptest::collection::vec(finding(), 0..4), more in good(), codes in codes(),
    ) {
        let mut policy = write(&ecosystem, &rules);
        waive(&mut policy, &given.artifact, &codes);
        let before = verdict(&policy, &given, &findings);
        let mut findings = findings;
        findings.push(more);
        prop_assert!(verdict(&policy, &given, &findings) <= before);
        let observers = Given { observers: given.observers + 1, ..given };
        prop_assert!(verdict(&policy, &observers, &findings) <= before);
    }

    #[test]
    fn a_wrong_proof_is_never_admitted(
        ecosystem in ecosystem(), rules in rules(), given in given(), findings in proptest::collection::vec(good(), 0..4),
    ) {
        let mut findings = findings;
        findings.push(Finding::contradicted("openpgp", Fault::SubjectDiffers, "wrong"));
        prop_assert_eq!(verdict(&write(&ecosystem, &rules), &given, &findings), Verdict::Deny);
    }

    #[test]
    fn another_deny_never_improves(
        ecosystem in ecosystem(), rules in rules(), deny in deny(), given in given(),
        findings in proptest::collection::vec(finding(), 0..4),
    ) {
        prop_assume!(!rules.contains(&deny));
        let of_same = |(list, text): &(&str, String)| *list == "deny" && text.split(['@', ',']).next() == deny.1.split(['@', ',']).next();
        prop_assume!(!rules.iter().any(of_same));
        let before = verdict(&write(&ecosystem, &rules), &given, &findings);
        let mut rules = rules;
        rules.push(deny);
        prop_assert!(verdict(&write(&ecosystem, &rules), &given, &findings) >= before);
    }

    #[test]
    fn the_order_of_rules_and_findings_and_artifacts_does_not_matter(
        ecosystem in ecosystem(), rules in rules(), given in proptest::collection::vec(given(), 1..4),
        findings in proptest::collection::vec(finding(), 0..4),
    ) {
        let (policy, mut reversed_rules, mut reversed) = (write(&ecosystem, &rules), rules, findings.clone());
        reversed_rules.reverse();
        reversed.reverse();
        let other = write(&ecosystem, &reversed_rules);
        prop_assert_eq!(policy.to_bytes(), other.to_bytes());
        let around = Around::new();
        let (judge, other_judge) = (around.judge(&policy), around.judge(&other));
        let decide = |judge: &policy::Judge<'_>, given: &Given, findings: &[Finding]| {
            judge.decide(&given.case(findings, &given.published(findings)))
        };
        let one: Vec<_> = given.iter().map(|given| decide(&judge, given, &findings)).collect();
        let mut two: Vec<_> = given.iter().rev().map(|given| decide(&other_judge, given, &findings)).collect();
        two.reverse();
        prop_assert_eq!(&one, &two);
        for (given, decision) in given.iter().zip(&one) {
            prop_assert_eq!(decide(&judge, given, &reversed).verdict, decision.verdict);
        }
    }

    #[test]
    fn a_waiver_touches_nothing_that_it_does_not_list(
        ecosystem in ecosystem(), rules in rules(), given in given(),
        findings in proptest::collection::vec(finding(), 0..4),
        codes in codes(),
    ) {
        let given = Given { artifact: Artifact { name: "@corp/x".to_owned(), ..given.artifact }, ..given };
        let mut plain_rules = rules;
        plain_rules.retain(|(list, _)| *list != "internal");
        plain_rules.push(("internal", "\"npm/@corp/*\"".to_owned()));
        let without = write(&ecosystem, &plain_rules);
        let mut with = without.clone();
        waive(&mut with, &given.artifact, &codes);
        let around = Around::new();
        let published = given.published(&findings);
        let before = around.decide(&without, &given.case(&findings, &published));
        let after = around.decide(&with, &given.case(&findings, &published));
        prop_assert_eq!(after.verdict, Verdict::Deny);
        prop_assert_eq!(before.hits.len(), after.hits.len());
        for (before, after) in before.hits.iter().zip(&after.hits) {
            // The one wrong proof in range is a wrong signature, which nothing lifts.
            let may = before.verdict > Verdict::Allow && before.code.name() != "evidence-invalid";
            let lists = |code: &str| may && codes.contains(&code);
            let of_publisher = before.rule.starts_with("publishers[");
            let pair = ["evidence-too-low", "identity-mismatch"];
            let is_of_pair = of_publisher && pair.contains(&before.code.name());
            let listed = lists(before.code.name());
            // Of a publisher's rule that is not met, one code may stand for the other.
            prop_assert!(after.waived_by.is_some() || !listed);
            prop_assert!(after.waived_by.is_none() || listed || (is_of_pair && pair.iter().any(|code| lists(code))));
            let listed = after.waived_by.is_some();
            if !listed {
                prop_assert_eq!(before, after);
            }
        }
    }
    /// Who says who signed the policy decides whether a waiver counts, and one person fewer never helps.
    #[test]
    fn a_waiver_of_somebody_who_did_not_sign_lifts_nothing(
        ecosystem in ecosystem(), rules in rules(), given in given(),
        findings in proptest::collection::vec(finding(), 0..4), codes in codes(),
    ) {
        let without = write(&ecosystem, &rules);
        let mut with = without.clone();
        waive(&mut with, &given.artifact, &codes);
        let published = given.published(&findings);
        let around = Around::signed_by(&["ann", "cyd"]);
        let before = around.decide(&without, &given.case(&findings, &published));
        let after = around.decide(&with, &given.case(&findings, &published));
        prop_assert_eq!(before.verdict, after.verdict);
        prop_assert!(after.hits.iter().all(|hit| hit.waived_by.is_none()));
    }
}
