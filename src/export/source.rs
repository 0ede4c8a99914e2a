//! Where an object's bytes lie on the sending side, and how a change under our hands is noticed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collect::Stamp;
use crate::model::{Digest, Hasher, Stop, Unable};

/// An object that goes into a bundle.
#[derive(Debug, Clone)]
pub struct SourceObject {
    /// Its digest, computed from the bytes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// Where the bytes lie.
    pub source: Source,
    /// Whether it is worth trying to compress: false for what is compressed already.
    pub compressible: bool,
}

/// Bytes that are not copied before they are packed.
#[derive(Debug, Clone)]
pub enum Source {
    /// A file where it lies, what it looked like when it was hashed, and its length in bytes.
    File(PathBuf, Stamp, u64),
    /// Small bytes in memory.
    Memory(Vec<u8>),
    /// A part of a file of our own that nobody else can name: where it begins, and its length in bytes.
    Spooled(Arc<File>, u64, u64),
}

impl From<super::collect::SourceObject> for SourceObject {
    fn from(collected: super::collect::SourceObject) -> Self {
        Self {
            digest: collected.digest,
            size: collected.size,
            source: Source::File(collected.path, collected.stamp, collected.size),
            compressible: collected.compressible,
        }
    }
}

impl Source {
    /// Takes a file as it is now.
    pub fn file(path: PathBuf) -> Result<Self, Stop> {
        let metadata = fs::metadata(&path).map_err(|error| cannot_read(&path, error))?;
        Ok(Self::File(path, Stamp::of(&metadata), metadata.len()))
    }

    /// Opens the bytes, if they are still those that were hashed.
    pub fn open(&self) -> Result<OpenSource<'_>, Stop> {
        let bytes = match self {
            Self::Memory(bytes) => OpenBytes::Memory(bytes),
            Self::File(path, ..) => OpenBytes::File(File::open(path).map_err(|error| cannot_read(path, error))?),
            Self::Spooled(file, start, size) => OpenBytes::Spooled(file, *start, *size),
        };
        let open = OpenSource { source: self, bytes };
        open.recheck()?;
        Ok(open)
    }

    /// Adds a part of the bytes to a buffer, and looks again whether the file changed meanwhile.
    pub(super) fn read_part(&self, offset: u64, size: usize, buffer: &mut Vec<u8>) -> Result<(), Stop> {
        let mut open = self.open()?;
        let end = buffer.len() + size;
        buffer.reserve(size);
        open.skip_to(offset)
            .and_then(|()| (&mut open).take(size as u64).read_to_end(buffer))
            .map_err(|error| Unable::new(format!("cannot read {self}")).because(error))?;
        if buffer.len() < end {
            return Err(self.changed().into());
        }
        open.recheck()
    }

    /// Reads exactly so many bytes.
    pub fn read(&self, size: u64) -> Result<Vec<u8>, Stop> {
        if let Self::Memory(bytes) = self {
            return Ok(bytes.clone());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        self.open()?
            .read_to_end(&mut bytes)
            .map_err(|error| Unable::new(format!("cannot read {self}")).because(error))?;
        if bytes.len() as u64 != size {
            return Err(self.changed().into());
        }
        Ok(bytes)
    }

    /// The length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(.., size) | Self::Spooled(.., size) => *size,
        }
    }

    /// The file changed after it was hashed.
    pub(super) fn changed(&self) -> Unable {
        Unable::new(format!("{self} changed while it was being packed"))
            .hint("let no other program write there, and export again; nothing was written")
    }
}

/// Bytes that are being read.
#[derive(Debug)]
pub struct OpenSource<'a> {
    source: &'a Source,
    bytes: OpenBytes<'a>,
}

#[derive(Debug)]
enum OpenBytes<'a> {
    File(File),
    Memory(&'a [u8]),
    Spooled(&'a File, u64, u64),
}

impl OpenSource<'_> {
    /// Goes to a place before anything was read.
    fn skip_to(&mut self, offset: u64) -> io::Result<()> {
        let end = || io::Error::from(io::ErrorKind::UnexpectedEof);
        match &mut self.bytes {
            OpenBytes::File(_) if offset == 0 => {}
            OpenBytes::File(file) => {
                file.seek(io::SeekFrom::Start(offset))?;
            }
            OpenBytes::Memory(bytes) => {
                *bytes = usize::try_from(offset)
                    .ok()
                    .and_then(|at| bytes.get(at..))
                    .ok_or_else(end)?;
            }
            OpenBytes::Spooled(_, start, rest) => {
                *rest = rest.checked_sub(offset).ok_or_else(end)?;
                *start += offset;
            }
        }
        Ok(())
    }

    /// Fails if the file has changed since it was hashed: called once more after the last byte was read. The open file is
    /// looked at, and not what stands at its path by now: the bytes came from it.
    pub(super) fn recheck(&self) -> Result<(), Stop> {
        if let (Source::File(path, stamp, _), OpenBytes::File(file)) = (self.source, &self.bytes) {
            let metadata = file.metadata().map_err(|error| cannot_read(path, error))?;
            if Stamp::of(&metadata) != *stamp {
                return Err(self.source.changed().into());
            }
        }
        Ok(())
    }
}

impl Read for OpenSource<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            OpenBytes::File(file) => file.read(buffer),
            OpenBytes::Memory(bytes) => bytes.read(buffer),
            OpenBytes::Spooled(file, start, rest) => {
                let part = usize::try_from(*rest).unwrap_or(usize::MAX).min(buffer.len());
                let count = file.read_at(&mut buffer[..part], *start)?;
                *start += count as u64;
                *rest -= count as u64;
                Ok(count)
            }
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, ..) => write!(f, "{}", path.display()),
            Self::Memory(_) => f.write_str("a document in memory"),
            Self::Spooled(..) => f.write_str("a compressed object"),
        }
    }
}

/// Hashes the segments of bytes as they pass.
pub(super) struct SegmentHasher {
    segment_size: u64,
    current: Hasher,
    filled: u64,
    digests: Vec<Digest>,
}

impl SegmentHasher {
    pub(super) fn new(segment_size: u64) -> Self {
        Self {
            segment_size,
            current: Hasher::new(),
            filled: 0,
            digests: Vec::new(),
        }
    }

    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == self.segment_size {
                self.digests.push(std::mem::take(&mut self.current).finish());
                self.filled = 0;
            }
            let room = usize::try_from(self.segment_size - self.filled).unwrap_or(usize::MAX);
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            self.current.update(part);
            self.filled += part.len() as u64;
            bytes = rest;
        }
    }

    /// The digests of all segments: at least one, also where there were no bytes.
    pub(super) fn finish(mut self) -> Vec<Digest> {
        self.digests.push(self.current.finish());
        self.digests
    }
}

fn cannot_read(path: &Path, error: io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_part_of_a_spool_ends_where_it_ends() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one two three").unwrap();
        let source = Source::Spooled(Arc::new(file), 4, 3);
        assert_eq!(source.read(3).unwrap(), b"two");
        assert!(source.read(4).is_err());
        let mut open = source.open().unwrap();
        let mut byte = [0; 2];
        open.read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"tw");
        assert!(open.read_exact(&mut byte).is_err());
    }

    #[test]
    fn a_part_is_read_from_wherever_the_bytes_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"one two three").unwrap();
        let spool = Arc::new(File::open(&path).unwrap());
        for source in [
            Source::file(path).unwrap(),
            Source::Memory(b"one two three".to_vec()),
            Source::Spooled(spool, 0, 13),
        ] {
            let mut buffer = b"<".to_vec();
            source.read_part(4, 3, &mut buffer).unwrap();
            source.read_part(0, 3, &mut buffer).unwrap();
            assert_eq!(buffer, b"<twoone", "{source}");
            assert!(source.read_part(10, 4, &mut buffer).is_err(), "{source}");
            assert!(source.read_part(14, 1, &mut buffer).is_err(), "{source}");
        }
        // What cannot be read at all did not change.
        let no_file = Source::file(folder.path().to_owned()).unwrap();
        let Err(Stop::Unable(unable)) = no_file.read_part(0, 1, &mut Vec::new()) else {
            panic!("a folder was read");
        };
        assert!(unable.what.starts_with("cannot read"), "{unable:?}");
    }

    #[test]
    fn segments_are_hashed_however_the_bytes_come() {
        let bytes: Vec<u8> = (0..=99).collect();
        let expected: Vec<Digest> = bytes.chunks(32).map(Digest::of).collect();
        for step in [1, 7, 32, 33, 64, 100] {
            let mut hasher = SegmentHasher::new(32);
            bytes.chunks(step).for_each(|part| hasher.update(part));
            assert_eq!(hasher.finish(), expected, "{step}");
        }
        assert_eq!(SegmentHasher::new(32).finish(), [Digest::of(b"")]);
        let mut full = SegmentHasher::new(50);
        full.update(&bytes);
        assert_eq!(full.finish().len(), 2);
    }

    #[test]
    fn a_file_that_changes_under_our_hands_is_noticed_before_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "before").unwrap();
        let source = Source::file(path.clone()).unwrap();
        let open = source.open().unwrap();
        open.recheck().unwrap();
        fs::write(&path, "longer than before").unwrap();
        assert!(open.recheck().is_err());
        assert!(source.open().is_err());
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_empty() {
        let folder = tempfile::tempdir().unwrap();
        let write_only = File::create(folder.path().join("file")).unwrap();
        let source = Source::Spooled(Arc::new(write_only), 0, 0);
        assert!(source.read(0).is_err());
    }
}
