//! The records of each entry: its line in the central directory, its local header and its data descriptor.

use std::io::{self, Read, Seek};

use super::content::{DEFLATED, STORED, decompress};
use super::{Entry, ZipError, read_at, u16_at, u32_at, u64_at};

const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

const CENTRAL_BYTES: usize = 46;
const LOCAL_BYTES: usize = 30;

const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_UNICODE_PATH: u16 = 0x7075;
const EXTRA_AES: u16 = 0x9901;

const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;
/// Bits 1 and 2 tell how hard the writer compressed, 3 and 11 are handled; all others change the format.
const FLAGS_KNOWN: u16 = (1 << 1) | (1 << 2) | FLAG_DESCRIPTOR | FLAG_UTF8;

/// Reads the central directory's records; they fill `bytes` exactly.
pub(super) fn read_directory(bytes: &[u8], count: u64) -> Result<Vec<Entry>, ZipError> {
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
        let record_end = bytes.len() - after.len();
        let record_start = bytes.len() - rest.len();
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
            end: 0,
            record: record_start as u64..record_end as u64,
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

/// Compares a local header with the directory, sets the entry's `data_offset`, and returns where the entry ends.
pub(super) fn check_local<R: Read + Seek>(reader: &mut R, entry: &mut Entry, directory: u64) -> Result<u64, ZipError> {
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
        // A local zip64 field states both sizes (APPNOTE §4.5.3); some writers reserve it without need, and repeat them.
        if is_long {
            for field in [&mut size, &mut compressed] {
                let stated = take_u64(&mut long).ok_or_else(|| entry.error("has a broken extra field"))?;
                if *field != u64::from(u32::MAX) && *field != stated {
                    return Err(entry.error("has two sizes that disagree"));
                }
                *field = stated;
            }
            if long.is_some_and(|left| !left.is_empty()) {
                return Err(entry.error("has a broken extra field"));
            }
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
