//! Buffers between the reader and the workers: their number bounds the memory.

use crossbeam_channel::{Receiver, Sender, unbounded};

/// One buffer, in bytes: large enough that a read is not dominated by its call, small enough for a core's cache.
pub(super) const BUFFER_BYTES: usize = 1 << 20;

/// How many buffers there are: 64 MiB in all, so that two large segments can be hashed side by side.
const BUFFERS: usize = 64;

/// Buffers that go round: a reader that is ahead waits for one to come back.
pub(super) struct Pool {
    home: Sender<Vec<u8>>,
    free: Receiver<Vec<u8>>,
}

/// A buffer on loan.
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    home: Sender<Vec<u8>>,
}

impl Pool {
    pub(super) fn new() -> Self {
        let (home, free) = unbounded();
        for _ in 0..BUFFERS {
            // The receiver is held by the pool itself, so this cannot fail.
            let _ = home.send(Vec::new());
        }
        Self { home, free }
    }

    pub(super) fn take(&self) -> Buffer {
        let mut bytes = self.free.recv().unwrap_or_default();
        bytes.resize(BUFFER_BYTES, 0);
        Buffer {
            bytes,
            home: self.home.clone(),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let _ = self.home.send(std::mem::take(&mut self.bytes));
    }
}
