//! What is around a bundle's artifacts when the policy decides about them: advisories and popular names that travel with the bundle, names
//! that are here, and identity providers by the names of their anchors.
//!
//! Threats, each with its defence:
//! - Side data that exhausts memory: bounds on bytes, lines and their lengths; of advisories only those about the bundle's own names stay.
//! - A line that nobody can judge and that would hide a malicious version: it refuses the bundle.
#![expect(clippy::disallowed_methods, reason = "side data lies in files")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::decide::Recollection;
use super::verify_objects::Intact;
use super::vex::{Believed, Vex};
use crate::bundle::manifest::SideData;
use crate::ecosystem;
use crate::model::{Code, Digest, Material, Name, Refusal, Stop, Timestamp, Unable};
use crate::policy::{Advisories, CompareWith, Ecosystems, KnownNames, MAX_RECORD_BYTES};
use crate::store::Store;
use crate::trust::{Revocations, TrustData};

/// What the policy's room asks the ecosystems.
pub const ECOSYSTEMS: Ecosystems = Ecosystems {
    compare_versions: ecosystem::compare_versions,
    key: ecosystem::collision_key,
    spelling: ecosystem::spelling,
};

/// The most popular names that are read: the ten thousand of each ecosystem, and room for a hundred of them.
const MAX_POPULAR_NAMES: usize = 1_000_000;

/// The longest line of a list of names: Maven's coordinates have two names of at most 255 bytes.
const MAX_NAME_BYTES: usize = 600;

/// What is around a bundle's artifacts.
pub(super) struct Around {
    /// The advisories about the bundle's names, if any travel.
    pub(super) advisories: Option<Advisories>,
    /// What publishers say of vulnerabilities in them; nothing where no advisory is asked.
    pub(super) vex: Vex,
    /// Popular names, and those that are here.
    pub(super) names: KnownNames,
    /// Identity providers by the names of their anchors.
    pub(super) issuers: BTreeMap<String, String>,
}

impl Around {
    /// Reads the side data of a verified bundle, and from the memory the names that new ones may look like.
    pub(super) fn read(
        intact: &Intact,
        memory: Option<&dyn Recollection>,
        trust_data: Option<&TrustData>,
        (revocations, now): (Option<&Revocations>, Timestamp),
        store: Option<&Store>,
    ) -> Result<Self, Stop> {
        let side_data = &intact.manifest().side_data;
        let are_advised = side_data.contains_key(&SideData::Advisories);
        let mut wanted: HashSet<(String, String)> = HashSet::new();
        let mut with_new_names: BTreeSet<String> = BTreeSet::new();
        let mut artifacts = intact.examined()?;
        let mut last: Option<Name> = None;
        while let Some(examined) = artifacts.next()? {
            let name = examined.artifact.full_name();
            let stated = ecosystem::find(&name.ecosystem).map(|known| known.stated(&examined.facts));
            if let Some((source, _)) = stated.and_then(|stated| stated.advised_as)
                && are_advised
            {
                let key = ecosystem::collision_key(&name.ecosystem, &source);
                wanted.insert((name.ecosystem.clone(), key));
            }
            if last.as_ref() == Some(&name) {
                continue;
            }
            if let Some(memory) = memory
                && !with_new_names.contains(&name.ecosystem)
                && !memory.knows(&name)?
            {
                with_new_names.insert(name.ecosystem.clone());
            }
            if are_advised {
                let key = ecosystem::collision_key(&name.ecosystem, &name.name);
                wanted.insert((name.ecosystem.clone(), key));
            }
            last = Some(name);
        }
        let path_of = |digest: &Digest| intact.locate(digest, store);
        let advisories = match side_data.get(&SideData::Advisories) {
            Some(digest) => Some(advisories(&path_of(digest), &wanted, intact.manifest().created)?),
            None => None,
        };
        let believed = Believed {
            anchors: trust_data.map_or(&[], |data| &data.anchors),
            revocations,
            now,
        };
        let vex = match side_data.get(&SideData::Vex) {
            Some(digest) if are_advised => Vex::read(&path_of(digest), &wanted, believed)?,
            _ => Vex::default(),
        };
        let mut names = KnownNames::new();
        if let Some(digest) = side_data.get(&SideData::PopularNames) {
            popular_names(&path_of(digest), &mut names)?;
        }
        if let Some(memory) = memory {
            // Names are compared where one is new; where all are known nothing is asked.
            for id in &with_new_names {
                memory.each_name(id, &mut |name| {
                    names.add(id, &ecosystem::spelling(id, name), CompareWith::AlreadyHere);
                })?;
            }
        }
        Ok(Self {
            advisories,
            vex,
            names,
            issuers: issuers(trust_data),
        })
    }
}

/// Identity providers by the names of their anchors.
pub(super) fn issuers(trust_data: Option<&TrustData>) -> BTreeMap<String, String> {
    trust_data
        .into_iter()
        .flat_map(|data| &data.anchors)
        .filter_map(|anchor| match &anchor.material {
            Material::Identity(pattern) => Some((anchor.name.clone(), pattern.issuer.clone())),
            _ => None,
        })
        .collect()
}

/// When a record was last changed.
#[derive(Deserialize)]
struct Modified {
    #[serde(default)]
    modified: Option<String>,
}

/// Reads OSV records, one a line. The snapshot is as old as its newest record: nothing else in it says when it was taken. A time after `until`, when it
/// was there, says nothing.
pub(super) fn advisories(
    path: &Path,
    wanted: &HashSet<(String, String)>,
    until: Timestamp,
) -> Result<Advisories, Stop> {
    let mut newest = Timestamp::from_seconds(0);
    each_line(path, MAX_RECORD_BYTES, "the bundle's advisories", |_, line| {
        let modified = serde_json::from_slice::<Modified>(line)
            .ok()
            .and_then(|record| record.modified);
        let time = modified.as_deref().and_then(ecosystem::lenient_time);
        if let Some(time) = time.filter(|time| *time <= until) {
            newest = newest.max(time);
        }
        Ok(())
    })?;
    let mut found = Advisories::new(newest, ECOSYSTEMS);
    let is_wanted = |ecosystem: &str, key: &str| wanted.contains(&(ecosystem.to_owned(), key.to_owned()));
    each_line(path, MAX_RECORD_BYTES, "the bundle's advisories", |number, line| {
        found
            .add_about(line, &is_wanted)
            .map_err(|error| malformed("the bundle's advisories", number, &error.to_string()))
    })?;
    Ok(found)
}

fn popular_names(path: &Path, names: &mut KnownNames) -> Result<(), Stop> {
    let failed = |error| Unable::new(format!("cannot read {}", path.display())).because(error);
    read_popular_names(File::open(path).map_err(failed)?, &failed, names)
}

/// Reads names, one `ecosystem/name` a line.
pub fn read_popular_names(
    untrusted: impl Read,
    failed: &dyn Fn(io::Error) -> Unable,
    names: &mut KnownNames,
) -> Result<(), Stop> {
    let what = "the bundle's popular names";
    each_line_of(untrusted, failed, MAX_NAME_BYTES, what, |number, line| {
        if number > MAX_POPULAR_NAMES {
            return Err(malformed(what, number, "there are more names than are read"));
        }
        let text = std::str::from_utf8(line).map_err(|_| malformed(what, number, "it is not UTF-8"))?;
        let (ecosystem, name) = text
            .split_once('/')
            .filter(|(ecosystem, name)| !ecosystem.is_empty() && !name.is_empty() && !text.contains(char::is_control))
            .ok_or_else(|| malformed(what, number, "it is not `ecosystem/name`"))?;
        names.add(ecosystem, &ecosystem::spelling(ecosystem, name), CompareWith::Popular);
        Ok(())
    })
}

pub(super) fn malformed(what: &str, number: usize, reason: &str) -> Refusal {
    Refusal::new(
        Code::SideDataMalformed,
        what,
        format!("line {number} cannot be read: {reason}"),
    )
    .hint("fetch them anew on the sending side, and export again")
}

/// Gives every line that is not empty, without its end, with its number from 1.
fn each_line(
    path: &Path,
    max_bytes: usize,
    what: &str,
    take: impl FnMut(usize, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Stop> {
    let failed = |error| Unable::new(format!("cannot read {}", path.display())).because(error);
    each_line_of(File::open(path).map_err(failed)?, &failed, max_bytes, what, take)
}

/// The same of what is open.
pub(super) fn each_line_of(
    untrusted: impl Read,
    failed: &dyn Fn(io::Error) -> Unable,
    max_bytes: usize,
    what: &str,
    mut take: impl FnMut(usize, &[u8]) -> Result<(), Refusal>,
) -> Result<(), Stop> {
    let mut lines = BufReader::with_capacity(64 << 10, untrusted);
    // One byte for the line's end, and one more, so that a longer line is seen to be longer.
    let limit = u64::try_from(max_bytes).map_or(u64::MAX, |limit| limit.saturating_add(2));
    let mut line = Vec::new();
    for number in 1_usize.. {
        line.clear();
        let count = lines
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut line)
            .map_err(failed)?;
        if count == 0 {
            return Ok(());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if line.len() > max_bytes {
            return Err(malformed(what, number, "it is too long").into());
        }
        if !line.is_empty() {
            take(number, &line)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    fn code(result: Result<impl Sized, Stop>) -> Code {
        match result {
            Err(Stop::Refused(refusals)) => refusals[0].code,
            _ => panic!("it was not refused"),
        }
    }

    #[test]
    fn a_snapshot_is_as_old_as_its_newest_record_and_keeps_what_is_asked_about() {
        let record = |id: &str, name: &str, time: &str| {
            format!(
                r#"{{"id":"{id}","modified":"{time}","affected":[{{"package":{{"ecosystem":"npm","name":"{name}"}},"versions":["1.0.0"]}}]}}"#
            )
        };
        let wanted = HashSet::from([("npm".to_owned(), "x".to_owned())]);
        let text = [
            record("MAL-1", "x", "2026-11-20T00:00:00.25Z"),
            String::new(),
            record("MAL-2", "other", "2026-11-21T00:00:00Z"),
        ]
        .join("\n");
        let until = "2026-11-21T00:00:00Z".parse().unwrap();
        let found = advisories(file(&text).path(), &wanted, until).unwrap();
        assert_eq!(found.taken().to_string(), "2026-11-21T00:00:00Z");
        assert_eq!(found.len(), 1);
        // A record of a time to come makes no snapshot younger.
        let ahead = [text.clone(), record("A-3", "other", "2999-01-01T00:00:00Z")].join("\n");
        let found = advisories(file(&ahead).path(), &wanted, until).unwrap();
        assert_eq!(found.taken(), until);
        let found = advisories(file(&ahead).path(), &wanted, until.plus_seconds(-1)).unwrap();
        assert_eq!(found.taken().to_string(), "2026-11-20T00:00:00Z");
        // What is not asked about is judged all the same.
        let unreadable = format!("{}\n{{\"id\":\"A\"", record("MAL-1", "x", "2026-11-20T00:00:00Z"));
        assert_eq!(
            code(advisories(file(&unreadable).path(), &wanted, until)),
            Code::SideDataMalformed
        );
    }

    #[test]
    fn names_are_read_or_refuse_the_bundle() {
        let read = |text: &str| {
            let mut names = KnownNames::new();
            popular_names(file(text).path(), &mut names).map(|()| names)
        };
        let names = read("npm/lodash\r\n").map(|_| ());
        assert_eq!(code(names), Code::SideDataMalformed);
        let names = read("npm/lodash\n\nnpm/@angular/core").unwrap();
        let with = BTreeSet::from([CompareWith::Popular]);
        assert!(names.similar("npm", "l0dash", &with).is_some());
        for wrong in ["lodash", "/lodash", "npm/", &format!("npm/{}", "x".repeat(700))] {
            assert_eq!(code(read(wrong)), Code::SideDataMalformed, "{wrong}");
        }
        // A line that is too long is not taken for two that are not.
        let long = format!("npm/{}", "x".repeat(MAX_NAME_BYTES + 2 - 4));
        assert_eq!(code(read(&format!("{long}npm/lodash"))), Code::SideDataMalformed);
        let at_line = |number: usize| format!("{}npm/lodash", "\n".repeat(number - 1));
        read(&at_line(MAX_POPULAR_NAMES)).unwrap();
        assert_eq!(code(read(&at_line(MAX_POPULAR_NAMES + 1))), Code::SideDataMalformed);
    }
}
