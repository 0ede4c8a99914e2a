//! COSE_Sign1 (RFC 9052 §4.2, signature-envelope-cose.md).

use coset::cbor::value::Value;
use coset::{ContentType, CoseSign1, Label, RegisteredLabelWithPrivate, TaggedCborSerializable as _, iana};

use super::{ALGORITHMS, EXPIRY, Envelope, SIGNING_SCHEME, SIGNING_TIME, TIMESTAMP, malformed};
use crate::evidence::x509::Refusal;
use crate::model::Doubt;

/// RFC 9360 §2.
const X5CHAIN: i64 = 33;

/// RFC 8949 §3.4.2.
const EPOCH_TIME: u64 = 1;

pub(super) fn read(untrusted: &[u8]) -> Result<Envelope, Refusal> {
    let message = CoseSign1::from_tagged_slice(untrusted)
        .map_err(|_| malformed("is neither a flattened JWS nor a tagged COSE_Sign1"))?;
    let header = &message.protected.header;
    let number = match &header.alg {
        Some(RegisteredLabelWithPrivate::Assigned(algorithm)) => *algorithm as i64,
        Some(RegisteredLabelWithPrivate::PrivateUse(number)) => *number,
        _ => return Err(malformed("names no algorithm")),
    };
    let (.., algorithm) = ALGORITHMS.iter().find(|(_, own, _)| *own == number).ok_or_else(|| {
        Refusal::unsure(
            Doubt::UnknownAlgorithm,
            format!("the envelope is signed with COSE's algorithm {number}, which is not judged"),
        )
    })?;
    let Some(ContentType::Text(payload_type)) = &header.content_type else {
        return Err(malformed("names no type of payload"));
    };
    let text = |name: &str| {
        header
            .rest
            .iter()
            .find(|(label, _)| *label == Label::Text(name.to_owned()))
    };
    let Some((_, Value::Text(scheme))) = text(SIGNING_SCHEME) else {
        return Err(malformed("names no signing scheme"));
    };
    let time = |name: &str| text(name).map(|(_, value)| read_time(value)).transpose();
    let unprotected = &message.unprotected.rest;
    let chain = match unprotected.iter().find(|(label, _)| *label == Label::Int(X5CHAIN)) {
        None => Vec::new(),
        Some((_, Value::Bytes(one))) => vec![one.clone()],
        Some((_, Value::Array(many))) => many
            .iter()
            .map(|one| {
                one.as_bytes()
                    .cloned()
                    .ok_or_else(|| malformed("has a certificate that is not bytes"))
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(malformed("has certificates that are not bytes")),
    };
    let timestamp = match unprotected
        .iter()
        .find(|(label, _)| *label == Label::Text(TIMESTAMP.to_owned()))
    {
        None => None,
        Some((_, Value::Bytes(bytes))) => Some(bytes.clone()),
        Some(_) => return Err(malformed("has a timestamp that is not bytes")),
    };
    let critical = header.crit.iter().map(critical_name).collect();
    Ok(Envelope {
        signed: message.tbs_data(&[]),
        payload: message
            .payload
            .clone()
            .ok_or_else(|| malformed("leaves its payload out"))?,
        payload_type: payload_type.clone(),
        scheme: scheme.clone(),
        signing_time: time(SIGNING_TIME)?,
        expiry: time(EXPIRY)?,
        algorithm: *algorithm,
        critical,
        chain,
        timestamp,
        signature: message.signature,
    })
}

fn critical_name(label: &RegisteredLabelWithPrivate<iana::HeaderParameter>) -> String {
    match label {
        RegisteredLabelWithPrivate::Text(text) => text.clone(),
        RegisteredLabelWithPrivate::Assigned(number) => (*number as i64).to_string(),
        RegisteredLabelWithPrivate::PrivateUse(number) => number.to_string(),
    }
}

fn read_time(value: &Value) -> Result<i64, Refusal> {
    let seconds = match value {
        Value::Tag(EPOCH_TIME, inner) => inner.as_integer().and_then(|number| i64::try_from(number).ok()),
        _ => None,
    };
    seconds.ok_or_else(|| malformed("has a time that is not of RFC 8949"))
}
