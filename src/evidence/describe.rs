//! What an anchor's material is, in words: for whoever pins it, signs it, or looks at it later. Material that no kind could use
//! is refused here, before it is pinned.

use sequoia_openpgp as openpgp;

use openpgp::cert::CertParser;
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;

use crate::model::{Digest, Material};

/// Describes a material, a line for each key, certificate or log in it. The error is one phrase.
pub fn describe(material: &Material) -> Result<Vec<String>, String> {
    match material {
        Material::Openpgp(armored) => openpgp_lines(armored),
        Material::Identity(pattern) => {
            pattern.check().map_err(|error| error.to_string())?;
            Ok(Vec::new())
        }
        Material::SigstoreRoot(text) => sigstore_lines(text),
        Material::NpmKeys(text) => npm_lines(text),
        Material::TufRoot(text) => super::tuf::describe(text).map(|line| vec![line]),
        Material::PublicKey(text) => {
            let pinned = super::public_key::read(text).map_err(|error| error.to_string())?;
            let (algorithm, digest) = (pinned.key.algorithm(), pinned.key.id().hex());
            Ok(vec![format!("public key {algorithm}, sha256 {digest}")])
        }
        Material::Certificates(pem) | Material::TimestampCertificates(pem) => certificate_lines(pem),
        Material::NoteKey(text) => {
            let key = super::note::VerifierKey::read(text).map_err(|error| error.to_string())?;
            Ok(vec![format!(
                "signs as {}, key hash {}",
                key.name,
                hex::encode(key.hash)
            )])
        }
        Material::AllowedSigners(text) => {
            let lines = text
                .lines()
                .filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
            let principals: Vec<String> = lines
                .filter_map(|line| line.split_whitespace().next())
                .map(|principal| format!("signs as {principal}"))
                .collect();
            if principals.is_empty() {
                return Err("it lists no signer".to_owned());
            }
            Ok(principals)
        }
        Material::MinisignKey(text) | Material::SignifyKey(text) => {
            let key = text
                .lines()
                .rfind(|line| !line.trim().is_empty() && !line.starts_with("untrusted comment:"))
                .ok_or("it holds no key")?;
            Ok(vec![format!("public key {}", key.trim())])
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

fn openpgp_lines(armored: &str) -> Result<Vec<String>, String> {
    super::update::certificates(armored)?
        .iter()
        .map(|certificate| {
            let names: Vec<String> = certificate
                .userids()
                .map(|userid| String::from_utf8_lossy(userid.userid().value()).into_owned())
                .collect();
            Ok(format!("{} {}", certificate.fingerprint().to_hex(), names.join(", ")))
        })
        .collect()
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
            let from = valid["start"].as_str().unwrap_or("the beginning");
            let until = valid["end"].as_str().unwrap_or("no end");
            lines.push(format!("{word} {place}, from {from} to {until}"));
        }
    }
    if lines.is_empty() {
        return Err("it names no authority and no log".to_owned());
    }
    Ok(lines)
}

fn npm_lines(text: &str) -> Result<Vec<String>, String> {
    let document = json(text)?;
    let keys = document["keys"].as_array().ok_or("it has no list `keys`")?;
    let lines: Vec<String> = keys
        .iter()
        .filter_map(|key| {
            let id = key["keyid"].as_str().or_else(|| key["keyId"].as_str())?;
            let end = key["expires"]
                .as_str()
                .or_else(|| key["publicKey"]["validFor"]["end"].as_str())
                .unwrap_or("no end");
            Some(format!("key {id}, until {end}"))
        })
        .collect();
    if lines.is_empty() {
        return Err("it names no key".to_owned());
    }
    Ok(lines)
}

fn certificate_lines(pem: &str) -> Result<Vec<String>, String> {
    use x509_cert::der::Decode as _;
    pem_blocks(pem, "CERTIFICATE")?
        .iter()
        .map(|der| {
            let certificate = x509_cert::Certificate::from_der(der)
                .map_err(|error| format!("it is no X.509 certificate: {error}"))?;
            let body = certificate.tbs_certificate;
            Ok(format!(
                "{}, until {}, sha256 {}",
                body.subject,
                body.validity.not_after,
                Digest::of(der).hex()
            ))
        })
        .collect()
}

/// The contents of the blocks with a label.
fn pem_blocks(pem: &str, label: &str) -> Result<Vec<Vec<u8>>, String> {
    use base64::Engine as _;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let mut blocks = Vec::new();
    for part in pem.split(&begin).skip(1) {
        let body = part.split(&end).next().unwrap_or_default();
        let encoded: String = body.chars().filter(|character| !character.is_whitespace()).collect();
        blocks.push(
            base64::engine::general_purpose::STANDARD
                .decode(encoded)
                .map_err(|_| format!("a block {label} is no base64"))?,
        );
    }
    if blocks.is_empty() {
        return Err(format!("it has no block {label} in PEM"));
    }
    Ok(blocks)
}
