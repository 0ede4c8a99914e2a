//! `sealift import` and `sealift verify`: the same steps; `verify` stops before anything is changed.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use serde_json::{Value, json};

use super::decided::{answer_decisions, decisions_json};
use super::output::escape;
use super::progress::Bars;
use super::scanners::ScannersArgument;
use super::shown::holder;
use super::station::{LateKeys, ReportSigner, Watching};
use super::{Context, Exit, machine};
use crate::bundle::manifest::Manifest;
use crate::enclave::{self, Enclave};
use crate::import::attempt::Circumstances;
use crate::import::authenticate::Voucher;
use crate::import::commit::Committed;
use crate::import::decide::Admission;
use crate::import::open::Input;
use crate::import::record::{Keys, Recorder};
use crate::import::site::{Brought, Site};
use crate::import::verify_evidence::EvidenceSummary;
use crate::import::verify_objects::Incomplete;
use crate::import::{Against, Checked, EnclaveMemory, Imported, Run, import_recorded, verify};
use crate::model::{Code, Refusal, Stop, Unable};
use crate::report::{Custody, Handling};
use crate::store::Store;
use crate::trust::custody::Named;
use crate::trust::folder::TrustFolder;

/// What to import, and where.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Volumes and approvals, folders that hold them, or `-` for standard input, which may bring the volumes of a bundle one behind the other
    #[arg(value_name = "MEDIA", required = true)]
    media: Vec<PathBuf>,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// How many threads hash [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    scanners: ScannersArgument,
    #[command(flatten)]
    custody: LastRecords,
    #[command(flatten)]
    handling: HandlingArguments,
    #[command(flatten)]
    signer: ReportSigner,
}

/// What the report says that the import belongs to, in the words of whoever imports.
#[derive(Debug, Args)]
struct HandlingArguments {
    /// Where this change was asked for and agreed, as the site's own system names it; it stands in the report
    #[arg(long, value_name = "TEXT", value_parser = a_line)]
    ticket: Option<String>,
    /// The baseline that this import changes, as the site's configuration management names it; it stands in the report
    #[arg(long, value_name = "TEXT", value_parser = a_line)]
    baseline: Option<String>,
    /// The protective marking that the media bear; it stands in the report
    #[arg(long, value_name = "TEXT", value_parser = a_line)]
    marking: Option<String>,
}

impl HandlingArguments {
    fn said(&self) -> Handling {
        Handling {
            baseline: self.baseline.clone(),
            marking: self.marking.clone(),
            ticket: self.ticket.clone(),
        }
    }
}

/// The longest text of one of these: a line that people read.
const MAX_LINE_BYTES: usize = 200;

/// Reads a text that a report takes over whole.
fn a_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > MAX_LINE_BYTES {
        return Err(format!("it is longer than {MAX_LINE_BYTES} bytes"));
    }
    if escape(text) != text {
        return Err("it has characters that do not print".to_owned());
    }
    Ok(text.to_owned())
}

/// What to verify, and against what.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Volumes and approvals, folders that hold them, or `-` for standard input, which may bring the volumes of a bundle one behind the other
    #[arg(value_name = "MEDIA", required = true)]
    media: Vec<PathBuf>,
    /// The enclave's folder: its trust, its memory of earlier imports, its objects
    #[arg(
        long,
        value_name = "FOLDER",
        required_unless_present = "trust",
        conflicts_with = "trust"
    )]
    enclave: Option<PathBuf>,
    /// A folder with the enclave's pinned root, without its memory: order is then not judged
    #[arg(long, value_name = "FOLDER")]
    trust: Option<PathBuf>,
    #[command(flatten)]
    scanners: ScannersArgument,
    #[command(flatten)]
    custody: LastRecords,
    /// Where contents may be unpacked while they are examined [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// How many threads hash [default: all cores]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

/// Which custody records must be there.
#[derive(Debug, Args)]
struct LastRecords {
    /// The last custody record, as who sent or carried the media said it by another way: its digest, or its twelve words; may be given again. The
    /// bundle is refused unless it is here. Without it nobody sees that the last records were taken away
    #[arg(long, value_name = "SHA256|WORDS")]
    last: Vec<Named>,
}

impl LastRecords {
    /// Says that nothing was compared yet.
    fn warn_incomplete(&self, context: &Context) {
        if !self.last.is_empty() {
            context
                .output
                .warn("custody records are compared once all volumes are here: name the last one again then");
        }
    }
}

/// Imports a bundle.
pub(crate) fn run_import(arguments: &ImportArguments, context: &Context) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    let mut trust = TrustFolder::open(&folder.join("trust"))?;
    let root = trust.current().clone();
    thread::scope(|scope| {
        let program = machine::LateProgram::reading(scope);
        arguments.signer.open_during(folder, &root, |keys| {
            import_signed(arguments, &mut trust, keys, &program, context)
        })
    })
}

fn import_signed(
    arguments: &ImportArguments,
    trust: &mut TrustFolder,
    keys: &LateKeys<'_>,
    program: &machine::LateProgram<'_>,
    context: &Context,
) -> Result<Exit, Stop> {
    let folder = &arguments.enclave;
    let scanners = arguments.scanners.open(Some(folder))?;
    let mut enclave = Enclave::open(folder, &holder("import"))?;
    let lost = super::stands::lost(folder, &enclave.ledger, trust)?;
    let program = || program.read();
    let circumstances = Circumstances {
        clock: Some(&super::now),
        handling: arguments.handling.said(),
        host: Some(machine::host()),
        program: Some(&program),
    };
    let mut recorder = Recorder::of(
        folder,
        trust.current(),
        &enclave.ledger,
        keys,
        &lost,
        context.now,
        circumstances,
    )?;
    let bars = Bars::new(context);
    let run = Run {
        now: context.now,
        threads: threads(arguments.threads),
        progress: &Watching { bars: &bars, keys },
        scanners: &scanners,
        named: &arguments.custody.last,
    };
    let media = inputs(&arguments.media);
    let imported = import_recorded(media, folder, &mut enclave, trust, &run, &mut recorder);
    drop(bars);
    keys.wait()?;
    if let Some(problem) = recorder.problem() {
        context.output.warn("the report could not be written");
        context.output.conversation(problem);
    }
    if imported.is_err()
        && let Some(path) = recorder.written()
    {
        context.output.say(&format!("the report is {}", path.display()));
    }
    let imported = match imported {
        Err(Stop::Refused(refusals)) if refusals.iter().all(|refusal| refusal.code == Code::AlreadyImported) => {
            report_already(&refusals, context);
            return Ok(Exit::Done);
        }
        other => other?,
    };
    match imported {
        Imported::Committed(committed) => report_import(&committed, arguments, recorder.written(), context),
        Imported::Incomplete(incomplete) => {
            report_incomplete(&incomplete, "kept", context);
            arguments.custody.warn_incomplete(context);
        }
    }
    Ok(Exit::Done)
}

/// Verifies a bundle and changes nothing.
pub(crate) fn run_verify(arguments: &VerifyArguments, context: &Context) -> Result<Exit, Stop> {
    let trust_path = match (&arguments.enclave, &arguments.trust) {
        (Some(enclave), _) => enclave.join("trust"),
        (None, Some(trust)) => trust.clone(),
        (None, None) => return Err(Unable::new("neither --enclave nor --trust was given").into()),
    };
    let trust = TrustFolder::open(&trust_path)?;
    let ledger = match &arguments.enclave {
        Some(folder) => Some(enclave::read(folder)?),
        None => None,
    };
    let store = match &arguments.enclave {
        Some(folder) => Some(
            Store::open(folder.join("store"))
                .map_err(|error| Unable::new("cannot read the enclave's store").because(error))?,
        ),
        _ => None,
    };
    let scanners = arguments.scanners.open(arguments.enclave.as_deref())?;
    let scratch = scratch(arguments.scratch.as_deref())?;
    let bars = Bars::new(context);
    let run = Run {
        now: context.now,
        threads: threads(arguments.threads),
        progress: &bars,
        scanners: &scanners,
        named: &arguments.custody.last,
    };
    let enclave_memory = match (&ledger, &arguments.enclave) {
        (Some(ledger), Some(folder)) => Some(EnclaveMemory {
            ledger,
            folder,
            gap: Site::load(&trust)?.in_force().gap_rule(),
        }),
        _ => None,
    };
    let against = Against {
        trust: &trust,
        memory: enclave_memory.as_ref(),
        store: store.as_ref(),
        scratch: scratch.path().to_owned(),
    };
    let checked = verify(inputs(&arguments.media), &against, &run);
    drop(bars);
    let checked = match checked {
        Err(Stop::Refused(refusals)) if refusals.iter().all(|refusal| refusal.code == Code::AlreadyImported) => {
            report_already(&refusals, context);
            return Ok(Exit::Done);
        }
        other => other?,
    };
    report_check(&checked, &arguments.custody, context);
    Ok(Exit::Done)
}

/// A folder for temporary files that is removed when the command ends.
pub(crate) fn scratch(place: Option<&Path>) -> Result<tempfile::TempDir, Stop> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("sealift-verify-");
    let made = match place {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    };
    made.map_err(|error| {
        Unable::new("cannot make a folder for temporary files")
            .because(error)
            .hint("name one with --scratch")
            .into()
    })
}

fn inputs(media: &[PathBuf]) -> Vec<Input> {
    media
        .iter()
        .map(|path| {
            if path.as_os_str() == "-" {
                let stream: Box<dyn Read + Send> = Box::new(std::io::stdin());
                Input::Stream(stream)
            } else {
                Input::Path(path.clone())
            }
        })
        .collect()
}

/// As many threads as there are cores, unless told otherwise.
pub(crate) fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(
        || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
        usize::from,
    )
}

fn report_import(committed: &Committed, arguments: &ImportArguments, report: Option<&Path>, context: &Context) {
    let manifest = &committed.manifest;
    let summary = &committed.summary;
    if context.output.wants_json() {
        let mut document = manifest_json(
            manifest,
            &committed.manifest_digest.to_string(),
            Some(&committed.voucher),
        );
        document["schema"] = json!("sealift-import/1");
        document["outcome"] = json!("imported");
        document["evidence"] = evidence_json(&committed.evidence, &committed.brought);
        document["decisions"] = decisions_json(&committed.decisions);
        document["generation"] = json!(committed.generation.number);
        document["repository_digest"] = json!(committed.generation.root.to_string());
        document["taken_again"] = json!(committed.taken_again);
        document["new_objects"] = json!(summary.new_objects);
        document["new_bytes"] = json!(summary.new_bytes);
        document["report"] = json!(report.map(|path| path.display().to_string()));
        document["ecosystems"] = summary
            .ecosystems
            .iter()
            .map(|(id, counts)| {
                (
                    id.clone(),
                    json!({ "artifacts": counts.artifacts, "bytes": counts.bytes }),
                )
            })
            .collect();
        context.output.json(&document);
        return;
    }
    let output = &context.output;
    output.answer(&match committed.taken_again {
        None => format!(
            "imported bundle {} as generation {}",
            manifest.label(),
            committed.generation.number
        ),
        Some(taken) => format!(
            "took {taken} artifacts of bundle {} that were admitted since, as generation {}; the others are not taken again",
            manifest.label(),
            committed.generation.number
        ),
    });
    for (id, counts) in &summary.ecosystems {
        output.answer(&format!(
            "  {:<8} {:>8} artifacts {:>12}",
            escape(id),
            counts.artifacts,
            size(counts.bytes)
        ));
    }
    output.answer(&format!(
        "  new      {:>8} objects   {:>12}",
        summary.new_objects,
        size(summary.new_bytes)
    ));
    answer_decisions(&committed.decisions, context);
    let waiting = committed.decisions.count(Admission::Waiting);
    if waiting > 0 {
        output.say(&format!(
            "hint: {waiting} artifacts wait: `sealift review list` shows them; once some are approved, import the same media again"
        ));
    }
    answer_evidence(&committed.evidence, &committed.brought, context);
    answer_voucher(manifest, &committed.voucher, context);
    if let Some(path) = report {
        output.answer(&format!("the report is {}", path.display()));
    }
    output.answer(&format!(
        "clients read {}",
        arguments.enclave.join("repository").display()
    ));
}

/// The very bundle again is a success that changes nothing.
fn report_already(refusals: &[Refusal], context: &Context) {
    for refusal in refusals {
        if context.output.wants_json() {
            context.output.json(&json!({
                "schema": "sealift-import/1",
                "outcome": "already-imported",
                "bundle": refusal.subject,
                "reason": refusal.reason,
                "hint": refusal.hint,
            }));
        } else {
            context
                .output
                .answer(&format!("{}: {}", refusal.subject, refusal.reason));
            if let Some(hint) = &refusal.hint {
                context.output.say(&format!("hint: {hint}"));
            }
        }
    }
}

fn report_check(checked: &Checked, last: &LastRecords, context: &Context) {
    if let Some(incomplete) = &checked.incomplete {
        report_incomplete(incomplete, "intact", context);
        last.warn_incomplete(context);
        return;
    }
    if context.output.wants_json() {
        let mut document = manifest_json(
            &checked.manifest,
            &checked.manifest_digest.to_string(),
            checked.voucher.as_ref(),
        );
        document["schema"] = json!("sealift-verify/1");
        document["outcome"] = json!("verified");
        document["evidence"] = evidence_json(&checked.evidence, &checked.brought);
        document["decisions"] = json!(checked.decisions.as_ref().map(decisions_json));
        document["custody"] = json!(Custody::of(&checked.custody, &last.last));
        context.output.json(&document);
        return;
    }
    let catalog = &checked.manifest.catalog;
    context.output.answer(&format!(
        "verified bundle {}: nothing was changed",
        checked.manifest.label()
    ));
    context.output.answer(&format!(
        "  {} artifacts, {} registry documents, {} objects, {}",
        catalog.artifacts,
        catalog.documents,
        catalog.objects,
        size(catalog.object_bytes)
    ));
    if let Some(custody) = Custody::of(&checked.custody, &last.last) {
        context.output.answer(&format!("  custody: {}", custody.words()));
        for trouble in &custody.troubles {
            context.output.warn(&escape(&format!(
                "{}: {} [{}]",
                trouble.subject, trouble.message, trouble.code
            )));
        }
    }
    if let Some(voucher) = &checked.voucher {
        if let Some(decisions) = &checked.decisions {
            answer_decisions(decisions, context);
        }
        answer_evidence(&checked.evidence, &checked.brought, context);
        answer_voucher(&checked.manifest, voucher, context);
    }
}

fn report_incomplete(incomplete: &Incomplete, state: &str, context: &Context) {
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-incomplete/1",
            "outcome": "incomplete",
            "bundle": incomplete.label,
            "volumes": incomplete.count,
            "present": incomplete.present,
            "missing": incomplete.missing,
        }));
        return;
    }
    context.output.answer(&format!(
        "bundle {}: {} of {} volumes are {state}; still missing: {}",
        incomplete.label,
        incomplete.present.len(),
        incomplete.count,
        numbers(&incomplete.missing)
    ));
}

/// Says how well the artifacts are vouched for, and what the bundle changed of what this site believes.
fn answer_evidence(evidence: &EvidenceSummary, brought: &Brought, context: &Context) {
    let output = &context.output;
    if evidence.contradicted > 0 {
        output.warn(&format!(
            "{} artifacts bring a proof that is wrong",
            evidence.contradicted
        ));
    }
    if evidence.undecided > 0 {
        output.answer(&format!(
            "  not judged: proofs of {} artifacts; `sealift where` says why for each",
            evidence.undecided
        ));
    }
    for line in brought.changes.iter().chain(&brought.notes) {
        output.answer(&format!("  trust: {}", escape(line)));
    }
}

/// The same for programs.
fn evidence_json(evidence: &EvidenceSummary, brought: &Brought) -> Value {
    let levels: serde_json::Map<String, Value> = evidence
        .levels
        .iter()
        .map(|(level, count)| (level.word().to_owned(), json!(count)))
        .collect();
    json!({
        "levels": levels,
        "confirmed": evidence.confirmed,
        "contradicted": evidence.contradicted,
        "undecided": evidence.undecided,
        "trust_changes": brought.changes,
        "trust_notes": brought.notes,
    })
}

fn answer_voucher(manifest: &Manifest, voucher: &Voucher, context: &Context) {
    let output = &context.output;
    output.answer(&format!(
        "  exported {} by {}, root version {} ({})",
        manifest.created,
        escape(&voucher.exporters.join(", ")),
        voucher.root_version,
        voucher.profile
    ));
    if let Some(words) = manifest.delta_words() {
        output.answer(&format!("  {words}"));
    }
    let approvers = if voucher.approvers.is_empty() {
        "nobody; the root asks for no approval".to_owned()
    } else {
        voucher.approvers.join(", ")
    };
    output.answer(&format!("  approved by {}", escape(&approvers)));
    for line in &voucher.not_checked {
        output.answer(&format!("  not checked: {line}"));
    }
    if voucher.profile == "evaluation" {
        output.warn("this enclave is for an evaluation: one key does everything");
    }
}

fn manifest_json(manifest: &Manifest, digest: &str, voucher: Option<&Voucher>) -> Value {
    let catalog = &manifest.catalog;
    json!({
        "bundle": { "stream": manifest.stream, "epoch": manifest.epoch, "sequence": manifest.sequence, "manifest": digest },
        "created": manifest.created,
        "not_after": manifest.not_after,
        "artifacts": catalog.artifacts,
        "documents": catalog.documents,
        "objects": catalog.objects,
        "bytes": catalog.object_bytes,
        "volumes": manifest.volumes.len(),
        "exporters": voucher.map(|voucher| voucher.exporters.clone()),
        "approvers": voucher.map(|voucher| voucher.approvers.clone()),
        "root_version": voucher.map(|voucher| voucher.root_version),
        "profile": voucher.map(|voucher| voucher.profile.clone()),
        "not_checked": voucher.map(|voucher| voucher.not_checked.clone()),
    })
}

/// Numbers in a phrase: `1, 3 to 5`.
fn numbers(list: &[usize]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut index = 0;
    while index < list.len() {
        let start = index;
        while index + 1 < list.len() && list[index + 1] == list[index] + 1 {
            index += 1;
        }
        parts.push(if index > start {
            format!("{} to {}", list[start], list[index])
        } else {
            list[start].to_string()
        });
        index += 1;
    }
    parts.join(", ")
}

/// A size for people.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_volumes_in_a_phrase() {
        assert_eq!(numbers(&[1, 3, 4, 5, 9]), "1, 3 to 5, 9");
        assert_eq!(numbers(&[]), "");
    }
}
