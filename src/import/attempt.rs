//! What a report says of the attempt itself: when its steps ended, on which machine, with which program and cryptography, and what it belongs to
//! (`bundle-spec/report.md` §2).

use std::collections::BTreeMap;

use super::checks::Step;
use crate::model::Timestamp;
use crate::report::{CryptoModule, Cryptography, Handling, Host, Program};

/// What only whoever runs an attempt can know of it. What is not there stands in no report.
#[derive(Clone, Default)]
pub struct Circumstances<'a> {
    /// Reads the machine's clock: only to write down when steps ended.
    pub clock: Option<&'a dyn Fn() -> Timestamp>,
    /// What it belongs to.
    pub handling: Handling,
    /// The machine.
    pub host: Option<Host>,
    /// The program's own file; waited for when the report is written.
    pub program: Option<&'a dyn Fn() -> Option<Program>>,
}

impl Circumstances<'_> {
    /// The program's own file. That it cannot be read is told: whoever asked for it must not take silence for an answer.
    pub(super) fn program(&self, not_checked: &mut Vec<String>) -> Option<Program> {
        let program = (self.program?)();
        if program.is_none() {
            not_checked.push("which program wrote this: its own file cannot be read".to_owned());
        }
        program
    }
}

/// When the steps of an attempt ended.
#[derive(Debug, Default)]
pub(super) struct StepTimes(BTreeMap<Step, Timestamp>);

impl StepTimes {
    /// A step ended, or is where the attempt ends.
    pub(super) fn ended(&mut self, step: Step, time: Option<Timestamp>) {
        if let Some(time) = time {
            // Whoever sets the clock back meanwhile does not make a step end before it began.
            let latest = self.0.values().max().copied().unwrap_or(time);
            self.0.entry(step).or_insert(time.max(latest));
        }
    }

    /// The attempt ended in the step after one that was reached.
    pub(super) fn failed(&mut self, reached: Step, time: Option<Timestamp>) {
        if let Some(next) = reached.next() {
            self.ended(next, time);
        }
    }

    /// When the checks of a step began and ended: they begin together, when the step before has ended.
    pub(super) fn of(&self, step: Step) -> (Option<Timestamp>, Option<Timestamp>) {
        let before = self.0.range(..step).next_back();
        (before.map(|(_, time)| *time), self.0.get(&step).copied())
    }
}

/// The modules that compute what an attempt rests on, as they are built into this program. None of them is a validated build of its module.
const MODULES: [(&str, &str, &str); 4] = [
    ("aws-lc-rs", "1.19.0", "signatures with ECDSA and RSA"),
    ("ed25519-dalek", "3.0.0", "signatures with Ed25519"),
    ("sequoia-openpgp", "2.4.2", "OpenPGP signatures"),
    ("sha2", "0.11.1", "digests"),
];

/// The algorithms of seals, digests and reports (`bundle-spec/seal.md` §3): those of publishers' proofs stand in each finding.
const ALGORITHMS: [&str; 4] = [
    "SHA-256",
    "Ed25519",
    "ECDSA P-256 with SHA-256",
    "ECDSA P-384 with SHA-384",
];

/// With what this program judges.
pub(super) fn cryptography() -> Cryptography {
    Cryptography {
        algorithms: ALGORITHMS.map(str::to_owned).to_vec(),
        modules: MODULES
            .map(|(name, version, used_for)| CryptoModule {
                certificate: None,
                name: name.to_owned(),
                used_for: used_for.to_owned(),
                version: version.to_owned(),
            })
            .to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modules_are_those_that_are_built_in() {
        let lock = include_str!("../../Cargo.lock");
        let packages: Vec<&str> = lock.split("[[package]]\n").collect();
        let entry = |name: &str| format!("name = \"{name}\"\n");
        let ours = packages.iter().find(|one| one.starts_with(&entry("sealift"))).unwrap();
        for (name, version, _) in MODULES {
            // Where there are several versions of a crate, Cargo names the one that is meant.
            let of_name: Vec<_> = packages.iter().filter(|one| one.starts_with(&entry(name))).collect();
            let meant = match of_name.as_slice() {
                [_] => format!(" \"{name}\","),
                _ => format!(" \"{name} {version}\","),
            };
            assert!(ours.contains(&meant), "{name} {version}");
            let line = format!("version = \"{version}\"\n");
            assert!(of_name.iter().any(|one| one.contains(&line)), "{name} {version}");
        }
    }

    #[test]
    fn a_program_that_cannot_be_read_is_told_and_one_that_nobody_asked_for_is_not() {
        let program = Program {
            bytes: 1,
            digest: crate::model::Digest::of(b"x"),
        };
        let asked = |answer: Option<&dyn Fn() -> Option<Program>>| {
            let mut told = Vec::new();
            let circumstances = Circumstances {
                program: answer,
                ..Circumstances::default()
            };
            (circumstances.program(&mut told), told.len())
        };
        assert_eq!(asked(None), (None, 0));
        assert_eq!(asked(Some(&|| Some(program))), (Some(program), 0));
        assert_eq!(asked(Some(&|| None)), (None, 1));
    }

    #[test]
    fn the_checks_of_a_step_begin_when_the_step_before_has_ended() {
        let time = |seconds| Some(Timestamp::from_seconds(seconds));
        let mut times = StepTimes::default();
        times.ended(Step::Begun, time(1));
        times.ended(Step::Opened, time(2));
        times.ended(Step::Authenticated, time(5));
        times.ended(Step::Authenticated, time(9));
        assert_eq!(times.of(Step::Opened), (time(1), time(2)));
        assert_eq!(times.of(Step::Authenticated), (time(2), time(5)), "the first counts");
        assert_eq!(times.of(Step::Intact), (time(5), None));
        times.ended(Step::Intact, time(4));
        assert_eq!(
            times.of(Step::Intact),
            (time(5), time(5)),
            "no step ends before it began"
        );
        times.ended(Step::Trusted, None);
        assert_eq!(times.of(Step::Trusted), (time(5), None));
        times.failed(Step::Intact, time(7));
        assert_eq!(times.of(Step::Trusted), (time(5), time(7)), "where the attempt ended");
    }
}
