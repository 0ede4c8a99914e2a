//! Which reports are missing, and what the log still says of each.

use std::collections::BTreeSet;

use super::{Auditing, journal};
use crate::crypto::merkle::Frontier;
use crate::enclave;
use crate::import::record;
use crate::ledger::Ledger;
use crate::log::{Entries, Leaf};
use crate::model::{Code, Refusal, Stop, Unable};
use crate::report::Outcome;
use crate::statement::{Absent, AbsentReport};

/// The reports of which the log tells, that do not lie there, and of which no statement says why. The log must be the one that state.db knows.
pub fn lost(auditing: &Auditing<'_>, ledger: &Ledger, absent: &Absent) -> Result<Vec<AbsentReport>, Stop> {
    let state = ledger
        .log()?
        .ok_or_else(|| Unable::new("this enclave has no log, which could say what is missing"))?;
    let folder = record::folder(auditing.folder);
    let mut there: BTreeSet<u64> = folder.list()?.into_iter().map(|listed| listed.number).collect();
    let is_pending = |digest| state.report_digest == Some(digest);
    if folder.pending()?.into_iter().any(|(_, digest)| is_pending(digest)) {
        there.insert(state.report);
    }
    let journals = folder.journals()?;
    let mut tree = Frontier::default();
    let mut missing: Vec<AbsentReport> = Vec::new();
    let mut entries = Entries::of(&enclave::log_folder(auditing.folder), state.size, 0)?;
    // The digest of a report's head stands in the leaf of the next one, and of the last one in state.db.
    let mut open: Option<AbsentReport> = None;
    while let Some((index, leaf, hash)) = entries.next()? {
        tree.push(hash);
        let Leaf::Attempt {
            created,
            generation,
            outcome,
            previous,
            report: number,
            repository,
            ..
        } = leaf
        else {
            continue;
        };
        if let (Some(mut report), Some(digest)) = (open.take(), previous) {
            report.digest = digest;
            missing.push(report);
        }
        if there.contains(&number) || absent.get(number).is_some() {
            continue;
        }
        let beside = journals.iter().find(|(found, _)| *found == number);
        let lines = beside.map(|(_, path)| journal::measure(path)).transpose()?;
        let name = beside.and_then(|(_, path)| path.file_name()?.to_str());
        let name = name.and_then(|name| name.strip_suffix(".journal.ndjson.zst"));
        open = Some(AbsentReport {
            created,
            // Until the next leaf, or the end, tells it.
            digest: state.report_digest.unwrap_or(state.root),
            generation,
            journal: lines,
            file: name.map_or_else(String::new, |name| format!("{name}.report.ndjson")),
            leaf: index,
            number,
            outcome: if outcome == Outcome::Imported.word() {
                Outcome::Imported
            } else {
                Outcome::Refused
            },
            previous,
            repository,
        });
    }
    missing.extend(open);
    if tree.head().root != state.root {
        return Err(Refusal::new(
            Code::LogInconsistent,
            "the log",
            "it is not the one that state.db knows, so it cannot say what is missing",
        )
        .comparing(state.root, tree.head().root)
        .into());
    }
    Ok(missing)
}
