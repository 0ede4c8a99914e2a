//! A strict reader of zip archives (APPNOTE 6.3.10), for reading single entries out of wheels and other artifacts.
//!
//! A zip can be read from its end (by the central directory) or from its start (by the local headers), and the two
//! readings may be made to differ. Only archives that read the same both ways are taken:
//! - a second directory, a comment that hides one, a forged zip64 record: the end record closes the file, has no
//!   comment, and the directory fills the space before it exactly;
//! - prepended, appended or hidden bytes between entries: entries follow one another from offset 0 to the directory;
//! - local headers that say something else than the directory: every one is compared, not only those that are read;
//! - a deflate stream that ends early: where a reader from the start relies on that end, it is decompressed and compared;
//! - duplicate names, names with `..`, backslashes or two encodings, encryption, unusual methods: refused;
//! - bombs: sizes are bounded before anything is allocated.
//!
//! Extraction to disk does not exist here. What an entry says is for its caller to judge.

mod content;
mod records;

use std::collections::HashMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use content::decompress;
use records::{check_local, read_directory};

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;

const END_BYTES: u64 = 22;
const END_64_BYTES: u64 = 56;
const LOCATOR_64_BYTES: u64 = 20;

/// The largest wheels hold about 30,000 files; every entry costs about 200 bytes of memory.
const MAX_ENTRIES: u64 = 200_000;

/// [`MAX_ENTRIES`] records with names of 200 bytes.
const MAX_DIRECTORY_BYTES: u64 = 64 << 20;

/// The best that deflate can do (RFC 1951: 258 bytes in two bits); a greater ratio is a lie about sizes.
const MAX_RATIO: u64 = 1032;

/// An archive cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// The bytes could not be read.
    #[error("cannot read the archive")]
    Read(#[from] io::Error),
    /// The archive as a whole is not a plain zip.
    #[error("the zip {0}")]
    Archive(&'static str),
    /// An entry is not plain.
    #[error("the zip's entry `{}` {fault}", .name.escape_debug())]
    Entry {
        /// The entry's name, as far as it can be shown.
        name: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A bound is exceeded.
    #[error("the zip's {what} exceeds {limit}")]
    Limit {
        /// What is too large.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// The entry asked for is not there.
    #[error("the zip has no entry `{0}`")]
    Missing(String),
}

/// A zip archive whose structure has been checked.
pub struct Zip<R> {
    reader: R,
    directory: Range<u64>,
    entries: Vec<Entry>,
    index: HashMap<String, usize>,
}

/// One entry: a file, or a folder where the name ends in a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
    data_offset: u64,
    /// Where it ends, its data descriptor included.
    end: u64,
    /// Its record, counted from the start of the directory.
    record: Range<u64>,
}

impl Entry {
    /// The name, with slashes; plain components only.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size when decompressed, as the archive states it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether it lies there as it is, neither compressed nor with any flag set.
    pub fn is_plainly_stored(&self) -> bool {
        self.method == content::STORED && self.flags == 0
    }

    /// Where it lies in the archive: local header, data and data descriptor.
    pub fn span(&self) -> Range<u64> {
        self.offset..self.end
    }

    /// Where its record lies in the archive's directory, counted from the directory's start.
    pub fn record_span(&self) -> Range<u64> {
        self.record.clone()
    }

    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }

    fn error(&self, fault: &'static str) -> ZipError {
        ZipError::Entry {
            name: self.name.clone(),
            fault,
        }
    }
}

impl<R: Read + Seek> Zip<R> {
    /// Checks the whole structure; no entry's content is read but where only decompressing tells its end.
    pub fn open(mut reader: R) -> Result<Self, ZipError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let directory = Directory::find(&mut reader, length)?;
        if directory.entries > MAX_ENTRIES {
            return Err(limit("number of entries", MAX_ENTRIES));
        }
        if directory.bytes > MAX_DIRECTORY_BYTES {
            return Err(limit("central directory", MAX_DIRECTORY_BYTES));
        }
        let bytes = read_at(&mut reader, directory.offset, directory.bytes)?;
        let mut entries = read_directory(&bytes, directory.entries)?;
        entries.sort_by_key(|entry| entry.offset);

        let mut total: u64 = 0;
        let mut end = 0;
        for entry in &mut entries {
            if entry.offset != end {
                return Err(entry.error("does not follow the entry before it"));
            }
            end = check_local(&mut reader, entry, directory.offset)?;
            entry.end = end;
            total = total.saturating_add(entry.size);
        }
        if end != directory.offset {
            return Err(ZipError::Archive("has bytes between its entries and its directory"));
        }
        if total > length.saturating_mul(MAX_RATIO) {
            return Err(ZipError::Archive("states sizes that its bytes cannot hold"));
        }

        let mut index = HashMap::with_capacity(entries.len());
        for (position, entry) in entries.iter().enumerate() {
            if index.insert(entry.name.clone(), position).is_some() {
                return Err(entry.error("stands there twice"));
            }
        }
        Ok(Self {
            reader,
            directory: directory.offset..directory.offset + directory.bytes,
            entries,
            index,
        })
    }

    /// Where the central directory lies.
    pub fn directory_span(&self) -> Range<u64> {
        self.directory.clone()
    }

    /// The reader, to read what [`Entry::span`] and the like point to.
    pub fn reader(&mut self) -> &mut R {
        &mut self.reader
    }

    /// All entries, in the order of their bytes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads one file, checking its size and its CRC. More than `max_bytes` is an error.
    pub fn read(&mut self, name: &str, max_bytes: u64) -> Result<Vec<u8>, ZipError> {
        let position = *self.index.get(name).ok_or_else(|| ZipError::Missing(name.to_owned()))?;
        let entry = &self.entries[position];
        if entry.size > max_bytes {
            return Err(limit(&format!("entry `{}`", entry.name.escape_debug()), max_bytes));
        }
        let mut content = Vec::new();
        self.copy(position, &mut content)?;
        Ok(content)
    }

    /// Writes one file out, by its position among the entries, checking its size and its CRC at the end.
    pub fn copy(&mut self, position: usize, out: &mut dyn io::Write) -> Result<(), ZipError> {
        let entry = &self.entries[position];
        if entry.is_folder() {
            return Err(entry.error("is a folder"));
        }
        decompress(&mut self.reader, entry, out)
    }
}

fn limit(what: &str, limit: u64) -> ZipError {
    ZipError::Limit {
        what: what.to_owned(),
        limit,
    }
}

/// Where the central directory lies.
struct Directory {
    offset: u64,
    bytes: u64,
    entries: u64,
}

impl Directory {
    /// Reads the end record, and the zip64 records where their locator stands before it (APPNOTE §4.3.14 to §4.3.16).
    fn find<R: Read + Seek>(reader: &mut R, length: u64) -> Result<Self, ZipError> {
        if length < END_BYTES {
            return Err(ZipError::Archive("is too short to be one"));
        }
        let end_at = length - END_BYTES;
        let end = read_at(reader, end_at, END_BYTES)?;
        if u32_at(&end, 0) != END || u16_at(&end, 20) != 0 {
            return Err(ZipError::Archive("does not close with an end record without comment"));
        }
        if u16_at(&end, 4) != 0 || u16_at(&end, 6) != 0 || u16_at(&end, 8) != u16_at(&end, 10) {
            return Err(ZipError::Archive("is spread over several disks"));
        }
        let short = Self {
            offset: u64::from(u32_at(&end, 16)),
            bytes: u64::from(u32_at(&end, 12)),
            entries: u64::from(u16_at(&end, 10)),
        };

        let directory_end;
        let this;
        if let Some(long) = Self::find_long(reader, end_at)? {
            let same = |short: u64, long: u64, marker: u64| short == long || short == marker;
            if !same(short.offset, long.offset, u32::MAX.into())
                || !same(short.bytes, long.bytes, u32::MAX.into())
                || !same(short.entries, long.entries, u16::MAX.into())
            {
                return Err(ZipError::Archive("has two end records that disagree"));
            }
            directory_end = end_at - LOCATOR_64_BYTES - END_64_BYTES;
            this = long;
        } else {
            if short.offset == u64::from(u32::MAX)
                || short.bytes == u64::from(u32::MAX)
                || short.entries == u64::from(u16::MAX)
            {
                return Err(ZipError::Archive(
                    "lacks the zip64 record that its end record points to",
                ));
            }
            directory_end = end_at;
            this = short;
        }
        if this.offset.checked_add(this.bytes) != Some(directory_end) {
            return Err(ZipError::Archive("has a directory that does not reach its end record"));
        }
        Ok(this)
    }

    fn find_long<R: Read + Seek>(reader: &mut R, end_at: u64) -> Result<Option<Self>, ZipError> {
        let Some(locator_at) = end_at.checked_sub(LOCATOR_64_BYTES) else {
            return Ok(None);
        };
        let locator = read_at(reader, locator_at, LOCATOR_64_BYTES)?;
        if u32_at(&locator, 0) != LOCATOR_64 {
            return Ok(None);
        }
        // Python's zipfile believes a locator wherever it finds one, so one that is not real is refused, not ignored.
        let record_at = locator_at.checked_sub(END_64_BYTES);
        if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) != 1 || Some(u64_at(&locator, 8)) != record_at {
            return Err(ZipError::Archive(
                "has a zip64 locator that does not point to the record before it",
            ));
        }
        let record = read_at(reader, u64_at(&locator, 8), END_64_BYTES)?;
        if u32_at(&record, 0) != END_64 || u64_at(&record, 4) != END_64_BYTES - 12 {
            return Err(ZipError::Archive("has a zip64 end record that is not plain"));
        }
        if u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 || u64_at(&record, 24) != u64_at(&record, 32) {
            return Err(ZipError::Archive("is spread over several disks"));
        }
        Ok(Some(Self {
            offset: u64_at(&record, 48),
            bytes: u64_at(&record, 40),
            entries: u64_at(&record, 32),
        }))
    }
}

fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, length: u64) -> Result<Vec<u8>, ZipError> {
    reader.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    reader.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(ZipError::Archive("ends early"));
    }
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
