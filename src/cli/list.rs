//! `sealift list`.

use std::path::PathBuf;

use clap::Args;

use super::output::{bytes, escape};
use super::shown::entry_json;
use super::{Context, Exit};
use crate::enclave;
use crate::ledger::{Filter, Presence};
use crate::model::{Stop, bundle_label};

/// What to list.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Names to list; `*`, `?` and `[…]` stand for other characters
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
    /// Only this ecosystem
    #[arg(long, value_name = "ECOSYSTEM")]
    ecosystem: Option<String>,
    /// Also what a rollback took away
    #[arg(long)]
    all: bool,
}

/// Prints one line, or one JSON object, for each artifact. Nothing is gathered: a million artifacts take no more memory.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let ledger = enclave::read(&arguments.enclave)?;
    let filter = Filter {
        ecosystem: arguments.ecosystem.clone(),
        name: arguments.name.clone(),
        presence: if arguments.all {
            Presence::Any
        } else {
            Presence::Current
        },
        ..Filter::default()
    };
    let mut lines = context.output.lines();
    let mut count = 0_u64;
    if context.output.wants_json() {
        lines.line("{\"schema\":\"sealift-list/1\",\"artifacts\":[");
        ledger.list(&filter, |entry| {
            let comma = if count == 0 { "" } else { "," };
            lines.line(&format!("{comma}{}", entry_json(&entry)));
            count += 1;
            Ok::<_, Stop>(())
        })?;
        lines.line("]}");
        return Ok(Exit::Done);
    }
    ledger.list(&filter, |entry| {
        if count == 0 {
            lines.line("ECOSYSTEM NAME                           VERSION              SIZE  BUNDLE        FILE");
        }
        count += 1;
        let artifact = &entry.artifact;
        lines.line(&format!(
            "{:<9} {:<30} {:<16} {:>8}  {:<12}  {}{}",
            escape(&artifact.ecosystem),
            escape(&artifact.name),
            escape(&artifact.version),
            bytes(entry.size),
            escape(&bundle_label(
                &entry.first_bundle.stream,
                entry.first_bundle.epoch,
                entry.first_bundle.sequence
            )),
            escape(&artifact.file),
            if entry.is_current { "" } else { "  (rolled back)" }
        ));
        Ok::<_, Stop>(())
    })?;
    drop(lines);
    if count == 0 {
        context.output.say("no artifact fits");
    }
    Ok(Exit::Done)
}
