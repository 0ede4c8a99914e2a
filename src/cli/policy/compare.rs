//! `sealift policy diff`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::test::fixtures;
use super::{ECOSYSTEMS, read};
use crate::cli::output::escape;
use crate::cli::{Context, Exit};
use crate::model::{Stop, Unable};
use crate::policy::{self, FixtureOutcome, Policy};

/// What to compare.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy before
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The policy after
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// Tests whose cases are judged by both, to show which verdicts change
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
}

/// Prints what differs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let (before, after) = (
        read(&arguments.before, context.now)?,
        read(&arguments.after, context.now)?,
    );
    let differences = policy::differences(&before, &after);
    let mut changed: Vec<(FixtureOutcome, FixtureOutcome)> = Vec::new();
    if let Some(path) = &arguments.tests {
        let fixtures = fixtures(path)?;
        let judged = |policy: &Policy| {
            fixtures.run(policy, &ECOSYSTEMS).map_err(|error| {
                Unable::new(format!("cannot use the advisories of `{}`", path.display())).because(error)
            })
        };
        changed = judged(&before)?.into_iter().zip(judged(&after)?).collect();
        changed.retain(|(one, other)| one.decision.rules_say != other.decision.rules_say);
    }
    if context.output.wants_json() {
        let verdicts: Vec<_> = changed
            .iter()
            .map(|(one, other)| json!({ "name": one.name, "before": one.decision, "after": other.decision }))
            .collect();
        context.output.json(&json!({
            "schema": "sealift-policy-differences/1",
            "before": before.digest(),
            "after": after.digest(),
            "differences": differences,
            "verdicts": verdicts,
        }));
        return Ok(Exit::Done);
    }
    for difference in &differences {
        let word = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), escape);
        context.output.answer(&format!(
            "{}: {} -> {}",
            escape(&difference.rule),
            word(&difference.before),
            word(&difference.after)
        ));
    }
    for (one, other) in &changed {
        context.output.answer(&format!(
            "verdict of {}: {} -> {}",
            escape(&one.name),
            one.decision.rules_say.word(),
            other.decision.rules_say.word()
        ));
    }
    if differences.is_empty() {
        context.output.say("the two say the same");
    }
    Ok(Exit::Done)
}
