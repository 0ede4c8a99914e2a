//! Keeps a record of an attempt, step by step, and writes it as a report (`bundle-spec/report.md`): for an import before it
//! is committed, so that nothing is ever published without one, and for a refusal when it is refused.

mod keeping;
mod last;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::attempt::{Circumstances, StepTimes, cryptography};
use super::authenticate::{SealedManifest, Voucher};
use super::basis::{self, Basis, Lines};
use super::checks::{Step, checks};
use super::compared::Asked;
use super::custody;
use super::decide::{Noted, Weighed};
use super::journal;
use super::memory::Order;
use super::open::UntrustedRecord;
use super::parts::{bundle, people, policy, record, refused, version};
use super::scan::Scanned;
use super::site::{Brought, Site};
use super::stage::Staged;
use super::verify_evidence::EvidenceSummary;
use super::verify_objects::Intact;
use crate::crypto::key::Signer;
use crate::crypto::merkle::Frontier;
use crate::crypto::strict_json;
use crate::enclave;
use crate::ledger::{Ledger, Sink};
use crate::log::{self, Checkpoint, Log};
use crate::model::{Digest, LogState, Refusal, SeenState, Stop, Timestamp, Unable};
use crate::policy::Retention;
use crate::report::{
    Aside, Custody, FORMAT, Folder, Head, KnownTime, LostReport, Outcome, Published, Records, Shortened, Station,
    TrustThen, short,
};
use crate::trust::TrustedRoot;
use crate::trust::custody::{Chain, Named};

use last::next;
pub use last::{check_last_report, folder};

/// How much of the head the reasons for a refusal may take, in bytes.
const MAX_REFUSAL_BYTES: usize = 192 * 1024;

/// How much of the head what a bundle changed of the site's trust may take, in bytes.
const MAX_CHANGE_BYTES: usize = 96 * 1024;

/// How much of the head the reports that are lost may take, in bytes.
const MAX_LOST_BYTES: usize = 32 * 1024;

/// What nobody checks yet, in every report: an auditor must not take silence for a pass.
const NEVER_CHECKED: [&str; 1] = ["this machine's clock: it is only known not to be before the last proven time"];

/// Hears what the steps of an import find.
#[derive(Default)]
pub struct Recorder<'a> {
    pub(super) keeping: Option<Box<Keeping<'a>>>,
    written: Option<PathBuf>,
    problem: Option<Stop>,
}

/// Who signs what an attempt leaves. Without a key it is not signed, and proves nothing later.
#[derive(Clone, Copy, Default)]
pub struct Signers<'a> {
    /// The report.
    pub report: Option<&'a dyn Signer>,
    /// The checkpoint of the log.
    pub log: Option<&'a dyn Signer>,
}

/// The keys that do. They may be opened while the bundle is read: to derive one from a passphrase takes long on purpose.
pub trait Keys {
    /// Whether there are any.
    fn are_there(&self) -> bool;

    /// Waits until they are open. Fails where they cannot be opened.
    fn wait(&self) -> Result<Signers<'_>, Stop>;
}

impl Keys for Signers<'_> {
    fn are_there(&self) -> bool {
        self.report.is_some()
    }

    fn wait(&self) -> Result<Signers<'_>, Stop> {
        Ok(*self)
    }
}

pub(super) struct Keeping<'a> {
    pub(super) folder: Folder,
    keys: &'a dyn Keys,
    log_folder: PathBuf,
    origin: String,
    state: Option<LogState>,
    log: Log,
    // The tree before this attempt's leaves.
    start: Frontier,
    pub(super) head: Head,
    pub(super) reached: Step,
    aside: Option<Aside>,
    pub(super) basis: Option<Basis>,
    pub(super) evidence: EvidenceSummary,
    pub(super) waived: u64,
    pub(super) kept_out: u64,
    /// Of a bundle that came once more: how many artifacts are taken now.
    pub(super) taken: Option<u64>,
    // Artifacts that the policy's rules alone would not admit.
    excepted: u64,
    pub(super) asked: Asked,
    pub(super) times: StepTimes,
    circumstances: Circumstances<'a>,
    // What this site's policy says of keeping reports.
    kept_for: Retention,
    // Kept of a bundle that they did not get in.
    untrusted_approvals: Vec<Vec<u8>>,
    pending: Option<Pending>,
}

/// What a decision rests on beside the catalog and the proofs.
pub(super) struct DecidedBy<'a> {
    pub(super) memory: &'a Noted<'a>,
    pub(super) reviews: &'a [Vec<u8>],
    pub(super) scanned: &'a Scanned,
    pub(super) seen: &'a [SeenState],
    /// The custody records that came.
    pub(super) custody: &'a [UntrustedRecord],
}

/// A report that is written, and counts once what it tells of is committed.
struct Pending {
    written: PathBuf,
    shown: PathBuf,
    checkpoint: Checkpoint,
    state: LogState,
}

impl<'a> Recorder<'a> {
    /// Keeps nothing.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Keeps reports in an enclave's folder and leaves in its log, signed if there are keys to sign with. Completes what a killed
    /// run left there, and fails where the reports or the log are not those that the ledger knows. `lost` are reports of whose loss enough persons
    /// have taken note.
    pub fn of(
        enclave: &Path,
        root: &TrustedRoot,
        ledger: &Ledger,
        keys: &'a dyn Keys,
        lost: &[LostReport],
        now: Timestamp,
        circumstances: Circumstances<'a>,
    ) -> Result<Self, Stop> {
        let folder = folder(enclave);
        let state = ledger.log()?;
        folder.settle(|head, digest| match (&state, &head.bundle) {
            (Some(state), _) => Ok::<_, Stop>(state.report_digest == Some(*digest)),
            // An enclave that has no log yet.
            (None, Some(bundle)) => Ok(ledger.bundle(&bundle.manifest)?.is_some()),
            (None, None) => Ok(false),
        })?;
        let (number, previous) = next(&folder, lost, state.as_ref())?;
        folder.remove_unfinished(number)?;
        let log_folder = enclave::log_folder(enclave);
        let log = Log::open(&log_folder, state.as_ref())?;
        let origin = log::origin(&root.document().enclave);
        let enclave = &root.document().enclave;
        let mut not_checked: Vec<String> = NEVER_CHECKED.map(str::to_owned).to_vec();
        let noted = Shortened::of(lost.iter().cloned(), MAX_LOST_BYTES);
        if !lost.is_empty() {
            not_checked.push(format!(
                "{} earlier reports: they are lost, and persons with the role trust have signed that work goes on",
                lost.len()
            ));
        }
        if !keys.are_there() {
            not_checked.push("who wrote this report: it is not signed".to_owned());
        }
        let head = Head {
            basis: Vec::new(),
            bundle: None,
            checks: Vec::new(),
            control_map: None,
            created: now,
            critical: Default::default(),
            cryptography: Some(cryptography()),
            custody: None,
            ecosystems: Vec::new(),
            ext: BTreeMap::new(),
            format: FORMAT,
            handling: Some(circumstances.handling.clone()).filter(|handling| !handling.is_empty()),
            journal: None,
            generator: concat!("sealift ", env!("CARGO_PKG_VERSION")).to_owned(),
            log: None,
            lost: noted.kept,
            lost_left_out: noted.left_out,
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
            program: None,
            published: None,
            records: Records {
                bytes: 0,
                count: 0,
                digest: Digest::of(b""),
            },
            refusals: Vec::new(),
            refusals_left_out: 0,
            result: None,
            retention: None,
            scanners: Vec::new(),
            station: Station {
                enclave: *enclave.id.digest(),
                host: circumstances.host.clone(),
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
            waived: None,
        };
        let mut times = StepTimes::default();
        times.ended(Step::Begun, circumstances.clock.map(|clock| clock()));
        Ok(Self {
            keeping: Some(Box::new(Keeping {
                folder,
                keys,
                log_folder,
                origin,
                state,
                start: log.frontier().clone(),
                log,
                head,
                reached: Step::Begun,
                aside: None,
                basis: None,
                evidence: EvidenceSummary::default(),
                waived: 0,
                kept_out: 0,
                taken: None,
                excepted: 0,
                asked: Asked::default(),
                times,
                circumstances,
                kept_for: Retention::default(),
                untrusted_approvals: Vec::new(),
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

    /// Waits for the keys: from here on something is kept.
    pub(super) fn signers_are_ready(&self) -> Result<(), Stop> {
        match &self.keeping {
            Some(keeping) => keeping.keys.wait().map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn note_problem(&mut self, stop: Stop) {
        self.problem = Some(stop);
    }

    pub(super) fn begun(&mut self, site: &Site) {
        if let Some(keeping) = &mut self.keeping {
            keeping.take_site(site);
        }
    }

    pub(super) fn opened(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reach(Step::Opened);
        }
    }

    /// Begins to keep what is judged by: from here on somebody vouches for it.
    pub(super) fn sealed(&mut self, sealed: &SealedManifest, root: &TrustedRoot, order: &Order) -> Result<(), Stop> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(());
        };
        keeping.head.bundle = Some(bundle(&sealed.manifest, sealed.digest));
        keeping.head.trust.root = version(root);
        keeping.asked = Asked::of(root.document(), &sealed.manifest, order);
        let mut kept = Basis::begin(keeping.folder.basis(&keeping.head))?;
        kept.put(basis::MANIFEST, &sealed.envelope)?;
        kept.put(basis::ORDER, &strict_json::write(order))?;
        keeping.basis = Some(kept);
        keeping.untrusted_approvals.clone_from(&sealed.untrusted_approvals);
        Ok(())
    }

    /// Takes down what is recorded of the media.
    pub(super) fn custody(&mut self, chain: &Chain, named: &[Named]) {
        if let Some(keeping) = &mut self.keeping {
            keeping.head.custody = Custody::of(chain, named);
        }
    }

    /// A file of lines among what is kept; none where nothing is.
    pub(super) fn lines(&self, name: &str) -> Result<Option<Lines>, Stop> {
        let kept = self.keeping.as_ref().and_then(|keeping| keeping.basis.as_ref());
        kept.map(|kept| kept.lines(name)).transpose()
    }

    /// Keeps what a decision rests on beside the proofs. What the enclave remembered is complete only now.
    pub(super) fn decided_by(&mut self, intact: &Intact, by: DecidedBy<'_>) -> Result<(), Stop> {
        let Some(kept) = self.keeping.as_mut().and_then(|keeping| keeping.basis.as_mut()) else {
            return Ok(());
        };
        kept.copy(basis::CATALOG, &intact.catalog())?;
        kept.put_envelopes(basis::REVIEWS, by.reviews)?;
        kept.put_lines(basis::SCANS, by.scanned.lines())?;
        if !by.custody.is_empty() {
            kept.put_lines(basis::CUSTODY, custody::kept(by.custody))?;
        }
        kept.put_lines(basis::SEEN, by.seen.iter())?;
        by.memory.take_lines().map_or(Ok(()), |lines| kept.take(lines))
    }

    pub(super) fn authenticated(&mut self, voucher: &Voucher, root: &TrustedRoot) -> Result<(), Stop> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(());
        };
        if let Some(kept) = &mut keeping.basis {
            kept.put_envelopes(basis::APPROVALS, &voucher.approvals)?;
        }
        keeping.reach(Step::Authenticated);
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
        Ok(())
    }

    pub(super) fn intact(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reach(Step::Intact);
        }
    }

    pub(super) fn trusted(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reach(Step::Trusted);
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
            keeping.reach(Step::Judged);
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
        keeping.taken = weighed.new_artifacts();
        let mut aside = Aside::begin(keeping.folder.path())?;
        let kept = keeping.basis.as_ref();
        let mut examined = kept.map(|kept| kept.lines(basis::EXAMINED)).transpose()?;
        let mut artifacts = weighed.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            keeping.evidence.count(&artifact.judged);
            keeping.excepted += u64::from(artifact.decided.passes_by_exception());
            if let Some(examined) = &mut examined {
                examined.write(&basis::Examined::of(&artifact.judged))?;
            }
            let (record, digest) = aside.add(record(artifact))?;
            keeping.log.add(&record.leaf(head.number, digest))?;
        }
        keeping.aside = Some(aside);
        if let (Some(kept), Some(examined)) = (&mut keeping.basis, examined) {
            kept.take(examined)?;
        }
        Ok(())
    }

    pub(super) fn admitted(&mut self) {
        if let Some(keeping) = &mut self.keeping {
            keeping.reach(Step::Decided);
        }
    }

    /// Begins to keep what the ledger is told, beside the report that will be written.
    pub(super) fn journal(&mut self) -> Result<Option<Box<dyn Sink>>, Stop> {
        match &self.keeping {
            Some(keeping) => journal::begin(&keeping.folder.journal(&keeping.head)).map(Some),
            None => Ok(None),
        }
    }

    /// Writes the report of an import that is about to be committed, and says what of the log counts with that commit.
    pub(super) fn staged(&mut self, staged: &mut Staged<'_>, before: Option<Digest>) -> Result<Option<LogState>, Stop> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(None);
        };
        keeping.reach(Step::Staged);
        let journal = staged.import.end_journal();
        let journal = journal.map_err(|error| Unable::new("cannot write what state.db takes in").because(error))?;
        keeping.head.journal = journal.map(|journal| Records {
            bytes: journal.bytes,
            count: journal.count,
            digest: journal.digest,
        });
        keeping.head.outcome = Outcome::Imported;
        keeping.head.published = Some(Published {
            generation: staged.import.generation(),
            new_bytes: staged.summary.new_bytes,
            new_objects: staged.summary.new_objects,
            repository: staged.generation.root().digest(),
            repository_before: before,
        });
        keeping.head.checks = checks(Step::Staged, &[], keeping);
        let state = keeping.write()?;
        // The report names it now, and whether that counts state.db alone says: the next run looks there.
        keeping.basis = None;
        Ok(Some(state))
    }

    /// The folders in which an attempt's record lies: durable before it is committed.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        self.keeping.iter().flat_map(|keeping| keeping.folders())
    }

    /// Shows the report of an import that is committed. What fails here is mended when the next report is written.
    pub(super) fn committed(&mut self) -> Result<(), Stop> {
        let Some(keeping) = &mut self.keeping else {
            return Ok(());
        };
        self.written = keeping.show().map_err(|stop| match stop {
            Stop::Unable(unable) => unable
                .hint("clients read what was imported; the next import puts its report in its place")
                .into(),
            refused => refused,
        })?;
        Ok(())
    }

    /// Takes back what was kept of an attempt that leaves no report. What fails here is removed by the next run.
    pub(super) fn without_report(&mut self) {
        if let Some(keeping) = &mut self.keeping
            && let Some(kept) = keeping.basis.take()
        {
            kept.remove();
        }
    }

    /// Writes the report of a refusal and commits it. That this fails does not change why the bundle is refused.
    pub(super) fn refused(&mut self, refusals: &[Refusal], ledger: &Ledger) {
        let Some(keeping) = &mut self.keeping else { return };
        keeping.head.outcome = Outcome::Refused;
        keeping.head.published = None;
        keeping.head.journal = None;
        let shortened = Shortened::of(refusals.iter().map(refused), MAX_REFUSAL_BYTES);
        keeping.head.refusals = shortened.kept;
        keeping.head.refusals_left_out = shortened.left_out;
        keeping
            .times
            .failed(keeping.reached, keeping.circumstances.clock.map(|clock| clock()));
        keeping.head.checks = checks(keeping.reached, refusals, keeping);
        if let Err(stop) = keeping.keep_approvals() {
            self.problem = Some(stop);
            return;
        }
        match keeping.write_refusal(ledger) {
            Ok(shown) => self.written = shown,
            Err(stop) => self.problem = Some(stop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::file_key::FileKey;

    #[test]
    fn there_are_keys_where_one_signs_the_report() {
        assert!(!Signers::default().are_there());
        let key = FileKey::from_seed(&[7; 32]);
        let report = Some(&key as &dyn Signer);
        assert!(Signers { report, log: None }.are_there());
        // Without that, nobody says who wrote it.
        assert!(
            !Signers {
                report: None,
                log: report
            }
            .are_there()
        );
    }
}
