//! The files of one package: a packument for `serve` to answer with, and the tarballs.
//!
//! `<name>/packument.json` has [`REGISTRY`] where the registry's base URL belongs; the server puts in the URL that the
//! client itself used. Tarballs lie at `<name>/-/<base>-<version>.tgz`. In these paths an upper-case letter is written as
//! `!` and the lower-case one (as Go's module proxy does), so that `JSONStream` and `jsonstream` stay two packages on file
//! systems that do not tell them apart; a device name of Windows gets `!!` before it.

use std::collections::BTreeMap;

use semver::Version;
use serde_json::{Map, Value, json};

use super::coordinate;
use super::inspect::Kept;
use crate::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use crate::model::{RelativePath, UnsafeName};

/// Stands in a packument for the registry's base URL without its last slash.
pub const REGISTRY: &str = "{{registry}}";

/// The path of a package's packument, below npm's folder.
///
/// # Errors
/// [`UnsafeName`] for what is not a package's name.
pub fn packument_path(name: &str) -> Result<RelativePath, UnsafeName> {
    RelativePath::new(format!("{}/packument.json", folder(name)?))
}

/// The path of a tarball, below npm's folder, by the file name that stands behind `/-/` in its URL.
///
/// # Errors
/// [`UnsafeName`] for what is not a package's name, or not the name of a file.
pub fn tarball_path(name: &str, file: &str) -> Result<RelativePath, UnsafeName> {
    RelativePath::new(format!("{}/-/{}", folder(name)?, component(file)?))
}

fn folder(name: &str) -> Result<String, UnsafeName> {
    if let Some(reason) = coordinate::name_fault(name) {
        return Err(UnsafeName {
            name: name.chars().take(300).collect(),
            reason,
        });
    }
    let parts: Result<Vec<String>, UnsafeName> = name.split('/').map(component).collect();
    Ok(parts?.join("/"))
}

/// Writes one component so that it differs from every other on any file system.
fn component(text: &str) -> Result<String, UnsafeName> {
    let refuse = |reason| {
        Err(UnsafeName {
            name: text.chars().take(300).collect(),
            reason,
        })
    };
    if text.is_empty() {
        return refuse("a component is empty");
    }
    let mut escaped = String::new();
    for letter in text.chars() {
        if matches!(letter, '!' | '/' | ' ') {
            return refuse("a component holds a `!`, a slash or a space");
        }
        if letter.is_ascii_uppercase() {
            escaped.push('!');
        }
        escaped.push(letter.to_ascii_lowercase());
    }
    match RelativePath::new(escaped.as_str()) {
        Ok(_) => Ok(escaped),
        Err(fault) => {
            let marked = format!("!!{escaped}");
            RelativePath::new(marked.as_str()).map(|_| marked).map_err(|_| fault)
        }
    }
}

/// Places the packument and the tarballs of one package.
pub(crate) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let unsafe_name = |error: UnsafeName| Mismatch::new(error.to_string());
    let mut files = Vec::new();
    let mut releases = BTreeMap::new();
    for item in held {
        let artifact = &item.artifact;
        let Some(version) = coordinate::version(&artifact.version) else {
            return Err(Mismatch::new(format!("{:?} is not a version", artifact.version)));
        };
        let mut kept: Kept = serde_json::from_value(item.facts.clone())
            .map_err(|error| Mismatch::new(format!("the facts about {artifact} cannot be read: {error}")))?;
        let file = coordinate::file_name(name, &artifact.version);
        kept.manifest.insert("name".to_owned(), name.into());
        kept.manifest
            .insert("version".to_owned(), artifact.version.clone().into());
        let url = format!("{REGISTRY}/{name}/-/{file}");
        match kept.manifest.get_mut("dist").and_then(Value::as_object_mut) {
            Some(dist) => dist.insert("tarball".to_owned(), url.into()),
            None => return Err(Mismatch::new(format!("the facts about {artifact} have no `dist`"))),
        };
        files.push(PlacedFile {
            path: tarball_path(name, &file).map_err(unsafe_name)?,
            content: PlacedContent::Object(artifact.digest),
        });
        if releases.insert(version, kept).is_some() {
            return Err(Mismatch::new(format!("{artifact} is held twice")));
        }
    }
    if releases.is_empty() {
        return Ok(files);
    }
    files.push(PlacedFile {
        path: packument_path(name).map_err(unsafe_name)?,
        content: PlacedContent::Bytes(packument(name, &releases)),
    });
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn packument(name: &str, releases: &BTreeMap<Version, Kept>) -> Vec<u8> {
    let newest = newest_first(releases);
    let mut document = Map::new();
    document.insert("_id".to_owned(), name.into());
    document.insert("name".to_owned(), name.into());
    document.insert("dist-tags".to_owned(), tags(releases, &newest));
    let versions: Map<String, Value> = releases
        .iter()
        .map(|(version, kept)| (version.to_string(), kept.manifest.clone().into()))
        .collect();
    document.insert("versions".to_owned(), versions.into());
    let (time, modified) = times(releases);
    document.insert("time".to_owned(), time);
    if let Some(modified) = modified {
        document.insert("modified".to_owned(), modified.into());
    }
    Value::from(document).to_string().into_bytes()
}

/// The releases, those whose packument is the newest first: its word counts about tags.
fn newest_first(releases: &BTreeMap<Version, Kept>) -> Vec<(&Version, &Kept)> {
    let mut newest: Vec<_> = releases.iter().collect();
    newest.sort_by_key(|(version, kept)| (std::cmp::Reverse(kept.modified.as_deref().and_then(instant)), *version));
    newest
}

/// Tags, as far as their versions are held. `latest` is upstream's where that is held, otherwise the highest version that
/// is not a prerelease, otherwise the highest.
fn tags(releases: &BTreeMap<Version, Kept>, newest: &[(&Version, &Kept)]) -> Value {
    let mut tags = BTreeMap::new();
    for (version, kept) in newest {
        for tag in &kept.tags {
            tags.entry(tag.clone()).or_insert_with(|| version.to_string());
        }
    }
    let upstream = newest.first().and_then(|(_, kept)| kept.latest.as_deref());
    let latest = upstream
        .and_then(coordinate::version)
        .filter(|version| releases.contains_key(version))
        .or_else(|| releases.keys().rfind(|version| version.pre.is_empty()).cloned())
        .or_else(|| releases.keys().next_back().cloned());
    tags.extend(latest.map(|version| ("latest".to_owned(), version.to_string())));
    json!(tags)
}

/// Upstream's own times: clients hold back releases that are too fresh, so the time of import may not stand there.
fn times(releases: &BTreeMap<Version, Kept>) -> (Value, Option<String>) {
    let mut time = Map::new();
    let by_instant = |text: &&str| instant(text);
    let published = || releases.values().filter_map(|kept| kept.published.as_deref());
    let created = releases
        .values()
        .filter_map(|kept| kept.created.as_deref())
        .min_by_key(by_instant);
    let created = created.or_else(|| published().min_by_key(by_instant));
    let modified = releases
        .values()
        .filter_map(|kept| kept.modified.as_deref())
        .max_by_key(by_instant);
    let modified = modified
        .or_else(|| published().max_by_key(by_instant))
        .map(str::to_owned);
    time.extend(created.map(|created| ("created".to_owned(), created.into())));
    time.extend(
        modified
            .clone()
            .map(|modified| ("modified".to_owned(), modified.into())),
    );
    for (version, kept) in releases {
        time.extend(kept.published.clone().map(|at| (version.to_string(), at.into())));
    }
    (time.into(), modified)
}

fn instant(text: &str) -> Option<jiff::Timestamp> {
    text.parse().ok()
}
