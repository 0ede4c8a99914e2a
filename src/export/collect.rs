//! The second step: exact artifacts in, bytes and proofs out. Finds every artifact on this machine or fetches it, checks it
//! against the lockfile's strongest digest, and gathers the registry's documents and proofs. Artifacts found on this
//! machine stay where they lie; what is fetched lies in the exporter's cache.

mod companions;
mod content;
mod fetch;
mod indexes;
mod kept;
mod local;
mod parallel;
mod pin;
mod plan;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use crate::ecosystem::{ClientEnvironment, Ecosystem, UpstreamBase, Wanted};
use crate::model::{Artifact, Code, Digest, Document, Refusal, Stop, Unable};
use crate::net::{Cache, Client};

use super::select::{Chosen, Selected, SelectedParts};
pub use content::{SourceObject, Stamp};
use local::{Found, Looked, Origin, Wrong};
use parallel::in_parallel;
pub use plan::{Plan, plan};
use trouble::{Trouble, subject};

/// Registries answer so many requests of one client at a time without complaint; cargo and npm use 10 and 15.
const REQUESTS_AT_ONCE: NonZeroUsize = NonZeroUsize::new(8).expect("eight is not zero");

/// Where artifacts may come from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The ecosystems.
    pub ecosystems: &'a [&'static dyn Ecosystem],
    /// What the clients' surroundings say.
    pub environment: &'a dyn ClientEnvironment,
    /// Our own cache.
    pub cache: &'a Cache,
    /// The way to upstreams; without it nobody is asked.
    pub client: Option<&'a Client>,
    /// How many threads hash.
    pub threads: NonZeroUsize,
    /// Is told what happens, from any thread.
    pub progress: &'a (dyn Fn(Event) + Sync),
}

impl Sources<'_> {
    fn ecosystem(&self, id: &str) -> Option<&'static dyn Ecosystem> {
        self.ecosystems.iter().copied().find(|ecosystem| ecosystem.id() == id)
    }
}

/// What the operator named beside the clients' own surroundings.
struct Near<'a> {
    /// Folders to search.
    from: &'a [PathBuf],
    /// Upstreams of the selection.
    upstreams: &'a [UpstreamBase],
}

/// What happens while artifacts are collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// So many artifacts are looked for.
    Looking {
        /// The number of artifacts.
        artifacts: u64,
    },
    /// Bytes on this machine were hashed.
    Hashed {
        /// So many.
        bytes: u64,
    },
    /// So many artifacts have to be fetched.
    Fetching {
        /// The number of artifacts.
        artifacts: u64,
        /// Their bytes, as far as lockfiles state them.
        bytes: u64,
    },
    /// Bytes came from an upstream.
    Fetched {
        /// So many.
        bytes: u64,
    },
    /// An artifact that had to be fetched is there.
    Arrived,
    /// So many names' documents and proofs are asked for.
    Asking {
        /// The number of names.
        names: u64,
    },
    /// One of them is there.
    Asked,
}

/// Everything that will be packed.
#[derive(Debug)]
pub struct Collected {
    parts: CollectedParts,
}

/// What [`Collected::into_parts`] gives.
#[derive(Debug)]
pub struct CollectedParts {
    /// The artifacts, sorted by ecosystem, name, version and file.
    pub artifacts: Vec<Artifact>,
    /// The registries' documents, sorted by ecosystem, name, kind and digest.
    pub documents: Vec<Document>,
    /// Every object that artifacts, documents and proofs name: once each, sorted by digest.
    pub objects: Vec<SourceObject>,
    /// What was seen and is not taken.
    pub left_out: Vec<String>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// Where the artifacts came from.
    pub counts: Counts,
    /// The stream, if the selection names it.
    pub stream: Option<String>,
    /// The recipient, if the selection names it.
    pub recipient: Option<String>,
    /// What was asked for, as strict JSON; its digest goes into the manifest.
    pub plan: Vec<u8>,
}

/// Where the artifacts came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// From folders that the operator named, or paths in lockfiles.
    pub from_folders: u64,
    /// From the clients' own caches.
    pub from_client_caches: u64,
    /// From our own cache.
    pub from_cache: u64,
    /// Fetched in this run.
    pub fetched: u64,
    /// Their bytes.
    pub fetched_bytes: u64,
    /// Requests sent in this run, documents included.
    pub requests: u64,
    /// Hosts that nobody named and that served files of known digest, each with the hosts that led there.
    pub led_to: BTreeMap<String, BTreeSet<String>>,
}

impl Collected {
    /// The artifacts, sorted.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.parts.artifacts
    }

    /// Gives everything to the next step.
    pub fn into_parts(self) -> CollectedParts {
        self.parts
    }
}

/// Finds or fetches everything. All that is wrong or missing is said at once.
pub fn collect(selected: Selected, sources: &Sources<'_>) -> Result<Collected, Stop> {
    let SelectedParts {
        wanted,
        mut left_out,
        mut warnings,
        from,
        upstreams,
        stream,
        recipient,
        plan,
    } = selected.into_parts();
    let near = Near {
        from: &from,
        upstreams: &upstreams,
    };
    let wanted = match pin::pin(wanted, &near, sources) {
        Ok(wanted) => wanted,
        Err(troubles) => return Err(trouble::stop(troubles).unwrap_or_else(|| Unable::new("nothing is pinned").into())),
    };
    let looked = look_everywhere(&wanted, &from, sources)?;
    let (found, troubles) = complete_all(&wanted, looked, sources);

    let mut gathered = Gathered::default();
    for (chosen, looked) in wanted.iter().zip(&found) {
        for wrong in &looked.wrong {
            warnings.push(format!(
                "{}: {} has other bytes, and was passed over (expected {}, found {})",
                subject(&chosen.wanted),
                wrong.place,
                wrong.expected,
                wrong.found
            ));
        }
        if let Some(note) = note_of_partial(&chosen.wanted, looked) {
            left_out.push(note);
        }
        for found in &looked.found {
            gathered.add(chosen, found);
        }
    }
    let Gathered {
        artifacts,
        mut objects,
        mut counts,
    } = gathered;
    let (mut artifacts, clashes) = unique(artifacts);
    let mut troubles: Vec<Trouble> = troubles.into_iter().chain(clashes).collect();
    // Asking for proofs of what cannot be packed would only take time.
    if let Some(stop) = trouble::stop(std::mem::take(&mut troubles)) {
        return Err(stop);
    }

    let names: BTreeSet<_> = artifacts.iter().map(Artifact::full_name).collect();
    (sources.progress)(Event::Asking {
        names: names.len() as u64,
    });
    let (companions, mut troubles) = companions::gather(&mut artifacts, &wanted, &near, sources);
    let (artifacts, clashes) = unique([artifacts, companions.indexes].concat());
    troubles.extend(clashes);
    if let Some(stop) = trouble::stop(troubles) {
        return Err(stop);
    }
    let mut documents = companions.documents;
    documents.sort_by(|left, right| document_key(left).cmp(&document_key(right)));
    documents.dedup();
    for object in companions.objects {
        objects.entry(object.digest).or_insert(object);
    }
    if let Some(client) = sources.client {
        counts.requests = client.requests();
        counts.led_to = client.led_to();
    }
    left_out.sort();
    left_out.dedup();
    Ok(Collected {
        parts: CollectedParts {
            artifacts,
            documents,
            objects: objects.into_values().collect(),
            left_out,
            warnings,
            counts,
            stream,
            recipient,
            plan,
        },
    })
}

/// Looks for all artifacts on this machine, on all cores.
fn look_everywhere(wanted: &[Chosen], from: &[PathBuf], sources: &Sources<'_>) -> Result<Vec<Looked>, Stop> {
    (sources.progress)(Event::Looking {
        artifacts: wanted.len() as u64,
    });
    let folders = local::index(from, wanted, sources)?;
    Ok(in_parallel(wanted, sources.threads, |chosen| {
        sources
            .ecosystem(chosen.wanted.ecosystem)
            .map_or_else(Looked::default, |ecosystem| {
                local::look(&chosen.wanted, ecosystem, &folders, sources)
            })
    }))
}

/// Fetches what is not complete, and judges what stays incomplete.
fn complete_all(wanted: &[Chosen], looked: Vec<Looked>, sources: &Sources<'_>) -> (Vec<Looked>, Vec<Trouble>) {
    let missing = || {
        let pairs = wanted.iter().zip(&looked);
        pairs.filter(|(_, looked)| !looked.is_complete)
    };
    (sources.progress)(Event::Fetching {
        artifacts: missing().count() as u64,
        bytes: missing().filter_map(|(chosen, _)| chosen.wanted.size).sum(),
    });
    let items: Vec<(usize, &Chosen)> = wanted
        .iter()
        .enumerate()
        .filter(|(index, _)| !looked[*index].is_complete)
        .collect();
    let mut looked: Vec<std::sync::Mutex<Looked>> = looked.into_iter().map(std::sync::Mutex::new).collect();
    let results = in_parallel(&items, REQUESTS_AT_ONCE, |(index, chosen)| {
        // Each index is worked on by one thread; the lock only says so to the compiler.
        let mut looked = looked[*index].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let result = complete_one(chosen, &mut looked, sources);
        (sources.progress)(Event::Arrived);
        result
    });
    let troubles = results.into_iter().filter_map(Result::err).collect();
    let looked = looked
        .drain(..)
        .map(|looked| looked.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
        .collect();
    (looked, troubles)
}

fn complete_one(chosen: &Chosen, looked: &mut Looked, sources: &Sources<'_>) -> Result<(), Trouble> {
    let wanted = &chosen.wanted;
    let Some(ecosystem) = sources.ecosystem(wanted.ecosystem) else {
        let reason = "this program does not know its ecosystem";
        return Err(Refusal::new(Code::SelectionMalformed, subject(wanted), reason).into());
    };
    let fetched = match sources.client {
        // A loose file that has no stated digest is at its path or nowhere.
        Some(client) if !wanted.claims.is_empty() => fetch::complete(chosen, looked, ecosystem, client, sources),
        _ if !looked.found.is_empty() => Ok(()),
        _ => Err(trouble::not_found(wanted, ecosystem).into()),
    };
    match (&fetched, looked.wrong.first()) {
        // What lies here and is wrong explains more than that it is nowhere else.
        (Err(Trouble::Refused(refusal)), Some(wrong)) if refusal.code == Code::ArtifactNotFound => {
            Err(mismatch(wanted, wrong).into())
        }
        _ => fetched,
    }
}

fn mismatch(wanted: &Wanted, wrong: &Wrong) -> Refusal {
    Refusal::new(
        Code::LockDigestMismatch,
        subject(wanted),
        format!("{} has other bytes than the lockfile states", wrong.place),
    )
    .comparing(&wrong.expected, &wrong.found)
}

/// Says which files of an artifact are not carried, if any.
fn note_of_partial(wanted: &Wanted, looked: &Looked) -> Option<String> {
    let (found, all) = (looked.found.len(), local::needed(wanted).len());
    let is_partial = wanted.file.is_none() && found > 0 && found < all;
    is_partial.then(|| {
        format!(
            "{}: {} of the {all} files whose digests the lockfile states are not carried",
            subject(wanted),
            all - found
        )
    })
}

#[derive(Default)]
struct Gathered {
    artifacts: Vec<Artifact>,
    objects: BTreeMap<Digest, SourceObject>,
    counts: Counts,
}

impl Gathered {
    fn add(&mut self, chosen: &Chosen, found: &Found) {
        self.artifacts.push(artifact_of(chosen, found));
        let counts = &mut self.counts;
        match found.origin {
            Origin::Folder => counts.from_folders += 1,
            Origin::ClientCache => counts.from_client_caches += 1,
            Origin::OwnCache(_) => counts.from_cache += 1,
            Origin::Fetched(_) => {
                counts.fetched += 1;
                counts.fetched_bytes += found.hashed.size;
            }
        }
        self.objects
            .entry(found.hashed.digest)
            .or_insert_with(|| found.hashed.object(&found.file));
    }
}

fn artifact_of(chosen: &Chosen, found: &Found) -> Artifact {
    Artifact {
        ecosystem: chosen.wanted.ecosystem.to_owned(),
        name: chosen.wanted.name.clone(),
        version: chosen.wanted.version.clone(),
        file: found.file.clone(),
        digest: found.hashed.digest,
        origin: found.origin.word(),
        reason: chosen.reason.clone(),
        proofs: Vec::new(),
    }
}

/// Sorts; one file that several inputs want is one artifact. One name with two contents is refused.
fn unique(mut artifacts: Vec<Artifact>) -> (Vec<Artifact>, Vec<Trouble>) {
    artifacts.sort_by(|left, right| artifact_key(left).cmp(&artifact_key(right)));
    let mut kept: Vec<Artifact> = Vec::new();
    let mut clashes = Vec::new();
    for artifact in artifacts {
        let Some(last) = kept
            .last_mut()
            .filter(|last| artifact_key(last) == artifact_key(&artifact))
        else {
            kept.push(artifact);
            continue;
        };
        if last.digest != artifact.digest {
            let reason = format!(
                "{} is wanted with two contents, by {} and {}",
                last.file, last.reason, artifact.reason
            );
            clashes.push(
                Refusal::new(Code::NameCollision, artifact.to_string(), reason)
                    .comparing(last.digest, artifact.digest)
                    .into(),
            );
        } else {
            for reason in artifact.reason.split(", ") {
                if !last.reason.split(", ").any(|known| known == reason) {
                    last.reason = format!("{}, {reason}", last.reason);
                }
            }
        }
    }
    (kept, clashes)
}

fn artifact_key(artifact: &Artifact) -> (&str, &str, &str, &str) {
    (&artifact.ecosystem, &artifact.name, &artifact.version, &artifact.file)
}

fn document_key(document: &Document) -> (&str, &str, &str, Digest) {
    (&document.ecosystem, &document.name, &document.kind, document.digest)
}
