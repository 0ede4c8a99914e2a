//! `sealift audit waive`: reports that are truly lost, and the persons who bear it.

use clap::Args;

use super::output::escape;
use super::progress::Bars;
use super::stands::{self, Opened};
use super::together::{JointArguments, Together, sign_together};
use super::{Context, Exit};
use crate::audit::{Auditing, lost};
use crate::crypto::strict_json::Extensions;
use crate::model::{Stop, Unable};
use crate::statement::{Absent, Body, FORMAT, Loss};
use crate::trust::Kind;

/// What is lost, and why work goes on.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The numbers of the reports that are lost: all that are missing
    #[arg(value_name = "NUMBER", required = true)]
    numbers: Vec<u64>,
    #[command(flatten)]
    joint: JointArguments,
}

/// Signs that reports are lost. It counts once as many persons have as the role trust asks for.
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let joint = &arguments.joint;
    let folder = &joint.enclave;
    let signer = joint.signer.open()?;
    let Opened {
        trust,
        site,
        enclave,
        statements,
    } = stands::open(folder, "audit")?;
    let scratch = super::import::scratch(None)?;
    let bars = Bars::new(context);
    let auditing = Auditing {
        folder,
        trust: &trust,
        site: &site,
        reports: &[],
        witnesses: &[],
        scratch: scratch.path(),
        threads: 1,
        progress: &bars,
    };
    let reports = lost(&auditing, &enclave.ledger, &Absent::of(&statements))?;
    drop(bars);
    let mut named = arguments.numbers.clone();
    named.sort_unstable();
    named.dedup();
    let found: Vec<u64> = reports.iter().map(|report| report.number).collect();
    if found != named {
        let shown = |numbers: &[u64]| match numbers {
            [] => "none".to_owned(),
            numbers => numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        };
        return Err(Unable::new(format!(
            "the reports that are missing are {}, and {} were named",
            shown(&found),
            shown(&named)
        ))
        .hint("name those that are missing, after every backup has been searched for them")
        .into());
    }
    for report in &reports {
        context.output.say(&format!(
            "lost: report {}, {}, written {}, {}{}",
            report.number,
            report.outcome.word(),
            report.created,
            report.digest,
            match (&report.journal, report.generation) {
                (None, Some(_)) => "; its journal is gone too: state.db can never again be made from the records",
                _ => "",
            }
        ));
    }
    let numbers: Vec<String> = found.iter().map(u64::to_string).collect();
    let make = |reason: &str| {
        Body::Loss(Loss {
            created: context.now,
            critical: Default::default(),
            enclave: *trust.current().document().enclave.id.digest(),
            ext: Extensions::new(),
            format: FORMAT,
            reason: reason.to_owned(),
            reports: reports.clone(),
            ticket: joint.ticket.clone(),
        })
    };
    let is_meant = |body: &Body| matches!(body, Body::Loss(loss) if loss.reports == reports);
    let together = Together {
        kind: Kind::Loss,
        name: format!("loss-{}", numbers.join("-")),
        what: escape(&format!("the loss of report {}", numbers.join(", "))),
        reason: joint.reason.as_deref(),
        make: &make,
        is_meant: &is_meant,
    };
    sign_together(&together, &enclave, &trust, &site, signer.as_ref(), context)?;
    Ok(Exit::Done)
}
