//! media -> `Opened`: structure and limits; nothing believed.
//!
//! Threats: links, devices and pipes on the medium; endless headers; a medium that changes. Defence: plain files only,
//! opened without following links and never written; one header and one envelope of bounded size are read, and parsed
//! by nobody here. What comes after the envelope is read only by later steps.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::bundle::container::{self, BLOCK};
use crate::bundle::limits::MAX_MANIFEST_ENVELOPE_BYTES;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::trust::custody::{MAX_CUSTODY_BYTES, MAX_CUSTODY_RECORDS};

/// What may be imported: files and folders on media, or a stream.
pub enum Input {
    /// A volume, an approval, a custody record, or a folder that holds some.
    Path(PathBuf),
    /// One volume as a stream, read once.
    Stream(Box<dyn Read + Send>),
}

/// Volumes whose envelope has been read and not yet believed.
pub struct Opened {
    volumes: Vec<UntrustedVolume>,
    approvals: Vec<UntrustedApproval>,
    custody: Vec<UntrustedRecord>,
}

/// A custody record's file: its name and its bytes, of which nobody has read anything.
pub type UntrustedRecord = (String, Vec<u8>);

/// A volume, read up to the end of its envelope.
pub struct UntrustedVolume {
    pub(super) reader: VolumeReader,
    pub(super) untrusted_envelope: Vec<u8>,
}

/// An approval's file.
pub struct UntrustedApproval {
    pub(super) name: String,
    pub(super) untrusted_envelope: Vec<u8>,
}

impl Opened {
    /// The volumes and the approvals.
    pub fn into_parts(self) -> (Vec<UntrustedVolume>, Vec<UntrustedApproval>) {
        (self.volumes, self.approvals)
    }

    /// Whether any volume was given.
    pub(super) const fn has_volumes(&self) -> bool {
        !self.volumes.is_empty()
    }

    /// Takes the custody records out, which say nothing about who sealed the bundle.
    pub(super) fn take_custody(&mut self) -> Vec<UntrustedRecord> {
        std::mem::take(&mut self.custody)
    }
}

/// Opens what was given and reads the first envelope of each volume.
pub fn open(inputs: Vec<Input>) -> Result<Opened, Stop> {
    let opened = gather(inputs)?;
    if !opened.has_volumes() {
        return Err(Unable::new("no volume was given")
            .hint("name the files `*.tar` that the exporter wrote, or their folder")
            .into());
    }
    Ok(opened)
}

/// The same, where there may be no volume any more: records of custody outlive media.
pub(super) fn gather(inputs: Vec<Input>) -> Result<Opened, Stop> {
    let mut volumes = Vec::new();
    let mut approvals = Vec::new();
    let mut custody = Vec::new();
    for input in inputs {
        match input {
            Input::Stream(stream) => volumes.push(open_volume("-".to_owned(), stream, None)?),
            Input::Path(path) => {
                for path in list(&path)? {
                    let file = open_plain(&path)?;
                    let name = display_name(&path);
                    if is_approval(&path) {
                        approvals.push(read_approval(name, file)?);
                    } else if is_custody(&path) {
                        // One more than anybody looks at, so that it is seen that there are more.
                        if custody.len() <= MAX_CUSTODY_RECORDS {
                            custody.push(read_custody(name, file)?);
                        }
                    } else {
                        volumes.push(open_file(name, file)?);
                    }
                }
            }
        }
    }
    Ok(Opened {
        volumes,
        approvals,
        custody,
    })
}

/// A folder's volumes, approvals and custody records by name, or the one file.
pub(super) fn list(path: &Path) -> Result<Vec<PathBuf>, Stop> {
    let kind = std::fs::symlink_metadata(path).map_err(|error| cannot_read(path, error))?;
    if !kind.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|error| cannot_read(path, error))? {
        let file = entry.map_err(|error| cannot_read(path, error))?.path();
        if is_volume(&file) || is_approval(&file) || is_custody(&file) {
            found.push(file);
        }
    }
    found.sort();
    Ok(found)
}

pub(super) fn is_volume(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "tar")
}

fn is_approval(path: &Path) -> bool {
    is_envelope(path, ".approval-")
}

fn is_custody(path: &Path) -> bool {
    is_envelope(path, ".custody-")
}

fn is_envelope(path: &Path, kind: &str) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.contains(kind) && name.ends_with(".dsse.json"))
}

/// Opens a plain file for reading: no link is followed, no device or pipe is opened (facts B4, B10).
pub(super) fn open_plain(path: &Path) -> Result<File, Stop> {
    let special = |found: &str| {
        Refusal::new(Code::SpecialFile, display_name(path), "it is not a plain file")
            .comparing("a plain file", found)
            .hint("copy the volumes as plain files; sealift follows no links on a medium")
    };
    // Looked at before it is opened: opening alone can move a tape or wake a device. What is opened is judged again,
    // for whoever swaps it in between; and NONBLOCK keeps a pipe from holding us up.
    let kind = std::fs::symlink_metadata(path)
        .map_err(|error| cannot_read(path, error))?
        .file_type();
    if !kind.is_file() {
        return Err(special(describe_kind(kind)).into());
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(rustix::io::Errno::LOOP) => return Err(special("a symbolic link").into()),
        Err(error) => return Err(cannot_read(path, error.into()).into()),
    };
    let metadata = file.metadata().map_err(|error| cannot_read(path, error))?;
    if !metadata.is_file() {
        return Err(special(describe_kind(metadata.file_type())).into());
    }
    Ok(file)
}

/// What stands where a plain file should be, in words.
fn describe_kind(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

fn open_file(name: String, file: File) -> Result<UntrustedVolume, Stop> {
    let failed = |error: io::Error| Unable::new(format!("cannot read {name}")).because(error);
    let seen = Seen::of(&file).map_err(failed)?;
    let watched = file.try_clone().map_err(failed)?;
    open_volume(name, Box::new(file), Some((watched, seen)))
}

fn open_volume(
    name: String,
    stream: Box<dyn Read + Send>,
    file: Option<(File, Seen)>,
) -> Result<UntrustedVolume, Stop> {
    let mut reader = VolumeReader {
        name,
        stream,
        position: 0,
        pending: None,
        file,
    };
    let untrusted_header = reader.header()?;
    let not_ours = || {
        Refusal::new(
            Code::UnknownFormat,
            reader.name.clone(),
            "it does not begin as a volume of bundle format 1",
        )
        .hint("check that this is a volume that `sealift export` wrote")
    };
    let size = match container::bounded_size(&untrusted_header, MAX_MANIFEST_ENVELOPE_BYTES) {
        None => return Err(not_ours().into()),
        Some(Err(size)) if untrusted_header.starts_with(container::MANIFEST.as_bytes()) => {
            return Err(Refusal::new(
                Code::PreauthLimitExceeded,
                reader.name,
                "the manifest's envelope is larger than the limit",
            )
            .comparing(
                format!("at most {MAX_MANIFEST_ENVELOPE_BYTES} bytes"),
                format!("{size} bytes"),
            )
            .into());
        }
        Some(Err(_)) => return Err(not_ours().into()),
        Some(Ok(size)) => size,
    };
    if untrusted_header != container::header(container::MANIFEST, size) {
        return Err(not_ours().into());
    }
    let untrusted_envelope = reader.data(size)?;
    Ok(UntrustedVolume {
        reader,
        untrusted_envelope,
    })
}

fn read_approval(name: String, file: File) -> Result<UntrustedApproval, Stop> {
    let mut untrusted_envelope = Vec::new();
    file.take(MAX_MANIFEST_ENVELOPE_BYTES + 1)
        .read_to_end(&mut untrusted_envelope)
        .map_err(|error| Unable::new(format!("cannot read {name}")).because(error))?;
    if untrusted_envelope.len() as u64 > MAX_MANIFEST_ENVELOPE_BYTES {
        return Err(Refusal::new(
            Code::PreauthLimitExceeded,
            name,
            "the approval is larger than the limit",
        )
        .comparing(format!("at most {MAX_MANIFEST_ENVELOPE_BYTES} bytes"), "more")
        .into());
    }
    Ok(UntrustedApproval {
        name,
        untrusted_envelope,
    })
}

/// Reads a custody record. One that is too long is read as far as that can be seen: it counts for nothing, and stops no import.
fn read_custody(name: String, file: File) -> Result<UntrustedRecord, Stop> {
    let mut untrusted = Vec::new();
    file.take(MAX_CUSTODY_BYTES as u64 + 1)
        .read_to_end(&mut untrusted)
        .map_err(|error| Unable::new(format!("cannot read {name}")).because(error))?;
    Ok((name, untrusted))
}

/// Reads one volume from its first byte to its last, once and in order.
pub(super) struct VolumeReader {
    name: String,
    stream: Box<dyn Read + Send>,
    position: u64,
    pending: Option<Box<[u8; 512]>>,
    /// The file behind the stream, and what it looked like when it was opened.
    file: Option<(File, Seen)>,
}

/// What a medium's file looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    bytes: u64,
    modified: (i64, i64),
}

impl Seen {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

impl VolumeReader {
    /// The volume's file name, or `-`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The next header's block.
    pub(super) fn header(&mut self) -> Result<[u8; 512], Stop> {
        if let Some(block) = self.pending.take() {
            return Ok(*block);
        }
        let mut block = [0; BLOCK as usize];
        self.exact(&mut block)?;
        Ok(block)
    }

    /// Gives a header back, to be read again by the next call of [`VolumeReader::header`].
    pub(super) fn keep(&mut self, block: [u8; 512]) {
        self.pending = Some(Box::new(block));
    }

    /// Reads a member's data of a bounded size into memory, and its padding, which must be zero.
    pub(super) fn data(&mut self, size: u64) -> Result<Vec<u8>, Stop> {
        let mut bytes =
            vec![0; usize::try_from(size).map_err(|_| Unable::new("a member does not fit this machine's memory"))?];
        self.exact(&mut bytes)?;
        self.padding(size)?;
        Ok(bytes)
    }

    /// Reads the padding after a member's data.
    pub(super) fn padding(&mut self, size: u64) -> Result<(), Stop> {
        let mut block = [0; BLOCK as usize];
        let rest = &mut block[..container::padding(size) as usize];
        self.exact(rest)?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(self.not_exact("the padding after a member is not zero").into());
        }
        Ok(())
    }

    /// Compares the next header with the one that is due.
    pub(super) fn expect(&mut self, name: &str, size: u64) -> Result<(), Stop> {
        let found = self.header()?;
        if found != container::header(name, size) {
            return Err(self
                .not_exact("a header is not the one that the signed documents determine")
                .comparing(format!("member `{name}` of {size} bytes"), describe(&found))
                .into());
        }
        Ok(())
    }

    /// Reads the end: two zero blocks, and nothing after them.
    pub(super) fn end(&mut self) -> Result<(), Stop> {
        let mut end = [0; container::END as usize];
        self.exact(&mut end)?;
        if end.iter().any(|byte| *byte != 0) {
            return Err(self.not_exact("the end is not two zero blocks").into());
        }
        let mut more = [0];
        match self.read(&mut more)? {
            0 => self.unchanged(),
            _ => Err(self.not_exact("bytes follow the end").into()),
        }
    }

    /// Fails if the volume's file looks otherwise than when it was opened. What was verified are the bytes that were read,
    /// so this protects nothing; it tells of a medium that somebody writes to.
    fn unchanged(&self) -> Result<(), Stop> {
        let Some((file, before)) = &self.file else {
            return Ok(());
        };
        let after = Seen::of(file).map_err(|error| Unable::new(format!("cannot read {}", self.name)).because(error))?;
        if after == *before {
            return Ok(());
        }
        Err(Refusal::new(
            Code::MediumChanged,
            self.name.clone(),
            "the file was changed while it was read",
        )
        .comparing(
            format!("{} bytes", before.bytes),
            format!("{} bytes, written to since", after.bytes),
        )
        .hint("use a medium that nobody writes to, such as one with its write protection on")
        .into())
    }

    /// Fills a buffer; a volume that ends before is refused.
    pub(super) fn exact(&mut self, mut buffer: &mut [u8]) -> Result<(), Stop> {
        while !buffer.is_empty() {
            let count = self.read(buffer)?;
            if count == 0 {
                return Err(
                    Refusal::new(Code::ObjectMissing, self.name.clone(), "the volume ends too early")
                        .comparing(
                            format!("at least {} bytes more", buffer.len()),
                            format!("the end at byte {}", self.position),
                        )
                        .hint("the copy is cut off: copy the volume again from the sending side")
                        .into(),
                );
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Stop> {
        loop {
            match self.stream.read(buffer) {
                Ok(count) => {
                    self.position += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(
                        Unable::new(format!("cannot read {} at byte {}", self.name, self.position))
                            .because(error)
                            .hint("the medium may be damaged: clean it, use another reader, or copy the volume again")
                            .into(),
                    );
                }
            }
        }
    }

    /// A refusal about this volume's bytes.
    pub(super) fn not_exact(&self, reason: &str) -> Refusal {
        Refusal::new(
            Code::ContainerNotExact,
            format!("{} at byte {}", self.name, self.position),
            reason,
        )
        .hint("copy the volume again; if it is refused again, keep the medium and tell your security officer")
    }
}

/// What a header that is not the expected one seems to say, for people.
pub(super) fn describe(header: &[u8; 512]) -> String {
    let name: Vec<u8> = header[..100].iter().copied().take_while(|byte| *byte != 0).collect();
    match (
        header.iter().all(|byte| *byte == 0),
        container::bounded_size(header, u64::MAX),
    ) {
        (true, _) => "the end of the archive".to_owned(),
        (false, Some(Ok(size))) if header[156] == b'0' => {
            format!("member `{}` of {size} bytes", String::from_utf8_lossy(&name))
        }
        _ => format!("a header named `{}` of another kind", String::from_utf8_lossy(&name)),
    }
}

/// A path for people.
pub(super) fn display_path(path: &Path) -> String {
    path.display().to_string()
}

fn display_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A file could not be read.
pub(super) fn cannot_read(path: &Path, error: io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}
