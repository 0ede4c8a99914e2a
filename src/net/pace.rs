//! The least pace that a transfer must keep: the counter-measure against slow retrieval (threat A5).

use std::time::Duration;

/// Watches bytes against time, window by window. Time is an argument.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    window: Duration,
    least_bytes: u64,
    started: Duration,
    bytes: u64,
}

/// A transfer is slower than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("only {bytes} bytes came within {} seconds", window.as_secs())]
pub(crate) struct TooSlow {
    bytes: u64,
    window: Duration,
}

impl Pace {
    /// At least so many bytes must come within each window.
    pub(crate) const fn new(window: Duration, least_bytes: u64) -> Self {
        Self {
            window,
            least_bytes,
            started: Duration::ZERO,
            bytes: 0,
        }
    }

    /// Takes note of bytes that came; `now` is the time since the transfer began.
    pub(crate) fn note(&mut self, now: Duration, bytes: usize) -> Result<(), TooSlow> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if now.saturating_sub(self.started) < self.window {
            return Ok(());
        }
        if self.bytes < self.least_bytes {
            return Err(TooSlow {
                bytes: self.bytes,
                window: self.window,
            });
        }
        self.started = now;
        self.bytes = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_refused_and_a_stream_is_not() {
        let seconds = Duration::from_secs;
        let mut pace = Pace::new(seconds(30), 30_000);
        for second in 1..30 {
            pace.note(seconds(second), 900).unwrap();
        }
        assert!(pace.note(seconds(30), 900).is_err());

        let mut pace = Pace::new(seconds(30), 30_000);
        for second in 1..300 {
            pace.note(seconds(second), 1100).unwrap();
        }
        // A burst before does not pay for silence after.
        pace.note(seconds(300), 10_000_000).unwrap();
        assert!(pace.note(seconds(331), 1).is_err());
    }
}
