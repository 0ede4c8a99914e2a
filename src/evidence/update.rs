//! Whether a changed anchor is bound to the one before.

use std::collections::BTreeSet;

use sequoia_openpgp::Cert;
use sequoia_openpgp::packet::Signature;

use super::{openpgp, tuf};
use crate::model::{Anchor, Material};

/// Fails if an anchor that keeps its name is not bound to the one before: it keeps its type; an OpenPGP certificate's update keeps its primary key, and
/// every revocation that it held; and a TUF root's is signed by the threshold of the root before. The error is one phrase.
pub fn check_follows(before: &[Anchor], after: &[Anchor]) -> Result<(), String> {
    for anchor in after {
        let Some(held) = before.iter().find(|held| held.name == anchor.name) else {
            continue;
        };
        let (was, is) = (held.material.type_name(), anchor.material.type_name());
        if was != is {
            return Err(format!(
                "anchor `{}` becomes {is} where it was {was}, and nothing binds the one to the other",
                anchor.name
            ));
        }
        if let (Material::TufRoot(old), Material::TufRoot(new)) = (&held.material, &anchor.material) {
            tuf::check_follows(old, new).map_err(|reason| format!("anchor `{}`: {reason}", anchor.name))?;
        }
        if let (Material::Openpgp(old), Material::Openpgp(new)) = (&held.material, &anchor.material) {
            check_certificates(&anchor.name, old, new)?;
        }
    }
    Ok(())
}

fn check_certificates(name: &str, old: &str, new: &str) -> Result<(), String> {
    let read = |armored| certificates(armored).map_err(|reason| format!("anchor `{name}`: {reason}"));
    let (old, new) = (read(old)?, read(new)?);
    let (known, primaries) = (primaries(&old), primaries(&new));
    if let Some(other) = primaries.difference(&known).next() {
        return Err(format!(
            "anchor `{name}` gets the primary key {other}, which is not among those pinned under its name"
        ));
    }
    let kept = revocations(&new);
    let lost = revocations(&old)
        .into_iter()
        .find(|one| primaries.contains(&one.primary) && !kept.iter().any(|other| other.is(one)));
    match lost {
        Some(lost) => Err(format!(
            "anchor `{name}` loses the revocation of {} that the pinned certificate holds",
            lost.of
        )),
        None => Ok(()),
    }
}

/// The fingerprints of the certificates' primary keys.
fn primaries(certificates: &[Cert]) -> BTreeSet<String> {
    certificates
        .iter()
        .map(|certificate| certificate.fingerprint().to_hex())
        .collect()
}

/// A revocation within a certificate: by its owner, or by whomever the owner named.
pub(super) struct Revocation {
    /// What is revoked, in words.
    pub(super) of: String,
    /// The certificate's primary key.
    primary: String,
    signature: Signature,
}

impl Revocation {
    /// Whether it is the very same statement; what nobody signed in it may differ.
    fn is(&self, other: &Self) -> bool {
        self.of == other.of && self.primary == other.primary && self.signature.normalized_eq(&other.signature)
    }
}

/// The revocations that certificates hold, of keys and of user ids.
pub(super) fn revocations(certificates: &[Cert]) -> Vec<Revocation> {
    let mut found = Vec::new();
    for certificate in certificates {
        let primary = certificate.fingerprint().to_hex();
        let mut keep = |of: String, signature: &Signature| {
            found.push(Revocation {
                of,
                primary: primary.clone(),
                signature: signature.clone(),
            });
        };
        for key in certificate.keys() {
            let of = format!("key {}", key.key().fingerprint().to_hex());
            for signature in key.self_revocations().chain(key.other_revocations()) {
                keep(of.clone(), signature);
            }
        }
        for userid in certificate.userids() {
            let of = format!("`{}`", String::from_utf8_lossy(userid.userid().value()));
            for signature in userid.self_revocations().chain(userid.other_revocations()) {
                keep(of.clone(), signature);
            }
        }
    }
    found
}

/// Reads certificates, in one armor or several after each other: the very ones that signatures are checked against.
pub(super) fn certificates(armored: &str) -> Result<Vec<Cert>, String> {
    openpgp::certificates(armored).map_err(|error| error.to_string())
}
