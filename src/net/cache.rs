//! The exporter's cache on disk: objects by digest, registry documents by address, and what was obtained for which
//! statement of a lockfile, so that a second export of the same lockfile asks nobody.
//!
//! Nothing here is believed: objects are hashed again when they are used, and a record that cannot be read counts as
//! not there. So files are renamed into place, and not synced: a power cut costs a fetch.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ecosystem::{DocumentRequest, Fetched};
use crate::model::{Claim, Digest, Hasher, Timestamp};

/// The exporter's cache folder.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// The cache cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}", path.display())]
pub struct CacheError {
    /// What was tried.
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A document's answer, as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The document; `None` where the registry answered that it has none.
    pub fetched: Option<Fetched>,
    /// When it was asked.
    pub at: Timestamp,
}

/// What was obtained earlier for one digest of one wanted artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obtained {
    /// The object.
    pub digest: Digest,
    /// The file's name.
    pub file: String,
    /// Where it came from.
    pub url: String,
}

/// Held while an object is put in its place. One that is there and right is never replaced: another thread may have read how its file
/// looks, and a file that looks otherwise when it is packed ends the export.
static PLACING: Mutex<()> = Mutex::new(());

/// No record is that large; a document's body is an object of its own. The largest list the files of one name.
const MAX_RECORD_BYTES: u64 = 16 << 20;

impl Cache {
    /// Opens the cache, and makes its folders where they are missing.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let folder = folder.into();
        for name in ["objects", "documents", "records", "partial"] {
            let path = folder.join(name);
            fs::create_dir_all(&path).map_err(failed("create", &path))?;
        }
        Ok(Self { folder })
    }

    /// Where an object lies, if it is there.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        sharded(&self.folder.join("objects"), &digest.hex())
    }

    /// Whether an object of that name is there. Its content is not checked.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Stores bytes as an object.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, CacheError> {
        let digest = Digest::of(bytes);
        let path = self.path(&digest);
        // An object of another length was cut off by a power cut; one of the same length is checked when it is used.
        let is_there = || {
            fs::metadata(&path).is_ok_and(|metadata| metadata.len() == bytes.len() as u64)
                && self.read(&digest, bytes.len() as u64).is_some()
        };
        if is_there() {
            return Ok(digest);
        }
        let _placing = PLACING.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_there() {
            write_whole(&path, bytes)?;
        }
        Ok(digest)
    }

    /// Reads an object of bounded size, if it is there and is what its name says.
    pub fn read(&self, digest: &Digest, max_bytes: u64) -> Option<Vec<u8>> {
        let bytes = read_bounded(&self.path(digest), max_bytes)?;
        (Digest::of(&bytes) == *digest).then_some(bytes)
    }

    /// The answer that was kept for a request.
    pub fn document(&self, request: &DocumentRequest) -> Option<Kept> {
        let key = document_key(request);
        let record: DocumentRecord = self.record(&self.documents(), &key)?;
        let fetched = match record.body {
            None => None,
            Some(body) => Some(Fetched {
                url: body.url,
                media_type: body.media_type,
                bytes: self.read(&body.digest, request.max_bytes)?,
            }),
        };
        Some(Kept { fetched, at: record.at })
    }

    /// Keeps an answer.
    pub fn keep_document(&self, request: &DocumentRequest, kept: &Kept) -> Result<(), CacheError> {
        let body = match &kept.fetched {
            None => None,
            Some(fetched) => Some(BodyRecord {
                url: fetched.url.clone(),
                media_type: fetched.media_type.clone(),
                digest: self.put(&fetched.bytes)?,
            }),
        };
        let record = DocumentRecord { at: kept.at, body };
        self.keep_record(&self.documents(), &document_key(request), &record)
    }

    /// What was obtained earlier for a digest that a lockfile states about an artifact.
    pub fn obtained(&self, ecosystem: &str, name: &str, version: &str, claim: &Claim) -> Option<Obtained> {
        self.record(&self.records(), &claim_key(ecosystem, name, version, claim))
    }

    /// Keeps what was obtained.
    pub fn keep_obtained(
        &self,
        ecosystem: &str,
        name: &str,
        version: &str,
        claim: &Claim,
        obtained: &Obtained,
    ) -> Result<(), CacheError> {
        self.keep_record(&self.records(), &claim_key(ecosystem, name, version, claim), obtained)
    }

    /// All files that were obtained for exactly these stated digests, when upstream was asked for all of them.
    pub fn settled(&self, key: &str) -> Option<Vec<Obtained>> {
        self.record(&self.records(), &format!("settled\n{key}"))
    }

    /// Keeps that upstream gave exactly these files.
    pub fn settle(&self, key: &str, files: &[Obtained]) -> Result<(), CacheError> {
        self.keep_record(&self.records(), &format!("settled\n{key}"), &files)
    }

    /// The artifacts of a name with which its documents were fetched.
    pub fn accompanied(&self, ecosystem: &str, name: &str) -> BTreeSet<Digest> {
        self.record(&self.records(), &format!("accompanied\n{ecosystem}\n{name}"))
            .unwrap_or_default()
    }

    /// Keeps that a name's documents were fetched with these artifacts.
    pub fn keep_accompanied(
        &self,
        ecosystem: &str,
        name: &str,
        artifacts: &BTreeSet<Digest>,
    ) -> Result<(), CacheError> {
        let key = format!("accompanied\n{ecosystem}\n{name}");
        self.keep_record(&self.records(), &key, artifacts)
    }

    /// Where an unfinished transfer lies.
    pub(crate) fn partial(&self) -> PathBuf {
        self.folder.join("partial")
    }

    /// Takes a finished file over.
    pub(crate) fn adopt(&self, file: &Path, digest: &Digest) -> Result<PathBuf, CacheError> {
        let path = self.path(digest);
        make_parent(&path)?;
        let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
        let _placing = PLACING.lock().unwrap_or_else(PoisonError::into_inner);
        if length(&path).is_some() && length(&path) == length(file) && digest_of(&path) == Some(*digest) {
            fs::remove_file(file).map_err(failed("remove", file))?;
        } else {
            fs::rename(file, &path).map_err(failed("write", &path))?;
        }
        Ok(path)
    }

    fn documents(&self) -> PathBuf {
        self.folder.join("documents")
    }

    fn records(&self) -> PathBuf {
        self.folder.join("records")
    }

    fn record<T: DeserializeOwned>(&self, folder: &Path, key: &str) -> Option<T> {
        let bytes = read_bounded(&record_path(folder, key), MAX_RECORD_BYTES)?;
        let record: Record<T> = serde_json::from_slice(&bytes).ok()?;
        (record.key == key).then_some(record.value)
    }

    fn keep_record<T: Serialize>(&self, folder: &Path, key: &str, value: &T) -> Result<(), CacheError> {
        let path = record_path(folder, key);
        let record = Record {
            key: key.to_owned(),
            value,
        };
        let bytes = serde_json::to_vec(&record).map_err(|error| CacheError {
            action: "write",
            path: path.clone(),
            source: error.into(),
        })?;
        write_whole(&path, &bytes)
    }
}

#[derive(Serialize, Deserialize)]
struct Record<T> {
    key: String,
    value: T,
}

#[derive(Serialize, Deserialize)]
struct DocumentRecord {
    at: Timestamp,
    body: Option<BodyRecord>,
}

#[derive(Serialize, Deserialize)]
struct BodyRecord {
    url: String,
    media_type: String,
    digest: Digest,
}

fn document_key(request: &DocumentRequest) -> String {
    format!("{}\n{}", request.url, request.accept.unwrap_or_default())
}

fn claim_key(ecosystem: &str, name: &str, version: &str, claim: &Claim) -> String {
    format!("obtained\n{ecosystem}\n{name}\n{version}\n{claim}")
}

fn record_path(folder: &Path, key: &str) -> PathBuf {
    sharded(folder, &Digest::of(key.as_bytes()).hex())
}

/// 256 folders keep each one small enough to list.
fn sharded(folder: &Path, digits: &str) -> PathBuf {
    let (shard, rest) = digits.split_at(2);
    folder.join(shard).join(rest)
}

fn digest_of(path: &Path) -> Option<Digest> {
    let mut file = File::open(path).ok()?;
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Some(hasher.finish()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

fn read_bounded(path: &Path, max_bytes: u64) -> Option<Vec<u8>> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() > max_bytes {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(max_bytes).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    let parent = make_parent(path)?;
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(failed("write", path))?;
    file.write_all(bytes).map_err(failed("write", path))?;
    file.persist(path).map_err(|error| failed("write", path)(error.error))?;
    Ok(())
}

fn make_parent(path: &Path) -> Result<&Path, CacheError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(failed("create", parent))?;
    Ok(parent)
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheError {
    let path = path.to_owned();
    move |source| CacheError { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, accept: Option<&'static str>) -> DocumentRequest {
        DocumentRequest {
            url: url.to_owned(),
            accept,
            max_bytes: 100,
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        // A folder is opened, and not read.
        assert_eq!(read_bounded(folder.path(), u64::MAX), None);
    }

    #[test]
    fn no_beginning_is_taken_for_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::write(&path, "four").unwrap();
        assert_eq!(read_bounded(&path, 4).as_deref(), Some(&b"four"[..]));
        assert_eq!(read_bounded(&path, 3), None);
    }

    #[test]
    fn a_damaged_document_counts_as_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let request_of = |accept| request("https://index.example.com/x", accept);
        let kept = Kept {
            fetched: Some(Fetched {
                url: "https://index.example.com/x/".to_owned(),
                media_type: "text/plain".to_owned(),
                bytes: b"body".to_vec(),
            }),
            at: Timestamp::from_seconds(7),
        };
        cache.keep_document(&request_of(None), &kept).unwrap();
        assert_eq!(cache.document(&request_of(None)), Some(kept.clone()));
        assert_eq!(cache.document(&request_of(Some("text/html"))), None);

        let body = cache.path(&Digest::of(b"body"));
        fs::write(&body, b"evil").unwrap();
        assert_eq!(cache.document(&request_of(None)), None);
        assert_eq!(cache.read(&Digest::of(b"body"), 100), None);
        // Storing it again mends it, though the length was right.
        cache.put(b"body").unwrap();
        assert_eq!(cache.document(&request_of(None)), Some(kept));
        let small = DocumentRequest {
            max_bytes: 3,
            ..request_of(None)
        };
        assert_eq!(cache.document(&small), None);
    }

    #[test]
    fn absence_is_kept_too() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let kept = Kept {
            fetched: None,
            at: Timestamp::from_seconds(7),
        };
        let request = request("https://index.example.com/none", None);
        assert_eq!(cache.document(&request), None);
        cache.keep_document(&request, &kept).unwrap();
        assert_eq!(cache.document(&request), Some(kept));
    }

    #[test]
    fn a_record_of_another_key_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        cache.settle("a", &[]).unwrap();
        let [from, to] = ["settled\na", "settled\nb"].map(|key| record_path(&cache.records(), key));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        assert_eq!(cache.settled("a"), Some(Vec::new()));
        assert_eq!(cache.settled("b"), None);
    }

    #[test]
    fn what_cannot_be_kept_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("cache")).unwrap();
        let fetched = folder.path().join("fetched");
        fs::write(&fetched, "a").unwrap();
        for name in ["objects", "documents", "records"] {
            let path = cache.folder.join(name);
            fs::remove_dir(&path).unwrap();
            fs::write(&path, "no folder").unwrap();
        }
        let absent = Kept {
            fetched: None,
            at: Timestamp::from_seconds(7),
        };
        let digest = Digest::of(b"a");
        let obtained = Obtained {
            digest,
            file: "a".to_owned(),
            url: "https://index.example.com/a".to_owned(),
        };
        let kept = [
            cache.keep_document(&request("https://index.example.com/a", None), &absent),
            cache.keep_obtained("pypi", "a", "1", &digest.into(), &obtained),
            cache.settle("a", &[]),
            cache.keep_accompanied("pypi", "a", &BTreeSet::from([digest])),
            cache.put(b"a").map(drop),
            cache.adopt(&fetched, &digest).map(drop),
        ];
        for (number, kept) in kept.into_iter().enumerate() {
            assert_eq!(kept.unwrap_err().action, "create", "{number}");
        }
    }

    #[test]
    fn a_folder_in_an_object_s_place_is_no_object_and_none_can_be_put_there() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("cache")).unwrap();
        let [fetched, other] = ["fetched", "other"].map(|name| folder.path().join(name));
        fs::write(&fetched, "a").unwrap();
        let path = cache.path(&Digest::of(b"a"));
        fs::create_dir_all(&path).unwrap();
        assert_eq!(read_bounded(&path, u64::MAX), None);
        assert_eq!(cache.put(b"a").unwrap_err().action, "write");
        assert_eq!(cache.adopt(&fetched, &Digest::of(b"a")).unwrap_err().action, "write");
        // What is there already is not taken twice, and its second copy goes.
        fs::create_dir(&other).unwrap();
        let length = fs::metadata(&other).unwrap().len();
        let object = vec![0; usize::try_from(length).unwrap()];
        let digest = cache.put(&object).unwrap();
        assert_eq!(cache.adopt(&other, &digest).unwrap_err().action, "remove");
    }
}
