//! The head of a report: all that is said once (`bundle-spec/report.md` §2).

use serde::{Deserialize, Serialize};

use super::tally::{EcosystemTally, VoucherTally};
use super::{Cryptography, Custody, DecisionHit, Handling, Keep, LogPart, Program, SealedMap, Station, Verdict};
use crate::crypto::strict_json::{Critical, Extensions};
use crate::model::{BaseSource, Digest, Part, Timestamp, delta_words};

/// The format that this program reads and writes.
pub const FORMAT: u64 = 1;

/// What an attempt to import came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What the enclave keeps of what the attempt was judged by, beside the report; empty where it keeps nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basis: Vec<Part>,
    /// The bundle, once its seal was confirmed: nothing that a medium says stands here before.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub bundle: Option<Bundle>,
    /// What was checked, in its order.
    pub checks: Vec<Check>,
    /// The control map that it gave when it was sealed; left out by versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control_map: Option<SealedMap>,
    /// When this was written, by the enclave's clock.
    pub created: Timestamp,
    /// What a reader must know.
    #[serde(default)]
    pub critical: Critical,
    /// With what it was judged; left out by versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cryptography: Option<Cryptography>,
    /// Records of who had the media; left out where none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custody: Option<Custody>,
    /// What the artifacts came to, by ecosystem.
    pub ecosystems: Vec<EcosystemTally>,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// The format's version.
    pub format: u64,
    /// The program that wrote it.
    pub generator: String,
    /// What whoever imported says that it belongs to; left out where they said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handling: Option<Handling>,
    /// What state.db took in: the lines of the file beside the report; none where it took in nothing.
    #[serde(default)]
    pub journal: Option<Records>,
    /// The latest time that a signed document had proved before, and which one.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub known_time: Option<KnownTime>,
    /// What it proves of the log; none where no log was kept.
    #[serde(default)]
    pub log: Option<LogPart>,
    /// Earlier reports that are lost, of which persons have taken note; left out where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<LostReport>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lost_left_out: u64,
    /// What was not checked, one phrase each.
    pub not_checked: Vec<String>,
    /// The number among this enclave's reports, from 1.
    pub number: u64,
    /// What became of the attempt.
    pub outcome: Outcome,
    /// Who signed and who approved.
    pub people: Vec<Person>,
    /// The policy that decided; none where the attempt ended before.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub policy: Option<Policy>,
    /// The report before.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub previous: Option<Previous>,
    /// The file of the program that wrote it; left out where nobody read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
    /// What clients find from then on; none where nothing was changed.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub published: Option<Published>,
    /// The lines that follow the head.
    pub records: Records,
    /// Why it was refused; for an import, what was kept out and why.
    pub refusals: Vec<Refused>,
    /// How many more reasons there were.
    pub refusals_left_out: u64,
    /// What it came to as a whole; left out by versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Verdict>,
    /// How long it has to be kept; left out by versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Keep>,
    /// What this site's malware scanners came to; left out where none was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scanners: Vec<ScannerRun>,
    /// Where it was written.
    pub station: Station,
    /// What was trusted then.
    pub trust: TrustThen,
    /// Who vouched for artifacts, the most first.
    pub vouchers: Vec<VoucherTally>,
    /// How many more there were.
    pub vouchers_left_out: u64,
    /// How many artifacts passed by a waiver or a person's decision; left out by versions that did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A report that is lost, as a signed statement says (`bundle-spec/retention.md` §6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostReport {
    /// The digest of its head.
    pub digest: Digest,
    /// Its number.
    pub number: u64,
    /// Who signed that work goes on.
    pub persons: Vec<String>,
    /// Why, in their words.
    pub reason: String,
    /// The statement's number.
    pub statement: u64,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Clients find what it brought.
    Imported,
    /// Nothing was changed.
    Refused,
}

impl Outcome {
    /// The word in the document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Refused => "refused",
        }
    }
}

/// A bundle, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// How many artifacts it lists.
    pub artifacts: u64,
    /// The bundle on which it builds, if it is a delta.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub base: Option<Digest>,
    /// Who says what was held of it; left out where the manifest does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_source: Option<BaseSource>,
    /// When the exporter says that it was made.
    pub created: Timestamp,
    /// How many documents of registries it lists.
    pub documents: u64,
    /// The epoch.
    pub epoch: u64,
    /// The program that made it, as it says.
    pub generator: String,
    /// What people call it.
    pub label: String,
    /// The manifest's digest: its identity.
    pub manifest: Digest,
    /// When it must no longer be imported.
    pub not_after: Timestamp,
    /// The sum of its objects' sizes, in bytes.
    pub object_bytes: u64,
    /// How many objects it lists.
    pub objects: u64,
    /// What was asked for, by digest.
    pub plan: Digest,
    /// The bundle before in its stream.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub previous: Option<Digest>,
    /// Its number.
    pub sequence: u64,
    /// What travelled beside the artifacts, by digest.
    pub side_data: std::collections::BTreeMap<String, Digest>,
    /// Its stream.
    pub stream: String,
    /// How many volumes it has.
    pub volumes: u64,
}

impl Bundle {
    /// On what it builds, in words; none where it stands alone.
    pub fn delta_words(&self) -> Option<String> {
        self.base.map(|base| delta_words(&base, self.base_source))
    }
}

/// Somebody who vouched for the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What an approver signed; none for an exporter.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub approval: Option<Consent>,
    /// The keys with which the person signed, where they are known one by one.
    pub keys: Vec<String>,
    /// The name in the root.
    pub person: String,
    /// `export` or `approve`.
    pub role: String,
}

/// Why somebody approved, in their own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// When, by the person's own clock.
    pub created: Timestamp,
    /// Until when that counts.
    pub expires: Timestamp,
    /// Why.
    pub reason: String,
    /// Where the request is kept.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub ticket: Option<String>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The codes with which it failed.
    pub codes: Vec<String>,
    /// When it ended, by the enclave's clock; left out where it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What it asked for in this attempt; left out where it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Its stable name.
    pub id: String,
    /// How it is done.
    pub method: Method,
    /// What more there is to say.
    pub note: String,
    /// What it found; left out where it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// What it came to.
    pub result: CheckResult,
    /// When it began, by the enclave's clock; left out where it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// What it asks, in words.
    pub title: String,
}

impl Check {
    /// What it asked for and what it found, in one line; nothing where a report does not say.
    pub fn compared(&self) -> Option<String> {
        let (expected, observed) = (self.expected.as_ref()?, self.observed.as_ref()?);
        Some(format!("asked for {expected}; found {observed}"))
    }
}

/// How a check is done (SP 800-53A calls these methods so).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Computed from the bytes.
    Test,
    /// Compared with what was agreed before.
    Examine,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckResult {
    /// It is right.
    Pass,
    /// It is wrong.
    Fail,
    /// It is right, and somebody should look at something.
    Warn,
    /// There was nothing to check.
    NotApplicable,
    /// This program or this site has no means for it.
    MethodNotAvailable,
    /// It is wrong, and a waiver lets it pass.
    Waived,
    /// An earlier check failed.
    NotReached,
}

impl CheckResult {
    /// The word in the document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::NotApplicable => "not-applicable",
            Self::MethodNotAvailable => "method-not-available",
            Self::Waived => "waived",
            Self::NotReached => "not-reached",
        }
    }
}

/// A time that was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownTime {
    /// What proved it.
    pub source: String,
    /// The time.
    pub time: Timestamp,
}

/// The policy that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// What its rules found about the bundle as a whole.
    pub bundle: Vec<DecisionHit>,
    /// Its digest.
    pub digest: Digest,
    /// Its name.
    pub id: String,
    /// `enforce`, or `evaluate` where it only shows what it would do.
    pub mode: String,
    /// Who signed it; nobody where it is what the root's profile brings.
    pub signed_by: Vec<String>,
    /// The version.
    pub version: u64,
}

/// The report before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previous {
    /// The digest of its head.
    pub digest: Digest,
    /// Its number.
    pub number: u64,
}

/// What clients find after an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The generation's number.
    pub generation: u64,
    /// Bytes that had not been held before.
    pub new_bytes: u64,
    /// Objects that had not been held before.
    pub new_objects: u64,
    /// The digest of the whole repository after.
    pub repository: Digest,
    /// The digest of the whole repository before; none for the first import.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub repository_before: Option<Digest>,
}

/// The lines that follow the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// All their bytes, line ends included.
    pub bytes: u64,
    /// How many they are.
    pub count: u64,
    /// SHA-256 over all of them.
    pub digest: Digest,
}

/// What one malware scanner came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScannerRun {
    /// When its definitions were made, if it says it.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub definitions: Option<Timestamp>,
    /// Its name, as policies call it.
    pub engine: String,
    /// In how many objects it found something.
    pub found: u64,
    /// How many objects it was given.
    pub objects: u64,
    /// Why nothing that it said counts, but what it found.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub problem: Option<String>,
    /// How many objects it did not scan, or not wholly.
    pub unclear: u64,
    /// Program and definitions, as it calls them.
    pub version: String,
}

impl ScannerRun {
    /// What it came to, in a phrase.
    pub fn words(&self) -> String {
        let name = if self.version.is_empty() {
            self.engine.clone()
        } else {
            format!("{} ({})", self.engine, self.version)
        };
        let made = self.definitions.map_or_else(
            || "whose definitions have no date".to_owned(),
            |made| format!("with definitions of {made}"),
        );
        let found = if self.found > 0 {
            format!("something was found in {}", self.found)
        } else {
            "nothing was found".to_owned()
        };
        let mut words = format!("{name} {made}: {} objects, {found}", self.objects);
        if self.unclear > 0 {
            words.push_str(&format!(", {} were not scanned wholly", self.unclear));
        }
        if let Some(problem) = &self.problem {
            words.push_str(&format!("; nothing counts as clean: {problem}"));
        }
        words
    }
}

/// One reason for a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// The stable code.
    pub code: String,
    /// What should have been there.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub expected: Option<String>,
    /// What was there.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub found: Option<String>,
    /// What to do next.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub hint: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What it is about.
    pub subject: String,
}

/// What was trusted then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustThen {
    /// What the bundle changed of it, in words.
    pub changes: Vec<String>,
    /// How many more changes there were.
    pub changes_left_out: u64,
    /// Roots that came with the bundle and count from then on.
    pub new_roots: Vec<Version>,
    /// The revocations that counted.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub revocations: Option<Standing>,
    /// The root by which signers were judged.
    pub root: Version,
    /// The trust data that counted.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub trust_data: Option<Standing>,
}

/// A root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// The digest of what was signed.
    pub digest: Digest,
    /// The version.
    pub version: u64,
}

/// A document that stood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// When it was made, as its signers say.
    pub created: Timestamp,
    /// The digest of what was signed.
    pub digest: Digest,
    /// How many entries it has.
    pub entries: u64,
    /// Who signed it.
    pub persons: Vec<String>,
    /// The version.
    pub version: u64,
}
