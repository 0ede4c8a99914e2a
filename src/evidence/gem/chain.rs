//! A gem's certificates, from a pinned one to the signer's (`Gem::Security::Policy#check_chain`, `#check_trust`), at the time of
//! judging: nothing in a gem proves another. Stricter than RubyGems in one thing: who signs certificates is an authority.

use super::ID;
use crate::evidence::outside;
use crate::evidence::x509::{Case, Certificate, Refusal, check_key_strength, is_issued_by, may_sign_certificates};
use crate::model::{Anchor, Doubt, Fault, Timestamp};

/// The anchor, and the fingerprints of the certificates above the signer's, up to the pinned one.
pub(super) fn find_anchor<'a>(case: &Case<'a>, chain: &[Certificate]) -> Result<(&'a Anchor, Vec<String>), Refusal> {
    let mut worst = None;
    for (anchor, pinned) in &case.signers.0 {
        // The pinned one that is nearest to the signer: what is above it does not matter.
        let Some(from) = chain
            .iter()
            .rposition(|one| pinned.iter().any(|pinned| is_same_holder(one, pinned)))
        else {
            continue;
        };
        match (
            check(&chain[from..], case.now),
            outside(ID, anchor, case.artifact, case.now),
        ) {
            (Ok(()), None) => {
                let above = chain[from..].iter().rev().skip(1);
                return Ok((anchor, above.map(Certificate::fingerprint).collect()));
            }
            (_, Some(finding)) => worst = worst.or(Some(Refusal::unsure(Doubt::OutOfScope, finding.reason))),
            (Err(refusal), None) => worst = Some(refusal.of(&format!("under anchor `{}`", anchor.name))),
        }
    }
    Err(worst.unwrap_or_else(|| unknown(case, chain)))
}

fn unknown(case: &Case<'_>, chain: &[Certificate]) -> Refusal {
    let who = chain.last().map_or_else(String::new, |signer| {
        format!("{} (sha256 {})", signer.subject(), signer.fingerprint())
    });
    if case.signers.0.is_empty() {
        Refusal::unsure(
            Doubt::NoAnchor,
            format!("no certificate is pinned, and it is signed by {who}"),
        )
    } else {
        Refusal::unsure(
            Doubt::UnknownSigner,
            format!("signed by {who}, which leads to nothing that is pinned"),
        )
    }
}

/// `#check_trust` compares subject and public key: a certificate that was signed again for a longer time is the same holder's.
fn is_same_holder(one: &Certificate, pinned: &Certificate) -> bool {
    one.key() == pinned.key() && one.parsed().tbs_certificate.subject == pinned.parsed().tbs_certificate.subject
}

fn check(chain: &[Certificate], now: Timestamp) -> Result<(), Refusal> {
    for certificate in chain {
        check_key_strength(certificate)?;
        let (from, until) = certificate.validity();
        if now < from {
            return Err(Refusal::wrong(
                Fault::NotValidThen,
                format!(
                    "the certificate of {} is not valid before {from}",
                    certificate.subject()
                ),
            ));
        }
        if now > until {
            return Err(Refusal::unsure(
                Doubt::NoProvenTime,
                format!(
                    "the certificate of {} ended {until}, and nothing proves that it was signed before",
                    certificate.subject()
                ),
            ));
        }
    }
    for pair in chain.windows(2) {
        let [issuer, certificate] = pair else {
            continue;
        };
        if !issuer.is_named_as_issuer_of(certificate) || is_issued_by(certificate, issuer).is_err() {
            return Err(Refusal::wrong(
                Fault::ChainWrong,
                format!("{} was not issued by {}", certificate.subject(), issuer.subject()),
            ));
        }
        if !issuer.is_authority()? || !may_sign_certificates(issuer) {
            return Err(Refusal::wrong(
                Fault::ChainWrong,
                format!("{} may not sign certificates", issuer.subject()),
            ));
        }
    }
    Ok(())
}
