//! A body on its way, watched.

use std::io::Read;
use std::time::Instant;

use super::client::Limits;
use super::error::ClientError;
use super::pace::Pace;

/// A body's transfer: each read is bounded by the agent, the pace and the deadline here.
pub(crate) struct Transfer<'a> {
    url: &'a str,
    began: Instant,
    deadline: Instant,
    pace: Pace,
}

impl<'a> Transfer<'a> {
    pub(crate) const fn new(url: &'a str, began: Instant, deadline: Instant, limits: &Limits) -> Self {
        Self {
            url,
            began,
            deadline,
            pace: Pace::new(limits.window, limits.least_bytes),
        }
    }

    pub(crate) fn read(&mut self, body: &mut dyn Read, buffer: &mut [u8]) -> Result<usize, ClientError> {
        let broken = |reason: String| ClientError::Transport {
            url: self.url.to_owned(),
            reason,
        };
        let count = body.read(buffer).map_err(|error| broken(error.to_string()))?;
        if count > 0 {
            self.pace
                .note(self.began.elapsed(), count)
                .map_err(|error| broken(error.to_string()))?;
            if Instant::now() > self.deadline {
                return Err(broken("it takes longer than allowed".to_owned()));
            }
        }
        Ok(count)
    }
}
