//! `sealift rollback`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output::escape;
use super::shown::holder;
use super::{Context, Exit};
use crate::enclave::Enclave;
use crate::model::Stop;

/// Where to go back, and why.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
    /// The generation to show again; without it, the one before the current
    #[arg(long, value_name = "GENERATION")]
    to: Option<u64>,
    /// Why; kept in the enclave's record
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Makes a new generation that shows what an earlier one showed.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let mut enclave = Enclave::open(&arguments.enclave, &holder("rollback"))?;
    let record = enclave.rollback(arguments.to, &arguments.reason, context.now)?;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-rollback/1",
            "generation": record.number,
            "root": record.root,
            "time": record.time,
            "note": record.note,
        }));
    } else {
        context
            .output
            .answer(&format!("generation {}: {}", record.number, escape(&record.note)));
    }
    Ok(Exit::Done)
}
