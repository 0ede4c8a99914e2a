//! The checks: the signature over the payload, by key or by identity; then the payload against the image.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::ID;
use super::parse::{Item, check_payload};
use crate::evidence::pinned::{Made, read_anchors};
use crate::evidence::public_key::{self, signed_by};
use crate::evidence::sigstore::refusal::Refusal;
use crate::evidence::sigstore::{self, parse};
use crate::evidence::{Context, EvidenceKind as _};
use crate::model::{Artifact, Digest, Doubt, Fault, Finding, Material, Outcome, Signer};

pub(super) fn judge(item: &Item, artifact: &Artifact, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = match (&item.certificate, &item.log) {
        (None, _) => vec![by_key(item, artifact, context)],
        (Some(_), None) => {
            let reason = "signed by a short-lived certificate, and no log says when";
            vec![Finding::undecided(ID, Doubt::NoProvenTime, reason)]
        }
        (Some(certificate), Some(log)) => match bundle(item, certificate, log) {
            Ok(bundle) => by_identity(item, bundle, artifact, context),
            Err(refusal) => vec![refusal.finding(ID)],
        },
    };
    // What is signed is read only after it was verified.
    for finding in findings.iter_mut().filter(|finding| finding.is_confirmed()) {
        match check_payload(&item.payload, artifact) {
            Ok(claims) => finding.claims.extend(claims),
            Err(refusal) => {
                finding.outcome = refusal.outcome;
                finding.reason = refusal.reason;
            }
        }
    }
    findings
}

fn by_key<'a>(item: &Item, artifact: &Artifact, context: &Context<'a>) -> Finding {
    let select = |material: &'a Material| match material {
        Material::PublicKey(text) => Some(text.as_str()),
        _ => None,
    };
    let (keys, notes) = read_anchors(context, select, public_key::read);
    let mut finding = match STANDARD.decode(&item.signature) {
        Err(_) => Finding::contradicted(ID, Fault::Malformed, "the signature is not in base64"),
        Ok(_) if keys.is_empty() => Finding::undecided(ID, Doubt::NoAnchor, "signed by a key, and no key is pinned"),
        Ok(signature) => {
            let verifies = |key: &public_key::PinnedKey| key.scheme_of(&item.payload, &signature).is_some();
            match signed_by(ID, artifact, context.now, &keys, "", verifies) {
                Made::By(anchor, key) => {
                    let reason = format!("signed by the key in anchor `{}`", anchor.name);
                    let mut finding = Finding::confirmed(ID, anchor.speaks_for.level(), reason);
                    finding.anchors.push(anchor.name.clone());
                    finding.algorithm = Some(public_key::algorithm(&key.key));
                    finding
                        .signers
                        .push(Signer::key(key.key.id().to_string(), Some(anchor.name.clone())));
                    if item.log.is_some() {
                        finding
                            .notes
                            .push("its log entry was not checked: the key decides".to_owned());
                    }
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

/// The same in the form of a bundle: cosign's own first one, which the Sigstore kind reads.
fn bundle(item: &Item, certificate: &str, log: &str) -> Result<Value, Refusal> {
    let log = parse::text(log.as_bytes())?;
    Ok(json!({"base64Signature": item.signature, "cert": certificate, "rekorBundle": log}))
}

fn by_identity(item: &Item, bundle: Value, artifact: &Artifact, context: &Context<'_>) -> Vec<Finding> {
    // What the certificate's owner signed are the payload's bytes; names and scopes are the image's.
    let signed = Artifact {
        digest: Digest::of(&item.payload),
        ..artifact.clone()
    };
    let mut findings = match sigstore::SIGSTORE.open(vec![bundle.to_string().into_bytes()], context) {
        Ok(evidence) => evidence.judge(&signed, &mut Cursor::new(&item.payload)),
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
