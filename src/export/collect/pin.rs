//! What a selection names without digests gets them from the upstreams' signed indexes, where the ecosystem has such.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::kept::Kept;
use super::trouble::{Trouble, not_found, subject};
use super::{Near, Sources};
use crate::ecosystem::{Upstream, UpstreamError, Wanted};
use crate::export::select::Chosen;
use crate::model::{Code, Refusal};
use crate::net::Freshness;

/// Pins all that needs it. Upstreams are asked first; what they do not list, or where nobody may be asked, is looked for in the
/// clients' own copies of indexes.
pub(super) fn pin(
    mut wanted: Vec<Chosen>,
    near: &Near<'_>,
    sources: &Sources<'_>,
) -> Result<Vec<Chosen>, Vec<Trouble>> {
    let ids: BTreeSet<&'static str> = unpinned(&wanted).map(|chosen| chosen.wanted.ecosystem).collect();
    let mut troubles = Vec::new();
    for ecosystem in ids.into_iter().filter_map(|id| sources.ecosystem(id)) {
        let mut failure = None;
        let mut ask = |upstream: &dyn Upstream| {
            let places: Vec<usize> = (0..wanted.len())
                .filter(|at| is_unpinned(&wanted[*at]) && wanted[*at].wanted.ecosystem == ecosystem.id())
                .collect();
            let mut these: Vec<Wanted> = places.iter().map(|at| wanted[*at].wanted.clone()).collect();
            if these.is_empty() {
                return;
            }
            match ecosystem.pin(&mut these, upstream) {
                Ok(()) | Err(UpstreamError::NoUpstream { .. }) => {}
                Err(error) => failure = failure.take().or(Some(error)),
            }
            for (at, pinned) in places.into_iter().zip(these) {
                wanted[at].wanted = pinned;
            }
        };
        if let Some(client) = sources.client {
            ask(&client.view(Freshness::Asked));
        }
        ask(&Kept::new(ecosystem, sources, near.from, near.upstreams));
        let left = unpinned(&wanted).filter(|chosen| chosen.wanted.ecosystem == ecosystem.id());
        troubles.extend(left.map(|chosen| {
            match &failure {
                Some(error) => Trouble::Upstream {
                    subject: subject(&chosen.wanted),
                    reason: error.to_string(),
                },
                None if near.is_empty(ecosystem.id(), sources) => not_found(&chosen.wanted, ecosystem).into(),
                None => Refusal::new(
                    Code::ArtifactNotFound,
                    subject(&chosen.wanted),
                    "no signed index of the named upstreams lists it",
                )
                .into(),
            }
        }));
    }
    if troubles.is_empty() { Ok(wanted) } else { Err(troubles) }
}

fn unpinned(wanted: &[Chosen]) -> impl Iterator<Item = &Chosen> {
    wanted.iter().filter(|chosen| is_unpinned(chosen))
}

/// A loose file of a folder has no stated digest either, and is what it is.
fn is_unpinned(chosen: &Chosen) -> bool {
    chosen.wanted.claims.is_empty() && chosen.wanted.path.is_none()
}

impl Near<'_> {
    /// Whether nobody names an upstream.
    fn is_empty(&self, ecosystem: &str, sources: &Sources<'_>) -> bool {
        let Some(ecosystem) = sources.ecosystem(ecosystem) else {
            return true;
        };
        let empty: &[PathBuf] = &[];
        Kept::new(ecosystem, sources, empty, self.upstreams)
            .bases(ecosystem.id())
            .is_empty()
    }
}
