//! What an export would do (`--dry-run`): looks on this machine and asks for documents, and fetches no artifact.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fetch::{accepted, locate};
use super::local::{Found, Looked, needed};
use super::parallel::in_parallel;
use super::trouble::{Trouble, not_found, of_locating, stop, subject};
use super::{Near, Sources, companions, look_everywhere, mismatch, pin, refuse_clash, take_indexes};
use crate::export::holdings::{Holdings, NewFind, Place};
use crate::export::select::{Chosen, Selected, index};
use crate::export::source::SourceObject;
use crate::model::{Algorithm, Digest, Document, ProofState, Stop};

/// What an export would do.
#[derive(Debug, Default)]
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
    /// Artifacts for which proofs can be asked only once they are fetched.
    pub proof_unknown: Vec<String>,
    /// What was seen and is not taken.
    pub left_out: Vec<String>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// The registries' documents, as far as they could be asked for.
    documents: Vec<Document>,
    /// What the bundle would have. Files to be fetched have a digest that only stands for them, where the lockfile does not
    /// state it, and a size of 0 where nobody states it.
    holdings: Holdings,
    /// The places of the artifacts without proof, in the order of their words.
    without_proof: Vec<u32>,
}

impl Plan {
    /// Artifacts that will go without any proof, in words.
    pub fn without_proof(&self) -> impl ExactSizeIterator<Item = String> + '_ {
        self.without_proof.iter().map(|at| self.words(*at))
    }

    fn words(&self, at: u32) -> String {
        let (ecosystem, name, version, file) = self.holdings.names(at as usize);
        format!("{ecosystem} {name} {version} {file}")
    }

    /// What the bundle would have, for the next steps; they give it back.
    pub(in crate::export) fn lend(&mut self) -> (Holdings, Vec<Document>) {
        (std::mem::take(&mut self.holdings), std::mem::take(&mut self.documents))
    }

    pub(in crate::export) fn give_back(&mut self, holdings: Holdings) {
        self.holdings = holdings;
    }

    /// Lists the artifacts without proof, sorted by their words, each once.
    fn list_without_proof(&mut self) {
        let holdings = &self.holdings;
        let mut places: Vec<u32> = (0..holdings.artifact_count())
            .filter(|at| !holdings.is_stranger(*at))
            .filter(|at| {
                let mut proofs = holdings.proofs(*at).iter();
                proofs.all(|proof| proof.state != ProofState::Present)
            })
            .map(index)
            .collect();
        // Artifacts are sorted, and mostly so are their words.
        if !places.is_sorted_by(|left, right| self.words(*left) < self.words(*right)) {
            places.sort_by_cached_key(|at| self.words(*at));
            places.dedup_by(|left, right| self.words(*left) == self.words(*right));
        }
        self.without_proof = places;
    }
}

/// Finds out what an export would do. Stops where the export would.
pub fn plan(selected: &Selected, sources: &Sources<'_>) -> Result<Plan, Stop> {
    let near = Near {
        from: selected.from(),
        upstreams: selected.upstreams(),
    };
    let choices = &pin::pin(Arc::clone(selected.choices()), &near, sources)?;
    let mut gathered = look_everywhere(choices, selected.from(), sources)?;
    let open: Vec<(u32, Looked)> = std::mem::take(&mut gathered.open).into_iter().collect();
    let results = in_parallel(&open, super::REQUESTS_AT_ONCE, |(number, looked)| {
        of_one(&choices.chosen(*number), looked, sources)
    });
    let mut plan = Plan {
        left_out: selected.left_out().to_vec(),
        warnings: selected.warnings().to_vec(),
        ..Plan::default()
    };
    let mut troubles = Vec::new();
    for ((number, looked), result) in open.into_iter().zip(results) {
        for found in looked.found {
            gathered.add(number, found);
        }
        match result {
            Err(trouble) => troubles.push(trouble),
            Ok(missing) => {
                for file in missing {
                    plan.to_fetch += 1;
                    plan.bytes_to_fetch += file.size.unwrap_or(0);
                    plan.of_unknown_size += u64::from(file.size.is_none());
                    if file.digest.is_none() {
                        plan.proof_unknown.push(file.what.clone());
                    }
                    gathered.holdings.add(file.into_find(number));
                }
            }
        }
    }
    let mut holdings = gathered.holdings;
    (plan.at_hand, plan.bytes_at_hand) = holdings.at_hand();
    troubles.extend(holdings.arrange().into_iter().map(refuse_clash));
    let (gathered, more) = companions::gather(&mut holdings, choices, &near, sources);
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
    if let Some(stop) = stop(take_indexes(&mut holdings, gathered.indexes)) {
        return Err(stop);
    }
    let clashes = holdings.arrange_with_strangers();
    if let Some(stop) = stop(clashes.into_iter().map(refuse_clash).collect()) {
        return Err(stop);
    }
    for at in 0..holdings.artifact_count() {
        if holdings.is_stranger(at) {
            let (ecosystem, ..) = holdings.names(at);
            holdings.set_proofs(at, companions::not_asked(sources.ecosystem(ecosystem)));
        }
    }
    holdings.add_companions(gathered.objects.into_iter().map(SourceObject::from));
    plan.holdings = holdings;
    plan.documents = gathered.documents;
    plan.list_without_proof();
    plan.proof_unknown.sort();
    plan.proof_unknown.dedup();
    Ok(plan)
}

/// A file that an export would fetch.
struct Missing {
    what: String,
    file: String,
    origin: String,
    size: Option<u64>,
    /// The lockfile's SHA-256, if it states one: then proofs can be asked for already.
    digest: Option<Digest>,
}

impl Missing {
    fn into_find(self, number: u32) -> NewFind {
        NewFind {
            wanted: number,
            file: self.file,
            origin: self.origin,
            digest: self.digest.unwrap_or_else(|| Digest::of(self.what.as_bytes())),
            size: self.size.unwrap_or(0),
            segments: Vec::new(),
            place: Place::Away {
                digest_is_known: self.digest.is_some(),
            },
        }
    }
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
        let is_it = |found: &Found| match &found.claim {
            Some(claim) => claims.contains(claim),
            None => found.file == place.file,
        };
        if !seen.insert(&place.file) || looked.found.iter().any(is_it) {
            continue;
        }
        let digest = match claims.as_slice() {
            [claim] if claim.algorithm() == Algorithm::Sha256 => claim.bytes().try_into().ok().map(Digest::from_bytes),
            _ => None,
        };
        let what = format!("{} {}", subject(wanted), place.file);
        missing.push(Missing {
            what,
            file: place.file.clone(),
            origin: place.url.clone(),
            size: wanted.size.or(place.size),
            digest,
        });
    }
    debug_assert!(missing.len() <= needed(wanted).len().max(located.len()));
    Ok(missing)
}
