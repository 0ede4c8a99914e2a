//! Signed -> `Packed`: volumes on the media. They appear whole and together, or not at all: written aside, synced, renamed.
//!
//! All cores read ahead and hash once more what they read; each writes when it is its turn, so a volume grows from its
//! beginning to its end.

mod blocks;
mod turns;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::bundle::container::{self, header};
use crate::bundle::manifest::Manifest;
use crate::model::{Digest, Stop, Unable};

use super::Target;
use super::describe::{volume_file, volume_length};
use super::sign::Signed;
use super::source::Source;
use super::stream::aside_name;
use blocks::Blocks;
use turns::Turns;

/// The volumes as they lie on the media.
#[derive(Debug)]
pub struct Packed {
    /// The manifest.
    pub manifest: Manifest,
    /// The bundle's identity.
    pub manifest_digest: Digest,
    /// The volumes' files, in order.
    pub volumes: Vec<PathBuf>,
    /// Bytes in all volumes.
    pub bytes: u64,
}

/// Hears of bytes written.
pub trait Progress: Sync {
    /// Packing begins, with its total in bytes.
    fn begin(&self, total: u64);
    /// So many more bytes are written.
    fn advance(&self, bytes: u64);
    /// Packing is over.
    fn finish(&self);
}

/// Writes all volumes into a folder. Nothing is overwritten. They are written aside, and get their names together, with
/// the bundle's number ([`Stream::publish`]).
///
/// [`Stream::publish`]: super::stream::Stream
pub fn pack(signed: Signed, target: Target<'_>, threads: usize) -> Result<Packed, Stop> {
    let Target {
        media: folder,
        stream,
        progress,
        ..
    } = target;
    fs::create_dir_all(folder)
        .map_err(|error| Unable::new(format!("cannot make folder {}", folder.display())).because(error))?;
    let count = signed.manifest.volumes.len();
    let files: Vec<String> = (1..=count)
        .map(|number| volume_file(&signed.manifest, number))
        .collect();
    let targets: Vec<PathBuf> = files.iter().map(|file| folder.join(file)).collect();
    if let Some(there) = targets.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Unable::new(format!("{} is there already", there.display()))
            .hint("nothing is overwritten: choose another folder, or remove it yourself")
            .into());
    }
    let bytes = lengths(&signed)?.iter().sum();
    let asides = Asides::new(folder, &files)?;
    check_space(folder, bytes)?;
    progress.begin(bytes);
    let mut blocks = Blocks::new(&signed.stored);
    for (index, aside) in asides.0.iter().enumerate() {
        write_volume(&signed, index + 1, aside, &mut blocks, progress, threads)?;
    }
    progress.finish();
    stream.publish(&signed.manifest, signed.manifest_digest, folder, &files)?;
    Ok(Packed {
        manifest: signed.manifest,
        manifest_digest: signed.manifest_digest,
        volumes: targets,
        bytes,
    })
}

/// The volumes while they are written. What is left of them when this goes is removed: half a bundle helps nobody.
struct Asides(Vec<PathBuf>);

impl Asides {
    /// Names them, and removes what a killed run left under these names.
    fn new(folder: &Path, files: &[String]) -> Result<Self, Stop> {
        let paths: Vec<PathBuf> = files.iter().map(|file| folder.join(aside_name(file))).collect();
        for path in &paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Unable::new(format!("cannot remove {}", path.display()))
                        .because(error)
                        .into());
                }
                _ => {}
            }
        }
        Ok(Self(paths))
    }
}

impl Drop for Asides {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

/// The lengths of all volumes in bytes; none is larger than was asked for.
fn lengths(signed: &Signed) -> Result<Vec<u64>, Unable> {
    let length = |number| volume_length(&signed.manifest, signed.envelope.len() as u64, number);
    let fits = |length: u64| match signed.volume_bytes {
        Some(limit) if length > limit => Err(Unable::new(format!("a volume of {length} bytes would not fit"))),
        _ => Ok(length),
    };
    (1..=signed.manifest.volumes.len()).map(length).map(fits).collect()
}

fn write_volume(
    signed: &Signed,
    number: usize,
    target: &Path,
    blocks: &mut Blocks<'_>,
    progress: &dyn Progress,
    threads: usize,
) -> Result<(), Stop> {
    let failed = |error: io::Error| write_failed(target, error);
    // Whatever stood there was removed; a link that someone puts there meanwhile is not followed.
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)
        .map_err(failed)?;
    let medium = file.try_clone().map_err(failed)?;
    thread::scope(|scope| {
        // The medium works while the rest is still being read. At most one request waits: what it asks for includes all
        // that was written before it.
        let (written, requests) = crossbeam_channel::bounded::<()>(1);
        let syncing = scope.spawn(move || requests.iter().try_for_each(|()| medium.sync_data()));
        let mut output = Output {
            file: &mut file,
            buffer: Vec::with_capacity(OUTPUT_BYTES),
            target,
            progress,
            unsynced: 0,
            written,
        };
        output.member(container::MANIFEST, &signed.envelope)?;
        for (version, root) in &signed.roots {
            output.member(&container::root_name(*version), root)?;
        }
        output.member_from(container::CATALOG, &signed.catalog)?;
        output.member(&container::volume_name(number, signed.manifest.volumes.len()), &[])?;
        output.flush()?;
        blocks.begin_volume(signed.manifest.volumes[number - 1].segments);
        let mut output = write_objects(blocks, output, threads)?;
        output.bytes(&[0; container::END as usize])?;
        output.flush()?;
        drop(output);
        // A fault of the medium is told once: whoever hears of it must pass it on.
        match syncing.join() {
            Ok(synced) => synced.map_err(|error| failed(error).into()),
            Err(_) => Err(Stop::from(Unable::new("the thread that syncs has ended"))),
        }
    })?;
    let expected = volume_length(&signed.manifest, signed.envelope.len() as u64, number);
    let length = file.metadata().map_err(failed)?.len();
    if length != expected {
        return Err(Unable::new(format!(
            "{} came to {length} bytes and not {expected}",
            target.display()
        ))
        .into());
    }
    set_readable(&file).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    Ok(())
}

/// Writes a volume's objects, on all cores.
fn write_objects<'a>(blocks: &mut Blocks<'_>, output: Output<'a>, threads: usize) -> Result<Output<'a>, Stop> {
    let turns = Turns::new(output);
    let blocks = Mutex::new(blocks);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let mut buffer = Vec::with_capacity(OUTPUT_BYTES);
                loop {
                    let next = blocks.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((turn, block)) = next else { return };
                    buffer.clear();
                    let filled = block.and_then(|block| block.fill(&mut buffer));
                    if turns.take(turn, filled, |output| output.bytes(&buffer)).is_break() {
                        return;
                    }
                }
            });
        }
    });
    turns.finish()
}

/// Media are read by other people than those who write them.
fn set_readable(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    match file.set_permissions(fs::Permissions::from_mode(0o644)) {
        // FAT has no modes, and says so.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

/// Bytes that are gathered before a write: many small members make one write, and what is copied to the system still lies in
/// a core's cache.
const OUTPUT_BYTES: usize = 256 << 10;

/// Bytes after which the medium is asked to have them: more than a call costs, and a second's work for a stick.
const SYNC_BYTES: u64 = 32 << 20;

struct Output<'a> {
    file: &'a mut File,
    buffer: Vec<u8>,
    target: &'a Path,
    progress: &'a dyn Progress,
    unsynced: u64,
    written: crossbeam_channel::Sender<()>,
}

impl Output<'_> {
    fn member(&mut self, name: &str, data: &[u8]) -> Result<(), Stop> {
        self.bytes(&header(name, data.len() as u64))?;
        self.bytes(data)?;
        self.padding(data.len() as u64)
    }

    fn padding(&mut self, size: u64) -> Result<(), Stop> {
        self.bytes(&[0; 512][..container::padding(size) as usize])
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        if self.buffer.len() + bytes.len() > OUTPUT_BYTES {
            self.flush()?;
        }
        if bytes.len() >= OUTPUT_BYTES {
            self.file
                .write_all(bytes)
                .map_err(|error| write_failed(self.target, error))?;
            self.has_written(bytes.len() as u64);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// A member whose bytes lie elsewhere.
    fn member_from(&mut self, name: &str, source: &Source) -> Result<(), Stop> {
        self.bytes(&header(name, source.size()))?;
        let mut buffer = Vec::with_capacity(OUTPUT_BYTES);
        let mut offset = 0;
        while offset < source.size() {
            let part = usize::try_from(source.size() - offset)
                .unwrap_or(usize::MAX)
                .min(OUTPUT_BYTES);
            buffer.clear();
            source.read_part(offset, part, &mut buffer)?;
            self.bytes(&buffer)?;
            offset += part as u64;
        }
        self.padding(source.size())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.file
            .write_all(&self.buffer)
            .map_err(|error| write_failed(self.target, error))?;
        self.has_written(self.buffer.len() as u64);
        self.buffer.clear();
        Ok(())
    }

    fn has_written(&mut self, bytes: u64) {
        self.progress.advance(bytes);
        self.unsynced += bytes;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            // Where one waits already, it does for this too.
            let _ = self.written.try_send(());
        }
    }
}

fn check_space(folder: &Path, bytes: u64) -> Result<(), Stop> {
    let stat = rustix::fs::statvfs(folder).map_err(|error| {
        Unable::new(format!("cannot see how much room {} has", folder.display())).because(io::Error::from(error))
    })?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < bytes {
        return Err(Unable::new(format!(
            "{} has room for {free} bytes, and {bytes} are needed",
            folder.display()
        ))
        .hint("make room, or write to a larger medium")
        .into());
    }
    Ok(())
}

fn write_failed(path: &Path, error: io::Error) -> Unable {
    Unable::new(format!("cannot write {}", path.display())).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::manifest::{CatalogSummary, VolumeSummary};
    use crate::export::describe::store_all;
    use crate::export::holdings::Holdings;
    use crate::model::Timestamp;

    /// A bundle without objects, whose manifest says how large its catalog is.
    fn signed(folder: &Path, catalog_size: u64) -> Signed {
        let digest = Digest::of(b"catalog");
        let manifest = Manifest {
            base: None,
            base_source: None,
            catalog: CatalogSummary {
                artifacts: 0,
                content_size: 7,
                digest,
                documents: 0,
                object_bytes: 0,
                objects: 0,
                size: catalog_size,
            },
            created: Timestamp::from_seconds(1000),
            critical: Vec::new(),
            epoch: 1,
            format: 1,
            generator: "test".to_owned(),
            not_after: Timestamp::from_seconds(2000),
            plan: digest,
            previous: None,
            recipients: vec![digest],
            roots: Vec::new(),
            segment_size: 4096,
            sequence: 1,
            side_data: std::collections::BTreeMap::new(),
            stream: "main".to_owned(),
            volumes: vec![VolumeSummary { bytes: 0, segments: 0 }],
        };
        Signed {
            manifest,
            envelope: b"envelope".to_vec(),
            manifest_digest: digest,
            catalog: Source::Memory(b"catalog".to_vec()),
            roots: Vec::new(),
            stored: store_all(Holdings::default(), 4096, folder, 1).unwrap(),
            volume_bytes: None,
        }
    }

    #[test]
    fn no_volume_is_larger_than_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let mut signed = signed(folder.path(), 7);
        let length = lengths(&signed).unwrap()[0];
        signed.volume_bytes = Some(length);
        assert!(lengths(&signed).is_ok());
        signed.volume_bytes = Some(length - 1);
        assert!(lengths(&signed).is_err());
    }

    struct Silent;

    impl Progress for Silent {
        fn begin(&self, _bytes: u64) {}
        fn advance(&self, _bytes: u64) {}
        fn finish(&self) {}
    }

    #[test]
    fn a_volume_is_as_long_as_its_manifest_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        for (size, is_whole) in [(7, true), (512 + 7, false)] {
            let signed = signed(folder.path(), size);
            let target = folder.path().join(size.to_string());
            let written = write_volume(&signed, 1, &target, &mut Blocks::new(&signed.stored), &Silent, 1);
            assert_eq!(written.is_ok(), is_whole, "{size}");
        }
    }

    /// What happens to output whose buffer has so many bytes left, and whose file takes none.
    fn full(room: usize, write: impl FnOnce(&mut Output<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("volume");
        fs::write(&path, "").unwrap();
        let (written, _requests) = crossbeam_channel::bounded(1);
        write(&mut Output {
            file: &mut File::open(&path).unwrap(),
            buffer: vec![0; OUTPUT_BYTES - room],
            target: &path,
            progress: &Silent,
            unsynced: 0,
            written,
        })
    }

    #[test]
    fn each_part_of_a_member_is_written_or_said() {
        let folder = tempfile::tempdir().unwrap();
        let source = |size: usize| Source::Memory(vec![0; size]);
        let gone = folder.path().join("gone");
        fs::write(&gone, [0; 512]).unwrap();
        let gone_source = Source::file(gone.clone()).unwrap();
        fs::remove_file(gone).unwrap();
        for size in [0, 10, 512] {
            let data = vec![0; size];
            assert!(full(1024, |output| output.member("a", &data)).is_ok(), "{size}");
            assert!(
                full(1024, |output| output.member_from("a", &source(size))).is_ok(),
                "{size}"
            );
        }
        for (what, result) in [
            ("a header", full(0, |output| output.member("a", &[]))),
            ("a member's bytes", full(512, |output| output.member("a", &[0; 512]))),
            ("its padding", full(522, |output| output.member("a", &[0; 10]))),
            ("another header", full(0, |output| output.member_from("a", &source(0)))),
            (
                "bytes from elsewhere",
                full(512, |output| output.member_from("a", &source(512))),
            ),
            (
                "their padding",
                full(522, |output| output.member_from("a", &source(10))),
            ),
            (
                "what is not there",
                full(1024, |output| output.member_from("a", &gone_source)),
            ),
            ("what the buffer has no room for", full(0, |output| output.bytes(&[0]))),
            (
                "what no buffer has room for",
                full(OUTPUT_BYTES, |output| output.bytes(&[0; OUTPUT_BYTES])),
            ),
        ] {
            assert!(result.is_err(), "{what}");
        }
    }
}
