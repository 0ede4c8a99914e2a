//! `sealift policy draft`, `sign` and `install`: a policy on its way to being the one that counts.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{read, tell_waivers};
use crate::cli::copies::JoinArguments;
use crate::cli::files::{self, Existing};
use crate::cli::output::escape;
use crate::cli::shown::holder;
use crate::cli::signer::SignerArguments;
use crate::cli::trust::Place;
use crate::cli::{Context, Exit};
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::enclave::Enclave;
use crate::import::site::Site;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::policy::{self, Policy};
use crate::trust::{self, Kind, Role, TrustError};

/// What to write for signing.
#[derive(Debug, Args)]
pub(crate) struct Draft {
    /// The policy
    #[arg(value_name = "POLICY")]
    policy: PathBuf,
    /// The new file: the explicit form, unsigned
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What to sign.
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The document; the signature is added to it
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    signer: SignerArguments,
}

/// What to install, and where.
#[derive(Debug, Args)]
pub(crate) struct Install {
    /// The signed document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Writes a policy's explicit form as a document that persons sign.
pub(crate) fn draft(arguments: &Draft, context: &Context) -> Result<Exit, Stop> {
    let policy = read(&arguments.policy, context.now)?;
    let envelope = Envelope {
        payload_type: Kind::Policy.payload_type().to_owned(),
        payload: policy.to_bytes(),
        signatures: Vec::new(),
    };
    let bytes = envelope.write();
    if bytes.len() > MAX_ENVELOPE_BYTES {
        return Err(Unable::new(format!("the policy would have {} bytes", bytes.len()))
            .hint(format!(
                "at most {MAX_ENVELOPE_BYTES} are read; wide patterns make many names short"
            ))
            .into());
    }
    files::write(&arguments.file, &bytes, Existing::Keep)?;
    answer(&policy, "is ready to be signed", context);
    Ok(Exit::Done)
}

/// Adds one person's signature.
pub(crate) fn sign(arguments: &Sign, context: &Context) -> Result<Exit, Stop> {
    let (mut envelope, policy) = document(&arguments.file)?;
    // The person sees what they sign before the key is opened.
    for (place, value) in policy::values(&policy) {
        context.output.say(&format!("{}  {}", escape(&place), escape(&value)));
    }
    tell_waivers(&policy, context);
    let signer = arguments.signer.open()?;
    trust::add_signature(&mut envelope, signer.as_ref())
        .map_err(|error| Unable::new("cannot sign the policy").because(error))?;
    files::write(&arguments.file, &envelope.write(), Existing::Replace)?;
    answer(
        &policy,
        &format!("is signed by the key {}", signer.public().id()),
        context,
    );
    Ok(Exit::Done)
}

/// Puts signatures together that were made on several machines.
pub(crate) fn join(arguments: &JoinArguments, context: &Context) -> Result<Exit, Stop> {
    let (mut envelope, policy) = document(&arguments.file)?;
    let added = arguments.join(&mut envelope)?;
    let says = format!("carries {} signatures, {added} of them new", envelope.signatures.len());
    answer(&policy, &says, context);
    Ok(Exit::Done)
}

/// Verifies that enough persons have signed, and that the version rises; then lets the policy stand.
pub(crate) fn install(arguments: &Install, context: &Context) -> Result<Exit, Stop> {
    let (envelope, policy) = document(&arguments.file)?;
    // While an import runs, nothing changes beneath it.
    let enclave = arguments
        .place
        .enclave
        .as_deref()
        .map(|folder| Enclave::open(folder, &holder("policy install")))
        .transpose()?;
    let mut folder = arguments.place.open()?;
    let site = Site::load(&folder)?;
    let revocations = site.revocations().map(|(_, document)| document);
    let Some(next) = folder.judge_next(Kind::Policy, &envelope.write(), revocations)? else {
        answer(&policy, "counts already", context);
        return Ok(Exit::Done);
    };
    refuse_unsigned_waivers(&arguments.file, &policy, &next.persons, context)?;
    folder.stand(&next)?;
    if let Some(enclave) = &enclave {
        enclave
            .ledger
            .note_standing(&next.kind.to_string(), next.version, &next.digest)?;
    }
    let differences = policy::differences(&site.in_force().policy, &policy);
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-policy-installed/1",
            "id": policy.id,
            "version": policy.version,
            "digest": policy.digest(),
            "signed_by": next.persons,
            "differences": differences,
        }));
        return Ok(Exit::Done);
    }
    for difference in differences {
        let value = |value: Option<String>| value.map_or_else(|| "nothing".to_owned(), |value| escape(&value));
        context.output.answer(&format!(
            "{}: {} -> {}",
            escape(&difference.rule),
            value(difference.before),
            value(difference.after)
        ));
    }
    let says = format!("counts from now on, signed by {}", next.persons.join(", "));
    answer(&policy, &says, context);
    Ok(Exit::Done)
}

/// A waiver that counts for nothing is found here, and not when the artifact stands at the door: a policy that stands gets no more signatures.
fn refuse_unsigned_waivers(path: &Path, policy: &Policy, persons: &[String], context: &Context) -> Result<(), Stop> {
    let refuse = |reason| {
        Refusal::new(Code::WaiverInvalid, path.display().to_string(), reason)
            .hint("have them sign it too (`sealift policy sign`, `policy join`), or take the waiver out and have the policy signed again")
    };
    let problems = policy.waivers_not_signed(context.now, persons);
    if problems.is_empty() {
        return Ok(());
    }
    Err(Stop::Refused(problems.into_iter().map(refuse).collect()))
}

/// A policy in an envelope, whose rules have been checked, but not its signatures.
pub(super) fn document(path: &Path) -> Result<(Envelope, Policy), Stop> {
    let subject = path.display().to_string();
    let bytes = files::read(path, MAX_ENVELOPE_BYTES)?;
    let refuse = |error: TrustError| error.refusal(subject.clone());
    let envelope = Envelope::read(&bytes).map_err(|error| refuse(error.into()))?;
    Kind::Policy.check(&envelope).map_err(refuse)?;
    let policy = Policy::read(&envelope.payload).map_err(|error| error.refusal(&subject))?;
    Ok((envelope, policy))
}

fn answer(policy: &Policy, says: &str, context: &Context) {
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-policy-document/1",
            "id": policy.id,
            "version": policy.version,
            "digest": policy.digest(),
            "signed_by_role": Role::Policy,
        }));
        return;
    }
    context.output.answer(&format!(
        "policy {} {} {says}, {}",
        escape(&policy.id),
        policy.version,
        policy.digest()
    ));
}
