//! Names of sets, their versions, and their files.

use super::checksums::LIST_NAME;
use crate::ecosystem::Mismatch;
use crate::model::RelativePath;

/// A set's name and version are folders; 64 characters leave room for the file's own path.
const MAX_BYTES: usize = 64;

/// Checks a set's name: lower-case letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
///
/// # Errors
/// Any other text, and device names of Windows.
pub fn check_name(name: &str) -> Result<(), Mismatch> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    check(
        name,
        plain,
        "a set's name is lower-case letters, digits, `.`, `_` and `-`, at most 64",
    )
}

/// Checks a set's version: as a name, with upper case, `+` and `~`.
///
/// # Errors
/// Any other text, and device names of Windows.
pub fn check_version(version: &str) -> Result<(), Mismatch> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~".contains(&byte);
    check(
        version,
        plain,
        "a version is letters, digits, `.`, `_`, `-`, `+` and `~`, at most 64",
    )
}

fn check(text: &str, plain: impl Fn(u8) -> bool, rule: &str) -> Result<(), Mismatch> {
    let starts_well = text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    if !starts_well || text.len() > MAX_BYTES || !text.bytes().all(plain) {
        return Err(Mismatch::new(rule).comparing("such a text, beginning with a letter or digit", text));
    }
    RelativePath::new(text).map_err(|error| Mismatch::new(error.to_string()))?;
    Ok(())
}

/// Checks a file's path below its version: folders are allowed, and the list that the repository makes keeps its name.
///
/// # Errors
/// What [`RelativePath`] refuses, and the list's own name.
pub fn check_file(file: &str) -> Result<RelativePath, Mismatch> {
    let path = RelativePath::new(file).map_err(|error| Mismatch::new(error.to_string()))?;
    if path.collision_key() == LIST_NAME.to_lowercase() {
        return Err(Mismatch::new(format!(
            "a file cannot be named {LIST_NAME}: the repository writes that list itself"
        )));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars() {
        for name in ["a", "rust-toolchain", "7zip", "a.b_c"] {
            check_name(name).unwrap();
        }
        for wrong in ["", "-a", ".a", "A", "a/b", "a b", "a..", "con", "é", &"a".repeat(65)] {
            assert!(check_name(wrong).is_err(), "{wrong:?}");
        }
        for version in ["1", "1.0", "2026-11-21", "1.0+B~rc1"] {
            check_version(version).unwrap();
        }
        for wrong in ["", "..", "+1", "1/2", "1.", "1 ", "nul"] {
            assert!(check_version(wrong).is_err(), "{wrong:?}");
        }
        for file in [
            "a",
            "My Setup (1).exe",
            "A/b.tar.gz",
            "sub/SHA256SUMS",
            "SHA256SUMS.asc",
        ] {
            check_file(file).unwrap();
        }
        for wrong in [
            "",
            "../a",
            "/a",
            " a",
            "a /b",
            "a\\b",
            "a\nb",
            "SHA256SUMS",
            "sha256sums",
        ] {
            assert!(check_file(wrong).is_err(), "{wrong:?}");
        }
    }
}
