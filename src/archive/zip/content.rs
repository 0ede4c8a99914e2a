//! What an entry holds: stored or deflated (APPNOTE §4.4.5), of a stated size and CRC.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::{Entry, ZipError};

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// Writes an entry's content out, and checks that data, size and CRC are as stated.
pub(super) fn decompress<R: Read + Seek>(
    reader: &mut R,
    entry: &Entry,
    out: &mut dyn io::Write,
) -> Result<(), ZipError> {
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
