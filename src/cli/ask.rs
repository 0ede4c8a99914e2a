//! `sealift ask`: an auditor's questions, each as a table, as JSON or as CSV.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::output::{Lines, escape};
use super::report::Judge;
use super::{Context, Exit, stands};
use crate::ecosystem::purl;
use crate::enclave;
use crate::import::decide::ArtifactDecision;
use crate::import::record;
use crate::ledger::{BundleRecord, Entry, Judgement, Ledger};
use crate::model::{Digest, Level, Stop, Timestamp, Unable, bundle_label};
use crate::report::csv_row;

/// What is asked.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    question: Question,
}

#[derive(Debug, Subcommand)]
enum Question {
    /// What came in a bundle: what it was the first to bring, and what it was the last to bring again
    Bundle {
        /// The bundle: its number in the stream main, a label such as `side 2/12`, or its manifest's digest
        #[arg(value_name = "BUNDLE")]
        bundle: String,
        #[command(flatten)]
        place: Place,
    },
    /// What was admitted under a waiver, under a rule, or by persons' review; as it was last judged
    Admitted {
        /// Only under this waiver
        #[arg(long, value_name = "ID")]
        waiver: Option<String>,
        /// Only what this rule asked a level of or remarked on, by its path in the policy
        #[arg(long, value_name = "PATH", conflicts_with = "waiver")]
        rule: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// What clients find that did not reach a level of evidence
    Below {
        /// The level: observed, registry, publisher or provenance
        #[arg(value_name = "LEVEL", value_parser = level)]
        level: Level,
        #[command(flatten)]
        place: Place,
    },
    /// What came, came again, or was rolled back between two times
    Changed {
        /// From this day or time (UTC) on
        #[arg(long, value_name = "TIME", value_parser = time)]
        from: Timestamp,
        /// Until before this day or time [default: now]
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Option<Timestamp>,
        #[command(flatten)]
        place: Place,
    },
    /// Who exported and who approved what was imported, from the signed reports, and who countersigned these
    Approved {
        /// Only this bundle
        #[arg(value_name = "BUNDLE")]
        bundle: Option<String>,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The enclave's folder
    #[arg(long, value_name = "FOLDER")]
    enclave: PathBuf,
    /// Print CSV, in which no cell is computed; --json goes before it
    #[arg(long)]
    csv: bool,
}

/// Columns of answers about artifacts, and how wide they are in a table.
const ARTIFACTS: &[(&str, usize)] = &[
    ("ecosystem", 9),
    ("name", 28),
    ("version", 14),
    ("level", 10),
    ("bundle", 10),
    ("imported", 20),
    ("why", 24),
    ("file", 0),
    ("purl", 0),
    ("digest", 0),
    ("size", 0),
    ("current", 0),
];

/// In a table the columns end here: the rest is for machines.
const IN_TABLE: usize = 8;

/// Columns of answers about persons.
const PERSONS: &[(&str, usize)] = &[
    ("bundle", 10),
    ("imported", 20),
    ("role", 11),
    ("person", 14),
    ("signed", 20),
    ("ticket", 12),
    ("reason", 0),
    ("report", 0),
    ("manifest", 0),
    ("keys", 0),
    ("said", 0),
];

/// Answers.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    match &arguments.question {
        Question::Bundle { bundle, place } => {
            let ledger = enclave::read(&place.enclave)?;
            let bundle = find(&ledger, bundle)?;
            let mut answer = Answer::begin("bundle", ARTIFACTS, place, context);
            ledger.brought_by(&bundle.manifest, |entry| {
                let why = if entry.first_bundle == bundle { "new" } else { "again" };
                answer.artifact(&ledger, &entry, why)
            })?;
            answer.end(context);
        }
        Question::Admitted { waiver, rule, place } => {
            let ledger = enclave::read(&place.enclave)?;
            let mut answer = Answer::begin("admitted", ARTIFACTS, place, context);
            ledger.decided(|entry| {
                let Some(judgement) = ledger.judgement(&entry)? else {
                    return Ok(());
                };
                let decision = ArtifactDecision::read(&judgement.decision);
                match decision.and_then(|decision| grounds(&decision, waiver.as_deref(), rule.as_deref())) {
                    Some(why) => answer.artifact(&ledger, &entry, &why),
                    None => Ok(()),
                }
            })?;
            answer.end(context);
        }
        Question::Below { level, place } => {
            let ledger = enclave::read(&place.enclave)?;
            let why = format!("below {}", level.word());
            let mut answer = Answer::begin("below", ARTIFACTS, place, context);
            ledger.below(*level, |entry| answer.artifact(&ledger, &entry, &why))?;
            answer.end(context);
        }
        Question::Changed { from, to, place } => {
            let ledger = enclave::read(&place.enclave)?;
            // What came in this very second has changed.
            let to = to.unwrap_or(Timestamp::from_seconds(context.now.seconds().saturating_add(1)));
            let mut answer = Answer::begin("changed", ARTIFACTS, place, context);
            ledger.changed(*from, to, |entry| {
                answer.artifact(&ledger, &entry, change_of(&entry, *from, to))
            })?;
            answer.end(context);
        }
        Question::Approved { bundle, place } => approved(bundle.as_deref(), place, context)?,
    }
    Ok(Exit::Done)
}

/// What became of an artifact in a time, of which something did.
fn change_of(entry: &Entry, from: Timestamp, to: Timestamp) -> &'static str {
    let within = |bundle: &BundleRecord| (from..to).contains(&bundle.imported);
    match (within(&entry.first_bundle), within(&entry.last_bundle)) {
        (true, _) if entry.is_current => "came",
        (true, _) => "came, and rolled back",
        (false, true) => "came again",
        (false, false) => "rolled back",
    }
}

/// On what an artifact was admitted, if that is what was asked for: a waiver, a rule, or persons.
fn grounds(decision: &ArtifactDecision, waiver: Option<&str>, rule: Option<&str>) -> Option<String> {
    if !decision.admission.is_admitted() {
        return None;
    }
    let said = &decision.decision;
    if let Some(rule) = rule {
        let hit = said.hits.iter().find(|hit| hit.rule == rule);
        return match hit {
            Some(hit) => Some(format!("{rule}: {}", hit.code.name())),
            None => (said.required_by == rule).then(|| format!("{rule}: {}", said.required.word())),
        };
    }
    let mut grounds: Vec<String> = said
        .hits
        .iter()
        .filter_map(|hit| hit.waived_by.as_ref().map(|id| (id, hit)))
        .filter(|(id, _)| waiver.is_none_or(|waiver| waiver == *id))
        .map(|(id, hit)| format!("waiver {id}: {}", hit.code.name()))
        .collect();
    if waiver.is_none() && !decision.reviewed_by.is_empty() {
        grounds.push(format!("reviewed by {}", decision.reviewed_by.join(" and ")));
    }
    (!grounds.is_empty()).then(|| grounds.join("; "))
}

/// Lists who vouched for what was imported. Every report is verified by its own seal and the root's chain first.
fn approved(bundle: Option<&str>, place: &Place, context: &Context) -> Result<(), Stop> {
    let ledger = enclave::read(&place.enclave)?;
    let judge = Judge::of(&place.enclave.join("trust"))?;
    let wanted = bundle.map(|text| find(&ledger, text)).transpose()?;
    let mut answer = Answer::begin("approved", PERSONS, place, context);
    let statements = stands::beside(&place.enclave, &judge)?;
    let mut told = Vec::new();
    for listed in record::folder(&place.enclave).list()? {
        let report = judge
            .open(&listed.path)
            .map_err(|error| error.stop(super::report::subject(&listed.path)))?;
        let Some(bundle) = &report.head.bundle else { continue };
        // What was refused, nobody let in.
        let Some(imported) = ledger.bundle(&bundle.manifest)? else {
            continue;
        };
        if report.head.outcome != crate::report::Outcome::Imported
            || wanted.as_ref().is_some_and(|wanted| *wanted != imported)
        {
            continue;
        }
        told.push(imported.manifest);
        let said = statements.countersigning(&report)?;
        for person in &report.head.people {
            let consent = person.approval.as_ref();
            answer.row(vec![
                json!(bundle.label),
                json!(imported.imported),
                json!(person.role),
                json!(person.person),
                json!(consent.map(|consent| consent.created)),
                json!(consent.and_then(|consent| consent.ticket.clone())),
                json!(consent.map(|consent| consent.reason.clone())),
                json!(report.head.number),
                json!(bundle.manifest),
                json!(person.keys.join(" ")),
                Value::Null,
            ]);
        }
        for one in said.iter().filter(|one| one.lapsed.is_none()) {
            answer.row(vec![
                json!(bundle.label),
                json!(imported.imported),
                json!("countersign"),
                json!(one.stated.persons.join(", ")),
                json!(one.body.created),
                json!(one.body.ticket),
                json!(format!("{}: {}", one.body.said, one.body.reason)),
                json!(report.head.number),
                json!(bundle.manifest),
                json!(one.stated.keys.join(" ")),
                json!(one.body.said),
            ]);
        }
    }
    answer.end(context);
    let silent = ledger
        .bundles()?
        .into_iter()
        .filter(|bundle| wanted.as_ref().is_none_or(|wanted| wanted == bundle) && !told.contains(&bundle.manifest));
    for bundle in silent {
        context.output.warn(&format!(
            "no report tells of bundle {}",
            escape(&bundle_label(&bundle.stream, bundle.epoch, bundle.sequence))
        ));
    }
    Ok(())
}

/// A bundle by its number, its label or its manifest.
fn find(ledger: &Ledger, text: &str) -> Result<BundleRecord, Stop> {
    let found = if let Ok(digest) = text.parse::<Digest>() {
        ledger.bundle(&digest)?
    } else {
        let (stream, number) = text.rsplit_once(' ').unwrap_or(("main", text));
        let (epoch, sequence) = number.split_once('/').unwrap_or(("1", number));
        match (epoch.parse(), sequence.parse()) {
            (Ok(epoch), Ok(sequence)) => ledger.bundle_numbered(stream, epoch, sequence)?,
            _ => None,
        }
    };
    found.ok_or_else(|| {
        Unable::new(format!("no bundle {text:?} was imported here"))
            .hint("write it as `12`, as 'main 12', as 'main 2/12' in epoch 2, or as its manifest's digest")
            .into()
    })
}

fn level(text: &str) -> Result<Level, String> {
    Level::ALL
        .into_iter()
        .find(|level| level.word() == text)
        .ok_or_else(|| format!("a level is one of {}", Level::ALL.map(Level::word).join(", ")))
}

/// A day, which begins at midnight UTC, or a time.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .map_err(|_| "write it as 2026-03-31 or 2026-03-31T12:00:00Z".to_owned())
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Json,
    Csv,
}

/// An answer that is printed row by row.
struct Answer {
    lines: Lines,
    form: Form,
    columns: &'static [(&'static str, usize)],
    count: u64,
}

impl Answer {
    fn begin(question: &str, columns: &'static [(&'static str, usize)], place: &Place, context: &Context) -> Self {
        let form = match (context.output.wants_json(), place.csv) {
            (true, _) => Form::Json,
            (false, true) => Form::Csv,
            (false, false) => Form::Table,
        };
        let mut this = Self {
            lines: context.output.lines(),
            form,
            columns,
            count: 0,
        };
        let names = || columns.iter().map(|(name, _)| (*name).to_owned());
        match form {
            Form::Json => this.lines.line(&format!(
                "{{\"schema\":\"sealift-ask/1\",\"question\":{},\"rows\":[",
                json!(question)
            )),
            Form::Csv => this.csv(names()),
            Form::Table => {}
        }
        this
    }

    fn artifact(&mut self, ledger: &Ledger, entry: &Entry, why: &str) -> Result<(), Stop> {
        let judgement: Option<Judgement> = ledger.judgement(entry)?;
        let level = judgement.map_or(Level::None, |judgement| judgement.level);
        let artifact = &entry.artifact;
        let bundle = &entry.first_bundle;
        self.row(vec![
            json!(artifact.ecosystem),
            json!(artifact.name),
            json!(artifact.version),
            json!(level.word()),
            json!(bundle_label(&bundle.stream, bundle.epoch, bundle.sequence)),
            json!(bundle.imported),
            json!(why),
            json!(artifact.file),
            json!(purl(artifact)),
            json!(artifact.digest),
            json!(entry.size),
            json!(entry.is_current),
        ]);
        Ok(())
    }

    fn row(&mut self, cells: Vec<Value>) {
        let text = |cell: &Value| match cell {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self.form {
            Form::Json => {
                let comma = if self.count == 0 { "" } else { "," };
                let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
                let row: Map<String, Value> = names.zip(cells).collect();
                self.lines.line(&format!("{comma}{}", Value::Object(row)));
            }
            Form::Csv => self.csv(cells.iter().map(text)),
            Form::Table => {
                if self.count == 0 {
                    let names: Vec<String> = self.columns.iter().map(|(name, _)| name.to_uppercase()).collect();
                    self.table(&names);
                }
                let cells: Vec<String> = cells.iter().map(|cell| escape(&text(cell))).collect();
                self.table(&cells);
            }
        }
        self.count += 1;
    }

    fn table(&mut self, cells: &[String]) {
        let mut line = String::new();
        for (cell, (_, width)) in cells.iter().zip(self.columns).take(IN_TABLE) {
            let (cell, width) = (if cell.is_empty() { "-" } else { cell.as_str() }, *width);
            line.push_str(&format!("{cell:<width$}  "));
        }
        self.lines.line(line.trim_end());
    }

    fn csv(&mut self, cells: impl Iterator<Item = String>) {
        let mut line = Vec::new();
        // Writing into memory cannot fail.
        let _ = csv_row(&mut line, cells);
        self.lines.line(String::from_utf8_lossy(&line).trim_end_matches('\n'));
    }

    fn end(mut self, context: &Context) {
        match self.form {
            Form::Json => self.lines.line("]}"),
            Form::Csv => {}
            Form::Table => {
                let count = self.count;
                drop(self.lines);
                if count == 0 {
                    context.output.say("nothing");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Artifact;

    #[test]
    fn what_was_not_admitted_was_admitted_on_no_ground() {
        let decided = |admission: &str| -> ArtifactDecision {
            serde_json::from_value(json!({
                "admission": admission, "digest": Digest::of(b"x"), "policy": Digest::of(b"policy"), "policy_version": 1,
                "decision": {
                    "hits": [], "reached": "none", "required": "none", "required_by": "levels.default", "rules_say": "allow",
                    "verdict": "allow",
                },
            }))
            .unwrap()
        };
        let ground = |admission| grounds(&decided(admission), None, Some("levels.default"));
        assert!(ground("allowed").is_some());
        assert_eq!(ground("denied"), None);
    }

    #[test]
    fn what_became_of_an_artifact_in_a_time_is_told_by_when_it_came() {
        let at = Timestamp::from_seconds;
        let bundle = |imported| BundleRecord::plain(at(imported));
        let told = |first, last, is_current| {
            let entry = Entry {
                is_current,
                first_bundle: bundle(first),
                ..Entry::plain(Artifact::plain("files", "a", "1", "a", Digest::of(b"a")), bundle(last))
            };
            change_of(&entry, at(10), at(20))
        };
        assert_eq!(
            (told(10, 19, true), told(10, 10, false)),
            ("came", "came, and rolled back")
        );
        assert_eq!((told(9, 10, true), told(9, 19, true)), ("came again", "came again"));
        assert_eq!((told(9, 9, false), told(9, 20, false)), ("rolled back", "rolled back"));
    }

    #[test]
    fn days_and_times_are_read() {
        assert_eq!(time("2026-03-31").unwrap(), time("2026-03-31T00:00:00Z").unwrap());
        for wrong in ["", "2026", "2026-02-30", "2026-03-31T12:00", "31.3.2026"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(level("publisher").is_ok() && level("best").is_err());
    }
}
