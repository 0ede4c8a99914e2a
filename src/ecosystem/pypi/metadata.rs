//! Core metadata: the header fields of `METADATA` and `PKG-INFO`.
//! Format: <https://packaging.python.org/specifications/core-metadata/>, read as installers do (RFC 822 headers).

use super::licence;
use super::version::Version;

/// The fields that an index needs.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// The name as written.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: Version,
    /// `Requires-Python`, if stated.
    pub(crate) requires_python: Option<String>,
    /// Its licence, as far as it is stated so that it can be told.
    pub(crate) licence: Option<String>,
}

/// The header section of the largest real packages (hundreds of `Requires-Dist`) has some 100 KiB; old ones carry their
/// description there too.
pub(crate) const MAX_METADATA_BYTES: u64 = 8 << 20;

/// Core metadata cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MetadataError {
    /// A line is neither a field nor a continuation.
    #[error("line {0} is not a field")]
    NotAField(usize),
    /// A field that is there once is there twice.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// A field is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field's value cannot be read.
    #[error("{field} `{}` cannot be read", .value.escape_debug())]
    Unreadable {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
    },
}

const METADATA_VERSION: &str = "Metadata-Version";
const NAME: &str = "Name";
const VERSION: &str = "Version";
const REQUIRES_PYTHON: &str = "Requires-Python";

/// Reads the header fields. Each of those that count may be there once only: which of two would win depends on the reader.
pub(crate) fn read(bytes: &[u8]) -> Result<Metadata, MetadataError> {
    let fields = [METADATA_VERSION, NAME, VERSION, REQUIRES_PYTHON];
    let mut values: [Option<String>; 4] = Default::default();
    let mut current: Option<usize> = None;
    let mut licence = licence::Fields::default();
    let mut last_key: &[u8] = b"";

    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        let not_a_field = MetadataError::NotAField(number + 1);
        if line.contains(&b'\r') || line.contains(&0) {
            return Err(not_a_field);
        }
        if matches!(line[0], b' ' | b'\t') {
            if number == 0 {
                return Err(not_a_field);
            }
            if let Some(field) = current {
                // No field that counts may be folded: readers join the lines differently.
                return Err(unreadable(fields[field], line));
            }
            licence.fold(last_key);
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(not_a_field.clone())?;
        let (key, value) = (&line[..colon], &line[colon + 1..]);
        if key.is_empty() || !key.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
            return Err(not_a_field);
        }
        last_key = key;
        licence.take(key, value);
        current = fields
            .iter()
            .position(|field| key.eq_ignore_ascii_case(field.as_bytes()));
        if let Some(field) = current {
            let text = std::str::from_utf8(value)
                .map_err(|_| unreadable(fields[field], value))?
                .trim();
            if values[field].replace(text.to_owned()).is_some() {
                return Err(MetadataError::Twice(fields[field]));
            }
        }
    }

    let [metadata_version, name, version, requires_python] = values;
    let metadata_version = metadata_version.ok_or(MetadataError::Missing(METADATA_VERSION))?;
    if !metadata_version.starts_with("1.") && !metadata_version.starts_with("2.") {
        return Err(unreadable(METADATA_VERSION, metadata_version.as_bytes()));
    }
    let version = version.ok_or(MetadataError::Missing(VERSION))?;
    Ok(Metadata {
        name: name
            .filter(|name| !name.is_empty())
            .ok_or(MetadataError::Missing(NAME))?,
        version: version.parse().map_err(|_| unreadable(VERSION, version.as_bytes()))?,
        requires_python: requires_python.filter(|text| !text.is_empty()),
        licence: licence.stated(),
    })
}

fn unreadable(field: &'static str, value: &[u8]) -> MetadataError {
    MetadataError::Unreadable {
        field,
        value: String::from_utf8_lossy(value).chars().take(200).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_read() {
        let text = "Metadata-Version: 2.1\r\nname: Foo_Bar\nVersion:1.0.0\nSummary: a\n  Name: folded\n\
                    Author: J\u{f6}rg\nRequires-Python: >=3.8, <4\n\nName: body\n\r";
        let read = read(text.as_bytes()).unwrap();
        assert_eq!(read.name, "Foo_Bar");
        assert_eq!(read.version.to_string(), "1.0.0");
        assert_eq!(read.requires_python.as_deref(), Some(">=3.8, <4"));
        assert_eq!(read.licence, None);
        let nothing = text.replace(" >=3.8, <4", "");
        assert_eq!(super::read(nothing.as_bytes()).unwrap().requires_python, None);
        let licence = |more: &str| {
            let text = format!("Metadata-Version: 2.4\nName: foo\nVersion: 1\n{more}\n\nLicense: body\n");
            super::read(text.as_bytes()).unwrap().licence
        };
        assert_eq!(licence("License-Expression: MIT").as_deref(), Some("MIT"));
        assert_eq!(licence("License: BSD-3-Clause").as_deref(), Some("BSD-3-Clause"));
        assert_eq!(licence("License: MIT License\n  Permission is granted"), None);
    }

    #[test]
    fn ambiguous_metadata_is_refused() {
        use MetadataError as E;
        let good = "Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n";
        let message = |text: String| read(text.as_bytes()).unwrap_err();
        assert_eq!(message(format!("{good}Name: bar\n")), E::Twice("Name"));
        assert_eq!(message(format!("{good}VERSION: 2\n")), E::Twice("Version"));
        assert_eq!(message(format!("{good}plain text\n")), E::NotAField(4));
        assert_eq!(message(format!("{good}: x\n")), E::NotAField(4));
        assert_eq!(message(format!("{good}A b: x\n")), E::NotAField(4));
        assert_eq!(message(format!("{good}Summary: a\rName: b\n")), E::NotAField(4));
        assert_eq!(message(format!("{good}Summary: a\0b\n")), E::NotAField(4));
        assert_eq!(message(good.replace("foo", " ")), E::Missing("Name"));
        assert_eq!(message(format!(" {good}")), E::NotAField(1));
        assert_eq!(message(format!("\u{feff}{good}")), E::NotAField(1));
        assert_eq!(message(format!("\n{good}")), E::Missing("Metadata-Version"));
        assert_eq!(message(good.replace("Name: foo\n", "")), E::Missing("Name"));
        assert_eq!(message(good.replace("Version: 1.0\n", "")), E::Missing("Version"));
        assert_eq!(
            message(good.replace("2.1", "3.0")).to_string(),
            "Metadata-Version `3.0` cannot be read"
        );
        assert_eq!(
            message(good.replace("1.0\n", "x\n")).to_string(),
            "Version `x` cannot be read"
        );
        assert!(matches!(
            message(format!("{good} 2\n")),
            E::Unreadable { field: "Version", .. }
        ));
        let latin = [good.as_bytes(), b"Requires-Python: \xff\n"].concat();
        assert!(matches!(
            read(&latin),
            Err(E::Unreadable {
                field: "Requires-Python",
                ..
            })
        ));
    }
}
