//! The chosen artifacts, held compactly: a selection may name a million files, and every one of them costs its name and
//! some forty bytes here, not the dozen allocations of a [`Chosen`], which is made anew for whoever works on one.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Chosen;
use crate::ecosystem::{UpstreamBase, Wanted};
use crate::export::texts::{Text, Texts};
use crate::model::Claim;

/// No index.
const NONE: u32 = u32::MAX;

/// Stands between the stated digests of one artifact.
const BETWEEN_CLAIMS: char = ' ';

/// All chosen artifacts.
#[derive(Debug, Default)]
pub(in crate::export) struct Choices {
    texts: Texts,
    groups: Vec<Group>,
    folders: Interner<PathBuf>,
    reasons: Interner<String>,
    extras: Vec<Extra>,
    entries: Vec<Entry>,
}

/// Ecosystem, name and version. Neighbours share one.
#[derive(Debug, Clone, Copy)]
struct Group {
    ecosystem: &'static str,
    name: Text,
    version: Text,
}

/// One artifact.
#[derive(Debug, Clone, Copy)]
struct Entry {
    file: Text,
    claims: Text,
    group: u32,
    reason: u32,
    /// The folder that the file lies in under the last component of its name; or none.
    folder: u32,
    extra: u32,
}

/// What only few artifacts have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Extra {
    urls: Vec<String>,
    registry: Option<String>,
    /// A path that does not follow from folder and file name.
    path: Option<PathBuf>,
    size: Option<u64>,
    upstreams: Vec<UpstreamBase>,
}

/// Values that many share, once each.
#[derive(Debug)]
pub(in crate::export) struct Interner<T> {
    values: Vec<T>,
    known: HashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interner<T> {
    pub(in crate::export) fn add<Q>(&mut self, value: &Q) -> u32
    where
        T: std::borrow::Borrow<Q>,
        Q: Eq + std::hash::Hash + ToOwned<Owned = T> + ?Sized,
    {
        // Neighbours mostly share theirs.
        if self.values.last().is_some_and(|last| last.borrow() == value) {
            return index(self.values.len() - 1);
        }
        if let Some(known) = self.known.get(value) {
            return *known;
        }
        let at = index(self.values.len());
        self.values.push(value.to_owned());
        self.known.insert(value.to_owned(), at);
        at
    }

    pub(in crate::export) fn get(&self, at: u32) -> Option<&T> {
        self.values.get(at as usize)
    }
}

/// # Panics
/// Beyond four thousand million entries, which no memory holds.
pub(in crate::export) fn index(at: usize) -> u32 {
    u32::try_from(at)
        .ok()
        .filter(|at| *at != NONE)
        .expect("memory ends before the numbers of entries do")
}

impl Choices {
    /// Adds one, in the order of the inputs. [`Choices::settle`] makes one of those that are the same.
    pub(super) fn add(&mut self, mut wanted: Wanted, reason: &str, upstreams: Vec<UpstreamBase>) {
        wanted.claims.sort();
        wanted.claims.dedup();
        let group = self.group(wanted.ecosystem, &wanted.name, &wanted.version);
        let folder = match (&wanted.path, &wanted.file) {
            (Some(path), Some(file)) => parent_of(path, file).map_or(NONE, |folder| self.folders.add(folder)),
            _ => NONE,
        };
        let extra = Extra {
            urls: wanted.urls,
            registry: wanted.registry,
            path: wanted.path.filter(|_| folder == NONE),
            size: wanted.size,
            upstreams,
        };
        let claims: Vec<String> = wanted.claims.iter().map(Claim::to_string).collect();
        let entry = Entry {
            file: self.texts.add_option(wanted.file.as_deref()),
            claims: match claims.is_empty() {
                true => Text::NONE,
                false => self.texts.add(&claims.join(&BETWEEN_CLAIMS.to_string())),
            },
            group,
            reason: self.reasons.add(reason),
            folder,
            extra: self.keep(extra),
        };
        self.entries.push(entry);
    }

    fn group(&mut self, ecosystem: &'static str, name: &str, version: &str) -> u32 {
        let is_last = self.groups.last().is_some_and(|last| {
            last.ecosystem == ecosystem
                && self.texts.text(last.name) == name
                && self.texts.text(last.version) == version
        });
        if !is_last {
            let group = Group {
                ecosystem,
                name: self.texts.add(name),
                version: self.texts.add(version),
            };
            self.groups.push(group);
        }
        index(self.groups.len() - 1)
    }

    fn keep(&mut self, extra: Extra) -> u32 {
        if extra == Extra::default() {
            return NONE;
        }
        self.extras.push(extra);
        index(self.extras.len() - 1)
    }

    /// Sorts, and makes one artifact of those that several inputs want: the same name, version, file, digests and path.
    pub(super) fn settle(&mut self) {
        let mut entries = std::mem::take(&mut self.entries);
        // Stable: the first input's stays, and the others' are added in their order.
        entries.sort_by(|left, right| self.compare(left, right));
        entries.dedup_by(|later, first| {
            let is_same = self.compare(first, later).is_eq();
            if is_same {
                self.merge(first, later);
            }
            is_same
        });
        self.entries = entries;
    }

    fn merge(&mut self, present: &mut Entry, other: &Entry) {
        if present.reason != other.reason {
            let joined = joined(self.reason(present.reason), self.reason(other.reason));
            present.reason = self.reasons.add(&*joined);
        }
        let Some(other) = self.extras.get(other.extra as usize).cloned() else {
            return;
        };
        let mut own = self.extras.get(present.extra as usize).cloned().unwrap_or_default();
        for url in other.urls {
            if !own.urls.contains(&url) {
                own.urls.push(url);
            }
        }
        own.size = own.size.or(other.size);
        own.registry = own.registry.or(other.registry);
        for base in other.upstreams {
            if !own.upstreams.contains(&base) {
                own.upstreams.push(base);
            }
        }
        match self.extras.get_mut(present.extra as usize) {
            Some(place) => *place = own,
            None => present.extra = self.keep(own),
        }
    }

    fn compare(&self, left: &Entry, right: &Entry) -> Ordering {
        let group = |entry: &Entry| self.groups.get(entry.group as usize);
        let names = |entry: &Entry| {
            group(entry).map(|group| {
                (
                    group.ecosystem,
                    self.texts.text(group.name),
                    self.texts.text(group.version),
                )
            })
        };
        let by_name = match left.group == right.group {
            true => Ordering::Equal,
            false => names(left).cmp(&names(right)),
        };
        by_name
            .then_with(|| self.texts.option(left.file).cmp(&self.texts.option(right.file)))
            // The texts of digests are in the order of the digests.
            .then_with(|| self.texts.text(left.claims).cmp(self.texts.text(right.claims)))
            .then_with(|| match left.folder == right.folder && left.folder != NONE {
                true => Ordering::Equal,
                false => self.path_of(left).cmp(&self.path_of(right)),
            })
    }

    fn path_of(&self, entry: &Entry) -> Option<PathBuf> {
        match self.folders.get(entry.folder) {
            Some(folder) => Some(folder.join(last_component(self.texts.text(entry.file)))),
            None => self.extras.get(entry.extra as usize)?.path.clone(),
        }
    }

    /// Keeps those of which `keep` approves.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&'static str, &str, &str) -> bool) {
        let (groups, texts) = (&self.groups, &self.texts);
        self.entries.retain(|entry| {
            let group = groups[entry.group as usize];
            keep(group.ecosystem, texts.text(group.name), texts.text(group.version))
        });
    }

    /// The same with some of them changed, by their places.
    pub(in crate::export) fn with(&self, changed: &std::collections::BTreeMap<u32, Wanted>) -> Self {
        let mut this = Self::default();
        for at in (0..self.len()).map(index) {
            let Chosen {
                wanted,
                reason,
                upstreams,
            } = self.chosen(at);
            this.add(changed.get(&at).cloned().unwrap_or(wanted), &reason, upstreams);
        }
        this.settle();
        this
    }

    /// How many there are.
    pub(in crate::export) fn len(&self) -> usize {
        self.entries.len()
    }

    /// One of them, made anew.
    pub(in crate::export) fn chosen(&self, at: u32) -> Chosen {
        let entry = self.entries[at as usize];
        let group = self.groups[entry.group as usize];
        let extra = self.extras.get(entry.extra as usize).cloned().unwrap_or_default();
        Chosen {
            wanted: Wanted {
                ecosystem: group.ecosystem,
                name: self.texts.text(group.name).to_owned(),
                version: self.texts.text(group.version).to_owned(),
                file: self.texts.option(entry.file).map(str::to_owned),
                claims: self.claims(at),
                urls: extra.urls,
                registry: extra.registry,
                path: self.path_of(&entry),
                size: extra.size,
            },
            reason: self.reason(entry.reason).to_owned(),
            upstreams: extra.upstreams,
        }
    }

    /// Ecosystem, name and version of one.
    pub(in crate::export) fn names(&self, at: u32) -> (&'static str, &str, &str) {
        let group = self.groups[self.entries[at as usize].group as usize];
        (
            group.ecosystem,
            self.texts.text(group.name),
            self.texts.text(group.version),
        )
    }

    /// The file's name, where the selection says it.
    pub(in crate::export) fn file(&self, at: u32) -> Option<&str> {
        self.texts.option(self.entries[at as usize].file)
    }

    /// The path that the selection gives.
    pub(in crate::export) fn path(&self, at: u32) -> Option<PathBuf> {
        self.path_of(&self.entries[at as usize])
    }

    /// The size that the selection states.
    pub(in crate::export) fn size(&self, at: u32) -> Option<u64> {
        self.extras.get(self.entries[at as usize].extra as usize)?.size
    }

    /// The reason's number.
    pub(in crate::export) fn reason_at(&self, at: u32) -> u32 {
        self.entries[at as usize].reason
    }

    /// How many reasons there are; their numbers are below.
    pub(in crate::export) fn reason_count(&self) -> u32 {
        index(self.reasons.values.len())
    }

    /// A reason's text.
    pub(in crate::export) fn reason(&self, at: u32) -> &str {
        self.reasons.get(at).map_or("", String::as_str)
    }

    /// The upstreams that lockfiles name for one.
    pub(in crate::export) fn upstreams(&self, at: u32) -> &[UpstreamBase] {
        let extra = self.extras.get(self.entries[at as usize].extra as usize);
        extra.map_or(&[], |extra| &extra.upstreams)
    }

    /// The stated digests of one, as texts.
    pub(super) fn claim_texts(&self, at: u32) -> impl Iterator<Item = &str> {
        let claims = self.texts.option(self.entries[at as usize].claims);
        claims.into_iter().flat_map(|claims| claims.split(BETWEEN_CLAIMS))
    }

    /// The stated digests of one.
    pub(in crate::export) fn claims(&self, at: u32) -> Vec<Claim> {
        let read = |claim| Claim::from_hex_option(claim).expect("a digest's own text is a digest");
        self.claim_texts(at).map(read).collect()
    }

    /// Those of one name: neighbours, since they are sorted.
    pub(in crate::export) fn of_name(&self, ecosystem: &str, name: &str) -> std::ops::Range<u32> {
        let name_at = |entry: &Entry| {
            let group = self.groups[entry.group as usize];
            (group.ecosystem, self.texts.text(group.name))
        };
        let start = self.entries.partition_point(|entry| name_at(entry) < (ecosystem, name));
        let end = self
            .entries
            .partition_point(|entry| name_at(entry) <= (ecosystem, name));
        index(start)..index(end)
    }

    /// All ecosystems that something is chosen of, some of them several times.
    pub(super) fn ecosystems(&self) -> impl Iterator<Item = &'static str> {
        self.entries
            .iter()
            .map(|entry| self.groups[entry.group as usize].ecosystem)
    }

    fn used_extras(&self) -> impl Iterator<Item = &Extra> {
        self.entries
            .iter()
            .filter_map(|entry| self.extras.get(entry.extra as usize))
    }

    /// Every address that is named for a file.
    pub(super) fn urls(&self) -> impl Iterator<Item = &str> {
        self.used_extras()
            .flat_map(|extra| extra.urls.iter().map(String::as_str))
    }

    /// Every upstream that lockfiles name.
    pub(super) fn all_upstreams(&self) -> impl Iterator<Item = &UpstreamBase> {
        self.used_extras().flat_map(|extra| &extra.upstreams)
    }
}

/// Two reasons as one, each part once.
pub(in crate::export) fn joined(first: &str, second: &str) -> String {
    let mut joined = first.to_owned();
    for reason in second.split(", ") {
        if !joined.split(", ").any(|known| known == reason) {
            joined = format!("{joined}, {reason}");
        }
    }
    joined
}

fn last_component(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// The folder that a path lies in, if folder and file name give back the very path.
fn parent_of<'a>(path: &'a Path, file: &str) -> Option<&'a Path> {
    let folder = path.parent()?;
    (folder.join(last_component(file)).as_os_str() == path.as_os_str()).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Algorithm;

    fn wanted(name: &str, file: Option<&str>, path: Option<&str>) -> Wanted {
        Wanted {
            ecosystem: "files",
            name: name.to_owned(),
            version: "1".to_owned(),
            file: file.map(str::to_owned),
            claims: Vec::new(),
            urls: Vec::new(),
            registry: None,
            path: path.map(PathBuf::from),
            size: None,
        }
    }

    fn claim(algorithm: Algorithm, byte: u8) -> Claim {
        Claim::new(algorithm, vec![byte; algorithm.length()]).unwrap()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let all = [
            wanted("a", Some("x/y.bin"), Some("/in/x/y.bin")),
            // The path does not follow from the name.
            wanted("b", Some("x/y.bin"), Some("/in/x/z.bin")),
            wanted("b", Some("y"), Some("/in/./y")),
            wanted("c", None, Some("/in/y")),
            Wanted {
                claims: vec![claim(Algorithm::Sha256, 1), claim(Algorithm::Sha512, 2)],
                urls: vec!["https://registry.example.com/d".to_owned()],
                registry: Some("r".to_owned()),
                size: Some(7),
                ..wanted("d", Some(""), None)
            },
        ];
        let mut choices = Choices::default();
        for wanted in &all {
            choices.add(wanted.clone(), "why", Vec::new());
        }
        choices.settle();
        let out: Vec<Wanted> = (0..index(choices.len())).map(|at| choices.chosen(at).wanted).collect();
        assert_eq!(out, all);
        assert_eq!(std::mem::size_of::<Entry>(), 32);
    }

    #[test]
    fn the_same_from_several_inputs_is_one() {
        let mut choices = Choices::default();
        let one = |urls: &[&str]| Wanted {
            urls: urls.iter().map(ToString::to_string).collect(),
            ..wanted("a", Some("y"), Some("/in/y"))
        };
        choices.add(one(&[]), "z", Vec::new());
        choices.add(wanted("a", Some("y"), Some("/other/y")), "y", Vec::new());
        choices.add(one(&["u"]), "x", Vec::new());
        choices.add(one(&["u", "v"]), "z", Vec::new());
        // The same path, written as another folder's.
        choices.add(wanted("a", Some("in/y"), Some("/in/y")), "w", Vec::new());
        choices.settle();
        assert_eq!(choices.len(), 3);
        let both = choices.chosen(1);
        assert_eq!(
            (both.wanted.urls, both.reason),
            (one(&["u", "v"]).urls, "z, x".to_owned())
        );
    }

    #[test]
    fn they_come_in_the_order_of_their_digests() {
        let mut lists = vec![
            vec![],
            vec![claim(Algorithm::Sha1, 9)],
            vec![claim(Algorithm::Sha1, 9), claim(Algorithm::Sha256, 0)],
            vec![claim(Algorithm::Sha256, 1)],
            vec![claim(Algorithm::Sha256, 1), claim(Algorithm::Sha256, 2)],
            vec![claim(Algorithm::Sha256, 1), claim(Algorithm::Sha384, 0)],
            vec![claim(Algorithm::Sha256, 0xa0)],
            vec![claim(Algorithm::Sha512, 0)],
        ];
        let mut choices = Choices::default();
        for claims in lists.iter().rev() {
            choices.add(
                Wanted {
                    claims: claims.clone(),
                    ..wanted("a", Some("y"), None)
                },
                "why",
                Vec::new(),
            );
        }
        choices.settle();
        lists.sort();
        let out: Vec<_> = (0..index(choices.len()))
            .map(|at| choices.chosen(at).wanted.claims)
            .collect();
        assert_eq!(out, lists);
    }

    #[test]
    fn two_ecosystems_may_have_one_name() {
        let mut choices = Choices::default();
        for ecosystem in ["files", "npm"] {
            let wanted = Wanted {
                ecosystem,
                ..wanted("a", Some("y"), None)
            };
            choices.add(wanted, "why", Vec::new());
        }
        choices.settle();
        let out: Vec<&str> = (0..index(choices.len()))
            .map(|at| choices.chosen(at).wanted.ecosystem)
            .collect();
        assert_eq!(out, ["files", "npm"]);
    }

    #[test]
    #[should_panic(expected = "memory ends")]
    fn the_number_of_nothing_is_no_place() {
        index(NONE as usize);
    }
}
