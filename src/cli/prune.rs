//! `sealift prune`: records whose time is over.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::ask::time;
use super::output::{bytes, escape};
use super::stands::{self, Opened};
use super::station::StationKey;
use super::{Context, Exit};
use crate::model::{Stop, Timestamp, Unable};
use crate::retention::{self, Item, Looking, Pruning};
use crate::statement::{Holds, Pruned, Renewals};

/// Of which enclave, and as of when.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Judge by this day or time (UTC) what is over; one that is still to come only with --dry-run [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    signer: StationKey,
}

/// Removes what is over, after it was signed and logged.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    let at = arguments.at.unwrap_or(context.now);
    if at > context.now && !arguments.dry_run {
        return Err(
            Unable::new(format!("nothing is removed by a time that is still to come, {at}"))
                .hint("ask with --dry-run what will be over then")
                .into(),
        );
    }
    let Opened {
        trust,
        site,
        enclave,
        statements,
    } = stands::open(folder, "prune")?;
    let holds = Holds::of(&statements);
    let renewals = Renewals::of(folder, &statements)?;
    let policy = &site.in_force().policy;
    let looking = Looking {
        folder,
        ledger: &enclave.ledger,
        store: enclave.repository.store(),
        roots: trust.roots(),
        revocations: site.revocations().map(|(_, document)| document),
        renewals: &renewals,
        holds: &holds,
        retention: &policy.retention(),
    };
    if arguments.dry_run {
        let items = retention::over(&looking, at)?;
        would(&items, at, context);
        return Ok(Exit::Done);
    }
    let signer = arguments.signer.open(folder, trust.current())?;
    let finished = retention::finish(folder, &enclave.ledger, &statements, &holds)?;
    let items = retention::over(&looking, at)?;
    let pruning = Pruning {
        enclave: &enclave,
        policy,
        id: *trust.current().document().enclave.id.digest(),
        signer: signer.as_ref(),
        at,
        now: context.now,
    };
    let done = retention::prune(&pruning, &looking, &items)?;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-prune/1",
            "dry_run": false,
            "at": at,
            "pruned": done.pruned,
            "statements": done.statements,
            "finished": finished,
        }));
        return Ok(Exit::Done);
    }
    let size: u64 = done.pruned.iter().map(|entry| entry.size).sum();
    context.output.answer(&match done.statements.as_slice() {
        [] => "nothing is over that nothing holds".to_owned(),
        numbers => format!(
            "removed {} records of {}, by statement {}",
            done.pruned.len(),
            bytes(size),
            numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ),
    });
    for entry in &done.pruned {
        context.output.answer(&pruned(entry));
    }
    if finished > 0 {
        context.output.answer(&format!(
            "removed {finished} files that an earlier run had signed for and not removed"
        ));
    }
    Ok(Exit::Done)
}

fn pruned(entry: &Pruned) -> String {
    format!(
        "  {:<8} {}  kept until {}, {} days ({})",
        entry.class.name(),
        escape(&entry.path),
        entry.until,
        entry.days,
        entry.class.rule()
    )
}

fn would(items: &[Item], at: Timestamp, context: &Context) {
    if context.output.wants_json() {
        let items: Vec<Value> = items.iter().map(super::retention::item_json).collect();
        context
            .output
            .json(&json!({ "schema": "sealift-prune/1", "dry_run": true, "at": at, "pruned": items }));
        return;
    }
    context
        .output
        .answer(&format!("would remove {} records, as of {at}", items.len()));
    for item in items {
        context
            .output
            .answer(&format!("  {:<8} {}", item.class.name(), escape(&item.path)));
    }
}
