//! Public keys, and the signatures that they alone verify.

use std::io::Read as _;

use sigstore_verify::crypto::{self, KeyAlgorithm, SigningScheme};
use sigstore_verify::types::{DerPublicKey, HashAlgorithm, SignatureBytes, SignatureContent};

use super::super::refusal::Refusal;
use super::super::statement::{Digests, unreadable};
use super::Bundle;
use crate::model::{Digest, Doubt, Fault};

/// The largest artifact that is read whole: only where a scheme cannot verify a digest (Ed25519).
const MAX_WHOLE_BYTES: u64 = 64 << 20;

/// A public key, by its SubjectPublicKeyInfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(super) info: DerPublicKey,
    algorithm: KeyAlgorithm,
}

impl Key {
    /// Takes a SubjectPublicKeyInfo in DER.
    pub(crate) fn from_info(der: &[u8]) -> Result<Self, Refusal> {
        let info = DerPublicKey::new(der.to_vec());
        match KeyAlgorithm::from_spki(&info) {
            Ok(algorithm) => Ok(Self { info, algorithm }),
            Err(_) => Err(Refusal::doubt(
                Doubt::UnknownAlgorithm,
                "the key is of an algorithm that is not verified here",
            )),
        }
    }

    /// Takes a SubjectPublicKeyInfo in base64.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let info = DerPublicKey::from_base64(text).ok()?;
        Self::from_info(info.as_bytes()).ok()
    }

    /// Reads one PEM block `PUBLIC KEY`.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Refusal> {
        match DerPublicKey::from_pem(pem.trim()) {
            Ok(info) => Self::from_info(info.as_bytes()),
            Err(_) => Err(Refusal::malformed("the key is not one PEM block `PUBLIC KEY`")),
        }
    }

    /// The SubjectPublicKeyInfo in DER.
    pub(crate) fn info(&self) -> &[u8] {
        self.info.as_bytes()
    }

    /// SHA-256 over the SubjectPublicKeyInfo.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.info())
    }

    /// How it signs, for people.
    pub(crate) fn algorithm(&self) -> &'static str {
        scheme_name(self.algorithm.default_signing_scheme())
    }

    /// Verifies a signature over a message, with the hash that goes with the key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        crypto::verify_signature(
            &self.info,
            message,
            &SignatureBytes::new(signature.to_vec()),
            self.algorithm.default_signing_scheme(),
        )
        .map_err(|_| signature_wrong())
    }

    /// Verifies a signature over a message by SHA-256, whatever the key's size.
    pub(crate) fn verify_sha256(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let scheme = self
            .algorithm
            .resolve_signing_scheme(HashAlgorithm::Sha2256)
            .map_err(|_| unknown_algorithm())?;
        let signature = SignatureBytes::new(signature.to_vec());
        crypto::verify_signature(&self.info, message, &signature, scheme).map_err(|_| signature_wrong())
    }

    /// Verifies a bundle's signature, and nothing else.
    pub(crate) fn verify_bundle(&self, bundle: &Bundle, digests: &mut Digests<'_>) -> Result<(), Refusal> {
        match &bundle.0.content {
            SignatureContent::DsseEnvelope(envelope) => self.verify(&envelope.pae(), envelope.signature.sig.as_bytes()),
            SignatureContent::MessageSignature(message) => {
                let scheme = self.scheme_of(bundle)?;
                let hashes: &[HashAlgorithm] = match scheme.hash_algorithm() {
                    Some(HashAlgorithm::Sha2256) => {
                        return crypto::verify_signature_prehashed(
                            &self.info,
                            digests.artifact().digest.as_bytes(),
                            &message.signature,
                            scheme,
                        )
                        .map_err(|_| signature_wrong());
                    }
                    Some(HashAlgorithm::Sha2384) => &[HashAlgorithm::Sha2384],
                    Some(HashAlgorithm::Sha2512) => &[HashAlgorithm::Sha2512],
                    _ => return self.verify(&whole(digests)?, message.signature.as_bytes()),
                };
                let mut hashers = hashes
                    .iter()
                    .map(|hash| crypto::ArtifactHasher::new(*hash))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| unknown_algorithm())?;
                crypto::hash_reader(digests.content()?, &mut hashers).map_err(|_| unreadable())?;
                let digest = hashers.remove(0).finalize();
                crypto::verify_signature_prehashed(&self.info, digest.as_bytes(), &message.signature, scheme)
                    .map_err(|_| signature_wrong())
            }
            _ => Err(unknown_algorithm()),
        }
    }

    pub(super) fn scheme_of(&self, bundle: &Bundle) -> Result<SigningScheme, Refusal> {
        match bundle.hash() {
            Some((hash, _)) => self
                .algorithm
                .resolve_signing_scheme(hash)
                .map_err(|_| unknown_algorithm()),
            None => Ok(self.algorithm.default_signing_scheme()),
        }
    }
}

/// How a bundle was signed with a key, for people.
pub(crate) fn algorithm(bundle: &Bundle, key: &Key) -> &'static str {
    scheme_name(
        key.scheme_of(bundle)
            .unwrap_or_else(|_| key.algorithm.default_signing_scheme()),
    )
}

pub(super) fn whole(digests: &mut Digests<'_>) -> Result<Vec<u8>, Refusal> {
    whole_within(digests, MAX_WHOLE_BYTES)
}

fn whole_within(digests: &mut Digests<'_>, max_bytes: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    digests
        .content()?
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| unreadable())?;
    if bytes.len() as u64 > max_bytes {
        return Err(Refusal::doubt(
            Doubt::TooLarge,
            format!("this algorithm signs the whole artifact, and at most {max_bytes} bytes are read at once"),
        ));
    }
    Ok(bytes)
}

pub(super) fn signature_wrong() -> Refusal {
    Refusal::wrong(
        Fault::SignatureWrong,
        "the signature does not fit the signed bytes and the key",
    )
}

pub(super) fn unknown_algorithm() -> Refusal {
    Refusal::doubt(
        Doubt::UnknownAlgorithm,
        "the signature is of an algorithm that is not verified here",
    )
}

const fn scheme_name(scheme: SigningScheme) -> &'static str {
    match scheme {
        SigningScheme::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256",
        SigningScheme::EcdsaP256Sha384 => "ECDSA P-256 with SHA-384",
        SigningScheme::EcdsaP384Sha256 => "ECDSA P-384 with SHA-256",
        SigningScheme::EcdsaP384Sha384 => "ECDSA P-384 with SHA-384",
        SigningScheme::Ed25519 => "Ed25519",
        SigningScheme::RsaPkcs1Sha256 => "RSA PKCS #1 v1.5 with SHA-256",
        SigningScheme::RsaPkcs1Sha384 => "RSA PKCS #1 v1.5 with SHA-384",
        SigningScheme::RsaPkcs1Sha512 => "RSA PKCS #1 v1.5 with SHA-512",
        SigningScheme::RsaPssSha256 => "RSA-PSS with SHA-256",
        SigningScheme::RsaPssSha384 => "RSA-PSS with SHA-384",
        SigningScheme::RsaPssSha512 => "RSA-PSS with SHA-512",
        SigningScheme::MlDsa44 => "ML-DSA-44",
        SigningScheme::MlDsa65 => "ML-DSA-65",
        SigningScheme::MlDsa87 => "ML-DSA-87",
        _ => "another algorithm",
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, Read, Seek, SeekFrom};

    use super::*;
    use crate::model::{Artifact, Content, Outcome};

    /// A disk that fails where it is read.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::Other.into())
        }
    }

    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }

    impl Content for Broken {}

    #[test]
    fn an_artifact_is_read_whole_up_to_a_bound() {
        let artifact = Artifact::plain("files", "x", "1", "x", Digest::of(b"bytes"));
        let mut content = Cursor::new(b"bytes");
        let mut digests = Digests::new(&artifact, &mut content);
        assert_eq!(whole_within(&mut digests, 5).unwrap(), b"bytes");
        let refusal = whole_within(&mut digests, 4).unwrap_err();
        assert_eq!(refusal.outcome, Outcome::Undecided(Doubt::TooLarge));
        let refusal = whole_within(&mut Digests::new(&artifact, &mut Broken), 5).unwrap_err();
        assert_eq!(refusal.outcome, Outcome::Undecided(Doubt::Incomplete));
    }
}
