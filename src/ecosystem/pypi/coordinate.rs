//! Names of projects (PEP 503, PEP 508), and the file names of wheels (PEP 427) and source distributions (PEP 625).

use super::version::Version;

/// What kind of distribution a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A wheel.
    Wheel,
    /// A source distribution as `.tar.gz`.
    SourceTarGz,
    /// A source distribution as `.zip`: the index took them until PEP 625.
    SourceZip,
}

/// What a distribution's file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileName {
    /// Which kind it is.
    pub(crate) kind: Kind,
    /// The project's name in normal form.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: Version,
    /// The name and version as written, which also name the folder in a source distribution.
    pub(crate) stem: String,
}

/// File systems end a component at 255 bytes; `.provenance` has to fit behind the name.
const MAX_FILE_NAME_BYTES: usize = 255 - ".provenance".len();

/// No index takes longer names; it leaves room for a path.
const MAX_NAME_BYTES: usize = 200;

/// Brings a project's name into normal form (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
/// `None` where it is no name (PEP 508: ASCII letters, digits and those three, a letter or digit at both ends).
pub(crate) fn normal_name(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let (first, last) = (bytes.first()?, bytes.last()?);
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() || bytes.len() > MAX_NAME_BYTES {
        return None;
    }
    let mut normal = String::with_capacity(name.len());
    for byte in bytes {
        match byte {
            b'-' | b'_' | b'.' => {
                if !normal.ends_with('-') {
                    normal.push('-');
                }
            }
            byte if byte.is_ascii_alphanumeric() => normal.push(byte.to_ascii_lowercase().into()),
            _ => return None,
        }
    }
    Some(normal)
}

/// The normal form (PEP 503) of any text: names that differ in nothing else are one project's. Also right for patterns.
pub(crate) fn collision_key(name: &str) -> String {
    let mut key = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if key.ends_with('-') => {}
            '-' | '_' | '.' => key.push('-'),
            other => key.extend(other.to_lowercase()),
        }
    }
    key
}

/// Reads a distribution's file name; `None` where it is neither a wheel's nor a source distribution's.
///
/// One file name belongs to one project only: in a source distribution's name the version starts after the last dash
/// (PEP 625 leaves only one), so two projects never share a path.
pub(crate) fn read_file_name(file: &str) -> Option<FileName> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+!".contains(&byte);
    if file.len() > MAX_FILE_NAME_BYTES || !file.bytes().all(plain) {
        return None;
    }
    if let Some(stem) = file.strip_suffix(".whl") {
        return read_wheel_name(stem);
    }
    let (kind, stem) = match file.strip_suffix(".tar.gz") {
        Some(stem) => (Kind::SourceTarGz, stem),
        None => (Kind::SourceZip, file.strip_suffix(".zip")?),
    };
    let (name, version) = stem.rsplit_once('-')?;
    Some(FileName {
        kind,
        name: normal_name(name)?,
        version: version.parse().ok()?,
        stem: stem.to_owned(),
    })
}

/// Reads `name-version(-build)?-python-abi-platform` (PEP 427, "File name convention").
fn read_wheel_name(stem: &str) -> Option<FileName> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version, tags) = match parts.as_slice() {
        [name, version, tags @ ..] if tags.len() == 3 => (name, version, tags),
        [name, version, build, tags @ ..] if tags.len() == 3 => {
            if !build.starts_with(|first: char| first.is_ascii_digit()) || !is_tag(build) {
                return None;
            }
            (name, version, tags)
        }
        _ => return None,
    };
    if !tags.iter().all(|tag| is_tag(tag)) {
        return None;
    }
    Some(FileName {
        kind: Kind::Wheel,
        name: normal_name(name)?,
        version: version.parse().ok()?,
        stem: format!("{name}-{version}"),
    })
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_normal_form() {
        for (written, normal) in [
            ("Foo", "foo"),
            ("foo_.-bar", "foo-bar"),
            ("zope.interface", "zope-interface"),
            ("2to3", "2to3"),
            ("a", "a"),
        ] {
            assert_eq!(normal_name(written).as_deref(), Some(normal));
            assert_eq!(collision_key(written), normal);
        }
        let long = "a".repeat(201);
        for wrong in [
            "",
            "-a",
            "a-",
            ".",
            "..",
            "a/b",
            "a b",
            "a\\b",
            "a%2fb",
            "sh\u{0435}ll",
            "a\0",
            &long,
        ] {
            assert_eq!(normal_name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn file_names_are_read() {
        for (file, kind, name, version) in [
            ("Foo_Bar-1.1-py3-none-any.whl", Kind::Wheel, "foo-bar", "1.1"),
            ("foo-1.0-1-py2.py3-none-any.whl", Kind::Wheel, "foo", "1.0"),
            (
                "a.b-1.0+cu121-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
                Kind::Wheel,
                "a-b",
                "1.0+cu121",
            ),
            ("foo_bar-1.0.post1.tar.gz", Kind::SourceTarGz, "foo-bar", "1.0.post1"),
            ("zope.interface-5.0.tar.gz", Kind::SourceTarGz, "zope-interface", "5.0"),
            ("foo-bar-1!2.0.tar.gz", Kind::SourceTarGz, "foo-bar", "1!2.0"),
            ("old-1.0.zip", Kind::SourceZip, "old", "1.0"),
        ] {
            let read = read_file_name(file).unwrap();
            assert_eq!(
                (read.kind, read.name.as_str(), read.version.to_string().as_str()),
                (kind, name, version),
                "{file}"
            );
        }
    }

    #[test]
    fn other_file_names_are_refused() {
        let file = |name: usize| format!("{}-1.0+{}.tar.gz", "a".repeat(name), "b".repeat(120));
        assert_eq!(file(112).len(), MAX_FILE_NAME_BYTES);
        assert!(read_file_name(&file(112)).is_some());
        let long = file(113);
        for wrong in [
            "foo-1.0.whl",
            "foo-1.0-py3-none.whl",
            "foo-1.0-b1-py3-none-any.whl",
            "foo-1.0-1+b-py3-none-any.whl",
            "foo-1.0-1-2-py3-none-any.whl",
            "foo-x-py3-none-any.whl",
            "-1.0-py3-none-any.whl",
            "foo-1.0-py3-none-an!y.whl",
            "foo-1.0-py3--any.whl",
            "foo- 1.0-py3-none-any.whl",
            "foo- 1.0.tar.gz",
            "../foo-1.0.tar.gz",
            "a/foo-1.0.tar.gz",
            "foo-1.0.tar.gz\0",
            "foo 1.0.tar.gz",
            "foo.tar.gz",
            "foo-.tar.gz",
            "-1.0.tar.gz",
            "foo-1.0.tar.bz2",
            "foo-1.0.egg",
            "foo-1.0.TAR.GZ",
            "foo-1.0-py3-none-any.whl.metadata",
            &long,
        ] {
            assert_eq!(read_file_name(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_file_name_belongs_to_one_project() {
        assert_eq!(read_file_name("a-1-2.tar.gz").unwrap().name, "a-1");
    }
}
