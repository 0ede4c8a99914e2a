//! What is judged, and by what: plain data in, plain data out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::advisory::Advisories;
use super::custody::CustodyFacts;
use super::document::Side;
use super::lookalike::KnownNames;
use super::pattern::Ecosystems;
use super::vex::{Lowered, VexSaid};
use super::{Action, Day};
use crate::model::{Artifact, Code, Fault, Finding, Level, Signer, Timestamp};

/// One artifact, with all that the decision needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The artifact.
    pub artifact: &'a Artifact,
    /// What judging its proofs came to, the agreement of digests included.
    pub findings: &'a [Finding],
    /// How many stations on separate networks saw this digest.
    pub observers: u32,
    /// The best level at which anything of this name was ever accepted.
    pub floor: Option<Level>,
    /// Who published this name when it was first accepted; empty if nobody was pinned.
    pub pinned: &'a [Signer],
    /// Whether the enclave has held the name before.
    pub standing: Standing,
    /// Who says when it was published, or by when it was there: what [`published`] gives.
    pub published: &'a [Published],
    /// Its licence as its own metadata states it.
    pub licence: Option<&'a str>,
    /// Results of scans of exactly these bytes.
    pub scans: &'a [Scan],
    /// The release of a distribution that it is for, as advisories name it, such as `13`.
    pub release: Option<&'a str>,
    /// Name (as its ecosystem's key) and version by which advisories know it, where they are not its own.
    pub advised_as: Option<(&'a str, &'a str)>,
    /// What signed statements say of vulnerabilities in it.
    pub vex: &'a [VexSaid],
}

impl<'a> Case<'a> {
    /// A case of which nothing is known but the artifact and its findings: a new name that one exporter saw.
    pub const fn new(artifact: &'a Artifact, findings: &'a [Finding]) -> Self {
        Self {
            artifact,
            findings,
            observers: 1,
            floor: None,
            pinned: &[],
            standing: Standing::FirstSeen,
            published: &[],
            licence: None,
            scans: &[],
            release: None,
            advised_as: None,
            vex: &[],
        }
    }
}

/// Whether a name is new here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of this name was ever accepted.
    FirstSeen,
    /// Something of this name was accepted before.
    Known,
}

/// When an artifact was published, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// The time.
    pub time: Timestamp,
    /// Who says so.
    pub source: PublishedBy,
}

/// Who says when an artifact was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishedBy {
    /// The registry's document, as the exporter brought it.
    Registry,
    /// A confirmed proof.
    Proof,
    /// A registry's signed index that lists it, and says no more than that it was there by then.
    Index,
}

impl PublishedBy {
    /// Who is named first.
    const fn rank(self) -> u8 {
        match self {
            Self::Proof => 0,
            Self::Registry => 1,
            Self::Index => 2,
        }
    }

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Proof => "proof",
            Self::Index => "index",
        }
    }
}

/// A scan's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The scanner's name.
    pub engine: String,
    /// Where it ran.
    pub side: Side,
    /// What it came to.
    pub result: ScanResult,
    /// The date of its definitions, if the scanner says it.
    pub definitions: Option<Timestamp>,
    /// When it ran.
    pub time: Timestamp,
}

/// What a scan came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanResult {
    /// Nothing was found.
    Clean,
    /// Something was found, by this name.
    Found(String),
    /// It was not scanned, or not wholly, and why. That never counts as clean.
    NotScanned(String),
}

/// What is around all cases of an import.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The enclave's time.
    pub now: Timestamp,
    /// When the bundle was made: ages are counted to then.
    pub exported: Timestamp,
    /// The advisories that travel with the bundle, if any do.
    pub advisories: Option<&'a Advisories>,
    /// Popular names, and those that the enclave holds.
    pub names: &'a KnownNames,
    /// Identity providers by the aliases of the trust data.
    pub issuers: &'a BTreeMap<String, String>,
    /// What the ecosystems know of names and versions.
    pub ecosystems: Ecosystems,
    /// The persons whose signatures over this very policy count; `None` where nobody can have signed it yet.
    pub policy_signers: Option<&'a [String]>,
}

/// What becomes of an artifact or a bundle; the worst of all hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is admitted.
    Allow,
    /// Somebody has to decide. It never becomes `allow` by waiting.
    Review,
    /// It is not admitted.
    Deny,
}

impl Verdict {
    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Review => "review",
            Self::Deny => "deny",
        }
    }
}

impl From<Action> for Verdict {
    fn from(action: Action) -> Self {
        match action {
            Action::Allow | Action::Record => Self::Allow,
            Action::Review => Self::Review,
            Action::Deny => Self::Deny,
        }
    }
}

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// The code whose waiver lifts it, too.
    #[serde(skip)]
    pub also: Option<Code>,
    /// The persons who approved the waiver that lifts it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// The stable code.
    #[serde(serialize_with = "by_name", deserialize_with = "of_name")]
    pub code: Code,
    /// The day from which the rule counts, if that is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_from: Option<Day>,
    /// What is wrong with a proof, where that is what was found: it says whether a waiver may lift it.
    #[serde(skip)]
    pub fault: Option<Fault>,
    /// The publisher's statement that lowers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered: Option<Lowered>,
    /// What was found: one phrase, lower case, no full stop.
    pub message: String,
    /// The rule's place in the policy.
    pub rule: String,
    /// What to do next.
    pub solution: String,
    /// What it makes of the artifact: `allow` where it is only mentioned, or waived.
    pub verdict: Verdict,
    /// The waiver that lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived_by: Option<String>,
}

impl Hit {
    /// What a rule found, and nothing that lowers it.
    pub(crate) const fn new(code: Code, verdict: Verdict, rule: String, message: String, solution: String) -> Self {
        Self {
            also: None,
            approved_by: Vec::new(),
            code,
            counts_from: None,
            fault: None,
            lowered: None,
            message,
            rule,
            solution,
            verdict,
            waived_by: None,
        }
    }
}

fn by_name<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.name())
}

fn of_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let name = String::deserialize(deserializer)?;
    Code::named(&name).ok_or_else(|| serde::de::Error::custom("no code has this name"))
}

/// What the policy decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Everything that was found, in the order of `bundle-spec/policy.md` §4.
    pub hits: Vec<Hit>,
    /// The level that is reached.
    pub reached: Level,
    /// The level that is asked for.
    pub required: Level,
    /// The rule that asks for it.
    pub required_by: String,
    /// What the rules alone say: differs from the verdict only where a policy is evaluated, and reports are stamped EVALUATION.
    pub rules_say: Verdict,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// A bundle as a whole.
#[derive(Debug, Clone)]
pub struct BundleFacts<'a> {
    /// The persons who exported it.
    pub exporters: &'a [String],
    /// The persons who approved it.
    pub approvers: &'a [String],
    /// The person who imports it.
    pub importer: Option<&'a str>,
    /// When the revocations in it were made; `None` if it has none.
    pub revocations: Option<Timestamp>,
    /// When the revocations were made that count where it is imported; `None` if none stand there.
    pub standing_revocations: Option<Timestamp>,
    /// Whether numbers of its stream are missing.
    pub gap: Gap,
    /// Artifacts that nothing in the plan asked for, in words.
    pub unplanned: &'a [String],
    /// What its artifacts need and is neither in it nor here, in words.
    pub missing: &'a [String],
    /// What scanners found in what belongs to no artifact, in words.
    pub infected: &'a [String],
    /// What is recorded of its media; `None` where nobody can have recorded it all yet.
    pub custody: Option<&'a CustodyFacts>,
}

/// Whether numbers of a stream are missing before a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// None are.
    None,
    /// Some are.
    Missing,
}

/// The level that findings reach: that of the best confirmed one.
pub fn level(findings: &[Finding]) -> Level {
    findings.iter().map(Finding::level).max().unwrap_or_default()
}

/// Who published an artifact by its confirmed findings: what is pinned when a name is first accepted.
pub fn publishers(findings: &[Finding]) -> Vec<Signer> {
    let mut signers: Vec<Signer> = Vec::new();
    for signer in findings
        .iter()
        .filter(|finding| finding.level() >= Level::Publisher)
        .flat_map(|finding| &finding.signers)
    {
        if !signers.contains(signer) {
            signers.push(signer.clone());
        }
    }
    signers
}

/// Who says when an artifact was published, or by when it was there: proven times of confirmed proofs, the registry's document, and signatures of
/// indexes that list it.
pub fn published(findings: &[Finding], stated: Option<Timestamp>) -> Vec<Published> {
    let signed = |finding: &Finding| finding.signed_at.clone().map(|signed| (finding.level(), signed));
    let (proven, claimed): (Vec<_>, Vec<_>) = findings
        .iter()
        .filter_map(signed)
        .filter(|(level, _)| *level >= Level::Registry)
        .partition(|(_, signed)| signed.source.is_proven());
    let by = |source| move |time| Published { time, source };
    let proven = proven
        .into_iter()
        .map(|(_, signed)| signed.time)
        .map(by(PublishedBy::Proof));
    let listed = claimed.into_iter().filter(|(level, _)| *level == Level::Registry);
    let listed = listed.map(|(_, signed)| signed.time).map(by(PublishedBy::Index));
    let mut all: Vec<Published> = proven
        .chain(stated.map(by(PublishedBy::Registry)))
        .chain(listed)
        .collect();
    // Whom reports name comes first: the best source, and of several times the first.
    all.sort_by_key(|published| (published.source.rank(), published.time));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SignedAt, TimeSource};

    /// What is pinned when a name is first accepted: those who published it, once each, and no registry.
    #[test]
    fn publishers_are_those_of_confirmed_proofs_of_theirs() {
        let by = |level, key: &str| Finding::confirmed("k", level, "it fits").by(Signer::key(key, None));
        let findings = [
            by(Level::Registry, "registry"),
            by(Level::Publisher, "ann"),
            by(Level::Provenance, "bob"),
            by(Level::Publisher, "ann"),
            Finding::undecided("k", crate::model::Doubt::NoAnchor, "no anchor").by(Signer::key("cyd", None)),
        ];
        let expected = ["ann", "bob"].map(|key| Signer::key(key, None));
        assert_eq!(publishers(&findings), expected);
        assert_eq!(level(&findings), Level::Provenance);
        // No time is heard from what is only seen, nor as an index's what a publisher claims.
        let at = |level, source| {
            let finding = Finding {
                signed_at: Some(SignedAt {
                    time: Timestamp::from_seconds(1),
                    source,
                }),
                ..Finding::confirmed("k", level, "it fits")
            };
            published(&[finding], None).len()
        };
        assert_eq!(at(Level::Registry, TimeSource::Log), 1);
        assert_eq!(at(Level::Observed, TimeSource::Log), 0);
        assert_eq!(at(Level::Registry, TimeSource::Signer), 1);
        assert_eq!(at(Level::Publisher, TimeSource::Signer), 0);
        assert_eq!(level(&findings[4..]), Level::None);
    }
}
