//! A part of something larger, named by digest.

use serde::{Deserialize, Serialize};

use super::Digest;

/// A file that belongs to something larger, and is named there by its digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its bytes.
    pub bytes: u64,
    /// SHA-256 over them.
    pub digest: Digest,
    /// Its name.
    pub name: String,
}
