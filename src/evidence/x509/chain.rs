//! Certificate chains at a given time (RFC 5280 §6), up to what the site pinned.
//!
//! rustls-webpki builds and checks paths. It does not look at key usage, takes an end entity for an issuer only if its basic
//! constraints say so, and knows no pinned end entities; what is missing stands here.

use der::asn1::ObjectIdentifier;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage, RequiredEkuNotFoundContext};
use x509_cert::ext::pkix::KeyUsages;

use super::algorithm::key_name;
use super::oid::{EKU_ANY, WEAK};
use super::{Certificate, Message, Pins, Refusal, Scheme, verify_signature};
use crate::evidence::outside;
use crate::model::{Anchor, Artifact, Digest, Doubt, Fault, Timestamp};

/// For what a certificate must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purpose {
    /// In words: `code signing`.
    pub(crate) name: &'static str,
    /// One of these is enough.
    pub(crate) any_of: &'static [ObjectIdentifier],
    /// None of these may stand beside it.
    pub(crate) none_of: &'static [ObjectIdentifier],
    /// Whether a certificate that names no purpose will do.
    pub(crate) may_be_unstated: bool,
}

/// When something was signed, between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) earliest: Timestamp,
    pub(crate) latest: Timestamp,
    /// Whether somebody other than the signer says so.
    pub(crate) is_proven: bool,
}

impl Moment {
    /// The time of judging, where nothing proves another.
    pub(crate) fn now(now: Timestamp) -> Self {
        Self {
            earliest: now,
            latest: now,
            is_proven: false,
        }
    }
}

/// The anchor that a certificate leads to, and the fingerprints of the certificates on the way to it, the pinned one last.
pub(crate) fn find_anchor<'a>(
    kind: &str,
    leaf: &Certificate,
    pool: &[Certificate],
    purpose: &Purpose,
    moment: &Moment,
    pins: &Pins<'a>,
    artifact: &Artifact,
) -> Result<(&'a Anchor, Vec<String>), Refusal> {
    let mut beyond = None;
    let mut fault: Option<Refusal> = None;
    for (anchor, certificates) in &pins.0 {
        let reached = reach(leaf, pool, certificates);
        if reached == Reached::Nothing {
            continue;
        }
        let result = check_chain(leaf, pool, certificates, &reached, purpose, moment);
        let limit =
            outside(kind, anchor, artifact, moment.latest).or_else(|| outside(kind, anchor, artifact, moment.earliest));
        match (result, limit) {
            (Ok(chain), None) => return Ok((anchor, chain)),
            (Ok(_), Some(finding)) => beyond = Some(Refusal::unsure(Doubt::OutOfScope, finding.reason)),
            // What an anchor for other names has to say against it does not count.
            (Err(_), Some(finding)) => {
                beyond.get_or_insert(Refusal::unsure(Doubt::OutOfScope, finding.reason));
            }
            (Err(refusal), None) => {
                fault.get_or_insert(refusal.of(&format!("under anchor `{}`", anchor.name)));
            }
        }
    }
    Err(fault.or(beyond).unwrap_or_else(|| unknown(leaf, pins)))
}

fn unknown(leaf: &Certificate, pins: &Pins<'_>) -> Refusal {
    if pins.0.is_empty() {
        return Refusal::unsure(
            Doubt::NoAnchor,
            format!("no certificate is pinned, and it is signed by {}", show(leaf)),
        );
    }
    let namesake = pins
        .certificates()
        .any(|pinned| pinned.parsed().tbs_certificate.subject == leaf.parsed().tbs_certificate.subject);
    let hint = if namesake {
        ", who has the name of a pinned certificate and another key"
    } else {
        ""
    };
    Refusal::unsure(
        Doubt::UnknownSigner,
        format!("signed by {}{hint}, which leads to nothing that is pinned", show(leaf)),
    )
}

fn show(certificate: &Certificate) -> String {
    format!("{} (sha256 {})", certificate.subject(), certificate.fingerprint())
}

/// How far names lead from a certificate to pinned ones.
#[derive(Debug, PartialEq, Eq)]
enum Reached {
    /// The certificate itself is pinned.
    Itself,
    /// These pinned ones, by position, are issuers on the way.
    Issuers(Vec<usize>),
    Nothing,
}

fn reach(leaf: &Certificate, pool: &[Certificate], pinned: &[Certificate]) -> Reached {
    if pinned.iter().any(|certificate| certificate == leaf) {
        return Reached::Itself;
    }
    let mut way = vec![leaf];
    let mut issuers = Vec::new();
    let mut at = 0;
    while let Some(certificate) = way.get(at).copied() {
        at += 1;
        for (position, candidate) in pinned.iter().enumerate() {
            if candidate.is_named_as_issuer_of(certificate) && may_have_issued(candidate, certificate) {
                issuers.push(position);
            }
        }
        for candidate in pool {
            if candidate.is_named_as_issuer_of(certificate) && !way.contains(&candidate) {
                way.push(candidate);
            }
        }
    }
    issuers.sort_unstable();
    issuers.dedup();
    if issuers.is_empty() {
        Reached::Nothing
    } else {
        Reached::Issuers(issuers)
    }
}

/// Whether the key identifiers, where both state one, are the same (RFC 5280 §4.2.1.1): an authority may have several keys under
/// one name.
fn may_have_issued(issuer: &Certificate, certificate: &Certificate) -> bool {
    use x509_cert::ext::pkix::AuthorityKeyIdentifier;
    let Ok(Some(own)) = issuer.key_identifier() else {
        return true;
    };
    match certificate.parsed().tbs_certificate.get::<AuthorityKeyIdentifier>() {
        Ok(Some((_, named))) => named.key_identifier.is_none_or(|named| named == own.0),
        _ => true,
    }
}

fn check_chain(
    leaf: &Certificate,
    pool: &[Certificate],
    pinned: &[Certificate],
    reached: &Reached,
    purpose: &Purpose,
    moment: &Moment,
) -> Result<Vec<String>, Refusal> {
    key_name(leaf.key()).map_err(|refusal| refusal.of("the signer's certificate"))?;
    check_purpose(leaf, purpose)?;
    check_validity(leaf, moment)?;
    let Reached::Issuers(issuers) = reached else {
        return Ok(Vec::new());
    };
    let issuers: Vec<(&Certificate, CertificateDer<'_>)> = issuers
        .iter()
        .filter_map(|position| pinned.get(*position))
        .filter(|issuer| may_sign_certificates(issuer))
        .map(|issuer| (issuer, CertificateDer::from(issuer.der())))
        .collect();
    let (issuers, anchors): (Vec<&Certificate>, Vec<TrustAnchor<'_>>) = issuers
        .iter()
        .filter_map(|(issuer, der)| Some((*issuer, webpki::anchor_from_trusted_cert(der).ok()?)))
        .unzip();
    if anchors.is_empty() {
        return Err(Refusal::wrong(
            Fault::ChainWrong,
            "the pinned certificate that it names as its issuer may not sign certificates",
        ));
    }
    let pool_der: Vec<CertificateDer<'_>> = pool.iter().map(|one| CertificateDer::from(one.der())).collect();
    let der = CertificateDer::from(leaf.der());
    let entity = EndEntityCert::try_from(&der).map_err(|error| explain(&error, leaf, pool, moment))?;
    let mut chain = Vec::new();
    for time in [moment.earliest, moment.latest] {
        let seconds = u64::try_from(time.seconds()).unwrap_or(0);
        let path = entity
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &anchors,
                &pool_der,
                UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)),
                PurposeOnTheWay(purpose),
                None,
                Some(&|path| {
                    let issuers_may = path.intermediate_certificates().all(|issuer| {
                        Certificate::from_der(&issuer.der()).is_ok_and(|issuer| may_sign_certificates(&issuer))
                    });
                    if issuers_may {
                        Ok(())
                    } else {
                        Err(Error::EndEntityUsedAsCa)
                    }
                }),
            )
            .map_err(|error| explain(&error, leaf, pool, moment))?;
        let ends_in = anchors.iter().position(|anchor| anchor == path.anchor());
        let ends_in = ends_in
            .and_then(|place| issuers.get(place))
            .map(|issuer| issuer.fingerprint());
        let between = path
            .intermediate_certificates()
            .map(|issuer| Digest::of(&issuer.der()).hex());
        for fingerprint in between.chain(ends_in) {
            if !chain.contains(&fingerprint) {
                chain.push(fingerprint);
            }
        }
    }
    Ok(chain)
}

/// RFC 5280 §4.2.1.3: where key usage is stated, it includes the signing of certificates.
pub(crate) fn may_sign_certificates(certificate: &Certificate) -> bool {
    match certificate.key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.0.contains(KeyUsages::KeyCertSign),
        Err(_) => false,
    }
}

/// What the signer's own certificate is for (RFC 5280 §4.2.1.3, §4.2.1.12).
fn check_purpose(leaf: &Certificate, purpose: &Purpose) -> Result<(), Refusal> {
    let wrong = |what: String| Refusal::wrong(Fault::ChainWrong, format!("the signer's certificate {what}"));
    if let Some(usage) = leaf.key_usage()?
        && !usage.0.contains(KeyUsages::DigitalSignature)
        && !usage.0.contains(KeyUsages::NonRepudiation)
    {
        return Err(wrong("is not for signing, by its key usage".to_owned()));
    }
    match leaf.purposes()? {
        None if purpose.may_be_unstated => Ok(()),
        None => Err(wrong(format!("does not say that it is for {}", purpose.name))),
        Some((_, stated)) => {
            if !purpose.any_of.is_empty() && !stated.iter().any(|one| purpose.any_of.contains(one)) {
                return Err(wrong(format!("is not for {}", purpose.name)));
            }
            if let Some(other) = stated.iter().find(|one| purpose.none_of.contains(one)) {
                return Err(wrong(format!(
                    "is also for {other}, which is forbidden beside {}",
                    purpose.name
                )));
            }
            Ok(())
        }
    }
}

fn check_validity(leaf: &Certificate, moment: &Moment) -> Result<(), Refusal> {
    let (from, until) = leaf.validity();
    if moment.earliest < from {
        return Err(Refusal::wrong(
            Fault::NotValidThen,
            format!("the signer's certificate was not valid before {from}"),
        ));
    }
    if moment.latest > until {
        return Err(too_late(moment, &format!("the signer's certificate ended {until}")));
    }
    Ok(())
}

/// A certificate that has ended: wrong if the time is proven; otherwise it may have been signed in time.
fn too_late(moment: &Moment, what: &str) -> Refusal {
    if moment.is_proven {
        Refusal::wrong(
            Fault::NotValidThen,
            format!("{what}, and it was signed {}", moment.latest),
        )
    } else {
        Refusal::unsure(
            Doubt::NoProvenTime,
            format!("{what}, and nothing proves that it was signed before"),
        )
    }
}

/// An authority's certificate on the way: it has no purposes, or this one, or any (RFC 5280 §4.2.1.12, as practised).
struct PurposeOnTheWay<'a>(&'a Purpose);

impl ExtendedKeyUsageValidator for PurposeOnTheWay<'_> {
    fn validate(&self, iter: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        let is_one = |arcs: &[usize], oid: &ObjectIdentifier| {
            let own: Vec<usize> = oid.arcs().map(|arc| arc as usize).collect();
            own == arcs
        };
        let mut none_stated = true;
        for id in iter {
            let arcs = id?.to_decoded_oid();
            none_stated = false;
            if self.0.any_of.is_empty()
                || is_one(&arcs, &EKU_ANY)
                || self.0.any_of.iter().any(|wanted| is_one(&arcs, wanted))
            {
                return Ok(());
            }
        }
        if none_stated {
            return Ok(());
        }
        // What is required is said by the one who explains the error; here the type wants something.
        Err(Error::RequiredEkuNotFoundContext(RequiredEkuNotFoundContext {
            required: KeyUsage::required(&[0x55, 0x1d, 0x25, 0]),
            present: Vec::new(),
        }))
    }
}

/// What webpki's error means here.
fn explain(error: &Error, leaf: &Certificate, pool: &[Certificate], moment: &Moment) -> Refusal {
    let wrong = |reason: &str| Refusal::wrong(Fault::ChainWrong, reason);
    match error {
        Error::CertExpired { .. } => too_late(moment, "a certificate of its chain ended"),
        Error::CertNotValidYet { .. } => {
            Refusal::wrong(Fault::NotValidThen, "a certificate of its chain was not valid yet")
        }
        Error::InvalidSignatureForPublicKey => wrong("a certificate of its chain is not signed by its issuer"),
        Error::UnknownIssuer => wrong("its chain does not lead to the pinned certificate that it names"),
        Error::EndEntityUsedAsCa => wrong("a certificate of its chain signs others without being an authority"),
        Error::CaUsedAsEndEntity => wrong("it is signed with an authority's certificate, which is not pinned itself"),
        Error::PathLenConstraintViolated => wrong("its chain is longer than an authority on it allows"),
        Error::NameConstraintViolation => wrong("the signer's name is not among those that an authority may certify"),
        Error::RequiredEkuNotFoundContext(_) => wrong("an authority of its chain is not for this purpose"),
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
            if std::iter::once(leaf).chain(pool).any(is_weakly_signed) =>
        {
            Refusal::wrong(
                Fault::Weak,
                "a certificate of its chain is signed with an algorithm or key that no longer proves anything",
            )
        }
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Refusal::unsure(
                Doubt::UnknownAlgorithm,
                "a certificate of its chain is signed with an algorithm that is not judged",
            )
        }
        Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            Refusal::unsure(Doubt::TooLarge, "its certificates form too many chains to try")
        }
        other => wrong(&format!("its chain is wrong: {other}")),
    }
}

fn is_weakly_signed(certificate: &Certificate) -> bool {
    WEAK.iter()
        .any(|(oid, _)| *oid == certificate.parsed().signature_algorithm.oid)
        || key_name(certificate.key()).is_err()
}

/// Refuses a key that is too weak to prove anything.
pub(crate) fn check_key_strength(certificate: &Certificate) -> Result<(), Refusal> {
    key_name(certificate.key()).map(drop)
}

/// Whether one certificate is signed with the key of another, whatever else they say.
pub(crate) fn is_issued_by(certificate: &Certificate, issuer: &Certificate) -> Result<(), Refusal> {
    let parsed = certificate.parsed();
    let bytes = der::Encode::to_der(&parsed.tbs_certificate)
        .map_err(|_| Refusal::malformed("a certificate is not of RFC 5280"))?;
    let (scheme, hash) = Scheme::read(&parsed.signature_algorithm, None)?;
    verify_signature(
        issuer.key(),
        scheme,
        hash,
        &Message::Bytes(&bytes),
        parsed.signature.raw_bytes(),
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use der::Encode as _;
    use der::asn1::{BitString, UintRef};

    use super::*;
    use crate::evidence::x509::{EKU_CODE_SIGNING, read_pem};
    use crate::model::Outcome;

    /// Whoever verified a signature refused such a key already; a chain is judged without one too.
    #[test]
    fn a_pinned_certificate_with_a_weak_key_proves_nothing() {
        #[derive(der::Sequence)]
        struct Numbers<'a> {
            modulus: UintRef<'a>,
            exponent: UintRef<'a>,
        }

        let pem = include_str!("../../../tests/fixtures/gem/solo.pem");
        let whole = read_pem(pem).unwrap().remove(0);
        let with = |bits: usize| {
            let modulus = vec![0xc1; bits / 8];
            let numbers = Numbers {
                modulus: UintRef::new(&modulus).unwrap(),
                exponent: UintRef::new(&[1, 0, 1]).unwrap(),
            };
            let mut parsed = whole.parsed().clone();
            parsed.tbs_certificate.subject_public_key_info.subject_public_key =
                BitString::from_bytes(&numbers.to_der().unwrap()).unwrap();
            Certificate::from_parsed(&parsed).unwrap()
        };
        let purpose = Purpose {
            name: "code signing",
            any_of: &[EKU_CODE_SIGNING],
            none_of: &[],
            may_be_unstated: true,
        };
        let moment = Moment::now(whole.validity().0);
        let judged = |leaf: &Certificate| {
            check_chain(leaf, &[], &[], &Reached::Itself, &purpose, &moment).map_err(|refusal| refusal.outcome())
        };
        assert_eq!(judged(&with(2048)), Ok(Vec::new()));
        assert_eq!(judged(&with(1024)), Err(Outcome::Contradicted(Fault::Weak)));
    }
}
