//! What an export would put on media, for `--dry-run`: the very steps that write a bundle, stopped before anything is
//! signed. Files that are still to be fetched stand in by their sizes.

use std::path::Path;

use super::collect::Plan;
use super::describe::{Contents, Heading, StoredObject, compose, head_bytes, store_all, volume_length};
use super::source::Source;
use crate::bundle::catalog::{Encoding, Object};
use crate::bundle::container::member_bytes;
use crate::bundle::volumes;
use crate::model::{Digest, Stop};

/// How much media an export needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// Volumes. Exact where all files are at hand; otherwise as upstream states sizes.
    pub volumes: u64,
    /// Their bytes, rounded up: how long signatures are is not known before somebody signs.
    pub volume_bytes: u64,
}

/// Plans the volumes. Compressible objects are compressed into `spool`, as an export would.
pub fn foresee(
    plan: &Plan,
    plan_text: &[u8],
    heading: &Heading,
    spool: &Path,
    threads: usize,
) -> Result<Foreseen, Stop> {
    let segment_size = volumes::segment_size_for(heading.volume_bytes);
    let contents = Contents {
        artifacts: plan.artifacts.clone(),
        documents: plan.documents.clone(),
        objects: plan.objects.iter().cloned().map(Into::into).collect(),
        plan: plan_text.to_vec(),
    };
    let (contents, plan_digest) = contents.with_plan(&heading.side_data);
    let mut stored = store_all(contents.objects, segment_size, spool, threads)?;
    stored.extend(
        plan.missing
            .iter()
            .map(|(digest, size)| stand_in(*digest, *size, segment_size)),
    );
    stored.sort_by_key(|stored| stored.object.digest);
    stored.dedup_by_key(|stored| stored.object.digest);
    let described = compose(contents.artifacts, contents.documents, stored, plan_digest, heading)?;
    let manifest = described.manifest();
    // The head of a volume with the longest envelope that it may get.
    let envelope = head_bytes(manifest)
        - manifest.roots.iter().map(|root| member_bytes(root.size)).sum::<u64>()
        - member_bytes(manifest.catalog.size)
        - 2 * member_bytes(0);
    Ok(Foreseen {
        volumes: manifest.volumes.len() as u64,
        volume_bytes: (1..=manifest.volumes.len())
            .map(|number| volume_length(manifest, envelope, number))
            .sum(),
    })
}

/// An object that is not here yet. Only lengths count; its segments' digests are as long as any.
fn stand_in(digest: Digest, size: u64, segment_size: u64) -> StoredObject {
    let count = if size > segment_size {
        size.div_ceil(segment_size)
    } else {
        0
    };
    let segments = (0..count)
        .map(|index| Digest::of([digest.as_bytes().as_slice(), &index.to_be_bytes()].concat().as_slice()))
        .collect();
    StoredObject {
        object: Object {
            digest,
            encoding: Encoding::Identity,
            segments,
            size,
            stored_size: None,
        },
        source: Source::Memory(Vec::new()),
    }
}
