//! The checks, in minisign's order: the key's id, the file's signature, the comment's.

use blake2::{Blake2b512, Digest as _};

use super::ID;
use super::parse::{self, Form, Signature, show_id};
use crate::evidence::pinned::{Made, made_by, read_anchors};
use crate::evidence::{Context, reading};
use crate::model::{Artifact, Content, Doubt, Fault, Finding, Material, SignedAt, Signer, TimeSource, Timestamp};

/// A file that is signed itself must lie in memory: a quarter of what an import may use.
const MAX_LEGACY_BYTES: u64 = 64 << 20;

/// A hash has as many bytes: see the kind's own page.
const HASH_BYTES: usize = 64;

pub(super) fn judge(
    signature: &Signature,
    message: &mut dyn Content,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Finding {
    let (keys, mut notes) = read_anchors(
        context,
        |material| match material {
            Material::MinisignKey(text) => Some(text),
            _ => None,
        },
        parse::read_key,
    );
    let id = show_id(signature.key_id);
    let mut claims = Vec::new();
    let mut signed_at = None;
    for field in signature.comment.split('\t') {
        match field.split_once(':') {
            Some(("timestamp", seconds)) => {
                signed_at = seconds.parse().ok().map(|seconds| SignedAt {
                    time: Timestamp::from_seconds(seconds),
                    source: TimeSource::Signer,
                });
            }
            Some(("file", file)) => {
                if file != artifact.file {
                    notes.push(format!("signed under the file name `{}`", reading::shown(file)));
                }
                claims.push(("file".to_owned(), reading::shown(file)));
            }
            _ => {}
        }
    }
    let algorithm = match signature.form {
        Form::Prehashed => "Ed25519 over BLAKE2b-512",
        Form::Legacy => "Ed25519",
    };
    let show = |mut finding: Finding| {
        finding.algorithm = Some(algorithm.to_owned());
        finding.signers.push(Signer::key(id.clone(), None));
        finding.signed_at = signed_at.clone();
        finding.notes.extend(notes.iter().cloned());
        finding
    };
    if keys.is_empty() {
        return show(Finding::undecided(ID, Doubt::NoAnchor, "no minisign key is pinned"));
    }
    let signed = match signed_bytes(signature.form, message) {
        Ok(signed) => signed,
        Err(finding) => return show(*finding),
    };

    let named = keys
        .iter()
        .filter(|(_, key)| key.id == signature.key_id)
        .map(|(anchor, key)| (*anchor, key));
    let made = made_by(ID, artifact, context.now, named, |key| {
        key.key.verify(&signed, &signature.signature).is_ok()
    });
    let (anchor, key) = match made {
        Made::By(anchor, key) => (anchor, key),
        Made::Outside(finding) => return show(*finding),
        Made::Wrong(anchor) => {
            let reason = format!(
                "the signature does not fit key {id} of anchor `{}` and this file",
                anchor.name
            );
            return show(Finding::contradicted(ID, Fault::SignatureWrong, reason));
        }
        Made::Unknown => {
            let reason = format!("signed by key {id}, which nobody pinned for it");
            return show(Finding::undecided(ID, Doubt::UnknownSigner, reason));
        }
    };
    let comment = [&signature.signature, signature.comment.as_bytes()].concat();
    if key.key.verify(&comment, &signature.comment_signature).is_err() {
        let reason = format!("the trusted comment is not the one that key {id} signed with this file");
        return show(Finding::contradicted(ID, Fault::SignatureWrong, reason));
    }

    let reason = format!("signed by key {id} of anchor `{}`", anchor.name);
    let mut finding = show(Finding::confirmed(ID, anchor.speaks_for.level(), reason));
    finding.anchors.push(anchor.name.clone());
    finding.claims = claims;
    if signature.form == Form::Legacy {
        finding
            .notes
            .push("the legacy form, which signs the file itself".to_owned());
    }
    finding
}

fn signed_bytes(form: Form, message: &mut dyn Content) -> Result<Vec<u8>, Box<Finding>> {
    let unreadable = || {
        Box::new(Finding::undecided(
            ID,
            Doubt::Incomplete,
            "the signed bytes could not be read",
        ))
    };
    match form {
        Form::Prehashed => {
            let mut hasher = Blake2b512::new();
            reading::each_piece(message, |piece| hasher.update(piece)).map_err(|_| unreadable())?;
            Ok(hasher.finalize().to_vec())
        }
        Form::Legacy => match reading::whole(message, MAX_LEGACY_BYTES).map_err(|_| unreadable())? {
            None => {
                let reason = format!("a legacy signature over more than {MAX_LEGACY_BYTES} bytes is not judged");
                Err(Box::new(Finding::undecided(ID, Doubt::TooLarge, reason)))
            }
            Some(bytes) if bytes.len() == HASH_BYTES => {
                let reason = "a legacy signature over 64 bytes may be another file's prehashed one";
                Err(Box::new(Finding::contradicted(ID, Fault::Weak, reason)))
            }
            Some(bytes) => Ok(bytes),
        },
    }
}
