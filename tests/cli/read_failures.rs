//! Calls that fail once, wherever a command makes them, and not only the first time at each kind of place: `strace` lets one of them fail with EIO. What
//! could not be read is not taken for what is not there, nor for what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use crate::arrivals::{bringing, kept_out};
use crate::attempts::with_a_page;
use crate::export::sending;
use crate::faults::{Call, calls_of, has_said, traced};
use crate::holds::awaiting_review;
use crate::judged;
use crate::kill::can_trace;
use crate::log::{copy, three_attempts};
use crate::refused_capsules;
use crate::world::{Ran, World, say};

/// The calls by which something is read.
const READS: [&str; 5] = ["read", "lseek", "openat", "getdents64", "pread64"];

/// How often one place is tried, beside the last time: what comes as often as that comes again and again.
const TIMES: usize = 4;

/// A command line that works on a copy `k` of the folder `start`, and of which certain calls fail.
pub(crate) struct Once<'o> {
    pub(crate) start: &'o str,
    pub(crate) line: &'o str,
    /// How it ends where nothing fails.
    pub(crate) status: i32,
    /// The kinds of calls.
    pub(crate) kinds: &'o [&'o str],
    /// What they are about: any of these.
    pub(crate) at: &'o [&'o str],
    /// Rules for the tracer in every run.
    pub(crate) also: &'o [&'o str],
    /// How often one place is tried.
    pub(crate) times: usize,
    /// How many failures are told, where others have the same place; without it all of them.
    pub(crate) told: Option<usize>,
    /// What those say.
    pub(crate) words: &'o str,
}

impl<'o> Once<'o> {
    pub(crate) fn new(start: &'o str, line: &'o str, kinds: &'o [&'o str], at: &'o [&'o str]) -> Self {
        Self {
            start,
            line,
            status: 0,
            kinds,
            at,
            also: &[],
            times: TIMES,
            told: None,
            words: "",
        }
    }

    pub(crate) fn reads(start: &'o str, line: &'o str, at: &'o [&'o str]) -> Self {
        Self::new(start, line, &READS, at)
    }

    fn begin(&self, world: &World) {
        copy(world, self.start, "k");
        for name in ["given", "out"] {
            let _ = fs::remove_dir_all(world.path(name));
            let _ = fs::remove_file(world.path(name));
        }
    }

    fn run(&self, world: &World, kinds: &str, rule: Option<String>) -> Ran {
        let also = self.also.iter().map(|rule| (*rule).to_owned());
        let rules: Vec<String> = also.chain([format!("trace={kinds}")]).chain(rule).collect();
        traced(world, self.line, &rules)
    }

    fn is_asked(&self, call: &Call) -> bool {
        self.at.iter().any(|part| call.place.contains(part))
    }

    /// Lets each of the calls fail in a run of its own, which says so.
    pub(crate) fn fails(&self, world: &World) {
        self.begin(world);
        let ran = self.run(world, &self.kinds.join(","), None);
        assert_eq!(ran.status, self.status, "{}: {ran:?}", self.line);
        let mut calls = calls_of(world, self.kinds);
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for call in &calls {
            *left.entry(call.place.clone()).or_default() += 1;
        }
        let all = left.clone();
        calls.retain(|call| {
            let left = left.get_mut(&call.place).unwrap();
            *left -= 1;
            self.is_asked(call) && (all[&call.place] - *left <= self.times || *left == 0)
        });
        // Of a number that several threads reach one is enough: it fails in each of them.
        let mut numbers = BTreeSet::new();
        calls.retain(|call| numbers.insert((call.name.clone(), call.number)));
        for part in self.at {
            let is_met = calls.iter().any(|call| call.place.contains(part));
            assert!(is_met, "{}: nothing is done at {part}", self.line);
        }
        let mut met = 0;
        let mut silent = Vec::new();
        for Call {
            name, number, place, ..
        } in &calls
        {
            self.begin(world);
            // A rule counts for what is traced alone.
            let traced = if self.also.is_empty() {
                name.clone()
            } else {
                self.kinds.join(",")
            };
            let ran = self.run(world, &traced, Some(format!("inject={name}:error=EIO:when={number}")));
            let failed = calls_of(world, self.kinds);
            let is_met = failed.iter().any(|call| call.has_failed && self.is_asked(call));
            met += usize::from(is_met);
            if is_met && !(has_said(&ran) && ran.stderr.contains(self.words)) {
                silent.push(format!("{place}: {ran:?}"));
            }
        }
        say(&format!("{}: failed at {met} of {} places", self.line, calls.len()));
        if let Some(told) = self.told {
            assert!(
                met - silent.len() >= told,
                "{}: {met} failed, and {} were told",
                self.line,
                met - silent.len()
            );
            return;
        }
        assert!(
            silent.is_empty(),
            "{}: nobody was told of {}",
            self.line,
            silent.join("\n")
        );
        assert!(met > 0, "{}: the places are not met any more", self.line);
    }
}

#[test]
fn an_import_says_what_it_could_not_read() {
    if !can_trace() {
        return;
    }
    Once::reads(
        "en",
        "import --enclave k m1 --threads 1",
        &[
            "approval-eve.dsse.json>",
            "-opened-",
            "\"k/reports\"",
            "k/reports/.aside",
            "k/staging/*/catalog.ndjson.zst",
            "k/staging/*/objects/*/*>",
        ],
    )
    .fails(&bringing());
}

#[test]
fn an_import_after_others_says_what_it_could_not_read() {
    if !can_trace() {
        return;
    }
    Once::reads("en", "import --enclave k m3 --threads 1", &["k/tree/*/*/list>"]).fails(&three_attempts());
    // What is kept of what is kept out.
    let (site, line) = kept_out();
    Once::reads("en", &line, &[".basis/manifest.dsse.json"]).fails(&site.world);
    // What persons decided.
    let world = awaiting_review();
    let approve = "review approve --all --enclave en --key ann.pem --reason looked";
    world.run(approve).done();
    Once {
        times: 1,
        ..Once::new("en", "import --enclave k m1 --threads 1", &["read"], &["<k/reviews/*/"])
    }
    .fails(&world);
    // What a registry says of a package.
    let world = World::new();
    with_a_page(&world, &Value::Null, &[], |_| {});
    Once {
        times: 3,
        ..Once::new(
            "en",
            "import --enclave k m1 --threads 1",
            &["read"],
            &["k/staging/*/objects/*/*>"],
        )
    }
    .fails(&world);
}

#[test]
fn a_refused_import_says_what_it_could_not_read() {
    if !can_trace() {
        return;
    }
    let world = refused_capsules::world(refused_capsules::PROOFS);
    assert_eq!(world.run("import --enclave en m1").status, 1);
    Once {
        status: 1,
        ..Once::reads(
            "en",
            "import --enclave k m1 --threads 1",
            &[
                "k/staging/*/index.ndjson",
                ".basis/manifest.dsse.json",
                ".basis/objects.tar",
            ],
        )
    }
    .fails(&world);
}

#[test]
fn an_audit_says_what_it_could_not_read() {
    if !can_trace() {
        return;
    }
    let world = three_attempts();
    world.run("recheck --record --enclave en").done();
    Once::reads(
        "en",
        "audit --enclave k",
        &[
            ".journal.ndjson.zst\"",
            "k/rechecks/#.journal.ndjson.zst>",
            "k/tree/*/*/list>",
        ],
    )
    .fails(&world);
    Once::reads("en", "retention show --enclave k", &["\"k/reviews\""]).fails(&world);
}

#[test]
fn a_capsule_says_what_it_could_not_read() {
    if !can_trace() {
        return;
    }
    let world = judged::imported();
    world.run("report capsule 1 --enclave en --out m.tar").done();
    Once::reads(
        "en",
        "report capsule 1 --enclave k --out given",
        &["k/reports/#-main-#.basis/manifest.dsse.json", "/index.ndjson"],
    )
    .fails(&world);
    Once::reads(
        "en",
        "reverify m.tar --root en/trust/roots/1.dsse.json",
        &[
            "/index.ndjson",
            "/trust/anchors/",
            "/work/manifest.dsse.json",
            "/work/examined.ndjson.zst",
            "/work/objects/*/*\"",
            "/report.",
        ],
    )
    .fails(&world);
    // With a newer root beside the pinned one.
    let world = bringing();
    world.run("import --enclave en m1").done();
    world.run("report capsule 1 --enclave en --out m.tar").done();
    let line = "reverify m.tar --root en/trust/roots/1.dsse.json --today";
    Once {
        times: 1,
        ..Once::new(
            "en",
            line,
            &["openat"],
            &["/then/roots/", "/today/roots/", "/today/anchors/"],
        )
    }
    .fails(&world);
}

#[test]
fn an_export_says_which_folder_it_could_not_sync() {
    if !can_trace() {
        return;
    }
    let line = "export --exporter k --select sealift.yaml --offline --volume-size 64KiB --threads 1 --out given";
    Once::reads("ex", line, &["\"given\""]).fails(&sending());
}
