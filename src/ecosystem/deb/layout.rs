//! The repository's files for one name. A package lies in its archive's pool, where the signed index says; a suite has its signed
//! index as the distribution made it, under its own paths and under its digests.

use std::collections::BTreeMap;

use super::coordinate::{Suite, check_file_name, is_index};
use super::inspect::IndexVersion;
use super::{SIGNATURE, SIGNED, SIGNED_APART, index_file};
use crate::ecosystem::{Held, Mismatch, PlacedContent, PlacedFile};
use crate::model::RelativePath;

/// Where packages lie of which no index came along: no source leads there, and `apt-get install ./FILE` takes them.
const LOOSE: &str = "loose";

/// Places all that is held of one name.
pub(super) fn layout(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    if let Some(other) = held.iter().find(|held| held.artifact.name != name) {
        return Err(Mismatch::collision("two names share one folder").comparing(name, &other.artifact.name));
    }
    let mut placed = if is_index(name) {
        suite(name, held)?
    } else {
        packages(held)?
    };
    placed.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some(pair) = placed.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(Mismatch::collision(format!("two files are {}", pair[0].path)));
    }
    Ok(placed)
}

fn packages(held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let mut placed = Vec::with_capacity(held.len());
    for held in held {
        let artifact = &held.artifact;
        check_file_name(&artifact.file, &artifact.name, &artifact.version)?;
        let listed = held.facts.get("places").and_then(|places| places.as_array());
        let places: Vec<&str> = listed
            .into_iter()
            .flatten()
            .filter_map(|place| place.as_str())
            .collect();
        let loose = format!("{LOOSE}/{}", artifact.file);
        let places = if places.is_empty() {
            vec![loose.as_str()]
        } else {
            places
        };
        for place in places {
            placed.push(PlacedFile {
                path: path(place)?,
                content: PlacedContent::Object(artifact.digest),
            });
        }
    }
    Ok(placed)
}

fn path(text: &str) -> Result<RelativePath, Mismatch> {
    RelativePath::new(text).map_err(|error| Mismatch::new(error.to_string()))
}

/// The newest index of a suite that is held whole, and of the lists that it names those that are held: they may have come with an
/// older one, and have not changed since.
fn suite(name: &str, held: &[Held]) -> Result<Vec<PlacedFile>, Mismatch> {
    let suite = Suite::read(name).ok_or_else(|| Mismatch::new("it is not the name of an archive's suite"))?;
    let mut versions: BTreeMap<&str, Signed<'_>> = BTreeMap::new();
    for held in held {
        let artifact = &held.artifact;
        if IndexVersion::read(&artifact.version).is_none() {
            return Err(Mismatch::new("it is not an index's version").comparing("DATE.DIGEST", &artifact.version));
        }
        let signed = versions.entry(&artifact.version).or_default();
        match artifact.file.as_str() {
            SIGNED => signed.inline = Some(held),
            SIGNED_APART => signed.text = Some(held),
            SIGNATURE => signed.signature = Some(held),
            _ => {}
        }
    }
    // Versions sort by their dates.
    let newest = versions.values().rev().find_map(Signed::files);
    let Some((text, signed)) = newest else {
        return Ok(Vec::new());
    };
    let mut placed = Vec::new();
    for held in signed {
        placed.push(PlacedFile {
            path: suite.path(&held.artifact.file)?,
            content: PlacedContent::Object(held.artifact.digest),
        });
    }
    let mut seen = std::collections::BTreeSet::new();
    for held in held {
        let artifact = &held.artifact;
        let Some(folder) = index_file(&artifact.file) else {
            continue;
        };
        let listed = text
            .facts
            .get("indexes")
            .and_then(|indexes| indexes.get(&artifact.file));
        let is_listed = listed.and_then(|digest| digest.as_str()) == Some(artifact.digest.hex().as_str());
        if !is_listed || !seen.insert(artifact.file.as_str()) {
            continue;
        }
        let by_hash = [
            ("SHA256", Some(artifact.digest.hex())),
            (
                "SHA512",
                held.facts
                    .get("sha512")
                    .and_then(|digest| digest.as_str())
                    .map(str::to_owned),
            ),
        ];
        let by_hash = by_hash
            .into_iter()
            .filter_map(|(algorithm, digest)| Some(format!("{folder}by-hash/{algorithm}/{}", digest?)));
        for file in std::iter::once(artifact.file.clone()).chain(by_hash) {
            placed.push(PlacedFile {
                path: suite.path(&file)?,
                content: PlacedContent::Object(artifact.digest),
            });
        }
    }
    Ok(placed)
}

/// The signed text of one version, and its signature.
#[derive(Default)]
struct Signed<'a> {
    inline: Option<&'a Held>,
    text: Option<&'a Held>,
    signature: Option<&'a Held>,
}

impl<'a> Signed<'a> {
    /// The text, and the files that prove it; `None` where they are not all there.
    fn files(&self) -> Option<(&'a Held, Vec<&'a Held>)> {
        match (self.inline, self.text, self.signature) {
            (Some(inline), _, _) => Some((inline, vec![inline])),
            (None, Some(text), Some(signature)) => Some((text, vec![text, signature])),
            _ => None,
        }
    }
}
