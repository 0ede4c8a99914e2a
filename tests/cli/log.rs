//! The enclave's log: what every attempt leaves in it, and who finds that it, the reports or state.db were touched.

use std::fs;
use std::path::Path;
use std::process::Command;

use sealift::crypto::dsse::Envelope;
use sealift::crypto::file_key::FileKey;
use sealift::crypto::key::Signer as _;
use sealift::crypto::merkle::Head;
use sealift::crypto::strict_json;
use sealift::log::Checkpoint;
use sealift::model::Digest;
use sealift::trust::Kind;
use serde_json::{Value, json};

use crate::people;
use crate::witness::witness_line;
use crate::world::{World, by_python};

/// An enclave into which two bundles came, and between them something that was refused.
pub(crate) fn three_attempts() -> World {
    let world = World::new();
    let first = world.medium(1, None);
    let second = world.medium(2, Some(first));
    world.medium(3, Some(second));
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    world.run("import --enclave en m1").done();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world.run("import --enclave en m2").done();
    world
}

pub(crate) fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.path(to));
    let _ = fs::remove_file(world.path(to));
    let copied = Command::new("cp")
        .arg("-a")
        .arg(world.path(from))
        .arg(world.path(to))
        .status()
        .unwrap();
    assert!(copied.success());
}

/// The files of state.db, as somebody would put them back.
pub(crate) fn keep_state(world: &World, to: &str) {
    fs::create_dir_all(world.path(to)).unwrap();
    copy(world, "en/state.db", &format!("{to}/state.db"));
}

pub(crate) fn put_state_back(world: &World, from: &str) {
    for name in ["state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(world.path("en").join(name));
    }
    copy(world, &format!("{from}/state.db"), "en/state.db");
}

pub(crate) fn report(world: &World, number: u64) -> String {
    let start = format!("{number:06}-");
    let mut names = fs::read_dir(world.path("en/reports")).unwrap();
    let name = names
        .find_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            (name.starts_with(&start) && name.ends_with(".report.ndjson")).then_some(name)
        })
        .unwrap();
    format!("en/reports/{name}")
}

#[test]
fn every_attempt_leaves_leaves_and_proves_them() {
    let world = three_attempts();
    let mut next = 0;
    for number in 1..=3 {
        let verified = world.json(&format!("report verify {number} --enclave en"));
        let log = &verified["log"];
        assert_eq!(log["first"], next, "{verified}");
        next += verified["artifacts"].as_u64().unwrap() + 1;
        assert_eq!(log["size"], next);
        assert_eq!(log["signers"], json!(["station-plant-7"]));
        let text = world.run(&format!("report show {number} --enclave en")).done().stdout;
        assert!(text.contains(" of sealift/plant-7/"), "{text}");
        let path = report(&world, number);
        if let Some((status, text)) = by_python(&world, &["--report", &path, "--log", "en/log"]) {
            assert_eq!(status, 0, "{text}");
            assert!(text.contains("are those of its records"), "{text}");
        }
    }
    assert_eq!(world.json("report verify 1 --enclave en")["log"]["before"], Value::Null);
    assert!(
        world.json("report verify 3 --enclave en")["log"]["before"]
            .as_u64()
            .unwrap()
            > 1
    );
    let checkpoint = fs::read_to_string(world.path("en/log/checkpoint")).unwrap();
    assert_eq!(checkpoint.lines().nth(1).unwrap(), next.to_string());
    // The very same again leaves nothing.
    world.run("import --enclave en m2").done();
    assert_eq!(fs::read_to_string(world.path("en/log/checkpoint")).unwrap(), checkpoint);
}

#[test]
fn a_rollback_and_a_sweep_leave_a_leaf_that_the_next_report_proves() {
    let world = three_attempts();
    let size = |number: u64, what: &str| {
        world.json(&format!("report verify {number} --enclave en"))["log"][what]
            .as_u64()
            .unwrap()
    };
    let before = size(3, "size");
    world.run("rollback --enclave en --to 1 --reason test").done();
    world.run("gc --enclave en --keep 1").done();
    world.run("import --enclave en m3").done();
    assert_eq!(size(4, "before"), before);
    assert_eq!(size(4, "first"), before + 2);
    if let Some((status, text)) = by_python(&world, &["--report", &report(&world, 4), "--log", "en/log"]) {
        assert_eq!(status, 0, "{text}");
    }
}

#[test]
fn the_last_report_is_missed() {
    for number in [2, 3] {
        let world = World::new();
        let first = world.medium(1, None);
        world.medium(2, Some(first));
        fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
        world.run("import --enclave en m1").done();
        assert_eq!(world.run("import --enclave en other.tar").status, 1);
        if number == 3 {
            world.run("import --enclave en m2").done();
        }
        let path = world.path(&report(&world, number));
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        world.refused("report list --enclave en", "state-rolled-back");
        world.refused("import --enclave en m2", "state-rolled-back");
        fs::write(&path, bytes).unwrap();
        world.run("report list --enclave en").done();
        world.run("import --enclave en m2").done();
    }
}

#[test]
fn an_old_state_is_found() {
    let world = three_attempts();
    keep_state(&world, "old");
    // A refusal changes nothing but log and reports.
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    put_state_back(&world, "old");
    let text = world.refused("import --enclave en m3", "state-rolled-back");
    assert!(text.contains("state.db"), "{text}");
    world.refused("report list --enclave en", "state-rolled-back");
    let text = world.run("rollback --enclave en --to 1 --reason test");
    assert_eq!(text.status, 1, "{text:?}");
    assert!(text.stderr.contains("[state-rolled-back]"), "{text:?}");
}

#[test]
fn an_old_or_a_cut_log_is_found() {
    let world = three_attempts();
    copy(&world, "en/log", "old");
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    copy(&world, "en/log", "good");
    copy(&world, "old", "en/log");
    world.refused("import --enclave en m3", "log-inconsistent");
    fs::remove_dir_all(world.path("en/log")).unwrap();
    world.refused("import --enclave en m3", "log-inconsistent");
    copy(&world, "good", "en/log");
    let mut edge: Vec<_> = fs::read_dir(world.path("en/log/tile/0/000.p"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    edge.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.parse::<u64>().unwrap()
    });
    fs::remove_file(edge.pop().unwrap()).unwrap();
    world.refused("import --enclave en m3", "log-inconsistent");
    // Also by what would add nothing to it.
    world.refused("gc --enclave en --keep 9", "log-inconsistent");
    copy(&world, "good", "en/log");
    // Only the checkpoint: state.db has it too.
    fs::remove_file(world.path("en/log/checkpoint")).unwrap();
    world.run("import --enclave en m3").done();
}

/// A report in its two parts.
fn parts(path: &Path) -> (Value, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    let envelope = Envelope::read(&bytes[..end]).unwrap();
    (
        serde_json::from_slice(&envelope.payload).unwrap(),
        bytes[end + 1..].to_vec(),
    )
}

/// A checkpoint with another tree, signed by a key.
fn checkpoint(text: &Value, key: &FileKey, edit: impl Fn(&mut Head)) -> Value {
    let read = Checkpoint::read(text.as_str().unwrap()).unwrap();
    let mut head = read.head;
    edit(&mut head);
    json!(Checkpoint::make(&read.origin, head, Some(key)).unwrap().text())
}

#[test]
fn a_report_whose_proofs_do_not_hold_is_refused() {
    let world = three_attempts();
    let (head, records) = parts(&world.path(&report(&world, 3)));
    let station = people::key(people::STATION);
    let refused = |what: &str, code: &str, edit: &dyn Fn(&mut Value)| {
        let mut head = head.clone();
        edit(&mut head);
        // Whoever has the report's key signs what he likes.
        let sealed = people::sealed(Kind::Report, &strict_json::write(&head), &[people::STATION]);
        fs::write(world.path(what), [&sealed.write()[..], b"\n", &records].concat()).unwrap();
        world.refused(&format!("report verify {what} --enclave en"), code);
        if let Some((status, text)) = by_python(&world, &["--report", what]) {
            assert_eq!(status, 1, "{what}: {text}");
            assert!(text.contains(&format!("[{code}]")), "{what}: {text}");
        }
    };
    let other = json!(Digest::of(b"other"));
    let wrong = "log-inconsistent";
    refused("outcome", wrong, &|head| {
        head["created"] = json!("2026-01-01T00:00:00Z");
        // It would say until when the report is kept from another time on.
        head.as_object_mut().unwrap().remove("retention");
    });
    refused("number", wrong, &|head| head["number"] = json!(4));
    refused("previous", wrong, &|head| head["previous"]["digest"] = other.clone());
    refused("codes", wrong, &|head| {
        head["refusals"] =
            json!([{ "code": "rollback", "expected": null, "found": null, "hint": null, "reason": "", "subject": "" }]);
    });
    refused("subtrees", wrong, &|head| head["log"]["subtrees"][0] = other.clone());
    refused("fewer", wrong, &|head| head["log"]["subtrees"] = json!([]));
    refused("more", wrong, &|head| {
        head["log"]["subtrees"] = json!(vec![other.clone(); 65]);
    });
    refused("consistency", wrong, &|head| {
        head["log"]["consistency"][0] = other.clone()
    });
    refused("no-proof", wrong, &|head| head["log"]["consistency"] = json!([]));
    refused("no-before", wrong, &|head| head["log"]["before"] = Value::Null);
    refused("first", wrong, &|head| {
        let first = head["log"]["first"].as_u64().unwrap();
        head["log"]["first"] = json!(first - 1);
    });
    refused("origin", wrong, &|head| {
        head["log"]["origin"] = json!(head["log"]["origin"].as_str().unwrap().replace("plant-7", "plant-8"));
    });
    refused("other-log", wrong, &|head| {
        let text = head["log"]["after"].as_str().unwrap().replace("plant-7", "plant-8");
        let read = Checkpoint::read(&text).unwrap();
        let made = Checkpoint::make(&read.origin, read.head, Some(&station)).unwrap();
        head["log"]["after"] = json!(made.text());
    });
    refused("not-one", wrong, &|head| head["log"]["after"] = json!("a\nb\n"));
    refused("later-before", wrong, &|head| {
        head["log"]["before"] = checkpoint(&head["log"]["after"], &station, |_| {});
        head["log"]["consistency"] = json!([]);
    });
    refused("forked-after", wrong, &|head| {
        head["log"]["after"] = checkpoint(&head["log"]["after"], &station, |head| head.root = Digest::of(b"fork"));
    });
    refused("larger", wrong, &|head| {
        head["log"]["after"] = checkpoint(&head["log"]["after"], &station, |head| head.size += 1);
    });
    refused("forked-before", wrong, &|head| {
        head["log"]["before"] = checkpoint(&head["log"]["before"], &station, |head| head.root = Digest::of(b"fork"));
    });
    let stranger = people::key(people::EXPORTER);
    for field in ["before", "after"] {
        refused(field, "key-not-in-role", &|head| {
            head["log"][field] = checkpoint(&head["log"][field], &stranger, |_| {});
        });
    }
    refused("unsigned", "key-not-in-role", &|head| {
        let text = head["log"]["after"].as_str().unwrap();
        head["log"]["after"] = json!(format!("{}\n", text.split("\n\n").next().unwrap()));
    });
    // What was made here is what stands there.
    assert_eq!(
        checkpoint(&head["log"]["after"], &station, |_| {}),
        head["log"]["after"]
    );
    assert_eq!(station.public().id(), people::id(people::STATION));
}

#[test]
fn another_key_than_the_reports_signs_the_log_where_the_root_says_so() {
    let mut root = people::root_without_approval();
    let role = root.roles.get_mut(&sealift::trust::Role::Log).unwrap();
    role.keys.clear();
    people::give(&mut root, sealift::trust::Role::Log, "officer", 77);
    let world = World::of(root);
    world.medium(1, None);
    world.key(77, "log.pem");
    let text = world.refused("import --enclave en m1", "key-not-in-role");
    assert!(text.contains("--log-key"), "{text}");
    world.run("import --enclave en m1 --log-key log.pem").done();
    assert_eq!(
        world.json("report verify 1 --enclave en")["log"]["signers"],
        json!(["officer"])
    );
}

#[test]
fn witnesses_are_shown_and_verified_where_they_are_pinned() {
    let world = three_attempts();
    let path = world.path("en/log/checkpoint");
    let text = fs::read_to_string(&path).unwrap();
    let (pinned, line) = witness_line(&text, "witness.example.com", 78);
    fs::write(&path, format!("{text}{line}\n")).unwrap();
    world.run("import --enclave en m3").done();
    let witnesses = |more: &str| world.json(&format!("report verify 4 --enclave en{more}"))["log"]["witnesses"].clone();
    let called = pinned.splitn(3, '+').take(2).collect::<Vec<_>>().join("+");
    assert_eq!(
        witnesses(""),
        json!([{ "name": called, "pinned": false, "time": null }])
    );
    assert_eq!(
        witnesses(&format!(" --witness {pinned}")),
        json!([{ "name": called, "pinned": true, "time": "2027-01-15T08:00:00Z" }])
    );
    let text = world
        .run(&format!("report verify 4 --enclave en --witness {pinned}"))
        .done();
    assert!(text.stdout.contains("witness.example.com"), "{}", text.stdout);
    if let Some((status, text)) = by_python(&world, &["--report", &report(&world, 4), "--log", "en/log"]) {
        assert_eq!(status, 0, "{text}");
    }
    assert_eq!(world.run("report verify 4 --enclave en --witness nonsense").status, 2);
}
