//! Reports that are not there any more, and what is still known of them: the order of the others hangs on it, and state.db is made again with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Body, Statements};
use crate::model::{Digest, Timestamp};
use crate::report::{self, Listed, LostReport, Outcome, Records, ReportError};

/// What a statement says of a report that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbsentReport {
    /// When it was written, by the enclave's clock.
    pub created: Timestamp,
    /// The digest of its head.
    pub digest: Digest,
    /// The generation that clients found from then on.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub generation: Option<u64>,
    /// What state.db took in, where that is still there.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub journal: Option<Records>,
    /// The name of its file; empty where nobody knows it.
    pub file: String,
    /// The place of its attempt's leaf in the log.
    pub leaf: u64,
    /// Its number.
    pub number: u64,
    /// What the attempt came to.
    pub outcome: Outcome,
    /// The digest of the head of the report before.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub previous: Option<Digest>,
    /// The digest of the repository from then on.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub repository: Option<Digest>,
}

/// A report that is gone, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// What is known of it.
    pub report: AbsentReport,
    /// Which statement says so.
    pub statement: u64,
    /// When that was taken.
    pub time: Timestamp,
    /// Whether it was lost, and not removed because its time was over.
    pub is_lost: bool,
}

impl Gone {
    /// In words.
    pub fn words(&self) -> String {
        format!(
            "{} {}, by statement {}",
            if self.is_lost { "noted as lost" } else { "pruned" },
            self.time,
            self.statement
        )
    }

    /// Fails unless it follows the report before.
    pub fn check_order(&self, before: Option<&(u64, Digest)>) -> Result<(), ReportError> {
        let follows = match (before, &self.report.previous) {
            (Some((number, digest)), Some(previous)) => digest == previous && number + 1 == self.report.number,
            (None, None) => self.report.number == 1,
            _ => false,
        };
        if follows {
            return Ok(());
        }
        let words = |digest: Option<&Digest>| digest.map_or_else(|| "no report".to_owned(), Digest::to_string);
        Err(ReportError::NotInOrder {
            number: self.report.number,
            expected: words(self.report.previous.as_ref()),
            found: words(before.map(|(_, digest)| digest)),
        })
    }
}

/// All reports that are gone, by their numbers.
#[derive(Debug, Clone, Default)]
pub struct Absent(BTreeMap<u64, Gone>);

/// Where a report's number stands in the order: in a file, or only in a statement.
#[derive(Debug)]
pub enum Place<'a> {
    /// It lies there.
    Lies(Listed),
    /// It is gone.
    Gone(&'a Gone),
}

impl Absent {
    /// What statements that count say is gone.
    pub fn of(statements: &Statements) -> Self {
        let mut gone = BTreeMap::new();
        for stated in statements.counting() {
            let (reports, is_lost): (Vec<&AbsentReport>, bool) = match &stated.body {
                Body::Tombstone(tombstone) => (tombstone.reports().collect(), false),
                Body::Loss(loss) => (loss.reports.iter().collect(), true),
                _ => continue,
            };
            for report in reports {
                // The first statement says it; what a later one says of the same report changes nothing.
                gone.entry(report.number).or_insert_with(|| Gone {
                    report: report.clone(),
                    statement: stated.record.number,
                    time: stated.record.time,
                    is_lost,
                });
            }
        }
        Self(gone)
    }

    /// What is known of a report that is gone.
    pub fn get(&self, number: u64) -> Option<&Gone> {
        self.0.get(&number)
    }

    /// Those of whose loss persons have taken note, as later reports name them.
    pub fn lost(&self, statements: &Statements) -> Vec<LostReport> {
        let lost = self.0.values().filter(|gone| gone.is_lost);
        lost.filter_map(|gone| {
            let stated = statements
                .counting()
                .find(|stated| stated.record.number == gone.statement)?;
            let Body::Loss(loss) = &stated.body else { return None };
            Some(LostReport {
                digest: gone.report.digest,
                number: gone.report.number,
                persons: stated.persons.clone(),
                reason: report::short(&loss.reason),
                statement: gone.statement,
            })
        })
        .collect()
    }

    /// The reports that lie there and those that are gone, in their order. A file that still lies there counts.
    pub fn among(&self, listed: Vec<Listed>) -> Vec<Place<'_>> {
        let mut places: BTreeMap<u64, Vec<Place<'_>>> = BTreeMap::new();
        for listed in listed {
            places.entry(listed.number).or_default().push(Place::Lies(listed));
        }
        for (number, gone) in &self.0 {
            places.entry(*number).or_insert_with(|| vec![Place::Gone(gone)]);
        }
        places.into_values().flatten().collect()
    }
}
