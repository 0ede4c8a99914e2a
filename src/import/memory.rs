//! An enclave's ledger and staging folder as the memory by which bundles are judged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::authenticate::{GapRule, Imported, Memory, Position};
use super::open::UntrustedRecord;
use crate::ledger::Ledger;
use crate::model::{Digest, Stop, Timestamp, Unable};

/// What an enclave remembers.
#[derive(Clone, Copy)]
pub struct EnclaveMemory<'a> {
    /// What was imported.
    pub ledger: &'a Ledger,
    /// The enclave's folder: bundles that have not come whole wait there.
    pub folder: &'a Path,
    /// What the site does when numbers are missing.
    pub gap: GapRule,
}

/// Where a bundle waits until it is whole.
pub(super) fn staging(folder: &Path, manifest: &Digest) -> PathBuf {
    folder.join("staging").join(manifest.hex())
}

/// Where a waiting bundle's approvals lie.
pub(super) fn approvals(staging: &Path) -> PathBuf {
    staging.join("approvals")
}

/// Where a waiting bundle's custody records lie.
pub(super) fn custody(staging: &Path) -> PathBuf {
    staging.join("custody")
}

/// What lies in a folder of kept envelopes, by file name; nothing where there is none.
fn kept(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, Stop> {
    let failed = |error: io::Error| Unable::new(format!("cannot read {}", folder.display())).because(error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut kept = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        kept.push((name, fs::read(entry.path()).map_err(failed)?));
    }
    kept.sort();
    Ok(kept)
}

impl EnclaveMemory<'_> {
    /// Custody records that came with earlier volumes of the same bundle; they are judged again like new ones.
    pub(super) fn kept_custody(&self, manifest: &Digest) -> Result<Vec<UntrustedRecord>, Stop> {
        kept(&custody(&staging(self.folder, manifest)))
    }
}

impl Memory for EnclaveMemory<'_> {
    fn last(&self, stream: &str) -> Result<Option<Position>, Stop> {
        Ok(self.ledger.stream(stream)?.map(|state| Position {
            epoch: state.epoch,
            sequence: state.sequence,
            manifest: state.manifest,
        }))
    }

    fn numbered(&self, stream: &str, epoch: u64, sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(self
            .ledger
            .bundle_numbered(stream, epoch, sequence)?
            .map(|bundle| bundle.manifest))
    }

    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop> {
        let Some(bundle) = self.ledger.bundle(manifest)? else {
            return Ok(None);
        };
        let generation = self
            .ledger
            .generations()?
            .into_iter()
            .find(|generation| generation.bundle == Some(*manifest));
        Ok(Some(Imported {
            at: bundle.imported,
            generation: generation.map(|generation| generation.number),
        }))
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(self.ledger.known_time()?)
    }

    fn gap_rule(&self) -> GapRule {
        self.gap
    }

    fn kept_approvals(&self, manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        let kept = kept(&approvals(&staging(self.folder, manifest)))?;
        Ok(kept.into_iter().map(|(_, envelope)| envelope).collect())
    }
}
