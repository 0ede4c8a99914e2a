//! Ages: hijacked versions are mostly found within days, and what is very old is often dead.
//!
//! More evidence never makes an age worse: old enough is what any source shows to be so, too old what none shows to be younger, and what nobody dates is
//! neither.

use super::{Hits, days, days_between};
use crate::model::{Code, Level};
use crate::policy::document::EcosystemRule;
use crate::policy::{Action, Case, Published, PublishedBy, Surroundings};

/// Compares the time since publication, as of the export, with what the ecosystem's rule asks for.
pub(crate) fn age(
    rule: &EcosystemRule,
    required: Level,
    case: &Case<'_>,
    key: &str,
    surroundings: &Surroundings<'_>,
    hits: &mut Hits,
) {
    // Only the exporter vouches for the registry's document; where a publisher has to have signed, that proof has to show the age.
    let counts = |published: &&Published| published.source != PublishedBy::Registry || required < Level::Publisher;
    let stated: Vec<&Published> = case.published.iter().filter(counts).collect();
    let oldest = stated.iter().copied().min_by_key(|published| published.time);
    young(rule, oldest, case, key, surroundings, hits);
    let newest = stated.iter().copied().max_by_key(|published| published.time);
    old(rule, newest, case, surroundings, hits);
}

fn path(case: &Case<'_>, field: &str) -> String {
    format!("ecosystems.{}.{field}", case.artifact.ecosystem)
}

fn says(published: &Published, surroundings: &Surroundings<'_>) -> String {
    let says = match published.source {
        PublishedBy::Registry => "the registry says",
        PublishedBy::Proof => "a proof says",
        PublishedBy::Index => "or before, a signed index says",
    };
    // What claims to come from the future has no age at all.
    let age = days_between(published.time, surroundings.exported);
    format!("published {} ({says}), {} before the export", published.time, days(age))
}

const NOBODY: &str = "nobody who counts states when it was published";

/// Asks whether anything shows that it is old enough.
fn young(
    rule: &EcosystemRule,
    oldest: Option<&Published>,
    case: &Case<'_>,
    key: &str,
    surroundings: &Surroundings<'_>,
    hits: &mut Hits,
) {
    let to_come = |published: &Published| published.time > surroundings.exported;
    let is_enough =
        |published: &Published| days_between(published.time, surroundings.exported) >= i64::from(rule.min_age_days);
    if rule.min_age_days == 0 {
        // A proof from the future dates nothing, and a registry that speaks of it is odd.
        if let Some(odd) = oldest.filter(|odd| to_come(odd) && odd.source == PublishedBy::Registry) {
            let message = format!("{}: a time to come", says(odd, surroundings));
            let solution = "export it again when it is old enough";
            hits.add(
                Code::TooNew,
                Action::Review,
                &path(case, "min_age_days"),
                message,
                solution,
            );
        }
        return;
    }
    if oldest.is_some_and(is_enough) {
        return;
    }
    // That a signed index listed it by some time says that it is old enough, or nothing.
    let dated = oldest.filter(|published| published.source != PublishedBy::Index);
    let (rule_path, action, solution) = match dated {
        Some(_) => ("min_age_days", Action::Deny, "export it again when it is old enough"),
        None => (
            "unknown_age",
            rule.unknown_age,
            "export it with the registry's document or a proof that dates it",
        ),
    };
    let message = dated.map_or_else(|| NOBODY.to_owned(), |published| says(published, surroundings));
    let (name, version) = case.advised_as.unwrap_or((key, &case.artifact.version));
    let fix = surroundings
        .advisories
        .and_then(|advisories| advisories.fix(&case.artifact.ecosystem, name, version, case.release, surroundings.now));
    let (action, message) = match fix {
        // Waiting for a fix is the greater risk.
        Some(id) => (Action::Record, format!("{message}; {id} names it as the fix")),
        None => (
            action,
            format!("{message}; {} are asked for", days(rule.min_age_days.into())),
        ),
    };
    hits.add(Code::TooNew, action, &path(case, rule_path), message, solution);
}

/// Asks whether anything shows that somebody has cared for it since.
fn old(
    rule: &EcosystemRule,
    newest: Option<&Published>,
    case: &Case<'_>,
    surroundings: &Surroundings<'_>,
    hits: &mut Hits,
) {
    let Some(max) = rule.max_age_days else {
        return;
    };
    let message = match newest {
        None => NOBODY.to_owned(),
        Some(published) if days_between(published.time, surroundings.exported) > i64::from(max) => {
            says(published, surroundings)
        }
        Some(_) => return,
    };
    hits.add(
        Code::TooOld,
        Action::Review,
        &path(case, "max_age_days"),
        format!("{message}; {} is the most", days(max.into())),
        "look whether somebody still cares for it",
    );
}
