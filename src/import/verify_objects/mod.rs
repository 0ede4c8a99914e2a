//! Authenticated -> `Intact`: every byte as listed, every content as named.
//!
//! The medium is read once, in order, by one reader; all cores hash (`pipeline.rs`). What has been verified lies in a
//! private staging folder, and all later steps use that copy only.

mod catalog;
mod inspect;
mod pipeline;

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bundle::container;
use crate::bundle::manifest::Manifest;
use crate::model::{Code, Digest, Refusal, Stop, Unable};
use crate::store::Store;

use super::authenticate::{Authenticated, Voucher, follow};
use super::lines::LineReader;
use super::volume::{Behind, VolumeReader};
pub(super) use catalog::Records;
pub use inspect::{Examined, ExaminedReader};

/// Where verification may write, how many threads it may use, and whom it tells how far it is.
pub struct Workspace<'a> {
    /// The bundle's private staging folder.
    pub staging: PathBuf,
    /// The enclave's store: what it holds is verified and not written again.
    pub store: Option<&'a Store>,
    /// How many threads hash.
    pub threads: usize,
    /// Hears of bytes read.
    pub progress: &'a dyn Progress,
}

/// Hears how far a step is.
pub trait Progress: Sync {
    /// A phase begins, with its total in bytes or items.
    fn begin(&self, phase: &'static str, total: u64);
    /// So much more is done.
    fn advance(&self, amount: u64);
    /// The phase is over.
    fn finish(&self);
    /// Asked while a volume is read; an error ends the work.
    fn proceed(&self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _phase: &'static str, _total: u64) {}
    fn advance(&self, _amount: u64) {}
    fn finish(&self) {}
}

/// A bundle whose every byte is as listed and whose every content is as named, in the staging folder.
pub struct Intact {
    manifest: Manifest,
    manifest_digest: Digest,
    envelope: Vec<u8>,
    voucher: Voucher,
    staging: PathBuf,
}

/// Volumes are still missing; what came is kept.
#[derive(Debug)]
pub struct Incomplete {
    /// The bundle, for people.
    pub label: String,
    /// Volumes that have been verified, by number.
    pub present: Vec<usize>,
    /// Volumes that are still missing, by number.
    pub missing: Vec<usize>,
    /// How many there are.
    pub count: usize,
}

/// What one run over some volumes comes to.
pub enum Verified {
    /// All volumes are there.
    Intact(Box<Intact>),
    /// Some are missing.
    Incomplete(Incomplete),
}

impl Intact {
    /// A bundle that was verified before, of which the catalog and what its contents said were kept in a folder. Objects lie there too, as far as
    /// they were kept; a delta's base is not looked for.
    pub(super) fn again(
        (manifest, manifest_digest, voucher): (Manifest, Digest, Voucher),
        envelope: Vec<u8>,
        folder: &Path,
        examined: LineReader,
    ) -> Result<Self, Stop> {
        let catalog = folder.join(CATALOG);
        let found = pipeline::hash_file(&catalog)?;
        if found != manifest.catalog.digest {
            return Err(Refusal::new(
                Code::DigestMismatch,
                CATALOG,
                "the catalog is not the one that was signed",
            )
            .comparing(manifest.catalog.digest, found)
            .into());
        }
        catalog::check(&catalog, &manifest, &|_| true)?;
        inspect::examined_again(&catalog, folder, examined)?;
        Ok(Self {
            manifest,
            manifest_digest,
            envelope,
            voucher,
            staging: folder.to_owned(),
        })
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The SHA-256 of the manifest's payload: the bundle's identity.
    pub const fn manifest_digest(&self) -> Digest {
        self.manifest_digest
    }

    /// Who signed and approved, and what order and freshness were judged by.
    pub const fn voucher(&self) -> &Voucher {
        &self.voucher
    }

    /// The manifest's envelope, to be kept.
    pub fn envelope(&self) -> &[u8] {
        &self.envelope
    }

    /// The artifacts with what their content says, in the catalog's order.
    pub fn examined(&self) -> Result<ExaminedReader, Stop> {
        ExaminedReader::open(&self.staging)
    }

    /// The catalog's records, as a stream.
    pub(super) fn records(&self) -> Result<Records, Stop> {
        Records::open(&self.staging.join(CATALOG))
    }

    /// Where the catalog lies, as the bundle brought it.
    pub(super) fn catalog(&self) -> PathBuf {
        catalog_path(&self.staging)
    }

    /// Where a verified object lies aside; it may be in the store instead.
    pub(super) fn staged(&self, digest: &Digest) -> PathBuf {
        staged_path(&self.staging, digest)
    }

    /// Where an object's verified bytes lie: aside, or in the store that held it before.
    pub(super) fn locate(&self, digest: &Digest, store: Option<&Store>) -> PathBuf {
        let staged = self.staged(digest);
        match store {
            Some(store) if !staged.is_file() => store.path(digest),
            _ => staged,
        }
    }

    /// The staging folder.
    pub(super) fn staging(&self) -> &Path {
        &self.staging
    }
}

const CATALOG: &str = "catalog.ndjson.zst";
const OBJECTS: &str = "objects";
const STORED: &str = "stored";
const VOLUMES: &str = "volumes";

/// Reads and verifies the volumes that were given; earlier ones of the same bundle count too.
pub fn verify_objects(authenticated: Authenticated, workspace: &Workspace<'_>) -> Result<Verified, Stop> {
    let (manifest, manifest_digest, envelope, voucher, volumes) = authenticated.into_parts();
    let catalog_path = workspace.staging.join(CATALOG);
    prepare(&workspace.staging)?;
    let total =
        volumes.len() as u64 * manifest.catalog.size + manifest.volumes.iter().map(|volume| volume.bytes).sum::<u64>();
    workspace.progress.begin("verify", total);
    let mut fresh = vec![false; manifest.volumes.len()];
    let mut volumes = VecDeque::from(volumes);
    let mut first = true;
    while let Some(mut reader) = volumes.pop_front() {
        // What lies aside since an earlier run is believed for its digest only, as if it came from a medium.
        let already = catalog_checked(&workspace.staging)
            && catalog_path.is_file()
            && pipeline::hash_file(&catalog_path)? == manifest.catalog.digest;
        let keep = (first && !already).then_some(catalog_path.as_path());
        catalog::receive(&mut reader, &manifest, keep)?;
        workspace.progress.advance(manifest.catalog.size);
        if first && !already {
            catalog::check(&catalog_path, &manifest, &|digest| workspace.holds(digest))?;
            mark(&workspace.staging.join(CHECKED))?;
        }
        let number = which_volume(&mut reader, manifest.volumes.len())?;
        if fresh[number - 1] {
            return Err(Refusal::new(
                Code::ContainerNotExact,
                reader.name(),
                format!("volume {number} was given twice"),
            )
            .hint("give each volume once")
            .into());
        }
        pipeline::verify_volume(&mut reader, number, &manifest, &catalog_path, workspace)?;
        let behind = reader.end()?;
        mark(&workspace.staging.join(VOLUMES).join(number.to_string()))?;
        fresh[number - 1] = true;
        first = false;
        if behind == Behind::More {
            volumes.push_front(follow(reader, &manifest, &envelope)?);
        }
    }
    workspace.progress.finish();
    let (present, missing): (Vec<usize>, Vec<usize>) = (1..=manifest.volumes.len())
        .partition(|number| workspace.staging.join(VOLUMES).join(number.to_string()).is_file());
    if !missing.is_empty() {
        let (label, count) = (manifest.label(), manifest.volumes.len());
        return Ok(Verified::Incomplete(Incomplete {
            label,
            present,
            missing,
            count,
        }));
    }
    pipeline::complete(&manifest, &catalog_path, &fresh, workspace)?;
    inspect::inspect(&catalog_path, &manifest, workspace)?;
    let staging = workspace.staging.clone();
    Ok(Verified::Intact(Box::new(Intact {
        manifest,
        manifest_digest,
        envelope,
        voucher,
        staging,
    })))
}

const CHECKED: &str = "catalog.checked";

fn catalog_checked(staging: &Path) -> bool {
    staging.join(CHECKED).is_file()
}

/// How many hexadecimal digits of an object's digest name its folder in the staging folder: one, so that threads seldom wait for each
/// other, and there is little to make and to remove.
const SHARD_DIGITS: usize = 1;

/// Makes the staging folder's own folders.
fn prepare(staging: &Path) -> Result<(), Stop> {
    let objects = staging.join(OBJECTS);
    let shards = (0..1 << (4 * SHARD_DIGITS)).map(|shard| objects.join(format!("{shard:0SHARD_DIGITS$x}")));
    for path in [staging.join(VOLUMES), staging.join(STORED)].into_iter().chain(shards) {
        fs::create_dir_all(&path).map_err(|error| write_failed(&path, error))?;
    }
    Ok(())
}

/// Where a bundle's catalog lies, as the bundle brought it.
pub(super) fn catalog_path(staging: &Path) -> PathBuf {
    staging.join(CATALOG)
}

/// Where a verified object lies, or is to lie.
pub(crate) fn staged_path(staging: &Path, digest: &Digest) -> PathBuf {
    let digits = digest.hex();
    let (shard, rest) = digits.split_at(SHARD_DIGITS);
    let length = staging.as_os_str().len() + OBJECTS.len() + digits.len();
    let mut path = PathBuf::with_capacity(length + "///".len());
    path.extend([staging, Path::new(OBJECTS), Path::new(shard), Path::new(rest)]);
    path
}

/// Leaves a mark that a piece of work is done.
fn mark(path: &Path) -> Result<(), Stop> {
    fs::write(path, b"").map_err(|error| write_failed(path, error).into())
}

/// Finds out which volume of the set this is, by comparing its mark with each that there could be.
fn which_volume(reader: &mut VolumeReader, count: usize) -> Result<usize, Stop> {
    let found = reader.header()?;
    (1..=count)
        .find(|number| found == container::header(&container::volume_name(*number, count), 0))
        .ok_or_else(|| {
            reader
                .not_exact("the member that says which volume this is does not fit the manifest")
                .comparing(format!("one of {count} volume marks"), super::volume::describe(&found))
                .into()
        })
}

/// Writing to the staging folder failed.
pub(crate) fn write_failed(path: &Path, error: io::Error) -> Unable {
    let full = error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded;
    let unable = Unable::new(format!("cannot write {}", path.display()))
        .because(error)
        .code(Code::PublicationRolledBack);
    if full {
        unable.hint("make room on the enclave's disk, and import again; nothing was changed")
    } else {
        unable
    }
}

impl Workspace<'_> {
    /// Whether the enclave's store holds an object.
    fn holds(&self, digest: &Digest) -> bool {
        self.store.is_some_and(|store| store.contains(digest))
    }

    /// Where an object's verified bytes lie.
    fn locate(&self, digest: &Digest) -> PathBuf {
        let staged = staged_path(&self.staging, digest);
        match self.store {
            Some(store) if !staged.is_file() => store.path(digest),
            _ => staged,
        }
    }
}
