//! The program as people use it: its command lines, bad media, full disks and kills. Everything runs the real binary.
#![expect(clippy::disallowed_methods, reason = "tests make files and run the program")]
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod arrivals;
mod attempts;
mod audit;
mod audit_apart;
mod audit_records;
mod bad_spots;
mod capsule;
mod capsule_roots;
mod countersigned;
mod custody;
mod decided;
mod decided_closure;
mod decided_more;
mod does_not_count;
mod each_call;
mod export;
mod fixtures;
mod holds;
mod judged;
mod labels;
mod last_records;
mod later_rows;
mod later_writes;
mod lines;
mod world;
mod wrongly;

mod journey;
mod kept_capsules;
mod faults;
mod first_writes;
mod kill;
mod kill_records;
mod log;
mod media;
mod other_disks;
mod other_reader;
mod obstacles;
mod once_more;
mod paper;
mod pins;
mod put_back;
mod reasons;
mod renderings;
mod retention;
mod retention_times;
mod reviews;
mod row_failures;
mod questions;
mod read_failures;
mod receipts;
mod rebuild;
mod rebuilt;
mod refused_capsules;
mod replayed;
mod reports;
mod scans;
mod site;
mod staged;
mod streams;
mod told_apart;
mod trust_data;
mod typed;
mod unread;
mod unwritten;
mod upstreams;
mod validators;
mod vex;
mod waivers;

#[path = "../support/people.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod people;
#[path = "../support/row_faults.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod row_faults;
#[path = "../support/raw_bundle.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod raw_bundle;
#[path = "../support/json_schema.rs"]
mod json_schema;
#[expect(dead_code, reason = "other test binaries use the rest")]
#[path = "../support/tools.rs"]
mod tools;
#[path = "../support/witness.rs"]
mod witness;
#[path = "../support/public_schema.rs"]
mod public_schema;
#[path = "../support/debian.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod debian;
#[path = "../support/tgz.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod tgz;
