//! The file in which an import keeps what it tells the ledger: beside its report, compressed by a thread of its own, because the steps that tell are
//! those for which everything else waits.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use tempfile::NamedTempFile;

use crate::ledger::Sink;
use crate::model::{Stop, Unable};

/// The fastest level of zstd: the lines are alike.
const LEVEL: i32 = 1;

/// Bytes that go to the thread together: many lines.
const TOGETHER: usize = 256 << 10;

/// Parts that wait for the thread: it is faster than who tells.
const WAITING: usize = 8;

type Encoder = zstd::stream::write::Encoder<'static, BufWriter<NamedTempFile>>;

/// A journal on its way into its file. It is made durable with all else before the import is committed.
struct JournalFile {
    part: Vec<u8>,
    parts: Sender<Vec<u8>>,
    thread: JoinHandle<io::Result<Encoder>>,
    path: PathBuf,
}

/// Begins a journal that will lie at a path. What an earlier run left there, which did not commit, is replaced.
pub(crate) fn begin(path: &Path) -> Result<Box<dyn Sink>, Stop> {
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
    let encoder = Encoder::new(BufWriter::new(file), LEVEL).map_err(failed)?;
    let (parts, received) = bounded(WAITING);
    let thread = thread::Builder::new()
        .name("journal".to_owned())
        .spawn(move || compress(encoder, &received))
        .map_err(failed)?;
    Ok(Box::new(JournalFile {
        part: Vec::with_capacity(TOGETHER),
        parts,
        thread,
        path: path.to_owned(),
    }))
}

fn compress(mut encoder: Encoder, parts: &Receiver<Vec<u8>>) -> io::Result<Encoder> {
    for part in parts {
        encoder.write_all(&part)?;
    }
    Ok(encoder)
}

impl Write for JournalFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.extend(bytes);
        if self.part.len() >= TOGETHER {
            self.send();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send();
        Ok(())
    }
}

impl JournalFile {
    /// Hands what was written to the thread. Whoever listens ends early only by a failure, which `finish` tells.
    fn send(&mut self) {
        let part = std::mem::replace(&mut self.part, Vec::with_capacity(TOGETHER));
        let _ = self.parts.send(part);
    }
}

impl Sink for JournalFile {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.send();
        let Self {
            parts, thread, path, ..
        } = *self;
        drop(parts);
        let encoder = thread.join().map_err(|_| io::Error::other("the thread has ended"))??;
        let file = encoder.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn a_journal_that_cannot_be_written_ends_its_thread() {
        let folder = tempfile::tempdir().unwrap();
        let device = fs::File::options().write(true).open("/dev/full").unwrap();
        let path = tempfile::TempPath::try_from_path(folder.path().join("aside")).unwrap();
        let output = BufWriter::new(NamedTempFile::from_parts(device, path));
        let encoder = Encoder::new(output, LEVEL).unwrap();
        let (parts, received) = bounded(1);
        // More than is compressed at a time.
        let content = (0..40_000_u32).flat_map(|number| Digest::of(&number.to_be_bytes()).as_bytes().to_vec());
        parts.send(content.collect()).unwrap();
        drop(parts);
        assert!(compress(encoder, &received).is_err());
    }
}
