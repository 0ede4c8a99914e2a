//! Scanners of this site: programs that look for malware in files, each run over batches, bounded in time and output.
//!
//! sealift does not scan. It runs the commands that the administrator of this machine wrote down in a local file ([`Scanners::from_yaml`]), and
//! reads what they print. Nothing that travels names a program: not the bundle, and not the policy, which only says which engines must
//! have had their say (`bundle-spec/policy.md` §9).
//!
//! What a scanner prints is `clamscan`'s own language, one line a file; any other scanner is asked through a script that speaks it:
//!
//! ```text
//! /path/of/a/file: OK
//! /path/of/another: Some.Name FOUND
//! /path/of/a/third: Can't open file ERROR
//! ```
//!
//! Threats, each with its defence:
//! - A scanner that says nothing, breaks off, or ends otherwise than what it printed: only a line of its own makes a file clean.
//! - A scanner that calls a file `OK` which it skipped for its size, as `clamscan` does by default: refused when the file is read, where it can be seen.
//! - A scanner that never ends, or prints without end: a limit of time for each run, and bounds on what is read; its whole process group is killed.
//! - Definitions of last year, or of next year: their date is asked each time, and it is the policy that says how old they may be.
//! - A variable of the surroundings that changes what the scanner does: it gets none of them.
//! - Content that makes a scanner print lines about other files: what is worst about a file counts.

mod answer;
mod configuration;
mod definitions;
mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use answer::{Answer, read_answers};
pub use configuration::{LIST, MAX_CONFIGURATION_BYTES, MAX_FILES, MAX_MINUTES, MAX_SCANNERS};
pub use definitions::{Definitions, read as read_definitions};

/// The scanners of a site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scanners {
    scanners: Vec<Scanner>,
}

impl Scanners {
    /// A site without any.
    pub const fn none() -> Self {
        Self { scanners: Vec::new() }
    }

    /// Each of them, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Scanner> {
        self.scanners.iter()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.scanners.is_empty()
    }
}

/// One scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanner {
    engine: String,
    command: Vec<String>,
    definitions: Vec<String>,
    limit: Duration,
    files: usize,
}

impl Scanner {
    /// Its name, as policies call it.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// How many files it gets in one run.
    pub const fn files(&self) -> usize {
        self.files
    }

    /// Asks which definitions it has.
    pub fn definitions(&self) -> Result<Definitions, ScanError> {
        let output = program::run(&self.definitions, self.limit, configuration::MAX_VERSION_BYTES)?;
        if output.status != Some(0) {
            return Err(ScanError::Ended {
                program: self.definitions.first().cloned().unwrap_or_default(),
                status: output.status,
                said: output.said,
            });
        }
        definitions::read(&output.stdout).ok_or_else(|| ScanError::Definitions {
            said: answer::printable(&output.stdout),
        })
    }

    /// Scans some files, each of which gets one answer. `list` is a file of its own that may be written: the paths stand in it, one a line.
    pub fn scan(&self, files: &[PathBuf], list: &Path) -> Result<Vec<Answer>, ScanError> {
        let mut command = Vec::with_capacity(self.command.len());
        let mut takes_list = false;
        let list_text = if self.command.iter().any(|part| part.contains(LIST)) {
            // It has to be there to have an absolute path.
            program::write_list(list, "")?;
            plain(&program::absolute(list)?)?
        } else {
            String::new()
        };
        for part in &self.command {
            takes_list |= part.contains(LIST);
            command.push(part.replace(LIST, &list_text));
        }
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut text = String::new();
        for (place, path) in files.iter().enumerate() {
            // Scanners, and daemons that they ask, have other ideas of where a relative path begins.
            let path = plain(&program::absolute(path)?)?;
            if takes_list {
                text.push_str(&path);
                text.push('\n');
            } else {
                command.push(path.clone());
            }
            places.insert(path, place);
        }
        if takes_list {
            program::write_list(list, &text)?;
        }
        let output = program::run(&command, self.limit, answer::max_bytes(files))?;
        answer::read(&output, &places, self.command.first().map_or("", String::as_str))
    }
}

/// A path as a scanner is given it: a line feed in it would make two of it, and a scanner prints other bytes than UTF-8 as it likes.
fn plain(path: &Path) -> Result<String, ScanError> {
    path.to_str()
        .filter(|path| !path.contains(char::is_control))
        .map(str::to_owned)
        .ok_or_else(|| ScanError::Path { path: path.to_owned() })
}

/// A scanner could not do its work, or its configuration cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// The file is not YAML as sealift reads it, or not of the schema.
    #[error("the list of scanners cannot be read")]
    Yaml {
        /// Why.
        source: crate::crypto::yaml::YamlError,
    },
    /// The file says something that no such file may say.
    #[error("{place}: {what}")]
    Configuration {
        /// The place in the file.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The program could not be started.
    #[error("`{program}` cannot be run")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// What it prints could not be read, or a file that it needs not be written.
    #[error("{what}")]
    Io {
        /// What failed.
        what: String,
        /// Why.
        source: std::io::Error,
    },
    /// It took too long.
    #[error("`{program}` was stopped after {seconds} seconds")]
    TimedOut {
        /// The program.
        program: String,
        /// The limit.
        seconds: u64,
    },
    /// It printed more than anybody reads.
    #[error("`{program}` printed more than {max} bytes")]
    TooMuch {
        /// The program.
        program: String,
        /// The limit.
        max: usize,
    },
    /// It ended otherwise than what it printed.
    #[error("`{program}` ended with {}{}", status_words(*status), after_colon(said))]
    Ended {
        /// The program.
        program: String,
        /// Its exit status; none where a signal ended it.
        status: Option<i32>,
        /// The last line that it printed as an error.
        said: String,
    },
    /// It does not say which definitions it has.
    #[error("the scanner does not say which definitions it has: `{said}`")]
    Definitions {
        /// What it says instead.
        said: String,
    },
    /// A path cannot be given to a scanner.
    #[error("{} cannot be given to a scanner: its path is no plain text", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
}

fn status_words(status: Option<i32>) -> String {
    status.map_or_else(|| "a signal".to_owned(), |status| format!("status {status}"))
}

fn after_colon(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn a_path_that_a_scanner_would_take_for_two_is_given_to_none() {
        assert_eq!(plain(Path::new("/a/b c: d")).unwrap(), "/a/b c: d");
        for wrong in [&b"/a\nb"[..], b"/a\x1bb", b"/a\xff"] {
            let refused = plain(Path::new(OsStr::from_bytes(wrong)));
            assert!(matches!(refused, Err(ScanError::Path { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn a_scanner_is_not_asked_without_its_list() {
        let text = "schema: sealift-scanners/1\nscanners:\n  - {engine: a, command: [/bin/true, \"{list}\"], definitions: [/bin/true]}\n";
        let scanners = Scanners::from_yaml(text).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = scanners.scanners[0]
            .scan(&[], &folder.path().join("gone/list"))
            .unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }

    #[test]
    fn a_list_that_is_not_whole_is_not_scanned() {
        let text = "schema: sealift-scanners/1\nscanners:\n  - {engine: a, command: [/bin/true, \"{list}\"], definitions: [/bin/true]}\n";
        let scanners = Scanners::from_yaml(text).unwrap();
        // It can be made, and takes nothing (full(4)).
        let error = scanners.scanners[0]
            .scan(&[PathBuf::from("/bin/true")], Path::new("/dev/full"))
            .unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
    }
}
