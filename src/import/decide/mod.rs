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

mod admit;
mod again;
mod closure;
mod decided;
mod decision;
mod facts;
mod pass;
mod refusals;
mod remembered;
mod waiting;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use super::custody::Custodied;
use super::planned::Planned;
use super::scan::Scanned;
use super::site::InForce;
use super::surroundings::{Around, ECOSYSTEMS};
use super::verify_evidence::Judged;
use super::verify_objects::{Intact, Progress, write_failed};
use crate::model::{Stop, Timestamp};
use crate::policy::{Judge, Policy, Surroundings};
use crate::store::Store;
use crate::trust::review::Reviews;
use crate::trust::{Profile, Revocations, TrustData};

use admit::KeptOut;
pub(super) use admit::objects_of;
pub(super) use again::BeforeBundle;
use again::New;
pub use decided::{Decided, DecidedArtifact, DecidedReader};
pub use decision::{Admission, ArtifactDecision, Counts, Decisions, ScanTold};
pub(super) use decision::{codes, is_wrong, only_shows, open_hits};
pub(super) use facts::{published, release};
use pass::Pass;
pub(super) use remembered::{Noted, Told};
pub use remembered::{Recollection, Remembered};
pub use waiting::{Waiting, WaitingHeader};

/// What deciding needs beside the bundle.
pub struct Deciding<'a> {
    /// The policy that counts.
    pub in_force: &'a InForce,
    /// The profile of the enclave's root.
    pub profile: Profile,
    /// The persons with the role `import`.
    pub importers: BTreeSet<String>,
    /// The enclave's memory; without one, floors, pinned publishers and known names are not asked for, and the result says so.
    pub memory: Option<&'a dyn Recollection>,
    /// What the site believes of the outside world.
    pub trust_data: Option<&'a TrustData>,
    /// What it no longer believes.
    pub revocations: Option<&'a Revocations>,
    /// When the revocations that the bundle carries were made.
    pub carried_revocations: Option<Timestamp>,
    /// The signed decisions of persons about this bundle.
    pub reviews: &'a Reviews,
    /// What this site's scanners said of its objects.
    pub scanned: &'a Scanned,
    /// What is recorded of its media; before the export there is nothing.
    pub custody: Option<&'a Custodied>,
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

/// A bundle about whose every artifact the policy has said something, admitted or not.
pub struct Weighed {
    judged: Judged,
    decisions: Decisions,
    refused: KeptOut,
    /// Of a bundle that came once more: what is new of it.
    only: Option<New>,
}

/// Applies the policy. Refuses the bundle if it is not admitted as a whole, or if some of its artifacts are not and the policy says to stop.
pub fn decide(judged: Judged, store: Option<&Store>, deciding: &Deciding<'_>) -> Result<Decided, Stop> {
    weigh(judged, store, deciding)?.admit(deciding)
}

/// Applies the policy to every artifact, and refuses nothing yet: what becomes of those that are not admitted can be recorded.
pub fn weigh(judged: Judged, store: Option<&Store>, deciding: &Deciding<'_>) -> Result<Weighed, Stop> {
    let policy = &deciding.in_force.policy;
    let believed = (deciding.revocations, deciding.now);
    let around = Around::read(judged.intact(), deciding.memory, deciding.trust_data, believed, store)?;
    let manifest = judged.intact().manifest();
    let asked = asked_now(policy, deciding.occasion);
    let judge = Judge::new(
        &asked,
        Surroundings {
            now: deciding.now,
            exported: manifest.created,
            advisories: around.advisories.as_ref(),
            names: &around.names,
            issuers: &around.issuers,
            ecosystems: ECOSYSTEMS,
            policy_signers: deciding.in_force.signers(),
        },
    );
    let planned = Planned::read(&judged.intact().locate(&manifest.plan, store))?;
    deciding.progress.begin("decide", manifest.catalog.artifacts);
    let mut pass = Pass::new(policy, deciding, &judge, &around, &planned, judged.intact())?;
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
        only: None,
    })
}

/// The policy as far as it can be asked: before the export nobody has scanned the bundle.
fn asked_now(policy: &Policy, occasion: Occasion) -> Cow<'_, Policy> {
    if occasion == Occasion::Import {
        return Cow::Borrowed(policy);
    }
    let mut asked = policy.clone();
    // Who exports has not handed the media over yet, and records the scan afterwards.
    asked.scan.clear();
    Cow::Owned(asked)
}

impl Weighed {
    /// The bundle.
    pub const fn intact(&self) -> &Intact {
        self.judged.intact()
    }

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
        admit::admit(self, deciding)
    }
}
