//! The checks, in the order of `ssh-keygen -Y verify`: algorithms, signature, and then what the signer's line allows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::ID;
use super::anchor::{self, AllowedSigner};
use super::parse::{Envelope, MAGIC};
use super::wire::{self, WireError, put_string};
use crate::evidence::pinned::read_anchors;
use crate::evidence::{Context, outside, reading};
use crate::model::{Algorithm, Anchor, Artifact, Content, Doubt, Fault, Finding, Material, Signer};

pub(super) fn judge(
    envelope: &Envelope,
    message: &mut dyn Content,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Finding {
    let fingerprint = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&envelope.key)));
    let (anchors, mut notes) = read_anchors(
        context,
        |material| match material {
            Material::AllowedSigners(text) => Some(text),
            _ => None,
        },
        anchor::read,
    );
    let outcome = decide(envelope, &fingerprint, &anchors, message, artifact, context);
    let mut owner = None;
    let mut finding = match outcome {
        Ok((anchor, signer, untouched)) => {
            owner = Some(signer.principals.clone());
            if untouched {
                notes.push("the security key was not touched for it".to_owned());
            }
            let reason = format!(
                "signed by {} with key {fingerprint}, as anchor `{}` allows",
                reading::shown(&signer.principals),
                anchor.name
            );
            let mut finding = Finding::confirmed(ID, anchor.speaks_for.level(), reason);
            finding.anchors.push(anchor.name.clone());
            finding
                .claims
                .push(("namespace".to_owned(), envelope.namespace.clone()));
            finding
        }
        Err(finding) => *finding,
    };
    finding.algorithm = wire::read_signature(&envelope.signature).ok().map(|signature| {
        format!(
            "{} over {}",
            reading::shown(&signature.algorithm),
            reading::shown(&envelope.hash)
        )
    });
    finding.signers.push(Signer::key(fingerprint, owner));
    finding.notes = notes;
    finding
}

type Decided<'a> = Result<(&'a Anchor, &'a AllowedSigner, bool), Box<Finding>>;

fn decide<'a>(
    envelope: &Envelope,
    fingerprint: &str,
    anchors: &'a [(&'a Anchor, Vec<AllowedSigner>)],
    message: &mut dyn Content,
    artifact: &Artifact,
    context: &Context<'_>,
) -> Decided<'a> {
    let undecided = |doubt, reason: String| Box::new(Finding::undecided(ID, doubt, reason));
    let contradicted = |fault, reason: String| Box::new(Finding::contradicted(ID, fault, reason));
    if anchors.is_empty() {
        return Err(undecided(Doubt::NoAnchor, "no allowed signers are pinned".to_owned()));
    }
    let lines: Vec<(&Anchor, &AllowedSigner)> = anchors
        .iter()
        .flat_map(|(anchor, signers)| signers.iter().map(move |signer| (*anchor, signer)))
        .filter(|(_, signer)| signer.blob == envelope.key)
        .collect();
    let Some((_, any)) = lines.first() else {
        let reason = match wire::read_key(&envelope.key) {
            Err(error @ WireError::Unknown(_)) => return Err(undecided(Doubt::UnknownAlgorithm, error.to_string())),
            Err(error @ WireError::Malformed) => return Err(contradicted(Fault::Malformed, error.to_string())),
            _ => format!("signed by key {fingerprint}, which nobody pinned"),
        };
        return Err(undecided(Doubt::UnknownSigner, reason));
    };
    // Every line with this key: whose anchor counts, and otherwise why not.
    let (counting, outsiders): (Vec<_>, Vec<_>) = lines
        .iter()
        .map(|(anchor, signer)| (*anchor, *signer, outside(ID, anchor, artifact, context.now)))
        .partition(|(_, _, why_not)| why_not.is_none());

    let wrong = |fault, reason: String| {
        // An anchor that does not count for the artifact has no say against it either.
        match counting.first() {
            Some((anchor, ..)) => contradicted(fault, format!("{reason} (anchor `{}`)", anchor.name)),
            None => undecided(
                Doubt::UnknownSigner,
                format!("it names key {fingerprint}, which nobody pinned for it"),
            ),
        }
    };
    let key = any.key.as_ref().map_err(|error| match error {
        WireError::Unknown(_) => undecided(Doubt::UnknownAlgorithm, format!("key {fingerprint}: {error}")),
        _ => wrong(Fault::Weak, format!("key {fingerprint}: {error}")),
    })?;
    let signature = wire::read_signature(&envelope.signature).map_err(|error| match error {
        WireError::Weak(_) => wrong(Fault::Weak, format!("the signature's algorithm {error}")),
        _ => contradicted(Fault::Malformed, format!("the signature is {error}")),
    })?;
    let digest = digest(&envelope.hash, message)?;
    // PROTOCOL.sshsig §3: what is signed.
    let mut signed = MAGIC.to_vec();
    for part in [envelope.namespace.as_bytes(), b"", envelope.hash.as_bytes(), &digest] {
        put_string(&mut signed, part);
    }
    if key.verify(&signed, &signature).is_err() {
        let reason = format!("the signature does not fit key {fingerprint} and these bytes");
        return Err(wrong(Fault::SignatureWrong, reason));
    }

    let mut why_not = None;
    for (anchor, signer, _) in &counting {
        if !signer.takes_namespace(&envelope.namespace) {
            let reason = format!(
                "{} signed in the namespace `{}`, and anchor `{}` takes `{}`",
                reading::shown(&signer.principals),
                reading::shown(&envelope.namespace),
                anchor.name,
                signer.shown_namespaces()
            );
            why_not.get_or_insert_with(|| contradicted(Fault::SubjectDiffers, reason));
        } else if !signer.is_valid_at(context.now) {
            let reason = format!(
                "signed by {}, whose window in anchor `{}` does not hold this time",
                reading::shown(&signer.principals),
                anchor.name
            );
            // A line that would do at another time says more than one for another purpose.
            why_not = Some(undecided(Doubt::OutOfScope, reason));
        } else {
            return Ok((anchor, signer, signature.is_untouched()));
        }
    }
    let outsider = outsiders.into_iter().find_map(|(_, _, why_not)| why_not).map(Box::new);
    Err(why_not
        .or(outsider)
        .unwrap_or_else(|| undecided(Doubt::UnknownSigner, format!("nobody pinned key {fingerprint}"))))
}

fn digest(hash: &str, message: &mut dyn Content) -> Result<Vec<u8>, Box<Finding>> {
    let algorithm = match hash {
        "sha256" => Algorithm::Sha256,
        "sha512" => Algorithm::Sha512,
        _ => {
            let reason = format!("the hash `{}` is not known", reading::shown(hash));
            return Err(Box::new(Finding::undecided(ID, Doubt::UnknownAlgorithm, reason)));
        }
    };
    message
        .digest(algorithm)
        .map(|claim| claim.bytes().to_vec())
        .map_err(|_| {
            let reason = "the signed bytes could not be read";
            Box::new(Finding::undecided(ID, Doubt::Incomplete, reason))
        })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::crypto::file_key::FileKey;
    use crate::crypto::key::Signer as _;
    use crate::model::{Digest as ArtifactDigest, Level, Outcome, ScopePattern, SpeaksFor, Timestamp};

    const TYPE: &str = "sk-ssh-ed25519@openssh.com";

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        parts.iter().for_each(|part| put_string(&mut out, part));
        out
    }

    /// What is said of a signature on a security key that states these flags and a counter of 1.
    fn judged(flags: u8) -> Finding {
        let own = FileKey::from_seed(&[7; 32]);
        let blob = strings(&[TYPE.as_bytes(), own.public().bytes(), b"ssh:"]);
        let digest = Sha256::digest(b"message");
        let message = [MAGIC, &strings(&[b"file", b"", b"sha256", &digest])].concat();
        let mut signed = Sha256::digest(b"ssh:").to_vec();
        signed.push(flags);
        signed.extend(1_u32.to_be_bytes());
        signed.extend(Sha256::digest(&message));
        let mut signature = strings(&[TYPE.as_bytes(), &own.sign(&signed).unwrap()]);
        signature.push(flags);
        signature.extend(1_u32.to_be_bytes());
        let envelope = Envelope {
            key: blob.clone(),
            namespace: "file".to_owned(),
            hash: "sha256".to_owned(),
            signature,
        };
        let anchors = [Anchor {
            material: Material::AllowedSigners(format!("ann {TYPE} {}\n", STANDARD.encode(&blob))),
            name: "ann".to_owned(),
            note: String::new(),
            scope: vec![ScopePattern::everything()],
            speaks_for: SpeaksFor::Publisher,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        }];
        let now = Timestamp::from_seconds(1_800_000_000);
        let context = Context {
            anchors: &anchors,
            now,
            exported: now,
            max_transit_seconds: 0,
        };
        let artifact = Artifact {
            origin: "cache".to_owned(),
            reason: "list".to_owned(),
            ..Artifact::plain("files", "tool", "1", "tool", ArtifactDigest::of(b"message"))
        };
        judge(&envelope, &mut Cursor::new(b"message"), &artifact, &context)
    }

    #[test]
    fn a_security_key_that_nobody_touched_is_noted() {
        for (flags, notes) in [
            (1, &[][..]),
            (0, &["the security key was not touched for it"]),
            (4, &["the security key was not touched for it"]),
        ] {
            let finding = judged(flags);
            assert_eq!(finding.outcome, Outcome::Confirmed(Level::Publisher), "{finding:?}");
            assert_eq!(finding.notes, notes, "{flags}");
        }
    }
}
