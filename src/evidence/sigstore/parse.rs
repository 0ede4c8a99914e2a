//! Reads the objects of a proof into bundles, and says of each bundle what it is made of.
//!
//! Threats, and where each is met:
//! - two readers see different values behind one key: duplicate keys are refused at every level, and the library that verifies is
//!   given the value that was read here, not the text
//! - a key and a certificate in one bundle, or two kinds of content, of which the library would take the first: exactly one of each
//! - a bundle that calls itself an older version to be asked for less: what a version cannot hold is refused in it, and what
//!   remains alike (v0.1 with a promise alone) reaches a lower level (`verify.rs`)
//! - size, depth and number of values: bounded before anything is built; base64 and DER are left to the library, which bounds them by
//!   the text's own length

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::refusal::{Refusal, shown};
use crate::model::{Doubt, Fault};

/// The largest object, in bytes: a bundle about 100,000 files of a model has about 15 MB.
pub(crate) const MAX_OBJECT_BYTES: usize = 24 << 20;
/// The most values in one JSON text, each of which takes up to about 100 bytes of memory: 100,000 files of a model are
/// 400,000 values.
const MAX_VALUES: usize = 1_000_000;
/// The most bundles in one proof: an artifact built by many workflows has dozens.
pub(crate) const MAX_BUNDLES: usize = 1_000;
/// The most log entries, timestamps and certificates of one bundle: real ones have one or two.
const MAX_PARTS: usize = 16;
/// The longest inclusion proof: a tree of 2^64 entries (RFC 9162 §2.1.3).
const MAX_PROOF_HASHES: usize = 64;

/// The version that a bundle states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// May hold an inclusion promise alone.
    V01,
    /// Needs an inclusion proof with a checkpoint.
    V02,
    /// The same, with one certificate instead of a chain.
    V03,
}

/// What a bundle says to be verified with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// A certificate of an identity.
    Certificate,
    /// A chain of certificates.
    Chain,
    /// A key that its owner keeps.
    Key,
}

/// What a bundle is made of, before anything in it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The version.
    pub(crate) version: Version,
    /// What it is verified with.
    pub(crate) trust: Trust,
    /// Whether it holds a signed statement; otherwise a signature over the artifact.
    pub(crate) holds_statement: bool,
    /// How many log entries it has.
    pub(crate) entries: usize,
}

/// Reads one or more JSON texts that follow each other, as in `*.jsonl`.
pub(crate) fn texts(untrusted: &[u8]) -> Result<Vec<Value>, Refusal> {
    if untrusted.len() > MAX_OBJECT_BYTES {
        return Err(Refusal::doubt(
            Doubt::TooLarge,
            format!(
                "the proof has {} bytes, and at most {MAX_OBJECT_BYTES} are judged",
                untrusted.len()
            ),
        ));
    }
    let left = Cell::new(MAX_VALUES);
    let mut reader = serde_json::Deserializer::from_slice(untrusted);
    let mut texts = Vec::new();
    loop {
        match Strict(&left).deserialize(&mut reader) {
            Ok(value) => texts.push(value),
            Err(_) if left.get() == 0 => {
                return Err(Refusal::doubt(
                    Doubt::TooLarge,
                    format!("the proof holds more than {MAX_VALUES} values"),
                ));
            }
            Err(error) => return Err(Refusal::malformed(format!("the proof is not in JSON: {error}"))),
        }
        if reader.end().is_ok() {
            return Ok(texts);
        }
    }
}

/// Reads exactly one JSON text.
pub(crate) fn text(untrusted: &[u8]) -> Result<Value, Refusal> {
    let mut texts = texts(untrusted)?;
    match (texts.pop(), texts.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err(Refusal::malformed("more than one JSON text where one belongs")),
    }
}

/// Takes the bundles out of a JSON text: one bundle, a list of bundles, or `{attestations: [{bundle}]}` as forges answer.
pub(crate) fn bundles(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(mut object) if !object.contains_key("mediaType") => match object.remove("attestations") {
            Some(Value::Array(items)) => items
                .into_iter()
                .map(|mut item| match item.get_mut("bundle") {
                    Some(bundle) => bundle.take(),
                    None => item,
                })
                .collect(),
            Some(other) => {
                object.insert("attestations".to_owned(), other);
                vec![Value::Object(object)]
            }
            None => vec![Value::Object(object)],
        },
        other => vec![other],
    }
}

/// Says what a bundle is made of, refusing what its version cannot hold (sigstore protobuf-specs, `sigstore_bundle.proto`).
pub(crate) fn shape(bundle: &Value) -> Result<Shape, Refusal> {
    let Some(object) = bundle.as_object() else {
        return Err(Refusal::malformed("a bundle is not a JSON object"));
    };
    if object.contains_key("payloadType") && object.contains_key("payload") && !object.contains_key("mediaType") {
        return Err(Refusal::doubt(
            Doubt::NoProvenTime,
            "a bare DSSE envelope, with no log entry and no timestamp: nothing proves when it was signed",
        ));
    }
    let version = version(object)?;
    let material = object
        .get("verificationMaterial")
        .and_then(Value::as_object)
        .ok_or_else(|| Refusal::malformed("the bundle has no verification material"))?;
    let trust = exactly_one(
        material,
        &[
            ("certificate", Trust::Certificate),
            ("x509CertificateChain", Trust::Chain),
            ("publicKey", Trust::Key),
        ],
    )?;
    let holds_statement = exactly_one(object, &[("messageSignature", false), ("dsseEnvelope", true)])?;
    check_material(version, trust, material)?;
    if holds_statement {
        let signatures = object["dsseEnvelope"].get("signatures").and_then(Value::as_array);
        match signatures.map_or(0, Vec::len) {
            1 => {}
            0 => return Err(Refusal::malformed("the envelope has no signature")),
            number => {
                return Err(Refusal::doubt(
                    Doubt::UnknownFormat,
                    format!("the envelope has {number} signatures, and a bundle's envelope has one"),
                ));
            }
        }
    }
    let entries = list(material, "tlogEntries")?;
    for entry in entries {
        check_entry(version, entry)?;
    }
    if let Some(data) = present(material, "timestampVerificationData") {
        let data = data
            .as_object()
            .ok_or_else(|| Refusal::malformed("the bundle's timestamps are not a JSON object"))?;
        list(data, "rfc3161Timestamps")?;
    }
    Ok(Shape {
        version,
        trust,
        holds_statement,
        entries: entries.len(),
    })
}

/// Checks a bundle without log and time, as model signatures by keys and by certificates are: v0.3 by name, with a chain of
/// certificates where it has one.
pub(crate) fn plain_shape(bundle: &Value) -> Result<(), Refusal> {
    let Some(object) = bundle.as_object() else {
        return Err(Refusal::malformed("a signature is not a JSON object"));
    };
    version(object)?;
    let material = object
        .get("verificationMaterial")
        .and_then(Value::as_object)
        .ok_or_else(|| Refusal::malformed("the signature has no verification material"))?;
    exactly_one(material, &[("x509CertificateChain", ()), ("publicKey", ())])?;
    exactly_one(object, &[("dsseEnvelope", ()), ("messageSignature", ())])?;
    if let Some(chain) = material.get("x509CertificateChain").and_then(Value::as_object) {
        list(chain, "certificates")?;
    }
    for name in ["tlogEntries", "rfc3161Timestamps"] {
        if !list(material, name)?.is_empty() {
            return Err(Refusal::doubt(
                Doubt::UnknownFormat,
                "a log entry beside a key's or an authority's signature is not judged here",
            ));
        }
    }
    Ok(())
}

fn version(object: &Map<String, Value>) -> Result<Version, Refusal> {
    // The library takes a bundle without a media type for v0.1, of which the least is asked.
    match object.get("mediaType").and_then(Value::as_str) {
        Some("application/vnd.dev.sigstore.bundle+json;version=0.1") => Ok(Version::V01),
        Some("application/vnd.dev.sigstore.bundle+json;version=0.2") => Ok(Version::V02),
        Some(
            "application/vnd.dev.sigstore.bundle+json;version=0.3" | "application/vnd.dev.sigstore.bundle.v0.3+json",
        ) => Ok(Version::V03),
        Some(other) => Err(Refusal::doubt(
            Doubt::UnknownFormat,
            format!(
                "`{}` is no version of a Sigstore bundle that is known here",
                shown(other)
            ),
        )),
        None => Err(Refusal::malformed("the bundle does not say which version it is of")),
    }
}

fn check_material(version: Version, trust: Trust, material: &Map<String, Value>) -> Result<(), Refusal> {
    match (version, trust) {
        (Version::V01 | Version::V02, Trust::Certificate) => Err(Refusal::malformed(
            "the bundle holds a single certificate, as only v0.3 may, and says that it is older",
        )),
        (Version::V03, Trust::Chain) => Err(Refusal::malformed(
            "the bundle holds a chain of certificates, as only versions before v0.3 may, and says that it is v0.3",
        )),
        (_, Trust::Chain) => {
            let chain = material["x509CertificateChain"]
                .as_object()
                .ok_or_else(|| Refusal::malformed("the chain of certificates is not a JSON object"))?;
            if list(chain, "certificates")?.is_empty() {
                return Err(Refusal::malformed("the chain of certificates is empty"));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Every entry is asked for what its version needs: the library is content if one of them has it.
fn check_entry(version: Version, entry: &Value) -> Result<(), Refusal> {
    let entry = entry
        .as_object()
        .ok_or_else(|| Refusal::malformed("a log entry is not a JSON object"))?;
    let kind = entry.get("kindVersion").and_then(Value::as_object);
    let word = |name| kind.and_then(|kind| kind.get(name)).and_then(Value::as_str);
    match (word("kind"), word("version")) {
        (Some("hashedrekord"), Some("0.0.1" | "0.0.2"))
        | (Some("dsse"), Some("0.0.1"))
        | (Some("intoto"), Some("0.0.2")) => {}
        (Some(kind), Some(version)) => {
            return Err(Refusal::doubt(
                Doubt::UnknownFormat,
                format!(
                    "the log entry is of kind `{}` {}, which is not known here",
                    shown(kind),
                    shown(version)
                ),
            ));
        }
        _ => return Err(Refusal::malformed("a log entry does not say of which kind it is")),
    }
    let checkpoint = match present(entry, "inclusionProof") {
        None => None,
        Some(proof) => {
            let proof = proof
                .as_object()
                .ok_or_else(|| Refusal::malformed("an inclusion proof is not a JSON object"))?;
            let hashes = proof.get("hashes").and_then(Value::as_array).map_or(0, Vec::len);
            if hashes > MAX_PROOF_HASHES {
                return Err(Refusal::wrong(
                    Fault::LogWrong,
                    format!("the inclusion proof has {hashes} hashes, more than any tree needs"),
                ));
            }
            let envelope = proof
                .get("checkpoint")
                .and_then(|checkpoint| checkpoint.get("envelope"))
                .and_then(Value::as_str)
                .unwrap_or_default();
            if envelope.is_empty() {
                return Err(Refusal::doubt(
                    Doubt::Incomplete,
                    "the log entry's inclusion proof has no checkpoint, and nothing may be looked up",
                ));
            }
            Some(envelope)
        }
    };
    match version {
        Version::V01 if present(entry, "inclusionPromise").is_none() => Err(Refusal::doubt(
            Doubt::Incomplete,
            "the log entry has no inclusion promise, as v0.1 needs one",
        )),
        Version::V02 | Version::V03 if checkpoint.is_none() => Err(Refusal::doubt(
            Doubt::Incomplete,
            "the log entry has no inclusion proof, and nothing may be looked up",
        )),
        _ => Ok(()),
    }
}

/// A field that is there and not `null`, which protobuf's JSON writes for what is left out.
fn present<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn list<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], Refusal> {
    match present(object, name) {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= MAX_PARTS => Ok(items),
        Some(Value::Array(items)) => Err(Refusal::doubt(
            Doubt::TooLarge,
            format!("`{name}` has {} items, and at most {MAX_PARTS} are judged", items.len()),
        )),
        Some(_) => Err(Refusal::malformed(format!("`{name}` is not a list"))),
    }
}

fn exactly_one<T: Copy>(object: &Map<String, Value>, choices: &[(&str, T)]) -> Result<T, Refusal> {
    let mut found = choices.iter().filter(|(name, _)| present(object, name).is_some());
    match (found.next(), found.next()) {
        (Some((_, one)), None) => Ok(*one),
        (first, _) => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let problem = if first.is_some() { "more than one" } else { "none" };
            Err(Refusal::malformed(format!(
                "the bundle has {problem} of {}",
                names.join(", ")
            )))
        }
    }
}

/// Builds a value, counting what it takes, and refusing duplicate keys. The library's own limit of depth is 128.
#[derive(Clone, Copy)]
struct Strict<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self
            .0
            .get()
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom("too many values"))?;
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{}` stands twice", shown(&key))));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
