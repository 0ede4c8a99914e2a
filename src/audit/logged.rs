//! The log, the reports and what state.db says of both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::history::History;
use super::stated::Met;
use super::{Audited, Auditing, Found, Part, Tell, basis, journal, stated};
use crate::crypto::merkle::Head;
use crate::enclave::{self, StatementFiles};
use crate::import::record;
use crate::ledger::Ledger;
use crate::log::{self, Checkpoint, Cosigned, Leaf, LogError};
use crate::model::{Code, Difference, Digest, LogState, Stop};
use crate::report::{self, Proven, Records, ReportError};
use crate::statement::{Absent, Parties, Place, Renewals};

/// Who has signed the last checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The persons with the role `log`.
    pub persons: Vec<String>,
    /// The others.
    pub witnesses: Vec<Cosigned>,
}

/// What statements say of reports.
struct Known<'k> {
    absent: &'k Absent,
    renewals: &'k Renewals<'k>,
}

/// A head of which somebody speaks.
#[derive(Debug)]
struct Spoken {
    head: Head,
    path: PathBuf,
    part: Part,
}

/// Compares log, reports and what state.db says of them. The history takes every leaf.
pub(super) fn compare(
    auditing: &Auditing<'_>,
    ledger: &Ledger,
    history: &mut History,
    audited: &mut Audited,
    tell: Tell<'_>,
) -> Result<(), Stop> {
    let state = ledger.log()?;
    let folder = enclave::log_folder(auditing.folder);
    let mut spoken = Vec::new();
    let statements = stated::compare(auditing, ledger, audited, tell)?;
    let absent = Absent::of(&statements);
    let renewals = match Renewals::of(auditing.folder, &statements) {
        // What is wrong with them is told already.
        Err(Stop::Refused(_)) => Renewals::default(),
        renewals => renewals?,
    };
    let known = Known {
        absent: &absent,
        renewals: &renewals,
    };
    let numbers = reports(auditing, state.as_ref(), &known, &mut spoken, audited, tell)?;
    let files = StatementFiles::of(auditing.folder);
    for (stated, error) in stated::wrong_countersignatures(&statements, &numbers) {
        let refusal = error.refusal(stated.subject());
        let difference = Difference::other(files.path(stated.record.number, &stated.record.what), refusal.reason);
        tell(Found::new(Part::Statements, refusal.code, difference));
    }
    for path in auditing.reports {
        outside(auditing, &renewals, path, &mut spoken, tell)?;
    }
    checkpoint(auditing, &folder, state.as_ref(), &mut spoken, audited, tell)?;
    let Some(state) = state else {
        for difference in log::compare(&folder, 0, &mut |_, _| {})?.1 {
            tell(Found::new(Part::Log, Code::StateRolledBack, difference));
        }
        spoken.iter().filter_map(|spoken| judge(spoken, None, 0)).for_each(tell);
        return Ok(());
    };
    audited.leaves = Some(state.size);
    spoken.push(Spoken {
        head: Head {
            size: state.size,
            root: state.root,
        },
        path: auditing.folder.join("state.db"),
        part: Part::State,
    });
    let mut wanted: BTreeMap<u64, Option<Digest>> = spoken.iter().map(|spoken| (spoken.head.size, None)).collect();
    let mut attempts = Vec::new();
    let mut rejudged = BTreeMap::new();
    let (tree, differences) = log::compare(&folder, state.size, &mut |tree, leaf| {
        if let Some(root) = wanted.get_mut(&tree.size()) {
            *root = Some(tree.head().root);
        }
        match leaf {
            Leaf::Attempt { report, .. } => attempts.push(*report),
            Leaf::Recheck { lines: Some(lines), .. } => {
                rejudged.insert(tree.size(), super::rejudged(lines));
            }
            _ => {}
        }
        history.take(leaf);
    })?;
    for difference in differences {
        tell(Found::new(Part::Log, Code::LogInconsistent, difference));
    }
    compare_rechecks(auditing, &rejudged, state.size, tell)?;
    if let Some(tree) = tree {
        wanted.insert(state.size, Some(tree.head().root));
    }
    for spoken in spoken {
        let found = wanted.get(&spoken.head.size).copied().flatten();
        if let Some(found) = judge(&spoken, found, state.size) {
            tell(found);
        }
    }
    let folder = record::folder(auditing.folder);
    for number in attempts.into_iter().filter(|number| !numbers.contains_key(number)) {
        let path = folder.path().join(format!("{number:06}"));
        let difference = Difference::missing(path, format!("report {number}, whose leaves are in the log"));
        tell(Found::new(Part::Reports, Code::StateRolledBack, difference));
    }
    Ok(())
}

/// Compares a head that somebody speaks of with the log's own of that size.
fn judge(spoken: &Spoken, found: Option<Digest>, size: u64) -> Option<Found> {
    let told = |code, reason| Some(Found::new(spoken.part, code, Difference::other(&spoken.path, reason)));
    if spoken.head.size > size {
        return told(
            Code::StateRolledBack,
            format!(
                "speaks of {} leaves, and the log has {size}: the log was cut or put back",
                spoken.head.size
            ),
        );
    }
    // Where the entries cannot be read, that is told already.
    let found = found.filter(|found| *found != spoken.head.root)?;
    told(
        Code::LogInconsistent,
        format!(
            "speaks of {} leaves with the root {}, and those of the log give {found}: it is another log",
            spoken.head.size, spoken.head.root
        ),
    )
}

/// The checkpoint in the log's folder.
fn checkpoint(
    auditing: &Auditing<'_>,
    folder: &Path,
    state: Option<&LogState>,
    spoken: &mut Vec<Spoken>,
    audited: &mut Audited,
    tell: Tell<'_>,
) -> Result<(), Stop> {
    let path = folder.join("checkpoint");
    let mut told = |difference: Difference, code: Code| tell(Found::new(Part::Log, code, difference));
    let Some(text) = log::checkpoint_text(folder)? else {
        if state.is_some_and(|state| !state.checkpoint.is_empty()) {
            told(Difference::missing(path, "state.db has it"), Code::LogInconsistent);
        }
        return Ok(());
    };
    let refuse = |error: LogError| match error.stop("the checkpoint") {
        Stop::Refused(refusals) => match refusals.into_iter().next() {
            Some(refusal) => Ok((refusal.code, refusal.reason)),
            None => Ok((Code::LogInconsistent, String::new())),
        },
        unable => Err(unable),
    };
    let read = match Checkpoint::read(&text) {
        Ok(read) => read,
        Err(error) => {
            let (code, reason) = refuse(error)?;
            told(Difference::other(path, reason), code);
            return Ok(());
        }
    };
    let enclave = auditing.roots().last().map(|root| &root.document().enclave);
    let origin = enclave.map(log::origin).unwrap_or_default();
    match read.verify(&origin, auditing.roots(), auditing.revocations()) {
        Ok(persons) => audited.seen.persons = persons,
        // An import without a key signs none, and its report says so.
        Err(LogError::NotSigned) if !read.is_signed() => {}
        Err(error) => {
            let (code, reason) = refuse(error)?;
            told(Difference::other(&path, reason), code);
        }
    }
    audited.seen.witnesses = read.cosigned(auditing.witnesses);
    let known = state
        .and_then(|state| Checkpoint::read(&state.checkpoint).ok())
        .map_or(0, |last| last.head.size);
    if read.head.size < known {
        told(
            Difference::leftover(&path, "state.db has a later one, which the next run puts in its place"),
            Code::LogInconsistent,
        );
    }
    if read.head.size > known {
        let difference = Difference::other(
            auditing.folder.join("state.db"),
            format!(
                "knows {known} leaves that are signed, and the log's checkpoint has {}",
                read.head.size
            ),
        );
        tell(Found::new(Part::State, Code::StateRolledBack, difference));
    }
    spoken.push(Spoken {
        head: read.head,
        path,
        part: Part::Log,
    });
    Ok(())
}

/// The enclave's own reports: each whole, in its order, and the last one the one that state.db names. Gives them by their numbers.
fn reports(
    auditing: &Auditing<'_>,
    state: Option<&LogState>,
    known: &Known<'_>,
    spoken: &mut Vec<Spoken>,
    audited: &mut Audited,
    tell: Tell<'_>,
) -> Result<BTreeMap<u64, Met>, Stop> {
    let folder = record::folder(auditing.folder);
    let mut numbers = BTreeMap::new();
    let mut before = None;
    let mut journals = BTreeMap::new();
    let mut bases = BTreeSet::new();
    for place in known.absent.among(folder.list()?) {
        let listed = match place {
            Place::Lies(listed) => listed,
            Place::Gone(gone) => {
                let report = &gone.report;
                numbers.insert(report.number, Met::of(report.digest));
                audited.gone += 1;
                if let Err(error) = gone.check_order(before.as_ref()) {
                    tell(refused(&folder.path().join(&report.file), error)?);
                }
                journals.extend(report.journal.map(|lines| (folder.journal_of(&report.file), lines)));
                before = Some((report.number, report.digest));
                continue;
            }
        };
        numbers.insert(listed.number, Met::default());
        audited.reports += 1;
        let verified = verify(auditing, known.renewals, &listed.path)?;
        let result = verified.and_then(|(head, digest, proven, parties)| {
            report::check_order(&head, listed.number, before.as_ref())?;
            let met = Met {
                digest: Some(digest),
                parties: Some(parties),
            };
            numbers.insert(listed.number, met);
            let journal = head.journal.map(|lines| (folder.journal(&head), lines));
            let basis = (folder.basis(&head), head.basis);
            Ok((head.number, digest, proven, journal, basis))
        });
        match result {
            Ok((number, digest, proven, journal, basis)) => {
                before = Some((number, digest));
                speak(&listed.path, proven, spoken);
                journals.extend(journal);
                basis::compare(&basis.0, &basis.1, tell)?;
                bases.insert(basis.0);
            }
            Err(error) => {
                tell(refused(&listed.path, error)?);
                before = report::Folder::digest(&listed.path)
                    .ok()
                    .map(|digest| (listed.number, digest));
            }
        }
    }
    compare_journals(&folder, &journals, state, tell)?;
    for (number, path) in folder.bases()?.into_iter().filter(|(_, path)| !bases.contains(path)) {
        // What goes with a report that is gone is told with the tombstone, as far as it is still there.
        if known.absent.get(number).is_some() {
            continue;
        }
        tell(unnamed(number, path, state));
    }
    let pending = folder.pending()?;
    for (path, digest) in &pending {
        let is_last = state.is_some_and(|state| state.report_digest == Some(*digest));
        if is_last {
            numbers.extend(state.map(|state| (state.report, Met::of(*digest))));
            before = state.map(|state| (state.report, *digest));
        }
        let difference = Difference::leftover(path, "a report that the next run shows or removes");
        tell(Found::new(Part::Reports, Code::StateRolledBack, difference));
    }
    if let Some(state) = state {
        let found = before.map_or((0, None), |(number, digest)| (number, Some(digest)));
        if found != (state.report, state.report_digest) {
            let path = folder.path().join(format!("{:06}", state.report));
            let difference = if found.0 < state.report {
                Difference::missing(
                    path,
                    format!("report {}, the last one that state.db knows", state.report),
                )
            } else {
                Difference::other(
                    auditing.folder.join("state.db"),
                    format!(
                        "knows report {} as the last one, and {} lies there",
                        state.report, found.0
                    ),
                )
            };
            tell(Found::new(Part::Reports, Code::StateRolledBack, difference));
        }
    }
    Ok(numbers)
}

/// The journals beside the reports: each the one that its report names, and no others.
fn compare_journals(
    folder: &report::Folder,
    named: &BTreeMap<PathBuf, Records>,
    state: Option<&LogState>,
    tell: Tell<'_>,
) -> Result<(), Stop> {
    for (path, lines) in named {
        compare_journal(path, lines, tell)?;
    }
    for (number, path) in folder.journals()? {
        if named.contains_key(&path) {
            continue;
        }
        tell(unnamed(number, path, state));
    }
    Ok(())
}

/// A journal, which must have the lines that are named.
fn compare_journal(path: &Path, lines: &Records, tell: Tell<'_>) -> Result<(), Stop> {
    let (code, difference) = match journal::read(path, lines, &mut |_| Ok(())) {
        Ok(()) => return Ok(()),
        Err(Stop::Refused(refusals)) => match refusals.into_iter().next() {
            Some(refusal) if !path.exists() => (refusal.code, Difference::missing(path, refusal.reason)),
            Some(refusal) => (refusal.code, Difference::other(path, refusal.reason)),
            None => return Ok(()),
        },
        Err(unable) => return Err(unable),
    };
    tell(Found::new(Part::Reports, code, difference));
    Ok(())
}

/// The journals of judgements that were made again: each the one that its leaf names, and no others.
fn compare_rechecks(
    auditing: &Auditing<'_>,
    named: &BTreeMap<u64, Records>,
    size: u64,
    tell: Tell<'_>,
) -> Result<(), Stop> {
    for (leaf, lines) in named {
        compare_journal(&enclave::recheck_journal(auditing.folder, *leaf), lines, tell)?;
    }
    for (leaf, path) in enclave::recheck_journals(auditing.folder)? {
        let difference = match leaf {
            Some(leaf) if named.contains_key(&leaf) => continue,
            Some(leaf) if leaf < size => Difference::extra(path, "no leaf of the log names it"),
            _ => Difference::leftover(path, "of a judging that did not commit"),
        };
        tell(Found::new(Part::Reports, Code::StateRolledBack, difference));
    }
    Ok(())
}

/// Something beside the reports that none of them names.
fn unnamed(number: u64, path: PathBuf, state: Option<&LogState>) -> Found {
    let is_last = state.is_none_or(|state| number >= state.report);
    let difference = if is_last {
        Difference::leftover(path, "of an import that did not commit")
    } else {
        Difference::extra(path, "no report that can be read names it")
    };
    Found::new(Part::Reports, Code::StateRolledBack, difference)
}

/// A report that was kept elsewhere.
fn outside(
    auditing: &Auditing<'_>,
    renewals: &Renewals<'_>,
    path: &Path,
    spoken: &mut Vec<Spoken>,
    tell: Tell<'_>,
) -> Result<(), Stop> {
    match verify(auditing, renewals, path)? {
        Ok((_, _, proven, _)) => speak(path, proven, spoken),
        Err(error) => tell(refused(path, error)?),
    }
    Ok(())
}

/// A report that verifies to its end: its head, digest, what it proves of the log, and who has a part in it.
type Whole = (report::Head, Digest, Option<Proven>, Parties);

/// Verifies a report to its end.
fn verify(auditing: &Auditing<'_>, renewals: &Renewals<'_>, path: &Path) -> Result<Result<Whole, ReportError>, Stop> {
    let verified = renewals.verify(path, auditing.roots(), auditing.revocations(), &mut |_| {})?;
    Ok(verified.map(|report| {
        let parties = Parties::of(&report);
        (report.head, report.digest, report.log, parties)
    }))
}

fn speak(path: &Path, proven: Option<Proven>, spoken: &mut Vec<Spoken>) {
    for proven in proven.iter() {
        let heads = proven.before.iter().chain(std::iter::once(&proven.after));
        spoken.extend(heads.map(|checkpoint| Spoken {
            head: checkpoint.head,
            path: path.to_owned(),
            part: Part::Reports,
        }));
    }
}

/// What is wrong with a report; one that cannot be read for another reason is no difference.
fn refused(path: &Path, error: ReportError) -> Result<Found, Stop> {
    match error.stop(format!("report {}", path.display())) {
        Stop::Refused(refusals) => {
            let (code, reason) = refusals.into_iter().next().map_or_else(
                || (Code::StateRolledBack, String::new()),
                |refusal| (refusal.code, refusal.reason),
            );
            Ok(Found::new(Part::Reports, code, Difference::other(path, reason)))
        }
        unable => Err(unable),
    }
}
