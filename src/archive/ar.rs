//! A reader for ar archives as Debian packages are made (deb(5); ar(5), the common format without long names).
//!
//! Threats, each with its defence:
//! - Two readers that see different members: sizes are plain decimal numbers, every byte of a header is accounted for, padding
//!   is a line feed, nothing follows the last member, and no name comes twice.
//! - Long names of the GNU and BSD variants, which dpkg does not read: refused.
//! - Many members: counted against a bound.

use std::io::{Read, SeekFrom};

use super::ArchiveError;
use crate::model::Content;

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// A header is 60 bytes: name, time, owner, group, mode, size, end.
const HEADER: usize = 60;

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where its content begins.
    pub offset: u64,
    /// Its content's bytes.
    pub size: u64,
}

/// Reads all headers; contents are passed over.
///
/// # Errors
/// [`ArchiveError`], also where there are more than `max_members`.
pub fn members(content: &mut dyn Content, max_members: u64) -> Result<Vec<Member>, ArchiveError> {
    let unreadable = |source| ArchiveError::Unreadable { source };
    let end = content.seek(SeekFrom::End(0)).map_err(unreadable)?;
    content.rewind().map_err(unreadable)?;
    let mut magic = [0; MAGIC.len()];
    if !fill(content, &mut magic)? || magic != *MAGIC {
        return malformed("it does not begin as an ar archive");
    }
    let mut members: Vec<Member> = Vec::new();
    let mut offset = MAGIC.len() as u64;
    while offset < end {
        if members.len() as u64 >= max_members {
            return Err(ArchiveError::OverLimit {
                what: "members",
                limit: max_members,
            });
        }
        let mut header = [0; HEADER];
        if !fill(content, &mut header)? {
            return malformed("it ends within a header");
        }
        let (name, size) = read_header(&header)?;
        if members.iter().any(|member| member.name == name) {
            return Err(ArchiveError::SecondMatch {
                first: name.clone(),
                name,
            });
        }
        offset += HEADER as u64;
        // The size has at most ten digits.
        let after = offset + size;
        if after > end {
            return malformed("it ends within a member");
        }
        members.push(Member { name, offset, size });
        content.seek(SeekFrom::Start(after)).map_err(unreadable)?;
        offset = after;
        if size % 2 == 1 {
            let mut padding = [0];
            if !fill(content, &mut padding)? || padding != *b"\n" {
                return malformed("a member's padding is not a line feed");
            }
            offset += 1;
        }
    }
    Ok(members)
}

/// A reader of one member's content.
///
/// # Errors
/// [`ArchiveError`], where the content cannot be sought.
pub fn open<'a>(
    content: &'a mut dyn Content,
    member: &Member,
) -> Result<std::io::Take<&'a mut dyn Content>, ArchiveError> {
    content
        .seek(SeekFrom::Start(member.offset))
        .map_err(|source| ArchiveError::Unreadable { source })?;
    Ok(content.take(member.size))
}

/// Fills a buffer; `false` where the bytes end before.
fn fill(content: &mut dyn Content, buffer: &mut [u8]) -> Result<bool, ArchiveError> {
    match content.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(source) => Err(ArchiveError::Unreadable { source }),
    }
}

/// Name and size of a header.
fn read_header(header: &[u8; HEADER]) -> Result<(String, u64), ArchiveError> {
    if header[58..] != *b"`\n" {
        return malformed("a header does not end as one");
    }
    let name = header[..16].trim_ascii_end();
    // System V ends a name with a slash; a slash alone or first is a table of its own.
    let name = name.strip_suffix(b"/").unwrap_or(name);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if name.is_empty() || !name.iter().all(plain) {
        return malformed("a member's name is not a plain one");
    }
    for field in [&header[16..28], &header[28..34], &header[34..40], &header[40..48]] {
        let field = field.trim_ascii_end();
        if !field.iter().all(u8::is_ascii_digit) {
            return malformed("a header's number is not one");
        }
    }
    let size = header[48..58].trim_ascii_end();
    if size.is_empty() || !size.iter().all(u8::is_ascii_digit) {
        return malformed("a member's size is not a number");
    }
    let size = size.iter().fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Ok((name.iter().map(|byte| char::from(*byte)).collect(), size))
}

fn malformed<T>(reason: &'static str) -> Result<T, ArchiveError> {
    Err(ArchiveError::Malformed { reason })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn header(name: &str, size: &str) -> Vec<u8> {
        format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`\n", 0, 0, 0, 100_644).into_bytes()
    }

    fn archive(parts: &[&[u8]]) -> Vec<u8> {
        [MAGIC.as_slice(), &parts.concat()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Member>, ArchiveError> {
        members(&mut Cursor::new(bytes), 4)
    }

    #[test]
    fn members_are_found_and_read() {
        let bytes = archive(&[&header("debian-binary", "4"), b"2.0\n", &header("a/", "3"), b"xyz\n"]);
        let found = read(&bytes).unwrap();
        assert_eq!(found[0].name, "debian-binary");
        assert_eq!((found[1].name.as_str(), found[1].offset, found[1].size), ("a", 132, 3));
        let mut text = String::new();
        let mut content = Cursor::new(&bytes);
        open(&mut content, &found[1])
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "xyz");
        assert!(read(MAGIC).unwrap().is_empty());
    }

    #[test]
    fn doubtful_archives_are_refused() {
        let good = header("a", "2");
        let mut wrong_end = good.clone();
        wrong_end[59] = b' ';
        let mut owner = good.clone();
        owner[29] = b'x';
        for (what, bytes) in [
            ("empty", Vec::new()),
            ("no magic", b"!<arch>\r".to_vec()),
            ("cut header", archive(&[&good[..59]])),
            ("cut member", archive(&[&good, b"x"])),
            ("cut padding", archive(&[&header("a", "1"), b"x"])),
            ("padding", archive(&[&header("a", "1"), b"x\0"])),
            ("trailing", archive(&[&good, b"xy", b"\n"])),
            ("header's end", archive(&[&wrong_end, b"xy"])),
            ("owner", archive(&[&owner, b"xy"])),
            ("twice", archive(&[&good, b"xy", &good, b"xy"])),
            ("GNU's table", archive(&[&header("//", "2"), b"xy"])),
            ("symbols", archive(&[&header("/", "2"), b"xy"])),
            ("a long name of BSD", archive(&[&header("#1/2", "2"), b"xy"])),
            ("no name", archive(&[&header("", "2"), b"xy"])),
            ("a path", archive(&[&header("../a", "2"), b"xy"])),
            ("no size", archive(&[&header("a", ""), b"xy"])),
            ("negative", archive(&[&header("a", "-2"), b"xy"])),
            ("huge", archive(&[&header("a", "9999999999"), b"xy"])),
            ("hexadecimal", archive(&[&header("a", "0x2"), b"xy"])),
        ] {
            assert!(read(&bytes).is_err(), "{what}");
        }
        let many: Vec<Vec<u8>> = (0..5).map(|number| header(&format!("m{number}"), "0")).collect();
        let many: Vec<&[u8]> = many.iter().map(Vec::as_slice).collect();
        assert!(matches!(
            read(&archive(&many)),
            Err(ArchiveError::OverLimit { limit: 4, .. })
        ));
        assert_eq!(read(&archive(&many[..4])).unwrap().len(), 4);
    }
}
