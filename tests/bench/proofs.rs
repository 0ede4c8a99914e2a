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

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealift::evidence::{self, Context, EvidenceKind};
use sealift::model::{Anchor, Artifact, Finding, IdentityPattern, Material, Outcome, Signer};

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

/// One proof that is judged over and over, opened anew each time.
struct Case {
    kind: &'static dyn EvidenceKind,
    artifact: Artifact,
    content: Vec<u8>,
    objects: Vec<Vec<u8>>,
    anchors: Vec<Anchor>,
    findings: Vec<Finding>,
}

/// Artifacts of which the fixtures have no bytes, as their proofs name them: kind, SHA-256, size.
const NAMED: &[(&str, &str, usize)] = &[
    (
        "in-toto",
        "sha256:52947cb78b91ad01fe81cd6aef42d1f6817e92b9e6936c1e5aabb7c98514f355",
        4,
    ),
    (
        "notation",
        "sha256:60043cf45eaebc4c0867fea485a039b598f52fd09fd5b07b0b2d2f88fad9d74e",
        528,
    ),
];

impl Case {
    /// The first proof of a kind that is judged to its end, and good: what ends early costs less than a verification.
    fn confirmed(kind: &'static dyn EvidenceKind) -> Self {
        (0..proofs::inputs(kind.id()).len())
            .map(|number| Self::new(kind, number))
            .find(|case| case.findings.iter().any(Finding::is_confirmed))
            .unwrap_or_else(|| panic!("{}: no proof of it is confirmed", kind.id()))
    }

    fn new(kind: &'static dyn EvidenceKind, number: usize) -> Self {
        let input = proofs::inputs(kind.id()).swap_remove(number);
        let called = String::from_utf8(input[0].clone()).unwrap();
        let words: Vec<&str> = called.split('\n').collect();
        let mut case = Self {
            kind,
            artifact: support::artifact(words[0], words[1], words[2], words[3], &input[1]),
            content: input[1].clone(),
            objects: input[2..].to_vec(),
            anchors: proofs::anchors(),
            findings: Vec::new(),
        };
        if let Some((_, digest, size)) = NAMED.iter().find(|(named, ..)| *named == kind.id()) {
            case.artifact.digest = digest.parse().unwrap();
            case.content.resize(*size, 0);
        }
        case.findings = case.judge();
        // Whom the proof names is pinned, so that it is judged to its end.
        let mut pinned = 0;
        for finding in &case.findings {
            for signer in &finding.signers {
                if let Signer::Identity(identity) = signer {
                    let pattern = IdentityPattern {
                        issuer: identity.issuer.clone(),
                        subject: Some(identity.subject.clone()),
                        ..IdentityPattern::default()
                    };
                    pinned += 1;
                    case.anchors
                        .push(support::anchor(&format!("found-{pinned}"), Material::Identity(pattern)));
                }
            }
        }
        case.findings = case.judge();
        assert!(!case.findings.is_empty(), "{}", kind.id());
        case
    }

    fn judge(&self) -> Vec<Finding> {
        let context = context(&self.anchors);
        match self.kind.open(self.objects.clone(), &context) {
            Ok(opened) => opened.judge(&self.artifact, &mut Cursor::new(&self.content)),
            Err(finding) => vec![*finding],
        }
    }

    fn comes_to(&self) -> String {
        let outcomes = self.findings.iter().map(|finding| match finding.outcome {
            Outcome::Confirmed(level) => format!("confirmed, {level}"),
            Outcome::Contradicted(fault) => format!("contradicted, {fault:?}"),
            Outcome::Undecided(doubt) => format!("undecided, {doubt:?}"),
        });
        outcomes.collect::<Vec<_>>().join("; ")
    }

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

fn context(anchors: &[Anchor]) -> Context<'_> {
    Context {
        anchors,
        now: support::time(proofs::NOW),
        exported: support::time(proofs::NOW),
        max_transit_seconds: 30 * 86_400,
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
