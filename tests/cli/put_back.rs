//! An older state of what an enclave trusts put back: whoever was removed or revoked since would count again.

use std::fs;

use sealift::crypto::key::Signer as _;
use sealift::trust::{Kind, Revocation, Revocations, Revoked, Role};
use serde_json::json;

use crate::log::{copy, three_attempts};
use crate::people;
use crate::world::{World, now};

/// The commands that change an enclave's records or its clients' view by what is signed, and those that judge them.
const COMMANDS: [&str; 13] = [
    "import --enclave en m3",
    "verify --enclave en m3",
    "recheck --enclave en",
    "recheck --enclave en --record",
    "hold add two --everything --enclave en --reason r --key ann.pem",
    "hold release one --enclave en --reason over --key ann.pem",
    "audit waive 3 --enclave en --reason burnt --key ann.pem",
    "prune --enclave en",
    "prune --enclave en --dry-run",
    "reseal --enclave en",
    "gc --enclave en",
    "log witness add --enclave en en/log/checkpoint",
    "rebuild --enclave en",
];

fn is_noticed(world: &World) {
    let before = world.published();
    for command in COMMANDS {
        let ran = world.run(command);
        assert!(ran.status > 0, "{command}: {ran:?}");
        assert!(ran.stderr.contains("[state-rolled-back]"), "{command}: {ran:?}");
    }
    assert_eq!(world.published(), before);
    let ran = world.run("audit --enclave en");
    assert_eq!(ran.status, 1, "{ran:?}");
    let line = ran.stdout.lines().find(|line| line.contains("en/trust"));
    let line = line.unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(line.contains("[state-rolled-back]"), "{line}");
}

/// No report tells of it yet, so that a state.db which is made again cannot know.
fn is_noticed_by_state(world: &World) {
    for command in COMMANDS.iter().filter(|command| !command.starts_with("rebuild")) {
        let ran = world.run(command);
        assert!(
            ran.status > 0 && ran.stderr.contains("[state-rolled-back]"),
            "{command}: {ran:?}"
        );
    }
}

/// The root that follows, with one more exporter.
pub(crate) fn next_root(world: &World) -> Vec<u8> {
    let mut next = world.root().clone();
    next.version = 2;
    people::give(&mut next, Role::Export, "gus", 11);
    people::sealed_root(&next, &[people::ANN, people::BOB])
}

fn is_good(world: &World) {
    world.run("audit --enclave en").done();
    world.run("rebuild --enclave en").done();
    world.run("audit --enclave en").done();
    world.run("import --enclave en m3").done();
}

fn held() -> World {
    let world = three_attempts();
    world.key(people::ANN, "ann.pem");
    world
        .run("hold add one --everything --enclave en --reason r --key en/keys/import.pem")
        .done();
    copy(&world, "en/trust", "old");
    world
}

/// Lets revocations stand of which no report tells yet.
fn revoke_bob(world: &World) {
    let mut document = Revocations::empty(1, now());
    document.revoked = vec![Revocation {
        invalid_since: None,
        reason: "left".to_owned(),
        what: Revoked::Key(people::id(people::BOB).to_string()),
    }];
    let envelope = people::sealed(Kind::Revocations, &document.write().unwrap(), &[people::ANN]);
    fs::write(world.path("revocations.json"), envelope.write()).unwrap();
    world.run("trust install revocations.json --enclave en").done();
}

#[test]
fn what_stood_when_state_was_made_again() {
    let world = held();
    revoke_bob(&world);
    world.run("rebuild --enclave en").done();
    copy(&world, "old", "en/trust");
    is_noticed_by_state(&world);
}

#[test]
fn revocations() {
    let world = held();
    revoke_bob(&world);
    world.run("import --enclave en m2").done();
    copy(&world, "en/trust", "new");
    copy(&world, "old", "en/trust");
    is_noticed_by_state(&world);
    copy(&world, "new", "en/trust");
    fs::write(world.path("other.tar"), vec![1; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    copy(&world, "old", "en/trust");
    is_noticed(&world);
    copy(&world, "new", "en/trust");
    is_good(&world);
}

#[test]
fn a_root_that_was_pinned() {
    let world = held();
    fs::write(world.path("r2.json"), next_root(&world)).unwrap();
    let public = people::key(people::STATION).public().to_pem();
    fs::write(world.path("en/keys/import.pub.pem"), public).unwrap();
    let fingerprint = world.json("root show r2.json")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    world
        .run(&format!("root pin r2.json --folder en --fingerprint {fingerprint}"))
        .done();
    copy(&world, "en/trust", "new");
    copy(&world, "old", "en/trust");
    is_noticed_by_state(&world);
    copy(&world, "new", "en/trust");
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    copy(&world, "old", "en/trust");
    is_noticed(&world);
    copy(&world, "new", "en/trust");
    is_good(&world);
}

#[test]
fn a_root_that_came_along() {
    let world = held();
    let last = world.json("report show 3 --enclave en")["head"]["bundle"]["manifest"].clone();
    let mut bundle = world.bundle(3, Some(last.as_str().unwrap().parse().unwrap()));
    bundle.roots.push((2, next_root(&world)));
    world.write(
        "with-root",
        &bundle,
        &World::edits(|manifest| manifest["generator"] = json!("another")),
    );
    world.run("import --enclave en with-root").done();
    copy(&world, "en/trust", "new");
    copy(&world, "old", "en/trust");
    is_noticed(&world);
    copy(&world, "new", "en/trust");
    world.run("audit --enclave en").done();
}
