//! `sealift reseal`: old seals sealed anew.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::output::escape;
use super::stands::{self, Opened};
use super::station::StationKey;
use super::{Context, Exit};
use crate::model::Stop;
use crate::retention;

/// Of which enclave.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    #[command(flatten)]
    signer: StationKey,
}

/// Verifies every report and statement, and signs the list of those that stand.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    let Opened {
        trust,
        site,
        enclave,
        statements,
    } = stands::open(folder, "reseal")?;
    let revocations = site.revocations().map(|(_, document)| document);
    let signer = arguments.signer.open(folder, trust.current())?;
    let resealed = retention::reseal(
        &enclave,
        &statements,
        trust.roots(),
        revocations,
        signer.as_ref(),
        context.now,
    )?;
    if context.output.wants_json() {
        let left_out: Vec<Value> = resealed
            .left_out
            .iter()
            .map(|(file, reason)| json!({ "file": file, "reason": reason }))
            .collect();
        context.output.json(&json!({
            "schema": "sealift-reseal/1",
            "statement": resealed.statement,
            "files": resealed.files,
            "left_out": left_out,
        }));
    } else {
        context.output.answer(&format!(
            "sealed {} files anew, by statement {}",
            resealed.files, resealed.statement
        ));
        for (file, reason) in &resealed.left_out {
            context
                .output
                .answer(&format!("  left out  {}: {}", escape(file), escape(reason)));
        }
    }
    if !resealed.left_out.is_empty() {
        context
            .output
            .warn("what does not verify is not sealed anew: a new seal gives back no trust");
    }
    Ok(Exit::Done)
}
