//! `sealift approve`: the second person.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::{self, Existing};
use super::output::escape;
use super::progress::Bars;
use super::signer::SignerArguments;
use super::{Context, Exit};
use crate::bundle::manifest::Manifest;
use crate::crypto::key::KeyId;
use crate::crypto::strict_json::{Critical, Extensions};
use crate::import::open::Input;
use crate::import::verify_objects::ExaminedReader;
use crate::import::{Run, look};
use crate::model::{Code, Digest, Proof, ProofState, Refusal, Stop, Unable};
use crate::scan::Scanners;
use crate::store::Store;
use crate::trust::approval::{Approval, Decision, MAX_REASON_BYTES};
use crate::trust::folder::TrustFolder;
use crate::trust::words::{self, WORDS_TO_IDENTIFY};
use crate::trust::{Role, TrustError, TrustedRoot};

/// As long as a bundle usually lives.
const DEFAULT_VALID_DAYS: u32 = 45;

/// Which bundle, and why.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The bundle's volumes, or their folder
    #[arg(value_name = "BUNDLE", required = true)]
    bundle: Vec<PathBuf>,
    /// The folder `trust` with the enclave's pinned root
    #[arg(
        long,
        value_name = "FOLDER",
        required_unless_present = "enclave",
        conflicts_with = "enclave"
    )]
    trust: Option<PathBuf>,
    /// The enclave's folder, or a copy of it: its trust, and its objects, without which nobody can look at a bundle that brings only what is missing
    #[arg(long, value_name = "FOLDER")]
    enclave: Option<PathBuf>,
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
    /// Show every artifact, and not only the first of each ecosystem
    #[arg(long)]
    all: bool,
    /// Where contents may be unpacked while they are examined [default: the system's folder for temporary files]
    #[arg(long, value_name = "FOLDER")]
    scratch: Option<PathBuf>,
    /// The approval's file [default: beside the volumes]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Shows a bundle's manifest and signs a decision about it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let (folder, store) = site(arguments)?;
    let root = folder.current();
    let refuse = |error: TrustError| Stop::from(error.refusal("the approval"));
    let scratch = super::import::scratch(arguments.scratch.as_deref())?;
    let bars = Bars::new(context);
    let run = Run {
        now: context.now,
        threads: super::import::threads(None),
        progress: &bars,
        scanners: &Scanners::none(),
        named: &[],
    };
    let inputs = arguments.bundle.iter().cloned().map(Input::Path).collect();
    let mut looked = look(inputs, root, store.as_ref(), scratch.path().to_owned(), &run)
        .map_err(|stop| if store.is_none() { with_store_hint(stop) } else { stop })?;
    drop(bars);
    let (manifest, digest) = (looked.manifest.clone(), looked.manifest_digest);
    let contents = Contents::read(&mut looked.artifacts, arguments.all)?;

    let seen = summary(&manifest, &digest, &looked.exporters, root, &contents.counted);
    context.output.say(&escape_lines(&seen));
    context.output.say(&escape_lines(&contents.listed));
    confirm(arguments.manifest.as_ref(), &digest, context)?;
    let reason = match &arguments.reason {
        Some(reason) => reason.clone(),
        None => ask("Why? ", context)?,
    };
    let signer = arguments.signer.open()?;
    let person = approver(root, signer.public().id(), &looked.exporters).map_err(refuse)?;
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
        .unwrap_or_else(|| beside(&arguments.bundle[0], &manifest, &person));
    files::write(&output, &sealed.write(), Existing::Keep)?;
    report(&approval, &person, &output, context);
    Ok(Exit::Done)
}

/// By what the bundle is judged, and where that is which a delta leaves out.
fn site(arguments: &Arguments) -> Result<(TrustFolder, Option<Store>), Stop> {
    match (&arguments.enclave, &arguments.trust) {
        (Some(enclave), _) => {
            let store = Store::open(enclave.join("store"))
                .map_err(|error| Unable::new("cannot read the enclave's store").because(error))?;
            Ok((TrustFolder::open(&enclave.join("trust"))?, Some(store)))
        }
        (None, Some(trust)) => Ok((TrustFolder::open(trust)?, None)),
        (None, None) => Err(Unable::new("neither --trust nor --enclave was given").into()),
    }
}

/// Of a delta only what it carries can be looked at without a store.
fn with_store_hint(stop: Stop) -> Stop {
    match stop {
        Stop::Refused(refusals) => Stop::Refused(
            refusals
                .into_iter()
                .map(|refusal| match refusal.code {
                    Code::ObjectNotListed => refusal.hint(
                        "a bundle that brings only what is missing can be looked at where the rest is: give --enclave",
                    ),
                    _ => refusal,
                })
                .collect(),
        ),
        other => other,
    }
}

/// What a person reads before deciding, and what the approval then repeats, made from the verified manifest.
fn summary(
    manifest: &Manifest,
    digest: &Digest,
    exporters: &[String],
    root: &TrustedRoot,
    counted: &[String],
) -> Vec<String> {
    let catalog = &manifest.catalog;
    let previous = match &manifest.previous {
        Some(previous) => format!("after manifest {previous}"),
        None => "the first of its stream and epoch".to_owned(),
    };
    let base = manifest.delta_words().unwrap_or_else(|| "stands alone".to_owned());
    let mut lines = vec![
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
    ];
    lines.extend(counted.iter().cloned());
    lines.extend([
        format!("volumes      {}, every byte as signed", manifest.volumes.len()),
        format!("plan         {}", manifest.plan),
        format!("catalog      {}", catalog.digest),
        format!("manifest     {digest}"),
    ]);
    lines
}

/// How many artifacts of each ecosystem are shown before the rest is only counted.
const SHOWN: usize = 20;

/// So many kinds of one state are named; more are counted, as those that are looked for beside every plain file.
const NAMED_KINDS: usize = 3;

/// The proofs that came, and what is said of those that did not.
fn proofs_in_words(proofs: &[Proof]) -> String {
    if proofs.is_empty() {
        return "no kind of proof exists".to_owned();
    }
    let of_state = |state: ProofState| proofs.iter().filter(move |proof| proof.state == state).count();
    let mut words: Vec<String> = Vec::new();
    for proof in proofs {
        let (state, count) = (proof.state, of_state(proof.state));
        let word = match state == ProofState::Present || count <= NAMED_KINDS {
            true => format!("{} {}", proof.kind, state.word()),
            false => format!("{count} kinds {}", state.word()),
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join(", ")
}

/// A bundle's artifacts as the person sees them.
#[derive(Default)]
struct Contents {
    /// A line for each ecosystem, which the approval repeats.
    counted: Vec<String>,
    /// Artifacts, one a line.
    listed: Vec<String>,
}

impl Contents {
    fn read(artifacts: &mut ExaminedReader, all: bool) -> Result<Self, Stop> {
        let mut ecosystems: BTreeMap<String, (usize, u64, usize)> = BTreeMap::new();
        let mut names: BTreeSet<String> = BTreeSet::new();
        let mut this = Self::default();
        while let Some(item) = artifacts.next()? {
            let artifact = &item.artifact;
            let (count, bytes, proven) = ecosystems.entry(artifact.ecosystem.clone()).or_default();
            *count += 1;
            *bytes += item.size;
            *proven += usize::from(artifact.proofs.iter().any(|proof| proof.state == ProofState::Present));
            if all || *count <= SHOWN {
                this.listed.push(format!(
                    "  {artifact} {}  {}  (asked by {})",
                    artifact.file,
                    proofs_in_words(&artifact.proofs),
                    artifact.reason
                ));
            } else if *count == SHOWN + 1 {
                this.listed
                    .push(format!("  and more of {}; --all shows them", artifact.ecosystem));
            }
            if names.len() < MAX_COUNTED_NAMES {
                names.insert(artifact.full_name().to_string());
            }
        }
        for (ecosystem, (count, bytes, proven)) in ecosystems {
            let prefix = format!("{ecosystem}/");
            let of_it = names.iter().filter(|name| name.starts_with(&prefix)).count();
            this.counted.push(format!(
                "{ecosystem:<12} {count} artifacts of {of_it} names, {bytes} bytes; {proven} with a publisher's or registry's proof"
            ));
        }
        Ok(this)
    }
}

/// Names are counted exactly up to here; a bundle with more is read by nobody.
const MAX_COUNTED_NAMES: usize = 1_000_000;

fn escape_lines(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n")
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
pub(super) fn confirm(expected: Option<&Digest>, digest: &Digest, context: &Context) -> Result<(), Stop> {
    let differs = |expected: String, found: String| {
        Refusal::new(Code::DigestMismatch, "the manifest", "it is not the one that was meant")
            .comparing(expected, found)
            .into()
    };
    let words = words::phrase(digest, WORDS_TO_IDENTIFY);
    if let Some(expected) = expected {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_kinds_that_did_not_come_are_counted() {
        let proof = |kind: &str, state| Proof {
            kind: kind.to_owned(),
            state,
            objects: Vec::new(),
        };
        let told = |absent: usize| {
            let mut proofs: Vec<Proof> = (0..absent)
                .map(|number| proof(&format!("k{number}"), ProofState::NotServed))
                .collect();
            proofs.push(proof("rpm-signature", ProofState::Present));
            proofs_in_words(&proofs)
        };
        assert_eq!(told(2), "k0 not-served, k1 not-served, rpm-signature present");
        assert_eq!(told(9), "9 kinds not-served, rpm-signature present");
        assert_eq!(proofs_in_words(&[]), "no kind of proof exists");
    }
}
