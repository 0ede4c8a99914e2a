//! A list of packages in memory: what is asked of it, and no more.

use std::io::Cursor;

use crate::archive::apt::{Digests, PackagesError, read_packages};
use crate::archive::inflate::Compression;

/// What a list says about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) size: u64,
    pub(super) digests: Digests,
    pub(super) filename: Box<str>,
}

/// The entries of a list, sorted by package, version and architecture. 70,000 of them take some 20 MB.
#[derive(Debug, Default)]
pub(super) struct List {
    entries: Vec<(Box<str>, Entry)>,
}

impl List {
    /// Reads a list, after its bytes have been compared with what was signed.
    pub(super) fn read(compression: Compression, bytes: &[u8]) -> Result<Self, PackagesError> {
        let mut entries = Vec::new();
        read_packages(compression, &mut Cursor::new(bytes), &mut |listed| {
            entries.push((
                key(listed.package, listed.version, listed.architecture),
                Entry {
                    size: listed.size,
                    digests: listed.digests,
                    filename: listed.filename.into(),
                },
            ));
        })?;
        entries.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(Self { entries })
    }

    /// All entries of a package's version for an architecture: usually one, and archives may list rebuilds beside each other.
    pub(super) fn of(&self, package: &str, version: &str, architecture: &str) -> impl Iterator<Item = &Entry> {
        let key = key(package, version, architecture);
        let from = self.entries.partition_point(|(known, _)| *known < key);
        self.entries[from..]
            .iter()
            .take_while(move |(known, _)| *known == key)
            .map(|(_, entry)| entry)
    }
}

/// A line feed is in none of the three.
fn key(package: &str, version: &str, architecture: &str) -> Box<str> {
    format!("{package}\n{version}\n{architecture}").into()
}
