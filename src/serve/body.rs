//! Bodies of answers: bytes at hand, or a part of a file that is read as the client takes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead as _, ReadBuf};

/// Bytes read at a time: few calls, and little memory for many connections.
const CHUNK_BYTES: usize = 128 << 10;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// Bytes at hand, until they are taken.
    Bytes(Option<Bytes>),
    /// So many bytes from where the file stands.
    File { file: tokio::fs::File, left: u64 },
}

impl AnswerBody {
    pub(super) const fn empty() -> Self {
        Self::Bytes(None)
    }

    pub(super) fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Bytes(Some(bytes.into()).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Bytes(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::File { left: 0, .. } => Poll::Ready(None),
            Self::File { file, left } => {
                let wanted = usize::try_from(*left).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
                let mut chunk = vec![0; wanted];
                let mut buffer = ReadBuf::new(&mut chunk);
                match Pin::new(file).poll_read(context, &mut buffer) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(error)) => Poll::Ready(Some(Err(error))),
                    Poll::Ready(Ok(())) => {
                        let count = buffer.filled().len();
                        if count == 0 {
                            // Objects never change, so a file that ends early is a broken disk; the connection breaks off
                            // and no client takes the part for the whole.
                            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
                        }
                        chunk.truncate(count);
                        *left = left.saturating_sub(count as u64);
                        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Bytes(None) | Self::File { left: 0, .. })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Bytes(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::File { left, .. } => *left,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn no_bytes_are_no_body() {
        for (body, is_over) in [
            (AnswerBody::bytes(Vec::new()), true),
            (AnswerBody::empty(), true),
            (AnswerBody::bytes(vec![0]), false),
        ] {
            assert_eq!(body.is_end_stream(), is_over, "{body:?}");
        }
    }

    #[test]
    fn a_file_that_ends_early_breaks_the_answer_off() {
        let mut stored = tempfile::tempfile().unwrap();
        stored.write_all(b"five bytes, of more").unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pieces = |left: u64| {
            let mut stored = stored.try_clone().unwrap();
            std::io::Seek::rewind(&mut stored).unwrap();
            let mut body = AnswerBody::File {
                file: tokio::fs::File::from_std(stored),
                left,
            };
            runtime.block_on(async {
                let mut next = async || std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
                [next().await, next().await].map(|piece| {
                    piece.map(|frame| {
                        frame
                            .map(|frame| frame.into_data().unwrap())
                            .map_err(|error| error.kind())
                    })
                })
            })
        };
        assert_eq!(pieces(4), [Some(Ok(Bytes::from_static(b"five"))), None]);
        let [whole, then] = pieces(20);
        assert_eq!(whole.unwrap().unwrap().len(), 19);
        assert_eq!(then, Some(Err(io::ErrorKind::UnexpectedEof)));
    }
}
