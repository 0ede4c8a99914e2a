//! Capsules: whether every part follows from the pinned root (`bundle-spec/capsule.md` §1 and §4).

use sealift::crypto::strict_json;
use serde_json::{Value, json};

use super::*;
use crate::raw_bundle::tar;
use crate::raw_records::{RawEnclave, ReportEdits};

/// A capsule's parts by name, and hooks for what lies around them.
#[derive(Clone)]
struct RawCapsule {
    parts: Vec<(String, Vec<u8>)>,
    report: Digest,
}

/// What a refused attempt was judged by, as far as it came.
const ORDER: &[u8] = br#"{"gap":"refuse","has_base":false,"last":null,"numbered":null,"revocations":null}"#;

impl RawCapsule {
    /// The capsule of an attempt that was refused for its order.
    fn sample(edits: ReportEdits) -> Self {
        let order = Digest::of(ORDER).to_string();
        let head = edits.head;
        let edits = ReportEdits {
            head: Some(Box::new(move |value: &mut Value| {
                value["basis"] = json!([{ "bytes": ORDER.len(), "digest": order, "name": "order.json" }]);
                if let Some(edit) = &head {
                    edit(value);
                }
            })),
            ..edits
        };
        let mut enclave = RawEnclave::new();
        let report = enclave.report(0, &edits);
        Self {
            parts: vec![
                ("basis/order.json".to_owned(), ORDER.to_vec()),
                ("report.ndjson".to_owned(), report),
                ("trust/roots/1.dsse.json".to_owned(), sealed_root()),
            ],
            report: enclave.last.unwrap().1,
        }
    }

    fn index(&self) -> Vec<Value> {
        let mut lines = vec![json!({
            "format": 1, "generator": "raw records of the tests", "left_out": { "content": 0, "missing": 0 }, "parts": self.parts.len(),
            "report": self.report.to_string(),
        })];
        lines.extend(self.parts.iter().map(
            |(name, bytes)| json!({ "bytes": bytes.len(), "digest": Digest::of(bytes).to_string(), "name": name }),
        ));
        lines
    }

    fn write(&self, edit: impl Fn(&mut Vec<Value>)) -> Vec<u8> {
        let mut lines = self.index();
        edit(&mut lines);
        self.write_with(
            lines
                .iter()
                .flat_map(|line| [strict_json::write(line), b"\n".to_vec()].concat())
                .collect(),
        )
    }

    fn write_with(&self, index: Vec<u8>) -> Vec<u8> {
        let index = Member {
            name: "index.ndjson".to_owned(),
            data: index,
        };
        let parts = self.parts.iter().map(|(name, data)| Member {
            name: name.clone(),
            data: data.clone(),
        });
        tar(&std::iter::once(index).chain(parts).collect::<Vec<_>>())
    }

    fn with(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.parts.retain(|(other, _)| other != name);
        self.parts.push((name.to_owned(), bytes));
        self.parts.sort();
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.parts.retain(|(other, _)| other != name);
        self
    }
}

fn sample() -> RawCapsule {
    RawCapsule::sample(ReportEdits::default())
}

pub(super) fn capsules(v: &mut Vectors) {
    let mut add = |name: &str, verdict: &str, why: &str, bytes: Vec<u8>| {
        let files = Files::from([("capsule.tar".to_owned(), bytes)]);
        v.record("capsule", &format!("capsule/{name}"), verdict, why, files);
    };
    let same = |_: &mut Vec<Value>| {};
    let good = sample().write(same);
    add(
        "good",
        "accepted",
        "of an attempt that was refused for its order",
        good.clone(),
    );

    // The file: §1.
    let (exact, missing, strict) = ("container-not-exact", "object-missing", "json-not-strict");
    add(
        "truncated",
        missing,
        "it ends within its last part",
        good[..good.len() - 1600].to_vec(),
    );
    add(
        "end_cut",
        missing,
        "it ends within its end",
        good[..good.len() - 1].to_vec(),
    );
    add(
        "end_followed",
        exact,
        "a byte follows the end",
        [&good[..], b"\0"].concat(),
    );
    let mut wrong = good.clone();
    wrong[100] ^= 1;
    add("header_mode", exact, "the first header has another mode", wrong);
    let mut wrong = good.clone();
    let at = position(&good, "basis/order.json");
    wrong[at + 512 + ORDER.len()] = 1;
    add("padding_set", exact, "a byte of the padding is set", wrong);
    let mut wrong = good.clone();
    wrong[at + 512] ^= 1;
    add("part_edited", "digest-mismatch", "a bit of a part is changed", wrong);
    add(
        "parts_more",
        exact,
        "the index says a part more than it names",
        sample().write(|lines| lines[0]["parts"] = 4.into()),
    );
    add(
        "parts_fewer",
        exact,
        "the index says a part fewer than it names",
        sample().write(|lines| lines[0]["parts"] = 2.into()),
    );
    add(
        "parts_endless",
        "size-exceeded",
        "more parts than a capsule may have",
        sample().write(|lines| lines[0]["parts"] = 4_195_329.into()),
    );
    add(
        "format_2",
        "unknown-format",
        "format 2",
        sample().write(|lines| lines[0]["format"] = 2.into()),
    );
    add(
        "index_with_more",
        strict,
        "a field of the index that is not known",
        sample().write(|lines| lines[0]["more"] = 1.into()),
    );
    add(
        "index_line_with_more",
        strict,
        "a field of a part's line that is not known",
        sample().write(|lines| lines[1]["more"] = 1.into()),
    );
    let text: Vec<u8> = sample()
        .index()
        .iter()
        .flat_map(|line| [strict_json::write(line), b"\n".to_vec()].concat())
        .collect();
    let spaced = String::from_utf8(text.clone())
        .unwrap()
        .replacen(':', ": ", 1)
        .into_bytes();
    add(
        "index_not_canonical",
        strict,
        "white space in the index",
        sample().write_with(spaced),
    );
    add(
        "index_empty",
        strict,
        "an index without a line",
        sample().write_with(Vec::new()),
    );
    add(
        "index_line_cut",
        strict,
        "the last line of the index is not ended",
        sample().write_with(text[..text.len() - 1].to_vec()),
    );
    let mut turned = sample();
    turned.parts.swap(0, 1);
    add(
        "parts_not_in_order",
        exact,
        "the parts do not ascend by name",
        turned.write(same),
    );
    let mut twice = sample();
    let first = twice.parts[0].clone();
    twice.parts.insert(0, first);
    add("part_twice", exact, "a part is there twice", twice.write(same));
    for (name, why, part) in [
        ("name_unknown", "a part of a name that none has", "basis/other.json"),
        (
            "name_elsewhere",
            "a part whose name leads elsewhere",
            "basis/../order.json",
        ),
        (
            "version_spelt_otherwise",
            "a version with a zero before it",
            "trust/roots/02.dsse.json",
        ),
        (
            "object_spelt_otherwise",
            "an object named in capital digits",
            "objects/AB/CD",
        ),
    ] {
        add(
            name,
            "unsafe-name",
            why,
            sample().with(part, b"{}".to_vec()).write(same),
        );
    }
    let hex = Digest::of(b"other").hex();
    let object = format!("objects/{}/{}", &hex[..2], &hex[2..]);
    add(
        "object_of_another_name",
        "digest-mismatch",
        "an object whose bytes are not those of its name",
        sample().with(&object, b"x".to_vec()).write(same),
    );

    // What follows from the root: §4.
    add(
        "without_report",
        missing,
        "the report is not there",
        sample().without("report.ndjson").write(same),
    );
    add(
        "without_root",
        "not-rooted-in-pin",
        "no root is there",
        sample().without("trust/roots/1.dsse.json").write(same),
    );
    let mut other = people::root();
    other.enclave.name = "plant-8".to_owned();
    add(
        "of_another_root",
        "not-rooted-in-pin",
        "its first root is another than the pinned one",
        sample()
            .with(
                "trust/roots/1.dsse.json",
                people::sealed_root(&other, &[people::ANN, people::BOB]),
            )
            .write(same),
    );
    let mut second = people::root();
    second.version = 2;
    add(
        "root_chain",
        "accepted",
        "a second root follows the first",
        sample()
            .with(
                "trust/roots/2.dsse.json",
                people::sealed_root(&second, &[people::ANN, people::BOB]),
            )
            .write(same),
    );
    add(
        "root_chain_broken",
        "root-chain-broken",
        "the second root is signed by one person where the first asks for two",
        sample()
            .with("trust/roots/2.dsse.json", people::sealed_root(&second, &[people::ANN]))
            .write(same),
    );
    add(
        "root_of_another_version",
        "root-chain-broken",
        "the second root lies under the name of the third",
        sample()
            .with(
                "trust/roots/3.dsse.json",
                people::sealed_root(&second, &[people::ANN, people::BOB]),
            )
            .write(same),
    );
    add(
        "report_by_another_role",
        "key-not-in-role",
        "the report is signed by a key without the role import",
        RawCapsule::sample(ReportEdits {
            signers: Some(vec![people::EXPORTER]),
            ..ReportEdits::default()
        })
        .write(same),
    );
    add(
        "report_exchanged",
        "digest-mismatch",
        "the report is not the one that the index names",
        {
            let mut capsule = sample();
            capsule.report = Digest::of(b"other");
            capsule.write(same)
        },
    );
    let head = |edit: fn(&mut Value)| {
        RawCapsule::sample(ReportEdits {
            head: Some(Box::new(edit)),
            ..ReportEdits::default()
        })
        .write(same)
    };
    add(
        "basis_removed",
        missing,
        "a part of the basis is not there",
        sample().without("basis/order.json").write(same),
    );
    add(
        "basis_exchanged",
        "digest-mismatch",
        "a part of the basis is another than the report names",
        {
            let text = String::from_utf8(ORDER.to_vec()).unwrap().replace("refuse", "record");
            sample().with("basis/order.json", text.into_bytes()).write(same)
        },
    );
    add(
        "basis_of_another_size",
        "digest-mismatch",
        "a part of the basis has the digest that the report names, and the report says another size",
        RawCapsule::sample(ReportEdits {
            head: Some(Box::new(|head| head["basis"][0]["bytes"] = 1.into())),
            ..ReportEdits::default()
        })
        .write(same),
    );
    let unlisted = "object-not-listed";
    add(
        "basis_added",
        unlisted,
        "a part of the basis that the report does not name",
        sample().with("basis/scans.ndjson", b"{}\n".to_vec()).write(same),
    );
    add(
        "object_added",
        unlisted,
        "an object that nothing names",
        sample().with(&object, b"other".to_vec()).write(same),
    );
    add(
        "root_of_another_digest",
        "root-chain-broken",
        "the report was written by another root of that version",
        head(|head| head["trust"]["root"]["digest"] = Digest::of(b"other").to_string().into()),
    );
    let sealed = |kind: Kind, payload: &Value| {
        people::sealed(kind, &strict_json::write(payload), &[people::ANN, people::BOB]).write()
    };
    let revoked = sealed(
        Kind::Revocations,
        &json!({ "created": "2026-11-20T12:00:00Z", "critical": [], "revoked": [], "version": 1 }),
    );
    add(
        "revocations_added",
        unlisted,
        "revocations that the report does not name",
        sample()
            .with("trust/revocations/1.dsse.json", revoked.clone())
            .write(same),
    );
    let standing = |digest: String| {
        RawCapsule::sample(ReportEdits {
            head: Some(Box::new(move |head| {
                head["trust"]["revocations"] = json!({
                    "created": "2026-11-20T12:00:00Z", "digest": digest, "entries": 0, "persons": ["ann", "bob"], "version": 1,
                });
            })),
            ..ReportEdits::default()
        })
    };
    let payload = sealift::crypto::dsse::Envelope::read(&revoked).unwrap().payload;
    let own = Digest::of(&payload).to_string();
    let name = "trust/revocations/1.dsse.json";
    add(
        "revocations",
        "accepted",
        "the revocations that counted",
        standing(own.clone()).with(name, revoked.clone()).write(same),
    );
    add(
        "revocations_removed",
        missing,
        "the revocations that counted are not there",
        standing(own).write(same),
    );
    let other = Digest::of(b"other").to_string();
    add(
        "revocations_exchanged",
        "digest-mismatch",
        "other revocations than counted",
        standing(other).with(name, revoked).write(same),
    );
    add(
        "revoked",
        "key-revoked",
        "the revocations that counted revoke the key of the report",
        {
            let revoking = revoking(people::STATION);
            let payload = sealift::crypto::dsse::Envelope::read(&revoking).unwrap().payload;
            standing(Digest::of(&payload).to_string())
                .with(name, revoking)
                .write(same)
        },
    );
}

/// What a person says of a capsule's report.
fn said(capsule: &RawCapsule) -> Value {
    json!({
        "created": "2026-11-20T12:00:00Z", "critical": [], "enclave": people::id(people::STATION).to_string(), "format": 1,
        "reason": "read to its end", "report": { "digest": capsule.report.to_string(), "number": 1 }, "said": "accepted",
    })
}

/// Capsules with what a person said of the report: §4, and `bundle-spec/retention.md` §7.
pub(super) fn countersigned(v: &mut Vectors) {
    let mut add = |name: &str, verdict: &str, why: &str, edit: fn(&mut Value), signers: &[u8]| {
        let capsule = sample();
        let mut body = said(&capsule);
        edit(&mut body);
        let envelope = people::sealed(Kind::Countersignature, &strict_json::write(&body), signers).write();
        let bytes = capsule.with("countersignatures/3.dsse.json", envelope).write(|_| {});
        let files = Files::from([("capsule.tar".to_owned(), bytes)]);
        v.record("capsule", &format!("capsule/countersigned{name}"), verdict, why, files);
    };
    let as_it_is = |_: &mut Value| {};
    let eve = [people::APPROVER];
    add(
        "",
        "accepted",
        "what a person with the role approve said of the report",
        as_it_is,
        &eve,
    );
    add(
        "_by_another_role",
        "key-not-in-role",
        "who speaks of the report has not the role approve",
        as_it_is,
        &[people::EXPORTER],
    );
    add(
        "_of_another_report",
        "digest-mismatch",
        "it is about another report than the capsule's",
        |body| body["report"]["digest"] = Digest::of(b"other").to_string().into(),
        &eve,
    );
    add(
        "_of_another_number",
        "digest-mismatch",
        "it has the report's digest and another number",
        |body| body["report"]["number"] = 2.into(),
        &eve,
    );
    add(
        "_of_another_enclave",
        "wrong-enclave",
        "it is another enclave's",
        |body| body["enclave"] = Digest::of(b"other").to_string().into(),
        &eve,
    );
    add(
        "_without_reason",
        "json-not-strict",
        "a reason of white space",
        |body| body["reason"] = " ".into(),
        &eve,
    );
    let exported = RawCapsule::sample(ReportEdits {
        head: Some(Box::new(|head: &mut Value| {
            head["people"] = json!([{ "approval": null, "keys": [], "person": "eve", "role": "export" }]);
        })),
        ..ReportEdits::default()
    });
    let body = said(&exported);
    let envelope = people::sealed(Kind::Countersignature, &strict_json::write(&body), &eve).write();
    let bytes = exported.with("countersignatures/3.dsse.json", envelope).write(|_| {});
    let files = Files::from([("capsule.tar".to_owned(), bytes)]);
    let why = "who speaks of the report exported its bundle";
    v.record(
        "capsule",
        "capsule/countersigned_by_who_exported",
        "roles-not-separate",
        why,
        files,
    );
    let bytes = sample()
        .with("countersignatures/3.dsse.json", b"{}".to_vec())
        .write(|_| {});
    let files = Files::from([("capsule.tar".to_owned(), bytes)]);
    let why = "what lies there is no envelope";
    v.record(
        "capsule",
        "capsule/countersigned_by_nobody",
        "json-not-strict",
        why,
        files,
    );
}

/// What the program says of a capsule, by the root of the tests.
fn verdict_of(bytes: &[u8]) -> String {
    let staging = scratch();
    let root = TrustedRoot::pinned(&sealed_root()).unwrap();
    let opened =
        sealift::capsule::unpack(bytes, staging.path()).and_then(|unpacked| sealift::capsule::open(&unpacked, &root));
    verdict(opened.map(|_| "accepted"))
}

#[test]
fn a_capsule_carries_no_endless_chain_of_versions() {
    let with_versions = |count: u64| {
        let versions = (1..=count).map(|version| (format!("trust/anchors/{version}.dsse.json"), b"{}".to_vec()));
        let mut capsule = sample();
        capsule.parts.extend(versions);
        capsule.parts.sort();
        verdict_of(&capsule.write(|_| {}))
    };
    // Up to there it is said that nothing names them.
    assert_eq!(with_versions(1024), "object-not-listed");
    assert_eq!(with_versions(1025), "size-exceeded");
}

#[test]
fn a_policy_that_nobody_signed_is_that_of_the_profile() {
    let judged_by = |digest: Digest| {
        let head = move |head: &mut Value| {
            head["policy"] = json!({
                "bundle": [], "digest": digest.to_string(), "id": "example", "mode": "enforce", "signed_by": [], "version": 1,
            });
        };
        let edits = ReportEdits {
            head: Some(Box::new(head)),
            ..ReportEdits::default()
        };
        verdict_of(&RawCapsule::sample(edits).write(|_| {}))
    };
    let folder = scratch();
    let root = TrustedRoot::pinned(&sealed_root()).unwrap();
    let confirmed = sealift::trust::folder::Confirmed::ByFingerprint;
    let trust =
        sealift::trust::folder::TrustFolder::pin(&folder.path().join("trust"), root, confirmed, people::now()).unwrap();
    let site = sealift::import::site::Site::load(&trust).unwrap();
    assert_eq!(judged_by(site.in_force().policy.digest()), "accepted");
    assert_eq!(judged_by(Digest::of(b"another policy")), "digest-mismatch");
}
