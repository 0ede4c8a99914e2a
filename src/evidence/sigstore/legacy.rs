//! cosign's first form of a bundle, `{base64Signature, cert, rekorBundle}`, read as a bundle of v0.1: the same signature, certificate
//! and promise in other fields. Beside an image's attestation the same stands in annotations, around an envelope (`evidence/cosign`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::parse;
use super::refusal::Refusal;

/// Makes a bundle of one; `None` where it is not of this form.
pub(crate) fn bundle(value: &Value) -> Option<Result<Value, Refusal>> {
    let object = value.as_object()?;
    if object.contains_key("mediaType") {
        return None;
    }
    let signature = object.get("base64Signature")?.as_str()?;
    let certificate = value.get("cert").and_then(Value::as_str).unwrap_or_default();
    let promise = value.get("rekorBundle").filter(|promise| !promise.is_null());
    Some(assemble(certificate, promise, signed(signature)))
}

/// A bundle's content: a signature over bytes.
pub(in crate::evidence) fn signed(signature: &str) -> (&'static str, Value) {
    ("messageSignature", json!({"signature": signature}))
}

/// A bundle's content: a DSSE envelope, as cosign attaches it to an image.
pub(in crate::evidence) fn enveloped(envelope: &Value) -> (&'static str, Value) {
    ("dsseEnvelope", envelope.clone())
}

/// Makes a bundle of its parts, wherever they stood: in fields of one document, or in annotations.
pub(in crate::evidence) fn assemble(
    certificate: &str,
    promise: Option<&Value>,
    content: (&str, Value),
) -> Result<Value, Refusal> {
    convert(certificate.trim(), promise, content).ok_or_else(|| {
        Refusal::malformed(
            "a bundle of cosign's first form lacks its certificate or its log's promise, or they cannot be read",
        )
    })
}

fn convert(certificate: &str, promise: Option<&Value>, content: (&str, Value)) -> Option<Value> {
    if certificate.is_empty() && promise.is_none() {
        // A key's signature, without a log.
        return Some(json!({
            "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            content.0: content.1,
        }));
    }
    let promise = promise?;
    let payload = promise.get("Payload")?;
    let text = |of: &Value, name: &str| Some(of.get(name)?.as_str()?.to_owned());
    let number = |name: &str| Some(payload.get(name)?.as_u64()?.to_string());
    let body = text(payload, "body")?;
    let inner = parse::text(&STANDARD.decode(&body).ok()?).ok()?;
    let log = hex::decode(text(payload, "logID")?).ok()?;
    let material = if certificate.is_empty() {
        ("publicKey", json!({"hint": ""}))
    } else {
        (
            "x509CertificateChain",
            json!({"certificates": certificates(certificate)?}),
        )
    };
    let entry = json!({
        "logIndex": number("logIndex")?,
        "logId": {"keyId": STANDARD.encode(log)},
        "kindVersion": {"kind": text(&inner, "kind")?, "version": text(&inner, "apiVersion")?},
        "integratedTime": number("integratedTime")?,
        "inclusionPromise": {"signedEntryTimestamp": text(promise, "SignedEntryTimestamp")?},
        "canonicalizedBody": body,
    });
    Some(json!({
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
        "verificationMaterial": {material.0: material.1, "tlogEntries": [entry]},
        content.0: content.1,
    }))
}

/// The certificates, which are PEM, usually once more in base64.
fn certificates(text: &str) -> Option<Vec<Value>> {
    let pem = match STANDARD.decode(text) {
        Ok(bytes) => String::from_utf8(bytes).ok()?,
        Err(_) => text.to_owned(),
    };
    pem.split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .map(|block| {
            let inner: String = block
                .split("-----END CERTIFICATE-----")
                .next()?
                .split_ascii_whitespace()
                .collect();
            Some(json!({"rawBytes": inner}))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_itself_a_bundle_is_read_as_one() {
        let first_form = json!({"base64Signature": "AA=="});
        assert!(matches!(bundle(&first_form), Some(Ok(_))));
        let mut both = first_form;
        both["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json".into();
        assert!(bundle(&both).is_none());
        assert!(bundle(&json!({"base64Signature": 1})).is_none());
        assert!(bundle(&json!([])).is_none());
    }

    #[test]
    fn a_promise_of_null_is_none() {
        let form = |promise: Value| bundle(&json!({"base64Signature": "AA==", "cert": "", "rekorBundle": promise}));
        assert!(matches!(form(Value::Null), Some(Ok(_))));
        assert!(matches!(form(json!({})), Some(Err(_))));
    }
}
