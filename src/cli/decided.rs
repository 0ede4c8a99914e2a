//! How a policy's decisions about a bundle are shown: how many, who vouched, and the first that are kept out.

use serde_json::{Value, json};

use super::Context;
use super::output::escape;
use crate::import::decide::{Admission, Counts, Decisions};
use crate::import::site::Origin;
use crate::model::Refusal;
use crate::policy::{Mode, Verdict};

/// How many of those that are kept out are shown before the rest is only counted.
const SHOWN: usize = 20;

/// Every admission, in the order in which they are shown.
const ADMISSIONS: [Admission; 5] = [
    Admission::Allowed,
    Admission::Reviewed,
    Admission::Evaluation,
    Admission::Waiting,
    Admission::Denied,
];

/// Says what was decided.
pub(super) fn answer_decisions(decisions: &Decisions, context: &Context) {
    let output = &context.output;
    output.answer(&format!("  policy   {}", policy(decisions)));
    for (ecosystem, counts) in &decisions.counts {
        let levels = decisions.levels.get(ecosystem).into_iter().flatten().rev();
        let vouched: Vec<String> = levels
            .map(|(level, count)| format!("{count} {}", level.word()))
            .collect();
        output.answer(&format!(
            "  decided  {}: {}; vouched for: {}",
            escape(ecosystem),
            words(counts),
            vouched.join(", ")
        ));
    }
    for run in &decisions.scanners {
        let line = escape(&run.words());
        if run.found > 0 || run.problem.is_some() {
            output.warn(&format!("scanned by {line}"));
        } else {
            output.answer(&format!("  scanned  {line}"));
        }
    }
    if decisions.waived > 0 {
        output.answer(&format!("  waivers  {} artifacts pass by a waiver", decisions.waived));
    }
    for hit in &decisions.bundle.hits {
        output.answer(&format!(
            "  bundle   {} ({}) [{}]",
            escape(&hit.message),
            escape(&hit.rule),
            hit.code
        ));
    }
    if decisions.mode == Mode::Evaluate {
        let says = |verdict| decisions.rules_say.get(&verdict).copied().unwrap_or(0);
        output.warn(&format!(
            "EVALUATION: the policy only shows what it would do: allow {}, leave {} to a person, deny {}",
            says(Verdict::Allow),
            says(Verdict::Review),
            says(Verdict::Deny)
        ));
    }
    for refusal in decisions.kept_out.iter().take(SHOWN) {
        output.warn(&format!(
            "kept out: {}: {} [{}]",
            escape(&refusal.subject),
            escape(&refusal.reason),
            refusal.code
        ));
    }
    let more = decisions
        .kept_out_count
        .saturating_sub(decisions.kept_out.len().min(SHOWN) as u64);
    if more > 0 {
        output.warn(&format!("kept out: {more} more; --json lists the first hundred"));
    }
    for line in &decisions.not_asked {
        output.answer(&format!("  not asked: {}", escape(line)));
    }
}

/// The policy in a phrase.
fn policy(decisions: &Decisions) -> String {
    let name = format!("{} version {}", escape(&decisions.policy_id), decisions.policy_version);
    match decisions.policy_origin {
        Origin::Profile => format!(
            "none is signed: the values of the root's profile count, {}",
            decisions.policy
        ),
        Origin::Signed => format!(
            "{name}, signed by {}, {}",
            escape(&decisions.policy_signed_by.join(", ")),
            decisions.policy
        ),
        Origin::Given => format!("{name}, as given, {}", decisions.policy),
    }
}

/// Counts in a phrase: `3 allowed, 1 denied`.
fn words(counts: &Counts) -> String {
    let parts: Vec<String> = ADMISSIONS
        .into_iter()
        .filter_map(|admission| Some((admission, counts.get(&admission)?)))
        .map(|(admission, count)| match admission {
            Admission::Evaluation => format!("{count} let pass for the evaluation"),
            Admission::Waiting => format!("{count} wait for a person"),
            other => format!("{count} {}", other.word()),
        })
        .collect();
    parts.join(", ")
}

/// The same for programs.
pub(super) fn decisions_json(decisions: &Decisions) -> Value {
    let ecosystems: serde_json::Map<String, Value> = decisions
        .counts
        .iter()
        .map(|(ecosystem, counts)| {
            let counts: serde_json::Map<String, Value> = ADMISSIONS
                .into_iter()
                .map(|admission| {
                    let count = counts.get(&admission).copied().unwrap_or(0);
                    (admission.word().to_owned(), json!(count))
                })
                .collect();
            let levels: serde_json::Map<String, Value> = decisions
                .levels
                .get(ecosystem)
                .into_iter()
                .flatten()
                .map(|(level, count)| (level.word().to_owned(), json!(count)))
                .collect();
            (ecosystem.clone(), json!({ "decisions": counts, "levels": levels }))
        })
        .collect();
    json!({
        "policy": {
            "id": decisions.policy_id,
            "version": decisions.policy_version,
            "digest": decisions.policy,
            "origin": decisions.policy_origin,
            "signed_by": decisions.policy_signed_by,
            "mode": decisions.mode,
        },
        "bundle": decisions.bundle,
        "ecosystems": ecosystems,
        "rules_say": decisions.rules_say.iter().map(|(verdict, count)| (verdict.word(), count)).collect::<std::collections::BTreeMap<_, _>>(),
        "scanners": decisions.scanners,
        "waived": decisions.waived,
        "kept_out": decisions.kept_out_count,
        "kept_out_first": decisions.kept_out.iter().map(kept_out).collect::<Vec<_>>(),
        "not_asked": decisions.not_asked,
    })
}

fn kept_out(refusal: &Refusal) -> Value {
    json!({
        "code": refusal.code.name(),
        "subject": refusal.subject,
        "reason": refusal.reason,
        "hint": refusal.hint,
    })
}
