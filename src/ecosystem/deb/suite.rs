//! A suite of an archive as it is served: its signed release, and the lists of packages that this names.
//!
//! What a release does not list with a strong digest, or what has another digest, is not taken.

use std::collections::BTreeSet;
use std::io::Cursor;

use super::coordinate::{Suite, archive_of};
use super::inspect::index_version;
use super::sources::Source;
use super::{SIGNATURE, SIGNED, SIGNED_APART};
use crate::archive::apt::{IndexFile, Listed, Release, packages_compression, read_packages, signed_part};
use crate::archive::inflate::{Compression, Inflated};
use crate::archive::tar::Limits;
use crate::ecosystem::{DocumentRequest, Upstream, UpstreamError};
use crate::model::{Algorithm, Digest, MultiHasher};

/// The largest `InRelease` of any archive has some 300 KiB.
const MAX_RELEASE_BYTES: u64 = 8 << 20;

/// The largest list that is judged (`evidence::MAX_PROOF_BYTES`): Debian's largest has 60 MB as plain text, and 10 MB compressed.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// The compressions that clients read, smallest first.
const EXTENSIONS: [&str; 5] = [".xz", ".zst", ".bz2", ".gz", ""];

/// A suite whose release was read.
pub(super) struct Opened {
    source: Source,
    pub(super) suite: Suite,
    release: Release,
    pub(super) version: String,
    /// The signed text, and its signature if that lies beside it: file, origin, bytes.
    pub(super) signed: Vec<(&'static str, String, Vec<u8>)>,
}

/// A list of packages whose bytes are those that its release names.
pub(super) struct List {
    pub(super) file: String,
    pub(super) origin: String,
    pub(super) bytes: Vec<u8>,
}

impl Opened {
    /// `None` where the archive has no signed release there.
    pub(super) fn read(source: &Source, upstream: &dyn Upstream) -> Result<Option<Self>, UpstreamError> {
        let malformed = |url: &str, reason: String| UpstreamError::Malformed {
            url: url.to_owned(),
            reason,
        };
        let suite = archive_of(&source.url)
            .and_then(|archive| Suite::new(&archive, &source.suite))
            .ok_or_else(|| malformed(&source.url, "its address or suite is not a plain one".to_owned()))?;
        let folder = format!("{}{}", source.url, suite.folder_in_archive());
        let ask = |file: &'static str| {
            let request = DocumentRequest {
                url: format!("{folder}{file}"),
                accept: None,
                max_bytes: MAX_RELEASE_BYTES,
            };
            let fetched = upstream.document(&request)?;
            Ok::<_, UpstreamError>(fetched.map(|fetched| (file, fetched.url, fetched.bytes)))
        };
        let (signed, text) = if let Some(inline) = ask(SIGNED)? {
            let text = std::str::from_utf8(&inline.2).ok().and_then(signed_part);
            let text =
                text.ok_or_else(|| malformed(&inline.1, "it is not one signed text and nothing else".to_owned()))?;
            (vec![inline], text)
        } else if let (Some(apart), Some(signature)) = (ask(SIGNED_APART)?, ask(SIGNATURE)?) {
            let text =
                String::from_utf8(apart.2.clone()).map_err(|_| malformed(&apart.1, "it is not UTF-8".to_owned()))?;
            (vec![apart, signature], text)
        } else {
            return Ok(None);
        };
        let release = Release::read(&text).map_err(|error| malformed(&signed[0].1, error.to_string()))?;
        Ok(Some(Self {
            version: index_version(&release, &Digest::of(&signed[0].2)),
            source: source.clone(),
            suite,
            release,
            signed,
        }))
    }

    /// The lists of packages for some architectures: those of the source, if it names any. What the archive lists and does not
    /// serve is not among them; the last such failure is given beside.
    pub(super) fn lists(
        &self,
        wanted: &BTreeSet<String>,
        upstream: &dyn Upstream,
    ) -> (Vec<List>, Option<UpstreamError>) {
        let mut paths = Vec::new();
        if self.suite.is_flat() {
            paths.push("Packages".to_owned());
        }
        let mut architectures: Vec<&String> = match self.source.architectures.is_empty() {
            false => self.source.architectures.iter().collect(),
            true => wanted.iter().filter(|architecture| *architecture != "all").collect(),
        };
        // Where nobody names one, the first that the archive has; packages for all architectures usually stand in the list of each.
        if architectures.is_empty() {
            architectures.extend(self.release.architectures.iter().find(|known| *known != "all"));
        }
        let all = "all".to_owned();
        if self.release.lists_all_apart {
            architectures.push(&all);
        }
        for component in &self.source.components {
            for architecture in &architectures {
                paths.push(format!("{component}/binary-{architecture}/Packages"));
            }
        }
        let mut lists = Vec::new();
        let mut failure = None;
        for path in paths {
            match self.list(&path, upstream) {
                Ok(list) => lists.extend(list),
                Err(error) => failure = Some(error),
            }
        }
        (lists, failure)
    }

    /// One list, in the first compression that is served. `None` where the release does not list it.
    fn list(&self, path: &str, upstream: &dyn Upstream) -> Result<Option<List>, UpstreamError> {
        let base = format!("{}{}", self.source.url, self.suite.folder_in_archive());
        let mut is_listed = false;
        let mut other = None;
        for extension in EXTENSIONS {
            let file = format!("{path}{extension}");
            let Some(listed) = self.release.files.get(&file).filter(|file| file.size <= MAX_LIST_BYTES) else {
                continue;
            };
            is_listed = true;
            let whole = format!("{base}{file}");
            if listed.size == 0 && fits(&[], listed) {
                // Archives serve no empty files, or odd ones.
                return Ok(Some(List {
                    file,
                    origin: whole,
                    bytes: Vec::new(),
                }));
            }
            let mut urls = Vec::new();
            if let (true, Some(digest)) = (self.release.by_hash, &listed.sha256) {
                let folder = whole.rfind('/').map_or("", |at| &whole[..=at]);
                urls.push(format!("{folder}by-hash/SHA256/{}", hex::encode(digest)));
            }
            urls.push(whole);
            for url in urls {
                let fetched = upstream.document(&DocumentRequest {
                    url,
                    accept: None,
                    max_bytes: MAX_LIST_BYTES,
                })?;
                let Some(fetched) = fetched else { continue };
                let bytes = match fits(&fetched.bytes, listed) {
                    true => Some(fetched.bytes),
                    false => inflated(&fetched.bytes, listed),
                };
                match bytes {
                    Some(bytes) => {
                        return Ok(Some(List {
                            file,
                            origin: fetched.url,
                            bytes,
                        }));
                    }
                    None => other = Some(fetched.url),
                }
            }
        }
        match other {
            Some(url) => Err(UpstreamError::Malformed {
                url,
                reason: "it has other bytes than the archive's release lists; the archive may just be changing"
                    .to_owned(),
            }),
            None if !is_listed && self.lists_otherwise(path) => Err(UpstreamError::Malformed {
                url: base,
                reason: format!("its release lists {path} in no compression that is known here"),
            }),
            None if is_listed => Err(UpstreamError::NotListed {
                url: base,
                what: format!("{path}, which its release lists"),
            }),
            None => Ok(None),
        }
    }

    /// Whether the release lists a list of packages, in a compression that is not known here.
    fn lists_otherwise(&self, path: &str) -> bool {
        let mut listed = self.release.files.keys();
        listed.any(|file| {
            let extension = file.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
            extension.is_some_and(|extension| !extension.contains(['.', '/'])) && packages_compression(file).is_none()
        })
    }
}

/// Whether bytes have the size and every strong digest that a release states.
fn fits(bytes: &[u8], listed: &IndexFile) -> bool {
    if bytes.len() as u64 != listed.size {
        return false;
    }
    let mut hasher = MultiHasher::new([Algorithm::Sha512]);
    hasher.update(bytes);
    let (sha256, claims) = hasher.finish();
    let sha512 = claims.iter().find(|claim| claim.algorithm() == Algorithm::Sha512);
    let is_sha256 = listed
        .sha256
        .as_deref()
        .is_none_or(|digest| digest == sha256.as_bytes());
    let is_sha512 = listed
        .sha512
        .as_deref()
        .is_none_or(|digest| sha512.is_some_and(|own| own.bytes() == digest));
    is_sha256 && is_sha512 && (listed.sha256.is_some() || listed.sha512.is_some())
}

/// A client keeps a list in a compression of its own: what counts is its content.
fn inflated(bytes: &[u8], listed: &IndexFile) -> Option<Vec<u8>> {
    let limits = Limits {
        inflated_bytes: listed.size,
        ..Limits::default()
    };
    let mut reader = Cursor::new(bytes);
    let mut inflated = Inflated::new(Compression::of_bytes(bytes), &mut reader, &limits).ok()?;
    // One more than there should be, so that the end is seen.
    let mut content = vec![0; usize::try_from(listed.size).ok()? + 1];
    let read = inflated.fill(&mut content).ok()?;
    content.truncate(read);
    fits(&content, listed).then_some(content)
}

/// Tells every package of a list.
pub(super) fn read_list(list: &List, visit: &mut dyn FnMut(&Listed<'_>)) -> Result<(), UpstreamError> {
    // A list is only taken in a compression that is known.
    let compression = packages_compression(&list.file).unwrap_or(Compression::None);
    read_packages(compression, &mut Cursor::new(&list.bytes), visit).map_err(|error| UpstreamError::Malformed {
        url: list.origin.clone(),
        reason: std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_without_a_strong_digest_fit_nothing() {
        let digest = Digest::of(b"x").as_bytes().to_vec();
        let listed = |sha256: Option<&Vec<u8>>| IndexFile {
            size: 1,
            sha256: sha256.cloned(),
            sha512: None,
        };
        assert!(fits(b"x", &listed(Some(&digest))));
        assert!(!fits(b"y", &listed(Some(&digest))));
        assert!(!fits(b"x", &listed(None)));
    }
}
