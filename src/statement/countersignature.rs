//! What a person who had no part in an import says of its report (`bundle-spec/retention.md` §7).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::document::{check_texts, fault};
use super::{Body, Stated, StatementError, Statements};
use crate::crypto::strict_json::{Critical, Extensions};
use crate::model::{Digest, Stop, Timestamp};
use crate::report::Report;
use crate::trust::TrustError;

/// The role of those who exported, as a report's head writes it.
const EXPORT: &str = "export";

/// What somebody says of a report that they have read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Countersignature {
    /// When the person signed, by their own clock.
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
    /// Why, in the person's words.
    pub reason: String,
    /// The report.
    pub report: ReportNamed,
    /// What the person says of it.
    pub said: Said,
    /// Where the request is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportNamed {
    /// The digest of its head, which names all of its records.
    pub digest: Digest,
    /// Its number.
    pub number: u64,
}

/// What a person says of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// They have read it, and accept it.
    Accepted,
    /// They have read it, and object to what it tells of.
    Objected,
}

impl Said {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Objected => "objected",
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Countersignature {
    pub(super) fn check(&self) -> Result<(), TrustError> {
        check_texts(&self.reason, self.ticket.as_deref())?;
        if self.report.number == 0 {
            return Err(fault("report", "has a number from 1 on"));
        }
        Ok(())
    }
}

/// Who has a part in a report already: a second look at one's own work is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parties {
    // Each with what that person did.
    persons: Vec<(String, &'static str)>,
    keys: Vec<(String, &'static str)>,
}

impl Parties {
    /// Those of a report: who signed it, and who exported its bundle.
    pub fn of(report: &Report) -> Self {
        let mut this = Self::default();
        let signed = "signed the report";
        this.persons
            .extend(report.persons.iter().map(|person| (person.clone(), signed)));
        this.keys.extend(report.keys.iter().map(|key| (key.clone(), signed)));
        for exporter in report.head.people.iter().filter(|person| person.role == EXPORT) {
            let exported = "exported the bundle";
            this.persons.push((exporter.person.clone(), exported));
            this.keys
                .extend(exporter.keys.iter().map(|key| (key.clone(), exported)));
        }
        this
    }

    /// Fails if one of those who signed has a part: the same person, or the same key under another name.
    pub fn check(&self, persons: &[String], keys: &[String]) -> Result<(), StatementError> {
        let among = |parties: &[(String, &'static str)], those: &[String]| {
            let met = parties.iter().find(|(name, _)| those.contains(name))?;
            Some((met.0.clone(), met.1))
        };
        match among(&self.persons, persons).or_else(|| among(&self.keys, keys)) {
            Some((person, part)) => Err(StatementError::NotSeparate { person, part }),
            None => Ok(()),
        }
    }
}

/// Fails unless a countersignature is about the report of its number, as far as that is known, and nobody who signed it has a part in that. Nothing is known of the
/// parties of a report that is gone.
pub fn check_report(
    stated: &Stated,
    said: &Countersignature,
    found: Option<&Digest>,
    parties: Option<&Parties>,
) -> Result<(), StatementError> {
    if found != Some(&said.report.digest) {
        return Err(StatementError::OtherReport {
            number: said.report.number,
            expected: said.report.digest,
            found: found.copied(),
        });
    }
    parties.map_or(Ok(()), |parties| parties.check(&stated.persons, &stated.keys))
}

/// A countersignature of a report.
#[derive(Debug, Clone, Copy)]
pub struct Countersigned<'s> {
    /// The statement.
    pub stated: &'s Stated,
    /// What it says.
    pub body: &'s Countersignature,
    /// Why the key was revoked without which it does not count any more.
    pub lapsed: Option<&'s str>,
}

impl<'s> Countersigned<'s> {
    /// The same of a statement that is known to count, if it is one.
    pub const fn of(stated: &'s Stated) -> Option<Self> {
        match &stated.body {
            Body::Countersignature(body) => Some(Self {
                stated,
                body,
                lapsed: None,
            }),
            _ => None,
        }
    }
}

impl Statements {
    /// Every countersignature that counts.
    pub fn countersignatures(&self) -> impl Iterator<Item = (&Stated, &Countersignature)> {
        self.counting().filter_map(|stated| match &stated.body {
            Body::Countersignature(body) => Some((stated, body)),
            _ => None,
        })
    }

    /// What persons said of a report, in their order; also those by keys that are revoked since, each named as that.
    ///
    /// # Errors
    ///
    /// Refused if one is about another report of this number, or is by somebody who has a part in this one.
    pub fn countersigning(&self, report: &Report) -> Result<Vec<Countersigned<'_>>, Stop> {
        let parties = Parties::of(report);
        let mut all = Vec::new();
        for (stated, body) in self.countersignatures() {
            if body.report.number != report.head.number {
                continue;
            }
            check_report(stated, body, Some(&report.digest), Some(&parties))
                .map_err(|error| error.refusal(stated.subject()))?;
            all.push(Countersigned {
                stated,
                body,
                lapsed: None,
            });
        }
        for (stated, reason) in self.lapsed() {
            if let Body::Countersignature(body) = &stated.body
                && body.report.digest == report.digest
            {
                all.push(Countersigned {
                    stated,
                    body,
                    lapsed: Some(reason),
                });
            }
        }
        all.sort_by_key(|one| one.stated.record.number);
        Ok(all)
    }
}
