//! What is asked of the records of who had a bundle's media: the rule, and the facts that it is about (`bundle-spec/policy.md` §10).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::document::RecordOrRefuse;
use crate::model::{Code, CustodyEvent, Timestamp};

/// What is asked of custody records. Never waived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyRule {
    /// Events of which each volume must have a record that counts.
    pub events: BTreeSet<CustodyEvent>,
    /// What becomes of records that do not follow one another, and of media or bytes that are others than they say.
    pub chain: RecordOrRefuse,
    /// What is asked of seals.
    pub seals: SealRule,
    /// Whether the last that was said of each medium must be that it cannot be written to.
    pub write_protected: bool,
    /// How old a scan of all volumes may be in which nothing was found; `null`: none is asked for.
    pub scan_max_age_days: Option<u32>,
    /// Whose scans count, also for the rules of `scan`.
    pub scanned_by: BTreeSet<ScanRole>,
}

/// What is asked of seals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealRule {
    /// One that differs is noted.
    Record,
    /// One that differs refuses the bundle.
    Refuse,
    /// The same, and the receiving side must have found the number under which each volume was sealed.
    BothSides,
}

/// A role whose persons' scans may count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanRole {
    /// Who approves bundles.
    Approve,
    /// Who exports them.
    Export,
    /// Who imports them: a station before the enclave.
    Import,
}

/// What the custody records say that count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustodyFacts {
    /// What does not fit together, in words.
    pub troubles: Vec<(Code, String)>,
    /// What is recorded of each volume, all of them, by its number.
    pub volumes: BTreeMap<u32, VolumeCustody>,
}

/// What is recorded of one volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeCustody {
    /// What happened to it. Of what only the receiving side can say, nothing that only exporters signed.
    pub events: BTreeSet<CustodyEvent>,
    /// Whether the receiving side found the number of its last seal.
    pub seal_was_found: bool,
    /// What was last said of its medium.
    pub write_protected: Option<bool>,
    /// When it was last scanned with nothing found, by persons of each role.
    pub clean: BTreeMap<ScanRole, Timestamp>,
}
