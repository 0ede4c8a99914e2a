//! Reading every object, to find those that are not what their names say.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{Store, StoreError, Stored, failed};
use crate::model::{Difference, Digest};

/// What a comparison finds: an object with its right bytes, or a file that differs.
#[derive(Debug)]
pub enum Found {
    /// It is what its name says.
    Good(Stored),
    /// It has other bytes.
    Bad(Stored, Difference),
    /// It is no object at all.
    Stray(Difference),
}

/// Answers that wait for the caller: enough that no thread waits for it.
const WAITING: usize = 1024;

impl Store {
    /// Reads all objects with a number of threads, and calls back for each file among them. `read` hears of bytes that were read.
    pub fn compare<E: From<StoreError>>(
        &self,
        threads: usize,
        read: &(dyn Fn(u64) + Sync),
        mut visit: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            let (sender, receiver) = crossbeam_channel::bounded(WAITING);
            for _ in 0..threads.max(1) {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    while let Ok(byte) = u8::try_from(next.fetch_add(1, Ordering::Relaxed)) {
                        let done = self.compare_folder(byte, read, &mut |found| sender.send(Ok(found)).is_ok());
                        match done {
                            Ok(true) => {}
                            // The caller has stopped.
                            Ok(false) => return,
                            Err(error) => {
                                let _ = sender.send(Err(error));
                                return;
                            }
                        }
                    }
                });
            }
            drop(sender);
            for found in receiver {
                visit(found?)?;
            }
            Ok(())
        })
    }

    fn compare_folder(
        &self,
        byte: u8,
        read: &(dyn Fn(u64) + Sync),
        give: &mut dyn FnMut(Found) -> bool,
    ) -> Result<bool, StoreError> {
        let folder = self.folder.join("objects").join(format!("{byte:02x}"));
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            other => other.map_err(failed("read", &folder))?,
        };
        for entry in entries {
            let path = entry.map_err(failed("read", &folder))?.path();
            let metadata = fs::symlink_metadata(&path).map_err(failed("look at", &path))?;
            let digits = path.file_name().unwrap_or_default().to_string_lossy();
            let name: Option<Digest> = format!("sha256:{byte:02x}{digits}").parse().ok();
            let found = match name {
                Some(digest) if metadata.is_file() => {
                    let stored = Stored {
                        digest,
                        size: metadata.len(),
                        inode: metadata.ino(),
                        links: metadata.nlink(),
                    };
                    let bytes = super::hash_file(&path).map_err(failed("read", &path))?;
                    read(stored.size);
                    if bytes == digest {
                        Found::Good(stored)
                    } else {
                        Found::Bad(stored, Difference::other(&path, format!("has the bytes of {bytes}")))
                    }
                }
                Some(_) => Found::Stray(Difference::other(&path, "is no plain file")),
                None => Found::Stray(Difference::extra(&path, "is no object")),
            };
            if !give(found) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
