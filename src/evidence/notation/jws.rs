//! JWS in flattened JSON serialization (RFC 7515 §7.2.2, signature-envelope-jws.md).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{ALGORITHMS, Envelope, malformed};
use crate::evidence::x509::Refusal;
use crate::model::Doubt;

#[derive(Deserialize)]
struct Flattened {
    payload: String,
    protected: String,
    header: Unprotected,
    signature: String,
}

#[derive(Deserialize)]
struct Unprotected {
    #[serde(default)]
    x5c: Vec<String>,
    #[serde(rename = "io.cncf.notary.timestampSignature")]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Protected {
    alg: String,
    cty: String,
    crit: Vec<String>,
    #[serde(rename = "io.cncf.notary.signingScheme")]
    scheme: String,
    #[serde(rename = "io.cncf.notary.signingTime")]
    signing_time: Option<String>,
    #[serde(rename = "io.cncf.notary.expiry")]
    expiry: Option<String>,
}

pub(super) fn read(untrusted: &[u8]) -> Result<Envelope, Refusal> {
    let flattened: Flattened = serde_json::from_slice(untrusted)
        .map_err(|_| malformed("is no flattened JWS of a Notary Project signature"))?;
    let part = |text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| malformed("is not base64url throughout"))
    };
    let protected = part(&flattened.protected)?;
    let protected: Protected =
        serde_json::from_slice(&protected).map_err(|_| malformed("lacks protected header fields, or has one twice"))?;
    let (.., algorithm) = ALGORITHMS
        .iter()
        .find(|(name, ..)| *name == protected.alg)
        .ok_or_else(|| {
            Refusal::unsure(
                Doubt::UnknownAlgorithm,
                format!("the envelope is signed with {}, which is not judged", protected.alg),
            )
        })?;
    let time = |text: Option<String>| text.map(|text| parse_time(&text)).transpose();
    let chain = flattened
        .header
        .x5c
        .iter()
        // RFC 7515 §4.1.6: base64, not base64url.
        .map(|text| {
            STANDARD
                .decode(text)
                .map_err(|_| malformed("has a certificate that is not base64"))
        })
        .collect::<Result<_, _>>()?;
    let timestamp = flattened
        .header
        .timestamp
        .map(|text| {
            STANDARD
                .decode(text)
                .map_err(|_| malformed("has a timestamp that is not base64"))
        })
        .transpose()?;
    Ok(Envelope {
        signed: format!("{}.{}", flattened.protected, flattened.payload).into_bytes(),
        signature: part(&flattened.signature)?,
        algorithm: *algorithm,
        payload: part(&flattened.payload)?,
        payload_type: protected.cty,
        scheme: protected.scheme,
        signing_time: time(protected.signing_time)?,
        expiry: time(protected.expiry)?,
        critical: protected.crit,
        chain,
        timestamp,
    })
}

/// RFC 3339, with any offset.
fn parse_time(text: &str) -> Result<i64, Refusal> {
    let is_plain = text.len() <= 35 && text.as_bytes().get(10) == Some(&b'T');
    let time: Option<jiff::Timestamp> = is_plain.then(|| text.parse().ok()).flatten();
    time.map(|time| time.as_second())
        .ok_or_else(|| malformed("has a time that is not of RFC 3339"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_of_rfc_3339() {
        for text in ["2026-01-02T03:04:05Z", "2026-01-02T05:04:05.000000000+02:00"] {
            assert_eq!(parse_time(text).ok(), Some(1_767_323_045), "{text}");
        }
        // A library reads more than that.
        for text in [
            "2026-01-02 03:04:05Z",
            "2026-01-02t03:04:05Z",
            "2026-01-02T05:04:05.000000000+02:00:00",
            "2026-01-02",
            "",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }
}
