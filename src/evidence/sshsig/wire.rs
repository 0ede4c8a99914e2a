//! The encodings of SSH (RFC 4251 §5) that keys and signatures use (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8332 §3, RFC 8709 §4 and §6,
//! OpenSSH's PROTOCOL.u2f and PROTOCOL.sshsig).

use sha2::{Digest as _, Sha256};

use crate::crypto::foreign::{ForeignKey, ForeignKeyError, Hash, Scheme, ecdsa_der};
use crate::crypto::key::{BadSignature, PublicKey};

const ED25519: &str = "ssh-ed25519";
const RSA: &str = "ssh-rsa";
const SK_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const SK_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";
/// The curves, with the length of a point's coordinate.
const ECDSA: [(&str, &str); 3] = [
    ("ecdsa-sha2-nistp256", "nistp256"),
    ("ecdsa-sha2-nistp384", "nistp384"),
    ("ecdsa-sha2-nistp521", "nistp521"),
];
const DSA: &str = "ssh-dss";
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// The user touched the security key (PROTOCOL.u2f).
const USER_PRESENT: u8 = 1;

/// A key of SSH.
#[derive(Debug, Clone)]
pub(crate) struct SshKey {
    type_name: String,
    key: ForeignKey,
    /// For keys on security keys: the application that they are bound to.
    application: Option<Vec<u8>>,
}

/// A signature with its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshSignature {
    pub(crate) algorithm: String,
    bytes: Vec<u8>,
    /// For security keys: flags and counter.
    security_key: Option<(u8, u32)>,
}

/// Something of SSH cannot be read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("not in the encoding of SSH")]
    Malformed,
    #[error("`{0}` is not verified")]
    Unknown(String),
    #[error("`{0}` is too weak")]
    Weak(String),
    #[error("{0}")]
    WeakKey(ForeignKeyError),
}

/// Whether a word is a key's type rather than options.
pub(crate) fn is_key_type(word: &str) -> bool {
    let plain = word.strip_suffix(CERTIFICATE).unwrap_or(word);
    [ED25519, RSA, SK_ED25519, SK_ECDSA, DSA].contains(&plain)
        || plain.starts_with("ecdsa-sha2-")
        || plain.starts_with("ssh-")
}

/// Reads a public key.
pub(crate) fn read_key(blob: &[u8]) -> Result<SshKey, WireError> {
    let mut fields = Fields(blob);
    let type_name = fields.text()?;
    let mut application = None;
    let read = match type_name.as_str() {
        ED25519 | SK_ED25519 => PublicKey::ed25519(fields.string()?)
            .map(ForeignKey::from)
            .map_err(ForeignKeyError::from),
        RSA => {
            let (exponent, modulus) = (fields.number()?, fields.number()?);
            ForeignKey::rsa(modulus, exponent)
        }
        DSA => return Err(WireError::Weak(type_name)),
        name => {
            let name = if name == SK_ECDSA { ECDSA[0].0 } else { name };
            let Some((_, curve)) = ECDSA.iter().find(|(known, _)| *known == name) else {
                return Err(WireError::Unknown(type_name.chars().take(80).collect()));
            };
            if fields.string()? != curve.as_bytes() {
                return Err(WireError::Malformed);
            }
            let point = fields.string()?;
            match *curve {
                "nistp256" => PublicKey::p256(point)
                    .map(ForeignKey::from)
                    .map_err(ForeignKeyError::from),
                "nistp384" => PublicKey::p384(point)
                    .map(ForeignKey::from)
                    .map_err(ForeignKeyError::from),
                _ => ForeignKey::p521(point),
            }
        }
    };
    if type_name == SK_ED25519 || type_name == SK_ECDSA {
        application = Some(fields.string()?.to_vec());
    }
    fields.end()?;
    match read {
        Ok(key) => Ok(SshKey {
            type_name,
            key,
            application,
        }),
        Err(error) if error.is_weak() => Err(WireError::WeakKey(error)),
        Err(_) => Err(WireError::Malformed),
    }
}

/// Reads a signature's own blob.
pub(crate) fn read_signature(blob: &[u8]) -> Result<SshSignature, WireError> {
    let mut fields = Fields(blob);
    let algorithm = fields.text()?;
    let bytes = fields.string()?.to_vec();
    let security_key = if algorithm == SK_ED25519 || algorithm == SK_ECDSA {
        Some((fields.byte()?, fields.u32()?))
    } else {
        None
    };
    fields.end()?;
    match algorithm.as_str() {
        // SHA-1 (RFC 8332 §1), and DSA.
        RSA | DSA => Err(WireError::Weak(algorithm)),
        _ => Ok(SshSignature {
            algorithm,
            bytes,
            security_key,
        }),
    }
}

impl SshKey {
    /// The type's name.
    pub(crate) fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Verifies a signature whose algorithm must be one of the key's type.
    pub(crate) fn verify(&self, message: &[u8], signature: &SshSignature) -> Result<(), BadSignature> {
        let algorithm = signature.algorithm.as_str();
        let scheme = match (self.type_name.as_str(), algorithm) {
            (RSA, "rsa-sha2-256") => Scheme::RsaPkcs1(Hash::Sha256),
            (RSA, "rsa-sha2-512") => Scheme::RsaPkcs1(Hash::Sha512),
            (own, named) if own != named => return Err(BadSignature),
            (ED25519 | SK_ED25519, _) => Scheme::Ed25519,
            _ => Scheme::Ecdsa,
        };
        let bytes = if scheme == Scheme::Ecdsa {
            // RFC 5656 §3.1.2: two numbers.
            let mut fields = Fields(&signature.bytes);
            let numbers = fields.number().and_then(|r| Ok((r, fields.number()?)));
            let (r, s) = numbers.map_err(|_| BadSignature)?;
            fields.end().map_err(|_| BadSignature)?;
            ecdsa_der(r, s)
        } else {
            signature.bytes.clone()
        };
        match (&self.application, signature.security_key) {
            (None, None) => self.key.verify(scheme, message, &bytes),
            (Some(application), Some((flags, counter))) => {
                // PROTOCOL.u2f, "SSH U2F Signatures".
                let mut signed = Sha256::digest(application).to_vec();
                signed.push(flags);
                signed.extend_from_slice(&counter.to_be_bytes());
                signed.extend_from_slice(&Sha256::digest(message));
                self.key.verify(scheme, &signed, &bytes)
            }
            _ => Err(BadSignature),
        }
    }
}

impl SshSignature {
    /// Whether it was made on a security key that nobody touched.
    pub(crate) fn is_untouched(&self) -> bool {
        self.security_key.is_some_and(|(flags, _)| flags & USER_PRESENT == 0)
    }
}

/// Writes a string.
pub(crate) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("what is signed is bounded far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Fields that follow one another.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(WireError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, WireError> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        let bytes = self.take(4)?.try_into().map_err(|_| WireError::Malformed)?;
        Ok(u32::from_be_bytes(bytes))
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.u32()?;
        self.take(usize::try_from(length).map_err(|_| WireError::Malformed)?)
    }

    pub(crate) fn text(&mut self) -> Result<String, WireError> {
        let bytes = self.string()?;
        String::from_utf8(bytes.to_vec()).map_err(|_| WireError::Malformed)
    }

    /// A positive number in its shortest form (RFC 4251 §5, mpint), without the zero that keeps it positive.
    fn number(&mut self) -> Result<&'a [u8], WireError> {
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|byte| *byte >= 0x80) => Ok(rest),
            bytes @ [first, ..] if (1..0x80).contains(first) => Ok(bytes),
            _ => Err(WireError::Malformed),
        }
    }

    pub(crate) fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(WireError::Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    };

    use super::*;
    use crate::crypto::file_key::FileKey;
    use crate::crypto::key::Signer as _;

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        parts.iter().for_each(|part| put_string(&mut out, part));
        out
    }

    fn mpint(digits: &[u8]) -> Vec<u8> {
        let zeros = digits.iter().take_while(|byte| **byte == 0).count();
        let mut bytes = digits[zeros..].to_vec();
        if bytes[0] >= 0x80 {
            bytes.insert(0, 0);
        }
        bytes
    }

    #[test]
    fn numbers_have_one_spelling() {
        for (bytes, expected) in [
            (&[0, 0x80][..], Some(&[0x80][..])),
            (&[1], Some(&[1])),
            (&[], None),
            (&[0], None),
            (&[0, 1], None),
            (&[0x80], None),
        ] {
            let field = strings(&[bytes]);
            assert_eq!(Fields(&field).number().ok(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_security_key_signs_application_flags_and_counter() {
        let own = FileKey::from_seed(&[7; 32]);
        let blob = strings(&[SK_ED25519.as_bytes(), own.public().bytes(), b"ssh:"]);
        let key = read_key(&blob).unwrap();
        let sign = |flags: u8, counter: u32| {
            let mut signed = Sha256::digest(b"ssh:").to_vec();
            signed.push(flags);
            signed.extend_from_slice(&counter.to_be_bytes());
            signed.extend_from_slice(&Sha256::digest(b"message"));
            let mut blob = strings(&[SK_ED25519.as_bytes(), &own.sign(&signed).unwrap()]);
            blob.push(flags);
            blob.extend_from_slice(&counter.to_be_bytes());
            blob
        };
        let good = read_signature(&sign(1, 9)).unwrap();
        assert!(key.verify(b"message", &good).is_ok() && !good.is_untouched());
        assert!(key.verify(b"other", &good).is_err());
        assert!(read_signature(&sign(0, 9)).unwrap().is_untouched());
        let mut counted = sign(1, 9);
        *counted.last_mut().unwrap() = 8;
        assert!(key.verify(b"message", &read_signature(&counted).unwrap()).is_err());
        // The same key as a plain one, and a plain signature by a security key, are something else.
        let plain = read_key(&strings(&[ED25519.as_bytes(), own.public().bytes()])).unwrap();
        assert!(plain.verify(b"message", &good).is_err());
        let plain_signature = read_signature(&strings(&[ED25519.as_bytes(), &own.sign(b"message").unwrap()])).unwrap();
        assert!(plain.verify(b"message", &plain_signature).is_ok());
        assert!(key.verify(b"message", &plain_signature).is_err());
    }

    #[test]
    fn ecdsa_signatures_are_two_numbers() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let name = ECDSA[0].0.as_bytes();
        let key = read_key(&strings(&[name, b"nistp256", pair.public_key().as_ref()])).unwrap();
        assert_eq!(
            read_key(&strings(&[name, b"nistp384", pair.public_key().as_ref()])).unwrap_err(),
            WireError::Malformed
        );
        let fixed = pair.sign(&SystemRandom::new(), b"message").unwrap();
        let (r, s) = fixed.as_ref().split_at(32);
        let numbers = strings(&[&mpint(r), &mpint(s)]);
        let signature = read_signature(&strings(&[name, &numbers])).unwrap();
        assert!(key.verify(b"message", &signature).is_ok());
        assert!(key.verify(b"messagf", &signature).is_err());
        let longer = [&numbers[..], &[0]].concat();
        let signature = read_signature(&strings(&[name, &longer])).unwrap();
        assert!(key.verify(b"message", &signature).is_err());
    }

    #[test]
    fn each_curve_has_its_own_points_and_hash() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let (small, name) = (ECDSA[0].0.as_bytes(), ECDSA[1].0.as_bytes());
        let point = pair.public_key().as_ref();
        let key = read_key(&strings(&[name, b"nistp384", point])).unwrap();
        let fixed = pair.sign(&SystemRandom::new(), b"message").unwrap();
        let (r, s) = fixed.as_ref().split_at(48);
        let numbers = strings(&[&mpint(r), &mpint(s)]);
        let signature = read_signature(&strings(&[name, &numbers])).unwrap();
        assert!(key.verify(b"message", &signature).is_ok());
        assert!(key.verify(b"messagf", &signature).is_err());
        // The signature's algorithm is its key's.
        let renamed = read_signature(&strings(&[small, &numbers])).unwrap();
        assert!(key.verify(b"message", &renamed).is_err());
        let compressed = [&[2][..], &point[1..49]].concat();
        for wrong in [
            strings(&[small, b"nistp256", point]),
            strings(&[name, b"nistp256", point]),
            strings(&[name, b"nistp384", &point[..65]]),
            strings(&[name, b"nistp384", &compressed]),
            strings(&[name, b"nistp384", &[point, &[0]].concat()]),
            strings(&[name, b"nistp384", point, b""]),
        ] {
            assert_eq!(read_key(&wrong).unwrap_err(), WireError::Malformed);
        }
    }

    #[test]
    fn weak_and_unknown_are_told_apart() {
        let weak_rsa = strings(&[RSA.as_bytes(), &[1, 0, 1], &mpint(&[0xff; 128])]);
        assert!(matches!(read_key(&weak_rsa), Err(WireError::WeakKey(_))));
        assert!(matches!(read_key(&strings(&[DSA.as_bytes()])), Err(WireError::Weak(_))));
        assert!(matches!(read_key(&strings(&[b"ssh-new"])), Err(WireError::Unknown(_))));
        assert!(matches!(
            read_signature(&strings(&[b"ssh-rsa", b"x"])),
            Err(WireError::Weak(_))
        ));
        let small_order = strings(&[ED25519.as_bytes(), &[&[1][..], &[0; 31]].concat()]);
        assert!(matches!(read_key(&small_order), Err(WireError::WeakKey(_))));
        for wrong in [&b""[..], &[0, 0, 0, 9], &strings(&[ED25519.as_bytes(), &[9; 31]])] {
            assert_eq!(read_key(wrong).unwrap_err(), WireError::Malformed);
        }
    }
}
