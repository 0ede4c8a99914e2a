//! What a tarball and its packument say about an artifact.
//!
//! Threats, each with its defence:
//! - A tarball of another package or version under this name: the `package.json` in it must say the same.
//! - A second `package.json` that an installer writes over the first: the archive is read to its end, and refused.
//! - Install scripts that the packument does not mention: the tarball decides, not the packument.
//! - A packument of other bytes (a mirror's own build): its hashes must be those of this tarball, or its signatures would
//!   stand beside the wrong bytes.
//! - A packument that renames: digest, name, version and the tarball's place are never taken from it.
//!
//! Source: npm's documentation, "package.json"; npm's `normalize-package-data` and `read-package-json` for `binding.gyp`.

use std::io::{Read, SeekFrom};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::coordinate;
use super::packument::{self, Packument};
use crate::archive::tar::{Limits, find_only_in_tgz};
use crate::ecosystem::{Content, DocumentContent, Facts, Mismatch};
use crate::model::{Algorithm, Artifact, Claim, ClaimHasher};

/// What is kept of an artifact, for [`super::layout`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    /// The version object as it is served again, without `dist.tarball`.
    pub(crate) manifest: Map<String, Value>,
    /// When upstream published the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) published: Option<String>,
    /// When upstream created the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<String>,
    /// When upstream last changed the packument that the rest was read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) modified: Option<String>,
    /// The version that upstream's `latest` named then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latest: Option<String>,
    /// Upstream's other tags on this very version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<String>,
    /// Fields in which packument and tarball disagree. Registries do not compare them, so it happens to honest packages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) differs: Vec<String>,
}

/// Fields of a version object that clients use or people read, with names to versions in them.
const NAME_MAPS: [&str; 5] = [
    "dependencies",
    "optionalDependencies",
    "devDependencies",
    "peerDependencies",
    "engines",
];

/// The other fields that are kept.
const FIELDS: [&str; 19] = [
    "description",
    "keywords",
    "license",
    "homepage",
    "repository",
    "bugs",
    "author",
    "maintainers",
    "funding",
    "peerDependenciesMeta",
    "acceptDependencies",
    "bundleDependencies",
    "bundledDependencies",
    "bin",
    "directories",
    "os",
    "cpu",
    "libc",
    "deprecated",
];

/// Fields of `dist` that are kept from the packument.
const DIST_FIELDS: [&str; 5] = [
    "signatures",
    "attestations",
    "fileCount",
    "unpackedSize",
    "npm-signature",
];

/// A version object is some KiB; the largest known (thousands of dependencies) is below 200 KiB.
const MAX_MANIFEST_BYTES: usize = 2 << 20;

/// Compares the tarball with the artifact and the packument, and keeps what is served again.
pub(crate) fn inspect(
    artifact: &Artifact,
    content: &mut dyn Content,
    documents: &[DocumentContent],
) -> Result<Facts, Mismatch> {
    let tarball = Tarball::read(content)?;
    tarball.compare(artifact)?;
    let mut kept = Kept {
        manifest: manifest(&tarball.package, &tarball),
        published: None,
        created: None,
        modified: None,
        latest: None,
        tags: Vec::new(),
        differs: Vec::new(),
    };
    let mut dist = Map::new();
    for document in documents
        .iter()
        .filter(|content| content.document.kind == packument::KIND)
    {
        let packument = Packument::read(&document.bytes)
            .map_err(|error| Mismatch::new(format!("its packument cannot be read: {error}")))?;
        if let Some(object) = version_object(artifact, &packument)? {
            dist = upstream_dist(&object, &tarball)?;
            kept.take(artifact, &packument, &object, &tarball);
            break;
        }
    }
    dist.insert("integrity".to_owned(), tarball.sha512.integrity().into());
    dist.insert("shasum".to_owned(), tarball.sha1.hex().into());
    kept.manifest.insert("dist".to_owned(), dist.into());
    kept.manifest.insert("name".to_owned(), artifact.name.clone().into());
    kept.manifest
        .insert("version".to_owned(), artifact.version.clone().into());

    let json =
        serde_json::to_value(&kept).map_err(|error| Mismatch::new(format!("its facts cannot be kept: {error}")))?;
    let size = json.to_string().len();
    if size > MAX_MANIFEST_BYTES {
        return Err(Mismatch::new("its version object is too large")
            .comparing(format!("at most {MAX_MANIFEST_BYTES} bytes"), format!("{size} bytes")));
    }
    Ok(Facts {
        json,
        digests: vec![tarball.sha1, tarball.sha512],
        ..Facts::default()
    })
}

impl Kept {
    /// Takes over what the packument says about the version.
    fn take(&mut self, artifact: &Artifact, packument: &Packument<'_>, object: &Map<String, Value>, tarball: &Tarball) {
        let upstream = manifest(object, tarball);
        self.differs = differences(&self.manifest, &upstream);
        self.manifest = upstream;
        self.published = packument.published(&artifact.version).map(str::to_owned);
        self.created = packument.created().map(str::to_owned);
        self.modified = packument.modified().map(str::to_owned);
        self.latest = packument.dist_tags.find("latest").cloned();
        let tags = packument.dist_tags.0.iter();
        self.tags = tags
            .filter(|(tag, version)| *version == artifact.version && tag != "latest")
            .map(|(tag, _)| tag.clone())
            .collect();
        self.tags.sort();
    }
}

/// What was read from a tarball in one pass.
struct Tarball {
    package: Map<String, Value>,
    /// A `binding.gyp` at the root is built on installation, even without a script.
    has_binding: bool,
    has_shrinkwrap: bool,
    sha1: Claim,
    sha512: Claim,
}

impl Tarball {
    fn read(content: &mut dyn Content) -> Result<Self, Mismatch> {
        let unreadable = |error: std::io::Error| Mismatch::new(format!("its content cannot be read: {error}"));
        content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let mut hashing = Hashing {
            content,
            hasher: ClaimHasher::new([Algorithm::Sha1, Algorithm::Sha512]),
        };
        let (mut has_binding, mut has_shrinkwrap) = (false, false);
        let mut wanted = |path: &str| match root_file(path) {
            Some(file) => {
                has_binding |= file == "binding.gyp";
                has_shrinkwrap |= file == "npm-shrinkwrap.json";
                // File systems that do not tell upper from lower case write one over the other; upper case first, as
                // some letters have only that in common with an ASCII one.
                file.to_uppercase().to_lowercase() == "package.json"
            }
            None => false,
        };
        let found = find_only_in_tgz(&mut hashing, &mut wanted, &Limits::default())
            .map_err(|error| Mismatch::new(error.to_string()))?;
        std::io::copy(&mut hashing, &mut std::io::sink()).map_err(unreadable)?;
        let claims = hashing.hasher.finish();
        let claim = |algorithm| claims.iter().find(|claim| claim.algorithm() == algorithm).cloned();
        let (Some(sha1), Some(sha512)) = (claim(Algorithm::Sha1), claim(Algorithm::Sha512)) else {
            return Err(Mismatch::new("its content was not hashed"));
        };
        let Some((path, bytes)) = found.filter(|(path, _)| path.ends_with("package.json")) else {
            return Err(Mismatch::new("its tarball holds no package.json"));
        };
        // npm drops a byte order mark too.
        let text = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let package = serde_json::from_slice(text).map_err(|error| Mismatch::new(format!("{path}: {error}")))?;
        Ok(Self {
            package,
            has_binding,
            has_shrinkwrap,
            sha1,
            sha512,
        })
    }

    fn compare(&self, artifact: &Artifact) -> Result<(), Mismatch> {
        let stated = |field| self.package.get(field).and_then(Value::as_str).unwrap_or_default();
        let name = stated("name").trim();
        if name != artifact.name {
            return Err(Mismatch::new("its package.json has another name").comparing(&artifact.name, name));
        }
        let found = stated("version");
        let same = coordinate::published_version(found).is_some_and(|version| {
            // Registries publish a version without its build metadata.
            let plain = semver::Version {
                build: semver::BuildMetadata::EMPTY,
                ..version.clone()
            };
            artifact.version == version.to_string() || artifact.version == plain.to_string()
        });
        if !same {
            return Err(Mismatch::new("its package.json has another version").comparing(&artifact.version, found));
        }
        Ok(())
    }

    fn has_install_script(&self) -> bool {
        let script = |name| {
            let scripts = self.package.get("scripts").and_then(Value::as_object);
            scripts.is_some_and(|scripts| {
                scripts
                    .get(name)
                    .and_then(Value::as_str)
                    .is_some_and(|text| !text.is_empty())
            })
        };
        let builds = self.has_binding && self.package.get("gypfile") != Some(&Value::Bool(false));
        builds || ["preinstall", "install", "postinstall"].into_iter().any(script)
    }
}

/// The path below the package's own folder, for files that lie directly in it. npm takes the first component off a path,
/// whatever it is called, and drops empty ones only then; on Windows a backslash counts as a slash.
fn root_file(path: &str) -> Option<&str> {
    let (_, below) = path.split_once(['/', '\\'])?;
    let mut parts = below.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
    let file = parts.next()?;
    parts.next().is_none().then_some(file)
}

/// Hashes what passes.
struct Hashing<'a> {
    content: &'a mut dyn Content,
    hasher: ClaimHasher,
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.content.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// The packument's object for the artifact's version, which must agree with it.
fn version_object(artifact: &Artifact, packument: &Packument<'_>) -> Result<Option<Map<String, Value>>, Mismatch> {
    let Some(raw) = packument.versions.find(&artifact.version) else {
        return Ok(None);
    };
    if let Some(name) = packument.name.as_ref().filter(|name| **name != artifact.name) {
        return Err(Mismatch::new("its packument is another package's").comparing(&artifact.name, name));
    }
    let object: Map<String, Value> = serde_json::from_str(raw.get())
        .map_err(|error| Mismatch::new(format!("its packument cannot be read: {error}")))?;
    for (field, expected) in [("name", &artifact.name), ("version", &artifact.version)] {
        match object.get(field).and_then(Value::as_str) {
            Some(found) if found != expected => {
                return Err(Mismatch::new(format!("its packument has another {field}")).comparing(expected, found));
            }
            _ => {}
        }
    }
    Ok(Some(object))
}

/// The packument's `dist`, whose hashes must be the tarball's.
fn upstream_dist(object: &Map<String, Value>, tarball: &Tarball) -> Result<Map<String, Value>, Mismatch> {
    let Some(dist) = object.get("dist").and_then(Value::as_object) else {
        return Ok(Map::new());
    };
    if let Some(integrity) = dist.get("integrity").and_then(Value::as_str) {
        let stated = coordinate::claims(integrity);
        let same = |ours: &Claim| {
            stated
                .iter()
                .filter(|claim| claim.algorithm() == ours.algorithm())
                .all(|claim| claim == ours)
        };
        if !(same(&tarball.sha512) && same(&tarball.sha1)) {
            return Err(Mismatch::new("its packument states the integrity of other bytes")
                .comparing(integrity, tarball.sha512.integrity()));
        }
    }
    if let Some(shasum) = dist.get("shasum").and_then(Value::as_str)
        && !shasum.eq_ignore_ascii_case(&tarball.sha1.hex())
    {
        return Err(
            Mismatch::new("its packument states the shasum of other bytes").comparing(shasum, tarball.sha1.hex())
        );
    }
    let kept = DIST_FIELDS
        .iter()
        .filter_map(|field| Some(((*field).to_owned(), dist.get(*field)?.clone())));
    Ok(kept.collect())
}

/// Keeps the known fields of a version object or package.json, and adds what only the tarball knows.
fn manifest(object: &Map<String, Value>, tarball: &Tarball) -> Map<String, Value> {
    let mut manifest = Map::new();
    for field in NAME_MAPS {
        if let Some(names) = object.get(field).and_then(Value::as_object)
            && names.values().all(Value::is_string)
        {
            manifest.insert(field.to_owned(), names.clone().into());
        }
    }
    for field in FIELDS {
        if let Some(value) = object.get(field).filter(|value| !value.is_null()) {
            manifest.insert(field.to_owned(), value.clone());
        }
    }
    if let Some(Value::String(path)) = manifest.get("bin") {
        let name = object.get("name").and_then(Value::as_str).unwrap_or_default();
        let bin: Map<String, Value> = [(coordinate::base_name(name).to_owned(), path.clone().into())]
            .into_iter()
            .collect();
        manifest.insert("bin".to_owned(), bin.into());
    }
    if tarball.has_install_script() || object.get("hasInstallScript") == Some(&Value::Bool(true)) {
        manifest.insert("hasInstallScript".to_owned(), true.into());
    }
    if tarball.has_shrinkwrap {
        manifest.insert("_hasShrinkwrap".to_owned(), true.into());
    }
    manifest
}

/// The dependency fields in which the tarball's and the packument's manifests differ. Registries repeat optional
/// dependencies among the others, so those are left out of the comparison.
fn differences(tarball: &Map<String, Value>, upstream: &Map<String, Value>) -> Vec<String> {
    let names = |manifest: &Map<String, Value>, field: &str| {
        let mut names = manifest
            .get(field)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        if field == "dependencies" {
            let optional = manifest.get("optionalDependencies").and_then(Value::as_object);
            names.retain(|name, _| optional.is_none_or(|optional| !optional.contains_key(name)));
        }
        names
    };
    ["dependencies", "optionalDependencies", "peerDependencies"]
        .into_iter()
        .filter(|field| names(tarball, field) != names(upstream, field))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_root_lies_in_no_further_folder() {
        for (path, expected) in [
            ("package/package.json", Some("package.json")),
            ("any\\.\\binding.gyp", Some("binding.gyp")),
            ("package//package.json", Some("package.json")),
            ("package/package.json/x", None),
            ("package/sub/package.json", None),
            ("package.json", None),
            ("package/", None),
        ] {
            assert_eq!(root_file(path), expected, "{path}");
        }
    }
}
