//! Keeps a record of an attempt, step by step, and writes it as a report (`bundle-spec/report.md`): for an import before it
//! is committed, so that nothing is ever published without one, and for a refusal when it is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::authenticate::Voucher;
use super::checks::{Step, checks};
use super::decide::{DecidedArtifact, Decisions, ScanTold, Weighed};
use super::site::{Brought, Site};
use super::stage::Staged;
use super::verify_evidence::EvidenceSummary;
use crate::bundle::manifest::Manifest;
use crate::crypto::key::Signer;
use crate::ecosystem::purl;
use crate::ledger::Ledger;
use crate::model::{Digest, Finding, ProofState, Refusal, Stop, Timestamp};
use crate::policy::{Hit, Mode};
use crate::report::{
    self, Absent, Aside, Bundle, Consent, Decided, DecisionHit, FORMAT, Folder, Head, KnownTime, Outcome, Person,
    Policy, Published, Record, Records, Refused, ReportError, Shortened, Standing, Station, TrustThen, Version, short,
};
use crate::trust::TrustedRoot;

/// How much of the head the reasons for a refusal may take, in bytes.
const MAX_REFUSAL_BYTES: usize = 192 * 1024;

/// How much of the head what a bundle changed of the site's trust may take, in bytes.
const MAX_CHANGE_BYTES: usize = 96 * 1024;

/// How much of the head what the policy says of the bundle as a whole may take, in bytes.
const MAX_HIT_BYTES: usize = 32 * 1024;

/// What nobody checks yet, in every report: an auditor must not take silence for a pass.
const NEVER_CHECKED: [&str; 2] = [
    "custody: who carried the media, and in what state they came",
    "this machine's clock: it is only known not to be before the last proven time",
];

/// Hears what the steps of an import find.
#[derive(Default)]
pub struct Recorder<'a> {
    keeping: Option<Box<Keeping<'a>>>,
    written: Option<PathBuf>,
    problem: Option<Stop>,
}

pub(super) struct Keeping<'a> {
    folder: Folder,
    signer: Option<&'a dyn Signer>,
    pub(super) head: Head,
    pub(super) reached: Step,
    aside: Option<Aside>,
    pub(super) evidence: EvidenceSummary,
    pub(super) waived: u64,
    pub(super) kept_out: u64,
    pending: Option<(PathBuf, PathBuf)>,
}

impl<'a> Recorder<'a> {
    /// Keeps nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Keeps reports in an enclave's folder, signed if there is a key to sign with. Completes what a killed run left there.
    pub fn of(
        enclave: &Path,
        root: &TrustedRoot,
        ledger: &Ledger,
        signer: Option<&'a dyn Signer>,
        now: Timestamp,
    ) -> Result<Self, Stop> {
        let folder = folder(enclave);
        folder.settle(|manifest| Ok::<_, Stop>(ledger.bundle(manifest)?.is_some()))?;
        let (number, previous) = folder.next()?;
        let enclave = &root.document().enclave;
        let mut not_checked: Vec<String> = NEVER_CHECKED.map(str::to_owned).to_vec();
        if signer.is_none() {
            not_checked.push("who wrote this report: it is not signed".to_owned());
        }
        let head = Head {
            bundle: None,
            checks: Vec::new(),
            created: now,
            critical: Default::default(),
            ecosystems: Vec::new(),
            ext: BTreeMap::new(),
            format: FORMAT,
            generator: concat!("sealift ", env!("CARGO_PKG_VERSION")).to_owned(),
            known_time: ledger.known_time()?.map(|(time, source)| KnownTime {
                source: short(&source),
                time,
            }),
            not_checked,
            number,
            outcome: Outcome::Refused,
            people: Vec::new(),
            policy: None,
            previous,
            published: None,
            records: Records {
                bytes: 0,
                count: 0,
                digest: Digest::of(b""),
            },
            refusals: Vec::new(),
            refusals_left_out: 0,
            scanners: Vec::new(),
            station: Station {
                enclave: *enclave.id.digest(),
                name: enclave.name.clone(),
                profile: root.document().profile.to_string(),
            },
            trust: TrustThen {
                changes: Vec::new(),
                changes_left_out: 0,
                new_roots: Vec::new(),
                revocations: None,
                root: version(root),
                trust_data: None,
            },
            vouchers: Vec::new(),
            vouchers_left_out: 0,
        };
        Ok(Self {
            keeping: Some(Box::new(Keeping {
                folder,
                signer,
                head,
                reached: Step::Begun,
                aside: None,
                evidence: EvidenceSummary::default(),
                waived: 0,
                kept_out: 0,
                pending: None,
            })),
            written: None,
            problem: None,
        })
    }

    /// The report that was written.
    pub fn written(&self) -> Option<&Path> {
        self.written.as_deref()
    }

    /// Why no report of a refusal could be written.
    pub const fn problem(&self) -> Option<&Stop> {
        self.problem.as_ref()
    }

    pub(super) fn begun(&mut self, site: &Site) {
        if let Some(keeping) = &mut self.keeping {
            keeping.take_site(site);
        }
    }

    pub(super) fn opened(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reached = Step::Opened;
        }
    }

    pub(super) fn sealed(&mut self, manifest: &Manifest, digest: Digest) {
        if let Some(keeping) = &mut self.keeping {
            keeping.head.bundle = Some(bundle(manifest, digest));
        }
    }

    pub(super) fn authenticated(&mut self, voucher: &Voucher, root: &TrustedRoot) {
        let Some(keeping) = &mut self.keeping else { return };
        keeping.reached = Step::Authenticated;
        let head = &mut keeping.head;
        head.people = people(voucher, root);
        head.trust.root = version(root);
        head.trust.new_roots = voucher.new_roots.iter().map(version).collect();
        head.not_checked
            .splice(0..0, voucher.not_checked.iter().map(|line| short(line)));
        if let Some((from, to)) = voucher.gap {
            head.not_checked
                .push(format!("numbers {from} to {to} of the stream: they never came"));
        }
    }

    pub(super) fn intact(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reached = Step::Intact;
        }
    }

    pub(super) fn trusted(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reached = Step::Trusted;
        }
    }

    pub(super) fn brought(&mut self, site: &Site, brought: &Brought) {
        let Some(keeping) = &mut self.keeping else { return };
        keeping.take_site(site);
        let lines = brought.changes.iter().chain(&brought.notes).map(|line| short(line));
        let shortened = Shortened::of(lines, MAX_CHANGE_BYTES);
        keeping.head.trust.changes = shortened.kept;
        keeping.head.trust.changes_left_out = shortened.left_out;
    }

    pub(super) fn judged(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reached = Step::Judged;
        }
    }

    /// Takes down what the proofs of each artifact came to, and what was decided, as a stream.
    pub(super) fn weighed(&mut self, weighed: &Weighed) -> Result<(), Stop> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(());
        };
        let decisions = weighed.decisions();
        let head = &mut keeping.head;
        head.policy = Some(policy(decisions));
        head.scanners.clone_from(&decisions.scanners);
        head.not_checked
            .extend(decisions.not_asked.iter().map(|line| short(line)));
        let kept_out = Shortened::of(decisions.kept_out.iter().map(refused), MAX_REFUSAL_BYTES);
        head.refusals_left_out = decisions.kept_out_count.saturating_sub(kept_out.kept.len() as u64);
        head.refusals = kept_out.kept;
        keeping.waived = decisions.waived;
        keeping.kept_out = decisions.kept_out_count;
        let mut aside = Aside::begin(keeping.folder.path())?;
        let mut artifacts = weighed.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            keeping.evidence.count(&artifact.judged);
            aside.add(record(artifact))?;
        }
        keeping.aside = Some(aside);
        Ok(())
    }

    pub(super) fn admitted(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reached = Step::Decided;
        }
    }

    /// Writes the report of an import that is about to be committed.
    pub(super) fn staged(&mut self, staged: &Staged<'_>, before: Option<Digest>) -> Result<(), Stop> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(());
        };
        keeping.reached = Step::Staged;
        keeping.head.outcome = Outcome::Imported;
        keeping.head.published = Some(Published {
            generation: staged.import.generation(),
            new_bytes: staged.summary.new_bytes,
            new_objects: staged.summary.new_objects,
            repository: staged.generation.root().digest(),
            repository_before: before,
        });
        keeping.head.checks = checks(Step::Staged, &[], keeping);
        let (pending, shown) = keeping.folder.places(&keeping.head);
        keeping.write(&pending)?;
        keeping.pending = Some((pending, shown));
        Ok(())
    }

    /// Shows the report of an import that is committed. What fails here is mended when the next report is written.
    pub(super) fn committed(&mut self) {
        let Some(keeping) = &mut self.keeping else { return };
        if let Some((pending, shown)) = keeping.pending.take() {
            match keeping.folder.show(&pending, &shown) {
                Ok(()) => self.written = Some(shown),
                Err(error) => self.problem = Some(error.into()),
            }
        }
    }

    /// Writes the report of a refusal. That this fails does not change why the bundle is refused.
    pub(super) fn refused(&mut self, refusals: &[Refusal]) {
        let Some(keeping) = &mut self.keeping else { return };
        keeping.head.outcome = Outcome::Refused;
        keeping.head.published = None;
        let shortened = Shortened::of(refusals.iter().map(refused), MAX_REFUSAL_BYTES);
        keeping.head.refusals = shortened.kept;
        keeping.head.refusals_left_out = shortened.left_out;
        keeping.head.checks = checks(keeping.reached, refusals, keeping);
        let (_, shown) = keeping.folder.places(&keeping.head);
        match keeping.write(&shown) {
            Ok(()) => self.written = Some(shown),
            Err(error) => self.problem = Some(error.into()),
        }
    }
}

impl Keeping<'_> {
    fn take_site(&mut self, site: &Site) {
        let trust = &mut self.head.trust;
        trust.trust_data = site
            .trust_data()
            .map(|(standing, data)| stands(standing, data.created, data.anchors.len()));
        trust.revocations = site
            .revocations()
            .map(|(standing, document)| stands(standing, document.created, document.revoked.len()));
    }

    fn write(&mut self, path: &Path) -> Result<(), ReportError> {
        let aside = match self.aside.take() {
            Some(aside) => aside,
            None => Aside::begin(self.folder.path())?,
        };
        self.head.ecosystems = aside.tally().ecosystems();
        (self.head.vouchers, self.head.vouchers_left_out) = aside.tally().vouchers();
        if self.head.scanners.is_empty() {
            self.head.not_checked.push("malware: no scanner was asked".to_owned());
        }
        if self.head.policy.is_none() {
            self.head
                .not_checked
                .push("whether this site wants these artifacts: its policy was not reached".to_owned());
        }
        aside.finish(&mut self.head, self.signer, path)?;
        Ok(())
    }
}

/// Where an enclave's reports lie.
pub fn folder(enclave: &Path) -> Folder {
    Folder::new(enclave.join("reports"))
}

impl From<ReportError> for Stop {
    fn from(error: ReportError) -> Self {
        error.stop("the report")
    }
}

fn version(root: &TrustedRoot) -> Version {
    Version {
        digest: root.fingerprint(),
        version: root.document().version,
    }
}

fn stands(standing: &crate::trust::Standing, created: Timestamp, entries: usize) -> Standing {
    Standing {
        created,
        digest: standing.digest,
        entries: entries as u64,
        persons: standing.persons.clone(),
        version: standing.version,
    }
}

fn bundle(manifest: &Manifest, digest: Digest) -> Bundle {
    Bundle {
        artifacts: manifest.catalog.artifacts,
        base: manifest.base,
        created: manifest.created,
        documents: manifest.catalog.documents,
        epoch: manifest.epoch,
        generator: short(&manifest.generator),
        label: manifest.label(),
        manifest: digest,
        not_after: manifest.not_after,
        object_bytes: manifest.catalog.object_bytes,
        objects: manifest.catalog.objects,
        plan: manifest.plan,
        previous: manifest.previous,
        sequence: manifest.sequence,
        side_data: manifest
            .side_data
            .iter()
            .map(|(kind, digest)| (kind.word().to_owned(), *digest))
            .collect(),
        stream: manifest.stream.clone(),
        volumes: manifest.volumes.len() as u64,
    }
}

fn people(voucher: &Voucher, root: &TrustedRoot) -> Vec<Person> {
    let keys = &root.document().keys;
    let exporters = voucher.exporters.iter().map(|person| Person {
        approval: None,
        keys: voucher
            .export_keys
            .iter()
            .filter(|id| keys.get(*id).is_some_and(|key| key.person == *person))
            .map(ToString::to_string)
            .collect(),
        person: person.clone(),
        role: "export".to_owned(),
    });
    let approvers = voucher
        .approvers
        .iter()
        .zip(&voucher.approved)
        .map(|(person, approval)| Person {
            approval: Some(Consent {
                created: approval.created,
                expires: approval.expires,
                reason: short(&approval.reason),
                ticket: approval.ticket.as_deref().map(short),
            }),
            keys: Vec::new(),
            person: person.clone(),
            role: "approve".to_owned(),
        });
    exporters.chain(approvers).collect()
}

fn policy(decisions: &Decisions) -> Policy {
    Policy {
        bundle: Shortened::of(decisions.bundle.hits.iter().map(hit), MAX_HIT_BYTES).kept,
        digest: decisions.policy,
        id: short(&decisions.policy_id),
        mode: match decisions.mode {
            Mode::Enforce => "enforce",
            Mode::Evaluate => "evaluate",
        }
        .to_owned(),
        signed_by: decisions.policy_signed_by.clone(),
        version: decisions.policy_version,
    }
}

fn record(artifact: DecidedArtifact) -> Record {
    let DecidedArtifact { judged, decided } = artifact;
    let level = judged.level();
    let size = judged.examined.size;
    let findings: Vec<Finding> = judged.findings;
    let artifact = judged.examined.artifact;
    Record {
        absent: artifact
            .proofs
            .iter()
            .filter(|proof| proof.state != ProofState::Present)
            .map(|proof| Absent {
                kind: proof.kind.clone(),
                state: proof.state,
            })
            .collect(),
        digest: artifact.digest,
        purl: purl(&artifact),
        ecosystem: artifact.ecosystem,
        file: artifact.file,
        findings,
        floor: decided.floor,
        level,
        name: artifact.name,
        origin: artifact.origin,
        reason: artifact.reason,
        required: Some(decided.decision.required),
        scans: decided.scans.into_iter().map(scan).collect(),
        size,
        version: artifact.version,
        decision: Some(Decided {
            admission: decided.admission.word().to_owned(),
            hits: decided.decision.hits.iter().map(hit).collect(),
            required_by: short(&decided.decision.required_by),
            reviewed_by: decided.reviewed_by,
            rules_say: decided.decision.rules_say.word().to_owned(),
            verdict: decided.decision.verdict.word().to_owned(),
        }),
    }
}

fn scan(told: ScanTold) -> report::Scan {
    report::Scan {
        detail: told.detail.as_deref().map(short),
        engine: short(&told.engine),
        result: told.result,
    }
}

fn hit(hit: &Hit) -> DecisionHit {
    DecisionHit {
        code: hit.code.name().to_owned(),
        counts_from: hit.counts_from.map(|day| day.to_string()),
        message: short(&hit.message),
        rule: short(&hit.rule),
        solution: short(&hit.solution),
        verdict: hit.verdict.word().to_owned(),
        waived_by: hit.waived_by.as_deref().map(short),
    }
}

fn refused(refusal: &Refusal) -> Refused {
    let text = |text: &Option<String>| text.as_deref().map(short);
    Refused {
        code: refusal.code.name().to_owned(),
        expected: text(&refusal.expected),
        found: text(&refusal.found),
        hint: text(&refusal.hint),
        reason: short(&refusal.reason),
        subject: short(&refusal.subject),
    }
}
