//! One certificate, with the bytes that it came in.

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use super::{Refusal, check_shape};
use crate::model::{Digest, Signer, Timestamp};

/// Real certificates have at most a few kilobytes.
pub(crate) const MAX_CERTIFICATE_BYTES: usize = 64 << 10;

/// A certificate (RFC 5280 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
}

impl Certificate {
    /// Reads one.
    pub(crate) fn from_der(untrusted_der: &[u8]) -> Result<Self, Refusal> {
        if untrusted_der.len() > MAX_CERTIFICATE_BYTES {
            return Err(Refusal::malformed("a certificate is larger than any real one"));
        }
        check_shape(untrusted_der).map_err(|refusal| refusal.of("a certificate"))?;
        let parsed = x509_cert::Certificate::from_der(untrusted_der)
            .map_err(|_| Refusal::malformed("a certificate is not of RFC 5280"))?;
        Self::checked(untrusted_der.to_vec(), parsed)
    }

    /// Takes one that a message held.
    pub(crate) fn from_parsed(parsed: &x509_cert::Certificate) -> Result<Self, Refusal> {
        let der = parsed
            .to_der()
            .map_err(|_| Refusal::malformed("a certificate is not of RFC 5280"))?;
        Self::checked(der, parsed.clone())
    }

    fn checked(der: Vec<u8>, parsed: x509_cert::Certificate) -> Result<Self, Refusal> {
        // RFC 5280 §4.2: no extension twice, so that nobody reads the one and somebody else the other.
        let extensions = parsed.tbs_certificate.extensions.as_deref().unwrap_or(&[]);
        for (position, extension) in extensions.iter().enumerate() {
            if extensions[..position]
                .iter()
                .any(|other| other.extn_id == extension.extn_id)
            {
                return Err(Refusal::malformed("a certificate has an extension twice"));
            }
        }
        // RFC 5280 §4.1.1.2: both places name one algorithm.
        if parsed.signature_algorithm != parsed.tbs_certificate.signature {
            return Err(Refusal::malformed("a certificate names two signature algorithms"));
        }
        Ok(Self { der, parsed })
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn parsed(&self) -> &x509_cert::Certificate {
        &self.parsed
    }

    pub(crate) fn key(&self) -> &SubjectPublicKeyInfoOwned {
        &self.parsed.tbs_certificate.subject_public_key_info
    }

    /// SHA-256 over the DER, in hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        Digest::of(&self.der).hex()
    }

    pub(crate) fn subject(&self) -> String {
        self.parsed.tbs_certificate.subject.to_string()
    }

    pub(crate) fn issuer(&self) -> String {
        self.parsed.tbs_certificate.issuer.to_string()
    }

    /// Whether its subject is the issuer of the other.
    pub(crate) fn is_named_as_issuer_of(&self, other: &Self) -> bool {
        self.parsed.tbs_certificate.subject == other.parsed.tbs_certificate.issuer
    }

    /// As a finding shows it.
    pub(crate) fn signer(&self) -> Signer {
        self.signer_under(Vec::new())
    }

    /// The same, with the fingerprints of the certificates above it, up to the pinned one.
    pub(crate) fn signer_under(&self, chain: Vec<String>) -> Signer {
        Signer::Certificate {
            fingerprint: self.fingerprint(),
            subject: self.subject(),
            issuer: self.issuer(),
            chain,
        }
    }

    /// The first and the last second of its validity, both included (RFC 5280 §4.1.2.5).
    pub(crate) fn validity(&self) -> (Timestamp, Timestamp) {
        let seconds = |time: &x509_cert::time::Time| {
            Timestamp::from_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX))
        };
        let validity = &self.parsed.tbs_certificate.validity;
        (seconds(&validity.not_before), seconds(&validity.not_after))
    }

    /// The purposes that it is for, and whether the extension is critical; `None` where it does not say.
    pub(crate) fn purposes(&self) -> Result<Option<(bool, Vec<ObjectIdentifier>)>, Refusal> {
        Ok(self
            .extension::<ExtendedKeyUsage>()?
            .map(|(critical, usage)| (critical, usage.0)))
    }

    pub(crate) fn key_usage(&self) -> Result<Option<KeyUsage>, Refusal> {
        Ok(self.extension::<KeyUsage>()?.map(|(_, usage)| usage))
    }

    /// Whether it may sign certificates by its basic constraints (RFC 5280 §4.2.1.9).
    pub(crate) fn is_authority(&self) -> Result<bool, Refusal> {
        Ok(self
            .extension::<BasicConstraints>()?
            .is_some_and(|(_, constraints)| constraints.ca))
    }

    pub(crate) fn key_identifier(&self) -> Result<Option<SubjectKeyIdentifier>, Refusal> {
        Ok(self
            .extension::<SubjectKeyIdentifier>()?
            .map(|(_, identifier)| identifier))
    }

    fn extension<'a, T: Decode<'a> + der::oid::AssociatedOid>(&'a self) -> Result<Option<(bool, T)>, Refusal> {
        self.parsed
            .tbs_certificate
            .get::<T>()
            .map_err(|_| Refusal::malformed("a certificate has a broken extension"))
    }
}
