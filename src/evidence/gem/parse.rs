//! A gem's outside: a plain tar of three compressed members and their signatures, and nothing else.
//!
//! What tar readers treat differently is refused: other members, types, names in parts, sizes in other forms, a member that
//! stands twice, bytes after the end mark.

use std::io::{self, ErrorKind, Read, SeekFrom};

use aws_lc_rs::digest::Digest;

use crate::evidence::x509::{Hash, Hashes, Refusal};
use crate::model::{Content, Doubt};

const MEMBERS: [&str; 3] = ["metadata.gz", "data.tar.gz", "checksums.yaml.gz"];

/// ustar Interchange Format.
const BLOCK: usize = 512;

/// Signatures of the largest keys have 1 KiB.
const MAX_SIGNATURE_BYTES: u64 = 4096;

/// Metadata list every file; the largest have a few hundred kilobytes.
const MAX_METADATA_BYTES: u64 = 16 << 20;

/// Tar writers fill up to a record of 20 blocks.
const MAX_PADDING_BYTES: u64 = 64 << 10;

pub(super) struct Gem {
    pub(super) members: Vec<Member>,
    /// The certificates in the metadata, PEM.
    pub(super) chain: String,
}

pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) digest: Digest,
    pub(super) signature: Option<Vec<u8>>,
}

pub(super) fn read(content: &mut dyn Content) -> Result<Gem, Refusal> {
    content.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let mut digests: Vec<(&'static str, Digest)> = Vec::new();
    let mut signatures: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut metadata = Vec::new();
    loop {
        let mut block = [0; BLOCK];
        content.read_exact(&mut block).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => malformed("ends before its end mark"),
            _ => unreadable(error),
        })?;
        if block == [0; BLOCK] {
            break;
        }
        let (name, size) = read_header(&block)?;
        let twice = || malformed("has a member twice");
        if let Some(base) = name.strip_suffix(".sig") {
            let base = member(base)?;
            if signatures.iter().any(|(other, _)| *other == base) {
                return Err(twice());
            }
            if size > MAX_SIGNATURE_BYTES {
                return Err(malformed("has a signature that is larger than any real one"));
            }
            let mut signature = Vec::new();
            take(content, size, &mut signature)?;
            signatures.push((base, signature));
        } else {
            let base = member(&name)?;
            if digests.iter().any(|(other, _)| *other == base) {
                return Err(twice());
            }
            let mut hashes = Hashes::new([Hash::Sha256]);
            if base == "metadata.gz" {
                if size > MAX_METADATA_BYTES {
                    return Err(Refusal::unsure(
                        Doubt::TooLarge,
                        "the gem's metadata are larger than is judged",
                    ));
                }
                take(content, size, &mut metadata)?;
                hashes = hashes.read(&mut metadata.as_slice()).map_err(unreadable)?;
            } else {
                take(content, size, &mut hashes)?;
            }
            let digest = hashes.get(Hash::Sha256).ok_or_else(|| malformed("cannot be hashed"))?;
            digests.push((base, digest));
        }
        let padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        let mut filler = Vec::new();
        take(content, padding, &mut filler)?;
    }
    let mut rest = Vec::new();
    content
        .take(MAX_PADDING_BYTES + 1)
        .read_to_end(&mut rest)
        .map_err(unreadable)?;
    if rest.len() as u64 > MAX_PADDING_BYTES || rest.iter().any(|byte| *byte != 0) {
        return Err(malformed("has bytes after its end mark"));
    }
    // Each stands once, so a signature of a member that it lacks is found here too.
    if digests.len() != MEMBERS.len() && !signatures.is_empty() {
        return Err(malformed("lacks a member"));
    }
    let members = digests
        .into_iter()
        .map(|(name, digest)| Member {
            name,
            digest,
            signature: signatures
                .iter()
                .find(|(own, _)| *own == name)
                .map(|(_, signature)| signature.clone()),
        })
        .collect();
    Ok(Gem {
        members,
        chain: read_certificates(&metadata)?,
    })
}

fn malformed(what: &str) -> Refusal {
    Refusal::malformed(format!("the gem {what}"))
}

fn member(name: &str) -> Result<&'static str, Refusal> {
    MEMBERS
        .into_iter()
        .find(|own| *own == name)
        .ok_or_else(|| malformed("has a member that belongs to no gem"))
}

fn take(content: &mut dyn Content, size: u64, out: &mut dyn io::Write) -> Result<(), Refusal> {
    let copied = io::copy(&mut content.take(size), out);
    match copied {
        Ok(copied) if copied == size => Ok(()),
        Ok(_) => Err(malformed("ends within a member")),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(_: io::Error) -> Refusal {
    Refusal::unsure(Doubt::Incomplete, "the gem could not be read")
}

/// Name and size of a plain file, whose header's sum is right.
fn read_header(block: &[u8; BLOCK]) -> Result<(String, u64), Refusal> {
    let broken = || malformed("has a tar header that is not plain");
    let octal = |field: &[u8]| -> Option<u64> {
        let text = std::str::from_utf8(field).ok()?.trim_end_matches(['\0', ' ']);
        // A library reads a sign, too.
        let digits = text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        digits.then(|| u64::from_str_radix(text, 8).ok()).flatten()
    };
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| u64::from(if (148..156).contains(&at) { b' ' } else { *byte }))
        .sum();
    if octal(&block[148..156]) != Some(sum) || !matches!(block[156], b'0' | 0) {
        return Err(broken());
    }
    // The second part of a long name, and a link's target.
    if block[345] != 0 || block[157] != 0 {
        return Err(broken());
    }
    let end = block[..100].iter().position(|byte| *byte == 0).unwrap_or(100);
    let name = std::str::from_utf8(&block[..end]).map_err(|_| broken())?;
    let size = octal(&block[124..136]).ok_or_else(broken)?;
    Ok((name.to_owned(), size))
}

/// The list `cert_chain` of the metadata, as `Gem::Specification#to_yaml` writes it: blocks of PEM under a key at the left edge.
/// They need not be told from what a YAML reader would see: certificates are believed for what is pinned alone.
fn read_certificates(compressed: &[u8]) -> Result<String, Refusal> {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(compressed)
        .take(MAX_METADATA_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|_| malformed("has metadata that are no gzip"))?;
    if text.len() as u64 > MAX_METADATA_BYTES {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            "the gem's metadata are larger than is judged",
        ));
    }
    let text = std::str::from_utf8(&text).map_err(|_| malformed("has metadata that are no text"))?;
    let lines = text
        .lines()
        .skip_while(|line| *line != "cert_chain:")
        .skip(1)
        .take_while(|line| line.starts_with([' ', '-']));
    Ok(lines.map(str::trim).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn certificates_are_those_of_their_list() {
        let packed = |text: &str| {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(text.as_bytes()).unwrap();
            writer.finish().unwrap()
        };
        let text = "description: |\n  before\ncert_chain:\n- |\n  first\n  line\n- second\ndescription: |\n  behind\n";
        assert_eq!(read_certificates(&packed(text)).unwrap(), "- |\nfirst\nline\n- second");
        assert_eq!(read_certificates(&packed("cert_chain: []\n")).unwrap(), "");
    }
}
