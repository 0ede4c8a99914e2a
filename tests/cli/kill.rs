//! Kills at every kind of write: `strace` ends the program with SIGKILL at its n-th call of a kind. Afterwards clients see
//! the old or the new state and nothing else, the next run just works, and what it leaves is, file by file, what a run
//! without a kill leaves.
//!
//! Points are sampled; `SEALIFT_KILL_ALL=1` takes all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::raw_bundle::noise;
use crate::world::{Ran, Tree, World, facade, say, tree};

/// The calls that change something on a disk.
pub(crate) const WRITES: [&str; 23] = [
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "copy_file_range",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mkdir",
    "mkdirat",
    "rmdir",
    "unlink",
    "unlinkat",
    "fsync",
    "fdatasync",
    "syncfs",
    "ftruncate",
    "fallocate",
    "fchmod",
];

/// Whether `strace` is here and may trace; a machine that promises all clients must have it.
pub(crate) fn can_trace() -> bool {
    let works = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        assert_ne!(
            std::env::var("SEALIFT_ALL_CLIENTS").as_deref(),
            Ok("1"),
            "strace is missing or may not trace"
        );
        say("skipped: strace is not found or may not trace");
    }
    works
}

/// A moment at which the program is killed: when it is about to make its n-th call of a kind.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    call: String,
    number: usize,
}

impl Point {
    /// Whether it is at a call of this kind.
    pub(crate) fn is(&self, call: &str) -> bool {
        self.call == call
    }
}

pub(crate) fn strace(world: &World, options: &[String], line: &str) -> std::process::Output {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-qq"])
        .args(options)
        .arg(env!("CARGO_BIN_EXE_sealift"))
        .args(line.split_whitespace());
    world.surround(&mut command);
    command.env("PATH", "/usr/bin:/bin").output().unwrap()
}

/// The points of a command line, in the order of the run: about `sample` of them, spread over all, or all of them.
pub(crate) fn points(world: &World, line: &str, sample: usize) -> Vec<Point> {
    let log = world.path("trace");
    let options = [
        "-e".to_owned(),
        format!("trace={}", WRITES.join(",")),
        "-o".to_owned(),
        log.display().to_string(),
    ];
    let output = strace(world, &options, line);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The tracer counts calls of each kind in each thread by itself.
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = Vec::new();
    for entry in fs::read_to_string(&log).unwrap().lines() {
        let mut words = entry.split_whitespace();
        let (Some(thread), Some(rest)) = (words.next(), words.next()) else {
            continue;
        };
        let Some((call, _)) = rest.split_once('(') else {
            continue;
        };
        if !WRITES.contains(&call) {
            continue;
        }
        let number = counts.entry((thread.to_owned(), call.to_owned())).or_default();
        *number += 1;
        let most = seen.entry(call.to_owned()).or_default();
        if *number > *most {
            *most = *number;
            all.push(Point {
                call: call.to_owned(),
                number: *number,
            });
        }
    }
    assert!(all.len() > 3, "{all:?}");
    if std::env::var_os("SEALIFT_KILL_ALL").is_some() || all.len() <= sample {
        return all;
    }
    // The last calls are those that commit and show, so they are taken all; the rest evenly. A new enclave makes 256
    // equal folders, of which few tell anything.
    let (tail, mut folders) = (all.len() - sample / 3, 0);
    let (early, late) = all.split_at(tail);
    let early: Vec<&Point> = early
        .iter()
        .filter(|point| {
            folders += usize::from(point.call == "mkdir");
            point.call != "mkdir" || folders % 32 == 1
        })
        .collect();
    let wanted = sample - late.len();
    let step = (early.len() as f64 / wanted as f64).max(1.0);
    let chosen = (0..wanted)
        .map(|index| (index as f64 * step) as usize)
        .take_while(|index| *index < early.len());
    chosen
        .map(|index| early[index].clone())
        .chain(late.iter().cloned())
        .collect()
}

/// Runs a command line and kills it at a point. Says whether it got that far.
pub(crate) fn kill_at(world: &World, line: &str, point: &Point) -> bool {
    let set = format!("trace={}", point.call);
    let inject = format!("inject={}:signal=SIGKILL:when={}", point.call, point.number);
    let output = strace(
        world,
        &[
            "-e".to_owned(),
            set,
            "-e".to_owned(),
            inject,
            "-o".to_owned(),
            "/dev/null".to_owned(),
        ],
        line,
    );
    !output.status.success()
}

fn copy(world: &World, from: &str, to: &str) {
    let _ = fs::remove_dir_all(world.path(to));
    let copied = Command::new("cp")
        .arg("-a")
        .arg(world.path(from))
        .arg(world.path(to))
        .status()
        .unwrap();
    assert!(copied.success());
}

/// What stands on the enclave's disk, apart from its memory's own file and the lock.
fn files(enclave: &Path) -> Tree {
    let mut tree = tree(enclave, &["state.db", "state.db-wal", "state.db-shm", "lock"]);
    tree.remove(Path::new("staging"));
    // A report says when it was written; which reports there are must not differ.
    for (path, text) in &mut tree {
        // The log holds digests of them.
        if ["reports", "log", "statements"]
            .iter()
            .any(|folder| path.starts_with(folder))
        {
            text.clear();
        }
    }
    tree
}

/// What the memory says, without times.
fn memory(world: &World, enclave: &str) -> Value {
    let mut status = world.json(&format!("status --enclave {enclave}"));
    let generation = |generation: &Value| {
        json!([
            generation["number"],
            generation["root"],
            generation["bundle"],
            generation["note"]
        ])
    };
    let kept: Vec<Value> = status["kept_generations"]
        .as_array()
        .unwrap()
        .iter()
        .map(generation)
        .collect();
    let listed = world.json(&format!("list --enclave {enclave} --all"));
    let artifacts: Vec<Value> = listed["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| {
            json!([
                artifact["purl"],
                artifact["digest"],
                artifact["current"],
                artifact["last_bundle"]["sequence"]
            ])
        })
        .collect();
    json!({
        "kept": kept,
        "shown": status["shown_generation"].take(),
        "streams": status["streams"].take(),
        "ecosystems": status["ecosystems"].take(),
        "unfinished": status["unfinished"].take(),
        "known_time": status["known_time"].take(),
        "artifacts": artifacts,
    })
}

/// Every object has the content that its name says.
fn check_store(enclave: &Path) {
    let objects = enclave.join("store/objects");
    for (path, digest) in tree(&objects, &[]) {
        if digest != "folder" {
            let name: String = path.to_str().unwrap().split('/').collect();
            assert_eq!(digest, format!("sha256:{name}"));
        }
    }
}

/// Kills a command at many points. `next` is run after each kill and must bring the enclave where a whole run brings it.
fn survive(world: &World, start: &str, line: &str, next: &str, sample: usize) {
    copy(world, start, "k");
    let old = facade(&world.path("k"));
    let points = points(world, line, sample);
    let new = facade(&world.path("k"));
    // Once more, without the tracer's own run in between: the state that every run has to reach.
    copy(world, start, "k");
    world.run(line).done();
    assert_eq!(facade(&world.path("k")), new);
    world.run(next).done();
    world.run("gc --enclave k").done();
    let (wanted_files, wanted_memory, wanted_facade) =
        (files(&world.path("k")), memory(world, "k"), facade(&world.path("k")));
    let mut killed = 0;
    for point in &points {
        copy(world, start, "k");
        killed += usize::from(kill_at(world, line, point));
        let seen = facade(&world.path("k"));
        assert!(
            seen == old || seen == new,
            "{point:?}: clients see neither the old nor the new generation"
        );
        let ran: Ran = world.run(next);
        assert_eq!(ran.status, 0, "{point:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(facade(&world.path("k")), wanted_facade, "{point:?}");
        check_store(&world.path("k"));
        world.run("report list --enclave k").done();
        assert!(
            tree(&world.path("k/staging"), &[]).is_empty(),
            "{point:?}: {:?}",
            tree(&world.path("k/staging"), &[])
        );
        world.run("gc --enclave k").done();
        assert_eq!(memory(world, "k"), wanted_memory, "{point:?}");
        let (found, wanted) = (files(&world.path("k")), &wanted_files);
        let differs: Vec<_> = found
            .iter()
            .filter(|(path, text)| wanted.get(*path) != Some(text))
            .collect();
        let lost: Vec<_> = wanted.keys().filter(|path| !found.contains_key(*path)).collect();
        assert!(
            differs.is_empty() && lost.is_empty(),
            "{point:?}: {differs:?}, lost {lost:?}"
        );
    }
    say(&format!("{line}: killed at {killed} of {} points", points.len()));
    assert!(killed * 2 > points.len(), "the points are not met any more");
}

pub(crate) fn two_media() -> World {
    let world = World::new();
    let first = world.medium(1, None);
    let mut bundle = world.bundle(2, Some(first));
    bundle.segment_size = 1 << 20;
    // More than one buffer, more than one segment, and a text that is unpacked.
    bundle.files.push(("big.bin".to_owned(), noise(7, 3 << 20)));
    bundle
        .files
        .push(("long.txt".to_owned(), b"again and again\n".repeat(200_000)));
    world.write("m2", &bundle, &World::edits(|_| {}));
    world
}

#[test]
fn the_first_import_survives_every_kill() {
    if can_trace() {
        let world = two_media();
        let line = "import --enclave k m1 --threads 1";
        survive(&world, "en", line, line, 30);
    }
}

#[test]
fn a_later_import_survives_every_kill() {
    if can_trace() {
        let world = two_media();
        world.run("import --enclave en m1").done();
        let line = "import --enclave k m2 --threads 2";
        survive(&world, "en", line, line, 60);
    }
}

#[test]
fn a_volume_that_is_kept_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = World::new();
    let mut bundle = world.bundle(1, None);
    bundle.segments_per_volume = Some(2);
    world.write("all", &bundle, &World::edits(|_| {}));
    let mut volumes: Vec<_> = fs::read_dir(world.path("all"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    volumes.sort();
    world
        .run(&format!("import --enclave en {}", volumes[1].display()))
        .done();
    // The second of the volumes to come, and then all the others.
    let line = format!("import --enclave k {} --threads 1", volumes[0].display());
    let rest: Vec<String> = volumes[2..].iter().map(|path| path.display().to_string()).collect();
    let next = format!("import --enclave k {} {}", volumes[0].display(), rest.join(" "));
    survive(&world, "en", &line, &next, 30);
}

#[test]
fn a_rollback_and_a_sweep_survive_every_kill() {
    if !can_trace() {
        return;
    }
    let world = two_media();
    for medium in ["m1", "m2"] {
        world.run(&format!("import --enclave en {medium}")).done();
    }
    // Going back to a named generation twice makes two generations that show the same, so the next command is a sweep.
    copy(&world, "en", "k");
    let (before, line) = (facade(&world.path("k")), "rollback --enclave k --to 1 --reason test");
    let points = points(&world, line, 15);
    let after = facade(&world.path("k"));
    assert_ne!(before, after);
    for point in &points {
        copy(&world, "en", "k");
        kill_at(&world, line, point);
        let seen = facade(&world.path("k"));
        assert!(seen == before || seen == after, "{point:?}");
        world.run("gc --enclave k").done();
        let status = world.json("status --enclave k");
        let (number, seen) = (
            status["generation"]["number"].as_u64().unwrap(),
            facade(&world.path("k")),
        );
        assert_eq!(status["shown_generation"], number, "{point:?}");
        assert!(
            (number == 2 && seen == before) || (number == 3 && seen == after),
            "{point:?}: {number}"
        );
    }
    world.run("rollback --enclave en --to 1 --reason test").done();
    let line = "gc --enclave k --keep 1";
    survive(&world, "en", line, line, 25);
}

#[test]
fn a_removal_of_records_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = two_media();
    world.run("import --enclave en m1").done();
    fs::write(world.path("other.tar"), vec![0; 4096]).unwrap();
    for _ in 0..2 {
        assert_eq!(world.run("import --enclave en other.tar").status, 1);
    }
    world.run("import --enclave en m2").done();
    world.policy(crate::retention::AT_ONCE);
    let line = "prune --enclave k";
    survive(&world, "en", line, line, 40);
}

#[test]
fn a_hold_survives_every_kill() {
    if !can_trace() {
        return;
    }
    let world = two_media();
    world.run("import --enclave en m1").done();
    copy(&world, "en", "k");
    let line = "hold add audit --everything --enclave k --reason test --key en/keys/import.pem";
    for point in points(&world, line, 30) {
        copy(&world, "en", "k");
        kill_at(&world, line, &point);
        let held = world.json("hold list --enclave k")["holds"].as_array().unwrap().len();
        world.run("gc --enclave k").done();
        let later = world.json("hold list --enclave k")["holds"].as_array().unwrap().len();
        assert_eq!(held, later, "{point:?}");
        world.run("audit --enclave k").done();
        let again = world.run(line);
        assert_eq!(again.status, if held == 1 { 3 } else { 0 }, "{point:?}: {again:?}");
    }
}
