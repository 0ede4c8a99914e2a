//! What an audit tells apart: what the next run removes and what nobody knows, what is wrong and what only speaks of it. And reads and writes that fail under
//! it and under what makes state.db again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

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
fn an_older_report_that_lies_there_unshown_is_a_leftover_and_no_last_one() {
    let world = three_attempts();
    let first = world.path(&report(&world, 1));
    let name = first.file_name().unwrap().to_str().unwrap().to_owned();
    fs::copy(&first, world.path("en/reports").join(format!(".pending-{name}"))).unwrap();
    let (differences, leftovers, document) = audited(&world);
    assert_eq!((differences, leftovers), (0, 1), "{document}");
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
