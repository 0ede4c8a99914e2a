//! All tests that go through the library, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod approvals;
mod archive_tar;
mod cli_trust;
mod crypto;
mod seal;
mod trust;
mod vectors;

#[path = "../support/people.rs"]
mod people;
#[path = "../support/raw_bundle.rs"]
mod raw_bundle;
#[path = "../support/tgz.rs"]
mod tgz;
#[path = "../support/tools.rs"]
mod tools;
