//! The last bundle of a stream once more, for what persons have admitted of it since (`bundle-spec/policy.md` §8).
//!
//! It is judged as a whole, and all of the policy is asked; but only what is admitted and was not taken before goes on. What the enclave remembers is asked
//! as if the bundle had not been here: its own names, floors and publishers do not count against what came with them, so that persons' decisions fit.

use std::collections::HashSet;

use super::admit::objects_of;
use super::decision::{Admission, ArtifactDecision};
use super::remembered::{Recollection, Remembered};
use super::waiting::keep_waiting;
use super::{Deciding, Weighed};
use crate::import::reviews;
use crate::ledger::Ledger;
use crate::model::{Artifact, Digest, Name, Stop};

/// What is new of a bundle that came once more.
#[derive(Default)]
pub(super) struct New {
    artifacts: HashSet<(Name, String, String)>,
    pub(super) names: HashSet<Name>,
    pub(super) objects: HashSet<Digest>,
}

impl New {
    fn add(&mut self, artifact: &Artifact) {
        self.artifacts.insert(coordinates(artifact));
        self.names.insert(artifact.full_name());
        self.objects.extend(objects_of(artifact));
    }

    pub(super) fn has(&self, artifact: &Artifact) -> bool {
        self.artifacts.contains(&coordinates(artifact))
    }

    pub(super) fn count(&self) -> u64 {
        self.artifacts.len() as u64
    }
}

fn coordinates(artifact: &Artifact) -> (Name, String, String) {
    (artifact.full_name(), artifact.version.clone(), artifact.file.clone())
}

impl Weighed {
    /// Of a bundle that came once more: how many artifacts are new, and admitted.
    pub(in crate::import) fn new_artifacts(&self) -> Option<u64> {
        self.only.as_ref().map(New::count)
    }

    /// Leaves only what is admitted and was not taken with the bundle before. Says whether there is something.
    pub(in crate::import) fn leave_only_new(&mut self, before: &BeforeBundle<'_>) -> Result<bool, Stop> {
        let mut only = New::default();
        let mut artifacts = self.artifacts()?;
        while let Some(artifact) = artifacts.next()? {
            let (admission, artifact) = (artifact.decided.admission, &artifact.judged.examined.artifact);
            if admission.is_admitted() && !before.was_taken(artifact)? {
                only.add(artifact);
            }
        }
        let is_any = only.count() > 0;
        self.only = Some(only);
        Ok(is_any)
    }

    /// Lists what still waits, where nothing is taken.
    pub(in crate::import) fn list_waiting(&self, deciding: &Deciding<'_>) -> Result<(), Stop> {
        match deciding.waiting {
            Some(_) if self.decisions.count(Admission::Waiting) > 0 => {
                keep_waiting(self.judged.intact().staging(), deciding.waiting)
            }
            Some(place) => {
                reviews::remove_list(place);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// What an enclave remembers, as if a bundle had not been here.
pub(in crate::import) struct BeforeBundle<'a> {
    ledger: &'a Ledger,
    manifest: Digest,
}

impl<'a> BeforeBundle<'a> {
    pub(in crate::import) const fn new(ledger: &'a Ledger, manifest: Digest) -> Self {
        Self { ledger, manifest }
    }

    fn was_taken(&self, artifact: &Artifact) -> Result<bool, Stop> {
        Ok(self.ledger.was_taken(artifact, &self.manifest)?)
    }
}

impl Recollection for BeforeBundle<'_> {
    fn knows(&self, name: &Name) -> Result<bool, Stop> {
        Ok(self.ledger.knew_before(name, &self.manifest)?)
    }

    fn of(&self, name: &Name) -> Result<Remembered, Stop> {
        let own: Vec<ArtifactDecision> = self
            .ledger
            .decisions_of(name, &self.manifest)?
            .iter()
            .filter_map(|text| ArtifactDecision::read(text))
            .collect();
        // The floor is the bundle's own work if nothing else has raised it further; then the one of before counts.
        let raised = own.iter().map(|decision| decision.decision.reached).max();
        let floor = match (self.ledger.floor(name)?, raised) {
            (Some(floor), Some(raised)) if raised >= floor => own.iter().filter_map(|decision| decision.floor).max(),
            (floor, _) => floor,
        };
        Ok(Remembered {
            floor,
            name: name.clone(),
            pinned: self.ledger.signers_beside(name, &self.manifest)?,
            is_known: self.knows(name)?,
        })
    }

    fn each_name(&self, ecosystem: &str, visit: &mut dyn FnMut(&str)) -> Result<(), Stop> {
        self.ledger.names_before(ecosystem, &self.manifest, |name| {
            visit(name);
            Ok::<_, Stop>(())
        })
    }

    fn held(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> Result<Option<String>, Stop> {
        Recollection::held(self.ledger, name, fits)
    }
}
