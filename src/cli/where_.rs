//! `sealift where`: where something came from.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::output::escape;
use super::shown::{bundle_json, bundle_long, entry_json, entry_text};
use super::{Context, Exit};
use crate::ecosystem::Purl;
use crate::enclave;
use crate::ledger::{Filter, Ledger, Presence, Use};
use crate::model::{Digest, RelativePath, Stop, Unable};

/// What is asked about.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A package URL, a path in the repository such as `pypi/files/x.whl`, or a digest `sha256:…`
    #[arg(value_name = "PURL|PATH|DIGEST")]
    what: String,
    /// The enclave's folder
    #[arg(long, value_name = "DIR")]
    enclave: PathBuf,
}

/// Prints everything that the enclave knows about it.
pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Stop> {
    let ledger = enclave::read(&arguments.enclave)?;
    let what = arguments.what.as_str();
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

fn by_purl(ledger: &Ledger, text: &str) -> Result<Vec<Use>, Stop> {
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
            json!({ "is": "artifact", "places": places, "artifact": entry_json(entry) })
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
            entry_text(entry, &places)
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
