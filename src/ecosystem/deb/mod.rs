//! Debian packages: lists of packages, apt's caches and sources, and a repository that apt reads as the archives themselves.
//!
//! Specifications: deb(5), deb-version(7), deb822(5), sources.list(5), apt-secure(8), the Debian wiki's "DebianRepository/Format",
//! Debian Policy chapters 3 and 5.
//!
//! Packages are not signed; their archive's index is. So the index travels: as artifacts of the suite's own name, unchanged, and clients
//! in the enclave verify the distribution's own signature. Layout, below the ecosystem's folder, with an archive's host and path as its
//! name:
//!
//! - `ARCHIVE/dists/SUITE/InRelease` and `…/COMPONENT/binary-ARCHITECTURE/Packages.xz`, also under its digest. Of several that came
//!   the newest is shown; lists that did not change since stay.
//! - `ARCHIVE/pool/…`: packages, where the index says. One that only an older index lists keeps its place, and apt no longer sees it.
//! - `loose/`: packages of which no index came along.

mod client;
mod configuration;
mod coordinate;
mod inspect;
mod layout;
mod lockfile;
mod sources;
mod suite;
mod upstream;
mod version;

use std::cmp::Ordering;
use std::path::PathBuf;

use super::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, Ecosystem, Facts, Files, Held,
    Indexed, Located, Mismatch, PlacedFile, RepositoryPlace, Selection, SelectionError, Stated, Transport, Unpinned,
    Upstream, UpstreamBase, UpstreamError, Wanted,
};
use crate::model::Artifact;
use configuration::Configuration;
use coordinate::PackageFile;

/// The id in catalogs.
const ID: &str = "deb";

/// The kind of proof: a signed release, and the index that lists the package.
const APT_RELEASE: &str = "apt-release";

/// The kind of document that says where in its archives a package lies: excerpts of indexes.
const PLACES: &str = "apt-places";

/// A signed release.
const SIGNED: &str = "InRelease";

/// A release whose signature lies beside it.
const SIGNED_APART: &str = "Release";

/// That signature.
const SIGNATURE: &str = "Release.gpg";

/// The folder of a list of packages, with its slash, if a path is one: `COMPONENT/binary-ARCHITECTURE/Packages`, or `Packages` in an
/// archive without suites, in any compression that clients read.
fn index_file(path: &str) -> Option<&str> {
    let (folder, file) = match path.rfind('/') {
        Some(at) => path.split_at(at + 1),
        None => ("", path),
    };
    let extension = file.strip_prefix("Packages")?;
    if !["", ".gz", ".bz2", ".xz", ".zst"].contains(&extension) {
        return None;
    }
    if folder.is_empty() {
        return Some(folder);
    }
    let (component, architecture) = folder.strip_suffix('/')?.rsplit_once("/binary-")?;
    let is_plain = coordinate::is_architecture(architecture)
        && !component.contains("debian-installer")
        && component
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._+~-/".contains(&byte))
        && !component.split('/').any(|part| matches!(part, "" | "." | ".."));
    is_plain.then_some(folder)
}

/// What tells a package from the others of its name and version, as a package URL's qualifiers.
pub(super) fn qualifiers(artifact: &Artifact) -> String {
    PackageFile::read(&artifact.file).map_or_else(String::new, |file| format!("?arch={}", file.architecture))
}

/// The file that a package URL with an architecture means.
pub(super) fn file_of(name: &str, version: &str, architecture: &str) -> Option<String> {
    PackageFile::new(name, version, architecture).map(|file| file.file())
}

/// A package's name without the distribution before it. The names of indexes have more parts, or colons.
pub(super) fn without_namespace(name: &str) -> &str {
    match name.split_once('/') {
        Some((_, package)) if coordinate::is_name(package) && !name.contains("::") => package,
        _ => name,
    }
}

/// Debian's packages.
pub struct Deb;

impl Ecosystem for Deb {
    fn id(&self) -> &'static str {
        ID
    }

    fn is_lockfile(&self, file_name: &str) -> bool {
        lockfile::is_lockfile(file_name)
    }

    fn read_lockfile(&self, file_name: &str, text: &str, _files: &dyn Files) -> Result<Selection, SelectionError> {
        lockfile::read(file_name, text)
    }

    fn read_coordinates(&self, coordinates: &[String]) -> Result<Selection, SelectionError> {
        lockfile::read_coordinates(coordinates)
    }

    fn unpinned(&self) -> Unpinned {
        Unpinned::FromIndex
    }

    fn compare_versions(&self, one: &str, other: &str) -> Option<Ordering> {
        let are_versions = coordinate::is_version(one) && coordinate::is_version(other);
        are_versions.then(|| version::compare(one, other))
    }

    fn recognise(&self, file_name: &str) -> Option<Coordinate> {
        PackageFile::read(file_name).map(PackageFile::coordinate)
    }

    fn cached(&self, wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        let file = wanted.file.as_deref().filter(|file| PackageFile::read(file).is_some());
        file.map(|file| Configuration::read(client).archives().join(file))
            .into_iter()
            .collect()
    }

    fn upstreams(&self, client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
        Configuration::read(client).upstreams(client)
    }

    fn transport(&self, client: &dyn ClientEnvironment) -> Transport {
        Configuration::read(client).transport()
    }

    fn hint_without_upstream(&self) -> Option<&'static str> {
        Some(
            "name the archive in the selection: under `upstreams`, `{ecosystem: deb, url: …, scope: \"[arch=amd64] SUITE \
             COMPONENT\"}`; or let apt's own sources name it",
        )
    }

    fn locate(&self, wanted: &Wanted, _upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
        upstream::locate(wanted)
    }

    /// Nothing by name: see [`Ecosystem::index`].
    fn accompany(
        &self,
        _name: &str,
        _artifacts: &[Artifact],
        _upstream: &dyn Upstream,
    ) -> Result<Companions, UpstreamError> {
        Ok(Companions::default())
    }

    fn pin(&self, wanted: &mut [Wanted], upstream: &dyn Upstream) -> Result<(), UpstreamError> {
        upstream::pin(wanted, upstream)
    }

    fn index(&self, artifacts: &[Artifact], upstream: &dyn Upstream) -> Result<Indexed, UpstreamError> {
        upstream::index(artifacts, upstream)
    }

    fn kept_documents(&self, url: &str, client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        configuration::list_name(url)
            .map(|name| Configuration::read(client).lists().join(name))
            .into_iter()
            .collect()
    }

    fn proof_kinds(&self) -> &'static [&'static str] {
        &[APT_RELEASE]
    }

    fn inspect(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        inspect::inspect(artifact, content, documents)
    }

    /// Advisories name sources.
    fn stated(&self, facts: &serde_json::Value) -> Stated {
        let source = facts["source"].as_str().zip(facts["source-version"].as_str());
        Stated {
            advised_as: source.map(|(name, version)| (name.to_owned(), version.to_owned())),
            ..Stated::default()
        }
    }

    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout(name, held)
    }

    fn client_config(&self, place: &RepositoryPlace) -> Vec<ClientConfig> {
        client::config(place, &[])
    }

    fn client_config_of(&self, place: &RepositoryPlace, indexes: &[Held]) -> Vec<ClientConfig> {
        client::config(place, indexes)
    }

    fn is_index(&self, name: &str) -> bool {
        coordinate::is_index(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_packages_are_told_from_all_else() {
        for (path, folder) in [
            ("main/binary-amd64/Packages", "main/binary-amd64/"),
            ("updates/main/binary-all/Packages.xz", "updates/main/binary-all/"),
            ("Packages.gz", ""),
        ] {
            assert_eq!(index_file(path), Some(folder));
        }
        for path in [
            "main/binary-amd64/Release",
            "main/binary-amd64/Packages.diff/Index",
            "main/binary-amd64/Packages.lzma",
            "main/debian-installer/binary-amd64/Packages",
            "main/source/Sources",
            "../binary-amd64/Packages",
            "/binary-amd64/Packages",
            "main/binary-/Packages",
            "main/Packages",
            "binary-amd64/Packages",
            "main/binary-amd64/Packages/",
            "main/../binary-amd64/Packages",
            "ma in/binary-amd64/Packages",
            "main:/binary-amd64/Packages",
        ] {
            assert_eq!(index_file(path), None, "{path}");
        }
    }

    #[test]
    fn only_versions_are_compared() {
        assert_eq!(Deb.compare_versions("1:1", "2"), Some(Ordering::Greater));
        for (one, other) in [("1_", "2"), ("2", "1_"), ("", "1"), ("1", "")] {
            assert_eq!(Deb.compare_versions(one, other), None, "{one} {other}");
        }
    }

    #[test]
    fn a_package_is_no_index() {
        assert!(Deb.is_index("a.example.com/debian/dists/stable"));
        assert!(!Deb.is_index("hello"));
    }
}
