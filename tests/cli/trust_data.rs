//! Trust data and revocations, from the persons who sign them to the bundles that are judged by them.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::model::{Anchor, Digest, Material, ScopePattern, SpeaksFor};
use sealift::trust::{Kind, Revocation, Revocations, Revoked, TrustData};
use serde_json::{Value, json};

use crate::people::{self, ANN, APPROVER, EXPORTER};
use crate::raw_bundle::{RawBundle, RawObject};
use crate::site::{Site, file, lenient};
use crate::world::{World, now};

pub(crate) fn sealed_data(version: u64, names: &[&str], signers: &[u8]) -> Vec<u8> {
    let mut data = TrustData::empty(version, now());
    for name in names {
        data.put(Anchor {
            material: Material::NoteKey("example.com+01234567+AAAA".to_owned()),
            name: (*name).to_owned(),
            note: "read over the phone".to_owned(),
            scope: vec![ScopePattern::new("files/*")],
            speaks_for: SpeaksFor::Publisher,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        });
    }
    people::sealed(Kind::TrustData, &data.write().unwrap(), signers).write()
}

pub(crate) fn sealed_revocations(version: u64, revoked: &[Revoked], signers: &[u8]) -> Vec<u8> {
    let mut document = Revocations::empty(version, now());
    document.revoked = revoked
        .iter()
        .map(|what| Revocation {
            invalid_since: None,
            reason: "lost on a train".to_owned(),
            what: what.clone(),
        })
        .collect();
    people::sealed(Kind::Revocations, &document.write().unwrap(), signers).write()
}

fn key(number: u8) -> Revoked {
    Revoked::Key(people::id(number).to_string())
}

/// Writes a bundle with side data, and gives its manifest's digest.
pub(crate) fn medium(world: &World, folder: &str, mut bundle: RawBundle, side_data: &[(&str, Vec<u8>)]) -> Digest {
    let mut listed = serde_json::Map::new();
    for (kind, envelope) in side_data {
        listed.insert((*kind).to_owned(), json!(Digest::of(envelope).to_string()));
        bundle.objects.push(RawObject {
            content: envelope.clone(),
            zstd: false,
        });
    }
    let edits = World::edits(move |manifest| {
        if !listed.is_empty() {
            manifest["side_data"] = Value::Object(listed.clone());
        }
    });
    world.write(folder, &bundle, &edits)
}

pub(crate) fn install(world: &World, envelope: &[u8]) {
    fs::write(world.path("document.json"), envelope).unwrap();
    world.run("trust install document.json --enclave en").done();
}

/// The version of a kind of document that stands.
fn stands(world: &World, kind: &str) -> Option<u64> {
    let shown = world.json("trust list --enclave en");
    let documents = shown["documents"].as_array().unwrap();
    documents
        .iter()
        .find(|document| document["kind"] == kind)
        .and_then(|document| document["version"].as_u64())
}

#[test]
fn trust_data_comes_in_a_bundle_under_the_threshold() {
    let world = World::new();
    let first = medium(
        &world,
        "m1",
        world.bundle(1, None),
        &[("trust-data", sealed_data(2, &["a"], &[ANN]))],
    );
    let verified = world.json("verify --enclave en m1");
    assert_eq!(
        verified["evidence"]["trust_changes"][1],
        "adds `a` (note-key) for files/*, reaches the level publisher"
    );
    assert_eq!(stands(&world, "trust data"), None, "a check changes nothing");
    let imported = world.json("import --enclave en m1");
    assert_eq!(
        imported["evidence"]["trust_changes"],
        verified["evidence"]["trust_changes"]
    );
    assert_eq!(stands(&world, "trust data"), Some(2));

    let second = |folder: &str, envelope: Vec<u8>| {
        medium(
            &world,
            folder,
            world.bundle(2, Some(first)),
            &[("trust-data", envelope)],
        )
    };
    for (folder, signers) in [("nobody", &[][..]), ("exporter", &[EXPORTER])] {
        second(folder, sealed_data(3, &["a", "evil"], signers));
        for verb in ["verify", "import"] {
            world.refused(&format!("{verb} --enclave en {folder}"), "key-not-in-role");
        }
        assert_eq!(stands(&world, "trust data"), Some(2), "{folder}");
    }
    second("same-number", sealed_data(2, &["a", "evil"], &[ANN]));
    world.refused("import --enclave en same-number", "trust-version-out-of-order");
    second("other-kind", sealed_revocations(3, &[], &[ANN]));
    world.refused("import --enclave en other-kind", "wrong-document-kind");
    second("older", sealed_data(1, &["old"], &[ANN]));
    let imported = world.json("import --enclave en older");
    assert_eq!(imported["evidence"]["trust_changes"], json!([]));
    assert_eq!(
        imported["evidence"]["trust_notes"],
        json!(["the bundle's trust data version 1 is older than version 2, and was not taken"])
    );
    assert_eq!(stands(&world, "trust data"), Some(2));
}

#[test]
fn what_a_revoked_key_exported_is_refused() {
    let world = World::new();
    let first = world.medium(1, None);
    world.run("import --enclave en m1").done();
    install(&world, &sealed_revocations(1, &[key(EXPORTER)], &[ANN]));
    world.medium(2, Some(first));
    for verb in ["verify", "import"] {
        let said = world.refused(&format!("{verb} --enclave en m2"), "key-revoked");
        assert!(said.contains("lost on a train"), "{said}");
    }
    // What was imported before is still there.
    assert!(world.path("en/repository/files/set/1.0/only-in-1").is_file());
}

#[test]
fn a_bundle_that_revokes_its_exporter_is_the_last_one() {
    let world = World::new();
    let revocations = sealed_revocations(1, &[key(EXPORTER)], &[ANN]);
    medium(&world, "m1", world.bundle(1, None), &[("revocations", revocations)]);
    world.refused("verify --enclave en m1", "key-revoked");
    assert_eq!(stands(&world, "revocations"), None);
    world.refused("import --enclave en m1", "key-revoked");
    assert_eq!(stands(&world, "revocations"), Some(1));
    // Without the revocations it would have been good.
    world.write("plain", &world.bundle(1, None), &World::edits(|_| {}));
    world.refused("import --enclave en plain", "key-revoked");
    // And taking them away again is noticed.
    fs::remove_file(world.path("en/trust/revocations/1.dsse.json")).unwrap();
    let said = world.unable("import --enclave en plain");
    assert!(said.contains("[state-rolled-back]"), "{said}");
}

#[test]
fn a_voided_bundle_is_refused() {
    let world = World::new();
    let void = world.medium(1, None);
    install(&world, &sealed_revocations(1, &[Revoked::Bundle(void)], &[ANN]));
    for verb in ["verify", "import"] {
        let said = world.refused(&format!("{verb} --enclave en m1"), "bundle-voided");
        assert!(said.contains("lost on a train"), "{said}");
    }
    // Another bundle with its number takes its place.
    let edits = World::edits(|manifest| manifest["generator"] = json!("another"));
    world.write("other", &world.bundle(1, None), &edits);
    world.run("import --enclave en other").done();
}

#[test]
fn revoked_bytes_are_refused() {
    let world = World::new();
    world.medium(1, None);
    let bad = Digest::of(b"number 1\n");
    install(&world, &sealed_revocations(1, &[Revoked::Artifact(bad)], &[ANN]));
    // No proof makes up for it, and what is never admitted is refused in an evaluation, too.
    for verb in ["verify", "import"] {
        let said = world.refused(&format!("{verb} --enclave en m1"), "revoked");
        assert!(
            said.contains("this site revoked these bytes: lost on a train"),
            "{said}"
        );
    }
}

/// The role that signs policies takes nothing back of what the role that signs revocations has said.
#[test]
fn no_waiver_lifts_a_revocation() {
    let mut site = Site::of(World::new(), &[ANN], &lenient(""));
    let bad = file("tool", "1.0");
    install(
        &site.world,
        &sealed_revocations(1, &[Revoked::Artifact(bad.digest())], &[ANN]),
    );
    let expires = now().plus_days(60).to_string();
    let waiver = format!(
        "waivers: [{{ id: W-1, scope: \"files/tool@1.0\", codes: [evidence-invalid, evidence-too-low], approved_by: [ann, bob], expires: \"{}\", \
         digest: \"{}\", reason: \"CHG-1\" }}]\n",
        &expires[..10],
        bad.digest()
    );
    site.policy_by(&lenient(&waiver), &[ANN, people::BOB]);
    site.refuses(&[bad], "revoked");
    site.takes(&[file("other", "1.0")]);
}

#[test]
fn a_revoked_approver_has_not_approved() {
    let world = World::standard();
    world.key(APPROVER, "eve.pem");
    world.key(people::SECOND_APPROVER, "fay.pem");
    let manifest = world.medium(1, None);
    let approve = |name: &str| {
        let line = format!("approve m1 --trust en/trust --key {name}.pem --manifest {manifest} --reason reviewed");
        world.run(&line).done();
    };
    approve("eve");
    install(&world, &sealed_revocations(1, &[key(APPROVER)], &[ANN, people::BOB]));
    world.refused("import --enclave en m1", "approvals-missing");
    approve("fay");
    let imported = world.json("import --enclave en m1");
    assert_eq!(imported["approvers"], json!(["fay"]));
}

#[test]
fn an_older_document_put_back_stops_everything() {
    let world = World::new();
    install(&world, &sealed_data(1, &["a"], &[ANN]));
    install(&world, &sealed_data(2, &["a", "b"], &[ANN]));
    world.medium(1, None);
    let path = world.path("en/trust/anchors/2.dsse.json");
    let good = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    for verb in ["import", "verify"] {
        let said = world.unable(&format!("{verb} --enclave en m1"));
        assert!(said.contains("[state-rolled-back]"), "{verb}: {said}");
    }
    fs::write(&path, sealed_data(2, &["a", "evil"], &[EXPORTER])).unwrap();
    let said = world.unable("import --enclave en m1");
    assert!(said.contains("[state-rolled-back]"), "{said}");
    fs::write(&path, good).unwrap();
    world.run("import --enclave en m1").done();
}

#[test]
fn installing_follows_the_same_rules() {
    let world = World::new();
    install(&world, &sealed_data(2, &["a"], &[ANN]));
    install(&world, &sealed_revocations(2, &[key(EXPORTER), key(APPROVER)], &[ANN]));
    for (name, envelope, code) in [
        ("lower", sealed_data(1, &["a"], &[ANN]), "trust-version-out-of-order"),
        ("other", sealed_data(2, &["b"], &[ANN]), "trust-version-out-of-order"),
        ("unsigned", sealed_data(3, &["b"], &[]), "key-not-in-role"),
        ("exporter", sealed_data(3, &["b"], &[EXPORTER]), "key-not-in-role"),
        (
            "shrunk",
            sealed_revocations(3, &[key(EXPORTER)], &[ANN]),
            "trust-version-out-of-order",
        ),
        (
            "manifest",
            people::sealed(Kind::Manifest, b"{}", &[ANN]).write(),
            "wrong-document-kind",
        ),
        ("garbage", b"{}".to_vec(), "json-not-strict"),
    ] {
        fs::write(world.path(name), envelope).unwrap();
        let ran = world.run(&format!("trust install {name} --enclave en"));
        assert_eq!(ran.status, 1, "{name}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(&format!("[{code}]")), "{name}: {}", ran.stderr);
    }
    assert_eq!(
        (stands(&world, "trust data"), stands(&world, "revocations")),
        (Some(2), Some(2))
    );
    // Once ann's key is revoked, nobody is left to sign.
    install(
        &world,
        &sealed_revocations(3, &[key(EXPORTER), key(APPROVER), key(ANN)], &[ANN]),
    );
    fs::write(world.path("late"), sealed_data(3, &["b"], &[ANN])).unwrap();
    let ran = world.run("trust install late --enclave en");
    assert!(ran.stderr.contains("[key-not-in-role]"), "{}", ran.stderr);
}

/// The next version may begin from what stands as well as from the file that was installed: the same but for its moment.
#[test]
fn the_next_version_takes_over_what_stands() {
    let world = World::new();
    let standing = sealed_data(2, &["a", "b"], &[ANN]);
    install(&world, &standing);
    fs::write(world.path("installed.json"), &standing).unwrap();
    let written = |file: &str, follows: &str| {
        world.run(&format!("trust new {file} --follows {follows}")).done();
        let text = fs::read(world.path(file)).unwrap();
        let envelope: Value = serde_json::from_slice(&text).unwrap();
        let payload = STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
        let mut document: Value = serde_json::from_slice(&payload).unwrap();
        document["created"].take();
        document
    };
    let begun = written("from-folder.json", "en/trust");
    assert_eq!(begun["version"], 3);
    assert_eq!(begun["anchors"].as_array().map(Vec::len), Some(2), "{begun}");
    assert_eq!(written("from-file.json", "installed.json"), begun);
}
