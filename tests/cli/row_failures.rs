//! A state.db that takes a row of a table no more, or no commit: whichever row it is of those that a command writes, the command says that it failed, clients
//! see what they saw, and once it is mended the same command works.

use std::fs;

use sealift::crypto::key::Signer as _;

use crate::kill::two_media;
use crate::log::{copy, three_attempts};
use crate::people;
use crate::retention::AT_ONCE;
use crate::row_faults::{counts, no_more, on_each_change};
use crate::trust_data::sealed_data;
use crate::world::{World, facade, say};

/// Lets each kind of row that a command writes fail, and then its commit. It ends with `status` where nothing fails.
fn fails_at_each_row(world: &World, line: &str, status: i32) {
    let state = world.path("k/state.db");
    let fresh = || copy(world, "en", "k");
    fresh();
    let before = facade(&world.path("k"));
    on_each_change(&state, |_, _| String::new());
    let ran = world.run(line);
    assert_eq!(ran.status, status, "{line}: {ran:?}");
    let written: Vec<String> = counts(&state).into_iter().map(|(place, _)| place).collect();
    assert!(!written.is_empty(), "{line}");
    let fails = |at: &str| {
        let ran = world.run(line);
        let is_told = match ran.status {
            3 => ran.stderr.contains("error: "),
            // Why a bundle is refused does not change.
            1 => ran.stderr.contains("the report could not be written"),
            _ => false,
        };
        assert!(is_told && !ran.stdout.contains("imported"), "{line}, {at}: {ran:?}");
        assert_eq!(facade(&world.path("k")), before, "{line}, {at}");
        no_more(&state);
        let again = world.run(line);
        assert_eq!(again.status, status, "{line}, {at}: {again:?}");
        let audited = world.json("audit --enclave k");
        assert_eq!(audited["total"]["differences"], 0, "{line}, {at}: {audited}");
    };
    for place in &written {
        fresh();
        on_each_change(&state, |change, table| {
            if format!("{change} {table}") == *place {
                "SELECT RAISE(ABORT, 'no row more');".to_owned()
            } else {
                String::new()
            }
        });
        fails(place);
    }
    fresh();
    on_each_change(&state, |_, _| "INSERT INTO fault_children VALUES (1);".to_owned());
    fails("the commit");
    say(&format!("{line}: {}", written.join(", ")));
}

#[test]
fn an_import_fails_with_each_row_that_it_writes() {
    let world = two_media();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(2);
    world.write("all", &bundle, &World::edits(|_| {}));
    let mut volumes: Vec<_> = fs::read_dir(world.path("all"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    volumes.sort();
    fails_at_each_row(&world, &format!("import --enclave k {}", volumes[0].display()), 0);
    fails_at_each_row(&world, "import --enclave k m1", 0);
    world.run("import --enclave en m1").done();
    fails_at_each_row(&world, "import --enclave k m2", 0);
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    fails_at_each_row(&world, "import --enclave k other.tar", 1);
}

#[test]
fn what_goes_back_and_sweeps_fails_with_each_row_that_it_writes() {
    let world = two_media();
    for medium in ["m1", "m2"] {
        world.run(&format!("import --enclave en {medium}")).done();
    }
    fails_at_each_row(&world, "rollback --enclave k --to 1 --reason test", 0);
    world.run("rollback --enclave en --to 1 --reason test").done();
    fails_at_each_row(&world, "gc --enclave k --keep 1", 0);
}

#[test]
fn what_is_stated_fails_with_each_row_that_it_writes() {
    let world = three_attempts();
    let line = "hold add audit --everything --enclave k --reason test --key en/keys/import.pem";
    fails_at_each_row(&world, line, 0);
    fails_at_each_row(&world, "recheck --record --enclave k", 0);
    let data = sealed_data(1, &["one"], &[people::ANN, people::BOB]);
    fs::write(world.path("document.json"), data).unwrap();
    fails_at_each_row(&world, "trust install document.json --enclave k", 0);
    world.key(people::ANN, "ann.pem");
    fs::write(world.path("site.yaml"), AT_ONCE).unwrap();
    world.run("policy draft site.yaml policy.json").done();
    world.run("policy sign policy.json --key ann.pem").done();
    fails_at_each_row(&world, "policy install policy.json --enclave k", 0);
    world.policy(AT_ONCE);
    fails_at_each_row(&world, "prune --enclave k", 0);
}

#[test]
fn a_root_that_could_not_be_noted_is_not_taken_for_pinned() {
    let world = World::new();
    fs::copy(world.path("en/trust/roots/1.dsse.json"), world.path("root.json")).unwrap();
    let shown = world.json("root show en/trust");
    let fingerprint = shown["fingerprint"].as_str().unwrap();
    fs::remove_dir_all(world.path("en/trust")).unwrap();
    fs::create_dir(world.path("en/trust")).unwrap();
    let own = people::key(people::STATION).public().to_pem();
    fs::write(world.path("en/keys/import.pub.pem"), own).unwrap();
    on_each_change(&world.path("en/state.db"), |_, _| {
        "SELECT RAISE(ABORT, 'no row more');".to_owned()
    });
    let ran = world.run(&format!("root pin root.json --folder en --fingerprint {fingerprint}"));
    assert!(
        ran.status == 3 && ran.stderr.contains("cannot write the ledger"),
        "{ran:?}"
    );
}
