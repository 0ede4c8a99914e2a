//! How each object is stored: as it is, or compressed where it is smaller for it. Decided on all cores.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::cannot_spool;
use crate::bundle::catalog::{Encoding, Object};
use crate::bundle::frame;
use crate::bundle::limits::DEFAULT_SEGMENT_BYTES;
use crate::export::holdings::{HeldObject, Holdings};
use crate::export::source::{SegmentHasher, Source};
use crate::model::{Digest, Hasher, Stop, Unable};

/// All objects, and how each is stored.
pub(in crate::export) struct Stored {
    holdings: Holdings,
    /// For each object, in the order of the digests.
    ways: Vec<Way>,
    /// Each thread's compressed objects and lists of segments.
    spools: Vec<Arc<File>>,
    folder: PathBuf,
    segment_size: u64,
}

/// How an object is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way {
    /// The stored bytes' length.
    stored: u64,
    /// Where in a spool its list of segments begins: 2 bits of [`Kind`], 16 bits of the spool's number, 46 bits of the
    /// offset, enough for 64 TiB. A million of these are held.
    at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it is, in one segment.
    Plain = 0,
    /// As it is, in several segments.
    Listed = 1,
    /// Compressed: the bytes follow the list of segments.
    Spooled = 2,
    /// Compressed, in a file of its own.
    OwnFile = 3,
}

const OFFSET_BITS: u32 = 46;

impl Way {
    fn new(kind: Kind, stored: u64, spool: usize, offset: u64) -> Self {
        Self {
            stored,
            at: (kind as u64) << 62 | (spool as u64 & 0xffff) << OFFSET_BITS | offset & ((1 << OFFSET_BITS) - 1),
        }
    }

    const fn kind(self) -> Kind {
        match self.at >> 62 {
            0 => Kind::Plain,
            1 => Kind::Listed,
            2 => Kind::Spooled,
            _ => Kind::OwnFile,
        }
    }

    const fn spool(self) -> usize {
        (self.at >> OFFSET_BITS & 0xffff) as usize
    }

    const fn offset(self) -> u64 {
        self.at & ((1 << OFFSET_BITS) - 1)
    }
}

/// A digest's length in a spool, in bytes.
const DIGEST_BYTES: u64 = 32;

impl Stored {
    /// How many objects there are.
    pub(in crate::export) fn len(&self) -> usize {
        self.ways.len()
    }

    pub(in crate::export) const fn holdings(&self) -> &Holdings {
        &self.holdings
    }

    pub(in crate::export) fn into_holdings(self) -> Holdings {
        self.holdings
    }

    pub(in crate::export) const fn segment_size(&self) -> u64 {
        self.segment_size
    }

    /// An object's catalog entry but for its list of segments.
    pub(in crate::export) fn outline(&self, at: usize) -> Object {
        let HeldObject { digest, size, .. } = self.holdings.object(at);
        let way = self.ways[at];
        let (encoding, stored_size) = match way.kind() {
            Kind::Plain | Kind::Listed => (Encoding::Identity, None),
            Kind::Spooled | Kind::OwnFile => (Encoding::Zstd, Some(way.stored)),
        };
        Object {
            digest,
            encoding,
            segments: Vec::new(),
            size,
            stored_size,
        }
    }

    /// An object's catalog entry.
    pub(in crate::export) fn object(&self, at: usize) -> Result<Object, Stop> {
        let mut object = self.outline(at);
        let way = self.ways[at];
        let count = object.segment_count(self.segment_size);
        if self.holdings.object(at).is_away {
            if count > 1 {
                object.segments = stand_ins(object.digest, count);
            }
        } else if way.kind() != Kind::Plain {
            object.segments = self.read_segments(way, count).map_err(|error| {
                let folder = self.folder.display();
                Unable::new(format!("cannot read from {folder}")).because(error)
            })?;
        }
        Ok(object)
    }

    fn read_segments(&self, way: Way, count: u64) -> io::Result<Vec<Digest>> {
        let mut digest = [0; DIGEST_BYTES as usize];
        let spool = &self.spools[way.spool()];
        (0..count)
            .map(|number| {
                spool.read_exact_at(&mut digest, way.offset() + number * DIGEST_BYTES)?;
                Ok(Digest::from_bytes(digest))
            })
            .collect()
    }

    /// Where an object's stored bytes are.
    pub(in crate::export) fn source(&self, at: usize) -> Result<Source, Stop> {
        let way = self.ways[at];
        match way.kind() {
            Kind::Plain | Kind::Listed => Ok(self.holdings.source(at)),
            Kind::Spooled => {
                let list = self.outline(at).segment_count(self.segment_size) * DIGEST_BYTES;
                let spool = Arc::clone(&self.spools[way.spool()]);
                Ok(Source::Spooled(spool, way.offset() + list, way.stored))
            }
            Kind::OwnFile => Source::file(self.folder.join(self.holdings.object(at).digest.hex())),
        }
    }
}

/// The segments of an object that is not here yet: only how many they are counts, and their digests are as long as any.
fn stand_ins(digest: Digest, count: u64) -> Vec<Digest> {
    (0..count)
        .map(|index| Digest::of([digest.as_bytes().as_slice(), &index.to_be_bytes()].concat().as_slice()))
        .collect()
}

/// So many objects one thread takes at a time.
const STORED_AT_ONCE: usize = 16;

/// Decides how each object is stored, on all cores: as it is, or compressed where it is smaller for it.
pub(in crate::export) fn store_all(
    holdings: Holdings,
    segment_size: u64,
    spool: &Path,
    threads: usize,
) -> Result<Stored, Stop> {
    let count = holdings.object_count();
    let next = AtomicUsize::new(0);
    let has_failed = AtomicBool::new(false);
    let ways = Mutex::new(vec![Way { stored: 0, at: 0 }; count]);
    let failure: Mutex<Option<(usize, Stop)>> = Mutex::new(None);
    let spools = (0..threads.max(1).min(count.max(1)))
        .map(|_| tempfile::tempfile_in(spool).map(Arc::new))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| cannot_spool(spool, error))?;
    thread::scope(|scope| {
        for (number, file) in spools.iter().enumerate() {
            let (holdings, ways, failure, next, has_failed) = (&holdings, &ways, &failure, &next, &has_failed);
            scope.spawn(move || {
                let mut worker = Worker {
                    holdings,
                    segment_size,
                    folder: spool,
                    encoder: None,
                    number,
                    file,
                    end: 0,
                };
                // What comes before a failure is still looked at, so that the first one is told.
                while !has_failed.load(Ordering::Relaxed) {
                    let start = next.fetch_add(STORED_AT_ONCE, Ordering::Relaxed);
                    if start >= count {
                        return;
                    }
                    let numbers = start..count.min(start + STORED_AT_ONCE);
                    let mut done = Vec::with_capacity(STORED_AT_ONCE);
                    for at in numbers {
                        match worker.store(at) {
                            Ok(way) => done.push(way),
                            Err(stop) => {
                                has_failed.store(true, Ordering::Relaxed);
                                let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                                if failure.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                                    *failure = Some((at, stop));
                                }
                                return;
                            }
                        }
                    }
                    ways.lock().unwrap_or_else(PoisonError::into_inner)[start..start + done.len()]
                        .copy_from_slice(&done);
                }
            });
        }
    });
    if let Some((_, stop)) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(stop);
    }
    Ok(Stored {
        holdings,
        ways: ways.into_inner().unwrap_or_else(PoisonError::into_inner),
        spools,
        folder: spool.to_owned(),
        segment_size,
    })
}

/// Up to this size an object is compressed in memory.
const MEMORY_BYTES: u64 = 8 << 20;

/// One thread. What it compresses in memory goes into one file, so that neither memory nor the number of files grows with
/// the number of objects.
struct Worker<'a> {
    holdings: &'a Holdings,
    segment_size: u64,
    folder: &'a Path,
    encoder: Option<frame::Encoder>,
    number: usize,
    file: &'a File,
    end: u64,
}

impl Worker<'_> {
    fn store(&mut self, at: usize) -> Result<Way, Stop> {
        let object = self.holdings.object(at);
        if object.is_away {
            return Ok(Way::new(Kind::Plain, object.size, 0, 0));
        }
        if object.compressible && object.size > 0 {
            let compressed = match object.size <= MEMORY_BYTES {
                true => self.compress_in_memory(at, &object)?,
                false => self.compress_into_file(at, &object)?,
            };
            if let Some(way) = compressed {
                return Ok(way);
            }
        }
        if object.size <= self.segment_size {
            return Ok(Way::new(Kind::Plain, object.size, 0, 0));
        }
        let segments = match self.holdings.segments(at) {
            // They were made with the digest, in one pass.
            Some(segments) if self.segment_size == DEFAULT_SEGMENT_BYTES => segments.to_vec(),
            _ => segment_digests(&self.holdings.source(at), object.size, self.segment_size)?,
        };
        let offset = self.put(&segments, &[])?;
        Ok(Way::new(Kind::Listed, object.size, self.number, offset))
    }

    /// Compresses a small object; `None` where it does not get smaller, or is not what it was.
    fn compress_in_memory(&mut self, at: usize, object: &HeldObject) -> Result<Option<Way>, Stop> {
        let content = self.holdings.source(at).read(object.size)?;
        let stored = self
            .encoder()
            .and_then(|encoder| encoder.encode(&content))
            .map_err(|error| cannot_compress(object, error))?;
        // What is compressed cannot be compared any more when it is packed.
        if stored.len() >= content.len() || Digest::of(&content) != object.digest {
            return Ok(None);
        }
        let mut hasher = SegmentHasher::new(self.segment_size);
        hasher.update(&stored);
        let offset = self.put(&hasher.finish(), &stored)?;
        Ok(Some(Way::new(Kind::Spooled, stored.len() as u64, self.number, offset)))
    }

    /// Compresses a large object into a file of its own; `None` where it does not get smaller.
    fn compress_into_file(&mut self, at: usize, object: &HeldObject) -> Result<Option<Way>, Stop> {
        let failed = |error: io::Error| cannot_compress(object, error);
        let path = self.folder.join(object.digest.hex());
        let target = File::create(&path)
            .map_err(|error| Unable::new(format!("cannot write {}", path.display())).because(error))?;
        let source = self.holdings.source(at);
        let mut content = HashingReader {
            reader: source.open()?,
            hasher: Hasher::new(),
        };
        let mut output = Segmented {
            output: io::BufWriter::new(target),
            hasher: SegmentHasher::new(self.segment_size),
            size: 0,
        };
        frame::encode_stream(&mut content, object.size, &mut output).map_err(failed)?;
        output.flush().map_err(failed)?;
        if content.hasher.finish() != object.digest {
            return Err(source.changed().into());
        }
        if output.size >= object.size {
            fs::remove_file(&path).map_err(failed)?;
            return Ok(None);
        }
        let offset = self.put(&output.hasher.finish(), &[])?;
        Ok(Some(Way::new(Kind::OwnFile, output.size, self.number, offset)))
    }

    fn encoder(&mut self) -> io::Result<&mut frame::Encoder> {
        match &mut self.encoder {
            Some(encoder) => Ok(encoder),
            none => Ok(none.insert(frame::Encoder::new()?)),
        }
    }

    /// Puts a list of segments, and compressed bytes, aside until they are packed. Gives where they begin.
    fn put(&mut self, segments: &[Digest], stored: &[u8]) -> Result<u64, Stop> {
        let offset = self.end;
        let list: Vec<u8> = segments.iter().flat_map(|digest| *digest.as_bytes()).collect();
        let failed = |error: io::Error| cannot_spool(self.folder, error);
        self.file.write_all_at(&list, offset).map_err(failed)?;
        self.end += list.len() as u64;
        self.file.write_all_at(stored, self.end).map_err(failed)?;
        self.end += stored.len() as u64;
        Ok(offset)
    }
}

fn cannot_compress(object: &HeldObject, error: io::Error) -> Unable {
    Unable::new(format!("cannot compress object {}", object.digest)).because(error)
}

struct HashingReader<R> {
    reader: R,
    hasher: Hasher,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

/// Hashes the segments of what is written.
struct Segmented<W> {
    output: W,
    hasher: SegmentHasher,
    size: u64,
}

impl<W: Write> Write for Segmented<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.output.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The largest buffer through which stored bytes are hashed.
const HASH_BYTES: u64 = 256 << 10;

/// Hashes the segments of stored bytes.
fn segment_digests(source: &Source, size: u64, segment_size: u64) -> Result<Vec<Digest>, Stop> {
    let mut hasher = SegmentHasher::new(segment_size);
    let mut reader = source.open()?;
    let mut buffer = vec![0; usize::try_from(size.min(HASH_BYTES)).unwrap_or(0)];
    let mut rest = size;
    while rest > 0 {
        let part = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
        let count = reader
            .read(&mut buffer[..part])
            .map_err(|error| Unable::new(format!("cannot read {source}")).because(error))?;
        if count == 0 {
            return Err(source.changed().into());
        }
        hasher.update(&buffer[..count]);
        rest -= count as u64;
    }
    Ok(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::source::SourceObject;

    /// A large object that compresses, under a digest that may lie.
    fn store_large(folder: &Path, content: &[u8], digest: Digest) -> Result<Stored, Stop> {
        let path = folder.join("content");
        std::fs::write(&path, content).unwrap();
        let mut holdings = Holdings::default();
        holdings.add_companions([SourceObject {
            digest,
            size: content.len() as u64,
            source: Source::file(path).unwrap(),
            compressible: true,
        }]);
        holdings.arrange_objects();
        store_all(holdings, DEFAULT_SEGMENT_BYTES, folder, 1)
    }

    #[test]
    fn a_large_object_is_compressed_as_what_it_was_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let content = vec![0; usize::try_from(MEMORY_BYTES).unwrap() + 1];
        let digest = Digest::of(&content);
        let stored = store_large(folder.path(), &content, digest).unwrap();
        let object = stored.object(0).unwrap();
        assert_eq!((object.digest, object.size), (digest, MEMORY_BYTES + 1));
        assert!(object.stored_size.is_some_and(|stored| stored < MEMORY_BYTES));
        assert!(matches!(
            store_large(folder.path(), &content, Digest::of(b"other")),
            Err(Stop::Unable(_))
        ));
    }

    #[test]
    fn segments_are_of_as_many_bytes_as_were_hashed() {
        let source = Source::Memory(vec![1; 10]);
        assert_eq!(segment_digests(&source, 10, 4).unwrap().len(), 3);
        assert!(segment_digests(&source, 11, 4).is_err());
    }

    #[test]
    fn a_way_keeps_what_it_was_given() {
        for (kind, spool, offset) in [
            (Kind::Plain, 0, 0),
            (Kind::Listed, 1023, (1 << OFFSET_BITS) - 1),
            (Kind::Spooled, 65_535, 7),
            (Kind::OwnFile, 1, 1 << 40),
        ] {
            let way = Way::new(kind, 9, spool, offset);
            assert_eq!(
                (way.kind(), way.stored, way.spool(), way.offset()),
                (kind, 9, spool, offset)
            );
        }
        assert_eq!(std::mem::size_of::<Way>(), 16);
    }

    #[test]
    fn what_cannot_be_put_aside_or_read_from_there_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        std::fs::write(&path, "").unwrap();
        let read_only = File::open(&path).unwrap();
        let holdings = Holdings::default();
        let mut worker = Worker {
            holdings: &holdings,
            segment_size: 4096,
            folder: folder.path(),
            encoder: None,
            number: 0,
            file: &read_only,
            end: 0,
        };
        assert!(worker.put(&[Digest::of(b"a")], &[]).is_err());
        assert!(worker.put(&[], b"a").is_err());
        let mut output = Segmented {
            output: io::BufWriter::new(&read_only),
            hasher: SegmentHasher::new(4096),
            size: 0,
        };
        output.write_all(b"a").unwrap();
        assert!(output.flush().is_err());

        let content: Vec<u8> = (0..10_000_u32).flat_map(u32::to_be_bytes).collect();
        let mut holdings = Holdings::default();
        holdings.add_companions([SourceObject {
            digest: Digest::of(&content),
            size: content.len() as u64,
            source: Source::Memory(content),
            compressible: false,
        }]);
        holdings.arrange_objects();
        let stored = store_all(holdings, 4096, folder.path(), 1).unwrap();
        assert_eq!(stored.object(0).unwrap().segments.len(), 10);
        for spool in &stored.spools {
            spool.set_len(0).unwrap();
        }
        assert!(stored.object(0).is_err());
    }
}
