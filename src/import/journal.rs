//! The file in which an import keeps what it tells the ledger: beside its report, compressed.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::ledger::Sink;
use crate::model::{Stop, Unable};

/// The fastest level of zstd: the lines are alike, and nobody waits for the import's own record.
const LEVEL: i32 = 1;

/// A journal on its way into its file, which appears whole or not at all.
struct JournalFile {
    encoder: zstd::stream::write::Encoder<'static, BufWriter<NamedTempFile>>,
    path: PathBuf,
}

/// Begins a journal that will lie at a path. What an earlier run left there, which did not commit, is replaced.
pub(super) fn begin(path: &Path) -> Result<Box<dyn Sink>, Stop> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error| Stop::from(Unable::new(format!("cannot write `{}`", path.display())).because(error));
    let file = fs::create_dir_all(folder)
        .and_then(|()| {
            tempfile::Builder::new()
                .prefix(crate::report::ASIDE)
                .permissions(fs::Permissions::from_mode(0o644))
                .tempfile_in(folder)
        })
        .map_err(failed)?;
    let encoder = zstd::stream::write::Encoder::new(BufWriter::new(file), LEVEL).map_err(failed)?;
    Ok(Box::new(JournalFile {
        encoder,
        path: path.to_owned(),
    }))
}

impl Write for JournalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

impl Sink for JournalFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        let Self { encoder, path } = *self;
        let file = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}
