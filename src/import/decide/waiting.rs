//! What waits for persons, as it is kept for them (`bundle-spec/policy.md` §8).

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::write_failed;
use crate::model::{Digest, Level, Stop};

pub(super) const WAITING: &str = "waiting.ndjson";

/// An artifact that waits for persons, as it is kept for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The codes that are open.
    pub codes: BTreeSet<String>,
    /// Its bytes.
    pub digest: Digest,
    /// Its package URL.
    pub purl: String,
    /// The level that it reaches.
    pub reached: Level,
    /// What stands in its way, one phrase each.
    pub says: Vec<String>,
}

/// What stands before the artifacts that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingHeader {
    /// The bundle, as people call it.
    pub bundle: String,
    /// The persons who exported it: they decide nothing about it.
    pub exporters: Vec<String>,
    /// Its manifest's digest.
    pub manifest: Digest,
    /// How many persons must decide.
    pub persons: u32,
    /// The policy that left it open.
    pub policy: Digest,
}

/// Keeps the list of what waits, so that persons can decide after the staging folder has gone.
pub(super) fn keep_waiting(staging: &Path, place: Option<&Path>) -> Result<(), Stop> {
    let Some(place) = place else {
        return Ok(());
    };
    let folder = place.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| write_failed(folder, error))?;
    // Beside it first: a list that is cut off must not look whole.
    let aside = place.with_extension("new");
    std::fs::copy(staging.join(WAITING), &aside).map_err(|error| write_failed(&aside, error))?;
    std::fs::rename(&aside, place).map_err(|error| write_failed(place, error).into())
}
