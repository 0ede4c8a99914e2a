//! What is written once, to begin with or to hand on: folders and keys, pins, documents that stand, receipts, what clients read, what travelled. Whichever
//! write fails, the command says so.

use std::collections::BTreeSet;
use std::fs;

use sealift::crypto::key::Signer as _;

use crate::export::sending;
use crate::faults::Command;
use crate::kill::{can_trace, strace};
use crate::people;
use crate::trust_data::sealed_data;
use crate::world::{PLAIN_POLICY, Ran, World};

#[test]
fn what_begins_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    fs::create_dir(world.path("empty")).unwrap();
    let exporter = people::key(people::EXPORTER);
    fs::write(world.path("dora.pub.pem"), exporter.public().to_pem()).unwrap();
    for line in [
        "key new k/own.pem",
        "init exporter k",
        "init enclave k --name plant-7 --profile evaluation --exporter dora=dora.pub.pem",
    ] {
        Command::new("empty", line).is_heard(&world, &mut BTreeSet::new());
    }
    fs::copy(world.path("en/trust/roots/1.dsse.json"), world.path("root.json")).unwrap();
    let fingerprint = world.json("root show en/trust")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    world.run("init exporter ex").done();
    let line = format!("root pin root.json --folder k --fingerprint {fingerprint}");
    Command::new("ex", &line).is_heard(&world, &mut BTreeSet::new());
}

#[test]
fn what_lets_a_document_stand_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (World::standard(), BTreeSet::new());
    let data = sealed_data(1, &["one"], &[people::ANN, people::BOB]);
    fs::write(world.path("document.json"), data).unwrap();
    Command::new("en", "trust install document.json --enclave k").fails(&world, &mut known);
    world.key(people::ANN, "ann.pem");
    world.key(people::BOB, "bob.pem");
    fs::write(
        world.path("site.yaml"),
        PLAIN_POLICY.replace("version: 1", "version: 2"),
    )
    .unwrap();
    world.run("policy draft site.yaml policy.json").done();
    for person in ["ann", "bob"] {
        world.run(&format!("policy sign policy.json --key {person}.pem")).done();
    }
    Command::new("en", "policy install policy.json --enclave k").fails(&world, &mut known);
}

#[test]
fn what_is_handed_out_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    let line = "custody add k --trust en/trust --key en/keys/import.pem --event inspected";
    Command::new("m1", line).is_heard(&world, &mut BTreeSet::new());
    for line in [
        "receipt --enclave k --out given",
        "client-config --enclave k --write out",
        "report show 1 --enclave k --out given",
    ] {
        Command::new("en", line).is_heard(&world, &mut BTreeSet::new());
    }
}

#[test]
fn what_two_persons_sign_waits_for_the_second_or_is_said_not_to() {
    if !can_trace() {
        return;
    }
    let world = World::standard();
    for (number, file) in [
        (people::ANN, "ann.pem"),
        (people::BOB, "bob.pem"),
        (people::EXPORTER, "dora.pem"),
    ] {
        world.key(number, file);
    }
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world
        .run("hold add h --everything --enclave en --reason r --key dora.pem")
        .done();
    let first = "hold release h --reason over --key ann.pem --enclave";
    Command {
        only: "k/open",
        ..Command::new("en", &format!("{first} k"))
    }
    .is_heard(&world, &mut BTreeSet::new());
    world.run(&format!("{first} en")).done();
    Command {
        only: "k/open",
        ..Command::new("en", "hold release h --key bob.pem --enclave k")
    }
    .is_heard(&world, &mut BTreeSet::new());
}

#[test]
fn without_random_bytes_there_is_no_key() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    let traced = |file: &str, more: &[String]| {
        let mut options = ["-o".to_owned(), world.path("trace").display().to_string()].to_vec();
        options.extend(["-e".to_owned(), "trace=getrandom".to_owned()]);
        options.extend(more.iter().cloned());
        let ran = Ran::of(strace(&world, &options, &format!("key new {file}")));
        (ran, fs::read_to_string(world.path("trace")).unwrap())
    };
    let (ran, trace) = traced("good.pem", &[]);
    assert_eq!(ran.status, 0, "{ran:?}");
    // The seed has 32 bytes.
    let seed = trace.lines().position(|call| call.contains(", 32, ")).unwrap() + 1;
    let rule = format!("inject=getrandom:error=EIO:when={seed}+");
    let (ran, _) = traced("bad.pem", &["-e".to_owned(), rule]);
    assert!(ran.status == 3 && ran.stderr.contains("random"), "{ran:?}");
    assert!(!world.path("bad.pem").exists());
}

#[test]
fn what_is_acknowledged_is_written_down_or_not() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (sending(), BTreeSet::new());
    let export = "export --exporter ex --select sealift.yaml --offline --out";
    let manifests = ["m1", "m2"].map(|medium| {
        let exported = world.json(&format!("{export} {medium}"));
        exported["bundle"]["manifest"].as_str().unwrap().to_owned()
    });
    let line = |exporter: &str, number: usize| {
        let manifest = &manifests[number - 1];
        format!("acknowledge {number} --exporter {exporter} --manifest {manifest}")
    };
    world.run(&line("ex", 1)).done();
    Command::new("ex", &line("k", 2)).fails(&world, &mut known);
}
