//! An auditor's questions: what came in a bundle, what stands on little, what changed, and who approved.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::judged;
use crate::people;
use crate::world::World;

fn files(answer: &Value) -> BTreeSet<(String, String)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    let rows = answer["rows"].as_array().unwrap();
    rows.iter().map(|row| (text(row, "file"), text(row, "why"))).collect()
}

fn has(answer: &Value, file: &str, why: &str) -> bool {
    files(answer).contains(&(file.to_owned(), why.to_owned()))
}

/// Two bundles of which the second brings one more file.
fn two() -> World {
    let world = World::new();
    let first = world.medium(1, None);
    world.medium(2, Some(first));
    world.run("import --enclave en m1").done();
    world.run("import --enclave en m2").done();
    world
}

#[test]
fn what_came_in_a_bundle() {
    let world = two();
    let first = world.json("ask bundle 1 --enclave en");
    let second = world.json("ask bundle 2 --enclave en");
    assert_eq!(first["schema"], "sealift-ask/1");
    assert!(has(&first, "only-in-1", "new") && !has(&first, "only-in-2", "new"));
    assert!(has(&second, "only-in-2", "new") && has(&second, "large.bin", "again"));
    let manifest = world.json("status --enclave en")["last_bundle"]["manifest"].clone();
    let same = world.json(&format!("ask bundle {} --enclave en", manifest.as_str().unwrap()));
    assert_eq!(same, second);
    for unknown in ["3", "side", "2/1", &format!("sha256:{}", "0".repeat(64))] {
        let text = world.unable(&format!("ask bundle {unknown} --enclave en"));
        assert!(text.contains("was imported here"), "{text}");
    }
    // With a space in it, as people write it.
    let mut command = world.command("ask bundle");
    let output = command.args(["main 2", "--enclave", "en", "--csv"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.starts_with("ecosystem,name,version,level,bundle,imported,why,"),
        "{text}"
    );
    assert_eq!(text.lines().count(), files(&second).len() + 1);
    assert!(text.lines().count() > 2 && text.split_inclusive('\n').all(|line| line.ends_with("\r\n")));
}

#[test]
fn what_stands_on_little() {
    let world = judged::imported();
    let all = world.json("list --enclave en")["artifacts"].as_array().unwrap().len();
    let below = |level: &str| files(&world.json(&format!("ask below {level} --enclave en"))).len();
    assert_eq!(below("none"), 0);
    assert_eq!(below("provenance"), all);
    assert_eq!(below("publisher"), all - 1, "one file is signed");
    assert_eq!(world.run("ask below best --enclave en").status, 2);
}

#[test]
fn what_changed_between_two_times() {
    let world = two();
    let changed = |more: &str| world.json(&format!("ask changed --enclave en {more}"));
    let today = changed("--from 2020-01-01");
    assert!(has(&today, "only-in-2", "came") && has(&today, "large.bin", "came"));
    for nothing in ["--from 2020-01-01 --to 2020-01-02", "--from 2200-01-01"] {
        assert!(files(&changed(nothing)).is_empty(), "{nothing}");
    }
    let ran = world.run("ask changed --enclave en --from 2200-01-01").done();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "nothing\n"));
    world.run("rollback --enclave en --to 1 --reason test").done();
    let after = changed("--from 2020-01-01");
    assert!(has(&after, "only-in-2", "came, and rolled back"), "{after}");
    assert_eq!(world.run("ask changed --enclave en --from yesterday").status, 2);
}

#[test]
fn who_approved() {
    let world = World::standard();
    let manifest = world.medium(1, None);
    world.key(people::APPROVER, "eve.pem");
    world
        .run(&format!(
            "approve m1 --trust en/trust --key eve.pem --manifest {manifest} --reason =looked --ticket CHG-7"
        ))
        .done();
    world.run("import --enclave en m1").done();
    let answer = world.json("ask approved 1 --enclave en");
    let rows = answer["rows"].as_array().unwrap();
    let row = |role: &str| rows.iter().find(|row| row["role"] == role).unwrap();
    assert_eq!(
        (&row("export")["person"], &row("approve")["person"]),
        (&json!("dora"), &json!("eve"))
    );
    assert_eq!(row("approve")["ticket"], "CHG-7");
    assert_eq!(row("approve")["manifest"], json!(manifest));
    let asked = world.run("ask approved --enclave en --csv").done();
    assert!(!asked.stderr.contains("no report tells"), "{}", asked.stderr);
    let csv = asked.stdout;
    assert!(csv.contains(",'=looked,"), "no cell is computed: {csv}");

    // A report that somebody edited tells nothing.
    let path = crate::reports::reports(&world).pop().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("payload\":\"ey", "payload\":\"eY", 1)).unwrap();
    assert_eq!(world.run("ask approved --enclave en").status, 1);
    std::fs::remove_file(&path).unwrap();
    let ran = world.run("ask approved --enclave en").done();
    assert!(
        ran.stderr.contains("no report tells of bundle main 1"),
        "{}",
        ran.stderr
    );
}
