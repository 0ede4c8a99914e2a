//! How far the enclave's log has come: said in the transaction that commits what the log tells of.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::query::{digest, unsigned};
use super::{Ledger, LedgerError, integer};
use crate::model::{Digest, LogState};

impl Ledger {
    /// What counts of the log; `None` where none was kept yet.
    pub fn log(&self) -> Result<Option<LogState>, LedgerError> {
        self.connection
            .query_row(
                "SELECT size, root, checkpoint, report, report_digest FROM log",
                [],
                |row| {
                    let report_digest: Option<[u8; 32]> = row.get(4)?;
                    Ok(LogState {
                        size: unsigned(row, 0)?,
                        root: digest(row, 1)?,
                        checkpoint: row.get(2)?,
                        report: unsigned(row, 3)?,
                        report_digest: report_digest.map(Digest::from_bytes),
                    })
                },
            )
            .optional()
            .map_err(LedgerError::sql("read"))
    }

    /// Commits what was added to the log, where nothing else changes: a refusal.
    pub fn note_log(&self, state: &LogState) -> Result<(), LedgerError> {
        write_log(&self.connection, state)
    }
}

pub(super) fn write_log(connection: &Connection, state: &LogState) -> Result<(), LedgerError> {
    connection
        .execute(
            "INSERT INTO log (only, size, root, checkpoint, report, report_digest) VALUES (1, ?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint,
             report = excluded.report, report_digest = excluded.report_digest",
            params![
                integer(state.size, "the log's size")?,
                state.root.as_bytes(),
                state.checkpoint,
                integer(state.report, "the report's number")?,
                state.report_digest.as_ref().map(Digest::as_bytes),
            ],
        )
        .map_err(LedgerError::sql("write"))?;
    Ok(())
}
