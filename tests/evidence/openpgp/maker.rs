//! Certificates and signatures of our own, made with the library that also verifies them: the means to break one thing at a time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use sequoia_openpgp::Packet;
use sequoia_openpgp::crypto::KeyPair;
use sequoia_openpgp::packet::key::{Key4, PrimaryRole, SecretParts, SubordinateRole};
use sequoia_openpgp::packet::signature::SignatureBuilder;
use sequoia_openpgp::packet::{Key, Signature, UserID};
use sequoia_openpgp::serialize::Serialize;
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, ReasonForRevocation, SignatureType};

use crate::support::{certificates, time};
use sealift::model::Material;

/// What changes a signature before it is made.
pub(crate) type Change = fn(SignatureBuilder) -> SignatureBuilder;

/// No change.
pub(crate) const fn plain(builder: SignatureBuilder) -> SignatureBuilder {
    builder
}

/// A time of the library.
pub(crate) fn at(text: &str) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(time(text).seconds().try_into().unwrap())
}

/// A certificate in the making.
#[derive(Clone)]
pub(crate) struct Maker {
    primary: Key<SecretParts, PrimaryRole>,
    subkeys: Vec<Key<SecretParts, SubordinateRole>>,
    packets: Vec<Packet>,
}

/// Which key signs.
#[derive(Clone, Copy)]
pub(crate) enum By {
    Primary,
    Subkey(usize),
}

/// How a subkey is bound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// By both keys.
    Both,
    /// By the primary key alone.
    OneSided,
}

impl Maker {
    /// A certificate with one user id, from a seed.
    pub(crate) fn new(seed: u8, created: &str) -> Self {
        Self::unbound(seed, created).bind(created, plain)
    }

    /// A primary key alone.
    pub(crate) fn unbound(seed: u8, created: &str) -> Self {
        Self::of(Key4::import_secret_ed25519(&[seed; 32], at(created)).unwrap().into())
    }

    /// A certificate around a key.
    pub(crate) fn of(primary: Key<SecretParts, PrimaryRole>) -> Self {
        let public = primary.clone().take_secret().0;
        Self {
            packets: vec![Packet::from(public)],
            primary,
            subkeys: Vec::new(),
        }
    }

    fn user() -> UserID {
        UserID::from("Publisher <publisher@example.com>")
    }

    /// Binds the user id.
    pub(crate) fn bind(mut self, when: &str, change: Change) -> Self {
        let builder = SignatureBuilder::new(SignatureType::PositiveCertification)
            .set_key_flags(KeyFlags::empty().set_certification().set_signing())
            .unwrap()
            .set_hash_algo(HashAlgorithm::SHA256)
            .set_signature_creation_time(at(when))
            .unwrap();
        let signature = change(builder)
            .sign_userid_binding(&mut self.pair(By::Primary), None, &Self::user())
            .unwrap();
        // A certificate's user id stands before its signatures, and several of these behind each other.
        if !self.packets.iter().any(|packet| matches!(packet, Packet::UserID(_))) {
            self.packets.push(Self::user().into());
        }
        self.packets.push(signature.into());
        self
    }

    /// Adds a subkey.
    pub(crate) fn subkey(mut self, seed: u8, when: &str, flags: KeyFlags, bound: Bound, change: Change) -> Self {
        let key: Key<SecretParts, SubordinateRole> = Key4::import_secret_ed25519(&[seed; 32], at(when)).unwrap().into();
        let public = key.clone().take_secret().0;
        let primary = self.primary.clone().take_secret().0;
        let mut builder = change(
            SignatureBuilder::new(SignatureType::SubkeyBinding)
                .set_key_flags(flags)
                .unwrap()
                .set_hash_algo(HashAlgorithm::SHA256)
                .set_signature_creation_time(at(when))
                .unwrap(),
        );
        if bound == Bound::Both {
            let back = SignatureBuilder::new(SignatureType::PrimaryKeyBinding)
                .set_signature_creation_time(at(when))
                .unwrap()
                .sign_primary_key_binding(&mut key.clone().into_keypair().unwrap(), &primary, &public)
                .unwrap();
            builder = builder.set_embedded_signature(back).unwrap();
        }
        let binding = builder
            .sign_subkey_binding(&mut self.pair(By::Primary), None, &public)
            .unwrap();
        self.packets.push(public.into());
        self.packets.push(binding.into());
        self.subkeys.push(key);
        self
    }

    /// Revokes the certificate.
    pub(crate) fn revoked(mut self, when: &str, reason: ReasonForRevocation) -> Self {
        let primary = self.primary.clone().take_secret().0;
        let revocation = SignatureBuilder::new(SignatureType::KeyRevocation)
            .set_signature_creation_time(at(when))
            .unwrap()
            .set_reason_for_revocation(reason, b"")
            .unwrap()
            .sign_direct_key(&mut self.pair(By::Primary), Some(&primary))
            .unwrap();
        // Behind the primary key, before the user id.
        self.packets.insert(1, revocation.into());
        self
    }

    /// Revokes the last subkey.
    pub(crate) fn subkey_revoked(mut self, when: &str, reason: ReasonForRevocation) -> Self {
        let public = self.subkeys.last().unwrap().clone().take_secret().0;
        let revocation = SignatureBuilder::new(SignatureType::SubkeyRevocation)
            .set_signature_creation_time(at(when))
            .unwrap()
            .set_reason_for_revocation(reason, b"")
            .unwrap()
            .sign_subkey_binding(&mut self.pair(By::Primary), None, &public)
            .unwrap();
        self.packets.push(revocation.into());
        self
    }

    fn pair(&self, by: By) -> KeyPair {
        match by {
            By::Primary => self.primary.clone().into_keypair().unwrap(),
            By::Subkey(place) => self.subkeys[place].clone().into_keypair().unwrap(),
        }
    }

    /// The certificate for an anchor.
    pub(crate) fn material(&self) -> Material {
        certificates(&bytes(&self.packets))
    }

    /// The primary key's fingerprint.
    pub(crate) fn fingerprint(&self) -> String {
        self.primary.fingerprint().to_hex()
    }

    /// A signature over bytes as they are given.
    pub(crate) fn signature(
        &self,
        by: By,
        kind: SignatureType,
        when: &str,
        message: &[u8],
        change: Change,
    ) -> Signature {
        let builder = SignatureBuilder::new(kind)
            .set_hash_algo(HashAlgorithm::SHA256)
            .set_signature_creation_time(at(when))
            .unwrap();
        let mut pair = self.pair(by);
        let builder = change(builder);
        let mut hash = builder.hash_algo().context().unwrap().for_signature(4);
        hash.update(message);
        builder.sign_hash(&mut pair, hash).unwrap()
    }

    /// A detached signature in binary.
    pub(crate) fn sign(&self, when: &str, message: &[u8]) -> Vec<u8> {
        self.sign_as(By::Primary, SignatureType::Binary, when, message, plain)
    }

    /// A detached signature in binary, changed.
    pub(crate) fn sign_as(&self, by: By, kind: SignatureType, when: &str, message: &[u8], change: Change) -> Vec<u8> {
        bytes(&[self.signature(by, kind, when, message, change).into()])
    }

    /// A signed text (RFC 9580 §7).
    pub(crate) fn cleartext(&self, when: &str, text: &str) -> String {
        self.cleartext_as(SignatureType::Text, when, text)
    }

    /// A signed text, whose signature has some type.
    pub(crate) fn cleartext_as(&self, kind: SignatureType, when: &str, text: &str) -> String {
        let lines: Vec<&str> = text
            .split('\n')
            .map(|line| line.trim_end_matches([' ', '\t', '\r']))
            .collect();
        let signature = self.sign_as(By::Primary, kind, when, lines.join("\r\n").as_bytes(), plain);
        let escaped: Vec<String> = text
            .split('\n')
            .map(|line| {
                if line.starts_with('-') {
                    format!("- {line}")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{}\n{}",
            escaped.join("\n"),
            armor(&signature)
        )
    }
}

/// Packets as they are written.
pub(crate) fn bytes(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for packet in packets {
        packet.serialize(&mut bytes).unwrap();
    }
    bytes
}

/// A signature in armor.
pub(crate) fn armor(signature: &[u8]) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(signature);
    let lines: Vec<&str> = (0..encoded.len())
        .step_by(64)
        .map(|from| &encoded[from..(from + 64).min(encoded.len())])
        .collect();
    format!(
        "-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n",
        lines.join("\n")
    )
}
