//! Sigstore bundles over bytes that are no artifact: a list of checksums, or what another kind of proof puts into the form of a bundle.

use serde_json::Value;

use super::SIGSTORE;
use crate::evidence::detached::Detached;
use crate::evidence::{Context, EvidenceKind as _};
use crate::model::{Algorithm, Artifact, Content, Digest, Doubt, Finding, Level, Outcome};

/// How the media type of every bundle begins.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// The media type of the newest one.
pub(crate) const BUNDLE_3: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bundle beside a list has some 10 KiB; several may follow each other.
const MAX_BYTES: usize = 4 << 20;

/// Bundles as a scheme of detached signatures.
pub(crate) struct Message;

/// Whether a JSON text is a bundle, or cosign's first form of one.
fn is_bundle(untrusted: &Value) -> bool {
    let text = |field: &str| untrusted.get(field).and_then(Value::as_str);
    text("mediaType").is_some_and(|media| media.starts_with(BUNDLE)) || text("base64Signature").is_some()
}

impl Detached for Message {
    fn id(&self) -> &'static str {
        SIGSTORE.id()
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        // The library's depth is bounded; the size is by whoever read the bytes.
        let mut texts = serde_json::Deserializer::from_slice(untrusted_signature).into_iter::<Value>();
        matches!(texts.next(), Some(Ok(first)) if is_bundle(&first))
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        over_message(SIGSTORE.id(), untrusted_signature.to_vec(), message, artifact, context)
    }
}

/// Judges bundles over a message, for an artifact (its scope). What they state of the message's origin is none of the artifact's: they reach
/// `publisher` at most.
pub(crate) fn over_message(
    kind: &str,
    untrusted_bundles: Vec<u8>,
    message: &mut dyn Content,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Vec<Finding> {
    let digest = message.digest(Algorithm::Sha256).ok();
    let digest = digest.and_then(|claim| <[u8; 32]>::try_from(claim.bytes()).ok());
    let Some(digest) = digest.map(Digest::from_bytes) else {
        let reason = "the signed bytes could not be read";
        return vec![Finding::undecided(kind, Doubt::Incomplete, reason)];
    };
    let signed = Artifact {
        digest,
        ..artifact.clone()
    };
    let mut findings = match SIGSTORE.open(vec![untrusted_bundles], context) {
        Ok(opened) => opened.judge(&signed, message),
        Err(finding) => vec![*finding],
    };
    for finding in &mut findings {
        kind.clone_into(&mut finding.kind);
        if let Outcome::Confirmed(level) = &mut finding.outcome {
            *level = (*level).min(Level::Publisher);
        }
    }
    findings
}
