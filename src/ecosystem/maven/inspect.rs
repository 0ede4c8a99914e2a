//! What a file's own content says.
//!
//! Threats, each with its defence:
//! - A pom or Gradle module of another artifact under this name: its coordinates must be these.
//! - A jar of another version under this name: where it holds the `pom.properties` of this very artifact, its version must
//!   be this one. A jar may hold others' too (shading), which say nothing about it.
//! - A jar that two readers read differently: it must be a zip that reads the same from both ends (`archive/zip`).
//! - A plugin that takes another plugin's prefix (`mvn deploy:…`): the prefix is only listed within the plugin's own group.

use std::io::{self, Read, Seek, SeekFrom};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::coordinate::{self, Kind};
use super::pom::{self, Pom};
use super::xml;
use crate::archive::zip::Zip;
use crate::ecosystem::{Content, Facts, Mismatch};
use crate::model::{Algorithm, Artifact, Claim, ClaimHasher};

/// What is kept of an artifact, for [`super::layout`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The digests that clients ask for, in hexadecimal; the SHA-256 is the artifact's name.
    pub(crate) sha1: String,
    pub(crate) sha512: String,
    /// For a Maven plugin: how it is called on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plugin: Option<Plugin>,
    /// Its licence, as its own pom says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) licence: Option<String>,
}

/// A plugin's entry in its group's metadata.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) prefix: String,
}

/// Extensions that are zips.
const ZIPS: [&str; 12] = [
    "jar", "war", "ear", "aar", "rar", "zip", "nar", "hpi", "kar", "esa", "sar", "klib",
];

/// `pom.properties` has three lines.
const MAX_PROPERTIES_BYTES: u64 = 64 << 10;

/// Module metadata of platforms with many variants has some 2 MiB.
const MAX_MODULE_BYTES: u64 = 32 << 20;

/// Names and prefixes of plugins are short.
const MAX_PLUGIN_TEXT_BYTES: usize = 200;

pub(crate) fn inspect(artifact: &Artifact, content: &mut dyn Content) -> Result<Facts, Mismatch> {
    let (group, id) = coordinate::split(&artifact.name)?;
    coordinate::path(&artifact.name, &artifact.version, &artifact.file)?;
    let kind = coordinate::kind_of(id, &artifact.version, &artifact.file)?;
    let digests = digests(content)?;
    let is_main = kind.classifier.is_none();
    let mut plugin = None;
    let mut licence = None;
    match kind.extension.as_str() {
        "pom" if is_main => licence = check_pom(group, id, &artifact.version, content)?,
        "module" if is_main => check_module(group, id, &artifact.version, content)?,
        extension if ZIPS.contains(&extension) => {
            (plugin, licence) = check_zip(group, id, &artifact.version, &kind, content)?;
        }
        _ => {}
    }
    let of = |algorithm| {
        let claim = digests.iter().find(|claim| claim.algorithm() == algorithm);
        claim.map(Claim::hex).unwrap_or_default()
    };
    let kept = Kept {
        sha1: of(Algorithm::Sha1),
        sha512: of(Algorithm::Sha512),
        plugin,
        licence,
    };
    Ok(Facts {
        json: serde_json::to_value(kept).map_err(|error| Mismatch::new(error.to_string()))?,
        digests,
        ..Facts::default()
    })
}

fn unreadable(error: io::Error) -> Mismatch {
    Mismatch::new(format!("it cannot be read: {error}"))
}

fn digests(content: &mut dyn Content) -> Result<Vec<Claim>, Mismatch> {
    let mut hasher = ClaimHasher::new([Algorithm::Sha1, Algorithm::Sha512]);
    let mut buffer = vec![0; 64 << 10];
    content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    loop {
        match content.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    Ok(hasher.finish())
}

fn read_bounded(content: &mut dyn Content, max_bytes: u64) -> Result<Vec<u8>, Mismatch> {
    let mut bytes = Vec::new();
    content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    content
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes {
        return Err(Mismatch::new(format!("it is larger than {max_bytes} bytes")));
    }
    Ok(bytes)
}

/// Gives the pom's licence.
fn check_pom(group: &str, id: &str, version: &str, content: &mut dyn Content) -> Result<Option<String>, Mismatch> {
    let bytes = read_bounded(content, xml::MAX_BYTES)?;
    let pom = Pom::read(&bytes).map_err(|reason| Mismatch::new(format!("the pom cannot be read: {reason}")))?;
    for (what, stated, expected) in [
        ("groupId", pom.group, group),
        ("artifactId", pom.artifact, id),
        ("version", pom.version, version),
    ] {
        let stated = stated.ok_or_else(|| Mismatch::new(format!("the pom states no {what}")))?;
        if !pom::fits(&stated, expected) {
            return Err(Mismatch::new(format!("the pom states another {what}")).comparing(expected, stated));
        }
    }
    Ok(pom.licence)
}

/// Gradle's module metadata (its specification 1.1, "component value"): with a `url` the component is another module of
/// the same publication.
fn check_module(group: &str, id: &str, version: &str, content: &mut dyn Content) -> Result<(), Mismatch> {
    #[derive(Deserialize)]
    struct Module {
        component: Component,
    }
    #[derive(Deserialize)]
    struct Component {
        group: String,
        module: String,
        version: String,
        url: Option<String>,
    }
    let bytes = read_bounded(content, MAX_MODULE_BYTES)?;
    let Module { component } = serde_json::from_slice(&bytes)
        .map_err(|error| Mismatch::new(format!("the module metadata cannot be read: {error}")))?;
    let mut compared = vec![
        ("group", &component.group, group),
        ("version", &component.version, version),
    ];
    if component.url.is_none() {
        compared.push(("module", &component.module, id));
    }
    for (what, stated, expected) in compared {
        if stated != expected {
            return Err(Mismatch::new(format!("the module metadata states another {what}")).comparing(expected, stated));
        }
    }
    Ok(())
}

fn check_zip(
    group: &str,
    id: &str,
    version: &str,
    kind: &Kind,
    content: &mut dyn Content,
) -> Result<(Option<Plugin>, Option<String>), Mismatch> {
    content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut zip = Zip::open(content).map_err(|error| Mismatch::new(format!("it is no plain zip: {error}")))?;
    let properties = format!("META-INF/maven/{group}/{id}/pom.properties");
    if let Some(text) = entry(&mut zip, &properties, MAX_PROPERTIES_BYTES)? {
        check_properties(group, id, version, &String::from_utf8_lossy(&text))?;
    }
    // The pom within says no more than its publisher: one that cannot be read, or is another's, states no licence.
    let own_pom = entry(
        &mut zip,
        &format!("META-INF/maven/{group}/{id}/pom.xml"),
        xml::MAX_BYTES,
    )?;
    let licence = own_pom
        .and_then(|bytes| Pom::read(&bytes).ok())
        .and_then(|pom| pom.licence);
    if kind.extension != "jar" || kind.classifier.is_some() {
        return Ok((None, licence));
    }
    let descriptor = entry(&mut zip, "META-INF/maven/plugin.xml", xml::MAX_BYTES)?;
    Ok((descriptor.and_then(|bytes| plugin(&bytes, group, id)), licence))
}

fn entry<R: Read + Seek>(zip: &mut Zip<R>, name: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, Mismatch> {
    if !zip.entries().iter().any(|entry| entry.name() == name) {
        return Ok(None);
    }
    zip.read(name, max_bytes)
        .map(Some)
        .map_err(|error| Mismatch::new(error.to_string()))
}

/// Maven's archiver writes `key=value` in Java's properties format; in coordinates nothing is escaped but `:`.
fn check_properties(group: &str, id: &str, version: &str, text: &str) -> Result<(), Mismatch> {
    for line in text.lines() {
        // What is no property, such as a comment, has a key that nobody asks for.
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let expected = match key.trim() {
            "groupId" => group,
            "artifactId" => id,
            "version" => version,
            _ => continue,
        };
        let value = value.trim().replace('\\', "");
        if !pom::fits(&value, expected) {
            let reason = format!("its pom.properties states another {}", key.trim());
            return Err(Mismatch::new(reason).comparing(expected, value));
        }
    }
    Ok(())
}

/// The plugin's own descriptor. One that cannot be read, or is another's, gives no prefix; the plugin can still be named
/// in full.
fn plugin(bytes: &[u8], group: &str, id: &str) -> Option<Plugin> {
    let text = xml::decode(bytes).ok()?;
    let document = xml::parse(&text, "plugin").ok()?;
    let root = document.root_element();
    let is_own = |name, own: &str| xml::text(root, name).is_none_or(|stated| stated == own);
    if !is_own("groupId", group) || !is_own("artifactId", id) {
        return None;
    }
    let prefix = xml::text(root, "goalPrefix")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if prefix.len() > MAX_PLUGIN_TEXT_BYTES || !prefix.bytes().all(plain) {
        return None;
    }
    let name: String = xml::text(root, "name")
        .unwrap_or_else(|| id.to_owned())
        .chars()
        .filter(|character| !character.is_control() && *character != '\u{fffd}')
        .take(MAX_PLUGIN_TEXT_BYTES)
        .collect();
    Some(Plugin { name, prefix })
}

/// Reads back what [`inspect`] kept.
pub(crate) fn kept(facts: &Value, artifact: &Artifact) -> Result<Kept, Mismatch> {
    serde_json::from_value(facts.clone())
        .map_err(|error| Mismatch::new(format!("the facts about {artifact} cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that cannot be begun again.
    struct Stream<'a>(&'a [u8]);

    impl Read for Stream<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Seek for Stream<'_> {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    impl Content for Stream<'_> {}

    #[test]
    fn what_cannot_be_read_from_its_start_is_not_read() {
        for error in [
            digests(&mut Stream(b"x")).map(drop).unwrap_err(),
            read_bounded(&mut Stream(b"x"), 8).map(drop).unwrap_err(),
        ] {
            assert!(error.reason.starts_with("it cannot be read"), "{error}");
        }
    }

    #[test]
    fn properties_are_compared_and_comments_are_not() {
        let check = |text: &str| check_properties("org.example", "lib", "1.0", text);
        check("#version=2\n!version=2\n# Tue\nother = x\n  version = 1.0\ngroupId=org.example\n").unwrap();
        for wrong in ["version=2", " groupId = other", "# a\nartifactId=other\n"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_plugin_is_named_in_plain_characters() {
        let named = |name: &str, prefix: &str| {
            let text = format!("<plugin><name>{name}</name><goalPrefix>{prefix}</goalPrefix></plugin>");
            plugin(text.as_bytes(), "org.example", "lib")
        };
        assert_eq!(named("a\tb&oslash;c", "lib").unwrap().name, "abc");
        let longest = "p".repeat(MAX_PLUGIN_TEXT_BYTES);
        assert_eq!(named("a", &longest).unwrap().prefix, longest);
        assert!(named("a", &format!("{longest}p")).is_none());
    }
}
