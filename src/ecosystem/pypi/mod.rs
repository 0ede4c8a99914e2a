//! Python packages: wheels and source distributions, from indexes with PEP 503/691 pages, with PEP 740 attestations.
//!
//! Specifications: <https://packaging.python.org/specifications/> (simple repository API, binary distribution format,
//! source distribution format, core metadata, version specifiers, `pylock.toml`).

mod client;
mod coordinate;
mod html;
mod inspect;
mod layout;
mod licence;
mod lockfiles;
mod metadata;
mod simple;
mod upstream;
mod url;
mod version;

pub(super) use coordinate::normal_name;
use std::cmp::Ordering;
use std::path::PathBuf;

use super::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, Ecosystem, Facts, Files, Held,
    Located, Mismatch, PlacedFile, RepositoryPlace, Selection, SelectionError, Transport, Upstream, UpstreamBase,
    UpstreamError, Wanted,
};
use crate::model::Artifact;
use version::Version;

/// The ecosystem's id.
const ID: &str = "pypi";

/// The kind of proof that indexes have (PEP 740).
const ATTESTATIONS: &str = "pypi-attestations";

/// The label of a wheel's METADATA among derived files.
const METADATA: &str = "metadata";

/// Python packages.
#[derive(Debug, Clone, Copy)]
pub struct Pypi;

impl Ecosystem for Pypi {
    fn id(&self) -> &'static str {
        ID
    }

    fn is_lockfile(&self, file_name: &str) -> bool {
        lockfiles::Format::of(file_name).is_some()
    }

    fn read_lockfile(&self, file_name: &str, text: &str, files: &dyn Files) -> Result<Selection, SelectionError> {
        lockfiles::read(file_name, text, files)
    }

    fn recognise(&self, file_name: &str) -> Option<Coordinate> {
        let read = coordinate::read_file_name(file_name)?;
        Some(Coordinate {
            name: read.name,
            version: read.version.to_string(),
        })
    }

    fn collision_key(&self, name: &str) -> String {
        coordinate::collision_key(name)
    }

    fn spelling(&self, name: &str) -> String {
        coordinate::collision_key(name)
    }

    fn compare_versions(&self, one: &str, other: &str) -> Option<Ordering> {
        let (one, other): (Version, Version) = (one.parse().ok()?, other.parse().ok()?);
        Some(one.cmp(&other))
    }

    fn cached(&self, wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        client::cached(wanted, client)
    }

    fn upstreams(&self, client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
        client::upstreams(client)
    }

    fn transport(&self, client: &dyn ClientEnvironment) -> Transport {
        client::transport(client)
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
        &[ATTESTATIONS]
    }

    fn inspect(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        inspect::inspect(artifact, content, documents)
    }

    fn stated(&self, facts: &serde_json::Value) -> super::Stated {
        super::Stated {
            published: facts["upload-time"].as_str().and_then(super::lenient_time),
            licence: facts["licence"].as_str().map(str::to_owned),
            ..super::Stated::default()
        }
    }

    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout(name, held)
    }

    fn client_config(&self, place: &RepositoryPlace) -> Vec<ClientConfig> {
        client::client_config(place)
    }
}
