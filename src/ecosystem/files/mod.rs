//! Plain files: installers, toolchains, models, documents; whatever no package manager carries. An operator names a set
//! and its version, and gives a folder or files with their checksums.
//!
//! A file is found again as `<name>/<version>/<file>`, beside a `SHA256SUMS` of all files of that version.

pub mod checksums;
mod coordinate;
mod layout;

use std::path::PathBuf;

use super::{
    ClientConfig, ClientEnvironment, Companions, Content, Coordinate, DocumentContent, Ecosystem, Facts, Files, Held,
    Located, Mismatch, PlacedFile, Placing, RepositoryPlace, Selection, SelectionError, Upstream, UpstreamBase,
    UpstreamError, Wanted,
};
use crate::model::Artifact;
pub use coordinate::{check_file, check_name, check_version};

/// The id in catalogs.
pub const ID: &str = "files";

/// Files without a package manager.
pub struct PlainFiles;

impl Ecosystem for PlainFiles {
    fn id(&self) -> &'static str {
        ID
    }

    /// None: a `SHA256SUMS` names neither set nor version, so a selection names it, with both.
    fn is_lockfile(&self, _file_name: &str) -> bool {
        false
    }

    fn read_lockfile(&self, file_name: &str, _text: &str, _files: &dyn Files) -> Result<Selection, SelectionError> {
        Err(SelectionError::Malformed {
            file: file_name.to_owned(),
            reason: "plain files have no lockfile".to_owned(),
        })
    }

    fn recognise(&self, _file_name: &str) -> Option<Coordinate> {
        None
    }

    fn cached(&self, _wanted: &Wanted, _client: &dyn ClientEnvironment) -> Vec<PathBuf> {
        Vec::new()
    }

    fn upstreams(&self, _client: &dyn ClientEnvironment) -> Result<Vec<UpstreamBase>, SelectionError> {
        Ok(Vec::new())
    }

    /// The URLs that the selection itself gives.
    fn locate(&self, wanted: &Wanted, _upstream: &dyn Upstream) -> Result<Vec<Located>, UpstreamError> {
        let (Some(file), Some(url)) = (&wanted.file, wanted.urls.first()) else {
            return Err(UpstreamError::NoUpstream {
                ecosystem: ID.to_owned(),
            });
        };
        Ok(vec![Located {
            file: file.clone(),
            url: url.clone(),
            claims: wanted.claims.clone(),
            size: wanted.size,
        }])
    }

    fn accompany(
        &self,
        _name: &str,
        artifacts: &[Artifact],
        _upstream: &dyn Upstream,
    ) -> Result<Companions, UpstreamError> {
        Ok(Companions {
            documents: Vec::new(),
            proofs: artifacts
                .iter()
                .map(|artifact| (artifact.file.clone(), Vec::new()))
                .collect(),
        })
    }

    fn proof_kinds(&self) -> &'static [&'static str] {
        &[]
    }

    fn has_signatures_beside(&self) -> bool {
        true
    }

    /// Nothing is known about the content; the names are checked.
    fn inspect(
        &self,
        artifact: &Artifact,
        _content: &mut dyn Content,
        _documents: &[DocumentContent],
    ) -> Result<Facts, Mismatch> {
        check_name(&artifact.name)?;
        check_version(&artifact.version)?;
        check_file(&artifact.file)?;
        Ok(Facts::default())
    }

    fn placing(&self, name: &str) -> Option<Result<Box<dyn Placing>, Mismatch>> {
        Some(layout::Set::new(name).map(|set| Box::new(set) as Box<dyn Placing>))
    }

    fn layout(&self, name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
        layout::layout(name, held)
    }

    /// None: plain files are read by whatever reads files; `sha256sum -c SHA256SUMS` checks them.
    fn client_config(&self, _place: &RepositoryPlace) -> Vec<ClientConfig> {
        Vec::new()
    }
}
