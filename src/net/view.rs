//! A client as ecosystems see it.

use super::client::{Client, Freshness};
use super::error::to_upstream_error;
use crate::ecosystem::{DocumentRequest, Fetched, Upstream, UpstreamBase, UpstreamError};

/// A client whose documents are at least so fresh.
pub struct View<'a> {
    pub(super) client: &'a Client,
    pub(super) freshness: Freshness,
    pub(super) lockfiles: &'a [UpstreamBase],
}

impl<'a> View<'a> {
    /// The same for a name for which lockfiles name these upstreams.
    #[must_use]
    pub const fn with_lockfiles(self, upstreams: &'a [UpstreamBase]) -> Self {
        Self {
            lockfiles: upstreams,
            ..self
        }
    }
}

impl Upstream for View<'_> {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        self.client
            .document(request, self.freshness)
            .map_err(|error| to_upstream_error(error, &request.url))
    }

    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase> {
        let all = self.client.bases.iter().chain(self.lockfiles);
        let mut bases: Vec<_> = all.filter(|base| base.ecosystem == ecosystem).cloned().collect();
        // A stable sort: what one source names keeps its order.
        bases.sort_by_key(|base| base.named_by);
        bases
    }
}

impl Upstream for Client {
    fn document(&self, request: &DocumentRequest) -> Result<Option<Fetched>, UpstreamError> {
        self.view(Freshness::Cached).document(request)
    }

    fn bases(&self, ecosystem: &str) -> Vec<UpstreamBase> {
        self.view(Freshness::Cached).bases(ecosystem)
    }
}
