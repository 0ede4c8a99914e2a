//! Exit codes: the only place that chooses one.

use std::process::ExitCode;

use crate::model::{Code, Stop};

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done, or nothing to do.
    Done,
    /// 1: refused: the same input would be refused again.
    Refused,
    /// 2: wrong command line.
    Usage,
    /// 3: could not be done in this run.
    Unable,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn number(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unable => 3,
        }
    }

    /// The exit code of a stop.
    pub fn of(stop: &Stop) -> Self {
        match stop {
            Stop::Refused(refusals) if refusals.iter().all(|refusal| refusal.code == Code::AlreadyImported) => {
                Self::Done
            }
            Stop::Refused(_) => Self::Refused,
            Stop::Unable(_) => Self::Unable,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}
