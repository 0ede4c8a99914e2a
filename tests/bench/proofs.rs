//! What proofs cost: verifications per second of every kind on all cores; the cost of 10,000 signatures of an npm registry beside that of
//! hashing what they are about; and 10,000 Sigstore bundles.
//!
//! `proofs [--seconds 1] [--artifacts 10000] [--bytes 131072] [--bundles 10000] [--folder FOLDER]`. The artifacts' bytes lie in files of a
//! temporary folder (about 1.3 GB), read warm, as an import's staging folder is.
#![expect(clippy::disallowed_methods, reason = "a benchmark makes files and measures")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where something fails"
)]

#[path = "../evidence/forge.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod forge;
#[path = "../evidence/openpgp/maker.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod maker;
#[path = "../support/people.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod people;
#[path = "../support/proofs.rs"]
mod proofs;
#[path = "../evidence/support.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support;
#[path = "../support/tgz.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod tgz;

use std::fs::{self, File};
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::evidence::{self, Context, EvidenceKind};
use sealift::import::judge::Judge;
use sealift::model::{
    Algorithm, Anchor, Artifact, Digest, Finding, IdentityPattern, Material, MultiHasher, Outcome, Proof, ProofState,
    Signer,
};
use serde_json::json;

struct Arguments {
    seconds: f64,
    artifacts: usize,
    bytes: usize,
    bundles: usize,
    folder: Option<PathBuf>,
}

fn arguments() -> Arguments {
    let mut read = Arguments {
        seconds: 1.0,
        artifacts: 10_000,
        bytes: 128 << 10,
        bundles: 10_000,
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
        let case = Case::new(*kind, 0);
        let rate = case.rate(threads, Duration::from_secs_f64(arguments.seconds));
        println!(
            "| {} | {rate:.0} | {} | {} |",
            kind.id(),
            case.content.len(),
            case.comes_to()
        );
    }
    println!();
    registry(&arguments, threads);
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

impl Case {
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

/// Versions in each packument: about the mean of what lockfiles name.
const VERSIONS: usize = 30;

/// Artifacts with the signatures of a registry, one name each: hashing their bytes as every import must, and judging their proofs as it
/// does, with every file read again.
fn registry(arguments: &Arguments, threads: usize) {
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let key = forge::key();
    let keys = json!({"keys": [{
        "keyid": "SHA256:bench", "keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256",
        "key": STANDARD.encode(forge::key_info(&key)), "expires": null,
    }]});
    let anchors = [support::anchor("registry", Material::NpmKeys(keys.to_string()))];
    let artifacts = share(arguments.artifacts, threads, &|number| {
        let bytes = noise(number as u64, size(number, arguments.bytes));
        let name = format!("package-{number}");
        let version = format!("1.{}.0", VERSIONS - 1);
        let mut artifact = support::artifact("npm", &name, &version, &format!("{name}-{version}.tgz"), &bytes);
        let page = packument(&name, &bytes, &key);
        artifact.proofs = vec![Proof {
            kind: "npm-signature".to_owned(),
            state: ProofState::Present,
            objects: vec![Digest::of(&page)],
        }];
        fs::write(place(folder.path(), &artifact.digest), &bytes).unwrap();
        fs::write(place(folder.path(), &Digest::of(&page)), &page).unwrap();
        artifact
    });
    let total: u64 = artifacts
        .iter()
        .map(|artifact| fs::metadata(place(folder.path(), &artifact.digest)).unwrap().len())
        .sum();
    let locate = |digest: &Digest| place(folder.path(), digest);
    let hash = |also: &'static [Algorithm]| {
        let started = Instant::now();
        let right = share(artifacts.len(), threads, &|number| {
            let artifact = &artifacts[number];
            hash_file(&locate(&artifact.digest), also) == artifact.digest
        });
        assert!(right.into_iter().all(|right| right));
        started.elapsed().as_secs_f64()
    };
    let judge = || {
        let context = context(&anchors);
        let judge = Judge::again(&context, None, &locate);
        let started = Instant::now();
        let findings = judge.judge_all(&artifacts, threads).unwrap();
        let seconds = started.elapsed().as_secs_f64();
        for finding in findings.iter().flatten() {
            assert!(finding.is_confirmed(), "{}", finding.reason);
        }
        seconds
    };
    // The first run warms the cache; of three more the median counts, in turns.
    hash(&[]);
    let (mut plain, mut index, mut judging) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        plain.push(hash(&[]));
        index.push(hash(&[Algorithm::Sha1, Algorithm::Sha512]));
        judging.push(judge());
    }
    let (plain, index, judging) = (median(&mut plain), median(&mut index), median(&mut judging));
    println!(
        "**{} artifacts with signatures of an npm registry** ({:.0} MB, {VERSIONS} versions in each packument, warm)\n",
        artifacts.len(),
        total as f64 / 1e6
    );
    println!("| work | seconds | as a part of judging |\n|---|---|---|");
    for (work, seconds) in [
        ("reading and SHA-256, which every import does", plain),
        ("the same with SHA-1 and SHA-512, which npm's index wants", index),
        ("judging: reading, SHA-512, packument, signature", judging),
    ] {
        println!("| {work} | {seconds:.2} | {:.2} |", seconds / judging);
    }
    println!(
        "\nJudging takes {:.2} times as long as SHA-256 alone, and {:.2} times as long as all that an import of npm hashes (aim: 0.25).",
        judging / plain,
        judging / (plain + index)
    );
}

/// Sizes around a mean: most packages are small, and some are large.
fn size(number: usize, mean: usize) -> usize {
    match number % 10 {
        0 => mean * 6,
        1..=3 => mean,
        _ => mean / 6,
    }
}

/// A page of many versions, of which the last has these bytes.
fn packument(name: &str, bytes: &[u8], key: &aws_lc_rs::signature::EcdsaKeyPair) -> Vec<u8> {
    let mut hasher = MultiHasher::new([Algorithm::Sha512]);
    hasher.update(bytes);
    let claims = hasher.finish().1;
    let integrity = claims
        .iter()
        .find(|claim| claim.algorithm() == Algorithm::Sha512)
        .unwrap()
        .integrity();
    let versions: serde_json::Map<String, serde_json::Value> = (0..VERSIONS)
        .map(|minor| {
            let version = format!("1.{minor}.0");
            let message = format!("{name}@{version}:{integrity}");
            let signature = if minor == VERSIONS - 1 {
                STANDARD.encode(forge::sign(key, message.as_bytes()))
            } else {
                STANDARD.encode([0x30; 70])
            };
            let about = json!({
                "name": name, "version": version, "description": "a package of the benchmark", "license": "MIT",
                "dependencies": {"a": "^1.0.0", "b": "~2.1.0"}, "scripts": {"test": "node test.js"},
                "repository": {"type": "git", "url": "git+https://forge.example.com/x/y.git"},
                "dist": {"integrity": integrity, "shasum": "0".repeat(40), "fileCount": 9, "unpackedSize": 9999,
                    "tarball": format!("https://registry.example.com/{name}/-/{name}-{version}.tgz"),
                    "signatures": [{"keyid": "SHA256:bench", "sig": signature}]},
            });
            (version, about)
        })
        .collect();
    let times: serde_json::Map<String, serde_json::Value> = (0..VERSIONS)
        .map(|minor| (format!("1.{minor}.0"), "2026-01-01T00:00:00.000Z".into()))
        .collect();
    json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": versions, "time": times})
        .to_string()
        .into_bytes()
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

fn place(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join(digest.hex())
}

/// A file's digest; other algorithms may run along.
fn hash_file(path: &Path, also: &[Algorithm]) -> Digest {
    let mut file = File::open(path).unwrap();
    let mut hasher = MultiHasher::new(also.iter().copied());
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return hasher.finish().0,
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
