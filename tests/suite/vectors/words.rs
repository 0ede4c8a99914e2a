//! Words and numbers of reports that no type bounds: a report that says something of each kind, and of which one thing is put otherwise
//! (`bundle-spec/schemas/report.schema.json`).

use serde_json::{Value, json};

use super::report::second;
use super::*;
use crate::raw_records::{CREATED, ReportEdits};

fn digest(word: &str) -> String {
    Digest::of(word.as_bytes()).to_string()
}

fn hit() -> Value {
    json!({
        "code": "advisory-severity", "counts_from": "2026-12-01",
        "lowered": { "by": "vendor", "document": "a statement", "from": "deny", "stated": CREATED, "status": "not_affected" },
        "message": "an advisory names it", "rule": "advisories", "solution": "take a later version", "verdict": "review",
    })
}

fn two_days_after(time: &str) -> String {
    time.parse::<Timestamp>().unwrap().plus_days(2).to_string()
}

/// Says of the attempt what it may say, of a bundle that was imported.
fn fill_head(head: &mut Value) {
    let standing = json!({ "created": CREATED, "digest": digest("standing"), "entries": 1, "persons": ["ann", "bob"], "version": 1 });
    for (field, value) in [
        (
            "basis",
            json!([{ "bytes": 5, "digest": digest("order"), "name": "order.json" }]),
        ),
        (
            "checks",
            json!([{
                "codes": ["scan-positive"], "ended": "2026-11-20T12:00:09Z", "id": "malware", "method": "test", "note": "", "result": "fail",
                "started": "2026-11-20T12:00:02Z", "title": "Nothing is found",
            }]),
        ),
        ("control_map", json!({ "digest": digest("map"), "map": 3 })),
        (
            "cryptography",
            json!({
                "algorithms": ["SHA-256"],
                "modules": [{ "certificate": null, "name": "a module", "used_for": "digests", "version": "1.2.3" }],
            }),
        ),
        (
            "ecosystems",
            json!([{
                "artifacts": 3, "bytes": 18, "contradicted": 0, "decisions": { "allowed": 3 }, "ecosystem": "files", "levels": { "none": 3 },
                "undecided": 0,
            }]),
        ),
        (
            "handling",
            json!({ "baseline": "BL-7", "marking": "internal", "ticket": "CHG-1" }),
        ),
        (
            "lost",
            json!([{ "digest": digest("lost"), "number": 1, "persons": ["ann", "bob"], "reason": "the disk broke", "statement": 1 }]),
        ),
        ("outcome", json!("imported")),
        (
            "people",
            json!([{ "approval": null, "keys": [people::id(people::EXPORTER).to_string()], "person": "dora", "role": "export" }]),
        ),
        (
            "policy",
            json!({ "bundle": [hit()], "digest": digest("policy"), "id": "plant-7", "mode": "enforce", "signed_by": ["ann"], "version": 1 }),
        ),
        ("program", json!({ "bytes": 5, "digest": digest("program") })),
        (
            "published",
            json!({ "generation": 1, "new_bytes": 18, "new_objects": 3, "repository": digest("repository"), "repository_before": null }),
        ),
        ("result", json!("passed-with-waivers")),
        (
            "retention",
            json!({ "class": "report", "days": 2, "until": two_days_after(CREATED) }),
        ),
        ("waived", json!(1)),
    ] {
        head[field] = value;
    }
    head["station"]["host"] = json!({ "name": "inside", "system": "Linux 6.1 x86_64" });
    head["bundle"]["side_data"] = json!({ "vex": digest("vex") });
    head["trust"]["new_roots"] = json!([{ "digest": digest("root"), "version": 2 }]);
    head["trust"]["revocations"] = standing.clone();
    head["trust"]["trust_data"] = standing;
}

/// Says of an artifact what may be said of one.
fn fill_record(record: &mut Value) {
    record["about"] = json!({
        "licence": "MIT", "published": { "by": "registry", "time": CREATED }, "source": "set-src@1.0",
    });
    record["absent"] = json!([{ "kind": "minisign", "state": "absent" }]);
    record["scans"] = json!([{ "engine": "clamav", "result": "clean", "side": "export" }]);
    let decision = &mut record["decision"];
    decision["admission"] = "allowed".into();
    decision["hits"] = json!([hit()]);
}

/// Puts another value where one stands.
fn put(document: &mut Value, place: &str, value: &Value) {
    *document.pointer_mut(place).unwrap() = value.clone();
}

fn written(in_head: Option<(String, Value)>, in_record: Option<(String, Value)>) -> Vec<u8> {
    second(&ReportEdits {
        head: Some(Box::new(move |head| {
            fill_head(head);
            if let Some((place, value)) = &in_head {
                put(head, place, value);
            }
        })),
        records: Some(Box::new(move |records| {
            fill_record(&mut records[1]);
            if let Some((place, value)) = &in_record {
                put(&mut records[1], place, value);
            }
        })),
        ..ReportEdits::default()
    })
}

pub(super) fn words(v: &mut Vectors) {
    let mut add = |name: &str, verdict: &str, why: &str, report: Vec<u8>| {
        let files = Files::from([("report.ndjson".to_owned(), report)]);
        v.record("report", &format!("report/{name}"), verdict, why, files);
    };
    add(
        "whole",
        "accepted",
        "an import that says something of each kind",
        written(None, None),
    );
    let strict = "json-not-strict";
    for (name, why, place, value) in [
        ("number_zero", "report 0", "/number", json!(0)),
        ("previous_zero", "it follows report 0", "/previous/number", json!(0)),
        (
            "basis_elsewhere",
            "a part of the basis whose name leads elsewhere",
            "/basis/0/name",
            json!("../order.json"),
        ),
        ("epoch_zero", "a bundle of epoch 0", "/bundle/epoch", json!(0)),
        ("sequence_zero", "bundle 0 of its stream", "/bundle/sequence", json!(0)),
        ("volumes_zero", "a bundle of no volume", "/bundle/volumes", json!(0)),
        (
            "side_data_unknown",
            "side data of a kind that none has",
            "/bundle/side_data",
            json!({ "weather": digest("weather") }),
        ),
        (
            "tally_of_another_level",
            "a count for a level that is none",
            "/ecosystems/0/levels",
            json!({ "certain": 3 }),
        ),
        (
            "tally_of_another_decision",
            "a count for a decision that is none",
            "/ecosystems/0/decisions",
            json!({ "admitted": 3 }),
        ),
        (
            "check_of_no_code",
            "a check failed for what has not the form of a code",
            "/checks/0/codes/0",
            json!("Scan-positive"),
        ),
        ("lost_report_zero", "report 0 was lost", "/lost/0/number", json!(0)),
        (
            "lost_by_statement_zero",
            "statement 0 says what was lost",
            "/lost/0/statement",
            json!(0),
        ),
        (
            "key_without_digest",
            "a key that is not named by its digest",
            "/people/0/keys/0",
            json!("dora"),
        ),
        (
            "person_of_another_role",
            "a person with a role that vouches for no bundle",
            "/people/0/role",
            json!("import"),
        ),
        (
            "policy_of_another_mode",
            "a policy that neither decides nor shows",
            "/policy/mode",
            json!("warn"),
        ),
        (
            "generation_zero",
            "generation 0 was published",
            "/published/generation",
            json!(0),
        ),
        (
            "profile_unknown",
            "a profile that is none",
            "/station/profile",
            json!("lenient"),
        ),
        ("root_zero", "judged by root 0", "/trust/root/version", json!(0)),
        (
            "new_root_zero",
            "root 0 came along",
            "/trust/new_roots/0/version",
            json!(0),
        ),
        (
            "revocations_zero",
            "revocations of version 0",
            "/trust/revocations/version",
            json!(0),
        ),
        (
            "trust_data_zero",
            "trust data of version 0",
            "/trust/trust_data/version",
            json!(0),
        ),
        (
            "result_of_another_word",
            "a result that is none",
            "/result",
            json!("fine"),
        ),
        (
            "result_hides_waivers",
            "an artifact was waived, and the result says that none was",
            "/result",
            json!("passed"),
        ),
        (
            "result_failed_and_imported",
            "it was imported, and the result says that it failed",
            "/result",
            json!("failed"),
        ),
        (
            "waivers_without_one",
            "the result says that something was waived, and nothing was",
            "/waived",
            json!(0),
        ),
        (
            "kept_as_refusal",
            "the report of an import that is kept as that of a refusal",
            "/retention/class",
            json!("refusal"),
        ),
        (
            "kept_as_another",
            "a class of records that is none",
            "/retention/class",
            json!("capsule"),
        ),
        (
            "kept_less_long",
            "kept until another time than its days say",
            "/retention/until",
            json!(CREATED),
        ),
        (
            "kept_always_and_not",
            "kept until a time, and for no number of days",
            "/retention/days",
            Value::Null,
        ),
        ("map_zero", "control map 0", "/control_map/map", json!(0)),
        (
            "check_ended_before",
            "a check that ended before it began",
            "/checks/0/ended",
            json!("2026-11-20T12:00:01Z"),
        ),
        (
            "handling_of_nothing",
            "what it belongs to, with nothing said of it",
            "/handling",
            json!({}),
        ),
        (
            "refusal_of_no_code",
            "a refusal with what has not the form of a code",
            "/refusals/0/code",
            json!("wrong--enclave"),
        ),
    ] {
        add(name, strict, why, written(Some((place.to_owned(), value)), None));
    }
    for (name, why, place, value) in [
        (
            "hit_of_no_code",
            "a rule's hit with what has not the form of a code",
            "/code",
            json!("advisory 7"),
        ),
        (
            "hit_of_another_verdict",
            "a rule's hit with a verdict that is none",
            "/verdict",
            json!("warn"),
        ),
        (
            "hit_of_a_short_day",
            "a rule counts from a day with one digit",
            "/counts_from",
            json!("2026-12-1"),
        ),
        (
            "hit_of_a_slashed_day",
            "a rule counts from a day with slashes",
            "/counts_from",
            json!("2026/12/01"),
        ),
        (
            "hit_of_no_day",
            "a rule counts from a day with a letter",
            "/counts_from",
            json!("2026-12-0l"),
        ),
        (
            "hit_lowered_from_another",
            "a hit that was lowered from a verdict that is none",
            "/lowered/from",
            json!("warn"),
        ),
        (
            "hit_lowered_by_another",
            "a hit that was lowered by a status that lowers nothing",
            "/lowered/status",
            json!("affected"),
        ),
    ] {
        let place = format!("/policy/bundle/0{place}");
        add(name, strict, why, written(Some((place, value)), None));
    }
    for (name, why, place, value) in [
        (
            "record_without_purl",
            "an artifact whose purl is none",
            "/purl",
            json!("generic/set@1.0"),
        ),
        (
            "record_about_nothing",
            "what is said of an artifact, with nothing said",
            "/about",
            json!({}),
        ),
        (
            "record_published_by_another",
            "a time of publication that nobody says",
            "/about/published/by",
            json!("exporter"),
        ),
        (
            "record_absent_and_present",
            "a proof that is listed as absent and is there",
            "/absent/0/state",
            json!("present"),
        ),
        (
            "record_scanned_otherwise",
            "a scan's result that is none",
            "/scans/0/result",
            json!("fine"),
        ),
        (
            "record_scanned_elsewhere",
            "a scan on a side that is none",
            "/scans/0/side",
            json!("transit"),
        ),
        (
            "record_of_another_admission",
            "an admission that is none",
            "/decision/admission",
            json!("admitted"),
        ),
        (
            "record_of_other_rules",
            "the rules say something that is no verdict",
            "/decision/rules_say",
            json!("warn"),
        ),
        (
            "record_of_another_verdict",
            "a verdict that is none",
            "/decision/verdict",
            json!("warn"),
        ),
        (
            "record_hit_of_no_code",
            "a rule's hit on an artifact with what has not the form of a code",
            "/decision/hits/0/code",
            json!(""),
        ),
    ] {
        add(name, strict, why, written(None, Some((place.to_owned(), value))));
    }
}
