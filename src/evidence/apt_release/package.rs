//! The last link of the chain: a package, and the one entry of the signed lists that is about exactly it.

use std::io::{self, SeekFrom};

use super::ID;
use super::list::Entry;
use super::verify::{Contents, differs, unread};
use crate::model::{Algorithm, Artifact, Content, Doubt, Finding};

/// Says in which list it stands, or why it does not.
pub(super) fn judge(artifact: &Artifact, content: &mut dyn Content, contents: &Contents) -> Result<String, Finding> {
    let undecided = |doubt, reason: String| Err(Finding::undecided(ID, doubt, reason));
    if contents.lists.is_empty() {
        let reason = "the index came without its lists of packages";
        return undecided(Doubt::Incomplete, reason.to_owned());
    }
    let architecture = artifact
        .file
        .strip_suffix(".deb")
        .and_then(|stem| stem.rsplit_once('_'))
        .map(|(_, architecture)| architecture)
        .ok_or_else(|| differs(format!("{artifact}: {} is not a package's file name", artifact.file)))?;
    let entries: Vec<(&String, &Entry)> = contents
        .lists
        .iter()
        .filter_map(|(path, list)| Some((path, list.as_ref()?)))
        .flat_map(|(path, list)| {
            list.of(&artifact.name, &artifact.version, architecture)
                .map(move |entry| (path, entry))
        })
        .collect();
    let Some((path, first)) = entries.first() else {
        let unknown = contents.lists.iter().find(|(_, list)| list.is_none());
        if let Some((path, _)) = unknown {
            let reason =
                format!("{artifact}: {path} is in a compression that is not known here, and no other list has it");
            return undecided(Doubt::UnknownFormat, reason);
        }
        return Err(differs(format!(
            "{artifact}: the signed index lists no such version for {architecture}"
        )));
    };
    let mut fitting = None;
    for (path, entry) in &entries {
        if fits(entry, artifact, content).map_err(|error| unread(artifact, &error))? {
            fitting = Some((path, entry));
            break;
        }
    }
    let Some((path, entry)) = fitting else {
        return match listed(first) {
            Some(listed) => Err(differs(format!(
                "{artifact}: {path} lists {listed}, and its digest is another ({})",
                artifact.digest
            ))),
            None => undecided(
                Doubt::UnknownAlgorithm,
                format!("{artifact}: {path} lists it by MD5 or SHA-1 alone, and neither counts"),
            ),
        };
    };
    let size = content
        .seek(SeekFrom::End(0))
        .map_err(|error| unread(artifact, &error))?;
    if size != entry.size {
        return Err(differs(format!(
            "{artifact}: {path} lists {} bytes, and it has {size}",
            entry.size
        )));
    }
    Ok(format!("{artifact}: {path} lists it as {}", entry.filename))
}

/// Whether the bytes have every strong digest that is listed; there is at least one. The SHA-512 is only computed where it decides.
fn fits(entry: &Entry, artifact: &Artifact, content: &mut dyn Content) -> io::Result<bool> {
    let digests = &entry.digests;
    let is_sha256 = digests.sha256.map(|listed| listed == *artifact.digest.as_bytes());
    match (is_sha256, digests.sha512) {
        (Some(false), _) | (None, None) => Ok(false),
        (Some(true), None) => Ok(true),
        (_, Some(listed)) => Ok(content.digest(Algorithm::Sha512)?.bytes() == listed),
    }
}

/// The digest that an entry states.
fn listed(entry: &Entry) -> Option<String> {
    let sha256 = entry
        .digests
        .sha256
        .map(|digest| format!("sha256:{}", hex::encode(digest)));
    sha256.or_else(|| {
        entry
            .digests
            .sha512
            .map(|digest| format!("sha512:{}", hex::encode(digest)))
    })
}
