//! A fake of what surrounds a client: files, variables, a home folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealift::ecosystem::ClientEnvironment;

/// Home is `/home`, the selection lies in `/project`.
#[derive(Default)]
pub(crate) struct Surroundings {
    variables: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, String>,
}

impl Surroundings {
    /// Sets a variable.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Places a file.
    pub(crate) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }
}

impl ClientEnvironment for Surroundings {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home".into())
    }

    fn working_folder(&self) -> PathBuf {
        "/project".into()
    }

    fn read(&self, path: &Path) -> Option<String> {
        self.files.get(path).cloned()
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let own = self.files.keys().filter(|path| path.parent() == Some(folder));
        own.cloned().collect()
    }
}
