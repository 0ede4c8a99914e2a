//! `sealift acknowledge`: the exporter hears, by another way than a receipt, that a bundle was imported.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::approve::confirm;
use super::export::recipient;
use super::{Context, Exit};
use crate::bundle::manifest::is_stream_name;
use crate::export::memory::Sent;
use crate::model::{Digest, Stop, Unable};

/// Which bundle was imported.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The bundle's number in its stream
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    number: u64,
    /// The exporter's folder
    #[arg(long, value_name = "FOLDER")]
    exporter: PathBuf,
    /// The enclave, by the name in its pinned root [default: the only one that is pinned]
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// The stream of numbered bundles
    #[arg(long, value_name = "NAME", default_value = "main")]
    stream: String,
    /// The manifest's digest, as the receiving side read it to you [default: ask for its four words]
    #[arg(long, value_name = "SHA256")]
    manifest: Option<Digest>,
}

/// Remembers that a bundle was imported. Nobody signs that: it is the operator's word.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    if !is_stream_name(&arguments.stream) {
        return Err(Unable::new(format!("{:?} cannot name a stream", arguments.stream)).into());
    }
    let trust = recipient(&arguments.exporter, arguments.to.as_deref())?;
    let root = trust.current().document();
    let streams = arguments.exporter.join("streams").join(&root.enclave.name);
    let sent = Sent::of(&streams, &arguments.stream);
    let carried = sent.carried(root.epoch, arguments.number)?.ok_or_else(|| {
        Unable::new(format!(
            "nothing is remembered of bundle {} of stream {}",
            arguments.number, arguments.stream
        ))
        .hint("only what this exporter has packed itself can be acknowledged")
    })?;
    confirm(arguments.manifest.as_ref(), &carried.manifest, context)?;
    sent.acknowledge(&carried, context.now)?;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-acknowledged/1",
            "bundle": sent.label(&carried),
            "manifest": carried.manifest,
            "objects": carried.objects.count,
            "at": context.now,
        }));
    } else {
        context.output.answer(&format!(
            "bundle {} counts as imported: `export --since-memory` leaves out the {} objects that it carried",
            sent.label(&carried),
            carried.objects.count
        ));
    }
    context
        .output
        .warn("this is your word alone, and says nothing of what was kept out or removed there; a receipt says what the enclave holds");
    Ok(Exit::Done)
}
