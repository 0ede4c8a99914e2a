//! Objects on disk, named by digest: `objects/ab/<62 hexadecimal digits>`, read-only, never changed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::model::{Digest, Hasher};

/// A folder of objects.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// The store's folder failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An object's bytes are not those of its name.
    #[error("object {digest} has other bytes on disk: {found}")]
    Damaged {
        /// The name.
        digest: Digest,
        /// The bytes' digest.
        found: Digest,
    },
}

impl Store {
    /// Opens a store, and makes its folders where they are missing.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let this = Self { folder: folder.into() };
        let objects = this.folder.join("objects");
        if !objects.join("ff").is_dir() {
            for shard in 0..=255_u8 {
                let path = objects.join(format!("{shard:02x}"));
                fs::create_dir_all(&path).map_err(|source| StoreError::Io { action: "make folder", path, source })?;
            }
        }
        Ok(this)
    }

    /// The store's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where an object lies, whether it is there or not.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        object_path(&self.folder.join("objects"), digest)
    }

    /// Whether an object is there.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Opens an object.
    pub fn open_object(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.path(digest);
        File::open(&path).map_err(|source| StoreError::Io { action: "read", path, source })
    }

    /// Reads a small object.
    pub fn read(&self, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let path = self.path(digest);
        fs::read(&path).map_err(|source| StoreError::Io { action: "read", path, source })
    }

    /// Stores bytes under their digest. An object that is there already is left alone.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        if !path.is_file() {
            let aside = path.with_extension(format!("{}.part", std::process::id()));
            let failed = |source| StoreError::Io { action: "write", path: aside.clone(), source };
            fs::write(&aside, bytes).map_err(failed)?;
            fs::set_permissions(&aside, fs::Permissions::from_mode(0o444)).map_err(failed)?;
            fs::rename(&aside, &path).map_err(failed)?;
        }
        Ok(digest)
    }

    /// Moves a file, whose bytes have been verified, into the store. It must lie on the same file system.
    pub fn adopt(&self, staged: &Path, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        fs::rename(staged, &path).map_err(|source| StoreError::Io { action: "store", path, source })
    }

    /// Reads an object again and compares it with its name.
    pub fn verify(&self, digest: &Digest) -> Result<u64, StoreError> {
        let mut file = self.open_object(digest)?;
        let mut hasher = Hasher::new();
        let size = io::copy(&mut file, &mut hasher)
            .map_err(|source| StoreError::Io { action: "read", path: self.path(digest), source })?;
        let found = hasher.finish();
        if found == *digest { Ok(size) } else { Err(StoreError::Damaged { digest: *digest, found }) }
    }
}

/// Where an object lies below a folder of objects.
pub fn object_path(objects: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    objects.join(&hex[..2]).join(&hex[2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_by_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = store.put(b"content").unwrap();
        assert_eq!(digest, Digest::of(b"content"));
        assert_eq!(store.put(b"content").unwrap(), digest);
        assert!(store.contains(&digest));
        assert_eq!(store.read(&digest).unwrap(), b"content");
        assert_eq!(store.verify(&digest).unwrap(), 7);
        let path = store.path(&digest);
        fs::remove_file(&path).unwrap();
        fs::write(&path, b"changed").unwrap();
        assert!(matches!(store.verify(&digest), Err(StoreError::Damaged { .. })));
        assert!(!store.contains(&Digest::of(b"other")));
    }
}
