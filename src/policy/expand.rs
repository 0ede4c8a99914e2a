//! From what was written to the explicit policy: the profiles' values, one place for each.

use std::collections::{BTreeMap, BTreeSet};

use super::PolicyError;
use super::Retention;
use super::custody::{CustodyRule, ScanRole, SealRule};
use super::document::{
    Action, AdvisoryRule, Closure, CompareWith, DefaultOutcome, DenyRule, EXPLICIT, EcosystemRule, Floor, HonourVex,
    IdentityMode, LicenceRule, Mode, NameRule, OnRefusal, Policy, Profile, PublisherRule, RecordOrRefuse, Require,
    ScanRule, Waiver,
};
use super::pattern::{Ecosystems, ecosystem_id};
use super::written::{Written, WrittenCustody, WrittenEcosystem, WrittenRetention};
use crate::model::Level;

/// A profile's own values.
///
/// Levels are what the ecosystems' registries can reach today (`bundle-spec/policy.md` §4).
pub(crate) fn of_profile(id: &str, version: u64, profile: Profile) -> Policy {
    let strict = profile == Profile::Strict;
    let evaluation = profile == Profile::Evaluation;
    let ecosystems = [
        ("cargo", Level::Observed),
        ("deb", Level::Registry),
        ("files", Level::Publisher),
        ("go", Level::Registry),
        ("maven", Level::Publisher),
        ("npm", Level::Registry),
        ("nuget", Level::Registry),
        ("oci", Level::Publisher),
        ("pypi", Level::Observed),
        ("rpm", Level::Registry),
        ("rubygems", Level::Observed),
    ];
    Policy {
        schema: EXPLICIT.to_owned(),
        id: id.to_owned(),
        version,
        profile,
        mode: if evaluation { Mode::Evaluate } else { Mode::Enforce },
        require: Require {
            approvals: match profile {
                Profile::Evaluation => 0,
                Profile::Standard => 1,
                Profile::Strict => 2,
            },
            release_by_other_person: !evaluation,
            max_age_days: if strict { 30 } else { 45 },
            max_transit_days: if strict { 15 } else { 30 },
            revocations_max_age_days: (!evaluation).then_some(14),
            advisories_max_age_days: (!evaluation).then_some(if strict { 3 } else { 7 }),
            sequence_gap: if strict {
                RecordOrRefuse::Refuse
            } else {
                RecordOrRefuse::Record
            },
            closure: if evaluation { Closure::Record } else { Closure::Strict },
        },
        custody: Some(CustodyRule {
            events: BTreeSet::new(),
            chain: if evaluation {
                RecordOrRefuse::Record
            } else {
                RecordOrRefuse::Refuse
            },
            seals: if evaluation { SealRule::Record } else { SealRule::Refuse },
            write_protected: false,
            scan_max_age_days: None,
            scanned_by: BTreeSet::from([ScanRole::Approve, ScanRole::Export]),
        }),
        default: DefaultOutcome::Deny,
        on_refusal: OnRefusal::Stop,
        review_persons: if strict { 2 } else { 1 },
        ecosystems: ecosystems
            .into_iter()
            .map(|(id, evidence)| (id.to_owned(), ecosystem(id, evidence, profile)))
            .collect(),
        publishers: Vec::new(),
        internal: Vec::new(),
        names: NameRule {
            first_seen: Action::Review,
            similar: if strict { Action::Deny } else { Action::Review },
            compare_with: BTreeSet::from([CompareWith::Popular, CompareWith::AlreadyHere]),
        },
        advisories: AdvisoryRule {
            malicious: Action::Deny,
            critical: Action::Deny,
            high: if strict { Action::Deny } else { Action::Review },
            medium: if strict { Action::Review } else { Action::Record },
            low: Action::Record,
            unknown: Action::Review,
            honour_vex: if strict {
                HonourVex::Never
            } else {
                HonourVex::SignedOnly
            },
        },
        deny: Vec::new(),
        licences: LicenceRule {
            allow: BTreeSet::new(),
            unknown: if strict { Action::Review } else { Action::Record },
            other: if strict { Action::Review } else { Action::Record },
        },
        retention: None,
        scan: Vec::new(),
        waivers: Vec::new(),
    }
}

/// A profile's values for one ecosystem.
fn ecosystem(id: &str, evidence: Level, profile: Profile) -> EcosystemRule {
    let strict = profile == Profile::Strict;
    // An age that is asked for refuses what nobody dates. These registries' documents state the time of every version; elsewhere nobody does whose word
    // counts at the level that is asked for.
    let min_age_days = match (id, strict) {
        ("cargo" | "npm" | "pypi", false) => 7,
        ("cargo" | "npm" | "pypi", true) => 14,
        _ => 0,
    };
    EcosystemRule {
        evidence,
        // A second station's observation does not travel yet.
        observers: 1,
        signers: 1,
        floor: Floor::Keep,
        // Most of Maven's keys are in no list that a site could pin beforehand.
        identity: if strict || id == "maven" {
            IdentityMode::PinOnFirstImport
        } else {
            IdentityMode::Any
        },
        scope: BTreeSet::new(),
        min_age_days,
        max_age_days: None,
        unknown_age: Action::Deny,
    }
}

/// Fills in what was not said.
pub(crate) fn expand(written: Written, ecosystems: &Ecosystems) -> Result<Policy, PolicyError> {
    let profile = written.profile;
    let base = of_profile(&written.id, written.version, profile);
    let policy = Policy {
        mode: written.mode.unwrap_or(base.mode),
        require: Require {
            approvals: written.require.approvals.unwrap_or(base.require.approvals),
            release_by_other_person: written
                .require
                .release_by_other_person
                .unwrap_or(base.require.release_by_other_person),
            max_age_days: written.require.max_age_days.unwrap_or(base.require.max_age_days),
            max_transit_days: written
                .require
                .max_transit_days
                .unwrap_or(base.require.max_transit_days),
            revocations_max_age_days: written
                .require
                .revocations_max_age_days
                .map_or(base.require.revocations_max_age_days, |limit| limit.0),
            advisories_max_age_days: written
                .require
                .advisories_max_age_days
                .map_or(base.require.advisories_max_age_days, |limit| limit.0),
            sequence_gap: written.require.sequence_gap.unwrap_or(base.require.sequence_gap),
            closure: written.require.closure.unwrap_or(base.require.closure),
        },
        custody: base.custody.map(|base| custody(written.custody, base)),
        default: written.default,
        on_refusal: written.on_refusal.unwrap_or(base.on_refusal),
        review_persons: written.review_persons.unwrap_or(base.review_persons),
        ecosystems: match written.ecosystems {
            // A site that names its ecosystems admits no other.
            Some(named) => named_ecosystems(named, base.ecosystems, profile)?,
            None => base.ecosystems,
        },
        publishers: written
            .publishers
            .into_iter()
            .map(publisher)
            .collect::<Result<_, _>>()?,
        internal: written.internal,
        names: NameRule {
            first_seen: written.names.first_seen.unwrap_or(base.names.first_seen),
            similar: written.names.similar.unwrap_or(base.names.similar),
            compare_with: written.names.compare_with.unwrap_or(base.names.compare_with),
        },
        advisories: AdvisoryRule {
            malicious: written.advisories.malicious.unwrap_or(base.advisories.malicious),
            critical: written.advisories.critical.unwrap_or(base.advisories.critical),
            high: written.advisories.high.unwrap_or(base.advisories.high),
            medium: written.advisories.medium.unwrap_or(base.advisories.medium),
            low: written.advisories.low.unwrap_or(base.advisories.low),
            unknown: written.advisories.unknown.unwrap_or(base.advisories.unknown),
            honour_vex: written.advisories.honour_vex.unwrap_or(base.advisories.honour_vex),
        },
        deny: written
            .deny
            .into_iter()
            .map(|deny| DenyRule {
                names: deny.names,
                digest: deny.digest,
                reason: deny.reason,
                effective: deny.effective,
            })
            .collect(),
        licences: match written.licences {
            // Who lists what is allowed means that the rest is not.
            Some(licences) => LicenceRule {
                allow: licences.allow,
                unknown: licences.unknown.unwrap_or(Action::Review),
                other: licences.other.unwrap_or(Action::Deny),
            },
            None => base.licences,
        },
        retention: written.retention.map(retention),
        scan: written.scan.map_or(base.scan, |rules| {
            rules
                .into_iter()
                .map(|scan| ScanRule {
                    engine: scan.engine,
                    side: scan.side,
                    definitions_max_age_days: scan.definitions_max_age_days.and_then(|limit| limit.0),
                    required: scan.required.unwrap_or(true),
                    effective: scan.effective,
                })
                .collect()
        }),
        waivers: written
            .waivers
            .into_iter()
            .map(|waiver| {
                let named = waiver.approved_by.len();
                let approved_by: BTreeSet<String> = waiver.approved_by.into_iter().collect();
                if approved_by.len() < named {
                    return Err(PolicyError::Twice {
                        rule: format!("a person of waivers[{}]", waiver.id),
                    });
                }
                Ok(Waiver {
                    id: waiver.id,
                    scope: waiver.scope,
                    digest: waiver.digest,
                    codes: waiver.codes,
                    approved_by,
                    expires: waiver.expires,
                    reason: waiver.reason,
                })
            })
            .collect::<Result<_, _>>()?,
        ..base
    };
    Ok(policy.ordered(ecosystems))
}

fn custody(written: WrittenCustody, base: CustodyRule) -> CustodyRule {
    CustodyRule {
        events: written.events.unwrap_or(base.events),
        chain: written.chain.unwrap_or(base.chain),
        seals: written.seals.unwrap_or(base.seals),
        write_protected: written.write_protected.unwrap_or(base.write_protected),
        scan_max_age_days: written
            .scan_max_age_days
            .map_or(base.scan_max_age_days, |limit| limit.0),
        scanned_by: written.scanned_by.unwrap_or(base.scanned_by),
    }
}

fn named_ecosystems(
    named: BTreeMap<String, WrittenEcosystem>,
    mut base: BTreeMap<String, EcosystemRule>,
    profile: Profile,
) -> Result<BTreeMap<String, EcosystemRule>, PolicyError> {
    let mut rules = BTreeMap::new();
    for (written_id, one) in named {
        let id = ecosystem_id(&written_id).to_owned();
        let rule = format!("ecosystems.{id}");
        // Nothing is known of what the profile does not name, so the level must be said.
        if rules.contains_key(&id) {
            return Err(PolicyError::Twice { rule });
        }
        let base = match (base.remove(&id), one.evidence) {
            (Some(base), _) => base,
            (None, Some(evidence)) => ecosystem(&id, evidence, profile),
            (None, None) => {
                return Err(PolicyError::Lacks {
                    rule,
                    what: "`evidence`",
                });
            }
        };
        let explicit = EcosystemRule {
            evidence: one.evidence.unwrap_or(base.evidence),
            observers: one.observers.unwrap_or(base.observers),
            signers: one.signers.unwrap_or(base.signers),
            floor: one.floor.unwrap_or(base.floor),
            identity: one.identity.unwrap_or(base.identity),
            scope: one.scope.unwrap_or(base.scope),
            min_age_days: one.min_age_days.unwrap_or(base.min_age_days),
            max_age_days: one.max_age_days.map_or(base.max_age_days, |limit| limit.0),
            unknown_age: one.unknown_age.unwrap_or(base.unknown_age),
        };
        rules.insert(id, explicit);
    }
    Ok(rules)
}

/// Who says something of retention says all of it in the explicit form.
fn retention(written: WrittenRetention) -> Retention {
    let base = Retention::default();
    Retention {
        approval_days: written.approval_days.map_or(base.approval_days, |limit| limit.0),
        artifact_days: written.artifact_days.map_or(base.artifact_days, |limit| limit.0),
        capsule_days: written.capsule_days.map_or(base.capsule_days, |limit| limit.0),
        proof_days: written.proof_days.map_or(base.proof_days, |limit| limit.0),
        refusal_days: written.refusal_days.map_or(base.refusal_days, |limit| limit.0),
        report_days: written.report_days.map_or(base.report_days, |limit| limit.0),
        review_days: written.review_days.map_or(base.review_days, |limit| limit.0),
    }
}

fn publisher(written: super::written::WrittenPublisher) -> Result<PublisherRule, PolicyError> {
    let named = written.pgp.len();
    let pgp: BTreeSet<String> = written.pgp.iter().map(|text| text.to_ascii_uppercase()).collect();
    if pgp.len() < named {
        return Err(PolicyError::Twice {
            rule: format!("a fingerprint of publishers[{}]", written.names),
        });
    }
    let mut rule = PublisherRule {
        names: written.names,
        evidence: Level::None,
        signers: written.signers.unwrap_or(1),
        pgp,
        keys: written.keys,
        identity: written.identity.0,
        until: written.until,
        effective: written.effective,
    };
    rule.evidence = match (written.evidence, rule.has_pins()) {
        (Some(evidence), _) => evidence,
        // Somebody is named, so somebody must have signed.
        (None, true) => Level::Publisher,
        (None, false) => {
            return Err(PolicyError::Lacks {
                rule: rule.path(),
                what: "`evidence`, or somebody who signs",
            });
        }
    };
    Ok(rule)
}
