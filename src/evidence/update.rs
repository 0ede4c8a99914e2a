//! Whether a changed anchor is bound to the one before.

use std::collections::BTreeSet;

use sequoia_openpgp::Cert;

use super::{openpgp, tuf};
use crate::model::{Anchor, Material};

/// Fails if an anchor of the same name and type gets a material that is not bound to the one before: an OpenPGP
/// certificate's update keeps its primary key, and a TUF root's is signed by the threshold of the root before. The error is one phrase.
pub fn check_follows(before: &[Anchor], after: &[Anchor]) -> Result<(), String> {
    for anchor in after {
        let Some(held) = before.iter().find(|held| held.name == anchor.name) else {
            continue;
        };
        if let (Material::TufRoot(old), Material::TufRoot(new)) = (&held.material, &anchor.material) {
            tuf::check_follows(old, new).map_err(|reason| format!("anchor `{}`: {reason}", anchor.name))?;
        }
        if let (Material::Openpgp(old), Material::Openpgp(new)) = (&held.material, &anchor.material) {
            let (old, new) = (primaries(&anchor.name, old)?, primaries(&anchor.name, new)?);
            if let Some(other) = new.difference(&old).next() {
                return Err(format!(
                    "anchor `{}` gets the primary key {other}, which is not among those pinned under its name",
                    anchor.name
                ));
            }
        }
    }
    Ok(())
}

/// The fingerprints of the certificates' primary keys.
fn primaries(name: &str, armored: &str) -> Result<BTreeSet<String>, String> {
    let certificates = certificates(armored).map_err(|reason| format!("anchor `{name}`: {reason}"))?;
    Ok(certificates
        .iter()
        .map(|certificate| certificate.fingerprint().to_hex())
        .collect())
}

/// Reads certificates, in one armor or several after each other: the very ones that signatures are checked against.
pub(super) fn certificates(armored: &str) -> Result<Vec<Cert>, String> {
    openpgp::certificates(armored).map_err(|error| error.to_string())
}
