//! `sealift custody`: who had a bundle's media, and in what state.

mod add;
mod medium;
mod show;
mod words;

use clap::{Args, Subcommand};

use super::{Context, Exit};
use crate::model::Stop;

/// What to do about the chain of custody.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign a record of what happened to a bundle's media, and put it beside the volumes
    Add(Box<add::Arguments>),
    /// Show the records that lie beside a bundle, and what does not fit together
    Show(show::Arguments),
}

/// Does it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Add(arguments) => add::run(arguments, context),
        Command::Show(arguments) => show::run(arguments, context),
    }
}
