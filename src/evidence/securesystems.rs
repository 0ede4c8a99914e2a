//! Documents in the form of securesystemslib, which TUF and in-toto share: `{signed, signatures}`, signed over canonical JSON.
//!
//! The canonical form is the one of OLPC, not RFC 8785: strings escape `\` and `"` alone, numbers are integers. What is signed is
//! computed from the value that was read, with duplicate keys refused, so that nothing else than what was signed is ever looked at.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::sigstore::parse;
use super::sigstore::refusal::Refusal;
use crate::crypto::foreign::{ForeignKey, Hash, Scheme};
use crate::crypto::key::{KeyAlgorithm, PublicKey};
use crate::model::{Digest, Doubt};

/// Each is a verification; real documents have a dozen at most.
const MAX_SIGNATURES: usize = 64;
/// The keys of a large repository, or of a large layout.
const MAX_KEYS: usize = 1024;

/// A document of which nothing is believed but what [`Document::signers`] says.
#[derive(Debug)]
pub(crate) struct Document {
    /// What is signed.
    pub(crate) signed: Value,
    message: Vec<u8>,
    signatures: Vec<(String, Vec<u8>)>,
}

/// A key as such documents list it, with the one scheme that it signs in.
#[derive(Debug, Clone)]
pub(crate) struct ListedKey {
    key: ForeignKey,
    scheme: Scheme,
}

/// Keys by the ids that a document gives them. One that cannot be used is `None`: it signs nothing, and spoils nothing.
pub(crate) type Keys = BTreeMap<String, Option<ListedKey>>;

impl Document {
    /// Reads a document.
    pub(crate) fn read(untrusted: &[u8]) -> Result<Self, Refusal> {
        let mut value = parse::text(untrusted)?;
        let object = value
            .as_object_mut()
            .ok_or_else(|| Refusal::malformed("a document is not a JSON object"))?;
        let signed = object
            .remove("signed")
            .filter(Value::is_object)
            .ok_or_else(|| Refusal::malformed("a document has nothing in `signed`"))?;
        let list = object
            .get("signatures")
            .and_then(Value::as_array)
            .ok_or_else(|| Refusal::malformed("a document has no list of signatures"))?;
        if list.len() > MAX_SIGNATURES {
            let reason = format!("{} signatures, and at most {MAX_SIGNATURES} are judged", list.len());
            return Err(Refusal::doubt(Doubt::TooLarge, reason));
        }
        let mut signatures = Vec::new();
        for signature in list {
            let text = |name: &str| signature.get(name).and_then(Value::as_str);
            let (Some(id), Some(sig)) = (text("keyid"), text("sig")) else {
                return Err(Refusal::malformed("a document has a signature without key id or value"));
            };
            // An empty one is the place of a signer who has not signed yet.
            if let Ok(bytes) = hex::decode(sig)
                && !bytes.is_empty()
            {
                signatures.push((id.to_owned(), bytes));
            }
        }
        Ok(Self {
            message: canonical(&signed)?,
            signed,
            signatures,
        })
    }

    /// The type that it states.
    pub(crate) fn kind(&self) -> &str {
        self.signed.get("_type").and_then(Value::as_str).unwrap_or_default()
    }

    /// A number in it.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.signed.get(name).and_then(Value::as_u64)
    }

    /// The ids that its signatures state.
    pub(crate) fn hints(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|(id, _)| id.as_str())
    }

    /// The keys among those with these ids that signed it, by their fingerprints: each key once, whatever ids it has.
    pub(crate) fn signers<'k>(&self, keys: &Keys, ids: impl IntoIterator<Item = &'k str>) -> BTreeSet<Digest> {
        let mut signers = BTreeSet::new();
        for id in ids.into_iter().collect::<BTreeSet<_>>() {
            let Some(Some(listed)) = keys.get(id) else { continue };
            let mut own = self.signatures.iter().filter(|(hint, _)| hint == id);
            if own.any(|(_, signature)| listed.verifies(&self.message, signature)) {
                signers.insert(listed.key.id());
            }
        }
        signers
    }

    /// The signatures with their ids, for keys that are not listed in a document.
    pub(crate) fn signatures(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.signatures
            .iter()
            .map(|(id, bytes)| (id.as_str(), bytes.as_slice()))
    }

    /// The bytes that the signatures sign.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }
}

impl ListedKey {
    /// Reads a key object (TUF specification §4.2; in-toto specification §4.2).
    fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let public = value.pointer("/keyval/public").and_then(Value::as_str)?.trim();
        let scheme = match text("scheme")? {
            "ed25519" => Scheme::Ed25519,
            "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" => Scheme::Ecdsa,
            "rsassa-pss-sha256" => Scheme::RsaPss(Hash::Sha256),
            "rsassa-pss-sha384" => Scheme::RsaPss(Hash::Sha384),
            "rsassa-pss-sha512" => Scheme::RsaPss(Hash::Sha512),
            "rsa-pkcs1v15-sha256" => Scheme::RsaPkcs1(Hash::Sha256),
            "rsa-pkcs1v15-sha384" => Scheme::RsaPkcs1(Hash::Sha384),
            "rsa-pkcs1v15-sha512" => Scheme::RsaPkcs1(Hash::Sha512),
            _ => return None,
        };
        let key = if public.starts_with("-----") {
            ForeignKey::from_pem(public).ok()?
        } else {
            // Bare bytes: those of Ed25519, and the points of Sigstore's first roots.
            let bytes = hex::decode(public).ok()?;
            match (scheme, bytes.len()) {
                (Scheme::Ed25519, _) => PublicKey::ed25519(&bytes).ok()?.into(),
                (Scheme::Ecdsa, 65) => PublicKey::p256(&bytes).ok()?.into(),
                (Scheme::Ecdsa, 97) => PublicKey::p384(&bytes).ok()?.into(),
                _ => return None,
            }
        };
        let curve = key.plain().map(PublicKey::algorithm);
        let fits = match text("scheme")? {
            "ed25519" => curve == Some(KeyAlgorithm::Ed25519),
            "ecdsa-sha2-nistp256" => curve == Some(KeyAlgorithm::P256),
            "ecdsa-sha2-nistp384" => curve == Some(KeyAlgorithm::P384),
            _ => key.is_rsa(),
        };
        fits.then_some(Self { key, scheme })
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.key.verify(self.scheme, message, signature).is_ok()
    }
}

/// Reads the keys that a document lists.
pub(crate) fn keys(value: Option<&Value>) -> Result<Keys, Refusal> {
    let object = value
        .and_then(Value::as_object)
        .ok_or_else(|| Refusal::malformed("a document lists no keys"))?;
    if object.len() > MAX_KEYS {
        let reason = format!("{} keys, and at most {MAX_KEYS} are read", object.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let keys = object.iter();
    Ok(keys.map(|(id, key)| (id.clone(), ListedKey::read(key))).collect())
}

/// A list of texts.
pub(crate) fn texts<'v>(value: &'v Value, name: &str) -> Option<Vec<&'v str>> {
    value.get(name)?.as_array()?.iter().map(Value::as_str).collect()
}

/// The ids under which securesystemslib knows a key: SHA-256 over its object, in the spellings that its
/// versions had.
pub(crate) fn usual_ids(key: &ForeignKey) -> Vec<String> {
    let pem = pem(key);
    let (kinds, scheme): (&[&str], _) = match key.plain().map(PublicKey::algorithm) {
        Some(KeyAlgorithm::P256) => (&["ecdsa", "ecdsa-sha2-nistp256"], "ecdsa-sha2-nistp256"),
        Some(KeyAlgorithm::P384) => (&["ecdsa", "ecdsa-sha2-nistp384"], "ecdsa-sha2-nistp384"),
        Some(KeyAlgorithm::Ed25519) => (&["ed25519"], "ed25519"),
        None => (&["rsa"], "rsassa-pss-sha256"),
    };
    let public = match key.plain() {
        Some(plain) if plain.algorithm() == KeyAlgorithm::Ed25519 => hex::encode(plain.bytes()),
        _ => pem,
    };
    let mut ids = Vec::new();
    for kind in kinds {
        for ending in ["", "\n"] {
            let public = format!("{public}{ending}");
            let bare = json!({"keytype": kind, "keyval": {"public": public}, "scheme": scheme});
            let mut with_hashes = bare.clone();
            with_hashes["keyid_hash_algorithms"] = json!(["sha256", "sha512"]);
            let objects = [bare, with_hashes];
            ids.extend(
                objects
                    .iter()
                    .filter_map(|object| Some(Digest::of(&canonical(object).ok()?).hex())),
            );
        }
    }
    ids
}

/// A key in PEM, without the last line break.
fn pem(key: &ForeignKey) -> String {
    let encoded = STANDARD.encode(key.info());
    // RFC 7468 §2: lines of 64 characters. Base64 is ASCII, so any cut is between characters.
    let lines = (0..encoded.len())
        .step_by(64)
        .map(|start| &encoded[start..encoded.len().min(start + 64)]);
    let lines: Vec<&str> = lines.collect();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        lines.join("\n")
    )
}

/// Writes a value in the canonical form. Depth and size were bounded when it was read.
fn canonical(value: &Value) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    put(&mut out, value)?;
    Ok(out)
}

fn put(out: &mut Vec<u8>, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Number(_) => return Err(Refusal::malformed("a signed document holds a fraction")),
        Value::String(text) => put_text(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put(out, item)?;
            }
            out.push(b']');
        }
        Value::Object(object) => {
            // Sorted by the bytes of UTF-8, which is the order of code points.
            let sorted: BTreeMap<&String, &Value> = object.iter().collect();
            out.push(b'{');
            for (index, (name, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                put_text(out, name);
                out.push(b':');
                put(out, value)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    };

    use super::*;
    use crate::crypto::file_key::FileKey;
    use crate::crypto::key::Signer as _;

    #[test]
    fn the_canonical_form_is_that_of_olpc() {
        let value = json!({"b": [1, -2, null, true], "a": "line\none \"\\ é", "": {}});
        let expected = "{\"\":{},\"a\":\"line\none \\\"\\\\ é\",\"b\":[1,-2,null,true]}";
        assert_eq!(canonical(&value).unwrap(), expected.as_bytes());
        assert!(canonical(&json!([1.5])).is_err());
    }

    #[test]
    fn a_key_counts_once_whatever_ids_it_has() {
        let key = FileKey::from_seed(&[1; 32]);
        let signed = json!({"_type": "x"});
        let signature = hex::encode(key.sign(&canonical(&signed).unwrap()).unwrap());
        let listed =
            json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": hex::encode(key.public().bytes())}});
        let listed = keys(Some(&json!({"a": listed, "b": listed, "c": {"scheme": "new"}}))).unwrap();
        let document = |signatures: Value| {
            Document::read(
                json!({"signed": signed, "signatures": signatures})
                    .to_string()
                    .as_bytes(),
            )
            .unwrap()
        };
        let by = |id: &str| json!({"keyid": id, "sig": signature});
        let count = |signatures: Value| document(signatures).signers(&listed, ["a", "b", "c", "a"]).len();
        assert_eq!(count(json!([by("a")])), 1);
        assert_eq!(count(json!([by("a"), by("a")])), 1);
        assert_eq!(count(json!([by("a"), by("b")])), 1);
        // An id that the document does not allow, one that is not listed, an empty place, something else than hex.
        assert_eq!(document(json!([by("a")])).signers(&listed, ["b"]).len(), 0);
        assert_eq!(
            count(json!([by("c"), by("d"), {"keyid": "a", "sig": ""}, {"keyid": "a", "sig": "zz"}])),
            0
        );
        // A wrong signature beside the right one takes nothing away.
        assert_eq!(count(json!([{"keyid": "a", "sig": "00"}, by("a")])), 1);
    }

    #[test]
    fn a_scheme_goes_with_its_key() {
        let key = FileKey::from_seed(&[1; 32]);
        let listed = |scheme: &str, public: &str| {
            ListedKey::read(&json!({"keytype": "x", "scheme": scheme, "keyval": {"public": public}})).is_some()
        };
        let public = hex::encode(key.public().bytes());
        assert!(listed("ed25519", &public) && listed("ed25519", &key.public().to_pem()));
        for scheme in [
            "ecdsa-sha2-nistp256",
            "ecdsa-sha2-nistp384",
            "rsassa-pss-sha256",
            "none",
            "",
        ] {
            assert!(!listed(scheme, &public), "{scheme}");
            assert!(!listed(scheme, &key.public().to_pem()), "{scheme}");
        }
        assert!(!listed("ed25519", "00") && !listed("ed25519", "zz"));
        // A curve's name goes with its points, whether they come bare or in PEM.
        let small = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let large = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
        let (small, large) = (small.public_key().as_ref(), large.public_key().as_ref());
        let pems = [
            PublicKey::p256(small).unwrap().to_pem(),
            PublicKey::p384(large).unwrap().to_pem(),
        ];
        let schemes = ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"];
        for (index, bytes) in [small, large].into_iter().enumerate() {
            for public in [&hex::encode(bytes), &pems[index]] {
                assert!(listed(schemes[index], public), "{index}");
                for scheme in [
                    schemes[1 - index],
                    "ed25519",
                    "rsassa-pss-sha256",
                    "rsa-pkcs1v15-sha512",
                ] {
                    assert!(!listed(scheme, public), "{index} {scheme}");
                }
            }
        }
    }

    #[test]
    fn bounds_and_forms_are_kept() {
        for text in [
            "[]",
            "{}",
            r#"{"signed":1,"signatures":[]}"#,
            r#"{"signed":{}}"#,
            r#"{"signed":{},"signatures":[{"keyid":"a"}]}"#,
            r#"{"signed":{"a":1,"a":2},"signatures":[]}"#,
            r#"{"signed":{"a":1.5},"signatures":[]}"#,
        ] {
            assert!(Document::read(text.as_bytes()).is_err(), "{text}");
        }
        let many = vec![json!({"keyid": "a", "sig": "00"}); 65];
        let text = json!({"signed": {}, "signatures": many}).to_string();
        assert!(Document::read(text.as_bytes()).is_err());
        let many: BTreeMap<String, u8> = (0..1025).map(|number| (number.to_string(), 0)).collect();
        assert!(keys(Some(&json!(many))).is_err());
    }
}
