//! Who had the media, as far as records say it (`bundle-spec/custody.md` §4, §5).

use serde::{Deserialize, Serialize};

use super::bound::{Shortened, short};
use crate::model::Digest;
use crate::trust::custody::{Chain, Link, Named, Word};

/// How much of the head the records may take, in bytes.
const MAX_RECORD_BYTES: usize = 96 * 1024;

/// How much of the head what does not fit together may take, in bytes.
const MAX_TROUBLE_BYTES: usize = 16 * 1024;

/// The custody records that lay beside a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    /// The records: those that count in their order, then those that do not.
    pub records: Vec<Link>,
    /// The last records, as somebody named them by another way; left out where nobody did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<NamedRecord>,
    /// How many more there were.
    pub records_left_out: u64,
    /// What does not fit together.
    pub troubles: Vec<CustodyTrouble>,
    /// How many more of that there were.
    pub troubles_left_out: u64,
}

/// A last record, as somebody named it by another way than the medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedRecord {
    /// The record that it is; none where it is not here.
    #[serde(deserialize_with = "crate::crypto::strict_json::or_null")]
    pub digest: Option<Digest>,
    /// Its digest or its twelve words, as they were said.
    pub said: String,
}

/// Something about the records that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyTrouble {
    /// The stable code.
    pub code: String,
    /// In words.
    pub message: String,
    /// The record's file.
    pub subject: String,
}

impl CustodyTrouble {
    /// In one line.
    pub(super) fn words(&self) -> String {
        format!("{}: {} [{}]", self.subject, self.message, self.code)
    }
}

impl Custody {
    /// Takes a chain, and which records somebody named as its last; nothing where there are neither.
    pub fn of(chain: &Chain, named: &[Named]) -> Option<Self> {
        if chain.links.is_empty() && chain.troubles.is_empty() && named.is_empty() {
            return None;
        }
        let link = |link: &Link| Link {
            file: short(&link.file),
            reason: link.reason.as_deref().map(short),
            ..link.clone()
        };
        let records = Shortened::of(chain.links.iter().map(link), MAX_RECORD_BYTES);
        let troubles = Shortened::of(
            chain.troubles.iter().map(|trouble| CustodyTrouble {
                code: trouble.code.name().to_owned(),
                message: short(&trouble.message),
                subject: short(&trouble.subject),
            }),
            MAX_TROUBLE_BYTES,
        );
        let named = named.iter().map(|named| NamedRecord {
            digest: chain.find(named),
            said: named.to_string(),
        });
        Some(Self {
            named: named.collect(),
            records: records.kept,
            records_left_out: records.left_out,
            troubles: troubles.kept,
            troubles_left_out: troubles.left_out,
        })
    }

    /// How many records count, of those that are here.
    pub fn counting(&self) -> usize {
        self.records.iter().filter(|link| link.word == Word::Counts).count()
    }

    /// What somebody named, as it was named; what cannot have been is left out.
    pub fn named(&self) -> Vec<Named> {
        let said = self.named.iter().map(|named| named.said.parse());
        said.filter_map(Result::ok).collect()
    }

    /// Each record that somebody named, and whether it is here.
    pub(super) fn named_words(&self) -> impl Iterator<Item = String> {
        self.named.iter().map(|named| match named.digest {
            Some(digest) => format!("named by another way as the last, and here: {digest}"),
            None => format!("named by another way as the last, and not here: {}", named.said),
        })
    }

    /// What it came to, in a phrase.
    pub fn words(&self) -> String {
        let counting = self.counting();
        let mut words = format!(
            "{counting} {} of who had the media",
            if counting == 1 { "record" } else { "records" }
        );
        let others = self.records.len() - counting;
        if others > 0 {
            words.push_str(&format!(", and {others} that count for nothing"));
        }
        let troubles = self.troubles.len() as u64 + self.troubles_left_out;
        if troubles > others as u64 {
            words.push_str("; they do not fit together");
        }
        words
    }
}

/// Who signed a record, or why it counts for nothing.
pub(super) fn signed(link: &Link) -> String {
    match (&link.reason, link.word) {
        (_, Word::Counts) => link.persons.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        (Some(reason), _) => format!("counts for nothing: {reason}"),
        (None, word) => word.words().to_owned(),
    }
}

/// When and what.
pub(super) fn happened(link: &Link) -> String {
    link.record.as_ref().map_or_else(
        || "unreadable".to_owned(),
        |record| format!("{} {}", record.at, record.event),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::custody::About;

    #[test]
    fn of_media_of_which_nothing_is_said_nothing_is_told() {
        let about = About {
            manifest: Digest::of(b"manifest"),
            now: crate::model::Timestamp::from_seconds(1_800_000_000),
            volumes: Some(1),
            revocations: None,
        };
        let of = |files: &[(String, Vec<u8>)], named: &[Named]| {
            Custody::of(&Chain::judge(files, &[], &about), named).is_some()
        };
        assert!(!of(&[], &[]));
        assert!(of(&[("a.custody-1.dsse.json".to_owned(), b"nothing".to_vec())], &[]));
        assert!(of(&[], &[Digest::of(b"record").to_string().parse().unwrap()]));
    }
}
