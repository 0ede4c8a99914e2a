//! What cosign attaches to container images: simple signatures (sigstore/cosign `specs/SIGNATURE_SPEC.md`), a payload that names a manifest's
//! digest and what upstream calls it; and attestations (`specs/ATTESTATION_SPEC.md`), in-toto statements about that digest in DSSE envelopes. Signed by a key,
//! or by an identity through Fulcio with the log's promise.
//!
//! The artifact is the manifest; its name is the upstream registry's host and repository, its version a tag or the manifest's digest. What
//! has a certificate is judged as the Sigstore bundle that it would be today, over the payload or with the envelope; its log gives no
//! inclusion proof, so it reaches `publisher` at most. An envelope without one is judged as the kind `dsse` judges it.

mod parse;
mod verify;

use super::sigstore::refusal::Refusal;
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Finding};
use parse::Item;
pub(super) use parse::is_envelope;

/// The kind's id.
pub(crate) const ID: &str = "cosign";

/// The kind. Its objects are the signatures' manifests with their payloads and envelopes, or attachments.
pub(crate) struct Cosign;

impl EvidenceKind for Cosign {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        match parse::items(&objects) {
            Ok(items) => Ok(Box::new(Signatures { items, context })),
            Err(refusal) => Err(Box::new(refusal.finding(ID))),
        }
    }
}

struct Signatures<'a> {
    items: Vec<Result<Item, Refusal>>,
    context: &'a Context<'a>,
}

impl Evidence for Signatures<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut findings = Vec::new();
        for item in &self.items {
            match item {
                Ok(item) => findings.extend(verify::judge(item, artifact, content, self.context)),
                Err(refusal) => findings.push(refusal.finding(ID)),
            }
        }
        findings
    }
}
