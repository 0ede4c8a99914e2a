//! Pinned certificates: PEM (RFC 7468 §5) of certificates that chains may end in, or that sign themselves.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Certificate;
use super::certificate::MAX_CERTIFICATE_BYTES;
use crate::evidence::Context;
use crate::evidence::ready::Ready;
use crate::model::{Anchor, Material, Timestamp};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Certificates in one anchor: the largest public collections have about 400.
const MAX_CERTIFICATES: usize = 1000;

/// What an anchor's text holds, for people to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// SHA-256 over the certificate's DER.
    pub fingerprint: String,
    /// Its subject.
    pub subject: String,
    /// Its issuer.
    pub issuer: String,
    /// The first second of its validity.
    pub valid_from: Timestamp,
    /// The last second of its validity.
    pub valid_until: Timestamp,
    /// Whether it may sign other certificates: then everybody whom it certifies counts.
    pub is_authority: bool,
}

/// A text holds no usable certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// No block of the right kind.
    #[error("the text holds no `{BEGIN}`")]
    Nothing,
    /// A block is broken.
    #[error("certificate {number} of the text cannot be read: {reason}")]
    Broken {
        /// Which one, from 1.
        number: usize,
        /// Why.
        reason: String,
    },
    /// There are too many.
    #[error("the text holds more than {MAX_CERTIFICATES} certificates")]
    TooMany,
}

/// Reads an anchor's text: what `trust add` shows before it pins, and refuses.
pub fn describe(pem: &str) -> Result<Vec<Described>, DescribeError> {
    let certificates = read_pem(pem)?;
    Ok(certificates
        .iter()
        .map(|certificate| {
            let (valid_from, valid_until) = certificate.validity();
            Described {
                fingerprint: certificate.fingerprint(),
                subject: certificate.subject(),
                issuer: certificate.issuer(),
                valid_from,
                valid_until,
                is_authority: certificate.is_authority().unwrap_or(false),
            }
        })
        .collect())
}

/// All certificates of a text; one that is broken makes all of it unusable.
pub(crate) fn read_pem(pem: &str) -> Result<Vec<Certificate>, DescribeError> {
    let mut certificates = Vec::new();
    let mut rest = pem;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let number = certificates.len() + 1;
        let broken = |reason: &str| DescribeError::Broken {
            number,
            reason: reason.to_owned(),
        };
        if number > MAX_CERTIFICATES {
            return Err(DescribeError::TooMany);
        }
        let (block, after) = after.split_once(END).ok_or_else(|| broken("its end is missing"))?;
        rest = after;
        if block.len() > MAX_CERTIFICATE_BYTES * 2 {
            return Err(broken("it is larger than any real one"));
        }
        let text: String = block
            .chars()
            .filter(|character| !character.is_ascii_whitespace())
            .collect();
        let der = STANDARD.decode(text).map_err(|_| broken("it is not base64"))?;
        certificates.push(Certificate::from_der(&der).map_err(|refusal| broken(&refusal.to_string()))?);
    }
    if certificates.is_empty() {
        return Err(DescribeError::Nothing);
    }
    Ok(certificates)
}

/// Pinned certificates, ready to be compared.
pub(crate) struct Pins<'a>(pub(crate) Vec<(&'a Anchor, Arc<Vec<Certificate>>)>);

/// The certificates that were read.
static CERTIFICATES: Ready<Vec<Certificate>> = Ready::new();

impl<'a> Pins<'a> {
    /// Certificates that say who signed. An anchor that cannot be read pins nothing.
    pub(crate) fn of_signers(context: &Context<'a>) -> Self {
        Self::of(context, |material| match material {
            Material::Certificates(pem) => Some(pem),
            _ => None,
        })
    }

    /// Certificates of timestamp authorities.
    pub(crate) fn of_authorities(context: &Context<'a>) -> Self {
        Self::of(context, |material| match material {
            Material::TimestampCertificates(pem) => Some(pem),
            _ => None,
        })
    }

    fn of(context: &Context<'a>, select: fn(&'a Material) -> Option<&'a String>) -> Self {
        Self(
            context
                .of_type(select)
                .filter_map(|(anchor, pem)| Some((anchor, CERTIFICATES.read(pem, read_pem).ok()?)))
                .collect(),
        )
    }

    /// All certificates, whatever their anchor.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.0.iter().flat_map(|(_, certificates)| certificates.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_not_longer_than_any_real_certificate() {
        let reason = |length: usize| match read_pem(&format!("{BEGIN}{}{END}", " ".repeat(length))) {
            Err(DescribeError::Broken { number: 1, reason }) => reason,
            other => panic!("{other:?}"),
        };
        let too_long = "it is larger than any real one";
        assert_eq!(reason(MAX_CERTIFICATE_BYTES * 2 + 1), too_long);
        assert_ne!(reason(MAX_CERTIFICATE_BYTES * 2), too_long);
    }
}
