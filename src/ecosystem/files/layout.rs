//! The repository's files for one set: `<name>/<version>/<file>`, beside it the proofs that came with it, and
//! `<name>/<version>/SHA256SUMS` for each version.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::checksums::{self, LIST_NAME};
use super::coordinate::{check_file, check_name, check_version};
use crate::ecosystem::{Held, Laid, Mismatch, PlacedContent, PlacedFile, Placing};
use crate::model::{Artifact, Digest, RelativePath};

/// How proofs are named beside the file that they are about: whatever they were called where they came from, the ordinary tools take these.
/// What is signed as a list is the first object, and its signatures follow.
const PROOFS: [(&str, &[&str]); 11] = [
    ("cms", &[".p7s"]),
    ("dsse", &[".intoto.jsonl"]),
    ("helm-provenance", &[".prov"]),
    ("minisign", &[".minisig"]),
    ("model-signing", &[".model.sig"]),
    ("openpgp", &[".asc"]),
    ("raw-signature", &[".cosign.sig"]),
    ("signed-checksums", &[".SHA256SUMS", ".SHA256SUMS.sig"]),
    ("signify", &[".sig"]),
    ("sigstore", &[".sigstore.json"]),
    ("sshsig", &[".sshsig"]),
];

/// Places all files held of one set.
pub(crate) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let mut set = Set::new(name)?;
    for held in held {
        set.add(&held.artifact)?;
    }
    let mut placed = set.files().collect::<Result<Vec<_>, _>>()?;
    placed.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(placed)
}

/// The files of one set as they come. It may have a million, so of each only path and digest are kept.
pub(crate) struct Set {
    name: String,
    versions: BTreeMap<String, Version>,
}

/// Paths below a version, and what stands there.
type Files = Vec<(RelativePath, Digest)>;

#[derive(Default)]
struct Version {
    files: Files,
    proofs: BTreeMap<RelativePath, Digest>,
}

impl Set {
    pub(crate) fn new(name: &str) -> Result<Self, Mismatch> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            versions: BTreeMap::new(),
        })
    }

    fn add(&mut self, artifact: &Artifact) -> Result<(), Mismatch> {
        if artifact.name != self.name {
            return Err(Mismatch::collision("two sets share one folder").comparing(&self.name, &artifact.name));
        }
        let version = match self.versions.get_mut(&artifact.version) {
            Some(version) => version,
            None => {
                check_version(&artifact.version)?;
                self.versions.entry(artifact.version.clone()).or_default()
            }
        };
        version.files.push((check_file(&artifact.file)?, artifact.digest));
        version.proofs.extend(beside(artifact));
        Ok(())
    }

    fn files(self) -> impl Iterator<Item = Result<PlacedFile, Mismatch>> {
        let name = self.name;
        self.versions.into_iter().flat_map(move |(version, held)| {
            let (sums, files) = match held.place() {
                Ok((sums, files)) => (Ok(sums), files),
                Err(mismatch) => (Err(mismatch), Vec::new()),
            };
            let list = sums.and_then(|sums| {
                Ok(PlacedFile {
                    path: path(&name, &version, LIST_NAME)?,
                    content: PlacedContent::Bytes(sums),
                })
            });
            let name = name.clone();
            let files = files.into_iter().map(move |(file, digest)| {
                Ok(PlacedFile {
                    path: path(&name, &version, file.as_str())?,
                    content: PlacedContent::Object(digest),
                })
            });
            std::iter::once(list).chain(files)
        })
    }
}

impl Placing for Set {
    fn take(&mut self, held: Held) -> Result<(), Mismatch> {
        self.add(&held.artifact)
    }

    fn finish(self: Box<Self>) -> Result<Laid, Mismatch> {
        Ok(Laid {
            files: Box::new(self.files()),
            shared: Vec::new(),
        })
    }
}

impl Version {
    /// The list, and all files with the proofs beside them.
    fn place(mut self) -> Result<(Vec<u8>, Files), Mismatch> {
        self.files.sort_unstable();
        if let Some([file, _]) = self.files.array_windows().find(|[one, other]| one.0 == other.0) {
            return Err(Mismatch::collision(format!("two files are {}", file.0)));
        }
        check_folders(&self.files)?;
        let sums = checksums::write(self.files.iter().map(|(file, digest)| (file.as_str(), digest)));
        if !self.proofs.is_empty() {
            let mut taken = Taken::by(self.files.iter().map(|(file, _)| file));
            let proofs = self.proofs.into_iter().filter(|(proof, _)| taken.take(proof));
            self.files.extend(proofs);
        }
        Ok((sums, self.files))
    }
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
fn check_folders(files: &[(RelativePath, Digest)]) -> Result<(), Mismatch> {
    let mut keys: Vec<(Cow<'_, str>, &RelativePath)> = files.iter().map(|(file, _)| (key(file), file)).collect();
    keys.sort_unstable();
    if let Some([(_, one), (_, other)]) = keys.array_windows().find(|[one, other]| one.0 == other.0) {
        return Err(Mismatch::collision("two files differ only in upper and lower case")
            .comparing(one.as_str(), other.as_str()));
    }
    let mut last = "";
    for (key, file) in &keys {
        let mut folder = key.as_ref();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            // The list that the repository writes is a file, too. What holds for a folder of the file before was seen there.
            let was_seen = last.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
            let is_file = || keys.binary_search_by(|(key, _)| key.as_ref().cmp(parent)).is_ok();
            if !was_seen && (parent == LIST_NAME.to_lowercase() || is_file()) {
                return Err(Mismatch::collision(format!(
                    "{parent} is a file, and the folder of {file}"
                )));
            }
            folder = parent;
        }
        last = key;
    }
    Ok(())
}

/// What two paths have in common that one disk takes for the same.
fn key(file: &RelativePath) -> Cow<'_, str> {
    let key = file.collision_key();
    if key == file.as_str() {
        Cow::Borrowed(file.as_str())
    } else {
        Cow::Owned(key)
    }
}

fn path(name: &str, version: &str, file: &str) -> Result<RelativePath, Mismatch> {
    RelativePath::new(format!("{name}/{version}/{file}")).map_err(|error| Mismatch::new(error.to_string()))
}
