//! media -> `Opened`: structure and limits; nothing believed.
//!
//! Threats: links, devices and pipes on the medium; endless headers; a medium that changes. Defence: plain files only,
//! opened without following links and never written; one header and one envelope of bounded size are read, and parsed
//! by nobody here. What comes after the envelope is read only by later steps.

use std::fs::{File, FileType};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::volume::VolumeReader;
use crate::bundle::container;
use crate::bundle::limits::MAX_MANIFEST_ENVELOPE_BYTES;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::trust::custody::{MAX_CUSTODY_BYTES, MAX_CUSTODY_RECORDS};

/// What may be imported: files and folders on media, or a stream.
pub enum Input {
    /// A volume, an approval, a custody record, or a folder that holds some.
    Path(PathBuf),
    /// One volume as a stream, or several of one bundle one behind the other, read once.
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
            Input::Stream(stream) => volumes.push(begin(VolumeReader::of_stream("-".to_owned(), stream))?),
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
    // Looked at before it is opened: opening alone can move a tape or wake a device. What is opened is judged again,
    // for whoever swaps it in between; and NONBLOCK keeps a pipe from holding us up.
    let kind = std::fs::symlink_metadata(path)
        .map_err(|error| cannot_read(path, error))?
        .file_type();
    if !kind.is_file() {
        return Err(special(path, describe_kind(kind)).into());
    }
    open_nothing_else(path)
}

/// Opens what stands there now, and gives it only if it is a plain file.
fn open_nothing_else(path: &Path) -> Result<File, Stop> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(rustix::io::Errno::LOOP) => return Err(special(path, "a symbolic link").into()),
        Err(error) => return Err(cannot_read(path, error.into()).into()),
    };
    let metadata = file.metadata().map_err(|error| cannot_read(path, error))?;
    if !metadata.is_file() {
        return Err(special(path, describe_kind(metadata.file_type())).into());
    }
    Ok(file)
}

fn special(path: &Path, found: &str) -> Refusal {
    Refusal::new(Code::SpecialFile, display_name(path), "it is not a plain file")
        .comparing("a plain file", found)
        .hint("copy the volumes as plain files; sealift follows no links on a medium")
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
    let reader = VolumeReader::of_file(name.clone(), file)
        .map_err(|error| Unable::new(format!("cannot read {name}")).because(error))?;
    begin(reader)
}

/// Reads a volume's first envelope.
pub(super) fn begin(mut reader: VolumeReader) -> Result<UntrustedVolume, Stop> {
    let untrusted_header = reader.header()?;
    let not_ours = || {
        Refusal::new(
            Code::UnknownFormat,
            reader.name(),
            "it does not begin as a volume of bundle format 1",
        )
        .hint("check that this is a volume that `sealift export` wrote")
    };
    let size = match container::bounded_size(&untrusted_header, MAX_MANIFEST_ENVELOPE_BYTES) {
        None => return Err(not_ours().into()),
        Some(Err(size)) if untrusted_header.starts_with(container::MANIFEST.as_bytes()) => {
            return Err(Refusal::new(
                Code::PreauthLimitExceeded,
                reader.name(),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever swaps a file after it was looked at: what is opened is judged once more.
    #[test]
    fn what_was_swapped_in_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("plain"), b"x").unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        std::os::unix::fs::symlink(path("plain"), path("link")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.is_ok_and(|status| status.success()));
        open_nothing_else(&path("plain")).unwrap();
        for (name, found) in [("folder", "a folder"), ("link", "a symbolic link"), ("pipe", "a pipe")] {
            let Err(Stop::Refused(refusals)) = open_nothing_else(&path(name)) else {
                panic!("{name} was opened");
            };
            assert_eq!(refusals[0].code, Code::SpecialFile);
            assert_eq!(refusals[0].found.as_deref(), Some(found));
        }
    }
}
