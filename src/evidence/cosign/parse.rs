//! The two ways in which cosign's signatures travel: as an image manifest whose layers are the signed payloads (the tag
//! `sha256-….sig`) or envelopes (`sha256-….att`), or as the attachments of a containers/image folder, each with its payload.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::evidence::reading::shown;
use crate::evidence::sigstore::parse;
use crate::evidence::sigstore::refusal::Refusal;
use crate::evidence::simple_signing::split;
use crate::model::{Artifact, Digest, Doubt, Fault};

/// The media type of payloads.
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The media type of attestations (sigstore/cosign `specs/ATTESTATION_SPEC.md`).
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";
/// What an attachment begins with (containers/image, `internal/signature`).
const ATTACHMENT: &[u8] = b"\0sigstore-json\n";
/// `critical.type`.
const TYPE: &str = "cosign container image signature";

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const LOG: &str = "dev.sigstore.cosign/bundle";

/// The ecosystem of plain files, among which an image's layout may lie.
const FILES: &str = "files";

/// Signatures of one image by many owners and builds.
const MAX_SIGNATURES: usize = 256;

/// Whether a layer of this media type is a DSSE envelope: cosign's, or one that is named by its predicate (in-toto Attestation Framework,
/// `spec/v1/bundle.md` and `envelope.md`).
pub(in crate::evidence) fn is_envelope(media_type: &str) -> bool {
    media_type == ENVELOPE || (media_type.starts_with("application/vnd.in-toto.") && media_type.ends_with("+dsse"))
}

/// One signature with what it signs.
pub(super) struct Item {
    pub(super) signed: Signed,
    /// Fulcio's certificate, PEM.
    pub(super) certificate: Option<String>,
    /// The log's promise, JSON.
    pub(super) log: Option<String>,
}

/// What is signed, with its signature.
pub(super) enum Signed {
    /// A payload's bytes, and the signature over them in base64.
    Payload(Vec<u8>, String),
    /// A DSSE envelope, which holds both.
    Envelope(Value),
}

/// What is signed.
#[derive(Debug, Deserialize)]
pub(super) struct Payload {
    critical: Critical,
    #[serde(default)]
    optional: Value,
}

// Readers must refuse what they do not know here (containers-signature(5), "critical").
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Identity {
    docker_reference: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Image {
    docker_manifest_digest: String,
}

/// Finds the signatures in a proof's objects.
pub(super) fn items(objects: &[Vec<u8>]) -> Result<Vec<Result<Item, Refusal>>, Refusal> {
    let mut items = Vec::new();
    let mut payloads = Vec::new();
    let mut manifests = Vec::new();
    for object in objects {
        if let Some(json) = object.strip_prefix(ATTACHMENT) {
            items.push(attachment(json));
            continue;
        }
        match parse::text(object) {
            Ok(value) if value.get("layers").is_some_and(Value::is_array) => manifests.push(value),
            _ => payloads.push((Digest::of(object).to_string(), object)),
        }
    }
    for manifest in &manifests {
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            items.push(from_layer(layer, &payloads));
        }
    }
    if items.is_empty() {
        return Err(Refusal::doubt(Doubt::Incomplete, "the proof holds no signature"));
    }
    if items.len() > MAX_SIGNATURES {
        let reason = format!("{} signatures, and at most {MAX_SIGNATURES} are judged", items.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    Ok(items)
}

fn attachment(json: &[u8]) -> Result<Item, Refusal> {
    let value = parse::text(json)?;
    check_type(value.get("mimeType"))?;
    let annotations = value.get("annotations");
    let payload = value
        .get("payload")
        .and_then(Value::as_str)
        .and_then(|text| STANDARD.decode(text).ok())
        .ok_or_else(|| Refusal::malformed("the attachment has no payload in base64"))?;
    let signature = signature(annotations)?;
    Ok(item(Signed::Payload(payload, signature), annotations))
}

fn from_layer(layer: &Value, payloads: &[(String, &Vec<u8>)]) -> Result<Item, Refusal> {
    let media_type = layer.get("mediaType");
    let holds_envelope = media_type.and_then(Value::as_str).is_some_and(is_envelope);
    if !holds_envelope {
        check_type(media_type)?;
    }
    let digest = layer.get("digest").and_then(Value::as_str).unwrap_or_default();
    let (_, payload) = payloads.iter().find(|(own, _)| own == digest).ok_or_else(|| {
        let reason = format!("the signed payload {} is not in the proof", shown(digest));
        Refusal::doubt(Doubt::Incomplete, reason)
    })?;
    let annotations = layer.get("annotations");
    // cosign writes an empty signature beside an envelope, which holds its own.
    let signed = match holds_envelope {
        true => Signed::Envelope(parse::text(payload)?),
        false => Signed::Payload((*payload).clone(), signature(annotations)?),
    };
    Ok(item(signed, annotations))
}

fn check_type(found: Option<&Value>) -> Result<(), Refusal> {
    match found.and_then(Value::as_str) {
        Some(SIMPLE_SIGNING) => Ok(()),
        other => {
            let other = other.map_or("nothing".to_owned(), shown);
            let reason = format!("what is attached is `{other}`, not a signature or an attestation of cosign");
            Err(Refusal::doubt(Doubt::UnknownFormat, reason))
        }
    }
}

fn item(signed: Signed, annotations: Option<&Value>) -> Item {
    Item {
        signed,
        certificate: annotation(annotations, CERTIFICATE),
        log: annotation(annotations, LOG),
    }
}

fn signature(annotations: Option<&Value>) -> Result<String, Refusal> {
    annotation(annotations, SIGNATURE).ok_or_else(|| Refusal::doubt(Doubt::Incomplete, "the layer has no signature"))
}

fn annotation(annotations: Option<&Value>, name: &str) -> Option<String> {
    let text = annotations?.get(name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Checks what is signed against the artifact, an image's manifest: its digest, and what upstream calls it
/// (containers-signature(5)). Returns what the payload claims beside.
pub(super) fn check_payload(payload: &[u8], artifact: &Artifact) -> Result<Vec<(String, String)>, Refusal> {
    let value = parse::text(payload)?;
    let payload: Payload = serde_json::from_value(value)
        .map_err(|error| Refusal::malformed(format!("the signed payload is not cosign's: {error}")))?;
    if payload.critical.kind != TYPE {
        let reason = format!("what is signed is `{}`, not cosign's", shown(&payload.critical.kind));
        return Err(Refusal::doubt(Doubt::UnknownFormat, reason));
    }
    let differs = |reason: String| Refusal::wrong(Fault::SubjectDiffers, reason);
    let stated: Digest = payload
        .critical
        .image
        .docker_manifest_digest
        .parse()
        .map_err(|_| Refusal::malformed("the signed payload has no SHA-256 of a manifest"))?;
    if stated != artifact.digest {
        return Err(differs(format!(
            "signed is the manifest {stated}, and this is {}",
            artifact.digest
        )));
    }
    let reference = &payload.critical.identity.docker_reference;
    let (repository, tag) = split(reference);
    if artifact.ecosystem == FILES {
        // A file of a layout has a set's name, and none of a registry's to compare with: who may sign for the set, the anchor's scope says.
        return Ok(claims(&payload));
    }
    if repository != artifact.name {
        let reason = format!("signed as `{}`, and this is `{}`", shown(reference), artifact.name);
        return Err(differs(reason));
    }
    // A version that is a digest fits any tag: the digest was compared.
    if let Some(tag) = tag
        && !artifact.version.starts_with("sha256:")
        && tag != artifact.version
    {
        let reason = format!(
            "signed with the tag `{}`, and this is `{}`",
            shown(tag),
            artifact.version
        );
        return Err(differs(reason));
    }
    Ok(claims(&payload))
}

fn claims(payload: &Payload) -> Vec<(String, String)> {
    let reference = shown(&payload.critical.identity.docker_reference);
    let mut claims = vec![("docker-reference".to_owned(), reference)];
    if let Some(creator) = payload.optional.get("creator").and_then(Value::as_str) {
        claims.push(("creator".to_owned(), shown(creator)));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split_at_their_tag() {
        for (reference, expected) in [
            ("host:5000/a/b", ("host:5000/a/b", None)),
            ("host:5000/a/b:1", ("host:5000/a/b", Some("1"))),
            ("host/a:1@sha256:00", ("host/a", Some("1"))),
            ("host/a@sha256:00", ("host/a", None)),
            ("a:1", ("a", Some("1"))),
        ] {
            assert_eq!(split(reference), expected, "{reference}");
        }
    }
}
