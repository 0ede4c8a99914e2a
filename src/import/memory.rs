//! The enclave's ledger as the memory by which bundles are judged.

use super::authenticate::{GapRule, Imported, Memory, Position};
use crate::ledger::Ledger;
use crate::model::{Digest, Stop, Timestamp};

impl Memory for Ledger {
    fn last(&self, stream: &str) -> Result<Option<Position>, Stop> {
        Ok(self.stream(stream)?.map(|state| Position {
            epoch: state.epoch,
            sequence: state.sequence,
            manifest: state.manifest,
        }))
    }

    fn numbered(&self, stream: &str, epoch: u64, sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(self.bundle_numbered(stream, epoch, sequence)?.map(|bundle| bundle.manifest))
    }

    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop> {
        let Some(bundle) = self.bundle(manifest)? else { return Ok(None) };
        let generation = self.generations()?.into_iter().find(|generation| generation.bundle == Some(*manifest));
        Ok(Some(Imported { at: bundle.imported, generation: generation.map(|generation| generation.number) }))
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(Self::known_time(self)?)
    }

    /// Until a site's signed policy says otherwise, missing numbers are refused.
    fn gap_rule(&self) -> GapRule {
        GapRule::Refuse
    }
}
