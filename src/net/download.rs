//! Files: fetched into `partial/`, resumed, compared with their stated digests, and only then taken into the cache.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::access::Purpose;
use super::address::Address;
use super::cache::CacheError;
use super::client::{Answer, Client, Failure, Limits, Progress, header};
use super::error::ClientError;
use super::transfer::Transfer;
use crate::model::{Algorithm, Claim, Digest, MultiHasher, Unsatisfied};

/// A file to fetch.
#[derive(Debug, Clone, Copy)]
pub struct FileRequest<'a> {
    /// The address.
    pub url: &'a str,
    /// The digests that are accepted: of the strongest algorithm named, one has to fit.
    pub claims: &'a [Claim],
    /// The exact size, where stated.
    pub size: Option<u64>,
}

/// A file as it lies in the cache, its digest compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFile {
    /// The object.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The stated digest that fits.
    pub claim: Claim,
    /// The address asked, without credentials.
    pub url: String,
}

/// A file was not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The request did not succeed.
    #[error(transparent)]
    Client(ClientError),
    /// The upstream does not have it.
    #[error("{url} answered {status}")]
    Absent {
        /// The address.
        url: String,
        /// 404 or 410.
        status: u16,
    },
    /// Other bytes than stated.
    #[error("{url} gives other bytes")]
    Digest {
        /// The address.
        url: String,
        /// How they differ.
        source: Unsatisfied,
    },
    /// Another length than stated.
    #[error("{url} gives {found} bytes instead of {expected}")]
    Size {
        /// The address.
        url: String,
        /// The stated length.
        expected: u64,
        /// The length of what came.
        found: u64,
    },
    /// The partial file cannot be written.
    #[error("cannot write {}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<ClientError> for FetchError {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<CacheError> for FetchError {
    fn from(error: CacheError) -> Self {
        Self::Client(ClientError::Cache(error))
    }
}

/// What an attempt can end in apart from an error worth repeating.
enum Step {
    Complete,
    Absent { url: String, status: u16 },
    Disk(io::Error),
}

/// What vouches for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voucher {
    /// Its stated digest, so that it does not matter who serves it.
    Digest,
    /// Only the host that serves it, so that it must be one that somebody named, to its last redirect.
    Host,
}

impl Voucher {
    const fn purpose(self) -> Purpose {
        match self {
            Self::Digest => Purpose::CheckedFile,
            Self::Host => Purpose::Document,
        }
    }
}

impl Client {
    /// Fetches a file into the cache. `progress` is told about bytes as they come.
    pub fn fetch(&self, request: &FileRequest<'_>, progress: &dyn Fn(u64)) -> Result<FetchedFile, FetchError> {
        let algorithm = Claim::strongest(request.claims).ok_or_else(|| FetchError::Digest {
            url: Address::read(request.url).map_or_else(|_| "an upstream".to_owned(), |address| address.to_string()),
            source: Unsatisfied::Unpinned,
        })?;
        self.fetch_by(request, algorithm, Voucher::Digest, progress)
    }

    /// Fetches a file of which nobody states a digest that counts: as the host serves it, which somebody must have named.
    /// The claims are what the upstream itself says, be it SHA-1, and tell a broken transfer; there may be none.
    pub fn fetch_unpinned(&self, request: &FileRequest<'_>, progress: &dyn Fn(u64)) -> Result<FetchedFile, FetchError> {
        let algorithm = request.claims.iter().map(Claim::algorithm).max();
        self.fetch_by(request, algorithm.unwrap_or(Algorithm::Sha256), Voucher::Host, progress)
    }

    fn fetch_by(
        &self,
        request: &FileRequest<'_>,
        algorithm: Algorithm,
        voucher: Voucher,
        progress: &dyn Fn(u64),
    ) -> Result<FetchedFile, FetchError> {
        let address = Address::read(request.url).map_err(ClientError::from)?;
        let url = address.to_string();
        let mut part = Part::open(&self.cache.partial(), request, &url, algorithm)?;
        let deadline = Instant::now() + self.limits.file;
        let mut has_begun_again = false;
        loop {
            let step = self.repeat(&address, deadline, || {
                self.attempt(&address, request, voucher, &mut part, deadline, progress)
            })?;
            match step {
                Step::Absent { url, status } => {
                    part.remove();
                    return Err(FetchError::Absent { url, status });
                }
                Step::Disk(source) => {
                    return Err(FetchError::Disk {
                        path: part.path.clone(),
                        source,
                    });
                }
                Step::Complete => {}
            }
            match self.judge(&url, request, voucher, &part) {
                // Parts of two answers may not fit together: once more, from the start.
                Err(FetchError::Digest { .. } | FetchError::Size { .. }) if part.is_joined && !has_begun_again => {
                    has_begun_again = true;
                    part.restart().map_err(|source| part.failed(source))?;
                }
                Err(error) => {
                    part.remove();
                    return Err(error);
                }
                Ok(fetched) => {
                    self.cache.adopt(&part.path, &fetched.digest)?;
                    part.remove();
                    return Ok(fetched);
                }
            }
        }
    }

    fn judge(
        &self,
        url: &str,
        request: &FileRequest<'_>,
        voucher: Voucher,
        part: &Part,
    ) -> Result<FetchedFile, FetchError> {
        let (digest, found) = part.hasher.clone().finish();
        let claim = match voucher {
            Voucher::Digest => Claim::check(request.claims, &found),
            Voucher::Host => Claim::agree(request.claims, &found),
        }
        .map_err(|source| FetchError::Digest {
            url: url.to_owned(),
            source,
        })?;
        if let Some(expected) = request.size.filter(|size| *size != part.length) {
            return Err(FetchError::Size {
                url: url.to_owned(),
                expected,
                found: part.length,
            });
        }
        Ok(FetchedFile {
            digest,
            size: part.length,
            claim,
            url: url.to_owned(),
        })
    }

    /// One request for what is still missing.
    fn attempt(
        &self,
        address: &Address,
        request: &FileRequest<'_>,
        voucher: Voucher,
        part: &mut Part,
        deadline: Instant,
        progress: &dyn Fn(u64),
    ) -> Result<Step, Failure> {
        if voucher == Voucher::Host
            && part.length > 0
            && let Err(error) = part.restart()
        {
            // Parts of two answers are not joined: nothing would tell.
            return Ok(Step::Disk(error));
        }
        let mut headers = Vec::new();
        if part.length > 0 {
            headers.push(("range", format!("bytes={}-", part.length)));
            // Without a validator the digest still decides, at the cost of a second transfer.
            if let Some(validator) = &part.validator {
                headers.push(("if-range", validator.clone()));
            }
        }
        let answer = self.exchange(address, voucher.purpose(), &headers)?;
        let url = answer.address.to_string();
        match answer.status {
            200 => {
                if let Err(error) = part.restart().and_then(|()| part.remember(&answer)) {
                    return Ok(Step::Disk(error));
                }
            }
            206 if part.length > 0 && range_start(&answer) == Some(part.length) => part.is_joined = true,
            206 | 416 if part.length > 0 => {
                // It is complete already (and will be judged), or what lies there does not fit any more.
                if answer.status == 416 && range_total(&answer) == Some(part.length) {
                    return Ok(Step::Complete);
                }
                if let Err(error) = part.restart() {
                    return Ok(Step::Disk(error));
                }
                return Err(ClientError::Transport {
                    url,
                    reason: "it answers with another part than was asked for".to_owned(),
                }
                .into());
            }
            404 | 410 => {
                return Ok(Step::Absent {
                    url,
                    status: answer.status,
                });
            }
            _ => {
                return Err(ClientError::Answer {
                    url,
                    reason: "it answers with a part that nobody asked for",
                }
                .into());
            }
        }
        let max_bytes = request.size.unwrap_or(u64::MAX).min(self.limits.max_file_bytes);
        receive(answer, part, max_bytes, deadline, &self.limits, progress)
    }
}

/// Adds what comes to the part. What the library makes sure of is not taken on trust.
fn receive(
    mut answer: Answer,
    part: &mut Part,
    max_bytes: u64,
    deadline: Instant,
    limits: &Limits,
    progress: &dyn Fn(u64),
) -> Result<Step, Failure> {
    let url = answer.address.to_string();
    let began_at = part.length;
    let failure = |error, part: &Part| Failure {
        error,
        progress: if part.length > began_at {
            Progress::Some
        } else {
            Progress::None
        },
    };
    let rest: Option<u64> = header(&answer.headers, "content-length").and_then(|text| text.parse().ok());
    let mut transfer = Transfer::new(&url, Instant::now(), deadline, limits);
    let mut buffer = vec![0; 128 << 10];
    loop {
        let count = transfer
            .read(&mut answer.body, &mut buffer)
            .map_err(|error| failure(error, part))?;
        if count == 0 {
            break;
        }
        if part.length + count as u64 > max_bytes {
            part.remove();
            return Err(ClientError::TooLarge { url, max_bytes }.into());
        }
        if let Err(error) = part.append(&buffer[..count]) {
            return Ok(Step::Disk(error));
        }
        progress(count as u64);
    }
    if rest.is_some_and(|rest| began_at + rest != part.length) {
        let error = ClientError::Transport {
            url,
            reason: "the transfer broke off".to_owned(),
        };
        return Err(failure(error, part));
    }
    Ok(Step::Complete)
}

/// An unfinished file, with the digests of what is there.
struct Part {
    file: File,
    path: PathBuf,
    /// Says from where the bytes came and which validator goes with them.
    note: PathBuf,
    url: String,
    algorithm: Algorithm,
    hasher: MultiHasher,
    length: u64,
    validator: Option<String>,
    /// Whether the bytes are of several answers, or of an earlier run's.
    is_joined: bool,
}

#[derive(Serialize, Deserialize)]
struct Note {
    url: String,
    validator: Option<String>,
}

impl Part {
    /// Opens the partial file of these digests; what an earlier run left there from the same address is kept. Another
    /// process that works on it has it locked; then a file of our own serves.
    fn open(folder: &Path, request: &FileRequest<'_>, url: &str, algorithm: Algorithm) -> Result<Self, FetchError> {
        let mut names: Vec<String> = request.claims.iter().map(Claim::to_string).collect();
        if names.is_empty() {
            names.push(url.to_owned());
        }
        names.sort_unstable();
        let name = Digest::of(names.join("\n").as_bytes()).hex();
        let path = folder.join(format!("{name}.part"));
        let disk = |path: &Path, source| FetchError::Disk {
            path: path.to_owned(),
            source,
        };
        let open = |path: &Path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(|source| disk(path, source))
        };
        let file = open(&path)?;
        let (file, path) = match file.try_lock() {
            // Another process may have finished, and moved the file away, between opening and locking.
            Ok(()) if is_still_at(&file, &path) => (file, path),
            Ok(()) | Err(TryLockError::WouldBlock) => {
                let own = tempfile::Builder::new()
                    .suffix(".part")
                    .tempfile_in(folder)
                    .and_then(|file| file.keep().map_err(|error| error.error))
                    .map_err(|source| disk(folder, source))?;
                (own.0, own.1)
            }
            Err(TryLockError::Error(source)) => return Err(disk(&path, source)),
        };
        let mut this = Self {
            note: path.with_extension("note"),
            file,
            path,
            url: url.to_owned(),
            algorithm,
            hasher: MultiHasher::new([algorithm]),
            length: 0,
            validator: None,
            is_joined: false,
        };
        this.resume().map_err(|source| this.failed(source))?;
        Ok(this)
    }

    fn resume(&mut self) -> io::Result<()> {
        let note: Option<Note> = fs::read(&self.note)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        match note.filter(|note| note.url == self.url) {
            None => self.restart(),
            Some(note) => {
                self.validator = note.validator;
                self.is_joined = true;
                let mut buffer = vec![0; 128 << 10];
                self.file.seek(SeekFrom::Start(0))?;
                loop {
                    let count = self.file.read(&mut buffer)?;
                    if count == 0 {
                        return Ok(());
                    }
                    self.hasher.update(&buffer[..count]);
                    self.length += count as u64;
                }
            }
        }
    }

    fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = MultiHasher::new([self.algorithm]);
        self.length = 0;
        self.validator = None;
        self.is_joined = false;
        Ok(())
    }

    /// Notes the validator that makes a later resumption safe: a strong entity tag (RFC 9110 §13.1.5), else the date.
    fn remember(&mut self, answer: &Answer) -> io::Result<()> {
        self.validator = header(&answer.headers, "etag")
            .filter(|tag| tag.starts_with('"'))
            .or_else(|| header(&answer.headers, "last-modified"))
            .map(str::to_owned);
        let note = Note {
            url: self.url.clone(),
            validator: self.validator.clone(),
        };
        fs::write(&self.note, serde_json::to_vec(&note)?)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Removes what is left; that it may be gone already is fine.
    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.note);
    }

    fn failed(&self, source: io::Error) -> FetchError {
        FetchError::Disk {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of = |metadata: io::Result<fs::Metadata>| metadata.map(|metadata| (metadata.dev(), metadata.ino())).ok();
    of(file.metadata()) == of(fs::symlink_metadata(path))
}

/// A locked file cannot be renamed on the other platforms that we know.
#[cfg(not(unix))]
fn is_still_at(_file: &File, path: &Path) -> bool {
    path.is_file()
}

/// The first byte's position in `Content-Range: bytes 100-199/200`.
fn range_start(answer: &Answer) -> Option<u64> {
    let range = header(&answer.headers, "content-range")?.strip_prefix("bytes ")?;
    range.split('-').next()?.parse().ok()
}

/// The whole length in `Content-Range: bytes */200`.
fn range_total(answer: &Answer) -> Option<u64> {
    header(&answer.headers, "content-range")?
        .rsplit('/')
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::client::tests::answer;

    #[test]
    fn a_file_is_as_long_as_promised_and_no_longer_than_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let claims = [Digest::of(b"four").into()];
        let request = FileRequest {
            url: "https://registry.example.com/a",
            claims: &claims,
            size: None,
        };
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        let receive = |promised, max_bytes| {
            let mut part = Part::open(folder.path(), &request, request.url, Algorithm::Sha256).unwrap();
            let answer = answer(b"four", promised);
            receive(answer, &mut part, max_bytes, deadline, &Limits::default(), &|_| {})
                .map_err(|failure| failure.error)
        };
        for promised in [None, Some(4)] {
            assert!(matches!(receive(promised, 4), Ok(Step::Complete)));
            assert!(matches!(
                receive(promised, 3),
                Err(ClientError::TooLarge { max_bytes: 3, .. })
            ));
        }
        for promised in [3, 5] {
            assert!(matches!(receive(Some(promised), 9), Err(ClientError::Transport { .. })));
        }
    }

    const URL: &str = "https://registry.example.com/a";

    fn open(folder: &Path, url: &str) -> Result<Part, FetchError> {
        let request = FileRequest {
            url,
            claims: &[Digest::of(b"four").into()],
            size: None,
        };
        Part::open(folder, &request, url, Algorithm::Sha256)
    }

    #[test]
    fn what_an_earlier_run_left_goes_on_from_the_same_address_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path(), URL).unwrap();
        part.remember(&answer(b"", None)).unwrap();
        part.append(b"four").unwrap();
        drop(part);
        let part = open(folder.path(), URL).unwrap();
        assert_eq!((part.length, part.is_joined), (4, true));
        drop(part);
        let part = open(folder.path(), "https://other.example.com/a").unwrap();
        assert_eq!((part.length, part.is_joined), (0, false));
    }

    #[test]
    fn only_a_strong_tag_says_that_two_parts_are_of_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path(), URL).unwrap();
        let mut answer = answer(b"", None);
        for (name, value, validator) in [
            ("etag", "W/\"1\"", None),
            ("last-modified", "yesterday", Some("yesterday")),
            ("etag", "\"1\"", Some("\"1\"")),
        ] {
            answer.headers.insert(name, value.parse().unwrap());
            part.remember(&answer).unwrap();
            assert_eq!(part.validator.as_deref(), validator);
        }
    }

    #[test]
    fn a_file_is_where_it_was_opened_until_another_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["one", "other"].map(|name| folder.path().join(name));
        let file = File::create(&path).unwrap();
        File::create(&other).unwrap();
        assert!(is_still_at(&file, &path));
        assert!(!is_still_at(&file, &other));
        fs::remove_file(&path).unwrap();
        assert!(!is_still_at(&file, &path));
    }

    #[cfg(unix)]
    #[test]
    fn a_part_that_is_a_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = open(folder.path(), URL).unwrap().path.clone();
        let other = folder.path().join("other");
        fs::rename(&path, &other).unwrap();
        fs::write(&other, "other").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        let mut part = open(folder.path(), URL).unwrap();
        part.remember(&answer(b"", None)).unwrap();
        part.append(b"four").unwrap();
        assert_ne!(part.path, path);
        assert_eq!(fs::read(other).unwrap(), b"other");
    }

    #[test]
    fn a_part_that_cannot_be_written_or_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = open(folder.path(), URL).unwrap();
        part.remember(&answer(b"", None)).unwrap();
        // What ends at once, and has no beginning to go back to.
        let (reader, writer) = io::pipe().unwrap();
        drop(writer);
        let mut piped = Part {
            file: File::from(std::os::fd::OwnedFd::from(reader)),
            ..part
        };
        assert!(piped.resume().is_err());
        let path = piped.path.clone();
        let mut read_only = Part {
            file: File::open(&path).unwrap(),
            ..piped
        };
        assert!(read_only.restart().is_err());
        assert!(read_only.append(b"four").is_err());
        fs::remove_file(&read_only.note).unwrap();
        fs::create_dir(&read_only.note).unwrap();
        assert!(read_only.remember(&answer(b"", None)).is_err());
        // A pipe at its path cannot be cut.
        fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert!(matches!(open(folder.path(), URL), Err(FetchError::Disk { .. })));
    }
}
