//! `sealift root create`, `rotate` and `sign`.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;

use super::show::Shown;
use super::{Context, RootFile, Stop};
use crate::cli::copies::JoinArguments;
use crate::cli::files::{self, Existing};
use crate::cli::signer::{self, SignerArguments};
use crate::crypto::dsse::Envelope;
use crate::model::{Code, Refusal, Timestamp, Unable};
use crate::trust::{self, Draft, Kind, Profile, Role, Root, TrustError};

/// Two years: long enough to plan the next ceremony, short enough that it stays practised.
const DEFAULT_VALID_DAYS: u32 = 730;

/// The longest life of a root; a site that forgets its root for ten years has lost it.
const MAX_VALID_DAYS: i64 = 3650;

#[derive(Debug, Args)]
pub(super) struct Create {
    /// The enclave's name: lower-case letters, digits and `-`
    #[arg(long)]
    name: String,
    /// The public import key that `sealift init enclave` made
    #[arg(long, value_name = "FILE")]
    enclave_key: PathBuf,
    /// How strict the rules about persons are
    #[arg(long, value_enum)]
    profile: ProfileArgument,
    #[command(flatten)]
    grants: Grants,
    /// The new file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Rotate {
    /// The root to follow
    #[arg(value_name = "ROOT")]
    previous: PathBuf,
    /// Take all roles, or one, from a person
    #[arg(long, value_name = "PERSON[=ROLE]", value_parser = removal)]
    remove: Vec<(String, Option<Role>)>,
    /// Raise the profile
    #[arg(long, value_enum)]
    profile: Option<ProfileArgument>,
    /// Start a new epoch: every stream starts again at 1
    #[arg(long)]
    new_epoch: bool,
    #[command(flatten)]
    grants: Grants,
    /// The new file
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Sign {
    /// The root's file; the signature is added to it
    #[arg(value_name = "ROOT")]
    file: PathBuf,
    /// The root that it follows, when its persons must sign, too
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    signer: SignerArguments,
}

#[derive(Debug, Args)]
pub(super) struct Join {
    #[command(flatten)]
    copies: JoinArguments,
    /// The root that it follows: shows whose signatures of that root are missing
    #[arg(long, value_name = "ROOT")]
    previous: Option<PathBuf>,
}

/// Who gets which role. Each may be given several times.
#[derive(Debug, Args)]
struct Grants {
    /// Who signs roots
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    root: Vec<(String, PathBuf)>,
    /// Who signs trust data and revocations [default in a first root: those with root]
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    trust: Vec<(String, PathBuf)>,
    /// Who signs policies [default in a first root: those with root]
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    policy: Vec<(String, PathBuf)>,
    /// Who signs bundles
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    export: Vec<(String, PathBuf)>,
    /// Who approves bundles
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    approve: Vec<(String, PathBuf)>,
    /// Who else signs receipts, beside the enclave's own key
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    import: Vec<(String, PathBuf)>,
    /// Who else signs the log, beside the enclave's own key
    #[arg(long, value_name = "PERSON=FILE", value_parser = grant)]
    log: Vec<(String, PathBuf)>,
    /// How many persons must sign in a role [default in a first root: the least that the profile allows]
    #[arg(long, value_name = "ROLE=NUMBER", value_parser = threshold)]
    threshold: Vec<(Role, NonZeroU32)>,
    /// How long the root is valid
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_VALID_DAYS,
          value_parser = clap::value_parser!(u32).range(1..=MAX_VALID_DAYS))]
    valid_days: u32,
}

/// The profiles on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ProfileArgument {
    /// One person and one key may do everything; every report says so
    Evaluation,
    /// Root by two of three persons; exporter and approver are different persons
    Standard,
    /// As standard, with two persons for trust data, policies and approvals
    Strict,
}

impl From<ProfileArgument> for Profile {
    fn from(argument: ProfileArgument) -> Self {
        match argument {
            ProfileArgument::Evaluation => Self::Evaluation,
            ProfileArgument::Standard => Self::Standard,
            ProfileArgument::Strict => Self::Strict,
        }
    }
}

/// Writes an unsigned first root.
pub(super) fn create(arguments: &Create, context: &Context) -> Result<(), Stop> {
    let import_key = signer::read_public(&arguments.enclave_key)?;
    let mut draft = Draft::first(
        &arguments.name,
        &import_key,
        arguments.profile.into(),
        arguments.grants.expires(context.now),
    );
    arguments.grants.apply(&mut draft)?;
    finish(draft, &arguments.output, None, context)
}

/// Writes an unsigned root that follows another.
pub(super) fn rotate(arguments: &Rotate, context: &Context) -> Result<(), Stop> {
    let previous = RootFile::read(&arguments.previous)?;
    let mut draft = Draft::next(&previous.root, arguments.grants.expires(context.now));
    for (person, role) in &arguments.remove {
        if !draft.remove(person, *role) {
            return Err(Unable::new(format!("{person} has nothing to take away")).into());
        }
    }
    if let Some(profile) = arguments.profile {
        draft.profile(profile.into());
    }
    if arguments.new_epoch {
        draft.new_epoch();
    }
    arguments.grants.apply(&mut draft)?;
    finish(draft, &arguments.output, Some(&previous.root), context)
}

/// Adds a signature.
pub(super) fn sign(arguments: &Sign, context: &Context) -> Result<(), Stop> {
    let mut file = RootFile::read(&arguments.file)?;
    let previous = arguments.previous.as_deref().map(RootFile::read).transpose()?;
    let previous_root = previous.as_ref().map(|file| &file.root);
    // The person reads what they sign before the key is opened.
    if !context.output.wants_json() {
        Shown::new(&file, previous_root).say(context);
    }
    let signer = arguments.signer.open()?;
    let id = signer.public().id();
    let roots = [Some(&file.root), previous_root];
    let counts = |root: &&Root| root.roles.get(&Role::Root).is_some_and(|role| role.keys.contains(&id));
    if !roots.into_iter().flatten().any(|root| counts(&root)) {
        return Err(Refusal::new(
            Code::KeyNotInRole,
            arguments.file.display().to_string(),
            format!("the key {id} does not have the role root"),
        )
        .hint("a person who leaves signs with --previous, naming the root in which they have the role")
        .into());
    }
    trust::add_signature(&mut file.envelope, signer.as_ref())
        .map_err(|error| Unable::new("cannot sign the root").because(error))?;
    files::write(&arguments.file, &file.envelope.write(), Existing::Replace)?;
    Shown::new(&file, previous_root).print_signatures(context);
    Ok(())
}

/// Puts signatures together that were made on several machines.
pub(super) fn join(arguments: &Join, context: &Context) -> Result<(), Stop> {
    let mut file = RootFile::read(&arguments.copies.file)?;
    let previous = arguments.previous.as_deref().map(RootFile::read).transpose()?;
    arguments.copies.join(&mut file.envelope)?;
    Shown::new(&file, previous.as_ref().map(|file| &file.root)).print_signatures(context);
    Ok(())
}

impl Grants {
    fn expires(&self, now: Timestamp) -> Timestamp {
        now.plus_days(self.valid_days)
    }

    fn apply(&self, draft: &mut Draft) -> Result<(), Stop> {
        let lists = [
            (Role::Root, &self.root),
            (Role::Trust, &self.trust),
            (Role::Policy, &self.policy),
            (Role::Export, &self.export),
            (Role::Approve, &self.approve),
            (Role::Import, &self.import),
            (Role::Log, &self.log),
        ];
        for (role, grants) in lists {
            for (person, path) in grants {
                draft
                    .grant(role, person, &signer::read_public(path)?)
                    .map_err(|error| error.refusal("root"))?;
            }
        }
        for (role, persons) in &self.threshold {
            draft.threshold(*role, *persons);
        }
        Ok(())
    }
}

fn finish(draft: Draft, output: &Path, previous: Option<&Root>, context: &Context) -> Result<(), Stop> {
    let write = || {
        let root = draft.finish()?;
        let payload = root.write()?;
        Ok((root, payload))
    };
    let (root, payload) = write().map_err(|error: TrustError| error.refusal("root"))?;
    let envelope = Envelope {
        payload_type: Kind::Root.payload_type().to_owned(),
        payload,
        signatures: Vec::new(),
    };
    let bytes = envelope.write();
    files::write(output, &bytes, Existing::Keep)?;
    Shown::new(&RootFile { envelope, root, bytes }, previous).print(context);
    Ok(())
}

/// Reads `PERSON=FILE`.
pub(crate) fn grant(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((person, file)) if !person.is_empty() && !file.is_empty() => Ok((person.to_owned(), PathBuf::from(file))),
        _ => Err("must be a person's name, `=`, and the file of their public key".to_owned()),
    }
}

fn threshold(text: &str) -> Result<(Role, NonZeroU32), String> {
    let parse = || {
        let (role, number) = text.split_once('=')?;
        Some((Role::named(role)?, number.parse().ok()?))
    };
    parse().ok_or_else(|| "must be a role, `=`, and a number from 1".to_owned())
}

fn removal(text: &str) -> Result<(String, Option<Role>), String> {
    match text.split_once('=') {
        None => Ok((text.to_owned(), None)),
        Some((person, role)) => match Role::named(role) {
            Some(role) => Ok((person.to_owned(), Some(role))),
            None => Err(format!("there is no role `{role}`")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_and_a_file_are_both_named() {
        assert_eq!(grant("ann=a=b.pem"), Ok(("ann".to_owned(), PathBuf::from("a=b.pem"))));
        for wrong in ["ann", "ann=", "=ann.pem", "="] {
            assert!(grant(wrong).is_err(), "{wrong}");
        }
    }
}
