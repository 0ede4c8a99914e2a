//! The chain of an APT archive: a signed `Release`, the list of packages that it names, and the package in that list
//! (apt-secure(8), the Debian wiki's "DebianRepository/Format").
//!
//! A proof's objects are `InRelease`, or `Release` and `Release.gpg`; then lists of packages, in any compression. An index is an
//! artifact too: its proof names its own bytes, which then come as the artifact's content (`part.rs`).
//!
//! Threats, each with its defence:
//! - An index of another archive or suite that the same key signs: an anchor's suites; and the signed index of a suite, as an artifact,
//!   must name itself as that suite.
//! - An old index, so that known holes stay open: `Valid-Until`, judged at the time of the export if that was not too long ago.
//! - A list or package with other bytes: sizes and every strong digest on the way are compared; MD5 and SHA-1 are not read.
//! - Bombs: objects, inflated bytes, ratios, paragraphs and their number are bounded, here and in `archive::apt`; and a list is only
//!   inflated once a pinned key has signed its digest.
//! - A package under another name: name, version, architecture, size and digest must be those of one entry.
//!
//! Left to others: that a newer index exists (an archive without `Valid-Until` never says), of which whoever keeps the newest date seen
//! ([`EvidenceKind::shows`]) and the clients know; and whether the pinned keys are the right ones.

mod list;
mod package;
mod part;
mod verify;

use super::{Context, Evidence, EvidenceKind, openpgp};
use crate::model::{Artifact, Finding, UpstreamState};

/// The kind's id.
const ID: &str = "apt-release";

/// Signed releases of APT archives.
pub(crate) struct AptRelease;

impl EvidenceKind for AptRelease {
    fn id(&self) -> &'static str {
        ID
    }

    fn open<'a>(
        &self,
        objects: Vec<Vec<u8>>,
        context: &'a Context<'a>,
    ) -> Result<Box<dyn Evidence + 'a>, Box<Finding>> {
        let is_part = match objects.as_slice() {
            [] => true,
            [one] => !openpgp::is_cleartext(one),
            _ => false,
        };
        if is_part {
            return Ok(Box::new(part::Part { objects, context }));
        }
        Ok(Box::new(verify::Chain::open(objects, context)?))
    }

    fn shows(&self, artifact: &Artifact, finding: &Finding) -> Vec<UpstreamState> {
        verify::state(artifact, finding).into_iter().collect()
    }
}
