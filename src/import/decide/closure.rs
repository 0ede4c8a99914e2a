//! Whether what the artifacts of a bundle cannot do without is in it or here.
//!
//! Only what every client needs is asked for, by the ecosystems that can tell ([`crate::ecosystem::Ecosystem::needs`]): a bundle that is refused for
//! something that nobody misses would teach people to switch the check off.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use super::Deciding;
use crate::ecosystem::{self, Need, purl};
use crate::import::planned::Planned;
use crate::import::verify_evidence::JudgedArtifact;
use crate::import::verify_objects::Intact;
use crate::model::{Name, Stop};

/// The most different needs that are kept: those of some 50,000 crates.
const MAX_NEEDS: usize = 200_000;

/// How many that are missing are named.
const MAX_MISSING: usize = 100;

/// What the artifacts need.
#[derive(Default)]
pub(super) struct Closure {
    /// By ecosystem and name: which versions will do, and the first artifact that asks for them.
    needs: BTreeMap<Name, BTreeMap<Option<String>, String>>,
    count: usize,
}

impl Closure {
    /// Notes what an artifact needs.
    pub(super) fn take(&mut self, judged: &JudgedArtifact) {
        let artifact = &judged.examined.artifact;
        let Some(known) = ecosystem::find(&artifact.ecosystem) else {
            return;
        };
        for need in known.needs(&judged.examined.facts) {
            self.note(&artifact.ecosystem, need, || purl(artifact));
        }
    }

    fn note(&mut self, ecosystem: &str, Need { name, requirement }: Need, by: impl FnOnce() -> String) {
        if self.count >= MAX_NEEDS {
            return;
        }
        let name = Name {
            ecosystem: ecosystem.to_owned(),
            name,
        };
        let asked = self.needs.entry(name).or_default();
        if let Entry::Vacant(place) = asked.entry(requirement) {
            place.insert(by());
            self.count += 1;
        }
    }

    /// That not all needs were kept, in words.
    fn cut(&self) -> Option<String> {
        (self.count >= MAX_NEEDS).then(|| format!("what the artifacts need after the first {MAX_NEEDS} needs"))
    }

    /// What is neither in the bundle nor here, in words; and what could not be asked.
    pub(super) fn missing(
        self,
        deciding: &Deciding<'_>,
        planned: &Planned,
        intact: &Intact,
    ) -> Result<(Vec<String>, Vec<String>), Stop> {
        if self.needs.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let Some(memory) = deciding.memory else {
            let why =
                "what the artifacts need and is not in the bundle: only the enclave knows what it holds".to_owned();
            return Ok((Vec::new(), vec![why]));
        };
        let mut not_asked = Vec::from_iter(self.cut());
        let mut open = self.needs;
        let mut artifacts = intact.examined()?;
        while let Some(examined) = artifacts.next()? {
            let name = examined.artifact.full_name();
            if let Some(asked) = open.get_mut(&name) {
                asked.retain(|requirement, _| !fits(&name, requirement.as_deref(), &examined.artifact.version));
            }
        }
        let mut missing = BTreeSet::new();
        let mut elsewhere = BTreeSet::new();
        for (name, asked) in &open {
            for (requirement, by) in asked {
                if planned.is_elsewhere(name, &|version| fits(name, requirement.as_deref(), version)) {
                    elsewhere.insert(format!("{}/{}", name.ecosystem, name.name));
                    continue;
                }
                let fitting = memory.held(name, &|version| fits(name, requirement.as_deref(), version))?;
                if fitting.is_none() {
                    let which = requirement
                        .as_deref()
                        .map_or_else(String::new, |text| format!(" {text}"));
                    missing.insert(format!("{}/{}{which}, for {by},", name.ecosystem, name.name));
                }
            }
        }
        if !elsewhere.is_empty() {
            let named: Vec<&str> = elsewhere.iter().map(String::as_str).take(MAX_MISSING).collect();
            let more = match elsewhere.len().saturating_sub(named.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            not_asked.push(format!(
                "whether what is needed is there where a lockfile has it from elsewhere: {}{more}",
                named.join(", ")
            ));
        }
        let more = missing.len().saturating_sub(MAX_MISSING);
        let mut missing: Vec<String> = missing.into_iter().take(MAX_MISSING).collect();
        if more > 0 {
            missing.push(format!("each of {more} more"));
        }
        Ok((missing, not_asked))
    }
}

fn fits(name: &Name, requirement: Option<&str>, version: &str) -> bool {
    requirement.is_none_or(|requirement| {
        ecosystem::find(&name.ecosystem)
            .and_then(|known| known.satisfies(requirement, version))
            .unwrap_or(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_needs_are_kept_than_are_asked() {
        let mut closure = Closure::default();
        let need = |number: usize| Need {
            name: number.to_string(),
            requirement: Some("1".to_owned()),
        };
        // One that several ask for counts once, for the first of them.
        closure.note("npm", need(0), || "first".to_owned());
        closure.note("npm", need(0), || "second".to_owned());
        assert_eq!(closure.count, 1);
        assert!(closure.needs.values().flat_map(BTreeMap::values).eq(["first"]));
        assert_eq!(closure.cut(), None);
        for number in 0..=MAX_NEEDS {
            closure.note("npm", need(number), String::new);
        }
        assert_eq!((closure.count, closure.needs.len()), (MAX_NEEDS, MAX_NEEDS));
        assert!(closure.cut().is_some());
    }
}
