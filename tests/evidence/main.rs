//! Proofs that others signed, with the verdicts of those who keep them: each case of the collection is judged by the kind
//! that a bundle would name, and must come to the verdict of its index. Prints how many agreed, diverged or lie outside of what is
//! judged, for every folder of the collection.
#![expect(clippy::disallowed_methods, reason = "tests read files")]
#![expect(clippy::unwrap_used, reason = "a test that panics fails, and says where")]

mod apk;
mod apt_release;
mod authenticode;
#[path = "../support/case.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod case;
mod cms;
mod cosign;
mod cosign_attestations;
mod data;
mod described;
mod dsse;
#[path = "../support/failing.rs"]
mod failing;
mod fixtures;
mod forge;
mod image_layout;
mod oci_content;
mod in_toto;
mod gem;
mod inside;
mod instance;
mod jar;
mod model_checks;
mod notation;
mod npm_signature;
mod nuget;
mod openpgp;
mod osv;
#[path = "../support/people.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod people;
#[path = "../support/proofs.rs"]
mod proofs;
mod sigstore;
mod sigstore_checks;
mod sigstore_kinds;
mod sigstore_logs;
mod sigstore_names;
mod sigstore_signers;
mod small_signatures;
mod sumdb;
mod sumdb_connected;
mod support;
#[path = "../support/tgz.rs"]
#[expect(dead_code, reason = "other test binaries use the rest")]
mod tgz;
mod tuf;
mod unread;
mod vectors;
mod x509_chains;

use data::{Suite, suite};
use openpgp::maker;

/// Which cases of which folder are judged by whom. A row of an index that no suite claims fails the test, and so does one that two
/// claim.
#[rustfmt::skip]
const SUITES: &[Suite] = &[
    suite("01-sigstore-bundles", "", sigstore::bundles),
    suite("02-pypi-attestations", "", sigstore::pypi),
    suite("03-npm", "attestations/", sigstore::npm),
    suite("03-npm", "dist/", npm_signature::collection),
    suite("03-npm", "pair/attestation-", sigstore::npm),
    suite("03-npm", "pair/other-tarball", npm_signature::collection),
    suite("03-npm", "pair/sig-of-other", npm_signature::collection),
    suite("03-npm", "pair/wrong-keyid", npm_signature::collection),
    suite("04-openpgp", "cpan/", openpgp::cpan),
    suite("04-openpgp", "debian/", apt_release::debian),
    suite("04-openpgp", "debsrc/hello-swapped", openpgp::debsrc),
    suite("04-openpgp", "debsrc/hello-upstream", openpgp::debsrc),
    suite("04-openpgp", "helm/", openpgp::helm),
    suite("04-openpgp", "maven/", openpgp::maven),
    suite("04-openpgp", "rpm/", openpgp::rpm_packages),
    suite("05-tuf", "", tuf::collection),
    suite("06-go-checksum-notes", "", sumdb::collection),
    suite("07-oci", "bundles/", sigstore::image),
    suite("07-oci", "cosign/", cosign::collection),
    suite("07-oci", "layouts/", image_layout::collection),
    suite("07-oci", "notation/", notation::judge_row),
    suite("07-oci", "simple-signing/", openpgp::simple_signing),
    suite("08-minisign-signify-sshsig", "", small_signatures::collection),
    suite("09-other-package-signatures", "apk/", apk::judge_row),
    suite("09-other-package-signatures", "authenticode/", authenticode::judge_row),
    suite("09-other-package-signatures", "gem/", gem::judge_row),
    suite("09-other-package-signatures", "nuget/", nuget::judge_row),
    suite("10-provenance-models-osv", "in-toto/", in_toto::collection),
    suite("10-provenance-models-osv", "models/", sigstore::model),
    suite("10-provenance-models-osv", "osv/", osv::record),
    suite("10-provenance-models-osv", "slsa/", sigstore::provenance),
    suite("10-provenance-models-osv", "vsa/", dsse::summaries),
    suite("12-vectors", "", vectors::collection),
];

/// Rows that are not about proofs, each with its reason: `folder`, `prefix`, `reason`.
#[rustfmt::skip]
const OUT_OF_SCOPE: &[(&str, &str, &str)] = &[
    ("04-openpgp", "debsrc/hello-dsc-hashes", "digests in a description whose signer is not at hand prove nothing by themselves"),
];

/// Cases whose kind is not written yet: they are counted apart, and the test fails when a suite claims one that is still listed.
#[rustfmt::skip]
const NOT_YET: &[(&str, &str)] = &[];

#[test]
fn every_case_comes_to_the_verdict_of_its_index() {
    data::run(SUITES, OUT_OF_SCOPE, NOT_YET);
}

#[test]
fn every_kind_stands_in_the_readme() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    for kind in sealift::evidence::ALL {
        assert!(readme.contains(&format!("`{}`", kind.id())), "{}", kind.id());
    }
}
