//! All tests that go through the library, in one binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests may unwrap too")]

#[path = "../support/tgz.rs"]
mod tgz;
#[path = "../support/surroundings.rs"]
mod surroundings;
#[path = "../support/registry.rs"]
mod registry;

mod archive_tar;
mod npm_client;
mod npm_inspect;
mod npm_layout;
mod npm_lockfiles;
mod npm_upstream;
