//! TUF: roots and repositories of `05-tuf`, and each check by itself.

mod bounds;
mod checks;
mod roots;

use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::evidence::tuf::check_roots;
use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Material, Outcome};
use serde_json::{Value, json};

use crate::data::{Judged, Row};
use crate::support::{DAY, anchor, artifact, judge, outcome, time};

const CONFIRMED: Outcome = Outcome::Confirmed(Level::Publisher);

fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

fn doubt(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

fn pinned(root: &[u8]) -> Anchor {
    anchor(
        "repository",
        Material::TufRoot(String::from_utf8(root.to_vec()).unwrap()),
    )
}

fn judged(objects: Vec<Vec<u8>>, file: &str, bytes: &[u8], anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("files", file, "1", file, bytes);
    judge("tuf", objects, &artifact, bytes, anchors, DAY)
}

/// Judges a row: chains of roots by themselves, repositories by the kind, for each of their targets.
pub(crate) fn collection(row: &Row) -> Judged {
    let (group, name) = row.case.split_once('/').unwrap_or(("", &row.case));
    if group == "sigstore-roots" {
        return chain(row, name);
    }
    let roots = |at: &str| check_roots(&row.read(&format!("tough/{name}/root.json")), &[], time(at)).map(drop);
    let repository = |folder: &str, metadata: &[&str], targets: &[(&str, &str)]| {
        let objects = || {
            let metadata = metadata.iter();
            metadata
                .map(|name| row.read(&format!("{folder}/metadata/{name}")))
                .collect()
        };
        let root = row.read(&format!("{folder}/metadata/1.root.json"));
        let findings = targets.iter().map(|(file, path)| {
            let bytes = row.read(&format!("{folder}/targets/{path}"));
            let findings = judged(objects(), file, &bytes, &[pinned(&root)]);
            // The same bytes under another name, and other bytes under this one.
            assert_eq!(
                outcome(&judged(objects(), "other", &bytes, &[pinned(&root)])),
                if accepted(&findings) {
                    doubt(Doubt::Incomplete)
                } else {
                    outcome(&findings)
                }
            );
            if accepted(&findings) {
                assert_eq!(
                    outcome(&judged(objects(), file, b"other", &[pinned(&root)])),
                    wrong(Fault::SubjectDiffers)
                );
            }
            findings
        });
        Judged::Findings(findings.flatten().collect())
    };
    match name {
        // The root has run out since.
        "hex-encoded-ecdsa-sig-keys" => {
            assert!(roots(DAY).unwrap_err().contains("ran out"));
            Judged::Answer(roots("2022-01-01T00:00:00Z"))
        }
        "consistent-snapshots" => repository(
            "tough/consistent-snapshots",
            &["timestamp.json", "1.snapshot.json", "1.targets.json"],
            &[
                (
                    "data1.txt",
                    "5aa1d2b3bea034a0f9d0b27a1bc72919b3145a2b092b72ac0415a05e07e2bdd1.data1.txt",
                ),
                (
                    "data2.txt",
                    "732b0c04a45c1296a7adf26814d2622c288e5ae1ce0cd791da84aea5a745081c.data2.txt",
                ),
            ],
        ),
        "expired-repository" => {
            let targets = "tough/consistent-snapshots/targets/5aa1d2b3bea034a0f9d0b27a1bc72919b3145a2b092b72ac0415a05e07e2bdd1.data1.txt";
            let read = |name: &str| row.read(&format!("tough/expired-repository/metadata/{name}"));
            let objects = ["timestamp.json", "1589485578.snapshot.json", "1589485578.targets.json"].map(read);
            let anchors = [pinned(&read("1.root.json"))];
            let findings = judged(objects.to_vec(), "data1.txt", &row.read(targets), &anchors);
            assert_eq!(outcome(&findings), wrong(Fault::Expired));
            Judged::Findings(findings)
        }
        "tuf-reference-impl" => repository(
            "tough/tuf-reference-impl",
            &[
                "timestamp.json",
                "snapshot.json",
                "targets.json",
                "role1.json",
                "role2.json",
            ],
            &[
                ("file1.txt", "file1.txt"),
                ("file2.txt", "file2.txt"),
                ("file3.txt", "file3.txt"),
            ],
        ),
        "tuf-on-ci" => repository(
            "tuf-on-ci",
            &[
                "1.root.json",
                "timestamp.json",
                "2.snapshot.json",
                "1.targets.json",
                "2.delegatedrole.json",
            ],
            &[(
                "artifact",
                "delegatedrole/45f337ee451b4c098d121d09cc224bacc7794503ac58a47a78cfe7ebefb7fab3.artifact",
            )],
        ),
        _ => Judged::Answer(roots(DAY)),
    }
}

fn accepted(findings: &[Finding]) -> bool {
    outcome(findings) == CONFIRMED
}

/// Versions in the order in which they are given, the first pinned: accepted if the last is what is trusted in the end.
fn chain(row: &Row, name: &str) -> Judged {
    let (versions, at): (Vec<u64>, _) = match name {
        "1-10" => ((1..=10).collect(), "2025-01-01T00:00:00Z"),
        "gap" => (vec![4, 6], "2023-01-01T00:00:00Z"),
        "rollback" => (vec![7, 6], "2023-01-01T00:00:00Z"),
        _ => panic!("a new row: {name}"),
    };
    let roots: Vec<Vec<u8>> = versions
        .iter()
        .map(|version| row.read(&format!("sigstore-roots/{version}.root.json")))
        .collect();
    let newer: Vec<&[u8]> = roots[1..].iter().map(Vec::as_slice).collect();
    if name == "1-10" {
        let late = check_roots(&roots[0], &newer, time(DAY)).unwrap_err();
        assert!(late.contains("ran out"), "{late}");
    }
    Judged::Answer(match check_roots(&roots[0], &newer, time(at)) {
        Ok(version) if Some(&version) == versions.last() => Ok(()),
        Ok(version) => Err(format!("version {version} stays trusted")),
        Err(reason) => Err(reason),
    })
}

/// A role's documents, with who signs them and what is changed before.
struct Role {
    signed: Value,
    signers: Vec<u8>,
}

/// A repository of ours: key 1 signs roots, 2 timestamps, 3 snapshots, 4 targets and 5 what is delegated.
struct Repository {
    root: Role,
    timestamp: Role,
    snapshot: Role,
    targets: Role,
    delegated: Role,
}

fn key(seed: u8) -> FileKey {
    FileKey::from_seed(&[seed; 32])
}

fn key_object(seed: u8) -> Value {
    json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex::encode(key(seed).public().bytes())}})
}

fn id(seed: u8) -> String {
    format!("key-{seed}")
}

fn write(role: &Role) -> Vec<u8> {
    // Sorted names, no white space and nothing to be escaped: the canonical form.
    let message = role.signed.to_string();
    let signatures: Vec<Value> = role
        .signers
        .iter()
        .map(|seed| json!({"keyid": id(*seed), "sig": hex::encode(key(*seed).sign(message.as_bytes()).unwrap())}))
        .collect();
    json!({"signed": role.signed, "signatures": signatures})
        .to_string()
        .into_bytes()
}

const LATER: &str = "2027-01-01T00:00:00Z";

impl Repository {
    fn new() -> Self {
        let keys: serde_json::Map<String, Value> = (1..=9).map(|seed| (id(seed), key_object(seed))).collect();
        let role = |seed: u8| json!({"keyids": [id(seed)], "threshold": 1});
        let root = json!({"_type": "root", "spec_version": "1.0.31", "version": 1, "expires": LATER, "consistent_snapshot": true,
            "keys": keys, "roles": {"root": role(1), "timestamp": role(2), "snapshot": role(3), "targets": role(4)}});
        let meta = |version: u64| json!({"version": version});
        let timestamp = json!({"_type": "timestamp", "spec_version": "1.0.31", "version": 7, "expires": LATER,
            "meta": {"snapshot.json": meta(6)}});
        let snapshot = json!({"_type": "snapshot", "spec_version": "1.0.31", "version": 6, "expires": LATER,
            "meta": {"targets.json": meta(5), "team.json": meta(4)}});
        let target = |bytes: &[u8]| json!({"length": bytes.len(), "hashes": {"sha256": Digest::of(bytes).hex()}});
        let targets = json!({"_type": "targets", "spec_version": "1.0.31", "version": 5, "expires": LATER,
            "targets": {"top.bin": target(b"top")},
            "delegations": {"keys": {"key-5": key_object(5), "key-6": key_object(6)},
                "roles": [{"name": "team", "keyids": ["key-5"], "threshold": 1, "terminating": false, "paths": ["team/*"]}]}});
        let delegated = json!({"_type": "targets", "spec_version": "1.0.31", "version": 4, "expires": LATER,
            "targets": {"team/tool.bin": target(b"tool"), "stray.bin": target(b"stray")}});
        let role = |signed: Value, seed: u8| Role {
            signed,
            signers: vec![seed],
        };
        Self {
            root: role(root, 1),
            timestamp: role(timestamp, 2),
            snapshot: role(snapshot, 3),
            targets: role(targets, 4),
            delegated: role(delegated, 5),
        }
    }

    fn anchor(&self) -> Anchor {
        pinned(&write(&self.root))
    }

    fn objects(&self) -> Vec<Vec<u8>> {
        [&self.timestamp, &self.snapshot, &self.targets, &self.delegated]
            .map(write)
            .to_vec()
    }

    fn judge(&self, file: &str, bytes: &[u8]) -> Outcome {
        outcome(&judged(self.objects(), file, bytes, &[self.anchor()]))
    }

    fn top(&self) -> Outcome {
        self.judge("top.bin", b"top")
    }

    fn tool(&self) -> Outcome {
        self.judge("tool.bin", b"tool")
    }
}

fn altered(change: impl FnOnce(&mut Repository)) -> Repository {
    let mut repository = Repository::new();
    change(&mut repository);
    repository
}
