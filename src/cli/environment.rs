//! The process's surroundings as ecosystems see them: variables, home, working folder, configuration files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::ecosystem::ClientEnvironment;

/// A client's configuration file has a few KiB; more is something else.
const MAX_CONFIGURATION_BYTES: u64 = 4 << 20;

/// A configuration folder has some ten files; more is something else.
const MAX_CONFIGURATION_FILES: usize = 1000;

/// What this process sees.
pub(crate) struct Surroundings {
    working_folder: PathBuf,
}

impl Surroundings {
    /// Surroundings of a selection that lies in a folder.
    pub(crate) const fn new(working_folder: PathBuf) -> Self {
        Self { working_folder }
    }
}

impl ClientEnvironment for Surroundings {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }

    fn working_folder(&self) -> PathBuf {
        self.working_folder.clone()
    }

    fn read(&self, path: &Path) -> Option<String> {
        // Looked at before it is opened: opening a pipe would hang.
        if !std::fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let mut text = String::new();
        File::open(path)
            .ok()?
            .take(MAX_CONFIGURATION_BYTES)
            .read_to_string(&mut text)
            .ok()?;
        Some(text)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .take(MAX_CONFIGURATION_FILES)
            .collect();
        files.sort();
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_a_plain_file() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        std::fs::write(&file, "a = b").unwrap();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        let surroundings = Surroundings::new(folder.path().to_owned());
        assert_eq!(surroundings.read(&file).as_deref(), Some("a = b"));
        for path in [folder.path(), Path::new("/dev/null"), &pipe] {
            assert_eq!(surroundings.read(path), None, "{}", path.display());
        }
    }
}
