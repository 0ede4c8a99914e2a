//! Names, versions and file names of crates.

use semver::Version;

use crate::ecosystem::{Coordinate, Mismatch};

/// The public registry and its mirrors end a name at 64 characters; other registries follow them.
const MAX_NAME_BYTES: usize = 64;

/// A version is part of a file name of at most 255 bytes, beside a name of 64 and `.crate`.
const MAX_VERSION_BYTES: usize = 128;

/// Whether a text is a crate's name: ASCII letters, digits, `-` and `_`, beginning with a letter
/// (Cargo reference, "The `name` field"; registries are stricter than Cargo itself, and so are we).
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Reads a version; there is one spelling for each (SemVer 2.0.0 §2).
pub(crate) fn version(text: &str) -> Option<Version> {
    Version::parse(text).ok().filter(|_| text.len() <= MAX_VERSION_BYTES)
}

/// The name of a version's file, in caches, in local registries and on servers.
pub(crate) fn file_name(name: &str, version: &str) -> String {
    format!("{name}-{version}.crate")
}

/// Reads name and version off a file name. A name holds no dot and a version does, so the last `-` before the first
/// dot parts them, and there is no second way to read it.
pub(crate) fn from_file_name(file: &str) -> Option<Coordinate> {
    let stem = file.strip_suffix(".crate")?;
    let dot = stem.find('.')?;
    let dash = stem[..dot].rfind('-')?;
    let (name, rest) = (&stem[..dash], &stem[dash + 1..]);
    (is_name(name) && version(rest).is_some()).then(|| Coordinate {
        name: name.to_owned(),
        version: rest.to_owned(),
    })
}

/// Refuses an artifact whose file name is not made of its name and version.
pub(crate) fn check_file_name(file: &str, name: &str, version: &str) -> Result<(), Mismatch> {
    let read = from_file_name(file);
    if read.is_some_and(|read| read.name == name && read.version == version) {
        return Ok(());
    }
    Err(
        Mismatch::new("the file's name is not that of the crate and its version")
            .comparing(file_name(name, version), file),
    )
}

/// The folders below which the index keeps a name, in the name's own case (Cargo reference, "Index files"). The name
/// has been checked by [`is_name`].
pub(crate) fn prefix(name: &str) -> String {
    match name.len() {
        0..=2 => name.len().to_string(),
        3 => format!("3/{}", &name[..1]),
        _ => format!("{}/{}", &name[..2], &name[2..4]),
    }
}

/// The path of a name's index file below the index: lower case throughout.
pub(crate) fn index_path(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    format!("{}/{lower}", prefix(&lower))
}

/// The key under which two names are taken for the same: registries let only one of `Foo-bar` and `foo_bar` in.
pub(crate) fn collision_key(name: &str) -> String {
    name.to_ascii_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_read_one_way() {
        for (file, name, version) in [
            ("serde-1.0.0.crate", "serde", "1.0.0"),
            ("foo-bar-1.0.0-alpha-1.crate", "foo-bar", "1.0.0-alpha-1"),
            ("foo-1-2.0.0.crate", "foo-1", "2.0.0"),
            ("a_B-0.1.0+x.y-z.crate", "a_B", "0.1.0+x.y-z"),
        ] {
            let read = from_file_name(file).unwrap();
            assert_eq!((read.name.as_str(), read.version.as_str()), (name, version));
            assert_eq!(file_name(name, version), file);
            check_file_name(file, name, version).unwrap();
        }
        for wrong in [
            "serde-1.0.crate",
            "serde-1.0.0.tgz",
            "-1.0.0.crate",
            "1.0.0.crate",
            "serde-01.0.0.crate",
            "serde-v1.0.0.crate",
            "../x-1.0.0.crate",
            "1x-1.0.0.crate",
            "sérde-1.0.0.crate",
            "serde 1.0.0.crate",
            "serde-1.0.0 .crate",
            &format!("{}-1.0.0.crate", "a".repeat(65)),
            &format!("serde-1.0.0-{}.crate", "a".repeat(123)),
        ] {
            assert!(from_file_name(wrong).is_none(), "{wrong}");
        }
        assert!(check_file_name("serde-1.0.0.crate", "serde", "1.0.1").is_err());
        assert!(check_file_name("serde-1.0.0.crate", "Serde", "1.0.0").is_err());
    }

    #[test]
    fn index_paths() {
        for (name, path) in [
            ("a", "1/a"),
            ("ab", "2/ab"),
            ("Abc", "3/a/abc"),
            ("foo-dep", "fo/o-/foo-dep"),
            ("Inflector", "in/fl/inflector"),
        ] {
            assert_eq!(index_path(name), path);
        }
        assert_eq!(prefix("Inflector"), "In/fl");
        assert_eq!(collision_key("Foo-bar"), collision_key("foo_Bar"));
    }
}
