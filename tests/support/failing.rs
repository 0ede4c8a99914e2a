//! Bytes of which one operation fails, as on a disk that cannot be read at one place.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use sealift::model::Content;

/// A piece that is read at once: short, so that there are places within what readers take together.
const PIECE: usize = 1000;

/// Of many operations those at both ends fail one by one, and in between as many as this.
const SAMPLES: usize = 24;

/// Bytes that can be read, but for one operation: reads and seeks are counted together, from zero.
pub(crate) struct Failing<'a> {
    bytes: Cursor<&'a [u8]>,
    fails_at: usize,
    done: usize,
}

impl<'a> Failing<'a> {
    pub(crate) const fn at(fails_at: usize, bytes: &'a [u8]) -> Self {
        Self {
            bytes: Cursor::new(bytes),
            fails_at,
            done: 0,
        }
    }

    /// Tries an action on bytes of which each operation fails in turn, and says how many there are.
    pub(crate) fn each(bytes: &'a [u8], mut action: impl FnMut(&mut Self)) -> usize {
        let mut whole = Self::at(usize::MAX, bytes);
        action(&mut whole);
        for number in 0..whole.done {
            let is_at_an_end = number < SAMPLES || number + SAMPLES >= whole.done;
            if is_at_an_end || number.is_multiple_of(whole.done.div_ceil(SAMPLES)) {
                let mut failing = Self::at(number, bytes);
                action(&mut failing);
                assert!(failing.has_failed(), "{number} of {}", whole.done);
            }
        }
        whole.done
    }

    /// Whether the operation came that fails.
    pub(crate) const fn has_failed(&self) -> bool {
        self.done > self.fails_at
    }

    /// The number of the operation that fails.
    pub(crate) const fn fails_at(&self) -> usize {
        self.fails_at
    }

    fn count(&mut self) -> io::Result<()> {
        let number = self.done;
        self.done += 1;
        if number == self.fails_at {
            return Err(io::Error::other("the disk cannot be read here"));
        }
        Ok(())
    }
}

impl Read for Failing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.count()?;
        let length = buffer.len().min(PIECE);
        self.bytes.read(&mut buffer[..length])
    }
}

impl Seek for Failing<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.count()?;
        self.bytes.seek(position)
    }
}

impl Content for Failing<'_> {}
