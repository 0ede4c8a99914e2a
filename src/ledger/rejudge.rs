//! What a later judging of what is held came to, kept in the place of what the import found.

use std::cell::RefCell;
use std::io;

use rusqlite::{Transaction, params};

use super::import::Recorded;
use super::journal::{Journal, Journaled, Sink, Told, rejudged};
use super::judgement::write_judgement;
use super::log::write_log;
use super::{Entry, Judgement, Ledger, LedgerError};
use crate::model::LogState;

/// New judgements that are not yet committed. Dropped, they leave no trace.
#[derive(Debug)]
pub struct Rejudging<'a> {
    transaction: Transaction<'a>,
    journal: Option<RefCell<Journal>>,
}

impl Ledger {
    /// Begins to put new judgements in the place of those that are kept. Readers see the old ones until the commit. What the ledger is told goes into a
    /// journal too, if there is one.
    pub fn rejudge(&self, journal: Option<Box<dyn Sink>>) -> Result<Rejudging<'_>, LedgerError> {
        Ok(Rejudging {
            transaction: self
                .connection
                .unchecked_transaction()
                .map_err(LedgerError::sql("lock"))?,
            journal: journal.map(|sink| RefCell::new(Journal::new(sink))),
        })
    }
}

impl Rejudging<'_> {
    /// Puts a judgement in the place of the one before. It raises no floor and pins nobody: what is held already admits nothing.
    pub fn judgement(&self, entry: &Entry, judgement: &Judgement) -> Result<(), LedgerError> {
        let artifact = &entry.artifact;
        let named = [&artifact.ecosystem, &artifact.name, &artifact.version, &artifact.file].map(String::as_str);
        if let Some(journal) = &self.journal {
            journal.borrow_mut().note(&Told::Rejudged {
                artifact: named,
                decision: &judgement.decision,
                findings: &judgement.findings,
                judged: judgement.judged,
                level: judgement.level,
            });
        }
        self.write(named, judgement)
    }

    /// Tells a line of a journal again.
    pub fn line(&self, line: &[u8]) -> Result<(), LedgerError> {
        let (artifact, judgement) = rejudged(line)?;
        self.write(artifact.each_ref().map(String::as_str), &judgement)
    }

    fn write(&self, [ecosystem, name, version, file]: [&str; 4], judgement: &Judgement) -> Result<(), LedgerError> {
        let recorded = self
            .transaction
            .prepare_cached(
                "SELECT a.id, a.name, a.last_bundle FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 AND a.version = ?3 AND a.file = ?4",
            )
            .and_then(|mut statement| {
                statement.query_row(params![ecosystem, name, version, file], |row| {
                    Ok(Recorded {
                        artifact: row.get(0)?,
                        name: row.get(1)?,
                        bundle: row.get(2)?,
                    })
                })
            })
            .map_err(LedgerError::sql("read"))?;
        write_judgement(&self.transaction, recorded, judgement)
    }

    /// Ends the journal, if one is kept.
    pub fn end_journal(&mut self) -> io::Result<Option<Journaled>> {
        self.journal
            .take()
            .map(|journal| journal.into_inner().finish())
            .transpose()
    }

    /// Commits: from here on these judgements count. `log` is what counts of the log from then on.
    pub fn commit(self, log: Option<&LogState>) -> Result<(), LedgerError> {
        if let Some(log) = log {
            write_log(&self.transaction, log)?;
        }
        self.transaction.commit().map_err(LedgerError::sql("commit"))
    }
}
