//! The command line: one variant per verb, whose arguments stand in the verb's own file.

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Carry packages across an air gap: export signed bundles, verify and import them with no network
#[derive(Debug, Parser)]
#[command(name = "sealift", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// What holds for every command
    #[command(flatten)]
    pub(crate) global: Global,
    /// The verb
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Switches that hold for every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print one JSON document on standard output instead of text
    #[arg(long, global = true, help_heading = "For every command")]
    pub(crate) json: bool,
    /// When to colour the conversation on standard error
    #[arg(long, global = true, help_heading = "For every command", value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
    /// Do not show progress
    #[arg(long, short, global = true, help_heading = "For every command")]
    pub(crate) quiet: bool,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the folder of an exporter or of an enclave
    Init(super::init::Arguments),
    /// Make and show keys
    Key(super::key::Arguments),
    /// Write, sign, show and pin roots: who may do what for an enclave
    Root(super::root::Arguments),
    /// Show, check, test, compare and explain policies: what a site admits
    Policy(super::policy::Arguments),
    /// Pin what this site believes of the outside world, and revoke what it no longer believes
    Trust(super::trust::Arguments),
    /// Pack a selection, with its publishers' proofs, into a signed bundle
    #[cfg(feature = "export")]
    Export(super::export::Arguments),
    /// Print labels for a bundle's media
    Media(super::media::Arguments),
    /// Say that a bundle was imported, where no receipt comes back, for `export --since-memory`
    #[cfg(feature = "export")]
    Acknowledge(super::acknowledge::Arguments),
    /// Record who had a bundle's media and in what state, and show the records
    Custody(super::custody::Arguments),
    /// Verify a bundle, show what is in it, and sign that it may be imported
    Approve(super::approve::Arguments),
    /// Check a bundle as `import` would, and change nothing
    Verify(super::import::VerifyArguments),
    /// Verify a bundle and publish it in one switch, or change nothing
    Import(super::import::ImportArguments),
    /// List what the policy leaves to persons, and sign decisions about it
    Review(super::review::Arguments),
    /// Say what an enclave holds and how far its streams have come
    Status(super::status::Arguments),
    /// List the artifacts that clients of an enclave find
    List(super::list::Arguments),
    /// Say where an artifact, a file or a digest came from, and what proves it
    Where(super::where_::Arguments),
    /// Answer an auditor: what came in a bundle, under a waiver, below a level, between two times, and who approved
    Ask(super::ask::Arguments),
    /// Judge all that an enclave holds again, and say what no longer stands
    Recheck(super::recheck::Arguments),
    /// List, show and verify the reports of what was imported and refused
    Report(super::report::Arguments),
    /// Judge a capsule again, with no enclave: what was decided then, once more
    Reverify(super::reverify::Arguments),
    /// Sign what an enclave holds, for its exporter to send only what is missing
    Receipt(super::receipt::Arguments),
    /// Compare an enclave with its own log and reports, byte for byte, and name each file that differs
    Audit(super::audit::Arguments),
    /// Keep and list what witnesses have signed of an enclave's log
    Log(super::log::Arguments),
    /// Make an enclave's memory, state.db, again from its log and reports
    Rebuild(super::rebuild::Arguments),
    /// Show clients again what an earlier generation showed
    Rollback(super::rollback::Arguments),
    /// Remove old generations, and what only they need
    Gc(super::gc::Arguments),
    /// Say how long each record of an enclave is kept, and what holds it
    Retention(super::retention::Arguments),
    /// Hold records, so that nothing removes them, release them again, and list what is held
    Hold(super::hold::Arguments),
    /// Remove records whose time is over and that nothing holds, and sign what was removed
    Prune(super::prune::Arguments),
    /// Seal an enclave's records anew, with its present key and by present digests
    Reseal(super::reseal::Arguments),
    /// Serve an enclave's repository over HTTP, read-only
    #[cfg(feature = "serve")]
    Serve(super::serve::Arguments),
    /// Print or write the lines that point clients at an enclave's repository
    ClientConfig(super::client_config::Arguments),
    /// Say what a refusal's code means and what to do
    Explain(super::explain::Arguments),
}
