//! The stored bytes of all objects, cut into blocks that fit a core's cache: many small members, or a part of a large one.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::OUTPUT_BYTES;
use crate::bundle::catalog::Object;
use crate::bundle::container::{self, header, member_bytes};
use crate::export::describe::Stored;
use crate::export::source::Source;
use crate::model::{Digest, Hasher, Stop, Unable};

/// What a block holds at most, in bytes. A single small member may be as large by itself.
const BLOCK_BYTES: u64 = OUTPUT_BYTES as u64;

/// Cuts the objects into blocks, volume by volume.
pub(super) struct Blocks<'a> {
    stored: &'a Stored,
    /// The object that comes next.
    next: usize,
    /// The object that is cut into segments or parts.
    open: Option<Cut>,
    /// Segments that the volume still gets.
    segments: u64,
    turn: u64,
}

/// An object on its way: the part that comes next.
struct Cut {
    object: Arc<Object>,
    source: Arc<Source>,
    segment: u64,
    offset: u64,
    chain: Arc<Chain>,
}

/// The bytes of one write.
pub(super) enum Block<'a> {
    /// Whole members, each an object in one segment.
    Members {
        stored: &'a Stored,
        objects: std::ops::Range<usize>,
    },
    /// A part of a segment.
    Part(Part),
}

/// A part of a segment.
pub(super) struct Part {
    object: Arc<Object>,
    source: Arc<Source>,
    segment: u64,
    /// The segment's size, in bytes.
    size: u64,
    segment_size: u64,
    offset: u64,
    chain: Arc<Chain>,
}

impl<'a> Blocks<'a> {
    pub(super) const fn new(stored: &'a Stored) -> Self {
        Self {
            stored,
            next: 0,
            open: None,
            segments: 0,
            turn: 0,
        }
    }

    /// The next volume gets so many segments. Its blocks' turns begin at 0.
    pub(super) const fn begin_volume(&mut self, segments: u64) {
        self.segments = segments;
        self.turn = 0;
    }

    /// The next block of the volume, and when it is its turn.
    pub(super) fn next(&mut self) -> Option<(u64, Result<Block<'a>, Stop>)> {
        if self.segments == 0 {
            return None;
        }
        let block = self.cut();
        if block.is_err() {
            self.segments = 0;
        }
        self.turn += 1;
        Some((self.turn - 1, block))
    }

    fn cut(&mut self) -> Result<Block<'a>, Stop> {
        if self.open.is_none() {
            let objects = self.small_members();
            if !objects.is_empty() {
                return Ok(Block::Members {
                    stored: self.stored,
                    objects,
                });
            }
            if self.next < self.stored.len() {
                self.open_next()?;
            }
        }
        let part = self.part();
        part.map(Block::Part)
            .ok_or_else(|| Unable::new("the volume plan names more segments than there are").into())
    }

    /// As many small members as fit one block.
    fn small_members(&mut self) -> std::ops::Range<usize> {
        let start = self.next;
        let mut bytes = 0;
        while self.segments > 0 && self.next < self.stored.len() {
            let object = self.stored.outline(self.next);
            let member = member_bytes(object.stored());
            if object.segment_count(self.stored.segment_size()) > 1 || bytes + member > BLOCK_BYTES {
                break;
            }
            bytes += member;
            self.segments -= 1;
            self.next += 1;
        }
        start..self.next
    }

    fn open_next(&mut self) -> Result<(), Stop> {
        self.open = Some(Cut {
            object: Arc::new(self.stored.object(self.next)?),
            source: Arc::new(self.stored.source(self.next)?),
            segment: 0,
            offset: 0,
            chain: Arc::default(),
        });
        self.next += 1;
        Ok(())
    }

    /// The next part of the object that is cut.
    fn part(&mut self) -> Option<Part> {
        let segment_size = self.stored.segment_size();
        let cut = self.open.as_mut()?;
        let size = cut.object.segment_bytes(segment_size, cut.segment);
        let part = Part {
            object: Arc::clone(&cut.object),
            source: Arc::clone(&cut.source),
            segment: cut.segment,
            size,
            segment_size,
            offset: cut.offset,
            chain: Arc::clone(&cut.chain),
        };
        cut.offset += part.length();
        if cut.offset == size {
            self.segments -= 1;
            cut.segment += 1;
            cut.offset = 0;
            cut.chain = Arc::default();
            if cut.segment == cut.object.segment_count(segment_size) {
                self.open = None;
            }
        }
        Some(part)
    }
}

impl Block<'_> {
    /// Reads the block's bytes, with headers and padding, and compares their digests with the catalog's.
    pub(super) fn fill(self, buffer: &mut Vec<u8>) -> Result<(), Stop> {
        match self {
            Self::Part(part) => part.fill(buffer),
            Self::Members { stored, mut objects } => objects.try_for_each(|at| {
                let object = stored.object(at)?;
                let source = stored.source(at)?;
                let size = object.stored();
                buffer.extend_from_slice(&header(&object.member_name(stored.segment_size(), 0), size));
                let start = buffer.len();
                source.read_part(0, usize::try_from(size).unwrap_or(usize::MAX), buffer)?;
                if Digest::of(&buffer[start..]) != object.segment_digest(0) {
                    return Err(source.changed().into());
                }
                pad(buffer, size);
                Ok(())
            }),
        }
    }
}

impl Part {
    const fn length(&self) -> u64 {
        let rest = self.size - self.offset;
        if rest < BLOCK_BYTES { rest } else { BLOCK_BYTES }
    }

    fn fill(self, buffer: &mut Vec<u8>) -> Result<(), Stop> {
        if self.offset == 0 {
            let name = self.object.member_name(self.segment_size, self.segment);
            buffer.extend_from_slice(&header(&name, self.size));
        }
        let start = buffer.len();
        let length = self.length();
        let at = self.segment * self.segment_size + self.offset;
        let read = self
            .source
            .read_part(at, usize::try_from(length).unwrap_or(usize::MAX), buffer);
        // Also what could not be read passes the turn on.
        let is_last = self.offset + length == self.size;
        let digest = self.chain.take(self.offset, &buffer[start..], length, is_last);
        read?;
        if is_last {
            if digest != Some(self.object.segment_digest(self.segment)) {
                return Err(self.source.changed().into());
            }
            pad(buffer, self.size);
        }
        Ok(())
    }
}

fn pad(buffer: &mut Vec<u8>, size: u64) {
    buffer.resize(buffer.len() + container::padding(size) as usize, 0);
}

/// The digest of a segment whose parts several threads read: each hashes its own when those before it are done.
#[derive(Default)]
struct Chain {
    state: Mutex<(u64, Hasher)>,
    moved: Condvar,
}

impl Chain {
    /// Hashes the part that begins at `offset`. The last one gets the digest.
    fn take(&self, offset: u64, bytes: &[u8], length: u64, is_last: bool) -> Option<Digest> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .moved
            .wait_while(state, |(next, _)| *next != offset)
            .unwrap_or_else(PoisonError::into_inner);
        state.1.update(bytes);
        state.0 += length;
        let digest = is_last.then(|| std::mem::take(&mut state.1).finish());
        drop(state);
        self.moved.notify_all();
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::describe::store_all;
    use crate::export::holdings::Holdings;
    use crate::export::source::SourceObject;

    const SEGMENT_BYTES: u64 = 1 << 20;

    /// Objects with these contents and names, which may lie.
    fn stored(folder: &std::path::Path, objects: &[(Vec<u8>, Digest)]) -> Stored {
        let mut holdings = Holdings::default();
        for (number, (bytes, digest)) in objects.iter().enumerate() {
            let path = folder.join(number.to_string());
            std::fs::write(&path, bytes).unwrap();
            holdings.add_companions([SourceObject {
                digest: *digest,
                size: bytes.len() as u64,
                source: Source::file(path).unwrap(),
                compressible: false,
            }]);
        }
        holdings.arrange_objects();
        store_all(holdings, SEGMENT_BYTES, folder, 2).unwrap()
    }

    fn pack_all(stored: &Stored, segments: u64) -> Result<Vec<Vec<u8>>, Stop> {
        let mut blocks = Blocks::new(stored);
        blocks.begin_volume(segments);
        let mut all = Vec::new();
        while let Some((turn, block)) = blocks.next() {
            assert_eq!(turn, all.len() as u64);
            let mut buffer = Vec::new();
            block?.fill(&mut buffer)?;
            all.push(buffer);
        }
        Ok(all)
    }

    #[test]
    fn blocks_give_the_members_in_order_and_none_is_large() {
        let folder = tempfile::tempdir().unwrap();
        let sizes = [0, 1, 511, 512, 200_000, 300_000, (1 << 20) - 1, 1 << 20, 3_000_001];
        let objects: Vec<_> = sizes
            .iter()
            .map(|size| {
                let bytes: Vec<u8> = (0..*size).map(|number| (number * 7 + size) as u8).collect();
                let digest = Digest::of(&bytes);
                (bytes, digest)
            })
            .collect();
        let stored = stored(folder.path(), &objects);
        let mut expected = Vec::new();
        let mut segments = 0;
        for at in 0..stored.len() {
            let object = stored.object(at).unwrap();
            let (bytes, _) = objects.iter().find(|(_, digest)| *digest == object.digest).unwrap();
            for segment in 0..object.segment_count(SEGMENT_BYTES) {
                let size = object.segment_bytes(SEGMENT_BYTES, segment);
                let start = (segment * SEGMENT_BYTES) as usize;
                expected.extend(header(&object.member_name(SEGMENT_BYTES, segment), size));
                expected.extend(&bytes[start..start + size as usize]);
                pad(&mut expected, size);
                segments += 1;
            }
        }
        let blocks = pack_all(&stored, segments).unwrap();
        assert!(blocks.iter().all(|block| block.len() <= OUTPUT_BYTES + 1024));
        assert!(blocks.concat() == expected);
        assert!(pack_all(&stored, segments + 1).is_err());
    }

    #[test]
    fn bytes_that_are_not_those_of_the_catalog_are_refused() {
        let lie = Digest::of(b"something else");
        for size in [10, 300_000, 1 << 20] {
            let folder = tempfile::tempdir().unwrap();
            let stored = stored(folder.path(), &[(vec![7; size], lie)]);
            assert!(pack_all(&stored, 1).is_err(), "{size}");
        }
    }

    #[test]
    fn what_cannot_be_read_did_not_change() {
        let folder = tempfile::tempdir().unwrap();
        for size in [100_usize, 3 << 20] {
            let content = vec![7; size];
            let digest = Digest::of(&content);
            let stored = stored(folder.path(), &[(content, digest)]);
            std::fs::remove_file(folder.path().join("0")).unwrap();
            let Err(Stop::Unable(unable)) = pack_all(&stored, stored.outline(0).segment_count(SEGMENT_BYTES)) else {
                panic!("{size}: it was read");
            };
            assert!(unable.what.starts_with("cannot read"), "{size}: {unable:?}");
        }
    }
}
