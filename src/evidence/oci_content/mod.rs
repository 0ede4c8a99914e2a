//! What a signed image names: its configuration, its layers and, from an index on, its manifests (OCI image-spec 1.1, `manifest.md`, `image-index.md`).
//!
//! The objects are the documents from the signed one down to the one that names the artifact, and then the signatures over the first. Who signed a
//! document has signed the digests in it: digest and size of each next one are held against what names it, and the signatures are judged by their own kinds as they
//! would be for the image itself.
//!
//! Threats, each with its defence:
//! - A document that another one does not name, put between: each is looked up in the one before, by digest and size.
//! - Bytes of another length under the right digest's name: the size is compared as well.
//! - Documents that name each other without end: [`MAX_DOCUMENTS`]; each names the next, and none itself.

use std::io::{Cursor, SeekFrom};

use serde::Deserialize;

use super::{Context, Evidence, EvidenceKind, cosign, find};
use crate::archive::oci::{Descriptor, Document};
use crate::model::{Artifact, Content, Doubt, Fault, Finding, Outcome};

/// The kind's id.
pub(crate) const ID: &str = "oci-content";

/// An index of collections, an index of platforms, a manifest, and room.
pub(crate) const MAX_DOCUMENTS: usize = 8;

/// Signatures by dozens of workflows, each with its payload.
const MAX_SIGNATURES: usize = 256;

/// The kind.
pub(crate) struct OciContent;

impl EvidenceKind for OciContent {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let mut objects = objects.into_iter().peekable();
        let mut chain: Vec<Document> = Vec::new();
        while let Some(object) = objects.peek() {
            // Of two documents that follow each other the first names the second; what it does not name is a signature's.
            let Ok(document) = Document::alone(object.clone()) else {
                break;
            };
            let is_next = chain.last().is_none_or(|last| {
                last.manifests
                    .iter()
                    .any(|listed| listed.digest == document.descriptor.digest)
            });
            if !is_next {
                break;
            }
            chain.push(document);
            objects.next();
            if chain.len() > MAX_DOCUMENTS {
                return Err(undecided(Doubt::TooLarge, "the signed index is too far above it"));
            }
        }
        let signatures: Vec<Vec<u8>> = objects.collect();
        let Some(signed) = chain.first() else {
            return Err(undecided(
                Doubt::Incomplete,
                "no manifest or index stands before the signatures",
            ));
        };
        if signatures.is_empty() || signatures.len() > MAX_SIGNATURES {
            return Err(undecided(
                Doubt::Incomplete,
                "it has no signature over the image, or too many",
            ));
        }
        for pair in chain.windows(2) {
            check_named(&pair[0], &pair[1].descriptor.digest, pair[1].descriptor.size)?;
        }
        let signed_bytes = signed.bytes.clone();
        let mut opened = Vec::new();
        for (kind, objects) in by_kind(signatures) {
            let Some(known) = find(kind) else { continue };
            opened.push((kind, known.open(objects, context)));
        }
        Ok(Box::new(Image {
            chain,
            signed_bytes,
            opened,
        }))
    }
}

fn undecided(doubt: Doubt, reason: &str) -> Box<Finding> {
    Box::new(Finding::undecided(ID, doubt, reason))
}

/// The signatures by the kinds that judge them, each kind's in their order. cosign's payloads and envelopes follow the manifest in whose annotations their signatures stand.
fn by_kind(signatures: Vec<Vec<u8>>) -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let mut kinds: Vec<(&'static str, Vec<Vec<u8>>)> = Vec::new();
    for object in signatures {
        let kind = kind_of(&object);
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, objects)) => objects.push(object),
            None => kinds.push((kind, vec![object])),
        }
    }
    kinds
}

/// What tells the three ways apart in which images are signed.
#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "mediaType", default)]
    media_type: Option<serde_json::Value>,
    #[serde(rename = "schemaVersion", default)]
    schema_version: Option<serde_json::Value>,
    #[serde(default)]
    critical: Option<serde::de::IgnoredAny>,
    #[serde(rename = "payloadType", default)]
    payload_type: Option<serde::de::IgnoredAny>,
}

fn kind_of(untrusted: &[u8]) -> &'static str {
    let Ok(mark) = serde_json::from_slice::<Mark>(untrusted) else {
        // COSE is no JSON.
        return "notation";
    };
    let media_type = mark
        .media_type
        .as_ref()
        .and_then(|text| text.as_str())
        .unwrap_or_default();
    if media_type.starts_with("application/vnd.dev.sigstore.bundle") {
        "sigstore"
    } else if mark.schema_version.is_some() || mark.critical.is_some() || mark.payload_type.is_some() {
        cosign::ID
    } else {
        "notation"
    }
}

/// Whether a document names what has this digest, and as so many bytes.
fn check_named(by: &Document, digest: &crate::model::Digest, size: u64) -> Result<(), Box<Finding>> {
    let listed = by.manifests.iter().chain(&by.layers);
    let named: Vec<&Descriptor> = listed.filter(|descriptor| descriptor.digest == *digest).collect();
    let wrong = |reason: String| Err(Box::new(Finding::contradicted(ID, Fault::SubjectDiffers, reason)));
    if named.is_empty() {
        return wrong(format!("{} does not name {digest}", by.descriptor.digest));
    }
    // It may be named twice, and then of one size.
    match named.iter().find(|descriptor| descriptor.size != size) {
        Some(other) => wrong(format!(
            "{} names {digest} with {} bytes, and it has {size}",
            by.descriptor.digest, other.size
        )),
        None => Ok(()),
    }
}

/// A signature's kind, and what it is once it is read.
type Opened<'a> = (&'static str, Result<Box<dyn Evidence + 'a>, Box<Finding>>);

/// A signed image, and what is known of its signatures.
struct Image<'a> {
    /// From the signed document to the one that names artifacts.
    chain: Vec<Document>,
    signed_bytes: Vec<u8>,
    opened: Vec<Opened<'a>>,
}

impl Evidence for Image<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let (Some(signed), Some(naming)) = (self.chain.first(), self.chain.last()) else {
            return Vec::new();
        };
        let Ok(size) = content.seek(SeekFrom::End(0)) else {
            return vec![*undecided(Doubt::Incomplete, "the bytes could not be read")];
        };
        if let Err(finding) = check_named(naming, &artifact.digest, size) {
            return vec![*finding];
        }
        let image = Artifact {
            digest: signed.descriptor.digest,
            proofs: Vec::new(),
            ..artifact.clone()
        };
        let mut findings = Vec::new();
        for (kind, opened) in &self.opened {
            match opened {
                Ok(opened) => {
                    let mut content = Cursor::new(self.signed_bytes.as_slice());
                    let found = opened.judge(&image, &mut content);
                    findings.extend(
                        found
                            .into_iter()
                            .map(|finding| self.of_content(kind, finding, signed, naming)),
                    );
                }
                Err(finding) => findings.push(self.of_content(kind, (**finding).clone(), signed, naming)),
            }
        }
        findings
    }
}

impl Image<'_> {
    /// A finding about the signed document, told of what it names.
    fn of_content(&self, kind: &str, mut finding: Finding, signed: &Document, naming: &Document) -> Finding {
        let path = if self.chain.len() == 1 {
            format!("named by {} {}", word(signed), signed.descriptor.digest)
        } else {
            let (of, top) = (naming.descriptor.digest, signed.descriptor.digest);
            format!("named by {} {of} of the index {top}", word(naming))
        };
        let how = match finding.outcome {
            Outcome::Confirmed(_) => "which is signed",
            Outcome::Contradicted(_) => "whose signature is wrong",
            Outcome::Undecided(_) => "whose signature could not be judged",
        };
        let told = Finding::new(
            ID,
            finding.outcome,
            format!("{path}, {how} ({kind}): {}", finding.reason),
        );
        finding.kind = told.kind;
        finding.reason = told.reason;
        let elsewhere = naming.layers.iter().filter(|layer| lies_elsewhere(layer)).count();
        if elsewhere > 0 {
            finding.notes.push(format!(
                "the manifest names {elsewhere} layers that lie elsewhere: nothing says that they are here"
            ));
        }
        finding
    }
}

fn word(document: &Document) -> &'static str {
    if document.manifests.is_empty() {
        "the manifest"
    } else {
        "the index"
    }
}

/// A layer that registries need not hold (image-spec, `layer.md`, "Non-Distributable Layers").
fn lies_elsewhere(layer: &Descriptor) -> bool {
    !layer.urls.is_empty() || layer.media_type.contains(".nondistributable.") || layer.media_type.contains(".foreign.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signature_goes_to_the_kind_that_judges_it() {
        let objects = [
            &br#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#[..],
            br#"{"schemaVersion":2}"#,
            b"\xd2\x84",
            br#"{"payloadType":"application/vnd.in-toto+json"}"#,
            br#"{"critical":{}}"#,
            br#"{"payload":"","protected":""}"#,
        ];
        let parted = by_kind(objects.map(<[u8]>::to_vec).to_vec());
        let parted: Vec<(&str, Vec<&[u8]>)> = parted
            .iter()
            .map(|(kind, objects)| (*kind, objects.iter().map(Vec::as_slice).collect()))
            .collect();
        assert_eq!(
            parted,
            [
                ("sigstore", vec![objects[0]]),
                ("cosign", vec![objects[1], objects[3], objects[4]]),
                ("notation", vec![objects[2], objects[5]]),
            ]
        );
    }
}
