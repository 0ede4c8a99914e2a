//! A registry's document about one package, the packument: read where it is needed, otherwise kept as it came.
//!
//! Threats: it is as trustworthy as the connection it came over, and behind the gap as the exporter that signed it. So it
//! never decides about bytes, names or versions; it is compared with them. A key that stands twice is refused, since
//! readers differ in which one they take.
//!
//! Source: npm's registry documentation, "Package Metadata" (full form).

use serde::Deserialize;
use serde_json::value::RawValue;

use super::map::Map;

/// The kind of the registry document in the catalog.
pub(crate) const KIND: &str = "packument";

/// The largest packuments have about 100 MB.
pub(crate) const MAX_BYTES: u64 = 256 << 20;

/// A packument, borrowed from its bytes.
#[derive(Debug, Deserialize)]
pub(crate) struct Packument<'a> {
    pub(crate) name: Option<String>,
    #[serde(rename = "dist-tags", default)]
    pub(crate) dist_tags: Map<String>,
    #[serde(borrow, default)]
    pub(crate) versions: Map<&'a RawValue>,
    /// Times by version; other kinds of value stand beside them in unpublished packages.
    #[serde(default)]
    time: Map<serde_json::Value>,
    modified: Option<String>,
}

/// The parts of a version object that say where its tarball is and what proves it.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Dist {
    pub(crate) tarball: Option<String>,
    #[serde(default)]
    signatures: serde_json::Value,
    #[serde(default)]
    attestations: serde_json::Value,
}

impl Dist {
    pub(crate) fn is_signed(&self) -> bool {
        self.signatures
            .as_array()
            .is_some_and(|signatures| !signatures.is_empty())
    }

    pub(crate) fn is_attested(&self) -> bool {
        self.attestations
            .as_object()
            .is_some_and(|attestations| !attestations.is_empty())
    }
}

impl<'a> Packument<'a> {
    /// Reads a packument; the error says where it is broken.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// The `dist` of a version; empty where it has none.
    pub(crate) fn dist(&self, version: &str) -> Option<Result<Dist, serde_json::Error>> {
        self.versions.find(version).map(|raw| read_dist(raw))
    }

    /// The `dist` of every version that can be read.
    pub(crate) fn dists(&self) -> impl Iterator<Item = Dist> {
        self.versions.0.iter().filter_map(|(_, raw)| read_dist(raw).ok())
    }

    /// When a version was published, as upstream writes it.
    pub(crate) fn published(&self, version: &str) -> Option<&str> {
        self.time
            .find(version)
            .and_then(serde_json::Value::as_str)
            .filter(|time| is_time(time))
    }

    /// When the package was created.
    pub(crate) fn created(&self) -> Option<&str> {
        self.published("created")
    }

    /// When anything in the packument changed last.
    pub(crate) fn modified(&self) -> Option<&str> {
        self.published("modified")
            .or_else(|| self.modified.as_deref().filter(|time| is_time(time)))
    }
}

fn read_dist(raw: &RawValue) -> Result<Dist, serde_json::Error> {
    #[derive(Deserialize)]
    struct Version {
        #[serde(default)]
        dist: Dist,
    }
    serde_json::from_str::<Version>(raw.get()).map(|version| version.dist)
}

fn is_time(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_and_times_are_there_or_not() {
        let dist = |json: &str| serde_json::from_str::<Dist>(json).unwrap();
        for (json, signed, attested) in [
            ("{}", false, false),
            (r#"{"signatures": [], "attestations": {}}"#, false, false),
            (r#"{"signatures": [{}], "attestations": {"url": "x"}}"#, true, true),
            (r#"{"signatures": {"a": 1}, "attestations": [1]}"#, false, false),
        ] {
            let dist = dist(json);
            assert_eq!((dist.is_signed(), dist.is_attested()), (signed, attested), "{json}");
        }
        let modified = |time: &str| {
            let text = format!(r#"{{"versions": {{}}, "modified": "{time}"}}"#);
            Packument::read(text.as_bytes()).unwrap().modified().map(str::to_owned)
        };
        assert_eq!(
            modified("2024-01-01T00:00:00Z").as_deref(),
            Some("2024-01-01T00:00:00Z")
        );
        assert_eq!(modified("yesterday"), None);
    }
}
