//! `sealift export --since` and `--since-memory`: on what a delta builds.

use std::path::Path;
use std::sync::Arc;

use super::{Context, receipt};
use crate::export::describe::{Heading, Held, Since};
use crate::export::memory::Sent;
use crate::model::{Code, Refusal, Stop, bundle_label};
use crate::trust::folder::TrustFolder;

/// On what the bundle builds, if a receipt is given: the end of its stream, as the enclave has signed it.
pub(super) fn since(
    path: Option<&Path>,
    heading: &Heading,
    trust: &TrustFolder,
    context: &Context,
) -> Result<Option<Since>, Stop> {
    let Some(path) = path else {
        return Ok(None);
    };
    let statement = receipt::read(path, trust)?;
    let stream = &heading.stream;
    let Some(end) = statement.stream(stream, heading.epoch) else {
        context.output.warn(&format!(
            "the enclave has imported nothing of stream {stream} in epoch {}: the bundle stands alone",
            heading.epoch
        ));
        return Ok(None);
    };
    let label = bundle_label(stream, end.epoch, end.sequence);
    let differs = |reason: &str| {
        Refusal::new(Code::BaseMissing, format!("the receipt's base, bundle {label}"), reason)
            .hint("export without --since: the bundle then stands alone")
    };
    if end.sequence >= heading.sequence {
        return Err(differs("this exporter has not made it").into());
    }
    // Of earlier ones the exporter keeps no manifest; the enclave compares the base with all that it imported.
    if let Some(previous) = heading.previous.filter(|_| end.sequence + 1 == heading.sequence)
        && previous != end.manifest
    {
        return Err(differs("it is another bundle than the one that this exporter made")
            .comparing(previous, end.manifest)
            .into());
    }
    context.output.say(&format!(
        "the enclave held {} objects on {}, after bundle {label}: what it holds stays here",
        statement.receipt.objects.count, statement.receipt.created
    ));
    Ok(Some(Since {
        base: end.manifest,
        held: Held::Receipt(Arc::new(statement)),
    }))
}

/// On what the bundle builds, as this side remembers: the last bundle that an operator has acknowledged.
pub(super) fn remembered(sent: &Sent, heading: &Heading, context: &Context) -> Result<Option<Since>, Stop> {
    let Some(remembered) = sent.remembered(heading.epoch, heading.sequence)? else {
        context.output.warn(&format!(
            "no bundle of stream {} was acknowledged in epoch {}: the bundle stands alone",
            heading.stream, heading.epoch
        ));
        return Ok(None);
    };
    context.output.warn(&format!(
        "{} objects stay here because somebody said by {} that bundle {} was imported; nobody signed that, and where the enclave does not hold them it \
         refuses the bundle",
        remembered.count(),
        remembered.at,
        sent.label(&remembered.base)
    ));
    Ok(Some(Since {
        base: remembered.base.manifest,
        held: Held::Memory(Arc::new(remembered)),
    }))
}
