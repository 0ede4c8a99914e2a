//! What a distribution's own content says: its core metadata, and whether it is the project and version that it should be.
//!
//! Content is what the lockfile pinned, and still hostile until its publisher is known: wheels go through the strict
//! zip reader; from a source distribution only headers and one bounded file are read, in constant memory.

use std::collections::BTreeSet;
use std::io::Read;

use serde::{Deserialize, Serialize};

use super::coordinate::{FileName, Kind, normal_name, read_file_name};
use super::metadata::{self, MAX_METADATA_BYTES, Metadata};
use super::simple::{KIND_HTML, KIND_JSON, Page};
use super::version::Version;
use super::{ID, METADATA};
use crate::archive::zip::Zip;
use crate::ecosystem::{Content, DocumentContent, Facts, Mismatch};
use crate::model::Artifact;

/// A RECORD has about 150 bytes for each file ([`Zip`] bounds their number).
const MAX_RECORD_BYTES: u64 = 64 << 20;

/// What is unpacked of a source distribution at most.
struct SourceLimits {
    bytes: u64,
    entries: usize,
}

/// PKG-INFO may stand at the end; the largest real source distributions unpack to about 1 GiB in 50,000 files.
const SOURCE_LIMITS: SourceLimits = SourceLimits {
    bytes: 4 << 30,
    entries: 500_000,
};

/// What [`super::layout`] knows of a file, kept in state.db.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FileFacts {
    /// `Requires-Python` of the file's own metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) requires_python: Option<String>,
    /// Why the index had yanked it, where it had; may be empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) yanked: Option<String>,
    /// When it was uploaded to the index, as the index writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upload_time: Option<String>,
    /// Its licence, as its own metadata states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) licence: Option<String>,
}

/// Reads an artifact's facts.
pub(super) fn inspect(
    artifact: &Artifact,
    content: &mut dyn Content,
    documents: &[DocumentContent],
) -> Result<Facts, Mismatch> {
    let (file, version) = check_coordinate(artifact)?;
    let bytes = match file.kind {
        Kind::Wheel => read_wheel(&file, &version, content)?,
        Kind::SourceTarGz => read_source_tar(&file, content, &SOURCE_LIMITS)?,
        Kind::SourceZip => {
            let mut zip = Zip::open(content).map_err(malformed)?;
            let path = format!("{}/PKG-INFO", file.stem);
            zip.read(&path, MAX_METADATA_BYTES).map_err(malformed)?
        }
    };
    let metadata =
        metadata::read(&bytes).map_err(|error| Mismatch::new(format!("its metadata is malformed: {error}")))?;
    check_identity(artifact, &version, &metadata)?;

    let mut facts = FileFacts {
        requires_python: metadata.requires_python,
        yanked: None,
        upload_time: None,
        licence: metadata.licence,
    };
    add_documents(artifact, documents, &mut facts)?;

    let mut derived = std::collections::BTreeMap::new();
    if file.kind == Kind::Wheel {
        derived.insert(METADATA.to_owned(), bytes);
    }
    let json = serde_json::to_value(&facts).map_err(|error| Mismatch::new(error.to_string()))?;
    Ok(Facts {
        json,
        derived,
        ..Facts::default()
    })
}

/// Checks that an artifact's file name is that of a distribution of its name and version.
pub(super) fn check_coordinate(artifact: &Artifact) -> Result<(FileName, Version), Mismatch> {
    if artifact.ecosystem != ID {
        return Err(Mismatch::new("it is of another ecosystem").comparing(ID, &artifact.ecosystem));
    }
    let version: Version = artifact
        .version
        .parse()
        .map_err(|_| Mismatch::new("its version is not one by PEP 440").comparing("a version", &artifact.version))?;
    let file = read_file_name(&artifact.file).ok_or_else(|| {
        Mismatch::new("its file name is not that of a wheel or source distribution")
            .comparing("name-version.tar.gz or name-version-tags.whl", &artifact.file)
    })?;
    // The catalog's name must be in normal form, or one project would have two pages.
    if file.name != artifact.name {
        return Err(Mismatch::new("its file name names another project").comparing(&artifact.name, &file.name));
    }
    if file.version != version {
        return Err(Mismatch::new("its file name names another version")
            .comparing(version.to_string(), file.version.to_string()));
    }
    Ok((file, version))
}

fn check_identity(artifact: &Artifact, version: &Version, metadata: &Metadata) -> Result<(), Mismatch> {
    if normal_name(&metadata.name).as_deref() != Some(artifact.name.as_str()) {
        return Err(Mismatch::new("its metadata names another project").comparing(&artifact.name, &metadata.name));
    }
    if metadata.version != *version {
        return Err(Mismatch::new("its metadata names another version")
            .comparing(version.to_string(), metadata.version.to_string()));
    }
    Ok(())
}

fn malformed(error: impl std::error::Error) -> Mismatch {
    let mut reason = format!("it is malformed: {error}");
    if let Some(source) = error.source() {
        reason.push_str(&format!(": {source}"));
    }
    Mismatch::new(reason)
}

/// Reads a wheel's METADATA, and checks that its RECORD lists exactly the files that it has: a file that RECORD does not
/// know is installed by some installers and never removed again.
fn read_wheel(file: &FileName, version: &Version, content: &mut dyn Content) -> Result<Vec<u8>, Mismatch> {
    let mut zip = Zip::open(content).map_err(malformed)?;
    let folders: BTreeSet<&str> = zip
        .entries()
        .iter()
        .filter_map(|entry| entry.name().split_once('/'))
        .map(|(folder, _)| folder)
        .filter(|folder| folder.ends_with(".dist-info"))
        .collect();
    let [folder] = folders.iter().copied().collect::<Vec<_>>()[..] else {
        return Err(Mismatch::new("it does not have exactly one .dist-info folder"));
    };
    let is_its_own = folder
        .strip_suffix(".dist-info")
        .and_then(|stem| stem.rsplit_once('-'))
        .is_some_and(|(name, stated)| {
            normal_name(name).as_deref() == Some(file.name.as_str())
                && stated.parse::<Version>().is_ok_and(|stated| stated == *version)
        });
    if !is_its_own {
        return Err(Mismatch::new("its .dist-info folder is another distribution's")
            .comparing(format!("{}.dist-info", file.stem), folder));
    }
    let folder = folder.to_owned();

    let record = zip
        .read(&format!("{folder}/RECORD"), MAX_RECORD_BYTES)
        .map_err(malformed)?;
    let record = String::from_utf8(record).map_err(|_| Mismatch::new("its RECORD is not UTF-8"))?;
    let mut listed = BTreeSet::new();
    for line in record.lines().filter(|line| !line.is_empty()) {
        listed.insert(first_field(line).ok_or_else(|| Mismatch::new("its RECORD is not CSV"))?);
    }
    // The signatures of RECORD cannot be listed in it (PEP 427, "The .dist-info directory").
    let signatures = [format!("{folder}/RECORD.jws"), format!("{folder}/RECORD.p7s")];
    for entry in zip.entries().iter().filter(|entry| !entry.is_folder()) {
        if !listed.remove(entry.name()) && !signatures.iter().any(|name| name == entry.name()) {
            return Err(Mismatch::new("it holds a file that its RECORD does not list")
                .comparing("files of RECORD", entry.name()));
        }
    }
    if let Some(missing) = listed.iter().find(|name| !signatures.contains(name)) {
        return Err(Mismatch::new("its RECORD lists a file that it does not hold").comparing(missing, "nothing"));
    }
    zip.read(&format!("{folder}/METADATA"), MAX_METADATA_BYTES)
        .map_err(malformed)
}

/// The first field of a CSV line (RFC 4180).
fn first_field(line: &str) -> Option<String> {
    let Some(mut rest) = line.strip_prefix('"') else {
        return line.split(',').next().map(str::to_owned);
    };
    let mut field = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None if after.is_empty() || after.starts_with(',') => return Some(field),
            None => return None,
        }
    }
}

/// Reads `name-version/PKG-INFO` from a `.tar.gz`, stopping there. Extension headers are not followed: a path that needs
/// them is not this one.
fn read_source_tar(file: &FileName, content: &mut dyn Content, limits: &SourceLimits) -> Result<Vec<u8>, Mismatch> {
    let unreadable = |error: std::io::Error| Mismatch::new(format!("it is malformed: {error}"));
    let unpacked = flate2::bufread::GzDecoder::new(std::io::BufReader::new(content)).take(limits.bytes);
    let mut archive = tar::Archive::new(unpacked);
    let path = format!("{}/PKG-INFO", file.stem);
    for (count, entry) in archive.entries().map_err(unreadable)?.raw(true).enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        if count >= limits.entries {
            return Err(Mismatch::new(format!("it holds more than {} files", limits.entries)));
        }
        if entry.path_bytes().strip_prefix(b"./").unwrap_or(&entry.path_bytes()) != path.as_bytes() {
            continue;
        }
        if !entry.header().entry_type().is_file() {
            return Err(Mismatch::new("its PKG-INFO is not a file"));
        }
        if entry.size() > MAX_METADATA_BYTES {
            return Err(Mismatch::new(format!(
                "its PKG-INFO has more than {MAX_METADATA_BYTES} bytes"
            )));
        }
        let mut bytes = Vec::new();
        let size = entry.size();
        entry.read_to_end(&mut bytes).map_err(unreadable)?;
        // The library takes the end of the stream for the end of the file.
        if bytes.len() as u64 != size {
            return Err(Mismatch::new("its PKG-INFO is cut off"));
        }
        return Ok(bytes);
    }
    Err(Mismatch::new("it has no PKG-INFO").comparing(path, "nothing"))
}

/// Adds what the index said about the file. A page that gives another digest for its name is a contradiction.
fn add_documents(artifact: &Artifact, documents: &[DocumentContent], facts: &mut FileFacts) -> Result<(), Mismatch> {
    for document in documents {
        let kind = document.document.kind.as_str();
        if document.document.ecosystem != ID || document.document.name != artifact.name {
            continue;
        }
        if kind != KIND_JSON && kind != KIND_HTML {
            return Err(Mismatch::new("its registry document is of an unknown kind")
                .comparing(format!("{KIND_JSON} or {KIND_HTML}"), kind));
        }
        let page = Page::read(kind, &document.bytes, &document.document.origin, &artifact.name)
            .map_err(|error| Mismatch::new(format!("its registry document is malformed: {error}")))?;
        let Some(listed) = page.files.iter().find(|listed| listed.file == artifact.file) else {
            continue;
        };
        let stated = listed
            .claims
            .iter()
            .find(|claim| claim.bytes().len() == artifact.digest.as_bytes().len());
        if let Some(stated) = stated
            && stated.bytes() != artifact.digest.as_bytes()
        {
            return Err(Mismatch::new("its index page gives another digest for its file name")
                .comparing(stated.to_string(), artifact.digest.to_string()));
        }
        facts.yanked = facts.yanked.take().or_else(|| listed.yanked.clone());
        facts.upload_time = facts.upload_time.take().or_else(|| listed.upload_time.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn source_distributions_are_bounded() {
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        for name in ["foo-1/a", "foo-1/PKG-INFO"] {
            let mut header = tar::Header::new_ustar();
            header.set_size(600);
            archive.append_data(&mut header, name, &[b'x'; 600][..]).unwrap();
        }
        let bytes = archive.into_inner().unwrap().finish().unwrap();
        let file = read_file_name("foo-1.tar.gz").unwrap();
        let read = |bytes_limit, entries| {
            let limits = SourceLimits {
                bytes: bytes_limit,
                entries,
            };
            read_source_tar(&file, &mut std::io::Cursor::new(&bytes), &limits)
        };
        // Two headers of 512 bytes, two contents of 600, the first padded to 1024.
        assert_eq!(read(2648, 2).unwrap(), [b'x'; 600]);
        assert_eq!(read(2648, 1).unwrap_err().reason, "it holds more than 1 files");
        assert!(read(2000, 2).is_err());
        assert!(read(1600, 2).is_err());
        assert!(read(2400, 2).is_err(), "the file itself is cut");
    }

    #[test]
    fn a_source_distribution_that_breaks_off_is_not_read_as_far_as_it_goes() {
        let info = "Metadata-Version: 2.1\nName: foo\nVersion: 1\n\n".as_bytes();
        // Bytes that do not compress, so that the half of them is not there.
        let noise = (0_u32..4000).flat_map(|number| *Digest::of(&number.to_le_bytes()).as_bytes());
        let content: Vec<u8> = info.iter().copied().chain(noise).collect();
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        archive
            .append_data(&mut header, "foo-1/PKG-INFO", &content[..])
            .unwrap();
        let bytes = archive.into_inner().unwrap().finish().unwrap();
        let file = read_file_name("foo-1.tar.gz").unwrap();
        let limits = SourceLimits {
            bytes: 1 << 20,
            entries: 1,
        };
        let read = |bytes: &[u8]| read_source_tar(&file, &mut std::io::Cursor::new(bytes), &limits);
        assert_eq!(read(&bytes).unwrap(), content);
        let error = read(&bytes[..bytes.len() / 2]).unwrap_err();
        assert!(error.reason.starts_with("it is malformed"), "{error}");
    }
}
