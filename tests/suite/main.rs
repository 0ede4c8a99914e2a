//! All tests that go through the library, in one binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should stop")]

#[path = "../support/raw_zip.rs"]
mod raw_zip;
#[path = "../support/wheel.rs"]
mod wheel;

mod pypi;
mod zip;
