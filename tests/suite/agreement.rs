//! Two readers that share no code give the same verdict: this program, and `scripts/verify_bundle.py`. The vectors hold one
//! case for each check; here are many spellings around each, that only have to be judged alike.

use std::fs;
use std::path::Path;

use sealift::crypto::dsse::Envelope;
use sealift::model::Digest;
use sealift::trust::{Kind, Root};
use serde_json::{Value, json};

use crate::by_hand::{passes, python};
use crate::people::{self, ANN, APPROVER, BOB, CYD, EXPORTER, SECOND_APPROVER, sealed};
use crate::raw_bundle::{Edits, RawBundle};
use crate::vectors::{Case, approval, case_text, judge};

/// One change of a document.
type Change = Box<dyn Fn(&mut Value)>;

/// One change of a frame.
type FrameChange = fn(&mut Vec<u8>);

/// Cases as the vectors have them, in a temporary folder, with this program's verdicts.
struct Cases {
    folder: tempfile::TempDir,
    verdicts: Vec<String>,
}

impl Cases {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            verdicts: Vec::new(),
        }
    }

    fn add(&mut self, why: String, volume: &[u8], approvals: &[Vec<u8>], root: &[u8]) {
        let place = self.folder.path().join(self.verdicts.len().to_string());
        fs::create_dir(&place).unwrap();
        fs::write(place.join("main-1.vol001of001.tar"), volume).unwrap();
        fs::write(place.join("root.dsse.json"), root).unwrap();
        for (index, approval) in approvals.iter().enumerate() {
            fs::write(place.join(format!("main-1.approval-{index}.dsse.json")), approval).unwrap();
        }
        // Escaped, since a case's text is TOML.
        let why = why.escape_default().to_string();
        let mut case = Case {
            why,
            now: people::now().to_string(),
            ..Case::default()
        };
        let staging = tempfile::tempdir().unwrap();
        case.verdict = judge(&case, &place, staging.path());
        assert!(!case.verdict.starts_with("unable"), "{}: {}", case.why, case.verdict);
        fs::write(place.join("case.toml"), case_text(&case)).unwrap();
        self.verdicts.push(case.verdict);
    }

    /// A bundle that is approved as it is.
    fn bundle(&mut self, why: String, bundle: &RawBundle, edits: &Edits) {
        let volume = bundle.build(edits).swap_remove(0);
        let approvals: Vec<_> = manifest_in(&volume)
            .map(|manifest| approval(&manifest, APPROVER))
            .into_iter()
            .collect();
        self.add(why, &volume, &approvals, &sealed_root());
    }

    /// Asks the other reader; there are accepted and refused cases.
    fn compare(self) {
        assert!(self.verdicts.iter().any(|verdict| verdict == "accepted"));
        assert!(self.verdicts.iter().filter(|verdict| *verdict != "accepted").count() > 3);
        if let Some(output) = python(&["--vectors", self.folder.path().to_str().unwrap()]) {
            passes(&output);
        }
    }
}

fn sealed_root() -> Vec<u8> {
    people::sealed_root(&people::root(), &[ANN, BOB])
}

fn manifest_in(volume: &[u8]) -> Option<Digest> {
    let size = usize::from_str_radix(std::str::from_utf8(volume.get(124..135)?).ok()?, 8).ok()?;
    let envelope = Envelope::read(volume.get(512..512 + size)?).ok()?;
    Some(Digest::of(&envelope.payload))
}

fn replace(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.contains(from), "{from}");
    *bytes = text.replacen(from, to, 1).into_bytes();
}

#[test]
fn about_changed_bytes() {
    let mut cases = Cases::new();
    let volume = RawBundle::sample().build(&Edits::default()).swap_remove(0);
    let good = approval(&manifest_in(&volume).unwrap(), APPROVER);
    cases.add(
        "nothing is changed".to_owned(),
        &volume,
        std::slice::from_ref(&good),
        &sealed_root(),
    );
    for (index, at) in (0..volume.len()).step_by(211).enumerate() {
        let mut changed = volume.clone();
        changed[at] ^= 1 << (index % 8);
        cases.add(
            format!("byte {at} of the volume"),
            &changed,
            std::slice::from_ref(&good),
            &sealed_root(),
        );
        cases.add(
            format!("cut off at byte {at}"),
            &volume[..at],
            std::slice::from_ref(&good),
            &sealed_root(),
        );
    }
    for (index, at) in (0..good.len()).step_by(13).enumerate() {
        let mut changed = good.clone();
        changed[at] ^= 1 << (index % 8);
        cases.add(
            format!("byte {at} of the approval"),
            &volume,
            &[changed],
            &sealed_root(),
        );
    }
    cases.compare();
}

#[test]
fn about_manifests() {
    let mut cases = Cases::new();
    for (from, to) in [
        ("\"base\":null,", ""),
        ("\"previous\":null,", ""),
        ("\"format\":1", "\"critical\":[],\"format\":1"),
        ("\"format\":1", "\"critical\":null,\"format\":1"),
        ("\"format\":1", "\"format\":0"),
        ("\"epoch\":1", "\"epoch\":0"),
        ("\"stream\":\"main\"", "\"stream\":\"m\\u0061in\""),
        ("\"stream\":\"main\"", "\"stream\":\"main.\""),
        ("\"stream\":\"main\"", "\"stream\":\".main\""),
        ("\"stream\":\"main\"", "\"stream\":\"main\\n\""),
        ("\"stream\":\"main\"", "\"stream\":\"\\ud800\""),
        ("\"stream\":\"main\"", "\"str\\u0065am\":\"main\""),
        ("\"stream\":\"main\"", "\"str\\u0065am\":\"main\",\"stream\":\"main\""),
        ("\"sequence\":1", "\"sequence\": 1"),
        ("\"sequence\":1", "\"sequence\":1e0"),
        ("\"sequence\":1", "\"sequence\":-0"),
        ("\"sequence\":1", "\"sequence\":01"),
        ("\"sequence\":1", "\"sequence\":true"),
        ("\"sequence\":1", "\"sequence\":null"),
        ("\"sequence\":1", "\"sequence\":\"1\""),
        ("\"sequence\":1", "\"sequence\":NaN"),
        ("\"generator\":\"raw", "\"generator\":\"\\u0000\\ufeff"),
        ("\"generator\":\"raw", "\"generator\":\"\u{85}\u{2028}"),
        ("\"generator\":\"raw", "\"generator\":\"\t"),
        ("\"generator\":\"raw", "\"generator\":\"\\x41"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:60Z"),
        ("2026-11-20T12:00:00Z", "2026-02-30T12:00:00Z"),
        ("2026-11-20T12:00:00Z", "2026-11-20t12:00:00z"),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00+00:00"),
        ("2026-11-20T12:00:00Z", "1969-12-31T23:59:59Z"),
        ("2026-12-20T12:00:00Z", "9999-12-30T00:00:00Z"),
        ("2026-12-20T12:00:00Z", "+010000-01-01T00:00:00Z"),
        ("2026-11-20T12:00:00Z", "2026-11-22T12:00:00Z"),
        ("2026-11-20T12:00:00Z", "2026-11-22T12:00:01Z"),
        ("2026-12-20T12:00:00Z", "2026-11-21T12:00:00Z"),
        ("2026-12-20T12:00:00Z", "2026-11-21T11:59:59Z"),
        (
            "\"recipients\":[",
            "\"recipients\":[\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",",
        ),
        (
            "\"recipients\":[",
            "\"recipients\":[\"sha256:000000000000000000000000000000000000000000000000000000000000000\",",
        ),
        ("\"segment_size\":4096", "\"segment_size\":2048"),
        ("\"segment_size\":4096", "\"segment_size\":2147483648"),
        ("\"segment_size\":4096", "\"segment_size\":8192"),
        ("\"version\":1}", "\"version\":0}"),
        ("\"version\":1}", "\"version\":2}"),
        ("\"catalog\":{", "\"catalog\":{\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]],"),
    ] {
        let edits = Edits {
            payload: Some(Box::new(move |bytes| replace(bytes, from, to))),
            ..Edits::default()
        };
        cases.bundle(format!("{from} became {to}"), &RawBundle::sample(), &edits);
    }
    cases.compare();
}

#[test]
fn about_catalogs() {
    let mut cases = Cases::new();
    for (from, to) in [
        ("{\"object\":{", "{ \"object\" : {"),
        ("{\"object\":{", " {\"object\":{"),
        ("{\"object\":{", "[{\"object\":{"),
        ("{\"object\":", "{\"object\":{},\"document\":"),
        ("{\"object\":", "{\"objects\":"),
        (
            "\"encoding\":\"identity\"",
            "\"encoding\":\"identity\",\"stored_size\":null",
        ),
        ("\"encoding\":\"identity\"", "\"encoding\":\"Identity\""),
        ("\"encoding\":\"identity\"", "\"encoding\":\"zstd\""),
        ("\"size\":", "\"size\":8796093022209,\"y\":"),
        ("\"proofs\":[]", "\"proofs\":null"),
        ("\"proofs\":[],", ""),
        ("\"origin\":\"folder\"", "\"origin\":\"\""),
        ("\"reason\":\"sealift.yaml\"", "\"reason\":\"\""),
        ("\"name\":\"set\"", "\"name\":\"seu\""),
        ("\"name\":\"set\"", "\"name\":\"ses\""),
        ("\"ecosystem\":\"files\"", "\"ecosystem\":\"npm\""),
        ("\n", "\r\n"),
        ("\n", "\n\n"),
        (
            "{\"artifact\":",
            "{\"document\":{\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\
             \"ecosystem\":\"files\",\"kind\":\"k\",\"name\":\"n\",\"origin\":\"\"}}\n{\"artifact\":",
        ),
    ] {
        let edits = Edits {
            catalog_text: Some(Box::new(move |bytes| replace(bytes, from, to))),
            ..Edits::default()
        };
        cases.bundle(format!("{from} became {to}"), &RawBundle::sample(), &edits);
    }
    cases.compare();
}

#[test]
fn about_frames() {
    let checked = |bytes: &[u8]| {
        let text = zstd::bulk::decompress(bytes, 1 << 20).unwrap();
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        std::io::Write::write_all(&mut encoder, &text).unwrap();
        encoder.finish().unwrap()
    };
    let changes: [(&str, FrameChange); 9] = [
        ("nothing", |_| ()),
        ("three bytes", |bytes| bytes.truncate(3)),
        ("a header alone", |bytes| *bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0]),
        ("an empty frame", |bytes| {
            *bytes = sealift::bundle::frame::encode(b"").unwrap()
        }),
        ("the last byte is missing", |bytes| bytes.truncate(bytes.len() - 1)),
        ("a reserved bit", |bytes| bytes[4] |= 8),
        ("a dictionary", |bytes| {
            bytes[4] |= 1;
            let at = 5 + usize::from(bytes[4] & 0x20 == 0);
            bytes.insert(at, 7);
        }),
        ("a block of the reserved kind", |bytes| {
            *bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 0x0f, 0, 0, 0]
        }),
        ("a last skippable frame", |bytes| {
            bytes.extend_from_slice(&[0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0])
        }),
    ];
    let mut cases = Cases::new();
    for (why, change) in changes {
        let edits = Edits {
            catalog_frame: Some(Box::new(change)),
            ..Edits::default()
        };
        cases.bundle(why.to_owned(), &RawBundle::sample(), &edits);
    }
    for flip in [0, 1] {
        let edits = Edits {
            catalog_frame: Some(Box::new(move |bytes| {
                *bytes = checked(bytes);
                *bytes.last_mut().unwrap() ^= flip;
            })),
            ..Edits::default()
        };
        cases.bundle(
            format!("a frame with a checksum, changed by {flip}"),
            &RawBundle::sample(),
            &edits,
        );
    }
    cases.compare();
}

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
