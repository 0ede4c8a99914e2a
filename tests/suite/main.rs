//! All tests that go through the library, in one binary.

#[path = "../support/tgz.rs"]
mod tgz;
#[path = "../support/registry.rs"]
mod registry;

mod archive_tar;
mod npm_lockfiles;
mod npm_upstream;
