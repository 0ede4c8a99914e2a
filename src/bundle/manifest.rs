//! The manifest: the small document that is signed (`bundle-spec/manifest.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits;
use crate::model::{BaseSource, Digest, Timestamp, bundle_label, delta_words};

/// The format that this program reads and writes.
pub const FORMAT: u64 = 1;

/// What one bundle is: which stream and number, for whom, and by digest everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The base bundle's manifest digest, when this is a delta: objects that it carried may be missing here.
    pub base: Option<Digest>,
    /// Who says what the receiver holds of it; left out where the manifest does not say, and where nothing is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_source: Option<BaseSource>,
    /// The catalog: its stored bytes, and what they hold.
    pub catalog: CatalogSummary,
    /// When the exporter made it.
    pub created: Timestamp,
    /// Names of extensions that a reader must know to accept the bundle. Format 1 knows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<String>,
    /// The epoch of the stream's numbers, from the root.
    pub epoch: u64,
    /// The format's version.
    pub format: u64,
    /// The program that wrote it, for people.
    pub generator: String,
    /// When it must no longer be imported.
    pub not_after: Timestamp,
    /// The digest of the plan, an object: what was asked for.
    pub plan: Digest,
    /// The manifest digest of the bundle before, in the same stream and epoch.
    pub previous: Option<Digest>,
    /// The enclaves that it is for, by id.
    pub recipients: Vec<Digest>,
    /// The roots that travel, from some version on without a gap.
    pub roots: Vec<TravellingRoot>,
    /// How objects are cut, in bytes.
    pub segment_size: u64,
    /// The number within stream and epoch, from 1.
    pub sequence: u64,
    /// Documents that travel beside the artifacts, by what they are: objects that the catalog lists.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub side_data: BTreeMap<SideData, Digest>,
    /// The stream: one exporter's numbered bundles for one enclave.
    pub stream: String,
    /// The volumes, in order.
    pub volumes: Vec<VolumeSummary>,
}

/// What can travel beside the artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SideData {
    /// Advisories: OSV records, one a line of JSON.
    Advisories,
    /// Names that many people use, one `ecosystem/name` a line, for the search for look-alikes.
    PopularNames,
    /// Signed revocations, an envelope.
    Revocations,
    /// Signed trust data, an envelope.
    TrustData,
    /// VEX documents with their signatures, one a line of JSON.
    Vex,
}

impl SideData {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Advisories,
        Self::PopularNames,
        Self::Revocations,
        Self::TrustData,
        Self::Vex,
    ];

    /// The word in the manifest.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advisories => "advisories",
            Self::PopularNames => "popular-names",
            Self::Revocations => "revocations",
            Self::TrustData => "trust-data",
            Self::Vex => "vex",
        }
    }
}

/// The catalog's digest and sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogSummary {
    /// How many artifacts it lists.
    pub artifacts: u64,
    /// Bytes after decompression.
    pub content_size: u64,
    /// SHA-256 of the stored bytes.
    pub digest: Digest,
    /// How many registry documents it lists.
    pub documents: u64,
    /// The sum of all objects' sizes, in bytes.
    pub object_bytes: u64,
    /// How many objects it lists.
    pub objects: u64,
    /// Stored bytes.
    pub size: u64,
}

/// One root that travels with the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TravellingRoot {
    /// SHA-256 of the envelope's bytes.
    pub digest: Digest,
    /// The envelope's bytes.
    pub size: u64,
    /// The root's version.
    pub version: u64,
}

/// What one volume holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeSummary {
    /// Bytes of its object members, headers and padding included.
    pub bytes: u64,
    /// How many segments it holds, following those of the volume before.
    pub segments: u64,
}

/// A manifest's values do not make sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The format's version is another one.
    #[error("format {0} is not known")]
    UnknownFormat(u64),
    /// An extension is critical and not known.
    #[error("extension {0:?} is critical and not known")]
    UnknownExtension(String),
    /// A value is out of its range.
    #[error("`{field}` is out of range: {reason}")]
    OutOfRange {
        /// The field.
        field: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Manifest {
    /// Checks every rule of `bundle-spec/manifest.md` §3 that the schema alone cannot say.
    pub fn check(&self) -> Result<(), ManifestError> {
        let out_of_range = |field, reason| Err(ManifestError::OutOfRange { field, reason });
        if self.format != FORMAT {
            return Err(ManifestError::UnknownFormat(self.format));
        }
        if let Some(name) = self.critical.first() {
            return Err(ManifestError::UnknownExtension(name.chars().take(100).collect()));
        }
        if !is_stream_name(&self.stream) {
            return out_of_range(
                "stream",
                "it must be 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit",
            );
        }
        if self.base.is_none() && self.base_source.is_some() {
            return out_of_range("base_source", "there is no base");
        }
        if self.epoch == 0 || self.sequence == 0 {
            return out_of_range("sequence", "epoch and sequence begin at 1");
        }
        if self.sequence == 1 && self.previous.is_some() || self.sequence > 1 && self.previous.is_none() {
            return out_of_range(
                "previous",
                "every bundle but the first of an epoch names the one before",
            );
        }
        if self.not_after < self.created {
            return out_of_range("not_after", "it lies before `created`");
        }
        if self.generator.len() > 100 || self.generator.is_empty() {
            return out_of_range("generator", "it must have 1 to 100 bytes");
        }
        if self.recipients.is_empty() || self.recipients.len() > limits::MAX_RECIPIENTS {
            return out_of_range("recipients", "there must be 1 to 64");
        }
        if self.recipients.windows(2).any(|pair| pair[0] >= pair[1]) {
            return out_of_range("recipients", "they must ascend");
        }
        if self.roots.is_empty() || self.roots.len() as u64 > limits::MAX_ROOTS {
            return out_of_range("roots", "there must be 1 to 64");
        }
        if self.roots[0].version == 0 || self.roots.windows(2).any(|pair| pair[1].version != pair[0].version + 1) {
            return out_of_range("roots", "their versions must follow one by one");
        }
        if self
            .roots
            .iter()
            .any(|root| root.size == 0 || root.size > limits::MAX_ROOT_ENVELOPE_BYTES)
        {
            return out_of_range("roots", "a root has 1 byte to 64 KiB");
        }
        let segment = self.segment_size;
        if !segment.is_power_of_two() || !(limits::MIN_SEGMENT_BYTES..=limits::MAX_SEGMENT_BYTES).contains(&segment) {
            return out_of_range("segment_size", "it must be a power of two from 4 KiB to 1 GiB");
        }
        let catalog = &self.catalog;
        if catalog.size == 0 || catalog.size > limits::MAX_CATALOG_BYTES {
            return out_of_range("catalog", "it must be stored in 1 byte to 1 GiB");
        }
        if catalog.content_size > limits::MAX_CATALOG_CONTENT_BYTES {
            return out_of_range("catalog", "it must expand to at most 8 GiB");
        }
        if catalog.objects == 0 || catalog.objects > limits::MAX_OBJECTS {
            return out_of_range("catalog", "it must list 1 to 4,194,304 objects");
        }
        if catalog.artifacts > limits::MAX_ARTIFACTS || catalog.documents > limits::MAX_DOCUMENTS {
            return out_of_range("catalog", "it may list at most 4,194,304 artifacts and documents each");
        }
        if self.volumes.is_empty() || self.volumes.len() > limits::MAX_VOLUMES {
            return out_of_range("volumes", "there must be 1 to 10,000");
        }
        if self
            .volumes
            .iter()
            .any(|volume| volume.segments == 0 || volume.bytes < volume.segments * 512)
        {
            return out_of_range("volumes", "every volume holds at least one segment");
        }
        let total = self
            .volumes
            .iter()
            .try_fold(0_u64, |sum, volume| sum.checked_add(volume.bytes));
        if total.is_none_or(|total| total > limits::MAX_OBJECT_BYTES * 1024) {
            return out_of_range("volumes", "their sizes overflow");
        }
        Ok(())
    }

    /// The objects that the manifest itself names, each with what it is.
    pub fn named_objects(&self) -> impl Iterator<Item = (&'static str, Digest)> + '_ {
        std::iter::once(("the plan", self.plan))
            .chain(self.side_data.iter().map(|(kind, digest)| (kind.word(), *digest)))
    }

    /// The number of all segments in all volumes.
    pub fn segments(&self) -> u64 {
        self.volumes
            .iter()
            .fold(0, |sum, volume| sum.saturating_add(volume.segments))
    }

    /// On what it builds, in words; none where it stands alone.
    pub fn delta_words(&self) -> Option<String> {
        self.base.map(|base| delta_words(&base, self.base_source))
    }

    /// How people call the bundle: `main 12`, or `main 2/12` in a later epoch.
    pub fn label(&self) -> String {
        bundle_label(&self.stream, self.epoch, self.sequence)
    }
}

/// Whether a text may name a stream: it becomes part of file names.
pub fn is_stream_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        && text.as_bytes()[0].is_ascii_alphanumeric()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A manifest of one volume.
    pub(crate) fn sample() -> Manifest {
        let digest = Digest::of(b"x");
        Manifest {
            base: None,
            base_source: None,
            catalog: CatalogSummary {
                artifacts: 1,
                content_size: 10,
                digest,
                documents: 0,
                object_bytes: 1,
                objects: 1,
                size: 10,
            },
            created: Timestamp::from_seconds(1000),
            critical: Vec::new(),
            epoch: 1,
            format: 1,
            generator: "test".into(),
            not_after: Timestamp::from_seconds(2000),
            plan: digest,
            previous: None,
            recipients: vec![digest],
            roots: vec![TravellingRoot {
                digest,
                size: 10,
                version: 1,
            }],
            segment_size: limits::DEFAULT_SEGMENT_BYTES,
            sequence: 1,
            side_data: BTreeMap::new(),
            stream: "main".into(),
            volumes: vec![VolumeSummary {
                bytes: 1024,
                segments: 1,
            }],
        }
    }

    #[test]
    fn every_rule_refuses() {
        assert_eq!(sample().check(), Ok(()));
        let wrong: [fn(&mut Manifest); 23] = [
            |m| m.format = 2,
            |m| m.critical = vec!["future".into()],
            |m| m.stream = "../x".into(),
            |m| m.base_source = Some(BaseSource::Memory),
            |m| m.stream = String::new(),
            |m| m.epoch = 0,
            |m| m.sequence = 0,
            |m| m.previous = Some(Digest::of(b"y")),
            |m| m.sequence = 2,
            |m| m.not_after = Timestamp::from_seconds(999),
            |m| m.generator = String::new(),
            |m| m.recipients.clear(),
            |m| m.recipients = vec![Digest::of(b"x"), Digest::of(b"x")],
            |m| m.roots.clear(),
            |m| m.roots[0].version = 0,
            |m| {
                m.roots.push(TravellingRoot {
                    digest: Digest::of(b"x"),
                    size: 1,
                    version: 3,
                })
            },
            |m| m.roots[0].size = limits::MAX_ROOT_ENVELOPE_BYTES + 1,
            |m| m.segment_size = 100_000,
            |m| m.catalog.size = limits::MAX_CATALOG_BYTES + 1,
            |m| m.catalog.objects = 0,
            |m| m.volumes.clear(),
            |m| m.volumes[0].segments = 0,
            |m| {
                m.volumes = vec![
                    VolumeSummary {
                        bytes: u64::MAX,
                        segments: 1
                    };
                    2
                ]
            },
        ];
        for (index, change) in wrong.iter().enumerate() {
            let mut manifest = sample();
            change(&mut manifest);
            assert!(manifest.check().is_err(), "change {index} passed");
        }
    }

    /// A field, a change within its bound, and changes beyond it.
    type Bound = (&'static str, fn(&mut Manifest), &'static [fn(&mut Manifest)]);

    #[test]
    fn every_bound_holds_for_its_own_field() {
        fn roots(m: &mut Manifest, count: u64) {
            let root = m.roots[0].clone();
            m.roots = (1..=count)
                .map(|version| TravellingRoot {
                    version,
                    ..root.clone()
                })
                .collect();
        }
        fn recipients(m: &mut Manifest, count: usize) {
            let mut digests: Vec<Digest> = (0..count).map(|number| Digest::of(&number.to_be_bytes())).collect();
            digests.sort_unstable();
            m.recipients = digests;
        }
        fn volumes(m: &mut Manifest, count: usize, bytes: u64) {
            m.volumes = vec![VolumeSummary { bytes, segments: 1 }; count];
        }
        let bounds: [Bound; 12] = [
            (
                "stream",
                |m| m.stream = "a".repeat(64),
                &[
                    |m| m.stream = "a".repeat(65),
                    |m| m.stream = ".a".into(),
                    |m| m.stream = "-a".into(),
                    |m| m.stream = "A".into(),
                    |m| m.stream = "a/b".into(),
                    |m| m.stream = "a b".into(),
                ],
            ),
            (
                "base_source",
                |m| (m.base, m.base_source) = (Some(m.plan), Some(BaseSource::Memory)),
                &[|m| m.base_source = Some(BaseSource::Memory)],
            ),
            ("sequence", |m| m.epoch = 9, &[|m| m.epoch = 0, |m| m.sequence = 0]),
            (
                "previous",
                |m| (m.sequence, m.previous) = (2, Some(m.plan)),
                &[|m| m.sequence = 2, |m| m.previous = Some(m.plan)],
            ),
            (
                "not_after",
                |m| m.not_after = m.created,
                &[|m| m.not_after = Timestamp::from_seconds(999)],
            ),
            (
                "generator",
                |m| m.generator = "x".repeat(100),
                &[|m| m.generator = "x".repeat(101), |m| m.generator = String::new()],
            ),
            (
                "recipients",
                |m| recipients(m, limits::MAX_RECIPIENTS),
                &[
                    |m| recipients(m, limits::MAX_RECIPIENTS + 1),
                    |m| m.recipients.clear(),
                    |m| {
                        recipients(m, 2);
                        m.recipients.reverse();
                    },
                    |m| m.recipients = vec![m.plan; 2],
                ],
            ),
            (
                "roots",
                |m| roots(m, limits::MAX_ROOTS),
                &[
                    |m| roots(m, limits::MAX_ROOTS + 1),
                    |m| m.roots.clear(),
                    |m| m.roots[0].version = 0,
                    |m| m.roots = vec![m.roots[0].clone(); 2],
                    |m| m.roots[0].size = 0,
                    |m| m.roots[0].size = limits::MAX_ROOT_ENVELOPE_BYTES + 1,
                ],
            ),
            (
                "segment_size",
                |m| m.segment_size = limits::MIN_SEGMENT_BYTES,
                &[
                    |m| m.segment_size = limits::MIN_SEGMENT_BYTES / 2,
                    |m| m.segment_size = limits::MAX_SEGMENT_BYTES * 2,
                    |m| m.segment_size = limits::MIN_SEGMENT_BYTES * 3,
                    |m| m.segment_size = 0,
                ],
            ),
            (
                "catalog",
                |m| {
                    m.catalog.size = limits::MAX_CATALOG_BYTES;
                    m.catalog.content_size = limits::MAX_CATALOG_CONTENT_BYTES;
                    m.catalog.objects = limits::MAX_OBJECTS;
                    m.catalog.artifacts = limits::MAX_ARTIFACTS;
                    m.catalog.documents = limits::MAX_DOCUMENTS;
                },
                &[
                    |m| m.catalog.size = 0,
                    |m| m.catalog.size = limits::MAX_CATALOG_BYTES + 1,
                    |m| m.catalog.content_size = limits::MAX_CATALOG_CONTENT_BYTES + 1,
                    |m| m.catalog.objects = 0,
                    |m| m.catalog.objects = limits::MAX_OBJECTS + 1,
                    |m| m.catalog.artifacts = limits::MAX_ARTIFACTS + 1,
                    |m| m.catalog.documents = limits::MAX_DOCUMENTS + 1,
                ],
            ),
            (
                "volumes",
                |m| volumes(m, limits::MAX_VOLUMES, 512),
                &[
                    |m| volumes(m, limits::MAX_VOLUMES + 1, 512),
                    |m| m.volumes.clear(),
                    |m| m.volumes[0].segments = 0,
                    |m| volumes(m, 1, 511),
                ],
            ),
            (
                "volumes",
                |m| volumes(m, 1, limits::MAX_OBJECT_BYTES * 1024),
                &[
                    |m| volumes(m, 1, limits::MAX_OBJECT_BYTES * 1024 + 1),
                    |m| volumes(m, 2, limits::MAX_OBJECT_BYTES * 1024),
                    |m| volumes(m, 2, u64::MAX),
                ],
            ),
        ];
        for (expected, within, beyond) in bounds {
            let told = |change: &fn(&mut Manifest)| {
                let mut manifest = sample();
                change(&mut manifest);
                manifest.check()
            };
            assert_eq!(told(&within), Ok(()), "{expected}");
            for (index, change) in beyond.iter().enumerate() {
                let told = told(change);
                let is_own = matches!(told, Err(ManifestError::OutOfRange { field, .. }) if field == expected);
                assert!(is_own, "{expected}, change {index}: {told:?}");
            }
        }
    }
}
