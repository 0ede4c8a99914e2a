//! `sealift init exporter` and `sealift init enclave`.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::key;
use super::root::{self, ProfileArgument};
use super::shown::holder;
use super::signer::{self, PassphraseArguments};
use super::{Context, Exit};
use crate::crypto::key::{PublicKey, Signer};
use crate::enclave::Enclave as EnclaveFolder;
use crate::model::{Stop, Unable};
use crate::trust::folder::{Confirmed, TrustFolder};
use crate::trust::words::{self, WORDS_TO_IDENTIFY, WORDS_TO_PIN};
use crate::trust::{self, Draft, Kind, Profile, Role, TrustError, TrustedRoot};

/// An evaluation lasts at most a year.
const EVALUATION_DAYS: u32 = 365;

/// The parts of an exporter's folder.
const EXPORTER_FOLDERS: [&str; 4] = ["keys", "trust", "streams", "cache"];

/// The parts of an enclave's folder that hold keys and trust; the import makes the others.
const ENCLAVE_FOLDERS: [&str; 2] = ["keys", "trust"];

/// Which folder to make.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the folder of a sending side, with its key
    Exporter(Exporter),
    /// Make the folder of an enclave, with its key
    Enclave(Enclave),
}

#[derive(Debug, Args)]
struct Exporter {
    /// The new folder
    folder: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

#[derive(Debug, Args)]
struct Enclave {
    /// The new folder
    folder: PathBuf,
    /// What people call the enclave: lower-case letters, digits and `-`
    #[arg(long)]
    name: String,
    /// How strict the rules about persons are; beyond an evaluation, root and pin come next
    #[arg(long, value_enum)]
    profile: ProfileArgument,
    /// For an evaluation: an exporter's public key, with the person's name
    #[arg(long, value_name = "PERSON=FILE", value_parser = root::grant, required_if_eq("profile", "evaluation"))]
    exporter: Vec<(String, PathBuf)>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

/// Makes a folder.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Exporter(arguments) => exporter(arguments, context)?,
        Command::Enclave(arguments) => enclave(arguments, context)?,
    }
    Ok(Exit::Done)
}

fn exporter(arguments: &Exporter, context: &Context) -> Result<(), Stop> {
    let folder = &arguments.folder;
    check_empty(folder)?;
    let path = folder.join("keys").join("export.pem");
    let passphrase = arguments.passphrase.choose(&path)?;
    let key = key::generate()?;
    make_folders(folder, &EXPORTER_FOLDERS)?;
    key::store(&key, &path, &passphrase)?;
    let next = [
        format!("give {} to the enclave's persons", key::public_path(&path).display()),
        format!(
            "then `sealift root pin ROOT --folder {}` with the root they give back",
            folder.display()
        ),
    ];
    report(context, "exporter", folder, key.public(), None, &next);
    Ok(())
}

fn enclave(arguments: &Enclave, context: &Context) -> Result<(), Stop> {
    let folder = &arguments.folder;
    let profile = Profile::from(arguments.profile);
    if profile != Profile::Evaluation && !arguments.exporter.is_empty() {
        return Err(Unable::new("--exporter is for an evaluation")
            .hint("otherwise the root says who exports: `sealift root create --export`")
            .into());
    }
    check_empty(folder)?;
    // What can be wrong with names, keys and the root is found before anything is made.
    let exporters = arguments
        .exporter
        .iter()
        .map(|(person, path)| Ok((person.as_str(), signer::read_public(path)?)))
        .collect::<Result<Vec<_>, Stop>>()?;
    if !trust::is_enclave_name(&arguments.name) {
        return Err(Unable::new(format!("{:?} cannot name an enclave", arguments.name))
            .hint("lower-case letters, digits and `-`")
            .into());
    }
    let path = folder.join("keys").join("import.pem");
    let passphrase = arguments.passphrase.choose(&path)?;
    let key = key::generate()?;
    let root = match profile {
        Profile::Evaluation => Some(evaluation_root(&arguments.name, &exporters, &key, context)?),
        Profile::Standard | Profile::Strict => None,
    };
    make_folders(folder, &ENCLAVE_FOLDERS)?;
    key::store(&key, &path, &passphrase)?;
    // From here on a missing ledger is an alarm, and not a new enclave.
    drop(EnclaveFolder::create(folder, &holder("init"))?);
    let Some(root) = root else {
        let next = [
            format!(
                "the enclave's persons write its root: `sealift root create --name {} --profile {profile} --enclave-key {} ...`",
                arguments.name,
                key::public_path(&path).display()
            ),
            format!("then `sealift root pin ROOT --folder {}`", folder.display()),
        ];
        report(context, "enclave", folder, key.public(), None, &next);
        return Ok(());
    };
    let trust_path = folder.join("trust");
    TrustFolder::pin(&trust_path, root.clone(), Confirmed::MadeHere, context.now)?;
    let next = [format!(
        "give {} to the exporter: `sealift root pin`",
        trust_path.join("roots").join("1.dsse.json").display()
    )];
    report(context, "enclave", folder, key.public(), Some(&root), &next);
    context
        .output
        .warn("this enclave is for an evaluation: one key does everything, and every report will say so");
    Ok(())
}

/// The root of an evaluation: the enclave's own key has every role but export, and no approval is asked for.
fn evaluation_root(
    name: &str,
    exporters: &[(&str, PublicKey)],
    signer: &dyn Signer,
    context: &Context,
) -> Result<TrustedRoot, Stop> {
    let expires = context.now.plus_days(EVALUATION_DAYS);
    let mut draft = Draft::first(name, signer.public(), Profile::Evaluation, expires);
    let refuse = |error: TrustError| Stop::from(error.refusal("root"));
    for (person, public) in exporters {
        draft.grant(Role::Export, person, public).map_err(refuse)?;
    }
    let payload = draft.finish().and_then(|root| root.write()).map_err(refuse)?;
    let envelope = trust::sign(Kind::Root, payload, &[signer])
        .map_err(|error| Unable::new("cannot sign the root").because(error))?;
    TrustedRoot::pinned(&envelope.write()).map_err(refuse)
}

/// Nothing is overwritten: the folder must be new or empty.
fn check_empty(folder: &Path) -> Result<(), Stop> {
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Unable::new(format!("cannot read `{}`", folder.display()))
            .because(error)
            .into()),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Unable::new(format!("`{}` is not empty", folder.display()))
                .hint("name a new folder")
                .into()),
        },
    }
}

fn make_folders(folder: &Path, parts: &[&str]) -> Result<(), Stop> {
    for part in parts {
        let path = folder.join(part);
        // Others need not even see which keys there are.
        let mode = if *part == "keys" { 0o700 } else { 0o755 };
        std::fs::create_dir_all(folder)
            .and_then(|()| DirBuilder::new().mode(mode).create(&path))
            .map_err(|error| Unable::new(format!("cannot make the folder `{}`", path.display())).because(error))?;
    }
    Ok(())
}

fn report(
    context: &Context,
    side: &str,
    folder: &Path,
    public: &PublicKey,
    root: Option<&TrustedRoot>,
    next: &[String],
) {
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-init/1",
            "side": side,
            "folder": folder.display().to_string(),
            "key": public.id(),
            "key_words": words::of(public.id().digest(), WORDS_TO_IDENTIFY),
            "root": root.map(|root| json!({
                "fingerprint": root.fingerprint(),
                "words": words::of(&root.fingerprint(), WORDS_TO_PIN),
                "profile": root.document().profile,
            })),
            "next": next,
        }));
        return;
    }
    let mut lines = vec![
        format!("{side:<9}{}", folder.display()),
        format!("key      {}", public.id()),
        format!("words    {}", words::phrase(public.id().digest(), WORDS_TO_IDENTIFY)),
    ];
    if let Some(root) = root {
        lines.push(format!("root     {}", root.fingerprint()));
        lines.push(format!("         {}", words::phrase(&root.fingerprint(), WORDS_TO_PIN)));
    }
    lines.extend(next.iter().map(|step| format!("next     {step}")));
    context.output.answer(&lines.join("\n"));
}
