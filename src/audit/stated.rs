//! The statements: each there, signed, and the one that was taken; no others; and what a tombstone names removed.

use std::collections::BTreeMap;

use super::{Audited, Auditing, Found, Part, Tell};
use crate::enclave::StatementFiles;
use crate::ledger::Ledger;
use crate::model::{Code, Difference, Digest, Stop};
use crate::policy::RecordClass;
use crate::statement::{self, Body, Parties, Stated, StatementError, Statements, check_report};
use crate::trust::Kind;

/// What is known of a report of which statements speak.
#[derive(Debug, Clone, Default)]
pub(super) struct Met {
    /// Its digest; none where it cannot be read, which is told with the reports.
    pub(super) digest: Option<Digest>,
    /// Who has a part in it; none where it is gone.
    pub(super) parties: Option<Parties>,
}

impl Met {
    /// One of which the digest alone is known.
    pub(super) const fn of(digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            parties: None,
        }
    }
}

/// Compares what persons said of reports with the reports that are there, and calls back for what does not fit.
pub(super) fn compare_countersignatures(
    statements: &Statements,
    reports: &BTreeMap<u64, Met>,
    wrong: &mut dyn FnMut(&Stated, StatementError) -> Result<(), Stop>,
) -> Result<(), Stop> {
    for (stated, body) in statements.countersignatures() {
        let met = reports.get(&body.report.number);
        if met.is_some_and(|met| met.digest.is_none()) {
            continue;
        }
        let digest = met.and_then(|met| met.digest.as_ref());
        let parties = met.and_then(|met| met.parties.as_ref());
        if let Err(error) = check_report(stated, body, digest, parties) {
            wrong(stated, error)?;
        }
    }
    Ok(())
}

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
        tell(Found::new(Part::Statements, refusal.code, difference));
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
        tell(Found::new(Part::Statements, Code::EnclaveDiffers, difference));
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
                        tell(Found::new(Part::Statements, Code::EnclaveDiffers, difference));
                    }
                }
            }
            Body::Renewal(renewal) => {
                if renewal.previous != renewed {
                    let path = files.path(stated.record.number, &stated.record.what);
                    let difference = Difference::other(path, "it does not follow the renewal before");
                    tell(Found::new(Part::Statements, Code::StateRolledBack, difference));
                }
                renewed = Some(stated.record.digest);
                let path = files.list(stated.record.number, &stated.record.what);
                if let Err(stop) = statement::check_list(&path, &renewal.list) {
                    let Stop::Refused(refusals) = stop else {
                        return Err(stop);
                    };
                    for refusal in refusals {
                        let difference = Difference::other(&path, refusal.reason);
                        tell(Found::new(Part::Statements, refusal.code, difference));
                    }
                }
            }
            Body::Hold(_) | Body::Release(_) | Body::Loss(_) | Body::Countersignature(_) => {}
        }
    }
    Ok(statements)
}
