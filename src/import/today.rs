//! What today's policy says about what is held: whether it would be admitted if it came now.
//!
//! Nothing is admitted and nothing removed by asking. What only a bundle has is not asked: its approvals, its order and the age of what travels
//! with it; nothing is scanned again; and what later versions reached is no floor for earlier ones. Advisories are asked if there are some at hand. Persons decided about a bundle by the policy of its day: what they let pass is told again only
//! if today something stands in the way that did not then.

use std::collections::{BTreeSet, HashSet};

use super::decide::{Admission, ArtifactDecision, codes, is_wrong, open_hits, published, release};
use super::vex::Vex;
use crate::ecosystem::{self, Held, Stated};
use crate::ledger::{Entry, Ledger};
use crate::model::{Artifact, Finding, Level, Name, Signer, Stop};
use crate::policy::{Case, Decision, Hit, Judge, Standing, Verdict};

/// An artifact that is held, and would not be admitted today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAdmitted {
    /// Denied, or left to persons.
    pub admission: Admission,
    /// What became of it when it was last imported; `None` before there were policies.
    pub was: Option<Admission>,
    /// Whether something stands in the way that did not when it was admitted.
    pub is_news: bool,
    /// The level that the policy asks for.
    pub required: Level,
    /// The level that it reaches by what the policy counts.
    pub reached: Level,
    /// What stands in the way, the worst first.
    pub hits: Vec<Hit>,
}

/// Asks today's policy.
pub(super) struct Today<'a> {
    pub(super) judge: Judge<'a>,
    /// Whether the enclave is for an evaluation, and the policy only shows what it would do.
    pub(super) only_shows: bool,
    /// What publishers say of vulnerabilities.
    pub(super) vex: Vex,
}

/// What is asked about: an artifact, with what was known and decided when it came.
pub(super) struct About<'a> {
    pub(super) artifact: &'a Artifact,
    /// The publishers that are pinned by its name's first time.
    pub(super) pinned: &'a [Signer],
    /// What its own metadata states.
    pub(super) stated: Stated,
    /// The best level of its name before.
    pub(super) floor: Option<Level>,
    /// What became of it then.
    pub(super) was: Option<Admission>,
    /// The codes that stood in its way then.
    pub(super) stood: BTreeSet<String>,
}

/// What the ledger knows of names: the one that was asked for last is kept.
pub(super) struct OfLedger<'a> {
    ledger: &'a Ledger,
    last: Option<Known>,
}

struct Known {
    name: Name,
    pinned: Vec<Signer>,
    held: Vec<Held>,
}

impl<'a> OfLedger<'a> {
    pub(super) const fn new(ledger: &'a Ledger) -> Self {
        Self { ledger, last: None }
    }

    /// What to ask about an artifact that is held. `before` is the decision when it was last imported.
    pub(super) fn about<'s>(&'s mut self, entry: &'s Entry, before: &str) -> Result<About<'s>, Stop> {
        let artifact = &entry.artifact;
        let before = ArtifactDecision::read(before);
        let name = artifact.full_name();
        if self.last.as_ref().is_none_or(|known| known.name != name) {
            self.last = Some(Known {
                pinned: self.ledger.signers(&name)?,
                held: self.ledger.held(&name)?,
                name,
            });
        }
        let known = self.last.as_ref();
        let stated = known
            .into_iter()
            .flat_map(|known| &known.held)
            .find(|held| held.artifact.version == artifact.version && held.artifact.file == artifact.file)
            .and_then(|held| Some(ecosystem::find(&artifact.ecosystem)?.stated(&held.facts)))
            .unwrap_or_default();
        Ok(About {
            artifact,
            pinned: known.map_or(&[], |known| &known.pinned),
            stated,
            floor: before.as_ref().and_then(|before| before.floor),
            was: before.as_ref().map(|before| before.admission),
            stood: before
                .as_ref()
                .map(|before| codes(&before.decision))
                .unwrap_or_default(),
        })
    }
}

impl Today<'_> {
    /// Asks about an artifact with what its proofs come to now.
    pub(super) fn ask(&self, about: &About<'_>, findings: &[Finding]) -> Option<NotAdmitted> {
        let artifact = about.artifact;
        let advised_as = about
            .stated
            .advised_as
            .as_ref()
            .map(|(name, version)| (ecosystem::collision_key(&artifact.ecosystem, name), version.as_str()));
        let vex = self.vex.of(artifact);
        let published = published(findings, &about.stated);
        let case = Case {
            vex: &vex,
            release: release(findings),
            advised_as: advised_as.as_ref().map(|(key, version)| (key.as_str(), *version)),
            floor: about.floor,
            pinned: about.pinned,
            standing: Standing::Known,
            published: &published,
            licence: about.stated.licence.as_deref(),
            ..Case::new(artifact, findings)
        };
        self.not_admitted(self.judge.decide(&case), about)
    }

    fn not_admitted(&self, decision: Decision, about: &About<'_>) -> Option<NotAdmitted> {
        let admission = match decision.verdict {
            Verdict::Allow => return None,
            Verdict::Review if self.only_shows && !is_wrong(&decision) => return None,
            Verdict::Review => Admission::Waiting,
            Verdict::Deny => Admission::Denied,
        };
        let hits: Vec<Hit> = open_hits(&decision).into_iter().cloned().collect();
        Some(NotAdmitted {
            admission,
            was: about.was,
            is_news: codes(&decision).iter().any(|code| !about.stood.contains(code)),
            required: decision.required,
            reached: decision.reached,
            hits,
        })
    }
}

/// The names by which advisories may know what is held: their ecosystems' keys.
pub(super) fn advised_names(ledger: &Ledger) -> Result<HashSet<(String, String)>, Stop> {
    let mut names = HashSet::new();
    for ecosystem in ecosystem::ALL {
        let id = ecosystem.id();
        let mut own = Vec::new();
        ledger.names(id, |name| {
            own.push(name.to_owned());
            Ok::<_, Stop>(())
        })?;
        for name in own {
            names.insert((id.to_owned(), ecosystem::collision_key(id, &name)));
            let full = Name {
                ecosystem: id.to_owned(),
                name,
            };
            for held in ledger.held(&full)? {
                if let Some((source, _)) = ecosystem.stated(&held.facts).advised_as {
                    names.insert((id.to_owned(), ecosystem::collision_key(id, &source)));
                }
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::ecosystem::Held;
    use crate::ledger::{BundleRecord, Use};
    use crate::model::{Digest, Timestamp};

    fn held(version: &str, file: &str) -> Held {
        let licence = format!("{file} of {version}");
        Held {
            artifact: Artifact::plain("npm", "x", version, file, Digest::of(licence.as_bytes())),
            size: 1,
            facts: json!({ "manifest": { "license": licence } }),
            derived: BTreeMap::new(),
        }
    }

    #[test]
    fn what_an_artifact_states_is_said_of_no_other_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::create(&folder.path().join("state.db")).unwrap();
        let all = [held("1.0.0", "x.tgz"), held("1.0.0", "y.tgz"), held("2.0.0", "x.tgz")];
        let time = Timestamp::from_seconds(1_800_000_000);
        let bundle = BundleRecord::plain(time);
        let import = ledger.begin(bundle).unwrap();
        for held in &all {
            import.artifact(held).unwrap();
        }
        import.commit(Digest::of(b"root"), None).unwrap();
        let mut remembered = OfLedger::new(&ledger);
        for held in &all {
            let Some(Use::Artifact(entry)) = ledger.uses(&held.artifact.digest).unwrap().pop() else {
                panic!("{held:?} is not held");
            };
            let stated = remembered.about(&entry, "").unwrap().stated;
            assert_eq!(stated.licence.as_deref(), held.facts["manifest"]["license"].as_str());
        }
    }
}
