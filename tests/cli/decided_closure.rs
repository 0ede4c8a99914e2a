//! What artifacts cannot do without, where more is missing than is named.

use std::fs;

use sealift::model::Digest;
use serde_json::{Map, Value, json};

use crate::export::sending;
use crate::tgz::{Entry, tgz};
use crate::world::World;

/// An enclave, and an exporter who carries a folder of packages.
fn with_packages() -> World {
    let world = sending();
    fs::create_dir(world.path("packages")).unwrap();
    let selection = "schema: sealift-selection/1\nselect:\n  - folder: packages\n";
    fs::write(world.path("sealift.yaml"), selection).unwrap();
    world
}

/// A package that cannot do without so many others.
fn package(world: &World, name: &str, needs: std::ops::Range<usize>) {
    let needs: Map<String, Value> = needs.map(|number| (format!("d{number:06}"), json!("1"))).collect();
    let manifest = json!({ "name": name, "version": "1.0.0", "dependencies": needs }).to_string();
    let archive = tgz(&[Entry::file("package/package.json", manifest)]);
    fs::write(world.path(&format!("packages/{name}-1.0.0.tgz")), archive).unwrap();
}

/// What a check says is missing, and what it did not ask.
fn missing(world: &World, line: &str) -> (Vec<String>, String) {
    let decided = world.json(line)["decisions"].take();
    let missing = decided["bundle"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|hit| hit["code"] == "incomplete-closure")
        .map(|hit| hit["message"].as_str().unwrap().to_owned())
        .collect();
    (missing, decided["not_asked"].to_string())
}

fn export(world: &World, out: &str) {
    world
        .run(&format!(
            "export --exporter ex --select sealift.yaml --offline --out {out}"
        ))
        .done();
}

#[test]
fn a_hundred_that_are_missing_are_named_and_the_rest_is_counted() {
    let world = with_packages();
    let says = |what: &str| format!("{what} is needed, and is neither in the bundle nor here");
    let named = |by: &str| -> Vec<String> {
        (0..100)
            .map(|number| says(&format!("npm/d{number:06}, for pkg:npm/{by}@1.0.0,")))
            .collect()
    };
    package(&world, "app", 0..103);
    export(&world, "m1");
    let (said, _) = missing(&world, "import --enclave en m1");
    assert_eq!(said[..100], named("app"));
    assert_eq!(said[100..], [says("each of 3 more")]);
    // Of a hundred none is left to count.
    fs::remove_file(world.path("packages/app-1.0.0.tgz")).unwrap();
    package(&world, "tool", 0..100);
    export(&world, "m2");
    assert_eq!(missing(&world, "import --enclave en m2").0, named("tool"));
}

/// What lockfiles fill with something that is not carried is named as far, too.
#[test]
fn a_hundred_that_a_lockfile_has_from_elsewhere_are_named_and_the_rest_is_counted() {
    for (count, more) in [(100, ""), (103, " and 3 more")] {
        let world = with_packages();
        let names: Vec<String> = (0..count).map(|number| format!("d{number:03}")).collect();
        let needs: String = names.iter().map(|name| format!("{name} = \"1\"\n")).collect();
        let manifest = format!("[package]\nname = \"app\"\nversion = \"1.0.0\"\n[dependencies]\n{needs}");
        let archive = tgz(&[Entry::file("app-1.0.0/Cargo.toml", manifest)]);
        fs::write(world.path("packages/app-1.0.0.crate"), &archive).unwrap();
        let patched: String = names
            .iter()
            .map(|name| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n"))
            .collect();
        let lock = format!(
            "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\nsource = \"registry+https://index.example.com/git\"\n\
             checksum = \"{}\"\ndependencies = {names:?}\n{patched}",
            Digest::of(&archive).hex()
        );
        fs::write(world.path("Cargo.lock"), lock).unwrap();
        let selection = "schema: sealift-selection/1\nselect:\n  - lockfile: Cargo.lock\nfrom: [packages]\n";
        fs::write(world.path("sealift.yaml"), selection).unwrap();
        export(&world, "m1");
        let (said, not_asked) = missing(&world, "import --enclave en m1");
        assert_eq!(said, [""; 0]);
        let named: Vec<String> = (0..100).map(|number| format!("cargo/d{number:03}")).collect();
        let told = format!("from elsewhere: {}{more}\"", named.join(", "));
        assert!(not_asked.contains(&told), "{not_asked}");
    }
}
