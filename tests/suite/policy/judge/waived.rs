//! What a waiver lifts, and what an evaluation shows.

use super::*;

/// A waiver for left-pad, and what a test changes of it.
pub(super) fn waiver(change: impl Fn(&mut String)) -> String {
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

/// What is only mentioned needs no leave, and a waiver that has ended is not missed there.
#[test]
fn a_waiver_is_not_spent_on_what_is_only_mentioned() {
    let lines = format!(
        "{}licences: {{allow: [MIT], unknown: record}}\n",
        waiver(|text| *text = text.replace("evidence-too-low", "licence-not-allowed"))
    );
    let (artifact, findings) = (left_pad(), signed());
    let case = Case {
        licence: None,
        ..plain(&artifact, &findings)
    };
    for now in ["2026-11-21T12:00:00Z", "2027-01-02T00:00:00Z"] {
        let mut around = Around::new();
        around.now = now.parse().unwrap();
        around.exported = around.now.plus_seconds(-86_400);
        let decision = around.decide(&policy(&lines), &case);
        let hits: Vec<_> = decision
            .hits
            .iter()
            .map(|hit| (hit.code.name(), &hit.waived_by))
            .collect();
        assert_eq!(hits, [("licence-not-allowed", &None)], "{now}");
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
    let policy = crate::policy::read(text).unwrap();
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

const FAULTS: [Fault; 12] = [
    Fault::SignatureWrong,
    Fault::SubjectDiffers,
    Fault::IdentityDiffers,
    Fault::ChainWrong,
    Fault::NotValidThen,
    Fault::Expired,
    Fault::Revoked,
    Fault::Weak,
    Fault::LogWrong,
    Fault::TimeWrong,
    Fault::Malformed,
    Fault::RolledBack,
];

/// Of every fault the chapter's table says under which code it refuses, and whether a waiver lifts it.
#[test]
fn of_a_wrong_proof_a_waiver_lifts_what_the_chapter_says() {
    let page = include_str!("../../../../bundle-spec/policy.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 3 && matches!(cells[2], "yes" | "no"))
        .collect();
    assert_eq!(rows.len(), FAULTS.len());
    // `revoked` cannot be listed at all, so what a waiver of the others lifts is asked.
    let lines = waiver(|text| *text = text.replace("evidence-too-low", "evidence-invalid, identity-mismatch"));
    for fault in FAULTS {
        let row = rows
            .iter()
            .find(|cells| cells[0].starts_with(&format!("`{}`: ", word(fault))))
            .unwrap();
        let [good] = signed();
        let findings = [good, Finding::contradicted("minisign", fault, "it is wrong")];
        let decision = Around::signed_by(&["ann", "bob"]).decide(&policy(&lines), &plain(&left_pad(), &findings));
        assert_eq!(format!("[`{}`]", decision.hits[0].code.name()), row[1], "{fault:?}");
        assert_eq!(decision.verdict == Verdict::Allow, row[2] == "yes", "{fault:?}");
        assert_eq!(decision.hits[0].waived_by.is_some(), row[2] == "yes", "{fault:?}");
    }
}

/// As a policy's tests write it. What is new here is new in [`FAULTS`].
fn word(fault: Fault) -> &'static str {
    match fault {
        Fault::SignatureWrong => "signature-wrong",
        Fault::SubjectDiffers => "subject-differs",
        Fault::IdentityDiffers => "identity-differs",
        Fault::ChainWrong => "chain-wrong",
        Fault::NotValidThen => "not-valid-then",
        Fault::Expired => "expired",
        Fault::Revoked => "revoked",
        Fault::Weak => "weak",
        Fault::LogWrong => "log-wrong",
        Fault::TimeWrong => "time-wrong",
        Fault::Malformed => "malformed",
        Fault::RolledBack => "rolled-back",
    }
}

/// Not even an evaluation tries out what is revoked.
#[test]
fn what_is_revoked_is_denied_in_an_evaluation() {
    let findings = [Finding::contradicted(
        "revocation",
        Fault::Revoked,
        "vendor says it is malware",
    )];
    let decision = Around::new().decide(&policy("mode: evaluate\n"), &plain(&left_pad(), &findings));
    assert_eq!(decision.verdict, Verdict::Deny);
}

#[test]
fn a_waiver_counts_if_all_who_approved_it_signed_the_policy() {
    let policy = policy(&waiver(|_| {}));
    let decide = |persons: &[&str]| Around::signed_by(persons).decide(&policy, &plain(&left_pad(), &[]));
    let decision = decide(&["ann", "bob", "cyd"]);
    assert_eq!(found(&decision), ALLOWED);
    assert_eq!(decision.hits[0].approved_by, ["ann", "bob"]);
    for (persons, why) in [
        (
            &["ann", "cyd"][..],
            "waiver W-1 is not approved by bob: bob did not sign this policy",
        ),
        (
            &["Ann", "bob"][..],
            "waiver W-1 is not approved by ann: ann did not sign this policy",
        ),
        (
            &[][..],
            "waiver W-1 is not approved by ann and bob: ann and bob did not sign this policy",
        ),
    ] {
        let decision = decide(persons);
        assert_eq!(found(&decision), denied("evidence-too-low"), "{persons:?}");
        assert!(decision.hits[0].message.ends_with(why), "{}", decision.hits[0].message);
        assert!(decision.hits[0].approved_by.is_empty());
        let told = decision
            .hits
            .iter()
            .find(|hit| hit.code.name() == "waiver-invalid")
            .unwrap();
        assert_eq!((told.verdict, &*told.message), (Verdict::Allow, why));
    }
    // One that counts is enough, and the other is not missed.
    let both = format!(
        "{}  - {{id: W-2, scope: npm/left-pad@1.3.0, digest: \"{}\", codes: [evidence-too-low], approved_by: [ann, cyd], expires: \"2027-01-01\", \
         reason: CHG-2}}\n",
        waiver(|text| *text = text.replace("[{", "\n  - {").replace("}]", "}")),
        left_pad().digest
    );
    let decision = Around::signed_by(&["ann", "cyd"]).decide(&crate::policy::policy(&both), &plain(&left_pad(), &[]));
    assert_eq!(found(&decision), ALLOWED);
    assert!(decision.hits.iter().all(|hit| hit.code.name() != "waiver-invalid"));
    assert_eq!(decision.hits[0].waived_by.as_deref(), Some("W-2"));
}

/// Who lets pass what nobody signed lets it pass as well when somebody else did.
/// A policy that is read lists no such code; one that came into memory another way lifts it no more.
#[test]
fn what_no_waiver_may_lift_is_not_lifted_by_one_that_lists_it() {
    let mut policy = policy(&format!(
        "{}internal: [npm/left-pad]\n",
        waiver(|text| *text = text.replace("evidence-too-low", "denylisted"))
    ));
    policy.waivers[0].codes.insert("internal-name".to_owned());
    let (artifact, findings) = (left_pad(), signed());
    let decision = Around::new().decide(&policy, &plain(&artifact, &findings));
    assert_eq!(found(&decision), denied("internal-name"));
}

#[test]
fn another_signature_takes_nothing_from_a_waiver() {
    let rule = |signers: u32| {
        format!("publishers: [{{match: npm/left-pad, keys: [a1, a2], signers: {signers}, until: \"2027-01-01\"}}]\n")
    };
    let by = |name: &str| confirmed("sigstore", Level::Publisher).by(key(name));
    let low = waiver(|_| {});
    let other = waiver(|text| *text = text.replace("evidence-too-low", "identity-mismatch"));
    let decide = |signers: u32, waiver: &str, findings: &[Finding]| {
        judged(&format!("{}{waiver}", rule(signers)), &left_pad(), findings)
    };
    assert_eq!(decide(1, &low, &[]), ALLOWED);
    assert_eq!(decide(1, &low, &[by("b1")]), ALLOWED);
    assert_eq!(decide(1, "", &[by("b1")]), denied("identity-mismatch"));
    assert_eq!(decide(1, &other, &[]), denied("evidence-too-low"));
    assert_eq!(decide(2, &other, &[by("b1")]), ALLOWED);
    assert_eq!(decide(2, &other, &[by("b1"), by("a1")]), ALLOWED);
    assert_eq!(decide(2, &other, &[by("a1")]), denied("evidence-too-low"));
    // Nobody else signed where nobody is named.
    let unsigned = confirmed("sigstore", Level::Publisher);
    assert_eq!(decide(2, &other, &[by("a1"), unsigned]), denied("evidence-too-low"));
    // A pinned anchor that says somebody else should have signed is another matter.
    let wrong = Finding::contradicted("sigstore", Fault::IdentityDiffers, "somebody else");
    assert_eq!(decide(1, &low, &[wrong]), denied("identity-mismatch"));
}
