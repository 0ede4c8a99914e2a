//! `sealift policy test`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{ECOSYSTEMS, read, tell_waivers};
use crate::cli::files;
use crate::cli::output::escape;
use crate::cli::{Context, Exit};
use crate::model::{Stop, Unable};
use crate::policy::{Fixtures, MAX_POLICY_BYTES, Verdict};

/// What to test.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The policy
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The tests [default: those beside it, `site.tests.yaml` for `site.yaml`]
    #[arg(long, value_name = "FILE")]
    tests: Option<PathBuf>,
}

/// Runs the tests; one that fails is a refusal.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let policy = read(&arguments.file, context.now)?;
    let path = arguments
        .tests
        .clone()
        .unwrap_or_else(|| arguments.file.with_extension("tests.yaml"));
    let outcomes = fixtures(&path)?
        .run(&policy, &ECOSYSTEMS)
        .map_err(|error| Unable::new(format!("cannot use the advisories of `{}`", path.display())).because(error))?;
    let failed = outcomes.iter().filter(|outcome| outcome.difference.is_some()).count();
    if context.output.wants_json() {
        context
            .output
            .json(&json!({ "schema": "sealift-policy-tested/1", "failed": failed, "tests": outcomes }));
    } else {
        for outcome in outcomes.iter().filter(|outcome| outcome.difference.is_some()) {
            let difference = outcome.difference.as_deref().unwrap_or_default();
            context
                .output
                .answer(&format!("failed: {}: {}", escape(&outcome.name), escape(difference)));
            for hit in outcome.decision.hits.iter().filter(|hit| hit.verdict > Verdict::Allow) {
                context.output.answer(&format!(
                    "  {} {}: {} [{}]",
                    hit.verdict.word(),
                    escape(&hit.rule),
                    escape(&hit.message),
                    hit.code
                ));
            }
        }
        tell_waivers(&policy, context);
        context
            .output
            .answer(&format!("{} passed, {failed} failed", outcomes.len() - failed));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Refused })
}

/// Reads a file of tests.
pub(crate) fn fixtures(path: &Path) -> Result<Fixtures, Stop> {
    let text = files::read_text(path, MAX_POLICY_BYTES)?;
    Fixtures::from_yaml(&text).map_err(|error| error.refusal(&path.display().to_string()).into())
}
