//! Paths below the repository: computed by us, and checked all the same.

use std::fmt;
use std::path::{Path, PathBuf};

/// A relative path of plain components, safe on every file system that a site may use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

/// A name that may not become a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be a path: {reason}")]
pub struct UnsafeName {
    /// The name as it came.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Windows' device names: reserved with any extension (Win32 file naming conventions).
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Most file systems end a component at 255 bytes.
const MAX_COMPONENT_BYTES: usize = 255;

/// Linux's PATH_MAX is 4096; the enclave's own folder needs the rest.
const MAX_PATH_BYTES: usize = 1024;

impl RelativePath {
    /// Checks a path of components between slashes.
    pub fn new(text: impl Into<String>) -> Result<Self, UnsafeName> {
        let text = text.into();
        let refuse = |reason| {
            Err(UnsafeName {
                name: text.chars().take(300).collect(),
                reason,
            })
        };
        if text.len() > MAX_PATH_BYTES {
            return refuse("it is longer than 1024 bytes");
        }
        for component in text.split('/') {
            if let Some(reason) = component_fault(component) {
                return refuse(reason);
            }
        }
        Ok(Self(text))
    }

    /// The text, with slashes between components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path below a folder.
    pub fn under(&self, folder: &Path) -> PathBuf {
        folder.join(&self.0)
    }

    /// The key under which two paths collide on a file system that does not tell upper from lower case.
    pub fn collision_key(&self) -> String {
        self.0.to_lowercase()
    }
}

/// Says why a single component may not stand in a path; `None` where it may.
fn component_fault(component: &str) -> Option<&'static str> {
    if component.is_empty() {
        return Some("a component is empty");
    }
    if component == "." || component == ".." {
        return Some("a component is `.` or `..`");
    }
    if component.len() > MAX_COMPONENT_BYTES {
        return Some("a component is longer than 255 bytes");
    }
    if !component.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Some("a component holds a control or a character outside ASCII");
    }
    // Windows drops a space at the end, and people do not see one at the beginning.
    if component.starts_with(' ') || component.ends_with(' ') {
        return Some("a component begins or ends with a space");
    }
    if component
        .bytes()
        .any(|byte| matches!(byte, b'\\' | b':' | b'*' | b'?' | b'"' | b'<' | b'>' | b'|'))
    {
        return Some("a component holds one of \\ : * ? \" < > |");
    }
    if component.ends_with('.') {
        return Some("a component ends in a dot");
    }
    let stem = component.split('.').next().unwrap_or(component).to_ascii_lowercase();
    if RESERVED.contains(&stem.as_str()) {
        return Some("a component is a device name of Windows");
    }
    None
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<Path> for RelativePath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_are_refused() {
        let long = "a".repeat(256);
        for wrong in [
            "",
            "/",
            "/x",
            "../x",
            "a/../b",
            "a/./b",
            "a//b",
            "a/",
            "C:\\x",
            "C:x",
            "\\\\h\\s",
            "a\0b",
            "CON",
            "con.txt",
            "a/NUL",
            "a.",
            " a",
            "a ",
            "a /b",
            "a/ b",
            "a\tb",
            "\u{202e}x",
            "sh\u{0435}ll",
            &long,
            &format!("{}a", "a/".repeat(512)),
        ] {
            assert!(RelativePath::new(wrong).is_err(), "{wrong:?}");
        }
        for right in [
            "a",
            "a/b",
            "@s/x/-/x-1.0.0.tgz",
            "simple/foo-bar/index.html",
            ".metadata",
            "a..b",
            "1.0+local/x~1",
            "Program Files/Setup 1.0 (x64).exe",
            "console",
            &"a".repeat(255),
            &format!("{}aa", "a/".repeat(511)),
        ] {
            assert_eq!(RelativePath::new(right).unwrap().as_str(), right);
        }
    }

    #[test]
    fn case_collides() {
        let key = |text| RelativePath::new(text).unwrap().collision_key();
        assert_eq!(key("Foo/x"), key("foo/X"));
    }
}
