//! What an export would put on media, for `--dry-run`: the very steps that write a bundle, stopped before anything is
//! signed. Files that are still to be fetched stand in by their sizes.

use std::path::Path;

use super::collect::Plan;
use super::describe::{Contents, Heading, compose, head_bytes, store_all, volume_length};
use super::select::Selected;
use crate::bundle::container::member_bytes;
use crate::bundle::volumes;
use crate::model::Stop;

/// How much media an export needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// Volumes. Exact where all files are at hand; otherwise as upstream states sizes.
    pub volumes: u64,
    /// Their bytes, rounded up: how long signatures are is not known before somebody signs.
    pub volume_bytes: u64,
}

/// Plans the volumes, of what [`plan`](super::collect::plan) found for this selection. The catalog, and compressible objects
/// where that makes them smaller, are put into `spool`, as an export would.
pub fn foresee(
    mut plan: Plan,
    selected: &Selected,
    heading: &Heading,
    spool: &Path,
    threads: usize,
) -> Result<(Plan, Foreseen), Stop> {
    let segment_size = volumes::segment_size_for(heading.volume_bytes);
    let (holdings, documents) = plan.lend();
    let contents = Contents::with_plan(
        holdings,
        documents,
        selected.plan_head(),
        selected.choices(),
        heading,
        spool,
    )?;
    let (holdings, documents, plan_digest) = contents.into_parts();
    let stored = store_all(holdings, segment_size, spool, threads)?;
    let described = compose(stored, documents, plan_digest, heading, spool)?;
    let manifest = described.manifest();
    // The head of a volume with the longest envelope that it may get.
    let envelope = head_bytes(manifest)
        - manifest.roots.iter().map(|root| member_bytes(root.size)).sum::<u64>()
        - member_bytes(manifest.catalog.size)
        - 2 * member_bytes(0);
    let foreseen = Foreseen {
        volumes: manifest.volumes.len() as u64,
        volume_bytes: (1..=manifest.volumes.len())
            .map(|number| volume_length(manifest, envelope, number))
            .sum(),
    };
    plan.give_back(described.stored.into_holdings());
    Ok((plan, foreseen))
}
