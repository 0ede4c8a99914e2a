//! `sealift hold`: what must not be removed.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::ask::time;
use super::output::escape;
use super::signer::SignerArguments;
use super::stands::{self, Opened};
use super::together::{JointArguments, Together, sign_together};
use super::{Context, Exit};
use crate::crypto::strict_json::Extensions;
use crate::enclave::{self, Statement};
use crate::import::site::Site;
use crate::model::{Digest, Stop, Timestamp, Unable};
use crate::statement::{Body, FORMAT, Held, Hold, Holds, Release, Scope, judge_new};
use crate::trust::folder::TrustFolder;
use crate::trust::{self, Kind};

/// What to do with holds.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Hold something: one person of the enclave's root signs
    Add(Add),
    /// End a hold: as many persons sign as the role trust asks for
    Release(End),
    /// List what is held, and what was
    List(List),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
struct Add {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Hold everything
    #[arg(long, group = "what")]
    everything: bool,
    /// Hold what is about a bundle, by its manifest's digest, and what it brought
    #[arg(long, value_name = "DIGEST", group = "what")]
    bundle: Option<Digest>,
    /// Hold what is about an artifact; without a version, about all of them
    #[arg(long, value_name = "PURL", group = "what")]
    purl: Option<String>,
    /// Hold what rests on a key, a certificate or an identity, as `sealift where --key` takes it
    #[arg(long, value_name = "KEY", group = "what")]
    resting_on: Option<String>,
    /// Hold what was made, or came, from this day or time (UTC) on
    #[arg(long, value_name = "TIME", value_parser = time, group = "what", requires = "until")]
    from: Option<Timestamp>,
    /// Until before this day or time
    #[arg(long, value_name = "TIME", value_parser = time, requires = "from")]
    until: Option<Timestamp>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Where the request is kept
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    #[command(flatten)]
    signer: SignerArguments,
}

#[derive(Debug, Args)]
struct End {
    /// The hold
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    joint: JointArguments,
}

#[derive(Debug, Args)]
struct List {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Also those that have ended
    #[arg(long)]
    all: bool,
}

/// Runs one of the verbs.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.command {
        Command::Add(arguments) => add(arguments, context)?,
        Command::Release(arguments) => release(arguments, context)?,
        Command::List(arguments) => list(arguments, context)?,
    }
    Ok(Exit::Done)
}

impl Add {
    fn scope(&self) -> Result<Scope, Stop> {
        Ok(
            match (&self.bundle, &self.purl, &self.resting_on, self.from, self.until) {
                (Some(manifest), ..) => Scope::Bundle { manifest: *manifest },
                (_, Some(purl), ..) => Scope::Purl { purl: purl.clone() },
                (_, _, Some(key), ..) => Scope::Key { key: key.clone() },
                (_, _, _, Some(from), Some(until)) => Scope::Dates { from, until },
                _ if self.everything => Scope::Everything {},
                _ => return Err(Unable::new("nothing was named to be held").into()),
            },
        )
    }
}

fn add(arguments: &Add, context: &Context) -> Result<(), Stop> {
    let signer = arguments.signer.open()?;
    let Opened {
        trust,
        site,
        enclave,
        statements,
    } = stands::open(&arguments.enclave, "hold")?;
    let holds = Holds::of(&statements);
    if holds.active().any(|held| held.hold.name == arguments.name) {
        return Err(Unable::new(format!("there is a hold {} already", arguments.name)).into());
    }
    let body = Body::Hold(Hold {
        created: context.now,
        critical: Default::default(),
        enclave: *trust.current().document().enclave.id.digest(),
        ext: Extensions::new(),
        format: FORMAT,
        name: arguments.name.clone(),
        reason: arguments.reason.trim().to_owned(),
        scope: arguments.scope()?,
        ticket: arguments.ticket.clone(),
    });
    let payload = body.write().map_err(|error| error.refusal("the hold"))?;
    let envelope = trust::sign(Kind::Hold, payload, &[signer.as_ref()])
        .map_err(|error| Unable::new("cannot sign the hold").because(error))?;
    let revocations = site.revocations().map(|(_, document)| document);
    let (_, persons) =
        judge_new(&envelope, Kind::Hold, trust.current(), revocations).map_err(|error| error.refusal("the hold"))?;
    let record = enclave.state(
        &Statement {
            what: Kind::Hold.name(),
            envelope: &envelope,
            pruned: &[],
            list: None,
        },
        context.now,
    )?;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-hold/1",
            "name": arguments.name,
            "statement": record.number,
            "digest": record.digest,
            "persons": persons,
        }));
    } else {
        context.output.answer(&format!(
            "{} is held by {}, by statement {}",
            escape(&arguments.scope()?.to_string()),
            escape(&persons.join(", ")),
            record.number
        ));
    }
    Ok(())
}

fn release(arguments: &End, context: &Context) -> Result<(), Stop> {
    let joint = &arguments.joint;
    let signer = joint.signer.open()?;
    let Opened {
        trust,
        site,
        enclave,
        statements,
    } = stands::open(&joint.enclave, "hold")?;
    let holds = Holds::of(&statements);
    let Some(held) = holds.active().find(|held| held.hold.name == arguments.name) else {
        return Err(Unable::new(format!("there is no hold {}", arguments.name))
            .hint("`sealift hold list` shows them")
            .into());
    };
    let hold = held.stated.record.digest;
    let make = |reason: &str| {
        Body::Release(Release {
            created: context.now,
            critical: Default::default(),
            enclave: *trust.current().document().enclave.id.digest(),
            ext: Extensions::new(),
            format: FORMAT,
            hold,
            reason: reason.to_owned(),
            ticket: joint.ticket.clone(),
        })
    };
    let is_meant = |body: &Body| matches!(body, Body::Release(release) if release.hold == hold);
    let together = Together {
        kind: Kind::Release,
        name: format!("release-{}", arguments.name),
        what: format!("the release of the hold {}", arguments.name),
        reason: joint.reason.as_deref(),
        make: &make,
        is_meant: &is_meant,
    };
    sign_together(&together, &enclave, &trust, &site, signer.as_ref(), context)
}

fn list(arguments: &List, context: &Context) -> Result<(), Stop> {
    let folder = &arguments.enclave;
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let site = Site::load(&trust)?;
    let ledger = enclave::read(folder)?;
    let statements = stands::of(folder, &ledger, &trust, &site)?;
    let holds = Holds::of(&statements);
    let shown = holds
        .all()
        .iter()
        .filter(|held| arguments.all || held.released.is_none());
    if context.output.wants_json() {
        let holds: Vec<Value> = shown.map(held_json).collect();
        context
            .output
            .json(&json!({ "schema": "sealift-holds/1", "holds": holds }));
        return Ok(());
    }
    let mut is_empty = true;
    for held in shown {
        is_empty = false;
        context.output.answer(&held_text(held));
    }
    if is_empty {
        context.output.say("nothing is held");
    }
    Ok(())
}

fn held_text(held: &Held<'_>) -> String {
    let mut text = format!(
        "{}  {}\n  by {} since {}: {}",
        escape(&held.hold.name),
        escape(&held.hold.scope.to_string()),
        escape(&held.stated.persons.join(", ")),
        held.stated.record.time,
        escape(&held.hold.reason)
    );
    if let Some(release) = held.released {
        text.push_str(&format!(
            "\n  released by {} on {}",
            escape(&release.persons.join(", ")),
            release.record.time
        ));
    }
    text
}

fn held_json(held: &Held<'_>) -> Value {
    json!({
        "name": held.hold.name,
        "scope": held.hold.scope,
        "reason": held.hold.reason,
        "ticket": held.hold.ticket,
        "since": held.stated.record.time,
        "persons": held.stated.persons,
        "statement": held.stated.record.number,
        "digest": held.stated.record.digest,
        "released": held.released.map(|release| json!({
            "statement": release.record.number,
            "time": release.record.time,
            "persons": release.persons,
        })),
    })
}
