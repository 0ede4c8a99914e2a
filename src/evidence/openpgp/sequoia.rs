//! The library behind this room: packets, certificates, hashing, and the arithmetic of one signature. Nothing outside this file
//! and [`super::strength`] names it.

use std::time::{SystemTime, UNIX_EPOCH};

use sequoia_openpgp::armor::{Kind, ReaderMode};
use sequoia_openpgp::cert::CertParser;
use sequoia_openpgp::cert::amalgamation::key::PrimaryKey;
use sequoia_openpgp::cert::amalgamation::{ValidAmalgamation, ValidateAmalgamation};
use sequoia_openpgp::cert::prelude::{ErasedKeyAmalgamation, ValidErasedKeyAmalgamation};
use sequoia_openpgp::crypto::hash::Context as HashContext;
use sequoia_openpgp::packet::Body;
use sequoia_openpgp::packet::Tag;
use sequoia_openpgp::packet::key::PublicParts;
use sequoia_openpgp::parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse};
use sequoia_openpgp::types::{HashAlgorithm, RevocationStatus, SignatureType};
use sequoia_openpgp::{KeyHandle, Packet as Inner};

pub(super) use sequoia_openpgp::Cert;

use super::error::Error;
use super::parse::MAX_DOCUMENT_BYTES;
use super::repair;
use super::strength::{self, AnyStrength, AtSigning, Strength, hash_name};
use crate::model::{Content, Fault, Timestamp};

/// The most packets in one proof: each signature has one or two, and writers add a few of padding.
const MAX_PACKETS: usize = 256;

/// The most certificates in one anchor: a distribution's keyring has 20, its maintainers' 1,000.
const MAX_CERTIFICATES: usize = 4096;

const ARMOR_KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";

/// A packet, as far as this room tells them apart.
#[derive(Debug)]
pub(super) enum Packet {
    /// A signature.
    Signature(Box<Signature>),
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
pub(super) struct Signature(Option<sequoia_openpgp::packet::Signature>);

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
        Inner::Signature(signature) => Packet::Signature(Box::new(Signature(Some(signature)))),
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
            Packet::Signature(Box::new(Signature(again(unknown.body()))))
        }
        other => Packet::Other(other.tag().to_string()),
    }
}

/// Reads a signature packet once more, repaired.
fn again(body: &[u8]) -> Option<sequoia_openpgp::packet::Signature> {
    match Inner::from_bytes(&repair::repaired(body)?) {
        Ok(Inner::Signature(signature)) => Some(signature),
        _ => None,
    }
}

/// Reads an anchor's certificates: blocks of armor, one after the other. Secret parts are dropped.
pub(super) fn certificates(armored: &str) -> Result<Vec<Cert>, Error> {
    let mut certificates = Vec::new();
    for (at, _) in armored.match_indices(ARMOR_KEY) {
        let block = &armored[at..];
        let mode = Dearmor::Enabled(ReaderMode::Tolerant(Some(Kind::PublicKey)));
        let parser = PacketParserBuilder::from_bytes(block.as_bytes())
            .and_then(|builder| builder.dearmor(mode).build())
            .map_err(|_| Error::Damaged)?;
        for certificate in CertParser::from(parser) {
            if certificates.len() == MAX_CERTIFICATES {
                return Err(Error::TooMany { most: MAX_CERTIFICATES });
            }
            certificates.push(certificate.map_err(|_| Error::Damaged)?.strip_secret_key_material());
        }
    }
    if certificates.is_empty() {
        return Err(Error::Damaged);
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
pub(super) struct Issuers(Vec<KeyHandle>);

impl Issuers {
    /// Whether the signature names nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a certificate has a key of that name.
    pub(super) fn fit(&self, certificate: &Cert) -> bool {
        certificate.keys().any(|key| self.name(&key.key().key_handle()))
    }

    fn name(&self, key: &KeyHandle) -> bool {
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

/// The hashes of one message, each as some of its signatures need it.
pub(super) struct Hashes {
    contexts: Vec<(Wanted, HashContext)>,
    /// Whether a carriage return came by: then a text signature does not say which bytes it covers.
    carriage_return: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    algorithm: HashAlgorithm,
    version: u8,
    mode: Mode,
    salt: Option<Vec<u8>>,
}

impl Wanted {
    fn of(signature: &sequoia_openpgp::packet::Signature, mode: Mode) -> Self {
        Self {
            algorithm: signature.hash_algo(),
            version: signature.version(),
            mode,
            salt: match signature {
                sequoia_openpgp::packet::Signature::V6(signature) => Some(signature.salt().to_vec()),
                _ => None,
            },
        }
    }
}

impl Hashes {
    /// Hashes a message once for all these signatures.
    pub(super) fn of<'s>(
        message: &mut dyn Content,
        signatures: impl IntoIterator<Item = (&'s Signature, Mode)>,
    ) -> Result<Self, Error> {
        let mut contexts: Vec<(Wanted, HashContext)> = Vec::new();
        for (signature, mode) in signatures {
            let Some(signature) = &signature.0 else { continue };
            let wanted = Wanted::of(signature, mode);
            if contexts.iter().any(|(known, _)| *known == wanted) {
                continue;
            }
            let Ok(builder) = signature.hash_algo().context() else {
                continue;
            };
            let mut context = builder.for_signature(signature.version());
            if let Some(salt) = &wanted.salt {
                context.update(salt);
            }
            contexts.push((wanted, context));
        }
        let mut this = Self {
            contexts,
            carriage_return: false,
        };
        if !this.contexts.is_empty() {
            message.rewind().map_err(|_| Error::Unread)?;
            this.read(message)?;
        }
        Ok(this)
    }

    fn read(&mut self, message: &mut dyn Content) -> Result<(), Error> {
        let as_text = self.contexts.iter().any(|(wanted, _)| wanted.mode == Mode::Text);
        let mut buffer = vec![0; 128 << 10];
        loop {
            let length = match message.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Error::Unread),
            };
            let bytes = &buffer[..length];
            let mut text = Vec::new();
            if as_text {
                self.carriage_return |= bytes.contains(&b'\r');
                for byte in bytes {
                    if *byte == b'\n' {
                        text.push(b'\r');
                    }
                    text.push(*byte);
                }
            }
            for (wanted, context) in &mut self.contexts {
                context.update(match wanted.mode {
                    Mode::Binary => bytes,
                    Mode::Text => &text,
                });
            }
        }
    }

    /// Whether a text signature would leave open which bytes it covers.
    pub(super) const fn has_carriage_return(&self) -> bool {
        self.carriage_return
    }
}

/// What is known of a signature that one key of a certificate made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    /// The signing key's fingerprint.
    pub(super) key: String,
    /// The certificate's user id.
    pub(super) owner: Option<String>,
    /// The key's algorithm, with its size or curve, and the hash.
    pub(super) algorithm: String,
    /// Weaker than usual.
    pub(super) notes: Vec<String>,
}

/// Why a signature by a known certificate does not count.
#[derive(Debug, Clone)]
pub(super) enum Unmade {
    /// It is wrong.
    Wrong(Fault, String),
    /// Its algorithm is not known.
    UnknownAlgorithm(String),
}

/// Checks a signature against a certificate that has a key of its issuer's name, at the time that the signature claims.
pub(super) fn check(signature: &Signature, mode: Mode, hashes: &Hashes, certificate: &Cert) -> Result<Made, Unmade> {
    let wrong = |fault, text: String| Err(Unmade::Wrong(fault, text));
    let Some(signature) = &signature.0 else {
        return wrong(Fault::Malformed, "the signature cannot be read".to_owned());
    };
    let issuers = Issuers(signature.get_issuers());
    let mut last = Unmade::Wrong(Fault::SignatureWrong, "the signature does not verify".to_owned());
    // More than one key fits where a signature names its key by 64 bits only.
    for key in certificate.keys().filter(|key| issuers.name(&key.key().key_handle())) {
        match check_key(signature, mode, hashes, certificate, &key) {
            Ok(made) => return Ok(made),
            Err(unmade) => last = unmade,
        }
    }
    Err(last)
}

fn check_key(
    signature: &sequoia_openpgp::packet::Signature,
    mode: Mode,
    hashes: &Hashes,
    certificate: &Cert,
    key: &ErasedKeyAmalgamation<'_, PublicParts>,
) -> Result<Made, Unmade> {
    let wrong = |fault, text: String| Err(Unmade::Wrong(fault, text));
    let name = key.key().fingerprint().to_hex();
    // RFC 9580 §9.1: keys that prove something, the primary key too, since it vouches for the others.
    let (algorithm, strength) = strength::of_key(key.key().mpis());
    let (_, primary_strength) = strength::of_key(certificate.primary_key().key().mpis());
    for strength in [strength, primary_strength] {
        match strength {
            Strength::Enough => {}
            Strength::Weak(why) => return wrong(Fault::Weak, format!("key {name} is too weak: {why}")),
            Strength::Unknown => return Err(Unmade::UnknownAlgorithm(algorithm)),
        }
    }
    // RFC 9580 §5.2.3.11: the creation time must be in the signed part.
    let Some(created) = signature.signature_creation_time() else {
        return wrong(Fault::Malformed, "the signature says no time".to_owned());
    };
    // RFC 9580 §5.2.4: the signature itself.
    let wanted = Wanted::of(signature, mode);
    let Some((_, context)) = hashes.contexts.iter().find(|(known, _)| *known == wanted) else {
        return Err(Unmade::UnknownAlgorithm(hash_name(signature.hash_algo())));
    };
    if created < key.key().creation_time() {
        return wrong(Fault::NotValidThen, format!("it was signed before key {name} was made"));
    }
    if signature.verify_hash(key.key(), context.clone()).is_err() {
        return wrong(
            Fault::SignatureWrong,
            format!(
                "the signature does not verify with key {name}: these are not the bytes that were signed, or it is damaged"
            ),
        );
    }
    // RFC 9580 §5.2.3.31: a hard revocation always counts, a soft one for what was signed later.
    if is_revoked(certificate, key, created) {
        return wrong(Fault::Revoked, format!("key {name} is revoked"));
    }
    // RFC 9580 §5.2.1.8, §5.2.1.9: the primary key binds the signing key, and the signing key agrees.
    let mut notes = Vec::new();
    let valid = match key.clone().with_policy(&AtSigning, created) {
        Ok(valid) => valid,
        Err(_) => match bound_later(key, created) {
            Some(later) => {
                notes.push("its certificate holds no binding as old as the signature; a later one vouches".to_owned());
                later
            }
            None if key.clone().with_policy(&AnyStrength, created).is_ok() => {
                return wrong(
                    Fault::Weak,
                    format!("key {name} is bound to its certificate by a weak signature only"),
                );
            }
            None => {
                return wrong(
                    Fault::NotValidThen,
                    format!("key {name} was not bound to its certificate when it signed"),
                );
            }
        },
    };
    // RFC 9580 §5.2.3.13: expiry, at the time of signing.
    if !alive_at(&valid, created) {
        return wrong(Fault::NotValidThen, format!("key {name} had expired when it signed"));
    }
    // RFC 9580 §5.2.3.29: a key for something else.
    if !valid.for_signing() {
        return wrong(Fault::ChainWrong, format!("key {name} is not for signing"));
    }
    if signature.version() == 3 {
        notes.push("the signature has the old version 3".to_owned());
    }
    Ok(Made {
        key: name,
        owner: owner(&valid),
        algorithm: format!("{algorithm} with {}", hash_name(signature.hash_algo())),
        notes,
    })
}

fn is_revoked(certificate: &Cert, key: &ErasedKeyAmalgamation<'_, PublicParts>, created: SystemTime) -> bool {
    // A soft revocation is taken back by a later binding only if that is strong enough.
    revokes(&certificate.revocation_status(&AtSigning, created))
        || certificate
            .keys()
            .subkeys()
            .filter(|subkey| !key.primary() && subkey.key().fingerprint() == key.key().fingerprint())
            .any(|subkey| revokes(&subkey.bundle().revocation_status(&AtSigning, created)))
}

const fn revokes(status: &RevocationStatus<'_>) -> bool {
    matches!(status, RevocationStatus::Revoked(_))
}

/// A certificate cut down to its newest self-signatures has none as old as its signatures. The earliest one since then still says
/// that the key, made before, is the certificate's.
fn bound_later<'a>(
    key: &ErasedKeyAmalgamation<'a, PublicParts>,
    created: SystemTime,
) -> Option<ValidErasedKeyAmalgamation<'a, PublicParts>> {
    let mut times: Vec<SystemTime> = key
        .cert()
        .userids()
        .flat_map(|user| user.self_signatures().collect::<Vec<_>>())
        .chain(key.cert().primary_key().self_signatures())
        .chain(key.self_signatures())
        .filter_map(|binding| binding.signature_creation_time())
        .filter(|time| *time > created)
        .collect();
    times.sort_unstable();
    times.dedup();
    times
        .into_iter()
        .find_map(|time| key.clone().with_policy(&AtSigning, time).ok())
}

/// Whether neither the certificate nor the key had expired at a time, by the bindings that were found.
fn alive_at(valid: &ValidErasedKeyAmalgamation<'_, PublicParts>, time: SystemTime) -> bool {
    let before = |end: Option<SystemTime>| end.is_none_or(|end| time < end);
    before(valid.valid_cert().primary_key().key_expiration_time()) && before(valid.key_expiration_time())
}

/// The longest user id that is shown, in characters.
const MAX_OWNER: usize = 200;

fn owner(valid: &ValidErasedKeyAmalgamation<'_, PublicParts>) -> Option<String> {
    let user = valid.valid_cert().primary_userid().ok()?;
    let text = String::from_utf8_lossy(user.userid().value())
        .chars()
        .take(MAX_OWNER)
        .collect();
    Some(text)
}

fn timestamp(time: SystemTime) -> Option<Timestamp> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    i64::try_from(seconds).ok().map(Timestamp::from_seconds)
}
