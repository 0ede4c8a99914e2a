//! What artifacts cannot do without, where more is missing than is named.

use std::fs;

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
