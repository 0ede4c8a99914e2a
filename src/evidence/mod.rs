//! What outsiders signed about artifacts, judged again with no network: one folder for every kind of evidence.
//!
//! A kind is pure: bytes of the proof, anchors and a time in, findings out. It never touches disk, network or clock, it
//! bounds size, depth and work, and malformed proof is a finding, never a panic and never the end of the run.
//!
//! To add a kind: a folder here with its `mod` line and its entry in [`ALL`], a fixture, its rows in `tests/evidence`, a row in
//! `README.md`, and its id in the table of `bundle-spec/catalog.md` §4. Each folder has `mod.rs`, `parse.rs` (bounded), `verify.rs` (checks in the
//! order of the spec), `anchor.rs` (what a pinned key or root is), as far as there is something to say.

pub mod apk;
mod apt_release;
pub mod authenticode;
pub mod beside;
mod changes;
mod checksums;
mod cosign;
mod cpan;
mod describe;
mod guess;
mod detached;
mod dsse;
mod embedded;
pub mod gem;
mod helm;
pub mod image_layout;
mod in_toto;
pub mod jar;
mod listed;
mod minisign;
pub mod notation;
mod npm_signature;
pub mod nuget;
mod oci_content;
mod openpgp;
mod pinned;
mod public_key;
mod raw_signature;
mod reading;
mod ready;
mod rpm;
mod securesystems;
mod signed_text;
mod signify;
mod sigstore;
mod simple_signing;
mod sshsig;
pub mod sumdb;
pub mod tuf;
mod update;
pub mod x509;

use crate::model::{Anchor, Artifact, Content, Doubt, Finding, Material, Timestamp, UpstreamState};

pub use changes::changes;
pub use describe::{armored, describe};
pub use detached::{Detached, DetachedKind, is_detached};
pub use guess::{Guess, guess};
pub use update::check_follows;

/// Every kind of evidence that this program judges.
#[rustfmt::skip]
pub const ALL: &[&dyn EvidenceKind] = &[
    apk::APK,
    &apt_release::AptRelease,
    authenticode::AUTHENTICODE,
    &checksums::SignedChecksums,
    &cosign::Cosign,
    &cpan::CpanChecksums,
    &dsse::Dsse,
    gem::GEM,
    &helm::HelmProvenance,
    &in_toto::InToto,
    jar::JAR,
    &DetachedKind(&minisign::Minisign),
    notation::NOTATION,
    &npm_signature::NpmSignature,
    nuget::NUGET,
    &oci_content::OciContent,
    &DetachedKind(&openpgp::Openpgp),
    &DetachedKind(&raw_signature::RawSignature),
    &rpm::Repomd,
    &rpm::RpmSignature,
    &DetachedKind(&signify::Signify),
    &sigstore::CONDA_ATTESTATIONS,
    &sigstore::ModelSigning,
    &sigstore::NPM_ATTESTATIONS,
    &sigstore::PYPI_ATTESTATIONS,
    &sigstore::RUBYGEMS_ATTESTATIONS,
    &sigstore::SIGSTORE,
    &simple_signing::SimpleSigning,
    &DetachedKind(&sshsig::Sshsig),
    &sumdb::Sumdb,
    &tuf::Tuf,
    &DetachedKind(x509::CMS),
];

/// Finds a kind by its id.
pub fn find(id: &str) -> Option<&'static dyn EvidenceKind> {
    ALL.iter().copied().find(|kind| kind.id() == id)
}

/// The largest object of a proof, in bytes: Debian's largest compressed index has 10 MB, npm's largest packument 30 MB.
pub const MAX_PROOF_BYTES: u64 = 64 << 20;

/// One kind of evidence.
pub trait EvidenceKind: Sync {
    /// The id in catalogs, such as `sigstore`.
    fn id(&self) -> &'static str;

    /// Reads a proof, and judges whatever does not depend on an artifact: a signed index once for all that it lists. What can be
    /// said against the proof as a whole is a finding for every artifact that brings it.
    ///
    /// `objects` are the proof's, in the catalog's order, without the artifact's own bytes (a proof inside an artifact names
    /// the artifact itself, and is read through [`Evidence::judge`]'s content).
    fn open<'a>(&self, objects: Vec<Vec<u8>>, context: &'a Context<'a>)
    -> Result<Box<dyn Evidence + 'a>, Box<Finding>>;

    /// The states of upstreams that a confirmed finding of this kind shows, and that only ever move forward: whoever keeps the newest ones compares
    /// them, as judging keeps no state.
    fn shows(&self, _artifact: &Artifact, _finding: &Finding) -> Vec<UpstreamState> {
        Vec::new()
    }

    /// Whether an artifact of this file name holds a proof of this kind within itself: for kinds whose proofs do. An exporter asks, so that
    /// the catalog names them; nothing is judged. The bytes are touched only where the name is of the kind's format, whatever their
    /// position.
    fn lies_in(&self, _file: &str, _untrusted: &mut dyn Content) -> bool {
        false
    }
}

/// A proof that has been read, to be asked about artifacts.
pub trait Evidence: Send + Sync {
    /// Judges it for one artifact. Usually one finding; several where one proof holds several statements.
    fn judge(&self, artifact: &Artifact, content: &mut dyn Content) -> Vec<Finding>;
}

/// What a site brings to the judging.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Everything that is pinned, whatever its scope.
    pub anchors: &'a [Anchor],
    /// The time at which is judged: the enclave's.
    pub now: Timestamp,
    /// When the bundle was made: a signed index is judged as of then, if the site's policy admits that many days on the way.
    pub exported: Timestamp,
    /// How long a bundle may have been on its way for that, in seconds.
    pub max_transit_seconds: u64,
}

impl<'a> Context<'a> {
    /// The anchors of some type, whatever their scope.
    pub fn of_type<T: 'a>(
        &self,
        select: impl Fn(&'a Material) -> Option<T> + 'a,
    ) -> impl Iterator<Item = (&'a Anchor, T)> + 'a {
        self.anchors
            .iter()
            .filter_map(move |anchor| Some((anchor, select(&anchor.material)?)))
    }

    /// The time by which a signed index's expiry is judged: when the bundle was made, if it was not too long on its way;
    /// otherwise now.
    pub fn index_time(&self) -> Timestamp {
        let on_its_way = self.now.seconds().saturating_sub(self.exported.seconds());
        match u64::try_from(on_its_way) {
            Ok(seconds) if seconds <= self.max_transit_seconds => self.exported,
            _ => self.now,
        }
    }
}

/// Says why an anchor that fits by its key does not count for an artifact, if it does not. `at` is the proven time of
/// signing, or the time of judging.
pub fn outside(kind: &str, anchor: &Anchor, artifact: &Artifact, at: Timestamp) -> Option<Finding> {
    let why = if !anchor.covers(&artifact.ecosystem, &artifact.name) {
        "its scope does not cover this artifact"
    } else if !anchor.is_valid_at(at) {
        "its window of validity does not hold this time"
    } else {
        return None;
    };
    Some(Finding::undecided(
        kind,
        Doubt::OutOfScope,
        format!("signed by what anchor `{}` pins, but {why}", anchor.name),
    ))
}
