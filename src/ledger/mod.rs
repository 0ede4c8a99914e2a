//! What the enclave remembers: `state.db`, one SQLite database.
//!
//! The commit of [`Import`] is the commit point of an import: before it nothing has happened, after it everything has,
//! and `repository` only has to show it ([`crate::repository::Repository::recover`]). Sequence numbers and the known time only
//! move forward. An artifact's (ecosystem, name, version, file) never changes its bytes. Paths that differ only in
//! case are refused over the whole repository, whatever file system it lies on.
//!
//! Every commit is durable (WAL with `synchronous=FULL`); a reader never blocks the writer.
#![expect(clippy::disallowed_methods, reason = "the ledger is a file on disk")]

mod again;
mod ask;
mod begin;
mod error;
mod import;
mod journal;
mod judgement;
mod log;
mod query;
mod record;
mod rejudge;
mod rollback;
mod same;
mod statement;
mod upstream;

use std::fs;
use std::io;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use rustix::fs::Access;

use crate::model::{Digest, LogState, Timestamp};
pub use error::LedgerError;
pub use import::{Import, Recorded};
pub use journal::{Journaled, Replay, Sink};
pub use judgement::{Judgement, is_signer, rests_on, search_key};
pub use record::{
    BundleRecord, EcosystemStatus, Entry, Filter, GenerationRecord, Presence, Status, StreamState, Unfinished, Use,
};
pub use rejudge::Rejudging;
pub use same::{TableDiffers, Tables};
pub use statement::{Shown, StatementRecord};

/// Schema 1; later ones are steps from the one before, chosen by `user_version`.
const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema2.sql"),
    include_str!("schema3.sql"),
    include_str!("schema4.sql"),
    include_str!("schema5.sql"),
    include_str!("schema6.sql"),
    include_str!("schema7.sql"),
];

/// Marks the file as sealift's in SQLite's header: "seal" in ASCII.
const APPLICATION_ID: i32 = 0x7365_616c;

/// How long a reader waits for a checkpoint: far more than one takes.
const BUSY_MILLISECONDS: u64 = 10_000;

/// How much of the database is kept in memory, in KiB. What a transaction of some thousand artifacts changes fits, so that nothing of it is
/// written, and waited for, before it commits.
const CACHE_KIB: i64 = 16 << 10;

/// SQL statements kept prepared: a little more than an import uses.
const PREPARED_STATEMENTS: usize = 64;

/// The enclave's memory.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
}

impl Ledger {
    /// Makes a new, empty ledger. There must be none. It appears whole or not at all: a kill on the way leaves a file of
    /// another name, which the next call removes.
    pub fn create(path: &Path) -> Result<Self, LedgerError> {
        if path.exists() {
            return Err(LedgerError::Exists { path: path.to_owned() });
        }
        let failed = |source| LedgerError::File {
            what: "make",
            path: path.to_owned(),
            source,
        };
        let aside = path.with_extension("new");
        for leftover in ["new", "new-journal", "new-wal", "new-shm"] {
            match fs::remove_file(path.with_extension(leftover)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&aside, flags).map_err(LedgerError::sql("make"))?;
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(LedgerError::sql("make"))?;
        let this = Self { connection };
        this.prepare(path)?;
        // Everything is brought into the one file, which is then renamed.
        this.close()?;
        fs::rename(&aside, path).map_err(failed)?;
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Self::open(path)
    }

    /// Opens the ledger, bringing an older schema up to date.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        if !path.exists() {
            return Err(LedgerError::Missing { path: path.to_owned() });
        }
        // SQLite's own words leave out the file and the reason. Asked without opening it: closing a second descriptor
        // would drop the locks that this process holds on the file (SQLite, "How To Corrupt" §2.2).
        rustix::fs::access(path, Access::READ_OK | Access::WRITE_OK).map_err(|error| LedgerError::File {
            what: "open",
            path: path.to_owned(),
            source: error.into(),
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(LedgerError::sql("open"))?;
        let id: i32 = connection
            .query_row("PRAGMA application_id", [], |row| row.get(0))
            .map_err(|error| match error.sqlite_error_code() {
                // Whoever has no rights to the file must not be told to restore it.
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    LedgerError::NotALedger { path: path.to_owned() }
                }
                _ => LedgerError::Sql {
                    what: "open",
                    source: error,
                },
            })?;
        if id != APPLICATION_ID {
            return Err(LedgerError::NotALedger { path: path.to_owned() });
        }
        let this = Self { connection };
        this.prepare(path)?;
        Ok(this)
    }

    fn prepare(&self, path: &Path) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let connection = &self.connection;
        connection
            .busy_timeout(std::time::Duration::from_millis(BUSY_MILLISECONDS))
            .map_err(failed("open"))?;
        connection
            .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
            .map_err(failed("open"))?;
        connection
            .pragma_update(None, "synchronous", "full")
            .map_err(failed("open"))?;
        connection
            .pragma_update(None, "foreign_keys", true)
            .map_err(failed("open"))?;
        connection
            .pragma_update(None, "cache_size", -CACHE_KIB)
            .map_err(failed("open"))?;
        // Nothing in a row of the database may name a function or table to run.
        connection
            .pragma_update(None, "trusted_schema", false)
            .map_err(failed("open"))?;
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let found: i64 = connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(failed("open"))?;
        if found > known {
            return Err(LedgerError::Newer {
                path: path.to_owned(),
                found,
                known,
            });
        }
        for (version, migration) in (1_i64..).zip(MIGRATIONS) {
            if version > found {
                connection
                    .execute_batch(&format!(
                        "BEGIN IMMEDIATE; {migration} PRAGMA user_version = {version}; COMMIT;"
                    ))
                    .map_err(failed("bring up to date"))?;
            }
        }
        Ok(())
    }

    /// The latest time that a signed document proved, and which one.
    pub fn known_time(&self) -> Result<Option<(Timestamp, String)>, LedgerError> {
        self.connection
            .query_row("SELECT time, source FROM known_time", [], |row| {
                Ok((Timestamp::from_seconds(row.get(0)?), row.get(1)?))
            })
            .optional()
            .map_err(LedgerError::sql("read"))
    }

    /// Raises the known time; an earlier one changes nothing.
    pub fn raise_known_time(&self, time: Timestamp, source: &str) -> Result<(), LedgerError> {
        raise_known_time(&self.connection, time, source)
    }

    /// Remembers that a volume of a bundle has come.
    pub fn volume_came(&self, manifest: &Digest, volume: u32, now: Timestamp) -> Result<(), LedgerError> {
        self.connection
            .execute(
                "INSERT INTO volumes (manifest, volume, seen) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET seen = max(seen, excluded.seen)",
                params![manifest.as_bytes(), volume, now.seconds()],
            )
            .map_err(LedgerError::sql("write"))?;
        Ok(())
    }

    /// Forgets the volumes of a bundle that will not come whole. Its import forgets them by itself.
    pub fn forget_volumes(&self, manifest: &Digest) -> Result<(), LedgerError> {
        self.connection
            .execute("DELETE FROM volumes WHERE manifest = ?1", [manifest.as_bytes()])
            .map_err(LedgerError::sql("write"))?;
        Ok(())
    }

    /// Forgets generations that were swept. The newest is never forgotten. `log` is what counts of the log from then on.
    pub fn forget_generations(&self, numbers: &[u64], log: Option<&LogState>) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let transaction = self.connection.unchecked_transaction().map_err(failed("write"))?;
        {
            let mut statement = transaction
                .prepare_cached(
                    "DELETE FROM generations WHERE number = ?1 AND number < (SELECT max(number) FROM generations)",
                )
                .map_err(failed("write"))?;
            for number in numbers {
                statement
                    .execute([integer(*number, "a generation's number")?])
                    .map_err(failed("write"))?;
            }
        }
        if let Some(log) = log {
            log::write_log(&transaction, log)?;
        }
        transaction.commit().map_err(failed("write"))
    }

    /// Every path that a name has, in its own spelling.
    pub fn for_each_path<E: From<LedgerError>>(&self, mut visit: impl FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare("SELECT coalesce(path, key) FROM paths")
            .map_err(failed("read"))?;
        let mut rows = statement.query([]).map_err(failed("read"))?;
        while let Some(row) = rows.next().map_err(failed("read"))? {
            let path: String = row.get(0).map_err(failed("read"))?;
            visit(&path)?;
        }
        Ok(())
    }

    /// Forgets paths that no kept generation shows: another name may have them now.
    pub fn forget_paths(&self, paths: &[String]) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let transaction = self.connection.unchecked_transaction().map_err(failed("write"))?;
        {
            let mut statement = transaction
                .prepare_cached("DELETE FROM paths WHERE key = ?1")
                .map_err(failed("write"))?;
            for path in paths {
                statement.execute([path.to_lowercase()]).map_err(failed("write"))?;
            }
        }
        transaction.commit().map_err(failed("write"))
    }
}

fn raise_known_time(connection: &Connection, time: Timestamp, source: &str) -> Result<(), LedgerError> {
    connection
        .execute(
            "INSERT INTO known_time (only, time, source) VALUES (1, ?1, ?2)
             ON CONFLICT DO UPDATE SET time = excluded.time, source = excluded.source WHERE excluded.time > time",
            params![time.seconds(), source],
        )
        .map_err(LedgerError::sql("write"))?;
    Ok(())
}

/// SQLite's integers are signed.
fn integer(number: u64, what: &'static str) -> Result<i64, LedgerError> {
    i64::try_from(number).map_err(|_| LedgerError::TooLarge { what })
}
