//! What clients read, compared with what the roots of the generations name: every file of every kept generation, and every link.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::list::ListedFile;
use super::node::{self, entry_of};
use super::{CURRENT, Generation, Repository, RepositoryError, facade};
use crate::model::{Difference, Digest, RelativePath};
use crate::store;

impl Repository {
    /// Compares the repository with the generations that the enclave remembers, the oldest first. An object that is not in `bad` has been read and is what its name
    /// says, so a link to it is not read again.
    pub fn compare<E: From<RepositoryError>>(
        &self,
        remembered: &[Generation],
        bad: &HashSet<Digest>,
        mut visit: impl FnMut(Difference) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut found = Vec::new();
        self.compare_generations(remembered, &mut found)?;
        let mut shards = BTreeMap::new();
        let mut reached = HashSet::new();
        for generation in remembered {
            let root = generation.root.digest();
            reached.insert(root);
            match self.tree.shards(&root) {
                Ok(held) => {
                    reached.extend(held.values().copied());
                    shards.insert(generation.number, held);
                }
                Err(error) => found.push(told(error, &self.tree.node(&root))?),
            }
        }
        for difference in found {
            visit(difference)?;
        }
        let (mut seen, mut readable) = (HashSet::new(), HashSet::new());
        for shard in shards.values().flat_map(BTreeMap::values) {
            if seen.insert(*shard) {
                let mut found = Vec::new();
                if self.compare_shard(shard, bad, &mut found)? {
                    readable.insert(*shard);
                }
                for difference in found {
                    visit(difference)?;
                }
            }
        }
        for node in self.tree.all()? {
            if !reached.contains(&node) {
                visit(Difference::leftover(
                    self.tree.node(&node),
                    "no kept generation has it: `sealift gc` removes it",
                ))?;
            }
        }
        self.compare_facade(&shards, &readable, &mut visit)
    }

    /// The numbers, their roots, and which of them clients see.
    fn compare_generations(
        &self,
        remembered: &[Generation],
        found: &mut Vec<Difference>,
    ) -> Result<(), RepositoryError> {
        let folder = self.folder.join("generations");
        let mut expected: BTreeSet<String> = remembered
            .iter()
            .map(|generation| generation.number.to_string())
            .collect();
        if !expected.is_empty() {
            expected.insert(CURRENT.to_owned());
        }
        for entry in fs::read_dir(&folder).map_err(RepositoryError::file("read", &folder))? {
            let path = entry.map_err(RepositoryError::file("read", &folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !expected.contains(&name) {
                found.push(if name == ".current" {
                    Difference::leftover(path, "a switch that was being made")
                } else {
                    Difference::extra(path, "state.db knows no such generation")
                });
            }
        }
        for generation in remembered {
            let path = self.generation_path(generation.number);
            match self.root_of(generation.number) {
                Ok(root) if root == generation.root => {}
                Ok(root) => found.push(Difference::other(
                    path,
                    format!("shows {root}, and state.db says {}", generation.root),
                )),
                Err(error) => found.push(told(error, &path)?),
            }
        }
        let Some(newest) = remembered.last() else {
            return Ok(());
        };
        let path = folder.join(CURRENT);
        match fs::read_link(&path) {
            Ok(target) if target == Path::new(&newest.number.to_string()) => {}
            Ok(target) => found.push(Difference::other(
                path,
                format!(
                    "shows generation {}, and the newest is {}",
                    target.display(),
                    newest.number
                ),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                found.push(Difference::missing(path, "clients see no generation"));
            }
            Err(error) => return Err(RepositoryError::file("read", &path)(error)),
        }
        Ok(())
    }

    /// The list of a shard, and each of its files. Says whether the list is the one that the shard is named by.
    fn compare_shard(
        &self,
        shard: &Digest,
        bad: &HashSet<Digest>,
        found: &mut Vec<Difference>,
    ) -> Result<bool, RepositoryError> {
        let folder = self.tree.node(shard);
        let mut listed = HashSet::new();
        let read = self.tree.for_each_listed(shard, |file| {
            listed.insert(file.entry.to_owned());
            found.extend(self.compare_file(&folder.join(file.entry), &file, bad)?);
            Ok(())
        });
        if let Err(error) = read {
            found.push(told(error, &folder.join(node::LIST))?);
            return Ok(false);
        }
        for entry in fs::read_dir(&folder).map_err(RepositoryError::file("read", &folder))? {
            let path = entry.map_err(RepositoryError::file("read", &folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name != node::LIST && !listed.contains(&*name) {
                found.push(Difference::extra(&path, "the list of its folder does not name it"));
            }
        }
        Ok(true)
    }

    fn compare_file(
        &self,
        path: &Path,
        file: &ListedFile<'_>,
        bad: &HashSet<Digest>,
    ) -> Result<Option<Difference>, RepositoryError> {
        let called = format!("{}/{}", ecosystem_of(file), file.path);
        let placed = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Difference::missing(path, format!("clients do not find {called}"))));
            }
            Err(error) => return Err(RepositoryError::file("look at", path)(error)),
        };
        if !placed.is_file() {
            return Ok(Some(Difference::other(path, format!("is no plain file: {called}"))));
        }
        let object = self.store.path(&file.digest);
        let is_object = fs::symlink_metadata(&object).is_ok_and(|object| object.ino() == placed.ino());
        if is_object && !bad.contains(&file.digest) {
            return Ok(None);
        }
        let bytes = store::hash_file(path).map_err(RepositoryError::file("read", path))?;
        Ok((bytes != file.digest).then(|| {
            Difference::other(
                path,
                format!("{called} has the bytes of {bytes} and not of {}", file.digest),
            )
        }))
    }

    /// The links that clients follow: those of the generation that they see are there, and each leads to the place that its path has.
    fn compare_facade<E: From<RepositoryError>>(
        &self,
        shards: &BTreeMap<u64, BTreeMap<String, Digest>>,
        readable: &HashSet<Digest>,
        visit: &mut impl FnMut(Difference) -> Result<(), E>,
    ) -> Result<(), E> {
        let facade = self.facade();
        let newest = shards.keys().next_back().copied();
        for (name, shard) in newest.iter().flat_map(|number| &shards[number]) {
            if !readable.contains(shard) {
                continue;
            }
            let mut found = Vec::new();
            self.tree.for_each_listed(shard, |file| {
                let path = facade.join(ecosystem_of(&file)).join(file.path);
                let target = facade::target(file.path, name, file.entry);
                match fs::read_link(&path) {
                    Ok(link) if link == Path::new(&target) => {}
                    Ok(link) => found.push(Difference::other(
                        path,
                        format!("leads to {} and not to {target}", link.display()),
                    )),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        found.push(Difference::missing(path, "clients do not find it"));
                    }
                    // Not a link: that is told with the extra ones.
                    Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
                    Err(error) => return Err(RepositoryError::file("read", &path)(error)),
                }
                Ok(())
            })?;
            for difference in found {
                visit(difference)?;
            }
        }
        let kept: Vec<PathBuf> = shards.values().map(|held| self.root_folder(held)).collect();
        self.compare_links(&facade, &facade, &kept, visit)
    }

    fn root_folder(&self, shards: &BTreeMap<String, Digest>) -> PathBuf {
        self.tree.node(&node::root_id(shards))
    }

    fn compare_links<E: From<RepositoryError>>(
        &self,
        facade: &Path,
        folder: &Path,
        kept: &[PathBuf],
        visit: &mut impl FnMut(Difference) -> Result<(), E>,
    ) -> Result<(), E> {
        for path in facade::read_sorted(folder)? {
            let metadata = fs::symlink_metadata(&path).map_err(RepositoryError::file("look at", &path))?;
            if metadata.is_dir() {
                self.compare_links(facade, &path, kept, visit)?;
            } else if !metadata.is_symlink() {
                visit(Difference::extra(path, "is no link, and clients would read it"))?;
            } else if !leads_home(facade, &path)? {
                visit(Difference::extra(path, "leads to another place than its path has"))?;
            } else if !facade::is_in_any(&path, kept)? {
                visit(Difference::leftover(path, "leads nowhere: `sealift gc` removes it"))?;
            }
        }
        Ok(())
    }
}

fn ecosystem_of<'f>(file: &ListedFile<'f>) -> &'f str {
    file.owner.split('/').next().unwrap_or_default()
}

/// Whether a link leads to the entry that its path has in whichever shard.
fn leads_home(facade: &Path, link: &Path) -> Result<bool, RepositoryError> {
    let target = fs::read_link(link).map_err(RepositoryError::file("read", link))?;
    let below = link.strip_prefix(facade).ok().and_then(Path::to_str);
    let parts = below.and_then(|below| below.split_once('/'));
    let Some((ecosystem, path)) = parts else {
        return Ok(false);
    };
    let Ok(relative) = RelativePath::new(path) else {
        return Ok(false);
    };
    let entry = entry_of(ecosystem, &relative);
    let text = target.to_string_lossy();
    let shard = text
        .strip_suffix(&format!("/{entry}"))
        .and_then(|before| before.rsplit('/').next())
        .unwrap_or_default();
    Ok(*text == facade::target(path, shard, &entry))
}

/// What is wrong with a part of the tree; a disk that cannot be read is no difference.
fn told(error: RepositoryError, path: &Path) -> Result<Difference, RepositoryError> {
    match error {
        RepositoryError::Damaged { path } => Ok(Difference::other(path, "is not as sealift wrote it")),
        RepositoryError::File { ref source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Ok(Difference::missing(path, "a generation that is kept needs it"))
        }
        other => Err(other),
    }
}
