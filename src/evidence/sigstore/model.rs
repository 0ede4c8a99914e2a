//! `model-signing`: OpenSSF model signing (model-transparency, formats v0.2, v1.0 and v1.1). One signature lists every file of a model by
//! path and digest; an artifact is one of these files.
//!
//! Signed by an identity (a Sigstore bundle like any other), by a pinned key, or by a certificate under a pinned authority. The last
//! two have no log and no proven time. What the signature leaves out by name proves nothing, and a file that it neither lists
//! nor leaves out does not belong to the model.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::anchor::PinnedKey;
use super::library::{self, Bundle, Key};
use super::parse;
use super::refusal::{Refusal, settled, shown};
use super::statement::{Digests, Statement};
use super::verify::{Judge, Keys, Rules};
use super::{anchor, authority, chain};
use crate::evidence::x509::Certificate;
use crate::evidence::{Context, Evidence, EvidenceKind};
use crate::model::{Artifact, Content, Digest, Doubt, Fault, Finding, Level, Material, Signer};

/// The statement of formats v1.0 and v1.1.
pub(crate) const SIGNATURE: &str = "https://model_signing/signature/v1.0";
/// The statement of format v0.2.
const OLD_SIGNATURE: &str = "https://model_signing/Digests/v0.1";

static RULES: Rules = Rules {
    id: "model-signing",
    statement: check,
    takes_messages: false,
    keys: Keys::Pinned,
};

/// OpenSSF model signing.
pub(crate) struct ModelSigning;

impl EvidenceKind for ModelSigning {
    fn id(&self) -> &'static str {
        RULES.id
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        if objects.is_empty() {
            return Err(Box::new(Finding::undecided(
                RULES.id,
                Doubt::Incomplete,
                "the proof holds no signature",
            )));
        }
        let signatures = objects
            .iter()
            .map(|object| (Digest::of(object), parse::text(object)))
            .collect();
        Ok(Box::new(Signatures { signatures, context }))
    }
}

struct Signatures<'a> {
    signatures: Vec<(Digest, Result<Value, Refusal>)>,
    context: &'a Context<'a>,
}

impl Evidence for Signatures<'_> {
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding> {
        let mut digests = Digests::new(artifact, content);
        self.signatures
            .iter()
            .map(|(digest, signature)| match signature {
                _ if *digest == artifact.digest => Finding::undecided(
                    RULES.id,
                    Doubt::Incomplete,
                    "this file is the signature, which lists itself nowhere",
                ),
                Err(refusal) => refusal.finding(RULES.id),
                Ok(value) => self.judge_one(value, &mut digests),
            })
            .collect()
    }
}

impl Signatures<'_> {
    fn judge_one(&self, value: &Value, digests: &mut Digests<'_>) -> Finding {
        let material = value.get("verificationMaterial").and_then(Value::as_object);
        let signed_by = |name| material.is_some_and(|material| material.contains_key(name));
        if signed_by("certificate") {
            let judge = Judge {
                rules: &RULES,
                context: self.context,
            };
            return judge.judge(value, digests);
        }
        let mut finding = Finding::undecided(RULES.id, Doubt::Incomplete, String::new());
        let came_to = self.examine(value, signed_by("x509CertificateChain"), digests, &mut finding);
        settled(finding, came_to)
    }

    /// Judges a signature by a key or by a certificate that is no identity's: neither has a log.
    fn examine(
        &self,
        value: &Value,
        has_chain: bool,
        digests: &mut Digests<'_>,
        finding: &mut Finding,
    ) -> Result<(Level, String), Refusal> {
        parse::plain_shape(value)?;
        let bundle = Bundle::read(value)?;
        let (payload_type, payload) = bundle
            .payload()
            .ok_or_else(|| Refusal::malformed("the signature holds no statement"))?;
        let statement = Statement::read(payload_type, payload)?;
        finding.claims = statement.claims();
        finding.notes.push("no transparency log has it".to_owned());
        finding.notes.push("nothing proves when it was signed".to_owned());
        let message = |key: &Key| {
            let signature = bundle.signature();
            key.verify(&library::envelope_message(payload_type, payload), signature)
                .or_else(|refusal| {
                    if statement.predicate_type == OLD_SIGNATURE {
                        key.verify_sha256(&old_message(payload_type, payload), signature)
                    } else {
                        Err(refusal)
                    }
                })
        };
        let artifact = digests.artifact();
        let anchor = if has_chain {
            let mut certificates = Vec::new();
            for der in bundle.certificates() {
                certificates.push(Certificate::from_der(der)?);
            }
            let first = certificates
                .first()
                .ok_or_else(|| Refusal::malformed("the chain of certificates is empty"))?;
            finding.signers = vec![first.signer()];
            let key = authority::key_of(first.parsed())?;
            finding.algorithm = Some(key.algorithm().to_owned());
            let anchor = chain::verify(RULES.id, &certificates, artifact, self.context)?;
            message(&key)?;
            anchor
        } else {
            let pinned = anchor::keys(self.context);
            if pinned.is_empty() {
                return Err(Refusal::doubt(Doubt::NoAnchor, "signed by a key, and no key is pinned"));
            }
            let mut refusal = Refusal::doubt(Doubt::UnknownSigner, "signed by a key that is not pinned");
            let mut found = None;
            for pinned in pinned {
                match message(&pinned.key) {
                    Ok(()) => {
                        found = Some(pinned);
                        break;
                    }
                    Err(wrong) if names(value, bundle.hint(), &pinned) => refusal = wrong,
                    Err(_) => {}
                }
            }
            let Some(signer) = found else {
                return Err(refusal);
            };
            finding.signers = vec![Signer::key(
                signer.key.fingerprint().to_string(),
                Some(signer.anchor.name.clone()),
            )];
            finding.algorithm = Some(signer.key.algorithm().to_owned());
            anchor::check_bounds(RULES.id, signer.anchor, artifact, [self.context.now])?;
            signer.anchor
        };
        finding.anchors.push(anchor.name.clone());
        check(&statement, digests)?;
        Ok((
            anchor.speaks_for.level(),
            format!(
                "anchor `{}` pins who signed the model, which lists this file",
                anchor.name
            ),
        ))
    }
}

/// Whether a signature names a pinned key: by its fingerprint, by the one over its PEM (v1.1), or by the PEM itself (v1.0).
fn names(value: &Value, hint: &str, pinned: &PinnedKey<'_>) -> bool {
    let Material::PublicKey(pem) = &pinned.anchor.material else {
        return false;
    };
    let stated = value
        .pointer("/verificationMaterial/publicKey/rawBytes")
        .and_then(Value::as_str)
        .and_then(|text| STANDARD.decode(text).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|pem| Key::from_pem(&pem).ok());
    pinned.is_named(hint)
        || stated.is_some_and(|key| key == pinned.key)
        || hint == Digest::of(format!("{}\n", pem.trim()).as_bytes()).hex()
}

/// What format v0.2 signed instead of DSSE's encoding: by a mistake of its maker, Python's spelling of the payload.
fn old_message(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let quote = if payload.contains(&b'\'') && !payload.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    let mut message = format!("DSSEV1 {} {payload_type} {} b", payload_type.len(), payload.len()).into_bytes();
    message.push(quote);
    for byte in payload {
        match byte {
            b'\\' => message.extend(br"\\"),
            b'\t' => message.extend(br"\t"),
            b'\n' => message.extend(br"\n"),
            b'\r' => message.extend(br"\r"),
            byte if *byte == quote => message.extend([b'\\', quote]),
            0x20..0x7f => message.push(*byte),
            byte => message.extend(format!("\\x{byte:02x}").into_bytes()),
        }
    }
    message.push(quote);
    message
}

/// Checks that the statement is about a model, holds together, and lists the artifact.
fn check(statement: &Statement, digests: &mut Digests<'_>) -> Result<(), Refusal> {
    let artifact = digests.artifact();
    let (listed, ignored) = match statement.predicate_type.as_str() {
        SIGNATURE => (resources(statement)?, ignored(statement)),
        OLD_SIGNATURE => (old_resources(statement)?, Vec::new()),
        other => {
            return Err(Refusal::doubt(
                Doubt::UnknownFormat,
                format!("`{}` is no signature of a model that is known here", shown(other)),
            ));
        }
    };
    match listed.get(artifact.file.as_str()) {
        Some(expected) if *expected == artifact.digest => Ok(()),
        Some(expected) => Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!(
                "the model's signature lists `{}` with {expected}",
                shown(&artifact.file)
            ),
        )),
        None if ignored.iter().any(|path| is_within(&artifact.file, path)) => Err(Refusal::doubt(
            Doubt::Incomplete,
            format!("the model's signature leaves `{}` out", shown(&artifact.file)),
        )),
        None => Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!("the model's signature does not list `{}`", shown(&artifact.file)),
        )),
    }
}

/// The files of formats v1.0 and v1.1; the subject's digest is over theirs, in their order.
fn resources(statement: &Statement) -> Result<BTreeMap<&str, Digest>, Refusal> {
    let malformed = || Refusal::malformed("the model's list of files is not as its format has it");
    let method = statement
        .predicate
        .pointer("/serialization/method")
        .and_then(Value::as_str)
        .ok_or_else(malformed)?;
    if method != "files" {
        return Err(Refusal::doubt(
            Doubt::UnknownFormat,
            format!(
                "the model is signed by the method `{}`, not file by file",
                shown(method)
            ),
        ));
    }
    let mut all = digest::Context::new(&digest::SHA256);
    let mut listed = BTreeMap::new();
    for resource in statement
        .predicate
        .get("resources")
        .and_then(Value::as_array)
        .ok_or_else(malformed)?
    {
        let field = |name| resource.get(name).and_then(Value::as_str).ok_or_else(malformed);
        let algorithm = field("algorithm")?;
        if algorithm != "sha256" {
            return Err(Refusal::doubt(
                Doubt::UnknownAlgorithm,
                format!("the model's files are listed by {}", shown(algorithm)),
            ));
        }
        let value: Digest = format!("sha256:{}", field("digest")?)
            .parse()
            .map_err(|_| malformed())?;
        all.update(value.as_bytes());
        if listed.insert(field("name")?, value).is_some() {
            return Err(Refusal::malformed("the model's list has a file twice"));
        }
    }
    let whole = hex::encode(all.finish());
    match statement.only_subject()?.digests.get("sha256") {
        Some(stated) if *stated == whole => Ok(listed),
        _ => Err(Refusal::malformed(
            "the model's digest is not the one over its list of files",
        )),
    }
}

/// The files that a model's signature lists, of which nothing is judged and nothing believed; `None` for anything else.
pub(crate) fn named(untrusted: &[u8]) -> Option<BTreeSet<String>> {
    let value = parse::text(untrusted).ok()?;
    let bundle = Bundle::read(&value).ok()?;
    let (payload_type, payload) = bundle.payload()?;
    let statement = Statement::read(payload_type, payload).ok()?;
    let listed = match statement.predicate_type.as_str() {
        SIGNATURE => resources(&statement),
        OLD_SIGNATURE => old_resources(&statement),
        _ => return None,
    };
    Some(listed.ok()?.into_keys().map(str::to_owned).collect())
}

/// The files of format v0.2: one subject each.
fn old_resources(statement: &Statement) -> Result<BTreeMap<&str, Digest>, Refusal> {
    let mut listed = BTreeMap::new();
    for subject in &statement.subjects {
        let value = subject
            .digests
            .get("sha256")
            .and_then(|value| format!("sha256:{value}").parse().ok())
            .ok_or_else(|| Refusal::malformed("the model lists a file without a SHA-256"))?;
        if listed.insert(subject.name.as_str(), value).is_some() {
            return Err(Refusal::malformed("the model's list has a file twice"));
        }
    }
    Ok(listed)
}

fn ignored(statement: &Statement) -> Vec<&str> {
    statement
        .predicate
        .pointer("/serialization/ignore_paths")
        .and_then(Value::as_array)
        .map(|paths| paths.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

/// Whether a path is another one or lies below it.
fn is_within(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    !folder.is_empty()
        && path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_message_is_spelt_as_python_does() {
        let spelt = |payload: &[u8]| String::from_utf8(old_message("t", payload)).unwrap();
        assert_eq!(spelt(b"{\"a\"}\n"), r#"DSSEV1 1 t 6 b'{"a"}\n'"#);
        assert_eq!(spelt(b"it's"), r#"DSSEV1 1 t 4 b"it's""#);
        assert_eq!(spelt(b"'\"\\"), r#"DSSEV1 1 t 3 b'\'"\\'"#);
        assert_eq!(spelt(b"\x00\x7f\xff\t\r"), r"DSSEV1 1 t 5 b'\x00\x7f\xff\t\r'");
    }

    #[test]
    fn what_lies_below_a_folder_is_left_out_with_it() {
        assert!(is_within(".git/config", ".git"));
        assert!(is_within(".git", ".git/"));
        assert!(!is_within(".gitignore", ".git"));
        assert!(!is_within("a", ""));
        assert!(!is_within("/a", "/"));
        assert!(!is_within("a/.git", ".git"));
    }
}
