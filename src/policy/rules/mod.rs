//! The rules, one file for each matter, in the order in which their findings are listed (`bundle-spec/policy.md` §4). Each takes a case and adds hits;
//! none of them looks at what another found.

mod advisories;
mod age;
mod bundle;
mod custody;
mod evidence;
mod licence;
mod listed;
mod names;
mod scan;

pub(crate) use advisories::advisories;
pub(crate) use age::age;
pub(crate) use bundle::{bundle, revocations_now};
pub(crate) use custody::custody;
pub(crate) use evidence::{Required, contradictions, evidence, required};
pub(crate) use licence::licence;
pub(crate) use listed::{denied, internal};
pub(crate) use names::names;
pub(crate) use scan::scan;

use super::{Action, Day, Hit, Verdict};
use crate::model::{Code, Fault, Timestamp};

/// Hits, as rules add them.
#[derive(Debug, Default)]
pub(crate) struct Hits(pub(crate) Vec<Hit>);

impl Hits {
    /// Adds what a rule found. What its action passes over is left out.
    pub(crate) fn add(&mut self, code: Code, action: Action, rule: &str, message: String, solution: &str) {
        if action != Action::Allow {
            let (rule, solution) = (rule.to_owned(), solution.to_owned());
            self.0
                .push(Hit::new(code, Verdict::from(action), rule, message, solution));
        }
    }

    /// Says what is wrong with the proof that was added last.
    pub(crate) fn about(&mut self, fault: Fault) {
        if let Some(last) = self.0.last_mut() {
            last.fault = Some(fault);
        }
    }

    /// Lets a waiver of another code lift what was added last, too.
    pub(crate) fn lifted_as(&mut self, code: Code) {
        if let Some(last) = self.0.last_mut() {
            last.also = Some(code);
        }
    }

    /// Runs a rule that counts from some day on: before that, what it adds is only mentioned.
    pub(crate) fn since(&mut self, effective: Option<Day>, now: Timestamp, rule: impl FnOnce(&mut Self)) {
        let before = self.0.len();
        rule(self);
        if let Some(day) = effective.filter(|day| day.start() > now) {
            for hit in &mut self.0[before..] {
                hit.verdict = Verdict::Allow;
                hit.counts_from = Some(day);
            }
        }
    }
}

/// So many days, in words.
pub(crate) fn days(count: i64) -> String {
    if count == 1 {
        "1 day".to_owned()
    } else {
        format!("{count} days")
    }
}

/// Whole days from one time to another; none if it lies before.
pub(crate) fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    to.seconds().saturating_sub(from.seconds()).max(0) / 86_400
}
