//! What a leaf says (`bundle-spec/log.md` §2).

use serde::{Deserialize, Serialize};

use crate::crypto::merkle;
use crate::crypto::strict_json::{self, JsonError};
use crate::model::{Digest, Timestamp};

/// The lines of a file, as a leaf names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLines {
    /// All their bytes, line ends included.
    pub bytes: u64,
    /// How many they are.
    pub count: u64,
    /// SHA-256 over all of them.
    pub digest: Digest,
}

/// One leaf. Its text is canonical JSON, so that whoever knows what it says knows its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Leaf {
    /// What an attempt to import decided about one artifact.
    Artifact {
        /// The digest of its bytes.
        artifact: Digest,
        /// What became of it, as its record says; empty where no policy was asked.
        decision: String,
        /// Its package URL.
        purl: String,
        /// The digest of its record in the report, without the line's end.
        record: Digest,
        /// The report's number.
        report: u64,
    },
    /// What an attempt to import came to. Follows the leaves of its artifacts.
    Attempt {
        /// The bundle's manifest; none where nobody vouched for it.
        bundle: Option<Digest>,
        /// Why it was refused, or why something was kept out: the different codes, sorted.
        codes: Vec<String>,
        /// How many artifacts it has decided about.
        count: u64,
        /// When, by the enclave's clock.
        created: Timestamp,
        /// The generation that clients find from then on.
        generation: Option<u64>,
        /// `imported` or `refused`.
        outcome: String,
        /// The digest of the head of the report before.
        previous: Option<Digest>,
        /// The digest over all records of the report.
        records: Digest,
        /// The report's number.
        report: u64,
        /// The digest of all that clients find from then on.
        repository: Option<Digest>,
    },
    /// Clients were shown again what an earlier generation showed.
    Rollback {
        /// The new generation's number.
        generation: u64,
        /// Why, in the words of whoever did it.
        reason: String,
        /// When, by the enclave's clock.
        time: Timestamp,
        /// Which generation is shown again.
        to: u64,
    },
    /// What is held was judged again, and the new judgements are kept.
    Recheck {
        /// How many artifacts were judged.
        judged: u64,
        /// What state.db took in: the lines of the file beside; none where an earlier version wrote it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lines: Option<LogLines>,
        /// When, by the enclave's clock.
        time: Timestamp,
    },
    /// Somebody signed something about the enclave's own records.
    Statement {
        /// The digest of what was signed.
        digest: Digest,
        /// The statement's number, from 1.
        number: u64,
        /// When it was taken, by the enclave's clock.
        time: Timestamp,
        /// Which kind of document it is.
        what: String,
    },
    /// Generations were removed.
    Sweep {
        /// Their numbers.
        generations: Vec<u64>,
        /// When, by the enclave's clock.
        time: Timestamp,
    },
}

impl Leaf {
    /// Its exact bytes.
    pub fn text(&self) -> Vec<u8> {
        strict_json::write(self)
    }

    /// Its hash in the tree.
    pub fn hash(&self) -> Digest {
        merkle::leaf_hash(&self.text())
    }

    /// Reads the bytes of a leaf.
    pub fn read(text: &[u8]) -> Result<Self, JsonError> {
        strict_json::read(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_has_one_spelling() {
        let leaf = Leaf::Artifact {
            artifact: Digest::of(b"a"),
            decision: "allowed".to_owned(),
            purl: "pkg:pypi/a@1".to_owned(),
            record: Digest::of(b"r"),
            report: 7,
        };
        let text = String::from_utf8(leaf.text()).unwrap();
        assert_eq!(
            text,
            format!(
                "{{\"artifact\":\"{}\",\"decision\":\"allowed\",\"kind\":\"artifact\",\"purl\":\"pkg:pypi/a@1\",\"record\":\"{}\",\"report\":7}}",
                Digest::of(b"a"),
                Digest::of(b"r")
            )
        );
        assert_eq!(Leaf::read(text.as_bytes()).unwrap(), leaf);
        for wrong in [
            text.replace("\"report\"", "\"reprot\""),
            text.replace("\"artifact\",\"purl", "\"attempt\",\"purl"),
            text.replace("}", ",\"more\":1}"),
            format!("{text}\n"),
        ] {
            assert!(Leaf::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
