//! A file of JSON, one value a line.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use serde::Serialize;

use super::write_failed;
use crate::model::Stop;

/// A file of JSON, one value a line.
pub(super) struct Lines {
    output: BufWriter<File>,
    path: PathBuf,
}

impl Lines {
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
