//! Calls that fail one by one, each of those that are of one kind and not the first alone: what was not read or not written is told, whichever call it was.
//! Where commands write at all is tried in `faults`.

use std::fs;
use std::iter;
use std::process;

use crate::capsule::capsule;
use crate::faults::{calls_of, traced};
use crate::kill::can_trace;
use crate::log::{copy, three_attempts};
use crate::put_back::next_root;
use crate::retention::pin_witness;
use crate::witness::witness_line;
use crate::world::{Ran, World, say};

/// Of calls about one thing so many are tried, spread over all.
const SAMPLES: usize = 3;

/// Calls of a command that works on a copy `k` of a folder.
struct Failing<'a> {
    start: &'a str,
    line: &'a str,
    /// The system's names of the calls.
    names: &'a [&'a str],
    /// What they are about: parts of the call as it is traced, of which it has one.
    about: &'a [&'a str],
    /// What else the tracer does to the system.
    rule: &'a str,
    /// Where it is looked for.
    threads: Threads,
}

/// The tracer counts calls in each thread by itself: what fails in one of several fails in the others, too.
#[derive(Clone, Copy, PartialEq)]
enum Threads {
    Main,
    All,
}

impl Failing<'_> {
    /// Lets the calls fail one by one. Each time the command does not end as it does where nothing fails, but says something: all of that is given.
    fn is_told(&self, world: &World) -> String {
        copy(world, self.start, "k");
        let ran = self.traced(world, &self.rules(self.names.join(",")));
        assert_eq!(ran.status, 0, "{}: {ran:?}", self.line);
        let mut calls = calls_of(world, self.names);
        calls.retain(|call| self.about.iter().any(|part| call.place.contains(part)));
        calls.sort_by(|one, other| (&one.place, one.number).cmp(&(&other.place, other.number)));
        // An audit has some of it among the differences.
        let statuses = if self.line.starts_with("audit") {
            &[1, 3][..]
        } else {
            &[3]
        };
        let (mut met, mut said) = (0, String::new());
        for same in calls.chunk_by(|one, other| one.place == other.place) {
            let step = same.len().div_ceil(SAMPLES);
            for call in same.iter().step_by(step) {
                let _ = fs::remove_file(world.path("given"));
                copy(world, self.start, "k");
                let (name, number) = (&call.name, call.number);
                let fault = format!("inject={name}:error=EIO:when={number}");
                let mut rules = self.rules(self.names.join(","));
                rules.push(fault);
                let ran = self.traced(world, &rules);
                let failed = calls_of(world, self.names)
                    .into_iter()
                    .find(|failed| failed.has_failed && failed.name == *name);
                // The tracer counts in each thread by itself, and with this number another one may come before that is not meant.
                if failed.is_some_and(|failed| self.about.iter().any(|part| failed.place.contains(part))) {
                    assert!(statuses.contains(&ran.status), "{}, {}: {ran:?}", self.line, call.place);
                    met += 1;
                    said.push_str(&ran.stderr);
                }
            }
        }
        say(&format!("{}: {met} of {} calls failed", self.line, calls.len()));
        assert!(met > 0, "{}: {:?} is not met any more", self.line, self.about);
        said
    }

    fn traced(&self, world: &World, rules: &[String]) -> Ran {
        if self.threads == Threads::All {
            return traced(world, self.line, rules);
        }
        let path = world.path("trace");
        let mut command = process::Command::new("strace");
        command.args(["-qq", "-y", "-s", "0", "-o"]).arg(&path);
        command.args(rules.iter().flat_map(|rule| ["-e", rule]));
        command
            .arg(env!("CARGO_BIN_EXE_sealift"))
            .args(self.line.split_whitespace());
        world.surround(&mut command);
        let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
        // As the tracer writes it of several threads.
        let trace = fs::read_to_string(&path).unwrap();
        let lines: String = trace.lines().map(|line| format!("1 {line}\n")).collect();
        fs::write(&path, lines).unwrap();
        Ran::of(output)
    }

    fn rules(&self, traced: String) -> Vec<String> {
        let more = Some(self.rule).filter(|rule| !rule.is_empty());
        iter::once(format!("trace={traced}"))
            .chain(more.map(str::to_owned))
            .collect()
    }
}

#[test]
fn an_audit_tells_of_each_journal_object_and_shard_that_it_could_not_read() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    world.run("recheck --record --enclave en").done();
    for (names, about, threads) in [
        (&["openat"][..], &[".journal."][..], Threads::Main),
        (&["getdents64"], &["/store/objects"], Threads::All),
        (&["read", "readlink"], &["<k/tree/", "\"k/tree/"], Threads::Main),
    ] {
        let (start, line) = ("en", "audit --enclave k --threads 1");
        Failing {
            start,
            line,
            names,
            about,
            rule: "",
            threads,
        }
        .is_told(&world);
    }
}

#[test]
fn what_is_judged_once_more_is_unpacked_whole_and_read_whole() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    let shown = world.json("report show 3 --enclave en");
    let last = shown["head"]["bundle"]["manifest"].as_str().unwrap().parse().unwrap();
    let mut bundle = world.bundle(3, Some(last));
    bundle.roots.push((2, next_root(&world)));
    world.write("m3", &bundle, &World::edits(|_| {}));
    world.run("import --enclave en m3").done();
    fs::create_dir(world.path("capsules")).unwrap();
    // The judgement of the second root's bundle goes by the first of both.
    capsule(&world, "4 --out capsules/a.tar");
    let line = "reverify k/a.tar --root en/trust/roots/1.dsse.json --scratch k --today";
    for (names, about) in [
        (
            &["openat", "rename"][..],
            &["/then/roots", "/today/roots", "/then/policies"][..],
        ),
        (
            &["openat", "read"],
            &["/work/catalog", "/work/manifest", "/report.ndjson"],
        ),
    ] {
        let start = "capsules";
        Failing {
            start,
            line,
            names,
            about,
            rule: "",
            threads: Threads::Main,
        }
        .is_told(&world);
    }
}

/// A world with a bundle of so many small files that no list of them is written at once.
fn many_files(text: impl Fn(usize) -> String) -> World {
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    for number in 0..300 {
        let text = text(number).into_bytes();
        bundle.files.push((format!("file-{number:03}"), text));
    }
    bundle.files.sort();
    world.write("m1", &bundle, &World::edits(|_| {}));
    world
}

#[test]
fn a_long_list_is_whole_or_it_is_told() {
    if !can_trace() {
        return;
    }
    // All of them are one object.
    let world = many_files(|_| "the same".to_owned());
    let names = &["write"][..];
    Failing {
        start: "en",
        line: "import --enclave k m1 --threads 1",
        names,
        about: &["<k/reports/"],
        rule: "",
        threads: Threads::Main,
    }
    .is_told(&world);
    Failing {
        start: "en",
        line: "import --enclave k m1 --threads 1",
        names,
        about: &["<k/tree/"],
        rule: "",
        threads: Threads::All,
    }
    .is_told(&world);
    let world = many_files(|number| number.to_string());
    world.run("import --enclave en m1").done();
    Failing {
        start: "en",
        line: "receipt --enclave k --out given",
        names,
        about: &["<.tmp"],
        rule: "",
        threads: Threads::Main,
    }
    .is_told(&world);
}

#[test]
fn what_ends_a_record_is_told_where_it_fails() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    let start = "en";
    Failing {
        start,
        line: "recheck --record --enclave k",
        names: &["unlink"],
        about: &["/log/.adding"],
        rule: "",
        threads: Threads::Main,
    }
    .is_told(&world);
    let text = fs::read_to_string(world.path("en/log/checkpoint")).unwrap();
    let (pinned, signature) = witness_line(&text, "witness.example.com", 78);
    pin_witness(&world, 1, &pinned, "log/plant-7");
    fs::write(world.path("signed"), format!("{text}{signature}\n")).unwrap();
    Failing {
        start,
        line: "log witness add signed --enclave k",
        names: &["write", "rename"],
        about: &["/log/"],
        rule: "",
        threads: Threads::Main,
    }
    .is_told(&world);
}

#[test]
fn a_server_without_threads_does_not_end_as_if_it_was_asked_to() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    let rules = ["trace=epoll_create1", "inject=epoll_create1:error=EMFILE"].map(str::to_owned);
    let ran = traced(&world, "serve --enclave en --listen 127.0.0.1:0", &rules);
    assert!(ran.status == 3 && ran.stderr.contains("threads"), "{ran:?}");
}

#[test]
fn an_object_that_no_rename_brings_to_its_place_is_told() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    world.medium(1, None);
    let said = Failing {
        start: "en",
        line: "import --enclave k m1 --threads 1",
        names: &["rename", "renameat2"],
        // The two paths of a rename that may replace stand side by side.
        about: &["\", \"k/store/objects/"],
        rule: "inject=renameat2:error=EINVAL",
        threads: Threads::All,
    }
    .is_told(&world);
    // Who lacks it later is told of another object each time, and not of the disk.
    assert!(!said.contains("is not in the store"), "{said}");
}

#[test]
fn what_an_attempt_left_that_did_not_end_is_cleared_up_or_it_is_told() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    let (start, line) = ("en", "import --enclave k m3 --threads 1");
    copy(&world, "en", "k");
    traced(&world, line, &["trace=rename".to_owned()]);
    let calls = calls_of(&world, &["rename"]);
    let shows = calls.iter().find(|call| call.place.contains("/.pending")).unwrap();
    copy(&world, "en", "pending");
    let fault = format!("inject=rename:error=EIO:when={}", shows.number);
    let rules = ["trace=rename".to_owned(), fault];
    let ran = traced(&world, &line.replace("enclave k", "enclave pending"), &rules);
    assert_eq!(ran.status, 3, "{ran:?}");
    Failing {
        start: "pending",
        line,
        names: &["rename"],
        about: &["/.pending"],
        rule: "",
        threads: Threads::Main,
    }
    .is_told(&world);
    let reports = world.path("en/reports");
    fs::create_dir(reports.join("000009-main-9.basis")).unwrap();
    for file in [
        "000009-main-9.basis/policy",
        "000009-main-9.journal.ndjson.zst",
        ".pending-000009-main-9.report.ndjson",
    ] {
        fs::write(reports.join(file), "left").unwrap();
    }
    Failing {
        start,
        line,
        names: &["unlink", "unlinkat", "rmdir"],
        about: &["-main-#.basis", "-main-#.journal", "/.pending"],
        rule: "",
        threads: Threads::Main,
    }
    .is_told(&world);
}
