//! npm's registry, for npm, pnpm and Yarn.
//!
//! Sources: npm's documentation (package.json, package-lock.json, npmrc, registry signatures and provenance), the registry
//! API of `npm/registry`, and the clients' own lockfile formats, each named where it is read.

mod client;
mod coordinate;
mod inspect;
mod layout;
mod lockfiles;
mod map;
mod packument;
mod upstream;

use std::cmp::Ordering;
use std::path::PathBuf;

pub use layout::{REGISTRY, packument_path, tarball_path};

use super::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, Ecosystem, Facts, Files, Held,
    Located, Mismatch, PlacedFile, RepositoryPlace, Selection, SelectionError, Transport, Upstream, UpstreamBase,
    UpstreamError, Wanted,
};
use crate::model::Artifact;

const ID: &str = "npm";

/// Packages of npm's registry.
#[derive(Debug, Clone, Copy)]
pub struct Npm;

impl Ecosystem for Npm {
    fn id(&self) -> &'static str {
        ID
    }

    fn is_lockfile(&self, file_name: &str) -> bool {
        lockfiles::is_lockfile(file_name)
    }

    fn read_lockfile(&self, file_name: &str, text: &str, _files: &dyn Files) -> Result<Selection, SelectionError> {
        lockfiles::read(file_name, text)
    }

    fn recognise(&self, file_name: &str) -> Option<Coordinate> {
        coordinate::recognise(file_name)
    }

    fn compare_versions(&self, one: &str, other: &str) -> Option<Ordering> {
        let (one, other) = (semver::Version::parse(one).ok()?, semver::Version::parse(other).ok()?);
        Some(one.cmp_precedence(&other))
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
        &[upstream::SIGNATURE, upstream::ATTESTATIONS]
    }

    fn inspect(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        inspect::inspect(artifact, content, documents)
    }

    /// `dependencies` that come from a registry, by name: npm's ranges are not told here. What is optional, bundled or a peer's is not asked for.
    fn needs(&self, facts: &serde_json::Value) -> Vec<super::Need> {
        let manifest = &facts["manifest"];
        let bundled = |name: &str| {
            ["bundleDependencies", "bundledDependencies"]
                .iter()
                .any(|field| match &manifest[*field] {
                    serde_json::Value::Array(names) => names.iter().any(|own| own == name),
                    all => all == true,
                })
        };
        let optional = |name: &str| manifest["optionalDependencies"].get(name).is_some();
        let dependencies = manifest["dependencies"].as_object().into_iter().flatten();
        dependencies
            .filter(|(name, _)| !bundled(name) && !optional(name))
            .filter_map(|(name, range)| {
                let range = range.as_str()?;
                let name = match range.strip_prefix("npm:") {
                    // `npm:@scope/name@range` (npm's documentation, "package.json", Aliases).
                    Some(alias) => alias
                        .rsplit_once('@')
                        .map_or(alias, |(name, _)| if name.is_empty() { alias } else { name }),
                    None if range.contains(':') || range.contains('/') => return None,
                    None => name.as_str(),
                };
                Some(super::Need {
                    name: name.to_owned(),
                    requirement: None,
                })
            })
            .collect()
    }

    fn stated(&self, facts: &serde_json::Value) -> super::Stated {
        let licence = facts.pointer("/manifest/license").and_then(|licence| match licence {
            // Before 2015 it was an object (npm-package.json, `license`).
            serde_json::Value::Object(fields) => fields.get("type")?.as_str(),
            other => other.as_str(),
        });
        super::Stated {
            published: facts["published"].as_str().and_then(super::lenient_time),
            licence: licence.map(str::to_owned),
            ..super::Stated::default()
        }
    }

    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout(name, held)
    }

    fn client_config(&self, place: &RepositoryPlace) -> Vec<ClientConfig> {
        client::config(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_is_no_need() {
        let facts = serde_json::json!({"manifest": {"dependencies": {
            "plain": "^1", "path": "file:lib", "work": "workspace:*", "fork": "user/fork", "git": "git+ssh://a/b",
            "alias": "npm:real@1", "scoped": "npm:@s/real",
        }}});
        let mut names: Vec<String> = Npm.needs(&facts).into_iter().map(|need| need.name).collect();
        names.sort();
        assert_eq!(names, ["@s/real", "plain", "real"]);
    }
}
