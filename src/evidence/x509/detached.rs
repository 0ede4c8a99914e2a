//! A detached CMS signature over the artifact's bytes (`.p7s`, `.p7b`): DER, or PEM.

use std::io::SeekFrom;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    Case, Content, EKU_ANY, EKU_CODE_SIGNING, EKU_EMAIL, Hash, Hashes, ID_DATA, Purpose, Refusal, SignedMessage,
    TIMESTAMP_TOKEN, attributes, conclude, prove_time,
};
use crate::evidence::{Context, Detached};
use crate::model::{Artifact, Content as ArtifactContent, Doubt, Finding};

/// Detached signatures of CMS.
pub const CMS: &Cms = &Cms;

/// The scheme.
#[derive(Debug)]
pub struct Cms;

const ID: &str = "cms";

/// A signature with a chain of ten certificates, a timestamp and its chain stays below 64 KiB; revocation lists may be added.
const MAX_BYTES: usize = 4 << 20;

/// What people sign files with: certificates for code or for mail, or for nothing in particular.
const PURPOSE: Purpose = Purpose {
    name: "code signing or mail",
    any_of: &[EKU_CODE_SIGNING, EKU_EMAIL, EKU_ANY],
    none_of: &[],
    may_be_unstated: true,
};

const PEM: &[(&str, &str)] = &[
    ("-----BEGIN CMS-----", "-----END CMS-----"),
    ("-----BEGIN PKCS7-----", "-----END PKCS7-----"),
];

impl Detached for Cms {
    fn id(&self) -> &'static str {
        ID
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        // The identifier of signed data stands within the first bytes, whatever the length of the length.
        const SIGNED_DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
        let head = &untrusted_signature[..untrusted_signature.len().min(32)];
        PEM.iter()
            .any(|(begin, _)| untrusted_signature.starts_with(begin.as_bytes()))
            || (head.first() == Some(&0x30) && head.windows(SIGNED_DATA.len()).any(|window| window == SIGNED_DATA))
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn ArtifactContent,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        judge(untrusted_signature, message, artifact, context).unwrap_or_else(|refusal| vec![refusal.into_finding(ID)])
    }
}

fn judge(
    untrusted_signature: &[u8],
    content: &mut dyn ArtifactContent,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Result<Vec<Finding>, Refusal> {
    let der = decode(untrusted_signature)?;
    let message = SignedMessage::parse(&der)?;
    if message.content_type() != ID_DATA {
        return Err(Refusal::malformed("it signs something else than plain data"));
    }
    let unreadable = |_| Refusal::unsure(Doubt::Incomplete, "the signed bytes could not be read");
    content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut first = [0];
    let has_first = content.read(&mut first).map_err(unreadable)? == 1;
    content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let hashes = Hashes::new(Hash::ALL).read(content).map_err(unreadable)?;
    // RFC 5652 §5.2: a content inside is what the signature is about; it would be read by some, and the artifact by others.
    if let Some(inside) = message.content()
        && hashes
            .get(Hash::Sha256)
            .is_none_or(|digest| digest.as_ref() != Hash::Sha256.of(inside).as_ref())
    {
        return Err(Refusal::wrong(
            crate::model::Fault::SubjectDiffers,
            "it holds a content of its own, which is not the artifact",
        ));
    }
    let digest = |hash: Hash| {
        hashes
            .get(hash)
            .ok_or_else(|| Refusal::unsure(Doubt::UnknownAlgorithm, "its hash is not judged"))
    };
    let signed = Content::new(Some(ID_DATA), has_first.then_some(first[0]), &digest);
    let case = Case::new(ID, artifact, context);
    let pinned = case.pinned();
    let findings = message.signers().map(|info| {
        let verified = match message.verify(info, &signed, &pinned) {
            Ok(verified) => verified,
            Err(refusal) => return refusal.into_finding(ID),
        };
        let tokens = attributes(info.unsigned_attrs.as_ref(), TIMESTAMP_TOKEN);
        let stamp = prove_time(
            ID,
            &tokens,
            info.signature.as_bytes(),
            &case.authorities,
            artifact,
            context.now,
        );
        conclude(&case, &verified, message.certificates(), &PURPOSE, stamp, None)
    });
    Ok(findings.collect())
}

/// PEM's content, or the bytes as they are.
fn decode(untrusted: &[u8]) -> Result<Vec<u8>, Refusal> {
    for (begin, end) in PEM {
        let Some(rest) = untrusted.strip_prefix(begin.as_bytes()) else {
            continue;
        };
        let broken = || Refusal::malformed("its PEM is broken");
        let text = std::str::from_utf8(rest).map_err(|_| broken())?;
        let (body, after) = text.split_once(end).ok_or_else(broken)?;
        if !after.trim().is_empty() {
            return Err(Refusal::malformed("something follows its PEM"));
        }
        let body: String = body
            .chars()
            .filter(|character| !character.is_ascii_whitespace())
            .collect();
        return STANDARD.decode(body).map_err(|_| broken());
    }
    Ok(untrusted.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_first_bytes() {
        const HEAD: [u8; 13] = [0x30, 0x0b, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
        assert!(CMS.recognises(&HEAD));
        assert!(CMS.recognises(b"-----BEGIN CMS-----"));
        assert!(CMS.recognises(b"-----BEGIN PKCS7-----"));
        // The identifier alone, another one, and one that stands anywhere in a file.
        assert!(!CMS.recognises(&HEAD[2..]));
        assert!(!CMS.recognises(&[&HEAD[..12], &[1]].concat()));
        assert!(!CMS.recognises(&[&[0x30][..], &[0; 30], &HEAD[2..]].concat()));
        assert!(!CMS.recognises(b"----- BEGIN CMS-----"));
        assert!(!CMS.recognises(b""));
    }
}
