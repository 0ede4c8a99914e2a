//! What will be packed, held compactly: every file that was found, the artifacts that they are, and the objects of which the
//! bundle consists. A million artifacts take some hundred bytes each; an [`Artifact`] with its dozen allocations is made
//! anew for whoever looks at one.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::collect::{SourceObject as Collected, Stamp};
use super::select::{Choices, Interner, index, joined};
use super::source::{Source, SourceObject};
use super::texts::{Text, Texts};
use crate::model::{Artifact, Digest, Proof};

/// No index.
const NONE: u32 = u32::MAX;

/// A file that was found, as it is put in.
#[derive(Debug, Clone)]
pub(super) struct NewFind {
    /// The wanted artifact's place in the selection.
    pub(super) wanted: u32,
    pub(super) file: String,
    pub(super) origin: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) place: Place,
    /// The digests of its segments of the usual size, where it has more than one.
    pub(super) segments: Vec<Digest>,
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// On this machine.
    Here {
        path: PathBuf,
        stamp: Stamp,
        compressible: bool,
    },
    /// They would have to be fetched.
    Away {
        /// Whether the lockfile states their digest.
        digest_is_known: bool,
    },
}

/// The origin of a file in a folder that the operator named.
pub(super) const FOLDER: &str = "folder";

#[derive(Debug)]
struct Find {
    digest: Digest,
    size: u64,
    stamp: Stamp,
    wanted: u32,
    reason: u32,
    extra: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// To be fetched, with a stated digest.
    Away,
    Compressible,
    Compressed,
    /// To be fetched, with a digest that only stands for the real one.
    Stranger,
}

/// Where file name, path and origin are not those of the selection.
#[derive(Debug)]
struct FindExtra {
    /// Ecosystem, name and version of what no selection names: a signed index.
    own: Option<(&'static str, Text, Text)>,
    file: Text,
    origin: Text,
    path: Option<Box<Path>>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    choices: Arc<Choices>,
    /// Reasons that only came together here; their numbers follow those of the selection.
    joined_reasons: Interner<String>,
    finds: Vec<Find>,
    extras: Vec<FindExtra>,
    texts: Texts,
    /// The digests of the segments of large files.
    segments: BTreeMap<Digest, Vec<Digest>>,
    /// Places in `finds`, sorted by ecosystem, name, version and file, each file once.
    artifacts: Vec<u32>,
    /// For each find its proofs.
    proofs: Vec<u32>,
    proof_lists: ProofLists,
    /// Documents, proofs and the plan.
    companions: Vec<SourceObject>,
    /// Places in `finds`, and after them in `companions`, sorted by digest, each digest once.
    objects: Vec<u32>,
}

/// Lists of proofs, once each: nearly all artifacts of an ecosystem share one.
#[derive(Debug, Default)]
struct ProofLists {
    lists: Vec<Vec<Proof>>,
    known: HashMap<Vec<u8>, u32>,
}

impl ProofLists {
    fn add(&mut self, list: Vec<Proof>) -> u32 {
        // What names objects is hardly shared.
        if list.iter().any(|proof| !proof.objects.is_empty()) {
            self.lists.push(list);
            return index(self.lists.len() - 1);
        }
        let key: Vec<u8> = list
            .iter()
            .flat_map(|proof| [proof.kind.as_bytes(), b" ", proof.state.word().as_bytes(), b" "].concat())
            .collect();
        let lists = &mut self.lists;
        *self.known.entry(key).or_insert_with(|| {
            lists.push(list);
            index(lists.len() - 1)
        })
    }
}

/// Two files of one name with different bytes: what the first and the second is.
#[derive(Debug)]
pub(super) struct Clash {
    pub(super) first: Artifact,
    pub(super) second: Artifact,
}

/// How an object's bytes are had.
#[derive(Debug)]
pub(super) struct HeldObject {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) compressible: bool,
    /// Whether it would have to be fetched.
    pub(super) is_away: bool,
}

impl Holdings {
    pub(super) fn new(choices: Arc<Choices>) -> Self {
        Self {
            choices,
            ..Self::default()
        }
    }

    /// Takes a file.
    pub(super) fn add(&mut self, find: NewFind) {
        let NewFind {
            wanted,
            file,
            origin,
            digest,
            size,
            place,
            segments,
        } = find;
        if !segments.is_empty() {
            self.segments.insert(digest, segments);
        }
        let (path, stamp, state) = match place {
            Place::Here {
                path,
                stamp,
                compressible: true,
            } => (Some(path), stamp, State::Compressible),
            Place::Here { path, stamp, .. } => (Some(path), stamp, State::Compressed),
            Place::Away { digest_is_known: true } => (None, Stamp::default(), State::Away),
            Place::Away { .. } => (None, Stamp::default(), State::Stranger),
        };
        let choices = &self.choices;
        let follows = origin == FOLDER
            && choices.file(wanted) == Some(&file)
            && path.is_some()
            && choices.path(wanted).as_deref().map(Path::as_os_str) == path.as_deref().map(Path::as_os_str);
        let extra = match follows {
            true => NONE,
            false => {
                self.extras.push(FindExtra {
                    own: None,
                    file: self.texts.add(&file),
                    origin: self.texts.add(&origin),
                    path: path.map(PathBuf::into_boxed_path),
                });
                index(self.extras.len() - 1)
            }
        };
        self.finds.push(Find {
            digest,
            size,
            stamp,
            wanted,
            reason: self.choices.reason_at(wanted),
            extra,
            state,
        });
    }

    /// Takes a signed index: an artifact that came with those that were asked for.
    pub(super) fn add_index(&mut self, artifact: Artifact, object: &Collected) {
        let Some(ecosystem) = crate::ecosystem::find(&artifact.ecosystem) else {
            return;
        };
        self.extras.push(FindExtra {
            own: Some((
                ecosystem.id(),
                self.texts.add(&artifact.name),
                self.texts.add(&artifact.version),
            )),
            file: self.texts.add(&artifact.file),
            origin: self.texts.add(&artifact.origin),
            path: Some(object.path.clone().into_boxed_path()),
        });
        self.finds.push(Find {
            digest: artifact.digest,
            size: object.size,
            stamp: object.stamp,
            wanted: NONE,
            reason: self.choices.reason_count() + self.joined_reasons.add(&*artifact.reason),
            extra: index(self.extras.len() - 1),
            state: match object.compressible {
                true => State::Compressible,
                false => State::Compressed,
            },
        });
        self.proofs.resize(self.finds.len(), NONE);
        let list = self.proof_lists.add(artifact.proofs);
        if let Some(last) = self.proofs.last_mut() {
            *last = list;
        }
    }

    fn file(&self, find: &Find) -> &str {
        match self.extras.get(find.extra as usize) {
            Some(extra) => self.texts.text(extra.file),
            None => self.choices.file(find.wanted).unwrap_or_default(),
        }
    }

    fn key(&self, find: &Find) -> (&'static str, &str, &str, &str) {
        let own = self.extras.get(find.extra as usize).and_then(|extra| extra.own);
        let (ecosystem, name, version) = match own {
            Some((ecosystem, name, version)) => (ecosystem, self.texts.text(name), self.texts.text(version)),
            None => self.choices.names(find.wanted),
        };
        (ecosystem, name, version, self.file(find))
    }

    /// By name and file; of one file the order in which it was wanted. Of what a plan looks at, those to be fetched stand
    /// before those at hand.
    fn compare(&self, left: u32, right: u32) -> Ordering {
        let (one, other) = (&self.finds[left as usize], &self.finds[right as usize]);
        let rank = |find: &Find| match find.state {
            State::Away => 0,
            State::Compressible | State::Compressed => 1,
            State::Stranger => 2,
        };
        self.key(one)
            .cmp(&self.key(other))
            .then_with(|| (rank(one), one.wanted, left).cmp(&(rank(other), other.wanted, right)))
    }

    /// Makes the artifacts of all files but strangers. One file that several inputs want is one artifact, with the reasons
    /// of all; one name with two contents is a clash.
    pub(super) fn arrange(&mut self) -> Vec<Clash> {
        self.arrange_those(|state| state != State::Stranger)
    }

    /// Makes the artifacts of all files.
    pub(super) fn arrange_with_strangers(&mut self) -> Vec<Clash> {
        self.arrange_those(|_| true)
    }

    fn arrange_those(&mut self, counts: impl Fn(State) -> bool) -> Vec<Clash> {
        let mut order: Vec<u32> = (0..self.finds.len())
            .filter(|at| counts(self.finds[*at].state))
            .map(index)
            .collect();
        // The selection is sorted, and so are its finds but for the neighbours that several threads worked on.
        order.sort_unstable_by_key(|at| (self.finds[*at as usize].wanted, *at));
        order.sort_by(|left, right| self.compare(*left, *right));
        let mut clashes = Vec::new();
        order.dedup_by(|later, first| {
            let (one, other) = (&self.finds[*first as usize], &self.finds[*later as usize]);
            if self.key(one) != self.key(other) {
                return false;
            }
            if one.digest == other.digest {
                let (one, other) = (one.reason, other.reason);
                if one != other {
                    let both = joined(self.reason(one), self.reason(other));
                    let at = self.choices.reason_count() + self.joined_reasons.add(&*both);
                    self.finds[*first as usize].reason = at;
                }
            } else {
                clashes.push(Clash {
                    first: self.artifact_of(*first),
                    second: self.artifact_of(*later),
                });
            }
            true
        });
        self.artifacts = order;
        self.proofs.resize(self.finds.len(), NONE);
        clashes
    }

    /// How many artifacts there are.
    pub(super) fn artifact_count(&self) -> usize {
        self.artifacts.len()
    }

    /// An artifact, made anew.
    pub(super) fn artifact(&self, at: usize) -> Artifact {
        self.artifact_of(self.artifacts[at])
    }

    /// All artifacts, sorted by ecosystem, name, version and file.
    pub(super) fn artifacts(&self) -> impl ExactSizeIterator<Item = Artifact> + '_ {
        self.artifacts.iter().map(|find| self.artifact_of(*find))
    }

    fn artifact_of(&self, at: u32) -> Artifact {
        let find = &self.finds[at as usize];
        let (ecosystem, name, version, file) = self.key(find);
        let origin = match self.extras.get(find.extra as usize) {
            Some(extra) => self.texts.text(extra.origin),
            None => FOLDER,
        };
        Artifact {
            digest: find.digest,
            ecosystem: ecosystem.to_owned(),
            file: file.to_owned(),
            name: name.to_owned(),
            origin: origin.to_owned(),
            proofs: self.proofs_of(at).to_vec(),
            reason: self.reason(find.reason).to_owned(),
            version: version.to_owned(),
        }
    }

    fn reason(&self, at: u32) -> &str {
        match at.checked_sub(self.choices.reason_count()) {
            None => self.choices.reason(at),
            Some(at) => self.joined_reasons.get(at).map_or("", String::as_str),
        }
    }

    fn proofs_of(&self, find: u32) -> &[Proof] {
        let list = self.proofs.get(find as usize).copied().unwrap_or(NONE);
        self.proof_lists.lists.get(list as usize).map_or(&[], Vec::as_slice)
    }

    /// The proofs of an artifact.
    pub(super) fn proofs(&self, at: usize) -> &[Proof] {
        self.proofs_of(self.artifacts[at])
    }

    /// Says what is known about an artifact's proofs.
    pub(super) fn set_proofs(&mut self, at: usize, proofs: Vec<Proof>) {
        let list = self.proof_lists.add(proofs);
        self.proofs[self.artifacts[at] as usize] = list;
    }

    /// Ecosystem, name, version and file of an artifact.
    pub(super) fn names(&self, at: usize) -> (&'static str, &str, &str, &str) {
        self.key(&self.finds[self.artifacts[at] as usize])
    }

    /// Whether an artifact's digest only stands for the real one.
    pub(super) fn is_stranger(&self, at: usize) -> bool {
        self.finds[self.artifacts[at] as usize].state == State::Stranger
    }

    /// The digest of an artifact.
    pub(super) fn digest(&self, at: usize) -> Digest {
        self.finds[self.artifacts[at] as usize].digest
    }

    /// Where an artifact's bytes lie on this machine, if they do.
    pub(super) fn path_here(&self, at: usize) -> Option<PathBuf> {
        self.path(&self.finds[self.artifacts[at] as usize])
    }

    /// Where an artifact lies in a folder that the operator named, if it does.
    pub(super) fn path_in_folder(&self, at: usize) -> Option<PathBuf> {
        let find = &self.finds[self.artifacts[at] as usize];
        let origin = self.extras.get(find.extra as usize);
        let is_in_folder = origin.is_none_or(|extra| self.texts.text(extra.origin) == FOLDER);
        self.path_here(at).filter(|_| is_in_folder)
    }

    /// The artifacts' places, name by name.
    pub(super) fn names_in_turn(&self) -> Vec<std::ops::Range<usize>> {
        let name = |at: usize| {
            let (ecosystem, name, ..) = self.names(at);
            (ecosystem, name)
        };
        let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
        for at in 0..self.artifacts.len() {
            match ranges.last_mut() {
                Some(range) if name(range.start) == name(at) => range.end = at + 1,
                _ => ranges.push(at..at + 1),
            }
        }
        ranges
    }

    /// How many files lie on this machine, and their bytes.
    pub(super) fn at_hand(&self) -> (u64, u64) {
        let here = |find: &&Find| matches!(find.state, State::Compressible | State::Compressed);
        let found = self.finds.iter().filter(here);
        found.fold((0, 0), |(count, bytes), find| (count + 1, bytes + find.size))
    }

    /// Takes objects that are no artifacts: documents, proofs, the plan.
    pub(super) fn add_companions(&mut self, objects: impl IntoIterator<Item = SourceObject>) {
        self.companions.extend(objects);
    }

    /// Sorts all objects by digest. Of several files with the same bytes the one that is wanted first is packed.
    pub(super) fn arrange_objects(&mut self) {
        let count = self.finds.len() + self.companions.len();
        // The digest's first bytes beside each index: a sort that had to look at the files would wait for memory.
        let head = |digest: &Digest| {
            let mut head = [0; 8];
            head.copy_from_slice(&digest.as_bytes()[..8]);
            u64::from_be_bytes(head)
        };
        let mut order: Vec<(u64, u32)> = (0..count)
            .map(|at| (head(&self.object_digest(index(at))), index(at)))
            .collect();
        let rank = |at: u32| match self.finds.get(at as usize) {
            Some(find) => (matches!(find.state, State::Away | State::Stranger), find.wanted, at),
            None => (false, NONE, at),
        };
        order.sort_unstable_by(|(head, left), (other, right)| {
            head.cmp(other)
                .then_with(|| self.object_digest(*left).cmp(&self.object_digest(*right)))
                .then_with(|| rank(*left).cmp(&rank(*right)))
        });
        order.dedup_by(|later, first| later.0 == first.0 && self.object_digest(later.1) == self.object_digest(first.1));
        self.objects = order.into_iter().map(|(_, at)| at).collect();
    }

    /// Leaves out the files that the receiver has already. Documents, proofs, plan and side data always travel.
    pub(super) fn leave_out(&mut self, held: impl Fn(&Digest) -> bool) {
        let finds = &self.finds;
        self.objects
            .retain(|at| finds.get(*at as usize).is_none_or(|find| !held(&find.digest)));
    }

    fn object_digest(&self, at: u32) -> Digest {
        match self.finds.get(at as usize) {
            Some(find) => find.digest,
            None => self.companions[at as usize - self.finds.len()].digest,
        }
    }

    /// How many objects there are.
    pub(super) fn object_count(&self) -> usize {
        self.objects.len()
    }

    /// An object.
    pub(super) fn object(&self, at: usize) -> HeldObject {
        let at = self.objects[at] as usize;
        match self.finds.get(at) {
            Some(find) => HeldObject {
                digest: find.digest,
                size: find.size,
                compressible: find.state == State::Compressible,
                is_away: matches!(find.state, State::Away | State::Stranger),
            },
            None => {
                let companion = &self.companions[at - self.finds.len()];
                HeldObject {
                    digest: companion.digest,
                    size: companion.size,
                    compressible: companion.compressible,
                    is_away: false,
                }
            }
        }
    }

    /// The digests of an object's segments of the usual size, if they are known.
    pub(super) fn segments(&self, at: usize) -> Option<&[Digest]> {
        self.segments
            .get(&self.object_digest(self.objects[at]))
            .map(Vec::as_slice)
    }

    /// Where an object's bytes are.
    pub(super) fn source(&self, at: usize) -> Source {
        let at = self.objects[at] as usize;
        match self.finds.get(at) {
            Some(find) => Source::File(self.path(find).unwrap_or_default(), find.stamp, find.size),
            None => self.companions[at - self.finds.len()].source.clone(),
        }
    }

    /// None for a file that would have to be fetched.
    fn path(&self, find: &Find) -> Option<PathBuf> {
        match self.extras.get(find.extra as usize) {
            Some(extra) => extra.path.as_deref().map(Path::to_owned),
            None => self.choices.path(find.wanted),
        }
    }

    /// All objects that lie in files, made anew.
    pub(super) fn source_objects(&self) -> Vec<Collected> {
        (0..self.objects.len())
            .filter_map(|at| {
                let HeldObject {
                    digest,
                    size,
                    compressible,
                    ..
                } = self.object(at);
                match self.source(at) {
                    Source::File(path, stamp, _) => Some(Collected {
                        digest,
                        size,
                        path,
                        stamp,
                        compressible,
                    }),
                    Source::Memory(_) | Source::Spooled(..) => None,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecosystem;
    use crate::export::select::{Input, Request as Wish, Source as Written, select};

    #[test]
    fn a_find_is_small() {
        assert_eq!(std::mem::size_of::<Find>(), 64);
    }

    #[test]
    fn objects_whose_digests_begin_alike_are_two() {
        let mut holdings = Holdings::default();
        for last in [1, 2, 2] {
            let mut digest = [7; 32];
            digest[31] = last;
            holdings.add_companions([SourceObject {
                digest: Digest::from_bytes(digest),
                size: 1,
                source: Source::Memory(vec![last]),
                compressible: false,
            }]);
        }
        holdings.arrange_objects();
        assert_eq!(holdings.objects.len(), 2);
    }

    #[test]
    fn a_find_comes_out_as_it_was_put_in() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "a").unwrap();
        let wish = Wish {
            inputs: vec![Input::Files {
                name: "set".to_owned(),
                version: "1".to_owned(),
                source: Written::new(folder.path(), folder.path()),
                checksums: None,
            }],
            ..Wish::default()
        };
        let choices = Arc::clone(select(wish, ecosystem::ALL).unwrap().choices());
        let own = choices.path(0).unwrap();
        let here = |path: &Path| Place::Here {
            path: path.to_owned(),
            stamp: Stamp::default(),
            compressible: false,
        };
        let away = Place::Away { digest_is_known: true };
        let other = folder.path().join("other/a");
        for (file, origin, place, path, extras) in [
            // All of it is the selection's own.
            ("a", FOLDER, here(&own), Some(&own), 0),
            ("b", FOLDER, here(&own), Some(&own), 1),
            ("a", "cache", here(&own), Some(&own), 1),
            ("a", FOLDER, here(&other), Some(&other), 1),
            ("a", "https://files.example.com/a", away, None, 1),
        ] {
            let mut holdings = Holdings::new(Arc::clone(&choices));
            holdings.add(NewFind {
                wanted: 0,
                file: file.to_owned(),
                origin: origin.to_owned(),
                digest: Digest::of(b"a"),
                size: 1,
                place,
                segments: Vec::new(),
            });
            holdings.arrange();
            let artifact = holdings.artifact(0);
            assert_eq!((&*artifact.file, &*artifact.origin), (file, origin));
            assert_eq!(holdings.path_here(0).as_ref(), path, "{file} {origin}");
            assert_eq!(holdings.extras.len(), extras, "{file} {origin}");
        }
    }
}
