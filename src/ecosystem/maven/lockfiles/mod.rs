//! What projects have instead of a lock: lists of coordinates, and Gradle's two files.

mod coordinates;
mod gradle_lock;
mod verification;

use std::collections::BTreeSet;

use super::coordinate::{self, Kind};
use crate::ecosystem::{Selection, SelectionError, Wanted};
use crate::model::Claim;

pub(super) use coordinates::read as read_coordinates;

/// Gradle's locks have fixed names; Maven's lists are known by names that say so.
pub(super) fn is_lockfile(file_name: &str) -> bool {
    reader(file_name).is_some()
}

pub(super) fn read(file_name: &str, text: &str) -> Result<Selection, SelectionError> {
    match reader(file_name) {
        Some(read) => read(file_name, text),
        None => Err(SelectionError::Malformed {
            file: file_name.to_owned(),
            reason: "it is no list of Maven's or Gradle's".to_owned(),
        }),
    }
}

type Reader = fn(&str, &str) -> Result<Selection, SelectionError>;

fn reader(file_name: &str) -> Option<Reader> {
    let is_list = file_name.strip_suffix(".txt").is_some_and(|stem| {
        ["maven", "mvn"].iter().any(|start| stem.starts_with(start))
            || matches!(stem, "dependency-list" | "dependency-tree")
    });
    match file_name {
        "verification-metadata.xml" => Some(verification::read),
        "gradle.lockfile" | "buildscript-gradle.lockfile" | "settings-gradle.lockfile" => Some(gradle_lock::read),
        _ if is_list => Some(coordinates::read_list),
        _ => None,
    }
}

/// Takes off what is wanted twice: a version's pom comes with all that it says is beside it.
fn without_doubles(selection: &mut Selection) {
    let mut all = BTreeSet::new();
    for wanted in selection.wanted.iter().filter(|wanted| wanted.file.is_none()) {
        all.insert((wanted.name.clone(), wanted.version.clone()));
    }
    let mut seen = BTreeSet::new();
    selection.wanted.retain(|wanted| {
        let key = (wanted.name.clone(), wanted.version.clone());
        let is_pom = wanted.file.as_deref().is_some_and(|file| file.ends_with(".pom"));
        !(is_pom && all.contains(&key)) && seen.insert((key, wanted.file.clone()))
    });
}

fn malformed(file: &str, place: impl std::fmt::Display, reason: impl std::fmt::Display) -> SelectionError {
    SelectionError::Malformed {
        file: file.to_owned(),
        reason: format!("{place}: {reason}"),
    }
}

/// All files of a version, as its pom says (`kind` is `None`), or one file. Names and version are checked.
fn wanted(
    name: &str,
    version: &str,
    kind: Option<&Kind>,
    claims: Vec<Claim>,
) -> Result<Wanted, crate::ecosystem::Mismatch> {
    let (_, id) = coordinate::split(name)?;
    coordinate::check_version(version)?;
    let file = match kind {
        None => None,
        Some(kind) => {
            let file = coordinate::file_name(id, version, kind);
            coordinate::kind_of(id, version, &file)?;
            Some(file)
        }
    };
    Ok(Wanted {
        ecosystem: super::ID,
        name: name.to_owned(),
        version: version.to_owned(),
        file,
        claims,
        urls: Vec::new(),
        registry: None,
        path: None,
        size: None,
    })
}
