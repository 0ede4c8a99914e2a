//! `sealift media`: what goes with a medium on its way.

mod draw;
mod label;

use clap::{Args, Subcommand};

use super::{Context, Exit};
use crate::model::Stop;

/// What to do for a medium.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print labels for a bundle's volumes, as text and as SVG or PNG with a QR code
    Label(label::Arguments),
}

/// Does it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Label(arguments) => label::run(arguments, context),
    }
}
