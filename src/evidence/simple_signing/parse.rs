//! The signed document, in strict JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::listed::Said;
use crate::crypto::strict_json;
use crate::model::{Artifact, Digest};

/// The one value of `critical.type` (containers-signature(5), "critical.type").
const TYPE: &str = "atomic container signature";

/// What a signature says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    critical: Critical,
    // Not to be relied on, whatever is in it.
    #[serde(default)]
    optional: BTreeMap<String, Value>,
}

// Readers must refuse what they do not know here.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    docker_reference: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    docker_manifest_digest: String,
}

/// Reads the document that the signature covers.
pub(super) fn payload(content: &[u8]) -> Result<Payload, Said> {
    let payload: Payload = strict_json::read(content.trim_ascii())
        .map_err(|error| Said::malformed(format!("the signed document is not read: {error}")))?;
    if payload.critical.kind != TYPE {
        return Err(Said::malformed("the signed document is not about a container image"));
    }
    Ok(payload)
}

impl Payload {
    /// What it says about an image's manifest.
    pub(super) fn about(&self, artifact: &Artifact) -> Result<Said, Said> {
        let stated: Digest = self
            .critical
            .image
            .docker_manifest_digest
            .parse()
            .map_err(|_| Said::malformed("the signed document has no SHA-256 digest of a manifest"))?;
        if stated != artifact.digest {
            return Err(Said::differs(format!(
                "the signature is about the manifest {stated}, and this is {}",
                artifact.digest
            )));
        }
        let reference = &self.critical.identity.docker_reference;
        // Exactly as upstream calls it: a name that is only spelt alike may be another registry's.
        let (repository, tag) = split(reference);
        if repository != artifact.name {
            return Err(Said::differs(format!(
                "the signature is about `{reference}`, not about `{}`",
                artifact.name
            )));
        }
        // A version that is a digest fits any tag: the digest was compared.
        if let Some(tag) = tag
            && !artifact.version.starts_with("sha256:")
            && tag != artifact.version
        {
            return Err(Said::differs(format!(
                "the signature is about the tag `{tag}`, not about `{}`",
                artifact.version
            )));
        }
        let mut notes = Vec::new();
        if tag.is_none() && !artifact.version.starts_with("sha256:") {
            notes.push("the signature says no tag".to_owned());
        }
        Ok(Said::Fits {
            claims: vec![("docker-reference".to_owned(), reference.clone())],
            notes,
        })
    }
}

/// The repository and the tag of a reference; a digest behind it says what was compared already.
pub(in crate::evidence) fn split(reference: &str) -> (&str, Option<&str>) {
    let bare = reference.split_once('@').map_or(reference, |(bare, _)| bare);
    // A colon before the last slash is a port's.
    let name = bare.rfind('/').map_or(0, |slash| slash + 1);
    match bare[name..].find(':') {
        Some(colon) => (&bare[..name + colon], Some(&bare[name + colon + 1..])),
        None => (bare, None),
    }
}
