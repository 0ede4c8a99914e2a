//! `sealift report`: what imports and refusals left as their record.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::escape;
use super::signer::{PassphraseArguments, SignerArguments};
use super::{Context, Exit};
use crate::crypto::key::Signer;
use crate::import::record;
use crate::import::site::Site;
use crate::log::{LogError, Witness};
use crate::model::{Code, Refusal, Stop, Unable};
use crate::report::{self, Report, ReportError, html, summary};
use crate::trust::folder::TrustFolder;
use crate::trust::{Revocations, Role, TrustedRoot};

/// What to do with reports.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List an enclave's reports, and verify that none is missing or exchanged
    List(List),
    /// Verify a report and show who vouched for what, and what was refused
    Show(Show),
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
struct Show {
    #[command(flatten)]
    source: Source,
    /// Write it as one page for a browser or a printer to this new file instead
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    html: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Verify {
    #[command(flatten)]
    source: Source,
}

/// Which report, and by what it is judged.
#[derive(Debug, Args)]
struct Source {
    /// The report: a file, or its number among the enclave's reports [default: the newest]
    #[arg(value_name = "FILE|NUMBER", required_unless_present = "enclave")]
    report: Option<PathBuf>,
    /// The enclave's folder: its reports, its root and what it has revoked
    #[arg(
        long,
        value_name = "FOLDER",
        required_unless_present = "trust",
        conflicts_with = "trust"
    )]
    enclave: Option<PathBuf>,
    /// A folder with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: Option<PathBuf>,
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
        Command::List(arguments) => list(arguments, context),
        Command::Show(arguments) => show(arguments, context),
        Command::Verify(arguments) => verify(arguments, context),
    }
}

/// What reports are judged by.
pub(super) struct Judge {
    pub(super) roots: Vec<TrustedRoot>,
    pub(super) revocations: Option<Revocations>,
}

impl Judge {
    pub(super) fn of(trust: &Path) -> Result<Self, Stop> {
        let trust = TrustFolder::open(trust)?;
        let site = Site::load(&trust)?;
        Ok(Self {
            roots: trust.roots().to_vec(),
            revocations: site.revocations().map(|(_, document)| document.clone()),
        })
    }

    fn open(&self, path: &Path) -> Result<Report, ReportError> {
        report::open(path, &self.roots, self.revocations.as_ref())
    }
}

impl Source {
    fn judge(&self) -> Result<Judge, Stop> {
        match (&self.enclave, &self.trust) {
            (Some(enclave), _) => Judge::of(&enclave.join("trust")),
            (None, Some(trust)) => Judge::of(trust),
            (None, None) => Err(Unable::new("neither --enclave nor --trust was given").into()),
        }
    }

    fn path(&self) -> Result<PathBuf, Stop> {
        let Some(enclave) = &self.enclave else {
            return Ok(self.report.clone().unwrap_or_default());
        };
        let number = match &self.report {
            None => None,
            Some(report) => match report.to_str().and_then(|text| text.parse::<u64>().ok()) {
                Some(number) => Some(number),
                None => return Ok(report.clone()),
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
}

fn subject(path: &Path) -> String {
    format!("report {}", path.display())
}

fn list(arguments: &List, context: &Context) -> Result<Exit, Stop> {
    let judge = Judge::of(&arguments.enclave.join("trust"))?;
    let mut before = None;
    // An enclave has thousands of reports at most; nothing is printed before all of them follow each other.
    let mut heads = Vec::new();
    for listed in record::folder(&arguments.enclave).list()? {
        let report = judge
            .open(&listed.path)
            .map_err(|error| error.stop(subject(&listed.path)))?;
        report::check_order(&report.head, listed.number, before.as_ref())
            .map_err(|error| error.stop(subject(&listed.path)))?;
        before = Some((report.head.number, report.digest));
        heads.push(in_list(&report, &listed.path));
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
        let line = format!(
            "{:>6}  {}  {:<9} {:>8} artifacts  {}  {}",
            head["number"],
            text("created"),
            text("outcome"),
            head["artifacts"],
            text("bundle"),
            codes.join(", ")
        );
        context.output.answer(line.trim_end());
    }
    if heads.is_empty() {
        context.output.say("there is no report yet");
    }
    Ok(Exit::Done)
}

/// How many different codes of a report a list shows.
const LISTED_CODES: usize = 3;

fn in_list(report: &Report, path: &Path) -> Value {
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
    })
}

fn show(arguments: &Show, context: &Context) -> Result<Exit, Stop> {
    let judge = arguments.source.judge()?;
    let path = arguments.source.path()?;
    if let Some(target) = &arguments.html {
        return write_html(&judge, &path, target, context);
    }
    if context.output.wants_json() {
        return show_json(&judge, &path, context);
    }
    let report = verified(&judge, &path)?;
    for line in summary(&report.head) {
        context.output.answer(&escape(&line));
    }
    context.output.answer(&escape(&signed(&report)));
    for line in logged(&report, &arguments.source.witness) {
        context.output.answer(&escape(&line));
    }
    Ok(Exit::Done)
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

fn signed(report: &Report) -> String {
    format!(
        "  signed    by {}, root version {}; {}",
        report.persons.join(", "),
        report.root_version,
        report.digest
    )
}

/// Reads a report to its end, so that every byte of it is verified.
fn verified(judge: &Judge, path: &Path) -> Result<Report, Stop> {
    let mut report = judge.open(path).map_err(|error| error.stop(subject(path)))?;
    while report.next().map_err(|error| error.stop(subject(path)))?.is_some() {}
    Ok(report)
}

/// Prints the whole report as one document, which is first verified to its end.
fn show_json(judge: &Judge, path: &Path, context: &Context) -> Result<Exit, Stop> {
    let stop = |error: ReportError| error.stop(subject(path));
    let digest = verified(judge, path)?.digest;
    let mut report = judge.open(path).map_err(stop)?;
    if report.digest != digest {
        return Err(changed(path));
    }
    let mut lines = context.output.lines();
    let head =
        serde_json::to_value(&report.head).map_err(|error| Unable::new("cannot print the report").because(error))?;
    lines.line(&format!(
        "{{\"schema\":\"sealift-report/1\",\"digest\":\"{digest}\",\"head\":"
    ));
    lines.json(&head);
    lines.line(",\"artifacts\":[");
    let mut first = true;
    while let Some(record) = report.next().map_err(stop)? {
        let value = serde_json::to_value(&record).unwrap_or(Value::Null);
        if !first {
            lines.line(",");
        }
        lines.json(&value);
        first = false;
    }
    lines.line("]}");
    Ok(Exit::Done)
}

fn changed(path: &Path) -> Stop {
    Refusal::new(Code::MediumChanged, subject(path), "it was changed while it was read").into()
}

/// Writes the page aside, and shows it once the last record is verified.
fn write_html(judge: &Judge, path: &Path, target: &Path, context: &Context) -> Result<Exit, Stop> {
    let mut report = judge.open(path).map_err(|error| error.stop(subject(path)))?;
    let failed =
        |error: std::io::Error| Stop::from(Unable::new(format!("cannot write {}", target.display())).because(error));
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut output = std::io::BufWriter::new(aside);
    let mut page = html::Page::begin(&report, &mut output).map_err(failed)?;
    while let Some(record) = report.next().map_err(|error| error.stop(subject(path)))? {
        page.record(&record, &mut output).map_err(failed)?;
    }
    page.end(&mut output).and_then(|()| output.flush()).map_err(failed)?;
    let aside = output.into_inner().map_err(|error| failed(error.into_error()))?;
    aside.as_file().sync_all().map_err(failed)?;
    aside.persist_noclobber(target).map_err(|error| failed(error.error))?;
    context.output.answer(&format!("wrote {}", target.display()));
    Ok(Exit::Done)
}

fn verify(arguments: &Verify, context: &Context) -> Result<Exit, Stop> {
    let judge = arguments.source.judge()?;
    let path = arguments.source.path()?;
    let report = verified(&judge, &path)?;
    let head = &report.head;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-report-verify/1",
            "outcome": "verified",
            "number": head.number,
            "digest": report.digest,
            "signers": report.persons,
            "root_version": report.root_version,
            "artifacts": head.records.count,
            "log": logged_json(&report, &arguments.source.witness),
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
    context.output.answer(&escape(&signed(&report)));
    for line in logged(&report, &arguments.source.witness) {
        context.output.answer(&escape(&line));
    }
    Ok(Exit::Done)
}

/// The key that signs the report of an import.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportSigner {
    /// Sign the report with the encrypted key in this file [default: `keys/import.pem` in the enclave's folder]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["agent", "unsigned_report"])]
    key: Option<PathBuf>,
    /// Sign the report through the ssh-agent behind this socket
    #[arg(
        long,
        value_name = "SOCKET",
        requires = "public_key",
        conflicts_with = "unsigned_report"
    )]
    agent: Option<PathBuf>,
    /// The public key of which the agent holds the other half
    #[arg(long, value_name = "FILE", requires = "agent")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
    /// Sign the checkpoint of the log with the encrypted key in this file [default: the report's key]
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned_report")]
    log_key: Option<PathBuf>,
    /// Write a report that nobody signs: what it says proves nothing later
    #[arg(long)]
    unsigned_report: bool,
}

impl ReportSigner {
    /// Opens the keys, which the root must let sign reports and checkpoints.
    pub(crate) fn open(&self, enclave: &Path, root: &TrustedRoot) -> Result<ReportKeys, Stop> {
        if self.unsigned_report {
            return Ok(ReportKeys::default());
        }
        let default = enclave.join("keys").join("import.pem");
        let key = match (&self.key, &self.agent) {
            (None, None) if !default.exists() => {
                return Err(Unable::new(format!(
                    "there is no key to sign the report with at {}",
                    default.display()
                ))
                .hint("name it with --key or --agent, or write a report without a signature with --unsigned-report")
                .into());
            }
            (None, None) => Some(default),
            (key, _) => key.clone(),
        };
        let signer = SignerArguments {
            key,
            agent: self.agent.clone(),
            public_key: self.public_key.clone(),
            passphrase: self.passphrase.clone(),
        }
        .open()?;
        check_role(
            signer.as_ref(),
            root,
            Role::Import,
            "reports",
            "`sealift root show` says which keys have it",
        )?;
        let log = match &self.log_key {
            Some(path) => {
                let arguments = SignerArguments {
                    key: Some(path.clone()),
                    agent: None,
                    public_key: None,
                    passphrase: self.passphrase.clone(),
                };
                Some(arguments.open()?)
            }
            None => None,
        };
        check_role(
            log.as_deref().unwrap_or(signer.as_ref()),
            root,
            Role::Log,
            "checkpoints of the log",
            "name a key that has it with --log-key; `sealift root show` says which",
        )?;
        Ok(ReportKeys {
            report: Some(signer),
            log,
        })
    }
}

fn check_role(signer: &dyn Signer, root: &TrustedRoot, role: Role, what: &str, hint: &str) -> Result<(), Refusal> {
    let id = signer.public().id();
    let roles = &root.document().roles;
    if roles.get(&role).is_some_and(|role| role.keys.contains(&id)) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::KeyNotInRole,
        format!("key {id}"),
        format!("the root does not let it sign {what}: it has not the role {role}"),
    )
    .hint(hint))
}

/// The keys that sign what an import leaves.
#[derive(Default)]
pub(crate) struct ReportKeys {
    report: Option<Box<dyn Signer>>,
    log: Option<Box<dyn Signer>>,
}

impl ReportKeys {
    /// As an import takes them: one key may sign both.
    pub(crate) fn signers(&self) -> record::Signers<'_> {
        record::Signers {
            report: self.report.as_deref(),
            log: self.log.as_deref().or(self.report.as_deref()),
        }
    }
}
