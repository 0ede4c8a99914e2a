//! `sealift review`: what the policy left to persons, and their signed decisions about it (`bundle-spec/policy.md` §8).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::files::{self, Existing};
use super::output::escape;
use super::signer::SignerArguments;
use super::{Context, Exit};
use crate::crypto::key::{KeyId, Signer};
use crate::crypto::strict_json::{Critical, Extensions};
use crate::import::decide::{Waiting, WaitingHeader};
use crate::import::reviews::{self, WaitingReader};
use crate::import::site::Site;
use crate::model::{Code, Digest, Refusal, Stop, Unable};
use crate::trust::Root;
use crate::trust::approval::Decision;
use crate::trust::folder::TrustFolder;
use crate::trust::review::{Answer, Asked, MAX_REVIEWED, MAX_VALID_DAYS, ROLES, Review, Reviewed, Reviews};

/// As long as a bundle usually lives.
const DEFAULT_VALID_DAYS: u32 = 45;

/// How many artifacts are shown before the rest is only counted.
const SHOWN: usize = 50;

/// The payload of one document: written in base64 it stays within an envelope's 1 MiB.
const MAX_DOCUMENT_BYTES: usize = 500_000;

/// What to do with what waits.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what waits for persons, and why
    List(List),
    /// Sign that artifacts may be imported with their bundle
    Approve(Decide),
    /// Sign that artifacts may not be imported, whoever else approves
    Reject(Decide),
}

/// What to list.
#[derive(Debug, Args)]
struct List {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Only the bundle with this manifest
    #[arg(long, value_name = "DIGEST")]
    bundle: Option<Digest>,
    /// Show every artifact, and not only the first
    #[arg(long)]
    all: bool,
}

/// What to decide about, and why.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(false))]
struct Decide {
    /// Package URLs as `sealift review list` shows them; without what follows `?`, all files of the version
    #[arg(value_name = "PURL", group = "what")]
    purls: Vec<String>,
    /// All that waits
    #[arg(long, group = "what")]
    all: bool,
    /// With --all, only artifacts for which nothing but these codes is open
    #[arg(long, value_name = "CODE", value_parser = code, conflicts_with = "purls")]
    code: Vec<Code>,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// The bundle's manifest [default: the only one that waits]
    #[arg(long, value_name = "DIGEST")]
    bundle: Option<Digest>,
    /// Why, in your own words
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Where the request is kept
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// How long the decision counts
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_VALID_DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_VALID_DAYS)))]
    valid_days: u32,
    #[command(flatten)]
    signer: SignerArguments,
}

fn code(text: &str) -> Result<Code, String> {
    Code::named(text).ok_or_else(|| "no code has this name; `sealift explain` lists them".to_owned())
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::List(arguments) => list(arguments, context)?,
        Command::Approve(arguments) => decide(arguments, Decision::Approved, context)?,
        Command::Reject(arguments) => decide(arguments, Decision::Rejected, context)?,
    }
    Ok(Exit::Done)
}

fn list(arguments: &List, context: &Context) -> Result<(), Stop> {
    let folder = TrustFolder::open(&arguments.enclave.join("trust"))?;
    let site = Site::load(&folder)?;
    let bundles = match arguments.bundle {
        Some(manifest) => vec![manifest],
        None => reviews::bundles(&arguments.enclave)?,
    };
    let mut documents: Vec<Value> = Vec::new();
    if bundles.is_empty() && !context.output.wants_json() {
        context.output.answer("nothing waits");
    }
    for manifest in bundles {
        let mut waiting = open(&arguments.enclave, &manifest)?;
        let header = waiting.header().clone();
        let counted = counted(&folder, &site, &arguments.enclave, &header, context)?;
        if !context.output.wants_json() {
            answer_header(&header, &counted, context);
        }
        let mut items: Vec<Value> = Vec::new();
        let mut count = 0_usize;
        while let Some(item) = waiting.next()? {
            count += 1;
            if !arguments.all && count > SHOWN {
                continue;
            }
            let answer = counted.answer(item.digest, &item.purl, &item.codes, header.persons);
            if context.output.wants_json() {
                items.push(item_json(&item, &answer));
            } else {
                answer_item(&item, &answer, context);
            }
        }
        if context.output.wants_json() {
            documents.push(
                json!({ "bundle": header, "count": count, "waiting": items, "not_counted": counted.passed_over }),
            );
        } else if !arguments.all && count > SHOWN {
            context
                .output
                .answer(&format!("  and {} more; --all shows them", count - SHOWN));
        }
    }
    if context.output.wants_json() {
        context
            .output
            .json(&json!({ "schema": "sealift-reviews/1", "bundles": documents }));
    }
    Ok(())
}

/// The decisions about a bundle, as an import would count them.
fn counted(
    trust: &TrustFolder,
    site: &Site,
    enclave: &Path,
    header: &WaitingHeader,
    context: &Context,
) -> Result<Reviews, Stop> {
    let asked = Asked {
        manifest: header.manifest,
        policy: header.policy,
        exporters: &header.exporters,
        revocations: site.revocations().map(|(_, document)| document),
        now: context.now,
    };
    let signed = reviews::signed(enclave, &header.manifest)?;
    Ok(Reviews::count(trust.current().document(), &signed, &asked))
}

fn answer_header(header: &WaitingHeader, counted: &Reviews, context: &Context) {
    let output = &context.output;
    output.answer(&format!(
        "bundle {}, {}, exported by {}",
        escape(&header.bundle),
        header.manifest,
        escape(&header.exporters.join(", "))
    ));
    output.answer(&format!(
        "  decided by {} under the policy {}",
        match header.persons {
            1 => "one person".to_owned(),
            count => format!("{count} persons"),
        },
        header.policy
    ));
    for line in &counted.passed_over {
        output.answer(&format!("  not counted: {}", escape(line)));
    }
}

fn answer_item(item: &Waiting, answer: &Answer, context: &Context) {
    let output = &context.output;
    let state = match answer {
        Answer::Open(persons) if persons.is_empty() => "open".to_owned(),
        Answer::Open(persons) => format!("approved by {}, and more are needed", persons.join(", ")),
        Answer::Approved(persons) => format!("approved by {}", persons.join(", ")),
        Answer::Rejected { person, reason } => format!("rejected by {person}: {reason}"),
    };
    output.answer(&format!("  {}", escape(&item.purl)));
    output.answer(&format!(
        "    {}, {}, vouched for: {}",
        escape(&state),
        item.digest,
        item.reached
    ));
    for line in &item.says {
        output.answer(&format!("    {}", escape(line)));
    }
}

fn item_json(item: &Waiting, answer: &Answer) -> Value {
    let (state, persons, reason) = match answer {
        Answer::Open(persons) => ("open", persons.clone(), None),
        Answer::Approved(persons) => ("approved", persons.clone(), None),
        Answer::Rejected { person, reason } => ("rejected", vec![person.clone()], Some(reason)),
    };
    json!({
        "purl": item.purl,
        "digest": item.digest,
        "codes": item.codes,
        "says": item.says,
        "reached": item.reached,
        "state": state,
        "persons": persons,
        "reason": reason,
    })
}

fn open(enclave: &Path, manifest: &Digest) -> Result<WaitingReader, Stop> {
    if !reviews::waiting_path(enclave, manifest).is_file() {
        return Err(Unable::new(format!("nothing waits of the bundle {manifest}"))
            .hint("an import that leaves something to persons leaves a list; `sealift review list` shows them")
            .into());
    }
    WaitingReader::open(enclave, manifest)
}

fn decide(arguments: &Decide, decision: Decision, context: &Context) -> Result<(), Stop> {
    let manifest = match arguments.bundle {
        Some(manifest) => manifest,
        None => only_one(&reviews::bundles(&arguments.enclave)?)?,
    };
    let mut waiting = open(&arguments.enclave, &manifest)?;
    let header = waiting.header().clone();
    let mut meant: BTreeSet<&str> = arguments.purls.iter().map(String::as_str).collect();
    let allowed: BTreeSet<String> = arguments.code.iter().map(|code| code.name().to_owned()).collect();
    let mut chosen: Vec<Waiting> = Vec::new();
    while let Some(item) = waiting.next()? {
        let version = item.purl.split('?').next().unwrap_or(&item.purl);
        let is_meant = if arguments.all {
            allowed.is_empty() || item.codes.is_subset(&allowed)
        } else {
            let found = arguments.purls.iter().any(|purl| *purl == item.purl || purl == version);
            meant.remove(item.purl.as_str());
            meant.remove(version);
            found
        };
        if is_meant {
            chosen.push(item);
        }
    }
    if let Some(purl) = meant.first() {
        return Err(Unable::new(format!("{purl} does not wait in that bundle"))
            .hint("`sealift review list --all` shows what waits")
            .into());
    }
    if chosen.is_empty() {
        return Err(Unable::new("nothing that waits is meant").into());
    }
    // The person sees what they sign before the key is opened.
    for item in chosen.iter().take(SHOWN) {
        answer_item(item, &Answer::Open(Vec::new()), context);
    }
    if chosen.len() > SHOWN {
        context.output.answer(&format!("  and {} more", chosen.len() - SHOWN));
    }
    let folder = TrustFolder::open(&arguments.enclave.join("trust"))?;
    let root = folder.current().document();
    let signer = arguments.signer.open()?;
    let person = reviewer(root, signer.public().id(), &header.exporters)?;
    let written = write(arguments, decision, &header, &chosen, signer.as_ref(), &person, context)?;
    report(decision, &person, &chosen, &written, context);
    Ok(())
}

fn only_one(bundles: &[Digest]) -> Result<Digest, Stop> {
    match bundles {
        [] => Err(Unable::new("nothing waits").into()),
        [one] => Ok(*one),
        many => Err(Unable::new(format!("{} bundles wait", many.len()))
            .hint("name one by its manifest's digest: --bundle DIGEST")
            .into()),
    }
}

/// The person behind a key, if that person may decide.
fn reviewer(root: &Root, key: KeyId, exporters: &[String]) -> Result<String, Stop> {
    let refuse = |code, reason: String| Stop::from(Refusal::new(code, "the review", reason));
    let person = root.keys.get(&key).map(|key| key.person.clone());
    let may = ROLES
        .iter()
        .filter_map(|role| root.roles.get(role))
        .any(|role| role.keys.contains(&key));
    match person {
        Some(person) if exporters.contains(&person) => Err(refuse(
            Code::RolesNotSeparate,
            format!("{person} exported the bundle, and decides nothing about it"),
        )),
        Some(person) if may => Ok(person),
        _ => Err(refuse(
            Code::KeyNotInRole,
            format!("the key {key} has neither the role policy nor the role approve"),
        )),
    }
}

/// Signs the decisions, in as many documents as they need, and puts them where an import looks.
fn write(
    arguments: &Decide,
    decision: Decision,
    header: &WaitingHeader,
    chosen: &[Waiting],
    signer: &dyn Signer,
    person: &str,
    context: &Context,
) -> Result<Vec<PathBuf>, Stop> {
    let folder = reviews::folder(&arguments.enclave, &header.manifest);
    let mut written = Vec::new();
    for part in parts(chosen) {
        let review = Review {
            artifacts: part
                .iter()
                .map(|item| Reviewed {
                    codes: item.codes.clone(),
                    digest: item.digest,
                    purl: item.purl.clone(),
                })
                .collect(),
            created: context.now,
            critical: Critical,
            decision,
            expires: context.now.plus_days(arguments.valid_days),
            ext: Extensions::new(),
            manifest: header.manifest,
            policy: header.policy,
            reason: arguments.reason.trim().to_owned(),
            ticket: arguments.ticket.clone(),
        };
        let envelope = review
            .sign(signer)
            .map_err(|error| Unable::new("cannot sign the review").because(error))?;
        let bytes = envelope.write();
        let digest = Digest::of(&bytes);
        let path = folder.join(format!("{person}-{}.dsse.json", &digest.hex()[..12]));
        files::write(&path, &bytes, Existing::Replace)?;
        written.push(path);
    }
    Ok(written)
}

/// Cuts what was chosen into documents that fit an envelope.
fn parts(chosen: &[Waiting]) -> Vec<&[Waiting]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, item) in chosen.iter().enumerate() {
        // A digest, the field names, and the codes: under 40 bytes each.
        let size = 150 + item.purl.len() * 2 + item.codes.len() * 40;
        if index > start && (index - start == MAX_REVIEWED || bytes + size > MAX_DOCUMENT_BYTES) {
            parts.push(&chosen[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += size;
    }
    parts.push(&chosen[start..]);
    parts
}

fn report(decision: Decision, person: &str, chosen: &[Waiting], written: &[PathBuf], context: &Context) {
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-review/1",
            "decision": decision,
            "person": person,
            "artifacts": chosen.len(),
            "files": written,
        }));
        return;
    }
    let word = match decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
    };
    context
        .output
        .answer(&format!("{} {word} {} artifacts", escape(person), chosen.len()));
    for path in written {
        context.output.answer(&format!("  {}", path.display()));
    }
}
