//! `sealift audit`: an enclave compared with its own records, and with reports that were kept elsewhere.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::import::{scratch, threads};
use super::output::{Lines, bytes, escape};
use super::progress::Bars;
use super::report::witness;
use super::shown::holder;
use super::{Context, Exit};
use crate::audit::{Audited, Auditing, Found, audit};
use crate::import::site::Site;
use crate::log::Witness;
use crate::model::{How, Stop, Unable, escaped_json};
use crate::repository::Lock;
use crate::trust::folder::TrustFolder;

/// What to compare.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER", required = true)]
    enclave: Option<PathBuf>,
    /// A report that was kept elsewhere: the log must hold what it proves; may be given again
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// The key of a witness of the log, as `name+hash+base64`; may be given again
    #[arg(long, value_name = "KEY", value_parser = witness)]
    witness: Vec<Witness>,
    /// Where state.db may be made again to be compared [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// How many threads read [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign that reports are truly lost, so that imports may go on: as many persons as the role trust asks for
    Waive(super::waive::Arguments),
}

/// Compares everything. Ends as refused where something differs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let folder = match (&arguments.command, &arguments.enclave) {
        (Some(Command::Waive(waive)), _) => return super::waive::run(waive, context),
        (None, Some(folder)) => folder,
        (None, None) => return Err(Unable::new("--enclave was not given").into()),
    };
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let site = Site::load(&trust)?;
    let mut witnesses = super::log::pinned(&trust, &site);
    witnesses.extend(arguments.witness.iter().cloned());
    // Nobody changes the enclave while it is compared.
    let _lock = Lock::take(folder, &holder("audit"))?;
    let scratch = scratch(arguments.scratch.as_deref())?;
    let bars = Bars::new(context);
    let auditing = Auditing {
        folder,
        trust: &trust,
        site: &site,
        reports: &arguments.report,
        witnesses: &witnesses,
        scratch: scratch.path(),
        threads: threads(arguments.threads),
        progress: &bars,
    };
    let is_json = context.output.wants_json();
    let mut lines = context.output.lines();
    if is_json {
        lines.line("{\"schema\":\"sealift-audit/1\",\"differences\":[");
    }
    let mut count = 0_u64;
    let audited = audit(&auditing, |found| {
        if is_json {
            if count > 0 {
                lines.line(",");
            }
            lines.line(&escaped_json(&found_json(&found).to_string()));
        } else {
            lines.line(&found_text(&found));
        }
        count += 1;
    })?;
    drop(bars);
    if is_json {
        lines.line("],\"total\":");
        lines.line(&escaped_json(&total_json(&audited).to_string()));
        lines.line("}");
    } else {
        total_text(&audited, &mut lines);
    }
    Ok(if audited.differences > 0 {
        Exit::Refused
    } else {
        Exit::Done
    })
}

fn found_text(found: &Found) -> String {
    let difference = &found.difference;
    let code = match difference.how {
        How::Leftover => String::new(),
        _ => format!(" [{}]", found.code),
    };
    format!(
        "{:<9}{}: {}{code}",
        difference.how.word(),
        escape(&difference.path.display().to_string()),
        escape(&difference.reason),
    )
}

fn found_json(found: &Found) -> Value {
    let difference = &found.difference;
    json!({
        "part": found.part.word(),
        "code": match difference.how {
            How::Leftover => Value::Null,
            _ => json!(found.code.name()),
        },
        "how": difference.how.word(),
        "file": difference.path.display().to_string(),
        "reason": difference.reason,
    })
}

fn total_json(audited: &Audited) -> Value {
    let witnesses: Vec<Value> = audited
        .seen
        .witnesses
        .iter()
        .map(|seen| json!({ "name": seen.name, "pinned": seen.is_pinned, "time": seen.time }))
        .collect();
    json!({
        "leaves": audited.leaves,
        "checkpoint_signers": audited.seen.persons,
        "witnesses": witnesses,
        "reports": audited.reports,
        "reports_gone": audited.gone,
        "statements": audited.statements,
        "objects": audited.objects,
        "bytes": audited.bytes,
        "generations": audited.generations,
        "state_not_compared": audited.not_compared,
        "differences": audited.differences,
        "leftovers": audited.leftovers,
    })
}

fn total_text(audited: &Audited, lines: &mut Lines) {
    let log = match audited.leaves {
        Some(leaves) => format!("{leaves} leaves of the log"),
        None => "no log".to_owned(),
    };
    lines.line(&format!(
        "compared {log}, {} reports, {} objects of {}, {} generations",
        audited.reports,
        audited.objects,
        bytes(audited.bytes),
        audited.generations
    ));
    if audited.statements > 0 {
        lines.line(&format!(
            "  {} statements; {} reports are gone by them",
            audited.statements, audited.gone
        ));
    }
    lines.line(&match audited.differences {
        0 => "  nothing differs".to_owned(),
        1 => "  1 file differs".to_owned(),
        count => format!("  {count} files differ"),
    });
    if let Some(why) = &audited.not_compared {
        lines.line(&format!("  not compared: all of state.db: {}", escape(why)));
    }
    if audited.leftovers > 0 {
        lines.line(&format!(
            "  {} files were left by runs that did not end, and decide nothing",
            audited.leftovers
        ));
    }
    for seen in &audited.seen.witnesses {
        let what = match (seen.time, seen.is_pinned) {
            (Some(time), _) => format!("has signed the checkpoint at {time}"),
            (None, true) => "its signature under the checkpoint is wrong".to_owned(),
            (None, false) => "its key is not pinned (--witness)".to_owned(),
        };
        lines.line(&format!("  witness {}: {what}", escape(&seen.name)));
    }
}
