//! The judges of what is no bundle: each runs the functions that the program itself runs.

use std::fs;
use std::io::BufReader;
use std::path::Path;

use sealift::audit::{Auditing, audit, rebuild};
use sealift::capsule;
use sealift::crypto::dsse::Envelope;
use sealift::import::site::Site;
use sealift::import::verify_objects::Silent;
use sealift::log::{self, Checkpoint};
use sealift::model::{How, Refusal, Stop};
use sealift::report::{self, ReportError};
use sealift::trust::custody::{About, Chain};
use sealift::trust::folder::{Confirmed, TrustFolder};
use sealift::trust::receipt::Statement;
use sealift::trust::{Revocations, TrustedRoot};

use super::Case;

/// What a record is judged by.
struct Judging<'j> {
    folder: &'j Path,
    roots: Vec<TrustedRoot>,
    revocations: Option<Revocations>,
}

pub(super) fn judge(kind: &str, case: &Case, folder: &Path, staging: &Path) -> Result<&'static str, Stop> {
    let judging = Judging {
        folder,
        roots: roots(folder),
        revocations: revocations(folder),
    };
    match kind {
        "checkpoint" => judging.checkpoint(),
        "report" => judging.report(),
        "summaries" => judging.summaries(),
        "receipt" => judging.receipt(),
        "capsule" => judging.capsule(staging),
        "custody" => judging.custody(case),
        "enclave" => judging.enclave(staging),
        other => panic!("nobody judges {other}"),
    }
    .map(|()| "accepted")
}

/// The pinned root, and those that follow it.
fn roots(folder: &Path) -> Vec<TrustedRoot> {
    let own = folder.join("root.dsse.json");
    let common = folder.join("../../root.dsse.json");
    let first = fs::read(if own.exists() { own } else { common }).unwrap();
    let mut roots = vec![TrustedRoot::pinned(&first).unwrap()];
    while let Ok(next) = fs::read(folder.join(format!("root-{}.dsse.json", roots.len() + 1))) {
        roots.push(roots.last().unwrap().advance(&next).unwrap());
    }
    roots
}

/// What is no longer good. Who signed it is for those who take it.
fn revocations(folder: &Path) -> Option<Revocations> {
    let bytes = fs::read(folder.join("revocations.dsse.json")).ok()?;
    Some(Revocations::read(&Envelope::read(&bytes).unwrap().payload).unwrap())
}

impl Judging<'_> {
    fn checkpoint(&self) -> Result<(), Stop> {
        let text = log::checkpoint_text(self.folder)?.unwrap();
        let origin = log::origin(&self.roots.last().unwrap().document().enclave);
        Checkpoint::read(&text)?.verify(&origin, &self.roots, self.revocations.as_ref())?;
        Ok(())
    }

    fn report(&self) -> Result<(), Stop> {
        let path = self.folder.join("report.ndjson");
        report::verify(&path, &self.roots, self.revocations.as_ref(), |_| {
            Ok::<_, ReportError>(())
        })
        .map(|_| ())
        .map_err(|error| error.stop("the report"))
    }

    fn summaries(&self) -> Result<(), Stop> {
        let revocations = self.revocations.as_ref();
        let report = report::open(&self.folder.join("report.ndjson"), &self.roots, revocations)
            .map_err(|error| error.stop("the report"))?;
        let path = self.folder.join("vsa.intoto.jsonl");
        report::verify_summaries(&path, report, &self.roots, revocations)
            .map(|_| ())
            .map_err(|error| error.stop("the summaries"))
    }

    /// state.db is made from the records, and then everything is compared with it: as `rebuild` and `audit` do.
    fn enclave(&self, staging: &Path) -> Result<(), Stop> {
        for entry in walkdir::WalkDir::new(self.folder).into_iter().map(Result::unwrap) {
            let target = staging.join(entry.path().strip_prefix(self.folder).unwrap());
            if entry.file_type().is_dir() {
                fs::create_dir_all(target).unwrap();
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
        let scratch = super::scratch();
        let folder = scratch.path().join("trust");
        let (first, later) = self.roots.split_first().unwrap();
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let mut trust = TrustFolder::pin(&folder, first.clone(), Confirmed::ByFingerprint, now)?;
        trust.store_roots(later.to_vec())?;
        if self.revocations.is_some() {
            fs::create_dir_all(folder.join("revocations")).unwrap();
            let own = self.folder.join("revocations.dsse.json");
            fs::copy(own, folder.join("revocations/1.dsse.json")).unwrap();
        }
        let work = super::scratch();
        let auditing = Auditing {
            folder: staging,
            trust: &trust,
            site: &Site::load(&trust)?,
            reports: &[],
            witnesses: &[],
            scratch: work.path(),
            threads: 1,
            progress: &Silent,
        };
        rebuild(&auditing, None, &staging.join("state.db"))?;
        let mut refusals = Vec::new();
        audit(&auditing, |found| {
            if found.difference.how != How::Leftover {
                let path = found.difference.path.display().to_string();
                refusals.push(Refusal::new(found.code, path, found.difference.reason));
            }
        })?;
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(Stop::Refused(refusals))
        }
    }

    fn capsule(&self, staging: &Path) -> Result<(), Stop> {
        let file = fs::File::open(self.folder.join("capsule.tar")).unwrap();
        capsule::open(&capsule::unpack(file, staging)?, &self.roots[0])?;
        Ok(())
    }

    fn receipt(&self) -> Result<(), Stop> {
        let file = fs::File::open(self.folder.join("receipt.ndjson")).unwrap();
        Statement::read(BufReader::new(file), &self.roots, self.revocations.as_ref())?;
        Ok(())
    }

    /// What does not fit together refuses nothing by itself; its first code is the verdict.
    fn custody(&self, case: &Case) -> Result<(), Stop> {
        let mut files: Vec<(String, Vec<u8>)> = Vec::new();
        for entry in fs::read_dir(self.folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.contains(".custody-") {
                files.push((name, fs::read(&path).unwrap()));
            }
        }
        files.sort();
        let about = About {
            manifest: case.manifest.as_ref().unwrap().parse().unwrap(),
            volumes: case.volumes,
            revocations: self.revocations.as_ref(),
            now: case.now.parse().unwrap(),
        };
        let roots: Vec<_> = self.roots.iter().rev().map(TrustedRoot::document).collect();
        let chain = Chain::judge(&files, &roots, &about);
        match chain.troubles.first() {
            Some(trouble) => Err(Refusal::new(trouble.code, &trouble.subject, &trouble.message).into()),
            None => Ok(()),
        }
    }
}
