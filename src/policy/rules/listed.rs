//! Names that may never come from outside, and what is never admitted.

use super::Hits;
use crate::model::Code;
use crate::policy::judge::Index;
use crate::policy::{Action, Case, Surroundings};

/// Refuses names that the site uses itself (dependency confusion).
pub(crate) fn internal(index: &Index<'_>, case: &Case<'_>, key: &str, hits: &mut Hits) {
    let ecosystem = &case.artifact.ecosystem;
    for pattern in index.internal(ecosystem, key) {
        hits.add(
            Code::InternalName,
            Action::Deny,
            &format!("internal[{pattern}]"),
            "the name is one of this site's own".to_owned(),
            "find out who asked for it; names of your own never come from outside",
        );
    }
}

/// Refuses what the deny list names.
pub(crate) fn denied(index: &Index<'_>, case: &Case<'_>, key: &str, surroundings: &Surroundings<'_>, hits: &mut Hits) {
    let artifact = case.artifact;
    for rule in index.denied_digest(&artifact.digest) {
        hits.since(rule.effective, surroundings.now, |hits| {
            hits.add(
                Code::Denylisted,
                Action::Deny,
                &rule.path(),
                format!("its bytes are on the deny list: {}", rule.reason),
                "take another version",
            );
        });
    }
    for (pattern, rule) in index.denied(&artifact.ecosystem) {
        if !pattern.covers(&artifact.ecosystem, key) {
            continue;
        }
        let holds = match pattern.versions() {
            None => Some(true),
            Some(versions) => versions.hold(&artifact.ecosystem, &artifact.version, &surroundings.ecosystems),
        };
        let (action, message) = match holds {
            Some(true) => (Action::Deny, format!("it is on the deny list: {}", rule.reason)),
            Some(false) => continue,
            // It may well be one of them.
            None => (
                Action::Review,
                format!(
                    "the deny list names versions that cannot be compared with this one: {}",
                    rule.reason
                ),
            ),
        };
        hits.since(rule.effective, surroundings.now, |hits| {
            hits.add(Code::Denylisted, action, &rule.path(), message, "take another version");
        });
    }
}
