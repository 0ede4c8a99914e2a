//! `sealift log`: the witnesses of an enclave's log.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::escape;
use super::{Context, Exit, files, stands};
use crate::enclave;
use crate::import::site::Site;
use crate::log::{self, Checkpoint, Cosigned, MAX_CHECKPOINT_BYTES, Witness};
use crate::model::{Material, Stop, Unable};
use crate::trust::folder::TrustFolder;

/// What to do with the log.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep and list the signatures of witnesses under the log's checkpoint
    Witness(Witnesses),
}

#[derive(Debug, Args)]
struct Witnesses {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Put a witness's signature under the checkpoint, after it was verified with a key that the trust data pin
    Add(Add),
    /// List the witnesses that are pinned, and who of them has signed the checkpoint
    List(List),
}

#[derive(Debug, Args)]
struct Add {
    /// The checkpoint as the witness signed it, or the lines of its signatures
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
}

#[derive(Debug, Args)]
struct List {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
}

/// The witnesses that a site's trust data pin for its own log: keys of notes whose scope is `log/` and the enclave's name.
pub(super) fn pinned(trust: &TrustFolder, site: &Site) -> Vec<Witness> {
    let name = &trust.current().document().enclave.name;
    let anchors = site.trust_data().map_or(&[][..], |(_, data)| &data.anchors);
    anchors
        .iter()
        // What is pinned for everything is pinned for artifacts: a witness is named as one.
        .filter(|anchor| {
            anchor
                .scope
                .iter()
                .any(|scope| scope.as_str().starts_with("log/") && scope.covers("log", name))
        })
        .filter_map(|anchor| match &anchor.material {
            Material::NoteKey(line) => Witness::read(line.trim()).ok(),
            _ => None,
        })
        .collect()
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let Command::Witness(witnesses) = &arguments.command;
    let cosigned = match &witnesses.command {
        Verb::Add(arguments) => add(arguments)?,
        Verb::List(arguments) => list(&arguments.enclave)?,
    };
    if context.output.wants_json() {
        let witnesses: Vec<Value> = cosigned
            .iter()
            .map(|one| json!({ "name": one.name, "pinned": one.is_pinned, "time": one.time }))
            .collect();
        context
            .output
            .json(&json!({ "schema": "sealift-witnesses/1", "witnesses": witnesses }));
        return Ok(Exit::Done);
    }
    for one in &cosigned {
        let what = match (one.time, one.is_pinned) {
            (Some(time), _) => format!("has signed the checkpoint at {time}"),
            (None, true) => "has not signed the checkpoint".to_owned(),
            (None, false) => "has signed, and its key is not pinned".to_owned(),
        };
        context.output.answer(&format!("{}: {what}", escape(&one.name)));
    }
    if cosigned.is_empty() {
        context.output.say("no witness is pinned, and none has signed");
    }
    Ok(Exit::Done)
}

fn add(arguments: &Add) -> Result<Vec<Cosigned>, Stop> {
    let folder = &arguments.enclave;
    let text = files::read_text(&arguments.file, MAX_CHECKPOINT_BYTES)?;
    let opened = stands::open(folder, "log")?;
    let state = opened
        .enclave
        .ledger
        .log()?
        .ok_or_else(|| Unable::new("this enclave has no log yet"))?;
    log::cosign(
        &enclave::log_folder(folder),
        &state,
        &text,
        &pinned(&opened.trust, &opened.site),
    )
    .map_err(|error| error.stop(arguments.file.display().to_string()))
}

fn list(folder: &Path) -> Result<Vec<Cosigned>, Stop> {
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let witnesses = pinned(&trust, &Site::load(&trust)?);
    let stop = |error: log::LogError| error.stop("the checkpoint");
    let text = log::checkpoint_text(&enclave::log_folder(folder)).map_err(stop)?;
    let mut cosigned = match text {
        Some(text) => Checkpoint::read(&text).map_err(stop)?.cosigned(&witnesses),
        None => Vec::new(),
    };
    for witness in &witnesses {
        let name = witness.name();
        if !cosigned.iter().any(|one| one.name == name) {
            cosigned.push(Cosigned {
                name,
                is_pinned: true,
                time: None,
            });
        }
    }
    Ok(cosigned)
}
