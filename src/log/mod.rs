//! The enclave's append-only log: a leaf for each artifact and each decision, in a Merkle tree whose head is signed
//! (`bundle-spec/log.md`).
//!
//! It lies on the disk as C2SP `tlog-tiles` lays out a log. Whole tiles never change. What a run has added counts from the
//! moment at which state.db says so ([`LogState`]); what a killed run left beyond that is removed by the next one.
//!
//! Threats: a log that was cut, forked or rolled back, and a state.db that was (each is compared with the other, with the
//! signed checkpoint and with the reports, which carry checkpoints and proofs out of the enclave's reach); tiles that somebody
//! edited (recomputed before anything is added, and all of them by an audit); texts that exhaust memory (bounded entries, read
//! 256 at a time).
#![expect(clippy::disallowed_methods, reason = "a log is files on disk")]

mod append;
mod checkpoint;
mod error;
mod files;
mod leaf;
mod read;
mod witness;

pub use crate::model::LogState;
pub use append::Log;
pub use checkpoint::{Checkpoint, Cosigned, MAX_CHECKPOINT_BYTES, Witness, origin};
pub use error::LogError;
pub use files::MAX_ENTRY_BYTES;
pub use leaf::{Leaf, LogLines};
pub use read::{Entries, checkpoint_text, compare};
pub use witness::cosign;
