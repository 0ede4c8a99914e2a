//! What cannot be read is not passed over: rows of state.db that are damaged, and folders where files should be.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::judged;
use crate::log::{copy, three_attempts};
use crate::world::World;

/// Runs each line on a copy `k` of the enclave with a change, as somebody's disk might make it; it must be able to without.
pub(crate) fn is_said(world: &World, change: &str, lines: &[&str], words: &str) {
    for line in lines {
        copy(world, "en", "k");
        let ran = world.run(line);
        assert_eq!(ran.status, 0, "{line}: {ran:?}");
        copy(world, "en", "k");
        let state = Connection::open(world.path("k/state.db")).unwrap();
        state.execute_batch(change).unwrap();
        state.close().unwrap();
        let ran = world.run(line);
        let is_told = ran.stderr.contains(words) || ran.stdout.contains(words);
        assert!(ran.status == 3 && is_told, "{line}, {change}: {ran:?}");
        let _ = fs::remove_file(world.path("given"));
    }
}

#[test]
fn a_row_that_cannot_be_read_ends_the_answer() {
    let world = judged::imported();
    let resting = format!("where --enclave k --key {}", judged::KEY);
    let artifact = format!("where --enclave k {}", judged::SIGNED);
    is_said(
        &world,
        "UPDATE artifacts SET proofs = 'no list'",
        &[
            "list --enclave k",
            "list --enclave k --json",
            "ask bundle 1 --enclave k",
            "ask below provenance --enclave k",
            "ask changed --enclave k --from 2020-01-01",
            "ask admitted --enclave k",
            &resting,
            &artifact,
        ],
        "list of proofs cannot be read",
    );
    is_said(
        &world,
        "UPDATE objects SET digest = x'00' WHERE digest = (SELECT min(digest) FROM objects)",
        &["receipt --enclave k --out given", "audit --enclave k"],
        "cannot read the ledger",
    );
    let of_debian = "UPDATE names SET ecosystem = 'deb'";
    let state = Connection::open(world.path("en/state.db")).unwrap();
    state.execute_batch(of_debian).unwrap();
    state.close().unwrap();
    is_said(
        &world,
        "UPDATE artifacts SET proofs = 'no list'",
        &["client-config deb --enclave k"],
        "list of proofs cannot be read",
    );
}

/// The plain files of an enclave's records, by their paths.
fn records(world: &World) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = ["log", "reports", "rechecks", "statements"]
        .map(|name| world.path("en").join(name))
        .into();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    // A tile of a log that was smaller is needed by nobody.
    files.retain(|path| !path.to_string_lossy().contains(".p/"));
    files.sort();
    files
}

/// Puts a folder where a file was.
fn put_folder(world: &World, file: &Path) {
    copy(world, "en", "k");
    let path = world.path("k").join(file.strip_prefix(world.path("en")).unwrap());
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
}

#[test]
fn a_record_that_cannot_be_read_is_not_passed_over() {
    let world = three_attempts();
    world.run("recheck --record --enclave en").done();
    let line = "hold add audit --everything --enclave en --reason test --key en/keys/import.pem";
    world.run(line).done();
    world.run("audit --enclave en").done();
    let files = records(&world);
    assert!(files.len() > 10, "{files:?}");
    for file in &files {
        for line in ["audit --enclave k", "rebuild --enclave k"] {
            put_folder(&world, file);
            let ran = world.run(line);
            // What a report rests on is compared, and a state.db is made again without it.
            let is_needed = !line.starts_with("rebuild") || !file.to_string_lossy().contains(".basis/");
            assert!(ran.status != 0 || !is_needed, "{line}, {}: {ran:?}", file.display());
        }
    }
}
