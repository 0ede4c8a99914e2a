//! What the plan of a bundle asked for: which versions, and which digests the lockfiles stated. A plan may name a million artifacts, so
//! what is kept of it is an index.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::model::{Artifact, Claim, Digest, Name, Stop, Unable};

/// The largest plan that is searched, in bytes: that of some 1,200,000 artifacts.
const MAX_PLAN_BYTES: u64 = 256 << 20;

/// Half of a SHA-256 over ecosystem, name, version and file. Whoever made two that collide wrote the plan, and could have written any digest.
type Key = [u8; 16];

/// What a bundle's plan asked for.
#[derive(Debug, Default)]
pub struct Planned {
    /// Ecosystem, name and version of all that is wanted, in order.
    versions: Vec<Key>,
    /// The digests that are stated for a file, or for all files of a version, in the order of the keys; where each lies in `texts`.
    stated: Vec<(Key, u32)>,
    /// The digests as the plan has them, each ended by a line feed.
    texts: String,
    /// What lockfiles fill with something that is not carried, with its version where that counts.
    elsewhere: BTreeMap<Name, Vec<Option<String>>>,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(default)]
    elsewhere: Vec<OtherPlace>,
    #[serde(default, deserialize_with = "index")]
    wanted: Planned,
}

#[derive(Deserialize)]
struct OtherPlace {
    ecosystem: String,
    name: String,
    version: Option<String>,
}

#[derive(Deserialize)]
struct PlannedArtifact {
    ecosystem: String,
    name: String,
    version: String,
    file: Option<String>,
    #[serde(default)]
    digests: Vec<String>,
}

impl Planned {
    /// Reads a plan that has been verified to be the manifest's. One that is no plan, or larger than what is searched, states nothing:
    /// it decides nothing but the lowest level.
    pub fn read(path: &Path) -> Result<Self, Stop> {
        let failed = |error| Unable::new(format!("cannot read {}", path.display())).because(error);
        if fs::metadata(path).map_err(failed)?.len() > MAX_PLAN_BYTES {
            return Ok(Self::default());
        }
        let file = BufReader::with_capacity(128 << 10, File::open(path).map_err(failed)?);
        match serde_json::from_reader::<_, Plan>(file) {
            Ok(plan) => {
                let mut planned = plan.wanted;
                for OtherPlace {
                    ecosystem,
                    name,
                    version,
                } in plan.elsewhere
                {
                    planned
                        .elsewhere
                        .entry(Name { ecosystem, name })
                        .or_default()
                        .push(version);
                }
                Ok(planned)
            }
            Err(error) if error.is_io() => Err(failed(error.into()).into()),
            Err(_) => Ok(Self::default()),
        }
    }

    /// Whether it names nothing: it could not be read, or is too large.
    pub(super) fn states_nothing(&self) -> bool {
        self.versions.is_empty()
    }

    /// Whether it asks for an artifact's version.
    pub(super) fn names(&self, artifact: &Artifact) -> bool {
        let key = key(&artifact.ecosystem, &artifact.name, &artifact.version, None);
        self.versions.binary_search(&key).is_ok()
    }

    /// Whether a lockfile fills a name with something that is not carried, of a version that will do.
    pub(super) fn is_elsewhere(&self, name: &Name, fits: &dyn Fn(&str) -> bool) -> bool {
        let versions = self.elsewhere.get(name).into_iter().flatten();
        let mut versions = versions.map(|version| version.as_deref().is_none_or(fits));
        versions.any(|will_do| will_do)
    }

    /// The digests stated for an artifact: for its very file where the plan names files.
    pub(super) fn claims(&self, artifact: &Artifact) -> Vec<Claim> {
        [Some(&*artifact.file), None]
            .into_iter()
            .flat_map(|file| self.claims_of(key(&artifact.ecosystem, &artifact.name, &artifact.version, file)))
            .collect()
    }

    fn claims_of(&self, wanted: Key) -> impl Iterator<Item = Claim> {
        let first = self.stated.partition_point(|(key, _)| *key < wanted);
        let of_key = self.stated[first..].iter().take_while(move |(key, _)| *key == wanted);
        let texts = of_key.filter_map(|(_, start)| self.texts.get(*start as usize..)?.lines().next());
        texts.filter_map(|text| Claim::from_hex_option(text).ok())
    }

    fn add(&mut self, artifact: &PlannedArtifact) {
        let (ecosystem, name, version) = (&artifact.ecosystem, &artifact.name, &artifact.version);
        let of_version = key(ecosystem, name, version, None);
        // Plans name the files of a version one after the other.
        if self.versions.last() != Some(&of_version) {
            self.versions.push(of_version);
        }
        let of_file = key(ecosystem, name, version, artifact.file.as_deref());
        for digest in &artifact.digests {
            // A plan is smaller than 4 GiB.
            if let (Ok(start), Ok(_)) = (u32::try_from(self.texts.len()), Claim::from_hex_option(digest)) {
                self.stated.push((of_file, start));
                self.texts.push_str(digest);
                self.texts.push('\n');
            }
        }
    }
}

fn key(ecosystem: &str, name: &str, version: &str, file: Option<&str>) -> Key {
    // No part of a coordinate holds a NUL: catalogs refuse it, and a plan that has one asks for nothing that can come.
    let mut text = format!("{ecosystem}\0{name}\0{version}");
    if let Some(file) = file {
        text.push('\0');
        text.push_str(file);
    }
    let mut key = Key::default();
    key.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..16]);
    key
}

/// Takes the list of what is wanted one by one.
fn index<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Planned, D::Error> {
    struct Wanted;

    impl<'de> Visitor<'de> for Wanted {
        type Value = Planned;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of artifacts")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Planned, A::Error> {
            let mut planned = Planned::default();
            while let Some(artifact) = list.next_element::<PlannedArtifact>()? {
                planned.add(&artifact);
            }
            planned.versions.sort_unstable();
            planned.versions.dedup();
            planned.stated.sort_unstable();
            Ok(planned)
        }
    }

    deserializer.deserialize_seq(Wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Algorithm;

    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(text: &str) -> Planned {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.json");
        fs::write(&path, text).unwrap();
        Planned::read(&path).unwrap()
    }

    fn artifact(version: &str, file: &str) -> Artifact {
        Artifact::plain("files", "tools", version, file, Digest::of(b""))
    }

    fn wanted(version: &str, file: &str, digests: &str) -> String {
        format!(r#"{{"ecosystem":"files","name":"tools","version":"{version}",{file}"digests":[{digests}],"more":1}}"#)
    }

    #[test]
    fn digests_are_found_by_file_and_by_version() {
        let one = wanted("1", r#""file":"a","#, &format!(r#""sha256:{SUM}","crc:00""#));
        let all = wanted("2", "", &format!(r#""sha256:{SUM}","sha512:{SUM}{SUM}""#));
        let none = wanted("3", r#""file":"a","#, "");
        let planned = read(&format!(r#"{{"format":1,"wanted":[{all},{one},{none}]}}"#));
        let found = |version, file| {
            let claims = planned.claims(&artifact(version, file));
            claims.iter().map(Claim::algorithm).collect::<Vec<_>>()
        };
        assert_eq!(found("1", "a"), [Algorithm::Sha256]);
        assert_eq!(found("1", "b"), []);
        assert_eq!(found("2", "whatever"), [Algorithm::Sha256, Algorithm::Sha512]);
        assert_eq!(found("3", "a"), []);
        assert_eq!(planned.claims(&artifact("1", "a"))[0].hex(), SUM);
        for (version, named) in [("1", true), ("2", true), ("3", true), ("4", false)] {
            assert_eq!(planned.names(&artifact(version, "x")), named, "{version}");
        }
        assert!(!planned.states_nothing());
    }

    #[test]
    fn what_is_no_plan_states_nothing() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"wanted":1}"#,
            r#"{"wanted":[{"name":1}]}"#,
            r#"{"wanted":[]}"#,
        ] {
            assert!(read(text).states_nothing(), "{text}");
        }
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_not_one_that_states_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Planned::read(folder.path()), Err(Stop::Unable(_))));
        assert!(matches!(
            Planned::read(&folder.path().join("none")),
            Err(Stop::Unable(_))
        ));
        let large = fs::File::create(folder.path().join("large")).unwrap();
        large.set_len(MAX_PLAN_BYTES + 1).unwrap();
        assert!(Planned::read(&folder.path().join("large")).unwrap().states_nothing());
    }
}
