//! Judges all that is held again, by what this site pins and has revoked now, and says what no longer stands.
//!
//! The proofs are those that came with the artifacts, and are read from the store. A signed index is judged as of the time by
//! which it was judged when it came, so that it does not run out by lying here. What a plan stated and the bytes that were
//! verified then cannot change, so that the agreement of digests is taken over. Everything else is asked anew, today's policy too
//! (`today.rs`).

use std::path::Path;

use super::decide::only_shows;
use super::judge::{DIGEST_AGREEMENT, Judge, Opinion, Subject};
use super::site::Site;
use super::surroundings::{ECOSYSTEMS, advisories, issuers};
pub use super::today::NotAdmitted;
use super::today::{OfLedger, Today, advised_names};
use super::verify_objects::Progress;
use super::vex::{Believed, Vex};
use crate::evidence::Context;
use crate::ledger::{BundleRecord, Entry, Judgement, Ledger, Rejudging};
use crate::model::{Digest, Fault, Finding, Level, Outcome, Stop, Timestamp};
use crate::policy::{self, Hit, KnownNames, Policy, Surroundings};
use crate::store::Store;
use crate::trust::{Profile, Revocations};

/// Artifacts that are judged side by side: enough for all cores, few enough to stay small in memory.
const ROUND: usize = 256;

/// Under which kind a revoked bundle or exporter's key is told.
const REVOCATION: &str = "revocation";

/// By what is judged again.
pub struct Again<'a> {
    /// What was imported, and what its proofs came to.
    pub ledger: &'a Ledger,
    /// Where artifacts and proofs lie.
    pub store: &'a Store,
    /// What this site pins and has revoked now.
    pub site: &'a Site,
    /// The profile of the root that counts.
    pub profile: Profile,
    /// Advisories, OSV records one a line, if some are at hand: none travel here.
    pub advisories: Option<&'a Path>,
    /// VEX documents with their signatures, as they travel; none counts without advisories.
    pub vex: &'a [u8],
    /// For how long a bundle might be on its way, in seconds.
    pub max_transit_seconds: u64,
    /// The clock.
    pub now: Timestamp,
    /// How many threads judge.
    pub threads: usize,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
    /// Where the new judgements are kept; `None` changes nothing.
    pub record: Option<&'a Rejudging<'a>>,
}

/// An artifact whose judgement is another than before.
#[derive(Debug, Clone)]
pub struct Change<E = Entry> {
    /// The artifact, and what brought it.
    pub entry: E,
    /// The level that it had.
    pub was: Level,
    /// The level that it has.
    pub now: Level,
    /// What was confirmed and is no longer, each with what stands in its place, if anything does.
    pub lost: Vec<(Finding, Option<Finding>)>,
    /// What is found to be wrong, and was not before.
    pub wrong: Vec<Finding>,
    /// What is confirmed, and was not before.
    pub gained: Vec<Finding>,
    /// Why it could not be judged again, if it could not.
    pub unreadable: Option<String>,
    /// Why today's policy would not admit it, if it would not.
    pub not_admitted: Option<NotAdmitted>,
}

impl<E> Change<E> {
    /// Whether something that stood no longer stands.
    pub fn fell(&self) -> bool {
        !self.lost.is_empty() || !self.wrong.is_empty() || self.unreadable.is_some() || self.now < self.was
    }
}

/// What the judging came to, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rechecked {
    /// Artifacts that were judged.
    pub judged: u64,
    /// Artifacts of which something no longer stands.
    pub fallen: u64,
    /// Artifacts of which something is newly confirmed, and nothing fell.
    pub risen: u64,
    /// Artifacts that today's policy would not admit, for something that did not stand in the way when they were admitted.
    pub not_admitted: u64,
    /// Why the revocations by which all was judged are too old by now, if they are.
    pub stale: Option<Hit>,
}

impl Rechecked {
    /// Counts what became of an artifact. Whether there is anything to tell of it.
    pub(super) fn count<E>(&mut self, change: &Change<E>) -> bool {
        let (fell, gained) = (change.fell(), !change.gained.is_empty());
        self.fallen += u64::from(fell);
        self.risen += u64::from(gained && !fell);
        self.not_admitted += u64::from(change.not_admitted.as_ref().is_some_and(|found| found.is_news));
        fell || gained || change.not_admitted.is_some()
    }

    /// Whether all stands, and would be admitted today, by revocations that are not too old.
    pub const fn stands(&self) -> bool {
        self.fallen == 0 && self.not_admitted == 0 && self.stale.is_none()
    }
}

/// Judges everything again, bundle by bundle, and calls back for each artifact whose judgement changes.
pub fn recheck(again: &Again<'_>, mut visit: impl FnMut(Change)) -> Result<Rechecked, Stop> {
    let mut total = Rechecked::default();
    let trust_data = again.site.trust_data().map(|(_, data)| data);
    let policy = Policy {
        // Nothing is scanned again.
        scan: Vec::new(),
        ..again.site.in_force().policy.clone()
    };
    let believed = Believed::of(again.site, again.now);
    let (advisories, vex) = match again.advisories {
        Some(path) => {
            let names = advised_names(again.ledger)?;
            (
                Some(advisories(path, &names, again.now)?),
                Vex::of_bytes(again.vex, &names, believed)?,
            )
        }
        None => (None, Vex::default()),
    };
    let surroundings = Surroundings {
        now: again.now,
        // How old a version is, is asked as of today.
        exported: again.now,
        advisories: advisories.as_ref(),
        names: &KnownNames::new(),
        issuers: &issuers(trust_data),
        ecosystems: ECOSYSTEMS,
        policy_signers: again.site.in_force().signers(),
    };
    let today = Today {
        judge: policy::Judge::new(&policy, surroundings),
        only_shows: only_shows(again.profile, &policy),
        vex,
    };
    total.stale = again
        .site
        .revocations()
        .and_then(|(_, document)| today.judge.too_old(document.created));
    let mut known = OfLedger::new(again.ledger);
    again.progress.begin("recheck", again.ledger.artifacts()?);
    for bundle in again.ledger.bundles()? {
        recheck_bundle(again, (&today, &mut known), &bundle, &mut total, &mut visit)?;
    }
    again.progress.finish();
    Ok(total)
}

/// Today's policy, and what the ledger knows of names.
type Asked<'t, 'a> = (&'t Today<'a>, &'t mut OfLedger<'a>);

fn recheck_bundle(
    again: &Again<'_>,
    asked: Asked<'_, '_>,
    bundle: &BundleRecord,
    total: &mut Rechecked,
    visit: &mut impl FnMut(Change),
) -> Result<(), Stop> {
    let anchors = again.site.trust_data().map_or(&[][..], |(_, data)| &data.anchors);
    let revocations = again.site.revocations().map(|(_, document)| document);
    let context = Context {
        anchors,
        now: again.now,
        // The time by which indexes were judged when they came; that is not judged again.
        exported: index_time(bundle.created, bundle.imported, again.max_transit_seconds),
        max_transit_seconds: u64::MAX,
    };
    let locate = |digest: &_| again.store.path(digest);
    let judge = Judge::again(&context, revocations, &locate);
    let mut round: Vec<Entry> = Vec::with_capacity(ROUND);
    again.ledger.last_brought_by(&bundle.manifest, |entry| {
        round.push(entry);
        if round.len() == ROUND {
            judge_round(
                again,
                (asked.0, &mut *asked.1),
                &judge,
                std::mem::take(&mut round),
                total,
                visit,
            )?;
        }
        Ok::<_, Stop>(())
    })?;
    judge_round(again, (asked.0, &mut *asked.1), &judge, round, total, visit)
}

fn judge_round(
    again: &Again<'_>,
    asked: Asked<'_, '_>,
    judge: &Judge<'_>,
    round: Vec<Entry>,
    total: &mut Rechecked,
    visit: &mut impl FnMut(Change),
) -> Result<(), Stop> {
    let subjects: Vec<_> = round.iter().map(|entry| Subject::from(&entry.artifact)).collect();
    let results = judge.judge_each(&subjects, again.threads);
    again.progress.advance(round.len() as u64);
    for (entry, result) in round.into_iter().zip(results) {
        total.judged += 1;
        let before = again.ledger.judgement(&entry)?;
        let (was, decision, level) = before.map_or_else(Default::default, |judgement| {
            (judgement.findings, judgement.decision, judgement.level)
        });
        let mut change = match result {
            Ok(Opinion { mut findings, .. }) => {
                keep_rolled_back(&was, &mut findings);
                let agreement = was.iter().filter(|finding| finding.kind == DIGEST_AGREEMENT);
                findings.extend(agreement.cloned());
                let told = revoked_bundles(again, &entry)?;
                findings.splice(0..0, told);
                let mut change = compare(entry, &was, &findings);
                change.not_admitted = asked.0.ask(&asked.1.about(&change.entry, &decision)?, &findings);
                if let Some(record) = again.record {
                    let judgement = Judgement {
                        level: change.now,
                        findings,
                        decision,
                        judged: again.now,
                    };
                    record.judgement(&change.entry, &judgement)?;
                }
                change
            }
            Err(stop) => {
                let mut change = compare(entry, &was, &[]);
                change.unreadable = Some(in_words(&stop));
                change
            }
        };
        if level == Level::None && was.iter().any(is_revocation) {
            // That it has no level any more is recorded already.
            change.was = Level::None;
        }
        if change.unreadable.is_some() {
            // Nothing was found about its proofs.
            change.lost.clear();
        }
        if total.count(&change) {
            visit(change);
        }
    }
    Ok(())
}

/// How far upstreams had come is not asked again: what was older than that when it came is no better by now.
pub(super) fn keep_rolled_back(was: &[Finding], now: &mut [Finding]) {
    let rolled_back = Outcome::Contradicted(Fault::RolledBack);
    for (place, before) in places(was).filter(|(_, before)| before.outcome == rolled_back) {
        let mut of_kind = now.iter_mut().filter(|finding| finding.kind == before.kind);
        if let Some(finding) = of_kind.nth(place).filter(|finding| finding.is_confirmed()) {
            finding.outcome = before.outcome;
            finding.reason.clone_from(&before.reason);
        }
    }
}

fn in_words(stop: &Stop) -> String {
    match stop {
        Stop::Refused(refusals) => refusals
            .first()
            .map_or_else(String::new, |refusal| refusal.reason.clone()),
        Stop::Unable(unable) => unable
            .source
            .as_ref()
            .map_or_else(|| unable.what.clone(), |source| format!("{}: {source}", unable.what)),
    }
}

/// Compares what the proofs came to with what they came to before. The same program judges the same proofs in the same order,
/// so that findings of one kind belong together by their place.
pub(super) fn compare<E>(entry: E, was: &[Finding], now: &[Finding]) -> Change<E> {
    let level = |findings: &[Finding]| findings.iter().map(Finding::level).max().unwrap_or_default();
    let mut change = Change {
        entry,
        was: level(was),
        now: if now.iter().any(is_revocation) {
            Level::None
        } else {
            level(now)
        },
        lost: Vec::new(),
        wrong: Vec::new(),
        gained: Vec::new(),
        unreadable: None,
        not_admitted: None,
    };
    for (place, before) in places(was) {
        let after = nth(now, &before.kind, place);
        let still = after.is_some_and(|after| after.is_confirmed() && after.level() >= before.level());
        if before.is_confirmed() && !still {
            change.lost.push((before.clone(), after.cloned()));
        }
    }
    for (place, after) in places(now) {
        let before = nth(was, &after.kind, place);
        if after.is_confirmed() && before.is_none_or(|before| before.level() < after.level()) {
            change.gained.push(after.clone());
        }
        // What was confirmed stands among the lost, with what it is now.
        let is_new = !before.is_some_and(|before| before.is_contradicted() || before.is_confirmed());
        if after.is_contradicted() && is_new {
            change.wrong.push(after.clone());
        }
    }
    change
}

fn is_revocation(finding: &Finding) -> bool {
    finding.kind == REVOCATION
}

/// Findings with their place among those of their kind.
fn places(findings: &[Finding]) -> impl Iterator<Item = (usize, &Finding)> {
    findings.iter().enumerate().map(|(index, finding)| {
        let before = findings[..index].iter().filter(|other| other.kind == finding.kind);
        (before.count(), finding)
    })
}

fn nth<'f>(findings: &'f [Finding], kind: &str, place: usize) -> Option<&'f Finding> {
    findings.iter().filter(|finding| finding.kind == kind).nth(place)
}

/// What is said against an artifact because the bundle that brought it is no longer believed: the first one, whose bytes these
/// are, or the last one, whose proofs these are.
fn revoked_bundles(again: &Again<'_>, entry: &Entry) -> Result<Vec<Finding>, Stop> {
    let Some((_, revocations)) = again.site.revocations() else {
        return Ok(Vec::new());
    };
    let mut told = revoked_bundle(again, &entry.first_bundle, revocations)?;
    if entry.last_bundle.manifest != entry.first_bundle.manifest {
        told.extend(revoked_bundle(again, &entry.last_bundle, revocations)?);
    }
    Ok(told)
}

fn revoked_bundle(again: &Again<'_>, bundle: &BundleRecord, revocations: &Revocations) -> Result<Vec<Finding>, Stop> {
    let label = crate::model::bundle_label(&bundle.stream, bundle.epoch, bundle.sequence);
    let keys = again.ledger.export_keys(&bundle.manifest)?;
    Ok(revoked(revocations, &label, &bundle.manifest, &keys, bundle.imported))
}

/// What is said against a bundle that is voided, or that a key signed which is revoked.
pub(super) fn revoked(
    revocations: &Revocations,
    label: &str,
    manifest: &Digest,
    keys: &[String],
    imported: Timestamp,
) -> Vec<Finding> {
    let wrong = |text: String| Finding::contradicted(REVOCATION, Fault::Revoked, text);
    let mut told = Vec::new();
    if let Some(revocation) = revocations.bundle(manifest) {
        told.push(wrong(format!("bundle {label} was voided: {}", revocation.reason)));
    }
    for key in keys {
        // The enclave's own clock says when the bundle came; the bundle's own date a thief could choose.
        let counts = |since: Option<Timestamp>| since.is_none_or(|since| imported >= since);
        if let Some(revocation) = revocations
            .key(key)
            .filter(|revocation| counts(revocation.invalid_since))
        {
            told.push(wrong(format!(
                "the key {key}, which signed bundle {label}, is revoked: {}",
                revocation.reason
            )));
        }
    }
    told
}

/// The time by which signed indexes were judged when a bundle came.
pub(super) fn index_time(created: Timestamp, imported: Timestamp, max_transit_seconds: u64) -> Timestamp {
    let on_its_way = imported.seconds().saturating_sub(created.seconds());
    let in_time = u64::try_from(on_its_way).is_ok_and(|seconds| seconds <= max_transit_seconds);
    if in_time { created } else { imported }
}

#[cfg(test)]
mod tests {
    use super::super::decide::Admission;
    use super::super::today::NotAdmitted;
    use super::*;
    use crate::model::{Artifact, Digest, Doubt};
    use crate::trust::{Revocation, Revoked};

    fn entry() -> Entry {
        let bundle = BundleRecord::plain(Timestamp::from_seconds(2));
        Entry::plain(Artifact::plain("files", "set", "1", "a", Digest::of(b"a")), bundle)
    }

    #[test]
    fn findings_of_a_kind_belong_together_by_their_place() {
        let good = |kind: &str, level| Finding::confirmed(kind, level, "good");
        let bad = |kind: &str| Finding::contradicted(kind, Fault::Revoked, "bad");
        let open = |kind: &str| Finding::undecided(kind, Doubt::NoAnchor, "open");
        let was = [good("x", Level::Publisher), good("x", Level::Registry), open("y")];
        let same = compare(entry(), &was, &was);
        assert!(!same.fell() && same.gained.is_empty());

        let now = [bad("x"), good("x", Level::Registry), good("y", Level::Publisher)];
        let change = compare(entry(), &was, &now);
        assert_eq!((change.lost.len(), change.wrong.len(), change.gained.len()), (1, 0, 1));
        assert!(change.fell());
        assert_eq!((change.was, change.now), (Level::Publisher, Level::Publisher));

        // A lower level is a loss, and a proof that is newly wrong as well, even where it never counted.
        let lower = [good("x", Level::Registry), good("x", Level::Registry), open("y")];
        assert_eq!(compare(entry(), &was, &lower).lost.len(), 1);
        let wrong = [was[0].clone(), was[1].clone(), bad("y")];
        assert!(compare(entry(), &was, &wrong).fell());
        // What was wrong before is nothing new.
        assert!(!compare(entry(), &[bad("y")], &[bad("y")]).fell());
        assert!(compare(entry(), &was, &[]).fell());
        // What could not be judged is no gain.
        assert!(compare(entry(), &[], &[open("x"), bad("x")]).gained.is_empty());
    }

    #[test]
    fn what_fell_has_not_risen_and_what_only_stands_is_not_told() {
        let good = || Finding::confirmed("x", Level::Registry, "good");
        let news = |is_news| NotAdmitted {
            admission: Admission::Denied,
            was: None,
            is_news,
            required: Level::Registry,
            reached: Level::None,
            hits: Vec::new(),
        };
        let counted = |was: &[Finding], now: &[Finding], not_admitted: Option<NotAdmitted>| {
            let mut total = Rechecked::default();
            let mut change = compare(entry(), was, now);
            change.not_admitted = not_admitted;
            let is_told = total.count(&change);
            ([total.fallen, total.risen, total.not_admitted], is_told)
        };
        let other = || Finding::confirmed("y", Level::Registry, "good");
        assert_eq!(counted(&[good()], &[good()], None), ([0, 0, 0], false));
        assert_eq!(counted(&[good()], &[], None), ([1, 0, 0], true));
        assert_eq!(counted(&[good()], &[good(), other()], None), ([0, 1, 0], true));
        assert_eq!(counted(&[good()], &[other()], None), ([1, 0, 0], true));
        assert_eq!(counted(&[good()], &[good()], Some(news(true))), ([0, 0, 1], true));
        assert_eq!(counted(&[good()], &[good()], Some(news(false))), ([0, 0, 0], true));
    }

    #[test]
    fn a_bundle_falls_with_its_key_if_it_came_when_that_was_invalid() {
        let revocations = |since: Option<i64>| Revocations {
            revoked: vec![Revocation {
                invalid_since: since.map(Timestamp::from_seconds),
                reason: "stolen".to_owned(),
                what: Revoked::Key("k".to_owned()),
            }],
            ..Revocations::empty(1, Timestamp::from_seconds(1))
        };
        let told = |since, key: &str| {
            let imported = Timestamp::from_seconds(100);
            revoked(
                &revocations(since),
                "main 1",
                &Digest::of(b"m"),
                &[key.to_owned()],
                imported,
            )
            .len()
        };
        assert_eq!((told(None, "k"), told(Some(100), "k"), told(Some(99), "k")), (1, 1, 1));
        assert_eq!((told(Some(101), "k"), told(None, "other")), (0, 0));
    }

    #[test]
    fn an_index_is_judged_as_of_its_making_for_as_long_as_it_may_be_on_its_way() {
        let asked = |imported| index_time(Timestamp::from_seconds(50), Timestamp::from_seconds(imported), 10).seconds();
        assert_eq!([50, 60, 61, 49].map(asked), [50, 50, 61, 49]);
    }

    #[test]
    fn what_was_rolled_back_when_it_came_stays_so() {
        let old = Finding::contradicted("y", Fault::RolledBack, "an old index");
        let was = [Finding::confirmed("x", Level::Registry, "good"), old.clone()];
        let good = |kind: &str| Finding::confirmed(kind, Level::Registry, "good");
        let mut now = [good("y"), good("x"), good("y")];
        keep_rolled_back(&was, &mut now);
        assert_eq!(now[0].outcome, old.outcome);
        assert!(now[1].is_confirmed() && now[2].is_confirmed());
        let mut now = [good("x"), good("y")];
        keep_rolled_back(&was, &mut now);
        assert!(now[0].is_confirmed());
        assert_eq!(now[1].outcome, old.outcome);
        // What is wrong besides is told.
        let mut wrong = [Finding::contradicted("y", Fault::SignatureWrong, "bad")];
        keep_rolled_back(&was, &mut wrong);
        assert_eq!(wrong[0].outcome, Outcome::Contradicted(Fault::SignatureWrong));
    }

    #[test]
    fn what_is_revoked_has_no_level() {
        let good = Finding::confirmed("x", Level::Publisher, "good");
        let told = Finding::contradicted(REVOCATION, Fault::Revoked, "voided");
        let change = compare(entry(), std::slice::from_ref(&good), &[told, good.clone()]);
        assert_eq!(change.now, Level::None);
        assert!(change.fell() && change.lost.is_empty());
        // Let in with what is said against it, by a waiver: nothing is newly wrong, and its level is lost all the same.
        let told = Finding::contradicted(REVOCATION, Fault::Revoked, "voided");
        let both = [told, Finding::confirmed("x", Level::Observed, "good")];
        let change = compare(entry(), &both, &both);
        assert_eq!((change.was, change.now), (Level::Observed, Level::None));
        assert!(change.fell() && change.wrong.is_empty());
    }
}
