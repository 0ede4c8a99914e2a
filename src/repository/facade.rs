//! The façade: the folders that clients read. Its files are links through the current generation, so that one switch
//! changes what all of them show; a link whose file the generation lacks dangles, and clients see no file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, mkdirat, readlinkat, symlinkat};
use rustix::io::Errno;

use super::RepositoryError;
use crate::model::{Name, RelativePath};
use crate::store;

/// From the enclave's folder to what clients see.
const CURRENT: &str = "generations/current/";

/// The folder that clients read.
#[derive(Debug)]
pub(super) struct Facade {
    folder: PathBuf,
    handle: File,
}

impl Facade {
    pub(super) fn open(folder: PathBuf) -> Result<Self, RepositoryError> {
        fs::create_dir_all(&folder).map_err(RepositoryError::file("make", &folder))?;
        let handle = File::open(&folder).map_err(RepositoryError::file("open", &folder))?;
        Ok(Self { folder, handle })
    }

    /// Makes the link of one file, unless it is there. `entry` is the file's in its shard.
    pub(super) fn place(
        &self,
        name: &Name,
        shard: &str,
        entry: &str,
        path: &RelativePath,
    ) -> Result<(), RepositoryError> {
        let target = target(path.as_str(), shard, entry);
        let below = format!("{}/{path}", name.ecosystem);
        self.link(&target, &below)?.map_err(|found| RepositoryError::Collision {
            name: name.clone(),
            path: path.to_string(),
            other: found,
        })
    }

    /// Makes a link and the folders above it. The inner error says what else stands there.
    fn link(&self, target: &str, below: &str) -> Result<Result<(), String>, RepositoryError> {
        let failed = |what| move |error: Errno| RepositoryError::file(what, &self.folder.join(below))(error);
        // Folders are made only when a link misses them, so that the usual case is one call.
        match symlinkat(target, &self.handle, below) {
            Err(Errno::NOENT) => {}
            other => return self.judge(other, target, below),
        }
        match self.make_folders(below) {
            Err(Errno::NOTDIR | Errno::EXIST) => return Ok(Err("a file where a folder must be".to_owned())),
            other => other.map_err(failed("make the folder of"))?,
        }
        self.judge(symlinkat(target, &self.handle, below), target, below)
    }

    fn judge(&self, made: Result<(), Errno>, target: &str, below: &str) -> Result<Result<(), String>, RepositoryError> {
        let failed = |what| move |error: Errno| RepositoryError::file(what, &self.folder.join(below))(error);
        match made {
            Ok(()) => Ok(Ok(())),
            Err(Errno::NOTDIR) => Ok(Err("a file where a folder must be".to_owned())),
            Err(Errno::EXIST) => match readlinkat(&self.handle, below, Vec::new()) {
                Ok(found) if found.to_bytes() == target.as_bytes() => Ok(Ok(())),
                Ok(_) => Ok(Err("another name, or a path that differs only in case".to_owned())),
                Err(Errno::INVAL) => Ok(Err("a folder or file that is there already".to_owned())),
                Err(error) => Err(failed("read")(error)),
            },
            Err(error) => Err(failed("make")(error)),
        }
    }

    fn make_folders(&self, below: &str) -> Result<(), Errno> {
        let Some((parent, _)) = below.rsplit_once('/') else {
            return Ok(());
        };
        let mode = Mode::from_raw_mode(0o755);
        let made = match mkdirat(&self.handle, parent, mode) {
            Err(Errno::NOENT) => {
                self.make_folders(parent)?;
                mkdirat(&self.handle, parent, mode)
            }
            other => other,
        };
        match made {
            Err(Errno::EXIST) if !self.folder.join(parent).is_dir() => Err(Errno::NOTDIR),
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Finds the links that no generation of `kept` (folders of root nodes) gives a file; `visit` gets the path below
    /// the façade, and says whether the link is to be removed.
    pub(super) fn prune(&self, kept: &[PathBuf], visit: &mut dyn FnMut(&str) -> Prune) -> Result<(), RepositoryError> {
        for ecosystem in read_sorted(&self.folder)? {
            self.prune_folder(&ecosystem, kept, visit)?;
        }
        Ok(())
    }

    fn prune_folder(
        &self,
        folder: &Path,
        kept: &[PathBuf],
        visit: &mut dyn FnMut(&str) -> Prune,
    ) -> Result<(), RepositoryError> {
        for path in read_sorted(folder)? {
            let kind = fs::symlink_metadata(&path).map_err(RepositoryError::file("look at", &path))?;
            if kind.is_dir() {
                self.prune_folder(&path, kept, visit)?;
                // An emptied folder goes too; any other stays, and that is no error.
                store::remove_if_empty(&path).map_err(RepositoryError::file("remove", &path))?;
            } else if kind.is_symlink() && !is_in_any(&path, kept)? {
                let below = path
                    .strip_prefix(&self.folder)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned();
                if visit(&below) == Prune::Remove {
                    fs::remove_file(&path).map_err(RepositoryError::file("remove", &path))?;
                }
            }
        }
        Ok(())
    }
}

/// Where the link of a file leads; `entry` is the file's in its shard.
pub(super) fn target(path: &str, shard: &str, entry: &str) -> String {
    // Out of the folders of the path, the ecosystem's and the façade's own.
    let up = "../".repeat(path.split('/').count() + 1);
    format!("{up}{CURRENT}{shard}/{entry}")
}

/// What to do with a link that leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prune {
    Keep,
    Remove,
}

/// Whether one of the kept generations has the file that a link stands for.
pub(super) fn is_in_any(link: &Path, kept: &[PathBuf]) -> Result<bool, RepositoryError> {
    let target = fs::read_link(link).map_err(RepositoryError::file("read", link))?;
    let text = target.to_string_lossy();
    let Some((_, inside)) = text.split_once(CURRENT) else {
        return Err(RepositoryError::Damaged { path: link.to_owned() });
    };
    for root in kept {
        let path = root.join(inside);
        match fs::symlink_metadata(&path) {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(RepositoryError::file("look at", &path)(error)),
        }
    }
    Ok(false)
}

pub(super) fn read_sorted(folder: &Path) -> Result<Vec<PathBuf>, RepositoryError> {
    let failed = RepositoryError::file::<io::Error>;
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed("read", folder))? {
        paths.push(entry.map_err(failed("read", folder))?.path());
    }
    paths.sort();
    Ok(paths)
}
