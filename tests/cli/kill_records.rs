//! Kills at every kind of write of the commands that keep and give out records: afterwards there is the old state or the new one and nothing else, the
//! next run just works, and an audit finds nothing.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::kill::{can_trace, kill_at, points};
use crate::log::{copy, report, three_attempts};
use crate::people;
use crate::retention::pin_witness;
use crate::witness::witness_line;
use crate::world::{World, say};

/// How many moments of each command are tried; `SEALIFT_KILL_ALL=1` takes all.
const SAMPLE: usize = 15;

/// Kills a command at many points, each time in a fresh copy `k` of the enclave. `state` says what there is; `check` is run after each kill, and hears
/// whether the new state has been reached.
fn survive(world: &World, line: &str, state: &dyn Fn() -> Value, check: &dyn Fn(bool)) {
    let fresh = || {
        copy(world, "en", "k");
        for name in ["given", "given.tar"] {
            let _ = fs::remove_file(world.path(name));
        }
        let _ = fs::remove_dir_all(world.path("out"));
        fs::create_dir(world.path("out")).unwrap();
    };
    fresh();
    let old = state();
    let points = points(world, line, SAMPLE);
    let new = state();
    assert_ne!(old, new, "{line}");
    let mut killed = 0;
    for point in &points {
        fresh();
        killed += usize::from(kill_at(world, line, point));
        let found = state();
        assert!(found == old || found == new, "{line}, {point:?}: {found}");
        check(found == new);
        // The next run of anything brings the rest in line.
        world.run("gc --enclave k").done();
        assert_eq!(state(), found, "{line}, {point:?}");
        // What is left of a half-written file is told as that, until the command is run again.
        let audited = world.json("audit --enclave k");
        assert_eq!(audited["total"]["differences"], 0, "{point:?}: {audited}");
    }
    say(&format!("{line}: killed at {killed} of {} points", points.len()));
    assert!(killed * 2 > points.len(), "the points are not met any more");
}

fn imported() -> World {
    let world = World::new();
    world.medium(1, None);
    world.run("import --enclave en m1").done();
    world
}

#[test]
fn a_renewal_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = imported();
    let line = "reseal --enclave k";
    let renewals = || {
        let verified = world.json("report verify 1 --enclave k");
        json!(verified["renewals"].as_array().unwrap().len())
    };
    survive(&world, line, &renewals, &|is_new| {
        // And once more: each renewal follows the one before.
        copy(&world, "k", "again");
        world.run("reseal --enclave again").done();
        let verified = world.json("report verify 1 --enclave again");
        assert_eq!(verified["renewals"].as_array().unwrap().len(), 1 + usize::from(is_new));
        assert_eq!(world.json("audit --enclave again")["total"]["leftovers"], 0);
    });
}

#[test]
fn a_loss_that_is_borne_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    world.key(people::ANN, "ann.pem");
    fs::remove_file(world.path(&report(&world, 3))).unwrap();
    let line = "audit waive 3 --enclave k --reason burnt --key ann.pem";
    let state = || {
        let ran = world.run("report list --enclave k --json");
        match ran.status {
            0 => ran.json()["reports"][2]["outcome"].clone(),
            _ => ran.json()["refusals"][0]["code"].clone(),
        }
    };
    copy(&world, "en", "k");
    assert_eq!(state(), "state-rolled-back");
    let points = points(&world, line, SAMPLE);
    assert_eq!(state(), "lost");
    let mut killed = 0;
    for point in &points {
        copy(&world, "en", "k");
        killed += usize::from(kill_at(&world, line, point));
        let found = state();
        assert!(found == "lost" || found == "state-rolled-back", "{point:?}: {found}");
        // Said again it is taken, or it was already.
        let again = world.run(line);
        assert_eq!(
            again.status,
            if found == "lost" { 3 } else { 0 },
            "{point:?}: {again:?}"
        );
        assert_eq!(state(), "lost", "{point:?}");
        world.run("import --enclave k m3").done();
        let audited = world.json("audit --enclave k");
        assert_eq!(audited["total"]["leftovers"], 0, "{point:?}: {audited}");
    }
    say(&format!("{line}: killed at {killed} of {} points", points.len()));
    assert!(killed * 2 > points.len(), "the points are not met any more");
}

#[test]
fn a_release_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = imported();
    world.key(people::ANN, "ann.pem");
    world
        .run("hold add audit --everything --enclave en --reason test --key en/keys/import.pem")
        .done();
    let line = "hold release audit --enclave k --reason over --key ann.pem";
    let holds = || {
        let listed = world.json("hold list --enclave k");
        let holds = listed["holds"].as_array().unwrap();
        json!(holds.iter().filter(|hold| hold["released"].is_null()).count())
    };
    survive(&world, line, &holds, &|_| {});
}

#[test]
fn a_countersignature_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = World::standard();
    let manifest = world.medium(1, None);
    world.key(people::APPROVER, "eve.pem");
    let approve = format!("approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason asked-for");
    world.run(&approve).done();
    world.run("import --enclave en m1").done();
    let line = "report countersign 1 --accept --enclave k --reason read --key eve.pem";
    let said = || {
        let verified = world.json("report verify 1 --enclave k");
        json!(verified["countersigned"].as_array().unwrap().len())
    };
    survive(&world, line, &said, &|is_new| {
        // Said again it is taken, or it was already.
        copy(&world, "k", "again");
        let again = world.run(&line.replace("enclave k", "enclave again"));
        assert_eq!(again.status, if is_new { 3 } else { 0 }, "{again:?}");
        assert_eq!(world.json("audit --enclave again")["total"]["leftovers"], 0);
    });
}

#[test]
fn a_witnesss_line_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    let text = fs::read_to_string(world.path("en/log/checkpoint")).unwrap();
    let (pinned, line) = witness_line(&text, "witness.example.com", 70);
    pin_witness(&world, 1, &pinned, "log/plant-7");
    fs::write(world.path("signed"), format!("{text}{line}\n")).unwrap();
    let checkpoint = || json!(fs::read_to_string(world.path("k/log/checkpoint")).unwrap());
    survive(&world, "log witness add signed --enclave k", &checkpoint, &|_| {
        copy(&world, "k", "again");
        // Whatever opens the enclave next clears away a checkpoint that was not shown.
        world.run("gc --enclave again").done();
        assert_eq!(world.json("audit --enclave again")["total"]["leftovers"], 0);
        world.run("log witness add signed --enclave again").done();
        let found = fs::read_to_string(world.path("again/log/checkpoint")).unwrap();
        assert_eq!(found, format!("{text}{line}\n"));
        assert_eq!(world.json("audit --enclave again")["total"]["leftovers"], 0);
    });
}

/// The files in a folder but those that begin with a dot, with their contents.
fn shown(folder: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let shown = entries.filter(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    shown.map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn a_record_of_custody_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = imported();
    world.key(people::EXPORTER, "dora.pem");
    let line = "custody add m1 --trust en/trust --key dora.pem --event sealed --seal S-1 --out out";
    // A record is there whole, or it is not there; what was half written is no record.
    let records = || {
        let listed = world.json("custody show m1 out --trust en/trust");
        let records = listed["records"].as_array().unwrap();
        assert_eq!(records.len(), shown(&world.path("out")).len(), "{listed}");
        json!(records.len())
    };
    survive(&world, line, &records, &|is_new| {
        let line = "custody add m1 out --trust en/trust --key dora.pem --event received --seal S-1 --out out";
        world.run(line).done();
        assert_eq!(records(), json!(1 + usize::from(is_new)));
        let received = shown(&world.path("out"));
        assert_eq!(received.len(), 1 + usize::from(is_new));
        let names = fs::read_dir(world.path("out"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        for path in names.filter(|path| path.to_str().unwrap().contains("-received-")) {
            fs::remove_file(path).unwrap();
        }
    });
}

#[test]
fn a_capsule_and_a_receipt_survive_every_kill() {
    if !can_trace() {
        return;
    }
    let world = imported();
    let is_whole = |file: &'static str, verify: &'static str| {
        let (world, path) = (&world, world.path(file));
        move || {
            if !path.exists() {
                return json!("none");
            }
            world.run(verify).done();
            json!("whole")
        }
    };
    let line = "report capsule 1 --enclave k --out given.tar";
    let verify = "reverify given.tar --root en/trust/roots/1.dsse.json";
    survive(&world, line, &is_whole("given.tar", verify), &|is_new| {
        // Nothing that stands there is written over.
        let again = world.run(line);
        assert_eq!(again.status, if is_new { 3 } else { 0 }, "{again:?}");
        if !is_new {
            fs::remove_file(world.path("given.tar")).unwrap();
        }
    });
    let line = "receipt --enclave k --out given";
    let verify = "receipt verify given --trust en/trust";
    survive(&world, line, &is_whole("given", verify), &|is_new| {
        world.run(line).done();
        if !is_new {
            fs::remove_file(world.path("given")).unwrap();
        }
    });
}
