//! Each check of a signature and its key, broken alone.

use sealift::model::{Anchor, Doubt, Fault, Finding, Level, Material, Outcome, ScopePattern, Signer, SpeaksFor};
use sequoia_openpgp::Packet;
use sequoia_openpgp::crypto::Signer as _;
use sequoia_openpgp::packet::key::{Key4, PrimaryRole, SecretParts};
use sequoia_openpgp::packet::signature::subpacket::{NotationDataFlags, Subpacket, SubpacketTag, SubpacketValue};
use sequoia_openpgp::packet::{Key, Literal};
use sequoia_openpgp::serialize::Marshal as _;
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

use super::maker::{Bound, By, Maker, armor, bytes, plain};
use crate::support::{DAY, anchor, artifact, judge, time};

const BORN: &str = "2024-01-01T00:00:00Z";
const SIGNED: &str = "2025-01-01T00:00:00Z";
const LATER: &str = "2026-01-01T00:00:00Z";
const BYTES: &[u8] = b"first line\nsecond line\n";

pub(super) fn ask(signature: Vec<u8>, anchors: &[Anchor]) -> Vec<Finding> {
    ask_about(BYTES, signature, anchors)
}

fn ask_about(bytes: &[u8], signature: Vec<u8>, anchors: &[Anchor]) -> Vec<Finding> {
    let artifact = artifact("maven", "org.example:tool", "1", "tool-1.jar", bytes);
    judge("openpgp", vec![signature], &artifact, bytes, anchors, DAY)
}

pub(super) fn one(findings: Vec<Finding>) -> Finding {
    let [finding] = <[Finding; 1]>::try_from(findings).unwrap();
    finding
}

fn pinned(maker: &Maker) -> [Anchor; 1] {
    [anchor("publisher", maker.material())]
}

/// The outcome of one signature by a certificate that is pinned.
fn outcome(signature: Vec<u8>, maker: &Maker) -> Outcome {
    one(ask(signature, &pinned(maker))).outcome
}

const GOOD: Outcome = Outcome::Confirmed(Level::Publisher);

const fn wrong(fault: Fault) -> Outcome {
    Outcome::Contradicted(fault)
}

const fn open(doubt: Doubt) -> Outcome {
    Outcome::Undecided(doubt)
}

#[test]
fn a_good_signature_says_who_when_and_how() {
    let maker = Maker::new(1, BORN);
    for signature in [
        maker.sign(SIGNED, BYTES),
        armor(&maker.sign(SIGNED, BYTES)).into_bytes(),
    ] {
        let finding = one(ask(signature, &pinned(&maker)));
        assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
        assert_eq!(finding.anchors, ["publisher"]);
        assert_eq!(finding.algorithm.as_deref(), Some("Ed25519 with SHA-256"));
        let signed = finding.signed_at.unwrap();
        assert_eq!(signed.time, time(SIGNED));
        assert!(!signed.source.is_proven());
        assert_eq!(
            finding.signers,
            [Signer::key(
                maker.fingerprint(),
                Some("Publisher <publisher@example.com>".to_owned())
            )]
        );
    }
}

#[test]
fn the_level_is_the_anchors() {
    let maker = Maker::new(1, BORN);
    let mut anchors = pinned(&maker);
    anchors[0].speaks_for = SpeaksFor::Registry;
    let finding = one(ask(maker.sign(SIGNED, BYTES), &anchors));
    assert_eq!(finding.outcome, Outcome::Confirmed(Level::Registry));
}

#[test]
fn other_bytes_and_a_damaged_signature_are_wrong() {
    let maker = Maker::new(1, BORN);
    let signature = maker.sign(SIGNED, BYTES);
    let finding = one(ask_about(b"other bytes", signature.clone(), &pinned(&maker)));
    assert_eq!(finding.outcome, wrong(Fault::SignatureWrong));
    let mut damaged = signature;
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(outcome(damaged, &maker), wrong(Fault::SignatureWrong));
}

#[test]
fn nobodys_key_is_undecided() {
    let maker = Maker::new(1, BORN);
    let signature = maker.sign(SIGNED, BYTES);
    let finding = one(ask(signature.clone(), &[]));
    assert_eq!(finding.outcome, open(Doubt::NoAnchor));
    let finding = one(ask(signature.clone(), &pinned(&Maker::new(2, BORN))));
    assert_eq!(finding.outcome, open(Doubt::UnknownSigner));
    assert!(finding.reason.contains(&maker.fingerprint()), "{}", finding.reason);
    // An anchor that holds no certificate pins nobody.
    let empty = [anchor("empty", Material::Openpgp("nothing".to_owned()))];
    assert_eq!(one(ask(signature, &empty)).outcome, open(Doubt::UnknownSigner));
    // Not even a wrong or weak signature by nobody is more than undecided.
    let weak = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        builder.set_hash_algo(HashAlgorithm::SHA1)
    });
    assert_eq!(outcome(weak, &Maker::new(2, BORN)), open(Doubt::UnknownSigner));
}

#[test]
fn an_anchor_counts_within_its_scope_and_window_only() {
    let maker = Maker::new(1, BORN);
    let asked = |change: fn(&mut Anchor), signature: Vec<u8>| {
        let mut anchors = pinned(&maker);
        change(&mut anchors[0]);
        one(ask(signature, &anchors)).outcome
    };
    let good = maker.sign(SIGNED, BYTES);
    let other_bytes = maker.sign(SIGNED, b"other");
    let outside: [fn(&mut Anchor); 5] = [
        |anchor| anchor.scope = vec![ScopePattern::new("maven/org.other.*")],
        |anchor| anchor.scope = Vec::new(),
        |anchor| anchor.valid_until = Some(time(LATER)),
        |anchor| anchor.valid_from = Some(time(LATER)),
        |anchor| anchor.suites = vec!["stable".to_owned()],
    ];
    for change in outside {
        assert_eq!(asked(change, good.clone()), open(Doubt::OutOfScope));
        // Whom the site does not believe here cannot spoil anything either.
        assert_eq!(asked(change, other_bytes.clone()), open(Doubt::OutOfScope));
    }
    let inside: [fn(&mut Anchor); 2] = [
        |anchor| anchor.scope = vec![ScopePattern::new("maven/org.example:*")],
        |anchor| anchor.valid_from = Some(time(BORN)),
    ];
    for change in inside {
        assert_eq!(asked(change, good.clone()), GOOD);
    }
}

#[test]
fn of_several_anchors_the_one_in_scope_counts() {
    let maker = Maker::new(1, BORN);
    let mut anchors = vec![anchor("other", maker.material()), anchor("ours", maker.material())];
    anchors[0].scope = vec![ScopePattern::new("npm")];
    let finding = one(ask(maker.sign(SIGNED, BYTES), &anchors));
    assert_eq!(finding.outcome, GOOD);
    assert_eq!(finding.anchors, ["ours"]);
}

#[test]
fn an_anchor_pins_what_is_shown_of_it() {
    let text = |maker: &Maker| match maker.material() {
        Material::Openpgp(text) => text,
        _ => unreachable!(),
    };
    let (first, second) = (Maker::new(1, BORN), Maker::new(2, BORN));
    let both = Material::Openpgp(format!("{}{}", text(&first), text(&second)));
    let shown = sealift::evidence::describe(&both).unwrap();
    assert!(shown[0].starts_with(&first.fingerprint()) && shown[1].starts_with(&second.fingerprint()));
    let anchors = [anchor("both", both)];
    assert_eq!(one(ask(second.sign(SIGNED, BYTES), &anchors)).outcome, GOOD);
    // A block that is not closed, or hidden in another, is neither shown nor pinned.
    let hidden = text(&first).replace("-----END PGP PUBLIC KEY BLOCK-----\n", &text(&second));
    let hidden = Material::Openpgp(hidden);
    assert!(sealift::evidence::describe(&hidden).is_err());
    let anchors = [anchor("hidden", hidden)];
    for maker in [first, second] {
        let outcome = one(ask(maker.sign(SIGNED, BYTES), &anchors)).outcome;
        assert_eq!(outcome, open(Doubt::UnknownSigner));
    }
}

#[test]
fn weak_hashes_prove_nothing() {
    let maker = Maker::new(1, BORN);
    let changes: [super::maker::Change; 3] = [
        |builder| builder.set_hash_algo(HashAlgorithm::SHA1),
        |builder| builder.set_hash_algo(HashAlgorithm::MD5),
        |builder| builder.set_hash_algo(HashAlgorithm::RipeMD),
    ];
    for change in changes {
        let signature = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, change);
        assert_eq!(outcome(signature, &maker), wrong(Fault::Weak));
    }
}

#[test]
fn a_short_rsa_key_proves_nothing() {
    let key = |bits| {
        let mut key = Key4::generate_rsa(bits).unwrap();
        key.set_creation_time(super::maker::at(BORN)).unwrap();
        Maker::of(key.into()).bind(BORN, plain)
    };
    let (short, long) = (key(1024), key(2048));
    assert_eq!(outcome(short.sign(SIGNED, BYTES), &short), wrong(Fault::Weak));
    assert_eq!(outcome(long.sign(SIGNED, BYTES), &long), GOOD);
    // Nor does it vouch for a better one.
    let short = short.subkey(2, BORN, KeyFlags::empty().set_signing(), Bound::Both, plain);
    let by_subkey = short.sign_as(By::Subkey(0), SignatureType::Binary, SIGNED, BYTES, plain);
    assert_eq!(outcome(by_subkey, &short), wrong(Fault::Weak));
}

/// A signature packet of version 3 (RFC 9580 §5.2.2): what old signers of packages still make.
fn version_3(key: &Key<SecretParts, PrimaryRole>, hash: HashAlgorithm, message: &[u8]) -> Vec<u8> {
    let front = [
        &[0_u8][..],
        &u32::try_from(time(SIGNED).seconds()).unwrap().to_be_bytes(),
    ]
    .concat();
    let mut context = hash.context().unwrap().for_digest();
    context.update(message);
    context.update(&front);
    let digest = context.into_digest().unwrap();
    let made = key.clone().into_keypair().unwrap().sign(hash, &digest).unwrap();
    let mut body = [
        &[3, 5][..],
        &front,
        key.keyid().as_bytes(),
        &[1, hash.into()],
        &digest[..2],
    ]
    .concat();
    made.serialize(&mut body).unwrap();
    [&[0x89][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat()
}

#[test]
fn an_old_form_of_signature_counts_with_a_note() {
    let mut key = Key4::generate_rsa(2048).unwrap();
    key.set_creation_time(super::maker::at(BORN)).unwrap();
    let key: Key<SecretParts, PrimaryRole> = key.into();
    let maker = Maker::of(key.clone()).bind(BORN, plain);
    let finding = one(ask(version_3(&key, HashAlgorithm::SHA256, BYTES), &pinned(&maker)));
    assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
    assert_eq!(finding.notes, ["the signature has the old version 3"]);
    assert_eq!(
        outcome(version_3(&key, HashAlgorithm::SHA256, b"other"), &maker),
        wrong(Fault::SignatureWrong)
    );
    assert_eq!(
        outcome(version_3(&key, HashAlgorithm::SHA1, BYTES), &maker),
        wrong(Fault::Weak)
    );
}

#[test]
fn a_subkey_signs_for_its_certificate() {
    let maker = Maker::new(1, BORN).subkey(2, BORN, KeyFlags::empty().set_signing(), Bound::Both, plain);
    let signature = maker.sign_as(By::Subkey(0), SignatureType::Binary, SIGNED, BYTES, plain);
    let finding = one(ask(signature, &pinned(&maker)));
    assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
    assert!(
        matches!(&finding.signers[0], Signer::Key { fingerprint, subkey: Some(subkey), .. }
        if *fingerprint == maker.fingerprint() && subkey.len() == 40 && subkey != fingerprint)
    );
}

#[test]
fn a_subkey_must_agree_that_it_belongs_to_the_certificate() {
    // Else anybody could claim another's key, and with it his signatures.
    let maker = Maker::new(1, BORN).subkey(2, BORN, KeyFlags::empty().set_signing(), Bound::OneSided, plain);
    let signature = maker.sign_as(By::Subkey(0), SignatureType::Binary, SIGNED, BYTES, plain);
    assert_eq!(outcome(signature, &maker), wrong(Fault::NotValidThen));
}

#[test]
fn a_key_must_be_for_signing() {
    let flags = KeyFlags::empty().set_transport_encryption();
    let maker = Maker::new(1, BORN).subkey(2, BORN, flags, Bound::Both, plain);
    let signature = maker.sign_as(By::Subkey(0), SignatureType::Binary, SIGNED, BYTES, plain);
    assert_eq!(outcome(signature, &maker), wrong(Fault::ChainWrong));
    let certify_only = Maker::unbound(1, BORN).bind(BORN, |builder| {
        builder.set_key_flags(KeyFlags::empty().set_certification()).unwrap()
    });
    let signature = certify_only.sign(SIGNED, BYTES);
    assert_eq!(outcome(signature, &certify_only), wrong(Fault::ChainWrong));
}

#[test]
fn a_key_must_not_have_expired_when_it_signed() {
    const YEAR: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);
    let maker = Maker::unbound(1, BORN).bind(BORN, |builder| builder.set_key_validity_period(YEAR).unwrap());
    assert_eq!(outcome(maker.sign(SIGNED, BYTES), &maker), GOOD);
    assert_eq!(outcome(maker.sign(LATER, BYTES), &maker), wrong(Fault::NotValidThen));
    let maker = Maker::new(1, BORN).subkey(2, BORN, KeyFlags::empty().set_signing(), Bound::Both, |builder| {
        builder.set_key_validity_period(YEAR).unwrap()
    });
    let by_subkey = |when| maker.sign_as(By::Subkey(0), SignatureType::Binary, when, BYTES, plain);
    assert_eq!(outcome(by_subkey(SIGNED), &maker), GOOD);
    assert_eq!(outcome(by_subkey(LATER), &maker), wrong(Fault::NotValidThen));
}

#[test]
fn a_subkey_of_an_expired_certificate_does_not_sign() {
    const YEAR: std::time::Duration = std::time::Duration::from_secs(400 * 86_400);
    let maker = Maker::unbound(1, BORN)
        .bind(BORN, |builder| builder.set_key_validity_period(YEAR).unwrap())
        .subkey(2, BORN, KeyFlags::empty().set_signing(), Bound::Both, plain);
    let signature = maker.sign_as(By::Subkey(0), SignatureType::Binary, LATER, BYTES, plain);
    assert_eq!(outcome(signature, &maker), wrong(Fault::NotValidThen));
}

#[test]
fn a_compromise_revokes_always_and_a_retirement_what_follows() {
    use ReasonForRevocation::{KeyCompromised, KeyRetired, KeySuperseded, Unspecified};
    let maker = Maker::new(1, BORN);
    let signature = maker.sign(SIGNED, BYTES);
    for reason in [KeyCompromised, Unspecified] {
        let revoked = maker.clone().revoked(LATER, reason);
        assert_eq!(outcome(signature.clone(), &revoked), wrong(Fault::Revoked));
    }
    for reason in [KeyRetired, KeySuperseded] {
        let revoked = maker.clone().revoked(LATER, reason);
        assert_eq!(outcome(signature.clone(), &revoked), GOOD);
        let before = maker.clone().revoked("2024-06-01T00:00:00Z", reason);
        assert_eq!(outcome(signature.clone(), &before), wrong(Fault::Revoked));
    }
}

#[test]
fn a_revocation_in_one_copy_counts_for_all() {
    let maker = Maker::new(1, BORN);
    let revoked = maker.clone().revoked(LATER, ReasonForRevocation::KeyCompromised);
    let mut anchors = [
        anchor("old copy", maker.material()),
        anchor("new copy", revoked.material()),
    ];
    // Even where the copy itself does not count.
    anchors[1].scope = vec![ScopePattern::new("npm")];
    let finding = one(ask(maker.sign(SIGNED, BYTES), &anchors));
    assert_eq!(finding.outcome, wrong(Fault::Revoked));
}

#[test]
fn a_revoked_subkey_does_not_sign() {
    let maker = Maker::new(1, BORN)
        .subkey(2, BORN, KeyFlags::empty().set_signing(), Bound::Both, plain)
        .subkey_revoked(LATER, ReasonForRevocation::KeyCompromised);
    let by = |by| maker.sign_as(by, SignatureType::Binary, SIGNED, BYTES, plain);
    assert_eq!(outcome(by(By::Subkey(0)), &maker), wrong(Fault::Revoked));
    assert_eq!(outcome(by(By::Primary), &maker), GOOD);
}

#[test]
fn times_that_cannot_be_are_wrong() {
    let maker = Maker::new(1, BORN);
    let future = maker.sign("2026-11-20T12:00:01Z", BYTES);
    assert_eq!(outcome(future, &maker), wrong(Fault::TimeWrong));
    assert_eq!(outcome(maker.sign(DAY, BYTES), &maker), GOOD);
    let young = Maker::new(1, LATER);
    let early = young.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, plain);
    assert_eq!(outcome(early, &young), wrong(Fault::NotValidThen));
    let short_lived = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        let day = std::time::Duration::from_secs(86_400);
        builder.set_signature_validity_period(day).unwrap()
    });
    assert_eq!(outcome(short_lived, &maker), wrong(Fault::Expired));
    // RFC 9580 §5.2.3.18: nothing, or zero seconds, never ends.
    let endless = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        let area = Subpacket::new(SubpacketValue::SignatureExpirationTime(0.into()), true).unwrap();
        builder
            .modify_hashed_area(|mut hashed| hashed.add(area).map(|()| hashed))
            .unwrap()
    });
    assert_eq!(outcome(endless, &maker), GOOD);
}

#[test]
fn a_sha1_binding_counts_by_its_own_date() {
    let bound = |when: &str| Maker::unbound(1, when).bind(when, |builder| builder.set_hash_algo(HashAlgorithm::SHA1));
    let old = bound("2015-01-01T00:00:00Z");
    assert_eq!(outcome(old.sign(SIGNED, BYTES), &old), GOOD);
    let last = bound("2023-01-31T23:59:59Z");
    assert_eq!(outcome(last.sign(SIGNED, BYTES), &last), GOOD);
    let late = bound("2023-02-01T00:00:00Z");
    assert_eq!(outcome(late.sign(SIGNED, BYTES), &late), wrong(Fault::Weak));
    let md5 = Maker::unbound(1, "2015-01-01T00:00:00Z").bind("2015-01-01T00:00:00Z", |builder| {
        builder.set_hash_algo(HashAlgorithm::MD5)
    });
    assert_eq!(outcome(md5.sign(SIGNED, BYTES), &md5), wrong(Fault::Weak));
}

#[test]
fn a_certificate_cut_down_to_its_newest_binding_still_vouches() {
    let cut = Maker::unbound(1, BORN).bind(LATER, plain);
    let finding = one(ask(cut.sign(SIGNED, BYTES), &pinned(&cut)));
    assert_eq!(finding.outcome, GOOD, "{}", finding.reason);
    assert_eq!(finding.notes.len(), 1);
    // Not for longer than that binding says.
    const MONTH: std::time::Duration = std::time::Duration::from_secs(30 * 86_400);
    let ended = Maker::unbound(1, BORN).bind(LATER, |builder| builder.set_key_validity_period(MONTH).unwrap());
    assert_ne!(outcome(ended.sign(SIGNED, BYTES), &ended), GOOD);
    // A key that nothing binds is nobody's.
    let bare = Maker::unbound(1, BORN);
    assert_ne!(outcome(bare.sign(SIGNED, BYTES), &bare), GOOD);
}

#[test]
fn what_is_critical_and_not_known_is_not_believed() {
    let maker = Maker::new(1, BORN);
    let notation = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        builder
            .add_notation("only-for@example.com", b"x", NotationDataFlags::empty(), true)
            .unwrap()
    });
    assert_eq!(outcome(notation, &maker), open(Doubt::UnknownFormat));
    let harmless = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        builder
            .add_notation("only-for@example.com", b"x", NotationDataFlags::empty(), false)
            .unwrap()
    });
    assert_eq!(outcome(harmless, &maker), GOOD);
    let subpacket = maker.sign_as(By::Primary, SignatureType::Binary, SIGNED, BYTES, |builder| {
        builder
            .modify_hashed_area(|mut area| {
                let value = SubpacketValue::Unknown {
                    tag: SubpacketTag::Private(100),
                    body: vec![1],
                };
                area.add(Subpacket::new(value, true)?)?;
                Ok(area)
            })
            .unwrap()
    });
    assert_eq!(outcome(subpacket, &maker), open(Doubt::UnknownFormat));
}

#[test]
fn a_signature_that_names_nobody_is_nobodys() {
    let maker = Maker::new(1, BORN);
    let mut signature = maker.signature(By::Primary, SignatureType::Binary, SIGNED, BYTES, plain);
    for tag in [SubpacketTag::Issuer, SubpacketTag::IssuerFingerprint] {
        signature.hashed_area_mut().remove_all(tag);
        signature.unhashed_area_mut().remove_all(tag);
    }
    let finding = one(ask(bytes(&[signature.into()]), &pinned(&maker)));
    assert_eq!(finding.outcome, open(Doubt::UnknownSigner));
    assert_eq!(finding.reason, "the signature does not say whose it is");
}

#[test]
fn a_signature_over_something_else_than_a_document_is_refused() {
    let maker = Maker::new(1, BORN);
    for kind in [
        SignatureType::Standalone,
        SignatureType::Timestamp,
        SignatureType::Confirmation,
    ] {
        let signature = maker.sign_as(By::Primary, kind, SIGNED, BYTES, plain);
        assert_eq!(outcome(signature, &maker), wrong(Fault::Malformed));
    }
}

#[test]
fn a_text_signature_counts_only_for_bytes_that_it_pins_down() {
    let maker = Maker::new(1, BORN);
    let canonical = b"first line\r\nsecond line\r\n";
    let signature = maker.sign_as(By::Primary, SignatureType::Text, SIGNED, canonical, plain);
    assert_eq!(outcome(signature.clone(), &maker), GOOD);
    // The same signature fits other bytes as well.
    let finding = one(ask_about(canonical, signature, &pinned(&maker)));
    assert_eq!(finding.outcome, open(Doubt::UnknownFormat));
}

#[test]
fn each_signer_counts_once() {
    let (first, second) = (Maker::new(1, BORN), Maker::new(2, BORN));
    let anchors = [
        anchor("first", first.material()),
        anchor("second", second.material()),
        anchor("first again", first.material()),
    ];
    let both = [first.sign(SIGNED, BYTES), second.sign(SIGNED, BYTES)].concat();
    let findings = ask(both.clone(), &anchors);
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(Finding::is_confirmed));
    // The very same one, one made later, one by a subkey, one in another block.
    let twice = [both.clone(), first.sign(SIGNED, BYTES), first.sign(LATER, BYTES)].concat();
    assert_eq!(ask(twice, &anchors).len(), 2);
    let with_subkey = Maker::new(1, BORN).subkey(3, BORN, KeyFlags::empty().set_signing(), Bound::Both, plain);
    let by_subkey = with_subkey.sign_as(By::Subkey(0), SignatureType::Binary, SIGNED, BYTES, plain);
    let anchors = [anchor("first", with_subkey.material())];
    let twice = [with_subkey.sign(SIGNED, BYTES), by_subkey].concat();
    assert_eq!(ask(twice.clone(), &anchors).len(), 1);
    let blocks = [armor(&twice), armor(&second.sign(SIGNED, BYTES))].concat();
    let findings = ask(blocks.into_bytes(), &anchors);
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[1].outcome, open(Doubt::UnknownSigner));
}

#[test]
fn a_wrong_signature_beside_a_good_one_is_told() {
    let (first, second) = (Maker::new(1, BORN), Maker::new(2, BORN));
    let anchors = [anchor("first", first.material()), anchor("second", second.material())];
    let findings = ask(
        [first.sign(SIGNED, BYTES), second.sign(SIGNED, b"other")].concat(),
        &anchors,
    );
    assert_eq!(findings[0].outcome, GOOD);
    assert_eq!(findings[1].outcome, wrong(Fault::SignatureWrong));
}

#[test]
fn bytes_that_are_no_signature_are_told_so() {
    let maker = Maker::new(1, BORN);
    let mut literal = Literal::new(sequoia_openpgp::types::DataFormat::Binary);
    literal.set_body(BYTES.to_vec());
    let with_literal = [maker.sign(SIGNED, BYTES), bytes(&[Packet::Literal(literal)])].concat();
    assert_eq!(outcome(with_literal, &maker), wrong(Fault::Malformed));
    assert_eq!(
        outcome(b"nothing of the kind".to_vec(), &maker),
        open(Doubt::Incomplete)
    );
    assert_eq!(outcome(Vec::new(), &maker), open(Doubt::Incomplete));
    let block = armor(&maker.sign(SIGNED, BYTES));
    let cut = block.replace("-----END PGP SIGNATURE-----", "");
    let found = one(ask(cut.into_bytes(), &pinned(&maker)));
    assert_eq!(found.outcome, wrong(Fault::Malformed));
    assert!(found.reason.contains("ends before its signature"), "{}", found.reason);
    assert_eq!(outcome(vec![0x88; 300 << 10], &maker), open(Doubt::TooLarge));
    let many: Vec<u8> = (0..40)
        .flat_map(|second| maker.sign(&format!("2025-01-01T00:00:{second:02}Z"), BYTES))
        .collect();
    assert_eq!(outcome(many, &maker), open(Doubt::TooLarge));
}

#[test]
fn no_damage_is_believed_or_ends_the_run() {
    let maker = Maker::new(1, BORN);
    let anchors = pinned(&maker);
    let signature = maker.signature(By::Primary, SignatureType::Binary, SIGNED, BYTES, plain);
    let good = bytes(&[signature.into()]);
    for length in 0..good.len() {
        let findings = ask(good[..length].to_vec(), &anchors);
        assert!(!findings.iter().any(Finding::is_confirmed), "cut at {length}");
    }
    for place in 0..good.len() {
        let mut damaged = good.clone();
        damaged[place] ^= 0x41;
        for finding in ask(damaged, &anchors) {
            // What is not signed may change (RFC 9580 §5.2.3.2): the second area holds who issued it.
            assert!(
                !finding.is_confirmed() || finding.signers.len() == 1,
                "byte {place}: {}",
                finding.reason
            );
            if finding.is_confirmed() {
                assert_eq!(finding.signed_at.unwrap().time, time(SIGNED));
            }
        }
    }
}
