//! What the head says of the attempt itself: with what, where and for what it was made, and how long its report is kept
//! (`bundle-spec/report.md` §2).

use serde::{Deserialize, Serialize};

use super::Head;
use crate::model::{Digest, Timestamp};

/// The enclave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Station {
    /// Its id, by which bundles name it.
    pub enclave: Digest,
    /// The machine; left out where nobody asked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// What people call it.
    pub name: String,
    /// How strict its rules about persons are.
    pub profile: String,
}

/// A machine, as it calls itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name in its network, if it has one.
    pub name: String,
    /// Its operating system and processor.
    pub system: String,
}

/// The program's own file, as it lies on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Its size.
    pub bytes: u64,
    /// Its digest: to be compared with that of the release that the site approved.
    pub digest: Digest,
}

/// The cryptography by which the attempt was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cryptography {
    /// The algorithms of the seal, the digests and the report.
    pub algorithms: Vec<String>,
    /// The modules that compute them.
    pub modules: Vec<CryptoModule>,
}

/// A cryptographic module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CryptoModule {
    /// Its certificate of validation (FIPS 140-3); none where what runs is not a validated module.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub certificate: Option<String>,
    /// Its name.
    pub name: String,
    /// What it is used for.
    pub used_for: String,
    /// Its version.
    pub version: String,
}

impl CryptoModule {
    fn words(&self) -> String {
        let validated = match &self.certificate {
            Some(certificate) => format!("certificate {certificate}"),
            None => "not a validated module".to_owned(),
        };
        format!("{} {} for {}: {validated}", self.name, self.version, self.used_for)
    }
}

/// What whoever imports says that the attempt belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handling {
    /// The baseline that it changes, as the site's configuration management names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The protective marking of what was carried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marking: Option<String>,
    /// Where the change was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

impl Handling {
    /// Whether it says nothing.
    pub const fn is_empty(&self) -> bool {
        self.baseline.is_none() && self.marking.is_none() && self.ticket.is_none()
    }

    /// What it says, each with its name.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let said = [
            ("marking", &self.marking),
            ("ticket", &self.ticket),
            ("baseline", &self.baseline),
        ];
        said.into_iter()
            .filter_map(|(name, text)| text.as_deref().map(|text| (name, text)))
    }
}

/// How long the report has to be kept, by the policy that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The class of records: `report` or `refusal`.
    pub class: String,
    /// For how many days; none where it is kept always.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub days: Option<u32>,
    /// Until when, if nobody holds it; none where it is kept always.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub until: Option<Timestamp>,
}

impl Keep {
    /// Of a report that is written at some time.
    pub fn of(class: &str, days: Option<u32>, created: Timestamp) -> Self {
        Self {
            class: class.to_owned(),
            days,
            until: days.map(|days| created.plus_days(days)),
        }
    }

    /// How long, in words.
    pub fn words(&self) -> String {
        match (self.days, self.until) {
            (Some(days), Some(until)) => format!("as a {} for {days} days, until {until}", self.class),
            _ => format!("as a {} always", self.class),
        }
    }
}

/// What an attempt came to as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that clients find passed by the policy's rules alone.
    Passed,
    /// Something passed by a waiver, a person's decision, or because the enclave is for evaluation.
    PassedWithWaivers,
    /// Nothing was changed.
    Failed,
}

impl Verdict {
    /// The word in the document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::PassedWithWaivers => "passed-with-waivers",
            Self::Failed => "failed",
        }
    }
}

/// The control map that this head gave when it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedMap {
    /// SHA-256 of its answers, in canonical JSON.
    pub digest: Digest,
    /// The version of the table that gave it.
    pub map: u64,
}

impl Head {
    /// What it says of the attempt itself, each with its name, in words.
    pub fn attempt_facts(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut facts = Vec::new();
        if let Some(result) = self.result {
            let words = match (result, self.waived) {
                (Verdict::Passed, _) => "passed, by the policy's rules alone".to_owned(),
                (Verdict::PassedWithWaivers, waived) => format!(
                    "passed with waivers: {} artifacts by a waiver, by persons, or because the enclave is for evaluation",
                    waived.unwrap_or_default()
                ),
                (Verdict::Failed, _) => "failed: nothing was changed".to_owned(),
            };
            facts.push(("Result", vec![words]));
        }
        if let Some(handling) = &self.handling {
            let said = handling.said().map(|(name, text)| format!("{name} {text}"));
            facts.push(("Belongs to", said.collect()));
        }
        if let Some(host) = &self.station.host {
            facts.push(("Machine", vec![format!("{}, {}", host.name, host.system)]));
        }
        if let Some(program) = self.program {
            facts.push(("Program", vec![program.digest.to_string()]));
        }
        if let Some(cryptography) = &self.cryptography {
            let mut said = vec![cryptography.algorithms.join(", ")];
            said.extend(cryptography.modules.iter().map(CryptoModule::words));
            facts.push(("Cryptography", said));
        }
        if let Some(keep) = &self.retention {
            facts.push(("Kept", vec![keep.words()]));
        }
        facts
    }

    /// When the last of its checks ended; when it began, where no check says it.
    pub fn ended(&self) -> Timestamp {
        let ended = self.checks.iter().filter_map(|check| check.ended);
        ended.max().unwrap_or(self.created)
    }
}

/// A time of the attempt: without its day where that is the day on which the report was begun.
pub(super) fn of_day(time: Timestamp, created: Timestamp) -> String {
    let (time, created) = (time.to_string(), created.to_string());
    match (time.split_once('T'), created.split_once('T')) {
        (Some((day, clock)), Some((begun, _))) if day == begun => clock.to_owned(),
        _ => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_another_day_is_said_whole() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let (before, after) = (time("2026-11-22T23:59:58Z"), time("2026-11-23T00:00:01Z"));
        assert_eq!(of_day(before, before), "23:59:58Z");
        assert_eq!(of_day(after, before), "2026-11-23T00:00:01Z");
    }
}
