//! The checks: the signature over the payload, by key or by identity; then the payload against the image. Of an attestation the same, as the kinds for
//! envelopes and for bundles order them.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ID;
use super::parse::{Item, Signed, check_payload};
use crate::evidence::dsse::Dsse;
use crate::evidence::pinned::{Made, read_anchors};
use crate::evidence::public_key::{self, signed_by};
use crate::evidence::sigstore::{self, legacy, parse};
use crate::evidence::{Context, EvidenceKind as _};
use crate::model::{Artifact, Content, Digest, Doubt, Fault, Finding, Material, Outcome, Signer};

pub(super) fn judge(
    item: &Item,
    artifact: &Artifact,
    content: &mut dyn Content,
    context: &Context<'_>,
) -> Vec<Finding> {
    let certified = match (&item.certificate, &item.log) {
        (None, _) => None,
        (Some(_), None) => {
            let reason = "signed by a short-lived certificate, and no log says when";
            return vec![Finding::undecided(ID, Doubt::NoProvenTime, reason)];
        }
        (Some(certificate), Some(log)) => Some((certificate.as_str(), log.as_str())),
    };
    let (payload, signature) = match &item.signed {
        Signed::Envelope(envelope) => return attested(envelope, item, certified, artifact, content, context),
        Signed::Payload(payload, signature) => (payload, signature),
    };
    let mut findings = match certified {
        None => vec![by_key(item, payload, signature, artifact, context)],
        Some((certificate, log)) => {
            let signed = legacy::signed(signature);
            // What the certificate's owner signed are the payload's bytes; names and scopes are the image's.
            let about = Artifact {
                digest: Digest::of(payload),
                ..artifact.clone()
            };
            by_identity(signed, certificate, log, &about, &mut Cursor::new(payload), context)
        }
    };
    // What is signed is read only after it was verified.
    for finding in findings.iter_mut().filter(|finding| finding.is_confirmed()) {
        match check_payload(payload, artifact) {
            Ok(claims) => finding.claims.extend(claims),
            Err(refusal) => {
                finding.outcome = refusal.outcome;
                finding.reason = refusal.reason;
            }
        }
    }
    findings
}

/// Judges an attestation: its statement is about the manifest itself, whose digest the kinds that read statements compare.
fn attested(
    envelope: &Value,
    item: &Item,
    certified: Option<(&str, &str)>,
    artifact: &Artifact,
    content: &mut dyn Content,
    context: &Context<'_>,
) -> Vec<Finding> {
    if let Some((certificate, log)) = certified {
        let signed = legacy::enveloped(envelope);
        return by_identity(signed, certificate, log, artifact, content, context);
    }
    let mut findings = match Dsse.open(vec![envelope.to_string().into_bytes()], context) {
        Ok(evidence) => evidence.judge(artifact, content),
        Err(finding) => vec![*finding],
    };
    for finding in &mut findings {
        finding.kind = ID.to_owned();
        note_log(item, finding);
    }
    findings
}

/// Says of what a key signed that its log entry was not looked at.
fn note_log(item: &Item, finding: &mut Finding) {
    if finding.is_confirmed() && item.log.is_some() {
        let note = "its log entry was not checked: the key decides";
        finding.notes.push(note.to_owned());
    }
}

fn by_key<'a>(item: &Item, payload: &[u8], signature: &str, artifact: &Artifact, context: &Context<'a>) -> Finding {
    let select = |material: &'a Material| match material {
        Material::PublicKey(text) => Some(text.as_str()),
        _ => None,
    };
    let (keys, notes) = read_anchors(context, select, public_key::read);
    let mut finding = match STANDARD.decode(signature) {
        Err(_) => Finding::contradicted(ID, Fault::Malformed, "the signature is not in base64"),
        Ok(_) if keys.is_empty() => Finding::undecided(ID, Doubt::NoAnchor, "signed by a key, and no key is pinned"),
        Ok(signature) => {
            let verifies = |key: &public_key::PinnedKey| key.scheme_of(payload, &signature).is_some();
            match signed_by(ID, artifact, context.now, &keys, "", verifies) {
                Made::By(anchor, key) => {
                    let reason = format!("signed by the key in anchor `{}`", anchor.name);
                    let mut finding = Finding::confirmed(ID, anchor.speaks_for.level(), reason);
                    finding.anchors.push(anchor.name.clone());
                    finding.algorithm = Some(public_key::algorithm(&key.key));
                    finding
                        .signers
                        .push(Signer::key(key.key.id().to_string(), Some(anchor.name.clone())));
                    note_log(item, &mut finding);
                    finding
                }
                Made::Outside(finding) => *finding,
                // No hint says whose signature it should be, so one that fits nobody may be anybody's.
                Made::Wrong(_) | Made::Unknown => {
                    let reason = "signed by a key that nobody pinned for it, or over another payload";
                    Finding::undecided(ID, Doubt::UnknownSigner, reason)
                }
            }
        }
    };
    finding.notes.extend(notes);
    finding
}

/// Judges what a certificate's owner signed in the form of a bundle: cosign's own first one, which the Sigstore kind reads.
fn by_identity(
    signed: (&'static str, Value),
    certificate: &str,
    log: &str,
    artifact: &Artifact,
    content: &mut dyn Content,
    context: &Context<'_>,
) -> Vec<Finding> {
    let bundle = parse::text(log.as_bytes()).and_then(|log| legacy::assemble(certificate, Some(&log), signed));
    let bundle = match bundle {
        Ok(bundle) => bundle.to_string().into_bytes(),
        Err(refusal) => {
            let mut finding = refusal.finding(ID);
            finding.reason = format!("cosign's annotations: {}", finding.reason);
            return vec![finding];
        }
    };
    let mut findings = match sigstore::SIGSTORE.open(vec![bundle], context) {
        Ok(evidence) => evidence.judge(artifact, content),
        Err(finding) => vec![*finding],
    };
    for finding in &mut findings {
        finding.kind = ID.to_owned();
        if matches!(finding.outcome, Outcome::Contradicted(Fault::Malformed)) {
            finding.reason = format!("cosign's annotations: {}", finding.reason);
        }
    }
    findings
}
