//! How far upstreams had come when something of theirs was last accepted. It only moves forward, whatever is rolled back here.

use rusqlite::params;

use super::journal::Told;
use super::query::unsigned;
use super::{Import, Ledger, LedgerError, integer};
use crate::model::{SeenState, Timestamp, UpstreamState};

impl Import<'_> {
    /// Records a state of an upstream that the bundle's accepted proofs show; one that is not newer changes nothing.
    pub fn upstream_state(&self, state: &UpstreamState, exported: Timestamp) -> Result<(), LedgerError> {
        self.note(&Told::Upstream {
            exported,
            kind: &state.kind,
            mark: state.mark.as_deref(),
            place: state.place,
            subject: &state.subject,
        });
        self.raise_upstream(
            &state.kind,
            &state.subject,
            state.place,
            state.mark.as_deref(),
            exported,
        )
    }

    pub(super) fn raise_upstream(
        &self,
        kind: &str,
        subject: &str,
        place: u64,
        mark: Option<&str>,
        exported: Timestamp,
    ) -> Result<(), LedgerError> {
        let place = integer(place, "an upstream's state")?;
        self.connection()
            .prepare_cached(
                "INSERT INTO upstream_states (kind, subject, place, mark, exported) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET place = excluded.place, mark = excluded.mark, exported = excluded.exported
                 WHERE excluded.place > place",
            )
            .and_then(|mut statement| statement.execute(params![kind, subject, place, mark, exported.seconds(),]))
            .map_err(LedgerError::sql("write"))?;
        Ok(())
    }
}

impl Ledger {
    /// The newest state of each upstream that was ever accepted.
    pub fn upstream_states(&self) -> Result<Vec<SeenState>, LedgerError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT kind, subject, place, mark, exported FROM upstream_states ORDER BY kind, subject")
            .map_err(LedgerError::sql("read"))?;
        statement
            .query_map([], |row| {
                Ok(SeenState {
                    kind: row.get(0)?,
                    subject: row.get(1)?,
                    place: unsigned(row, 2)?,
                    mark: row.get(3)?,
                    exported: Timestamp::from_seconds(row.get(4)?),
                })
            })
            .and_then(Iterator::collect)
            .map_err(LedgerError::sql("read"))
    }
}
