//! What is particular to each ecosystem: how selections are read, where upstream keeps what, what an artifact's
//! own content says, and which files a client wants to find. An ecosystem describes; it never opens a file or a socket:
//! `export/collect.rs` and `import/stage.rs` do all the doing, so limits, retries, hashing and atomic writes exist once.
//!
//! To add an ecosystem: a folder here with its `mod` line and its entry in [`ALL`], a fake in `tests/support`,
//! a fixture, a row in `README.md`.

pub mod cargo;
pub mod deb;
mod error;
pub mod files;
mod held;
pub mod maven;
pub mod npm;
mod placing;
pub mod pypi;
mod purl;
mod selection;
mod upstream;

use std::cmp::Ordering;
use std::path::PathBuf;

pub use crate::model::Content;
pub use error::{Mismatch, SelectionError, UpstreamError};
pub use held::{ClientConfig, DocumentContent, Facts, Held, PlacedContent, PlacedFile, RepositoryPlace};
pub use placing::{Laid, Placing, placing};
pub use purl::{Purl, PurlError, decode, purl};
pub use selection::{Elsewhere, Files, Selection, Wanted};
pub use upstream::{
    ClientEnvironment, Companions, DocumentRequest, Fetched, Indexed, IndexedProof, Located, NamedBy, NamedFile,
    NewDocument, NewIndex, NewProof, Transport, Upstream, UpstreamBase,
};

use crate::model::{Artifact, Timestamp};

/// Every ecosystem that this program knows.
pub const ALL: &[&dyn Ecosystem] = &[
    &cargo::Cargo,
    &deb::Deb,
    &files::PlainFiles,
    &maven::Maven,
    &npm::Npm,
    &pypi::Pypi,
];

/// Finds an ecosystem by its id.
pub fn find(id: &str) -> Option<&'static dyn Ecosystem> {
    ALL.iter().copied().find(|ecosystem| ecosystem.id() == id)
}

/// The longest version that is compared: what is read from advisories may be of any length, and some orders take versions apart recursively.
pub const MAX_COMPARED_BYTES: usize = 512;

/// Which of two versions comes first ([`Ecosystem::compare_versions`]), by an ecosystem's id.
///
/// What is longer than [`MAX_COMPARED_BYTES`] is taken for no version.
pub fn compare_versions(ecosystem: &str, one: &str, other: &str) -> Option<Ordering> {
    if one == other {
        return Some(Ordering::Equal);
    }
    if one.len().max(other.len()) > MAX_COMPARED_BYTES {
        return None;
    }
    find(ecosystem)?.compare_versions(one, other)
}

/// The key under which two names are taken for the same ([`Ecosystem::collision_key`]), by an ecosystem's id.
pub fn collision_key(ecosystem: &str, name: &str) -> String {
    find(ecosystem).map_or_else(|| name.to_lowercase(), |ecosystem| ecosystem.collision_key(name))
}

/// A name as it is told apart from others that have the same key ([`Ecosystem::spelling`]), by an ecosystem's id.
pub fn spelling(ecosystem: &str, name: &str) -> String {
    find(ecosystem).map_or_else(|| name.to_lowercase(), |ecosystem| ecosystem.spelling(name))
}

/// Reads a time as registries and databases write it, with fractions of seconds and offsets; `None` for anything else.
pub fn lenient_time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    (time.as_second() >= 0).then(|| Timestamp::from_seconds(time.as_second()))
}

/// What an artifact's own metadata, or its registry's document, states beside what clients need.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// When it was published, as the registry's document says.
    pub published: Option<Timestamp>,
    /// Its licence, as its own metadata says.
    pub licence: Option<String>,
    /// Name and version by which advisories know it, where they are not its own: those of the source that it is built of.
    pub advised_as: Option<(String, String)>,
}

/// Something that an artifact cannot do without.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// Its name in normal form.
    pub name: String,
    /// Which versions will do, in the ecosystem's own words; `None`: any.
    pub requirement: Option<String>,
}

/// One ecosystem's knowledge.
pub trait Ecosystem: Sync {
    /// The id in catalogs, such as `pypi`.
    fn id(&self) -> &'static str;

    /// Whether a file of this name is one of the lockfiles that [`Ecosystem::read_lockfile`] reads.
    fn is_lockfile(&self, file_name: &str) -> bool;

    /// Reads a lockfile. `files` gives the files that it names, relative to its own folder.
    fn read_lockfile(&self, file_name: &str, text: &str, files: &dyn Files) -> Result<Selection, SelectionError>;

    /// Reads artifacts that an operator names one by one.
    fn read_coordinates(&self, _coordinates: &[String]) -> Result<Selection, SelectionError> {
        Err(SelectionError::Malformed {
            file: "coordinates".to_owned(),
            reason: format!("{} has none; give a lockfile or a folder", self.id()),
        })
    }

    /// What becomes of artifacts for which a lockfile or list states no digest at all.
    fn unpinned(&self) -> Unpinned {
        Unpinned::Refused
    }

    /// Reads name and version from a loose file's name; `None` where it is not one of this ecosystem's artifacts.
    fn recognise(&self, file_name: &str) -> Option<Coordinate>;

    /// Says what a file in a folder is, by its path below it: for ecosystems whose file names do not tell all.
    fn recognise_in_folder(&self, relative: &str) -> Recognised {
        let file_name = relative.rsplit('/').next().unwrap_or(relative);
        self.recognise(file_name)
            .map_or(Recognised::Unknown, Recognised::Artifact)
    }

    /// The key under which two names are taken for the same, so that only one of them may be held: names that differ
    /// in case alone collide on some disks, and registries may refuse more.
    fn collision_key(&self, name: &str) -> String {
        name.to_lowercase()
    }

    /// A name as it is told apart from others that have the same key: npm has both `JSONStream` and `jsonstream`, and where a registry gives a key to
    /// one project alone, it is the key.
    fn spelling(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Which of two versions comes first by the ecosystem's own order; `None` where one of them is no version, or there is no order.
    fn compare_versions(&self, _one: &str, _other: &str) -> Option<Ordering> {
        None
    }

    /// The files in the client's own caches that would hold the wanted artifact's bytes as published. May be empty.
    /// A `*` component stands for any one folder.
    fn cached(&self, wanted: &Wanted, client: &dyn ClientEnvironment) -> Vec<PathBuf>;

    /// The upstreams that the client's own configuration names (files and environment variables).
    fn upstreams(&self, client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError>;

    /// How the client's own configuration reaches upstreams, beside the variables that hold for every program.
    fn transport(&self, _client: &dyn ClientEnvironment) -> Transport {
        Transport::default()
    }

    /// What the operator can do where an artifact is in no cache and no upstream is named.
    fn hint_without_upstream(&self) -> Option<&'static str> {
        None
    }

    /// Finds out at which URLs the wanted artifact is served, asking upstream documents if need be: at least one, or it is not listed.
    fn locate(&self, wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError>;

    /// Fetches what the registry says about one name and its artifacts: documents, and the proofs it has.
    fn accompany(
        &self,
        name: &str,
        artifacts: &[Artifact],
        upstream: &dyn Upstream,
    ) -> Result<Companions, UpstreamError>;

    /// Where a selection need not state digests ([`Unpinned::FromIndex`]): states digests, files, sizes and URLs of what a selection names without them, as the upstreams' signed indexes list it.
    /// What no index lists stays as it was.
    fn pin(&self, _wanted: &mut [Wanted], _upstream: &dyn Upstream) -> Result<(), UpstreamError> {
        Ok(())
    }

    /// Finds artifacts of many names in the upstreams' signed indexes. The indexes travel as artifacts of their own names, so
    /// that clients find them unchanged.
    fn index(&self, _artifacts: &[Artifact], _upstream: &dyn Upstream) -> Result<Indexed, UpstreamError> {
        Ok(Indexed::default())
    }

    /// The files in which the client itself keeps the document of a URL, as it came or decompressed.
    fn kept_documents(&self, _url: &str, _client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The files in which the client itself keeps what registries said about a name; `*` stands for any folder's name.
    fn remembered(&self, _name: &str, _client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        Vec::new()
    }

    /// What such a file says about these artifacts, in the form of the registry's own document.
    fn recall(&self, _untrusted: &[u8], _artifacts: &[Artifact]) -> Option<NewDocument> {
        None
    }

    /// The kinds of proof that this ecosystem's registries can have.
    fn proof_kinds(&self) -> &'static [&'static str];

    /// Whether its upstreams are plain folders, in which a publisher's signature stands beside the file: then it is asked for there,
    /// and what is found is a proof besides those of [`Ecosystem::proof_kinds`].
    fn has_signatures_beside(&self) -> bool {
        false
    }

    /// Reads from the artifact's own content, and from the registry documents that came with it, all that
    /// [`Ecosystem::layout`] needs; refuses content that is not what the artifact's name and version say.
    fn inspect(
        &self,
        artifact: &Artifact,
        content: &mut dyn Content,
        documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch>;

    /// What the facts that [`Ecosystem::inspect`] gave state for a site's policy.
    fn stated(&self, _facts: &serde_json::Value) -> Stated {
        Stated::default()
    }

    /// What an artifact cannot do without, as the facts say that [`Ecosystem::inspect`] gave: only what every client needs of it, whatever its
    /// platform and its features.
    fn needs(&self, _facts: &serde_json::Value) -> Vec<Need> {
        Vec::new()
    }

    /// Whether a version is one that a requirement asks for; `None` where that cannot be told, and then any is.
    fn satisfies(&self, _requirement: &str, _version: &str) -> Option<bool> {
        None
    }

    /// All files that clients find for one name, computed from all artifacts held of that name. Paths are relative
    /// to the ecosystem's own folder. Pure: the same held artifacts give the same files.
    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch>;

    /// The same for a name with so many artifacts that they shall not be in memory together; `None` where that does not occur. What it
    /// places is what [`Ecosystem::layout`] gives, in any order.
    fn placing(&self, _name: &str) -> Option<Result<Box<dyn Placing>, Mismatch>> {
        None
    }

    /// The pages in which a name has a part beside other names, with all whose artifacts stand in them. For most
    /// ecosystems there are none.
    fn shared(&self, _name: &str, _held: &[Held]) -> Result<Vec<Shared>, Mismatch> {
        Ok(Vec::new())
    }

    /// The pages of one [`Shared`], computed from all artifacts held of its members. Pure, as [`Ecosystem::layout`] is; none
    /// of them is a path of a name's own.
    fn layout_shared(&self, _shared: &str, _held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        Ok(Vec::new())
    }

    /// The lines or commands that point this ecosystem's clients at the repository.
    fn client_config(&self, place: &RepositoryPlace) -> Vec<ClientConfig>;

    /// The same, for clients whose lines name each index that is held: `indexes` has what the enclave holds of names for which
    /// [`Ecosystem::is_index`] holds.
    fn client_config_of(&self, place: &RepositoryPlace, _indexes: &[Held]) -> Vec<ClientConfig> {
        self.client_config(place)
    }

    /// Whether a name is that of a signed index, and not of a package.
    fn is_index(&self, _name: &str) -> bool {
        false
    }
}

/// Name and version of an artifact, read off a file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coordinate {
    /// The name in normal form.
    pub name: String,
    /// The version.
    pub version: String,
}

/// What a file in a folder is to an ecosystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// An artifact.
    Artifact(Coordinate),
    /// What a client wrote beside artifacts for itself: passed over without a word.
    Bookkeeping,
    /// An artifact that is not taken, with the reason as the rest of a sentence about it.
    Refused(&'static str),
    /// Nothing of this ecosystem.
    Unknown,
}

/// What becomes of artifacts for which a selection states no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpinned {
    /// They are refused.
    Refused,
    /// They are taken as a host serves them that the selection or the client's configuration names: TLS and the
    /// registry's own checksums are all that vouches for them, and it is said.
    AsServed,
    /// They get digests from the upstreams' signed indexes ([`Ecosystem::pin`]), whose signatures the importing side judges
    /// again. What no index lists is refused.
    FromIndex,
}

/// Pages that several names share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// What they are known by: no name of an artifact.
    pub name: String,
    /// Whose artifacts stand in them.
    pub members: Vec<Members>,
}

/// Names that have a part in shared pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Members {
    /// One name.
    Name(String),
    /// All names that begin so.
    Beginning(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_their_ecosystems_order() {
        for (ecosystem, one, other, order) in [
            ("npm", "1.9.0", "1.10.0", Some(Ordering::Less)),
            ("npm", "1.0.0-rc.1", "1.0.0", Some(Ordering::Less)),
            ("cargo", "1.0.0+a", "1.0.0+b", Some(Ordering::Equal)),
            ("pypi", "1.0", "1.0.0", Some(Ordering::Equal)),
            ("pypi", "1.0rc1", "1.0", Some(Ordering::Less)),
            ("pypi", "1!0", "2", Some(Ordering::Greater)),
            ("npm", "one", "1.0.0", None),
            ("maven", "1.0-alpha-1", "1.0", Some(Ordering::Less)),
            ("maven", "1.0.0", "1", Some(Ordering::Equal)),
            ("maven", &"-1".repeat(300), "1", None),
            ("files", "1", "2", None),
            ("files", "1", "1", Some(Ordering::Equal)),
            ("nothing", "1", "2", None),
        ] {
            assert_eq!(
                compare_versions(ecosystem, one, other),
                order,
                "{ecosystem} {one} {other}"
            );
        }
        assert_eq!(collision_key("pypi", "Corp_*"), "corp-*");
        assert_eq!(collision_key("nothing", "Corp_*"), "corp_*");
    }
}
