//! Reads a crate's manifest, and settles the index line under which Cargo will find it.
//!
//! Threats, each with its defence:
//! - A crate that is another one than its name says: name and version of its manifest must be the artifact's.
//! - A bomb: `archive::tar` bounds all that is read, and reading stops at the manifest.
//! - An index line that says something else than the crate, so that Cargo would resolve to other dependencies than
//!   the publisher's: the line is derived from the crate itself, and of the registry's only the mark `yanked` and the
//!   time are taken over.
//!
//! Left to others: what the crate's code does.

use serde_json::json;

use super::index_line::{self, IndexLine};
use super::manifest::Manifest;
use super::{INDEX_LINES, coordinate, toml_reason};
use crate::archive::tar::{Limits, find_in_tgz};
use crate::ecosystem::{Content, DocumentContent, Facts, Mismatch};
use crate::model::Artifact;

/// Where the kept line is from, as the facts say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// The registry's own line, byte for byte.
    Registry,
    /// Made from the manifest: no registry's line came along.
    Manifest,
    /// Made from the manifest, since the registry's line says something else than the crate.
    ManifestAgainstRegistry,
}

impl From {
    const fn word(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Manifest => "manifest",
            Self::ManifestAgainstRegistry => "manifest-against-registry",
        }
    }
}

/// Longer expressions list every file's licence; nobody reads them.
const MAX_LICENCE_BYTES: usize = 4096;

/// The facts of a crate: `line`, its index line, `from`, where that is from, and its `licence`, if it states one.
pub(crate) fn inspect(
    artifact: &Artifact,
    content: &mut dyn Content,
    documents: &[DocumentContent],
) -> Result<Facts, Mismatch> {
    coordinate::check_file_name(&artifact.file, &artifact.name, &artifact.version)?;
    let manifest = manifest(artifact, content)?;
    let derived = index_line::derive(&manifest, &artifact.digest)?;
    let upstream = documents
        .iter()
        .filter(|held| held.document.kind == INDEX_LINES && held.document.name == artifact.name)
        .find_map(|held| index_line::find(&held.bytes, artifact));
    let (line, from) = match upstream {
        Some((line, read)) if read.agrees_with(&derived) => (line.to_owned(), From::Registry),
        Some((_, read)) => (
            write(&IndexLine {
                yanked: read.yanked,
                pubtime: read.pubtime,
                ..derived
            })?,
            From::ManifestAgainstRegistry,
        ),
        None => (write(&derived)?, From::Manifest),
    };
    let mut json = json!({ "line": line, "from": from.word() });
    let licence = manifest.package.license.as_ref().and_then(toml::Value::as_str);
    if let Some(licence) = licence.filter(|text| text.len() <= MAX_LICENCE_BYTES) {
        json["licence"] = licence.into();
    }
    Ok(Facts {
        json,
        ..Facts::default()
    })
}

fn write(line: &IndexLine) -> Result<String, Mismatch> {
    serde_json::to_string(line).map_err(|error| Mismatch::new(format!("its index line cannot be written: {error}")))
}

/// Reads the manifest, and compares name and version with the artifact's.
fn manifest(artifact: &Artifact, content: &mut dyn Content) -> Result<Manifest, Mismatch> {
    let path = format!("{}-{}/Cargo.toml", artifact.name, artifact.version);
    let found = find_in_tgz(content, &mut |name| name == path, &Limits::default())
        .map_err(|error| Mismatch::new(format!("its archive cannot be read: {error}")))?;
    let Some((_, bytes)) = found else {
        return Err(Mismatch::new(format!("its archive has no `{path}`")));
    };
    let text = String::from_utf8(bytes).map_err(|_| Mismatch::new("its Cargo.toml is not UTF-8"))?;
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|error| Mismatch::new(format!("its Cargo.toml cannot be read: {}", toml_reason(&text, &error))))?;
    for (what, expected, found) in [
        ("name", &artifact.name, &manifest.package.name),
        ("version", &artifact.version, &manifest.package.version),
    ] {
        if expected != found {
            return Err(Mismatch::new(format!("its Cargo.toml has another {what}")).comparing(expected, found));
        }
    }
    Ok(manifest)
}
