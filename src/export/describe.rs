//! Collected -> `Described`: the catalog and the manifest, both still unsigned.
//!
//! Everything in them follows from what was collected, the plan, the roots and the given time, so the same input gives the
//! same bytes, and a second person can make the bundle again and compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::bundle::catalog::{Checker, Encoding, Object, Record, Totals};
use crate::bundle::container::{self, member_bytes};
use crate::bundle::frame;
use crate::bundle::manifest::{CatalogSummary, FORMAT, Manifest, SideData, TravellingRoot};
use crate::bundle::volumes;
use crate::crypto::strict_json;
use crate::ecosystem;
use crate::model::{Artifact, Code, Digest, Document, Hasher, Refusal, Stop, Timestamp, Unable};

use super::source::{Source, SourceObject};

/// What the manifest says beside its content.
#[derive(Debug, Clone)]
pub struct Heading {
    /// The stream.
    pub stream: String,
    /// The epoch, from the recipient's root.
    pub epoch: u64,
    /// The number.
    pub sequence: u64,
    /// The manifest before.
    pub previous: Option<Digest>,
    /// When.
    pub created: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
    /// For whom.
    pub recipients: BTreeSet<Digest>,
    /// The roots that travel: version and envelope.
    pub roots: Vec<(u64, Vec<u8>)>,
    /// What travels beside the artifacts.
    pub side_data: BTreeMap<SideData, Vec<u8>>,
    /// The largest volume, in bytes; without one a single volume is written.
    pub volume_bytes: Option<u64>,
}

/// What was collected, as far as a bundle says it.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// Artifacts, sorted by ecosystem, name, version and file.
    pub artifacts: Vec<Artifact>,
    /// Registry documents.
    pub documents: Vec<Document>,
    /// Objects, sorted by digest, each once.
    pub objects: Vec<SourceObject>,
    /// What was asked for, as text.
    pub plan: Vec<u8>,
}

/// A bundle's documents and where its stored bytes come from.
pub struct Described {
    pub(super) manifest: Manifest,
    pub(super) catalog: Vec<u8>,
    pub(super) roots: Vec<(u64, Vec<u8>)>,
    pub(super) stored: Vec<StoredObject>,
    pub(super) volume_bytes: Option<u64>,
}

/// An object's catalog entry and its stored bytes.
pub(super) struct StoredObject {
    pub(super) object: Object,
    pub(super) source: Source,
}

impl Described {
    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Envelope, signatures and the growth of the volume list: what a volume needs before its objects beside roots and
/// catalog is found in two rounds; this much is left for signatures (64 of 200 bytes in base64).
const ENVELOPE_SLACK_BYTES: u64 = 24 << 10;

/// Writes catalog and manifest. Compressible objects are compressed into `spool`, where that makes them smaller.
pub fn describe(contents: Contents, heading: &Heading, spool: &Path, threads: usize) -> Result<Described, Stop> {
    let segment_size = volumes::segment_size_for(heading.volume_bytes);
    let (contents, plan) = contents.with_plan(&heading.side_data);
    let stored = store_all(contents.objects, segment_size, spool, threads)?;
    compose(contents.artifacts, contents.documents, stored, plan, heading)
}

impl Contents {
    /// Makes the plan and the side data objects like the others; gives the plan's digest.
    pub(super) fn with_plan(mut self, side_data: &BTreeMap<SideData, Vec<u8>>) -> (Self, Digest) {
        for bytes in side_data.values() {
            self.add_object(bytes.clone());
        }
        let plan = std::mem::take(&mut self.plan);
        let plan_digest = self.add_object(plan);
        (self, plan_digest)
    }

    fn add_object(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        if let Err(place) = self.objects.binary_search_by_key(&digest, |object| object.digest) {
            let object = SourceObject {
                digest,
                size: bytes.len() as u64,
                source: Source::Memory(bytes),
                compressible: true,
            };
            self.objects.insert(place, object);
        }
        digest
    }
}

/// Writes catalog and manifest about objects of which is decided how they are stored, sorted by digest.
pub(super) fn compose(
    artifacts: Vec<Artifact>,
    documents: Vec<Document>,
    stored: Vec<StoredObject>,
    plan_digest: Digest,
    heading: &Heading,
) -> Result<Described, Stop> {
    check_paths(&artifacts)?;
    let segment_size = volumes::segment_size_for(heading.volume_bytes);
    let records = stored
        .iter()
        .map(|stored| Record::Object(stored.object.clone()))
        .chain(sorted_documents(documents).into_iter().map(Record::Document))
        .chain(artifacts.into_iter().map(Record::Artifact));
    let side_data: BTreeMap<SideData, Digest> = heading
        .side_data
        .iter()
        .map(|(kind, bytes)| (*kind, Digest::of(bytes)))
        .collect();
    let named =
        std::iter::once(("the plan", plan_digest)).chain(side_data.iter().map(|(kind, digest)| (kind.word(), *digest)));
    let (catalog, totals, content_size) = write_catalog(records, segment_size, named)?;
    let catalog_summary = CatalogSummary {
        artifacts: totals.artifacts,
        content_size,
        digest: Digest::of(&catalog),
        documents: totals.documents,
        object_bytes: totals.object_bytes,
        objects: totals.objects,
        size: catalog.len() as u64,
    };
    let mut manifest = Manifest {
        base: None,
        catalog: catalog_summary,
        created: heading.created,
        critical: Vec::new(),
        epoch: heading.epoch,
        format: FORMAT,
        generator: concat!("sealift ", env!("CARGO_PKG_VERSION")).to_owned(),
        not_after: heading.not_after,
        plan: plan_digest,
        previous: heading.previous,
        recipients: heading.recipients.iter().copied().collect(),
        roots: heading
            .roots
            .iter()
            .map(|(version, bytes)| TravellingRoot {
                digest: Digest::of(bytes),
                size: bytes.len() as u64,
                version: *version,
            })
            .collect(),
        segment_size,
        sequence: heading.sequence,
        side_data,
        stream: heading.stream.clone(),
        volumes: Vec::new(),
    };
    plan_volumes(&mut manifest, &stored, heading.volume_bytes)?;
    manifest
        .check()
        .map_err(|error| Unable::new("the manifest would be refused").because(error))?;
    Ok(Described {
        manifest,
        catalog,
        roots: heading.roots.clone(),
        stored,
        volume_bytes: heading.volume_bytes,
    })
}

/// Bytes that each volume carries before its objects, with room for the signatures.
pub(super) fn head_bytes(manifest: &Manifest) -> u64 {
    let payload = strict_json::write(manifest).len() as u64;
    let envelope = payload.div_ceil(3) * 4 + ENVELOPE_SLACK_BYTES;
    let roots: u64 = manifest.roots.iter().map(|root| member_bytes(root.size)).sum();
    member_bytes(envelope) + roots + member_bytes(manifest.catalog.size) + member_bytes(0)
}

/// Fills the volumes; the list of volumes is itself part of each head, so it is done until the head fits.
fn plan_volumes(manifest: &mut Manifest, stored: &[StoredObject], volume_bytes: Option<u64>) -> Result<(), Stop> {
    let objects = || stored.iter().map(|stored| &stored.object);
    let mut head = head_bytes(manifest);
    loop {
        manifest.volumes = volumes::plan(objects(), manifest.segment_size, head, volume_bytes).map_err(|error| {
            Refusal::new(Code::VolumeTooSmall, "the volumes", error.to_string()).hint("choose a larger --volume-size")
        })?;
        let needed = head_bytes(manifest);
        if volume_bytes.is_none() || needed <= head {
            return Ok(());
        }
        head = needed;
    }
}

/// Refuses artifacts that would want one path where upper and lower case are the same.
fn check_paths(artifacts: &[Artifact]) -> Result<(), Stop> {
    let mut seen: BTreeMap<(String, String, String, String), &Artifact> = BTreeMap::new();
    for artifact in artifacts {
        let key = (
            artifact.ecosystem.clone(),
            artifact.name.to_lowercase(),
            artifact.version.to_lowercase(),
            artifact.file.to_lowercase(),
        );
        if let Some(other) = seen.insert(key, artifact) {
            return Err(Refusal::new(
                Code::NameCollision,
                format!("{artifact} ({})", artifact.file),
                format!(
                    "it differs from {other} ({}) only in upper and lower case, or not at all",
                    other.file
                ),
            )
            .hint("leave one of them out of the selection")
            .into());
        }
    }
    Ok(())
}

fn sorted_documents(mut documents: Vec<Document>) -> Vec<Document> {
    let key = |document: &Document| {
        (
            document.ecosystem.clone(),
            document.name.clone(),
            document.kind.clone(),
            document.digest,
        )
    };
    documents.sort_by_key(key);
    documents.dedup_by_key(|document| key(document));
    documents
}

/// Writes the catalog with the very checks that a reader makes.
fn write_catalog(
    records: impl Iterator<Item = Record>,
    segment_size: u64,
    named: impl Iterator<Item = (&'static str, Digest)>,
) -> Result<(Vec<u8>, Totals, u64), Stop> {
    let proof_kinds = |id: &str| ecosystem::find(id).map(ecosystem::Ecosystem::proof_kinds);
    let nothing_elsewhere = |_: &Digest| false;
    let mut checker = Checker::new(segment_size, &proof_kinds, &nothing_elsewhere);
    let mut totals = Totals::default();
    let failed = |error: io::Error| Unable::new("cannot write the catalog").because(error);
    let mut content_size = 0;
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), frame::LEVEL).map_err(failed)?;
    for record in records {
        checker
            .take(&record)
            .map_err(|error| Unable::new("the catalog would be refused").because(error))?;
        match &record {
            Record::Object(object) => {
                totals.objects += 1;
                totals.object_bytes += object.size;
                totals.segments += object.segment_count(segment_size);
            }
            Record::Document(_) => totals.documents += 1,
            Record::Artifact(_) => totals.artifacts += 1,
        }
        let mut line = strict_json::write(&record);
        line.push(b'\n');
        content_size += line.len() as u64;
        io::Write::write_all(&mut encoder, &line).map_err(failed)?;
    }
    checker
        .finish(named, totals)
        .map_err(|error| Unable::new("the catalog would be refused").because(error))?;
    Ok((encoder.finish().map_err(failed)?, totals, content_size))
}

/// Decides how each object is stored, on all cores: as it is, or compressed where it is smaller for it.
pub(super) fn store_all(
    objects: Vec<SourceObject>,
    segment_size: u64,
    spool: &Path,
    threads: usize,
) -> Result<Vec<StoredObject>, Stop> {
    fs::create_dir_all(spool)
        .map_err(|error| Unable::new(format!("cannot make folder {}", spool.display())).because(error))?;
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, Result<StoredObject, Stop>)>> = Mutex::new(Vec::with_capacity(objects.len()));
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut mine = Vec::new();
                let mut small = Small::new(spool);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(object) = objects.get(index) else { break };
                    mine.push((index, store_one(object, segment_size, spool, &mut small)));
                }
                results
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .extend(mine);
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Up to this size an object is compressed in memory.
const MEMORY_BYTES: u64 = 8 << 20;

fn store_one(
    source: &SourceObject,
    segment_size: u64,
    spool: &Path,
    small: &mut Small<'_>,
) -> Result<StoredObject, Stop> {
    if source.compressible
        && source.size > 0
        && let Some(compressed) = compress(source, spool, small)?
    {
        let size = compressed.size();
        let segments = segment_digests(&compressed, size, segment_size)?;
        let object = Object {
            digest: source.digest,
            encoding: Encoding::Zstd,
            segments,
            size: source.size,
            stored_size: Some(size),
        };
        return Ok(StoredObject {
            object,
            source: compressed,
        });
    }
    let segments = if source.size > segment_size {
        segment_digests(&source.source, source.size, segment_size)?
    } else {
        Vec::new()
    };
    let object = Object {
        digest: source.digest,
        encoding: Encoding::Identity,
        segments,
        size: source.size,
        stored_size: None,
    };
    Ok(StoredObject {
        object,
        source: source.source.clone(),
    })
}

/// Compresses an object; `None` where it does not get smaller.
fn compress(source: &SourceObject, spool: &Path, small: &mut Small<'_>) -> Result<Option<Source>, Stop> {
    let failed = |error: io::Error| Unable::new(format!("cannot compress object {}", source.digest)).because(error);
    if source.size <= MEMORY_BYTES {
        let content = source.source.read(source.size)?;
        let stored = small
            .encoder()
            .and_then(|encoder| encoder.encode(&content))
            .map_err(failed)?;
        if stored.len() >= content.len() || Digest::of(&content) != source.digest {
            return Ok(None);
        }
        return small.spool(&stored).map(Some);
    }
    let path = spool.join(source.digest.hex());
    let target =
        File::create(&path).map_err(|error| Unable::new(format!("cannot write {}", path.display())).because(error))?;
    frame::encode_stream(source.source.open()?, source.size, io::BufWriter::new(target)).map_err(failed)?;
    if fs::metadata(&path).map_err(failed)?.len() < source.size {
        Ok(Some(Source::file(PathBuf::from(&path))?))
    } else {
        fs::remove_file(&path).map_err(failed)?;
        Ok(None)
    }
}

/// What one thread compresses in memory: all of it goes into one file, so that neither memory nor the number of files
/// grows with the number of objects.
struct Small<'a> {
    folder: &'a Path,
    encoder: Option<frame::Encoder>,
    spool: Option<(Arc<File>, u64)>,
}

impl<'a> Small<'a> {
    const fn new(folder: &'a Path) -> Self {
        Self {
            folder,
            encoder: None,
            spool: None,
        }
    }

    fn encoder(&mut self) -> io::Result<&mut frame::Encoder> {
        match &mut self.encoder {
            Some(encoder) => Ok(encoder),
            none => Ok(none.insert(frame::Encoder::new()?)),
        }
    }

    /// Puts compressed bytes aside until they are packed.
    fn spool(&mut self, stored: &[u8]) -> Result<Source, Stop> {
        let failed =
            |error: io::Error| Unable::new(format!("cannot write into {}", self.folder.display())).because(error);
        let (file, end) = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert((Arc::new(tempfile::tempfile_in(self.folder).map_err(failed)?), 0)),
        };
        file.write_all_at(stored, *end).map_err(failed)?;
        let source = Source::Spooled(Arc::clone(file), *end, stored.len() as u64);
        *end += stored.len() as u64;
        Ok(source)
    }
}

/// The largest buffer through which stored bytes are hashed.
const HASH_BYTES: u64 = 1 << 20;

/// Hashes the segments of stored bytes.
fn segment_digests(source: &Source, size: u64, segment_size: u64) -> Result<Vec<Digest>, Stop> {
    let buffer_bytes = usize::try_from(size.min(HASH_BYTES)).unwrap_or(0);
    let mut reader = BufReader::with_capacity(buffer_bytes, source.open()?);
    let mut digests = Vec::new();
    let mut rest = size;
    while rest > 0 || digests.is_empty() {
        let part = rest.min(segment_size);
        let mut hasher = Hasher::new();
        let copied = io::copy(&mut (&mut reader).take(part), &mut hasher)
            .map_err(|error| Unable::new(format!("cannot read {source}")).because(error))?;
        if copied < part {
            return Err(source.changed().into());
        }
        digests.push(hasher.finish());
        rest -= part;
    }
    Ok(digests)
}

/// The name of a volume's file.
pub fn volume_file(manifest: &Manifest, number: usize) -> String {
    let epoch = if manifest.epoch == 1 {
        String::new()
    } else {
        format!("e{}-", manifest.epoch)
    };
    format!(
        "{}-{epoch}{}.vol{number:03}of{:03}.tar",
        manifest.stream,
        manifest.sequence,
        manifest.volumes.len()
    )
}

/// The length of a volume's file, in bytes.
pub(super) fn volume_length(manifest: &Manifest, envelope: u64, number: usize) -> u64 {
    let roots: u64 = manifest.roots.iter().map(|root| member_bytes(root.size)).sum();
    member_bytes(envelope)
        + roots
        + member_bytes(manifest.catalog.size)
        + member_bytes(0)
        + manifest.volumes[number - 1].bytes
        + container::END
}
