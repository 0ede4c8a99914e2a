//! `sealift report capsule`: everything that is needed to judge an attempt again, in one file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::{self, Existing};
use super::import::scratch;
use super::output::{bytes, escape};
use super::report::{Judge, find, subject};
use super::shown::holder;
use super::{Context, Exit, stands};
use crate::capsule::{Carry, Made, Making, make};
use crate::enclave::StatementFiles;
use crate::model::{Stop, Unable};
use crate::repository::Lock;
use crate::statement::Renewals;
use crate::trust::folder::TrustFolder;

/// Of which report, and where to.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The report: its number among the enclave's reports, or its file there [default: the newest]
    #[arg(value_name = "FILE|NUMBER")]
    report: Option<PathBuf>,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// The file to write [default: `NUMBER-BUNDLE.capsule.tar` here]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out the bytes of artifacts: signatures over the bytes themselves cannot be judged again
    #[arg(long)]
    without_content: bool,
    /// Where the list of parts may be put together [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
}

/// Verifies the report, and writes its capsule whole or not at all.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let enclave = &arguments.enclave;
    let path = find(enclave, arguments.report.as_deref())?;
    let folder = enclave.join("trust");
    let judge = Judge::of(&folder)?;
    // Nothing is swept or replaced while it is copied.
    let _lock = Lock::take(enclave, &holder("report capsule"))?;
    let statements = stands::beside(enclave, &judge)?;
    let report = Renewals::of(enclave, &statements)?
        .verify(&path, &judge.roots, judge.revocations.as_ref(), &mut |_| {})?
        .map_err(|error| error.stop(subject(&path)))?;
    let out = arguments.out.clone().unwrap_or_else(|| default_name(&path));
    if out.exists() {
        return Err(Unable::new(format!("`{}` exists already", out.display()))
            .hint("name another file with --out")
            .into());
    }
    let said = statements.countersigning(&report)?;
    let files = StatementFiles::of(enclave);
    let counting = said.iter().filter(|one| one.lapsed.is_none());
    let countersigned = counting.map(|one| (one.stated.record.number, files.lying(&one.stated.record)));
    let trust = TrustFolder::open(&folder)?;
    let scratch = scratch(arguments.scratch.as_deref())?;
    let making = Making {
        enclave,
        report: &path,
        head: &report.head,
        digest: report.digest,
        countersigned: countersigned.collect(),
        trust: &trust,
        carry: if arguments.without_content {
            Carry::NoContent
        } else {
            Carry::Content
        },
        scratch: scratch.path(),
    };
    let made = files::write_with(&out, Existing::Keep, |file| make(&making, file))?;
    say(&made, report.head.number, &out, context);
    Ok(Exit::Done)
}

fn default_name(report: &Path) -> PathBuf {
    let name = report.file_name().and_then(|name| name.to_str()).unwrap_or("report");
    let name = name.trim_end_matches(".report.ndjson");
    PathBuf::from(format!("{name}.capsule.tar"))
}

fn say(made: &Made, number: u64, out: &Path, context: &Context) {
    let left_out = made.left_out;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-report-capsule/1",
            "number": number,
            "file": out.display().to_string(),
            "parts": made.parts,
            "bytes": made.bytes,
            "left_out": left_out,
        }));
        return;
    }
    context.output.answer(&format!(
        "wrote the capsule of report {number}: {} parts of {} in {}",
        made.parts,
        bytes(made.bytes),
        escape(&out.display().to_string())
    ));
    if left_out.content > 0 {
        context.output.answer(&format!(
            "  left out  the bytes of {} artifacts, which their proofs read: these cannot be judged again",
            left_out.content
        ));
    }
    if left_out.missing > 0 {
        context.output.answer(&format!(
            "  missing   {} objects of proofs or side data: swept since, or more than is kept of what is refused",
            left_out.missing
        ));
    }
}
