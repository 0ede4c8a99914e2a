//! All tests that go through the library, in one binary.
#![expect(
    clippy::disallowed_methods,
    reason = "tests make files, run programs and serve on loopback"
)]
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod agent;
mod agreement;
mod agreement_records;
mod agreement_trust;
mod approvals;
mod archive_tar;
mod by_hand;
mod cargo;
mod cargo_upstream;
mod ceremony;
mod cli_trust;
mod collect;
mod crypto;
mod custody_records;
mod deb;
mod enclave;
mod enclave_faults;
mod failing_outputs;
mod files;
mod fuzzed;
mod house;
mod index_schemas;
mod journey;
mod ledger;
mod ledger_faults;
mod ledger_told;
mod log;
mod log_read;
mod maven;
mod net;
mod npm_client;
mod npm_inspect;
mod npm_layout;
mod npm_lockfiles;
mod npm_upstream;
mod once_more;
mod order_of_reading;
mod policy;
mod pypi;
mod readme;
mod report;
mod repository;
mod repository_damaged;
mod seal;
mod select;
mod serve;
mod spec;
mod staged;
mod statement;
mod statement_counted;
mod trust;
mod trust_data;
mod trust_written;
mod unread;
mod vectors;
mod walks;
mod witnessed;
mod zip;
mod zip_ends;

#[expect(dead_code, reason = "some is for real clients")]
#[path = "../support/debian.rs"]
mod debian;
#[path = "../support/failing.rs"]
mod failing;
#[path = "../support/fake_ecosystem.rs"]
mod fake_ecosystem;
#[path = "../support/http_server.rs"]
mod http;
#[path = "../support/json_schema.rs"]
mod json_schema;
#[path = "../support/people.rs"]
mod people;
#[path = "../support/raw_bundle.rs"]
mod raw_bundle;
#[path = "../support/raw_records.rs"]
mod raw_records;
#[path = "../support/raw_zip.rs"]
mod raw_zip;
#[path = "../support/registry.rs"]
mod registry;
#[expect(dead_code, reason = "other test binaries use the rest")]
#[path = "../support/row_faults.rs"]
mod row_faults;
#[path = "../support/surroundings.rs"]
mod surroundings;
#[path = "../support/tgz.rs"]
mod tgz;
#[expect(dead_code, reason = "other test binaries use the rest")]
#[path = "../support/tools.rs"]
mod tools;
#[path = "../support/wheel.rs"]
mod wheel;
#[path = "../support/witness.rs"]
mod witness;
