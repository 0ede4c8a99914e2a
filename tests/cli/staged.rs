//! What lies in the staging folder since an earlier run, and what the enclave holds already: believed for its digest, and for nothing else.

use std::fs;

use serde_json::json;

use crate::raw_bundle::{Edits, noise};
use crate::world::World;

/// The volumes of a folder, in their order.
fn volumes(world: &World, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(world.path(folder)).unwrap();
    let mut volumes: Vec<String> = entries
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().into_string().unwrap()))
        .collect();
    volumes.sort();
    volumes
}

#[test]
fn a_wrong_catalog_is_refused_as_often_as_it_comes() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(2);
    let edits = Edits {
        records: Some(Box::new(|records| {
            for record in records {
                if record["artifact"]["file"] == "empty" {
                    record["artifact"]["surprise"] = json!(true);
                }
            }
        })),
        ..World::edits(|_| {})
    };
    world.write("m1", &bundle, &edits);
    let before = world.published();
    for volume in volumes(&world, "m1") {
        world.refused(&format!("import --enclave en {volume}"), "json-not-strict");
    }
    world.refused("import --enclave en m1", "json-not-strict");
    assert_eq!(world.published(), before);
}

#[test]
fn a_catalog_that_is_gone_from_the_staging_folder_comes_with_the_next_volume() {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(2);
    world.write("m1", &bundle, &World::edits(|_| {}));
    let volumes = volumes(&world, "m1");
    let ran = world.json(&format!("import --enclave en {}", volumes[0]));
    assert_eq!(ran["outcome"], "incomplete");
    let staged = world.path(&format!("en/staging/{}/catalog.ndjson.zst", world.staging()[0]));
    fs::remove_file(staged).unwrap();
    assert_eq!(world.json("import --enclave en m1")["outcome"], "imported");
}

#[test]
fn a_bundle_that_builds_on_none_brings_every_object() {
    let world = World::new();
    let first = world.medium(1, None);
    world.run("import --enclave en m1").done();
    let mut bundle = world.bundle(2, Some(first));
    let at = bundle.files.iter().position(|(name, _)| name == "noise.bin").unwrap();
    let (_, held) = bundle.files.remove(at);
    let digest = sealift::model::Digest::of(&held).to_string();
    let edits = Edits {
        records: Some(Box::new(move |records| {
            let at = records
                .iter()
                .position(|record| record["artifact"]["file"] == "only-in-2")
                .unwrap();
            let mut lacking = records[at].clone();
            lacking["artifact"]["file"] = json!("noise.bin");
            lacking["artifact"]["digest"] = json!(digest);
            records.insert(at, lacking);
        })),
        ..World::edits(|_| {})
    };
    world.write("m2", &bundle, &edits);
    world.refused("import --enclave en m2", "object-not-listed");
}

#[test]
fn a_large_compressed_object_that_is_here_is_verified_as_it_comes_again() {
    let world = World::new();
    // Half as large once it is compressed, which is several segments still.
    let large = hex::encode(noise(7, 10_000)).into_bytes();
    let medium = |folder: &str, sequence, previous| {
        let mut bundle = world.bundle(sequence, previous);
        bundle.files.push(("large.txt".to_owned(), large.clone()));
        bundle.files.sort();
        world.write(folder, &bundle, &World::edits(|_| {}))
    };
    let first = medium("m1", 1, None);
    world.run("import --enclave en m1").done();
    medium("m2", 2, Some(first));
    world.run("import --enclave en m2").done();
    let published = world.path("en/repository/files/set/1.0/large.txt");
    assert_eq!(fs::read(published).unwrap(), large);
}
