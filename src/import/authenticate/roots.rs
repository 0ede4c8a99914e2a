//! The newer roots that a bundle brings.

use crate::bundle::manifest::Manifest;
use crate::bundle::{container, limits};
use crate::import::open::UntrustedVolume;
use crate::import::volume::VolumeReader;
use crate::model::{Code, Digest, Refusal, Stop};

/// Reads the travelling roots' envelopes: each behind a header that is the only one possible for it.
pub(super) fn read_roots(reader: &mut VolumeReader, pinned: u64) -> Result<Vec<(u64, Vec<u8>)>, Stop> {
    let mut roots: Vec<(u64, Vec<u8>)> = Vec::new();
    loop {
        let untrusted_header = reader.header()?;
        let Some(Ok(size)) = container::bounded_size(&untrusted_header, limits::MAX_ROOT_ENVELOPE_BYTES) else {
            reader.keep(untrusted_header);
            return Ok(roots);
        };
        let candidates = match roots.last() {
            Some((version, _)) => version + 1..=version + 1,
            None => 1..=pinned.saturating_add(limits::MAX_ROOTS),
        };
        let version = candidates
            .clone()
            .find(|version| untrusted_header == container::header(&container::root_name(*version), size));
        let Some(version) = version else {
            reader.keep(untrusted_header);
            return Ok(roots);
        };
        if roots.len() as u64 == limits::MAX_ROOTS {
            return Err(Refusal::new(
                Code::PreauthLimitExceeded,
                reader.name(),
                "more roots travel than the limit allows",
            )
            .comparing(format!("at most {}", limits::MAX_ROOTS), "more")
            .into());
        }
        roots.push((version, reader.data(size)?));
    }
}

/// Begins the volume that follows another on a stream: it must bring the very envelope and roots that were authenticated with the first, so
/// nothing of it needs to be judged again.
pub(in crate::import) fn follow(
    reader: VolumeReader,
    manifest: &Manifest,
    envelope: &[u8],
) -> Result<VolumeReader, Stop> {
    let UntrustedVolume {
        mut reader,
        untrusted_envelope,
    } = reader.next_volume()?;
    if untrusted_envelope != envelope {
        return Err(Refusal::new(
            Code::ContainerNotExact,
            reader.name(),
            "a volume follows that does not belong to the same bundle",
        )
        .comparing(
            format!("the envelope of bundle {}, {}", manifest.label(), Digest::of(envelope)),
            Digest::of(&untrusted_envelope),
        )
        .hint("give the volumes of one bundle at a time")
        .into());
    }
    let roots = read_roots(&mut reader, manifest.roots.last().map_or(0, |root| root.version))?;
    check_roots(&roots, manifest, &reader)?;
    Ok(reader)
}

/// Compares the roots that were read with those that the manifest lists.
pub(super) fn check_roots(roots: &[(u64, Vec<u8>)], manifest: &Manifest, reader: &VolumeReader) -> Result<(), Refusal> {
    let found: Vec<_> = roots
        .iter()
        .map(|(version, bytes)| (*version, Digest::of(bytes)))
        .collect();
    let listed: Vec<_> = manifest.roots.iter().map(|root| (root.version, root.digest)).collect();
    let sizes_fit = roots
        .iter()
        .zip(&manifest.roots)
        .all(|((_, bytes), root)| bytes.len() as u64 == root.size);
    if found == listed && sizes_fit {
        return Ok(());
    }
    Err(Refusal::new(
        Code::ContainerNotExact,
        reader.name(),
        "its roots are not those that the manifest lists",
    )
    .comparing(format!("{listed:?}"), format!("{found:?}")))
}
