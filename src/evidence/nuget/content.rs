//! The hash of a package as it was before it was signed: without the signature's entry and its record, and with counts and
//! offsets that fit that.

use std::io::{self, Read, Seek, SeekFrom, Write};

use super::{MAX_SIGNATURE_BYTES, SIGNATURE, broken};
use crate::archive::zip::Zip;
use crate::evidence::x509::{Hash, Hashes, Refusal};
use crate::model::{Content, Doubt};

/// APPNOTE §4.3.16, without a comment.
const END_BYTES: u64 = 22;

/// A package's signature, and what the rest of it hashes to.
pub(super) struct Parts {
    pub(super) signature: Vec<u8>,
    pub(super) hashes: Hashes,
}

pub(super) fn read(content: &mut dyn Content) -> Result<Parts, Refusal> {
    let unreadable = |_| Refusal::unsure(Doubt::Incomplete, "the package could not be read");
    let length = content.seek(SeekFrom::End(0)).map_err(unreadable)?;
    let mut zip = Zip::open(content).map_err(|error| broken(&error))?;
    let Some(position) = zip.entries().iter().position(|entry| entry.name() == SIGNATURE) else {
        return Err(Refusal::unsure(Doubt::Incomplete, "the package is not signed"));
    };
    let entry = &zip.entries()[position];
    // "Package Signatures Technical Details", "Signature File": stored, no flags.
    if !entry.is_plainly_stored() {
        return Err(Refusal::malformed("the package's signature is not plainly stored"));
    }
    let (span, record) = (entry.span(), entry.record_span());
    let signature = zip
        .read(SIGNATURE, MAX_SIGNATURE_BYTES)
        .map_err(|error| broken(&error))?;
    let directory = zip.directory_span();
    // Between directory and end record nothing but zip64's records can lie, which signed packages may not have.
    if length != directory.end + END_BYTES {
        return Err(Refusal::unsure(
            Doubt::UnknownFormat,
            "the package uses zip64, which signed packages do not",
        ));
    }
    let mut records: Vec<_> = zip
        .entries()
        .iter()
        .map(|entry| (entry.record_span(), entry.span().start))
        .collect();
    records.sort_by_key(|(record, _)| record.start);

    let mut hashes = Hashes::new(Hash::ALL);
    let reader = zip.reader();
    let entry_bytes = span.end - span.start;
    let result = (|| {
        copy(reader, 0, span.start, &mut hashes)?;
        copy(reader, span.end, directory.start, &mut hashes)?;
        for (own, offset) in &records {
            if *own == record {
                continue;
            }
            let start = directory.start + own.start;
            if *offset < span.start {
                copy(reader, start, directory.start + own.end, &mut hashes)?;
            } else {
                // APPNOTE §4.3.12: the offset is the last fixed field.
                copy(reader, start, start + 42, &mut hashes)?;
                hashes.write_all(&low_u32(offset - entry_bytes)?)?;
                copy(reader, start + 46, directory.start + own.end, &mut hashes)?;
            }
        }
        copy(reader, directory.end, directory.end + 8, &mut hashes)?;
        let count = u16::try_from(records.len() - 1).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        hashes.write_all(&count.to_le_bytes())?;
        hashes.write_all(&count.to_le_bytes())?;
        hashes.write_all(&low_u32(directory.end - directory.start - (record.end - record.start))?)?;
        hashes.write_all(&low_u32(directory.start - entry_bytes)?)?;
        copy(reader, directory.end + 20, length, &mut hashes)
    })();
    result.map_err(unreadable)?;
    Ok(Parts { signature, hashes })
}

fn low_u32(number: u64) -> io::Result<[u8; 4]> {
    u32::try_from(number)
        .map(u32::to_le_bytes)
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

fn copy<R: Read + Seek + ?Sized>(reader: &mut R, from: u64, to: u64, out: &mut Hashes) -> io::Result<()> {
    reader.seek(SeekFrom::Start(from))?;
    let copied = io::copy(&mut reader.take(to - from), out)?;
    if copied == to - from {
        Ok(())
    } else {
        Err(io::Error::from(io::ErrorKind::UnexpectedEof))
    }
}
