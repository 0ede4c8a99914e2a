//! Statements that several persons sign, one after the other: what is signed so far lies in the folder `open` of the enclave, and counts for nothing
//! until enough have signed it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::Context;
use super::files::{self, Existing};
use super::output::escape;
use super::signer::SignerArguments;
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::key::Signer;
use crate::enclave::{Enclave, Statement};
use crate::import::site::Site;
use crate::model::{Code, Refusal, Stop, Unable};
use crate::statement::{Body, StatementError, judge_new, role_of};
use crate::trust::folder::TrustFolder;
use crate::trust::{self, Kind, TrustError};

/// What whoever signs such a statement says.
#[derive(Debug, Args)]
pub(super) struct JointArguments {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    pub(super) enclave: PathBuf,
    /// Why; who signs after others signs what they said
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,
    /// Where the request is kept
    #[arg(long, value_name = "TEXT")]
    pub(super) ticket: Option<String>,
    #[command(flatten)]
    pub(super) signer: SignerArguments,
}

/// A statement that several persons sign.
pub(super) struct Together<'a> {
    /// Its kind.
    pub(super) kind: Kind,
    /// The file in which signatures are collected, without its ending.
    pub(super) name: String,
    /// What messages call it.
    pub(super) what: String,
    /// Why, from whoever signs first.
    pub(super) reason: Option<&'a str>,
    /// Makes it.
    pub(super) make: &'a dyn Fn(&str) -> Body,
    /// Whether one that others have signed says the same.
    pub(super) is_meant: &'a dyn Fn(&Body) -> bool,
}

/// Adds one person's signature, and takes the statement once enough have signed.
pub(super) fn sign_together(
    together: &Together<'_>,
    enclave: &Enclave,
    trust: &TrustFolder,
    site: &Site,
    signer: &dyn Signer,
    context: &Context,
) -> Result<(), Stop> {
    let folder = enclave.repository.folder().join("open");
    let path = folder.join(format!("{}.dsse.json", together.name));
    check_role(together.kind, trust, signer)?;
    let revocations = site.revocations().map(|(_, document)| document);
    // One who can no longer sign is told so, and not by whoever signs last.
    if let Some(revocation) = revocations.and_then(|document| document.key(&signer.public().id().to_string())) {
        let reason = revocation.reason.clone();
        let revoked = StatementError::KeyRevoked { reason };
        return Err(revoked.refusal(&together.what).into());
    }
    let cannot = |error| Unable::new(format!("cannot sign {}", together.what)).because(error);
    let envelope = match begun(together, &path)? {
        Some((mut envelope, reason)) => {
            if together.reason.is_some_and(|given| given.trim() != reason) {
                return Err(Unable::new(format!(
                    "others have signed {} with another reason: {reason}",
                    together.what
                ))
                .hint("sign it without --reason, or remove what they signed and begin anew")
                .into());
            }
            context.output.say(&format!(
                "signing {}, of which others say: {}",
                together.what,
                escape(&reason)
            ));
            trust::add_signature(&mut envelope, signer).map_err(cannot)?;
            envelope
        }
        None => {
            let reason = together
                .reason
                .ok_or_else(|| Unable::new("no reason was given").hint("give it with --reason"))?;
            let body = (together.make)(reason.trim());
            let payload = body.write().map_err(|error| error.refusal(&together.what))?;
            trust::sign(together.kind, payload, &[signer]).map_err(cannot)?
        }
    };
    match judge_new(&envelope, together.kind, trust.current(), revocations) {
        Ok((_, persons)) => {
            let statement = Statement {
                what: together.kind.name(),
                envelope: &envelope,
                pruned: &[],
                list: None,
            };
            let record = enclave.state(&statement, context.now)?;
            if path.exists() {
                std::fs::remove_file(&path)
                    .map_err(|error| Unable::new(format!("cannot remove `{}`", path.display())).because(error))?;
            }
            if context.output.wants_json() {
                context.output.json(&json!({
                    "schema": "sealift-signed/1",
                    "taken": true,
                    "statement": record.number,
                    "digest": record.digest,
                    "persons": persons,
                    "missing": 0,
                }));
            } else {
                context.output.answer(&format!(
                    "{} counts, by statement {}: signed by {}",
                    escape(&together.what),
                    record.number,
                    escape(&persons.join(", "))
                ));
            }
            Ok(())
        }
        Err(StatementError::Trust(TrustError::NotEnough {
            threshold,
            persons,
            role,
            ..
        })) if !persons.is_empty() => {
            std::fs::create_dir_all(&folder)
                .map_err(|error| Unable::new(format!("cannot make `{}`", folder.display())).because(error))?;
            files::write(&path, &envelope.write(), Existing::Replace)?;
            let missing = (threshold as usize).saturating_sub(persons.len());
            if context.output.wants_json() {
                context.output.json(&json!({
                    "schema": "sealift-signed/1",
                    "taken": false,
                    "persons": persons,
                    "missing": missing,
                }));
            } else {
                context.output.answer(&format!(
                    "signed by {}; it counts once {missing} more with the role {role} have signed it too, by the same command",
                    escape(&persons.join(", "))
                ));
            }
            Ok(())
        }
        Err(error) => Err(error.refusal(&together.what).into()),
    }
}

/// Fails unless the current root lets a key sign such a statement, before it is used.
pub(super) fn check_role(kind: Kind, trust: &TrustFolder, signer: &dyn Signer) -> Result<(), Stop> {
    let Some(role) = role_of(kind) else { return Ok(()) };
    let id = signer.public().id();
    let has = |keys: &trust::RoleKeys| keys.keys.contains(&id);
    if trust.current().document().roles.get(&role).is_some_and(has) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::KeyNotInRole,
        format!("key {id}"),
        format!("the root does not let it sign a {kind}: it has not the role {role}"),
    )
    .hint("`sealift root show` says which keys have it")
    .into())
}

/// What others have signed so far, and the reason that they gave.
fn begun(together: &Together<'_>, path: &Path) -> Result<Option<(Envelope, String)>, Stop> {
    if !path.exists() {
        return Ok(None);
    }
    let subject = path.display().to_string();
    let refuse = |error: TrustError| error.refusal(&subject);
    let bytes = files::read(path, MAX_ENVELOPE_BYTES)?;
    let envelope = Envelope::read(&bytes).map_err(|error| refuse(error.into()))?;
    together.kind.check(&envelope).map_err(refuse)?;
    let body = Body::read(together.kind, &envelope.payload).map_err(refuse)?;
    if !(together.is_meant)(&body) {
        return Err(
            Refusal::new(Code::WrongDocumentKind, subject, format!("it is not {}", together.what))
                .hint("remove it, and begin anew")
                .into(),
        );
    }
    let reason = match &body {
        Body::Release(release) => release.reason.clone(),
        Body::Loss(loss) => loss.reason.clone(),
        Body::Hold(hold) => hold.reason.clone(),
        Body::Tombstone(_) | Body::Renewal(_) | Body::Countersignature(_) => String::new(),
    };
    Ok(Some((envelope, reason)))
}
