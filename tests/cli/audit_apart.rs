//! What an audit tells apart: what the next run removes and what nobody knows, what is wrong and what only speaks of it. And reads and writes that fail under
//! it and under what makes state.db again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use crate::audit_records::tells;
use crate::kill::{can_trace, strace};
use crate::log::{copy, report, three_attempts};
use crate::people;
use crate::world::{Ran, World, say};

/// How many files differ, and how many the next run removes.
fn audited(world: &World) -> (u64, u64, Value) {
    let document = world.run("audit --enclave en --json").json();
    let total = |what: &str| document["total"][what].as_u64().unwrap();
    (total("differences"), total("leftovers"), document)
}

/// The parts in which something differs.
fn parts(document: &Value) -> BTreeSet<&str> {
    let differences = document["differences"].as_array().unwrap().iter();
    differences.map(|found| found["part"].as_str().unwrap()).collect()
}

#[test]
fn a_statement_that_was_not_shown_yet_is_a_leftover() {
    let world = three_attempts();
    let line = "hold add audit --everything --enclave en --reason test --key en/keys/import.pem";
    world.run(line).done();
    let shown = "en/statements/000001-hold.dsse.json";
    for (name, expected) in [
        (".pending-000002-hold.dsse.json", (0, 1)),
        ("000009-hold.dsse.json", (1, 0)),
    ] {
        let path = world.path("en/statements").join(name);
        fs::copy(world.path(shown), &path).unwrap();
        let (differences, leftovers, document) = audited(&world);
        assert_eq!((differences, leftovers), expected, "{name}: {document}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn what_lies_beside_the_statements_is_known_by_its_kind_and_number() {
    let world = three_attempts();
    let line = "hold add audit --everything --enclave en --reason test --key en/keys/import.pem";
    world.run(line).done();
    world.run("reseal --enclave en").done();
    let audit = audited(&world);
    assert_eq!((audit.0, audit.1), (0, 0), "{}", audit.2);
    let list = "en/statements/000002-renewal.list.ndjson";
    for name in ["000001-hold.list.ndjson", "000001-renewal.list.ndjson", "notes"] {
        let path = world.path("en/statements").join(name);
        fs::copy(world.path(list), &path).unwrap();
        let file = format!("en/statements/{name}");
        tells(
            &world,
            &file,
            "extra",
            "enclave-differs",
            "the log tells of no such statement",
        );
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_last_report_is_missing_where_none_or_an_older_one_is_there() {
    let world = three_attempts();
    let reason = "report 3, the last one that state.db knows";
    for number in [3, 2, 1] {
        fs::remove_file(world.path(&report(&world, number))).unwrap();
        tells(&world, "en/reports/000003", "missing", "state-rolled-back", reason);
    }
}

#[test]
fn a_size_that_state_db_says_is_compared_with_the_object_s() {
    let world = three_attempts();
    let state = Connection::open(world.path("en/state.db")).unwrap();
    let sql = "UPDATE objects SET size = size + 1 WHERE digest = (SELECT min(digest) FROM objects)";
    assert_eq!(state.execute(sql, []).unwrap(), 1);
    drop(state);
    let (_, _, document) = audited(&world);
    let found = document["differences"].as_array().unwrap().iter();
    let of_store: Vec<&Value> = found.filter(|found| found["part"] == "store").collect();
    assert_eq!(of_store.len(), 1, "{document}");
    let reason = of_store[0]["reason"].as_str().unwrap();
    assert!(reason.contains(" bytes, and state.db says "), "{reason}");
}

#[test]
fn where_no_state_can_be_made_aside_nothing_was_compared_with_it() {
    let world = three_attempts();
    // Folders may lie this deep, and SQLite opens no file there.
    let deep = ["a", "b", "c"].map(|letter| letter.repeat(200)).join("/");
    fs::create_dir_all(world.path(&deep)).unwrap();
    let line = format!("audit --enclave en --scratch {}", world.path(&deep).display());
    let ran = world.run(&line);
    assert!(
        ran.status == 3 && ran.stderr.contains("cannot make the ledger"),
        "{ran:?}"
    );
}

#[test]
fn an_older_report_that_lies_there_unshown_is_a_leftover_and_no_last_one() {
    let world = three_attempts();
    let first = world.path(&report(&world, 1));
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    fs::copy(&first, world.path("en/reports").join(format!(".pending-{name}"))).unwrap();
    let (differences, leftovers, document) = audited(&world);
    assert_eq!((differences, leftovers), (0, 1), "{document}");
    // Nor does it stand for the last one where that is gone.
    fs::remove_file(world.path(&report(&world, 3))).unwrap();
    world.refused("report list --enclave en", "state-rolled-back");
}

#[test]
fn what_was_said_of_a_report_that_is_wrong_is_not_wrong_too() {
    let world = World::standard();
    world.key(people::APPROVER, "eve.pem");
    world.medium(1, None);
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    for _ in 0..2 {
        assert_eq!(world.run("import --enclave en other.tar").status, 1);
    }
    world
        .run("report countersign 1 --object --enclave en --key eve.pem --reason read")
        .done();
    let path = world.path(&report(&world, 1));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("payload\":\"ey", "payload\":\"eY", 1)).unwrap();
    let (_, _, document) = audited(&world);
    let parts = parts(&document);
    assert!(parts.contains("reports") && !parts.contains("statements"), "{document}");
}

#[test]
fn an_enclave_that_has_signed_nothing_lacks_no_checkpoint() {
    let world = World::new();
    world.medium(1, None);
    fs::remove_file(world.path("en/keys/import.pem")).unwrap();
    world.run("import --enclave en m1 --unsigned-report").done();
    // That nobody signed the report is told with the report.
    let (_, _, document) = audited(&world);
    let parts = parts(&document);
    assert!(parts.contains("reports") && !parts.contains("log"), "{document}");
}

/// Which calls fail: those of every place, or one of those that differ only in digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    OneOfAKind,
}

/// Lets each call of a kind fail whose place has this in it, one in a run: the command must not end as if nothing had been.
fn each_is_heard(world: &World, line: &str, (call, place): (&str, &str), which: Which, begin: impl Fn()) {
    let traced = |more: &[String]| {
        begin();
        let mut options = ["-y", "-o"].map(str::to_owned).to_vec();
        options.push(world.path("trace").display().to_string());
        options.extend(more.iter().flat_map(|rule| ["-e".to_owned(), rule.clone()]));
        let ran = Ran::of(strace(world, &options, line));
        (ran, fs::read_to_string(world.path("trace")).unwrap())
    };
    let is_there = |entry: &str| entry.contains(&format!("{call}(")) && entry.contains(place);
    let (ran, trace) = traced(&[format!("trace={call}")]);
    assert_eq!(ran.status, 0, "{line}: {ran:?}");
    // The tracer counts in each thread by itself.
    let mut counts = BTreeMap::<&str, usize>::new();
    // Of folders that differ in digests and numbers one is enough.
    let (mut known, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for entry in trace.lines().filter(|entry| entry.contains(&format!("{call}("))) {
        let (thread, rest) = entry.split_once(' ').unwrap();
        let count = counts.entry(thread).or_default();
        *count += 1;
        let kind = rest.replace(|digit: char| digit.is_ascii_hexdigit(), "");
        if is_there(entry) && (which == Which::All || known.insert(kind)) {
            numbers.insert(*count);
        }
    }
    let mut met = 0;
    for number in &numbers {
        let (ran, trace) = traced(&[
            format!("trace={call}"),
            format!("inject={call}:error=EIO:when={number}"),
        ]);
        let failed: Vec<&str> = trace.lines().filter(|entry| entry.ends_with("(INJECTED)")).collect();
        if failed.iter().any(|entry| is_there(entry)) {
            met += 1;
            assert_ne!(ran.status, 0, "{line}: {failed:?}: {ran:?}");
        }
    }
    say(&format!("{line}: {call} failed at {met} of {} places", numbers.len()));
    assert!(
        met * 10 >= numbers.len() * 9 && met > 0,
        "{line}: the places are not met any more"
    );
}

#[test]
fn a_folder_that_cannot_be_listed_is_not_taken_for_empty() {
    if can_trace() {
        let world = three_attempts();
        let line = "audit --enclave en --threads 1";
        each_is_heard(&world, line, ("getdents64", "/en/"), Which::OneOfAKind, || ());
    }
}

#[test]
fn a_state_that_could_not_be_written_was_not_made_again() {
    if can_trace() {
        let world = three_attempts();
        world.run("rollback --enclave en --to 1 --reason test").done();
        let begin = || copy(&world, "en", "k");
        each_is_heard(&world, "rebuild --enclave k", ("pwrite64", "-wal>"), Which::All, begin);
    }
}
