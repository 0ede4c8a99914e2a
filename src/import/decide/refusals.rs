//! Why something is not admitted, in words.

use std::collections::BTreeSet;

use super::decision::{Admission, ArtifactDecision, Decisions, says};
use crate::model::{Code, Refusal};
use crate::policy::{Decision, Hit, Verdict};

/// Why an artifact is not admitted: the worst that was found, with its rule, and the codes of the rest.
pub(super) fn refusal(url: &str, decided: &ArtifactDecision) -> Refusal {
    let open = decided.open();
    let Some(first) = open.first() else {
        return Refusal::new(
            Code::ReviewNeeded,
            url,
            "the policy only shows what it would do, and nobody has decided",
        )
        .hint("`sealift review list` shows what waits");
    };
    let more: BTreeSet<&str> = open[1..]
        .iter()
        .map(|hit| hit.code.name())
        .filter(|name| *name != first.code.name())
        .collect();
    let mut reason = says(first);
    if !more.is_empty() {
        reason.push_str("; also ");
        reason.push_str(&more.into_iter().collect::<Vec<_>>().join(", "));
    }
    let hint = if decided.admission == Admission::Waiting {
        format!("{}; then `sealift review` records the decision", first.solution)
    } else {
        first.solution.clone()
    };
    Refusal::new(first.code, url, reason).hint(hint)
}

/// Why the bundle as a whole is not admitted.
pub(super) fn bundle_refusals(decision: &Decision, label: &str) -> Vec<Refusal> {
    decision
        .hits
        .iter()
        .filter(|hit| hit.verdict == Verdict::Deny)
        .map(|hit| Refusal::new(hit.code, format!("bundle {label}"), says(hit)).hint(bundle_hint(hit)))
        .collect()
}

/// What to do, with the commands of the sending side where there are some.
fn bundle_hint(hit: &Hit) -> String {
    let solution = &hit.solution;
    match (hit.code, hit.rule.as_str()) {
        (Code::SideDataStale, "require.revocations_max_age_days") => format!(
            "{solution}: `sealift trust new FILE --revocations` begins a list, be it empty; signed, and installed with `trust install --trust` in \
             the exporter's folder, it travels with every bundle"
        ),
        (Code::SideDataStale, "require.advisories_max_age_days") => {
            format!("{solution}: `sealift export --advisories FILE`")
        }
        _ => solution.clone(),
    }
}

/// The first artifacts that are not admitted, and how many there are. Those that are denied come first.
pub(super) fn stop_refusals(decisions: &Decisions, label: &str, count: u64) -> Vec<Refusal> {
    let mut refusals = decisions.kept_out.clone();
    refusals.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    let more = count.saturating_sub(refusals.len() as u64);
    if more > 0 {
        refusals.push(
            Refusal::new(
                Code::ReviewNeeded,
                format!("bundle {label}"),
                format!(
                    "{more} more artifacts are not admitted: {} are denied, and {} wait for a decision",
                    decisions.count(Admission::Denied),
                    decisions.count(Admission::Waiting)
                ),
            )
            .hint("`sealift review list` shows all that waits"),
        );
    }
    refusals
}

#[cfg(test)]
mod tests {
    use super::super::decision::tests::decided;
    use super::*;
    use crate::policy::Verdict;

    #[test]
    fn a_refusal_names_its_other_reasons_once_and_not_its_own() {
        let hits = [Code::TooNew, Code::TooNew, Code::EvidenceTooLow, Code::EvidenceTooLow];
        let hits = hits.map(|code| (code, Verdict::Deny, None));
        let said = |hits| refusal("pkg:generic/tool@1", &decided(Admission::Denied, hits)).reason;
        assert_eq!(said(&hits), "message of too-new (rule); also evidence-too-low");
        assert_eq!(said(&hits[..2]), "message of too-new (rule)");
    }
}
