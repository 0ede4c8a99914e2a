//! Progress on a terminal: bytes or items, rate, and time left. Nothing where standard error is not a terminal.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};

use super::Context;

/// Shows one bar at a time.
pub(crate) struct Bars {
    shown: bool,
    bar: Mutex<ProgressBar>,
}

impl Bars {
    /// Bars, if this run shows any.
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            shown: context.output.shows_progress(),
            bar: Mutex::new(ProgressBar::hidden()),
        }
    }

    /// A bar over bytes.
    pub(crate) fn bytes(&self, phase: &'static str, total: u64) {
        self.start(phase, total, "{prefix:>9} {wide_bar:.cyan/blue} {binary_bytes:>11}/{binary_total_bytes} {binary_bytes_per_sec:>12} {eta:>5}");
    }

    /// A bar over items.
    pub(crate) fn items(&self, phase: &'static str, total: u64) {
        self.start(
            phase,
            total,
            "{prefix:>9} {wide_bar:.cyan/blue} {human_pos:>9}/{human_len} {per_sec:>12} {eta:>5}",
        );
    }

    /// So much more is done.
    pub(crate) fn advance(&self, amount: u64) {
        if self.shown {
            self.lock().inc(amount);
        }
    }

    /// The phase is over.
    pub(crate) fn finish(&self) {
        self.lock().finish_and_clear();
    }

    fn start(&self, phase: &'static str, total: u64, template: &str) {
        let mut bar = self.lock();
        bar.finish_and_clear();
        if !self.shown {
            return;
        }
        *bar = ProgressBar::new(total);
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(phase);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ProgressBar> {
        self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.finish();
    }
}

impl crate::import::verify_objects::Progress for Bars {
    fn begin(&self, phase: &'static str, total: u64) {
        if phase == "verify" {
            self.bytes(phase, total)
        } else {
            self.items(phase, total)
        }
    }

    fn advance(&self, amount: u64) {
        Self::advance(self, amount);
    }

    fn finish(&self) {
        Self::finish(self);
    }
}

#[cfg(feature = "export")]
impl crate::export::pack::Progress for Bars {
    fn begin(&self, total: u64) {
        self.bytes("pack", total);
    }

    fn advance(&self, bytes: u64) {
        Self::advance(self, bytes);
    }

    fn finish(&self) {
        Self::finish(self);
    }
}
