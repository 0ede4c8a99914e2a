//! Labels for media: what they say, that only sealed bundles get one, and that pictures are written whole.

use std::fs;

use serde_json::json;

use crate::people;
use crate::world::World;

#[test]
fn a_label_names_the_sealed_manifest() {
    let world = World::new();
    let digest = world.medium(1, None);
    let document = world.json("media label m1 --trust en/trust");
    let label = &document["labels"][0];
    assert_eq!(document["schema"], "sealift-labels/1");
    assert_eq!(label["manifest"], json!(digest));
    assert_eq!(label["code"], format!("sealift-volume/1 {digest} main 1/1 1-of-1"));
    assert_eq!(label["words"].as_array().unwrap().len(), 12);
    let ran = world.run("media label m1 --trust en/trust").done();
    for wanted in [
        "main 1, volume 1 of 1",
        &digest.to_string(),
        "by         dora",
        "use until",
    ] {
        assert!(ran.stdout.contains(wanted), "{wanted}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("was not read"), "{}", ran.stderr);
}

#[test]
fn one_volume_is_enough_for_the_labels_of_all() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(4);
    world.write("m1", &bundle, &World::edits(|_| {}));
    let line = "media label m1/main-1.vol002of002.tar --trust en/trust";
    let document = world.json(&format!("{line} --out labels"));
    let labels = document["labels"].as_array().unwrap();
    assert_eq!(labels.len(), 2);
    assert!(labels[1]["code"].as_str().unwrap().ends_with(" main 1/1 2-of-2"));
    let mut names: Vec<_> = fs::read_dir(world.path("labels"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "main-1-1.label-1-of-2.png",
            "main-1-1.label-1-of-2.svg",
            "main-1-1.label-2-of-2.png",
            "main-1-1.label-2-of-2.svg"
        ]
    );
    // One file holds one label.
    for picture in ["png", "svg"] {
        let said = world.unable(&format!("{line} --{picture} one.{picture}"));
        assert!(said.contains("--volume"), "{said}");
    }
    world
        .run(&format!("{line} --volume 2 --png one.png --svg one.svg"))
        .done();
    assert_eq!(
        fs::read(world.path("one.png")).unwrap(),
        fs::read(world.path("labels/main-1-1.label-2-of-2.png")).unwrap()
    );
    assert!(fs::read(world.path("one.png")).unwrap().starts_with(b"\x89PNG\r\n"));
    assert!(fs::read_to_string(world.path("one.svg")).unwrap().starts_with("<svg "));
    assert!(world.unable(&format!("{line} --volume 3")).contains("has 2"));
}

#[test]
fn what_is_not_sealed_for_this_enclave_gets_no_label() {
    let world = World::new();
    world.medium(1, None);
    let line = "media label m1 --trust en/trust --out labels";
    let path = world.path("m1/main-1.vol001of001.tar");
    let good = fs::read(&path).unwrap();

    // A digit within the signed payload.
    let mut edited = good.clone();
    edited[512 + 40] ^= 1;
    fs::write(&path, edited).unwrap();
    assert_eq!(world.run(line).status, 1);

    let mut edits = World::edits(|_| {});
    edits.signers = Some(vec![people::APPROVER]);
    world.write("m1", &world.bundle(1, None), &edits);
    world.refused(line, "export-signature-invalid");

    world.write(
        "m1",
        &world.bundle(1, None),
        &World::edits(|manifest| {
            manifest["recipients"] = json!([format!("sha256:{}", "0".repeat(64))]);
        }),
    );
    world.refused(line, "wrong-enclave");

    world.write(
        "m1",
        &world.bundle(1, None),
        &World::edits(|manifest| {
            manifest["created"] = json!("2020-01-01T00:00:00Z");
            manifest["not_after"] = json!("2020-01-02T00:00:00Z");
        }),
    );
    world.refused(line, "bundle-expired");
    assert!(!world.path("labels").exists());
}
