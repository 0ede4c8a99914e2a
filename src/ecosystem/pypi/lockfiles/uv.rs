//! `uv.lock`, version 1: <https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile>. It lists the files of every
//! platform; all are taken.

use serde::Deserialize;

use super::{Draft, LockedFile};
use crate::ecosystem::SelectionError;

#[derive(Deserialize)]
struct Lock {
    version: u64,
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    source: Source,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize, Default)]
struct Source {
    registry: Option<String>,
    url: Option<String>,
    path: Option<String>,
    git: Option<String>,
    directory: Option<String>,
    editable: Option<String>,
    r#virtual: Option<String>,
}

#[derive(Deserialize)]
struct File {
    url: Option<String>,
    path: Option<String>,
    filename: Option<String>,
    hash: Option<String>,
    size: Option<u64>,
}

pub(super) fn read(draft: &mut Draft, text: &str) -> Result<(), SelectionError> {
    let lock: Lock = draft.toml(text)?;
    if lock.version != 1 {
        return Err(draft.malformed(format!("version {} is not 1", lock.version)));
    }
    for package in lock.package {
        let name = draft.name(&package.name)?;
        let source = package.source;
        if source.git.is_some() {
            draft.leave_out(format!("{name}: a version control checkout has no digest"));
            continue;
        }
        if let Some(folder) = source.directory.or(source.editable).or(source.r#virtual) {
            // The project itself, and what lies beside it, is not a package of a registry.
            if folder != "." {
                draft.leave_out(format!("{name}: a local source tree"));
            }
            continue;
        }
        // A folder of wheels as registry: the files say their own paths.
        let (registry, folder) = match source.registry {
            Some(registry) if registry.contains("://") => (draft.index(&registry)?, None),
            folder => (None, folder),
        };
        let mut files = Vec::new();
        for file in package.sdist.into_iter().chain(package.wheels) {
            let shown = file.filename.as_ref().or(file.url.as_ref()).or(file.path.as_ref());
            let entry = format!("{name}: {}", shown.map_or("a file", String::as_str));
            let hash = file.hash.ok_or_else(|| draft.unpinned(&entry))?;
            let path = match (&folder, file.path) {
                (Some(folder), Some(path)) if !path.starts_with('/') => Some(format!("{folder}/{path}")),
                (_, path) => path.or_else(|| source.path.clone()),
            };
            files.push(LockedFile {
                claims: draft.claims(&entry, [hash.as_str()])?,
                name: file.filename,
                url: file.url.or_else(|| source.url.clone()),
                path,
                size: file.size,
                registry: registry.clone(),
            });
        }
        if files.is_empty() {
            return Err(draft.unpinned(name));
        }
        draft.package(&name, package.version.as_deref(), files)?;
    }
    Ok(())
}
