//! The checks, in the order of signature-specification.md, "Signature Evaluation".

use serde::Deserialize;

use super::{EXPIRY, Envelope, ID, PAYLOAD_TYPE, SIGNING_SCHEME, malformed};
use crate::evidence::Context;
use crate::evidence::x509::{
    Case, Certificate, EKU_ANY, EKU_CODE_SIGNING, EKU_EMAIL, EKU_OCSP, EKU_SERVER_AUTH, EKU_TIME_STAMPING, Hash,
    Message, Purpose, Refusal, Scheme, conclude_for, prove_time, rsa_bits, verify_signature,
};
use crate::model::{Artifact, Doubt, Fault, Finding, Timestamp};

/// signature-specification.md, "Certificate Requirements", "Leaf Certificates".
const PURPOSE: Purpose = Purpose {
    name: "code signing",
    any_of: &[EKU_CODE_SIGNING],
    none_of: &[EKU_ANY, EKU_SERVER_AUTH, EKU_EMAIL, EKU_TIME_STAMPING, EKU_OCSP],
    may_be_unstated: true,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Payload {
    target_artifact: Target,
}

/// A descriptor (OCI image-spec, descriptor.md); its annotations are claims.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

/// Annotations shown in a finding; a signer may state any number.
const MAX_CLAIMS: usize = 16;

pub(super) fn judge(
    envelope: &Envelope,
    size: u64,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Result<Finding, Refusal> {
    check_headers(envelope)?;
    let chain: Vec<Certificate> = envelope
        .chain
        .iter()
        .map(|der| Certificate::from_der(der))
        .collect::<Result<_, _>>()?;
    let leaf = chain.first().ok_or_else(|| malformed("brings no certificate"))?;
    check_algorithm(envelope, leaf)?;
    let algorithm = verify_signature(
        leaf.key(),
        envelope.algorithm.scheme,
        envelope.algorithm.hash,
        &Message::Bytes(&envelope.signed),
        &envelope.signature,
    )?;
    let target = check_target(&envelope.payload, size, artifact)?;
    if let Some(expiry) = envelope.expiry
        && expiry < context.now.seconds()
    {
        return Err(Refusal::wrong(
            Fault::Expired,
            format!("the signature ran out {}", Timestamp::from_seconds(expiry)),
        ));
    }

    let case = Case::new(ID, artifact, context);
    let tokens: Vec<Vec<u8>> = envelope.timestamp.iter().cloned().collect();
    let stamp = prove_time(
        ID,
        &tokens,
        &envelope.signature,
        &case.authorities,
        artifact,
        context.now,
    );
    let claimed = envelope.signing_time.map(Timestamp::from_seconds);
    let mut finding = conclude_for(&case, leaf, &algorithm, claimed, &chain, &PURPOSE, stamp, None);
    finding.claims.push(("media type".to_owned(), target.media_type));
    finding.claims.extend(target.annotations.into_iter().take(MAX_CLAIMS));
    if let Some(expiry) = envelope.expiry {
        let until = Timestamp::from_seconds(expiry).to_string();
        finding.claims.push(("expires".to_owned(), until));
    }
    Ok(finding)
}

/// signature-specification.md, "Standard Attributes": what must be there, and what must be understood.
fn check_headers(envelope: &Envelope) -> Result<(), Refusal> {
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            format!(
                "the envelope's payload is of type `{}`, which is not known",
                envelope.payload_type
            ),
        ));
    }
    // The other scheme rests on a signing authority's word for the time, for which nobody can be pinned here.
    if envelope.scheme != "notary.x509" {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            format!("the signing scheme `{}` is not judged", envelope.scheme),
        ));
    }
    for name in &envelope.critical {
        if ![SIGNING_SCHEME, EXPIRY].contains(&name.as_str()) {
            return Err(Refusal::unsure(
                Doubt::UnknownFormat,
                format!("the envelope has the critical header field `{name}`, which is not known"),
            ));
        }
    }
    let is_critical = |name: &str| envelope.critical.iter().any(|own| own == name);
    if !is_critical(SIGNING_SCHEME) || is_critical(EXPIRY) != envelope.expiry.is_some() {
        return Err(malformed("does not mark as critical what must be"));
    }
    if envelope.signing_time.is_none() {
        return Err(malformed("does not say when it was signed"));
    }
    Ok(())
}

/// signature-specification.md, "Algorithm Selection": the key decides; for curves the fixed form of the signature does already.
fn check_algorithm(envelope: &Envelope, leaf: &Certificate) -> Result<(), Refusal> {
    if envelope.algorithm.scheme == Scheme::EcdsaFixed {
        return Ok(());
    }
    match (rsa_bits(leaf.key())?, envelope.algorithm.hash) {
        (2048, Hash::Sha256) | (3072, Hash::Sha384) | (4096, Hash::Sha512) => Ok(()),
        (bits, hash) => Err(malformed(&format!(
            "is signed with {} and a key of {bits} bits, which do not go together",
            hash.name()
        ))),
    }
}

fn check_target(payload: &[u8], size: u64, artifact: &Artifact) -> Result<Target, Refusal> {
    let payload: Payload =
        serde_json::from_slice(payload).map_err(|_| malformed("has a payload that names no artifact"))?;
    let target = payload.target_artifact;
    if !target.digest.starts_with("sha256:") {
        return Err(Refusal::unsure(
            Doubt::UnknownAlgorithm,
            "the payload names its artifact by another hash than SHA-256",
        ));
    }
    let own = artifact.digest.to_string();
    if target.digest != own || target.size != size {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "the signature is about {} of {} bytes, and this is {own} of {size}",
                target.digest, target.size
            ),
        ));
    }
    Ok(target)
}
