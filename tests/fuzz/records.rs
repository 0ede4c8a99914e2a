//! What an enclave keeps and gives out of its own records, and what lies beside media: years later it is read by somebody who did not write it.

use std::fs;
use std::io::Cursor;

use sealift::bundle::parts::PartsWriter;
use sealift::capsule;
use sealift::crypto::strict_json;
use sealift::import::kept::{self, Beyond, KeptIndex};
use sealift::import::packed::object_name;
use sealift::log::{Checkpoint, Leaf, Witness};
use sealift::model::{Digest, Part};
use sealift::statement::Body;
use sealift::trust::custody::{About, Chain, Record};
use sealift::trust::receipt::Statement;
use sealift::trust::{Kind, TrustedRoot};
use serde_json::{Value, json};

use crate::driver::{Parts, Target};
use crate::people;

/// The bounds of the report and of the catalog, and zstd's window.
const MAX_BYTES: usize = 64 << 20;

const STATEMENTS: [Kind; 6] = [
    Kind::Hold,
    Kind::Release,
    Kind::Tombstone,
    Kind::Renewal,
    Kind::Loss,
    Kind::Countersignature,
];

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "records/capsule".to_owned(),
            rounds: 150,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| vec![vec![kept_capsule("capsule.tar")]]),
            read: Box::new(|parts| {
                let right = kept_capsule("capsule.tar");
                let folder = tempfile::tempdir().unwrap();
                let unpacked = capsule::unpack(Cursor::new(&parts[0]), folder.path());
                let root = TrustedRoot::pinned(&kept_capsule("root.dsse.json")).unwrap();
                let opened = unpacked.and_then(|unpacked| capsule::open(&unpacked, &root));
                // Every byte follows from the root, but for two counts that decide nothing.
                if parts[0] == right {
                    opened.unwrap();
                } else if let Ok(opened) = opened {
                    assert_eq!(opened.head.number, 1);
                    assert_eq!(parts[0].len(), right.len(), "a part was added or left out unnoticed");
                }
            }),
        },
        Target {
            name: "records/kept".to_owned(),
            rounds: 800,
            max_bytes: MAX_BYTES,
            seeds: Box::new(|| vec![vec![kept_objects(&[b"one", b"two", b""])], vec![kept_objects(&[])]]),
            read: Box::new(|parts| {
                let folder = tempfile::tempdir().unwrap();
                fs::write(folder.path().join("objects.tar"), &parts[0]).unwrap();
                let _ = kept::objects(folder.path(), &folder.path().join("names"));
                let mut found = Vec::new();
                if kept::unpack(folder.path(), &mut |digest| found.push(digest)).is_ok() {
                    // Whatever was taken has the bytes that its name says.
                    for digest in found {
                        let hex = digest.hex();
                        let path = folder.path().join("objects").join(&hex[..1]).join(&hex[1..]);
                        assert_eq!(Digest::of(&fs::read(path).unwrap()), digest);
                    }
                }
            }),
        },
        Target {
            name: "records/statements".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(statements),
            read: Box::new(|parts| {
                for kind in STATEMENTS {
                    if let Ok(body) = Body::read(kind, &parts[0]) {
                        assert_eq!(body.kind(), kind);
                        assert_eq!(Body::read(kind, &body.write().unwrap()).unwrap(), body);
                    }
                }
            }),
        },
        Target {
            name: "records/custody".to_owned(),
            rounds: 1000,
            max_bytes: MAX_BYTES,
            seeds: Box::new(custody),
            read: Box::new(|parts| {
                let roots = [people::root()];
                let roots: Vec<_> = roots.iter().collect();
                let about = About {
                    manifest: Digest::of(b"bundle"),
                    volumes: Some(2),
                    revocations: None,
                    now: people::now(),
                };
                let files: Vec<(String, Vec<u8>)> =
                    parts.iter().cloned().map(|part| ("one".to_owned(), part)).collect();
                let chain = Chain::judge(&files, &roots, &about);
                assert!(chain.links.len() <= parts.len());
                // Nobody counts who is not in the root.
                assert!(chain.counting().all(|(link, _)| !link.persons.is_empty()));
                for part in parts {
                    if let Ok(record) = Record::read(part) {
                        let signed = record.sign(&people::key(people::EXPORTER)).unwrap();
                        assert_eq!(Record::read(&signed.payload).unwrap(), record);
                    }
                }
            }),
        },
        Target {
            name: "records/log".to_owned(),
            rounds: 1500,
            max_bytes: MAX_BYTES,
            seeds: Box::new(log),
            read: Box::new(|parts| {
                if let Ok(leaf) = Leaf::read(&parts[0]) {
                    assert_eq!(Leaf::read(&leaf.text()).unwrap(), leaf);
                }
                let text = String::from_utf8_lossy(&parts[0]);
                if let Ok(checkpoint) = Checkpoint::read(&text) {
                    assert_eq!(Checkpoint::read(checkpoint.text()).unwrap().text(), checkpoint.text());
                    let _ = checkpoint.cosigned(&[]);
                }
                let _ = Witness::read(&text);
            }),
        },
        Target {
            name: "records/receipt".to_owned(),
            rounds: 800,
            max_bytes: MAX_BYTES,
            seeds: Box::new(receipts),
            read: Box::new(|parts| {
                let root = people::sealed_root(&people::root(), &[people::ANN, people::BOB]);
                let root = TrustedRoot::pinned(&root).unwrap();
                if let Ok(read) = Statement::read(Cursor::new(&parts[0]), &[root], None) {
                    // What is believed is signed, so nothing of it was changed but how it is spelt.
                    assert!(read.holds(&Digest::of(b"held")) || read.receipt.objects.count == 0);
                }
            }),
        },
    ]
}

/// A file of the newest capsule that is kept.
fn kept_capsule(what: &str) -> Vec<u8> {
    crate::seeds::file(&format!("tests/capsules/{}.{what}", env!("CARGO_PKG_VERSION")))
}

fn kept_objects(contents: &[&[u8]]) -> Vec<u8> {
    let mut parts: Vec<(String, &[u8])> = contents
        .iter()
        .map(|content| (object_name(&Digest::of(content)), *content))
        .collect();
    parts.sort();
    let mut index = strict_json::write(&KeptIndex {
        format: 1,
        left_out: Beyond::default(),
        parts: parts.len() as u64,
    });
    index.push(b'\n');
    for (name, content) in &parts {
        index.extend(strict_json::write(&Part {
            bytes: content.len() as u64,
            digest: Digest::of(content),
            name: name.clone(),
        }));
        index.push(b'\n');
    }
    let mut writer = PartsWriter::new(Vec::new());
    writer.add("index.ndjson", index.len() as u64, &mut &index[..]).unwrap();
    for (name, content) in parts {
        writer.add(&name, content.len() as u64, &mut &content[..]).unwrap();
    }
    writer.finish().unwrap()
}

/// Values as documents, each of which must be right.
fn written(values: Vec<Value>, is_right: impl Fn(&[u8]) -> bool) -> Vec<Parts> {
    let bytes = values.iter().map(strict_json::write);
    bytes
        .map(|bytes| {
            assert!(is_right(&bytes), "{}", String::from_utf8_lossy(&bytes));
            vec![bytes]
        })
        .collect()
}

fn statements() -> Vec<Parts> {
    let (digest, time) = (Digest::of(b"x"), people::now());
    let hold = |scope: Value| {
        json!({
            "created": time, "critical": [], "enclave": digest, "format": 1, "name": "case-9", "reason": "r", "scope": scope, "ticket": "CHG-1",
        })
    };
    let absent = json!({
        "created": time, "digest": digest, "file": "000001-main-1.report.ndjson", "generation": 1, "journal": null, "leaf": 3, "number": 1,
        "outcome": "imported", "previous": null, "repository": digest,
    });
    let values = vec![
        hold(json!({ "kind": "everything" })),
        hold(json!({ "kind": "purl", "purl": "pkg:npm/left-pad@1.0.0" })),
        hold(json!({ "kind": "dates", "from": time, "until": time.plus_days(1) })),
        json!({ "created": time, "critical": [], "enclave": digest, "format": 1, "hold": digest, "reason": "over" }),
        json!({ "created": time, "critical": [], "enclave": digest, "format": 1, "reason": "burnt", "reports": [absent] }),
        json!({
            "created": time, "critical": [], "enclave": digest, "format": 1, "previous": null,
            "list": { "bytes": 1, "count": 1, "digest": digest, "sha512": "0".repeat(128) },
        }),
        json!({
            "created": time, "critical": [], "enclave": digest, "format": 1, "reason": "read", "report": { "digest": digest, "number": 1 },
            "said": "accepted", "ticket": "CHG-1",
        }),
    ];
    written(values, |bytes| {
        STATEMENTS.iter().any(|kind| Body::read(*kind, bytes).is_ok())
    })
}

fn custody() -> Vec<Parts> {
    let time = people::now();
    let record = |event: &str, previous: &[Digest], more: Value| {
        let mut value = json!({
            "at": time, "created": time, "critical": [], "event": event, "format": 1, "manifest": Digest::of(b"bundle"), "previous": previous,
            "time_by": "clock",
        });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let sealed = |value: &Value, signer: u8| {
        let record = Record::read(&strict_json::write(value)).unwrap();
        record.sign(&people::key(signer)).unwrap().write()
    };
    let first = record("sealed", &[], json!({ "seal": { "number": "S-1", "state": "intact" } }));
    let before = [Digest::of(&strict_json::write(&first))];
    let second = record(
        "received",
        &before,
        json!({ "volumes": [{ "number": 1, "digest": Digest::of(b"volume") }] }),
    );
    vec![
        vec![sealed(&first, people::EXPORTER), sealed(&second, people::STATION)],
        // The very same, by two persons.
        vec![sealed(&first, people::EXPORTER), sealed(&first, people::STATION)],
        vec![strict_json::write(&first)],
    ]
}

fn log() -> Vec<Parts> {
    let (digest, time) = (Digest::of(b"x"), people::now());
    let leaves = vec![
        json!({ "kind": "artifact", "artifact": digest, "decision": "allowed", "purl": "pkg:npm/x@1", "record": digest, "report": 1 }),
        json!({ "kind": "rollback", "generation": 3, "reason": "r", "time": time, "to": 1 }),
        json!({ "kind": "statement", "digest": digest, "number": 1, "time": time, "what": "hold" }),
        json!({ "kind": "sweep", "generations": [1, 2], "time": time }),
    ];
    let mut seeds = written(leaves, |bytes| Leaf::read(bytes).is_ok());
    let head = sealift::crypto::merkle::Head { root: digest, size: 7 };
    let checkpoint = Checkpoint::make("sealift/plant-7/x", head, Some(&people::key(people::STATION))).unwrap();
    seeds.push(vec![checkpoint.text().as_bytes().to_vec()]);
    seeds
}

fn receipts() -> Vec<Parts> {
    let root = people::root();
    let lines = format!("{}\n", Digest::of(b"held").hex());
    let receipt = json!({
        "artifacts": 1, "created": people::now(), "critical": [], "enclave": root.enclave.id.digest(), "format": 1, "generation": null,
        "objects": { "count": 1, "digest": Digest::of(lines.as_bytes()) }, "streams": [],
    });
    let mut file = people::sealed(Kind::Receipt, &strict_json::write(&receipt), &[people::STATION]).write();
    file.push(b'\n');
    file.extend(lines.as_bytes());
    vec![vec![file]]
}
