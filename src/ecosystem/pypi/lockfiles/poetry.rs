//! `poetry.lock` (lock-version 1 and 2) and `pdm.lock` (lock_version 4), which has the same shape.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::url;
use super::{Draft, LockedFile};
use crate::ecosystem::SelectionError;

/// Which of the two wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Poetry.
    Poetry,
    /// PDM.
    Pdm,
}

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(alias = "lock-version", alias = "lock_version")]
    version: String,
    /// Before lock-version 2 the files stood here, by name.
    #[serde(default)]
    files: BTreeMap<String, Vec<File>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    files: Option<Vec<File>>,
    source: Option<Source>,
    // PDM states where a package comes from on the package itself.
    git: Option<String>,
    path: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Source {
    #[serde(rename = "type")]
    kind: String,
    url: String,
}

#[derive(Deserialize, Clone)]
struct File {
    file: Option<String>,
    url: Option<String>,
    hash: Option<String>,
}

pub(super) fn read(draft: &mut Draft, text: &str, dialect: Dialect) -> Result<(), SelectionError> {
    let lock: Lock = draft.toml(text)?;
    let major = lock.metadata.version.split('.').next().unwrap_or_default();
    let known: &[&str] = match dialect {
        Dialect::Poetry => &["1", "2"],
        Dialect::Pdm => &["4"],
    };
    if !known.contains(&major) {
        return Err(draft.malformed(format!(
            "lock version `{}` is not {}.x",
            lock.metadata.version.escape_debug(),
            known.join(".x or ")
        )));
    }
    for package in lock.package {
        let name = draft.name(&package.name)?;
        let mut registry = None;
        let mut direct_url = package.url;
        let mut path = package.path;
        if package.git.is_some() {
            draft.leave_out(format!("{name}: a version control checkout has no digest"));
            continue;
        }
        if let Some(source) = package.source {
            match source.kind.as_str() {
                "legacy" => registry = draft.index(&source.url)?,
                "url" => direct_url = Some(source.url),
                "file" => path = Some(source.url),
                "directory" => {
                    draft.leave_out(format!("{name}: a local source tree"));
                    continue;
                }
                "git" => {
                    draft.leave_out(format!("{name}: a version control checkout has no digest"));
                    continue;
                }
                other => {
                    let other = other.escape_debug();
                    return Err(draft.malformed(format!("{name}: source of type `{other}` is not known")));
                }
            }
        }
        let files = package
            .files
            .or_else(|| lock.metadata.files.get(&package.name).cloned())
            .unwrap_or_default();
        if files.is_empty() {
            if path.is_some() {
                draft.leave_out(format!("{name}: a local source tree"));
                continue;
            }
            return Err(draft.unpinned(name));
        }
        let mut locked = Vec::new();
        for file in files {
            let shown = file.file.as_ref().or(file.url.as_ref());
            let entry = format!("{name}: {}", shown.map_or("a file", String::as_str));
            let hash = file.hash.ok_or_else(|| draft.unpinned(&entry))?;
            // A direct URL or path serves one file: the one that it names.
            let is_named = |place: &Option<String>, read: fn(&str) -> Option<String>| {
                place.clone().filter(|place| read(place) == file.file)
            };
            locked.push(LockedFile {
                claims: draft.claims(&entry, [hash.as_str()])?,
                url: file.url.clone().or_else(|| is_named(&direct_url, url::file_name)),
                path: is_named(&path, |path| path.rsplit('/').next().map(str::to_owned)),
                name: file.file,
                size: None,
                registry: registry.clone(),
            });
        }
        draft.package(&name, package.version.as_deref(), locked)?;
    }
    Ok(())
}
