//! What statements about an enclave's own records must say (`bundle-spec/retention.md`).

use std::fs;
use std::path::Path;

use sealift::crypto::dsse::Envelope;
use sealift::crypto::strict_json;
use sealift::ledger::StatementRecord;
use sealift::model::{Digest, Stop};
use sealift::statement::{Body, MAX_PRUNED, Renewals, Statements};
use sealift::trust::{Kind, TrustError};
use serde_json::{Value, json};

use crate::people;

const KINDS: [Kind; 6] = [
    Kind::Hold,
    Kind::Release,
    Kind::Tombstone,
    Kind::Renewal,
    Kind::Loss,
    Kind::Countersignature,
];

fn digest(text: &str) -> String {
    Digest::of(text.as_bytes()).to_string()
}

pub(crate) fn absent(number: u64) -> Value {
    json!({
        "created": "2026-11-20T12:00:00Z", "digest": digest("head"), "file": "", "generation": null, "journal": null,
        "leaf": 7, "number": number, "outcome": "imported", "previous": null, "repository": null,
    })
}

pub(crate) fn pruned(class: &str, path: &str) -> Value {
    json!({
        "class": class, "days": 30, "digest": digest(path), "path": path, "size": 10, "until": "2026-11-20T11:00:00Z",
    })
}

/// A statement of a kind that is as it should be.
pub(crate) fn good(kind: Kind) -> Value {
    let mut body = json!({
        "created": "2026-11-20T12:00:00Z", "critical": [], "enclave": digest("enclave"), "format": 1,
    });
    let more = match kind {
        Kind::Hold => json!({ "name": "case-7", "reason": "a court asks", "scope": { "kind": "everything" } }),
        Kind::Release => json!({ "hold": digest("hold"), "reason": "the case is closed" }),
        Kind::Tombstone => json!({
            "at": "2026-11-20T12:00:00Z",
            "entries": [pruned("artifact", "store/objects/ab/cd")],
            "policy": { "digest": digest("policy"), "id": "plant-7", "version": 1 },
        }),
        Kind::Renewal => json!({
            "list": { "bytes": 1, "count": 1, "digest": digest("list"), "sha512": "0a".repeat(64) },
            "previous": null,
        }),
        Kind::Countersignature => json!({
            "reason": "read to its end", "report": { "digest": digest("head"), "number": 1 }, "said": "accepted",
        }),
        _ => json!({ "reason": "the disk is gone", "reports": [absent(1), absent(2)] }),
    };
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn read(kind: Kind, body: &Value) -> Result<Body, TrustError> {
    Body::read(kind, &strict_json::write(body))
}

type Change = fn(&mut Value);

/// Changes that leave a statement as it should be, and changes after which a field is not.
fn judge(kind: Kind, accepted: &[Change], refused: &[(&str, Change)]) {
    for (index, change) in accepted.iter().enumerate() {
        let mut body = good(kind);
        change(&mut body);
        let read = read(kind, &body).unwrap_or_else(|error| panic!("{kind} {index}: {error}"));
        assert!(read.write().unwrap() == strict_json::write(&body), "{kind} {index}");
    }
    for (index, (expected, change)) in refused.iter().enumerate() {
        let mut body = good(kind);
        change(&mut body);
        match read(kind, &body) {
            Err(TrustError::Field { field, .. }) => assert_eq!(field, *expected, "{kind} {index}"),
            other => panic!("{kind} {index}: {other:?}"),
        }
    }
}

#[test]
fn every_statement_has_a_format_and_is_read_as_its_own_kind_alone() {
    for kind in KINDS {
        judge(kind, &[|_| {}], &[("format", |body| body["format"] = 2.into())]);
        for other in KINDS {
            assert_eq!(read(other, &good(kind)).is_ok(), other == kind, "{kind} as {other}");
        }
    }
    assert!(matches!(
        read(Kind::Policy, &good(Kind::Hold)),
        Err(TrustError::WrongKind { .. })
    ));
}

#[test]
fn whoever_signs_says_why_in_words_that_can_be_shown() {
    for kind in [Kind::Hold, Kind::Release, Kind::Loss, Kind::Countersignature] {
        judge(
            kind,
            &[
                |body| body["reason"] = "r".repeat(2000).into(),
                |body| body["ticket"] = "t".repeat(200).into(),
            ],
            &[
                ("reason", |body| body["reason"] = "".into()),
                ("reason", |body| body["reason"] = " \n".into()),
                ("reason", |body| body["reason"] = "r".repeat(2001).into()),
                ("reason", |body| body["reason"] = "two\u{7}".into()),
                ("ticket", |body| body["ticket"] = "t".repeat(201).into()),
                ("ticket", |body| body["ticket"] = "a\nb".into()),
            ],
        );
    }
}

#[test]
fn a_hold_has_a_name_and_a_scope() {
    judge(
        Kind::Hold,
        &[
            |body| body["name"] = "n".repeat(64).into(),
            |body| body["scope"] = json!({ "kind": "purl", "purl": "pkg:pypi/demo@1" }),
            |body| body["scope"] = json!({ "kind": "key", "key": "k".repeat(2000) }),
            |body| {
                body["scope"] =
                    json!({ "from": "2026-11-20T00:00:00Z", "kind": "dates", "until": "2026-11-20T00:00:01Z" });
            },
        ],
        &[
            ("name", |body| body["name"] = "".into()),
            ("name", |body| body["name"] = "n".repeat(65).into()),
            ("name", |body| body["name"] = "a/b".into()),
            ("name", |body| body["name"] = "a b".into()),
            ("scope", |body| {
                body["scope"] =
                    json!({ "from": "2026-11-20T00:00:00Z", "kind": "dates", "until": "2026-11-20T00:00:00Z" });
            }),
            ("scope", |body| {
                body["scope"] = json!({ "kind": "purl", "purl": "pypi/demo" })
            }),
            ("scope", |body| {
                body["scope"] = json!({ "kind": "purl", "purl": format!("pkg:{}", "p".repeat(1997)) });
            }),
            ("scope", |body| {
                body["scope"] = json!({ "kind": "purl", "purl": "pkg:pypi/\u{1b}" })
            }),
            ("scope", |body| body["scope"] = json!({ "kind": "key", "key": "" })),
            ("scope", |body| {
                body["scope"] = json!({ "kind": "key", "key": "k".repeat(2001) })
            }),
            ("scope", |body| {
                body["scope"] = json!({ "kind": "key", "key": "a\u{0}" })
            }),
        ],
    );
}

#[test]
fn a_tombstone_names_what_lay_among_the_records_and_was_over() {
    judge(
        Kind::Tombstone,
        &[
            |body| body["entries"] = vec![body["entries"][0].clone(); MAX_PRUNED].into(),
            |body| body["entries"][0]["until"] = "2026-11-20T12:00:00Z".into(),
            |body| {
                body["entries"][0] = pruned("report", "reports/000001-main-1.report.ndjson");
                body["entries"][0]["report"] = absent(1);
            },
        ],
        &[
            ("entries", |body| body["entries"] = json!([])),
            ("entries", |body| {
                body["entries"] = vec![body["entries"][0].clone(); MAX_PRUNED + 1].into();
            }),
            ("at", |body| body["at"] = "2026-11-20T12:00:01Z".into()),
            ("path", |body| {
                body["entries"][0]["path"] = "trust/roots/1.dsse.json".into()
            }),
            ("path", |body| {
                body["entries"][0]["path"] = "store/objects/../../state.db".into()
            }),
            ("path", |body| body["entries"][0]["path"] = "/etc/passwd".into()),
            ("until", |body| {
                body["entries"][0]["until"] = "2026-11-20T12:00:01Z".into()
            }),
            ("report", |body| body["entries"][0]["report"] = absent(1)),
            ("report", |body| body["entries"][0]["class"] = "report".into()),
            ("report", |body| body["entries"][0]["class"] = "refusal".into()),
        ],
    );
}

#[test]
fn a_renewal_names_its_list_by_two_digests() {
    judge(
        Kind::Renewal,
        &[],
        &[
            ("sha512", |body| body["list"]["sha512"] = "0a".repeat(63).into()),
            ("sha512", |body| body["list"]["sha512"] = "0a".repeat(65).into()),
            ("sha512", |body| body["list"]["sha512"] = "0A".repeat(64).into()),
            ("sha512", |body| body["list"]["sha512"] = "0g".repeat(64).into()),
        ],
    );
}

#[test]
fn a_loss_names_reports_once_and_in_order() {
    judge(
        Kind::Loss,
        &[|body| body["reports"] = (1..=1000).map(absent).collect()],
        &[
            ("reports", |body| body["reports"] = json!([])),
            ("reports", |body| body["reports"] = (1..=1001).map(absent).collect()),
            ("reports", |body| body["reports"] = json!([absent(2), absent(1)])),
            ("reports", |body| body["reports"] = json!([absent(1), absent(1)])),
        ],
    );
}

#[test]
fn a_countersignature_names_a_report_and_has_one_of_two_words() {
    judge(
        Kind::Countersignature,
        &[|body| body["said"] = "objected".into()],
        &[("report", |body| body["report"]["number"] = 0.into())],
    );
    for wrong in ["Accepted", "seen", ""] {
        let mut body = good(Kind::Countersignature);
        body["said"] = wrong.into();
        assert!(read(Kind::Countersignature, &body).is_err(), "{wrong}");
    }
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let Body::Hold(mut hold) = read(Kind::Hold, &good(Kind::Hold)).unwrap() else {
        panic!("a hold is read as a hold");
    };
    hold.name.clear();
    assert!(matches!(
        Body::Hold(hold).write(),
        Err(TrustError::Field { field: "name", .. })
    ));
}

/// Reads the renewals of a vector as those do who believe a report by them, without an audit of the rest.
fn renewals(case: &str) -> Result<(), Stop> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("bundle-spec/vectors/retention")
        .join(case);
    let record = |number: u64| {
        let path = folder.join(format!("statements/{number:06}-renewal.dsse.json"));
        let envelope = Envelope::read(&fs::read(path).ok()?).unwrap();
        Some(StatementRecord {
            number,
            what: Kind::Renewal.name().to_owned(),
            digest: Digest::of(&envelope.payload),
            time: people::now(),
        })
    };
    let records: Vec<StatementRecord> = (1..).map_while(record).collect();
    assert!(!records.is_empty(), "{case}");
    let statements = Statements::load(&folder, records, &[people::pinned(&people::root())], None)?;
    statements.check()?;
    Renewals::of(&folder, &statements).map(drop)
}

#[test]
fn a_renewal_is_believed_after_the_one_before_and_with_its_own_list_alone() {
    for good in ["renewal", "renewal_again"] {
        assert!(renewals(good).is_ok(), "{good}");
    }
    for wrong in [
        "renewal_follows_another_refused",
        "renewal_follows_nothing_refused",
        "renewal_list_cut_refused",
        "renewal_list_edited_refused",
        "renewal_list_longer_refused",
        "renewal_without_list_refused",
    ] {
        assert!(matches!(renewals(wrong), Err(Stop::Refused(_))), "{wrong}");
    }
}
