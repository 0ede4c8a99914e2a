//! Crates: lockfiles, Cargo's caches, sparse registries, and a repository that Cargo reads both as a local registry and
//! as a sparse index.
//!
//! Specifications: the Cargo reference, chapters "Registry index", "Source replacement", "Configuration".
//!
//! No registry signs crates, so no kind of proof exists; a lockfile's checksum is all that there is.
//! One repository folder is one name space: crates of two registries share it, and the same name from both is refused.

mod client;
mod configuration;
mod coordinate;
mod index_cache;
mod index_line;
mod inspect;
mod layout;
mod lockfile;
mod manifest;
mod upstream;

use std::cmp::Ordering;
use std::path::PathBuf;

use super::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, Ecosystem, Facts, Files, Held,
    Located, Mismatch, Need, NewDocument, PlacedFile, RepositoryPlace, Selection, SelectionError, Stated, Transport,
    Upstream, UpstreamBase, UpstreamError, Wanted,
};
use crate::model::Artifact;

/// The id in catalogs.
const ID: &str = "cargo";

/// The kind of document that an index file is.
const INDEX_LINES: &str = "index-lines";

/// How lockfiles write the default registry, whatever serves it (Cargo: `src/sources/mod.rs`).
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Cargo's crates.
pub struct Cargo;

impl Ecosystem for Cargo {
    fn id(&self) -> &'static str {
        ID
    }

    fn is_lockfile(&self, file_name: &str) -> bool {
        file_name == "Cargo.lock"
    }

    fn read_lockfile(&self, file_name: &str, text: &str, _files: &dyn Files) -> Result<Selection, SelectionError> {
        lockfile::read(file_name, text)
    }

    fn recognise(&self, file_name: &str) -> Option<Coordinate> {
        coordinate::from_file_name(file_name)
    }

    fn collision_key(&self, name: &str) -> String {
        coordinate::collision_key(name)
    }

    fn spelling(&self, name: &str) -> String {
        coordinate::collision_key(name)
    }

    fn compare_versions(&self, one: &str, other: &str) -> Option<Ordering> {
        let (one, other) = (semver::Version::parse(one).ok()?, semver::Version::parse(other).ok()?);
        Some(one.cmp_precedence(&other))
    }

    fn cached(&self, wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        let file = coordinate::file_name(&wanted.name, &wanted.version);
        if coordinate::check_file_name(&file, &wanted.name, &wanted.version).is_err() {
            return Vec::new();
        }
        let mut paths: Vec<PathBuf> = configuration::cargo_home(client)
            .map(|home| home.join("registry/cache/*").join(&file))
            .into_iter()
            .collect();
        // A configuration that cannot be read is reported by `upstreams`.
        if let Ok(configuration) = configuration::Configuration::read(client) {
            paths.extend(configuration.folders().into_iter().map(|folder| folder.join(&file)));
        }
        paths
    }

    fn remembered(&self, name: &str, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        if !coordinate::is_name(name) {
            return Vec::new();
        }
        let file = format!("registry/index/*/.cache/{}", coordinate::index_path(name));
        configuration::cargo_home(client)
            .map(|home| home.join(file))
            .into_iter()
            .collect()
    }

    fn recall(&self, untrusted: &[u8], artifacts: &[Artifact]) -> Option<NewDocument> {
        index_cache::recall(untrusted, artifacts)
    }

    fn upstreams(&self, client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
        Ok(configuration::Configuration::read(client)?.bases())
    }

    fn hint_without_upstream(&self) -> Option<&'static str> {
        Some(
            "run `cargo fetch --locked` beside the lockfile, so that the crates lie in Cargo's cache, or name a sparse \
             registry in `.cargo/config.toml`",
        )
    }

    fn transport(&self, client: &dyn ClientEnvironment) -> Transport {
        // A configuration that cannot be read is reported by `upstreams`.
        configuration::Configuration::read(client).map_or_else(|_| Transport::default(), |read| read.transport(client))
    }

    fn locate(&self, wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
        upstream::locate(wanted, upstream)
    }

    fn accompany(
        &self,
        name: &str,
        artifacts: &[Artifact],
        upstream: &dyn Upstream,
    ) -> Result<Companions, UpstreamError> {
        upstream::accompany(name, artifacts, upstream)
    }

    fn proof_kinds(&self) -> &'static [&'static str] {
        &[]
    }

    /// Normal and build dependencies that are neither optional nor for one target: a lockfile has them all.
    fn needs(&self, facts: &serde_json::Value) -> Vec<Need> {
        let line = facts["line"].as_str().and_then(index_line::parse);
        let dependencies = line.into_iter().flat_map(|line| line.deps);
        dependencies
            .filter(index_line::IndexDependency::is_always_needed)
            .map(|dependency| Need {
                name: dependency.package.unwrap_or(dependency.name),
                requirement: Some(dependency.req),
            })
            .collect()
    }

    fn satisfies(&self, requirement: &str, version: &str) -> Option<bool> {
        let requirement = semver::VersionReq::parse(requirement).ok()?;
        Some(requirement.matches(&semver::Version::parse(version).ok()?))
    }

    /// The time of publication is the registry's: no crate holds it.
    fn stated(&self, facts: &serde_json::Value) -> Stated {
        let line = facts["line"].as_str().and_then(index_line::parse);
        Stated {
            published: line
                .and_then(|line| line.pubtime)
                .and_then(|time| crate::ecosystem::lenient_time(&time)),
            licence: facts["licence"].as_str().map(str::to_owned),
            ..Stated::default()
        }
    }

    fn inspect(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        inspect::inspect(artifact, content, documents)
    }

    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout(name, held)
    }

    fn client_config(&self, place: &RepositoryPlace) -> Vec<ClientConfig> {
        client::config(place)
    }
}

/// What is wrong with a TOML text, with its line and without a quotation: it may hold secrets or controls.
fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {}", before.matches('\n').count() + 1, error.message()),
        None => error.message().to_owned(),
    }
}
