//! Several signatures, several keys, several bindings: what counts for one does not count for another.

use sealift::model::{Anchor, Digest, Doubt, Fault, Finding, Level, Outcome};
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

use super::maker::{Bound, By, Maker, plain};
use super::signatures::ask;
use crate::support::{DAY, anchor, artifact, judge};

const BORN: &str = "2024-01-01T00:00:00Z";
const SIGNED: &str = "2025-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:00:00Z";
const BYTES: &[u8] = b"first line\nsecond line\n";
const GOOD: Outcome = Outcome::Confirmed(Level::Publisher);
const DAMAGED: Outcome = Outcome::Contradicted(Fault::SignatureWrong);

fn outcomes(findings: &[Finding]) -> Vec<Outcome> {
    findings.iter().map(|finding| finding.outcome).collect()
}

#[test]
fn a_wrong_signature_by_who_signed_well_is_told_and_hides_no_good_one() {
    let maker = Maker::new(1, BORN);
    let anchors = [anchor("publisher", maker.material())];
    let (good, wrong) = (maker.sign(SIGNED, BYTES), maker.sign(SIGNED, b"other"));
    let asked = |signatures: [&Vec<u8>; 2]| outcomes(&ask(signatures.map(Vec::as_slice).concat(), &anchors));
    assert_eq!(asked([&good, &wrong]), [GOOD, DAMAGED]);
    assert_eq!(asked([&wrong, &good]), [DAMAGED, GOOD]);
}

#[test]
fn each_signature_is_held_to_its_own_hash_of_the_bytes() {
    let maker = Maker::new(1, BORN);
    let anchors = [anchor("publisher", maker.material())];
    let binary = maker.sign(SIGNED, BYTES);
    let longer = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        builder.set_hash_algo(HashAlgorithm::SHA512)
    });
    let text = maker.sign_as(
        By::Primary,
        SignatureType::Text,
        SIGNED,
        b"first line\r\nsecond line\r\n",
        plain,
    );
    for pair in [
        [&binary, &longer],
        [&longer, &binary],
        [&binary, &text],
        [&text, &binary],
    ] {
        let asked = ask(pair.map(Vec::as_slice).concat(), &anchors);
        assert!(asked.iter().all(|finding| finding.outcome == GOOD), "{asked:?}");
    }
}

/// Judges a list of one file with signatures beside it.
fn listed(makers: &[&Maker], sign: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<Finding> {
    let list = format!("{}  tool-1.tar.gz\n", Digest::of(BYTES).hex()).into_bytes();
    let artifact = artifact("files", "tool", "1", "tool-1.tar.gz", BYTES);
    let anchors: Vec<Anchor> = makers
        .iter()
        .map(|maker| anchor("publisher", maker.material()))
        .collect();
    let objects = [vec![list.clone()], sign(&list)].concat();
    judge("signed-checksums", objects, &artifact, BYTES, &anchors, DAY)
}

#[test]
fn each_signature_beside_a_list_is_told_once_for_each_signer() {
    let (first, second) = (Maker::new(1, BORN), Maker::new(2, BORN));
    let (good, wrong) = (|list: &[u8]| first.sign(SIGNED, list), first.sign(SIGNED, b"other"));
    let both = listed(&[&first], |list| vec![good(list), wrong.clone()]);
    assert_eq!(outcomes(&both), [GOOD, DAMAGED]);
    let both = listed(&[&first], |list| vec![wrong.clone(), good(list)]);
    assert_eq!(outcomes(&both), [DAMAGED, GOOD]);
    let two = listed(&[&first, &second], |list| vec![good(list), second.sign(SIGNED, list)]);
    assert_eq!(outcomes(&two), [GOOD, GOOD]);
    assert_ne!(two[0].signers, two[1].signers);
    let unknown = listed(&[&first], |list| vec![second.sign(SIGNED, list), good(list)]);
    assert_eq!(outcomes(&unknown), [Outcome::Undecided(Doubt::UnknownSigner), GOOD]);
}

#[test]
fn a_revoked_subkey_says_nothing_of_another() {
    let signing = || KeyFlags::empty().set_signing();
    let maker = Maker::new(1, BORN)
        .subkey(2, BORN, signing(), Bound::Both, plain)
        .subkey(3, BORN, signing(), Bound::Both, plain)
        .subkey_revoked(LATER, ReasonForRevocation::KeyCompromised);
    let anchors = [anchor("publisher", maker.material())];
    let by = |by| {
        let signature = maker.sign_as(by, SignatureType::Binary, SIGNED, BYTES, plain);
        outcomes(&ask(signature, &anchors))
    };
    assert_eq!(by(By::Subkey(0)), [GOOD]);
    assert_eq!(by(By::Subkey(1)), [Outcome::Contradicted(Fault::Revoked)]);
}

#[test]
fn a_binding_that_had_run_out_binds_nothing_later() {
    const MONTH: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
    let bound = |maker: Maker| maker.bind(BORN, |builder| builder.set_signature_validity_period(MONTH).unwrap());
    let run_out = bound(Maker::unbound(1, BORN));
    let asked = |maker: &Maker, when: &str| {
        let anchors = [anchor("publisher", maker.material())];
        outcomes(&ask(maker.sign(when, BYTES), &anchors))
    };
    assert_eq!(asked(&run_out, "2024-01-15T00:00:00Z"), [GOOD]);
    assert_ne!(asked(&run_out, SIGNED), [GOOD]);
    // One made since does.
    assert_eq!(asked(&run_out.bind(LATER, plain), SIGNED), [GOOD]);
}

#[test]
fn a_primary_key_is_not_revoked_with_the_binding_of_a_subkey_that_is_the_same() {
    let signing = KeyFlags::empty().set_signing();
    let maker = Maker::new(1, BORN)
        .subkey(1, BORN, signing, Bound::Both, plain)
        .subkey_revoked(LATER, ReasonForRevocation::KeyCompromised);
    let anchors = [anchor("publisher", maker.material())];
    assert_eq!(outcomes(&ask(maker.sign(SIGNED, BYTES), &anchors)), [GOOD]);
}
