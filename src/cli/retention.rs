//! `sealift retention`: how long records are kept.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::escape;
use super::{Context, Exit, stands};
use crate::enclave;
use crate::import::site::{Origin, Site};
use crate::model::{Stop, Timestamp, Unable};
use crate::policy::RecordClass;
use crate::retention::{Item, Looking, items};
use crate::statement::{Holds, Renewals};
use crate::store::Store;
use crate::trust::folder::TrustFolder;

/// What to say.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show how long each class of records is kept, what is over, and what holds it
    Show(Show),
}

#[derive(Debug, Args)]
struct Show {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Judge by this day or time (UTC) what is over [default: now]
    #[arg(long, value_name = "TIME", value_parser = super::ask::time)]
    at: Option<Timestamp>,
    /// Show each record, and not only its class
    #[arg(long)]
    all: bool,
}

/// A class in numbers.
#[derive(Default)]
struct Tally {
    count: u64,
    over: u64,
    held: u64,
    may_go: u64,
    next: Option<Timestamp>,
}

/// Shows what is kept.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let Command::Show(arguments) = &arguments.command;
    let folder = &arguments.enclave;
    let at = arguments.at.unwrap_or(context.now);
    let trust = TrustFolder::open(&folder.join("trust"))?;
    let site = Site::load(&trust)?;
    let ledger = enclave::read(folder)?;
    let statements = stands::of(folder, &ledger, &trust, &site)?;
    let holds = Holds::of(&statements);
    let renewals = Renewals::of(folder, &statements)?;
    let store = Store::open(folder.join("store"))
        .map_err(|error| Unable::new("cannot read the enclave's store").because(error))?;
    let in_force = site.in_force();
    let retention = in_force.policy.retention();
    let looking = Looking {
        folder,
        ledger: &ledger,
        store: &store,
        roots: trust.roots(),
        revocations: site.revocations().map(|(_, document)| document),
        renewals: &renewals,
        holds: &holds,
        retention: &retention,
    };
    let mut tallies: BTreeMap<RecordClass, Tally> = BTreeMap::new();
    let mut listed: Vec<Item> = Vec::new();
    items(&looking, &mut |item| {
        let tally = tallies.entry(item.class).or_default();
        tally.count += 1;
        tally.over += u64::from(item.is_over(at));
        tally.held += u64::from(!item.held.is_empty());
        tally.may_go += u64::from(item.may_go(at));
        if let Some(until) = item.until.filter(|until| *until > at) {
            tally.next = Some(tally.next.map_or(until, |next| next.min(until)));
        }
        if arguments.all {
            listed.push(item);
        }
    })?;
    let says = match (in_force.origin, in_force.policy.retention.is_some()) {
        (Origin::Signed, true) => "policy",
        _ => "default",
    };
    if context.output.wants_json() {
        let classes: Vec<Value> = RecordClass::ALL
            .into_iter()
            .map(|class| {
                let tally = tallies.remove(&class).unwrap_or_default();
                json!({
                    "class": class.name(),
                    "days": retention.days(class),
                    "count": tally.count,
                    "over": tally.over,
                    "held": tally.held,
                    "may_go": tally.may_go,
                    "next": tally.next,
                })
            })
            .collect();
        context.output.long_json(&json!({
            "schema": "sealift-retention/1",
            "at": at,
            "said_by": says,
            "policy": { "id": in_force.policy.id, "version": in_force.policy.version, "digest": in_force.policy.digest() },
            "classes": classes,
            "holds": holds.active().map(|held| held.hold.name.clone()).collect::<Vec<_>>(),
            "records": listed.iter().map(item_json).collect::<Vec<_>>(),
        }));
        return Ok(Exit::Done);
    }
    let output = &context.output;
    output.answer(&match says {
        "policy" => format!(
            "as policy {} version {} says, on {at}",
            escape(&in_force.policy.id),
            in_force.policy.version
        ),
        _ => format!("as this program's own classes say, since the policy says nothing of retention, on {at}"),
    });
    for class in RecordClass::ALL {
        let tally = tallies.remove(&class).unwrap_or_default();
        let kept = match retention.days(class) {
            Some(days) => format!("{days} days"),
            None => "always".to_owned(),
        };
        let next = tally
            .next
            .map_or_else(String::new, |next| format!("; the next is over {next}"));
        output.answer(&format!(
            "{:<9} {:>10}  {} {}: {} over, {} held, {} may go{next}",
            class.name(),
            kept,
            tally.count,
            class.title(),
            tally.over,
            tally.held,
            tally.may_go
        ));
    }
    for item in &listed {
        output.answer(&item_text(item, at));
    }
    for held in holds.active() {
        output.answer(&format!(
            "hold {}: {}, by {}",
            escape(&held.hold.name),
            escape(&held.hold.scope.to_string()),
            escape(&held.stated.persons.join(", "))
        ));
    }
    Ok(Exit::Done)
}

fn item_text(item: &Item, at: Timestamp) -> String {
    let until = match item.until {
        Some(until) if until <= at => format!("over since {until}"),
        Some(until) => format!("until {until}"),
        None => "always".to_owned(),
    };
    let mut text = format!("  {:<8} {}  {until}", item.class.name(), escape(&item.path));
    if !item.held.is_empty() {
        let names: Vec<String> = item.held.iter().map(|name| escape(name)).collect();
        text.push_str(&format!("; held by {}", names.join(", ")));
    }
    if let Some(why) = item.stays {
        text.push_str(&format!("; stays, because {why}"));
    }
    text
}

/// A record for programs.
pub(super) fn item_json(item: &Item) -> Value {
    json!({
        "class": item.class.name(),
        "path": item.path,
        "from": item.from,
        "until": item.until,
        "held": item.held,
        "stays": item.stays,
        "beside": item.beside.iter().map(|(class, path)| json!({ "class": class.name(), "path": path })).collect::<Vec<_>>(),
        "report": item.report.as_ref().map(|report| report.number),
    })
}
