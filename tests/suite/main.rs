//! All tests that go through the library, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod approvals;
mod archive_tar;
mod cargo;
mod cargo_upstream;
mod crypto;
mod files;
mod order_of_reading;
mod trust;
mod vectors;

#[path = "../support/people.rs"]
mod people;
#[path = "../support/raw_bundle.rs"]
mod raw_bundle;
#[path = "../support/tgz.rs"]
mod tgz;
