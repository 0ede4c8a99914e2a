//! `sealift rebuild` makes state.db again, with the same content, from log and reports; and an audit finds what somebody changed in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::judged;
use crate::log::{copy, report, three_attempts};
use crate::world::World;

/// Every row of every table, and nothing but the rows.
fn tables(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let names: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut tables = BTreeMap::new();
    for name in names {
        let mut statement = connection.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let columns = statement.column_count();
        let mut rows: Vec<String> = statement
            .query_map([], |row| {
                let values: Vec<Value> = (0..columns).map(|index| row.get(index).unwrap()).collect();
                Ok(format!("{values:?}"))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        rows.sort();
        tables.insert(name, rows);
    }
    tables
}

fn rebuilt_is_the_same(world: &World) {
    let before = tables(&world.path("en/state.db"));
    assert!(before.len() > 17, "{:?}", before.keys());
    assert!(before["artifacts"].len() > 4 && before["paths"].len() > 4 && before["objects"].len() > 4);
    world.run("rebuild --enclave en").done();
    let mut after = tables(&world.path("en/state.db"));
    // What stands in `trust` is noted by the commands that let it stand, and not by these tests.
    for row in &before["standing"] {
        assert!(after["standing"].contains(row));
    }
    after.insert("standing".to_owned(), before["standing"].clone());
    for (table, rows) in &before {
        assert_eq!(&after[table], rows, "{table}");
    }
    assert_eq!(before.len(), after.len());
    world.run("audit --enclave en").done();
}

#[test]
fn every_table_is_made_again() {
    let world = three_attempts();
    rebuilt_is_the_same(&world);
    world.run("rollback --enclave en --to 1 --reason test").done();
    rebuilt_is_the_same(&world);
    world.run("gc --enclave en --keep 1").done();
    rebuilt_is_the_same(&world);
    world.run("import --enclave en m3").done();
    rebuilt_is_the_same(&world);
    let names: Vec<String> = fs::read_dir(world.path("en"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("state.before-") && name.ends_with(".db"))
        .collect();
    assert_eq!(names.len(), 4, "what was there is kept: {names:?}");
}

#[test]
fn judgements_signers_and_floors_are_made_again() {
    let world = judged::imported();
    let before = tables(&world.path("en/state.db"));
    for table in [
        "judgements",
        "rests_on",
        "signers",
        "floors",
        "export_keys",
        "known_time",
    ] {
        assert!(!before[table].is_empty(), "{table}");
    }
    rebuilt_is_the_same(&world);
    // Judgements that were made again since come again too, and are compared.
    world.run("recheck --enclave en --record").done();
    world.run("recheck --enclave en --record").done();
    let audited = world.json("audit --enclave en");
    assert_eq!(
        audited["total"]["state_not_compared"],
        serde_json::Value::Null,
        "{audited}"
    );
    rebuilt_is_the_same(&world);
    assert_eq!(world.json("rebuild --enclave en")["judgements_lost"], false);
    copy(&world, "en", "good");
    let mut journals: Vec<_> = fs::read_dir(world.path("en/rechecks"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    journals.sort();
    assert_eq!(journals.len(), 2);
    let bytes = fs::read(&journals[0]).unwrap();
    for (what, content) in [("cut", &bytes[..bytes.len() / 2]), ("empty", &[])] {
        fs::write(&journals[0], content).unwrap();
        world.refused("rebuild --enclave en", "digest-mismatch");
        assert_eq!(world.run("audit --enclave en").status, 1, "{what}");
    }
    fs::remove_file(&journals[0]).unwrap();
    world.refused("rebuild --enclave en", "state-rolled-back");
    let ran = world.run("audit --enclave en");
    assert!(ran.stdout.contains("rechecks/"), "{ran:?}");
    fs::write(&journals[0], bytes).unwrap();
    world.run("audit --enclave en").done();
    let connection = Connection::open(world.path("en/state.db")).unwrap();
    connection
        .execute("UPDATE judgements SET judged = judged + 1", [])
        .unwrap();
    drop(connection);
    let ran = world.run("audit --enclave en");
    assert!(ran.stdout.contains("its table judgements has"), "{ran:?}");
}

#[test]
fn a_lost_memory_is_made_again_and_goes_on() {
    let world = three_attempts();
    let (status, list) = (world.json("status --enclave en"), world.json("list --enclave en --all"));
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        let _ = fs::remove_file(world.path("en").join(name));
    }
    world.refused("import --enclave en m3", "state-rolled-back");
    let ran = world.json("rebuild --enclave en");
    assert_eq!((&ran["imports"], &ran["reports"]), (&2.into(), &3.into()));
    assert_eq!(ran["kept"], serde_json::Value::Null);
    assert_eq!(world.json("status --enclave en"), status);
    assert_eq!(world.json("list --enclave en --all"), list);
    world.run("import --enclave en m2").done();
    world.run("import --enclave en m3").done();
    world.run("audit --enclave en").done();
}

#[test]
fn nothing_is_made_from_records_that_somebody_touched() {
    let world = three_attempts();
    copy(&world, &report(&world, 3), "kept.ndjson");
    copy(&world, "en", "good");
    let state = fs::read(world.path("en/state.db")).unwrap();
    let refused = |what: &str, code: &str, touch: &dyn Fn()| {
        touch();
        let ran = world.run("rebuild --enclave en");
        assert_eq!(ran.status, 1, "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(&format!("[{code}]")), "{what}: {}", ran.stderr);
        assert_eq!(fs::read(world.path("en/state.db")).unwrap(), state, "{what}");
        copy(&world, "good", "en");
    };
    let journal = world.path("en/reports/000003-main-2.journal.ndjson.zst");
    assert!(journal.exists());
    refused("no journal", "state-rolled-back", &|| {
        fs::remove_file(&journal).unwrap()
    });
    refused("another journal", "digest-mismatch", &|| {
        fs::copy(world.path("en/reports/000001-main-1.journal.ndjson.zst"), &journal).unwrap();
    });
    refused("a longer journal", "digest-mismatch", &|| {
        let mut bytes = fs::read(&journal).unwrap();
        bytes.push(0);
        fs::write(&journal, bytes).unwrap();
    });
    refused("no journal at all", "digest-mismatch", &|| {
        fs::write(&journal, "").unwrap()
    });
    refused("a report is gone", "state-rolled-back", &|| {
        fs::remove_file(world.path(&report(&world, 2))).unwrap();
    });
    refused("a report is cut", "json-not-strict", &|| {
        let path = world.path(&report(&world, 3));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 10]).unwrap();
    });
    refused("the log is gone", "log-inconsistent", &|| {
        fs::remove_dir_all(world.path("en/log")).unwrap();
    });
    refused("an entry is another one", "log-inconsistent", &|| {
        let mut paths: Vec<_> = fs::read_dir(world.path("en/log/tile/entries/000.p"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort_by_key(|path| fs::metadata(path).unwrap().len());
        let path = paths.pop().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let place = bytes.windows(10).position(|part| part == b"\"decision\"").unwrap();
        // A letter of what was decided, within the leaf's own JSON.
        bytes[place + 12] ^= 1;
        fs::write(&path, bytes).unwrap();
    });
    // Log and reports that are whole in themselves, and older than a report that was kept elsewhere.
    fs::remove_file(world.path(&report(&world, 3))).unwrap();
    let ran = world.run("rebuild --enclave en --report kept.ndjson");
    assert_eq!(ran.status, 1, "{ran:?}");
    assert!(ran.stderr.contains("[state-rolled-back]"), "{ran:?}");
}

#[test]
fn a_row_that_somebody_changed_is_found() {
    let world = judged::imported();
    copy(&world, "en", "good");
    for (table, change) in [
        ("artifacts", "UPDATE artifacts SET origin = 'elsewhere' WHERE id = 1"),
        ("artifacts", "UPDATE artifacts SET digest = zeroblob(32) WHERE id = 1"),
        ("bundles", "UPDATE bundles SET signers = '[\"mallory\"]'"),
        ("streams", "UPDATE streams SET sequence = 0"),
        ("floors", "DELETE FROM floors"),
        ("judgements", "UPDATE judgements SET decision = ''"),
        ("rests_on", "DELETE FROM rests_on"),
        ("export_keys", "DELETE FROM export_keys"),
        ("paths", "UPDATE paths SET path = upper(key)"),
        ("known_time", "UPDATE known_time SET time = 0"),
        ("objects", "INSERT INTO objects VALUES (zeroblob(32), 1)"),
        ("names", "UPDATE names SET key = key || 'x'"),
        ("presence", "UPDATE presence SET until = 1 WHERE artifact = 2"),
    ] {
        let connection = Connection::open(world.path("en/state.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", false).unwrap();
        assert!(connection.execute(change, []).unwrap() > 0, "{change}");
        drop(connection);
        let ran = world.run("audit --enclave en");
        assert_eq!(ran.status, 1, "{change}: {ran:?}");
        assert!(
            ran.stdout.contains(&format!("its table {table} has")),
            "{change}: {}",
            ran.stdout
        );
        assert!(ran.stdout.contains("[state-rolled-back]"), "{}", ran.stdout);
        copy(&world, "good", "en");
    }
    world.run("audit --enclave en").done();
}
