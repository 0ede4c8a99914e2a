//! What holds of every policy and every case.

use proptest::prelude::*;
use sealift::model::{Artifact, Doubt, Fault, Finding, Level, Signer};
use sealift::policy::{Case, Policy, Standing, Verdict};

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
    (level(), signer(), any::<bool>()).prop_map(|(level, signer, in_scope)| {
        let mut finding = confirmed("sigstore", level);
        finding.signers.extend(signer);
        if in_scope { finding.resting_on("ours") } else { finding }
    })
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
    (level(), 1..3_u32, 1..3_u32, any::<(bool, bool, bool)>()).prop_map(|(level, observers, signers, (floor, pin, scope))| {
        format!(
            "ecosystems: {{npm: {{evidence: {level}, observers: {observers}, signers: {signers}, floor: {}, identity: {}, scope: [{}]}}}}\n",
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
}

impl Given {
    fn case<'a>(&'a self, findings: &'a [Finding]) -> Case<'a> {
        Case {
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
    )
        .prop_map(|(name, version, floor, pinned, observers, is_new)| Given {
            artifact: artifact("npm", name, version),
            floor,
            pinned: pinned.into_iter().collect(),
            observers,
            standing: if is_new { Standing::FirstSeen } else { Standing::Known },
        })
}

fn verdict(policy: &Policy, given: &Given, findings: &[Finding]) -> Verdict {
    Around::new().decide(policy, &given.case(findings)).verdict
}

proptest! {
    #[test]
    fn more_evidence_never_worsens(
        ecosystem in ecosystem(), rules in rules(), given in given(),
        findings in proptest::collection::vec(finding(), 0..4), more in good(),
    ) {
        let policy = write(&ecosystem, &rules);
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
        let one: Vec<_> = given.iter().map(|given| judge.decide(&given.case(&findings))).collect();
        let mut two: Vec<_> = given.iter().rev().map(|given| other_judge.decide(&given.case(&findings))).collect();
        two.reverse();
        prop_assert_eq!(&one, &two);
        for (given, decision) in given.iter().zip(&one) {
            prop_assert_eq!(judge.decide(&given.case(&reversed)).verdict, decision.verdict);
        }
    }

    #[test]
    fn a_waiver_touches_nothing_that_it_does_not_list(
        ecosystem in ecosystem(), rules in rules(), given in given(),
        findings in proptest::collection::vec(finding(), 0..4),
        codes in proptest::sample::subsequence(
            vec!["denylisted", "evidence-too-low", "evidence-downgraded", "evidence-invalid", "identity-mismatch", "publisher-changed", "first-seen-name"], 1..7),
    ) {
        let given = Given { artifact: Artifact { name: "@corp/x".to_owned(), ..given.artifact }, ..given };
        let mut plain_rules = rules;
        plain_rules.retain(|(list, _)| *list != "internal");
        plain_rules.push(("internal", "\"npm/@corp/*\"".to_owned()));
        let without = write(&ecosystem, &plain_rules);
        let mut with = without.clone();
        let text = format!(
            "waivers: [{{id: W, scope: \"npm/@corp/x@{}\", digest: \"{}\", codes: [{}], approved_by: [ann, bob], expires: \"2027-01-01\", reason: r}}]\n",
            given.artifact.version, given.artifact.digest, codes.join(", "),
        );
        with.waivers = policy(&text).waivers;
        let around = Around::new();
        let before = around.decide(&without, &given.case(&findings));
        let after = around.decide(&with, &given.case(&findings));
        prop_assert_eq!(after.verdict, Verdict::Deny);
        prop_assert_eq!(before.hits.len(), after.hits.len());
        for (before, after) in before.hits.iter().zip(&after.hits) {
            let listed = codes.contains(&before.code.name()) && before.verdict > Verdict::Allow;
            prop_assert_eq!(after.waived_by.is_some(), listed);
            if !listed {
                prop_assert_eq!(before, after);
            }
        }
    }
}
