//! Maven repositories, for Maven and Gradle. A name is `group:artifact`; a version is a pom and the files beside it.
//!
//! Sources: Maven's documentation (POM, settings and repository metadata references), Maven Resolver, Gradle's documentation,
//! each named where it is read.

mod client;
mod coordinate;
mod inspect;
mod layout;
mod licence;
mod lockfiles;
mod pom;
mod upstream;
mod version;
mod xml;

use std::cmp::Ordering;
use std::path::PathBuf;

use super::purl::encode;
use super::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, Ecosystem, Facts, Files, Held,
    Located, Mismatch, PlacedFile, Recognised, RepositoryPlace, Selection, SelectionError, Shared, Stated, Transport,
    Unpinned, Upstream, UpstreamBase, UpstreamError, Wanted,
};
use crate::model::Artifact;
use coordinate::Kind;

const ID: &str = "maven";

/// Artifacts of Maven repositories.
#[derive(Debug, Clone, Copy)]
pub struct Maven;

/// The qualifiers of an artifact's purl: classifier and type tell the files of one version apart.
pub(super) fn qualifiers(artifact: &Artifact) -> String {
    let kind = coordinate::split(&artifact.name)
        .and_then(|(_, id)| coordinate::kind_of(id, &artifact.version, &artifact.file));
    match kind {
        Ok(Kind {
            classifier: Some(classifier),
            extension,
        }) => format!("?classifier={}&type={}", encode(&classifier), encode(&extension)),
        Ok(Kind { extension, .. }) => format!("?type={}", encode(&extension)),
        Err(_) => String::new(),
    }
}

/// The file that a purl's type and classifier mean.
pub(super) fn file_of(name: &str, version: &str, kind: &str, classifier: Option<&str>) -> Option<String> {
    let (_, id) = coordinate::split(name).ok()?;
    Some(coordinate::file_name(id, version, &Kind::of_type(kind, classifier)))
}

impl Ecosystem for Maven {
    fn id(&self) -> &'static str {
        ID
    }

    fn is_lockfile(&self, file_name: &str) -> bool {
        lockfiles::is_lockfile(file_name)
    }

    fn read_lockfile(&self, file_name: &str, text: &str, _files: &dyn Files) -> Result<Selection, SelectionError> {
        lockfiles::read(file_name, text)
    }

    fn read_coordinates(&self, coordinates: &[String]) -> Result<Selection, SelectionError> {
        lockfiles::read_coordinates(coordinates)
    }

    /// Lists of coordinates have no digests, and a repository states them only beside the files.
    fn unpinned(&self) -> Unpinned {
        Unpinned::AsServed
    }

    /// Never by the name alone: the group stands only in the path.
    fn recognise(&self, _file_name: &str) -> Option<Coordinate> {
        None
    }

    fn recognise_in_folder(&self, relative: &str) -> Recognised {
        coordinate::recognise(relative)
    }

    fn compare_versions(&self, one: &str, other: &str) -> Option<Ordering> {
        // Any text is a version, by Maven's order. Of longer ones, which an advisory may state and no artifact has, nothing is said: the
        // lists in a version stand in one another, and are walked by recursion.
        let are_versions = [one, other].iter().all(|text| text.len() <= coordinate::MAX_PART_BYTES);
        are_versions.then(|| version::MavenVersion::new(one).cmp(&version::MavenVersion::new(other)))
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

    fn hint_without_upstream(&self) -> Option<&'static str> {
        Some(
            "take a local repository that a build has filled as `folder`, or name the repository with `--upstream maven=URL`; \
             the one that Maven has of its own counts only if settings.xml names a mirror of it",
        )
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
        &[upstream::OPENPGP, upstream::SIGSTORE]
    }

    fn stated(&self, facts: &serde_json::Value) -> Stated {
        Stated {
            licence: facts["licence"].as_str().map(str::to_owned),
            ..Stated::default()
        }
    }

    fn inspect(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        _documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        inspect::inspect(artifact, content)
    }

    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout(name, held)
    }

    fn shared(&self, name: &str, held: &[Held]) -> Result<Vec<Shared>, Mismatch> {
        layout::shared(name, held)
    }

    fn layout_shared(&self, shared: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout_shared(shared, held)
    }

    fn client_config(&self, place: &RepositoryPlace) -> Vec<ClientConfig> {
        client::config(place)
    }
}
