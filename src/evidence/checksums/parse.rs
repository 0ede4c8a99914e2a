//! The forms of such lists: GNU coreutils (`digest  name`, `digest *name`), BSD (`SHA256 (name) = digest`), and a digest alone.

use std::collections::{BTreeMap, BTreeSet};

use super::super::listed::{self, Said, base_name};
use super::weak;
use crate::model::{Algorithm, Artifact, Claim, Content, Doubt};

/// The longest line: a name of 4096 bytes, and its digest.
const MAX_LINE: usize = 5000;

/// A list, as far as it has been understood: looked into once for each of the files that it names, which may be a hundred thousand.
#[derive(Debug)]
pub(super) struct List {
    /// What it states of the one file that it does not name: it is a digest alone.
    alone: Option<Stated>,
    /// What it states by file, without `./`.
    by_name: BTreeMap<String, Vec<Stated>>,
}

struct Entry<'a> {
    /// `None` for a digest alone.
    name: Option<&'a str>,
    stated: Stated,
}

#[derive(Debug, Clone)]
enum Stated {
    Strong(Claim),
    /// MD5, SHA-1.
    Weak,
    /// An algorithm that is not computed here.
    Unknown,
}

impl List {
    /// Reads a list's text; every line has to be an entry, a comment or empty.
    pub(super) fn read(text: &[u8]) -> Result<Self, Said> {
        let unknown = |line: usize| {
            Said::Open(
                Doubt::UnknownFormat,
                format!("line {line} of the signed list is no digest of a file"),
            )
        };
        let text = std::str::from_utf8(text)
            .map_err(|_| Said::Open(Doubt::UnknownFormat, "the signed list is not UTF-8".to_owned()))?;
        let mut list = Self {
            alone: None,
            by_name: BTreeMap::new(),
        };
        let mut count = 0_usize;
        for (number, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.len() > MAX_LINE {
                return Err(unknown(number + 1));
            }
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let Entry { name, stated } = entry(line).ok_or_else(|| unknown(number + 1))?;
            count += 1;
            match name {
                None => list.alone = Some(stated),
                Some(name) => {
                    let name = name.strip_prefix("./").unwrap_or(name);
                    list.by_name.entry(name.to_owned()).or_default().push(stated);
                }
            }
        }
        if list.alone.is_some() && count > 1 {
            return Err(Said::malformed(
                "the signed list holds a digest without a name among others",
            ));
        }
        Ok(list)
    }

    /// What it says about an artifact.
    pub(super) fn about(&self, artifact: &Artifact, content: &mut dyn Content) -> Result<Said, Said> {
        let file = base_name(&artifact.file);
        if let Some(stated) = &self.alone {
            strong(&[stated], file, artifact, content)?;
            return Ok(Said::Fits {
                claims: Vec::new(),
                notes: vec!["the signed digest names no file".to_owned()],
            });
        }
        // A list calls a file by its path or, where it lies beside it, by its name. Who lists `d/a` means another file by `a`.
        let of_file = self.by_name.get(&artifact.file).or_else(|| self.by_name.get(file));
        let of_file: Vec<&Stated> = of_file.into_iter().flatten().collect();
        if of_file.is_empty() {
            return Err(Said::differs(format!("the signed list does not name `{file}`")));
        }
        // A list may have several algorithms, and each once.
        let mut seen = Vec::new();
        for stated in &of_file {
            if let Stated::Strong(claim) = stated {
                if seen.contains(&claim.algorithm()) {
                    return Err(Said::malformed(format!(
                        "the signed list names `{file}` more than once"
                    )));
                }
                seen.push(claim.algorithm());
            }
        }
        strong(&of_file, file, artifact, content)?;
        Ok(Said::Fits {
            claims: vec![("listed-as".to_owned(), file.to_owned())],
            notes: Vec::new(),
        })
    }
}

/// Whom a list speaks of.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// These files, without `./`.
    Files(BTreeSet<String>),
    /// One that it does not name: it is a digest alone.
    Alone,
}

/// Whom a list speaks of, if it can be read and speaks of anyone.
pub(crate) fn named(untrusted_list: &[u8]) -> Option<Named> {
    let list = List::read(untrusted_list).ok()?;
    if list.alone.is_some() {
        return Some(Named::Alone);
    }
    let files: BTreeSet<String> = list.by_name.into_keys().collect();
    (!files.is_empty()).then_some(Named::Files(files))
}

/// Compares with each of the digests that prove something; there must be one.
fn strong(stated: &[&Stated], file: &str, artifact: &Artifact, content: &mut dyn Content) -> Result<(), Said> {
    let mut compared = false;
    let mut unknown = false;
    for stated in stated {
        match stated {
            Stated::Strong(claim) => {
                listed::compare(&format!("`{file}`"), claim, artifact, content)?;
                compared = true;
            }
            Stated::Weak => {}
            Stated::Unknown => unknown = true,
        }
    }
    match (compared, unknown) {
        (true, _) => Ok(()),
        (false, true) => Err(Said::Open(
            Doubt::UnknownAlgorithm,
            format!("the signed list's digest of `{file}` is of an algorithm that is not computed here"),
        )),
        (false, false) => Err(weak(file)),
    }
}

fn entry(line: &str) -> Option<Entry<'_>> {
    if let Some(entry) = bsd(line) {
        return Some(entry);
    }
    // coreutils marks an escaped name by a backslash in front; such names hold line ends or backslashes, and fit no artifact.
    let line = line.strip_prefix('\\').unwrap_or(line);
    let end = line.find([' ', '\t']).unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let stated = by_length(digits)?;
    if rest.trim().is_empty() {
        return Some(Entry { name: None, stated });
    }
    // `digest  name` for text, `digest *name` for binary.
    let name = rest
        .strip_prefix("  ")
        .or_else(|| rest.strip_prefix(" *"))
        .or_else(|| rest.strip_prefix(' '))?;
    (!name.is_empty()).then_some(Entry {
        name: Some(name),
        stated,
    })
}

/// `SHA256 (name) = digest`.
fn bsd(line: &str) -> Option<Entry<'_>> {
    let (name, rest) = line.split_once(" (")?;
    let (file, digits) = rest.rsplit_once(") = ")?;
    let algorithm = match name {
        "SHA256" => Some(Algorithm::Sha256),
        "SHA384" => Some(Algorithm::Sha384),
        "SHA512" => Some(Algorithm::Sha512),
        "MD5" | "SHA1" => {
            return Some(Entry {
                name: Some(file),
                stated: Stated::Weak,
            });
        }
        other if !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') => None,
        _ => return None,
    };
    let stated = match algorithm {
        Some(algorithm) => Stated::Strong(Claim::from_hex(algorithm, digits.trim()).ok()?),
        None => Stated::Unknown,
    };
    Some(Entry {
        name: Some(file),
        stated,
    })
}

/// Lists of coreutils do not say their algorithm; the digest's length does, and 128 digits are read as SHA-512.
fn by_length(digits: &str) -> Option<Stated> {
    let claim = |algorithm| Claim::from_hex(algorithm, digits).ok().map(Stated::Strong);
    match digits.len() {
        32 | 40 => Some(Stated::Weak),
        56 => Some(Stated::Unknown),
        64 => claim(Algorithm::Sha256),
        96 => claim(Algorithm::Sha384),
        128 => claim(Algorithm::Sha512),
        _ => None,
    }
}
