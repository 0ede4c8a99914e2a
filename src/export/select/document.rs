//! The selection file `sealift.yaml` (`bundle-spec/selection.md`), and arguments, as a [`Request`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Input, Place, Request, SelectError, Source, inputs};
use crate::crypto::yaml;
use crate::ecosystem::{Ecosystem, NamedBy, UpstreamBase};
use crate::model::Claim;

/// The only version of the format.
const SCHEMA: &str = "sealift-selection/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelectionFile {
    schema: String,
    stream: Option<String>,
    recipient: Option<String>,
    select: Vec<Entry>,
    #[serde(default)]
    from: Vec<PathBuf>,
    #[serde(default)]
    upstreams: Vec<UpstreamEntry>,
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default, rename = "allow-plain-http")]
    allow_plain_http: BTreeSet<String>,
}

/// One entry of `select`: which keys stand in it says which kind it is.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    lockfile: Option<PathBuf>,
    folder: Option<PathBuf>,
    ecosystem: Option<String>,
    coordinates: Option<Vec<String>>,
    files: Option<String>,
    version: Option<String>,
    checksums: Option<PathBuf>,
    file: Option<String>,
    path: Option<PathBuf>,
    url: Option<String>,
    digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamEntry {
    ecosystem: String,
    url: String,
    scope: Option<String>,
}

impl Request {
    /// Reads a selection file's text; its paths are relative to `folder`.
    pub fn read(
        file: &str,
        text: &str,
        folder: &Path,
        ecosystems: &[&'static dyn Ecosystem],
    ) -> Result<Self, SelectError> {
        let document: SelectionFile = yaml::read(text).map_err(|source| SelectError::Document {
            file: file.to_owned(),
            source,
        })?;
        let wrong = |place: String, reason: &str| SelectError::Entry {
            place,
            reason: reason.to_owned(),
        };
        if document.schema != SCHEMA {
            return Err(wrong(
                format!("{file}: schema"),
                "it is not `sealift-selection/1`, the version that this program reads",
            ));
        }
        let inputs = document
            .select
            .into_iter()
            .enumerate()
            .map(|(index, entry)| {
                let place = format!("{file}: select, entry {}", index + 1);
                entry.into_input(folder).map_err(|reason| wrong(place, reason))
            })
            .collect::<Result<_, _>>()?;
        let upstreams = document
            .upstreams
            .into_iter()
            .enumerate()
            .map(|(index, entry)| {
                crate::net::Address::read(&entry.url).map_err(|error| SelectError::Entry {
                    place: format!("{file}: upstreams, entry {}", index + 1),
                    reason: error.to_string(),
                })?;
                Ok(UpstreamBase {
                    named_by: NamedBy::Operator,
                    ecosystem: inputs::find(ecosystems, &entry.ecosystem)?.id(),
                    scope: entry.scope,
                    url: entry.url,
                    authorization: None,
                })
            })
            .collect::<Result<_, SelectError>>()?;
        Ok(Self {
            stream: document.stream,
            recipient: document.recipient,
            inputs,
            from: document.from.iter().map(|path| folder.join(path)).collect(),
            upstreams,
            exclude: document.exclude,
            plain_http: document.allow_plain_http,
        })
    }

    /// Takes arguments: lockfiles, folders of artifacts, and selection files, each known by its name. Relative paths
    /// begin at `folder`.
    pub fn from_arguments(
        arguments: &[PathBuf],
        folder: &Path,
        ecosystems: &[&'static dyn Ecosystem],
    ) -> Result<Self, SelectError> {
        let mut all = Self::default();
        for argument in arguments {
            let source = Source::new(argument, folder);
            let name = source
                .path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
            if source.path.is_dir() {
                all.inputs.push(Input::Folder {
                    source,
                    ecosystem: None,
                });
            } else if inputs::reader_of(&name, ecosystems).is_some() {
                all.inputs.push(Input::Lockfile(source));
            } else if is_yaml {
                let text = inputs::read_text(&source.path)?;
                let inner = source.path.parent().unwrap_or(folder);
                let request = Self::read(&source.written, &text, inner, ecosystems)?;
                all.merge(request);
            } else {
                return Err(match source.path.metadata() {
                    Ok(_) => SelectError::UnknownLockfile { file: source.written },
                    Err(error) => SelectError::Unreadable {
                        path: source.path,
                        source: error,
                    },
                });
            }
        }
        Ok(all)
    }

    /// Adds another request's inputs; what the first one says about stream and recipient stays.
    fn merge(&mut self, other: Self) {
        self.stream = self.stream.take().or(other.stream);
        self.recipient = self.recipient.take().or(other.recipient);
        self.inputs.extend(other.inputs);
        self.from.extend(other.from);
        self.upstreams.extend(other.upstreams);
        self.exclude.extend(other.exclude);
        self.plain_http.extend(other.plain_http);
    }
}

impl Entry {
    /// Exactly one of the five shapes; a key that belongs to another shape is refused, not passed over.
    fn into_input(self, folder: &Path) -> Result<Input, &'static str> {
        let source = |path: &Path| Source::new(path, folder);
        match self {
            Self {
                lockfile: Some(path),
                folder: None,
                ecosystem: None,
                coordinates: None,
                files: None,
                version: None,
                checksums: None,
                file: None,
                path: None,
                url: None,
                digest: None,
            } => Ok(Input::Lockfile(source(&path))),
            Self {
                lockfile: None,
                folder: Some(path),
                ecosystem,
                coordinates: None,
                files: None,
                version: None,
                checksums: None,
                file: None,
                path: None,
                url: None,
                digest: None,
            } => Ok(Input::Folder {
                source: source(&path),
                ecosystem,
            }),
            Self {
                lockfile: None,
                folder: None,
                ecosystem: Some(ecosystem),
                coordinates: Some(coordinates),
                files: None,
                version: None,
                checksums: None,
                file: None,
                path: None,
                url: None,
                digest: None,
            } => Ok(Input::Coordinates { ecosystem, coordinates }),
            Self {
                lockfile: None,
                folder: Some(path),
                ecosystem: None,
                coordinates: None,
                files: Some(name),
                version: Some(version),
                checksums,
                file: None,
                path: None,
                url: None,
                digest: None,
            } => Ok(Input::Files {
                name,
                version,
                source: source(&path),
                checksums,
            }),
            Self {
                lockfile: None,
                folder: None,
                ecosystem: None,
                coordinates: None,
                files: Some(name),
                version: Some(version),
                checksums: None,
                file,
                path,
                url,
                digest: Some(digest),
            } => {
                let claim = Claim::from_hex_option(&digest)
                    .map_err(|_| "`digest` is not such as `sha256:` and hexadecimal digits")?;
                let last = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
                let (place, own_name) = match (path, url) {
                    (Some(path), None) => {
                        let name = last(&path.to_string_lossy());
                        (Place::Path(source(&path)), name)
                    }
                    (None, Some(url)) => {
                        let address = crate::net::Address::read(&url)
                            .map_err(|_| "`url` is not an http or https address without credentials")?;
                        let name = last(address.target().split('?').next().unwrap_or_default());
                        (Place::Url(url), name)
                    }
                    _ => return Err("exactly one of `path` and `url` belongs there"),
                };
                Ok(Input::File {
                    name,
                    version,
                    file: file.unwrap_or(own_name),
                    place,
                    claim,
                })
            }
            _ => Err(
                "its keys are none of: `lockfile`; `folder` and perhaps `ecosystem`; `ecosystem` and `coordinates`; `files`, `version`, `folder` and perhaps `checksums`; `files`, `version`, `digest`, one of `path` and `url`, and perhaps `file`",
            ),
        }
    }
}
