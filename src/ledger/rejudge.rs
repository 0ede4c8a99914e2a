//! What a later judging of what is held came to, kept in the place of what the import found.

use rusqlite::{Transaction, params};

use super::import::Recorded;
use super::judgement::write_judgement;
use super::log::write_log;
use super::{Entry, Judgement, Ledger, LedgerError};
use crate::model::LogState;

/// New judgements that are not yet committed. Dropped, they leave no trace.
#[derive(Debug)]
pub struct Rejudging<'a> {
    transaction: Transaction<'a>,
}

impl Ledger {
    /// Begins to put new judgements in the place of those that are kept. Readers see the old ones until the commit.
    pub fn rejudge(&self) -> Result<Rejudging<'_>, LedgerError> {
        Ok(Rejudging {
            transaction: self
                .connection
                .unchecked_transaction()
                .map_err(LedgerError::sql("lock"))?,
        })
    }
}

impl Rejudging<'_> {
    /// Puts a judgement in the place of the one before. What a name ever reached stays its floor.
    pub fn judgement(&self, entry: &Entry, judgement: &Judgement) -> Result<(), LedgerError> {
        let artifact = &entry.artifact;
        let recorded = self
            .transaction
            .prepare_cached(
                "SELECT a.id, a.name, a.last_bundle FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 AND a.version = ?3 AND a.file = ?4",
            )
            .and_then(|mut statement| {
                statement.query_row(
                    params![artifact.ecosystem, artifact.name, artifact.version, artifact.file],
                    |row| {
                        Ok(Recorded {
                            artifact: row.get(0)?,
                            name: row.get(1)?,
                            bundle: row.get(2)?,
                        })
                    },
                )
            })
            .map_err(LedgerError::sql("read"))?;
        write_judgement(&self.transaction, recorded, judgement)
    }

    /// Commits: from here on these judgements count. `log` is what counts of the log from then on.
    pub fn commit(self, log: Option<&LogState>) -> Result<(), LedgerError> {
        if let Some(log) = log {
            write_log(&self.transaction, log)?;
        }
        self.transaction.commit().map_err(LedgerError::sql("commit"))
    }
}
