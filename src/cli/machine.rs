//! What a report says of the machine and the program that wrote it.

use std::fs::File;
use std::io::{self, BufReader};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{Scope, ScopedJoinHandle};

use crate::model::Hasher;
use crate::report::{Host, Program, short};

/// The machine, as it calls itself.
pub(super) fn host() -> Host {
    let names = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let system = [names.sysname(), names.release(), names.machine()].map(text).join(" ");
    Host {
        name: short(&text(names.nodename())),
        system: short(&system),
    }
}

/// The program's own file, read by another thread.
pub(super) struct LateProgram<'scope> {
    reading: Mutex<Option<ScopedJoinHandle<'scope, Option<Program>>>>,
    read: OnceLock<Option<Program>>,
}

impl<'scope> LateProgram<'scope> {
    pub(super) fn reading<'env>(scope: &'scope Scope<'scope, 'env>) -> Self {
        Self {
            reading: Mutex::new(Some(scope.spawn(read))),
            read: OnceLock::new(),
        }
    }

    /// Waits until it is read; none where it cannot be.
    pub(super) fn read(&self) -> Option<Program> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reading) = reading {
            let _ = self.read.set(reading.join().ok().flatten());
        }
        self.read.get().copied().flatten()
    }
}

/// What runs, not what lies under its name by now: Linux gives the very file.
fn read() -> Option<Program> {
    let file = File::open("/proc/self/exe").ok()?;
    let mut hasher = Hasher::new();
    let bytes = io::copy(&mut BufReader::with_capacity(128 << 10, file), &mut hasher).ok()?;
    Some(Program {
        bytes,
        digest: hasher.finish(),
    })
}
