//! The checks, in the order of "Windows Authenticode Portable Executable Signature Format".

use authenticode::{SPC_INDIRECT_DATA_OBJID, SpcIndirectDataContent};
use der::asn1::ObjectIdentifier;

use super::{ID, pe};
use crate::evidence::Context;
use crate::evidence::x509::{
    COUNTERSIGNATURE, Case, Content as Signed, EKU_CODE_SIGNING, EKU_LIFETIME_SIGNING, Hash, Hashes,
    MICROSOFT_TIMESTAMP, Purpose, Refusal, SignedMessage, Stamp, attributes, conclude, prove_time,
};
use crate::model::{Artifact, Content, Doubt, Fault, Finding, Outcome};

const PURPOSE: Purpose = Purpose {
    name: "code signing",
    any_of: &[EKU_CODE_SIGNING],
    none_of: &[],
    may_be_unstated: false,
};

/// `SPC_PE_IMAGE_DATAOBJ`.
const PE_IMAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");

/// `szOID_NESTED_SIGNATURE`: a second message in the first one's unsigned attributes, mostly with a stronger hash.
const NESTED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.4.1");

/// Nested signatures that are looked at.
const MAX_NESTED: usize = 4;

pub(super) fn judge(artifact: &Artifact, content: &mut dyn Content, context: &Context<'_>) -> Result<Finding, Refusal> {
    let signed = pe::read(content)?;
    let message = SignedMessage::parse(&signed.message)?;
    let case = Case::new(ID, artifact, context);
    let refusal = match judge_message(&case, &message, &signed.hashes, context) {
        Err(refusal) if refusal.outcome() == Outcome::Contradicted(Fault::Weak) => refusal,
        result => return result,
    };
    // Where the outer one is too weak to prove anything, one within may be better; it stands for itself.
    let nested = message
        .signers()
        .flat_map(|info| attributes(info.unsigned_attrs.as_ref(), NESTED));
    for der in nested.take(MAX_NESTED) {
        let message = SignedMessage::parse(&der)?;
        match judge_message(&case, &message, &signed.hashes, context) {
            Err(inner) if inner.outcome() == Outcome::Contradicted(Fault::Weak) => {}
            result => return Ok(result?.noting("the outer of two signatures is too weak to prove anything")),
        }
    }
    Err(refusal)
}

fn judge_message(
    case: &Case<'_>,
    message: &SignedMessage,
    hashes: &Hashes,
    context: &Context<'_>,
) -> Result<Finding, Refusal> {
    let mut signers = message.signers();
    let (Some(info), None) = (signers.next(), signers.next()) else {
        return Err(Refusal::malformed("the program has not one signer"));
    };
    let broken = || Refusal::malformed("the program's signature is not about a program");
    if message.content_type() != SPC_INDIRECT_DATA_OBJID {
        return Err(broken());
    }
    let data: SpcIndirectDataContent = message
        .content_any()
        .and_then(|content| content.decode_as().ok())
        .filter(|data: &SpcIndirectDataContent| data.data.value_type == PE_IMAGE)
        .ok_or_else(broken)?;
    let hash = Hash::from_oid(&data.message_digest.digest_algorithm.oid)?;
    if Hash::from_oid(&info.digest_alg.oid)? != hash {
        return Err(Refusal::malformed("the program's signature uses two hashes"));
    }
    // PKCS#7 digests what the content holds, without tag and length (RFC 2315 §9.3).
    let value = message.content().unwrap_or_default();
    let digest = |hash: Hash| Ok(hash.of(value));
    let pinned = case.pinned();
    let verified = message.verify(
        info,
        &Signed::new(Some(SPC_INDIRECT_DATA_OBJID), value.first().copied(), &digest),
        &pinned,
    )?;
    let own = hashes
        .get(hash)
        .ok_or_else(|| Refusal::unsure(Doubt::UnknownAlgorithm, "its hash is not judged"))?;
    if own.as_ref() != data.message_digest.digest.as_bytes() {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "the signature is about a program with the {} {}, and this one has {}",
                hash.name(),
                hex::encode(data.message_digest.digest.as_bytes()),
                hex::encode(own.as_ref())
            ),
        ));
    }
    // "Lifetime Signing": with this purpose a timestamp does not outlive the certificate.
    let is_for_life = verified
        .certificate
        .purposes()?
        .is_some_and(|(_, purposes)| purposes.contains(&EKU_LIFETIME_SIGNING));
    let unsigned = info.unsigned_attrs.as_ref();
    let stamp = if is_for_life {
        Ok(Stamp::Missing)
    } else {
        prove_time(
            ID,
            &attributes(unsigned, MICROSOFT_TIMESTAMP),
            info.signature.as_bytes(),
            &case.authorities,
            case.artifact,
            context.now,
        )
    };
    let finding = conclude(case, &verified, message.certificates(), &PURPOSE, stamp, None);
    if attributes(unsigned, COUNTERSIGNATURE).is_empty() {
        Ok(finding)
    } else {
        Ok(finding.noting("a timestamp of the old form (PKCS #9) was not judged"))
    }
}
