//! What a hold is about.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, Timestamp};

/// What a hold keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Scope {
    /// Everything about a bundle, and what it brought.
    Bundle {
        /// Its manifest.
        manifest: Digest,
    },
    /// Everything that was made, or came, in some days.
    Dates {
        /// From this time on.
        from: Timestamp,
        /// Before this time.
        until: Timestamp,
    },
    /// Everything.
    Everything {},
    /// Everything that rests on a key, a certificate or an identity, be it a publisher's or an exporter's.
    Key {
        /// As `sealift where --key` takes it.
        key: String,
    },
    /// Everything about an artifact; without what follows `@` or `?`, about all its versions or files.
    Purl {
        /// The package URL.
        purl: String,
    },
}

impl Scope {
    /// Whether a package URL is among those that a purl of this scope names: of the same name, of the same version if it has one, and with all
    /// qualifiers that it has. False for another scope.
    pub fn names(&self, purl: &str) -> bool {
        let Self::Purl { purl: wanted } = self else {
            return false;
        };
        let parts = |purl: &str| -> (String, Vec<String>) {
            let (path, qualifiers) = purl.split_once('?').unwrap_or((purl, ""));
            let qualifiers = qualifiers.split('&').filter(|one| !one.is_empty());
            (path.to_owned(), qualifiers.map(str::to_owned).collect())
        };
        let ((path, asked), (found, has)) = (parts(wanted), parts(purl));
        let is_path = found
            .strip_prefix(path.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('@'));
        is_path && asked.iter().all(|one| has.contains(one))
    }

    /// Whether a time is within the days of this scope. False for another scope.
    pub fn spans(&self, time: Timestamp) -> bool {
        matches!(self, Self::Dates { from, until } if time >= *from && time < *until)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundle { manifest } => write!(f, "the bundle {manifest}"),
            Self::Dates { from, until } => write!(f, "from {from} until before {until}"),
            Self::Everything {} => f.write_str("everything"),
            Self::Key { key } => write!(f, "what rests on {key}"),
            Self::Purl { purl } => f.write_str(purl),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purl_names_its_versions_and_files_and_no_other_name() {
        let scope = |purl: &str| Scope::Purl { purl: purl.to_owned() };
        assert!(scope("pkg:npm/a").names("pkg:npm/a@1.0.0"));
        assert!(scope("pkg:npm/a@1.0.0").names("pkg:npm/a@1.0.0"));
        assert!(scope("pkg:generic/a@1").names("pkg:generic/a@1?file_name=x"));
        // Whoever holds one file need not know its digest.
        assert!(scope("pkg:generic/a@1?file_name=x").names("pkg:generic/a@1?checksum=sha256:00&file_name=x"));
        assert!(scope("pkg:generic/a?file_name=x").names("pkg:generic/a@1?checksum=sha256:00&file_name=x"));
        assert!(!scope("pkg:generic/a@1?file_name=x").names("pkg:generic/a@1?file_name=xy"));
        assert!(!scope("pkg:generic/a@1?file_name=x").names("pkg:generic/a@1"));
        assert!(!scope("pkg:npm/a").names("pkg:npm/ab@1.0.0"));
        assert!(!scope("pkg:npm/a@1.0").names("pkg:npm/a@1.0.0"));
        assert!(!Scope::Everything {}.names("pkg:npm/a"));
    }
}
