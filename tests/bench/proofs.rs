//! What proofs cost: verifications per second of every kind on all cores; the share of an import that the signatures of an npm registry take
//! (`import.rs`); and 10,000 Sigstore bundles.
//!
//! `proofs [--seconds 1] [--artifacts 10000] [--bytes 131072] [--bundles 10000] [--runs 3] [--folder FOLDER]`. The artifacts have about 1.3 GB, three
//! times over on the disk of FOLDER, and four times over in memory while their bundle is made.
#![expect(clippy::disallowed_methods, reason = "a benchmark makes files and measures")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where something fails"
)]

#[path = "../support/case.rs"]
mod case;
#[path = "../evidence/forge.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod forge;
#[path = "proofs/import.rs"]
mod import;
#[path = "../evidence/openpgp/maker.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod maker;
#[path = "../support/people.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod people;
#[path = "../support/proofs.rs"]
mod proofs;
#[path = "../support/raw_bundle.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod raw_bundle;
#[path = "../evidence/support.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support;
#[path = "../support/tgz.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod tgz;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use case::Case;
use sealift::evidence;
use sealift::model::Finding;

struct Arguments {
    seconds: f64,
    artifacts: usize,
    bytes: usize,
    bundles: usize,
    runs: usize,
    folder: Option<PathBuf>,
}

fn arguments() -> Arguments {
    let mut read = Arguments {
        seconds: 1.0,
        artifacts: 10_000,
        bytes: 128 << 10,
        bundles: 10_000,
        runs: 3,
        folder: None,
    };
    // Cargo passes `--bench` to every benchmark.
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let value = given.next().unwrap_or_else(|| panic!("{name} wants a value"));
        match name.as_str() {
            "--seconds" => read.seconds = value.parse().unwrap(),
            "--artifacts" => read.artifacts = value.parse().unwrap(),
            "--bytes" => read.bytes = value.parse().unwrap(),
            "--bundles" => read.bundles = value.parse().unwrap(),
            "--runs" => read.runs = value.parse().unwrap(),
            "--folder" => read.folder = Some(value.into()),
            _ => panic!("{name}: no such argument"),
        }
    }
    read
}

fn main() {
    let arguments = arguments();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    println!("**Proofs, on {threads} cores**\n");
    println!("| kind | verifications a second | of bytes | comes to |\n|---|---|---|---|");
    for kind in evidence::ALL {
        let case = Case::confirmed(*kind);
        let rate = case.rate(threads, Duration::from_secs_f64(arguments.seconds));
        println!(
            "| {} | {rate:.0} | {} | {} |",
            kind.id(),
            case.content.len(),
            case.comes_to()
        );
    }
    println!();
    import::registry(&arguments, threads);
    println!();
    bundles(&arguments, threads);
}

impl Case {
    /// How often a second it is judged, on so many threads, each finding as the first time.
    fn rate(&self, threads: usize, at_least: Duration) -> f64 {
        let started = Instant::now();
        let judged = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while started.elapsed() < at_least {
                        assert_eq!(self.judge().len(), self.findings.len());
                        judged.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        judged.into_inner() as f64 / started.elapsed().as_secs_f64()
    }
}

/// Real Sigstore bundles, each read and judged from nothing.
fn bundles(arguments: &Arguments, threads: usize) {
    let kind = evidence::find("sigstore").unwrap();
    let cases: Vec<Case> = (0..proofs::inputs("sigstore").len())
        .map(|number| Case::new(kind, number))
        .filter(|case| case.findings.iter().any(Finding::is_confirmed))
        .collect();
    let started = Instant::now();
    let confirmed = share(arguments.bundles, threads, &|number| {
        cases[number % cases.len()].judge().iter().any(Finding::is_confirmed)
    });
    let seconds = started.elapsed().as_secs_f64();
    assert!(confirmed.into_iter().all(|confirmed| confirmed));
    println!(
        "**{} Sigstore bundles** ({} real ones by turns): {seconds:.1} s",
        arguments.bundles,
        cases.len()
    );
}

/// Does something for each number, on so many threads; the results are in order.
fn share<T: Send>(count: usize, threads: usize, work: &(dyn Fn(usize) -> T + Sync)) -> Vec<T> {
    let part = count.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    (thread * part..((thread + 1) * part).min(count))
                        .map(work)
                        .collect::<Vec<T>>()
                })
            })
            .collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    })
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
