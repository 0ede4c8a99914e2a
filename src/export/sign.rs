//! Described -> `Signed`: the sealed manifest.

use crate::bundle::limits::MAX_MANIFEST_ENVELOPE_BYTES;
use crate::bundle::manifest::Manifest;
use crate::crypto::key::Signer;
use crate::crypto::strict_json;
use crate::model::{Digest, Stop, Unable};
use crate::trust::{self, Kind};

use super::describe::{Described, Stored};
use super::source::Source;

/// A bundle whose manifest is signed.
pub struct Signed {
    pub(super) manifest: Manifest,
    pub(super) envelope: Vec<u8>,
    pub(super) manifest_digest: Digest,
    pub(super) catalog: Source,
    pub(super) roots: Vec<(u64, Vec<u8>)>,
    pub(super) stored: Stored,
    pub(super) volume_bytes: Option<u64>,
}

impl Signed {
    /// The SHA-256 of the manifest's payload: the bundle's identity.
    pub const fn manifest_digest(&self) -> Digest {
        self.manifest_digest
    }
}

/// Seals the manifest.
pub fn sign(described: Described, signers: &[&dyn Signer]) -> Result<Signed, Stop> {
    let payload = strict_json::write(&described.manifest);
    let manifest_digest = Digest::of(&payload);
    let envelope = seal(payload, signers, MAX_MANIFEST_ENVELOPE_BYTES)?;
    let Described {
        manifest,
        catalog,
        roots,
        stored,
        volume_bytes,
    } = described;
    Ok(Signed {
        manifest,
        envelope,
        manifest_digest,
        catalog,
        roots,
        stored,
        volume_bytes,
    })
}

/// Signs a manifest, in an envelope that a reader accepts.
fn seal(payload: Vec<u8>, signers: &[&dyn Signer], max_bytes: u64) -> Result<Vec<u8>, Unable> {
    let envelope = trust::sign(Kind::Manifest, payload, signers)
        .map_err(|error| Unable::new("cannot sign the manifest").because(error))?
        .write();
    if envelope.len() as u64 <= max_bytes {
        return Ok(envelope);
    }
    Err(Unable::new(format!(
        "the manifest's envelope has {} bytes, more than a reader accepts",
        envelope.len()
    ))
    .hint("choose a larger --volume-size, so that there are fewer volumes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_no_larger_than_a_reader_accepts() {
        let sealed = |max_bytes| seal(b"{}".to_vec(), &[], max_bytes);
        let size = sealed(1000).unwrap().len() as u64;
        assert!(sealed(size).is_ok() && sealed(size - 1).is_err());
    }
}
