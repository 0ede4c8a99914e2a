//! Reads `Cargo.lock`, versions 1 to 4 (Cargo: `src/core/resolver/encode.rs`).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ID, coordinate, toml_reason};
use crate::ecosystem::{Elsewhere, Selection, SelectionError, Wanted};
use crate::model::{Algorithm, Claim};

/// The newest lockfile version that this reader knows; what a newer one means, nobody can say.
const NEWEST_VERSION: u32 = 4;

#[derive(Deserialize)]
struct Lockfile {
    version: Option<u32>,
    #[serde(default)]
    package: Vec<Package>,
    /// Version 1: `"checksum NAME VERSION (SOURCE)" = "DIGITS"`.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
}

/// Reads the lockfile's text.
pub(crate) fn read(file: &str, text: &str) -> Result<Selection, SelectionError> {
    let malformed = |reason: String| SelectionError::Malformed {
        file: file.to_owned(),
        reason,
    };
    let lock: Lockfile = toml::from_str(text).map_err(|error| malformed(toml_reason(text, &error)))?;
    if let Some(version) = lock.version.filter(|version| !(1..=NEWEST_VERSION).contains(version)) {
        return Err(malformed(format!(
            "lockfile version {version} is not known; 1 to {NEWEST_VERSION} are"
        )));
    }
    let mut selection = Selection::default();
    let mut registries: BTreeMap<String, (String, String)> = BTreeMap::new();
    for package in &lock.package {
        let elsewhere = || Elsewhere {
            name: package.name.clone(),
            version: Some(package.version.clone()),
        };
        let Some(source) = package.source.as_deref() else {
            selection.left_out.push(format!(
                "{} {}: it is a folder, not from a registry",
                package.name, package.version
            ));
            selection.elsewhere.push(elsewhere());
            continue;
        };
        if !(source.starts_with("registry+") || source.starts_with("sparse+")) {
            selection.left_out.push(format!(
                "{} {}: it comes from {source}, not from a registry",
                package.name, package.version
            ));
            selection.elsewhere.push(elsewhere());
            continue;
        }
        let entry = format!("{} {}", package.name, package.version);
        if !coordinate::is_name(&package.name) {
            return Err(malformed(format!("`{}` is not a crate's name", package.name)));
        }
        if coordinate::version(&package.version).is_none() {
            return Err(malformed(format!("{entry}: `{}` is not a version", package.version)));
        }
        // One repository folder is one name space: a name from two registries would be two packages in one index.
        let key = coordinate::collision_key(&package.name);
        let seen = registries
            .entry(key)
            .or_insert_with(|| (package.name.clone(), source.to_owned()));
        if seen.0 != package.name {
            return Err(malformed(format!(
                "`{}` and `{}` are too alike for one repository",
                seen.0, package.name
            )));
        }
        if seen.1 != source {
            return Err(malformed(format!(
                "`{}` comes from two registries, {} and {source}, which one repository cannot keep apart",
                package.name, seen.1
            )));
        }
        let stated = package.checksum.as_deref().or_else(|| {
            let key = format!("checksum {} {} ({source})", package.name, package.version);
            lock.metadata.get(&key).map(String::as_str)
        });
        // Version 1 writes `<none>` where the registry gave no checksum.
        let Some(digits) = stated.filter(|digits| *digits != "<none>") else {
            return Err(SelectionError::Unpinned {
                file: file.to_owned(),
                entry,
            });
        };
        let claim =
            Claim::from_hex(Algorithm::Sha256, digits).map_err(|error| malformed(format!("{entry}: {error}")))?;
        selection.wanted.push(Wanted {
            ecosystem: ID,
            name: package.name.clone(),
            version: package.version.clone(),
            file: Some(coordinate::file_name(&package.name, &package.version)),
            claims: vec![claim],
            urls: Vec::new(),
            registry: Some(source.to_owned()),
            path: None,
            size: None,
        });
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const SOURCE: &str = "registry+https://index.example.com/git";

    fn package(name: &str, version: &str, source: &str, more: &str) -> String {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = \"{source}\"\n{more}\n")
    }

    fn pinned(name: &str, version: &str, source: &str) -> String {
        package(name, version, source, &format!("checksum = \"{SUM}\""))
    }

    #[test]
    fn registry_crates_are_taken_and_the_rest_is_named() {
        let text = format!(
            "version = 4\n{}{}[[package]]\nname = \"here\"\nversion = \"0.1.0\"\n{}",
            pinned("foo", "1.0.0", SOURCE),
            pinned("bar", "2.0.0-rc.1", "sparse+https://registry.example.com/index/"),
            package("git-dep", "0.1.0", "git+https://git.example.com/x?rev=1#0123", ""),
        );
        let selection = read("Cargo.lock", &text).unwrap();
        let names: Vec<_> = selection.wanted.iter().map(|wanted| wanted.name.as_str()).collect();
        assert_eq!(names, ["foo", "bar"]);
        assert_eq!(selection.wanted[0].file.as_deref(), Some("foo-1.0.0.crate"));
        assert_eq!(selection.wanted[0].claims[0].hex(), SUM);
        assert_eq!(selection.wanted[0].registry.as_deref(), Some(SOURCE));
        let elsewhere = |name: &str| Elsewhere {
            name: name.to_owned(),
            version: Some("0.1.0".to_owned()),
        };
        assert_eq!(selection.elsewhere, [elsewhere("here"), elsewhere("git-dep")]);
        assert_eq!(selection.left_out.len(), 2);
        assert!(
            selection.left_out[1].contains("git.example.com"),
            "{:?}",
            selection.left_out
        );
    }

    #[test]
    fn old_lockfiles_keep_checksums_apart() {
        let text = format!(
            "{}[metadata]\n\"checksum foo 1.0.0 ({SOURCE})\" = \"{SUM}\"\n",
            package("foo", "1.0.0", SOURCE, "")
        );
        assert_eq!(read("Cargo.lock", &text).unwrap().wanted.len(), 1);
        let without = text.replace(SUM, "<none>");
        assert!(matches!(
            read("Cargo.lock", &without),
            Err(SelectionError::Unpinned { .. })
        ));
    }

    #[test]
    fn what_cannot_be_carried_is_refused() {
        let unpinned = package("foo", "1.0.0", SOURCE, "");
        assert!(
            matches!(read("Cargo.lock", &unpinned), Err(SelectionError::Unpinned { entry, .. }) if entry == "foo 1.0.0")
        );
        let two_registries =
            pinned("foo", "1.0.0", SOURCE) + &pinned("foo", "2.0.0", "registry+https://other.example.com/x");
        let alike = pinned("foo-bar", "1.0.0", SOURCE) + &pinned("foo_bar", "1.0.0", SOURCE);
        for (text, words) in [
            ("version = 5\n".to_owned(), "version 5"),
            ("version = 0\n".to_owned(), "version 0"),
            ("package = 3".to_owned(), "expected a sequence"),
            ("[[package]]\n".to_owned(), "missing field"),
            ("[[package".to_owned(), "line 1"),
            (pinned("../foo", "1.0.0", SOURCE), "not a crate's name"),
            (pinned("foo", "1.0", SOURCE), "not a version"),
            (package("foo", "1.0.0", SOURCE, "checksum = \"12\""), "foo 1.0.0"),
            (two_registries, "two registries"),
            (alike, "too alike"),
        ] {
            let Err(SelectionError::Malformed { reason, .. }) = read("Cargo.lock", &text) else {
                panic!("{text}");
            };
            assert!(reason.contains(words), "{reason}");
        }
    }
}
