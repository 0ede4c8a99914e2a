//! Sealing anew what is kept: every report and statement that still verifies, by today's digests, under today's key.

use std::path::Path;

use crate::crypto::key::Signer;
use crate::enclave::{Enclave, Statement, StatementFiles};
use crate::import::record;
use crate::model::{Digest, Stop, Timestamp, Unable};
use crate::report::ReportError;
use crate::statement::{Body, Covered, FORMAT, Renewal, Renewals, RenewedFile, Statements};
use crate::trust::{self, Kind, Revocations, TrustedRoot};

/// What was sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// The statement that says so.
    pub statement: u64,
    /// How many files it covers.
    pub files: u64,
    /// What does not verify, and so was left out: the file, and why. A new seal gives back no trust.
    pub left_out: Vec<(String, String)>,
}

/// Digests everything that verifies, and signs the list.
pub fn reseal(
    enclave: &Enclave,
    statements: &Statements,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<Resealed, Stop> {
    let folder = enclave.repository.folder();
    let renewals = Renewals::of(folder, statements)?;
    let mut files = Vec::new();
    let mut left_out = Vec::new();
    let reports = record::folder(folder);
    for listed in reports.list()? {
        let below = below(folder, &listed.path);
        match renewals.verify(&listed.path, roots, revocations, &mut |_| {})? {
            Ok(report) => {
                files.push(RenewedFile::of(folder, &below)?);
                // The head names its journal by its digest, so it is what it was.
                let journal = reports.journal(&report.head);
                if journal.is_file() {
                    files.push(RenewedFile::of(folder, &self::below(folder, &journal))?);
                }
            }
            Err(error @ ReportError::File { .. }) => return Err(error.into()),
            Err(error) => left_out.push((below, error.to_string())),
        }
    }
    let stated = StatementFiles::of(folder);
    let mut previous = None;
    for one in statements.counting() {
        let path = stated.path(one.record.number, &one.record.what);
        files.push(RenewedFile::of(folder, &below(folder, &path))?);
        if matches!(one.body, Body::Renewal(_)) {
            let list = stated.list(one.record.number, &one.record.what);
            files.push(RenewedFile::of(folder, &below(folder, &list))?);
            previous = Some(one.record.digest);
        }
    }
    for (record, error) in statements.refused() {
        let path = stated.path(record.number, &record.what);
        left_out.push((below(folder, &path), error.to_string()));
    }
    for root in roots {
        let path = format!("trust/roots/{}.dsse.json", root.document().version);
        files.push(RenewedFile::of(folder, &path)?);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let (list, bytes) = Covered::of(&files);
    let id = roots
        .last()
        .map(|root| *root.document().enclave.id.digest())
        .ok_or_else(|| Unable::new("no root says whose records these are"))?;
    let body = Body::Renewal(Renewal {
        created: now,
        critical: Default::default(),
        enclave: id,
        ext: Default::default(),
        format: FORMAT,
        list,
        previous,
    });
    let payload = body.write().map_err(|error| error.refusal("the renewal"))?;
    let envelope = trust::sign(Kind::Renewal, payload, &[signer])
        .map_err(|error| Unable::new("cannot sign the renewal").because(error))?;
    let record = enclave.state(
        &Statement {
            what: Kind::Renewal.name(),
            envelope: &envelope,
            pruned: &[] as &[Digest],
            list: Some(&bytes),
        },
        now,
    )?;
    Ok(Resealed {
        statement: record.number,
        files: files.len() as u64,
        left_out,
    })
}

fn below(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).display().to_string()
}
