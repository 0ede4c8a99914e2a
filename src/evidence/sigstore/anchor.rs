//! What a site pins for Sigstore: trusted roots, identities, and keys that their owners keep.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::library::{Key, Root};
use super::refusal::{Refusal, shown};
use crate::evidence::ready::Ready;
use crate::evidence::{Context, outside};
use crate::model::{Anchor, Artifact, Doubt, Fault, Identity, Material, Outcome, Timestamp};

/// The roots that were read: reading one takes about as long as judging a bundle.
static ROOTS: Ready<Root> = Ready::new();

/// A pinned trusted root.
pub(crate) struct PinnedRoot<'a> {
    /// The anchor.
    pub(crate) anchor: &'a Anchor,
    /// What it holds, or why it cannot be used.
    pub(crate) root: Result<Arc<Root>, Refusal>,
}

/// A pinned key.
pub(crate) struct PinnedKey<'a> {
    /// The anchor.
    pub(crate) anchor: &'a Anchor,
    /// The key.
    pub(crate) key: Key,
    /// The registry's name for it.
    pub(crate) name: Option<String>,
    /// The registry says that it counts for nothing signed before.
    pub(crate) valid_from: Option<Timestamp>,
    /// The registry says that it counts for nothing signed after.
    pub(crate) valid_until: Option<Timestamp>,
    /// What is weaker than usual.
    pub(crate) note: Option<&'static str>,
}

impl PinnedKey<'_> {
    /// Whether a bundle's hint names this key: by the registry's name, or by its fingerprint as cosign and others write it.
    pub(crate) fn is_named(&self, hint: &str) -> bool {
        if let Some(name) = &self.name {
            return name == hint;
        }
        let fingerprint = self.key.fingerprint();
        let encoded = STANDARD.encode(fingerprint.as_bytes());
        let bare = hint.strip_prefix("SHA256:").unwrap_or(hint);
        bare == encoded || bare == encoded.trim_end_matches('=') || bare == fingerprint.hex()
    }
}

/// Every pinned root.
pub(crate) fn roots<'a>(context: &Context<'a>) -> Vec<PinnedRoot<'a>> {
    context
        .of_type(|material| match material {
            Material::SigstoreRoot(json) => Some(json),
            _ => None,
        })
        .map(|(anchor, json)| PinnedRoot {
            anchor,
            root: ROOTS.read(json, Root::read),
        })
        .collect()
}

/// Every pinned bare key. One that cannot be read counts for nothing.
pub(crate) fn keys<'a>(context: &Context<'a>) -> Vec<PinnedKey<'a>> {
    context
        .of_type(|material| match material {
            Material::PublicKey(pem) => Some(pem),
            _ => None,
        })
        .filter_map(|(anchor, pem)| {
            Some(PinnedKey {
                anchor,
                key: Key::from_pem(pem).ok()?,
                name: None,
                valid_from: None,
                valid_until: None,
                note: None,
            })
        })
        .collect()
}

/// Why an anchor does not count for an artifact signed at some proven times, if it does not.
pub(crate) fn check_bounds(
    kind: &str,
    anchor: &Anchor,
    artifact: &Artifact,
    times: impl IntoIterator<Item = Timestamp>,
) -> Result<(), Refusal> {
    for time in times {
        if let Some(finding) = outside(kind, anchor, artifact, time) {
            return Err(Refusal {
                outcome: finding.outcome,
                reason: finding.reason,
            });
        }
    }
    Ok(())
}

/// Finds the anchor that pins an identity for an artifact.
pub(crate) fn pin<'a>(
    kind: &str,
    identity: &Identity,
    artifact: &Artifact,
    times: &[Timestamp],
    context: &Context<'a>,
) -> Result<&'a Anchor, Refusal> {
    let mut refusal = Refusal::doubt(
        Doubt::UnknownSigner,
        format!(
            "signed by {}, whom no anchor pins for this name",
            shown(&identity.to_string())
        ),
    );
    let mut out_of_bounds = None;
    let mut differs = None;
    let pins = context.of_type(|material| match material {
        Material::Identity(pattern) => Some(pattern),
        _ => None,
    });
    for (anchor, pattern) in pins {
        match (pattern.check(), pattern.compare(identity)) {
            (Ok(()), Ok(())) => match check_bounds(kind, anchor, artifact, times.iter().copied()) {
                Ok(()) => return Ok(anchor),
                Err(refusal) => {
                    out_of_bounds.get_or_insert(refusal);
                }
            },
            (Ok(()), Err(difference)) if names(anchor, artifact) => {
                let found = if difference.found.is_empty() {
                    "nothing".to_owned()
                } else {
                    format!("`{}`", shown(&difference.found))
                };
                differs.get_or_insert(Refusal::wrong(
                    Fault::IdentityDiffers,
                    format!(
                        "signed by {}, but anchor `{}` pins the {} `{}` for this name, and it is {found}",
                        shown(&identity.to_string()),
                        anchor.name,
                        difference.field,
                        shown(&difference.expected),
                    ),
                ));
            }
            // A pattern that anybody fits, or an anchor for other names.
            _ => {}
        }
    }
    if let Some(found) = differs.or(out_of_bounds) {
        refusal = found;
    }
    Err(refusal)
}

/// Whether an anchor pins a builder's workflow, which other repositories call, and not which of them may: the certificate's name is the
/// builder's (`docs/oid-info.md`, 1.3.6.1.4.1.57264.1.9), and its source is elsewhere.
pub(crate) fn pins_builder_alone(anchor: &Anchor, identity: &Identity) -> bool {
    let Material::Identity(pattern) = &anchor.material else {
        return false;
    };
    let elsewhere = identity.fields.get("repository").is_some_and(|repository| {
        identity
            .subject
            .strip_prefix(repository.as_str())
            .is_none_or(|rest| !rest.starts_with('/'))
    });
    let source = ["repository", "repository_id", "owner", "owner_id"];
    elsewhere && !source.iter().any(|field| pattern.fields.contains_key(*field))
}

/// Whether an anchor is about this very name: one for a whole ecosystem says who may sign, not who must.
fn names(anchor: &Anchor, artifact: &Artifact) -> bool {
    anchor.scope.iter().any(|pattern| {
        pattern.covers(&artifact.ecosystem, &artifact.name)
            && pattern
                .as_str()
                .split_once('/')
                .is_some_and(|(_, name)| name.chars().any(|character| character != '*'))
    })
}

/// Why no root of a list may be used, before any was tried.
pub(crate) fn none_usable(roots: &[PinnedRoot<'_>]) -> Option<Refusal> {
    if roots.is_empty() {
        return Some(Refusal::doubt(Doubt::NoAnchor, "no Sigstore trusted root is pinned"));
    }
    let mut first = None;
    for root in roots {
        match &root.root {
            Ok(_) => return None,
            Err(refusal) => {
                first.get_or_insert_with(|| Refusal {
                    outcome: Outcome::Undecided(Doubt::NoAnchor),
                    reason: format!("anchor `{}`: {}", root.anchor.name, refusal.reason),
                });
            }
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_no_roots_none_is_usable() {
        let refusal = none_usable(&[]).unwrap();
        assert_eq!(refusal.outcome, Outcome::Undecided(Doubt::NoAnchor));
    }
}
