//! Roots on this site's own disk: `pin.json` and `roots/N.dsse.json`.
//!
//! The folder is trusted for the pin alone. Opening it walks the whole chain from the pinned fingerprint again, so a
//! root that someone slipped in is found. All versions are kept, to judge old documents as of their time.
#![expect(clippy::disallowed_methods, reason = "roots lie on this site's own disk")]

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{MAX_ROOT_BYTES, TrustError, TrustedRoot};
use crate::crypto::strict_json::{self, JsonError};
use crate::model::{Code, Digest, Stop, Timestamp, Unable};

const PIN: &str = "pin.json";
const ROOTS: &str = "roots";

/// The pin has four short fields.
const MAX_PIN_BYTES: usize = 4096;

/// A folder with the pinned root and all that followed.
#[derive(Debug)]
pub struct TrustFolder {
    folder: PathBuf,
    pin: Pin,
    /// From the pinned root to the current one; never empty.
    roots: Vec<TrustedRoot>,
}

/// Which root this site took on somebody's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The root's version.
    pub version: u64,
    /// The root's fingerprint.
    pub fingerprint: Digest,
    /// How it was confirmed.
    pub confirmed: Confirmed,
    /// When.
    pub pinned: Timestamp,
}

/// How a root was confirmed when it was pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmed {
    /// A fingerprint that came another way was compared.
    ByFingerprint,
    /// Twelve words that came another way were typed.
    ByWords,
    /// The root was made here, for an evaluation.
    MadeHere,
}

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("cannot {what} `{path}`")]
    File {
        /// What was tried.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No root has been pinned here.
    #[error("no root is pinned in `{folder}`")]
    NotPinned {
        /// The folder.
        folder: PathBuf,
    },
    /// A root is pinned here already.
    #[error("a root is pinned in `{folder}` already")]
    AlreadyPinned {
        /// The folder.
        folder: PathBuf,
    },
    /// The pin cannot be read.
    #[error("`{path}` is damaged")]
    PinDamaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: JsonError,
    },
    /// A stored root does not follow from the pin.
    #[error("`{path}` does not follow from the pinned root")]
    RootDamaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// A root is not the next one.
    #[error("the root does not follow")]
    NotNext(#[source] TrustError),
    /// A stored document of this site is not what was accepted.
    #[error("`{path}` is damaged")]
    StandingDamaged {
        /// The file.
        path: PathBuf,
        /// Why.
        source: TrustError,
    },
    /// A document may not stand here.
    #[error("the document may not stand here")]
    NotStanding(#[source] TrustError),
}

impl From<FolderError> for Stop {
    fn from(error: FolderError) -> Self {
        let hint = match &error {
            FolderError::NotPinned { .. } => Some("pin one with `sealift root pin`"),
            FolderError::AlreadyPinned { .. } => Some("the next root is taken by `sealift root pin`, too"),
            FolderError::PinDamaged { .. } | FolderError::RootDamaged { .. } | FolderError::StandingDamaged { .. } => {
                Some("restore the folder from its own backup")
            }
            _ => None,
        };
        match error {
            FolderError::NotNext(source) => source.refusal("root").into(),
            FolderError::NotStanding(source) => source.refusal("trust").into(),
            error => {
                let damaged = matches!(
                    error,
                    FolderError::PinDamaged { .. }
                        | FolderError::RootDamaged { .. }
                        | FolderError::StandingDamaged { .. }
                );
                let mut unable = Unable::new(error.to_string());
                unable.hint = hint.map(str::to_owned);
                unable.code = damaged.then_some(Code::StateRolledBack);
                match error {
                    FolderError::File { source, .. } => unable.because(source),
                    FolderError::PinDamaged { source, .. } => unable.because(source),
                    FolderError::RootDamaged { source, .. } | FolderError::StandingDamaged { source, .. } => {
                        unable.because(source)
                    }
                    _ => unable,
                }
                .into()
            }
        }
    }
}

impl TrustFolder {
    /// Pins a root in a folder that has none yet. The caller has confirmed its fingerprint.
    pub fn pin(folder: &Path, root: TrustedRoot, confirmed: Confirmed, now: Timestamp) -> Result<Self, FolderError> {
        let this = Self {
            folder: folder.to_owned(),
            pin: Pin {
                version: root.document().version,
                fingerprint: root.fingerprint(),
                confirmed,
                pinned: now,
            },
            roots: vec![root],
        };
        if Self::is_pinned(folder) {
            return Err(FolderError::AlreadyPinned {
                folder: folder.to_owned(),
            });
        }
        let roots = folder.join(ROOTS);
        fs::create_dir_all(&roots).map_err(failed("create", &roots))?;
        this.write_root(this.current())?;
        // The pin comes last: without it the folder counts as empty.
        write_whole(&folder.join(PIN), &strict_json::write(&this.pin))?;
        Ok(this)
    }

    /// Whether a folder has a pin.
    pub fn is_pinned(folder: &Path) -> bool {
        folder.join(PIN).exists()
    }

    /// Opens a folder and verifies the chain of its roots from the pin.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        let path = folder.join(PIN);
        let Some(bytes) = read_bounded(&path, MAX_PIN_BYTES)? else {
            return Err(FolderError::NotPinned {
                folder: folder.to_owned(),
            });
        };
        let pin: Pin = strict_json::read(&bytes).map_err(|source| FolderError::PinDamaged { path, source })?;
        let mut this = Self {
            folder: folder.to_owned(),
            roots: Vec::new(),
            pin,
        };
        for version in this.pin.version.. {
            let path = this.root_path(version);
            let damaged = |source| FolderError::RootDamaged {
                path: path.clone(),
                source,
            };
            let Some(envelope) = read_bounded(&path, MAX_ROOT_BYTES)? else {
                break;
            };
            let root = match this.roots.last() {
                Some(last) => last.advance(&envelope).map_err(damaged)?,
                None => this.pinned_root(&envelope).map_err(damaged)?,
            };
            this.roots.push(root);
        }
        if this.roots.is_empty() {
            let path = this.root_path(this.pin.version);
            return Err(failed("read", &path)(io::ErrorKind::NotFound.into()));
        }
        Ok(this)
    }

    /// The root that counts now.
    pub fn current(&self) -> &TrustedRoot {
        self.roots
            .last()
            .expect("a folder is never opened or pinned without a root")
    }

    /// Every root from the pinned one to the current one.
    pub fn roots(&self) -> &[TrustedRoot] {
        &self.roots
    }

    /// The root with a version, to judge something as of then.
    pub fn root(&self, version: u64) -> Option<&TrustedRoot> {
        self.roots.iter().find(|root| root.document().version == version)
    }

    /// Which root was taken on somebody's word.
    pub const fn pinned(&self) -> &Pin {
        &self.pin
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.folder
    }

    /// Verifies that a root follows from the current one, stores it, and makes it current.
    pub fn advance(&mut self, untrusted_envelope: &[u8]) -> Result<(), FolderError> {
        let next = self
            .current()
            .advance(untrusted_envelope)
            .map_err(FolderError::NotNext)?;
        self.store_root(next)
    }

    /// Stores roots that [`TrustedRoot::advance_all`] gave, in their order.
    pub fn store_roots(&mut self, applied: Vec<TrustedRoot>) -> Result<(), FolderError> {
        applied.into_iter().try_for_each(|root| self.advance(root.envelope()))
    }

    fn store_root(&mut self, next: TrustedRoot) -> Result<(), FolderError> {
        self.write_root(&next)?;
        self.roots.push(next);
        Ok(())
    }

    fn pinned_root(&self, envelope: &[u8]) -> Result<TrustedRoot, TrustError> {
        let root = TrustedRoot::pinned(envelope)?;
        root.check_fingerprint(&self.pin.fingerprint)?;
        Ok(root)
    }

    fn write_root(&self, root: &TrustedRoot) -> Result<(), FolderError> {
        write_whole(&self.root_path(root.document().version), root.envelope())
    }

    fn root_path(&self, version: u64) -> PathBuf {
        self.folder.join(ROOTS).join(format!("{version}.dsse.json"))
    }
}

/// Reads a small file whole; nothing where there is none.
pub(crate) fn read_bounded(path: &Path, max_bytes: usize) -> Result<Option<Vec<u8>>, FolderError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("open", path)(error)),
    };
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is seen to be longer.
    let limit = u64::try_from(max_bytes).map_or(u64::MAX, |limit| limit + 1);
    file.take(limit).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() > max_bytes {
        return Err(failed("read", path)(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(Some(bytes))
}

/// Writes a file whole or not at all: temporary file, sync, rename, sync of the folder.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        // Roots and the pin hold nothing secret, and whoever verifies a bundle reads them.
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed("create a file in", folder))?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("write", path))?;
    file.persist(path).map_err(|error| failed("write", path)(error.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("sync", folder))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    move |source| FolderError::File {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_there_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        assert_eq!(read_bounded(&file, 4).unwrap(), None);
        fs::write(&file, "four").unwrap();
        assert_eq!(read_bounded(&file, 4).unwrap().as_deref(), Some(&b"four"[..]));
        // Below a file there is no folder to look into.
        assert!(read_bounded(&file.join("below"), 4).is_err());
    }

    #[test]
    fn a_folder_where_a_file_should_be_is_said() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            read_bounded(folder.path(), 4),
            Err(FolderError::File { what: "read", .. })
        ));
    }
}
