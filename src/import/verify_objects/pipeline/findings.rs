//! What the workers found wrong, collected over all threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::model::{Refusal, Stop};

/// How many refusals are collected before the rest of a volume is left unread.
const MAX_REFUSALS: usize = 20;

/// What workers found wrong.
#[derive(Default)]
pub(super) struct Findings {
    refusals: Mutex<Vec<Refusal>>,
    unable: Mutex<Option<Stop>>,
    stop: AtomicBool,
}

impl Findings {
    pub(super) fn add(&self, stop: Stop) {
        match stop {
            Stop::Refused(new) => {
                let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
                refusals.extend(new);
                if refusals.len() >= MAX_REFUSALS {
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
            unable => {
                self.unable
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get_or_insert(unable);
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn full(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(super) fn into_result(self) -> Result<(), Stop> {
        if let Some(unable) = self.unable.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(unable);
        }
        let mut refusals = self.refusals.into_inner().unwrap_or_else(PoisonError::into_inner);
        if refusals.is_empty() {
            return Ok(());
        }
        refusals.sort_by(|left, right| (left.code.family(), &left.subject).cmp(&(right.code.family(), &right.subject)));
        refusals.truncate(MAX_REFUSALS);
        Err(Stop::Refused(refusals))
    }
}
