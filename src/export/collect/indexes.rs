//! The upstreams' signed indexes: artifacts are found in them, and they travel as artifacts of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::companions::{Gathered, keep, told, without};
use super::kept::Kept;
use super::trouble::Trouble;
use super::{Near, Sources};
use crate::ecosystem::{Ecosystem, Indexed, IndexedProof, Upstream, UpstreamError};
use crate::model::{Artifact, Digest, Document, Proof, ProofState};
use crate::net::{Cache, Freshness};

/// Asks the upstreams, and for what they do not list, or where nobody may be asked, looks into the clients' own copies.
pub(super) fn gather(
    artifacts: &mut [Artifact],
    near: &Near<'_>,
    sources: &Sources<'_>,
    gathered: &mut Gathered,
    troubles: &mut Vec<Trouble>,
) {
    for ecosystem in sources.ecosystems.iter().copied().filter(|one| one.has_signed_index()) {
        let mut failure = None;
        if let Some(client) = sources.client {
            let view = client.view(Freshness::Asked);
            failure = of_one(ecosystem, artifacts, &view, Whose::Upstreams, sources.cache, gathered).err();
        }
        let kept = Kept::new(ecosystem, sources, near.from, near.upstreams);
        // What upstream does not list any more, or did not give, the clients' own copies may list.
        let tried = of_one(ecosystem, artifacts, &kept, Whose::Copies, sources.cache, gathered);
        let is_whole = unproven(ecosystem, artifacts).is_empty();
        if let Some(failure) = failure.filter(|_| !is_whole).or(tried.err().filter(Trouble::is_unable)) {
            troubles.push(failure);
        }
    }
}

/// Whose answer an index is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The upstreams', of now.
    Upstreams,
    /// Copies of some day: what they do not list, nobody was asked about.
    Copies,
}

/// The artifacts for which no proof is at hand.
fn unproven(ecosystem: &dyn Ecosystem, artifacts: &[Artifact]) -> Vec<Artifact> {
    let lacks = |artifact: &&Artifact| {
        artifact.ecosystem == ecosystem.id() && artifact.proofs.iter().all(|proof| proof.state != ProofState::Present)
    };
    artifacts.iter().filter(lacks).cloned().collect()
}

fn of_one(
    ecosystem: &'static dyn Ecosystem,
    artifacts: &mut [Artifact],
    upstream: &dyn Upstream,
    whose: Whose,
    cache: &Cache,
    gathered: &mut Gathered,
) -> Result<(), Trouble> {
    let wanted = unproven(ecosystem, artifacts);
    if wanted.is_empty() {
        return Ok(());
    }
    let mut indexed = match ecosystem.index(&wanted, upstream) {
        Ok(indexed) => indexed,
        Err(UpstreamError::NoUpstream { .. }) => return Ok(()),
        Err(error) => {
            return Err(Trouble::Upstream {
                subject: format!("the signed indexes of {}", ecosystem.id()),
                reason: error.to_string(),
            });
        }
    };
    if whose == Whose::Copies {
        indexed.found.retain(|_, found| found.state == ProofState::Present);
    }
    take(ecosystem, indexed, artifacts, cache, gathered)
}

fn take(
    ecosystem: &'static dyn Ecosystem,
    indexed: Indexed,
    artifacts: &mut [Artifact],
    cache: &Cache,
    gathered: &mut Gathered,
) -> Result<(), Trouble> {
    let mut objects = BTreeMap::new();
    let digests = indexed
        .indexes
        .iter()
        .map(|index| keep(&index.bytes, &index.file, &mut objects, cache))
        .collect::<Result<Vec<Digest>, Trouble>>()?;
    for (name, document) in &indexed.documents {
        gathered.documents.push(Document {
            ecosystem: ecosystem.id().to_owned(),
            name: name.clone(),
            kind: document.kind.to_owned(),
            digest: keep(&document.bytes, "", &mut objects, cache)?,
            origin: told(&document.origin),
        });
    }
    let proofs = |found: &IndexedProof| -> Vec<Proof> {
        let kinds = ecosystem.proof_kinds().iter();
        kinds
            .map(|kind| match found.state {
                ProofState::Present if found.kind == *kind && !found.indexes.is_empty() => Proof {
                    kind: (*kind).to_owned(),
                    state: ProofState::Present,
                    objects: found
                        .indexes
                        .iter()
                        .filter_map(|at| digests.get(*at))
                        .copied()
                        .collect(),
                },
                state if found.kind == *kind && state != ProofState::Present => without(kind, state),
                _ => without(kind, ProofState::NotAsked),
            })
            .collect()
    };
    let mut reasons: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
    for artifact in artifacts.iter_mut().filter(|one| one.ecosystem == ecosystem.id()) {
        let key = (artifact.name.clone(), artifact.version.clone(), artifact.file.clone());
        if let Some(found) = indexed.found.get(&key) {
            artifact.proofs = proofs(found);
        }
    }
    for artifact in artifacts.iter() {
        let key = (artifact.name.clone(), artifact.version.clone(), artifact.file.clone());
        for at in indexed.found.get(&key).into_iter().flat_map(|found| &found.indexes) {
            reasons.entry(*at).or_default().extend(artifact.reason.split(", "));
        }
    }
    for ((at, index), digest) in indexed.indexes.iter().enumerate().zip(&digests) {
        let reason: Vec<&str> = reasons.get(&at).into_iter().flatten().copied().collect();
        gathered.indexes.push(Artifact {
            ecosystem: ecosystem.id().to_owned(),
            name: index.name.clone(),
            version: index.version.clone(),
            file: index.file.clone(),
            digest: *digest,
            origin: told(&index.origin),
            // A list that no artifact needs came with its suite.
            reason: if reason.is_empty() {
                "signed index".to_owned()
            } else {
                reason.join(", ")
            },
            proofs: proofs(&index.proof),
        });
    }
    gathered.objects.extend(objects.into_values());
    Ok(())
}
