//! Which report is the last one, and whether it is the one that the ledger knows.

use std::path::Path;

use crate::enclave;
use crate::ledger::LedgerError;
use crate::model::{Digest, LogState, Stop};
use crate::report::{Folder, LostReport, Previous, ReportError};

/// Fails unless the last of an enclave's reports is the one that state.db names, or lies there to be shown yet. Nothing is said about a folder
/// that has no state.db.
pub fn check_last_report(enclave: &Path, last: Option<&(u64, Digest)>) -> Result<(), Stop> {
    let ledger = match enclave::read(enclave) {
        Err(LedgerError::Missing { .. }) => return Ok(()),
        other => other?,
    };
    let state = ledger.log()?;
    let last = last.map(|(number, digest)| Previous {
        digest: *digest,
        number: *number,
    });
    let is_pending = match &state {
        Some(state) => folder(enclave)
            .pending()?
            .iter()
            .any(|(_, digest)| state.report_digest == Some(*digest)),
        None => false,
    };
    if !is_pending {
        check_last(state.as_ref(), last.as_ref())?;
    }
    Ok(())
}

/// The number of the next report, and the one before it: the last that lies there, or that is known to be lost.
pub(super) fn next(
    folder: &Folder,
    lost: &[LostReport],
    state: Option<&LogState>,
) -> Result<(u64, Option<Previous>), ReportError> {
    let (number, previous) = folder.next()?;
    let known = state.and_then(|state| Some((state.report, state.report_digest?)));
    if let Some(lost) = lost.iter().find(|lost| known == Some((lost.number, lost.digest)))
        && lost.number >= number
    {
        let previous = Previous {
            digest: lost.digest,
            number: lost.number,
        };
        return Ok((lost.number.saturating_add(1), Some(previous)));
    }
    check_last(state, previous.as_ref())?;
    Ok((number, previous))
}

/// The last report is the one that the ledger knows: otherwise it was removed or exchanged, or the ledger was put back.
fn check_last(state: Option<&LogState>, last: Option<&Previous>) -> Result<(), ReportError> {
    let Some(state) = state else { return Ok(()) };
    let words = |number: u64, digest: Option<&Digest>| match digest {
        Some(digest) => format!("report {number}, {digest}"),
        None => "no report".to_owned(),
    };
    let found = last.map_or((0, None), |last| (last.number, Some(&last.digest)));
    if (state.report, state.report_digest.as_ref()) == found {
        return Ok(());
    }
    Err(ReportError::LastDiffers {
        expected: words(state.report, state.report_digest.as_ref()),
        found: words(found.0, found.1),
    })
}

/// Where an enclave's reports lie.
pub fn folder(enclave: &Path) -> Folder {
    Folder::new(enclave.join("reports"))
}

impl From<ReportError> for Stop {
    fn from(error: ReportError) -> Self {
        error.stop("the report")
    }
}
