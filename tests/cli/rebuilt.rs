//! What counts when state.db is made again of what lies there: an import that was not shown yet counts where clients see what it published, and nothing
//! that nobody signed or that is not the one that was taken.

use std::fs;

use sealift::crypto::strict_json;
use sealift::model::Digest;
use sealift::trust::Kind;
use serde_json::{Value, json};

use crate::audit_records::{last_statement, not_rebuilt, payload};
use crate::log::{copy, report, three_attempts};
use crate::people;
use crate::raw_bundle::RawBundle;
use crate::world::World;

/// Puts a report that was kept where a run that was killed would have left it.
fn unshown(world: &World, kept: &str, number: u64) {
    copy(
        world,
        kept,
        &format!("en/reports/.pending-{number:06}-main-9.report.ndjson"),
    );
}

/// How many reports, imports and leaves state.db is made from.
fn rebuilt(world: &World) -> [Value; 3] {
    let done = world.json("rebuild --enclave en");
    ["reports", "imports", "leaves"].map(|what| done[what].clone())
}

/// What a report's import published: the number, and what clients found.
fn published(world: &World, number: u64) -> (Value, Value) {
    let head = world.json(&format!("report show {number} --enclave en"))["head"].take();
    let published = &head["published"];
    (published["generation"].clone(), published["repository"].clone())
}

/// An enclave into which one bundle came, and a second one aside: the report of that, and what it published.
fn with_a_second(bundle: impl Fn(&World, Digest) -> RawBundle) -> (World, (Value, Value)) {
    let world = World::new();
    let first = world.medium(1, None);
    world.write("aside", &bundle(&world, first), &World::edits(|_| {}));
    world.medium(2, Some(first));
    world.run("import --enclave en m1").done();
    copy(&world, "en", "before");
    world.run("import --enclave en aside").done();
    copy(&world, &report(&world, 2), "kept.ndjson");
    let published = published(&world, 2);
    copy(&world, "before", "en");
    (world, published)
}

#[test]
fn an_import_that_clients_do_not_see_does_not_count() {
    let (world, _) = with_a_second(|world, first| world.bundle(2, Some(first)));
    let before = rebuilt(&world);
    assert_eq!(before[..2], [1, 1]);
    unshown(&world, "kept.ndjson", 2);
    assert_eq!(rebuilt(&world), before);
}

#[test]
fn another_generation_of_the_same_number_is_not_the_one_that_was_published() {
    let (world, (generation, repository)) = with_a_second(|world, first| {
        let mut bundle = world.bundle(2, Some(first));
        bundle.files.push(("more".to_owned(), b"more".to_vec()));
        bundle
    });
    world.run("import --enclave en m2").done();
    let own = published(&world, 2);
    assert!(own.0 == generation && own.1 != repository, "{own:?}");
    let before = rebuilt(&world);
    unshown(&world, "kept.ndjson", 2);
    assert_eq!(rebuilt(&world), before);
}

#[test]
fn another_number_of_the_same_content_is_not_the_generation_that_was_published() {
    let (world, (generation, repository)) = with_a_second(|world, first| RawBundle {
        files: world.bundle(1, None).files,
        ..world.bundle(2, Some(first))
    });
    let own = published(&world, 1);
    assert!(own.0 != generation && own.1 == repository, "{own:?}");
    let before = rebuilt(&world);
    unshown(&world, "kept.ndjson", 2);
    assert_eq!(rebuilt(&world), before);
}

#[test]
fn a_checkpoint_that_nobody_signed_speaks_of_nothing() {
    let world = three_attempts();
    let before = rebuilt(&world);
    let path = world.path("en/log/checkpoint");
    let text = fs::read_to_string(&path).unwrap();
    let size = text.lines().nth(1).unwrap();
    fs::write(&path, text.replacen(&format!("\n{size}\n"), "\n9999\n", 1)).unwrap();
    assert_eq!(rebuilt(&world), before);
}

#[test]
fn a_statement_that_is_not_the_one_that_was_taken_is_not_there() {
    let world = three_attempts();
    let before = rebuilt(&world);
    let line = "hold add h --everything --enclave en --reason test --key en/keys/import.pem";
    world.run(line).done();
    copy(&world, "en", "held");
    assert_ne!(rebuilt(&world), before);
    copy(&world, "held", "en");
    let path = last_statement(&world);
    let mut hold = payload(&path);
    hold["reason"] = json!("another");
    let sealed = people::sealed(Kind::Hold, &strict_json::write(&hold), &[people::STATION]);
    fs::write(&path, sealed.write()).unwrap();
    assert_eq!(rebuilt(&world), before);
    // Once a report speaks of its leaf, it is missed.
    copy(&world, "held", "en");
    world.run("import --enclave en m3").done();
    fs::write(last_statement(&world), sealed.write()).unwrap();
    not_rebuilt(&world, "", "state-rolled-back", "statement 1 (hold)");
}
