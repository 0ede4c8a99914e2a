//! `sealift report show`: a report, rendered for whoever reads it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::report::{Judge, Source, subject};
use super::signer::{PassphraseArguments, SignerArguments};
use super::station::import_key;
use super::{Context, Exit, countersign, stands};
use crate::crypto::key::Signer;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::report::{self, Format, RenderError};

/// How to show a report.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Render it as this
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        conflicts_with = "json"
    )]
    format: Format,
    /// Write it to this new file instead of standard output
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    out: Option<PathBuf>,
    /// Compare this rendering with what the report gives, and write none
    #[arg(long, value_name = "FILE", conflicts_with_all = ["json", "out"])]
    compare: Option<PathBuf>,
    #[command(flatten)]
    signer: SummarySigner,
}

/// The key that signs verification summaries: of the role import, as reports are.
#[derive(Debug, Args)]
struct SummarySigner {
    /// Sign each verification summary with the enclave's key
    #[arg(long, conflicts_with = "json")]
    sign: bool,
    /// The encrypted key to sign with [default: `keys/import.pem` in the enclave's folder]
    #[arg(long, value_name = "FILE", requires = "sign", conflicts_with = "agent")]
    key: Option<PathBuf>,
    /// Sign through the ssh-agent behind this socket
    #[arg(long, value_name = "SOCKET", requires_all = ["sign", "public_key"])]
    agent: Option<PathBuf>,
    /// The public key of which the agent holds the other half
    #[arg(long, value_name = "FILE", requires = "agent")]
    public_key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArguments,
}

impl SummarySigner {
    fn open(&self, format: Format, source: &Source, judge: &Judge) -> Result<Option<Box<dyn Signer>>, Stop> {
        if !self.sign {
            return Ok(None);
        }
        if format != Format::Vsa {
            return Err(Unable::new(format!("{} is not signed", format.word()))
                .hint("only verification summaries are: --format vsa")
                .into());
        }
        let Some(root) = judge.roots.last() else {
            return Err(Unable::new("no root is pinned").into());
        };
        let arguments = SignerArguments {
            key: self.key.clone(),
            agent: self.agent.clone(),
            public_key: self.public_key.clone(),
            passphrase: self.passphrase.clone(),
        };
        let enclave = source.enclave.clone().unwrap_or_default();
        let signer = import_key(arguments, &enclave, root, "name it with --key or --agent")?;
        let id = signer.public().id().to_string();
        if let Some(revocation) = judge.revocations.as_ref().and_then(|document| document.key(&id)) {
            return Err(Refusal::new(Code::KeyRevoked, format!("key {id}"), revocation.reason.clone()).into());
        }
        Ok(Some(signer))
    }
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.word()).help(self.help()))
    }
}

/// Verifies a report and renders it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let judge = arguments.source.judge()?;
    let path = arguments.source.path()?;
    let format = if context.output.wants_json() {
        Format::Json
    } else {
        arguments.format
    };
    let signer = arguments.signer.open(format, &arguments.source, &judge)?;
    let said = countersigned(arguments, &judge, &path)?;
    let render = |out: &mut dyn Write| {
        let (roots, revocations) = (&judge.roots, judge.revocations.as_ref());
        report::render(format, &path, roots, revocations, signer.as_deref(), out)
    };
    if let Some(other) = &arguments.compare {
        let mut compared = Compared::open(other)?;
        render(&mut compared).map_err(|error| error.stop(subject(&path)))?;
        compared.finish()?;
        let shown = other.display();
        context.output.answer(&format!(
            "{shown} is what {} gives as {}",
            subject(&path),
            format.word()
        ));
        return Ok(Exit::Done);
    }
    match &arguments.out {
        Some(target) => {
            write_aside(target, |out| render(out).map_err(|error| error.stop(subject(&path))))?;
            context.output.answer(&format!("wrote {}", target.display()));
        }
        // Nobody reads it there.
        None if format == Format::Pdf => {
            return Err(Unable::new("a PDF document is written to a file")
                .hint("name a new one with --out")
                .into());
        }
        None => match render(&mut BufWriter::new(std::io::stdout().lock())) {
            // A reader that goes away early, such as `head`, ends nothing but the printing.
            Err(RenderError::Write(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error.stop(subject(&path))),
            Ok(_) => {}
        },
    }
    for line in said {
        context.output.say(&line);
    }
    if format == Format::Vsa && signer.is_none() {
        context
            .output
            .warn("these statements are not signed, and prove nothing; --sign signs them");
    }
    Ok(Exit::Done)
}

/// What persons said of a report of an enclave. A rendering is of the report alone, so it stands beside it.
fn countersigned(arguments: &Arguments, judge: &Judge, path: &Path) -> Result<Vec<String>, Stop> {
    let Some(enclave) = &arguments.source.enclave else {
        return Ok(Vec::new());
    };
    let statements = stands::beside(enclave, judge)?;
    let report = judge.open(path).map_err(|error| error.stop(subject(path)))?;
    let said = statements.countersigning(&report)?;
    Ok(said.iter().map(|one| countersign::words(one, &report.head)).collect())
}

fn cannot_read(path: &Path, error: std::io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}

/// A file that what is written is compared with.
struct Compared {
    file: BufReader<File>,
    path: PathBuf,
    same: u64,
    differs: bool,
}

impl Compared {
    fn open(path: &Path) -> Result<Self, Stop> {
        let file = File::open(path).map_err(|error| cannot_read(path, error))?;
        Ok(Self {
            file: BufReader::new(file),
            path: path.to_owned(),
            same: 0,
            differs: false,
        })
    }

    /// Fails unless all that was written is what the file holds, and all of it.
    fn finish(mut self) -> Result<(), Stop> {
        let more = self.file.fill_buf().map_err(|error| cannot_read(&self.path, error))?;
        if !self.differs && more.is_empty() {
            return Ok(());
        }
        Err(Refusal::new(
            Code::RenderingDiffers,
            self.path.display().to_string(),
            format!("after {} bytes it is not what the report gives", self.same),
        )
        .into())
    }
}

impl Write for Compared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let found = if self.differs { &[][..] } else { self.file.fill_buf()? };
        let same = found.iter().zip(bytes).take_while(|(one, other)| one == other).count();
        self.differs = self.differs || same < bytes.len().min(found.len().max(1));
        self.file.consume(same);
        self.same += same as u64;
        // What comes after the first difference is not looked at.
        Ok(if self.differs { bytes.len() } else { same })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Writes a file that appears whole or not at all, and that was not there before.
fn write_aside<T>(target: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Stop>) -> Result<T, Stop> {
    let failed =
        |error: std::io::Error| Stop::from(Unable::new(format!("cannot write {}", target.display())).because(error));
    let folder = target.parent().unwrap_or(Path::new(""));
    let aside = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    let mut output = BufWriter::new(aside);
    let written = write(&mut output)?;
    let aside = output.into_inner().map_err(|error| failed(error.into_error()))?;
    aside.as_file().sync_all().map_err(failed)?;
    aside.persist_noclobber(target).map_err(|error| failed(error.error))?;
    Ok(written)
}
