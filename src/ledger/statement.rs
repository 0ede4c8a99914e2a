//! What was signed about the enclave's own records, and which objects were removed by it.

use std::collections::BTreeMap;

use rusqlite::params;

use super::log::write_log;
use super::query::{digest, unsigned};
use super::{Entry, Ledger, LedgerError, integer};
use crate::model::{Digest, LogState, Proof, Timestamp};

/// A statement that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRecord {
    /// Its number, from 1.
    pub number: u64,
    /// Which kind of document it is.
    pub what: String,
    /// The digest of what was signed.
    pub digest: Digest,
    /// When it was taken, by the enclave's clock.
    pub time: Timestamp,
}

/// Since when clients no longer find an artifact in any generation that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// They still find it.
    Still,
    /// Since a time, or before it.
    Until(Timestamp),
}

impl Ledger {
    /// Every statement, in order.
    pub fn statements(&self) -> Result<Vec<StatementRecord>, LedgerError> {
        self.connection
            .prepare_cached("SELECT number, what, digest, time FROM statements ORDER BY number")
            .and_then(|mut statement| {
                let record = |row: &rusqlite::Row<'_>| {
                    Ok(StatementRecord {
                        number: unsigned(row, 0)?,
                        what: row.get(1)?,
                        digest: digest(row, 2)?,
                        time: Timestamp::from_seconds(row.get(3)?),
                    })
                };
                statement.query_map([], record)?.collect()
            })
            .map_err(LedgerError::sql("read"))
    }

    /// Commits a statement, with the objects that it says are removed. `log` is what counts of the log from then on.
    pub fn note_statement(
        &self,
        record: &StatementRecord,
        pruned: &[Digest],
        log: Option<&LogState>,
    ) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let number = integer(record.number, "the statement's number")?;
        let transaction = self.connection.unchecked_transaction().map_err(failed("lock"))?;
        transaction
            .execute(
                "INSERT INTO statements (number, what, digest, time) VALUES (?1, ?2, ?3, ?4)",
                params![number, record.what, record.digest.as_bytes(), record.time.seconds()],
            )
            .map_err(failed("write"))?;
        for object in pruned {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO pruned (digest, statement) VALUES (?1, ?2)")
                .and_then(|mut statement| statement.execute(params![object.as_bytes(), number]))
                .map_err(failed("write"))?;
        }
        if let Some(log) = log {
            write_log(&transaction, log)?;
        }
        transaction.commit().map_err(failed("commit"))
    }

    /// Whether an object was pruned, and has not come again since.
    pub fn is_pruned(&self, digest: &Digest) -> Result<bool, LedgerError> {
        self.connection
            .prepare_cached("SELECT 1 FROM pruned WHERE digest = ?1")
            .and_then(|mut statement| statement.exists([digest.as_bytes()]))
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every artifact that no generation which is kept shows, and that is not pruned.
    pub fn for_each_unshown<E: From<LedgerError>>(&self, visit: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        super::query::entries(
            &self.connection,
            "NOT EXISTS (SELECT 1 FROM pruned x WHERE x.digest = a.digest) AND NOT EXISTS
             (SELECT 1 FROM presence p JOIN generations g ON g.number >= p.since AND (p.until IS NULL OR g.number < p.until)
              WHERE p.artifact = a.id)",
            Vec::new(),
            visit,
        )
    }

    /// The objects that were derived from an artifact.
    pub fn derived(&self, entry: &Entry) -> Result<Vec<Digest>, LedgerError> {
        let artifact = &entry.artifact;
        let text: String = self
            .connection
            .prepare_cached(
                "SELECT a.derived FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 AND a.version = ?3 AND a.file = ?4",
            )
            .and_then(|mut statement| {
                statement.query_row(
                    params![artifact.ecosystem, artifact.name, artifact.version, artifact.file],
                    |row| row.get(0),
                )
            })
            .map_err(LedgerError::sql("read"))?;
        labelled(&text)
    }

    /// Calls back for every object that an artifact needs which a kept generation shows, that is a registry's document, or a bundle's manifest.
    pub fn for_each_needed(&self, mut visit: impl FnMut(&Digest)) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare(
                "SELECT a.digest, a.proofs, a.derived FROM artifacts a WHERE EXISTS
                 (SELECT 1 FROM presence p JOIN generations g ON g.number >= p.since AND (p.until IS NULL OR g.number < p.until)
                  WHERE p.artifact = a.id)
                 UNION ALL SELECT digest, '[]', '{}' FROM documents UNION ALL SELECT manifest, '[]', '{}' FROM bundles",
            )
            .map_err(failed("read"))?;
        let mut rows = statement.query([]).map_err(failed("read"))?;
        while let Some(row) = rows.next().map_err(failed("read"))? {
            visit(&digest(row, 0).map_err(failed("read"))?);
            let (proofs, derived): (String, String) =
                (row.get(1).map_err(failed("read"))?, row.get(2).map_err(failed("read"))?);
            let proofs: Vec<Proof> =
                serde_json::from_str(&proofs).map_err(|_| LedgerError::Damaged { what: "list of proofs" })?;
            proofs.iter().flat_map(|proof| &proof.objects).for_each(&mut visit);
            labelled(&derived)?.iter().for_each(&mut visit);
        }
        Ok(())
    }

    /// Since when clients no longer find an artifact. Where the generation that took it away is swept, the oldest that is kept says since when at the
    /// latest.
    pub fn shown(&self, entry: &Entry) -> Result<Shown, LedgerError> {
        let artifact = &entry.artifact;
        let (still, ended, oldest): (bool, Option<i64>, Option<i64>) = self
            .connection
            .prepare_cached(
                "WITH wanted AS (SELECT a.id FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 AND a.version = ?3 AND a.file = ?4)
                 SELECT EXISTS (SELECT 1 FROM presence p JOIN generations g
                                ON g.number >= p.since AND (p.until IS NULL OR g.number < p.until)
                                WHERE p.artifact IN wanted),
                        (SELECT g.time FROM generations g WHERE g.number =
                         (SELECT max(p.until) FROM presence p WHERE p.artifact IN wanted)),
                        (SELECT g.time FROM generations g ORDER BY g.number LIMIT 1)",
            )
            .and_then(|mut statement| {
                statement.query_row(
                    params![artifact.ecosystem, artifact.name, artifact.version, artifact.file],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .map_err(LedgerError::sql("read"))?;
        Ok(match (still, ended.or(oldest)) {
            (false, Some(time)) => Shown::Until(Timestamp::from_seconds(time)),
            _ => Shown::Still,
        })
    }
}

/// The digests of a column with derived objects.
fn labelled(text: &str) -> Result<Vec<Digest>, LedgerError> {
    let labels: BTreeMap<String, Digest> = serde_json::from_str(text).map_err(|_| LedgerError::Damaged {
        what: "derived objects",
    })?;
    Ok(labels.into_values().collect())
}
