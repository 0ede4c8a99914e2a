//! Files on this machine: hashed once, and recognised later by their stamps.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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
/// a help, not a defence: what slips through is refused by whoever reads the bundle, since its digest is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the change time in seconds and nanoseconds.
    identity: Option<(u64, u64, i64, i64)>,
}

impl Stamp {
    /// The stamp of a file.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }
}

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
    /// Whether its first bytes are those of a compressed format.
    has_compressed_head: bool,
}

impl Hashed {
    /// The object, for a file of this name.
    pub(super) fn object(&self, file_name: &str) -> SourceObject {
        SourceObject {
            digest: self.digest,
            size: self.size,
            path: self.path.clone(),
            stamp: self.stamp.clone(),
            compressible: !self.has_compressed_head && !has_compressed_name(file_name),
        }
    }
}

/// Bytes read at a time: few calls, and still within a core's cache when they are hashed.
const READ_BYTES: u64 = 256 << 10;

/// Hashes a plain file. Links, pipes and devices are errors, and so is a file that changes meanwhile.
pub(super) fn hash(
    path: &Path,
    algorithms: impl IntoIterator<Item = Algorithm>,
    progress: &dyn Fn(u64),
) -> io::Result<Hashed> {
    let not_plain = || io::Error::other("it is not a plain file");
    // Looked at before it is opened: opening a pipe would hang.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(not_plain());
    }
    let mut file = File::open(path)?;
    let before = file.metadata()?;
    if !before.is_file() {
        return Err(not_plain());
    }
    let mut hasher = MultiHasher::new(algorithms);
    // One byte more than a small file has, so that its end is seen with the first read.
    let buffer_bytes = before.len().saturating_add(1).min(READ_BYTES);
    let mut buffer = vec![0; usize::try_from(buffer_bytes).unwrap_or(0).max(1)];
    let mut size = 0;
    let mut head = [0; 8];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        if size == 0 {
            let length = count.min(head.len());
            head[..length].copy_from_slice(&buffer[..length]);
        }
        hasher.update(&buffer[..count]);
        size += count as u64;
        progress(count as u64);
    }
    let stamp = Stamp::of(&before);
    if Stamp::of(&file.metadata()?) != stamp || size != before.len() {
        return Err(io::Error::other("it was changed while it was read"));
    }
    let (digest, claims) = hasher.finish();
    Ok(Hashed {
        digest,
        claims,
        stamp,
        size,
        path: path.to_owned(),
        has_compressed_head: has_compressed_head(&head),
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
    }
}
