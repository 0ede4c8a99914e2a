//! One signature against one certificate: the key, its binding, its times, its revocations, and the arithmetic.

use std::time::SystemTime;

use sequoia_openpgp::cert::amalgamation::key::PrimaryKey;
use sequoia_openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use sequoia_openpgp::cert::prelude::{ErasedKeyAmalgamation, ValidErasedKeyAmalgamation};
use sequoia_openpgp::packet::key::PublicParts;
use sequoia_openpgp::types::RevocationStatus;

use super::hashes::Hashes;
use super::sequoia::{Cert, Issuers, Mode, Signature};
use super::strength::{self, AnyStrength, AtSigning, Strength, hash_name};
use crate::model::Fault;

/// What is known of a signature that one key of a certificate made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// The signing key's fingerprint.
    pub(super) key: String,
    /// The certificate's user id.
    pub(super) owner: Option<String>,
    /// The key's algorithm, with its size or curve, and the hash.
    pub(super) algorithm: String,
    /// Weaker than usual.
    pub(super) notes: Vec<String>,
}

/// Why a signature by a known certificate does not count.
#[derive(Debug, Clone)]
pub(super) enum Unmade {
    /// It is wrong.
    Wrong(Fault, String),
    /// Its algorithm is not known.
    UnknownAlgorithm(String),
}

/// Checks a signature against a certificate that has a key of its issuer's name, at the time that the signature claims.
pub(super) fn check(signature: &Signature, mode: Mode, hashes: &Hashes, certificate: &Cert) -> Result<Made, Unmade> {
    let wrong = |fault, text: String| Err(Unmade::Wrong(fault, text));
    let Some(signature) = &signature.0 else {
        return wrong(Fault::Malformed, "the signature cannot be read".to_owned());
    };
    let issuers = Issuers(signature.get_issuers());
    let mut last = Unmade::Wrong(Fault::SignatureWrong, "the signature does not verify".to_owned());
    // More than one key fits where a signature names its key by 64 bits only.
    for key in certificate.keys().filter(|key| issuers.name(&key.key().key_handle())) {
        match check_key(signature, mode, hashes, certificate, &key) {
            Ok(made) => return Ok(made),
            Err(unmade) => last = unmade,
        }
    }
    Err(last)
}

fn check_key(
    signature: &sequoia_openpgp::packet::Signature,
    mode: Mode,
    hashes: &Hashes,
    certificate: &Cert,
    key: &ErasedKeyAmalgamation<'_, PublicParts>,
) -> Result<Made, Unmade> {
    let wrong = |fault, text: String| Err(Unmade::Wrong(fault, text));
    let name = key.key().fingerprint().to_hex();
    // RFC 9580 §9.1: keys that prove something, the primary key too, since it vouches for the others.
    let (algorithm, strength) = strength::of_key(key.key().mpis());
    let (_, primary_strength) = strength::of_key(certificate.primary_key().key().mpis());
    for strength in [strength, primary_strength] {
        match strength {
            Strength::Enough => {}
            Strength::Weak(why) => return wrong(Fault::Weak, format!("key {name} is too weak: {why}")),
            Strength::Unknown => return Err(Unmade::UnknownAlgorithm(algorithm)),
        }
    }
    // RFC 9580 §5.2.3.11: the creation time must be in the signed part.
    let Some(created) = signature.signature_creation_time() else {
        return wrong(Fault::Malformed, "the signature says no time".to_owned());
    };
    // RFC 9580 §5.2.4: the signature itself.
    let Some(context) = hashes.find(signature, mode) else {
        return Err(Unmade::UnknownAlgorithm(hash_name(signature.hash_algo())));
    };
    if created < key.key().creation_time() {
        return wrong(Fault::NotValidThen, format!("it was signed before key {name} was made"));
    }
    if signature.verify_hash(key.key(), context.clone()).is_err() {
        return wrong(
            Fault::SignatureWrong,
            format!(
                "the signature does not verify with key {name}: these are not the bytes that were signed, or it is damaged"
            ),
        );
    }
    // RFC 9580 §5.2.3.31: a hard revocation always counts, a soft one for what was signed later.
    if is_revoked(certificate, key, created) {
        return wrong(Fault::Revoked, format!("key {name} is revoked"));
    }
    // RFC 9580 §5.2.1.8, §5.2.1.9: the primary key binds the signing key, and the signing key agrees.
    let mut notes = Vec::new();
    let valid = match key.clone().with_policy(&AtSigning, created) {
        Ok(valid) => valid,
        Err(_) => match bound_later(key, created) {
            Some(later) => {
                notes.push("its certificate holds no binding as old as the signature; a later one vouches".to_owned());
                later
            }
            None if key.clone().with_policy(&AnyStrength, created).is_ok() => {
                return wrong(
                    Fault::Weak,
                    format!("key {name} is bound to its certificate by a weak signature only"),
                );
            }
            None => {
                return wrong(
                    Fault::NotValidThen,
                    format!("key {name} was not bound to its certificate when it signed"),
                );
            }
        },
    };
    // RFC 9580 §5.2.3.13: expiry, at the time of signing.
    if !alive_at(&valid, created) {
        return wrong(Fault::NotValidThen, format!("key {name} had expired when it signed"));
    }
    // RFC 9580 §5.2.3.29: a key for something else.
    if !valid.for_signing() {
        return wrong(Fault::ChainWrong, format!("key {name} is not for signing"));
    }
    if signature.version() == 3 {
        notes.push("the signature has the old version 3".to_owned());
    }
    Ok(Made {
        key: name,
        owner: owner(&valid),
        algorithm: format!("{algorithm} with {}", hash_name(signature.hash_algo())),
        notes,
    })
}

fn is_revoked(certificate: &Cert, key: &ErasedKeyAmalgamation<'_, PublicParts>, created: SystemTime) -> bool {
    // A soft revocation is taken back by a later binding only if that is strong enough.
    revokes(&certificate.revocation_status(&AtSigning, created))
        || certificate
            .keys()
            .subkeys()
            .filter(|subkey| !key.primary() && subkey.key().fingerprint() == key.key().fingerprint())
            .any(|subkey| revokes(&subkey.bundle().revocation_status(&AtSigning, created)))
}

const fn revokes(status: &RevocationStatus<'_>) -> bool {
    matches!(status, RevocationStatus::Revoked(_))
}

/// A certificate cut down to its newest self-signatures has none as old as its signatures. The earliest one since then still says
/// that the key, made before, is the certificate's.
fn bound_later<'a>(
    key: &ErasedKeyAmalgamation<'a, PublicParts>,
    created: SystemTime,
) -> Option<ValidErasedKeyAmalgamation<'a, PublicParts>> {
    let mut times: Vec<SystemTime> = key
        .cert()
        .userids()
        .flat_map(|user| user.self_signatures().collect::<Vec<_>>())
        .chain(key.cert().primary_key().self_signatures())
        .chain(key.self_signatures())
        .filter_map(|binding| binding.signature_creation_time())
        .filter(|time| *time > created)
        .collect();
    times.sort_unstable();
    times.dedup();
    times
        .into_iter()
        .find_map(|time| key.clone().with_policy(&AtSigning, time).ok())
}

/// Whether neither the certificate nor the key had expired at a time, by the bindings that were found.
fn alive_at(valid: &ValidErasedKeyAmalgamation<'_, PublicParts>, time: SystemTime) -> bool {
    let before = |end: Option<SystemTime>| end.is_none_or(|end| time < end);
    before(valid.valid_cert().primary_key().key_expiration_time()) && before(valid.key_expiration_time())
}

/// The longest user id that is shown, in characters.
const MAX_OWNER: usize = 200;

fn owner(valid: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> Option<String> {
    let user = valid.valid_cert().primary_userid().ok()?;
    let text = String::from_utf8_lossy(user.userid().value())
        .chars()
        .take(MAX_OWNER)
        .collect();
    Some(text)
}
