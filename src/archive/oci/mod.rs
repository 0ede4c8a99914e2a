//! OCI image layouts (OCI image-spec 1.1, `image-layout.md`): a folder with `oci-layout`, `index.json` and `blobs/sha256/…`, read from its index down.
//!
//! Threats, each with its defence:
//! - A blob that is not what its name or its descriptor says: every document is held against digest and size before it is parsed; with
//!   [`Check::EveryBlob`] so is everything else.
//! - A document that one reader takes for a manifest and another for an index: `mediaType` within must be of the form that its descriptor names, and nothing has both
//!   `layers` and `manifests` (CVE-2021-41190).
//! - Documents without end, or that name each other: bounds on bytes, count and depth; each is read once.
//! - A layout that is not whole: a blob that is named and not there is refused. Layers that lie elsewhere (`urls`) are such blobs.

mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use serde::Deserialize;

use crate::model::{Digest, Hasher};
use document::{Body, Form, form};
pub use document::{Descriptor, Document};

/// The largest manifest or index, in bytes: what registries must take (OCI distribution-spec, "Pushing Manifests").
pub const MAX_DOCUMENT_BYTES: u64 = 4 << 20;

/// The most blobs of a layout: a thousand images of a hundred layers.
pub const MAX_BLOBS: usize = 100_000;

/// The most manifests and indexes, whose bytes are kept.
pub const MAX_DOCUMENTS: usize = 4_000;

/// All their bytes together.
const MAX_ALL_DOCUMENT_BYTES: u64 = 256 << 20;

/// Indexes within indexes: one for platforms, one for a collection of images, and room.
const MAX_DEPTH: usize = 8;

/// Where a layout's files come from: a folder, a tar, a test.
pub trait LayoutFiles {
    /// Opens a file by its path from the layout's root on.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>>;
}

/// How much of a layout is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Every blob is there, with its digest and size.
    EveryBlob,
    /// Manifests and indexes are; layers and configurations are somebody else's to check.
    Documents,
}

/// A layout that is what it says.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What `index.json` lists, in its order.
    pub entries: Vec<Descriptor>,
    /// The manifests and indexes, by digest.
    pub documents: BTreeMap<Digest, Document>,
}

/// A layout is not what it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A file that is named is not there.
    #[error("{path} is named and not there")]
    Missing {
        /// The file.
        path: String,
    },
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A blob has other bytes than its descriptor says.
    #[error("{path} has another {what} than its descriptor says")]
    Differs {
        /// The file.
        path: String,
        /// `digest` or `size`.
        what: &'static str,
    },
    /// A document is not of its form.
    #[error("{path} is malformed: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A limit was passed.
    #[error("the layout has more than {limit} {what}")]
    OverLimit {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: u64,
    },
}

const INDEX: &str = "index.json";
const VERSION: &str = "oci-layout";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    image_layout_version: String,
}

/// The path of a blob.
pub fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// Reads a layout from its index down.
pub fn read(files: &dyn LayoutFiles, check: Check) -> Result<Layout, LayoutError> {
    let version = whole(files, VERSION)?;
    let version: Version = parse(VERSION, &version)?;
    if version.image_layout_version != "1.0.0" {
        return Err(malformed(VERSION, "its version is not 1.0.0"));
    }
    let bytes = whole(files, INDEX)?;
    let body: Body = parse(INDEX, &bytes)?;
    if body.schema_version != 2 || body.layers.is_some() {
        return Err(malformed(INDEX, "it is no image index"));
    }
    let entries = body.manifests.unwrap_or_default();
    let mut walk = Walk {
        files,
        check,
        sizes: BTreeMap::new(),
        documents: BTreeMap::new(),
        bytes: 0,
        max_blobs: MAX_BLOBS,
    };
    let mut level: Vec<Descriptor> = entries.clone();
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for descriptor in level {
            walk.visit(descriptor, &mut below)?;
        }
        if below.is_empty() {
            return Ok(Layout {
                entries,
                documents: walk.documents,
            });
        }
        level = below;
    }
    Err(LayoutError::OverLimit {
        what: "indexes within indexes",
        limit: MAX_DEPTH as u64,
    })
}

struct Walk<'a> {
    files: &'a dyn LayoutFiles,
    check: Check,
    /// The blobs that were seen, with the size that was stated first.
    sizes: BTreeMap<Digest, u64>,
    documents: BTreeMap<Digest, Document>,
    bytes: u64,
    max_blobs: usize,
}

impl Walk<'_> {
    fn visit(&mut self, descriptor: Descriptor, below: &mut Vec<Descriptor>) -> Result<(), LayoutError> {
        let Some(form) = form(&descriptor.media_type) else {
            return self.leaf(&descriptor);
        };
        let path = blob_path(&descriptor.digest);
        self.note(&descriptor)?;
        if let Some(known) = self.documents.get(&descriptor.digest) {
            // A manifest to one reader and an index to another is what media types are there to prevent.
            if document::form(&known.descriptor.media_type) != Some(form) {
                return Err(malformed(&path, "it is named as a manifest and as an index"));
            }
            return Ok(());
        }
        let document = self.document(&path, descriptor, form)?;
        below.extend(document.manifests.iter().cloned());
        for blob in &document.layers {
            self.leaf(blob)?;
        }
        self.documents.insert(document.descriptor.digest, document);
        Ok(())
    }

    /// Notes a blob, whose size nobody may state twice otherwise. Whether it was met before.
    fn note(&mut self, descriptor: &Descriptor) -> Result<bool, LayoutError> {
        let path = blob_path(&descriptor.digest);
        let is_known = match self.sizes.insert(descriptor.digest, descriptor.size) {
            Some(size) if size != descriptor.size => return Err(LayoutError::Differs { path, what: "size" }),
            known => known.is_some(),
        };
        if self.sizes.len() > self.max_blobs {
            return Err(LayoutError::OverLimit {
                what: "blobs",
                limit: self.max_blobs as u64,
            });
        }
        Ok(is_known)
    }

    /// A layer, a configuration, or what this reader does not know.
    fn leaf(&mut self, descriptor: &Descriptor) -> Result<(), LayoutError> {
        if !self.note(descriptor)? && self.check == Check::EveryBlob {
            self.hash(&blob_path(&descriptor.digest), descriptor, &mut io::sink())?;
        }
        Ok(())
    }

    fn document(&mut self, path: &str, descriptor: Descriptor, form: Form) -> Result<Document, LayoutError> {
        self.bytes = self.bytes.saturating_add(descriptor.size);
        for (count, what, limit) in [
            (descriptor.size, "bytes in one document", MAX_DOCUMENT_BYTES),
            (self.bytes, "bytes in documents", MAX_ALL_DOCUMENT_BYTES),
            (self.documents.len() as u64 + 1, "documents", MAX_DOCUMENTS as u64),
        ] {
            if count > limit {
                return Err(LayoutError::OverLimit { what, limit });
            }
        }
        let mut bytes = Vec::new();
        self.hash(path, &descriptor, &mut bytes)?;
        Document::of(path, descriptor, form, bytes)
    }

    /// Reads a blob, and holds it against its descriptor.
    fn hash(&self, path: &str, descriptor: &Descriptor, output: &mut dyn io::Write) -> Result<(), LayoutError> {
        let unreadable = |source| LayoutError::Unreadable {
            path: path.to_owned(),
            source,
        };
        // One byte more than stated, so that a longer blob is seen to be longer.
        let mut untrusted = open(self.files, path)?.take(descriptor.size.saturating_add(1));
        let mut hasher = Hasher::new();
        let mut size = 0_u64;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match untrusted.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            hasher.update(&buffer[..count]);
            output.write_all(&buffer[..count]).map_err(unreadable)?;
            size += count as u64;
        }
        let differs = |what| LayoutError::Differs {
            path: path.to_owned(),
            what,
        };
        if size != descriptor.size {
            return Err(differs("size"));
        }
        if hasher.finish() != descriptor.digest {
            return Err(differs("digest"));
        }
        Ok(())
    }
}

impl Layout {
    /// Reads the blobs of some descriptors, each of at most so many bytes, checked.
    pub fn blobs(
        &self,
        files: &dyn LayoutFiles,
        descriptors: &[&Descriptor],
        max_bytes: u64,
    ) -> Result<Vec<Vec<u8>>, LayoutError> {
        let walk = Walk {
            files,
            check: Check::EveryBlob,
            sizes: BTreeMap::new(),
            documents: BTreeMap::new(),
            bytes: 0,
            max_blobs: MAX_BLOBS,
        };
        descriptors
            .iter()
            .map(|descriptor| {
                if descriptor.size > max_bytes {
                    return Err(LayoutError::OverLimit {
                        what: "bytes in one blob of a proof",
                        limit: max_bytes,
                    });
                }
                let mut bytes = Vec::new();
                walk.hash(&blob_path(&descriptor.digest), descriptor, &mut bytes)?;
                Ok(bytes)
            })
            .collect()
    }

    /// The documents that are about nothing else: images, and lists of images.
    pub fn images(&self) -> impl Iterator<Item = &Document> {
        let about: BTreeSet<Digest> = self.attached().map(|(_, by)| by).collect();
        self.documents
            .iter()
            .filter(move |(digest, _)| !about.contains(digest))
            .map(|(_, document)| document)
    }

    /// What is attached to what: the subject, and the document that is about it. By `subject`, or by the tags `sha256-….sig` and
    /// `sha256-….att` (sigstore/cosign `specs/SIGNATURE_SPEC.md`, `specs/ATTESTATION_SPEC.md`), or alone beside one image (`cosign save`).
    pub fn attached(&self) -> impl Iterator<Item = (Digest, Digest)> {
        let by_subject = self
            .documents
            .iter()
            .filter_map(|(digest, document)| Some((document.subject.as_ref()?.digest, *digest)));
        let by_tag = self.entries.iter().filter_map(|entry| {
            let subject = subject_of_tag(entry.annotations.get(REF_NAME)?)?;
            Some((subject, entry.digest))
        });
        by_subject.chain(by_tag).chain(self.saved())
    }

    /// `cosign save` writes an image, its signatures and its attestations side by side; whose they are is clear where there is one image.
    fn saved(&self) -> Vec<(Digest, Digest)> {
        let of_kind = |kind: &str| {
            let is_kind = move |entry: &&Descriptor| entry.annotations.get(SAVED_KIND).is_some_and(|own| own == kind);
            self.entries
                .iter()
                .filter(is_kind)
                .map(|entry| entry.digest)
                .collect::<Vec<_>>()
        };
        let mut images = of_kind("dev.cosignproject.cosign/image");
        images.extend(of_kind("dev.cosignproject.cosign/imageIndex"));
        let [image] = images.as_slice() else {
            return Vec::new();
        };
        let mut attached = of_kind("dev.cosignproject.cosign/sigs");
        attached.extend(of_kind("dev.cosignproject.cosign/atts"));
        attached.into_iter().map(|by| (*image, by)).collect()
    }
}

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const SAVED_KIND: &str = "kind";

/// `sha256-<hex>.sig` or `sha256-<hex>.att`, alone or behind a repository's name. What has the tag `….sbom` nobody signed.
fn subject_of_tag(name: &str) -> Option<Digest> {
    let tag = name.rsplit([':', '/']).next()?;
    let (hex, what) = tag.strip_prefix("sha256-")?.rsplit_once('.')?;
    if !matches!(what, "sig" | "att") {
        return None;
    }
    format!("sha256:{hex}").parse().ok()
}

fn open<'f>(files: &'f dyn LayoutFiles, path: &str) -> Result<Box<dyn Read + 'f>, LayoutError> {
    files.open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => LayoutError::Missing { path: path.to_owned() },
        _ => LayoutError::Unreadable {
            path: path.to_owned(),
            source,
        },
    })
}

/// A document at the layout's root, bounded.
fn whole(files: &dyn LayoutFiles, path: &str) -> Result<Vec<u8>, LayoutError> {
    let mut bytes = Vec::new();
    open(files, path)?
        .take(MAX_DOCUMENT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| LayoutError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
    if bytes.len() as u64 > MAX_DOCUMENT_BYTES {
        return Err(LayoutError::OverLimit {
            what: "bytes in one document",
            limit: MAX_DOCUMENT_BYTES,
        });
    }
    Ok(bytes)
}

fn parse<'b, T: Deserialize<'b>>(path: &str, untrusted: &'b [u8]) -> Result<T, LayoutError> {
    // Fields that are known and there twice are refused by the derived readers; depth is bounded by the library.
    serde_json::from_slice(untrusted).map_err(|error| malformed(path, error.to_string()))
}

fn malformed(path: &str, reason: impl Into<String>) -> LayoutError {
    LayoutError::Malformed {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Files by their paths.
    struct Held(BTreeMap<String, Vec<u8>>);

    impl LayoutFiles for Held {
        fn open(&self, path: &str) -> io::Result<Box<dyn Read + '_>> {
            let bytes = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(Box::new(bytes.as_slice()))
        }
    }

    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

    fn named(media_type: &str, bytes: &[u8]) -> Value {
        json!({"mediaType": media_type, "digest": Digest::of(bytes).to_string(), "size": bytes.len()})
    }

    /// A layout of one manifest with one layer, whose index lists what it is told to.
    fn layout(list: impl Fn(Value) -> Value) -> Held {
        let layer = b"layer";
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": named("application/vnd.oci.image.config.v1+json", b"{}"), "layers": [named(LAYER, layer)],
        })
        .to_string();
        let index = json!({"schemaVersion": 2, "manifests": list(named(MANIFEST, manifest.as_bytes()))});
        let blob = |bytes: &[u8]| (blob_path(&Digest::of(bytes)), bytes.to_vec());
        let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
        Held(BTreeMap::from([
            (VERSION.to_owned(), version.to_vec()),
            (INDEX.to_owned(), index.to_string().into_bytes()),
            blob(manifest.as_bytes()),
            blob(b"{}"),
            blob(layer),
        ]))
    }

    #[test]
    fn a_document_has_one_size() {
        let twice = |more: u64| {
            layout(move |manifest| {
                let mut again = manifest.clone();
                again["size"] = json!(manifest["size"].as_u64().unwrap() + more);
                json!([manifest, again])
            })
        };
        assert_eq!(read(&twice(0), Check::EveryBlob).unwrap().documents.len(), 1);
        assert!(matches!(
            read(&twice(1), Check::EveryBlob),
            Err(LayoutError::Differs { what: "size", .. })
        ));
    }

    #[test]
    fn blobs_are_counted() {
        let files = layout(|manifest| json!([manifest]));
        let noted = |max_blobs: usize| {
            let mut walk = Walk {
                files: &files,
                check: Check::Documents,
                sizes: BTreeMap::new(),
                documents: BTreeMap::new(),
                bytes: 0,
                max_blobs,
            };
            // The second stands there twice, and counts once.
            ["one", "two", "two"].into_iter().try_for_each(|text| {
                let descriptor: Descriptor = serde_json::from_value(named(LAYER, text.as_bytes())).unwrap();
                walk.note(&descriptor).map(drop)
            })
        };
        assert!(noted(2).is_ok());
        assert!(matches!(
            noted(1),
            Err(LayoutError::OverLimit {
                what: "blobs",
                limit: 1
            })
        ));
    }

    #[test]
    fn a_blob_of_a_proof_is_bounded() {
        let files = layout(|manifest| json!([manifest]));
        let layout = read(&files, Check::EveryBlob).unwrap();
        let layer = layout.documents.values().next().unwrap().layers.last().unwrap();
        let blobs = |max_bytes| layout.blobs(&files, &[layer], max_bytes);
        assert_eq!(blobs(5).unwrap(), [b"layer"]);
        assert!(matches!(blobs(4), Err(LayoutError::OverLimit { limit: 4, .. })));
        // It became another since the layout was read, or is gone.
        let mut other = Held(files.0.clone());
        other.0.insert(blob_path(&layer.digest), b"loyer".to_vec());
        let blobs = |files: &Held| layout.blobs(files, &[layer], 5);
        assert!(matches!(
            blobs(&other),
            Err(LayoutError::Differs { what: "digest", .. })
        ));
        other.0.clear();
        assert!(matches!(blobs(&other), Err(LayoutError::Missing { .. })));
    }

    #[test]
    fn a_tag_says_of_what_it_is_a_signature_or_an_attestation() {
        let digest = Digest::of(b"image");
        let subject = |ending: &str| subject_of_tag(&format!("tool:sha256-{}.{ending}", digest.hex()));
        assert_eq!((subject("sig"), subject("att")), (Some(digest), Some(digest)));
        assert_eq!(subject("sbom"), None);
        assert_eq!(subject_of_tag("latest"), None);
    }

    #[test]
    fn the_root_of_a_layout_is_an_index() {
        let mut files = layout(|manifest| json!([manifest]));
        assert!(read(&files, Check::Documents).is_ok());
        for wrong in [
            json!({"schemaVersion": 2, "manifests": [], "layers": []}),
            json!({"schemaVersion": 1}),
        ] {
            files.0.insert(INDEX.to_owned(), wrong.to_string().into_bytes());
            assert!(
                matches!(read(&files, Check::Documents), Err(LayoutError::Malformed { .. })),
                "{wrong}"
            );
        }
    }

    #[test]
    fn what_is_about_an_image_is_no_image() {
        let image = json!({"schemaVersion": 2, "manifests": []}).to_string().into_bytes();
        let subject = named("application/vnd.oci.image.index.v1+json", &image);
        let about = json!({"schemaVersion": 2, "manifests": [], "subject": subject})
            .to_string()
            .into_bytes();
        let document = |bytes: &[u8]| (Digest::of(bytes), Document::alone(bytes.to_vec()).unwrap());
        let layout = Layout {
            entries: Vec::new(),
            documents: BTreeMap::from([document(&image), document(&about)]),
        };
        let images: Vec<Digest> = layout.images().map(|image| image.descriptor.digest).collect();
        assert_eq!(images, [Digest::of(&image)]);
    }
}
