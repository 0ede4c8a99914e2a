//! The lockfiles of npm, pnpm and Yarn 1. Each reader turns its own format into [`Entry`]; the rules about what is taken
//! stand here, once.

mod package_lock;
mod pnpm_lock;
mod yarn_lock;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use super::coordinate;
use crate::ecosystem::{Elsewhere, Selection, SelectionError, Wanted};
use crate::model::Claim;

/// The largest lockfiles of monorepos have a few MiB.
const MAX_BYTES: usize = 64 << 20;

/// Errors name so many entries; the rest is counted.
const MAX_NAMED: usize = 10;

/// Whether a file of this name is a lockfile of npm, pnpm or Yarn.
pub(crate) fn is_lockfile(file_name: &str) -> bool {
    matches!(
        file_name,
        "package-lock.json" | "npm-shrinkwrap.json" | ".package-lock.json" | "pnpm-lock.yaml" | "yarn.lock"
    )
}

/// Reads a lockfile, by its file name.
pub(crate) fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    if text.len() > MAX_BYTES {
        return Err(malformed(file, format_args!("it has more than {MAX_BYTES} bytes")));
    }
    let entries = match file.rsplit(['/', '\\']).next() {
        Some("pnpm-lock.yaml") => pnpm_lock::read(file, text)?,
        Some("yarn.lock") => yarn_lock::read(file, text)?,
        _ => package_lock::read(file, text)?,
    };
    select(file, entries)
}

/// What one entry of a lockfile asks for.
enum Entry {
    /// An artifact of a registry.
    Registry {
        name: String,
        version: String,
        claims: Vec<Claim>,
        url: Option<String>,
    },
    /// Something else, in words.
    LeftOut(String),
    /// A name that something else than the registry's package of that name fills.
    Elsewhere(String),
}

/// Makes a selection of entries: each artifact once, each with a hash that pins it.
fn select(file: &str, entries: Vec<Entry>) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    let mut places = HashMap::new();
    let mut unpinned = BTreeSet::new();
    let mut left_out = HashSet::new();
    let mut elsewhere = BTreeSet::new();
    for entry in entries {
        let (name, version, claims, url) = match entry {
            Entry::LeftOut(words) => {
                if left_out.insert(words.clone()) {
                    selection.left_out.push(words);
                }
                continue;
            }
            Entry::Elsewhere(name) => {
                elsewhere.insert(name);
                continue;
            }
            Entry::Registry {
                name,
                version,
                claims,
                url,
            } => (name, version, claims, url),
        };
        if let Some(fault) = coordinate::name_fault(&name) {
            return Err(malformed(file, format_args!("{name:?}: {fault}")));
        }
        if coordinate::version(&version).is_none() {
            return Err(malformed(file, format_args!("{name}: {version:?} is not a version")));
        }
        if !coordinate::pins(&claims) {
            unpinned.insert((name, version));
            continue;
        }
        let urls: Vec<String> = url.into_iter().collect();
        match places.get(&(name.clone(), version.clone())) {
            None => {
                places.insert((name.clone(), version.clone()), selection.wanted.len());
                selection.wanted.push(wanted(name, version, claims, urls));
            }
            Some(&place) => merge(file, &mut selection.wanted[place], claims, urls)?,
        }
    }
    let elsewhere = elsewhere.into_iter().map(|name| Elsewhere { name, version: None });
    selection.elsewhere = elsewhere.collect();
    // An entry without a hash may stand beside one for the same artifact that has it.
    unpinned.retain(|key| !places.contains_key(key));
    if unpinned.is_empty() {
        return Ok(selection);
    }
    let named = unpinned
        .iter()
        .take(MAX_NAMED)
        .map(|(name, version)| format!("{name}@{version}"));
    let mut entry = named.collect::<Vec<_>>().join(", ");
    if let Some(rest @ 1..) = unpinned.len().checked_sub(MAX_NAMED) {
        entry.push_str(&format!(" and {rest} more"));
    }
    Err(SelectionError::Unpinned {
        file: file.to_owned(),
        entry,
    })
}

fn wanted(name: String, version: String, claims: Vec<Claim>, urls: Vec<String>) -> Wanted {
    let registry = urls
        .first()
        .and_then(|url| coordinate::registry_of(url, &name))
        .map(str::to_owned);
    Wanted {
        ecosystem: super::ID,
        file: Some(coordinate::file_name(&name, &version)),
        name,
        version,
        claims,
        urls,
        registry,
        path: None,
        size: None,
    }
}

/// Joins a second entry for the same artifact: their strongest hashes must be the same.
fn merge(file: &str, known: &mut Wanted, claims: Vec<Claim>, urls: Vec<String>) -> Result<(), SelectionError> {
    let (ours, theirs) = (strongest(&known.claims), strongest(&claims));
    if ours.first().map(|claim| claim.algorithm()) == theirs.first().map(|claim| claim.algorithm()) && ours != theirs {
        return Err(malformed(
            file,
            format_args!("{}@{} has two different hashes", known.name, known.version),
        ));
    }
    known.claims.extend(claims);
    known.claims.sort();
    known.claims.dedup();
    for url in urls {
        if !known.urls.contains(&url) {
            known.registry = known
                .registry
                .take()
                .or_else(|| coordinate::registry_of(&url, &known.name).map(str::to_owned));
            known.urls.push(url);
        }
    }
    Ok(())
}

fn strongest(claims: &[Claim]) -> Vec<&Claim> {
    let algorithm = claims.iter().map(Claim::algorithm).max();
    claims
        .iter()
        .filter(|claim| Some(claim.algorithm()) == algorithm)
        .collect()
}

fn malformed(file: &str, reason: impl fmt::Display) -> SelectionError {
    SelectionError::Malformed {
        file: file.to_owned(),
        reason: reason.to_string(),
    }
}

/// Cuts text of a lockfile that goes into a message.
fn shorten(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::model::Algorithm;

    #[test]
    fn the_strongest_algorithm_counts_alone() {
        let claim = |algorithm: Algorithm, bytes: usize| Claim::new(algorithm, vec![0; bytes]).unwrap();
        let (weak, strong) = (claim(Algorithm::Sha1, 20), claim(Algorithm::Sha512, 64));
        assert_eq!(strongest(&[weak.clone(), strong.clone()]), [&strong]);
        assert_eq!(strongest(&[weak.clone(), weak.clone()]), [&weak, &weak]);
    }
}
