//! The catalog on its way in: its bytes are hashed before anything decodes them, then every record is checked, before
//! the first object is read.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::Path;

use super::write_failed;
use crate::bundle::catalog::{Checker, Encoding, Object, Record, RecordError, Totals};
use crate::bundle::container;
use crate::bundle::frame::{self, DecodeError, FrameError};
use crate::bundle::limits::MAX_CATALOG_LINE_BYTES;
use crate::bundle::manifest::Manifest;
use crate::crypto::strict_json;
use crate::ecosystem;
use crate::import::volume::VolumeReader;
use crate::model::{Code, Digest, Hasher, Refusal, Stop, Unable};

/// Reads the catalog's member, hashing it; writes it aside where `keep` says so. The bytes are those of the signed
/// digest when this returns.
pub(super) fn receive(reader: &mut VolumeReader, manifest: &Manifest, keep: Option<&Path>) -> Result<(), Stop> {
    let summary = &manifest.catalog;
    reader.expect(container::CATALOG, summary.size)?;
    let mut file = match keep {
        Some(path) => Some((path, File::create(path).map_err(|error| write_failed(path, error))?)),
        None => None,
    };
    let mut hasher = Hasher::new();
    let mut rest = summary.size;
    let mut buffer = vec![0; 256 << 10];
    while rest > 0 {
        let part = &mut buffer[..rest.min(256 << 10) as usize];
        reader.exact(part)?;
        hasher.update(part);
        if let Some((path, file)) = &mut file {
            file.write_all(part).map_err(|error| write_failed(path, error))?;
        }
        rest -= part.len() as u64;
    }
    reader.padding(summary.size)?;
    let found = hasher.finish();
    if found != summary.digest {
        return Err(Refusal::new(
            Code::DigestMismatch,
            reader.name(),
            "the catalog is not the one that was signed",
        )
        .comparing(summary.digest, found)
        .hint("copy the volume again from the sending side")
        .into());
    }
    Ok(())
}

/// Decodes the catalog and checks every record. The digest of the bytes has been confirmed before.
pub(super) fn check(path: &Path, manifest: &Manifest, holds: &dyn Fn(&Digest) -> bool) -> Result<(), Stop> {
    let proof_kinds = |id: &str| ecosystem::find(id).map(ecosystem::Ecosystem::proof_kinds);
    let delta = manifest.base.is_some();
    let held = |digest: &Digest| delta && holds(digest);
    let mut checker = Checker::new(manifest.segment_size, &proof_kinds, &held);
    let mut tally = VolumeTally::new(manifest);
    let mut line = Vec::new();
    let mut stop = None;
    let stored = BufReader::with_capacity(256 << 10, open(path)?);
    let decoded = frame::decode(stored, manifest.catalog.content_size, |mut bytes| {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            line.extend_from_slice(&bytes[..end]);
            bytes = &bytes[end + 1..];
            let taken =
                check_length(&line).and_then(|()| take_line(&line, &mut checker, &mut tally, manifest.segment_size));
            if let Err(refusal) = taken {
                stop = Some(refusal);
                return Err(std::io::Error::other("refused"));
            }
            line.clear();
        }
        line.extend_from_slice(bytes);
        if let Err(refusal) = check_length(&line) {
            stop = Some(refusal);
            return Err(std::io::Error::other("refused"));
        }
        Ok(())
    });
    if let Some(refusal) = stop {
        return Err(refusal.into());
    }
    decoded.map_err(|error| match error {
        DecodeError::Frame(frame) => frame_refusal("the catalog", &frame),
        DecodeError::Sink(source) | DecodeError::Stored(source) => {
            Unable::new("cannot read the catalog").because(source).into()
        }
    })?;
    if !line.is_empty() {
        return Err(Refusal::new(
            Code::ContainerNotExact,
            "the catalog",
            "its last line does not end in a line feed",
        )
        .into());
    }
    let expected = Totals {
        objects: manifest.catalog.objects,
        object_bytes: manifest.catalog.object_bytes,
        segments: manifest.segments(),
        documents: manifest.catalog.documents,
        artifacts: manifest.catalog.artifacts,
    };
    // As many segments as all volumes hold: so the tally is at their end.
    checker
        .finish(manifest.named_objects(), expected)
        .map_err(|error| record_refusal(&error))?;
    Ok(())
}

fn check_length(line: &[u8]) -> Result<(), Refusal> {
    if line.len() <= MAX_CATALOG_LINE_BYTES {
        return Ok(());
    }
    Err(
        Refusal::new(Code::SizeExceeded, "the catalog", "a line is longer than the limit")
            .comparing(format!("at most {MAX_CATALOG_LINE_BYTES} bytes"), "more"),
    )
}

fn take_line(
    line: &[u8],
    checker: &mut Checker<'_>,
    tally: &mut VolumeTally<'_>,
    segment_size: u64,
) -> Result<(), Refusal> {
    let record: Record = strict_json::read_canonical(line).map_err(|error| {
        Refusal::new(
            Code::JsonNotStrict,
            "the catalog",
            format!("a record does not fit: {error}"),
        )
    })?;
    checker.take(&record).map_err(|error| record_refusal(&error))?;
    if let Record::Object(object) = &record {
        tally.take(object, segment_size)?;
    }
    Ok(())
}

/// Adds up the volumes' bytes, which must be those of the manifest.
struct VolumeTally<'a> {
    manifest: &'a Manifest,
    volume: usize,
    segments: u64,
    bytes: u64,
}

impl<'a> VolumeTally<'a> {
    const fn new(manifest: &'a Manifest) -> Self {
        Self {
            manifest,
            volume: 0,
            segments: 0,
            bytes: 0,
        }
    }

    fn take(&mut self, object: &Object, segment_size: u64) -> Result<(), Refusal> {
        for index in 0..object.segment_count(segment_size) {
            let Some(volume) = self.manifest.volumes.get(self.volume) else {
                return Err(Refusal::new(
                    Code::ContainerNotExact,
                    "the manifest",
                    "its volumes hold fewer segments than the catalog lists",
                ));
            };
            self.segments += 1;
            self.bytes += container::member_bytes(object.segment_bytes(segment_size, index));
            if self.segments == volume.segments {
                if self.bytes != volume.bytes {
                    return Err(self.wrong_bytes(volume.bytes));
                }
                self.volume += 1;
                self.segments = 0;
                self.bytes = 0;
            }
        }
        Ok(())
    }

    fn wrong_bytes(&self, expected: u64) -> Refusal {
        Refusal::new(
            Code::ContainerNotExact,
            format!("volume {} in the manifest", self.volume + 1),
            "its size is not the sum of its segments",
        )
        .comparing(expected, self.bytes)
    }
}

/// Records of a catalog that [`check`] has passed, once more, as a stream.
pub(in crate::import) struct Records {
    lines: BufReader<zstd::stream::read::Decoder<'static, BufReader<File>>>,
    line: Vec<u8>,
}

impl Records {
    /// Begins at the first record.
    pub(in crate::import) fn open(path: &Path) -> Result<Self, Stop> {
        let file = BufReader::with_capacity(256 << 10, open(path)?);
        let decoder = zstd::stream::read::Decoder::with_buffer(file)
            .map_err(unreadable)?
            .single_frame();
        Ok(Self {
            lines: BufReader::with_capacity(256 << 10, decoder),
            line: Vec::new(),
        })
    }

    /// The next record.
    pub(in crate::import) fn next(&mut self) -> Result<Option<Record>, Stop> {
        self.line.clear();
        if self.lines.read_until(b'\n', &mut self.line).map_err(unreadable)? == 0 {
            return Ok(None);
        }
        serde_json::from_slice(&self.line)
            .map(Some)
            .map_err(|error| unreadable(error.into()))
    }

    /// The next object; `None` when the objects are over.
    pub(in crate::import) fn next_object(&mut self) -> Result<Option<Object>, Stop> {
        Ok(match self.next()? {
            Some(Record::Object(object)) => Some(object),
            _ => None,
        })
    }
}

fn open(path: &Path) -> Result<File, Stop> {
    File::open(path).map_err(|error| {
        Unable::new(format!("cannot read {}", path.display()))
            .because(error)
            .into()
    })
}

fn unreadable(error: std::io::Error) -> Stop {
    Unable::new("cannot read the staged catalog again")
        .because(error)
        .into()
}

/// A frame's fault as a refusal.
pub(super) fn frame_refusal(subject: &str, error: &FrameError) -> Stop {
    let code = match error {
        FrameError::TooLarge { .. } | FrameError::Decode(_) | FrameError::Demands(_) => Code::SizeExceeded,
        _ => Code::ContainerNotExact,
    };
    let mut reason = error.to_string();
    if let FrameError::Decode(source) = error {
        reason = format!("{reason}: {source}");
    }
    Refusal::new(code, subject, reason).into()
}

fn record_refusal(error: &RecordError) -> Refusal {
    let code = match error {
        RecordError::NotListed { .. } => Code::ObjectNotListed,
        RecordError::TooMany { .. } => Code::SizeExceeded,
        RecordError::NameLength { .. } => Code::UnsafeName,
        RecordError::Proofs { .. } | RecordError::ObjectShape { .. } => Code::JsonNotStrict,
        RecordError::UnknownEcosystem { .. } => Code::UnknownFormat,
        _ => Code::ContainerNotExact,
    };
    Refusal::new(code, "the catalog", error.to_string())
}

/// Whether an object's stored bytes have to be decoded.
pub(super) fn is_encoded(object: &Object) -> bool {
    object.encoding == Encoding::Zstd
}

/// Reads a whole small file.
pub(super) fn read_all(path: &Path) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .map_err(|error| Unable::new(format!("cannot read {}", path.display())).because(error))?;
    Ok(bytes)
}
