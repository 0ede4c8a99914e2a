//! Every record with its class, its time, and what keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::import::basis::APPROVALS;
use crate::import::record;
use crate::ledger::{Entry, Ledger, Shown};
use crate::model::{Digest, Stop, Timestamp, Unable};
use crate::policy::{RecordClass, Retention};
use crate::report::{self, Listed, ReportError};
use crate::statement::{AbsentReport, Holds, Renewals};
use crate::store::{self, Store};
use crate::trust::folder::read_bounded;
use crate::trust::review::Review;
use crate::trust::{Revocations, TrustedRoot};

/// From what it is computed.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// The enclave's folder.
    pub folder: &'a Path,
    /// Its memory.
    pub ledger: &'a Ledger,
    /// Its objects.
    pub store: &'a Store,
    /// The roots from the pinned one on.
    pub roots: &'a [TrustedRoot],
    /// What is no longer good.
    pub revocations: Option<&'a Revocations>,
    /// What was sealed anew.
    pub renewals: &'a Renewals<'a>,
    /// What is held.
    pub holds: &'a Holds<'a>,
    /// How long each class is kept.
    pub retention: &'a Retention,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its class.
    pub class: RecordClass,
    /// Where it lies, below the enclave's folder.
    pub path: String,
    /// From when on its days are counted.
    pub from: Timestamp,
    /// Until when it is kept; `None`: always.
    pub until: Option<Timestamp>,
    /// The names of the holds on it.
    pub held: BTreeSet<String>,
    /// Why it stays whatever its class says.
    pub stays: Option<&'static str>,
    /// The digest of its bytes, where it is known already.
    pub digest: Option<Digest>,
    /// What goes with it, below the enclave's folder: what a report's attempt was judged by.
    pub beside: Vec<(RecordClass, String)>,
    /// What must be known of a report once it is gone.
    pub report: Option<AbsentReport>,
}

impl Item {
    /// Whether its time is over.
    pub fn is_over(&self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= at)
    }

    /// Whether it may be removed.
    pub fn may_go(&self, at: Timestamp) -> bool {
        self.is_over(at) && self.held.is_empty() && self.stays.is_none()
    }
}

/// Calls back for every record: reports, what persons signed about bundles, and the objects that no kept generation shows.
pub fn items(looking: &Looking<'_>, visit: &mut dyn FnMut(Item)) -> Result<(), Stop> {
    let mut reports = record::folder(looking.folder).list()?;
    let last = reports.pop();
    for listed in reports {
        visit(report(looking, &listed, None)?);
    }
    if let Some(last) = last {
        visit(report(looking, &last, Some("the next report names it"))?);
    }
    reviews(looking, visit)?;
    objects(looking, visit)
}

impl Looking<'_> {
    fn until(&self, class: RecordClass, from: Timestamp) -> Option<Timestamp> {
        self.retention.days(class).map(|days| from.plus_days(days))
    }

    fn below(&self, path: &Path) -> String {
        path.strip_prefix(self.folder).unwrap_or(path).display().to_string()
    }

    /// A record that is not what it should be stays: an audit tells of it.
    fn unread(&self, class: RecordClass, path: &Path) -> Item {
        Item {
            class,
            path: self.below(path),
            from: Timestamp::from_seconds(0),
            until: None,
            held: BTreeSet::new(),
            stays: Some("it cannot be verified"),
            digest: None,
            beside: Vec::new(),
            report: None,
        }
    }
}

fn report(looking: &Looking<'_>, listed: &Listed, stays: Option<&'static str>) -> Result<Item, Stop> {
    let holds = looking.holds;
    let mut held = BTreeSet::new();
    let mut take = |record| {
        if holds.needs_records() {
            held.extend(holds.on_record(&record));
        }
    };
    let verified = looking
        .renewals
        .verify(&listed.path, looking.roots, looking.revocations, &mut take)?;
    let report = match verified {
        Ok(report) => report,
        Err(error @ ReportError::File { .. }) => return Err(error.into()),
        Err(_) => return Ok(looking.unread(RecordClass::Report, &listed.path)),
    };
    let head = &report.head;
    held.extend(holds.on_report(head));
    let class = match head.outcome {
        report::Outcome::Imported => RecordClass::Report,
        report::Outcome::Refused => RecordClass::Refusal,
    };
    let file = listed.path.file_name().map(|name| name.to_string_lossy().into_owned());
    let absent = report.log.as_ref().map(|log| AbsentReport {
        created: head.created,
        digest: report.digest,
        generation: head.published.as_ref().map(|published| published.generation),
        journal: head.journal,
        file: file.unwrap_or_default(),
        leaf: log.first + head.records.count,
        number: head.number,
        outcome: head.outcome,
        previous: head.previous.as_ref().map(|previous| previous.digest),
        repository: head.published.as_ref().map(|published| published.repository),
    });
    // A report and what it was judged by belong together: they go when all of them may go.
    let mut beside = Vec::new();
    let mut until = looking.until(class, head.created);
    for path in entries(&record::folder(looking.folder).basis(head))? {
        let of_approvals = path.file_name().is_some_and(|name| name == APPROVALS);
        let class = if of_approvals {
            RecordClass::Approval
        } else {
            RecordClass::Capsule
        };
        let other = looking.until(class, head.created);
        until = until.zip(other).map(|(one, other)| one.max(other));
        beside.push((class, looking.below(&path)));
    }
    Ok(Item {
        class,
        path: looking.below(&listed.path),
        from: head.created,
        until,
        held,
        stays: stays.or_else(|| absent.is_none().then_some("no log tells of it")),
        digest: None,
        beside,
        report: absent,
    })
}

/// What persons have decided about artifacts: a folder for each bundle, by its manifest.
fn reviews(looking: &Looking<'_>, visit: &mut dyn FnMut(Item)) -> Result<(), Stop> {
    for folder in entries(&looking.folder.join("reviews"))? {
        for path in entries(&folder)? {
            if path.to_string_lossy().ends_with(".dsse.json") {
                visit(review(looking, &path)?);
            }
        }
    }
    Ok(())
}

fn review(looking: &Looking<'_>, path: &Path) -> Result<Item, Stop> {
    let class = RecordClass::Review;
    let bytes = read_bounded(path, MAX_ENVELOPE_BYTES)?.unwrap_or_default();
    let Ok(envelope) = Envelope::read(&bytes) else {
        return Ok(looking.unread(class, path));
    };
    let Ok(review) = Review::read(&envelope.payload) else {
        return Ok(looking.unread(class, path));
    };
    let keys: Vec<String> = envelope.signatures.into_iter().map(|one| one.key_id).collect();
    let purls: Vec<String> = review.artifacts.into_iter().map(|artifact| artifact.purl).collect();
    // A person's own clock may be behind: the bundle came when the enclave's said so.
    let imported = looking.ledger.bundle(&review.manifest)?.map(|bundle| bundle.imported);
    let from = imported.map_or(review.created, |imported| imported.max(review.created));
    Ok(Item {
        class,
        path: looking.below(path),
        from,
        until: looking.until(class, from),
        held: looking.holds.on_document(Some(&review.manifest), from, &purls, &keys),
        stays: None,
        digest: Some(Digest::of(&bytes)),
        beside: Vec::new(),
        report: None,
    })
}

/// An object that nobody finds any more, as far as its artifacts tell.
#[derive(Default)]
struct Unshown {
    is_artifact: bool,
    from: Option<Timestamp>,
    held: BTreeSet<String>,
}

/// The objects of artifacts that no kept generation shows, and that nothing else needs.
fn objects(looking: &Looking<'_>, visit: &mut dyn FnMut(Item)) -> Result<(), Stop> {
    let ledger = looking.ledger;
    // What waits for its other volumes may count on any object.
    if !ledger.unfinished()?.is_empty() {
        return Ok(());
    }
    let mut found: BTreeMap<Digest, Unshown> = BTreeMap::new();
    let mut unshown: Vec<Entry> = Vec::new();
    ledger.for_each_unshown(|entry| {
        unshown.push(entry);
        Ok::<_, Stop>(())
    })?;
    for entry in unshown {
        let Shown::Until(time) = ledger.shown(&entry)? else {
            continue;
        };
        let held = looking.holds.on_entry(ledger, &entry)?;
        let artifact = &entry.artifact;
        let proofs = artifact.proofs.iter().flat_map(|proof| &proof.objects);
        let derived = ledger.derived(&entry)?;
        let all = std::iter::once((&artifact.digest, true))
            .chain(derived.iter().map(|digest| (digest, true)))
            .chain(proofs.map(|digest| (digest, false)));
        for (digest, is_artifact) in all {
            let object = found.entry(*digest).or_default();
            object.is_artifact |= is_artifact;
            object.from = object.from.max(Some(time));
            object.held.extend(held.iter().cloned());
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    ledger.for_each_needed(|digest| {
        found.remove(digest);
    })?;
    for (digest, object) in found {
        if !looking.store.contains(&digest) {
            continue;
        }
        let class = if object.is_artifact {
            RecordClass::Artifact
        } else {
            RecordClass::Proof
        };
        let from = object.from.unwrap_or(Timestamp::from_seconds(0));
        visit(Item {
            class,
            path: format!("store/objects/{}", store::relative(&digest)),
            from,
            until: looking.until(class, from),
            held: object.held,
            stays: None,
            digest: Some(digest),
            beside: Vec::new(),
            report: None,
        });
    }
    Ok(())
}

/// What lies in a folder, by name; nothing where there is none, or it is no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Stop> {
    let failed = |error: io::Error| Unable::new(format!("cannot read `{}`", folder.display())).because(error);
    let entries = match fs::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        other => other.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.map_err(failed)?.path());
    }
    found.sort();
    Ok(found)
}
