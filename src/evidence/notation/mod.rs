//! Notary Project signatures about OCI artifacts (specifications: signature-specification.md, signature-envelope-jws.md,
//! signature-envelope-cose.md): an envelope signed with a certificate, whose payload names the artifact's digest and size.
//!
//! Threats: a signature about another artifact, an expired one, header fields that only one reader understands (`crit`), an
//! algorithm chosen by the sender that does not fit the key, a certificate for another purpose, a time that nobody proves.

mod cose;
mod jws;
mod verify;

use std::io::SeekFrom;

use super::x509::{Hash, Refusal, Scheme};
use super::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Doubt, Fault, Finding};

/// The kind.
pub const NOTATION: &dyn EvidenceKind = &Notation;

const ID: &str = "notation";

/// An envelope with a chain of ten certificates and a timestamp stays below 100 KiB.
const MAX_BYTES: usize = 1 << 20;

/// Certificates in one envelope.
const MAX_CHAIN: usize = 32;

/// signature-specification.md, "Payload".
const PAYLOAD_TYPE: &str = "application/vnd.cncf.notary.payload.v1+json";

const SIGNING_SCHEME: &str = "io.cncf.notary.signingScheme";
const SIGNING_TIME: &str = "io.cncf.notary.signingTime";
const EXPIRY: &str = "io.cncf.notary.expiry";
const TIMESTAMP: &str = "io.cncf.notary.timestampSignature";

struct Notation;

impl EvidenceKind for Notation {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if objects.is_empty() {
            let finding = Finding::undecided(ID, Doubt::Incomplete, "the proof holds no envelope");
            return Err(Box::new(finding));
        }
        Ok(Box::new(Envelopes { objects, context }))
    }
}

struct Envelopes<'a> {
    objects: Vec<Vec<u8>>,
    context: &'a Context<'a>,
}

impl Evidence for Envelopes<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let Ok(size) = content.seek(SeekFrom::End(0)) else {
            return vec![Finding::undecided(
                ID,
                Doubt::Incomplete,
                "the artifact could not be read",
            )];
        };
        let findings = self.objects.iter().map(|object| {
            read(object)
                .and_then(|envelope| verify::judge(&envelope, size, artifact, self.context))
                .unwrap_or_else(|refusal| refusal.into_finding(ID))
        });
        findings.collect()
    }
}

/// What both forms of envelope hold.
struct Envelope {
    /// What the signature covers.
    signed: Vec<u8>,
    signature: Vec<u8>,
    /// As the header names it.
    algorithm: Algorithm,
    payload: Vec<u8>,
    payload_type: String,
    scheme: String,
    /// What the signer says, if it can be read.
    signing_time: Option<i64>,
    expiry: Option<i64>,
    /// Header fields that must be understood.
    critical: Vec<String>,
    /// Certificates as DER, the signer's first.
    chain: Vec<Vec<u8>>,
    /// A timestamp token over the signature.
    timestamp: Option<Vec<u8>>,
}

/// An algorithm of signature-specification.md, "Signature Algorithm Requirements".
#[derive(Clone, Copy)]
struct Algorithm {
    scheme: Scheme,
    hash: Hash,
}

/// Names in JWS, numbers in COSE (RFC 7518 §3.1, RFC 9053 §2.1, RFC 8230 §2).
const ALGORITHMS: &[(&str, i64, Algorithm)] = &[
    ("PS256", -37, pss(Hash::Sha256)),
    ("PS384", -38, pss(Hash::Sha384)),
    ("PS512", -39, pss(Hash::Sha512)),
    ("ES256", -7, ecdsa(Hash::Sha256)),
    ("ES384", -35, ecdsa(Hash::Sha384)),
    ("ES512", -36, ecdsa(Hash::Sha512)),
];

const fn pss(hash: Hash) -> Algorithm {
    Algorithm {
        scheme: Scheme::RsaPss { salt: hash.length() },
        hash,
    }
}

const fn ecdsa(hash: Hash) -> Algorithm {
    Algorithm {
        scheme: Scheme::EcdsaFixed,
        hash,
    }
}

fn read(untrusted: &[u8]) -> Result<Envelope, Refusal> {
    if untrusted.len() > MAX_BYTES {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            format!(
                "the envelope has {} bytes, and at most {MAX_BYTES} are judged",
                untrusted.len()
            ),
        ));
    }
    let envelope = if untrusted.first() == Some(&b'{') {
        jws::read(untrusted)?
    } else {
        cose::read(untrusted)?
    };
    if envelope.chain.is_empty() || envelope.chain.len() > MAX_CHAIN {
        return Err(Refusal::wrong(
            Fault::Malformed,
            format!("the envelope brings {} certificates", envelope.chain.len()),
        ));
    }
    Ok(envelope)
}

fn malformed(what: &str) -> Refusal {
    Refusal::malformed(format!("the envelope {what}"))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn an_envelope_brings_one_certificate_and_no_more_than_a_chain_has() {
        let protected = r#"{"alg":"PS256","cty":"another","crit":[],"io.cncf.notary.signingScheme":"another"}"#;
        let outcome = |certificates: usize| {
            let envelope = serde_json::json!({
                "payload": "e30",
                "protected": URL_SAFE_NO_PAD.encode(protected),
                "header": {"x5c": vec!["AA=="; certificates]},
                "signature": "AA",
            });
            read(envelope.to_string().as_bytes())
                .map(|envelope| envelope.chain.len())
                .map_err(|refusal| refusal.outcome())
        };
        let malformed = Err(crate::model::Outcome::Contradicted(Fault::Malformed));
        assert_eq!(outcome(1), Ok(1));
        assert_eq!(outcome(MAX_CHAIN), Ok(MAX_CHAIN));
        for count in [0, MAX_CHAIN + 1] {
            assert_eq!(outcome(count), malformed);
        }
    }
}
