//! `sealift root`: create, rotate, sign, show and pin roots.

mod pin;
mod show;
mod write;

use std::path::Path;

use clap::{Args, Subcommand};

use super::files;
use super::{Context, Exit};
use crate::crypto::dsse::Envelope;
use crate::model::Stop;
use crate::trust::{Kind, MAX_ROOT_BYTES, Root, TrustError};

pub(crate) use write::{ProfileArgument, grant};

/// What to do with roots.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write an enclave's first root, for its persons to sign
    Create(write::Create),
    /// Write the root that follows another, for the persons of both to sign
    Rotate(write::Rotate),
    /// Add one person's signature to a root
    Sign(write::Sign),
    /// Add the signatures of copies that persons have signed on other machines
    Join(write::Join),
    /// Show who may do what, who has signed, what is missing, and what changes
    Show(show::Show),
    /// Compare a root with a fingerprint or twelve words from another way, and trust it from now on
    Pin(pin::Pin),
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Create(create) => write::create(create, context)?,
        Command::Rotate(rotate) => write::rotate(rotate, context)?,
        Command::Sign(sign) => write::sign(sign, context)?,
        Command::Join(join) => write::join(join, context)?,
        Command::Show(arguments) => show::run(arguments, context)?,
        Command::Pin(arguments) => pin::run(arguments, context)?,
    }
    Ok(Exit::Done)
}

/// A root file whose rules have been checked, but not its signatures.
struct RootFile {
    envelope: Envelope,
    root: Root,
    bytes: Vec<u8>,
}

impl RootFile {
    fn read(path: &Path) -> Result<Self, Stop> {
        Self::parse(files::read(path, MAX_ROOT_BYTES)?, &path.display().to_string())
    }

    fn parse(bytes: Vec<u8>, subject: &str) -> Result<Self, Stop> {
        let parse = || {
            let envelope = Envelope::read(&bytes)?;
            Kind::Root.check(&envelope)?;
            Ok((Root::read(&envelope.payload)?, envelope))
        };
        let (root, envelope) = parse().map_err(|error: TrustError| error.refusal(subject))?;
        Ok(Self { envelope, root, bytes })
    }
}
