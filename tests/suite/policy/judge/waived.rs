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
