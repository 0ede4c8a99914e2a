//! How far the enclave's log has come.

use super::Digest;

/// What the ledger says of the log: what it commits has happened, and nothing beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    /// How many leaves count.
    pub size: u64,
    /// The root of their tree.
    pub root: Digest,
    /// The last checkpoint, as it was written; empty before the first. Its tree may be smaller: not every leaf is signed at once.
    pub checkpoint: String,
    /// The number of the last report; 0 before the first.
    pub report: u64,
    /// The digest of the last report's head.
    pub report_digest: Option<Digest>,
}
