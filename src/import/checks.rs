//! What an import checks, in its order, and what each check came to, as far as a report says it.

use std::collections::{BTreeMap, BTreeSet};

use super::compared;
use super::record::Keeping;
use crate::model::{Code, Family, Refusal};
use crate::report::{Check, CheckResult, Custody, Method, ScannerRun};

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Begun,
    Opened,
    Authenticated,
    Intact,
    Trusted,
    Judged,
    Decided,
    Staged,
}

impl Step {
    const ALL: [Self; 8] = [
        Self::Begun,
        Self::Opened,
        Self::Authenticated,
        Self::Intact,
        Self::Trusted,
        Self::Judged,
        Self::Decided,
        Self::Staged,
    ];

    /// The step after it; none after the last.
    pub(super) fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|step| *step > self)
    }
}

/// What is checked, in its order: name, the step after which it has passed, and what it asks.
const CHECKS: &[(&str, Step, Method, &str)] = &[
    (
        "container",
        Step::Opened,
        Method::Test,
        "the volumes are of bundle format 1, and nothing before the seal is larger than its limit",
    ),
    (
        "seal",
        Step::Authenticated,
        Method::Test,
        "enough persons with the role export, by the root that this site pins, sealed the manifest",
    ),
    (
        "recipient",
        Step::Authenticated,
        Method::Test,
        "the bundle was made for this enclave",
    ),
    (
        "order",
        Step::Authenticated,
        Method::Examine,
        "the bundle follows the last one of its stream: none is old, missing or exchanged",
    ),
    (
        "freshness",
        Step::Authenticated,
        Method::Examine,
        "the bundle and the root have not run out, and no time that was proven contradicts theirs",
    ),
    (
        "approvals",
        Step::Authenticated,
        Method::Test,
        "enough persons other than the exporter approved the bundle",
    ),
    (
        "objects",
        Step::Intact,
        Method::Test,
        "every byte is as the signed catalog lists it",
    ),
    (
        "contents",
        Step::Intact,
        Method::Test,
        "every artifact's own content names what the catalog says that it is",
    ),
    (
        "trust",
        Step::Trusted,
        Method::Test,
        "trust data and revocations that came follow those that stand, and the bundle is not revoked",
    ),
    (
        "evidence",
        Step::Judged,
        Method::Test,
        "every proof is judged by what this site pins",
    ),
    (
        "malware",
        Step::Judged,
        Method::Test,
        "this site's scanners find nothing in any object",
    ),
    (
        "custody",
        Step::Decided,
        Method::Examine,
        "the records of who had the media follow one another, and name one seal, one medium and the same bytes",
    ),
    (
        "policy",
        Step::Decided,
        Method::Test,
        "the site's policy admits every artifact",
    ),
    (
        "publication",
        Step::Staged,
        Method::Test,
        "nothing that is held has other bytes or takes another's name, and all is shown in one switch",
    ),
];

/// What each check came to: those before the one that failed have passed, and those after it were not reached.
pub(super) fn checks(reached: Step, refusals: &[Refusal], keeping: &Keeping<'_>) -> Vec<Check> {
    let failed: BTreeMap<&str, Vec<&Refusal>> = refusals.iter().fold(BTreeMap::new(), |mut failed, refusal| {
        let refusals: &mut Vec<&Refusal> = failed.entry(failing(reached, refusal.code)).or_default();
        refusals.push(refusal);
        failed
    });
    let mut has_failed = false;
    CHECKS
        .iter()
        .map(|(id, step, method, title)| {
            let (result, codes, note) = match failed.get(id) {
                Some(refusals) => {
                    has_failed = true;
                    (CheckResult::Fail, codes_of(refusals), String::new())
                }
                None if has_failed => (CheckResult::NotReached, Vec::new(), String::new()),
                None => {
                    let (result, note) = passed(id, keeping);
                    let codes = match result {
                        CheckResult::Fail => vec![Code::ScanPositive.name().to_owned()],
                        _ => Vec::new(),
                    };
                    (result, codes, note)
                }
            };
            let (expected, observed) = match (failed.get(id), result) {
                (Some(refusals), _) if *id != "policy" => compared::refused(refusals.iter().copied()),
                (None, CheckResult::NotReached) => (None, None),
                _ => compared::passed(id, keeping).unzip(),
            };
            let (started, ended) = match result {
                CheckResult::NotReached => (None, None),
                _ => keeping.times.of(*step),
            };
            Check {
                codes,
                ended,
                expected,
                id: (*id).to_owned(),
                method: *method,
                note,
                observed,
                result,
                started,
                title: (*title).to_owned(),
            }
        })
        .collect()
}

/// Each code once, in the order of the refusals.
fn codes_of(refusals: &[&Refusal]) -> Vec<String> {
    let mut codes: Vec<String> = Vec::new();
    for refusal in refusals {
        let name = refusal.code.name();
        if !codes.iter().any(|code| code == name) {
            codes.push(name.to_owned());
        }
    }
    codes
}

/// Which check a refusal belongs to, by how far the attempt had come.
fn failing(reached: Step, code: Code) -> &'static str {
    match reached {
        Step::Begun => "container",
        Step::Opened => match code {
            Code::WrongEnclave => "recipient",
            Code::ApprovalsMissing | Code::RolesNotSeparate => "approvals",
            Code::KeyRevoked | Code::BundleVoided => "seal",
            _ => match code.family() {
                // What cannot be parsed here is a manifest, and stands behind its seal.
                Family::Container if code != Code::JsonNotStrict => "container",
                Family::Order if is_about_time(code) => "freshness",
                Family::Trust if code == Code::RootExpired => "freshness",
                Family::Order | Family::State => "order",
                _ => "seal",
            },
        },
        Step::Authenticated if code == Code::ArtifactMalformed => "contents",
        Step::Authenticated => "objects",
        Step::Intact => "trust",
        Step::Trusted => "evidence",
        Step::Judged if is_about_custody(code) => "custody",
        Step::Judged => "policy",
        Step::Decided | Step::Staged => "publication",
    }
}

fn is_about_custody(code: Code) -> bool {
    matches!(
        code,
        Code::CustodyChainBroken
            | Code::CustodyRecordUnproven
            | Code::CustodySealDiffers
            | Code::CustodyMediumDiffers
            | Code::CustodyIncomplete
    )
}

fn is_about_time(code: Code) -> bool {
    matches!(code, Code::BundleExpired | Code::ClockBehind | Code::TimeImplausible)
}

/// What a check that did not fail came to.
fn passed(id: &str, keeping: &Keeping<'_>) -> (CheckResult, String) {
    let head = &keeping.head;
    let pass = (CheckResult::Pass, String::new());
    match id {
        "order" => match keeping.taken {
            Some(taken) => (
                CheckResult::Pass,
                format!(
                    "it was here, and comes once more for {taken} artifacts that were admitted since; the others are not taken again"
                ),
            ),
            None => pass,
        },
        "approvals" if !head.people.iter().any(|person| person.role == "approve") => {
            (CheckResult::NotApplicable, "the root asks for no approval".to_owned())
        }
        "trust" if head.trust.trust_data.is_none() => (
            CheckResult::Warn,
            "no trust data stands: nobody outside is believed".to_owned(),
        ),
        "evidence" if keeping.evidence.contradicted > 0 => (
            CheckResult::Warn,
            format!(
                "{} artifacts bring a proof that is wrong",
                keeping.evidence.contradicted
            ),
        ),
        "malware" => malware(&head.scanners),
        "custody" => custody(head.custody.as_ref()),
        "policy" if keeping.kept_out > 0 => (
            CheckResult::Warn,
            format!(
                "{} artifacts are kept out, and the others are published",
                keeping.kept_out
            ),
        ),
        "policy" if head.policy.as_ref().is_some_and(|policy| policy.mode == "evaluate") => {
            (CheckResult::Warn, "this policy only shows what it would do".to_owned())
        }
        "policy" if keeping.waived > 0 => (
            CheckResult::Waived,
            format!("{} artifacts pass by a waiver or a person's decision", keeping.waived),
        ),
        _ => pass,
    }
}

/// What the records of the media came to. Where nothing is wrong with them, somebody has still to have signed one.
fn custody(custody: Option<&Custody>) -> (CheckResult, String) {
    match custody {
        None => (CheckResult::NotApplicable, "no record came".to_owned()),
        Some(custody) if custody.troubles.is_empty() => (CheckResult::Pass, custody.words()),
        Some(custody) => {
            let codes: BTreeSet<&str> = custody.troubles.iter().map(|trouble| trouble.code.as_str()).collect();
            let codes: Vec<&str> = codes.into_iter().collect();
            (CheckResult::Warn, format!("{} ({})", custody.words(), codes.join(", ")))
        }
    }
}

/// What the scanners came to. What follows from it the policy decides.
fn malware(scanners: &[ScannerRun]) -> (CheckResult, String) {
    if scanners.is_empty() {
        return (
            CheckResult::MethodNotAvailable,
            "this site has named no scanner".to_owned(),
        );
    }
    let found: u64 = scanners.iter().map(|run| run.found).sum();
    if found > 0 {
        return (CheckResult::Fail, format!("something was found in {found} objects"));
    }
    let failed: Vec<&str> = scanners
        .iter()
        .filter(|run| run.problem.is_some())
        .map(|run| run.engine.as_str())
        .collect();
    if !failed.is_empty() {
        return (
            CheckResult::Warn,
            format!("nothing was scanned by {}", failed.join(", ")),
        );
    }
    let unclear: u64 = scanners.iter().map(|run| run.unclear).sum();
    if unclear > 0 {
        return (CheckResult::Warn, format!("{unclear} objects were not scanned wholly"));
    }
    (CheckResult::Pass, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_belongs_to_the_check_that_made_it() {
        for (reached, code, expected) in [
            (Step::Begun, Code::DigestMismatch, "container"),
            (Step::Opened, Code::WrongEnclave, "recipient"),
            (Step::Opened, Code::ApprovalsMissing, "approvals"),
            (Step::Opened, Code::BundleVoided, "seal"),
            (Step::Opened, Code::JsonNotStrict, "seal"),
            (Step::Opened, Code::BundleExpired, "freshness"),
            (Step::Opened, Code::ClockBehind, "freshness"),
            (Step::Opened, Code::TimeImplausible, "freshness"),
            (Step::Opened, Code::RootExpired, "freshness"),
            (Step::Opened, Code::AlreadyImported, "order"),
            (Step::Opened, Code::SequenceGap, "order"),
            (Step::Authenticated, Code::ArtifactMalformed, "contents"),
            (Step::Authenticated, Code::DigestMismatch, "objects"),
            (Step::Judged, Code::CustodyChainBroken, "custody"),
            (Step::Judged, Code::ScanPositive, "policy"),
            (Step::Staged, Code::DigestMismatch, "publication"),
        ] {
            assert_eq!(failing(reached, code), expected, "{code:?}");
        }
    }
}
