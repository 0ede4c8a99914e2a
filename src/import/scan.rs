//! What this site's scanners say of a verified bundle's objects, before anything of it is decided.
//!
//! Every object that the bundle carries is scanned, and of a delta also those that its artifacts need and that are here already: definitions are newer
//! than when those came. What is kept in memory is what is not clean.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::decide::objects_of;
use super::verify_objects::{Intact, Progress};
use crate::bundle::catalog::Record;
use crate::model::{Artifact, Digest, Stop, Timestamp};
use crate::policy::{Scan, ScanResult, Side};
use crate::report::{ScannerRun, short};
use crate::scan::{Answer, Definitions, ScanError, Scanner, Scanners};
use crate::store::Store;

/// Objects that are not clean, and are told one by one: with more, there is something wrong with the scanner, and nothing that it says is believed.
const MAX_TOLD: usize = 10_000;

/// Definitions that are made later than in a day are of a clock that is wrong.
const MAX_AHEAD_SECONDS: i64 = 86_400;

const LIST: &str = "scan.list";

/// What the scanners said of a bundle.
#[derive(Debug, Clone, Default)]
pub struct Scanned {
    runs: Vec<ScannerRun>,
    told: Vec<BTreeMap<Digest, Answer>>,
    time: Option<Timestamp>,
}

/// What a scanner said of an object that is not clean, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// What was found, or why it was not scanned.
    pub(super) detail: String,
    pub(super) digest: Digest,
    pub(super) engine: String,
    /// Whether something was found.
    pub(super) found: bool,
}

/// Has every scanner look at every object. A scanner that fails stops nothing: the policy decides what that means.
pub(super) fn scan(
    intact: &Intact,
    store: Option<&Store>,
    scanners: &Scanners,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Scanned, Stop> {
    let mut scanned = Scanned {
        time: Some(now),
        ..Scanned::default()
    };
    for scanner in scanners.iter() {
        let (run, told) = Pass::new(scanner, intact, now).over(intact, store, progress)?;
        scanned.runs.push(run);
        scanned.told.push(told);
    }
    Ok(scanned)
}

impl Scanned {
    /// What each scanner came to.
    pub fn runs(&self) -> &[ScannerRun] {
        &self.runs
    }

    /// What the scanners said of an artifact: the worst of its bytes and its proofs.
    pub(super) fn of(&self, artifact: &Artifact) -> Vec<Scan> {
        let Some(time) = self.time else {
            return Vec::new();
        };
        self.runs
            .iter()
            .zip(&self.told)
            .map(|(run, told)| {
                let worst = objects_of(artifact).filter_map(|digest| told.get(digest)).max();
                let result = match (worst, &run.problem) {
                    (Some(Answer::Found(name)), _) => ScanResult::Found(name.clone()),
                    (_, Some(problem)) => ScanResult::NotScanned(problem.clone()),
                    (Some(Answer::Unclear(why)), None) => ScanResult::NotScanned(why.clone()),
                    (Some(Answer::Clean) | None, None) => ScanResult::Clean,
                };
                Scan {
                    engine: run.engine.clone(),
                    side: Side::Import,
                    result,
                    definitions: run.definitions,
                    time,
                }
            })
            .collect()
    }

    /// What is not clean, as it is kept: engine by engine, by digest.
    pub(super) fn lines(&self) -> impl Iterator<Item = Told> + '_ {
        self.told().map(|(digest, engine, answer)| {
            let (found, detail) = match answer {
                Answer::Found(name) => (true, name.clone()),
                Answer::Unclear(why) => (false, why.clone()),
                Answer::Clean => (false, String::new()),
            };
            Told {
                detail,
                digest: *digest,
                engine: engine.to_owned(),
                found,
            }
        })
    }

    /// What the scanners said then: `runs` from the report, and what was not clean from what is kept beside it.
    pub(super) fn again(runs: &[ScannerRun], lines: impl IntoIterator<Item = Told>, now: Timestamp) -> Self {
        let mut told = vec![BTreeMap::new(); runs.len()];
        for line in lines {
            let answer = if line.found {
                Answer::Found(line.detail)
            } else {
                Answer::Unclear(line.detail)
            };
            if let Some(place) = runs.iter().position(|run| run.engine == line.engine) {
                told[place].insert(line.digest, answer);
            }
        }
        Self {
            runs: runs.to_vec(),
            told,
            time: Some(now),
        }
    }

    /// Whether an object is not clean.
    pub(super) fn tells_of(&self, digest: &Digest) -> bool {
        self.told.iter().any(|told| told.contains_key(digest))
    }

    /// The objects in which something was found or that were not scanned, with the engine and its answer.
    pub(super) fn told(&self) -> impl Iterator<Item = (&Digest, &str, &Answer)> {
        self.runs.iter().zip(&self.told).flat_map(|(run, told)| {
            let engine = run.engine.as_str();
            told.iter().map(move |(digest, answer)| (digest, engine, answer))
        })
    }
}

/// One scanner's pass over a bundle.
struct Pass<'a> {
    scanner: &'a Scanner,
    list: PathBuf,
    run: ScannerRun,
    told: BTreeMap<Digest, Answer>,
    batch: Vec<(Digest, PathBuf)>,
}

impl<'a> Pass<'a> {
    fn new(scanner: &'a Scanner, intact: &Intact, now: Timestamp) -> Self {
        let mut run = ScannerRun {
            engine: short(scanner.engine()),
            version: String::new(),
            definitions: None,
            objects: 0,
            found: 0,
            unclear: 0,
            problem: None,
        };
        match scanner.definitions() {
            Ok(Definitions { version, made }) => {
                run.version = short(&version);
                run.definitions = made.filter(|made| made.seconds() <= now.plus_seconds(MAX_AHEAD_SECONDS).seconds());
            }
            Err(error) => run.problem = Some(words(&error)),
        }
        Self {
            scanner,
            list: intact.staging().join(LIST),
            run,
            told: BTreeMap::new(),
            batch: Vec::new(),
        }
    }

    fn over(
        mut self,
        intact: &Intact,
        store: Option<&Store>,
        progress: &dyn Progress,
    ) -> Result<(ScannerRun, BTreeMap<Digest, Answer>), Stop> {
        progress.begin("scan", intact.manifest().catalog.objects);
        let mut carried = HashSet::new();
        let is_delta = intact.manifest().base.is_some();
        let mut records = intact.records()?;
        while let Some(record) = records.next()? {
            match record {
                Record::Object(object) => {
                    if is_delta {
                        carried.insert(object.digest);
                    }
                    self.take(object.digest, intact, store, progress);
                }
                // Objects stand before what needs them (`bundle-spec/catalog.md` §1).
                Record::Artifact(artifact) if is_delta => {
                    for digest in objects_of(&artifact) {
                        if carried.insert(*digest) {
                            self.take(*digest, intact, store, progress);
                        }
                    }
                }
                Record::Artifact(_) | Record::Document(_) => {}
            }
        }
        self.flush(progress);
        progress.finish();
        // It is no part of what is staged.
        remove(&self.list)?;
        Ok((self.run, self.told))
    }

    fn take(&mut self, digest: Digest, intact: &Intact, store: Option<&Store>, progress: &dyn Progress) {
        self.batch.push((digest, intact.locate(&digest, store)));
        if self.batch.len() >= self.scanner.files() {
            self.flush(progress);
        }
    }

    /// Gives what has come together to the scanner. After a failure it is not asked again: it would take its time to fail once more.
    fn flush(&mut self, progress: &dyn Progress) {
        let batch = std::mem::take(&mut self.batch);
        progress.advance(batch.len() as u64);
        if batch.is_empty() || self.run.problem.is_some() {
            return;
        }
        let (digests, paths): (Vec<Digest>, Vec<PathBuf>) = batch.into_iter().unzip();
        self.run.objects += digests.len() as u64;
        match self.scanner.scan(&paths, &self.list) {
            Ok(answers) => {
                for (digest, answer) in digests.into_iter().zip(answers) {
                    self.note(digest, answer);
                }
            }
            Err(error) => self.run.problem = Some(words(&error)),
        }
    }

    fn note(&mut self, digest: Digest, answer: Answer) {
        match &answer {
            Answer::Clean => return,
            Answer::Unclear(_) => self.run.unclear += 1,
            Answer::Found(_) => self.run.found += 1,
        }
        if self.told.len() >= MAX_TOLD {
            self.run.problem = Some(format!("more than {MAX_TOLD} objects are not clean"));
            return;
        }
        self.told.insert(digest, answer);
    }
}

fn words(error: &ScanError) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        words.push_str(&format!(": {error}"));
        source = error.source();
    }
    short(&words)
}

#[expect(clippy::disallowed_methods, reason = "the list lies in the staging folder")]
fn remove(list: &std::path::Path) -> Result<(), Stop> {
    match std::fs::remove_file(list) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(super::verify_objects::write_failed(list, error).into())
        }
        _ => Ok(()),
    }
}
