//! `sealift policy`: show, check, test, compare and explain what a site admits. Thin over the room.

mod compare;
mod explain;
mod show;
mod stand;
mod test;

use std::path::Path;

use clap::{Args, Subcommand};

use super::copies::JoinArguments;
use super::files;
use super::output::escape;
use super::{Context, Exit};
use crate::import::ECOSYSTEMS;
use crate::import::site::InForce;
use crate::model::{Stop, Timestamp};
use crate::policy::{MAX_POLICY_BYTES, Policy};
use crate::trust::TrustedRoot;

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
    /// Write a policy's explicit form as a document that persons sign
    Draft(stand::Draft),
    /// Add one person's signature
    Sign(stand::Sign),
    /// Add the signatures of copies that persons have signed on other machines
    Join(JoinArguments),
    /// Let a policy count from now on, if enough persons have signed it
    Install(stand::Install),
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Show(arguments) => show::show(arguments, context),
        Command::Check(arguments) => show::check(arguments, context),
        Command::Test(arguments) => test::run(arguments, context),
        Command::Diff(arguments) => compare::run(arguments, context),
        Command::Explain(arguments) => explain::run(arguments, context),
        Command::Draft(arguments) => stand::draft(arguments, context),
        Command::Sign(arguments) => stand::sign(arguments, context),
        Command::Join(arguments) => stand::join(arguments, context),
        Command::Install(arguments) => stand::install(arguments, context),
    }
}

/// Reads a policy that somebody asks about, with its signers if enough persons of a root have signed it.
pub(crate) fn given(path: &Path, now: Timestamp, root: &TrustedRoot) -> Result<InForce, Stop> {
    if !is_document(path) {
        return Ok(InForce::given(read(path, now)?));
    }
    let (envelope, policy) = stand::document(path)?;
    Ok(InForce::given_document(policy, &envelope.write(), root))
}

/// Says who must have signed a policy for its waivers to count.
fn tell_waivers(policy: &Policy, context: &Context) {
    for waiver in &policy.waivers {
        let text = format!(
            "waiver {} counts in an enclave once {} signed this policy",
            waiver.id,
            waiver.persons()
        );
        context.output.say(&escape(&text));
    }
}

fn is_document(path: &Path) -> bool {
    path.to_string_lossy().ends_with(".dsse.json")
}

/// Reads a policy: a document that persons sign from `*.dsse.json`, the explicit form from other `*.json`, the written one from anything else.
pub(crate) fn read(path: &Path, now: Timestamp) -> Result<Policy, Stop> {
    if is_document(path) {
        return Ok(stand::document(path)?.1);
    }
    let policy = if path.extension().is_some_and(|extension| extension == "json") {
        Policy::read(&files::read(path, MAX_POLICY_BYTES)?)
    } else {
        Policy::from_yaml(&files::read_text(path, MAX_POLICY_BYTES)?, now, &ECOSYSTEMS)
    };
    policy.map_err(|error| error.refusal(&path.display().to_string()).into())
}
