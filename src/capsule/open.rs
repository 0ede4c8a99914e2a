//! Opening a capsule: from a pinned root to the report, and from the report to every other part (`bundle-spec/capsule.md` §4).
//!
//! Threats, each with its defence:
//! - Another enclave's root, or one that was made up: the root is given from outside, and the chain of those in the capsule begins with it.
//! - A part that was exchanged: the report's signature covers the digests of all but the objects, whose digests stand in the signed catalog.
//! - A part that was added: each has to be named by the report, the catalog or the manifest.
#![expect(clippy::disallowed_methods, reason = "a capsule lies unpacked in files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::index::{ANCHORS, MAX_VERSIONS, Named, POLICIES, REPORT, REVOCATIONS, WORK};
use super::unpack::Unpacked;
use crate::crypto::dsse::{Envelope, MAX_ENVELOPE_BYTES};
use crate::import::kept;
use crate::import::needed::{Need, each_needed, revocations_before};
use crate::import::packed::{cannot, object_name};
use crate::import::site::Site;
use crate::model::{Code, Digest, Part, Refusal, Stop};
use crate::report::{self, Head, Report, Standing};
use crate::statement::{self, Body, Parties, Stated, StatementError};
use crate::trust::folder::{Confirmed, TrustFolder, read_bounded};
use crate::trust::{Kind, MAX_ROOT_BYTES, Revocations, TrustedRoot};

/// The folder with the trust of then.
const THEN: &str = "then";

/// The folder with the trust of today.
const TODAY: &str = "today";

/// A capsule whose every part follows from a pinned root.
#[derive(Debug)]
pub struct Capsule {
    /// The report's head.
    pub head: Head,
    /// The digest of the head.
    pub digest: Digest,
    /// Who signed the report.
    pub persons: Vec<String>,
    /// What persons said of the report, in their order; each counts.
    pub countersigned: Vec<Stated>,
    /// The trust of then.
    pub trust: TrustFolder,
    roots: Vec<TrustedRoot>,
    revocations: Option<Revocations>,
    folder: PathBuf,
}

impl Capsule {
    /// The folder with what is judged once more.
    pub fn work(&self) -> PathBuf {
        self.folder.join(WORK)
    }

    /// The report.
    pub fn path(&self) -> PathBuf {
        self.folder.join(REPORT)
    }

    /// All roots that the capsule carries, from the pinned one on.
    pub fn roots(&self) -> &[TrustedRoot] {
        &self.roots
    }

    /// The trust of then, with all roots that are carried, and with newer documents that enough persons have signed: what is believed today.
    pub fn trust_today(&self, newer: &[(String, Vec<u8>)]) -> Result<TrustFolder, Stop> {
        let folder = self.folder.join(TODAY);
        let (first, rest) = self.roots.split_first().expect("a capsule is opened by a root");
        let mut trust = TrustFolder::pin(&folder, first.clone(), Confirmed::ByFingerprint, self.head.created)?;
        trust.store_roots(rest.to_vec())?;
        for kind in [ANCHORS, REVOCATIONS, POLICIES] {
            copy_all(&below(self.trust.path(), kind), &below(&folder, kind))?;
        }
        for (name, envelope) in newer {
            take(&mut trust, name, envelope)?;
        }
        Ok(trust)
    }

    /// Opens the report anew, by the trust of then.
    pub fn report(&self) -> Result<Report, Stop> {
        open_report(&self.path(), &self.roots, self.revocations.as_ref())
    }
}

/// Believes a capsule as far as it follows from a root that was pinned elsewhere.
pub fn open(unpacked: &Unpacked, pinned: &TrustedRoot) -> Result<Capsule, Stop> {
    let folder = &unpacked.folder;
    let parts = Parts::read(unpacked)?;
    let roots = chain(&parts.roots, folder, pinned)?;
    let path = folder.join(REPORT);
    if !path.is_file() {
        return Err(missing(REPORT));
    }
    // By its seal alone, to see what was trusted then; verified by that below.
    let untrusted = open_report(&path, &roots, None)?;
    if untrusted.digest != unpacked.index.report {
        return Err(Refusal::new(
            Code::DigestMismatch,
            "the capsule's report",
            "it is another report than the index says",
        )
        .comparing(unpacked.index.report, untrusted.digest)
        .into());
    }
    let head = untrusted.head;
    parts.check_basis(&head)?;
    let work = folder.join(WORK);
    let trust = trust_of_then(&head, &parts, folder, &roots, revocations_before(&work)?)?;
    let site = Site::load(&trust)?;
    check_standing(&head, &site)?;
    check_objects(unpacked, &work)?;
    let revocations = site.revocations().map(|(_, document)| document.clone());
    let mut capsule = Capsule {
        head,
        digest: untrusted.digest,
        persons: Vec::new(),
        countersigned: Vec::new(),
        trust,
        roots,
        revocations,
        folder: folder.clone(),
    };
    let mut report = capsule.report()?;
    while report.next()?.is_some() {}
    capsule.countersigned = countersigned(&parts, &report, &capsule)?;
    capsule.persons = report.persons;
    Ok(capsule)
}

fn open_report(path: &Path, roots: &[TrustedRoot], revocations: Option<&Revocations>) -> Result<Report, Stop> {
    report::open(path, roots, revocations).map_err(|error| error.stop("the capsule's report"))
}

/// The parts that are no objects, as the index names them.
#[derive(Default)]
struct Parts {
    basis: BTreeMap<String, Part>,
    roots: BTreeMap<u64, String>,
    anchors: BTreeMap<u64, String>,
    revocations: BTreeMap<u64, String>,
    policies: BTreeMap<u64, String>,
    countersignatures: BTreeMap<u64, String>,
}

impl Parts {
    fn read(unpacked: &Unpacked) -> Result<Self, Stop> {
        let mut this = Self::default();
        let mut parts = unpacked.parts()?;
        while let Some(part) = parts.next()? {
            let name = part.name.clone();
            let versions = match Named::of(&name) {
                Some(Named::Basis(basis)) => {
                    this.basis.insert(basis.to_owned(), part);
                    continue;
                }
                Some(Named::Root(version)) => (&mut this.roots, version),
                Some(Named::Anchors(version)) => (&mut this.anchors, version),
                Some(Named::Revocations(version)) => (&mut this.revocations, version),
                Some(Named::Policy(version)) => (&mut this.policies, version),
                Some(Named::Countersignature(number)) => (&mut this.countersignatures, number),
                Some(Named::Report | Named::Object(_)) | None => continue,
            };
            versions.0.insert(versions.1, name);
            if versions.0.len() > MAX_VERSIONS {
                return Err(Refusal::new(Code::SizeExceeded, "the capsule", "it carries too many versions").into());
            }
        }
        Ok(this)
    }

    /// The basis is the one that the report names.
    fn check_basis(&self, head: &Head) -> Result<(), Stop> {
        for expected in &head.basis {
            let Some(found) = self.basis.get(&expected.name) else {
                return Err(missing(&expected.name));
            };
            if found.digest != expected.digest || found.bytes != expected.bytes {
                let refusal = Refusal::new(
                    Code::DigestMismatch,
                    format!("the capsule's part `{}`", expected.name),
                    "it is not the one that the report names",
                );
                return Err(refusal.comparing(expected.digest, found.digest).into());
            }
        }
        let is_named = |name: &str| head.basis.iter().any(|part| part.name == name);
        match self.basis.keys().find(|name| !is_named(name)) {
            Some(name) => Err(added(name)),
            None => Ok(()),
        }
    }
}

/// What persons said of the report: each signed as the roots ask, about this very report, and by nobody who has a part in it (`bundle-spec/retention.md` §7).
fn countersigned(parts: &Parts, report: &Report, capsule: &Capsule) -> Result<Vec<Stated>, Stop> {
    let parties = Parties::of(report);
    let mut all = Vec::new();
    for (number, name) in &parts.countersignatures {
        let refuse = |error: StatementError| Stop::from(error.refusal(format!("the capsule's part `{name}`")));
        let bytes = read_bounded(&capsule.folder.join(name), MAX_ENVELOPE_BYTES)?;
        let stated = statement::judge_alone(
            *number,
            Kind::Countersignature,
            bytes.as_deref(),
            &capsule.roots,
            capsule.revocations.as_ref(),
        )
        .map_err(refuse)?;
        if let Body::Countersignature(body) = &stated.body {
            if (body.report.number, body.report.digest) != (report.head.number, report.digest) {
                let part = format!("the capsule's part `{name}`");
                let refusal = Refusal::new(Code::DigestMismatch, part, "it is about another report");
                return Err(refusal.comparing(report.digest, body.report.digest).into());
            }
            statement::check_report(&stated, body, Some(&report.digest), Some(&parties)).map_err(refuse)?;
        }
        all.push(stated);
    }
    Ok(all)
}

/// The roots from the pinned one on.
fn chain(parts: &BTreeMap<u64, String>, folder: &Path, pinned: &TrustedRoot) -> Result<Vec<TrustedRoot>, Stop> {
    let first = pinned.document().version;
    let read = |name: &str| Ok::<_, Stop>(read_bounded(&folder.join(name), MAX_ROOT_BYTES)?.unwrap_or_default());
    let mut roots: Vec<TrustedRoot> = Vec::new();
    for (version, name) in parts.range(first..) {
        let envelope = read(name)?;
        let root = match roots.last() {
            None => {
                let root = TrustedRoot::pinned(&envelope).map_err(|error| error.refusal(name.clone()))?;
                root.check_fingerprint(&pinned.fingerprint())
                    .map_err(|error| error.refusal(name.clone()))?;
                root
            }
            Some(last) => last.advance(&envelope).map_err(|error| error.refusal(name.clone()))?,
        };
        if root.document().version != *version {
            let reason = format!("it is version {}", root.document().version);
            return Err(Refusal::new(Code::RootChainBroken, name.clone(), reason).into());
        }
        roots.push(root);
    }
    if roots.is_empty() {
        return Err(Refusal::new(
            Code::NotRootedInPin,
            "the capsule",
            format!("it carries no root of version {first} or later"),
        )
        .hint("give a root that counted when the report was written, or an earlier one")
        .into());
    }
    Ok(roots)
}

/// A trust folder that holds what counted then, and nothing later.
fn trust_of_then(
    head: &Head,
    parts: &Parts,
    folder: &Path,
    roots: &[TrustedRoot],
    before: Option<u64>,
) -> Result<TrustFolder, Stop> {
    let then = folder.join(THEN);
    let of_then = |root: &&TrustedRoot| root.document().version <= head.trust.root.version;
    let mut counted = roots.iter().filter(of_then).cloned();
    let Some(first) = counted.next() else {
        return Err(Refusal::new(
            Code::NotRootedInPin,
            "the capsule",
            "the root that was given is newer than the one by which the report was written",
        )
        .comparing(format!("version {} or earlier", head.trust.root.version), "a later one")
        .into());
    };
    let mut trust = TrustFolder::pin(&then, first, Confirmed::ByFingerprint, head.created)?;
    trust.store_roots(counted.collect())?;
    let current = (trust.current().document().version, trust.current().fingerprint());
    if current != (head.trust.root.version, head.trust.root.digest) {
        return Err(Refusal::new(
            Code::RootChainBroken,
            "the capsule",
            "its roots do not lead to the one that the report names",
        )
        .comparing(head.trust.root.digest, current.1)
        .into());
    }
    let version = |standing: &Option<Standing>| standing.as_ref().map(|standing| standing.version);
    let policy = head.policy.as_ref().filter(|policy| !policy.signed_by.is_empty());
    let revocations: BTreeSet<u64> = version(&head.trust.revocations).into_iter().chain(before).collect();
    for (found, named) in [
        (&parts.anchors, version(&head.trust.trust_data).into_iter().collect()),
        (&parts.revocations, revocations),
        (
            &parts.policies,
            policy.map(|policy| policy.version).into_iter().collect(),
        ),
    ] {
        if let Some(name) = found
            .iter()
            .find_map(|(version, name)| (!named.contains(version)).then_some(name))
        {
            return Err(added(name));
        }
        for name in found.values() {
            let target = then.join(name.trim_start_matches("trust/"));
            let parent = target.parent().unwrap_or(&then);
            fs::create_dir_all(parent).map_err(|error| cannot("make", parent, error))?;
            fs::copy(folder.join(name), &target).map_err(|error| cannot("write", &target, error))?;
        }
        if named.len() > found.len() {
            return Err(missing("trust data, revocations or policy of then"));
        }
    }
    Ok(trust)
}

/// Lets a document count from now on, if it follows.
fn take(trust: &mut TrustFolder, name: &str, envelope: &[u8]) -> Result<(), Stop> {
    let read = Envelope::read(envelope).map_err(|error| Refusal::new(Code::JsonNotStrict, name, error.to_string()))?;
    let kind = Kind::of_payload_type(&read.payload_type);
    match kind {
        Some(Kind::Root) => Ok(trust.advance(envelope)?),
        Some(kind @ (Kind::TrustData | Kind::Revocations | Kind::Policy)) => {
            let site = Site::load(trust)?;
            let revocations = site.revocations().map(|(_, document)| document);
            match trust.judge_next(kind, envelope, revocations)? {
                Some(next) => Ok(trust.stand(&next)?),
                None => Ok(()),
            }
        }
        _ => Err(Refusal::new(
            Code::WrongDocumentKind,
            name,
            "it is no root, trust data, revocations or policy",
        )
        .into()),
    }
}

/// Where documents of a kind lie in a trust folder.
fn below(trust: &Path, kind: &str) -> PathBuf {
    trust.join(kind.trim_start_matches("trust/"))
}

fn copy_all(from: &Path, to: &Path) -> Result<(), Stop> {
    let entries = match fs::read_dir(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| cannot("read", from, error))?,
    };
    fs::create_dir_all(to).map_err(|error| cannot("make", to, error))?;
    for entry in entries {
        let entry = entry.map_err(|error| cannot("read", from, error))?;
        let target = to.join(entry.file_name());
        fs::copy(entry.path(), &target).map_err(|error| cannot("write", &target, error))?;
    }
    Ok(())
}

/// What stands in the folder is what the report says.
fn check_standing(head: &Head, site: &Site) -> Result<(), Stop> {
    let pairs = [
        (
            "trust data",
            &head.trust.trust_data,
            site.trust_data().map(|(found, _)| found),
        ),
        (
            "revocations",
            &head.trust.revocations,
            site.revocations().map(|(found, _)| found),
        ),
    ];
    for (what, expected, found) in pairs {
        let expected = expected.as_ref().map(|standing| standing.digest);
        let found = found.map(|standing| standing.digest);
        if expected != found {
            return Err(swapped(what, expected, found));
        }
    }
    if let Some(policy) = &head.policy {
        let found = site.in_force().policy.digest();
        if policy.digest != found {
            return Err(swapped("policy", Some(policy.digest), Some(found)));
        }
    }
    Ok(())
}

fn swapped(what: &str, expected: Option<Digest>, found: Option<Digest>) -> Stop {
    let text = |digest: Option<Digest>| digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string());
    Refusal::new(
        Code::DigestMismatch,
        format!("the capsule's {what}"),
        "it is not what counted then, as the report says",
    )
    .comparing(text(expected), text(found))
    .into()
}

/// Every object is one that the catalog or the manifest names. What was kept beside the report is unpacked to the others.
fn check_objects(unpacked: &Unpacked, work: &Path) -> Result<(), Stop> {
    let mut needed = Vec::new();
    each_needed(work, &mut |digest, _: Need| {
        needed.push(digest);
        Ok(())
    })?;
    needed.sort_unstable();
    needed.dedup();
    let is_needed = |digest: &Digest| needed.binary_search(digest).is_ok();
    let mut parts = unpacked.parts()?;
    while let Some(part) = parts.next()? {
        if let Some(Named::Object(digest)) = Named::of(&part.name)
            && !is_needed(&digest)
        {
            return Err(added(&part.name));
        }
    }
    let mut stranger = None;
    kept::unpack(work, &mut |digest| {
        if !is_needed(&digest) {
            stranger = Some(digest);
        }
    })?;
    stranger.map_or(Ok(()), |digest| Err(added(&object_name(&digest))))
}

fn missing(name: &str) -> Stop {
    Refusal::new(
        Code::ObjectMissing,
        "the capsule",
        format!("it lacks {name}, which its report names"),
    )
    .hint("have it made again from the enclave")
    .into()
}

fn added(name: &str) -> Stop {
    let reason = "neither its report nor its catalog names it";
    Refusal::new(Code::ObjectNotListed, format!("the capsule's part `{name}`"), reason).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_copied_whole_or_it_is_said() {
        let work = tempfile::tempdir().unwrap();
        let (from, to) = (work.path().join("from"), work.path().join("to"));
        copy_all(&from, &to).unwrap();
        assert!(!to.exists(), "there was nothing to copy");
        fs::create_dir(&from).unwrap();
        let file = work.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(
            copy_all(&from, &file.join("to")).is_err(),
            "nothing can be made below a file"
        );
        assert!(copy_all(&file, &to).is_err(), "a file holds no files");
        fs::write(from.join("1"), "one").unwrap();
        copy_all(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("1")).unwrap(), b"one");
        fs::remove_file(to.join("1")).unwrap();
        fs::create_dir(to.join("1")).unwrap();
        assert!(copy_all(&from, &to).is_err(), "a folder stands in the place");
    }
}
