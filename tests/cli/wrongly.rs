//! Command lines with the wrong name, document, root or reason: each is refused for that, and nothing is changed.

use std::fs;

use sealift::crypto::dsse::Envelope;
use sealift::model::Material;
use sealift::trust::folder::{Confirmed, TrustFolder};
use sealift::trust::{Kind, TrustData, TrustedRoot};
use serde_json::json;

use crate::export::sending;
use crate::fixtures::{anchor, text};
use crate::people;
use crate::trust_data::install;
use crate::world::{World, now};

#[test]
fn names_that_lead_elsewhere_name_nothing() {
    let world = sending();
    for (line, says) in [
        ("acknowledge 1 --exporter ex --stream ../x", "cannot name a stream"),
        ("acknowledge 1 --exporter ex --to ../../en", "cannot name an enclave"),
        (
            "export --exporter ex --to ../../en --select sealift.yaml --offline --out m1",
            "cannot name an enclave",
        ),
        (
            "init enclave new --name plant-8 --profile standard --exporter dora=ex/keys/export.pub.pem",
            "--exporter is for an evaluation",
        ),
        (
            "review list --enclave en --bundle sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "nothing waits of the bundle",
        ),
    ] {
        let said = world.unable(line);
        assert!(said.contains(says), "{line}: {said}");
    }
    assert!(!world.path("m1").exists() && !world.path("new").exists());
}

#[test]
fn files_that_differ_only_in_case_are_not_exported_together() {
    let world = sending();
    fs::create_dir(world.path("both")).unwrap();
    for name in ["a.bin", "A.bin"] {
        fs::write(world.path(&format!("both/{name}")), name).unwrap();
    }
    let selection = "schema: sealift-selection/1\nselect:\n  - files: set\n    version: \"1.0\"\n    folder: both\n";
    fs::write(world.path("sealift.yaml"), selection).unwrap();
    let line = "export --exporter ex --select sealift.yaml --offline --out m1";
    let said = world.refused(line, "name-collision");
    assert!(said.contains("only in upper and lower case"), "{said}");
    fs::remove_file(world.path("both/a.bin")).unwrap();
    world.run(line).done();
}

#[test]
fn a_root_whose_time_is_over_is_neither_pinned_nor_exported_to() {
    let world = sending();
    let mut root = people::root_without_approval();
    root.expires = now().plus_days(1);
    let pin = |root: &sealift::trust::Root, exporter: &str| {
        let envelope = people::sealed_root(root, &[people::ANN, people::BOB]);
        let pinned = TrustedRoot::pinned(&envelope).unwrap();
        let folder = world.path(&format!("{exporter}/trust/plant-7"));
        TrustFolder::pin(&folder, pinned, Confirmed::MadeHere, now()).unwrap();
        fs::write(world.path("root.json"), envelope).unwrap();
    };
    let export =
        |exporter: &str| format!("export --exporter {exporter} --select sealift.yaml --offline --dry-run --out m1");
    pin(&root, "fresh");
    world.run(&export("fresh")).done();
    root.expires = "2026-01-01T00:00:00Z".parse().unwrap();
    pin(&root, "old");
    world.refused(&export("old"), "root-expired");
    let fingerprint = world.json("root show root.json")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    world.run("init exporter pinned").done();
    let line = format!("root pin root.json --folder pinned --fingerprint {fingerprint}");
    world.refused(&line, "root-expired");
    assert!(!world.path("pinned/trust/plant-7").exists());
}

#[test]
fn documents_of_another_kind_or_that_do_not_follow_count_for_nothing() {
    let world = World::new();
    let key = |version: u64, file: &str| {
        let mut data = TrustData::empty(version, now());
        data.put(anchor("maker", Material::Openpgp(text(file))));
        people::sealed(Kind::TrustData, &data.write().unwrap(), &[people::ANN]).write()
    };
    install(&world, &key(1, "rpm/rpm-testkey-v4-ed25519.asc"));
    fs::write(world.path("next.json"), key(2, "rpm/rpm-testkey-v4-rsa4096.asc")).unwrap();
    let said = world.refused("trust install next.json --enclave en", "trust-version-out-of-order");
    assert!(said.contains("gets the primary key"), "{said}");
    install(&world, &key(2, "rpm/rpm-testkey-v4-ed25519.asc"));

    // A policy is what is signed as one.
    fs::write(world.path("policy.yaml"), crate::world::PLAIN_POLICY).unwrap();
    world.run("policy draft policy.yaml policy.dsse.json").done();
    let mut envelope = Envelope::read(&fs::read(world.path("policy.dsse.json")).unwrap()).unwrap();
    Kind::TrustData.payload_type().clone_into(&mut envelope.payload_type);
    fs::write(world.path("policy.dsse.json"), envelope.write()).unwrap();
    world.refused("policy show policy.dsse.json", "wrong-document-kind");
    // And no larger than a bundle may carry it.
    let reason = "r".repeat(1900);
    let denied: String = (0..700)
        .map(|number| format!("  - {{ match: \"files/set-{number}\", reason: {reason} }}\n"))
        .collect();
    let large = format!("{}deny:\n{denied}", crate::world::PLAIN_POLICY);
    fs::write(world.path("large.yaml"), large).unwrap();
    world.run("policy show large.yaml").done();
    let said = world.unable("policy draft large.yaml large.dsse.json");
    assert!(said.contains("the policy would have"), "{said}");
    assert!(!world.path("large.dsse.json").exists());
}

#[test]
fn the_second_person_signs_what_the_first_one_signed() {
    let world = World::standard();
    for (number, file) in [(people::ANN, "ann"), (people::BOB, "bob"), (people::EXPORTER, "dora")] {
        world.key(number, file);
    }
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world
        .run("hold add h --everything --enclave en --reason r --key dora")
        .done();
    let release = "hold release h --enclave en --reason over --key";
    assert_eq!(world.json(&format!("{release} ann"))["missing"], 1);
    let said = world.unable("hold release h --enclave en --reason because --key bob");
    assert!(said.contains("with another reason: over"), "{said}");
    // The same words, signed as something else.
    let open = world.path("en/open/release-h.dsse.json");
    let kept = fs::read(&open).unwrap();
    let payload = Envelope::read(&kept).unwrap().payload;
    fs::write(&open, people::sealed(Kind::Hold, &payload, &[people::ANN]).write()).unwrap();
    // It is told of the file, before anybody signs what is in it.
    let said = world.refused(&format!("{release} bob"), "wrong-document-kind");
    assert!(said.contains("refused: en/open/release-h.dsse.json: "), "{said}");
    fs::write(&open, kept).unwrap();
    assert_eq!(world.json(&format!("{release} bob"))["persons"], json!(["ann", "bob"]));
}
