//! The proofs that an OCI image layout holds about its images: signatures that are attached to a manifest or an index, as the kinds judge them.
//!
//! What an attachment is, its media types say (Notary Project `signature-specification.md`, sigstore/cosign `specs/`). What is no signature (an SBOM, an
//! unsigned attestation) is passed over. A signed statement in an envelope of its own goes to cosign's kind: what there is to know of its signer beside the
//! envelope stands in the annotations of the manifest, as with cosign's signatures.

use std::collections::BTreeMap;

use super::{cosign, oci_content};
use crate::archive::oci::{Descriptor, Document, Layout, LayoutError, LayoutFiles};
use crate::model::Digest;

/// The largest blob of a signature, in bytes: a Sigstore bundle with a long statement.
pub const MAX_SIGNATURE_BYTES: u64 = 16 << 20;

const NOTATION: &str = "application/vnd.cncf.notary.signature";
const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A proof about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageProof {
    /// The kind that judges it.
    pub kind: &'static str,
    /// What holds it, in the kind's order: blobs of the layout, by digest.
    pub objects: Vec<Digest>,
}

/// The proofs about an image, by the digest of its manifest or index; those of one kind together, ascending by kind.
pub fn proofs(layout: &Layout, image: &Digest) -> Vec<ImageProof> {
    let mut found: Vec<ImageProof> = Vec::new();
    for (_, by) in layout.attached().filter(|(subject, _)| subject == image) {
        // What a tag names may be a list of signatures as well as one.
        for document in with_members(layout, &by) {
            for (kind, objects) in of_document(document) {
                match found.iter_mut().find(|known| known.kind == kind) {
                    Some(known) => {
                        let new = objects.into_iter().filter(|object| !known.objects.contains(object));
                        known.objects.extend(new.collect::<Vec<_>>());
                    }
                    None => found.push(ImageProof { kind, objects }),
                }
            }
        }
    }
    found.sort_by_key(|proof| proof.kind);
    found
}

/// What a signed image names: by the digest of each, the documents from the signed one down to the one that names it, and the signatures. Of several ways the
/// shortest, since fewer stand between.
pub fn contents(layout: &Layout) -> BTreeMap<Digest, ImageProof> {
    let mut found: BTreeMap<Digest, ImageProof> = BTreeMap::new();
    let mut lengths: BTreeMap<Digest, usize> = BTreeMap::new();
    for signed in layout.images() {
        let signatures: Vec<Digest> = proofs(layout, &signed.descriptor.digest)
            .into_iter()
            .flat_map(|proof| proof.objects)
            .collect();
        if signatures.is_empty() {
            continue;
        }
        let mut level = vec![vec![signed]];
        // As deep as the kind follows it; a layout was read no deeper.
        for length in 1..=oci_content::MAX_DOCUMENTS {
            let mut below = Vec::new();
            for chain in level {
                let Some(last) = chain.last() else { continue };
                for named in last.manifests.iter().chain(&last.layers) {
                    if lengths.get(&named.digest).is_some_and(|known| *known <= length) {
                        continue;
                    }
                    lengths.insert(named.digest, length);
                    let documents = chain.iter().map(|document| document.descriptor.digest);
                    let objects = documents.chain(signatures.iter().copied()).collect();
                    let kind = oci_content::ID;
                    found.insert(named.digest, ImageProof { kind, objects });
                    if let Some(document) = layout.documents.get(&named.digest) {
                        below.push(chain.iter().copied().chain([document]).collect());
                    }
                }
            }
            level = below;
        }
    }
    found
}

/// The bytes of a proof's objects.
pub fn objects(layout: &Layout, files: &dyn LayoutFiles, proof: &ImageProof) -> Result<Vec<Vec<u8>>, LayoutError> {
    proof
        .objects
        .iter()
        .map(|digest| match layout.documents.get(digest) {
            Some(document) => Ok(document.bytes.clone()),
            None => {
                let mut layers = layout.documents.values().flat_map(|document| &document.layers);
                let layer: Vec<&Descriptor> = layers.find(|layer| layer.digest == *digest).into_iter().collect();
                let mut bytes = layout.blobs(files, &layer, MAX_SIGNATURE_BYTES)?;
                bytes.pop().ok_or_else(|| LayoutError::Missing {
                    path: crate::archive::oci::blob_path(digest),
                })
            }
        })
        .collect()
}

fn with_members<'l>(layout: &'l Layout, digest: &Digest) -> Vec<&'l Document> {
    let Some(document) = layout.documents.get(digest) else {
        return Vec::new();
    };
    let members = document.manifests.iter();
    std::iter::once(document)
        .chain(members.filter_map(|member| layout.documents.get(&member.digest)))
        .collect()
}

/// What one attached manifest holds. A kind's own manifest goes with cosign's payloads, for the signatures stand in its annotations.
fn of_document(document: &Document) -> Vec<(&'static str, Vec<Digest>)> {
    let of_type = |begins: &str| -> Vec<Digest> {
        let layers = document.layers.iter();
        layers
            .filter(|layer| layer.media_type.starts_with(begins))
            .map(|layer| layer.digest)
            .collect()
    };
    if document.artifact_type.as_deref() == Some(NOTATION) {
        let envelopes = of_type("application/jose+json").into_iter();
        return vec![("notation", envelopes.chain(of_type("application/cose")).collect())];
    }
    let bundles = of_type(SIGSTORE_BUNDLE);
    if !bundles.is_empty() {
        return vec![("sigstore", bundles)];
    }
    let payloads: Vec<Digest> = document
        .layers
        .iter()
        .filter(|layer| layer.media_type == SIMPLE_SIGNING || cosign::is_envelope(&layer.media_type))
        .map(|layer| layer.digest)
        .collect();
    if !payloads.is_empty() {
        let own = std::iter::once(document.descriptor.digest);
        return vec![(cosign::ID, own.chain(payloads).collect())];
    }
    Vec::new()
}
