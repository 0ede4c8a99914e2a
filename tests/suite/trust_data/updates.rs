//! What may follow under an anchor's name, and how it is told.

use sealift::evidence;
use sealift::model::{Anchor, Code, Material};
use sealift::trust::{Kind, TrustData};
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::{CertBuilder, CertRevocationBuilder};
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::serialize::SerializeInto as _;
use sequoia_openpgp::types::ReasonForRevocation;

use super::{Place, anchor, code, note_key, sealed_data, trust_data};
use crate::people::{ANN, BOB};
use sealift::bundle::manifest::SideData;

fn certificate(owner: &str) -> Cert {
    CertBuilder::general_purpose(Some(owner)).generate().unwrap().0
}

fn armored(certificates: &[&Cert]) -> Material {
    let bytes: Vec<u8> = certificates.iter().flat_map(|cert| cert.to_vec().unwrap()).collect();
    Material::Openpgp(evidence::armored(&bytes).unwrap())
}

/// An update is bound to the primary key that was pinned.
#[test]
fn an_openpgp_anchor_keeps_its_primary_keys() {
    let (ann, bob) = (certificate("ann@example.com"), certificate("bob@example.com"));
    // Another certificate of the same primary key.
    let updated = ann.clone().retain_userids(|_| false);
    assert_ne!(armored(&[&ann]), armored(&[&updated]));
    let pinned = |material: Material| [anchor("maker", material)];
    let follows = |old: &[Anchor], new: &[Anchor]| evidence::check_follows(old, new);
    let old = pinned(armored(&[&ann, &bob]));
    for good in [armored(&[&updated, &bob]), armored(&[&bob, &ann]), armored(&[&ann])] {
        assert_eq!(follows(&old, &pinned(good)), Ok(()));
    }
    let other = certificate("ann@example.com");
    for wrong in [armored(&[&other]), armored(&[&ann, &other])] {
        let reason = follows(&old, &pinned(wrong)).unwrap_err();
        assert!(reason.contains(&other.fingerprint().to_hex()), "{reason}");
    }
    assert!(follows(&old, &pinned(Material::Openpgp("nothing".to_owned()))).is_err());
    // Under a name of its own it is a new anchor, which the persons who sign see as one.
    assert_eq!(follows(&old, &[anchor("other", armored(&[&other]))]), Ok(()));

    let mut place = Place::new();
    place.stand(Kind::TrustData, &sealed_data(&trust_data(1, &old), &[ANN, BOB]));
    let take = |material| {
        let next = trust_data(2, &pinned(material));
        place.take(
            &mut place.site(),
            &[(SideData::TrustData, sealed_data(&next, &[ANN, BOB]))],
        )
    };
    assert_eq!(
        code(take(armored(&[&other])).unwrap_err()),
        Code::TrustVersionOutOfOrder
    );
    assert!(take(armored(&[&updated])).is_ok());
}

/// The certificate with its owner's revocation.
fn revoked(certificate: &Cert, reason: ReasonForRevocation) -> Cert {
    let key = certificate.primary_key().key().clone().parts_into_secret().unwrap();
    let revocation: Signature = CertRevocationBuilder::new()
        .set_reason_for_revocation(reason, b"lost")
        .unwrap()
        .build(&mut key.into_keypair().unwrap(), certificate, None)
        .unwrap();
    certificate.clone().insert_packets(revocation).unwrap().0
}

#[test]
fn an_update_keeps_every_revocation() {
    let ann = certificate("ann@example.com");
    let bob = certificate("bob@example.com");
    let gone = revoked(&ann, ReasonForRevocation::KeyCompromised);
    let otherwise = revoked(&ann, ReasonForRevocation::KeySuperseded);
    let pinned = |certificates: &[&Cert]| [anchor("maker", armored(certificates))];
    let old = pinned(&[&gone, &bob]);
    // A certificate that is gone altogether vouches for nothing, revoked or not.
    for good in [pinned(&[&gone]), pinned(&[&bob]), pinned(&[&bob, &gone])] {
        assert_eq!(evidence::check_follows(&old, &good), Ok(()));
    }
    assert_eq!(evidence::check_follows(&pinned(&[&ann, &bob]), &old), Ok(()));
    for wrong in [pinned(&[&ann, &bob]), pinned(&[&otherwise])] {
        let reason = evidence::check_follows(&old, &wrong).unwrap_err();
        let expected = format!("loses the revocation of key {}", ann.fingerprint().to_hex());
        assert!(reason.contains(&expected), "{reason}");
    }
    let told = |old: &[Anchor], new: &[Anchor]| evidence::changes(Some(&trust_data(1, old)), &trust_data(2, new), &[]);
    let line = format!("the revocation of key {}", ann.fingerprint().to_hex());
    let before = pinned(&[&ann]);
    let after = pinned(&[&gone]);
    assert_eq!(told(&before, &after), [format!("`maker` holds {line}")]);
    assert_eq!(told(&after, &before), [format!("`maker` no longer holds {line}")]);

    let mut place = Place::new();
    place.stand(Kind::TrustData, &sealed_data(&trust_data(1, &after), &[ANN, BOB]));
    let next = sealed_data(&trust_data(2, &before), &[ANN, BOB]);
    let refused = place.take(&mut place.site(), &[(SideData::TrustData, next)]);
    assert_eq!(code(refused.unwrap_err()), Code::TrustVersionOutOfOrder);
}

#[test]
fn an_anchor_keeps_its_type() {
    let ann = certificate("ann@example.com");
    let old = [anchor("maker", armored(&[&ann]))];
    let other = Material::AllowedSigners("ann ssh-ed25519 AAAA".to_owned());
    let reason = evidence::check_follows(&old, &[anchor("maker", other)]).unwrap_err();
    assert!(
        reason.contains("becomes allowed-signers where it was openpgp"),
        "{reason}"
    );
    let back = evidence::check_follows(&[anchor("maker", note_key())], &old);
    assert!(back.is_err(), "nor comes another key in two steps");
}

#[test]
fn a_name_that_is_given_again_is_told_with_what_it_stood_for() {
    let (ann, bob) = (certificate("ann@example.com"), certificate("bob@example.com"));
    let mut place = Place::new();
    let version = |number, material: Option<Material>| {
        let anchors: Vec<Anchor> = material.map(|material| anchor("maker", material)).into_iter().collect();
        trust_data(number, &anchors)
    };
    let stand = |place: &mut Place, data: &TrustData| place.stand(Kind::TrustData, &sealed_data(data, &[ANN, BOB]));
    stand(&mut place, &version(1, Some(armored(&[&ann]))));
    stand(&mut place, &version(2, None));
    let next = sealed_data(&version(3, Some(armored(&[&bob]))), &[ANN, BOB]);
    let brought = place.take(&mut place.site(), &[(SideData::TrustData, next)]).unwrap();
    let told = brought.changes.join("\n");
    let before = told
        .find("`maker` stood for something else in version 1: `maker` (openpgp)")
        .unwrap();
    assert!(
        told[..before].contains(&format!("`maker` holds {}", bob.fingerprint().to_hex())),
        "{told}"
    );
    assert!(
        told[before..].contains(&format!("`maker` held {}", ann.fingerprint().to_hex())),
        "{told}"
    );
}
