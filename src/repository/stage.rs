//! Writes the tree of a new generation aside, sharing every node that did not change.

use std::collections::HashSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::thread;

use super::list::{List, ListedFile, line};
use super::node::{Placed, Put, entry_of, shard_of};
use super::{Repository, RepositoryError, RootNode};
use crate::model::{Digest, Name, RelativePath, UnsafeName};

/// All files that clients are to find for one name; none removes the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFiles {
    /// The ecosystem and name.
    pub name: Name,
    /// Paths below the ecosystem's folder, and the objects that stand there.
    pub files: Vec<(RelativePath, Digest)>,
}

/// A tree that is written and not yet shown to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagedGeneration {
    root: RootNode,
    written: u64,
}

impl StagedGeneration {
    pub(super) const fn new(root: RootNode, written: u64) -> Self {
        Self { root, written }
    }

    /// The root node, which is the digest of everything that clients find.
    pub const fn root(&self) -> RootNode {
        self.root
    }

    /// How many nodes had to be written; all others are shared with earlier generations.
    pub const fn written(&self) -> u64 {
        self.written
    }
}

/// From so many files of one name on, the tree's links and the façade's are made side by side: fewer are not worth a thread.
const SIDE_BY_SIDE: usize = 64;

/// Takes changed names one by one. Memory holds one shard's list at a time, whatever the number of names.
#[derive(Debug)]
pub struct Stager<'a> {
    repository: &'a Repository,
    shards: BTreeMap<String, Digest>,
    changes: BTreeMap<String, ShardChange>,
    written: u64,
}

/// Takes the files of one name in parts, so that a name with very many of them needs no more memory than one with few.
#[derive(Debug)]
pub struct NameStager<'s> {
    repository: &'s Repository,
    shard: &'s mut ShardChange,
    name: Name,
    owner: String,
    /// The shard's.
    entry: String,
}

/// A shard that is being written: its new files are linked already, those that it keeps will be.
#[derive(Debug)]
struct ShardChange {
    aside: PathBuf,
    folder: File,
    /// A line for each name that changes and for each of its new files, in the order of arrival.
    journal_path: PathBuf,
    journal: BufWriter<File>,
}

impl<'a> Stager<'a> {
    pub(super) fn new(repository: &'a Repository, base: Option<RootNode>) -> Result<Self, RepositoryError> {
        let shards = match base {
            None => BTreeMap::new(),
            Some(root) => {
                if !repository.tree.node(&root.digest()).is_dir() {
                    return Err(RepositoryError::RootMissing { root: root.digest() });
                }
                repository.tree.shards(&root.digest())?
            }
        };
        Ok(Self {
            repository,
            shards,
            changes: BTreeMap::new(),
            written: 0,
        })
    }

    /// Takes a name with all its files.
    pub fn name(&mut self, change: &NameFiles) -> Result<(), RepositoryError> {
        self.begin(&change.name)?.add(&change.files)
    }

    /// Begins a name whose files come in parts. Without any, clients find the name no more.
    pub fn begin(&mut self, name: &Name) -> Result<NameStager<'_>, RepositoryError> {
        let owner = check_name(name)?;
        let entry = shard_of(name);
        let shard = match self.changes.entry(entry.clone()) {
            Entry::Occupied(shard) => shard.into_mut(),
            Entry::Vacant(place) => place.insert(ShardChange::begin(self.repository, &entry)?),
        };
        shard.write(&format!("{owner}\n"))?;
        Ok(NameStager {
            repository: self.repository,
            shard,
            name: name.clone(),
            owner,
            entry,
        })
    }

    /// Completes the shards that changed with what they keep, and writes the root.
    pub fn finish(mut self) -> Result<StagedGeneration, RepositoryError> {
        for (entry, change) in std::mem::take(&mut self.changes) {
            let aside = change.aside.clone();
            let list = change.complete(self.repository, self.shards.get(&entry))?;
            if list.len() == 0 {
                fs::remove_dir_all(&aside).map_err(RepositoryError::file("remove", &aside))?;
                self.shards.remove(&entry);
            } else {
                let (shard, put) = self.repository.tree.adopt_shard(&aside, &list)?;
                self.written += u64::from(put == Put::Written);
                self.shards.insert(entry, shard);
            }
        }
        let (root, put) = self.repository.tree.put_root(&self.shards)?;
        self.written += u64::from(put == Put::Written);
        Ok(StagedGeneration::new(RootNode::new(root), self.written))
    }
}

impl ShardChange {
    fn begin(repository: &Repository, entry: &str) -> Result<Self, RepositoryError> {
        let aside = repository.tree.make_aside(entry)?;
        let folder = File::open(&aside).map_err(RepositoryError::file("open", &aside))?;
        // It has the list's name until the list replaces it.
        let journal_path = aside.join(super::node::LIST);
        let journal = File::create(&journal_path).map_err(RepositoryError::file("make", &journal_path))?;
        Ok(Self {
            aside,
            folder,
            journal_path,
            journal: BufWriter::new(journal),
        })
    }

    fn write(&mut self, lines: &str) -> Result<(), RepositoryError> {
        self.journal
            .write_all(lines.as_bytes())
            .map_err(RepositoryError::file("write", &self.journal_path))
    }

    /// Links what the shard keeps of the one before it, and gives the list of all that it holds.
    fn complete(mut self, repository: &Repository, before: Option<&Digest>) -> Result<List, RepositoryError> {
        let failed = RepositoryError::file::<std::io::Error>;
        self.journal.flush().map_err(failed("write", &self.journal_path))?;
        let journal = fs::read_to_string(&self.journal_path).map_err(failed("read", &self.journal_path))?;
        let mut changed = HashSet::new();
        let mut list = List::of_journal(journal, |owner| {
            if changed.insert(owner.to_owned()) {
                Ok(())
            } else {
                Err(collision(&name_of(owner), "the name", "a name of the same import"))
            }
        })?;
        if let Some(before) = before {
            let source = repository.tree.open_node(before)?;
            repository.tree.for_each_listed(before, |file| {
                if changed.contains(file.owner) {
                    return Ok(());
                }
                match source.keep(&self.folder, file.entry)? {
                    Placed::Done => list.push(&file),
                    Placed::Taken => {
                        let taker = list.find(file.entry).unwrap_or(file);
                        return Err(collision(&name_of(taker.owner), taker.path, file.owner));
                    }
                    Placed::NoObject => {
                        return Err(RepositoryError::Damaged {
                            path: repository.tree.node(before).join(file.entry),
                        });
                    }
                }
                Ok(())
            })?;
        }
        list.sort();
        Ok(list)
    }
}

impl NameStager<'_> {
    /// Links files of the name, and makes their links in the façade, which dangle until the switch.
    pub fn add(&mut self, files: &[(RelativePath, Digest)]) -> Result<(), RepositoryError> {
        let name = &self.name;
        let entries: Vec<String> = files.iter().map(|(path, _)| entry_of(&name.ecosystem, path)).collect();
        let (tree, facade, folder) = (&self.repository.tree, &self.repository.facade, &self.shard.folder);
        let link_all = || {
            for ((path, digest), entry) in files.iter().zip(&entries) {
                match tree.place(digest, folder, entry)? {
                    Placed::Done => {}
                    Placed::Taken => return Err(collision(name, path.as_str(), "another file of this import")),
                    Placed::NoObject => {
                        return Err(RepositoryError::ObjectMissing {
                            name: name.clone(),
                            path: path.to_string(),
                            digest: *digest,
                        });
                    }
                }
            }
            Ok(())
        };
        let show_all = || {
            let mut files = files.iter().zip(&entries);
            files.try_for_each(|((path, _), file)| facade.place(name, &self.entry, file, path))
        };
        if files.len() < SIDE_BY_SIDE {
            link_all()?;
            show_all()?;
        } else {
            thread::scope(|scope| {
                let showing = scope.spawn(show_all);
                let linked = link_all();
                let shown = showing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                linked.and(shown)
            })?;
        }
        let mut lines = String::new();
        for ((path, digest), entry) in files.iter().zip(&entries) {
            let listed = ListedFile {
                entry,
                digest: *digest,
                owner: &self.owner,
                path: path.as_str(),
            };
            line(&mut lines, &listed);
        }
        self.shard.write(&lines)
    }
}

fn collision(name: &Name, path: &str, other: &str) -> RepositoryError {
    RepositoryError::Collision {
        name: name.clone(),
        path: path.to_owned(),
        other: other.to_owned(),
    }
}

/// The name that a list calls `ecosystem/name`.
fn name_of(owner: &str) -> Name {
    let (ecosystem, name) = owner.split_once('/').unwrap_or(("", owner));
    Name {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
    }
}

/// A name stands within lines of lists, so it may hold neither a tab nor a line's end; its ecosystem is a folder.
fn check_name(name: &Name) -> Result<String, RepositoryError> {
    let owner = name.to_string();
    let is_folder = RelativePath::new(&*name.ecosystem).is_ok() && !name.ecosystem.contains('/');
    if owner.chars().any(char::is_control) || !is_folder {
        return Err(RepositoryError::UnsafeName(UnsafeName {
            name: owner,
            reason: "it holds a control character, or its ecosystem is no plain name",
        }));
    }
    Ok(owner)
}
