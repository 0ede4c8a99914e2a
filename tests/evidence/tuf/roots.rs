//! Chains of roots, and roots as anchors.

use sealift::crypto::key::Signer as _;
use sealift::evidence;
use sealift::model::{Anchor, Doubt, Fault, Material};
use serde_json::json;

use super::{CONFIRMED, Repository, Role, altered, doubt, id, judged, key, key_object, write, wrong};
use crate::support::{anchor, outcome, scoped, until};

#[test]
fn anchors_count_as_far_as_they_reach() {
    let good = Repository::new();
    let told = |anchors: &[Anchor]| outcome(&judged(good.objects(), "top.bin", b"top", anchors));
    assert_eq!(told(&[]), doubt(Doubt::NoAnchor));
    let root = Material::TufRoot(String::from_utf8(write(&good.root)).unwrap());
    assert_eq!(
        told(&[scoped("a", "files/other", root.clone())]),
        doubt(Doubt::OutOfScope)
    );
    assert_eq!(
        told(&[until("a", "2026-11-20T11:59:59Z", root)]),
        doubt(Doubt::OutOfScope)
    );
    let stranger = altered(|it| {
        for seed in 1..=9 {
            it.root.signed["keys"].as_object_mut().unwrap().remove(&id(seed));
        }
        it.root.signed["keys"]["other"] = key_object(11);
        for role in ["root", "timestamp", "snapshot", "targets"] {
            it.root.signed["roles"][role]["keyids"] = json!(["other"]);
        }
    });
    let message = stranger.root.signed.to_string();
    let signature = hex::encode(key(11).sign(message.as_bytes()).unwrap());
    let text =
        json!({"signed": stranger.root.signed, "signatures": [{"keyid": "other", "sig": signature}]}).to_string();
    let stranger = anchor("stranger", Material::TufRoot(text));
    assert_eq!(told(std::slice::from_ref(&stranger)), doubt(Doubt::UnknownSigner));
    assert_eq!(told(&[stranger.clone(), good.anchor()]), CONFIRMED);
    // Its newer roots are another repository's too.
    let mut objects = good.objects();
    objects.push(write(&altered(|it| it.root.signed["version"] = json!(2)).root));
    assert_eq!(
        outcome(&judged(objects, "top.bin", b"top", &[stranger])),
        doubt(Doubt::UnknownSigner)
    );
    // A root that its own keys did not sign pins nothing.
    let unsigned = altered(|it| it.root.signers = vec![2]);
    assert_eq!(told(&[unsigned.anchor()]), doubt(Doubt::NoAnchor));
    assert_eq!(
        told(&[anchor("a", Material::TufRoot("{}".to_owned()))]),
        doubt(Doubt::NoAnchor)
    );
}

#[test]
fn roots_follow_each_other_one_by_one() {
    let first = Repository::new();
    let next = |version: u64, signers: Vec<u8>| {
        let repository = altered(|it| {
            it.root.signed["version"] = json!(version);
            it.root.signed["roles"]["root"] = json!({"keyids": ["key-8"], "threshold": 1});
            it.root.signers = signers;
        });
        write(&repository.root)
    };
    let told = |roots: Vec<Vec<u8>>| {
        let objects = [first.objects(), roots].concat();
        outcome(&judged(objects, "top.bin", b"top", &[first.anchor()]))
    };
    assert_eq!(told(vec![next(2, vec![1, 8])]), CONFIRMED);
    assert_eq!(told(vec![next(3, vec![8]), next(2, vec![8, 1])]), CONFIRMED);
    assert_eq!(told(vec![next(2, vec![8])]), doubt(Doubt::UnknownSigner));
    assert_eq!(told(vec![next(2, vec![1])]), wrong(Fault::SignatureWrong));
    // One in between that its own keys did not sign.
    assert_eq!(
        told(vec![next(2, vec![1]), next(3, vec![8])]),
        wrong(Fault::SignatureWrong)
    );
    assert_eq!(told(vec![next(3, vec![1, 8])]), wrong(Fault::ChainWrong));
    let other = String::from_utf8(next(2, vec![1, 8])).unwrap() + "\n";
    assert_eq!(
        told(vec![next(2, vec![1, 8]), other.into_bytes()]),
        wrong(Fault::ChainWrong)
    );
    // The pinned one again, and one before it.
    assert_eq!(told(vec![write(&first.root), next(0, vec![9])]), CONFIRMED);
    // By the former root's key id, and with another key.
    let forged =
        String::from_utf8(next(2, vec![9, 8]))
            .unwrap()
            .replacen(r#""keyid":"key-9""#, r#""keyid":"key-1""#, 1);
    assert_eq!(told(vec![forged.into_bytes()]), wrong(Fault::SignatureWrong));
    // A timestamp by a key that the newer root took away.
    let rotated = altered(|it| {
        it.root.signed["version"] = json!(2);
        it.root.signed["roles"]["timestamp"]["keyids"] = json!(["key-9"]);
    });
    assert_eq!(told(vec![write(&rotated.root)]), doubt(Doubt::UnknownSigner));
    let many: Vec<Vec<u8>> = (2..=258).map(|version| next(version, vec![1])).collect();
    assert_eq!(told(many), doubt(Doubt::TooLarge));
}

#[test]
fn a_root_is_described_before_it_is_pinned() {
    let root = Repository::new().root;
    let described = |root: &Role| {
        let text = String::from_utf8(write(root)).unwrap();
        evidence::describe(&Material::TufRoot(text))
    };
    assert_eq!(
        described(&root).unwrap(),
        ["root version 1, until 2027-01-01T00:00:00Z"]
    );
    let unsigned = altered(|it| it.root.signers = vec![2]).root;
    assert!(described(&unsigned).unwrap_err().contains("0 of the 1 keys"));
    assert!(evidence::describe(&Material::TufRoot("{}".to_owned())).is_err());
    let zeroth = altered(|it| it.root.signed["version"] = json!(0)).root;
    assert!(described(&zeroth).unwrap_err().contains("has no version"));
    // Another document, though it has all that a root has.
    let other = altered(|it| it.root.signed["_type"] = json!("targets")).root;
    let error = described(&other).unwrap_err();
    assert!(error.contains("does not call itself one"), "{error}");
}

#[test]
fn a_pinned_root_is_replaced_by_one_that_its_keys_signed() {
    let root = |version: u64, signers: &[u8]| {
        let repository = altered(|it| {
            it.root.signed["version"] = json!(version);
            if version > 1 {
                it.root.signed["roles"]["root"]["keyids"] = json!(["key-8"]);
            }
            it.root.signers = signers.to_vec();
        });
        repository.anchor()
    };
    let told = |before: &Anchor, after: &Anchor| {
        let same = std::slice::from_ref;
        evidence::check_follows(same(before), same(after))
    };
    let first = root(1, &[1]);
    assert_eq!(told(&first, &first), Ok(()));
    assert_eq!(told(&first, &root(2, &[1, 8])), Ok(()));
    assert_eq!(told(&first, &root(5, &[1, 8])), Ok(()));
    assert!(told(&first, &root(2, &[8])).unwrap_err().contains("the former root's"));
    assert!(told(&first, &root(2, &[1])).unwrap_err().contains("its own"));
    assert!(
        told(&root(2, &[8]), &first)
            .unwrap_err()
            .contains("does not come after")
    );
    assert!(
        told(&root(2, &[8]), &root(2, &[8, 1]))
            .unwrap_err()
            .contains("does not come after")
    );
}

#[test]
fn bare_points_of_old_roots_sign_roots_alone() {
    let point = altered(|it| {
        let point = "04".to_owned() + &"11".repeat(64);
        it.root.signed["keys"]["key-9"] =
            json!({"keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": point}});
        it.root.signed["roles"]["root"]["keyids"] = json!(["key-1", "key-9"]);
    });
    assert_eq!(point.top(), doubt(Doubt::UnknownFormat));
}
