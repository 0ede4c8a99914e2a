//! Manifests and signature files (JAR File Specification, "Name-Value pairs and Sections").
//!
//! What some readers join and others do not is refused: a section without a name, a name or an attribute that stands twice,
//! bytes that are not UTF-8, a continuation of nothing.

use std::collections::HashMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::evidence::x509::{Hash, Refusal};
use crate::model::{Doubt, Fault};

/// What Java takes at most (`jdk.jar.maxSignatureFileSize`).
pub(super) const MAX_BYTES: u64 = 16_000_000;

/// Sections, of which each names a file: as many as `archive::zip` takes entries.
const MAX_SECTIONS: usize = 200_000;

/// Attributes of one section: real ones have about 30.
const MAX_ATTRIBUTES: usize = 200;

/// A manifest or a signature file.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(super) main: Section,
    pub(super) sections: HashMap<String, Section>,
}

/// A section and where it lies, the empty line after it included.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) bytes: Range<usize>,
    attributes: Vec<(String, String)>,
}

/// Digests, each with its algorithm.
type Digests = Vec<(Hash, Vec<u8>)>;

impl Section {
    /// An attribute's value; names are compared without case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value)
    }

    /// The digests whose attributes end in `suffix`, such as `-Digest`: those that are strong enough. `None` if there is none
    /// at all; an error if all are too weak.
    pub(super) fn digests(&self, suffix: &str) -> Result<Option<Digests>, Refusal> {
        let mut digests = Vec::new();
        let mut weak = None;
        for (name, value) in &self.attributes {
            let Some(algorithm) = strip_suffix(name, suffix) else {
                continue;
            };
            let hash = match algorithm.to_ascii_uppercase().as_str() {
                "SHA-256" => Hash::Sha256,
                "SHA-384" => Hash::Sha384,
                "SHA-512" => Hash::Sha512,
                "SHA" | "SHA1" | "SHA-1" | "MD5" | "MD2" => {
                    weak = Some(algorithm.to_owned());
                    continue;
                }
                _ => continue,
            };
            let digest = STANDARD
                .decode(value)
                .ok()
                .filter(|digest| digest.len() == hash.length())
                .ok_or_else(|| Refusal::malformed(format!("its {name} is no digest")))?;
            digests.push((hash, digest));
        }
        match (digests.is_empty(), weak) {
            (false, _) => Ok(Some(digests)),
            (true, Some(weak)) => Err(Refusal::wrong(
                Fault::Weak,
                format!("its only digests are {weak}, which no longer proves anything"),
            )),
            (true, None) => Ok(None),
        }
    }
}

fn strip_suffix<'a>(name: &'a str, suffix: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(suffix.len())?;
    let (front, back) = name.split_at_checked(at)?;
    back.eq_ignore_ascii_case(suffix).then_some(front)
}

impl Manifest {
    /// Reads one.
    pub(super) fn parse(untrusted: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Lines {
            bytes: untrusted,
            at: 0,
        };
        let main = read_section(&mut reader)?;
        let mut sections = HashMap::new();
        while reader.at < untrusted.len() {
            let start = reader.at;
            if reader.skip_empty() {
                // Empty lines between sections belong to none.
                continue;
            }
            let section = read_section(&mut reader)?;
            let name = match section.attributes.first() {
                Some((first, value)) if first.eq_ignore_ascii_case("Name") => value.clone(),
                _ => return Err(broken(start, "a section does not begin with its name")),
            };
            if sections.len() >= MAX_SECTIONS {
                return Err(Refusal::unsure(Doubt::TooLarge, "a manifest has too many sections"));
            }
            if sections.insert(name, section).is_some() {
                return Err(broken(start, "two sections have one name"));
            }
        }
        Ok(Self { main, sections })
    }
}

fn broken(at: usize, what: &str) -> Refusal {
    Refusal::malformed(format!("byte {at} of a manifest: {what}"))
}

fn read_section(reader: &mut Lines<'_>) -> Result<Section, Refusal> {
    let start = reader.at;
    let mut attributes: Vec<(String, Vec<u8>)> = Vec::new();
    loop {
        let at = reader.at;
        let line = match reader.next()? {
            None | Some([]) => break,
            Some(line) => line,
        };
        if let Some(rest) = line.strip_prefix(b" ") {
            let (_, value) = attributes
                .last_mut()
                .ok_or_else(|| broken(at, "it continues nothing"))?;
            value.extend(rest);
            continue;
        }
        let (name, value) = line
            .windows(2)
            .position(|window| window == b": ")
            .map(|colon| (&line[..colon], &line[colon + 2..]))
            .ok_or_else(|| broken(at, "a line is no `name: value`"))?;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let name = std::str::from_utf8(name)
            .ok()
            .filter(|name| (1..=70).contains(&name.len()) && name.bytes().all(|byte| is_name(&byte)))
            .ok_or_else(|| broken(at, "a name holds what none may"))?;
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(Refusal::unsure(
                Doubt::TooLarge,
                "a manifest's section has too many attributes",
            ));
        }
        if attributes.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
            return Err(broken(at, "an attribute stands twice"));
        }
        attributes.push((name.to_owned(), value.to_vec()));
    }
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| match String::from_utf8(value) {
            Ok(value) if !value.contains('\0') => Ok((name, value)),
            _ => Err(broken(start, "a value is not text")),
        })
        .collect::<Result<_, _>>()?;
    Ok(Section {
        bytes: start..reader.at,
        attributes,
    })
}

/// Lines that end in CR LF, LF or CR.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    /// The next line without its end; `None` at the end of the file. The last line has its end, too.
    fn next(&mut self) -> Result<Option<&'a [u8]>, Refusal> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Ok(None);
        }
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b'\r' | b'\n'))
            .ok_or_else(|| broken(self.at, "the last line has no end"))?;
        let end = if rest[length..].starts_with(b"\r\n") { 2 } else { 1 };
        self.at += length + end;
        Ok(Some(&rest[..length]))
    }

    fn skip_empty(&mut self) -> bool {
        let rest = &self.bytes[self.at..];
        let skipped = if rest.starts_with(b"\r\n") {
            2
        } else {
            usize::from(rest.starts_with(b"\n") || rest.starts_with(b"\r"))
        };
        self.at += skipped;
        skipped > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;

    #[test]
    fn sections_lines_and_continuations_are_read() {
        let text =
            b"Manifest-Version: 1.0\r\nLong: a\r\n b\r\n\r\nName: x\r\nSHA-256-Digest: eA==\r\n\r\nName: y\nKey: v\n";
        let manifest = Manifest::parse(text).unwrap();
        assert_eq!(manifest.main.get("long"), Some("ab"));
        assert_eq!(&text[manifest.main.bytes.clone()], &text[..38]);
        let x = &manifest.sections["x"];
        assert_eq!(&text[x.bytes.clone()], b"Name: x\r\nSHA-256-Digest: eA==\r\n\r\n");
        assert_eq!(manifest.sections["y"].get("Key"), Some("v"));
        assert!(x.digests("-Digest").is_err());
        assert_eq!(manifest.sections["y"].digests("-Digest"), Ok(None));
    }

    #[test]
    fn what_readers_take_differently_is_refused() {
        for text in [
            &b" continued: nothing\n"[..],
            b"A: 1\nA: 2\n",
            b"A: 1\na: 2\n",
            b"A: 1\n\nB: 1\n",
            b"A: 1\n\nName: x\n\nName: x\n",
            b"A:1\n",
            b"A: 1",
            b"\xff: 1\n",
            b"A: \xff\n",
            b"A: \0\n",
            b"A b: 1\n",
            b": 1\n",
        ] {
            let refusal = Manifest::parse(text).unwrap_err();
            assert_eq!(refusal.outcome(), Outcome::Contradicted(Fault::Malformed), "{text:?}");
        }
    }

    #[test]
    fn weak_digests_are_told_from_none() {
        let manifest = Manifest::parse(b"SHA1-Digest-Manifest: eA==\nMD5-Digest: eA==\n").unwrap();
        for suffix in ["-Digest-Manifest", "-Digest"] {
            let refusal = manifest.main.digests(suffix).unwrap_err();
            assert_eq!(refusal.outcome(), Outcome::Contradicted(Fault::Weak));
        }
        assert_eq!(manifest.main.digests("-Digest-Manifest-Main-Attributes"), Ok(None));
    }
}
