//! A bundle without sealift: `bundle-spec/container.md` §7 and `seal.md` §6 with the system's own tools, and the
//! independent reader in Python.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sealift::crypto::key::Signer as _;

use crate::people;
use crate::raw_bundle::{Edits, RawBundle, noise};
use crate::seal::{run, shell_blocks, specification};
use crate::tools::has;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle-spec/vectors")
}

/// Runs one block of a chapter with one variable set.
fn run_with(name: &str, value: &str, block: &str, folder: &Path) -> Option<String> {
    run(&format!("{name}='{value}'\n{block}"), folder)
}

#[test]
fn tar_and_openssl_read_a_vector() {
    if !has("tar") || !has("openssl") {
        return;
    }
    let container = specification("container.md");
    let [extract, ..] = shell_blocks(&container)[..] else {
        panic!("container.md has blocks")
    };
    let seal = specification("seal.md");
    let [check, _, digest] = shell_blocks(&seal)[..] else {
        panic!("seal.md has three blocks")
    };
    let folder = tempfile::tempdir().unwrap();
    let volume = vectors().join("container/good/main-1.vol001of001.tar");
    let listed = run_with("volume", volume.to_str().unwrap(), extract, folder.path()).unwrap();
    let members: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert_eq!(
        members[..4],
        [
            "manifest.dsse.json",
            "roots/1.dsse.json",
            "catalog.ndjson.zst",
            "volume/1-of-1"
        ]
    );
    assert!(
        members.len() > 5 && members[4..].iter().all(|name| name.starts_with("objects/")),
        "{listed}"
    );
    assert!(listed.lines().all(|line| line.starts_with("-rw-r--r--")), "{listed}");

    fs::write(
        folder.path().join("export.pub.pem"),
        people::key(people::EXPORTER).public().to_pem(),
    )
    .unwrap();
    assert_eq!(
        run(check, folder.path()).unwrap().trim(),
        "Signature Verified Successfully"
    );
    let found = run(digest, folder.path()).unwrap();
    assert_eq!(
        format!("sha256:{}", &found[..64]),
        RawBundle::sample().manifest_digest().to_string()
    );
}

#[test]
fn tar_and_zstd_give_back_every_kind_of_object() {
    if !has("tar") || !has("zstd") || !has("sha256sum") {
        return;
    }
    let text = specification("container.md");
    let [extract, catalog, whole, zstd, segments, zstd_segments] = shell_blocks(&text)[..] else {
        panic!("container.md has six blocks");
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut bundle = RawBundle::two_volumes();
    // Compresses to half: more than one segment of zstd.
    bundle
        .files
        .push(("large.txt".to_owned(), hex::encode(noise(4, 9000)).into_bytes()));
    for (index, bytes) in bundle.build(&Edits::default()).into_iter().enumerate() {
        let volume = format!("{index}.tar");
        fs::write(folder.join(&volume), bytes).unwrap();
        run_with("volume", &volume, extract, folder).unwrap();
    }
    let mut kinds = [0; 4];
    for line in run(catalog, folder).unwrap().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let Some(digest) = record["object"]["digest"].as_str() else {
            continue;
        };
        let digits = digest.strip_prefix("sha256:").unwrap();
        let count = record["object"]["segments"].as_array().map_or(1, Vec::len);
        let kind = usize::from(record["object"]["encoding"] == "zstd") + 2 * usize::from(count > 1);
        let block = [whole, zstd, segments, zstd_segments][kind];
        let found = run_with("name", &format!("{}/{}", &digits[..2], &digits[2..]), block, folder).unwrap();
        assert!(found.starts_with(digits), "{line}: {found}");
        kinds[kind] += 1;
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

/// Runs the reader in Python, if Python and some zstd are there.
pub(crate) fn python(arguments: &[&str]) -> Option<Output> {
    if !has("python3") {
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify_bundle.py");
    let output = Command::new("python3")
        .arg("-B")
        .arg(script)
        .args(arguments)
        .output()
        .unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("no zstd is here") {
        assert_ne!(
            std::env::var("SEALIFT_ALL_CLIENTS").as_deref(),
            Ok("1"),
            "Python finds no zstd"
        );
        let _ = writeln!(std::io::stderr(), "skipped: no zstd for python3 found");
        return None;
    }
    Some(output)
}

/// Fails unless every case passed.
pub(crate) fn passes(output: &Output) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains(" passed, 0 failed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_reader_in_python_passes_the_vectors() {
    if let Some(output) = python(&["--vectors", vectors().to_str().unwrap()]) {
        passes(&output);
    }
}

#[test]
fn the_signatures_of_the_reader_in_python_pass_wycheproof() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wycheproof");
    if let Some(output) = python(&["--wycheproof", folder.to_str().unwrap()]) {
        passes(&output);
    }
}

#[test]
fn the_reader_in_python_ends_as_sealift_does() {
    let path = |case: &str| vectors().join(case).to_str().unwrap().to_owned();
    let good = path("container/good");
    let root = format!("{good}/root.dsse.json");
    let now = "2026-11-21T12:00:00Z";
    let Some(accepted) = python(&["--root", &root, "--now", now, &good]) else {
        return;
    };
    let text = String::from_utf8(accepted.stdout).unwrap();
    assert_eq!(accepted.status.code(), Some(0));
    assert!(
        text.starts_with("accepted: bundle main 1/1\n") && text.contains("not checked"),
        "{text}"
    );
    for (arguments, code, words) in [
        (
            vec!["--root", &root, "--now", now, &path("container/truncated_refused")],
            1,
            "[object-missing]",
        ),
        (
            vec!["--root", &root, "--now", now, &path("volumes/second_missing")],
            0,
            "",
        ),
        (vec!["--root", &root, "--now", "yesterday", &good], 2, "--now"),
        (vec![&good], 2, "--root"),
        (
            vec!["--root", &root, "--now", now, &path("container/nothing_here")],
            3,
            "cannot read",
        ),
        (vec!["--root", &path("container/nothing_here"), &good], 3, "cannot read"),
    ] {
        let output = python(&arguments).unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}
