//! state.db made again from the log and the reports (`bundle-spec/log.md` §7).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::history::History;
use super::{Auditing, journal};
use crate::crypto::merkle::Frontier;
use crate::enclave;
use crate::import::record;
use crate::ledger::{Ledger, LedgerError};
use crate::log::{self, Checkpoint, Entries, Leaf};
use crate::model::{Code, Digest, LogState, Refusal, Stop, Unable};
use crate::report::{self, Head, Outcome};
use crate::repository;
use crate::trust::Standing;

/// What was made again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Reports that were read.
    pub reports: u64,
    /// Imports that were told again.
    pub imports: u64,
    /// Leaves of the log that count.
    pub leaves: u64,
    /// The newest generation; 0 where there is none.
    pub generation: u64,
    /// Whether judgements had been put in the place of those of the imports, which are not made again.
    pub has_recheck: bool,
}

struct Known {
    head: Head,
    digest: Digest,
    path: PathBuf,
    after: Checkpoint,
}

/// Makes a new state.db at a path where there is none. The reports and the log are verified before anything is believed; the reports that were kept
/// elsewhere must speak of the same log.
///
/// `last` is the digest of the last report, where that is known: also if it is not shown yet.
pub fn rebuild(
    auditing: &Auditing<'_>,
    standing: &[Standing],
    last: Option<Digest>,
    path: &Path,
) -> Result<Rebuilt, Stop> {
    let known = reports(auditing, last)?;
    let folder = enclave::log_folder(auditing.folder);
    let mut rebuilt = Rebuilt {
        reports: known.len() as u64,
        ..Rebuilt::default()
    };
    let mut ledger = Ledger::create(path)?;
    if let Some(last) = known.values().next_back() {
        let size = end(auditing.folder, &folder, last.after.head.size)?;
        let mut spoken = outside(auditing)?;
        spoken.extend(known.values().map(|known| (known.after.clone(), known.path.clone())));
        let (tree, history) = tell(&mut ledger, &folder, size, &known, &spoken, &mut rebuilt)?;
        rebuilt.has_recheck = history.has_recheck();
        rebuilt.leaves = size;
        ledger.note_log(&LogState {
            size,
            root: tree.head().root,
            checkpoint: last.after.text().to_owned(),
            report: last.head.number,
            report_digest: Some(last.digest),
        })?;
    } else if let Some(text) = log::checkpoint_text(&folder)? {
        let checkpoint = Checkpoint::read(&text)?;
        return Err(missing(format!(
            "the log has {} leaves that are signed, and no report is there",
            checkpoint.head.size
        )));
    }
    for standing in standing {
        ledger.note_standing(&standing.kind.to_string(), standing.version, &standing.digest)?;
    }
    forget_paths(auditing.folder, &ledger)?;
    rebuilt.generation = ledger.generation()?.map_or(0, |generation| generation.number);
    ledger.close()?;
    Ok(rebuilt)
}

fn missing(reason: impl Into<String>) -> Stop {
    Refusal::new(Code::StateRolledBack, "the enclave's records", reason)
        .hint("restore the folders `log` and `reports` from the enclave's own backup")
        .into()
}

/// All reports, each whole and in its order. One that is written and not shown yet is among them if it is the last that state.db knows, or if clients
/// see what it published.
fn reports(auditing: &Auditing<'_>, last: Option<Digest>) -> Result<BTreeMap<u64, Known>, Stop> {
    let mut known = BTreeMap::new();
    let mut before = None;
    let folder = record::folder(auditing.folder);
    for listed in folder.list()? {
        let report = verified(auditing, &listed.path, listed.number, before.as_ref())?;
        before = Some((report.head.number, report.digest));
        known.insert(report.head.number, report);
    }
    for (path, digest) in folder.pending()? {
        let number = before.map_or(1, |(number, _)| number + 1);
        let Ok(report) = verified(auditing, &path, number, before.as_ref()) else {
            continue;
        };
        let is_shown = report.head.published.as_ref().is_some_and(|published| {
            repository::shown(auditing.folder).ok().flatten().is_some_and(|shown| {
                shown.root.digest() == published.repository && shown.number == published.generation
            })
        });
        if last == Some(digest) || is_shown {
            known.insert(number, report);
        }
    }
    Ok(known)
}

/// A report that is whole, and follows the one before.
fn verified(auditing: &Auditing<'_>, path: &Path, number: u64, before: Option<&(u64, Digest)>) -> Result<Known, Stop> {
    let stop = |error: report::ReportError| error.stop(format!("report {}", path.display()));
    let report = report::verify(path, auditing.roots, auditing.revocations, |_| {
        Ok::<_, report::ReportError>(())
    })
    .map_err(stop)?;
    report::check_order(&report.head, number, before).map_err(stop)?;
    let after = report.log.map(|log| log.after).ok_or_else(|| {
        Unable::new(format!(
            "report {number} was written before there was a log, so state.db cannot be made again from it"
        ))
    })?;
    Ok(Known {
        head: report.head,
        digest: report.digest,
        path: path.to_owned(),
        after,
    })
}

/// The heads of which reports speak that were kept elsewhere.
fn outside(auditing: &Auditing<'_>) -> Result<Vec<(Checkpoint, PathBuf)>, Stop> {
    let mut spoken = Vec::new();
    for path in auditing.reports {
        let report = report::verify(path, auditing.roots, auditing.revocations, |_| {
            Ok::<_, report::ReportError>(())
        })
        .map_err(|error| error.stop(format!("report {}", path.display())))?;
        spoken.extend(report.log.map(|log| (log.after, path.clone())));
    }
    Ok(spoken)
}

/// How many leaves count: those of the last report, and those after it whose effect the repository shows.
fn end(enclave: &Path, folder: &Path, last: u64) -> Result<u64, Stop> {
    let mut size = last;
    loop {
        let Ok(mut entries) = Entries::of(folder, size + 1, size) else {
            return Ok(size);
        };
        let Ok(Some((_, leaf, _))) = entries.next() else {
            return Ok(size);
        };
        let is_kept = |number: u64| {
            let path = enclave.join("generations").join(number.to_string());
            fs::symlink_metadata(path).is_ok()
        };
        let counts = match &leaf {
            Leaf::Rollback { generation, .. } => is_kept(*generation),
            Leaf::Sweep { generations, .. } => !generations.iter().any(|number| is_kept(*number)),
            Leaf::Recheck { .. } => true,
            Leaf::Artifact { .. } | Leaf::Attempt { .. } => false,
        };
        if !counts {
            return Ok(size);
        }
        size += 1;
    }
}

/// Reads the leaves in order, compares the tree with all that speak of it, and tells the ledger what they tell.
fn tell(
    ledger: &mut Ledger,
    folder: &Path,
    size: u64,
    known: &BTreeMap<u64, Known>,
    spoken: &[(Checkpoint, PathBuf)],
    rebuilt: &mut Rebuilt,
) -> Result<(Frontier, History), Stop> {
    let mut tree = Frontier::default();
    let mut history = History::default();
    let mut wanted: BTreeMap<u64, Vec<&(Checkpoint, PathBuf)>> = BTreeMap::new();
    for head in spoken {
        if head.0.head.size > size {
            return Err(missing(format!(
                "the log has {size} leaves, and {} speaks of {}",
                head.1.display(),
                head.0.head.size
            )));
        }
        wanted.entry(head.0.head.size).or_default().push(head);
    }
    let mut entries = Entries::of(folder, size, 0)?;
    let mut told = Vec::new();
    while let Some((_, leaf, hash)) = entries.next()? {
        tree.push(hash);
        for (checkpoint, path) in wanted.get(&tree.size()).into_iter().flatten() {
            if checkpoint.head != tree.head() {
                return Err(Refusal::new(
                    Code::LogInconsistent,
                    path.display().to_string(),
                    format!("the log's first {} leaves give another root", tree.size()),
                )
                .comparing(checkpoint.head.root, tree.head().root)
                .into());
            }
        }
        history.take(&leaf);
        if !matches!(leaf, Leaf::Artifact { .. }) {
            told.push(leaf);
        }
    }
    // Only now is every leaf known to be one of the log's.
    for leaf in told {
        match leaf {
            Leaf::Attempt { report, .. } => {
                let known = known
                    .get(&report)
                    .ok_or_else(|| missing(format!("report {report}, whose leaves are in the log, is not there")))?;
                if known.head.outcome == Outcome::Imported {
                    import(ledger, known)?;
                    rebuilt.imports += 1;
                }
            }
            Leaf::Rollback { reason, time, to, .. } => {
                ledger.rollback(to, &reason, time, None)?;
            }
            Leaf::Sweep { generations, .. } => ledger.forget_generations(&generations, None)?,
            Leaf::Artifact { .. } | Leaf::Recheck { .. } => {}
        }
    }
    Ok((tree, history))
}

/// Tells an import again.
fn import(ledger: &mut Ledger, known: &Known) -> Result<(), Stop> {
    let head = &known.head;
    let (Some(records), Some(published)) = (&head.journal, &head.published) else {
        return Err(Unable::new(format!(
            "report {} does not say what state.db took in: an earlier version wrote it",
            head.number
        ))
        .into());
    };
    let folder = known.path.parent().unwrap_or(Path::new("."));
    let path = report::Folder::new(folder).journal(head);
    // Read twice: what is told is verified before.
    let mut first = None;
    journal::read(&path, records, &mut |line| {
        first.get_or_insert_with(|| line.to_vec());
        Ok(())
    })?;
    let mut replay = ledger.replay(&first.unwrap_or_default())?;
    let mut is_first = true;
    journal::read(&path, records, &mut |line| {
        if !std::mem::replace(&mut is_first, false) {
            replay.line(line)?;
        }
        Ok(())
    })?;
    let import = replay.into_import();
    if import.generation() != published.generation {
        return Err(missing(format!(
            "report {} tells of generation {}, and the ones before give {}",
            head.number,
            published.generation,
            import.generation()
        )));
    }
    import.commit(published.repository, None)?;
    Ok(())
}

/// Forgets the paths that sweeps have removed.
fn forget_paths(enclave: &Path, ledger: &Ledger) -> Result<(), Stop> {
    let facade = enclave::facade(enclave);
    let mut gone = Vec::new();
    ledger.for_each_path(|path| {
        if fs::symlink_metadata(facade.join(path)).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            gone.push(path.to_owned());
        }
        Ok::<_, LedgerError>(())
    })?;
    Ok(ledger.forget_paths(&gone)?)
}
