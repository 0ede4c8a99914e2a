//! The arguments that name a key to sign with, and the passphrase that opens it.

use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::files;
use crate::crypto::agent_key::{self, AgentKey};
use crate::crypto::file_key::{FileKey, FileKeyError};
use crate::crypto::key::{PublicKey, Signer};
use crate::model::{Code, Refusal, Stop, Unable};

/// Where the passphrase is, when no option says so.
const PASSPHRASE_VARIABLE: &str = "SEALIFT_PASSPHRASE_FILE";

/// A passphrase is a line; more is another file by mistake.
const MAX_PASSPHRASE_BYTES: usize = 4096;

/// A public key in PEM or as a line of OpenSSH has under 300 bytes.
const MAX_PUBLIC_BYTES: usize = 16 * 1024;

/// The key to sign with.
#[derive(Debug, Clone, Args)]
pub(crate) struct SignerArguments {
    /// Sign with the encrypted key in this file
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "agent",
        required_unless_present = "agent"
    )]
    pub(crate) key: Option<PathBuf>,
    /// Sign through the ssh-agent behind this socket
    #[arg(long, value_name = "SOCKET", requires = "public_key")]
    pub(crate) agent: Option<PathBuf>,
    /// The public key of which the agent holds the other half
    #[arg(long, value_name = "FILE", requires = "agent")]
    pub(crate) public_key: Option<PathBuf>,
    /// The passphrase's file
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArguments,
}

/// Where the passphrase of a key comes from.
#[derive(Debug, Clone, Args)]
pub(crate) struct PassphraseArguments {
    /// Read the key's passphrase from this file's first line [default: $SEALIFT_PASSPHRASE_FILE, or ask]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

impl SignerArguments {
    /// Opens the key.
    pub(crate) fn open(&self) -> Result<Box<dyn Signer>, Stop> {
        if let Some(path) = &self.key {
            return Ok(Box::new(self.passphrase.open(path)?));
        }
        match (&self.agent, &self.public_key) {
            (Some(socket), Some(path)) => {
                let public = read_public(path)?;
                let key = AgentKey::connect(socket, &public).map_err(|error| {
                    Unable::new("cannot use the agent").because(error).hint(format!(
                        "`ssh-add -l` with SSH_AUTH_SOCK={} lists what it holds",
                        socket.display()
                    ))
                })?;
                Ok(Box::new(key))
            }
            _ => Err(Unable::new("no key to sign with is named")
                .hint("give --key, or --agent and --public-key")
                .into()),
        }
    }
}

impl PassphraseArguments {
    /// Opens an encrypted key file.
    pub(crate) fn open(&self, path: &Path) -> Result<FileKey, Stop> {
        let passphrase = self.read(&format!("Passphrase of {}: ", path.display()))?;
        FileKey::load(path, &passphrase).map_err(|error| file_key_stop(error).into())
    }

    /// The passphrase for a new key, asked for twice when a person types it.
    pub(crate) fn choose(&self, path: &Path) -> Result<Zeroizing<String>, Stop> {
        let prompt = format!("New passphrase of {}: ", path.display());
        let first = self.read(&prompt)?;
        if self.file().is_none() && first != ask("The same again: ")? {
            return Err(Unable::new("the two passphrases differ").into());
        }
        Ok(first)
    }

    fn read(&self, prompt: &str) -> Result<Zeroizing<String>, Stop> {
        let Some(path) = self.file() else {
            return ask(prompt);
        };
        let text = Zeroizing::new(files::read_text(&path, MAX_PASSPHRASE_BYTES)?);
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// Whether a person is asked.
    pub(crate) fn asks(&self) -> bool {
        self.file().is_none()
    }

    fn file(&self) -> Option<PathBuf> {
        self.passphrase_file
            .clone()
            .or_else(|| std::env::var_os(PASSPHRASE_VARIABLE).map(PathBuf::from))
    }
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Stop> {
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|error| {
        Unable::new("cannot ask for a passphrase")
            .because(error)
            .hint("name its file with --passphrase-file or SEALIFT_PASSPHRASE_FILE")
            .into()
    })
}

/// Stores a new key.
pub(crate) fn store_key(key: &FileKey, path: &Path, passphrase: &str) -> Result<(), Stop> {
    key.store(path, passphrase).map_err(|error| file_key_stop(error).into())
}

fn file_key_stop(error: FileKeyError) -> Unable {
    let hint = match &error {
        FileKeyError::Permissions { path, .. } => Some(format!("`chmod 600 {}`", path.display())),
        FileKeyError::EmptyPassphrase => {
            Some("keys are stored encrypted only; several words make a good passphrase".to_owned())
        }
        FileKeyError::File { what: "create", .. } => Some("a key is never overwritten; name another file".to_owned()),
        _ => None,
    };
    let mut unable = Unable::new(error.to_string());
    unable.hint = hint;
    match error {
        FileKeyError::File { source, .. } => unable.because(source),
        _ => unable,
    }
}

/// Reads a public key: PEM, or a line of an OpenSSH `.pub` file.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey, Stop> {
    let text = files::read_text(path, MAX_PUBLIC_BYTES)?;
    let key = if text.trim_start().starts_with("ssh-") {
        agent_key::read_public_line(&text)
    } else {
        PublicKey::from_pem(&text)
    };
    key.map_err(|error| {
        Refusal::new(Code::KeyNotAllowed, path.display().to_string(), error.to_string())
            .hint("a public key is a PEM file such as `sealift key new` writes, or an ssh-ed25519 `.pub` file")
            .into()
    })
}
