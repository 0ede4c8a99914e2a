//! What is asked when the last bundle of a stream comes once more, for what persons have admitted of it since: what was here before it came, so that
//! nothing counts against an artifact that came with its own bundle.

use rusqlite::params;

use super::{Ledger, LedgerError};
use crate::model::{Artifact, Digest, Name, Signer};

impl Ledger {
    /// Whether something of a name was here before a bundle came.
    pub fn knew_before(&self, name: &Name, manifest: &Digest) -> Result<bool, LedgerError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2
                 AND a.first_bundle < (SELECT id FROM bundles WHERE manifest = ?3))",
            )
            .and_then(|mut statement| {
                statement.query_row(params![name.ecosystem, name.name, manifest.as_bytes()], |row| {
                    row.get(0)
                })
            })
            .map_err(LedgerError::sql("read"))
    }

    /// Calls back for every name of an ecosystem that was here before a bundle came.
    pub fn names_before<E: From<LedgerError>>(
        &self,
        ecosystem: &str,
        manifest: &Digest,
        mut visit: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = LedgerError::sql;
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT name FROM names n WHERE ecosystem = ?1 AND EXISTS (SELECT 1 FROM artifacts a WHERE a.name = n.id
                 AND a.first_bundle < (SELECT id FROM bundles WHERE manifest = ?2)) ORDER BY 1",
            )
            .map_err(failed("read"))?;
        let mut rows = statement
            .query(params![ecosystem, manifest.as_bytes()])
            .map_err(failed("read"))?;
        while let Some(row) = rows.next().map_err(failed("read"))? {
            let name: String = row.get(0).map_err(failed("read"))?;
            visit(&name)?;
        }
        Ok(())
    }

    /// The publishers of a name that other bundles than this one have pinned.
    pub fn signers_beside(&self, name: &Name, manifest: &Digest) -> Result<Vec<Signer>, LedgerError> {
        let texts = self.texts(
            "SELECT s.signer FROM signers s JOIN names n ON n.id = s.name JOIN bundles b ON b.id = s.bundle
             WHERE n.ecosystem = ?1 AND n.name = ?2 AND b.manifest <> ?3 ORDER BY s.bundle, s.signer",
            name,
            manifest,
        )?;
        texts
            .iter()
            .map(|text| serde_json::from_str(text).map_err(|_| LedgerError::Damaged { what: "signer" }))
            .collect()
    }

    /// The decisions about the artifacts of a name that a bundle was the last to bring.
    pub fn decisions_of(&self, name: &Name, manifest: &Digest) -> Result<Vec<String>, LedgerError> {
        self.texts(
            "SELECT j.decision FROM judgements j JOIN artifacts a ON a.id = j.artifact JOIN names n ON n.id = a.name
             JOIN bundles b ON b.id = a.last_bundle WHERE n.ecosystem = ?1 AND n.name = ?2 AND b.manifest = ?3",
            name,
            manifest,
        )
    }

    /// Whether an artifact was taken with a bundle, or with one that came after it.
    pub fn was_taken(&self, artifact: &Artifact, manifest: &Digest) -> Result<bool, LedgerError> {
        self.connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM artifacts a JOIN names n ON n.id = a.name
                 WHERE n.ecosystem = ?1 AND n.name = ?2 AND a.version = ?3 AND a.file = ?4
                 AND a.last_bundle >= (SELECT id FROM bundles WHERE manifest = ?5))",
            )
            .and_then(|mut statement| {
                let Artifact {
                    ecosystem,
                    name,
                    version,
                    file,
                    ..
                } = artifact;
                statement.query_row(params![ecosystem, name, version, file, manifest.as_bytes()], |row| {
                    row.get(0)
                })
            })
            .map_err(LedgerError::sql("read"))
    }

    fn texts(&self, query: &str, name: &Name, manifest: &Digest) -> Result<Vec<String>, LedgerError> {
        self.connection
            .prepare_cached(query)
            .and_then(|mut statement| {
                statement
                    .query_map(params![name.ecosystem, name.name, manifest.as_bytes()], |row| {
                        row.get(0)
                    })?
                    .collect()
            })
            .map_err(LedgerError::sql("read"))
    }
}
