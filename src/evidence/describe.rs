//! What an anchor's material is, in words: for whoever pins it, signs it, or looks at it later. Each material is read by the very
//! reader that judges by it, so that what no kind could use is refused here, before it is pinned.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sequoia_openpgp as openpgp;

use openpgp::Cert;
use openpgp::cert::CertParser;
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;

use super::{minisign, npm_signature, public_key, signify, sigstore, sshsig, tuf, x509};
use crate::crypto::key::PublicKey;
use crate::crypto::note::{VerifierKey, WitnessKey};
use crate::model::{Digest, Material, Timestamp};

/// Describes a material, a line for each key, certificate or log in it. The error is one phrase.
pub fn describe(material: &Material) -> Result<Vec<String>, String> {
    match material {
        Material::Openpgp(armored) => Ok(super::update::certificates(armored)?
            .iter()
            .map(certificate_line)
            .collect()),
        Material::Identity(pattern) => {
            pattern.check().map_err(|error| error.to_string())?;
            Ok(Vec::new())
        }
        Material::SigstoreRoot(text) => sigstore_lines(text),
        Material::NpmKeys(text) => npm_lines(text),
        Material::TufRoot(text) => tuf::describe(text).map(|line| vec![line]),
        Material::PublicKey(text) => public_key_line(text).map(|line| vec![line]),
        Material::Certificates(pem) | Material::TimestampCertificates(pem) => x509_lines(pem),
        Material::NoteKey(text) => {
            // A witness of a log signs otherwise, and its key says so (C2SP tlog-cosignature).
            if let Ok(witness) = WitnessKey::read(text.trim()) {
                return Ok(vec![format!("a witness of logs, {}", witness.shown())]);
            }
            let key = VerifierKey::read(text.trim()).map_err(|error| error.to_string())?;
            Ok(vec![format!(
                "signs as {}, key hash {}",
                key.name,
                hex::encode(key.hash)
            )])
        }
        Material::AllowedSigners(text) => signer_lines(text),
        Material::MinisignKey(text) => {
            let key = minisign::read_key(text).map_err(|error| error.to_string())?;
            Ok(vec![raw_key_line(&minisign::show_id(key.id), &key.key)])
        }
        Material::SignifyKey(text) => {
            let key = signify::read_key(text).map_err(|error| error.to_string())?;
            Ok(vec![raw_key_line(&hex::encode(key.id), &key.key)])
        }
    }
}

/// Gives OpenPGP certificates in armor, whichever way they came. The error is one phrase.
pub fn armored(bytes: &[u8]) -> Result<String, String> {
    let parser = CertParser::from_bytes(bytes).map_err(|error| unreadable(&error))?;
    let mut text = String::new();
    for certificate in parser {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        if certificate.is_tsk() {
            return Err("it holds a secret key".to_owned());
        }
        let armored = certificate.armored().to_vec().map_err(|error| unreadable(&error))?;
        text.push_str(&String::from_utf8(armored).map_err(|error| unreadable(&error))?);
        text.push('\n');
    }
    if text.is_empty() {
        return Err("it holds no OpenPGP certificate".to_owned());
    }
    Ok(text)
}

fn unreadable(error: &dyn std::fmt::Display) -> String {
    format!("it is no OpenPGP certificate: {error}")
}

fn certificate_line(certificate: &Cert) -> String {
    let names: Vec<String> = certificate
        .userids()
        .map(|userid| String::from_utf8_lossy(userid.userid().value()).into_owned())
        .collect();
    let key = certificate.primary_key().key();
    let made = key
        .creation_time()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .map_or_else(String::new, |seconds| {
            format!(", made {}", Timestamp::from_seconds(seconds))
        });
    let bits = key
        .mpis()
        .bits()
        .map_or_else(String::new, |bits| format!(" {bits} bits"));
    let owner = if names.is_empty() {
        "nobody named".to_owned()
    } else {
        names.join(", ")
    };
    format!(
        "{} {owner}; {}{bits}{made}",
        certificate.fingerprint().to_hex(),
        key.pk_algo()
    )
}

fn json(text: &str) -> Result<serde_json::Value, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))
}

fn sigstore_lines(text: &str) -> Result<Vec<String>, String> {
    let root = json(text)?;
    let media = root["mediaType"].as_str().unwrap_or_default();
    if !media.starts_with("application/vnd.dev.sigstore.trustedroot") {
        return Err("it is no Sigstore trusted root".to_owned());
    }
    sigstore::Root::read(text).map_err(|refusal| refusal.reason)?;
    let mut lines = Vec::new();
    for (field, word) in [
        ("certificateAuthorities", "certificate authority"),
        ("tlogs", "transparency log"),
        ("ctlogs", "certificate log"),
        ("timestampAuthorities", "timestamp authority"),
    ] {
        for entry in root[field].as_array().into_iter().flatten() {
            let place = entry["uri"]
                .as_str()
                .or_else(|| entry["baseUrl"].as_str())
                .unwrap_or("without address");
            let valid = &entry["validFor"];
            let valid = if valid.is_null() {
                &entry["publicKey"]["validFor"]
            } else {
                valid
            };
            lines.push(format!(
                "{word} {place}{}",
                window(valid["start"].as_str(), valid["end"].as_str())
            ));
        }
    }
    if lines.is_empty() {
        return Err("it names no authority and no log".to_owned());
    }
    Ok(lines)
}

fn npm_lines(text: &str) -> Result<Vec<String>, String> {
    let keys = npm_signature::read_keys(text).map_err(|error| error.to_string())?;
    let lines = keys.iter().map(|key| {
        let (from, until) = (
            key.from.map(|time| time.to_string()),
            key.until.map(|time| time.to_string()),
        );
        format!("key {}{}", key.id, window(from.as_deref(), until.as_deref()))
    });
    Ok(lines.collect())
}

/// A window of validity behind a comma; nothing where it is open on both sides.
fn window(from: Option<&str>, until: Option<&str>) -> String {
    let mut text = String::new();
    if from.is_some() || until.is_some() {
        text.push(',');
    }
    for (word, end) in [("from", from), ("until", until)] {
        if let Some(end) = end {
            text.push_str(&format!(" {word} {end}"));
        }
    }
    text
}

fn public_key_line(text: &str) -> Result<String, String> {
    let blocks = text.matches("-----BEGIN ").count();
    if blocks > 1 {
        return Err(format!("it holds {blocks} blocks of PEM, and an anchor is one key"));
    }
    if let Ok(pinned) = public_key::read(text) {
        return Ok(format!("{} key, {}", pinned.key.algorithm(), pinned.key.id()));
    }
    let key = sigstore::Key::from_pem(text).map_err(|refusal| refusal.reason)?;
    Ok(format!("{} key, {}", key.algorithm(), key.fingerprint()))
}

fn raw_key_line(id: &str, key: &PublicKey) -> String {
    format!(
        "{} key {id}, sha256:{}",
        key.algorithm().name(),
        Digest::of(key.info()).hex()
    )
}

fn x509_lines(pem: &str) -> Result<Vec<String>, String> {
    let certificates = x509::describe(pem).map_err(|error| error.to_string())?;
    let lines = certificates.iter().map(|one| {
        let role = if one.is_authority {
            "an authority"
        } else {
            "signs for itself alone"
        };
        format!(
            "{}; {role}, from {} until {}, sha256:{}",
            one.subject, one.valid_from, one.valid_until, one.fingerprint
        )
    });
    Ok(lines.collect())
}

fn signer_lines(text: &str) -> Result<Vec<String>, String> {
    use sha2::Digest as _;
    let signers = sshsig::read_signers(text).map_err(|error| error.to_string())?;
    if let Some(error) = signers
        .iter()
        .map(|signer| signer.key.as_ref().err())
        .collect::<Option<Vec<_>>>()
    {
        // Nobody could sign with any of them.
        let reasons: Vec<String> = error.iter().map(ToString::to_string).collect();
        return Err(reasons.join("; "));
    }
    let line = |signer: &sshsig::AllowedSigner| {
        let fingerprint = STANDARD_NO_PAD.encode(sha2::Sha256::digest(&signer.blob));
        let state = match &signer.key {
            Ok(key) => key.type_name().to_owned(),
            Err(error) => format!("unusable: {error}"),
        };
        format!(
            "{} by SHA256:{fingerprint} ({state}), namespaces {}",
            signer.principals,
            signer.shown_namespaces()
        )
    };
    Ok(signers.iter().map(line).collect())
}
