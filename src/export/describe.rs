//! Collected -> `Described`: the catalog and the manifest, both still unsigned.
//!
//! Everything in them follows from what was collected, the plan, the roots and the given time, so the same input gives the
//! same bytes, and a second person can make the bundle again and compare.

mod catalog;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use crate::bundle::container::{self, member_bytes};
use crate::bundle::manifest::{CatalogSummary, FORMAT, Manifest, SideData, TravellingRoot};
use crate::bundle::volumes;
use crate::crypto::strict_json;
use crate::model::{BaseSource, Code, Digest, Document, Hasher, Refusal, Stop, Timestamp, Unable};
use crate::trust::receipt::Statement;

use super::collect::Collected;
use super::holdings::Holdings;
use super::memory::Remembered;
use super::select::{Choices, PlanHead, index};
use super::source::{Source, SourceObject};
use catalog::{Written, write_catalog};
pub(super) use store::{Stored, store_all};

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
    /// What the receiver says that it holds: files in it stay here (manifest.md §6).
    pub since: Option<Since>,
}

/// On what a delta builds.
#[derive(Debug, Clone)]
pub struct Since {
    /// A manifest that the receiver has imported.
    pub base: Digest,
    /// What it holds.
    pub held: Held,
}

/// Who says what the receiver holds.
#[derive(Debug, Clone)]
pub enum Held {
    /// The receiver itself, signed.
    Receipt(Arc<Statement>),
    /// This side, which has heard that bundles were imported.
    Memory(Arc<Remembered>),
}

impl Since {
    /// Whether the receiver holds an object.
    pub(super) fn holds(&self, digest: &Digest) -> bool {
        match &self.held {
            Held::Receipt(statement) => statement.holds(digest),
            Held::Memory(remembered) => remembered.holds(digest),
        }
    }

    /// What the manifest says of it.
    const fn source(&self) -> BaseSource {
        match self.held {
            Held::Receipt(_) => BaseSource::Receipt,
            Held::Memory(_) => BaseSource::Memory,
        }
    }
}

/// What was collected, as far as a bundle says it.
pub struct Contents {
    holdings: Holdings,
    documents: Vec<Document>,
    plan: Digest,
}

/// A bundle's documents and where its stored bytes come from.
pub struct Described {
    pub(super) manifest: Manifest,
    pub(super) catalog: Source,
    pub(super) roots: Vec<(u64, Vec<u8>)>,
    pub(super) stored: Stored,
    pub(super) volume_bytes: Option<u64>,
}

impl Described {
    /// The objects that it carries, ascending.
    pub(super) fn objects(&self) -> impl Iterator<Item = Digest> + '_ {
        let holdings = self.stored.holdings();
        (0..holdings.object_count()).map(|at| holdings.object(at).digest)
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Envelope, signatures and the growth of the volume list: what a volume needs before its objects beside roots and
/// catalog is found in two rounds; this much is left for signatures (64 of 200 bytes in base64).
const ENVELOPE_SLACK_BYTES: u64 = 24 << 10;

/// Writes catalog and manifest. The catalog, and compressible objects where that makes them smaller, are put into `spool`.
pub fn describe(contents: Contents, heading: &Heading, spool: &Path, threads: usize) -> Result<Described, Stop> {
    let segment_size = volumes::segment_size_for(heading.volume_bytes);
    let (holdings, documents, plan) = contents.into_parts();
    let stored = store_all(holdings, segment_size, spool, threads)?;
    compose(stored, documents, plan, heading, spool)
}

impl Contents {
    /// Takes what was collected.
    pub fn new(collected: Collected, heading: &Heading, spool: &Path) -> Result<Self, Stop> {
        let (holdings, documents, plan, choices) = collected.into_holdings();
        Self::with_plan(holdings, documents, &plan, &choices, heading, spool)
    }

    /// Makes the plan and the side data objects like the others.
    pub(super) fn with_plan(
        mut holdings: Holdings,
        documents: Vec<Document>,
        plan: &PlanHead,
        choices: &Choices,
        heading: &Heading,
        spool: &Path,
    ) -> Result<Self, Stop> {
        let failed = |error: io::Error| cannot_spool(spool, error);
        let file = tempfile::tempfile_in(spool).map_err(failed)?;
        let mut writer = Hashing::new(&file);
        plan.write(choices, &mut writer).map_err(failed)?;
        let (digest, size) = writer.finish().map_err(failed)?;
        holdings.add_companions([SourceObject {
            digest,
            size,
            source: Source::Spooled(Arc::new(file), 0, size),
            compressible: true,
        }]);
        holdings.add_companions(heading.side_data.values().map(|bytes| SourceObject {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            source: Source::Memory(bytes.clone()),
            compressible: true,
        }));
        holdings.arrange_objects();
        if let Some(since) = &heading.since {
            holdings.leave_out(|digest| since.holds(digest));
        }
        Ok(Self {
            holdings,
            documents: sorted_documents(documents),
            plan: digest,
        })
    }

    /// What is to be stored; and documents and plan.
    pub(super) fn into_parts(self) -> (Holdings, Vec<Document>, Digest) {
        (self.holdings, self.documents, self.plan)
    }
}

/// Hashes and counts what is written to a file.
struct Hashing<'a> {
    file: BufWriter<&'a File>,
    hasher: Hasher,
    size: u64,
}

impl<'a> Hashing<'a> {
    fn new(file: &'a File) -> Self {
        Self {
            file: BufWriter::new(file),
            hasher: Hasher::new(),
            size: 0,
        }
    }

    /// Digest and size of all that was written.
    fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.file.flush()?;
        Ok((self.hasher.finish(), self.size))
    }
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn cannot_spool(spool: &Path, error: io::Error) -> Unable {
    Unable::new(format!("cannot write into {}", spool.display())).because(error)
}

/// Writes catalog and manifest about objects of which is decided how they are stored.
pub(super) fn compose(
    stored: Stored,
    documents: Vec<Document>,
    plan_digest: Digest,
    heading: &Heading,
    spool: &Path,
) -> Result<Described, Stop> {
    check_paths(stored.holdings())?;
    let segment_size = volumes::segment_size_for(heading.volume_bytes);
    let side_data: BTreeMap<SideData, Digest> = heading
        .side_data
        .iter()
        .map(|(kind, bytes)| (*kind, Digest::of(bytes)))
        .collect();
    let named =
        std::iter::once(("the plan", plan_digest)).chain(side_data.iter().map(|(kind, digest)| (kind.word(), *digest)));
    let Written {
        catalog,
        digest,
        size,
        totals,
        content_size,
    } = write_catalog(&stored, documents, named, heading.since.as_ref(), spool)?;
    let catalog_summary = CatalogSummary {
        artifacts: totals.artifacts,
        content_size,
        digest,
        documents: totals.documents,
        object_bytes: totals.object_bytes,
        objects: totals.objects,
        size,
    };
    let mut manifest = Manifest {
        base: heading.since.as_ref().map(|since| since.base),
        base_source: heading.since.as_ref().map(Since::source),
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
fn plan_volumes(manifest: &mut Manifest, stored: &Stored, volume_bytes: Option<u64>) -> Result<(), Stop> {
    let objects = || (0..stored.len()).map(|at| stored.outline(at));
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

/// Refuses artifacts that would want one path where upper and lower case are the same: the first that wants another's.
fn check_paths(holdings: &Holdings) -> Result<(), Stop> {
    let key = |at: u32| {
        let (ecosystem, name, version, file) = holdings.names(at as usize);
        let (name, version, file) = (name.to_lowercase(), version.to_lowercase(), file.to_lowercase());
        (ecosystem, name, version, file)
    };
    // Hashes first: a million keys would take more memory than all else. Nobody can choose names for a random key.
    let hasher = RandomState::new();
    let mut hashed: Vec<(u64, u32)> = (0..holdings.artifact_count())
        .map(index)
        .map(|at| (hasher.hash_one(key(at)), at))
        .collect();
    hashed.sort_unstable();
    let mut first: Option<(u32, u32)> = None;
    for same in hashed.chunk_by(|left, right| left.0 == right.0) {
        for (position, (_, at)) in same.iter().enumerate() {
            let others = same[..position].iter().rev().map(|(_, other)| *other);
            if let Some(other) = others.into_iter().find(|other| key(*other) == key(*at))
                && first.is_none_or(|(earliest, _)| *at < earliest)
            {
                first = Some((*at, other));
            }
        }
    }
    let Some((at, other)) = first else {
        return Ok(());
    };
    let (artifact, other) = (holdings.artifact(at as usize), holdings.artifact(other as usize));
    Err(Refusal::new(
        Code::NameCollision,
        format!("{artifact} ({})", artifact.file),
        format!(
            "it differs from {other} ({}) only in upper and lower case, or not at all",
            other.file
        ),
    )
    .hint("leave one of them out of the selection")
    .into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_manifest_is_made_that_a_reader_would_refuse() {
        let folder = tempfile::tempdir().unwrap();
        let composed = |stream: &str| {
            let mut holdings = Holdings::default();
            holdings.add_companions([SourceObject {
                digest: Digest::of(b"{}"),
                size: 2,
                source: Source::Memory(b"{}".to_vec()),
                compressible: false,
            }]);
            holdings.arrange_objects();
            let heading = Heading {
                stream: stream.to_owned(),
                epoch: 1,
                sequence: 1,
                previous: None,
                created: Timestamp::from_seconds(1000),
                not_after: Timestamp::from_seconds(2000),
                recipients: BTreeSet::from([Digest::of(b"enclave")]),
                roots: vec![(1, b"root".to_vec())],
                side_data: BTreeMap::new(),
                volume_bytes: None,
                since: None,
            };
            let segment_size = volumes::segment_size_for(None);
            let stored = store_all(holdings, segment_size, folder.path(), 1)?;
            compose(stored, Vec::new(), Digest::of(b"{}"), &heading, folder.path()).map(|_| ())
        };
        composed("main").unwrap();
        let Err(Stop::Unable(unable)) = composed("No Name") else {
            panic!("it was made");
        };
        assert_eq!(unable.what, "the manifest would be refused");
    }

    #[test]
    fn what_is_hashed_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let read_only = std::fs::File::open(path).unwrap();
        assert!(Hashing::new(&read_only).write(&[0; 1 << 20]).is_err());
        let mut hashing = Hashing::new(&read_only);
        hashing.write_all(b"x").unwrap();
        assert!(hashing.flush().is_err());
    }
}
