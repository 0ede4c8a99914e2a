//! An upstream that asks nobody: documents that the client itself keeps, and those in the folders that the operator named.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::Sources;
use crate::ecosystem::{DocumentRequest, Ecosystem, Fetched, Upstream, UpstreamBase, UpstreamError};

/// What is near for one ecosystem.
pub(super) struct Kept<'a> {
    ecosystem: &'static dyn Ecosystem,
    sources: &'a Sources<'a>,
    from: &'a [PathBuf],
    bases: Vec<UpstreamBase>,
}

impl<'a> Kept<'a> {
    /// Documents of the upstreams that the selection and the client's configuration name.
    pub(super) fn new(
        ecosystem: &'static dyn Ecosystem,
        sources: &'a Sources<'a>,
        from: &'a [PathBuf],
        upstreams: &[UpstreamBase],
    ) -> Self {
        let mut bases = upstreams.to_vec();
        // A configuration that cannot be read is reported where it is needed: when upstreams are asked.
        bases.extend(ecosystem.upstreams(sources.environment).unwrap_or_default());
        Self {
            ecosystem,
            sources,
            from,
            bases,
        }
    }
}

impl Upstream for Kept<'_> {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        for path in self.ecosystem.kept_documents(&request.url, self.sources.environment) {
            let named = self
                .from
                .iter()
                .filter_map(|folder| Some(folder.join(path.file_name()?)));
            let found = std::iter::once(path.clone())
                .chain(named)
                .find_map(|path| read(&path, request.max_bytes));
            if let Some(bytes) = found {
                return Ok(Some(Fetched {
                    url: request.url.clone(),
                    media_type: String::new(),
                    bytes,
                }));
            }
        }
        Ok(None)
    }

    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase> {
        let own = self.bases.iter().filter(|base| base.ecosystem == ecosystem);
        own.cloned().collect()
    }
}

/// A plain file of no more than so many bytes.
pub(super) fn read(path: &Path, max_bytes: u64) -> Option<Vec<u8>> {
    // Looked at before it is opened: opening a pipe would hang.
    let metadata = std::fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > max_bytes {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(max_bytes).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_file_of_bounded_size_is_a_kept_document() {
        let folder = tempfile::tempdir().unwrap();
        let (file, pipe) = (folder.path().join("file"), folder.path().join("pipe"));
        std::fs::write(&file, "four").unwrap();
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|status| status.success()));
        assert_eq!(read(&file, 4).as_deref(), Some(&b"four"[..]));
        assert_eq!(read(&file, 3), None);
        for path in [folder.path(), Path::new("/dev/zero"), &pipe] {
            assert_eq!(read(path, 4), None, "{}", path.display());
        }
        // A plain file of the kernel's, of whose first page nothing is there.
        assert_eq!(read(Path::new("/proc/self/mem"), 4), None);
    }
}
