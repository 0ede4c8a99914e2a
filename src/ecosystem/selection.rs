//! What a selection asks an ecosystem for.

use std::path::PathBuf;

use super::{SelectionError, UpstreamBase};
use crate::model::Claim;

/// Files that a lockfile may name, relative to the lockfile's folder.
pub trait Files {
    /// Reads a text file, bounded.
    fn read(&self, path: &str) -> Result<String, SelectionError>;
}

/// What a lockfile asks for.
#[derive(Debug, Default)]
pub struct Selection {
    /// The artifacts, in the lockfile's order.
    pub wanted: Vec<Wanted>,
    /// What was seen and is not taken, in words: git dependencies, direct URLs without hash, …
    pub left_out: Vec<String>,
    /// What stands under a registry's name and comes from elsewhere: whoever needs the name has it from there.
    pub elsewhere: Vec<Elsewhere>,
    /// The registries or indexes that the lockfile names, with their credentials split off.
    pub upstreams: Vec<UpstreamBase>,
}

/// A name that a lockfile fills with something else than the registry's package of that name: from git, a folder or an address, or with another package
/// in its place (`[patch]`, `overrides`, aliases).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Elsewhere {
    /// The name in normal form.
    pub name: String,
    /// Its version, where the lockfile says one that counts.
    pub version: Option<String>,
}

/// One artifact that a selection asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The ecosystem's id.
    pub ecosystem: &'static str,
    /// The name in normal form.
    pub name: String,
    /// The version.
    pub version: String,
    /// The file's name, where the lockfile says it.
    pub file: Option<String>,
    /// The digests that the lockfile accepts: the artifact must have one of the strongest algorithm named. Never empty
    /// but for files of a folder that has no checksums, and where the ecosystem takes [`Unpinned::AsServed`](super::Unpinned::AsServed).
    pub claims: Vec<Claim>,
    /// URLs that the lockfile gives for exactly this artifact.
    pub urls: Vec<String>,
    /// The registry or index that the lockfile names for it.
    pub registry: Option<String>,
    /// A path that the lockfile or selection gives for it.
    pub path: Option<PathBuf>,
    /// Size in bytes, where stated.
    pub size: Option<u64>,
}
