//! Several files as one: the container of bundles without a seal of its own, whose parts an index names (`bundle-spec/capsule.md` §1).
//!
//! Threats: those of [`super::container`], with the same defence: every header is computed and compared, and bytes are hashed as they pass. Nothing
//! here is compressed, so that what is read never grows beyond the file.

use std::io::{self, Read, Write};

use super::container::{self, BLOCK, END};
use crate::model::{Digest, Hasher};

/// What is read and written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Why a file of parts is not believed, or cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// It cannot be read or written.
    #[error("cannot be read or written")]
    File(#[from] io::Error),
    /// Its bytes are not those that its index determines.
    #[error("{what} is not as the index determines it")]
    NotExact {
        /// What.
        what: String,
    },
    /// It ends too early.
    #[error("it ends within {what}")]
    Cut {
        /// Within what.
        what: String,
    },
    /// A part is larger than its limit.
    #[error("{what} has {found} bytes, and at most {limit} are read")]
    TooLarge {
        /// Which.
        what: String,
        /// How large it says that it is.
        found: u64,
        /// The limit.
        limit: u64,
    },
}

/// Writes parts, one after the other.
#[derive(Debug)]
pub struct PartsWriter<W> {
    output: W,
}

impl<W: Write> PartsWriter<W> {
    /// Begins.
    pub const fn new(output: W) -> Self {
        Self { output }
    }

    /// Adds a part of exactly this size, and gives the digest of what was written.
    pub fn add(&mut self, name: &str, size: u64, content: &mut dyn Read) -> io::Result<Digest> {
        if name.len() > container::MAX_MEMBER_NAME || size > container::MAX_MEMBER_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, name.to_owned()));
        }
        self.output.write_all(&container::header(name, size))?;
        let mut hasher = Hasher::new();
        let mut both = Both(&mut self.output, &mut hasher);
        let copied = io::copy(&mut content.take(size), &mut both)?;
        let more = content.read(&mut [0; 1])?;
        if copied != size || more > 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{name} changed its size"),
            ));
        }
        self.output
            .write_all(&[0; BLOCK as usize][..container::padding(size) as usize])?;
        Ok(hasher.finish())
    }

    /// Ends the file.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.write_all(&[0; END as usize])?;
        self.output.flush()?;
        Ok(self.output)
    }
}

struct Both<'a, W>(&'a mut W, &'a mut Hasher);

impl<W: Write> Write for Both<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(bytes)?;
        self.1.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Reads parts that an index names.
#[derive(Debug)]
pub struct PartsReader<R> {
    input: R,
}

impl<R: Read> PartsReader<R> {
    /// Begins.
    pub const fn new(input: R) -> Self {
        Self { input }
    }

    /// Reads the part that stands first and that nothing names: the index, of a size that its header says and a limit bounds.
    pub fn first(&mut self, name: &str, max_bytes: u64, sink: &mut dyn Write) -> Result<Digest, PartsError> {
        let untrusted_header = self.block(name)?;
        let size = match container::bounded_size(&untrusted_header, max_bytes) {
            Some(Ok(size)) => size,
            Some(Err(found)) => {
                return Err(PartsError::TooLarge {
                    what: name.to_owned(),
                    found,
                    limit: max_bytes,
                });
            }
            None => return Err(not_exact(name)),
        };
        if untrusted_header != container::header(name, size) {
            return Err(not_exact(name));
        }
        self.content(name, size, sink)
    }

    /// Reads a part, and gives the digest of its bytes.
    pub fn next(&mut self, name: &str, size: u64, sink: &mut dyn Write) -> Result<Digest, PartsError> {
        if name.len() > container::MAX_MEMBER_NAME || size > container::MAX_MEMBER_BYTES {
            return Err(not_exact(name));
        }
        if self.block(name)? != container::header(name, size) {
            return Err(not_exact(name));
        }
        self.content(name, size, sink)
    }

    /// Nothing follows but the end.
    pub fn end(mut self) -> Result<(), PartsError> {
        for _ in 0..END / BLOCK {
            if self.block("the end")? != [0; BLOCK as usize] {
                return Err(not_exact("the end"));
            }
        }
        if self.input.read(&mut [0; 1])? > 0 {
            return Err(not_exact("the end"));
        }
        Ok(())
    }

    fn content(&mut self, name: &str, size: u64, sink: &mut dyn Write) -> Result<Digest, PartsError> {
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut rest = size;
        while rest > 0 {
            let part = usize::try_from(rest).map_or(BUFFER_BYTES, |rest| rest.min(BUFFER_BYTES));
            self.exact(name, &mut buffer[..part])?;
            hasher.update(&buffer[..part]);
            sink.write_all(&buffer[..part])?;
            rest -= part as u64;
        }
        let padding = &mut buffer[..container::padding(size) as usize];
        self.exact(name, padding)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(not_exact(name));
        }
        Ok(hasher.finish())
    }

    fn block(&mut self, what: &str) -> Result<[u8; BLOCK as usize], PartsError> {
        let mut block = [0; BLOCK as usize];
        self.exact(what, &mut block)?;
        Ok(block)
    }

    fn exact(&mut self, what: &str, buffer: &mut [u8]) -> Result<(), PartsError> {
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => PartsError::Cut { what: what.to_owned() },
            _ => error.into(),
        })
    }
}

fn not_exact(what: &str) -> PartsError {
    PartsError::NotExact { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let mut writer = PartsWriter::new(Vec::new());
        writer.add("index", 3, &mut &b"abc"[..]).unwrap();
        let digest = writer.add("two", 600, &mut &[7; 600][..]).unwrap();
        assert_eq!(digest, Digest::of(&[7; 600]));
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Digest, PartsError> {
        let mut reader = PartsReader::new(bytes);
        let mut index = Vec::new();
        reader.first("index", 3, &mut index)?;
        let digest = reader.next("two", 600, &mut io::sink())?;
        reader.end()?;
        Ok(digest)
    }

    #[test]
    fn what_is_written_is_read_and_no_bit_may_differ_outside_the_contents() {
        let bytes = written();
        assert_eq!(read(&bytes).unwrap(), Digest::of(&[7; 600]));
        for place in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[place] ^= 1;
            match read(&wrong) {
                Ok(digest) if (512..515).contains(&place) => assert_eq!(digest, Digest::of(&[7; 600])),
                Ok(digest) => assert_ne!(digest, Digest::of(&[7; 600]), "{place}"),
                Err(_) => {}
            }
        }
        assert!(matches!(read(&bytes[..bytes.len() - 1]), Err(PartsError::Cut { .. })));
        assert!(matches!(
            read(&[&bytes[..], b"x"].concat()),
            Err(PartsError::NotExact { .. })
        ));
    }

    #[test]
    fn a_cut_is_told_of_the_part_in_which_it_is() {
        let mut writer = PartsWriter::new(Vec::new());
        // Whole blocks, and one that is padded.
        writer.add("whole", 1024, &mut &[7; 1024][..]).unwrap();
        writer.add("padded", 5, &mut &[7; 5][..]).unwrap();
        let bytes = writer.finish().unwrap();
        let cut = |length: usize| {
            let mut reader = PartsReader::new(&bytes[..length]);
            let result = reader
                .next("whole", 1024, &mut io::sink())
                .and_then(|_| reader.next("padded", 5, &mut io::sink()))
                .and_then(|_| reader.end());
            match result {
                Err(PartsError::Cut { what }) => what,
                other => panic!("{length}: {other:?}"),
            }
        };
        let (whole, padded) = (512 + 1024, 512 + 512);
        for length in 0..bytes.len() {
            let expected = match length {
                _ if length < whole => "whole",
                _ if length < whole + padded => "padded",
                _ => "the end",
            };
            assert_eq!(cut(length), expected, "{length}");
        }
    }

    #[test]
    fn a_part_has_the_size_that_was_said() {
        for size in [2, 4] {
            let mut writer = PartsWriter::new(Vec::new());
            assert!(writer.add("index", size, &mut &b"abc"[..]).is_err());
        }
        let bytes = written();
        let mut reader = PartsReader::new(&bytes[..]);
        assert!(matches!(
            reader.first("index", 2, &mut io::sink()),
            Err(PartsError::TooLarge { found: 3, .. })
        ));
    }

    #[test]
    fn names_and_sizes_that_no_header_says_are_refused() {
        let long = "n".repeat(container::MAX_MEMBER_NAME + 1);
        for (name, size) in [(long.as_str(), 0), ("two", container::MAX_MEMBER_BYTES + 1)] {
            let error = PartsWriter::new(Vec::new())
                .add(name, size, &mut io::empty())
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
            let read = PartsReader::new(&written()[..]).next(name, size, &mut io::sink());
            assert!(matches!(read, Err(PartsError::NotExact { .. })), "{read:?}");
        }
    }
}
