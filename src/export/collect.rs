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
mod proofs;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ecosystem::{ClientEnvironment, Ecosystem, UpstreamBase, Wanted};
use crate::model::{Artifact, Code, Digest, Document, Refusal, Stop};
use crate::net::{Cache, Client};

use super::holdings::{Clash, Holdings, NewFind, Place};
use super::select::{Choices, Chosen, PlanHead, Selected, SelectedParts, index};
use super::source;
pub use content::{SourceObject, Stamp};
use local::{Found, Looked, Origin, Wrong};
use parallel::{in_parallel, in_parallel_by_number};
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
    /// An artifact was looked for.
    Looked,
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
    holdings: Holdings,
    documents: Vec<Document>,
    left_out: Vec<String>,
    warnings: Vec<String>,
    counts: Counts,
    plan: PlanHead,
    choices: Arc<Choices>,
}

/// What [`Collected::into_parts`] gives: everything by itself, and not for a million artifacts.
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
    /// The artifacts, sorted. Each is made anew from a compact table.
    pub fn artifacts(&self) -> impl ExactSizeIterator<Item = Artifact> + '_ {
        self.holdings.artifacts()
    }

    /// What was seen and is not taken.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What the operator should know.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where the artifacts came from.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Gives everything by itself.
    pub fn into_parts(mut self) -> CollectedParts {
        self.holdings.arrange_objects();
        let mut plan = Vec::new();
        self.plan
            .write(&self.choices, &mut plan)
            .expect("memory can always be written to");
        CollectedParts {
            artifacts: self.holdings.artifacts().collect(),
            objects: self.holdings.source_objects(),
            documents: self.documents,
            left_out: self.left_out,
            warnings: self.warnings,
            counts: self.counts,
            stream: self.plan.stream,
            recipient: self.plan.recipient,
            plan,
        }
    }

    /// Gives everything to the next step.
    pub(super) fn into_holdings(self) -> (Holdings, Vec<Document>, PlanHead, Arc<Choices>) {
        (self.holdings, self.documents, self.plan, self.choices)
    }
}

/// Finds or fetches everything. All that is wrong or missing is said at once.
pub fn collect(selected: Selected, sources: &Sources<'_>) -> Result<Collected, Stop> {
    let SelectedParts {
        choices: asked,
        mut left_out,
        mut warnings,
        from,
        upstreams,
        plan,
    } = selected.into_parts();
    let near = Near {
        from: &from,
        upstreams: &upstreams,
    };
    let choices = pin::pin(Arc::clone(&asked), &near, sources)?;
    let mut gathered = look_everywhere(&choices, &from, sources)?;
    let mut troubles = complete_all(&choices, &mut gathered, sources);
    let Gathered {
        mut holdings,
        mut counts,
        notes,
        wrong,
        ..
    } = gathered;
    warnings.extend(wrong.into_values().flatten());
    left_out.extend(notes);
    troubles.extend(holdings.arrange().into_iter().map(refuse_clash));
    // Asking for proofs of what cannot be packed would only take time.
    if let Some(stop) = trouble::stop(troubles) {
        return Err(stop);
    }

    (sources.progress)(Event::Asking {
        names: holdings.names_in_turn().len() as u64,
    });
    let (companions, mut troubles) = companions::gather(&mut holdings, &choices, &near, sources);
    troubles.extend(take_indexes(&mut holdings, companions.indexes));
    if let Some(stop) = trouble::stop(troubles) {
        return Err(stop);
    }
    let mut documents = companions.documents;
    documents.sort_by(|left, right| document_key(left).cmp(&document_key(right)));
    documents.dedup();
    holdings.add_companions(companions.objects.into_iter().map(source::SourceObject::from));
    if let Some(client) = sources.client {
        counts.requests = client.requests();
        counts.led_to = client.led_to();
    }
    left_out.sort();
    left_out.dedup();
    Ok(Collected {
        holdings,
        documents,
        left_out,
        warnings,
        counts,
        plan,
        choices: asked,
    })
}

/// Takes signed indexes among the artifacts.
fn take_indexes(holdings: &mut Holdings, indexes: Vec<(Artifact, SourceObject)>) -> Vec<Trouble> {
    if indexes.is_empty() {
        return Vec::new();
    }
    for (artifact, object) in indexes {
        holdings.add_index(artifact, &object);
    }
    holdings.arrange().into_iter().map(refuse_clash).collect()
}

/// So many artifacts one thread looks for before it tells the others what it found.
const LOOKED_AT_ONCE: usize = 16;

/// Looks for all artifacts on this machine, on all cores.
fn look_everywhere(choices: &Arc<Choices>, from: &[PathBuf], sources: &Sources<'_>) -> Result<Gathered, Stop> {
    (sources.progress)(Event::Looking {
        artifacts: choices.len() as u64,
    });
    let folders = local::index(from, choices, sources)?;
    let gathered = Mutex::new(Gathered::new(Arc::clone(choices)));
    in_parallel_by_number(choices.len(), LOOKED_AT_ONCE, sources.threads, |numbers| {
        let looked: Vec<(u32, Chosen, Looked)> = numbers
            .map(|number| {
                let chosen = choices.chosen(index(number));
                let looked = sources
                    .ecosystem(chosen.wanted.ecosystem)
                    .map_or_else(Looked::default, |ecosystem| {
                        local::look(&chosen.wanted, ecosystem, &folders, sources)
                    });
                (sources.progress)(Event::Looked);
                (index(number), chosen, looked)
            })
            .collect();
        let mut gathered = gathered.lock().unwrap_or_else(PoisonError::into_inner);
        for (number, chosen, looked) in looked {
            if looked.is_complete {
                gathered.settle(number, &chosen, looked);
            } else {
                gathered.open.insert(number, looked);
            }
        }
    });
    Ok(gathered.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Fetches what is not complete, and judges what stays incomplete.
fn complete_all(choices: &Choices, gathered: &mut Gathered, sources: &Sources<'_>) -> Vec<Trouble> {
    let open: Vec<(u32, Mutex<Looked>)> = std::mem::take(&mut gathered.open)
        .into_iter()
        .map(|(number, looked)| (number, Mutex::new(looked)))
        .collect();
    (sources.progress)(Event::Fetching {
        artifacts: open.len() as u64,
        bytes: open.iter().filter_map(|(number, _)| choices.size(*number)).sum(),
    });
    let results = in_parallel(&open, REQUESTS_AT_ONCE, |(number, looked)| {
        // Each is worked on by one thread; the lock only says so to the compiler.
        let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
        let result = complete_one(&choices.chosen(*number), &mut looked, sources);
        (sources.progress)(Event::Arrived);
        result
    });
    for (number, looked) in open {
        let looked = looked.into_inner().unwrap_or_else(PoisonError::into_inner);
        gathered.settle(number, &choices.chosen(number), looked);
    }
    results.into_iter().filter_map(Result::err).collect()
}

fn complete_one(chosen: &Chosen, looked: &mut Looked, sources: &Sources<'_>) -> Result<(), Trouble> {
    let wanted = &chosen.wanted;
    let Some(ecosystem) = sources.ecosystem(wanted.ecosystem) else {
        let reason = "this program does not know its ecosystem";
        return Err(Refusal::new(Code::SelectionMalformed, subject(wanted), reason).into());
    };
    let fetched = match sources.client {
        // A loose file that has no stated digest is at its path or nowhere.
        Some(client) if !wanted.claims.is_empty() || wanted.path.is_none() => {
            fetch::complete(chosen, looked, ecosystem, client, sources)
        }
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

/// What was found so far.
struct Gathered {
    holdings: Holdings,
    counts: Counts,
    /// What is not carried, in words.
    notes: Vec<String>,
    /// Bytes that were passed over, in words, in the order of the artifacts.
    wrong: BTreeMap<u32, Vec<String>>,
    /// What is not complete.
    open: BTreeMap<u32, Looked>,
}

impl Gathered {
    fn new(choices: Arc<Choices>) -> Self {
        Self {
            holdings: Holdings::new(choices),
            counts: Counts::default(),
            notes: Vec::new(),
            wrong: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// Takes what was found of one wanted artifact.
    fn settle(&mut self, number: u32, chosen: &Chosen, looked: Looked) {
        let passed_over = |wrong: &Wrong| {
            format!(
                "{}: {} has other bytes, and was passed over (expected {}, found {})",
                subject(&chosen.wanted),
                wrong.place,
                wrong.expected,
                wrong.found
            )
        };
        if !looked.wrong.is_empty() {
            let wrong = looked.wrong.iter().map(passed_over).collect();
            self.wrong.insert(number, wrong);
        }
        self.notes.extend(note_of_partial(&chosen.wanted, &looked));
        for found in looked.found {
            self.add(number, found);
        }
    }

    fn add(&mut self, number: u32, found: Found) {
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
        self.holdings.add(new_find(number, found));
    }
}

fn new_find(number: u32, found: Found) -> NewFind {
    NewFind {
        wanted: number,
        origin: found.origin.word(),
        digest: found.hashed.digest,
        size: found.hashed.size,
        place: Place::Here {
            stamp: found.hashed.stamp,
            compressible: found.hashed.is_compressible(&found.file),
            path: found.hashed.path,
        },
        segments: found.hashed.segments,
        file: found.file,
    }
}

/// One name with two contents is refused.
fn refuse_clash(Clash { first, second }: Clash) -> Trouble {
    let reason = format!(
        "{} is wanted with two contents, by {} and {}",
        first.file, first.reason, second.reason
    );
    Refusal::new(Code::NameCollision, second.to_string(), reason)
        .comparing(first.digest, second.digest)
        .into()
}

fn document_key(document: &Document) -> (&str, &str, &str, Digest) {
    (&document.ecosystem, &document.name, &document.kind, document.digest)
}

#[cfg(test)]
mod tests {
    use super::local::{Found, Origin};
    use super::*;
    use crate::model::{Algorithm, Claim};

    #[test]
    fn what_is_carried_in_part_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "a").unwrap();
        let claims: Vec<Claim> = (1..=2)
            .map(|byte| Claim::new(Algorithm::Sha256, vec![byte; 32]).unwrap())
            .collect();
        let said = |file: Option<&str>, found: usize| {
            let wanted = Wanted {
                ecosystem: "files",
                name: "a".to_owned(),
                version: "1".to_owned(),
                file: file.map(str::to_owned),
                claims: claims.clone(),
                urls: Vec::new(),
                registry: None,
                path: None,
                size: None,
            };
            let one = |claim: &Claim| Found {
                file: "a".to_owned(),
                hashed: content::hash(&path, [], &|_| {}).unwrap(),
                origin: Origin::Folder,
                claim: Some(claim.clone()),
            };
            let looked = Looked {
                found: claims.iter().take(found).map(one).collect(),
                ..Looked::default()
            };
            note_of_partial(&wanted, &looked).is_some()
        };
        assert!(said(None, 1));
        // Of a file that is named any digest is enough; what is not there at all is told otherwise.
        assert!(!said(Some("a"), 1) && !said(None, 2) && !said(None, 0));
    }
}
