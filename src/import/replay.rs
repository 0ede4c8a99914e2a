//! An attempt judged once more from what was kept of it: the very same steps from the seal to the decision, with no enclave, by the trust, the
//! policy, the memory and the time of then (`bundle-spec/capsule.md` §5). Whatever comes out otherwise than the report says is told.
//!
//! Threats, each with its defence:
//! - A report that says something else than its steps come to: every record and the head are compared with what they come to now.
//! - Something that was left out to hide what it would say: proofs of what was published must all be there; what may be left out is counted and named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::authenticate::{Approvals, Judgement, authenticate_again};
use super::basis;
use super::custody::{self, Custodied};
use super::decide::{Deciding, Occasion, Told as Memory, Weighed, weigh};
use super::judge::{Objects, Opinion};
use super::lines::LineReader;
use super::memory::OrderAgain;
use super::needed::read_order;
use super::parts::{people, policy, record, refused};
use super::scan::{Scanned, Told};
use super::site::Site;
use super::surroundings::Around;
use super::verify_evidence::{Judging, Pins, verify_evidence_again};
use super::verify_objects::{Intact, Progress, staged_path};
use super::{check_not_revoked, importers, profile, reviews_of};
use crate::crypto::dsse::MAX_ENVELOPE_BYTES;
use crate::crypto::strict_json;
use crate::model::{Artifact, Code, Digest, ProofState, Refusal, SeenState, Stop};
use crate::report::{self, CheckResult, Custody, Head, Outcome, Record, Refused, Report};
use crate::trust::folder::TrustFolder;
use crate::trust::review::MAX_REVIEWS;
use crate::trust::{Kind, Revocations};

/// The longest line of what was kept: what an artifact's content says, as a catalog's line.
pub(super) const MAX_LINE_BYTES: u64 = 64 << 20;

/// What is judged once more.
pub struct Replay<'a> {
    /// A folder with the parts of the basis under their names, and objects as a store keeps them. It is written to.
    pub folder: &'a Path,
    /// The report's head.
    pub head: &'a Head,
    /// The trust of then, and nothing later.
    pub trust: &'a TrustFolder,
    /// How many threads judge.
    pub threads: usize,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

/// Something that comes out otherwise than the report says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Differs {
    /// The artifact, or the part of the head.
    pub subject: String,
    /// What of it.
    pub what: &'static str,
    /// What the report says.
    pub expected: String,
    /// What it comes to.
    pub found: String,
}

/// What judging once more came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Artifacts that were judged and decided about.
    pub artifacts: u64,
    /// Findings that were taken over from the report, by kind: what their proofs need is left out.
    pub not_available: BTreeMap<String, u64>,
    /// Steps that were not taken once more, each with the reason, in words.
    pub not_taken: Vec<String>,
    /// How many differences were told.
    pub differences: u64,
}

/// Judges once more. `report` opens the report anew, whose records are read in step; `visit` hears of each difference.
pub fn replay(
    replay: &Replay<'_>,
    report: &mut dyn FnMut() -> Result<Report, Stop>,
    visit: &mut dyn FnMut(Differs),
) -> Result<Replayed, Stop> {
    let mut this = Running {
        replay,
        replayed: Replayed::default(),
        visit,
    };
    this.run(report)?;
    Ok(this.replayed)
}

struct Running<'a> {
    replay: &'a Replay<'a>,
    replayed: Replayed,
    visit: &'a mut dyn FnMut(Differs),
}

impl Running<'_> {
    fn run(&mut self, report: &mut dyn FnMut() -> Result<Report, Stop>) -> Result<(), Stop> {
        let Replay { head, trust, .. } = *self.replay;
        let mut site = Site::load(trust)?;
        let Some(envelope) = self.read(basis::MANIFEST, MAX_ENVELOPE_BYTES)? else {
            if head.outcome == Outcome::Imported {
                return Err(Refusal::new(
                    Code::ObjectMissing,
                    "the capsule",
                    "its report names nothing of what the import was judged by: an older version kept none of it",
                )
                .hint("`sealift report verify` verifies the report itself")
                .into());
            }
            self.not_taken("the seal and all that follows: no seal was confirmed");
            return Ok(());
        };
        let Some(order) = read_order(self.replay.folder)? else {
            self.not_taken("the seal and all that follows: what the enclave remembered was not kept");
            return Ok(());
        };
        let before = match order.revocations {
            Some(version) => Some(
                Revocations::read(&trust.standing_version(Kind::Revocations, version)?.payload)
                    .map_err(|error| error.refusal("the revocations of before"))?,
            ),
            None => None,
        };
        let memory = OrderAgain {
            order: &order,
            manifest: head.bundle.as_ref().map(|bundle| bundle.manifest),
            base: head.bundle.as_ref().and_then(|bundle| bundle.base),
            known_time: head.known_time.clone().map(|known| (known.time, known.source)),
            now: head.created,
        };
        let judgement = Judgement {
            root: trust.current(),
            now: head.created,
            memory: Some(&memory),
            approvals: Approvals::Needed,
            revocations: before.as_ref(),
        };
        let named = |envelope: Vec<u8>| ("an approval".to_owned(), envelope);
        let approvals = self.envelopes(basis::APPROVALS)?.into_iter().map(named).collect();
        let (manifest, digest, voucher) = match authenticate_again(&envelope, approvals, &judgement) {
            Ok(authenticated) => authenticated,
            Err(Stop::Refused(found)) => {
                // An earlier version kept none of what was refused, and what is no envelope is never kept.
                let by_approvals = found.iter().all(|refusal| refusal.code == Code::ApprovalsMissing);
                let are_kept = self.lacks(&[basis::APPROVALS]).is_none();
                if by_approvals && !are_kept && head.outcome == Outcome::Refused && !self.has_these(&found) {
                    self.not_taken("the approvals: those that came were not kept");
                    return Ok(());
                }
                self.compare_refusals(&found);
                return Ok(());
            }
            Err(unable) => return Err(unable),
        };
        self.differs(
            "the report",
            "manifest",
            &head.bundle.as_ref().map(|bundle| bundle.manifest),
            &Some(digest),
        );
        self.differs("the report", "people", &head.people, &people(&voucher, trust.current()));
        let beside = std::iter::once(&manifest.plan).chain(manifest.side_data.values());
        if let Some(missing) = beside.into_iter().find(|digest| !self.object(digest).is_file()) {
            let why = format!("the plan or side data {missing} is left out");
            return self.ends_here("the steps after the seal", &why);
        }
        let brought = match site.take(&manifest, trust, |digest| self.object(digest)) {
            Ok(brought) => brought,
            Err(Stop::Refused(found)) => {
                self.compare_refusals(&found);
                return Ok(());
            }
            Err(unable) => return Err(unable),
        };
        if !brought.standing.is_empty() {
            let expected = format!("{:?}", head.trust.trust_data.as_ref().map(|standing| standing.version));
            self.tell("the report", "trust", expected, brought.changes.join("; "));
        }
        if let Err(refusal) = check_not_revoked(&manifest, digest, &voucher, &site) {
            self.compare_refusals(&[refusal]);
            return Ok(());
        }
        if let Some(missing) = self.lacks(&[basis::CATALOG, basis::EXAMINED]) {
            return self.ends_here("the steps after the seal", &format!("{missing} was not kept"));
        }
        let examined = LineReader::compressed(self.part(basis::EXAMINED), MAX_LINE_BYTES)?;
        let intact = Intact::again((manifest, digest, voucher), envelope, self.replay.folder, examined)?;
        let decided_by = [basis::MEMORY, basis::SEEN, basis::SCANS, basis::REVIEWS];
        if let Some(missing) = self.lacks(&decided_by) {
            // Nothing was decided: what came beside the artifacts may be why.
            let trust_data = site.trust_data().map(|(_, data)| data);
            let believed = (
                site.revocations().map(|(_, document)| document),
                self.replay.head.created,
            );
            return match Around::read(&intact, None, trust_data, believed, None) {
                Err(Stop::Refused(found)) => {
                    self.compare_refusals(&found);
                    Ok(())
                }
                Err(unable) => Err(unable),
                Ok(_) => self.ends_here("the proofs and the decision", &format!("{missing} was not kept")),
            };
        }
        self.judge(intact, &site, report)
    }

    /// The first of some parts that was not kept.
    fn lacks<'p>(&self, parts: &[&'p str]) -> Option<&'p str> {
        parts.iter().find(|name| !self.part(name).is_file()).copied()
    }

    /// Says which steps cannot be taken. What was imported has to be there wholly.
    fn ends_here(&mut self, steps: &str, why: &str) -> Result<(), Stop> {
        if self.replay.head.outcome == Outcome::Imported {
            return Err(Refusal::new(Code::ObjectMissing, "the capsule", why)
                .hint("have it made again from the enclave")
                .into());
        }
        self.not_taken(&format!("{steps}: {why}"));
        Ok(())
    }

    fn judge(
        &mut self,
        intact: Intact,
        site: &Site,
        report: &mut dyn FnMut() -> Result<Report, Stop>,
    ) -> Result<(), Stop> {
        let Replay { head, trust, .. } = *self.replay;
        let pins = Pins {
            seen: self.lines::<SeenState>(basis::SEEN)?,
            ..super::pins(site, None)?
        };
        let judging = Judging {
            pins: &pins,
            now: head.created,
            threads: self.replay.threads,
            progress: self.replay.progress,
            objects: Objects::MayLack,
        };
        let mut told = report()?;
        let mut not_available = BTreeMap::new();
        let folder = self.replay.folder;
        let locate = |digest: &Digest| staged_path(folder, digest);
        let judged = verify_evidence_again(intact, &judging, &mut |artifact, opinion| {
            let record = next(&mut told)?.filter(|record| record.digest == artifact.digest);
            let record = record.ok_or_else(|| other_artifacts(artifact))?;
            if head.outcome == Outcome::Imported {
                check_proofs(artifact, &record, &|digest| locate(digest).is_file())?;
            }
            Ok(complete(&record, opinion, &mut not_available))
        })?;
        self.replayed.not_available = not_available;
        let intact = judged.intact();
        let signed = self.envelopes(basis::REVIEWS)?;
        let reviews = reviews_of(&signed, intact, trust, site, head.created);
        let scanned = Scanned::again(&head.scanners, self.lines::<Told>(basis::SCANS)?, head.created);
        let memory = Memory::open(&self.part(basis::MEMORY))?;
        let kept = match self.part(basis::CUSTODY).is_file() {
            true => self.lines::<custody::Kept>(basis::CUSTODY)?,
            false => Vec::new(),
        };
        let bundle = (intact.manifest(), intact.manifest_digest());
        let root = trust.current().document();
        let chain = custody::chain_again(kept, head.custody.as_ref(), root, bundle, site, head.created);
        let named = head.custody.as_ref().map_or_else(Vec::new, Custody::named);
        self.differs("the report", "custody", &head.custody, &Custody::of(&chain, &named));
        let custody = Custodied::of(&chain, intact.manifest(), &intact.voucher().exporters);
        let deciding = Deciding {
            in_force: site.in_force(),
            profile: profile(trust),
            importers: importers(trust),
            memory: Some(&memory),
            trust_data: site.trust_data().map(|(_, data)| data),
            revocations: site.revocations().map(|(_, document)| document),
            carried_revocations: site.carried_revocations(),
            reviews: &reviews,
            scanned: &scanned,
            custody: Some(&custody),
            now: head.created,
            occasion: Occasion::Import,
            waiting: None,
            progress: self.replay.progress,
        };
        let weighed = weigh(judged, None, &deciding)?;
        self.compare_records(&weighed, &mut report()?)?;
        self.differs("the report", "policy", &head.policy, &Some(policy(weighed.decisions())));
        if let Err(refusal) = chain.check_named(&named) {
            self.compare_refusals(&[refusal]);
            return Ok(());
        }
        match weighed.admit(&deciding) {
            Ok(_) => self.compare_admitted(),
            Err(Stop::Refused(found)) => self.compare_refusals(&found),
            Err(unable) => return Err(unable),
        }
        Ok(())
    }

    fn compare_records(&mut self, weighed: &Weighed, report: &mut Report) -> Result<(), Stop> {
        let mut artifacts = weighed.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            let mut found = record(artifact);
            report::shorten(&mut found);
            // Versions that do not say with what they judged did not write this either.
            if self.replay.head.cryptography.is_none() {
                found.about = None;
            }
            let Some(expected) = next(report)? else {
                self.tell("the report", "records", "no more".to_owned(), found.purl);
                return Ok(());
            };
            self.replayed.artifacts += 1;
            if expected != found {
                self.compare_record(&expected, &found);
            }
        }
        if let Some(more) = next(report)? {
            self.tell("the report", "records", more.purl, "no more".to_owned());
        }
        Ok(())
    }

    fn compare_record(&mut self, expected: &Record, found: &Record) {
        let before = self.replayed.differences;
        let subject = &expected.purl;
        self.differs(subject, "purl", &expected.purl, &found.purl);
        self.differs(subject, "digest", &expected.digest, &found.digest);
        self.differs(subject, "level", &expected.level, &found.level);
        self.differs(subject, "required", &expected.required, &found.required);
        self.differs(subject, "floor", &expected.floor, &found.floor);
        self.differs(subject, "findings", &expected.findings, &found.findings);
        self.differs(subject, "absent", &expected.absent, &found.absent);
        self.differs(subject, "scans", &expected.scans, &found.scans);
        self.differs(subject, "decision", &expected.decision, &found.decision);
        self.differs(subject, "about", &expected.about, &found.about);
        if before == self.replayed.differences {
            self.differs(subject, "record", expected, found);
        }
    }

    /// What is admitted must have been imported, or refused by what only an enclave can tell.
    fn compare_admitted(&mut self) {
        let head = self.replay.head;
        if head.outcome == Outcome::Imported {
            return;
        }
        let mut failed = head.checks.iter().filter(|check| check.result == CheckResult::Fail);
        if failed.any(|check| check.id == "publication") {
            self.not_taken("the publication: only the enclave knows what stood in its way");
            return;
        }
        self.tell("the report", "outcome", codes(&head.refusals), "imported".to_owned());
    }

    fn compare_refusals(&mut self, found: &[Refusal]) {
        let head = self.replay.head;
        if head.outcome == Outcome::Refused && self.has_these(found) {
            return;
        }
        let expected = match head.outcome {
            Outcome::Imported => "imported".to_owned(),
            Outcome::Refused => codes(&head.refusals),
        };
        let what = match head.outcome {
            Outcome::Imported => "outcome",
            Outcome::Refused => "refusals",
        };
        let found: Vec<Refused> = found.iter().map(refused).collect();
        self.tell("the report", what, expected, codes(&found));
    }

    /// Whether the head has these refusals, as far as they fit.
    fn has_these(&self, found: &[Refusal]) -> bool {
        let head = self.replay.head;
        let kept =
            usize::try_from(head.refusals_left_out).map_or(usize::MAX, |left_out| found.len().saturating_sub(left_out));
        let found = &found[..found.len().min(kept.max(head.refusals.len()))];
        let is_same = |(one, other): (&Refused, &Refusal)| {
            let other = refused(other);
            (&one.code, &one.reason) == (&other.code, &other.reason)
        };
        head.refusals.len() == found.len() && head.refusals.iter().zip(found).all(is_same)
    }

    fn differs<T: Serialize + PartialEq>(&mut self, subject: &str, what: &'static str, expected: &T, found: &T) {
        if expected == found {
            return;
        }
        let text = |value: &T| String::from_utf8_lossy(&strict_json::write(value)).into_owned();
        self.tell(subject, what, text(expected), text(found));
    }

    fn tell(&mut self, subject: &str, what: &'static str, expected: String, found: String) {
        self.replayed.differences += 1;
        (self.visit)(Differs {
            subject: subject.to_owned(),
            what,
            expected: report::short(&expected),
            found: report::short(&found),
        });
    }

    fn not_taken(&mut self, why: &str) {
        self.replayed.not_taken.push(why.to_owned());
    }

    fn part(&self, name: &str) -> PathBuf {
        self.replay.folder.join(name)
    }

    fn object(&self, digest: &Digest) -> PathBuf {
        staged_path(self.replay.folder, digest)
    }

    fn read(&self, name: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, Stop> {
        Ok(crate::trust::folder::read_bounded(&self.part(name), max_bytes)?)
    }

    /// The envelopes of a part, one a line; none where it was not kept.
    fn envelopes(&self, name: &str) -> Result<Vec<Vec<u8>>, Stop> {
        basis::envelopes(&self.part(name), MAX_REVIEWS * MAX_ENVELOPE_BYTES)
    }

    fn lines<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Stop> {
        let mut lines = LineReader::bounded(self.part(name), MAX_LINE_BYTES)?;
        let mut read = Vec::new();
        while let Some(line) = lines.next()? {
            read.push(line);
        }
        Ok(read)
    }
}

pub(super) fn next(report: &mut Report) -> Result<Option<Record>, Stop> {
    Ok(report.next()?)
}

pub(super) fn other_artifacts(artifact: &Artifact) -> Stop {
    Refusal::new(
        Code::ReverifyDiffers,
        "the report",
        format!("its records are not about the artifacts of the catalog, first about {artifact}"),
    )
    .into()
}

/// The proofs of what was published must be there: whoever leaves one out hides what it says. Of the others at most so much is kept.
fn check_proofs(artifact: &Artifact, record: &Record, is_here: &dyn Fn(&Digest) -> bool) -> Result<(), Stop> {
    if !record.decision.as_ref().is_some_and(report::Decided::is_admitted) {
        return Ok(());
    }
    let present = artifact
        .proofs
        .iter()
        .filter(|proof| proof.state == ProofState::Present);
    let mut objects = present
        .flat_map(|proof| &proof.objects)
        .filter(|digest| **digest != artifact.digest);
    match objects.find(|digest| !is_here(digest)) {
        None => Ok(()),
        Some(digest) => Err(Refusal::new(
            Code::ObjectMissing,
            record.purl.clone(),
            format!("the object {digest} of a proof is not in the capsule"),
        )
        .hint("have it made again from the enclave, before `sealift gc` sweeps what it needs")
        .into()),
    }
}

/// Puts what the report says in the place of what cannot be judged here.
pub(super) fn complete(record: &Record, opinion: Opinion, not_available: &mut BTreeMap<String, u64>) -> Opinion {
    if opinion.lacking.is_empty() {
        return opinion;
    }
    let lacking: BTreeSet<usize> = opinion.lacking.iter().copied().collect();
    let mut findings = Vec::with_capacity(opinion.findings.len());
    for (place, finding) in opinion.findings.into_iter().enumerate() {
        if !lacking.contains(&place) {
            findings.push(finding);
            continue;
        }
        *not_available.entry(finding.kind.clone()).or_default() += 1;
        let said = record.findings.iter().filter(|said| said.kind == finding.kind);
        findings.extend(said.cloned());
    }
    Opinion {
        findings,
        asked: opinion.asked,
        lacking: Vec::new(),
    }
}

fn codes(refusals: &[Refused]) -> String {
    let codes: BTreeSet<&str> = refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    format!("refused: {}", codes.into_iter().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
