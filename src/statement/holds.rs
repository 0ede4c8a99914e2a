//! The holds that are in force, and what they are about.

use std::collections::BTreeSet;

use super::{Body, Hold, Scope, Stated, Statements};
use crate::ecosystem::purl;
use crate::ledger::{Entry, Filter, GenerationRecord, Ledger, LedgerError, Presence, rests_on, search_key};
use crate::model::{Digest, Timestamp};
use crate::report::{Head, Record};

/// A hold with what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held<'s> {
    /// The statement.
    pub stated: &'s Stated,
    /// What it says.
    pub hold: &'s Hold,
    /// The release that ended it.
    pub released: Option<&'s Stated>,
}

/// Every hold, and which are in force.
#[derive(Debug, Default)]
pub struct Holds<'s> {
    all: Vec<Held<'s>>,
}

impl<'s> Holds<'s> {
    /// The holds among statements that count.
    pub fn of(statements: &'s Statements) -> Self {
        let mut all: Vec<Held<'s>> = Vec::new();
        for stated in statements.counting() {
            match &stated.body {
                Body::Hold(hold) => all.push(Held {
                    stated,
                    hold,
                    released: None,
                }),
                // Only a hold that was there before can be ended.
                Body::Release(release) => {
                    let ended = all.iter_mut().filter(|held| held.stated.record.digest == release.hold);
                    ended.for_each(|held| held.released = held.released.or(Some(stated)));
                }
                _ => {}
            }
        }
        Self { all }
    }

    /// Every hold, in the order in which they were made.
    pub fn all(&self) -> &[Held<'s>] {
        &self.all
    }

    /// Those in force.
    pub fn active(&self) -> impl Iterator<Item = &Held<'s>> {
        self.all.iter().filter(|held| held.released.is_none())
    }

    /// Whether everything is held.
    pub fn is_everything(&self) -> bool {
        self.active()
            .any(|held| matches!(held.hold.scope, Scope::Everything {}))
    }

    fn those(&self, mut is_meant: impl FnMut(&Scope) -> bool) -> BTreeSet<String> {
        self.active()
            .filter(|held| matches!(held.hold.scope, Scope::Everything {}) || is_meant(&held.hold.scope))
            .map(|held| held.hold.name.clone())
            .collect()
    }

    /// The names of the holds on a report, as far as its head tells.
    pub fn on_report(&self, head: &Head) -> BTreeSet<String> {
        let manifest = head.bundle.as_ref().map(|bundle| bundle.manifest);
        self.those(|scope| match scope {
            Scope::Bundle { manifest: wanted } => manifest == Some(*wanted),
            Scope::Key { key } => is_among(key, head.people.iter().flat_map(|person| &person.keys)),
            scope => scope.spans(head.created),
        })
    }

    /// Whether the records of a report have to be read too.
    pub fn needs_records(&self) -> bool {
        self.active()
            .any(|held| matches!(held.hold.scope, Scope::Purl { .. } | Scope::Key { .. }))
    }

    /// The names of the holds on an artifact in a report.
    pub fn on_record(&self, record: &Record) -> BTreeSet<String> {
        self.those(|scope| match scope {
            Scope::Key { key } => record.findings.iter().any(|finding| rests_on(finding, key)),
            scope => scope.names(&record.purl),
        })
    }

    /// The names of the holds on a document about a bundle, or about artifacts of it.
    pub fn on_document(
        &self,
        manifest: Option<&Digest>,
        created: Timestamp,
        purls: &[String],
        keys: &[String],
    ) -> BTreeSet<String> {
        self.those(|scope| match scope {
            Scope::Bundle { manifest: wanted } => manifest == Some(wanted),
            Scope::Key { key } => is_among(key, keys),
            scope => scope.spans(created) || purls.iter().any(|purl| scope.names(purl)),
        })
    }

    /// The names of the holds on an artifact that is or was held.
    pub fn on_entry(&self, ledger: &Ledger, entry: &Entry) -> Result<BTreeSet<String>, LedgerError> {
        let bundles = [&entry.first_bundle, &entry.last_bundle];
        let (mut findings, mut keys) = (Vec::new(), Vec::new());
        if self.active().any(|held| matches!(held.hold.scope, Scope::Key { .. })) {
            findings = ledger
                .judgement(entry)?
                .map_or_else(Vec::new, |judgement| judgement.findings);
            for bundle in bundles {
                keys.extend(ledger.export_keys(&bundle.manifest)?);
            }
        }
        let url = purl(&entry.artifact);
        Ok(self.those(|scope| match scope {
            Scope::Bundle { manifest } => bundles.iter().any(|bundle| bundle.manifest == *manifest),
            Scope::Key { key } => is_among(key, &keys) || findings.iter().any(|finding| rests_on(finding, key)),
            scope => scope.names(&url) || bundles.iter().any(|bundle| scope.spans(bundle.imported)),
        }))
    }

    /// The generations among some that a hold keeps: those of the days, of the bundle, and of the bundles that brought what is held.
    pub fn on_generations(
        &self,
        ledger: &Ledger,
        generations: &[GenerationRecord],
    ) -> Result<BTreeSet<u64>, LedgerError> {
        let mut brought: BTreeSet<Digest> = BTreeSet::new();
        let manifests = |entry: &Entry| [entry.first_bundle.manifest, entry.last_bundle.manifest];
        for held in self.active() {
            match &held.hold.scope {
                Scope::Key { key } => ledger.resting_on(key, |entry| {
                    brought.extend(manifests(&entry));
                    Ok::<_, LedgerError>(())
                })?,
                scope @ Scope::Purl { .. } => {
                    let filter = Filter {
                        presence: Presence::Any,
                        ..Filter::default()
                    };
                    ledger.list(&filter, |entry| {
                        if scope.names(&purl(&entry.artifact)) {
                            brought.extend(manifests(&entry));
                        }
                        Ok::<_, LedgerError>(())
                    })?;
                }
                Scope::Bundle { manifest } => {
                    brought.insert(*manifest);
                }
                Scope::Dates { .. } | Scope::Everything {} => {}
            }
        }
        let is_kept = |generation: &&GenerationRecord| {
            self.is_everything()
                || generation.bundle.is_some_and(|bundle| brought.contains(&bundle))
                || self.active().any(|held| held.hold.scope.spans(generation.time))
        };
        Ok(generations
            .iter()
            .filter(is_kept)
            .map(|generation| generation.number)
            .collect())
    }
}

/// Whether a key is among others, however it is spelt.
fn is_among<'k>(key: &str, keys: impl IntoIterator<Item = &'k String>) -> bool {
    let wanted = search_key(key);
    keys.into_iter().any(|key| search_key(key) == wanted)
}
