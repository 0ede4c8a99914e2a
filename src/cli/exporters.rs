//! Whose keys seal a bundle: what the enclave would refuse for its seal is found before anything is fetched.

use std::collections::BTreeSet;

use super::signer::SignerArguments;
use crate::crypto::key::Signer;
use crate::import::site::Site;
use crate::model::{Code, Refusal, Stop};
use crate::trust::Role;
use crate::trust::folder::TrustFolder;

/// Opens the keys, which the enclave must accept.
pub(super) fn open(signers: &[SignerArguments], trust: &TrustFolder) -> Result<Vec<Box<dyn Signer>>, Stop> {
    let keys = signers
        .iter()
        .map(SignerArguments::open)
        .collect::<Result<Vec<_>, Stop>>()?;
    check(trust, &keys)?;
    Ok(keys)
}

/// Fails if the enclave's root, or what is revoked for it, would not let these keys seal a bundle.
fn check(trust: &TrustFolder, signers: &[Box<dyn Signer>]) -> Result<(), Stop> {
    let root = trust.current().document();
    let enclave = &root.enclave.name;
    let site = Site::load(trust)?;
    let revocations = site.revocations().map(|(_, document)| document);
    let role = root.roles.get(&Role::Export);
    let mut persons = BTreeSet::new();
    for id in signers.iter().map(|signer| signer.public().id()) {
        if let Some(revocation) = revocations.and_then(|revocations| revocations.key(&id.to_string())) {
            let reason = format!("it is revoked: {}", revocation.reason);
            return Err(Refusal::new(Code::KeyRevoked, format!("key {id}"), reason).into());
        }
        let key = root.keys.get(&id);
        let Some(key) = key.filter(|_| role.is_some_and(|role| role.keys.contains(&id))) else {
            return Err(Refusal::new(
                Code::KeyNotInRole,
                format!("key {id}"),
                format!("the root of enclave {enclave} does not let it seal bundles: it has not the role export"),
            )
            .hint(
                "`sealift root show` says which keys have it; sign with such a key: --key, or --agent and --public-key",
            )
            .into());
        };
        persons.insert(key.person.as_str());
    }
    let threshold = root.threshold(Role::Export) as usize;
    if persons.len() < threshold {
        return Err(Refusal::new(
            Code::ExportSignatureInvalid,
            format!("a bundle for enclave {enclave}"),
            format!("the root asks for {threshold} persons with the role export"),
        )
        .comparing(
            format!("{threshold} persons"),
            persons.into_iter().collect::<Vec<_>>().join(", "),
        )
        .hint("give the key of each of them with --key")
        .into());
    }
    Ok(())
}
