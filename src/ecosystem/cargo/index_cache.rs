//! What Cargo keeps of a registry's index: one file for each name, under `registry/index/*/.cache` of its home (Cargo: `src/cargo/sources/registry/index/cache.rs`,
//! `SummariesCache`). A byte with the format, four with the schema of the index, least first, the state of the index, ended by a zero byte; then for each version
//! the version and its line as the registry served it, each ended by a zero byte.

use super::{INDEX_LINES, index_line};
use crate::ecosystem::NewDocument;
use crate::model::Artifact;

/// Cargo's `CURRENT_CACHE_VERSION`.
const FORMAT: u8 = 3;

/// The schemas whose lines are those of [`index_line`].
const SCHEMAS: std::ops::RangeInclusive<u32> = 1..=2;

/// The lines of these artifacts, if there is any.
pub(super) fn recall(untrusted: &[u8], artifacts: &[Artifact]) -> Option<NewDocument> {
    let lines = lines(untrusted)?;
    let kept: Vec<&str> = artifacts
        .iter()
        .filter_map(|artifact| Some(lines.iter().find_map(|line| index_line::find(line, artifact))?.0))
        .collect();
    (!kept.is_empty()).then(|| NewDocument {
        kind: INDEX_LINES,
        origin: "cache".to_owned(),
        bytes: (kept.join("\n") + "\n").into_bytes(),
    })
}

/// The lines of every version.
fn lines(untrusted: &[u8]) -> Option<Vec<&[u8]>> {
    let (format, rest) = untrusted.split_first()?;
    let (schema, rest) = rest.split_first_chunk()?;
    if *format != FORMAT || !SCHEMAS.contains(&u32::from_le_bytes(*schema)) {
        return None;
    }
    // The state of the index comes first, and then pairs.
    let parts = rest.split(|byte| *byte == 0).skip(1);
    Some(parts.skip(1).step_by(2).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn file(format: u8, schema: u32, lines: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = vec![format];
        bytes.extend(schema.to_le_bytes());
        bytes.extend(b"etag: \"1\"\0");
        for (version, line) in lines {
            bytes.extend(format!("{version}\0{line}\0").as_bytes());
        }
        bytes
    }

    fn line(version: &str, crate_bytes: &str) -> String {
        let digest = Digest::of(crate_bytes.as_bytes()).hex();
        format!(
            r#"{{"name":"foo","vers":"{version}","deps":[],"cksum":"{digest}","features":{{}},"yanked":false,"pubtime":"2026-01-02T03:04:05Z"}}"#
        )
    }

    fn artifact(version: &str, crate_bytes: &str) -> Artifact {
        Artifact {
            origin: "cache".to_owned(),
            reason: "Cargo.lock".to_owned(),
            ..Artifact::plain(
                "cargo",
                "foo",
                version,
                &format!("foo-{version}.crate"),
                Digest::of(crate_bytes.as_bytes()),
            )
        }
    }

    #[test]
    fn the_lines_of_the_artifacts_are_recalled_as_the_registry_served_them() {
        let (one, two, three) = (line("1.0.0", "one"), line("2.0.0", "two"), line("3.0.0", "three"));
        let cached = file(3, 2, &[("1.0.0", &one), ("2.0.0", &two), ("3.0.0", &three)]);
        let wanted = [artifact("3.0.0", "three"), artifact("1.0.0", "one")];
        let document = recall(&cached, &wanted).unwrap();
        assert_eq!(document.bytes, format!("{three}\n{one}\n").as_bytes());
        assert_eq!((document.kind, document.origin.as_str()), (INDEX_LINES, "cache"));
        // Another registry's crate of the same name and version is another crate.
        assert!(recall(&cached, &[artifact("1.0.0", "other")]).is_none());
        assert!(recall(&cached, &[artifact("4.0.0", "one")]).is_none());
    }

    #[test]
    fn another_format_is_not_read() {
        let one = line("1.0.0", "one");
        let wanted = [artifact("1.0.0", "one")];
        for (format, schema, is_read) in [(3, 1, true), (3, 2, true), (3, 3, false), (2, 2, false), (4, 2, false)] {
            let cached = file(format, schema, &[("1.0.0", &one)]);
            assert_eq!(recall(&cached, &wanted).is_some(), is_read, "{format} {schema}");
            // Whatever is cut off leaves whole lines or none.
            for length in 0..cached.len() {
                if let Some(document) = recall(&cached[..length], &wanted) {
                    assert_eq!(document.bytes, format!("{one}\n").as_bytes());
                }
            }
        }
    }
}
