//! The library behind this room: packets, certificates, and what a signature says of itself. Besides this file only `hashes.rs`,
//! `key.rs` and `strength.rs` name it.

use std::time::{SystemTime, UNIX_EPOCH};

use sequoia_openpgp::armor::{Kind, ReaderMode};
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::packet::{Body, Tag};
use sequoia_openpgp::parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse};
use sequoia_openpgp::types::SignatureType;
use sequoia_openpgp::{KeyHandle, Packet as Inner};

pub(crate) use sequoia_openpgp::Cert;

use super::error::Error;
use super::parse::MAX_DOCUMENT_BYTES;
use super::repair;
use super::strength::{self, Strength, hash_name};
use crate::model::Timestamp;

/// The most packets in one proof: each signature has one or two, and writers add a few of padding.
const MAX_PACKETS: usize = 256;

/// The most certificates in one anchor: a distribution's keyring has 20, its maintainers' 1,000.
const MAX_CERTIFICATES: usize = 4096;

const BEGIN_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END_KEY: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// A packet, as far as this room tells them apart.
#[derive(Debug)]
pub(super) enum Packet {
    /// A signature.
    Signature(Signature),
    /// The announcement of a signature; the last one of a message says so.
    OnePass {
        /// Whether it is the last.
        last: bool,
    },
    /// The signed bytes of a message.
    Literal(Vec<u8>),
    /// A compressed message.
    Compressed {
        /// RFC 9580 §9.4.
        algorithm: u8,
        /// Its bytes.
        body: Vec<u8>,
    },
    /// What RFC 9580 §5.8 and §5.14 have readers ignore.
    Padding,
    /// Anything else.
    Other(String),
}

impl Packet {
    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Signature(_) => "signature".to_owned(),
            Self::OnePass { .. } => "one-pass signature".to_owned(),
            Self::Literal(_) => "literal data".to_owned(),
            Self::Compressed { .. } => "compressed data".to_owned(),
            Self::Padding => "padding".to_owned(),
            Self::Other(name) => name.clone(),
        }
    }
}

/// A signature, or a packet that should be one and has a version or form that the library does not know.
#[derive(Debug, Clone)]
pub(super) struct Signature(pub(super) Option<Box<sequoia_openpgp::packet::Signature>>);

/// Reads packets, armored or binary, without descending into containers.
pub(super) fn packets(untrusted: &[u8]) -> Result<Vec<Packet>, Error> {
    let most = u32::try_from(MAX_DOCUMENT_BYTES).unwrap_or(u32::MAX);
    let mode = match untrusted.first() {
        Some(byte) if byte & 0x80 != 0 => Dearmor::Disabled,
        _ => Dearmor::Enabled(ReaderMode::Tolerant(None)),
    };
    let mut parser = PacketParserBuilder::from_bytes(untrusted)
        .map_err(|_| Error::Damaged)?
        .dearmor(mode)
        .max_recursion_depth(0)
        .max_packet_size(most)
        .automatic_hashing(false)
        .buffer_unread_content()
        .build()
        .map_err(|_| Error::Damaged)?;
    let mut packets = Vec::new();
    while let PacketParserResult::Some(current) = parser {
        let (packet, next) = current.next().map_err(|_| Error::Damaged)?;
        parser = next;
        if packets.len() == MAX_PACKETS {
            return Err(Error::TooMany { most: MAX_PACKETS });
        }
        packets.push(sort(packet));
    }
    Ok(packets)
}

fn sort(packet: Inner) -> Packet {
    match packet {
        Inner::Signature(signature) => Packet::Signature(Signature(Some(Box::new(signature)))),
        Inner::OnePassSig(announced) => Packet::OnePass { last: announced.last() },
        Inner::Literal(literal) => Packet::Literal(literal.body().to_vec()),
        Inner::CompressedData(compressed) => Packet::Compressed {
            algorithm: compressed.algo().into(),
            body: match compressed.body() {
                Body::Unprocessed(bytes) | Body::Processed(bytes) => bytes.clone(),
                Body::Structured(_) => Vec::new(),
            },
        },
        Inner::Marker(_) | Inner::Padding(_) => Packet::Padding,
        Inner::Unknown(unknown) if unknown.tag() == Tag::Signature => {
            Packet::Signature(Signature(again(unknown.body())))
        }
        other => Packet::Other(other.tag().to_string()),
    }
}

/// Reads a signature packet once more, repaired.
fn again(body: &[u8]) -> Option<Box<sequoia_openpgp::packet::Signature>> {
    match Inner::from_bytes(&repair::repaired(body)?) {
        Ok(Inner::Signature(signature)) => Some(Box::new(signature)),
        _ => None,
    }
}

/// Reads an anchor's certificates: blocks of armor, one after the other, each closed. Secret parts are dropped.
pub(crate) fn certificates(armored: &str) -> Result<Vec<Cert>, Error> {
    certificates_within(armored, MAX_CERTIFICATES)
}

fn certificates_within(armored: &str, most: usize) -> Result<Vec<Cert>, Error> {
    let mut certificates = Vec::new();
    for block in armored.split(BEGIN_KEY).skip(1) {
        let (block, _) = block.split_once(END_KEY).ok_or(Error::Unfinished)?;
        let block = format!("{BEGIN_KEY}{block}{END_KEY}\n");
        let mode = Dearmor::Enabled(ReaderMode::Tolerant(Some(Kind::PublicKey)));
        let parser = PacketParserBuilder::from_bytes(block.as_bytes())
            .and_then(|builder| builder.dearmor(mode).build())
            .map_err(|_| Error::Damaged)?;
        for certificate in CertParser::from(parser) {
            if certificates.len() == most {
                return Err(Error::TooMany { most });
            }
            certificates.push(certificate.map_err(|_| Error::Damaged)?.strip_secret_key_material());
        }
    }
    if certificates.is_empty() {
        return Err(Error::NoCertificate);
    }
    Ok(certificates)
}

/// The primary key's fingerprint.
pub(super) fn fingerprint(certificate: &Cert) -> String {
    certificate.fingerprint().to_hex()
}

/// Adds what another copy of a certificate says: subkeys, revocations.
pub(super) fn merge(certificate: &Cert, other: &Cert) -> Cert {
    // Fails only for another primary key.
    certificate
        .clone()
        .merge_public(other.clone())
        .unwrap_or_else(|_| certificate.clone())
}

/// Who signed, as a signature claims.
#[derive(Debug, Clone)]
pub(super) struct Issuers(pub(super) Vec<KeyHandle>);

impl Issuers {
    /// Whether the signature names nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a certificate has a key of that name.
    pub(super) fn fit(&self, certificate: &Cert) -> bool {
        certificate.keys().any(|key| self.name(&key.key().key_handle()))
    }

    /// Whether one of them is a key's.
    pub(super) fn name(&self, key: &KeyHandle) -> bool {
        self.0.iter().any(|handle| handle.aliases(key))
    }

    /// The longest name: fingerprints come first.
    pub(super) fn text(&self) -> String {
        self.0.first().map_or_else(String::new, KeyHandle::to_hex)
    }
}

/// How the message goes into the hash (RFC 9580 §5.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// As it is.
    Binary,
    /// With every line end as carriage return and line feed.
    Text,
}

/// What a signature says of itself; nothing of it is proven.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    /// Over a document, and how; `None` for signatures over keys.
    pub(super) mode: Option<Mode>,
    /// By whom.
    pub(super) issuers: Issuers,
    /// By which public key algorithm and hash.
    pub(super) algorithm: String,
    /// How strong these are.
    pub(super) strength: Strength,
    /// When.
    pub(super) created: Option<Timestamp>,
    /// How long it counts, in seconds from its creation.
    pub(super) valid_seconds: Option<u64>,
    /// A critical subpacket that this program does not know (RFC 9580 §5.2.3.7).
    pub(super) unknown_critical: Option<String>,
}

impl Signature {
    /// What it says of itself; `None` if the library does not know its form.
    pub(super) fn claimed(&self) -> Option<Claimed> {
        let signature = self.0.as_ref()?;
        Some(Claimed {
            mode: match signature.typ() {
                SignatureType::Binary => Some(Mode::Binary),
                SignatureType::Text => Some(Mode::Text),
                _ => None,
            },
            issuers: Issuers(signature.get_issuers()),
            algorithm: format!("{} with {}", signature.pk_algo(), hash_name(signature.hash_algo())),
            strength: strength::of_hash(signature.hash_algo()),
            created: signature.signature_creation_time().and_then(timestamp),
            valid_seconds: signature
                .signature_validity_period()
                .map(|period| period.as_secs())
                .filter(|seconds| *seconds > 0),
            unknown_critical: strength::unknown_critical(signature),
        })
    }

    /// Whether two are the same but for what is not signed in them.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.normalized_eq(other),
            _ => false,
        }
    }
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    i64::try_from(seconds).ok().map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_counted() {
        let markers = |count| packets(&b"\xca\x03PGP".repeat(count)).map(|packets| packets.len());
        assert_eq!(markers(MAX_PACKETS), Ok(MAX_PACKETS));
        assert_eq!(markers(MAX_PACKETS + 1), Err(Error::TooMany { most: MAX_PACKETS }));
    }

    #[test]
    fn certificates_of_an_anchor_are_counted() {
        let three = include_str!("../../../tests/fixtures/openpgp/dsa-key.asc").repeat(3);
        let read = |most| certificates_within(&three, most).map(|found| found.len());
        assert_eq!(read(3), Ok(3));
        assert_eq!(read(2), Err(Error::TooMany { most: 2 }));
    }
}
