//! Making a capsule from an enclave: two passes, one that finds and weighs the parts, and one that copies them.
#![expect(clippy::disallowed_methods, reason = "an enclave is files")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::index::{
    ANCHORS, BASIS, COUNTERSIGNATURES, FORMAT, Index, LeftOut, MAX_VERSIONS, POLICIES, REPORT, REVOCATIONS, ROOTS,
    versioned,
};
use crate::bundle::container::MAX_MEMBER_BYTES;
use crate::import::basis;
use crate::import::kept;
use crate::import::needed::{Need, each_needed, revocations_before};
use crate::import::packed::{self, INDEX, cannot, object_name};
use crate::import::record;
use crate::model::{Code, Digest, Part, Refusal, Stop};
use crate::report::Head;
use crate::store::Store;
use crate::trust::folder::TrustFolder;

/// Where the names of objects stand among those of the other parts.
const OBJECTS: &str = "objects/";

/// What a capsule is made of.
pub struct Making<'a> {
    /// The enclave's folder.
    pub enclave: &'a Path,
    /// The report, which has been verified.
    pub report: &'a Path,
    /// Its head.
    pub head: &'a Head,
    /// The digest of the head.
    pub digest: Digest,
    /// What persons said of it: the files of the statements that count, by their numbers.
    pub countersigned: BTreeMap<u64, PathBuf>,
    /// The enclave's trust.
    pub trust: &'a TrustFolder,
    /// Whether bytes of artifacts are carried.
    pub carry: Carry,
    /// An empty folder that may be written to.
    pub scratch: &'a Path,
}

/// Whether a capsule carries the bytes of those artifacts whose proofs read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carry {
    /// It does, so that every proof can be judged again.
    Content,
    /// It does not: those proofs cannot be judged again.
    NoContent,
}

/// What a capsule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Its parts, the index apart.
    pub parts: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What it does not carry.
    pub left_out: LeftOut,
}

/// Writes a capsule. The same enclave and report give the same bytes.
pub fn make(making: &Making<'_>, output: impl Write) -> Result<Made, Stop> {
    let found = find(making)?;
    let index = Index {
        format: FORMAT,
        generator: making.head.generator.clone(),
        left_out: found.left_out,
        parts: (found.files.len() + found.objects.len()) as u64,
        report: making.digest,
    };
    let path = making.scratch.join(INDEX);
    let bytes = packed::write_index(&path, &index, found.parts())?;
    packed::pack::<Index>(output, &path, found.parts())?;
    Ok(Made {
        parts: index.parts,
        bytes,
        left_out: index.left_out,
    })
}

/// What belongs into a capsule, by name.
struct Found {
    files: BTreeMap<String, PathBuf>,
    objects: BTreeSet<Digest>,
    left_out: LeftOut,
    store: Store,
}

impl Found {
    /// The parts in their order, each with the file that holds it.
    fn parts(&self) -> impl Iterator<Item = Result<(Part, PathBuf), Stop>> + '_ {
        let (before, after): (Vec<_>, Vec<_>) = self.files.iter().partition(|(name, _)| name.as_str() < OBJECTS);
        let file = |(name, path): (&String, &PathBuf)| Ok((weigh(name, path)?, path.clone()));
        let objects = self.objects.iter().map(|digest| {
            let path = self.store.path(digest);
            let bytes = fs::metadata(&path).map_err(|error| cannot("read", &path, error))?.len();
            let name = object_name(digest);
            let digest = *digest;
            Ok((Part { bytes, digest, name }, path))
        });
        before
            .into_iter()
            .map(file)
            .chain(objects)
            .chain(after.into_iter().map(file))
    }
}

fn find(making: &Making<'_>) -> Result<Found, Stop> {
    let Making { head, trust, .. } = *making;
    let folder = record::folder(making.enclave).basis(head);
    let mut found = Found {
        files: BTreeMap::from([(REPORT.to_owned(), making.report.to_owned())]),
        objects: BTreeSet::new(),
        left_out: LeftOut::default(),
        store: Store::open(making.enclave.join("store"))?,
    };
    for part in &head.basis {
        let path = folder.join(&part.name);
        match basis::weigh(&path)? {
            Some((_, digest)) if digest == part.digest => {}
            Some((_, digest)) => return Err(differs(&path, part.digest, digest)),
            None => return Err(missing(&path)),
        }
        found.files.insert(format!("{BASIS}{}", part.name), path);
    }
    // The newest, where there are more than whoever opens it takes.
    for (number, path) in making.countersigned.iter().rev().take(MAX_VERSIONS) {
        found.files.insert(versioned(COUNTERSIGNATURES, *number), path.clone());
    }
    for root in trust.roots() {
        let version = root.document().version;
        let path = trust.path().join("roots").join(format!("{version}.dsse.json"));
        found.files.insert(versioned(ROOTS, version), path);
    }
    let mut stands = |kind: &str, version: u64| {
        let name = versioned(kind, version);
        let path = trust.path().join(name.trim_start_matches("trust/"));
        found.files.insert(name, path);
    };
    if let Some(standing) = &head.trust.trust_data {
        stands(ANCHORS, standing.version);
    }
    let revocations = head.trust.revocations.as_ref().map(|standing| standing.version);
    let before = revocations_before(&folder)?;
    revocations
        .into_iter()
        .chain(before)
        .for_each(|version| stands(REVOCATIONS, version));
    if let Some(policy) = head.policy.as_ref().filter(|policy| !policy.signed_by.is_empty()) {
        stands(POLICIES, policy.version);
    }
    let kept = kept::objects(&folder, &making.scratch.join("kept.ndjson"))?;
    let mut missing = HashSet::new();
    each_needed(&folder, &mut |digest, need| {
        if found.objects.contains(&digest) || kept.contains(&digest) || missing.contains(&digest) {
            return Ok(());
        }
        let is_left_out = need == Need::Content && making.carry == Carry::NoContent;
        let size = match is_left_out {
            true => None,
            false => found.store.size(&digest)?.filter(|size| *size <= MAX_MEMBER_BYTES),
        };
        match (need, size) {
            (_, Some(_)) => {
                found.objects.insert(digest);
            }
            (Need::Content, None) => found.left_out.content += 1,
            (_, None) => {
                found.left_out.missing += 1;
                missing.insert(digest);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

fn weigh(name: &str, path: &Path) -> Result<Part, Stop> {
    let (bytes, digest) = basis::weigh(path)?.ok_or_else(|| missing(path))?;
    Ok(Part {
        bytes,
        digest,
        name: name.to_owned(),
    })
}

fn missing(path: &Path) -> Stop {
    Refusal::new(Code::StateRolledBack, path.display().to_string(), "it is missing")
        .hint("restore it from the enclave's own backup; `sealift audit` names all that differs")
        .into()
}

fn differs(path: &Path, expected: Digest, found: Digest) -> Stop {
    Refusal::new(
        Code::DigestMismatch,
        path.display().to_string(),
        "it is not the one that the report names",
    )
    .comparing(expected, found)
    .hint("restore it from the enclave's own backup; `sealift audit` names all that differs")
    .into()
}
