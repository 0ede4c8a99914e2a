//! A chain of certificates up to a pinned authority (RFC 5280 §6.1), for model signatures.
//!
//! The makers' own certificates are authorities that sign, which the room `x509`, whose paths a library builds, refuses as an end of a
//! chain; hence this small one, on the same parts. It knows key usage, extended key usage and basic constraints, and refuses
//! whatever else is critical.

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid as _;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};

use super::refusal::Refusal;
use super::{anchor, authority};
use crate::evidence::Context;
use crate::evidence::x509::{self, Certificate, Pins};
use crate::model::{Anchor, Artifact, Doubt, Fault, Outcome, Timestamp};

/// The most certificates between the signer's and the authority's: no published hierarchy has more than four.
const MAX_DEPTH: usize = 8;
/// id-kp-codeSigning (RFC 5280 §4.2.1.12).
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// Verifies that a chain, the signer's certificate first, ends in a pinned authority. Nothing proves the time of signing, so
/// everything has to be valid now.
pub(crate) fn verify<'a>(
    kind: &str,
    chain: &[Certificate],
    artifact: &Artifact,
    context: &Context<'a>,
) -> Result<&'a Anchor, Refusal> {
    let pins = Pins::of_signers(context);
    if pins.0.is_empty() {
        return Err(Refusal::doubt(
            Doubt::NoAnchor,
            "signed by a certificate, and no authority is pinned",
        ));
    }
    let Some((signer, intermediates)) = chain.split_first() else {
        return Err(Refusal::malformed("the chain of certificates is empty"));
    };
    x509::check_key_strength(signer)?;
    check_critical(signer)?;
    check_signer(signer)?;
    check_time(signer, context.now)?;
    let mut current = signer;
    let mut refusal = None;
    for depth in 0..MAX_DEPTH {
        for (anchor, authorities) in &pins.0 {
            for authority in authorities.iter() {
                match issued(authority, current, depth, context.now) {
                    Some(Ok(())) => match anchor::check_bounds(kind, anchor, artifact, [context.now]) {
                        Ok(()) => return Ok(anchor),
                        Err(out_of_bounds) => {
                            refusal.get_or_insert(out_of_bounds);
                        }
                    },
                    Some(Err(wrong)) => {
                        refusal.get_or_insert(wrong);
                    }
                    None => {}
                }
            }
        }
        let mut next = None;
        for intermediate in intermediates {
            match issued(intermediate, current, depth, context.now) {
                Some(Ok(())) => next = Some(intermediate),
                Some(Err(wrong)) => {
                    refusal.get_or_insert(wrong);
                }
                None => {}
            }
        }
        match next {
            // A certificate that issued itself leads nowhere.
            Some(next) if next != current => current = next,
            _ => break,
        }
    }
    Err(refusal.unwrap_or_else(|| {
        Refusal::doubt(
            Doubt::UnknownSigner,
            format!(
                "the certificate's chain ends in `{}`, which no anchor pins",
                current.issuer()
            ),
        )
    }))
}

/// Whether one certificate issued another; `None` where it does not even say so.
fn issued(issuer: &Certificate, subject: &Certificate, depth: usize, now: Timestamp) -> Option<Result<(), Refusal>> {
    let named = authority::Authority::of(issuer.parsed()).may_have_issued(subject.parsed());
    named.then(|| {
        check_critical(issuer)?;
        check_issuer(issuer, depth)?;
        check_time(issuer, now)?;
        x509::is_issued_by(subject, issuer).map_err(|refusal| {
            // A wrong signature here is the chain's; a weak one stays weak.
            match refusal.outcome() {
                Outcome::Contradicted(Fault::SignatureWrong) => {
                    wrong("is not signed by the one that it names", subject)
                }
                _ => refusal.into(),
            }
        })
    })
}

fn wrong(what: &str, certificate: &Certificate) -> Refusal {
    Refusal::wrong(
        Fault::ChainWrong,
        format!("the certificate of `{}` {what}", certificate.subject()),
    )
}

/// RFC 5280 §4.2: what is critical and not processed is refused.
fn check_critical(certificate: &Certificate) -> Result<(), Refusal> {
    let known = [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID];
    let extensions = certificate.parsed().tbs_certificate.extensions.as_deref();
    if extensions
        .unwrap_or_default()
        .iter()
        .any(|extension| extension.critical && !known.contains(&extension.extn_id))
    {
        return Err(wrong("has a critical extension that is not known here", certificate));
    }
    Ok(())
}

/// RFC 5280 §4.2.1.3, §4.2.1.12: the signer's key is for signatures over code.
fn check_signer(certificate: &Certificate) -> Result<(), Refusal> {
    let usage = certificate.key_usage()?;
    if usage.is_some_and(|usage| !usage.0.contains(KeyUsages::DigitalSignature)) {
        return Err(wrong("is not for signatures", certificate));
    }
    match (usage, certificate.purposes()?) {
        (_, Some((_, purposes))) if purposes.contains(&CODE_SIGNING) => Ok(()),
        (Some(_), None) => Ok(()),
        _ => Err(wrong("is not for signing code", certificate)),
    }
}

/// RFC 5280 §4.2.1.9, §4.2.1.3: an issuer is an authority, for a chain of that length, and its key is for certificates.
fn check_issuer(certificate: &Certificate, depth: usize) -> Result<(), Refusal> {
    let constraints = certificate
        .parsed()
        .tbs_certificate
        .get::<BasicConstraints>()
        .map_err(|_| wrong("has constraints that cannot be read", certificate))?
        .map(|(_, constraints)| constraints);
    match constraints {
        Some(constraints) if constraints.ca => {
            if constraints
                .path_len_constraint
                .is_some_and(|longest| usize::from(longest) < depth)
            {
                return Err(wrong("issued too long a chain", certificate));
            }
        }
        _ => return Err(wrong("is no authority's", certificate)),
    }
    match certificate.key_usage()? {
        Some(usage) if !usage.0.contains(KeyUsages::KeyCertSign) => {
            Err(wrong("is not for issuing certificates", certificate))
        }
        _ => Ok(()),
    }
}

fn check_time(certificate: &Certificate, now: Timestamp) -> Result<(), Refusal> {
    let subject = certificate.subject();
    let (from, until) = certificate.validity();
    if now > until {
        return Err(Refusal::doubt(
            Doubt::NoProvenTime,
            format!("the certificate of `{subject}` ended at {until}, and nothing proves that it was used before"),
        ));
    }
    if now < from {
        return Err(Refusal::doubt(
            Doubt::NoProvenTime,
            format!("the certificate of `{subject}` begins at {from}, after the enclave's time {now}"),
        ));
    }
    Ok(())
}
