//! Scanners' results. sealift does not scan; it sees to it that somebody did.

use super::{Hits, days, days_between};
use crate::model::Code;
use crate::policy::document::{ScanRule, Side};
use crate::policy::{Action, Case, Scan, ScanResult, Surroundings};

/// The most of a name or a reason that is told.
const MAX_TOLD_CHARS: usize = 200;

/// Refuses what a scanner reported, and what was not scanned as asked. What a scanner of the site could not scan, and no rule is about, is for a person.
pub(crate) fn scan(rules: &[ScanRule], case: &Case<'_>, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    let about = |scan: &Scan| {
        rules
            .iter()
            .find(|rule| rule.engine == scan.engine && rule.side == scan.side)
    };
    for scan in case.scans {
        let rule = about(scan);
        match &scan.result {
            ScanResult::Clean => {}
            ScanResult::Found(found) => hits.add(
                Code::ScanPositive,
                Action::Deny,
                &rule.map_or_else(|| "scan".to_owned(), ScanRule::path),
                format!("{} found {}", scan.engine, told(found)),
                "do not open it, and tell your security officer",
            ),
            ScanResult::NotScanned(why) if rule.is_none() => hits.add(
                Code::ScanMissing,
                Action::Review,
                "scan",
                format!("{} has not scanned it: {}", scan.engine, told(why)),
                "see to it that the scanner runs, or say in the policy that it is not required",
            ),
            ScanResult::NotScanned(_) => {}
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

fn told(text: &str) -> String {
    text.chars().take(MAX_TOLD_CHARS).collect()
}

/// Why a case does not have the scan that a rule asks for.
fn missing(rule: &ScanRule, case: &Case<'_>, surroundings: &Surroundings<'_>) -> Option<String> {
    let on_side = match rule.side {
        Side::Export => surroundings.exported,
        Side::Import => surroundings.now,
    };
    let asked = || {
        let scans = case.scans.iter();
        scans.filter(|scan| scan.engine == rule.engine && scan.side == rule.side)
    };
    let not_scanned = |scan: &Scan| match &scan.result {
        ScanResult::NotScanned(why) => Some(why.clone()),
        ScanResult::Clean | ScanResult::Found(_) => None,
    };
    let Some(definitions) = asked()
        .filter(|scan| not_scanned(scan).is_none())
        .map(|scan| scan.definitions)
        .max()
    else {
        let why = asked().find_map(not_scanned);
        let why = why.map_or_else(String::new, |why| format!(": {}", told(&why)));
        return Some(format!("{} has not scanned it{why}", rule.engine));
    };
    let max = rule.definitions_max_age_days?;
    let Some(definitions) = definitions else {
        return Some(format!(
            "{} scanned it, and does not say when its definitions were made",
            rule.engine
        ));
    };
    let age = days_between(definitions, on_side);
    (age > i64::from(max)).then(|| {
        format!(
            "{} scanned it with definitions of {definitions}, {} old; {} is the most",
            rule.engine,
            days(age),
            days(max.into())
        )
    })
}
