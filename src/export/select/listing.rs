//! A folder's files, held compactly: a folder may hold a million.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::SelectError;
use crate::ecosystem::files::checksums::{self, Difference, Entry};
use crate::export::texts::{Text, Texts};

/// A folder of downloads holds thousands; more is a wrong path, such as a whole disk.
const MAX_FOLDER_FILES: usize = 1_000_000;

/// Downloads lie flat or a few levels deep.
const MAX_FOLDER_DEPTH: usize = 16;

/// A folder's plain files, sorted, without a list of checksums of the usual name; and what is neither file nor folder.
pub(super) struct Listing {
    folder: PathBuf,
    texts: Texts,
    files: Vec<Text>,
    special: Vec<String>,
    /// How many files there may be.
    max_files: usize,
}

/// Lists a folder and those below it, in the order of their names.
pub(super) fn list(folder: &Path) -> Result<Listing, SelectError> {
    list_up_to(MAX_FOLDER_FILES, folder)
}

fn list_up_to(max_files: usize, folder: &Path) -> Result<Listing, SelectError> {
    // The folder itself may be a link that the operator gave; links within it are not followed.
    let folder = fs::canonicalize(folder).map_err(|source| unreadable(folder, source))?;
    let mut listing = Listing {
        folder: folder.clone(),
        texts: Texts::default(),
        files: Vec::new(),
        special: Vec::new(),
        max_files,
    };
    listing.walk(&folder, 1)?;
    Ok(listing)
}

impl Listing {
    /// The files: their paths below the folder, with slashes, and where they are.
    pub(super) fn files(&self) -> impl Iterator<Item = (Cow<'_, str>, PathBuf)> {
        self.files.iter().map(|text| {
            let relative = self.texts.text(*text);
            (slashed(relative), self.folder.join(relative))
        })
    }

    /// What is neither file nor folder, and what has no readable name.
    pub(super) fn special(&self) -> &[String] {
        &self.special
    }

    /// Compares the files with a list of checksums.
    pub(super) fn compare(&self, entries: &[Entry]) -> Difference {
        let names: Vec<Cow<'_, str>> = self.files.iter().map(|text| slashed(self.texts.text(*text))).collect();
        checksums::compare(entries, names.iter().map(|name| &**name))
    }

    fn walk(&mut self, folder: &Path, depth: usize) -> Result<(), SelectError> {
        let entries = Entries::read(folder, self.max_files).map_err(|source| unreadable(folder, source))?;
        for (name, kind) in entries.sorted() {
            let path = folder.join(name);
            match kind {
                Kind::Folder if depth < MAX_FOLDER_DEPTH => self.walk(&path, depth + 1)?,
                Kind::Folder => {}
                Kind::File | Kind::Special => self.take(&path, kind)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, kind: Kind) -> Result<(), SelectError> {
        let relative = path.strip_prefix(&self.folder).unwrap_or(path);
        let Some(relative) = relative.to_str() else {
            self.special.push(relative.to_string_lossy().into_owned());
            return Ok(());
        };
        if kind == Kind::Special {
            self.special.push(slashed(relative).into_owned());
        } else if relative != checksums::LIST_NAME {
            let text = self.texts.add(relative);
            self.files.push(text);
        }
        if self.files.len() > self.max_files {
            return Err(unreadable(&self.folder, too_many(self.max_files)));
        }
        Ok(())
    }
}

fn slashed(relative: &str) -> Cow<'_, str> {
    match relative.contains('\\') {
        true => relative.replace('\\', "/").into(),
        false => relative.into(),
    }
}

fn too_many(max_files: usize) -> io::Error {
    io::Error::other(format!("it holds more than {max_files} files"))
}

fn unreadable(path: &Path, source: io::Error) -> SelectError {
    SelectError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Special,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_file() => Self::File,
            _ => Self::Special,
        }
    }
}

/// The names in one folder: one after the other in one allocation.
#[derive(Default)]
struct Entries {
    names: Vec<u8>,
    entries: Vec<(usize, usize, Kind)>,
}

impl Entries {
    fn read(folder: &Path, max_files: usize) -> io::Result<Self> {
        let mut this = Self::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let start = this.names.len();
            this.names.extend_from_slice(entry.file_name().as_bytes());
            this.entries.push((start, this.names.len(), entry.file_type()?.into()));
            if this.entries.len() > max_files {
                return Err(too_many(max_files));
            }
        }
        let names = &this.names;
        this.entries
            .sort_unstable_by(|left, right| names[left.0..left.1].cmp(&names[right.0..right.1]));
        Ok(this)
    }

    fn sorted(&self) -> impl Iterator<Item = (&OsStr, Kind)> {
        let name = |start: usize, end: usize| OsStr::from_bytes(&self.names[start..end]);
        self.entries
            .iter()
            .map(move |(start, end, kind)| (name(*start, *end), *kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_sorted_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["b", "a/x", "a-", "SHA256SUMS", "a/SHA256SUMS", "back\\slash"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), "").unwrap();
        }
        std::os::unix::fs::symlink(at("b"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("a"), at("folder")).unwrap();
        fs::write(folder.path().join(OsStr::from_bytes(b"\xff")), "").unwrap();
        let listing = list(folder.path()).unwrap();
        let names: Vec<String> = listing.files().map(|(name, _)| name.into_owned()).collect();
        assert_eq!(names, ["a/SHA256SUMS", "a/x", "a-", "b", "back/slash"]);
        assert!(listing.files().all(|(_, path)| path.is_file()));
        assert_eq!(listing.special(), ["folder", "link", "\u{fffd}"]);
    }

    #[test]
    fn more_files_than_a_folder_may_hold_are_not_listed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "d/b", "d/c"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        assert_eq!(list_up_to(3, folder.path()).unwrap().files().count(), 3);
        // Two in each folder, and three in all.
        assert!(list_up_to(2, folder.path()).is_err());
        // One folder alone, before anything of it is kept.
        assert!(Entries::read(&folder.path().join("d"), 2).is_ok());
        assert!(Entries::read(&folder.path().join("d"), 1).is_err());
    }

    #[test]
    fn what_lies_too_deep_is_not_seen() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d/".repeat(MAX_FOLDER_DEPTH));
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("unseen"), "").unwrap();
        fs::write(deep.parent().unwrap().join("seen"), "").unwrap();
        assert_eq!(list(folder.path()).unwrap().files().count(), 1);
        assert!(list(&folder.path().join("none")).is_err());
    }
}
