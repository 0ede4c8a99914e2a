//! `pylock.toml` (PEP 751): <https://packaging.python.org/specifications/pylock-toml/>.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Draft, LockedFile, hash_texts};
use crate::ecosystem::SelectionError;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Lock {
    lock_version: String,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
    index: Option<String>,
    vcs: Option<serde::de::IgnoredAny>,
    directory: Option<serde::de::IgnoredAny>,
    archive: Option<File>,
    sdist: Option<File>,
    #[serde(default)]
    wheels: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    size: Option<u64>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

pub(super) fn read(draft: &mut Draft, text: &str) -> Result<(), SelectionError> {
    let lock: Lock = draft.toml(text)?;
    if lock.lock_version.split('.').next() != Some("1") {
        return Err(draft.malformed(format!(
            "lock-version `{}` is not 1.x",
            lock.lock_version.escape_debug()
        )));
    }
    for package in lock.packages {
        let name = draft.name(&package.name)?;
        if package.vcs.is_some() {
            draft.leave_out(format!("{name}: a version control checkout has no digest"));
        }
        if package.directory.is_some() {
            draft.leave_out(format!("{name}: a local source tree"));
        }
        let registry = match &package.index {
            Some(index) => draft.index(index)?,
            None => None,
        };
        let mut files = Vec::new();
        for file in package.archive.into_iter().chain(package.sdist).chain(package.wheels) {
            let entry = file.name.as_ref().or(file.url.as_ref()).or(file.path.as_ref());
            let entry = format!("{name}: {}", entry.map_or("a file", String::as_str));
            let texts = hash_texts(&file.hashes);
            files.push(LockedFile {
                claims: draft.claims(&entry, texts.iter().map(String::as_str))?,
                name: file.name,
                url: file.url,
                path: file.path,
                size: file.size,
                registry: registry.clone(),
            });
        }
        draft.package(&name, package.version.as_deref(), files)?;
    }
    Ok(())
}
