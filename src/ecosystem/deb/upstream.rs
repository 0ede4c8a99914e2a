//! What archives have: their signed releases, the lists of packages that these name, and the packages.
//!
//! Nothing is believed here for its signature: the importing side judges it. What a release does not list with a strong digest, or
//! what has another digest, is not taken.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Cursor;

use super::coordinate::{PackageFile, Suite, archive_of, clean_folder, pool_path};
use super::inspect::index_version;
use super::sources::Source;
use super::{APT_RELEASE, ID, PLACES, SIGNATURE, SIGNED, SIGNED_APART};
use crate::archive::apt::{IndexFile, Listed, Release, read_packages, signed_part};
use crate::archive::inflate::{Compression, Inflated};
use crate::archive::tar::Limits;
use crate::ecosystem::{
    DocumentRequest, Indexed, IndexedProof, Located, NewDocument, NewIndex, Upstream, UpstreamError, Wanted,
};
use crate::model::{Algorithm, Artifact, Claim, Digest, MultiHasher, ProofState};

/// The largest `InRelease` of any archive has some 300 KiB.
const MAX_RELEASE_BYTES: u64 = 8 << 20;

/// The largest list that is judged (`evidence::MAX_PROOF_BYTES`): Debian's largest has 60 MB as plain text, and 10 MB compressed.
const MAX_LIST_BYTES: u64 = 64 << 20;

/// The compressions that clients read, smallest first.
const EXTENSIONS: [&str; 5] = [".xz", ".zst", ".bz2", ".gz", ""];

/// A package is served where the list or the index says.
pub(super) fn locate(wanted: &Wanted) -> Result<Vec<Located>, UpstreamError> {
    let (Some(file), false) = (&wanted.file, wanted.urls.is_empty()) else {
        return Err(UpstreamError::NoUpstream {
            ecosystem: ID.to_owned(),
        });
    };
    let places = wanted.urls.iter().map(|url| Located {
        file: file.clone(),
        url: url.clone(),
        claims: wanted.claims.clone(),
        size: wanted.size,
    });
    Ok(places.collect())
}

/// The sources that the upstreams name, each once.
fn sources(upstream: &dyn Upstream) -> Result<Vec<Source>, UpstreamError> {
    let mut sources: Vec<Source> = Vec::new();
    for base in upstream.bases(ID) {
        let source = Source::of_base(&base).ok_or_else(|| UpstreamError::Malformed {
            url: base.url.clone(),
            reason: "its scope is not such as `[arch=amd64] SUITE COMPONENT`".to_owned(),
        })?;
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    if sources.is_empty() {
        return Err(UpstreamError::NoUpstream {
            ecosystem: ID.to_owned(),
        });
    }
    Ok(sources)
}

/// A suite whose release was read.
struct Opened {
    source: Source,
    suite: Suite,
    release: Release,
    version: String,
    /// The signed text, and its signature if that lies beside it: file, origin, bytes.
    signed: Vec<(&'static str, String, Vec<u8>)>,
}

/// A list of packages whose bytes are those that its release names.
struct List {
    file: String,
    origin: String,
    bytes: Vec<u8>,
}

impl Opened {
    /// `None` where the archive has no signed release there.
    fn read(source: &Source, upstream: &dyn Upstream) -> Result<Option<Self>, UpstreamError> {
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
    fn lists(&self, wanted: &BTreeSet<String>, upstream: &dyn Upstream) -> (Vec<List>, Option<UpstreamError>) {
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
            None if is_listed => Err(UpstreamError::NotListed {
                url: base,
                what: format!("{path}, which its release lists"),
            }),
            None => Ok(None),
        }
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
    let compression = Compression::of_bytes(bytes);
    if compression == Compression::None {
        return None;
    }
    let limits = Limits {
        inflated_bytes: listed.size,
        ..Limits::default()
    };
    let mut reader = Cursor::new(bytes);
    let mut inflated = Inflated::new(compression, &mut reader, &limits).ok()?;
    // One more than there should be, so that the end is seen.
    let mut content = vec![0; usize::try_from(listed.size).ok()? + 1];
    let read = inflated.fill(&mut content).ok()?;
    content.truncate(read);
    fits(&content, listed).then_some(content)
}

/// Tells every package of a list.
fn read_list(list: &List, visit: &mut dyn FnMut(&Listed<'_>)) -> Result<(), UpstreamError> {
    let compression = Compression::of_name(&list.file);
    read_packages(compression, &mut Cursor::new(&list.bytes), visit).map_err(|error| UpstreamError::Malformed {
        url: list.origin.clone(),
        reason: std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": "),
    })
}

/// A package that fits what is wanted.
struct Candidate {
    rank: usize,
    package: PackageFile,
    sha256: [u8; 32],
    size: u64,
    url: String,
}

/// Finds digest, file, size and address of what is wanted by name and version.
pub(super) fn pin(wanted: &mut [Wanted], upstream: &dyn Upstream) -> Result<(), UpstreamError> {
    let sources = sources(upstream)?;
    let architectures: BTreeSet<String> = wanted.iter().filter_map(architecture_of).collect();
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, wanted) in wanted.iter().enumerate().filter(|(_, wanted)| wanted.claims.is_empty()) {
        by_name.entry(wanted.name.clone()).or_default().push(index);
    }
    let mut candidates: Vec<Option<Candidate>> = wanted.iter().map(|_| None).collect();
    let mut failure = None;
    for source in &sources {
        let opened = match Opened::read(source, upstream) {
            Ok(Some(opened)) => opened,
            Ok(None) => continue,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        let (lists, missing) = opened.lists(&architectures, upstream);
        if let Some(missing) = missing {
            failure.get_or_insert(missing);
        }
        for list in lists {
            let taken = read_list(&list, &mut |listed| {
                for &index in by_name.get(listed.package).into_iter().flatten() {
                    let candidate = candidate(&wanted[index], listed, source);
                    let place = &mut candidates[index];
                    // Of two that fit the first source counts, but the machine's own architecture before others.
                    if let Some(candidate) = candidate
                        && place.as_ref().is_none_or(|known| candidate.rank < known.rank)
                    {
                        *place = Some(candidate);
                    }
                }
            });
            if let Err(error) = taken {
                failure.get_or_insert(error);
            }
        }
    }
    let is_whole = wanted
        .iter()
        .zip(&candidates)
        .all(|(wanted, candidate)| candidate.is_some() || !wanted.claims.is_empty());
    if let (false, Some(failure)) = (is_whole, failure) {
        return Err(failure);
    }
    for (wanted, candidate) in wanted.iter_mut().zip(candidates) {
        let Some(candidate) = candidate else { continue };
        wanted.file = Some(candidate.package.file());
        wanted.size = Some(candidate.size);
        wanted
            .claims
            .extend(Claim::new(Algorithm::Sha256, candidate.sha256.to_vec()));
        if wanted.urls.is_empty() {
            wanted.urls.push(candidate.url);
        }
    }
    Ok(())
}

fn architecture_of(wanted: &Wanted) -> Option<String> {
    Some(PackageFile::read(wanted.file.as_deref()?)?.architecture)
}

fn candidate(wanted: &Wanted, listed: &Listed<'_>, source: &Source) -> Option<Candidate> {
    if listed.version != wanted.version || wanted.size.is_some_and(|size| size != listed.size) {
        return None;
    }
    let package = PackageFile::new(listed.package, listed.version, listed.architecture)?;
    if wanted.file.as_ref().is_some_and(|file| *file != package.file()) {
        return None;
    }
    let rank = source
        .architectures
        .iter()
        .position(|architecture| *architecture == package.architecture || package.architecture == "all");
    Some(Candidate {
        rank: rank.unwrap_or(source.architectures.len()),
        sha256: listed.sha256,
        size: listed.size,
        url: format!("{}{}", source.url, clean_folder(listed.filename)),
        package,
    })
}

/// What is known of one artifact.
#[derive(Default)]
struct Seen {
    /// The places in [`Indexed::indexes`] of the first chain that lists it.
    chain: Option<Vec<usize>>,
    /// Paragraphs of its document.
    places: BTreeSet<String>,
}

/// Finds artifacts in the signed indexes of the sources, by digest.
pub(super) fn index(artifacts: &[Artifact], upstream: &dyn Upstream) -> Result<Indexed, UpstreamError> {
    let sources = sources(upstream)?;
    let packages: Vec<Option<PackageFile>> = artifacts
        .iter()
        .map(|artifact| PackageFile::read(&artifact.file))
        .collect();
    let architectures: BTreeSet<String> = packages
        .iter()
        .flatten()
        .map(|package| package.architecture.clone())
        .collect();
    let mut by_digest: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
    for (at, artifact) in artifacts.iter().enumerate() {
        by_digest.entry(*artifact.digest.as_bytes()).or_default().push(at);
    }
    let mut seen: Vec<Seen> = artifacts.iter().map(|_| Seen::default()).collect();
    let mut indexed = Indexed::default();
    let mut failure = None;
    let mut has_release = false;
    for source in &sources {
        let opened = match Opened::read(source, upstream) {
            Ok(Some(opened)) => opened,
            Ok(None) => continue,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        has_release = true;
        let (lists, missing) = opened.lists(&architectures, upstream);
        if let Some(missing) = missing {
            failure.get_or_insert(missing);
        }
        // Where each list will stand, if the suite is carried.
        let first = indexed.indexes.len();
        let signed: Vec<usize> = (first..first + opened.signed.len()).collect();
        let mut is_used = false;
        for (number, list) in lists.iter().enumerate() {
            let chain: Vec<usize> = signed.iter().copied().chain([first + signed.len() + number]).collect();
            let taken = read_list(list, &mut |listed| {
                for &at in by_digest.get(&listed.sha256).into_iter().flatten() {
                    let is_it = packages[at].as_ref().is_some_and(|package| {
                        is_listed(package, listed) && pool_path(&opened.suite.archive, listed.filename).is_ok()
                    });
                    if is_it {
                        is_used = true;
                        seen[at].chain.get_or_insert_with(|| chain.clone());
                        seen[at].places.insert(place(&opened.suite, listed));
                    }
                }
            });
            if let Err(error) = taken {
                failure.get_or_insert(error);
            }
        }
        if is_used {
            carry(opened, lists, signed, &mut indexed);
        }
    }
    let is_whole = seen.iter().all(|seen| seen.chain.is_some());
    if let (false, Some(failure)) = (is_whole, failure) {
        return Err(failure);
    }
    let state = match has_release {
        true => ProofState::Absent,
        false => ProofState::NotServed,
    };
    let mut places: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (artifact, seen) in artifacts.iter().zip(seen) {
        let key = (artifact.name.clone(), artifact.version.clone(), artifact.file.clone());
        let proof = IndexedProof {
            kind: APT_RELEASE,
            state: if seen.chain.is_some() {
                ProofState::Present
            } else {
                state
            },
            indexes: seen.chain.unwrap_or_default(),
        };
        indexed.found.insert(key, proof);
        places.entry(&artifact.name).or_default().extend(seen.places);
    }
    for (name, paragraphs) in places.into_iter().filter(|(_, paragraphs)| !paragraphs.is_empty()) {
        let document = NewDocument {
            kind: PLACES,
            // Excerpts of several documents; the indexes themselves say where they came from.
            origin: "indexes".to_owned(),
            bytes: paragraphs.into_iter().collect::<Vec<_>>().join("\n").into_bytes(),
        };
        indexed.documents.push((name.to_owned(), document));
    }
    Ok(indexed)
}

fn is_listed(package: &PackageFile, listed: &Listed<'_>) -> bool {
    package.name == listed.package && package.version == listed.version && package.architecture == listed.architecture
}

/// The paragraph that says where a package lies in an archive.
fn place(suite: &Suite, listed: &Listed<'_>) -> String {
    format!(
        "Archive: {}\nFilename: {}\nSHA256: {}\n",
        suite.archive,
        listed.filename,
        hex::encode(listed.sha256)
    )
}

/// Takes a suite's release and lists along, each as an artifact.
fn carry(opened: Opened, lists: Vec<List>, signed: Vec<usize>, indexed: &mut Indexed) {
    let Opened {
        suite,
        version,
        signed: texts,
        ..
    } = opened;
    let new = |file: &str, origin: String, bytes: Vec<u8>, indexes: Vec<usize>| NewIndex {
        name: suite.name(),
        version: version.clone(),
        file: file.to_owned(),
        origin,
        bytes,
        proof: IndexedProof {
            kind: APT_RELEASE,
            state: ProofState::Present,
            indexes,
        },
    };
    for (file, origin, bytes) in texts {
        indexed.indexes.push(new(file, origin, bytes, signed.clone()));
    }
    for list in lists {
        let chain = signed.iter().copied().chain([indexed.indexes.len()]).collect();
        indexed.indexes.push(new(&list.file, list.origin, list.bytes, chain));
    }
}
