//! Bare ECDSA signatures over a file, as `cosign sign-blob` writes them beside it (`X.sig`, base64 or DER): nothing says whose they are, so that only
//! the keys which a site pins can answer. A certificate that lay beside one proves nothing without the log's entry, and is not asked.
//!
//! It is judged as the Sigstore bundle by a key that it would be today: over the artifact's digest, without log and time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Context;
use super::detached::Detached;
use super::sigstore::{self, over_message};
use crate::crypto::foreign::is_ecdsa_der;
use crate::model::{Artifact, Content, Finding};

/// Bare signatures.
pub(crate) struct RawSignature;

/// The kind's id.
pub(crate) const ID: &str = "raw-signature";

/// The longest signature of ECDSA, P-521's, has 141 bytes in DER and 188 in base64; a line's end may follow.
const MAX_BYTES: usize = 256;

impl Detached for RawSignature {
    fn id(&self) -> &'static str {
        ID
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn recognises(&self, untrusted_signature: &[u8]) -> bool {
        read(untrusted_signature).is_some()
    }

    fn judge(
        &self,
        untrusted_signature: &[u8],
        message: &mut dyn Content,
        artifact: &Artifact,
        context: &Context<'_>,
    ) -> Vec<Finding> {
        let signature = read(untrusted_signature).unwrap_or_default();
        let bundle = json!({
            "mediaType": sigstore::BUNDLE_3,
            "verificationMaterial": { "publicKey": { "hint": "" } },
            "messageSignature": { "signature": STANDARD.encode(signature) },
        });
        over_message(ID, bundle.to_string().into_bytes(), message, artifact, context)
    }
}

/// The signature in DER: two numbers and nothing else, so that hardly anything else looks like one.
fn read(untrusted: &[u8]) -> Option<Vec<u8>> {
    if untrusted.len() > MAX_BYTES {
        return None;
    }
    let der = match untrusted.first()? {
        0x30 if is_ecdsa_der(untrusted) => untrusted.to_vec(),
        _ => STANDARD.decode(untrusted.trim_ascii_end()).ok()?,
    };
    is_ecdsa_der(&der).then_some(der)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::foreign::ecdsa_der;

    #[test]
    fn only_two_numbers_in_der_are_a_signature() {
        let der = ecdsa_der(&[0x81; 32], &[7; 32]);
        let encoded = STANDARD.encode(&der);
        for right in [
            der.clone(),
            encoded.clone().into_bytes(),
            format!("{encoded}\r\n").into_bytes(),
        ] {
            assert_eq!(read(&right), Some(der.clone()));
        }
        let mut longer = der.clone();
        longer.push(0);
        let negative = [&[0x30, 6, 2, 1][..], &[0x81, 2, 1, 1]].concat();
        for wrong in [
            Vec::new(),
            vec![0x30],
            der[..der.len() - 1].to_vec(),
            longer.clone(),
            STANDARD.encode(&longer).into_bytes(),
            negative,
            vec![0x30, 6, 2, 1, 0, 2, 1, 1],
            vec![0x30, 7, 2, 2, 0, 1, 2, 1, 1],
            vec![0x30, 3, 2, 1, 1],
            // Nought as its one spelling has it, another tag, and numbers longer than any curve's.
            vec![0x30, 6, 2, 1, 1, 2, 1, 0],
            vec![0x31, 6, 2, 1, 1, 2, 1, 1],
            vec![0x30, 6, 3, 1, 1, 2, 1, 1],
            vec![0x30, 7, 2, 1, 1, 2, 1, 1, 0],
            ecdsa_der(&[1; 68], &[1; 67]),
            format!(" {encoded}").into_bytes(),
            format!("{encoded}{encoded}").into_bytes(),
            b"c2lnbmVk".to_vec(),
            [encoded.as_bytes(), &[b' '; MAX_BYTES]].concat(),
        ] {
            assert_eq!(read(&wrong), None, "{wrong:?}");
        }
        let longest = ecdsa_der(&[1; 67], &[1; 67]);
        assert_eq!(read(&longest), Some(longest.clone()));
    }
}
