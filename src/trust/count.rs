//! Counting signatures: the one place where a signature becomes a person.

use std::collections::BTreeSet;

use super::{Kind, Role, Root, TrustError};
use crate::crypto::dsse::Envelope;
use crate::crypto::key::KeyId;

/// A valid signature found on an envelope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedBy {
    /// Whose key it is.
    pub person: String,
    /// The key.
    pub key: KeyId,
}

impl Root {
    /// The valid signatures of a role on an envelope; others are passed over, since anyone can add one.
    pub fn signers(&self, role: Role, kind: Kind, envelope: &Envelope) -> Result<BTreeSet<SignedBy>, TrustError> {
        let mut signers = self.all_signers(kind, envelope)?;
        let keys = self.roles.get(&role).map(|role| &role.keys);
        signers.retain(|signer| keys.is_some_and(|keys| keys.contains(&signer.key)));
        Ok(signers)
    }

    /// The valid signatures by any key of the root, whatever its role.
    pub fn all_signers(&self, kind: Kind, envelope: &Envelope) -> Result<BTreeSet<SignedBy>, TrustError> {
        kind.check(envelope)?;
        let message = envelope.pae();
        let signers = envelope.signatures.iter().filter_map(|signature| {
            let id: KeyId = signature.key_id.parse().ok()?;
            let key = self.keys.get(&id)?;
            key.public.verify(&message, &signature.bytes).ok()?;
            Some(SignedBy {
                person: key.person.clone(),
                key: id,
            })
        });
        Ok(signers.collect())
    }

    /// The persons with the role root who have signed a root's envelope, and who of them have not.
    pub fn root_signatures(&self, envelope: &Envelope) -> Result<RootSignatures, TrustError> {
        let signers = self.signers(Role::Root, Kind::Root, envelope)?;
        let signed: BTreeSet<String> = signers.into_iter().map(|signer| signer.person).collect();
        let open = self
            .persons(Role::Root)
            .into_iter()
            .filter(|person| !signed.contains(*person));
        let threshold = self.threshold(Role::Root) as usize;
        Ok(RootSignatures {
            missing: threshold.saturating_sub(signed.len()),
            open: open.map(str::to_owned).collect(),
            signed: signed.into_iter().collect(),
        })
    }
}

/// How far the signing of a root has come, counted by one root's persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSignatures {
    /// Who has signed.
    pub signed: Vec<String>,
    /// Who could still sign.
    pub open: Vec<String>,
    /// How many more must.
    pub missing: usize,
}
