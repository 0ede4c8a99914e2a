//! `sealift trust`: what this site believes of the outside world, and what it no longer believes.

mod install;
mod show;
mod write;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::copies::JoinArguments;
use super::files;
use super::{Context, Exit};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::model::{Stop, Unable};
use crate::trust::folder::TrustFolder;
use crate::trust::{Kind, Revocations, TrustData, TrustError, standing};

/// What to do with trust data and revocations.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Begin a new version of the trust data, or of the revocations, unsigned
    New(write::New),
    /// Pin a key, certificate, trusted root or identity in unsigned trust data
    Add(write::Add),
    /// Take an anchor out of unsigned trust data
    Remove(write::Remove),
    /// Revoke a key, certificate, identity, bundle or artifact in unsigned revocations
    Revoke(write::Revoke),
    /// Add one person's signature
    Sign(write::Sign),
    /// Add the signatures of copies that persons have signed on other machines
    Join(JoinArguments),
    /// Show a document: what is pinned or revoked, who has signed, who is missing
    Show(show::Show),
    /// List what a site has pinned
    List(show::List),
    /// Say in words what one document changes against another
    Diff(show::Diff),
    /// Let a document count from now on, if enough persons have signed it
    Install(install::Install),
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::New(arguments) => write::new(arguments, context)?,
        Command::Add(arguments) => write::add(arguments, context)?,
        Command::Remove(arguments) => write::remove(arguments, context)?,
        Command::Revoke(arguments) => write::revoke(arguments, context)?,
        Command::Sign(arguments) => write::sign(arguments, context)?,
        Command::Join(arguments) => {
            let mut document = Document::read(&arguments.file)?;
            arguments.join(&mut document.envelope)?;
            show::print(&document, None, context)?;
        }
        Command::Show(arguments) => show::show(arguments, context)?,
        Command::List(arguments) => show::list(arguments, context)?,
        Command::Diff(arguments) => show::diff(arguments, context)?,
        Command::Install(arguments) => install::run(arguments, context)?,
    }
    Ok(Exit::Done)
}

/// Where a site's trust lies.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The enclave's folder
    #[arg(
        long,
        value_name = "FOLDER",
        conflicts_with = "trust",
        required_unless_present = "trust"
    )]
    pub(crate) enclave: Option<PathBuf>,
    /// A folder `trust` with a pinned root: of an enclave, or of an exporter for one enclave
    #[arg(long, value_name = "FOLDER")]
    pub(crate) trust: Option<PathBuf>,
}

impl Place {
    /// The folder.
    pub(crate) fn folder(&self) -> Result<PathBuf, Stop> {
        match (&self.enclave, &self.trust) {
            (Some(enclave), _) => Ok(enclave.join("trust")),
            (None, Some(trust)) => Ok(trust.clone()),
            (None, None) => Err(Unable::new("neither --enclave nor --trust was given").into()),
        }
    }

    /// The folder, opened.
    pub(crate) fn open(&self) -> Result<TrustFolder, Stop> {
        Ok(TrustFolder::open(&self.folder()?)?)
    }
}

/// A file of trust data or revocations whose rules have been checked, but not its signatures.
struct Document {
    envelope: Envelope,
    bytes: Vec<u8>,
    content: Content,
}

/// What a document says.
enum Content {
    TrustData(TrustData),
    Revocations(Revocations),
}

impl Document {
    fn read(path: &Path) -> Result<Self, Stop> {
        Self::parse(files::read(path, MAX_ENVELOPE_BYTES)?, &path.display().to_string())
    }

    fn parse(bytes: Vec<u8>, subject: &str) -> Result<Self, Stop> {
        let parse = || {
            let envelope = Envelope::read(&bytes)?;
            let content = match Kind::of_payload_type(&envelope.payload_type) {
                Some(Kind::Revocations) => Content::Revocations(Revocations::read(&envelope.payload)?),
                _ => {
                    Kind::TrustData.check(&envelope)?;
                    Content::TrustData(TrustData::read(&envelope.payload)?)
                }
            };
            Ok((envelope, content))
        };
        let (envelope, content) = parse().map_err(|error: TrustError| error.refusal(subject))?;
        Ok(Self {
            envelope,
            bytes,
            content,
        })
    }

    const fn kind(&self) -> Kind {
        match self.content {
            Content::TrustData(_) => Kind::TrustData,
            Content::Revocations(_) => Kind::Revocations,
        }
    }

    const fn version(&self) -> u64 {
        match &self.content {
            Content::TrustData(data) => data.version,
            Content::Revocations(revocations) => revocations.version,
        }
    }

    /// An unsigned document with a content.
    fn unsigned(content: Content) -> Result<Self, Stop> {
        let payload = match &content {
            Content::TrustData(data) => data.write(),
            Content::Revocations(revocations) => revocations.write(),
        };
        let kind = match content {
            Content::TrustData(_) => Kind::TrustData,
            Content::Revocations(_) => Kind::Revocations,
        };
        let payload = payload.map_err(|error| error.refusal(kind.to_string()))?;
        let envelope = Envelope {
            payload_type: kind.payload_type().to_owned(),
            payload,
            signatures: Vec::new(),
        };
        let bytes = envelope.write();
        if bytes.len() > MAX_ENVELOPE_BYTES {
            return Err(Unable::new(format!("the {kind} would have {} bytes", bytes.len()))
                .hint(format!(
                    "at most {MAX_ENVELOPE_BYTES} travel; pin single certificates instead of whole keyrings"
                ))
                .into());
        }
        Ok(Self {
            envelope,
            bytes,
            content,
        })
    }

    /// Fails if somebody has signed it: a change would make the signatures worthless.
    fn check_unsigned(&self, path: &Path) -> Result<(), Stop> {
        if self.envelope.signatures.is_empty() {
            return Ok(());
        }
        Err(Unable::new(format!("`{}` is signed already", path.display()))
            .hint("`sealift trust new --follows` begins the next version")
            .into())
    }
}

/// The document of a kind that stands in a folder.
fn standing_document(folder: &TrustFolder, kind: Kind) -> Result<Option<Document>, Stop> {
    folder
        .standing(kind)?
        .map(|standing| Document::parse(standing.envelope, &kind.to_string()))
        .transpose()
}

/// The persons who have signed and those who still could, by a root.
fn signers(folder: &TrustFolder, document: &Document) -> Result<(Vec<String>, Vec<String>, u32), Stop> {
    let root = folder.current().document();
    let role = standing::role_of(document.kind());
    let signed: Vec<String> = root
        .signers(role, document.kind(), &document.envelope)
        .map_err(|error| error.refusal(document.kind().to_string()))?
        .into_iter()
        .map(|signer| signer.person)
        .collect();
    let missing = root
        .persons(role)
        .into_iter()
        .filter(|person| !signed.iter().any(|signer| signer == person))
        .map(str::to_owned)
        .collect();
    Ok((signed, missing, root.threshold(role)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::trust::{Revocation, Revoked};

    #[test]
    fn no_document_is_begun_that_is_larger_than_what_travels() {
        let unsigned = |count: u32| {
            let mut revocations = Revocations::empty(1, Timestamp::from_seconds(0));
            revocations.revoked = (0..count)
                .map(|number| Revocation {
                    invalid_since: None,
                    reason: "r".repeat(400),
                    what: Revoked::Key(crate::model::Digest::of(&number.to_be_bytes()).to_string()),
                })
                .collect();
            Document::unsigned(Content::Revocations(revocations))
        };
        assert!(unsigned(100).is_ok());
        assert!(matches!(unsigned(4000), Err(Stop::Unable(_))));
    }
}
