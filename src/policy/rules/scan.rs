//! Scanners' results. sealift does not scan; it sees to it that somebody did.

use super::{Hits, days, days_between};
use crate::model::Code;
use crate::policy::document::{ScanRule, Side};
use crate::policy::{Action, Case, Surroundings};

/// Refuses what a scanner reported, and what was not scanned as asked.
pub(crate) fn scan(rules: &[ScanRule], case: &Case<'_>, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    for scan in case.scans {
        if let Some(found) = &scan.found {
            let path = rules
                .iter()
                .find(|rule| rule.engine == scan.engine && rule.side == scan.side)
                .map_or_else(|| "scan".to_owned(), ScanRule::path);
            hits.add(
                Code::ScanPositive,
                Action::Deny,
                &path,
                format!("{} found {}", scan.engine, found.chars().take(200).collect::<String>()),
                "do not open it, and tell your security officer",
            );
        }
    }
    for rule in rules {
        let action = if rule.required { Action::Deny } else { Action::Record };
        hits.since(rule.effective, surroundings.now, |hits| {
            if let Some(message) = missing(rule, case, surroundings) {
                hits.add(
                    Code::ScanMissing,
                    action,
                    &rule.path(),
                    message,
                    "scan it with fresh definitions",
                );
            }
        });
    }
}

/// Why a case does not have the scan that a rule asks for.
fn missing(rule: &ScanRule, case: &Case<'_>, surroundings: &Surroundings<'_>) -> Option<String> {
    let on_side = match rule.side {
        Side::Export => surroundings.exported,
        Side::Import => surroundings.now,
    };
    let freshest = case
        .scans
        .iter()
        .filter(|scan| scan.engine == rule.engine && scan.side == rule.side)
        .map(|scan| scan.definitions)
        .max();
    let Some(definitions) = freshest else {
        return Some(format!("{} has not scanned it", rule.engine));
    };
    let age = days_between(definitions, on_side);
    let max = rule.definitions_max_age_days?;
    (age > i64::from(max)).then(|| {
        format!(
            "{} scanned it with definitions of {definitions}, {} old; {} is the most",
            rule.engine,
            days(age),
            days(max.into())
        )
    })
}
