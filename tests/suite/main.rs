//! All tests that go through the library, in one binary.

#[path = "../support/fake_ecosystem.rs"]
mod fake_ecosystem;
#[path = "../support/http.rs"]
mod http;
#[path = "../support/tgz.rs"]
mod tgz;

mod archive_tar;
mod collect;
mod net;
mod select;
