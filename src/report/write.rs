//! Writing a report: records aside, one by one, then the head before them.

use std::fs;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::NamedTempFile;

use super::error::failed;
use super::{Head, Record, Records, ReportError, Tally};
use crate::crypto::key::Signer;
use crate::crypto::strict_json;
use crate::model::{Digest, Hasher, Signer as Vouching};
use crate::trust::{self, Kind};

/// The longest line of a record, in bytes: hundreds of findings of some thousand bytes each.
pub const MAX_REPORT_RECORD_BYTES: usize = 8 << 20;

/// Findings of one artifact that a record holds: an artifact brings a handful of proofs, a list of certificates some dozens.
const MAX_FINDINGS: usize = 250;

/// Texts within a finding, in bytes, so that no record grows beyond its limit.
const MAX_FINDING_BYTES: usize = 12 << 10;

/// Certificates above a signer's that a shortened finding keeps: real chains have three.
const MAX_CHAIN: usize = 8;

/// Records that lie aside until their head is known.
#[derive(Debug)]
pub struct Aside {
    file: BufWriter<NamedTempFile>,
    hasher: Hasher,
    bytes: u64,
    count: u64,
    tally: Tally,
}

impl Aside {
    /// Begins in a folder.
    pub fn begin(folder: &Path) -> Result<Self, ReportError> {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        let file = tempfile::Builder::new()
            .prefix(super::folder::ASIDE)
            // Who may read the enclave may read its reports.
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(failed("make a file in", folder))?;
        Ok(Self {
            file: BufWriter::new(file),
            hasher: Hasher::new(),
            bytes: 0,
            count: 0,
            tally: Tally::default(),
        })
    }

    /// Adds a record. Gives it as it was written, and the digest of its line without the end.
    pub fn add(&mut self, mut record: Record) -> Result<(Record, Digest), ReportError> {
        shorten(&mut record);
        self.tally.count(&record);
        let mut line = strict_json::write(&record);
        let digest = Digest::of(&line);
        line.push(b'\n');
        self.hasher.update(&line);
        self.bytes += line.len() as u64;
        self.count += 1;
        let path = self.file.get_ref().path().to_owned();
        self.file.write_all(&line).map_err(failed("write", &path))?;
        Ok((record, digest))
    }

    /// What was added, as the head names it.
    pub fn records(&self) -> Records {
        Records {
            bytes: self.bytes,
            count: self.count,
            digest: self.hasher.clone().finish(),
        }
    }

    /// What the head says about what was added.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Seals the head and writes the whole report under a path that does not exist, which the caller makes durable together with what
    /// else belongs to the attempt. Gives the digest of the head.
    pub fn finish(self, head: &mut Head, signer: Option<&dyn Signer>, path: &Path) -> Result<Digest, ReportError> {
        head.records = self.records();
        let Self { file, bytes, .. } = self;
        let payload = strict_json::write(head);
        let digest = Digest::of(&payload);
        let signers: Vec<&dyn Signer> = signer.into_iter().collect();
        let envelope = trust::sign(Kind::Report, payload, &signers)?.write();
        let folder = path.parent().unwrap_or(Path::new("."));
        let write = failed("write", path);
        let aside = file.into_inner().map_err(|error| write(error.into_error()))?;
        let whole = tempfile::Builder::new()
            .prefix(super::folder::ASIDE)
            .permissions(fs::Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .map_err(failed("make a file in", folder))?;
        // Opened anew, it is read from its beginning.
        let records = aside.reopen().map_err(&write)?;
        let mut output = BufWriter::new(whole);
        output
            .write_all(&envelope)
            .and_then(|()| output.write_all(b"\n"))
            .and_then(|()| io::copy(&mut BufReader::new(records.take(bytes)), &mut output))
            .map_err(&write)?;
        let whole = output.into_inner().map_err(|error| write(error.into_error()))?;
        whole.persist_noclobber(path).map_err(|error| write(error.error))?;
        Ok(digest)
    }
}

/// Cuts what no proof needs to be understood: a record must stay readable whatever a proof holds.
pub(crate) fn shorten(record: &mut Record) {
    let left_out = record.findings.len().saturating_sub(MAX_FINDINGS);
    record.findings.truncate(MAX_FINDINGS);
    for finding in &mut record.findings {
        if serde_json::to_vec(finding).map_or(0, |text| text.len()) <= MAX_FINDING_BYTES {
            continue;
        }
        finding.reason = super::short(&finding.reason);
        finding.claims.clear();
        finding.notes.clear();
        finding.kind = super::short(&finding.kind);
        finding.signers.truncate(1);
        finding.through.truncate(1);
        for signer in finding.signers.iter_mut().chain(&mut finding.through) {
            shorten_signer(signer);
        }
        finding.anchors.truncate(1);
        finding
            .notes
            .push("left out: what the proof says beside this".to_owned());
    }
    if left_out > 0 {
        let note = format!("{left_out} more findings are left out of the report");
        if let Some(last) = record.findings.last_mut() {
            last.notes.push(note);
        }
    }
}

/// Whoever signed may have long names: their beginnings tell them apart well enough.
fn shorten_signer(signer: &mut Vouching) {
    let texts: Vec<&mut String> = match signer {
        Vouching::Key {
            fingerprint,
            owner,
            subkey,
        } => std::iter::once(fingerprint).chain(owner).chain(subkey).collect(),
        Vouching::Certificate {
            fingerprint,
            subject,
            issuer,
            chain,
        } => {
            chain.truncate(MAX_CHAIN);
            chain.iter_mut().chain([fingerprint, subject, issuer]).collect()
        }
        Vouching::Identity(identity) => {
            identity.fields.clear();
            vec![&mut identity.issuer, &mut identity.subject]
        }
    };
    for text in texts {
        *text = super::short(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Finding, Identity, Level};

    #[test]
    fn no_proof_makes_a_record_longer_than_a_reader_takes() {
        let long = "\u{1}".repeat(1 << 16);
        let identity = Vouching::Identity(Identity {
            issuer: long.clone(),
            subject: long.clone(),
            fields: Default::default(),
        });
        let mut finding = Finding::confirmed(&long, Level::Provenance, long.clone())
            .by(identity)
            .noting(long.clone());
        finding.claims.push((long.clone(), long));
        let mut record = Record::plain(vec![finding; MAX_FINDINGS + 10]);
        shorten(&mut record);
        assert_eq!(record.findings.len(), MAX_FINDINGS);
        let last = record.findings.last().unwrap();
        assert!(last.is_confirmed() && last.notes.iter().any(|note| note.starts_with("10 more findings")));
        assert!(strict_json::write(&record).len() < MAX_REPORT_RECORD_BYTES);
    }
}
