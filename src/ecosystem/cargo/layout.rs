//! The repository's files for one crate: `<name>-<version>.crate` and `index/<prefix>/<name>`, as a local registry has
//! them. The sparse index is the same lines; `sealift serve` adds its `config.json`.

use semver::Version;

use super::{coordinate, index_line};
use crate::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use crate::model::RelativePath;

/// Places all versions held of one name, the index in the order of versions.
pub(crate) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    if !coordinate::is_name(name) {
        return Err(Mismatch::new("it is not a crate's name").comparing("letters, digits, `-` and `_`", name));
    }
    let mut versions: Vec<(Version, &str)> = Vec::with_capacity(held.len());
    let mut files = Vec::with_capacity(held.len() + 1);
    for held in held {
        let artifact = &held.artifact;
        if artifact.name != name {
            return Err(Mismatch::collision("two names share one index file").comparing(name, &artifact.name));
        }
        coordinate::check_file_name(&artifact.file, name, &artifact.version)?;
        let line = held
            .facts
            .get("line")
            .and_then(|line| line.as_str())
            .unwrap_or_default();
        let read = index_line::parse(line)
            .filter(|_| !line.contains('\n'))
            .ok_or_else(|| Mismatch::new(format!("{} has no index line", artifact.file)))?;
        let version = coordinate::version(&artifact.version)
            .filter(|_| read.name == name && read.vers == artifact.version && read.cksum == artifact.digest.hex())
            .ok_or_else(|| Mismatch::new(format!("the index line of {} is about something else", artifact.file)))?;
        versions.push((version, line));
        files.push(PlacedFile {
            path: path(&artifact.file)?,
            content: PlacedContent::Object(artifact.digest),
        });
    }
    if files.is_empty() {
        return Ok(files);
    }
    versions.sort();
    if let Some(pair) = versions.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Mismatch::collision(format!("two artifacts are version {}", pair[0].0)));
    }
    let mut index = Vec::new();
    for (_, line) in &versions {
        index.extend_from_slice(line.as_bytes());
        index.push(b'\n');
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files.push(PlacedFile {
        path: path(&format!("index/{}", coordinate::index_path(name)))?,
        content: PlacedContent::Bytes(index),
    });
    Ok(files)
}

fn path(text: &str) -> Result<RelativePath, Mismatch> {
    RelativePath::new(text).map_err(|error| Mismatch::new(error.to_string()))
}
