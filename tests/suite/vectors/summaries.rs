//! Signed verification summaries, held against the report that they are of (`bundle-spec/report.md` §5).

use sealift::crypto::dsse::{Envelope, Signature, pae};
use sealift::crypto::key::Signer as _;
use sealift::crypto::strict_json;
use serde_json::{Value, json};

use super::*;
use crate::raw_records::{RawEnclave, ReportEdits};

const IN_TOTO: &str = "application/vnd.in-toto+json";
const DIFFERS: &str = "digest-mismatch";
const STRICT: &str = "json-not-strict";

/// A report of an import of three artifacts: the rules admit the first, the second is denied, and the third came in although the rules say no.
fn report(outcome: &'static str) -> (Vec<u8>, Digest) {
    let edits = ReportEdits {
        records: Some(Box::new(|records: &mut Vec<Value>| {
            records[0]["decision"]["admission"] = "allowed".into();
            records[0]["decision"]["rules_say"] = "allow".into();
            records[2]["decision"]["admission"] = "allowed".into();
        })),
        head: Some(Box::new(move |head: &mut Value| head["outcome"] = outcome.into())),
        ..ReportEdits::default()
    };
    let mut enclave = RawEnclave::new();
    let report = enclave.report(3, &edits);
    (report, enclave.last.unwrap().1)
}

/// What such a report gives for one of its artifacts.
fn statement(report: &Digest, index: usize) -> Value {
    let file = format!("file-{index}");
    let purl = format!("pkg:generic/set@1.0?file_name={file}");
    let (result, levels) = match index {
        0 => (
            "PASSED",
            json!(["SLSA_BUILD_LEVEL_UNEVALUATED", "SEALIFT_EVIDENCE_NONE"]),
        ),
        _ => ("FAILED", json!(["FAILED"])),
    };
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": {
            "policy": { "uri": "urn:sealift:policy:not-reached" },
            "resourceUri": purl,
            "timeVerified": "2026-11-20T12:00:00Z",
            "urn:sealift:report": { "digest": { "sha256": report.hex() }, "number": 1 },
            "verificationResult": result,
            "verifiedLevels": levels,
            "verifier": { "id": format!("urn:sealift:enclave:{}", people::id(people::STATION)), "version": { "sealift": "raw records of the tests" } },
        },
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "subject": [{ "digest": { "sha256": Digest::of(file.as_bytes()).hex() }, "name": file, "uri": purl }],
    })
}

fn sealed(payload_type: &str, payload: &[u8], signer: u8) -> Vec<u8> {
    let key = people::key(signer);
    let envelope = Envelope {
        payload_type: payload_type.to_owned(),
        signatures: vec![Signature {
            key_id: key.public().id().to_string(),
            bytes: key.sign(&pae(payload_type, payload)).unwrap(),
        }],
        payload: payload.to_vec(),
    };
    [envelope.write(), b"\n".to_vec()].concat()
}

pub(super) fn all(v: &mut Vectors) {
    let (imported, digest) = report("imported");
    let good: Vec<Vec<u8>> = (0..3)
        .map(|index| {
            sealed(
                IN_TOTO,
                &strict_json::write(&statement(&digest, index)),
                people::STATION,
            )
        })
        .collect();
    let mut add = |name: &str, verdict: &str, why: &str, report: &[u8], lines: &[Vec<u8>]| {
        let files = Files::from([
            ("report.ndjson".to_owned(), report.to_vec()),
            ("vsa.intoto.jsonl".to_owned(), lines.concat()),
        ]);
        v.record("summaries", &format!("report/vsa{name}"), verdict, why, files);
    };
    add(
        "",
        "accepted",
        "a summary for each record, as the report gives it",
        &imported,
        &good,
    );
    for (name, verdict, why, index, edit) in [
        (
            "_says_less",
            "accepted",
            "FAILED where the report would say PASSED",
            0,
            (|said| {
                said["predicate"]["verificationResult"] = "FAILED".into();
                said["predicate"]["verifiedLevels"] = json!(["FAILED"]);
            }) as fn(&mut Value),
        ),
        (
            "_passed_of_denied",
            DIFFERS,
            "PASSED of an artifact that was denied",
            1,
            passed,
        ),
        (
            "_passed_against_the_rules",
            DIFFERS,
            "PASSED of an artifact that came in against the rules",
            2,
            passed,
        ),
        (
            "_of_another_report",
            DIFFERS,
            "it names the digest of another report",
            0,
            |said| {
                said["predicate"]["urn:sealift:report"]["digest"]["sha256"] = Digest::of(b"other").hex().into();
            },
        ),
        ("_without_report", DIFFERS, "it names no report", 0, |said| {
            said["predicate"].as_object_mut().unwrap().remove("urn:sealift:report");
        }),
        (
            "_of_another_digest",
            DIFFERS,
            "its subject has other bytes than the record",
            0,
            |said| {
                said["subject"][0]["digest"]["sha256"] = Digest::of(b"other").hex().into();
            },
        ),
        (
            "_of_another_purl",
            DIFFERS,
            "its subject has another package URL than the record",
            0,
            |said| {
                said["subject"][0]["uri"] = "pkg:generic/set@1.0?file_name=file-9".into();
            },
        ),
        (
            "_slsa_level",
            STRICT,
            "it claims a SLSA level, which no anchor proves",
            0,
            |said| {
                said["predicate"]["verifiedLevels"] = json!(["SLSA_BUILD_LEVEL_3"]);
            },
        ),
        (
            "_levels_of_a_failure",
            STRICT,
            "its result is PASSED, and its levels say FAILED",
            0,
            |said| {
                said["predicate"]["verifiedLevels"] = json!(["FAILED"]);
            },
        ),
        (
            "_failure_with_levels",
            STRICT,
            "its result is FAILED, and its levels are those of one that passed",
            1,
            |said| {
                said["predicate"]["verifiedLevels"] = json!(["SEALIFT_EVIDENCE_NONE"]);
            },
        ),
        ("_result", STRICT, "a result that is none", 0, |said| {
            said["predicate"]["verificationResult"] = "MAYBE".into();
        }),
        ("_two_subjects", STRICT, "two subjects", 0, |said| {
            said["subject"] = json!([said["subject"][0], said["subject"][0]]);
        }),
        ("_no_subject", STRICT, "no subject", 0, |said| {
            said["subject"] = json!([])
        }),
        ("_level_no_word", STRICT, "a level that is no word", 0, |said| {
            said["predicate"]["verifiedLevels"] = json!([1]);
        }),
        ("_levels_no_list", STRICT, "levels that are no list", 0, |said| {
            said["predicate"]["verifiedLevels"] = json!("SEALIFT_EVIDENCE_NONE");
        }),
        ("_predicate_type", STRICT, "another predicate", 0, |said| {
            said["predicateType"] = "https://slsa.dev/provenance/v1".into();
        }),
        ("_statement_type", STRICT, "another statement", 0, |said| {
            said["_type"] = "https://in-toto.io/Statement/v0.1".into();
        }),
    ] {
        let mut said = statement(&digest, index);
        edit(&mut said);
        let mut lines = good.clone();
        lines[index] = sealed(IN_TOTO, &strict_json::write(&said), people::STATION);
        add(name, verdict, why, &imported, &lines);
    }
    let first = strict_json::write(&statement(&digest, 0));
    for (name, verdict, why, line) in [
        (
            "_by_another_role",
            "key-not-in-role",
            "a key without the role import signed it",
            sealed(IN_TOTO, &first, people::EXPORTER),
        ),
        (
            "_by_a_stranger",
            "key-not-in-role",
            "a key that the root does not know signed it",
            sealed(IN_TOTO, &first, 99),
        ),
        (
            "_payload_type",
            "wrong-document-kind",
            "signed as a report, and not as an in-toto statement",
            sealed(Kind::Report.payload_type(), &first, people::STATION),
        ),
        (
            "_not_signed",
            STRICT,
            "the bare statement, which nobody signed",
            [&first[..], b"\n"].concat(),
        ),
        (
            "_no_json",
            STRICT,
            "what is signed is no JSON",
            sealed(IN_TOTO, b"{", people::STATION),
        ),
        (
            "_key_twice",
            STRICT,
            "a name twice in what is signed",
            sealed(IN_TOTO, b"{\"_type\":1,\"_type\":1}", people::STATION),
        ),
        (
            "_of_nothing",
            STRICT,
            "what is signed is no object",
            sealed(IN_TOTO, b"[]", people::STATION),
        ),
    ] {
        let mut lines = good.clone();
        lines[0] = line;
        add(name, verdict, why, &imported, &lines);
    }
    add(
        "_line_missing",
        DIFFERS,
        "no summary of the last record",
        &imported,
        &good[..2],
    );
    add("_none", DIFFERS, "no summary at all", &imported, &[]);
    let more = [good.clone(), vec![good[2].clone()]].concat();
    add(
        "_line_more",
        DIFFERS,
        "a summary more than there are records",
        &imported,
        &more,
    );
    let turned = [good[1].clone(), good[0].clone(), good[2].clone()];
    add(
        "_turned",
        DIFFERS,
        "two summaries in each other's place",
        &imported,
        &turned,
    );
    let (refused, digest) = report("refused");
    let lines: Vec<Vec<u8>> = (0..3)
        .map(|index| {
            sealed(
                IN_TOTO,
                &strict_json::write(&statement(&digest, index)),
                people::STATION,
            )
        })
        .collect();
    add(
        "_passed_of_a_refusal",
        DIFFERS,
        "PASSED of an artifact of a bundle that was refused",
        &refused,
        &lines,
    );
    let files = Files::from([
        ("report.ndjson".to_owned(), imported),
        ("vsa.intoto.jsonl".to_owned(), good.concat()),
        ("revocations.dsse.json".to_owned(), revoking(people::STATION)),
    ]);
    let why = "the key that signed the report and its summaries is revoked";
    v.record("summaries", "report/vsa_by_a_revoked_key", "key-revoked", why, files);
}

fn passed(said: &mut Value) {
    said["predicate"]["verificationResult"] = "PASSED".into();
    said["predicate"]["verifiedLevels"] = json!(["SEALIFT_EVIDENCE_NONE"]);
}
