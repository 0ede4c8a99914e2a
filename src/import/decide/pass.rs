//! The one pass over all artifacts: each becomes a case, and its decision is written beside its findings.

use std::collections::{BTreeMap, BTreeSet};

use super::admit::{KeptOut, objects_of};
use super::closure::Closure;
use super::decision::{Admission, ArtifactDecision, Decisions, ScanTold, codes, is_wrong, only_shows, says};
use super::facts::{bundle_facts, comes_unasked, missing_lists, published, release};
use super::refusals::refusal;
use super::remembered::Remembered;
use super::waiting::{WAITING, Waiting, WaitingHeader};
use super::{Deciding, Occasion};
use crate::ecosystem::{self, Stated, purl};
use crate::import::lines::LineWriter;
use crate::import::planned::Planned;
use crate::import::surroundings::Around;
use crate::import::verify_evidence::JudgedArtifact;
use crate::import::verify_objects::Intact;
use crate::model::{Artifact, Code, Digest, Name, Refusal, Stop};
use crate::policy::{Case, CompareWith, Decision, Hit, Judge, OnRefusal, Policy, Verdict};
use crate::scan::Answer;
use crate::trust::review::Answer as Reviewed;

/// How many artifacts are named when an import stops: a screenful for each of several ecosystems; the rest is counted.
const MAX_REFUSALS: usize = 100;

/// How many artifacts that the plan does not name are listed.
const MAX_UNPLANNED: usize = 100;

pub(super) const DECISIONS: &str = "decisions.ndjson";

/// The one pass over all artifacts.
pub(super) struct Pass<'a> {
    policy: &'a Policy,
    digest: Digest,
    deciding: &'a Deciding<'a>,
    judge: &'a Judge<'a>,
    around: &'a Around,
    planned: &'a Planned,
    remembered: Option<Remembered>,
    output: LineWriter,
    waiting: Option<LineWriter>,
    decisions: Decisions,
    /// What the artifacts need.
    closure: Closure,
    /// Objects of artifacts that are not clean.
    told: BTreeSet<Digest>,
    denied: Vec<Refusal>,
    undecided: Vec<Refusal>,
    unplanned: Vec<String>,
    unplanned_count: u64,
    refused: KeptOut,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        deciding: &'a Deciding<'a>,
        judge: &'a Judge<'a>,
        around: &'a Around,
        planned: &'a Planned,
        intact: &Intact,
    ) -> Result<Self, Stop> {
        let digest = policy.digest();
        let mut not_asked = deciding.reviews.passed_over.clone();
        not_asked.extend(around.vex.notes());
        if deciding.memory.is_none() {
            not_asked.push(
                "floors, pinned publishers and names seen before: without an enclave's memory nobody knows them"
                    .to_owned(),
            );
        }
        if deciding.occasion == Occasion::Export {
            not_asked.push("approvals, gaps in the stream, who imports, and reviews: they come later".to_owned());
            if !policy.scan.is_empty() {
                not_asked.push("scans: they come later, also on the sending side".to_owned());
            }
            if policy.custody.is_some() {
                not_asked.push("custody of the media: it comes later".to_owned());
            }
        }
        not_asked.extend(missing_lists(policy, &intact.manifest().side_data));
        if deciding.in_force.signers().is_none() && !policy.waivers.is_empty() {
            not_asked.push("who signed the policy: a waiver counts only if all who approved it did".to_owned());
        }
        if planned.states_nothing() {
            not_asked.push("whether the plan asked for each artifact: the plan names none, or is too large".to_owned());
        }
        let this = Self {
            policy,
            digest,
            deciding,
            judge,
            around,
            planned,
            remembered: None,
            output: LineWriter::create(intact.staging().join(DECISIONS))?,
            waiting: None,
            decisions: Decisions {
                policy_id: policy.id.clone(),
                policy_version: policy.version,
                policy: digest,
                policy_origin: deciding.in_force.origin,
                policy_signed_by: deciding.in_force.signed_by.clone(),
                mode: policy.mode,
                bundle: judge.decide_bundle(&bundle_facts(deciding, intact, &[], &[], &[])),
                counts: BTreeMap::new(),
                levels: BTreeMap::new(),
                rules_say: BTreeMap::new(),
                waived: 0,
                kept_out: Vec::new(),
                kept_out_count: 0,
                scanners: deciding.scanned.runs().to_vec(),
                not_asked,
            },
            told: BTreeSet::new(),
            closure: Closure::default(),
            denied: Vec::new(),
            undecided: Vec::new(),
            unplanned: Vec::new(),
            unplanned_count: 0,
            refused: KeptOut::default(),
        };
        this.with_waiting(intact)
    }

    fn with_waiting(mut self, intact: &Intact) -> Result<Self, Stop> {
        if self.deciding.waiting.is_some() {
            let mut lines = LineWriter::create(intact.staging().join(WAITING))?;
            lines.write(&WaitingHeader {
                bundle: intact.manifest().label(),
                exporters: intact.voucher().exporters.clone(),
                manifest: intact.manifest_digest(),
                persons: self.policy.review_persons,
                policy: self.digest,
            })?;
            self.waiting = Some(lines);
        }
        Ok(self)
    }

    pub(super) fn take(&mut self, judged: &JudgedArtifact) -> Result<(), Stop> {
        let artifact = &judged.examined.artifact;
        let stated = ecosystem::find(&artifact.ecosystem)
            .map_or_else(Stated::default, |known| known.stated(&judged.examined.facts));
        let name = artifact.full_name();
        let remembered = match self.remembered.take().filter(|remembered| remembered.name == name) {
            Some(remembered) => remembered,
            None => match self.deciding.memory {
                Some(memory) => memory.of(&name)?,
                None => Remembered::nothing(name),
            },
        };
        let advised_as = stated
            .advised_as
            .as_ref()
            .map(|(name, version)| (ecosystem::collision_key(&artifact.ecosystem, name), version.as_str()));
        self.closure.take(judged);
        let mut scans = self.deciding.scanned.of(artifact);
        if let Some(custody) = self.deciding.custody {
            scans.extend(custody.scans_of(artifact, self.policy.custody.as_ref()));
        }
        self.told
            .extend(objects_of(artifact).filter(|digest| self.deciding.scanned.tells_of(digest)));
        let vex = self.around.vex.of(artifact);
        let published = published(&judged.findings, &stated);
        let case = Case {
            scans: &scans,
            vex: &vex,
            release: release(&judged.findings),
            advised_as: advised_as.as_ref().map(|(key, version)| (key.as_str(), *version)),
            floor: remembered.floor,
            pinned: &remembered.pinned,
            standing: remembered.standing(),
            published: &published,
            licence: stated.licence.as_deref(),
            ..Case::new(artifact, &judged.findings)
        };
        let mut decision = self.judge.decide(&case);
        self.note_alike(artifact, &decision)?;
        let url = purl(artifact);
        let (admission, reviewed_by) = self.admit(artifact, &url, &mut decision);
        let decided = ArtifactDecision {
            admission,
            decision,
            digest: artifact.digest,
            floor: remembered.floor,
            policy: self.digest,
            policy_version: self.policy.version,
            reviewed_by,
            scans: scans.iter().map(ScanTold::from).collect(),
        };
        self.remembered = Some(remembered);
        self.count(artifact, &url, &decided)?;
        self.output.write(&decided)
    }

    /// Tells the memory which of its names this one looks like.
    fn note_alike(&self, artifact: &Artifact, decision: &Decision) -> Result<(), Stop> {
        let is_alike = decision.hits.iter().any(|hit| hit.code == Code::SimilarName);
        let Some(memory) = self.deciding.memory.filter(|_| is_alike) else {
            return Ok(());
        };
        let key = ecosystem::collision_key(&artifact.ecosystem, &artifact.name);
        let with = BTreeSet::from([CompareWith::AlreadyHere]);
        match self.around.names.similar(&artifact.ecosystem, &key, &with) {
            Some((other, _)) => memory.looks_like(&Name {
                ecosystem: artifact.ecosystem.clone(),
                name: other.to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// What becomes of an artifact: the policy's verdict, and where that is left to persons, theirs.
    fn admit(&self, artifact: &Artifact, url: &str, decision: &mut Decision) -> (Admission, Vec<String>) {
        match decision.verdict {
            Verdict::Allow => return (Admission::Allowed, Vec::new()),
            Verdict::Deny => return (Admission::Denied, Vec::new()),
            Verdict::Review => {}
        }
        let open = codes(decision);
        match self
            .deciding
            .reviews
            .answer(artifact.digest, url, &open, self.policy.review_persons)
        {
            Reviewed::Approved(persons) => (Admission::Reviewed, persons),
            Reviewed::Rejected { person, reason } => {
                let (code, rule) = (Code::ReviewRejected, "review".to_owned());
                let message = format!("{person} rejected it: {reason}");
                let solution = format!("leave it out, or talk to {person}");
                let rejected = Hit::new(code, Verdict::Deny, rule, message, solution);
                decision.hits.insert(0, rejected);
                decision.verdict = Verdict::Deny;
                decision.rules_say = Verdict::Deny;
                (Admission::Denied, Vec::new())
            }
            Reviewed::Open(_) if self.only_shows() && !is_wrong(decision) => (Admission::Evaluation, Vec::new()),
            Reviewed::Open(_) => (Admission::Waiting, Vec::new()),
        }
    }

    /// Whether this enclave is for an evaluation, and its policy only shows what it would do.
    fn only_shows(&self) -> bool {
        only_shows(self.deciding.profile, self.policy)
    }

    fn count(&mut self, artifact: &Artifact, url: &str, decided: &ArtifactDecision) -> Result<(), Stop> {
        let decision = &decided.decision;
        let admission = decided.admission;
        let decisions = &mut self.decisions;
        let counts = decisions.counts.entry(artifact.ecosystem.clone()).or_default();
        *counts.entry(admission).or_default() += 1;
        let levels = decisions.levels.entry(artifact.ecosystem.clone()).or_default();
        *levels.entry(decision.reached).or_default() += 1;
        *decisions.rules_say.entry(decision.rules_say).or_default() += 1;
        decisions.waived += u64::from(decision.hits.iter().any(|hit| hit.waived_by.is_some()));
        if !self.planned.states_nothing() && !self.planned.names(artifact) && !comes_unasked(artifact) {
            self.unplanned_count += 1;
            if self.unplanned.len() < MAX_UNPLANNED {
                self.unplanned.push(url.to_owned());
            }
        }
        if admission.is_admitted() {
            return Ok(());
        }
        decisions.kept_out_count += 1;
        if self.policy.on_refusal == OnRefusal::KeepOut {
            self.refused.objects.extend(objects_of(artifact).copied());
            self.refused.names.insert(artifact.full_name());
        }
        let list = if admission == Admission::Denied {
            &mut self.denied
        } else {
            &mut self.undecided
        };
        if list.len() < MAX_REFUSALS {
            list.push(refusal(url, decided));
        }
        if admission == Admission::Waiting
            && let Some(waiting) = &mut self.waiting
        {
            waiting.write(&Waiting {
                codes: codes(decision),
                digest: artifact.digest,
                purl: url.to_owned(),
                reached: decision.reached,
                says: decided.open().into_iter().map(says).collect(),
            })?;
        }
        Ok(())
    }

    /// What scanners found in what belongs to no artifact, in words: registries' documents, the plan, advisories.
    fn take_scans_of_the_rest(&mut self) -> Vec<String> {
        let mut infected = Vec::new();
        let mut unclear: BTreeMap<&str, u64> = BTreeMap::new();
        for (digest, engine, answer) in self.deciding.scanned.told() {
            match answer {
                _ if self.told.contains(digest) => {}
                Answer::Found(name) if infected.len() < MAX_REFUSALS => {
                    infected.push(format!("{engine} found {name} in {digest}, which is no artifact's"));
                }
                Answer::Unclear(_) => *unclear.entry(engine).or_default() += 1,
                Answer::Found(_) | Answer::Clean => {}
            }
        }
        for (engine, count) in unclear {
            let text = format!("{count} objects that are no artifact's: {engine} has not scanned them wholly");
            self.decisions.not_asked.push(text);
        }
        infected
    }

    pub(super) fn finish(mut self, intact: &Intact) -> Result<(Decisions, KeptOut), Stop> {
        let infected = self.take_scans_of_the_rest();
        let (missing, not_asked) = std::mem::take(&mut self.closure).missing(self.deciding, self.planned, intact)?;
        self.decisions.not_asked.extend(not_asked);
        self.output.finish()?;
        if let Some(waiting) = self.waiting {
            waiting.finish()?;
        }
        if self.unplanned_count > self.unplanned.len() as u64 {
            let more = self.unplanned_count - self.unplanned.len() as u64;
            self.unplanned.push(format!("{more} more"));
        }
        self.decisions.bundle = self.judge.decide_bundle(&bundle_facts(
            self.deciding,
            intact,
            &self.unplanned,
            &infected,
            &missing,
        ));
        if self.deciding.occasion == Occasion::Export {
            // Nobody has approved it yet, and nobody has imported it.
            self.decisions
                .bundle
                .hits
                .retain(|hit| !matches!(hit.code, Code::ApprovalsMissing | Code::RolesNotSeparate));
        }
        self.decisions.kept_out = self.denied;
        self.decisions.kept_out.extend(self.undecided);
        self.decisions.kept_out.truncate(MAX_REFUSALS);
        Ok((self.decisions, self.refused))
    }
}
