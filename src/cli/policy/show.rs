//! `sealift policy show` and `sealift policy check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::{read, tell_waivers};
use crate::cli::files::{self, Existing};
use crate::cli::output::escape;
use crate::cli::{Context, Exit};
use crate::ecosystem;
use crate::model::Stop;
use crate::policy::{self, Policy, Profile};

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The policy; without it, a profile's own values
    #[arg(value_name = "FILE", conflicts_with = "profile")]
    file: Option<PathBuf>,
    /// The profile
    #[arg(long, value_enum, default_value_t = ProfileArgument::Standard)]
    profile: ProfileArgument,
    /// Also write the explicit form, which is what gets signed; nothing is overwritten
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A profile, on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProfileArgument {
    /// Shows what `standard` would do
    Evaluation,
    /// For most sites
    Standard,
    /// For sites that rather wait
    Strict,
}

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The policy
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Prints every value.
pub(crate) fn show(arguments: &Show, context: &Context) -> Result<Exit, Stop> {
    let policy = match &arguments.file {
        Some(path) => read(path, context.now)?,
        None => Policy::of_profile(match arguments.profile {
            ProfileArgument::Evaluation => Profile::Evaluation,
            ProfileArgument::Standard => Profile::Standard,
            ProfileArgument::Strict => Profile::Strict,
        }),
    };
    if let Some(path) = &arguments.output {
        files::write(path, &policy.to_bytes(), Existing::Keep)?;
    }
    if context.output.wants_json() {
        context
            .output
            .json(&json!({ "schema": "sealift-policy-shown/1", "digest": policy.digest(), "policy": policy }));
        return Ok(Exit::Done);
    }
    let values = policy::values(&policy);
    let width = values
        .keys()
        .map(|place| place.chars().count())
        .max()
        .unwrap_or(0)
        .min(60);
    for (place, value) in values {
        context
            .output
            .answer(&format!("{:<width$}  {}", escape(&place), escape(&value)));
    }
    context.output.answer(&format!("\n{}", policy.digest()));
    Ok(Exit::Done)
}

/// Says whether a policy can be used, and what ends soon.
pub(crate) fn check(arguments: &Check, context: &Context) -> Result<Exit, Stop> {
    let policy = read(&arguments.file, context.now)?;
    let endings = policy.endings(context.now);
    // What the profile alone brings, nobody misspelt.
    let of_profile = Policy::of_profile(policy.profile).ecosystems;
    let unknown: Vec<&String> = policy
        .ecosystems
        .iter()
        .filter(|(id, rule)| ecosystem::find(id).is_none() && of_profile.get(*id) != Some(*rule))
        .map(|(id, _)| id)
        .collect();
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-policy-checked/1",
            "id": policy.id,
            "version": policy.version,
            "digest": policy.digest(),
            "endings": endings,
            "unknown_ecosystems": unknown,
            "waivers": policy.waivers.iter().map(|waiver| json!({ "id": waiver.id, "to_be_signed_by": waiver.approved_by })).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Done);
    }
    for id in unknown {
        context.output.warn(&format!(
            "ecosystems.{}: this program does not know that ecosystem",
            escape(id)
        ));
    }
    for ending in endings {
        let when = if ending.days_left < 0 { "ended on" } else { "ends on" };
        context
            .output
            .warn(&format!("{}: {when} {}", escape(&ending.rule), ending.end));
    }
    tell_waivers(&policy, context);
    context.output.answer(&format!(
        "policy {} {} can be used, {}",
        escape(&policy.id),
        policy.version,
        policy.digest()
    ));
    Ok(Exit::Done)
}
