//! An enclave's ledger and staging folder as the memory by which bundles are judged.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::authenticate::{GapRule, Imported, Memory, Position, Rest};
use super::open::UntrustedRecord;
use super::reviews;
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
        // A run that was killed leaves what it had begun under another name.
        if !name.ends_with(".dsse.json") {
            continue;
        }
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

/// What the enclave remembered of a bundle's stream when it judged its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Whether the bundle itself was here, and came once more for what persons had admitted of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) again: bool,
    /// Whether the bundle on which it builds is here.
    pub(super) has_base: bool,
    /// What the site did when numbers were missing.
    pub(super) gap: GapRule,
    /// The last bundle of the stream.
    pub(super) last: Option<Position>,
    /// The bundle that has the same number.
    pub(super) numbered: Option<Digest>,
    /// The version of the revocations that stood before the bundle came.
    pub(super) revocations: Option<u64>,
}

/// That memory, once more.
pub(super) struct OrderAgain<'a> {
    pub(super) order: &'a Order,
    pub(super) manifest: Option<Digest>,
    pub(super) base: Option<Digest>,
    pub(super) known_time: Option<(Timestamp, String)>,
    pub(super) now: Timestamp,
}

impl Memory for OrderAgain<'_> {
    fn last(&self, _stream: &str) -> Result<Option<Position>, Stop> {
        Ok(self.order.last)
    }

    fn numbered(&self, _stream: &str, _epoch: u64, _sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(self.order.numbered)
    }

    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop> {
        // Of a bundle that is here already a report is written only if it came for more.
        let is_here = self.base.as_ref() == Some(manifest) && self.order.has_base
            || self.manifest.as_ref() == Some(manifest) && self.order.again;
        Ok(is_here.then_some(Imported {
            at: self.now,
            generation: None,
        }))
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(self.known_time.clone())
    }

    fn gap_rule(&self) -> GapRule {
        self.order.gap
    }

    fn kept_approvals(&self, _manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        Ok(Vec::new())
    }

    fn rest(&self, _manifest: &Digest) -> Result<Rest, Stop> {
        Ok(if self.order.again { Rest::Decided } else { Rest::Nothing })
    }
}

/// A memory whose answers about the stream are noted.
pub(super) struct NotedOrder<'a> {
    memory: &'a dyn Memory,
    order: RefCell<Order>,
}

impl<'a> NotedOrder<'a> {
    pub(super) fn new(memory: &'a dyn Memory, revocations: Option<u64>) -> Self {
        Self {
            memory,
            order: RefCell::new(Order {
                again: false,
                has_base: false,
                gap: memory.gap_rule(),
                last: None,
                numbered: None,
                revocations,
            }),
        }
    }

    pub(super) fn into_order(self) -> Order {
        self.order.into_inner()
    }
}

impl Memory for NotedOrder<'_> {
    fn last(&self, stream: &str) -> Result<Option<Position>, Stop> {
        let last = self.memory.last(stream)?;
        self.order.borrow_mut().last = last;
        Ok(last)
    }

    fn numbered(&self, stream: &str, epoch: u64, sequence: u64) -> Result<Option<Digest>, Stop> {
        let numbered = self.memory.numbered(stream, epoch, sequence)?;
        self.order.borrow_mut().numbered = numbered;
        Ok(numbered)
    }

    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop> {
        let imported = self.memory.imported(manifest)?;
        // The bundle itself is asked for first.
        self.order.borrow_mut().has_base = imported.is_some();
        Ok(imported)
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        self.memory.known_time()
    }

    fn gap_rule(&self) -> GapRule {
        self.memory.gap_rule()
    }

    fn kept_approvals(&self, manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        self.memory.kept_approvals(manifest)
    }

    fn rest(&self, manifest: &Digest) -> Result<Rest, Stop> {
        let rest = self.memory.rest(manifest)?;
        let mut order = self.order.borrow_mut();
        order.again = rest == Rest::Decided;
        // What was asked before was not about its base.
        order.has_base = false;
        Ok(rest)
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

    fn rest(&self, manifest: &Digest) -> Result<Rest, Stop> {
        if !reviews::waiting_path(self.folder, manifest).is_file() {
            return Ok(Rest::Nothing);
        }
        let is_decided = !reviews::signed(self.folder, manifest)?.is_empty();
        Ok(if is_decided { Rest::Decided } else { Rest::Waits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_had_begun_to_keep_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(kept(&folder.path().join("none")).unwrap(), []);
        fs::write(folder.path().join("1.dsse.json"), b"whole").unwrap();
        fs::write(folder.path().join(".tmpA1b2C3"), b"half").unwrap();
        assert_eq!(
            kept(folder.path()).unwrap(),
            [("1.dsse.json".to_owned(), b"whole".to_vec())]
        );
    }

    #[test]
    fn only_a_base_that_was_here_and_a_bundle_that_came_again_are_here_once_more() {
        let [own, base] = [b"own", b"its"].map(|bytes| Digest::of(bytes));
        let here = |again, has_base| {
            let order = Order {
                again,
                has_base,
                gap: GapRule::Refuse,
                last: None,
                numbered: None,
                revocations: None,
            };
            let memory = OrderAgain {
                order: &order,
                manifest: Some(own),
                base: Some(base),
                known_time: None,
                now: Timestamp::from_seconds(1_800_000_000),
            };
            [own, base].map(|manifest| memory.imported(&manifest).unwrap().is_some())
        };
        assert_eq!(here(false, false), [false, false]);
        assert_eq!(here(false, true), [false, true]);
        assert_eq!(here(true, false), [true, false]);
    }
}
