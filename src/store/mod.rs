//! Objects on disk, named by their SHA-256: `objects/ab/<the other 62 digits>`. An object is written aside and renamed
//! into place, never changed afterwards, and read-only. Callers sync the file system once, after many objects.
#![expect(clippy::disallowed_methods, reason = "the store is files on disk")]

mod compare;

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::model::{Digest, Hasher, Stop, Unable};
pub use compare::Found;

/// Everyone may read an object and nobody may write it.
const OBJECT_MODE: u32 = 0o444;

/// How files begin that are still being written.
const INCOMING: &str = "incoming-";

/// The folder of objects.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    incoming: AtomicU64,
}

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}")]
pub struct StoreError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        let what = error.to_string();
        Unable::new(what).because(error.source).into()
    }
}

/// An object as it lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
    /// The file's inode, by which other links to it are known.
    pub inode: u64,
    /// How many folders link it, this store included.
    pub links: u64,
}

/// What became of a file that was to be taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It is in the store now.
    New,
    /// The store held the object already; the file stays where it is.
    Held,
    /// There is no such file, and no such object.
    Missing,
}

impl Store {
    /// Opens the store in a folder, making it where it is missing.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let folder = folder.into();
        let objects = folder.join("objects");
        for byte in 0..=u8::MAX {
            let path = objects.join(format!("{byte:02x}"));
            // Whoever only reads may have no right to make anything.
            if !path.is_dir() {
                fs::create_dir_all(&path).map_err(failed("make", &path))?;
            }
        }
        Ok(Self {
            folder,
            incoming: AtomicU64::new(0),
        })
    }

    /// Whether the store holds an object.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).exists()
    }

    /// How many bytes an object has on the disk; `None` where there is none.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = self.path(digest);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("look at", &path)(error)),
        }
    }

    /// Where an object lies, or would lie.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("objects").join(relative(digest))
    }

    /// Stores bytes that lie in memory.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let digest = Digest::of(bytes);
        if !self.contains(&digest) {
            let number = self.incoming.fetch_add(1, Ordering::Relaxed);
            let aside = self.folder.join(format!("{INCOMING}{}-{number}", std::process::id()));
            let mut file = File::create(&aside).map_err(failed("make", &aside))?;
            file.write_all(bytes).map_err(failed("write", &aside))?;
            drop(file);
            self.adopt(&aside, &digest)?;
        }
        Ok(digest)
    }

    /// Takes over a file whose digest the caller has just computed. It must lie on the store's file system.
    pub fn adopt(&self, staged_file: &Path, digest: &Digest) -> Result<(), StoreError> {
        fs::set_permissions(staged_file, Permissions::from_mode(OBJECT_MODE))
            .map_err(failed("protect", staged_file))?;
        let path = self.path(digest);
        fs::rename(staged_file, &path).map_err(failed("store", &path))
    }

    /// Takes over a file whose digest was computed before, unless the object is held already. Fewer calls than to look
    /// first: an import does this for every object.
    pub fn adopt_new(&self, staged_file: &Path, digest: &Digest) -> Result<Adopted, StoreError> {
        let absent = || {
            if self.contains(digest) {
                Adopted::Held
            } else {
                Adopted::Missing
            }
        };
        match fs::set_permissions(staged_file, Permissions::from_mode(OBJECT_MODE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(absent()),
            other => other.map_err(failed("protect", staged_file))?,
        }
        let path = self.path(digest);
        match renameat_with(CWD, staged_file, CWD, &path, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(Adopted::New),
            Err(Errno::EXIST) => Ok(Adopted::Held),
            Err(Errno::NOENT) => Ok(absent()),
            // Some file systems cannot do it in one step. There is one writer, so two do as well.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if path.exists() => Ok(Adopted::Held),
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                fs::rename(staged_file, &path).map_err(failed("store", &path))?;
                Ok(Adopted::New)
            }
            Err(error) => Err(failed("store", &path)(error.into())),
        }
    }

    /// Removes what a killed run was writing. Only for who holds the enclave's lock.
    pub fn clear_incoming(&self) -> Result<(), StoreError> {
        for entry in fs::read_dir(&self.folder).map_err(failed("read", &self.folder))? {
            let entry = entry.map_err(failed("read", &self.folder))?;
            if entry.file_name().to_string_lossy().starts_with(INCOMING) {
                fs::remove_file(entry.path()).map_err(failed("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Opens an object for reading.
    pub fn open_object(&self, digest: &Digest) -> Result<File, StoreError> {
        let path = self.path(digest);
        File::open(&path).map_err(failed("open", &path))
    }

    /// Removes an object.
    pub fn remove(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.path(digest);
        fs::remove_file(&path).map_err(failed("remove", &path))
    }

    /// Calls back for every object, in the order of digests by their first byte. Files that are not objects are passed by.
    pub fn for_each<E: From<StoreError>>(&self, mut visit: impl FnMut(Stored) -> Result<(), E>) -> Result<(), E> {
        for byte in 0..=u8::MAX {
            let folder = self.folder.join("objects").join(format!("{byte:02x}"));
            for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
                let entry = entry.map_err(failed("read", &folder))?;
                let digits = entry.file_name().to_string_lossy().into_owned();
                let Ok(digest) = format!("sha256:{byte:02x}{digits}").parse() else {
                    continue;
                };
                let metadata = entry.metadata().map_err(failed("look at", &entry.path()))?;
                visit(Stored {
                    digest,
                    size: metadata.len(),
                    inode: metadata.ino(),
                    links: metadata.nlink(),
                })?;
            }
        }
        Ok(())
    }
}

/// Bytes read at a time when a file is hashed.
const READ_BYTES: usize = 1 << 20;

/// The digest of a file.
pub fn hash_file(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Hasher::new();
    // Most files are small.
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(READ_BYTES);
    let mut buffer = vec![0; length.clamp(1, READ_BYTES)];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Removes a folder, unless something is in it. Says whether it is gone.
pub fn remove_if_empty(folder: &Path) -> io::Result<bool> {
    match fs::remove_dir(folder) {
        Ok(()) => Ok(true),
        // File systems say it in either way (POSIX, rmdir).
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Makes everything on a folder's file system durable, with one call.
pub fn sync_file_system(folder: &File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(folder)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        rustix::fs::sync();
    }
    Ok(())
}

/// Makes everything durable on the file systems on which some folders lie, with one call for each of them.
pub fn sync_file_systems<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Result<(), StoreError> {
    let mut synced = BTreeSet::new();
    for folder in folders {
        let file = File::open(folder).map_err(failed("open", folder))?;
        let device = file.metadata().map_err(failed("look at", folder))?.dev();
        if synced.insert(device) {
            sync_file_system(&file).map_err(failed("sync", folder))?;
        }
    }
    Ok(())
}

/// The path of an object below `objects`.
pub fn relative(digest: &Digest) -> String {
    let mut digits = digest.hex();
    digits.insert(2, '/');
    digits
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError {
        what,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_by_its_digest_and_cannot_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = store.put_bytes(b"abc").unwrap();
        assert_eq!(store.put_bytes(b"abc").unwrap(), digest);
        assert!(store.contains(&digest) && !store.contains(&Digest::of(b"other")));
        let mut text = String::new();
        store.open_object(&digest).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "abc");
        let mode = fs::metadata(store.path(&digest)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, OBJECT_MODE);
        let error = store.open_object(&Digest::of(b"other")).unwrap_err();
        assert!(error.to_string().starts_with("cannot open "), "{error}");
    }

    #[test]
    fn a_file_is_taken_over_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (digest, staged) = (Digest::of(b"abc"), folder.path().join("staged"));
        assert_eq!(store.adopt_new(&staged, &digest).unwrap(), Adopted::Missing);
        fs::write(&staged, b"abc").unwrap();
        assert_eq!(store.adopt_new(&staged, &digest).unwrap(), Adopted::New);
        let mode = fs::metadata(store.path(&digest)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, OBJECT_MODE);
        assert_eq!(store.adopt_new(&staged, &digest).unwrap(), Adopted::Held);
        fs::write(&staged, b"other").unwrap();
        assert_eq!(store.adopt_new(&staged, &digest).unwrap(), Adopted::Held);
        assert_eq!(
            fs::read(store.path(&digest)).unwrap(),
            b"abc",
            "what is held is never replaced"
        );
    }

    #[test]
    fn every_object_is_visited_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = store.put_bytes(b"abc").unwrap();
        fs::write(folder.path().join("objects/00/stray"), "").unwrap();
        let mut seen = Vec::new();
        store
            .for_each(|stored| {
                seen.push((stored.digest, stored.size, stored.links));
                Ok::<_, StoreError>(())
            })
            .unwrap();
        assert_eq!(seen, [(digest, 3, 1)]);
        store.remove(&digest).unwrap();
        assert!(!store.contains(&digest));
    }

    #[test]
    fn what_cannot_be_looked_at_or_removed_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = Digest::of(b"abc");
        assert_eq!(store.size(&digest).unwrap(), None);
        assert!(store.remove(&digest).is_err());
        // A file stands where the folder should be.
        let fan = store.path(&digest).parent().unwrap().to_owned();
        fs::remove_dir(&fan).unwrap();
        fs::write(&fan, "").unwrap();
        assert!(store.size(&digest).is_err());
        assert!(Store::open(folder.path()).is_err());
    }
}
