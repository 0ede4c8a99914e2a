//! One volume, read from its first byte to its last, once and in order: what each step expects is compared with what comes.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;

use super::open::{UntrustedVolume, begin};
use crate::bundle::container::{self, BLOCK};
use crate::model::{Code, Refusal, Stop, Unable};

/// Reads one volume from its first byte to its last, once and in order.
pub(super) struct VolumeReader {
    name: String,
    stream: Box<dyn Read + Send>,
    position: u64,
    pending: Option<Box<[u8; 512]>>,
    /// The byte that was read behind a volume's end.
    ahead: Option<u8>,
    /// The file behind the stream, and what it looked like when it was opened.
    file: Option<(File, Seen)>,
}

/// What follows a volume's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nothing.
    Nothing,
    /// More bytes of a stream, of which one has been read.
    More,
}

/// What a medium's file looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl VolumeReader {
    /// A volume in a file, which is watched for changes.
    pub(super) fn of_file(name: String, file: File) -> io::Result<Self> {
        let seen = Seen::of(&file)?;
        let watched = file.try_clone()?;
        Ok(Self::new(name, Box::new(file), Some((watched, seen))))
    }

    /// A volume on a stream, behind which others may come.
    pub(super) fn of_stream(name: String, stream: Box<dyn Read + Send>) -> Self {
        Self::new(name, stream, None)
    }

    fn new(name: String, stream: Box<dyn Read + Send>, file: Option<(File, Seen)>) -> Self {
        Self {
            name,
            stream,
            position: 0,
            pending: None,
            ahead: None,
            file,
        }
    }

    /// The volume's file name, or `-`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The next header's block.
    pub(super) fn header(&mut self) -> Result<[u8; 512], Stop> {
        if let Some(block) = self.pending.take() {
            return Ok(*block);
        }
        let mut block = [0; BLOCK as usize];
        self.exact(&mut block)?;
        Ok(block)
    }

    /// Gives a header back, to be read again by the next call of [`VolumeReader::header`].
    pub(super) fn keep(&mut self, block: [u8; 512]) {
        self.pending = Some(Box::new(block));
    }

    /// Reads a member's data of a bounded size into memory, and its padding, which must be zero.
    pub(super) fn data(&mut self, size: u64) -> Result<Vec<u8>, Stop> {
        let mut bytes =
            vec![0; usize::try_from(size).map_err(|_| Unable::new("a member does not fit this machine's memory"))?];
        self.exact(&mut bytes)?;
        self.padding(size)?;
        Ok(bytes)
    }

    /// Reads the padding after a member's data.
    pub(super) fn padding(&mut self, size: u64) -> Result<(), Stop> {
        let mut block = [0; BLOCK as usize];
        let rest = &mut block[..container::padding(size) as usize];
        self.exact(rest)?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(self.not_exact("the padding after a member is not zero").into());
        }
        Ok(())
    }

    /// Compares the next header with the one that is due.
    pub(super) fn expect(&mut self, name: &str, size: u64) -> Result<(), Stop> {
        let found = self.header()?;
        if found != container::header(name, size) {
            return Err(self
                .not_exact("a header is not the one that the signed documents determine")
                .comparing(format!("member `{name}` of {size} bytes"), describe(&found))
                .into());
        }
        Ok(())
    }

    /// Reads the end: two zero blocks, and nothing after them; only a stream may go on with another volume.
    pub(super) fn end(&mut self) -> Result<Behind, Stop> {
        let mut end = [0; container::END as usize];
        self.exact(&mut end)?;
        if end.iter().any(|byte| *byte != 0) {
            return Err(self.not_exact("the end is not two zero blocks").into());
        }
        let mut more = [0];
        match (self.read(&mut more)?, &self.file) {
            (0, _) => self.unchanged().map(|()| Behind::Nothing),
            (_, None) => {
                self.ahead = Some(more[0]);
                self.position -= 1;
                Ok(Behind::More)
            }
            (_, Some(_)) => Err(self.not_exact("bytes follow the end").into()),
        }
    }

    /// Begins the volume that follows on a stream.
    pub(super) fn next_volume(self) -> Result<UntrustedVolume, Stop> {
        let nothing_of_ours = self.not_exact("bytes follow the end that do not begin another volume");
        begin(self).map_err(|stop| match stop {
            Stop::Refused(_) => nothing_of_ours.into(),
            unable @ Stop::Unable(_) => unable,
        })
    }

    /// Fails if the volume's file looks otherwise than when it was opened. What was verified are the bytes that were read,
    /// so this protects nothing; it tells of a medium that somebody writes to.
    fn unchanged(&self) -> Result<(), Stop> {
        let Some((file, before)) = &self.file else {
            return Ok(());
        };
        let after = Seen::of(file).map_err(|error| Unable::new(format!("cannot read {}", self.name)).because(error))?;
        if after == *before {
            return Ok(());
        }
        Err(Refusal::new(
            Code::MediumChanged,
            self.name.clone(),
            "the file was changed while it was read",
        )
        .comparing(
            format!("{} bytes", before.bytes),
            format!("{} bytes, written to since", after.bytes),
        )
        .hint("use a medium that nobody writes to, such as one with its write protection on")
        .into())
    }

    /// Fills a buffer; a volume that ends before is refused.
    pub(super) fn exact(&mut self, mut buffer: &mut [u8]) -> Result<(), Stop> {
        while !buffer.is_empty() {
            let count = self.read(buffer)?;
            if count == 0 {
                return Err(
                    Refusal::new(Code::ObjectMissing, self.name.clone(), "the volume ends too early")
                        .comparing(
                            format!("at least {} bytes more", buffer.len()),
                            format!("the end at byte {}", self.position),
                        )
                        .hint("the copy is cut off: copy the volume again from the sending side")
                        .into(),
                );
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Stop> {
        if !buffer.is_empty()
            && let Some(byte) = self.ahead.take()
        {
            buffer[0] = byte;
            self.position += 1;
            return Ok(1);
        }
        loop {
            match self.stream.read(buffer) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(
                        Unable::new(format!("cannot read {} at byte {}", self.name, self.position))
                            .because(error)
                            .hint("the medium may be damaged: clean it, use another reader, or copy the volume again")
                            .into(),
                    );
                }
            }
        }
    }

    /// A refusal about this volume's bytes.
    pub(super) fn not_exact(&self, reason: &str) -> Refusal {
        Refusal::new(
            Code::ContainerNotExact,
            format!("{} at byte {}", self.name, self.position),
            reason,
        )
        .hint("copy the volume again; if it is refused again, keep the medium and tell your security officer")
    }
}

/// What a header that is not the expected one seems to say, for people.
pub(super) fn describe(header: &[u8; 512]) -> String {
    let name: Vec<u8> = header[..100].iter().copied().take_while(|byte| *byte != 0).collect();
    match (
        header.iter().all(|byte| *byte == 0),
        container::bounded_size(header, u64::MAX),
    ) {
        (true, _) => "the end of the archive".to_owned(),
        (false, Some(Ok(size))) if header[156] == b'0' => {
            format!("member `{}` of {size} bytes", String::from_utf8_lossy(&name))
        }
        _ => format!("a header named `{}` of another kind", String::from_utf8_lossy(&name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_nobody_expected_is_described() {
        let header = container::header("a/b", 3);
        assert_eq!(describe(&header), "member `a/b` of 3 bytes");
        assert_eq!(describe(&[0; 512]), "the end of the archive");
        let mut link = header;
        link[156] = b'2';
        assert_eq!(describe(&link), "a header named `a/b` of another kind");
    }

    /// Bytes before which a signal came, or a medium that fails.
    struct After(Option<io::ErrorKind>, &'static [u8]);

    impl Read for After {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.take() {
                Some(kind) => Err(kind.into()),
                None => self.1.read(buffer),
            }
        }
    }

    #[test]
    fn a_read_that_a_signal_ended_is_made_again_and_no_other() {
        let read = |kind| {
            let mut volume = VolumeReader::of_stream("-".to_owned(), Box::new(After(Some(kind), b"abc")));
            let mut buffer = [0; 3];
            volume.exact(&mut buffer).map(|()| buffer)
        };
        assert_eq!(read(io::ErrorKind::Interrupted).unwrap(), *b"abc");
        assert!(matches!(read(io::ErrorKind::TimedOut), Err(Stop::Unable(_))));
    }
}
