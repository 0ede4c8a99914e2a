//! What the library's errors mean: wrong, unknown, or a clock that is behind.

use sigstore_verify::bundle::Error as ShapeError;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::LogKeyId;
use sigstore_verify::{CertificateError, Error, TimestampError, TransparencyLogError};

use super::super::identity;
use super::super::refusal::Refusal;
use super::super::statement::unreadable;
use super::key::signature_wrong;
use super::{Bundle, Root, is_rekor_2, signs};
use crate::model::{Doubt, Fault, Timestamp};

/// What stopped a verification.
pub(super) enum Failure {
    Ours(Refusal),
    Library(Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Ours(refusal)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl Root {
    /// Says what an error of the library means.
    pub(super) fn refusal(&self, failure: Failure, bundle: &Bundle, now: Timestamp) -> Refusal {
        let error = match failure {
            Failure::Ours(refusal) => return refusal,
            Failure::Library(error) => error,
        };
        if depends_on_clock(&error)
            && let Some(refusal) = self.clock_behind(bundle, now)
        {
            return refusal;
        }
        let text = error.to_string();
        match error {
            Error::SignatureInvalid(_) => signature_wrong(),
            // The artifact and a statement's subject were compared before: what differs here is the log's entry.
            Error::ArtifactMismatch(_) => Refusal::wrong(Fault::LogWrong, "the log's entry is about other bytes"),
            Error::UnsupportedArtifact(_) | Error::Crypto(_) => Refusal::doubt(
                Doubt::UnknownAlgorithm,
                format!("the signature cannot be verified here: {text}"),
            ),
            Error::Certificate(error) => certificate_refusal(&error, bundle),
            Error::TransparencyLog(error) => {
                let (fault, what) = match error {
                    TransparencyLogError::UnknownLog { .. } => {
                        (Fault::LogWrong, "the log is not the one that it names")
                    }
                    TransparencyLogError::InclusionProof(_) => (
                        Fault::LogWrong,
                        "the log's inclusion proof does not lead to its checkpoint",
                    ),
                    TransparencyLogError::Checkpoint(_) => {
                        (Fault::LogWrong, "the log's checkpoint is not signed by the pinned log")
                    }
                    TransparencyLogError::InclusionPromise(_) => {
                        (Fault::LogWrong, "the log's promise is not signed by the pinned log")
                    }
                    TransparencyLogError::EntryMismatch(_) => (
                        Fault::LogWrong,
                        "the log's entry is about another signature, signer or content",
                    ),
                    TransparencyLogError::IntegratedTime(_) => (
                        Fault::NotValidThen,
                        "the log's time is outside of the certificate's validity",
                    ),
                    _ => (Fault::LogWrong, "the log's entry cannot be read"),
                };
                Refusal::wrong(fault, format!("{what} ({text})"))
            }
            Error::Timestamp(TimestampError::Invalid(_)) => Refusal::wrong(
                Fault::TimeWrong,
                format!("the timestamp is not signed by the pinned authority over this signature ({text})"),
            ),
            Error::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => {
                Refusal::doubt(Doubt::NoProvenTime, "nothing in the bundle proves when it was signed")
            }
            Error::Timestamp(_) => Refusal::wrong(Fault::NotValidThen, text),
            Error::UnsupportedBundle(_) => Refusal::doubt(Doubt::UnknownFormat, text),
            Error::Bundle(
                ShapeError::MissingInclusionPromise(_)
                | ShapeError::MissingInclusionProof(_)
                | ShapeError::MissingSigningTimeEvidence
                | ShapeError::MissingTimestamp
                | ShapeError::MissingCheckpoint,
            ) => Refusal::doubt(Doubt::Incomplete, text),
            Error::Bundle(ShapeError::LogIndexOutOfRange { .. } | ShapeError::CheckpointRootMismatch) => {
                Refusal::wrong(Fault::LogWrong, text)
            }
            Error::InvalidTrustRoot(_) | Error::TrustRoot(_) | Error::TrustedCertificate(_) => {
                Refusal::doubt(Doubt::NoAnchor, text)
            }
            Error::ArtifactRead(_) => unreadable(),
            _ => Refusal::malformed(text),
        }
    }

    /// Says so, if the library may have refused only because a clock is behind.
    fn clock_behind(&self, bundle: &Bundle, now: Timestamp) -> Option<Refusal> {
        let behind = |what: String| Some(Refusal::doubt(Doubt::NoProvenTime, what));
        if !machine_reached(now) {
            return behind(format!(
                "the clock of this machine is behind the enclave's time {now}, so that the time of signing cannot be judged"
            ));
        }
        let promised = promised_times(bundle).find(|time| *time > now);
        if let Some(time) = promised {
            return behind(later_than_now(time, now));
        }
        let logs = self
            .trusted
            .tlogs
            .iter()
            .filter(|log| bundle.entries().iter().any(|entry| signs(&log.log_id.key_id, entry)))
            .filter_map(|log| log.public_key.valid_for);
        let stampers = self
            .trusted
            .timestamp_authorities
            .iter()
            .filter(|_| bundle.has_timestamps())
            .filter_map(|authority| authority.valid_for);
        let start = logs
            .chain(stampers)
            .map(|window| Timestamp::from_seconds(window.start.as_second()))
            .find(|start| *start > now)?;
        behind(format!(
            "the trusted root has keys that begin at {start}, after the enclave's time {now}: its clock may be behind"
        ))
    }
}

fn certificate_refusal(error: &CertificateError, bundle: &Bundle) -> Refusal {
    let text = error.to_string();
    match error {
        CertificateError::Malformed(_) => Refusal::malformed(text),
        CertificateError::NoValidAuthority { .. }
        | CertificateError::NotYetValid { .. }
        | CertificateError::Expired { .. } => Refusal::wrong(Fault::NotValidThen, text),
        CertificateError::Sct(_) => Refusal::wrong(
            Fault::LogWrong,
            format!("the promise of the certificates' log is missing or wrong ({text})"),
        ),
        // The library says that a chain does not hold, not why. By then the log's promises were verified.
        _ => match outside_validity(bundle) {
            Some(refusal) => refusal,
            None => Refusal::wrong(
                Fault::ChainWrong,
                format!("the certificate's chain does not lead to the pinned authority ({text})"),
            ),
        },
    }
}

/// Whether a certificate was not valid when its log promised the entry.
fn outside_validity(bundle: &Bundle) -> Option<Refusal> {
    let first = bundle.certificates().first().copied()?;
    let (from, until) = identity::validity(&identity::certificate(first).ok()?);
    let time = promised_times(bundle).find(|time| *time < from || *time > until)?;
    Some(Refusal::wrong(
        Fault::NotValidThen,
        format!("the certificate was valid from {from} to {until}, and it was signed at {time}"),
    ))
}

/// The times that a log's promises state.
fn promised_times(bundle: &Bundle) -> impl Iterator<Item = Timestamp> {
    bundle
        .entries()
        .iter()
        .filter(|entry| entry.inclusion_promise.is_some() && !is_rekor_2(entry))
        .filter_map(|entry| entry.integrated_time)
        .map(|time| Timestamp::from_seconds(time.as_second()))
}

/// A bundle was signed after the time at which it is judged.
pub(crate) fn later_than_now(time: Timestamp, now: Timestamp) -> String {
    format!("it was signed at {time}, after the enclave's time {now}: its clock may be behind")
}

/// Whether the machine's clock, which the library reads, has reached a time.
fn machine_reached(time: Timestamp) -> bool {
    // The library has no clock to ask; it says whether a key that begins at that time may be used.
    let Ok(start) = jiff::Timestamp::from_second(time.seconds()) else {
        return false;
    };
    let probe = serde_json::json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": [{
            "baseUrl": "",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": "", "keyDetails": "", "validFor": {"start": start.to_string()}},
            "logId": {"keyId": ""},
        }],
    });
    TrustedRoot::from_json(&probe.to_string())
        .is_ok_and(|root| root.rekor_key_for_log(&LogKeyId::new(Vec::new())).is_ok())
}

/// Whether an error may come from comparing with the machine's clock.
const fn depends_on_clock(error: &Error) -> bool {
    matches!(
        error,
        Error::TransparencyLog(
            TransparencyLogError::IntegratedTime(_)
                | TransparencyLogError::Checkpoint(_)
                | TransparencyLogError::InclusionPromise(_)
                | TransparencyLogError::UnknownLog { .. }
        ) | Error::Timestamp(_)
    )
}
