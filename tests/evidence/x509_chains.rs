//! Whose certificate leads to whose: names, key identifiers, and what certificates are signed with.

use sealift::evidence::x509;
use sealift::model::{Doubt, Fault, Outcome};

use crate::cms::{BYTES, expect, pinned, through};
use crate::forge::{self, Holder, How, Info, Says, detached, extension, message, octets, pem, seq, tlv};

const CONFIRMED: Outcome = Outcome::Confirmed(sealift::model::Level::Publisher);
const UNKNOWN: Outcome = Outcome::Undecided(Doubt::UnknownSigner);

/// RFC 5280 §4.2.1.2.
fn own_key(id: &[u8]) -> Vec<u8> {
    extension("2.5.29.14", false, &octets(id))
}

/// RFC 5280 §4.2.1.1.
fn key_of_issuer(id: &[u8]) -> Vec<u8> {
    extension("2.5.29.35", false, &seq(&[tlv(0x80, id)]))
}

#[test]
fn an_authority_with_several_keys_issued_with_the_one_that_is_named() {
    let root = |id: &[u8]| {
        Holder::alone(&Says {
            more: vec![own_key(id)],
            ..Says::authority("Root")
        })
    };
    let (old, new) = (root(b"old"), root(b"new"));
    let signed = |named: &[u8]| {
        let leaf = new.issue(&Says {
            more: vec![key_of_issuer(named)],
            ..Says::default()
        });
        detached(&leaf, BYTES, &How::default())
    };
    expect(&signed(b"new"), &[pinned(&[&new])], CONFIRMED);
    expect(&signed(b"new"), &[pinned(&[&old, &new])], CONFIRMED);
    // Nobody says that the pinned one issued it: it is another authority's, and no forgery.
    expect(&signed(b"new"), &[pinned(&[&old])], UNKNOWN);
    expect(&signed(b"old"), &[pinned(&[&new])], UNKNOWN);
    // One that names no key may be of any.
    let unnamed = detached(&new.issue(&Says::default()), BYTES, &How::default());
    expect(&unnamed, &[pinned(&[&new])], CONFIRMED);
    expect(&unnamed, &[pinned(&[&old])], Outcome::Contradicted(Fault::ChainWrong));
}

#[test]
fn a_namesake_of_who_is_pinned_is_called_so() {
    let says = |name| Says {
        name,
        ..Says::default()
    };
    let (someone, other) = (Holder::alone(&says("Someone")), Holder::alone(&says("Other")));
    let leaf = Holder::alone(&Says::authority("Root")).issue(&says("Someone"));
    let signature = detached(&leaf, BYTES, &How::default());
    for (holder, is_namesake) in [(&someone, true), (&other, false)] {
        let finding = expect(&signature, &[pinned(&[holder])], UNKNOWN);
        assert_eq!(
            finding.reason.contains("has the name of a pinned certificate"),
            is_namesake,
            "{}",
            finding.reason
        );
    }
}

#[test]
fn a_chain_with_a_weak_signature_is_wrong_and_one_with_an_unknown_one_undecided() {
    let weak = Outcome::Contradicted(Fault::Weak);
    let unknown = Outcome::Undecided(Doubt::UnknownAlgorithm);
    // ECDSA with SHA-1, and nobody's.
    for (algorithm, expected) in [("1.2.840.10045.4.1", weak), ("1.2.3.4", unknown)] {
        let between = Says {
            serial: 2,
            ..Says::authority("Between")
        };
        let (root, leaf) = through(
            &between,
            &Says {
                algorithm,
                ..Says::default()
            },
        );
        expect(&leaf, &[pinned(&[&root])], expected);
        let (root, leaf) = through(&Says { algorithm, ..between }, &Says::default());
        expect(&leaf, &[pinned(&[&root])], expected);
    }
    // What an RSA key cannot have signed: a key that proves nothing, and one that could sign otherwise.
    for (bytes, expected) in [(128, weak), (256, unknown)] {
        let root = Holder::alone(&Says::authority("Root"));
        let between = Says {
            serial: 2,
            ..Says::authority("Between")
        };
        let mut middle = root.issue(&between);
        middle.certificate = forge::certify_info(&between, &forge::rsa_info(&vec![0xc1; bytes]), "Root", &root.key);
        let leaf = middle.issue(&Says::default());
        let info = Info::new(&leaf, BYTES, &How::default()).finish(&[]);
        let signature = message(forge::DATA, None, &[&leaf, &middle], &[info]);
        expect(&signature, &[pinned(&[&root])], expected);
    }
}

#[test]
fn who_says_that_it_is_no_authority_is_none() {
    let no = extension("2.5.29.19", true, &seq(&[]));
    let holder = |more: Vec<Vec<u8>>| {
        Holder::alone(&Says {
            more,
            ..Says::default()
        })
    };
    let is_authority = |holder: &Holder| x509::describe(&pem(&[holder])).unwrap()[0].is_authority;
    assert!(is_authority(&Holder::alone(&Says::authority("Root"))));
    assert!(!is_authority(&holder(vec![no])));
    assert!(!is_authority(&holder(Vec::new())));
}
