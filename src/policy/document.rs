//! The explicit policy: every value said, in strict canonical JSON. It is what is signed, and what reports name by its digest
//! (`bundle-spec/policy.md` §2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::custody::CustodyRule;
use super::pattern::{Ecosystems, Pattern};
use super::{Day, PolicyError, Retention, check};
use crate::crypto::strict_json::{self, JsonError};
use crate::model::{Digest, IdentityPattern, Level};

/// Text and explicit form are below this: ten thousand rules, and some.
pub const MAX_POLICY_BYTES: usize = 4 << 20;

/// The name of the explicit form.
pub(crate) const EXPLICIT: &str = "sealift-policy-explicit/1";

/// What this site admits, every value said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Always `sealift-policy-explicit/1`.
    pub schema: String,
    /// The policy's name: the site's, most often.
    pub id: String,
    /// Its number, which must rise.
    pub version: u64,
    /// The profile that filled in what was not said.
    pub profile: Profile,
    /// Whether its outcomes count, or are only shown.
    pub mode: Mode,
    /// What is asked of the bundle as a whole.
    pub require: Require,
    /// What is asked of the records of who had its media; left out in policies that were made before there were any, which ask for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custody: Option<CustodyRule>,
    /// What happens to an artifact that no rule is about.
    pub default: DefaultOutcome,
    /// What becomes of an import some of whose artifacts are refused.
    pub on_refusal: OnRefusal,
    /// How many persons must decide where the outcome is `review`.
    pub review_persons: u32,
    /// The ecosystems that are admitted, by their ids.
    pub ecosystems: BTreeMap<String, EcosystemRule>,
    /// Who publishes what.
    pub publishers: Vec<PublisherRule>,
    /// Names that may never come from outside.
    pub internal: Vec<Pattern>,
    /// What becomes of names that are new or look like others.
    pub names: NameRule,
    /// What becomes of versions that advisories name.
    pub advisories: AdvisoryRule,
    /// What is never admitted.
    pub deny: Vec<DenyRule>,
    /// Which licences are admitted.
    pub licences: LicenceRule,
    /// How long records are kept, where the policy says so. It came later than the rest of the form, which stays as it was without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Which scans are asked for.
    pub scan: Vec<ScanRule>,
    /// What two persons let pass all the same.
    pub waivers: Vec<Waiver>,
}

/// Where a policy's values come from if it does not say them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Shows what `standard` would do: every artifact is for review.
    Evaluation,
    /// For most sites.
    Standard,
    /// For sites that rather wait.
    Strict,
}

/// Whether outcomes count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// They count.
    Enforce,
    /// They are shown; nothing but what is never waived is denied, and nothing is allowed without a person's decision.
    Evaluate,
}

/// What happens to an artifact that no rule is about. There is one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultOutcome {
    /// It is not admitted.
    #[default]
    Deny,
}

/// What becomes of an import some of whose artifacts are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnRefusal {
    /// Nothing is published.
    Stop,
    /// The rest is published; the refused are listed and kept out.
    KeepOut,
}

/// What a rule does with what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing; it is not even mentioned.
    Allow,
    /// It is mentioned.
    Record,
    /// A person decides.
    Review,
    /// It is not admitted.
    Deny,
}

/// What is asked of the bundle as a whole. Never waived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// How many persons other than the exporter must have approved it.
    pub approvals: u32,
    /// Whether the person who imports must be neither exporter nor approver.
    pub release_by_other_person: bool,
    /// How old it may be when it is imported.
    pub max_age_days: u32,
    /// How long it may have been on its way for signed indexes to be judged as of its making.
    pub max_transit_days: u32,
    /// How old revocations may have been when it was made; `null`: not asked.
    pub revocations_max_age_days: Option<u32>,
    /// How old advisories may have been when it was made; `null`: not asked.
    pub advisories_max_age_days: Option<u32>,
    /// What becomes of a gap in the stream's numbers.
    pub sequence_gap: RecordOrRefuse,
    /// Whether every artifact needs a reason in the plan, and all that it needs must come too.
    pub closure: Closure,
}

/// Whether something is noted or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordOrRefuse {
    /// It is noted.
    Record,
    /// The bundle is refused.
    Refuse,
}

/// Whether a bundle must be complete and planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closure {
    /// What is missing or unplanned is noted.
    Record,
    /// It refuses the bundle.
    Strict,
}

/// What is asked of an ecosystem's artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EcosystemRule {
    /// The least level.
    pub evidence: Level,
    /// How many stations must have seen the digest, where nothing better than `observed` vouches for it.
    pub observers: u32,
    /// How many signers must have signed at that level.
    pub signers: u32,
    /// Whether a name's best level so far is its least level from then on.
    pub floor: Floor,
    /// Whether the publisher of a name's first import is pinned.
    pub identity: IdentityMode,
    /// The anchors that signatures must rest on; empty: any that is pinned.
    pub scope: BTreeSet<String>,
    /// How long a version must have been published.
    pub min_age_days: u32,
    /// After how long it is for review; `null`: never.
    pub max_age_days: Option<u32>,
    /// What becomes of a version whose time of publication nobody states, where an age is asked for.
    pub unknown_age: Action,
}

/// Whether evidence may decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Floor {
    /// The best level so far is the least from then on.
    Keep,
    /// It may decline.
    Ignore,
}

/// Whether publishers are pinned when they are first met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityMode {
    /// Whoever an anchor trusts.
    Any,
    /// Whoever signed first, until the policy names another.
    PinOnFirstImport,
}

/// Who publishes what: raises the ecosystem's level, and names the signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublisherRule {
    /// The names.
    #[serde(rename = "match")]
    pub names: Pattern,
    /// The least level.
    pub evidence: Level,
    /// How many of those named below must have signed.
    pub signers: u32,
    /// Fingerprints of OpenPGP primary keys, in upper case.
    pub pgp: BTreeSet<String>,
    /// Fingerprints of other keys and certificates, as findings show them.
    pub keys: BTreeSet<String>,
    /// Identities, any of which may have signed.
    pub identity: BTreeSet<IdentityRule>,
    /// The last day of this trust.
    pub until: Day,
    /// The day from which it counts; before that it is only mentioned.
    pub effective: Option<Day>,
}

/// An identity that a publisher signs as: fields by their names. `issuer` is an address, or an alias out of the trust data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityRule(pub BTreeMap<String, String>);

impl IdentityRule {
    /// The fields as the model's pattern, without `workflow`, which no certificate has as such.
    pub(crate) fn pattern(&self) -> IdentityPattern {
        let other = |name: &str| matches!(name, "issuer" | "subject" | "workflow");
        IdentityPattern {
            issuer: self.0.get("issuer").cloned().unwrap_or_default(),
            subject: self.0.get("subject").cloned(),
            fields: self
                .0
                .iter()
                .filter(|(name, _)| !other(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }
}

/// What becomes of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameRule {
    /// A name that the enclave has never held.
    pub first_seen: Action,
    /// A name that looks like another.
    pub similar: Action,
    /// Like which others.
    pub compare_with: BTreeSet<CompareWith>,
}

/// Names that a new name may look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CompareWith {
    /// A list of popular names.
    Popular,
    /// The names that the enclave holds.
    AlreadyHere,
}

/// What becomes of versions that advisories name, by the advisory's class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvisoryRule {
    /// The version is malicious.
    pub malicious: Action,
    /// CVSS 9.0 and above.
    pub critical: Action,
    /// CVSS 7.0 and above.
    pub high: Action,
    /// CVSS 4.0 and above.
    pub medium: Action,
    /// Below that.
    pub low: Action,
    /// The advisory gives no severity that can be read.
    pub unknown: Action,
    /// Whether a statement that a version is not affected counts.
    pub honour_vex: HonourVex,
}

/// Which statements that a version is not affected count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HonourVex {
    /// None.
    Never,
    /// Those that a pinned publisher has signed.
    SignedOnly,
}

/// What is never admitted: names, with or without versions, or bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenyRule {
    /// The names and versions.
    #[serde(rename = "match")]
    pub names: Option<Pattern>,
    /// The bytes.
    pub digest: Option<Digest>,
    /// Why.
    pub reason: String,
    /// The day from which it counts; before that it is only mentioned.
    pub effective: Option<Day>,
}

/// Which licences are admitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LicenceRule {
    /// SPDX identifiers; `X WITH E` admits that exception alone.
    pub allow: BTreeSet<String>,
    /// No licence is stated, or not by SPDX's grammar.
    pub unknown: Action,
    /// Another licence is.
    pub other: Action,
}

/// A scan that is asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScanRule {
    /// The scanner's name, as in its results.
    pub engine: String,
    /// On which side it runs.
    pub side: Side,
    /// How old its definitions may be; `null`: not asked.
    pub definitions_max_age_days: Option<u32>,
    /// Whether its absence refuses.
    pub required: bool,
    /// The day from which it counts; before that it is only mentioned.
    pub effective: Option<Day>,
}

/// A side of the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The sending side.
    Export,
    /// The receiving side.
    Import,
}

/// What two persons let pass all the same: exactly these bytes, for exactly these codes, until that day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Its name.
    pub id: String,
    /// One version of one name.
    pub scope: Pattern,
    /// The bytes.
    pub digest: Digest,
    /// The codes that it lifts.
    pub codes: BTreeSet<String>,
    /// The persons.
    pub approved_by: BTreeSet<String>,
    /// Its last day.
    pub expires: Day,
    /// Why, with a ticket.
    pub reason: String,
}

impl Policy {
    /// Reads the explicit form. Who signed it is not looked at.
    ///
    /// # Errors
    /// [`PolicyError`] for what is not strict canonical JSON, does not fit the schema, or contradicts itself.
    pub fn read(untrusted_bytes: &[u8]) -> Result<Self, PolicyError> {
        if untrusted_bytes.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLong {
                found: untrusted_bytes.len(),
                max: MAX_POLICY_BYTES,
            });
        }
        let this: Self = strict_json::read(untrusted_bytes)?;
        if this.to_bytes() != untrusted_bytes {
            return Err(JsonError::NotCanonical.into());
        }
        check::check(&this)?;
        Ok(this)
    }

    /// The explicit form's bytes: what is signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        strict_json::write(self)
    }

    /// How long records are kept: what the policy says, or what counts without it.
    pub fn retention(&self) -> Retention {
        self.retention.clone().unwrap_or_default()
    }

    /// The digest that reports name.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Brings patterns into the ecosystems' normal forms, and lists into their order.
    pub(crate) fn ordered(mut self, ecosystems: &Ecosystems) -> Self {
        let fold = |pattern: Pattern| pattern.folded(ecosystems);
        self.internal = self.internal.into_iter().map(fold).collect();
        for rule in &mut self.publishers {
            rule.names = fold(rule.names.clone());
        }
        for rule in &mut self.deny {
            rule.names = rule.names.take().map(fold);
        }
        for waiver in &mut self.waivers {
            waiver.scope = fold(waiver.scope.clone());
        }
        self.internal.sort();
        self.publishers.sort_by(|one, other| one.names.cmp(&other.names));
        self.deny
            .sort_by(|one, other| (&one.names, one.digest).cmp(&(&other.names, other.digest)));
        self.scan.sort();
        self.waivers.sort_by(|one, other| one.id.cmp(&other.id));
        self
    }
}

impl PublisherRule {
    /// Whether it names signers.
    pub fn has_pins(&self) -> bool {
        !(self.pgp.is_empty() && self.keys.is_empty() && self.identity.is_empty())
    }

    /// How messages call it.
    pub(crate) fn path(&self) -> String {
        format!("publishers[{}]", self.names)
    }
}

impl DenyRule {
    /// How messages call it.
    pub(crate) fn path(&self) -> String {
        match (&self.names, &self.digest) {
            (Some(names), _) => format!("deny[{names}]"),
            (None, Some(digest)) => format!("deny[{digest}]"),
            (None, None) => "deny[]".to_owned(),
        }
    }
}

impl ScanRule {
    /// How messages call it.
    pub(crate) fn path(&self) -> String {
        let side = match self.side {
            Side::Export => "export",
            Side::Import => "import",
        };
        format!("scan[{} {side}]", self.engine)
    }
}

impl Waiver {
    /// How messages call it.
    pub(crate) fn path(&self) -> String {
        format!("waivers[{}]", self.id)
    }

    /// Who must have signed the policy for it to count, in words: `ann and bob have`.
    pub fn persons(&self) -> String {
        let persons: Vec<&str> = self.approved_by.iter().map(String::as_str).collect();
        format!("{} have", persons.join(" and "))
    }
}
