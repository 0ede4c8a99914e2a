//! Two ledgers compared, table by table.

use rusqlite::params;

use super::{Ledger, LedgerError};

/// Every table and the columns by which a row is shown; but not the volumes of bundles that are still to come whole, and not what stands in the
/// folder `trust`, which tells that itself.
const TABLES: &[(&str, &str)] = &[
    ("artifacts", "file"),
    ("bundles", "stream || ' ' || sequence"),
    ("documents", "kind || ' ' || hex(digest)"),
    ("export_keys", "key"),
    ("generations", "number"),
    ("known_time", "source"),
    ("log", "size"),
    ("names", "ecosystem || '/' || name"),
    ("objects", "lower(hex(digest))"),
    ("paths", "coalesce(path, key)"),
    ("presence", "artifact"),
    ("pruned", "lower(hex(digest))"),
    ("statements", "number || ' ' || what"),
    ("streams", "stream"),
    ("upstream_states", "kind || ' ' || subject"),
];

/// Tables that a later judging changes.
const JUDGED: &[(&str, &str)] = &[
    ("floors", "name"),
    ("judgements", "artifact"),
    ("rests_on", "key"),
    ("signers", "signer"),
];

/// Which tables are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// All that an import writes.
    All,
    /// All but judgements and what follows from them: they were made again since.
    ButJudgements,
}

/// A table that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDiffers {
    /// The table.
    pub table: &'static str,
    /// Rows that only this ledger has.
    pub more: u64,
    /// Rows that only the other has.
    pub fewer: u64,
    /// What one of them is about.
    pub example: String,
}

impl Ledger {
    /// Compares every row of every table with those of another ledger, a file that nobody has open.
    pub fn differences(&self, other: &std::path::Path, tables: Tables) -> Result<Vec<TableDiffers>, LedgerError> {
        let failed = LedgerError::sql;
        self.connection
            .execute("ATTACH DATABASE ?1 AS other", params![other.to_string_lossy()])
            .map_err(failed("compare"))?;
        let judged: &[_] = match tables {
            Tables::All => JUDGED,
            Tables::ButJudgements => &[],
        };
        let found: Result<Vec<_>, _> = TABLES.iter().chain(judged).map(|table| self.table(*table)).collect();
        self.connection
            .execute("DETACH DATABASE other", [])
            .map_err(failed("compare"))?;
        Ok(found?.into_iter().flatten().collect())
    }

    fn table(&self, (table, shown): (&'static str, &str)) -> Result<Option<TableDiffers>, LedgerError> {
        let only = |one: &str, other: &str| {
            // Both names are among those above.
            let rows = format!("SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {other}.{table}");
            self.connection
                .query_row(&format!("SELECT count(*), min({shown}) FROM ({rows})"), [], |row| {
                    let example: rusqlite::types::Value = row.get(1)?;
                    let example = match example {
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        _ => String::new(),
                    };
                    Ok((super::query::unsigned(row, 0)?, example))
                })
                .map_err(LedgerError::sql("compare"))
        };
        let (more, one) = only("main", "other")?;
        let (fewer, other) = only("other", "main")?;
        Ok((more + fewer > 0).then_some(TableDiffers {
            table,
            more,
            fewer,
            example: if more > 0 { one } else { other },
        }))
    }

    /// Whether SQLite finds its own file whole.
    pub fn is_whole(&self) -> Result<bool, LedgerError> {
        self.connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0))
            .map(|told| told == "ok")
            .map_err(LedgerError::sql("check"))
    }

    /// Closes the ledger, so that all of it is in its one file.
    pub fn close(self) -> Result<(), LedgerError> {
        // Closing brings it there, too, and says nothing where it cannot (SQLite, sqlite3_close).
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(LedgerError::sql("close"))?;
        self.connection
            .close()
            .map_err(|(_, error)| LedgerError::sql("close")(error))
    }
}
