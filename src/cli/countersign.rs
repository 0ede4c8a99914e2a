//! `sealift report countersign`: what a person who had no part in an import says of its report.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::output::escape;
use super::report::{find, subject};
use super::signer::SignerArguments;
use super::stands::{self, Opened};
use super::together::check_role;
use super::{Context, Exit};
use crate::crypto::strict_json::Extensions;
use crate::enclave::Statement;
use crate::import::record;
use crate::model::{Code, Digest, Refusal, Stop, Unable};
use crate::report::{self, Head};
use crate::statement::{
    Absent, Body, Countersignature, Countersigned, FORMAT, Parties, Renewals, ReportNamed, Said, Statements, judge_new,
};
use crate::trust::{self, Kind};

/// Of which report, and what is said of it.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("said").required(true))]
pub(super) struct Arguments {
    /// The report: its number among the enclave's reports, or the copy of it that was read
    #[arg(value_name = "FILE|NUMBER")]
    report: PathBuf,
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Say that it was read, and is accepted
    #[arg(long, group = "said")]
    accept: bool,
    /// Say that it was read, and that there is an objection to what it tells of
    #[arg(long, group = "said")]
    object: bool,
    /// The digest of what was read, as every rendering of a report names it: refused if this is another one
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Where the request is kept
    #[arg(long, value_name = "TEXT")]
    ticket: Option<String>,
    #[command(flatten)]
    signer: SignerArguments,
}

/// Verifies the report to its end, and takes one person's word about it.
pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let signer = arguments.signer.open()?;
    let folder = &arguments.enclave;
    let Opened {
        trust,
        site,
        enclave,
        statements,
    } = stands::open(folder, "report countersign")?;
    let path = find(folder, Some(&arguments.report))?;
    let revocations = site.revocations().map(|(_, document)| document);
    let report = Renewals::of(folder, &statements)?
        .verify(&path, trust.roots(), revocations, &mut |_| {})?
        .map_err(|error| error.stop(subject(&path)))?;
    let number = report.head.number;
    let other = |reason: &str, expected: &Digest| {
        Refusal::new(Code::DigestMismatch, subject(&path), reason).comparing(expected, report.digest)
    };
    if let Some(read) = arguments.digest.filter(|read| *read != report.digest) {
        return Err(other("it is another report than the one that was read", &read).into());
    }
    match own(arguments, &statements, number)? {
        Some(own) if own != report.digest => {
            return Err(other(&format!("it is not the enclave's report {number}"), &own).into());
        }
        Some(_) => {}
        None => {
            return Err(Refusal::new(
                Code::StateRolledBack,
                subject(&path),
                format!("the enclave has no report {number}"),
            )
            .hint("`sealift report list` shows which there are, and `sealift audit` what is missing")
            .into());
        }
    }
    check_role(Kind::Countersignature, &trust, signer.as_ref())?;
    let id = signer.public().id();
    let root = trust.current().document();
    let person: Vec<String> = root.keys.get(&id).map(|key| key.person.clone()).into_iter().collect();
    Parties::of(&report)
        .check(&person, &[id.to_string()])
        .map_err(|error| error.refusal("the countersignature"))?;
    let said = match arguments.accept {
        true => Said::Accepted,
        false => Said::Objected,
    };
    let before = statements.countersigning(&report)?;
    if let Some(same) = before.iter().rev().find(|one| one.stated.persons == person)
        && same.lapsed.is_none()
        && same.body.said == said
    {
        return Err(Unable::new(format!(
            "{} has {said} report {number} already, by statement {}",
            person.join(", "),
            same.stated.record.number
        ))
        .into());
    }
    context.output.say(&format!(
        "signing that report {number} is {said}: {}, {}",
        report.head.outcome.word(),
        report.digest
    ));
    let body = Body::Countersignature(Countersignature {
        created: context.now,
        critical: Default::default(),
        enclave: *root.enclave.id.digest(),
        ext: Extensions::new(),
        format: FORMAT,
        reason: arguments.reason.trim().to_owned(),
        report: ReportNamed {
            digest: report.digest,
            number,
        },
        said,
        ticket: arguments.ticket.clone(),
    });
    let payload = body.write().map_err(|error| error.refusal("the countersignature"))?;
    let envelope = trust::sign(Kind::Countersignature, payload, &[signer.as_ref()])
        .map_err(|error| Unable::new("cannot sign the countersignature").because(error))?;
    let (_, persons) = judge_new(&envelope, Kind::Countersignature, trust.current(), revocations)
        .map_err(|error| error.refusal("the countersignature"))?;
    let record = enclave.state(
        &Statement {
            what: Kind::Countersignature.name(),
            envelope: &envelope,
            pruned: &[],
            list: None,
        },
        context.now,
    )?;
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-report-countersign/1",
            "number": number,
            "report": report.digest,
            "said": said,
            "statement": record.number,
            "digest": record.digest,
            "persons": persons,
        }));
    } else {
        context.output.answer(&format!(
            "report {number} is {said} by {}, by statement {}",
            escape(&persons.join(", ")),
            record.number
        ));
    }
    Ok(Exit::Done)
}

/// The digest of the enclave's own report of a number, also of one that is gone.
fn own(arguments: &Arguments, statements: &Statements, number: u64) -> Result<Option<Digest>, Stop> {
    let listed = record::folder(&arguments.enclave).list()?;
    if let Some(listed) = listed.into_iter().find(|listed| listed.number == number) {
        let digest = report::Folder::digest(&listed.path).map_err(|error| error.stop(subject(&listed.path)))?;
        return Ok(Some(digest));
    }
    Ok(Absent::of(statements).get(number).map(|gone| gone.report.digest))
}

/// What a person said, in one line.
pub(super) fn words(one: &Countersigned<'_>, head: &Head) -> String {
    let persons = one.stated.persons.join(", ");
    let mut text = format!("{} by {persons} {}", one.body.said, one.body.created);
    let approved = |person: &&report::Person| person.approval.is_some() && one.stated.persons.contains(&person.person);
    if head.people.iter().any(|person| approved(&person)) {
        text.push_str(", who approved the bundle too");
    }
    text.push_str(&format!(
        ", by statement {}: {}",
        one.stated.record.number, one.body.reason
    ));
    if let Some(ticket) = &one.body.ticket {
        text.push_str(&format!(" ({ticket})"));
    }
    if let Some(reason) = one.lapsed {
        text.push_str(&format!("; does not count any more, as the key is revoked: {reason}"));
    }
    escape(&text)
}

/// The same for programs.
pub(super) fn in_json(all: &[Countersigned<'_>]) -> Value {
    all.iter()
        .map(|one| {
            json!({
                "statement": one.stated.record.number,
                "time": one.stated.record.time,
                "said": one.body.said,
                "persons": one.stated.persons,
                "keys": one.stated.keys,
                "created": one.body.created,
                "reason": one.body.reason,
                "ticket": one.body.ticket,
                "counts": one.lapsed.is_none(),
            })
        })
        .collect()
}

/// The same in a list of reports.
pub(super) fn in_brief(all: &Value) -> String {
    let counting = all.as_array().into_iter().flatten().filter(|one| one["counts"] == true);
    let words: Vec<String> = counting
        .map(|one| {
            let persons = one["persons"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            let persons: Vec<&str> = persons.collect();
            format!("{} by {}", one["said"].as_str().unwrap_or_default(), persons.join(", "))
        })
        .collect();
    escape(&words.join("; "))
}
