//! The frames around signatures: armor, signed text and signed messages, bounded before the library sees a byte.
//!
//! - Text outside the frame, or a second frame, read as if it were signed: only the text within is given out, and two frames are
//!   refused.
//! - Readers that disagree where a line ends: zero bytes and carriage returns within lines are refused.
//! - A small compressed message that becomes a large one: unpacked up to a bound.

use std::io::Read;

use super::error::Error;
use super::sequoia::{self, Packet, Signature};

/// The largest file of signatures. A signature by RSA with 16384 bits has 2 KiB, and with an attribute image or notations up to 20.
pub(super) const MAX_SIGNATURE_BYTES: usize = 256 << 10;

/// The largest signed text or message: the largest InRelease has 300 kB, a folder's CHECKSUMS 2 MB.
pub(super) const MAX_DOCUMENT_BYTES: usize = 16 << 20;

/// How many signatures are judged: distributions sign with three keys, projects with a dozen.
pub(super) const MAX_SIGNATURES: usize = 32;

/// How often a message may be wrapped in compression: once, as writers do.
const MAX_COMPRESSION: usize = 1;

const BEGIN_TEXT: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &[u8] = b"-----END PGP SIGNATURE-----";

/// A signed text (RFC 9580 §7).
#[derive(Debug)]
pub(super) struct Cleartext {
    /// The lines, unescaped, without their trailing blanks, joined by a line feed, without the last line's end: what the signature
    /// covers, but for its line ends.
    pub(super) text: Vec<u8>,
    /// The signatures over it.
    pub(super) signatures: Vec<Signature>,
}

/// Whether a line opens a signed text.
pub(super) fn is_cleartext(untrusted: &[u8]) -> bool {
    Lines::of(untrusted).find(BEGIN_TEXT).is_some()
}

/// The text within the frame, unescaped, whoever signed it: to tell what a file may be.
pub(super) fn text_of(untrusted: &[u8]) -> Option<Vec<u8>> {
    bound(untrusted, MAX_DOCUMENT_BYTES).ok()?;
    let mut lines = Lines::of(untrusted);
    lines.find(BEGIN_TEXT)?;
    while !trimmed(lines.next()?.1).is_empty() {}
    let mut text = Vec::new();
    loop {
        let (_, line) = lines.next()?;
        if trimmed(line) == BEGIN_SIGNATURE {
            return Some(text);
        }
        text.extend_from_slice(trimmed(line.strip_prefix(b"- ").unwrap_or(line)));
        text.push(b'\n');
    }
}

/// Reads a signed text. Lines before and after the frame are passed over.
pub(super) fn cleartext(untrusted: &[u8]) -> Result<Cleartext, Error> {
    bound(untrusted, MAX_DOCUMENT_BYTES)?;
    let mut lines = Lines::of(untrusted);
    lines.find(BEGIN_TEXT).ok_or(Error::NotCleartext)?;
    // RFC 9580 §7.1: only `Hash`, then an empty line.
    loop {
        let (number, line) = lines.next().ok_or(Error::Unfinished)?;
        if trimmed(line).is_empty() {
            break;
        }
        if !line.starts_with(b"Hash: ") {
            return Err(Error::Header(number));
        }
    }
    let mut text = Vec::new();
    let mut first = true;
    let block_start = loop {
        let start = lines.position;
        let (number, line) = lines.next().ok_or(Error::Unfinished)?;
        if trimmed(line) == BEGIN_SIGNATURE {
            break start;
        }
        // RFC 9580 §7.2: a line that begins with a dash is escaped by `- `.
        let content = match line.strip_prefix(b"- ") {
            Some(content) => content,
            None if line.starts_with(b"-") => return Err(Error::Dash(number)),
            None => line,
        };
        let content = trimmed(content);
        if content.iter().any(|byte| matches!(byte, 0 | b'\r')) {
            return Err(Error::Control(number));
        }
        if !first {
            text.push(b'\n');
        }
        first = false;
        text.extend_from_slice(content);
    };
    lines.find(END_SIGNATURE).ok_or(Error::Unfinished)?;
    let block = &untrusted[block_start..lines.position];
    if lines.find(BEGIN_TEXT).is_some() {
        return Err(Error::SecondText);
    }
    bound(block, MAX_SIGNATURE_BYTES)?;
    let signatures = only_signatures(sequoia::packets(block)?)?;
    Ok(Cleartext { text, signatures })
}

/// Reads detached signatures: binary packets, or one or several blocks of armor.
pub(super) fn detached(untrusted: &[u8]) -> Result<Vec<Signature>, Error> {
    bound(untrusted, MAX_SIGNATURE_BYTES)?;
    if untrusted.first().is_some_and(|byte| byte & 0x80 != 0) {
        return only_signatures(sequoia::packets(untrusted)?);
    }
    let mut lines = Lines::of(untrusted);
    let mut signatures = Vec::new();
    while let Some(start) = lines.find(BEGIN_SIGNATURE) {
        lines.find(END_SIGNATURE).ok_or(Error::Unfinished)?;
        let block = &untrusted[start..lines.position];
        signatures.extend(only_signatures(sequoia::packets(block)?)?);
        if signatures.len() > MAX_SIGNATURES {
            return Err(Error::TooMany { most: MAX_SIGNATURES });
        }
    }
    if signatures.is_empty() {
        return Err(Error::NoSignature);
    }
    Ok(signatures)
}

/// A signed message (RFC 9580 §10.3): the signatures go around the bytes.
#[derive(Debug)]
pub(super) struct Inline {
    /// The bytes.
    pub(super) content: Vec<u8>,
    /// The signatures over them.
    pub(super) signatures: Vec<Signature>,
}

/// Reads a signed message: announcements, one literal, as many signatures; perhaps compressed as a whole.
pub(super) fn inline(untrusted: &[u8]) -> Result<Inline, Error> {
    bound(untrusted, MAX_DOCUMENT_BYTES)?;
    let mut packets = sequoia::packets(untrusted)?;
    for _ in 0..MAX_COMPRESSION {
        if let [Packet::Compressed { algorithm, body }] = packets.as_slice() {
            let unpacked = unpack(*algorithm, body)?;
            packets = sequoia::packets(&unpacked)?;
        }
    }
    let mut announced = 0;
    let mut ended = false;
    let mut content = None;
    let mut signatures = Vec::new();
    for packet in packets {
        match packet {
            Packet::OnePass { last } if content.is_none() => {
                // RFC 9580 §5.4: a signature after the last one would be over a signed message.
                if ended {
                    return Err(Error::Nested);
                }
                ended = last;
                announced += 1;
            }
            Packet::Literal(bytes) if content.is_none() && ended => content = Some(bytes),
            Packet::Literal(_) if content.is_none() && announced == 0 => return Err(Error::NoSignature),
            Packet::Signature(signature) if content.is_some() => signatures.push(signature),
            Packet::Compressed { .. } => return Err(Error::Nested),
            Packet::Padding => {}
            other => return Err(Error::Packet(other.name())),
        }
    }
    let content = content.ok_or(Error::NoSignature)?;
    if signatures.len() != announced {
        return Err(Error::Unbalanced);
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(Error::TooMany { most: MAX_SIGNATURES });
    }
    Ok(Inline { content, signatures })
}

fn only_signatures(packets: Vec<Packet>) -> Result<Vec<Signature>, Error> {
    let mut signatures = Vec::new();
    for packet in packets {
        match packet {
            Packet::Signature(signature) => signatures.push(signature),
            Packet::Padding => {}
            other => return Err(Error::Packet(other.name())),
        }
    }
    if signatures.is_empty() {
        return Err(Error::NoSignature);
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(Error::TooMany { most: MAX_SIGNATURES });
    }
    Ok(signatures)
}

/// Unpacks compressed data (RFC 9580 §5.6, §9.4).
fn unpack(algorithm: u8, body: &[u8]) -> Result<Vec<u8>, Error> {
    let most = MAX_DOCUMENT_BYTES;
    let mut unpacked = Vec::new();
    let mut read = |reader: &mut dyn Read| {
        reader
            .take(most as u64 + 1)
            .read_to_end(&mut unpacked)
            .map_err(|_| Error::Damaged)
    };
    match algorithm {
        0 => read(&mut &*body)?,
        1 => read(&mut flate2::read::DeflateDecoder::new(body))?,
        2 => read(&mut flate2::read::ZlibDecoder::new(body))?,
        3 => read(&mut bzip2::read::BzDecoder::new(body))?,
        other => return Err(Error::Compression(other)),
    };
    bound(&unpacked, most)?;
    Ok(unpacked)
}

fn bound(bytes: &[u8], most: usize) -> Result<(), Error> {
    if bytes.len() > most {
        return Err(Error::TooLarge {
            found: bytes.len(),
            most,
        });
    }
    Ok(())
}

/// Without trailing blanks (RFC 9580 §7.2).
fn trimmed(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
        .map_or(0, |last| last + 1);
    &line[..end]
}

/// Lines with their numbers from 1, cut at line feeds.
struct Lines<'a> {
    bytes: &'a [u8],
    position: usize,
    number: usize,
}

impl<'a> Lines<'a> {
    const fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 0,
            number: 0,
        }
    }

    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let rest = self.bytes.get(self.position..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(|byte| *byte == b'\n');
        self.position += length.map_or(rest.len(), |length| length + 1);
        self.number += 1;
        Some((self.number, &rest[..length.unwrap_or(rest.len())]))
    }

    /// Goes on behind the next line that says just that, and gives where it begins.
    fn find(&mut self, wanted: &[u8]) -> Option<usize> {
        loop {
            let start = self.position;
            let (_, line) = self.next()?;
            if trimmed(line) == wanted {
                return Some(start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sequoia_openpgp::packet::key::{Key4, PrimaryRole, SecretParts};
    use sequoia_openpgp::packet::signature::SignatureBuilder;
    use sequoia_openpgp::packet::{Key, Literal, OnePassSig};
    use sequoia_openpgp::serialize::SerializeInto as _;
    use sequoia_openpgp::types::{DataFormat, SignatureType};

    use super::*;

    /// A packet that readers pass over (RFC 9580 §5.8).
    const MARKER: &[u8] = b"\xca\x03PGP";

    fn signature() -> sequoia_openpgp::Packet {
        let key: Key<SecretParts, PrimaryRole> = Key4::import_secret_ed25519(&[7; 32], None).unwrap().into();
        SignatureBuilder::new(SignatureType::Binary)
            .sign_message(&mut key.into_keypair().unwrap(), b"message")
            .unwrap()
            .into()
    }

    fn armor(binary: &[u8]) -> Vec<u8> {
        let kind = sequoia_openpgp::armor::Kind::Signature;
        let mut writer = sequoia_openpgp::armor::Writer::new(Vec::new(), kind).unwrap();
        std::io::Write::write_all(&mut writer, binary).unwrap();
        writer.finalize().unwrap()
    }

    fn too_large(found: usize, most: usize) -> Error {
        Error::TooLarge { found, most }
    }

    /// A signed text with so many bytes more within, and so many within its signature's block.
    fn text(more: usize, in_block: usize) -> Vec<u8> {
        let block = String::from_utf8(armor(&signature().to_vec().unwrap())).unwrap();
        let head = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n";
        let comment = format!("Comment: {}\n\n", "x".repeat(in_block));
        format!(
            "{head}{}\n{}",
            "x".repeat(more),
            block.replacen("\n\n", &format!("\n{comment}"), 1)
        )
        .into_bytes()
    }

    #[test]
    fn no_more_bytes_are_read_than_any_real_proof_has() {
        assert_eq!(cleartext(&text(9, 9)).unwrap().text, b"xxxxxxxxx");
        assert_eq!(text_of(&text(9, 9)).unwrap(), b"xxxxxxxxx\n");
        let long = text(MAX_DOCUMENT_BYTES, 9);
        assert_eq!(cleartext(&long).unwrap_err(), too_large(long.len(), MAX_DOCUMENT_BYTES));
        assert_eq!(text_of(&long), None);
        let Err(Error::TooLarge { most, .. }) = cleartext(&text(9, MAX_SIGNATURE_BYTES)) else {
            panic!("a signature's block is bounded as a signature is");
        };
        assert_eq!(most, MAX_SIGNATURE_BYTES);
        let armored = armor(&signature().to_vec().unwrap());
        let with = |more: usize| [&armored[..], &vec![b' '; more]].concat();
        assert_eq!(detached(&with(9)).unwrap().len(), 1);
        let long = with(MAX_SIGNATURE_BYTES);
        assert_eq!(detached(&long).unwrap_err(), too_large(long.len(), MAX_SIGNATURE_BYTES));
        let long = vec![b' '; MAX_DOCUMENT_BYTES + 1];
        assert_eq!(inline(&long).unwrap_err(), too_large(long.len(), MAX_DOCUMENT_BYTES));
    }

    #[test]
    fn no_more_signatures_are_judged_than_anybody_makes() {
        let binary = signature().to_vec().unwrap();
        let armored = armor(&binary);
        let many = Error::TooMany { most: MAX_SIGNATURES };
        // As packets one after the other, and as blocks one after the other.
        for one in [&binary, &armored] {
            assert_eq!(detached(&one.repeat(MAX_SIGNATURES)).unwrap().len(), MAX_SIGNATURES);
            assert_eq!(detached(&one.repeat(MAX_SIGNATURES + 1)).unwrap_err(), many);
        }
        let message = |count: usize| {
            let sequoia_openpgp::Packet::Signature(signature) = signature() else {
                panic!("a signature");
            };
            let announcement = |last| {
                let mut announcement = OnePassSig::try_from(&signature).unwrap();
                announcement.set_last(last);
                sequoia_openpgp::Packet::from(announcement).to_vec().unwrap()
            };
            let mut literal = Literal::new(DataFormat::Binary);
            literal.set_body(b"message".to_vec());
            let parts = [
                announcement(false).repeat(count - 1),
                announcement(true),
                sequoia_openpgp::Packet::from(literal).to_vec().unwrap(),
                binary.repeat(count),
            ];
            inline(&parts.concat()).map(|inline| inline.signatures.len())
        };
        assert_eq!(message(MAX_SIGNATURES), Ok(MAX_SIGNATURES));
        assert_eq!(message(MAX_SIGNATURES + 1), Err(many));
    }

    #[test]
    fn packets_that_are_passed_over_are_no_signature() {
        assert_eq!(detached(MARKER).unwrap_err(), Error::NoSignature);
        let with_marker = [MARKER, &signature().to_vec().unwrap()].concat();
        assert_eq!(detached(&with_marker).unwrap().len(), 1);
    }

    #[test]
    fn a_message_whose_signature_comes_first_is_none_that_is_announced() {
        let mut literal = Literal::new(DataFormat::Binary);
        literal.set_body(b"message".to_vec());
        let literal = sequoia_openpgp::Packet::from(literal).to_vec().unwrap();
        let old = [&signature().to_vec().unwrap()[..], &literal].concat();
        assert_eq!(inline(&old).unwrap_err(), Error::Packet("signature".to_owned()));
    }
}
