//! Artifacts, their proofs and the registry documents that came with them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Digest;

/// A package's name within one ecosystem, in that ecosystem's normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// The ecosystem's id, such as `pypi`.
    pub ecosystem: String,
    /// The name in normal form, such as `foo-bar` or `@scope/name`.
    pub name: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ecosystem, self.name)
    }
}

/// One file as a registry publishes it (`bundle-spec/catalog.md` §3). Fields stand in the order of their names, as they
/// are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The bytes.
    pub digest: Digest,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The file's name, as the registry publishes it.
    pub file: String,
    /// The package's name in the ecosystem's normal form.
    pub name: String,
    /// Where the exporter got it: a URL without credentials, or `cache` or `folder`. Not evidence.
    pub origin: String,
    /// One entry for each kind of proof that the registry could have had.
    pub proofs: Vec<Proof>,
    /// What in the selection asked for it, such as the lockfile's name.
    pub reason: String,
    /// The version, as the ecosystem writes it.
    pub version: String,
}

impl Artifact {
    /// The ecosystem and name.
    pub fn full_name(&self) -> Name {
        Name {
            ecosystem: self.ecosystem.clone(),
            name: self.name.clone(),
        }
    }

    /// One with these names and no proof, for tests.
    #[cfg(test)]
    pub(crate) fn plain(ecosystem: &str, name: &str, version: &str, file: &str, digest: Digest) -> Self {
        Self {
            digest,
            ecosystem: ecosystem.to_owned(),
            file: file.to_owned(),
            name: name.to_owned(),
            origin: String::new(),
            proofs: Vec::new(),
            reason: String::new(),
            version: version.to_owned(),
        }
    }
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.ecosystem, self.name, self.version)
    }
}

/// What the exporter found when it looked for one kind of proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The evidence kind's id, such as `sigstore` or `npm-signature`.
    pub kind: String,
    /// The objects that hold it: empty unless the state is `present`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Digest>,
    /// Whether it is there.
    pub state: ProofState,
}

/// Whether a registry had a proof (design.md §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofState {
    /// It is in the bundle.
    Present,
    /// The registry, which serves this kind, answered that there is none.
    Absent,
    /// This upstream strips the kind or lacks the endpoint.
    NotServed,
    /// Nobody asked: the artifact came from a cache or a folder.
    NotAsked,
}

impl ProofState {
    /// The word in the catalog.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::NotServed => "not-served",
            Self::NotAsked => "not-asked",
        }
    }
}

/// A registry's document about one name, stored as it came: an npm packument, a simple index page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The bytes.
    pub digest: Digest,
    /// The ecosystem's id.
    pub ecosystem: String,
    /// What it is: `packument`, `simple-json`, `index-lines`; the ecosystem knows its own kinds.
    pub kind: String,
    /// The package's name.
    pub name: String,
    /// Where it came from: a URL without credentials.
    pub origin: String,
}

/// How people call a bundle: `main 12`, or `main 2/12` in a later epoch. The one place that says so.
pub fn bundle_label(stream: &str, epoch: u64, sequence: u64) -> String {
    if epoch == 1 {
        format!("{stream} {sequence}")
    } else {
        format!("{stream} {epoch}/{sequence}")
    }
}
