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

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

const END_BYTES: u64 = 22;
const END_64_BYTES: u64 = 56;
const LOCATOR_64_BYTES: u64 = 20;
const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_UNICODE_PATH: u16 = 0x7075;
const EXTRA_AES: u16 = 0x9901;

const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
/// Bits 1 and 2 tell how hard the writer compressed, 3 and 11 are handled; all others change the format.
const FLAGS_KNOWN: u16 = (1 << 1) | (1 << 2) | FLAG_DESCRIPTOR | FLAG_UTF8;

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
        Ok(Self { reader, entries, index })
    }

    /// All entries, in the order of their bytes.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Reads one file, checking its size and its CRC. More than `max_bytes` is an error.
    pub fn read(&mut self, name: &str, max_bytes: u64) -> Result<Vec<u8>, ZipError> {
        let position = *self.index.get(name).ok_or_else(|| ZipError::Missing(name.to_owned()))?;
        let entry = &self.entries[position];
        if entry.is_folder() {
            return Err(entry.error("is a folder"));
        }
        if entry.size > max_bytes {
            return Err(limit(&format!("entry `{}`", entry.name.escape_debug()), max_bytes));
        }
        let mut content = Vec::new();
        decompress(&mut self.reader, entry, &mut content)?;
        Ok(content)
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

/// Reads the central directory's records; they fill `bytes` exactly.
fn read_directory(bytes: &[u8], count: u64) -> Result<Vec<Entry>, ZipError> {
    const SHORT: ZipError = ZipError::Archive("has a directory that ends within a record");
    let mut entries = Vec::new();
    let mut rest = bytes;
    for _ in 0..count {
        let (record, after) = rest.split_at_checked(CENTRAL_BYTES).ok_or(SHORT)?;
        if u32_at(record, 0) != CENTRAL {
            return Err(ZipError::Archive("has a directory record without its signature"));
        }
        let (name, after) = after.split_at_checked(u16_at(record, 28).into()).ok_or(SHORT)?;
        let (extra, after) = after.split_at_checked(u16_at(record, 30).into()).ok_or(SHORT)?;
        rest = after;

        let flags = u16_at(record, 8);
        let mut entry = Entry {
            name: String::from_utf8_lossy(name).into_owned(),
            flags,
            method: u16_at(record, 10),
            crc: u32_at(record, 16),
            compressed: u32_at(record, 20).into(),
            size: u32_at(record, 24).into(),
            offset: u32_at(record, 42).into(),
            data_offset: 0,
        };
        if u16_at(record, 32) != 0 {
            return Err(entry.error("has a comment"));
        }
        if u16_at(record, 34) != 0 {
            return Err(entry.error("lies on another disk"));
        }
        if let Some(fault) = name_fault(name, flags) {
            return Err(entry.error(fault));
        }
        if flags & !FLAGS_KNOWN != 0 {
            return Err(entry.error("is encrypted or uses a feature that is not plain zip"));
        }
        if !matches!(entry.method, STORED | DEFLATED) {
            return Err(entry.error("is neither stored nor deflated"));
        }
        let mut long = read_extra(extra).map_err(|fault| entry.error(fault))?;
        for field in [&mut entry.size, &mut entry.compressed, &mut entry.offset] {
            if *field == u64::from(u32::MAX) {
                *field = take_u64(&mut long).ok_or(ZipError::Archive("lacks a zip64 field"))?;
            }
        }
        if long.is_some_and(|left| !left.is_empty()) {
            return Err(entry.error("has zip64 fields beside plain ones"));
        }
        if entry.is_folder() && entry.size != 0 {
            return Err(entry.error("is a folder with content"));
        }
        if entry.method == STORED && (entry.size != entry.compressed || flags & FLAG_DESCRIPTOR != 0) {
            return Err(entry.error("is stored with another size than its own"));
        }
        entries.push(entry);
    }
    if !rest.is_empty() {
        return Err(ZipError::Archive("has more bytes in its directory than records"));
    }
    Ok(entries)
}

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Compares a local header with the directory, sets the entry's `data_offset`, and returns where the entry ends.
fn check_local<R: Read + Seek>(reader: &mut R, entry: &mut Entry, directory: u64) -> Result<u64, ZipError> {
    let before_directory = |end: Option<u64>| end.filter(|end| *end <= directory);
    let overrun = |entry: &Entry| entry.error("runs into the directory");

    before_directory(entry.offset.checked_add(LOCAL_BYTES as u64)).ok_or_else(|| overrun(entry))?;
    let header = read_at(reader, entry.offset, LOCAL_BYTES as u64)?;
    if u32_at(&header, 0) != LOCAL {
        return Err(entry.error("has no local header"));
    }
    let (name_bytes, extra_bytes) = (u64::from(u16_at(&header, 26)), u64::from(u16_at(&header, 28)));
    entry.data_offset = entry.offset + LOCAL_BYTES as u64 + name_bytes + extra_bytes;
    before_directory(Some(entry.data_offset)).ok_or_else(|| overrun(entry))?;
    let tail = read_at(reader, entry.offset + LOCAL_BYTES as u64, name_bytes + extra_bytes)?;
    let (name, extra) = tail.split_at(usize::from(u16_at(&header, 26)));

    if name != entry.name.as_bytes() || u16_at(&header, 6) != entry.flags || u16_at(&header, 8) != entry.method {
        return Err(entry.error("has a local header that differs from the directory"));
    }
    let mut long = read_extra(extra).map_err(|fault| entry.error(fault))?;
    let is_long = long.is_some();
    let crc = u32_at(&header, 14);
    let (mut compressed, mut size) = (u64::from(u32_at(&header, 18)), u64::from(u32_at(&header, 22)));
    let data_end = before_directory(entry.data_offset.checked_add(entry.compressed)).ok_or_else(|| overrun(entry))?;

    if entry.flags & FLAG_DESCRIPTOR == 0 {
        for field in [&mut size, &mut compressed] {
            if *field == u64::from(u32::MAX) {
                *field = take_u64(&mut long).ok_or_else(|| entry.error("lacks a zip64 field"))?;
            }
        }
        // Writers that reserve the zip64 field in a local header state both sizes there (APPNOTE §4.5.3).
        if long.is_some_and(|left| !left.is_empty()) {
            return Err(entry.error("has zip64 fields beside plain ones"));
        }
        if (crc, compressed, size) != (entry.crc, entry.compressed, entry.size) {
            return Err(entry.error("has a local header that differs from the directory"));
        }
        return Ok(data_end);
    }

    // Sizes follow the data (APPNOTE §4.3.9); before it they are unset, or already right.
    let unset = |local: u64, central: u64| local == 0 || local == central || local == u64::from(u32::MAX);
    if !(crc == 0 || crc == entry.crc) || !unset(compressed, entry.compressed) || !unset(size, entry.size) {
        return Err(entry.error("has a local header that differs from the directory"));
    }
    let descriptor_bytes = if is_long { 24 } else { 16 };
    let end = before_directory(data_end.checked_add(descriptor_bytes)).ok_or_else(|| overrun(entry))?;
    let descriptor = read_at(reader, data_end, descriptor_bytes)?;
    let (compressed, size) = if is_long {
        (u64_at(&descriptor, 8), u64_at(&descriptor, 16))
    } else {
        (u32_at(&descriptor, 8).into(), u32_at(&descriptor, 12).into())
    };
    if u32_at(&descriptor, 0) != DESCRIPTOR
        || (u32_at(&descriptor, 4), compressed, size) != (entry.crc, entry.compressed, entry.size)
    {
        return Err(entry.error("has a data descriptor that differs from the directory"));
    }
    decompress(reader, entry, &mut io::sink())?;
    Ok(end)
}

/// Writes an entry's content out, and checks that data, size and CRC are as stated.
fn decompress<R: Read + Seek>(reader: &mut R, entry: &Entry, out: &mut dyn io::Write) -> Result<(), ZipError> {
    reader.seek(SeekFrom::Start(entry.data_offset))?;
    let mut checked = Checked {
        out,
        crc: flate2::Crc::new(),
        bytes: 0,
    };
    // One byte more than stated is enough to see that there is more.
    let most = entry.size.saturating_add(1);
    let data = BufReader::new(reader.take(entry.compressed));
    if entry.method == STORED {
        io::copy(&mut data.take(most), &mut checked)?;
    } else {
        let mut decoder = flate2::bufread::DeflateDecoder::new(data);
        io::copy(&mut decoder.by_ref().take(most), &mut checked).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                entry.error("is not a deflate stream")
            }
            _ => ZipError::Read(error),
        })?;
        if checked.bytes == entry.size && decoder.total_in() != entry.compressed {
            return Err(entry.error("has bytes after its deflate stream"));
        }
    }
    if checked.bytes != entry.size {
        return Err(entry.error("has another size than stated"));
    }
    if checked.crc.sum() != entry.crc {
        return Err(entry.error("does not match its CRC"));
    }
    Ok(())
}

/// Counts and sums what passes.
struct Checked<'a> {
    out: &'a mut dyn io::Write,
    crc: flate2::Crc,
    bytes: u64,
}

impl io::Write for Checked<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Says what is wrong with an entry's name; `None` where every reader understands it alike.
fn name_fault(name: &[u8], flags: u16) -> Option<&'static str> {
    let Ok(text) = std::str::from_utf8(name) else {
        return Some("has a name that is not UTF-8");
    };
    if flags & FLAG_UTF8 == 0 && !text.is_ascii() {
        return Some("has a name outside ASCII that is not marked as UTF-8");
    }
    if text
        .chars()
        .any(|character| character.is_control() || character == '\\')
    {
        return Some("has a backslash or a control character in its name");
    }
    let plain = text.strip_suffix('/').unwrap_or(text);
    if plain.split('/').any(|part| matches!(part, "" | "." | "..")) || plain.as_bytes().get(1) == Some(&b':') {
        return Some("has a name that is not a plain relative path");
    }
    None
}

/// Walks the extra fields (APPNOTE §4.5) and returns the zip64 one's content.
fn read_extra(mut extra: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    let mut long = None;
    while !extra.is_empty() {
        let (head, rest) = extra.split_at_checked(4).ok_or("has a broken extra field")?;
        let (data, rest) = rest
            .split_at_checked(u16_at(head, 2).into())
            .ok_or("has a broken extra field")?;
        match u16_at(head, 0) {
            EXTRA_ZIP64 if long.is_some() => return Err("has two zip64 fields"),
            EXTRA_ZIP64 => long = Some(data),
            EXTRA_UNICODE_PATH => return Err("has a second name in an extra field"),
            EXTRA_AES => return Err("is encrypted or uses a feature that is not plain zip"),
            _ => {}
        }
        extra = rest;
    }
    Ok(long)
}

fn take_u64(long: &mut Option<&[u8]>) -> Option<u64> {
    let (field, rest) = long.as_ref()?.split_at_checked(8)?;
    *long = Some(rest);
    Some(u64_at(field, 0))
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
