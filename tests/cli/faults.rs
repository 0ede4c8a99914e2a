//! Writes that fail: `strace` lets a call of the program fail with EIO or ENOSPC, once for each kind of place where it writes. The command then says that
//! it failed, clients see the old or the new state and nothing else, the same command works afterwards, and an audit finds nothing.
//!
//! Of calls that differ only in digests and numbers the first is tried; `SEALIFT_KILL_ALL=1` tries all of them, and
//! `SEALIFT_FAULT_AT=/log/` those whose place has that in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use regex::Regex;

use crate::export::sending;
use crate::holds::awaiting_review;
use crate::kill::{WRITES, can_trace, strace, two_media};
use crate::log::{copy, three_attempts};
use crate::retention::AT_ONCE;
use crate::world::{Ran, Tree, World, facade, say};

/// What may fail besides the writes at which `kill` ends the program: opening a file for one, and what it has no moment for.
const MORE: [&str; 4] = ["chmod", "fchmodat", "openat", "sendfile"];

/// Where a failure changes nothing that counts: how the call begins, what it is about, and why nobody need hear of it.
const PASSED_BY: [(&str, &str, &str); 11] = [
    (
        "write(",
        "/lock>",
        "who holds a lock is a courtesy; the lock holds without it",
    ),
    ("ftruncate(", "/lock>", "the same"),
    ("unlink", "k/staging/*", "what is over; `gc` removes it"),
    ("unlink", "k/cache/spool", "what is over; the next export removes it"),
    (
        "unlink(",
        "/.aside",
        "a file that was never shown; the next run removes it",
    ),
    (
        "unlink(",
        "/waiting.ndjson",
        "a list of nothing, which the next import of that bundle writes anew",
    ),
    ("fsync(", "<k>", "SQLite passes by a folder that it cannot sync"),
    (
        "unlink(",
        "k/state.",
        "a log of SQLite's whose rows are in the file by then",
    ),
    (
        "pwrite#(",
        "<k/state.db>",
        "SQLite takes its log into the file after the commit, and what it cannot take stays there",
    ),
    ("f", "<k/state.db>", "the same"),
    (
        "openat(",
        "\"k/state.db\"",
        "SQLite opens it to be read, and then cannot write the first row",
    ),
];

/// A call of a traced run.
pub(crate) struct Call {
    pub(crate) name: String,
    /// Which one of its kind in its thread, as the tracer counts them.
    pub(crate) number: usize,
    /// Where it writes: the call without what is another for each object and in each run.
    pub(crate) place: String,
    pub(crate) has_failed: bool,
}

/// The calls that write, as the tracer has written them down.
fn calls(world: &World) -> Vec<Call> {
    calls_of(world, &[&WRITES[..], &MORE[..]].concat())
}

/// What the tracer has written down of some calls, in the order in which they begin.
pub(crate) fn calls_of(world: &World, wanted: &[&str]) -> Vec<Call> {
    let folder = world.path("").display().to_string();
    let rules = [
        (r#"(?s) = [^=]*$|, ""\.\.\..*$|[)]? *<unfinished.*$"#, ""),
        (folder.as_str(), ""),
        (r"([.]aside|[.]tmp|spool)-?\w+", "$1"),
        (r"[0-9a-z]{13,}", "*"),
        (r"(objects|tree)/[0-9a-z]{1,2}\b", "$1/*"),
        (r#""[0-9a-f]{1,2}(/[*])?""#, "\"*\""),
        (r"[0-9]+", "#"),
    ]
    .map(|(wanted, by)| (Regex::new(wanted).unwrap(), by));
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut begun: BTreeMap<String, usize> = BTreeMap::new();
    let mut calls: Vec<Call> = Vec::new();
    for entry in fs::read_to_string(world.path("trace")).unwrap().lines() {
        let Some((thread, rest)) = entry.split_once(' ') else {
            continue;
        };
        let has_failed = rest.ends_with("(INJECTED)");
        let rest = rest.trim_start();
        if rest.starts_with("<...") {
            if let Some(index) = begun.remove(thread) {
                calls[index].has_failed |= has_failed;
            }
            continue;
        }
        let Some((name, _)) = rest.split_once('(') else {
            continue;
        };
        if !wanted.contains(&name) {
            continue;
        }
        let number = counts.entry((thread.to_owned(), name.to_owned())).or_default();
        *number += 1;
        begun.insert(thread.to_owned(), calls.len());
        let place = rules.iter().fold(rest.to_owned(), |text, (wanted, by)| {
            wanted.replace_all(&text, *by).into_owned()
        });
        calls.push(Call {
            name: name.to_owned(),
            number: *number,
            place,
            has_failed,
        });
    }
    calls
}

/// Whether a call changes what lies in the world's folder.
fn is_ours(call: &Call) -> bool {
    let writes = call.name != "openat" || ["O_WRONLY", "O_RDWR"].iter().any(|flag| call.place.contains(flag));
    let places = [
        "\"k/", "<k/", "<k>", "\"out/", "<out", "\"given", "<given", "<.tmp", "\".tmp",
    ];
    writes && places.iter().any(|place| call.place.contains(place))
}

fn is_passed_by(call: &Call) -> bool {
    let mut rules = PASSED_BY.iter();
    rules.any(|(begins, about, _)| call.place.starts_with(begins) && call.place.contains(about))
}

/// Which places are asked for by the environment, if not all are.
fn asked_part() -> Option<String> {
    std::env::var("SEALIFT_FAULT_AT").ok()
}

/// Where a command line writes: the first call of each place that is not known yet.
pub(crate) fn places(world: &World, command: &Command<'_>, known: &mut BTreeSet<String>) -> Vec<Call> {
    let ran = traced(
        world,
        command.line,
        &[format!("trace={},{}", WRITES.join(","), MORE.join(","))],
    );
    assert_eq!(ran.status, command.status, "{}: {ran:?}", command.line);
    let mut calls = calls(world);
    // The last sync of its log belongs to what SQLite does when it closes.
    let closing = calls
        .iter()
        .rposition(|call| call.place.starts_with("fsync(#<k/state.db-wal>"));
    if let Some(closing) = closing {
        calls.remove(closing);
    }
    let all = std::env::var_os("SEALIFT_KILL_ALL").is_some();
    let part = asked_part().unwrap_or_default();
    // Of a number that several threads reach one is enough: it fails in each of them.
    let mut numbers = BTreeSet::new();
    calls.retain(|call| {
        is_ours(call)
            && [command.only, &part].iter().all(|part| call.place.contains(part))
            && numbers.insert((call.name.clone(), call.number))
            && (known.insert(call.place.clone()) || all)
    });
    calls
}

pub(crate) fn traced(world: &World, line: &str, rules: &[String]) -> Ran {
    let trace = world.path("trace").display().to_string();
    let mut options = ["-y", "-s", "0", "-o", &trace].map(str::to_owned).to_vec();
    options.extend(rules.iter().flat_map(|rule| ["-e".to_owned(), rule.clone()]));
    Ran::of(strace(world, &options, line))
}

/// Whether a run says that something could not be done. That its report could not be written does not change why a bundle is refused.
fn has_said(ran: &Ran) -> bool {
    match ran.status {
        3 => true,
        1 => ran.stderr.contains("the report could not be written"),
        _ => false,
    }
}

/// A command line that writes to a copy `k` of the folder `start`.
pub(crate) struct Command<'c> {
    pub(crate) start: &'c str,
    pub(crate) line: &'c str,
    /// How it ends where nothing fails.
    pub(crate) status: i32,
    /// What is tried of it: places of which this is a part.
    pub(crate) only: &'c str,
}

impl<'c> Command<'c> {
    /// One that is done, and can be given again.
    pub(crate) fn new(start: &'c str, line: &'c str) -> Self {
        Self {
            start,
            line,
            status: 0,
            only: "",
        }
    }

    /// Lets it fail at each place where it writes and that is not known yet, each time in a fresh copy.
    pub(crate) fn fails(&self, world: &World, known: &mut BTreeSet<String>) {
        self.begin(world);
        let old = facade(&world.path("k"));
        let places = places(world, self, known);
        let new = facade(&world.path("k"));
        self.at_each(world, &places, |call, error| {
            self.fail(world, call, error, [&old, &new])
        });
    }

    /// Lets it fail as [`Command::fails`] does, where what it has begun nobody goes on with: it says so, and that is all.
    pub(crate) fn is_heard(&self, world: &World, known: &mut BTreeSet<String>) {
        self.begin(world);
        let places = places(world, self, known);
        self.at_each(world, &places, |call, error| {
            let failed = self.run_to(world, call, error)?;
            Ok(!failed.is_empty())
        });
    }

    fn at_each(&self, world: &World, places: &[Call], fail: impl Fn(&Call, &str) -> Result<bool, String>) {
        let (mut met, mut wrong) = (0, Vec::new());
        for (index, call) in places.iter().enumerate() {
            let error = ["EIO", "ENOSPC"][index % 2];
            self.begin(world);
            match fail(call, error) {
                Ok(is_met) => met += usize::from(is_met),
                Err(what) => wrong.push(format!("{error} at {}: {what}", call.place)),
            }
        }
        say(&format!("{}: failed at {met} of {} places", self.line, places.len()));
        assert!(wrong.is_empty(), "{}: {}", self.line, wrong.join("\n"));
        assert!(
            met * 10 >= places.len() * 9 && met > 0 || asked_part().is_some(),
            "{}: the places are not met any more",
            self.line
        );
    }

    pub(crate) fn begin(&self, world: &World) {
        copy(world, self.start, "k");
        remove_outputs(world);
    }

    /// Lets one call fail, and the calls with its number in other threads. Gives those that did, or says that nobody was told.
    fn run_to(&self, world: &World, call: &Call, error: &str) -> Result<Vec<Call>, String> {
        let Call { name, number, .. } = call;
        let ran = traced(
            world,
            self.line,
            &[
                format!("trace={name}"),
                format!("inject={name}:error={error}:when={number}"),
            ],
        );
        let failed: Vec<Call> = calls(world)
            .into_iter()
            .filter(|call| call.has_failed && is_ours(call))
            .collect();
        let is_told = has_said(&ran) && !ran.stdout.contains("imported");
        if !is_told && (![0, self.status].contains(&ran.status) || !failed.iter().all(is_passed_by)) {
            return Err(format!("{ran:?}"));
        }
        Ok(failed)
    }

    /// Lets it fail once. Says whether a call was met, or what went wrong.
    fn fail(&self, world: &World, call: &Call, error: &str, [old, new]: [&Tree; 2]) -> Result<bool, String> {
        let failed = self.run_to(world, call, error)?;
        let seen = facade(&world.path("k"));
        if seen != *old && seen != *new {
            return Err("clients see neither the old nor the new".to_owned());
        }
        let again = world.run(self.line);
        if again.status != self.status && !is_done(&again) {
            return Err(format!("and then {again:?}"));
        }
        if facade(&world.path("k")) != *new {
            return Err("the next run does not bring clients where the whole run does".to_owned());
        }
        if world.path(self.start).join("state.db").exists() {
            compare(world)?;
        }
        Ok(!failed.is_empty())
    }
}

/// What the commands put beside the copy.
fn remove_outputs(world: &World) {
    for name in ["given", "out"] {
        let _ = fs::remove_dir_all(world.path(name));
        let _ = fs::remove_file(world.path(name));
    }
}

/// Whether a command that was carried out, and could not say so, has nothing to do any more.
fn is_done(ran: &Ran) -> bool {
    ran.status == 3
        && ["already", "nothing that waits"]
            .iter()
            .any(|word| ran.stderr.contains(word))
}

/// Compares the copy with its records. What a run that failed left behind a sweep removes.
fn compare(world: &World) -> Result<(), String> {
    let mut audited = world.run("audit --enclave k --json").json();
    if audited["total"]["leftovers"] != 0 {
        world.run("gc --enclave k").done();
        audited = world.run("audit --enclave k --json").json();
    }
    let total = &audited["total"];
    if total["differences"] == 0 && total["leftovers"] == 0 {
        Ok(())
    } else {
        Err(audited.to_string())
    }
}

#[test]
fn an_import_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (two_media(), BTreeSet::new());
    Command::new("en", "import --enclave k m1 --threads 1").fails(&world, &mut known);
    world.run("import --enclave en m1").done();
    Command::new("en", "import --enclave k m2 --threads 1").fails(&world, &mut known);
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    Command {
        status: 1,
        ..Command::new("en", "import --enclave k other.tar")
    }
    .fails(&world, &mut known);
}

#[test]
fn what_changes_a_repository_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (two_media(), BTreeSet::new());
    for medium in ["m1", "m2"] {
        world.run(&format!("import --enclave en {medium}")).done();
    }
    Command::new("en", "rollback --enclave k --to 1 --reason test").fails(&world, &mut known);
    world.run("rollback --enclave en --to 1 --reason test").done();
    Command::new("en", "gc --enclave k --keep 1").fails(&world, &mut known);
    world.run("gc --enclave en --keep 1").done();
    Command::new("en", "rebuild --enclave k").fails(&world, &mut known);
}

#[test]
fn what_keeps_records_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (three_attempts(), BTreeSet::new());
    let line = "hold add audit --everything --enclave k --reason test --key en/keys/import.pem";
    Command::new("en", line).fails(&world, &mut known);
    Command::new("en", "reseal --enclave k").fails(&world, &mut known);
    Command::new("en", "recheck --record --enclave k").fails(&world, &mut known);
    Command::new("en", "report capsule 1 --enclave k --out given").fails(&world, &mut known);
    Command::new("en", "receipt --enclave k --out given").fails(&world, &mut known);
    world.policy(AT_ONCE);
    Command::new("en", "prune --enclave k").fails(&world, &mut known);
}

#[test]
fn a_review_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (awaiting_review(), BTreeSet::new());
    let line = "review approve --all --enclave k --key ann.pem --reason looked";
    Command::new("en", line).fails(&world, &mut known);
    world.run(&line.replace("enclave k", "enclave en")).done();
    Command {
        only: "/reviews",
        ..Command::new("en", "import --enclave k m1 --threads 1")
    }
    .fails(&world, &mut known);
}

#[test]
fn an_export_says_what_it_could_not_write() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (sending(), BTreeSet::new());
    let line = "export --exporter k --select sealift.yaml --offline --volume-size 64KiB --threads 1 --out out";
    Command::new("ex", line).fails(&world, &mut known);
}

/// Lets the calls of a kind fail, with more rules for the tracer.
fn inject(world: &World, line: &str, call: &str, rules: &[&str]) -> Ran {
    let mut all = vec![format!("trace={call}")];
    all.extend(rules.iter().map(|rule| format!("inject={rule}")));
    traced(world, line, &all)
}

#[test]
fn a_report_that_could_not_be_read_stays() {
    if !can_trace() {
        return;
    }
    let world = two_media();
    let line = "import --enclave en m1";
    let is_pending = |call: &Call| call.place.contains("/.pending");
    copy(&world, "en", "k");
    traced(&world, "import --enclave k m1", &["trace=rename".to_owned()]);
    let shows = calls(&world).into_iter().find(is_pending).unwrap().number;
    let ran = inject(&world, line, "rename", &[&format!("rename:error=EIO:when={shows}")]);
    assert!(
        ran.status == 3 && ran.stderr.contains("the next import puts its report in its place"),
        "{ran:?}"
    );
    // The next run looks into what is not shown yet.
    copy(&world, "en", "k");
    traced(&world, "import --enclave k m1", &["trace=openat".to_owned()]);
    let opened = calls(&world).into_iter().find(is_pending).unwrap().number;
    let ran = inject(&world, line, "openat", &[&format!("openat:error=EIO:when={opened}")]);
    assert!(ran.status == 3 && ran.stderr.contains(".pending-"), "{ran:?}");
    copy(&world, "en", "k");
    traced(&world, "audit --enclave k", &["trace=openat".to_owned()]);
    let opened = calls(&world).into_iter().find(is_pending).unwrap().number;
    let ran = inject(
        &world,
        "audit --enclave k",
        "openat",
        &[&format!("openat:error=EIO:when={opened}")],
    );
    assert!(ran.status == 3 && ran.stderr.contains(".pending-"), "{ran:?}");
    world.run(line).done();
    world.run("report verify 1 --enclave en").done();
    world.run("audit --enclave en").done();
}

#[test]
fn what_could_not_be_written_behind_is_not_imported() {
    if !can_trace() {
        return;
    }
    let world = two_media();
    let before = facade(&world.path("en"));
    // The commit syncs once, and what writes behind does every tenth of a second.
    let rules = ["syncfs:error=EIO:when=2", "symlinkat:delay_enter=400000:when=1"];
    let ran = inject(&world, "import --enclave en m1", "syncfs,symlinkat", &rules);
    assert!(ran.status == 3 && ran.stderr.contains("cannot sync"), "{ran:?}");
    assert_eq!(facade(&world.path("en")), before);
    world.run("import --enclave en m1").done();
}

#[test]
fn what_clears_up_says_what_it_could_not_remove() {
    if !can_trace() {
        return;
    }
    let (world, mut known) = (two_media(), BTreeSet::new());
    world.run("import --enclave en m1").done();
    // As runs left it that ended in the middle of writing.
    for file in [
        "log/.adding",
        "log/.checkpoint",
        "log/tile/0/000.p/200",
        "rechecks/00009999.journal.ndjson.zst",
        "staging/left/over",
        "statements/.pending-000009-hold.dsse.json",
        "store/incoming-1-1",
        "tree/.new-left/over",
    ] {
        let path = world.path("en").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "left").unwrap();
    }
    fs::remove_file(world.path("en/log/checkpoint")).unwrap();
    Command::new("en", "gc --enclave k").fails(&world, &mut known);
    let cleared = [
        "k/log/.adding",
        "rechecks/",
        "k/staging/left",
        "store/incoming",
        "k/tree/.new-left",
        "k/log/checkpoint",
    ];
    for part in cleared {
        assert!(known.iter().any(|place| place.contains(part)), "{part}: {known:?}");
    }
}
