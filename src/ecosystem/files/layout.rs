//! The repository's files for one set: `<name>/<version>/<file>`, beside it the proofs that came with it, and
//! `<name>/<version>/SHA256SUMS` for each version.

use std::collections::{BTreeMap, BTreeSet};

use super::checksums::{self, LIST_NAME};
use super::coordinate::{check_file, check_name, check_version};
use crate::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use crate::model::{Artifact, Digest, RelativePath};

/// How proofs are named beside the file that they are about: whatever they were called where they came from, the ordinary tools take these.
/// What is signed as a list is the first object, and its signatures follow.
const PROOFS: [(&str, &[&str]); 9] = [
    ("cms", &[".p7s"]),
    ("dsse", &[".intoto.jsonl"]),
    ("helm-provenance", &[".prov"]),
    ("minisign", &[".minisig"]),
    ("openpgp", &[".asc"]),
    ("signed-checksums", &[".SHA256SUMS", ".SHA256SUMS.sig"]),
    ("signify", &[".sig"]),
    ("sigstore", &[".sigstore.json"]),
    ("sshsig", &[".sshsig"]),
];

/// Places all files held of one set.
pub(crate) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    check_name(name)?;
    let mut versions: BTreeMap<&str, BTreeMap<RelativePath, Digest>> = BTreeMap::new();
    let mut proofs: BTreeMap<&str, BTreeMap<RelativePath, Digest>> = BTreeMap::new();
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
        proofs.entry(&artifact.version).or_default().extend(beside(artifact));
    }
    let mut placed = Vec::with_capacity(held.len() + versions.len());
    for (version, files) in versions {
        check_folders(&files)?;
        let sums = checksums::write(files.iter().map(|(file, digest)| (file.as_str(), digest)));
        placed.push(PlacedFile {
            path: path(name, version, LIST_NAME)?,
            content: PlacedContent::Bytes(sums),
        });
        let mut taken = Taken::by(files.keys());
        let mut all = files;
        for (proof, digest) in proofs.remove(version).unwrap_or_default() {
            if taken.take(&proof) {
                all.insert(proof, digest);
            }
        }
        for (file, digest) in all {
            placed.push(PlacedFile {
                path: path(name, version, file.as_str())?,
                content: PlacedContent::Object(digest),
            });
        }
    }
    placed.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(placed)
}

/// The proofs of a file that lie beside it, with their paths. A second one of a kind has a number.
fn beside(artifact: &Artifact) -> Vec<(RelativePath, Digest)> {
    let mut placed = Vec::new();
    for proof in &artifact.proofs {
        let Some((_, endings)) = PROOFS.iter().find(|(kind, _)| *kind == proof.kind) else {
            continue;
        };
        let objects = proof.objects.iter().filter(|digest| **digest != artifact.digest);
        for (at, digest) in objects.enumerate() {
            let last = endings.len() - 1;
            let ending = endings[at.min(last)];
            let number = match at.saturating_sub(last) {
                0 => String::new(),
                more => format!(".{}", more + 1),
            };
            // What would make no path is not placed: the proof is in the store all the same.
            if let Ok(path) = check_file(&format!("{}{number}{ending}", artifact.file)) {
                placed.push((path, *digest));
            }
        }
    }
    placed
}

/// The places of a version's own files, where upper and lower case are the same, and of their folders: no proof takes one of them.
struct Taken(BTreeSet<String>);

impl Taken {
    fn by<'a>(files: impl Iterator<Item = &'a RelativePath>) -> Self {
        let mut taken = BTreeSet::from([LIST_NAME.to_lowercase()]);
        for file in files {
            let key = file.collision_key();
            taken.extend(key.match_indices('/').map(|(at, _)| key[..at].to_owned()));
            taken.insert(key);
        }
        Self(taken)
    }

    fn take(&mut self, path: &RelativePath) -> bool {
        self.0.insert(path.collision_key())
    }
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
