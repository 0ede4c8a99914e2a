//! Which keys, hashes and forms of signatures prove anything: the policy that the library asks.

use std::time::{Duration, UNIX_EPOCH};

use sequoia_openpgp::Result;
use sequoia_openpgp::cert::prelude::ValidErasedKeyAmalgamation;
use sequoia_openpgp::crypto::mpi::PublicKey;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::key::PublicParts;
use sequoia_openpgp::packet::signature::subpacket::{SubpacketTag, SubpacketValue};
use sequoia_openpgp::policy::{HashAlgoSecurity, Policy};
use sequoia_openpgp::types::{Curve, HashAlgorithm, SignatureType};

/// The shortest RSA modulus, in bits (NIST SP 800-131A §3: shorter ones are disallowed).
const MIN_RSA_BITS: usize = 2048;

/// 2023-02-01: bindings made with SHA-1 since then prove nothing. Before, nobody could have found a second key or user id with the same
/// hash; the date is the one at which the library's own policy stops (`StandardPolicy`, second pre-image resistance).
const SHA1_BINDINGS_UNTIL: u64 = 1_675_209_600;

/// How strong an algorithm or key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strength {
    /// It proves something.
    Enough,
    /// It proves nothing; why.
    Weak(&'static str),
    /// It is not verified here.
    Unknown,
}

/// The hash of a signature over data, where whoever made the data may have chosen it to collide (RFC 9580 §9.5).
pub(super) const fn of_hash(hash: HashAlgorithm) -> Strength {
    match hash {
        HashAlgorithm::MD5 => Strength::Weak("MD5 is broken"),
        HashAlgorithm::SHA1 => Strength::Weak("SHA-1 is broken"),
        HashAlgorithm::RipeMD => Strength::Weak("RIPEMD-160 is too short"),
        HashAlgorithm::SHA224
        | HashAlgorithm::SHA256
        | HashAlgorithm::SHA384
        | HashAlgorithm::SHA512
        | HashAlgorithm::SHA3_256
        | HashAlgorithm::SHA3_512 => Strength::Enough,
        _ => Strength::Unknown,
    }
}

/// A hash as people write it.
pub(super) fn hash_name(hash: HashAlgorithm) -> String {
    match hash {
        HashAlgorithm::MD5 => "MD5".to_owned(),
        HashAlgorithm::SHA1 => "SHA-1".to_owned(),
        HashAlgorithm::RipeMD => "RIPEMD-160".to_owned(),
        HashAlgorithm::SHA224 => "SHA-224".to_owned(),
        HashAlgorithm::SHA256 => "SHA-256".to_owned(),
        HashAlgorithm::SHA384 => "SHA-384".to_owned(),
        HashAlgorithm::SHA512 => "SHA-512".to_owned(),
        HashAlgorithm::SHA3_256 => "SHA3-256".to_owned(),
        HashAlgorithm::SHA3_512 => "SHA3-512".to_owned(),
        other => format!("hash {}", u8::from(other)),
    }
}

/// A key's algorithm as people write it, and its strength.
pub(super) fn of_key(key: &PublicKey) -> (String, Strength) {
    match key {
        PublicKey::RSA { e, n } => {
            let strength = if n.bits() < MIN_RSA_BITS {
                Strength::Weak("RSA under 2048 bits")
            } else if e.bits() < 2 || e.value().last().is_none_or(|byte| byte & 1 == 0) {
                Strength::Weak("RSA with an exponent that protects nothing")
            } else {
                Strength::Enough
            };
            (format!("RSA {}", n.bits()), strength)
        }
        PublicKey::DSA { p, .. } => (
            format!("DSA {}", p.bits()),
            Strength::Weak("DSA is withdrawn (FIPS 186-5)"),
        ),
        PublicKey::ElGamal { .. } => ("ElGamal".to_owned(), Strength::Weak("ElGamal does not sign")),
        PublicKey::EdDSA {
            curve: Curve::Ed25519,
            q,
        } => (
            "Ed25519".to_owned(),
            of_point(q.value().strip_prefix(&[0x40]).unwrap_or_default()),
        ),
        PublicKey::Ed25519 { a } => ("Ed25519".to_owned(), of_point(a)),
        PublicKey::Ed448 { .. } => ("Ed448".to_owned(), Strength::Enough),
        PublicKey::ECDSA { curve, .. } => match curve {
            Curve::NistP256 => ("ECDSA P-256".to_owned(), Strength::Enough),
            Curve::NistP384 => ("ECDSA P-384".to_owned(), Strength::Enough),
            Curve::NistP521 => ("ECDSA P-521".to_owned(), Strength::Enough),
            other => (format!("ECDSA {other}"), Strength::Unknown),
        },
        _ => ("an algorithm that is not verified here".to_owned(), Strength::Unknown),
    }
}

/// A key of small order fits many messages with one signature, and one with a second spelling has two fingerprints.
fn of_point(bytes: &[u8]) -> Strength {
    let Ok(bytes) = <[u8; 32]>::try_from(bytes) else {
        return Strength::Weak("an Ed25519 key of another length");
    };
    // RFC 8032 §5.1.3: the coordinate is less than 2^255 - 19.
    let [low, middle @ .., high] = bytes;
    let spelt_twice = low >= 0xed && middle == [0xff; 30] && high & 0x7f == 0x7f;
    match ed25519_dalek::VerifyingKey::from_bytes(&bytes) {
        Ok(key) if !key.is_weak() && !spelt_twice => Strength::Enough,
        _ => Strength::Weak("an Ed25519 key of small order, or not in its one spelling"),
    }
}

/// A critical subpacket that this program does not act on, or a critical notation (RFC 9580 §5.2.3.7): its signer wants it
/// understood, or the signature not believed.
pub(super) fn unknown_critical(signature: &Signature) -> Option<String> {
    signature
        .hashed_area()
        .iter()
        .filter(|subpacket| subpacket.critical())
        .find_map(|subpacket| match (subpacket.tag(), subpacket.value()) {
            (_, SubpacketValue::Unknown { .. }) => Some(format!("subpacket {}", u8::from(subpacket.tag()))),
            (_, SubpacketValue::NotationData(notation)) => Some(format!("notation {}", notation.name())),
            (SubpacketTag::SignatureTarget, _) => Some("signature target".to_owned()),
            _ => None,
        })
}

/// The strengths asked of a certificate's own signatures and keys.
#[derive(Debug)]
pub(super) struct AtSigning;

impl Policy for AtSigning {
    fn signature(&self, signature: &Signature, security: HashAlgoSecurity) -> Result<()> {
        let made_before = |seconds| {
            signature
                .signature_creation_time()
                .is_some_and(|made| made < UNIX_EPOCH + Duration::from_secs(seconds))
        };
        let refused = |why: String| Err(sequoia_openpgp::Error::PolicyViolation(why, None).into());
        // A revocation that is not believed would make something valid again: whoever forges one only takes away.
        if is_revocation(signature) {
            return Ok(());
        }
        match (signature.hash_algo(), of_hash(signature.hash_algo())) {
            (_, Strength::Enough) => {}
            (HashAlgorithm::SHA1, _)
                if security == HashAlgoSecurity::SecondPreImageResistance && made_before(SHA1_BINDINGS_UNTIL) => {}
            (hash, _) => return refused(format!("a binding made with {}", hash_name(hash))),
        }
        match unknown_critical(signature) {
            Some(what) => refused(what),
            None => Ok(()),
        }
    }

    fn key(&self, key: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> Result<()> {
        match of_key(key.key().mpis()) {
            (_, Strength::Enough) => Ok(()),
            (name, _) => Err(sequoia_openpgp::Error::PolicyViolation(name, None).into()),
        }
    }
}

/// No strength asked: tells a binding that is too weak from one that is not there.
#[derive(Debug)]
pub(super) struct AnyStrength;

impl Policy for AnyStrength {
    fn signature(&self, _: &Signature, _: HashAlgoSecurity) -> Result<()> {
        Ok(())
    }

    fn key(&self, _: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> Result<()> {
        Ok(())
    }
}

fn is_revocation(signature: &Signature) -> bool {
    matches!(
        signature.typ(),
        SignatureType::KeyRevocation | SignatureType::SubkeyRevocation | SignatureType::CertificationRevocation
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use sequoia_openpgp::cert::amalgamation::ValidateAmalgamation as _;
    use sequoia_openpgp::crypto::mpi::MPI;
    use sequoia_openpgp::packet::key::{Key4, PrimaryRole, SecretParts};
    use sequoia_openpgp::packet::signature::SignatureBuilder;
    use sequoia_openpgp::packet::signature::subpacket::NotationDataFlags;
    use sequoia_openpgp::packet::{Key, UserID};
    use sequoia_openpgp::types::KeyFlags;
    use sequoia_openpgp::{Cert, Packet};

    fn rsa(exponent: &[u8]) -> Strength {
        of_key(&PublicKey::RSA {
            e: MPI::new(exponent),
            n: MPI::new(&[0xff; 256]),
        })
        .1
    }

    #[test]
    fn an_exponent_that_protects_nothing_is_weak() {
        assert_eq!(rsa(&[1, 0, 1]), Strength::Enough);
        assert_eq!(rsa(&[3]), Strength::Enough);
        for exponent in [&[1][..], &[2], &[1, 0, 0], &[]] {
            assert!(matches!(rsa(exponent), Strength::Weak(_)), "{exponent:?}");
        }
    }

    #[test]
    fn a_key_of_small_order_is_weak() {
        // The neutral element, and a point of order 8.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let eighth = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let eighth: [u8; 32] = hex::decode(eighth).unwrap().try_into().unwrap();
        for point in [neutral, eighth, [0; 32], [0xff; 32]] {
            assert!(matches!(of_key(&PublicKey::Ed25519 { a: point }).1, Strength::Weak(_)));
            let legacy = PublicKey::EdDSA {
                curve: Curve::Ed25519,
                q: MPI::new(&[&[0x40][..], &point].concat()),
            };
            assert!(matches!(of_key(&legacy).1, Strength::Weak(_)));
        }
    }

    #[test]
    fn other_curves_are_not_verified_here() {
        for (curve, expected) in [
            (Curve::NistP256, Strength::Enough),
            (Curve::NistP384, Strength::Enough),
            (Curve::NistP521, Strength::Enough),
            (Curve::BrainpoolP256, Strength::Unknown),
        ] {
            let key = PublicKey::ECDSA {
                curve,
                q: MPI::new(&[4]),
            };
            assert_eq!(of_key(&key).1, expected);
        }
    }

    /// A certificate with one user id, whose binding is changed before it is signed.
    fn certificate(primary: Key4<SecretParts, PrimaryRole>, change: fn(SignatureBuilder) -> SignatureBuilder) -> Cert {
        let primary: Key<SecretParts, PrimaryRole> = primary.into();
        let user = UserID::from("Publisher <publisher@example.com>");
        let builder = SignatureBuilder::new(SignatureType::PositiveCertification)
            .set_key_flags(KeyFlags::empty().set_signing())
            .unwrap();
        let binding = change(builder)
            .sign_userid_binding(&mut primary.clone().into_keypair().unwrap(), None, &user)
            .unwrap();
        let packets: [Packet; 3] = [primary.take_secret().0.into(), user.into(), binding.into()];
        Cert::from_packets(packets.into_iter()).unwrap()
    }

    #[test]
    fn the_library_is_told_of_weak_keys_and_of_bindings_that_are_not_understood() {
        let counts = |certificate: &Cert| {
            let key = || certificate.primary_key();
            assert!(key().with_policy(&AnyStrength, None).is_ok());
            key().with_policy(&AtSigning, None).is_ok()
        };
        let key = || Key4::import_secret_ed25519(&[7; 32], None).unwrap();
        assert!(counts(&certificate(key(), |binding| binding)));
        assert!(!counts(&certificate(key(), |binding| {
            let none = NotationDataFlags::empty();
            binding.add_notation("only-for@example.com", b"x", none, true).unwrap()
        })));
        assert!(counts(&certificate(Key4::generate_rsa(2048).unwrap(), |binding| {
            binding
        })));
        assert!(!counts(&certificate(Key4::generate_rsa(1024).unwrap(), |binding| {
            binding
        })));
    }

    #[test]
    fn sha1_binds_only_what_its_signer_chose_alone() {
        let key = Key4::import_secret_ed25519(&[7; 32], UNIX_EPOCH).unwrap();
        let old = certificate(key, |binding| {
            let made = UNIX_EPOCH + Duration::from_secs(SHA1_BINDINGS_UNTIL - 1);
            binding
                .set_hash_algo(HashAlgorithm::SHA1)
                .set_signature_creation_time(made)
                .unwrap()
        });
        let user = old.userids().next().unwrap();
        let binding = user.self_signatures().next().unwrap();
        // Whoever chooses two texts that collide has not found a second one for a text that stands.
        assert!(
            AtSigning
                .signature(binding, HashAlgoSecurity::SecondPreImageResistance)
                .is_ok()
        );
        assert!(
            AtSigning
                .signature(binding, HashAlgoSecurity::CollisionResistance)
                .is_err()
        );
    }

    #[test]
    fn a_point_counts_unless_it_is_spelt_twice_or_of_small_order() {
        // Each byte by which the first spelling of a number is told from its second, and the other ones.
        for (low, middle, high) in [
            (0x02..0xed, 0xff, 0x7f),
            (0xee..0xff, 0xff, 0x7e),
            (0xee..0xff, 0xfe, 0x7f),
        ] {
            let point = |low| {
                let mut bytes = [middle; 32];
                (bytes[0], bytes[31]) = (low, high);
                bytes
            };
            let mut points = low.map(point);
            let good = points.find(|bytes| of_point(bytes) == Strength::Enough);
            assert!(good.is_some(), "{middle} {high}");
        }
        let mut twice = [0xff; 32];
        (twice[0], twice[31]) = (0xf0, 0x7f);
        assert!(ed25519_dalek::VerifyingKey::from_bytes(&twice).is_ok_and(|key| !key.is_weak()));
        assert_ne!(of_point(&twice), Strength::Enough);
    }
}
