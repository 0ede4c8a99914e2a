//! The checks, in the order of DSSE's protocol ("Verify"): signatures, then the payload's type, then what it is about.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

use super::ID;
use crate::crypto::dsse::{MAX_SIGNATURES, pae};
use crate::evidence::public_key::{Asked, PinnedKey, signers};
use crate::evidence::reading::shown;
use crate::evidence::sigstore::refusal::{Refusal, settled};
use crate::evidence::sigstore::statement::{Digests, Says, Statement};
use crate::model::{Anchor, Doubt, Finding, Level, Timestamp};

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
        let came_to = self.examine(envelope, digests, &mut finding);
        settled(finding, came_to)
    }

    fn examine(
        &self,
        envelope: &Value,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        let untrusted = read(envelope)?;
        let asked = Asked {
            kind: ID,
            artifact: digests.artifact(),
            at: self.now,
            keys: self.keys,
            message: &pae(&untrusted.payload_type, &untrusted.payload),
            document: "the envelope",
        };
        let signatures: Vec<(&str, &[u8])> = untrusted
            .signatures
            .iter()
            .map(|(hint, signature)| (hint.as_str(), signature.as_slice()))
            .collect();
        let signers = signers(&asked, &signatures, finding)?;
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
