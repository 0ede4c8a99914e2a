//! `sealift trust show`, `list` and `diff`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Content, Context, Document, Place, Stop, signers, standing_document};
use crate::cli::output::escape;
use crate::evidence;
use crate::model::{Anchor, Code, Digest, Refusal};
use crate::trust::folder::TrustFolder;
use crate::trust::{Kind, Revocation, Revoked, TrustData, data};

#[derive(Debug, Args)]
pub(super) struct Show {
    /// The document's file, or a folder `trust`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A folder `trust`: says who of its root has signed, and who is missing
    #[arg(long, value_name = "FOLDER")]
    trust: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The earlier document, or a folder `trust`
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The later document
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

/// Shows one document, or all that stands in a folder.
pub(super) fn show(arguments: &Show, context: &Context) -> Result<(), Stop> {
    if arguments.file.is_dir() {
        return show_folder(&TrustFolder::open(&arguments.file)?, context);
    }
    let folder = arguments.trust.as_deref().map(TrustFolder::open).transpose()?;
    print(&Document::read(&arguments.file)?, folder.as_ref(), context)
}

/// Lists what stands.
pub(super) fn list(arguments: &List, context: &Context) -> Result<(), Stop> {
    show_folder(&arguments.place.open()?, context)
}

fn show_folder(folder: &TrustFolder, context: &Context) -> Result<(), Stop> {
    let mut documents = Vec::new();
    for kind in [Kind::TrustData, Kind::Revocations] {
        documents.extend(standing_document(folder, kind)?);
    }
    if context.output.wants_json() {
        let documents: Vec<Value> = documents.iter().map(|document| to_json(document, None)).collect();
        context
            .output
            .json(&json!({ "schema": "sealift-trust/1", "documents": documents }));
        return Ok(());
    }
    if documents.is_empty() {
        context
            .output
            .answer("nothing is pinned: no proof can be confirmed until trust data stands here");
    }
    for document in &documents {
        print_text(document, None, context);
    }
    Ok(())
}

/// Says what changes.
pub(super) fn diff(arguments: &Diff, context: &Context) -> Result<(), Stop> {
    let new = Document::read(&arguments.new)?;
    let mut earlier = Vec::new();
    let old = if arguments.old.is_dir() {
        let folder = TrustFolder::open(&arguments.old)?;
        earlier = folder.trust_data_until_now();
        standing_document(&folder, new.kind())?
    } else {
        Some(Document::read(&arguments.old)?)
    };
    let changes = changes(old.as_ref(), &new, &earlier)?;
    print_changes(new.kind(), new.version(), &changes, context);
    Ok(())
}

/// What a document changes, in words; `earlier` is the trust data that stood before, as far as it is known.
pub(super) fn changes(old: Option<&Document>, new: &Document, earlier: &[TrustData]) -> Result<Vec<String>, Stop> {
    let other_kind = || -> Stop {
        Refusal::new(
            Code::WrongDocumentKind,
            "the two documents",
            "one holds trust data, the other revocations",
        )
        .into()
    };
    match (&new.content, old.map(|old| &old.content)) {
        (Content::TrustData(new), None) => Ok(evidence::changes(None, new, earlier)),
        (Content::TrustData(new), Some(Content::TrustData(old))) => Ok(evidence::changes(Some(old), new, earlier)),
        (Content::Revocations(new), None) => Ok(new.revoked.iter().map(revocation_words).collect()),
        (Content::Revocations(new), Some(Content::Revocations(old))) => {
            let mut lines: Vec<String> = new
                .revoked
                .iter()
                .filter(|revocation| !old.revoked.contains(revocation))
                .map(revocation_words)
                .collect();
            lines.extend(
                old.revoked
                    .iter()
                    .filter(|revocation| !new.revoked.contains(revocation))
                    .map(|revocation| format!("no longer says: {}", revocation_words(revocation))),
            );
            Ok(lines)
        }
        _ => Err(other_kind()),
    }
}

/// A revocation in one line.
fn revocation_words(revocation: &Revocation) -> String {
    let what = match &revocation.what {
        Revoked::Key(fingerprint) => format!("the key {fingerprint}"),
        Revoked::Certificate(fingerprint) => format!("the certificate {fingerprint}"),
        Revoked::Identity(pattern) => {
            let subject = pattern.subject.as_deref().unwrap_or("all identities");
            let fields: Vec<String> = pattern
                .fields
                .iter()
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            format!("{subject} {} of {}", fields.join(", "), pattern.issuer).replace("  ", " ")
        }
        Revoked::Bundle(digest) => format!("the bundle {digest}"),
        Revoked::Artifact(digest) => format!("the artifact {digest}"),
    };
    match revocation.invalid_since {
        Some(since) => format!("revokes {what} since {since}: {}", revocation.reason),
        None => format!("revokes {what}: {}", revocation.reason),
    }
}

/// Prints a document; with a folder also who has signed it by its root.
pub(super) fn print(document: &Document, folder: Option<&TrustFolder>, context: &Context) -> Result<(), Stop> {
    let signed = folder.map(|folder| signers(folder, document)).transpose()?;
    if context.output.wants_json() {
        context.output.json(&to_json(document, signed.as_ref()));
    } else {
        print_text(document, signed.as_ref(), context);
    }
    Ok(())
}

/// Prints what changed.
pub(super) fn print_changes(kind: Kind, version: u64, changes: &[String], context: &Context) {
    if context.output.wants_json() {
        context.output.json(&json!({
            "schema": "sealift-trust-changes/1",
            "kind": kind.to_string(),
            "version": version,
            "changes": changes,
        }));
        return;
    }
    if changes.is_empty() {
        context
            .output
            .answer(&format!("{kind} version {version} changes nothing"));
        return;
    }
    context.output.answer(&format!("{kind} version {version}"));
    for line in changes {
        context.output.answer(&format!("  {}", escape(line)));
    }
}

type Signed = (Vec<String>, Vec<String>, u32);

fn print_text(document: &Document, signed: Option<&Signed>, context: &Context) {
    let output = &context.output;
    let created = match &document.content {
        Content::TrustData(data) => data.created,
        Content::Revocations(revocations) => revocations.created,
    };
    output.answer(&format!(
        "{} version {}, written {created}",
        document.kind(),
        document.version()
    ));
    match &document.content {
        Content::TrustData(data) => {
            if data.anchors.is_empty() {
                output.answer("  no anchors");
            }
            for anchor in &data.anchors {
                print_anchor(anchor, context);
            }
        }
        Content::Revocations(revocations) => {
            if revocations.revoked.is_empty() {
                output.answer("  nothing is revoked");
            }
            for revocation in &revocations.revoked {
                output.answer(&format!("  {}", escape(&revocation_words(revocation))));
            }
        }
    }
    output.answer(&format!("  sha256 {}", Digest::of(&document.envelope.payload).hex()));
    if let Some((signed, missing, threshold)) = signed {
        let list = |persons: &[String]| {
            if persons.is_empty() {
                "nobody".to_owned()
            } else {
                persons.join(", ")
            }
        };
        output.answer(&format!(
            "  signed by {} ({threshold} must sign); could still sign: {}",
            escape(&list(signed)),
            escape(&list(missing))
        ));
    }
}

fn print_anchor(anchor: &Anchor, context: &Context) {
    let output = &context.output;
    output.answer(&format!("  {}", escape(&data::in_words(anchor))));
    let says = data::reach_in_words(anchor);
    output.answer(&format!("    {says}; note: {}", escape(&anchor.note)));
    match evidence::describe(&anchor.material) {
        Ok(lines) => {
            for line in lines {
                output.answer(&format!("    {}", escape(&line)));
            }
        }
        Err(reason) => output.warn(&format!("`{}` cannot be used: {}", anchor.name, escape(&reason))),
    }
}

fn to_json(document: &Document, signed: Option<&Signed>) -> Value {
    let payload: Value = serde_json::from_slice(&document.envelope.payload).unwrap_or_default();
    json!({
        "schema": "sealift-trust-document/1",
        "kind": document.kind().to_string(),
        "version": document.version(),
        "digest": Digest::of(&document.envelope.payload),
        "document": payload,
        "signed_by": signed.map(|(signed, ..)| signed),
        "could_sign": signed.map(|(_, missing, _)| missing),
        "threshold": signed.map(|(.., threshold)| threshold),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::trust::{Envelope, Revocations};

    #[test]
    fn of_two_lists_of_revocations_what_differs_is_told() {
        let document = |keys: &[&str]| Document {
            envelope: Envelope {
                payload: Vec::new(),
                payload_type: String::new(),
                signatures: Vec::new(),
            },
            bytes: Vec::new(),
            content: Content::Revocations(Revocations {
                created: Timestamp::from_seconds(1),
                critical: Default::default(),
                ext: Default::default(),
                revoked: keys
                    .iter()
                    .map(|key| Revocation {
                        invalid_since: None,
                        reason: "lost".to_owned(),
                        what: Revoked::Key((*key).to_owned()),
                    })
                    .collect(),
                version: 1,
            }),
        };
        let (old, new) = (document(&["both", "gone"]), document(&["both", "new"]));
        let told = changes(Some(&old), &new, &[]).unwrap_or_default();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].contains("the key new")
                && told[1].starts_with("no longer says")
                && told[1].contains("the key gone"),
            "{told:?}"
        );
    }
}
