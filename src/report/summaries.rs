//! Reading signed verification summaries back, and holding them against the report that they are of (`bundle-spec/report.md` §5).
//!
//! Threats, each with its defence:
//! - A statement that somebody wrote: the role `import` signs each line, as it signs reports, with in-toto's payload type.
//! - A true statement about another report or artifact: each line names the report's digest, and stands where its record does.
//! - A statement that says more than the report: `PASSED` of what the report kept out, or a SLSA level, which no anchor proves.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::render::{PAYLOAD_TYPE, PREDICATE, REPORT_FIELD, STATEMENT, passes};
use super::{Record, Report, ReportError};
use crate::crypto::dsse::{DsseError, Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::key::KeyId;
use crate::crypto::strict_json::{self, JsonError};
use crate::model::{Code, Digest, Refusal, Stop, Unable};
use crate::trust::{Revocations, Role, TrustedRoot};

/// What the summaries of a report say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summarized {
    /// How many say that their artifact passed.
    pub passed: u64,
    /// How many say that it did not.
    pub failed: u64,
    /// Who signed them.
    pub persons: BTreeSet<String>,
}

impl fmt::Display for Summarized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let persons: Vec<&str> = self.persons.iter().map(String::as_str).collect();
        let Self { passed, failed, .. } = self;
        write!(f, "{passed} passed, {failed} failed, signed by {}", persons.join(", "))
    }
}

/// Verification summaries do not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SummaryError {
    /// The report does not count, so nothing can be held against it.
    #[error("the report does not count")]
    Report(#[from] ReportError),
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is longer than an envelope may be.
    #[error("line {line} is longer than {MAX_ENVELOPE_BYTES} bytes")]
    TooLong {
        /// Which, from 1.
        line: u64,
    },
    /// A line is no envelope.
    #[error("line {line} is no envelope")]
    Envelope {
        /// Which, from 1.
        line: u64,
        /// Why.
        source: DsseError,
    },
    /// A line holds another kind of document.
    #[error("line {line} is no in-toto statement")]
    WrongKind {
        /// Which, from 1.
        line: u64,
        /// Its payload type.
        found: String,
    },
    /// Too few persons with the role import have signed a line.
    #[error("too few persons with the role import have signed line {line}")]
    NotSigned {
        /// Which, from 1.
        line: u64,
    },
    /// A key that signed a line is revoked.
    #[error("the key that signed line {line} is revoked: {reason}")]
    KeyRevoked {
        /// Which, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
    /// What is signed is not JSON as it should be.
    #[error("line {line} is no verification summary")]
    Json {
        /// Which, from 1.
        line: u64,
        /// Why.
        source: JsonError,
    },
    /// What is signed is no verification summary as this program writes them.
    #[error("line {line} is no verification summary: {reason}")]
    Form {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A statement is not what the report gives.
    #[error("line {line} {reason}")]
    Differs {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// There are more or fewer lines than records.
    #[error("it has {found} statements, and the report {expected} records")]
    Count {
        /// The report's records.
        expected: u64,
        /// The lines.
        found: u64,
    },
}

impl SummaryError {
    /// As a stop, about a file of summaries.
    pub fn stop(self, subject: impl Into<String>) -> Stop {
        let what = self.to_string();
        let refuse = |code, what: String| Stop::from(Refusal::new(code, subject, what));
        match self {
            Self::Report(error) => error.stop("the report"),
            Self::File { source, .. } => Unable::new(what).because(source).into(),
            Self::TooLong { .. } => refuse(Code::SizeExceeded, what),
            Self::Envelope { source, .. } => refuse(Code::JsonNotStrict, format!("{what}: {source}")),
            Self::Json { source, .. } => refuse(Code::JsonNotStrict, format!("{what}: {source}")),
            Self::Form { .. } => refuse(Code::JsonNotStrict, what),
            Self::WrongKind { found, .. } => refuse(Code::WrongDocumentKind, format!("{what} but {found}")),
            Self::NotSigned { .. } => refuse(Code::KeyNotInRole, what),
            Self::KeyRevoked { .. } => refuse(Code::KeyRevoked, what),
            Self::Differs { .. } | Self::Count { .. } => refuse(Code::DigestMismatch, what),
        }
    }
}

/// Verifies signed summaries, one a line, against the report that they are of, which is read to its end.
pub fn verify_summaries(
    path: &Path,
    mut report: Report,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
) -> Result<Summarized, SummaryError> {
    let failed = |source| SummaryError::File {
        path: path.to_owned(),
        source,
    };
    let mut input = BufReader::new(File::open(path).map_err(failed)?);
    let mut summarized = Summarized::default();
    let (mut bytes, mut line) = (Vec::new(), 0_u64);
    loop {
        bytes.clear();
        // One byte more than an envelope and its line feed, so that a longer one is seen to be longer.
        (&mut input)
            .take(MAX_ENVELOPE_BYTES as u64 + 2)
            .read_until(b'\n', &mut bytes)
            .map_err(failed)?;
        if bytes.is_empty() {
            break;
        }
        line += 1;
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        if text.len() > MAX_ENVELOPE_BYTES {
            return Err(SummaryError::TooLong { line });
        }
        let envelope = Envelope::read(text).map_err(|source| SummaryError::Envelope { line, source })?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(SummaryError::WrongKind {
                line,
                found: envelope.payload_type.chars().take(100).collect(),
            });
        }
        summarized.persons.extend(signers(&envelope, line, roots, revocations)?);
        let statement: Value =
            strict_json::read(&envelope.payload).map_err(|source| SummaryError::Json { line, source })?;
        let has_passed = read(&statement).map_err(|reason| SummaryError::Form { line, reason })?;
        let Some(record) = report.next()? else {
            let expected = report.head.records.count;
            return Err(SummaryError::Count { expected, found: line });
        };
        compare(&statement, has_passed, &record, &report).map_err(|reason| SummaryError::Differs { line, reason })?;
        match has_passed {
            true => summarized.passed += 1,
            false => summarized.failed += 1,
        }
    }
    // What is left of the report is read too: before its end nothing of it is verified.
    let mut left = 0;
    while report.next()?.is_some() {
        left += 1;
    }
    if left > 0 {
        let expected = report.head.records.count;
        return Err(SummaryError::Count { expected, found: line });
    }
    Ok(summarized)
}

/// Who signed a line, counted as for a document of the role import, by the newest root that knows enough of them. None of the keys may be revoked.
fn signers(
    envelope: &Envelope,
    line: u64,
    roots: &[TrustedRoot],
    revocations: Option<&Revocations>,
) -> Result<BTreeSet<String>, SummaryError> {
    let message = envelope.pae();
    for root in roots.iter().rev() {
        let root = root.document();
        let Some(role) = root.roles.get(&Role::Import) else {
            continue;
        };
        let signed = envelope.signatures.iter().filter_map(|signature| {
            let id: KeyId = signature.key_id.parse().ok()?;
            let key = root.keys.get(&id).filter(|_| role.keys.contains(&id))?;
            key.public.verify(&message, &signature.bytes).ok()?;
            Some((id, key.person.clone()))
        });
        let signed: BTreeSet<(KeyId, String)> = signed.collect();
        let persons: BTreeSet<String> = signed.iter().map(|(_, person)| person.clone()).collect();
        if persons.len().min(signed.len()) < root.threshold(Role::Import).max(1) as usize {
            continue;
        }
        let revoked = signed
            .iter()
            .find_map(|(key, _)| revocations?.key(&key.to_string()).map(|one| one.reason.clone()));
        return match revoked {
            Some(reason) => Err(SummaryError::KeyRevoked { line, reason }),
            None => Ok(persons),
        };
    }
    Err(SummaryError::NotSigned { line })
}

/// Whether a statement says that its artifact passed; why it is no summary otherwise.
fn read(statement: &Value) -> Result<bool, &'static str> {
    if statement["_type"] != STATEMENT || statement["predicateType"] != PREDICATE {
        return Err("it is another statement or predicate");
    }
    if statement["subject"]
        .as_array()
        .is_none_or(|subjects| subjects.len() != 1)
    {
        return Err("it has not one subject");
    }
    let predicate = &statement["predicate"];
    let has_passed = match predicate["verificationResult"].as_str() {
        Some("PASSED") => true,
        Some("FAILED") => false,
        _ => return Err("its result is neither PASSED nor FAILED"),
    };
    let levels = predicate["verifiedLevels"].as_array().ok_or("it has no levels")?;
    let levels: Option<Vec<&str>> = levels.iter().map(Value::as_str).collect();
    let levels = levels.ok_or("a level of it is no word")?;
    if (levels == ["FAILED"]) == has_passed {
        return Err("its levels do not fit its result");
    }
    // No anchor says which level a builder keeps, so none may be claimed.
    let is_claimed = |level: &&&str| {
        let digits = level.strip_prefix("SLSA_BUILD_LEVEL_");
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if levels.iter().find(is_claimed).is_some() {
        return Err("it claims a SLSA level");
    }
    Ok(has_passed)
}

/// Fails if a statement is about another artifact or report than a record, or says more than that.
fn compare(statement: &Value, has_passed: bool, record: &Record, report: &Report) -> Result<(), &'static str> {
    let subject = &statement["subject"][0];
    let is = |found: &Value, digest: &Digest| found["sha256"].as_str() == Some(digest.hex().as_str());
    if !is(&subject["digest"], &record.digest) || subject["uri"] != record.purl.as_str() {
        return Err("is about another artifact");
    }
    if !is(&statement["predicate"][REPORT_FIELD]["digest"], &report.digest) {
        return Err("is about another report");
    }
    if has_passed && !passes(&report.head, record) {
        return Err("says PASSED, and the report does not");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_number_claims_the_level_of_a_builder() {
        let said = |level: &str| {
            read(&json!({
                "_type": STATEMENT, "predicateType": PREDICATE, "subject": [{}],
                "predicate": { "verificationResult": "PASSED", "verifiedLevels": [level] },
            }))
        };
        assert_eq!(said("SLSA_BUILD_LEVEL_3"), Err("it claims a SLSA level"));
        for level in ["SLSA_BUILD_LEVEL_UNEVALUATED", "SLSA_BUILD_LEVEL_", "OTHER_3"] {
            assert_eq!(said(level), Ok(true), "{level}");
        }
    }
}
