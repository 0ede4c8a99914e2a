//! DSSE envelopes (Dead Simple Signing Envelope 1.0.2), the one way to sign (`bundle-spec/seal.md` §3).
//!
//! An envelope is read before anything is verified, so its threats are met here:
//! - endless bytes: the caller reads no more than [`MAX_ENVELOPE_BYTES`], and a longer input is refused
//! - many signatures, to make verification slow: at most [`MAX_SIGNATURES`]
//! - fields that only some readers see: the schema is closed, and strict JSON has no duplicate keys
//! - a payload re-read from other bytes: the payload is decoded once, and the same bytes are verified and parsed

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};

use super::strict_json::{self, JsonError};

/// A root of 64 KiB and a manifest with thousands of volumes fit many times; what is larger is not ours.
pub const MAX_ENVELOPE_BYTES: usize = 1024 * 1024;

/// More than any threshold needs: every key of a large root, each once.
pub const MAX_SIGNATURES: usize = 64;

/// A payload with its type and the signatures over both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What kind of document the payload is, as a media type.
    pub payload_type: String,
    /// The exact bytes that are signed, and that are parsed after verification.
    pub payload: Vec<u8>,
    /// Signatures; none of them is believed before it is verified.
    pub signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Which key made it, as the signer says: a hint, not a proof.
    pub key_id: String,
    /// The signature.
    pub bytes: Vec<u8>,
}

/// An envelope cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DsseError {
    /// The envelope is larger than the limit.
    #[error("the envelope has {found} bytes, more than {MAX_ENVELOPE_BYTES}")]
    TooLarge {
        /// The length found.
        found: usize,
    },
    /// The envelope carries more signatures than the limit.
    #[error("the envelope carries {found} signatures, more than {MAX_SIGNATURES}")]
    TooManySignatures {
        /// The number found.
        found: usize,
    },
    /// The envelope is not in strict JSON or not of the envelope's schema.
    #[error("the envelope is not in strict JSON")]
    Json(#[from] JsonError),
    /// A field is not in base64.
    #[error("`{field}` is not in base64")]
    Base64 {
        /// The field's name.
        field: &'static str,
    },
}

/// The envelope as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<WireSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireSignature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Reads an envelope's JSON. Nothing in it is verified yet.
    pub fn read(bytes: &[u8]) -> Result<Self, DsseError> {
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(DsseError::TooLarge { found: bytes.len() });
        }
        let wire: Wire = strict_json::read(bytes)?;
        if wire.signatures.len() > MAX_SIGNATURES {
            return Err(DsseError::TooManySignatures {
                found: wire.signatures.len(),
            });
        }
        let signatures = wire.signatures.into_iter().map(|signature| {
            Ok(Signature {
                key_id: signature.keyid,
                bytes: decode("sig", &signature.sig)?,
            })
        });
        Ok(Self {
            payload: decode("payload", &wire.payload)?,
            payload_type: wire.payload_type,
            signatures: signatures.collect::<Result<_, DsseError>>()?,
        })
    }

    /// Writes the envelope in the one form that sealift writes: standard base64, strict JSON.
    pub fn write(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|signature| WireSignature {
            keyid: signature.key_id.clone(),
            sig: STANDARD.encode(&signature.bytes),
        });
        strict_json::write(&Wire {
            payload: STANDARD.encode(&self.payload),
            payload_type: self.payload_type.clone(),
            signatures: signatures.collect(),
        })
    }

    /// The bytes that the signatures sign.
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}

/// The pre-authentication encoding: what is signed (DSSE 1.0.2 protocol, "Signature Definition").
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

/// DSSE asks verifiers to take both alphabets; padding is required and unused bits must be zero in both.
fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, DsseError> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| DsseError::Base64 { field })
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{"payload":"aGVsbG8gd29ybGQ=","payloadType":"http://example.com/HelloWorld","signatures":[{"keyid":"k","sig":"+/8="}]}"#;

    #[test]
    fn the_protocols_own_example_is_encoded_alike() {
        let envelope = Envelope::read(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(
            envelope.pae(),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(envelope.write(), EXAMPLE.as_bytes());
    }

    #[test]
    fn lengths_are_counted_in_bytes() {
        assert_eq!(pae("é", "é".as_bytes()), "DSSEv1 2 é 2 é".as_bytes());
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn both_alphabets_are_read() {
        let standard = Envelope::read(EXAMPLE.as_bytes()).unwrap();
        let url_safe = Envelope::read(EXAMPLE.replace("+/8=", "-_8=").as_bytes()).unwrap();
        assert_eq!(standard, url_safe);
        assert_eq!(standard.signatures[0].bytes, [0xfb, 0xff]);
    }

    #[test]
    fn loose_base64_is_refused() {
        for wrong in ["+_8=", "+/8", "+/9=", "+/8=\\n", " +/8=", "+/8==", "*"] {
            let text = EXAMPLE.replace("+/8=", wrong);
            assert!(
                matches!(Envelope::read(text.as_bytes()), Err(DsseError::Base64 { field: "sig" })),
                "{wrong}"
            );
        }
        let text = EXAMPLE.replace("aGVsbG8gd29ybGQ=", "aGVsbG8gd29ybGQ");
        assert!(matches!(
            Envelope::read(text.as_bytes()),
            Err(DsseError::Base64 { field: "payload" })
        ));
    }

    #[test]
    fn the_schema_is_closed() {
        for (from, to) in [
            (r#""keyid":"k","#, r#""keyid":"k","cert":"x","#),
            (r#"{"payload":"#, r#"{"note":"x","payload":"#),
            (r#""keyid":"k","#, ""),
            (r#"{"payload":"#, r#"{"payload":"","payload":"#),
        ] {
            let text = EXAMPLE.replace(from, to);
            assert!(
                matches!(Envelope::read(text.as_bytes()), Err(DsseError::Json(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn size_and_signatures_are_bounded() {
        let mut envelope = Envelope::read(EXAMPLE.as_bytes()).unwrap();
        envelope.signatures = vec![envelope.signatures[0].clone(); MAX_SIGNATURES];
        assert!(Envelope::read(&envelope.write()).is_ok());
        envelope.signatures.push(envelope.signatures[0].clone());
        assert!(matches!(
            Envelope::read(&envelope.write()),
            Err(DsseError::TooManySignatures { found: 65 })
        ));
        envelope.signatures.clear();
        envelope.payload = vec![0; MAX_ENVELOPE_BYTES];
        assert!(matches!(
            Envelope::read(&envelope.write()),
            Err(DsseError::TooLarge { .. })
        ));
    }
}
