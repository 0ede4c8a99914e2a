//! Files of JSON, one value a line: what a step leaves for those after it, in the staging folder.
#![expect(clippy::disallowed_methods, reason = "what a step leaves lies in the staging folder")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read as _, Write as _};
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::open::cannot_read;
use super::verify_objects::write_failed;
use crate::bundle::limits::{MAX_CATALOG_CONTENT_BYTES, MAX_ZSTD_WINDOW_LOG};
use crate::model::Stop;

/// Writes such a file.
pub(super) struct LineWriter {
    output: BufWriter<File>,
    path: PathBuf,
}

impl LineWriter {
    pub(super) fn create(path: PathBuf) -> Result<Self, Stop> {
        let file = File::create(&path).map_err(|error| write_failed(&path, error))?;
        Ok(Self {
            output: BufWriter::new(file),
            path,
        })
    }

    pub(super) fn write(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        serde_json::to_writer(&mut self.output, value)
            .map_err(io::Error::from)
            .and_then(|()| self.output.write_all(b"\n"))
            .map_err(|error| write_failed(&self.path, error).into())
    }

    pub(super) fn finish(mut self) -> Result<(), Stop> {
        self.output
            .flush()
            .map_err(|error| write_failed(&self.path, error).into())
    }
}

/// Reads such a file line by line.
pub(super) struct LineReader {
    input: Box<dyn BufRead + Send>,
    path: PathBuf,
    max_bytes: u64,
    line: Vec<u8>,
}

impl LineReader {
    /// Opens a file that this very run has written.
    pub(super) fn open(path: PathBuf) -> Result<Self, Stop> {
        Self::bounded(path, u64::MAX)
    }

    /// Opens a file that others may have changed: no line is longer than that.
    pub(super) fn bounded(path: PathBuf, max_bytes: u64) -> Result<Self, Stop> {
        let file = File::open(&path).map_err(|error| cannot_read(&path, error))?;
        Ok(Self {
            input: Box::new(BufReader::new(file)),
            path,
            max_bytes,
            line: Vec::new(),
        })
    }

    /// Opens a file that is compressed: its window is bounded as everywhere, and all of it as a catalog is.
    pub(super) fn compressed(path: PathBuf, max_bytes: u64) -> Result<Self, Stop> {
        let decoder = File::open(&path).and_then(|file| {
            let mut decoder = zstd::stream::read::Decoder::new(file)?;
            decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
            Ok(decoder.single_frame().take(MAX_CATALOG_CONTENT_BYTES))
        });
        let decoder = decoder.map_err(|error| cannot_read(&path, error))?;
        Ok(Self {
            input: Box::new(BufReader::with_capacity(128 << 10, decoder)),
            path,
            max_bytes,
            line: Vec::new(),
        })
    }

    /// The next value, or `None` at the end.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Stop> {
        self.line.clear();
        let count = self
            .input
            .as_mut()
            .take(self.max_bytes)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| cannot_read(&self.path, error))?;
        if count == 0 {
            return Ok(None);
        }
        serde_json::from_slice(&self.line)
            .map(Some)
            .map_err(|error| self.wrong(error.into()))
    }

    /// The next value, where there has to be one.
    pub(super) fn following<T: DeserializeOwned>(&mut self) -> Result<T, Stop> {
        self.next()?
            .ok_or_else(|| self.wrong(io::ErrorKind::UnexpectedEof.into()))
    }

    /// What is said where a value does not fit.
    pub(super) fn wrong(&self, error: io::Error) -> Stop {
        cannot_read(&self.path, error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_cut_or_too_long_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut lines = LineWriter::create(path.clone()).unwrap();
        lines.write(&"one").unwrap();
        lines.write(&"two").unwrap();
        lines.finish().unwrap();
        let mut lines = LineReader::open(path.clone()).unwrap();
        assert_eq!(lines.next::<String>().unwrap().as_deref(), Some("one"));
        assert_eq!(lines.following::<String>().unwrap(), "two");
        assert_eq!(lines.next::<String>().unwrap(), None);
        assert!(lines.following::<String>().is_err());
        assert!(LineReader::bounded(path.clone(), 4).unwrap().next::<String>().is_err());
        std::fs::write(&path, "\"one\"\n\"tw").unwrap();
        let mut lines = LineReader::bounded(path, 6).unwrap();
        assert_eq!(lines.following::<String>().unwrap(), "one");
        assert!(lines.next::<String>().is_err());
    }

    #[test]
    fn a_line_that_cannot_be_written_is_told_at_once_or_at_the_end() {
        let full = || LineWriter::create(PathBuf::from("/dev/full")).unwrap();
        assert!(full().write(&"x".repeat(1 << 20)).is_err());
        // What still fits in memory is written at the end.
        let mut lines = full();
        lines.write(&"x").unwrap();
        assert!(lines.finish().is_err());
    }
}
