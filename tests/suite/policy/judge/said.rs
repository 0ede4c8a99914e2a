//! What others say: advisories, statements, licences, ages, names, scanners.

use super::*;

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
fn what_to_do_about_an_advisory_is_said() {
    let high = VULNERABLE.replace("SCORE", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H");
    let (artifact, findings) = (left_pad(), signed());
    for (record, solution) in [
        (high.clone(), "take a fixed version: 1.3.1"),
        (
            high.replace("\"fixed\":\"1.3.1\"", "\"last_affected\":\"1.3.0\""),
            "take another version, or leave it out",
        ),
        (
            high.replace("GHSA-1", "MAL-1"),
            "do not open it, and look where else it is",
        ),
    ] {
        let decision = Around::advised(&[&record]).decide(&policy(""), &plain(&artifact, &findings));
        assert_eq!(decision.hits[0].solution, solution, "{record}");
    }
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
    let case = Case {
        licence: Some(" "),
        ..plain(&artifact, &findings)
    };
    let decision = Around::new().decide(&policy(lines), &case);
    assert_eq!(decision.hits[0].message, "nothing states its licence");
}

#[test]
fn ages_are_counted_to_the_export() {
    let artifact = left_pad();
    let findings = signed();
    let fix = VULNERABLE.replace("1.3.1", "1.3.0");
    let decide_as = |lines: &str, days: i64, records: &[&str], advised_as: Option<(&'static str, &'static str)>| {
        let around = Around::advised(records);
        let case = Case {
            published: &[Published {
                time: around.exported.plus_seconds(-days * 86_400),
                source: PublishedBy::Registry,
            }],
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
            published: &[Published {
                time: around.exported.plus_seconds(-days * 86_400),
                source: PublishedBy::Index,
            }],
            ..plain(&artifact, &findings)
        };
        let decision = around.decide(&policy(lines), &case);
        // It dates nothing that is too new: nobody does.
        for hit in decision.hits.iter().filter(|hit| hit.code.name() == "too-new") {
            assert_eq!(hit.rule, "ecosystems.npm.unknown_age");
        }
        found(&decision)
    };
    let strict = "ecosystems: {npm: {min_age_days: 7, max_age_days: 30}}\n";
    assert_eq!(by(strict, 7), ALLOWED);
    assert_eq!(by(strict, 6), denied("too-new"));
    assert_eq!(by(strict, -1), denied("too-new"));
    assert_eq!(by(strict, 31), review("too-old"));
    assert_eq!(by("ecosystems: {npm: {min_age_days: 0}}\n", -1), ALLOWED);
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
        published: &[],
        ..plain(&artifact, &findings)
    };
    let unknown = |lines: &str| found(&Around::new().decide(&policy(lines), &nobody));
    // What hides its age is no better than what is too young or too old.
    assert_eq!(unknown(""), denied("too-new"));
    assert_eq!(
        unknown("ecosystems: {npm: {unknown_age: record, min_age_days: 0}}\n"),
        ALLOWED
    );
    assert_eq!(
        unknown("ecosystems: {npm: {min_age_days: 0, max_age_days: 30}}\n"),
        review("too-old")
    );
    let advised = Around::advised(&[&fix]);
    assert_eq!(found(&advised.decide(&policy(""), &nobody)), ALLOWED);
}

/// A proof says that something was there by some time: it may make an artifact older, and never younger.
#[test]
fn of_several_sources_each_may_show_that_it_is_old_enough() {
    let (artifact, findings) = (left_pad(), signed());
    let of = |lines: &str, statements: &[(PublishedBy, i64)]| {
        let around = Around::new();
        let published: Vec<Published> = statements
            .iter()
            .map(|(source, days)| Published {
                time: around.exported.plus_seconds(-days * 86_400),
                source: *source,
            })
            .collect();
        let case = Case {
            published: &published,
            ..plain(&artifact, &findings)
        };
        found(&around.decide(&policy(lines), &case))
    };
    let (registry, proof, index) = (PublishedBy::Registry, PublishedBy::Proof, PublishedBy::Index);
    assert_eq!(of("", &[(registry, 6)]), denied("too-new"));
    assert_eq!(of("", &[(proof, 6)]), denied("too-new"));
    assert_eq!(of("", &[(registry, 6), (proof, 7)]), ALLOWED);
    assert_eq!(of("", &[(registry, 7), (proof, 6)]), ALLOWED);
    assert_eq!(of("", &[(registry, 6), (index, 7)]), ALLOWED);
    // Where a publisher has to have signed, the registry's word, for which only the exporter stands, shows nothing.
    let provenance = "publishers: [{match: npm/left-pad, evidence: registry, until: \"2027-01-01\"}]\n";
    assert_eq!(of(provenance, &[(registry, 7)]), ALLOWED);
    let findings = [confirmed("sigstore", Level::Provenance)];
    let provenance = policy("ecosystems: {npm: {evidence: provenance}}\n");
    for (statements, expected) in [
        (vec![(registry, 7_i64)], denied("too-new")),
        (vec![(registry, 7), (proof, 6)], denied("too-new")),
        (vec![(registry, 6), (proof, 7)], ALLOWED),
    ] {
        let around = Around::new();
        let published: Vec<Published> = statements
            .iter()
            .map(|(source, days)| Published {
                time: around.exported.plus_seconds(-days * 86_400),
                source: *source,
            })
            .collect();
        let case = Case {
            published: &published,
            ..plain(&artifact, &findings)
        };
        assert_eq!(found(&around.decide(&provenance, &case)), expected, "{statements:?}");
    }
    // The youngest says whether somebody still cares.
    let old = "ecosystems: {npm: {max_age_days: 30}}\n";
    assert_eq!(of(old, &[(registry, 31), (proof, 30)]), ALLOWED);
    assert_eq!(of(old, &[(registry, 31), (proof, 40)]), review("too-old"));
    // A proof from the future shows nothing.
    assert_eq!(of("", &[(proof, -1)]), denied("too-new"));
    assert_eq!(of("ecosystems: {npm: {min_age_days: 0}}\n", &[(proof, -1)]), ALLOWED);
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
    // A rule about another scanner, or about the other side, is not about this one.
    for lines in [
        "scan: [{engine: other, side: import, required: false}]\n",
        "scan: [{engine: clamav, side: export, required: false}]\n",
    ] {
        let not_scanned = Scan {
            result: ScanResult::NotScanned("it broke off".to_owned()),
            ..scan(Side::Import, 0, None)
        };
        assert_eq!(decide(lines, &[not_scanned]), review("scan-missing"), "{lines}");
    }
    assert_eq!(
        decide("scan: [{engine: other, side: import}]\n", &both[..1]),
        denied("scan-missing")
    );
}
