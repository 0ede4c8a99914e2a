//! The policy as people write it: YAML in which nearly everything may be left to the profile (`bundle-spec/policy.md` §1).
//!
//! Threats: what people and program read differently is met by `crypto/yaml.rs`; a misspelt key that would silently
//! loosen a rule is an unknown field, which is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::custody::{ScanRole, SealRule};
use super::document::{
    Action, Closure, CompareWith, DefaultOutcome, Floor, HonourVex, IdentityMode, IdentityRule, MAX_POLICY_BYTES, Mode,
    OnRefusal, Policy, Profile, RecordOrRefuse, Side,
};
use super::pattern::{Ecosystems, Pattern};
use super::{Day, PolicyError, check, expand};
use crate::crypto::yaml;
use crate::model::{CustodyEvent, Digest, Level, Timestamp};

/// The name of the written form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Schema {
    #[serde(rename = "sealift-policy/1")]
    One,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[expect(dead_code, reason = "there is one, and anything else is refused")]
    pub(crate) schema: Schema,
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) profile: Profile,
    pub(crate) mode: Option<Mode>,
    #[serde(default)]
    pub(crate) require: WrittenRequire,
    #[serde(default)]
    pub(crate) custody: WrittenCustody,
    #[serde(default)]
    pub(crate) default: DefaultOutcome,
    pub(crate) on_refusal: Option<OnRefusal>,
    pub(crate) review_persons: Option<u32>,
    pub(crate) ecosystems: Option<BTreeMap<String, WrittenEcosystem>>,
    #[serde(default)]
    pub(crate) publishers: Vec<WrittenPublisher>,
    #[serde(default)]
    pub(crate) internal: Vec<Pattern>,
    #[serde(default)]
    pub(crate) names: WrittenNames,
    #[serde(default)]
    pub(crate) advisories: WrittenAdvisories,
    #[serde(default)]
    pub(crate) deny: Vec<WrittenDeny>,
    pub(crate) licences: Option<WrittenLicences>,
    pub(crate) retention: Option<WrittenRetention>,
    pub(crate) scan: Option<Vec<WrittenScan>>,
    #[serde(default)]
    pub(crate) waivers: Vec<WrittenWaiver>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRequire {
    pub(crate) approvals: Option<u32>,
    pub(crate) release_by_other_person: Option<bool>,
    pub(crate) max_age_days: Option<u32>,
    pub(crate) max_transit_days: Option<u32>,
    pub(crate) revocations_max_age_days: Option<Limit>,
    pub(crate) advisories_max_age_days: Option<Limit>,
    pub(crate) sequence_gap: Option<RecordOrRefuse>,
    pub(crate) closure: Option<Closure>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenCustody {
    pub(crate) events: Option<BTreeSet<CustodyEvent>>,
    pub(crate) chain: Option<RecordOrRefuse>,
    pub(crate) seals: Option<SealRule>,
    pub(crate) write_protected: Option<bool>,
    pub(crate) scan_max_age_days: Option<Limit>,
    pub(crate) scanned_by: Option<BTreeSet<ScanRole>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenEcosystem {
    pub(crate) evidence: Option<Level>,
    pub(crate) observers: Option<u32>,
    pub(crate) signers: Option<u32>,
    pub(crate) floor: Option<Floor>,
    pub(crate) identity: Option<IdentityMode>,
    pub(crate) scope: Option<BTreeSet<String>>,
    pub(crate) min_age_days: Option<u32>,
    pub(crate) max_age_days: Option<Limit>,
    pub(crate) unknown_age: Option<Action>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenPublisher {
    #[serde(rename = "match")]
    pub(crate) names: Pattern,
    pub(crate) evidence: Option<Level>,
    pub(crate) signers: Option<u32>,
    #[serde(default)]
    pub(crate) pgp: Vec<String>,
    #[serde(default)]
    pub(crate) keys: BTreeSet<String>,
    #[serde(default)]
    pub(crate) identity: OneOrMany,
    pub(crate) until: Day,
    pub(crate) effective: Option<Day>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenNames {
    pub(crate) first_seen: Option<Action>,
    pub(crate) similar: Option<Action>,
    pub(crate) compare_with: Option<BTreeSet<CompareWith>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAdvisories {
    pub(crate) malicious: Option<Action>,
    pub(crate) critical: Option<Action>,
    pub(crate) high: Option<Action>,
    pub(crate) medium: Option<Action>,
    pub(crate) low: Option<Action>,
    pub(crate) unknown: Option<Action>,
    pub(crate) honour_vex: Option<HonourVex>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenDeny {
    #[serde(rename = "match")]
    pub(crate) names: Option<Pattern>,
    pub(crate) digest: Option<Digest>,
    pub(crate) reason: String,
    pub(crate) effective: Option<Day>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenLicences {
    pub(crate) allow: BTreeSet<String>,
    pub(crate) unknown: Option<Action>,
    pub(crate) other: Option<Action>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenRetention {
    pub(crate) approval_days: Option<Limit>,
    pub(crate) artifact_days: Option<Limit>,
    pub(crate) capsule_days: Option<Limit>,
    pub(crate) proof_days: Option<Limit>,
    pub(crate) refusal_days: Option<Limit>,
    pub(crate) report_days: Option<Limit>,
    pub(crate) review_days: Option<Limit>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenScan {
    pub(crate) engine: String,
    pub(crate) side: Side,
    pub(crate) definitions_max_age_days: Option<Limit>,
    pub(crate) required: Option<bool>,
    pub(crate) effective: Option<Day>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenWaiver {
    pub(crate) id: String,
    pub(crate) scope: Pattern,
    pub(crate) digest: Digest,
    pub(crate) codes: BTreeSet<String>,
    pub(crate) approved_by: Vec<String>,
    pub(crate) expires: Day,
    pub(crate) reason: String,
}

/// A count of days, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit(pub(crate) Option<u32>);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Days;
        impl Visitor<'_> for Days {
            type Value = Limit;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of days, or `none`")
            }

            fn visit_u64<E: serde::de::Error>(self, days: u64) -> Result<Limit, E> {
                u32::try_from(days)
                    .map(|days| Limit(Some(days)))
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(days), &self))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Limit, E> {
                if text == "none" {
                    Ok(Limit(None))
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Days)
    }
}

/// One identity, or a list of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct OneOrMany(pub(crate) BTreeSet<IdentityRule>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Identities;
        impl<'de> Visitor<'de> for Identities {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an identity's fields, or a list of such")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OneOrMany, A::Error> {
                let rule = IdentityRule::deserialize(MapAccessDeserializer::new(map))?;
                Ok(OneOrMany(BTreeSet::from([rule])))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
                BTreeSet::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany)
            }
        }
        deserializer.deserialize_any(Identities)
    }
}

impl Policy {
    /// Reads the written form, fills in the profile's values, and checks the whole. End dates are judged by `now`.
    ///
    /// # Errors
    /// [`PolicyError`] for what is not YAML as sealift reads it, does not fit the schema, or contradicts itself.
    pub fn from_yaml(text: &str, now: Timestamp, ecosystems: &Ecosystems) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLong {
                found: text.len(),
                max: MAX_POLICY_BYTES,
            });
        }
        let written: Written = yaml::read(text)?;
        let this = expand::expand(written, ecosystems)?;
        check::check(&this)?;
        check::dates(&this, now)?;
        Ok(this)
    }

    /// A profile's own values, as if a policy said nothing more.
    pub fn of_profile(profile: Profile) -> Self {
        expand::of_profile("example", 1, profile)
    }
}
