//! Upstreams: who serves what, what they are asked, and what they gave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::UpstreamError;
use crate::model::{Claim, Proof, ProofState};

/// An upstream's base URL, and for which names it serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamBase {
    /// The ecosystem's id.
    pub ecosystem: &'static str,
    /// For npm the scope (`@corp`), for cargo the lockfile's source that it serves (`registry+https://…`), for deb suite and
    /// components (`[arch=amd64] stable main`); otherwise `None`: every name. A lockfile's own is for the name that locks it.
    pub scope: Option<String>,
    /// The base URL, without credentials.
    pub url: String,
    /// An `Authorization` header's value that goes with it, if the client's configuration has one.
    pub authorization: Option<String>,
    /// Who named it.
    pub named_by: NamedBy,
}

/// Who named an upstream. An ecosystem tells from it which upstreams hear of a name, as its clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedBy {
    /// The command line or the selection file.
    Operator,
    /// The lockfile, as the registry of this very name ([`Wanted::registry`](super::Wanted::registry)).
    LockfileForName,
    /// The lockfile, as one index of several for all that it locks.
    LockfileForAll,
    /// The client's own configuration.
    Client,
}

/// How a client's configuration reaches upstreams.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// The proxy's address, which may hold a password, and the setting that names it.
    pub proxy: Option<(String, String)>,
    /// Hosts that are asked directly, between commas or spaces.
    pub no_proxy: Option<String>,
    /// Certificate authorities that count for the client instead of the platform's.
    pub authorities: Option<NamedFile>,
    /// Certificate authorities that count for the client beside the others.
    pub more_authorities: Option<NamedFile>,
}

/// A file that a client's configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The file.
    pub path: PathBuf,
    /// The setting that names it.
    pub setting: String,
}

/// What the client's surroundings say. Read-only, and a fake in tests.
pub trait ClientEnvironment: Sync {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// The home folder.
    fn home(&self) -> Option<PathBuf>;
    /// The folder of the selection.
    fn working_folder(&self) -> PathBuf;
    /// A configuration file's text, if it is there; bounded.
    fn read(&self, path: &Path) -> Option<String>;
    /// The files of a configuration folder, sorted by name; bounded.
    fn list(&self, _folder: &Path) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Asks registries for documents. Implemented by `net`; a fake in tests.
pub trait Upstream: Sync {
    /// GETs a document. `None` where the registry says that it has none (404, 410).
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError>;
    /// The upstreams for an ecosystem, in order of preference: from arguments and the selection, from the lockfiles that
    /// ask for the name in question, from the client's configuration.
    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase>;
}

/// A document asked from an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentRequest {
    /// The absolute URL.
    pub url: String,
    /// The `Accept` header.
    pub accept: Option<&'static str>,
    /// More than so many bytes is an error.
    pub max_bytes: u64,
}

/// A document as an upstream served it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The URL that answered, after redirects, without credentials.
    pub url: String,
    /// The `Content-Type`.
    pub media_type: String,
    /// The body, exactly.
    pub bytes: Vec<u8>,
}

/// Where an artifact is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The file's name.
    pub file: String,
    /// The URL.
    pub url: String,
    /// The digests that hold for exactly this file: those of the lockfile that upstream's document assigns to it.
    pub claims: Vec<Claim>,
    /// Size in bytes, where stated.
    pub size: Option<u64>,
}

/// What came with the artifacts of one name.
#[derive(Debug, Default)]
pub struct Companions {
    /// Registry documents about the name.
    pub documents: Vec<NewDocument>,
    /// For each artifact, by its file name: one entry for every kind of [`Ecosystem::proof_kinds`](super::Ecosystem::proof_kinds).
    pub proofs: BTreeMap<String, Vec<NewProof>>,
}

/// What signed indexes say about artifacts of many names.
#[derive(Debug, Default)]
pub struct Indexed {
    /// The indexes and their signatures: artifacts of names of their own.
    pub indexes: Vec<NewIndex>,
    /// What they say about each artifact, by name, version and file.
    pub found: BTreeMap<(String, String, String), IndexedProof>,
    /// Documents for names, with the name first.
    pub documents: Vec<(String, NewDocument)>,
}

/// A signed index, or a part of one.
#[derive(Debug)]
pub struct NewIndex {
    /// Its name as an artifact.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its file.
    pub file: String,
    /// Where it came from.
    pub origin: String,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
    /// Its own proof.
    pub proof: IndexedProof,
}

/// A proof that lies in signed indexes.
#[derive(Debug, Clone)]
pub struct IndexedProof {
    /// The evidence kind.
    pub kind: &'static str,
    /// Whether the indexes list the artifact.
    pub state: ProofState,
    /// The places in [`Indexed::indexes`] of those that hold the proof, in the order that the kind wants.
    pub indexes: Vec<usize>,
}

/// A registry document to be stored.
#[derive(Debug, Clone)]
pub struct NewDocument {
    /// The kind, such as `packument`.
    pub kind: &'static str,
    /// Where it came from, without credentials.
    pub origin: String,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
}

/// A proof to be stored, or its absence.
#[derive(Debug, Clone)]
pub enum NewProof {
    /// The registry has it: its kind, and the bytes as they came.
    Present(&'static str, Vec<Vec<u8>>),
    /// The registry has it within a document of [`Companions::documents`]: its kind, and the document's.
    InDocument(&'static str, &'static str),
    /// Any other state.
    Without(Proof),
}
