//! Talks to people: reads arguments, prints, chooses the exit code. The only room that reads the clock, the
//! environment and the terminal; everything below gets what it needs as arguments.
#![expect(
    clippy::disallowed_methods,
    reason = "it reads the environment, the clock and the files that people name"
)]

#[cfg(feature = "export")]
mod acknowledge;
mod approve;
mod args;
mod ask;
mod audit;
mod capsule;
mod client_config;
mod copies;
mod countersign;
mod custody;
mod decided;
#[cfg(feature = "export")]
mod environment;
mod exit;
mod explain;
#[cfg(feature = "export")]
mod export;
#[cfg(feature = "export")]
mod exporters;
mod files;
mod gc;
mod hold;
mod import;
mod init;
mod key;
mod list;
mod log;
mod machine;
mod media;
mod output;
#[cfg(feature = "export")]
mod planned;
mod policy;
mod progress;
mod prune;
mod receipt;
mod rebuild;
mod recheck;
#[cfg(feature = "export")]
mod rehearse;
mod report;
mod report_show;
mod reseal;
mod retention;
mod reverify;
mod reverify_today;
mod review;
mod rollback;
mod root;
mod scanners;
#[cfg(feature = "serve")]
mod serve;
mod shown;
mod signer;
#[cfg(feature = "export")]
mod since;
mod stands;
mod station;
mod status;
mod together;
mod trust;
mod vex;
mod waive;
mod where_;

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser as _;

use crate::model::{Stop, Timestamp};
use args::{Arguments, Command};
pub use exit::Exit;
pub use output::Output;

/// What every command gets.
pub struct Context {
    /// The only printer.
    pub output: Output,
    /// The time at which the command was started; steps get it as an argument.
    pub now: Timestamp,
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    // What clients read must be readable whatever the caller's mask is; what is secret sets its own mode.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers; everything else is a wrong command line.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _ = error.print();
            return exit.into();
        }
    };
    let context = Context {
        output: Output::new(&arguments.global),
        now: now(),
    };
    let exit = match run(arguments.command, &context) {
        Ok(exit) => exit,
        Err(stop) => context.output.stop(&stop),
    };
    exit.into()
}

/// Reads the clock, once per run.
fn now() -> Timestamp {
    let seconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn run(command: Command, context: &Context) -> Result<Exit, Stop> {
    match command {
        #[cfg(feature = "export")]
        Command::Acknowledge(arguments) => acknowledge::run(&arguments, context),
        Command::Approve(arguments) => approve::run(&arguments, context),
        Command::Init(arguments) => init::run(&arguments, context),
        Command::Key(arguments) => key::run(&arguments, context),
        Command::Root(arguments) => root::run(&arguments, context),
        Command::Policy(arguments) => policy::run(&arguments, context),
        Command::Trust(arguments) => trust::run(&arguments, context),
        #[cfg(feature = "export")]
        Command::Export(arguments) => export::run(&arguments, context),
        Command::Verify(arguments) => import::run_verify(&arguments, context),
        Command::Import(arguments) => import::run_import(&arguments, context),
        Command::Review(arguments) => review::run(&arguments, context),
        Command::Explain(arguments) => explain::run(&arguments, context),
        Command::Status(arguments) => status::run(&arguments, context),
        Command::List(arguments) => list::run(&arguments, context),
        Command::Where(arguments) => where_::run(&arguments, context),
        Command::Recheck(arguments) => recheck::run(&arguments, context),
        Command::Ask(arguments) => ask::run(&arguments, context),
        Command::Media(arguments) => media::run(&arguments, context),
        Command::Custody(arguments) => custody::run(&arguments, context),
        Command::Receipt(arguments) => receipt::run(&arguments, context),
        Command::Audit(arguments) => audit::run(&arguments, context),
        Command::Log(arguments) => log::run(&arguments, context),
        Command::Rebuild(arguments) => rebuild::run(&arguments, context),
        Command::Report(arguments) => report::run(&arguments, context),
        Command::Reverify(arguments) => reverify::run(&arguments, context),
        Command::Rollback(arguments) => rollback::run(&arguments, context),
        Command::Gc(arguments) => gc::run(&arguments, context),
        Command::Retention(arguments) => retention::run(&arguments, context),
        Command::Hold(arguments) => hold::run(&arguments, context),
        Command::Prune(arguments) => prune::run(&arguments, context),
        Command::Reseal(arguments) => reseal::run(&arguments, context),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(&arguments, context),
        Command::ClientConfig(arguments) => client_config::run(&arguments, context),
    }
}
