//! What the log tells of the generations: which there were, what each showed, and which were removed.

use std::collections::BTreeMap;

use crate::ledger::{GenerationRecord, StatementRecord};
use crate::log::Leaf;
use crate::model::Digest;

/// The statement of which a leaf tells, if it is such a leaf.
pub(super) fn statement(leaf: &Leaf) -> Option<StatementRecord> {
    match leaf {
        Leaf::Statement {
            digest,
            number,
            time,
            what,
        } => Some(StatementRecord {
            number: *number,
            what: what.clone(),
            digest: *digest,
            time: *time,
        }),
        _ => None,
    }
}

/// Everything that the log tells of what clients found.
#[derive(Debug, Default)]
pub(super) struct History {
    // What each generation showed, also those that were removed.
    shown: BTreeMap<u64, Digest>,
    kept: BTreeMap<u64, Digest>,
    wrong: Vec<String>,
    has_recheck: bool,
}

impl History {
    /// Takes the next leaf.
    pub(super) fn take(&mut self, leaf: &Leaf) {
        match leaf {
            Leaf::Artifact { .. } | Leaf::Statement { .. } => {}
            Leaf::Recheck { lines, .. } => self.has_recheck |= lines.is_none(),
            Leaf::Attempt {
                generation, repository, ..
            } => {
                if let (Some(number), Some(root)) = (generation, repository) {
                    self.add(*number, *root);
                }
            }
            Leaf::Rollback { generation, to, .. } => match self.shown.get(to).copied() {
                Some(root) => self.add(*generation, root),
                // It came before the log was begun.
                None => {
                    self.kept.remove(generation);
                }
            },
            Leaf::Sweep { generations, .. } => {
                for number in generations {
                    self.kept.remove(number);
                }
            }
        }
    }

    /// Whether judgements were put in the place of those of the imports, of which no journal was kept.
    pub(super) const fn has_recheck(&self) -> bool {
        self.has_recheck
    }

    fn add(&mut self, number: u64, root: Digest) {
        if self.shown.insert(number, root).is_some() {
            self.wrong.push(format!("the log tells of generation {number} twice"));
        }
        self.kept.insert(number, root);
    }

    /// What is wrong with the generations of state.db. Those from before the log was begun are not judged.
    pub(super) fn compare(&self, held: &[GenerationRecord]) -> Vec<String> {
        let mut wrong = self.wrong.clone();
        for (number, root) in &self.kept {
            match held.iter().find(|generation| generation.number == *number) {
                None => wrong.push(format!("generation {number}, of which the log tells, is not in it")),
                Some(generation) if generation.root != *root => wrong.push(format!(
                    "generation {number} shows {} in it, and {root} in the log",
                    generation.root
                )),
                Some(_) => {}
            }
        }
        let first = self.shown.keys().next();
        for generation in held {
            let is_known = self.kept.contains_key(&generation.number);
            let is_judged = first.is_some_and(|first| generation.number >= *first) && generation.bundle.is_some();
            if !is_known && is_judged {
                wrong.push(format!(
                    "it holds generation {}, of which the log tells nothing",
                    generation.number
                ));
            }
        }
        wrong
    }
}
