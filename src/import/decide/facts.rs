//! What a case and the bundle's own facts take from the steps before.

use std::collections::BTreeMap;

use super::Deciding;
use crate::bundle::manifest::SideData;
use crate::ecosystem::{self, Stated};
use crate::import::verify_objects::Intact;
use crate::model::{Artifact, Digest, Finding};
use crate::policy::{self, Action, BundleFacts, CompareWith, Gap, Policy, Published};

/// Whether an artifact is a signed index, which no plan names: it came with what rests on it. It adds no package; clients judge its own signature, and
/// its evidence is judged here as any artifact's is.
pub(super) fn comes_unasked(artifact: &Artifact) -> bool {
    ecosystem::find(&artifact.ecosystem).is_some_and(|known| known.is_index(&artifact.name))
}

pub(super) fn bundle_facts<'a>(
    deciding: &'a Deciding<'_>,
    intact: &'a Intact,
    unplanned: &'a [String],
    infected: &'a [String],
    missing: &'a [String],
) -> BundleFacts<'a> {
    let voucher = intact.voucher();
    // Whoever of several may have been the one who did another part, is taken to be.
    let acted = |person: &&String| voucher.exporters.contains(person) || voucher.approvers.contains(person);
    let importer = deciding.importers.iter().find(acted).or(deciding.importers.first());
    BundleFacts {
        exporters: &voucher.exporters,
        approvers: &voucher.approvers,
        importer: importer.map(String::as_str),
        revocations: deciding.carried_revocations,
        standing_revocations: deciding.revocations.map(|document| document.created),
        gap: if voucher.gap.is_some() { Gap::Missing } else { Gap::None },
        unplanned,
        missing,
        infected,
        custody: deciding.custody.map(|custody| &custody.facts),
    }
}

/// The lists that the policy would ask and that the bundle does not carry, each in words.
pub(super) fn missing_lists(policy: &Policy, carried: &BTreeMap<SideData, Digest>) -> Vec<String> {
    let rule = &policy.advisories;
    let actions = [
        rule.malicious,
        rule.critical,
        rule.high,
        rule.medium,
        rule.low,
        rule.unknown,
    ];
    let mut missing = Vec::new();
    if !carried.contains_key(&SideData::Advisories) && actions.iter().any(|action| *action != Action::Allow) {
        missing.push("advisories: the bundle carries none".to_owned());
    }
    let are_compared =
        policy.names.similar != Action::Allow && policy.names.compare_with.contains(&CompareWith::Popular);
    if !carried.contains_key(&SideData::PopularNames) && are_compared {
        missing.push("whether new names look like popular ones: the bundle carries no list of them".to_owned());
    }
    missing
}

/// Who says when an artifact was published, the one whom reports name first.
pub(in crate::import) fn published(findings: &[Finding], stated: &Stated) -> Vec<Published> {
    policy::published(findings, stated.published)
}

/// The release of the distribution that it is for, as far as a confirmed proof says it: what only the exporter says could hide an advisory.
pub(in crate::import) fn release(findings: &[Finding]) -> Option<&str> {
    let mut confirmed = findings.iter().filter(|finding| finding.is_confirmed());
    confirmed.find_map(|finding| finding.claim("release"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Doubt, Level, Timestamp};

    #[test]
    fn a_list_is_missed_where_the_policy_asks_it_and_nowhere_else() {
        let missing = |names: &str, carried: &[SideData]| {
            let text = format!(
                "schema: sealift-policy/1\nid: plant-7\nversion: 1\nprofile: standard\nnames: {names}\nadvisories: {{ malicious: allow, critical: allow, \
                 high: allow, medium: allow, low: allow, unknown: allow }}\n"
            );
            let policy = Policy::from_yaml(&text, Timestamp::from_seconds(1), &crate::import::ECOSYSTEMS).unwrap();
            let carried = carried.iter().map(|kind| (*kind, Digest::of(b"list"))).collect();
            missing_lists(&policy, &carried).len()
        };
        assert_eq!(missing("{ similar: review, compare_with: [popular] }", &[]), 1);
        assert_eq!(
            missing(
                "{ similar: review, compare_with: [popular] }",
                &[SideData::PopularNames]
            ),
            0
        );
        assert_eq!(missing("{ similar: review, compare_with: [already-here] }", &[]), 0);
        assert_eq!(missing("{ similar: allow, compare_with: [popular] }", &[]), 0);
    }

    #[test]
    fn a_release_is_what_a_confirmed_proof_says() {
        let says = |mut finding: Finding| {
            finding.claims.push(("release".to_owned(), "12".to_owned()));
            release(&[finding]).map(str::to_owned)
        };
        assert_eq!(
            says(Finding::confirmed("apt-release", Level::Registry, "good")).as_deref(),
            Some("12")
        );
        assert_eq!(
            says(Finding::undecided("apt-release", Doubt::UnknownSigner, "nobody known")),
            None
        );
    }
}
