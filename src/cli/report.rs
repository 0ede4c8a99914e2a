//! `sealift report`: what imports and refusals left as their record.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::escape;
use super::signer::{PassphraseArguments, SignerArguments};
use super::{Context, Exit};
use crate::crypto::key::Signer;
use crate::import::record;
use crate::import::site::Site;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::report::{self, Report, ReportError};
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
        required_unless_present = "trust",
        conflicts_with = "trust"
    )]
    pub(super) enclave: Option<PathBuf>,
    /// A folder with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: Option<PathBuf>,
}

/// Lists, shows or verifies.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::List(arguments) => list(arguments, context),
        Command::Show(arguments) => super::report_show::run(arguments, context),
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

    pub(super) fn open(&self, path: &Path) -> Result<Report, ReportError> {
        report::open(path, &self.roots, self.revocations.as_ref())
    }
}

impl Source {
    pub(super) fn judge(&self) -> Result<Judge, Stop> {
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

pub(super) fn subject(path: &Path) -> String {
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
        check_order(&report.head, listed.number, before.as_ref()).map_err(|error| error.stop(subject(&listed.path)))?;
        before = Some((report.head.number, report.digest));
        heads.push(in_list(&report, &listed.path));
    }
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

/// Each report names the one before, so that one that is missing or exchanged is found.
fn check_order(
    head: &report::Head,
    number: u64,
    before: Option<&(u64, crate::model::Digest)>,
) -> Result<(), ReportError> {
    let words = |number: u64, digest: &crate::model::Digest| format!("report {number}, {digest}");
    let expected = head.previous.as_ref().map_or_else(
        || "no report".to_owned(),
        |previous| words(previous.number, &previous.digest),
    );
    let found = before.map_or_else(|| "no report".to_owned(), |(number, digest)| words(*number, digest));
    if expected == found && head.number == number {
        return Ok(());
    }
    Err(ReportError::NotInOrder {
        number,
        expected,
        found,
    })
}

/// Reads a report to its end, so that every byte of it is verified.
fn verified(judge: &Judge, path: &Path) -> Result<Report, Stop> {
    let mut report = judge.open(path).map_err(|error| error.stop(subject(path)))?;
    while report.next().map_err(|error| error.stop(subject(path)))?.is_some() {}
    Ok(report)
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
    /// Write a report that nobody signs: what it says proves nothing later
    #[arg(long)]
    unsigned_report: bool,
}

impl ReportSigner {
    /// Opens the key, which the root must let sign reports.
    pub(crate) fn open(&self, enclave: &Path, root: &TrustedRoot) -> Result<Option<Box<dyn Signer>>, Stop> {
        if self.unsigned_report {
            return Ok(None);
        }
        let arguments = SignerArguments {
            key: self.key.clone(),
            agent: self.agent.clone(),
            public_key: self.public_key.clone(),
            passphrase: self.passphrase.clone(),
        };
        let otherwise = "name it with --key or --agent, or write a report without a signature with --unsigned-report";
        import_key(arguments, enclave, root, otherwise).map(Some)
    }
}

/// Opens a key of the role import: the one that is named, or the enclave's own. `otherwise` is the hint where there is none.
pub(super) fn import_key(
    mut arguments: SignerArguments,
    enclave: &Path,
    root: &TrustedRoot,
    otherwise: &str,
) -> Result<Box<dyn Signer>, Stop> {
    if arguments.key.is_none() && arguments.agent.is_none() {
        let default = enclave.join("keys").join("import.pem");
        if !default.exists() {
            let what = format!("there is no key to sign the report with at {}", default.display());
            return Err(Unable::new(what).hint(otherwise).into());
        }
        arguments.key = Some(default);
    }
    let signer = arguments.open()?;
    let id = signer.public().id();
    let may = root
        .document()
        .roles
        .get(&Role::Import)
        .is_some_and(|role| role.keys.contains(&id));
    if !may {
        return Err(Refusal::new(
            Code::KeyNotInRole,
            format!("key {id}"),
            "the root does not let it sign reports: it has not the role import",
        )
        .hint("`sealift root show` says which keys have it")
        .into());
    }
    Ok(signer)
}
