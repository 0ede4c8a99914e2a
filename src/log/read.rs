//! Reading a log: its checkpoint, its entries in order, and all of its files compared with what its leaves give.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::append::{ASIDE, MARK, is_beginning_of_whole};
use super::error::failed;
use super::files::{Files, Kind, Levels, Part, edge_part, tile_bytes, whole_part, wrong};
use super::{Leaf, LogError, MAX_CHECKPOINT_BYTES};
use crate::crypto::merkle::{self, Frontier, WIDTH};
use crate::model::{Difference, Digest};

/// The file with the last checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// The checkpoint that lies in a log's folder.
pub fn checkpoint_text(folder: &Path) -> Result<Option<String>, LogError> {
    let path = folder.join(CHECKPOINT);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed("open", &path))?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_CHECKPOINT_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed("read", &path))?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| wrong(path, "is not in UTF-8"))
}

/// Calls back for every file below a folder, with its path below it. Links are not followed.
pub(super) fn walk(folder: &Path, visit: &mut dyn FnMut(&str, &Path) -> Result<(), LogError>) -> Result<(), LogError> {
    let entries = walkdir::WalkDir::new(folder)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter();
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                return match error.into_io_error() {
                    Some(error) if error.kind() == io::ErrorKind::NotFound => continue_or_end(&path, folder),
                    Some(error) => Err(failed("read", &path)(error)),
                    None => Err(wrong(path, "goes round")),
                };
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let below = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        visit(&below.to_string_lossy(), entry.path())?;
    }
    Ok(())
}

/// A folder that does not exist yet has no files.
fn continue_or_end(path: &Path, folder: &Path) -> Result<(), LogError> {
    if path == folder {
        Ok(())
    } else {
        Err(wrong(path.to_owned(), "went away while it was read"))
    }
}

/// The leaves of a log, in order, each compared with the hash that stands for it. 256 are in memory at a time.
#[derive(Debug)]
pub struct Entries {
    files: Files,
    size: u64,
    next: u64,
    held: std::vec::IntoIter<Vec<u8>>,
}

impl Entries {
    /// The leaves of a log of `size` leaves, from the one at `first` on.
    pub fn of(folder: &Path, size: u64, first: u64) -> Result<Self, LogError> {
        let mut this = Self {
            files: Files::new(folder),
            size,
            next: first - first % WIDTH,
            held: Vec::new().into_iter(),
        };
        while this.next < first.min(size) {
            this.next_text()?;
        }
        Ok(this)
    }

    /// The next leaf, with its place and its exact bytes.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<(u64, Leaf, Digest)>, LogError> {
        let index = self.next;
        let Some(text) = self.next_text()? else {
            return Ok(None);
        };
        let leaf = Leaf::read(&text).map_err(|error| {
            let path = self.files.path(&entries_part(index, self.size).path());
            wrong(path, format!("has an entry at {index} that is no leaf: {error}"))
        })?;
        Ok(Some((index, leaf, merkle::leaf_hash(&text))))
    }

    fn next_text(&mut self) -> Result<Option<Vec<u8>>, LogError> {
        if self.next >= self.size {
            return Ok(None);
        }
        if self.next.is_multiple_of(WIDTH) {
            self.held = self.files.entries(entries_part(self.next, self.size))?.into_iter();
        }
        self.next += 1;
        Ok(self.held.next())
    }
}

/// The bundle with an entry, in a log of `size` leaves.
fn entries_part(index: u64, size: u64) -> Part {
    let first = index - index % WIDTH;
    Part {
        kind: Kind::Entries,
        index: index / WIDTH,
        width: (size - first).min(WIDTH),
    }
}

/// Reads every entry of a log of `size` leaves, and compares every file with what they give. Calls back for each leaf, with the tree before it.
/// What cannot be read is among the differences, and then the tree is not known: the frontier is `None`.
pub fn compare(
    folder: &Path,
    size: u64,
    visit: &mut dyn FnMut(&Frontier, &Leaf),
) -> Result<(Option<Frontier>, Vec<Difference>), LogError> {
    let files = Files::new(folder);
    let mut differences = Vec::new();
    let mut frontier = Some(Frontier::default());
    let mut levels = Some(Levels::default());
    let (mut first, mut count) = (0, 0);
    while first < size {
        let part = entries_part(first, size);
        let hashes = match files.entries(part) {
            Ok(entries) => Some(take_entries(
                &files,
                part,
                &entries,
                &mut frontier,
                &mut differences,
                visit,
            )),
            Err(error) => {
                frontier = None;
                differences.push(difference(&files, part, error)?);
                // What stands above is compared with the hashes, as far as they are there.
                let kind = Kind::Hashes(0);
                files.hashes(Part { kind, ..part }).ok()
            }
        };
        first += part.width;
        let (Some(known), Some(hashes)) = (&mut levels, hashes) else {
            levels = None;
            continue;
        };
        for hash in hashes {
            count += 1;
            for (level, tile) in known.push(hash) {
                compare_tile(&files, whole_part(level, count), &tile, &mut differences)?;
            }
        }
    }
    for (level, tile) in levels.iter().flat_map(Levels::beginnings) {
        compare_tile(&files, edge_part(level, size), tile, &mut differences)?;
    }
    differences.extend(extra(&files, size)?);
    Ok((frontier, differences))
}

fn take_entries(
    files: &Files,
    part: Part,
    entries: &[Vec<u8>],
    frontier: &mut Option<Frontier>,
    differences: &mut Vec<Difference>,
    visit: &mut dyn FnMut(&Frontier, &Leaf),
) -> Vec<Digest> {
    let mut hashes = Vec::with_capacity(entries.len());
    for text in entries {
        let hash = merkle::leaf_hash(text);
        hashes.push(hash);
        match Leaf::read(text) {
            Ok(leaf) => {
                if let Some(frontier) = frontier.as_ref() {
                    visit(frontier, &leaf);
                }
            }
            Err(error) => differences.push(Difference::other(
                files.path(&part.path()),
                format!("has an entry that is no leaf: {error}"),
            )),
        }
        if let Some(frontier) = frontier.as_mut() {
            frontier.push(hash);
        }
    }
    hashes
}

fn compare_tile(
    files: &Files,
    part: Part,
    expected: &[Digest],
    differences: &mut Vec<Difference>,
) -> Result<(), LogError> {
    match files.bytes(part) {
        Ok(bytes) if bytes == tile_bytes(expected) => {}
        Ok(_) => differences.push(Difference::other(
            files.path(&part.path()),
            "has other hashes than the entries give",
        )),
        Err(error) => differences.push(difference(files, part, error)?),
    }
    Ok(())
}

/// What is wrong with a part; a disk that cannot be read is no difference.
fn difference(files: &Files, part: Part, error: LogError) -> Result<Difference, LogError> {
    match error {
        LogError::Inconsistent { path, reason } if files.path(&part.path()).exists() => {
            Ok(Difference::other(path, reason))
        }
        LogError::Inconsistent { path, reason } => Ok(Difference::missing(path, reason)),
        other => Err(other),
    }
}

/// Files that are no part of a log of `size` leaves. Beginnings of tiles of an earlier size may stay.
fn extra(files: &Files, size: u64) -> Result<Vec<Difference>, LogError> {
    let is_adding = files.path(MARK).exists();
    let mut found = Vec::new();
    walk(files.folder(), &mut |below, path| {
        let part = Part::read(below);
        let is_plain = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
        let is_known = match part {
            Some(part) => part.is_of(size) && !is_beginning_of_whole(part, size),
            None => below == CHECKPOINT,
        };
        if !is_plain {
            found.push(Difference::extra(path, "is no plain file"));
        } else if below == MARK || below == ASIDE || (is_adding && !is_known && part.is_some()) {
            found.push(Difference::leftover(path, "a run that was adding leaves was killed"));
        } else if !is_known {
            found.push(Difference::extra(path, "is no part of the log"));
        }
        Ok(())
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_itself_may_be_missing() {
        let (folder, below) = (Path::new("log"), Path::new("log/tile"));
        assert!(continue_or_end(folder, folder).is_ok());
        assert!(matches!(
            continue_or_end(below, folder),
            Err(LogError::Inconsistent { .. })
        ));
    }

    #[test]
    fn only_a_folder_that_is_not_there_has_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let visited = |name: &str| walk(&folder.path().join(name), &mut |_, _| Ok(()));
        assert!(visited("none").is_ok());
        // A name that no disk takes.
        let longer = "a".repeat(300);
        assert!(matches!(visited(&longer), Err(LogError::File { .. })));
        assert!(matches!(
            checkpoint_text(&folder.path().join(&longer)),
            Err(LogError::File { .. })
        ));
        assert_eq!(checkpoint_text(&folder.path().join("none")).unwrap(), None);
    }
}
