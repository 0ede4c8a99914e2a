//! All tests that go through the library, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

#[path = "../support/tgz.rs"]
mod tgz;

mod archive_tar;
mod approvals;
mod crypto;
mod trust;

#[path = "../support/people.rs"]
mod people;
