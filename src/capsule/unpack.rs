//! Unpacking a capsule into a folder: every header compared, every byte hashed, and nothing believed but that (`bundle-spec/capsule.md` §4).
//!
//! Threats: those of [`crate::import::packed`]. A name is one of a few spellings, or it is refused.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::index::{Index, Named};
use crate::import::packed::{self, INDEX, IndexReader, mismatch, refusal};
use crate::model::{Code, Stop};

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

    pub(super) fn parts(&self) -> Result<IndexReader<Index>, Stop> {
        IndexReader::open(&self.folder.join(INDEX))
    }
}

/// Unpacks a capsule into an empty folder.
pub fn unpack(input: impl Read, folder: &Path) -> Result<Unpacked, Stop> {
    let index = packed::unpack(input, &folder.join(INDEX), &mut |part| {
        let name = &part.name;
        let Some(named) = Named::of(name) else {
            let reason = "no part of a capsule has that name";
            return Err(refusal::<Index>(Code::UnsafeName, name, reason).into());
        };
        match named {
            Named::Object(digest) if digest != part.digest => Err(mismatch::<Index>(part, digest)),
            _ => Ok(named.place(name, folder)),
        }
    })?;
    Ok(Unpacked {
        folder: folder.to_owned(),
        index,
    })
}
