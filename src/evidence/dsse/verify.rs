//! The checks, in the order of DSSE's protocol ("Verify"): signatures, then the payload's type, then what it is about.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

use super::ID;
use crate::crypto::dsse::{MAX_SIGNATURES, pae};
use crate::evidence::pinned::Made;
use crate::evidence::public_key::{self, PinnedKey, signed_by};
use crate::evidence::reading::shown;
use crate::evidence::sigstore::refusal::Refusal;
use crate::evidence::sigstore::statement::{Digests, Says, Statement};
use crate::model::{Anchor, Doubt, Fault, Finding, Level, Outcome, Signer, Timestamp};

/// What judging is done with.
pub(super) struct Judge<'a> {
    pub(super) keys: &'a [(&'a Anchor, PinnedKey)],
    pub(super) now: Timestamp,
}

/// An envelope of which nothing is believed.
struct Untrusted {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<(String, Vec<u8>)>,
}

impl Judge<'_> {
    pub(super) fn judge(&self, envelope: &Value, digests: &mut Digests<'_>) -> Finding {
        let mut finding = Finding::undecided(ID, Doubt::Incomplete, "");
        match self.examine(envelope, digests, &mut finding) {
            Ok((level, reason)) => {
                finding.outcome = Outcome::Confirmed(level);
                finding.reason = reason;
            }
            Err(refusal) => {
                finding.outcome = refusal.outcome;
                finding.reason = refusal.reason;
            }
        }
        finding
    }

    fn examine(
        &self,
        envelope: &Value,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let untrusted = read(envelope)?;
        let signers = self.signers(&untrusted, digests, finding)?;
        let statement = Statement::read(&untrusted.payload_type, &untrusted.payload)?;
        finding.claims = statement.claims();
        finding.claims.extend(verdict(&statement));
        digests.find(&statement)?;
        let best = signers
            .iter()
            .map(|anchor| anchor.speaks_for.level())
            .max()
            .unwrap_or(Level::None);
        let names: Vec<String> = signers.iter().map(|anchor| format!("`{}`", anchor.name)).collect();
        let names = names.join(", ");
        Ok(match statement.says() {
            Says::BadVerdict => (
                Level::None,
                format!("the owner of the key in {names} states a verdict that is not good"),
            ),
            says => {
                if says == Says::Else {
                    let note = format!(
                        "its statement (`{}`) says nothing about the artifact's origin",
                        shown(&statement.predicate_type)
                    );
                    finding.notes.push(note);
                }
                (best, format!("stated by the owner of the key in anchor {names}"))
            }
        })
    }

    /// The anchors whose owners signed, each once.
    fn signers<'s>(
        &'s self,
        untrusted: &Untrusted,
        digests: &Digests<'_>,
        finding: &mut Finding,
    ) -> Result<Vec<&'s Anchor>, Refusal> {
        let message = pae(&untrusted.payload_type, &untrusted.payload);
        let mut signers: Vec<&Anchor> = Vec::new();
        let mut best: Option<Refusal> = None;
        for (hint, signature) in &untrusted.signatures {
            let made = signed_by(ID, digests.artifact(), self.now, self.keys, hint, |key| {
                key.scheme_of(&message, signature).is_some()
            });
            let refusal = match made {
                Made::By(anchor, key) => {
                    if !signers.iter().any(|known| known.name == anchor.name) {
                        finding.algorithm = Some(public_key::algorithm(&key.key));
                        finding.anchors.push(anchor.name.clone());
                        finding
                            .signers
                            .push(Signer::key(key.key.id().to_string(), Some(anchor.name.clone())));
                        signers.push(anchor);
                    }
                    continue;
                }
                Made::Outside(outside) => Refusal {
                    outcome: outside.outcome,
                    reason: outside.reason,
                },
                Made::Wrong(anchor) => Refusal::wrong(
                    Fault::SignatureWrong,
                    format!(
                        "the signature does not fit the key in anchor `{}` that it names",
                        anchor.name
                    ),
                ),
                Made::Unknown if self.keys.is_empty() => Refusal::doubt(Doubt::NoAnchor, "no public key is pinned"),
                Made::Unknown => Refusal::doubt(
                    Doubt::UnknownSigner,
                    format!("signed by a key (`{}`) that nobody pinned for it", shown(hint)),
                ),
            };
            if best.as_ref().is_none_or(|best| best.weight() < refusal.weight()) {
                best = Some(refusal);
            }
        }
        match best {
            _ if !signers.is_empty() => Ok(signers),
            Some(refusal) => {
                finding.signers = untrusted
                    .signatures
                    .iter()
                    .map(|(hint, _)| Signer::key(shown(hint), None))
                    .collect();
                Err(refusal)
            }
            None => Err(Refusal::doubt(Doubt::Incomplete, "the envelope has no signature")),
        }
    }
}

/// Reads an envelope's fields (DSSE 1.0.2 `envelope.md`); others are passed over, as nobody signed them.
fn read(envelope: &Value) -> Result<Untrusted, Refusal> {
    let malformed = |what: &str| Refusal::malformed(format!("the envelope {what}"));
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    let payload_type = text(envelope, "payloadType").ok_or_else(|| malformed("has no payload type"))?;
    let payload = text(envelope, "payload")
        .and_then(|text| decode(&text))
        .ok_or_else(|| malformed("has no payload in base64"))?;
    let list = envelope
        .get("signatures")
        .and_then(Value::as_array)
        .ok_or_else(|| malformed("has no list of signatures"))?;
    if list.len() > MAX_SIGNATURES {
        let reason = format!("{} signatures, and at most {MAX_SIGNATURES} are judged", list.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let signatures = list
        .iter()
        .map(|signature| {
            let bytes = text(signature, "sig").and_then(|text| decode(&text))?;
            Some((text(signature, "keyid").unwrap_or_default(), bytes))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| malformed("has a signature that is not in base64"))?;
    Ok(Untrusted {
        payload_type,
        payload,
        signatures,
    })
}

/// Either alphabet (DSSE 1.0.2 `envelope.md`).
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// What a verification summary says (SLSA `verification_summary/v1`).
fn verdict(statement: &Statement) -> Vec<(String, String)> {
    if !statement
        .predicate_type
        .starts_with("https://slsa.dev/verification_summary/")
    {
        return Vec::new();
    }
    let predicate = &statement.predicate;
    let mut claims = Vec::new();
    for (name, pointer) in [
        ("verifier", "/verifier/id"),
        ("resource", "/resourceUri"),
        ("verdict", "/verificationResult"),
        ("verified-at", "/timeVerified"),
        ("policy", "/policy/uri"),
    ] {
        if let Some(text) = predicate.pointer(pointer).and_then(Value::as_str) {
            claims.push((name.to_owned(), shown(text)));
        }
    }
    // A handful: levels of tracks, each once.
    const MAX_LEVELS: usize = 16;
    let levels = predicate.pointer("/verifiedLevels").and_then(Value::as_array);
    for level in levels.into_iter().flatten().filter_map(Value::as_str).take(MAX_LEVELS) {
        claims.push(("level".to_owned(), shown(level)));
    }
    claims
}
