//! Whether a bundle is admitted as a whole, and what of it is kept out.

use std::collections::HashSet;

use super::decided::Decided;
use super::decision::Admission;
use super::refusals::{bundle_refusals, stop_refusals};
use super::waiting::keep_waiting;
use super::{Deciding, Occasion, Weighed};
use crate::model::{Artifact, Digest, Name, Stop};
use crate::policy::OnRefusal;

pub(super) fn admit(weighed: Weighed, deciding: &Deciding<'_>) -> Result<Decided, Stop> {
    let Weighed {
        judged,
        decisions,
        refused,
        only,
    } = weighed;
    let policy = &deciding.in_force.policy;
    let manifest = judged.intact().manifest();
    let bundle = bundle_refusals(&decisions.bundle, &manifest.label());
    if !bundle.is_empty() {
        return Err(Stop::Refused(bundle));
    }
    let stands_in_the_way = match deciding.occasion {
        Occasion::Import => decisions.kept_out_count,
        Occasion::Export => decisions.count(Admission::Denied),
    };
    let is_all = stands_in_the_way == manifest.catalog.artifacts;
    if stands_in_the_way > 0 && (policy.on_refusal == OnRefusal::Stop || is_all) {
        keep_waiting(judged.intact().staging(), deciding.waiting)?;
        return Err(Stop::Refused(stop_refusals(
            &decisions,
            &manifest.label(),
            stands_in_the_way,
        )));
    }
    if decisions.count(Admission::Waiting) > 0 {
        // The rest goes on, and what waits can still be decided about.
        keep_waiting(judged.intact().staging(), deciding.waiting)?;
    }
    let mut decided = Decided {
        judged,
        decisions,
        skipped: refused,
        only,
    };
    if !decided.skipped.names.is_empty() {
        let mut artifacts = decided.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            if artifact.decided.admission.is_admitted() {
                let artifact = &artifact.judged.examined.artifact;
                for digest in objects_of(artifact) {
                    decided.skipped.objects.remove(digest);
                }
                decided.skipped.names.remove(&artifact.full_name());
            }
        }
    }
    Ok(decided)
}

/// What belongs to artifacts that are kept out, and to no other.
#[derive(Default)]
pub(super) struct KeptOut {
    pub(super) objects: HashSet<Digest>,
    pub(super) names: HashSet<Name>,
}

/// An artifact's bytes and its proofs.
pub(in crate::import) fn objects_of(artifact: &Artifact) -> impl Iterator<Item = &Digest> {
    let proofs = artifact.proofs.iter().flat_map(|proof| &proof.objects);
    std::iter::once(&artifact.digest).chain(proofs)
}
