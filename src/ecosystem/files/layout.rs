//! The repository's files for one set: `<name>/<version>/<file>`, and `<name>/<version>/SHA256SUMS` for each version.

use std::collections::BTreeMap;

use super::checksums::{self, LIST_NAME};
use super::coordinate::{check_file, check_name, check_version};
use crate::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use crate::model::{Digest, RelativePath};

/// Places all files held of one set.
pub(crate) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    check_name(name)?;
    let mut versions: BTreeMap<&str, BTreeMap<RelativePath, Digest>> = BTreeMap::new();
    for held in held {
        let artifact = &held.artifact;
        if artifact.name != name {
            return Err(Mismatch::collision("two sets share one folder").comparing(name, &artifact.name));
        }
        check_version(&artifact.version)?;
        let files = versions.entry(&artifact.version).or_default();
        if files.insert(check_file(&artifact.file)?, artifact.digest).is_some() {
            return Err(Mismatch::collision(format!("two files are {}", artifact.file)));
        }
    }
    let mut placed = Vec::with_capacity(held.len() + versions.len());
    for (version, files) in versions {
        check_folders(&files)?;
        let sums = checksums::write(files.iter().map(|(file, digest)| (file.as_str(), digest)));
        placed.push(PlacedFile {
            path: path(name, version, LIST_NAME)?,
            content: PlacedContent::Bytes(sums),
        });
        for (file, digest) in files {
            placed.push(PlacedFile {
                path: path(name, version, file.as_str())?,
                content: PlacedContent::Object(digest),
            });
        }
    }
    placed.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(placed)
}

/// Refuses what one folder of a disk that does not tell upper from lower case cannot hold: a name twice, and a name
/// that is a file and a folder.
fn check_folders(files: &BTreeMap<RelativePath, Digest>) -> Result<(), Mismatch> {
    let mut keys: BTreeMap<String, &RelativePath> = BTreeMap::new();
    for file in files.keys() {
        if let Some(other) = keys.insert(file.collision_key(), file) {
            return Err(Mismatch::collision("two files differ only in upper and lower case")
                .comparing(other.as_str(), file.as_str()));
        }
    }
    for (key, file) in &keys {
        let mut folder = key.as_str();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            // The list that the repository writes is a file, too.
            if parent == LIST_NAME.to_lowercase() || keys.contains_key(parent) {
                return Err(Mismatch::collision(format!(
                    "{parent} is a file, and the folder of {file}"
                )));
            }
            folder = parent;
        }
    }
    Ok(())
}

fn path(name: &str, version: &str, file: &str) -> Result<RelativePath, Mismatch> {
    RelativePath::new(format!("{name}/{version}/{file}")).map_err(|error| Mismatch::new(error.to_string()))
}
