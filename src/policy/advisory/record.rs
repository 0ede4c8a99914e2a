//! One OSV record: what it is about, which versions it affects, how bad it is.

use std::cmp::Ordering;

use serde::Deserialize;

use super::{Certainty, Class, MAX_RECORD_BYTES, cvss};
use crate::model::Timestamp;
use crate::policy::Ecosystems;

/// Bytes are no OSV record that can be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is over the bound.
    #[error("the record has {found} bytes, more than {MAX_RECORD_BYTES}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// There are too many.
    #[error("there are more than {max} records")]
    TooMany {
        /// How many there may be.
        max: usize,
    },
    /// It is no JSON, or not of the schema.
    #[error("the record is not of the OSV schema")]
    Schema(#[from] serde_json::Error),
    /// It names versions, and no package that has them.
    #[error("{id} lists versions of no package")]
    NoPackage {
        /// The record.
        id: String,
    },
    /// A range has no beginning, or an event that says nothing.
    #[error("{id} has a range that cannot be read: {problem}")]
    Range {
        /// The record.
        id: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A time is none.
    #[error("{id} is withdrawn at `{}`, which is no time", .text.escape_debug())]
    Time {
        /// The record.
        id: String,
        /// The text.
        text: String,
    },
}

/// A record, as far as it decides anything.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) aliases: Vec<String>,
    pub(super) withdrawn: Option<Timestamp>,
    pub(super) class: Class,
    pub(super) affected: Vec<Affected>,
}

/// The affected versions of one package.
#[derive(Debug, Clone)]
pub(super) struct Affected {
    pub(super) ecosystem: String,
    /// The distribution's release behind a colon, such as `13`.
    pub(super) release: Option<String>,
    pub(super) name: String,
    pub(super) class: Class,
    versions: Vec<String>,
    ranges: Vec<Vec<Event>>,
    /// It also speaks of commits, which no version can be compared with.
    has_commits: bool,
}

#[derive(Debug, Clone)]
enum Event {
    Introduced(String),
    Fixed(String),
    LastAffected(String),
    /// No version from here on is judged by this range.
    Limit(String),
}

impl Event {
    /// The order of events at one version: what is introduced where something is fixed is there, and what was last affected is over.
    const fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) | Self::Limit(_) => 0,
            Self::Introduced(_) => 1,
            Self::LastAffected(_) => 2,
        }
    }

    fn version(&self) -> &str {
        match self {
            Self::Introduced(version) | Self::Fixed(version) | Self::LastAffected(version) | Self::Limit(version) => {
                version
            }
        }
    }
}

#[derive(Deserialize)]
struct RawRecord {
    id: String,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    severity: Option<Vec<RawSeverity>>,
    #[serde(default)]
    affected: Option<Vec<RawAffected>>,
    #[serde(default)]
    database_specific: Option<RawSpecific>,
}

#[derive(Deserialize)]
struct RawSeverity {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

/// What databases add: of any type, so only texts are taken.
#[derive(Default)]
struct RawSpecific {
    severity: Option<String>,
    is_malware: bool,
}

impl<'de> Deserialize<'de> for RawSpecific {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Bounded by the record's size; other databases put other things under these names.
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(Self {
            severity: value.get("severity").and_then(|text| text.as_str()).map(str::to_owned),
            // CWE-506: Embedded Malicious Code.
            is_malware: value
                .get("cwe_ids")
                .and_then(|list| list.as_array())
                .is_some_and(|list| list.iter().any(|id| id.as_str() == Some("CWE-506"))),
        })
    }
}

#[derive(Deserialize)]
struct RawAffected {
    #[serde(default)]
    package: Option<RawPackage>,
    #[serde(default)]
    severity: Option<Vec<RawSeverity>>,
    #[serde(default)]
    ranges: Option<Vec<RawRange>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    ecosystem_specific: Option<RawSpecific>,
    #[serde(default)]
    database_specific: Option<RawSpecific>,
}

#[derive(Deserialize)]
struct RawPackage {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct RawRange {
    #[serde(rename = "type")]
    kind: String,
    events: Vec<RawEvent>,
}

#[derive(Deserialize)]
struct RawEvent {
    #[serde(default)]
    introduced: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    last_affected: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

impl Record {
    pub(super) fn read(untrusted_json: &[u8]) -> Result<Self, RecordError> {
        if untrusted_json.len() > MAX_RECORD_BYTES {
            return Err(RecordError::TooLong {
                found: untrusted_json.len(),
            });
        }
        let raw: RawRecord = serde_json::from_slice(untrusted_json)?;
        let id = raw.id;
        let aliases = raw.aliases.unwrap_or_default();
        let withdrawn = raw.withdrawn.map(|text| time(&id, &text)).transpose()?;
        let specific = raw.database_specific.unwrap_or_default();
        let is_malicious = specific.is_malware || [&id].into_iter().chain(&aliases).any(|id| id.starts_with("MAL-"));
        let class = if is_malicious {
            Class::Malicious
        } else {
            class(raw.severity.as_deref(), [&specific])
        };
        let mut affected = Vec::new();
        for one in raw.affected.unwrap_or_default() {
            affected.extend(read_affected(&id, one)?);
        }
        Ok(Self {
            id,
            aliases,
            withdrawn,
            class,
            affected,
        })
    }
}

/// The worst of all that is stated: vectors first, a database's own word where there is none that can be read.
fn class<'a>(severity: Option<&[RawSeverity]>, specific: impl IntoIterator<Item = &'a RawSpecific>) -> Class {
    let by_vector = severity
        .unwrap_or_default()
        .iter()
        .filter_map(|severity| cvss::class(&severity.kind, &severity.score))
        .max();
    let by_word = specific
        .into_iter()
        .filter_map(|specific| word(specific.severity.as_deref()?))
        .max();
    by_vector.into_iter().chain(by_word).max().unwrap_or(Class::Unknown)
}

fn word(text: &str) -> Option<Class> {
    match text.to_ascii_lowercase().as_str() {
        "critical" => Some(Class::Critical),
        "high" | "important" => Some(Class::High),
        "medium" | "moderate" => Some(Class::Medium),
        "low" | "negligible" | "minor" => Some(Class::Low),
        _ => None,
    }
}

fn time(id: &str, text: &str) -> Result<Timestamp, RecordError> {
    text.parse::<jiff::Timestamp>()
        .map(|time| Timestamp::from_seconds(time.as_second()))
        .map_err(|_| RecordError::Time {
            id: id.to_owned(),
            text: text.chars().take(40).collect(),
        })
}

fn read_affected(id: &str, raw: RawAffected) -> Result<Option<Affected>, RecordError> {
    let (ranges, versions) = (raw.ranges.unwrap_or_default(), raw.versions.unwrap_or_default());
    let Some(package) = raw.package else {
        // Records about source repositories alone have no package.
        let only_git = versions.is_empty() && !ranges.is_empty() && ranges.iter().all(|range| range.kind == "GIT");
        return if only_git {
            Ok(None)
        } else {
            Err(RecordError::NoPackage { id: id.to_owned() })
        };
    };
    let (ecosystem, release) = match package.ecosystem.split_once(':') {
        Some((ecosystem, release)) => (ecosystem, Some(release)),
        None => (package.ecosystem.as_str(), None),
    };
    let specific = [raw.ecosystem_specific, raw.database_specific];
    let own_class = class(raw.severity.as_deref(), specific.iter().flatten());
    let ecosystem = our_id(ecosystem);
    let mut affected = Affected {
        // A registry's address stands behind Maven's colon.
        release: release
            .filter(|_| matches!(ecosystem.as_str(), "deb" | "rpm"))
            .map(str::to_owned),
        ecosystem,
        name: package.name,
        class: own_class,
        versions,
        has_commits: ranges.iter().any(|range| range.kind == "GIT"),
        ranges: Vec::new(),
    };
    for range in ranges.into_iter().filter(|range| range.kind != "GIT") {
        affected.ranges.push(read_range(id, range)?);
    }
    Ok(Some(affected))
}

fn read_range(id: &str, raw: RawRange) -> Result<Vec<Event>, RecordError> {
    let problem = |problem| RecordError::Range {
        id: id.to_owned(),
        problem,
    };
    if !matches!(raw.kind.as_str(), "SEMVER" | "ECOSYSTEM") {
        return Err(problem("its type is neither SEMVER nor ECOSYSTEM nor GIT"));
    }
    let mut events = Vec::new();
    for event in raw.events {
        events.push(
            match (event.introduced, event.fixed, event.last_affected, event.limit) {
                (Some(version), None, None, None) => Event::Introduced(version),
                (None, Some(version), None, None) => Event::Fixed(version),
                (None, None, Some(version), None) => Event::LastAffected(version),
                (None, None, None, Some(version)) => Event::Limit(version),
                _ => return Err(problem("an event is not exactly one thing")),
            },
        );
    }
    if !events.iter().any(|event| matches!(event, Event::Introduced(_))) {
        return Err(problem("it begins nowhere"));
    }
    Ok(events)
}

/// Our id for one of OSV's ecosystems (OSV schema, "Defined ecosystems").
fn our_id(osv: &str) -> String {
    match osv {
        "crates.io" => "cargo",
        "Maven" => "maven",
        "npm" => "npm",
        "PyPI" => "pypi",
        "Go" => "go",
        "RubyGems" => "rubygems",
        "NuGet" => "nuget",
        "Debian" | "Ubuntu" => "deb",
        "Red Hat" | "Rocky Linux" | "AlmaLinux" | "SUSE" | "openSUSE" | "Mageia" | "openEuler" | "Azure Linux" => "rpm",
        "CPAN" => "cpan",
        "Conda" => "conda",
        other => return other.to_lowercase(),
    }
    .to_owned()
}

impl Affected {
    /// The versions that it names as fixed.
    pub(super) fn fixed(&self) -> impl Iterator<Item = &str> {
        self.ranges.iter().flatten().filter_map(|event| match event {
            Event::Fixed(version) => Some(version.as_str()),
            _ => None,
        })
    }

    /// Whether a version is named as fixed.
    pub(super) fn is_fixed_in(&self, version: &str, ecosystems: &Ecosystems) -> bool {
        self.fixed()
            .any(|fixed| fixed == version || self.order(version, fixed, ecosystems) == Some(Ordering::Equal))
    }

    /// Whether a version is affected; `None`: it is not (OSV schema, "Evaluation").
    pub(super) fn certainty(&self, version: &str, ecosystems: &Ecosystems) -> Option<Certainty> {
        let listed = |one: &String| one == version || self.order(version, one, ecosystems) == Some(Ordering::Equal);
        if self.versions.iter().any(listed) {
            return Some(Certainty::Affected);
        }
        if self.versions.is_empty() && self.ranges.is_empty() {
            // What names no versions at all affects them all.
            return Some(if self.has_commits {
                Certainty::Unknown
            } else {
                Certainty::Affected
            });
        }
        self.ranges
            .iter()
            .filter_map(|events| self.in_range(events, version, ecosystems))
            .max()
    }

    fn order(&self, one: &str, other: &str, ecosystems: &Ecosystems) -> Option<Ordering> {
        (ecosystems.compare_versions)(&self.ecosystem, one, other)
    }

    /// Goes through a range's events in the versions' order. An event that cannot be compared leaves the answer open, unless the
    /// range has no end at all.
    fn in_range(&self, events: &[Event], version: &str, ecosystems: &Ecosystems) -> Option<Certainty> {
        // Which side of an event a version is on; "0" is before everything.
        let order = |event: &Event| match event {
            Event::Introduced(from) if from == "0" => Some(Ordering::Greater),
            Event::Limit(end) if end == "*" => Some(Ordering::Less),
            event => self.order(version, event.version(), ecosystems),
        };
        if events.iter().any(|event| order(event).is_none()) {
            return Some(Certainty::Unknown);
        }
        // The nearest event at or below the version decides; what is introduced anew at a fix is affected.
        let mut nearest: Option<&Event> = None;
        for event in events {
            let reached = match (event, order(event)) {
                (Event::Introduced(_) | Event::Fixed(_), Some(order)) => order.is_ge(),
                (Event::LastAffected(_), Some(order)) => order.is_gt(),
                (Event::Limit(_), Some(order)) => {
                    if order.is_ge() {
                        return None;
                    }
                    false
                }
                (_, None) => false,
            };
            if reached && nearest.is_none_or(|nearest| self.is_later(event, nearest, ecosystems)) {
                nearest = Some(event);
            }
        }
        matches!(nearest, Some(Event::Introduced(_))).then_some(Certainty::Affected)
    }

    /// Whether an event stands behind another.
    fn is_later(&self, event: &Event, other: &Event, ecosystems: &Ecosystems) -> bool {
        let (one, two) = (event.version(), other.version());
        let order = match (one == "0", two == "0") {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Both were compared with the version, so they are versions; what cannot be compared all the same counts as affected.
            (false, false) => match self.order(one, two, ecosystems) {
                Some(order) => order,
                None => return matches!(event, Event::Introduced(_)),
            },
        };
        match order {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => event.rank() > other.rank(),
        }
    }
}

#[cfg(test)]
mod tests;
