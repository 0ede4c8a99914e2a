//! All tests that go through the library, in one binary.

mod enclave;
mod ledger;
mod repository;
#[cfg(feature = "serve")]
mod serve;
