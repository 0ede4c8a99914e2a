//! What others signed, kept with the tests, so that they also run where the collection is not at hand.

use sealift::model::{Doubt, Fault, Finding, Level, Outcome};

use super::signatures::{ask, one};
use crate::support::{DAY, anchor, artifact, certificates, judge};

macro_rules! fixture {
    ($path:literal) => {
        include_bytes!(concat!("../../fixtures/", $path)).as_slice()
    };
}

const CHART: &[u8] = fixture!("helm/hashtest-1.2.3.tgz");

fn chart(version: &str, proof: &[u8], bytes: &[u8]) -> Finding {
    let artifact = artifact("helm", "hashtest", version, &format!("hashtest-{version}.tgz"), bytes);
    let anchors = [anchor("helm", certificates(fixture!("helm/helm-test-key.pub")))];
    one(judge(
        "helm-provenance",
        vec![proof.to_vec()],
        &artifact,
        bytes,
        &anchors,
        DAY,
    ))
}

#[test]
fn a_charts_provenance() {
    let proof = fixture!("helm/hashtest-1.2.3.tgz.prov");
    let finding = chart("1.2.3", proof, CHART);
    assert_eq!(
        finding.outcome,
        Outcome::Confirmed(Level::Publisher),
        "{}",
        finding.reason
    );
    let other = chart("1.2.4", proof, CHART);
    assert_eq!(other.outcome, Outcome::Contradicted(Fault::SubjectDiffers));
    let changed = chart("1.2.3", proof, b"other bytes");
    assert_eq!(changed.outcome, Outcome::Contradicted(Fault::SubjectDiffers));
    let tampered = chart("1.2.3", fixture!("helm/msgblock.yaml.tampered"), CHART);
    assert_eq!(tampered.outcome, Outcome::Contradicted(Fault::SignatureWrong));
}

#[test]
fn a_packages_header_signature() {
    let package = fixture!("rpm/rpm-basic-with-ed25519-2.3.4-5.el9.noarch.rpm");
    let asked = |key: &[u8], package: &[u8]| {
        let artifact = artifact("rpm", "rpm-basic", "1:2.3.4-5.el9", "rpm-basic.rpm", package);
        let anchors = [anchor("distribution", certificates(key))];
        one(judge("rpm-signature", Vec::new(), &artifact, package, &anchors, DAY)).outcome
    };
    let key = fixture!("rpm/rpm-testkey-v4-ed25519.asc");
    assert_eq!(asked(key, package), Outcome::Confirmed(Level::Registry));
    let other = fixture!("rpm/rpm-testkey-v4-rsa4096.asc");
    assert_eq!(asked(other, package), Outcome::Undecided(Doubt::UnknownSigner));
    let mut changed = package.to_vec();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(asked(key, &changed), Outcome::Contradicted(Fault::SubjectDiffers));
}

#[test]
fn an_images_signature() {
    let manifest = fixture!("simple_signing/image.manifest.json");
    let asked = |message: &[u8], name: &str, manifest: &[u8]| {
        let artifact = artifact("oci", name, "latest", "manifest.json", manifest);
        let anchors = [anchor("team", certificates(fixture!("simple_signing/public-key.gpg")))];
        one(judge(
            "simple-signing",
            vec![message.to_vec()],
            &artifact,
            manifest,
            &anchors,
            DAY,
        ))
        .outcome
    };
    let good = fixture!("simple_signing/image.signature");
    assert_eq!(
        asked(good, "testing/manifest", manifest),
        Outcome::Confirmed(Level::Publisher)
    );
    let differs = Outcome::Contradicted(Fault::SubjectDiffers);
    assert_eq!(asked(good, "testing/other", manifest), differs);
    assert_eq!(asked(good, "testing/manifest", b"{}"), differs);
    for (message, expected) in [
        (
            fixture!("simple_signing/corrupt.signature"),
            Outcome::Contradicted(Fault::SignatureWrong),
        ),
        (
            fixture!("simple_signing/unknown-key.signature"),
            Outcome::Undecided(Doubt::UnknownSigner),
        ),
        (
            fixture!("simple_signing/unsigned-literal.signature"),
            Outcome::Undecided(Doubt::Incomplete),
        ),
    ] {
        assert_eq!(asked(message, "testing/manifest", manifest), expected);
    }
    for length in 0..good.len() {
        assert!(!matches!(
            asked(&good[..length], "testing/manifest", manifest),
            Outcome::Confirmed(_)
        ));
    }
}

#[test]
fn dsa_proves_nothing() {
    let anchors = [anchor("publisher", certificates(fixture!("openpgp/dsa-key.asc")))];
    let finding = one(ask(fixture!("openpgp/dsa.asc").to_vec(), &anchors));
    assert_eq!(
        finding.outcome,
        Outcome::Contradicted(Fault::Weak),
        "{}",
        finding.reason
    );
    assert!(finding.reason.contains("DSA"), "{}", finding.reason);
}

#[test]
fn a_distributions_release_is_signed_by_two_keys() {
    let Some(root) = crate::data::root() else { return };
    let folder = root.join("04-openpgp");
    let keys = std::fs::read(folder.join("keys/debian-archive-keyring.gpg")).unwrap();
    let release = std::fs::read(folder.join("debian/bookworm-updates/InRelease")).unwrap();
    let asked = |release: &[u8]| {
        let artifact = artifact("deb", "InRelease", "1", "InRelease", release);
        let anchors = [anchor("archive", certificates(&keys))];
        judge(
            "signed-checksums",
            vec![release.to_vec()],
            &artifact,
            release,
            &anchors,
            DAY,
        )
    };
    // Well signed, and no list of this kind: that shows that both signatures were found good.
    let findings = asked(&release);
    assert_eq!(findings.len(), 2);
    for finding in &findings {
        assert_eq!(
            finding.outcome,
            Outcome::Undecided(Doubt::UnknownFormat),
            "{}",
            finding.reason
        );
        assert!(finding.signers[0].keys().count() == 2);
    }
    assert_ne!(findings[0].signers, findings[1].signers);
    let changed = String::from_utf8(release).unwrap().replacen("Debian", "Evil", 1);
    for finding in asked(changed.as_bytes()) {
        assert_eq!(finding.outcome, Outcome::Contradicted(Fault::SignatureWrong));
    }
}
