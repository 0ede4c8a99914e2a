//! Hashes and signature algorithms: which are judged, which are too weak, and the one place that verifies.
//!
//! aws-lc-rs does the mathematics. One thing it refuses, RSA-PSS with a salt of another length than the hash (OpenSSL signs with
//! the longest that fits unless told otherwise), is left to the `rsa` crate; its known weakness (RUSTSEC-2023-0071) is about
//! private keys, which never come here.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{self, Context, Digest};
use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};
use der::asn1::{ObjectIdentifier, UintRef};
use der::{Any, Decode, Sequence};
use rsa::pkcs1::DecodeRsaPublicKey;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::Refusal;
use super::oid::{
    EC_PUBLIC_KEY, ED25519, MGF_1, P_256, P_384, P_521, RSA, RSA_PSS, SHA_256, SHA_384, SHA_512, WEAK, WITH_HASH,
};
use crate::model::{Doubt, Fault};

/// A hash that is strong enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(crate) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    pub(crate) fn from_oid(oid: &ObjectIdentifier) -> Result<Self, Refusal> {
        match *oid {
            SHA_256 => Ok(Self::Sha256),
            SHA_384 => Ok(Self::Sha384),
            SHA_512 => Ok(Self::Sha512),
            _ => Err(not_judged(oid, "hash")),
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }

    pub(crate) fn of(self, bytes: &[u8]) -> Digest {
        digest::digest(self.algorithm(), bytes)
    }

    pub(crate) const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// Several hashes over bytes as they pass.
pub(crate) struct Hashes(Vec<(Hash, Context)>);

impl Hashes {
    pub(crate) fn new(hashes: impl IntoIterator<Item = Hash>) -> Self {
        let contexts = hashes.into_iter().map(|hash| (hash, Context::new(hash.algorithm())));
        Self(contexts.collect())
    }

    /// Hashes all that a reader still holds.
    pub(crate) fn read<R: Read + ?Sized>(mut self, reader: &mut R) -> io::Result<Self> {
        io::copy(reader, &mut self)?;
        Ok(self)
    }

    /// One of the digests; `None` for a hash that was not asked for.
    pub(crate) fn get(&self, hash: Hash) -> Option<Digest> {
        let (_, context) = self.0.iter().find(|(own, _)| *own == hash)?;
        Some(context.clone().finish())
    }
}

impl Write for Hashes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for (_, context) in &mut self.0 {
            context.update(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a signature is made from a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 8017 §8.2.
    RsaPkcs1,
    /// RFC 8017 §8.1, the mask's hash being the same.
    RsaPss {
        /// The salt's length in bytes.
        salt: usize,
    },
    /// FIPS 186-5 §6, as DER.
    Ecdsa,
    /// The same, as two numbers side by side (RFC 7518 §3.4).
    EcdsaFixed,
    /// RFC 8032.
    Ed25519,
}

/// What is signed.
pub(crate) enum Message<'a> {
    Bytes(&'a [u8]),
    Digest(&'a Digest),
}

/// RFC 4055 §3.1.
#[derive(Sequence)]
struct PssParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

impl Scheme {
    /// Reads a signature's algorithm; `stated` is the hash that stands beside it, if the format states one. Both must agree.
    pub(crate) fn read(identifier: &AlgorithmIdentifierOwned, stated: Option<Hash>) -> Result<(Self, Hash), Refusal> {
        let (scheme, own) = match identifier.oid {
            // RFC 3370 §3.2: the key's own identifier, with the hash beside it.
            RSA => (Self::RsaPkcs1, stated),
            EC_PUBLIC_KEY => (Self::Ecdsa, stated),
            // RFC 8419 §3.1: SHA-512 over the content.
            ED25519 => (Self::Ed25519, Some(stated.unwrap_or(Hash::Sha512))),
            RSA_PSS => {
                let (salt, hash) = read_pss(identifier.parameters.as_ref())?;
                (Self::RsaPss { salt }, Some(hash))
            }
            other => {
                let Some((_, is_rsa, hash)) = WITH_HASH.iter().find(|(oid, ..)| *oid == other) else {
                    return Err(not_judged(&other, "signature algorithm"));
                };
                let scheme = if *is_rsa { Self::RsaPkcs1 } else { Self::Ecdsa };
                (scheme, Some(Hash::from_oid(hash)?))
            }
        };
        match (own, stated) {
            (Some(own), Some(stated)) if own != stated => Err(Refusal::malformed(format!(
                "its signature algorithm says {}, and its digest algorithm {}",
                own.name(),
                stated.name()
            ))),
            (Some(hash), _) => Ok((scheme, hash)),
            (None, _) => Err(Refusal::malformed("its signature algorithm states no hash")),
        }
    }
}

fn read_pss(parameters: Option<&Any>) -> Result<(usize, Hash), Refusal> {
    let broken = || Refusal::malformed("its RSA-PSS parameters are not of RFC 4055");
    let parameters: PssParameters = parameters.ok_or_else(broken)?.decode_as().map_err(|_| broken())?;
    // The defaults are SHA-1 throughout.
    let (Some(hash), Some(mask)) = (parameters.hash, parameters.mask) else {
        return Err(Refusal::wrong(
            Fault::Weak,
            "it is signed with SHA-1, which no longer proves anything",
        ));
    };
    let hash = Hash::from_oid(&hash.oid)?;
    let masked: AlgorithmIdentifierOwned = mask
        .parameters
        .as_ref()
        .filter(|_| mask.oid == MGF_1)
        .ok_or_else(broken)?
        .decode_as()
        .map_err(|_| broken())?;
    if Hash::from_oid(&masked.oid)? != hash || parameters.trailer.is_some_and(|trailer| trailer != 1) {
        return Err(Refusal::unsure(
            Doubt::UnknownAlgorithm,
            "it is signed with RSA-PSS of two different hashes, which is not judged",
        ));
    }
    Ok((usize::from(parameters.salt.unwrap_or(20)), hash))
}

/// An algorithm that is too weak, or that this program does not know.
fn not_judged(oid: &ObjectIdentifier, what: &str) -> Refusal {
    match WEAK.iter().find(|(weak, _)| weak == oid) {
        Some((_, name)) => Refusal::wrong(
            Fault::Weak,
            format!("it is signed with {name}, which no longer proves anything"),
        ),
        None => Refusal::unsure(Doubt::UnknownAlgorithm, format!("its {what} {oid} is not judged")),
    }
}

/// The smallest RSA key that is judged, in bits (NIST SP 800-131A §3: 112 bits of strength).
pub(crate) const MIN_RSA_BITS: usize = 2048;

/// The largest: what aws-lc-rs takes.
const MAX_RSA_BITS: usize = 8192;

/// RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

/// A key's kind and strength in words, such as `RSA 2048`; refused where it is too weak to prove anything.
pub(crate) fn key_name(key: &SubjectPublicKeyInfoOwned) -> Result<String, Refusal> {
    match key.algorithm.oid {
        RSA | RSA_PSS => {
            let bits = rsa_bits(key)?;
            if bits < MIN_RSA_BITS {
                return Err(Refusal::wrong(
                    Fault::Weak,
                    format!("its RSA key has {bits} bits, and fewer than {MIN_RSA_BITS} prove nothing"),
                ));
            }
            if bits > MAX_RSA_BITS {
                return Err(Refusal::unsure(
                    Doubt::UnknownAlgorithm,
                    format!("its RSA key has {bits} bits, and at most {MAX_RSA_BITS} are judged"),
                ));
            }
            Ok(format!("RSA {bits}"))
        }
        EC_PUBLIC_KEY => Ok(curve(key)?.1.to_owned()),
        ED25519 => Ok("Ed25519".to_owned()),
        other => Err(not_judged(&other, "key")),
    }
}

/// How many bits an RSA key's modulus has.
pub(crate) fn rsa_bits(key: &SubjectPublicKeyInfoOwned) -> Result<usize, Refusal> {
    let broken = || Refusal::malformed("its RSA key is not of RFC 8017");
    let key = RsaKey::from_der(key.subject_public_key.raw_bytes()).map_err(|_| broken())?;
    let (modulus, exponent) = (key.modulus.as_bytes(), key.exponent.as_bytes());
    let first = *modulus.first().ok_or_else(broken)?;
    // With the exponent 1 every message is its own signature.
    if exponent == [1] || exponent.last().is_none_or(|last| last % 2 == 0) {
        return Err(Refusal::wrong(
            Fault::Weak,
            "its RSA key has an exponent that proves nothing",
        ));
    }
    Ok(modulus.len() * 8 - first.leading_zeros() as usize)
}

fn curve(key: &SubjectPublicKeyInfoOwned) -> Result<(ObjectIdentifier, &'static str), Refusal> {
    let named = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    match named {
        Some(P_256) => Ok((P_256, "ECDSA P-256")),
        Some(P_384) => Ok((P_384, "ECDSA P-384")),
        Some(P_521) => Ok((P_521, "ECDSA P-521")),
        Some(other) => Err(not_judged(&other, "curve")),
        // RFC 5480 §2.1.1: parameters of one's own are no curve that anybody agreed on.
        None => Err(Refusal::unsure(
            Doubt::UnknownAlgorithm,
            "its key is on a curve without a name, which is not judged",
        )),
    }
}

/// Verifies a signature, and says with what: `RSA 2048 PKCS#1 v1.5 with SHA-256`.
pub(crate) fn verify_signature(
    key: &SubjectPublicKeyInfoOwned,
    scheme: Scheme,
    hash: Hash,
    message: &Message<'_>,
    signature: &[u8],
) -> Result<String, Refusal> {
    let strength = key_name(key)?;
    let mismatch = || Refusal::malformed(format!("its signature algorithm does not fit the key, {strength}"));
    let name = match scheme {
        Scheme::RsaPkcs1 => format!("{strength} PKCS#1 v1.5 with {}", hash.name()),
        Scheme::RsaPss { .. } => format!("{strength} PSS with {}", hash.name()),
        Scheme::Ecdsa | Scheme::EcdsaFixed => format!("{strength} with {}", hash.name()),
        Scheme::Ed25519 => strength.clone(),
    };
    let algorithm: &'static dyn VerificationAlgorithm = match (key.algorithm.oid, scheme, hash) {
        (RSA, Scheme::RsaPkcs1, Hash::Sha256) => &lc::RSA_PKCS1_2048_8192_SHA256,
        (RSA, Scheme::RsaPkcs1, Hash::Sha384) => &lc::RSA_PKCS1_2048_8192_SHA384,
        (RSA, Scheme::RsaPkcs1, Hash::Sha512) => &lc::RSA_PKCS1_2048_8192_SHA512,
        (RSA | RSA_PSS, Scheme::RsaPss { salt }, _) if salt != hash.length() => {
            return verify_pss(key, salt, hash, message, signature).map(|()| name);
        }
        (RSA | RSA_PSS, Scheme::RsaPss { .. }, Hash::Sha256) => &lc::RSA_PSS_2048_8192_SHA256,
        (RSA | RSA_PSS, Scheme::RsaPss { .. }, Hash::Sha384) => &lc::RSA_PSS_2048_8192_SHA384,
        (RSA | RSA_PSS, Scheme::RsaPss { .. }, Hash::Sha512) => &lc::RSA_PSS_2048_8192_SHA512,
        (EC_PUBLIC_KEY, Scheme::Ecdsa, _) => ecdsa(curve(key)?.0, hash).ok_or_else(mismatch)?,
        (EC_PUBLIC_KEY, Scheme::EcdsaFixed, _) => match (curve(key)?.0, hash) {
            (P_256, Hash::Sha256) => &lc::ECDSA_P256_SHA256_FIXED,
            (P_384, Hash::Sha384) => &lc::ECDSA_P384_SHA384_FIXED,
            (P_521, Hash::Sha512) => &lc::ECDSA_P521_SHA512_FIXED,
            _ => return Err(mismatch()),
        },
        (ED25519, Scheme::Ed25519, _) => &lc::ED25519,
        _ => return Err(mismatch()),
    };
    let key = UnparsedPublicKey::new(algorithm, key.subject_public_key.raw_bytes());
    let result = match message {
        Message::Bytes(bytes) => key.verify(bytes, signature),
        Message::Digest(digest) => key.verify_digest(digest, signature),
    };
    result.map(|()| name).map_err(|_| wrong())
}

fn wrong() -> Refusal {
    Refusal::wrong(
        Fault::SignatureWrong,
        "its signature does not verify with the key of the certificate that it names",
    )
}

fn ecdsa(curve: ObjectIdentifier, hash: Hash) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (curve, hash) {
        (P_256, Hash::Sha256) => &lc::ECDSA_P256_SHA256_ASN1,
        (P_256, Hash::Sha384) => &lc::ECDSA_P256_SHA384_ASN1,
        (P_256, Hash::Sha512) => &lc::ECDSA_P256_SHA512_ASN1,
        (P_384, Hash::Sha256) => &lc::ECDSA_P384_SHA256_ASN1,
        (P_384, Hash::Sha384) => &lc::ECDSA_P384_SHA384_ASN1,
        (P_384, Hash::Sha512) => &lc::ECDSA_P384_SHA512_ASN1,
        (P_521, Hash::Sha256) => &lc::ECDSA_P521_SHA256_ASN1,
        (P_521, Hash::Sha384) => &lc::ECDSA_P521_SHA384_ASN1,
        (P_521, Hash::Sha512) => &lc::ECDSA_P521_SHA512_ASN1,
        _ => return None,
    })
}

fn verify_pss(
    key: &SubjectPublicKeyInfoOwned,
    salt: usize,
    hash: Hash,
    message: &Message<'_>,
    signature: &[u8],
) -> Result<(), Refusal> {
    // What the crate takes; a larger key signs with the usual salt or is not judged.
    const MAX_BITS: usize = 4096;
    if rsa_bits(key)? > MAX_BITS {
        return Err(Refusal::unsure(
            Doubt::UnknownAlgorithm,
            "RSA-PSS with an unusual salt is judged up to 4096 bits only",
        ));
    }
    let key = rsa::RsaPublicKey::from_pkcs1_der(key.subject_public_key.raw_bytes())
        .map_err(|_| Refusal::malformed("its RSA key is not of RFC 8017"))?;
    let digest = match message {
        Message::Bytes(bytes) => hash.of(bytes),
        Message::Digest(digest) => **digest,
    };
    let padding = match hash {
        Hash::Sha256 => rsa::Pss::new_with_salt::<rsa::sha2::Sha256>(salt),
        Hash::Sha384 => rsa::Pss::new_with_salt::<rsa::sha2::Sha384>(salt),
        Hash::Sha512 => rsa::Pss::new_with_salt::<rsa::sha2::Sha512>(salt),
    };
    key.verify(padding, digest.as_ref(), signature).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use der::Encode as _;
    use der::asn1::BitString;

    use super::*;
    use crate::model::Outcome;

    /// A key with a modulus of so many bits, and an exponent.
    fn rsa(bits: usize, exponent: &[u8]) -> SubjectPublicKeyInfoOwned {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= (8 - bits % 8) % 8;
        let numbers = RsaKey {
            modulus: UintRef::new(&modulus).unwrap(),
            exponent: UintRef::new(exponent).unwrap(),
        };
        SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: RSA,
                parameters: Some(Any::null()),
            },
            subject_public_key: BitString::from_bytes(&numbers.to_der().unwrap()).unwrap(),
        }
    }

    #[test]
    fn an_rsa_key_is_long_enough_and_its_exponent_proves_something() {
        const USUAL: &[u8] = &[1, 0, 1];
        let named = |bits: usize, exponent: &[u8]| key_name(&rsa(bits, exponent)).map_err(|refusal| refusal.outcome());
        let weak = Err(Outcome::Contradicted(Fault::Weak));
        let unknown = Err(Outcome::Undecided(Doubt::UnknownAlgorithm));
        assert_eq!(named(2048, USUAL), Ok("RSA 2048".to_owned()));
        assert_eq!(named(2048, &[3]), Ok("RSA 2048".to_owned()));
        assert_eq!(named(8192, USUAL), Ok("RSA 8192".to_owned()));
        assert_eq!(named(2047, USUAL), weak);
        assert_eq!(named(1024, USUAL), weak);
        assert_eq!(named(8193, USUAL), unknown);
        for exponent in [&[1][..], &[0], &[2], &[1, 0, 0]] {
            assert_eq!(named(2048, exponent), weak, "{exponent:?}");
        }
        // The crate that verifies with an unusual salt takes no larger ones.
        let verified = |bits| {
            let message = Message::Bytes(b"message");
            verify_pss(&rsa(bits, USUAL), 20, Hash::Sha256, &message, &vec![1; bits / 8])
                .map_err(|refusal| refusal.outcome())
        };
        assert_eq!(verified(4096), Err(Outcome::Contradicted(Fault::SignatureWrong)));
        assert_eq!(verified(4104), Err(Outcome::Undecided(Doubt::UnknownAlgorithm)));
    }

    /// RSASSA-PSS-params (RFC 4055 §3.1) of SHA-256, MGF1 with SHA-256 and a salt of 32 bytes.
    const PSS: &str =
        "3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120";

    fn pss(text: &str) -> Result<(usize, Hash), Outcome> {
        let parameters = Any::from_der(&hex::decode(text).unwrap()).unwrap();
        read_pss(Some(&parameters)).map_err(|refusal| refusal.outcome())
    }

    #[test]
    fn parameters_of_pss_are_of_one_hash() {
        assert_eq!(pss(PSS), Ok((32, Hash::Sha256)));
        let trailing = |trailer: &str| PSS.replacen("3034", "3039", 1) + "a3030201" + trailer;
        assert_eq!(pss(&trailing("01")), Ok((32, Hash::Sha256)));
        let unknown = Err(Outcome::Undecided(Doubt::UnknownAlgorithm));
        assert_eq!(pss(&trailing("02")), unknown);
        let (front, mask) = PSS.split_at(PSS.find("a11c").unwrap());
        assert_eq!(
            pss(&format!("{front}{}", mask.replacen("0402010500", "0402020500", 1))),
            unknown
        );
        let malformed = Err(Outcome::Contradicted(Fault::Malformed));
        assert_eq!(
            pss(&format!("{front}{}", mask.replacen("0d010108", "0d010109", 1))),
            malformed
        );
        assert_eq!(read_pss(None).map_err(|refusal| refusal.outcome()), malformed);
        // What is left out is SHA-1.
        assert_eq!(pss("3000"), Err(Outcome::Contradicted(Fault::Weak)));
    }

    #[test]
    fn each_hash_is_given_by_its_name() {
        let hashes = Hashes::new([Hash::Sha512, Hash::Sha256])
            .read(&mut b"bytes".as_slice())
            .unwrap();
        for hash in [Hash::Sha256, Hash::Sha512] {
            assert_eq!(hashes.get(hash).unwrap().as_ref(), hash.of(b"bytes").as_ref());
        }
        assert!(hashes.get(Hash::Sha384).is_none());
    }

    #[test]
    fn a_large_key_is_judged_where_its_salt_is_the_usual_one() {
        let verified = |salt| {
            let message = Message::Bytes(b"message");
            let key = rsa(8192, &[1, 0, 1]);
            verify_signature(&key, Scheme::RsaPss { salt }, Hash::Sha256, &message, &[1; 1024])
                .map_err(|refusal| refusal.outcome())
        };
        assert_eq!(verified(32), Err(Outcome::Contradicted(Fault::SignatureWrong)));
        assert_eq!(verified(20), Err(Outcome::Undecided(Doubt::UnknownAlgorithm)));
    }
}
