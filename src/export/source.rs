//! Where an object's bytes lie on the sending side, and how a change under our hands is noticed.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use super::collect::Stamp;
use crate::model::{Digest, Stop, Unable};

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
    pub fn open(&self) -> Result<Box<dyn Read + '_>, Stop> {
        match self {
            Self::Memory(bytes) => Ok(Box::new(Cursor::new(bytes))),
            Self::File(..) => Ok(Box::new(self.open_file()?)),
        }
    }

    /// Opens the file, if it is still the one that was hashed.
    fn open_file(&self) -> Result<File, Stop> {
        let Self::File(path, stamp, _) = self else {
            return Err(Unable::new("bytes in memory are no file").into());
        };
        let file = File::open(path).map_err(|error| cannot_read(path, error))?;
        let metadata = file.metadata().map_err(|error| cannot_read(path, error))?;
        if Stamp::of(&metadata) != *stamp {
            return Err(self.changed().into());
        }
        Ok(file)
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
            Self::File(.., size) => *size,
        }
    }

    /// Fails if the file has changed since it was hashed: called after the last byte was read.
    pub(super) fn recheck(&self) -> Result<(), Stop> {
        self.open_file_if_any().map(|_| ())
    }

    fn open_file_if_any(&self) -> Result<Option<File>, Stop> {
        match self {
            Self::Memory(_) => Ok(None),
            Self::File(..) => self.open_file().map(Some),
        }
    }

    /// The file changed after it was hashed.
    pub(super) fn changed(&self) -> Unable {
        Unable::new(format!("{self} changed while it was being packed"))
            .hint("let no other program write there, and export again; nothing was written")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, ..) => write!(f, "{}", path.display()),
            Self::Memory(_) => f.write_str("a document in memory"),
        }
    }
}

fn cannot_read(path: &Path, error: io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}
