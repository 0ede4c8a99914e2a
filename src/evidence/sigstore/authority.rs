//! Who issued a certificate or a timestamp, by what these name: to tell an authority that is not pinned from one that is, and whose
//! signature is wrong.

use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier};
use x509_cert::Certificate;
use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SignedCertificateTimestampList, SubjectKeyIdentifier};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use super::library::Key;
use super::refusal::Refusal;

/// A pinned certificate of an authority, by what others call it.
pub(crate) struct Authority {
    subject: Name,
    key_id: Option<Vec<u8>>,
    issuer: Name,
    serial: SerialNumber,
}

/// Whom a timestamp's token names as its signer.
pub(crate) enum TokenSigner {
    /// By its certificate's issuer and number.
    Number(Name, SerialNumber),
    /// By its key's identifier.
    KeyId(Vec<u8>),
}

impl Authority {
    /// Takes a certificate; one that cannot be read was refused with its root.
    pub(crate) fn read(der: &[u8]) -> Option<Self> {
        Certificate::from_der(der)
            .ok()
            .map(|certificate| Self::of(&certificate))
    }

    /// Takes a certificate.
    pub(crate) fn of(certificate: &Certificate) -> Self {
        let certificate = &certificate.tbs_certificate;
        let key_id = certificate
            .get::<SubjectKeyIdentifier>()
            .ok()
            .flatten()
            .map(|(_, id)| id.0.into_bytes());
        Self {
            key_id,
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            serial: certificate.serial_number.clone(),
        }
    }

    /// Whether a certificate names this authority as its issuer: by the key where both say one (RFC 5280 §4.2.1.1), for two of an
    /// instance may share a name, and by the name otherwise.
    pub(crate) fn may_have_issued(&self, certificate: &Certificate) -> bool {
        let named = certificate
            .tbs_certificate
            .get::<AuthorityKeyIdentifier>()
            .ok()
            .flatten()
            .and_then(|(_, id)| id.key_identifier)
            .map(|id| id.into_bytes());
        if self.subject != certificate.tbs_certificate.issuer {
            return false;
        }
        match (&self.key_id, named) {
            (Some(own), Some(named)) => *own == named,
            _ => true,
        }
    }

    /// Whether a timestamp names this authority.
    pub(crate) fn is(&self, signer: &TokenSigner) -> bool {
        match signer {
            TokenSigner::Number(issuer, serial) => self.issuer == *issuer && self.serial == *serial,
            TokenSigner::KeyId(id) => self.key_id.as_ref() == Some(id),
        }
    }
}

/// The log whose promise a certificate carries; `None` where that cannot be read.
pub(crate) fn certificate_log(certificate: &Certificate) -> Option<[u8; 32]> {
    let (_, list) = certificate
        .tbs_certificate
        .get::<SignedCertificateTimestampList>()
        .ok()??;
    let promise = list.parse_timestamps().ok()?.first()?.parse_timestamp().ok()?;
    Some(promise.log_id.key_id)
}

/// The key of a certificate.
pub(crate) fn key_of(certificate: &Certificate) -> Result<Key, Refusal> {
    let info = certificate
        .tbs_certificate
        .subject_public_key_info
        .to_der()
        .map_err(|_| Refusal::malformed("the certificate's key cannot be read"))?;
    Key::from_info(&info)
}

/// Whom a timestamp names as its signer (RFC 3161 §2.4.2, RFC 5652 §5.3): a response or a bare token.
pub(crate) fn token_signer(der: &[u8]) -> Option<TokenSigner> {
    let content = match ContentInfo::from_der(der) {
        Ok(content) => content,
        Err(_) => {
            // TimeStampResp ::= SEQUENCE { status PKIStatusInfo, timeStampToken TimeStampToken OPTIONAL }
            let response = AnyRef::from_der(der).ok()?;
            let mut reader = SliceReader::new(response.value()).ok()?;
            let _status: AnyRef<'_> = reader.decode().ok()?;
            reader.decode().ok()?
        }
    };
    let data: SignedData = content.content.decode_as().ok()?;
    let signer = data.signer_infos.0.iter().next()?;
    Some(match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(number) => {
            TokenSigner::Number(number.issuer.clone(), number.serial_number.clone())
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => TokenSigner::KeyId(id.0.as_bytes().to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_names_an_authority_by_all_that_it_says() {
        let name = |text: &str| -> Name { text.parse().unwrap() };
        let number = |octet: u8| SerialNumber::new(&[octet]).unwrap();
        let authority = |key_id: Option<Vec<u8>>| Authority {
            subject: name("CN=Clock"),
            key_id,
            issuer: name("CN=Clocks"),
            serial: number(7),
        };
        for (signer, is) in [
            (TokenSigner::Number(name("CN=Clocks"), number(7)), true),
            (TokenSigner::Number(name("CN=Clocks"), number(8)), false),
            (TokenSigner::Number(name("CN=Clock"), number(7)), false),
            (TokenSigner::KeyId(vec![1]), true),
            (TokenSigner::KeyId(vec![2]), false),
        ] {
            assert_eq!(authority(Some(vec![1])).is(&signer), is);
        }
        assert!(!authority(None).is(&TokenSigner::KeyId(vec![1])));
    }
}
