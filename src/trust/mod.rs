//! What this site has pinned: roots, roles, persons, keys (`bundle-spec/root.md`).
//!
//! Nothing on a medium says what to trust. A site pins one root; later roots are applied only along the chain from
//! it, and every other document is judged by the root that is current.

pub mod approval;
pub mod custody;
pub mod data;
pub mod folder;
pub mod receipt;
pub mod review;
pub mod revocations;
pub mod standing;
mod count;
mod diff;
mod draft;
mod kind;
mod root;
mod rules;
mod trusted;
pub mod words;

pub use data::TrustData;
pub use revocations::{Revocation, Revocations, Revoked};
pub use standing::Standing;

pub use count::{RootSignatures, SignedBy};
pub use diff::diff;
pub use draft::Draft;
pub use kind::{Kind, Role};
pub use root::{Enclave, Profile, RoleKeys, Root, RootKey};
pub(crate) use rules::is_enclave_name;
pub use trusted::{MAX_ROOT_BYTES, MAX_ROOT_STEPS, TrustError, TrustedRoot, Vouched};

pub use crate::crypto::dsse::Envelope;
use crate::crypto::dsse::{self, Signature};
use crate::crypto::key::{SignError, Signer};

/// Seals a document: one envelope with a signature of each signer.
pub fn sign(kind: Kind, payload: Vec<u8>, signers: &[&dyn Signer]) -> Result<Envelope, SignError> {
    let mut envelope = Envelope {
        payload_type: kind.payload_type().to_owned(),
        payload,
        signatures: Vec::new(),
    };
    for signer in signers {
        add_signature(&mut envelope, *signer)?;
    }
    Ok(envelope)
}

/// Adds one signature to an envelope; a signature by the same key is replaced.
pub fn add_signature(envelope: &mut Envelope, signer: &dyn Signer) -> Result<(), SignError> {
    let key_id = signer.public().id().to_string();
    let bytes = signer.sign(&dsse::pae(&envelope.payload_type, &envelope.payload))?;
    envelope.signatures.retain(|signature| signature.key_id != key_id);
    envelope.signatures.push(Signature { key_id, bytes });
    Ok(())
}

/// Takes over the signatures of a copy that was signed elsewhere, and says how many are new. None of them is believed by that, so two by one key
/// may stand side by side. `None` where the copy is of another document.
pub fn join_signatures(envelope: &mut Envelope, copy: &Envelope) -> Option<usize> {
    if (&copy.payload_type, &copy.payload) != (&envelope.payload_type, &envelope.payload) {
        return None;
    }
    let before = envelope.signatures.len();
    for signature in &copy.signatures {
        if !envelope.signatures.contains(signature) {
            envelope.signatures.push(signature.clone());
        }
    }
    Some(envelope.signatures.len() - before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::agent_key::AgentError;
    use crate::crypto::file_key::FileKey;
    use crate::crypto::key::PublicKey;

    /// A person who declines when asked.
    struct Declines(FileKey);

    impl Signer for Declines {
        fn public(&self) -> &PublicKey {
            self.0.public()
        }

        fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, SignError> {
            Err(SignError::Agent {
                id: self.public().id(),
                source: AgentError::Declined,
            })
        }
    }

    #[test]
    fn nothing_is_sealed_unless_all_sign() {
        let [first, second] = [1, 2].map(|seed| FileKey::from_seed(&[seed; 32]));
        let signed = |signers: &[&dyn Signer]| sign(Kind::Review, b"{}".to_vec(), signers);
        assert_eq!(signed(&[&first, &second]).unwrap().signatures.len(), 2);
        assert!(signed(&[&first, &Declines(second)]).is_err());
    }
}
