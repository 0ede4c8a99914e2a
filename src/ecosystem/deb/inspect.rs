//! Reads a package's control file, and where upstream's index places it; and the signed indexes themselves.
//!
//! Threats, each with its defence:
//! - A package that is another one than its name says: name, version and architecture of its control file must be those of the
//!   file's name.
//! - An archive that two readers read differently: `archive::ar` and `archive::tar` refuse what is not plain, and a second control
//!   file is refused.
//! - A bomb: only the control archive is inflated, within bounds; the package's files are the installer's to read.
//! - A place that is another file's: a package is placed only as a `.deb` outside of `dists`, and the ledger refuses two owners of
//!   one path.
//!
//! Left to others: whether the index is signed, and lists the package: `evidence::apt_release`.

use std::io::Read as _;

use serde_json::json;

use super::coordinate::{PackageFile, Suite, check_file_name, is_index, is_name, is_version, pool_path};
use super::{PLACES, SIGNATURE, SIGNED, SIGNED_APART, index_file};
use crate::archive::apt::{Paragraph, Release, signed_part};
use crate::archive::inflate::Compression;
use crate::archive::tar::{Limits, find_only_in_tar};
use crate::archive::{ArchiveError, ar};
use crate::ecosystem::{Content, DocumentContent, Facts, Mismatch};
use crate::model::{Algorithm, Artifact, ClaimHasher, Digest};

/// Three members, and perhaps signatures behind them (deb(5)).
const MAX_MEMBERS: u64 = 16;

/// The largest control archives have some megabytes of file lists and scripts.
const CONTROL_LIMITS: Limits = Limits {
    entries: 10_000,
    member_bytes: 4 << 20,
    inflated_bytes: 256 << 20,
    ratio: 200,
};

/// The largest `InRelease` of any archive has some 300 KiB.
const MAX_RELEASE_BYTES: u64 = 8 << 20;

/// Reads what the artifact's content and documents say.
pub(super) fn inspect(
    artifact: &Artifact,
    content: &mut dyn Content,
    documents: &[DocumentContent],
) -> Result<Facts, Mismatch> {
    if is_index(&artifact.name) {
        return index(artifact, content);
    }
    let (source, source_version) = package(artifact, content)?;
    let mut places = Vec::new();
    for held in documents.iter().filter(|held| held.document.kind == PLACES) {
        read_places(&held.bytes, &artifact.digest, &mut places)?;
    }
    places.sort();
    places.dedup();
    Ok(Facts {
        json: json!({ "places": places, "source": source, "source-version": source_version }),
        ..Facts::default()
    })
}

/// The format's version (deb(5)): newer ones of the same first number would be compatible, and none exists.
const FORMAT: &[u8] = b"2.0\n";

/// Gives name and version of the source that it is built of.
fn package(artifact: &Artifact, content: &mut dyn Content) -> Result<(String, String), Mismatch> {
    let expected = check_file_name(&artifact.file, &artifact.name, &artifact.version)?;
    let members = ar::members(content, MAX_MEMBERS).map_err(|error| archive(&error))?;
    let [format, control, data, more @ ..] = members.as_slice() else {
        return Err(Mismatch::new("it has fewer members than a package"));
    };
    let is_part = |name: &str, front: &str| {
        name.strip_prefix(front)
            .is_some_and(|extension| ["", ".gz", ".xz", ".zst", ".bz2", ".lzma"].contains(&extension))
    };
    let is_package = format.name == "debian-binary"
        && is_part(&control.name, "control.tar")
        && is_part(&data.name, "data.tar")
        && more.iter().all(|member| member.name.starts_with('_'));
    if !is_package {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        return Err(Mismatch::new("its members are not those of a package")
            .comparing("debian-binary, control.tar, data.tar", names.join(", ")));
    }
    let mut bytes = Vec::new();
    ar::open(content, format)
        .map_err(|error| archive(&error))?
        .take(FORMAT.len() as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| archive(&ArchiveError::Unreadable { source }))?;
    if bytes != FORMAT {
        return Err(Mismatch::new("its format is not version 2.0"));
    }
    if control.name.ends_with(".lzma") || control.name.ends_with(".bz2") {
        return Err(Mismatch::new(format!(
            "{} is not a compression of control archives",
            control.name
        )));
    }
    let compression = Compression::of_name(&control.name);
    let mut reader = ar::open(content, control).map_err(|error| archive(&error))?;
    let is_control = &mut |name: &str| matches!(name, "./control" | "control");
    let (_, bytes) = find_only_in_tar(compression, &mut reader, is_control, &CONTROL_LIMITS)
        .map_err(|error| archive(&error))?
        .ok_or_else(|| Mismatch::new("it has no control file"))?;
    let text = String::from_utf8(bytes).map_err(|_| Mismatch::new("its control file is not UTF-8"))?;
    let fields = Paragraph::read(text.trim_matches('\n'))
        .map_err(|error| Mismatch::new(format!("its control file cannot be read: {error}")))?;
    for (field, expected) in [
        ("Package", &expected.name),
        ("Version", &expected.version),
        ("Architecture", &expected.architecture),
    ] {
        let found = fields.get(field).unwrap_or_default();
        if found != expected {
            return Err(Mismatch::new(format!("its control file has another {field}")).comparing(expected, found));
        }
    }
    source(&fields, &expected)
}

/// `Source: name` or `name (version)`, where they are not the package's own (Debian Policy §5.6.1).
fn source(fields: &Paragraph<'_>, package: &PackageFile) -> Result<(String, String), Mismatch> {
    let Some(field) = fields.get("Source").filter(|field| !field.is_empty()) else {
        return Ok((package.name.clone(), package.version.clone()));
    };
    let (name, version) = match field.split_once('(') {
        Some((name, rest)) => (name.trim_ascii_end(), rest.strip_suffix(')').unwrap_or_default()),
        None => (field, package.version.as_str()),
    };
    if !is_name(name) || !is_version(version) {
        return Err(Mismatch::new("its control file names no source").comparing("NAME or NAME (VERSION)", field));
    }
    Ok((name.to_owned(), version.to_owned()))
}

fn archive(error: &ArchiveError) -> Mismatch {
    Mismatch::new(format!("its archive cannot be read: {error}"))
}

/// Finds the places of an artifact in a document of the exporter's: a paragraph for each.
fn read_places(bytes: &[u8], digest: &Digest, places: &mut Vec<String>) -> Result<(), Mismatch> {
    let wrong = || Mismatch::new("the places that came with it cannot be read");
    let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let fields = Paragraph::read(paragraph).map_err(|_| wrong())?;
        let (Some(archive), Some(filename), Some(digits)) =
            (fields.get("Archive"), fields.get("Filename"), fields.get("SHA256"))
        else {
            return Err(wrong());
        };
        if digits == digest.hex() {
            places.push(pool_path(archive, filename)?.to_string());
        }
    }
    Ok(())
}

/// A part of a signed index: its name says which, and the signed text itself says when it was made.
fn index(artifact: &Artifact, content: &mut dyn Content) -> Result<Facts, Mismatch> {
    if Suite::read(&artifact.name).is_none() {
        return Err(Mismatch::new("it is not the name of an archive's suite")
            .comparing("ARCHIVE/dists/SUITE or ARCHIVE::FOLDER/", &artifact.name));
    }
    if IndexVersion::read(&artifact.version).is_none() {
        return Err(Mismatch::new("it is not an index's version").comparing("DATE.DIGEST", &artifact.version));
    }
    let mut digests = Vec::new();
    let json = match artifact.file.as_str() {
        SIGNED | SIGNED_APART => release(artifact, content)?,
        SIGNATURE => json!({}),
        file if index_file(file).is_some() => {
            let mut hasher = ClaimHasher::new([Algorithm::Sha512]);
            let mut buffer = vec![0; 64 << 10];
            loop {
                match content.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(read) => hasher.update(&buffer[..read]),
                    Err(source) => return Err(archive(&ArchiveError::Unreadable { source })),
                }
            }
            digests = hasher.finish();
            json!({ "sha512": digests.first().map(crate::model::Claim::hex) })
        }
        file => {
            return Err(Mismatch::new("it is no part of an index").comparing("InRelease, Release, Packages", file));
        }
    };
    Ok(Facts {
        json,
        digests,
        ..Facts::default()
    })
}

/// What the layout needs of a release: when it was made and until when it holds, and the indexes that it lists.
fn release(artifact: &Artifact, content: &mut dyn Content) -> Result<serde_json::Value, Mismatch> {
    let mut bytes = Vec::new();
    content
        .take(MAX_RELEASE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| archive(&ArchiveError::Unreadable { source }))?;
    let text = String::from_utf8(bytes).map_err(|_| Mismatch::new("it is not UTF-8"))?;
    if text.len() as u64 > MAX_RELEASE_BYTES {
        return Err(Mismatch::new("it is larger than the limit"));
    }
    let text = match artifact.file.as_str() {
        SIGNED => signed_part(&text).ok_or_else(|| Mismatch::new("it is not one signed text and nothing else"))?,
        _ => text,
    };
    let release = Release::read(&text).map_err(|error| Mismatch::new(format!("it cannot be read: {error}")))?;
    let own = index_version(&release, &artifact.digest);
    if own != artifact.version {
        return Err(Mismatch::new("its version is not made of its date and digest").comparing(own, &artifact.version));
    }
    let indexes: serde_json::Map<String, serde_json::Value> = release
        .files
        .iter()
        .filter(|(path, _)| index_file(path).is_some())
        .filter_map(|(path, file)| Some((path.clone(), hex::encode(file.sha256.as_ref()?).into())))
        .collect();
    Ok(json!({
        "date": release.date.to_string(),
        "valid_until": release.valid_until.map(|until| until.to_string()),
        "by_hash": release.by_hash,
        "indexes": indexes,
    }))
}

/// The version of an index: the time at which it was made, so that versions sort by it, and the digest of the signed text, since a
/// text may be signed once more without a new date.
pub(super) fn index_version(release: &Release, digest: &Digest) -> String {
    let date: String = release
        .date
        .to_string()
        .chars()
        .filter(|character| !matches!(character, '-' | ':'))
        .collect();
    format!("{date}.{}", &digest.hex()[..12])
}

/// An index's version, taken apart.
pub(super) struct IndexVersion<'a> {
    pub(super) date: &'a str,
}

impl<'a> IndexVersion<'a> {
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (date, digest) = text.split_once('.')?;
        let is_date = date.len() == 16
            && date.bytes().enumerate().all(|(at, byte)| match at {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        let is_digest = digest.len() == 12
            && digest
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (is_date && is_digest).then_some(Self { date })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_version_is_a_date_and_a_digest() {
        let read = |text: &str| IndexVersion::read(text).map(|version| version.date.to_owned());
        assert_eq!(
            read("20261119T021254Z.0123456789ab").as_deref(),
            Some("20261119T021254Z")
        );
        for wrong in [
            "",
            "20261119T021254Z",
            "20261119T021254.0123456789ab",
            "20261119T021254ZZ.0123456789ab",
            "20261119_021254Z.0123456789ab",
            "20261119T021254X.0123456789ab",
            "2026111xT021254Z.0123456789ab",
            "20261119T021254Z.0123456789a",
            "20261119T021254Z.0123456789abc",
            "20261119T021254Z.0123456789aB",
            "20261119T021254Z.0123456789ag",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
