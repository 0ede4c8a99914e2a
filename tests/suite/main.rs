//! All tests that go through the library, in one binary.

#[path = "../support/tgz.rs"]
mod tgz;

mod archive_tar;
