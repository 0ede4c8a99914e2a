//! `sealift where`: where something came from, what proves it, and what rests on a key.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::output::escape;
use super::shown::{
    bundle_json, bundle_long, bundle_text, entry_json, entry_text, finding_lines, judgement_json, judgement_text,
    lowered_text,
};
use super::{Context, Exit};
use crate::ecosystem::{Purl, purl};
use crate::enclave;
use crate::import::decide::ArtifactDecision;
use crate::ledger::{BundleRecord, Entry, Filter, Judgement, Ledger, Presence, Use, is_signer, rests_on};
use crate::model::{Digest, RelativePath, Stop, Unable};
use crate::report::csv_row;

/// What is asked about.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A package URL, a path in the repository such as `pypi/files/x.whl`, or a digest `sha256:…`
    #[arg(
        value_name = "PURL|PATH|DIGEST",
        required_unless_present = "key",
        conflicts_with = "key"
    )]
    what: Option<String>,
    /// List instead what rests on a key, a certificate, an identity or an anchor, by fingerprint, key id, subject or name
    #[arg(long, value_name = "ID")]
    key: Option<String>,
    /// Print CSV, in which no cell is computed; --json goes before it
    #[arg(long)]
    csv: bool,
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
}

/// What CSV has of each finding.
const COLUMNS: [&str; 7] = [
    "is",
    "of",
    "digest",
    "level",
    "clients_find_it",
    "first_bundle",
    "last_bundle",
];

/// Prints everything that the enclave knows about it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let ledger = enclave::read(&arguments.enclave)?;
    if let Some(key) = &arguments.key {
        return resting_on(&ledger, key, arguments.csv, context);
    }
    let what = arguments.what.as_deref().unwrap_or_default();
    let mut page = None;
    let uses = if what.starts_with("pkg:") {
        by_purl(&ledger, what)?
    } else if let Some(digest) = digest(what) {
        ledger.uses(&digest)?
    } else {
        let path = repository_path(&arguments.enclave, what)?;
        let standing = enclave::standing(&arguments.enclave, &ledger, &path)?;
        if standing.uses.is_empty() {
            page = standing.name.zip(standing.digest);
        }
        standing.uses
    };
    if uses.is_empty() && page.is_none() {
        return Err(Unable::new(format!("nothing in this enclave is {what}"))
            .hint("`sealift list` shows what is there, `sealift list --all` also what a rollback took away")
            .into());
    }
    if context.output.wants_json() {
        let mut found = Vec::new();
        for one in &uses {
            found.push(use_json(&ledger, one)?);
        }
        if let Some((name, digest)) = &page {
            found.push(json!({ "is": "page", "ecosystem": name.ecosystem, "name": name.name, "digest": digest }));
        }
        context
            .output
            .json(&json!({ "schema": "sealift-where/1", "asked": what, "found": found }));
    } else if arguments.csv {
        let mut lines = context.output.lines();
        lines.line(&csv_line(COLUMNS.map(str::to_owned)));
        for one in &uses {
            lines.line(&csv_line(use_cells(&ledger, one)?));
        }
        if let Some((name, digest)) = &page {
            let cells = ["page", &name.to_string(), &digest.to_string(), "", "true", "", ""];
            lines.line(&csv_line(cells.map(str::to_owned)));
        }
    } else {
        for one in &uses {
            context.output.answer(&use_text(&ledger, one)?);
        }
        if let Some((name, digest)) = &page {
            context.output.answer(&format!(
                "a page that sealift made from the artifacts of {}, {digest}",
                escape(&name.to_string())
            ));
        }
    }
    Ok(Exit::Done)
}

/// Lists everything whose confirmed findings rest on a key, a certificate, an identity or an anchor, as a stream.
fn resting_on(ledger: &Ledger, key: &str, csv: bool, context: &Context) -> Result<Exit, Stop> {
    let mut lines = context.output.lines();
    let json = context.output.wants_json();
    let csv = csv && !json;
    if csv {
        lines.line(&csv_line(COLUMNS.map(str::to_owned)));
    }
    let (mut count, mut current) = (0_u64, 0_u64);
    if json {
        lines.line(&format!(
            "{{\"schema\":\"sealift-where/1\",\"asked\":{},\"found\":[",
            json!(key)
        ));
    }
    ledger.resting_on(key, |entry| {
        let judgement = ledger.judgement(&entry)?;
        if json {
            let comma = if count == 0 { "" } else { "," };
            let found = json!({
                "is": "resting",
                "artifact": entry_json(&entry),
                "judgement": judgement_json(judgement.as_ref()),
            });
            lines.line(&format!("{comma}{found}"));
        } else if csv {
            lines.line(&csv_line(entry_cells("resting", &entry, judgement.as_ref())));
        } else {
            lines.line(&resting_text(&entry, judgement.as_ref(), key));
        }
        count += 1;
        current += u64::from(entry.is_current);
        Ok::<_, Stop>(())
    })?;
    if json {
        lines.line("]}");
    }
    if json || csv {
        return Ok(Exit::Done);
    }
    lines.line(&format!(
        "{count} artifacts rest on {}; clients find {current} of them",
        escape(key)
    ));
    Ok(Exit::Done)
}

fn csv_line(cells: [String; 7]) -> String {
    let mut line = Vec::new();
    // Writing into memory cannot fail.
    let _ = csv_row(&mut line, cells.into_iter());
    String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()
}

fn entry_cells(is: &str, entry: &Entry, judgement: Option<&Judgement>) -> [String; 7] {
    [
        is.to_owned(),
        purl(&entry.artifact),
        entry.artifact.digest.to_string(),
        judgement.map_or(String::new(), |judgement| judgement.level.word().to_owned()),
        entry.is_current.to_string(),
        bundle_text(&entry.first_bundle),
        bundle_text(&entry.last_bundle),
    ]
}

fn use_cells(ledger: &Ledger, one: &Use) -> Result<[String; 7], Stop> {
    let of_bundle = |is: &str, of: String, digest: String, bundle: &BundleRecord| {
        let label = bundle_text(bundle);
        [
            is.to_owned(),
            of,
            digest,
            String::new(),
            String::new(),
            label.clone(),
            label,
        ]
    };
    Ok(match one {
        Use::Artifact(entry) => entry_cells("artifact", entry, ledger.judgement(entry)?.as_ref()),
        Use::Proof(entry) => entry_cells("proof", entry, None),
        Use::Derived(label, entry) => entry_cells(label, entry, None),
        Use::Document { name, kind, bundle, .. } => of_bundle(kind, name.to_string(), String::new(), bundle),
        Use::Manifest(bundle) => of_bundle("manifest", bundle_text(bundle), bundle.manifest.to_string(), bundle),
    })
}

/// An artifact, and those of its findings that rest on the key, or that its owner's statement lowered.
fn resting_text(entry: &Entry, judgement: Option<&Judgement>, key: &str) -> String {
    let level = judgement.map_or("none", |judgement| judgement.level.word());
    let gone = if entry.is_current { "" } else { " (rolled back)" };
    let mut lines = vec![format!("{}  {level}{gone}", escape(&purl(&entry.artifact)))];
    let findings = judgement.into_iter().flat_map(|judgement| &judgement.findings);
    for finding in findings.filter(|finding| rests_on(finding, key)) {
        lines.extend(finding_lines(finding));
    }
    let decided = judgement.and_then(|judgement| ArtifactDecision::read(&judgement.decision));
    for hit in decided.iter().flat_map(|decided| &decided.decision.hits) {
        let lowered = hit.lowered.as_ref();
        let lowered = lowered.filter(|lowered| lowered.signer.as_ref().is_some_and(|signer| is_signer(signer, key)));
        if let Some(lowered) = lowered {
            lines.push(format!(
                "  noted     {}, {}",
                escape(&hit.message),
                lowered_text(lowered)
            ));
        }
    }
    lines.join("\n")
}

pub(super) fn by_purl(ledger: &Ledger, text: &str) -> Result<Vec<Use>, Stop> {
    let purl: Purl = text
        .parse()
        .map_err(|error| Unable::new("cannot read what was asked for").because(error))?;
    let mut uses = Vec::new();
    let filter = Filter {
        ecosystem: Some(purl.ecosystem),
        name: Some(glob_literal(&purl.name)),
        version: purl.version,
        file: purl.file,
        presence: Presence::Any,
    };
    ledger.list(&filter, |entry| {
        if purl.digest.is_none_or(|digest| digest == entry.artifact.digest) {
            uses.push(Use::Artifact(Box::new(entry)));
        }
        Ok::<_, Stop>(())
    })?;
    Ok(uses)
}

/// A pattern that only the text itself fits.
fn glob_literal(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '*' | '?' | '[' => format!("[{character}]"),
            other => other.to_string(),
        })
        .collect()
}

/// A digest, with or without the algorithm's name before it.
fn digest(text: &str) -> Option<Digest> {
    text.parse().or_else(|_| format!("sha256:{text}").parse()).ok()
}

/// A path below the repository, also where it was given from the outside.
fn repository_path(enclave: &Path, text: &str) -> Result<RelativePath, Stop> {
    let facade = enclave::facade(enclave);
    let below = match Path::new(text).strip_prefix(&facade) {
        Ok(below) => below.to_string_lossy().into_owned(),
        Err(_) => text.strip_prefix("repository/").unwrap_or(text).to_owned(),
    };
    RelativePath::new(below).map_err(|error| {
        Unable::new(format!(
            "{text} is no package URL, no digest and no path in the repository"
        ))
        .because(error)
        .into()
    })
}

fn use_json(ledger: &Ledger, one: &Use) -> Result<Value, Stop> {
    Ok(match one {
        Use::Artifact(entry) => {
            let places = if entry.is_current {
                enclave::places(ledger, &entry.artifact)?
            } else {
                Vec::new()
            };
            let judgement = ledger.judgement(entry)?;
            json!({
                "is": "artifact",
                "places": places,
                "artifact": entry_json(entry),
                "judgement": judgement_json(judgement.as_ref()),
            })
        }
        Use::Proof(entry) => json!({ "is": "proof", "artifact": entry_json(entry) }),
        Use::Derived(label, entry) => json!({ "is": "derived", "label": label, "artifact": entry_json(entry) }),
        Use::Document {
            name,
            kind,
            origin,
            bundle,
        } => json!({
            "is": "document",
            "ecosystem": name.ecosystem,
            "name": name.name,
            "kind": kind,
            "origin": origin,
            "bundle": bundle_json(bundle),
        }),
        Use::Manifest(bundle) => json!({ "is": "manifest", "bundle": bundle_json(bundle) }),
    })
}

fn use_text(ledger: &Ledger, one: &Use) -> Result<String, Stop> {
    Ok(match one {
        Use::Artifact(entry) => {
            let places = if entry.is_current {
                enclave::places(ledger, &entry.artifact)?
            } else {
                Vec::new()
            };
            let judgement = ledger.judgement(entry)?;
            format!("{}\n{}", entry_text(entry, &places), judgement_text(judgement.as_ref()))
        }
        Use::Proof(entry) => format!("a proof of\n{}", entry_text(entry, &[])),
        Use::Derived(label, entry) => format!("{}, read out of\n{}", escape(label), entry_text(entry, &[])),
        Use::Document {
            name,
            kind,
            origin,
            bundle,
        } => format!(
            "the registry's {} about {}\n  came in   {}\n  origin    {} (as the exporter says)",
            escape(kind),
            escape(&name.to_string()),
            bundle_long(bundle),
            escape(origin)
        ),
        Use::Manifest(bundle) => format!("the manifest of {}", bundle_long(bundle)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Artifact, Finding, Level, Signer, Timestamp};

    fn key(fingerprint: &str) -> Signer {
        Signer::Key {
            fingerprint: fingerprint.to_owned(),
            owner: None,
            subkey: None,
        }
    }

    fn finding(fingerprint: &str, reason: &str) -> Finding {
        let mut finding = Finding::confirmed("openpgp", Level::Publisher, reason);
        finding.signers = vec![key(fingerprint)];
        finding
    }

    #[test]
    fn of_an_artifact_only_what_rests_on_the_key_is_shown() {
        let bundle = BundleRecord::plain(Timestamp::from_seconds(2));
        let entry = Entry::plain(Artifact::plain("files", "a", "1", "a", Digest::of(b"a")), bundle);
        let judgement = Judgement {
            findings: vec![finding("AA11", "the first"), finding("BB22", "the second")],
            level: Level::Publisher,
            decision: String::new(),
            judged: Timestamp::from_seconds(3),
        };
        let text = resting_text(&entry, Some(&judgement), "AA11");
        assert!(text.contains("the first") && !text.contains("the second"), "{text}");
    }
}
