//! `pnpm-lock.yaml`, versions 6.0 and 9.0 (pnpm 8 to 12).
//!
//! Source: pnpm's `lockfile/types`; keys as its `dependency-path` makes them.

use serde::Deserialize;

use super::{Entry, malformed, shorten};
use crate::crypto::yaml;
use crate::ecosystem::SelectionError;
use crate::ecosystem::npm::coordinate;
use crate::ecosystem::npm::map::Map;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: Version,
    #[serde(default)]
    packages: Map<Package>,
    /// What each package was given (9.0).
    #[serde(default)]
    snapshots: Map<Given>,
    #[serde(default)]
    overrides: Map<String>,
}

#[derive(Deserialize)]
struct Given {
    #[serde(default)]
    dependencies: Map<String>,
}

/// Version 5 and older wrote a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Version {
    Text(String),
    Number(f64),
}

#[derive(Deserialize)]
struct Package {
    resolution: Resolution,
    /// What it was given (6.0).
    #[serde(default)]
    dependencies: Map<String>,
}

#[derive(Deserialize)]
struct Resolution {
    integrity: Option<String>,
    tarball: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

pub(super) fn read(file: &str, text: &str) -> Result<Vec<Entry>, SelectionError> {
    let lock: Lock = yaml::read(text).map_err(|error| match error {
        // The library's message says where.
        yaml::YamlError::Malformed { source } => malformed(file, source),
        other => malformed(file, other),
    })?;
    let slash = match &lock.lockfile_version {
        Version::Text(text) if text == "9.0" => "",
        Version::Text(text) if text == "6.0" => "/",
        Version::Text(text) => {
            return Err(malformed(
                file,
                format_args!("lockfile version {} is not known", shorten(text)),
            ));
        }
        Version::Number(number) => return Err(malformed(file, format_args!("lockfile version {number} is not known"))),
    };
    let given = lock.packages.0.iter().flat_map(|(_, package)| &package.dependencies.0);
    let given = given.chain(lock.snapshots.0.iter().flat_map(|(_, given)| &given.dependencies.0));
    // The registry's package of that name stands there with its version alone.
    let is_other = |what: &str| coordinate::version(what.split('(').next().unwrap_or(what)).is_none();
    let mut entries: Vec<Entry> = given
        .filter(|(_, what)| is_other(what))
        .map(|(name, _)| Entry::Elsewhere(name.clone()))
        .collect();
    // A dependency that is taken out of all packages.
    let removed = lock.overrides.0.iter().filter(|(_, with)| with == "-");
    entries.extend(removed.map(|(name, _)| Entry::Elsewhere(name.clone())));
    let packages = lock.packages.0.into_iter();
    entries.extend(packages.map(|(key, package)| entry(&key, slash, package.resolution)));
    Ok(entries)
}

fn entry(key: &str, slash: &str, resolution: Resolution) -> Entry {
    // Peers stand behind the version in brackets (6.0); neither names nor versions hold any.
    let plain = key.split('(').next().unwrap_or(key);
    let coordinate = plain
        .strip_prefix(slash)
        .and_then(|plain| {
            plain
                .get(1..)?
                .split_once('@')
                .map(|(name, _)| plain.split_at(name.len() + 1))
        })
        .map(|(name, version)| (name, &version[1..]))
        .filter(|(_, version)| coordinate::version(version).is_some());
    let Some((name, version)) = coordinate else {
        return Entry::LeftOut(format!(
            "{} is not from a registry",
            shorten(&coordinate::without_credentials(key))
        ));
    };
    if let Some(kind) = resolution.kind {
        return Entry::LeftOut(format!(
            "{name}@{version} is of the kind `{}`, not from a registry",
            shorten(&kind)
        ));
    }
    Entry::Registry {
        name: name.to_owned(),
        version: version.to_owned(),
        claims: resolution
            .integrity
            .as_deref()
            .map(coordinate::claims)
            .unwrap_or_default(),
        url: resolution
            .tarball
            .filter(|url| coordinate::is_web_url(url))
            .map(|url| coordinate::without_credentials(&url)),
    }
}
