//! Buffers between the reader and the workers: their number bounds the memory.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// One buffer, in bytes: large enough that a read is not dominated by its call, small enough for a core's cache.
pub(super) const BUFFER_BYTES: usize = 1 << 20;

/// How many buffers there are at most: 64 MiB in all, so that two large segments can be hashed side by side.
const BUFFERS: usize = 64;

/// Buffers that go round: a reader that is ahead waits for one to come back. The one that came back last goes out first: it is
/// still in a core's cache, and what is never needed is never made.
pub(super) struct Pool(Arc<Shelf>);

struct Shelf {
    state: Mutex<State>,
    returned: Condvar,
}

#[derive(Default)]
struct State {
    free: Vec<Vec<u8>>,
    made: usize,
}

/// A buffer on loan.
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    home: Arc<Shelf>,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shelf {
            state: Mutex::default(),
            returned: Condvar::new(),
        }))
    }

    pub(super) fn take(&self) -> Buffer {
        let state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let all_out = |state: &mut State| state.free.is_empty() && state.made == BUFFERS;
        let mut state = self
            .0
            .returned
            .wait_while(state, all_out)
            .unwrap_or_else(PoisonError::into_inner);
        let bytes = state.free.pop().unwrap_or_else(|| {
            state.made += 1;
            vec![0; BUFFER_BYTES]
        });
        Buffer {
            bytes,
            home: Arc::clone(&self.0),
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut state = self.home.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.free.push(std::mem::take(&mut self.bytes));
        self.home.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn the_last_one_back_goes_out_first_and_no_more_are_made_than_allowed() {
        let pool = Pool::new();
        let (one, other) = (pool.take(), pool.take());
        let place = one.bytes.as_ptr();
        drop(other);
        drop(one);
        assert_eq!(pool.take().bytes.as_ptr(), place);
        assert_eq!(pool.0.state.lock().unwrap().made, 2);
        let mut all: Vec<Buffer> = (0..BUFFERS).map(|_| pool.take()).collect();
        assert_eq!(pool.0.state.lock().unwrap().made, BUFFERS);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.take().bytes.len());
            let freed = all.pop();
            assert!(!waiting.is_finished());
            drop(freed);
            assert_eq!(waiting.join().unwrap(), BUFFER_BYTES);
        });
        assert_eq!(pool.0.state.lock().unwrap().made, BUFFERS);
    }
}
