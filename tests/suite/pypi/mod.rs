//! The Python ecosystem, through the trait.

mod configuration;
mod content;
mod index;
mod lockfiles;
mod upstream;

use sealift::ecosystem::Ecosystem;
use sealift::model::{Artifact, Digest, Document};

/// The ecosystem as the program finds it.
fn pypi() -> &'static dyn Ecosystem {
    sealift::ecosystem::find("pypi").unwrap()
}

/// A file of `tests/fixtures/pypi`.
fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pypi");
    std::fs::read(path.join(name)).unwrap()
}

/// An artifact with these bytes.
fn artifact(name: &str, version: &str, file: &str, bytes: &[u8]) -> Artifact {
    Artifact {
        ecosystem: "pypi".into(),
        name: name.into(),
        version: version.into(),
        file: file.into(),
        digest: Digest::of(bytes),
        origin: "folder".into(),
        reason: "requirements.txt".into(),
        proofs: Vec::new(),
    }
}

/// A stored index page.
fn document(name: &str, kind: &str, bytes: &[u8]) -> sealift::ecosystem::DocumentContent {
    sealift::ecosystem::DocumentContent {
        document: Document {
            ecosystem: "pypi".into(),
            name: name.into(),
            kind: kind.into(),
            digest: Digest::of(bytes),
            origin: format!("https://index.example.com/simple/{name}/"),
        },
        bytes: bytes.to_vec(),
    }
}
