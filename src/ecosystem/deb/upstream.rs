//! What archives have: their signed releases, the lists of packages that these name, and the packages.
//!
//! Nothing is believed here for its signature: the importing side judges it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::coordinate::{PackageFile, Suite, clean_folder, pool_path};
use super::sources::Source;
use super::suite::{List, Opened, read_list};
use super::{APT_RELEASE, ID, PLACES};
use crate::archive::apt::{Digests, Listed};
use crate::ecosystem::{Indexed, IndexedProof, Located, NewDocument, NewIndex, Upstream, UpstreamError, Wanted};
use crate::model::{Algorithm, Artifact, Claim, Digest, ProofState};

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

/// A package that fits what is wanted.
struct Candidate {
    rank: usize,
    package: PackageFile,
    claims: Vec<Claim>,
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
        wanted.claims.extend(candidate.claims);
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
    let claims = claims(&listed.digests);
    if claims.is_empty() {
        return None;
    }
    let rank = source
        .architectures
        .iter()
        .position(|architecture| *architecture == package.architecture || package.architecture == "all");
    Some(Candidate {
        rank: rank.unwrap_or(source.architectures.len()),
        claims,
        size: listed.size,
        url: format!("{}{}", source.url, clean_folder(listed.filename)),
        package,
    })
}

fn claims(digests: &Digests) -> Vec<Claim> {
    let sha256 = digests
        .sha256
        .map(|digest| Claim::new(Algorithm::Sha256, digest.to_vec()));
    let sha512 = digests
        .sha512
        .map(|digest| Claim::new(Algorithm::Sha512, digest.to_vec()));
    sha256.into_iter().chain(sha512).filter_map(Result::ok).collect()
}

/// What is known of one artifact.
#[derive(Default)]
struct Seen {
    /// The places in [`Indexed::indexes`] of the first chain that lists it.
    chain: Option<Vec<usize>>,
    /// Paragraphs of its document.
    places: BTreeSet<String>,
}

/// Finds artifacts in the signed indexes of the sources, by SHA-256; by name and version where a list has the SHA-512 alone, which is compared when the proof
/// is judged.
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
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, artifact) in artifacts.iter().enumerate() {
        by_name.entry(&artifact.name).or_default().push(at);
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
                let found = match (listed.digests.sha256, listed.digests.sha512) {
                    (Some(digest), _) => by_digest.get(&digest),
                    (None, Some(_)) => by_name.get(listed.package),
                    (None, None) => None,
                };
                for &at in found.into_iter().flatten() {
                    let is_it = packages[at].as_ref().is_some_and(|package| {
                        is_listed(package, listed) && pool_path(&opened.suite.archive, listed.filename).is_ok()
                    });
                    if is_it {
                        is_used = true;
                        seen[at].chain.get_or_insert_with(|| chain.clone());
                        seen[at]
                            .places
                            .insert(place(&opened.suite, listed, &artifacts[at].digest));
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
fn place(suite: &Suite, listed: &Listed<'_>, digest: &Digest) -> String {
    format!(
        "Archive: {}\nFilename: {}\nSHA256: {}\n",
        suite.archive,
        listed.filename,
        digest.hex()
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
