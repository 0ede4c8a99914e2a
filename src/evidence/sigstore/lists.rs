//! Bundles in lists: `sigstore` for any file, `rubygems-attestations` and `conda-attestations` with what is particular to them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::parse;
use super::refusal::{Refusal, shown};
use super::statement::{Digests, Statement};
use super::verify::{Keys, Rules, by_digest, only_by_digest};
use super::{Item, Kind, legacy};
use crate::model::{Doubt, Fault};

/// The publish statement of conda (CEP 27).
pub(crate) const CONDA_PUBLISH: &str = "https://schemas.conda.org/attestations-publish-1.schema.json";
/// The same in the drafts, which are in use.
pub(crate) const CONDA_PUBLISH_DRAFT: &str = "https://schemas.conda.org/attestations/publish/v1";

/// Sigstore bundles about an artifact: one, a list, or one a line, also as forges answer.
pub(crate) const SIGSTORE: Kind = Kind {
    rules: &Rules {
        id: "sigstore",
        statement: by_digest,
        takes_messages: true,
        keys: Keys::Pinned,
    },
    read,
};

/// Attestations of a gem: a list of bundles.
pub(crate) const RUBYGEMS_ATTESTATIONS: Kind = Kind {
    rules: &Rules {
        id: "rubygems-attestations",
        statement: by_digest,
        takes_messages: true,
        keys: Keys::None,
    },
    read: read_repaired,
};

/// Attestations of a conda package: a list of bundles (CEP 27, CEP 50).
pub(crate) const CONDA_ATTESTATIONS: Kind = Kind {
    rules: &Rules {
        id: "conda-attestations",
        statement: check_conda,
        takes_messages: false,
        keys: Keys::None,
    },
    read,
};

fn read(untrusted: &[u8]) -> Result<Vec<Item>, Refusal> {
    let mut items = Vec::new();
    for value in parse::texts(untrusted)? {
        for bundle in parse::bundles(value) {
            items.push(match legacy::bundle(&bundle) {
                Some(Ok(converted)) => Item {
                    bundle: Ok(converted),
                    note: Some("an older form of cosign, read as a bundle of v0.1"),
                },
                Some(Err(refusal)) => Item::from(Err(refusal)),
                None => Item::from(Ok(bundle)),
            });
        }
    }
    Ok(items)
}

/// CEP 27, "Statement": one subject, its name is the file's, its one digest is SHA-256.
fn check_conda(statement: &Statement, digests: &mut Digests<'_>) -> Result<(), Refusal> {
    match statement.predicate_type.as_str() {
        CONDA_PUBLISH | CONDA_PUBLISH_DRAFT => {}
        other => {
            return Err(Refusal::doubt(
                Doubt::UnknownFormat,
                format!("`{}` is no statement that channels take", shown(other)),
            ));
        }
    }
    let subject = only_by_digest(statement, digests)?;
    if subject.digests.len() != 1 || !subject.digests.contains_key("sha256") {
        return Err(Refusal::malformed(
            "the statement's subject has other digests than SHA-256",
        ));
    }
    if subject.name != digests.artifact().file {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!("the statement is about the file `{}`", shown(&subject.name)),
        ));
    }
    Ok(())
}

/// Reads bundles as the gem registry stored some of them, with two faults, each repaired in a copy: a log entry's kind is missing, which
/// its signed body says too, and a certificate is base64 of PEM instead of DER. What is signed is not touched.
fn read_repaired(untrusted: &[u8]) -> Result<Vec<Item>, Refusal> {
    let mut items = Vec::new();
    for value in parse::texts(untrusted)? {
        for mut bundle in parse::bundles(value) {
            let kinds = repair_kinds(&mut bundle);
            let certificate = repair_certificate(&mut bundle);
            items.push(Item {
                bundle: Ok(bundle),
                note: match (kinds.is_some(), certificate.is_some()) {
                    (true, true) => {
                        Some("repaired: the log entry's kind was missing, and the certificate was PEM in base64")
                    }
                    (true, false) => Some("repaired: the log entry's kind was missing"),
                    (false, true) => Some("repaired: the certificate was PEM in base64"),
                    (false, false) => None,
                },
            });
        }
    }
    Ok(items)
}

fn repair_kinds(bundle: &mut Value) -> Option<()> {
    let entries = bundle
        .pointer_mut("/verificationMaterial/tlogEntries")?
        .as_array_mut()?;
    let mut repaired = None;
    for entry in entries {
        let entry = entry.as_object_mut()?;
        if entry.get("kindVersion").is_some_and(|kind| !kind.is_null()) {
            continue;
        }
        let body = STANDARD.decode(entry.get("canonicalizedBody")?.as_str()?).ok()?;
        let body = parse::text(&body).ok()?;
        let (kind, version) = (body.get("kind")?.as_str()?, body.get("apiVersion")?.as_str()?);
        let said = json!({"kind": kind, "version": version});
        entry.insert("kindVersion".to_owned(), said);
        repaired = Some(());
    }
    repaired
}

fn repair_certificate(bundle: &mut Value) -> Option<()> {
    let raw = bundle.pointer_mut("/verificationMaterial/certificate/rawBytes")?;
    let pem = STANDARD.decode(raw.as_str()?).ok()?;
    let pem = std::str::from_utf8(&pem).ok()?;
    let inner = pem
        .trim()
        .strip_prefix("-----BEGIN CERTIFICATE-----")?
        .strip_suffix("-----END CERTIFICATE-----")?;
    *raw = Value::String(inner.split_ascii_whitespace().collect());
    Some(())
}
