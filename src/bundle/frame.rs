//! zstd frames: exactly one, of a bounded window, whose content has exactly the size that was signed.
//!
//! Threats: bombs, window bombs, hidden data in skippable or further frames, dictionaries (facts B8). Defence: the
//! frame's own bytes are authenticated before the decoder sees them; output stops at the signed size; the window is
//! limited; the frame has to end where the stored bytes end.

use std::io::{self, BufRead, Read};

use zstd::stream::raw::{self, Operation as _};

use super::limits::MAX_ZSTD_WINDOW_LOG;

/// The level for documents and other compressible objects: zstd's default, the best ratio for its speed.
pub const LEVEL: i32 = 3;

/// RFC 8878 §3.1.1.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A frame is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The bytes do not begin as an ordinary zstd frame.
    #[error("the stored bytes are not one zstd frame")]
    NotAFrame,
    /// The content is larger than signed.
    #[error("the frame expands to more than its signed size of {size} bytes")]
    TooLarge {
        /// The signed size.
        size: u64,
    },
    /// The content is smaller than signed.
    #[error("the frame holds {found} bytes and not {size}")]
    TooSmall {
        /// The signed size.
        size: u64,
        /// What came.
        found: u64,
    },
    /// The frame asks for more memory than the limit, or for a dictionary.
    #[error("the zstd frame asks for {0}")]
    Demands(&'static str),
    /// Bytes follow the frame.
    #[error("bytes follow the zstd frame")]
    Trailing,
    /// The decoder refuses the frame: damaged, a dictionary, too large a window.
    #[error("the zstd frame cannot be decoded")]
    Decode(#[source] io::Error),
}

/// Bytes decoded at a time: one block of zstd (RFC 8878 §3.1.1.2.3).
const DECODE_BYTES: usize = 128 << 10;

/// Decodes one frame as [`Decoder::decode`] does.
pub fn decode(stored: impl BufRead, size: u64, sink: impl FnMut(&[u8]) -> io::Result<()>) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new().map_err(FrameError::Decode)?;
    decoder.decode(stored, size, sink)
}

/// Decodes many frames one after the other. Its tables are made once, which costs more than a small content does.
pub struct Decoder {
    raw: raw::Decoder<'static>,
    buffer: Vec<u8>,
}

impl Decoder {
    /// Makes the tables.
    pub fn new() -> io::Result<Self> {
        let mut raw = raw::Decoder::new()?;
        raw.set_parameter(raw::DParameter::WindowLogMax(MAX_ZSTD_WINDOW_LOG))?;
        let buffer = vec![0; DECODE_BYTES];
        Ok(Self { raw, buffer })
    }

    /// Decodes one frame as a stream and gives the content's bytes to `sink`; returns when the frame has ended properly. What was
    /// decoded before leaves no trace.
    pub fn decode(
        &mut self,
        mut stored: impl BufRead,
        size: u64,
        mut sink: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), DecodeError> {
        let start = stored.fill_buf().map_err(DecodeError::Stored)?;
        if !start.starts_with(&MAGIC) {
            return Err(FrameError::NotAFrame.into());
        }
        check_header(&start[MAGIC.len()..])?;
        self.raw.reinit().map_err(FrameError::Decode)?;
        let mut found = 0_u64;
        loop {
            let input = stored.fill_buf().map_err(DecodeError::Stored)?;
            let is_cut = input.is_empty();
            let status = self
                .raw
                .run_on_buffers(input, &mut self.buffer)
                .map_err(FrameError::Decode)?;
            stored.consume(status.bytes_read);
            found += status.bytes_written as u64;
            if found > size {
                return Err(FrameError::TooLarge { size }.into());
            }
            sink(&self.buffer[..status.bytes_written]).map_err(DecodeError::Sink)?;
            if status.remaining == 0 {
                break;
            }
            if is_cut && status.bytes_written == 0 {
                return Err(FrameError::Decode(io::ErrorKind::UnexpectedEof.into()).into());
            }
        }
        if found < size {
            return Err(FrameError::TooSmall { size, found }.into());
        }
        if !stored.fill_buf().map_err(DecodeError::Stored)?.is_empty() {
            return Err(FrameError::Trailing.into());
        }
        Ok(())
    }
}

/// Checks what a frame's header asks for (RFC 8878 §3.1.1.1); the library looks at the window only where it needs one.
fn check_header(after_magic: &[u8]) -> Result<(), FrameError> {
    const MAX_WINDOW_BYTES: u64 = 1 << MAX_ZSTD_WINDOW_LOG;
    // A reader's first piece is the whole frame or at least some KiB of it.
    let cut = || FrameError::Decode(io::ErrorKind::UnexpectedEof.into());
    let descriptor = *after_magic.first().ok_or_else(cut)?;
    let is_single_segment = descriptor & 0x20 != 0;
    if descriptor & 0x03 != 0 {
        return Err(FrameError::Demands("a dictionary"));
    }
    let window = if is_single_segment {
        // The content is the window, and its size stands in 1, 2, 4 or 8 bytes.
        let length = [1, 2, 4, 8][usize::from(descriptor >> 6)];
        let field = after_magic.get(1..=length).ok_or_else(cut)?;
        let size = field
            .iter()
            .rev()
            .fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
        if length == 2 { size + 256 } else { size }
    } else {
        let window = *after_magic.get(1).ok_or_else(cut)?;
        let base = 1_u64 << (10 + (window >> 3));
        base + base / 8 * u64::from(window & 7)
    };
    if window > MAX_WINDOW_BYTES {
        return Err(FrameError::Demands("a window of more than 8 MiB"));
    }
    Ok(())
}

/// Why decoding stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The frame is wrong.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The content could not be written.
    #[error("cannot write the frame's content")]
    Sink(#[source] io::Error),
    /// The stored bytes could not be read.
    #[error("cannot read the zstd frame")]
    Stored(#[source] io::Error),
}

/// Encodes bytes as one frame without checksum: its digest is signed. Deterministic for one version of libzstd.
pub fn encode(content: &[u8]) -> io::Result<Vec<u8>> {
    Encoder::new()?.encode(content)
}

/// Encodes many contents, each as [`encode`] does. Its tables are made once, which costs more than a small content does.
pub struct Encoder(zstd::bulk::Compressor<'static>);

impl Encoder {
    /// Makes the tables.
    pub fn new() -> io::Result<Self> {
        zstd::bulk::Compressor::new(LEVEL).map(Self)
    }

    /// Encodes bytes as one frame; what was encoded before leaves no trace in it.
    pub fn encode(&mut self, content: &[u8]) -> io::Result<Vec<u8>> {
        self.0.compress(content)
    }
}

/// Encodes a stream of exactly `size` bytes as one frame, with the same parameters as [`encode`].
pub fn encode_stream(mut content: impl Read, size: u64, stored: impl io::Write) -> io::Result<()> {
    let mut encoder = zstd::stream::Encoder::new(stored, LEVEL)?;
    encoder.set_pledged_src_size(Some(size))?;
    encoder.include_contentsize(true)?;
    io::copy(&mut content, &mut encoder)?;
    encoder.finish()?.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes, and then fails instead of saying that it is at its end.
    struct NoEnd<'a>(&'a [u8]);

    impl Read for NoEnd<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("no end")),
                count => Ok(count),
            }
        }
    }

    #[test]
    fn content_that_cannot_be_read_to_its_end_is_not_encoded() {
        let encoded = encode_stream(NoEnd(b"content"), 7, io::sink());
        assert_eq!(encoded.unwrap_err().to_string(), "no end");
    }

    /// It is the disk that fails then, and not the frame.
    #[test]
    fn a_frame_that_cannot_be_read_is_not_called_wrong() {
        let frame = encode(&b"content ".repeat(1000)).unwrap();
        for length in [0, 10, frame.len()] {
            let decoded = decode(io::BufReader::new(NoEnd(&frame[..length])), 8000, |_| Ok(()));
            assert!(matches!(decoded, Err(DecodeError::Stored(_))), "{length}: {decoded:?}");
        }
    }

    fn decode_all(stored: &[u8], size: u64) -> Result<Vec<u8>, String> {
        let mut content = Vec::new();
        decode(stored, size, |bytes| {
            content.extend_from_slice(bytes);
            Ok(())
        })
        .map(|()| content)
        .map_err(|error| error.to_string())
    }

    #[test]
    fn one_frame_of_the_signed_size() {
        let content = b"content ".repeat(1000);
        let frame = encode(&content).unwrap();
        assert_eq!(decode_all(&frame, 8000).unwrap(), content);
        assert!(decode_all(&frame, 7999).unwrap_err().contains("more than"));
        assert!(decode_all(&frame, 8001).unwrap_err().contains("8000"));
        assert!(decode_all(&frame[..frame.len() - 1], 8000).is_err());
        assert!(
            decode_all(&[&frame[..], b"x"].concat(), 8000)
                .unwrap_err()
                .contains("follow")
        );
        assert!(
            decode_all(&[&frame[..], &frame[..]].concat(), 8000)
                .unwrap_err()
                .contains("follow")
        );
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, b'x'];
        assert!(
            decode_all(&[&skippable[..], &frame[..]].concat(), 8000)
                .unwrap_err()
                .contains("not one zstd frame")
        );
        assert!(
            decode_all(&[&frame[..], &skippable[..]].concat(), 8000)
                .unwrap_err()
                .contains("follow")
        );
        assert!(decode_all(b"", 0).is_err());
    }

    /// By this reader: the library would be asked some times more before it gives up.
    #[test]
    fn a_frame_that_is_cut_is_said_to_be() {
        let frame = encode(&b"content ".repeat(1000)).unwrap();
        for length in 7..frame.len() {
            match decode(&frame[..length], 8000, |_| Ok(())) {
                Err(DecodeError::Frame(FrameError::Decode(error))) => {
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{length}: {error}");
                }
                other => panic!("{length}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_was_encoded_before_leaves_no_trace() {
        let contents = [
            b"some content ".repeat(500),
            b"x".to_vec(),
            b"some content ".repeat(90_000),
            b"other".repeat(9),
        ];
        let mut encoder = Encoder::new().unwrap();
        let mut decoder = Decoder::new().unwrap();
        let mut decode = |frame: &[u8], size: usize| {
            let mut decoded = Vec::new();
            let result = decoder.decode(frame, size as u64, |bytes| {
                decoded.extend_from_slice(bytes);
                Ok(())
            });
            result.map(|()| decoded)
        };
        for content in contents.iter().chain(contents.iter().rev()) {
            let frame = encoder.encode(content).unwrap();
            assert_eq!(frame, encode(content).unwrap());
            assert!(decode(&frame[..frame.len() - 1], content.len()).is_err());
            assert_eq!(decode(&frame, content.len()).unwrap(), *content);
        }
    }

    #[test]
    fn a_stream_is_encoded_with_the_size_that_was_said() {
        let content = b"content ".repeat(1000);
        let mut frame = Vec::new();
        encode_stream(&content[..], 8000, &mut frame).unwrap();
        assert_eq!(decode_all(&frame, 8000).unwrap(), content);
        // The frame says its content's size, as those of `encode` do: two bytes of it (RFC 8878 §3.1.1.1).
        assert_eq!(frame[4] & 0xe0, encode(&content).unwrap()[4] & 0xe0);
        for size in [7999, 8001] {
            assert!(encode_stream(&content[..], size, Vec::new()).is_err(), "{size}");
        }
    }

    #[test]
    fn a_large_window_is_refused() {
        let content = vec![7_u8; 1 << 20];
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(24).unwrap();
        encoder.include_contentsize(false).unwrap();
        std::io::Write::write_all(&mut encoder, &content).unwrap();
        let frame = encoder.finish().unwrap();
        assert!(decode_all(&frame, 1 << 20).unwrap_err().contains("window"));
        // Where the content is small the library needs no window, and would let this pass.
        let mut frame = encode(&content[..1000]).unwrap();
        assert_eq!(frame[4] & 0xe0, 0x60, "one segment, size in two bytes");
        let rest = frame.split_off(7);
        frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 14 << 3][..], &rest].concat();
        assert!(decode_all(&frame, 1000).unwrap_err().contains("window"));
        frame[5] = 13 << 3;
        assert_eq!(decode_all(&frame, 1000).unwrap(), &content[..1000]);
        frame[4] = 0x01;
        assert!(decode_all(&frame, 1000).unwrap_err().contains("dictionary"));
    }
}
