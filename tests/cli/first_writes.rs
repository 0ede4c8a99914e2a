//! What is written once, to begin with or to hand on: folders and keys, pins, documents that stand, receipts, what clients read, what travelled. Whichever
//! write fails, the command says so.

use std::collections::BTreeSet;
use std::fs;

use sealift::crypto::key::Signer as _;

use crate::export::sending;
use crate::faults::Command;
use crate::kill::can_trace;
use crate::people;
use crate::trust_data::sealed_data;
use crate::world::{PLAIN_POLICY, World};

#[test]
fn what_begins_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (World::new(), BTreeSet::new());
    fs::create_dir(world.path("empty")).unwrap();
    let exporter = people::key(people::EXPORTER);
    fs::write(world.path("dora.pub.pem"), exporter.public().to_pem()).unwrap();
    for line in [
        "key new k/own.pem",
        "init exporter k",
        "init enclave k --name plant-7 --profile evaluation --exporter dora=dora.pub.pem",
    ] {
        Command::new("empty", line).is_heard(&world, &mut known);
    }
    fs::copy(world.path("en/trust/roots/1.dsse.json"), world.path("root.json")).unwrap();
    let fingerprint = world.json("root show en/trust")["fingerprint"]
        .as_str()
        .unwrap()
        .to_owned();
    world.run("init exporter ex").done();
    let line = format!("root pin root.json --folder k --fingerprint {fingerprint}");
    Command::new("ex", &line).is_heard(&world, &mut known);
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
    let (world, mut known) = (World::new(), BTreeSet::new());
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    for line in [
        "receipt --enclave k --out given",
        "client-config --enclave k --write out",
        "report show 1 --enclave k --out given",
    ] {
        Command::new("en", line).is_heard(&world, &mut known);
    }
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
