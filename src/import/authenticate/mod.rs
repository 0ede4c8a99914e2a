//! Opened -> `Authenticated`: a pinned key sealed this manifest, it is meant for us, and it is not an old one.
//!
//! Threats: forged, replayed, reordered, expired and foreign bundles; a parser attacked before anything is authenticated.
//! Defence: until the signature is confirmed, the only bytes handled are one envelope of bounded size, and for each
//! travelling root one more, each judged by the chain from the pin. The manifest's payload is parsed after its
//! signature; the rest of the volume is not touched here at all (`bundle-spec/seal.md`).

mod once_more;
mod place;
mod roots;

use serde::{Deserialize, Serialize};

use crate::bundle::manifest::{Manifest, ManifestError};
use crate::crypto::dsse::Envelope;
use crate::crypto::key::KeyId;
use crate::crypto::strict_json;
use crate::model::{Code, Digest, Refusal, Stop, Timestamp};
use crate::trust::approval::{self, Approval, Approved};
use crate::trust::{Kind, Revocations, Role, TrustError, TrustedRoot, Vouched};

use place::{check_base, check_order, check_recipient, check_time};
use roots::{check_roots, read_roots};

pub(super) use once_more::unchanged;
pub(super) use roots::follow;

use super::open::{Opened, UntrustedApproval, UntrustedVolume};
use super::volume::VolumeReader;

/// What the receiving side remembers, as far as a bundle is judged by it.
pub trait Memory {
    /// The last bundle that was imported from a stream.
    fn last(&self, stream: &str) -> Result<Option<Position>, Stop>;
    /// The manifest digest that was imported under a number.
    fn numbered(&self, stream: &str, epoch: u64, sequence: u64) -> Result<Option<Digest>, Stop>;
    /// When a manifest was imported, and as which generation.
    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop>;
    /// The latest time that is known to have passed, and what says so.
    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop>;
    /// What the site does when numbers are missing.
    fn gap_rule(&self) -> GapRule;
    /// Approvals that came with earlier volumes of the same bundle; they are judged again like new ones.
    fn kept_approvals(&self, manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop>;
    /// What persons have still to decide of a bundle that was imported, or have decided since.
    fn rest(&self, _manifest: &Digest) -> Result<Rest, Stop> {
        Ok(Rest::Nothing)
    }
}

/// What persons have still to decide of a bundle that was imported, or have decided since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing.
    Nothing,
    /// Something waits, and nobody has signed anything about it.
    Waits,
    /// Something waited, and persons have signed decisions about it.
    Decided,
}

impl Imported {
    /// When and how it was imported, in words.
    pub(super) fn words(&self) -> String {
        match self.generation {
            Some(generation) => format!("it was imported on {} as generation {generation}", self.at),
            None => format!("it was imported on {}", self.at),
        }
    }
}

/// A manifest whose seal counts, whatever becomes of the bundle.
#[derive(Debug, Clone)]
pub struct SealedManifest {
    /// The manifest.
    pub manifest: Manifest,
    /// The bundle's identity.
    pub digest: Digest,
    /// The envelope as it came.
    pub envelope: Vec<u8>,
    /// The approvals that came, now or with earlier volumes, whatever they are worth.
    pub untrusted_approvals: Vec<Vec<u8>>,
}

/// A bundle's place in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The epoch.
    pub epoch: u64,
    /// The number.
    pub sequence: u64,
    /// The manifest.
    pub manifest: Digest,
}

/// An earlier import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// When.
    pub at: Timestamp,
    /// The generation that it made, unless that has been swept.
    pub generation: Option<u64>,
}

/// What the site does when numbers are missing in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapRule {
    /// The bundle is refused until the missing ones have come.
    Refuse,
    /// A bundle that stands alone is taken, and the gap is recorded.
    Record,
}

/// By what a bundle is judged.
pub struct Judgement<'a> {
    /// The root that is trusted now.
    pub root: &'a TrustedRoot,
    /// The clock.
    pub now: Timestamp,
    /// The enclave's memory; without one (a check by someone else) order is not judged, and the report says so.
    pub memory: Option<&'a dyn Memory>,
    /// Whether approvals must be there already.
    pub approvals: Approvals,
    /// What the site no longer believes.
    pub revocations: Option<&'a Revocations>,
}

/// Whether approvals must be there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approvals {
    /// As the root asks.
    Needed,
    /// The bundle is being looked at by a person who may approve it: nothing can be imported by this.
    StillToCome,
}

/// A manifest that a pinned key sealed for us, with volumes read up to the end of their roots.
pub struct Authenticated {
    manifest: Manifest,
    manifest_digest: Digest,
    envelope: Vec<u8>,
    voucher: Voucher,
    volumes: Vec<VolumeReader>,
}

/// Who vouched for a bundle, and what was and was not judged.
#[derive(Debug, Clone)]
pub struct Voucher {
    /// The persons whose export signatures are valid.
    pub exporters: Vec<String>,
    /// The keys with which they signed.
    pub export_keys: Vec<KeyId>,
    /// The persons whose approvals count.
    pub approvers: Vec<String>,
    /// What they signed, in their order.
    pub approved: Vec<Approval>,
    /// The approvals' envelopes, to be kept.
    pub approvals: Vec<Vec<u8>>,
    /// The custody records that count, to be kept.
    pub custody: Vec<Vec<u8>>,
    /// The version of the root by which it was judged.
    pub root_version: u64,
    /// The profile of that root.
    pub profile: String,
    /// Missing numbers that the site's rule lets pass.
    pub gap: Option<(u64, u64)>,
    /// What was not judged, in words.
    pub not_checked: Vec<String>,
    /// A newer root that the bundle brought, applied along the chain.
    pub new_roots: Vec<TrustedRoot>,
    /// Whether the bundle was imported before, and comes for what persons have admitted of it since.
    pub is_again: bool,
}

impl Authenticated {
    /// Everything that later steps need.
    pub(super) fn into_parts(self) -> (Manifest, Digest, Vec<u8>, Voucher, Vec<VolumeReader>) {
        (
            self.manifest,
            self.manifest_digest,
            self.envelope,
            self.voucher,
            self.volumes,
        )
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who vouched for it, and what was not judged.
    pub(super) const fn voucher(&self) -> &Voucher {
        &self.voucher
    }

    /// Takes the custody records that are to be kept with it.
    pub(super) fn keep_custody(&mut self, envelopes: Vec<Vec<u8>>) {
        self.voucher.custody = envelopes;
    }

    /// The approvals' envelopes.
    pub(super) fn approvals(&self) -> &[Vec<u8>] {
        &self.voucher.approvals
    }

    /// The SHA-256 of the manifest's payload.
    pub const fn manifest_digest(&self) -> Digest {
        self.manifest_digest
    }
}

/// What came of the travelling roots, whether or not the bundle is accepted: a bad bundle must not block a rotation.
pub struct Outcome {
    /// Roots newly trusted, to be kept in either case.
    pub new_roots: Vec<TrustedRoot>,
    /// The manifest and its digest, once enough persons were seen to have sealed it, whatever else is wrong with the bundle.
    pub sealed: Option<SealedManifest>,
    /// The bundle, or why it is refused.
    pub result: Result<Authenticated, Stop>,
}

/// Judges who signed, for whom, and whether order and time fit.
pub fn authenticate(opened: Opened, judgement: &Judgement<'_>) -> Outcome {
    let (volumes, approvals) = opened.into_parts();
    let mut new_roots = Vec::new();
    let mut sealed = None;
    let result = judge(volumes, &approvals, judgement, &mut new_roots, &mut sealed);
    Outcome {
        new_roots,
        sealed,
        result,
    }
}

fn judge(
    volumes: Vec<UntrustedVolume>,
    approvals: &[UntrustedApproval],
    judgement: &Judgement<'_>,
    new_roots: &mut Vec<TrustedRoot>,
    sealed: &mut Option<SealedManifest>,
) -> Result<Authenticated, Stop> {
    let mut first: Option<(Manifest, Digest, Vec<u8>, Vouched)> = None;
    let mut readers = Vec::new();
    for UntrustedVolume {
        mut reader,
        untrusted_envelope,
    } in volumes
    {
        let roots = read_roots(&mut reader, judgement.root.document().version)?;
        let current = new_roots.last().unwrap_or(judgement.root).clone();
        let (applied, chain) = current.advance_all(&roots);
        new_roots.extend(applied);
        chain.map_err(|error| error.refusal(format!("a root in {}", reader.name())))?;
        let root = new_roots.last().unwrap_or(judgement.root);

        let subject = format!("manifest in {}", reader.name());
        let envelope =
            Envelope::read(&untrusted_envelope).map_err(|error| TrustError::from(error).refusal(subject.clone()))?;
        let vouched = root
            .verify(Role::Export, Kind::Manifest, &envelope)
            .map_err(|error| with_export_hint(error.refusal(subject.clone())))?;
        let digest = Digest::of(&vouched.payload);
        check_revoked(&subject, &vouched.keys, &digest, judgement.revocations)?;
        match &first {
            Some((manifest, expected, ..)) => {
                if digest != *expected {
                    return Err(Refusal::new(
                        Code::ContainerNotExact,
                        reader.name(),
                        "it belongs to another bundle than the first volume",
                    )
                    .comparing(format!("bundle {} ({expected})", manifest.label()), digest)
                    .hint("give the volumes of one bundle at a time")
                    .into());
                }
                check_roots(&roots, manifest, &reader)?;
            }
            None => {
                let manifest = read_manifest(&subject, &vouched.payload)?;
                let mut came: Vec<Vec<u8>> = approvals.iter().map(|one| one.untrusted_envelope.clone()).collect();
                if let Some(memory) = judgement.memory {
                    came.extend(memory.kept_approvals(&digest)?);
                }
                *sealed = Some(SealedManifest {
                    manifest: manifest.clone(),
                    digest,
                    envelope: untrusted_envelope.clone(),
                    untrusted_approvals: came,
                });
                check_roots(&roots, &manifest, &reader)?;
                first = Some((manifest, digest, untrusted_envelope, vouched));
            }
        }
        readers.push(reader);
    }
    // `open` gives at least one volume.
    let Some((manifest, manifest_digest, envelope, vouched)) = first else {
        return Err(crate::model::Unable::new("no volume was given").into());
    };
    let root = new_roots.last().unwrap_or(judgement.root);
    let given: Vec<(String, Vec<u8>)> = approvals
        .iter()
        .map(|approval| (approval.name.clone(), approval.untrusted_envelope.clone()))
        .collect();
    let mut voucher = vouch(&manifest, &manifest_digest, vouched, given, root, judgement)?;
    voucher.new_roots.clone_from(new_roots);
    Ok(Authenticated {
        manifest,
        manifest_digest,
        envelope,
        voucher,
        volumes: readers,
    })
}

/// Judges a manifest's seal once more, where its volumes are not at hand: by the root that counted, and with the approvals that came.
pub(super) fn authenticate_again(
    untrusted_envelope: &[u8],
    approvals: Vec<(String, Vec<u8>)>,
    judgement: &Judgement<'_>,
) -> Result<(Manifest, Digest, Voucher), Stop> {
    let subject = "the manifest";
    let envelope = Envelope::read(untrusted_envelope).map_err(|error| TrustError::from(error).refusal(subject))?;
    let vouched = judgement
        .root
        .verify(Role::Export, Kind::Manifest, &envelope)
        .map_err(|error| with_export_hint(error.refusal(subject)))?;
    let digest = Digest::of(&vouched.payload);
    check_revoked(subject, &vouched.keys, &digest, judgement.revocations)?;
    let manifest = read_manifest(subject, &vouched.payload)?;
    let voucher = vouch(&manifest, &digest, vouched, approvals, judgement.root, judgement)?;
    Ok((manifest, digest, voucher))
}

fn read_manifest(subject: &str, payload: &[u8]) -> Result<Manifest, Refusal> {
    let manifest: Manifest = strict_json::read(payload).map_err(|error| {
        Refusal::new(
            Code::JsonNotStrict,
            subject,
            format!("it does not fit its schema: {error}"),
        )
    })?;
    manifest.check().map_err(|error| manifest_refusal(subject, &error))?;
    Ok(manifest)
}

/// Judges what a manifest whose seal counts says of itself: for whom, when, in which order, and who approved.
fn vouch(
    manifest: &Manifest,
    manifest_digest: &Digest,
    vouched: Vouched,
    mut given: Vec<(String, Vec<u8>)>,
    root: &TrustedRoot,
    judgement: &Judgement<'_>,
) -> Result<Voucher, Stop> {
    let (exporters, export_keys) = (vouched.persons, vouched.keys);
    let subject = format!("bundle {}", manifest.label());
    let mut not_checked = Vec::new();
    check_recipient(&subject, manifest, root)?;
    let is_again = once_more::check(&subject, manifest, manifest_digest, root, judgement.memory)?;
    check_time(&subject, manifest, root, judgement)?;
    check_base(&subject, manifest, judgement)?;
    let gap = match judgement.memory {
        Some(_) if is_again => None,
        Some(memory) => check_order(&subject, manifest, *manifest_digest, root, memory)?,
        None => {
            not_checked
                .push("order: without an enclave's memory nobody can tell an old bundle from a new one".to_owned());
            None
        }
    };
    if let Some(memory) = judgement.memory {
        for kept in memory.kept_approvals(manifest_digest)? {
            if !given.iter().any(|(_, envelope)| *envelope == kept) {
                given.push(("an approval that came with an earlier volume".to_owned(), kept));
            }
        }
    }
    let (approved, approval_envelopes) = match judgement.approvals {
        Approvals::Needed => check_approvals(given, manifest_digest, &exporters, root, judgement)?,
        Approvals::StillToCome => {
            not_checked.push("approvals: they are still to come".to_owned());
            (Approved::default(), Vec::new())
        }
    };
    Ok(Voucher {
        exporters,
        export_keys,
        approvers: approved.persons,
        approved: approved.approvals,
        approvals: approval_envelopes,
        custody: Vec::new(),
        root_version: root.document().version,
        profile: root.document().profile.name().to_owned(),
        gap,
        not_checked,
        new_roots: Vec::new(),
        is_again,
    })
}

/// Refuses what a revoked key signed, and what was voided. A key that may be in other hands can claim any time, so the time
/// of the revocation makes no difference here.
pub(super) fn check_revoked(
    subject: &str,
    keys: &[KeyId],
    manifest: &Digest,
    revocations: Option<&Revocations>,
) -> Result<(), Refusal> {
    let Some(revocations) = revocations else {
        return Ok(());
    };
    if let Some((key, revocation)) = keys
        .iter()
        .find_map(|key| revocations.key(&key.to_string()).map(|revocation| (key, revocation)))
    {
        return Err(Refusal::new(
            Code::KeyRevoked,
            subject,
            format!("the key {key} is revoked: {}", revocation.reason),
        )
        .hint("keep the medium, and tell whoever answers for security"));
    }
    if let Some(revocation) = revocations.bundle(manifest) {
        return Err(Refusal::new(
            Code::BundleVoided,
            subject,
            format!("this bundle was voided: {}", revocation.reason),
        ));
    }
    Ok(())
}

/// Judges the approvals that came, and counts the persons behind them.
fn check_approvals(
    given: Vec<(String, Vec<u8>)>,
    manifest: &Digest,
    exporters: &[String],
    root: &TrustedRoot,
    judgement: &Judgement<'_>,
) -> Result<(Approved, Vec<Vec<u8>>), Stop> {
    let mut envelopes = Vec::new();
    let mut kept = Vec::new();
    for (name, untrusted_envelope) in given {
        let mut envelope =
            Envelope::read(&untrusted_envelope).map_err(|error| TrustError::from(error).refusal(name))?;
        // A signature counts by the key that it names, so one that names another key does not verify.
        if let Some(revocations) = judgement.revocations {
            envelope
                .signatures
                .retain(|signature| revocations.key(&signature.key_id).is_none());
        }
        envelopes.push(envelope);
        kept.push(untrusted_envelope);
    }
    let approved = approval::verify(root, manifest, exporters, &envelopes, judgement.now)
        .map_err(|error| with_approval_hint(error.refusal("the approvals")))?;
    Ok((approved, kept))
}

fn with_approval_hint(refusal: Refusal) -> Refusal {
    match refusal.code {
        Code::ApprovalsMissing => refusal.hint(
            "an approver runs `sealift approve` on the sending side; bring the file that it writes beside the volumes",
        ),
        _ => refusal,
    }
}

fn with_export_hint(refusal: Refusal) -> Refusal {
    match refusal.code {
        Code::ExportSignatureInvalid => {
            refusal.hint("compare the exporter's key fingerprint with the exporter by another way than the medium")
        }
        _ => refusal,
    }
}

fn manifest_refusal(subject: &str, error: &ManifestError) -> Refusal {
    let code = match error {
        ManifestError::UnknownFormat(_) | ManifestError::UnknownExtension(_) => Code::UnknownFormat,
        ManifestError::OutOfRange { .. } => Code::JsonNotStrict,
    };
    Refusal::new(code, subject, error.to_string())
}
