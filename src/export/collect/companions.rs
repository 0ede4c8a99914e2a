//! Registry documents and proofs that go with the artifacts, name by name.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{SourceObject, hash};
use super::local::{Origin, expand};
use super::parallel::in_parallel;
use super::trouble::Trouble;
use super::{Event, Near, Sources, indexes, kept, proofs};
use crate::ecosystem::{Companions, Ecosystem, NewProof, UpstreamBase, UpstreamError};
use crate::export::holdings::Holdings;
use crate::export::select::Choices;
use crate::model::{Artifact, Digest, Document, Proof, ProofState, Unable};
use crate::net::{Address, Cache, Client, Freshness};

/// The longest files have as many lines as the longest documents of registries.
const MAX_REMEMBERED_BYTES: u64 = 64 << 20;

/// Documents, signed indexes, and the objects that hold documents, indexes and proofs.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) documents: Vec<Document>,
    pub(super) indexes: Vec<(Artifact, SourceObject)>,
    pub(super) objects: Vec<SourceObject>,
}

/// Asks for all names, in parallel, and writes what was found into the artifacts, with what lies beside them and in them. Without a
/// client nobody is asked, and every artifact says so but those that the clients' own copies of signed indexes list.
pub(super) fn gather(
    holdings: &mut Holdings,
    choices: &Choices,
    near: &Near<'_>,
    sources: &Sources<'_>,
) -> (Gathered, Vec<Trouble>) {
    let (mut gathered, mut troubles) = ask(holdings, choices, near, sources);
    let (objects, more) = proofs::gather(holdings, sources);
    gathered.objects.extend(objects);
    troubles.extend(more);
    (gathered, troubles)
}

fn ask(holdings: &mut Holdings, choices: &Choices, near: &Near<'_>, sources: &Sources<'_>) -> (Gathered, Vec<Trouble>) {
    for at in 0..holdings.artifact_count() {
        let (ecosystem, ..) = holdings.names(at);
        holdings.set_proofs(at, not_asked(sources.ecosystem(ecosystem)));
    }
    let (mut gathered, mut troubles) = match sources.client {
        Some(client) => by_name(holdings, choices, client, sources),
        None => (Gathered::default(), Vec::new()),
    };
    remember(holdings, sources, &mut gathered, &mut troubles);
    indexes::gather(holdings, near, sources, &mut gathered, &mut troubles);
    (gathered, troubles)
}

fn by_name(
    holdings: &mut Holdings,
    choices: &Choices,
    client: &Client,
    sources: &Sources<'_>,
) -> (Gathered, Vec<Trouble>) {
    let names = holdings.names_in_turn();
    let results = in_parallel(&names, super::REQUESTS_AT_ONCE, |range| {
        let (id, name, ..) = holdings.names(range.start);
        let Some(ecosystem) = sources.ecosystem(id) else {
            return Ok(None);
        };
        let named = Named {
            artifacts: range.clone().map(|at| holdings.artifact(at)).collect(),
            upstreams: upstreams_of(choices, id, name),
        };
        let result = of_name(ecosystem, name, &named, client, sources);
        (sources.progress)(Event::Asked);
        result
    });
    let mut gathered = Gathered::default();
    let mut troubles = Vec::new();
    for (range, result) in names.into_iter().zip(results) {
        match result {
            Ok(None) => {}
            Ok(Some(stored)) => {
                gathered.documents.extend(stored.documents);
                gathered.objects.extend(stored.objects);
                for at in range {
                    let (.., file) = holdings.names(at);
                    if let Some(found) = stored.proofs.get(file) {
                        holdings.set_proofs(at, found.clone());
                    }
                }
            }
            Err(trouble) => troubles.push(trouble),
        }
    }
    (gathered, troubles)
}

/// Where no registry gave a document about a name, those that the client itself keeps.
fn remember(holdings: &Holdings, sources: &Sources<'_>, gathered: &mut Gathered, troubles: &mut Vec<Trouble>) {
    let given: BTreeSet<(&str, &str)> = gathered
        .documents
        .iter()
        .map(|document| (document.ecosystem.as_str(), document.name.as_str()))
        .collect();
    let mut names = holdings.names_in_turn();
    names.retain(|range| {
        let (ecosystem, name, ..) = holdings.names(range.start);
        !given.contains(&(ecosystem, name))
    });
    let results = in_parallel(&names, sources.threads, |range| {
        let (id, name, ..) = holdings.names(range.start);
        let Some(ecosystem) = sources.ecosystem(id) else {
            return Ok(None);
        };
        let paths = ecosystem.remembered(name, sources.environment);
        if paths.is_empty() {
            return Ok(None);
        }
        let artifacts: Vec<Artifact> = range.clone().map(|at| holdings.artifact(at)).collect();
        // Two mirrors of one registry say the same, and what is the same is packed once.
        let recalled = paths.iter().flat_map(|path| expand(path)).filter_map(|path| {
            kept::read(&path, MAX_REMEMBERED_BYTES).and_then(|bytes| ecosystem.recall(&bytes, &artifacts))
        });
        let companions = Companions {
            documents: recalled.collect(),
            ..Companions::default()
        };
        store(ecosystem, name, &[], companions, sources.cache).map(Some)
    });
    for result in results {
        match result {
            Ok(None) => {}
            Ok(Some(stored)) => {
                gathered.documents.extend(stored.documents);
                gathered.objects.extend(stored.objects);
            }
            Err(trouble) => troubles.push(trouble),
        }
    }
}

/// The upstreams that lockfiles name for a name, each once.
fn upstreams_of(choices: &Choices, ecosystem: &str, name: &str) -> Vec<UpstreamBase> {
    let mut upstreams = Vec::new();
    for base in choices.of_name(ecosystem, name).flat_map(|at| choices.upstreams(at)) {
        if !upstreams.contains(base) {
            upstreams.push(base.clone());
        }
    }
    upstreams
}

/// The artifacts of one name, and the upstreams that lockfiles name for them.
struct Named {
    artifacts: Vec<Artifact>,
    upstreams: Vec<UpstreamBase>,
}

/// Every kind of proof that the ecosystem's registries can have, not asked for.
pub(super) fn not_asked(ecosystem: Option<&'static dyn Ecosystem>) -> Vec<Proof> {
    kinds_of(ecosystem)
        .iter()
        .map(|kind| without(kind, ProofState::NotAsked))
        .collect()
}

/// The kinds of proof that an ecosystem's registries can have.
pub(super) fn kinds_of(ecosystem: Option<&'static dyn Ecosystem>) -> &'static [&'static str] {
    ecosystem.map_or(&[], |ecosystem| ecosystem.proof_kinds())
}

pub(super) fn without(kind: &str, state: ProofState) -> Proof {
    Proof {
        kind: kind.to_owned(),
        state,
        objects: Vec::new(),
    }
}

/// An origin without query, which may hold a token.
pub(super) fn told(origin: &str) -> String {
    if origin == Origin::ClientCache.word() {
        return origin.to_owned();
    }
    Address::read(origin).map_or_else(|_| "an upstream".to_owned(), |address| address.to_string())
}

/// What one name's registry gave, stored.
struct Stored {
    documents: Vec<Document>,
    objects: Vec<SourceObject>,
    proofs: BTreeMap<String, Vec<Proof>>,
}

fn of_name(
    ecosystem: &'static dyn Ecosystem,
    name: &str,
    Named { artifacts, upstreams }: &Named,
    client: &Client,
    sources: &Sources<'_>,
) -> Result<Option<Stored>, Trouble> {
    let cache = sources.cache;
    let digests: BTreeSet<Digest> = artifacts.iter().map(|artifact| artifact.digest).collect();
    let known = cache.accompanied(ecosystem.id(), name);
    // Documents from before a version was published say nothing about it.
    let freshness = if digests.is_subset(&known) {
        Freshness::Cached
    } else {
        Freshness::Asked
    };
    let view = client.view(freshness).with_lockfiles(upstreams);
    let answered = ecosystem.accompany(name, artifacts, &view).and_then(|mut companions| {
        for (file, found) in proofs::ask(ecosystem, artifacts, &view)? {
            companions.proofs.entry(file).or_default().extend(found);
        }
        Ok(companions)
    });
    let companions = match answered {
        Ok(companions) => companions,
        Err(UpstreamError::NoUpstream { .. }) => return Ok(None),
        Err(error) => {
            return Err(Trouble::Upstream {
                subject: format!("{} {name}", ecosystem.id()),
                reason: error.to_string(),
            });
        }
    };
    let stored = store(ecosystem, name, artifacts, companions, cache)?;
    if !digests.is_subset(&known) {
        let all = known.union(&digests).copied().collect();
        cache
            .keep_accompanied(ecosystem.id(), name, &all)
            .map_err(|error| Trouble::unable("the cache cannot be used", error))?;
    }
    Ok(Some(stored))
}

/// The documents of a kind that proofs lie in.
fn in_documents(
    ecosystem: &'static dyn Ecosystem,
    name: &str,
    documents: &[Document],
    kind: &str,
) -> Result<Vec<Digest>, Trouble> {
    let found: Vec<Digest> = documents
        .iter()
        .filter(|document| document.kind == kind)
        .map(|document| document.digest)
        .collect();
    if found.is_empty() {
        let what = format!("{} {name}: a proof lies in no document that came", ecosystem.id());
        return Err(Trouble::Unable(Box::new(Unable::new(what))));
    }
    Ok(found)
}

/// Puts bytes into the cache, and reads them back from where they will be packed.
pub(super) fn keep(
    bytes: &[u8],
    file_name: &str,
    objects: &mut BTreeMap<Digest, SourceObject>,
    cache: &Cache,
) -> Result<Digest, Trouble> {
    let digest = cache
        .put(bytes)
        .map_err(|error| Trouble::unable("the cache cannot be used", error))?;
    if let std::collections::btree_map::Entry::Vacant(entry) = objects.entry(digest) {
        let path = cache.path(&digest);
        let hashed = hash(&path, [], &|_| {})
            .map_err(|error| Trouble::unable(format!("cannot read {}", path.display()), error))?;
        entry.insert(hashed.object(file_name));
    }
    Ok(digest)
}

/// Keeps the parts of a proof; the same bytes under two names are one.
fn keep_once(
    parts: &[Vec<u8>],
    keep: &mut impl FnMut(&[u8]) -> Result<Digest, Trouble>,
) -> Result<Vec<Digest>, Trouble> {
    let mut digests = Vec::new();
    for bytes in parts {
        let digest = keep(bytes)?;
        if !digests.contains(&digest) {
            digests.push(digest);
        }
    }
    Ok(digests)
}

fn store(
    ecosystem: &'static dyn Ecosystem,
    name: &str,
    artifacts: &[Artifact],
    companions: Companions,
    cache: &Cache,
) -> Result<Stored, Trouble> {
    let mut objects = BTreeMap::new();
    let mut keep = |bytes: &[u8]| keep(bytes, "", &mut objects, cache);
    let mut documents = Vec::new();
    for document in &companions.documents {
        documents.push(Document {
            ecosystem: ecosystem.id().to_owned(),
            name: name.to_owned(),
            kind: document.kind.to_owned(),
            digest: keep(&document.bytes)?,
            origin: told(&document.origin),
        });
    }
    let mut proofs = BTreeMap::new();
    for artifact in artifacts {
        let given = companions.proofs.get(&artifact.file);
        let mut all = Vec::new();
        let known = ecosystem.proof_kinds();
        // One entry for each kind, in the ecosystem's order; what it did not speak of was not asked.
        for kind in known {
            let found = given.into_iter().flatten().find(|proof| match proof {
                NewProof::Present(present, _) | NewProof::InDocument(present, _) => present == kind,
                NewProof::Without(proof) => proof.kind == *kind,
            });
            all.push(match found {
                Some(NewProof::Present(_, parts)) if !parts.is_empty() => Proof {
                    kind: (*kind).to_owned(),
                    state: ProofState::Present,
                    objects: parts.iter().map(|bytes| keep(bytes)).collect::<Result<_, _>>()?,
                },
                Some(NewProof::InDocument(_, document_kind)) => Proof {
                    kind: (*kind).to_owned(),
                    state: ProofState::Present,
                    objects: in_documents(ecosystem, name, &documents, document_kind)?,
                },
                Some(NewProof::Without(proof)) if proof.state != ProofState::Present => without(kind, proof.state),
                _ => without(kind, ProofState::NotAsked),
            });
        }
        let mut besides = Vec::new();
        for proof in given.into_iter().flatten() {
            match proof {
                NewProof::Present(kind, parts) if !known.contains(kind) && !parts.is_empty() => besides.push(Proof {
                    kind: (*kind).to_owned(),
                    state: ProofState::Present,
                    objects: keep_once(parts, &mut keep)?,
                }),
                NewProof::Without(proof) if !known.contains(&proof.kind.as_str()) => {
                    besides.push(without(&proof.kind, proof.state));
                }
                _ => {}
            }
        }
        // Of other kinds a catalog states only those that somebody asked for, in their order.
        besides.retain(|proof| proof.state != ProofState::NotAsked);
        besides.sort_by(|left, right| left.kind.cmp(&right.kind));
        all.extend(besides);
        proofs.insert(artifact.file.clone(), all);
    }
    Ok(Stored {
        documents,
        objects: objects.into_values().collect(),
        proofs,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_lies_in_a_document_that_came() {
        let npm = crate::ecosystem::find("npm").unwrap();
        let document = |kind: &str| Document {
            digest: Digest::of(kind.as_bytes()),
            ecosystem: "npm".to_owned(),
            kind: kind.to_owned(),
            name: "a".to_owned(),
            origin: String::new(),
        };
        let documents = [document("packument"), document("other")];
        assert_eq!(
            in_documents(npm, "a", &documents, "packument").unwrap(),
            [Digest::of(b"packument")]
        );
        assert!(in_documents(npm, "a", &documents, "none").unwrap_err().is_unable());
    }

    #[test]
    fn of_other_kinds_only_what_somebody_asked_for_is_stated() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let npm = crate::ecosystem::find("npm").unwrap();
        let artifact = Artifact::plain("npm", "a", "1", "a-1.tgz", Digest::of(b"a"));
        let others = [("one", ProofState::NotAsked), ("two", ProofState::Absent)];
        let given = others.map(|(kind, state)| NewProof::Without(without(kind, state)));
        let companions = Companions {
            proofs: BTreeMap::from([(artifact.file.clone(), given.into())]),
            ..Companions::default()
        };
        let stored = store(npm, "a", std::slice::from_ref(&artifact), companions, &cache).unwrap();
        let kinds: Vec<&str> = stored.proofs[&artifact.file]
            .iter()
            .map(|proof| proof.kind.as_str())
            .collect();
        assert!(kinds.contains(&"two") && !kinds.contains(&"one"), "{kinds:?}");
    }
}
