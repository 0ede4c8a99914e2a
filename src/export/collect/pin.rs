//! What a selection names without digests gets them from the upstreams' signed indexes, where the ecosystem has such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::kept::Kept;
use super::trouble::{self, Trouble, not_found, subject};
use super::{Near, Sources};
use crate::ecosystem::{Ecosystem, Unpinned, Upstream, UpstreamError, Wanted};
use crate::export::select::{Choices, index};
use crate::model::{Code, Refusal, Stop};
use crate::net::Freshness;

/// Pins all that needs it. Upstreams are asked first; what they do not list, or where nobody may be asked, is looked for in the
/// clients' own copies of indexes. What stays without digests is refused.
pub(super) fn pin(choices: Arc<Choices>, near: &Near<'_>, sources: &Sources<'_>) -> Result<Arc<Choices>, Stop> {
    let mut open: BTreeMap<&'static str, Vec<u32>> = BTreeMap::new();
    for at in (0..choices.len()).map(index) {
        let (id, ..) = choices.names(at);
        let is_from_index = || {
            sources
                .ecosystem(id)
                .is_some_and(|ecosystem| ecosystem.unpinned() == Unpinned::FromIndex)
        };
        // A loose file of a folder has no stated digest either, and is what it is.
        if is_from_index() && choices.claims(at).is_empty() && choices.path(at).is_none() {
            open.entry(id).or_default().push(at);
        }
    }
    if open.is_empty() {
        return Ok(choices);
    }
    let mut changed = BTreeMap::new();
    let mut troubles = Vec::new();
    for (id, places) in open {
        let Some(ecosystem) = sources.ecosystem(id) else {
            continue;
        };
        let wanted = places.iter().map(|at| choices.chosen(*at).wanted).collect();
        let (pinned, more) = pin_those(ecosystem, wanted, near, sources);
        troubles.extend(more);
        changed.extend(places.into_iter().zip(pinned));
    }
    match trouble::stop(troubles) {
        Some(stop) => Err(stop),
        None => Ok(Arc::new(choices.with(&changed))),
    }
}

fn pin_those(
    ecosystem: &'static dyn Ecosystem,
    mut wanted: Vec<Wanted>,
    near: &Near<'_>,
    sources: &Sources<'_>,
) -> (Vec<Wanted>, Vec<Trouble>) {
    let mut ask = |upstream: &dyn Upstream| {
        if wanted.iter().all(|wanted| !wanted.claims.is_empty()) {
            return None;
        }
        match ecosystem.pin(&mut wanted, upstream) {
            Ok(()) | Err(UpstreamError::NoUpstream { .. }) => None,
            Err(error) => Some(error),
        }
    };
    let failure = sources.client.and_then(|client| ask(&client.view(Freshness::Asked)));
    // Copies may be missing or in a form that is not read: that is no failure of anybody.
    let kept = Kept::new(ecosystem, sources, near.from, near.upstreams);
    ask(&kept);
    let nobody_is_named = kept.bases(ecosystem.id()).is_empty();
    let left: BTreeSet<usize> = (0..wanted.len()).filter(|at| wanted[*at].claims.is_empty()).collect();
    let trouble = |wanted: &Wanted| {
        match &failure {
        Some(error) => trouble::of_asking(subject(wanted), error),
        None if nobody_is_named => not_found(wanted, ecosystem).into(),
        None if sources.client.is_none() => Refusal::new(
            Code::ArtifactNotFound,
            subject(wanted),
            "no copy of a signed index on this machine lists it",
        )
        .hint("let the client update its copies first, or let the upstreams be asked")
        .into(),
        None => Refusal::new(
            Code::ArtifactNotFound,
            subject(wanted),
            "no signed index of the named upstreams lists it",
        )
        .hint("compare name, version and architecture with what they list; an archive keeps old versions for some days only")
        .into(),
    }
    };
    let troubles = left.into_iter().map(|at| trouble(&wanted[at])).collect();
    (wanted, troubles)
}
