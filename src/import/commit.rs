//! Staged -> `Committed`: one atomic switch, or nothing.
//!
//! Order (facts A15): everything that was written is made durable; then the ledger commits, and from that moment the
//! import has happened; then one rename shows it to clients. Killed before the commit, the enclave is as before; killed
//! after it, the next start completes the switch ([`crate::enclave::Enclave::open`]).

use std::fs;
use std::iter;
use std::path::Path;

use super::authenticate::Voucher;
use super::decide::Decisions;
use super::site::Brought;
use super::stage::{Staged, Summary};
use super::verify_evidence::EvidenceSummary;
use crate::bundle::manifest::Manifest;
use crate::ledger::GenerationRecord;
use crate::model::{Code, Digest, LogState, Stop, Unable};
use crate::store;

/// An import that has happened.
#[derive(Debug)]
pub struct Committed {
    /// The generation that clients read now.
    pub generation: GenerationRecord,
    /// What the import brought.
    pub summary: Summary,
    /// The manifest.
    pub manifest: Manifest,
    /// The bundle's identity.
    pub manifest_digest: Digest,
    /// Who vouched for it.
    pub voucher: Voucher,
    /// What the bundle changed of what this site believes.
    pub brought: Brought,
    /// What the proofs came to, in numbers.
    pub evidence: EvidenceSummary,
    /// What the policy decided.
    pub decisions: Decisions,
    /// Of a bundle that was here before, and came once more: how many artifacts were taken now.
    pub taken_again: Option<u64>,
}

/// Makes the import durable, commits it and shows it. `log` is what counts of the log from then on, and `record` are the folders
/// in which the attempt's record lies.
pub fn commit<'a>(
    staged: Staged<'a>,
    log: Option<&LogState>,
    record: impl Iterator<Item = &'a Path>,
) -> Result<Committed, Stop> {
    let Staged {
        intact,
        import,
        repository,
        generation,
        summary,
        brought,
        evidence,
        decisions,
        taken_again,
    } = staged;
    store::sync_file_systems(iter::once(repository.folder()).chain(record))?;
    let record = import.commit(generation.root().digest(), log)?;
    repository.switch(record.number, &generation).map_err(|error| {
        Unable::new("the import is recorded, and could not be shown to clients yet")
            .because(error)
            .code(Code::PublicationRolledBack)
            .hint("mend what stands above; the next command that changes the enclave completes it")
    })?;
    // What is left in the staging folder is of no more use; `gc` removes it if this does not.
    let _ = fs::remove_dir_all(intact.staging());
    Ok(Committed {
        generation: record,
        summary,
        manifest: intact.manifest().clone(),
        manifest_digest: intact.manifest_digest(),
        voucher: intact.voucher().clone(),
        brought,
        evidence,
        decisions,
        taken_again,
    })
}
