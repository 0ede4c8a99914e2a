//! What was signed about an enclave's own records, as the commands need it.

use std::path::Path;

use super::report::Judge;
use super::shown::holder;
use crate::enclave::{self, Enclave};
use crate::import::site::Site;
use crate::ledger::{Ledger, LedgerError};
use crate::model::Stop;
use crate::report::LostReport;
use crate::statement::{self, Absent, Statements};
use crate::trust::folder::TrustFolder;

/// An enclave that is about to take a statement, or to act by those that it has.
pub(super) struct Opened {
    pub(super) trust: TrustFolder,
    pub(super) site: Site,
    pub(super) enclave: Enclave,
    pub(super) statements: Statements,
}

/// Opens it to be changed. Fails where the trust that stands is older than what counted here before: who was revoked since would sign again.
pub(super) fn open(folder: &Path, command: &str) -> Result<Opened, Stop> {
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let site = Site::load(&trust)?;
    let enclave = Enclave::open(folder, &holder(command))?;
    site.check_not_rolled_back(&trust, &enclave.ledger)?;
    let statements = of(folder, &enclave.ledger, &trust, &site)?;
    Ok(Opened {
        trust,
        site,
        enclave,
        statements,
    })
}

/// The statements of an enclave. Fails where one is missing or is not the one that was taken.
pub(super) fn of(folder: &Path, ledger: &Ledger, trust: &TrustFolder, site: &Site) -> Result<Statements, Stop> {
    let revocations = site.revocations().map(|(_, document)| document);
    let statements = statement::of_enclave(folder, ledger, trust.roots(), revocations)?;
    statements.check()?;
    Ok(statements)
}

/// The statements of a folder whose memory may be missing, of which then nothing is known.
pub(super) fn beside(folder: &Path, judge: &Judge) -> Result<Statements, Stop> {
    match enclave::read(folder) {
        Err(LedgerError::Missing { .. }) => Ok(Statements::default()),
        ledger => statement::of_enclave(folder, &ledger?, &judge.roots, judge.revocations.as_ref()),
    }
}

/// The reports of whose loss enough persons have taken note.
pub(super) fn lost(folder: &Path, ledger: &Ledger, trust: &TrustFolder) -> Result<Vec<LostReport>, Stop> {
    if ledger.statements()?.is_empty() {
        return Ok(Vec::new());
    }
    let statements = of(folder, ledger, trust, &Site::load(trust)?)?;
    Ok(Absent::of(&statements).lost(&statements))
}
