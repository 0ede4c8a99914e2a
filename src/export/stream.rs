//! The numbers of a stream: each is given to one bundle, and a kill neither loses nor reuses one.
//!
//! `<stream>.json` says which number was given last. When all volumes are written aside and durable, `<stream>.pending.json`
//! names them; then they get their names, then the number is written down, then the pending file goes. Killed before the
//! pending file, nothing has happened; killed after it, the next export first completes what was begun.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::RenameFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::bundle::manifest::Manifest;
use crate::crypto::strict_json;
use crate::model::{Digest, Stop, Unable, bundle_label};
use crate::repository::Lock;
use crate::trust::folder::{read_bounded, write_whole};

/// A stream's file holds three values.
const MAX_STATE_BYTES: usize = 4096;

/// A bundle has at most 10,000 volumes, with names of at most 100 bytes.
const MAX_PENDING_BYTES: usize = 2 << 20;

/// A stream of one exporter to one enclave, held by this process.
#[derive(Debug)]
pub struct Stream {
    folder: PathBuf,
    name: String,
    last: Option<Given>,
    _lock: Lock,
}

/// The last number that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    epoch: u64,
    sequence: u64,
    manifest: Digest,
}

/// A bundle whose volumes lie written aside and are getting their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    given: Given,
    folder: String,
    volumes: Vec<String>,
}

/// A bundle that an interrupted export had begun, and that is complete now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// How people call it.
    pub label: String,
    /// Where its volumes are.
    pub folder: PathBuf,
}

impl Stream {
    /// Opens a stream, and completes what an interrupted export began. `holder` says who has the lock.
    pub fn open(folder: &Path, name: &str, holder: &str) -> Result<(Self, Option<Completed>), Stop> {
        fs::create_dir_all(folder)
            .map_err(|error| Unable::new(format!("cannot make {}", folder.display())).because(error))?;
        let lock = Lock::take(folder, holder)?;
        let mut this = Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            last: None,
            _lock: lock,
        };
        this.last = read(&this.state_path(), MAX_STATE_BYTES)?;
        let Some(pending) = read::<Pending>(&this.pending_path(), MAX_PENDING_BYTES)? else {
            return Ok((this, None));
        };
        let is_written_down = this.last.as_ref() == Some(&pending.given);
        let completed = Completed {
            label: bundle_label(&this.name, pending.given.epoch, pending.given.sequence),
            folder: PathBuf::from(&pending.folder),
        };
        if !is_written_down {
            this.complete(&pending, &completed)?;
        }
        this.commit(pending.given)?;
        Ok((this, (!is_written_down).then_some(completed)))
    }

    /// The number and predecessor of the next bundle in an epoch.
    pub fn next(&self, epoch: u64) -> (u64, Option<Digest>) {
        following(self.last.as_ref(), epoch)
    }

    /// What [`Stream::next`] would say, without taking the stream or changing anything.
    pub fn peek(folder: &Path, name: &str, epoch: u64) -> Result<(u64, Option<Digest>), Stop> {
        let last: Option<Given> = read(&folder.join(format!("{name}.json")), MAX_STATE_BYTES)?;
        Ok(following(last.as_ref(), epoch))
    }

    /// Gives volumes that lie written aside their names, and their bundle its number: all of it, or nothing.
    pub(super) fn publish(
        &mut self,
        manifest: &Manifest,
        digest: Digest,
        folder: &Path,
        files: &[String],
    ) -> Result<(), Stop> {
        let absolute = std::path::absolute(folder)
            .map_err(|error| Unable::new(format!("cannot see where {} is", folder.display())).because(error))?;
        let text = absolute.to_str().ok_or_else(|| {
            Unable::new(format!("the path {} is no text", folder.display()))
                .hint("name a folder whose path is in UTF-8")
        })?;
        let given = Given {
            epoch: manifest.epoch,
            sequence: manifest.sequence,
            manifest: digest,
        };
        let pending = Pending {
            given: given.clone(),
            folder: text.to_owned(),
            volumes: files.to_vec(),
        };
        sync_folder(folder)?;
        if let Err(error) = write_whole(&self.pending_path(), &strict_json::write(&pending)) {
            // It may stand there though it could not be synced, and whoever made the volumes takes them back.
            let _ = fs::remove_file(self.pending_path());
            return Err(error.into());
        }
        for (done, file) in files.iter().enumerate() {
            if let Err(stop) = name_volume(folder, file) {
                // What is half a bundle helps nobody, and its number is free again.
                let taken_back = files[..done]
                    .iter()
                    .try_for_each(|file| fs::remove_file(folder.join(file)));
                if taken_back.is_ok() {
                    let _ = fs::remove_file(self.pending_path());
                }
                return Err(stop);
            }
        }
        sync_folder(folder)?;
        self.commit(given)
    }

    /// Writes the number down; from here on it is used.
    fn commit(&mut self, given: Given) -> Result<(), Stop> {
        write_whole(&self.state_path(), &strict_json::write(&given))?;
        self.last = Some(given);
        let path = self.pending_path();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Unable::new(format!("cannot remove {}", path.display()))
                    .because(error)
                    .into())
            }
            _ => Ok(()),
        }
    }

    /// Gives the volumes of an interrupted export the names that they were about to get.
    fn complete(&self, pending: &Pending, completed: &Completed) -> Result<(), Stop> {
        let folder = &completed.folder;
        for file in &pending.volumes {
            let has_name = folder.join(file).is_file();
            if has_name && !folder.join(aside_name(file)).is_file() {
                continue;
            }
            name_volume(folder, file).map_err(|stop| {
                Unable::new(format!(
                    "bundle {} was being written to {} when its export was interrupted, and cannot be completed",
                    completed.label,
                    folder.display()
                ))
                .because(match stop {
                    Stop::Unable(unable) => match unable.source {
                        Some(source) => source,
                        None => unable.what.into(),
                    },
                    Stop::Refused(_) => "it was refused".into(),
                })
                .hint(format!(
                    "bring the medium back to that folder and export again; only if no volume of it can ever reach the enclave, \
                     remove {}, and its number is used again",
                    self.pending_path().display()
                ))
            })?;
        }
        sync_folder(folder)
    }

    fn state_path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.name))
    }

    /// A stream's name holds letters, digits, `.`, `_` and `-`, and no `+`.
    fn pending_path(&self) -> PathBuf {
        self.folder.join(format!("{}+pending.json", self.name))
    }
}

/// How a volume is called while it is written.
pub(super) fn aside_name(file: &str) -> String {
    format!(".{file}.part")
}

/// Renames a volume from aside to its name, and replaces nothing.
fn name_volume(folder: &Path, file: &str) -> Result<(), Stop> {
    let (aside, target) = (folder.join(aside_name(file)), folder.join(file));
    let cannot = |error: io::Error| Unable::new(format!("cannot give {} its name", target.display())).because(error);
    let current = rustix::fs::CWD;
    match rustix::fs::renameat_with(current, &aside, current, &target, RenameFlags::NOREPLACE) {
        // Some file systems cannot promise it; there the look and the rename are two calls.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) if target.symlink_metadata().is_err() => {
            fs::rename(&aside, &target).map_err(cannot)?;
        }
        other => other.map_err(|error| cannot(error.into()))?,
    }
    Ok(())
}

/// Makes a folder's own entries durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Stop> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(|error| {
        Unable::new(format!("cannot sync {}", folder.display()))
            .because(error)
            .into()
    })
}

/// The number after the last one, and its predecessor; a new epoch begins at 1.
fn following(last: Option<&Given>, epoch: u64) -> (u64, Option<Digest>) {
    match last.filter(|last| last.epoch == epoch) {
        Some(last) => (last.sequence + 1, Some(last.manifest)),
        None => (1, None),
    }
}

fn read<T: serde::de::DeserializeOwned + Serialize>(path: &Path, max_bytes: usize) -> Result<Option<T>, Stop> {
    let Some(bytes) = read_bounded(path, max_bytes)? else {
        return Ok(None);
    };
    strict_json::read(&bytes).map(Some).map_err(|error| {
        Unable::new(format!("{} does not say how far the stream has come", path.display()))
            .because(error)
            .hint("restore it from a backup; with a wrong number the enclave refuses the next bundle")
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(epoch: u64, sequence: u64) -> Given {
        Given {
            epoch,
            sequence,
            manifest: Digest::of(b"manifest"),
        }
    }

    #[test]
    fn a_new_epoch_begins_at_one() {
        let last = given(1, 7);
        assert_eq!(following(Some(&last), 1), (8, Some(last.manifest)));
        assert_eq!(following(Some(&last), 2), (1, None));
        assert_eq!(following(None, 1), (1, None));
    }

    #[test]
    fn what_is_written_down_already_was_not_completed_now() {
        for last in [None, Some(given(1, 6)), Some(given(1, 7))] {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            let pending = Pending {
                given: given(1, 7),
                folder: folder.path().to_str().unwrap().to_owned(),
                volumes: Vec::new(),
            };
            fs::write(path("main+pending.json"), strict_json::write(&pending)).unwrap();
            if let Some(last) = &last {
                fs::write(path("main.json"), strict_json::write(last)).unwrap();
            }
            let (stream, completed) = Stream::open(folder.path(), "main", "a test").unwrap();
            assert_eq!(completed.is_some(), last != Some(given(1, 7)), "{last:?}");
            assert_eq!(stream.next(1).0, 8);
            assert!(!path("main+pending.json").exists());
        }
    }
}
