//! `sealift rebuild`: state.db made again from the log and the reports.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::import::scratch;
use super::progress::Bars;
use super::shown::holder;
use super::{Context, Exit};
use crate::audit::{Auditing, rebuild};
use crate::enclave;
use crate::import::site::Site;
use crate::model::{Code, Refusal, Stop};
use crate::repository::Lock;
use crate::trust::folder::TrustFolder;

/// Of which enclave.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// A report that was kept elsewhere: the log must hold what it proves; may be given again
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
}

/// Verifies log and reports, makes state.db from them, and puts it in the place of the one that is there.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let site = Site::load(&trust)?;
    let _lock = Lock::take(folder, &holder("rebuild"))?;
    let scratch = scratch(None)?;
    let bars = Bars::new(context);
    let auditing = Auditing {
        folder,
        trust: &trust,
        site: &site,
        reports: &arguments.report,
        witnesses: &[],
        scratch: scratch.path(),
        threads: 1,
        progress: &bars,
    };
    let aside = enclave::ledger_aside(folder)?;
    let rebuilt = rebuild(&auditing, None, &aside)?;
    if let Some(reason) = rebuilt.rolled_back.first() {
        return Err(Refusal::new(Code::StateRolledBack, "the enclave's records", reason)
            .hint("restore the enclave's folder `trust` from its own backup, and find out who put the older one there")
            .into());
    }
    let kept = enclave::replace_ledger(folder)?;
    drop(bars);
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-rebuild/1",
            "reports": rebuilt.reports,
            "imports": rebuilt.imports,
            "leaves": rebuilt.leaves,
            "generation": rebuilt.generation,
            "judgements_lost": rebuilt.has_recheck,
            "kept": kept.as_ref().map(|path| path.display().to_string()),
        }));
        return Ok(Exit::Done);
    }
    let output = &context.output;
    output.answer(&format!(
        "made state.db again from {} reports and {} leaves: {} imports, generation {}",
        rebuilt.reports, rebuilt.leaves, rebuilt.imports, rebuilt.generation
    ));
    if let Some(kept) = kept {
        output.answer(&format!("  the one before is {}", kept.display()));
    }
    if rebuilt.has_recheck {
        output.warn("judgements are those of the imports; `sealift recheck --record` makes the later ones again");
    }
    Ok(Exit::Done)
}
