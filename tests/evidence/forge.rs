//! Makes keys, certificates, signed messages and timestamps, right ones and wrong ones: what the collection lacks for tests in
//! which one single check fails.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(crate) const DATA: &str = "1.2.840.113549.1.7.1";
pub(crate) const CODE: &str = "1.3.6.1.5.5.7.3.3";
pub(crate) const MAIL: &str = "1.3.6.1.5.5.7.3.4";
pub(crate) const SERVER: &str = "1.3.6.1.5.5.7.3.1";
pub(crate) const STAMP: &str = "1.3.6.1.5.5.7.3.8";
pub(crate) const SHA256_OID: &str = "2.16.840.1.101.3.4.2.1";
pub(crate) const SHA1_OID: &str = "1.3.14.3.2.26";
pub(crate) const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
pub(crate) const TOKEN: &str = "1.2.840.113549.1.9.16.2.14";
const TST: &str = "1.2.840.113549.1.9.16.1.4";

// DER.

pub(crate) fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    match content.len() {
        short @ 0..0x80 => bytes.push(short as u8),
        long => {
            let length: Vec<u8> = long.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            bytes.push(0x80 | length.len() as u8);
            bytes.extend(length);
        }
    }
    bytes.extend(content);
    bytes
}

pub(crate) fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &sorted(parts))
}

fn sorted(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.sort();
    parts.concat()
}

pub(crate) fn oid(text: &str) -> Vec<u8> {
    tlv(6, der::asn1::ObjectIdentifier::new(text).unwrap().as_bytes())
}

pub(crate) fn int(value: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    tlv(2, &bytes)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

/// A GeneralizedTime from `2026-11-20T12:00:00Z`.
pub(crate) fn time(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|character| character.is_ascii_digit()).collect();
    tlv(0x18, format!("{digits}Z").as_bytes())
}

fn name(common: &str) -> Vec<u8> {
    seq(&[set(&[seq(&[oid("2.5.4.3"), tlv(0x0c, common.as_bytes())])])])
}

fn algorithm(text: &str) -> Vec<u8> {
    seq(&[oid(text)])
}

pub(crate) fn pem(certificates: &[&Holder]) -> String {
    pem_of(
        &certificates
            .iter()
            .map(|holder| holder.certificate.as_slice())
            .collect::<Vec<_>>(),
    )
}

pub(crate) fn pem_of(certificates: &[&[u8]]) -> String {
    certificates
        .iter()
        .map(|der| {
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(der)
            )
        })
        .collect()
}

// Certificates.

/// Somebody with a key and a certificate.
pub(crate) struct Holder {
    pub(crate) key: EcdsaKeyPair,
    pub(crate) certificate: Vec<u8>,
    name: String,
    pub(crate) serial: u64,
    pub(crate) issuer: String,
}

/// What a certificate says.
#[derive(Clone)]
pub(crate) struct Says<'a> {
    pub(crate) name: &'a str,
    pub(crate) from: &'a str,
    pub(crate) until: &'a str,
    /// CA, with the length of path.
    pub(crate) authority: Option<Option<u64>>,
    /// Critical, and which.
    pub(crate) purposes: Option<(bool, &'a [&'a str])>,
    /// The first octet of the bits; 0x80 is digitalSignature, 0x04 keyCertSign.
    pub(crate) usage: Option<u8>,
    pub(crate) serial: u64,
    /// With what it says that its issuer signed it.
    pub(crate) algorithm: &'a str,
    /// Extensions besides, as DER.
    pub(crate) more: Vec<Vec<u8>>,
}

impl Default for Says<'_> {
    fn default() -> Self {
        Self {
            name: "Someone",
            from: "2020-01-01T00:00:00Z",
            until: "2030-01-01T00:00:00Z",
            authority: None,
            purposes: Some((false, &[CODE])),
            usage: Some(0x80),
            serial: 7,
            algorithm: ECDSA_SHA256,
            more: Vec::new(),
        }
    }
}

impl<'a> Says<'a> {
    pub(crate) fn authority(name: &'a str) -> Self {
        Self {
            name,
            authority: Some(None),
            purposes: None,
            usage: Some(0x04),
            serial: 1,
            ..Self::default()
        }
    }
}

pub(crate) fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(tlv(1, &[0xff]));
    }
    parts.push(octets(value));
    seq(&parts)
}

pub(crate) fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
}

pub(crate) fn sign(key: &EcdsaKeyPair, bytes: &[u8]) -> Vec<u8> {
    key.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec()
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn key_info(key: &EcdsaKeyPair) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend(key.public_key().as_ref());
    seq(&[
        seq(&[oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")]),
        tlv(3, &bits),
    ])
}

/// An RSA key with this modulus and the usual exponent (RFC 8017 §A.1.1).
pub(crate) fn rsa_info(modulus: &[u8]) -> Vec<u8> {
    rsa_info_of(&seq(&[tlv(2, &[&[0], modulus].concat()), int(65_537)]))
}

/// An RSA key from its two numbers in DER.
pub(crate) fn rsa_info_of(numbers: &[u8]) -> Vec<u8> {
    let bits = [&[0], numbers].concat();
    seq(&[seq(&[oid("1.2.840.113549.1.1.1"), tlv(5, &[])]), tlv(3, &bits)])
}

/// A certificate for a key, issued under a name with another key.
pub(crate) fn certify(says: &Says<'_>, subject_key: &EcdsaKeyPair, issuer: &str, issuer_key: &EcdsaKeyPair) -> Vec<u8> {
    certify_info(says, &key_info(subject_key), issuer, issuer_key)
}

/// The same for a key of any algorithm.
pub(crate) fn certify_info(says: &Says<'_>, info: &[u8], issuer: &str, issuer_key: &EcdsaKeyPair) -> Vec<u8> {
    let mut extensions = says.more.clone();
    if let Some(length) = says.authority {
        let mut parts = vec![tlv(1, &[0xff])];
        parts.extend(length.map(int));
        extensions.push(extension("2.5.29.19", true, &seq(&parts)));
    }
    if let Some((critical, purposes)) = says.purposes {
        let list: Vec<Vec<u8>> = purposes.iter().map(|purpose| oid(purpose)).collect();
        extensions.push(extension("2.5.29.37", critical, &seq(&list)));
    }
    if let Some(usage) = says.usage {
        let unused = u8::try_from(usage.trailing_zeros()).unwrap();
        extensions.push(extension("2.5.29.15", true, &tlv(3, &[unused, usage])));
    }
    let mut parts = vec![
        tlv(0xa0, &int(2)),
        int(says.serial),
        algorithm(says.algorithm),
        name(issuer),
        seq(&[time(says.from), time(says.until)]),
        name(says.name),
        info.to_vec(),
    ];
    if !extensions.is_empty() {
        parts.push(tlv(0xa3, &seq(&extensions)));
    }
    let body = seq(&parts);
    let mut signature = vec![0];
    signature.extend(sign(issuer_key, &body));
    seq(&[body, algorithm(says.algorithm), tlv(3, &signature)])
}

impl Holder {
    /// Certified by itself.
    pub(crate) fn alone(says: &Says<'_>) -> Self {
        let key = key();
        let certificate = certify(says, &key, says.name, &key);
        Self {
            key,
            certificate,
            name: says.name.to_owned(),
            serial: says.serial,
            issuer: says.name.to_owned(),
        }
    }

    /// Certified by this one.
    pub(crate) fn issue(&self, says: &Says<'_>) -> Self {
        let key = key();
        let certificate = certify(says, &key, &self.name, &self.key);
        Self {
            key,
            certificate,
            name: says.name.to_owned(),
            serial: says.serial,
            issuer: self.name.clone(),
        }
    }

    /// A root, and one whom it certified for code.
    pub(crate) fn pair() -> (Self, Self) {
        let root = Self::alone(&Says::authority("Root"));
        let leaf = root.issue(&Says::default());
        (root, leaf)
    }
}

// Signed messages.

/// An attribute with one value.
pub(crate) fn attribute(id: &str, value: Vec<u8>) -> Vec<u8> {
    seq(&[oid(id), set(&[value])])
}

/// How somebody signs; the defaults are right.
#[derive(Clone)]
pub(crate) struct How<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) attributes: bool,
    /// Signed attributes besides type and digest.
    pub(crate) signed: Vec<Vec<u8>>,
    /// In the digest's place.
    pub(crate) digest: Option<Vec<u8>>,
    pub(crate) digest_algorithm: &'a str,
    pub(crate) algorithm: &'a str,
    /// The content type that the attributes state; `""` for none.
    pub(crate) stated_type: Option<&'a str>,
    pub(crate) names_digest: bool,
}

impl Default for How<'_> {
    fn default() -> Self {
        Self {
            content_type: DATA,
            attributes: true,
            signed: Vec::new(),
            digest: None,
            digest_algorithm: SHA256_OID,
            algorithm: ECDSA_SHA256,
            stated_type: None,
            names_digest: true,
        }
    }
}

/// A SignerInfo, and its signature's value, over which timestamps go.
pub(crate) struct Info {
    front: Vec<Vec<u8>>,
    pub(crate) value: Vec<u8>,
}

impl Info {
    pub(crate) fn new(holder: &Holder, message: &[u8], how: &How<'_>) -> Self {
        let identifier = seq(&[name(&holder.issuer), int(holder.serial)]);
        let mut front = vec![int(1), identifier, algorithm(how.digest_algorithm)];
        let value = if how.attributes {
            let mut attributes = how.signed.clone();
            match how.stated_type {
                Some("") => {}
                stated => attributes.push(attribute(
                    "1.2.840.113549.1.9.3",
                    oid(stated.unwrap_or(how.content_type)),
                )),
            }
            if how.names_digest {
                let digest = how.digest.clone().unwrap_or_else(|| sha256(message));
                attributes.push(attribute("1.2.840.113549.1.9.4", octets(&digest)));
            }
            front.push(tlv(0xa0, &sorted(&attributes)));
            sign(&holder.key, &set(&attributes))
        } else {
            sign(&holder.key, message)
        };
        front.push(algorithm(how.algorithm));
        Self { front, value }
    }

    pub(crate) fn finish(&self, unsigned: &[Vec<u8>]) -> Vec<u8> {
        let mut parts = self.front.clone();
        parts.push(octets(&self.value));
        if !unsigned.is_empty() {
            parts.push(tlv(0xa1, &sorted(unsigned)));
        }
        seq(&parts)
    }
}

/// A signed message of finished SignerInfos.
pub(crate) fn message(
    content_type: &str,
    content: Option<Vec<u8>>,
    certificates: &[&Holder],
    infos: &[Vec<u8>],
) -> Vec<u8> {
    let mut inner = vec![oid(content_type)];
    inner.extend(content.map(|content| tlv(0xa0, &content)));
    let certificates: Vec<Vec<u8>> = certificates.iter().map(|holder| holder.certificate.clone()).collect();
    let mut parts = vec![int(3), set(&[algorithm(SHA256_OID)]), seq(&inner)];
    if !certificates.is_empty() {
        parts.push(tlv(0xa0, &sorted(&certificates)));
    }
    parts.push(set(infos));
    seq(&[oid("1.2.840.113549.1.7.2"), tlv(0xa0, &seq(&parts))])
}

/// A detached signature over bytes, with the signer's certificate.
pub(crate) fn detached(holder: &Holder, bytes: &[u8], how: &How<'_>) -> Vec<u8> {
    let info = Info::new(holder, bytes, how).finish(&[]);
    message(DATA, None, &[holder], &[info])
}

/// The same with a timestamp.
pub(crate) fn detached_at(holder: &Holder, bytes: &[u8], authority: &Holder, at: &str) -> Vec<u8> {
    let info = Info::new(holder, bytes, &How::default());
    let token = token(authority, &info.value, at, &Tokened::default());
    message(DATA, None, &[holder], &[info.finish(&[attribute(TOKEN, token)])])
}

/// Names the signer's certificate (RFC 5035), or other bytes as it.
pub(crate) fn names_certificate(der: &[u8]) -> Vec<u8> {
    attribute(
        "1.2.840.113549.1.9.16.2.47",
        seq(&[seq(&[seq(&[octets(&sha256(der))])])]),
    )
}

/// Names a certificate by its SHA-1 (RFC 2634), or by its SHA-256, and by an issuer and a number beside it.
pub(crate) fn names_certificate_of(older: bool, der: &[u8], issuer: &str, serial: u64) -> Vec<u8> {
    use sha1::Digest as _;
    let (id, digest) = if older {
        ("1.2.840.113549.1.9.16.2.12", sha1::Sha1::digest(der).to_vec())
    } else {
        ("1.2.840.113549.1.9.16.2.47", sha256(der))
    };
    let directory = seq(&[tlv(0xa4, &name(issuer))]);
    attribute(
        id,
        seq(&[seq(&[seq(&[octets(&digest), seq(&[directory, int(serial)])])])]),
    )
}

/// A timestamp's peculiarities.
#[derive(Clone)]
pub(crate) struct Tokened {
    pub(crate) names_certificate: bool,
    pub(crate) imprint: String,
    pub(crate) version: u64,
    /// Where the policy's identifier belongs.
    pub(crate) policy: Vec<u8>,
    /// Where its serial number belongs.
    pub(crate) serial: Vec<u8>,
    /// Parts after the time.
    pub(crate) more: Vec<Vec<u8>>,
    /// Bytes after the whole.
    pub(crate) after: Vec<u8>,
    pub(crate) attributes: bool,
    /// The message's type, whatever the attributes say.
    pub(crate) content_type: &'static str,
    /// The tag of the content.
    pub(crate) tag: u8,
}

impl Default for Tokened {
    fn default() -> Self {
        Self {
            names_certificate: true,
            imprint: SHA256_OID.to_owned(),
            version: 1,
            policy: oid("1.3.6.1.4.1.99999.1"),
            serial: int(1234),
            more: Vec::new(),
            after: Vec::new(),
            attributes: true,
            content_type: TST,
            tag: 4,
        }
    }
}

/// A timestamp authority of its own.
pub(crate) fn timestamper() -> Holder {
    Holder::alone(&Says {
        name: "Clock",
        purposes: Some((true, &[STAMP])),
        ..Says::default()
    })
}

/// A timestamp token over bytes.
pub(crate) fn token(authority: &Holder, stamped: &[u8], at: &str, peculiar: &Tokened) -> Vec<u8> {
    let mut parts = vec![
        int(peculiar.version),
        peculiar.policy.clone(),
        seq(&[algorithm(&peculiar.imprint), octets(&sha256(stamped))]),
        peculiar.serial.clone(),
        time(at),
    ];
    parts.extend(peculiar.more.clone());
    let mut content = seq(&parts);
    content.extend(&peculiar.after);
    let how = How {
        content_type: TST,
        attributes: peculiar.attributes,
        signed: if peculiar.names_certificate {
            vec![names_certificate(&authority.certificate)]
        } else {
            Vec::new()
        },
        ..How::default()
    };
    let info = Info::new(authority, &content, &how).finish(&[]);
    let tagged = tlv(peculiar.tag, &content);
    message(peculiar.content_type, Some(tagged), &[authority], &[info])
}

// Archives.

/// A zip of stored entries.
pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in entries {
        let (local, record) = zip_entry(name, content, u32::try_from(bytes.len()).unwrap());
        bytes.extend(local);
        directory.extend(record);
    }
    finish_zip(bytes, &directory, u16::try_from(entries.len()).unwrap())
}

fn zip_entry(name: &str, content: &[u8], offset: u32) -> (Vec<u8>, Vec<u8>) {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
    common.extend(crc.sum().to_le_bytes());
    common.extend(size);
    common.extend(size);
    common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    common.extend([0, 0]);
    let local = [b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat();
    let mut record = [b"PK\x01\x02\x14\0", common.as_slice(), &[0; 10]].concat();
    record.extend(offset.to_le_bytes());
    record.extend(name.as_bytes());
    (local, record)
}

fn finish_zip(mut bytes: Vec<u8>, directory: &[u8], count: u16) -> Vec<u8> {
    let offset = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    let size = u32::try_from(directory.len()).unwrap().to_le_bytes();
    let count = count.to_le_bytes();
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &offset, &[0, 0]].concat());
    bytes
}

/// Puts one more entry into a zip: last, or as the first of all.
pub(crate) fn insert(zip: &[u8], name: &str, content: &[u8], first: bool) -> Vec<u8> {
    let u32_at = |at: usize| u32::from_le_bytes(zip[at..at + 4].try_into().unwrap());
    let end = zip.len() - 22;
    let count = u16::from_le_bytes(zip[end + 10..end + 12].try_into().unwrap());
    let start = u32_at(end + 16) as usize;
    let (entries, mut directory) = (&zip[..start], zip[start..end].to_vec());
    let (local, record) = zip_entry(name, content, if first { 0 } else { u32_at(end + 16) });
    if !first {
        directory.extend(record);
        return finish_zip([entries, &local].concat(), &directory, count + 1);
    }
    let mut at = 0;
    while at < directory.len() {
        let field = |at: usize| usize::from(u16::from_le_bytes(directory[at..at + 2].try_into().unwrap()));
        let length = 46 + field(at + 28) + field(at + 30) + field(at + 32);
        let offset = u32::from_le_bytes(directory[at + 42..at + 46].try_into().unwrap());
        let moved = offset + u32::try_from(local.len()).unwrap();
        directory[at + 42..at + 46].copy_from_slice(&moved.to_le_bytes());
        at += length;
    }
    finish_zip([&local, entries].concat(), &[record, directory].concat(), count + 1)
}
