//! What the enclave's policy would decide about an export, asked before anything is packed for real.
//!
//! The bundle is written once into a folder of the exporter's own, sealed by a key that is made for this and forgotten, for an enclave that does not
//! exist; then the import's own steps judge it. So there is one judge, and nothing that the rehearsal leaves could be taken anywhere.

use std::path::Path;

use super::Context;
use crate::crypto::file_key::FileKey;
use crate::crypto::key::Signer as _;
use crate::export::collect::Collected;
use crate::export::describe::Heading;
use crate::export::stream::Stream;
use crate::export::{Target, export};
use crate::import::decide::Decisions;
use crate::import::open::Input;
use crate::import::site::{InForce, Site};
use crate::import::{Rehearsal, Run, rehearse};
use crate::model::{Stop, Unable};
use crate::scan::Scanners;
use crate::trust::folder::TrustFolder;
use crate::trust::{self, Draft, Kind, Profile, Role, TrustError, TrustedRoot};

use super::progress::Bars;
use super::shown::holder;

/// How long the root of a rehearsal lives: until it has ended.
const ROOT_DAYS: u32 = 1;

/// Packs what was collected for nobody, and lets a policy decide about it.
pub(super) fn decided(
    collected: Collected,
    heading: Heading,
    in_force: &InForce,
    trust: &TrustFolder,
    place: &Place<'_>,
    context: &Context,
) -> Result<Decisions, Stop> {
    let folder = tempfile::Builder::new()
        .prefix("rehearsal-")
        .tempdir_in(place.folder)
        .map_err(|error| Unable::new("cannot make a folder in the exporter's cache").because(error))?;
    let make = |name: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path)
            .map(|()| path)
            .map_err(|error| Unable::new("cannot make a folder in the exporter's cache").because(error))
    };
    let (media, scratch, streams, spool) = (make("media")?, make("scratch")?, make("streams")?, make("spool")?);
    let key = FileKey::generate().map_err(|error| Unable::new("cannot make a key").because(error))?;
    let root = root(&key, context)?;
    let (mut numbers, _) = Stream::open(&streams, &heading.stream, &holder("export"))?;
    let (sequence, previous) = numbers.next(root.document().epoch);
    let heading = Heading {
        epoch: root.document().epoch,
        sequence,
        previous,
        recipients: [*root.document().enclave.id.digest()].into(),
        roots: vec![(root.document().version, root.envelope().to_vec())],
        volume_bytes: None,
        since: None,
        ..heading
    };
    let target = Target {
        media: &media,
        stream: &mut numbers,
        sent: None,
        progress: place.bars,
    };
    let packed = export(collected, &heading, &[&key], &spool, target, place.threads)?;
    let rehearsal = Rehearsal {
        root: &root,
        profile: trust.current().document().profile,
        site: &Site::load(trust)?,
        in_force,
        scratch,
    };
    let run = Run {
        now: context.now.max(heading.created),
        threads: place.threads,
        progress: place.bars,
        scanners: &Scanners::none(),
        named: &[],
    };
    let volumes = packed.volumes.iter().cloned().map(Input::Path).collect();
    rehearse(volumes, &rehearsal, &run)
}

/// Where a rehearsal works.
pub(super) struct Place<'a> {
    /// A folder for temporary files.
    pub(super) folder: &'a Path,
    /// How many threads hash.
    pub(super) threads: usize,
    /// Hears how far it is.
    pub(super) bars: &'a Bars,
}

/// A root in which one key does everything.
fn root(key: &FileKey, context: &Context) -> Result<TrustedRoot, Stop> {
    let refuse = |error: TrustError| Stop::from(error.refusal("the root of the rehearsal"));
    let expires = context.now.plus_days(ROOT_DAYS);
    let mut draft = Draft::first("rehearsal", key.public(), Profile::Evaluation, expires);
    draft
        .grant(Role::Export, "station-rehearsal", key.public())
        .map_err(refuse)?;
    let payload = draft.finish().and_then(|root| root.write()).map_err(refuse)?;
    let envelope = trust::sign(Kind::Root, payload, &[key])
        .map_err(|error| Unable::new("cannot sign the root of the rehearsal").because(error))?;
    TrustedRoot::pinned(&envelope.write()).map_err(refuse)
}
