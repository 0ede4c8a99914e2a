//! The index: the first part, which names the others (`bundle-spec/capsule.md` §1). Nobody signs it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::bundle::limits::MAX_OBJECTS;
use crate::crypto::strict_json;
use crate::import::basis;
use crate::import::verify_objects::staged_path;
use crate::model::{Code, Digest, Part, Refusal, Stop, Unable};

/// The format that this program reads and writes.
pub const FORMAT: u64 = 1;

/// The parts of a capsule: a bundle's objects, and room for what is no object.
pub const MAX_PARTS: u64 = MAX_OBJECTS + 1024;

/// A line of the index, in bytes: a name, a digest and a number, several times over.
pub const MAX_INDEX_LINE_BYTES: usize = 1024;

/// The whole index, in bytes: its lines at the length that they have.
pub const MAX_INDEX_BYTES: u64 = 1 << 30;

pub(super) const INDEX: &str = "index.ndjson";
pub(super) const REPORT: &str = "report.ndjson";
pub(super) const BASIS: &str = "basis/";
pub(super) const OBJECTS: &str = "objects/";
pub(super) const ROOTS: &str = "trust/roots/";
pub(super) const ANCHORS: &str = "trust/anchors/";
pub(super) const REVOCATIONS: &str = "trust/revocations/";
pub(super) const POLICIES: &str = "trust/policies/";

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
    /// Artifacts whose bytes proofs read, and that were left out because that was asked for.
    pub content: u64,
    /// Objects that the enclave does not hold: those of what was kept out, or has been swept.
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
        if let Some(object) = name.strip_prefix(OBJECTS) {
            let digest: Digest = format!("sha256:{}", object.replacen('/', "", 1)).parse().ok()?;
            return (object_name(&digest) == name).then_some(Self::Object(digest));
        }
        type Of<'n> = fn(u64) -> Named<'n>;
        let kinds: [(&str, Of<'n>); 4] = [
            (ROOTS, Named::Root),
            (ANCHORS, Named::Anchors),
            (REVOCATIONS, Named::Revocations),
            (POLICIES, Named::Policy),
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

/// The name of an object's part.
pub(super) fn object_name(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("{OBJECTS}{}/{}", &hex[..2], &hex[2..])
}

/// The name of a version of something that is signed.
pub(super) fn versioned(folder: &str, version: u64) -> String {
    format!("{folder}{version}{ENVELOPE}")
}

/// An index, read line by line.
pub(super) struct IndexReader {
    lines: BufReader<File>,
    path: PathBuf,
    last: Option<String>,
    read: u64,
    /// The first line.
    pub(super) index: Index,
}

impl IndexReader {
    #[expect(clippy::disallowed_methods, reason = "the index lies in a file")]
    pub(super) fn open(path: &Path) -> Result<Self, Stop> {
        let file = File::open(path).map_err(|error| cannot("read", path, error))?;
        let mut lines = BufReader::with_capacity(128 << 10, file);
        let index: Index = line(&mut lines, path)?.ok_or_else(|| wrong(Code::JsonNotStrict, "it is empty"))?;
        if index.format != FORMAT {
            let reason = format!("format {} of capsules is not known", index.format);
            return Err(wrong(Code::UnknownFormat, &reason));
        }
        if index.parts > MAX_PARTS {
            return Err(wrong(Code::SizeExceeded, "it names more parts than a capsule has"));
        }
        Ok(Self {
            lines,
            path: path.to_owned(),
            last: None,
            read: 0,
            index,
        })
    }

    /// The next part. Names ascend, so that none is there twice.
    pub(super) fn next(&mut self) -> Result<Option<Part>, Stop> {
        let Some(part) = line::<Part>(&mut self.lines, &self.path)? else {
            if self.read != self.index.parts {
                let reason = format!("it names {} parts, and says {}", self.read, self.index.parts);
                return Err(wrong(Code::ContainerNotExact, &reason));
            }
            return Ok(None);
        };
        if self.last.as_ref().is_some_and(|last| *last >= part.name) {
            let reason = format!("`{}` is named twice, or out of order", part.name);
            return Err(wrong(Code::ContainerNotExact, &reason));
        }
        self.read += 1;
        if self.read > self.index.parts {
            return Err(wrong(Code::ContainerNotExact, "it names more parts than it says"));
        }
        self.last = Some(part.name.clone());
        Ok(Some(part))
    }
}

fn line<T: DeserializeOwned + Serialize>(lines: &mut BufReader<File>, path: &Path) -> Result<Option<T>, Stop> {
    let mut line = Vec::new();
    lines
        .take(MAX_INDEX_LINE_BYTES as u64 + 1)
        .read_until(b'\n', &mut line)
        .map_err(|error| cannot("read", path, error))?;
    if line.is_empty() {
        return Ok(None);
    }
    let Some(text) = line.strip_suffix(b"\n") else {
        return Err(wrong(Code::JsonNotStrict, "a line is too long, or is cut"));
    };
    let read = strict_json::read_canonical(text).map(Some);
    read.map_err(|error| wrong(Code::JsonNotStrict, &error.to_string()))
}

fn wrong(code: Code, reason: &str) -> Stop {
    Refusal::new(code, "the capsule's index", reason).into()
}

pub(super) fn cannot(what: &str, path: &Path, error: std::io::Error) -> Stop {
    Unable::new(format!("cannot {what} `{}`", path.display()))
        .because(error)
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_spelling_and_lead_nowhere_else() {
        let object = object_name(&Digest::of(b"x"));
        for good in ["report.ndjson", "basis/order.json", "trust/roots/12.dsse.json", &object] {
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
