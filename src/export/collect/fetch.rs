//! Asks upstream for what is not at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::content::{Hashed, hash};
use super::local::{Found, Looked, Origin, cached_from, needed, settled_key};
use super::trouble::{Trouble, of_fetching, of_locating, subject};
use super::{Event, Sources};
use crate::ecosystem::{Ecosystem, Located, UpstreamError, Wanted};
use crate::export::select::Chosen;
use crate::model::{Claim, Code, Digest, Refusal, Unable};
use crate::net::{Client, FileRequest, Freshness, Obtained};

/// Completes what was found on this machine. What upstream gave is kept in the cache, also if something else fails.
pub(super) fn complete(
    chosen: &Chosen,
    looked: &mut Looked,
    ecosystem: &dyn Ecosystem,
    client: &Client,
    sources: &Sources<'_>,
) -> Result<(), Trouble> {
    let wanted = &chosen.wanted;
    let located = match locate(chosen, ecosystem, client) {
        Ok(located) => located,
        // Files that nobody serves any more do not spoil those at hand.
        Err(UpstreamError::NoUpstream { .. } | UpstreamError::NotListed { .. }) if !looked.found.is_empty() => {
            return Ok(());
        }
        Err(error) => return Err(of_locating(wanted, ecosystem, error)),
    };
    // Several addresses of one file are alternatives.
    let mut files: BTreeMap<&str, Vec<&Located>> = BTreeMap::new();
    for place in &located {
        files.entry(&place.file).or_default().push(place);
    }
    for (file, places) in files {
        if wanted.file.as_deref().is_some_and(|named| named != file) {
            continue;
        }
        let claims = accepted(wanted, places[0]);
        let is_it = |found: &Found| match &found.claim {
            Some(claim) => claims.contains(claim),
            None => found.file == file,
        };
        if !looked.found.iter().any(is_it) {
            let urls = places.iter().map(|place| place.url.clone()).collect();
            // The lockfile's own addresses have been tried.
            let cached = match wanted.urls.is_empty() {
                true => cached_from(wanted, file, urls, ecosystem, sources).filter(is_it),
                false => None,
            };
            let found = match cached {
                Some(found) => found,
                None => from_any(wanted, file, &places, client, sources)?,
            };
            looked.found.push(found);
        }
    }
    if looked.found.is_empty() {
        return Err(Refusal::new(
            Code::ArtifactNotFound,
            subject(wanted),
            "upstream serves no file that the lockfile names",
        )
        .into());
    }
    // What lies in a folder is not in our cache: only what is there as a whole is settled.
    let cache = sources.cache;
    if looked.found.iter().all(|found| cache.contains(&found.hashed.digest)) {
        let kept: Vec<Obtained> = looked.found.iter().map(obtained).collect();
        cache
            .settle(&settled_key(wanted), &kept)
            .map_err(|error| Trouble::unable("the cache cannot be used", error))?;
    }
    Ok(())
}

/// Where the artifact's files are served: by documents of the cache if they list all, else by documents of now.
pub(super) fn locate(
    chosen: &Chosen,
    ecosystem: &dyn Ecosystem,
    client: &Client,
) -> Result<Vec<Located>, UpstreamError> {
    let wanted = &chosen.wanted;
    let view = |freshness| client.view(freshness).with_lockfiles(&chosen.upstreams);
    let lists_all = |located: &[Located]| {
        wanted.file.is_some()
            || needed(wanted)
                .iter()
                .all(|claim| located.iter().any(|place| place.claims.contains(claim)))
    };
    match ecosystem.locate(wanted, &view(Freshness::Cached)) {
        Ok(located) if lists_all(&located) => Ok(located),
        Err(error @ UpstreamError::NoUpstream { .. }) => Err(error),
        // A document that was asked in this run is not asked again.
        _ => ecosystem.locate(wanted, &view(Freshness::Asked)),
    }
}

/// The digests with which a located file is accepted: never one that the lockfile does not state, and never weaker
/// than the strongest that it states.
pub(super) fn accepted(wanted: &Wanted, located: &Located) -> Vec<Claim> {
    let both: Vec<Claim> = located
        .claims
        .iter()
        .filter(|claim| wanted.claims.contains(claim))
        .cloned()
        .collect();
    if !both.is_empty() && Claim::strongest(&both) == Claim::strongest(&wanted.claims) {
        both
    } else {
        wanted.claims.clone()
    }
}

fn from_any(
    wanted: &Wanted,
    file: &str,
    places: &[&Located],
    client: &Client,
    sources: &Sources<'_>,
) -> Result<Found, Trouble> {
    let mut trouble: Option<Trouble> = None;
    let mut tried = BTreeSet::new();
    for place in places {
        if !tried.insert(&place.url) {
            continue;
        }
        match from_one(wanted, file, place, client, sources) {
            Ok(found) => return Ok(found),
            Err(fatal @ Trouble::Unable(_)) => return Err(fatal),
            // Other bytes are worse than none: they are what is told.
            Err(next) => {
                trouble = match trouble {
                    Some(first) if first.is_mismatch() || !next.is_mismatch() => Some(first),
                    _ => Some(next),
                };
            }
        }
    }
    let nowhere = || {
        Refusal::new(
            Code::ArtifactNotFound,
            subject(wanted),
            "upstream names no address for it",
        )
        .into()
    };
    Err(trouble.unwrap_or_else(nowhere))
}

fn from_one(
    wanted: &Wanted,
    file: &str,
    place: &Located,
    client: &Client,
    sources: &Sources<'_>,
) -> Result<Found, Trouble> {
    // Where the lockfile states no digest the registry's own checksums tell a broken transfer, and no more.
    let is_pinned = !wanted.claims.is_empty();
    let claims = match is_pinned {
        true => accepted(wanted, place),
        false => place.claims.clone(),
    };
    let request = FileRequest {
        url: &place.url,
        claims: &claims,
        size: wanted.size.or(place.size),
    };
    let progress = |bytes| (sources.progress)(Event::Fetched { bytes });
    let fetched = match is_pinned {
        true => client.fetch(&request, &progress),
        false => client.fetch_unpinned(&request, &progress),
    }
    .map_err(|error| of_fetching(wanted, error))?;
    let hashed = read_back(&sources.cache.path(&fetched.digest), &fetched.digest, &claims)?;
    let found = Found {
        file: file.to_owned(),
        hashed,
        origin: Origin::Fetched(fetched.url),
        claim: is_pinned.then(|| fetched.claim.clone()),
    };
    sources
        .cache
        .keep_obtained(
            wanted.ecosystem,
            &wanted.name,
            &wanted.version,
            &fetched.claim,
            &obtained(&found),
        )
        .map_err(|error| Trouble::unable("the cache cannot be used", error))?;
    Ok(found)
}

fn obtained(found: &Found) -> Obtained {
    Obtained {
        digest: found.hashed.digest,
        file: found.file.clone(),
        url: found.origin.word(),
    }
}

/// Reads a fetched file back once: what lies on the disk now is what will be packed.
fn read_back(path: &Path, written: &Digest, claims: &[Claim]) -> Result<Hashed, Trouble> {
    let hashed = hash(path, Claim::strongest(claims), &|_| {})
        .map_err(|error| Trouble::unable(format!("cannot read {}", path.display()), error))?;
    if hashed.digest != *written {
        let what = format!("{} does not hold what was written to it", path.display());
        return Err(Trouble::Unable(Box::new(Unable::new(what))));
    }
    Ok(hashed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Algorithm;

    #[test]
    fn a_disk_that_gives_back_something_else_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "written").unwrap();
        let written = Digest::of(b"written");
        assert_eq!(read_back(file.path(), &written, &[]).unwrap().digest, written);
        std::fs::write(file.path(), "Written").unwrap();
        assert!(read_back(file.path(), &written, &[]).unwrap_err().is_unable());
    }

    #[test]
    fn an_address_comes_with_no_digest_that_the_lockfile_does_not_state() {
        let claim = |byte| Claim::new(Algorithm::Sha256, vec![byte; 32]).unwrap();
        let wanted = Wanted {
            ecosystem: "files",
            name: "a".to_owned(),
            version: "1".to_owned(),
            file: None,
            claims: vec![claim(1), claim(2)],
            urls: Vec::new(),
            registry: None,
            path: None,
            size: None,
        };
        let located = |bytes: &[u8]| Located {
            file: "a".to_owned(),
            url: "https://files.example.com/a".to_owned(),
            claims: bytes.iter().map(|byte| claim(*byte)).collect(),
            size: None,
        };
        for (listed, expected) in [
            (&[][..], vec![claim(1), claim(2)]),
            (&[2], vec![claim(2)]),
            (&[3], vec![claim(1), claim(2)]),
            (&[3, 1], vec![claim(1)]),
        ] {
            assert_eq!(accepted(&wanted, &located(listed)), expected, "{listed:?}");
        }
    }
}
