//! `sealift report`: what imports and refusals left as their record.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::escape;
use super::{Context, Exit, countersign, files, stands};
use crate::import::record;
use crate::import::site::Site;
use crate::log::{LogError, Witness};
use crate::model::{Code, Stop, Unable};
use crate::report::{self, Report, ReportError, Summarized};
use crate::statement::{Absent, Countersigned, Gone, Place, Renewal, Renewals, Stated, Statements};
use crate::trust::folder::TrustFolder;
use crate::trust::{MAX_ROOT_BYTES, Revocations, TrustedRoot};

/// What to do with reports.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write everything that is needed to judge an attempt again into one file
    Capsule(super::capsule::Arguments),
    /// Say, as a person who had no part in the import, that its report was read and is accepted, or that there is an objection
    Countersign(super::countersign::Arguments),
    /// List an enclave's reports, and verify that none is missing or exchanged
    List(List),
    /// Verify a report and show who vouched for what, and what was refused
    Show(super::report_show::Arguments),
    /// Verify a report with nothing but itself and a pinned root
    Verify(Verify),
}

#[derive(Debug, Args)]
struct List {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
}

#[derive(Debug, Args)]
struct Verify {
    #[command(flatten)]
    source: Source,
    /// Also verify these signed verification summaries, one a line, and hold them against the report
    #[arg(long, value_name = "FILE")]
    vsa: Option<PathBuf>,
}

/// Which report, and by what it is judged.
#[derive(Debug, Args)]
pub(super) struct Source {
    /// The report: a file, or its number among the enclave's reports [default: the newest]
    #[arg(value_name = "FILE|NUMBER", required_unless_present = "enclave")]
    report: Option<PathBuf>,
    /// The enclave's folder: its reports, its root and what it has revoked
    #[arg(
        long,
        value_name = "FOLDER",
        required_unless_present_any = ["trust", "root"],
        conflicts_with = "trust"
    )]
    pub(super) enclave: Option<PathBuf>,
    /// A folder with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: Option<PathBuf>,
    /// The enclave's pinned root itself: what has been revoked since it was made is then not known
    #[arg(long, value_name = "FILE", conflicts_with_all = ["enclave", "trust"])]
    root: Option<PathBuf>,
    /// The key of a witness of the enclave's log, as `name+hash+base64`; may be given again
    #[arg(long, value_name = "KEY", value_parser = witness)]
    witness: Vec<Witness>,
}

/// Reads a witness's key on the command line.
pub(super) fn witness(line: &str) -> Result<Witness, LogError> {
    Witness::read(line)
}

/// Lists, shows or verifies.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Capsule(arguments) => super::capsule::run(arguments, context),
        Command::Countersign(arguments) => super::countersign::run(arguments, context),
        Command::List(arguments) => list(arguments, context),
        Command::Show(arguments) => super::report_show::run(arguments, context),
        Command::Verify(arguments) => verify(arguments, context),
    }
}

/// What reports are judged by.
pub(super) struct Judge {
    pub(super) roots: Vec<TrustedRoot>,
    pub(super) revocations: Option<Revocations>,
    /// The witnesses that the site's trust data pin.
    pub(super) witnesses: Vec<Witness>,
}

/// A root that whoever calls has chosen to believe.
pub(super) fn pinned_root(path: &Path) -> Result<TrustedRoot, Stop> {
    TrustedRoot::pinned(&files::read(path, MAX_ROOT_BYTES)?)
        .map_err(|error| error.refusal(format!("root {}", path.display())).into())
}

impl Judge {
    /// By a root alone.
    fn pinned(path: &Path) -> Result<Self, Stop> {
        Ok(Self {
            roots: vec![pinned_root(path)?],
            witnesses: Vec::new(),
            revocations: None,
        })
    }

    pub(super) fn of(trust: &Path) -> Result<Self, Stop> {
        let trust = TrustFolder::open(trust)?;
        let site = Site::load(&trust)?;
        Ok(Self {
            roots: trust.roots().to_vec(),
            witnesses: super::log::pinned(&trust, &site),
            revocations: site.revocations().map(|(_, document)| document.clone()),
        })
    }

    /// The same with other revocations.
    fn with(&self, revocations: Revocations) -> Self {
        Self {
            roots: self.roots.clone(),
            revocations: Some(revocations),
            witnesses: self.witnesses.clone(),
        }
    }

    pub(super) fn open(&self, path: &Path) -> Result<Report, ReportError> {
        report::open(path, &self.roots, self.revocations.as_ref())
    }
}

impl Source {
    fn number(&self) -> Option<u64> {
        self.report.as_ref()?.to_str()?.parse().ok()
    }

    pub(super) fn judge(&self) -> Result<Judge, Stop> {
        if let Some(root) = &self.root {
            return Judge::pinned(root);
        }
        match (&self.enclave, &self.trust) {
            (Some(enclave), _) => Judge::of(&enclave.join("trust")),
            (None, Some(trust)) => Judge::of(trust),
            (None, None) => Err(Unable::new("neither --enclave nor --trust was given").into()),
        }
    }

    pub(super) fn path(&self) -> Result<PathBuf, Stop> {
        let Some(enclave) = &self.enclave else {
            return Ok(self.report.clone().unwrap_or_default());
        };
        find(enclave, self.report.as_deref())
    }
}

/// A report of an enclave: a file, or a number among its reports; the newest where none is named.
pub(super) fn find(enclave: &Path, report: Option<&Path>) -> Result<PathBuf, Stop> {
    let number = match report {
        None => None,
        Some(report) => match report.to_str().and_then(|text| text.parse::<u64>().ok()) {
            Some(number) => Some(number),
            None => return Ok(report.to_owned()),
        },
    };
    let mut list = record::folder(enclave).list()?;
    list.retain(|listed| number.is_none_or(|number| listed.number == number));
    match (list.pop(), number) {
        (Some(listed), _) => Ok(listed.path),
        (None, Some(number)) => Err(Unable::new(format!("there is no report {number}"))
            .hint("`sealift report list` shows which there are")
            .into()),
        (None, None) => Err(Unable::new("there is no report yet").into()),
    }
}

pub(super) fn subject(path: &Path) -> String {
    format!("report {}", path.display())
}

fn list(arguments: &List, context: &Context) -> Result<Exit, Stop> {
    let judge = Judge::of(&arguments.enclave.join("trust"))?;
    let mut before = None;
    // An enclave has thousands of reports at most; nothing is printed before all of them follow each other.
    let mut heads = Vec::new();
    let statements = stands::beside(&arguments.enclave, &judge)?;
    statements.check()?;
    let absent = Absent::of(&statements);
    let renewals = Renewals::of(&arguments.enclave, &statements)?;
    for place in absent.among(record::folder(&arguments.enclave).list()?) {
        let listed = match place {
            Place::Lies(listed) => listed,
            Place::Gone(gone) => {
                gone.check_order(before.as_ref())
                    .map_err(|error| error.stop(format!("report {}", gone.report.number)))?;
                before = Some((gone.report.number, gone.report.digest));
                heads.push(gone_in_list(gone));
                continue;
            }
        };
        let opened = match judge.open(&listed.path) {
            Err(error) => match renewals.spare(&listed.path, &error, judge.revocations.as_ref())? {
                Some((without, _)) => judge.with(without).open(&listed.path),
                None => Err(error),
            },
            opened => opened,
        };
        let report = opened.map_err(|error| error.stop(subject(&listed.path)))?;
        report::check_order(&report.head, listed.number, before.as_ref())
            .map_err(|error| error.stop(subject(&listed.path)))?;
        before = Some((report.head.number, report.digest));
        let said = statements.countersigning(&report)?;
        heads.push(in_list(&report, &listed.path, &said));
    }
    record::check_last_report(&arguments.enclave, before.as_ref())?;
    if context.output.wants_json() {
        context
            .output
            .json(&json!({ "schema": "sealift-report-list/1", "reports": heads }));
        return Ok(Exit::Done);
    }
    for head in &heads {
        let text = |field: &str| escape(head[field].as_str().unwrap_or("-"));
        let codes: Vec<String> = head["codes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|code| code.as_str().map(escape))
            .collect();
        let line = match head["statement"].as_u64() {
            Some(statement) => format!(
                "{:>6}  {}  {:<9} by statement {statement}",
                head["number"],
                text("created"),
                text("outcome")
            ),
            None => format!(
                "{:>6}  {}  {:<9} {:>8} artifacts  {}  {}",
                head["number"],
                text("created"),
                text("outcome"),
                head["artifacts"],
                text("bundle"),
                codes.join(", ")
            ),
        };
        let line = format!("{line}  {}", countersign::in_brief(&head["countersigned"]));
        context.output.answer(line.trim_end());
    }
    if heads.is_empty() {
        context.output.say("there is no report yet");
    }
    Ok(Exit::Done)
}

/// How many different codes of a report a list shows.
const LISTED_CODES: usize = 3;

fn gone_in_list(gone: &Gone) -> Value {
    let report = &gone.report;
    json!({
        "number": report.number,
        "created": report.created,
        "outcome": if gone.is_lost { "lost" } else { "pruned" },
        "was": report.outcome.word(),
        "bundle": null,
        "artifacts": null,
        "codes": [],
        "digest": report.digest,
        "file": null,
        "statement": gone.statement,
    })
}

fn in_list(report: &Report, path: &Path, said: &[Countersigned<'_>]) -> Value {
    let head = &report.head;
    let mut codes: Vec<&str> = Vec::new();
    for refusal in &head.refusals {
        if codes.len() < LISTED_CODES && !codes.contains(&refusal.code.as_str()) {
            codes.push(&refusal.code);
        }
    }
    json!({
        "number": head.number,
        "created": head.created,
        "outcome": head.outcome.word(),
        "bundle": head.bundle.as_ref().map(|bundle| bundle.label.clone()),
        "artifacts": head.records.count,
        "codes": codes,
        "digest": report.digest,
        "file": path.display().to_string(),
        "countersigned": countersign::in_json(said),
    })
}

/// What the report proves of the log, and who else has signed that.
fn logged(report: &Report, witnesses: &[Witness]) -> Vec<String> {
    let Some(log) = &report.log else {
        return vec!["  log       none was kept: nothing proves that no report is missing".to_owned()];
    };
    let mut lines = vec![format!(
        "  in log    leaves {} to {}, checkpoint signed by {}; {}",
        log.first,
        log.after.head.size.saturating_sub(1),
        log.persons.join(", "),
        match &log.before {
            Some(before) => format!("holds the {} leaves of the one before", before.head.size),
            None => "the first".to_owned(),
        }
    )];
    for cosigned in log.cosigned(witnesses) {
        lines.push(match (cosigned.time, cosigned.is_pinned) {
            (Some(time), _) => format!("  witness   {} at {time}", cosigned.name),
            (None, true) => format!("  witness   {}: its signature is wrong", cosigned.name),
            (None, false) => format!(
                "  witness   {}: not verified, as its key is not pinned (--witness)",
                cosigned.name
            ),
        });
    }
    lines
}

fn logged_json(report: &Report, witnesses: &[Witness]) -> Value {
    let Some(log) = &report.log else { return Value::Null };
    let witnesses: Vec<Value> = log
        .cosigned(witnesses)
        .into_iter()
        .map(|cosigned| json!({ "name": cosigned.name, "pinned": cosigned.is_pinned, "time": cosigned.time }))
        .collect();
    json!({
        "origin": log.after.origin,
        "first": log.first,
        "size": log.after.head.size,
        "root": log.after.head.root,
        "before": log.before.as_ref().map(|before| before.head.size),
        "signers": log.persons,
        "witnesses": witnesses,
    })
}

/// Reads a report to its end, so that every byte of it is verified.
fn verified(judge: &Judge, path: &Path) -> Result<Report, Stop> {
    let mut report = judge.open(path).map_err(|error| error.stop(subject(path)))?;
    while report.next().map_err(|error| error.stop(subject(path)))?.is_some() {}
    Ok(report)
}

/// Verifies summaries against a report, whose own seal counts.
fn summaries(vsa: &Path, judge: &Judge, report: &Path) -> Result<Summarized, Stop> {
    let opened = judge.open(report).map_err(|error| error.stop(subject(report)))?;
    report::verify_summaries(vsa, opened, &judge.roots, judge.revocations.as_ref())
        .map_err(|error| error.stop(format!("summaries {}", vsa.display())))
}

fn verify(arguments: &Verify, context: &Context) -> Result<Exit, Stop> {
    let judge = arguments.source.judge()?;
    let statements = match &arguments.source.enclave {
        Some(enclave) => stands::beside(enclave, &judge)?,
        None => Statements::default(),
    };
    if let Some(number) = arguments.source.number()
        && let Some(gone) = Absent::of(&statements).get(number)
        && arguments.source.path().is_err()
    {
        return Ok(show_gone(gone, context));
    }
    let path = arguments.source.path()?;
    let enclave = arguments.source.enclave.as_deref().unwrap_or(Path::new("."));
    let all = Renewals::of(enclave, &statements)?;
    let renewals = all.covering(&path)?;
    let (report, spared) = match judge.open(&path) {
        Ok(_) => (verified(&judge, &path)?, None),
        Err(error) => match all.spare(&path, &error, judge.revocations.as_ref())? {
            Some((without, statement)) => (verified(&judge.with(without), &path)?, Some(statement)),
            None => return Err(no_renewal_helps(error.stop(subject(&path)), &renewals)),
        },
    };
    let said = statements.countersigning(&report)?;
    let summarized = arguments.vsa.as_deref().map(|vsa| summaries(vsa, &judge, &path));
    let summarized = summarized.transpose()?;
    let head = &report.head;
    let mut witnesses = judge.witnesses;
    witnesses.extend(arguments.source.witness.iter().cloned());
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-report-verify/1",
            "outcome": "verified",
            "number": head.number,
            "digest": report.digest,
            "signers": report.persons,
            "root_version": report.root_version,
            "artifacts": head.records.count,
            "renewals": renewals.iter().map(|(stated, renewal)| json!({
                "statement": stated.record.number,
                "time": renewal.created,
                "persons": stated.persons,
                "keys": stated.keys,
            })).collect::<Vec<_>>(),
            "stands_by_renewal": spared,
            "countersigned": countersign::in_json(&said),
            "summaries": summarized.as_ref().map(|all| json!({
                "passed": all.passed, "failed": all.failed, "signers": all.persons,
            })),
            "log": logged_json(&report, &witnesses),
        }));
        return Ok(Exit::Done);
    }
    context.output.answer(&format!(
        "verified report {} of {}: {} artifacts, {}",
        head.number,
        escape(&head.station.name),
        head.records.count,
        head.outcome.word()
    ));
    context.output.answer(&escape(&report::signed(&report)));
    for line in logged(&report, &witnesses) {
        context.output.answer(&escape(&line));
    }
    for (stated, renewal) in &renewals {
        context.output.answer(&format!(
            "  resealed  {} by {}, by statement {}, SHA-256 and SHA-512",
            renewal.created,
            escape(&stated.persons.join(", ")),
            stated.record.number
        ));
    }
    if let Some(all) = &summarized {
        context.output.answer(&escape(&format!("  summaries {all}")));
    }
    for one in &said {
        context.output.answer(&format!("  {}", countersign::words(one, head)));
    }
    if arguments.source.root.is_some() {
        context
            .output
            .answer("  not checked: whether its key has been revoked since: only a root was given");
    }
    if let Some(statement) = spared {
        context.output.warn(&format!(
            "its own key is revoked since; it stands by the renewal in statement {statement}, which was made before"
        ));
    }
    Ok(Exit::Done)
}

/// Says of a report that is refused although it was sealed anew, why that does not help.
fn no_renewal_helps(stop: Stop, renewals: &[(&Stated, &Renewal)]) -> Stop {
    match stop {
        Stop::Refused(refusals) if !renewals.is_empty() => Stop::Refused(
            refusals
                .into_iter()
                .map(|refusal| match refusal.code {
                    Code::KeyRevoked => refusal.hint(
                        "it was sealed anew, which gives back no trust: only a renewal by another key, made before the time since which the key is not good, keeps what it signed",
                    ),
                    _ => refusal,
                })
                .collect(),
        ),
        other => other,
    }
}

fn show_gone(gone: &Gone, context: &Context) -> Exit {
    let report = &gone.report;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-report-verify/1",
            "outcome": if gone.is_lost { "lost" } else { "pruned" },
            "number": report.number,
            "digest": report.digest,
            "statement": gone.statement,
            "leaf": report.leaf,
        }));
    } else {
        context
            .output
            .answer(&format!("report {} is not there: {}", report.number, gone.words()));
        context.output.answer(&format!("  digest    {}", report.digest));
        context
            .output
            .answer(&format!("  in log    its attempt is leaf {}", report.leaf));
    }
    Exit::Done
}
