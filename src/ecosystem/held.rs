//! What an artifact's content says, what the enclave holds of it, and what clients find.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::model::{Artifact, Claim, Digest, Document, RelativePath};

/// A registry document with its bytes.
#[derive(Debug, Clone)]
pub struct DocumentContent {
    /// The catalog's entry.
    pub document: Document,
    /// The bytes; verified to be those that the exporter signed, and no more trusted than that.
    pub bytes: Vec<u8>,
}

/// What `layout` needs to know about one artifact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The ecosystem's own JSON: kept in state.db, and given back in [`Held`].
    pub json: serde_json::Value,
    /// Files derived from the content (a wheel's METADATA), by label: stored as objects.
    pub derived: BTreeMap<String, Vec<u8>>,
    /// Digests of the content that were computed on the way: handed to those who judge its proofs, so that nobody hashes it again.
    pub digests: Vec<Claim>,
}

/// An artifact that the enclave holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The artifact.
    pub artifact: Artifact,
    /// Its size in bytes.
    pub size: u64,
    /// The facts' JSON.
    pub facts: serde_json::Value,
    /// The derived objects by label, with their sizes.
    pub derived: BTreeMap<String, (Digest, u64)>,
}

/// A file that clients find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedFile {
    /// The path below the ecosystem's folder.
    pub path: RelativePath,
    /// What stands there.
    pub content: PlacedContent,
}

/// What stands in a placed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacedContent {
    /// An object that the store holds.
    Object(Digest),
    /// A page, made by `layout`.
    Bytes(Vec<u8>),
}

/// Where clients find the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryPlace {
    /// The absolute folder of this ecosystem's files.
    pub folder: PathBuf,
    /// The base URL of `sealift serve`, without a trailing slash, where one was given.
    pub url: Option<String>,
}

/// Lines for one client's configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// The client, such as `pip`.
    pub client: &'static str,
    /// The usual file, such as `.cargo/config.toml`, relative to the project or the home folder.
    pub file: &'static str,
    /// Its lines.
    pub text: String,
}
