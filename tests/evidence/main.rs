//! Proofs that others signed, with the verdicts of those who keep them: each case of the collection is judged by the kind
//! that a bundle would name, and must come to the verdict of its index. Prints how many agreed, diverged or lie outside of what is
//! judged, for every folder of the collection.
#![expect(clippy::disallowed_methods, reason = "tests read files")]
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod apt_release;
mod data;
mod openpgp;
mod support;

use data::{Judge, Suite};

/// Which cases of which folder are judged by whom. A row of an index that no suite claims fails the test, and so does one that two
/// claim.
const SUITES: &[Suite] = &[
    Suite {
        folder: "04-openpgp",
        prefix: "debian/",
        judge: apt_release::debian,
    },
    Suite {
        folder: "04-openpgp",
        prefix: "maven/",
        judge: openpgp::maven,
    },
    Suite {
        folder: "04-openpgp",
        prefix: "debsrc/hello-upstream",
        judge: openpgp::debsrc,
    },
    Suite {
        folder: "04-openpgp",
        prefix: "debsrc/hello-swapped",
        judge: openpgp::debsrc,
    },
    Suite {
        folder: "04-openpgp",
        prefix: "rpm/",
        judge: openpgp::rpm,
    },
    Suite {
        folder: "04-openpgp",
        prefix: "helm/",
        judge: openpgp::helm,
    },
    Suite {
        folder: "04-openpgp",
        prefix: "cpan/",
        judge: openpgp::cpan,
    },
    Suite {
        folder: "07-oci",
        prefix: "simple-signing/",
        judge: openpgp::simple_signing,
    },
];

/// Rows that are not about proofs, each with its reason: `folder`, `prefix`, `reason`.
const OUT_OF_SCOPE: &[(&str, &str, &str)] = &[(
    "04-openpgp",
    "debsrc/hello-dsc-hashes",
    "digests in a description whose signer is not at hand prove nothing by themselves",
)];

#[test]
fn every_case_comes_to_the_verdict_of_its_index() {
    data::run(SUITES, OUT_OF_SCOPE);
}

/// A judge that fits the table; suites coerce their functions to it.
#[expect(dead_code, reason = "named by the table once it has rows")]
const fn fits(judge: Judge) -> Judge {
    judge
}
