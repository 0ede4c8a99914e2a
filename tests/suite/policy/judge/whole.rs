//! A bundle as a whole, and the trail of rules.

use super::waived::waiver;
use super::*;

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
    // Those that stand where it is imported are asked as of then, however good they were at the export.
    let mut late = Around::new();
    late.exported = late.now.plus_seconds(-5 * 86_400);
    let stood = |days: i64| BundleFacts {
        revocations: Some(late.exported.plus_seconds(-(days - 5) * 86_400)),
        standing_revocations: Some(late.now.plus_seconds(-days * 86_400)),
        ..good_bundle()
    };
    assert_eq!(judge(&revocations, &late, &stood(14)), ALLOWED);
    assert_eq!(judge(&revocations, &late, &stood(15)), denied("side-data-stale"));
    assert_eq!(judge(quiet, &late, &stood(15)), ALLOWED);
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
    let infected = BundleFacts {
        infected: &words,
        ..good_bundle()
    };
    assert_eq!(judge(quiet, &around, &infected), denied("scan-positive"));
    let noting = quiet.replace("approvals: 0", "approvals: 0, closure: record");
    assert_eq!(judge(&noting, &around, &infected), denied("scan-positive"));
    assert_eq!(judge(&noting, &around, &unplanned), ALLOWED);
    assert_eq!(judge(&noting, &around, &missing), ALLOWED);
}

/// What refuses nothing is said all the same.
#[test]
fn a_long_way_is_only_mentioned() {
    let quiet = "require: {approvals: 0, release_by_other_person: false, revocations_max_age_days: none, advisories_max_age_days: none}\n";
    let policy = policy(quiet);
    let said = |days: i64| {
        let mut around = Around::new();
        around.exported = around.now.plus_seconds(-days * 86_400);
        let decision = around.judge(&policy).decide_bundle(&good_bundle());
        let hits = decision
            .hits
            .into_iter()
            .map(|hit| (hit.rule, hit.verdict, hit.message));
        hits.collect::<Vec<_>>()
    };
    assert_eq!(said(30), []);
    let (rule, words) = (
        "require.max_transit_days",
        "it was on its way for 31 days; signed indexes are judged by today's date after 30 days",
    );
    assert_eq!(said(31), [(rule.to_owned(), Verdict::Allow, words.to_owned())]);
    // A clock that is behind the exporter's makes no age.
    assert_eq!(said(-400), []);
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
    // What is about every name alike comes after what names it, and in the next test.
    let rules = |artifact: &Artifact| -> Vec<String> {
        let trail = judge.explain(artifact).into_iter().map(|one| one.rule);
        let named = ["internal", "deny", "default", "publishers", "waivers"];
        let is_named = |rule: &String| {
            named.contains(&rule.split('[').next().unwrap_or_default())
                || rule.starts_with("ecosystems.") && rule.matches('.').count() == 1
        };
        trail.filter(is_named).collect()
    };
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
    // Another version is not denied, and other bytes are not waived.
    assert_eq!(
        rules(&artifact("npm", "left-pad", "2.0.0")),
        ["internal[npm/left-*]", "ecosystems.npm", "publishers[npm/*]"]
    );
    let says = |lines: &str, artifact: &Artifact| {
        let policy = crate::policy::policy(lines);
        Around::new().judge(&policy).explain(artifact).remove(0).says
    };
    assert_eq!(
        says(
            "ecosystems: {cargo: {observers: 1, min_age_days: 0, floor: ignore}}\n",
            &artifact("cargo", "x", "1")
        ),
        "asks for `observed`"
    );
    let publisher = "publishers: [{match: npm/left-pad, keys: [a1, a2], pgp: [\"0123456789abcdef0123456789abcdef01234567\"], identity: {issuer: forge, \
                     owner_id: \"7\"}, signers: 2, until: \"2027-01-01\", effective: \"2026-11-01\"}]\n";
    let of_publisher = |lines: &str| {
        let policy = crate::policy::policy(lines);
        Around::new().judge(&policy).explain(&left_pad()).remove(1).says
    };
    assert_eq!(
        of_publisher(publisher),
        "asks for `publisher` by OpenPGP key 0123456789ABCDEF0123456789ABCDEF01234567 or key a1 or key a2 or identity (issuer forge, owner_id 7), \
         2 of them, until 2027-01-01, from 2026-11-01"
    );
    assert_eq!(
        of_publisher("publishers: [{match: npm/left-pad, evidence: registry, until: \"2027-01-01\"}]\n"),
        "asks for `registry`, until 2027-01-01"
    );
    let all = "ecosystems: {npm: {evidence: registry, signers: 2, scope: [a, b], identity: pin-on-first-import, floor: keep, \
               min_age_days: 3}}\n";
    assert_eq!(
        says(all, &left_pad()),
        "asks for `registry`, by 2 signers, resting on a or b, by whoever published it first, never less than before, published 3 days before \
         the export"
    );
}

/// Whoever asks about a name learns every rule that may decide about it, not only those that name it.
#[test]
fn the_trail_holds_the_rules_that_are_about_all_alike() {
    let trail = |lines: &str, artifact: &Artifact| -> Vec<String> {
        let policy = crate::policy::policy(lines);
        let trail = Around::new().judge(&policy).explain(artifact).into_iter();
        trail.map(|one| format!("{}: {}", one.rule, one.says)).collect()
    };
    let other_bytes =
        waiver(|lines| *lines = lines.replace(&left_pad().digest.to_string(), &Digest::of(b"other").to_string()));
    let lines = format!(
        "{other_bytes}ecosystems: {{npm: {{evidence: registry, floor: ignore, min_age_days: 7, max_age_days: 900, unknown_age: deny}}}}\nnames: \
         {{first_seen: deny, similar: review}}\nlicences: {{allow: [MIT, ISC], unknown: review, other: deny}}\nscan: [{{engine: clamav, side: import, \
         definitions_max_age_days: 3}}, {{engine: other, side: export, required: false, effective: \"2026-12-01\"}}]\nrequire: {{approvals: 2, \
         sequence_gap: refuse}}\ncustody: {{events: [sealed], write_protected: true, scan_max_age_days: 7}}\non_refusal: keep-out\n"
    );
    assert_eq!(
        trail(&lines, &left_pad()),
        [
            "ecosystems.npm: asks for `registry`, published 7 days before the export",
            "ecosystems.npm.unknown_age: deny, if nobody states when it was published",
            "ecosystems.npm.max_age_days: review, if it was published more than 900 days before the export",
            "names.first_seen: deny, if nothing of this name was here before",
            "names.similar: review, if a name that is new here looks like one that is popular or already here",
            "advisories: malicious deny, critical deny, high review, medium record, low record, unknown review; signed statements that one \
             does not affect it count",
            "licences.allow: ISC, MIT",
            "licences.other: deny, if it has another licence",
            "licences.unknown: review, if nothing states its licence, or not as SPDX has it",
            "scan[clamav import]: deny, if clamav has not scanned it on the receiving side with definitions of at most 3 days",
            "scan[other export]: record, if other has not scanned it on the sending side; counts from 2026-12-01",
            &format!(
                "waivers[W-1]: only for {}: lifts evidence-too-low until 2027-01-01",
                Digest::of(b"other")
            ),
            "require: its bundle: approved by 2 other persons, imported by yet another, at most 45 days old, revocations at most 14 days, advisories at most \
             7 days, none missing before it, complete and as planned",
            "custody: its bundle's media: recorded as sealed, records follow one another, seals as recorded, write-protected, scanned at most 7 days ago",
            "review_persons: one person signs for what is for review",
            "on_refusal: keep-out: if it is not admitted, the rest of its bundle may be",
        ]
    );
    // What passes everything over is left out.
    let quiet = "names: {first_seen: allow, compare_with: []}\nlicences: {allow: [], unknown: allow, other: allow}\nadvisories: {malicious: allow, critical: \
                 allow, high: allow, medium: allow, low: allow, unknown: allow}\nrequire: {approvals: 0, release_by_other_person: false, \
                 revocations_max_age_days: none, advisories_max_age_days: none, closure: record}\ncustody: {chain: record, seals: record}\n";
    assert_eq!(
        trail(quiet, &artifact("deb", "x", "1")),
        [
            "ecosystems.deb: asks for `registry`, never less than before",
            "require: its bundle: at most 45 days old",
            "review_persons: one person signs for what is for review",
            "on_refusal: stop: if it is not admitted, nothing of its bundle is",
        ]
    );
}
