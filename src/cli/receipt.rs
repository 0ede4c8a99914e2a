//! `sealift receipt`: what an enclave holds, signed, to be carried back to the exporter.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::files::{self, Existing};
use super::output::escape;
use super::station::StationKey;
use super::{Context, Exit};
use crate::enclave;
use crate::import::site::Site;
use crate::ledger::LedgerError;
use crate::model::{Digest, Stop, Unable, bundle_label};
use crate::store::Store;
use crate::trust::folder::TrustFolder;
use crate::trust::receipt::{ObjectList, Receipt, Shown, Statement, StreamEnd};

/// Which enclave, and where the receipt goes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER", required = true)]
    enclave: Option<PathBuf>,
    /// The receipt's file
    #[arg(long, short, value_name = "FILE", default_value = "sealift.receipt")]
    out: PathBuf,
    #[command(flatten)]
    signer: StationKey,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify a receipt by the enclave's pinned root, and say what it states
    Verify(Verify),
}

#[derive(Debug, Args)]
struct Verify {
    /// The receipt
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The folder with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: PathBuf,
}

/// Writes or verifies a receipt.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match (&arguments.command, &arguments.enclave) {
        (Some(Command::Verify(verify)), _) => {
            let trust = TrustFolder::open(&verify.trust)?;
            let statement = read(&verify.receipt, &trust)?;
            show(&statement.receipt, &statement.persons, &verify.receipt, context);
            Ok(Exit::Done)
        }
        (None, Some(enclave)) => write(arguments, enclave, context),
        (None, None) => Err(Unable::new("--enclave was not given").into()),
    }
}

/// Reads a receipt that a key of the enclave's pinned root signed.
pub(super) fn read(path: &Path, trust: &TrustFolder) -> Result<Statement, Stop> {
    let file =
        File::open(path).map_err(|error| Unable::new(format!("cannot read `{}`", path.display())).because(error))?;
    let site = Site::load(trust)?;
    let revocations = site.revocations().map(|(_, document)| document);
    Ok(Statement::read(BufReader::new(file), trust.roots(), revocations)?)
}

fn write(arguments: &Arguments, folder: &Path, context: &Context) -> Result<Exit, Stop> {
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let root = trust.current();
    let signer = arguments.signer.open(folder, root)?;
    let ledger = enclave::read(folder)?;
    let store = Store::open(folder.join("store"))
        .map_err(|error| Unable::new("cannot read the enclave's store").because(error))?;
    let status = ledger.status()?;
    let (mut objects, mut missing) = (Vec::new(), 0_u64);
    ledger.for_each_object(|digest, _| {
        // What is said to be here is looked for: an exporter will not send it again.
        if store.contains(digest) {
            objects.push(*digest);
        } else {
            missing += 1;
        }
        Ok::<_, LedgerError>(())
    })?;
    if missing > 0 {
        context.output.warn(&format!(
            "{missing} objects that the enclave remembers are not in its store, and are not in the receipt"
        ));
    }
    let mut receipt = Receipt {
        artifacts: ledger.artifacts()?,
        created: context.now,
        critical: Default::default(),
        enclave: *root.document().enclave.id.digest(),
        format: 1,
        generation: status.generation.map(|generation| Shown {
            number: generation.number,
            repository: generation.root,
        }),
        objects: ObjectList {
            count: 0,
            digest: Digest::of(b""),
        },
        streams: status
            .streams
            .into_iter()
            .map(|stream| StreamEnd {
                epoch: stream.epoch,
                manifest: stream.manifest,
                sequence: stream.sequence,
                stream: stream.stream,
            })
            .collect(),
    };
    let path = &arguments.out;
    files::write_with(path, Existing::Replace, |file| {
        let mut output = BufWriter::new(file);
        receipt.write(&objects, signer.as_ref(), &mut output)?;
        output
            .flush()
            .map_err(|error| Unable::new(format!("cannot write `{}`", path.display())).because(error))?;
        Ok(())
    })?;
    let person = root.document().keys.get(&signer.public().id());
    let persons: Vec<String> = person.map(|key| key.person.clone()).into_iter().collect();
    show(&receipt, &persons, path, context);
    Ok(Exit::Done)
}

fn show(receipt: &Receipt, persons: &[String], path: &Path, context: &Context) {
    if context.output.wants_json() {
        context.output.json(&document(receipt, persons, path));
        return;
    }
    let output = &context.output;
    output.answer(&format!(
        "receipt of enclave {}, {}, signed by {}",
        receipt.enclave,
        receipt.created,
        escape(&persons.join(" and "))
    ));
    match &receipt.generation {
        Some(shown) => output.answer(&format!(
            "  clients find generation {}, {}",
            shown.number, shown.repository
        )),
        None => output.answer("  clients find nothing"),
    }
    for end in &receipt.streams {
        output.answer(&format!(
            "  stream {} at {}, {}",
            escape(&end.stream),
            escape(&bundle_label(&end.stream, end.epoch, end.sequence)),
            end.manifest
        ));
    }
    output.answer(&format!(
        "  {} artifacts ever imported, {} objects held",
        receipt.artifacts, receipt.objects.count
    ));
    output.say(&format!("the receipt is {}", path.display()));
}

fn document(receipt: &Receipt, persons: &[String], path: &Path) -> Value {
    json!({
        "schema": "sealift-receipt/1",
        "file": path.display().to_string(),
        "persons": persons,
        "receipt": receipt,
    })
}
