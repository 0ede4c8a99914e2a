//! What an export would do (`--dry-run`): looks on this machine and asks for documents, and fetches no artifact.

use std::collections::BTreeMap;

use super::fetch::{accepted, locate};
use super::local::{Found, Looked, needed};
use super::parallel::in_parallel;
use super::trouble::{Trouble, not_found, of_locating, stop, subject};
use super::{Near, SourceObject, Sources, artifact_of, companions, look_everywhere, mismatch, pin, unique};
use crate::export::select::{Chosen, Selected};
use crate::model::{Algorithm, Artifact, Digest, Document, ProofState, Stop, Unable};

/// What an export would do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Files that lie on this machine.
    pub at_hand: u64,
    /// Their bytes.
    pub bytes_at_hand: u64,
    /// Files that have to be fetched.
    pub to_fetch: u64,
    /// Their bytes, as far as upstream states sizes.
    pub bytes_to_fetch: u64,
    /// Files among them whose size nobody states.
    pub of_unknown_size: u64,
    /// Registry documents and proofs, and their bytes.
    pub companions: (u64, u64),
    /// Artifacts that will go without any proof, in words.
    pub without_proof: Vec<String>,
    /// Artifacts for which proofs can be asked only once they are fetched.
    pub proof_unknown: Vec<String>,
    /// What was seen and is not taken.
    pub left_out: Vec<String>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// The artifacts that the bundle would have, sorted. Those to be fetched have a digest that only stands for them,
    /// where the lockfile does not state it.
    pub artifacts: Vec<Artifact>,
    /// The registries' documents, as far as they could be asked for.
    pub documents: Vec<Document>,
    /// The objects that are here, once each, sorted by digest.
    pub objects: Vec<SourceObject>,
    /// The files to be fetched: digests as in `artifacts`, and sizes, 0 where nobody states them.
    pub missing: Vec<(Digest, u64)>,
}

/// Finds out what an export would do. Stops where the export would.
pub fn plan(selected: &Selected, sources: &Sources<'_>) -> Result<Plan, Stop> {
    let near = Near {
        from: selected.from(),
        upstreams: selected.upstreams(),
    };
    let wanted = match pin::pin(selected.wanted().to_vec(), &near, sources) {
        Ok(wanted) => wanted,
        Err(troubles) => return Err(stop(troubles).unwrap_or_else(|| Unable::new("nothing is pinned").into())),
    };
    let looked = look_everywhere(&wanted, selected.from(), sources)?;
    let items: Vec<(&Chosen, Looked)> = wanted.iter().zip(looked).collect();
    let results = in_parallel(&items, super::REQUESTS_AT_ONCE, |(chosen, looked)| {
        of_one(chosen, looked, sources)
    });
    let mut plan = Plan {
        left_out: selected.left_out().to_vec(),
        warnings: selected.warnings().to_vec(),
        ..Plan::default()
    };
    let mut artifacts = Vec::new();
    let mut strangers = Vec::new();
    let mut troubles = Vec::new();
    for ((_, looked), result) in items.iter().zip(results) {
        plan.at_hand += looked.found.len() as u64;
        plan.bytes_at_hand += looked.found.iter().map(|found| found.hashed.size).sum::<u64>();
        match result {
            Err(trouble) => troubles.push(trouble),
            Ok(missing) => {
                for file in missing {
                    plan.to_fetch += 1;
                    plan.bytes_to_fetch += file.size.unwrap_or(0);
                    plan.of_unknown_size += u64::from(file.size.is_none());
                    plan.missing.push((file.artifact.digest, file.size.unwrap_or(0)));
                    if file.digest_is_known {
                        artifacts.push(file.artifact);
                    } else {
                        plan.proof_unknown.push(file.what);
                        strangers.push(file.artifact);
                    }
                }
            }
        }
    }
    let mut objects = BTreeMap::new();
    for (chosen, looked) in &items {
        for found in &looked.found {
            artifacts.push(artifact_of(chosen, found));
            objects
                .entry(found.hashed.digest)
                .or_insert_with(|| found.hashed.object(&found.file));
        }
    }
    let (mut artifacts, clashes) = unique(artifacts);
    troubles.extend(clashes);
    let (gathered, more) = companions::gather(&mut artifacts, &wanted, &near, sources);
    troubles.extend(more);
    if let Some(stop) = stop(troubles) {
        return Err(stop);
    }
    // The registry's keys come with every name, and are one object.
    let companions: BTreeMap<Digest, u64> = gathered
        .objects
        .iter()
        .map(|object| (object.digest, object.size))
        .collect();
    plan.companions = (companions.len() as u64, companions.values().sum());
    plan.without_proof = artifacts
        .iter()
        .filter(|artifact| artifact.proofs.iter().all(|proof| proof.state != ProofState::Present))
        .map(|artifact| format!("{artifact} {}", artifact.file))
        .collect();
    for mut stranger in strangers {
        let ecosystem = sources.ecosystem(&stranger.ecosystem);
        stranger.proofs = companions::not_asked(ecosystem);
        artifacts.push(stranger);
    }
    artifacts.extend(gathered.indexes);
    let (artifacts, clashes) = unique(artifacts);
    if let Some(stop) = stop(clashes) {
        return Err(stop);
    }
    for object in gathered.objects {
        objects.entry(object.digest).or_insert(object);
    }
    plan.artifacts = artifacts;
    plan.documents = gathered.documents;
    plan.objects = objects.into_values().collect();
    for list in [&mut plan.without_proof, &mut plan.proof_unknown] {
        list.sort();
        list.dedup();
    }
    Ok(plan)
}

/// A file that an export would fetch.
struct Missing {
    what: String,
    size: Option<u64>,
    artifact: Artifact,
    /// Whether the lockfile states its SHA-256, so that proofs can be asked for already.
    digest_is_known: bool,
}

fn of_one(chosen: &Chosen, looked: &Looked, sources: &Sources<'_>) -> Result<Vec<Missing>, Trouble> {
    let wanted = &chosen.wanted;
    let Some(ecosystem) = sources.ecosystem(wanted.ecosystem).filter(|_| !looked.is_complete) else {
        return Ok(Vec::new());
    };
    let Some(client) = sources.client else {
        return match looked.wrong.first() {
            _ if !looked.found.is_empty() => Ok(Vec::new()),
            Some(wrong) => Err(mismatch(wanted, wrong).into()),
            None => Err(not_found(wanted, ecosystem).into()),
        };
    };
    let located = locate(chosen, ecosystem, client).map_err(|error| of_locating(wanted, ecosystem, error));
    let located = match located {
        Err(_) if !looked.found.is_empty() => return Ok(Vec::new()),
        other => other?,
    };
    let mut missing: Vec<Missing> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for place in &located {
        let claims = accepted(wanted, place);
        let is_it = |found: &Found| found.claim.as_ref().is_some_and(|claim| claims.contains(claim));
        if !seen.insert(&place.file) || looked.found.iter().any(is_it) {
            continue;
        }
        let digest = match claims.as_slice() {
            [claim] if claim.algorithm() == Algorithm::Sha256 => claim.bytes().try_into().ok().map(Digest::from_bytes),
            _ => None,
        };
        let what = format!("{} {}", subject(wanted), place.file);
        let artifact = Artifact {
            ecosystem: wanted.ecosystem.to_owned(),
            name: wanted.name.clone(),
            version: wanted.version.clone(),
            file: place.file.clone(),
            digest: digest.unwrap_or_else(|| Digest::of(what.as_bytes())),
            origin: place.url.clone(),
            reason: chosen.reason.clone(),
            proofs: Vec::new(),
        };
        missing.push(Missing {
            what,
            size: wanted.size.or(place.size),
            artifact,
            digest_is_known: digest.is_some(),
        });
    }
    debug_assert!(missing.len() <= needed(wanted).len().max(located.len()));
    Ok(missing)
}
