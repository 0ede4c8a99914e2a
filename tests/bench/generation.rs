//! What a generation costs: importing many names at once, then adding one name to them.
//!
//! `generation [NAMES [FOLDER]]`: 100,000 names in a temporary folder, unless told otherwise. Choose a folder on the file
//! system that matters.
#![expect(clippy::disallowed_methods, reason = "a benchmark makes files and measures")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where something fails"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use sealift::ecosystem::Held;
use sealift::enclave::Enclave;
use sealift::ledger::BundleRecord;
use sealift::model::{Artifact, Digest, Name, RelativePath, Timestamp};
use sealift::repository::NameFiles;
use sealift::store;

fn main() {
    // Cargo passes `--bench` to every benchmark.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let names: usize = arguments.next().map_or(100_000, |number| number.parse().unwrap());
    let folder = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let mut enclave = Enclave::create(folder.path(), "the benchmark").unwrap();

    let changes: Vec<_> = (0..names).map(|number| change(&enclave, number)).collect();
    store::sync_file_systems([enclave.repository.folder()]).unwrap();
    println!("{names} names of 2 files each, objects stored beforehand");
    import(&mut enclave, 1, &changes, folder.path());
    for sequence in 2..5 {
        let added = change(&enclave, names + usize::try_from(sequence).unwrap());
        import(&mut enclave, sequence, &[added], folder.path());
    }
    println!("peak memory {}", peak_memory());
}

/// A crate and its index page, as cargo's layout has them.
fn change(enclave: &Enclave, number: usize) -> NameFiles {
    let name = format!("crate-{number}");
    let put = |text: String| enclave.repository.store().put_bytes(text.as_bytes()).unwrap();
    let path = |text: String| RelativePath::new(text).unwrap();
    NameFiles {
        files: vec![
            (
                path(format!("index/cr/at/{name}")),
                put(format!("index page of {name}")),
            ),
            (path(format!("{name}-1.0.0.crate")), put(format!("content of {name}"))),
        ],
        name: Name {
            ecosystem: "cargo".to_owned(),
            name,
        },
    }
}

fn import(enclave: &mut Enclave, sequence: u64, changes: &[NameFiles], folder: &Path) {
    let files = changes.iter().map(|change| change.files.len()).sum::<usize>();
    let base = enclave.repository.current().unwrap().map(|current| current.root);
    let begin = Instant::now();
    let transaction = enclave.ledger.begin(bundle(sequence)).unwrap();
    for change in changes {
        transaction.artifact(&held(change)).unwrap();
    }
    let artifacts = begin.elapsed();
    for change in changes {
        transaction
            .paths(&change.name, change.files.iter().map(|(path, _)| path))
            .unwrap();
    }
    let recorded = begin.elapsed();
    let mut stager = enclave.repository.stager(base).unwrap();
    for change in changes {
        stager.name(change).unwrap();
    }
    let staged = stager.finish().unwrap();
    let written = begin.elapsed();
    store::sync_file_systems([enclave.repository.folder()]).unwrap();
    let synced = begin.elapsed();
    let generation = transaction.commit(staged.root().digest(), None).unwrap();
    let committed = begin.elapsed();
    enclave.repository.switch(generation.number, &staged).unwrap();
    let whole = begin.elapsed();
    let per = |time: Duration, count: usize| time.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap());
    println!(
        "generation {sequence}: {files} files, {} nodes written, {:.3} s in all: artifacts {:.3} s ({:.1} us each), paths {:.3} s, \
         tree {:.3} s ({:.1} us a file), sync {:.3} s, commit {:.3} s, switch {:.3} s",
        staged.written(),
        whole.as_secs_f64(),
        artifacts.as_secs_f64(),
        per(artifacts, changes.len()),
        (recorded - artifacts).as_secs_f64(),
        (written - recorded).as_secs_f64(),
        per(written - recorded, files),
        (synced - written).as_secs_f64(),
        (committed - synced).as_secs_f64(),
        (whole - committed).as_secs_f64(),
    );
    let first = &changes[0];
    let shown = std::fs::read(folder.join("repository/cargo").join(first.files[0].0.as_str())).unwrap();
    assert_eq!(Digest::of(&shown), first.files[0].1);
}

fn bundle(sequence: u64) -> BundleRecord {
    BundleRecord {
        manifest: Digest::of(&sequence.to_le_bytes()),
        stream: "benchmark".to_owned(),
        epoch: 1,
        sequence,
        created: Timestamp::from_seconds(1_700_000_000),
        imported: Timestamp::from_seconds(1_700_000_000),
        root_version: 1,
        signers: vec!["alice".to_owned()],
    }
}

fn held(change: &NameFiles) -> Held {
    Held {
        artifact: Artifact {
            ecosystem: change.name.ecosystem.clone(),
            name: change.name.name.clone(),
            version: "1.0.0".to_owned(),
            file: change.files[1].0.to_string(),
            digest: change.files[1].1,
            origin: "cache".to_owned(),
            reason: "Cargo.lock".to_owned(),
            proofs: Vec::new(),
        },
        size: 1000,
        facts: serde_json::json!({ "deps": [], "features": {} }),
        derived: BTreeMap::new(),
    }
}

/// The highest memory use of this process so far, as the kernel counts it.
fn peak_memory() -> String {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            Some(line.trim_start_matches("VmHWM:").trim().to_owned())
        })
        .unwrap_or_else(|| "unknown here".to_owned())
}
