//! Which pinned key made a signature: the one rule by which kinds with bare keys tell wrong from unknown.

use super::{Context, outside};
use crate::model::{Anchor, Artifact, Finding, Material, Timestamp};

/// Who made a signature, among the keys that this site pins.
pub(crate) enum Made<'a, K> {
    /// A key of an anchor that counts for the artifact.
    By(&'a Anchor, K),
    /// A key that is pinned, by anchors that do not count for the artifact; the finding says why.
    Outside(Box<Finding>),
    /// Nobody: it names a key that is pinned for the artifact, and does not fit that key.
    Wrong(&'a Anchor),
    /// Nobody whom this site has pinned for the artifact.
    Unknown,
}

/// Tries the pinned keys that a signature names. A key of an anchor that does not count for the artifact can only ever show that
/// the anchor does not count: its owner has no say about other names, neither for nor against.
pub(crate) fn made_by<'a, K>(
    kind: &str,
    artifact: &Artifact,
    at: Timestamp,
    named: impl IntoIterator<Item = (&'a Anchor, K)>,
    verifies: impl Fn(&K) -> bool,
) -> Made<'a, K> {
    let mut made_outside = None;
    let mut wrong = None;
    for (anchor, key) in named {
        let why_not = outside(kind, anchor, artifact, at);
        if verifies(&key) {
            match why_not {
                None => return Made::By(anchor, key),
                Some(finding) => made_outside = Some(finding),
            }
        } else if why_not.is_none() {
            wrong = Some(anchor);
        }
    }
    match (made_outside, wrong) {
        (Some(finding), _) => Made::Outside(Box::new(finding)),
        (None, Some(anchor)) => Made::Wrong(anchor),
        (None, None) => Made::Unknown,
    }
}

/// The anchors of one type, read; and those that cannot be, in words for a finding's notes.
pub(crate) fn read_anchors<'a, T, E: std::fmt::Display>(
    context: &Context<'a>,
    select: impl Fn(&'a Material) -> Option<&'a str>,
    read: impl Fn(&'a str) -> Result<T, E>,
) -> (Vec<(&'a Anchor, T)>, Vec<String>) {
    let mut readable = Vec::new();
    let mut notes = Vec::new();
    for anchor in context.anchors {
        let Some(text) = select(&anchor.material) else { continue };
        match read(text) {
            Ok(material) => readable.push((anchor, material)),
            Err(error) => notes.push(format!("anchor `{}` cannot be used: {error}", anchor.name)),
        }
    }
    (readable, notes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Digest, ScopePattern, SpeaksFor};

    fn anchor(name: &str, scope: &str) -> Anchor {
        Anchor {
            material: Material::PublicKey(String::new()),
            name: name.to_owned(),
            note: String::new(),
            scope: vec![ScopePattern::new(scope)],
            speaks_for: SpeaksFor::Publisher,
            suites: Vec::new(),
            valid_from: None,
            valid_until: None,
        }
    }

    #[test]
    fn wrong_and_unknown_and_outside_are_told_apart() {
        let artifact = Artifact::plain("files", "a", "1", "a", Digest::of(b""));
        let (mine, other) = (anchor("mine", "files/a"), anchor("other", "files/b"));
        let now = Timestamp::from_seconds(0);
        let made = |named: Vec<(&Anchor, bool)>| match made_by("kind", &artifact, now, named, |fits| *fits) {
            Made::By(anchor, _) => format!("by {}", anchor.name),
            Made::Outside(_) => "outside".to_owned(),
            Made::Wrong(anchor) => format!("wrong for {}", anchor.name),
            Made::Unknown => "unknown".to_owned(),
        };
        assert_eq!(made(vec![(&mine, false), (&mine, true)]), "by mine");
        assert_eq!(made(vec![(&mine, false), (&other, true)]), "outside");
        assert_eq!(made(vec![(&mine, false), (&other, false)]), "wrong for mine");
        assert_eq!(made(vec![(&other, false)]), "unknown");
        assert_eq!(made(vec![]), "unknown");
    }
}
