//! All tests that go through the library, in one binary.

#[path = "../support/tgz.rs"]
mod tgz;

mod archive_tar;
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod approvals;
mod crypto;
mod trust;

#[path = "../support/people.rs"]
mod people;
