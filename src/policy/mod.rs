//! What this site admits: a policy, cases and what is around them in, decisions out. Pure: no disk, no network, no clock
//! (`bundle-spec/policy.md`).
//!
//! - [`Policy::from_yaml`] reads what people write and fills in the profile's values; [`Policy::read`] reads the explicit form,
//!   [`Policy::to_bytes`] writes it: strict canonical JSON, which is signed, and which reports name by [`Policy::digest`].
//! - [`Judge::new`] takes a policy and its [`Surroundings`]; [`Judge::decide`] judges one [`Case`] (an artifact with its findings), and
//!   [`Judge::decide_bundle`] what is asked of the bundle as a whole. Both give a [`Decision`]: the verdict, and every [`Hit`] with
//!   its code, rule, message, what to do, and the waiver that lifts it.
//! - [`Judge::explain`] tells which rules are about a name, and why; it needs no findings.
//! - [`level`] and [`publishers`] say what findings reach, and whom to pin when a name is first accepted.
//! - [`Advisories`] are the OSV records that a bundle carries; [`KnownNames`] the names that a new one may look like.
//! - [`differences`] compares two policies value by value; [`Fixtures`] are a policy's own tests.
//!
//! What holds, as properties under test: more evidence never worsens a verdict; another deny rule never improves one; the order of rules
//! and of artifacts does not matter; a waiver never touches what may not be waived. Rules only raise; only a waiver lowers.
//!
//! Threats, each with its defence:
//! - A policy that people read otherwise than the program: a safe subset of YAML, unknown keys refused, every value said in the explicit form.
//! - Two rules of which either could win: refused when the policy is read.
//! - A rule that silently ends: trust that has run out refuses, it does not fall away.
//! - An artifact that nobody thought of: what no rule names is not admitted.

mod advisory;
mod case;
mod check;
mod custody;
mod day;
mod document;
mod error;
mod expand;
mod explain;
mod flat;
mod fixture;
mod glob;
mod judge;
mod lookalike;
mod pattern;
mod retention;
mod rules;
mod signer;
mod spdx;
mod vex;
mod waiver;
mod written;

pub use advisory::{Advised, Advisories, Certainty, Class, MAX_RECORD_BYTES, MAX_RECORDS, RecordError};
pub use case::{
    BundleFacts, Case, Decision, Gap, Hit, Published, PublishedBy, Scan, ScanResult, Standing, Surroundings, Verdict,
    level, published, publishers,
};
pub use check::{MAX_PUBLISHERS, MAX_RULES, MAX_UNTIL_DAYS, MAX_WAIVER_DAYS, MIN_WAIVER_PERSONS};
pub use custody::{CustodyFacts, CustodyRule, ScanRole, SealRule, VolumeCustody};
pub use day::{Day, DayError};
pub use document::{
    Action, AdvisoryRule, Closure, CompareWith, DefaultOutcome, DenyRule, EcosystemRule, Floor, HonourVex,
    IdentityMode, IdentityRule, LicenceRule, MAX_POLICY_BYTES, Mode, NameRule, OnRefusal, Policy, Profile,
    PublisherRule, RecordOrRefuse, Require, ScanRule, Side, Waiver,
};
pub use error::{PolicyError, WaiverProblem};
pub use fixture::{Fixtures, MAX_FIXTURES, Outcome as FixtureOutcome};
pub use flat::{Difference, differences, values};
pub use judge::{Applied, Ending, Judge, NOTICE_DAYS};
pub use lookalike::{KnownNames, Likeness};
pub use pattern::{Ecosystems, MalformedPattern, Pattern, Versions};
pub use retention::{RecordClass, Retention};
pub use vex::{
    Lowered, MAX_CONSTRAINTS, MAX_VEX_BYTES, MAX_VEX_CLAIMS, VersionRange, VexDocument, VexError, VexProduct, VexSaid,
    VexStatement, VexStatus,
};
