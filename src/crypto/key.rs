//! Public keys, their ids, and what a signer is (`bundle-spec/seal.md` §4).
//!
//! A key is checked where it is read, so no weak key ever reaches a root or a verification. Signatures are verified
//! strictly: Ed25519 by `verify_strict`, ECDSA from strict DER.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::model::{Digest, DigestError};

/// SubjectPublicKeyInfo of Ed25519 up to the 32 bytes of the key (RFC 8410 §4).
const ED25519_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// SubjectPublicKeyInfo of a P-256 key up to the 65 bytes of the uncompressed point (RFC 5480 §2).
const P256_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// SubjectPublicKeyInfo of a P-384 key up to the 97 bytes of the uncompressed point (RFC 5480 §2).
const P384_PREFIX: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00,
    0x22, 0x03, 0x62, 0x00,
];
/// An uncompressed point begins with this byte (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

const PEM_BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const PEM_END: &str = "-----END PUBLIC KEY-----";

/// The digest that names a key: SHA-256 of its SubjectPublicKeyInfo in DER, which holds algorithm and key bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(Digest);

impl KeyId {
    /// The digest.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for KeyId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// The signature algorithms. `ml-dsa-87` is reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA with P-256 and SHA-256.
    P256,
    /// ECDSA with P-384 and SHA-384.
    P384,
}

impl KeyAlgorithm {
    /// The name that people see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::P256 => "ECDSA P-256",
            Self::P384 => "ECDSA P-384",
        }
    }
}

/// A public key that passed the checks of enrolment.
#[derive(Clone)]
pub struct PublicKey {
    info: Vec<u8>,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Ed25519(ed25519_dalek::VerifyingKey),
    P256(ParsedPublicKey),
    P384(ParsedPublicKey),
}

/// A key may not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The bytes are no public key of an algorithm that sealift takes.
    #[error("not a public key of Ed25519, ECDSA P-256 or ECDSA P-384 in SubjectPublicKeyInfo")]
    UnknownAlgorithm,
    /// The key has the wrong length, or is no point of its curve.
    #[error("the key is no point of the curve of {}", .0.name())]
    NotAPoint(KeyAlgorithm),
    /// A second spelling of a point that has a canonical one.
    #[error("the key is not in its canonical encoding")]
    NotCanonical,
    /// A point of small order: one signature could fit many messages.
    #[error("the key is a point of small order")]
    SmallOrder,
    /// A point outside the prime-order group: verifiers disagree about its signatures.
    #[error("the key is outside the prime-order group")]
    MixedOrder,
    /// The text is not in standard base64.
    #[error("the key is not in base64")]
    Base64,
    /// The text is not one PEM block `PUBLIC KEY`.
    #[error("not one PEM block `PUBLIC KEY`")]
    Pem,
}

/// A signature does not fit the message and the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not fit")]
pub struct BadSignature;

/// Something that can sign, and has proven its public key.
pub trait Signer: Send + Sync {
    /// The public key.
    fn public(&self) -> &PublicKey;

    /// Signs a message. What comes out has been verified with the public key.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A signature could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The fresh signature does not verify: a fault in the signer.
    #[error("the fresh signature by {0} does not verify, so it is withheld")]
    Faulty(KeyId),
    /// The agent did not sign.
    #[error("the agent did not sign with {id}")]
    Agent {
        /// The key.
        id: KeyId,
        /// Why.
        source: super::agent_key::AgentError,
    },
}

impl PublicKey {
    /// Takes the 32 bytes of an Ed25519 key, after the checks that RFC 8032 leaves open.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        let not_a_point = KeyError::NotAPoint(KeyAlgorithm::Ed25519);
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| not_a_point.clone())?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| not_a_point)?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(KeyError::NotCanonical);
        }
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        if !point.is_torsion_free() {
            return Err(KeyError::MixedOrder);
        }
        Ok(Self {
            info: [ED25519_PREFIX, bytes].concat(),
            verifier: Verifier::Ed25519(key),
        })
    }

    /// Takes the 65 bytes of an uncompressed point of P-256.
    pub fn p256(bytes: &[u8]) -> Result<Self, KeyError> {
        let error = KeyError::NotAPoint(KeyAlgorithm::P256);
        if bytes.len() != 65 || bytes[0] != UNCOMPRESSED {
            return Err(error);
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, bytes).map_err(|_| error)?;
        Ok(Self {
            info: [P256_PREFIX, bytes].concat(),
            verifier: Verifier::P256(key),
        })
    }

    /// Takes the 97 bytes of an uncompressed point of P-384.
    pub fn p384(bytes: &[u8]) -> Result<Self, KeyError> {
        let error = KeyError::NotAPoint(KeyAlgorithm::P384);
        if bytes.len() != 97 || bytes[0] != UNCOMPRESSED {
            return Err(error);
        }
        let key = ParsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, bytes).map_err(|_| error)?;
        Ok(Self {
            info: [P384_PREFIX, bytes].concat(),
            verifier: Verifier::P384(key),
        })
    }

    /// Takes a SubjectPublicKeyInfo in DER. Only the three exact headers are known, so nothing is parsed.
    pub fn from_info(bytes: &[u8]) -> Result<Self, KeyError> {
        if let Some(key) = bytes.strip_prefix(ED25519_PREFIX) {
            Self::ed25519(key)
        } else if let Some(key) = bytes.strip_prefix(P256_PREFIX) {
            Self::p256(key)
        } else if let Some(key) = bytes.strip_prefix(P384_PREFIX) {
            Self::p384(key)
        } else {
            Err(KeyError::UnknownAlgorithm)
        }
    }

    /// Reads the SubjectPublicKeyInfo in standard base64, as root documents carry it.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        Self::from_info(&STANDARD.decode(text).map_err(|_| KeyError::Base64)?)
    }

    /// Writes the SubjectPublicKeyInfo in standard base64.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.info)
    }

    /// Reads one PEM block `PUBLIC KEY`, as `openssl pkey -pubout` writes it.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let inner = text
            .trim()
            .strip_prefix(PEM_BEGIN)
            .and_then(|rest| rest.strip_suffix(PEM_END))
            .ok_or(KeyError::Pem)?;
        let joined: String = inner.split_ascii_whitespace().collect();
        Self::from_info(&STANDARD.decode(joined).map_err(|_| KeyError::Pem)?)
    }

    /// Writes one PEM block `PUBLIC KEY`.
    pub fn to_pem(&self) -> String {
        let encoded = STANDARD.encode(&self.info);
        let mut text = format!("{PEM_BEGIN}\n");
        // RFC 7468 §2: lines of 64 characters. Base64 is ASCII, so any cut is between characters.
        for start in (0..encoded.len()).step_by(64) {
            text.push_str(&encoded[start..encoded.len().min(start + 64)]);
            text.push('\n');
        }
        text.push_str(PEM_END);
        text.push('\n');
        text
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// The key's own bytes: 32 of Ed25519, or an uncompressed point.
    pub fn bytes(&self) -> &[u8] {
        let prefix = match self.verifier {
            Verifier::Ed25519(_) => ED25519_PREFIX,
            Verifier::P256(_) => P256_PREFIX,
            Verifier::P384(_) => P384_PREFIX,
        };
        &self.info[prefix.len()..]
    }

    /// The key's computed id.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.info))
    }

    /// The algorithm.
    pub const fn algorithm(&self) -> KeyAlgorithm {
        match self.verifier {
            Verifier::Ed25519(_) => KeyAlgorithm::Ed25519,
            Verifier::P256(_) => KeyAlgorithm::P256,
            Verifier::P384(_) => KeyAlgorithm::P384,
        }
    }

    /// Verifies a signature: 64 bytes of Ed25519, or strict DER of ECDSA.
    ///
    /// The one way by which sealift verifies with its own keys.
    pub fn verify(&self, message: &[u8], untrusted_signature: &[u8]) -> Result<(), BadSignature> {
        match &self.verifier {
            Verifier::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(untrusted_signature).map_err(|_| BadSignature)?;
                key.verify_strict(message, &signature).map_err(|_| BadSignature)
            }
            Verifier::P256(key) | Verifier::P384(key) => {
                key.verify_sig(message, untrusted_signature).map_err(|_| BadSignature)
            }
        }
    }

    /// Lets a fresh signature out only if it verifies (fault attacks on signers).
    pub(crate) fn release(&self, message: &[u8], signature: Vec<u8>) -> Result<Vec<u8>, SignError> {
        self.verify(message, &signature)
            .map_err(|BadSignature| SignError::Faulty(self.id()))?;
        Ok(signature)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.info == other.info
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm().name(), self.id())
    }
}
