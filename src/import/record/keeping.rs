//! What is kept of an attempt while it goes on, and how it becomes a report.

use std::path::{Path, PathBuf};

use super::{Keeping, Pending};
use crate::crypto::dsse::Envelope;
use crate::import::basis;
use crate::import::checks::Step;
use crate::import::parts::stands;
use crate::import::site::Site;
use crate::ledger::Ledger;
use crate::log::{Checkpoint, Log};
use crate::model::{LogState, Stop};
use crate::policy::RecordClass;
use crate::report::{Aside, EcosystemTally, Keep, LogPart, Outcome, Verdict, controls};
use crate::store;
use crate::trust::approval::MAX_APPROVALS;

impl Keeping<'_> {
    pub(super) fn reach(&mut self, step: Step) {
        self.reached = step;
        self.times.ended(step, self.circumstances.clock.map(|clock| clock()));
    }

    pub(super) fn take_site(&mut self, site: &Site) {
        self.kept_for = site.in_force().policy.retention.clone().unwrap_or_default();
        let trust = &mut self.head.trust;
        trust.trust_data = site
            .trust_data()
            .map(|(standing, data)| stands(standing, data.created, data.anchors.len()));
        trust.revocations = site
            .revocations()
            .map(|(standing, document)| stands(standing, document.created, document.revoked.len()));
    }

    /// Keeps the approvals of a bundle that was refused at its seal. Where one is none, or they are too many, that is all that there is to say of them.
    pub(super) fn keep_approvals(&mut self) -> Result<(), Stop> {
        let came = std::mem::take(&mut self.untrusted_approvals);
        let are_kept = came.len() <= MAX_APPROVALS && came.iter().all(|one| Envelope::read(one).is_ok());
        match &mut self.basis {
            Some(kept) if are_kept && self.reached < Step::Authenticated => kept.put_envelopes(basis::APPROVALS, &came),
            _ => Ok(()),
        }
    }

    /// What the artifacts came to, by ecosystem.
    pub(in crate::import) fn tallied(&self) -> Vec<EcosystemTally> {
        self.aside
            .as_ref()
            .map_or_else(Vec::new, |aside| aside.tally().ecosystems())
    }

    /// Says of the whole what can be said only at its end.
    fn conclude(&mut self) {
        let head = &mut self.head;
        let (class, verdict) = match head.outcome {
            Outcome::Refused => (RecordClass::Refusal, Verdict::Failed),
            Outcome::Imported if self.excepted > 0 => (RecordClass::Report, Verdict::PassedWithWaivers),
            Outcome::Imported => (RecordClass::Report, Verdict::Passed),
        };
        head.result = Some(verdict);
        head.waived = Some(if head.outcome == Outcome::Imported {
            self.excepted
        } else {
            0
        });
        head.retention = Some(Keep::of(class.name(), self.kept_for.days(class), head.created));
        head.program = self.circumstances.program(&mut head.not_checked);
        head.control_map = Some(controls::sealed(head));
    }

    pub(super) fn write_refusal(&mut self, ledger: &Ledger) -> Result<Option<PathBuf>, Stop> {
        let state = self.write()?;
        store::sync_file_systems(self.folders())?;
        ledger.note_log(&state)?;
        self.show()
    }

    pub(super) fn folders(&self) -> [&Path; 2] {
        [self.folder.path(), &self.log_folder]
    }

    /// Shows the report and the checkpoint of what is committed.
    pub(super) fn show(&mut self) -> Result<Option<PathBuf>, Stop> {
        let Some(pending) = self.pending.take() else {
            return Ok(None);
        };
        self.folder.show(&pending.written, &pending.shown)?;
        self.log.committed(Some(&pending.checkpoint))?;
        self.state = Some(pending.state);
        Ok(Some(pending.shown))
    }

    /// Writes the report beside its place and its leaves into the log. Says what of the log counts once all of it is durable and
    /// committed.
    pub(super) fn write(&mut self) -> Result<LogState, Stop> {
        let signers = self.keys.wait()?;
        let aside = match self.aside.take() {
            Some(aside) => aside,
            None => {
                // What was added belongs to no records: the attempt's leaf stands alone.
                if self.log.head() != self.start.head() {
                    self.log = Log::open(&self.log_folder, self.state.as_ref())?;
                }
                Aside::begin(self.folder.path())?
            }
        };
        self.head.ecosystems = aside.tally().ecosystems();
        (self.head.vouchers, self.head.vouchers_left_out) = aside.tally().vouchers();
        self.head.not_checked.push(match &self.head.custody {
            Some(custody) if custody.counting() > 0 => {
                "custody: whether what persons recorded of the media is so".to_owned()
            }
            _ => "custody: who carried the media, and in what state they came".to_owned(),
        });
        if self.head.scanners.is_empty() {
            self.head.not_checked.push("malware: no scanner was asked".to_owned());
        }
        if self.head.policy.is_none() {
            self.head
                .not_checked
                .push("whether this site wants these artifacts: its policy was not reached".to_owned());
        }
        self.head.records = aside.records();
        if let Some(kept) = &mut self.basis {
            self.head.basis = kept.parts();
        }
        self.log.add(&self.head.leaf())?;
        self.log.write_edge()?;
        let head = self.log.head();
        let checkpoint = Checkpoint::make(&self.origin, head, signers.log)?;
        self.head.log = Some(LogPart::of(&self.log, &self.start, &checkpoint)?);
        self.conclude();
        let (written, shown) = self.folder.places(&self.head);
        let digest = aside.finish(&mut self.head, signers.report, &written)?;
        let state = LogState {
            size: head.size,
            root: head.root,
            checkpoint: checkpoint.text().to_owned(),
            report: self.head.number,
            report_digest: Some(digest),
        };
        self.pending = Some(Pending {
            written,
            shown,
            checkpoint,
            state: state.clone(),
        });
        Ok(state)
    }
}
