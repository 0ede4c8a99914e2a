//! What a registry is asked: where a tarball is, and which documents and proofs come with it.
//!
//! Source: npm's registry API: `GET /<name>`, `GET /-/npm/v1/keys`, `GET /-/npm/v1/attestations/<name>@<version>`; npm's
//! documentation, "About ECDSA registry signatures" and "Generating provenance statements".

use super::coordinate;
use super::packument::{self, Dist, Packument};
use crate::ecosystem::{
    Companions, DocumentRequest, Fetched, Located, NamedBy, NewDocument, NewProof, Upstream, UpstreamBase,
    UpstreamError, Wanted,
};
use crate::model::{Artifact, Proof, ProofState};

/// The registry's ECDSA signature over name, version and integrity; it lies in the packument.
pub(crate) const SIGNATURE: &str = "npm-signature";

/// The Sigstore bundles that the registry keeps for a version: its own publication, and build provenance.
pub(crate) const ATTESTATIONS: &str = "npm-attestations";

/// The registry's public keys, for reference: what counts is pinned in the enclave.
const KEYS_KIND: &str = "registry-keys";

/// The key list has a handful of keys.
const MAX_KEYS_BYTES: u64 = 1 << 20;

/// A version has a handful of attestations of some 20 KiB.
const MAX_ATTESTATIONS_BYTES: u64 = 16 << 20;

/// Finds the tarball: where the lockfile says, otherwise where the packument says.
///
/// A lock that names another registry than the client's configuration is followed second, as the client does it: the
/// recorded host is often out of reach for the one who configured a mirror.
pub(crate) fn locate(wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
    let file = coordinate::file_name(&wanted.name, &wanted.version);
    let at = |url: String| Located {
        file: file.clone(),
        url,
        claims: wanted.claims.clone(),
        size: wanted.size,
    };
    if !wanted.urls.is_empty() {
        let configured = upstream.bases(super::ID);
        let registry = wanted.registry.as_deref().map(|url| url.trim_end_matches('/'));
        let is_configured = configured
            .iter()
            .any(|base| !is_locked(base) && Some(base.url.trim_end_matches('/')) == registry);
        let mut located = Vec::new();
        if registry.is_some() && !is_configured {
            let mirrors = configured_for(&wanted.name, &configured).into_iter();
            located.extend(mirrors.map(|base| at(format!("{base}/{}/-/{file}", wanted.name))));
        }
        let urls = wanted.urls.iter().map(|url| url.split('#').next().unwrap_or(url));
        located.extend(urls.map(|url| at(url.to_owned())));
        return Ok(located);
    }
    let mut asked = None;
    for base in bases(&wanted.name, wanted.registry.as_deref(), upstream)? {
        let request = packument_request(&base, &wanted.name);
        let url = request.url.clone();
        if let Some(fetched) = upstream.document(&request)? {
            let packument = read(&fetched)?;
            if let Some(dist) = packument.dist(&wanted.version) {
                let dist = dist.map_err(|error| malformed(&fetched.url, error))?;
                let url = match dist.tarball {
                    Some(url) if coordinate::is_web_url(&url) => url,
                    Some(url) => {
                        return Err(malformed(&fetched.url, format_args!("{url:?} is not a tarball's URL")));
                    }
                    None => format!("{base}/{}/-/{file}", wanted.name),
                };
                return Ok(vec![at(coordinate::without_credentials(&url))]);
            }
        }
        asked.get_or_insert(url);
    }
    Err(UpstreamError::NotListed {
        url: asked.unwrap_or_default(),
        what: format!("{}@{}", wanted.name, wanted.version),
    })
}

/// Fetches the packument, the registry's keys and the attestations of each version.
pub(crate) fn accompany(
    name: &str,
    artifacts: &[Artifact],
    upstream: &dyn Upstream,
) -> Result<Companions, UpstreamError> {
    let mut companions = Companions::default();
    let origin = artifacts
        .iter()
        .find_map(|artifact| coordinate::registry_of(&artifact.origin, name));
    for base in bases(name, origin, upstream)? {
        let Some(fetched) = upstream.document(&packument_request(&base, name))? else {
            continue;
        };
        let keys = ask(upstream, format!("{base}/-/npm/v1/keys"), MAX_KEYS_BYTES)?;
        let packument = read(&fetched)?;
        let served = Served::of(&packument, keys.is_some());
        for artifact in artifacts {
            let Some(dist) = packument.dist(&artifact.version) else {
                // Not listed any more, or a mirror of a part: the registry says nothing about it.
                companions.proofs.insert(artifact.file.clone(), nothing_served());
                continue;
            };
            let dist = dist.map_err(|error| malformed(&fetched.url, error))?;
            let signature = if dist.is_signed() {
                NewProof::InDocument(SIGNATURE, packument::KIND)
            } else {
                without(SIGNATURE, Served::missing(served.signatures))
            };
            let attestations = attestations(artifact, &dist, &base, &served, upstream)?;
            let proofs = vec![signature, attestations];
            companions.proofs.insert(artifact.file.clone(), proofs);
        }
        companions.documents.push(document(packument::KIND, fetched));
        companions.documents.extend(keys.map(|keys| document(KEYS_KIND, keys)));
        return Ok(companions);
    }
    for artifact in artifacts {
        companions.proofs.insert(artifact.file.clone(), nothing_served());
    }
    Ok(companions)
}

/// Which kinds of proof an upstream is known to serve: mirrors strip them, so that a missing one says nothing by itself.
struct Served {
    signatures: bool,
    attestations: bool,
}

impl Served {
    /// Any version with a proof shows that its kind is served. A registry that serves its keys and signs this package
    /// is taken to pass on attestations as well, since most packages have none in any version.
    fn of(packument: &Packument<'_>, has_keys: bool) -> Self {
        let mut served = Self {
            signatures: false,
            attestations: false,
        };
        for dist in packument.dists() {
            served.signatures |= dist.is_signed();
            served.attestations |= dist.is_attested();
        }
        served.attestations |= served.signatures && has_keys;
        served
    }

    fn missing(is_served: bool) -> ProofState {
        if is_served {
            ProofState::Absent
        } else {
            ProofState::NotServed
        }
    }
}

fn attestations(
    artifact: &Artifact,
    dist: &Dist,
    base: &str,
    served: &Served,
    upstream: &dyn Upstream,
) -> Result<NewProof, UpstreamError> {
    if !dist.is_attested() {
        return Ok(without(ATTESTATIONS, Served::missing(served.attestations)));
    }
    // The packument's own URL may name a host that this upstream stands in for.
    let coordinate = format!("{}@{}", coordinate::url_name(&artifact.name), artifact.version);
    let url = format!("{base}/-/npm/v1/attestations/{coordinate}");
    Ok(match ask(upstream, url, MAX_ATTESTATIONS_BYTES)? {
        Some(found) => NewProof::Present(ATTESTATIONS, vec![found.bytes]),
        None => without(ATTESTATIONS, ProofState::NotServed),
    })
}

/// Asks an endpoint that many upstreams lack: they answer with all kinds of client error.
fn ask(upstream: &dyn Upstream, url: String, max_bytes: u64) -> Result<Option<Fetched>, UpstreamError> {
    let request = DocumentRequest {
        url,
        accept: Some("application/json"),
        max_bytes,
    };
    match upstream.document(&request) {
        // 429 is about this client, not about the document.
        Err(UpstreamError::Status { status, .. }) if (400..500).contains(&status) && status != 429 => Ok(None),
        // Some answer with a page for people.
        Ok(Some(fetched)) if serde_json::from_slice::<serde::de::IgnoredAny>(&fetched.bytes).is_err() => Ok(None),
        other => other,
    }
}

/// The base URLs to ask about a name, without a slash at their end: those configured for it, then those that lockfiles
/// name for it, then where it came from.
fn bases(name: &str, origin: Option<&str>, upstream: &dyn Upstream) -> Result<Vec<String>, UpstreamError> {
    let known = upstream.bases(super::ID);
    let mut bases = configured_for(name, &known);
    let locked = known
        .iter()
        .filter(|base| is_locked(base))
        .map(|base| base.url.as_str());
    for url in locked.chain(origin) {
        let url = url.trim_end_matches('/').to_owned();
        if !bases.contains(&url) {
            bases.push(url);
        }
    }
    if bases.is_empty() {
        return Err(UpstreamError::NoUpstream {
            ecosystem: super::ID.to_owned(),
        });
    }
    Ok(bases)
}

/// The base URLs configured for a name's scope or, if there is none, for every name. A scope that has a registry of its
/// own is not asked for elsewhere: its names are nobody else's business.
fn configured_for(name: &str, configured: &[UpstreamBase]) -> Vec<String> {
    let serving = |scope: Option<&str>| -> Vec<String> {
        let bases = configured
            .iter()
            .filter(|base| base.scope.as_deref() == scope && !is_locked(base));
        bases.map(|base| base.url.trim_end_matches('/').to_owned()).collect()
    };
    match coordinate::scope(name).map(|scope| serving(Some(scope))) {
        Some(scoped) if !scoped.is_empty() => scoped,
        _ => serving(None),
    }
}

const fn is_locked(base: &UpstreamBase) -> bool {
    matches!(base.named_by, NamedBy::LockfileForName | NamedBy::LockfileForAll)
}

/// Asks for the full form: the short one has neither times nor all that is needed to serve it again.
fn packument_request(base: &str, name: &str) -> DocumentRequest {
    DocumentRequest {
        url: format!("{base}/{}", coordinate::url_name(name)),
        accept: Some("application/json"),
        max_bytes: packument::MAX_BYTES,
    }
}

fn read(fetched: &Fetched) -> Result<Packument<'_>, UpstreamError> {
    Packument::read(&fetched.bytes).map_err(|error| malformed(&fetched.url, error))
}

fn malformed(url: &str, reason: impl std::fmt::Display) -> UpstreamError {
    UpstreamError::Malformed {
        url: url.to_owned(),
        reason: reason.to_string(),
    }
}

fn document(kind: &'static str, fetched: Fetched) -> NewDocument {
    NewDocument {
        kind,
        origin: fetched.url,
        bytes: fetched.bytes,
    }
}

fn nothing_served() -> Vec<NewProof> {
    [SIGNATURE, ATTESTATIONS]
        .map(|kind| without(kind, ProofState::NotServed))
        .into()
}

fn without(kind: &str, state: ProofState) -> NewProof {
    NewProof::Without(Proof {
        kind: kind.to_owned(),
        state,
        objects: Vec::new(),
    })
}
