//! Small files that people name on the command line: read whole, written whole or not at all.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::model::{Stop, Unable};

/// What to do where a file stands already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Leave it alone and stop.
    Keep,
    /// Put the new one in its place.
    Replace,
}

/// Reads a file of bounded size.
pub(crate) fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, Stop> {
    let cannot = || Unable::new(format!("cannot read `{}`", path.display()));
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is seen to be longer.
    let limit = u64::try_from(max_bytes).map_or(u64::MAX, |limit| limit.saturating_add(1));
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| cannot().because(error))?;
    if bytes.len() > max_bytes {
        return Err(cannot()
            .hint(format!("such a file has at most {max_bytes} bytes"))
            .into());
    }
    Ok(bytes)
}

/// Reads a text of bounded size.
pub(crate) fn read_text(path: &Path, max_bytes: usize) -> Result<String, Stop> {
    String::from_utf8(read(path, max_bytes)?)
        .map_err(|_| Unable::new(format!("`{}` is not a text", path.display())).into())
}

/// Writes a file whole or not at all: temporary file, sync, rename.
pub(crate) fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), Stop> {
    write_with(path, existing, |file| {
        file.write_all(bytes).map_err(|error| {
            Unable::new(format!("cannot write `{}`", path.display()))
                .because(error)
                .into()
        })
    })
}

/// The same of a file that is written piece by piece.
pub(crate) fn write_with<T>(
    path: &Path,
    existing: Existing,
    write: impl FnOnce(&mut File) -> Result<T, Stop>,
) -> Result<T, Stop> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let cannot = || Unable::new(format!("cannot write `{}`", path.display()));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(|error| cannot().because(error))?;
    let written = write(file.as_file_mut())?;
    file.as_file().sync_all().map_err(|error| cannot().because(error))?;
    let kept = match existing {
        Existing::Keep => file.persist_noclobber(path),
        Existing::Replace => file.persist(path),
    };
    kept.map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => cannot().hint("it exists already; name another, or move it away"),
        _ => cannot().because(error.error),
    })?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| cannot().because(error))?;
    Ok(written)
}
