//! How an import begins: with a bundle that was not here before, or with the last one of its stream once more.

use std::cell::RefCell;

use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::import::Begun;
use super::query::{self, text_json};
use super::{BundleRecord, Import, Ledger, LedgerError, integer};

impl Ledger {
    /// Begins the import of a bundle. Its number must follow its stream's last one.
    pub fn begin(&mut self, bundle: BundleRecord) -> Result<Import<'_>, LedgerError> {
        let failed = LedgerError::sql;
        if self.bundle(&bundle.manifest)?.is_some() {
            return Err(LedgerError::BundleKnown {
                manifest: bundle.manifest,
            });
        }
        if let Some(held) = self.stream(&bundle.stream)?
            && (bundle.epoch, bundle.sequence) <= (held.epoch, held.sequence)
        {
            return Err(LedgerError::NotForward {
                stream: bundle.stream,
                epoch: bundle.epoch,
                sequence: bundle.sequence,
                held_epoch: held.epoch,
                held_sequence: held.sequence,
            });
        }
        let transaction = self.lock()?;
        let signers = text_json(&bundle.signers, "list of signers")?;
        transaction
            .execute(
                "INSERT INTO bundles (manifest, stream, epoch, sequence, created, imported, root_version, signers)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    bundle.manifest.as_bytes(),
                    bundle.stream,
                    integer(bundle.epoch, "the epoch")?,
                    integer(bundle.sequence, "the sequence number")?,
                    bundle.created.seconds(),
                    bundle.imported.seconds(),
                    integer(bundle.root_version, "the root's version")?,
                    signers,
                ],
            )
            .map_err(failed("write"))?;
        let bundle_id = transaction.last_insert_rowid();
        transaction
            .execute(
                "INSERT INTO streams (stream, epoch, sequence, manifest) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence,
                 manifest = excluded.manifest",
                params![
                    bundle.stream,
                    integer(bundle.epoch, "the epoch")?,
                    integer(bundle.sequence, "the sequence number")?,
                    bundle.manifest.as_bytes(),
                ],
            )
            .map_err(failed("write"))?;
        Import::of(transaction, bundle, bundle_id, Begun::New)
    }

    /// Begins the import of the last bundle of its stream once more, for what persons have admitted of it since. Neither its row nor its stream's changes.
    pub fn begin_again(&mut self, bundle: BundleRecord) -> Result<Import<'_>, LedgerError> {
        let last = self.stream(&bundle.stream)?;
        if last.is_none_or(|last| last.manifest != bundle.manifest) {
            return Err(LedgerError::NotLast {
                manifest: bundle.manifest,
            });
        }
        let transaction = self.lock()?;
        let bundle_id = transaction
            .query_row(
                "SELECT id FROM bundles WHERE manifest = ?1",
                [bundle.manifest.as_bytes()],
                |row| row.get(0),
            )
            .optional()
            .map_err(LedgerError::sql("read"))?
            .ok_or(LedgerError::NotLast {
                manifest: bundle.manifest,
            })?;
        Import::of(transaction, bundle, bundle_id, Begun::Again)
    }

    fn lock(&mut self) -> Result<Transaction<'_>, LedgerError> {
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(LedgerError::sql("lock"))
    }
}

impl<'a> Import<'a> {
    fn of(
        transaction: Transaction<'a>,
        bundle: BundleRecord,
        bundle_id: i64,
        begun: Begun,
    ) -> Result<Self, LedgerError> {
        let failed = LedgerError::sql;
        transaction
            .execute_batch(
                "CREATE TEMP TABLE IF NOT EXISTS touched (name INTEGER PRIMARY KEY); DELETE FROM temp.touched;",
            )
            .map_err(failed("write"))?;
        transaction
            .execute("DELETE FROM volumes WHERE manifest = ?1", [bundle.manifest.as_bytes()])
            .map_err(failed("write"))?;
        let generation = query::newest_generation(&transaction)?.map_or(0, |newest| newest.number) + 1;
        Ok(Self {
            transaction,
            bundle,
            bundle_id,
            begun,
            generation,
            last_name: RefCell::new(None),
            journal: None,
        })
    }
}
