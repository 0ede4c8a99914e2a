//! What a material is in words, and what is refused before it is pinned because no kind could use it.

use std::collections::BTreeMap;

use sealift::evidence::{armored, describe};
use sealift::model::{IdentityPattern, Material};
use serde_json::{Value, json};

use crate::instance::{self, Instance, key_pem};
use crate::{fixtures, forge};

#[track_caller]
fn refused(material: &Material, why: &str) {
    let reason = describe(material).unwrap_err();
    assert!(reason.contains(why), "{reason}");
}

#[test]
fn an_identity_that_anybody_fits_is_refused() {
    let pattern = |issuer: &str, subject: Option<&str>, field: Option<&str>| {
        Material::Identity(IdentityPattern {
            issuer: issuer.to_owned(),
            subject: subject.map(str::to_owned),
            fields: field
                .map(|name| BTreeMap::from([(name.to_owned(), "x".to_owned())]))
                .unwrap_or_default(),
        })
    };
    let issuer = instance::ISSUER;
    assert!(describe(&pattern(issuer, Some(instance::SUBJECT), Some("repository"))).is_ok());
    for material in [
        pattern("", Some("me@example.com"), None),
        pattern("https://*.example.com", Some("me@example.com"), None),
        pattern(issuer, None, None),
        pattern(issuer, Some(""), None),
        pattern(issuer, Some("**"), None),
        pattern(issuer, Some("me@example.com"), Some("colour")),
    ] {
        assert!(describe(&material).is_err(), "{material:?}");
    }
}

#[test]
fn a_trusted_root_is_read_as_it_will_judge() {
    let root = Instance::new().root();
    let material = |root: &Value| Material::SigstoreRoot(root.to_string());
    let lines = describe(&material(&root)).unwrap();
    assert_eq!(
        lines,
        [
            "certificate authority https://authority.example.com, from 2021-01-01T00:00:00Z",
            "transparency log https://log.example.com, from 2021-01-01T00:00:00Z",
            "timestamp authority https://clock.example.com, from 2021-01-01T00:00:00Z",
        ]
    );
    let mut until = root.clone();
    until["tlogs"][0]["publicKey"]["validFor"] =
        json!({"start": "2021-01-01T00:00:00Z", "end": "2030-01-01T00:00:00Z"});
    let last = "transparency log https://log.example.com, from 2021-01-01T00:00:00Z until 2030-01-01T00:00:00Z";
    assert_eq!(describe(&material(&until)).unwrap()[1], last);
    until["tlogs"][0]["publicKey"]["validFor"] = Value::Null;
    let open = "transparency log https://log.example.com";
    assert_eq!(describe(&material(&until)).unwrap()[1], open);

    let mut other = root.clone();
    other["mediaType"] = "application/json".into();
    refused(&material(&other), "no Sigstore trusted root");
    let mut broken = root.clone();
    broken["tlogs"][0]["publicKey"]["rawBytes"] = "AAAA".into();
    refused(&material(&broken), "trusted root cannot be");
    let mut empty = root;
    for field in ["certificateAuthorities", "tlogs", "ctlogs", "timestampAuthorities"] {
        empty[field] = json!([]);
    }
    refused(&material(&empty), "no authority and no log");
    refused(&Material::SigstoreRoot("{".to_owned()), "no JSON");
}

#[test]
fn a_public_key_is_one_key() {
    let key = key_pem(&forge::key());
    let described = describe(&Material::PublicKey(key.clone())).unwrap();
    assert!(described.len() == 1 && described[0].contains("P-256"), "{described:?}");
    refused(&Material::PublicKey(format!("{key}{key}")), "2 blocks");
    assert!(describe(&Material::PublicKey("nonsense".to_owned())).is_err());
}

#[test]
fn signers_of_whom_none_is_usable_are_refused() {
    let usable = format!("me {}", fixtures::text("sshsig/ed25519.pub").trim());
    let lines = describe(&Material::AllowedSigners(usable.clone())).unwrap();
    assert!(lines[0].starts_with("me by SHA256:"), "{lines:?}");
    // DSA (RFC 4253 §6.6) of four numbers: known by name, and never used.
    let parts = [&b"ssh-dss"[..], &[7], &[7], &[7], &[7]];
    let blob: Vec<u8> = parts
        .iter()
        .flat_map(|part| [&u32::try_from(part.len()).unwrap().to_be_bytes()[..], part].concat())
        .collect();
    let weak = format!("you ssh-dss {}", instance::base64(blob));
    assert!(describe(&Material::AllowedSigners(weak.clone())).is_err());
    let both = describe(&Material::AllowedSigners(format!("{usable}\n{weak}\n"))).unwrap();
    assert!(both[1].contains("unusable"), "{both:?}");
}

#[test]
fn armor_is_made_of_public_certificates_alone() {
    assert!(armored(b"").unwrap_err().contains("no OpenPGP certificate"));
    assert!(armored(b"nonsense").is_err());
}

#[test]
fn pinned_certificates_are_few_and_of_a_real_size() {
    let one = forge::pem(&[&forge::Holder::alone(&forge::Says::default())]);
    let described = |pem: String| describe(&Material::Certificates(pem));
    assert_eq!(described(one.repeat(2)).unwrap().len(), 2);
    assert!(described(one.repeat(1_001)).is_err());
    let large = vec![forge::extension("1.2.3.4", false, &vec![0; 80 << 10])];
    let large = forge::Holder::alone(&forge::Says {
        more: large,
        ..forge::Says::default()
    });
    assert!(described(forge::pem(&[&large])).is_err());
}

#[test]
fn a_certificate_says_each_thing_once_and_alike() {
    let says = || forge::Says {
        more: vec![forge::extension("1.2.3.4", false, &[5, 0])],
        ..forge::Says::default()
    };
    let described = |der: &[u8]| Material::Certificates(forge::pem_of(&[der]));
    let good = forge::Holder::alone(&says()).certificate;
    assert!(describe(&described(&good)).is_ok());
    let mut twice = says();
    twice.more.extend(says().more);
    refused(
        &described(&forge::Holder::alone(&twice).certificate),
        "an extension twice",
    );
    // ECDSA with SHA-384 (RFC 5758 §3.2) within, where it is signed with SHA-256.
    let algorithm = forge::oid("1.2.840.10045.4.3.2");
    let at = good
        .windows(algorithm.len())
        .position(|bytes| bytes == algorithm)
        .unwrap();
    let mut other = good.clone();
    other[at + algorithm.len() - 1] = 3;
    refused(&described(&other), "two signature algorithms");
    let deep = (0..60).fold(Vec::new(), |within, _| forge::seq(&[within]));
    refused(&described(&deep), "too many levels");
}
