//! What an index has: where the wanted files are served, its page about a project, and attestations (PEP 740).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::coordinate::read_file_name;
use super::simple::{KIND_HTML, KIND_JSON, Page, PageFile, Provenance};
use super::version::Version;
use super::{ATTESTATIONS, ID, url};
use crate::ecosystem::{
    Companions, DocumentRequest, Fetched, Located, NamedBy, NewDocument, NewProof, Upstream, UpstreamError, Wanted,
};
use crate::model::{Artifact, Claim, Proof, ProofState};

/// JSON first, then HTML (PEP 691, "Content negotiation").
const ACCEPT_PAGE: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";

const ACCEPT_PROVENANCE: &str = "application/vnd.pypi.integrity.v1+json";

/// The largest public pages (nightly builds, 30,000 files) have about 30 MiB.
const MAX_PAGE_BYTES: u64 = 64 << 20;

/// A provenance object has about 10 KiB for every attestation.
const MAX_PROVENANCE_BYTES: u64 = 4 << 20;

/// Finds the URLs at which the wanted files are served: those of the lockfile, or else those whose digest an index page
/// gives.
pub(super) fn locate(wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
    if let Some(url) = wanted.urls.first() {
        let file = wanted
            .file
            .clone()
            .or_else(|| url::file_name(url))
            .ok_or_else(|| UpstreamError::Malformed {
                url: url.clone(),
                reason: "the URL names no file".to_owned(),
            })?;
        return Ok(vec![Located {
            file,
            url: url.clone(),
            claims: wanted.claims.clone(),
            size: wanted.size,
        }]);
    }
    let version: Version = wanted.version.parse().map_err(|_| UpstreamError::NotListed {
        url: wanted.registry.clone().unwrap_or_default(),
        what: describe(wanted),
    })?;

    let mut failure = None;
    let mut page_url = None;
    for base in bases(wanted.registry.as_deref(), upstream) {
        match fetch_page(&base, &wanted.name, upstream) {
            Ok(Some(found)) => {
                let located = select(wanted, &version, &found.page);
                if !located.is_empty() {
                    return Ok(located);
                }
                page_url.get_or_insert(found.fetched.url);
            }
            Ok(None) => {
                page_url.get_or_insert(page_address(&base, &wanted.name));
            }
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    // An index that failed may be the one that has it: its failure says more than another's "not listed".
    Err(match (failure, page_url) {
        (Some(failure), _) => failure,
        (None, Some(url)) => UpstreamError::NotListed {
            url,
            what: describe(wanted),
        },
        (None, None) => UpstreamError::NoUpstream {
            ecosystem: ID.to_owned(),
        },
    })
}

fn describe(wanted: &Wanted) -> String {
    match &wanted.file {
        Some(file) => format!("{file} with a digest that the lockfile accepts"),
        None => format!(
            "a file of {} {} with a digest that the lockfile accepts",
            wanted.name, wanted.version
        ),
    }
}

/// The files of a page that the lockfile accepts: by digest, never by name alone.
fn select(wanted: &Wanted, version: &Version, page: &Page) -> Vec<Located> {
    let mut located: Vec<Located> = Vec::new();
    for file in &page.files {
        let is_wanted = read_file_name(&file.file)
            .is_some_and(|read| read.name == wanted.name && read.version == *version)
            && wanted.file.as_ref().is_none_or(|name| *name == file.file);
        if !is_wanted || located.iter().any(|known| known.file == file.file) {
            continue;
        }
        let claims: Vec<Claim> = wanted
            .claims
            .iter()
            .filter(|claim| file.claims.contains(claim))
            .cloned()
            .collect();
        if !claims.is_empty() {
            located.push(Located {
                file: file.file.clone(),
                url: file.url.clone(),
                claims,
                size: file.size,
            });
        }
    }
    located
}

/// Fetches the index page of a project, and the attestations that it names.
pub(super) fn accompany(
    name: &str,
    artifacts: &[Artifact],
    upstream: &dyn Upstream,
) -> Result<Companions, UpstreamError> {
    let bases = bases(None, upstream);
    let mut companions = Companions::default();
    let without = |state| {
        NewProof::Without(Proof {
            kind: ATTESTATIONS.to_owned(),
            state,
            objects: Vec::new(),
        })
    };

    // Each artifact is accompanied by the first index that lists it with its digest.
    let mut missing: Vec<&Artifact> = artifacts.iter().collect();
    let mut failure = None;
    for base in &bases {
        if missing.is_empty() {
            break;
        }
        let found = match fetch_page(base, name, upstream) {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        let listed: BTreeMap<&str, &PageFile> =
            found.page.files.iter().map(|file| (file.file.as_str(), file)).collect();
        let mut is_used = false;
        let mut still_missing = Vec::new();
        for artifact in missing {
            let Some(file) = listed.get(artifact.file.as_str()).filter(|file| lists(file, artifact)) else {
                still_missing.push(artifact);
                continue;
            };
            is_used = true;
            let proof = match &file.provenance {
                // An index that states it for other files, but not for this, has none for it (PEP 740).
                Provenance::Unsaid if !found.page.knows_provenance() => without(ProofState::NotServed),
                Provenance::Unsaid | Provenance::None => without(ProofState::Absent),
                Provenance::At(at) => match fetch_provenance(at, &bases, upstream)? {
                    Ok(bytes) => NewProof::Present(ATTESTATIONS, vec![bytes]),
                    Err(state) => without(state),
                },
            };
            companions.proofs.insert(artifact.file.clone(), vec![proof]);
        }
        missing = still_missing;
        if is_used {
            companions.documents.push(NewDocument {
                kind: found.kind,
                origin: found.fetched.url,
                bytes: found.fetched.bytes,
            });
        }
    }
    if let (Some(failure), false) = (failure, missing.is_empty()) {
        return Err(failure);
    }
    let state = if bases.is_empty() {
        ProofState::NotAsked
    } else {
        // No index that was asked knows this file, so none has said anything about it.
        ProofState::NotServed
    };
    for artifact in missing {
        companions.proofs.insert(artifact.file.clone(), vec![without(state)]);
    }
    Ok(companions)
}

/// Whether a page's entry is about exactly these bytes.
fn lists(file: &PageFile, artifact: &Artifact) -> bool {
    file.claims
        .iter()
        .any(|claim| claim.bytes() == artifact.digest.as_bytes())
}

/// The shape of a provenance object, as far as it tells an answer from an error page (PEP 740).
#[derive(Deserialize)]
struct ProvenanceObject {
    attestation_bundles: Vec<serde::de::IgnoredAny>,
}

/// Fetches a provenance object, or says why there is none.
fn fetch_provenance(
    at: &str,
    bases: &[String],
    upstream: &dyn Upstream,
) -> Result<Result<Vec<u8>, ProofState>, UpstreamError> {
    // A mirror's page may still name the origin's endpoint: a host that nobody has named is not asked.
    let origin = url::origin(at);
    if !bases.iter().any(|base| url::origin(base) == origin) {
        return Ok(Err(ProofState::NotServed));
    }
    let request = DocumentRequest {
        url: at.to_owned(),
        accept: Some(ACCEPT_PROVENANCE),
        max_bytes: MAX_PROVENANCE_BYTES,
    };
    let Some(fetched) = upstream.document(&request)? else {
        // The page says that there is one; this index has lost it or does not carry it.
        return Ok(Err(ProofState::NotServed));
    };
    let object: ProvenanceObject =
        serde_json::from_slice(&fetched.bytes).map_err(|error| UpstreamError::Malformed {
            url: fetched.url,
            reason: format!("not a provenance object: {error}"),
        })?;
    if object.attestation_bundles.is_empty() {
        return Ok(Err(ProofState::Absent));
    }
    Ok(Ok(fetched.bytes))
}

/// A page as it came, and as it was read.
struct FoundPage {
    kind: &'static str,
    fetched: Fetched,
    page: Page,
}

fn page_address(base: &str, name: &str) -> String {
    format!("{}/{name}/", base.trim_end_matches('/'))
}

fn fetch_page(base: &str, name: &str, upstream: &dyn Upstream) -> Result<Option<FoundPage>, UpstreamError> {
    let request = DocumentRequest {
        url: page_address(base, name),
        accept: Some(ACCEPT_PAGE),
        max_bytes: MAX_PAGE_BYTES,
    };
    let Some(fetched) = upstream.document(&request)? else {
        return Ok(None);
    };
    let media_type = fetched
        .media_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    let kind = match media_type.as_str() {
        "application/vnd.pypi.simple.v1+json" | "application/json" => KIND_JSON,
        "application/vnd.pypi.simple.v1+html" | "text/html" => KIND_HTML,
        other => {
            return Err(UpstreamError::Malformed {
                reason: format!("not an index page but `{}`", other.escape_debug()),
                url: fetched.url,
            });
        }
    };
    let page = Page::read(kind, &fetched.bytes, &fetched.url, name).map_err(|error| UpstreamError::Malformed {
        url: fetched.url.clone(),
        reason: error.to_string(),
    })?;
    Ok(Some(FoundPage { kind, fetched, page }))
}

/// The indexes to ask, each once: what the operator names, then what the lockfile names. Where the lockfile says which
/// index a project comes from, those of the client's configuration never hear its name.
fn bases(registry: Option<&str>, upstream: &dyn Upstream) -> Vec<String> {
    let mut known = upstream.bases(ID);
    if registry.is_some() || known.iter().any(|base| base.named_by == NamedBy::LockfileForName) {
        known.retain(|base| base.named_by != NamedBy::Client);
    }
    let (operator, others): (Vec<_>, Vec<_>) = known
        .into_iter()
        .map(|base| (base.named_by, base.url))
        .partition(|(by, _)| *by == NamedBy::Operator);
    let operator = operator.into_iter().map(|(_, url)| url);
    let others = others.into_iter().map(|(_, url)| url);
    let mut bases: Vec<String> = Vec::new();
    for url in operator.chain(registry.map(str::to_owned)).chain(others) {
        let url = url.trim_end_matches('/').to_owned();
        if !bases.contains(&url) {
            bases.push(url);
        }
    }
    bases
}
