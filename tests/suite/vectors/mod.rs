//! The vectors of `bundle-spec/vectors`: every case is written by `raw_bundle`, lies in the repository as bytes with its
//! verdict, and is judged by the same steps that `verify` and `import` run.
//!
//! `SEALIFT_WRITE_VECTORS=1 cargo test --test suite vectors` writes them anew after a change of the format.

mod capsule;
mod catalog;
mod container;
mod countersigned;
mod custody;
mod judges;
mod log;
mod manifest;
mod objects;
mod order;
mod receipt;
mod report;
mod retention;
mod seal;
mod summaries;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift::import::authenticate::{Approvals, GapRule, Imported, Judgement, Memory, Position, authenticate};
use sealift::import::open::{Input, open};
use sealift::import::verify_objects::{Silent, Verified, Workspace, verify_objects};
use sealift::model::{Digest, Stop, Timestamp};
use sealift::trust::{Kind, TrustedRoot};
use serde::{Deserialize, Serialize};

use crate::people;
use crate::raw_bundle::{Edits, Member, RawBundle, noise};

/// What a case says beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What is special about it.
    pub(crate) why: String,
    /// `accepted`, `incomplete`, or a refusal's code.
    pub(crate) verdict: String,
    /// The clock.
    pub(crate) now: String,
    /// What it is; without it a bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) judge: Option<String>,
    /// The bundle that records are about, where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest: Option<String>,
    /// How many volumes it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) volumes: Option<u32>,
    /// What the enclave remembers; without it order is not judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<CaseMemory>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaseMemory {
    #[serde(default)]
    last_epoch: u64,
    #[serde(default)]
    last_sequence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_manifest: Option<String>,
    /// A manifest that was imported under this bundle's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    same_number: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known_time: Option<String>,
    #[serde(default)]
    record_gaps: bool,
}

impl Memory for CaseMemory {
    fn last(&self, _stream: &str) -> Result<Option<Position>, Stop> {
        Ok(self.last_manifest.as_ref().map(|manifest| Position {
            epoch: self.last_epoch,
            sequence: self.last_sequence,
            manifest: manifest.parse().unwrap(),
        }))
    }

    fn numbered(&self, _stream: &str, _epoch: u64, _sequence: u64) -> Result<Option<Digest>, Stop> {
        Ok(self.same_number.as_ref().map(|manifest| manifest.parse().unwrap()))
    }

    fn imported(&self, manifest: &Digest) -> Result<Option<Imported>, Stop> {
        let known = self
            .last_manifest
            .iter()
            .chain(&self.same_number)
            .any(|known| *known == manifest.to_string());
        Ok(known.then(|| Imported {
            at: people::now(),
            generation: Some(1),
        }))
    }

    fn known_time(&self) -> Result<Option<(Timestamp, String)>, Stop> {
        Ok(self
            .known_time
            .as_ref()
            .map(|time| (time.parse().unwrap(), "bundle main 1".to_owned())))
    }

    fn gap_rule(&self) -> GapRule {
        if self.record_gaps {
            GapRule::Record
        } else {
            GapRule::Refuse
        }
    }

    fn kept_approvals(&self, _manifest: &Digest) -> Result<Vec<Vec<u8>>, Stop> {
        Ok(Vec::new())
    }
}

/// A case's files by name.
type Files = BTreeMap<String, Vec<u8>>;

struct Vectors {
    cases: Vec<(String, Case, Files)>,
}

impl Vectors {
    fn add(&mut self, name: &str, verdict: &str, why: &str, volumes: Vec<Vec<u8>>) -> &mut Case {
        let count = volumes.len();
        let files = volumes
            .into_iter()
            .enumerate()
            .map(|(index, bytes)| (format!("main-1.vol{:03}of{count:03}.tar", index + 1), bytes))
            .chain([("root.dsse.json".to_owned(), sealed_root())])
            .chain([("main-1.approval-eve.dsse.json".to_owned(), Vec::new())])
            .collect();
        self.case(None, name, verdict, why, files)
    }

    fn case(&mut self, judge: Option<&str>, name: &str, verdict: &str, why: &str, files: Files) -> &mut Case {
        let refused = if matches!(verdict, "accepted" | "incomplete" | "already-imported") {
            ""
        } else {
            "_refused"
        };
        let case = Case {
            why: why.to_owned(),
            verdict: verdict.to_owned(),
            now: people::now().to_string(),
            judge: judge.map(str::to_owned),
            ..Case::default()
        };
        self.cases.push((format!("{name}{refused}"), case, files));
        &mut self.cases.last_mut().unwrap().1
    }

    /// A case that is no bundle: one of the records that are signed. Where it brings no root, the one beside the chapters counts.
    fn record(&mut self, judge: &str, name: &str, verdict: &str, why: &str, files: Files) -> &mut Case {
        self.case(Some(judge), name, verdict, why, files)
    }

    fn edited(&mut self, name: &str, verdict: &str, why: &str, edits: Edits) -> &mut Case {
        let volumes = RawBundle::sample().build(&edits);
        self.add(name, verdict, why, volumes)
    }

    fn files(&mut self) -> &mut Files {
        &mut self.cases.last_mut().unwrap().2
    }
}

fn sealed_root() -> Vec<u8> {
    people::sealed_root(&people::root(), &[people::ANN, people::BOB])
}

/// A document that revokes a numbered key, signed by two of three.
fn revoking(number: u8) -> Vec<u8> {
    let payload = serde_json::json!({
        "created": "2026-11-20T12:00:00Z", "critical": [], "version": 1,
        "revoked": [{ "reason": "the key was lost", "what": { "key": people::id(number).to_string() } }],
    });
    let payload = sealift::crypto::strict_json::write(&payload);
    people::sealed(Kind::Revocations, &payload, &[people::ANN, people::BOB]).write()
}

fn volumes(edit: impl Fn(&mut Vec<Vec<u8>>) + 'static) -> Edits {
    Edits {
        volumes: Some(Box::new(edit)),
        ..Edits::default()
    }
}

fn first(edit: impl Fn(&mut Vec<u8>) + 'static) -> Edits {
    volumes(move |volumes| edit(&mut volumes[0]))
}

fn members(edit: impl Fn(&mut Vec<Member>) + 'static) -> Edits {
    Edits {
        members: Some(Box::new(move |volumes| edit(&mut volumes[0]))),
        ..Edits::default()
    }
}

fn manifest(edit: impl Fn(&mut serde_json::Value) + 'static) -> Edits {
    Edits {
        manifest: Some(Box::new(edit)),
        ..Edits::default()
    }
}

fn records(edit: impl Fn(&mut Vec<serde_json::Value>) + 'static) -> Edits {
    Edits {
        records: Some(Box::new(edit)),
        ..Edits::default()
    }
}

fn text(from: &'static str, to: &'static str) -> Edits {
    Edits {
        catalog_text: Some(Box::new(move |bytes| {
            *bytes = String::from_utf8(bytes.clone())
                .unwrap()
                .replacen(from, to, 1)
                .into_bytes();
        })),
        ..Edits::default()
    }
}

/// Gives the first artifact proofs of these kinds, each the artifact's own bytes.
fn besides(kinds: &'static [&'static str], state: &'static str) -> Edits {
    records(move |records| {
        let record = records.iter_mut().find(|record| !record["artifact"].is_null()).unwrap();
        let digest = record["artifact"]["digest"].clone();
        record["artifact"]["proofs"] = kinds
            .iter()
            .map(|kind| serde_json::json!({ "kind": kind, "objects": [digest], "state": state }))
            .collect();
    })
}

fn payload(from: &'static str, to: &'static str) -> Edits {
    Edits {
        payload: Some(Box::new(move |bytes| {
            let before = String::from_utf8(bytes.clone()).unwrap();
            let after = before.replacen(from, to, 1);
            assert_ne!(before, after, "nothing was changed");
            *bytes = after.into_bytes();
        })),
        ..Edits::default()
    }
}

/// The position of a member's header.
fn position(volume: &[u8], name: &str) -> usize {
    volume
        .chunks(512)
        .position(|block| block.starts_with(name.as_bytes()) && block[257..262] == *b"ustar")
        .map(|index| index * 512)
        .unwrap()
}

fn digest_of(index: usize) -> String {
    let sample = RawBundle::sample();
    Digest::of(&sample.files[index].1).to_string()
}

/// Every case, in the order of the chapters.
fn all() -> Vectors {
    let mut v = Vectors { cases: Vec::new() };
    container::container(&mut v);
    seal::seal(&mut v);
    manifest::manifest_cases(&mut v);
    catalog::catalog(&mut v);
    objects::objects(&mut v);
    objects::volume_cases(&mut v);
    order::order(&mut v);
    log::checkpoints(&mut v);
    report::reports(&mut v);
    words::words(&mut v);
    receipt::receipts(&mut v);
    custody::custodies(&mut v);
    retention::enclaves(&mut v);
    capsule::capsules(&mut v);
    capsule::countersigned(&mut v);
    summaries::all(&mut v);
    for (name, case, files) in &mut v.cases {
        // A bundle of the standard profile needs its approval; cases about approvals bring their own.
        if files.get("main-1.approval-eve.dsse.json").is_some_and(Vec::is_empty) {
            let digest = manifest_digest_in(files);
            files.remove("main-1.approval-eve.dsse.json");
            if let Some(digest) = digest {
                files.insert(
                    "main-1.approval-eve.dsse.json".to_owned(),
                    approval(&digest, people::APPROVER),
                );
            }
        }
        assert!(!case.why.is_empty(), "{name}");
    }
    v
}

/// The digest of the manifest in the first volume, if it can be read.
fn manifest_digest_in(files: &Files) -> Option<Digest> {
    let (_, volume) = files.iter().find(|(name, _)| name.ends_with(".tar"))?;
    let size = usize::from_str_radix(std::str::from_utf8(volume.get(124..135)?).ok()?, 8).ok()?;
    let envelope = sealift::crypto::dsse::Envelope::read(volume.get(512..512 + size)?).ok()?;
    Some(Digest::of(&envelope.payload))
}

pub(crate) fn approval(manifest: &Digest, key: u8) -> Vec<u8> {
    let approval = sealift::trust::approval::Approval {
        manifest: *manifest,
        decision: sealift::trust::approval::Decision::Approved,
        seen: vec!["bundle main 1".to_owned()],
        reason: "monthly update".to_owned(),
        ticket: None,
        created: "2026-11-20T13:00:00Z".parse().unwrap(),
        expires: "2026-12-20T13:00:00Z".parse().unwrap(),
        ext: Default::default(),
        critical: Default::default(),
    };
    approval.sign(&people::key(key)).unwrap().write()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundle-spec/vectors")
}

/// Runs the reader over a case's folder and gives its verdict.
pub(crate) fn judge(case: &Case, folder: &Path, staging: &Path) -> String {
    if let Some(judge) = &case.judge {
        return verdict(judges::judge(judge, case, folder, staging));
    }
    let root = TrustedRoot::pinned(&fs::read(folder.join("root.dsse.json")).unwrap()).unwrap();
    let judgement = Judgement {
        root: &root,
        now: case.now.parse().unwrap(),
        memory: case.memory.as_ref().map(|memory| memory as &dyn Memory),
        approvals: Approvals::Needed,
        revocations: None,
    };
    let workspace = Workspace {
        staging: staging.to_owned(),
        store: None,
        threads: 2,
        progress: &Silent,
    };
    let verified = open(vec![Input::Path(folder.to_owned())])
        .and_then(|opened| authenticate(opened, &judgement).result)
        .and_then(|authenticated| verify_objects(authenticated, &workspace));
    verdict(verified.map(|verified| match verified {
        Verified::Intact(_) => "accepted",
        Verified::Incomplete(_) => "incomplete",
    }))
}

fn verdict(judged: Result<&str, Stop>) -> String {
    match judged {
        Ok(word) => word.to_owned(),
        Err(Stop::Refused(refusals)) => {
            for refusal in &refusals {
                assert!(!refusal.subject.is_empty() && !refusal.reason.is_empty(), "{refusal:?}");
            }
            refusals[0].code.name().to_owned()
        }
        Err(Stop::Unable(unable)) => format!("unable: {unable:?}"),
    }
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = all();
    let folder = folder();
    if std::env::var_os("SEALIFT_WRITE_VECTORS").is_some() {
        for chapter in fs::read_dir(&folder).into_iter().flatten() {
            let path = chapter.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            }
        }
        fs::write(folder.join("root.dsse.json"), sealed_root()).unwrap();
        for (name, case, files) in &vectors.cases {
            let place = folder.join(name);
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("case.toml"), case_text(case)).unwrap();
            for (name, bytes) in files {
                let path = place.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            }
        }
    }
    assert_eq!(fs::read(folder.join("root.dsse.json")).unwrap(), sealed_root());
    let mut wrong = Vec::new();
    for (name, case, files) in &vectors.cases {
        let place = folder.join(name);
        let written = fs::read_to_string(place.join("case.toml")).unwrap_or_default();
        if written != case_text(case) {
            wrong.push(format!("{name}: case.toml is not as the test writes it"));
            continue;
        }
        for (file, bytes) in files {
            if fs::read(place.join(file)).ok().as_ref() != Some(bytes) {
                wrong.push(format!("{name}: {file} is not as the test writes it"));
            }
        }
    }
    wrong.extend(wrong_verdicts(&vectors.cases, &folder));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(vectors.cases.len() > 100, "{} cases", vectors.cases.len());
}

/// A folder in memory where there is such a place: hundreds of databases are made, and each is synced to the disk again and again.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// What is judged otherwise than it should be. Several at a time: each makes files of its own.
fn wrong_verdicts(cases: &[(String, Case, Files)], folder: &Path) -> Vec<String> {
    let wrong = |(name, case, _): &(String, Case, Files)| {
        let staging = scratch();
        let verdict = judge(case, &folder.join(name), staging.path());
        (verdict != case.verdict).then(|| format!("{name}: {verdict} and not {}", case.verdict))
    };
    std::thread::scope(|scope| {
        let parts = cases.chunks(cases.len().div_ceil(8));
        let running: Vec<_> = parts
            .map(|part| scope.spawn(|| part.iter().filter_map(wrong).collect::<Vec<_>>()))
            .collect();
        running.into_iter().flat_map(|part| part.join().unwrap()).collect()
    })
}

#[test]
fn every_vector_in_the_folder_is_known() {
    let known: Vec<String> = all().cases.into_iter().map(|(name, ..)| name).collect();
    for chapter in fs::read_dir(folder()).unwrap() {
        let chapter = chapter.unwrap();
        if !chapter.path().is_dir() {
            continue;
        }
        for case in fs::read_dir(chapter.path()).unwrap() {
            let name = format!(
                "{}/{}",
                chapter.file_name().to_str().unwrap(),
                case.unwrap().file_name().to_str().unwrap()
            );
            assert!(known.contains(&name), "{name} is in the folder and not in the test");
        }
    }
}

pub(crate) fn case_text(case: &Case) -> String {
    let mut text = format!(
        "why = {:?}\nverdict = {:?}\nnow = {:?}\n",
        case.why, case.verdict, case.now
    );
    if let Some(judge) = &case.judge {
        text.push_str(&format!("judge = {judge:?}\n"));
    }
    if let Some(manifest) = &case.manifest {
        text.push_str(&format!("manifest = {manifest:?}\n"));
    }
    if let Some(volumes) = &case.volumes {
        text.push_str(&format!("volumes = {volumes}\n"));
    }
    if let Some(memory) = &case.memory {
        text.push_str("\n[memory]\n");
        text.push_str(&format!(
            "last_epoch = {}\nlast_sequence = {}\n",
            memory.last_epoch, memory.last_sequence
        ));
        for (key, value) in [
            ("last_manifest", &memory.last_manifest),
            ("same_number", &memory.same_number),
            ("known_time", &memory.known_time),
        ] {
            if let Some(value) = value {
                text.push_str(&format!("{key} = {value:?}\n"));
            }
        }
        text.push_str(&format!("record_gaps = {}\n", memory.record_gaps));
    }
    text
}
