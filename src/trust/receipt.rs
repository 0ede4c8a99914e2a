//! Receipts: what an enclave says that it holds, to be carried back to an exporter (`bundle-spec/custody.md` §2).
//!
//! Threats: a receipt that somebody made, edited, cut or lengthened, or that is another enclave's; one that is made to exhaust
//! memory. Defence: the head is sealed by a key of the role import and names the list by count and digest; lines and their
//! number are bounded. An old receipt is not seen to be old here: it names its time and its streams' ends, and an import that
//! misses an object refuses.

use std::io::{self, BufRead, Read as _, Write};

use serde::{Deserialize, Serialize};

use super::{Kind, Revocations, Role, TrustError, TrustedRoot};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::key::{SignError, Signer};
use crate::crypto::strict_json::{self, Critical};
use crate::model::{Code, Digest, Hasher, Refusal, Stop, Timestamp, Unable};

/// Objects that a receipt lists: four times what one bundle may bring, and 512 MiB where a reader holds them.
pub const MAX_HELD_OBJECTS: u64 = 1 << 24;

/// Streams that a receipt names: each is an exporter with its own numbers.
pub const MAX_STREAMS: usize = 1000;

/// What a receipt's format is called.
const FORMAT: u64 = 1;

/// A line of the list: 64 digits and a line feed.
const LINE_BYTES: usize = 65;

/// The head of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// How many artifacts were ever imported.
    pub artifacts: u64,
    /// When it was written, by the enclave's clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// The enclave's id.
    pub enclave: Digest,
    /// The format.
    pub format: u64,
    /// What clients find; `None` where nothing was imported.
    #[serde(deserialize_with = "strict_json::or_null")]
    pub generation: Option<Shown>,
    /// The objects held.
    pub objects: ObjectList,
    /// How far each stream has come, by its name.
    pub streams: Vec<StreamEnd>,
}

/// The generation that clients find.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Its number.
    pub number: u64,
    /// The digest of the repository's root node.
    pub repository: Digest,
}

/// What follows the head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectList {
    /// How many lines follow.
    pub count: u64,
    /// The digest of all of them, line feeds included.
    pub digest: Digest,
}

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamEnd {
    /// The epoch of the last imported bundle.
    pub epoch: u64,
    /// Its manifest.
    pub manifest: Digest,
    /// Its number.
    pub sequence: u64,
    /// The stream.
    pub stream: String,
}

/// A receipt cannot be written, read or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// Bytes cannot be read or written.
    #[error("the receipt cannot be read or written")]
    Io(#[from] io::Error),
    /// The key would not sign.
    #[error("the receipt cannot be signed")]
    Sign(#[from] SignError),
    /// Its head does not count, or does not keep its rules.
    #[error("the receipt does not count")]
    Trust(#[from] TrustError),
    /// The key that signed it is revoked.
    #[error("the key that signed it is revoked: {reason}")]
    KeyRevoked {
        /// Why.
        reason: String,
    },
    /// It is another enclave's.
    #[error("it is another enclave's")]
    WrongEnclave {
        /// The id of the enclave whose root is pinned.
        expected: Digest,
        /// What it says.
        found: Digest,
    },
    /// The list is not the one that was signed.
    #[error("the list of objects is not the one that was signed")]
    ListDiffers {
        /// What the head says.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A line is no digest, or not above the one before.
    #[error("line {number} of the list is not the next digest")]
    Line {
        /// Which, from 1.
        number: u64,
    },
}

impl From<ReceiptError> for Stop {
    fn from(error: ReceiptError) -> Self {
        const SUBJECT: &str = "the receipt";
        let text = error.to_string();
        match error {
            ReceiptError::Io(error) => Unable::new(text).because(error).into(),
            ReceiptError::Sign(error) => Unable::new(text).because(error).into(),
            ReceiptError::Trust(error) => error.refusal(SUBJECT).into(),
            ReceiptError::KeyRevoked { .. } => Refusal::new(Code::KeyRevoked, SUBJECT, text).into(),
            ReceiptError::WrongEnclave { expected, found } => Refusal::new(Code::WrongEnclave, SUBJECT, text)
                .comparing(expected, found)
                .hint("take the receipt of the enclave that the bundle is for")
                .into(),
            ReceiptError::ListDiffers { expected, found } => Refusal::new(Code::DigestMismatch, SUBJECT, text)
                .comparing(expected, found)
                .hint("carry the receipt over again")
                .into(),
            ReceiptError::Line { .. } => Refusal::new(Code::JsonNotStrict, SUBJECT, text).into(),
        }
    }
}

/// What an enclave holds, as it says at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The signed head.
    pub receipt: Receipt,
    /// The persons who signed it.
    pub persons: Vec<String>,
    /// Ascending, each once.
    objects: Vec<Digest>,
}

impl Statement {
    /// Whether the enclave says that it holds an object.
    pub fn holds(&self, digest: &Digest) -> bool {
        self.objects.binary_search(digest).is_ok()
    }

    /// How far a stream has come, if it is in this epoch.
    pub fn stream(&self, name: &str, epoch: u64) -> Option<&StreamEnd> {
        let is_meant = |end: &&StreamEnd| end.stream == name && end.epoch == epoch;
        self.receipt.streams.iter().find(is_meant)
    }

    /// Reads a receipt and its list, and verifies both: by the newest root that knows its signers, since a key that has left later
    /// has signed it all the same. `roots` are in their order.
    pub fn read(
        mut untrusted: impl BufRead,
        roots: &[TrustedRoot],
        revocations: Option<&Revocations>,
    ) -> Result<Self, ReceiptError> {
        let mut line = Vec::new();
        (&mut untrusted)
            .take(MAX_ENVELOPE_BYTES as u64 + 2)
            .read_until(b'\n', &mut line)?;
        let envelope = Envelope::read(line.strip_suffix(b"\n").unwrap_or(&line)).map_err(TrustError::from)?;
        let mut newest = None;
        let mut judged = None;
        for root in roots.iter().rev() {
            match root.verify(Role::Import, Kind::Receipt, &envelope) {
                Ok(vouched) => {
                    judged = Some((vouched, *root.document().enclave.id.digest()));
                    break;
                }
                Err(error) => newest = newest.or(Some(error)),
            }
        }
        let Some((vouched, enclave)) = judged else {
            let nobody = TrustError::NotEnough {
                kind: Kind::Receipt,
                role: Role::Import,
                threshold: 1,
                persons: Vec::new(),
            };
            return Err(newest.unwrap_or(nobody).into());
        };
        for key in &vouched.keys {
            if let Some(revocation) = revocations.and_then(|document| document.key(&key.to_string())) {
                return Err(ReceiptError::KeyRevoked {
                    reason: revocation.reason.clone(),
                });
            }
        }
        let receipt: Receipt = strict_json::read(&vouched.payload).map_err(TrustError::from)?;
        receipt.check()?;
        if receipt.enclave != enclave {
            return Err(ReceiptError::WrongEnclave {
                expected: enclave,
                found: receipt.enclave,
            });
        }
        let objects = receipt.objects.read(untrusted)?;
        Ok(Self {
            receipt,
            persons: vouched.persons,
            objects,
        })
    }
}

impl Receipt {
    /// Fills in what the head says of the list, seals it, and writes both. `objects` are ascending, each once.
    pub fn write(
        &mut self,
        objects: &[Digest],
        signer: &dyn Signer,
        output: &mut impl Write,
    ) -> Result<(), ReceiptError> {
        self.format = FORMAT;
        self.objects = ObjectList::write(objects.iter().copied(), &mut io::sink())?;
        self.check()?;
        let envelope = super::sign(Kind::Receipt, strict_json::write(self), &[signer])?;
        output.write_all(&envelope.write())?;
        output.write_all(b"\n")?;
        ObjectList::write(objects.iter().copied(), output)?;
        Ok(())
    }

    fn check(&self) -> Result<(), TrustError> {
        let fault = |field, reason| Err(TrustError::Field { field, reason });
        if self.format != FORMAT {
            return fault("format", "is not 1");
        }
        if self.objects.count > MAX_HELD_OBJECTS {
            return fault("objects", "are more than 16777216");
        }
        if self.streams.len() > MAX_STREAMS {
            return fault("streams", "are more than 1000");
        }
        if self.streams.windows(2).any(|pair| pair[0].stream >= pair[1].stream) {
            return fault("streams", "are not in ascending order");
        }
        Ok(())
    }
}

fn list_line(object: &Digest) -> Vec<u8> {
    let mut line = object.hex().into_bytes();
    line.push(b'\n');
    line
}

impl ObjectList {
    /// Writes a list, and gives what a head says of it. `objects` are ascending, each once.
    pub fn write(objects: impl Iterator<Item = Digest>, output: &mut impl Write) -> io::Result<Self> {
        let mut hasher = Hasher::new();
        let mut count = 0;
        for object in objects {
            let line = list_line(&object);
            hasher.update(&line);
            output.write_all(&line)?;
            count += 1;
        }
        Ok(Self {
            count,
            digest: hasher.finish(),
        })
    }

    /// Reads as many lines as there are, and finds that nothing follows.
    pub fn read(&self, mut untrusted: impl BufRead) -> Result<Vec<Digest>, ReceiptError> {
        let mut hasher = Hasher::new();
        let mut objects: Vec<Digest> = Vec::new();
        let mut line = Vec::with_capacity(LINE_BYTES);
        loop {
            line.clear();
            (&mut untrusted).take(LINE_BYTES as u64).read_until(b'\n', &mut line)?;
            if line.is_empty() {
                break;
            }
            let number = objects.len() as u64 + 1;
            if number > self.count {
                return Err(ReceiptError::ListDiffers {
                    expected: format!("{} objects", self.count),
                    found: "more".to_owned(),
                });
            }
            hasher.update(&line);
            let digest = std::str::from_utf8(&line)
                .ok()
                .and_then(|text| text.strip_suffix('\n'))
                .and_then(|digits| format!("sha256:{digits}").parse::<Digest>().ok())
                .filter(|digest| objects.last().is_none_or(|last| last < digest))
                .ok_or(ReceiptError::Line { number })?;
            objects.push(digest);
        }
        let found = hasher.finish();
        if objects.len() as u64 != self.count || found != self.digest {
            return Err(ReceiptError::ListDiffers {
                expected: format!("{} objects, {}", self.count, self.digest),
                found: format!("{} objects, {found}", objects.len()),
            });
        }
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;

    #[test]
    fn what_follows_a_list_is_not_read() {
        let objects = [[1; 32], [2; 32], [3; 32]].map(Digest::from_bytes);
        let mut bytes = Vec::new();
        let list = ObjectList::write(objects.iter().copied(), &mut bytes).unwrap();
        assert_eq!(list.read(&bytes[..]).unwrap(), objects);
        bytes.extend(b"no line of a list");
        assert!(matches!(list.read(&bytes[..]), Err(ReceiptError::ListDiffers { .. })));
    }

    fn receipt(streams: &[&str]) -> Receipt {
        let stream = |stream: &&str| StreamEnd {
            epoch: 1,
            manifest: Digest::of(b"manifest"),
            sequence: 1,
            stream: (*stream).to_owned(),
        };
        Receipt {
            artifacts: 1,
            created: Timestamp::from_seconds(1_800_000_000),
            critical: Critical,
            enclave: Digest::of(b"enclave"),
            format: FORMAT,
            generation: None,
            objects: ObjectList {
                count: 0,
                digest: Digest::of(b""),
            },
            streams: streams.iter().map(stream).collect(),
        }
    }

    #[test]
    fn a_receipt_of_which_a_part_is_not_written_is_not_written() {
        /// Takes everything but one write.
        struct BadSpot {
            at: usize,
            writes: usize,
        }
        impl Write for BadSpot {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.writes += 1;
                match self.writes == self.at {
                    true => Err(io::Error::other("a bad spot")),
                    false => Ok(bytes.len()),
                }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let objects = [[1; 32], [2; 32]].map(Digest::from_bytes);
        let written = |at: usize| {
            let mut output = BadSpot { at, writes: 0 };
            receipt(&["main"]).write(&objects, &FileKey::from_seed(&[7; 32]), &mut output)
        };
        // The envelope, the end of its line, and the lines of two objects.
        for at in 1..=4 {
            assert!(matches!(written(at), Err(ReceiptError::Io(_))), "{at}");
        }
        written(5).unwrap();
    }

    #[test]
    fn how_far_a_stream_has_come_is_told_of_its_own_epoch() {
        let statement = Statement {
            receipt: receipt(&["main", "other"]),
            persons: Vec::new(),
            objects: Vec::new(),
        };
        let end = |name: &str, epoch: u64| statement.stream(name, epoch).map(|end| end.stream.as_str());
        assert_eq!(end("other", 1), Some("other"));
        assert_eq!((end("other", 2), end("third", 1)), (None, None));
    }

    #[test]
    fn a_receipt_that_nobody_would_read_is_not_written() {
        let written = |streams: &[&str]| receipt(streams).write(&[], &FileKey::from_seed(&[7; 32]), &mut Vec::new());
        assert!(written(&["main", "other"]).is_ok());
        for wrong in [["other", "main"], ["main", "main"]] {
            assert!(matches!(written(&wrong), Err(ReceiptError::Trust(_))), "{wrong:?}");
        }
    }

    #[test]
    fn a_receipt_that_cannot_be_read_to_its_end_is_not_a_shorter_one() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the medium is broken"))
            }
        }
        let empty = ObjectList::write(std::iter::empty(), &mut io::sink()).unwrap();
        assert!(empty.read(io::empty()).unwrap().is_empty());
        let broken = || io::BufReader::new(Broken);
        assert!(matches!(empty.read(broken()), Err(ReceiptError::Io(_))));
        assert!(matches!(Statement::read(broken(), &[], None), Err(ReceiptError::Io(_))));
    }
}
