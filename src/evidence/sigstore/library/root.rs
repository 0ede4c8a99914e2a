//! A trusted root, and what it verifies.

use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{self, HashAlgorithm, TimeRange, TransparencyLogEntry};
use sigstore_verify::{Policy, PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult, Verifier};

use super::super::authority::{self, Authority, token_signer};
use super::super::identity;
use super::super::refusal::Refusal;
use super::super::statement::Digests;
use super::failure::Failure;
use super::key::whole;
use super::{Bundle, Key, SubjectDigest, is_rekor_2, log_name, signs};
use crate::model::{Doubt, Fault, LogEntry, LogProof, TimeSource, Timestamp};

/// A trusted root, ready to verify.
pub(crate) struct Root {
    verifier: Verifier,
    pub(super) trusted: TrustedRoot,
    authorities: Vec<Authority>,
    stampers: Vec<Authority>,
}

/// What was verified.
#[derive(Debug)]
pub(crate) struct Verified {
    /// Every proven time of signing, the earliest first.
    pub(crate) times: Vec<(Timestamp, TimeSource)>,
    /// The log's entry.
    pub(crate) log: Option<Box<LogEntry>>,
}
impl Root {
    /// Reads a trusted root.
    pub(crate) fn read(json: &str) -> Result<Self, Refusal> {
        let unusable = |why: String| Refusal::doubt(Doubt::NoAnchor, why);
        let trusted = TrustedRoot::from_json(json)
            .map_err(|error| unusable(format!("the trusted root cannot be read: {error}")))?;
        let verifier =
            Verifier::new(&trusted).map_err(|error| unusable(format!("the trusted root cannot be used: {error}")))?;
        let authorities = trusted
            .certificate_authorities
            .iter()
            .flat_map(|authority| &authority.cert_chain.certificates)
            .filter_map(|certificate| Authority::read(certificate.raw_bytes.as_bytes()))
            .collect();
        let stampers = trusted
            .timestamp_authorities
            .iter()
            .filter_map(|authority| authority.cert_chain.certificates.first())
            .filter_map(|certificate| Authority::read(certificate.raw_bytes.as_bytes()))
            .collect();
        Ok(Self {
            verifier,
            trusted,
            authorities,
            stampers,
        })
    }

    /// Whether it has transparency logs: a root that has some asks every bundle for an entry.
    pub(crate) fn has_logs(&self) -> bool {
        !self.trusted.tlogs.is_empty()
    }

    /// Whether it has logs of certificates: a root that has some asks every certificate for a promise.
    pub(crate) fn has_certificate_logs(&self) -> bool {
        !self.trusted.ctlogs.is_empty()
    }

    /// Whether this root has the authorities that a bundle names: the certificate's issuer, the logs, the timestamp authorities.
    pub(crate) fn knows(&self, bundle: &Bundle) -> Result<(), Refusal> {
        let unknown = |what: String| Err(Refusal::doubt(Doubt::UnknownSigner, what));
        let certificates = bundle.certificates();
        if let Some(first) = certificates.first() {
            let signer = identity::certificate(first)?;
            let mut chain = vec![signer];
            for der in &certificates[1..] {
                chain.push(identity::certificate(der)?);
            }
            let known = chain.iter().any(|certificate| {
                self.authorities
                    .iter()
                    .any(|authority| authority.may_have_issued(certificate))
            });
            if !known {
                return unknown(format!(
                    "the certificate was issued by `{}`, which no pinned root has",
                    chain[0].tbs_certificate.issuer
                ));
            }
            if self.has_certificate_logs()
                && let Some(id) = authority::certificate_log(&chain[0])
                && !self.trusted.ctlogs.iter().any(|log| log.log_id.key_id.as_bytes() == id)
            {
                return unknown(format!(
                    "the certificate was logged by {}, which no pinned root has",
                    hex::encode(id)
                ));
            }
        }
        self.knows_logs(bundle)?;
        self.knows_stampers(bundle)
    }

    /// Whether this root has the logs that a bundle names.
    pub(crate) fn knows_logs(&self, bundle: &Bundle) -> Result<(), Refusal> {
        for entry in bundle.entries() {
            let id = entry.log_id.key_id.as_bytes();
            let named = self.trusted.tlogs.iter().any(|log| log.log_id.key_id.as_bytes() == id);
            if !named && !self.trusted.tlogs.iter().any(|log| signs(&log.log_id.key_id, entry)) {
                return Err(Refusal::doubt(
                    Doubt::UnknownSigner,
                    format!("it was logged by {}, which no pinned root has", log_name(entry)),
                ));
            }
        }
        Ok(())
    }

    /// Whether this root has the timestamp authorities that a bundle names. A token that cannot be read is for the library to refuse.
    pub(crate) fn knows_stampers(&self, bundle: &Bundle) -> Result<(), Refusal> {
        for token in &bundle
            .0
            .verification_material
            .timestamp_verification_data
            .rfc3161_timestamps
        {
            if let Some(signer) = token_signer(token.signed_timestamp.as_bytes())
                && !self.stampers.iter().any(|stamper| stamper.is(&signer))
            {
                return Err(Refusal::doubt(
                    Doubt::UnknownSigner,
                    "its timestamp is by an authority that no pinned root has",
                ));
            }
        }
        Ok(())
    }

    /// Verifies a bundle with a certificate, whomever it names. A statement's subject is not compared: `subject` is one of its own.
    pub(crate) fn verify_identity(
        &self,
        bundle: &Bundle,
        subject: Option<SubjectDigest>,
        digests: &mut Digests<'_>,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let mut policy = VerificationPolicy::any_identity();
        if !self.has_logs() {
            policy = policy.skip_tlog_unsafe();
        }
        if !self.has_certificate_logs() {
            policy = policy.skip_sct();
        }
        let first = bundle
            .certificates()
            .first()
            .copied()
            .map(identity::certificate)
            .transpose()?;
        let key = match &first {
            Some(certificate) => authority::key_of(certificate)?,
            None => return Err(Refusal::malformed("the bundle has no certificate")),
        };
        let result = self
            .run(bundle, &policy, &key, subject, digests)
            .map_err(|failure| self.refusal(failure, bundle, now))?;
        self.verified(bundle, &result)
    }

    /// Verifies a bundle signed by a given key, with its log entries and timestamps.
    pub(crate) fn verify_key(
        &self,
        bundle: &Bundle,
        key: &Key,
        subject: Option<SubjectDigest>,
        digests: &mut Digests<'_>,
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let policy = PublicKeyVerificationPolicy::new(key.info.clone());
        let result = self
            .run(bundle, &policy, key, subject, digests)
            .map_err(|failure| self.refusal(failure, bundle, now))?;
        self.verified(bundle, &result)
    }

    fn run(
        &self,
        bundle: &Bundle,
        policy: &dyn Policy,
        key: &Key,
        subject: Option<SubjectDigest>,
        digests: &mut Digests<'_>,
    ) -> Result<VerificationResult, Failure> {
        if let Some(subject) = subject {
            return Ok(self.verifier.verify(subject, &bundle.0, policy)?);
        }
        let scheme = key.scheme_of(bundle)?;
        let sha256_only = bundle.hash().is_none_or(|(hash, _)| hash == HashAlgorithm::Sha2256);
        if scheme.hash_algorithm() == Some(HashAlgorithm::Sha2256) && sha256_only {
            let digest = types::Sha256Hash::new(*digests.artifact().digest.as_bytes());
            Ok(self.verifier.verify(digest, &bundle.0, policy)?)
        } else if scheme.supports_prehashed() {
            Ok(self.verifier.verify_reader(digests.content()?, &bundle.0, policy)?)
        } else {
            let bytes = whole(digests)?;
            Ok(self.verifier.verify(bytes.as_slice(), &bundle.0, policy)?)
        }
    }

    fn verified(&self, bundle: &Bundle, result: &VerificationResult) -> Result<Verified, Refusal> {
        let promised: Vec<jiff::Timestamp> = bundle
            .entries()
            .iter()
            .filter(|entry| entry.inclusion_promise.is_some() && !is_rekor_2(entry))
            .filter_map(|entry| entry.integrated_time)
            .collect();
        let mut times: Vec<(Timestamp, TimeSource)> = result
            .verified_timestamps()
            .iter()
            .map(|time| {
                let source = if promised.contains(time) {
                    TimeSource::Log
                } else {
                    TimeSource::TimestampAuthority
                };
                (Timestamp::from_seconds(time.as_second()), source)
            })
            .collect();
        times.sort_by_key(|(time, _)| *time);
        times.dedup();
        if !result.tlog_verified() {
            return Ok(Verified { times, log: None });
        }
        self.check_log_windows(bundle, result.verified_timestamps())?;
        // Every entry was verified; if one has a promise alone, so much is said.
        let weakest = bundle
            .entries()
            .iter()
            .find(|entry| entry.inclusion_proof.is_none())
            .or_else(|| bundle.entries().first());
        Ok(Verified {
            times,
            log: weakest.map(log_entry).map(Box::new),
        })
    }

    /// The key that signed a checkpoint must have been the log's at the time of signing: the library only asks whether it is by now.
    fn check_log_windows(&self, bundle: &Bundle, times: &[jiff::Timestamp]) -> Result<(), Refusal> {
        let valid =
            |window: Option<TimeRange>| window.is_none_or(|window| times.iter().all(|time| window.contains(*time)));
        for entry in bundle.entries().iter().filter(|entry| entry.inclusion_proof.is_some()) {
            let fits = self
                .trusted
                .tlogs
                .iter()
                .any(|log| signs(&log.log_id.key_id, entry) && valid(log.public_key.valid_for));
            if !fits {
                return Err(Refusal::wrong(
                    Fault::NotValidThen,
                    format!("the key of {} was not valid at the time of signing", log_name(entry)),
                ));
            }
        }
        Ok(())
    }
}

fn log_entry(entry: &TransparencyLogEntry) -> LogEntry {
    // Of a Rekor v1 entry the promise signs the outer index, and the proof its own; of v2 the proof uses the outer one.
    let index = match &entry.inclusion_proof {
        Some(proof) if entry.inclusion_promise.is_none() && !is_rekor_2(entry) => proof.log_index.get(),
        _ => entry.log_index.get(),
    };
    LogEntry {
        id: log_name(entry),
        index: index.to_string(),
        proof: if entry.inclusion_proof.is_some() {
            LogProof::Inclusion
        } else {
            LogProof::Promise
        },
    }
}
