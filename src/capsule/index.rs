//! The index: the first part, which names the others (`bundle-spec/capsule.md` §1). Nobody signs it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bundle::limits::MAX_OBJECTS;
use crate::import::basis;
use crate::import::packed::{Header, object_of};
use crate::import::verify_objects::staged_path;
use crate::model::Digest;

/// The format that this program reads and writes.
pub const FORMAT: u64 = 1;

/// The parts of a capsule: a bundle's objects, and room for what is no object.
pub const MAX_PARTS: u64 = MAX_OBJECTS + 1024;

/// The whole index, in bytes: its lines at the length that they have.
pub const MAX_INDEX_BYTES: u64 = 1 << 30;

pub(super) const REPORT: &str = "report.ndjson";
pub(super) const BASIS: &str = "basis/";
pub(super) const ROOTS: &str = "trust/roots/";
pub(super) const ANCHORS: &str = "trust/anchors/";
pub(super) const REVOCATIONS: &str = "trust/revocations/";
pub(super) const POLICIES: &str = "trust/policies/";
pub(super) const COUNTERSIGNATURES: &str = "countersignatures/";

/// Versions of one kind: a chain of roots, a document or two of each other kind, and what persons said of one report.
pub(super) const MAX_VERSIONS: usize = 1024;

const ENVELOPE: &str = ".dsse.json";

/// The index's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The format's version.
    pub format: u64,
    /// The program that made it.
    pub generator: String,
    /// What it does not carry.
    pub left_out: LeftOut,
    /// How many parts follow.
    pub parts: u64,
    /// The digest of the report's head.
    pub report: Digest,
}

/// What a capsule does not carry, though it would serve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Artifacts whose bytes proofs read, and that were left out: because that was asked for, or because the enclave did not take them in.
    pub content: u64,
    /// Proofs and side data that the enclave does not hold: swept since, or more than is kept of what is refused.
    pub missing: u64,
}

/// What a part of some name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'n> {
    Report,
    Basis(&'n str),
    Object(Digest),
    Root(u64),
    Anchors(u64),
    Revocations(u64),
    Policy(u64),
    Countersignature(u64),
}

impl<'n> Named<'n> {
    /// Reads a part's name; `None` for what names none, and for every other spelling of one.
    pub(super) fn of(name: &'n str) -> Option<Self> {
        if name == REPORT {
            return Some(Self::Report);
        }
        if let Some(part) = name.strip_prefix(BASIS) {
            return basis::PARTS.contains(&part).then_some(Self::Basis(part));
        }
        if let Some(object) = object_of(name) {
            return Some(Self::Object(object));
        }
        type Of<'n> = fn(u64) -> Named<'n>;
        let kinds: [(&str, Of<'n>); 5] = [
            (ROOTS, Named::Root),
            (ANCHORS, Named::Anchors),
            (REVOCATIONS, Named::Revocations),
            (POLICIES, Named::Policy),
            (COUNTERSIGNATURES, Named::Countersignature),
        ];
        let (digits, of) = kinds
            .into_iter()
            .find_map(|(folder, of)| Some((name.strip_prefix(folder)?.strip_suffix(ENVELOPE)?, of)))?;
        let version: u64 = digits.parse().ok()?;
        (version.to_string() == digits).then(|| of(version))
    }

    /// Where it lies in a folder into which a capsule is unpacked: what is judged once more lies together.
    pub(super) fn place(self, name: &str, folder: &Path) -> PathBuf {
        match self {
            Self::Basis(part) => folder.join(WORK).join(part),
            Self::Object(digest) => staged_path(&folder.join(WORK), &digest),
            _ => folder.join(name),
        }
    }
}

/// The folder with what is judged once more.
pub(super) const WORK: &str = "work";

/// The name of a version of something that is signed.
pub(super) fn versioned(folder: &str, version: u64) -> String {
    format!("{folder}{version}{ENVELOPE}")
}

impl Header for Index {
    const WHAT: &'static str = "the capsule";
    const FORMAT: u64 = FORMAT;
    const MAX_PARTS: u64 = MAX_PARTS;
    const MAX_INDEX_BYTES: u64 = MAX_INDEX_BYTES;

    fn format(&self) -> u64 {
        self.format
    }

    fn parts(&self) -> u64 {
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::packed::object_name;

    #[test]
    fn names_have_one_spelling_and_lead_nowhere_else() {
        let object = object_name(&Digest::of(b"x"));
        for good in [
            "report.ndjson",
            "basis/order.json",
            "countersignatures/3.dsse.json",
            "trust/roots/12.dsse.json",
            &object,
        ] {
            assert!(Named::of(good).is_some(), "{good}");
        }
        for wrong in [
            "",
            "index.ndjson",
            "basis/other",
            "basis/../report.ndjson",
            "trust/roots/01.dsse.json",
            "trust/roots/+1.dsse.json",
            "trust/roots/1",
            "trust/keys/1.dsse.json",
            "/report.ndjson",
            &object.to_uppercase(),
            &object.replacen('/', "//", 1),
            &object[..object.len() - 1],
        ] {
            assert_eq!(Named::of(wrong), None, "{wrong}");
        }
        assert_eq!(Named::of(&object), Some(Named::Object(Digest::of(b"x"))));
    }
}
