//! Each check of a repository by itself.

use sealift::crypto::key::Signer as _;
use sealift::evidence::{self, Context};
use sealift::model::{Digest, Doubt, Fault, Signer, SpeaksFor};
use sealift::trust::{Revocation, Revocations, Revoked};
use serde_json::{Value, json};

use super::{CONFIRMED, LATER, Repository, Role, altered, doubt, id, judged, key, key_object, pinned, write, wrong};
use crate::fixtures;
use crate::support::{DAY, artifact, outcome, time};

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
    // What whoever remembers compares the next time.
    let shown = evidence::find("tuf")
        .unwrap()
        .shows(&artifact("files", "x", "1", "artifact", &bytes), &findings[0]);
    let places: Vec<(&str, u64)> = shown.iter().map(|state| (&state.subject[..9], state.place)).collect();
    let stated = |place: usize| findings[0].claims[place].1.parse().unwrap();
    assert_eq!(
        places,
        [
            ("root of t", stated(2)),
            ("timestamp", stated(3)),
            ("snapshot ", stated(4))
        ]
    );
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
fn whoever_signed_a_role_on_the_way_is_told() {
    let good = Repository::new();
    let through = |file: &str, bytes: &[u8]| {
        let findings = judged(good.objects(), file, bytes, &[good.anchor()]);
        let keys = findings[0].through.iter().flat_map(|signer| signer.keys());
        let mut keys: Vec<String> = keys.map(str::to_owned).collect();
        keys.sort();
        keys
    };
    let of = |seeds: &[u8]| {
        let mut keys: Vec<String> = seeds.iter().map(|seed| key(*seed).public().id().to_string()).collect();
        keys.sort();
        keys
    };
    assert_eq!(through("top.bin", b"top"), of(&[2, 3, 4]));
    assert_eq!(through("tool.bin", b"tool"), of(&[2, 3, 4, 5]));
    assert_eq!(through("top.bin", b"other"), of(&[]));
}

/// Who signed the role in which the target stands, not those who only lead to it.
#[test]
fn whoever_signed_the_targets_role_is_the_signer() {
    let signers = |repository: &Repository, file: &str, bytes: &[u8]| {
        let findings = judged(repository.objects(), file, bytes, &[repository.anchor()]);
        findings[0].signers.clone()
    };
    let of = |seeds: &[u8]| {
        let mut ids: Vec<String> = seeds.iter().map(|seed| key(*seed).public().id().to_string()).collect();
        ids.sort();
        ids.into_iter().map(|id| Signer::key(id, None)).collect::<Vec<_>>()
    };
    let good = Repository::new();
    assert_eq!(signers(&good, "top.bin", b"top"), of(&[4]));
    assert_eq!(signers(&good, "tool.bin", b"tool"), of(&[5]));
    let both = altered(|it| {
        it.root.signed["roles"]["targets"] = json!({"keyids": ["key-4", "key-6"], "threshold": 2});
        it.targets.signers = vec![4, 6];
    });
    assert_eq!(signers(&both, "top.bin", b"top"), of(&[4, 6]));
    // A role that asked for both does not stand with one of them, whatever the anchor speaks for.
    let mut anchor = both.anchor();
    anchor.speaks_for = SpeaksFor::Registry;
    let mut findings = judged(both.objects(), "top.bin", b"top", &[anchor]);
    let mut revocations = Revocations::empty(1, time(DAY));
    revocations.revoked.push(Revocation {
        invalid_since: None,
        reason: "a test".to_owned(),
        what: Revoked::Key(key(6).public().id().to_string()),
    });
    revocations.apply(&mut findings[0]);
    assert_eq!(findings[0].outcome, wrong(Fault::Revoked));
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
fn a_file_is_the_one_whose_digest_the_snapshot_names() {
    let named = |role: &str, digest: &dyn Fn(&Repository) -> String| {
        altered(|it| it.snapshot.signed["meta"][role]["hashes"] = json!({"sha256": digest(it)}))
    };
    let right = named("team.json", &|it| {
        Digest::of(&write(&it.delegated)).hex().to_uppercase()
    });
    assert_eq!(right.tool(), CONFIRMED);
    assert_eq!(named("team.json", &|_| "0".repeat(64)).tool(), doubt(Doubt::Incomplete));
    assert_eq!(
        named("targets.json", &|_| "0".repeat(64)).top(),
        wrong(Fault::ChainWrong)
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
fn nobody_delegates_to_a_role_of_the_root() {
    let late = Role {
        signed: json!({"_type": "targets", "spec_version": "1.0.31", "version": 3, "expires": LATER,
            "targets": {"team/late.bin": {"length": 4, "hashes": {"sha256": Digest::of(b"late").hex()}}}}),
        signers: vec![6],
    };
    let told = |above: Value| {
        let repository = altered(|it| {
            let delegations = &mut it.targets.signed["delegations"];
            let role =
                json!({"name": "late", "keyids": ["key-6"], "threshold": 1, "terminating": false, "paths": ["team/*"]});
            delegations["roles"].as_array_mut().unwrap().push(role);
            it.snapshot.signed["meta"]["late.json"] = json!({"version": 3});
            // The team is asked first, and says who is to be asked next.
            it.delegated.signed["delegations"] = json!({"keys": {"key-4": key_object(4)}, "roles": above});
        });
        let mut objects = repository.objects();
        objects.push(write(&late));
        outcome(&judged(objects, "late.bin", b"late", &[repository.anchor()]))
    };
    assert_eq!(told(json!([])), CONFIRMED);
    // By the very key that signed it, which is the root's to name.
    let above =
        json!([{"name": "targets", "keyids": ["key-4"], "threshold": 1, "terminating": false, "paths": ["team/*"]}]);
    assert_eq!(told(above), wrong(Fault::Malformed));
}

#[test]
fn of_two_files_by_one_key_each_role_gets_the_one_that_lists_what_is_delegated_to_it() {
    let repository = altered(|it| {
        let other =
            json!({"name": "other", "keyids": ["key-5"], "threshold": 1, "terminating": false, "paths": ["other/*"]});
        let roles = &mut it.targets.signed["delegations"]["roles"];
        roles.as_array_mut().unwrap().push(other);
        it.snapshot.signed["meta"]["other.json"] = json!({"version": 4});
    });
    let target = json!({"length": 5, "hashes": {"sha256": Digest::of(b"other").hex()}});
    let other = write(&Role {
        signed: json!({"_type": "targets", "spec_version": "1.0.31", "version": 4, "expires": LATER,
            "targets": {"other/other.bin": target}}),
        signers: vec![5],
    });
    for place in [3, 4] {
        let mut objects = repository.objects();
        objects.insert(place, other.clone());
        for (file, bytes) in [("tool.bin", &b"tool"[..]), ("other.bin", b"other")] {
            let findings = judged(objects.clone(), file, bytes, &[repository.anchor()]);
            assert_eq!(outcome(&findings), CONFIRMED, "{file} {place}: {findings:?}");
        }
    }
}
