//! Adding leaves. Nothing that a run has added counts before state.db says so; then the checkpoint is put in its place.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use super::error::failed;
use super::files::{Files, Kind, Levels, Part, add_entry, edge_part, nodes, tile_bytes, whole_part, wrong};
use super::read::{checkpoint_text, walk};
use super::{Checkpoint, Leaf, LogError, LogState};
use crate::crypto::merkle::{self, Frontier, Head, WIDTH};
use crate::model::Digest;
use crate::store;

/// Stands there while a run is adding leaves, so that the next one knows whether there is something to clear away.
pub(super) const MARK: &str = ".adding";

/// Where a checkpoint is written before it is shown.
pub(super) const ASIDE: &str = ".checkpoint";

/// A log that is being added to.
#[derive(Debug)]
pub struct Log {
    files: Files,
    committed: u64,
    before: Option<Checkpoint>,
    frontier: Frontier,
    levels: Levels,
    // The last bundle of entries.
    bundle: Vec<u8>,
    is_marked: bool,
    // Tiles that had a beginning on the disk and are whole now.
    filled: Vec<Part>,
}

impl Log {
    /// Opens the log of a folder, which need not exist while nothing is in it. Fails unless its right edge gives the tree that
    /// state.db names, and removes what a killed run had added or not shown yet. Only for who holds the enclave's lock.
    pub fn open(folder: &Path, state: Option<&LogState>) -> Result<Self, LogError> {
        let files = Files::new(folder);
        let shown = checkpoint_text(folder)?
            .map(|text| Checkpoint::read(&text))
            .transpose()?;
        let size = state.map_or(0, |state| state.size);
        let last = match state {
            Some(state) if !state.checkpoint.is_empty() => Some(Checkpoint::read(&state.checkpoint)?),
            _ => None,
        };
        check_shown(shown.as_ref(), last.as_ref(), size)?;
        let (levels, bundle) = edge(&files, size)?;
        let frontier = frontier_of(size, &levels.0);
        let frontier = frontier.ok_or_else(|| wrong(folder.to_owned(), "has not the tiles of its right edge"))?;
        if let Some(state) = state
            && frontier.head().root != state.root
        {
            return Err(LogError::OtherTree {
                size,
                expected: state.root,
                found: frontier.head().root,
            });
        }
        let is_shown = shown
            .as_ref()
            .zip(last.as_ref())
            .is_some_and(|(shown, last)| shown.head == last.head);
        let before = match (last, shown) {
            (Some(last), Some(shown)) => Some(last.with_lines_of(&shown)),
            (last, _) => last,
        };
        let this = Self {
            is_marked: files.path(MARK).exists(),
            files,
            committed: size,
            before,
            frontier,
            levels,
            bundle,
            filled: Vec::new(),
        };
        if this.is_marked {
            this.clear()?;
        }
        remove_if_there(&this.files.path(ASIDE))?;
        if let Some(checkpoint) = this.before.as_ref().filter(|_| !is_shown) {
            this.show(checkpoint)?;
        }
        Ok(this)
    }

    /// The tree as it is with all that was added.
    pub fn head(&self) -> Head {
        self.frontier.head()
    }

    /// The last checkpoint, with the lines that witnesses have added to it since.
    pub const fn before(&self) -> Option<&Checkpoint> {
        self.before.as_ref()
    }

    /// The whole subtrees of which the tree consists.
    pub const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// Adds a leaf.
    pub fn add(&mut self, leaf: &Leaf) -> Result<(), LogError> {
        self.mark()?;
        let text = leaf.text();
        add_entry(&mut self.bundle, &text)?;
        let hash = merkle::leaf_hash(&text);
        self.frontier.push(hash);
        let size = self.frontier.size();
        for (level, tile) in self.levels.push(hash) {
            let part = whole_part(level, size);
            self.fill(part, level, &tile_bytes(&tile))?;
            if level == 0 {
                let bundle = std::mem::take(&mut self.bundle);
                let kind = Kind::Entries;
                self.fill(Part { kind, ..part }, level, &bundle)?;
            }
        }
        Ok(())
    }

    fn fill(&mut self, part: Part, level: u32, bytes: &[u8]) -> Result<(), LogError> {
        self.files.write(part, bytes)?;
        let edge = edge_part(level, self.committed);
        if edge.index == part.index && edge.width > 0 {
            self.filled.push(part);
        }
        Ok(())
    }

    /// Writes the tiles of the right edge, so that the whole tree lies on the disk, and makes all of it durable.
    pub fn flush(&self) -> Result<(), LogError> {
        self.write_edge()?;
        let folder = self.files.folder();
        File::open(folder)
            .and_then(|folder| store::sync_file_system(&folder))
            .map_err(failed("sync", folder))
    }

    /// The same for who makes it durable together with more.
    pub fn write_edge(&self) -> Result<(), LogError> {
        let size = self.frontier.size();
        for (level, hashes) in self.levels.beginnings() {
            self.files.write(edge_part(level, size), &tile_bytes(hashes))?;
        }
        if !self.bundle.is_empty() {
            let kind = Kind::Entries;
            self.files.write(
                Part {
                    kind,
                    ..edge_part(0, size)
                },
                &self.bundle,
            )?;
        }
        Ok(())
    }

    /// The proof that the tree, which must be flushed, holds the one of an earlier size.
    pub fn consistency(&self, earlier: u64) -> Result<Vec<Digest>, LogError> {
        let size = self.frontier.size();
        merkle::consistency_proof(earlier, size, &mut |level, index| self.files.node(level, index, size))
    }

    /// Brings the folder in line with a commit of all that was added: from here on it counts. What fails here is mended when the log is
    /// opened again.
    pub fn committed(&mut self, checkpoint: Option<&Checkpoint>) -> Result<(), LogError> {
        self.committed = self.frontier.size();
        if let Some(checkpoint) = checkpoint {
            self.show(checkpoint)?;
            self.before = Some(checkpoint.clone());
        }
        for part in std::mem::take(&mut self.filled) {
            let path = self.files.path(&format!("{}.p", part.folder()));
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path)(error)),
                _ => {}
            }
        }
        self.unmark()
    }

    /// Puts a checkpoint in its place: whole or not at all.
    pub(super) fn show(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let (aside, path) = (self.files.path(ASIDE), self.files.path(super::read::CHECKPOINT));
        let mut file = File::create(&aside).map_err(failed("make", &aside))?;
        file.write_all(checkpoint.text().as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(failed("write", &aside))?;
        fs::rename(&aside, &path).map_err(failed("rename", &aside))?;
        let folder = self.files.folder();
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed("sync", folder))
    }

    fn mark(&mut self) -> Result<(), LogError> {
        if !self.is_marked {
            let folder = self.files.folder();
            fs::create_dir_all(folder).map_err(failed("make", folder))?;
            let path = self.files.path(MARK);
            File::create(&path).map_err(failed("make", &path))?;
            self.is_marked = true;
        }
        Ok(())
    }

    fn unmark(&mut self) -> Result<(), LogError> {
        remove_if_there(&self.files.path(MARK))?;
        self.is_marked = false;
        Ok(())
    }

    /// Removes what a killed run had added, and completes what it had still to remove.
    fn clear(&self) -> Result<(), LogError> {
        let mut folders = Vec::new();
        walk(self.files.folder(), &mut |below, path| {
            let keep = match Part::read(below) {
                Some(part) => part.is_of(self.committed) && !is_beginning_of_whole(part, self.committed),
                None => true,
            };
            if !keep {
                fs::remove_file(path).map_err(failed("remove", path))?;
                folders.extend(path.parent().map(Path::to_owned));
            }
            Ok(())
        })?;
        // A folder that is empty now goes too; any other stays, and that is no error.
        for folder in folders {
            let mut next = Some(folder.as_path());
            while let Some(folder) = next.filter(|folder| *folder != self.files.folder()) {
                // Another of them may have taken it with it.
                if folder.exists() && !store::remove_if_empty(folder).map_err(failed("remove", folder))? {
                    break;
                }
                next = folder.parent();
            }
        }
        let path = self.files.path(MARK);
        fs::remove_file(&path).map_err(failed("remove", &path))
    }
}

fn remove_if_there(path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Whether a part is the beginning of a tile that the log has whole.
pub(super) fn is_beginning_of_whole(part: Part, size: u64) -> bool {
    let whole = Part { width: WIDTH, ..part };
    part.width < WIDTH && whole.is_of(size)
}

/// Compares the checkpoint in the folder with what state.db knows. A smaller one was not put in its place yet.
fn check_shown(shown: Option<&Checkpoint>, last: Option<&Checkpoint>, size: u64) -> Result<(), LogError> {
    let Some(shown) = shown else { return Ok(()) };
    let known = last.map_or(0, |last| last.head.size);
    if shown.head.size > known {
        return Err(LogError::StateBehind {
            log: shown.head.size,
            state: size,
        });
    }
    match last {
        Some(last) if last.origin != shown.origin => Err(LogError::OtherLog {
            expected: last.origin.clone(),
            found: shown.origin.clone(),
        }),
        Some(last) if last.head.size == shown.head.size && last.head.root != shown.head.root => {
            Err(LogError::OtherTree {
                size: shown.head.size,
                expected: last.head.root,
                found: shown.head.root,
            })
        }
        _ => Ok(()),
    }
}

/// Reads the tiles of the right edge, and the last entries, which must be those that the tiles name.
fn edge(files: &Files, size: u64) -> Result<(Levels, Vec<u8>), LogError> {
    let mut levels = Levels::default();
    for level in (0_u32..).take_while(|level| nodes(size, *level) > 0) {
        let part = edge_part(level, size);
        levels.0.push(match part.width {
            0 => Vec::new(),
            _ => files.hashes(part)?,
        });
    }
    let part = Part {
        kind: Kind::Entries,
        ..edge_part(0, size)
    };
    let mut bundle = Vec::new();
    if part.width > 0 {
        let entries = files.entries(part)?;
        let hashes: Vec<Digest> = entries.iter().map(|text| merkle::leaf_hash(text)).collect();
        if levels.0.first() != Some(&hashes) {
            return Err(wrong(files.path(&part.path()), "has other entries than the tree"));
        }
        for text in &entries {
            add_entry(&mut bundle, text)?;
        }
    }
    Ok((levels, bundle))
}

/// The subtrees of a tree, from the tiles of its right edge.
fn frontier_of(size: u64, levels: &[Vec<Digest>]) -> Option<Frontier> {
    let mut subtrees = Vec::new();
    for hashes in levels.iter().rev() {
        let mut rest = hashes.as_slice();
        for bit in (0..8).rev().map(|bit| 1 << bit) {
            if hashes.len() & bit != 0 {
                let (subtree, after) = rest.split_at(bit);
                subtrees.push(merkle::subtree_root(subtree));
                rest = after;
            }
        }
    }
    Frontier::of(size, subtrees)
}
