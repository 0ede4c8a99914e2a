//! The library that verifies Sigstore bundles, behind this one file: what goes in, what comes out, and what it leaves open.
//!
//! What sigstore-verify does: shape by version, times (RFC 3161 tokens, signed entry timestamps), the chain at every proven time,
//! the certificate's signed timestamp, inclusion proof and checkpoint, the signature, and that the log's entry is about the bundle.
//! What it leaves open, and who closes it:
//! - an inclusion proof is asked of one entry only, and v0.1 may do without: `parse.rs` asks every entry, `verify.rs` gives less level
//! - the window of a checkpoint's key is not compared with the time of signing: [`Root::check_log_windows`]
//! - it reads the machine's clock: what it refuses because of that is told apart by [`Root::refusal`], and what it accepts is judged
//!   again at the context's time (`verify.rs`)
//! - what is not signed is not shown: the media type's spelling, a key's hint, `keyid`, the log's id of Rekor v2 entries
//! - "wrong" and "unknown" are one error: [`Root::knows`] looks first whether this root has the authority at all

use std::io::Read as _;

use serde_json::Value;
use sigstore_verify::bundle::Error as ShapeError;
use sigstore_verify::crypto::{self, KeyAlgorithm, SigningScheme};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::bundle::VerificationMaterialContent;
use sigstore_verify::types::{
    self, ArtifactDigest, DerPublicKey, HashAlgorithm, KindVersion, LogKeyId, SignatureBytes, SignatureContent,
    TimeRange, TransparencyLogEntry,
};
use sigstore_verify::{
    CertificateError, Error, Policy, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError,
    VerificationPolicy, VerificationResult, Verifier,
};

use super::authority::{Authority, token_signer};
use super::identity;
use super::refusal::Refusal;
use super::statement::{Digests, unreadable};
use crate::model::{Digest, Doubt, Fault, LogEntry, LogProof, TimeSource, Timestamp};

/// The largest artifact that is read whole: only where a scheme cannot verify a digest (Ed25519).
const MAX_WHOLE_BYTES: u64 = 64 << 20;

/// A digest of a statement's subject, as the library compares it.
pub(crate) type SubjectDigest = ArtifactDigest;

/// A bundle as the library understands it.
pub(crate) struct Bundle(types::Bundle);

/// A trusted root, ready to verify.
pub(crate) struct Root {
    verifier: Verifier,
    trusted: TrustedRoot,
    authorities: Vec<Authority>,
    stampers: Vec<Authority>,
}

/// What was verified.
#[derive(Debug)]
pub(crate) struct Verified {
    /// Every proven time of signing, the earliest first.
    pub(crate) times: Vec<(Timestamp, TimeSource)>,
    /// The log's entry.
    pub(crate) log: Option<LogEntry>,
}

/// A public key, by its SubjectPublicKeyInfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    info: DerPublicKey,
    algorithm: KeyAlgorithm,
}

impl Bundle {
    /// Takes a bundle whose shape was checked.
    pub(crate) fn read(value: &Value) -> Result<Self, Refusal> {
        serde::Deserialize::deserialize(value)
            .map(Self)
            .map_err(|error: serde_json::Error| Refusal::malformed(format!("the bundle cannot be read: {error}")))
    }

    /// The certificates, the signer's first.
    pub(crate) fn certificates(&self) -> Vec<&[u8]> {
        match &self.0.verification_material.content {
            VerificationMaterialContent::Certificate(certificate) => vec![certificate.raw_bytes.as_bytes()],
            VerificationMaterialContent::X509CertificateChain { certificates } => certificates
                .iter()
                .map(|certificate| certificate.raw_bytes.as_bytes())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What the bundle says about the key that signed it; a hint.
    pub(crate) fn hint(&self) -> &str {
        match &self.0.verification_material.content {
            VerificationMaterialContent::PublicKey(key) => &key.hint,
            _ => "",
        }
    }

    /// The envelope's payload and its type.
    pub(crate) fn payload(&self) -> Option<(&str, &[u8])> {
        match &self.0.content {
            SignatureContent::DsseEnvelope(envelope) => Some((&envelope.payload_type, envelope.payload.as_bytes())),
            _ => None,
        }
    }

    /// The digest of the signed bytes that a message signature states, by the algorithm's name.
    pub(crate) fn message_digest(&self) -> Option<(&'static str, &[u8])> {
        let (hash, digest) = self.hash()?;
        let name = match hash {
            HashAlgorithm::Sha2384 => "sha384",
            HashAlgorithm::Sha2512 => "sha512",
            _ => "sha256",
        };
        Some((name, digest))
    }

    fn hash(&self) -> Option<(HashAlgorithm, &[u8])> {
        match &self.0.content {
            SignatureContent::MessageSignature(message) => message
                .message_digest
                .as_ref()
                .map(|digest| (digest.algorithm, digest.digest.as_bytes())),
            _ => None,
        }
    }

    fn entries(&self) -> &[TransparencyLogEntry] {
        &self.0.verification_material.tlog_entries
    }

    /// Whether a timestamp authority is asked for the time.
    pub(crate) fn has_timestamps(&self) -> bool {
        !self
            .0
            .verification_material
            .timestamp_verification_data
            .rfc3161_timestamps
            .is_empty()
    }

    /// The same without its timestamps, where no root knows who made them and a pinned key alone decides.
    pub(crate) fn without_timestamps(&self) -> Self {
        let mut bundle = self.0.clone();
        bundle.verification_material.timestamp_verification_data = Default::default();
        Self(bundle)
    }
}

impl Key {
    /// Takes a SubjectPublicKeyInfo in DER.
    pub(crate) fn from_info(der: &[u8]) -> Result<Self, Refusal> {
        let info = DerPublicKey::new(der.to_vec());
        match KeyAlgorithm::from_spki(&info) {
            Ok(algorithm) => Ok(Self { info, algorithm }),
            Err(_) => Err(Refusal::doubt(
                Doubt::UnknownAlgorithm,
                "the key is of an algorithm that is not verified here",
            )),
        }
    }

    /// Takes a SubjectPublicKeyInfo in base64.
    pub(crate) fn from_base64(text: &str) -> Option<Self> {
        let info = DerPublicKey::from_base64(text).ok()?;
        Self::from_info(info.as_bytes()).ok()
    }

    /// Reads one PEM block `PUBLIC KEY`.
    pub(crate) fn from_pem(pem: &str) -> Result<Self, Refusal> {
        match DerPublicKey::from_pem(pem.trim()) {
            Ok(info) => Self::from_info(info.as_bytes()),
            Err(_) => Err(Refusal::malformed("the key is not one PEM block `PUBLIC KEY`")),
        }
    }

    /// The SubjectPublicKeyInfo in DER.
    pub(crate) fn info(&self) -> &[u8] {
        self.info.as_bytes()
    }

    /// SHA-256 over the SubjectPublicKeyInfo.
    pub(crate) fn fingerprint(&self) -> Digest {
        Digest::of(self.info())
    }

    /// Verifies a signature over a message, with the hash that goes with the key.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        crypto::verify_signature(
            &self.info,
            message,
            &SignatureBytes::new(signature.to_vec()),
            self.algorithm.default_signing_scheme(),
        )
        .map_err(|_| signature_wrong())
    }

    /// Verifies a bundle's signature, and nothing else.
    pub(crate) fn verify_bundle(&self, bundle: &Bundle, digests: &mut Digests<'_>) -> Result<(), Refusal> {
        match &bundle.0.content {
            SignatureContent::DsseEnvelope(envelope) => self.verify(&envelope.pae(), envelope.signature.sig.as_bytes()),
            SignatureContent::MessageSignature(message) => {
                let scheme = self.scheme_of(bundle)?;
                let hashes: &[HashAlgorithm] = match scheme.hash_algorithm() {
                    Some(HashAlgorithm::Sha2256) => {
                        return crypto::verify_signature_prehashed(
                            &self.info,
                            digests.artifact().digest.as_bytes(),
                            &message.signature,
                            scheme,
                        )
                        .map_err(|_| signature_wrong());
                    }
                    Some(HashAlgorithm::Sha2384) => &[HashAlgorithm::Sha2384],
                    Some(HashAlgorithm::Sha2512) => &[HashAlgorithm::Sha2512],
                    _ => return self.verify(&whole(digests)?, message.signature.as_bytes()),
                };
                let mut hashers = hashes
                    .iter()
                    .map(|hash| crypto::ArtifactHasher::new(*hash))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| unknown_algorithm())?;
                crypto::hash_reader(digests.content()?, &mut hashers).map_err(|_| unreadable())?;
                let digest = hashers.remove(0).finalize();
                crypto::verify_signature_prehashed(&self.info, digest.as_bytes(), &message.signature, scheme)
                    .map_err(|_| signature_wrong())
            }
            _ => Err(unknown_algorithm()),
        }
    }

    fn scheme_of(&self, bundle: &Bundle) -> Result<SigningScheme, Refusal> {
        match bundle.hash() {
            Some((hash, _)) => self
                .algorithm
                .resolve_signing_scheme(hash)
                .map_err(|_| unknown_algorithm()),
            None => Ok(self.algorithm.default_signing_scheme()),
        }
    }
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
                && let Some(id) = super::authority::certificate_log(&chain[0])
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
            Some(certificate) => super::authority::key_of(certificate)?,
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
            log: weakest.map(log_entry),
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

    /// Says what an error of the library means.
    fn refusal(&self, failure: Failure, bundle: &Bundle, now: Timestamp) -> Refusal {
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
            Error::Certificate(error) => {
                let fault = match error {
                    CertificateError::Malformed(_) => Fault::Malformed,
                    CertificateError::NoValidAuthority { .. }
                    | CertificateError::NotYetValid { .. }
                    | CertificateError::Expired { .. } => Fault::NotValidThen,
                    CertificateError::Sct(_) => Fault::LogWrong,
                    _ => Fault::ChainWrong,
                };
                Refusal::wrong(fault, text)
            }
            Error::TransparencyLog(TransparencyLogError::IntegratedTime(_)) => {
                Refusal::wrong(Fault::NotValidThen, text)
            }
            Error::TransparencyLog(_) => Refusal::wrong(Fault::LogWrong, text),
            Error::Timestamp(TimestampError::Invalid(_)) => Refusal::wrong(Fault::TimeWrong, text),
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
        let promised = bundle
            .entries()
            .iter()
            .filter(|entry| entry.inclusion_promise.is_some() && !is_rekor_2(entry))
            .filter_map(|entry| entry.integrated_time)
            .map(|time| Timestamp::from_seconds(time.as_second()))
            .find(|time| *time > now);
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

enum Failure {
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

/// A digest of a statement's subject, as the library compares it.
pub(crate) fn subject_digest(algorithm: &str, hex_digits: &str) -> Option<SubjectDigest> {
    let algorithm = match algorithm {
        "sha256" => HashAlgorithm::Sha2256,
        "sha512" => HashAlgorithm::Sha2512,
        _ => return None,
    };
    ArtifactDigest::new(algorithm, hex::decode(hex_digits).ok()?).ok()
}

/// How a bundle was signed with a key, for people.
pub(crate) fn algorithm(bundle: &Bundle, key: &Key) -> &'static str {
    scheme_name(
        key.scheme_of(bundle)
            .unwrap_or_else(|_| key.algorithm.default_signing_scheme()),
    )
}

fn whole(digests: &mut Digests<'_>) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    digests
        .content()?
        .take(MAX_WHOLE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| unreadable())?;
    if bytes.len() as u64 > MAX_WHOLE_BYTES {
        return Err(Refusal::doubt(
            Doubt::TooLarge,
            format!("this algorithm signs the whole artifact, and at most {MAX_WHOLE_BYTES} bytes are read at once"),
        ));
    }
    Ok(bytes)
}

fn is_rekor_2(entry: &TransparencyLogEntry) -> bool {
    entry.kind_version == KindVersion::HashedRekordV002
}

/// Whether a checkpoint has a signature line with a log's hint: the first four bytes of its id (C2SP `signed-note`).
fn signs(id: &LogKeyId, entry: &TransparencyLogEntry) -> bool {
    let id = id.as_bytes();
    entry
        .inclusion_proof
        .as_ref()
        .and_then(|proof| proof.checkpoint.checkpoint())
        .is_some_and(|checkpoint| {
            checkpoint
                .signatures()
                .iter()
                .any(|signature| id.starts_with(signature.key_id.as_slice()))
        })
}

fn log_name(entry: &TransparencyLogEntry) -> String {
    entry
        .inclusion_proof
        .as_ref()
        .and_then(|proof| proof.checkpoint.checkpoint())
        .map_or_else(
            || hex::encode(entry.log_id.key_id.as_bytes()),
            |checkpoint| super::refusal::shown(checkpoint.origin()),
        )
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

fn signature_wrong() -> Refusal {
    Refusal::wrong(
        Fault::SignatureWrong,
        "the signature does not fit the signed bytes and the key",
    )
}

fn unknown_algorithm() -> Refusal {
    Refusal::doubt(
        Doubt::UnknownAlgorithm,
        "the signature is of an algorithm that is not verified here",
    )
}

const fn scheme_name(scheme: SigningScheme) -> &'static str {
    match scheme {
        SigningScheme::EcdsaP256Sha256 => "ECDSA P-256 with SHA-256",
        SigningScheme::EcdsaP256Sha384 => "ECDSA P-256 with SHA-384",
        SigningScheme::EcdsaP384Sha256 => "ECDSA P-384 with SHA-256",
        SigningScheme::EcdsaP384Sha384 => "ECDSA P-384 with SHA-384",
        SigningScheme::Ed25519 => "Ed25519",
        SigningScheme::RsaPkcs1Sha256 => "RSA PKCS #1 v1.5 with SHA-256",
        SigningScheme::RsaPkcs1Sha384 => "RSA PKCS #1 v1.5 with SHA-384",
        SigningScheme::RsaPkcs1Sha512 => "RSA PKCS #1 v1.5 with SHA-512",
        SigningScheme::RsaPssSha256 => "RSA-PSS with SHA-256",
        SigningScheme::RsaPssSha384 => "RSA-PSS with SHA-384",
        SigningScheme::RsaPssSha512 => "RSA-PSS with SHA-512",
        SigningScheme::MlDsa44 => "ML-DSA-44",
        SigningScheme::MlDsa65 => "ML-DSA-65",
        SigningScheme::MlDsa87 => "ML-DSA-87",
        _ => "another algorithm",
    }
}
