//! Which controls of which regimes a report speaks for: satisfied, partial or not covered, with the checks that say so
//! (`bundle-spec/report.md` §6).
//!
//! The map is derived from a report's head, and never says more than was checked: a control is satisfied where every check it
//! rests on passed and nothing that it asks for is left, and not covered where none did. What it says of a regime's text is only as good
//! as that text was read, and each control says how.

mod table;

use std::fmt;

use serde::Serialize;

use super::{CheckResult, Head, Outcome, SealedMap};
use crate::crypto::strict_json;
use crate::model::{Digest, Level};
pub use table::REGIMES;

/// The version of the map: it grows with every change of a row, so that two maps of one report can be told apart.
pub const MAP_VERSION: u64 = 4;

/// Rules that belong together.
#[derive(Debug)]
pub struct Regime {
    /// A short name that is stable.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// How far its text was read.
    pub text: Text,
    /// Its controls, in its own order.
    pub controls: &'static [Control],
}

/// One rule, and on what a report's answer rests.
#[derive(Debug)]
pub struct Control {
    /// Its name within the regime.
    pub id: &'static str,
    /// What it asks, in a few words of our own.
    pub asks: &'static str,
    /// What answers it; nothing where no report does.
    pub rests_on: &'static [Basis],
    /// What it asks beyond that; empty where that is all.
    pub lacks: &'static str,
}

/// How far a regime's text was read, by those who wrote the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Text {
    /// Names and baselines in the publisher's own machine-readable catalog, the wording in a catalog viewer.
    Catalog,
    /// In what the publisher has published.
    Published,
    /// In a copy that others keep.
    Mirrored,
    /// Not in a primary text.
    NotVerified,
}

impl Text {
    /// What a reader must know.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Catalog => "names from the publisher's catalog; wording from catalog viewers",
            Self::Published => "read in the publisher's own text",
            Self::Mirrored => "read in copies that others keep",
            Self::NotVerified => "not verified in a primary text",
        }
    }
}

/// Something in a report that speaks for a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// A check, by its name.
    Check(&'static str),
    /// That artifacts reach a level of evidence.
    Reaches(Level),
    /// That the report is signed, and what that covers.
    SignedReport,
    /// That the report names the one before, so that one that is missing is found.
    ReportChain,
    /// That every artifact is listed with its digest, origin and proofs.
    Inventory,
    /// That the report says for how long it has to be kept.
    KeptFor,
    /// That advisories came with the bundle, and the policy passed.
    Advisories,
}

/// What a control came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// All that it asks was checked for this bundle, and is right.
    Satisfied,
    /// Some of it.
    Partial,
    /// None of it.
    NotCovered,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Satisfied, Self::Partial, Self::NotCovered];

    /// The word in the document.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Satisfied => "satisfied",
            Self::Partial => "partial",
            Self::NotCovered => "not-covered",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A control with what a report says of it.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// What it asks.
    pub asks: &'static str,
    /// The checks that say so.
    pub checks: Vec<Said>,
    /// Its name within the regime.
    pub control: &'static str,
    /// What it asks beyond that.
    pub lacks: Vec<&'static str>,
    /// The regime.
    pub regime: &'static str,
    /// What it came to.
    pub status: Status,
    /// How far its text was read.
    pub text: Text,
}

/// What one check says.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The check's name; those of this map have a dot in it.
    pub check: String,
    /// What it came to, in a word or a count.
    pub result: String,
    #[serde(skip)]
    strength: Strength,
}

/// How far a check carries a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    Nothing,
    Something,
    Everything,
}

/// What an enclave for evaluation can never show: one person with one key may do everything there.
pub const EVALUATION: &str = "this enclave is for an evaluation: one person and one key may do everything";

/// Answers every control of the map from a report's head.
pub fn answers(head: &Head) -> impl Iterator<Item = Answer> + use<'_> {
    REGIMES
        .iter()
        .flat_map(move |regime| regime.controls.iter().map(move |control| answer(regime, control, head)))
}

fn answer(regime: &'static Regime, control: &'static Control, head: &Head) -> Answer {
    let checks: Vec<Said> = control.rests_on.iter().map(|basis| said(*basis, head)).collect();
    let mut lacks: Vec<&'static str> = Vec::new();
    if !control.lacks.is_empty() {
        lacks.push(control.lacks);
    }
    if head.station.profile == "evaluation" && !checks.is_empty() {
        lacks.push(EVALUATION);
    }
    let strongest = checks
        .iter()
        .map(|said| said.strength)
        .max()
        .unwrap_or(Strength::Nothing);
    let weakest = checks
        .iter()
        .map(|said| said.strength)
        .min()
        .unwrap_or(Strength::Nothing);
    let status = match (strongest, weakest) {
        (Strength::Nothing, _) => Status::NotCovered,
        (_, Strength::Everything) if lacks.is_empty() => Status::Satisfied,
        _ => Status::Partial,
    };
    Answer {
        asks: control.asks,
        checks,
        control: control.id,
        lacks,
        regime: regime.id,
        status,
        text: regime.text,
    }
}

fn said(basis: Basis, head: &Head) -> Said {
    let told = |check: &str, result: &str, strength: Strength| Said {
        check: check.to_owned(),
        result: result.to_owned(),
        strength,
    };
    match basis {
        Basis::Check(id) => match head.checks.iter().find(|check| check.id == id) {
            Some(check) => told(id, check.result.word(), strength(check.result, head.outcome)),
            None => told(id, "not in this report", Strength::Nothing),
        },
        Basis::Reaches(level) => {
            let (reached, all) = reaching(level, head);
            let strength = match reached {
                0 => Strength::Nothing,
                _ if reached == all => Strength::Everything,
                _ => Strength::Something,
            };
            told(
                &format!("evidence.{level}"),
                &format!("{reached} of {all} artifacts"),
                strength,
            )
        }
        // A report that nobody signed is not rendered.
        Basis::SignedReport => told("report.signature", "pass", Strength::Everything),
        Basis::ReportChain if head.previous.is_some() || head.number == 1 => {
            told("report.chain", "pass", Strength::Everything)
        }
        Basis::ReportChain => told("report.chain", "fail", Strength::Nothing),
        // Whether it is kept so long, no report can know.
        Basis::KeptFor => match &head.retention {
            Some(keep) => told("report.retention", &keep.words(), Strength::Something),
            None => told("report.retention", "not in this report", Strength::Nothing),
        },
        Basis::Inventory if head.records.count > 0 => told(
            "report.records",
            &format!("{} artifacts", head.records.count),
            Strength::Everything,
        ),
        Basis::Inventory => told("report.records", "no artifacts", Strength::Nothing),
        Basis::Advisories => {
            let came = head
                .bundle
                .as_ref()
                .is_some_and(|bundle| bundle.side_data.contains_key("advisories"));
            let passed = head
                .checks
                .iter()
                .any(|check| check.id == "policy" && check.result == CheckResult::Pass);
            match (came, passed) {
                (false, _) => told("policy.advisories", "none came", Strength::Nothing),
                (true, true) => told("policy.advisories", "pass", Strength::Everything),
                (true, false) => told("policy.advisories", "some", Strength::Something),
            }
        }
    }
}

/// A check that failed was made, and what it found was kept out; that is something, and never everything.
const fn strength(result: CheckResult, outcome: Outcome) -> Strength {
    match (result, outcome) {
        (CheckResult::Pass, _) => Strength::Everything,
        (CheckResult::Warn | CheckResult::Waived, _) | (CheckResult::Fail, Outcome::Refused) => Strength::Something,
        _ => Strength::Nothing,
    }
}

/// How many artifacts reach a level, of how many.
fn reaching(level: Level, head: &Head) -> (u64, u64) {
    let mut reached = 0_u64;
    let mut all = 0_u64;
    for tally in &head.ecosystems {
        all = all.saturating_add(tally.artifacts);
        for enough in Level::ALL.iter().filter(|one| **one >= level) {
            reached = reached.saturating_add(tally.levels.get(enough.word()).copied().unwrap_or_default());
        }
    }
    (reached, all)
}

/// The map of a head as one document.
pub(super) fn document(head: &Head) -> serde_json::Value {
    serde_json::json!({ "map": MAP_VERSION, "answers": answers(head).collect::<Vec<_>>() })
}

/// What a head says of the map that it gives. All else that it says must stand there before.
pub fn sealed(head: &Head) -> SealedMap {
    SealedMap {
        digest: Digest::of(&strict_json::write(&document(head))),
        map: MAP_VERSION,
    }
}

/// What a reader must know where the map that is shown is not the one that was sealed.
pub fn since_sealed(head: &Head) -> Option<String> {
    let sealed = head.control_map?;
    (sealed != self::sealed(head)).then(|| {
        format!(
            "made anew by version {MAP_VERSION} of the table; when the report was sealed, version {} gave another one, {}",
            sealed.map, sealed.digest
        )
    })
}

/// How many controls of a regime came to each status, in the order of [`Status::ALL`].
pub fn counts(regime: &'static Regime, head: &Head) -> [u64; 3] {
    let mut counts = [0; 3];
    for control in regime.controls {
        let status = answer(regime, control, head).status;
        for (count, one) in counts.iter_mut().zip(Status::ALL) {
            *count += u64::from(one == status);
        }
    }
    counts
}

#[cfg(test)]
pub(super) mod tests;
