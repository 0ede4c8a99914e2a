//! Each rule alone: what it lets pass, and what it refuses under which code.

mod evidence;
mod pins;
mod said;
mod vex;
mod waived;
mod whole;

use sealift::model::{Artifact, Digest, Doubt, Fault, Finding, Level, Signer};
use sealift::policy::{
    BundleFacts, Case, CompareWith, Gap, Judge, Policy, Published, PublishedBy, Scan, ScanResult, Side, Standing,
    Verdict,
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

/// What people write for everything below a name of their own means that name, too; and no neighbour's.
#[test]
fn a_namespace_is_covered_whole() {
    let is_internal = |pattern: &str, ecosystem: &str, name: &str| {
        let lines = format!("internal: [\"{ecosystem}/{pattern}\"]\n");
        let (_, codes) = judged(&lines, &artifact(ecosystem, name, "1"), &[]);
        codes.contains(&"internal-name")
    };
    for (ecosystem, pattern, own, others) in [
        (
            "maven",
            "com.corp.*",
            &["com.corp:lib", "com.corp.x:lib", "com.corp.x.y:lib", "Com.Corp:Lib"][..],
            &["com.corporation:lib", "com.corp-x:lib", "org.corp:lib", "com:corp"][..],
        ),
        (
            "maven",
            "com.corp",
            &["com.corp:lib"],
            &["com.corp.x:lib", "com.corporation:lib"],
        ),
        ("maven", "com.corp:*", &["com.corp:lib"], &["com.corp.x:lib"]),
        (
            "maven",
            "com.corp:lib",
            &["com.corp:lib"],
            &["com.corp:lib2", "com.corp:lib:x"],
        ),
        (
            "maven",
            "com.*.inside.*",
            &["com.corp.inside:lib"],
            &["com.corp.outside:lib"],
        ),
        (
            "npm",
            "@corp/*",
            &["@corp/x", "@Corp/X"],
            &["@corporation/x", "corp", "@corp-x/y"],
        ),
        ("npm", "@corp", &["@corp/x"], &["@corporation/x", "corp"]),
        ("npm", "@corp-*", &["@corp-x/y"], &["@corp/x", "corp-x"]),
        ("npm", "corp-*", &["corp-x"], &["corp", "@corp-x/y"]),
        (
            "pypi",
            "Corp_*",
            &["corp-x", "corp_x", "corp.x", "CORP--x"],
            &["corp", "corporation", "corpx"],
        ),
        ("pypi", "corp.*", &["corp-x", "corp.x"], &["corp"]),
        ("cargo", "corp-*", &["corp-x", "corp_x", "Corp_x"], &["corp", "corpx"]),
    ] {
        for name in own {
            assert!(is_internal(pattern, ecosystem, name), "{ecosystem}/{pattern} {name}");
        }
        for name in others {
            assert!(!is_internal(pattern, ecosystem, name), "{ecosystem}/{pattern} {name}");
        }
    }
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
        (Fault::Revoked, "revoked"),
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
