//! What an attempt was judged by, as far as nothing else keeps it: files beside the report, which the report names by their digests
//! (`bundle-spec/capsule.md` §3).
//!
//! A report says what was decided. Whoever wants to decide again needs what the decision rested on: the catalog, what the contents said, and what
//! the enclave remembered then. Proofs, side data, roots and policies lie in the store and the trust folder under their own digests.
#![expect(clippy::disallowed_methods, reason = "the basis lies beside the reports")]

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use super::open::cannot_read;
use super::verify_evidence::JudgedArtifact;
use super::verify_objects::write_failed;
use crate::model::{Claim, Code, Digest, Hasher, Part, Refusal, Stop};

/// The manifest's envelope.
pub const MANIFEST: &str = "manifest.dsse.json";
/// The approvals that counted, an envelope a line.
pub const APPROVALS: &str = "approvals.ndjson";
/// The catalog, as the bundle brought it.
pub const CATALOG: &str = "catalog.ndjson.zst";
/// Custody records that are envelopes, each with its file's name; not there where none came.
pub const CUSTODY: &str = "custody.ndjson";
/// What each artifact's content said, and what its proofs asked of its bytes.
pub const EXAMINED: &str = "examined.ndjson.zst";
/// What the enclave remembered of names.
pub const MEMORY: &str = "memory.ndjson.zst";
/// The objects of what was refused or kept out.
pub const OBJECTS: &str = "objects.tar";
/// What the enclave remembered of the stream.
pub const ORDER: &str = "order.json";
/// The reviews that were there, an envelope a line.
pub const REVIEWS: &str = "reviews.ndjson";
/// What scanners found or did not scan.
pub const SCANS: &str = "scans.ndjson";
/// The newest states of upstreams that had been accepted before.
pub const SEEN: &str = "seen.ndjson";

/// Every part that there can be.
pub const PARTS: &[&str] = &[
    APPROVALS, CATALOG, CUSTODY, EXAMINED, MANIFEST, MEMORY, OBJECTS, ORDER, REVIEWS, SCANS, SEEN,
];

/// What is kept of an artifact's content: enough to decide about it without the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examined {
    /// Whether a proof reads the bytes themselves.
    pub content: bool,
    /// Digests of the bytes that proofs ask for, beside the catalog's.
    pub digests: Vec<Claim>,
    /// The ecosystem's facts.
    pub facts: serde_json::Value,
    /// The size in bytes.
    pub size: u64,
}

impl Examined {
    pub(super) fn of(judged: &JudgedArtifact) -> Self {
        Self {
            content: judged.asked.bytes,
            digests: judged.asked.digests.clone(),
            ..Self::unasked(&judged.examined)
        }
    }

    /// Of an artifact whose proofs were not judged.
    pub(super) fn unasked(examined: &super::verify_objects::Examined) -> Self {
        Self {
            content: false,
            digests: Vec::new(),
            facts: examined.facts.clone(),
            size: examined.size,
        }
    }
}

/// The envelopes of a part, one a line; none where it was not kept. `max_bytes` is what all envelopes that are ever counted come to.
pub(super) fn envelopes(path: &Path, max_bytes: usize) -> Result<Vec<Vec<u8>>, Stop> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let size = fs::metadata(path).map_err(|error| cannot_read(path, error))?.len();
    if size > max_bytes as u64 {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Err(Refusal::new(Code::SizeExceeded, name, "it is larger than all that is ever counted").into());
    }
    let bytes = fs::read(path).map_err(|error| cannot_read(path, error))?;
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(<[u8]>::to_vec).collect())
}

/// Lines are written while everything else waits, and hold what compresses well: the fastest level.
const LEVEL: i32 = 1;

/// The basis of one attempt, part by part.
pub(super) struct Basis {
    folder: PathBuf,
    parts: Vec<Part>,
}

impl Basis {
    /// Begins in a folder of its own. What a run that was killed left there is removed.
    pub(super) fn begin(folder: PathBuf) -> Result<Self, Stop> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(write_failed(&folder, error).into()),
            _ => {}
        }
        fs::create_dir_all(&folder).map_err(|error| write_failed(&folder, error))?;
        Ok(Self {
            folder,
            parts: Vec::new(),
        })
    }

    /// Keeps a file that is small enough to lie in memory.
    pub(super) fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), Stop> {
        let mut file = Counted::begin(&self.folder, name)?;
        file.put(bytes)?;
        self.parts.push(file.finish()?);
        Ok(())
    }

    /// Keeps envelopes, one a line. What is no envelope was not counted, and is left out.
    pub(super) fn put_envelopes(&mut self, name: &str, envelopes: &[Vec<u8>]) -> Result<(), Stop> {
        let mut text = Vec::new();
        for envelope in envelopes {
            if let Ok(envelope) = crate::crypto::dsse::Envelope::read(envelope) {
                text.extend(envelope.write());
                text.push(b'\n');
            }
        }
        self.put(name, &text)
    }

    /// Keeps values, one a line.
    pub(super) fn put_lines<T: Serialize>(&mut self, name: &str, values: impl Iterator<Item = T>) -> Result<(), Stop> {
        let mut file = Counted::begin(&self.folder, name)?;
        for value in values {
            let mut line = crate::crypto::strict_json::write(&value);
            line.push(b'\n');
            file.put(&line)?;
        }
        self.parts.push(file.finish()?);
        Ok(())
    }

    /// Keeps a file that lies elsewhere.
    pub(super) fn copy(&mut self, name: &str, from: &Path) -> Result<(), Stop> {
        let failed = |error| cannot_read(from, error);
        let mut input = BufReader::with_capacity(256 << 10, File::open(from).map_err(failed)?);
        let mut file = Counted::begin(&self.folder, name)?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let count = input.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            file.put(&buffer[..count])?;
        }
        self.parts.push(file.finish()?);
        Ok(())
    }

    /// Keeps what is written.
    pub(super) fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let mut file = Counted::begin(&self.folder, name)?;
        write(&mut file)?;
        self.parts.push(file.finish()?);
        Ok(())
    }

    /// Begins a file of lines, compressed.
    pub(super) fn lines(&self, name: &str) -> Result<Lines, Stop> {
        Lines::begin(Counted::begin(&self.folder, name)?)
    }

    /// Takes a file of lines that is complete.
    pub(super) fn take(&mut self, lines: Lines) -> Result<(), Stop> {
        self.parts.push(lines.finish()?);
        Ok(())
    }

    /// Where it lies.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it has a part.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|part| part.name == name)
    }

    /// Removes it again, as far as that goes.
    pub(super) fn remove(self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// The parts, by their names. They are made durable with the report that names them.
    pub(super) fn parts(&mut self) -> Vec<Part> {
        self.parts.sort_by(|one, other| one.name.cmp(&other.name));
        self.parts.clone()
    }
}

/// A file that is hashed as it is written, and shows whole or not at all.
struct Counted {
    output: BufWriter<NamedTempFile>,
    hasher: Hasher,
    bytes: u64,
    path: PathBuf,
    name: String,
}

impl Counted {
    fn begin(folder: &Path, name: &str) -> Result<Self, Stop> {
        let file = tempfile::Builder::new()
            .prefix(crate::report::ASIDE)
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(|error| write_failed(folder, error))?;
        Ok(Self {
            output: BufWriter::new(file),
            hasher: Hasher::new(),
            bytes: 0,
            path: folder.join(name),
            name: name.to_owned(),
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.write_all(bytes)
            .map_err(|error| write_failed(&self.path, error).into())
    }

    fn finish(self) -> Result<Part, Stop> {
        let failed = |error| Stop::from(write_failed(&self.path, error));
        let file = self.output.into_inner().map_err(|error| failed(error.into_error()))?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(Part {
            bytes: self.bytes,
            digest: self.hasher.finish(),
            name: self.name,
        })
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// A file of lines, compressed as it is written.
pub(super) struct Lines {
    encoder: zstd::stream::write::Encoder<'static, Counted>,
    path: PathBuf,
}

impl Lines {
    fn begin(file: Counted) -> Result<Self, Stop> {
        let path = file.path.clone();
        let encoder =
            zstd::stream::write::Encoder::new(file, LEVEL).map_err(|error| Stop::from(write_failed(&path, error)))?;
        Ok(Self { encoder, path })
    }

    pub(super) fn write(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        let written = serde_json::to_vec(value).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            self.encoder.write_all(&line)
        });
        written.map_err(|error| write_failed(&self.path, error).into())
    }

    fn finish(self) -> Result<Part, Stop> {
        let Self { encoder, path } = self;
        encoder
            .finish()
            .map_err(|error| Stop::from(write_failed(&path, error)))?
            .finish()
    }
}

/// The digest of a part and its size, as they are on the disk; `None` where there is none.
pub fn weigh(path: &Path) -> Result<Option<(u64, Digest)>, Stop> {
    let failed = |error| Stop::from(cannot_read(path, error));
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let mut hasher = Hasher::new();
    let bytes = io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(Some((bytes, hasher.finish())))
}

#[cfg(test)]
impl Counted {
    /// On a disk that is full.
    fn on_full_disk(folder: &Path) -> Self {
        let device = File::options().write(true).open("/dev/full").unwrap();
        let path = tempfile::TempPath::try_from_path(folder.join("aside")).unwrap();
        Self {
            output: BufWriter::new(NamedTempFile::from_parts(device, path)),
            hasher: Hasher::new(),
            bytes: 0,
            path: folder.join("part"),
            name: "part".to_owned(),
        }
    }
}

#[cfg(test)]
impl Lines {
    /// On a disk that is full.
    pub(super) fn on_full_disk(folder: &Path) -> Self {
        Self::begin(Counted::on_full_disk(folder)).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..40_000_u32)
            .flat_map(|number| Digest::of(&number.to_be_bytes()).as_bytes().to_vec())
            .collect();
        let mut part = Counted::on_full_disk(folder.path());
        assert!(part.put(&content).is_err());
        assert_eq!(part.bytes, 0);
        assert!(Lines::on_full_disk(folder.path()).write(&hex::encode(content)).is_err());
    }

    #[test]
    fn envelopes_are_read_up_to_what_is_ever_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(REVIEWS);
        assert_eq!(envelopes(&path, 5).unwrap(), Vec::<Vec<u8>>::new());
        fs::write(&path, "a\n\nb\n").unwrap();
        assert_eq!(envelopes(&path, 5).unwrap(), [b"a", b"b"]);
        let Err(Stop::Refused(refusals)) = envelopes(&path, 4) else {
            panic!("more was read than is ever counted");
        };
        assert_eq!((refusals[0].code, &*refusals[0].subject), (Code::SizeExceeded, REVIEWS));
    }

    #[test]
    fn what_cannot_be_cleared_away_is_no_place_to_begin() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("1.basis");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("half"), b"half").unwrap();
        Basis::begin(place.clone()).unwrap();
        assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
        // The kernel's own files: a folder that is there, and out of which nobody removes anything.
        assert!(matches!(
            Basis::begin(PathBuf::from("/proc/self/fdinfo")),
            Err(Stop::Unable(_))
        ));
    }
}
