//! Questions that the ledger answers. Long answers are given row by row.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{
    BundleRecord, EcosystemStatus, Entry, Filter, GenerationRecord, Ledger, LedgerError, Presence, Status, StreamState,
    Unfinished, Use,
};
use crate::ecosystem::Held;
use crate::model::{Artifact, Digest, Name, Timestamp};

/// What a bundle's columns are called, for [`bundle_record`].
const BUNDLE: &str = "manifest, stream, epoch, sequence, created, imported, root_version, signers";

impl Ledger {
    /// An imported bundle, by its manifest.
    pub fn bundle(&self, manifest: &Digest) -> Result<Option<BundleRecord>, LedgerError> {
        self.connection
            .prepare_cached(&format!("SELECT {BUNDLE} FROM bundles WHERE manifest = ?1"))
            .and_then(|mut statement| {
                statement
                    .query_row([manifest.as_bytes()], |row| Ok(bundle_record(row, 0)))
                    .optional()
            })
            .map_err(LedgerError::sql("read"))?
            .transpose()
    }

    /// Every imported bundle, in the order of import.
    pub fn bundles(&self) -> Result<Vec<BundleRecord>, LedgerError> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare(&format!("SELECT {BUNDLE} FROM bundles ORDER BY id"))
            .map_err(failed("read"))?;
        let mut rows = statement.query([]).map_err(failed("read"))?;
        let mut list = Vec::new();
        while let Some(row) = rows.next().map_err(failed("read"))? {
            list.push(bundle_record(row, 0)?);
        }
        Ok(list)
    }

    /// The keys that signed an imported bundle's manifest. Empty for one that was imported before they were kept.
    pub fn export_keys(&self, manifest: &Digest) -> Result<Vec<String>, LedgerError> {
        self.connection
            .prepare_cached(
                "SELECT k.key FROM export_keys k JOIN bundles b ON b.id = k.bundle WHERE b.manifest = ?1 ORDER BY k.key",
            )
            .and_then(|mut statement| statement.query_map([manifest.as_bytes()], |row| row.get(0))?.collect())
            .map_err(LedgerError::sql("read"))
    }

    /// How many artifacts were ever imported.
    pub fn artifacts(&self) -> Result<u64, LedgerError> {
        self.connection
            .query_row("SELECT count(*) FROM artifacts", [], |row| unsigned(row, 0))
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every artifact that a bundle was the last to bring.
    pub fn last_brought_by<E: From<LedgerError>>(
        &self,
        manifest: &Digest,
        visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let wanted = vec![Value::from(manifest.as_bytes().to_vec())];
        entries(&self.connection, "l.manifest = ?1", wanted, visit)
    }

    /// The bundle with this number in a stream, if it was imported.
    pub fn bundle_numbered(
        &self,
        stream: &str,
        epoch: u64,
        sequence: u64,
    ) -> Result<Option<BundleRecord>, LedgerError> {
        let (Ok(epoch), Ok(sequence)) = (i64::try_from(epoch), i64::try_from(sequence)) else {
            return Ok(None);
        };
        self.connection
            .prepare_cached(&format!(
                "SELECT {BUNDLE} FROM bundles WHERE stream = ?1 AND epoch = ?2 AND sequence = ?3"
            ))
            .and_then(|mut statement| {
                statement
                    .query_row((stream, epoch, sequence), |row| Ok(bundle_record(row, 0)))
                    .optional()
            })
            .map_err(LedgerError::sql("read"))?
            .transpose()
    }

    /// How far a stream has come; `None` where nothing of it was imported.
    pub fn stream(&self, stream: &str) -> Result<Option<StreamState>, LedgerError> {
        self.connection
            .prepare_cached("SELECT stream, epoch, sequence, manifest FROM streams WHERE stream = ?1")
            .and_then(|mut statement| statement.query_row([stream], stream_state).optional())
            .map_err(LedgerError::sql("read"))
    }

    /// All artifacts of a name that clients find now.
    pub fn held(&self, name: &Name) -> Result<Vec<Held>, LedgerError> {
        super::import::held(&self.connection, name)
    }

    /// Whether the enclave needs an object, be it shown to clients or not.
    pub fn needs(&self, digest: &Digest) -> Result<bool, LedgerError> {
        self.connection
            .prepare_cached(
                "SELECT 1 FROM objects WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM pruned WHERE digest = ?1)
                 UNION ALL SELECT 1 FROM bundles WHERE manifest = ?1",
            )
            .and_then(|mut statement| statement.exists([digest.as_bytes()]))
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every object that the ledger lists and that was not pruned, ascending by digest, with its size in bytes.
    pub fn for_each_object<E: From<LedgerError>>(
        &self,
        mut visit: impl FnMut(&Digest, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT digest, size FROM objects o
                 WHERE NOT EXISTS (SELECT 1 FROM pruned p WHERE p.digest = o.digest) ORDER BY digest",
            )
            .map_err(failed("read"))?;
        let mut rows = statement.query([]).map_err(failed("read"))?;
        while let Some(row) = rows.next().map_err(failed("read"))? {
            let digest = digest(row, 0).map_err(failed("read"))?;
            visit(&digest, unsigned(row, 1).map_err(failed("read"))?)?;
        }
        Ok(())
    }

    /// An object's size in bytes, where the ledger knows the object.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, LedgerError> {
        size(&self.connection, digest)
    }

    /// The newest generation: what the repository has to show.
    pub fn generation(&self) -> Result<Option<GenerationRecord>, LedgerError> {
        newest_generation(&self.connection)
    }

    /// The generations that were not swept, the oldest first.
    pub fn generations(&self) -> Result<Vec<GenerationRecord>, LedgerError> {
        generations(&self.connection, "ORDER BY g.number")
    }

    /// The volumes of a bundle that have come while it is not yet whole.
    pub fn volumes(&self, manifest: &Digest) -> Result<Vec<u32>, LedgerError> {
        self.connection
            .prepare_cached("SELECT volume FROM volumes WHERE manifest = ?1 ORDER BY volume")
            .and_then(|mut statement| statement.query_map([manifest.as_bytes()], |row| row.get(0))?.collect())
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every artifact that fits the filter, by ecosystem, name, version and file.
    pub fn list<E: From<LedgerError>>(
        &self,
        filter: &Filter,
        visit: impl FnMut(Entry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut conditions = Vec::new();
        let mut values: Vec<Value> = Vec::new();
        for (column, wanted) in [
            ("n.ecosystem =", &filter.ecosystem),
            ("n.name GLOB", &filter.name),
            ("a.version =", &filter.version),
            ("a.file =", &filter.file),
        ] {
            if let Some(wanted) = wanted {
                values.push(wanted.clone().into());
                conditions.push(format!("{column} ?{}", values.len()));
            }
        }
        if filter.presence == Presence::Current {
            conditions.push("is_current".to_owned());
        }
        let condition = if conditions.is_empty() {
            "1".to_owned()
        } else {
            conditions.join(" AND ")
        };
        entries(&self.connection, &condition, values, visit)
    }

    /// Everything that a digest stands for.
    pub fn uses(&self, digest: &Digest) -> Result<Vec<Use>, LedgerError> {
        let failed = LedgerError::sql;
        let bytes = || vec![Value::from(digest.as_bytes().to_vec())];
        let mut uses = Vec::new();
        entries(&self.connection, "a.digest = ?1", bytes(), |entry| {
            uses.push(Use::Artifact(Box::new(entry)));
            Ok::<_, LedgerError>(())
        })?;
        {
            let mut statement = self
                .connection
                .prepare_cached(&format!(
                    "SELECT n.ecosystem, n.name, d.kind, d.origin, {BUNDLE} FROM documents d
                     JOIN names n ON n.id = d.name JOIN bundles b ON b.id = d.bundle WHERE d.digest = ?1 ORDER BY 1, 2, 3"
                ))
                .map_err(failed("read"))?;
            let mut rows = statement.query([digest.as_bytes()]).map_err(failed("read"))?;
            while let Some(row) = rows.next().map_err(failed("read"))? {
                uses.push(Use::Document {
                    name: Name {
                        ecosystem: column(row, 0)?,
                        name: column(row, 1)?,
                    },
                    kind: column(row, 2)?,
                    origin: column(row, 3)?,
                    bundle: Box::new(bundle_record(row, 4)?),
                });
            }
        }
        uses.extend(self.bundle(digest)?.map(|bundle| Use::Manifest(Box::new(bundle))));
        if uses.is_empty() {
            // Proofs and derived objects have no index of their own: they are looked up by people, one at a time.
            let like = || vec![Value::from(digest.to_string())];
            entries(&self.connection, "instr(a.proofs, ?1)", like(), |entry| {
                uses.push(Use::Proof(Box::new(entry)));
                Ok::<_, LedgerError>(())
            })?;
            let mut derived = Vec::new();
            entries(&self.connection, "instr(a.derived, ?1)", like(), |entry| {
                derived.push(entry);
                Ok::<_, LedgerError>(())
            })?;
            for entry in derived {
                let labels = self.held(&entry.artifact.full_name())?;
                let label = labels
                    .iter()
                    .filter(|held| held.artifact.digest == entry.artifact.digest)
                    .flat_map(|held| &held.derived)
                    .find(|(_, (derived, _))| derived == digest)
                    .map_or_else(|| "derived".to_owned(), |(label, _)| label.clone());
                uses.push(Use::Derived(label, Box::new(entry)));
            }
        }
        Ok(uses)
    }

    /// Whose a path of the repository is, such as `pypi/files/x.whl`: the name, if any kept generation shows it.
    pub fn path_owner(&self, path: &str) -> Result<Option<Name>, LedgerError> {
        self.connection
            .query_row(
                "SELECT n.ecosystem, n.name FROM paths p JOIN names n ON n.id = p.name
                 WHERE p.key = ?1 AND coalesce(p.path, p.key) = ?2",
                (path.to_lowercase(), path),
                |row| {
                    Ok(Name {
                        ecosystem: row.get(0)?,
                        name: row.get(1)?,
                    })
                },
            )
            .optional()
            .map_err(LedgerError::sql("read"))
    }

    /// The ledger in numbers.
    pub fn status(&self) -> Result<Status, LedgerError> {
        let failed = LedgerError::sql;
        let connection = &self.connection;
        let streams = connection
            .prepare("SELECT stream, epoch, sequence, manifest FROM streams ORDER BY stream")
            .and_then(|mut statement| statement.query_map([], stream_state)?.collect())
            .map_err(failed("read"))?;
        let ecosystems = connection
            .prepare(
                "SELECT n.ecosystem, count(DISTINCT n.id), count(*), sum(o.size) FROM presence p
                 JOIN artifacts a ON a.id = p.artifact JOIN names n ON n.id = a.name JOIN objects o ON o.digest = a.digest
                 WHERE p.until IS NULL GROUP BY 1 ORDER BY 1",
            )
            .and_then(|mut statement| {
                let ecosystem = |row: &Row<'_>| {
                    Ok(EcosystemStatus {
                        ecosystem: row.get(0)?,
                        names: unsigned(row, 1)?,
                        artifacts: unsigned(row, 2)?,
                        bytes: unsigned(row, 3)?,
                    })
                };
                statement.query_map([], ecosystem)?.collect()
            })
            .map_err(failed("read"))?;
        let last_bundle = connection
            .query_row(
                &format!("SELECT {BUNDLE} FROM bundles ORDER BY id DESC LIMIT 1"),
                [],
                |row| Ok(bundle_record(row, 0)),
            )
            .optional()
            .map_err(failed("read"))?
            .transpose()?;
        Ok(Status {
            generation: self.generation()?,
            streams,
            ecosystems,
            bundles: connection
                .query_row("SELECT count(*) FROM bundles", [], |row| unsigned(row, 0))
                .map_err(failed("read"))?,
            last_bundle,
            known_time: self.known_time()?,
            unfinished: self.unfinished()?,
        })
    }

    /// Bundles of which some volumes have come.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, LedgerError> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare("SELECT manifest, volume, seen FROM volumes ORDER BY manifest, volume")
            .map_err(failed("read"))?;
        let mut rows = statement.query([]).map_err(failed("read"))?;
        let mut list: Vec<Unfinished> = Vec::new();
        while let Some(row) = rows.next().map_err(failed("read"))? {
            let manifest = digest(row, 0).map_err(failed("read"))?;
            let seen = Timestamp::from_seconds(column(row, 2)?);
            let volume = column(row, 1)?;
            match list.last_mut().filter(|last| last.manifest == manifest) {
                Some(last) => {
                    last.volumes.push(volume);
                    last.seen = last.seen.max(seen);
                }
                None => list.push(Unfinished {
                    manifest,
                    volumes: vec![volume],
                    seen,
                }),
            }
        }
        Ok(list)
    }
}

pub(super) fn newest_generation(connection: &Connection) -> Result<Option<GenerationRecord>, LedgerError> {
    Ok(generations(connection, "ORDER BY g.number DESC LIMIT 1")?.pop())
}

fn generations(connection: &Connection, order: &str) -> Result<Vec<GenerationRecord>, LedgerError> {
    let record = |row: &Row<'_>| {
        let manifest: Option<[u8; 32]> = row.get(2)?;
        Ok(GenerationRecord {
            number: unsigned(row, 0)?,
            root: digest(row, 1)?,
            bundle: manifest.map(Digest::from_bytes),
            time: Timestamp::from_seconds(row.get(3)?),
            note: row.get(4)?,
        })
    };
    connection
        .prepare_cached(&format!(
            "SELECT g.number, g.root, b.manifest, g.time, g.note FROM generations g
             LEFT JOIN bundles b ON b.id = g.bundle {order}"
        ))
        .and_then(|mut statement| statement.query_map([], record)?.collect())
        .map_err(LedgerError::sql("read"))
}

/// Calls back for artifacts that fit an SQL condition, in which `is_current` may be used.
pub(super) fn entries<E: From<LedgerError>>(
    connection: &Connection,
    condition: &str,
    values: Vec<Value>,
    mut visit: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    let failed = LedgerError::sql;
    let columns = |alias: &str| {
        BUNDLE
            .split(", ")
            .map(|column| format!("{alias}.{column}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut statement = connection
        .prepare_cached(&format!(
            "SELECT n.ecosystem, n.name, a.version, a.file, a.digest, a.origin, a.reason, a.proofs, o.size,
             EXISTS (SELECT 1 FROM presence p WHERE p.artifact = a.id AND p.until IS NULL) AS is_current,
             {}, {} FROM names n JOIN artifacts a ON a.name = n.id JOIN objects o ON o.digest = a.digest
             JOIN bundles f ON f.id = a.first_bundle JOIN bundles l ON l.id = a.last_bundle
             WHERE {condition} ORDER BY n.ecosystem, n.name, a.version, a.file",
            columns("f"),
            columns("l")
        ))
        .map_err(failed("read"))?;
    let mut rows = statement.query(params_from_iter(values)).map_err(failed("read"))?;
    while let Some(row) = rows.next().map_err(failed("read"))? {
        let entry = Entry {
            artifact: Artifact {
                ecosystem: column(row, 0)?,
                name: column(row, 1)?,
                version: column(row, 2)?,
                file: column(row, 3)?,
                digest: digest(row, 4).map_err(failed("read"))?,
                origin: column(row, 5)?,
                reason: column(row, 6)?,
                proofs: json(row, 7, "list of proofs")?,
            },
            size: unsigned(row, 8).map_err(failed("read"))?,
            is_current: column(row, 9)?,
            first_bundle: bundle_record(row, 10)?,
            last_bundle: bundle_record(row, 18)?,
        };
        visit(entry)?;
    }
    Ok(())
}

/// Reads a row of `import::held`.
pub(super) fn entry_held(connection: &Connection, name: &Name, row: &Row<'_>) -> Result<Held, LedgerError> {
    let failed = LedgerError::sql;
    let artifact = Artifact {
        ecosystem: name.ecosystem.clone(),
        name: name.name.clone(),
        version: column(row, 0)?,
        file: column(row, 1)?,
        digest: digest(row, 2).map_err(failed("read"))?,
        origin: column(row, 3)?,
        reason: column(row, 4)?,
        proofs: json(row, 5, "list of proofs")?,
    };
    let labels: BTreeMap<String, Digest> = json(row, 7, "derived objects")?;
    let mut derived = BTreeMap::new();
    for (label, digest) in labels {
        let size = size(connection, &digest)?.ok_or_else(|| LedgerError::SizeUnknown {
            artifact: artifact.to_string(),
            digest,
        })?;
        derived.insert(label, (digest, size));
    }
    Ok(Held {
        artifact,
        size: unsigned(row, 8).map_err(failed("read"))?,
        facts: json(row, 6, "facts")?,
        derived,
    })
}

fn size(connection: &Connection, digest: &Digest) -> Result<Option<u64>, LedgerError> {
    connection
        .prepare_cached("SELECT size FROM objects WHERE digest = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([digest.as_bytes()], |row| unsigned(row, 0))
                .optional()
        })
        .map_err(LedgerError::sql("read"))
}

fn stream_state(row: &Row<'_>) -> rusqlite::Result<StreamState> {
    Ok(StreamState {
        stream: row.get(0)?,
        epoch: unsigned(row, 1)?,
        sequence: unsigned(row, 2)?,
        manifest: digest(row, 3)?,
    })
}

fn bundle_record(row: &Row<'_>, first: usize) -> Result<BundleRecord, LedgerError> {
    let failed = LedgerError::sql;
    Ok(BundleRecord {
        manifest: digest(row, first).map_err(failed("read"))?,
        stream: column(row, first + 1)?,
        epoch: unsigned(row, first + 2).map_err(failed("read"))?,
        sequence: unsigned(row, first + 3).map_err(failed("read"))?,
        created: Timestamp::from_seconds(column(row, first + 4)?),
        imported: Timestamp::from_seconds(column(row, first + 5)?),
        root_version: unsigned(row, first + 6).map_err(failed("read"))?,
        signers: json(row, first + 7, "list of signers")?,
    })
}

fn column<T: rusqlite::types::FromSql>(row: &Row<'_>, index: usize) -> Result<T, LedgerError> {
    row.get(index).map_err(LedgerError::sql("read"))
}

fn json<T: DeserializeOwned>(row: &Row<'_>, index: usize, what: &'static str) -> Result<T, LedgerError> {
    let text: String = column(row, index)?;
    serde_json::from_str(&text).map_err(|_| LedgerError::Damaged { what })
}

pub(super) fn text_json<T: Serialize>(value: &T, what: &'static str) -> Result<String, LedgerError> {
    serde_json::to_string(value).map_err(|_| LedgerError::Damaged { what })
}

/// Reads a digest of exactly 32 bytes.
pub(super) fn digest(row: &Row<'_>, index: usize) -> rusqlite::Result<Digest> {
    row.get(index).map(Digest::from_bytes)
}

pub(super) fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}
