//! The upstreams' signed indexes: artifacts are found in them, and they travel as artifacts of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::companions::{Gathered, keep, told, without};
use super::kept::Kept;
use super::trouble::{self, Trouble};
use super::{Near, Sources};
use crate::ecosystem::{Ecosystem, Indexed, IndexedProof, Unpinned, Upstream, UpstreamError};
use crate::export::holdings::Holdings;
use crate::model::{Artifact, Digest, Document, Proof, ProofState};
use crate::net::{Cache, Freshness};

/// Asks the upstreams, and for what they do not list, or where nobody may be asked, looks into the clients' own copies.
pub(super) fn gather(
    holdings: &mut Holdings,
    near: &Near<'_>,
    sources: &Sources<'_>,
    gathered: &mut Gathered,
    troubles: &mut Vec<Trouble>,
) {
    let signed = sources.ecosystems.iter().copied();
    for ecosystem in signed.filter(|one| one.unpinned() == Unpinned::FromIndex) {
        let mut search = Search {
            ecosystem,
            holdings,
            gathered,
            cache: sources.cache,
        };
        let mut failure = None;
        if let Some(client) = sources.client {
            failure = search.ask(&client.view(Freshness::Asked), Whose::Upstreams).err();
        }
        // What upstream does not list any more, or did not give, the clients' own copies may list.
        let kept = Kept::new(ecosystem, sources, near.from, near.upstreams);
        let tried = search.ask(&kept, Whose::Copies);
        let is_whole = search.unproven().is_empty();
        troubles.extend(failure.filter(|_| !is_whole).or(tried.err().filter(Trouble::is_unable)));
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

/// The search for one ecosystem's artifacts.
struct Search<'a> {
    ecosystem: &'static dyn Ecosystem,
    holdings: &'a mut Holdings,
    gathered: &'a mut Gathered,
    cache: &'a Cache,
}

impl Search<'_> {
    /// The places of the artifacts for which no proof of the ecosystem's own kinds is at hand.
    fn unproven(&self) -> Vec<usize> {
        let (holdings, kinds) = (&self.holdings, self.ecosystem.proof_kinds());
        let has = |at: usize| {
            let mut proofs = holdings.proofs(at).iter();
            proofs.any(|proof| proof.state == ProofState::Present && kinds.contains(&proof.kind.as_str()))
        };
        (0..holdings.artifact_count())
            .filter(|at| holdings.names(*at).0 == self.ecosystem.id() && !has(*at))
            .collect()
    }

    fn ask(&mut self, upstream: &dyn Upstream, whose: Whose) -> Result<(), Trouble> {
        let places = self.unproven();
        if places.is_empty() {
            return Ok(());
        }
        let wanted: Vec<Artifact> = places.iter().map(|at| self.holdings.artifact(*at)).collect();
        let mut indexed = match self.ecosystem.index(&wanted, upstream) {
            Ok(indexed) => indexed,
            Err(UpstreamError::NoUpstream { .. }) => return Ok(()),
            Err(error) => {
                let subject = format!("the signed indexes of {}", self.ecosystem.id());
                return Err(trouble::of_asking(subject, &error));
            }
        };
        if whose == Whose::Copies {
            indexed.found.retain(|_, found| found.state == ProofState::Present);
        }
        self.take(&indexed, &wanted, &places)
    }

    fn take(&mut self, indexed: &Indexed, wanted: &[Artifact], places: &[usize]) -> Result<(), Trouble> {
        let id = self.ecosystem.id();
        let mut objects = BTreeMap::new();
        let digests = indexed
            .indexes
            .iter()
            .map(|index| keep(&index.bytes, &index.file, &mut objects, self.cache))
            .collect::<Result<Vec<Digest>, Trouble>>()?;
        for (name, document) in &indexed.documents {
            self.gathered.documents.push(Document {
                ecosystem: id.to_owned(),
                name: name.clone(),
                kind: document.kind.to_owned(),
                digest: keep(&document.bytes, "", &mut objects, self.cache)?,
                origin: told(&document.origin),
            });
        }
        let kinds = self.ecosystem.proof_kinds();
        let mut reasons: BTreeMap<usize, BTreeSet<&str>> = BTreeMap::new();
        for (artifact, place) in wanted.iter().zip(places) {
            let key = (artifact.name.clone(), artifact.version.clone(), artifact.file.clone());
            let Some(found) = indexed.found.get(&key) else { continue };
            // Proofs of other kinds lay beside the artifact, and stay.
            let besides = self.holdings.proofs(*place).iter().skip(kinds.len()).cloned();
            let all = proofs(kinds, found, &digests).into_iter().chain(besides).collect();
            self.holdings.set_proofs(*place, all);
            for at in &found.indexes {
                reasons.entry(*at).or_default().extend(artifact.reason.split(", "));
            }
        }
        for ((at, index), digest) in indexed.indexes.iter().enumerate().zip(&digests) {
            let reason: Vec<&str> = reasons.get(&at).into_iter().flatten().copied().collect();
            let artifact = Artifact {
                ecosystem: id.to_owned(),
                name: index.name.clone(),
                version: index.version.clone(),
                file: index.file.clone(),
                digest: *digest,
                origin: told(&index.origin),
                // A list that no artifact needs came with its suite.
                reason: match reason.is_empty() {
                    true => "signed index".to_owned(),
                    false => reason.join(", "),
                },
                proofs: proofs(kinds, &index.proof, &digests),
            };
            if let Some(object) = objects.get(digest) {
                self.gathered.indexes.push((artifact, object.clone()));
            }
        }
        self.gathered.objects.extend(objects.into_values());
        Ok(())
    }
}

/// One entry for each kind, in the ecosystem's order.
fn proofs(kinds: &[&str], found: &IndexedProof, digests: &[Digest]) -> Vec<Proof> {
    let proof = |kind: &&str| match found.state {
        _ if found.kind != *kind => without(kind, ProofState::NotAsked),
        ProofState::Present if !found.indexes.is_empty() => Proof {
            kind: (*kind).to_owned(),
            state: ProofState::Present,
            objects: found
                .indexes
                .iter()
                .filter_map(|at| digests.get(*at))
                .copied()
                .collect(),
        },
        ProofState::Present => without(kind, ProofState::NotAsked),
        state => without(kind, state),
    };
    kinds.iter().map(proof).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::collect::content::hash;

    #[test]
    fn what_has_a_proof_of_the_index_is_not_looked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path().join("cache")).unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "bytes").unwrap();
        let object = hash(&path, [], &|_| {}).unwrap().object("");
        let present = |kind: &str| Proof {
            kind: kind.to_owned(),
            state: ProofState::Present,
            objects: vec![object.digest],
        };
        let open = without("apt-release", ProofState::NotAsked);
        let mut holdings = Holdings::default();
        for (ecosystem, name, proofs) in [
            ("deb", "a-proven", vec![present("apt-release")]),
            ("deb", "b-open", vec![open.clone()]),
            // A signature beside it says nothing about the index.
            ("deb", "c-signed", vec![open, present("openpgp")]),
            ("deb", "d-unknown", Vec::new()),
            ("npm", "e-other", Vec::new()),
        ] {
            let artifact = Artifact {
                proofs,
                ..Artifact::plain(ecosystem, name, "1", name, object.digest)
            };
            holdings.add_index(artifact, &object);
        }
        holdings.arrange();
        let search = Search {
            ecosystem: crate::ecosystem::find("deb").unwrap(),
            holdings: &mut holdings,
            gathered: &mut Gathered::default(),
            cache: &cache,
        };
        let places = search.unproven();
        let names: Vec<&str> = places.iter().map(|at| search.holdings.names(*at).1).collect();
        assert_eq!(names, ["b-open", "c-signed", "d-unknown"]);
    }
}
