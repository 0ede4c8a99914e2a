//! `sealift root pin`.

use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::show::Shown;
use super::{Context, RootFile, Stop};
use crate::cli::shown::holder;
use crate::cli::{key, signer};
use crate::enclave::{self, Enclave};
use crate::ledger::LedgerError;
use crate::model::{Code, Digest, Refusal, Unable};
use crate::trust::folder::{Confirmed, TrustFolder};
use crate::trust::{Kind, Profile, TrustedRoot, words};

/// Twelve words have at most 108 letters.
const MAX_TYPED_BYTES: u64 = 4096;

#[derive(Debug, Args)]
pub(super) struct Pin {
    /// The root's file
    #[arg(value_name = "ROOT")]
    file: PathBuf,
    /// The folder of the enclave or exporter
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
    /// The fingerprint that came another way, such as on paper
    #[arg(long, value_name = "SHA256", conflicts_with = "words")]
    fingerprint: Option<Digest>,
    /// The twelve words that came another way, such as over the phone [default: ask]
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
}

/// Pins a first root, or takes the next.
pub(super) fn run(arguments: &Pin, context: &Context) -> Result<(), Stop> {
    let file = RootFile::read(&arguments.file)?;
    let subject = arguments.file.display().to_string();
    let path = trust_path(&arguments.folder, &file)?;
    // While an import runs, nothing changes beneath it.
    let enclave = match enclave::read(&arguments.folder) {
        Err(LedgerError::Missing { .. }) => None,
        _ => Some(Enclave::open(&arguments.folder, &holder("root pin"))?),
    };
    let folder = TrustFolder::is_pinned(&path)
        .then(|| TrustFolder::open(&path))
        .transpose()?;
    let current = folder.as_ref().map(|folder| folder.current().document());
    // Everything is verified before a person is asked to compare anything.
    let refuse = |error: crate::trust::TrustError| Stop::from(error.refusal(&subject));
    let root = match &folder {
        Some(folder) => folder.current().advance(&file.bytes).map_err(refuse)?,
        None => TrustedRoot::pinned(&file.bytes).map_err(refuse)?,
    };
    root.check_fresh(context.now).map_err(refuse)?;
    if !context.output.wants_json() {
        Shown::new(&file, current).without_words().print(context);
    }
    let confirmed = confirm(arguments, &root, &subject, context)?;
    match folder {
        Some(mut folder) => folder.advance(&file.bytes)?,
        None => drop(TrustFolder::pin(&path, root.clone(), confirmed, context.now)?),
    }
    if let Some(enclave) = &enclave {
        enclave
            .ledger
            .note_standing(&Kind::Root.to_string(), root.document().version, &root.fingerprint())?;
    }
    if root.document().profile == Profile::Evaluation {
        context
            .output
            .warn("this root is for an evaluation; every report will say so");
    }
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-pin/1",
            "folder": path.display().to_string(),
            "version": root.document().version,
            "fingerprint": root.fingerprint(),
            "confirmed": confirmed,
        }));
    } else {
        context.output.answer(&pinned_line(&root, &path));
    }
    Ok(())
}

/// Says that a root is trusted from now on.
fn pinned_line(root: &TrustedRoot, path: &Path) -> String {
    format!(
        "root {} of enclave {} is trusted in {}",
        root.document().version,
        root.document().enclave.name,
        path.display()
    )
}

/// Where the roots are: an exporter has one folder for each enclave, an enclave has its own only.
fn trust_path(folder: &Path, file: &RootFile) -> Result<PathBuf, Stop> {
    let trust = folder.join("trust");
    if folder.join("streams").is_dir() {
        return Ok(trust.join(&file.root.enclave.name));
    }
    if !trust.is_dir() {
        return Err(
            Unable::new(format!("`{}` is no folder of an enclave or exporter", folder.display()))
                .hint("make one with `sealift init`")
                .into(),
        );
    }
    let own = folder.join("keys").join("import.pem");
    let own = signer::read_public(&key::public_path(&own))?.id();
    if file.root.version == 1 && file.root.enclave.id != own {
        return Err(Refusal::new(
            Code::WrongEnclave,
            format!("root of enclave {}", file.root.enclave.name),
            "the root is for another enclave's key",
        )
        .comparing(own, file.root.enclave.id)
        .into());
    }
    Ok(trust)
}

/// Compares the fingerprint or the words that came another way.
fn confirm(arguments: &Pin, root: &TrustedRoot, subject: &str, context: &Context) -> Result<Confirmed, Stop> {
    if let Some(fingerprint) = &arguments.fingerprint {
        root.check_fingerprint(fingerprint)
            .map_err(|error| error.refusal(subject))?;
        return Ok(Confirmed::ByFingerprint);
    }
    let typed = match &arguments.words {
        Some(words) => words.clone(),
        None => ask(context)?,
    };
    words::check_pin(&root.fingerprint(), &typed).map_err(|error| {
        Refusal::new(Code::NotRootedInPin, subject, error.to_string())
            .hint("have the other person read the words again from their own copy of the root")
    })?;
    Ok(Confirmed::ByWords)
}

fn ask(context: &Context) -> Result<String, Stop> {
    context
        .output
        .say("Type the twelve words that the other side reads to you:");
    // The words may come in several lines, as `root show` prints them.
    let mut typed = String::new();
    for line in std::io::stdin().lock().take(MAX_TYPED_BYTES).lines() {
        let line = line.map_err(|error| Unable::new("cannot read the words").because(error))?;
        typed.push_str(&line);
        typed.push(' ');
        if line.trim().is_empty() || typed.split_whitespace().count() >= words::WORDS_TO_PIN {
            break;
        }
    }
    if typed.trim().is_empty() {
        return Err(Unable::new("there is nobody to type the words")
            .hint("give --words or --fingerprint")
            .into());
    }
    Ok(typed)
}
