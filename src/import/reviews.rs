//! What waits for persons, and what they signed, in the enclave's folder: `reviews/MANIFEST/waiting.ndjson` lists what an import left
//! open, stopped or not, and `reviews/MANIFEST/*.dsse.json` are decisions about it (`bundle-spec/policy.md` §8).
#![expect(clippy::disallowed_methods, reason = "reviews lie in the enclave's folder")]

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::decide::{Waiting, WaitingHeader};
use super::lines::LineReader;
use super::open::cannot_read;
use crate::crypto::dsse::MAX_ENVELOPE_BYTES;
use crate::model::{Digest, Stop};
use crate::trust::review::MAX_REVIEWS;

const REVIEWS: &str = "reviews";
const WAITING: &str = "waiting.ndjson";

/// The longest line of the list: a package URL and some phrases.
const MAX_LINE_BYTES: u64 = 256 << 10;

/// Where the reviews of a bundle lie.
pub fn folder(enclave: &Path, manifest: &Digest) -> PathBuf {
    enclave.join(REVIEWS).join(manifest.hex())
}

/// Where the list of what waits lies.
pub fn waiting_path(enclave: &Path, manifest: &Digest) -> PathBuf {
    folder(enclave, manifest).join(WAITING)
}

/// The bundles of which something waits, by their manifests' digests.
pub fn bundles(enclave: &Path) -> Result<Vec<Digest>, Stop> {
    let folder = enclave.join(REVIEWS);
    let mut found = Vec::new();
    for name in names(&folder)? {
        let manifest = format!("sha256:{name}").parse::<Digest>().ok();
        found.extend(manifest.filter(|manifest| waiting_path(enclave, manifest).is_file()));
    }
    Ok(found)
}

/// The signed decisions about a bundle, as they lie there, at most [`MAX_REVIEWS`] and one more.
pub fn signed(enclave: &Path, manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
    let folder = folder(enclave, manifest);
    let mut found = Vec::new();
    let names = names(&folder)?;
    for name in names
        .iter()
        .filter(|name| name.ends_with(".dsse.json"))
        .take(MAX_REVIEWS + 1)
    {
        let path = folder.join(name);
        let failed = |error| cannot_read(&path, error);
        let mut bytes = Vec::new();
        // One byte more than an envelope may have, so that a longer file is seen to be longer.
        File::open(&path)
            .and_then(|file| file.take(MAX_ENVELOPE_BYTES as u64 + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        found.push(bytes);
    }
    Ok(found)
}

/// Removes what waited, once nothing of the bundle does any more; signed decisions stay.
pub(super) fn clear(enclave: &Path, manifest: &Digest) {
    remove_list(&waiting_path(enclave, manifest));
}

/// Removes a list of what waits.
pub(super) fn remove_list(place: &Path) {
    // What is left over is of no more use, and harms nothing.
    let _ = fs::remove_file(place);
}

/// The list of what waits, read one by one.
pub struct WaitingReader {
    header: WaitingHeader,
    lines: LineReader,
}

impl WaitingReader {
    /// Opens the list of a bundle.
    pub fn open(enclave: &Path, manifest: &Digest) -> Result<Self, Stop> {
        let mut lines = LineReader::bounded(waiting_path(enclave, manifest), MAX_LINE_BYTES)?;
        let header = lines.following()?;
        Ok(Self { header, lines })
    }

    /// About which bundle and policy it is.
    pub const fn header(&self) -> &WaitingHeader {
        &self.header
    }

    /// The next artifact.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<Waiting>, Stop> {
        self.lines.next()
    }
}

/// The names in a folder, sorted; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, Stop> {
    let failed = |error| cannot_read(folder, error);
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.extend(entry.map_err(failed)?.file_name().into_string());
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_persons_signed_is_read_as_signed() {
        let enclave = tempfile::tempdir().unwrap();
        let manifest = Digest::of(b"manifest");
        assert_eq!(signed(enclave.path(), &manifest).unwrap(), [b""; 0]);
        let folder = folder(enclave.path(), &manifest);
        fs::create_dir_all(&folder).unwrap();
        for name in ["ann.dsse.json", ".tmpA1b2C3", WAITING] {
            fs::write(folder.join(name), name).unwrap();
        }
        assert_eq!(signed(enclave.path(), &manifest).unwrap(), [b"ann.dsse.json"]);
    }
}
