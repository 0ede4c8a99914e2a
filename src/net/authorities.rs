//! Which certificate authorities vouch for hosts.

use super::error::ClientError;

/// Which certificate authorities count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Authorities {
    /// The platform's.
    #[default]
    Platform,
    /// These in PEM, and no others.
    Only(Vec<u8>),
    /// The platform's, and these in PEM.
    PlatformAnd(Vec<u8>),
}

impl Authorities {
    /// As the HTTPS library takes them.
    pub(super) fn certificates(&self) -> Result<ureq::tls::RootCerts, ClientError> {
        Ok(match self {
            Self::Platform => ureq::tls::RootCerts::PlatformVerifier,
            Self::Only(pem) => ureq::tls::RootCerts::from(read_certificates(pem)?),
            Self::PlatformAnd(pem) => {
                let mut certificates = read_certificates(pem)?;
                // What of the platform's cannot be read counts for nothing.
                let platform = rustls_native_certs::load_native_certs().certs;
                let platform = platform
                    .iter()
                    .map(|certificate| ureq::tls::Certificate::from_der(certificate));
                certificates.extend(platform.map(|certificate| certificate.to_owned()));
                ureq::tls::RootCerts::from(certificates)
            }
        })
    }
}

/// Whether a text holds certificates in PEM, all of which can be read.
pub fn has_certificates(pem: &[u8]) -> bool {
    read_certificates(pem).is_ok()
}

fn read_certificates(pem: &[u8]) -> Result<Vec<ureq::tls::Certificate<'static>>, ClientError> {
    let certificates: Vec<_> = ureq::tls::parse_pem(pem)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(Ok(certificate)),
            Ok(_) => None,
            Err(_) => Some(Err(ClientError::Certificates)),
        })
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() {
        return Err(ClientError::Certificates);
    }
    Ok(certificates)
}
