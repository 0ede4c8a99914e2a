use std::collections::BTreeSet;

use super::*;
use crate::crypto::strict_json;
use crate::report::EcosystemTally;

const CHECKS: [&str; 14] = [
    "container",
    "seal",
    "recipient",
    "order",
    "freshness",
    "approvals",
    "custody",
    "objects",
    "contents",
    "trust",
    "evidence",
    "malware",
    "policy",
    "publication",
];

/// A head in which every check passed, and every artifact has the highest level.
pub(in crate::report) fn head() -> Head {
    let digest = crate::model::Digest::of(b"");
    let checks: Vec<serde_json::Value> = CHECKS
        .iter()
        .map(|id| {
            serde_json::json!({
                "codes": [], "id": id, "method": "test", "note": "", "result": "pass", "title": id,
            })
        })
        .collect();
    let head = serde_json::json!({
        "bundle": {
            "artifacts": 2, "base": null, "created": "2026-01-01T00:00:00Z", "documents": 0, "epoch": 1, "generator": "x",
            "label": "main 1", "manifest": digest, "not_after": "2026-02-01T00:00:00Z", "object_bytes": 1, "objects": 1,
            "plan": digest, "previous": null, "sequence": 1, "side_data": { "advisories": digest }, "stream": "main", "volumes": 1,
        },
        "checks": checks, "created": "2026-01-01T00:00:00Z", "critical": [], "ecosystems": [], "format": 1,
        "generator": "sealift 0", "known_time": null, "not_checked": [], "number": 1, "outcome": "imported", "people": [],
        "policy": null, "previous": null, "published": null,
        "records": { "bytes": 0, "count": 2, "digest": digest }, "refusals": [], "refusals_left_out": 0,
        "station": { "enclave": digest, "name": "plant-7", "profile": "standard" },
        "trust": {
            "changes": [], "changes_left_out": 0, "new_roots": [], "revocations": null,
            "root": { "digest": digest, "version": 1 }, "trust_data": null,
        },
        "vouchers": [], "vouchers_left_out": 0,
    });
    let mut head: Head = strict_json::read(&strict_json::write(&head)).unwrap();
    head.ecosystems = vec![EcosystemTally {
        artifacts: 2,
        ecosystem: "npm".to_owned(),
        levels: [("provenance".to_owned(), 2)].into(),
        ..EcosystemTally::default()
    }];
    head
}

fn status(head: &Head, regime: &str, control: &str) -> Status {
    answers(head)
        .find(|answer| answer.regime == regime && answer.control == control)
        .unwrap()
        .status
}

#[test]
fn the_table_names_checks_that_there_are_and_each_control_once() {
    let mut seen = BTreeSet::new();
    for regime in REGIMES {
        for control in regime.controls {
            assert!(seen.insert((regime.id, control.id)), "{} {}", regime.id, control.id);
            for basis in control.rests_on {
                if let Basis::Check(id) = basis {
                    assert!(CHECKS.contains(id), "{} {}: {id}", regime.id, control.id);
                }
            }
            // What nothing answers says why.
            assert!(!control.rests_on.is_empty() || !control.lacks.is_empty());
            assert!(!control.asks.ends_with('.') && !control.lacks.ends_with('.'));
        }
    }
}

#[test]
fn nothing_is_satisfied_where_a_check_that_it_rests_on_did_not_pass() {
    let best = head();
    let satisfied = |head: &Head| -> BTreeSet<(&str, &str)> {
        answers(head)
            .filter(|answer| answer.status == Status::Satisfied)
            .map(|answer| (answer.regime, answer.control))
            .collect()
    };
    assert!(satisfied(&best).contains(&("sp-800-53-r5", "SI-7(15)")));
    for id in CHECKS {
        for result in [
            CheckResult::Fail,
            CheckResult::Warn,
            CheckResult::Waived,
            CheckResult::NotApplicable,
            CheckResult::MethodNotAvailable,
            CheckResult::NotReached,
        ] {
            let mut worse = head();
            worse.checks.iter_mut().find(|check| check.id == id).unwrap().result = result;
            for answer in answers(&worse).filter(|answer| answer.checks.iter().any(|said| said.check == id)) {
                assert_ne!(answer.status, Status::Satisfied, "{} {}", answer.control, id);
            }
            // And nothing becomes better by it.
            assert!(satisfied(&worse).is_subset(&satisfied(&best)));
        }
        let mut without = head();
        without.checks.retain(|check| check.id != id);
        assert!(satisfied(&without).is_subset(&satisfied(&best)));
    }
}

#[test]
fn levels_count_artifact_by_artifact() {
    let mut head = head();
    assert_eq!(status(&head, "s2c2f", "AUD-1"), Status::Satisfied);
    head.ecosystems[0].levels = [("provenance".to_owned(), 1), ("registry".to_owned(), 1)].into();
    assert_eq!(status(&head, "s2c2f", "AUD-1"), Status::Partial);
    assert_eq!(status(&head, "s2c2f", "AUD-3"), Status::Satisfied);
    head.ecosystems[0].levels = [("observed".to_owned(), 2)].into();
    assert_eq!(status(&head, "s2c2f", "AUD-3"), Status::Partial);
    assert_eq!(status(&head, "sp-800-53-r5", "SR-4(4)"), Status::NotCovered);
    head.ecosystems.clear();
    assert_eq!(status(&head, "s2c2f", "AUD-3"), Status::Partial);
}

#[test]
fn an_enclave_for_evaluation_satisfies_nothing() {
    let mut head = head();
    head.station.profile = "evaluation".to_owned();
    assert!(answers(&head).all(|answer| answer.status != Status::Satisfied));
    let one = answers(&head).find(|answer| answer.control == "AC-5").unwrap();
    assert!(one.lacks.contains(&EVALUATION));
}

#[test]
fn a_refusal_satisfies_nothing_by_what_it_did_not_reach() {
    let mut head = head();
    head.outcome = Outcome::Refused;
    head.records.count = 0;
    head.ecosystems.clear();
    for (place, check) in head.checks.iter_mut().enumerate() {
        check.result = if place == 0 {
            CheckResult::Fail
        } else {
            CheckResult::NotReached
        };
    }
    for answer in answers(&head).filter(|answer| answer.status == Status::Satisfied) {
        assert!(
            answer.checks.iter().all(|said| said.check.starts_with("report.")),
            "{}",
            answer.control
        );
    }
    assert_eq!(status(&head, "sp-800-53-r5", "SR-10"), Status::Partial);
    assert_eq!(status(&head, "sp-800-53-r5", "SI-7"), Status::NotCovered);
}

#[test]
fn a_map_that_is_not_the_one_that_was_sealed_is_said_to_be_another() {
    let mut head = head();
    assert_eq!(since_sealed(&head), None, "an earlier version sealed none");
    head.control_map = Some(sealed(&head));
    assert_eq!(since_sealed(&head), None);
    head.checks[0].result = CheckResult::Warn;
    let words = since_sealed(&head).unwrap();
    assert!(words.contains(&head.control_map.unwrap().digest.to_string()), "{words}");
}

#[test]
fn that_records_are_kept_is_partial_where_a_report_says_for_how_long() {
    let mut head = head();
    let status = |head: &Head| {
        let mut answers = answers(head);
        let answer = answers.find(|answer| (answer.regime, answer.control) == ("sp-800-53-r5", "AU-11"));
        answer.unwrap().status
    };
    assert_eq!(status(&head), Status::NotCovered);
    head.retention = Some(crate::report::Keep::of("report", None, head.created));
    assert_eq!(status(&head), Status::Partial);
}

#[test]
fn advisories_answer_wholly_where_they_came_and_the_policy_passed() {
    let strength = |came: bool, failing: &str| {
        let mut head = head();
        if !came {
            let bundle = head.bundle.as_mut().unwrap();
            let digest = bundle.side_data.remove("advisories").unwrap();
            bundle.side_data.insert("popular-names".to_owned(), digest);
        }
        let check = head.checks.iter_mut().find(|check| check.id == failing).unwrap();
        check.result = CheckResult::Fail;
        said(Basis::Advisories, &head).strength
    };
    assert_eq!(strength(true, "custody"), Strength::Everything);
    assert_eq!(strength(true, "policy"), Strength::Something);
    assert_eq!(strength(false, "custody"), Strength::Nothing);
}
