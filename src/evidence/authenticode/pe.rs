//! A PE file: its hash, and the message in its certificate table.
//!
//! The hash goes over the file as it lies. The format's own description hashes sections in order of their place, which is
//! the same for files without gaps between them; where there are gaps, those would be left out, so they are hashed here.

use std::io::{self, Read, SeekFrom};

use crate::evidence::x509::{Hash, Hashes, Refusal};
use crate::model::{Content, Doubt};

/// Signatures with two chains, timestamps and a nested signature have about 30 KiB; page hashes may add some.
const MAX_TABLE_BYTES: u64 = 16 << 20;

/// PE Format, "COFF File Header": signature and header.
const COFF_BYTES: u64 = 24;

/// PE Format, "Optional Header Data Directories": the certificate table is the fifth.
const CERTIFICATES: u64 = 4;

/// `WIN_CERT_REVISION_2_0` and `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS_7: [u8; 4] = [0, 2, 2, 0];

pub(super) struct Signed {
    pub(super) message: Vec<u8>,
    pub(super) hashes: Hashes,
}

/// Whether there is a table of signatures, whatever is in it.
pub(super) fn has_table(content: &mut dyn Content) -> bool {
    find(content).is_ok()
}

/// Where the checksum, the table's place and the table are.
struct Places {
    checksum: u64,
    place: u64,
    optional_end: u64,
    offset: u64,
    size: u64,
}

fn find(content: &mut dyn Content) -> Result<Places, Refusal> {
    if read_at(content, 0, 2)? != *b"MZ" {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            "it is no program of the PE format",
        ));
    }
    let pe = u32_of(&read_at(content, 0x3c, 4)?);
    let coff = read_at(content, pe, COFF_BYTES)?;
    if !coff.starts_with(b"PE\0\0") {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            "it is no program of the PE format",
        ));
    }
    let optional = pe + COFF_BYTES;
    let optional_bytes = u64::from(u16::from_le_bytes([coff[20], coff[21]]));
    // PE Format, "Optional Header": the number of directories stands at another place in files for 64 bits.
    let count_at = match read_at(content, optional, 2)?.as_slice() {
        [0x0b, 0x01] => 92,
        [0x0b, 0x02] => 108,
        _ => {
            return Err(Refusal::unsure(
                Doubt::UnknownFormat,
                "it is no program of the PE format",
            ));
        }
    };
    let checksum = optional + 64;
    let count = u32_of(&read_at(content, optional + count_at, 4)?);
    let place = count_at + 4 + CERTIFICATES * 8;
    if count <= CERTIFICATES || place + 8 > optional_bytes {
        return Err(unsigned());
    }
    let place = optional + place;
    let table = read_at(content, place, 8)?;
    let (offset, size) = (u32_of(&table[..4]), u32_of(&table[4..]));
    if offset == 0 && size == 0 {
        return Err(unsigned());
    }
    Ok(Places {
        checksum,
        place,
        optional_end: optional + optional_bytes,
        offset,
        size,
    })
}

pub(super) fn read(content: &mut dyn Content) -> Result<Signed, Refusal> {
    let length = content.seek(SeekFrom::End(0)).map_err(unreadable)?;
    let Places {
        checksum,
        place,
        optional_end,
        offset,
        size,
    } = find(content)?;
    if size > MAX_TABLE_BYTES {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            "its certificate table is larger than is judged",
        ));
    }
    if offset + size != length || offset < optional_end || !offset.is_multiple_of(8) {
        return Err(Refusal::malformed("its certificate table does not close the file"));
    }
    let message = read_table(&read_at(content, offset, size)?)?;

    let mut hashes = Hashes::new(Hash::ALL);
    for (from, to) in [(0, checksum), (checksum + 4, place), (place + 8, offset)] {
        hash(content, from, to, &mut hashes)?;
    }
    Ok(Signed { message, hashes })
}

fn hash(content: &mut dyn Content, from: u64, to: u64, hashes: &mut Hashes) -> Result<(), Refusal> {
    content.seek(SeekFrom::Start(from)).map_err(unreadable)?;
    let copied = io::copy(&mut content.take(to - from), hashes).map_err(unreadable)?;
    // The file was long enough when its table was read.
    if copied != to - from {
        return Err(Refusal::malformed("it ends early"));
    }
    Ok(())
}

fn unsigned() -> Refusal {
    Refusal::unsure(Doubt::Incomplete, "the program is not signed")
}

fn unreadable(_: io::Error) -> Refusal {
    Refusal::unsure(Doubt::Incomplete, "the program could not be read")
}

/// PE Format, "The Attribute Certificate Table": one entry, whose message is followed by at most the zeros that align it.
/// Windows reads the first entry only, so whatever follows would be nobody's.
fn read_table(table: &[u8]) -> Result<Vec<u8>, Refusal> {
    let broken = || Refusal::malformed("its certificate table is not one signed message");
    let (head, body) = table.split_at_checked(8).ok_or_else(broken)?;
    let stated = u32_of(&head[..4]);
    if head[4..] != PKCS_7 || stated.next_multiple_of(8) != (table.len() as u64).next_multiple_of(8) {
        return Err(broken());
    }
    let (message, rest) = body
        .split_at_checked(der_length(body).ok_or_else(broken)?)
        .ok_or_else(broken)?;
    if rest.len() >= 8 || rest.iter().any(|byte| *byte != 0) {
        return Err(Refusal::malformed("bytes follow the message in its certificate table"));
    }
    Ok(message.to_vec())
}

/// How long a DER structure says that it is, its head included (X.690 §8.1.3).
fn der_length(bytes: &[u8]) -> Option<usize> {
    let first = usize::from(*bytes.get(1)?);
    if first < 0x80 {
        return Some(2 + first);
    }
    let octets = bytes.get(2..2 + (first & 0x7f)).filter(|octets| octets.len() <= 4)?;
    let length = octets
        .iter()
        .fold(0_usize, |sum, octet| (sum << 8) | usize::from(*octet));
    length.checked_add(2 + octets.len())
}

fn read_at(content: &mut dyn Content, at: u64, length: u64) -> Result<Vec<u8>, Refusal> {
    content.seek(SeekFrom::Start(at)).map_err(unreadable)?;
    let mut bytes = Vec::new();
    content.take(length).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(Refusal::malformed("it ends early"))
    }
}

/// Four bytes; of fewer, zero.
fn u32_of(bytes: &[u8]) -> u64 {
    u64::from(bytes.try_into().map_or(0, u32::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::{Fault, Outcome};

    #[test]
    fn a_length_is_read_in_both_forms_and_no_longer_than_four_bytes() {
        for (bytes, expected) in [
            (&[0x30, 0x7f][..], Some(129)),
            (&[0x30, 0x81, 0x80], Some(131)),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Some(0xffff_ffff + 6)),
            (&[0x30, 0x85, 0, 0, 0, 0, 1], None),
            (&[0x30, 0x82, 1], None),
            (&[0x30], None),
        ] {
            assert_eq!(der_length(bytes), expected, "{bytes:02x?}");
        }
    }

    #[test]
    fn a_file_that_became_shorter_has_no_hash() {
        let hashed = |from, to| {
            let mut hashes = Hashes::new(Hash::ALL);
            hash(&mut Cursor::new([7; 100]), from, to, &mut hashes).map_err(|refusal| refusal.outcome())
        };
        assert_eq!(hashed(10, 100), Ok(()));
        for (from, to) in [(10, 101), (100, 101), (200, 201)] {
            assert_eq!(hashed(from, to), Err(Outcome::Contradicted(Fault::Malformed)), "{from}");
        }
    }

    #[test]
    fn nothing_but_zeros_follows_a_message_in_the_table() {
        const MESSAGE: [u8; 5] = [0x30, 3, 2, 1, 7];
        let told = |stated: u32, rest: &[u8]| {
            let table = [&stated.to_le_bytes()[..], &PKCS_7, &MESSAGE, rest].concat();
            read_table(&table).map_err(|refusal| refusal.outcome())
        };
        let malformed = Err(Outcome::Contradicted(Fault::Malformed));
        for stated in [13, 16] {
            assert_eq!(told(stated, &[0; 3]), Ok(MESSAGE.to_vec()));
            for rest in [[0, 0, 1], [1, 0, 0]] {
                assert_eq!(told(stated, &rest), malformed, "{rest:?}");
            }
        }
        assert_eq!(told(24, &[0; 11]), malformed);
    }
}
