//! Writes the tree of a new generation aside, sharing every node that did not change.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::node::{LeafFile, Node, Place, Put, file_entry};
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

/// Takes changed names one by one and keeps only their leaves' ids in memory.
#[derive(Debug)]
pub struct Stager<'a> {
    repository: &'a Repository,
    shards: BTreeMap<String, Digest>,
    changes: BTreeMap<String, BTreeMap<String, Option<Digest>>>,
    written: u64,
}

impl<'a> Stager<'a> {
    pub(super) fn new(repository: &'a Repository, base: Option<RootNode>) -> Result<Self, RepositoryError> {
        let shards = match base {
            None => BTreeMap::new(),
            Some(root) => {
                if !repository.tree.has(&root.digest()) {
                    return Err(RepositoryError::RootMissing { root: root.digest() });
                }
                repository.tree.nodes(&root.digest())?
            }
        };
        Ok(Self {
            repository,
            shards,
            changes: BTreeMap::new(),
            written: 0,
        })
    }

    /// Writes one name's leaf and makes its links in the façade, which dangle until the switch.
    pub fn name(&mut self, change: &NameFiles) -> Result<(), RepositoryError> {
        let owner = check_name(&change.name)?;
        let place = Place::of(&change.name);
        self.refuse_other_owner(&change.name, &owner, &place)?;
        let leaf = if change.files.is_empty() {
            None
        } else {
            let files = leaf_files(change)?;
            for file in &files {
                self.repository.facade.place(&change.name, &place, file.path)?;
            }
            Some(self.put(&Node::Leaf {
                owner: &change.name,
                files,
            })?)
        };
        match self.changes.entry(place.shard).or_default().entry(place.leaf) {
            Entry::Vacant(vacant) => {
                vacant.insert(leaf);
                Ok(())
            }
            Entry::Occupied(_) => Err(RepositoryError::Collision {
                name: change.name.clone(),
                path: "the name".to_owned(),
                other: "a name of the same import".to_owned(),
            }),
        }
    }

    /// Writes the shards that changed and the root.
    pub fn finish(mut self) -> Result<StagedGeneration, RepositoryError> {
        for (entry, changes) in std::mem::take(&mut self.changes) {
            let mut leaves = match self.shards.get(&entry) {
                Some(shard) => self.repository.tree.nodes(shard)?,
                None => BTreeMap::new(),
            };
            for (leaf, id) in changes {
                match id {
                    Some(id) => leaves.insert(leaf, id),
                    None => leaves.remove(&leaf),
                };
            }
            if leaves.is_empty() {
                self.shards.remove(&entry);
            } else {
                let shard = self.put(&Node::Shard(&leaves))?;
                self.shards.insert(entry, shard);
            }
        }
        let shards = std::mem::take(&mut self.shards);
        let root = self.put(&Node::Root(&shards))?;
        Ok(StagedGeneration::new(RootNode::new(root), self.written))
    }

    fn put(&mut self, node: &Node<'_>) -> Result<Digest, RepositoryError> {
        let (id, put) = self.repository.tree.put(node)?;
        self.written += u64::from(put == Put::Written);
        Ok(id)
    }

    /// Refuses a name whose shortened hash is that of another name: it would replace the other's files.
    fn refuse_other_owner(&self, name: &Name, owner: &str, place: &Place) -> Result<(), RepositoryError> {
        let Some(shard) = self.shards.get(&place.shard) else {
            return Ok(());
        };
        match self.repository.tree.owner(shard, &place.leaf)? {
            Some(other) if other != owner => Err(RepositoryError::Collision {
                name: name.clone(),
                path: "the name".to_owned(),
                other,
            }),
            _ => Ok(()),
        }
    }
}

/// A name stands on lines of its own in listings, so it may not hold a line's end.
fn check_name(name: &Name) -> Result<String, RepositoryError> {
    let owner = name.to_string();
    if owner.chars().any(char::is_control)
        || name.ecosystem.contains('/')
        || RelativePath::new(&*name.ecosystem).is_err()
    {
        return Err(RepositoryError::UnsafeName(UnsafeName {
            name: owner,
            reason: "it holds a control character, or its ecosystem is no plain name",
        }));
    }
    Ok(owner)
}

/// The files in the order of their entries, each entry once.
fn leaf_files(change: &NameFiles) -> Result<Vec<LeafFile<'_>>, RepositoryError> {
    let mut files: Vec<_> = change
        .files
        .iter()
        .map(|(path, digest)| LeafFile {
            entry: file_entry(path),
            path,
            digest: *digest,
        })
        .collect();
    files.sort_by(|one, other| one.entry.cmp(&other.entry));
    match files.windows(2).find(|pair| pair[0].entry == pair[1].entry) {
        Some(pair) => Err(RepositoryError::Collision {
            name: change.name.clone(),
            path: pair[0].path.to_string(),
            other: pair[1].path.to_string(),
        }),
        None => Ok(files),
    }
}
