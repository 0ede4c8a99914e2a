//! Where the parts of a log lie (C2SP `tlog-tiles.md`, "Merkle Tree" and "Log Entries"; `bundle-spec/log.md` §3).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LogError;
use super::error::failed;
use crate::crypto::merkle::{self, WIDTH};
use crate::model::Digest;

/// An entry's length is written in two bytes (C2SP `tlog-tiles.md`, "Log Entries").
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;

/// Bytes of a hash in a tile.
const HASH_BYTES: usize = 32;

/// A bundle of 256 entries of the longest kind: what is read of such a file at most.
const MAX_BUNDLE_BYTES: u64 = 256 * (2 + u16::MAX as u64);

/// What kind of tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The leaves' texts.
    Entries,
    /// Hashes from a level, counted in tiles.
    Hashes(u32),
}

/// A tile of a log: whole, or its first `width` parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) kind: Kind,
    pub(super) index: u64,
    pub(super) width: u64,
}

impl Part {
    /// The path below the log's folder.
    pub(super) fn path(self) -> String {
        let mut path = self.folder();
        if self.width < WIDTH {
            path.push_str(&format!(".p/{}", self.width));
        }
        path
    }

    /// The path of the whole tile; with `.p` after it, of the folder of its beginnings.
    pub(super) fn folder(self) -> String {
        let level = match self.kind {
            Kind::Entries => "entries".to_owned(),
            Kind::Hashes(level) => level.to_string(),
        };
        let mut digits = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            digits = format!("x{:03}/{digits}", rest % 1000);
            rest /= 1000;
        }
        format!("tile/{level}/{digits}")
    }

    /// Reads a path that [`Part::path`] wrote.
    pub(super) fn read(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match level {
            "entries" => Kind::Entries,
            number => Kind::Hashes(number.parse().ok()?),
        };
        let (digits, width) = match rest.split_once(".p/") {
            Some((digits, width)) => (digits, width.parse().ok()?),
            None => (rest, WIDTH),
        };
        let mut index = 0_u64;
        for group in digits.split('/') {
            let group: u64 = group.strip_prefix('x').unwrap_or(group).parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(group)?;
        }
        let part = Self { kind, index, width };
        (part.path() == path).then_some(part)
    }

    /// Whether a log of so many leaves has it: the whole one, or for the last the beginning that is as wide.
    pub(super) fn is_of(self, size: u64) -> bool {
        let level = match self.kind {
            Kind::Entries => 0,
            Kind::Hashes(level) => level,
        };
        let nodes = nodes(size, level);
        let first = self.index.saturating_mul(WIDTH);
        (1..=WIDTH).contains(&self.width) && first.saturating_add(self.width) <= nodes
    }
}

/// How many hashes stand on a level of tiles.
pub(super) fn nodes(size: u64, level: u32) -> u64 {
    size.checked_shr(level.saturating_mul(8)).unwrap_or(0)
}

/// The tile of hashes that is whole with the last of so many leaves.
pub(super) fn whole_part(level: u32, size: u64) -> Part {
    Part {
        kind: Kind::Hashes(level),
        index: (nodes(size, level) / WIDTH).saturating_sub(1),
        width: WIDTH,
    }
}

/// The beginning of a tile of hashes at the right edge of a tree.
pub(super) fn edge_part(level: u32, size: u64) -> Part {
    Part {
        kind: Kind::Hashes(level),
        index: nodes(size, level) / WIDTH,
        width: nodes(size, level) % WIDTH,
    }
}

/// The hashes of the last tile of each level, fewer than it holds.
#[derive(Debug, Default)]
pub(super) struct Levels(pub(super) Vec<Vec<Digest>>);

impl Levels {
    /// Adds a leaf, and gives the tiles that are whole with it, the lowest first.
    pub(super) fn push(&mut self, leaf: Digest) -> Vec<(u32, Vec<Digest>)> {
        let mut whole = Vec::new();
        let mut hash = leaf;
        for level in 0_u32.. {
            if self.0.len() == level as usize {
                self.0.push(Vec::new());
            }
            let tile = &mut self.0[level as usize];
            tile.push(hash);
            if (tile.len() as u64) < WIDTH {
                break;
            }
            let tile = std::mem::take(tile);
            hash = merkle::subtree_root(&tile);
            whole.push((level, tile));
        }
        whole
    }

    /// The tiles that are not whole.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = (u32, &[Digest])> {
        (0_u32..)
            .zip(&self.0)
            .filter(|(_, tile)| !tile.is_empty())
            .map(|(level, tile)| (level, tile.as_slice()))
    }
}

/// A log's folder.
#[derive(Debug, Clone)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    /// Writes a part that no committed tree has yet, so that a kill in the middle does no harm.
    pub(super) fn write(&self, part: Part, bytes: &[u8]) -> Result<(), LogError> {
        let path = self.path(&part.path());
        match fs::write(&path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other.map_err(failed("write", &path)),
        }
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        fs::write(&path, bytes).map_err(failed("write", &path))
    }

    /// The bytes of a part.
    pub(super) fn bytes(&self, part: Part) -> Result<Vec<u8>, LogError> {
        let path = self.path(&part.path());
        let limit = match part.kind {
            Kind::Entries => MAX_BUNDLE_BYTES,
            Kind::Hashes(_) => WIDTH * HASH_BYTES as u64,
        };
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(wrong(path, "is missing"));
            }
            Err(error) => return Err(failed("look at", &path)(error)),
        };
        if length > limit {
            return Err(wrong(path, "is longer than a tile may be"));
        }
        fs::read(&path).map_err(failed("read", &path))
    }

    /// The hashes of a part.
    pub(super) fn hashes(&self, part: Part) -> Result<Vec<Digest>, LogError> {
        let bytes = self.bytes(part)?;
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || hashes.len() as u64 != part.width {
            return Err(wrong(
                self.path(&part.path()),
                "has not as many hashes as its name says",
            ));
        }
        Ok(hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect())
    }

    /// The entries of a part, in order.
    pub(super) fn entries(&self, part: Part) -> Result<Vec<Vec<u8>>, LogError> {
        let bytes = self.bytes(part)?;
        read_bundle(&bytes)
            .filter(|entries| entries.len() as u64 == part.width)
            .ok_or_else(|| wrong(self.path(&part.path()), "has not as many entries as its name says"))
    }

    /// The root of the whole subtree of 2^level leaves that is the index-th on its level, out of a tree of `size` leaves.
    pub(super) fn node(&self, level: u32, index: u64, size: u64) -> Result<Digest, LogError> {
        let (tile_level, within) = (level / 8, level % 8);
        let first = index << within;
        let part = Part {
            kind: Kind::Hashes(tile_level),
            index: first / WIDTH,
            width: (nodes(size, tile_level) - (first / WIDTH) * WIDTH).min(WIDTH),
        };
        let hashes = self.hashes(part)?;
        let start = usize::try_from(first % WIDTH).unwrap_or(usize::MAX);
        let count = 1_usize << within;
        hashes
            .get(start..start.saturating_add(count))
            .map(merkle::subtree_root)
            .ok_or_else(|| wrong(self.path(&part.path()), "has too few hashes"))
    }
}

pub(super) fn wrong(path: PathBuf, reason: impl Into<String>) -> LogError {
    LogError::Inconsistent {
        path,
        reason: reason.into(),
    }
}

/// The bytes of a tile of hashes.
pub(super) fn tile_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// Adds an entry to the bytes of a bundle: its length in two bytes, the most significant first, and its text.
pub(super) fn add_entry(bundle: &mut Vec<u8>, text: &[u8]) -> Result<(), LogError> {
    let length = u16::try_from(text.len()).map_err(|_| LogError::LeafTooLarge {
        found: text.len(),
        limit: MAX_ENTRY_BYTES,
    })?;
    bundle.extend(length.to_be_bytes());
    bundle.extend(text);
    Ok(())
}

fn read_bundle(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(text.to_vec());
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        let part = |kind, index, width| Part { kind, index, width };
        for (part, path) in [
            (part(Kind::Hashes(0), 0, 256), "tile/0/000"),
            (part(Kind::Hashes(0), 999, 256), "tile/0/999"),
            (part(Kind::Hashes(1), 1_234_067, 256), "tile/1/x001/x234/067"),
            (part(Kind::Entries, 1000, 5), "tile/entries/x001/000.p/5"),
        ] {
            assert_eq!(part.path(), path);
            assert_eq!(Part::read(path), Some(part));
        }
        for wrong in [
            "tile/0/0",
            "tile/0/x000/000",
            "tile/00/000",
            "tile/0/000.p/256",
            "tile/0/000.p/05",
            "tile/0/../000",
            "checkpoint",
        ] {
            assert_eq!(Part::read(wrong), None, "{wrong}");
        }
        assert!(part(Kind::Hashes(0), 1, 44).is_of(300));
        assert!(part(Kind::Entries, 0, 256).is_of(300));
        assert!(!part(Kind::Hashes(0), 1, 45).is_of(300));
        assert!(!part(Kind::Hashes(1), 0, 2).is_of(300));
    }

    #[test]
    fn a_bundle_is_read_as_it_was_written() {
        let mut bundle = Vec::new();
        add_entry(&mut bundle, b"one").unwrap();
        add_entry(&mut bundle, b"").unwrap();
        assert_eq!(bundle, b"\0\x03one\0\0");
        assert_eq!(read_bundle(&bundle), Some(vec![b"one".to_vec(), Vec::new()]));
        assert_eq!(read_bundle(&bundle[..4]), None);
        assert_eq!(read_bundle(b"\0"), None);
        assert!(add_entry(&mut bundle, &vec![0; MAX_ENTRY_BYTES + 1]).is_err());
    }

    #[test]
    fn a_log_has_parts_of_some_width_up_to_its_size() {
        let is_of = |width: u64| {
            let part = Part {
                kind: Kind::Hashes(0),
                index: 0,
                width,
            };
            part.is_of(1000)
        };
        assert!(is_of(1) && is_of(WIDTH));
        assert!(!is_of(0) && !is_of(WIDTH + 1));
    }
}
