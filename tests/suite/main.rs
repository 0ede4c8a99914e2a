//! All tests that go through the library, in one binary.

#[path = "../support/raw_zip.rs"]
mod raw_zip;

mod zip;
