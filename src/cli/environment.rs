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
        let mut text = String::new();
        let file = File::open(path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        file.take(MAX_CONFIGURATION_BYTES).read_to_string(&mut text).ok()?;
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
