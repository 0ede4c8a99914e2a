//! What an exporter remembers of a stream: which objects each bundle carried, and of which bundles an operator has heard that they were imported
//! (`bundle-spec/custody.md` §6).
//!
//! Nobody signs it, and it is no more than what this side believes. A list that was cut or edited is found; that the enclave still holds what it
//! once took is not known here, and an import that misses an object refuses. What is forgotten travels again, and that is all that it costs.

mod forget;

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::bundle::manifest::Manifest;
use crate::crypto::strict_json;
use crate::model::{Digest, Stop, Timestamp, Unable, bundle_label};
use crate::trust::folder::{read_bounded, write_whole};
use crate::trust::receipt::{MAX_HELD_OBJECTS, ObjectList};

/// A head and an acknowledgement hold a few values.
const MAX_HEAD_BYTES: usize = 4096;

/// The kinds of files about a bundle: its head and its list, that it was acknowledged, and what it holds of those before it with their list.
const HEAD: &str = "json";
const LIST: &str = "list";
const ACKNOWLEDGED: &str = "acknowledged";
const HELD: &str = "held.json";
const HELD_LIST: &str = "held";

/// The memory of one stream.
#[derive(Debug)]
pub struct Sent {
    folder: PathBuf,
    stream: String,
    /// How many objects are remembered at most.
    max_objects: u64,
}

/// What a bundle carried: the head of its list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// The epoch.
    pub epoch: u64,
    /// The manifest.
    pub manifest: Digest,
    /// The list beside it.
    pub objects: ObjectList,
    /// The number.
    pub sequence: u64,
}

/// That somebody said that a bundle was imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// When somebody said so.
    pub at: Timestamp,
    /// The later bundle whose list has its objects too; its own where none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<u64>,
    /// The bundle.
    pub manifest: Digest,
}

/// What the enclave holds, as far as this side remembers.
#[derive(Debug)]
pub struct Remembered {
    /// The last bundle that was acknowledged.
    pub base: Carried,
    /// When that was acknowledged.
    pub at: Timestamp,
    /// Ascending, each once.
    objects: Vec<Digest>,
}

impl Remembered {
    /// Whether an acknowledged bundle carried an object.
    pub fn holds(&self, digest: &Digest) -> bool {
        self.objects.binary_search(digest).is_ok()
    }

    /// How many objects acknowledged bundles carried.
    pub const fn count(&self) -> usize {
        self.objects.len()
    }
}

/// A list that is written before its bundle is, and counts once the bundle has its number.
pub(super) struct Draft {
    list: tempfile::NamedTempFile,
    objects: ObjectList,
}

/// A file about a bundle: `EPOCH-SEQUENCE.KIND`.
struct Remains {
    epoch: u64,
    sequence: u64,
    kind: String,
    path: PathBuf,
}

impl Remains {
    fn read(path: &Path) -> Option<Self> {
        let (numbers, kind) = path.file_name()?.to_str()?.split_once('.')?;
        let (epoch, sequence) = numbers.split_once('-')?;
        Some(Self {
            epoch: epoch.parse().ok()?,
            sequence: sequence.parse().ok()?,
            kind: kind.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl Sent {
    /// The memory of a stream, beside its numbers.
    pub fn of(streams: &Path, stream: &str) -> Self {
        Self {
            // A stream's name holds no `+`.
            folder: streams.join(format!("{stream}+sent")),
            stream: stream.to_owned(),
            max_objects: MAX_HELD_OBJECTS,
        }
    }

    /// Writes what a bundle will carry aside.
    pub(super) fn draft(&self, objects: impl Iterator<Item = Digest>) -> Result<Draft, Stop> {
        let cannot = |error: std::io::Error| cannot(&self.folder, "write into", error);
        fs::create_dir_all(&self.folder).map_err(cannot)?;
        let list = tempfile::Builder::new()
            .prefix(".list-")
            .tempfile_in(&self.folder)
            .map_err(cannot)?;
        let mut output = BufWriter::new(list.as_file());
        let objects = ObjectList::write(objects, &mut output).map_err(cannot)?;
        output.flush().map_err(cannot)?;
        drop(output);
        list.as_file().sync_all().map_err(cannot)?;
        Ok(Draft { list, objects })
    }

    /// Remembers a bundle that has its number. The list comes before the head, so that a head has its list.
    pub(super) fn keep(&self, draft: Draft, manifest: &Manifest, digest: Digest) -> Result<(), Stop> {
        self.keep_as(draft, (manifest.epoch, manifest.sequence), digest)
    }

    fn keep_as(&self, draft: Draft, (epoch, sequence): (u64, u64), manifest: Digest) -> Result<(), Stop> {
        let carried = Carried {
            epoch,
            manifest,
            objects: draft.objects,
            sequence,
        };
        let path = self.path(carried.epoch, carried.sequence, LIST);
        draft
            .list
            .persist(&path)
            .map_err(|error| cannot(&path, "write", error.error))?;
        write_whole(
            &self.path(carried.epoch, carried.sequence, HEAD),
            &strict_json::write(&carried),
        )?;
        self.forget(carried.epoch)
    }

    /// What is remembered of a bundle.
    pub fn carried(&self, epoch: u64, sequence: u64) -> Result<Option<Carried>, Stop> {
        let found: Option<Carried> = self.read(epoch, sequence, HEAD)?;
        Ok(found.filter(|carried| (carried.epoch, carried.sequence) == (epoch, sequence)))
    }

    /// Remembers that somebody said that a bundle was imported.
    pub fn acknowledge(&self, carried: &Carried, at: Timestamp) -> Result<(), Stop> {
        let before = self.acknowledged(carried)?;
        self.note(
            carried,
            &Acknowledged {
                at,
                held_by: before.and_then(|before| before.held_by),
                manifest: carried.manifest,
            },
        )?;
        self.fold(carried.epoch)
    }

    fn note(&self, carried: &Carried, acknowledged: &Acknowledged) -> Result<(), Stop> {
        let path = self.path(carried.epoch, carried.sequence, ACKNOWLEDGED);
        Ok(write_whole(&path, &strict_json::write(acknowledged))?)
    }

    /// When a bundle was acknowledged, if it was.
    pub fn acknowledged(&self, carried: &Carried) -> Result<Option<Acknowledged>, Stop> {
        let found: Option<Acknowledged> = self.read(carried.epoch, carried.sequence, ACKNOWLEDGED)?;
        Ok(found.filter(|acknowledged| acknowledged.manifest == carried.manifest))
    }

    /// What all acknowledged bundles of an epoch carried, up to a number; none where there is no such bundle.
    pub fn remembered(&self, epoch: u64, before: u64) -> Result<Option<Remembered>, Stop> {
        let mut last = None;
        let mut objects: Vec<Digest> = Vec::new();
        for sequence in self.sequences(epoch)?.into_iter().filter(|number| *number < before) {
            let Some(carried) = self.carried(epoch, sequence)? else {
                continue;
            };
            let Some(acknowledged) = self.acknowledged(&carried)? else {
                continue;
            };
            // What a later list has is there, or came after the bundle that is asked about.
            if acknowledged.held_by.is_none() {
                objects.extend(self.list(&carried)?);
            }
            if objects.len() as u64 > self.max_objects {
                return Err(
                    Unable::new("acknowledged bundles carried more objects than anybody remembers")
                        .hint("export without --since-memory: the bundle then stands alone")
                        .into(),
                );
            }
            last = Some((carried, acknowledged.at));
        }
        objects.sort_unstable();
        objects.dedup();
        Ok(last.map(|(base, at)| Remembered { base, at, objects }))
    }

    /// What a bundle carried; with it what those before it did whose lists it has taken in.
    fn list(&self, carried: &Carried) -> Result<Vec<Digest>, Stop> {
        let held: Option<ObjectList> = self.read(carried.epoch, carried.sequence, HELD)?;
        let kind = if held.is_some() { HELD_LIST } else { LIST };
        let path = self.path(carried.epoch, carried.sequence, kind);
        let file = File::open(&path).map_err(|error| cannot(&path, "read", error))?;
        held.as_ref()
            .unwrap_or(&carried.objects)
            .read(BufReader::new(file).take(u64::MAX))
            .map_err(|error| damaged(&path).because(error).into())
    }

    /// The numbers of an epoch that are remembered, ascending.
    fn sequences(&self, epoch: u64) -> Result<Vec<u64>, Stop> {
        let files = self.files()?.into_iter();
        let heads = files.filter(|file| file.epoch == epoch && file.kind == HEAD);
        let mut numbers: Vec<u64> = heads.map(|file| file.sequence).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// What lies there of bundles.
    fn files(&self) -> Result<Vec<Remains>, Stop> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|error| cannot(&self.folder, "read", error))?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| cannot(&self.folder, "read", error))?;
            files.extend(Remains::read(&entry.path()));
        }
        Ok(files)
    }

    /// How people call one of its bundles.
    pub fn label(&self, carried: &Carried) -> String {
        bundle_label(&self.stream, carried.epoch, carried.sequence)
    }

    fn read<T: serde::de::DeserializeOwned + Serialize>(
        &self,
        epoch: u64,
        sequence: u64,
        kind: &str,
    ) -> Result<Option<T>, Stop> {
        let path = self.path(epoch, sequence, kind);
        let Some(bytes) = read_bounded(&path, MAX_HEAD_BYTES)? else {
            return Ok(None);
        };
        let value = strict_json::read(&bytes).map_err(|error| damaged(&path).because(error))?;
        Ok(Some(value))
    }

    fn path(&self, epoch: u64, sequence: u64, kind: &str) -> PathBuf {
        self.folder.join(format!("{epoch}-{sequence}.{kind}"))
    }
}

fn cannot(path: &Path, what: &str, error: std::io::Error) -> Unable {
    Unable::new(format!("cannot {what} {}", path.display())).because(error)
}

fn damaged(path: &Path) -> Unable {
    Unable::new(format!("{} does not say what a bundle carried", path.display()))
        .hint("remove it, or restore it from a backup; without it that bundle counts for nothing")
}
