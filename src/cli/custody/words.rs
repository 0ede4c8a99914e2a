//! A chain of custody for people.

use serde_json::{Value, json};

use crate::bundle::manifest::Manifest;
use crate::cli::Context;
use crate::cli::output::escape;
use crate::model::{Code, Digest};
use crate::trust::custody::{Chain, Trouble, Word};

/// How the bundle is called.
pub(super) fn subject(manifest: Option<&Manifest>, digest: &Digest) -> String {
    manifest.map_or_else(
        || format!("bundle {digest}"),
        |manifest| format!("bundle {}", manifest.label()),
    )
}

/// Whether a trouble is more than a record that counts for nothing.
pub(super) fn is_wrong(trouble: &Trouble) -> bool {
    trouble.code != Code::CustodyRecordUnproven
}

/// Says what does not fit together.
pub(super) fn warn(chain: &Chain, context: &Context) {
    for trouble in &chain.troubles {
        context.output.warn(&format!(
            "{}: {} [{}]",
            escape(&trouble.subject),
            escape(&trouble.message),
            trouble.code
        ));
    }
}

/// The same for programs.
pub(super) fn troubles_json(chain: &Chain) -> Value {
    let trouble = |trouble: &Trouble| json!({ "code": trouble.code.name(), "subject": trouble.subject, "message": trouble.message });
    chain.troubles.iter().map(trouble).collect()
}

/// One record after the other: time, event and person in a line, and what else it says below.
pub(super) fn table(chain: &Chain) -> Vec<String> {
    let mut lines = Vec::new();
    for link in &chain.links {
        let persons: Vec<&str> = link.persons.iter().map(String::as_str).collect();
        let by = if persons.is_empty() {
            link.word.words().to_owned()
        } else {
            persons.join(", ")
        };
        let (at, event) = link.record.as_ref().map_or_else(
            || ("-".to_owned(), "-"),
            |record| (record.at.to_string(), record.event.word()),
        );
        lines.push(format!("  {at:<20}  {event:<11}  {}", escape(&by)));
        if link.word != Word::Counts {
            let reason = link.reason.as_deref().unwrap_or_default();
            lines.push(format!(
                "      {} counts for nothing: {}",
                escape(&link.file),
                escape(reason)
            ));
        }
        let said = link.record.iter().flat_map(crate::trust::custody::Record::said);
        lines.extend(said.map(|(name, text)| format!("      {name:<16}  {}", escape(&text))));
    }
    if lines.is_empty() {
        lines.push("  no records".to_owned());
    }
    lines
}
