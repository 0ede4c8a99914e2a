//! What an attempt would come to if it were made today: the proofs that were kept judged by today's trust, and today's policy asked about what was
//! admitted then (`bundle-spec/capsule.md` §6). Nothing of this is what was decided: it is a list of what to look at.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::basis;
use super::decide::{Admission, Recollection as _, Told as Memory, only_shows};
use super::judge::{DIGEST_AGREEMENT, Judge, Objects, Subject};
use super::lines::LineReader;
use super::recheck::{Change, Rechecked, compare, keep_rolled_back, revoked};
use super::replay::{MAX_LINE_BYTES, complete, next, other_artifacts};
use super::site::{InForce, Site};
use super::surroundings::{ECOSYSTEMS, advisories, issuers};
use super::today::{About, Today};
use super::verify_objects::{Progress, staged_path};
use super::vex::{Believed, Vex};
use crate::bundle::catalog::Record as Catalogued;
use crate::bundle::limits::MAX_CATALOG_LINE_BYTES;
use crate::ecosystem;
use crate::evidence::Context;
use crate::model::{Artifact, Stop, Timestamp};
use crate::policy::{self, KnownNames, Policy, Surroundings};
use crate::report::{Head, Record, Report};
use crate::trust::Profile;

/// Artifacts that are judged side by side: enough for all cores, few enough to stay small in memory.
const ROUND: usize = 256;

/// By what an attempt is judged today.
pub struct TodayReplay<'a> {
    /// A folder with the parts of the basis under their names, and objects as an import lays them aside.
    pub folder: &'a Path,
    /// The report's head.
    pub head: &'a Head,
    /// What is believed and revoked today.
    pub site: &'a Site,
    /// The policy that is asked.
    pub in_force: &'a InForce,
    /// The profile of the root that counts.
    pub profile: Profile,
    /// Advisories, OSV records one a line, if some are at hand.
    pub advisories: Option<&'a Path>,
    /// VEX documents with their signatures, as they travel; none counts without advisories.
    pub vex: &'a [u8],
    /// The time.
    pub now: Timestamp,
    /// How many threads judge.
    pub threads: usize,
    /// Hears how far it is.
    pub progress: &'a dyn Progress,
}

/// An artifact of the basis, with what the report says of it.
struct Item {
    artifact: Artifact,
    said: basis::Examined,
    record: Record,
}

/// Judges everything that was admitted, and calls back for each artifact whose judgement is another than in the report. Gives nothing where the
/// attempt did not come to a decision.
pub fn replay_today(
    today: &TodayReplay<'_>,
    report: &mut Report,
    visit: &mut dyn FnMut(Change<Record>),
) -> Result<Option<Rechecked>, Stop> {
    let folder = today.folder;
    let parts = [basis::CATALOG, basis::EXAMINED, basis::MEMORY];
    if !parts.iter().all(|name| folder.join(name).is_file()) {
        return Ok(None);
    }
    let head = today.head;
    let Some(bundle) = &head.bundle else { return Ok(None) };
    let policy = Policy {
        // Nothing is scanned again.
        scan: Vec::new(),
        ..today.in_force.policy.clone()
    };
    let trust_data = today.site.trust_data().map(|(_, data)| data);
    let revocations = today.site.revocations().map(|(_, document)| document);
    let believed = Believed::of(today.site, today.now);
    let (advised, vex) = match today.advisories {
        Some(path) => {
            let names = advised_names(folder)?;
            (
                Some(advisories(path, &names, today.now)?),
                Vex::of_bytes(today.vex, &names, believed)?,
            )
        }
        None => (None, Vex::default()),
    };
    let surroundings = Surroundings {
        now: today.now,
        // How old a version is, is asked as of today.
        exported: today.now,
        advisories: advised.as_ref(),
        names: &KnownNames::new(),
        issuers: &issuers(trust_data),
        ecosystems: ECOSYSTEMS,
        policy_signers: today.in_force.signers(),
    };
    let asked = Today {
        judge: policy::Judge::new(&policy, surroundings),
        only_shows: only_shows(today.profile, &policy),
        vex,
    };
    let context = Context {
        anchors: trust_data.map_or(&[][..], |data| &data.anchors),
        now: today.now,
        // The time by which indexes were judged when they came; that is not judged again.
        exported: super::recheck::index_time(bundle.created, head.created, today.in_force.max_transit_seconds()),
        max_transit_seconds: u64::MAX,
    };
    let locate = |digest: &_| staged_path(folder, digest);
    let judge = Judge::again(&context, revocations, &locate).with(Objects::MayLack);
    let exporters = head.people.iter().filter(|person| person.role == "export");
    let keys: Vec<String> = exporters.flat_map(|person| person.keys.clone()).collect();
    let told = revocations.map_or_else(Vec::new, |revocations| {
        revoked(revocations, &bundle.label, &bundle.manifest, &keys, head.created)
    });
    let memory = Memory::open(&folder.join(basis::MEMORY))?;
    let mut total = Rechecked::default();
    let mut items = Items::open(folder)?;
    today.progress.begin("recheck", head.records.count);
    loop {
        let round = items.round(report)?;
        if round.is_empty() {
            break;
        }
        let subjects: Vec<Subject<'_>> = round
            .iter()
            .map(|item| Subject {
                artifact: &item.artifact,
                digests: &item.said.digests,
                size: Some(item.said.size),
            })
            .collect();
        let opinions = judge.judge_each(&subjects, today.threads);
        today.progress.advance(round.len() as u64);
        for (item, opinion) in round.iter().zip(opinions) {
            let is_admitted = item
                .record
                .decision
                .as_ref()
                .is_some_and(crate::report::Decided::is_admitted);
            if !is_admitted {
                continue;
            }
            total.judged += 1;
            let mut findings = complete(&item.record, opinion?, &mut Default::default()).findings;
            if let Some(revocations) = revocations {
                // What was taken over from the report may rest on what is revoked since.
                findings.iter_mut().for_each(|finding| revocations.apply(finding));
            }
            let was = &item.record.findings;
            keep_rolled_back(was, &mut findings);
            findings.extend(was.iter().filter(|finding| finding.kind == DIGEST_AGREEMENT).cloned());
            findings.splice(0..0, told.iter().cloned());
            let mut change = compare(item.record.clone(), was, &findings);
            let remembered = memory.of(&item.artifact.full_name())?;
            change.not_admitted = asked.ask(&about(item, &remembered.pinned), &findings);
            if total.count(&change) {
                visit(change);
            }
        }
    }
    today.progress.finish();
    Ok(Some(total))
}

fn about<'a>(item: &'a Item, pinned: &'a [crate::model::Signer]) -> About<'a> {
    let decision = item.record.decision.as_ref();
    let open = |hit: &&crate::report::DecisionHit| matches!(hit.verdict.as_str(), "deny" | "review");
    About {
        artifact: &item.artifact,
        pinned,
        stated: ecosystem::find(&item.artifact.ecosystem)
            .map(|known| known.stated(&item.said.facts))
            .unwrap_or_default(),
        floor: item.record.floor,
        was: decision.and_then(|decision| Admission::read(&decision.admission)),
        stood: decision.map_or_else(BTreeSet::new, |decision| {
            decision.hits.iter().filter(open).map(|hit| hit.code.clone()).collect()
        }),
    }
}

/// The artifacts of a basis, in step with the records of its report.
struct Items {
    catalog: LineReader,
    examined: LineReader,
}

impl Items {
    fn open(folder: &Path) -> Result<Self, Stop> {
        Ok(Self {
            catalog: LineReader::compressed(folder.join(basis::CATALOG), MAX_CATALOG_LINE_BYTES as u64)?,
            examined: LineReader::compressed(folder.join(basis::EXAMINED), MAX_LINE_BYTES)?,
        })
    }

    fn next(&mut self) -> Result<Option<(Artifact, basis::Examined)>, Stop> {
        while let Some(record) = self.catalog.next::<Catalogued>()? {
            if let Catalogued::Artifact(artifact) = record {
                return Ok(Some((artifact, self.examined.following()?)));
            }
        }
        Ok(None)
    }

    fn round(&mut self, report: &mut Report) -> Result<Vec<Item>, Stop> {
        let mut round = Vec::with_capacity(ROUND);
        while round.len() < ROUND
            && let Some((artifact, said)) = self.next()?
        {
            let record = next(report)?.filter(|record| record.digest == artifact.digest);
            let record = record.ok_or_else(|| other_artifacts(&artifact))?;
            round.push(Item { artifact, said, record });
        }
        Ok(round)
    }
}

/// The names by which advisories may know what was imported: their ecosystems' keys.
fn advised_names(folder: &Path) -> Result<HashSet<(String, String)>, Stop> {
    let mut names = HashSet::new();
    let mut items = Items::open(folder)?;
    while let Some((artifact, said)) = items.next()? {
        let Some(known) = ecosystem::find(&artifact.ecosystem) else {
            continue;
        };
        let id = artifact.ecosystem.clone();
        names.insert((id.clone(), ecosystem::collision_key(&id, &artifact.name)));
        if let Some((source, _)) = known.stated(&said.facts).advised_as {
            names.insert((id.clone(), ecosystem::collision_key(&id, &source)));
        }
    }
    Ok(names)
}
