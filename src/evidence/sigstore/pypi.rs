//! `pypi-attestations`: PEP 740. A provenance object, or single attestations, each of which is a Sigstore bundle in other clothes.
//!
//! What the index says beside an attestation about its publisher is not signed, and not read.

use serde_json::{Value, json};

use super::parse;
use super::refusal::{Refusal, shown};
use super::statement::{Digests, PAYLOAD_TYPE, Statement};
use super::verify::{Keys, Rules, only_by_digest};
use super::{Item, Kind};
use crate::model::{Doubt, Fault};

/// The index's publish statement (PEP 740, "PyPI Publish Attestation").
pub(crate) const PUBLISH: &str = "https://docs.pypi.org/attestations/publish/v1";
const SLSA: &str = "https://slsa.dev/provenance/v1";

/// PEP 740: attestations of a distribution.
pub(crate) const PYPI_ATTESTATIONS: Kind = Kind {
    rules: &Rules {
        id: "pypi-attestations",
        statement: check,
        takes_messages: false,
        keys: Keys::None,
    },
    read,
};

fn check(statement: &Statement, digests: &mut Digests<'_>) -> Result<(), Refusal> {
    let subject = only_by_digest(statement, digests)?;
    // PEP 740, "Attestation statements": SHA-256 is the one digest that has to be there.
    if !subject.digests.contains_key("sha256") {
        return Err(Refusal::malformed("the statement's subject has no SHA-256"));
    }
    let file = &digests.artifact().file;
    if !same_file(&subject.name, file) {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!("the statement is about the file `{}`", shown(&subject.name)),
        ));
    }
    match statement.predicate_type.as_str() {
        PUBLISH | SLSA => Ok(()),
        other => Err(Refusal::doubt(
            Doubt::UnknownFormat,
            format!("`{}` is no statement that this index takes", shown(other)),
        )),
    }
}

fn read(untrusted: &[u8]) -> Result<Vec<Item>, Refusal> {
    let value = parse::text(untrusted)?;
    if value.get("version") != Some(&json!(1)) {
        return Err(Refusal::doubt(
            Doubt::UnknownFormat,
            "the attestations are not of version 1 (PEP 740)",
        ));
    }
    let Some(bundles) = value.get("attestation_bundles") else {
        return Ok(vec![Item::from(bundle(&value))]);
    };
    let malformed = || Refusal::malformed("the provenance object is not as PEP 740 has it");
    let mut items = Vec::new();
    for bundles in bundles.as_array().ok_or_else(malformed)? {
        for attestation in bundles
            .get("attestations")
            .and_then(Value::as_array)
            .ok_or_else(malformed)?
        {
            items.push(Item::from(bundle(attestation)));
        }
    }
    Ok(items)
}

/// Makes a bundle of an attestation (PEP 740, "Attestation objects").
fn bundle(attestation: &Value) -> Result<Value, Refusal> {
    let malformed = |what: &str| Refusal::malformed(format!("an attestation has no {what}"));
    if attestation.get("version") != Some(&json!(1)) {
        return Err(Refusal::doubt(
            Doubt::UnknownFormat,
            "an attestation is not of version 1 (PEP 740)",
        ));
    }
    let material = attestation
        .get("verification_material")
        .ok_or_else(|| malformed("verification material"))?;
    // The index's own library writes base64 in lines.
    let base64 = |of: Option<&Value>, what: &str| -> Result<String, Refusal> {
        let text = of.and_then(Value::as_str).ok_or_else(|| malformed(what))?;
        Ok(text.split_ascii_whitespace().collect())
    };
    let envelope = attestation.get("envelope").ok_or_else(|| malformed("envelope"))?;
    let mut timestamps = Vec::new();
    match material.get("timestamps") {
        None | Some(Value::Null) => {}
        Some(Value::Array(list)) => {
            for timestamp in list {
                timestamps.push(json!({"signedTimestamp": base64(Some(timestamp), "readable timestamp")?}));
            }
        }
        Some(_) => return Err(malformed("list of timestamps")),
    }
    Ok(json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": base64(material.get("certificate"), "certificate")?},
            "tlogEntries": material.get("transparency_entries").ok_or_else(|| malformed("log entries"))?,
            "timestampVerificationData": {"rfc3161Timestamps": timestamps},
        },
        "dsseEnvelope": {
            "payload": base64(envelope.get("statement"), "statement")?,
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64(envelope.get("signature"), "signature")?}],
        },
    }))
}

/// Whether two names mean one file: older ones differ in how project and version are spelt (PEP 503, PEP 440).
fn same_file(one: &str, other: &str) -> bool {
    one == other || matches!((parts(one), parts(other)), (Some(one), Some(other)) if one == other)
}

/// A file's name as its kind, project, version and the rest, each in its normal form.
fn parts(file: &str) -> Option<(&'static str, String, Vec<String>, Vec<String>)> {
    if let Some(stem) = file.strip_suffix(".whl") {
        let all: Vec<&str> = stem.split('-').collect();
        let (name, version, tags) = match all.as_slice() {
            [name, version, tags @ ..] if tags.len() == 3 || tags.len() == 4 => (name, version, tags),
            _ => return None,
        };
        // A compressed tag set is a set (PEP 425).
        let tags = tags
            .iter()
            .map(|tag| {
                let mut set: Vec<&str> = tag.split('.').collect();
                set.sort_unstable();
                set.join(".")
            })
            .collect();
        return Some(("wheel", name_of(name), version_of(version), tags));
    }
    let (kind, stem) = match file.strip_suffix(".tar.gz") {
        Some(stem) => ("tar.gz", stem),
        None => ("zip", file.strip_suffix(".zip")?),
    };
    let (name, version) = stem.rsplit_once('-')?;
    Some((kind, name_of(name), version_of(version), Vec::new()))
}

fn name_of(name: &str) -> String {
    name.split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .map(str::to_ascii_lowercase)
        .collect::<Vec<_>>()
        .join("-")
}

/// A version as its numbers and words (PEP 440, "Normalization"): zeros before a number, and what stands between, mean nothing.
fn version_of(version: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut joins = false;
    for character in version.trim_start_matches(['v', 'V']).chars() {
        let fits = tokens
            .last()
            .and_then(|token| token.chars().next())
            .is_some_and(|first| first.is_ascii_digit() == character.is_ascii_digit());
        match character {
            '.' | '-' | '_' => joins = false,
            '+' | '!' => {
                tokens.push(character.to_string());
                joins = false;
            }
            other => {
                if joins && fits {
                    if let Some(last) = tokens.last_mut() {
                        last.push(other.to_ascii_lowercase());
                    }
                } else {
                    tokens.push(other.to_ascii_lowercase().to_string());
                }
                joins = true;
            }
        }
    }
    for token in &mut tokens {
        let word = match token.as_str() {
            "alpha" => "a",
            "beta" => "b",
            "c" | "pre" | "preview" => "rc",
            "rev" | "r" => "post",
            number if number.starts_with('0') => match number.trim_start_matches('0') {
                "" => "0",
                rest => rest,
            },
            other => other,
        };
        *token = word.to_owned();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_one_file_or_do_not() {
        for (one, other) in [
            ("Foo_Bar-1.0-py3-none-any.whl", "foo_bar-1.0-py3-none-any.whl"),
            ("foo.bar-1.0.tar.gz", "foo_bar-1.0.tar.gz"),
            ("foo-bar-1.0.tar.gz", "foo_bar-1.0.tar.gz"),
            ("foo-1.0rc1.tar.gz", "foo-1.0.RC.01.tar.gz"),
            ("foo-1.0-py3.py2-none-any.whl", "foo-1.0-py2.py3-none-any.whl"),
        ] {
            assert!(same_file(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("foo-1.0.tar.gz", "foo-1.0.zip"),
            ("foo-1.0.tar.gz", "foo-1.1.tar.gz"),
            ("foo-1.1.tar.gz", "foo-11.tar.gz"),
            ("foo-1.0.tar.gz", "bar-1.0.tar.gz"),
            ("foo-1.0+1.tar.gz", "foo-1.0.1.tar.gz"),
            ("foo-1!0.tar.gz", "foo-1.0.tar.gz"),
            ("foo-1.0-py3-none-any.whl", "foo-1.0-py2-none-any.whl"),
            ("foo-1.0-py3-none-any.whl", "foo-1.0-1-py3-none-any.whl"),
            ("", "foo-1.0.tar.gz"),
            ("foo", "Foo"),
        ] {
            assert!(!same_file(one, other), "{one} {other}");
        }
    }
}
