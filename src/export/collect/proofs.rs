//! Proofs that are nobody's answer to a question about a package: they lie beside an artifact in its folder, stand beside it at its
//! address, or are within it. What they are is told by `evidence`; a catalog names them after those of the ecosystem.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::content::{SourceObject, hash};
use super::parallel::in_parallel_by_number;
use super::trouble::Trouble;
use super::{Sources, companions};
use crate::bundle::limits::MAX_PROOFS_BESIDES;
use crate::ecosystem::{DocumentRequest, Ecosystem, NewProof, Upstream, UpstreamError};
use crate::evidence::beside::{
    self, ASKED_ENDINGS, ASKED_KINDS, ASKED_LISTS, MAX_BESIDE_BYTES, SIGNED_CHECKSUMS, SignedList,
};
use crate::export::beside::{Beside, Found};
use crate::export::holdings::Holdings;
use crate::model::{Artifact, Content, Digest, Proof, ProofState};

/// So many artifacts one thread looks at before it tells the others what it found.
const AT_ONCE: usize = 64;

/// The endings of a list's signatures that are asked for.
const LIST_SIGNATURES: [&str; 5] = [".asc", ".gpg", ".sig", ".minisig", ".sigstore.json"];

/// Finds the proofs that lie beside artifacts in folders that the operator named, and those within artifacts, and writes them into the
/// artifacts. Gives the objects of the former.
pub(super) fn gather(holdings: &mut Holdings, sources: &Sources<'_>) -> (Vec<SourceObject>, Vec<Trouble>) {
    let search = Search {
        holdings,
        folders: Mutex::default(),
        objects: Mutex::default(),
    };
    let found: Mutex<BTreeMap<usize, Result<Vec<Proof>, Trouble>>> = Mutex::default();
    in_parallel_by_number(holdings.artifact_count(), AT_ONCE, sources.threads, |numbers| {
        for at in numbers {
            let proofs = search.of(at);
            if !matches!(&proofs, Ok(proofs) if proofs.is_empty()) {
                locked(&found).insert(at, proofs);
            }
        }
    });
    let objects = search.objects.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut troubles = Vec::new();
    for at in 0..holdings.artifact_count() {
        let more = match found.remove(&at).transpose() {
            Ok(more) => more,
            Err(trouble) => {
                troubles.push(trouble);
                continue;
            }
        };
        let ecosystem = sources.ecosystem(holdings.names(at).0);
        let is_looked_beside =
            ecosystem.is_some_and(|one| one.has_signatures_beside()) && holdings.path_in_folder(at).is_some();
        if more.is_none() && !is_looked_beside {
            continue;
        }
        let kinds = companions::kinds_of(ecosystem);
        let mut all = with(holdings.proofs(at).to_vec(), kinds, more.unwrap_or_default());
        if is_looked_beside {
            all = with_missing(all, kinds);
        }
        holdings.set_proofs(at, all);
    }
    (objects.into_values().collect(), troubles)
}

/// Says of every kind that is looked for beside a file, and does not lie there, that the folder does not serve it: what it has not, the publisher may have signed all the same.
fn with_missing(mut proofs: Vec<Proof>, kinds: &[&str]) -> Vec<Proof> {
    let besides = kinds.len().min(proofs.len());
    // What came is never left out for what did not.
    let room = MAX_PROOFS_BESIDES.saturating_sub(proofs.len() - besides);
    let missing: Vec<Proof> = ASKED_KINDS
        .into_iter()
        .filter(|kind| !proofs.iter().any(|proof| proof.kind == *kind))
        .take(room)
        .map(not_served)
        .collect();
    proofs.extend(missing);
    proofs[besides..].sort_by(|left, right| left.kind.cmp(&right.kind));
    proofs
}

fn not_served(kind: &str) -> Proof {
    Proof {
        kind: kind.to_owned(),
        state: ProofState::NotServed,
        objects: Vec::new(),
    }
}

/// Adds proofs to those that an artifact has, each in its place. What a registry gave stays as it came.
fn with(mut proofs: Vec<Proof>, kinds: &[&str], more: Vec<Proof>) -> Vec<Proof> {
    for proof in more {
        match proofs.iter_mut().find(|known| known.kind == proof.kind) {
            Some(known) if known.state == ProofState::Present => {}
            Some(known) => *known = proof,
            None => proofs.push(proof),
        }
    }
    let besides = kinds.len().min(proofs.len());
    proofs[besides..].sort_by(|left, right| left.kind.cmp(&right.kind));
    proofs.truncate(besides + MAX_PROOFS_BESIDES);
    proofs
}

struct Search<'a> {
    holdings: &'a Holdings,
    folders: Mutex<HashMap<PathBuf, Arc<Beside>>>,
    objects: Mutex<BTreeMap<Digest, SourceObject>>,
}

impl Search<'_> {
    fn of(&self, at: usize) -> Result<Vec<Proof>, Trouble> {
        let mut proofs = Vec::new();
        let (.., file) = self.holdings.names(at);
        if let Some(path) = self.holdings.path_in_folder(at) {
            for Found { kind, paths } in self.beside(&path, file)? {
                proofs.push(present(kind, self.keep(&paths)?));
            }
        }
        if let Some(path) = self.holdings.path_here(at) {
            let digest = self.holdings.digest(at);
            let inside = beside::inside(file, &mut Lazy { path, file: None });
            proofs.extend(inside.into_iter().map(|kind| present(kind, vec![digest])));
        }
        Ok(proofs)
    }

    /// What lies in the file's own folder; and for a file that its set knows by a longer path, the lists where the path begins.
    fn beside(&self, path: &Path, file: &str) -> Result<Vec<Found>, Trouble> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
            return Ok(Vec::new());
        };
        let mut found = self.folder(folder)?.of(name);
        if file != name && path.ends_with(file) {
            let above = folder.ancestors().nth(file.matches('/').count());
            for list in above.map_or(Ok(Vec::new()), |above| {
                Ok::<_, Trouble>(self.folder(above)?.of_below(file))
            })? {
                if !found.iter().any(|known| known.kind == list.kind) {
                    found.push(list);
                }
            }
        }
        Ok(found)
    }

    fn folder(&self, folder: &Path) -> Result<Arc<Beside>, Trouble> {
        if let Some(known) = locked(&self.folders).get(folder) {
            return Ok(Arc::clone(known));
        }
        let read = Beside::read(folder).map_err(|error| cannot_read(folder, error))?;
        let read = Arc::new(read);
        locked(&self.folders).insert(folder.to_owned(), Arc::clone(&read));
        Ok(read)
    }

    fn keep(&self, paths: &[PathBuf]) -> Result<Vec<Digest>, Trouble> {
        let mut digests = Vec::new();
        for path in paths {
            let hashed = hash(path, [], &|_| {}).map_err(|error| cannot_read(path, error))?;
            let object = hashed.object("");
            // The same signature under two names is one.
            if !digests.contains(&object.digest) {
                digests.push(object.digest);
            }
            locked(&self.objects).entry(object.digest).or_insert(object);
        }
        Ok(digests)
    }
}

fn present(kind: &str, objects: Vec<Digest>) -> Proof {
    Proof {
        kind: kind.to_owned(),
        state: ProofState::Present,
        objects,
    }
}

fn cannot_read(path: &Path, error: io::Error) -> Trouble {
    Trouble::unable(format!("cannot read {}", path.display()), error)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file that is opened when it is first read: most artifacts are of no format that holds proofs.
struct Lazy {
    path: PathBuf,
    file: Option<File>,
}

impl Lazy {
    fn file(&mut self) -> io::Result<&mut File> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(&self.path)?),
        })
    }
}

impl Read for Lazy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file()?.read(buffer)
    }
}

impl Seek for Lazy {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.file()?.seek(position)
    }
}

impl Content for Lazy {}

/// Asks for the proofs beside each artifact that came from an address, if its ecosystem's upstreams are plain folders. A kind that was
/// asked for and is not there is not served.
pub(super) fn ask(
    ecosystem: &dyn Ecosystem,
    artifacts: &[Artifact],
    upstream: &dyn Upstream,
) -> Result<BTreeMap<String, Vec<NewProof>>, UpstreamError> {
    let mut all = BTreeMap::new();
    for artifact in artifacts {
        if ecosystem.has_signatures_beside() && artifact.origin.contains("://") {
            let found = beside_address(&artifact.origin, upstream)?;
            let state = |kind| match found.get(kind) {
                Some(parts) => NewProof::Present(kind, parts.clone()),
                None => NewProof::Without(not_served(kind)),
            };
            all.insert(artifact.file.clone(), ASKED_KINDS.map(state).into());
        }
    }
    Ok(all)
}

fn beside_address(
    address: &str,
    upstream: &dyn Upstream,
) -> Result<BTreeMap<&'static str, Vec<Vec<u8>>>, UpstreamError> {
    let mut found: BTreeMap<&'static str, Vec<Vec<u8>>> = BTreeMap::new();
    // A query is about the file, and often a signature over its very path: nothing lies beside it.
    if address.contains(['?', '#']) {
        return Ok(found);
    }
    for ending in ASKED_ENDINGS {
        if let Some(bytes) = document(format!("{address}{ending}"), upstream)?
            && let Some(kind) = beside::recognise(&bytes).filter(|kind| ASKED_KINDS.contains(kind))
        {
            found.entry(kind).or_default().push(bytes);
        }
    }
    let Some((folder, file)) = address.rsplit_once('/') else {
        return Ok(found);
    };
    for name in ASKED_LISTS {
        if let Some(parts) = signed_list(&format!("{folder}/{name}"), name, file, upstream)? {
            found.insert(SIGNED_CHECKSUMS, parts);
            break;
        }
    }
    Ok(found)
}

/// A list that names the file, with its signatures.
fn signed_list(
    address: &str,
    name: &str,
    file: &str,
    upstream: &dyn Upstream,
) -> Result<Option<Vec<Vec<u8>>>, UpstreamError> {
    let Some(bytes) = document(address.to_owned(), upstream)? else {
        return Ok(None);
    };
    if SignedList::inline(&bytes).is_some_and(|list| list.names(name, file)) {
        return Ok(Some(vec![bytes]));
    }
    if !SignedList::beside(&bytes).is_some_and(|list| list.names(name, file)) {
        return Ok(None);
    }
    let mut parts = vec![bytes];
    for ending in LIST_SIGNATURES {
        let signature = document(format!("{address}{ending}"), upstream)?;
        parts.extend(signature.filter(|bytes| beside::recognise_signature(bytes).is_some()));
    }
    Ok((parts.len() > 1).then_some(parts))
}

/// A document that need not be there: hosts over object stores answer 403 for what they do not have.
fn document(url: String, upstream: &dyn Upstream) -> Result<Option<Vec<u8>>, UpstreamError> {
    let request = DocumentRequest {
        url,
        accept: None,
        max_bytes: MAX_BESIDE_BYTES,
    };
    match upstream.document(&request) {
        // 429 is about this client, not about the file.
        Err(UpstreamError::Status { status, .. }) if (400..500).contains(&status) && status != 429 => Ok(None),
        other => Ok(other?.map(|fetched| fetched.bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_takes_its_place_and_never_another_s() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let absent = Proof {
            kind: "z-registry".to_owned(),
            state: ProofState::Absent,
            objects: Vec::new(),
        };
        let kinds = ["z-registry"];
        let given = |text: &str| present("z-registry", vec![digest(text)]);
        let more = vec![
            present("sigstore", vec![digest("s")]),
            present("cms", vec![digest("c")]),
        ];
        let all = with(vec![absent.clone()], &kinds, more.clone());
        let names: Vec<&str> = all.iter().map(|proof| proof.kind.as_str()).collect();
        assert_eq!(names, ["z-registry", "cms", "sigstore"]);
        // A registry's slot is filled by what lies here, and never changed.
        assert_eq!(with(vec![absent], &kinds, vec![given("here")]), [given("here")]);
        assert_eq!(
            with(vec![given("there")], &kinds, vec![given("here")]),
            [given("there")]
        );
        // What was asked for in vain is there after all.
        let not_served = Proof {
            kind: "cms".to_owned(),
            state: ProofState::NotServed,
            objects: Vec::new(),
        };
        assert_eq!(with(vec![not_served], &[], more[1..].to_vec()), more[1..]);
        let many = |count| -> Vec<Proof> {
            (0..count)
                .map(|number| present(&format!("k{number:02}"), vec![digest("x")]))
                .collect()
        };
        assert_eq!(with(Vec::new(), &[], many(20)).len(), MAX_PROOFS_BESIDES);

        // What was looked for and does not lie there is said, in its place, and takes nothing else's.
        let missing = with_missing(Vec::new(), &[]);
        let names: Vec<&str> = missing.iter().map(|proof| proof.kind.as_str()).collect();
        assert_eq!(names, ASKED_KINDS);
        assert!(missing.iter().all(|proof| proof.state == ProofState::NotServed));
        let beside = with_missing(vec![given("registry"), more[1].clone()], &kinds);
        assert_eq!(beside[..2], [given("registry"), more[1].clone()]);
        assert_eq!(beside.len(), 1 + ASKED_KINDS.len());
        let full = with_missing(many(MAX_PROOFS_BESIDES - 2), &[]);
        let came = full.iter().filter(|proof| proof.state == ProofState::Present).count();
        assert_eq!((came, full.len()), (MAX_PROOFS_BESIDES - 2, MAX_PROOFS_BESIDES));
        assert!(full.is_sorted_by(|left, right| left.kind < right.kind));
    }
}
