//! A bundle's place: for whom it is, in which time, after which other.

use super::{GapRule, Judgement, Memory};
use crate::bundle::limits;
use crate::bundle::manifest::Manifest;
use crate::model::{Code, Digest, Refusal, Stop};
use crate::trust::TrustedRoot;

pub(super) fn check_recipient(subject: &str, manifest: &Manifest, root: &TrustedRoot) -> Result<(), Refusal> {
    let enclave = &root.document().enclave;
    if manifest.recipients.contains(enclave.id.digest()) {
        return Ok(());
    }
    let names: Vec<String> = manifest.recipients.iter().map(ToString::to_string).collect();
    Err(Refusal::new(
        Code::WrongEnclave,
        subject,
        format!("it was not made for this enclave, {}", enclave.name),
    )
    .comparing(enclave.id.digest(), names.join(", "))
    .hint("bring it to the enclave that it was made for, or export for this one"))
}

pub(super) fn check_time(
    subject: &str,
    manifest: &Manifest,
    root: &TrustedRoot,
    judgement: &Judgement<'_>,
) -> Result<(), Stop> {
    let now = judgement.now;
    let known = match judgement.memory {
        Some(memory) => memory.known_time()?,
        None => None,
    };
    let mut reference = now;
    if let Some((known, source)) = known {
        if now.plus_seconds(limits::MAX_CLOCK_BEHIND_SECONDS) < known {
            return Err(Refusal::new(
                Code::ClockBehind,
                "the clock",
                format!("it shows an earlier time than {source} proves"),
            )
            .comparing(format!("{known} or later"), now)
            .hint("set the clock of this machine")
            .into());
        }
        reference = reference.max(known);
    }
    root.check_fresh(reference).map_err(|error| {
        error
            .refusal("the root")
            .hint("rotate to a new root with `sealift root rotate`")
    })?;
    if manifest.created > now.plus_seconds(limits::MAX_CREATED_AHEAD_SECONDS) {
        return Err(
            Refusal::new(Code::TimeImplausible, subject, "it claims to be made in the future")
                .comparing(format!("{now} or up to a day later"), manifest.created)
                .hint("compare the clocks of both sides")
                .into(),
        );
    }
    if manifest.not_after < reference {
        return Err(
            Refusal::new(Code::BundleExpired, subject, "its time to live has passed")
                .comparing(format!("import until {}", manifest.not_after), reference)
                .hint("export again on the sending side")
                .into(),
        );
    }
    Ok(())
}

/// A delta needs the bundle that it builds on.
pub(super) fn check_base(subject: &str, manifest: &Manifest, judgement: &Judgement<'_>) -> Result<(), Stop> {
    let (Some(base), Some(memory)) = (manifest.base, judgement.memory) else {
        return Ok(());
    };
    if memory.imported(&base)?.is_some() {
        return Ok(());
    }
    Err(Refusal::new(
        Code::BaseMissing,
        subject,
        "it builds on a bundle that was not imported here",
    )
    .comparing(format!("manifest {base} among the imported"), "it is not")
    .hint("import the base first, or have the exporter make a bundle that stands alone")
    .into())
}

/// Judges epoch, number and predecessor; gives the numbers that are missing where the site's rule lets that pass.
pub(super) fn check_order(
    subject: &str,
    manifest: &Manifest,
    digest: Digest,
    root: &TrustedRoot,
    memory: &dyn Memory,
) -> Result<Option<(u64, u64)>, Stop> {
    let epoch = root.document().epoch;
    if manifest.epoch < epoch {
        return Err(Refusal::new(
            Code::Rollback,
            subject,
            "it belongs to an earlier epoch than the root's",
        )
        .comparing(format!("epoch {epoch}"), format!("epoch {}", manifest.epoch))
        .into());
    }
    if manifest.epoch > epoch {
        return Err(Refusal::new(
            Code::SequenceJump,
            subject,
            "it belongs to a later epoch than the root's",
        )
        .comparing(format!("epoch {epoch}"), format!("epoch {}", manifest.epoch))
        .hint("only a new root begins a new epoch")
        .into());
    }
    let last = memory.last(&manifest.stream)?.filter(|last| last.epoch == epoch);
    let number = manifest.sequence;
    if let Some(known) = memory.numbered(&manifest.stream, epoch, number)?
        && known != digest
    {
        return Err(Refusal::new(
            Code::SequenceReused,
            subject,
            "another bundle with this number was imported before",
        )
        .comparing(known, digest)
        .hint("keep both media, and ask the exporter which one is genuine")
        .into());
    }
    let last_number = last.map_or(0, |last| last.sequence);
    if number <= last_number {
        return Err(Refusal::new(
            Code::Rollback,
            subject,
            "a newer bundle of this stream has been imported",
        )
        .comparing(
            format!("number {} or later", last_number + 1),
            format!("number {number}"),
        )
        .hint("to go back on purpose use `sealift rollback`")
        .into());
    }
    if number - last_number > limits::MAX_SEQUENCE_JUMP {
        return Err(Refusal::new(
            Code::SequenceJump,
            subject,
            "its number is further ahead than any real gap",
        )
        .comparing(
            format!("at most number {}", last_number + limits::MAX_SEQUENCE_JUMP),
            format!("number {number}"),
        )
        .hint("a new epoch in the root starts the numbers again")
        .into());
    }
    if number > last_number + 1 {
        let missing = (last_number + 1, number - 1);
        if memory.gap_rule() == GapRule::Refuse {
            return Err(
                Refusal::new(Code::SequenceGap, subject, "bundles before it have not been imported")
                    .comparing(format!("number {}", last_number + 1), format!("number {number}"))
                    .hint("import the missing bundles first; if one of them was refused for good, a signed policy with `require.sequence_gap: record`, or a new epoch in the root, lets the next one pass")
                    .into(),
            );
        }
        return Ok(Some(missing));
    }
    if let Some(last) = last
        && manifest.previous != Some(last.manifest)
    {
        let found = manifest
            .previous
            .map_or_else(|| "none".to_owned(), |digest| digest.to_string());
        return Err(Refusal::new(
            Code::SequenceReused,
            subject,
            "it follows another bundle than the one imported last",
        )
        .comparing(last.manifest, found)
        .hint("two exporters may be using one stream: ask the exporter")
        .into());
    }
    Ok(None)
}
