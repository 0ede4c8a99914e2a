//! An enclave compared with its own records, byte for byte: the log with the reports and with state.db, the store with its names, the
//! repository with the generations that the log tells of.
//!
//! Nothing is changed. What differs is told file by file, with the code of what it means; what a killed run left is told apart, because the next
//! run clears it away. From the same records state.db is made again.
#![expect(clippy::disallowed_methods, reason = "it reads an enclave's files")]

mod basis;
mod history;
mod journal;
mod logged;
mod lost;
mod rebuild;
mod stated;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::enclave;
use crate::import::site::Site;
use crate::import::verify_objects::Progress;
use crate::ledger::{Ledger, Tables};
use crate::log::{LogLines, Witness};
use crate::model::{Code, Difference, How, Stop, Unable};
use crate::report::Records;
use crate::repository::{Generation, Repository, RootNode};
use crate::store::{Found as Stored, Store};
use crate::trust::folder::TrustFolder;
use crate::trust::{Revocations, TrustedRoot};
use history::History;
pub use logged::Seen;
pub use lost::lost;
pub use rebuild::{Rebuilt, rebuild};

/// What an audit needs.
pub struct Auditing<'a> {
    /// The enclave's folder.
    pub folder: &'a Path,
    /// What the enclave trusts.
    pub trust: &'a TrustFolder,
    /// What stands there.
    pub site: &'a Site,
    /// Reports that were kept elsewhere.
    pub reports: &'a [PathBuf],
    /// Witnesses whose keys are pinned.
    pub witnesses: &'a [Witness],
    /// An empty folder that may be written to, in which state.db is made again.
    pub scratch: &'a Path,
    /// How many threads read the store.
    pub threads: usize,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

impl Auditing<'_> {
    fn roots(&self) -> &[TrustedRoot] {
        self.trust.roots()
    }

    fn revocations(&self) -> Option<&Revocations> {
        self.site.revocations().map(|(_, document)| document)
    }
}

/// A part of an enclave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What the enclave trusts.
    Trust,
    /// The log.
    Log,
    /// The reports, and those that were kept elsewhere.
    Reports,
    /// What was signed about the enclave's own records.
    Statements,
    /// state.db.
    State,
    /// The objects.
    Store,
    /// What clients read.
    Repository,
}

impl Part {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trust => "trust",
            Self::Log => "log",
            Self::Reports => "reports",
            Self::Statements => "statements",
            Self::State => "state",
            Self::Store => "store",
            Self::Repository => "repository",
        }
    }
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where.
    pub part: Part,
    /// What it means.
    pub code: Code,
    /// Which file, and how.
    pub difference: Difference,
}

impl Found {
    fn new(part: Part, code: Code, difference: Difference) -> Self {
        Self { part, code, difference }
    }
}

/// What was compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audited {
    /// Leaves of the log; none where no log is kept.
    pub leaves: Option<u64>,
    /// Who signed its checkpoint, and who has seen it.
    pub seen: Seen,
    /// Reports in the enclave.
    pub reports: u64,
    /// Reports that are gone, by a statement that counts.
    pub gone: u64,
    /// Statements that count.
    pub statements: u64,
    /// Objects in the store.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Generations that are kept.
    pub generations: u64,
    /// Why state.db was not compared with what log and reports give, if it was not.
    pub not_compared: Option<String>,
    /// Files that differ.
    pub differences: u64,
    /// Files that a killed run left.
    pub leftovers: u64,
}

/// Compares everything, and calls back for each file that differs.
pub fn audit(auditing: &Auditing<'_>, mut visit: impl FnMut(Found)) -> Result<Audited, Stop> {
    let ledger = enclave::read(auditing.folder)?;
    let mut audited = Audited::default();
    let mut count = Audited::default();
    let mut tell = |found: Found| {
        if found.difference.how == How::Leftover {
            count.leftovers += 1;
        } else {
            count.differences += 1;
        }
        visit(found);
    };
    for reason in auditing.site.rolled_back(auditing.trust, &ledger)? {
        let difference = Difference::other(auditing.trust.path(), reason);
        tell(Found::new(Part::Trust, Code::StateRolledBack, difference));
    }
    let mut history = History::default();
    logged::compare(auditing, &ledger, &mut history, &mut audited, &mut tell)?;
    let remembered = compare_generations(auditing, &ledger, &history, &mut tell)?;
    audited.generations = remembered.len() as u64;
    audited.not_compared = compare_state(auditing, &ledger, &history, &mut tell)?;
    let repository = Repository::open(auditing.folder)?;
    let bad = compare_store(auditing, repository.store(), &ledger, &mut audited, &mut tell)?;
    repository.compare(&remembered, &bad, |difference| {
        tell(Found::new(Part::Repository, Code::EnclaveDiffers, difference));
        Ok::<_, Stop>(())
    })?;
    audited.differences = count.differences;
    audited.leftovers = count.leftovers;
    Ok(audited)
}

type Tell<'t> = &'t mut dyn FnMut(Found);

/// The lines of a journal of judgements, as journals are read.
fn rejudged(lines: &LogLines) -> Records {
    Records {
        bytes: lines.bytes,
        count: lines.count,
        digest: lines.digest,
    }
}

/// The generations of state.db, which are those that the log tells of.
fn compare_generations(
    auditing: &Auditing<'_>,
    ledger: &Ledger,
    history: &History,
    tell: Tell<'_>,
) -> Result<Vec<Generation>, Stop> {
    let held = ledger.generations()?;
    let path = auditing.folder.join("state.db");
    for reason in history.compare(&held) {
        tell(Found::new(
            Part::State,
            Code::StateRolledBack,
            Difference::other(&path, reason),
        ));
    }
    Ok(held
        .into_iter()
        .map(|generation| Generation {
            number: generation.number,
            root: RootNode::new(generation.root),
        })
        .collect())
}

/// Every table, with a state.db that is made again. Says why it was not compared, if it was not.
fn compare_state(
    auditing: &Auditing<'_>,
    ledger: &Ledger,
    history: &History,
    tell: Tell<'_>,
) -> Result<Option<String>, Stop> {
    let path = auditing.folder.join("state.db");
    let mut other = |reason: String| {
        let difference = Difference::other(&path, reason);
        tell(Found::new(Part::State, Code::StateRolledBack, difference));
    };
    if !ledger.is_whole()? {
        other("SQLite finds it damaged".to_owned());
    }
    if ledger.log()?.is_none() && ledger.generation()?.is_some() {
        return Ok(Some("it was begun before there was a log".to_owned()));
    }
    let again = auditing.scratch.join("state.db");
    let last = ledger.log()?.and_then(|state| state.report_digest);
    match rebuild(auditing, last, &again) {
        Ok(_) => {}
        // What is refused of log and reports is told already.
        Err(Stop::Refused(refusals)) => {
            let why = refusals.into_iter().next().map(|refusal| refusal.reason);
            return Ok(Some(why.unwrap_or_default()));
        }
        Err(Stop::Unable(unable)) if unable.source.is_none() => return Ok(Some(unable.what)),
        Err(unable) => return Err(unable),
    }
    let tables = if history.has_recheck() {
        Tables::ButJudgements
    } else {
        Tables::All
    };
    for differs in ledger.differences(&again, tables)? {
        other(format!(
            "its table {} has {} rows that log and reports do not give, and lacks {} that they give, such as {}",
            differs.table, differs.more, differs.fewer, differs.example
        ));
    }
    Ok(history
        .has_recheck()
        .then(|| "its judgements were made again since the imports (`recheck --record`)".to_owned()))
}

/// Every object by its bytes, and those that state.db lists and that are not there. Gives those that have other bytes.
fn compare_store(
    auditing: &Auditing<'_>,
    store: &Store,
    ledger: &Ledger,
    audited: &mut Audited,
    tell: Tell<'_>,
) -> Result<HashSet<crate::model::Digest>, Stop> {
    let mut bad = HashSet::new();
    let mut total = 0;
    ledger.for_each_object(|digest, size| -> Result<(), Stop> {
        total += 1;
        let path = store.path(digest);
        let found = match store.size(digest) {
            Ok(Some(found)) if found == size => return Ok(()),
            Ok(Some(found)) => Difference::other(path, format!("has {found} bytes, and state.db says {size}")),
            Ok(None) => Difference::missing(path, "state.db lists it"),
            Err(error) => return Err(Unable::new("cannot read the store").because(error).into()),
        };
        tell(Found::new(Part::Store, Code::EnclaveDiffers, found));
        Ok::<_, Stop>(())
    })?;
    auditing.progress.begin("audit", total);
    let read = |_: u64| auditing.progress.advance(1);
    store.compare(auditing.threads, &read, |found| -> Result<(), Stop> {
        let difference = match found {
            Stored::Good(stored) => {
                audited.objects += 1;
                audited.bytes += stored.size;
                if ledger.needs(&stored.digest)? {
                    return Ok(());
                }
                Difference::leftover(
                    store.path(&stored.digest),
                    "state.db does not list it: `sealift gc` removes it",
                )
            }
            Stored::Bad(stored, difference) => {
                audited.objects += 1;
                audited.bytes += stored.size;
                bad.insert(stored.digest);
                difference
            }
            Stored::Stray(difference) => difference,
        };
        tell(Found::new(Part::Store, Code::EnclaveDiffers, difference));
        Ok::<_, Stop>(())
    })?;
    auditing.progress.finish();
    Ok(bad)
}
