//! `sealift gc`.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output::bytes;
use super::shown::holder;
use super::{Context, Exit, stands};
use crate::enclave::Enclave;
use crate::import::site::Site;
use crate::model::Stop;
use crate::repository::{Sweep, Swept};
use crate::statement::Holds;
use crate::trust::folder::TrustFolder;

/// How much to keep.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
    /// How many generations to keep, the current one included
    #[arg(long, value_name = "N", default_value = "3")]
    keep: NonZeroU32,
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// Removes old generations and what only they need.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let enclave = Enclave::open(&arguments.enclave, &holder("gc"))?;
    let sweep = if arguments.dry_run {
        Sweep::DryRun
    } else {
        Sweep::Remove
    };
    let held = held(&arguments.enclave, &enclave)?;
    let swept = match &held {
        Held::Everything => Swept::default(),
        Held::Generations(numbers) => enclave.sweep(arguments.keep, numbers, sweep, context.now)?,
    };
    let unfinished = enclave.ledger.unfinished()?.len();
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-gc/1",
            "dry_run": arguments.dry_run,
            "generations": swept.generations,
            "nodes": swept.nodes,
            "links": swept.links.len(),
            "objects": swept.objects,
            "bytes": swept.bytes,
            "waiting_for_bundles": unfinished,
        }));
    } else {
        let numbers: Vec<_> = swept.generations.iter().map(u64::to_string).collect();
        context.output.answer(&format!(
            "{} generations{}{}, {} folders, {} links, {} objects of {}",
            if arguments.dry_run { "would remove" } else { "removed" },
            if numbers.is_empty() { "" } else { " " },
            if numbers.is_empty() {
                " none".to_owned()
            } else {
                numbers.join(", ")
            },
            swept.nodes,
            swept.links.len(),
            swept.objects,
            bytes(swept.bytes)
        ));
    }
    match &held {
        Held::Everything => context
            .output
            .warn("everything is held, so nothing is removed (`sealift hold list`)"),
        Held::Generations(numbers) if !numbers.is_empty() => context.output.warn(&format!(
            "holds keep the generations {} (`sealift hold list`)",
            numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        )),
        Held::Generations(_) => {}
    }
    if unfinished > 0 {
        context
            .output
            .warn("volumes of a bundle are still to come, so no object was looked at for removal");
    }
    Ok(Exit::Done)
}

/// What holds keep from being removed.
enum Held {
    Everything,
    Generations(BTreeSet<u64>),
}

fn held(folder: &Path, enclave: &Enclave) -> Result<Held, Stop> {
    let ledger = &enclave.ledger;
    if ledger.statements()?.is_empty() {
        return Ok(Held::Generations(BTreeSet::new()));
    }
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let site = Site::load(&trust)?;
    site.check_not_rolled_back(&trust, ledger)?;
    let statements = stands::of(folder, ledger, &trust, &site)?;
    let holds = Holds::of(&statements);
    if holds.is_everything() {
        return Ok(Held::Everything);
    }
    Ok(Held::Generations(holds.on_generations(ledger, &ledger.generations()?)?))
}
