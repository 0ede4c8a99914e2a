//! Records of custody beside a bundle, for those who add one or look at them. Unlike an import this asks for no medium that can still be imported: records
//! outlive bundles, and the last of them say that the medium is no more.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::authenticate::{Approvals, Judgement, authenticate};
use super::decide::objects_of;
use super::open::{Input, UntrustedRecord, cannot_read, gather, is_volume, list, open_plain};
use super::scan::Scanned;
use super::site::Site;
use crate::bundle::container::{self, BLOCK, member_bytes};
use crate::bundle::limits::MAX_MANIFEST_ENVELOPE_BYTES;
use crate::bundle::manifest::Manifest;
use crate::crypto::dsse::Envelope;
use crate::model::{Artifact, CustodyEvent, Digest, Hasher, Stop, Timestamp, Unable};
use crate::policy::{CustodyFacts, CustodyRule, Scan, ScanResult, ScanRole, Side, VolumeCustody};
use crate::report::Custody;
use crate::scan::Answer;
use crate::trust::custody::{
    About, Chain, MAX_CUSTODY_TOLD, ScanTold as TrustTold, ScannedBy, SealState, Told, Trouble, VolumeOf,
};
use crate::trust::folder::TrustFolder;
use crate::trust::{Revocations, Role, Root, TrustedRoot};

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
            (Some(sealed), _) => Some((sealed.manifest, sealed.digest)),
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

/// The chain of a bundle's records, by the root that counts.
pub(super) fn chain(
    records: &[UntrustedRecord],
    root: &Root,
    (manifest, digest): (&Manifest, Digest),
    site: &Site,
    now: Timestamp,
) -> Chain {
    let revocations = site.revocations().map(|(_, document)| document);
    Chain::judge(records, &[root], &about(digest, Some(manifest), revocations, now))
}

/// The envelopes of the records that count, each once.
pub(super) fn counting(chain: &Chain, records: &[UntrustedRecord]) -> Vec<Vec<u8>> {
    let files: BTreeSet<&str> = chain.counting().map(|(link, _)| link.file.as_str()).collect();
    let kept = records.iter().filter(|(file, _)| files.contains(file.as_str()));
    let kept: BTreeSet<&Vec<u8>> = kept.map(|(_, envelope)| envelope).collect();
    kept.into_iter().cloned().collect()
}

/// A record that is kept to be judged once more.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    envelope: String,
    file: String,
}

/// The records that are envelopes. Of others the report says all that there is to say.
pub(super) fn kept(records: &[UntrustedRecord]) -> impl Iterator<Item = Kept> {
    records.iter().filter_map(|(file, bytes)| {
        let envelope = Envelope::read(bytes).ok()?;
        Some(Kept {
            envelope: String::from_utf8(envelope.write()).ok()?,
            file: file.clone(),
        })
    })
}

/// The chain once more, from the records that were kept and what the report says of those that were none.
pub(super) fn chain_again(
    kept: Vec<Kept>,
    custody: Option<&Custody>,
    root: &Root,
    (manifest, digest): (&Manifest, Digest),
    site: &Site,
    now: Timestamp,
) -> Chain {
    let untrusted: Vec<UntrustedRecord> = kept
        .into_iter()
        .map(|kept| (kept.file, kept.envelope.into_bytes()))
        .collect();
    let told = custody.into_iter().flat_map(|custody| &custody.records);
    let revocations = site.revocations().map(|(_, document)| document);
    let about = about(digest, Some(manifest), revocations, now);
    Chain::judge_with(&untrusted, told.cloned().collect(), &[root], &about)
}

/// What the policy asks of a bundle's custody records.
pub struct Custodied {
    pub(super) facts: CustodyFacts,
    scans: Vec<WayScan>,
}

/// A scan of all volumes by somebody with a role.
struct WayScan {
    role: ScanRole,
    at: Timestamp,
    scan: ScannedBy,
}

impl Custodied {
    /// Takes from a chain what the policy asks for.
    pub(super) fn of(chain: &Chain, manifest: &Manifest, exporters: &[String]) -> Self {
        // A bundle has at most 10,000 volumes.
        let count = u32::try_from(manifest.volumes.len()).unwrap_or(u32::MAX);
        let mut volumes: BTreeMap<u32, VolumeCustody> =
            (1..=count).map(|number| (number, VolumeCustody::default())).collect();
        let mut seals: BTreeMap<u32, &str> = BTreeMap::new();
        let mut scans = Vec::new();
        for (link, record) in chain.counting() {
            let by_others = link.persons.iter().any(|person| !exporters.contains(person));
            let of_receiver = record.event.is_of_receiver();
            let is_clean = !record.scans.is_empty() && record.scans.iter().all(ScannedBy::is_clean);
            let roles: Vec<ScanRole> = link.roles.iter().filter_map(|role| scan_role(*role)).collect();
            for number in record.numbers(count) {
                let Some(volume) = volumes.get_mut(&number) else {
                    continue;
                };
                if by_others || !of_receiver {
                    volume.events.insert(record.event);
                }
                if let Some(protection) = record.medium.as_ref().and_then(|medium| medium.write_protection) {
                    volume.write_protected = Some(protection.is_protected());
                }
                if is_clean {
                    volume.clean.extend(roles.iter().map(|role| (*role, record.at)));
                }
                let Some(seal) = &record.seal else { continue };
                if record.event == CustodyEvent::Sealed {
                    seals.insert(number, &seal.number);
                    volume.seal_was_found = false;
                } else if of_receiver && by_others && seal.state == SealState::Intact {
                    volume.seal_was_found |= seals.get(&number).is_some_and(|sealed| *sealed == seal.number);
                }
            }
            // What was scanned in part has not been scanned.
            if record.numbers(count).len() == volumes.len() {
                for role in roles {
                    scans.extend(record.scans.iter().map(|scan| WayScan {
                        role,
                        at: record.at,
                        scan: scan.clone(),
                    }));
                }
            }
        }
        let said = |trouble: &Trouble| (trouble.code, format!("{}: {}", trouble.subject, trouble.message));
        let facts = CustodyFacts {
            troubles: chain.troubles.iter().map(said).collect(),
            volumes,
        };
        Self { facts, scans }
    }

    /// What scanners on the way said of an artifact, where the policy lets their persons' scans count: the worst of its bytes and its proofs.
    pub(super) fn scans_of(&self, artifact: &Artifact, rule: Option<&CustodyRule>) -> Vec<Scan> {
        let Some(rule) = rule else { return Vec::new() };
        let counting = self.scans.iter().filter(|way| rule.scanned_by.contains(&way.role));
        counting.map(|way| way.of(artifact)).collect()
    }
}

impl WayScan {
    fn of(&self, artifact: &Artifact) -> Scan {
        let told: BTreeMap<Digest, &Told> = self.scan.told.iter().map(|told| (told.object, told)).collect();
        let here: Vec<&&Told> = objects_of(artifact).filter_map(|digest| told.get(digest)).collect();
        let of = |result: TrustTold| {
            here.iter()
                .find(|told| told.result == result)
                .map(|told| told.detail.clone())
        };
        let result = match (of(TrustTold::Found), &self.scan.problem, of(TrustTold::NotScanned)) {
            (Some(name), ..) => ScanResult::Found(name),
            (None, Some(problem), _) => ScanResult::NotScanned(problem.clone()),
            (None, None, Some(why)) => ScanResult::NotScanned(why),
            (None, None, None) => ScanResult::Clean,
        };
        Scan {
            engine: self.scan.engine.clone(),
            side: match self.role {
                ScanRole::Import => Side::Import,
                ScanRole::Approve | ScanRole::Export => Side::Export,
            },
            result,
            definitions: self.scan.definitions,
            time: self.at,
        }
    }
}

const fn scan_role(role: Role) -> Option<ScanRole> {
    match role {
        Role::Approve => Some(ScanRole::Approve),
        Role::Export => Some(ScanRole::Export),
        Role::Import => Some(ScanRole::Import),
        Role::Root | Role::Trust | Role::Policy | Role::Log => None,
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
    let mut file = BufReader::with_capacity(READ_BYTES, open_plain(path)?);
    let mut hasher = Hasher::new();
    std::io::copy(&mut file, &mut hasher).map_err(|error| cannot_read(path, error))?;
    Ok(hasher.finish())
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
        Answer::Found(name) => (TrustTold::Found, name),
        Answer::Unclear(why) => (TrustTold::NotScanned, why),
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

#[cfg(test)]
mod tests;
