//! The Maven ecosystem, through the trait.

mod configuration;
mod content;
mod lists;
mod pages;
mod upstream;

use sealift::ecosystem::Ecosystem;
use sealift::model::{Artifact, Digest};

/// The ecosystem as the program finds it.
pub(super) fn maven() -> &'static dyn Ecosystem {
    sealift::ecosystem::find("maven").unwrap()
}

/// An artifact with these bytes.
pub(super) fn artifact(name: &str, version: &str, file: &str, bytes: &[u8]) -> Artifact {
    Artifact {
        ecosystem: "maven".into(),
        name: name.into(),
        version: version.into(),
        file: file.into(),
        digest: Digest::of(bytes),
        origin: "folder".into(),
        reason: "repository".into(),
        proofs: Vec::new(),
    }
}

/// A pom with just its coordinates.
pub(super) fn pom(group: &str, id: &str, version: &str, rest: &str) -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId>\
         <artifactId>{id}</artifactId><version>{version}</version>{rest}</project>"
    )
}

/// A jar with these entries.
pub(super) fn jar(entries: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\n\r\n")]
        .iter()
        .chain(entries)
    {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
