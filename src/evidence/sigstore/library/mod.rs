//! The library that verifies Sigstore bundles, behind this one room: what goes in, what comes out, and what it leaves open.
//!
//! What sigstore-verify does: shape by version, times (RFC 3161 tokens, signed entry timestamps), the chain at every proven time,
//! the certificate's signed timestamp, inclusion proof and checkpoint, the signature, and that the log's entry is about the bundle.
//! What it leaves open, and who closes it:
//! - an inclusion proof is asked of one entry only, and v0.1 may do without: `parse.rs` asks every entry, `verify.rs` gives less level
//! - the window of a checkpoint's key is not compared with the time of signing: `Root::check_log_windows`
//! - it reads the machine's clock: what it refuses because of that is told apart in `failure.rs`, and what it accepts is judged
//!   again at the context's time (`verify.rs`)
//! - what is not signed is not shown: the media type's spelling, a key's hint, `keyid`, the log's id of Rekor v2 entries
//! - "wrong" and "unknown" are one error: `Root::knows` looks first whether this root has the authority at all

mod failure;
mod key;
mod root;

use serde_json::Value;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    self, ArtifactDigest, HashAlgorithm, KindVersion, LogKeyId, SignatureContent, TransparencyLogEntry,
};

pub(crate) use failure::later_than_now;
pub(crate) use key::{Key, algorithm};
pub(crate) use root::{Root, Verified};

use super::refusal::{Refusal, shown};

/// A digest of a statement's subject, as the library compares it.
pub(crate) type SubjectDigest = ArtifactDigest;

/// A bundle as the library understands it.
pub(crate) struct Bundle(types::Bundle);

impl Bundle {
    /// Takes a bundle whose shape was checked.
    pub(crate) fn read(value: &Value) -> Result<Self, Refusal> {
        // In protobuf's JSON `null` is what is left out.
        let mut value = value.clone();
        drop_nulls(&mut value);
        serde_json::from_value(value)
            .map(Self)
            .map_err(|error| Refusal::malformed(format!("the bundle cannot be read: {error}")))
    }

    /// The certificates, the signer's first.
    pub(crate) fn certificates(&self) -> Vec<&[u8]> {
        match &self.0.verification_material.content {
            VerificationMaterialContent::Certificate(certificate) => vec![certificate.raw_bytes.as_bytes()],
            VerificationMaterialContent::X509CertificateChain { certificates } => certificates
                .iter()
                .map(|certificate| certificate.raw_bytes.as_bytes())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What the bundle says about the key that signed it; a hint.
    pub(crate) fn hint(&self) -> &str {
        match &self.0.verification_material.content {
            VerificationMaterialContent::PublicKey(key) => &key.hint,
            _ => "",
        }
    }

    /// The envelope's payload and its type.
    pub(crate) fn payload(&self) -> Option<(&str, &[u8])> {
        match &self.0.content {
            SignatureContent::DsseEnvelope(envelope) => Some((&envelope.payload_type, envelope.payload.as_bytes())),
            _ => None,
        }
    }

    /// The signature.
    pub(crate) fn signature(&self) -> &[u8] {
        match &self.0.content {
            SignatureContent::DsseEnvelope(envelope) => envelope.signature.sig.as_bytes(),
            SignatureContent::MessageSignature(message) => message.signature.as_bytes(),
            _ => &[],
        }
    }

    /// The digest of the signed bytes that a message signature states, by the algorithm's name.
    pub(crate) fn message_digest(&self) -> Option<(&'static str, &[u8])> {
        let (hash, digest) = self.hash()?;
        let name = match hash {
            HashAlgorithm::Sha2384 => "sha384",
            HashAlgorithm::Sha2512 => "sha512",
            _ => "sha256",
        };
        Some((name, digest))
    }

    fn hash(&self) -> Option<(HashAlgorithm, &[u8])> {
        match &self.0.content {
            SignatureContent::MessageSignature(message) => message
                .message_digest
                .as_ref()
                .map(|digest| (digest.algorithm, digest.digest.as_bytes())),
            _ => None,
        }
    }

    fn entries(&self) -> &[TransparencyLogEntry] {
        &self.0.verification_material.tlog_entries
    }

    /// Whether a timestamp authority is asked for the time.
    pub(crate) fn has_timestamps(&self) -> bool {
        !self
            .0
            .verification_material
            .timestamp_verification_data
            .rfc3161_timestamps
            .is_empty()
    }

    /// The same without its timestamps, where no root knows who made them and a pinned key alone decides.
    pub(crate) fn without_timestamps(&self) -> Self {
        let mut bundle = self.0.clone();
        bundle.verification_material.timestamp_verification_data = Default::default();
        Self(bundle)
    }
}

/// Drops fields that are `null`; the depth was bounded when the text was read.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.retain(|_, value| !value.is_null());
            object.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A digest of a statement's subject, as the library compares it.
pub(crate) fn subject_digest(algorithm: &str, hex_digits: &str) -> Option<SubjectDigest> {
    let algorithm = match algorithm {
        "sha256" => HashAlgorithm::Sha2256,
        "sha512" => HashAlgorithm::Sha2512,
        _ => return None,
    };
    ArtifactDigest::new(algorithm, hex::decode(hex_digits).ok()?).ok()
}

/// What the signature of an envelope is over (DSSE, `protocol.md`).
pub(crate) fn envelope_message(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    types::pae(payload_type, payload)
}

pub(super) fn is_rekor_2(entry: &TransparencyLogEntry) -> bool {
    entry.kind_version == KindVersion::HashedRekordV002
}

/// Whether a checkpoint has a signature line with a log's hint: the first four bytes of its id (C2SP `signed-note`).
pub(super) fn signs(id: &LogKeyId, entry: &TransparencyLogEntry) -> bool {
    let id = id.as_bytes();
    entry
        .inclusion_proof
        .as_ref()
        .and_then(|proof| proof.checkpoint.checkpoint())
        .is_some_and(|checkpoint| {
            checkpoint
                .signatures()
                .iter()
                .any(|signature| id.starts_with(signature.key_id.as_slice()))
        })
}

pub(super) fn log_name(entry: &TransparencyLogEntry) -> String {
    entry
        .inclusion_proof
        .as_ref()
        .and_then(|proof| proof.checkpoint.checkpoint())
        .map_or_else(
            || hex::encode(entry.log_id.key_id.as_bytes()),
            |checkpoint| shown(checkpoint.origin()),
        )
}
