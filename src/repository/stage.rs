//! Writes the tree of a new generation aside, sharing every node that did not change.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use super::list::{List, ListedFile, line, read_line};
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

/// Takes changed names one by one. Memory holds one shard's list at a time, whatever the number of names.
#[derive(Debug)]
pub struct Stager<'a> {
    repository: &'a Repository,
    shards: BTreeMap<String, Digest>,
    changes: BTreeMap<String, ShardChange>,
    written: u64,
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

    /// Links one name's files, and makes their links in the façade, which dangle until the switch.
    pub fn name(&mut self, change: &NameFiles) -> Result<(), RepositoryError> {
        let name = &change.name;
        let owner = check_name(name)?;
        let entry = shard_of(name);
        let shard = match self.changes.get_mut(&entry) {
            Some(shard) => shard,
            None => {
                let shard = ShardChange::begin(self.repository, &entry)?;
                self.changes.entry(entry.clone()).or_insert(shard)
            }
        };
        let mut lines = format!("{owner}\n");
        for (path, digest) in &change.files {
            let file = entry_of(&name.ecosystem, path);
            match self.repository.tree.place(digest, &shard.folder, &file)? {
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
            self.repository.facade.place(name, &entry, &file, path)?;
            let listed = ListedFile {
                digest: *digest,
                owner: owner.clone(),
                path: path.to_string(),
            };
            line(&mut lines, &file, &listed);
        }
        shard
            .journal
            .write_all(lines.as_bytes())
            .map_err(RepositoryError::file("write", &shard.journal_path))
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

    /// Links what the shard keeps of the one before it, and gives the list of all that it holds.
    fn complete(mut self, repository: &Repository, before: Option<&Digest>) -> Result<List, RepositoryError> {
        let failed = RepositoryError::file::<std::io::Error>;
        self.journal.flush().map_err(failed("write", &self.journal_path))?;
        let journal = fs::read_to_string(&self.journal_path).map_err(failed("read", &self.journal_path))?;
        let mut changed = HashSet::new();
        let mut list = List::default();
        for text in journal.lines() {
            match read_line(text) {
                Some((entry, file)) => list.insert(entry, file),
                None => {
                    if !changed.insert(text) {
                        return Err(collision(&name_of(text), "the name", "a name of the same import"));
                    }
                }
            }
        }
        let Some(before) = before else {
            return Ok(list);
        };
        let held = repository.tree.list(before)?;
        let source = repository.tree.open_node(before)?;
        for (entry, file) in held.files().filter(|(_, file)| !changed.contains(file.owner.as_str())) {
            match source.keep(&self.folder, entry)? {
                Placed::Done => list.insert(entry.clone(), file.clone()),
                Placed::Taken => {
                    let taker = list.get(entry).unwrap_or(file);
                    return Err(collision(&name_of(&taker.owner), &taker.path, &file.owner));
                }
                Placed::NoObject => {
                    return Err(RepositoryError::Damaged {
                        path: repository.tree.node(before).join(entry),
                    });
                }
            }
        }
        Ok(list)
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
