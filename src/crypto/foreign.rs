//! Public keys of outsiders: what publishers and registries sign with, which is more than sealift itself signs with.
//!
//! Whoever verifies a bare key's signature comes here, so that each algorithm is verified by one function: Ed25519 and ECDSA on
//! P-256 and P-384 by [`PublicKey::verify`], ECDSA on P-521 and RSA by `aws-lc-rs`. A key is checked where it is read: points that
//! are none and RSA keys outside of 2048 to 8192 bits never reach a verification.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKey as RsaKey;
use aws_lc_rs::signature::{
    ECDSA_P521_SHA512_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{BadSignature, KeyAlgorithm, KeyError, PublicKey};
use crate::model::Digest;

/// SubjectPublicKeyInfo of a P-521 key up to the 133 bytes of the uncompressed point (RFC 5480 §2).
const P521_PREFIX: &[u8] = &[
    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04,
    0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
];
/// The AlgorithmIdentifier of RSA keys: rsaEncryption with NULL (RFC 3279 §2.3.1).
const RSA_ALGORITHM: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// NIST SP 800-131A revision 2 §3: shorter keys are disallowed.
const MIN_RSA_BITS: usize = 2048;
/// The most that the library verifies; longer keys only make verification slow.
const MAX_RSA_BITS: usize = 8192;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// A public key of somebody else.
#[derive(Debug, Clone)]
pub struct ForeignKey {
    info: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Plain(PublicKey),
    P521(ParsedPublicKey),
    Rsa { bits: usize },
}

/// How a signature is made. For ECDSA the hash goes with the curve: SHA-256, SHA-384, SHA-512.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Ed25519 (RFC 8032), 64 bytes.
    Ed25519,
    /// ECDSA in DER (RFC 3279 §2.2.3).
    Ecdsa,
    /// ECDSA as r and s of the curve's length, one after the other (IEEE P1363).
    EcdsaFixed,
    /// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2).
    RsaPkcs1(Hash),
    /// RSASSA-PSS with MGF1 of the same hash and a salt as long as the digest (RFC 8017 §8.1).
    RsaPss(Hash),
}

/// A hash function of RSA signatures. SHA-1 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A foreign key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForeignKeyError {
    /// It is of no algorithm that is verified, or not in its one encoding.
    #[error("not a public key of Ed25519, ECDSA (P-256, P-384, P-521) or RSA in SubjectPublicKeyInfo")]
    UnknownAlgorithm,
    /// The text is not one PEM block `PUBLIC KEY`.
    #[error("not one PEM block `PUBLIC KEY`")]
    Pem,
    /// An RSA key has an unfit length.
    #[error("an RSA key of {bits} bits; 2048 to 8192 are taken")]
    RsaLength {
        /// The modulus's length.
        bits: usize,
    },
    /// The key is not one of its algorithm.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ForeignKeyError {
    /// Whether the key could be read and is too weak to prove anything.
    pub const fn is_weak(&self) -> bool {
        matches!(
            self,
            Self::RsaLength { .. } | Self::Key(KeyError::SmallOrder | KeyError::MixedOrder)
        )
    }
}

impl ForeignKey {
    /// Takes a SubjectPublicKeyInfo in DER.
    pub fn from_info(bytes: &[u8]) -> Result<Self, ForeignKeyError> {
        match PublicKey::from_info(bytes) {
            Ok(key) => return Ok(key.into()),
            Err(KeyError::UnknownAlgorithm) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(point) = bytes.strip_prefix(P521_PREFIX) {
            return Self::p521(point);
        }
        let bits = rsa_bits(bytes).ok_or(ForeignKeyError::UnknownAlgorithm)?;
        check_rsa_bits(bits)?;
        // The library's own spelling of the key must be the given one: it reads more than one.
        let again = RsaKey::from_der(bytes).ok().and_then(|key| key.as_der().ok());
        match again {
            Some(again) if again.as_ref() == bytes => Ok(Self {
                info: bytes.to_vec(),
                kind: Kind::Rsa { bits },
            }),
            _ => Err(ForeignKeyError::UnknownAlgorithm),
        }
    }

    /// Reads one PEM block `PUBLIC KEY` (RFC 7468 §13), with nothing around it but white space.
    pub fn from_pem(text: &str) -> Result<Self, ForeignKeyError> {
        let inner = text
            .trim()
            .strip_prefix("-----BEGIN PUBLIC KEY-----")
            .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"))
            .ok_or(ForeignKeyError::Pem)?;
        let joined: String = inner.split_ascii_whitespace().collect();
        Self::from_info(&STANDARD.decode(joined).map_err(|_| ForeignKeyError::Pem)?)
    }

    /// Takes the 133 bytes of an uncompressed point of P-521.
    pub fn p521(point: &[u8]) -> Result<Self, ForeignKeyError> {
        if point.len() != 133 || point[0] != 4 {
            return Err(ForeignKeyError::UnknownAlgorithm);
        }
        let key =
            ParsedPublicKey::new(&ECDSA_P521_SHA512_ASN1, point).map_err(|_| ForeignKeyError::UnknownAlgorithm)?;
        Ok(Self {
            info: [P521_PREFIX, point].concat(),
            kind: Kind::P521(key),
        })
    }

    /// Takes an RSA key's modulus and exponent, big-endian without leading zeros.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, ForeignKeyError> {
        let components = RsaPublicKeyComponents {
            n: modulus,
            e: exponent,
        };
        let info: PublicKeyX509Der<'_> = components.as_der().map_err(|_| ForeignKeyError::UnknownAlgorithm)?;
        Self::from_info(info.as_ref())
    }

    /// The SubjectPublicKeyInfo in DER.
    pub fn info(&self) -> &[u8] {
        &self.info
    }

    /// SHA-256 of the SubjectPublicKeyInfo: the name under which findings show the key.
    pub fn id(&self) -> Digest {
        Digest::of(&self.info)
    }

    /// The algorithm, for people.
    pub fn algorithm(&self) -> String {
        match &self.kind {
            Kind::Plain(key) => key.algorithm().name().to_owned(),
            Kind::P521(_) => "ECDSA P-521".to_owned(),
            Kind::Rsa { bits } => format!("RSA {bits}"),
        }
    }

    /// The key as one of those that sealift itself signs with.
    pub const fn plain(&self) -> Option<&PublicKey> {
        match &self.kind {
            Kind::Plain(key) => Some(key),
            _ => None,
        }
    }

    /// Whether it is an RSA key.
    pub const fn is_rsa(&self) -> bool {
        matches!(self.kind, Kind::Rsa { .. })
    }

    /// Verifies a signature made in a scheme. A scheme of another algorithm than the key's never fits.
    pub fn verify(&self, scheme: Scheme, message: &[u8], untrusted_signature: &[u8]) -> Result<(), BadSignature> {
        match (&self.kind, scheme) {
            (Kind::Plain(key), Scheme::Ed25519) if key.algorithm() == KeyAlgorithm::Ed25519 => {
                key.verify(message, untrusted_signature)
            }
            (Kind::Plain(key), Scheme::Ecdsa) if key.algorithm() != KeyAlgorithm::Ed25519 => {
                key.verify(message, untrusted_signature)
            }
            (Kind::P521(key), Scheme::Ecdsa) => key.verify_sig(message, untrusted_signature).map_err(|_| BadSignature),
            (Kind::Plain(_) | Kind::P521(_), Scheme::EcdsaFixed) => {
                let length = self.coordinate_bytes().ok_or(BadSignature)?;
                if untrusted_signature.len() != 2 * length {
                    return Err(BadSignature);
                }
                let (r, s) = untrusted_signature.split_at(length);
                self.verify(Scheme::Ecdsa, message, &ecdsa_der(r, s))
            }
            (Kind::Rsa { .. }, Scheme::RsaPkcs1(hash)) => {
                let parameters = match hash {
                    Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                    Hash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                    Hash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
                };
                self.verify_rsa(parameters, message, untrusted_signature)
            }
            (Kind::Rsa { .. }, Scheme::RsaPss(hash)) => {
                let parameters = match hash {
                    Hash::Sha256 => &RSA_PSS_2048_8192_SHA256,
                    Hash::Sha384 => &RSA_PSS_2048_8192_SHA384,
                    Hash::Sha512 => &RSA_PSS_2048_8192_SHA512,
                };
                self.verify_rsa(parameters, message, untrusted_signature)
            }
            _ => Err(BadSignature),
        }
    }

    fn verify_rsa(
        &self,
        parameters: &'static RsaParameters,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        let key = ParsedPublicKey::new(parameters, &self.info).map_err(|_| BadSignature)?;
        key.verify_sig(message, signature).map_err(|_| BadSignature)
    }

    /// The length of r and of s, for keys of ECDSA.
    fn coordinate_bytes(&self) -> Option<usize> {
        match &self.kind {
            Kind::Plain(key) => match key.algorithm() {
                KeyAlgorithm::P256 => Some(32),
                KeyAlgorithm::P384 => Some(48),
                KeyAlgorithm::Ed25519 => None,
            },
            Kind::P521(_) => Some(66),
            Kind::Rsa { .. } => None,
        }
    }
}

impl From<PublicKey> for ForeignKey {
    fn from(key: PublicKey) -> Self {
        Self {
            info: key.info().to_vec(),
            kind: Kind::Plain(key),
        }
    }
}

impl PartialEq for ForeignKey {
    fn eq(&self, other: &Self) -> bool {
        self.info == other.info
    }
}

impl Eq for ForeignKey {}

/// Writes an ECDSA signature of two big-endian numbers in DER.
pub fn ecdsa_der(r: &[u8], s: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for number in [r, s] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = &number[zeros..];
        let mut integer = Vec::with_capacity(digits.len() + 1);
        if digits.first().is_none_or(|byte| *byte >= 0x80) {
            integer.push(0);
        }
        integer.extend_from_slice(digits);
        put_der(&mut body, INTEGER, &integer);
    }
    let mut der = Vec::new();
    put_der(&mut der, SEQUENCE, &body);
    der
}

/// Whether bytes are an ECDSA signature in DER, two positive numbers in their one spelling and nothing else (X.690 §8.3, §10.1), of a curve of at most 521 bits.
pub fn is_ecdsa_der(untrusted: &[u8]) -> bool {
    /// Two numbers of 67 bytes with their lengths.
    const MAX_BYTES: usize = 141;
    fn take(untrusted: &[u8]) -> Option<(&[u8], &[u8])> {
        let (&[_, first], rest) = untrusted.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
            _ => return None,
        };
        rest.split_at_checked(length)
    }
    let numbers = || {
        let (body, _) = take(untrusted)?;
        let (r, rest) = take(body)?;
        let (s, _) = take(rest)?;
        let is_nought = |number: &[u8]| number.iter().all(|byte| *byte == 0);
        (!is_nought(r) && !is_nought(s)).then_some((r, s))
    };
    // Written anew it is the same: each tag, length and positive number has one spelling, and nothing follows.
    untrusted.len() <= MAX_BYTES && numbers().is_some_and(|(r, s)| ecdsa_der(r, s) == untrusted)
}

fn put_der(out: &mut Vec<u8>, tag: u8, content: &[u8]) {
    out.push(tag);
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count();
    match content.len() {
        short @ 0..=0x7f => out.push(short as u8),
        _ => {
            out.push(0x80 | (length.len() - zeros) as u8);
            out.extend_from_slice(&length[zeros..]);
        }
    }
    out.extend_from_slice(content);
}

fn check_rsa_bits(bits: usize) -> Result<(), ForeignKeyError> {
    if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        Ok(())
    } else {
        Err(ForeignKeyError::RsaLength { bits })
    }
}

/// The length in bits of a big-endian number.
fn bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    match number.get(zeros) {
        None => 0,
        Some(first) => (number.len() - zeros) * 8 - first.leading_zeros() as usize,
    }
}

/// The modulus's length in an RSA key's SubjectPublicKeyInfo; the library says only that a key is too short.
fn rsa_bits(info: &[u8]) -> Option<usize> {
    let body = whole_der(SEQUENCE, info)?;
    let key = whole_der(BIT_STRING, body.strip_prefix(RSA_ALGORITHM)?)?;
    let numbers = whole_der(SEQUENCE, key.strip_prefix(&[0])?)?;
    let (modulus, _) = take_der(INTEGER, numbers)?;
    Some(bits(modulus))
}

fn whole_der(tag: u8, bytes: &[u8]) -> Option<&[u8]> {
    let (content, rest) = take_der(tag, bytes)?;
    rest.is_empty().then_some(content)
}

fn take_der(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Two bytes of length are enough for any key that is taken.
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (
            usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])),
            rest.get(2..)?,
        ),
        _ => return None,
    };
    if found != tag || rest.len() < length {
        return None;
    }
    Some(rest.split_at(length))
}

#[cfg(test)]
mod tests;
