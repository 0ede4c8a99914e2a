//! Advisories: a snapshot of OSV records that travels with a bundle (OSV schema 1.7; `bundle-spec/policy.md` §6).
//!
//! Threats, each with its defence:
//! - A record that exhausts memory or the stack: [`MAX_RECORD_BYTES`], [`MAX_RECORDS`], the JSON library's depth of 128; what
//!   is not needed is skipped while it is read.
//! - A record that nobody can judge, and that would hide a malicious version: adding it is an error, and the snapshot's reader
//!   decides. Nothing is skipped silently.
//! - Versions that cannot be compared: said to be unknown, never "not affected".
//! - A clock that makes withdrawals come early: a record is withdrawn only from that time on.
//!
//! Who vouches for the snapshot is not looked at here.

mod cvss;
mod record;

use std::collections::HashMap;

use super::Ecosystems;
use crate::model::Timestamp;
pub use record::RecordError;
use record::{Affected, Record};

/// The largest real records list some thousand versions: 1 MB.
pub const MAX_RECORD_BYTES: usize = 8 << 20;

/// OSV had 700 000 records in all ecosystems in 2026, a third of them of malicious packages.
pub const MAX_RECORDS: usize = 4_000_000;

/// How bad an advisory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It gives no severity that can be read.
    Unknown,
    /// CVSS below 4.0.
    Low,
    /// CVSS 4.0 to 6.9.
    Medium,
    /// CVSS 7.0 to 8.9.
    High,
    /// CVSS 9.0 and above.
    Critical,
    /// The version is malicious.
    Malicious,
}

impl Class {
    /// The word in policies and reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Malicious => "malicious",
        }
    }
}

/// What a snapshot says of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advised {
    /// The record's id.
    pub id: String,
    /// Its other names.
    pub aliases: Vec<String>,
    /// How bad it is.
    pub class: Class,
    /// Whether the version is affected for certain.
    pub certainty: Certainty,
    /// The versions that it names as fixed, as they are written.
    pub fixed: Vec<String>,
}

/// Whether a version is affected for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Its versions cannot be compared with those of the record.
    Unknown,
    /// It is.
    Affected,
}

/// A snapshot of advisories.
#[derive(Debug, Clone)]
pub struct Advisories {
    taken: Timestamp,
    records: Vec<Record>,
    /// Ecosystem and name's key, to records and their entries.
    by_name: HashMap<(String, String), Vec<(usize, usize)>>,
    ecosystems: Ecosystems,
    /// How many records are kept at most.
    max_records: usize,
}

impl Advisories {
    /// A snapshot without records, taken at a time.
    pub fn new(taken: Timestamp, ecosystems: Ecosystems) -> Self {
        Self {
            taken,
            records: Vec::new(),
            by_name: HashMap::new(),
            ecosystems,
            max_records: MAX_RECORDS,
        }
    }

    /// When it was taken.
    pub const fn taken(&self) -> Timestamp {
        self.taken
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Takes one record, JSON as the database serves it.
    ///
    /// # Errors
    /// [`RecordError`] for what is no OSV record, too large, or names neither a package nor a repository.
    pub fn add(&mut self, untrusted_json: &[u8]) -> Result<(), RecordError> {
        self.add_about(untrusted_json, &|_, _| true)
    }

    /// Takes one record as [`Advisories::add`] does, and keeps it only if it is about a name that is wanted, by ecosystem and the name's
    /// key: what nobody asks about is judged and forgotten.
    ///
    /// # Errors
    /// As for [`Advisories::add`], wanted or not.
    pub fn add_about(
        &mut self,
        untrusted_json: &[u8],
        is_wanted: &dyn Fn(&str, &str) -> bool,
    ) -> Result<(), RecordError> {
        if self.records.len() >= self.max_records {
            return Err(RecordError::TooMany { max: self.max_records });
        }
        let record = Record::read(untrusted_json)?;
        let wanted = |affected: &Affected| {
            is_wanted(
                &affected.ecosystem,
                &(self.ecosystems.key)(&affected.ecosystem, &affected.name),
            )
        };
        if !record.affected.iter().any(wanted) {
            return Ok(());
        }
        let index = self.records.len();
        for (entry, affected) in record.affected.iter().enumerate() {
            let key = (self.ecosystems.key)(&affected.ecosystem, &affected.name);
            let entries = self.by_name.entry((affected.ecosystem.clone(), key)).or_default();
            entries.push((index, entry));
        }
        self.records.push(record);
        Ok(())
    }

    fn entries<'a, 'r>(
        &'a self,
        ecosystem: &str,
        key: &str,
        release: Option<&'r str>,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a Record, &'a Affected)> + use<'a, 'r> {
        self.by_name
            .get(&(ecosystem.to_owned(), key.to_owned()))
            .into_iter()
            .flatten()
            .filter_map(|(record, entry)| {
                let record = self.records.get(*record)?;
                Some((record, record.affected.get(*entry)?))
            })
            .filter(move |(record, affected)| {
                record.withdrawn.is_none_or(|withdrawn| withdrawn > now)
                    // A release that is not known could be any.
                    && match (release, affected.release.as_deref()) {
                        (Some(ours), Some(theirs)) => ours == theirs,
                        _ => true,
                    }
            })
    }

    /// What it says of a version, each record once, by its id. `key` is the name's key.
    pub fn about(
        &self,
        ecosystem: &str,
        key: &str,
        version: &str,
        release: Option<&str>,
        now: Timestamp,
    ) -> Vec<Advised> {
        let mut found: Vec<Advised> = Vec::new();
        for (record, affected) in self.entries(ecosystem, key, release, now) {
            let Some(certainty) = affected.certainty(version, &self.ecosystems) else {
                continue;
            };
            let class = record.class.max(affected.class);
            match found.iter_mut().find(|other| other.id == record.id) {
                Some(other) => {
                    other.certainty = other.certainty.max(certainty);
                    other.class = other.class.max(class);
                    other.fixed.extend(affected.fixed().map(str::to_owned));
                }
                None => found.push(Advised {
                    id: record.id.clone(),
                    aliases: record.aliases.clone(),
                    class,
                    certainty,
                    fixed: affected.fixed().map(str::to_owned).collect(),
                }),
            }
        }
        found.sort_by(|one, other| (other.class, &one.id).cmp(&(one.class, &other.id)));
        found
    }

    /// The record that names exactly this version as the fix, if one does and the version is not malicious itself.
    pub fn fix(
        &self,
        ecosystem: &str,
        key: &str,
        version: &str,
        release: Option<&str>,
        now: Timestamp,
    ) -> Option<&str> {
        self.entries(ecosystem, key, release, now)
            // A later version than a malicious one is no fix.
            .filter(|(record, _)| record.class != Class::Malicious)
            .find(|(_, affected)| affected.is_fixed_in(version, &self.ecosystems))
            .map(|(record, _)| record.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Ecosystems = Ecosystems {
        compare_versions: |_, _, _| None,
        key: |_, name| name.to_owned(),
        spelling: |_, name| name.to_owned(),
    };

    #[test]
    fn no_more_records_are_kept_than_may_be() {
        let mut advisories = Advisories {
            max_records: 2,
            ..Advisories::new(Timestamp::from_seconds(0), PLAIN)
        };
        let record = |id: &str| {
            format!(
                r#"{{"id":"{id}","affected":[{{"package":{{"ecosystem":"npm","name":"a"}},"versions":["1.0.0"]}}]}}"#
            )
        };
        advisories.add(record("A-1").as_bytes()).unwrap();
        // One that nobody asks about takes no room.
        advisories.add_about(record("A-2").as_bytes(), &|_, _| false).unwrap();
        advisories.add(record("A-3").as_bytes()).unwrap();
        let refused = advisories.add(record("A-4").as_bytes()).unwrap_err();
        assert!(matches!(refused, RecordError::TooMany { max: 2 }));
        assert_eq!(advisories.len(), 2);
        assert!(!advisories.is_empty() && Advisories::new(Timestamp::from_seconds(0), PLAIN).is_empty());
        // Two about one name are two.
        let found = advisories.about("npm", "a", "1.0.0", None, Timestamp::from_seconds(0));
        let ids: Vec<&str> = found.iter().map(|advised| advised.id.as_str()).collect();
        assert_eq!(ids, ["A-1", "A-3"]);
    }

    #[test]
    fn what_names_no_version_affects_all_unless_it_names_commits() {
        let certainty = |more: &str| {
            let record = format!(r#"{{"id":"A-1","affected":[{{"package":{{"ecosystem":"npm","name":"a"}}{more}}}]}}"#);
            let mut advisories = Advisories::new(Timestamp::from_seconds(0), PLAIN);
            advisories.add(record.as_bytes()).unwrap();
            let found = advisories.about("npm", "a", "1.0.0", None, Timestamp::from_seconds(0));
            found.first().map(|advised| advised.certainty)
        };
        let commits = r#","ranges":[{"type":"GIT","repo":"https://example.com/a","events":[{"introduced":"0"}]}]"#;
        assert_eq!(certainty(""), Some(Certainty::Affected));
        assert_eq!(certainty(commits), Some(Certainty::Unknown));
    }
}
