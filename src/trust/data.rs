//! Trust data: the site's anchors of the outside world, as one signed, versioned document (`bundle-spec/trust-data.md`).

use serde::{Deserialize, Serialize};

use super::TrustError;
use crate::crypto::strict_json::{self, Critical, Extensions};
use crate::model::{Anchor, IdentityPattern, Material, Timestamp};

/// A site pins some dozens of anchors; thousands are a keyring taken over unread.
pub const MAX_ANCHORS: usize = 1000;

/// A name is typed and read; a note is a sentence or two.
const MAX_NAME_BYTES: usize = 64;
const MAX_NOTE_BYTES: usize = 1000;

/// An anchor covers a handful of scopes, each a pattern of at most a long Maven group.
const MAX_SCOPES: usize = 100;
const MAX_PATTERN_BYTES: usize = 300;

/// What this site believes of the outside world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustData {
    /// The anchors, ascending by name.
    pub anchors: Vec<Anchor>,
    /// When it was written.
    pub created: Timestamp,
    /// What a reader must know.
    pub critical: Critical,
    /// Facts that decide nothing.
    #[serde(default, skip_serializing_if = "Extensions::is_empty")]
    pub ext: Extensions,
    /// From 1; each next document has a higher one.
    pub version: u64,
}

impl TrustData {
    /// A document without anchors.
    pub fn empty(version: u64, created: Timestamp) -> Self {
        Self {
            anchors: Vec::new(),
            created,
            critical: Critical,
            ext: Extensions::default(),
            version,
        }
    }

    /// Reads a document and checks its rules. Who signed it is not looked at.
    pub fn read(untrusted_payload: &[u8]) -> Result<Self, TrustError> {
        let this: Self = strict_json::read(untrusted_payload)?;
        this.check()?;
        Ok(this)
    }

    /// Writes the payload that is signed. Fails where [`TrustData::read`] would.
    pub fn write(&self) -> Result<Vec<u8>, TrustError> {
        self.check()?;
        Ok(strict_json::write(self))
    }

    /// Puts an anchor in its place; one of the same name is given back.
    pub fn put(&mut self, anchor: Anchor) -> Option<Anchor> {
        match self.anchors.binary_search_by(|held| held.name.cmp(&anchor.name)) {
            Ok(place) => Some(std::mem::replace(&mut self.anchors[place], anchor)),
            Err(place) => {
                self.anchors.insert(place, anchor);
                None
            }
        }
    }

    /// Takes an anchor away.
    pub fn remove(&mut self, name: &str) -> Option<Anchor> {
        let place = self.anchors.iter().position(|anchor| anchor.name == name)?;
        Some(self.anchors.remove(place))
    }

    /// The anchor with a name.
    pub fn anchor(&self, name: &str) -> Option<&Anchor> {
        self.anchors.iter().find(|anchor| anchor.name == name)
    }

    fn check(&self) -> Result<(), TrustError> {
        let fault = |field, reason| Err(TrustError::Field { field, reason });
        if self.version == 0 {
            return fault("version", "starts at 1");
        }
        if self.anchors.len() > MAX_ANCHORS {
            return fault("anchors", "has more than 1000 entries");
        }
        if self.anchors.windows(2).any(|pair| pair[0].name >= pair[1].name) {
            return fault("anchors", "must ascend by name, each name once");
        }
        self.anchors.iter().try_for_each(check_anchor)
    }
}

fn check_anchor(anchor: &Anchor) -> Result<(), TrustError> {
    let fault = |field, reason| Err(TrustError::Field { field, reason });
    if !is_anchor_name(&anchor.name) {
        return fault(
            "name",
            "must be 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit",
        );
    }
    if anchor.note.trim().is_empty() || anchor.note.len() > MAX_NOTE_BYTES || anchor.note.chars().any(char::is_control)
    {
        return fault("note", "must say in 1 to 1000 bytes where the anchor came from");
    }
    if anchor.scope.is_empty() || anchor.scope.len() > MAX_SCOPES {
        return fault("scope", "must have 1 to 100 patterns");
    }
    let patterns = anchor.scope.iter().map(|pattern| pattern.as_str());
    for pattern in patterns.chain(anchor.suites.iter().map(String::as_str)) {
        if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES || pattern.chars().any(char::is_control) {
            return fault(
                "scope",
                "has a pattern that is empty, too long, or holds a control character",
            );
        }
    }
    if let (Some(from), Some(until)) = (anchor.valid_from, anchor.valid_until)
        && until < from
    {
        return fault("valid_until", "is before `valid_from`");
    }
    match &anchor.material {
        Material::Identity(pattern) => pattern
            .check()
            .or_else(|_| fault("identity", "must name an issuer and whom it vouches for")),
        material => match material.text() {
            Some(text) if text.trim().is_empty() => fault("material", "is empty"),
            _ => Ok(()),
        },
    }
}

/// Whether a text can name an anchor.
pub fn is_anchor_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
}

/// An anchor in one line.
pub fn in_words(anchor: &Anchor) -> String {
    let mut text = format!(
        "`{}` ({}) for {}",
        anchor.name,
        anchor.material.type_name(),
        listed(&anchor.scope)
    );
    if let Material::Identity(pattern) = &anchor.material {
        text = format!("{text}: {}", identity_in_words(pattern));
    }
    if !anchor.suites.is_empty() {
        text = format!("{text}, suites {}", anchor.suites.join(", "));
    }
    if let Some(from) = anchor.valid_from {
        text = format!("{text}, from {from}");
    }
    if let Some(until) = anchor.valid_until {
        text = format!("{text}, until {until}");
    }
    text
}

/// Whom an identity names, in words.
pub fn identity_in_words(pattern: &IdentityPattern) -> String {
    let subject = pattern.subject.iter().map(|subject| format!("subject {subject}"));
    let fields = pattern.fields.iter().map(|(name, value)| format!("{name} {value}"));
    let words: Vec<String> = subject.chain(fields).collect();
    format!("{} by {}", words.join(", "), pattern.issuer)
}

/// What an anchor is good for, in words.
pub fn reach_in_words(anchor: &Anchor) -> String {
    match &anchor.material {
        Material::TimestampCertificates(_) => "says when, and never by whom".to_owned(),
        Material::SigstoreRoot(_) => "vouches for the identities that are pinned".to_owned(),
        _ => format!("reaches the level {}", anchor.speaks_for.level()),
    }
}

fn listed(patterns: &[crate::model::ScopePattern]) -> String {
    let words: Vec<&str> = patterns
        .iter()
        .map(|pattern| match pattern.as_str() {
            "*" => "everything",
            other => other,
        })
        .collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ScopePattern, SpeaksFor};

    fn anchor(name: &str) -> Anchor {
        Anchor {
            material: Material::NoteKey("example.com+0+x".to_owned()),
            name: name.to_owned(),
            note: "read over the phone".to_owned(),
            scope: vec![ScopePattern::new("go/*")],
            speaks_for: SpeaksFor::Registry,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        }
    }

    fn sample() -> TrustData {
        let mut data = TrustData::empty(1, Timestamp::from_seconds(0));
        data.put(anchor("b"));
        data.put(anchor("a"));
        data
    }

    #[test]
    fn every_rule_refuses() {
        let data = sample();
        assert_eq!(TrustData::read(&data.write().unwrap()).unwrap(), data);
        let wrong: [fn(&mut TrustData); 14] = [
            |data| data.version = 0,
            |data| data.anchors.reverse(),
            |data| data.anchors[1].name = "a".to_owned(),
            |data| data.anchors[0].name = "A".to_owned(),
            |data| data.anchors[0].name = String::new(),
            |data| data.anchors[0].note = " ".to_owned(),
            |data| data.anchors[0].note = "a\u{7}".to_owned(),
            |data| data.anchors[0].scope.clear(),
            |data| data.anchors[0].scope = vec![ScopePattern::new("")],
            |data| data.anchors[0].suites = vec![String::new()],
            |data| {
                data.anchors[0].valid_from = Some(Timestamp::from_seconds(2));
                data.anchors[0].valid_until = Some(Timestamp::from_seconds(1));
            },
            |data| data.anchors[0].material = Material::Openpgp("\n".to_owned()),
            |data| data.anchors[0].material = Material::Identity(IdentityPattern::default()),
            |data| {
                let one = data.anchors[0].clone();
                data.anchors = (0..=MAX_ANCHORS)
                    .map(|number| Anchor {
                        name: format!("{number:05}"),
                        ..one.clone()
                    })
                    .collect();
            },
        ];
        for (index, change) in wrong.iter().enumerate() {
            let mut data = sample();
            change(&mut data);
            assert!(data.write().is_err(), "change {index} passed");
            assert!(
                TrustData::read(&strict_json::write(&data)).is_err(),
                "change {index} was read"
            );
        }
    }
}
