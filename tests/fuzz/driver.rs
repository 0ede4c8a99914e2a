//! Runs targets: each in a process of its own, so that a stack that overflows is seen too, and says which round it was.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::mutate::{Random, mutate};
use crate::{ALLOCATED, seeds};

/// One input: the parts that a target takes together, such as an artifact and the objects of its proof.
pub(crate) type Parts = Vec<Vec<u8>>;

/// Gives right input.
type Seeds = Box<dyn Fn() -> Vec<Parts>>;

/// Reads an input.
type Read = Box<dyn Fn(&[Vec<u8>])>;

/// Something that reads untrusted bytes.
pub(crate) struct Target {
    pub(crate) name: String,
    /// Rounds of a usual run.
    pub(crate) rounds: u64,
    /// What it may have allocated at once, beside what its input needs many times over.
    pub(crate) max_bytes: usize,
    /// Right input, and what was found once.
    pub(crate) seeds: Seeds,
    /// Reads an input; panics where the program does not keep its word.
    pub(crate) read: Read,
}

/// Trees of JSON and YAML take some thirty times their text.
const MAX_GROWTH: usize = 64;

/// A round takes milliseconds; machines that build beside are slow.
const MAX_ROUND: Duration = Duration::from_secs(60);

/// After so many bad ends a target is not asked further.
const MAX_FAILURES: u64 = 5;

struct Arguments {
    filters: Vec<String>,
    times: u64,
    seed: u64,
    data: Option<PathBuf>,
    child: Option<String>,
}

fn arguments() -> Arguments {
    let mut read = Arguments {
        filters: Vec::new(),
        times: 1,
        seed: 0,
        data: None,
        child: None,
    };
    let mut given = env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().unwrap_or_else(|| panic!("{argument} wants a value"));
        match argument.as_str() {
            "--times" => read.times = value().parse().unwrap(),
            "--seed" => read.seed = value().parse().unwrap(),
            "--data" => read.data = Some(value().into()),
            "--child" => read.child = Some(value()),
            // What `cargo test` passes to every test binary.
            other if other.starts_with('-') => {}
            other => read.filters.push(other.to_owned()),
        }
    }
    read
}

pub(crate) fn run(targets: &[Target]) -> ExitCode {
    let arguments = arguments();
    if let Some(name) = &arguments.child {
        let target = targets.iter().find(|target| target.name == *name).unwrap();
        return child(target, &arguments);
    }
    let is_chosen = |name: &&str| {
        let filters = &arguments.filters;
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let names = targets.iter().map(|target| target.name.as_str());
    let chosen: Vec<&str> = names.filter(is_chosen).collect();
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores.min(chosen.len()) {
            scope.spawn(|| {
                while let Some(name) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !attend(name, &arguments) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    say(&format!("{} targets, {failed} failed", chosen.len()));
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs one target's process to its end, and tells what became of it.
fn attend(name: &str, arguments: &Arguments) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--child", name]).args([
        "--times",
        &arguments.times.to_string(),
        "--seed",
        &arguments.seed.to_string(),
    ]);
    if let Some(data) = &arguments.data {
        command.arg("--data").arg(data);
    }
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let last = told.lines().last().unwrap_or("nothing");
    let well = output.status.success();
    let seconds = started.elapsed().as_secs();
    let verdict = if well { "ok" } else { "FAILED" };
    say(&format!("{verdict:<7} {seconds:>3}s  {name}: {last}"));
    if !well {
        say(&format!(
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    well
}

/// Runs all rounds of one target in this process. The last line that it prints names the round.
fn child(target: &Target, arguments: &Arguments) -> ExitCode {
    let round = watch();
    let mut seeds = (target.seeds)();
    let right = seeds.len();
    assert!(right > 0, "{} has nothing to begin with", target.name);
    seeds.extend(seeds::found(&target.name));
    if let Some(data) = &arguments.data {
        seeds.extend(seeds::others(data, &seeds));
    }
    let mut failures = 0;
    let rounds = target.rounds * arguments.times;
    for number in 0..seeds.len() as u64 + rounds {
        let input = match seeds.get(number as usize) {
            Some(seed) => seed.clone(),
            None => {
                let mut random = Random::new(&target.name, arguments.seed, number);
                let mut input = random.pick(&seeds).clone();
                mutate(&mut random, &mut input, &seeds);
                input
            }
        };
        round.fetch_add(1, Ordering::Relaxed);
        say(&format!("round {number}"));
        let Err(what) = one(target, &input) else { continue };
        failures += 1;
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("../fuzz")
            .join(&target.name)
            .join(number.to_string());
        let _ = writeln!(std::io::stderr(), "round {number}: {what}: see {}", place.display());
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        for (index, part) in input.iter().enumerate() {
            fs::write(place.join(index.to_string()), part).unwrap();
        }
        if failures >= MAX_FAILURES {
            break;
        }
    }
    if failures > 0 {
        say(&format!("{failures} rounds ended badly"));
        return ExitCode::FAILURE;
    }
    say(&format!("{rounds} rounds from {} inputs", seeds.len()));
    ExitCode::SUCCESS
}

/// One round. The panic's own text has been printed by then.
fn one(target: &Target, input: &Parts) -> Result<(), String> {
    let size: usize = input.iter().map(Vec::len).sum();
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    catch_unwind(AssertUnwindSafe(|| (target.read)(input))).map_err(|_| "it panicked".to_owned())?;
    let took = ALLOCATED.peak_usage().saturating_sub(before);
    if took > target.max_bytes + size * MAX_GROWTH {
        return Err(format!("it had allocated {took} bytes at once"));
    }
    Ok(())
}

/// Ends the process when a round does not end. The counter is raised with every round.
fn watch() -> Arc<AtomicU64> {
    let round = Arc::new(AtomicU64::new(0));
    let watched = Arc::clone(&round);
    let since = Mutex::new((0, Instant::now()));
    thread::spawn(move || {
        loop {
            thread::sleep(Duration::from_secs(1));
            let now = watched.load(Ordering::Relaxed);
            let mut since = since.lock().unwrap();
            if since.0 != now {
                *since = (now, Instant::now());
            } else if since.1.elapsed() > MAX_ROUND {
                let _ = writeln!(std::io::stderr(), "the round does not end");
                std::process::abort();
            }
        }
    });
    round
}

fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
