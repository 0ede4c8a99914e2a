//! The Debian ecosystem, through the trait.

mod content;
mod lists;
mod pages;
mod sources;
mod upstream;

use std::io::Cursor;

use sealift::ecosystem::{DocumentContent, Ecosystem, Held, Mismatch};
use sealift::model::{Artifact, Digest, Document, Timestamp};

use crate::debian::{Key, Package, Signed, Suite};

/// The ecosystem as the program finds it.
pub(super) fn deb() -> &'static dyn Ecosystem {
    sealift::ecosystem::find("deb").unwrap()
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) const DAY: &str = "2026-11-19T02:12:54Z";

/// An artifact with these bytes.
pub(super) fn artifact(name: &str, version: &str, file: &str, bytes: &[u8]) -> Artifact {
    Artifact {
        ecosystem: "deb".into(),
        name: name.into(),
        version: version.into(),
        file: file.into(),
        digest: Digest::of(bytes),
        origin: "folder".into(),
        reason: "list".into(),
        proofs: Vec::new(),
    }
}

pub(super) fn of_package(package: &Package) -> Artifact {
    artifact(&package.name, &package.version, &package.file(), &package.bytes)
}

/// The document that says where packages lie.
pub(super) fn places(name: &str, text: &str) -> DocumentContent {
    DocumentContent {
        document: Document {
            ecosystem: "deb".into(),
            name: name.into(),
            kind: "apt-places".into(),
            digest: Digest::of(text.as_bytes()),
            origin: "indexes".into(),
        },
        bytes: text.as_bytes().to_vec(),
    }
}

/// What is held of an artifact, as an import examines it.
pub(super) fn held(artifact: Artifact, bytes: &[u8], documents: &[DocumentContent]) -> Result<Held, Mismatch> {
    let facts = deb().inspect(&artifact, &mut Cursor::new(bytes), documents)?;
    Ok(Held {
        artifact,
        size: bytes.len() as u64,
        facts: facts.json,
        derived: std::collections::BTreeMap::new(),
    })
}

/// The version of an index that was made at some time, with the text that is signed.
pub(super) fn index_version(date: Timestamp, signed: &[u8]) -> String {
    let date: String = date
        .to_string()
        .chars()
        .filter(|one| !matches!(one, '-' | ':'))
        .collect();
    format!("{date}.{}", &Digest::of(signed).hex()[..12])
}

/// A suite's index as an import holds it: all its files, or some of them.
pub(super) fn index(name: &str, suite: &Suite, key: &Key, signed: Signed, files: &[&str]) -> Vec<Held> {
    let all = suite.files(key, signed);
    let read = |file: &str| all[&format!("dists/{}/{file}", suite.name)].clone();
    let text = match signed {
        Signed::Within => read("InRelease"),
        Signed::Apart => read("Release"),
    };
    let version = index_version(suite.date, &text);
    files
        .iter()
        .map(|file| {
            let bytes = if file.ends_with("Packages") {
                suite.lists()[*file].clone()
            } else if *file == "InRelease" {
                text.clone()
            } else {
                read(file)
            };
            held(artifact(name, &version, file, &bytes), &bytes, &[]).unwrap()
        })
        .collect()
}
