//! Old seals sealed anew: the archived files by today's digests, under today's key (in the spirit of RFC 4998 §5.3, hash-tree renewal: every file, the
//! old signatures in it included, is digested again, and each renewal covers the ones before).

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};

use super::document::fault;
use super::{Body, Stated, Statements};
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::enclave::StatementFiles;
use crate::model::{Code, Digest, Hasher, Refusal, Stop, Timestamp, Unable};
use crate::report::{self, Record, Report, ReportError};
use crate::trust::{Kind, Revocations, Revoked, TrustError, TrustedRoot};

/// The longest line of a list: a path and two digests.
const MAX_LINE_BYTES: usize = 4 << 10;

/// Digits of a SHA-512.
const SHA512_DIGITS: usize = 128;

/// What was sealed anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// When, by the enclave's clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// The enclave.
    pub enclave: Digest,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// 1.
    pub format: u64,
    /// The list of the files, which lies beside.
    pub list: Covered,
    /// The digest of the renewal before, as it was signed.
    #[serde(deserialize_with = "strict_json::or_null")]
    pub previous: Option<Digest>,
}

/// The list of a renewal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covered {
    /// All its bytes.
    pub bytes: u64,
    /// How many files it lists.
    pub count: u64,
    /// SHA-256 over it.
    pub digest: Digest,
    /// SHA-512 over it, in hexadecimal digits.
    pub sha512: String,
}

/// One file that was sealed anew: a line of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewedFile {
    /// SHA-256 over its bytes.
    pub digest: Digest,
    /// Where it lay, below the enclave's folder.
    pub path: String,
    /// SHA-512 over its bytes, in hexadecimal digits.
    pub sha512: String,
    /// How many bytes it had.
    pub size: u64,
}

impl Renewal {
    pub(super) fn check(&self) -> Result<(), TrustError> {
        let is_sha512 = |text: &str| {
            text.len() == SHA512_DIGITS
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        };
        if !is_sha512(&self.list.sha512) {
            return Err(fault("sha512", "is not 128 hexadecimal digits"));
        }
        Ok(())
    }
}

impl RenewedFile {
    /// Digests a file.
    pub fn of(enclave: &Path, path: &str) -> Result<Self, Stop> {
        let whole = enclave.join(path);
        let cannot = |error: io::Error| Unable::new(format!("cannot read `{}`", whole.display())).because(error);
        let (digest, sha512, size) = File::open(&whole).and_then(digests).map_err(cannot)?;
        Ok(Self {
            digest,
            path: path.to_owned(),
            sha512,
            size,
        })
    }
}

impl Covered {
    /// A list as its renewal names it, and its bytes. Lines are ascending by path.
    pub fn of(files: &[RenewedFile]) -> (Self, Vec<u8>) {
        let mut bytes = Vec::new();
        for file in files {
            bytes.extend(strict_json::write(file));
            bytes.push(b'\n');
        }
        let covered = Self {
            bytes: bytes.len() as u64,
            count: files.len() as u64,
            digest: Digest::of(&bytes),
            sha512: hex(&Sha512::digest(&bytes)),
        };
        (covered, bytes)
    }
}

/// Both digests of some bytes, and how many there are.
fn digests(mut input: impl Read) -> io::Result<(Digest, String, u64)> {
    let (mut sha256, mut sha512, mut size) = (Hasher::new(), Sha512::new(), 0_u64);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok((sha256.finish(), hex(&sha512.finalize()), size));
        }
        sha256.update(&buffer[..count]);
        sha512.update(&buffer[..count]);
        size += count as u64;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every renewal, and what each covers.
#[derive(Debug, Default)]
pub struct Renewals<'s> {
    all: Vec<(&'s Stated, &'s Renewal)>,
    // By SHA-256: which of them, SHA-512 and size.
    files: HashMap<Digest, Vec<(usize, String, u64)>>,
}

impl<'s> Renewals<'s> {
    /// Reads the lists of all renewals: each must be the one that its renewal names, and each renewal follow the one before.
    pub fn of(enclave: &Path, statements: &'s Statements) -> Result<Self, Stop> {
        let mut this = Self::default();
        let mut before: Option<Digest> = None;
        for stated in statements.counting() {
            let Body::Renewal(renewal) = &stated.body else {
                continue;
            };
            let subject = super::load::subject(&stated.record);
            if renewal.previous != before {
                let shown =
                    |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
                return Err(
                    Refusal::new(Code::StateRolledBack, subject, "it does not follow the renewal before")
                        .comparing(shown(renewal.previous), shown(before))
                        .into(),
                );
            }
            before = Some(stated.record.digest);
            let path = StatementFiles::of(enclave).list(stated.record.number, Kind::Renewal.name());
            let (files, place) = (&mut this.files, this.all.len());
            each(&path, &renewal.list, &subject, &mut |line| {
                files
                    .entry(line.digest)
                    .or_default()
                    .push((place, line.sha512, line.size));
            })?;
            this.all.push((stated, renewal));
        }
        Ok(this)
    }

    /// Those that cover a file with the very bytes of this one, the oldest first.
    pub fn covering(&self, file: &Path) -> Result<Vec<(&'s Stated, &'s Renewal)>, Stop> {
        if self.all.is_empty() {
            return Ok(Vec::new());
        }
        let cannot = |error: io::Error| Unable::new(format!("cannot read `{}`", file.display())).because(error);
        let (digest, sha512, size) = File::open(file).and_then(digests).map_err(cannot)?;
        let listed = self.files.get(&digest).map_or(&[][..], Vec::as_slice);
        Ok(listed
            .iter()
            .filter(|(_, other, length)| (other, *length) == (&sha512, size))
            .filter_map(|(place, ..)| self.all.get(*place).copied())
            .collect())
    }

    /// For a report whose key was revoked from some time on: the revocations without that key, and the statement by which it stands all the same, if a renewal
    /// from before that time, by another key, covers it.
    pub fn spare(
        &self,
        file: &Path,
        error: &ReportError,
        revocations: Option<&Revocations>,
    ) -> Result<Option<(Revocations, u64)>, Stop> {
        let ReportError::KeyRevoked {
            key,
            since: Some(since),
            ..
        } = error
        else {
            return Ok(None);
        };
        let covering = self.covering(file)?;
        let by = covering
            .into_iter()
            .find(|(stated, renewal)| renewal.created < *since && !stated.keys.contains(key));
        let (Some((stated, _)), Some(revocations)) = (by, revocations) else {
            return Ok(None);
        };
        let mut without = revocations.clone();
        without.revoked.retain(|one| one.what != Revoked::Key(key.clone()));
        Ok(Some((without, stated.record.number)))
    }

    /// Verifies a report to its end, one whose key was revoked since by the renewal that keeps it.
    pub fn verify(
        &self,
        file: &Path,
        roots: &[TrustedRoot],
        revocations: Option<&Revocations>,
        visit: &mut dyn FnMut(Record),
    ) -> Result<Result<Report, ReportError>, Stop> {
        let mut taken = |record: Record| {
            visit(record);
            Ok::<_, ReportError>(())
        };
        match report::verify(file, roots, revocations, &mut taken) {
            Err(error) => match self.spare(file, &error, revocations)? {
                Some((without, _)) => Ok(report::verify(file, roots, Some(&without), &mut taken)),
                None => Ok(Err(error)),
            },
            Ok(report) => Ok(Ok(report)),
        }
    }
}

/// Fails unless a list is the one that a renewal names.
pub fn check_list(path: &Path, expected: &Covered) -> Result<(), Stop> {
    each(path, expected, &path.display().to_string(), &mut |_| {})
}

/// Reads a list to its end, which must be the one that is named, and gives each line.
fn each(path: &Path, expected: &Covered, subject: &str, visit: &mut dyn FnMut(RenewedFile)) -> Result<(), Stop> {
    let cannot = |error: io::Error| Unable::new(format!("cannot read `{}`", path.display())).because(error);
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Refusal::new(Code::StateRolledBack, subject, "its list of files is missing").into());
        }
        other => other.map_err(cannot)?,
    };
    let differs = || {
        Refusal::new(
            Code::DigestMismatch,
            subject,
            "its list of files is not the one that was signed",
        )
    };
    let mut input = BufReader::new(file).take(expected.bytes.saturating_add(1));
    let (mut sha256, mut sha512, mut bytes, mut count) = (Hasher::new(), Sha512::new(), 0_u64, 0_u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut input)
            .take(MAX_LINE_BYTES as u64)
            .read_until(b'\n', &mut line)
            .map_err(cannot)?;
        if line.is_empty() {
            break;
        }
        sha256.update(&line);
        sha512.update(&line);
        bytes += line.len() as u64;
        count += 1;
        let read = line
            .strip_suffix(b"\n")
            .and_then(|text| strict_json::read::<RenewedFile>(text).ok());
        visit(read.ok_or_else(differs)?);
    }
    let found = Covered {
        bytes,
        count,
        digest: sha256.finish(),
        sha512: hex(&sha512.finalize()),
    };
    if found != *expected {
        return Err(differs().comparing(expected.digest, found.digest).into());
    }
    Ok(())
}
