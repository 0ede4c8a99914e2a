//! Cargo builds from the folder that `layout` describes, with index lines that were derived from the crates alone.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use sealift::ecosystem::cargo::Cargo;
use sealift::ecosystem::{Ecosystem, Held, PlacedContent, RepositoryPlace};
use sealift::model::{Artifact, Digest};

use crate::client::{self, Home};
use crate::site::{Reach, Site};
use crate::tgz::{Entry, tgz};

/// A crate's name, version, the rest of its manifest, and its code.
type Crate = (&'static str, &'static str, &'static str, &'static str);

/// Crates whose dependencies use everything that an index line can say: renames, optional ones, new feature syntax,
/// targets, and a dependency for building.
const CRATES: [Crate; 5] = [
    (
        "leaf",
        "0.1.0",
        "[features]\nloud = []\n",
        "pub const WORD: &str = if cfg!(feature = \"loud\") { \"LEAF\" } else { \"leaf\" };",
    ),
    ("leaf", "0.2.0-rc.1", "", "pub const WORD: &str = \"too new\";"),
    (
        "Mixed_Case",
        "1.0.0+build.7",
        "[features]\ndefault = [\"inner\"]\ninner = [\"dep:twig\"]\nloud = [\"twig?/loud\"]\n\
         [dependencies.twig]\npackage = \"leaf\"\nversion = \"0.1\"\noptional = true\ndefault-features = false\n",
        "#[cfg(feature = \"inner\")]\npub use twig::WORD;",
    ),
    ("tool", "3.0.0", "", "pub fn made() -> u32 { 7 }"),
    (
        "windowed",
        "0.1.0",
        "[target.'cfg(windows)'.dependencies.leaf]\nversion = \"0.1\"\n",
        "pub fn open() -> bool { !cfg!(windows) }",
    ),
];

const PROJECT: &str = r#"
[package]
name = "app"
version = "0.0.0"
edition = "2021"

[dependencies]
Mixed_Case = { version = "1", features = ["loud"] }
windowed = "0.1"

[build-dependencies]
tool = "3"
"#;

fn pack((name, version, manifest, code): Crate) -> Vec<u8> {
    let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2021\"\n{manifest}");
    tgz(&[
        Entry::file(&format!("{name}-{version}/Cargo.toml"), manifest),
        Entry::file(&format!("{name}-{version}/src/lib.rs"), code),
    ])
}

/// The crates as files.
pub(crate) fn crates() -> impl Iterator<Item = (String, Vec<u8>)> {
    CRATES
        .into_iter()
        .map(|each| (format!("{}-{}.crate", each.0, each.1), pack(each)))
}

/// The repository's folder for cargo, written from `layout`.
fn repository(home: &Home) -> PathBuf {
    let folder = home.folder("repository/cargo");
    let mut held: BTreeMap<&str, Vec<Held>> = BTreeMap::new();
    let mut objects = BTreeMap::new();
    for each in CRATES {
        let (name, version, ..) = each;
        let bytes = pack(each);
        let artifact = Artifact {
            ecosystem: "cargo".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            file: format!("{name}-{version}.crate"),
            digest: Digest::of(&bytes),
            origin: "folder".to_owned(),
            reason: "test".to_owned(),
            proofs: Vec::new(),
        };
        let facts = Cargo.inspect(&artifact, &mut Cursor::new(&bytes), &[]).unwrap();
        objects.insert(artifact.digest, bytes);
        held.entry(name).or_default().push(Held {
            artifact,
            size: 0,
            facts: facts.json,
            derived: BTreeMap::new(),
        });
    }
    for (name, held) in held {
        for file in Cargo.layout(name, &held).unwrap() {
            let bytes = match file.content {
                PlacedContent::Object(digest) => objects[&digest].clone(),
                PlacedContent::Bytes(bytes) => bytes,
            };
            home.write(file.path.under(Path::new("repository/cargo")), bytes);
        }
    }
    folder
}

/// Writes a project with the configuration that `client_config` gives.
fn project(home: &Home, folder: PathBuf) {
    sources(home);
    for config in Cargo.client_config(&RepositoryPlace { folder, url: None }) {
        home.write(Path::new("app").join(config.file), config.text);
    }
}

fn sources(home: &Home) {
    home.write("app/Cargo.toml", PROJECT);
    home.write(
        "app/build.rs",
        "fn main() { println!(\"cargo::rustc-env=MADE={}\", tool::made()); }",
    );
    home.write(
        "app/src/main.rs",
        "fn main() { println!(\"{} {} {}\", Mixed_Case::WORD, env!(\"MADE\"), windowed::open()); }",
    );
}

fn cargo(home: &Home, program: &Path) -> Command {
    let mut command = home.command(program);
    command
        .current_dir(home.path().join("app"))
        .env("CARGO_HOME", home.path().join("empty-cargo-home"));
    command
}

#[test]
fn a_project_builds_offline_and_its_lock_stays() {
    let Some(program) = client::find("cargo") else {
        return;
    };
    let home = Home::new();
    let folder = repository(&home);
    project(&home, folder);
    // Without a lock: Cargo resolves from the index alone, and passes over the pre-release.
    let answer = client::succeeds(cargo(&home, &program).args(["run", "--offline", "--quiet"]));
    assert_eq!(answer.trim(), "LEAF 7 true");
    let lock = std::fs::read_to_string(home.path().join("app/Cargo.lock")).unwrap();
    // Replacement keeps the source's own name, so a lock made outside fits inside.
    let sources = lock.lines().filter(|line| line.starts_with("source = ")).count();
    assert_eq!(
        sources,
        lock.matches("registry+https://github.com/rust-lang/crates.io-index")
            .count()
    );
    assert_eq!(sources, 4);
    std::fs::remove_dir_all(home.path().join("app/target")).unwrap();
    std::fs::remove_dir_all(home.path().join("empty-cargo-home")).unwrap();
    client::succeeds(cargo(&home, &program).args(["build", "--offline", "--locked", "--quiet"]));
}

#[test]
fn a_changed_crate_is_refused_by_cargo() {
    let Some(program) = client::find("cargo") else {
        return;
    };
    let home = Home::new();
    let folder = repository(&home);
    project(&home, folder.clone());
    let path = folder.join("tool-3.0.0.crate");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let said = client::fails(cargo(&home, &program).args(["build", "--offline"]));
    assert!(said.contains("failed to verify the checksum of `tool v3.0.0"), "{said}");
}

#[test]
fn without_the_configuration_nothing_is_found() {
    let Some(program) = client::find("cargo") else {
        return;
    };
    let home = Home::new();
    let folder = repository(&home);
    project(&home, folder);
    std::fs::remove_file(home.path().join("app/.cargo/config.toml")).unwrap();
    let said = client::fails(cargo(&home, &program).args(["build", "--offline"]));
    assert!(said.contains("no matching package"), "{said}");
}

/// A project in an empty home that `client-config` has pointed at the enclave.
fn project_at(reach: &Reach<'_>) -> Home {
    let home = Home::new();
    sources(&home);
    reach.configure("cargo", &home.path().join("app"));
    home
}

fn cargo_at(reach: &Reach<'_>, home: &Home, program: &Path, words: &[&str]) -> Command {
    let mut command = reach.command(home, program);
    command
        .current_dir(home.path().join("app"))
        .env("CARGO_HOME", home.path().join("empty-cargo-home"))
        .args(words);
    command
}

#[test]
fn the_enclave_serves_a_build_as_folder_and_as_sparse_index() {
    let Some(program) = client::find("cargo") else {
        return;
    };
    let site = Site::new();
    let folder = Reach::Files(&site);
    let home = project_at(&folder);
    let answer = client::succeeds(&mut cargo_at(
        &folder,
        &home,
        &program,
        &["run", "--offline", "--quiet"],
    ));
    assert_eq!(answer.trim(), "LEAF 7 true");
    let lock = std::fs::read(home.path().join("app/Cargo.lock")).unwrap();

    let server = Reach::http(&site);
    let home = project_at(&server);
    home.write("app/Cargo.lock", &lock);
    // The lock that was made beside the folder, unchanged.
    let answer = client::succeeds(&mut cargo_at(&server, &home, &program, &["run", "--locked", "--quiet"]));
    assert_eq!(answer.trim(), "LEAF 7 true");
    // And without one: cargo resolves from the index.
    let home = project_at(&server);
    client::succeeds(&mut cargo_at(&server, &home, &program, &["run", "--quiet"]));
    assert_eq!(std::fs::read(home.path().join("app/Cargo.lock")).unwrap(), lock);
}

#[test]
fn changed_bytes_in_the_store_are_refused_by_cargo() {
    let Some(program) = client::find("cargo") else {
        return;
    };
    let site = Site::new();
    let other = pack(("tool", "3.0.0", "", "pub fn made() -> u32 { 8 }"));
    site.replace("cargo/tool-3.0.0.crate", &other);
    for reach in [Reach::Files(&site), Reach::http(&site)] {
        let home = project_at(&reach);
        let said = client::fails(&mut cargo_at(&reach, &home, &program, &["build"]));
        assert!(said.contains("failed to verify the checksum of `tool v3.0.0"), "{said}");
    }
}
