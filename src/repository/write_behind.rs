//! Has the kernel write out what is verified while the steps after it still compute, so that the sync before the commit, which alone
//! makes an import durable, waits for little.

use std::fs::File;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::Repository;
use crate::store::sync_file_system;

/// How long the writer waits between two rounds: long enough that writers of small files are not held up by it.
const PAUSE: Duration = Duration::from_millis(100);

/// Writes behind until it is dropped. It promises nothing: what fails here fails again where it counts.
#[derive(Debug)]
pub struct WriteBehind {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Repository {
    /// Begins to write behind.
    pub fn write_behind(&self) -> WriteBehind {
        let (stop, stopped) = bounded(0);
        let thread = File::open(&self.folder).ok().and_then(|folder| {
            let rounds = move || {
                while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                    if sync_file_system(&folder).is_err() {
                        return;
                    }
                }
            };
            thread::Builder::new()
                .name("write behind".to_owned())
                .spawn(rounds)
                .ok()
        });
        WriteBehind {
            stop: Some(stop),
            thread,
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Nothing that it does can panic.
            let _ = thread.join();
        }
    }
}
