//! Decompression with bounds, for whatever lies in an archive or beside it: gzip, bzip2, xz, zstd.
//!
//! Threats, each with its defence:
//! - A bomb: inflated bytes and their ratio to the compressed ones are bounded ([`Limits`]), also while nothing but
//!   skipping goes on.
//! - A header that asks for much memory: xz dictionaries and zstd windows are bounded before they are allocated.
//! - A decoder's complaint that looks like a disk's: whatever fails while the source itself read well is the stream's fault.

use std::cell::Cell;
use std::io::{self, BufReader, ErrorKind, Read};
use std::rc::Rc;

use super::ArchiveError;
use super::tar::Limits;

/// How bytes are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952; several members count as one.
    Gzip,
    /// bzip2; several streams count as one.
    Bzip2,
    /// The .xz file format; several streams count as one.
    Xz,
    /// RFC 8878; several frames count as one.
    Zstd,
}

/// `xz -9` has a dictionary of 64 MiB; the decoder adds little to it. In KiB.
const MAX_XZ_MEMORY_KIB: u32 = 72 << 10;

/// zstd's own bound for what any decoder should accept without being asked: 128 MiB (zstd manual, `--memory`).
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

impl Compression {
    /// Tells it by a file name's extension; without a known one the file is not compressed.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "gz")) => Self::Gzip,
            Some((_, "bz2")) => Self::Bzip2,
            Some((_, "xz")) => Self::Xz,
            Some((_, "zst")) => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Tells it by the first bytes.
    pub fn of_bytes(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    const fn broken(self) -> &'static str {
        match self {
            Self::None => "its bytes are broken",
            Self::Gzip => "its gzip stream is broken",
            Self::Bzip2 => "its bzip2 stream is broken",
            Self::Xz => "its xz stream is broken, or wants more memory than the limit",
            Self::Zstd => "its zstd stream is broken, or wants more memory than the limit",
        }
    }
}

/// Inflated bytes, counted against the limits.
pub struct Inflated<'a> {
    decoder: BufReader<Box<dyn Read + 'a>>,
    taken: Rc<Taken>,
    compression: Compression,
    bytes: u64,
    limits: Limits,
}

/// What the decoder took from the source.
#[derive(Default)]
struct Taken {
    bytes: Cell<u64>,
    failed: Cell<bool>,
}

impl<'a> Inflated<'a> {
    /// Begins to inflate.
    ///
    /// # Errors
    /// [`ArchiveError`], where a decoder cannot be made.
    pub fn new(compression: Compression, reader: &'a mut dyn Read, limits: &Limits) -> Result<Self, ArchiveError> {
        let taken = Rc::new(Taken::default());
        let source = Counted {
            reader,
            taken: Rc::clone(&taken),
        };
        let decoder: Box<dyn Read + 'a> = match compression {
            Compression::None => Box::new(source),
            Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
            Compression::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(source)),
            Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
                BufReader::with_capacity(64 << 10, source),
                true,
                MAX_XZ_MEMORY_KIB,
            )),
            Compression::Zstd => {
                let unreadable = |source| ArchiveError::Unreadable { source };
                let mut decoder = zstd::stream::read::Decoder::new(source).map_err(unreadable)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG).map_err(unreadable)?;
                Box::new(decoder)
            }
        };
        Ok(Self {
            decoder: BufReader::with_capacity(64 << 10, decoder),
            taken,
            compression,
            bytes: 0,
            limits: *limits,
        })
    }

    /// Reads until the buffer is full or the stream ends, and says how much was read.
    ///
    /// # Errors
    /// [`ArchiveError`], also where a limit is passed.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, ArchiveError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.decoder.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => {
                    filled += read;
                    self.bytes += read as u64;
                    self.check()?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) if self.taken.failed.get() => return Err(ArchiveError::Unreadable { source }),
                Err(_) => {
                    return Err(ArchiveError::Malformed {
                        reason: self.compression.broken(),
                    });
                }
            }
        }
        Ok(filled)
    }

    fn check(&self) -> Result<(), ArchiveError> {
        let over = |what, limit| Err(ArchiveError::OverLimit { what, limit });
        if self.bytes > self.limits.inflated_bytes {
            return over("inflated bytes", self.limits.inflated_bytes);
        }
        let compressed = self.taken.bytes.get();
        if self.bytes > Limits::RATIO_FREE_BYTES && self.bytes / compressed.max(1) >= self.limits.ratio {
            return over("inflated bytes for each compressed one", self.limits.ratio);
        }
        Ok(())
    }
}

/// Counts what the decoder takes, and remembers whether the source failed.
struct Counted<'a> {
    reader: &'a mut dyn Read,
    taken: Rc<Taken>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(read) => {
                self.taken.bytes.set(self.taken.bytes.get() + read as u64);
                Ok(read)
            }
            Err(error) => {
                self.taken.failed.set(error.kind() != ErrorKind::Interrupted);
                Err(error)
            }
        }
    }
}
