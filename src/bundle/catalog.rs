//! The catalog: one JSON record a line, in one zstd frame (`bundle-spec/catalog.md`).
//!
//! It is read as a stream: objects by ascending digest, then registry documents, then artifacts. Only the objects'
//! digests stay in memory, so that references can be checked: 32 bytes each.

use serde::{Deserialize, Serialize};

use super::limits;
use crate::model::{Artifact, Digest, Document, Proof, ProofState};

/// One line of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Record {
    /// Bytes that the bundle carries.
    Object(Object),
    /// A registry's document about a name.
    Document(Document),
    /// A file as a registry publishes it.
    Artifact(Artifact),
}

/// Bytes named by their SHA-256, and how they are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// The content's digest: the object's name.
    pub digest: Digest,
    /// How the stored bytes give the content.
    pub encoding: Encoding,
    /// The digests of the stored bytes' segments, each `segment_size` long but the last. Left out where the object is
    /// stored as it is in a single segment, whose digest is the object's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Digest>,
    /// The content's length in bytes.
    pub size: u64,
    /// The stored bytes' length, where it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_size: Option<u64>,
}

/// How stored bytes give the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// As they are.
    Identity,
    /// One zstd frame (RFC 8878).
    Zstd,
}

/// A catalog's record does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// An object's sizes, encoding and segments contradict each other.
    #[error("object {digest}: {reason}")]
    ObjectShape {
        /// The object.
        digest: Digest,
        /// What is wrong.
        reason: &'static str,
    },
    /// A record is out of order or there twice.
    #[error("{what} is out of order or listed twice")]
    OutOfOrder {
        /// The record, as far as it can be named.
        what: String,
    },
    /// A record names an object that the catalog does not list.
    #[error("{what} names object {digest}, which the catalog does not list")]
    NotListed {
        /// The record.
        what: String,
        /// The object.
        digest: Digest,
    },
    /// An object is listed and nothing names it.
    #[error("object {digest} is listed, and nothing names it")]
    Unreferenced {
        /// The object.
        digest: Digest,
    },
    /// The counts or sums are not those of the manifest.
    #[error("the catalog's {what} are {found} and not {expected}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// The manifest's number.
        expected: u64,
        /// The catalog's.
        found: u64,
    },
    /// There are more than the limit allows.
    #[error("the catalog lists more {what} than the limit of {limit}")]
    TooMany {
        /// What.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A name, version or file name is empty or too long.
    #[error("{what}: `{field}` must have 1 to 512 bytes")]
    NameLength {
        /// The record.
        what: String,
        /// The field.
        field: &'static str,
    },
    /// The proofs of an artifact are not one of each kind, or their states and objects contradict each other.
    #[error("{what}: {reason}")]
    Proofs {
        /// The artifact.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The ecosystem is not known here.
    #[error("{what}: ecosystem `{ecosystem}` is not known")]
    UnknownEcosystem {
        /// The record.
        what: String,
        /// The id.
        ecosystem: String,
    },
}

impl Object {
    /// The stored bytes' length.
    pub fn stored(&self) -> u64 {
        self.stored_size.unwrap_or(self.size)
    }

    /// How many segments it has: at least one, also for an empty object.
    pub fn segment_count(&self, segment_size: u64) -> u64 {
        self.stored().div_ceil(segment_size).max(1)
    }

    /// The length of one segment.
    pub fn segment_bytes(&self, segment_size: u64, index: u64) -> u64 {
        (self.stored() - index * segment_size).min(segment_size)
    }

    /// The digest of one segment's stored bytes.
    pub fn segment_digest(&self, index: u64) -> Digest {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.segments.get(index))
            .copied()
            .unwrap_or(self.digest)
    }

    /// One segment's member name: computed, never carried.
    pub fn member_name(&self, segment_size: u64, index: u64) -> String {
        let hex = self.digest.hex();
        let suffix = match self.encoding {
            Encoding::Identity => "",
            Encoding::Zstd => ".zst",
        };
        if self.segment_count(segment_size) == 1 {
            format!("objects/{}/{}{suffix}", &hex[..2], &hex[2..])
        } else {
            format!("objects/{}/{}{suffix}.{index:06}", &hex[..2], &hex[2..])
        }
    }

    /// Checks that sizes, encoding and segments fit each other (`bundle-spec/catalog.md` §2).
    fn check(&self, segment_size: u64) -> Result<(), RecordError> {
        let refuse = |reason| {
            Err(RecordError::ObjectShape {
                digest: self.digest,
                reason,
            })
        };
        // What is stored is never more: it is the same, or smaller.
        if self.size > limits::MAX_OBJECT_BYTES {
            return refuse("it is larger than the limit of 8 TiB");
        }
        match (self.encoding, self.stored_size) {
            (Encoding::Identity, Some(_)) => return refuse("it is stored as it is, and yet has a `stored_size`"),
            (Encoding::Zstd, None) => return refuse("it is stored as zstd, and `stored_size` is missing"),
            (Encoding::Zstd, Some(stored)) if stored >= self.size => {
                return refuse("it is stored as zstd, and is not smaller for it");
            }
            _ => {}
        }
        let count = self.segment_count(segment_size);
        let listed = self.segments.len() as u64;
        let expected = if self.encoding == Encoding::Identity && count == 1 {
            0
        } else {
            count
        };
        if listed != expected {
            return refuse("the number of its segments does not fit its size");
        }
        Ok(())
    }
}

/// The sums that a whole catalog must give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Objects.
    pub objects: u64,
    /// The sum of their sizes.
    pub object_bytes: u64,
    /// Segments of all objects.
    pub segments: u64,
    /// Documents.
    pub documents: u64,
    /// Artifacts.
    pub artifacts: u64,
}

/// Checks records as they pass: shape, order, references, limits, counts.
pub struct Checker<'a> {
    segment_size: u64,
    proof_kinds: &'a dyn Fn(&str) -> Option<&'static [&'static str]>,
    held_elsewhere: &'a dyn Fn(&Digest) -> bool,
    objects: Vec<Digest>,
    referenced: Vec<bool>,
    last_document: Option<(String, String, String, Digest)>,
    last_artifact: Option<(String, String, String, String)>,
    totals: Totals,
}

impl<'a> Checker<'a> {
    /// Starts a check. `proof_kinds` gives an ecosystem's kinds of proof, or `None` for one that is not known;
    /// `held_elsewhere` says whether the enclave holds an object that a delta may leave out.
    pub fn new(
        segment_size: u64,
        proof_kinds: &'a dyn Fn(&str) -> Option<&'static [&'static str]>,
        held_elsewhere: &'a dyn Fn(&Digest) -> bool,
    ) -> Self {
        Self {
            segment_size,
            proof_kinds,
            held_elsewhere,
            objects: Vec::new(),
            referenced: Vec::new(),
            last_document: None,
            last_artifact: None,
            totals: Totals::default(),
        }
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &Record) -> Result<(), RecordError> {
        match record {
            Record::Object(object) => self.take_object(object),
            Record::Document(document) => self.take_document(document),
            Record::Artifact(artifact) => self.take_artifact(artifact),
        }
    }

    fn take_object(&mut self, object: &Object) -> Result<(), RecordError> {
        if self.last_document.is_some()
            || self.last_artifact.is_some()
            || self.objects.last().is_some_and(|last| *last >= object.digest)
        {
            return Err(RecordError::OutOfOrder {
                what: format!("object {}", object.digest),
            });
        }
        object.check(self.segment_size)?;
        if self.totals.objects >= limits::MAX_OBJECTS {
            return Err(RecordError::TooMany {
                what: "objects",
                limit: limits::MAX_OBJECTS,
            });
        }
        self.objects.push(object.digest);
        self.referenced.push(false);
        self.totals.objects += 1;
        self.totals.object_bytes = self.totals.object_bytes.saturating_add(object.size);
        self.totals.segments = self
            .totals
            .segments
            .saturating_add(object.segment_count(self.segment_size));
        Ok(())
    }

    fn take_document(&mut self, document: &Document) -> Result<(), RecordError> {
        let what = format!("document {} of {}/{}", document.kind, document.ecosystem, document.name);
        let key = (
            document.ecosystem.clone(),
            document.name.clone(),
            document.kind.clone(),
            document.digest,
        );
        if self.last_artifact.is_some() || self.last_document.as_ref().is_some_and(|last| *last >= key) {
            return Err(RecordError::OutOfOrder { what });
        }
        lengths(
            &what,
            &[
                ("name", &document.name),
                ("kind", &document.kind),
                ("origin", &document.origin),
            ],
        )?;
        if (self.proof_kinds)(&document.ecosystem).is_none() {
            return Err(RecordError::UnknownEcosystem {
                what,
                ecosystem: document.ecosystem.clone(),
            });
        }
        self.reference(&what, document.digest)?;
        self.last_document = Some(key);
        self.totals.documents += 1;
        if self.totals.documents > limits::MAX_DOCUMENTS {
            return Err(RecordError::TooMany {
                what: "documents",
                limit: limits::MAX_DOCUMENTS,
            });
        }
        Ok(())
    }

    fn take_artifact(&mut self, artifact: &Artifact) -> Result<(), RecordError> {
        let what = format!("artifact {artifact} ({})", artifact.file);
        let key = (
            artifact.ecosystem.clone(),
            artifact.name.clone(),
            artifact.version.clone(),
            artifact.file.clone(),
        );
        if self.last_artifact.as_ref().is_some_and(|last| *last >= key) {
            return Err(RecordError::OutOfOrder { what });
        }
        lengths(
            &what,
            &[
                ("name", &artifact.name),
                ("version", &artifact.version),
                ("file", &artifact.file),
                ("origin", &artifact.origin),
                ("reason", &artifact.reason),
            ],
        )?;
        let Some(kinds) = (self.proof_kinds)(&artifact.ecosystem) else {
            return Err(RecordError::UnknownEcosystem {
                what,
                ecosystem: artifact.ecosystem.clone(),
            });
        };
        let named: Vec<&str> = artifact.proofs.iter().map(|proof| proof.kind.as_str()).collect();
        if !named.starts_with(kinds) {
            let reason = format!("proofs must first be stated for {kinds:?}, in this order, and are for {named:?}");
            return Err(RecordError::Proofs { what, reason });
        }
        let besides = &artifact.proofs[kinds.len()..];
        if let Some(reason) = besides_fault(besides, kinds) {
            return Err(RecordError::Proofs { what, reason });
        }
        for proof in &artifact.proofs {
            if (proof.state == ProofState::Present) == proof.objects.is_empty() {
                let reason = format!(
                    "{} is {} with {} objects",
                    proof.kind,
                    proof.state.word(),
                    proof.objects.len()
                );
                return Err(RecordError::Proofs { what, reason });
            }
            for digest in &proof.objects {
                self.reference(&what, *digest)?;
            }
        }
        self.reference(&what, artifact.digest)?;
        self.last_artifact = Some(key);
        self.totals.artifacts += 1;
        if self.totals.artifacts > limits::MAX_ARTIFACTS {
            return Err(RecordError::TooMany {
                what: "artifacts",
                limit: limits::MAX_ARTIFACTS,
            });
        }
        Ok(())
    }

    fn reference(&mut self, what: &str, digest: Digest) -> Result<(), RecordError> {
        match self.objects.binary_search(&digest) {
            Ok(index) => self.referenced[index] = true,
            Err(_) if (self.held_elsewhere)(&digest) => {}
            Err(_) => {
                return Err(RecordError::NotListed {
                    what: what.to_owned(),
                    digest,
                });
            }
        }
        Ok(())
    }

    /// Ends the check: what the manifest names is there, nothing is unreferenced, and the sums are the manifest's.
    pub fn finish(
        mut self,
        named: impl IntoIterator<Item = (&'static str, Digest)>,
        expected: Totals,
    ) -> Result<Totals, RecordError> {
        for (what, digest) in named {
            self.reference(what, digest)?;
        }
        let found = self.totals;
        for (what, expected, found) in [
            ("objects", expected.objects, found.objects),
            ("bytes of objects", expected.object_bytes, found.object_bytes),
            ("segments", expected.segments, found.segments),
            ("documents", expected.documents, found.documents),
            ("artifacts", expected.artifacts, found.artifacts),
        ] {
            if expected != found {
                return Err(RecordError::Count { what, expected, found });
            }
        }
        if let Some(index) = self.referenced.iter().position(|referenced| !referenced) {
            return Err(RecordError::Unreferenced {
                digest: self.objects[index],
            });
        }
        Ok(found)
    }
}

/// What is wrong with the proofs that an artifact brings besides those of its ecosystem, if anything is.
fn besides_fault(besides: &[Proof], kinds: &[&str]) -> Option<String> {
    if besides.len() > limits::MAX_PROOFS_BESIDES {
        return Some(format!("it brings {} proofs besides its ecosystem's", besides.len()));
    }
    if besides.windows(2).any(|pair| pair[0].kind >= pair[1].kind) {
        return Some("the proofs besides its ecosystem's do not ascend by kind".to_owned());
    }
    besides.iter().find_map(|proof| {
        let kind = proof.kind.as_str();
        if kinds.contains(&kind) {
            Some(format!("{kind} is stated twice"))
        } else if proof.state == ProofState::NotAsked {
            // Saying nothing says it.
            Some(format!("{kind} is not of its ecosystem, and nobody asked for it"))
        } else if !is_kind_name(kind) {
            Some(format!("{kind:?} cannot name a kind of proof"))
        } else {
            None
        }
    })
}

/// Whether a text can name a kind of proof.
fn is_kind_name(text: &str) -> bool {
    (1..=limits::MAX_KIND_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn lengths(what: &str, fields: &[(&'static str, &String)]) -> Result<(), RecordError> {
    for (field, text) in fields {
        if text.is_empty() || text.len() > limits::MAX_NAME_BYTES {
            return Err(RecordError::NameLength {
                what: what.to_owned(),
                field,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
