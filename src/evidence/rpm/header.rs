//! The frame of a package: lead, signature header, main header (rpm.org, "RPM V4 Package format").
//!
//! Sizes and counts come from bytes that nobody has vouched for when they are read: each is bounded before anything is allocated,
//! each offset is checked against its store, and no tag is read as anything but the type that it should have.

use std::io::Read as _;

use crate::model::{Content, Doubt, Fault};

use super::super::listed::Said;

/// `RPMRC_LEAD`: the lead's fixed length.
const LEAD_BYTES: usize = 96;

/// The magic of a lead and of a header.
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
const HEADER_MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];

/// rpm's own bound on a header's entries (`HEADER_TAGS_MAX`, lib/header.c).
const MAX_ENTRIES: u32 = 0xffff;

/// The largest store of a header. rpm takes 256 MB; the largest packages of distributions, with 100,000 files, have 20.
const MAX_STORE: u32 = 64 << 20;

/// The largest store of a signature header: rpm reserves 32 KB, and signatures of each file take some MB.
const MAX_SIGNATURE_STORE: u32 = 16 << 20;

/// A header.
pub(super) struct Header {
    /// As it is stored, from its magic to its store's end: what header signatures cover.
    pub(super) bytes: Vec<u8>,
    entries: Vec<Entry>,
    store_at: usize,
}

struct Entry {
    tag: u32,
    kind: u32,
    offset: usize,
    count: u32,
}

/// The types of values (`rpmTagType`).
const INT32: u32 = 4;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRING_ARRAY: u32 = 8;

/// Both headers of a package. The content then stands at the payload's first byte.
pub(super) fn read(content: &mut dyn Content) -> Result<(Header, Header), Said> {
    content.rewind().map_err(|_| unread())?;
    let mut lead = [0; LEAD_BYTES];
    fill(content, &mut lead)?;
    if lead[..4] != LEAD_MAGIC {
        return Err(Said::malformed("it is no package: its lead is another"));
    }
    let signature = header(content, MAX_SIGNATURE_STORE)?;
    // The signature header is padded to eight bytes.
    let padding = (8 - signature.bytes.len() % 8) % 8;
    fill(content, &mut [0; 8][..padding])?;
    let main = header(content, MAX_STORE)?;
    Ok((signature, main))
}

fn header(content: &mut dyn Content, max_store: u32) -> Result<Header, Said> {
    let mut front = [0; 16];
    fill(content, &mut front)?;
    if front[..4] != HEADER_MAGIC {
        return Err(Said::malformed("a header of the package does not begin as one"));
    }
    let count = number(&front, 8).unwrap_or(u32::MAX);
    let size = number(&front, 12).unwrap_or(u32::MAX);
    if count == 0 || count > MAX_ENTRIES || size > max_store {
        return Err(Said::Open(
            Doubt::TooLarge,
            format!("a header of the package has {count} entries and {size} bytes, which is not judged"),
        ));
    }
    let store_at = 16 + count as usize * 16;
    let mut bytes = front.to_vec();
    // Grows with what is there: a size that the file does not have allocates nothing.
    let wanted = (store_at + size as usize - 16) as u64;
    let read = content.take(wanted).read_to_end(&mut bytes).map_err(|_| unread())?;
    if read as u64 != wanted {
        return Err(Said::malformed("the package ends within its header"));
    }
    let entries = bytes[16..store_at]
        .chunks_exact(16)
        .map(|entry| {
            let field = |at| number(entry, at).unwrap_or_default();
            Entry {
                tag: field(0),
                kind: field(4),
                offset: field(8) as usize,
                count: field(12),
            }
        })
        .collect();
    Ok(Header {
        bytes,
        entries,
        store_at,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn fill(content: &mut dyn Content, bytes: &mut [u8]) -> Result<(), Said> {
    content.read_exact(bytes).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Said::malformed("the package ends within its front")
        } else {
            unread()
        }
    })
}

fn unread() -> Said {
    Said::Open(Doubt::Incomplete, "the package could not be read".to_owned())
}

impl Header {
    /// A tag's entry; a tag that stands there twice could be read differently by another reader.
    fn entry(&self, tag: u32, kind: u32) -> Result<Option<(&Entry, &[u8])>, Said> {
        let mut found = self.entries.iter().filter(|entry| entry.tag == tag);
        let Some(entry) = found.next() else {
            return Ok(None);
        };
        let store = self.bytes.get(self.store_at..).unwrap_or_default();
        match store.get(entry.offset..) {
            Some(data) if found.next().is_none() && entry.kind == kind => Ok(Some((entry, data))),
            _ => Err(Said::Wrong(
                Fault::Malformed,
                format!("tag {tag} of a header is not as it should be"),
            )),
        }
    }

    /// Bytes.
    pub(super) fn binary(&self, tag: u32) -> Result<Option<&[u8]>, Said> {
        let Some((entry, data)) = self.entry(tag, BINARY)? else {
            return Ok(None);
        };
        data.get(..entry.count as usize).map(Some).ok_or_else(|| short(tag))
    }

    /// A text.
    pub(super) fn text(&self, tag: u32) -> Result<Option<&str>, Said> {
        let Some((_, data)) = self.entry(tag, STRING)? else {
            return Ok(None);
        };
        terminated(data).map(|(text, _)| Some(text)).ok_or_else(|| short(tag))
    }

    /// Several texts.
    pub(super) fn texts(&self, tag: u32) -> Result<Option<Vec<&str>>, Said> {
        let Some((entry, mut data)) = self.entry(tag, STRING_ARRAY)? else {
            return Ok(None);
        };
        let mut texts = Vec::new();
        for _ in 0..entry.count {
            let (text, rest) = terminated(data).ok_or_else(|| short(tag))?;
            texts.push(text);
            data = rest;
        }
        Ok(Some(texts))
    }

    /// A number.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u32>, Said> {
        let Some((entry, data)) = self.entry(tag, INT32)? else {
            return Ok(None);
        };
        match (entry.count, number(data, 0)) {
            (1, Some(number)) => Ok(Some(number)),
            _ => Err(short(tag)),
        }
    }

    /// Whether a tag is there.
    pub(super) fn has(&self, tag: u32) -> bool {
        self.entries.iter().any(|entry| entry.tag == tag)
    }
}

fn terminated(data: &[u8]) -> Option<(&str, &[u8])> {
    let end = data.iter().position(|byte| *byte == 0)?;
    Some((std::str::from_utf8(&data[..end]).ok()?, &data[end + 1..]))
}

fn short(tag: u32) -> Said {
    Said::malformed(format!("tag {tag} of a header lies outside of it"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A tag, its type, its count and its bytes.
    type Tag<'a> = (u32, u32, u32, &'a [u8]);

    fn packed(tags: &[Tag<'_>]) -> Vec<u8> {
        let (mut index, mut store) = (Vec::new(), Vec::new());
        for (tag, kind, count, bytes) in tags {
            for field in [*tag, *kind, u32::try_from(store.len()).unwrap(), *count] {
                index.extend(field.to_be_bytes());
            }
            store.extend_from_slice(bytes);
        }
        let numbers = [tags.len(), store.len()].map(|length| u32::try_from(length).unwrap().to_be_bytes());
        [&HEADER_MAGIC, &[0; 4][..], &numbers.concat(), &index, &store].concat()
    }

    fn of(tags: &[Tag<'_>]) -> Header {
        let bytes = packed(tags);
        header(&mut Cursor::new(bytes), MAX_STORE).unwrap_or_else(|said| panic!("{said:?}"))
    }

    fn package(signature: &[u8], main: &[u8]) -> Vec<u8> {
        let lead = [&LEAD_MAGIC[..], &[0; 92]].concat();
        let padding = vec![0; (8 - signature.len() % 8) % 8];
        [&lead, signature, &padding, main].concat()
    }

    fn is_malformed<T>(result: Result<T, Said>) -> bool {
        matches!(result, Err(Said::Wrong(Fault::Malformed, _)))
    }

    #[test]
    fn both_headers_begin_as_such_and_are_whole() {
        let (signature, main) = (packed(&[(1, BINARY, 3, b"abc")]), packed(&[(2, STRING, 1, b"name\0")]));
        let good = package(&signature, &main);
        let (first, second) = read(&mut Cursor::new(good.clone())).unwrap_or_else(|said| panic!("{said:?}"));
        assert!((first.bytes, second.bytes) == (signature.clone(), main.clone()));
        // The lead, the signature header and the main header each have their magic.
        for at in [0, LEAD_BYTES, good.len() - main.len()] {
            let mut wrong = good.clone();
            wrong[at] ^= 1;
            assert!(is_malformed(read(&mut Cursor::new(wrong))), "{at}");
        }
        for end in 0..good.len() {
            assert!(is_malformed(read(&mut Cursor::new(&good[..end]))), "{end}");
        }
    }

    #[test]
    fn counts_and_sizes_are_bounded_before_anything_is_read() {
        let stated = |count: u32, size: u32, max: u32| {
            let mut bytes = packed(&[(1, BINARY, 3, b"abc")]);
            bytes[8..12].copy_from_slice(&count.to_be_bytes());
            bytes[12..16].copy_from_slice(&size.to_be_bytes());
            header(&mut Cursor::new(bytes), max)
        };
        assert!(stated(1, 3, 3).is_ok());
        for (count, size) in [(0, 3), (MAX_ENTRIES + 1, 3), (1, 4)] {
            assert!(
                matches!(stated(count, size, 3), Err(Said::Open(Doubt::TooLarge, _))),
                "{count} {size}"
            );
        }
        // Within the bounds it is the file that lacks them.
        assert!(is_malformed(stated(MAX_ENTRIES, 3, 3)));
        assert!(is_malformed(stated(1, 4, 4)));
    }

    #[test]
    fn a_tag_is_read_as_nothing_else_than_it_is() {
        let header = of(&[
            (1, BINARY, 3, b"abc"),
            (2, STRING, 1, b"name\0"),
            (3, INT32, 1, &[0, 0, 1, 0]),
            (4, STRING_ARRAY, 2, b"a\0b\0"),
        ]);
        assert!(matches!(header.binary(1), Ok(Some(b"abc"))));
        assert!(matches!(header.text(2), Ok(Some("name"))));
        assert!(matches!(header.number(3), Ok(Some(256))));
        assert!(matches!(
            header.texts(4).as_ref().map(Option::as_deref),
            Ok(Some(["a", "b"]))
        ));
        assert!(matches!(header.binary(9), Ok(None)) && header.has(4) && !header.has(9));
        for tag in 1..=4 {
            let as_others = [
                is_malformed(header.binary(tag)),
                is_malformed(header.text(tag)),
                is_malformed(header.number(tag)),
                is_malformed(header.texts(tag)),
            ];
            assert_eq!(as_others.iter().filter(|refused| **refused).count(), 3, "{tag}");
        }
    }

    #[test]
    fn a_tag_stands_once_and_lies_within_the_store() {
        let twice = of(&[(1, BINARY, 1, b"a"), (1, BINARY, 1, b"b")]);
        assert!(is_malformed(twice.binary(1)));
        assert!(is_malformed(of(&[(1, BINARY, 4, b"abc")]).binary(1)));
        assert!(is_malformed(of(&[(1, STRING, 1, b"open")]).text(1)));
        assert!(is_malformed(of(&[(1, STRING, 1, b"\xff\0")]).text(1)));
        assert!(is_malformed(of(&[(1, STRING_ARRAY, 3, b"a\0b\0")]).texts(1)));
        assert!(is_malformed(of(&[(1, INT32, 1, &[0, 0, 1])]).number(1)));
        for count in [0, 2] {
            assert!(is_malformed(of(&[(1, INT32, count, &[0; 8])]).number(1)), "{count}");
        }
        let mut outside = packed(&[(1, BINARY, 0, b"abc")]);
        outside[24..28].copy_from_slice(&4_u32.to_be_bytes());
        let outside = header(&mut Cursor::new(outside), MAX_STORE).unwrap_or_else(|said| panic!("{said:?}"));
        assert!(is_malformed(outside.binary(1)));
    }
}
