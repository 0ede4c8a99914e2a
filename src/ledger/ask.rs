//! Questions of an auditor: which artifacts came, which stand on little, and which changed. Answered row by row.

use rusqlite::types::Value;

use super::query::entries;
use super::{Entry, Ledger, LedgerError};
use crate::model::{Digest, Level, Timestamp};

impl Ledger {
    /// Calls back for every artifact that a bundle was the first or the last to bring.
    pub fn brought_by<E: From<LedgerError>>(
        &self,
        manifest: &Digest,
        visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let wanted = vec![Value::from(manifest.as_bytes().to_vec())];
        entries(&self.connection, "(f.manifest = ?1 OR l.manifest = ?1)", wanted, visit)
    }

    /// Calls back for every artifact that clients find and that did not reach a level. What nobody judged reached none.
    pub fn below<E: From<LedgerError>>(
        &self,
        level: Level,
        visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let wanted = vec![Value::from(super::judgement::number(level))];
        let condition =
            "is_current AND NOT EXISTS (SELECT 1 FROM judgements j WHERE j.artifact = a.id AND j.level >= ?1)";
        let condition = if level == Level::None { "0 AND ?1" } else { condition };
        entries(&self.connection, condition, wanted, visit)
    }

    /// Calls back for every artifact about which a policy decided.
    pub fn decided<E: From<LedgerError>>(&self, visit: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        let condition = "EXISTS (SELECT 1 FROM judgements j WHERE j.artifact = a.id AND j.decision <> '')";
        entries(&self.connection, condition, Vec::new(), visit)
    }

    /// Calls back for every artifact that came, came again, or was taken away by a rollback from a time until before another. Of a
    /// rollback that is known only while its generation is kept.
    pub fn changed<E: From<LedgerError>>(
        &self,
        from: Timestamp,
        to: Timestamp,
        visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let wanted = vec![Value::from(from.seconds()), Value::from(to.seconds())];
        let condition = "((f.imported >= ?1 AND f.imported < ?2) OR (l.imported >= ?1 AND l.imported < ?2)
             OR EXISTS (SELECT 1 FROM presence p JOIN generations g ON g.number = p.until
                WHERE p.artifact = a.id AND g.time >= ?1 AND g.time < ?2))";
        entries(&self.connection, condition, wanted, visit)
    }
}
