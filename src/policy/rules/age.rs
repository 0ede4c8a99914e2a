//! Ages: hijacked versions are mostly found within days, and what is very old is often dead.

use super::{Hits, days, days_between};
use crate::model::Code;
use crate::policy::document::EcosystemRule;
use crate::policy::{Action, Case, Published, PublishedBy, Surroundings};

/// Compares the time since publication, as of the export, with what the ecosystem's rule asks for.
pub(crate) fn age(rule: &EcosystemRule, case: &Case<'_>, key: &str, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    let artifact = case.artifact;
    let path = |field: &str| format!("ecosystems.{}.{field}", artifact.ecosystem);
    // That it was there by some time says that it is old enough, or nothing.
    let says_nothing = |published: &Published| {
        let age = days_between(published.time, surroundings.exported);
        let is_bound = published.source == PublishedBy::Index;
        is_bound && (age < i64::from(rule.min_age_days) || published.time > surroundings.exported)
    };
    let Some(published) = case.published.filter(|published| !says_nothing(published)) else {
        if rule.min_age_days > 0 {
            hits.add(
                Code::TooNew,
                rule.unknown_age,
                &path("unknown_age"),
                "nobody states when it was published".to_owned(),
                "look it up at its registry",
            );
        }
        return;
    };
    // What claims to come from the future has no age at all.
    let age = days_between(published.time, surroundings.exported);
    let says = match published.source {
        PublishedBy::Registry => "the registry says",
        PublishedBy::Proof => "a proof says",
        PublishedBy::Index => "or before, a signed index says",
    };
    if published.time > surroundings.exported || age < i64::from(rule.min_age_days) {
        let (key, version) = case.advised_as.unwrap_or((key, &artifact.version));
        let fix = surroundings
            .advisories
            .and_then(|advisories| advisories.fix(&artifact.ecosystem, key, version, case.release, surroundings.now));
        let message = format!("published {} ({says}), {} before the export", published.time, days(age));
        let (action, message) = match fix {
            // Waiting for a fix is the greater risk.
            Some(id) => (Action::Record, format!("{message}; {id} names it as the fix")),
            None if rule.min_age_days == 0 => (Action::Review, format!("{message}: a time to come")),
            None => (
                Action::Deny,
                format!("{message}; {} are asked for", days(rule.min_age_days.into())),
            ),
        };
        hits.add(
            Code::TooNew,
            action,
            &path("min_age_days"),
            message,
            "export it again when it is old enough",
        );
    }
    if let Some(max) = rule.max_age_days.filter(|max| age > i64::from(*max)) {
        hits.add(
            Code::TooOld,
            Action::Review,
            &path("max_age_days"),
            format!(
                "published {} ({says}), {} before the export; {} is the most",
                published.time,
                days(age),
                days(max.into())
            ),
            "look whether somebody still cares for it",
        );
    }
}
