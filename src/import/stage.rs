//! Intact -> `Staged`: all files written aside. Clients see nothing of it yet, and a stop here leaves them as they were.

use std::collections::BTreeMap;
use std::fs;

use super::open::display_path;
use super::verify_objects::{Intact, Progress};
use crate::bundle::catalog::Record;
use crate::ecosystem::{self, Held, PlacedContent, PlacedFile};
use crate::enclave::Enclave;
use crate::ledger::{BundleRecord, Import};
use crate::model::{Code, Digest, Name, Refusal, Stop, Timestamp, Unable};
use crate::repository::{NameFiles, Repository, RootNode, StagedGeneration};

/// An import that is written and not yet visible.
pub struct Staged<'a> {
    pub(super) intact: Intact,
    pub(super) import: Import<'a>,
    pub(super) repository: &'a Repository,
    pub(super) generation: StagedGeneration,
    pub(super) summary: Summary,
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
/// next generation.
pub fn stage<'a>(
    intact: Intact,
    enclave: &'a mut Enclave,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Staged<'a>, Stop> {
    let base = enclave
        .ledger
        .generation()?
        .map(|generation| RootNode::new(generation.root));
    let repository = &enclave.repository;
    let manifest = intact.manifest();
    let import = enclave.ledger.begin(BundleRecord {
        manifest: intact.manifest_digest(),
        stream: manifest.stream.clone(),
        epoch: manifest.epoch,
        sequence: manifest.sequence,
        created: manifest.created,
        imported: now,
        root_version: intact.voucher().root_version,
        signers: intact.voucher().exporters.clone(),
    })?;
    progress.begin("stage", manifest.catalog.objects + manifest.catalog.artifacts);
    let mut summary = Summary::default();
    take_objects(&intact, &import, repository, &mut summary, progress)?;
    keep_seals(&intact, &import, repository)?;
    record_artifacts(&intact, &import, repository, &mut summary, progress)?;
    let mut stager = repository.stager(base)?;
    import.for_each_touched(|name, held| {
        let files = place(name, held, &import, repository)?;
        import.paths(name, files.iter().map(|(path, _)| path))?;
        stager.name(&NameFiles {
            name: name.clone(),
            files,
        })?;
        Ok::<_, Stop>(())
    })?;
    let generation = stager.finish()?;
    progress.finish();
    Ok(Staged {
        intact,
        import,
        repository,
        generation,
        summary,
    })
}

/// Moves what was verified into the store, object by object.
fn take_objects(
    intact: &Intact,
    import: &Import<'_>,
    repository: &Repository,
    summary: &mut Summary,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let store = repository.store();
    let mut records = intact.records()?;
    while let Some(record) = records.next()? {
        match record {
            Record::Object(object) => {
                if adopt(intact, repository, &object.digest)? {
                    summary.new_objects += 1;
                    summary.new_bytes += object.size;
                }
                import.object(&object.digest, object.size)?;
                progress.advance(1);
            }
            Record::Document(document) => {
                let path = store.path(&document.digest);
                let size = fs::metadata(&path)
                    .map_err(|error| Unable::new(format!("cannot read {}", display_path(&path))).because(error))?
                    .len();
                import.document(&document, size)?;
            }
            Record::Artifact(_) => break,
        }
    }
    Ok(())
}

/// Moves one object into the store, and says whether it was new there.
fn adopt(intact: &Intact, repository: &Repository, digest: &Digest) -> Result<bool, Stop> {
    let store = repository.store();
    if store.contains(digest) {
        return Ok(false);
    }
    let staged = intact.staged(digest);
    if !staged.is_file() {
        return Err(
            Unable::new(format!("object {digest} is no longer in the staging folder"))
                .code(Code::PublicationRolledBack)
                .hint("import again")
                .into(),
        );
    }
    store
        .adopt(&staged, digest)
        .map_err(|error| Unable::new("cannot fill the store").because(error))?;
    Ok(true)
}

/// Keeps the manifest's envelope and the approvals beside the objects that they vouch for.
fn keep_seals(intact: &Intact, import: &Import<'_>, repository: &Repository) -> Result<(), Stop> {
    for envelope in std::iter::once(intact.envelope()).chain(intact.voucher().approvals.iter().map(Vec::as_slice)) {
        let digest = repository
            .store()
            .put_bytes(envelope)
            .map_err(|error| Unable::new("cannot fill the store").because(error))?;
        import.object(&digest, envelope.len() as u64)?;
    }
    Ok(())
}

fn record_artifacts(
    intact: &Intact,
    import: &Import<'_>,
    repository: &Repository,
    summary: &mut Summary,
    progress: &dyn Progress,
) -> Result<(), Stop> {
    let mut examined = intact.examined()?;
    while let Some(item) = examined.next()? {
        for (digest, _) in item.derived.values() {
            adopt(intact, repository, digest)?;
        }
        let counts = summary.ecosystems.entry(item.artifact.ecosystem.clone()).or_default();
        counts.artifacts += 1;
        counts.bytes += item.size;
        import.artifact(&Held {
            artifact: item.artifact,
            size: item.size,
            facts: item.facts,
            derived: item.derived,
        })?;
        progress.advance(1);
    }
    Ok(())
}

/// Computes what clients find of one name, and stores the pages among it.
fn place(
    name: &Name,
    held: &[Held],
    import: &Import<'_>,
    repository: &Repository,
) -> Result<Vec<(crate::model::RelativePath, Digest)>, Stop> {
    let ecosystem = ecosystem::find(&name.ecosystem)
        .ok_or_else(|| Refusal::new(Code::UnknownFormat, name.to_string(), "its ecosystem is not known"))?;
    let placed = ecosystem.layout(&name.name, held).map_err(|mismatch| {
        let mut refusal = Refusal::new(mismatch.code, name.to_string(), mismatch.reason);
        refusal.expected = mismatch.expected;
        refusal.found = mismatch.found;
        refusal
    })?;
    placed
        .into_iter()
        .map(|PlacedFile { path, content }| match content {
            PlacedContent::Object(digest) => Ok((path, digest)),
            PlacedContent::Bytes(bytes) => {
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
