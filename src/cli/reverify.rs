//! `sealift reverify`: a capsule judged once more, with no enclave and no network.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::import::{scratch, threads};
use super::output::{Lines, escape};
use super::progress::Bars;
use super::report::pinned_root;
use super::reverify_today::{self, Today};
use super::{Context, Exit, countersign};
use crate::capsule::{Capsule, open, unpack};
use crate::import::replay::{Differs, Replay, Replayed, replay};
use crate::model::{Code, Stop, Unable, escaped_json};
use crate::statement::Countersigned;
use crate::trust::TrustedRoot;

/// Which capsule, and by what.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The capsule
    #[arg(value_name = "CAPSULE")]
    capsule: PathBuf,
    /// The root that is pinned: one that counted when the report was written, or an earlier one
    #[arg(long, value_name = "FILE")]
    root: PathBuf,
    /// Judge by what was trusted and known then: it must come to what the report says [default]
    #[arg(long)]
    as_of_report: bool,
    #[command(flatten)]
    today: Today,
    /// Where the capsule may be unpacked [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// How many threads judge [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Judges once more. Ends as refused where something comes out otherwise.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let pinned = pinned_root(&arguments.root)?;
    let scratch = scratch(arguments.scratch.as_deref())?;
    let capsule = opened(&arguments.capsule, &pinned, scratch.path())?;
    let threads = threads(arguments.threads);
    if arguments.today.today {
        let stands = reverify_today::run(&arguments.today, &capsule, threads, context)?;
        return Ok(if stands { Exit::Done } else { Exit::Refused });
    }
    let bars = Bars::new(context);
    let work = capsule.work();
    let again = Replay {
        folder: &work,
        head: &capsule.head,
        trust: &capsule.trust,
        threads,
        progress: &bars,
    };
    let mut lines = context.output.lines();
    let is_json = context.output.wants_json();
    // A refusal is a document of its own, so that differences wait for the end: on disk, for they may be many.
    let cannot = |error| Stop::from(Unable::new("cannot keep what differs").because(error));
    let spool = tempfile::tempfile_in(scratch.path()).map_err(cannot)?;
    let mut spooled = BufWriter::new(spool);
    let mut kept = Ok(());
    let mut count = 0_u64;
    let replayed = replay(&again, &mut || capsule.report(), &mut |differs| {
        if is_json {
            let before = if count == 0 { "" } else { "," };
            let line = escaped_json(&format!("{before}{}", differs_json(&differs)));
            if kept.is_ok() {
                kept = writeln!(spooled, "{line}");
            }
        } else {
            differs_text(&differs, &mut lines);
        }
        count += 1;
    })?;
    drop(bars);
    kept.map_err(cannot)?;
    if is_json {
        let mut spool = spooled.into_inner().map_err(|error| cannot(error.into_error()))?;
        spool.rewind().map_err(cannot)?;
        lines.line(BEGIN);
        for line in BufReader::new(spool).lines() {
            lines.line(&line.map_err(cannot)?);
        }
        lines.line(&escaped_json(&format!(
            "],\"total\":{}}}",
            total_json(&capsule, &replayed)
        )));
    } else {
        total_text(&capsule, &replayed, &mut lines);
    }
    Ok(if replayed.differences > 0 {
        Exit::Refused
    } else {
        Exit::Done
    })
}

const BEGIN: &str = "{\"schema\":\"sealift-reverify/1\",\"mode\":\"as-of-report\",\"differences\":[";

fn opened(path: &Path, pinned: &TrustedRoot, scratch: &Path) -> Result<Capsule, Stop> {
    let file =
        File::open(path).map_err(|error| Unable::new(format!("cannot read `{}`", path.display())).because(error))?;
    open(&unpack(file, scratch)?, pinned)
}

fn differs_text(differs: &Differs, lines: &mut Lines) {
    lines.line(&format!(
        "differs   {}: {} [{}]",
        escape(&differs.subject),
        differs.what,
        Code::ReverifyDiffers
    ));
    lines.line(&format!("  expected  {}", escape(&differs.expected)));
    lines.line(&format!("  found     {}", escape(&differs.found)));
}

fn differs_json(differs: &Differs) -> Value {
    json!({
        "code": Code::ReverifyDiffers.name(),
        "subject": differs.subject,
        "what": differs.what,
        "expected": differs.expected,
        "found": differs.found,
    })
}

/// What persons said of the report, as far as the capsule carries it.
fn countersigned(capsule: &Capsule) -> Vec<Countersigned<'_>> {
    capsule.countersigned.iter().filter_map(Countersigned::of).collect()
}

fn total_json(capsule: &Capsule, replayed: &Replayed) -> Value {
    let head = &capsule.head;
    json!({
        "report": head.number,
        "digest": capsule.digest,
        "created": head.created,
        "outcome": head.outcome.word(),
        "signers": capsule.persons,
        "countersigned": countersign::in_json(&countersigned(capsule)),
        "artifacts": replayed.artifacts,
        "differences": replayed.differences,
        "method_not_available": replayed.not_available,
        "not_judged_again": replayed.not_taken,
    })
}

fn total_text(capsule: &Capsule, replayed: &Replayed, lines: &mut Lines) {
    let head = &capsule.head;
    lines.line(&format!(
        "judged report {} of {} again, as of {}: {} artifacts, {}",
        head.number,
        escape(&head.station.name),
        head.created,
        replayed.artifacts,
        head.outcome.word()
    ));
    for one in countersigned(capsule) {
        lines.line(&format!("  {}", countersign::words(&one, head)));
    }
    lines.line(&match replayed.differences {
        0 => "  it comes to what the report says".to_owned(),
        1 => "  1 difference".to_owned(),
        count => format!("  {count} differences"),
    });
    for (kind, count) in &replayed.not_available {
        lines.line(&format!(
            "  method not available  {} of {count} artifacts: what it reads is left out, and the report is believed",
            escape(kind)
        ));
    }
    for why in &replayed.not_taken {
        lines.line(&format!("  not judged again      {}", escape(why)));
    }
}
