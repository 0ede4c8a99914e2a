//! Reading a report: the seal first, then the records, each line bounded.
//!
//! Threats: a report that somebody edited, cut, lengthened or forged (the seal over the head, and the digest and count of the
//! records in it), one that a key signed which may not, or not any more (roles and revocations), one that is made to
//! exhaust memory (bounded lines, records as a stream). Exchanged and removed reports are for the folder as a whole: each
//! names the one before.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use super::error::failed;
use super::{FORMAT, Head, MAX_REPORT_RECORD_BYTES, Proven, Record, ReportError};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::strict_json;
use crate::model::{Digest, Hasher};
use crate::trust::{Kind, Revocations, Role, TrustError, TrustedRoot};

/// A report whose head is sealed by a key that may sign reports. Its records are verified as they are read to their end.
#[derive(Debug)]
pub struct Report {
    /// The head.
    pub head: Head,
    /// The digest of the head's exact bytes: the report's identity.
    pub digest: Digest,
    /// Who signed it.
    pub persons: Vec<String>,
    /// With which keys.
    pub keys: Vec<String>,
    /// The version of the root by which that counts.
    pub root_version: u64,
    /// What it proves of the log, once its records are read to their end; none where no log was kept.
    pub log: Option<Proven>,
    lines: BufReader<File>,
    path: std::path::PathBuf,
    hasher: Hasher,
    read: u64,
    bytes: u64,
    is_ended: bool,
}

/// Opens a report and verifies its seal by the newest root that knows enough of its signers: a key that has left since has signed
/// it all the same. `roots` are in their order.
pub fn open(path: &Path, roots: &[TrustedRoot], revocations: Option<&Revocations>) -> Result<Report, ReportError> {
    let (envelope, lines) = read_envelope(path)?;
    let mut newest = None;
    let mut judged = None;
    for root in roots.iter().rev() {
        match root.verify(Role::Import, Kind::Report, &envelope) {
            Ok(vouched) => {
                judged = Some((vouched, root.document().version));
                break;
            }
            Err(error) => newest = newest.or(Some(error)),
        }
    }
    let Some((vouched, root_version)) = judged else {
        let error = newest.unwrap_or(TrustError::NotEnough {
            kind: Kind::Report,
            role: Role::Import,
            threshold: 1,
            persons: Vec::new(),
        });
        return Err(error.into());
    };
    for key in &vouched.keys {
        if let Some(revocation) = revocations.and_then(|document| document.key(&key.to_string())) {
            return Err(ReportError::KeyRevoked {
                key: key.to_string(),
                since: revocation.invalid_since,
                reason: revocation.reason.clone(),
            });
        }
    }
    let head = read_head(&vouched.payload)?;
    let log = match &head.log {
        Some(part) => Some(Proven::check(part, roots, revocations)?),
        None => None,
    };
    Ok(Report {
        head,
        log,
        digest: Digest::of(&vouched.payload),
        keys: vouched.keys.iter().map(ToString::to_string).collect(),
        persons: vouched.persons,
        root_version,
        lines,
        path: path.to_owned(),
        hasher: Hasher::new(),
        read: 0,
        bytes: 0,
        is_ended: false,
    })
}

/// Verifies a whole report, records included, and calls back for each of them.
pub fn verify<E: From<ReportError>>(
    path: &Path,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
    mut visit: impl FnMut(Record) -> Result<(), E>,
) -> Result<Report, E> {
    let mut report = open(path, roots, revocations)?;
    while let Some(record) = report.next()? {
        visit(record)?;
    }
    Ok(report)
}

impl Report {
    /// The next record; after the last one the digest and the count are compared. What was read before is only then verified.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, ReportError> {
        let number = self.read + 1;
        let mut line = Vec::new();
        // One byte more than allowed, so that a longer line is seen to be longer.
        (&mut self.lines)
            .take(MAX_REPORT_RECORD_BYTES as u64 + 1)
            .read_until(b'\n', &mut line)
            .map_err(failed("read", &self.path))?;
        if line.is_empty() {
            self.check_end()?;
            if let Some(log) = &mut self.log
                && !std::mem::replace(&mut self.is_ended, true)
            {
                log.add(&self.head.leaf());
                log.finish()?;
            }
            return Ok(None);
        }
        if line.len() > MAX_REPORT_RECORD_BYTES {
            return Err(ReportError::RecordTooLarge {
                number,
                limit: MAX_REPORT_RECORD_BYTES,
            });
        }
        self.hasher.update(&line);
        self.bytes += line.len() as u64;
        self.read = number;
        if number > self.head.records.count {
            return Err(ReportError::RecordsCount {
                expected: self.head.records.count,
                found: number,
            });
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let record: Record = strict_json::read(text).map_err(|source| ReportError::Record { number, source })?;
        record.check()?;
        if let Some(log) = &mut self.log {
            log.add(&record.leaf(self.head.number, Digest::of(text)));
        }
        Ok(Some(record))
    }

    fn check_end(&self) -> Result<(), ReportError> {
        let expected = self.head.records;
        if self.read != expected.count {
            return Err(ReportError::RecordsCount {
                expected: expected.count,
                found: self.read,
            });
        }
        if self.bytes != expected.bytes {
            return Err(ReportError::RecordsBytes {
                expected: expected.bytes,
                found: self.bytes,
            });
        }
        let found = self.hasher.clone().finish();
        if found != expected.digest {
            return Err(ReportError::RecordsDiffer {
                expected: expected.digest,
                found,
            });
        }
        Ok(())
    }
}

fn read_head(payload: &[u8]) -> Result<Head, ReportError> {
    let head: Head = strict_json::read(payload).map_err(ReportError::Head)?;
    if head.format != FORMAT {
        return Err(ReportError::UnknownFormat { found: head.format });
    }
    head.check()?;
    Ok(head)
}

/// The envelope of a report of this enclave's own folder, of which only the payload's digest is wanted.
pub(super) fn untrusted_envelope(path: &Path) -> Result<Envelope, ReportError> {
    Ok(read_envelope(path)?.0)
}

/// The head of a report that this program was writing when it was killed, and its digest.
pub(super) fn untrusted_head(path: &Path) -> Result<(Head, Digest), ReportError> {
    let payload = untrusted_envelope(path)?.payload;
    Ok((read_head(&payload)?, Digest::of(&payload)))
}

fn read_envelope(path: &Path) -> Result<(Envelope, BufReader<File>), ReportError> {
    let mut lines = BufReader::new(File::open(path).map_err(failed("open", path))?);
    let mut line = Vec::new();
    (&mut lines)
        .take(MAX_ENVELOPE_BYTES as u64 + 2)
        .read_until(b'\n', &mut line)
        .map_err(failed("read", path))?;
    let envelope = line.strip_suffix(b"\n").unwrap_or(&line);
    if envelope.len() > MAX_ENVELOPE_BYTES {
        return Err(ReportError::HeadTooLarge {
            limit: MAX_ENVELOPE_BYTES,
        });
    }
    Ok((Envelope::read(envelope)?, lines))
}
