//! The statements: each there, signed, and the one that was taken; no others; and what a tombstone names removed.

use super::{Audited, Auditing, Found, Part, Tell};
use crate::enclave::StatementFiles;
use crate::ledger::Ledger;
use crate::model::{Code, Difference, Stop};
use crate::policy::RecordClass;
use crate::statement::{self, Body, StatementError, Statements};
use crate::trust::Kind;

/// Compares the statements, and gives those that count.
pub(super) fn compare(
    auditing: &Auditing<'_>,
    ledger: &Ledger,
    audited: &mut Audited,
    tell: Tell<'_>,
) -> Result<Statements, Stop> {
    let files = StatementFiles::of(auditing.folder);
    let statements = statement::of_enclave(auditing.folder, ledger, auditing.roots(), auditing.revocations())?;
    for (record, error) in statements.refused() {
        let path = files.path(record.number, &record.what);
        let refusal = error.refusal("");
        let difference = match error {
            StatementError::Missing => Difference::missing(path, "a statement of which the log tells"),
            _ => Difference::other(path, refusal.reason),
        };
        tell(Found::new(Part::Statements, refusal.code, difference))?;
    }
    let known = ledger.statements()?;
    for name in files.names()? {
        let path = files.folder().join(&name);
        let is_known = known.iter().any(|record| {
            path == files.path(record.number, &record.what)
                || (record.what == Kind::Renewal.name() && path == files.list(record.number, &record.what))
        });
        if is_known {
            continue;
        }
        let difference = if StatementFiles::is_leftover(&name, &known) {
            Difference::leftover(path, "a statement that the next run shows or removes")
        } else {
            Difference::extra(path, "the log tells of no such statement")
        };
        tell(Found::new(Part::Statements, Code::EnclaveDiffers, difference))?;
    }
    let mut renewed = None;
    for stated in statements.counting() {
        audited.statements += 1;
        match &stated.body {
            Body::Tombstone(tombstone) => {
                for entry in &tombstone.entries {
                    let path = auditing.folder.join(&entry.path);
                    let is_object = matches!(entry.class, RecordClass::Artifact | RecordClass::Proof);
                    // An object may have come again since; one that has not is told with the store.
                    if !is_object && path.exists() {
                        let difference = Difference::leftover(path, "it was pruned: `sealift prune` removes it");
                        tell(Found::new(Part::Statements, Code::EnclaveDiffers, difference))?;
                    }
                }
            }
            Body::Renewal(renewal) => {
                if renewal.previous != renewed {
                    let path = files.path(stated.record.number, &stated.record.what);
                    let difference = Difference::other(path, "it does not follow the renewal before");
                    tell(Found::new(Part::Statements, Code::StateRolledBack, difference))?;
                }
                renewed = Some(stated.record.digest);
                let path = files.list(stated.record.number, &stated.record.what);
                if let Err(stop) = statement::check_list(&path, &renewal.list) {
                    let Stop::Refused(refusals) = stop else {
                        return Err(stop);
                    };
                    for refusal in refusals {
                        let difference = Difference::other(&path, refusal.reason);
                        tell(Found::new(Part::Statements, refusal.code, difference))?;
                    }
                }
            }
            Body::Hold(_) | Body::Release(_) | Body::Loss(_) => {}
        }
    }
    Ok(statements)
}
