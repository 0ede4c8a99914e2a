//! What is asked of the bundle as a whole. Nothing here is ever waived.

use std::collections::BTreeSet;

use super::{Hits, days, days_between};
use crate::model::{Code, Timestamp};
use crate::policy::document::{Closure, RecordOrRefuse, Require};
use crate::policy::{Action, BundleFacts, Gap, Surroundings};

/// Compares a bundle with the policy's requirements.
pub(crate) fn bundle(require: &Require, facts: &BundleFacts<'_>, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    persons(require, facts, hits);
    let age = days_between(surroundings.exported, surroundings.now);
    if age > i64::from(require.max_age_days) {
        hits.add(
            Code::BundleExpired,
            Action::Deny,
            "require.max_age_days",
            format!(
                "it was made {} ago; {} is the most",
                days(age),
                days(require.max_age_days.into())
            ),
            "export again",
        );
    }
    if age > i64::from(require.max_transit_days) {
        hits.add(
            Code::BundleExpired,
            Action::Record,
            "require.max_transit_days",
            format!(
                "it was on its way for {}; signed indexes are judged by today's date after {}",
                days(age),
                days(require.max_transit_days.into())
            ),
            "export again if signed indexes have run out",
        );
    }
    for (what, made, max, path) in [
        (
            "revocations",
            facts.revocations,
            require.revocations_max_age_days,
            "require.revocations_max_age_days",
        ),
        (
            "advisories",
            surroundings.advisories.map(|advisories| advisories.taken()),
            require.advisories_max_age_days,
            "require.advisories_max_age_days",
        ),
    ] {
        if let Some(max) = max {
            side_data(what, made, max, path, surroundings, hits);
        }
    }
    if let Some(made) = facts.standing_revocations {
        let was_too_old = |max| days_between(made, surroundings.exported) > i64::from(max);
        // Of those that it carries, and that were too old when it was made, it is told above.
        let is_told = facts.revocations == Some(made) && require.revocations_max_age_days.is_some_and(was_too_old);
        if !is_told {
            revocations_now(require, made, surroundings.now, hits);
        }
    }
    if facts.gap == Gap::Missing {
        let action = match require.sequence_gap {
            RecordOrRefuse::Record => Action::Record,
            RecordOrRefuse::Refuse => Action::Deny,
        };
        hits.add(
            Code::SequenceGap,
            action,
            "require.sequence_gap",
            "bundles before this one are missing".to_owned(),
            "import the missing bundles first",
        );
    }
    let action = match require.closure {
        Closure::Record => Action::Record,
        Closure::Strict => Action::Deny,
    };
    for what in facts.unplanned {
        let message = format!("{what}: nothing in the plan asks for it");
        let solution = "ask the exporter why it is in the bundle";
        hits.add(Code::NotInPlan, action, "require.closure", message, solution);
    }
    for what in facts.infected {
        let solution =
            "do not open it, and tell your security officer; a false alarm is taken back in the scanner's own settings";
        hits.add(Code::ScanPositive, Action::Deny, "scan", what.clone(), solution);
    }
    for what in facts.missing {
        let message = format!("{what} is needed, and is neither in the bundle nor here");
        let solution = "export again from a whole lockfile";
        hits.add(Code::IncompleteClosure, action, "require.closure", message, solution);
    }
}

/// Refuses revocations that have become too old: what was revoked since is not known.
pub(crate) fn revocations_now(require: &Require, made: Timestamp, now: Timestamp, hits: &mut Hits) {
    let age = days_between(made, now);
    if let Some(max) = require.revocations_max_age_days
        && age > i64::from(max)
    {
        let message = format!(
            "the revocations that count are {} old; {} is the most",
            days(age),
            days(max.into())
        );
        let solution = "bring newer ones, with a bundle or by `sealift trust install`";
        let path = "require.revocations_max_age_days";
        hits.add(Code::SideDataStale, Action::Deny, path, message, solution);
    }
}

/// Counts persons: one who exports approves nothing, and one who approves or exports does not release, if that is asked for.
fn persons(require: &Require, facts: &BundleFacts<'_>, hits: &mut Hits) {
    let approvers: BTreeSet<&String> = facts
        .approvers
        .iter()
        .filter(|person| !facts.exporters.contains(person))
        .collect();
    let wanted = usize::try_from(require.approvals).unwrap_or(usize::MAX);
    if approvers.len() < wanted {
        hits.add(
            Code::ApprovalsMissing,
            Action::Deny,
            "require.approvals",
            format!(
                "{wanted} persons other than the exporter must approve it, and {} did",
                approvers.len()
            ),
            "have another person run `sealift approve`",
        );
    }
    if !require.release_by_other_person {
        return;
    }
    let message = match facts.importer {
        None => "nobody is named who releases it".to_owned(),
        Some(person)
            if facts
                .exporters
                .iter()
                .chain(facts.approvers)
                .any(|other| other == person) =>
        {
            format!("{person} releases it, and has exported or approved it")
        }
        Some(_) => return,
    };
    hits.add(
        Code::RolesNotSeparate,
        Action::Deny,
        "require.release_by_other_person",
        message,
        "have another person import it",
    );
}

fn side_data(
    what: &str,
    made: Option<Timestamp>,
    max: u32,
    path: &str,
    surroundings: &Surroundings<'_>,
    hits: &mut Hits,
) {
    let message = match made {
        None => format!("it carries no {what}"),
        Some(made) => {
            let age = days_between(made, surroundings.exported);
            if age <= i64::from(max) {
                return;
            }
            format!(
                "its {what} were {} old when it was made; {} is the most",
                days(age),
                days(max.into())
            )
        }
    };
    let solution = "fetch them anew on the sending side, and export again";
    hits.add(Code::SideDataStale, Action::Deny, path, message, solution);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::policy::{Ecosystems, KnownNames, Policy, Profile};

    #[test]
    fn of_revocations_that_stand_is_told_unless_it_was_of_the_bundles_own() {
        let now = "2026-11-20T12:00:00Z".parse::<Timestamp>().unwrap();
        let require = Require {
            revocations_max_age_days: Some(7),
            advisories_max_age_days: None,
            ..Policy::of_profile(Profile::Evaluation).require
        };
        let (names, issuers) = (KnownNames::new(), BTreeMap::new());
        let surroundings = Surroundings {
            now,
            exported: now,
            advisories: None,
            names: &names,
            issuers: &issuers,
            ecosystems: Ecosystems {
                compare_versions: |_, _, _| None,
                key: |_, name| name.to_owned(),
                spelling: |_, name| name.to_owned(),
            },
            policy_signers: None,
        };
        let days_ago = |days: i64| now.plus_seconds(-days * 86_400);
        let stale = |own: Option<i64>, standing: i64| {
            let facts = BundleFacts {
                exporters: &[],
                approvers: &[],
                importer: None,
                revocations: own.map(days_ago),
                standing_revocations: Some(days_ago(standing)),
                gap: Gap::None,
                unplanned: &[],
                missing: &[],
                infected: &[],
                custody: None,
            };
            let mut hits = Hits::default();
            bundle(&require, &facts, &surroundings, &mut hits);
            hits.0.iter().filter(|hit| hit.code == Code::SideDataStale).count()
        };
        assert_eq!(stale(Some(8), 8), 1);
        assert_eq!(stale(Some(9), 8), 2);
        assert_eq!(stale(None, 8), 2);
        assert_eq!(stale(None, 7), 1);
    }
}
