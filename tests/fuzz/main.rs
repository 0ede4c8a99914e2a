//! Feeds broken input to everything that reads untrusted bytes: what is right is taken from the fixtures and the tests' own makers, a
//! few things in it are changed, and no parser may panic, overflow its stack, run for long or take much memory. Some targets
//! also know what must never be believed.
//!
//! Every target runs the same rounds each time, in a process of its own, as many at once as there are cores:
//!
//!     cargo test --test fuzz                                   the rounds of scripts/test
//!     cargo test --test fuzz -- evidence/ --times 100          more rounds of some targets
//!     cargo test --test fuzz -- evidence/ --seed 2             other rounds
//!     cargo test --test fuzz -- --data ../shared/data          also begins with what lies in a folder
//!
//! What ends a round badly is left in `target/fuzz/TARGET/ROUND`, a file for each part. Once mended it moves to
//! `tests/fuzz/found/TARGET/NAME`, and stays among what every run begins with.
#![expect(
    clippy::disallowed_methods,
    reason = "it reads fixtures and arguments, and writes what it found"
)]
#![expect(clippy::unwrap_used, reason = "a maker that fails is a failure of the target")]

mod archives;
mod bundle;
#[path = "../support/case.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod case;
mod der;
mod driver;
mod evidence;
#[path = "../evidence/forge.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod forge;
#[path = "../evidence/openpgp/maker.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod maker;
mod mutate;
#[path = "../support/people.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod people;
#[path = "../support/proofs.rs"]
mod proofs;
#[path = "../support/raw_bundle.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod raw_bundle;
mod records;
mod registries;
mod seeds;
mod selections;
mod site;
#[path = "../evidence/support.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod support;
#[path = "../support/tgz.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod tgz;
mod told;
#[path = "../support/wheel.rs"]
mod wheel;

use std::process::ExitCode;

use peak_alloc::PeakAlloc;

/// Counts what is allocated, for the targets' bounds.
#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

fn main() -> ExitCode {
    let mut targets = Vec::new();
    targets.extend(archives::targets());
    targets.extend(bundle::targets());
    targets.extend(evidence::targets());
    targets.extend(records::targets());
    targets.extend(registries::targets());
    targets.extend(selections::targets());
    targets.extend(site::targets());
    targets.extend(told::targets());
    driver::run(&targets)
}
