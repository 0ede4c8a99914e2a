//! What the ledger keeps, as plain data.

use crate::model::{Artifact, Digest, Name, Timestamp};

/// One imported bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleRecord {
    /// The manifest's digest: the bundle's identity.
    pub manifest: Digest,
    /// The stream: one exporter's numbered bundles to this enclave.
    pub stream: String,
    /// The stream's epoch.
    pub epoch: u64,
    /// The number within the epoch.
    pub sequence: u64,
    /// When the exporter says that it was made.
    pub created: Timestamp,
    /// When it was imported, by this enclave's clock.
    pub imported: Timestamp,
    /// The version of the root under which it was accepted.
    pub root_version: u64,
    /// The persons whose signatures counted.
    pub signers: Vec<String>,
}

#[cfg(test)]
impl BundleRecord {
    /// The first of a stream, for tests.
    pub(crate) fn plain(imported: Timestamp) -> Self {
        Self {
            manifest: Digest::of(b"manifest"),
            stream: "main".to_owned(),
            epoch: 1,
            sequence: 1,
            created: Timestamp::from_seconds(1),
            imported,
            root_version: 1,
            signers: Vec::new(),
        }
    }
}

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamState {
    /// The stream.
    pub stream: String,
    /// The epoch of the last imported bundle.
    pub epoch: u64,
    /// Its number.
    pub sequence: u64,
    /// Its manifest's digest, which the next bundle names as its predecessor.
    pub manifest: Digest,
}

/// A published state of the repository, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerationRecord {
    /// The number.
    pub number: u64,
    /// The root node's digest.
    pub root: Digest,
    /// The manifest of the bundle that made it; `None` for a rollback.
    pub bundle: Option<Digest>,
    /// When it was committed, by this enclave's clock.
    pub time: Timestamp,
    /// For a rollback where it went and why; otherwise empty.
    pub note: String,
}

/// Which artifacts a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// One ecosystem; `None` for all.
    pub ecosystem: Option<String>,
    /// A pattern for names with `*`, `?` and `[…]`; `None` for all.
    pub name: Option<String>,
    /// One version; `None` for all.
    pub version: Option<String>,
    /// One file; `None` for all.
    pub file: Option<String>,
    /// Which of them: those that clients find now, or also those that a rollback took away.
    pub presence: Presence,
}

/// Whether clients find an artifact in the current generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Presence {
    /// Only what clients find now.
    #[default]
    Current,
    /// Also what a rollback took away.
    Any,
}

/// One artifact that the ledger knows, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The artifact with its proofs.
    pub artifact: Artifact,
    /// Its size in bytes.
    pub size: u64,
    /// Whether clients find it in the current generation.
    pub is_current: bool,
    /// The bundle that first brought it.
    pub first_bundle: BundleRecord,
    /// The bundle that last brought it.
    pub last_bundle: BundleRecord,
}

#[cfg(test)]
impl Entry {
    /// An artifact that one bundle brought, for tests.
    pub(crate) fn plain(artifact: Artifact, bundle: BundleRecord) -> Self {
        Self {
            artifact,
            size: 1,
            is_current: true,
            first_bundle: bundle.clone(),
            last_bundle: bundle,
        }
    }
}

/// What a digest stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// It is an artifact.
    Artifact(Box<Entry>),
    /// It holds a proof of an artifact.
    Proof(Box<Entry>),
    /// It was derived from an artifact's content, with the label.
    Derived(String, Box<Entry>),
    /// It is a registry's document.
    Document {
        /// About which name.
        name: Name,
        /// Its kind.
        kind: String,
        /// Where the exporter got it.
        origin: String,
        /// The bundle that brought it.
        bundle: Box<BundleRecord>,
    },
    /// It is a bundle's manifest.
    Manifest(Box<BundleRecord>),
}

/// The ledger in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The newest generation.
    pub generation: Option<GenerationRecord>,
    /// Every stream's state.
    pub streams: Vec<StreamState>,
    /// For every ecosystem: names, artifacts and their bytes that clients find now.
    pub ecosystems: Vec<EcosystemStatus>,
    /// Bundles imported.
    pub bundles: u64,
    /// The last one.
    pub last_bundle: Option<BundleRecord>,
    /// The latest proven time, and what proved it.
    pub known_time: Option<(Timestamp, String)>,
    /// Bundles of which some volumes have come and others have not.
    pub unfinished: Vec<Unfinished>,
}

/// What clients find of one ecosystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcosystemStatus {
    /// The ecosystem's id.
    pub ecosystem: String,
    /// How many names.
    pub names: u64,
    /// How many artifacts.
    pub artifacts: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
}

/// A bundle of which some volumes have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The manifest's digest.
    pub manifest: Digest,
    /// The volumes that have come.
    pub volumes: Vec<u32>,
    /// When the last of them came, by this enclave's clock.
    pub seen: Timestamp,
}
