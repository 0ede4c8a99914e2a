//! The lockfiles of Python's clients. Each reader gives the same thing: which files, by which digests, from where.

mod pipfile;
mod poetry;
mod pylock;
mod requirements;
mod uv;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::coordinate::{Kind, normal_name, read_file_name};
use super::version::Version;
use super::{ID, url};
use crate::ecosystem::{Files, NamedBy, Selection, SelectionError, UpstreamBase, Wanted};
use crate::model::{Claim, ClaimError};

/// A lockfile's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// pip's requirements file, with hashes.
    Requirements,
    /// `pylock.toml` (PEP 751).
    Pylock,
    /// uv's own.
    Uv,
    /// Poetry's own.
    Poetry,
    /// PDM's own: like Poetry's.
    Pdm,
    /// Pipenv's own.
    Pipfile,
}

impl Format {
    /// Tells the format by the file's name.
    pub(super) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name {
            "uv.lock" => Some(Self::Uv),
            "poetry.lock" => Some(Self::Poetry),
            "pdm.lock" => Some(Self::Pdm),
            "Pipfile.lock" => Some(Self::Pipfile),
            "pylock.toml" => Some(Self::Pylock),
            _ => {
                let stem = name.strip_suffix(".txt");
                if stem.is_some_and(|stem| stem.starts_with("requirements") || stem.ends_with("requirements")) {
                    return Some(Self::Requirements);
                }
                // PEP 751, "File Name": one name between the dots.
                let middle = name.strip_prefix("pylock.")?.strip_suffix(".toml")?;
                (!middle.is_empty() && !middle.contains('.')).then_some(Self::Pylock)
            }
        }
    }
}

/// Reads a lockfile of any format.
pub(super) fn read(file_name: &str, text: &str, files: &dyn Files) -> Result<Selection, SelectionError> {
    let mut draft = Draft::new(file_name);
    match Format::of(file_name) {
        Some(Format::Requirements) => requirements::read(&mut draft, text, files)?,
        Some(Format::Pylock) => pylock::read(&mut draft, text)?,
        Some(Format::Uv) => uv::read(&mut draft, text)?,
        Some(Format::Poetry) => poetry::read(&mut draft, text, poetry::Dialect::Poetry)?,
        Some(Format::Pdm) => poetry::read(&mut draft, text, poetry::Dialect::Pdm)?,
        Some(Format::Pipfile) => pipfile::read(&mut draft, text)?,
        None => return Err(draft.malformed("not a lockfile of Python")),
    }
    Ok(draft.finish())
}

/// A selection in the making.
struct Draft {
    file: String,
    selection: Selection,
    positions: BTreeMap<(String, String, Option<String>), usize>,
}

/// One file of a locked package, as a lockfile describes it.
#[derive(Debug, Default)]
struct LockedFile {
    name: Option<String>,
    url: Option<String>,
    path: Option<String>,
    claims: Vec<Claim>,
    size: Option<u64>,
    registry: Option<String>,
}

impl Draft {
    fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            selection: Selection::default(),
            positions: BTreeMap::new(),
        }
    }

    fn malformed(&self, reason: impl Into<String>) -> SelectionError {
        SelectionError::Malformed {
            file: self.file.clone(),
            reason: reason.into(),
        }
    }

    fn unpinned(&self, entry: impl Into<String>) -> SelectionError {
        SelectionError::Unpinned {
            file: self.file.clone(),
            entry: entry.into(),
        }
    }

    /// Reads TOML into the format's own shape. Keys that no reader needs are passed over: these formats grow.
    fn toml<T: serde::de::DeserializeOwned>(&self, text: &str) -> Result<T, SelectionError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text.as_bytes()[..span.start.min(text.len())]
                    .iter()
                    .filter(|byte| **byte == b'\n')
                    .count()
                    + 1
            });
            self.malformed(format!("line {line}: {}", error.message()))
        })
    }

    fn name(&self, text: &str) -> Result<String, SelectionError> {
        normal_name(text).ok_or_else(|| self.malformed(format!("`{}` is not a project's name", text.escape_debug())))
    }

    /// The version in its normal form.
    fn version(&self, name: &str, text: &str) -> Result<String, SelectionError> {
        text.parse::<Version>()
            .map(|version| version.to_string())
            .map_err(|error| self.malformed(format!("{name}: {error}")))
    }

    /// Reads digests; those of algorithms that sealift does not check (md5, blake2b) count as none.
    fn claims<'a>(&self, entry: &str, hashes: impl IntoIterator<Item = &'a str>) -> Result<Vec<Claim>, SelectionError> {
        let mut claims = Vec::new();
        for text in hashes {
            match Claim::from_hex_option(text) {
                Ok(claim) if claims.contains(&claim) => {}
                Ok(claim) => claims.push(claim),
                Err(ClaimError::UnknownAlgorithm(_)) => {}
                Err(error) => return Err(self.malformed(format!("{entry}: {error}"))),
            }
        }
        if claims.is_empty() {
            return Err(self.unpinned(entry));
        }
        Ok(claims)
    }

    /// Takes an index that the lockfile names, and returns its URL without credentials. `None` for a local folder.
    fn index(&mut self, text: &str) -> Result<Option<String>, SelectionError> {
        if !text.contains("://") || text.starts_with("file:") {
            self.leave_out("an index that is a local folder: name the folder itself");
            return Ok(None);
        }
        if text.contains("${") {
            self.leave_out("an index whose URL needs an environment variable: name it in the selection");
            return Ok(None);
        }
        // The text may hold a password: it is not shown.
        let (url, authorization) =
            url::without_credentials(text).ok_or_else(|| self.malformed("an index is not an http or https URL"))?;
        if !self.selection.upstreams.iter().any(|known| known.url == url) {
            self.selection.upstreams.push(UpstreamBase {
                named_by: NamedBy::LockfileForAll,
                ecosystem: ID,
                scope: None,
                url: url.clone(),
                authorization,
            });
        }
        Ok(Some(url))
    }

    fn leave_out(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.selection.left_out.contains(&what) {
            self.selection.left_out.push(what);
        }
    }

    /// Takes the files of one locked package; those that are not wheels or source distributions are left out.
    fn package(
        &mut self,
        name: &str,
        version: Option<&str>,
        files: impl IntoIterator<Item = LockedFile>,
    ) -> Result<(), SelectionError> {
        let stated = version.map(|version| self.version(name, version)).transpose()?;
        let mut kinds = Vec::new();
        let mut last_version = None;
        for locked in files {
            let url = locked.url.as_deref().map(|url| self.file_url(name, url)).transpose()?;
            let file = locked
                .name
                .or_else(|| url.as_deref().and_then(url::file_name))
                .or_else(|| Some(locked.path.as_deref()?.rsplit(['/', '\\']).next()?.to_owned()))
                .ok_or_else(|| self.malformed(format!("{name}: a file has neither name nor URL")))?;
            let Some(read) = read_file_name(&file) else {
                self.leave_out(format!(
                    "{name}: {} is neither a wheel nor a source distribution that sealift carries",
                    file.escape_debug()
                ));
                continue;
            };
            if read.name != name {
                return Err(self.malformed(format!("{name}: {file} is a file of {}", read.name)));
            }
            let version = match &stated {
                // One written form for one version, or a project would hold it twice.
                Some(stated) if stated.parse().is_ok_and(|stated: Version| stated == read.version) => stated.clone(),
                Some(stated) => {
                    return Err(self.malformed(format!("{name} {stated}: {file} is of version {}", read.version)));
                }
                None => read.version.to_string(),
            };
            kinds.push(read.kind);
            last_version = Some(version.clone());
            self.want(Wanted {
                ecosystem: ID,
                name: name.to_owned(),
                version,
                file: Some(file),
                claims: locked.claims,
                urls: url.into_iter().collect(),
                registry: locked.registry,
                path: locked.path.map(PathBuf::from),
                size: locked.size,
            });
        }
        if let Some(version) = last_version.filter(|_| !kinds.contains(&Kind::Wheel)) {
            self.leave_out(format!(
                "{name} {version} has no wheel: what building it needs is in no lockfile"
            ));
        }
        Ok(())
    }

    /// A file's URL without fragment and credentials.
    fn file_url(&self, entry: &str, text: &str) -> Result<String, SelectionError> {
        url::without_credentials(text)
            .map(|(url, _)| url)
            .ok_or_else(|| self.malformed(format!("{entry}: a file's URL is not an http or https URL")))
    }

    /// Adds one wanted artifact. What is wanted twice is one entry that accepts the digests of both.
    fn want(&mut self, wanted: Wanted) {
        let key = (wanted.name.clone(), wanted.version.clone(), wanted.file.clone());
        if let Some(position) = self.positions.get(&key) {
            let known = &mut self.selection.wanted[*position];
            for claim in wanted.claims {
                if !known.claims.contains(&claim) {
                    known.claims.push(claim);
                }
            }
            return;
        }
        self.positions.insert(key, self.selection.wanted.len());
        self.selection.wanted.push(wanted);
    }

    fn finish(self) -> Selection {
        self.selection
    }
}

/// The names in a map of hashes, as `algorithm:digits`.
fn hash_texts(hashes: &BTreeMap<String, String>) -> BTreeSet<String> {
    hashes
        .iter()
        .map(|(algorithm, digits)| format!("{algorithm}:{digits}"))
        .collect()
}
