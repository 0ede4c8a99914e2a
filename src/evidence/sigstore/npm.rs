//! `npm-attestations`: what the registry answers about a version, `{attestations: [{predicateType, bundle}]}`: the registry's publish
//! statement under its own key, and build provenance under an identity.

use serde::Deserialize;
use serde_json::Value;

use super::anchor::PinnedKey;
use super::library::Key;
use super::parse;
use super::refusal::{Refusal, shown};
use super::statement::{Digests, Statement};
use super::verify::{Keys, Rules, only_by_digest};
use super::{Item, Kind};
use crate::evidence::Context;
use crate::model::{Anchor, Doubt, Fault, Material, Timestamp};

/// The registry's publish statement (npm/attestation, `specs/publish/v0.1`).
pub(crate) const PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
const PROVENANCE: &[&str] = &["https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"];
/// What a key has to be for, where its list says that (Sigstore's TUF repository has such a list as a target).
const USAGE: &str = "npm:attestations";
/// The most keys of one registry: in ten years the largest had two.
const MAX_KEYS: usize = 100;

/// Attestations of the npm registry.
pub(crate) const NPM_ATTESTATIONS: Kind = Kind {
    rules: &Rules {
        id: "npm-attestations",
        statement: check,
        takes_messages: false,
        keys: Keys::Registry(PUBLISH),
    },
    read,
};

fn read(untrusted: &[u8]) -> Result<Vec<Item>, Refusal> {
    let value = parse::text(untrusted)?;
    Ok(parse::bundles(value)
        .into_iter()
        .map(|bundle| Item::from(Ok(bundle)))
        .collect())
}

fn check(statement: &Statement, digests: &mut Digests<'_>) -> Result<(), Refusal> {
    let kind = statement.predicate_type.as_str();
    if kind != PUBLISH && !PROVENANCE.contains(&kind) {
        return Err(Refusal::doubt(
            Doubt::UnknownFormat,
            format!("`{}` is no statement that this registry takes", shown(kind)),
        ));
    }
    let subject = only_by_digest(statement, digests)?;
    if !subject.digests.contains_key("sha512") {
        return Err(Refusal::malformed("the statement's subject has no SHA-512"));
    }
    let artifact = digests.artifact();
    let differs = |what: String| Err(Refusal::wrong(Fault::SubjectDiffers, what));
    if subject.name != purl(&artifact.name, &artifact.version) {
        return differs(format!("the statement is about `{}`", shown(&subject.name)));
    }
    if kind == PUBLISH {
        let field = |name| {
            statement
                .predicate
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (name, version) = (field("name"), field("version"));
        if name != artifact.name || version != artifact.version {
            return differs(format!(
                "the registry published {} {} by it",
                shown(name),
                shown(version)
            ));
        }
    }
    Ok(())
}

/// A version's package URL as npm writes it.
fn purl(name: &str, version: &str) -> String {
    match name.strip_prefix('@') {
        Some(name) => format!("pkg:npm/%40{name}@{version}"),
        None => format!("pkg:npm/{name}@{version}"),
    }
}

/// The list that a registry serves, or the one in Sigstore's TUF targets.
#[derive(Deserialize)]
struct List {
    keys: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Listed {
    Target {
        #[serde(rename = "keyId")]
        id: String,
        #[serde(rename = "keyUsage")]
        usage: String,
        #[serde(rename = "publicKey")]
        key: TargetKey,
    },
    Served {
        keyid: String,
        key: String,
        #[serde(default)]
        expires: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TargetKey {
    raw_bytes: String,
    #[serde(default)]
    valid_for: Option<Window>,
}

#[derive(Deserialize)]
struct Window {
    #[serde(default)]
    start: Option<String>,
    #[serde(default)]
    end: Option<String>,
}

/// The pinned registry keys that sign attestations. A key that cannot be read counts for nothing.
pub(crate) fn keys<'a>(context: &Context<'a>) -> Vec<PinnedKey<'a>> {
    context
        .of_type(|material| match material {
            Material::NpmKeys(json) => Some(json),
            _ => None,
        })
        .filter_map(|(anchor, json)| Some((anchor, serde_json::from_str::<List>(json).ok()?)))
        .flat_map(|(anchor, list)| {
            list.keys
                .into_iter()
                .take(MAX_KEYS)
                .filter_map(move |listed| pinned(anchor, listed))
        })
        .collect()
}

fn pinned(anchor: &Anchor, listed: Listed) -> Option<PinnedKey<'_>> {
    let (id, key, from, until, note) = match listed {
        Listed::Target { id, usage, key } => {
            if usage != USAGE {
                return None;
            }
            let window = key.valid_for.unwrap_or(Window { start: None, end: None });
            (id, key.raw_bytes, window.start, window.end, None)
        }
        Listed::Served { keyid, key, expires } => (
            keyid,
            key,
            None,
            expires,
            Some("the registry's list does not say whether the key is for attestations"),
        ),
    };
    // A bound that cannot be read is not taken for none.
    let bound = |text: Option<String>| match text {
        None => Some(None),
        Some(text) => instant(&text).map(Some),
    };
    Some(PinnedKey {
        anchor,
        key: Key::from_base64(&key)?,
        name: Some(id),
        valid_from: bound(from)?,
        valid_until: bound(until)?,
        note,
    })
}

/// A time with a fraction, as registries write it.
fn instant(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_seconds(time.as_second()))
}
