//! Sparse registries: where a crate is served, and what the index says about it (Cargo reference, "Registry index").

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::configuration::with_slash;
use super::{ID, INDEX_LINES, coordinate, index_line};
use crate::ecosystem::{
    Companions, DocumentRequest, Located, NamedBy, NewDocument, Upstream, UpstreamBase, UpstreamError, Wanted,
};
use crate::model::{Algorithm, Artifact};

/// A `config.json` has three short members.
const MAX_CONFIG_BYTES: u64 = 64 << 10;

/// The longest index files have thousands of versions with hundreds of features each: some ten megabytes.
pub(crate) const MAX_INDEX_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct RegistryConfig {
    dl: String,
}

/// Asks the registries that serve the lockfile's source for their download template; the first that has one counts.
pub(crate) fn locate(wanted: &Wanted, upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
    if !coordinate::is_name(&wanted.name) || coordinate::version(&wanted.version).is_none() {
        return Err(UpstreamError::NotListed {
            url: wanted.registry.clone().unwrap_or_else(|| ID.to_owned()),
            what: format!(
                "{} {}, which is no crate's name and version",
                wanted.name, wanted.version
            ),
        });
    }
    let mut failed = UpstreamError::NoUpstream {
        ecosystem: ID.to_owned(),
    };
    for base in bases_for(wanted.registry.as_deref(), upstream) {
        match template(&base, upstream) {
            Ok(template) => {
                return Ok(vec![Located {
                    file: coordinate::file_name(&wanted.name, &wanted.version),
                    url: fill(&template, wanted)?,
                    claims: wanted.claims.clone(),
                    size: wanted.size,
                }]);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The bases for one crate: those of its own source or of every source, and the sparse index that the lockfile itself
/// names. A registry configured for one source is never asked about another's crates.
fn bases_for(source: Option<&str>, upstream: &dyn Upstream) -> Vec<String> {
    let mut configured = upstream.bases(ID);
    configured.retain(|base| !is_locked(base));
    let mut urls: Vec<String> = configured
        .iter()
        .filter(|base| base.scope.is_none() || base.scope.as_deref() == source)
        .map(|base| with_slash(base.url.strip_prefix("sparse+").unwrap_or(&base.url)))
        .collect();
    let replaced = configured.iter().any(|base| base.scope.as_deref() == source);
    if let Some(url) = source.and_then(|source| source.strip_prefix("sparse+"))
        && !replaced
    {
        urls.push(with_slash(url));
    }
    urls
}

/// A lockfile's own entry is the source as it stands there, which others may serve.
const fn is_locked(base: &UpstreamBase) -> bool {
    matches!(base.named_by, NamedBy::LockfileForName | NamedBy::LockfileForAll)
}

fn template(base: &str, upstream: &dyn Upstream) -> Result<String, UpstreamError> {
    let url = format!("{base}config.json");
    let Some(fetched) = upstream.document(&DocumentRequest {
        url: url.clone(),
        accept: None,
        max_bytes: MAX_CONFIG_BYTES,
    })?
    else {
        return Err(UpstreamError::NotListed {
            url: base.to_owned(),
            what: "config.json".to_owned(),
        });
    };
    match serde_json::from_slice::<RegistryConfig>(&fetched.bytes) {
        Ok(config) => Ok(config.dl),
        Err(error) => Err(UpstreamError::Malformed {
            url,
            reason: error.to_string(),
        }),
    }
}

/// Fills the download template (Cargo reference, "Index configuration"); one without markers gets the default tail.
fn fill(template: &str, wanted: &Wanted) -> Result<String, UpstreamError> {
    const MARKERS: [&str; 5] = ["{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}"];
    let (name, version) = (&wanted.name, &wanted.version);
    if !MARKERS.iter().any(|marker| template.contains(marker)) {
        return Ok(format!("{}/{name}/{version}/download", template.trim_end_matches('/')));
    }
    let mut url = template
        .replace("{crate}", name)
        .replace("{version}", version)
        .replace("{prefix}", &coordinate::prefix(name))
        .replace("{lowerprefix}", &coordinate::prefix(&name.to_ascii_lowercase()));
    if url.contains("{sha256-checksum}") {
        let claim = wanted
            .claims
            .iter()
            .find(|claim| claim.algorithm() == Algorithm::Sha256)
            .ok_or_else(|| UpstreamError::Malformed {
                url: template.to_owned(),
                reason: format!("it asks for a checksum, and {name} {version} has none"),
            })?;
        url = url.replace("{sha256-checksum}", &claim.hex());
    }
    Ok(url)
}

/// Fetches the index file of a name from the registries that list its artifacts, as it comes. No kind of proof exists
/// for crates; without any upstream there is just nothing.
pub(crate) fn accompany(
    name: &str,
    artifacts: &[Artifact],
    upstream: &dyn Upstream,
) -> Result<Companions, UpstreamError> {
    let mut companions = Companions {
        documents: Vec::new(),
        proofs: artifacts
            .iter()
            .map(|artifact| (artifact.file.clone(), Vec::new()))
            .collect::<BTreeMap<_, _>>(),
    };
    if !coordinate::is_name(name) {
        return Ok(companions);
    }
    let mut missing: Vec<&Artifact> = artifacts.iter().collect();
    // Loose crates have no source: only registries that serve every source hear of them.
    let known = upstream.bases(ID);
    let sources = known
        .iter()
        .filter(|base| is_locked(base))
        .map(|base| Some(base.url.as_str()));
    let sources: Vec<_> = sources.chain([None]).collect();
    let mut asked = BTreeSet::new();
    for base in sources.into_iter().flat_map(|source| bases_for(source, upstream)) {
        if missing.is_empty() || !asked.insert(base.clone()) {
            continue;
        }
        let Some(fetched) = upstream.document(&DocumentRequest {
            url: format!("{base}{}", coordinate::index_path(name)),
            accept: None,
            max_bytes: MAX_INDEX_BYTES,
        })?
        else {
            continue;
        };
        let before = missing.len();
        missing.retain(|artifact| index_line::find(&fetched.bytes, artifact).is_none());
        // A page that knows none of these bytes is about another registry's crate of the same name.
        if missing.len() < before {
            companions.documents.push(NewDocument {
                kind: INDEX_LINES,
                origin: fetched.url,
                bytes: fetched.bytes,
            });
        }
    }
    Ok(companions)
}
