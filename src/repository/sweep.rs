//! Removes what no kept generation needs: old generations, nodes, links of the façade, objects.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::facade::Prune;
use super::{Generation, Repository, RepositoryError};
use crate::model::Digest;

/// Whether a sweep removes or only counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Count what would go.
    DryRun,
    /// Remove it.
    Remove,
}

/// What a sweep removed, or would remove.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Swept {
    /// Generations.
    pub generations: Vec<u64>,
    /// Nodes of the tree.
    pub nodes: u64,
    /// Links of the façade, as paths below it.
    pub links: Vec<String>,
    /// Objects.
    pub objects: u64,
    /// The objects' sizes together, in bytes.
    pub bytes: u64,
}

impl Repository {
    /// Keeps the newest `keep` generations and those in `held`, and removes what only other ones need. `is_needed` says which objects the
    /// enclave needs whether or not clients see them. The order is such that a kill leaves nothing half gone: numbers
    /// first, then nodes, then links, then objects.
    pub fn sweep<E: From<RepositoryError>>(
        &self,
        keep: NonZeroU32,
        held: &BTreeSet<u64>,
        sweep: Sweep,
        mut is_needed: impl FnMut(&Digest) -> Result<bool, E>,
    ) -> Result<Swept, E> {
        let mut swept = Swept::default();
        let generations = self.generations()?;
        let old = generations.len().saturating_sub(keep.get() as usize);
        let mut place = 0;
        let (old, kept): (Vec<_>, Vec<_>) = generations.into_iter().partition(|generation| {
            place += 1;
            place <= old && !held.contains(&generation.number)
        });
        for generation in &old {
            swept.generations.push(generation.number);
            if sweep == Sweep::Remove {
                let path = self.generation_path(generation.number);
                fs::remove_file(&path).map_err(RepositoryError::file("remove", &path))?;
            }
        }
        let freed = self.sweep_nodes(&kept, sweep, &mut swept)?;
        self.sweep_links(&kept, sweep, &mut swept)?;
        let mut garbage = Vec::new();
        self.store.for_each(|object| {
            let freed = freed.get(&object.inode).copied().unwrap_or(0);
            if object.links.saturating_sub(freed) <= 1 {
                garbage.push(object);
            }
            Ok::<_, RepositoryError>(())
        })?;
        // In a dry run the old nodes are still there, so their links have to be taken off; after a real
        // one they are gone from the count already, and `freed` is empty.
        for object in garbage {
            if !is_needed(&object.digest)? {
                swept.objects += 1;
                swept.bytes += object.size;
                if sweep == Sweep::Remove {
                    self.store.remove(&object.digest).map_err(RepositoryError::from)?;
                }
            }
        }
        Ok(swept)
    }

    /// Removes the nodes that no kept root reaches. Says, for a dry run, how many links each inode would lose.
    fn sweep_nodes(
        &self,
        kept: &[Generation],
        sweep: Sweep,
        swept: &mut Swept,
    ) -> Result<HashMap<u64, u64>, RepositoryError> {
        let mut reached = HashSet::new();
        for generation in kept {
            let root = generation.root.digest();
            if !reached.insert(root) {
                continue;
            }
            reached.extend(self.tree.shards(&root)?.into_values());
        }
        if sweep == Sweep::Remove {
            self.tree.clear_aside()?;
        }
        let mut freed = HashMap::new();
        for node in self.tree.all()? {
            if reached.contains(&node) {
                continue;
            }
            swept.nodes += 1;
            match sweep {
                Sweep::Remove => self.tree.remove(&node)?,
                Sweep::DryRun => {
                    let folder = self.tree.node(&node);
                    for entry in fs::read_dir(&folder).map_err(RepositoryError::file("read", &folder))? {
                        let entry = entry.map_err(RepositoryError::file("read", &folder))?;
                        let metadata = entry
                            .metadata()
                            .map_err(RepositoryError::file("look at", &entry.path()))?;
                        if metadata.is_file() {
                            *freed.entry(metadata.ino()).or_default() += 1;
                        }
                    }
                }
            }
        }
        Ok(freed)
    }

    fn sweep_links(&self, kept: &[Generation], sweep: Sweep, swept: &mut Swept) -> Result<(), RepositoryError> {
        // The newest first: nearly every link is in it.
        let roots: Vec<PathBuf> = kept
            .iter()
            .rev()
            .map(|generation| self.tree.node(&generation.root.digest()))
            .collect();
        self.facade.prune(&roots, &mut |path| {
            swept.links.push(path.to_owned());
            match sweep {
                Sweep::DryRun => Prune::Keep,
                Sweep::Remove => Prune::Remove,
            }
        })
    }
}
