//! Each rule alone: what it lets pass, and what it refuses under which code.

use sealift::model::{Artifact, Digest, Doubt, Fault, Finding, Level, Signer};
use sealift::policy::{
    BundleFacts, Case, Cleared, CompareWith, Gap, Judge, Policy, Published, PublishedBy, Scan, ScanResult, Side,
    Standing, Verdict,
};

use super::{Around, artifact, confirmed, found, good_bundle, identity, key, plain, policy};

const ALLOWED: (Verdict, Vec<&str>) = (Verdict::Allow, Vec::new());

fn denied(code: &'static str) -> (Verdict, Vec<&'static str>) {
    (Verdict::Deny, vec![code])
}

fn review(code: &'static str) -> (Verdict, Vec<&'static str>) {
    (Verdict::Review, vec![code])
}

/// What a policy makes of a plain case with these findings.
fn judged(lines: &str, artifact: &Artifact, findings: &[Finding]) -> (Verdict, Vec<&'static str>) {
    found(&Around::new().decide(&policy(lines), &plain(artifact, findings)))
}

fn left_pad() -> Artifact {
    artifact("npm", "left-pad", "1.3.0")
}

fn signed() -> [Finding; 1] {
    [confirmed("npm-signature", Level::Registry)]
}

#[test]
fn what_no_rule_names_is_not_admitted() {
    assert_eq!(judged("", &left_pad(), &signed()), ALLOWED);
    assert_eq!(
        judged("", &artifact("cobol", "x", "1"), &signed()),
        denied("no-rule-matches")
    );
    assert_eq!(
        judged("ecosystems: {pypi: {}}\n", &left_pad(), &signed()),
        denied("no-rule-matches")
    );
}

#[test]
fn names_of_ones_own_never_come_from_outside() {
    let lines = "internal: [\"npm/@corp/*\", \"pypi/corp_*\"]\n";
    assert_eq!(
        judged(lines, &artifact("npm", "@corp/x", "1"), &signed()),
        denied("internal-name")
    );
    // Case and separators are no way round.
    assert_eq!(
        judged(lines, &artifact("npm", "@Corp/x", "1"), &signed()),
        denied("internal-name")
    );
    let seen = [confirmed("digest-agreement", Level::Observed)];
    assert_eq!(
        judged(lines, &artifact("pypi", "corp-x", "1"), &seen),
        denied("internal-name")
    );
    assert_eq!(
        judged(lines, &artifact("npm", "@corporation/x", "1"), &signed()),
        ALLOWED
    );
}

#[test]
fn the_deny_list_knows_names_versions_and_bytes() {
    let digest = left_pad().digest;
    for lines in [
        "deny: [{match: npm/left-pad, reason: r}]\n".to_owned(),
        "deny: [{match: npm/left-pad@1.3.0, reason: r}]\n".to_owned(),
        "deny: [{match: \"npm/left-pad@>=1.0.0,<2.0.0\", reason: r}]\n".to_owned(),
        format!("deny: [{{digest: \"{digest}\", reason: r}}]\n"),
    ] {
        assert_eq!(judged(&lines, &left_pad(), &signed()), denied("denylisted"), "{lines}");
    }
    for lines in [
        "deny: [{match: npm/left-pad@1.3.1, reason: r}]\n".to_owned(),
        "deny: [{match: \"npm/left-pad@>1.3.0\", reason: r}]\n".to_owned(),
        format!("deny: [{{digest: \"{}\", reason: r}}]\n", Digest::of(b"other")),
        "deny: [{match: pypi/left-pad, reason: r}]\n".to_owned(),
        // It counts from tomorrow.
        "deny: [{match: npm/left-pad, reason: r, effective: \"2026-11-22\"}]\n".to_owned(),
    ] {
        assert_eq!(judged(&lines, &left_pad(), &signed()), ALLOWED, "{lines}");
    }
    // What cannot be compared is asked about.
    let odd = artifact("npm", "left-pad", "one");
    assert_eq!(
        judged("deny: [{match: \"npm/left-pad@<2.0.0\", reason: r}]\n", &odd, &signed()),
        review("denylisted")
    );
    assert_eq!(
        judged(
            "deny: [{match: npm/left-pad, reason: r, effective: \"2026-11-21\"}]\n",
            &left_pad(),
            &signed()
        ),
        denied("denylisted")
    );
}

#[test]
fn a_rule_that_is_to_come_is_mentioned() {
    let policy = policy("deny: [{match: npm/left-pad, reason: r, effective: \"2026-11-22\"}]\n");
    let decision = Around::new().decide(&policy, &plain(&left_pad(), &signed()));
    let hit = &decision.hits[0];
    assert_eq!((hit.code.name(), hit.verdict), ("denylisted", Verdict::Allow));
    assert_eq!(hit.counts_from.unwrap().to_string(), "2026-11-22");
}

#[test]
fn no_proof_makes_up_for_a_wrong_one() {
    for (fault, code) in [
        (Fault::SignatureWrong, "evidence-invalid"),
        (Fault::SubjectDiffers, "evidence-invalid"),
        (Fault::Revoked, "evidence-invalid"),
        (Fault::Weak, "evidence-invalid"),
        (Fault::Malformed, "evidence-invalid"),
        (Fault::IdentityDiffers, "identity-mismatch"),
    ] {
        let findings = [
            confirmed("sigstore", Level::Provenance),
            Finding::contradicted("npm-signature", fault, "it is wrong"),
        ];
        assert_eq!(judged("", &left_pad(), &findings), denied(code), "{fault:?}");
    }
    // What could not be judged counts for nothing and against nothing.
    let [good] = signed();
    let findings = [good, Finding::undecided("sigstore", Doubt::NoAnchor, "no anchor")];
    assert_eq!(judged("", &left_pad(), &findings), ALLOWED);
    assert_eq!(judged("", &left_pad(), &findings[1..]), denied("evidence-too-low"));
}

#[test]
fn levels_are_asked_for_by_ecosystem_and_publisher() {
    let seen = [confirmed("digest-agreement", Level::Observed)];
    assert_eq!(judged("", &left_pad(), &seen), denied("evidence-too-low"));
    assert_eq!(judged("", &left_pad(), &[]), denied("evidence-too-low"));
    assert_eq!(judged("", &artifact("cargo", "x", "1.0.0"), &seen), ALLOWED);
    let lines = "publishers: [{match: \"npm/left-*\", evidence: publisher, until: \"2027-01-01\"}]\n";
    assert_eq!(judged(lines, &left_pad(), &signed()), denied("evidence-too-low"));
    assert_eq!(
        judged(lines, &artifact("npm", "right-pad", "1.0.0"), &signed()),
        ALLOWED
    );
    assert_eq!(
        judged(lines, &left_pad(), &[confirmed("sigstore", Level::Provenance)]),
        ALLOWED
    );
    // A publisher's rule never lowers.
    let lower = "publishers: [{match: npm/left-pad, evidence: observed, until: \"2027-01-01\"}]\n";
    assert_eq!(judged(lower, &left_pad(), &seen), denied("evidence-too-low"));
    // The narrowest decides, however they are written.
    let narrow = "publishers:\n  - {match: \"npm/*\", evidence: provenance, until: \"2027-01-01\"}\n  - {match: npm/left-pad, \
                  evidence: registry, until: \"2027-01-01\"}\n";
    assert_eq!(judged(narrow, &left_pad(), &signed()), ALLOWED);
    assert_eq!(
        judged(narrow, &artifact("npm", "x", "1.0.0"), &signed()),
        denied("evidence-too-low")
    );
    // One that is to come does not displace the present one.
    let later = "publishers:\n  - {match: \"npm/*\", evidence: provenance, until: \"2027-01-01\"}\n  - {match: npm/left-pad, \
                 evidence: registry, until: \"2027-01-01\", effective: \"2026-12-01\"}\n";
    assert_eq!(judged(later, &left_pad(), &signed()), denied("evidence-too-low"));
}

#[test]
fn the_decision_names_the_rule_that_asks() {
    let artifact = left_pad();
    let findings = signed();
    let policy = policy("publishers: [{match: npm/left-pad, evidence: publisher, until: \"2027-01-01\"}]\n");
    let decision = Around::new().decide(&policy, &plain(&artifact, &findings));
    assert_eq!(
        (decision.required, decision.reached),
        (Level::Publisher, Level::Registry)
    );
    assert_eq!(decision.required_by, "publishers[npm/left-pad]");
    let floor = Case {
        floor: Some(Level::Provenance),
        ..plain(&artifact, &findings)
    };
    let decision = Around::new().decide(&policy, &floor);
    assert_eq!(
        (decision.required, decision.required_by.as_str()),
        (Level::Provenance, "ecosystems.npm.floor")
    );
}

#[test]
fn only_those_who_are_named_count() {
    let pgp = "0123456789ABCDEF0123456789ABCDEF01234567";
    let lines = format!(
        "publishers: [{{match: npm/left-pad, pgp: [\"{}\"], until: \"2027-01-01\"}}]\n",
        pgp.to_lowercase()
    );
    let by = |kind: &str, signer: Signer| [confirmed(kind, Level::Publisher).by(signer)];
    assert_eq!(judged(&lines, &left_pad(), &by("openpgp", key(pgp))), ALLOWED);
    assert_eq!(
        judged(&lines, &left_pad(), &by("openpgp", key(&pgp.replace('0', "1")))),
        denied("identity-mismatch")
    );
    // Forty digits of another kind are something else.
    assert_eq!(
        judged(&lines, &left_pad(), &by("minisign", key(pgp))),
        denied("identity-mismatch")
    );
    assert_eq!(judged(&lines, &left_pad(), &signed()), denied("evidence-too-low"));
    assert_eq!(judged(&lines, &left_pad(), &[]), denied("evidence-too-low"));
    // A better level by somebody else is not what is asked for.
    let other = [confirmed("sigstore", Level::Provenance).by(identity("acme/tool", "7"))];
    assert_eq!(judged(&lines, &left_pad(), &other), denied("identity-mismatch"));
    let lines = "publishers:\n  - {match: npm/left-pad, evidence: provenance, until: \"2027-01-01\", identity: {issuer: forge, owner_id: \"7\", \
                 repository: acme/tool, workflow: .forge/release.yml}}\n";
    assert_eq!(judged(lines, &left_pad(), &other), ALLOWED);
    let evil = [confirmed("sigstore", Level::Provenance).by(identity("evil-acme/tool", "7"))];
    assert_eq!(judged(lines, &left_pad(), &evil), denied("identity-mismatch"));
    let resurrected = [confirmed("sigstore", Level::Provenance).by(identity("acme/tool", "8"))];
    assert_eq!(judged(lines, &left_pad(), &resurrected), denied("identity-mismatch"));
    let unknown_alias = lines.replace("issuer: forge", "issuer: elsewhere");
    assert_eq!(judged(&unknown_alias, &left_pad(), &other), denied("identity-mismatch"));
    // The right one, at a lower level than the rule asks for.
    let low = [confirmed("sigstore", Level::Publisher).by(identity("acme/tool", "7"))];
    assert_eq!(judged(lines, &left_pad(), &low), denied("evidence-too-low"));
}

#[test]
fn thresholds_count_signers_once() {
    let lines = "publishers: [{match: npm/left-pad, keys: [a1, a2, a3], signers: 2, until: \"2027-01-01\"}]\n";
    let by = |names: &[&str]| -> Vec<Finding> {
        names
            .iter()
            .map(|name| confirmed("minisign", Level::Publisher).by(key(name)))
            .collect()
    };
    assert_eq!(judged(lines, &left_pad(), &by(&["a1", "a2"])), ALLOWED);
    assert_eq!(
        judged(lines, &left_pad(), &by(&["a1", "a1"])),
        denied("evidence-too-low")
    );
    assert_eq!(
        judged(lines, &left_pad(), &by(&["a1", "b1"])),
        denied("evidence-too-low")
    );
    let ecosystem = "ecosystems: {npm: {signers: 2}}\n";
    assert_eq!(judged(ecosystem, &left_pad(), &by(&["a1", "a2"])), ALLOWED);
    assert_eq!(
        judged(ecosystem, &left_pad(), &by(&["a1", "A1"])),
        denied("evidence-too-low")
    );
    let pinned_by_nobody =
        "publishers: [{match: npm/left-pad, evidence: publisher, signers: 2, until: \"2027-01-01\"}]\n";
    assert_eq!(
        judged(pinned_by_nobody, &left_pad(), &by(&["a1"])),
        denied("evidence-too-low")
    );
    assert_eq!(judged(pinned_by_nobody, &left_pad(), &by(&["a1", "a2"])), ALLOWED);
}

#[test]
fn trust_that_has_ended_refuses_and_does_not_fall_away() {
    let lines = "publishers: [{match: npm/left-pad, keys: [a1], until: \"2026-11-21\"}]\n";
    let policy = policy(lines);
    let artifact = left_pad();
    let findings = [confirmed("minisign", Level::Publisher).by(key("a1"))];
    let case = plain(&artifact, &findings);
    let mut around = Around::new();
    assert_eq!(found(&around.decide(&policy, &case)), ALLOWED);
    around.now = "2026-11-22T00:00:00Z".parse().unwrap();
    assert_eq!(found(&around.decide(&policy, &case)), denied("publisher-trust-ended"));
    // A document that says more than 400 days, however it came to be.
    around.now = "2025-10-01T00:00:00Z".parse().unwrap();
    assert_eq!(found(&around.decide(&policy, &case)), denied("publisher-trust-ended"));
}

#[test]
fn a_scope_admits_its_anchors_alone() {
    let lines = "ecosystems: {deb: {scope: [debian-13]}}\n";
    let deb = artifact("deb", "hello", "2.10-3");
    let by = |anchor: &str| [confirmed("apt-release", Level::Registry).resting_on(anchor)];
    assert_eq!(judged(lines, &deb, &by("debian-13")), ALLOWED);
    assert_eq!(judged(lines, &deb, &by("debian-12")), denied("evidence-too-low"));
    assert_eq!(judged(lines, &deb, &signed()), denied("evidence-too-low"));
}

#[test]
fn what_was_only_seen_must_be_seen_by_enough() {
    let policy = policy("ecosystems: {cargo: {observers: 2}}\n");
    let artifact = artifact("cargo", "x", "1.0.0");
    let seen = [confirmed("digest-agreement", Level::Observed)];
    let decide = |observers, findings| {
        let case = Case {
            observers,
            ..plain(&artifact, findings)
        };
        found(&Around::new().decide(&policy, &case))
    };
    assert_eq!(decide(1, &seen), denied("evidence-too-low"));
    assert_eq!(decide(2, &seen), ALLOWED);
    // Whoever signs needs no second pair of eyes.
    assert_eq!(decide(1, &[confirmed("sigstore", Level::Provenance)]), ALLOWED);
}

#[test]
fn evidence_does_not_decline() {
    let artifact = left_pad();
    let decide = |lines: &str, floor, findings: &[Finding]| {
        let case = Case {
            floor: Some(floor),
            ..plain(&artifact, findings)
        };
        found(&Around::new().decide(&policy(lines), &case))
    };
    assert_eq!(decide("", Level::Provenance, &signed()), denied("evidence-downgraded"));
    assert_eq!(decide("", Level::Registry, &signed()), ALLOWED);
    assert_eq!(
        decide("ecosystems: {npm: {floor: ignore}}\n", Level::Provenance, &signed()),
        ALLOWED
    );
}

#[test]
fn the_first_publisher_is_kept() {
    let lines = "ecosystems: {npm: {identity: pin-on-first-import}}\n";
    let artifact = left_pad();
    let pinned = [identity("acme/tool", "7")];
    let decide = |lines: &str, pinned: &[Signer], findings: &[Finding]| {
        let case = Case {
            pinned,
            ..plain(&artifact, findings)
        };
        found(&Around::new().decide(&policy(lines), &case))
    };
    let by = |signer| [confirmed("sigstore", Level::Provenance).by(signer)];
    assert_eq!(decide(lines, &[], &by(identity("other/tool", "9"))), ALLOWED);
    assert_eq!(decide(lines, &pinned, &by(identity("renamed/tool", "7"))), ALLOWED);
    assert_eq!(
        decide(lines, &pinned, &by(identity("acme/tool", "8"))),
        denied("publisher-changed")
    );
    // Signed by nobody is another publisher too.
    assert_eq!(decide(lines, &pinned, &signed()), denied("publisher-changed"));
    assert_eq!(decide("", &pinned, &by(identity("acme/tool", "8"))), ALLOWED);
    // A rule that names the new one pins anew.
    let anew = format!(
        "{lines}publishers: [{{match: npm/left-pad, until: \"2027-01-01\", identity: {{issuer: forge, owner_id: \"8\"}}}}]\n"
    );
    assert_eq!(decide(&anew, &pinned, &by(identity("acme/tool", "8"))), ALLOWED);
}

const VULNERABLE: &str = r#"{"id":"GHSA-1","aliases":["CVE-1"],"severity":[{"type":"CVSS_V3","score":"SCORE"}],
    "affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.3.1"}]}]}]}"#;

#[test]
fn advisories_act_by_their_class() {
    let critical = VULNERABLE.replace("SCORE", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
    let high = VULNERABLE.replace("SCORE", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H");
    let medium = VULNERABLE.replace("SCORE", "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N");
    let low = VULNERABLE.replace("SCORE", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N");
    let malicious = critical.replace("GHSA-1", "MAL-1");
    let artifact = left_pad();
    let findings = signed();
    let decide =
        |record: &str, lines: &str, case: &Case<'_>| found(&Around::advised(&[record]).decide(&policy(lines), case));
    let case = plain(&artifact, &findings);
    assert_eq!(decide(&malicious, "", &case), denied("known-malicious"));
    assert_eq!(decide(&critical, "", &case), denied("known-vulnerable"));
    assert_eq!(decide(&high, "", &case), review("known-vulnerable"));
    assert_eq!(decide(&medium, "", &case), ALLOWED);
    assert_eq!(decide(&low, "", &case), ALLOWED);
    assert_eq!(decide(VULNERABLE, "", &case), review("known-vulnerable"));
    for (lines, record) in [
        ("advisories: {high: deny}\n", &high),
        ("advisories: {medium: deny}\n", &medium),
        ("advisories: {low: deny}\n", &low),
        ("advisories: {unknown: deny}\n", &VULNERABLE.to_owned()),
    ] {
        assert_eq!(decide(record, lines, &case), denied("known-vulnerable"), "{lines}");
    }
    let fixed = super::artifact("npm", "left-pad", "1.3.1");
    assert_eq!(decide(&critical, "", &plain(&fixed, &findings)), ALLOWED);
    // Some are known to advisories by the source that they are built of.
    let built = |name: &'static str, version: &'static str| Case {
        advised_as: Some((name, version)),
        ..plain(&artifact, &findings)
    };
    assert_eq!(decide(&critical, "", &built("left-pad", "1.3.1")), ALLOWED);
    assert_eq!(decide(&critical, "", &built("right-pad", "1.3.0")), ALLOWED);
    let right = critical.replace("left-pad", "right-pad");
    assert_eq!(decide(&right, "", &case), ALLOWED);
    assert_eq!(
        decide(&right, "", &built("right-pad", "1.3.0")),
        denied("known-vulnerable")
    );
    // What cannot be compared may be meant.
    let odd = super::artifact("npm", "left-pad", "one");
    assert_eq!(
        decide(&critical, "", &plain(&odd, &findings)),
        review("known-vulnerable")
    );
}

#[test]
fn a_signed_statement_clears_what_is_not_malicious() {
    let critical = VULNERABLE.replace("SCORE", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
    let artifact = left_pad();
    let findings = signed();
    let decide = |record: &str, lines: &str, level| {
        let cleared = [Cleared {
            advisory: "CVE-1".to_owned(),
            level,
        }];
        let case = Case {
            cleared: &cleared,
            ..plain(&artifact, &findings)
        };
        found(&Around::advised(&[record]).decide(&policy(lines), &case))
    };
    assert_eq!(decide(&critical, "", Level::Publisher), ALLOWED);
    assert_eq!(decide(&critical, "", Level::Observed), denied("known-vulnerable"));
    assert_eq!(
        decide(&critical, "advisories: {honour_vex: never}\n", Level::Publisher),
        denied("known-vulnerable")
    );
    let malicious = critical.replace("GHSA-1", "MAL-1");
    assert_eq!(decide(&malicious, "", Level::Provenance), denied("known-malicious"));
}

#[test]
fn licences_are_compared_where_some_are_listed() {
    let artifact = left_pad();
    let findings = signed();
    let decide = |lines: &str, licence| {
        let case = Case {
            licence,
            ..plain(&artifact, &findings)
        };
        found(&Around::new().decide(&policy(lines), &case))
    };
    let lines = "licences: {allow: [MIT]}\n";
    assert_eq!(decide(lines, Some("MIT OR GPL-3.0-only")), ALLOWED);
    assert_eq!(
        decide(lines, Some("MIT AND GPL-3.0-only")),
        denied("licence-not-allowed")
    );
    assert_eq!(decide(lines, None), review("licence-not-allowed"));
    assert_eq!(decide(lines, Some(" ")), review("licence-not-allowed"));
    assert_eq!(decide(lines, Some("see file")), review("licence-not-allowed"));
    assert_eq!(decide("", Some("GPL-3.0-only")), ALLOWED);
}

#[test]
fn ages_are_counted_to_the_export() {
    let artifact = left_pad();
    let findings = signed();
    let fix = VULNERABLE.replace("1.3.1", "1.3.0");
    let decide_as = |lines: &str, days: i64, records: &[&str], advised_as: Option<(&'static str, &'static str)>| {
        let around = Around::advised(records);
        let case = Case {
            published: Some(Published {
                time: around.exported.plus_seconds(-days * 86_400),
                source: PublishedBy::Registry,
            }),
            advised_as,
            ..plain(&artifact, &findings)
        };
        found(&around.decide(&policy(lines), &case))
    };
    let decide = |lines: &str, days: i64, records: &[&str]| decide_as(lines, days, records, None);
    assert_eq!(decide("", 7, &[]), ALLOWED);
    assert_eq!(decide("", 6, &[]), denied("too-new"));
    assert_eq!(decide("", -1, &[]), denied("too-new"));
    // A time to come is odd even where no age is asked for.
    // That it was there by some time may say that it is old enough, and never that it is too new.
    let by = |lines: &str, days: i64| {
        let around = Around::new();
        let case = Case {
            published: Some(Published {
                time: around.exported.plus_seconds(-days * 86_400),
                source: PublishedBy::Index,
            }),
            ..plain(&artifact, &findings)
        };
        found(&around.decide(&policy(lines), &case))
    };
    let strict = "ecosystems: {npm: {min_age_days: 7, unknown_age: review, max_age_days: 30}}\n";
    assert_eq!(by(strict, 7), ALLOWED);
    assert_eq!(by(strict, 6), review("too-new"));
    assert_eq!(by(strict, -1), review("too-new"));
    assert_eq!(by(strict, 31), review("too-old"));
    assert_eq!(
        decide("ecosystems: {npm: {min_age_days: 0}}\n", -1, &[]),
        review("too-new")
    );
    // A fix does not wait; its record also says that it is not affected.
    assert_eq!(decide("", 0, &[&fix]), ALLOWED);
    assert_eq!(
        decide_as("", 0, &[&fix], Some(("right-pad", "1.3.0"))),
        denied("too-new")
    );
    let right = fix.replace("left-pad", "right-pad");
    assert_eq!(decide_as("", 0, &[&right], Some(("right-pad", "1.3.0"))), ALLOWED);
    assert_eq!(
        decide("", 0, &[&VULNERABLE.replace("left-pad", "other")]),
        denied("too-new")
    );
    assert_eq!(
        decide("ecosystems: {npm: {max_age_days: 30}}\n", 31, &[]),
        review("too-old")
    );
    assert_eq!(decide("ecosystems: {npm: {max_age_days: 30}}\n", 30, &[]), ALLOWED);
    let nobody = Case {
        published: None,
        ..plain(&artifact, &findings)
    };
    let unknown = |lines: &str| found(&Around::new().decide(&policy(lines), &nobody));
    assert_eq!(unknown("ecosystems: {npm: {unknown_age: review}}\n"), review("too-new"));
    assert_eq!(unknown(""), ALLOWED);
    assert_eq!(
        unknown("ecosystems: {npm: {unknown_age: deny, min_age_days: 0}}\n"),
        ALLOWED
    );
}

#[test]
fn new_names_are_looked_at() {
    let artifact = artifact("npm", "lodahs", "1.0.0");
    let findings = signed();
    let mut around = Around::new();
    around.names.add("npm", "lodash", CompareWith::Popular);
    let decide = |lines: &str, standing| {
        let case = Case {
            standing,
            ..plain(&artifact, &findings)
        };
        found(&around.decide(&policy(lines), &case))
    };
    let both = (Verdict::Review, vec!["first-seen-name", "similar-name"]);
    assert_eq!(decide("", Standing::FirstSeen), both);
    assert_eq!(decide("", Standing::Known), ALLOWED);
    assert_eq!(
        decide("names: {first_seen: allow, similar: deny}\n", Standing::FirstSeen),
        denied("similar-name")
    );
    let here = "names: {first_seen: allow, compare_with: [already-here]}\n";
    assert_eq!(decide(here, Standing::FirstSeen), ALLOWED);
    assert_eq!(
        decide("names: {first_seen: deny, similar: allow}\n", Standing::FirstSeen),
        denied("first-seen-name")
    );
}

#[test]
fn scans_are_asked_for_and_heeded() {
    let artifact = left_pad();
    let findings = signed();
    let around = Around::new();
    let lines = "scan: [{engine: clamav, side: import, definitions_max_age_days: 3}]\n";
    let scan = |side, days: i64, found: Option<&str>| Scan {
        engine: "clamav".to_owned(),
        side,
        result: found.map_or(ScanResult::Clean, |name| ScanResult::Found(name.to_owned())),
        definitions: Some(around.now.plus_seconds(-days * 86_400)),
        time: around.now,
    };
    let decide = |lines: &str, scans: &[Scan]| {
        let case = Case {
            scans,
            ..plain(&artifact, &findings)
        };
        found(&around.decide(&policy(lines), &case))
    };
    assert_eq!(decide(lines, &[scan(Side::Import, 3, None)]), ALLOWED);
    assert_eq!(decide(lines, &[scan(Side::Import, 4, None)]), denied("scan-missing"));
    assert_eq!(decide(lines, &[scan(Side::Export, 0, None)]), denied("scan-missing"));
    assert_eq!(decide(lines, &[]), denied("scan-missing"));
    assert_eq!(
        decide(lines, &[scan(Side::Import, 0, Some("Eicar"))]),
        denied("scan-positive")
    );
    // What is found counts, whether it was asked for or not, and whatever another scan says.
    assert_eq!(
        decide("", &[scan(Side::Export, 0, Some("Eicar"))]),
        denied("scan-positive")
    );
    let both = [scan(Side::Import, 0, None), scan(Side::Import, 9, Some("Eicar"))];
    assert_eq!(decide(lines, &both), denied("scan-positive"));
    assert_eq!(
        decide("scan: [{engine: clamav, side: import, required: false}]\n", &[]),
        ALLOWED
    );
    assert_eq!(
        decide(
            "scan: [{engine: clamav, side: import, effective: \"2026-12-01\"}]\n",
            &[]
        ),
        ALLOWED
    );
    // What was not scanned, or with definitions of no date, is not clean; without a rule it is for a person.
    let not_scanned = Scan {
        result: ScanResult::NotScanned("it broke off".to_owned()),
        ..scan(Side::Import, 0, None)
    };
    let undated = Scan {
        definitions: None,
        ..scan(Side::Import, 0, None)
    };
    assert_eq!(
        decide(lines, std::slice::from_ref(&not_scanned)),
        denied("scan-missing")
    );
    assert_eq!(decide(lines, std::slice::from_ref(&undated)), denied("scan-missing"));
    assert_eq!(decide("scan: [{engine: clamav, side: import}]\n", &[undated]), ALLOWED);
    assert_eq!(
        decide("", std::slice::from_ref(&not_scanned)),
        (Verdict::Review, vec!["scan-missing"])
    );
    assert_eq!(
        decide(
            "scan: [{engine: clamav, side: import, required: false}]\n",
            &[not_scanned]
        ),
        ALLOWED
    );
    assert_eq!(
        decide("scan: [{engine: other, side: import}]\n", &both[..1]),
        denied("scan-missing")
    );
}

/// A waiver for left-pad, and what a test changes of it.
fn waiver(change: impl Fn(&mut String)) -> String {
    let mut text = format!(
        "waivers: [{{id: W-1, scope: npm/left-pad@1.3.0, digest: \"{}\", codes: [evidence-too-low], approved_by: [ann, bob], expires: \
         \"2027-01-01\", reason: CHG-1}}]\n",
        left_pad().digest
    );
    change(&mut text);
    text
}

#[test]
fn a_waiver_lifts_what_it_lists_and_no_more() {
    let swap = |from: &'static str, to: &'static str| waiver(move |text| *text = text.replace(from, to));
    let decide = |lines: &str, now: &str| {
        let mut around = Around::new();
        around.now = now.parse().unwrap();
        around.exported = around.now.plus_seconds(-86_400);
        around.decide(&policy(lines), &plain(&left_pad(), &[]))
    };
    let today = "2026-11-21T12:00:00Z";
    let decision = decide(&waiver(|_| {}), today);
    assert_eq!(found(&decision), ALLOWED);
    assert_eq!(decision.hits[0].waived_by.as_deref(), Some("W-1"));
    for lines in [
        swap("left-pad@1.3.0", "left-pad@1.3.1"),
        swap("left-pad@", "left-pax@"),
        swap("evidence-too-low", "too-new"),
        waiver(|text| *text = text.replace(&left_pad().digest.hex(), &"1".repeat(64))),
        format!("{}ecosystems: {{pypi: {{}}}}\n", waiver(|_| {})),
    ] {
        assert_eq!(decide(&lines, today).verdict, Verdict::Deny, "{lines}");
    }
    assert_eq!(decide(&waiver(|_| {}), "2027-01-01T23:59:59Z").verdict, Verdict::Allow);
    // One that has run out, or runs too long, lifts nothing and is mentioned.
    for now in ["2027-01-02T00:00:00Z", "2026-10-02T00:00:00Z"] {
        let decision = decide(&waiver(|_| {}), now);
        assert_eq!(decision.verdict, Verdict::Deny, "{now}");
        assert!(
            decision.hits.iter().any(|hit| hit.code.name() == "waiver-invalid"),
            "{now}"
        );
    }
}

#[test]
fn a_waiver_never_admits_a_name_of_ones_own() {
    let lines = format!("{}internal: [npm/left-pad]\n", waiver(|_| {}));
    let decision = Around::new().decide(&policy(&lines), &plain(&left_pad(), &[]));
    assert_eq!(found(&decision), denied("internal-name"));
}

#[test]
fn an_evaluation_shows_and_does_not_decide() {
    let text = "schema: sealift-policy/1\nid: test\nversion: 1\nprofile: evaluation\ninternal: [npm/own]\n";
    let policy = super::read(text).unwrap();
    let around = Around::new();
    let decide = |artifact: &Artifact, findings: &[Finding]| {
        let decision = around.decide(&policy, &plain(artifact, findings));
        (decision.verdict, decision.rules_say)
    };
    assert_eq!(decide(&left_pad(), &signed()), (Verdict::Review, Verdict::Allow));
    assert_eq!(decide(&left_pad(), &[]), (Verdict::Review, Verdict::Deny));
    assert_eq!(
        decide(&artifact("npm", "own", "1.0.0"), &signed()),
        (Verdict::Deny, Verdict::Deny)
    );
}

#[test]
fn a_bundle_is_asked_as_a_whole() {
    let quiet = "require: {approvals: 0, release_by_other_person: false, revocations_max_age_days: none, advisories_max_age_days: none}\n";
    let (ann, bob, cyd) = ("ann".to_owned(), "bob".to_owned(), "cyd".to_owned());
    let (only_ann, ann_and_bob) = ([ann.clone()], [ann, bob]);
    let words = ["npm x 1".to_owned()];
    let judge = |lines: &str, around: &Around, facts: &BundleFacts<'_>| {
        let policy: Policy = policy(lines);
        let judge: Judge<'_> = around.judge(&policy);
        found(&judge.decide_bundle(facts))
    };
    let around = Around::new();
    assert_eq!(judge(quiet, &around, &good_bundle()), ALLOWED);

    let one = quiet.replace("approvals: 0", "approvals: 1");
    let by = |approvers| BundleFacts {
        exporters: &only_ann,
        approvers,
        ..good_bundle()
    };
    assert_eq!(judge(&one, &around, &by(&ann_and_bob)), ALLOWED);
    // The exporter's own approval is none.
    assert_eq!(judge(&one, &around, &by(&only_ann)), denied("approvals-missing"));
    assert_eq!(judge(&one, &around, &by(&[])), denied("approvals-missing"));

    let other = quiet.replace("release_by_other_person: false", "release_by_other_person: true");
    let released = |importer| BundleFacts {
        importer,
        ..by(&ann_and_bob)
    };
    assert_eq!(judge(&other, &around, &released(Some(&cyd))), ALLOWED);
    for importer in [None, Some("ann"), Some("bob")] {
        assert_eq!(
            judge(&other, &around, &released(importer)),
            denied("roles-not-separate")
        );
    }

    let mut old = Around::new();
    old.exported = old.now.plus_seconds(-45 * 86_400);
    assert_eq!(judge(quiet, &old, &good_bundle()), ALLOWED);
    old.exported = old.now.plus_seconds(-46 * 86_400);
    assert_eq!(judge(quiet, &old, &good_bundle()), denied("bundle-expired"));

    let revocations = quiet.replace("revocations_max_age_days: none", "revocations_max_age_days: 14");
    let made = |days: i64| BundleFacts {
        revocations: Some(around.exported.plus_seconds(-days * 86_400)),
        ..good_bundle()
    };
    assert_eq!(judge(&revocations, &around, &made(14)), ALLOWED);
    assert_eq!(judge(&revocations, &around, &made(15)), denied("side-data-stale"));
    assert_eq!(judge(&revocations, &around, &good_bundle()), denied("side-data-stale"));
    let advisories = quiet.replace("advisories_max_age_days: none", "advisories_max_age_days: 7");
    assert_eq!(judge(&advisories, &Around::advised(&[]), &good_bundle()), ALLOWED);
    assert_eq!(judge(&advisories, &around, &good_bundle()), denied("side-data-stale"));
    let mut stale = Around::advised(&[]);
    stale.exported = stale.exported.plus_seconds(8 * 86_400);
    stale.now = stale.exported;
    assert_eq!(judge(&advisories, &stale, &good_bundle()), denied("side-data-stale"));

    let gap = BundleFacts {
        gap: Gap::Missing,
        ..good_bundle()
    };
    assert_eq!(judge(quiet, &around, &gap), ALLOWED);
    let refusing = quiet.replace("approvals: 0", "approvals: 0, sequence_gap: refuse");
    assert_eq!(judge(&refusing, &around, &gap), denied("sequence-gap"));

    let unplanned = BundleFacts {
        unplanned: &words,
        ..good_bundle()
    };
    let missing = BundleFacts {
        missing: &words,
        ..good_bundle()
    };
    assert_eq!(judge(quiet, &around, &unplanned), denied("not-in-plan"));
    assert_eq!(judge(quiet, &around, &missing), denied("incomplete-closure"));
    let noting = quiet.replace("approvals: 0", "approvals: 0, closure: record");
    assert_eq!(judge(&noting, &around, &unplanned), ALLOWED);
    assert_eq!(judge(&noting, &around, &missing), ALLOWED);
}

#[test]
fn the_trail_names_every_rule_about_a_name() {
    let lines = format!(
        "{}internal: [npm/left-*]\ndeny: [{{match: \"npm/left-pad@<2.0.0\", reason: old}}]\npublishers: [{{match: \"npm/*\", evidence: publisher, \
         until: \"2027-01-01\"}}]\n",
        waiver(|_| {})
    );
    let policy = policy(&lines);
    let around = Around::new();
    let judge = around.judge(&policy);
    let rules =
        |artifact: &Artifact| -> Vec<String> { judge.explain(artifact).into_iter().map(|one| one.rule).collect() };
    assert_eq!(
        rules(&left_pad()),
        [
            "internal[npm/left-*]",
            "deny[npm/left-pad@<2.0.0]",
            "ecosystems.npm",
            "publishers[npm/*]",
            "waivers[W-1]"
        ]
    );
    assert_eq!(
        rules(&artifact("npm", "x", "1.0.0")),
        ["ecosystems.npm", "publishers[npm/*]"]
    );
    assert_eq!(rules(&artifact("cobol", "x", "1.0.0")), ["default"]);
}
