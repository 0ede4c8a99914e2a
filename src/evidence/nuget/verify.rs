//! The checks, in the order of "Package Signatures Technical Details".

use cms::signed_data::SignerInfo;
use der::asn1::{Ia5String, ObjectIdentifier};
use der::{Any, Decode, Sequence};
use x509_cert::attr::Attributes;

use super::{ID, content, parse};
use crate::evidence::Context;
use crate::evidence::x509::{
    COUNTERSIGNATURE, Case, Content as Signed, EKU_CODE_SIGNING, EKU_LIFETIME_SIGNING, Hash, ID_DATA, Purpose, Refusal,
    SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SignedMessage, TIMESTAMP_TOKEN, Verified, attribute, attributes,
    conclude, prove_time, verify_signer,
};
use crate::model::{Artifact, Content, Doubt, Fault, Finding, Level};

/// "Author signing certificates", "Repository signing certificates".
const PURPOSE: Purpose = Purpose {
    name: "code signing",
    any_of: &[EKU_CODE_SIGNING],
    none_of: &[EKU_LIFETIME_SIGNING],
    may_be_unstated: false,
};

/// RFC 5126 §5.11.1.
const COMMITMENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.16");
const PROOF_OF_ORIGIN: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.6.1");
const PROOF_OF_RECEIPT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.6.2");

const SERVICE_INDEX: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.84.2.1.1.1");
const OWNERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.84.2.1.1.2");

/// Owners shown in a finding.
const MAX_OWNERS: usize = 16;

#[derive(Sequence)]
struct Commitment {
    kind: ObjectIdentifier,
    #[asn1(optional = "true")]
    qualifiers: Option<Any>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Author,
    Repository,
}

impl Role {
    const fn level(self) -> Level {
        match self {
            Self::Author => Level::Publisher,
            Self::Repository => Level::Registry,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Author => "author's signature",
            Self::Repository => "repository's signature",
        }
    }
}

pub(super) fn judge(
    artifact: &Artifact,
    content: &mut dyn Content,
    context: &Context<'_>,
) -> Result<Vec<Finding>, Refusal> {
    let parts = content::read(content)?;
    let message = SignedMessage::parse(&parts.signature)?;
    // "Signature File": one primary signature over content of type data.
    let mut signers = message.signers();
    let (Some(primary), None) = (signers.next(), signers.next()) else {
        return Err(Refusal::malformed("the package has not one primary signature"));
    };
    let signed = message
        .content()
        .filter(|_| message.content_type() == ID_DATA)
        .ok_or_else(|| Refusal::malformed("the package's signature holds no content"))?;
    for (hash, stated) in parse::read_hashes(signed)? {
        let own = parts.hashes.get(hash);
        if own.is_none_or(|own| own.as_ref() != stated) {
            return Err(Refusal::wrong(
                Fault::SubjectDiffers,
                format!(
                    "the signature is about a package with the {} {}, and this is another one",
                    hash.name(),
                    hex::encode(stated)
                ),
            ));
        }
    }

    let case = Case::new(ID, artifact, context);
    let pinned = case.pinned();
    let digest = |hash: Hash| Ok(hash.of(signed));
    let verified = message.verify(
        primary,
        &Signed::new(Some(ID_DATA), signed.first().copied(), &digest),
        &pinned,
    )?;
    let role = role(&verified)?;
    let mut findings = vec![judge_signer(&case, &verified, role, &message, context)];
    if role == Role::Author {
        findings.extend(judge_countersignatures(&case, primary, &message, context));
    }
    Ok(findings)
}

fn judge_signer(
    case: &Case<'_>,
    verified: &Verified<'_>,
    role: Role,
    message: &SignedMessage,
    context: &Context<'_>,
) -> Finding {
    let info = verified.info;
    let stamp = prove_time(
        ID,
        &attributes(info.unsigned_attrs.as_ref(), TIMESTAMP_TOKEN),
        info.signature.as_bytes(),
        &case.authorities,
        case.artifact,
        context.now,
    );
    let mut finding = conclude(
        case,
        verified,
        message.certificates(),
        &PURPOSE,
        stamp,
        Some(role.level()),
    );
    finding.reason = format!("{}: {}", role.name(), finding.reason);
    if role == Role::Repository {
        match repository_claims(info.signed_attrs.as_ref()) {
            Ok(claims) => finding.claims = claims,
            Err(refusal) => return refusal.into_finding(ID).by(verified.certificate.signer()),
        }
    }
    finding
}

/// The repository's signatures on the author's ("Repository countersignature"); other countersignatures mean nothing here.
fn judge_countersignatures(
    case: &Case<'_>,
    primary: &SignerInfo,
    message: &SignedMessage,
    context: &Context<'_>,
) -> Vec<Finding> {
    let value = primary.signature.as_bytes();
    let digest = |hash: Hash| Ok(hash.of(value));
    // Its shape was checked with that of the message within which it stands.
    let judge_one = |der: &[u8]| -> Result<Option<Finding>, Refusal> {
        let info = SignerInfo::from_der(der).map_err(|_| Refusal::malformed("it is not of RFC 5652"))?;
        let says_which = |attributes: &Attributes| attributes.iter().any(|attribute| attribute.oid == COMMITMENT);
        if !info.signed_attrs.as_ref().is_some_and(says_which) {
            return Ok(None);
        }
        let verified = verify_signer(&info, &Signed::new(None, None, &digest), message.certificates().iter())?;
        if role(&verified)? != Role::Repository {
            return Ok(None);
        }
        Ok(Some(judge_signer(case, &verified, Role::Repository, message, context)))
    };
    attributes(primary.unsigned_attrs.as_ref(), COUNTERSIGNATURE)
        .iter()
        .filter_map(|der| {
            judge_one(der).unwrap_or_else(|refusal| Some(refusal.of("the countersignature").into_finding(ID)))
        })
        .collect()
}

/// Whose signature it is ("Commitment type indication"), and what both kinds must have.
fn role(verified: &Verified<'_>) -> Result<Role, Refusal> {
    let signed = verified
        .info
        .signed_attrs
        .as_ref()
        .ok_or_else(|| Refusal::malformed("the signature has no signed attributes"))?;
    let has = |oid| signed.iter().any(|attribute| attribute.oid == oid);
    if !has(SIGNING_CERTIFICATE_V2) || has(SIGNING_CERTIFICATE) {
        return Err(Refusal::malformed(
            "the signature does not name its certificate by signing-certificate-v2",
        ));
    }
    let commitment = attribute::<Commitment>(signed, COMMITMENT)?
        .ok_or_else(|| Refusal::malformed("the signature does not say whether it is an author's or a repository's"))?;
    match commitment.kind {
        PROOF_OF_ORIGIN => Ok(Role::Author),
        PROOF_OF_RECEIPT => Ok(Role::Repository),
        other => Err(Refusal::unsure(
            Doubt::UnknownFormat,
            format!("the signature is neither an author's nor a repository's, but {other}"),
        )),
    }
}

/// "Repository signatures": the service index is required, owners are not.
fn repository_claims(signed: Option<&Attributes>) -> Result<Vec<(String, String)>, Refusal> {
    let signed = signed.ok_or_else(|| Refusal::malformed("the repository's signature has no signed attributes"))?;
    let index = attribute::<Any>(signed, SERVICE_INDEX)?
        .and_then(|value| Some(value.decode_as::<Ia5String>().ok()?.to_string()))
        .filter(|url| url.starts_with("https://"))
        .ok_or_else(|| Refusal::malformed("the repository's signature does not say of which repository"))?;
    let mut claims = vec![("repository".to_owned(), index)];
    if let Some(owners) = attribute::<Any>(signed, OWNERS)? {
        let owners: Vec<String> = owners
            .decode_as()
            .map_err(|_| Refusal::malformed("the repository's signature names owners in a broken way"))?;
        claims.extend(
            owners
                .into_iter()
                .take(MAX_OWNERS)
                .map(|owner| ("owner".to_owned(), owner)),
        );
    }
    Ok(claims)
}
