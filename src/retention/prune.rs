//! Removing what is over: first the tombstone, signed and in the log, then the files.

use std::fs;
use std::io;
use std::path::Path;

use super::items::{Item, Looking, items};
use crate::crypto::key::Signer;
use crate::crypto::strict_json;
use crate::enclave::{Enclave, Statement};
use crate::ledger::Ledger;
use crate::model::{Digest, Stop, Timestamp, Unable};
use crate::policy::{Policy, RecordClass};
use crate::statement::{AbsentReport, Body, FORMAT, Holds, MAX_PRUNED, PolicyNamed, Pruned, Statements, Tombstone};
use crate::store;
use crate::trust::{self, Kind};

/// The most records that one run removes, so that it stays within memory; the next run takes the rest.
pub const MAX_AT_ONCE: usize = 100_000;

/// The payload of one tombstone: written in base64 it stays within an envelope's 1 MiB.
const MAX_DOCUMENT_BYTES: usize = 500_000;

/// Who prunes, by what and when.
pub struct Pruning<'a> {
    /// The enclave.
    pub enclave: &'a Enclave,
    /// The policy whose classes count.
    pub policy: &'a Policy,
    /// The enclave's id.
    pub id: Digest,
    /// A key of the role import.
    pub signer: &'a dyn Signer,
    /// The time by which it is judged what is over.
    pub at: Timestamp,
    /// This enclave's clock.
    pub now: Timestamp,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Each record.
    pub pruned: Vec<Pruned>,
    /// The statements that say so.
    pub statements: Vec<u64>,
    /// Files that an earlier run had still to remove.
    pub finished: u64,
}

/// The records that are over and that nothing keeps, at most [`MAX_AT_ONCE`] of them.
pub fn over(looking: &Looking<'_>, at: Timestamp) -> Result<Vec<Item>, Stop> {
    let mut found = Vec::new();
    items(looking, &mut |item| {
        if found.len() < MAX_AT_ONCE && item.may_go(at) {
            found.push(item);
        }
    })?;
    Ok(found)
}

/// Removes records: for as many as fit a document first the tombstone, then the files.
pub fn prune(pruning: &Pruning<'_>, looking: &Looking<'_>, items: &[Item]) -> Result<Done, Stop> {
    let mut done = Done::default();
    let mut waiting: Vec<Pruned> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let Some(together) = entries(pruning, looking, item)? else {
            continue;
        };
        // What belongs together is in one tombstone.
        let size: usize = together.iter().map(|entry| strict_json::write(entry).len() + 1).sum();
        if waiting.len() + together.len() > MAX_PRUNED || bytes + size > MAX_DOCUMENT_BYTES {
            bury(pruning, looking.folder, &mut waiting, &mut done)?;
            bytes = 0;
        }
        bytes += size;
        waiting.extend(together);
    }
    if !waiting.is_empty() {
        bury(pruning, looking.folder, &mut waiting, &mut done)?;
    }
    Ok(done)
}

/// A record, and what goes with it, as the tombstone names it; `None` where it is gone meanwhile.
fn entries(pruning: &Pruning<'_>, looking: &Looking<'_>, item: &Item) -> Result<Option<Vec<Pruned>>, Stop> {
    debug_assert!(item.may_go(pruning.at));
    let Some(until) = item.until else {
        return Ok(None);
    };
    let named = |class: RecordClass, path: &str, report: Option<AbsentReport>| {
        let Some(days) = looking.retention.days(class) else {
            return Ok(None);
        };
        let found = digest_of(&looking.folder.join(path))?;
        Ok::<_, Stop>(found.map(|(digest, size)| Pruned {
            class,
            days,
            digest,
            path: path.to_owned(),
            report,
            size,
            until,
        }))
    };
    let Some(own) = named(item.class, &item.path, item.report.clone())? else {
        return Ok(None);
    };
    // What does not have the bytes that it should have is left for an audit to tell of.
    if item.digest.is_some_and(|expected| expected != own.digest) {
        return Ok(None);
    }
    let mut all = Vec::new();
    for (class, path) in &item.beside {
        all.extend(named(*class, path, None)?);
    }
    all.push(own);
    Ok(Some(all))
}

fn bury(pruning: &Pruning<'_>, folder: &Path, waiting: &mut Vec<Pruned>, done: &mut Done) -> Result<(), Stop> {
    let tombstone = Tombstone {
        at: pruning.at,
        created: pruning.now,
        critical: Default::default(),
        enclave: pruning.id,
        entries: std::mem::take(waiting),
        ext: Default::default(),
        format: FORMAT,
        policy: PolicyNamed {
            digest: pruning.policy.digest(),
            id: pruning.policy.id.clone(),
            version: pruning.policy.version,
        },
    };
    let objects: Vec<Digest> = tombstone.objects().collect();
    let body = Body::Tombstone(tombstone);
    let payload = body.write().map_err(|error| error.refusal("the tombstone"))?;
    let envelope = trust::sign(Kind::Tombstone, payload, &[pruning.signer])
        .map_err(|error| Unable::new("cannot sign the tombstone").because(error))?;
    let statement = Statement {
        what: Kind::Tombstone.name(),
        envelope: &envelope,
        pruned: &objects,
        list: None,
    };
    let record = pruning.enclave.state(&statement, pruning.now)?;
    done.statements.push(record.number);
    let Body::Tombstone(tombstone) = body else {
        return Ok(());
    };
    for entry in tombstone.entries {
        remove(folder, &pruning.enclave.ledger, &entry)?;
        done.pruned.push(entry);
    }
    Ok(())
}

/// Removes what the tombstones name and a killed run left. What is held since stays.
pub fn finish(folder: &Path, ledger: &Ledger, statements: &Statements, holds: &Holds<'_>) -> Result<u64, Stop> {
    let mut finished = 0;
    for stated in statements.counting() {
        let Body::Tombstone(tombstone) = &stated.body else {
            continue;
        };
        let is_held_since = holds
            .active()
            .any(|held| held.stated.record.number > stated.record.number);
        if is_held_since {
            continue;
        }
        for entry in &tombstone.entries {
            finished += u64::from(remove(folder, ledger, entry)?);
        }
    }
    Ok(finished)
}

/// Removes one record, if it is still there with the bytes that the tombstone names. Says whether it was.
fn remove(folder: &Path, ledger: &Ledger, entry: &Pruned) -> Result<bool, Stop> {
    let path = folder.join(&entry.path);
    let is_object = matches!(entry.class, RecordClass::Artifact | RecordClass::Proof);
    // An object that has come again since is here to stay.
    if is_object && !ledger.is_pruned(&entry.digest)? {
        return Ok(false);
    }
    let is_there = matches!(digest_of(&path)?, Some((digest, _)) if digest == entry.digest);
    if is_there {
        let failed = |error: io::Error| Unable::new(format!("cannot remove `{}`", path.display())).because(error);
        fs::remove_file(&path).map_err(failed)?;
    }
    if matches!(entry.class, RecordClass::Capsule | RecordClass::Approval)
        && let Some(folder) = path.parent()
    {
        // The folder of one report goes with the last file in it; until then it is not empty, and stays.
        let _ = fs::remove_dir(folder);
    }
    Ok(is_there)
}

fn digest_of(path: &Path) -> Result<Option<(Digest, u64)>, Stop> {
    let failed = |error: io::Error| Unable::new(format!("cannot read `{}`", path.display())).because(error);
    let size = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?.len(),
    };
    Ok(Some((store::hash_file(path).map_err(failed)?, size)))
}
