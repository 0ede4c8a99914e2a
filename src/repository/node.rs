//! Nodes of the tree: folders that are never changed and are named by what they hold (`bundle-spec/repository.md` §2).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fd::AsFd;
use rustix::fs::{AtFlags, Mode, OFlags, linkat, openat, symlinkat};
use rustix::io::Errno;

use super::RepositoryError;
use super::list::{List, ListedFile, read_lines};
use crate::model::{Digest, Name, RelativePath};
use crate::store;

/// RFC 4648 §6, in lower case: names that no file system folds together.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A change rewrites the shards of its names and the root. More shards make a small change cheaper and the first import
/// dearer (a folder costs as much as ten links); 64 keep both at a few milliseconds for 100,000 names.
const SHARDS: u8 = 64;

/// Characters of a path's hash in a shard: 80 bits. A collision is refused, so the length only has to make it rare; it
/// keeps the façade's links below the 60 bytes that ext4 holds in an inode.
const ENTRY_CHARACTERS: usize = 16;

/// Characters of a node's name that choose its folder, so that no folder has millions of nodes.
const FAN_CHARACTERS: usize = 2;

/// The file in a shard that says what each entry is.
pub(super) const LIST: &str = "list";

/// What the folders begin with in which nodes are written.
const ASIDE: &str = ".new-";

/// From a node's entry to another node.
const TO_NODE: &str = "../../";

/// The shard of a name: all its files are in one, so that a name is changed in one place.
pub(super) fn shard_of(name: &Name) -> String {
    let hash = Digest::of(format!("{}\0{}", name.ecosystem, name.name).as_bytes());
    format!("{:02x}", hash.as_bytes()[0] % SHARDS)
}

/// The entry of a file within its shard.
pub(super) fn entry_of(ecosystem: &str, path: &RelativePath) -> String {
    let mut hash = base32(Digest::of(format!("{ecosystem}/{path}").as_bytes()));
    hash.truncate(ENTRY_CHARACTERS);
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
    text.insert(FAN_CHARACTERS, '/');
    text
}

/// Reads a node's id off the end of a path that [`node_path`] wrote.
pub(super) fn id_of_path(text: &str, before: &str) -> Option<Digest> {
    let (fan, rest) = text.strip_prefix(before)?.split_once('/')?;
    (fan.len() == FAN_CHARACTERS).then(|| unbase32(&format!("{fan}{rest}")))?
}

/// The digest of a root's canonical listing.
pub(super) fn root_id(shards: &BTreeMap<String, Digest>) -> Digest {
    let mut listing = String::from("sealift-root-1\n");
    for (entry, id) in shards {
        listing.push_str(&format!("{entry} {}\n", id.hex()));
    }
    Digest::of(listing.as_bytes())
}

/// Whether a node had to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Written,
    Shared,
}

/// The folder `tree`, and the objects that its shards link.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
    objects: File,
    objects_folder: PathBuf,
}

impl Tree {
    /// Opens the tree, making its folder where it is missing.
    pub(super) fn open(folder: PathBuf, objects_folder: PathBuf) -> Result<Self, RepositoryError> {
        fs::create_dir_all(&folder).map_err(RepositoryError::file("make", &folder))?;
        Ok(Self {
            objects: File::open(&objects_folder).map_err(RepositoryError::file("open", &objects_folder))?,
            folder,
            objects_folder,
        })
    }

    /// A node's folder.
    pub(super) fn node(&self, id: &Digest) -> PathBuf {
        self.folder.join(node_path(id))
    }

    /// Makes an empty folder in which a node is written, clearing what an interrupted run left there. There is one
    /// writer, so a fixed name is enough.
    pub(super) fn make_aside(&self, what: &str) -> Result<PathBuf, RepositoryError> {
        let aside = self.folder.join(format!("{ASIDE}{what}"));
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(RepositoryError::file("clear", &aside)(error));
            }
            _ => {}
        }
        fs::create_dir(&aside).map_err(RepositoryError::file("make", &aside))?;
        Ok(aside)
    }

    /// Gives a shard a new file: a hard link to the object.
    pub(super) fn place(&self, digest: &Digest, shard: &impl AsFd, entry: &str) -> Result<Placed, RepositoryError> {
        let object = store::relative(digest);
        place(&self.objects, &object, shard, entry)
            .map_err(|error| RepositoryError::file("link", &self.objects_folder.join(&object))(error))
    }

    /// Opens a shard from which the next one takes what it keeps.
    pub(super) fn open_node(&self, id: &Digest) -> Result<OpenNode, RepositoryError> {
        let folder = self.node(id);
        Ok(OpenNode {
            handle: File::open(&folder).map_err(RepositoryError::file("open", &folder))?,
            folder,
        })
    }

    /// Gives a shard that was written aside its name, unless it is there already.
    pub(super) fn adopt_shard(&self, aside: &Path, list: &List) -> Result<(Digest, Put), RepositoryError> {
        let id = list.id();
        if self.is_whole_shard(&id, list)? {
            fs::remove_dir_all(aside).map_err(RepositoryError::file("remove", aside))?;
            return Ok((id, Put::Shared));
        }
        let path = aside.join(LIST);
        let failed = RepositoryError::file::<io::Error>;
        let mut file = BufWriter::new(File::create(&path).map_err(failed("write", &path))?);
        list.write(&mut file)
            .and_then(|()| file.flush())
            .map_err(failed("write", &path))?;
        self.adopt(aside, &id)?;
        Ok((id, Put::Written))
    }

    /// Writes a root, unless it is there already.
    pub(super) fn put_root(&self, shards: &BTreeMap<String, Digest>) -> Result<(Digest, Put), RepositoryError> {
        let id = root_id(shards);
        if self.node(&id).is_dir() && self.shards(&id).is_ok_and(|held| held == *shards) {
            return Ok((id, Put::Shared));
        }
        let aside = self.make_aside("root")?;
        let folder = File::open(&aside).map_err(RepositoryError::file("open", &aside))?;
        for (entry, shard) in shards {
            symlinkat(format!("{TO_NODE}{}", node_path(shard)), &folder, entry.as_str())
                .map_err(RepositoryError::file("link", &aside))?;
        }
        self.adopt(&aside, &id)?;
        Ok((id, Put::Written))
    }

    /// Renames a node to its name. What stands there already was found wanting: an interrupted run on a file system that
    /// does not order its own metadata may leave less than a whole node under a node's name.
    fn adopt(&self, aside: &Path, id: &Digest) -> Result<(), RepositoryError> {
        let node = self.node(id);
        if node.symlink_metadata().is_ok() {
            self.remove(id)?;
        }
        match fs::rename(aside, &node) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fan = node.parent().unwrap_or(&self.folder);
                fs::create_dir_all(fan).map_err(RepositoryError::file("make", fan))?;
                fs::rename(aside, &node).map_err(RepositoryError::file("rename", aside))
            }
            other => other.map_err(RepositoryError::file("rename", aside)),
        }
    }

    /// Whether a shard is on the disk with every entry that it should have. Contents are not read: an object is immutable,
    /// and an entry is either that object itself or has its size.
    fn is_whole_shard(&self, id: &Digest, list: &List) -> Result<bool, RepositoryError> {
        let folder = self.node(id);
        if self.check_listed(id).is_err() {
            return Ok(false);
        }
        let count = fs::read_dir(&folder)
            .map_err(RepositoryError::file("read", &folder))?
            .count();
        let is_placed = |entry: &str, digest: &Digest| {
            let object = fs::symlink_metadata(self.objects_folder.join(store::relative(digest)));
            let placed = fs::symlink_metadata(folder.join(entry));
            matches!((placed, object), (Ok(placed), Ok(object))
                if placed.is_file() && (placed.ino() == object.ino() || placed.len() == object.len()))
        };
        Ok(count == list.len() + 1 && list.files().all(|file| is_placed(file.entry, &file.digest)))
    }

    /// A root's shards.
    pub(super) fn shards(&self, root: &Digest) -> Result<BTreeMap<String, Digest>, RepositoryError> {
        let folder = self.node(root);
        let mut shards = BTreeMap::new();
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
            shards.insert(name.to_owned(), id);
        }
        if root_id(&shards) != *root {
            return Err(RepositoryError::Damaged { path: folder });
        }
        Ok(shards)
    }

    /// Calls back for each file of a shard, once its list is known to be the one that the shard is named by.
    pub(super) fn for_each_listed(
        &self,
        shard: &Digest,
        mut visit: impl FnMut(ListedFile<'_>) -> Result<(), RepositoryError>,
    ) -> Result<(), RepositoryError> {
        self.check_listed(shard)?;
        let mut heard = Ok(());
        self.read_listed(shard, |file| {
            heard = visit(file);
            heard.is_ok()
        })?;
        heard
    }

    /// Whether a shard has the list that it is named by.
    fn check_listed(&self, shard: &Digest) -> Result<(), RepositoryError> {
        match self.read_listed(shard, |_| true)? {
            Some(id) if id == *shard => Ok(()),
            _ => Err(RepositoryError::Damaged {
                path: self.node(shard).join(LIST),
            }),
        }
    }

    fn read_listed(
        &self,
        shard: &Digest,
        visit: impl FnMut(ListedFile<'_>) -> bool,
    ) -> Result<Option<Digest>, RepositoryError> {
        let path = self.node(shard).join(LIST);
        File::open(&path)
            .and_then(|file| read_lines(&mut BufReader::new(file), visit))
            .map_err(RepositoryError::file::<io::Error>("read", &path))
    }

    /// Removes a node, so that a kill leaves no half of it under its name.
    pub(super) fn remove(&self, id: &Digest) -> Result<(), RepositoryError> {
        let aside = self.make_aside("gone")?;
        let node = self.node(id);
        fs::rename(&node, &aside).map_err(RepositoryError::file("rename", &node))?;
        fs::remove_dir_all(&aside).map_err(RepositoryError::file("remove", &aside))
    }

    /// Removes what interrupted runs left aside.
    pub(super) fn clear_aside(&self) -> Result<(), RepositoryError> {
        let failed = RepositoryError::file::<io::Error>;
        for entry in fs::read_dir(&self.folder).map_err(failed("read", &self.folder))? {
            let path = entry.map_err(failed("read", &self.folder))?.path();
            if path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(ASIDE))
            {
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
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

/// A shard from which the next one takes what it keeps.
#[derive(Debug)]
pub(super) struct OpenNode {
    folder: PathBuf,
    handle: File,
}

impl OpenNode {
    /// Gives the next shard a file of this one. Not from the store: a file that had to be copied has no object that anyone
    /// must keep.
    pub(super) fn keep(&self, shard: &impl AsFd, entry: &str) -> Result<Placed, RepositoryError> {
        place(&self.handle, entry, shard, entry)
            .map_err(|error| RepositoryError::file("link", &self.folder.join(entry))(error))
    }
}

/// What became of a file's place in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placed {
    Done,
    Taken,
    NoObject,
}

/// Links a file, or copies it where the file system allows no further link.
fn place(from: &File, file: &str, shard: &impl AsFd, entry: &str) -> io::Result<Placed> {
    match linkat(from, file, shard, entry, AtFlags::empty()) {
        Ok(()) => Ok(Placed::Done),
        Err(Errno::EXIST) => Ok(Placed::Taken),
        Err(Errno::NOENT) => Ok(Placed::NoObject),
        Err(Errno::MLINK | Errno::XDEV | Errno::PERM | Errno::OPNOTSUPP) => {
            copy(from, file, shard, entry)?;
            Ok(Placed::Done)
        }
        Err(error) => Err(error.into()),
    }
}

fn copy(from: &File, file: &str, shard: &impl AsFd, entry: &str) -> io::Result<()> {
    let mut from = File::from(openat(from, file, OFlags::RDONLY, Mode::empty())?);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
    let mut to = File::from(openat(shard, entry, flags, Mode::from_raw_mode(0o444))?);
    io::copy(&mut from, &mut to)?;
    Ok(())
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
        let text = base32(Digest::of(b""));
        let split = |at: usize| id_of_path(&format!("{}/{}", &text[..at], &text[at..]), "");
        assert_eq!(split(FAN_CHARACTERS), Some(Digest::of(b"")));
        assert_eq!((split(FAN_CHARACTERS - 1), split(FAN_CHARACTERS + 1)), (None, None));
    }

    #[test]
    fn where_the_file_system_allows_no_link_the_object_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("object"), "bytes").unwrap();
        let handle = File::open(folder.path()).unwrap();
        copy(&handle, "object", &handle, "entry").unwrap();
        assert_eq!(fs::read(folder.path().join("entry")).unwrap(), b"bytes");
        assert!(
            copy(&handle, "object", &handle, "entry").is_err(),
            "nothing is overwritten"
        );
        // What can neither be linked nor be read.
        fs::create_dir(folder.path().join("folder")).unwrap();
        assert!(place(&handle, "folder", &handle, "other").is_err());
    }
}
