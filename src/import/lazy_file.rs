//! A file that is opened when somebody first reads it: plain files need no look, and some proofs none at the artifact.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::model::Content;

/// Read at a time, in bytes: digests and archives read larger pieces past it.
const BUFFER_BYTES: usize = 64 << 10;

/// A file that is opened when somebody first reads it.
pub(super) struct LazyFile<'a> {
    path: &'a Path,
    /// Its size, where an earlier step has measured it: to ask for that needs no file.
    size: Option<u64>,
    is_at_end: bool,
    file: Option<BufReader<File>>,
    failed: Option<io::Error>,
}

impl<'a> LazyFile<'a> {
    pub(super) const fn new(path: &'a Path, size: Option<u64>) -> Self {
        Self {
            path,
            size,
            is_at_end: false,
            file: None,
            failed: None,
        }
    }

    /// Why it could not be opened or read, if it could not: whoever read it may have taken that for the file's own fault.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        self.failed.take()
    }

    fn noting<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            // Seeking before the first byte is its reader's mistake.
            if !matches!(kind, io::ErrorKind::Interrupted | io::ErrorKind::InvalidInput) {
                self.failed = Some(error);
            }
            kind.into()
        })
    }

    fn file(&mut self) -> io::Result<&mut BufReader<File>> {
        if self.file.is_none() {
            let mut file = File::open(self.path)?;
            if self.is_at_end {
                file.seek(SeekFrom::End(0))?;
            }
            self.file = Some(BufReader::with_capacity(BUFFER_BYTES, file));
        }
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Read for LazyFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file().and_then(|file| file.read(buffer));
        self.noting(read)
    }
}

impl Seek for LazyFile<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        if self.file.is_none() {
            let place = match position {
                SeekFrom::Start(0) => Some(0),
                SeekFrom::End(0) => self.size,
                _ => None,
            };
            if let Some(place) = place {
                self.is_at_end = position == SeekFrom::End(0);
                return Ok(place);
            }
        }
        let place = self.file().and_then(|file| file.seek(position));
        self.noting(place)
    }
}

impl Content for LazyFile<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_is_known_needs_no_file_and_moves_as_one_would() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let mut file = LazyFile::new(&missing, Some(5));
        assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), 5);
        assert_eq!(file.seek(SeekFrom::Start(0)).unwrap(), 0);
        assert!(file.failure().is_none());
        assert!(LazyFile::new(&missing, None).seek(SeekFrom::End(0)).is_err());
        let path = folder.path().join("there");
        std::fs::write(&path, b"12345").unwrap();
        let mut file = LazyFile::new(&path, Some(5));
        let mut bytes = Vec::new();
        file.seek(SeekFrom::End(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"");
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"12345");
    }
}
