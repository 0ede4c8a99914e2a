//! Records of custody beside a bundle, for those who add one or look at them. Unlike an import this asks for no medium that can still be imported: records
//! outlive bundles, and the last of them say that the medium is no more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::authenticate::{Approvals, Judgement, authenticate};
use super::open::{Input, UntrustedRecord, cannot_read, gather, is_volume, list, open_plain};
use super::scan::Scanned;
use super::site::Site;
use crate::bundle::container::{self, BLOCK, member_bytes};
use crate::bundle::limits::MAX_MANIFEST_ENVELOPE_BYTES;
use crate::bundle::manifest::Manifest;
use crate::model::{Digest, Hasher, Stop, Timestamp, Unable};
use crate::scan::Answer;
use crate::trust::custody::{About, Chain, MAX_CUSTODY_TOLD, ScanTold, ScannedBy, Told, VolumeOf};
use crate::trust::folder::TrustFolder;
use crate::trust::{Revocations, Root, TrustedRoot};

/// How much of a volume is hashed at a time.
const READ_BYTES: usize = 1 << 20;

/// A bundle's records, and what is known of the bundle.
pub struct LookedAfter {
    /// The manifest; none where no volume is at hand.
    pub manifest: Option<Manifest>,
    /// The bundle's identity.
    pub manifest_digest: Digest,
    /// The records.
    pub chain: Chain,
    /// The records' files, as they came.
    pub untrusted: Vec<UntrustedRecord>,
    /// The volumes that are at hand.
    pub volumes: BTreeMap<u32, PathBuf>,
}

/// Judges records by the roots of a site. Of the bundle, as far as it is at hand, the seal is judged, and nothing behind it.
pub fn look_after(
    paths: &[PathBuf],
    manifest: Option<Digest>,
    trust: &TrustFolder,
    now: Timestamp,
) -> Result<LookedAfter, Stop> {
    let site = Site::load(trust)?;
    let revocations = site.revocations().map(|(_, document)| document);
    let mut opened = gather(paths.iter().cloned().map(Input::Path).collect())?;
    let untrusted = opened.take_custody();
    let mut roots: Vec<TrustedRoot> = trust.roots().to_vec();
    let mut sealed = None;
    if opened.has_volumes() {
        let judgement = Judgement {
            root: trust.current(),
            now,
            memory: None,
            approvals: Approvals::StillToCome,
            revocations,
        };
        let outcome = authenticate(opened, &judgement);
        roots.extend(outcome.new_roots);
        // A bundle that has run out, or that was imported long ago, still has its records.
        sealed = match (outcome.sealed, outcome.result) {
            (Some(sealed), _) => Some(sealed),
            (None, Err(stop)) => return Err(stop),
            (None, Ok(authenticated)) => Some((authenticated.manifest().clone(), authenticated.manifest_digest())),
        };
    }
    let newest_first: Vec<&Root> = roots.iter().rev().map(TrustedRoot::document).collect();
    let manifest_digest = match (&sealed, manifest) {
        (Some((_, digest)), _) => *digest,
        (None, Some(digest)) => digest,
        (None, None) => only_one(&untrusted, &newest_first, now)?,
    };
    let manifest = sealed.map(|(manifest, _)| manifest);
    let chain = Chain::judge(
        &untrusted,
        &newest_first,
        &about(manifest_digest, manifest.as_ref(), revocations, now),
    );
    let volumes = match &manifest {
        Some(manifest) => at_hand(paths, manifest)?,
        None => BTreeMap::new(),
    };
    Ok(LookedAfter {
        manifest,
        manifest_digest,
        chain,
        untrusted,
        volumes,
    })
}

/// For which bundle its records are judged.
pub(super) fn about<'a>(
    manifest_digest: Digest,
    manifest: Option<&Manifest>,
    revocations: Option<&'a Revocations>,
    now: Timestamp,
) -> About<'a> {
    About {
        manifest: manifest_digest,
        // A bundle has at most 10,000 volumes.
        volumes: manifest.map(|manifest| u32::try_from(manifest.volumes.len()).unwrap_or(u32::MAX)),
        revocations,
        now,
    }
}

/// The bundle of records that lie there without one.
fn only_one(untrusted: &[UntrustedRecord], roots: &[&Root], now: Timestamp) -> Result<Digest, Stop> {
    let mut known = Chain::manifests(untrusted, roots, now).into_iter();
    match (known.next(), known.next()) {
        (Some(manifest), None) => Ok(manifest),
        (None, _) => Err(Unable::new(
            "there is neither a volume nor a record that somebody signed whom the root knows",
        )
        .hint("name the bundle's volumes, its records, or their folder")
        .into()),
        (Some(_), Some(_)) => Err(Unable::new("the records are about several bundles")
            .hint("name one with --manifest")
            .into()),
    }
}

/// The numbers of the volumes that lie there, by the mark that each has after its catalog (`bundle-spec/volumes.md` §2).
fn at_hand(paths: &[PathBuf], manifest: &Manifest) -> Result<BTreeMap<u32, PathBuf>, Stop> {
    let mut volumes = BTreeMap::new();
    for path in paths {
        for file in list(path)?.into_iter().filter(|file| is_volume(file)) {
            if let Some(number) = number(&file, manifest).map_err(|error| cannot_read(&file, error))? {
                volumes.insert(number, file);
            }
        }
    }
    Ok(volumes)
}

fn number(path: &Path, manifest: &Manifest) -> std::io::Result<Option<u32>> {
    let mut file = open_plain(path).map_err(|_| std::io::Error::other("it is not a plain file"))?;
    let mut header = [0; BLOCK as usize];
    file.read_exact(&mut header)?;
    let Some(Ok(envelope)) = container::bounded_size(&header, MAX_MANIFEST_ENVELOPE_BYTES) else {
        return Ok(None);
    };
    let roots: u64 = manifest.roots.iter().map(|root| member_bytes(root.size)).sum();
    let mark = member_bytes(envelope)
        .saturating_add(roots)
        .saturating_add(member_bytes(manifest.catalog.size));
    file.seek(SeekFrom::Start(mark))?;
    file.read_exact(&mut header)?;
    let count = manifest.volumes.len();
    let number = (1..=count).find(|number| header == container::header(&container::volume_name(*number, count), 0));
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

/// Reads a whole volume and gives its digest.
pub fn digest_of(path: &Path) -> Result<Digest, Stop> {
    let mut file: File = open_plain(path)?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot_read(path, error).into()),
        }
    }
}

/// What scanners said, as a record tells it.
pub fn scans(scanned: &Scanned) -> Vec<ScannedBy> {
    let mut scans: Vec<ScannedBy> = scanned
        .runs()
        .iter()
        .map(|run| {
            let said = scanned.told().filter(|(_, engine, _)| *engine == run.engine);
            let told: Vec<Told> = said.filter_map(|(object, _, answer)| told(*object, answer)).collect();
            let problem = (told.len() > MAX_CUSTODY_TOLD).then(|| format!("{} objects are not clean", told.len()));
            ScannedBy {
                definitions: run.definitions,
                engine: run.engine.clone(),
                found: run.found,
                objects: run.objects,
                problem: run.problem.clone().or(problem),
                told: told.into_iter().take(MAX_CUSTODY_TOLD).collect(),
                unclear: run.unclear,
                version: Some(run.version.clone()).filter(|version| !version.trim().is_empty()),
            }
        })
        .collect();
    scans.sort_by(|one, other| one.engine.cmp(&other.engine));
    scans
}

fn told(object: Digest, answer: &Answer) -> Option<Told> {
    let (result, detail) = match answer {
        Answer::Clean => return None,
        Answer::Found(name) => (ScanTold::Found, name),
        Answer::Unclear(why) => (ScanTold::NotScanned, why),
    };
    Some(Told {
        detail: detail.clone(),
        object,
        result,
    })
}

/// Volumes as a record names them: none where it is all of them.
pub fn volumes_of(numbers: &[u32], count: Option<u32>, digests: &BTreeMap<u32, Digest>) -> Vec<VolumeOf> {
    let is_all = count.is_some_and(|count| u32::try_from(numbers.len()) == Ok(count));
    if digests.is_empty() && is_all {
        return Vec::new();
    }
    let volume = |number: &u32| VolumeOf {
        digest: digests.get(number).copied(),
        number: *number,
    };
    numbers.iter().map(volume).collect()
}
