//! Package URLs: labels for people, reports and SBOMs, never keys (purl-spec; one version may be many files).

use super::{deb, maven, pypi};
use crate::model::{Artifact, Digest};

/// Writes the package URL of an artifact, with what tells it from the other files of its version.
pub fn purl(artifact: &Artifact) -> String {
    let mut url = format!("pkg:{}/", purl_type(&artifact.ecosystem));
    match artifact.ecosystem.as_str() {
        // The group is the namespace (purl-spec, type maven).
        "maven" => url.push_str(&segments(&artifact.name.replace(':', "/"))),
        // The index of an archive without suites ends in a slash, which is part of its name.
        "deb" if artifact.name.ends_with('/') => url.push_str(&encode(&artifact.name)),
        _ => url.push_str(&segments(&artifact.name)),
    }
    url.push('@');
    url.push_str(&encode(&artifact.version));
    match artifact.ecosystem.as_str() {
        "pypi" => url.push_str(&format!("?file_name={}", encode(&artifact.file))),
        "maven" => url.push_str(&maven::qualifiers(artifact)),
        "deb" => url.push_str(&deb::qualifiers(artifact)),
        // Qualifiers stand in the order of their names.
        "files" => url.push_str(&format!(
            "?checksum={}&file_name={}",
            artifact.digest,
            encode(&artifact.file)
        )),
        _ => {}
    }
    url
}

/// What a package URL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purl {
    /// The ecosystem's id.
    pub ecosystem: String,
    /// The name, in the ecosystem's normal form where the URL's type asks for it.
    pub name: String,
    /// The version; `None` for all.
    pub version: Option<String>,
    /// The file; `None` for all.
    pub file: Option<String>,
    /// The digest, where the URL has a SHA-256 checksum.
    pub digest: Option<Digest>,
    /// Whether nothing of the URL was passed over: no part of a package, no qualifier that is not known, no namespace that names here do not have.
    pub is_whole: bool,
}

/// A text is not a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a package URL: {reason}")]
pub struct PurlError {
    text: String,
    reason: &'static str,
}

impl std::str::FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        let error = |reason| PurlError {
            text: text.chars().take(300).collect(),
            reason,
        };
        let rest = text
            .strip_prefix("pkg:")
            .ok_or_else(|| error("it does not begin with `pkg:`"))?;
        let has_subpath = rest.contains('#');
        let rest = rest.split('#').next().unwrap_or(rest).trim_start_matches('/');
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, rest) = rest.split_once('/').ok_or_else(|| error("it has no name"))?;
        // An `@` within a name is written `%40`, so the last one parts name and version.
        let (name, version) = match rest.rsplit_once('@') {
            Some((name, version)) if !name.is_empty() => (name, Some(version)),
            _ => (rest, None),
        };
        let decode = |text: &str| decode(text).ok_or_else(|| error("an escape in it cannot be read"));
        let mut this = Self {
            ecosystem: ecosystem(&kind.to_ascii_lowercase()),
            name: decode(name.trim_matches('/'))?,
            version: version.map(decode).transpose()?,
            file: None,
            digest: None,
            is_whole: !has_subpath,
        };
        // A type is never empty: slashes before it are passed over.
        if this.name.is_empty() {
            return Err(error("it has no name"));
        }
        if this.ecosystem == "pypi" {
            // purl-spec, type pypi: lower case, and `_` is `-`; names here are in the whole normal form.
            this.name =
                pypi::normal_name(&this.name).unwrap_or_else(|| this.name.to_ascii_lowercase().replace('_', "-"));
        }
        if this.ecosystem == "maven" {
            this.name = this.name.replacen('/', ":", 1);
        }
        if this.ecosystem == "deb" {
            // purl-spec, type deb: the namespace is the distribution, which sealift's names do not have.
            let name = deb::without_namespace(&this.name).to_owned();
            this.is_whole &= name == this.name;
            this.name = name;
        }
        let (mut kind, mut classifier, mut architecture) = (None, None, None);
        for qualifier in qualifiers.split('&') {
            match qualifier.split_once('=') {
                Some(("file_name", file)) => this.file = Some(decode(file)?),
                Some(("checksum", list)) => {
                    this.digest = decode(list)?.split(',').find_map(|checksum| checksum.parse().ok());
                }
                Some(("type", text)) => kind = Some(decode(text)?),
                Some(("classifier", text)) => classifier = Some(decode(text)?),
                Some(("arch", text)) => architecture = Some(decode(text)?),
                None if qualifier.is_empty() => {}
                _ => this.is_whole = false,
            }
        }
        let is_spoken_for = match this.ecosystem.as_str() {
            "maven" => architecture.is_none(),
            "deb" => kind.is_none() && classifier.is_none(),
            _ => architecture.is_none() && kind.is_none() && classifier.is_none(),
        };
        this.is_whole &= is_spoken_for;
        if let ("maven", Some(version), Some(kind)) = (this.ecosystem.as_str(), &this.version, kind) {
            this.file = maven::file_of(&this.name, version, &kind, classifier.as_deref());
            this.is_whole &= this.file.is_some();
        }
        if let ("deb", Some(version), Some(architecture)) = (this.ecosystem.as_str(), &this.version, architecture) {
            this.file = deb::file_of(&this.name, version, &architecture);
            this.is_whole &= this.file.is_some();
        }
        Ok(this)
    }
}

/// The purl type of an ecosystem; only plain files have another word.
fn purl_type(ecosystem: &str) -> &str {
    match ecosystem {
        "files" => "generic",
        other => other,
    }
}

fn ecosystem(purl_type: &str) -> String {
    match purl_type {
        "generic" => "files".to_owned(),
        other => other.to_owned(),
    }
}

/// Encodes a name, whose slashes part its segments.
fn segments(name: &str) -> String {
    name.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// Percent-encodes all but the characters that purl-spec leaves as they are.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Decodes percent escapes once; `None` where one is broken or the result is not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(ecosystem: &str, name: &str, version: &str, file: &str) -> Artifact {
        Artifact::plain(ecosystem, name, version, file, Digest::of(b"x"))
    }

    #[test]
    fn every_ecosystem_has_its_form_and_it_can_be_read_again() {
        let checksum = format!("checksum={}", Digest::of(b"x"));
        for (artifact, text) in [
            (
                artifact("pypi", "foo-bar", "1.1", "Foo_Bar-1.1-py3-none-any.whl"),
                "pkg:pypi/foo-bar@1.1?file_name=Foo_Bar-1.1-py3-none-any.whl".to_owned(),
            ),
            (
                artifact("npm", "@scope/name", "1.0.0", "name-1.0.0.tgz"),
                "pkg:npm/%40scope/name@1.0.0".to_owned(),
            ),
            (
                artifact("cargo", "foo-dep", "0.1.0+a", "foo-dep-0.1.0+a.crate"),
                "pkg:cargo/foo-dep@0.1.0%2Ba".to_owned(),
            ),
            (
                artifact("maven", "org.example:lib", "1.0+x", "lib-1.0+x-sources.jar"),
                "pkg:maven/org.example/lib@1.0%2Bx?classifier=sources&type=jar".to_owned(),
            ),
            (
                artifact("maven", "org.example:lib", "1.0", "lib-1.0.pom"),
                "pkg:maven/org.example/lib@1.0?type=pom".to_owned(),
            ),
            (
                artifact("deb", "libstdc++6", "1:12.2-1", "libstdc++6_1%3a12.2-1_amd64.deb"),
                "pkg:deb/libstdc%2B%2B6@1:12.2-1?arch=amd64".to_owned(),
            ),
            (
                artifact(
                    "deb",
                    "a.example.com/debian/dists/stable",
                    "20261119T021254Z.0123456789ab",
                    "InRelease",
                ),
                "pkg:deb/a.example.com/debian/dists/stable@20261119T021254Z.0123456789ab".to_owned(),
            ),
            (
                artifact("deb", "a.example.com::./", "20261119T021254Z.0123456789ab", "InRelease"),
                "pkg:deb/a.example.com::.%2F@20261119T021254Z.0123456789ab".to_owned(),
            ),
            (
                artifact("files", "tool", "2", "tool x.tar"),
                format!("pkg:generic/tool@2?{checksum}&file_name=tool%20x.tar"),
            ),
        ] {
            assert_eq!(purl(&artifact), text);
            let read: Purl = text.parse().unwrap();
            assert_eq!((&read.ecosystem, &read.name), (&artifact.ecosystem, &artifact.name));
            assert_eq!(read.version.as_ref(), Some(&artifact.version));
            assert!(read.file.is_none_or(|file| file == artifact.file));
        }
    }

    #[test]
    fn parts_may_be_missing_and_broken_ones_are_refused() {
        let read: Purl = "pkg:deb/debian/hello@2.10-3?arch=amd64&distro=bookworm"
            .parse()
            .unwrap();
        assert_eq!(
            (read.name.as_str(), read.file.as_deref()),
            ("hello", Some("hello_2.10-3_amd64.deb"))
        );
        let read: Purl = "pkg:npm/%40scope/name".parse().unwrap();
        assert_eq!((read.name.as_str(), read.version), ("@scope/name", None));
        let read: Purl = "pkg:npm/@scope/name".parse().unwrap();
        assert_eq!((read.name.as_str(), read.version), ("@scope/name", None));
        let read: Purl = "pkg:PyPI/Foo_Bar@1#sub".parse().unwrap();
        assert_eq!((read.name.as_str(), read.version.as_deref()), ("foo-bar", Some("1")));
        // A classifier alone leaves the type open.
        let read: Purl = "pkg:maven/org.example/lib@1?classifier=x".parse().unwrap();
        assert_eq!((read.name.as_str(), read.file), ("org.example:lib", None));
        for wrong in [
            "",
            "npm/x",
            "pkg:npm",
            "pkg:npm/",
            "pkg:/x",
            "pkg:npm/%4",
            "pkg:npm/%zz",
            "pkg:npm/%ff",
            "pkg:npm/%+1",
        ] {
            assert!(wrong.parse::<Purl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_qualifier_that_an_ecosystem_does_not_have_leaves_the_url_in_part() {
        for (text, is_whole) in [
            ("pkg:maven/g/a@1?type=jar&classifier=c", true),
            ("pkg:maven/g/a@1?arch=amd64", false),
            ("pkg:deb/debian/a@1?arch=amd64", false),
            ("pkg:deb/hello@1?arch=amd64", true),
            ("pkg:deb/hello@1?type=deb", false),
            ("pkg:deb/hello@1?classifier=c", false),
            ("pkg:npm/a@1", true),
            ("pkg:npm/a@1?arch=amd64", false),
            ("pkg:npm/a@1?type=tgz", false),
            ("pkg:npm/a@1?classifier=c", false),
        ] {
            assert_eq!(text.parse::<Purl>().unwrap().is_whole, is_whole, "{text}");
        }
        assert!("pkg:/a@1".parse::<Purl>().is_err());
    }
}
