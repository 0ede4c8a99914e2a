//! One import as one transaction: artifacts and documents go in one by one, what clients shall find is computed from
//! within it, and the commit is the moment at which the import has happened.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::journal::{Journal, Told};
use super::log::write_log;
use super::query::{digest, entry_held, text_json};
use super::{BundleRecord, GenerationRecord, LedgerError, integer, raise_known_time};
use crate::ecosystem::{self, Held};
use crate::model::{Digest, Document, LogState, Name, RelativePath, bundle_label};

/// An import that is not yet committed. Dropped, it leaves no trace.
#[derive(Debug)]
pub struct Import<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) bundle: BundleRecord,
    pub(super) bundle_id: i64,
    pub(super) begun: Begun,
    pub(super) generation: u64,
    // Catalogs list artifacts by name, so nearly every look-up is for the name before.
    pub(super) last_name: RefCell<Option<(Name, i64)>>,
    pub(super) journal: Option<RefCell<Journal>>,
}

/// How an import begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    /// With a bundle that was not here before.
    New,
    /// With the last bundle of its stream once more, for what persons have admitted of it since.
    Again,
}

/// An artifact that an import has recorded.
#[derive(Debug, Clone, Copy)]
pub struct Recorded {
    pub(super) artifact: i64,
    pub(super) name: i64,
    pub(super) bundle: i64,
}

impl Import<'_> {
    /// The number that the new generation will have.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Records which keys signed the bundle's manifest.
    pub fn export_keys<'k>(&self, keys: impl IntoIterator<Item = &'k String>) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let mut statement = self
            .transaction
            .prepare_cached("INSERT OR IGNORE INTO export_keys (key, bundle) VALUES (?1, ?2)")
            .map_err(failed("write"))?;
        for key in keys {
            self.note(&Told::ExportKey(key));
            statement
                .execute(params![key, self.bundle_id])
                .map_err(failed("write"))?;
        }
        Ok(())
    }

    /// Records an object that is now in the store: a proof, a document, a derived file, or anything else worth keeping.
    pub fn object(&self, digest: &Digest, size: u64) -> Result<(), LedgerError> {
        self.note(&Told::Object(digest, size));
        self.list(digest, size)
    }

    fn list(&self, digest: &Digest, size: u64) -> Result<(), LedgerError> {
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO objects (digest, size) VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute(params![digest.as_bytes(), size_of(size)?]))
            .map_err(LedgerError::sql("write"))?;
        // What was pruned and comes again is here again.
        self.transaction
            .prepare_cached("DELETE FROM pruned WHERE digest = ?1")
            .and_then(|mut statement| statement.execute([digest.as_bytes()]))
            .map_err(LedgerError::sql("write"))?;
        Ok(())
    }

    /// Records an artifact with all that `layout` needs. Held with other bytes, it is refused.
    pub fn artifact(&self, held: &Held) -> Result<Recorded, LedgerError> {
        let artifact = &held.artifact;
        self.note(&Told::Artifact {
            artifact,
            derived: &held.derived,
            facts: &held.facts,
            size: held.size,
        });
        let name = self.touch(&artifact.full_name())?;
        self.list(&artifact.digest, held.size)?;
        for (digest, size) in held.derived.values() {
            self.list(digest, *size)?;
        }
        let derived: BTreeMap<_, _> = held
            .derived
            .iter()
            .map(|(label, (digest, _))| (label, digest))
            .collect();
        let failed = LedgerError::sql;
        let id: Option<(i64, Digest)> = self
            .transaction
            .prepare_cached("SELECT id, digest FROM artifacts WHERE name = ?1 AND version = ?2 AND file = ?3")
            .and_then(|mut statement| {
                statement
                    .query_row(params![name, artifact.version, artifact.file], |row| {
                        Ok((row.get(0)?, digest(row, 1)?))
                    })
                    .optional()
            })
            .map_err(failed("read"))?;
        let proofs = text_json(&artifact.proofs, "list of proofs")?;
        let facts = text_json(&held.facts, "facts")?;
        let derived = text_json(&derived, "derived objects")?;
        let id = match id {
            Some((_, held)) if held != artifact.digest => return Err(LedgerError::bytes_differ(artifact, held)),
            Some((id, _)) => {
                self.transaction
                    .prepare_cached(
                        "UPDATE artifacts SET last_bundle = ?2, proofs = ?3, facts = ?4, derived = ?5 WHERE id = ?1",
                    )
                    .and_then(|mut statement| statement.execute(params![id, self.bundle_id, proofs, facts, derived]))
                    .map_err(failed("write"))?;
                id
            }
            None => self
                .transaction
                .prepare_cached(
                    "INSERT INTO artifacts (name, version, file, digest, origin, reason, first_bundle, last_bundle,
                     proofs, facts, derived) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10)",
                )
                .and_then(|mut statement| {
                    statement.insert(params![
                        name,
                        artifact.version,
                        artifact.file,
                        artifact.digest.as_bytes(),
                        artifact.origin,
                        artifact.reason,
                        self.bundle_id,
                        proofs,
                        facts,
                        derived
                    ])
                })
                .map_err(failed("write"))?,
        };
        self.transaction
            .prepare_cached(
                "INSERT INTO presence (artifact, since) SELECT ?1, ?2
                 WHERE NOT EXISTS (SELECT 1 FROM presence WHERE artifact = ?1 AND until IS NULL)",
            )
            .and_then(|mut statement| statement.execute(params![id, size_of(self.generation)?]))
            .map_err(failed("write"))?;
        Ok(Recorded {
            artifact: id,
            name,
            bundle: self.bundle_id,
        })
    }

    pub(super) fn connection(&self) -> &Connection {
        // A transaction is a connection until it ends.
        &self.transaction
    }

    /// Records a registry's document.
    pub fn document(&self, document: &Document, size: u64) -> Result<(), LedgerError> {
        self.note(&Told::Document(document, size));
        let name = self.touch(&Name {
            ecosystem: document.ecosystem.clone(),
            name: document.name.clone(),
        })?;
        self.list(&document.digest, size)?;
        self.transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO documents (name, kind, digest, origin, bundle) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .and_then(|mut statement| {
                statement.execute(params![
                    name,
                    document.kind,
                    document.digest.as_bytes(),
                    document.origin,
                    self.bundle_id
                ])
            })
            .map_err(LedgerError::sql("write"))?;
        Ok(())
    }

    /// Calls back for every name that this import touched.
    pub fn for_each_touched<E: From<LedgerError>>(
        &self,
        mut visit: impl FnMut(&Name) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = LedgerError::sql;
        let mut statement = self
            .transaction
            .prepare("SELECT n.ecosystem, n.name FROM temp.touched t JOIN names n ON n.id = t.name ORDER BY 1, 2")
            .map_err(failed("read"))?;
        let mut rows = statement.query([]).map_err(failed("read"))?;
        while let Some(row) = rows.next().map_err(failed("read"))? {
            visit(&Name {
                ecosystem: row.get(0).map_err(failed("read"))?,
                name: row.get(1).map_err(failed("read"))?,
            })?;
        }
        Ok(())
    }

    /// Calls back for every artifact of a name that clients shall find, by version and file: those of earlier bundles and
    /// those recorded in this import.
    pub fn for_each_held<E: From<LedgerError>>(
        &self,
        name: &Name,
        visit: impl FnMut(Held) -> Result<(), E>,
    ) -> Result<(), E> {
        for_each_held(&self.transaction, name, visit)
    }

    /// All artifacts of a name that clients shall find, this import's included.
    pub fn held(&self, name: &Name) -> Result<Vec<Held>, LedgerError> {
        held(&self.transaction, name)
    }

    /// All names of an ecosystem that begin with a text, this import's included.
    pub fn names_beginning(&self, ecosystem: &str, beginning: &str) -> Result<Vec<Name>, LedgerError> {
        let failed = LedgerError::sql;
        let mut statement = self
            .transaction
            .prepare_cached(
                "SELECT name FROM names WHERE ecosystem = ?1 AND name >= ?2 AND substr(name, 1, length(?2)) = ?2 AND name < ?2 || ?3
                 ORDER BY name",
            )
            .map_err(failed("read"))?;
        // The last character there is: no name with that beginning comes after.
        let rows = statement
            .query_map(params![ecosystem, beginning, "\u{10ffff}"], |row| row.get(0))
            .map_err(failed("read"))?;
        rows.map(|name| {
            Ok(Name {
                ecosystem: ecosystem.to_owned(),
                name: name.map_err(failed("read"))?,
            })
        })
        .collect()
    }

    /// Claims the paths of one name. Another name's path, or one that differs only in case, is refused.
    pub fn paths<'p>(&self, name: &Name, paths: impl IntoIterator<Item = &'p RelativePath>) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let id = self.name_id(name)?;
        let mut told = Vec::new();
        let mut insert = self
            .transaction
            .prepare_cached("INSERT INTO paths (key, path, name) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .map_err(failed("write"))?;
        let mut look = self
            .transaction
            .prepare_cached(
                "SELECT p.path, p.name, n.ecosystem || '/' || n.name FROM paths p JOIN names n ON n.id = p.name
                 WHERE p.key = ?1",
            )
            .map_err(failed("read"))?;
        for path in paths {
            told.push(path.as_str());
            let whole = format!("{}/{path}", name.ecosystem);
            let key = format!("{}/{}", name.ecosystem.to_lowercase(), path.collision_key());
            let spelling = (whole != key).then_some(&whole);
            if insert.execute(params![key, spelling, id]).map_err(failed("write"))? == 1 {
                continue;
            }
            let (held, owner, other): (Option<String>, i64, String) = look
                .query_row([&key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .map_err(failed("read"))?;
            let held = held.unwrap_or(key);
            if owner != id || held != whole {
                return Err(LedgerError::Collision {
                    name: name.clone(),
                    path: path.to_string(),
                    other: format!("{held} of {other}"),
                });
            }
        }
        self.note(&Told::Paths(name, told));
        Ok(())
    }

    /// Frees paths that other names have, or that this one has in another spelling: an import that is told again was right.
    pub(super) fn free_paths(&self, name: &Name, paths: &[RelativePath]) -> Result<(), LedgerError> {
        let failed = LedgerError::sql;
        let id = self.name_id(name)?;
        let mut statement = self
            .transaction
            .prepare_cached("DELETE FROM paths WHERE key = ?1 AND (name <> ?2 OR coalesce(path, key) <> ?3)")
            .map_err(failed("write"))?;
        for path in paths {
            let whole = format!("{}/{path}", name.ecosystem);
            let key = format!("{}/{}", name.ecosystem.to_lowercase(), path.collision_key());
            statement.execute(params![key, id, whole]).map_err(failed("write"))?;
        }
        Ok(())
    }

    /// Commits: from here on the import has happened, and the repository has to show `root`. `log` is what counts of the log
    /// from then on.
    pub fn commit(self, root: Digest, log: Option<&LogState>) -> Result<GenerationRecord, LedgerError> {
        let failed = LedgerError::sql;
        let generation = GenerationRecord {
            number: self.generation,
            root,
            bundle: Some(self.bundle.manifest),
            time: self.bundle.imported,
            note: String::new(),
        };
        self.transaction
            .execute(
                "INSERT INTO generations (number, root, bundle, time, note) VALUES (?1, ?2, ?3, ?4, '')",
                params![
                    integer(generation.number, "the generation's number")?,
                    root.as_bytes(),
                    self.bundle_id,
                    generation.time.seconds()
                ],
            )
            .map_err(failed("write"))?;
        // The exporter's signed time is the one that another machine vouched for; this machine's clock proves nothing.
        raise_known_time(
            &self.transaction,
            self.bundle.created,
            &format!(
                "bundle {}",
                bundle_label(&self.bundle.stream, self.bundle.epoch, self.bundle.sequence)
            ),
        )?;
        if let Some(log) = log {
            write_log(&self.transaction, log)?;
        }
        self.transaction.commit().map_err(failed("commit"))?;
        Ok(generation)
    }

    /// The name's row, marked as touched by this import.
    fn touch(&self, name: &Name) -> Result<i64, LedgerError> {
        if let Some((last, id)) = &*self.last_name.borrow()
            && last == name
        {
            return Ok(*id);
        }
        let id = self.name_id(name)?;
        self.transaction
            .prepare_cached("INSERT OR IGNORE INTO temp.touched (name) VALUES (?1)")
            .and_then(|mut statement| statement.execute([id]))
            .map_err(LedgerError::sql("write"))?;
        *self.last_name.borrow_mut() = Some((name.clone(), id));
        Ok(id)
    }

    fn name_id(&self, name: &Name) -> Result<i64, LedgerError> {
        let failed = LedgerError::sql;
        let held = self
            .transaction
            .prepare_cached("SELECT id FROM names WHERE ecosystem = ?1 AND name = ?2")
            .and_then(|mut statement| {
                statement
                    .query_row([&name.ecosystem, &name.name], |row| row.get(0))
                    .optional()
            })
            .map_err(failed("read"))?;
        match held {
            Some(id) => Ok(id),
            None => {
                let key = ecosystem::find(&name.ecosystem).map_or_else(
                    || name.name.to_lowercase(),
                    |ecosystem| ecosystem.collision_key(&name.name),
                );
                self.refuse_alike(name, &key)?;
                self.transaction
                    .prepare_cached("INSERT INTO names (ecosystem, name, key) VALUES (?1, ?2, ?3)")
                    .and_then(|mut statement| statement.insert([&name.ecosystem, &name.name, &key]))
                    .map_err(failed("write"))
            }
        }
    }

    /// Refuses a new name that could be taken for one that is held.
    fn refuse_alike(&self, name: &Name, key: &String) -> Result<(), LedgerError> {
        let other: Option<String> = self
            .transaction
            .prepare_cached("SELECT name FROM names WHERE ecosystem = ?1 AND key = ?2")
            .and_then(|mut statement| statement.query_row([&name.ecosystem, key], |row| row.get(0)).optional())
            .map_err(LedgerError::sql("read"))?;
        match other {
            Some(other) => Err(LedgerError::NameCollision {
                name: name.clone(),
                other,
            }),
            None => Ok(()),
        }
    }
}

/// All artifacts of one name that clients find now, by version and file.
pub(super) fn held(connection: &Connection, name: &Name) -> Result<Vec<Held>, LedgerError> {
    let mut list = Vec::new();
    for_each_held(connection, name, |held| {
        list.push(held);
        Ok::<_, LedgerError>(())
    })?;
    Ok(list)
}

fn for_each_held<E: From<LedgerError>>(
    connection: &Connection,
    name: &Name,
    mut visit: impl FnMut(Held) -> Result<(), E>,
) -> Result<(), E> {
    let failed = LedgerError::sql;
    let mut statement = connection
        .prepare_cached(
            "SELECT a.version, a.file, a.digest, a.origin, a.reason, a.proofs, a.facts, a.derived, o.size
             FROM names n JOIN artifacts a ON a.name = n.id JOIN objects o ON o.digest = a.digest
             WHERE n.ecosystem = ?1 AND n.name = ?2
             AND EXISTS (SELECT 1 FROM presence p WHERE p.artifact = a.id AND p.until IS NULL)
             ORDER BY a.version, a.file",
        )
        .map_err(failed("read"))?;
    let mut rows = statement.query([&name.ecosystem, &name.name]).map_err(failed("read"))?;
    while let Some(row) = rows.next().map_err(failed("read"))? {
        visit(entry_held(connection, name, row)?)?;
    }
    Ok(())
}

/// A size as SQLite keeps it; used where the error has to be SQLite's own.
fn size_of(size: u64) -> Result<i64, rusqlite::Error> {
    i64::try_from(size).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
