//! The hashes that signatures need of one message, in one pass over it.

use sequoia_openpgp::crypto::hash::Context as HashContext;
use sequoia_openpgp::types::HashAlgorithm;

use super::error::Error;
use super::sequoia::{Mode, Signature};
use crate::model::Content;

/// The hashes of one message, each as some of its signatures need it.
pub(super) struct Hashes {
    contexts: Vec<(Wanted, HashContext)>,
    /// Whether a carriage return came by: then a text signature does not say which bytes it covers.
    carriage_return: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    algorithm: HashAlgorithm,
    version: u8,
    mode: Mode,
    salt: Option<Vec<u8>>,
}

impl Wanted {
    fn of(signature: &sequoia_openpgp::packet::Signature, mode: Mode) -> Self {
        Self {
            algorithm: signature.hash_algo(),
            version: signature.version(),
            mode,
            salt: match signature {
                sequoia_openpgp::packet::Signature::V6(signature) => Some(signature.salt().to_vec()),
                _ => None,
            },
        }
    }
}

impl Hashes {
    /// Hashes a message once for all these signatures.
    pub(super) fn of<'s>(
        message: &mut dyn Content,
        signatures: impl IntoIterator<Item = (&'s Signature, Mode)>,
    ) -> Result<Self, Error> {
        let mut contexts: Vec<(Wanted, HashContext)> = Vec::new();
        for (signature, mode) in signatures {
            let Some(signature) = &signature.0 else { continue };
            let wanted = Wanted::of(signature, mode);
            if contexts.iter().any(|(known, _)| *known == wanted) {
                continue;
            }
            let Ok(builder) = signature.hash_algo().context() else {
                continue;
            };
            let mut context = builder.for_signature(signature.version());
            if let Some(salt) = &wanted.salt {
                context.update(salt);
            }
            contexts.push((wanted, context));
        }
        let mut this = Self {
            contexts,
            carriage_return: false,
        };
        if !this.contexts.is_empty() {
            message.rewind().map_err(|_| Error::Unread)?;
            this.read(message)?;
        }
        Ok(this)
    }

    fn read(&mut self, message: &mut dyn Content) -> Result<(), Error> {
        let as_text = self.contexts.iter().any(|(wanted, _)| wanted.mode == Mode::Text);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let length = match message.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Error::Unread),
            };
            let bytes = &buffer[..length];
            let mut text = Vec::new();
            if as_text {
                self.carriage_return |= bytes.contains(&b'\r');
                for byte in bytes {
                    if *byte == b'\n' {
                        text.push(b'\r');
                    }
                    text.push(*byte);
                }
            }
            for (wanted, context) in &mut self.contexts {
                context.update(match wanted.mode {
                    Mode::Binary => bytes,
                    Mode::Text => &text,
                });
            }
        }
    }

    /// The hash of the message for a signature, if it was computed.
    pub(super) fn find(&self, signature: &sequoia_openpgp::packet::Signature, mode: Mode) -> Option<&HashContext> {
        let wanted = Wanted::of(signature, mode);
        let (_, context) = self.contexts.iter().find(|(known, _)| *known == wanted)?;
        Some(context)
    }

    /// Whether a text signature would leave open which bytes it covers.
    pub(super) const fn has_carriage_return(&self) -> bool {
        self.carriage_return
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Seek, SeekFrom};

    use super::super::parse;
    use super::*;

    /// A disk that fails after the first bytes.
    struct Broken(bool);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::ErrorKind::Other.into());
            }
            buffer[0] = b'x';
            Ok(1)
        }
    }

    impl Seek for Broken {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }

    impl Content for Broken {}

    #[test]
    fn a_message_that_cannot_be_read_to_its_end_has_no_hash() {
        let signatures = parse::detached(include_bytes!("../../../tests/fixtures/openpgp/dsa.asc")).unwrap();
        let wanted = || signatures.iter().map(|signature| (signature, Mode::Binary));
        assert!(Hashes::of(&mut io::Cursor::new(b"x"), wanted()).is_ok());
        assert_eq!(Hashes::of(&mut Broken(false), wanted()).err(), Some(Error::Unread));
    }
}
