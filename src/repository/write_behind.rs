//! Has the kernel write out what is verified while the steps after it still compute, so that the sync before the commit, which alone
//! makes an import durable, waits for little.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::{Repository, RepositoryError};
use crate::store::sync_file_system;

/// How long the writer waits between two rounds: long enough that writers of small files are not held up by it.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes behind until it is finished or dropped.
#[derive(Debug)]
pub struct WriteBehind {
    folder: PathBuf,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Repository {
    /// Begins to write behind.
    pub fn write_behind(&self) -> WriteBehind {
        let (stop, stopped) = bounded(0);
        let thread = File::open(&self.folder).ok().and_then(|folder| {
            let rounds = move || {
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    sync_file_system(&folder)?;
                }
                Ok(())
            };
            thread::Builder::new()
                .name("write behind".to_owned())
                .spawn(rounds)
                .ok()
        });
        WriteBehind {
            folder: self.folder.clone(),
            stop: Some(stop),
            thread,
        }
    }
}

impl WriteBehind {
    /// Ends it before what was written is made durable. What failed here counts: the kernel tells of a page that it could not
    /// write once, and the sync after this one would hear nothing of it (syncfs(2)).
    pub fn finish(mut self) -> Result<(), RepositoryError> {
        self.end().map_err(RepositoryError::file("sync", &self.folder))
    }

    fn end(&mut self) -> io::Result<()> {
        drop(self.stop.take());
        // Nothing that it does can panic.
        let written = self.thread.take().and_then(|thread| thread.join().ok());
        written.unwrap_or(Ok(()))
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        // Nothing is kept of what was written.
        let _ = self.end();
    }
}
