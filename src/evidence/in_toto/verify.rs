//! The checks, in the order of the specification (§5.2 to §5.3): the layout's signatures and its expiry, each step's links, the rules,
//! and whether the artifact is what came out.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{Inspection, Layout, Link, Step};
use super::rules::{Budget, Item, Rule, Side, apply};
use crate::evidence::reading::shown;
use crate::evidence::securesystems::Document;
use crate::evidence::sigstore::refusal::Refusal;
use crate::evidence::sigstore::statement::{Comparison, Digests, Subject};
use crate::model::{Digest, Doubt, Fault, Outcome, Timestamp};

/// How much of a chain is told: who took the first steps, and what is said beside.
const MAX_TOLD: usize = 64;

/// A layout whose steps were all taken as it asks.
pub(super) struct Chain {
    layout: Layout,
    /// The link of each step, by its place among the proof's; of several that agree, one.
    steps: BTreeMap<String, usize>,
    pub(super) claims: Vec<(String, String)>,
    /// Who took the steps.
    pub(super) functionaries: BTreeSet<Digest>,
    pub(super) notes: Vec<String>,
}

impl Chain {
    /// Checks what does not depend on an artifact.
    pub(super) fn check(document: &Document, links: &[Link], at: Timestamp) -> Result<Self, Refusal> {
        let layout = Layout::read(&document.signed)?;
        if layout.expires <= at {
            let reason = format!("the layout ran out at {}", layout.expires);
            return Err(Refusal::wrong(Fault::Expired, reason));
        }
        let mut chain = Self {
            steps: BTreeMap::new(),
            claims: Vec::new(),
            functionaries: BTreeSet::new(),
            notes: Vec::new(),
            layout,
        };
        for step in &chain.layout.steps {
            let (place, signers) = link_of(step, links, &chain.layout)?;
            chain.steps.insert(step.name.clone(), place);
            chain.functionaries.extend(signers.iter().copied());
            for signer in signers {
                let claim = format!("{} by {signer}", shown(&step.name));
                chain.claims.push(("step".to_owned(), claim));
            }
            // A warning, by §4.3.1: commands are written in many ways.
            if !step.command.is_empty() && step.command != links[place].command {
                let note = format!(
                    "step `{}` was taken by another command than expected",
                    shown(&step.name)
                );
                chain.notes.push(note);
            }
        }
        chain.claims.truncate(MAX_TOLD);
        let mut budget = Budget::new();
        let items = chain.items(links);
        for step in &chain.layout.steps {
            let Some(item) = items.get(step.name.as_str()) else {
                continue;
            };
            apply(&step.materials, Side::Materials, item, &items, &mut budget)?;
            apply(&step.products, Side::Products, item, &items, &mut budget)?;
        }
        drop(items);
        for inspection in &chain.layout.inspections {
            let note = format!("inspection `{}` is a command, and was not run", shown(&inspection.name));
            chain.notes.push(note);
        }
        chain.notes.truncate(MAX_TOLD);
        Ok(chain)
    }

    fn items<'l>(&'l self, links: &'l [Link]) -> BTreeMap<&'l str, Item<'l>> {
        let steps = self
            .steps
            .iter()
            .filter_map(|(name, place)| Some((name.as_str(), links.get(*place)?)));
        steps
            .map(|(name, link)| {
                let item = Item {
                    name,
                    materials: &link.materials,
                    products: &link.products,
                };
                (name, item)
            })
            .collect()
    }

    /// Finds the step whose product the artifact is: the one to which an inspection matches what it is given, otherwise the last.
    /// What came out of other steps was not meant to leave.
    pub(super) fn find(&self, links: &[Link], digests: &mut Digests<'_>) -> Result<String, Refusal> {
        let items = self.items(links);
        let mut budget = Budget::new();
        let mut found = None;
        for inspection in &self.layout.inspections {
            if let Some(step) = matched(inspection, &items, digests, &mut budget)? {
                found = Some(step);
            }
        }
        if let Some(step) = found {
            return Ok(shown(&step));
        }
        let last = self.layout.steps.last().and_then(|step| items.get(step.name.as_str()));
        let last = last.ok_or_else(|| Refusal::doubt(Doubt::Incomplete, "the layout has no last step"))?;
        let file = digests.artifact().file.as_str();
        let mut best = Refusal::wrong(
            Fault::SubjectDiffers,
            format!("no file `{file}` came out of the last step, `{}`", shown(last.name)),
        );
        for (path, stated) in last.products {
            let is_called = path
                .strip_suffix(file)
                .is_some_and(|front| front.is_empty() || front.ends_with('/'));
            if !is_called {
                continue;
            }
            match compare(path, stated, digests)? {
                Comparison::Same => return Ok(shown(last.name)),
                Comparison::Differs => best = other_bytes(path, last.name),
                Comparison::Unknown => {
                    best = Refusal::doubt(
                        Doubt::UnknownAlgorithm,
                        format!("the file `{}` has no digest that is known here", shown(path)),
                    );
                }
            }
        }
        Err(best)
    }
}

fn other_bytes(path: &str, step: &str) -> Refusal {
    let reason = format!(
        "the file `{}` that came out of step `{}` has other bytes",
        shown(path),
        shown(step)
    );
    Refusal::wrong(Fault::SubjectDiffers, reason)
}

fn compare(path: &str, stated: &BTreeMap<String, String>, digests: &mut Digests<'_>) -> Result<Comparison, Refusal> {
    digests.compare(&Subject {
        name: path.to_owned(),
        digests: stated.clone(),
    })
}

/// Applies an inspection's rules about what is brought to it to the artifact alone: the step whose product it has to be, `None` if they
/// let it pass without.
fn matched(
    inspection: &Inspection,
    items: &BTreeMap<&str, Item<'_>>,
    digests: &mut Digests<'_>,
    budget: &mut Budget,
) -> Result<Option<String>, Refusal> {
    let file = digests.artifact().file.clone();
    let mut differs = None;
    for rule in &inspection.materials {
        match rule {
            Rule::Match(rule) => {
                let Some(other) = rule.other_path(&file, budget)? else {
                    continue;
                };
                let item = items.get(rule.step.as_str());
                let Some(stated) = item.and_then(|item| item.of(rule.side).get(&other)) else {
                    continue;
                };
                match compare(&other, stated, digests)? {
                    Comparison::Same if rule.side == Side::Products => return Ok(Some(rule.step.clone())),
                    Comparison::Same => return Ok(None),
                    Comparison::Differs => differs = Some(other_bytes(&other, &rule.step)),
                    Comparison::Unknown => {}
                }
            }
            Rule::Allow(pattern) if budget.fits(pattern, &file)? => return Ok(None),
            Rule::Disallow(pattern) if budget.fits(pattern, &file)? => {
                let reason = format!("inspection `{}` disallows the file `{file}`", shown(&inspection.name));
                return Err(differs.unwrap_or_else(|| Refusal::wrong(Fault::ChainWrong, reason)));
            }
            // About files that the inspection's command makes, changes or takes away, or about others.
            _ => {}
        }
    }
    differs.map_or(Ok(None), Err)
}

/// Finds the link of a step, signed by as many of those who may take it as the layout asks for (§5.2), and who they are.
fn link_of(step: &Step, links: &[Link], layout: &Layout) -> Result<(usize, BTreeSet<Digest>), Refusal> {
    let name = shown(&step.name);
    let mut first: Option<usize> = None;
    let mut signers = BTreeSet::new();
    let mut best = Refusal::doubt(Doubt::Incomplete, format!("step `{name}` has no link"));
    for (place, link) in links.iter().enumerate().filter(|(_, link)| link.name == step.name) {
        let own = link
            .document
            .signers(&layout.keys, step.keys.iter().map(String::as_str));
        if own.is_empty() {
            let refusal = why_not(step, link, layout);
            if best.weight() < refusal.weight() || best.outcome == Outcome::Undecided(Doubt::Incomplete) {
                best = refusal;
            }
            continue;
        }
        signers.extend(own);
        match first.map(|first| &links[first]) {
            Some(first) if first.materials != link.materials || first.products != link.products => {
                let reason = format!("the links of step `{name}` do not agree about its files");
                return Err(Refusal::wrong(Fault::ChainWrong, reason));
            }
            Some(_) => {}
            None => first = Some(place),
        }
    }
    let found = u64::try_from(signers.len()).unwrap_or(u64::MAX);
    match first {
        Some(place) if found >= step.threshold => Ok((place, signers)),
        Some(_) if best.weight() < 3 => Err(Refusal::doubt(
            Doubt::Incomplete,
            format!(
                "step `{name}` was taken by {found} of the {} who have to",
                step.threshold
            ),
        )),
        _ => Err(best),
    }
}

/// Why a link counts for nothing.
fn why_not(step: &Step, link: &Link, layout: &Layout) -> Refusal {
    let name = shown(&step.name);
    let hints: Vec<&str> = link.document.hints().collect();
    let allowed = || hints.iter().filter(|hint| step.keys.iter().any(|id| id == *hint));
    if allowed().any(|hint| layout.keys.get(*hint).is_some_and(Option::is_some)) {
        let reason = format!("the link of step `{name}` has a signature that does not fit");
        return Refusal::wrong(Fault::SignatureWrong, reason);
    }
    if allowed().next().is_some() {
        let reason = format!("the link of step `{name}` is signed by a key that is not known here");
        return Refusal::doubt(Doubt::UnknownAlgorithm, reason);
    }
    if let Some(signer) = link.document.signers(&layout.keys, hints).first() {
        let reason = format!("step `{name}` was taken by {signer}, who may not by the layout");
        return Refusal::wrong(Fault::IdentityDiffers, reason);
    }
    let reason = format!("the link of step `{name}` is signed by nobody whom the layout names");
    Refusal::doubt(Doubt::UnknownSigner, reason)
}
