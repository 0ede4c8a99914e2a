//! Signed messages of CMS (RFC 5652 §5), or PKCS#7 as far as they are the same.

use aws_lc_rs::digest::Digest;
use cms::content_info::ContentInfo;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString, UtcTime};
use der::{Any, Decode, Encode, Sequence, Tag, Tagged};
use x509_cert::attr::Attributes;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;

use super::oid::{
    CONTENT_TYPE, ID_SIGNED_DATA, MESSAGE_DIGEST, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SIGNING_TIME,
};
use super::{Certificate, Hash, Message, Refusal, Scheme, check_shape, verify_signature};
use crate::model::{Doubt, Fault, Timestamp};

/// A message and the certificates that it brings.
pub(crate) struct SignedMessage {
    data: SignedData,
    certificates: Vec<Certificate>,
}

/// What a signature's digest is compared with.
pub(crate) struct Content<'a> {
    /// Its type, which the signed attributes repeat; `None` for a countersignature, which has none (RFC 5652 §11.4).
    pub(crate) kind: Option<ObjectIdentifier>,
    /// Its first byte; what could be signed attributes is never covered by a signature without attributes.
    pub(crate) first: Option<u8>,
    /// Its digest, by the hash that the signer used.
    pub(crate) digest: &'a dyn Fn(Hash) -> Result<Digest, Refusal>,
}

impl<'a> Content<'a> {
    pub(crate) fn new(
        kind: Option<ObjectIdentifier>,
        first: Option<u8>,
        digest: &'a dyn Fn(Hash) -> Result<Digest, Refusal>,
    ) -> Self {
        Self { kind, first, digest }
    }
}

/// A signature that verifies with the key of its certificate; nothing has been said about the certificate.
#[derive(Debug)]
pub(crate) struct Verified<'a> {
    pub(crate) certificate: &'a Certificate,
    pub(crate) algorithm: String,
    pub(crate) info: &'a SignerInfo,
    /// What the signer says about the time.
    pub(crate) claimed: Option<Timestamp>,
}

impl SignedMessage {
    /// Reads one, whole: no bytes may follow.
    pub(crate) fn parse(untrusted: &[u8]) -> Result<Self, Refusal> {
        check_shape(untrusted)?;
        let broken = |_| Refusal::malformed("it is no signed message of RFC 5652");
        let outer = ContentInfo::from_der(untrusted).map_err(broken)?;
        if outer.content_type != ID_SIGNED_DATA {
            return Err(Refusal::malformed("it is a message of CMS, but not a signed one"));
        }
        let data: SignedData = outer.content.decode_as().map_err(broken)?;
        let mut certificates = Vec::new();
        for choice in data.certificates.iter().flat_map(|set| set.0.iter()) {
            if let cms::cert::CertificateChoices::Certificate(certificate) = choice {
                certificates.push(Certificate::from_parsed(certificate)?);
            }
        }
        if data.signer_infos.0.is_empty() {
            return Err(Refusal::malformed("nobody signed it"));
        }
        Ok(Self { data, certificates })
    }

    pub(crate) fn content_type(&self) -> ObjectIdentifier {
        self.data.encap_content_info.econtent_type
    }

    /// The content inside, as it stands between tag and end: of an OCTET STRING its octets, of others (PKCS#7) what they hold;
    /// both are what is digested (RFC 5652 §5.4, RFC 2315 §9.3).
    pub(crate) fn content(&self) -> Option<&[u8]> {
        self.data.encap_content_info.econtent.as_ref().map(Any::value)
    }

    /// The content inside, with its tag.
    pub(crate) fn content_any(&self) -> Option<&Any> {
        self.data.encap_content_info.econtent.as_ref()
    }

    /// The content's tag.
    pub(crate) fn content_tag(&self) -> Option<Tag> {
        self.data.encap_content_info.econtent.as_ref().map(Tagged::tag)
    }

    pub(crate) fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    pub(crate) fn signers(&self) -> impl ExactSizeIterator<Item = &SignerInfo> {
        self.data.signer_infos.0.iter()
    }

    /// Verifies one signer over the content; `more` are certificates that the message may have left out.
    pub(crate) fn verify<'a>(
        &'a self,
        info: &'a SignerInfo,
        content: &Content<'_>,
        more: &'a [Certificate],
    ) -> Result<Verified<'a>, Refusal> {
        verify(info, content, self.certificates.iter().chain(more))
    }
}

/// Verifies one signer over a content (RFC 5652 §5.6).
pub(crate) fn verify<'a>(
    info: &'a SignerInfo,
    content: &Content<'_>,
    pool: impl Iterator<Item = &'a Certificate>,
) -> Result<Verified<'a>, Refusal> {
    let hash = Hash::from_oid(&info.digest_alg.oid)?;
    let (scheme, hash) = Scheme::read(&info.signature_algorithm, Some(hash))?;
    let certificate = find(info, pool)?;
    let digest = (content.digest)(hash)?;

    let attributes = match &info.signed_attrs {
        Some(attributes) => attributes,
        None => return verify_bare(info, content, certificate, scheme, hash, &digest),
    };
    // RFC 5652 §5.3 and §11: each of these once, with one value.
    for (position, attribute) in attributes.iter().enumerate() {
        if attributes.iter().take(position).any(|other| other.oid == attribute.oid) {
            return Err(Refusal::malformed(format!(
                "its signed attribute {} stands twice",
                attribute.oid
            )));
        }
    }
    let stated = attribute::<ObjectIdentifier>(attributes, CONTENT_TYPE)?;
    if stated != content.kind {
        return Err(Refusal::malformed("its signed attributes name another type of content"));
    }
    let signed = attribute::<OctetString>(attributes, MESSAGE_DIGEST)?
        .ok_or_else(|| Refusal::malformed("its signed attributes hold no digest"))?;
    // RFC 5652 §5.4: the DER of the set, not the tag that it has in the message.
    let bytes = attributes
        .to_der()
        .map_err(|_| Refusal::malformed("its signed attributes are not of RFC 5652"))?;
    let algorithm = verify_signature(
        certificate.key(),
        scheme,
        hash,
        &Message::Bytes(&bytes),
        info.signature.as_bytes(),
    )?;
    if signed.as_bytes() != digest.as_ref() {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "it signs bytes with the {} {}, and these have {}",
                hash.name(),
                hex::encode(signed.as_bytes()),
                hex::encode(digest.as_ref())
            ),
        ));
    }
    check_named_certificate(attributes, certificate)?;
    let claimed = attribute::<Any>(attributes, SIGNING_TIME)?
        .map(|time| read_time(&time))
        .transpose()?;
    Ok(Verified {
        certificate,
        algorithm,
        info,
        claimed,
    })
}

/// A signature straight over the content's digest.
fn verify_bare<'a>(
    info: &'a SignerInfo,
    content: &Content<'_>,
    certificate: &'a Certificate,
    scheme: Scheme,
    hash: Hash,
    digest: &Digest,
) -> Result<Verified<'a>, Refusal> {
    // RFC 5652 §5.3: only content of type data may go without.
    if content.kind.is_some_and(|kind| kind != super::oid::ID_DATA) {
        return Err(Refusal::malformed(
            "it lacks the signed attributes that its type of content needs",
        ));
    }
    if scheme == Scheme::Ed25519 {
        return Err(Refusal::unsure(
            Doubt::UnknownAlgorithm,
            "Ed25519 is judged with signed attributes only",
        ));
    }
    // A set of attributes that somebody signed elsewhere verifies as such a message: 0x31 opens every one.
    if content.first == Some(0x31) {
        return Err(Refusal::malformed(
            "it lacks signed attributes, and what it signs could be some itself",
        ));
    }
    let algorithm = verify_signature(
        certificate.key(),
        scheme,
        hash,
        &Message::Digest(digest),
        info.signature.as_bytes(),
    )?;
    Ok(Verified {
        certificate,
        algorithm,
        info,
        claimed: None,
    })
}

/// The signer's certificate (RFC 5652 §5.3).
fn find<'a>(info: &SignerInfo, mut pool: impl Iterator<Item = &'a Certificate>) -> Result<&'a Certificate, Refusal> {
    let found = match &info.sid {
        SignerIdentifier::IssuerAndSerialNumber(named) => pool.find(|certificate| {
            let own = &certificate.parsed().tbs_certificate;
            own.issuer == named.issuer && own.serial_number == named.serial_number
        }),
        SignerIdentifier::SubjectKeyIdentifier(named) => {
            pool.find(|certificate| matches!(certificate.key_identifier(), Ok(Some(own)) if own == *named))
        }
    };
    found.ok_or_else(|| {
        let who = match &info.sid {
            SignerIdentifier::IssuerAndSerialNumber(named) => {
                format!("number {} of {}", named.serial_number, named.issuer)
            }
            SignerIdentifier::SubjectKeyIdentifier(named) => format!("key {}", hex::encode(named.0.as_bytes())),
        };
        Refusal::unsure(
            Doubt::UnknownSigner,
            format!("the signer's certificate, {who}, is neither in the message nor pinned"),
        )
    })
}

/// An attribute that has at most one value.
pub(crate) fn attribute<T: for<'a> Decode<'a>>(
    attributes: &Attributes,
    oid: ObjectIdentifier,
) -> Result<Option<T>, Refusal> {
    let Some(found) = attributes.iter().find(|attribute| attribute.oid == oid) else {
        return Ok(None);
    };
    let broken = || Refusal::malformed(format!("its attribute {oid} is broken"));
    let mut values = found.values.iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(broken());
    };
    let bytes = value.to_der().map_err(|_| broken())?;
    T::from_der(&bytes).map(Some).map_err(|_| broken())
}

/// All values of all attributes of a type, as DER.
pub(crate) fn attributes(all: Option<&Attributes>, oid: ObjectIdentifier) -> Vec<Vec<u8>> {
    all.into_iter()
        .flat_map(|attributes| attributes.iter())
        .filter(|attribute| attribute.oid == oid)
        .flat_map(|attribute| attribute.values.iter())
        .filter_map(|value| value.to_der().ok())
        .collect()
}

/// RFC 2634 §5.4.1 and RFC 5035 §4: the certificate's hash, and optionally its issuer and number.
#[derive(Sequence)]
struct EssCertificateV2 {
    #[asn1(optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    digest: OctetString,
    #[asn1(optional = "true")]
    issuer: Option<IssuerSerial>,
}

#[derive(Sequence)]
struct EssCertificate {
    digest: OctetString,
    #[asn1(optional = "true")]
    issuer: Option<IssuerSerial>,
}

#[derive(Sequence)]
struct IssuerSerial {
    issuer: Vec<GeneralName>,
    number: SerialNumber,
}

/// The first of each list is the signer's; policies may follow.
#[derive(Sequence)]
struct List<T: for<'a> Decode<'a> + Encode> {
    certificates: Vec<T>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

/// Compares the certificate with the one that the signed attributes name, if they do (RFC 5035 §3).
fn check_named_certificate(attributes: &Attributes, certificate: &Certificate) -> Result<(), Refusal> {
    let differs = || {
        Refusal::wrong(
            Fault::IdentityDiffers,
            "its signed attributes name another certificate than the one that verifies it",
        )
    };
    let broken = || Refusal::malformed("its signed attributes name a certificate in a broken way");
    let named_as = |issuer: Option<&IssuerSerial>| {
        let own = &certificate.parsed().tbs_certificate;
        issuer.is_none_or(|named| {
            named.number == own.serial_number
                && matches!(named.issuer.as_slice(), [GeneralName::DirectoryName(name)] if *name == own.issuer)
        })
    };
    if let Some(list) = attribute::<Any>(attributes, SIGNING_CERTIFICATE_V2)? {
        let list: List<EssCertificateV2> = list.decode_as().map_err(|_| broken())?;
        let first = list.certificates.first().ok_or_else(broken)?;
        let hash = first
            .hash
            .as_ref()
            .map_or(Ok(Hash::Sha256), |hash| Hash::from_oid(&hash.oid))?;
        if hash.of(certificate.der()).as_ref() != first.digest.as_bytes() || !named_as(first.issuer.as_ref()) {
            return Err(differs());
        }
    }
    if let Some(list) = attribute::<Any>(attributes, SIGNING_CERTIFICATE)? {
        let list: List<EssCertificate> = list.decode_as().map_err(|_| broken())?;
        let first = list.certificates.first().ok_or_else(broken)?;
        // SHA-1 is all that this older attribute has; it tells certificates apart, and proves nothing here.
        let digest = {
            use sha1::Digest as _;
            sha1::Sha1::digest(certificate.der())
        };
        if digest.as_slice() != first.digest.as_bytes() || !named_as(first.issuer.as_ref()) {
            return Err(differs());
        }
    }
    Ok(())
}

/// RFC 5652 §11.3: UTCTime until 2049, GeneralizedTime after.
fn read_time(value: &Any) -> Result<Timestamp, Refusal> {
    let broken = |_| Refusal::malformed("its signing time is broken");
    let seconds = match value.tag() {
        Tag::UtcTime => value.decode_as::<UtcTime>().map_err(broken)?.to_unix_duration(),
        _ => value
            .decode_as::<der::asn1::GeneralizedTime>()
            .map_err(broken)?
            .to_unix_duration(),
    };
    Ok(Timestamp::from_seconds(
        i64::try_from(seconds.as_secs()).unwrap_or(i64::MAX),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value in DER, shorter than 128 bytes.
    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        [&[tag, u8::try_from(content.len()).unwrap()][..], &content].concat()
    }

    /// A message under a type, with signers.
    fn message(kind: ObjectIdentifier, signers: &[u8]) -> Vec<u8> {
        let data = tlv(0x30, &[&super::super::oid::ID_DATA.to_der().unwrap()]);
        let body = tlv(0x30, &[&[2, 1, 1], &tlv(0x31, &[]), &data, &tlv(0x31, &[signers])]);
        tlv(0x30, &[&kind.to_der().unwrap(), &tlv(0xa0, &[&body])])
    }

    #[test]
    fn only_signed_messages_that_somebody_signed_are_read() {
        let algorithm = tlv(0x30, &[&super::super::oid::ID_DATA.to_der().unwrap()]);
        let named = tlv(0x30, &[&tlv(0x30, &[]), &[2, 1, 1]]);
        let signer = tlv(0x30, &[&[2, 1, 1], &named, &algorithm, &algorithm, &[4, 1, 0]]);
        let refused = |bytes: &[u8]| SignedMessage::parse(bytes).err();
        let good = message(ID_SIGNED_DATA, &signer);
        assert_eq!(refused(&good), None);
        assert_eq!(
            refused(&message(super::super::oid::ID_DATA, &signer)),
            Some(Refusal::malformed("it is a message of CMS, but not a signed one"))
        );
        assert_eq!(
            refused(&message(ID_SIGNED_DATA, &[])),
            Some(Refusal::malformed("nobody signed it"))
        );
        assert!(refused(&[&good[..], &[0]].concat()).is_some());
    }
}
