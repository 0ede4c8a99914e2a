//! A reader for compressed tar archives (`.tgz`, `.crate`, `control.tar.xz`) that looks for one member.
//!
//! Threats, each with its defence:
//! - A bomb: entries, member size, inflated bytes and ratio are bounded ([`Limits`]); nothing is allocated by a size
//!   that a header states.
//! - Two readers that see different files: whatever widespread readers (node-tar, tar-rs, GNU tar) are known to treat
//!   differently is refused, not interpreted: sizes on links and folders, global names or sizes, a long name given
//!   twice, entries behind an end mark, sparse and unknown entries, a header whose checksum fails.
//! - A second member of the same name that an installer would write over the first: [`find_only_in_tgz`] reads on and
//!   refuses it.
//! - Links: only plain files are returned; a link of a wanted name is refused.
//!
//! Left to others: nothing is ever written to a path of the archive, so path tricks do no harm here; a caller that
//! compares names gets them as they stand.
//!
//! Source: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header"; GNU tar manual, "Basic Tar Format".

use std::io::Read;

use super::ArchiveError;
use super::inflate::{Compression, Inflated};

/// How much of an archive is read at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Headers of any kind.
    pub entries: u64,
    /// Bytes of the member that is returned.
    pub member_bytes: u64,
    /// Bytes after inflation, of the whole archive as far as it is read.
    pub inflated_bytes: u64,
    /// Inflated bytes for each compressed one, once more than [`Limits::RATIO_FREE_BYTES`] were inflated.
    pub ratio: u64,
}

impl Limits {
    /// Small archives may compress as well as they like: 64 MiB inflate within a tenth of a second.
    pub const RATIO_FREE_BYTES: u64 = 64 << 20;
}

impl Default for Limits {
    /// Bounds for a source package. The largest of npm and Cargo hold about 100,000 files and 1 GiB of them, and
    /// text compresses up to about fifty times; a manifest of a megabyte is unheard of.
    fn default() -> Self {
        Self {
            entries: 500_000,
            member_bytes: 4 << 20,
            inflated_bytes: 8 << 30,
            ratio: 200,
        }
    }
}

/// A tar block (ustar Interchange Format).
const BLOCK: usize = 512;

/// Extended headers hold a few names; PATH_MAX is 4096, and 256 KiB leaves room for signatures and labels.
const MAX_EXTENSION_BYTES: u64 = 256 << 10;

/// Finds the first member whose name is wanted, and stops there: what follows is not looked at.
///
/// Returns its name as it stands in the archive and its bytes; `None` if no member is wanted. Names that are not UTF-8
/// are never wanted.
///
/// # Errors
/// [`ArchiveError`], also where the wanted member is not a plain file.
pub fn find_in_tgz(
    reader: &mut dyn Read,
    wanted: &mut dyn FnMut(&str) -> bool,
    limits: &Limits,
) -> Result<Option<(String, Vec<u8>)>, ArchiveError> {
    Walk::new(Compression::Gzip, reader, limits)?.next_match(wanted)
}

/// As [`find_in_tgz`], but reads the whole archive, and refuses a second member whose name is wanted: an installer
/// would write it over the first.
///
/// # Errors
/// [`ArchiveError`], with [`ArchiveError::SecondMatch`] for a second member.
pub fn find_only_in_tgz(
    reader: &mut dyn Read,
    wanted: &mut dyn FnMut(&str) -> bool,
    limits: &Limits,
) -> Result<Option<(String, Vec<u8>)>, ArchiveError> {
    find_only_in_tar(Compression::Gzip, reader, wanted, limits)
}

/// As [`find_only_in_tgz`], for any compression.
///
/// # Errors
/// [`ArchiveError`], with [`ArchiveError::SecondMatch`] for a second member.
pub fn find_only_in_tar(
    compression: Compression,
    reader: &mut dyn Read,
    wanted: &mut dyn FnMut(&str) -> bool,
    limits: &Limits,
) -> Result<Option<(String, Vec<u8>)>, ArchiveError> {
    let mut walk = Walk::new(compression, reader, limits)?;
    let Some(found) = walk.next_match(wanted)? else {
        return Ok(None);
    };
    match walk.next_match(wanted)? {
        None => Ok(Some(found)),
        Some((name, _)) => Err(ArchiveError::SecondMatch { first: found.0, name }),
    }
}

/// A walk over the entries of one archive.
struct Walk<'a> {
    inflated: Inflated<'a>,
    limits: Limits,
    entries: u64,
}

/// What an entry is, as far as this reader tells kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    /// A folder, link or device: named, never with content.
    Bare,
}

/// What pax and GNU headers say about the entry that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    size: Option<u64>,
    pax: bool,
    gnu_name: bool,
    gnu_link: bool,
}

impl<'a> Walk<'a> {
    fn new(compression: Compression, reader: &'a mut dyn Read, limits: &Limits) -> Result<Self, ArchiveError> {
        Ok(Self {
            inflated: Inflated::new(compression, reader, limits)?,
            limits: *limits,
            entries: 0,
        })
    }

    fn next_match(&mut self, wanted: &mut dyn FnMut(&str) -> bool) -> Result<Option<(String, Vec<u8>)>, ArchiveError> {
        let mut extension = Extension::default();
        let mut block = [0; BLOCK];
        loop {
            match self.inflated.fill(&mut block)? {
                0 => {
                    extension.must_be_empty()?;
                    return Ok(None);
                }
                BLOCK => {}
                _ => return malformed("it ends within a header"),
            }
            if block == [0; BLOCK] {
                extension.must_be_empty()?;
                self.end()?;
                return Ok(None);
            }
            self.entries += 1;
            if self.entries > self.limits.entries {
                return over("entries", self.limits.entries);
            }
            let header = Header(&block);
            header.check()?;
            let stated = header.size()?;
            match block[156] {
                b'x' => {
                    if extension.pax || extension.gnu_name || extension.gnu_link {
                        return ambiguous("an entry has two extended headers");
                    }
                    extension.pax = true;
                    let content = self.extension_content(stated)?;
                    for record in pax_records(&content) {
                        let (key, value) = record?;
                        match key {
                            b"path" if value.is_empty() => return ambiguous("an extended header takes a name away"),
                            b"path" => extension.name = Some(value.to_vec()),
                            b"size" => extension.size = Some(decimal(value)?),
                            _ if key.starts_with(b"GNU.sparse") => return ambiguous("it holds a sparse file"),
                            _ => {}
                        }
                    }
                }
                b'g' => {
                    extension.must_be_empty()?;
                    let content = self.extension_content(stated)?;
                    for record in pax_records(&content) {
                        if matches!(record?.0, b"path" | b"linkpath" | b"size") {
                            return ambiguous("a global header sets names or sizes");
                        }
                    }
                }
                b'L' => {
                    if extension.pax || extension.gnu_name {
                        return ambiguous("an entry has two long names");
                    }
                    extension.gnu_name = true;
                    extension.name = Some(until_nul(&self.extension_content(stated)?).to_vec());
                }
                b'K' => {
                    if extension.pax || extension.gnu_link {
                        return ambiguous("an entry has two long links");
                    }
                    extension.gnu_link = true;
                    self.extension_content(stated)?;
                }
                flag => {
                    let extension = std::mem::take(&mut extension);
                    let size = extension.size.unwrap_or(stated);
                    let name = match extension.name {
                        Some(name) if name.contains(&0) => return ambiguous("a name holds a NUL"),
                        Some(name) => name,
                        None => header.name()?,
                    };
                    let kind = kind(flag, &name)?;
                    if kind == Kind::Bare && size != 0 {
                        return ambiguous("a folder or link has content");
                    }
                    let name = std::str::from_utf8(&name).ok().filter(|name| wanted(name));
                    match name {
                        Some(name) if kind == Kind::File => {
                            if size > self.limits.member_bytes {
                                return over("bytes in one member", self.limits.member_bytes);
                            }
                            let content = self.content(size)?;
                            return Ok(Some((name.to_owned(), content)));
                        }
                        Some(name) => return Err(ArchiveError::NotAFile { name: name.to_owned() }),
                        None => self.skip(size)?,
                    }
                }
            }
        }
    }

    fn extension_content(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        if size > MAX_EXTENSION_BYTES {
            return over("bytes in an extended header", MAX_EXTENSION_BYTES);
        }
        self.content(size)
    }

    /// Reads an entry's content with its padding. The caller has bounded the size; memory grows with what is there.
    fn content(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut content = Vec::new();
        let mut rest = size;
        let mut block = [0; BLOCK];
        while rest > 0 {
            if self.inflated.fill(&mut block)? != BLOCK {
                return malformed("it ends within a member");
            }
            let taken = usize::try_from(rest).map_or(BLOCK, |rest| rest.min(BLOCK));
            content.extend_from_slice(&block[..taken]);
            rest -= taken as u64;
        }
        Ok(content)
    }

    fn skip(&mut self, size: u64) -> Result<(), ArchiveError> {
        let Some(mut rest) = size.checked_next_multiple_of(BLOCK as u64) else {
            return over("inflated bytes", self.limits.inflated_bytes);
        };
        let mut buffer = [0; 32 * BLOCK];
        while rest > 0 {
            let step = usize::try_from(rest).map_or(buffer.len(), |rest| rest.min(buffer.len()));
            if self.inflated.fill(&mut buffer[..step])? != step {
                return malformed("it ends within a member");
            }
            rest -= step as u64;
        }
        Ok(())
    }

    /// Reads from the first zero block of an end mark to the end of the file: readers differ in whether they go on
    /// after one zero block, after two, or not at all, so only zeros may follow.
    fn end(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; 32 * BLOCK];
        loop {
            let read = self.inflated.fill(&mut buffer)?;
            if buffer[..read].iter().any(|byte| *byte != 0) {
                return ambiguous("something follows the end mark");
            }
            if read < buffer.len() {
                return Ok(());
            }
        }
    }
}

impl Extension {
    fn must_be_empty(&self) -> Result<(), ArchiveError> {
        if self.pax || self.gnu_name || self.gnu_link {
            return malformed("an extended header belongs to no entry");
        }
        Ok(())
    }
}

/// Tells kinds apart by the type flag and, as old archives demand, by a name that ends in a slash.
fn kind(flag: u8, name: &[u8]) -> Result<Kind, ArchiveError> {
    match flag {
        b'0' | 0 if name.ends_with(b"/") => Ok(Kind::Bare),
        b'0' | 0 => Ok(Kind::File),
        b'1'..=b'6' => Ok(Kind::Bare),
        _ => ambiguous("it holds an entry of an unusual kind"),
    }
}

/// A header block of the ustar, GNU or old format.
struct Header<'a>(&'a [u8; BLOCK]);

impl Header<'_> {
    /// Compares the checksum: the sum of all bytes, with the checksum's own field read as spaces.
    fn check(&self) -> Result<(), ArchiveError> {
        let sum: u64 = self
            .0
            .iter()
            .enumerate()
            .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        match octal(&self.0[148..156])? {
            stated if stated == sum => Ok(()),
            _ => malformed("a header's checksum is wrong"),
        }
    }

    /// The size field: octal, or binary with the top bit set (GNU).
    fn size(&self) -> Result<u64, ArchiveError> {
        let field = &self.0[124..136];
        if field[0] & 0x80 == 0 {
            return octal(field);
        }
        if field[0] != 0x80 || field[1..4] != [0; 3] {
            return malformed("a size is negative or beyond all bounds");
        }
        Ok(field[4..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// The name, joined with the prefix where the format is ustar; GNU's own format keeps times there.
    fn name(&self) -> Result<Vec<u8>, ArchiveError> {
        let name = until_nul(&self.0[..100]);
        let prefix = until_nul(&self.0[345..500]);
        match &self.0[257..265] {
            b"ustar\x0000" if !prefix.is_empty() => Ok([prefix, b"/", name].concat()),
            [b'u', b's', b't', b'a', b'r', 0, ..] if !prefix.is_empty() => {
                ambiguous("a header has a prefix and an unknown version")
            }
            _ => Ok(name.to_vec()),
        }
    }
}

/// Reads an octal number: spaces before it, spaces or NULs after it.
fn octal(field: &[u8]) -> Result<u64, ArchiveError> {
    let text = field.trim_ascii_start();
    let end = text
        .iter()
        .position(|byte| matches!(byte, 0 | b' '))
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if rest.iter().any(|byte| !matches!(byte, 0 | b' ')) || digits.iter().any(|byte| !(b'0'..=b'7').contains(byte)) {
        return malformed("a header's number is not octal");
    }
    // At most twelve digits of three bits each.
    Ok(digits.iter().fold(0, |sum, digit| sum << 3 | u64::from(digit - b'0')))
}

fn decimal(text: &[u8]) -> Result<u64, ArchiveError> {
    std::str::from_utf8(text)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or(ArchiveError::Malformed {
            reason: "an extended header's size is not a number",
        })
}

/// Splits `<length> <key>=<value>\n` records (pax Extended Header).
fn pax_records(mut rest: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), ArchiveError>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let record = pax_record(rest);
        rest = match &record {
            Some((_, _, after)) => after,
            None => &[],
        };
        Some(
            record
                .map(|(key, value, _)| (key, value))
                .ok_or(ArchiveError::Malformed {
                    reason: "an extended header's record is broken",
                }),
        )
    })
}

fn pax_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..space]).ok()?).ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
}

fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or(field)
}

fn malformed<T>(reason: &'static str) -> Result<T, ArchiveError> {
    Err(ArchiveError::Malformed { reason })
}

fn ambiguous<T>(reason: &'static str) -> Result<T, ArchiveError> {
    Err(ArchiveError::Ambiguous { reason })
}

fn over<T>(what: &'static str, limit: u64) -> Result<T, ArchiveError> {
    Err(ArchiveError::OverLimit { what, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_digits_alone() {
        assert_eq!(decimal(b"12").unwrap(), 12);
        for wrong in [&b"+1"[..], b"-1", b" 1", b"", b"99999999999999999999", b"\xff"] {
            assert!(decimal(wrong).is_err(), "{wrong:?}");
        }
    }
}
