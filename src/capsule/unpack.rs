//! Unpacking a capsule into a folder: every header compared, every byte hashed, and nothing believed but that (`bundle-spec/capsule.md` §4).
//!
//! Threats, each with its defence:
//! - Names that lead elsewhere: a name is one of a few spellings, or it is refused; no path is ever taken from the file.
//! - A file that exhausts disk or memory: nothing is compressed, so what is written is no more than what was read; the index is bounded and read by lines.
#![expect(clippy::disallowed_methods, reason = "a capsule is unpacked into files")]

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use super::index::{INDEX, Index, IndexReader, MAX_INDEX_BYTES, Named, WORK, cannot};
use crate::bundle::parts::{PartsError, PartsReader};
use crate::model::{Code, Digest, Refusal, Stop, Unable};

/// A capsule whose every part is as its index says. Nothing of what it says is believed yet.
#[derive(Debug)]
pub struct Unpacked {
    pub(super) folder: PathBuf,
    pub(super) index: Index,
}

impl Unpacked {
    /// The index's first line.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    pub(super) fn parts(&self) -> Result<IndexReader, Stop> {
        IndexReader::open(&self.folder.join(INDEX))
    }
}

/// Unpacks a capsule into an empty folder.
pub fn unpack(input: impl Read, folder: &Path) -> Result<Unpacked, Stop> {
    let mut reader = PartsReader::new(BufReader::with_capacity(1 << 20, input));
    let path = folder.join(INDEX);
    write(&path, |output| reader.first(INDEX, MAX_INDEX_BYTES, output))?;
    let mut parts = IndexReader::open(&path)?;
    while let Some(part) = parts.next()? {
        let name = &part.name;
        let Some(named) = Named::of(name) else {
            return Err(refusal(Code::UnsafeName, name, "no part of a capsule has that name").into());
        };
        let found = write(&named.place(name, folder), |output| {
            reader.next(name, part.bytes, output)
        })?;
        let is_named = match named {
            Named::Object(digest) => digest == part.digest,
            _ => true,
        };
        if found != part.digest || !is_named {
            return Err(refusal(
                Code::DigestMismatch,
                name,
                "its bytes are not those that are named by digest",
            )
            .comparing(part.digest, found)
            .into());
        }
    }
    reader.end().map_err(|error| refused(&folder.join(INDEX), error))?;
    let work = folder.join(WORK);
    fs::create_dir_all(&work).map_err(|error| cannot("make", &work, error))?;
    Ok(Unpacked {
        folder: folder.to_owned(),
        index: parts.index,
    })
}

fn write(
    path: &Path,
    read: impl FnOnce(&mut dyn std::io::Write) -> Result<Digest, PartsError>,
) -> Result<Digest, Stop> {
    let failed = |error| cannot("write", path, error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut output = BufWriter::with_capacity(256 << 10, File::create_new(path).map_err(failed)?);
    let digest = read(&mut output).map_err(|error| refused(path, error))?;
    output.flush().map_err(failed)?;
    Ok(digest)
}

fn refused(path: &Path, error: PartsError) -> Stop {
    let code = match &error {
        PartsError::File(_) => {
            let PartsError::File(source) = error else {
                return Unable::new("cannot read the capsule").into();
            };
            return Unable::new(format!("cannot read the capsule, or write `{}`", path.display()))
                .because(source)
                .into();
        }
        PartsError::TooLarge { .. } => Code::SizeExceeded,
        PartsError::NotExact { .. } => Code::ContainerNotExact,
        PartsError::Cut { .. } => Code::ObjectMissing,
    };
    Refusal::new(code, "the capsule", error.to_string())
        .hint("copy it again from where it was made")
        .into()
}

fn refusal(code: Code, name: &str, reason: &str) -> Refusal {
    Refusal::new(code, format!("the capsule's part `{name}`"), reason)
}
