//! Going back to what clients saw earlier. State only moves forward: the old tree gets a new number, and everything that
//! was imported since stays known, with its sequence numbers.

use rusqlite::{TransactionBehavior, params};

use super::log::write_log;
use super::{GenerationRecord, Ledger, LedgerError, integer};
use crate::model::{LogState, Timestamp};

impl Ledger {
    /// Commits a new generation that shows what generation `to` showed, with the reason. `log` is what counts of the log from then on.
    pub fn rollback(
        &mut self,
        to: u64,
        reason: &str,
        now: Timestamp,
        log: Option<&LogState>,
    ) -> Result<GenerationRecord, LedgerError> {
        let failed = LedgerError::sql;
        let generations = self.generations()?;
        let target = generations
            .iter()
            .find(|generation| generation.number == to)
            .ok_or(LedgerError::NoGeneration { number: to })?;
        let number = generations.last().map_or(0, |newest| newest.number) + 1;
        let generation = GenerationRecord {
            number,
            root: target.root,
            bundle: None,
            time: now,
            note: format!("rollback to {to}: {reason}"),
        };
        let (new, old) = (
            integer(number, "the generation's number")?,
            integer(to, "the generation's number")?,
        );
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed("lock"))?;
        // Present then: what had come by `to` and had not gone by then.
        transaction
            .execute(
                "UPDATE presence SET until = ?1 WHERE until IS NULL AND artifact NOT IN
                 (SELECT artifact FROM presence WHERE since <= ?2 AND (until IS NULL OR until > ?2))",
                params![new, old],
            )
            .map_err(failed("write"))?;
        transaction
            .execute(
                "INSERT INTO presence (artifact, since) SELECT artifact, ?1 FROM presence p
                 WHERE since <= ?2 AND until > ?2 AND NOT EXISTS
                 (SELECT 1 FROM presence q WHERE q.artifact = p.artifact AND q.until IS NULL)",
                params![new, old],
            )
            .map_err(failed("write"))?;
        transaction
            .execute(
                "INSERT INTO generations (number, root, bundle, time, note) VALUES (?1, ?2, NULL, ?3, ?4)",
                params![new, generation.root.as_bytes(), now.seconds(), generation.note],
            )
            .map_err(failed("write"))?;
        if let Some(log) = log {
            write_log(&transaction, log)?;
        }
        transaction.commit().map_err(failed("commit"))?;
        Ok(generation)
    }
}
