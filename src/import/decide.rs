//! Judged -> `Decided`: the site's policy applied, artifact by artifact, before anything is staged (`bundle-spec/policy.md` §4, §8).
//!
//! One pass decides and writes each decision beside the findings; a stop changes nothing. What is in memory does not grow with the bundle but
//! for the digests of what is kept out. Only what is admitted leaves this step towards the ledger and the repository.
//!
//! Threats, each with its defence:
//! - Something that slips in because nobody decided: what is for review counts as not admitted until enough persons have signed for it.
//! - A refused artifact that raises a floor or pins a publisher: neither is recorded of what is kept out.
//! - A person's decision that serves for other bytes, another bundle or another policy: [`crate::trust::review`].
#![expect(clippy::disallowed_methods, reason = "decisions lie beside the findings")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::judge::Planned;
use super::site::{InForce, Origin};
use super::surroundings::{Around, ECOSYSTEMS};
use super::verify_evidence::{EvidenceSummary, Judged, JudgedArtifact, JudgedReader};
use super::verify_objects::{Intact, Progress, write_failed};
use crate::crypto::strict_json;
use crate::ecosystem::{self, Stated, purl};
use crate::ledger::Ledger;
use crate::model::{Artifact, Code, Digest, Finding, Level, Name, Refusal, Signer, Stop, Timestamp, Unable};
use crate::policy::{
    BundleFacts, Case, Decision, Gap, Hit, Judge, Mode, OnRefusal, Policy, Published, PublishedBy, Standing,
    Surroundings, Verdict,
};
use crate::store::Store;
use crate::trust::review::{Answer, Reviews};
use crate::trust::{Profile, TrustData};

/// How many artifacts are named when an import stops: a screenful for each of several ecosystems; the rest is counted.
const MAX_REFUSALS: usize = 100;

/// How many artifacts that the plan does not name are listed.
const MAX_UNPLANNED: usize = 100;

const DECISIONS: &str = "decisions.ndjson";

/// What deciding needs beside the bundle.
pub struct Deciding<'a> {
    /// The policy that counts.
    pub in_force: &'a InForce,
    /// The profile of the enclave's root.
    pub profile: Profile,
    /// The persons with the role `import`.
    pub importers: BTreeSet<String>,
    /// The enclave's memory; without one, floors, pinned publishers and known names are not asked for, and the result says so.
    pub ledger: Option<&'a Ledger>,
    /// What the site believes of the outside world.
    pub trust_data: Option<&'a TrustData>,
    /// When the revocations that the bundle carries were made.
    pub carried_revocations: Option<Timestamp>,
    /// The signed decisions of persons about this bundle.
    pub reviews: &'a Reviews,
    /// The clock.
    pub now: Timestamp,
    /// On what occasion it is asked.
    pub occasion: Occasion,
    /// Where what waits for persons is listed if the import stops; nowhere in a check.
    pub waiting: Option<&'a Path>,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

/// On what occasion the policy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A bundle is there, to be imported or checked.
    Import,
    /// An exporter wants to know what would be refused. What comes after the export is not asked, and what waits for persons stops nothing.
    Export,
}

/// What became of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admission {
    /// The policy allows it.
    Allowed,
    /// The policy left it to persons, and enough of them signed for it.
    Reviewed,
    /// The enclave is for an evaluation, whose policy only shows what it would do.
    Evaluation,
    /// The policy leaves it to persons, and too few of them signed for it: not admitted.
    Waiting,
    /// Not admitted.
    Denied,
}

impl Admission {
    /// Whether it is published.
    pub const fn is_admitted(self) -> bool {
        matches!(self, Self::Allowed | Self::Reviewed | Self::Evaluation)
    }

    /// The word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Reviewed => "reviewed",
            Self::Evaluation => "evaluation",
            Self::Waiting => "waiting",
            Self::Denied => "denied",
        }
    }
}

/// What was decided about one artifact, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactDecision {
    /// What became of it.
    pub admission: Admission,
    /// What the policy says, with every hit.
    pub decision: Decision,
    /// Its bytes.
    pub digest: Digest,
    /// The best level of its name so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Level>,
    /// The policy's digest.
    pub policy: Digest,
    /// The policy's version.
    pub policy_version: u64,
    /// The persons whose signed review admitted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviewed_by: Vec<String>,
}

impl ArtifactDecision {
    /// What the ledger keeps: canonical JSON.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&strict_json::write(self)).into_owned()
    }

    /// Reads what [`ArtifactDecision::text`] wrote; `None` for what was recorded before there were policies.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The hits that stand in its way, the worst first.
    pub fn open(&self) -> Vec<&Hit> {
        open_hits(&self.decision)
    }
}

/// An artifact that waits for persons, as it is kept for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The codes that are open.
    pub codes: BTreeSet<String>,
    /// Its bytes.
    pub digest: Digest,
    /// Its package URL.
    pub purl: String,
    /// The level that it reaches.
    pub reached: Level,
    /// What stands in its way, one phrase each.
    pub says: Vec<String>,
}

/// What stands before the artifacts that wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitingHeader {
    /// The bundle, as people call it.
    pub bundle: String,
    /// The persons who exported it: they decide nothing about it.
    pub exporters: Vec<String>,
    /// Its manifest's digest.
    pub manifest: Digest,
    /// How many persons must decide.
    pub persons: u32,
    /// The policy that left it open.
    pub policy: Digest,
}

/// Artifacts of one ecosystem by what became of them.
pub type Counts = BTreeMap<Admission, u64>;

/// What the policy decided about a bundle.
#[derive(Debug, Clone)]
pub struct Decisions {
    /// The policy's name.
    pub policy_id: String,
    /// Its version.
    pub policy_version: u64,
    /// Its digest.
    pub policy: Digest,
    /// Where it comes from.
    pub policy_origin: Origin,
    /// Who signed it; nobody where it does not stand.
    pub policy_signed_by: Vec<String>,
    /// Whether the policy only shows what it would do.
    pub mode: Mode,
    /// What is asked of the bundle as a whole.
    pub bundle: Decision,
    /// What became of the artifacts, by ecosystem.
    pub counts: BTreeMap<String, Counts>,
    /// The levels that they reach, by ecosystem.
    pub levels: BTreeMap<String, BTreeMap<Level, u64>>,
    /// What the rules alone say, where the policy only shows what it would do.
    pub rules_say: BTreeMap<Verdict, u64>,
    /// How many artifacts a waiver or a review let pass.
    pub waived: u64,
    /// The first of those that are not admitted, each with its rule.
    pub kept_out: Vec<Refusal>,
    /// How many are not admitted.
    pub kept_out_count: u64,
    /// What was not asked, or not counted, in words.
    pub not_asked: Vec<String>,
}

impl Decisions {
    /// How many artifacts became something.
    pub fn count(&self, admission: Admission) -> u64 {
        self.counts.values().filter_map(|counts| counts.get(&admission)).sum()
    }
}

/// A bundle about whose every artifact the policy has decided, and of which something may be published.
pub struct Decided {
    judged: Judged,
    decisions: Decisions,
    skipped: KeptOut,
}

/// An artifact with its findings and what was decided about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedArtifact {
    /// The artifact, what its content says and what its proofs came to.
    pub judged: JudgedArtifact,
    /// What was decided.
    pub decided: ArtifactDecision,
}

impl Decided {
    /// The bundle.
    pub const fn intact(&self) -> &Intact {
        self.judged.intact()
    }

    /// What was decided, in numbers.
    pub const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// What the proofs came to, in numbers.
    pub fn summary(&self) -> Result<EvidenceSummary, Stop> {
        self.judged.summary()
    }

    /// The artifacts with their decisions, those that are kept out included, in the catalog's order.
    pub fn artifacts(&self) -> Result<DecidedReader, Stop> {
        DecidedReader::open(&self.judged)
    }

    /// Whether an object belongs to artifacts that are kept out, and to nothing else.
    pub(super) fn is_kept_out(&self, digest: &Digest) -> bool {
        self.skipped.objects.contains(digest)
    }

    /// Whether all that the bundle has of a name is kept out.
    pub(super) fn is_name_kept_out(&self, ecosystem: &str, name: &str) -> bool {
        !self.skipped.names.is_empty()
            && self.skipped.names.contains(&Name {
                ecosystem: ecosystem.to_owned(),
                name: name.to_owned(),
            })
    }

    /// Gives the bundle to the next step.
    pub(super) fn into_parts(self) -> (Intact, Decisions) {
        (self.judged.into_intact(), self.decisions)
    }
}

/// The decided artifacts of a bundle, in the catalog's order.
pub struct DecidedReader {
    judged: JudgedReader,
    lines: BufReader<File>,
    path: PathBuf,
    line: Vec<u8>,
}

impl DecidedReader {
    fn open(judged: &Judged) -> Result<Self, Stop> {
        let path = judged.intact().staging().join(DECISIONS);
        let file = File::open(&path).map_err(|error| cannot_read(&path, error))?;
        Ok(Self {
            judged: judged.artifacts()?,
            lines: BufReader::new(file),
            path,
            line: Vec::new(),
        })
    }

    /// The next artifact.
    #[expect(
        clippy::should_implement_trait,
        reason = "each step may fail: an iterator of results would go on after a failure"
    )]
    pub fn next(&mut self) -> Result<Option<DecidedArtifact>, Stop> {
        let Some(judged) = self.judged.next()? else {
            return Ok(None);
        };
        self.line.clear();
        self.lines
            .read_until(b'\n', &mut self.line)
            .map_err(|error| cannot_read(&self.path, error))?;
        let decided: ArtifactDecision =
            serde_json::from_slice(&self.line).map_err(|error| cannot_read(&self.path, error.into()))?;
        if decided.digest != judged.examined.artifact.digest {
            let mixed = io::Error::new(io::ErrorKind::InvalidData, "a decision is about another artifact");
            return Err(cannot_read(&self.path, mixed).into());
        }
        Ok(Some(DecidedArtifact { judged, decided }))
    }
}

/// A bundle about whose every artifact the policy has said something, admitted or not.
pub struct Weighed {
    judged: Judged,
    decisions: Decisions,
    refused: KeptOut,
}

/// Applies the policy. Refuses the bundle if it is not admitted as a whole, or if some of its artifacts are not and the policy says to stop.
pub fn decide(judged: Judged, store: Option<&Store>, deciding: &Deciding<'_>) -> Result<Decided, Stop> {
    weigh(judged, store, deciding)?.admit(deciding)
}

/// Applies the policy to every artifact, and refuses nothing yet: what becomes of those that are not admitted can be recorded.
pub fn weigh(judged: Judged, store: Option<&Store>, deciding: &Deciding<'_>) -> Result<Weighed, Stop> {
    let policy = &deciding.in_force.policy;
    let around = Around::read(judged.intact(), deciding.ledger, deciding.trust_data, store)?;
    let manifest = judged.intact().manifest();
    let judge = Judge::new(
        policy,
        Surroundings {
            now: deciding.now,
            exported: manifest.created,
            advisories: around.advisories.as_ref(),
            names: &around.names,
            issuers: &around.issuers,
            ecosystems: ECOSYSTEMS,
        },
    );
    let planned = Planned::read(&judged.intact().locate(&manifest.plan, store))?;
    deciding.progress.begin("decide", manifest.catalog.artifacts);
    let mut pass = Pass::new(policy, deciding, &judge, &planned, judged.intact())?;
    let mut artifacts = judged.artifacts()?;
    while let Some(artifact) = artifacts.next()? {
        pass.take(&artifact)?;
        deciding.progress.advance(1);
    }
    deciding.progress.finish();
    let (decisions, refused) = pass.finish(judged.intact())?;
    Ok(Weighed {
        judged,
        decisions,
        refused,
    })
}

impl Weighed {
    /// What was decided, in numbers.
    pub const fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// The artifacts with their decisions, in the catalog's order.
    pub fn artifacts(&self) -> Result<DecidedReader, Stop> {
        DecidedReader::open(&self.judged)
    }

    /// Refuses the bundle if it is not admitted as a whole, or if some of its artifacts are not and the policy says to stop.
    pub fn admit(self, deciding: &Deciding<'_>) -> Result<Decided, Stop> {
        let Self {
            judged,
            decisions,
            refused,
        } = self;
        admit(judged, decisions, refused, deciding)
    }
}

fn admit(judged: Judged, decisions: Decisions, refused: KeptOut, deciding: &Deciding<'_>) -> Result<Decided, Stop> {
    let policy = &deciding.in_force.policy;
    let manifest = judged.intact().manifest();
    let bundle = bundle_refusals(&decisions.bundle, &manifest.label());
    if !bundle.is_empty() {
        return Err(Stop::Refused(bundle));
    }
    let stands_in_the_way = match deciding.occasion {
        Occasion::Import => decisions.kept_out_count,
        Occasion::Export => decisions.count(Admission::Denied),
    };
    let is_all = stands_in_the_way == manifest.catalog.artifacts;
    if stands_in_the_way > 0 && (policy.on_refusal == OnRefusal::Stop || is_all) {
        keep_waiting(judged.intact().staging(), deciding.waiting)?;
        return Err(Stop::Refused(stop_refusals(
            &decisions,
            &manifest.label(),
            stands_in_the_way,
        )));
    }
    let mut decided = Decided {
        judged,
        decisions,
        skipped: refused,
    };
    if !decided.skipped.names.is_empty() {
        let mut artifacts = decided.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            if artifact.decided.admission.is_admitted() {
                let artifact = &artifact.judged.examined.artifact;
                for digest in objects_of(artifact) {
                    decided.skipped.objects.remove(digest);
                }
                decided.skipped.names.remove(&artifact.full_name());
            }
        }
    }
    Ok(decided)
}

/// What belongs to artifacts that are kept out, and to no other.
#[derive(Default)]
struct KeptOut {
    objects: HashSet<Digest>,
    names: HashSet<Name>,
}

/// An artifact's bytes and its proofs.
fn objects_of(artifact: &Artifact) -> impl Iterator<Item = &Digest> {
    let proofs = artifact.proofs.iter().flat_map(|proof| &proof.objects);
    std::iter::once(&artifact.digest).chain(proofs)
}

/// What the ledger remembers of the name that was asked for last: catalogs list artifacts by name.
struct Remembered {
    name: Name,
    floor: Option<Level>,
    pinned: Vec<Signer>,
    standing: Standing,
}

/// Asks the ledger about a name. Without one nothing is new and nothing is pinned.
fn remember(name: Name, ledger: Option<&Ledger>) -> Result<Remembered, Stop> {
    let Some(ledger) = ledger else {
        return Ok(Remembered {
            name,
            floor: None,
            pinned: Vec::new(),
            standing: Standing::Known,
        });
    };
    let standing = if ledger.knows(&name)? {
        Standing::Known
    } else {
        Standing::FirstSeen
    };
    Ok(Remembered {
        floor: ledger.floor(&name)?,
        pinned: ledger.signers(&name)?,
        standing,
        name,
    })
}

/// The one pass over all artifacts.
struct Pass<'a> {
    policy: &'a Policy,
    digest: Digest,
    deciding: &'a Deciding<'a>,
    judge: &'a Judge<'a>,
    planned: &'a Planned,
    remembered: Option<Remembered>,
    output: Lines,
    waiting: Option<Lines>,
    decisions: Decisions,
    denied: Vec<Refusal>,
    undecided: Vec<Refusal>,
    unplanned: Vec<String>,
    unplanned_count: u64,
    refused: KeptOut,
}

/// A file of JSON, one value a line.
struct Lines {
    output: BufWriter<File>,
    path: PathBuf,
}

impl Lines {
    fn create(path: PathBuf) -> Result<Self, Stop> {
        let file = File::create(&path).map_err(|error| write_failed(&path, error))?;
        Ok(Self {
            output: BufWriter::new(file),
            path,
        })
    }

    fn write(&mut self, value: &impl Serialize) -> Result<(), Stop> {
        serde_json::to_writer(&mut self.output, value)
            .map_err(io::Error::from)
            .and_then(|()| self.output.write_all(b"\n"))
            .map_err(|error| write_failed(&self.path, error).into())
    }

    fn finish(mut self) -> Result<(), Stop> {
        self.output
            .flush()
            .map_err(|error| write_failed(&self.path, error).into())
    }
}

const WAITING: &str = "waiting.ndjson";

impl<'a> Pass<'a> {
    fn new(
        policy: &'a Policy,
        deciding: &'a Deciding<'a>,
        judge: &'a Judge<'a>,
        planned: &'a Planned,
        intact: &Intact,
    ) -> Result<Self, Stop> {
        let digest = policy.digest();
        let mut not_asked = deciding.reviews.passed_over.clone();
        if deciding.ledger.is_none() {
            not_asked.push(
                "floors, pinned publishers and names seen before: without an enclave's memory nobody knows them"
                    .to_owned(),
            );
        }
        if deciding.occasion == Occasion::Export {
            not_asked.push("approvals, gaps in the stream, who imports, and reviews: they come later".to_owned());
        }
        if planned.states_nothing() {
            not_asked.push("whether the plan asked for each artifact: the plan names none, or is too large".to_owned());
        }
        let this = Self {
            policy,
            digest,
            deciding,
            judge,
            planned,
            remembered: None,
            output: Lines::create(intact.staging().join(DECISIONS))?,
            waiting: None,
            decisions: Decisions {
                policy_id: policy.id.clone(),
                policy_version: policy.version,
                policy: digest,
                policy_origin: deciding.in_force.origin,
                policy_signed_by: deciding.in_force.signed_by.clone(),
                mode: policy.mode,
                bundle: judge.decide_bundle(&bundle_facts(deciding, intact, &[])),
                counts: BTreeMap::new(),
                levels: BTreeMap::new(),
                rules_say: BTreeMap::new(),
                waived: 0,
                kept_out: Vec::new(),
                kept_out_count: 0,
                not_asked,
            },
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
            let mut lines = Lines::create(intact.staging().join(WAITING))?;
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

    fn take(&mut self, judged: &JudgedArtifact) -> Result<(), Stop> {
        let artifact = &judged.examined.artifact;
        let stated = ecosystem::find(&artifact.ecosystem)
            .map_or_else(Stated::default, |known| known.stated(&judged.examined.facts));
        let name = artifact.full_name();
        let remembered = match self.remembered.take().filter(|remembered| remembered.name == name) {
            Some(remembered) => remembered,
            None => remember(name, self.deciding.ledger)?,
        };
        let advised_as = stated
            .advised_as
            .as_ref()
            .map(|(name, version)| (ecosystem::collision_key(&artifact.ecosystem, name), version.as_str()));
        let case = Case {
            release: release(&judged.findings),
            advised_as: advised_as.as_ref().map(|(key, version)| (key.as_str(), *version)),
            floor: remembered.floor,
            pinned: &remembered.pinned,
            standing: remembered.standing,
            published: published(&judged.findings, &stated),
            licence: stated.licence.as_deref(),
            ..Case::new(artifact, &judged.findings)
        };
        let mut decision = self.judge.decide(&case);
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
        };
        self.remembered = Some(remembered);
        self.count(artifact, &url, &decided)?;
        self.output.write(&decided)
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
            Answer::Approved(persons) => (Admission::Reviewed, persons),
            Answer::Rejected { person, reason } => {
                decision.hits.insert(
                    0,
                    Hit {
                        code: Code::ReviewRejected,
                        verdict: Verdict::Deny,
                        rule: "review".to_owned(),
                        message: format!("{person} rejected it: {reason}"),
                        solution: format!("leave it out, or talk to {person}"),
                        waived_by: None,
                        counts_from: None,
                    },
                );
                decision.verdict = Verdict::Deny;
                decision.rules_say = Verdict::Deny;
                (Admission::Denied, Vec::new())
            }
            Answer::Open(_) if self.only_shows() && !is_wrong(decision) => (Admission::Evaluation, Vec::new()),
            Answer::Open(_) => (Admission::Waiting, Vec::new()),
        }
    }

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

    fn finish(mut self, intact: &Intact) -> Result<(Decisions, KeptOut), Stop> {
        self.output.finish()?;
        if let Some(waiting) = self.waiting {
            waiting.finish()?;
        }
        if self.unplanned_count > self.unplanned.len() as u64 {
            let more = self.unplanned_count - self.unplanned.len() as u64;
            self.unplanned.push(format!("{more} more"));
        }
        self.decisions.bundle = self
            .judge
            .decide_bundle(&bundle_facts(self.deciding, intact, &self.unplanned));
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

/// Whether an artifact is a signed index, which no plan names: it came with what rests on it. It adds no package; clients judge its own signature, and
/// its evidence is judged here as any artifact's is.
fn comes_unasked(artifact: &Artifact) -> bool {
    ecosystem::find(&artifact.ecosystem).is_some_and(|known| known.is_index(&artifact.name))
}

fn bundle_facts<'a>(deciding: &'a Deciding<'_>, intact: &'a Intact, unplanned: &'a [String]) -> BundleFacts<'a> {
    let voucher = intact.voucher();
    // Whoever of several may have been the one who did another part, is taken to be.
    let acted = |person: &&String| voucher.exporters.contains(person) || voucher.approvers.contains(person);
    let importer = deciding.importers.iter().find(acted).or(deciding.importers.first());
    BundleFacts {
        exporters: &voucher.exporters,
        approvers: &voucher.approvers,
        importer: importer.map(String::as_str),
        revocations: deciding.carried_revocations,
        gap: if voucher.gap.is_some() { Gap::Missing } else { Gap::None },
        unplanned,
        missing: &[],
    }
}

/// When an artifact was published. A proven time of a confirmed proof is believed before the registry's document, which only the exporter vouches
/// for: the bytes were there then.
pub(super) fn published(findings: &[Finding], stated: &Stated) -> Option<Published> {
    let proven = findings
        .iter()
        .filter(|finding| finding.level() >= Level::Registry)
        .filter_map(|finding| finding.signed_at.as_ref())
        .filter(|signed| signed.source.is_proven())
        .map(|signed| signed.time)
        .min();
    let proven = proven.map(|time| Published {
        time,
        source: PublishedBy::Proof,
    });
    proven.or(stated.published.map(|time| Published {
        time,
        source: PublishedBy::Registry,
    }))
}

/// The release of the distribution that it is for, as far as a confirmed proof says it: what only the exporter says could hide an advisory.
pub(super) fn release(findings: &[Finding]) -> Option<&str> {
    let mut confirmed = findings.iter().filter(|finding| finding.is_confirmed());
    confirmed.find_map(|finding| finding.claim("release"))
}

/// Whether something was found that is not only missing but wrong. That is published nowhere without a person's decision, an evaluation included.
pub(super) fn is_wrong(decision: &Decision) -> bool {
    open_hits(decision).iter().any(|hit| {
        hit.verdict == Verdict::Deny
            && matches!(
                hit.code,
                Code::EvidenceInvalid
                    | Code::IdentityMismatch
                    | Code::PublisherChanged
                    | Code::EvidenceDowngraded
                    | Code::KnownMalicious
                    | Code::Denylisted
                    | Code::ScanPositive
            )
    })
}

/// Whether an enclave is for an evaluation, and its policy only shows what it would do.
pub(super) fn only_shows(profile: Profile, policy: &Policy) -> bool {
    profile == Profile::Evaluation && policy.mode == Mode::Evaluate
}

/// The hits that stand in the way, the worst first, otherwise in their order.
pub(super) fn open_hits(decision: &Decision) -> Vec<&Hit> {
    let of = |verdict| decision.hits.iter().filter(move |hit| hit.verdict == verdict);
    of(Verdict::Deny).chain(of(Verdict::Review)).collect()
}

pub(super) fn codes(decision: &Decision) -> BTreeSet<String> {
    open_hits(decision)
        .iter()
        .map(|hit| hit.code.name().to_owned())
        .collect()
}

fn says(hit: &Hit) -> String {
    format!("{} ({})", hit.message, hit.rule)
}

/// Why an artifact is not admitted: the worst that was found, with its rule, and the codes of the rest.
fn refusal(url: &str, decided: &ArtifactDecision) -> Refusal {
    let open = decided.open();
    let Some(first) = open.first() else {
        return Refusal::new(
            Code::ReviewNeeded,
            url,
            "the policy only shows what it would do, and nobody has decided",
        )
        .hint("`sealift review list` shows what waits");
    };
    let more: BTreeSet<&str> = open[1..]
        .iter()
        .map(|hit| hit.code.name())
        .filter(|name| *name != first.code.name())
        .collect();
    let mut reason = says(first);
    if !more.is_empty() {
        reason.push_str("; also ");
        reason.push_str(&more.into_iter().collect::<Vec<_>>().join(", "));
    }
    let hint = if decided.admission == Admission::Waiting {
        format!("{}; then `sealift review` records the decision", first.solution)
    } else {
        first.solution.clone()
    };
    Refusal::new(first.code, url, reason).hint(hint)
}

/// Why the bundle as a whole is not admitted.
fn bundle_refusals(decision: &Decision, label: &str) -> Vec<Refusal> {
    decision
        .hits
        .iter()
        .filter(|hit| hit.verdict == Verdict::Deny)
        .map(|hit| Refusal::new(hit.code, format!("bundle {label}"), says(hit)).hint(hit.solution.clone()))
        .collect()
}

/// The first artifacts that are not admitted, and how many there are. Those that are denied come first.
fn stop_refusals(decisions: &Decisions, label: &str, count: u64) -> Vec<Refusal> {
    let mut refusals = decisions.kept_out.clone();
    refusals.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    let more = count.saturating_sub(refusals.len() as u64);
    if more > 0 {
        refusals.push(
            Refusal::new(
                Code::ReviewNeeded,
                format!("bundle {label}"),
                format!(
                    "{more} more artifacts are not admitted: {} are denied, and {} wait for a decision",
                    decisions.count(Admission::Denied),
                    decisions.count(Admission::Waiting)
                ),
            )
            .hint("`sealift review list` shows all that waits"),
        );
    }
    refusals
}

/// Keeps the list of what waits, so that persons can decide after the staging folder has gone.
fn keep_waiting(staging: &Path, place: Option<&Path>) -> Result<(), Stop> {
    let Some(place) = place else {
        return Ok(());
    };
    let folder = place.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| write_failed(folder, error))?;
    // Beside it first: a list that is cut off must not look whole.
    let aside = place.with_extension("new");
    std::fs::copy(staging.join(WAITING), &aside).map_err(|error| write_failed(&aside, error))?;
    std::fs::rename(&aside, place).map_err(|error| write_failed(place, error).into())
}

fn cannot_read(path: &Path, error: io::Error) -> Unable {
    Unable::new(format!("cannot read {}", path.display())).because(error)
}
