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

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::model::Outcome;

    enum Form {
        Plain,
        /// With the signature before the other file.
        Turned,
        Zip64,
    }

    /// A package with two stored files, of which the second is the signature.
    fn package(form: &Form) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        let mut files = [("a", &b"content"[..]), (SIGNATURE, b"signature")];
        if matches!(form, Form::Turned) {
            files.reverse();
        }
        for (name, content) in files {
            let (offset, length) = (bytes.len(), u32::try_from(content.len()).unwrap());
            // APPNOTE §4.3.7 and §4.3.12 share these fields.
            let mut shared = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
            let mut crc = flate2::Crc::new();
            crc.update(content);
            shared.extend(crc.sum().to_le_bytes());
            shared.extend([length.to_le_bytes(), length.to_le_bytes()].concat());
            shared.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            shared.extend([0, 0]);
            bytes.extend([b"PK\x03\x04", &shared[..], name.as_bytes(), content].concat());
            directory.extend([b"PK\x01\x02\x14\0", &shared[..], &[0; 10]].concat());
            directory.extend(u32::try_from(offset).unwrap().to_le_bytes());
            directory.extend_from_slice(name.as_bytes());
        }
        let (offset, length) = (bytes.len() as u64, directory.len() as u64);
        bytes.extend(directory);
        if matches!(form, Form::Zip64) {
            let record = bytes.len() as u64;
            bytes.extend([&b"PK\x06\x06"[..], &44_u64.to_le_bytes(), &[45, 0, 45, 0], &[0; 8]].concat());
            bytes.extend([2, 2, length, offset].map(u64::to_le_bytes).concat());
            bytes.extend([&b"PK\x06\x07"[..], &[0; 4], &record.to_le_bytes(), &[1, 0, 0, 0]].concat());
        }
        bytes.extend(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
        bytes.extend(
            [length, offset]
                .map(|number| u32::try_from(number).unwrap().to_le_bytes())
                .concat(),
        );
        bytes.extend([0, 0]);
        bytes
    }

    fn told(bytes: Vec<u8>) -> Result<Vec<u8>, Outcome> {
        let read = read(&mut Cursor::new(bytes));
        read.map(|parts| parts.signature).map_err(|refusal| refusal.outcome())
    }

    #[test]
    fn a_signed_package_is_a_plain_zip() {
        assert_eq!(told(package(&Form::Plain)).unwrap(), b"signature");
        let long = package(&Form::Zip64);
        assert!(Zip::open(Cursor::new(long.clone())).is_ok());
        assert_eq!(told(long), Err(Outcome::Undecided(Doubt::UnknownFormat)));
        // The signature's entry has no flags.
        let mut flagged = package(&Form::Plain);
        let local = flagged
            .windows(SIGNATURE.len())
            .position(|name| name == SIGNATURE.as_bytes())
            .unwrap()
            - 30;
        let record = flagged.len() - 22 - 46 - SIGNATURE.len();
        flagged[local + 7] = 8;
        flagged[record + 9] = 8;
        assert!(Zip::open(Cursor::new(flagged.clone())).is_ok());
        assert!(matches!(told(flagged), Err(Outcome::Contradicted(_))));
    }

    /// Bytes of which one read, by its number, gives nothing, as if they ended there.
    struct Torn {
        bytes: Cursor<Vec<u8>>,
        torn: usize,
        reads: usize,
    }

    impl Read for Torn {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            if self.reads == self.torn {
                return Ok(0);
            }
            self.bytes.read(buffer)
        }
    }

    impl Seek for Torn {
        fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
            self.bytes.seek(position)
        }
    }

    impl Content for Torn {}

    #[test]
    fn a_package_that_is_not_read_to_its_end_has_no_hash() {
        for form in [Form::Plain, Form::Turned] {
            let torn = |torn| {
                let bytes = Cursor::new(package(&form));
                let mut content = Torn { bytes, torn, reads: 0 };
                (read(&mut content).is_ok(), content.reads)
            };
            let (is_read, reads) = torn(0);
            assert!(is_read);
            for number in 1..=reads {
                assert!(!torn(number).0, "read {number} of {reads}");
            }
        }
    }
}
