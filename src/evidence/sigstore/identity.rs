//! Whom a certificate names (Fulcio, `docs/certificate-specification.md` and `docs/oid-info.md`).

use std::collections::BTreeMap;

use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, Utf8StringRef};
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::time::Time;

use super::refusal::Refusal;
use crate::model::{Digest, IDENTITY_FIELDS, Identity, Signer, Timestamp};

/// The arc of Fulcio's extensions.
const ARC: &str = "1.3.6.1.4.1.57264.1";
/// The issuer as DER of a UTF8String.
const ISSUER: u32 = 8;
/// The issuer as bare bytes: what older certificates have instead.
const OLD_ISSUER: u32 = 1;
/// Fields of older certificates, as bare bytes, that say the same as a newer field.
const OLD_FIELDS: &[(u32, &str)] = &[(2, "trigger"), (3, "commit"), (6, "ref")];
/// A name of another kind: Fulcio's user names (`docs/oid-info.md`, 1.3.6.1.4.1.57264.1.7).
const USER_NAME: u32 = 7;

/// Reads a certificate.
pub(crate) fn certificate(der: &[u8]) -> Result<Certificate, Refusal> {
    Certificate::from_der(der).map_err(|error| Refusal::malformed(format!("the certificate cannot be read: {error}")))
}

/// Whom a certificate names. Where it names no identity provider, the certificate's issuer stands in its place, as in
/// `CN=intermediate,O=example`. Exactly one name, and every extension at most once: a second one would be read by others.
pub(crate) fn of(certificate: &Certificate) -> Result<Identity, Refusal> {
    let mut values: BTreeMap<u32, &[u8]> = BTreeMap::new();
    let mut seen: Vec<ObjectIdentifier> = Vec::new();
    for extension in certificate.tbs_certificate.extensions.iter().flatten() {
        if seen.contains(&extension.extn_id) {
            return Err(Refusal::malformed("the certificate has an extension twice"));
        }
        seen.push(extension.extn_id);
        if extension
            .extn_id
            .parent()
            .is_some_and(|parent| parent.to_string() == ARC)
            && let Some(arc) = extension.extn_id.arcs().last()
        {
            values.insert(arc, extension.extn_value.as_bytes());
        }
    }
    let issuer = match (values.get(&ISSUER), values.get(&OLD_ISSUER)) {
        (Some(new), old) => {
            let issuer = der_text(new)?;
            if old.is_some_and(|old| bare_text(old).is_ok_and(|old| old != issuer)) {
                return Err(Refusal::malformed("the certificate names two identity providers"));
            }
            issuer
        }
        (None, Some(old)) => bare_text(old)?,
        // A forge's own service signs its releases under the authority's word alone.
        (None, None) => certificate.tbs_certificate.issuer.to_string(),
    };
    let mut fields = BTreeMap::new();
    for (name, arc) in IDENTITY_FIELDS {
        if let Some(value) = values.get(arc) {
            fields.insert((*name).to_owned(), der_text(value)?);
        }
    }
    for (arc, name) in OLD_FIELDS {
        if let Some(value) = values.get(arc)
            && !fields.contains_key(*name)
        {
            fields.insert((*name).to_owned(), bare_text(value)?);
        }
    }
    Ok(Identity {
        issuer,
        subject: subject(certificate)?,
        fields,
    })
}

fn subject(certificate: &Certificate) -> Result<String, Refusal> {
    let names = certificate
        .tbs_certificate
        .get::<SubjectAltName>()
        .map_err(|_| Refusal::malformed("the certificate's subject alternative name cannot be read"))?
        .map(|(_, names)| names.0)
        .unwrap_or_default();
    match names.as_slice() {
        [GeneralName::Rfc822Name(name)] => Ok(name.to_string()),
        [GeneralName::UniformResourceIdentifier(name)] => Ok(name.to_string()),
        [GeneralName::OtherName(name)] if name.type_id.to_string() == format!("{ARC}.{USER_NAME}") => {
            if name.value.tag() == Tag::Utf8String {
                text(name.value.value())
            } else {
                Err(Refusal::malformed("the certificate's user name is no text"))
            }
        }
        [] => Err(Refusal::malformed("the certificate names nobody")),
        [_] => Err(Refusal::malformed(
            "the certificate's name is of a kind that is not known here",
        )),
        _ => Err(Refusal::malformed("the certificate names more than one")),
    }
}

fn der_text(der: &[u8]) -> Result<String, Refusal> {
    Utf8StringRef::from_der(der)
        .map(|text| text.as_str().to_owned())
        .map_err(|_| Refusal::malformed("an extension of the certificate is no text"))
}

/// Some issuers wrapped the old ones in DER too.
fn bare_text(bytes: &[u8]) -> Result<String, Refusal> {
    der_text(bytes).or_else(|_| text(bytes))
}

fn text(bytes: &[u8]) -> Result<String, Refusal> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Refusal::malformed("a name in the certificate is not UTF-8"))
}

/// When a certificate is valid, both ends included.
pub(crate) fn validity(certificate: &Certificate) -> (Timestamp, Timestamp) {
    let seconds =
        |time: Time| Timestamp::from_seconds(i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX));
    let validity = certificate.tbs_certificate.validity;
    (seconds(validity.not_before), seconds(validity.not_after))
}

/// Shows a certificate that names nobody whom an identity provider knows.
pub(crate) fn certificate_signer(certificate: &Certificate) -> Signer {
    let der = certificate.to_der().unwrap_or_default();
    Signer::Certificate {
        fingerprint: Digest::of(&der).to_string(),
        subject: certificate.tbs_certificate.subject.to_string(),
        issuer: certificate.tbs_certificate.issuer.to_string(),
        chain: Vec::new(),
    }
}
