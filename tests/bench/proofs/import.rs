//! The share of an import that a registry's signatures take: the very steps of an import, from a bundle on disk to findings, timed by what
//! they tell of their progress; and beside them the hashing alone.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::import::authenticate::{Approvals, Judgement, authenticate};
use sealift::import::open::{Input, open};
use sealift::import::verify_evidence::{Pins, verify_evidence};
use sealift::import::verify_objects::{Progress, Verified, Workspace, verify_objects};
use sealift::model::{Algorithm, Claim, ClaimHasher, Digest, Hasher, Material};
use sealift::trust::TrustedRoot;
use serde_json::{Value, json};

use crate::raw_bundle::{Edits, RawBundle, RawObject, noise};
use crate::tgz::{Entry, tgz};
use crate::{Arguments, forge, median, people, share, support};

/// Versions in each packument: about the mean of what lockfiles name.
const VERSIONS: usize = 30;

/// An exporter's own segments have as many bytes.
const SEGMENT_BYTES: usize = 64 << 20;

/// The steps of an import, as they call themselves, and what each does here.
const STEPS: [(&str, &str); 3] = [
    ("verify", "reading the medium, SHA-256, writing aside"),
    ("inspect", "reading again, SHA-1, SHA-512, unpacking, names"),
    ("judge", "packuments, signatures"),
];

/// A package and what its registry says about it.
struct Package {
    name: String,
    tarball: Vec<u8>,
    page: Vec<u8>,
}

/// Imports artifacts with the signatures of a registry, one name each, up to the findings.
pub(crate) fn registry(arguments: &Arguments, threads: usize) {
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let key = forge::key();
    let volume = folder.path().join("main-1.vol001of001.tar");
    let (digests, total) = write(arguments, threads, &key, &volume);
    let keys = json!({"keys": [{
        "keyid": "SHA256:bench", "keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256",
        "key": STANDARD.encode(forge::key_info(&key)), "expires": null,
    }]});
    let pins = Pins {
        anchors: vec![support::anchor("registry", Material::NpmKeys(keys.to_string()))],
        revocations: None,
        max_transit_seconds: 30 * 86_400,
        seen: Vec::new(),
    };
    let mut times: [Vec<f64>; STEPS.len()] = Default::default();
    let (mut plain, mut all) = (Vec::new(), Vec::new());
    // The first run warms the cache and does not count.
    for run in 0..=arguments.runs {
        let staging = folder.path().join(format!("staging-{run}"));
        fs::create_dir(&staging).unwrap();
        let phases = import(&volume, &staging, &pins, threads);
        let objects = staging.join("objects");
        let hashed = [
            hash(&digests, &objects, threads, &[]),
            hash(&digests, &objects, threads, &[Algorithm::Sha1, Algorithm::Sha512]),
        ];
        fs::remove_dir_all(&staging).unwrap();
        if run > 0 {
            for (place, (step, _)) in STEPS.iter().enumerate() {
                times[place].push(phases.seconds(step));
            }
            plain.push(hashed[0]);
            all.push(hashed[0] + hashed[1]);
        }
    }
    let medians = times.each_mut().map(|seconds| median(seconds));
    let whole: f64 = medians.iter().sum();
    println!(
        "**{} artifacts with signatures of an npm registry** ({:.0} MB, {VERSIONS} versions in each packument, warm; medians of {} runs)\n",
        digests.len(),
        total as f64 / 1e6,
        arguments.runs
    );
    println!("| step of the import | seconds | share |\n|---|---|---|");
    for ((step, does), seconds) in STEPS.iter().zip(medians) {
        println!("| {step}: {does} | {seconds:.2} | {:.0} % |", 100.0 * seconds / whole);
    }
    let judging = medians[STEPS.len() - 1];
    let (plain, all) = (median(&mut plain), median(&mut all));
    println!(
        "\nHashing alone: SHA-256 {plain:.2} s, with the SHA-1 and SHA-512 that npm's index wants {all:.2} s. Proof takes {:.2} times as long as the \
         hashing (aim: 0.25), {:.2} times as long as SHA-256 alone.",
        judging / all,
        judging / plain
    );
}

/// Writes the bundle; the artifacts' digests, and how many bytes they have.
fn write(
    arguments: &Arguments,
    threads: usize,
    key: &aws_lc_rs::signature::EcdsaKeyPair,
    volume: &Path,
) -> (Vec<Digest>, u64) {
    let packages = share(arguments.artifacts, threads, &|number| {
        let name = format!("package-{number:06}");
        let about = json!({"name": name, "version": newest()}).to_string();
        let tarball = tgz(&[
            Entry::file("package/package.json", about),
            Entry::file("package/index.bin", noise(number as u64, size(number, arguments.bytes))),
        ]);
        let page = packument(&name, &tarball, key);
        Package { name, tarball, page }
    });
    let mut records = Vec::new();
    for Package { name, page, .. } in &packages {
        records.push(json!({ "document": {
            "digest": Digest::of(page).to_string(), "ecosystem": "npm", "kind": "packument", "name": name,
            "origin": format!("https://registry.example.com/{name}"),
        }}));
    }
    for Package { name, tarball, page } in &packages {
        let (file, page) = (format!("{name}-{}.tgz", newest()), Digest::of(page).to_string());
        records.push(json!({ "artifact": {
            "digest": Digest::of(tarball).to_string(), "ecosystem": "npm", "file": file, "name": name,
            "origin": format!("https://registry.example.com/{name}/-/{file}"),
            "proofs": [
                {"kind": "npm-signature", "objects": [page], "state": "present"},
                {"kind": "npm-attestations", "state": "not-served"},
            ],
            "reason": "package-lock.json", "version": newest(),
        }}));
    }
    let wanted: Vec<Value> = packages
        .iter()
        .map(|Package { name, tarball, .. }| {
            json!({
                "ecosystem": "npm", "name": name, "version": newest(), "file": format!("{name}-{}.tgz", newest()),
                "digests": [sha512(tarball)],
            })
        })
        .collect();
    let digests = packages.iter().map(|package| Digest::of(&package.tarball)).collect();
    let total = packages.iter().map(|package| package.tarball.len() as u64).sum();
    let objects = packages.into_iter().flat_map(|package| {
        [(package.tarball, false), (package.page, true)].map(|(content, zstd)| RawObject { content, zstd })
    });
    let bundle = RawBundle {
        objects: objects.collect(),
        files: Vec::new(),
        plan: json!({"wanted": wanted}).to_string().into_bytes(),
        segment_size: SEGMENT_BYTES,
        ..RawBundle::sample()
    };
    let edits = Edits {
        records: Some(Box::new(move |all: &mut Vec<Value>| all.extend(records.clone()))),
        ..Edits::default()
    };
    fs::write(volume, bundle.build(&edits).swap_remove(0)).unwrap();
    (digests, total)
}

/// The steps of an import, as far as its findings.
fn import(volume: &Path, staging: &Path, pins: &Pins, threads: usize) -> Phases {
    let root = people::sealed_root(&people::root(), &[people::ANN, people::BOB]);
    let judgement = Judgement {
        root: &TrustedRoot::pinned(&root).unwrap(),
        now: people::now(),
        memory: None,
        approvals: Approvals::StillToCome,
        revocations: None,
    };
    let phases = Phases::default();
    let workspace = Workspace {
        staging: staging.to_owned(),
        store: None,
        threads,
        progress: &phases,
    };
    let opened = open(vec![Input::Path(volume.to_owned())]).unwrap();
    let authenticated = authenticate(opened, &judgement).result.unwrap();
    let Verified::Intact(intact) = verify_objects(authenticated, &workspace).unwrap() else {
        panic!("the bundle is whole");
    };
    let judged = verify_evidence(*intact, pins, None, people::now(), threads, &phases).unwrap();
    let mut artifacts = judged.artifacts().unwrap();
    while let Some(artifact) = artifacts.next().unwrap() {
        let signed = artifact.findings.iter().find(|finding| finding.kind == "npm-signature");
        assert!(signed.unwrap().is_confirmed(), "{:?}", artifact.findings);
        // What the lockfile states, and what its registry signed.
        assert_eq!(artifact.findings.len(), 2);
    }
    phases
}

/// How long each step took.
#[derive(Default)]
struct Phases(Mutex<Vec<(&'static str, Instant, Option<f64>)>>);

impl Phases {
    fn seconds(&self, step: &str) -> f64 {
        let phases = self.0.lock().unwrap();
        let of_step = phases.iter().filter(|(own, ..)| *own == step);
        of_step.map(|(.., seconds)| seconds.unwrap()).sum()
    }
}

impl Progress for Phases {
    fn begin(&self, phase: &'static str, _total: u64) {
        self.0.lock().unwrap().push((phase, Instant::now(), None));
    }

    fn advance(&self, _amount: u64) {}

    fn finish(&self) {
        let mut phases = self.0.lock().unwrap();
        if let Some((_, begun, seconds)) = phases.last_mut() {
            *seconds = Some(begun.elapsed().as_secs_f64());
        }
    }
}

/// Reads the artifacts, hashed with other algorithms or, without any, with SHA-256.
fn hash(digests: &[Digest], objects: &Path, threads: usize, others: &[Algorithm]) -> f64 {
    let started = Instant::now();
    share(digests.len(), threads, &|number| {
        let hex = digests[number].hex();
        let mut file = File::open(objects.join(&hex[..1]).join(&hex[1..])).unwrap();
        let (mut plain, mut claims) = (Hasher::new(), ClaimHasher::new(others.iter().copied()));
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).unwrap() {
                0 => break,
                read if others.is_empty() => plain.update(&buffer[..read]),
                read => claims.update(&buffer[..read]),
            }
        }
        assert!(!others.is_empty() || plain.finish() == digests[number]);
        claims.finish().len()
    });
    started.elapsed().as_secs_f64()
}

fn sha512(bytes: &[u8]) -> Claim {
    let mut hasher = ClaimHasher::new([Algorithm::Sha512]);
    hasher.update(bytes);
    hasher.finish().swap_remove(0)
}

/// The version that is imported.
fn newest() -> String {
    format!("1.{}.0", VERSIONS - 1)
}

/// Sizes around a mean: most packages are small, and some are large.
const fn size(number: usize, mean: usize) -> usize {
    match number % 10 {
        0 => mean * 6,
        1..=3 => mean,
        _ => mean / 6,
    }
}

/// A page of many versions, of which the last has these bytes.
fn packument(name: &str, bytes: &[u8], key: &aws_lc_rs::signature::EcdsaKeyPair) -> Vec<u8> {
    let integrity = sha512(bytes).integrity();
    let versions: serde_json::Map<String, Value> = (0..VERSIONS)
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
                "dist": {"integrity": integrity, "fileCount": 9, "unpackedSize": 9999,
                    "tarball": format!("https://registry.example.com/{name}/-/{name}-{version}.tgz"),
                    "signatures": [{"keyid": "SHA256:bench", "sig": signature}]},
            });
            (version, about)
        })
        .collect();
    let times: serde_json::Map<String, Value> = (0..VERSIONS)
        .map(|minor| (format!("1.{minor}.0"), "2026-01-01T00:00:00.000Z".into()))
        .collect();
    json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": versions, "time": times})
        .to_string()
        .into_bytes()
}
