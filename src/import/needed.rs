//! Which objects an attempt rested on, and what it remembered of its stream, as the parts of its basis say it.

use std::path::Path;

use super::basis;
use super::lines::LineReader;
use super::memory::Order;
use super::replay::MAX_LINE_BYTES;
use crate::bundle::catalog::Record as Catalogued;
use crate::bundle::limits::MAX_CATALOG_LINE_BYTES;
use crate::bundle::manifest::Manifest;
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::crypto::strict_json;
use crate::model::{Code, Digest, ProofState, Refusal, Stop};
use crate::trust::folder::read_bounded;

/// Why an object is needed to judge once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is the plan, or travelled beside the artifacts.
    SideData,
    /// It is a proof, or a part of one.
    Proof,
    /// It is an artifact whose bytes its proofs read.
    Content,
}

/// Names every object that is needed to judge once more, as the parts of a basis in a folder say it; one may be named more than once. Nothing
/// where the attempt did not come that far.
pub fn each_needed(folder: &Path, visit: &mut dyn FnMut(Digest, Need) -> Result<(), Stop>) -> Result<(), Stop> {
    let Some(envelope) = read_bounded(&folder.join(basis::MANIFEST), MAX_ENVELOPE_BYTES)? else {
        return Ok(());
    };
    let manifest = untrusted_manifest(&envelope)?;
    if !folder.join(basis::CATALOG).is_file() || !folder.join(basis::EXAMINED).is_file() {
        return Ok(());
    }
    visit(manifest.plan, Need::SideData)?;
    for digest in manifest.side_data.values() {
        visit(*digest, Need::SideData)?;
    }
    let mut examined = LineReader::compressed(folder.join(basis::EXAMINED), MAX_LINE_BYTES)?;
    let mut records = LineReader::compressed(folder.join(basis::CATALOG), MAX_CATALOG_LINE_BYTES as u64)?;
    while let Some(record) = records.next::<Catalogued>()? {
        let Catalogued::Artifact(artifact) = record else {
            continue;
        };
        let said: basis::Examined = examined.following()?;
        let present = artifact
            .proofs
            .iter()
            .filter(|proof| proof.state == ProofState::Present);
        for digest in present
            .flat_map(|proof| &proof.objects)
            .filter(|digest| **digest != artifact.digest)
        {
            visit(*digest, Need::Proof)?;
        }
        if said.content {
            visit(artifact.digest, Need::Content)?;
        }
    }
    Ok(())
}

/// The version of the revocations that stood before an attempt, as its basis in a folder says it.
pub fn revocations_before(folder: &Path) -> Result<Option<u64>, Stop> {
    Ok(read_order(folder)?.and_then(|order| order.revocations))
}

pub(super) fn read_order(folder: &Path) -> Result<Option<Order>, Stop> {
    let bytes = read_bounded(&folder.join(basis::ORDER), MAX_ENVELOPE_BYTES)?;
    let read = bytes.map(|bytes| strict_json::read(&bytes));
    read.transpose()
        .map_err(|error| Refusal::new(Code::JsonNotStrict, basis::ORDER, error.to_string()).into())
}

/// The manifest of an envelope whose seal is judged elsewhere.
fn untrusted_manifest(envelope: &[u8]) -> Result<Manifest, Stop> {
    let malformed = |reason: String| Stop::from(Refusal::new(Code::JsonNotStrict, basis::MANIFEST, reason));
    let envelope = Envelope::read(envelope).map_err(|error| malformed(error.to_string()))?;
    strict_json::read(&envelope.payload).map_err(|error| malformed(error.to_string()))
}
