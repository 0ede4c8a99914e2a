//! Bare public keys as anchors, and who of their owners made a signature that may name its key.
//!
//! The material is PEM, before which one line `Key-ID: …` may say by which name signatures call the key; then those that call
//! themselves otherwise are not its owner's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::pinned::{Made, made_by};
use super::reading::shown;
use super::securesystems::usual_ids;
use super::sigstore::refusal::Refusal;
use crate::crypto::foreign::{ForeignKey, ForeignKeyError, Hash, Scheme};
use crate::crypto::key::KeyAlgorithm;
use crate::model::{Anchor, Artifact, Doubt, Fault, Finding, Signer, Timestamp};

const KEY_ID: &str = "Key-ID:";

/// A pinned key.
#[derive(Debug)]
pub(crate) struct PinnedKey {
    /// The key.
    pub(crate) key: ForeignKey,
    /// The name by which signatures have to call it.
    key_id: Option<String>,
    /// The names by which a common library calls it.
    usual_ids: Vec<String>,
}

/// Reads the material of an anchor.
pub(crate) fn read(text: &str) -> Result<PinnedKey, ForeignKeyError> {
    let text = text.trim();
    let (key_id, pem) = match text.strip_prefix(KEY_ID) {
        Some(rest) => {
            let (key_id, pem) = rest.split_once('\n').ok_or(ForeignKeyError::Pem)?;
            (Some(key_id.trim().to_owned()), pem)
        }
        None => (None, text),
    };
    if key_id.as_ref().is_some_and(String::is_empty) {
        return Err(ForeignKeyError::Pem);
    }
    let key = ForeignKey::from_pem(pem)?;
    Ok(PinnedKey {
        usual_ids: usual_ids(&key),
        key,
        key_id,
    })
}

impl PinnedKey {
    /// Whether a signature with this hint may be this key's.
    pub(crate) fn may_be(&self, hint: &str) -> bool {
        self.key_id.as_ref().is_none_or(|key_id| key_id == hint)
    }

    /// Whether a hint means this key and no other: by the anchor's name for it, or by its fingerprint in the usual spellings.
    pub(crate) fn is_named(&self, hint: &str) -> bool {
        if let Some(key_id) = &self.key_id {
            return key_id == hint;
        }
        let id = self.key.id();
        hint == id.hex()
            || self.usual_ids.iter().any(|usual| usual == hint)
            || hint.strip_prefix("SHA256:").unwrap_or(hint).trim_end_matches('=')
                == STANDARD_NO_PAD.encode(id.as_bytes())
    }

    /// Verifies a signature of a format that does not say its scheme, in each that goes with the key, and names the one that fits.
    /// For ECDSA these are DER and the fixed form, for RSA both paddings with SHA-256: a signature in one is never one in another.
    pub(crate) fn scheme_of(&self, message: &[u8], signature: &[u8]) -> Option<Scheme> {
        let schemes: &[Scheme] = match self.key.plain().map(|key| key.algorithm()) {
            Some(KeyAlgorithm::Ed25519) => &[Scheme::Ed25519],
            None if self.key.is_rsa() => &[Scheme::RsaPkcs1(Hash::Sha256), Scheme::RsaPss(Hash::Sha256)],
            _ => &[Scheme::Ecdsa, Scheme::EcdsaFixed],
        };
        let mut schemes = schemes.iter().copied();
        schemes.find(|scheme| self.key.verify(*scheme, message, signature).is_ok())
    }
}

/// Finds whose signature it is: as [`made_by`], but where a signature fits no key, only one that means a pinned key is wrong.
pub(crate) fn signed_by<'a>(
    kind: &str,
    artifact: &Artifact,
    at: Timestamp,
    keys: &'a [(&'a Anchor, PinnedKey)],
    hint: &str,
    verifies: impl Fn(&PinnedKey) -> bool,
) -> Made<'a, &'a PinnedKey> {
    let possible = || {
        keys.iter()
            .filter(|(_, key)| key.may_be(hint))
            .map(|(anchor, key)| (*anchor, key))
    };
    match made_by(kind, artifact, at, possible(), |key| verifies(key)) {
        Made::Wrong(_) => {
            let named = possible().filter(|(_, key)| key.is_named(hint));
            made_by(kind, artifact, at, named, |_| false)
        }
        made => made,
    }
}

/// Something that pinned keys may have signed, and by whom it is asked for.
pub(crate) struct Asked<'a, 'k> {
    pub(crate) kind: &'static str,
    pub(crate) artifact: &'a Artifact,
    pub(crate) at: Timestamp,
    pub(crate) keys: &'k [(&'k Anchor, PinnedKey)],
    /// The bytes that are signed.
    pub(crate) message: &'a [u8],
    /// What bears the signatures, in a reason: `the envelope`.
    pub(crate) document: &'static str,
}

/// The anchors whose keys made some of the signatures, each once; the finding names them. Where there is none, the refusal that says most.
pub(crate) fn signers<'k>(
    asked: &Asked<'_, 'k>,
    signatures: &[(&str, &[u8])],
    finding: &mut Finding,
) -> Result<Vec<&'k Anchor>, Refusal> {
    let mut signers: Vec<&Anchor> = Vec::new();
    let mut best: Option<Refusal> = None;
    for (hint, signature) in signatures {
        let made = signed_by(asked.kind, asked.artifact, asked.at, asked.keys, hint, |key| {
            key.scheme_of(asked.message, signature).is_some()
        });
        let refusal = match made {
            Made::By(anchor, key) => {
                if !signers.iter().any(|known| known.name == anchor.name) {
                    finding.algorithm = Some(algorithm(&key.key));
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
                    "{}'s signature does not fit the key in anchor `{}` that it names",
                    asked.document, anchor.name
                ),
            ),
            Made::Unknown if asked.keys.is_empty() => Refusal::doubt(Doubt::NoAnchor, "no public key is pinned"),
            Made::Unknown => Refusal::doubt(
                Doubt::UnknownSigner,
                format!(
                    "{} is signed by a key (`{}`) that nobody pinned for it",
                    asked.document,
                    shown(hint)
                ),
            ),
        };
        if best.as_ref().is_none_or(|best| best.weight() < refusal.weight()) {
            best = Some(refusal);
        }
    }
    if !signers.is_empty() {
        return Ok(signers);
    }
    finding.signers = signatures
        .iter()
        .map(|(hint, _)| Signer::key(shown(hint), None))
        .collect();
    let none = || Refusal::doubt(Doubt::Incomplete, format!("{} has no signature", asked.document));
    Err(best.unwrap_or_else(none))
}

/// The words for an algorithm in findings.
pub(crate) fn algorithm(key: &ForeignKey) -> String {
    match key.plain().map(|key| key.algorithm()) {
        Some(KeyAlgorithm::Ed25519) => "Ed25519".to_owned(),
        Some(KeyAlgorithm::P384) => format!("{} with SHA-384", key.algorithm()),
        None if !key.is_rsa() => format!("{} with SHA-512", key.algorithm()),
        _ => format!("{} with SHA-256", key.algorithm()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;
    use crate::crypto::key::Signer as _;

    #[test]
    fn a_key_id_stands_before_the_key() {
        let pem = FileKey::from_seed(&[1; 32]).public().to_pem();
        let bare = read(&pem).unwrap();
        let hex = bare.key.id().hex();
        assert!(bare.may_be("anything") && bare.is_named(&hex) && !bare.is_named("anything") && !bare.is_named(""));
        let encoded = STANDARD_NO_PAD.encode(bare.key.id().as_bytes());
        assert!(bare.is_named(&format!("SHA256:{encoded}")) && bare.is_named(&format!("{encoded}=")));
        let named = read(&format!("Key-ID: kms://1\n{pem}")).unwrap();
        assert!(named.may_be("kms://1") && named.is_named("kms://1") && !named.may_be(&hex) && !named.may_be(""));
        for wrong in [
            String::new(),
            "Key-ID: x".to_owned(),
            format!("Key-ID:\n{pem}"),
            format!("x\n{pem}"),
            format!("{pem}{pem}"),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
    }
}
