//! An artifact's bytes, and their digests.

use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek};

use super::{Algorithm, Claim, ClaimHasher};

/// A page of memory many times over, and little beside the artifact.
const PIECE: usize = 64 * 1024;

/// An artifact's bytes, verified to be those listed, for reading.
pub trait Content: Read + Seek {
    /// The digest of all bytes, from the first. Reads them all, unless the handle knows it ([`Remembering`]); where it stands afterwards is
    /// not said.
    fn digest(&mut self, algorithm: Algorithm) -> io::Result<Claim> {
        hash_all(self, algorithm)
    }
}

impl Content for std::fs::File {}

impl<R: Read + Seek + ?Sized> Content for BufReader<R> {}

impl<T: AsRef<[u8]>> Content for Cursor<T> {}

impl<C: Content + ?Sized> Content for &mut C {
    fn digest(&mut self, algorithm: Algorithm) -> io::Result<Claim> {
        (**self).digest(algorithm)
    }
}

/// Content whose digests are computed once, however many ask: those of an earlier step are given to it.
#[derive(Debug)]
pub struct Remembering<C> {
    content: C,
    is_read: bool,
    known: Vec<Claim>,
}

impl<C> Remembering<C> {
    /// Content with the digests that are known of exactly these bytes.
    pub const fn new(content: C, known: Vec<Claim>) -> Self {
        Self {
            content,
            is_read: false,
            known,
        }
    }

    /// The handle within.
    pub const fn inner_mut(&mut self) -> &mut C {
        &mut self.content
    }

    /// The digests that are known by now, and whether anything but digests was asked for.
    pub fn into_known(self) -> (Vec<Claim>, bool) {
        (self.known, self.is_read)
    }
}

impl<C: Read> Read for Remembering<C> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.is_read = true;
        self.content.read(buffer)
    }
}

impl<C: Seek> Seek for Remembering<C> {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        self.content.seek(position)
    }
}

impl<C: Read + Seek> Content for Remembering<C> {
    fn digest(&mut self, algorithm: Algorithm) -> io::Result<Claim> {
        if let Some(claim) = self.known.iter().find(|claim| claim.algorithm() == algorithm) {
            return Ok(claim.clone());
        }
        let claim = hash_all(&mut self.content, algorithm)?;
        self.known.push(claim.clone());
        Ok(claim)
    }
}

fn hash_all<C: Read + Seek + ?Sized>(content: &mut C, algorithm: Algorithm) -> io::Result<Claim> {
    content.rewind()?;
    let mut hasher = ClaimHasher::new([algorithm]);
    let mut piece = vec![0; PIECE];
    loop {
        match content.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => hasher.update(&piece[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    hasher.finish().pop().ok_or_else(|| ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts how often it is read from its first byte.
    struct Counted(Cursor<Vec<u8>>, u32);

    impl Read for Counted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 += u32::from(self.0.position() == 0);
            self.0.read(buffer)
        }
    }

    impl Seek for Counted {
        fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
            self.0.seek(position)
        }
    }

    fn claims(bytes: &[u8]) -> Vec<Claim> {
        let mut hasher = ClaimHasher::new([Algorithm::Sha1, Algorithm::Sha384, Algorithm::Sha512]);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn a_digest_is_of_all_bytes_wherever_the_handle_stands() {
        let bytes = vec![7; 200_000];
        let mut content = Cursor::new(bytes.clone());
        content.set_position(100);
        for claim in claims(&bytes) {
            assert_eq!(content.digest(claim.algorithm()).unwrap(), claim);
        }
    }

    #[test]
    fn bytes_are_hashed_once_and_not_at_all_where_the_digest_is_known() {
        let bytes = b"content".to_vec();
        let [sha1, sha384, sha512] = claims(&bytes).try_into().unwrap();
        let mut content = Remembering::new(Counted(Cursor::new(bytes), 0), vec![sha512.clone()]);
        assert_eq!(content.digest(Algorithm::Sha512).unwrap(), sha512);
        assert_eq!(content.content.1, 0);
        for _ in 0..3 {
            assert_eq!(content.digest(Algorithm::Sha384).unwrap(), sha384);
            assert_eq!(
                (&mut content as &mut dyn Content).digest(Algorithm::Sha512).unwrap(),
                sha512
            );
        }
        assert_eq!(content.content.1, 1);
        assert_eq!(content.digest(Algorithm::Sha1).unwrap(), sha1);
    }
}
