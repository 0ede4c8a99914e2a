//! What an export would take, for people and as JSON.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::decided::decisions_json;
use super::import::size;
use super::output::escape;
use super::{Context, Output};
use crate::export::collect::Plan;
use crate::export::foresee::Foreseen;
use crate::import::decide::Decisions;

/// The plan as JSON: a million artifacts may be without proof.
#[derive(Serialize)]
struct PlanDocument<'a> {
    at_hand: u64,
    bytes_at_hand: u64,
    bytes_of_documents_and_proofs: u64,
    bytes_to_fetch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisions: Option<Value>,
    documents_and_proofs: u64,
    left_out: &'a [String],
    of_unknown_size: u64,
    proof_unknown: &'a [String],
    schema: &'static str,
    sizes: &'static str,
    to_fetch: u64,
    volume_bytes: u64,
    volumes: u64,
    warnings: &'a [String],
    without_proof: WithoutProof<'a>,
}

struct WithoutProof<'a>(&'a Plan);

impl Serialize for WithoutProof<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.without_proof())
    }
}

/// Prints what an export would take, and what the policy would decide about it.
pub(super) fn report(
    plan: &Plan,
    foreseen: &Foreseen,
    decisions: Option<&Decisions>,
    volume_size: Option<u64>,
    context: &Context,
) {
    let is_exact = plan.of_unknown_size == 0;
    if context.output.wants_json() {
        context.output.long_json(&PlanDocument {
            at_hand: plan.at_hand,
            bytes_at_hand: plan.bytes_at_hand,
            bytes_of_documents_and_proofs: plan.companions.1,
            bytes_to_fetch: plan.bytes_to_fetch,
            decisions: decisions.map(decisions_json),
            documents_and_proofs: plan.companions.0,
            left_out: &plan.left_out,
            of_unknown_size: plan.of_unknown_size,
            proof_unknown: &plan.proof_unknown,
            schema: "sealift-export-plan/1",
            sizes: if is_exact { "known" } else { "at-least" },
            to_fetch: plan.to_fetch,
            volume_bytes: foreseen.volume_bytes,
            volumes: foreseen.volumes,
            warnings: &plan.warnings,
            without_proof: WithoutProof(plan),
        });
        return;
    }
    let output = &context.output;
    // Only what is known can be decided about.
    output.answer(match decisions {
        None => "nothing was fetched or written; an export would take",
        Some(_) => "nothing was written but the exporter's cache; an export would take",
    });
    output.answer(&format!(
        "  {:>8} artifacts that are at hand, {}",
        plan.at_hand,
        size(plan.bytes_at_hand)
    ));
    output.answer(&format!(
        "  {:>8} artifacts to fetch, {}{}",
        plan.to_fetch,
        size(plan.bytes_to_fetch),
        if plan.of_unknown_size > 0 {
            format!(" and {} of unknown size", plan.of_unknown_size)
        } else {
            String::new()
        }
    ));
    output.answer(&format!(
        "  {:>8} registry documents and proofs, {}",
        plan.companions.0,
        size(plan.companions.1)
    ));
    let at_least = if is_exact { "" } else { "at least " };
    let limit = match volume_size {
        Some(limit) => format!(" of {} at most", size(limit)),
        None => String::new(),
    };
    output.answer(&format!(
        "  {:>8} {}{limit}, {at_least}{}",
        foreseen.volumes,
        if foreseen.volumes == 1 { "volume" } else { "volumes" },
        size(foreseen.volume_bytes)
    ));
    list(output, "without any proof", plan.without_proof());
    list(
        output,
        "whose proofs can only be asked once they are fetched",
        plan.proof_unknown.iter(),
    );
    list(output, "left out", plan.left_out.iter());
    for line in &plan.warnings {
        output.warn(&escape(line));
    }
}

/// How many lines of a list are printed before the rest is only counted; `--json` has them all.
const LISTED: usize = 20;

fn list(output: &Output, title: &str, lines: impl ExactSizeIterator<Item = impl AsRef<str>>) {
    let count = lines.len();
    if count == 0 {
        return;
    }
    output.answer(&format!("{count} {title}:"));
    for line in lines.take(LISTED) {
        output.answer(&format!("  {}", escape(line.as_ref())));
    }
    if count > LISTED {
        output.answer(&format!("  and {} more; --json lists them all", count - LISTED));
    }
}
