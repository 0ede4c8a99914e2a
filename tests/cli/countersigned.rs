//! What a person who had no part in an import says of its report: taken from whom the root lets, about the very report, shown wherever a report is, and
//! never lost.

use std::fs;

use sealift::crypto::strict_json;
use sealift::enclave::{Enclave, Statement};
use sealift::trust::{Kind, Profile, Revoked, Role};
use serde_json::{Value, json};

use crate::judged;
use crate::log::copy;
use crate::people;
use crate::world::{World, by_python, now};

const EVE: &str = "--enclave en --key eve.pem --reason read";

/// An enclave with an import that eve approved, and a refusal; dora, eve, fay and ann have their keys there.
fn world() -> World {
    let world = World::standard();
    let manifest = world.medium(1, None);
    for (number, file) in [
        (people::EXPORTER, "dora.pem"),
        (people::APPROVER, "eve.pem"),
        (people::SECOND_APPROVER, "fay.pem"),
        (people::ANN, "ann.pem"),
    ] {
        world.key(number, file);
    }
    let approve = format!("approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason asked-for");
    world.run(&approve).done();
    world.run("import --enclave en m1").done();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(world.run("import --enclave en other.tar").status, 1);
    world
}

fn digest(world: &World, number: u64) -> String {
    let verified = world.json(&format!("report verify {number} --enclave en"));
    verified["digest"].as_str().unwrap().to_owned()
}

fn said(world: &World, number: u64) -> Vec<Value> {
    let verified = world.json(&format!("report verify {number} --enclave en"));
    verified["countersigned"].as_array().unwrap().clone()
}

#[test]
fn what_persons_said_is_shown_wherever_the_report_is() {
    let world = world();
    let one = digest(&world, 1);
    let taken = world.json(&format!(
        "report countersign 1 --accept --digest {one} --ticket CHG-2 {EVE}"
    ));
    assert_eq!(taken["schema"], "sealift-report-countersign/1");
    assert_eq!(
        (
            &taken["number"],
            &taken["report"],
            &taken["said"],
            &taken["statement"],
            &taken["persons"]
        ),
        (&json!(1), &json!(one), &json!("accepted"), &json!(1), &json!(["eve"]))
    );
    let line = "report countersign 1 --object --enclave en --key fay.pem --reason too-old";
    let text = world.run(line).done();
    assert_eq!(text.stdout, "report 1 is objected by fay, by statement 2\n");
    assert!(text.stderr.contains(&one), "{}", text.stderr);

    let all = said(&world, 1);
    let words = |one: &Value| {
        (
            one["said"].clone(),
            one["persons"].clone(),
            one["counts"].clone(),
            one["ticket"].clone(),
        )
    };
    assert_eq!(
        words(&all[0]),
        (json!("accepted"), json!(["eve"]), json!(true), json!("CHG-2"))
    );
    assert_eq!(
        words(&all[1]),
        (json!("objected"), json!(["fay"]), json!(true), json!(null))
    );
    assert_eq!(all.len(), 2);
    assert!(said(&world, 2).is_empty());
    let shown = world.run("report verify 1 --enclave en").done().stdout;
    assert!(shown.contains("accepted by eve"), "{shown}");
    assert!(shown.contains("who approved the bundle too"), "{shown}");
    assert!(shown.contains("by statement 2: too-old"), "{shown}");
    let by_fay = shown.lines().find(|line| line.contains("by fay")).unwrap();
    assert!(!by_fay.contains("approved the bundle"), "{shown}");

    // A rendering is of the report alone: what was said of it stands beside it.
    for format in ["text", "html", "csv"] {
        let ran = world
            .run(&format!("report show 1 --enclave en --format {format}"))
            .done();
        let without = world.run(&format!(
            "report show {} --trust en/trust --format {format}",
            crate::log::report(&world, 1)
        ));
        assert_eq!(ran.stdout, without.done().stdout, "{format}");
        assert!(ran.stderr.contains("objected by fay"), "{format}: {}", ran.stderr);
    }
    let list = world.run("report list --enclave en").done().stdout;
    assert!(
        list.lines()
            .next()
            .unwrap()
            .ends_with("accepted by eve; objected by fay"),
        "{list}"
    );

    let answer = world.json("ask approved 1 --enclave en");
    let rows: Vec<(&Value, &Value, &Value)> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["role"], &row["person"], &row["said"]))
        .collect();
    assert_eq!(
        rows,
        [
            (&json!("export"), &json!("dora"), &json!(null)),
            (&json!("approve"), &json!("eve"), &json!(null)),
            (&json!("countersign"), &json!("eve"), &json!("accepted")),
            (&json!("countersign"), &json!("fay"), &json!("objected")),
        ]
    );

    // A refusal is read and countersigned as well, by the newest word of the same person too.
    world.run(&format!("report countersign 2 --object {EVE}")).done();
    world.run(&format!("report countersign 2 --accept {EVE}")).done();
    let words: Vec<Value> = said(&world, 2).iter().map(|one| one["said"].clone()).collect();
    assert_eq!(words, ["objected", "accepted"]);
    assert_eq!(world.json("audit --enclave en")["total"]["differences"], 0);
    if let Some((status, text)) = by_python(&world, &["--enclave", "en"]) {
        assert_eq!(status, 0, "{text}");
        assert!(
            text.contains("statement 2: countersignature of report 1, objected: too-old, signed by fay"),
            "{text}"
        );
    }
}

#[test]
fn nobody_signs_for_their_own_work_or_without_the_role() {
    let world = world();
    let line = |key: &str| format!("report countersign 1 --accept --enclave en --reason r --key {key}");
    for key in ["dora.pem", "ann.pem", "en/keys/import.pem"] {
        let told = world.refused(&line(key), "key-not-in-role");
        assert!(told.contains("the role approve"), "{told}");
    }
    // A root in which the station's key, and another one of dora's, may approve.
    let mut root = people::root();
    people::give(&mut root, Role::Approve, "station-plant-7", people::STATION);
    root.profile = Profile::Evaluation;
    people::set_threshold(&mut root, Role::Policy, 1);
    people::give(&mut root, Role::Approve, "dora", 40);
    let world = World::of(root);
    world.policy(crate::world::PLAIN_POLICY);
    let manifest = world.medium(1, None);
    world.key(people::APPROVER, "eve.pem");
    world.key(40, "dora.pem");
    let approve = format!("approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason asked-for");
    world.run(&approve).done();
    world.run("import --enclave en m1").done();
    for (key, part) in [
        ("dora.pem", "dora exported the bundle"),
        ("en/keys/import.pem", "station-plant-7 signed the report"),
    ] {
        let told = world.refused(&line(key), "roles-not-separate");
        assert!(told.contains(part), "{told}");
    }
    assert!(said(&world, 1).is_empty());
    world.run(&line("eve.pem")).done();
    world.run("audit --enclave en").done();
    // Another program has let the key of the report countersign it: whoever looks finds that.
    let body = json!({
        "created": now(), "critical": [], "enclave": people::id(people::STATION), "format": 1, "reason": "mine", "said": "accepted",
        "report": { "digest": digest(&world, 1), "number": 1 },
    });
    let envelope = people::sealed(Kind::Countersignature, &strict_json::write(&body), &[people::STATION]);
    let enclave = Enclave::open(&world.path("en"), "a test").unwrap();
    let statement = Statement {
        what: "countersignature",
        envelope: &envelope,
        pruned: &[],
        list: None,
    };
    enclave.state(&statement, now()).unwrap();
    drop(enclave);
    for line in [
        "report verify 1",
        "report list",
        "report show 1 --format vsa",
        "ask approved",
        "rebuild",
    ] {
        if line == "rebuild" {
            fs::remove_file(world.path("en/state.db")).unwrap();
        }
        let ran = world.run(&format!("{line} --enclave en"));
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{line}");
        assert!(ran.stderr.contains("[roles-not-separate]"), "{line}: {}", ran.stderr);
        if line == "ask approved" {
            let audited = world.run("audit --enclave en --json").json();
            let found = &audited["differences"][0];
            assert_eq!(
                (&found["part"], &found["code"]),
                (&json!("statements"), &json!("roles-not-separate")),
                "{audited}"
            );
        }
    }
}

#[test]
fn it_is_about_the_very_report_that_was_read() {
    let world = world();
    let two = digest(&world, 2);
    // What was read is another report than the one of this number.
    world.refused(
        &format!("report countersign 1 --accept --digest {two} {EVE}"),
        "digest-mismatch",
    );
    // The copy that was read counts for its own number, if it is the enclave's.
    fs::copy(world.path(&crate::log::report(&world, 1)), world.path("copy.ndjson")).unwrap();
    world
        .run(&format!("report countersign copy.ndjson --accept {EVE}"))
        .done();
    assert_eq!(said(&world, 1).len(), 1);
    // A report of another enclave that has the same key and number is not.
    let other = World::standard();
    fs::write(other.path("other.tar"), vec![0; 4096]).unwrap();
    assert_eq!(other.run("import --enclave en other.tar").status, 1);
    fs::copy(other.path(&crate::log::report(&other, 1)), world.path("forged.ndjson")).unwrap();
    world.refused(
        &format!("report countersign forged.ndjson --accept {EVE}"),
        "digest-mismatch",
    );
    // One that somebody touched is no report.
    let mut bytes = fs::read(world.path("copy.ndjson")).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(world.path("copy.ndjson"), bytes).unwrap();
    assert_eq!(
        world
            .run(&format!("report countersign copy.ndjson --accept {EVE}"))
            .status,
        1
    );
    assert!(
        world
            .unable(&format!("report countersign 3 --accept {EVE}"))
            .contains("there is no report 3")
    );
    // The same word twice is no news.
    let told = world.unable(&format!("report countersign 1 --accept {EVE}"));
    assert!(
        told.contains("eve has accepted report 1 already, by statement 1"),
        "{told}"
    );
    for wrong in ["", "--accept --object"] {
        assert_eq!(world.run(&format!("report countersign 1 {wrong} {EVE}")).status, 2);
    }
    world.refused(
        "report countersign 2 --accept --enclave en --key eve.pem --reason \u{7}",
        "json-not-strict",
    );
}

#[test]
fn a_capsule_carries_what_was_said_and_shows_it() {
    let world = world();
    let root = "--root en/trust/roots/1.dsse.json";
    world.run("report capsule 1 --enclave en --out before.tar").done();
    world.run(&format!("report countersign 1 --accept {EVE}")).done();
    world
        .run("report countersign 1 --object --enclave en --key fay.pem --reason too-old")
        .done();
    world.run(&format!("report countersign 2 --accept {EVE}")).done();
    world.run("report capsule 1 --enclave en --out a.tar").done();
    let judged = world.json(&format!("reverify a.tar {root}"));
    let said = judged["total"]["countersigned"].as_array().unwrap();
    let words: Vec<_> = said
        .iter()
        .map(|one| (&one["statement"], &one["said"], &one["persons"]))
        .collect();
    assert_eq!(
        words,
        [
            (&json!(1), &json!("accepted"), &json!(["eve"])),
            (&json!(2), &json!("objected"), &json!(["fay"]))
        ]
    );
    assert_eq!(judged["total"]["differences"], 0);
    let text = world.run(&format!("reverify a.tar {root}")).done().stdout;
    assert!(text.contains("objected by fay"), "{text}");
    let before = world.json(&format!("reverify before.tar {root}"));
    assert_eq!(before["total"]["countersigned"], json!([]));
    if let Some((status, text)) = by_python(&world, &["--capsule", "a.tar"]) {
        assert_eq!(status, 0, "{text}");
        assert!(text.contains("objected by fay: too-old"), "{text}");
    }
    // One by a key that is revoked is not carried any more.
    judged::revoke(&world, 1, vec![Revoked::Key(people::id(people::APPROVER).to_string())]);
    world.run("report capsule 1 --enclave en --out later.tar").done();
    let later = world.json(&format!("reverify later.tar {root}"));
    assert_eq!(later["total"]["countersigned"][0]["persons"], json!(["fay"]));
}

#[test]
fn whose_key_is_revoked_signs_nothing_and_what_they_signed_counts_no_more() {
    let world = world();
    world.run(&format!("report countersign 1 --accept {EVE}")).done();
    let key = people::id(people::APPROVER).to_string();
    judged::revoke(&world, 1, vec![Revoked::Key(key)]);
    let all = said(&world, 1);
    assert_eq!(
        (&all[0]["said"], &all[0]["counts"]),
        (&json!("accepted"), &json!(false))
    );
    let shown = world.run("report verify 1 --enclave en").done().stdout;
    assert!(shown.contains("does not count any more"), "{shown}");
    assert!(!world.run("report list --enclave en").done().stdout.contains("accepted"));
    let rows = world.json("ask approved 1 --enclave en")["rows"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    world.refused(&format!("report countersign 1 --object {EVE}"), "key-revoked");
    assert_eq!(said(&world, 1).len(), 1);
}

#[test]
fn a_report_that_was_countersigned_cannot_be_exchanged() {
    let world = world();
    world.run(&format!("report countersign 2 --accept {EVE}")).done();
    let report = crate::log::report(&world, 2);
    let good = fs::read(world.path(&report)).unwrap();
    // The enclave as it was before the refusal, refuses another bundle: the report is as well signed, and another one.
    let other = World::standard();
    other.medium(1, None);
    fs::write(other.path("other.tar"), vec![1; 4096]).unwrap();
    assert_eq!(other.run("import --enclave en m1").status, 1);
    assert_eq!(other.run("import --enclave en other.tar").status, 1);
    fs::copy(other.path(&crate::log::report(&other, 2)), world.path(&report)).unwrap();
    let ran = world.run("report verify 2 --enclave en");
    assert_eq!(ran.status, 1, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("[state-rolled-back]"), "{}", ran.stderr);
    fs::write(world.path(&report), good).unwrap();
    // A countersignature that is taken away is missed, and memory that is made again knows it.
    copy(&world, "en", "kept");
    fs::remove_file(world.path("en/state.db")).unwrap();
    world.run("rebuild --enclave en").done();
    assert_eq!(said(&world, 2).len(), 1);
    fs::remove_file(world.path("en/statements/000001-countersignature.dsse.json")).unwrap();
    let found = world.run("audit --enclave en --json");
    assert_eq!(found.status, 1);
    assert!(found.stdout.contains("state-rolled-back"), "{}", found.stdout);
    copy(&world, "kept", "en");
    // It is sealed anew like the others.
    world.run("reseal --enclave en").done();
    let list = fs::read_to_string(world.path("en/statements/000002-renewal.list.ndjson")).unwrap();
    assert!(list.contains("statements/000001-countersignature.dsse.json"), "{list}");
}
