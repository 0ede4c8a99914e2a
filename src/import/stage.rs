//! Decided -> `Staged`: all files written aside. Clients see nothing of it yet, and a stop here leaves them as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;

use super::decide::{Decided, Decisions};
use super::forward::Newest;
use super::mover::Mover;
use super::open::display_path;
use super::site::Brought;
use super::verify_evidence::EvidenceSummary;
use super::verify_objects::{Intact, Progress};
use crate::bundle::catalog::Record;
use crate::ecosystem::{self, Ecosystem, Held, Laid, Members, Mismatch, PlacedContent, PlacedFile, Shared};
use crate::enclave::Enclave;
use crate::ledger::{BundleRecord, Import, Judgement, Sink};
use crate::model::{Code, Digest, Name, Refusal, RelativePath, Stop, Timestamp, Unable};
use crate::repository::{Repository, RootNode, StagedGeneration, Stager};

/// An import that is written and not yet visible.
pub struct Staged<'a> {
    pub(super) intact: Intact,
    pub(super) import: Import<'a>,
    pub(super) repository: &'a Repository,
    pub(super) generation: StagedGeneration,
    pub(super) summary: Summary,
    pub(super) brought: Brought,
    pub(super) evidence: EvidenceSummary,
    pub(super) decisions: Decisions,
    pub(super) taken_again: Option<u64>,
}

/// What an import brought, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// For every ecosystem: artifacts in the bundle, and how many of them are new here.
    pub ecosystems: BTreeMap<String, Counts>,
    /// Objects that had not been held before.
    pub new_objects: u64,
    /// Their bytes.
    pub new_bytes: u64,
}

/// One ecosystem's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Artifacts in the bundle.
    pub artifacts: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Takes verified objects into the store, records them in a transaction that is still open, and writes the tree of the
/// next generation. What the ledger is told goes into the journal too.
pub fn stage<'a>(
    decided: Decided,
    brought: Brought,
    enclave: &'a mut Enclave,
    now: Timestamp,
    progress: &dyn Progress,
    journal: Option<Box<dyn Sink>>,
) -> Result<Staged<'a>, Stop> {
    let base = enclave
        .ledger
        .generation()?
        .map(|generation| RootNode::new(generation.root));
    let repository = &enclave.repository;
    let intact = decided.intact();
    let manifest = intact.manifest();
    let record = BundleRecord {
        manifest: intact.manifest_digest(),
        stream: manifest.stream.clone(),
        epoch: manifest.epoch,
        sequence: manifest.sequence,
        created: manifest.created,
        imported: now,
        root_version: intact.voucher().root_version,
        signers: intact.voucher().exporters.clone(),
    };
    let taken_again = decided.new_artifacts();
    let mut import = match taken_again {
        None => enclave.ledger.begin(record)?,
        Some(_) => enclave.ledger.begin_again(record)?,
    };
    if let Some(journal) = journal {
        import.keep_journal(journal);
    }
    let keys: Vec<String> = intact.voucher().export_keys.iter().map(ToString::to_string).collect();
    import.export_keys(&keys)?;
    progress.begin("stage", manifest.catalog.objects + manifest.catalog.artifacts);
    let mut summary = Summary::default();
    let evidence = thread::scope(|scope| {
        let mover = Mover::start(scope, intact, repository, progress);
        let recorded = take_objects(&decided, &import, repository, &mover, progress)
            .and_then(|()| keep_seals(intact, &import, repository))
            .and_then(|()| record_artifacts(&decided, &import, &mover, &mut summary, now, progress));
        // Where the thread has failed, the rest is stopped by that, and it says why.
        (summary.new_objects, summary.new_bytes) = mover.finish()?;
        recorded
    })?;
    let mut stager = repository.stager(base)?;
    let mut shared = BTreeMap::new();
    import.for_each_touched(|name| {
        let laid = lay(name, &import)?;
        note_shared(name, laid.shared, &mut shared);
        let placed = laid
            .files
            .map(|file| Ok(file.map_err(|mismatch| refusal(name, mismatch))?));
        place(name, placed, &mut stager, &import, repository)
    })?;
    for (name, members) in shared {
        let placed = lay_shared(&name, &members, &import)?;
        place(&name, placed.into_iter().map(Ok), &mut stager, &import, repository)?;
    }
    let generation = stager.finish()?;
    progress.finish();
    let (intact, decisions) = decided.into_parts();
    Ok(Staged {
        intact,
        import,
        repository,
        generation,
        summary,
        brought,
        evidence,
        decisions,
        taken_again,
    })
}

/// Moves what was verified and admitted into the store, while the ledger records it.
fn take_objects(
    decided: &Decided,
    import: &Import<'_>,
    repository: &Repository,
    mover: &Mover<'_>,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let intact = decided.intact();
    let mut records = intact.records()?;
    let mut next = records.next()?;
    while let Some(Record::Object(object)) = &next {
        if decided.takes_object(&object.digest) {
            mover.take(object.digest, Some(object.size))?;
            import.object(&object.digest, object.size)?;
        } else {
            progress.advance(1);
        }
        next = records.next()?;
    }
    while let Some(Record::Document(document)) = next {
        // A name of which nothing comes in gets no page.
        if decided.takes_document(&document.ecosystem, &document.name) {
            let size = size_of(intact, repository, &document.digest)?;
            import.document(&document, size)?;
        }
        next = records.next()?;
    }
    Ok(())
}

/// The size of an object that is in the store or on its way there: looked for in that order, it is always found.
fn size_of(intact: &Intact, repository: &Repository, digest: &Digest) -> Result<u64, Stop> {
    let stored = repository.store().path(digest);
    let metadata = fs::metadata(intact.staged(digest)).or_else(|_| fs::metadata(&stored));
    let failed = |error| Unable::new(format!("cannot read {}", display_path(&stored))).because(error);
    Ok(metadata.map_err(failed)?.len())
}

/// Keeps the manifest's envelope, the approvals and the custody records beside the objects that they vouch for.
fn keep_seals(intact: &Intact, import: &Import<'_>, repository: &Repository) -> Result<(), Stop> {
    let voucher = intact.voucher();
    let beside = voucher.approvals.iter().chain(&voucher.custody);
    for envelope in std::iter::once(intact.envelope()).chain(beside.map(Vec::as_slice)) {
        let digest = repository
            .store()
            .put_bytes(envelope)
            .map_err(|error| Unable::new("cannot fill the store").because(error))?;
        import.object(&digest, envelope.len() as u64)?;
    }
    Ok(())
}

fn record_artifacts(
    decided: &Decided,
    import: &Import<'_>,
    mover: &Mover<'_>,
    summary: &mut Summary,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<EvidenceSummary, Stop> {
    let mut evidence = EvidenceSummary::default();
    let mut newest = Newest::default();
    let mut artifacts = decided.artifacts()?;
    while let Some(artifact) = artifacts.next()? {
        evidence.count(&artifact.judged);
        progress.advance(1);
        if !decided.takes(&artifact) {
            continue;
        }
        let decision = artifact.decided.text();
        // What counts for the floor is what the policy counted.
        let level = artifact.decided.decision.reached;
        let (item, findings) = (artifact.judged.examined, artifact.judged.findings);
        newest.take(&item.artifact, &findings);
        for (digest, _) in item.derived.values() {
            mover.take(*digest, None)?;
        }
        let counts = summary.ecosystems.entry(item.artifact.ecosystem.clone()).or_default();
        counts.artifacts += 1;
        counts.bytes += item.size;
        let recorded = import.artifact(&Held {
            artifact: item.artifact,
            size: item.size,
            facts: item.facts,
            derived: item.derived,
        })?;
        import.judgement(
            recorded,
            &Judgement {
                level,
                findings,
                decision,
                judged: now,
            },
        )?;
    }
    for state in newest.states() {
        import.upstream_state(state, decided.intact().manifest().created)?;
    }
    Ok(evidence)
}

/// Computes what clients find of one name.
fn lay(name: &Name, import: &Import<'_>) -> Result<Laid, Stop> {
    let refused = |mismatch| refusal(name, mismatch);
    let mut placing = ecosystem::placing(known(name)?, &name.name).map_err(refused)?;
    import.for_each_held(name, |held| {
        placing.take(held).map_err(|mismatch| Stop::from(refused(mismatch)))
    })?;
    Ok(placing.finish().map_err(refused)?)
}

/// Files of a name that are placed together: one thread links them, and another shows them.
const PLACED_TOGETHER: usize = 4096;

/// Stores the pages among the files of a name, and stages them all.
fn place(
    name: &Name,
    mut placed: impl Iterator<Item = Result<PlacedFile, Stop>>,
    stager: &mut Stager<'_>,
    import: &Import<'_>,
    repository: &Repository,
) -> Result<(), Stop> {
    let mut files = stager.begin(name)?;
    loop {
        let part = store(placed.by_ref().take(PLACED_TOGETHER), import, repository)?;
        if part.is_empty() {
            return Ok(());
        }
        import.paths(name, part.iter().map(|(path, _)| path))?;
        files.add(&part)?;
    }
}

fn known(name: &Name) -> Result<&'static dyn Ecosystem, Stop> {
    ecosystem::find(&name.ecosystem)
        .ok_or_else(|| Refusal::new(Code::UnknownFormat, name.to_string(), "its ecosystem is not known").into())
}

fn refusal(name: &Name, mismatch: Mismatch) -> Refusal {
    let mut refusal = Refusal::new(mismatch.code, name.to_string(), mismatch.reason);
    refusal.expected = mismatch.expected;
    refusal.found = mismatch.found;
    refusal
}

/// Notes the shared pages in which a touched name has a part: each is made once, when all names are recorded.
fn note_shared(name: &Name, pages: Vec<Shared>, shared: &mut BTreeMap<Name, BTreeSet<Members>>) {
    for page in pages {
        let key = Name {
            ecosystem: name.ecosystem.clone(),
            name: page.name,
        };
        shared.entry(key).or_default().extend(page.members);
    }
}

/// Computes pages that several names share.
fn lay_shared(name: &Name, members: &BTreeSet<Members>, import: &Import<'_>) -> Result<Vec<PlacedFile>, Stop> {
    let mut held = Vec::new();
    for member in members {
        match member {
            Members::Name(member) => held.extend(import.held(&Name {
                ecosystem: name.ecosystem.clone(),
                name: member.clone(),
            })?),
            Members::Beginning(beginning) => {
                for member in import.names_beginning(&name.ecosystem, beginning)? {
                    held.extend(import.held(&member)?);
                }
            }
        }
    }
    let placed = known(name)?.layout_shared(&name.name, &held);
    Ok(placed.map_err(|mismatch| refusal(name, mismatch))?)
}

/// Stores the pages among the files of a name.
fn store(
    placed: impl Iterator<Item = Result<PlacedFile, Stop>>,
    import: &Import<'_>,
    repository: &Repository,
) -> Result<Vec<(RelativePath, Digest)>, Stop> {
    placed
        .map(|file| match file.map(|file| (file.path, file.content))? {
            (path, PlacedContent::Object(digest)) => Ok((path, digest)),
            (path, PlacedContent::Bytes(bytes)) => {
                let digest = repository
                    .store()
                    .put_bytes(&bytes)
                    .map_err(|error| Unable::new("cannot fill the store").because(error))?;
                import.object(&digest, bytes.len() as u64)?;
                Ok((path, digest))
            }
        })
        .collect()
}
