//! `sealift status`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::{bytes, escape};
use super::shown::{bundle_json, bundle_long};
use super::{Context, Exit};
use crate::enclave;
use crate::ledger::{GenerationRecord, Status};
use crate::model::{Stop, bundle_label};
use crate::repository;

/// Of which enclave.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
}

/// Prints what the enclave holds.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let ledger = enclave::read(&arguments.enclave)?;
    let status = ledger.status()?;
    let generations = ledger.generations()?;
    let shown = repository::shown(&arguments.enclave)?;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-status/1",
            "generation": status.generation.as_ref().map(generation_json),
            "shown_generation": shown.map(|shown| shown.number),
            "kept_generations": generations.iter().map(generation_json).collect::<Vec<_>>(),
            "ecosystems": status.ecosystems.iter().map(|ecosystem| json!({
                "ecosystem": ecosystem.ecosystem,
                "names": ecosystem.names,
                "artifacts": ecosystem.artifacts,
                "bytes": ecosystem.bytes,
            })).collect::<Vec<_>>(),
            "bundles": status.bundles,
            "last_bundle": status.last_bundle.as_ref().map(bundle_json),
            "streams": status.streams.iter().map(|stream| json!({
                "stream": stream.stream,
                "epoch": stream.epoch,
                "sequence": stream.sequence,
                "manifest": stream.manifest,
            })).collect::<Vec<_>>(),
            "known_time": status.known_time.as_ref().map(|(time, source)| json!({ "time": time, "source": source })),
            "unfinished": status.unfinished.iter().map(|unfinished| json!({
                "manifest": unfinished.manifest,
                "volumes": unfinished.volumes,
                "seen": unfinished.seen,
            })).collect::<Vec<_>>(),
        }));
    } else {
        context.output.answer(&text(&status, &generations));
    }
    let expected = status.generation.as_ref().map(|generation| generation.number);
    if shown.map(|shown| shown.number) != expected {
        context.output.warn(
            "a switch was interrupted: clients see another generation than the last committed one; \
             the next import, rollback or gc completes it",
        );
    }
    Ok(Exit::Done)
}

fn generation_json(generation: &GenerationRecord) -> serde_json::Value {
    json!({
        "number": generation.number,
        "root": generation.root,
        "bundle": generation.bundle,
        "time": generation.time,
        "note": generation.note,
    })
}

fn text(status: &Status, generations: &[GenerationRecord]) -> String {
    let mut lines = Vec::new();
    match &status.generation {
        None => lines.push("generation  none: nothing was imported yet".to_owned()),
        Some(newest) => lines.push(format!("generation  {}, {}", newest.number, newest.root)),
    }
    for generation in generations.iter().rev() {
        let how = match (&generation.bundle, generation.note.as_str()) {
            (Some(bundle), "") => format!("bundle {bundle}"),
            (_, note) => escape(note),
        };
        lines.push(format!("  {:<9} {}  {how}", generation.number, generation.time));
    }
    for ecosystem in &status.ecosystems {
        lines.push(format!(
            "holds       {:<8} {:>8} names {:>9} artifacts {:>10}",
            escape(&ecosystem.ecosystem),
            ecosystem.names,
            ecosystem.artifacts,
            bytes(ecosystem.bytes)
        ));
    }
    lines.push(format!("bundles     {}", status.bundles));
    if let Some(bundle) = &status.last_bundle {
        lines.push(format!("  last      {}", bundle_long(bundle)));
    }
    for stream in &status.streams {
        lines.push(format!(
            "stream      {} at bundle {}",
            escape(&stream.stream),
            escape(&bundle_label(&stream.stream, stream.epoch, stream.sequence))
        ));
    }
    if let Some((time, source)) = &status.known_time {
        lines.push(format!("known time  {time}, from {}", escape(source)));
    }
    for unfinished in &status.unfinished {
        let volumes: Vec<_> = unfinished.volumes.iter().map(u32::to_string).collect();
        lines.push(format!(
            "waiting     for more of bundle {}: volumes {} came, the last at {}",
            unfinished.manifest,
            volumes.join(", "),
            unfinished.seen
        ));
    }
    lines.join("\n")
}
