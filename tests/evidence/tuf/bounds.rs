//! Garbage, altered bytes, and work without end.

use sealift::model::{Digest, Doubt, Fault};
use serde_json::{Value, json};

use super::{CONFIRMED, LATER, Repository, Role, altered, doubt, judged, pinned, write, wrong};
use crate::fixtures;
use crate::support::outcome;

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
fn work_is_bounded() {
    // A role more than are judged, after which nothing is said of what they list.
    let many = |count: usize| {
        let repository = altered(|it| {
            let roles = (0..count).map(|number| {
                json!({"name": format!("r{number}"), "keyids": ["key-5"], "threshold": 1, "paths": [format!("r{number}/*")]})
            });
            it.targets.signed["delegations"]["roles"] = roles.collect();
            for number in 0..count {
                it.snapshot.signed["meta"][format!("r{number}.json")] = json!({"version": 4});
            }
        });
        let mut objects = repository.objects();
        objects.pop();
        let target = json!({"length": 4, "hashes": {"sha256": Digest::of(b"last").hex()}});
        objects.extend((0..count).map(|number| {
            write(&Role {
                signed: json!({"_type": "targets", "spec_version": "1.0.31", "version": 4, "expires": LATER,
                    "targets": {format!("r{number}/{number}.bin"): target}}),
                signers: vec![5],
            })
        }));
        outcome(&judged(
            objects,
            &format!("{}.bin", count - 1),
            b"last",
            &[repository.anchor()],
        ))
    };
    assert_eq!(many(40), CONFIRMED);
    assert_eq!(many(128), doubt(Doubt::TooLarge));
    // Files by the hundred that call themselves those of three roles, of which the last is asked for.
    let crowd = altered(|it| {
        let role = |name: &str, path: &str| json!({"name": name, "keyids": ["key-5"], "threshold": 1, "paths": [path]});
        it.targets.signed["delegations"]["roles"] =
            json!([role("one", "one/*"), role("two", "two/*"), role("team", "team/*")]);
        for name in ["one.json", "two.json"] {
            it.snapshot.signed["meta"][name] = json!({"version": 4});
        }
    });
    let mut objects = crowd.objects();
    let real = String::from_utf8(objects.pop().unwrap()).unwrap();
    objects.extend((0..400).map(|number| {
        real.replacen("team/tool.bin", &format!("team/{number}.bin"), 1)
            .into_bytes()
    }));
    let told = |file: &str, bytes: &[u8]| outcome(&judged(objects.clone(), file, bytes, &[crowd.anchor()]));
    assert_eq!(told("1.bin", b"tool"), doubt(Doubt::TooLarge));
    assert_eq!(told("top.bin", b"top"), CONFIRMED);
}

#[test]
fn no_byte_of_what_is_signed_may_change() {
    let names = [
        "timestamp.json",
        "2.snapshot.json",
        "1.targets.json",
        "2.delegatedrole.json",
    ];
    let objects = names.map(|name| fixtures::bytes(&format!("tuf/{name}"))).to_vec();
    let anchors = [pinned(&fixtures::bytes("tuf/1.root.json"))];
    let bytes = fixtures::bytes("tuf/artifact");
    let signed = |object: &[u8]| serde_json::from_slice::<Value>(object).unwrap()["signed"].clone();
    for (index, object) in objects.iter().enumerate() {
        // Every byte takes a minute; every eleventh meets each field.
        for place in (0..object.len()).step_by(11) {
            let mut altered = objects.clone();
            altered[index][place] ^= 1;
            let findings = judged(altered.clone(), "artifact", &bytes, &anchors);
            if outcome(&findings) == CONFIRMED {
                assert_eq!(signed(&altered[index]), signed(object), "{} byte {place}", names[index]);
            }
        }
    }
}
