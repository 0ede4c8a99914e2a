//! The enclave's own keys, which sign its reports, checkpoints and statements.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{panic, thread};

use clap::Args;

use super::progress::Bars;
use super::signer::{PassphraseArguments, SignerArguments};
use crate::crypto::key::Signer;
use crate::import::record::{self, Keys};
use crate::import::verify_objects::Progress;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::trust::{Role, TrustedRoot};

/// The key that signs the report of an import.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportSigner {
    /// Sign the report with the encrypted key in this file [default: `keys/import.pem` in the enclave's folder]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["agent", "unsigned_report"])]
    key: Option<PathBuf>,
    /// Sign the report through the ssh-agent behind this socket
    #[arg(
        long,
        value_name = "SOCKET",
        requires = "public_key",
        conflicts_with = "unsigned_report"
    )]
    agent: Option<PathBuf>,
    /// The public key of which the agent holds the other half
    #[arg(long, value_name = "FILE", requires = "agent")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
    /// Sign the checkpoint of the log with the encrypted key in this file [default: the report's key]
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned_report")]
    log_key: Option<PathBuf>,
    /// Write a report that nobody signs: what it says proves nothing later
    #[arg(long)]
    unsigned_report: bool,
}

impl ReportSigner {
    /// Opens the keys while something else is done, unless a person has to be asked for a passphrase. That they cannot be opened comes before whatever
    /// the work comes to.
    pub(crate) fn open_during<T>(
        &self,
        enclave: &Path,
        root: &TrustedRoot,
        work: impl FnOnce(&LateKeys<'_>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        if self.unsigned_report || self.agent.is_some() || self.passphrase.asks() {
            return work(&LateKeys::opened(self.open(enclave, root)?));
        }
        thread::scope(|scope| {
            let keys = LateKeys::opening(scope.spawn(|| self.open(enclave, root)));
            let done = work(&keys);
            keys.into_problem()?;
            done
        })
    }

    /// Opens the keys, which the root must let sign reports and checkpoints.
    fn open(&self, enclave: &Path, root: &TrustedRoot) -> Result<ReportKeys, Stop> {
        if self.unsigned_report {
            return Ok(ReportKeys::default());
        }
        let arguments = SignerArguments {
            key: self.key.clone(),
            agent: self.agent.clone(),
            public_key: self.public_key.clone(),
            passphrase: self.passphrase.clone(),
        };
        let otherwise = "name it with --key or --agent, or write a report without a signature with --unsigned-report";
        let signer = import_key(arguments, enclave, root, otherwise)?;
        let log = match &self.log_key {
            Some(path) => {
                let arguments = SignerArguments {
                    key: Some(path.clone()),
                    agent: None,
                    public_key: None,
                    passphrase: self.passphrase.clone(),
                };
                Some(arguments.open()?)
            }
            None => None,
        };
        let id = log.as_deref().unwrap_or(signer.as_ref()).public().id();
        let roles = &root.document().roles;
        if !roles.get(&Role::Log).is_some_and(|role| role.keys.contains(&id)) {
            return Err(Refusal::new(
                Code::KeyNotInRole,
                format!("key {id}"),
                "the root does not let it sign checkpoints of the log: it has not the role log",
            )
            .hint("name a key that has it with --log-key; `sealift root show` says which")
            .into());
        }
        Ok(ReportKeys {
            report: Some(signer),
            log,
        })
    }
}

/// The keys that sign what an import leaves.
#[derive(Default)]
struct ReportKeys {
    report: Option<Box<dyn Signer>>,
    log: Option<Box<dyn Signer>>,
}

impl ReportKeys {
    /// As an import takes them: one key may sign both.
    fn signers(&self) -> record::Signers<'_> {
        record::Signers {
            report: self.report.as_deref(),
            log: self.log.as_deref().or(self.report.as_deref()),
        }
    }
}

/// Keys that are opened by another thread.
pub(crate) struct LateKeys<'scope> {
    opening: Mutex<Option<Opening<'scope>>>,
    opened: OnceLock<Result<ReportKeys, Stop>>,
}

type Opening<'scope> = thread::ScopedJoinHandle<'scope, Result<ReportKeys, Stop>>;

impl<'scope> LateKeys<'scope> {
    fn opened(keys: ReportKeys) -> Self {
        Self {
            opening: Mutex::default(),
            opened: OnceLock::from(Ok(keys)),
        }
    }

    fn opening(opening: Opening<'scope>) -> Self {
        Self {
            opening: Mutex::new(Some(opening)),
            opened: OnceLock::new(),
        }
    }

    fn keys(&self) -> Option<&Result<ReportKeys, Stop>> {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opening) = opening.take() {
            let opened = opening.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked));
            self.opened.get_or_init(|| opened);
        }
        self.opened.get()
    }

    /// Why they could not be opened.
    fn into_problem(self) -> Result<(), Stop> {
        self.keys();
        match self.opened.into_inner() {
            Some(Err(stop)) => Err(stop),
            _ => Ok(()),
        }
    }

    /// Fails where it is known by now that they cannot be opened.
    fn check(&self) -> Result<(), Stop> {
        let opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = opening.as_ref().is_none_or(|opening| opening.is_finished());
        drop(opening);
        if is_known { self.wait().map(drop) } else { Ok(()) }
    }
}

impl Keys for LateKeys<'_> {
    fn are_there(&self) -> bool {
        match self.opened.get() {
            Some(Ok(keys)) => keys.report.is_some(),
            _ => true,
        }
    }

    fn wait(&self) -> Result<record::Signers<'_>, Stop> {
        match self.keys() {
            Some(Ok(keys)) => Ok(keys.signers()),
            _ => Err(Unable::new("the key to sign the report with cannot be opened").into()),
        }
    }
}

/// Shows progress, and ends the work where the keys cannot be opened.
pub(crate) struct Watching<'a, 'scope> {
    pub(crate) bars: &'a Bars,
    pub(crate) keys: &'a LateKeys<'scope>,
}

impl Progress for Watching<'_, '_> {
    fn begin(&self, phase: &'static str, total: u64) {
        Progress::begin(self.bars, phase, total);
    }

    fn advance(&self, amount: u64) {
        Progress::advance(self.bars, amount);
    }

    fn finish(&self) {
        Progress::finish(self.bars);
    }

    fn proceed(&self) -> Result<(), Stop> {
        self.keys.check()
    }
}

/// The enclave's own key.
#[derive(Debug, Clone, Args)]
pub(super) struct StationKey {
    /// Sign with the encrypted key in this file [default: `keys/import.pem` in the enclave's folder]
    #[arg(long, value_name = "FILE", conflicts_with = "agent")]
    key: Option<PathBuf>,
    /// Sign through the ssh-agent behind this socket
    #[arg(long, value_name = "SOCKET", requires = "public_key")]
    agent: Option<PathBuf>,
    /// The public key of which the agent holds the other half
    #[arg(long, value_name = "FILE", requires = "agent")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

impl StationKey {
    /// Opens it. It must have the role import.
    pub(super) fn open(&self, enclave: &Path, root: &TrustedRoot) -> Result<Box<dyn Signer>, Stop> {
        let arguments = SignerArguments {
            key: self.key.clone(),
            agent: self.agent.clone(),
            public_key: self.public_key.clone(),
            passphrase: self.passphrase.clone(),
        };
        import_key(arguments, enclave, root, "name it with --key or --agent")
    }
}

/// Opens a key of the role import: the one that is named, or the enclave's own. `otherwise` is the hint where there is none.
pub(super) fn import_key(
    mut arguments: SignerArguments,
    enclave: &Path,
    root: &TrustedRoot,
    otherwise: &str,
) -> Result<Box<dyn Signer>, Stop> {
    if arguments.key.is_none() && arguments.agent.is_none() {
        let default = enclave.join("keys").join("import.pem");
        if !default.exists() {
            let what = format!("there is no key to sign the report with at {}", default.display());
            return Err(Unable::new(what).hint(otherwise).into());
        }
        arguments.key = Some(default);
    }
    let signer = arguments.open()?;
    let id = signer.public().id();
    let may = root
        .document()
        .roles
        .get(&Role::Import)
        .is_some_and(|role| role.keys.contains(&id));
    if !may {
        return Err(Refusal::new(
            Code::KeyNotInRole,
            format!("key {id}"),
            "the root does not let it sign reports: it has not the role import",
        )
        .hint("`sealift root show` says which keys have it")
        .into());
    }
    Ok(signer)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_ends_once_it_is_known_that_the_keys_cannot_be_opened() {
        thread::scope(|scope| {
            let (open, opens) = mpsc::channel::<()>();
            let keys = LateKeys::opening(scope.spawn(move || {
                let _ = opens.recv();
                Err(Unable::new("locked").into())
            }));
            keys.check().unwrap();
            open.send(()).unwrap();
            while !keys.opening.lock().unwrap().as_ref().unwrap().is_finished() {
                thread::yield_now();
            }
            assert!(keys.check().is_err());
            assert!(keys.into_problem().is_err());
        });
    }
}
