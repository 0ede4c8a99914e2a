//! Manifests and indexes, and what they name (OCI image-spec 1.1, `manifest.md`, `image-index.md`, `descriptor.md`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{LayoutError, MAX_DOCUMENT_BYTES, malformed, parse};
use crate::model::Digest;

/// Names something in a layout.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    pub media_type: String,
    /// Its bytes.
    pub digest: Digest,
    /// Their count.
    pub size: u64,
    /// What kind of artifact a manifest is.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// More about it.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Where else its bytes are: what has such addresses need not be in a layout.
    #[serde(default)]
    pub urls: Vec<String>,
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub struct Document {
    /// How it was named where it was met first.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What kind of artifact it is, or what its configuration is.
    pub artifact_type: Option<String>,
    /// What it is about, if it is about another.
    pub subject: Option<Descriptor>,
    /// Its configuration and its layers.
    pub layers: Vec<Descriptor>,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body {
    pub(super) schema_version: u64,
    #[serde(default)]
    pub(super) media_type: Option<String>,
    #[serde(default)]
    pub(super) artifact_type: Option<String>,
    #[serde(default)]
    pub(super) config: Option<Descriptor>,
    #[serde(default)]
    pub(super) layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub(super) manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    pub(super) subject: Option<Descriptor>,
}

/// What a document lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Manifest,
    Index,
}

/// Manifests and indexes, of OCI and of Docker's schema 2. Of anything else only the bytes are looked at.
pub(super) fn form(media_type: &str) -> Option<Form> {
    match media_type {
        "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json" => {
            Some(Form::Manifest)
        }
        "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json" => {
            Some(Form::Index)
        }
        _ => None,
    }
}

impl Document {
    /// Reads a manifest or an index that stands alone, as what it says it is, or what its fields say. It names itself by its digest.
    pub fn alone(untrusted: Vec<u8>) -> Result<Self, LayoutError> {
        let size = untrusted.len() as u64;
        if size > MAX_DOCUMENT_BYTES {
            return Err(LayoutError::OverLimit {
                what: "bytes in one document",
                limit: MAX_DOCUMENT_BYTES,
            });
        }
        let digest = Digest::of(&untrusted);
        let path = super::blob_path(&digest);
        let body: Body = parse(&path, &untrusted)?;
        let (form, usual) = match body.manifests {
            Some(_) => (Form::Index, "application/vnd.oci.image.index.v1+json"),
            None => (Form::Manifest, "application/vnd.oci.image.manifest.v1+json"),
        };
        let descriptor = Descriptor {
            media_type: body.media_type.unwrap_or_else(|| usual.to_owned()),
            digest,
            size,
            artifact_type: None,
            annotations: BTreeMap::new(),
            urls: Vec::new(),
        };
        Self::of(&path, descriptor, form, untrusted)
    }

    pub(super) fn of(path: &str, descriptor: Descriptor, form: Form, bytes: Vec<u8>) -> Result<Self, LayoutError> {
        let body: Body = parse(path, &bytes)?;
        let fits = match form {
            Form::Manifest => body.manifests.is_none() && body.config.is_some() && body.layers.is_some(),
            Form::Index => body.layers.is_none() && body.config.is_none() && body.manifests.is_some(),
        };
        if body.schema_version != 2 || !fits {
            return Err(malformed(path, "it is not of the form that its media type names"));
        }
        // Tools name Docker's documents as OCI's and the other way round, in the same form.
        if body.media_type.is_some_and(|own| self::form(&own) != Some(form)) {
            return Err(malformed(
                path,
                "its own media type is of another form than its descriptor's",
            ));
        }
        let config = body.config;
        let config_type = config.as_ref().map(|config| config.media_type.clone());
        Ok(Self {
            artifact_type: body.artifact_type.or(config_type),
            subject: body.subject,
            layers: config.into_iter().chain(body.layers.into_iter().flatten()).collect(),
            manifests: body.manifests.unwrap_or_default(),
            bytes,
            descriptor,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::{Value, json};

    #[test]
    fn a_document_has_the_fields_of_its_form_and_no_others() {
        let named = json!({"mediaType": "x", "digest": Digest::of(b"x").to_string(), "size": 1});
        let (manifest, index) = (
            json!({"schemaVersion": 2, "config": named, "layers": [named]}),
            json!({"schemaVersion": 2, "manifests": [named]}),
        );
        let reads = |form: Form, body: &Value| {
            let descriptor: Descriptor = serde_json::from_value(named.clone()).unwrap();
            Document::of("x", descriptor, form, body.to_string().into_bytes()).is_ok()
        };
        assert!(reads(Form::Manifest, &manifest) && reads(Form::Index, &index));
        let changed = |body: &Value, field: &str, value: Value| {
            let mut changed = body.clone();
            changed[field] = value;
            changed
        };
        for (field, value) in [
            ("config", json!(null)),
            ("layers", json!(null)),
            ("manifests", json!([named])),
            ("schemaVersion", json!(1)),
        ] {
            assert!(!reads(Form::Manifest, &changed(&manifest, field, value)), "{field}");
        }
        for (field, value) in [
            ("manifests", json!(null)),
            ("config", named.clone()),
            ("layers", json!([named])),
            ("schemaVersion", json!(1)),
        ] {
            assert!(!reads(Form::Index, &changed(&index, field, value)), "{field}");
        }
    }
}
