//! TUF: roots and repositories of `05-tuf`, and each check by itself.

use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::evidence::tuf::check_roots;
use sealift::evidence::{self, Context};
use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Material, Outcome};
use serde_json::{Value, json};

use crate::data::{Judged, Row};
use crate::fixtures;
use crate::support::{DAY, anchor, artifact, judge, outcome, scoped, time, until};

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

#[test]
fn a_real_repository_vouches_for_its_targets() {
    let names = [
        "timestamp.json",
        "2.snapshot.json",
        "1.targets.json",
        "2.delegatedrole.json",
    ];
    let objects = names.map(|name| fixtures::bytes(&format!("tuf/{name}"))).to_vec();
    let anchors = [pinned(&fixtures::bytes("tuf/1.root.json"))];
    let bytes = fixtures::bytes("tuf/artifact");
    let findings = judged(objects.clone(), "artifact", &bytes, &anchors);
    assert_eq!(outcome(&findings), CONFIRMED);
    let said: Vec<&str> = findings[0].claims.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        said,
        [
            "target",
            "role",
            "root-version",
            "timestamp-version",
            "snapshot-version"
        ]
    );
    assert_eq!(findings[0].claims[1].1, "delegatedrole");
    assert_eq!(
        outcome(&judged(objects, "artifact", b"other", &anchors)),
        wrong(Fault::SubjectDiffers)
    );
}

#[test]
fn targets_are_confirmed_and_nothing_else_is() {
    let good = Repository::new();
    assert_eq!(good.top(), CONFIRMED);
    assert_eq!(good.tool(), CONFIRMED);
    assert_eq!(good.judge("top.bin", b"other"), wrong(Fault::SubjectDiffers));
    assert_eq!(good.judge("tool.bin", b"top"), wrong(Fault::SubjectDiffers));
    assert_eq!(good.judge("other.bin", b"top"), doubt(Doubt::Incomplete));
    assert_eq!(good.judge("ool.bin", b"tool"), doubt(Doubt::Incomplete));
    // In a file of the team, and not delegated to it.
    assert_eq!(good.judge("stray.bin", b"stray"), wrong(Fault::ChainWrong));
    let weak = altered(|it| it.targets.signed["targets"]["top.bin"]["hashes"] = json!({"md5": "00"}));
    assert_eq!(weak.top(), doubt(Doubt::UnknownAlgorithm));
    let two = altered(|it| it.targets.signed["targets"]["top.bin"]["hashes"]["sha512"] = json!("00"));
    assert_eq!(two.top(), wrong(Fault::SubjectDiffers));
}

#[test]
fn anchors_count_as_far_as_they_reach() {
    let good = Repository::new();
    let told = |anchors: &[Anchor]| outcome(&judged(good.objects(), "top.bin", b"top", anchors));
    assert_eq!(told(&[]), doubt(Doubt::NoAnchor));
    let root = Material::TufRoot(String::from_utf8(write(&good.root)).unwrap());
    assert_eq!(
        told(&[scoped("a", "files/other", root.clone())]),
        doubt(Doubt::OutOfScope)
    );
    assert_eq!(
        told(&[until("a", "2026-11-20T11:59:59Z", root)]),
        doubt(Doubt::OutOfScope)
    );
    let stranger = altered(|it| {
        for seed in 1..=9 {
            it.root.signed["keys"].as_object_mut().unwrap().remove(&id(seed));
        }
        it.root.signed["keys"]["other"] = key_object(11);
        for role in ["root", "timestamp", "snapshot", "targets"] {
            it.root.signed["roles"][role]["keyids"] = json!(["other"]);
        }
    });
    let message = stranger.root.signed.to_string();
    let signature = hex::encode(key(11).sign(message.as_bytes()).unwrap());
    let text =
        json!({"signed": stranger.root.signed, "signatures": [{"keyid": "other", "sig": signature}]}).to_string();
    let stranger = anchor("stranger", Material::TufRoot(text));
    assert_eq!(told(std::slice::from_ref(&stranger)), doubt(Doubt::UnknownSigner));
    assert_eq!(told(&[stranger.clone(), good.anchor()]), CONFIRMED);
    // Its newer roots are another repository's too.
    let mut objects = good.objects();
    objects.push(write(&altered(|it| it.root.signed["version"] = json!(2)).root));
    assert_eq!(
        outcome(&judged(objects, "top.bin", b"top", &[stranger])),
        doubt(Doubt::UnknownSigner)
    );
    // A root that its own keys did not sign pins nothing.
    let unsigned = altered(|it| it.root.signers = vec![2]);
    assert_eq!(told(&[unsigned.anchor()]), doubt(Doubt::NoAnchor));
    assert_eq!(
        told(&[anchor("a", Material::TufRoot("{}".to_owned()))]),
        doubt(Doubt::NoAnchor)
    );
}

#[test]
fn every_role_has_to_be_signed_by_its_own_keys() {
    let signature = wrong(Fault::SignatureWrong);
    // By the right id, and over other bytes.
    for index in 0..4 {
        let good = Repository::new();
        let mut objects = good.objects();
        let text = String::from_utf8(objects[index].clone()).unwrap();
        objects[index] = text.replacen("1.0.31", "1.0.30", 1).into_bytes();
        let (file, bytes) = if index == 3 {
            ("tool.bin", b"tool".as_slice())
        } else {
            ("top.bin", b"top".as_slice())
        };
        assert_eq!(
            outcome(&judged(objects.clone(), file, bytes, &[good.anchor()])),
            signature,
            "{index}"
        );
        if index == 3 {
            // What is wrong with a team counts against the team alone.
            assert_eq!(
                outcome(&judged(objects, "top.bin", b"top", &[good.anchor()])),
                CONFIRMED
            );
        }
    }
    // By another role's key.
    let timestamp = altered(|it| it.timestamp.signers = vec![3]);
    assert_eq!(timestamp.top(), doubt(Doubt::UnknownSigner));
    assert_eq!(altered(|it| it.snapshot.signers = vec![2]).top(), signature);
    assert_eq!(
        altered(|it| it.targets.signers = vec![3]).top(),
        doubt(Doubt::Incomplete)
    );
    assert_eq!(
        altered(|it| it.delegated.signers = vec![6]).tool(),
        doubt(Doubt::Incomplete)
    );
}

#[test]
fn thresholds_count_each_key_once() {
    let two = |role: &str, ids: Value| {
        altered(|it| {
            it.root.signed["roles"][role] = json!({"keyids": ids, "threshold": 2});
            // One key with two ids.
            it.root.signed["keys"]["key-8"] = key_object(2);
            it.root.signed["keys"]["key-9"] = key_object(3);
            it.root.signed["keys"]["key-7"] = key_object(4);
        })
    };
    let signature = wrong(Fault::SignatureWrong);
    assert_eq!(two("timestamp", json!(["key-2", "key-5"])).top(), signature);
    let twice = |seed: u8, again: &str, role: &Role| {
        let text = String::from_utf8(write(role)).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let mut copy = value["signatures"][0].clone();
        assert_eq!(copy["keyid"], json!(id(seed)));
        copy["keyid"] = json!(again);
        value["signatures"].as_array_mut().unwrap().push(copy);
        value.to_string().into_bytes()
    };
    for (index, role, seed, again) in [
        (0, "timestamp", 2, "key-8"),
        (1, "snapshot", 3, "key-9"),
        (2, "targets", 4, "key-7"),
    ] {
        let repository = two(role, json!([id(seed), again]));
        let mut objects = repository.objects();
        let files = [&repository.timestamp, &repository.snapshot, &repository.targets];
        objects[index] = twice(seed, again, files[index]);
        assert_eq!(
            outcome(&judged(objects, "top.bin", b"top", &[repository.anchor()])),
            signature,
            "{role}"
        );
    }
    let team = altered(|it| {
        let delegations = &mut it.targets.signed["delegations"];
        delegations["keys"]["key-6"] = key_object(5);
        delegations["roles"][0]["keyids"] = json!(["key-5", "key-6"]);
        delegations["roles"][0]["threshold"] = json!(2);
    });
    let mut objects = team.objects();
    objects[3] = twice(5, "key-6", &team.delegated);
    assert_eq!(
        outcome(&judged(objects, "tool.bin", b"tool", &[team.anchor()])),
        signature
    );
    let both = altered(|it| {
        it.root.signed["roles"]["targets"] = json!({"keyids": ["key-4", "key-6"], "threshold": 2});
        it.targets.signers = vec![4, 6];
    });
    assert_eq!(both.top(), CONFIRMED);
    for threshold in [json!(0), json!(-1), json!("1")] {
        let none = altered(|it| it.root.signed["roles"]["timestamp"]["threshold"] = threshold);
        assert_eq!(none.top(), doubt(Doubt::NoAnchor));
    }
}

#[test]
fn everything_has_to_be_valid_when_it_was_exported() {
    let past = json!("2026-11-20T11:00:00Z");
    for (name, repository) in [
        ("root", altered(|it| it.root.signed["expires"] = past.clone())),
        ("timestamp", altered(|it| it.timestamp.signed["expires"] = past.clone())),
        ("snapshot", altered(|it| it.snapshot.signed["expires"] = past.clone())),
        ("targets", altered(|it| it.targets.signed["expires"] = past.clone())),
    ] {
        assert_eq!(repository.top(), wrong(Fault::Expired), "{name}");
        let at = |exported: &str, max_transit_seconds: u64| {
            let anchors = [repository.anchor()];
            let context = Context {
                anchors: &anchors,
                now: time(DAY),
                exported: time(exported),
                max_transit_seconds,
            };
            let proof = evidence::find("tuf")
                .unwrap()
                .open(repository.objects(), &context)
                .unwrap();
            let artifact = artifact("files", "top.bin", "1", "top.bin", b"top");
            outcome(&proof.judge(&artifact, &mut std::io::Cursor::new(b"top")))
        };
        assert_eq!(at("2026-11-20T10:00:00Z", 7200), CONFIRMED, "{name}");
        assert_eq!(at("2026-11-20T10:00:00Z", 7199), wrong(Fault::Expired), "{name}");
    }
    let team = altered(|it| it.delegated.signed["expires"] = past);
    assert_eq!(team.tool(), wrong(Fault::Expired));
    assert_eq!(team.top(), CONFIRMED);
}

#[test]
fn each_file_is_the_one_that_is_named() {
    let chain = wrong(Fault::ChainWrong);
    for version in [5, 7] {
        assert_eq!(
            altered(|it| it.snapshot.signed["version"] = json!(version)).top(),
            chain
        );
    }
    let snapshot =
        |field: &str, value: Value| altered(|it| it.timestamp.signed["meta"]["snapshot.json"][field] = value);
    assert_eq!(snapshot("hashes", json!({"sha256": "00"})).top(), chain);
    assert_eq!(snapshot("hashes", json!({"md5": "00"})).top(), chain);
    assert_eq!(snapshot("length", json!(1)).top(), chain);
    for version in [4, 6] {
        assert_eq!(altered(|it| it.targets.signed["version"] = json!(version)).top(), chain);
    }
    let targets = |field: &str, value: Value| altered(|it| it.snapshot.signed["meta"]["targets.json"][field] = value);
    assert_eq!(targets("hashes", json!({"sha256": "00"})).top(), chain);
    assert_eq!(targets("hashes", json!({"sha512": "00"})).top(), chain);
    assert_eq!(targets("length", json!(1)).top(), chain);
    assert_eq!(
        altered(|it| it.snapshot.signed["meta"] = json!({})).top(),
        doubt(Doubt::Incomplete)
    );
    // A team's other version, and one that the snapshot does not list.
    assert_eq!(
        altered(|it| it.delegated.signed["version"] = json!(3)).tool(),
        doubt(Doubt::Incomplete)
    );
    let unlisted = altered(|it| drop(it.snapshot.signed["meta"].as_object_mut().unwrap().remove("team.json")));
    assert_eq!(unlisted.tool(), doubt(Doubt::Incomplete));
    let length = altered(|it| it.snapshot.signed["meta"]["team.json"]["length"] = json!(1));
    assert_eq!(length.tool(), chain);
    let missing = Repository::new();
    let mut objects = missing.objects();
    objects.pop();
    assert_eq!(
        outcome(&judged(objects, "tool.bin", b"tool", &[missing.anchor()])),
        doubt(Doubt::Incomplete)
    );
}

#[test]
fn delegations_reach_as_far_as_they_say() {
    let role = |change: fn(&mut Value)| altered(|it| change(&mut it.targets.signed["delegations"]["roles"][0]));
    assert_eq!(
        role(|it| it["paths"] = json!(["other/*"])).tool(),
        wrong(Fault::ChainWrong)
    );
    assert_eq!(role(|it| it["paths"] = json!(["*"])).tool(), wrong(Fault::ChainWrong));
    assert_eq!(role(|it| it["paths"] = json!(["*/tool.*"])).tool(), CONFIRMED);
    let bin = &Digest::of(b"team/tool.bin").hex()[..4];
    let hashed = altered(|it| {
        let role = it.targets.signed["delegations"]["roles"][0].as_object_mut().unwrap();
        role.remove("paths");
        role.insert("path_hash_prefixes".to_owned(), json!([bin]));
    });
    assert_eq!(hashed.tool(), CONFIRMED);
    // A role before it that ends the search, whose file lists nothing of the kind.
    let first = |terminating: bool| {
        altered(|it| {
            let delegations = &mut it.targets.signed["delegations"];
            let other = json!({"name": "other", "keyids": ["key-6"], "threshold": 1, "terminating": terminating, "paths": ["team/*"]});
            delegations["roles"].as_array_mut().unwrap().insert(0, other);
            it.snapshot.signed["meta"]["other.json"] = json!({"version": 3});
        })
    };
    let other = Role {
        signed: json!({"_type": "targets", "spec_version": "1.0.31", "version": 3, "expires": LATER, "targets": {}}),
        signers: vec![6],
    };
    for (terminating, expected) in [(true, wrong(Fault::ChainWrong)), (false, CONFIRMED)] {
        let repository = first(terminating);
        let mut objects = repository.objects();
        objects.push(write(&other));
        assert_eq!(
            outcome(&judged(objects, "tool.bin", b"tool", &[repository.anchor()])),
            expected
        );
    }
    // A role that delegates to itself, and to the one above it.
    let round = altered(|it| {
        it.delegated.signed["delegations"] = json!({"keys": {"key-5": key_object(5)}, "roles": [
            {"name": "team", "keyids": ["key-5"], "threshold": 1, "terminating": false, "paths": ["*/*"]},
            {"name": "targets", "keyids": ["key-5"], "threshold": 1, "terminating": false, "paths": ["*/*"]}]});
    });
    assert_eq!(round.tool(), CONFIRMED);
    // Two roles delegate to a third by other keys: only the one whose keys signed it reaches it.
    let keys = altered(|it| {
        let delegations = &mut it.targets.signed["delegations"];
        let same = json!({"name": "team", "keyids": ["key-6"], "threshold": 1, "terminating": false, "paths": ["*"]});
        delegations["roles"].as_array_mut().unwrap().push(same);
    });
    assert_eq!(keys.judge("stray.bin", b"stray"), wrong(Fault::SignatureWrong));
}

#[test]
fn roots_follow_each_other_one_by_one() {
    let first = Repository::new();
    let next = |version: u64, signers: Vec<u8>| {
        let repository = altered(|it| {
            it.root.signed["version"] = json!(version);
            it.root.signed["roles"]["root"] = json!({"keyids": ["key-8"], "threshold": 1});
            it.root.signers = signers;
        });
        write(&repository.root)
    };
    let told = |roots: Vec<Vec<u8>>| {
        let objects = [first.objects(), roots].concat();
        outcome(&judged(objects, "top.bin", b"top", &[first.anchor()]))
    };
    assert_eq!(told(vec![next(2, vec![1, 8])]), CONFIRMED);
    assert_eq!(told(vec![next(3, vec![8]), next(2, vec![8, 1])]), CONFIRMED);
    assert_eq!(told(vec![next(2, vec![8])]), doubt(Doubt::UnknownSigner));
    assert_eq!(told(vec![next(2, vec![1])]), wrong(Fault::SignatureWrong));
    assert_eq!(told(vec![next(3, vec![1, 8])]), wrong(Fault::ChainWrong));
    let other = String::from_utf8(next(2, vec![1, 8])).unwrap() + "\n";
    assert_eq!(
        told(vec![next(2, vec![1, 8]), other.into_bytes()]),
        wrong(Fault::ChainWrong)
    );
    // The pinned one again, and one before it.
    assert_eq!(told(vec![write(&first.root), next(0, vec![9])]), CONFIRMED);
    // By the former root's key id, and with another key.
    let forged =
        String::from_utf8(next(2, vec![9, 8]))
            .unwrap()
            .replacen(r#""keyid":"key-9""#, r#""keyid":"key-1""#, 1);
    assert_eq!(told(vec![forged.into_bytes()]), wrong(Fault::SignatureWrong));
    // A timestamp by a key that the newer root took away.
    let rotated = altered(|it| {
        it.root.signed["version"] = json!(2);
        it.root.signed["roles"]["timestamp"]["keyids"] = json!(["key-9"]);
    });
    assert_eq!(told(vec![write(&rotated.root)]), doubt(Doubt::UnknownSigner));
    let many: Vec<Vec<u8>> = (2..=258).map(|version| next(version, vec![1])).collect();
    assert_eq!(told(many), doubt(Doubt::TooLarge));
}

#[test]
fn what_is_no_repository_is_refused_without_a_panic() {
    let good = Repository::new();
    let told = |objects: Vec<Vec<u8>>| outcome(&judged(objects, "top.bin", b"top", &[good.anchor()]));
    let deep = [vec![b'['; 1 << 20], vec![b']'; 1 << 20]].concat();
    let timestamp = String::from_utf8(write(&good.timestamp)).unwrap();
    let twice = timestamp.replacen("\"version\":7", "\"version\":7,\"version\":7", 1);
    for garbage in [
        b"".to_vec(),
        b"\xff".to_vec(),
        b"null".to_vec(),
        b"{}".to_vec(),
        deep,
        twice.into_bytes(),
        timestamp.as_bytes()[..timestamp.len() / 2].to_vec(),
        br#"{"signed":{"_type":"mirrors"},"signatures":[]}"#.to_vec(),
    ] {
        let mut objects = good.objects();
        objects[0] = garbage;
        assert_eq!(told(objects), wrong(Fault::Malformed));
    }
    assert_eq!(told(vec![]), doubt(Doubt::Incomplete));
    for missing in 0..3 {
        let mut objects = good.objects();
        objects.remove(missing);
        assert_eq!(told(objects), doubt(Doubt::Incomplete), "{missing}");
    }
    for twice in 0..2 {
        let mut objects = good.objects();
        objects.push(objects[twice].clone());
        assert_eq!(told(objects), wrong(Fault::Malformed), "{twice}");
    }
    assert_eq!(told(vec![timestamp.clone().into_bytes(); 513]), doubt(Doubt::TooLarge));
    let future = altered(|it| it.timestamp.signed["spec_version"] = json!("2.0"));
    assert_eq!(future.top(), wrong(Fault::Malformed));
    let future = altered(|it| it.root.signed["spec_version"] = json!("2.0"));
    assert_eq!(future.top(), doubt(Doubt::NoAnchor));
    let crowd = altered(|it| {
        let targets = (0..65).map(|number| (format!("{number}/top.bin"), json!({"length": 0, "hashes": {}})));
        it.targets.signed["targets"] = Value::Object(targets.collect());
    });
    assert_eq!(crowd.top(), doubt(Doubt::TooLarge));
}

#[test]
fn a_root_is_described_before_it_is_pinned() {
    let root = Repository::new().root;
    let described = |root: &Role| {
        let text = String::from_utf8(write(root)).unwrap();
        evidence::describe(&Material::TufRoot(text))
    };
    assert_eq!(
        described(&root).unwrap(),
        ["root version 1, until 2027-01-01T00:00:00Z"]
    );
    let unsigned = altered(|it| it.root.signers = vec![2]).root;
    assert!(described(&unsigned).unwrap_err().contains("0 of the 1 keys"));
    assert!(evidence::describe(&Material::TufRoot("{}".to_owned())).is_err());
}
