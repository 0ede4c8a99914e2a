//! Writes that fail beyond the first of their kind, in commands that are tried nowhere else, and where what is written fills more than one buffer.

use std::collections::BTreeSet;
use std::fs;

use sealift::model::Digest;
use sealift::trust::{Kind, Revocation, Revocations, Revoked};
use serde_json::{Value, json};

use crate::attempts::with_a_page;
use crate::custody::carried;
use crate::export::sending;
use crate::faults::Command;
use crate::kill::{can_trace, two_media};
use crate::log::three_attempts;
use crate::people;
use crate::raw_bundle::noise;
use crate::read_failures::Once;
use crate::retention::pin_witness;
use crate::world::{World, now};

/// The calls that write into a file.
const INTO: [&str; 1] = ["write"];

#[test]
fn what_takes_its_place_in_a_log_is_heard_where_it_cannot() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    for line in ["recheck --record --enclave k", "gc --enclave k --keep 1"] {
        Once::new("en", line, &["unlink"], &["k/log/"]).fails(&world);
    }
    let text = fs::read_to_string(world.path("en/log/checkpoint")).unwrap();
    let (pinned, line) = crate::witness::witness_line(&text, "witness.example.com", 70);
    fs::write(world.path("signed"), format!("{text}{line}\n")).unwrap();
    pin_witness(&world, 1, &pinned, "log/plant-7");
    Command {
        only: "k/log/",
        ..Command::new("en", "log witness add signed --enclave k")
    }
    .is_heard(&world, &mut BTreeSet::new());
}

#[test]
fn folders_are_synced_or_it_is_said() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    let line = "hold add audit --everything --enclave k --reason test --key en/keys/import.pem";
    Once::new("en", line, &["fsync"], &["k/statements>"]).fails(&world);
    // SQLite does not mind where it could not.
    Once {
        times: 20,
        told: Some(2),
        ..Once::new("en", "rebuild --enclave k", &["openat"], &["\"k\", O_RDONLY"])
    }
    .fails(&world);
    let line = "export --exporter k --select sealift.yaml --offline --volume-size 64KiB --threads 1 --out given";
    Once::new("ex", line, &["fsync"], &["<given>"]).fails(&sending());
}

/// An enclave, and two media with the same plain files, as many as fill the buffers.
fn many() -> World {
    let world = World::new();
    let medium = |sequence, previous| {
        let mut bundle = world.bundle(sequence, previous);
        bundle.files.extend((0..200).map(|number| {
            let name = hex::encode(noise(number, 60));
            (format!("file-{name}"), format!("number {number}\n").into_bytes())
        }));
        bundle.files.sort();
        world.write(&format!("m{sequence}"), &bundle, &World::edits(|_| {}))
    };
    let first = medium(1, None);
    medium(2, Some(first));
    world.run("import --enclave en m1").done();
    world
}

#[test]
fn what_fills_more_than_a_buffer_is_written_or_it_is_said() {
    if !can_trace() {
        return;
    }
    // What is held already no other thread writes.
    let world = many();
    let line = "import --enclave k m2 --threads 1";
    Once {
        times: 1,
        ..Once::new("en", line, &INTO, &["k/tree/", "k/reports/.aside"])
    }
    .fails(&world);
    Once::new("en", line, &INTO, &[".basis/.aside"]).fails(&world);
}

#[test]
fn what_lists_more_than_a_buffer_is_written_or_it_is_said() {
    if !can_trace() {
        return;
    }
    let world = many();
    Once::new("en", "receipt --enclave k --out given", &INTO, &["<.tmp"]).fails(&world);
    Once::new(
        "en",
        "report capsule 1 --enclave k --out given",
        &INTO,
        &["/index.ndjson>"],
    )
    .fails(&world);
    world.run("report capsule 1 --enclave en --out m.tar").done();
    let line = "reverify m.tar --root en/trust/roots/1.dsse.json";
    Once::new("en", line, &INTO, &["/index.ndjson>", "/work/examined.ndjson>"]).fails(&world);
    Once {
        times: 1,
        ..Once::new("en", line, &["mkdir"], &["/work/objects/*\"", "/trust/"])
    }
    .fails(&world);
}

/// As many packages as make one line of what contents say longer than what is compressed at a time.
fn needs() -> Value {
    let needs = (0..4000).map(|number| (hex::encode(noise(number, 20)), json!("1")));
    Value::Object(needs.collect())
}

#[test]
fn what_is_kept_of_an_attempt_is_written_or_it_is_said() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    world.key(people::EXPORTER, "dora.pem");
    // A manifest and records that are longer than a buffer.
    with_a_page(&world, &needs(), &[], |manifest| {
        let recipients = manifest["recipients"].as_array_mut().unwrap();
        recipients.extend((0..63_u32).map(|number| json!(Digest::of(&number.to_be_bytes()))));
        recipients.sort_by_key(Value::to_string);
    });
    for _ in 0..3 {
        carried(&world);
    }
    Once {
        times: 20,
        ..Once::new("en", "import --enclave k m1 --threads 1", &INTO, &[".basis/.aside"])
    }
    .fails(&world);
}

#[test]
fn what_is_kept_of_a_refused_bundle_is_written_or_it_is_said() {
    if !can_trace() {
        return;
    }
    // It brings the revocation of the key that sealed it.
    let world = World::new();
    let mut revocations = Revocations::empty(1, now());
    revocations.revoked.push(Revocation {
        invalid_since: None,
        reason: "it was stolen".to_owned(),
        what: Revoked::Key(people::id(people::EXPORTER).to_string()),
    });
    let sealed = people::sealed(Kind::Revocations, &revocations.write().unwrap(), &[people::ANN]).write();
    let digest = Digest::of(&sealed);
    with_a_page(&world, &needs(), &[sealed], move |manifest| {
        manifest["side_data"] = json!({ "revocations": digest })
    });
    let line = "import --enclave k m1 --threads 1";
    Once {
        status: 1,
        times: 20,
        ..Once::new("en", line, &INTO, &[".basis/.aside", "k/staging/*/index.ndjson>"])
    }
    .fails(&world);
    Once {
        status: 1,
        ..Once::new(
            "en",
            line,
            &["read", "openat"],
            &["staging/*/catalog.ndjson.zst", "staging/*/examined.ndjson"],
        )
    }
    .fails(&world);
}

#[test]
fn a_report_that_an_import_did_not_come_to_show_is_shown_or_it_is_said() {
    if !can_trace() {
        return;
    }
    let world = two_media();
    world.run("import --enclave en m1").done();
    let shown = "000001-main-1.report.ndjson";
    let reports = world.path("en/reports");
    fs::rename(reports.join(shown), reports.join(format!(".pending-{shown}"))).unwrap();
    Once::new(
        "en",
        "import --enclave k m2 --threads 1",
        &["rename"],
        &["k/reports/.pending"],
    )
    .fails(&world);
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    Once {
        status: 1,
        ..Once::new(
            "en",
            "import --enclave k other.tar",
            &["mkdir", "openat"],
            &["mkdir(\"k/reports\"", "k/log/.adding"],
        )
    }
    .fails(&world);
}

#[test]
fn a_file_system_that_cannot_rename_in_one_step_does_so_in_two() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    world.medium(1, None);
    Once {
        also: &["inject=renameat2:error=EINVAL"],
        told: Some(1),
        words: "cannot store",
        ..Once::new(
            "en",
            "import --enclave k m1 --threads 1",
            &["rename", "renameat2"],
            &["rename(\"k/staging/*/objects"],
        )
    }
    .fails(&world);
}
