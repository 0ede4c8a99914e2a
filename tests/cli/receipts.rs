//! Receipts: what an enclave signs that it holds, the bundle that then brings only what is missing, and what is refused.

use std::fs;

use sealift::crypto::dsse::Envelope;
use sealift::model::Digest;
use sealift::trust::{Kind, Revoked};
use serde_json::{Value, json};

use crate::export::sending;
use crate::judged;
use crate::people;
use crate::raw_bundle::noise;
use crate::world::{World, by_python};

const EXPORT: &str = "export --exporter ex --select sealift.yaml --offline --threads 1 --out";

/// Adds a file to what is exported.
fn add(world: &World, number: u64, size: usize) {
    let bytes = noise(number, size);
    fs::write(world.path(&format!("set/{number}.bin")), &bytes).unwrap();
    let mut sums = fs::read_to_string(world.path("set/SHA256SUMS")).unwrap();
    sums.push_str(&format!("{}  {number}.bin\n", Digest::of(&bytes).hex()));
    fs::write(world.path("set/SHA256SUMS"), sums).unwrap();
}

/// A sending world of which the first bundle has arrived.
fn arrived() -> World {
    let world = sending();
    world.run(&format!("{EXPORT} m1")).done();
    world.run("import --enclave en m1").done();
    world
}

fn receipt(world: &World) -> Value {
    world.json("receipt --enclave en --out r")
}

fn bytes_of(world: &World, folder: &str) -> u64 {
    let entries = fs::read_dir(world.path(folder)).unwrap();
    entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn a_receipt_says_what_is_held() {
    let world = arrived();
    let document = receipt(&world);
    let head = &document["receipt"];
    let status = world.json("status --enclave en");
    assert_eq!(head["generation"]["number"], 1);
    assert_eq!(head["generation"]["repository"], status["generation"]["root"]);
    assert_eq!(head["streams"][0]["manifest"], status["last_bundle"]["manifest"]);
    assert_eq!(head["artifacts"], 3);
    let text = fs::read_to_string(world.path("r")).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(head["objects"]["count"], lines.len());
    assert!(lines.is_sorted());
    for number in 1..=3 {
        let bytes = fs::read(world.path(&format!("set/{number}.bin"))).unwrap();
        assert!(lines.contains(&Digest::of(&bytes).hex().as_str()));
    }
    let schema = include_str!("../../bundle-spec/schemas/receipt.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    assert!(schema.is_valid(head), "{head}");
    if let Some((status, text)) = by_python(&world, &["--receipt", "r"]) {
        assert_eq!(status, 0, "{text}");
    }
    let verified = world.json("receipt verify r --trust en/trust");
    assert_eq!(verified["receipt"], *head);
    // An enclave's receipt is no secret of the enclave: the exporter's pin is enough.
    world.run("receipt verify r --trust ex/trust/plant-7").done();
}

#[test]
fn what_the_enclave_holds_stays_with_the_exporter() {
    let world = arrived();
    add(&world, 4, 500);
    receipt(&world);
    world.run(&format!("{EXPORT} m2 --since r")).done();
    assert!(bytes_of(&world, "m2") < 100_000, "{}", bytes_of(&world, "m2"));
    let text = world.run("verify --enclave en m2").done().stdout;
    assert!(text.contains("main 2"), "{text}");
    // Without the enclave's store nobody can look at what is not there.
    world.refused("verify --trust en/trust m2", "object-not-listed");
    world.run("import --enclave en m2").done();
    let listed = world.json("list --enclave en");
    assert_eq!(listed["artifacts"].as_array().unwrap().len(), 4);
    for number in 1..=4 {
        let bytes = fs::read(world.path(&format!("set/{number}.bin"))).unwrap();
        let found = world.json(&format!("where {} --enclave en", Digest::of(&bytes)));
        assert_eq!(found["found"][0]["is"], "artifact");
    }
}

#[test]
fn an_object_that_went_missing_since_is_found() {
    let world = arrived();
    add(&world, 4, 500);
    receipt(&world);
    world.run(&format!("{EXPORT} m2 --since r")).done();
    let digest = Digest::of(&fs::read(world.path("set/1.bin")).unwrap());
    let store = sealift::store::Store::open(world.path("en/store")).unwrap();
    fs::remove_file(store.path(&digest)).unwrap();
    world.refused("import --enclave en m2", "object-not-listed");
    // It is not said to be held either.
    let before = receipt(&world)["receipt"]["objects"]["count"].as_u64().unwrap();
    let text = fs::read_to_string(world.path("r")).unwrap();
    assert_eq!(text.lines().count() as u64, before + 1);
    assert!(!text.contains(&digest.hex()));
}

#[test]
fn a_base_that_the_exporter_did_not_make_is_refused() {
    let world = arrived();
    let copied = std::process::Command::new("cp")
        .args(["-a", "ex", "before"])
        .current_dir(world.path(""))
        .status()
        .unwrap();
    assert!(copied.success());
    add(&world, 4, 500);
    world.run(&format!("{EXPORT} m2")).done();
    world.run("import --enclave en m2").done();
    receipt(&world);
    // An exporter whose memory is older, and one that gave the same number to another bundle.
    let line = "export --exporter before --select sealift.yaml --offline --threads 1 --since r --out";
    world.refused(&format!("{line} m3"), "base-missing");
    add(&world, 5, 500);
    world
        .run("export --exporter before --select sealift.yaml --offline --threads 1 --out other")
        .done();
    world.refused(&format!("{line} m3"), "base-missing");
    // A stream of which nothing came stands alone.
    let ran = world.run(&format!("{EXPORT} m3 --since r --stream side")).done();
    assert!(ran.stderr.contains("stands alone"), "{}", ran.stderr);
    world.run("verify --trust en/trust m3").done();
}

#[test]
fn receipts_that_somebody_touched_are_refused() {
    let world = arrived();
    receipt(&world);
    let good = fs::read_to_string(world.path("r")).unwrap();
    let (head, list) = good.split_once('\n').unwrap();
    let cases: Vec<(&str, String, &str)> = vec![
        ("another digest", format!("{head}\n{}", list.replacen('a', "b", 1)), ""),
        (
            "the last line is gone",
            format!("{head}\n{}", &list[..list.len() - 65]),
            "digest-mismatch",
        ),
        (
            "one line more",
            format!("{good}{}\n", "f".repeat(64)),
            "digest-mismatch",
        ),
        ("no list", format!("{head}\n"), "digest-mismatch"),
        (
            "a line twice",
            format!("{head}\n{}\n{list}", &list[..64]),
            "json-not-strict",
        ),
        (
            "capitals",
            format!("{head}\n{}", list.to_uppercase()),
            "json-not-strict",
        ),
        ("no head", list.to_owned(), "json-not-strict"),
    ];
    for (why, text, code) in cases {
        fs::write(world.path("bad"), text).unwrap();
        if code.is_empty() {
            assert_eq!(world.run("receipt verify bad --trust en/trust").status, 1, "{why}");
        } else {
            world.refused("receipt verify bad --trust en/trust", code);
        }
        if let Some((status, text)) = by_python(&world, &["--receipt", "bad"]) {
            assert_eq!(status, 1, "{why}: {text}");
            assert!(code.is_empty() || text.contains(&format!("[{code}]")), "{why}: {text}");
        }
        assert_eq!(world.run(&format!("{EXPORT} m9 --since bad")).status, 1, "{why}");
    }
    // Signed by a stranger, and as another kind of document.
    let payload = Envelope::read(head.as_bytes()).unwrap().payload;
    for (kind, code) in [(Kind::Receipt, ""), (Kind::Report, "wrong-document-kind")] {
        let sealed = people::sealed(kind, &payload, &[people::STATION]).write();
        let text = format!("{}\n{list}", String::from_utf8(sealed).unwrap());
        fs::write(world.path("bad"), text).unwrap();
        if code.is_empty() {
            assert_eq!(world.run("receipt verify bad --trust en/trust").status, 1);
        } else {
            world.refused("receipt verify bad --trust en/trust", code);
        }
    }
    assert!(!world.path("m9").exists());
}

#[test]
fn the_receipt_of_another_enclave_is_refused() {
    let world = World::new();
    let digest = world.medium(1, None);
    world.run("import --enclave en m1").done();
    world.run("receipt --enclave en --out r").done();
    let good = fs::read_to_string(world.path("r")).unwrap();
    let (head, list) = good.split_once('\n').unwrap();
    let payload = Envelope::read(head.as_bytes()).unwrap().payload;
    let document: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(document["streams"][0]["manifest"], json!(digest));
    let signed = |edit: &dyn Fn(&mut Value)| {
        let mut document = document.clone();
        edit(&mut document);
        let payload = serde_json::to_vec(&document).unwrap();
        let sealed = people::sealed(Kind::Receipt, &payload, &[people::STATION]).write();
        fs::write(
            world.path("r"),
            format!("{}\n{list}", String::from_utf8(sealed).unwrap()),
        )
        .unwrap();
    };
    signed(&|_| {});
    world.run("receipt verify r --trust en/trust").done();
    signed(&|document| {
        let again = document["streams"][0].clone();
        document["streams"].as_array_mut().unwrap().push(again);
    });
    world.refused("receipt verify r --trust en/trust", "json-not-strict");
    signed(&|document| document["objects"]["count"] = json!(1_u64 << 25));
    world.refused("receipt verify r --trust en/trust", "json-not-strict");
    signed(&|document| document["enclave"] = json!(format!("sha256:{}", "0".repeat(64))));
    world.refused("receipt verify r --trust en/trust", "wrong-enclave");
    signed(&|document| document["format"] = json!(2));
    world.refused("receipt verify r --trust en/trust", "json-not-strict");
    signed(&|document| document["more"] = json!(2));
    world.refused("receipt verify r --trust en/trust", "json-not-strict");

    fs::write(world.path("r"), &good).unwrap();
    world.run("receipt verify r --trust en/trust").done();
    judged::revoke(&world, 1, vec![Revoked::Key(people::id(people::STATION).to_string())]);
    world.refused("receipt verify r --trust en/trust", "key-revoked");
}

/// What status says of the newest bundle's manifest.
fn last_manifest(world: &World) -> String {
    let status = world.json("status --enclave en");
    status["last_bundle"]["manifest"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_acknowledged_stays_with_the_exporter() {
    let world = arrived();
    add(&world, 4, 500);
    // Nobody has said anything yet.
    let ran = world.run(&format!("{EXPORT} m0 --since-memory --stream side")).done();
    assert!(ran.stderr.contains("stands alone"), "{}", ran.stderr);
    let manifest = last_manifest(&world);
    let wrong = Digest::of(b"another");
    world.refused(
        &format!("acknowledge 1 --exporter ex --manifest {wrong}"),
        "digest-mismatch",
    );
    world.unable(&format!("acknowledge 2 --exporter ex --manifest {manifest}"));
    world.unable(&format!(
        "acknowledge 1 --exporter ex --stream other --manifest {manifest}"
    ));
    world.unable("acknowledge 1 --exporter ex");
    let ran = world
        .run(&format!("acknowledge 1 --exporter ex --manifest {manifest}"))
        .done();
    assert!(ran.stderr.contains("your word alone"), "{}", ran.stderr);
    let exported = world.json(&format!("{EXPORT} m2 --since-memory"));
    assert_eq!(exported["base"], json!(manifest));
    assert_eq!(exported["base_source"], "memory");
    assert!(bytes_of(&world, "m2") < 100_000, "{}", bytes_of(&world, "m2"));
    let weaker = "nobody signed: weaker than a receipt";
    let text = world.run("verify --enclave en m2").done().stdout;
    assert!(text.contains(weaker), "{text}");
    world.run("import --enclave en m2").done();
    let text = world.run("report show --enclave en").done().stdout;
    assert!(text.contains(weaker), "{text}");
    let report = world.json("report show --enclave en");
    assert_eq!(report["head"]["bundle"]["base_source"], "memory");
    assert_eq!(
        world.json("list --enclave en")["artifacts"].as_array().unwrap().len(),
        4
    );
    // What bundle 2 carried is not acknowledged, and travels again.
    add(&world, 5, 600);
    world.run(&format!("{EXPORT} m3 --since-memory")).done();
    let third = bytes_of(&world, "m3");
    world
        .run(&format!(
            "acknowledge 2 --exporter ex --manifest {}",
            last_manifest(&world)
        ))
        .done();
    let exported = world.json(&format!("{EXPORT} m4 --since-memory"));
    assert_eq!(exported["base"], json!(last_manifest(&world)));
    assert!(bytes_of(&world, "m4") < third, "{} {third}", bytes_of(&world, "m4"));
    assert_eq!(world.run(&format!("{EXPORT} m5 --since-memory --since r")).status, 2);
}

#[test]
fn a_base_that_was_never_imported_and_objects_that_are_gone_are_refused() {
    let world = sending();
    let exported = world.json(&format!("{EXPORT} m1"));
    let manifest = exported["bundle"]["manifest"].as_str().unwrap();
    // Somebody acknowledged what never arrived.
    world
        .run(&format!("acknowledge 1 --exporter ex --manifest {manifest}"))
        .done();
    add(&world, 4, 500);
    world.run(&format!("{EXPORT} m2 --since-memory")).done();
    world.refused("import --enclave en m2", "base-missing");
    world.run("import --enclave en m1").done();
    let digest = Digest::of(&fs::read(world.path("set/1.bin")).unwrap());
    let store = sealift::store::Store::open(world.path("en/store")).unwrap();
    fs::remove_file(store.path(&digest)).unwrap();
    world.refused("import --enclave en m2", "object-not-listed");
    // A memory that somebody cut is no memory.
    let list = world.path("ex/streams/plant-7/main+sent/1-1.list");
    let text = fs::read_to_string(&list).unwrap();
    fs::write(&list, &text[..text.len() - 65]).unwrap();
    world.unable(&format!("{EXPORT} m3 --since-memory"));
}

#[test]
fn an_approver_with_the_store_sees_a_delta() {
    let world = arrived();
    add(&world, 4, 500);
    receipt(&world);
    world.run(&format!("{EXPORT} m2 --since r")).done();
    world.key(people::APPROVER, "eve.pem");
    let manifest = {
        let text = world.json("verify --enclave en m2");
        text["bundle"]["manifest"].as_str().unwrap().to_owned()
    };
    let approve = format!("approve m2 --key eve.pem --manifest {manifest} --reason fine");
    let said = world.refused(&format!("{approve} --trust en/trust"), "object-not-listed");
    assert!(said.contains("give --enclave"), "{said}");
    let ran = world.run(&format!("{approve} --enclave en"));
    assert!(
        ran.stderr.contains("only what changed since manifest"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("4 artifacts"), "{}", ran.stderr);
    assert_eq!(world.run(&approve).status, 2);
    assert_eq!(world.run(&format!("{approve} --enclave en --trust en/trust")).status, 2);
}
