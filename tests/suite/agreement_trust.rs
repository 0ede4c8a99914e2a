//! The two readers of `agreement.rs` give the same verdict about approvals and travelling roots.

use std::fs;
use std::path::Path;

use sealift::crypto::dsse::Envelope;
use sealift::model::Digest;
use sealift::trust::{Kind, Root};
use serde_json::{Value, json};

use crate::agreement::{Cases, manifest_in, sealed_root};
use crate::people::{self, ANN, APPROVER, BOB, CYD, EXPORTER, SECOND_APPROVER, sealed};
use crate::raw_bundle::{Edits, RawBundle};
use crate::vectors::approval;

/// One change of a document.
type Change = Box<dyn Fn(&mut Value)>;

#[test]
fn about_approvals() {
    let mut cases = Cases::new();
    let volume = RawBundle::sample().build(&Edits::default()).swap_remove(0);
    let good = approval(&manifest_in(&volume).unwrap(), APPROVER);
    let document: Value = serde_json::from_slice(&Envelope::read(&good).unwrap().payload).unwrap();
    let with = |field: &str, value: Value, signers: &[u8]| {
        let mut document = document.clone();
        document[field] = value;
        sealed(Kind::Approval, &serde_json::to_vec(&document).unwrap(), signers).write()
    };
    let same = |signers: &[u8]| with("decision", json!("approved"), signers);
    let long = |count: usize| "x".repeat(count);
    let mut add = |why: &str, approvals: &[Vec<u8>]| cases.add(why.to_owned(), &volume, approvals, &sealed_root());
    add("approved", &[same(&[APPROVER])]);
    add("by two persons in one envelope", &[same(&[APPROVER, SECOND_APPROVER])]);
    add("by the exporter too", &[same(&[APPROVER, EXPORTER])]);
    add("by a person of another role", &[same(&[ANN])]);
    add("by nobody", &[same(&[])]);
    add("rejected", &[with("decision", json!("rejected"), &[APPROVER])]);
    add(
        "rejected by another person",
        &[
            same(&[APPROVER]),
            with("decision", json!("rejected"), &[SECOND_APPROVER]),
        ],
    );
    add(
        "rejected by a person of another role",
        &[same(&[APPROVER]), with("decision", json!("rejected"), &[CYD])],
    );
    add("of another kind", &[sealed(Kind::Report, b"{}", &[APPROVER]).write()]);
    add("beside one that cannot be read", &[same(&[APPROVER]), b"{}".to_vec()]);
    for (field, value) in [
        ("expires", json!("2026-11-21T12:00:00Z")),
        ("expires", json!("2026-11-21T11:59:59Z")),
        ("expires", json!("2026-11-20T12:59:59Z")),
        ("reason", json!("")),
        ("reason", json!(" \u{3000}")),
        ("reason", json!(long(2000))),
        ("reason", json!(long(2001))),
        ("reason", json!("é".repeat(1001))),
        ("reason", json!("two\nlines")),
        ("reason", json!("next\u{85}line")),
        ("reason", json!("soft\u{ad}hyphen")),
        ("seen", json!([])),
        ("seen", json!(vec!["x"; 100])),
        ("seen", json!(vec!["x"; 101])),
        ("seen", json!([long(2001)])),
        ("seen", json!(["\u{1b}[2J"])),
        ("ticket", json!(long(200))),
        ("ticket", json!(long(201))),
        ("ext", json!({ "note": [1] })),
        ("ext", json!([])),
        ("critical", json!(["x"])),
        ("critical", json!([])),
        ("decision", json!("maybe")),
        ("manifest", json!("sha256:00")),
        ("more", json!(1)),
    ] {
        let why = format!("{field} is {}", value.to_string().chars().take(40).collect::<String>());
        add(&why, &[with(field, value, &[APPROVER])]);
    }
    cases.compare();
}

/// A root's payload, changed in one place.
fn changed(root: &Root, change: &dyn Fn(&mut Value)) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&root.write().unwrap()).unwrap();
    change(&mut document);
    serde_json::to_vec(&document).unwrap()
}

#[test]
fn about_roots() {
    let mut cases = Cases::new();
    let mut next = people::root();
    next.version = 2;
    let mut travel = |why: &str, signers: &[u8], payload: &[u8]| {
        let mut bundle = RawBundle::sample();
        bundle.roots.push((2, sealed(Kind::Root, payload, signers).write()));
        cases.bundle(why.to_owned(), &bundle, &Edits::default());
    };
    let own = |number: u8| people::id(number).to_string();
    let (eve, dora, ann) = (own(APPROVER), own(EXPORTER), own(ANN));
    travel("the next", &[ANN, BOB], &next.write().unwrap());
    travel("signed by all", &[ANN, BOB, CYD], &next.write().unwrap());
    travel("signed by one", &[ANN], &next.write().unwrap());
    travel(
        "signed by one and an exporter",
        &[ANN, EXPORTER],
        &next.write().unwrap(),
    );
    let wycheproof = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wycheproof/ecdsa_secp384r1_sha384_test.json"),
    )
    .unwrap();
    let wycheproof: Value = serde_json::from_str(&wycheproof).unwrap();
    let p384 = hex::decode(wycheproof["testGroups"][0]["publicKeyDer"].as_str().unwrap()).unwrap();
    let ed25519 = |last: &[u8; 32]| {
        [
            &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
            &last[..],
        ]
        .concat()
    };
    let (mut identity, mut not_reduced, mut negative_zero) = ([0; 32], [0xff; 32], [0; 32]);
    (identity[0], not_reduced[0], not_reduced[31]) = (1, 0xee, 0x7f);
    (negative_zero[0], negative_zero[31]) = (1, 0x80);
    // A point of order 2 * L would need its own arithmetic; Wycheproof and the unit tests have those.
    let mut off_the_curve = p384.clone();
    *off_the_curve.last_mut().unwrap() ^= 1;
    for (why, info) in [
        ("a key of P-384", p384.clone()),
        ("a key off its curve", off_the_curve),
        ("a key that is too short", p384[..p384.len() - 1].to_vec()),
        ("a key with a byte more", [&p384[..], &[0]].concat()),
        ("the neutral point", ed25519(&identity)),
        ("a coordinate that is not reduced", ed25519(&not_reduced)),
        ("a sign bit on a zero", ed25519(&negative_zero)),
        ("a coordinate of no point", ed25519(&[2; 32])),
        ("an unknown algorithm", vec![0x30, 0]),
    ] {
        use base64::Engine as _;
        let public = base64::engine::general_purpose::STANDARD.encode(&info);
        let payload = changed(&next, &|root| {
            let id = Digest::of(&info).to_string();
            root["keys"][&id] = json!({ "person": "gus", "public": public });
            root["roles"]["approve"]["keys"].as_array_mut().unwrap().push(json!(id));
        });
        travel(why, &[ANN, BOB], &payload);
    }
    let changes: Vec<(&str, Change)> = vec![
        ("version 1", Box::new(|root| root["version"] = json!(1))),
        ("version 3", Box::new(|root| root["version"] = json!(3))),
        ("epoch 0", Box::new(|root| root["epoch"] = json!(0))),
        ("epoch 2", Box::new(|root| root["epoch"] = json!(2))),
        ("epoch 3", Box::new(|root| root["epoch"] = json!(3))),
        (
            "another enclave",
            Box::new(|root| root["enclave"]["name"] = json!("plant-8")),
        ),
        (
            "a wrong name",
            Box::new(|root| root["enclave"]["name"] = json!("Plant-7")),
        ),
        (
            "a lower profile",
            Box::new(|root| root["profile"] = json!("evaluation")),
        ),
        (
            "a stricter profile without its floors",
            Box::new(|root| root["profile"] = json!("strict")),
        ),
        (
            "a stricter profile",
            Box::new(|root| {
                root["profile"] = json!("strict");
                root["roles"]["approve"]["threshold"] = json!(2);
            }),
        ),
        ("an unknown profile", Box::new(|root| root["profile"] = json!("lax"))),
        (
            "an unknown role",
            Box::new(|root| root["roles"]["boss"] = root["roles"]["log"].clone()),
        ),
        (
            "no approvers",
            Box::new(|root| drop(root["roles"].as_object_mut().unwrap().remove("approve"))),
        ),
        (
            "threshold 0",
            Box::new(|root| root["roles"]["export"]["threshold"] = json!(0)),
        ),
        (
            "threshold 2 of 1",
            Box::new(|root| root["roles"]["export"]["threshold"] = json!(2)),
        ),
        (
            "threshold 2^32",
            Box::new(|root| root["roles"]["export"]["threshold"] = json!(1_u64 << 32)),
        ),
        (
            "root threshold 1",
            Box::new(|root| root["roles"]["root"]["threshold"] = json!(1)),
        ),
        (
            "root threshold 3",
            Box::new(|root| root["roles"]["root"]["threshold"] = json!(3)),
        ),
        (
            "a key twice in a role",
            Box::new({
                let dora = dora.clone();
                move |root| {
                    root["roles"]["export"]["keys"]
                        .as_array_mut()
                        .unwrap()
                        .push(json!(dora))
                }
            }),
        ),
        (
            "a key that is not listed",
            Box::new(|root| {
                root["roles"]["export"]["keys"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!(Digest::of(b"x").to_string()));
            }),
        ),
        (
            "a key without a role",
            Box::new({
                let eve = eve.clone();
                move |root| {
                    root["roles"]["approve"]["keys"]
                        .as_array_mut()
                        .unwrap()
                        .retain(|key| *key != json!(eve))
                }
            }),
        ),
        (
            "a key under another id",
            Box::new({
                let (eve, dora) = (eve.clone(), dora.clone());
                move |root| root["keys"][&eve]["public"] = root["keys"][&dora]["public"].clone()
            }),
        ),
        (
            "an exporter who approves",
            Box::new({
                let eve = eve.clone();
                move |root| root["keys"][&eve]["person"] = json!("dora")
            }),
        ),
        (
            "two root keys of one person",
            Box::new({
                let ann = ann.clone();
                move |root| root["keys"][&ann]["person"] = json!("bob")
            }),
        ),
        (
            "a person in capitals",
            Box::new({
                let ann = ann.clone();
                move |root| root["keys"][&ann]["person"] = json!("Ann")
            }),
        ),
        ("a critical extension", Box::new(|root| root["critical"] = json!(["x"]))),
        ("an extension", Box::new(|root| root["ext"] = json!({ "x": 1 }))),
        ("an unknown field", Box::new(|root| root["x"] = json!(1))),
        (
            "it has expired",
            Box::new(|root| root["expires"] = json!("2026-11-21T11:59:59Z")),
        ),
        (
            "it expires now",
            Box::new(|root| root["expires"] = json!("2026-11-21T12:00:00Z")),
        ),
    ];
    for (why, change) in &changes {
        travel(why, &[ANN, BOB], &changed(&next, change));
    }
    cases.compare();
}
