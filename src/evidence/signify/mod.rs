//! signify: Ed25519 over a whole file, as OpenBSD signs its releases (signify(1)).
//!
//! A signature is two lines; one that embeds the message after them is of another form, and is not judged. Nothing but the file's
//! bytes is signed: no name, no time.

mod parse;

use parse::FormatError;
pub(crate) use parse::read_key;

use super::pinned::{Made, made_by, read_anchors};
use super::{Context, Detached, reading};
use crate::model::{Artifact, Content, Doubt, Fault, Finding, Material, Signer};

/// The kind's id.
pub(crate) const ID: &str = "signify";

/// The file must lie in memory: a quarter of what an import may use. What is larger is signed through a list of checksums.
const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// The scheme.
pub(crate) struct Signify;

impl Detached for Signify {
    fn id(&self) -> &'static str {
        ID
    }

    /// A comment of 1 KiB (signify's own bound) and a line of base64.
    fn max_bytes(&self) -> usize {
        4 * 1024
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        std::str::from_utf8(untrusted_signature)
            .is_ok_and(|text| text.starts_with(parse::COMMENT) && text.trim_end().lines().count() == 2)
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        let read = std::str::from_utf8(untrusted_signature)
            .map_err(|_| FormatError::Lines)
            .and_then(parse::read_signature);
        vec![match read {
            Ok(signature) => judge(&signature, message, artifact, context),
            Err(error @ FormatError::Algorithm(_)) => {
                Finding::undecided(ID, Doubt::UnknownAlgorithm, error.to_string())
            }
            Err(error) => {
                let reason = format!("not a signify signature: {error}");
                Finding::contradicted(ID, Fault::Malformed, reason)
            }
        }]
    }
}

fn judge(
    signature: &parse::Signature,
    message: &mut dyn Content,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Finding {
    let (keys, notes) = read_anchors(
        context,
        |material| match material {
            Material::SignifyKey(text) => Some(text),
            _ => None,
        },
        parse::read_key,
    );
    let id = hex::encode(signature.key_id);
    let show = |mut finding: Finding| {
        finding.algorithm = Some("Ed25519".to_owned());
        finding.signers.push(Signer::key(id.clone(), None));
        finding.notes.extend(notes.iter().cloned());
        finding
    };
    if keys.is_empty() {
        return show(Finding::undecided(ID, Doubt::NoAnchor, "no signify key is pinned"));
    }
    let bytes = match reading::whole(message, MAX_MESSAGE_BYTES) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => {
            let reason = format!("a signature over more than {MAX_MESSAGE_BYTES} bytes is not judged");
            return show(Finding::undecided(ID, Doubt::TooLarge, reason));
        }
        Err(_) => {
            let reason = "the signed bytes could not be read";
            return show(Finding::undecided(ID, Doubt::Incomplete, reason));
        }
    };
    let named = keys
        .iter()
        .filter(|(_, key)| key.id == signature.key_id)
        .map(|(anchor, key)| (*anchor, key));
    let made = made_by(ID, artifact, context.now, named, |key| {
        key.key.verify(&bytes, &signature.signature).is_ok()
    });
    match made {
        Made::By(anchor, _) => {
            let reason = format!("signed by key {id} of anchor `{}`", anchor.name);
            let mut finding = show(Finding::confirmed(ID, anchor.speaks_for.level(), reason));
            finding.anchors.push(anchor.name.clone());
            finding
        }
        Made::Outside(finding) => show(*finding),
        Made::Wrong(anchor) => {
            let reason = format!(
                "the signature does not fit key {id} of anchor `{}` and this file",
                anchor.name
            );
            show(Finding::contradicted(ID, Fault::SignatureWrong, reason))
        }
        Made::Unknown => {
            let reason = format!("signed by key {id}, which nobody pinned for it");
            show(Finding::undecided(ID, Doubt::UnknownSigner, reason))
        }
    }
}
