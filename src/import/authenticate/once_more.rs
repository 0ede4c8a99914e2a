//! Whether a bundle that was imported may come once more (`bundle-spec/policy.md` §8): the last one of its stream, whose numbers it leaves as they are,
//! for what persons have decided of it since.

use super::{Imported, Memory, Rest};
use crate::bundle::manifest::Manifest;
use crate::model::{Code, Digest, Refusal, Stop};
use crate::trust::TrustedRoot;

/// Whether it was imported before and comes once more. Refuses it where there is nothing to come for.
pub(super) fn check(
    subject: &str,
    manifest: &Manifest,
    digest: &Digest,
    root: &TrustedRoot,
    memory: Option<&dyn Memory>,
) -> Result<bool, Stop> {
    let Some(memory) = memory else {
        return Ok(false);
    };
    let Some(imported) = memory.imported(digest)? else {
        return Ok(false);
    };
    let rest = memory.rest(digest)?;
    if rest == Rest::Nothing {
        return Err(nothing(subject, &imported).into());
    }
    // Asked here, so that what is kept of the order says that it was the last.
    let last = memory.last(&manifest.stream)?;
    if manifest.epoch != root.document().epoch || last.is_none_or(|last| last.manifest != *digest) {
        let refusal = nothing(subject, &imported);
        return Err(refusal
            .hint(
                "what waited of it can only come in a newer bundle: one of its stream, or a new epoch, has come since",
            )
            .into());
    }
    match rest {
        Rest::Decided => Ok(true),
        rest => Err(unchanged(subject, &imported, rest).into()),
    }
}

fn nothing(subject: &str, imported: &Imported) -> Refusal {
    let reason = format!("{}; nothing changed", imported.words());
    Refusal::new(Code::AlreadyImported, subject, reason)
}

/// Why a bundle that was imported changes nothing: something of it may still wait.
pub(in crate::import) fn unchanged(subject: &str, imported: &Imported, rest: Rest) -> Refusal {
    if rest == Rest::Nothing {
        return nothing(subject, imported);
    }
    let reason = format!(
        "{}, and artifacts of it wait for a person's decision; nothing changed",
        imported.words()
    );
    Refusal::new(Code::AlreadyImported, subject, reason).hint(
        "`sealift review list` shows them, and which decisions count; once some are approved, import the same media again",
    )
}
