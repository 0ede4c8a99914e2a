//! Looks for artifacts on this machine: at the path that the lockfile gives, in the folders named, in the clients' own
//! caches, in our own cache. What lies there is untrusted: only bytes with a stated digest count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::content::{Hashed, hash};
use super::parallel::in_parallel;
use super::{Event, Sources};
use crate::ecosystem::{Ecosystem, Wanted};
use crate::export::select::{Choices, index as number};
use crate::model::{Algorithm, Claim, Unable, Unsatisfied};

/// Where bytes were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A folder that the operator named, or the path in a lockfile.
    Folder,
    /// A client's own cache.
    ClientCache,
    /// Our cache, which had it from an address.
    OwnCache(String),
    /// An address, just now.
    Fetched(String),
}

impl Origin {
    /// The catalog's word: where the exporter got it the first time, so that a second export gives the same bundle.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Folder => "folder".to_owned(),
            Self::ClientCache => "cache".to_owned(),
            Self::OwnCache(url) | Self::Fetched(url) => url.clone(),
        }
    }
}

/// One file of a wanted artifact.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) file: String,
    pub(super) hashed: Hashed,
    pub(super) origin: Origin,
    /// The stated digest that it fits; `None` where none is stated.
    pub(super) claim: Option<Claim>,
}

/// Bytes that lie where the artifact should, and are not it.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    pub(super) place: String,
    pub(super) expected: String,
    pub(super) found: String,
}

/// What was found of one wanted artifact.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) found: Vec<Found>,
    pub(super) wrong: Vec<Wrong>,
    pub(super) is_complete: bool,
}

/// The files of the folders that the operator named, by digest and by name.
#[derive(Default)]
pub(super) struct FolderIndex {
    files: Vec<Hashed>,
    by_claim: BTreeMap<Claim, Vec<usize>>,
    by_name: BTreeMap<String, Vec<usize>>,
}

/// A folder of downloads holds thousands; more is a wrong path, such as a whole disk.
const MAX_FOLDER_FILES: usize = 1_000_000;

/// Folders that one `*` of a cache's path may stand for: caches have one for each registry.
const MAX_STAR_FOLDERS: usize = 10_000;

/// Hashes all files of the folders, once, in every algorithm that some wanted artifact needs.
pub(super) fn index(folders: &[PathBuf], choices: &Choices, sources: &Sources<'_>) -> Result<FolderIndex, Unable> {
    if folders.is_empty() {
        return Ok(FolderIndex::default());
    }
    let algorithms: BTreeSet<Algorithm> = (0..choices.len())
        .filter_map(|at| Claim::strongest(&choices.claims(number(at))))
        .collect();
    let paths = files_in(folders, MAX_FOLDER_FILES)?;
    let results = in_parallel(&paths, sources.threads, |path| {
        hash(path, algorithms.iter().copied(), &|bytes| {
            (sources.progress)(Event::Hashed { bytes });
        })
    });
    let mut this = FolderIndex::default();
    for (path, result) in paths.iter().zip(results) {
        let hashed = result.map_err(|error| unreadable(path, error))?;
        let at = this.files.len();
        for claim in &hashed.claims {
            this.by_claim.entry(claim.clone()).or_default().push(at);
        }
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            this.by_name.entry(name.to_owned()).or_default().push(at);
        }
        this.files.push(hashed);
    }
    Ok(this)
}

/// The plain files of the folders and of those below them. No link is followed.
fn files_in(folders: &[PathBuf], max_files: usize) -> Result<Vec<PathBuf>, Unable> {
    let mut paths = Vec::new();
    for folder in folders {
        let folder = fs::canonicalize(folder).map_err(|error| unreadable(folder, error))?;
        for entry in walkdir::WalkDir::new(&folder).follow_links(false).sort_by_file_name() {
            let entry = entry.map_err(|error| unreadable(&folder, error.into()))?;
            if entry.file_type().is_file() {
                paths.push(entry.into_path());
            }
            if paths.len() > max_files {
                let error = std::io::Error::other(format!("it holds more than {max_files} files"));
                return Err(unreadable(&folder, error));
            }
        }
    }
    Ok(paths)
}

fn unreadable(path: &Path, error: std::io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}

/// Looks for one wanted artifact, in order, until it is complete.
pub(super) fn look(wanted: &Wanted, ecosystem: &dyn Ecosystem, folders: &FolderIndex, sources: &Sources<'_>) -> Looked {
    let mut search = Search {
        wanted,
        ecosystem,
        sources,
        looked: Looked::default(),
    };
    search.at_path();
    search.in_folders(folders);
    search.in_client_caches();
    search.in_own_cache();
    search.looked
}

/// Looks in the clients' caches for one file, of which upstream has said where it is served: some caches go by address.
pub(super) fn cached_from(
    wanted: &Wanted,
    file: &str,
    urls: Vec<String>,
    ecosystem: &dyn Ecosystem,
    sources: &Sources<'_>,
) -> Option<Found> {
    let located = Wanted {
        file: Some(file.to_owned()),
        urls,
        ..wanted.clone()
    };
    let mut search = Search {
        wanted: &located,
        ecosystem,
        sources,
        looked: Looked::default(),
    };
    search.in_client_caches();
    search.looked.found.pop()
}

/// The stated digests of the strongest algorithm: those that the wanted artifact's files must have.
pub(super) fn needed(wanted: &Wanted) -> Vec<&Claim> {
    let strongest = Claim::strongest(&wanted.claims);
    wanted
        .claims
        .iter()
        .filter(|claim| Some(claim.algorithm()) == strongest)
        .collect()
}

/// Whether these are all files that the artifact has: each stated digest belongs to a file of its own, unless the
/// lockfile names one file.
pub(super) fn is_complete(wanted: &Wanted, found: &[Found]) -> bool {
    if wanted.file.is_some() || wanted.claims.is_empty() {
        return !found.is_empty();
    }
    needed(wanted)
        .iter()
        .all(|claim| found.iter().any(|found| found.claim.as_ref() == Some(*claim)))
}

/// The key under which our cache keeps what upstream gave for exactly these digests.
pub(super) fn settled_key(wanted: &Wanted) -> String {
    let mut lines = vec![
        wanted.ecosystem.to_owned(),
        wanted.name.clone(),
        wanted.version.clone(),
        wanted.file.clone().unwrap_or_default(),
    ];
    lines.extend(wanted.claims.iter().map(Claim::to_string));
    lines.join("\n")
}

struct Search<'a> {
    wanted: &'a Wanted,
    ecosystem: &'a dyn Ecosystem,
    sources: &'a Sources<'a>,
    looked: Looked,
}

impl Search<'_> {
    fn at_path(&mut self) {
        if let Some(path) = &self.wanted.path {
            self.take_file(path, &Origin::Folder);
        }
    }

    fn in_folders(&mut self, folders: &FolderIndex) {
        // Without a digest a name is no reason to take a file: other groups have files of the same name.
        if self.looked.is_complete || self.wanted.claims.is_empty() {
            return;
        }
        for claim in needed(self.wanted) {
            for at in folders.by_claim.get(claim).into_iter().flatten() {
                self.take(folders.files[*at].clone(), &Origin::Folder);
            }
        }
        // A file of the right name and other bytes deserves a word.
        if let Some(name) = &self.wanted.file
            && !self.looked.is_complete
        {
            for at in folders.by_name.get(name).into_iter().flatten() {
                self.take(folders.files[*at].clone(), &Origin::Folder);
            }
        }
    }

    fn in_client_caches(&mut self) {
        if self.looked.is_complete || self.wanted.claims.is_empty() {
            return;
        }
        for pattern in self.ecosystem.cached(self.wanted, self.sources.environment) {
            for path in expand(&pattern) {
                self.take_file(&path, &Origin::ClientCache);
                if self.looked.is_complete {
                    return;
                }
            }
        }
    }

    fn in_own_cache(&mut self) {
        let (cache, wanted) = (self.sources.cache, self.wanted);
        // A file at a path of its own, without a digest, is that file or none. Without either, what upstream once gave for
        // this version stays what it is: a second export gives the same.
        if self.looked.is_complete || wanted.claims.is_empty() && wanted.path.is_some() {
            return;
        }
        let settled = cache.settled(&settled_key(wanted));
        let is_settled = settled.as_ref().is_some_and(|files| !files.is_empty());
        let obtained = settled.unwrap_or_else(|| {
            needed(wanted)
                .into_iter()
                .filter_map(|claim| cache.obtained(wanted.ecosystem, &wanted.name, &wanted.version, claim))
                .collect()
        });
        let mut all_are_there = true;
        for obtained in obtained {
            let taken = self
                .hash(&cache.path(&obtained.digest))
                .is_some_and(|hashed| self.take_named(hashed, obtained.file, &Origin::OwnCache(obtained.url)));
            all_are_there &= taken;
        }
        self.looked.is_complete |= is_settled && all_are_there;
    }

    fn take_file(&mut self, path: &Path, origin: &Origin) {
        if let Some(hashed) = self.hash(path) {
            self.take(hashed, origin);
        }
    }

    /// What cannot be read is as good as not there; that nothing was found is said later.
    fn hash(&self, path: &Path) -> Option<Hashed> {
        hash(path, Claim::strongest(&self.wanted.claims), &|bytes| {
            (self.sources.progress)(Event::Hashed { bytes });
        })
        .ok()
    }

    fn take(&mut self, hashed: Hashed, origin: &Origin) {
        let own_name = hashed
            .path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let named = match &self.wanted.file {
            Some(file) => Some(file.clone()),
            // The name on disk counts only if it says the same package and version.
            None => self
                .ecosystem
                .recognise(own_name)
                .filter(|known| known.name == self.wanted.name && known.version == self.wanted.version)
                .map(|_| own_name.to_owned()),
        };
        if let Some(file) = named {
            self.take_named(hashed, file, origin);
        }
    }

    /// Takes bytes if they are what is stated; says whether they are.
    fn take_named(&mut self, hashed: Hashed, file: String, origin: &Origin) -> bool {
        let claim = match Claim::check(&self.wanted.claims, &hashed.claims) {
            Ok(claim) => Some(claim),
            Err(Unsatisfied::Unpinned) if self.wanted.claims.is_empty() => None,
            Err(Unsatisfied::Unpinned) => return false,
            Err(Unsatisfied::Differs { expected, found }) => {
                self.looked.wrong.push(Wrong {
                    place: hashed.path.display().to_string(),
                    expected,
                    found,
                });
                return false;
            }
        };
        if !self
            .looked
            .found
            .iter()
            .any(|known| known.hashed.digest == hashed.digest)
        {
            self.looked.found.push(Found {
                file,
                hashed,
                origin: origin.clone(),
                claim,
            });
        }
        self.looked.is_complete |= is_complete(self.wanted, &self.looked.found);
        true
    }
}

/// The files that a path stands for, in which a component `*` is any one folder. Such a folder is never a link.
pub(super) fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for component in pattern.components() {
        if component.as_os_str() != "*" {
            for path in &mut paths {
                path.push(component);
            }
            continue;
        }
        paths = paths
            .iter()
            .filter_map(|path| fs::read_dir(path).ok())
            .flatten()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .take(MAX_STAR_FOLDERS)
            .collect();
        paths.sort();
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_hold_no_more_files_than_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let folder = [folder.path().to_owned()];
        assert_eq!(files_in(&folder, 2).unwrap().len(), 2);
        assert!(files_in(&folder, 1).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_star_is_any_folder_and_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        for name in ["b", "a"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let paths = expand(&folder.path().join("*").join("x.crate"));
        assert_eq!(paths, ["a", "b"].map(|name| folder.path().join(name).join("x.crate")));
        assert!(expand(&folder.path().join("none/*/x")).is_empty());
    }

    fn claim(algorithm: Algorithm, byte: u8) -> Claim {
        Claim::new(algorithm, vec![byte; algorithm.length()]).unwrap()
    }

    fn wanted(claims: &[Claim], file: Option<&str>) -> Wanted {
        Wanted {
            ecosystem: "files",
            name: "a".to_owned(),
            version: "1".to_owned(),
            file: file.map(str::to_owned),
            claims: claims.to_vec(),
            urls: Vec::new(),
            registry: None,
            path: None,
            size: None,
        }
    }

    #[test]
    fn all_files_are_there_when_each_strongest_digest_has_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "a").unwrap();
        let [first, second] = [1, 2].map(|byte| claim(Algorithm::Sha512, byte));
        let weak = claim(Algorithm::Sha256, 3);
        let both = wanted(&[weak, first.clone(), second.clone()], None);
        assert_eq!(needed(&both), [&first, &second]);
        let found = |claims: &[&Claim]| -> Vec<Found> {
            let one = |claim: &&Claim| Found {
                file: "a".to_owned(),
                hashed: hash(&path, [], &|_| {}).unwrap(),
                origin: Origin::Folder,
                claim: Some((*claim).clone()),
            };
            claims.iter().map(one).collect()
        };
        for (claims, is_whole) in [(&[][..], false), (&[&first], false), (&[&second, &first], true)] {
            assert_eq!(is_complete(&both, &found(claims)), is_whole, "{claims:?}");
        }
        let one = wanted(&[first.clone(), second], Some("a"));
        assert!(is_complete(&one, &found(&[&first])) && !is_complete(&one, &found(&[])));
    }
}
