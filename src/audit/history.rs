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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn time() -> Timestamp {
        Timestamp::from_seconds(1)
    }

    fn imported(generation: u64) -> Leaf {
        Leaf::Attempt {
            bundle: Some(Digest::of(b"manifest")),
            codes: Vec::new(),
            count: 0,
            created: time(),
            generation: Some(generation),
            outcome: "imported".to_owned(),
            previous: None,
            records: Digest::of(b""),
            report: generation,
            repository: Some(root(generation)),
        }
    }

    fn root(generation: u64) -> Digest {
        Digest::of(&generation.to_be_bytes())
    }

    fn held(number: u64) -> GenerationRecord {
        GenerationRecord {
            number,
            root: root(number),
            bundle: Some(Digest::of(b"manifest")),
            time: time(),
            note: String::new(),
        }
    }

    fn rollback(generation: u64, to: u64) -> Leaf {
        Leaf::Rollback {
            generation,
            reason: "test".to_owned(),
            time: time(),
            to,
        }
    }

    fn wrong(leaves: &[Leaf], held: &[GenerationRecord]) -> Vec<String> {
        let mut history = History::default();
        leaves.iter().for_each(|leaf| history.take(leaf));
        history.compare(held)
    }

    #[test]
    fn what_log_and_state_tell_alike_is_right() {
        let swept = Leaf::Sweep {
            generations: vec![3],
            time: time(),
        };
        let again = GenerationRecord {
            root: root(3),
            bundle: None,
            ..held(5)
        };
        let leaves = [imported(3), imported(4), rollback(5, 3), swept];
        assert_eq!(wrong(&leaves, &[held(4), again]), [""; 0]);
        assert_eq!(wrong(&[], &[]), [""; 0]);
    }

    #[test]
    fn each_generation_that_only_one_of_them_tells_of_is_named() {
        let both = [imported(3), imported(4)];
        assert_eq!(
            wrong(&both, &[held(3)]),
            ["generation 4, of which the log tells, is not in it"]
        );
        let other = GenerationRecord {
            root: root(9),
            ..held(4)
        };
        let told = format!("generation 4 shows {} in it, and {} in the log", root(9), root(4));
        assert_eq!(wrong(&both, &[held(3), other]), [told]);
        assert_eq!(
            wrong(&both, &[held(3), held(4), held(5)]),
            ["it holds generation 5, of which the log tells nothing"]
        );
        assert_eq!(
            wrong(&[imported(3), imported(3)], &[held(3)]),
            ["the log tells of generation 3 twice"]
        );
        assert_eq!(
            wrong(&[imported(3), rollback(3, 3)], &[held(3)]),
            ["the log tells of generation 3 twice"]
        );
    }

    #[test]
    fn what_came_before_the_log_was_begun_is_not_judged() {
        // Generations before the log's first one, and what shows one of them again.
        assert_eq!(wrong(&[imported(3)], &[held(1), held(2), held(3)]), [""; 0]);
        let again = GenerationRecord {
            bundle: None,
            ..held(4)
        };
        assert_eq!(
            wrong(&[imported(3), rollback(4, 1)], &[held(1), held(3), again]),
            [""; 0]
        );
    }
}
