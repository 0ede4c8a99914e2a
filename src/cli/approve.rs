//! `sealift approve`: the second person.

use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::{self, Existing};
use super::signer::SignerArguments;
use super::{Context, Exit};
use crate::bundle::manifest::Manifest;
use crate::crypto::dsse::Envelope;
use crate::crypto::key::KeyId;
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::import::open;
use crate::model::{Code, Digest, Refusal, Stop, Unable};
use crate::trust::approval::{Approval, Decision, MAX_REASON_BYTES};
use crate::trust::folder::TrustFolder;
use crate::trust::words::{self, WORDS_TO_IDENTIFY};
use crate::trust::{Kind, Role, TrustError, TrustedRoot};

/// As long as a bundle usually lives.
const DEFAULT_VALID_DAYS: u32 = 45;

/// Which bundle, and why.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The bundle's folder, or one of its volumes
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The folder `trust` with the enclave's pinned root
    #[arg(long, value_name = "FOLDER")]
    trust: PathBuf,
    #[command(flatten)]
    signer: SignerArguments,
    /// Why, in your own words [default: ask]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Where the request is kept
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    /// Sign that the bundle must not be imported
    #[arg(long)]
    reject: bool,
    /// How long the approval counts
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_VALID_DAYS, value_parser = clap::value_parser!(u32).range(1..=3650))]
    valid_days: u32,
    /// The digest of the manifest that you have looked at [default: ask for its four words]
    #[arg(long, value_name = "SHA256")]
    manifest: Option<Digest>,
    /// The approval's file [default: beside the volumes]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Shows a bundle's manifest and signs a decision about it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let subject = format!("manifest of {}", arguments.bundle.display());
    let folder = TrustFolder::open(&arguments.trust)?;
    let root = folder.current();
    let refuse = |error: TrustError| Stop::from(error.refusal(&subject));
    root.check_fresh(context.now).map_err(refuse)?;

    let envelope = Envelope::read(&open::peek(&arguments.bundle)?).map_err(|error| refuse(error.into()))?;
    let vouched = root.verify(Role::Export, Kind::Manifest, &envelope).map_err(refuse)?;
    let digest = Digest::of(&vouched.payload);
    let manifest: Manifest = strict_json::read(&vouched.payload).map_err(|error| refuse(error.into()))?;
    manifest
        .check()
        .map_err(|error| Refusal::new(Code::JsonNotStrict, &subject, error.to_string()))?;
    if !manifest.recipients.contains(root.document().enclave.id.digest()) {
        return Err(
            Refusal::new(Code::WrongEnclave, subject, "the bundle is for another enclave")
                .comparing(&root.document().enclave.name, format!("{:?}", manifest.recipients))
                .into(),
        );
    }

    let seen = summary(&manifest, &digest, &vouched.persons, root);
    context.output.say(&seen.join("\n"));
    confirm(arguments, &digest, context)?;
    let reason = match &arguments.reason {
        Some(reason) => reason.clone(),
        None => ask("Why? ", context)?,
    };
    let signer = arguments.signer.open()?;
    let person = approver(root, signer.public().id(), &vouched.persons).map_err(refuse)?;
    let approval = Approval {
        manifest: digest,
        decision: if arguments.reject {
            Decision::Rejected
        } else {
            Decision::Approved
        },
        seen,
        reason: reason.trim().to_owned(),
        ticket: arguments.ticket.clone(),
        created: context.now,
        expires: context.now.plus_days(arguments.valid_days),
        ext: Extensions::new(),
        critical: Critical,
    };
    let sealed = approval
        .sign(signer.as_ref())
        .map_err(|error| Unable::new("cannot sign the approval").because(error))?;
    let output = arguments
        .output
        .clone()
        .unwrap_or_else(|| beside(&arguments.bundle, &manifest, &person));
    files::write(&output, &sealed.write(), Existing::Keep)?;
    report(&approval, &person, &output, context);
    Ok(Exit::Done)
}

/// What a person reads before deciding, and what the approval then repeats, made from the verified manifest.
fn summary(manifest: &Manifest, digest: &Digest, exporters: &[String], root: &TrustedRoot) -> Vec<String> {
    let catalog = &manifest.catalog;
    let previous = match &manifest.previous {
        Some(previous) => format!("after manifest {previous}"),
        None => "the first of its stream and epoch".to_owned(),
    };
    let base = match &manifest.base {
        Some(base) => format!("only what changed since manifest {base}"),
        None => "stands alone".to_owned(),
    };
    vec![
        format!("bundle       {}", manifest.label()),
        format!("for          enclave {}", root.document().enclave.name),
        format!("recipients   {}", manifest.recipients.len()),
        format!("exported by  {}", exporters.join(", ")),
        format!(
            "made         {}, to be imported until {}",
            manifest.created, manifest.not_after
        ),
        format!("order        {previous}; {base}"),
        format!(
            "holds        {} artifacts, {} registry documents, {} objects, {} bytes",
            catalog.artifacts, catalog.documents, catalog.objects, catalog.object_bytes
        ),
        format!("volumes      {}", manifest.volumes.len()),
        format!("plan         {}", manifest.plan),
        format!("catalog      {}", catalog.digest),
        format!("manifest     {digest}"),
    ]
}

/// The person behind a key, if that person may approve what others exported.
fn approver(root: &TrustedRoot, key: KeyId, exporters: &[String]) -> Result<String, TrustError> {
    let document = root.document();
    let person = document.keys.get(&key).map(|key| key.person.clone());
    if let Some(person) = person.as_ref().filter(|person| exporters.contains(person)) {
        return Err(TrustError::NotSeparate { person: person.clone() });
    }
    let has_role = document
        .roles
        .get(&Role::Approve)
        .is_some_and(|role| role.keys.contains(&key));
    person.filter(|_| has_role).ok_or_else(|| TrustError::NotApproved {
        threshold: document.threshold(Role::Approve),
        persons: Vec::new(),
        passed_over: vec![format!("the key {key} does not have the role approve")],
    })
}

/// Makes sure that the person decides about this bundle: by its digest, or by typing its words.
fn confirm(arguments: &Arguments, digest: &Digest, context: &Context) -> Result<(), Stop> {
    let differs = |expected: String, found: String| {
        Refusal::new(Code::DigestMismatch, "the manifest", "it is not the one that was meant")
            .comparing(expected, found)
            .into()
    };
    let words = words::phrase(digest, WORDS_TO_IDENTIFY);
    if let Some(expected) = &arguments.manifest {
        return if expected == digest {
            Ok(())
        } else {
            Err(differs(expected.to_string(), digest.to_string()))
        };
    }
    context.output.say(&format!("words        {words}"));
    let typed = ask("Type its four words, if this is what you decide about: ", context)?;
    let typed = typed.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if typed == words {
        Ok(())
    } else {
        Err(differs(words, typed))
    }
}

fn ask(question: &str, context: &Context) -> Result<String, Stop> {
    context.output.say(question);
    let mut line = String::new();
    let limit = u64::try_from(MAX_REASON_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    match std::io::stdin().lock().take(limit).read_line(&mut line) {
        Ok(length) if length > 0 => Ok(line.trim().to_owned()),
        _ => Err(Unable::new("there is nobody to answer")
            .hint("give --manifest and --reason")
            .into()),
    }
}

/// Where the import looks for approvals: in the volumes' folder, with `.approval-` in the name.
fn beside(bundle: &Path, manifest: &Manifest, person: &str) -> PathBuf {
    let folder = if bundle.is_dir() {
        bundle
    } else {
        bundle.parent().unwrap_or(Path::new(""))
    };
    folder.join(format!(
        "{}-{}-{}.approval-{person}.dsse.json",
        manifest.stream, manifest.epoch, manifest.sequence
    ))
}

fn report(approval: &Approval, person: &str, output: &Path, context: &Context) {
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-approval/1",
            "person": person,
            "file": output.display().to_string(),
            "approval": approval,
        }));
        return;
    }
    let decided = match approval.decision {
        Decision::Approved => "approved",
        Decision::Rejected => "rejected",
    };
    context.output.answer(&format!(
        "{decided} by {person} until {}: {}",
        approval.expires,
        output.display()
    ));
}
