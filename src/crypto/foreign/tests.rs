use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};

use super::*;

fn der(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

#[test]
fn numbers_are_written_as_the_shortest_der() {
    assert_eq!(der(&ecdsa_der(&[0, 1], &[0x80])), "300702010102020080");
    assert_eq!(der(&ecdsa_der(&[0, 0], &[])), "3006020100020100");
    let long = ecdsa_der(&[0x7f; 66], &[0x7f; 66]);
    assert_eq!(&long[..3], [0x30, 0x81, 0x88]);
}

#[test]
fn each_scheme_fits_its_own_keys_only() {
    let random = SystemRandom::new();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_info = rsa.public_key().as_der().unwrap();
    let key = ForeignKey::from_info(rsa_info.as_ref()).unwrap();
    assert_eq!(key.algorithm(), "RSA 2048");
    let mut signature = vec![0; 256];
    rsa.sign(&RSA_PKCS1_SHA256, &random, b"m", &mut signature).unwrap();
    assert!(key.verify(Scheme::RsaPkcs1(Hash::Sha256), b"m", &signature).is_ok());
    for scheme in [
        Scheme::RsaPkcs1(Hash::Sha512),
        Scheme::RsaPss(Hash::Sha256),
        Scheme::Ecdsa,
        Scheme::EcdsaFixed,
        Scheme::Ed25519,
    ] {
        assert!(key.verify(scheme, b"m", &signature).is_err(), "{scheme:?}");
    }
    assert!(key.verify(Scheme::RsaPkcs1(Hash::Sha256), b"n", &signature).is_err());
    rsa.sign(&RSA_PSS_SHA256, &random, b"m", &mut signature).unwrap();
    assert!(key.verify(Scheme::RsaPss(Hash::Sha256), b"m", &signature).is_ok());
    assert!(key.verify(Scheme::RsaPkcs1(Hash::Sha256), b"m", &signature).is_err());
    assert!(key.verify(Scheme::RsaPss(Hash::Sha512), b"m", &signature).is_err());

    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
    let key = ForeignKey::p521(pair.public_key().as_ref()).unwrap();
    let signature = pair.sign(&random, b"m").unwrap();
    assert!(key.verify(Scheme::Ecdsa, b"m", signature.as_ref()).is_ok());
    assert!(key.verify(Scheme::EcdsaFixed, b"m", signature.as_ref()).is_err());
    assert_eq!(ForeignKey::from_info(key.info()).unwrap(), key);

    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let p521 = key;
    let key = ForeignKey::from(PublicKey::p256(pair.public_key().as_ref()).unwrap());
    let signature = pair.sign(&random, b"m").unwrap();
    assert!(key.verify(Scheme::EcdsaFixed, b"m", signature.as_ref()).is_ok());
    assert!(key.verify(Scheme::EcdsaFixed, b"n", signature.as_ref()).is_err());
    assert!(key.verify(Scheme::Ecdsa, b"m", signature.as_ref()).is_err());
    assert!(key.verify(Scheme::Ed25519, b"m", signature.as_ref()).is_err());
    let longer = [signature.as_ref(), &[0]].concat();
    assert!(key.verify(Scheme::EcdsaFixed, b"m", &longer).is_err());
    // The same two numbers in more bytes, and too few for one.
    let (r, s) = signature.as_ref().split_at(32);
    assert!(key.verify(Scheme::EcdsaFixed, b"m", &[r, &[0], s].concat()).is_err());
    assert!(key.verify(Scheme::EcdsaFixed, b"m", &r[..10]).is_err());
    assert_ne!(key, p521);
}

#[test]
fn rsa_keys_have_one_spelling_and_enough_bits() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let info: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let good = info.as_ref();
    assert!(ForeignKey::from_info(good).is_ok());
    // The bare RSAPublicKey of PKCS #1 is another spelling, and so is a byte more.
    assert!(ForeignKey::from_info(pair.public_key().as_ref()).is_err());
    assert!(ForeignKey::from_info(&[good, &[0]].concat()).is_err());
    for cut in 0..good.len() {
        assert!(ForeignKey::from_info(&good[..cut]).is_err());
    }
    let modulus = [&[0x80][..], &[0x11; 127]].concat();
    assert_eq!(
        ForeignKey::rsa(&modulus, &[1, 0, 1]).unwrap_err(),
        ForeignKeyError::RsaLength { bits: 1024 }
    );
    assert!(matches!(
        ForeignKey::rsa(&[0xff; 1025], &[1, 0, 1]).unwrap_err(),
        ForeignKeyError::RsaLength { bits: 8200 }
    ));
    assert!(ForeignKey::rsa(&[0xff; 256], &[]).is_err());
}

#[test]
fn a_key_of_rsa_has_enough_bits_and_not_too_many_in_its_info_too() {
    for (bytes, bits) in [(128, 1024), (1025, 8200)] {
        let components = RsaPublicKeyComponents {
            n: vec![0xff; bytes],
            e: vec![1, 0, 1],
        };
        let info: PublicKeyX509Der<'_> = components.as_der().unwrap();
        assert_eq!(
            ForeignKey::from_info(info.as_ref()).unwrap_err(),
            ForeignKeyError::RsaLength { bits }
        );
        // Something else than a number is no key of any length.
        let mut other = info.as_ref().to_vec();
        let modulus = other
            .windows(2)
            .rposition(|pair| pair == [INTEGER, 0x81] || pair == [INTEGER, 0x82]);
        other[modulus.unwrap()] = BIT_STRING;
        assert_eq!(
            ForeignKey::from_info(&other).unwrap_err(),
            ForeignKeyError::UnknownAlgorithm
        );
    }
}

#[test]
fn a_point_of_p_521_is_written_in_full() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let sign = point[132] & 1;
    let compressed = [&[2 + sign][..], &point[1..67]].concat();
    let hybrid = [&[6 + sign][..], &point[1..]].concat();
    let info = ForeignKey::p521(point).unwrap().info().to_vec();
    for wrong in [compressed, hybrid, info, [point, &[0]].concat(), Vec::new()] {
        assert_eq!(ForeignKey::p521(&wrong).unwrap_err(), ForeignKeyError::UnknownAlgorithm);
    }
}

#[test]
fn a_signature_of_one_curve_is_none_in_the_scheme_of_another() {
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let key = ForeignKey::from(PublicKey::ed25519(ed25519.public_key().as_ref()).unwrap());
    let signature = ed25519.sign(b"m");
    assert!(key.verify(Scheme::Ed25519, b"m", signature.as_ref()).is_ok());
    assert!(key.verify(Scheme::Ecdsa, b"m", signature.as_ref()).is_err());
    assert!(key.verify(Scheme::EcdsaFixed, b"m", signature.as_ref()).is_err());

    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let key = ForeignKey::from(PublicKey::p256(p256.public_key().as_ref()).unwrap());
    let signature = p256.sign(&SystemRandom::new(), b"m").unwrap();
    assert!(key.verify(Scheme::Ecdsa, b"m", signature.as_ref()).is_ok());
    assert!(key.verify(Scheme::Ed25519, b"m", signature.as_ref()).is_err());
}
