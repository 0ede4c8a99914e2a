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
    file: Option<BufReader<File>>,
    failed: Option<io::Error>,
}

impl<'a> LazyFile<'a> {
    pub(super) const fn new(path: &'a Path) -> Self {
        Self {
            path,
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
            self.file = Some(BufReader::with_capacity(BUFFER_BYTES, File::open(self.path)?));
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
        if self.file.is_none() && position == SeekFrom::Start(0) {
            return Ok(0);
        }
        let place = self.file().and_then(|file| file.seek(position));
        self.noting(place)
    }
}

impl Content for LazyFile<'_> {}
