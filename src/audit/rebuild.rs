//! state.db made again from the log and the reports (`bundle-spec/log.md` §7).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::history::History;
use super::stated::{Met, wrong_countersignatures};
use super::{Auditing, journal};
use crate::crypto::dsse::Envelope;
use crate::crypto::merkle::Frontier;
use crate::enclave::{self, StatementFiles};
use crate::import::record;
use crate::ledger::{Ledger, LedgerError, StatementRecord};
use crate::log::{self, Checkpoint, Entries, Leaf, LogLines};
use crate::model::{Code, Digest, LogState, Refusal, Stop, Unable};
use crate::report::{self, Head, Listed, Outcome, Records, Report, ReportError};
use crate::repository;
use crate::statement::{Absent, Parties, Place, Renewals, Statements};
use crate::trust::Kind;

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
    /// What the enclave trusts at an older version than a report tells of, in words.
    pub rolled_back: Vec<String>,
}

/// A report as far as state.db is made from it.
struct Known {
    digest: Digest,
    outcome: Outcome,
    journal: Option<(PathBuf, Records)>,
    generation: Option<(u64, Digest)>,
}

/// The number and digest of the last report.
type Last = (u64, Digest);

/// A report that lies in the folder.
struct Lying {
    head: Head,
    digest: Digest,
    path: PathBuf,
    after: Checkpoint,
    parties: Parties,
    /// Whether its key has been revoked from some time on, so that a renewal has to keep it.
    is_revoked: bool,
}

/// Makes a new state.db at a path where there is none. The reports and the log are verified before anything is believed; the reports that were kept
/// elsewhere must speak of the same log.
///
/// `last` is the digest of the last report, where that is known: also if it is not shown yet.
pub fn rebuild(auditing: &Auditing<'_>, last: Option<Digest>, path: &Path) -> Result<Rebuilt, Stop> {
    let lying = lying(auditing, last)?;
    let folder = enclave::log_folder(auditing.folder);
    let shown = checkpoint(auditing, &folder)?;
    let mut rebuilt = Rebuilt {
        reports: lying.len() as u64,
        ..Rebuilt::default()
    };
    let mut ledger = Ledger::create(path)?;
    let newest = lying.values().next_back().map(|report| report.after.clone());
    let newest = newest.into_iter().chain(shown.clone()).max_by_key(|one| one.head.size);
    if let (Some(newest), false) = (&newest, lying.is_empty()) {
        let size = end(auditing.folder, &folder, newest.head.size)?;
        let statements = statements(auditing, &folder, size)?;
        let absent = Absent::of(&statements);
        let renewals = renewals(auditing, &lying, &statements)?;
        let (known, last) = in_order(auditing, &lying, &absent)?;
        let met = known.iter().map(|(number, known)| {
            let parties = lying.get(number).map(|report| report.parties.clone());
            let digest = Some(known.digest);
            (*number, Met { digest, parties })
        });
        if let Some((stated, error)) = wrong_countersignatures(&statements, &met.collect()).next() {
            return Err(error.refusal(stated.subject()).into());
        }
        let mut spoken = outside(auditing, &renewals)?;
        spoken.extend(lying.values().map(|report| (report.after.clone(), report.path.clone())));
        spoken.extend(shown.map(|shown| (shown, folder.join("checkpoint"))));
        let telling = Telling {
            folder: &folder,
            size,
            known: &known,
            statements: &statements,
            enclave: auditing.folder,
        };
        let (tree, history) = tell(&mut ledger, &telling, &spoken, &mut rebuilt)?;
        rebuilt.has_recheck = history.has_recheck();
        rebuilt.leaves = size;
        ledger.note_log(&LogState {
            size,
            root: tree.head().root,
            checkpoint: newest.text().to_owned(),
            report: last.0,
            report_digest: Some(last.1),
        })?;
    } else if let Some(text) = log::checkpoint_text(&folder)? {
        let checkpoint = Checkpoint::read(&text)?;
        return Err(missing(format!(
            "the log has {} leaves that are signed, and no report is there",
            checkpoint.head.size
        )));
    } else if let Some((spoken, path)) = outside(auditing, &Renewals::default())?.pop() {
        return Err(missing(format!(
            "{} speaks of {} leaves, and no report is there",
            path.display(),
            spoken.head.size
        )));
    }
    for report in lying.values() {
        note_standing(&ledger, &report.head)?;
    }
    rebuilt.rolled_back = auditing.site.rolled_back(auditing.trust, &ledger)?;
    auditing.site.remember(auditing.trust, &ledger)?;
    enclave::forget_gone(&ledger, &enclave::facade(auditing.folder))?;
    rebuilt.generation = ledger.generation()?.map_or(0, |generation| generation.number);
    ledger.close()?;
    Ok(rebuilt)
}

fn missing(reason: impl Into<String>) -> Stop {
    Refusal::new(Code::StateRolledBack, "the enclave's records", reason)
        .hint("restore the folders `log`, `reports`, `rechecks` and `statements` from the enclave's own backup")
        .into()
}

/// The checkpoint in the log's folder, without the lines of witnesses, if it is signed as it should be.
fn checkpoint(auditing: &Auditing<'_>, folder: &Path) -> Result<Option<Checkpoint>, Stop> {
    let Some(text) = log::checkpoint_text(folder)? else {
        return Ok(None);
    };
    let Some(root) = auditing.roots().last() else {
        return Ok(None);
    };
    let origin = log::origin(&root.document().enclave);
    let read = Checkpoint::read(&text).ok();
    Ok(read
        .filter(|read| read.verify(&origin, auditing.roots(), auditing.revocations()).is_ok())
        .map(Checkpoint::without_witnesses))
}

/// The statements of which the first leaves of the log tell.
fn statements(auditing: &Auditing<'_>, folder: &Path, size: u64) -> Result<Statements, Stop> {
    let mut records = Vec::new();
    let mut entries = Entries::of(folder, size, 0)?;
    while let Some((_, leaf, _)) = entries.next()? {
        records.extend(super::history::statement(&leaf));
    }
    let statements = Statements::load(auditing.folder, records, auditing.roots(), auditing.revocations())?;
    statements.check()?;
    Ok(statements)
}

/// The renewals, where something may need them: each report whose key is revoked since must be kept by one, as an audit judges it too.
fn renewals<'s>(
    auditing: &Auditing<'_>,
    lying: &BTreeMap<u64, Lying>,
    statements: &'s Statements,
) -> Result<Renewals<'s>, Stop> {
    if auditing.reports.is_empty() && !lying.values().any(|report| report.is_revoked) {
        return Ok(Renewals::default());
    }
    let renewals = Renewals::of(auditing.folder, statements)?;
    for report in lying.values().filter(|report| report.is_revoked) {
        by_renewals(auditing, &renewals, &report.path)?;
    }
    Ok(renewals)
}

/// A report that is whole, and whose key is good or was when a renewal took it.
fn by_renewals(auditing: &Auditing<'_>, renewals: &Renewals<'_>, path: &Path) -> Result<Report, Stop> {
    renewals
        .verify(path, auditing.roots(), auditing.revocations(), &mut |_| {})?
        .map_err(|error| error.stop(format!("report {}", path.display())))
}

/// All reports that lie there, each whole. One that is written and not shown yet is among them if it is the last that state.db knows, or if clients
/// see what it published.
fn lying(auditing: &Auditing<'_>, last: Option<Digest>) -> Result<BTreeMap<u64, Lying>, Stop> {
    let mut lying = BTreeMap::new();
    let folder = record::folder(auditing.folder);
    for listed in folder.list()? {
        let report = verified(auditing, &listed.path)?;
        let number = listed.number;
        if report.head.number != number || lying.insert(number, report).is_some() {
            return Err(missing(format!(
                "report {number} lies there under another number, or twice"
            )));
        }
    }
    for (path, digest) in folder.pending()? {
        let Ok(report) = verified(auditing, &path) else {
            continue;
        };
        let is_shown = report.head.published.as_ref().is_some_and(|published| {
            repository::shown(auditing.folder).ok().flatten().is_some_and(|shown| {
                shown.root.digest() == published.repository && shown.number == published.generation
            })
        });
        if last == Some(digest) || is_shown {
            lying.insert(report.head.number, report);
        }
    }
    Ok(lying)
}

/// What counted when a report was written counts no less now.
fn note_standing(ledger: &Ledger, head: &Head) -> Result<(), LedgerError> {
    let trust = &head.trust;
    let documents = [
        (Kind::TrustData, &trust.trust_data),
        (Kind::Revocations, &trust.revocations),
    ];
    let documents = documents
        .into_iter()
        .filter_map(|(kind, standing)| standing.as_ref().map(|one| (kind, one.version, one.digest)));
    let policy = head.policy.iter().filter(|policy| !policy.signed_by.is_empty());
    let policy = policy.map(|policy| (Kind::Policy, policy.version, policy.digest));
    let roots = trust.new_roots.iter().chain([&trust.root]);
    let roots = roots.map(|root| (Kind::Root, root.version, root.digest));
    for (kind, version, digest) in documents.chain(policy).chain(roots) {
        ledger.note_standing(&kind.to_string(), version, &digest)?;
    }
    Ok(())
}

/// The reports that lie there and those that are gone, each of which follows the one before. Gives the last one's number and digest too.
fn in_order(
    auditing: &Auditing<'_>,
    lying: &BTreeMap<u64, Lying>,
    absent: &Absent,
) -> Result<(BTreeMap<u64, Known>, Last), Stop> {
    let folder = record::folder(auditing.folder);
    let listed = lying.iter().map(|(number, report)| Listed {
        number: *number,
        path: report.path.clone(),
    });
    let mut known = BTreeMap::new();
    let mut before: Option<(u64, Digest)> = None;
    for place in absent.among(listed.collect()) {
        let (number, report) = match place {
            Place::Lies(listed) => {
                let report = &lying[&listed.number];
                report::check_order(&report.head, listed.number, before.as_ref())
                    .map_err(|error| error.stop(format!("report {}", report.path.display())))?;
                let published = report.head.published.as_ref();
                let known = Known {
                    digest: report.digest,
                    outcome: report.head.outcome,
                    journal: report.head.journal.map(|lines| (folder.journal(&report.head), lines)),
                    generation: published.map(|published| (published.generation, published.repository)),
                };
                (listed.number, known)
            }
            Place::Gone(gone) => {
                let report = &gone.report;
                gone.check_order(before.as_ref())
                    .map_err(|error| error.stop(format!("report {}", report.number)))?;
                let known = Known {
                    digest: report.digest,
                    outcome: report.outcome,
                    journal: report.journal.map(|lines| (folder.journal_of(&report.file), lines)),
                    generation: report.generation.zip(report.repository),
                };
                (report.number, known)
            }
        };
        before = Some((number, report.digest));
        known.insert(number, report);
    }
    let last = before.ok_or_else(|| missing("no report is there"))?;
    Ok((known, last))
}

/// A report that is whole. One whose key is revoked since is taken so far, because only the log, of whose length it speaks, tells of renewals.
fn verified(auditing: &Auditing<'_>, path: &Path) -> Result<Lying, Stop> {
    let verify = |revocations| report::verify(path, auditing.roots(), revocations, |_| Ok::<_, ReportError>(()));
    let (report, is_revoked) = match verify(auditing.revocations()) {
        Err(ReportError::KeyRevoked { since: Some(_), .. }) => (verify(None), true),
        verified => (verified, false),
    };
    let report = report.map_err(|error| error.stop(format!("report {}", path.display())))?;
    let (number, parties) = (report.head.number, Parties::of(&report));
    let after = report.log.map(|log| log.after).ok_or_else(|| {
        Unable::new(format!(
            "report {number} was written before there was a log, so state.db cannot be made again from it"
        ))
    })?;
    Ok(Lying {
        head: report.head,
        digest: report.digest,
        path: path.to_owned(),
        after,
        parties,
        is_revoked,
    })
}

/// The heads of which reports speak that were kept elsewhere.
fn outside(auditing: &Auditing<'_>, renewals: &Renewals<'_>) -> Result<Vec<(Checkpoint, PathBuf)>, Stop> {
    let mut spoken = Vec::new();
    for path in auditing.reports {
        let report = by_renewals(auditing, renewals, path)?;
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
            Leaf::Statement { .. } => match super::history::statement(&leaf) {
                Some(record) => is_stated(enclave, &record)?,
                None => false,
            },
            Leaf::Artifact { .. } | Leaf::Attempt { .. } => false,
        };
        if !counts {
            return Ok(size);
        }
        size += 1;
    }
}

/// Whether a statement is there.
fn is_stated(enclave: &Path, record: &StatementRecord) -> Result<bool, Stop> {
    let envelope = StatementFiles::of(enclave).read(record)?;
    let envelope = envelope.and_then(|bytes| Envelope::read(&bytes).ok());
    Ok(envelope.is_some_and(|envelope| Digest::of(&envelope.payload) == record.digest))
}

/// From what state.db is told.
struct Telling<'t> {
    enclave: &'t Path,
    folder: &'t Path,
    size: u64,
    known: &'t BTreeMap<u64, Known>,
    statements: &'t Statements,
}

/// Reads the leaves in order, compares the tree with all that speak of it, and tells the ledger what they tell.
fn tell(
    ledger: &mut Ledger,
    telling: &Telling<'_>,
    spoken: &[(Checkpoint, PathBuf)],
    rebuilt: &mut Rebuilt,
) -> Result<(Frontier, History), Stop> {
    let size = telling.size;
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
    let mut entries = Entries::of(telling.folder, size, 0)?;
    let mut told = Vec::new();
    while let Some((index, leaf, hash)) = entries.next()? {
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
            told.push((index, leaf));
        }
    }
    // Only now is every leaf known to be one of the log's.
    for (index, leaf) in told {
        match leaf {
            Leaf::Attempt { report, .. } => {
                let known = telling
                    .known
                    .get(&report)
                    .ok_or_else(|| missing(format!("report {report}, whose leaves are in the log, is not there")))?;
                if known.outcome == Outcome::Imported {
                    import(ledger, report, known)?;
                    rebuilt.imports += 1;
                }
            }
            Leaf::Rollback { reason, time, to, .. } => {
                ledger.rollback(to, &reason, time, None)?;
            }
            Leaf::Sweep { generations, .. } => ledger.forget_generations(&generations, None)?,
            Leaf::Statement { number, .. } => {
                let stated = telling
                    .statements
                    .counting()
                    .find(|stated| stated.record.number == number);
                match (stated, super::history::statement(&leaf)) {
                    (Some(stated), _) => ledger.note_statement(&stated.record, &stated.pruned_objects(), None)?,
                    // One whose key is revoked since has been taken all the same, and what it removed is gone.
                    (None, Some(record)) => ledger.note_statement(&record, &[], None)?,
                    (None, None) => {}
                }
            }
            Leaf::Recheck { lines: Some(lines), .. } => rejudge(ledger, telling.enclave, index, &lines)?,
            Leaf::Artifact { .. } | Leaf::Recheck { lines: None, .. } => {}
        }
    }
    Ok((tree, history))
}

/// Tells an import again.
fn import(ledger: &mut Ledger, number: u64, known: &Known) -> Result<(), Stop> {
    let (Some((path, records)), Some((generation, repository))) = (&known.journal, known.generation) else {
        return Err(Unable::new(format!(
            "report {number} does not say what state.db took in: an earlier version wrote it, or it is lost with its journal"
        ))
        .into());
    };
    // Read twice: what is told is verified before.
    let mut first = None;
    journal::read(path, records, &mut |line| {
        first.get_or_insert_with(|| line.to_vec());
        Ok(())
    })?;
    let mut replay = ledger.replay(&first.unwrap_or_default())?;
    let mut is_first = true;
    journal::read(path, records, &mut |line| {
        if !std::mem::replace(&mut is_first, false) {
            replay.line(line)?;
        }
        Ok(())
    })?;
    let import = replay.into_import();
    if import.generation() != generation {
        return Err(missing(format!(
            "report {number} tells of generation {generation}, and the ones before give {}",
            import.generation()
        )));
    }
    import.commit(repository, None)?;
    Ok(())
}

/// Tells again what a later judging told.
fn rejudge(ledger: &Ledger, enclave: &Path, leaf: u64, lines: &LogLines) -> Result<(), Stop> {
    let path = enclave::recheck_journal(enclave, leaf);
    let records = super::rejudged(lines);
    // Read twice: what is told is verified before.
    journal::read(&path, &records, &mut |_| Ok(()))?;
    let rejudging = ledger.rejudge(None)?;
    journal::read(&path, &records, &mut |line| Ok(rejudging.line(line)?))?;
    Ok(rejudging.commit(None)?)
}
