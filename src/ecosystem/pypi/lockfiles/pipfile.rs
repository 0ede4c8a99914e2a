//! `Pipfile.lock` (pipfile-spec 6): <https://github.com/pypa/pipfile>. It has hashes, and no file names.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::ID;
use super::Draft;
use crate::ecosystem::{SelectionError, Wanted};

#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "_meta")]
    meta: Meta,
    /// `default`, `develop` and the categories that a project adds.
    #[serde(flatten)]
    categories: BTreeMap<String, BTreeMap<String, Package>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Meta {
    pipfile_spec: u64,
    #[serde(default)]
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    name: String,
    url: String,
}

#[derive(Deserialize)]
struct Package {
    version: Option<String>,
    #[serde(default)]
    hashes: Vec<String>,
    index: Option<String>,
    git: Option<String>,
    path: Option<String>,
    file: Option<String>,
}

pub(super) fn read(draft: &mut Draft, text: &str) -> Result<(), SelectionError> {
    let lock: Lock = serde_json::from_str(text).map_err(|error| draft.malformed(error.to_string()))?;
    if lock.meta.pipfile_spec != 6 {
        return Err(draft.malformed(format!("pipfile-spec {} is not 6", lock.meta.pipfile_spec)));
    }
    let mut sources = BTreeMap::new();
    for source in &lock.meta.sources {
        sources.insert(source.name.as_str(), draft.index(&source.url)?);
    }
    let first = lock.meta.sources.first().map(|source| source.name.as_str());
    for (written, package) in lock.categories.into_values().flatten() {
        let name = draft.name(&written)?;
        if package.git.is_some() {
            draft.leave_out(format!("{name}: a version control checkout has no digest"));
            continue;
        }
        if package.path.is_some() || package.file.is_some() {
            draft.leave_out(format!("{name}: a local source tree or direct URL"));
            continue;
        }
        let version = package
            .version
            .as_deref()
            .and_then(|version| version.strip_prefix("=="));
        let version = version.ok_or_else(|| draft.malformed(format!("{name}: it is not pinned with `==`")))?;
        let version = draft.version(&name, version)?;
        let claims = draft.claims(&name, package.hashes.iter().map(String::as_str))?;
        let registry = package
            .index
            .as_deref()
            .or(first)
            .and_then(|source| sources.get(source).cloned().flatten());
        draft.want(Wanted {
            ecosystem: ID,
            name,
            version,
            file: None,
            claims,
            urls: Vec::new(),
            registry,
            path: None,
            size: None,
        });
    }
    Ok(())
}
