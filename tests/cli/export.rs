//! The sending side under kills and on full media: no volume that is not whole, no number lost or given twice.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::kill::{can_trace, kill_at, points};
use crate::media::Disk;
use crate::raw_bundle::noise;
use crate::world::{Ran, World, facade, tree};

/// An exporter `ex` whose own key the enclave `en` knows, and a folder `set` to export.
pub(crate) fn sending() -> World {
    let world = World::new();
    fs::remove_dir_all(world.path("en")).unwrap();
    world.run("init exporter ex").done();
    world
        .run("init enclave en --name plant-7 --profile evaluation --exporter dora=ex/keys/export.pub.pem")
        .done();
    let fingerprint = world.json("root show en/trust")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    world
        .run(&format!(
            "root pin en/trust/roots/1.dsse.json --folder ex --fingerprint {fingerprint}"
        ))
        .done();
    fs::create_dir(world.path("set")).unwrap();
    for (number, size) in [(1, 90_000), (2, 300), (3, 40_000)] {
        fs::write(world.path(&format!("set/{number}.bin")), noise(number, size)).unwrap();
    }
    let sums: String = fs::read_dir(world.path("set"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let digest = sealift::model::Digest::of(&fs::read(&path).unwrap());
            format!("{}  {}\n", digest.hex(), path.file_name().unwrap().to_str().unwrap())
        })
        .collect();
    fs::write(world.path("set/SHA256SUMS"), sums).unwrap();
    let selection = "schema: sealift-selection/1\nselect:\n  - files: set\n    version: \"1.0\"\n    folder: set\n    \
                     checksums: SHA256SUMS\n";
    fs::write(world.path("sealift.yaml"), selection).unwrap();
    world
}

const EXPORT: &str = "export --exporter ex --select sealift.yaml --offline --volume-size 64KiB --threads 1 --out";

fn volumes(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".tar"))
        .collect()
}

fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.path(to));
    assert!(
        Command::new("cp")
            .arg("-a")
            .arg(world.path(from))
            .arg(world.path(to))
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_killed_export_leaves_whole_volumes_and_true_numbers() {
    if !can_trace() {
        return;
    }
    let world = sending();
    world.run(&format!("{EXPORT} m1")).done();
    world.run("import --enclave en m1").done();
    copy(&world, "ex", "ex-before");
    copy(&world, "en", "en-before");
    let line = format!("{EXPORT} m2");
    let points = points(&world, &line, 40);
    let whole = volumes(&world.path("m2"));
    assert!(whole.len() > 2, "{whole:?}");
    let mut completed = 0;
    for point in &points {
        for folder in ["m2", "m3"] {
            let _ = fs::remove_dir_all(world.path(folder));
        }
        copy(&world, "ex-before", "ex");
        copy(&world, "en-before", "en");
        kill_at(&world, &line, point);
        // Whatever calls itself a volume is a whole one.
        for volume in volumes(&world.path("m2")) {
            world.run(&format!("verify --enclave en m2/{volume}")).done();
        }
        let ran = world.run(&format!("{EXPORT} m3"));
        assert_eq!(ran.status, 0, "{point:?}: {}", ran.stderr);
        let (second, third) = (volumes(&world.path("m2")), volumes(&world.path("m3")));
        // Either the killed one is all there, and the next one follows it, or nothing of it is, and its number is free.
        if second.is_empty() {
            assert!(
                third.iter().all(|name| name.starts_with("main-2.")),
                "{point:?}: {third:?}"
            );
        } else {
            completed += 1;
            assert_eq!(second, whole, "{point:?}");
            assert!(
                third.iter().all(|name| name.starts_with("main-3.")),
                "{point:?}: {third:?}"
            );
            let imported = world.json("import --enclave en m2");
            assert_eq!(imported["bundle"]["sequence"], 2, "{point:?}");
        }
        assert_eq!(world.json("import --enclave en m3")["outcome"], "imported", "{point:?}");
        let left: Vec<_> = tree(&world.path("ex/streams"), &[]).into_keys().collect();
        assert!(
            !left.iter().any(|path| path.to_str().unwrap().contains("pending")),
            "{left:?}"
        );
    }
    assert!(
        completed > 0 && completed < points.len(),
        "{completed} of {}",
        points.len()
    );
}

#[test]
fn an_interrupted_export_whose_medium_is_gone_is_not_forgotten() {
    if !can_trace() {
        return;
    }
    let world = sending();
    let line = format!("{EXPORT} m1");
    copy(&world, "ex", "ex-before");
    let points = points(&world, &line, usize::MAX);
    let rename = points
        .iter()
        .find(|point| point.is("renameat2"))
        .expect("volumes get their names by renameat2")
        .clone();
    fs::remove_dir_all(world.path("m1")).unwrap();
    copy(&world, "ex-before", "ex");
    assert!(kill_at(&world, &line, &rename));
    assert!(volumes(&world.path("m1")).is_empty());
    fs::rename(world.path("m1"), world.path("away")).unwrap();
    let ran = world.run(&format!("{EXPORT} m2"));
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("error: bundle main 1 was being written to ")
            && ran.stderr.contains("hint: bring the medium back"),
        "{}",
        ran.stderr
    );
    assert!(volumes(&world.path("m2")).is_empty());
    fs::rename(world.path("away"), world.path("m1")).unwrap();
    let ran = world.run(&format!("{EXPORT} m2")).done();
    assert!(
        ran.stderr
            .contains("warning: the export of bundle main 1 was interrupted; it is complete now"),
        "{}",
        ran.stderr
    );
    for medium in ["m1", "m2"] {
        assert_eq!(
            world.json(&format!("import --enclave en {medium}"))["outcome"],
            "imported"
        );
    }
}

#[test]
fn a_medium_without_room_gets_no_part_of_a_bundle() {
    let world = sending();
    let Some(_disk) = Disk::mount(&world.path("disk"), "size=100k") else {
        return;
    };
    let streams = tree(&world.path("ex/streams"), &[]);
    let ran = world.run(&format!("{EXPORT} disk"));
    assert_eq!(ran.status, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("has room for") && ran.stderr.contains("hint: make room"),
        "{}",
        ran.stderr
    );
    // And where the room ends only while it is written.
    let script = format!("ulimit -f 16; trap '' XFSZ; exec \"$0\" {EXPORT} m1");
    let mut command = Command::new("bash");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_sealift")]);
    world.surround(&mut command);
    let ran = Ran::of(command.output().unwrap());
    assert_eq!(ran.status, 3, "{}{}", ran.stdout, ran.stderr);
    // What the system said, and not what came of it.
    assert!(ran.stderr.contains("File too large"), "{}", ran.stderr);
    for folder in ["disk", "m1"] {
        assert!(fs::read_dir(world.path(folder)).unwrap().next().is_none(), "{folder}");
    }
    let mut after = tree(&world.path("ex/streams"), &[]);
    after.retain(|path, text| !path.ends_with("lock") && text != "folder");
    assert_eq!(
        after,
        streams.into_iter().filter(|(_, text)| text != "folder").collect()
    );
    // The same command on a larger medium has the same number, and nothing is written over.
    let exported = world.json(&format!("{EXPORT} m2"));
    assert_eq!(exported["bundle"]["sequence"], json!(1));
    world.run("import --enclave en m2").done();
    assert_eq!(facade(&world.path("en")).len(), 4);
    let ran = world.run("export --exporter ex --select absent.lock --offline --out m2");
    assert!(matches!(ran.status, 1 | 3), "{}", ran.stderr);
}

#[test]
fn two_exports_of_one_stream_do_not_run_at_once() {
    let world = sending();
    fs::create_dir_all(world.path("ex/streams/plant-7")).unwrap();
    let lock = sealift::repository::Lock::take(&world.path("ex/streams/plant-7"), "a test").unwrap();
    let ran = world.run(&format!("{EXPORT} m1"));
    assert_eq!(ran.status, 3);
    assert!(ran.stderr.contains("is in use by a test"), "{}", ran.stderr);
    drop(lock);
    world.run(&format!("{EXPORT} m1")).done();
    // Volumes are never overwritten: the next ones have another number.
    let first = tree(&world.path("m1"), &[]);
    world.run(&format!("{EXPORT} m1")).done();
    let both = tree(&world.path("m1"), &[]);
    assert!(first.iter().all(|(path, digest)| both.get(path) == Some(digest)));
    assert_eq!(both.len(), 2 * first.len());
}
