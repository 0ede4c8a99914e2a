//! The checks, in the order of the JAR File Specification, "Signature Validation", but for the signature and its certificate.

use std::io::{Read, Seek};

use super::broken;
use super::manifest::{MAX_BYTES, Manifest, Section};
use crate::archive::zip::Zip;
use crate::evidence::x509::{Hash, Hashes, Refusal, SignedMessage};
use crate::model::{Doubt, Fault};

const FOLDER: &str = "META-INF/";
const MANIFEST: &str = "META-INF/MANIFEST.MF";

/// Signers: real archives have one, rarely two.
const MAX_BLOCKS: usize = 16;

/// A signature with its certificates and a timestamp.
const MAX_BLOCK_BYTES: u64 = 4 << 20;

/// Bytes of all files in an archive, so that a small one does not cost hours.
const MAX_TOTAL_BYTES: u64 = 16 << 30;

/// A JAR whose files are those of its manifest; nothing has been said about who signed the manifest.
pub(crate) struct SignedJar {
    pub(crate) blocks: Vec<Block>,
}

/// A signature block and the file that it signs.
pub(crate) struct Block {
    /// The signature file's name.
    pub(crate) name: String,
    /// What is signed.
    pub(crate) signature_file: Vec<u8>,
    signature: Manifest,
    pub(crate) message: SignedMessage,
    /// Whether the signature file vouches for every file.
    pub(crate) covers: Result<(), Refusal>,
}

impl Block {
    /// An attribute of the signature file's main section.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.signature.main.get(name)
    }
}

/// What a name in an archive is to the signature.
enum Part {
    /// A file that must be signed.
    Content,
    Folder,
    Manifest,
    SignatureFile,
    Block,
}

/// "Signed JAR File", "Overview": names directly within META-INF, compared without case.
fn part(name: &str) -> Part {
    if name.ends_with('/') {
        return Part::Folder;
    }
    let upper = name.to_ascii_uppercase();
    let Some(base) = upper.strip_prefix(FOLDER).filter(|base| !base.contains('/')) else {
        return Part::Content;
    };
    match base.rsplit_once('.') {
        Some(("MANIFEST", "MF")) => Part::Manifest,
        Some((_, "SF")) => Part::SignatureFile,
        Some((_, "RSA" | "DSA" | "EC")) => Part::Block,
        _ => Part::Content,
    }
}

impl SignedJar {
    /// Whether an entry of this name is a part of a signature.
    pub(crate) fn is_part(name: &str) -> bool {
        matches!(part(name), Part::SignatureFile | Part::Block)
    }

    pub(crate) fn read<R: Read + Seek>(zip: &mut Zip<R>) -> Result<Self, Refusal> {
        Self::read_within(zip, MAX_TOTAL_BYTES)
    }

    fn read_within<R: Read + Seek>(zip: &mut Zip<R>, max_bytes: u64) -> Result<Self, Refusal> {
        let entries: Vec<(String, u64)> = zip
            .entries()
            .iter()
            .map(|entry| (entry.name().to_owned(), entry.size()))
            .collect();
        let total = entries.iter().fold(0_u64, |sum, (_, size)| sum.saturating_add(*size));
        if total > max_bytes {
            return Err(Refusal::unsure(
                Doubt::TooLarge,
                "the archive holds more than is judged",
            ));
        }
        let named = |wanted: fn(&Part) -> bool| -> Vec<&str> {
            entries
                .iter()
                .map(|(name, _)| name.as_str())
                .filter(|name| wanted(&part(name)))
                .collect()
        };
        let manifests = named(|part| matches!(part, Part::Manifest));
        let signature_files = named(|part| matches!(part, Part::SignatureFile));
        let blocks = named(|part| matches!(part, Part::Block));
        if blocks.is_empty() && signature_files.is_empty() {
            return Err(Refusal::unsure(Doubt::Incomplete, "the archive is not signed"));
        }
        if manifests != [MANIFEST] {
            return Err(Refusal::malformed("the archive has not one manifest"));
        }
        let pairs = pair(&signature_files, &blocks)?;

        let manifest_bytes = zip.read(MANIFEST, MAX_BYTES).map_err(|error| broken(&error))?;
        let manifest = Manifest::parse(&manifest_bytes)?;
        check_files(zip, &entries, &manifest)?;

        let blocks = pairs
            .into_iter()
            .map(|(signature_file, block)| {
                let bytes = zip.read(signature_file, MAX_BYTES).map_err(|error| broken(&error))?;
                let signature = Manifest::parse(&bytes)?;
                let block = zip.read(block, MAX_BLOCK_BYTES).map_err(|error| broken(&error))?;
                let message = SignedMessage::parse(&block).map_err(|refusal| refusal.of(signature_file))?;
                if message.content().is_some() {
                    return Err(Refusal::malformed("a signature block holds a content of its own"));
                }
                let covers = check_signature_file(&signature, &manifest, &manifest_bytes, &entries);
                Ok(Block {
                    name: signature_file.to_owned(),
                    signature_file: bytes,
                    signature,
                    message,
                    covers,
                })
            })
            .collect::<Result<_, Refusal>>()?;
        Ok(Self { blocks })
    }
}

/// Each signature file with its block. What has no other half may hold anything, so it is refused.
fn pair<'a>(signature_files: &[&'a str], blocks: &[&'a str]) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
    if blocks.len() > MAX_BLOCKS || signature_files.len() > MAX_BLOCKS {
        return Err(Refusal::unsure(
            Doubt::TooLarge,
            "the archive has more signatures than are judged",
        ));
    }
    let stem = |name: &str| name.rsplit_once('.').map(|(stem, _)| stem.to_ascii_uppercase());
    let mut pairs = Vec::new();
    for file in signature_files {
        let mut own = blocks.iter().filter(|block| stem(block) == stem(file));
        match (own.next(), own.next()) {
            (Some(block), None) => pairs.push((*file, *block)),
            _ => return Err(Refusal::malformed(format!("{file} has not one signature block"))),
        }
    }
    if pairs.len() != blocks.len() {
        return Err(Refusal::malformed("a signature block has no signature file"));
    }
    Ok(pairs)
}

/// Holds every file to the manifest, and the manifest to the files.
fn check_files<R: Read + Seek>(
    zip: &mut Zip<R>,
    entries: &[(String, u64)],
    manifest: &Manifest,
) -> Result<(), Refusal> {
    let mut seen = 0;
    for (position, (name, _)) in entries.iter().enumerate() {
        if !matches!(part(name), Part::Content) {
            continue;
        }
        let of_file = |refusal: Refusal| refusal.of(&format!("`{}`", name.escape_debug()));
        let digests = match manifest.sections.get(name) {
            Some(section) => section.digests("-Digest").map_err(of_file)?,
            None => None,
        };
        let Some(digests) = digests else {
            return Err(of_file(Refusal::wrong(
                Fault::SubjectDiffers,
                "it lies in the archive, and the manifest has no digest of it",
            )));
        };
        let mut hashes = Hashes::new(digests.iter().map(|(hash, _)| *hash));
        zip.copy(position, &mut hashes).map_err(|error| broken(&error))?;
        for (hash, stated) in digests {
            if hashes.get(hash).is_none_or(|own| own.as_ref() != stated) {
                return Err(of_file(Refusal::wrong(
                    Fault::SubjectDiffers,
                    format!("it has not the {} that the manifest states", hash.name()),
                )));
            }
        }
        seen += 1;
    }
    // A section that has a digest was a file when it was signed.
    let mut stated = 0;
    for (name, section) in &manifest.sections {
        match section.digests("-Digest") {
            Ok(None) => continue,
            _ if !name.ends_with('/') => stated += 1,
            _ => {}
        }
    }
    if stated != seen {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            format!("the manifest has digests of {stated} files, and the archive holds {seen}"),
        ));
    }
    Ok(())
}

/// Holds the manifest to a signature file: as a whole, or, where signers added to it later, section by section.
fn check_signature_file(
    signature: &Manifest,
    manifest: &Manifest,
    bytes: &[u8],
    entries: &[(String, u64)],
) -> Result<(), Refusal> {
    if signature.main.get("Signature-Version") != Some("1.0") {
        return Err(Refusal::malformed("it is no signature file of version 1.0"));
    }
    let whole = signature.main.digests("-Digest-Manifest");
    if let Ok(Some(digests)) = &whole
        && all_match(digests, bytes)
    {
        return Ok(());
    }
    if let Some(digests) = signature.main.digests("-Digest-Manifest-Main-Attributes")?
        && !all_match(&digests, slice(bytes, &manifest.main))
    {
        return Err(Refusal::wrong(
            Fault::SubjectDiffers,
            "the manifest's main section is not what was signed",
        ));
    }
    for (name, section) in &signature.sections {
        let of_file = |refusal: Refusal| refusal.of(&format!("`{}`", name.escape_debug()));
        let Some(digests) = section.digests("-Digest").map_err(of_file)? else {
            continue;
        };
        let own = manifest.sections.get(name);
        if own.is_none_or(|own| !all_match(&digests, slice(bytes, own))) {
            return Err(of_file(Refusal::wrong(
                Fault::SubjectDiffers,
                "its section of the manifest is not what was signed",
            )));
        }
    }
    let uncovered = entries
        .iter()
        .filter(|(name, _)| matches!(part(name), Part::Content))
        .find(|(name, _)| {
            !matches!(
                signature.sections.get(name).map(|own| own.digests("-Digest")),
                Some(Ok(Some(_)))
            )
        });
    match uncovered {
        None => Ok(()),
        // Only a weak digest of the whole, which might have matched.
        Some(_) if signature.sections.is_empty() => {
            whole?;
            Err(Refusal::wrong(
                Fault::SubjectDiffers,
                "the manifest is not what was signed",
            ))
        }
        Some((name, _)) => Err(Refusal::unsure(
            Doubt::Incomplete,
            format!("it signs some files only, and not `{}`", name.escape_debug()),
        )),
    }
}

fn slice<'a>(bytes: &'a [u8], section: &Section) -> &'a [u8] {
    bytes.get(section.bytes.clone()).unwrap_or_default()
}

fn all_match(digests: &[(Hash, Vec<u8>)], bytes: &[u8]) -> bool {
    digests.iter().all(|(hash, stated)| hash.of(bytes).as_ref() == stated)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use super::*;
    use crate::model::Outcome;

    #[test]
    fn an_archive_is_judged_by_what_its_files_have_together() {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for name in ["a", "b"] {
            writer
                .start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            writer.write_all(&[b' '; 1000]).unwrap();
        }
        let bytes = writer.finish().unwrap();
        let read = |max_bytes| {
            let mut zip = Zip::open(bytes.clone()).unwrap();
            let refusal = SignedJar::read_within(&mut zip, max_bytes).err().unwrap();
            refusal.outcome()
        };
        assert_eq!(read(1999), Outcome::Undecided(Doubt::TooLarge));
        // Nobody signed it, which is looked at next.
        assert_eq!(read(2000), Outcome::Undecided(Doubt::Incomplete));
    }
}
