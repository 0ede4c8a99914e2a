//! How artifacts and bundles look to people and in JSON, the same in every command. Text that came in a bundle is escaped.

use serde_json::{Value, json};

use super::output::{bytes, escape};
use crate::ecosystem::purl;
use crate::ledger::{BundleRecord, Entry};
use crate::model::bundle_label;

/// Who holds an enclave's lock while a command changes it.
pub(super) fn holder(verb: &str) -> String {
    format!("sealift {verb}, process {}", std::process::id())
}

/// A bundle in a few words.
pub(super) fn bundle_text(bundle: &BundleRecord) -> String {
    format!(
        "bundle {}",
        escape(&bundle_label(&bundle.stream, bundle.epoch, bundle.sequence))
    )
}

/// A bundle with everything that is known of it.
pub(super) fn bundle_long(bundle: &BundleRecord) -> String {
    format!(
        "{}, imported {}, signed by {}, {}",
        bundle_text(bundle),
        bundle.imported,
        escape(&bundle.signers.join(" and ")),
        bundle.manifest
    )
}

pub(super) fn bundle_json(bundle: &BundleRecord) -> Value {
    json!({
        "manifest": bundle.manifest,
        "stream": bundle.stream,
        "epoch": bundle.epoch,
        "sequence": bundle.sequence,
        "created": bundle.created,
        "imported": bundle.imported,
        "root_version": bundle.root_version,
        "signers": bundle.signers,
    })
}

pub(super) fn entry_json(entry: &Entry) -> Value {
    let artifact = &entry.artifact;
    json!({
        "purl": purl(artifact),
        "ecosystem": artifact.ecosystem,
        "name": artifact.name,
        "version": artifact.version,
        "file": artifact.file,
        "digest": artifact.digest,
        "size": entry.size,
        "current": entry.is_current,
        "origin": artifact.origin,
        "reason": artifact.reason,
        "proofs": artifact.proofs,
        "first_bundle": bundle_json(&entry.first_bundle),
        "last_bundle": bundle_json(&entry.last_bundle),
    })
}

/// Everything that is known of an artifact, a line for each question. `places` are its paths in the repository.
pub(super) fn entry_text(entry: &Entry, places: &[String]) -> String {
    let artifact = &entry.artifact;
    let mut lines = vec![
        escape(&purl(artifact)),
        format!(
            "  file      {}, {}, {}",
            escape(&artifact.file),
            bytes(entry.size),
            artifact.digest
        ),
    ];
    if entry.is_current {
        lines.extend(places.iter().map(|place| format!("  at        {}", escape(place))));
    } else {
        lines.push("  at        nowhere: a rollback took it away".to_owned());
    }
    lines.push(format!("  came in   {}", bundle_long(&entry.first_bundle)));
    if entry.last_bundle != entry.first_bundle {
        lines.push(format!("  last in   {}", bundle_long(&entry.last_bundle)));
    }
    lines.push(format!("  asked by  {}", escape(&artifact.reason)));
    lines.push(format!(
        "  origin    {} (as the exporter says)",
        escape(&artifact.origin)
    ));
    for proof in &artifact.proofs {
        lines.push(format!("  proof     {}: {}", escape(&proof.kind), proof.state.word()));
        lines.extend(proof.objects.iter().map(|digest| format!("            {digest}")));
    }
    lines.join("\n")
}
