//! `sealift policy`: show, check, test, compare and explain what a site admits. Thin over the room.

mod compare;
mod explain;
mod show;
mod test;

use std::path::Path;

use clap::{Args, Subcommand};

use super::files;
use super::{Context, Exit};
use crate::import::ECOSYSTEMS;
use crate::model::{Stop, Timestamp};
use crate::policy::{MAX_POLICY_BYTES, Policy};

/// What to do with policies.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show every value of a policy, or of a profile, also those that were not written
    Show(show::Show),
    /// Check that a policy can be used, and say what ends soon
    Check(show::Check),
    /// Run the tests that lie beside a policy
    Test(test::Arguments),
    /// Compare two policies, value by value
    Diff(compare::Arguments),
    /// Say which rules are about a package
    Explain(explain::Arguments),
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Show(arguments) => show::show(arguments, context),
        Command::Check(arguments) => show::check(arguments, context),
        Command::Test(arguments) => test::run(arguments, context),
        Command::Diff(arguments) => compare::run(arguments, context),
        Command::Explain(arguments) => explain::run(arguments, context),
    }
}

/// Reads a policy: the explicit form from `*.json`, the written one from anything else.
fn read(path: &Path, now: Timestamp) -> Result<Policy, Stop> {
    let policy = if path.extension().is_some_and(|extension| extension == "json") {
        Policy::read(&files::read(path, MAX_POLICY_BYTES)?)
    } else {
        Policy::from_yaml(&files::read_text(path, MAX_POLICY_BYTES)?, now, &ECOSYSTEMS)
    };
    policy.map_err(|error| error.refusal(&path.display().to_string()).into())
}
