//! An archive's `Packages`: one paragraph for each package, with the place, size and digest of its file.

use std::io::Read;

use super::deb822::{ControlError, Paragraph, Paragraphs};
use crate::archive::ArchiveError;
use crate::archive::inflate::{Compression, Inflated};
use crate::archive::tar::Limits;

/// A package as an index lists it. Borrowed: indexes have tens of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Its name.
    pub package: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its architecture.
    pub architecture: &'a str,
    /// Its file's path, relative to the archive.
    pub filename: &'a str,
    /// Its file's bytes.
    pub size: u64,
    /// Its file's strong digests. MD5 and SHA-1 are not read.
    pub digests: Digests,
}

/// The strong digests that an index states of a file: one of them, both, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digests {
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512. Archives may list by it alone (the Debian wiki's "DebianRepository/Format", "Packages Indices").
    pub sha512: Option<[u8; 64]>,
}

/// An index cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackagesError {
    /// Its paragraphs cannot be read.
    #[error("its paragraphs cannot be read")]
    Control(#[from] ControlError),
    /// A paragraph lacks a field, or has one that cannot be read.
    #[error("the field {field} of {package:?} is missing or is not one")]
    Field {
        /// The field.
        field: &'static str,
        /// The package, as far as it is named.
        package: String,
    },
    /// It has more paragraphs than the limit.
    #[error("it lists more than {limit} packages")]
    TooMany {
        /// The bound.
        limit: u64,
    },
}

impl From<ArchiveError> for PackagesError {
    fn from(error: ArchiveError) -> Self {
        Self::Control(error.into())
    }
}

/// Debian's largest index has 60 MB and 70,000 packages, Ubuntu's 80 MB.
const LIMITS: Limits = Limits {
    entries: 1_000_000,
    member_bytes: 0,
    inflated_bytes: 512 << 20,
    ratio: 200,
};

/// How a list of packages is compressed, by its path; `None` where that is not known here (`Packages.lzma`, `Packages.lz4`).
pub fn packages_compression(path: &str) -> Option<Compression> {
    let name = path.rsplit('/').next().unwrap_or(path);
    match (Compression::of_name(name), name) {
        (Compression::None, "Packages") => Some(Compression::None),
        (Compression::None, _) => None,
        (known, _) => Some(known),
    }
}

/// Reads a `Packages` file in any compression, and tells each package, also one that is listed without a strong digest: that it is listed is known
/// then, and nothing vouches for its bytes.
///
/// # Errors
/// [`PackagesError`]; what was told before then is to be forgotten.
pub fn read_packages(
    compression: Compression,
    reader: &mut dyn Read,
    visit: &mut dyn FnMut(&Listed<'_>),
) -> Result<(), PackagesError> {
    read_packages_within(&LIMITS, compression, reader, visit)
}

fn read_packages_within(
    limits: &Limits,
    compression: Compression,
    reader: &mut dyn Read,
    visit: &mut dyn FnMut(&Listed<'_>),
) -> Result<(), PackagesError> {
    let mut paragraphs = Paragraphs::new(Inflated::new(compression, reader, limits)?);
    let mut count = 0;
    while let Some(text) = paragraphs.next()? {
        count += 1;
        if count > limits.entries {
            return Err(PackagesError::TooMany { limit: limits.entries });
        }
        let fields = Paragraph::read(text)?;
        let package = fields.get("Package").unwrap_or_default();
        let missing = |field| PackagesError::Field {
            field,
            package: package.chars().take(200).collect(),
        };
        let needed = |field| {
            fields
                .get(field)
                .filter(|value| !value.is_empty())
                .ok_or_else(|| missing(field))
        };
        let (package, version) = (needed("Package")?, needed("Version")?);
        let (architecture, filename) = (needed("Architecture")?, needed("Filename")?);
        let size = needed("Size")?;
        let size = match size.bytes().all(|byte| byte.is_ascii_digit()) {
            true => size.parse().map_err(|_| missing("Size"))?,
            false => return Err(missing("Size")),
        };
        let digests = Digests {
            sha256: digest(&fields, "SHA256").map_err(missing)?,
            sha512: digest(&fields, "SHA512").map_err(missing)?,
        };
        visit(&Listed {
            package,
            version,
            architecture,
            filename,
            size,
            digests,
        });
    }
    Ok(())
}

fn digest<const LENGTH: usize>(
    fields: &Paragraph<'_>,
    field: &'static str,
) -> Result<Option<[u8; LENGTH]>, &'static str> {
    let Some(digits) = fields.get(field) else {
        return Ok(None);
    };
    let mut bytes = [0; LENGTH];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| field)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn stanza(without: &str, with: &str) -> String {
        let digest = "0d5f444f594e48c1e16a41d8fc628a09b24c658916a1274025c2330f2a802bed";
        let fields = [
            "Package: towel",
            "Version: 1:4.2-1",
            "Architecture: all",
            "Filename: pool/t/towel_4.2-1_all.deb",
            "Size: 42",
        ];
        let mut text: String = fields
            .iter()
            .map(|field| (*field).to_owned())
            .chain([format!("SHA256: {digest}")])
            .filter(|field| !field.starts_with(without) || without.is_empty())
            .map(|field| format!("{field}\n"))
            .collect();
        text.push_str(with);
        text
    }

    fn read(text: &str) -> Result<Vec<String>, PackagesError> {
        let mut found = Vec::new();
        read_packages(Compression::None, &mut Cursor::new(text), &mut |listed| {
            found.push(format!(
                "{} {} {} {} {} {} {}",
                listed.package,
                listed.version,
                listed.architecture,
                listed.filename,
                listed.size,
                listed.digests.sha256.map_or(0, |digest| digest[0]),
                listed.digests.sha512.map_or(0, |digest| digest[0]),
            ));
        })?;
        Ok(found)
    }

    #[test]
    fn packages_are_told() {
        let sha512 = format!("SHA512: {}\n", "11".repeat(64));
        let text = [
            stanza("", "Description: x\n y\n"),
            stanza("SHA256", &sha512),
            stanza("", &sha512),
            stanza("SHA256", "MD5sum: 00\nSHA1: 00\n"),
        ];
        let told =
            |sha256: u8, sha512: u8| format!("towel 1:4.2-1 all pool/t/towel_4.2-1_all.deb 42 {sha256} {sha512}");
        assert_eq!(
            read(&text.join("\n")).unwrap(),
            [told(13, 0), told(0, 17), told(13, 17), told(0, 0)]
        );
        assert_eq!(read("").unwrap(), [""; 0]);
    }

    #[test]
    fn a_package_that_cannot_be_read_spoils_the_index() {
        for field in ["Package", "Version", "Architecture", "Filename", "Size"] {
            let error = read(&stanza(field, "")).unwrap_err().to_string();
            assert!(error.contains(&format!("field {field} of")), "{error}");
        }
        for (without, with) in [
            ("Package", "Package:\n"),
            ("Version", "Version:\n"),
            ("Architecture", "Architecture: \n"),
            ("Filename", "Filename:\n"),
            ("Size", "Size:\n"),
            ("Size", "Size: -1\n"),
            ("Size", "Size: +1\n"),
            ("Size", "Size: 99999999999999999999\n"),
            ("SHA256", "SHA256: 00\n"),
            ("", "SHA512: 00\n"),
            ("", "Size: 43\n"),
            ("", "nonsense\n"),
        ] {
            assert!(read(&stanza(without, with)).is_err(), "{with}");
        }
    }

    #[test]
    fn packages_are_counted() {
        let text = [stanza("", ""), stanza("", ""), stanza("SHA256", "")].join("\n");
        let read = |entries| {
            let limits = Limits { entries, ..LIMITS };
            read_packages_within(&limits, Compression::None, &mut Cursor::new(&text), &mut |_| {})
        };
        assert!(read(3).is_ok());
        assert!(matches!(read(2), Err(PackagesError::TooMany { limit: 2 })));
    }

    #[test]
    fn a_list_says_by_its_name_how_it_is_compressed() {
        for (path, expected) in [
            ("main/binary-amd64/Packages", Some(Compression::None)),
            ("Packages", Some(Compression::None)),
            ("main/binary-amd64/Packages.xz", Some(Compression::Xz)),
            ("main/binary-amd64/Packages.bz2", Some(Compression::Bzip2)),
            ("main/binary-amd64/Packages.lzma", None),
            ("main/binary-amd64/Packages.lz4", None),
        ] {
            assert_eq!(packages_compression(path), expected, "{path}");
        }
    }

    #[test]
    fn every_compression_is_read_and_a_broken_one_is_not() {
        let text = stanza("", "");
        let gzip = {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let bzip2 = {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::default());
            std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = zstd::stream::encode_all(text.as_bytes(), 3).unwrap();
        let xz = hex::decode(XZ).unwrap();
        for (compression, bytes) in [
            (Compression::Gzip, gzip),
            (Compression::Bzip2, bzip2),
            (Compression::Zstd, zstd),
            (Compression::Xz, xz),
        ] {
            assert_eq!(Compression::of_bytes(&bytes), compression);
            let count = |bytes: &[u8]| {
                let mut count = 0;
                read_packages(compression, &mut Cursor::new(bytes), &mut |_| count += 1).map(|()| count)
            };
            assert_eq!(count(&bytes).unwrap(), 1, "{compression:?}");
            assert!(count(&bytes[..bytes.len() / 2]).is_err(), "{compression:?}, cut");
            let mut flipped = bytes.clone();
            flipped[bytes.len() / 2] ^= 0x10;
            assert!(count(&flipped).is_err(), "{compression:?}, flipped");
        }
    }

    /// `stanza("", "")` by `xz`.
    const XZ: &str = concat!(
        "fd377a585a000004e6d6b446020021011c00000010cf58cce000a800985d0028184866dbda3085fe16f082057af39017",
        "29a3eb794446414fe32ecae42847ec0b9260442ec8fc5daa2a0fcf9e23e3697e64e84e7e7433814271c52557797405a9",
        "851f9194e22617c720f8934d3af246afe1c8bf5d0e4be70bc9a0c79a36140b1539ad7b36dc5031497d041c97b0a16c86",
        "8b0c0367214d8bb1ff03e273bfb5da47cea8620fbe552bb8d346b2ecb4a3c23a6ec4de74057d6b00c0f29df212534453",
        "0001b401a9010000b690cf4eb1c467fb020000000004595a",
    );
}
