//! Files on this machine: hashed once, and recognised later by their stamps.

use std::cell::RefCell;
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::bundle::limits::DEFAULT_SEGMENT_BYTES;
use crate::export::source::SegmentHasher;
use crate::model::{Algorithm, Claim, Digest, MultiHasher};

/// Bytes that will be packed, where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceObject {
    /// The bytes' name.
    pub digest: Digest,
    /// Their number.
    pub size: u64,
    /// Where they lie.
    pub path: PathBuf,
    /// How the file looked when it was hashed.
    pub stamp: Stamp,
    /// Whether compressing may make it smaller.
    pub compressible: bool,
}

/// How a file looked when it was hashed; another look when its last byte has been packed tells whether it was changed. It is
/// a help, not a defence: what slips through is refused by whoever reads the bundle, since its digest is wrong. So 64 bits
/// of a digest over size, times and identity are enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamp(u64);

impl Stamp {
    /// The stamp of a file.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        let looks = (metadata.len(), modified, identity(metadata));
        // SipHash with its fixed key: the same in every thread of this run, and kept nowhere.
        let mut hasher = DefaultHasher::new();
        looks.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// Device, inode, and the change time in seconds and nanoseconds.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64, i64, i64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

/// Other platforms tell no identity through the standard library.
#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Option<(u64, u64, i64, i64)> {
    None
}

/// A file's digests.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    pub(super) digest: Digest,
    pub(super) claims: Vec<Claim>,
    pub(super) stamp: Stamp,
    pub(super) size: u64,
    pub(super) path: PathBuf,
    /// The digests of its segments of the usual size, where it has more than one.
    pub(super) segments: Vec<Digest>,
    /// Whether its first bytes are those of a compressed format.
    has_compressed_head: bool,
}

impl Hashed {
    /// Whether compressing may make it smaller, as a file of this name.
    pub(super) fn is_compressible(&self, file_name: &str) -> bool {
        !self.has_compressed_head && !has_compressed_name(file_name)
    }

    /// The object, for a file of this name.
    pub(super) fn object(&self, file_name: &str) -> SourceObject {
        SourceObject {
            digest: self.digest,
            size: self.size,
            path: self.path.clone(),
            stamp: self.stamp,
            compressible: self.is_compressible(file_name),
        }
    }
}

/// Bytes read at a time: few calls, and still within a core's cache when they are hashed.
const READ_BYTES: usize = 256 << 10;

/// Hashes a plain file. Links, pipes and devices are errors, and so is a file that changes meanwhile.
pub(super) fn hash(
    path: &Path,
    algorithms: impl IntoIterator<Item = Algorithm>,
    progress: &dyn Fn(u64),
) -> io::Result<Hashed> {
    // Looked at before it is opened: opening a pipe would hang.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(not_plain());
    }
    hash_open(&File::open(path)?, path, algorithms, progress)
}

fn not_plain() -> io::Error {
    io::Error::other("it is not a plain file")
}

/// Hashes what was opened, if it is a plain file: something else may have been put there meanwhile.
fn hash_open(
    file: &File,
    path: &Path,
    algorithms: impl IntoIterator<Item = Algorithm>,
    progress: &dyn Fn(u64),
) -> io::Result<Hashed> {
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(not_plain());
    }
    let length = before.len();
    let (whole, segments) = if length > DEFAULT_SEGMENT_BYTES {
        // Each byte of a large file counts for two digests: another core makes those of the segments.
        std::thread::scope(|scope| {
            let again = file.try_clone()?;
            let segments = scope.spawn(move || segments_of(&again, length));
            let whole = whole_of(file, length, algorithms, progress)?;
            let segments = segments
                .join()
                .map_err(|_| io::Error::other("the thread that hashes has ended"))??;
            io::Result::Ok((whole, segments))
        })?
    } else {
        (whole_of(file, length, algorithms, progress)?, Vec::new())
    };
    let stamp = Stamp::of(&before);
    if Stamp::of(&file.metadata()?) != stamp || whole.size != length {
        return Err(io::Error::other("it was changed while it was read"));
    }
    let (digest, claims) = whole.hasher.finish();
    Ok(Hashed {
        digest,
        claims,
        stamp,
        size: whole.size,
        path: path.to_owned(),
        segments,
        has_compressed_head: has_compressed_head(&whole.head),
    })
}

/// A file, read once.
struct Whole {
    hasher: MultiHasher,
    size: u64,
    head: [u8; 8],
}

fn whole_of(
    file: &File,
    length: u64,
    algorithms: impl IntoIterator<Item = Algorithm>,
    progress: &dyn Fn(u64),
) -> io::Result<Whole> {
    let mut whole = Whole {
        hasher: MultiHasher::new(algorithms),
        size: 0,
        head: [0; 8],
    };
    read_all(file, length, |bytes| {
        if whole.size == 0 {
            let length = bytes.len().min(whole.head.len());
            whole.head[..length].copy_from_slice(&bytes[..length]);
        }
        whole.hasher.update(bytes);
        whole.size += bytes.len() as u64;
        progress(bytes.len() as u64);
    })?;
    Ok(whole)
}

fn segments_of(file: &File, length: u64) -> io::Result<Vec<Digest>> {
    let mut hasher = SegmentHasher::new(DEFAULT_SEGMENT_BYTES);
    read_all(file, length, |bytes| hasher.update(bytes))?;
    Ok(hasher.finish())
}

fn read_all(file: &File, length: u64, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    // A new one for each of many files would cost as much as reading them.
    thread_local! {
        static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(READ_BYTES, 0);
        let mut offset = 0;
        loop {
            let count = match file.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                count => count?,
            };
            if count == 0 {
                return Ok(());
            }
            take(&buffer[..count]);
            offset += count as u64;
            // A file that grew is told by its stamp.
            if offset == length {
                return Ok(());
            }
        }
    })
}

/// Endings of files that are compressed already.
const COMPRESSED_ENDINGS: [&str; 31] = [
    "gz",
    "tgz",
    "crate",
    "whl",
    "zip",
    "egg",
    "jar",
    "war",
    "aar",
    "nupkg",
    "gem",
    "xz",
    "txz",
    "lzma",
    "zst",
    "bz2",
    "tbz2",
    "br",
    "7z",
    "rar",
    "deb",
    "rpm",
    "apk",
    "conda",
    "png",
    "jpg",
    "jpeg",
    "webp",
    "mp4",
    "woff2",
    "safetensors",
];

/// First bytes of the same kinds: gzip, zip, xz, zstd, bzip2, 7z, PNG, JPEG, rar.
const COMPRESSED_HEADS: [&[u8]; 9] = [
    &[0x1f, 0x8b],
    b"PK\x03\x04",
    &[0xfd, b'7', b'z', b'X', b'Z', 0],
    &[0x28, 0xb5, 0x2f, 0xfd],
    b"BZh",
    &[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c],
    &[0x89, b'P', b'N', b'G'],
    &[0xff, 0xd8, 0xff],
    b"Rar!",
];

fn has_compressed_head(head: &[u8]) -> bool {
    COMPRESSED_HEADS.iter().any(|known| head.starts_with(known))
}

fn has_compressed_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| {
        let ending = ending.to_ascii_lowercase();
        COMPRESSED_ENDINGS.contains(&ending.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_known_by_name_or_by_head() {
        for (name, head, compressible) in [
            ("a-1.0.crate", &b"whatever"[..], false),
            ("A.WHL", b"", false),
            ("without-ending", &[0x1f, 0x8b, 8, 0], false),
            ("page.json", b"{\"a\":1}", true),
            ("gz", b"gz", true),
            ("unknown", b"BZ", true),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x");
            fs::write(&path, head).unwrap();
            let object = hash(&path, [], &|_| {}).unwrap().object(name);
            assert_eq!(object.compressible, compressible, "{name}");
            assert_eq!(object.size, head.len() as u64);
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_hashed_is_no_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, [1; 2 * READ_BYTES]).unwrap();
        assert!(hash(&path, [], &|_| {}).is_ok());
        for bytes in [2 * READ_BYTES + 1, READ_BYTES] {
            let change = |_| {
                File::options()
                    .write(true)
                    .open(&path)
                    .unwrap()
                    .set_len(bytes as u64)
                    .unwrap()
            };
            let error = hash(&path, [], &change).unwrap_err();
            assert_eq!(error.to_string(), "it was changed while it was read");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(hash(&file, [], &|_| {}).is_ok());
        assert!(hash(&link, [], &|_| {}).is_err());
        assert!(hash(folder.path(), [], &|_| {}).is_err());
        // A folder that was put there after the look.
        let opened = File::open(folder.path()).unwrap();
        let error = hash_open(&opened, folder.path(), [], &|_| {}).unwrap_err();
        assert_eq!(error.to_string(), not_plain().to_string());
    }

    #[test]
    fn a_large_file_comes_with_its_segments() {
        let folder = tempfile::tempdir().unwrap();
        for (length, segments) in [(DEFAULT_SEGMENT_BYTES, 0), (DEFAULT_SEGMENT_BYTES + 1, 2)] {
            let path = folder.path().join("large");
            File::create(&path).unwrap().set_len(length).unwrap();
            let hashed = hash(&path, [], &|_| {}).unwrap();
            assert_eq!((hashed.size, hashed.segments.len()), (length, segments));
        }
    }

    #[test]
    fn what_cannot_be_read_to_its_stated_end_has_no_digest() {
        let folder = tempfile::tempdir().unwrap();
        let opened = File::open(folder.path()).unwrap();
        assert!(whole_of(&opened, 1, [], &|_| {}).is_err());
        assert!(segments_of(&opened, 1).is_err());
        // A plain file that says that it is empty, and is not (proc(5)).
        let error = hash(Path::new("/proc/version"), [], &|_| {}).unwrap_err();
        assert_eq!(error.to_string(), "it was changed while it was read");
    }
}
