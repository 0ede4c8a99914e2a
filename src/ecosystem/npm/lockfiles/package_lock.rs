//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
//!
//! Source: npm's documentation, "package-lock.json", §"packages" and §"dependencies".

use std::collections::HashSet;

use serde::Deserialize;

use super::{Entry, malformed, shorten};
use crate::ecosystem::SelectionError;
use crate::ecosystem::npm::coordinate;
use crate::ecosystem::npm::map::Map;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: Option<u64>,
    packages: Option<Map<Package>>,
    #[serde(default)]
    dependencies: Map<Dependency>,
}

/// An entry of `packages`, versions 2 and 3. Its key is a place below the project.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Package {
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default)]
    in_bundle: bool,
    #[serde(default)]
    dependencies: Map<String>,
    #[serde(default)]
    dev_dependencies: Map<String>,
    #[serde(default)]
    optional_dependencies: Map<String>,
}

/// An entry of `dependencies`, version 1. Its key is a name, or an alias.
#[derive(Deserialize)]
struct Dependency {
    version: Option<String>,
    resolved: Option<serde_json::Value>,
    integrity: Option<String>,
    #[serde(default)]
    bundled: bool,
    #[serde(default)]
    dependencies: Map<Dependency>,
}

pub(super) fn read(file: &str, text: &str) -> Result<Vec<Entry>, SelectionError> {
    // npm drops a byte order mark too.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lock: Lock = serde_json::from_str(text).map_err(|error| malformed(file, error))?;
    let mut entries = Vec::new();
    match (lock.lockfile_version, lock.packages) {
        (Some(2 | 3), Some(packages)) => from_packages(packages, &mut entries),
        (Some(1) | None, None) => from_dependencies(lock.dependencies, &mut entries),
        (Some(1..=3) | None, _) => {
            return Err(malformed(file, "`lockfileVersion` and `packages` do not go together"));
        }
        (Some(other), _) => return Err(malformed(file, format_args!("lockfile version {other} is not known"))),
    }
    Ok(entries)
}

fn from_packages(packages: Map<Package>, entries: &mut Vec<Entry>) {
    // A dependency on a URL keeps that URL as what it was resolved to.
    let direct: HashSet<String> = packages
        .0
        .iter()
        .flat_map(|(_, package)| {
            [
                &package.dependencies,
                &package.dev_dependencies,
                &package.optional_dependencies,
            ]
        })
        .flat_map(|map| map.0.iter())
        .filter(|(_, range)| coordinate::is_web_url(range))
        .map(|(_, range)| range.clone())
        .collect();
    for (place, package) in packages.0 {
        // The project itself, workspaces and linked folders are local sources; so are their own entries.
        let Some(alias) = place.rsplit_once("node_modules/").map(|(_, alias)| alias) else {
            continue;
        };
        let resolved = package.resolved.as_deref();
        let name = package.name.as_deref().unwrap_or(alias);
        let is_registered = resolved.is_none_or(|url| coordinate::is_web_url(url) && !direct.contains(url));
        if package.link || !is_registered || name != alias {
            entries.push(Entry::Elsewhere(alias.to_owned()));
        }
        // What lies in another package's tarball has no hash of its own; what the project itself bundles has one.
        if package.link || package.in_bundle && package.integrity.is_none() {
            continue;
        }
        entries.push(match (package.version, resolved) {
            (_, Some(url)) if !coordinate::is_web_url(url) => Entry::LeftOut(format!(
                "{name}: {} is not from a registry",
                shorten(&coordinate::without_credentials(url))
            )),
            (_, Some(url)) if direct.contains(url) => Entry::LeftOut(format!(
                "{name}: {} is a URL dependency",
                shorten(&coordinate::without_credentials(url))
            )),
            (None, _) => Entry::LeftOut(format!("{name}: the lockfile gives no version")),
            (Some(version), _) => Entry::Registry {
                name: name.to_owned(),
                version,
                claims: package.integrity.as_deref().map(coordinate::claims).unwrap_or_default(),
                url: package.resolved.map(|url| coordinate::without_credentials(&url)),
            },
        });
    }
}

fn from_dependencies(dependencies: Map<Dependency>, entries: &mut Vec<Entry>) {
    for (alias, dependency) in dependencies.0 {
        from_dependencies(dependency.dependencies, entries);
        if dependency.bundled && dependency.integrity.is_none() {
            continue;
        }
        let Some(text) = dependency.version else {
            entries.push(Entry::LeftOut(format!("{alias}: the lockfile gives no version")));
            continue;
        };
        let own = alias.clone();
        let (name, version) = match text.strip_prefix("npm:").and_then(|target| target.rsplit_once('@')) {
            Some((name, version)) => (name.to_owned(), version.to_owned()),
            None => (alias, text),
        };
        if name != own || version.contains([':', '/']) {
            entries.push(Entry::Elsewhere(own));
        }
        if version.contains([':', '/']) {
            // Workspaces and linked folders are local sources; git and URL dependencies are somebody's.
            if !version.starts_with("file:") || version.ends_with(".tgz") {
                let what = shorten(&coordinate::without_credentials(&version));
                entries.push(Entry::LeftOut(format!("{name}: {what} is not from a registry")));
            }
            continue;
        }
        let url = dependency.resolved.as_ref().and_then(serde_json::Value::as_str);
        entries.push(match url {
            Some(url) if !coordinate::is_web_url(url) => Entry::LeftOut(format!(
                "{name}: {} is not from a registry",
                shorten(&coordinate::without_credentials(url))
            )),
            _ => Entry::Registry {
                name,
                version,
                claims: dependency
                    .integrity
                    .as_deref()
                    .map(coordinate::claims)
                    .unwrap_or_default(),
                url: url.map(coordinate::without_credentials),
            },
        });
    }
}
