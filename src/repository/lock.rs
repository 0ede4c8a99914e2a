//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::RepositoryError;

/// A holder's line is short; whatever else stands in the file is not read.
const MAX_HOLDER_BYTES: u64 = 200;

/// The right to change an enclave, until dropped. The kernel takes it back when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of an enclave's folder. `holder` says who has it, for the message that another process gives.
    pub fn take(folder: &Path, holder: &str) -> Result<Self, RepositoryError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(RepositoryError::file("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known =
                    file.take(MAX_HOLDER_BYTES).read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                return Err(RepositoryError::Locked {
                    folder: folder.to_owned(),
                    holder: if known {
                        holder.trim().to_owned()
                    } else {
                        "another process".to_owned()
                    },
                });
            }
            Err(TryLockError::Error(source)) => return Err(RepositoryError::file("lock", &path)(source)),
        }
        // The line is a courtesy to the next process; the lock holds without it.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{holder}"));
        Ok(Self { file })
    }
}

impl Drop for Lock {
    /// Closing the file alone would leave the lock with a process that another thread has just forked, until that runs its own program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_free_whoever_was_forked_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), "one").unwrap();
        let inherited = lock.file.try_clone().unwrap();
        assert!(Lock::take(folder.path(), "two").is_err());
        drop(lock);
        assert!(Lock::take(folder.path(), "two").is_ok());
        drop(inherited);
    }
}
