//! `sealift key new` and `sealift key show`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::files::{self, Existing};
use super::signer::{self, PassphraseArguments};
use super::{Context, Exit};
use crate::crypto::agent_key;
use crate::crypto::file_key::FileKey;
use crate::crypto::key::{PublicKey, Signer as _};
use crate::model::{Stop, Unable};
use crate::trust::words::{self, WORDS_TO_IDENTIFY};

/// What to do with keys.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a key, encrypted with a passphrase, and its public half to hand over
    New(New),
    /// Show a public key's id and words, or the keys of an ssh-agent
    Show(Show),
}

#[derive(Debug, Args)]
struct New {
    /// The new file, ending in `.pem`; the public half goes beside it, ending in `.pub.pem`
    file: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

#[derive(Debug, Args)]
#[group(required = true)]
struct Show {
    /// A public key: PEM, or an ssh-ed25519 `.pub` file
    file: Option<PathBuf>,
    /// List the usable keys of the ssh-agent behind this socket
    #[arg(long, value_name = "SOCKET")]
    agent: Option<PathBuf>,
}

/// Makes or shows keys.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::New(new) => {
            check_free(&new.file)?;
            let passphrase = new.passphrase.choose(&new.file)?;
            let key = generate()?;
            store(&key, &new.file, &passphrase)?;
            show(context, &[(Some(public_path(&new.file)), key.public().clone())]);
        }
        Command::Show(Show {
            agent: Some(socket), ..
        }) => {
            let keys =
                agent_key::list(socket).map_err(|error| Unable::new("cannot list the agent's keys").because(error))?;
            show(context, &keys.into_iter().map(|key| (None, key)).collect::<Vec<_>>());
        }
        Command::Show(Show { file, .. }) => {
            let path = file.as_deref().expect("the group asks for a file or an agent");
            show(context, &[(Some(path.to_owned()), signer::read_public(path)?)]);
        }
    }
    Ok(Exit::Done)
}

/// Makes a key, in memory only.
pub(crate) fn generate() -> Result<FileKey, Stop> {
    FileKey::generate().map_err(|error| Unable::new("cannot make a key").because(error).into())
}

/// Stores a new key, and its public half beside it.
pub(crate) fn store(key: &FileKey, path: &Path, passphrase: &str) -> Result<(), Stop> {
    signer::store_key(key, path, passphrase)?;
    files::write(&public_path(path), key.public().to_pem().as_bytes(), Existing::Keep)
}

/// A key is never overwritten; that is found before anybody is asked for a passphrase.
fn check_free(path: &Path) -> Result<(), Stop> {
    match [path, &public_path(path)].into_iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(found) => Err(Unable::new(format!("`{}` exists already", found.display()))
            .hint("a key is never overwritten; name another file")
            .into()),
    }
}

/// Where the public half of a key file is: `export.pem` has `export.pub.pem`.
pub(crate) fn public_path(path: &Path) -> PathBuf {
    path.with_extension("pub.pem")
}

fn show(context: &Context, keys: &[(Option<PathBuf>, PublicKey)]) {
    if context.output.wants_json() {
        let list: Vec<_> = keys
            .iter()
            .map(|(path, key)| {
                json!({
                    "algorithm": key.algorithm().name(),
                    "file": path.as_ref().map(|path| path.display().to_string()),
                    "id": key.id(),
                    "words": words::of(key.id().digest(), WORDS_TO_IDENTIFY),
                })
            })
            .collect();
        context
            .output
            .json(&json!({ "schema": "sealift-keys/1", "keys": list }));
        return;
    }
    for (path, key) in keys {
        context.output.answer(&format!(
            "id         {}\nwords      {}\nalgorithm  {}",
            key.id(),
            words::phrase(key.id().digest(), WORDS_TO_IDENTIFY),
            key.algorithm().name()
        ));
        if let Some(path) = path {
            context.output.answer(&format!("public     {}", path.display()));
        }
    }
}
