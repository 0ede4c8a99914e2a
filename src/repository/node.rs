//! Nodes of the tree: folders that are never changed and are named by what they hold (`bundle-spec/repository.md` §2).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, linkat, mkdirat, openat, readlinkat, renameat, symlinkat};
use rustix::io::Errno;

use super::RepositoryError;
use crate::model::{Digest, Name, RelativePath};
use crate::store;

/// RFC 4648 §6, in lower case: names that no file system folds together.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Characters of a name's hash that choose the shard: 1,024 shards, so that 100,000 names make shards of about 100.
const SHARD_CHARACTERS: usize = 2;

/// Characters of a name's hash that choose the leaf within the shard: 100 bits with the shard's own. Two names with one
/// hash are refused, so the length only has to make that rare; a longer one would not fit a link into an inode.
const LEAF_CHARACTERS: usize = 18;

/// Characters of a path's hash within a leaf: 40 bits, enough for the files of one name; a collision is refused.
const FILE_CHARACTERS: usize = 8;

/// The link in a leaf that says whose it is.
const OWNER: &str = "name";

/// A node that is being written; there is one writer, so one name is enough.
const ASIDE: &str = ".new";

/// Where one file of one name stands below a root node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: String,
    pub(super) leaf: String,
}

impl Place {
    /// The place of a name: the first characters of the hash of ecosystem, NUL and name.
    pub(super) fn of(name: &Name) -> Self {
        let hash = base32(Digest::of(format!("{}\0{}", name.ecosystem, name.name).as_bytes()));
        let (shard, rest) = hash.split_at(SHARD_CHARACTERS);
        Self {
            shard: shard.to_owned(),
            leaf: rest[..LEAF_CHARACTERS].to_owned(),
        }
    }
}

/// The entry of a file within its leaf.
pub(super) fn file_entry(path: &RelativePath) -> String {
    let mut hash = base32(Digest::of(path.as_str().as_bytes()));
    hash.truncate(FILE_CHARACTERS);
    hash
}

/// A digest in 52 base32 characters, without padding.
fn base32(digest: Digest) -> String {
    let mut text = String::with_capacity(52);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut push = |value: u32| text.push(char::from(ALPHABET[(value & 31) as usize]));
    for byte in digest.as_bytes() {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(held >> bits);
        }
        held &= (1 << bits) - 1;
    }
    push(held << (5 - bits));
    text
}

/// Reads the one spelling that [`base32`] writes.
fn unbase32(text: &str) -> Option<Digest> {
    let (mut bits, mut held, mut bytes) = (0_u32, 0_u32, Vec::with_capacity(32));
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == character)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    let digest = Digest::from_bytes(bytes.try_into().ok()?);
    (base32(digest) == text).then_some(digest)
}

/// A node's folder below `tree`, such as `ab/cd…`.
pub(super) fn node_path(id: &Digest) -> String {
    let mut text = base32(*id);
    text.insert(SHARD_CHARACTERS, '/');
    text
}

/// Reads a node's id off the end of a path that [`node_path`] wrote.
pub(super) fn id_of_path(text: &str, before: &str) -> Option<Digest> {
    let (fan, rest) = text.strip_prefix(before)?.split_once('/')?;
    (fan.len() == SHARD_CHARACTERS).then(|| unbase32(&format!("{fan}{rest}")))?
}

/// From a node's entry to another node.
const TO_NODE: &str = "../../";

/// A file in a leaf.
#[derive(Debug)]
pub(super) struct LeafFile<'a> {
    pub(super) entry: String,
    pub(super) path: &'a RelativePath,
    pub(super) digest: Digest,
}

/// What a node holds; its id is the digest of its canonical listing.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// All files of one name, by entry.
    Leaf { owner: &'a Name, files: Vec<LeafFile<'a>> },
    /// Other nodes, by entry: the leaves of a shard.
    Shard(&'a BTreeMap<String, Digest>),
    /// Other nodes, by entry: the shards of a root.
    Root(&'a BTreeMap<String, Digest>),
}

impl Node<'_> {
    /// The digest of the canonical listing (`bundle-spec/repository.md` §2).
    pub(super) fn id(&self) -> Digest {
        let mut listing = String::new();
        match self {
            Self::Leaf { owner, files } => {
                listing.push_str(&format!("sealift-leaf-1\n{owner}\n"));
                for file in files {
                    listing.push_str(&format!("{} {} {}\n", file.entry, file.digest.hex(), file.path));
                }
            }
            Self::Shard(nodes) => {
                listing.push_str("sealift-shard-1\n");
                list_nodes(&mut listing, nodes);
            }
            Self::Root(nodes) => {
                listing.push_str("sealift-root-1\n");
                list_nodes(&mut listing, nodes);
            }
        }
        Digest::of(listing.as_bytes())
    }
}

fn list_nodes(listing: &mut String, nodes: &BTreeMap<String, Digest>) {
    for (entry, id) in nodes {
        listing.push_str(&format!("{entry} {}\n", id.hex()));
    }
}

/// Whether a node had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Written,
    Shared,
}

/// The folder `tree`, opened for many small operations relative to it.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
    handle: File,
    objects: File,
    objects_folder: PathBuf,
}

impl Tree {
    /// Opens the tree, making its folders where they are missing.
    pub(super) fn open(folder: PathBuf, objects_folder: PathBuf) -> Result<Self, RepositoryError> {
        fs::create_dir_all(&folder).map_err(RepositoryError::file("make", &folder))?;
        let open = |path: &Path| File::open(path).map_err(RepositoryError::file("open", path));
        Ok(Self {
            handle: open(&folder)?,
            objects: open(&objects_folder)?,
            folder,
            objects_folder,
        })
    }

    /// A path below the tree, for messages and for work that need not be quick.
    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    /// Whether a node is there.
    pub(super) fn has(&self, id: &Digest) -> bool {
        self.path(&node_path(id)).is_dir()
    }

    /// Writes a node, unless it is there already: aside first, then renamed, so that a named node is whole.
    pub(super) fn put(&self, node: &Node<'_>) -> Result<(Digest, Put), RepositoryError> {
        let id = node.id();
        let path = node_path(&id);
        // A node that an interrupted run left may be less than whole on a file system that does not order
        // its own metadata, so it is compared before it is shared, and set aside where it differs.
        match fs::symlink_metadata(self.path(&path)) {
            Ok(_) if self.is_whole(&path, node)? => return Ok((id, Put::Shared)),
            Ok(_) => self.remove(&id)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(RepositoryError::file("look at", &self.path(&path))(error)),
        }
        let fan = &path[..SHARD_CHARACTERS];
        let aside = format!("{fan}/{ASIDE}");
        self.make_aside(fan, &aside)?;
        let aside_path = || self.folder.join(&aside);
        let failed = |what| move |error: Errno| RepositoryError::file(what, &aside_path())(error);
        let folder =
            openat(&self.handle, &aside, rustix::fs::OFlags::DIRECTORY, Mode::empty()).map_err(failed("open"))?;
        match node {
            Node::Leaf { owner, files } => {
                symlinkat(owner.to_string(), &folder, OWNER).map_err(failed("write"))?;
                for file in files {
                    self.place_object(owner, file, &folder)?;
                }
            }
            Node::Shard(nodes) | Node::Root(nodes) => {
                for (entry, id) in *nodes {
                    symlinkat(format!("{TO_NODE}{}", node_path(id)), &folder, entry.as_str())
                        .map_err(failed("write"))?;
                }
            }
        }
        drop(folder);
        renameat(&self.handle, &aside, &self.handle, &path).map_err(failed("rename"))?;
        Ok((id, Put::Written))
    }

    /// Makes the empty folder in which a node is written, clearing what an interrupted run left there.
    fn make_aside(&self, fan: &str, aside: &str) -> Result<(), RepositoryError> {
        let mode = Mode::from_raw_mode(0o755);
        for _ in 0..3 {
            match mkdirat(&self.handle, aside, mode) {
                Ok(()) => return Ok(()),
                Err(Errno::NOENT) => {
                    mkdirat(&self.handle, fan, mode).map_err(RepositoryError::file("make", &self.path(fan)))?;
                }
                Err(Errno::EXIST) => {
                    fs::remove_dir_all(self.path(aside)).map_err(RepositoryError::file("clear", &self.path(aside)))?;
                }
                Err(error) => return Err(RepositoryError::file("make", &self.path(aside))(error)),
            }
        }
        Err(RepositoryError::Damaged { path: self.path(aside) })
    }

    /// Gives a leaf its file: a hard link to the object, or a copy where the file system allows no further link.
    fn place_object(
        &self,
        owner: &Name,
        file: &LeafFile<'_>,
        folder: &impl rustix::fd::AsFd,
    ) -> Result<(), RepositoryError> {
        let object = store::relative(&file.digest);
        match linkat(
            &self.objects,
            object.as_str(),
            folder,
            file.entry.as_str(),
            AtFlags::empty(),
        ) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => Err(RepositoryError::ObjectMissing {
                name: owner.clone(),
                path: file.path.to_string(),
                digest: file.digest,
            }),
            Err(Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP) => {
                self.copy_object(&object, folder, &file.entry)
            }
            Err(error) => Err(RepositoryError::file("link", &self.objects_folder.join(&object))(error)),
        }
    }

    fn copy_object(&self, object: &str, folder: &impl rustix::fd::AsFd, entry: &str) -> Result<(), RepositoryError> {
        let path = self.objects_folder.join(object);
        let copy = || -> io::Result<()> {
            let mut from = File::open(&path)?;
            let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::EXCL | rustix::fs::OFlags::WRONLY;
            let mut to = File::from(openat(folder, entry, flags, Mode::from_raw_mode(0o444))?);
            io::copy(&mut from, &mut to)?;
            Ok(())
        };
        copy().map_err(RepositoryError::file("copy", &path))
    }

    /// Whether a node on the disk has the entries that it should have. Contents are not read: an object is immutable, and
    /// a leaf's file is either that object itself or has its size.
    fn is_whole(&self, path: &str, node: &Node<'_>) -> Result<bool, RepositoryError> {
        let folder = self.path(path);
        let mut wanted: BTreeMap<&str, Option<String>> = BTreeMap::new();
        match node {
            Node::Leaf { owner, files } => {
                wanted.insert(OWNER, Some(owner.to_string()));
                wanted.extend(files.iter().map(|file| (file.entry.as_str(), None)));
            }
            Node::Shard(nodes) | Node::Root(nodes) => {
                wanted.extend(
                    nodes
                        .iter()
                        .map(|(entry, id)| (entry.as_str(), Some(format!("{TO_NODE}{}", node_path(id))))),
                );
            }
        }
        let mut count = 0;
        for entry in fs::read_dir(&folder).map_err(RepositoryError::file("read", &folder))? {
            let entry = entry.map_err(RepositoryError::file("read", &folder))?;
            count += 1;
            match entry.file_name().to_str().and_then(|text| wanted.get(text)) {
                None => return Ok(false),
                Some(Some(target)) if fs::read_link(entry.path()).ok().as_deref() != Some(Path::new(target)) => {
                    return Ok(false);
                }
                Some(_) => {}
            }
        }
        if count != wanted.len() {
            return Ok(false);
        }
        if let Node::Leaf { files, .. } = node {
            for file in files {
                let object = self.objects_folder.join(store::relative(&file.digest));
                let same = match (
                    fs::symlink_metadata(folder.join(&file.entry)),
                    fs::symlink_metadata(&object),
                ) {
                    (Ok(placed), Ok(object)) => {
                        placed.is_file() && (placed.ino() == object.ino() || placed.len() == object.len())
                    }
                    _ => false,
                };
                if !same {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Reads a root's or shard's entries.
    pub(super) fn nodes(&self, id: &Digest) -> Result<BTreeMap<String, Digest>, RepositoryError> {
        let folder = self.path(&node_path(id));
        let mut nodes = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(RepositoryError::file("read", &folder))? {
            let path = entry.map_err(RepositoryError::file("read", &folder))?.path();
            let target = fs::read_link(&path).ok();
            let name = path.file_name().and_then(|name| name.to_str());
            let id = target
                .as_deref()
                .and_then(Path::to_str)
                .and_then(|target| id_of_path(target, TO_NODE));
            let (Some(name), Some(id)) = (name, id) else {
                return Err(RepositoryError::Damaged { path });
            };
            nodes.insert(name.to_owned(), id);
        }
        Ok(nodes)
    }

    /// Whose a leaf is, as `ecosystem/name`; `None` where there is no such leaf.
    pub(super) fn owner(&self, shard: &Digest, leaf: &str) -> Result<Option<String>, RepositoryError> {
        let path = format!("{}/{leaf}/{OWNER}", node_path(shard));
        match readlinkat(&self.handle, &path, Vec::new()) {
            Ok(owner) => match owner.into_string() {
                Ok(owner) => Ok(Some(owner)),
                Err(_) => Err(RepositoryError::Damaged { path: self.path(&path) }),
            },
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(RepositoryError::file("read", &self.path(&path))(error)),
        }
    }

    /// Removes a node, so that a kill leaves no half of it under its name.
    pub(super) fn remove(&self, id: &Digest) -> Result<(), RepositoryError> {
        let path = node_path(id);
        let aside = format!("{}/{ASIDE}", &path[..SHARD_CHARACTERS]);
        let folder = self.path(&aside);
        for _ in 0..2 {
            match renameat(&self.handle, &path, &self.handle, &aside) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    fs::remove_dir_all(&folder).map_err(RepositoryError::file("clear", &folder))?;
                }
                other => {
                    other.map_err(RepositoryError::file("rename", &self.path(&path)))?;
                    break;
                }
            }
        }
        fs::remove_dir_all(&folder).map_err(RepositoryError::file("remove", &folder))
    }

    /// Removes what killed runs were writing or removing. Only for who holds the enclave's lock.
    pub(super) fn clear_aside(&self) -> Result<(), RepositoryError> {
        for fan in fs::read_dir(&self.folder).map_err(RepositoryError::file("read", &self.folder))? {
            let fan = fan.map_err(RepositoryError::file("read", &self.folder))?;
            let aside = fan.path().join(ASIDE);
            match fs::remove_dir_all(&aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(RepositoryError::file("clear", &aside)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Every node's id.
    pub(super) fn all(&self) -> Result<Vec<Digest>, RepositoryError> {
        let mut ids = Vec::new();
        let read = |folder: &Path| fs::read_dir(folder).map_err(RepositoryError::file("read", folder));
        for fan in read(&self.folder)? {
            let fan = fan.map_err(RepositoryError::file("read", &self.folder))?;
            for node in read(&fan.path())? {
                let node = node.map_err(RepositoryError::file("read", &fan.path()))?;
                let text = format!(
                    "{}/{}",
                    fan.file_name().to_string_lossy(),
                    node.file_name().to_string_lossy()
                );
                ids.extend(id_of_path(&text, ""));
            }
        }
        Ok(ids)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_has_one_spelling() {
        // RFC 4648 §10: "foobar" is MZXW6YTBOI.
        let mut bytes = [0; 32];
        bytes[..6].copy_from_slice(b"foobar");
        let digest = Digest::from_bytes(bytes);
        let text = base32(digest);
        assert!(text.starts_with("mzxw6ytboi") && text.len() == 52, "{text}");
        assert_eq!(unbase32(&text), Some(digest));
        for wrong in [
            "",
            &text[1..],
            &text.to_uppercase(),
            &format!("{}b", &text[..51]),
            &format!("{text}a"),
        ] {
            assert_eq!(unbase32(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_link_to_a_node_fits_an_inode() {
        let target = format!("{TO_NODE}{}", node_path(&Digest::of(b"")));
        assert!(target.len() < 60, "{}", target.len());
        assert_eq!(id_of_path(&target, TO_NODE), Some(Digest::of(b"")));
        assert_eq!(id_of_path(&target, "../"), None);
    }
}
