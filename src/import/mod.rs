//! The receiving side, one file per step, in the order of the data. `verify` is `import` stopped before `stage`.
#![expect(
    clippy::disallowed_methods,
    reason = "media are read and objects are written aside here"
)]

pub mod open;
mod volume;
pub mod custody;
pub mod attempt;
pub mod authenticate;
pub mod verify_objects;
pub mod judge;
pub mod site;
pub mod verify_evidence;
mod surroundings;
pub mod scan;
pub mod reviews;
pub mod decide;
pub mod stage;
pub mod commit;
pub mod recheck;
pub mod needed;
pub mod replay;
pub mod replay_today;
pub mod record;
pub mod basis;
pub mod packed;
pub mod kept;
mod ahead;
mod parts;
pub(crate) mod journal;
mod checks;
mod compared;
mod forward;
mod lazy_file;
mod lines;
mod memory;
mod mover;
mod ordered;
mod planned;
mod today;
mod vex;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::bundle::manifest::Manifest;
use crate::enclave::Enclave;
use crate::ledger::Ledger;
use crate::model::{Code, Digest, Refusal, Stop, Timestamp, Unable};
use crate::scan::Scanners;
use crate::store::Store;
use crate::trust::custody::{Chain, Named};
use crate::trust::folder::TrustFolder;
use crate::trust::folder::write_whole;
use crate::trust::review::{Asked, Reviews};
use crate::trust::{Profile, Role, TrustedRoot};

use authenticate::{Approvals, Authenticated, Judgement, Memory, Outcome, Rest, Voucher, authenticate};
use commit::{Committed, commit};
use custody::Custodied;
use decide::{Admission, BeforeBundle, Deciding, Decisions, Noted, Occasion, Recollection, Weighed, decide, weigh};
pub use memory::EnclaveMemory;
use memory::NotedOrder;
use open::{Input, open};
use record::{DecidedBy, Recorder};
use scan::{Scanned, scan};
use site::{Brought, InForce, Site};
use stage::stage;
pub use surroundings::{ECOSYSTEMS, read_popular_names};
use verify_evidence::{EvidenceSummary, Pins, verify_evidence};
use verify_objects::{ExaminedReader, Incomplete, Intact, Progress, Verified, Workspace, verify_objects};

/// What a run needs from outside.
pub struct Run<'a> {
    /// The clock.
    pub now: Timestamp,
    /// How many threads hash.
    pub threads: usize,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
    /// This machine's scanners: what they say, the policy hears.
    pub scanners: &'a Scanners,
    /// The last custody records, as somebody named them by another way than the medium.
    pub named: &'a [Named],
}

/// What an import comes to.
pub enum Imported {
    /// It has happened.
    Committed(Box<Committed>),
    /// Volumes are still missing; what came is kept.
    Incomplete(Incomplete),
}

/// Verifies everything, then publishes it in one switch; or changes nothing.
pub fn import(
    inputs: Vec<Input>,
    folder: &Path,
    enclave: &mut Enclave,
    trust: &mut TrustFolder,
    run: &Run<'_>,
) -> Result<Imported, Stop> {
    import_recorded(inputs, folder, enclave, trust, run, &mut Recorder::nothing())
}

/// The same, keeping a record: a report of what was imported, or of why it was refused.
pub fn import_recorded(
    inputs: Vec<Input>,
    folder: &Path,
    enclave: &mut Enclave,
    trust: &mut TrustFolder,
    run: &Run<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<Imported, Stop> {
    let result = import_steps(inputs, folder, enclave, trust, run, recorder);
    match &result {
        Err(Stop::Refused(refusals)) if refusals.iter().any(|refusal| refusal.code != Code::AlreadyImported) => {
            recorder.refused(refusals, &enclave.ledger);
        }
        Ok(Imported::Committed(_)) => {}
        _ => recorder.without_report(),
    }
    result
}

fn import_steps(
    inputs: Vec<Input>,
    folder: &Path,
    enclave: &mut Enclave,
    trust: &mut TrustFolder,
    run: &Run<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<Imported, Stop> {
    let root = trust.current().clone();
    let site = Site::load(trust)?;
    site.check_not_rolled_back(trust, &enclave.ledger)?;
    site.remember(trust, &enclave.ledger)?;
    recorder.begun(&site);
    let mut opened = open(inputs)?;
    let mut records = opened.take_custody();
    recorder.opened();
    let memory = EnclaveMemory {
        ledger: &enclave.ledger,
        folder,
        gap: site.in_force().gap_rule(),
    };
    let noted = NotedOrder::new(&memory, site.revocations().map(|(standing, _)| standing.version));
    let judgement = Judgement {
        root: &root,
        now: run.now,
        memory: Some(&noted),
        approvals: Approvals::Needed,
        revocations: site.revocations().map(|(_, document)| document),
    };
    let Outcome {
        new_roots,
        sealed,
        result,
    } = authenticate(opened, &judgement);
    if let Some(sealed) = &sealed {
        let newest = new_roots.last().unwrap_or(&root);
        recorder.sealed(sealed, newest, &noted.into_order())?;
        records.extend(memory.kept_custody(&sealed.digest)?);
        let about = (&sealed.manifest, sealed.digest);
        let chain = custody::chain(&records, newest.document(), about, &site, run.now);
        recorder.custody(&chain, run.named);
    }
    // Kept even where the bundle is refused, so that a bad bundle cannot block a rotation.
    if !new_roots.is_empty() {
        recorder.signers_are_ready()?;
    }
    trust.store_roots(new_roots)?;
    site.remember(trust, &enclave.ledger)?;
    if is_already_here(&result) {
        // Killed after its commit, an import is done, and has left its staging folder.
        enclave.clear_leftovers()?;
    }
    let authenticated = result?;
    let (manifest_digest, volumes) = (authenticated.manifest_digest(), authenticated.manifest().volumes.len());
    recorder.authenticated(authenticated.voucher(), trust.current())?;
    let staging = memory::staging(folder, &manifest_digest);
    let result = run_import((authenticated, records), folder, enclave, trust, site, run, recorder);
    let is_here = is_already_here(&result);
    if let Err(Stop::Refused(_)) = &result
        && !is_here
    {
        recorder.keep_refused(&staging);
    }
    if is_here || volumes == 1 && result.is_err() {
        // Nothing of a single volume is worth keeping; of several, those that were good are.
        let _ = fs::remove_dir_all(&staging);
    }
    result
}

fn run_import(
    (mut authenticated, records): (Authenticated, Vec<open::UntrustedRecord>),
    folder: &Path,
    enclave: &mut Enclave,
    trust: &mut TrustFolder,
    mut site: Site,
    run: &Run<'_>,
    recorder: &mut Recorder<'_>,
) -> Result<Imported, Stop> {
    let staging = &memory::staging(folder, &authenticated.manifest_digest());
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(staging)
        .map_err(|error| verify_objects::write_failed(staging, error))?;
    let (manifest, manifest_digest) = (authenticated.manifest().clone(), authenticated.manifest_digest());
    let again = authenticated.voucher().is_again;
    let approvals = authenticated.approvals().to_vec();
    let newest = trust.current().document().clone();
    let chain = custody::chain(&records, &newest, (&manifest, manifest_digest), &site, run.now);
    authenticated.keep_custody(custody::counting(&chain, &records));
    check_space(&manifest, staging)?;
    let write_behind = enclave.repository.write_behind();
    let workspace = Workspace {
        staging: staging.to_owned(),
        store: Some(enclave.repository.store()),
        threads: run.threads,
        progress: run.progress,
    };
    let verified = verify_objects(authenticated, &workspace)?;
    recorder.signers_are_ready()?;
    match verified {
        Verified::Incomplete(incomplete) => {
            keep(&memory::approvals(staging), approvals.iter())?;
            keep(&memory::custody(staging), records.iter().map(|(_, envelope)| envelope))?;
            write_behind.finish()?;
            note_volumes(enclave, &manifest_digest, &incomplete, run.now)?;
            Ok(Imported::Incomplete(incomplete))
        }
        Verified::Intact(intact) => {
            recorder.intact();
            let brought = site.take(intact.manifest(), trust, |digest| {
                intact.locate(digest, workspace.store)
            })?;
            recorder.brought(&site, &brought);
            // Kept even where the bundle is refused, as roots are: what enough persons signed stands by itself.
            for standing in &brought.standing {
                trust.stand(standing)?;
                enclave
                    .ledger
                    .note_standing(&standing.kind.to_string(), standing.version, &standing.digest)?;
            }
            check_not_revoked(&manifest, manifest_digest, intact.voucher(), &site)?;
            recorder.trusted();
            // Once more, since the bundle may have brought revocations.
            let chain = custody::chain(&records, &newest, (intact.manifest(), manifest_digest), &site, run.now);
            recorder.custody(&chain, run.named);
            let custody = Custodied::of(&chain, intact.manifest(), &intact.voucher().exporters);
            let store = Some(enclave.repository.store());
            let in_force = site.in_force();
            let pins = pins(&site, Some(&enclave.ledger))?;
            let judged = verify_evidence(*intact, &pins, store, run.now, run.threads, run.progress)?;
            recorder.judged();
            let scanned = scan(judged.intact(), store, run.scanners, run.now, run.progress)?;
            let signed = reviews::signed(folder, &manifest_digest)?;
            let reviews = reviews_of(&signed, judged.intact(), trust, &site, run.now);
            let before = again.then(|| BeforeBundle::new(&enclave.ledger, manifest_digest));
            let remembered = recollection(&enclave.ledger, before.as_ref());
            let of_enclave = EnclaveMemory {
                ledger: &enclave.ledger,
                folder,
                gap: site.in_force().gap_rule(),
            };
            let memory = Noted::new(remembered, recorder.lines(basis::MEMORY)?);
            let deciding = Deciding {
                in_force,
                profile: profile(trust),
                importers: importers(trust),
                memory: Some(&memory),
                trust_data: site.trust_data().map(|(_, data)| data),
                revocations: site.revocations().map(|(_, document)| document),
                carried_revocations: site.carried_revocations(),
                reviews: &reviews,
                scanned: &scanned,
                custody: Some(&custody),
                now: run.now,
                occasion: Occasion::Import,
                waiting: Some(&reviews::waiting_path(folder, &manifest_digest)),
                progress: run.progress,
            };
            let mut weighed = weigh(judged, store, &deciding)?;
            if let Some(before) = &before
                && !weighed.leave_only_new(before)?
            {
                weighed.list_waiting(&deciding)?;
                return Err(nothing_new(&weighed, &of_enclave)?.into());
            }
            recorder.weighed(&weighed)?;
            let by = DecidedBy {
                memory: &memory,
                reviews: &signed,
                scanned: &scanned,
                seen: &pins.seen,
                custody: &records,
            };
            recorder.decided_by(weighed.intact(), by)?;
            chain.check_named(run.named)?;
            let decided = weighed.admit(&deciding)?;
            recorder.admitted();
            recorder.keep_kept_out(&decided)?;
            let before = enclave.ledger.generation()?.map(|generation| generation.root);
            let journal = recorder.journal()?;
            let mut staged = stage(decided, brought, enclave, run.now, run.progress, journal)?;
            let log = recorder.staged(&mut staged, before)?;
            write_behind.finish()?;
            let committed = commit(staged, log.as_ref(), recorder.folders())?;
            recorder.committed()?;
            if committed.decisions.count(Admission::Waiting) == 0 {
                reviews::clear(folder, &manifest_digest);
            }
            Ok(Imported::Committed(Box::new(committed)))
        }
    }
}

/// Whether a bundle was imported before, and there is nothing more of it to take.
fn is_already_here<T>(result: &Result<T, Stop>) -> bool {
    let Err(Stop::Refused(refusals)) = result else {
        return false;
    };
    refusals.iter().all(|refusal| refusal.code == Code::AlreadyImported)
}

/// What an enclave remembers: all of it, or as if a bundle that comes once more had not been here.
fn recollection<'m>(ledger: &'m Ledger, before: Option<&'m BeforeBundle<'m>>) -> &'m dyn Recollection {
    match before {
        Some(before) => before,
        None => ledger,
    }
}

/// Why a bundle that came once more changes nothing.
fn nothing_new(weighed: &Weighed, memory: &EnclaveMemory<'_>) -> Result<Refusal, Stop> {
    let intact = weighed.intact();
    let subject = format!("bundle {}", intact.manifest().label());
    let rest = match weighed.decisions().count(Admission::Waiting) {
        0 => Rest::Nothing,
        _ => Rest::Waits,
    };
    match memory.imported(&intact.manifest_digest())? {
        Some(imported) => Ok(authenticate::unchanged(&subject, &imported, rest)),
        None => Err(Unable::new("the bundle that came once more is not in state.db").into()),
    }
}

/// A bundle that brings its own exporter's revocation ends here.
fn check_not_revoked(manifest: &Manifest, digest: Digest, voucher: &Voucher, site: &Site) -> Result<(), Refusal> {
    authenticate::check_revoked(
        &format!("bundle {}", manifest.label()),
        &voucher.export_keys,
        &digest,
        site.revocations().map(|(_, document)| document),
    )
}

/// The profile of the root that counts.
fn profile(trust: &TrustFolder) -> Profile {
    trust.current().document().profile
}

/// The persons who import.
fn importers(trust: &TrustFolder) -> BTreeSet<String> {
    let persons = trust.current().document().persons(Role::Import);
    persons.into_iter().map(str::to_owned).collect()
}

/// What persons have signed about a bundle in an enclave.
fn reviews_of(signed: &[Vec<u8>], intact: &Intact, trust: &TrustFolder, site: &Site, now: Timestamp) -> Reviews {
    let asked = Asked {
        manifest: intact.manifest_digest(),
        policy: site.in_force().policy.digest(),
        exporters: &intact.voucher().exporters,
        revocations: site.revocations().map(|(_, document)| document),
        now,
    };
    Reviews::count(trust.current().document(), signed, &asked)
}

/// By what proofs are judged. Without an enclave's memory nobody knows how far upstreams had come.
fn pins(site: &Site, ledger: Option<&Ledger>) -> Result<Pins, Stop> {
    Ok(Pins {
        anchors: site
            .trust_data()
            .map_or_else(Vec::new, |(_, data)| data.anchors.clone()),
        revocations: site.revocations().map(|(_, document)| document.clone()),
        max_transit_seconds: site.in_force().max_transit_seconds(),
        seen: ledger.map_or_else(|| Ok(Vec::new()), Ledger::upstream_states)?,
    })
}

/// Keeps approvals or custody records of a bundle that has not come whole, so that they need not come with each volume. Each is kept whole: half of one
/// would be judged as what somebody brought.
fn keep<'a>(folder: &Path, envelopes: impl Iterator<Item = &'a Vec<u8>>) -> Result<(), Stop> {
    fs::create_dir_all(folder).map_err(|error| verify_objects::write_failed(folder, error))?;
    for envelope in envelopes {
        let path = folder.join(format!("{}.dsse.json", Digest::of(envelope).hex()));
        write_whole(&path, envelope)?;
    }
    Ok(())
}

fn note_volumes(enclave: &Enclave, manifest: &Digest, incomplete: &Incomplete, now: Timestamp) -> Result<(), Stop> {
    for number in &incomplete.present {
        // A bundle has at most 10,000 volumes.
        enclave
            .ledger
            .volume_came(manifest, u32::try_from(*number).unwrap_or(u32::MAX), now)?;
    }
    Ok(())
}

/// Fails before anything is written if the disk has no room for the bundle: its objects once, its catalog, and room for
/// links, pages and the ledger.
fn check_space(manifest: &Manifest, staging: &Path) -> Result<(), Stop> {
    let entries = manifest.catalog.objects + manifest.catalog.artifacts;
    // A block for the tail of each object, and about 4 KiB of tree and ledger for each artifact.
    let needed = manifest
        .catalog
        .object_bytes
        .saturating_add(manifest.catalog.size)
        .saturating_add(entries.saturating_mul(4096));
    let stat = rustix::fs::statvfs(staging).map_err(|error| {
        Unable::new(format!("cannot see how much room {} has", staging.display())).because(io::Error::from(error))
    })?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free >= needed {
        return Ok(());
    }
    Err(Unable::new(format!(
        "the enclave's disk has room for {free} bytes, and this bundle needs {needed}"
    ))
    .code(Code::PublicationRolledBack)
    .hint("make room (`sealift gc` removes what is no longer needed), and import again; nothing was changed")
    .into())
}

/// What a check without the change comes to.
pub struct Checked {
    /// The manifest.
    pub manifest: Manifest,
    /// The bundle's identity.
    pub manifest_digest: Digest,
    /// Who vouched for it, and what was not judged; `None` while volumes are missing.
    pub voucher: Option<Voucher>,
    /// What the bundle would change of what this site believes.
    pub brought: Brought,
    /// What the proofs came to, in numbers.
    pub evidence: EvidenceSummary,
    /// What the policy decided; `None` while volumes are missing.
    pub decisions: Option<Decisions>,
    /// The volumes that are missing, if any are.
    pub incomplete: Option<Incomplete>,
    /// The records of who had the media.
    pub custody: Chain,
}

/// By what a check without the change judges.
pub struct Against<'a> {
    /// The roots, trust data and revocations.
    pub trust: &'a TrustFolder,
    /// The enclave's memory, if there is one at hand.
    pub memory: Option<&'a EnclaveMemory<'a>>,
    /// The enclave's store, if there is one at hand.
    pub store: Option<&'a Store>,
    /// An empty folder that may be written to, on a disk with room for the bundle.
    pub scratch: PathBuf,
}

/// The very same steps as [`import`], stopped before anything is staged.
pub fn verify(inputs: Vec<Input>, against: &Against<'_>, run: &Run<'_>) -> Result<Checked, Stop> {
    let mut opened = open(inputs)?;
    let mut records = opened.take_custody();
    let mut site = Site::load(against.trust)?;
    if let Some(memory) = &against.memory {
        site.check_not_rolled_back(against.trust, memory.ledger)?;
    }
    let judgement = Judgement {
        root: against.trust.current(),
        now: run.now,
        memory: against.memory.map(|memory| memory as &dyn Memory),
        approvals: Approvals::Needed,
        revocations: site.revocations().map(|(_, document)| document),
    };
    let authenticated = authenticate(opened, &judgement).result?;
    let (manifest, manifest_digest) = (authenticated.manifest().clone(), authenticated.manifest_digest());
    if let Some(memory) = against.memory {
        records.extend(memory.kept_custody(&manifest_digest)?);
    }
    let again = authenticated.voucher().is_again;
    let before = against
        .memory
        .filter(|_| again)
        .map(|memory| BeforeBundle::new(memory.ledger, manifest_digest));
    let roots = &authenticated.voucher().new_roots;
    let newest = roots.last().unwrap_or(against.trust.current()).document().clone();
    check_space(&manifest, &against.scratch)?;
    let workspace = Workspace {
        staging: against.scratch.clone(),
        store: against.store,
        threads: run.threads,
        progress: run.progress,
    };
    let mut checked = Checked {
        manifest,
        manifest_digest,
        voucher: None,
        brought: Brought::default(),
        evidence: EvidenceSummary::default(),
        decisions: None,
        incomplete: None,
        custody: Chain::default(),
    };
    match verify_objects(authenticated, &workspace)? {
        Verified::Intact(intact) => {
            checked.voucher = Some(intact.voucher().clone());
            checked.brought = site.take(intact.manifest(), against.trust, |digest| {
                intact.locate(digest, against.store)
            })?;
            check_not_revoked(&checked.manifest, manifest_digest, intact.voucher(), &site)?;
            let chain = custody::chain(&records, &newest, (intact.manifest(), manifest_digest), &site, run.now);
            let custody = Custodied::of(&chain, intact.manifest(), &intact.voucher().exporters);
            chain.check_named(run.named)?;
            checked.custody = chain;
            let trust = against.trust;
            let in_force = site.in_force();
            let pins = pins(&site, against.memory.map(|memory| memory.ledger))?;
            let judged = verify_evidence(*intact, &pins, against.store, run.now, run.threads, run.progress)?;
            let scanned = scan(judged.intact(), against.store, run.scanners, run.now, run.progress)?;
            let reviews = match against.memory {
                Some(memory) => {
                    let signed = reviews::signed(memory.folder, &manifest_digest)?;
                    reviews_of(&signed, judged.intact(), trust, &site, run.now)
                }
                None => Reviews::default(),
            };
            let deciding = Deciding {
                in_force,
                profile: profile(trust),
                importers: importers(trust),
                memory: against
                    .memory
                    .map(|memory| recollection(memory.ledger, before.as_ref())),
                trust_data: site.trust_data().map(|(_, data)| data),
                revocations: site.revocations().map(|(_, document)| document),
                carried_revocations: site.carried_revocations(),
                reviews: &reviews,
                scanned: &scanned,
                custody: Some(&custody),
                now: run.now,
                occasion: Occasion::Import,
                waiting: None,
                progress: run.progress,
            };
            let mut weighed = weigh(judged, against.store, &deciding)?;
            if let (Some(before), Some(memory)) = (&before, against.memory)
                && !weighed.leave_only_new(before)?
            {
                return Err(nothing_new(&weighed, memory)?.into());
            }
            let decided = weighed.admit(&deciding)?;
            checked.evidence = decided.summary()?;
            checked.decisions = Some(decided.into_parts().1);
        }
        Verified::Incomplete(incomplete) => checked.incomplete = Some(incomplete),
    }
    Ok(checked)
}

/// By what an exporter asks what a policy would decide.
pub struct Rehearsal<'a> {
    /// A root that exists for the rehearsal alone, and whose key sealed the bundle: nothing that the enclave would ever take.
    pub root: &'a TrustedRoot,
    /// The profile of the enclave's own root.
    pub profile: Profile,
    /// The trust data and revocations that the exporter has of the enclave.
    pub site: &'a Site,
    /// The policy.
    pub in_force: &'a InForce,
    /// An empty folder that may be written to, on a disk with room for the bundle.
    pub scratch: PathBuf,
}

/// What the very same steps as in [`import`] would decide about a bundle that is rehearsed, as far as an exporter can know.
pub fn rehearse(inputs: Vec<Input>, rehearsal: &Rehearsal<'_>, run: &Run<'_>) -> Result<Decisions, Stop> {
    let site = rehearsal.site;
    let revocations = site.revocations().map(|(_, document)| document);
    let judgement = Judgement {
        root: rehearsal.root,
        now: run.now,
        memory: None,
        approvals: Approvals::StillToCome,
        revocations,
    };
    let authenticated = authenticate(open(inputs)?, &judgement).result?;
    let workspace = Workspace {
        staging: rehearsal.scratch.clone(),
        store: None,
        threads: run.threads,
        progress: run.progress,
    };
    let Verified::Intact(intact) = verify_objects(authenticated, &workspace)? else {
        return Err(Unable::new("the bundle of the rehearsal is not whole").into());
    };
    let pins = Pins {
        max_transit_seconds: rehearsal.in_force.max_transit_seconds(),
        ..pins(site, None)?
    };
    let judged = verify_evidence(*intact, &pins, None, run.now, run.threads, run.progress)?;
    let deciding = Deciding {
        in_force: rehearsal.in_force,
        profile: rehearsal.profile,
        importers: BTreeSet::new(),
        memory: None,
        trust_data: site.trust_data().map(|(_, data)| data),
        revocations,
        carried_revocations: revocations.map(|document| document.created),
        reviews: &Reviews::default(),
        scanned: &Scanned::default(),
        custody: None,
        now: run.now,
        occasion: Occasion::Export,
        waiting: None,
        progress: run.progress,
    };
    Ok(decide(judged, None, &deciding)?.into_parts().1)
}

/// What a bundle's seal says by itself: nothing of its contents was read.
pub struct Sealed {
    /// The manifest.
    pub manifest: Manifest,
    /// The bundle's identity.
    pub manifest_digest: Digest,
    /// The persons who signed it.
    pub exporters: Vec<String>,
}

/// Judges the seal of volumes of one bundle, by the root, the trust data and the clock, and reads nothing behind it.
pub fn sealed(inputs: Vec<Input>, trust: &TrustFolder, now: Timestamp) -> Result<Sealed, Stop> {
    let site = Site::load(trust)?;
    let judgement = Judgement {
        root: trust.current(),
        now,
        memory: None,
        approvals: Approvals::StillToCome,
        revocations: site.revocations().map(|(_, document)| document),
    };
    let authenticated = authenticate(open(inputs)?, &judgement).result?;
    Ok(Sealed {
        manifest: authenticated.manifest().clone(),
        manifest_digest: authenticated.manifest_digest(),
        exporters: authenticated.voucher().exporters.clone(),
    })
}

/// A bundle as a person sees it who is asked to approve it.
pub struct Looked {
    /// The manifest.
    pub manifest: Manifest,
    /// The bundle's identity.
    pub manifest_digest: Digest,
    /// The persons who signed it.
    pub exporters: Vec<String>,
    /// Its artifacts, every content examined; read from the scratch folder.
    pub artifacts: ExaminedReader,
    /// What scanners said of its objects.
    pub scanned: Scanned,
}

/// Verifies all volumes of a bundle but its approvals, for the person who is asked for one, or who has it scanned. What a delta leaves out is looked
/// for in a store.
pub fn look(
    inputs: Vec<Input>,
    root: &TrustedRoot,
    store: Option<&Store>,
    scratch: PathBuf,
    run: &Run<'_>,
) -> Result<Looked, Stop> {
    let judgement = Judgement {
        root,
        now: run.now,
        memory: None,
        approvals: Approvals::StillToCome,
        revocations: None,
    };
    let authenticated = authenticate(open(inputs)?, &judgement).result?;
    let (manifest, manifest_digest) = (authenticated.manifest().clone(), authenticated.manifest_digest());
    check_space(&manifest, &scratch)?;
    let workspace = Workspace {
        staging: scratch,
        store,
        threads: run.threads,
        progress: run.progress,
    };
    match verify_objects(authenticated, &workspace)? {
        Verified::Intact(intact) => Ok(Looked {
            manifest,
            manifest_digest,
            exporters: intact.voucher().exporters.clone(),
            scanned: scan(&intact, store, run.scanners, run.now, run.progress)?,
            artifacts: intact.examined()?,
        }),
        Verified::Incomplete(incomplete) => Err(Refusal::new(
            Code::ObjectMissing,
            format!("bundle {}", incomplete.label),
            format!(
                "{} of {} volumes are missing, and nobody approves what they have not seen",
                incomplete.missing.len(),
                incomplete.count
            ),
        )
        .hint("give all volumes, or their folder")
        .into()),
    }
}
