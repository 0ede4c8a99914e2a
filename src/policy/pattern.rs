//! What a rule matches: `ecosystem/name`, where allowed with a range of versions behind `@` (`bundle-spec/policy.md` §3).

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::glob;
use crate::model::ScopePattern;

/// Names end at 214 characters on npm, at 255 bytes in file systems; Maven's coordinates have two of them.
const MAX_PATTERN_BYTES: usize = 600;

/// What the policy's room asks the ecosystems: it names no other room, so it is handed functions.
#[derive(Debug, Clone, Copy)]
pub struct Ecosystems {
    /// Which of two versions comes first by an ecosystem's own order; `None` where that cannot be said.
    pub compare_versions: fn(ecosystem: &str, one: &str, other: &str) -> Option<Ordering>,
    /// The key under which two names of an ecosystem are taken for the same; it leaves `*` as it is.
    pub key: fn(ecosystem: &str, name: &str) -> String,
    /// A name as it is told apart from others that have the same key; the key itself, where there are none.
    pub spelling: fn(ecosystem: &str, name: &str) -> String,
}

/// A pattern of names, and where allowed of versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    ecosystem: String,
    name: String,
    versions: Option<Versions>,
    /// Ecosystem and name again, as they are compared.
    scope: ScopePattern,
}

/// A text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a pattern such as `npm/@corp/*` or `npm/left-pad@>=1.0.0,<1.3.0`", .0.escape_debug())]
pub struct MalformedPattern(String);

impl Pattern {
    /// Reads a pattern, with its name in the ecosystem's normal form.
    pub fn read(text: &str, ecosystems: &Ecosystems) -> Result<Self, MalformedPattern> {
        Ok(Self::parse(text)?.folded(ecosystems))
    }

    fn parse(text: &str) -> Result<Self, MalformedPattern> {
        let error = || MalformedPattern(text.chars().take(100).collect());
        let (ecosystem, rest) = text.split_once('/').ok_or_else(error)?;
        // An `@` that begins a name or a segment is npm's scope, not a version.
        let parted = rest
            .char_indices()
            .rfind(|(at, character)| *character == '@' && *at > 0 && !rest[..*at].ends_with('/'));
        let (name, versions) = match parted {
            Some((at, _)) => (&rest[..at], Some(Versions::parse(&rest[at + 1..]).ok_or_else(error)?)),
            None => (rest, None),
        };
        let is_id = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let bad = |character: char| character.is_whitespace() || character.is_control();
        if text.len() > MAX_PATTERN_BYTES || !is_id(ecosystem) || name.is_empty() || name.contains(bad) {
            return Err(error());
        }
        Ok(Self::new(ecosystem_id(ecosystem), name.to_owned(), versions))
    }

    fn new(ecosystem: &str, name: String, versions: Option<Versions>) -> Self {
        Self {
            scope: ScopePattern::new(format!("{ecosystem}/{name}")),
            ecosystem: ecosystem.to_owned(),
            name,
            versions,
        }
    }

    /// The pattern with its name in the ecosystem's normal form.
    pub(crate) fn folded(self, ecosystems: &Ecosystems) -> Self {
        let name = (ecosystems.key)(&self.ecosystem, &self.name);
        Self::new(&self.ecosystem, name, self.versions)
    }

    /// The ecosystem.
    pub fn ecosystem(&self) -> &str {
        &self.ecosystem
    }

    /// The pattern of names.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The versions, where it names any.
    pub const fn versions(&self) -> Option<&Versions> {
        self.versions.as_ref()
    }

    /// Whether it covers a name, given as the ecosystem's key.
    pub(crate) fn covers(&self, ecosystem: &str, key: &str) -> bool {
        self.scope.covers(ecosystem, key)
    }

    /// The rest of a namespace that people mean, and that the pattern itself does not cover: of `com.corp.*` and of `com.corp` the group `com.corp`, and of
    /// the scope `@corp` all that is below it. No name of these ecosystems is a group or a scope alone.
    pub(crate) fn rest_of_namespace(&self) -> Option<Self> {
        let rest = match self.ecosystem.as_str() {
            "maven" if !self.name.contains(':') => {
                let group = self.name.strip_suffix(".*").unwrap_or(&self.name);
                (!group.ends_with('*')).then(|| format!("{group}:*"))
            }
            "npm" if self.name.starts_with('@') && !self.name.contains('/') => Some(format!("{}/*", self.name)),
            _ => None,
        };
        rest.map(|name| Self::new(&self.ecosystem, name, None))
    }

    /// Whether it names one name and one version.
    pub fn is_exact(&self) -> bool {
        !self.name.contains('*')
            && self
                .versions
                .as_ref()
                .is_some_and(|versions| versions.exact().is_some())
    }

    /// Whether every name that it covers is covered by another pattern. May say no where that is hard to see.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.ecosystem == other.ecosystem && glob::is_within(&self.name, &other.name)
    }

    /// Whether some name is covered by both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.ecosystem == other.ecosystem && glob::overlap(&self.name, &other.name)
    }
}

/// The id of an ecosystem, which people may write in the singular for plain files.
pub(crate) fn ecosystem_id(text: &str) -> &str {
    if text == "file" { "files" } else { text }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ecosystem, self.name)?;
        match &self.versions {
            Some(versions) => write!(f, "@{versions}"),
            None => Ok(()),
        }
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A range of versions: comparisons between commas, all of which must hold. A bare version is that version alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Versions(Vec<(Comparison, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Comparison {
    Equal,
    AtLeast,
    AtMost,
    Above,
    Below,
}

/// A range has a lower and an upper end; more than some pieces is a mistake.
const MAX_COMPARISONS: usize = 8;

impl Versions {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        for part in text.split(',') {
            let (comparison, version) = [
                (">=", Comparison::AtLeast),
                ("<=", Comparison::AtMost),
                (">", Comparison::Above),
                ("<", Comparison::Below),
                ("=", Comparison::Equal),
            ]
            .into_iter()
            .find_map(|(sign, comparison)| Some((comparison, part.strip_prefix(sign)?)))
            .unwrap_or((Comparison::Equal, part));
            let bad =
                |character: char| character.is_whitespace() || character.is_control() || "<>=*@/".contains(character);
            if version.is_empty() || version.contains(bad) {
                return None;
            }
            parts.push((comparison, version.to_owned()));
        }
        (parts.len() <= MAX_COMPARISONS).then_some(Self(parts))
    }

    /// The one version that it names, if it is no range.
    pub fn exact(&self) -> Option<&str> {
        match self.0.as_slice() {
            [(Comparison::Equal, version)] => Some(version),
            _ => None,
        }
    }

    /// Whether a version is in it; `None` where the ecosystem cannot compare the two.
    pub(crate) fn hold(&self, ecosystem: &str, version: &str, ecosystems: &Ecosystems) -> Option<bool> {
        let mut unknown = false;
        for (comparison, bound) in &self.0 {
            let order = if version == bound {
                Some(Ordering::Equal)
            } else {
                (ecosystems.compare_versions)(ecosystem, version, bound)
            };
            let holds = match (comparison, order) {
                (Comparison::Equal, order) => order == Some(Ordering::Equal),
                (_, None) => {
                    unknown = true;
                    continue;
                }
                (Comparison::AtLeast, Some(order)) => order.is_ge(),
                (Comparison::AtMost, Some(order)) => order.is_le(),
                (Comparison::Above, Some(order)) => order.is_gt(),
                (Comparison::Below, Some(order)) => order.is_lt(),
            };
            if !holds {
                return Some(false);
            }
        }
        (!unknown).then_some(true)
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(version) = self.exact() {
            return f.write_str(version);
        }
        for (index, (comparison, version)) in self.0.iter().enumerate() {
            let sign = match comparison {
                Comparison::Equal => "=",
                Comparison::AtLeast => ">=",
                Comparison::AtMost => "<=",
                Comparison::Above => ">",
                Comparison::Below => "<",
            };
            write!(f, "{}{sign}{version}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Ecosystems = Ecosystems {
        compare_versions: |_, one, other| {
            let number = |text: &str| text.parse::<u64>().ok();
            Some(number(one)?.cmp(&number(other)?))
        },
        key: |_, name| name.to_lowercase(),
        spelling: |_, name| name.to_owned(),
    };

    #[test]
    fn scopes_are_not_taken_for_versions() {
        let read = |text| Pattern::read(text, &PLAIN).unwrap();
        assert_eq!(read("npm/@corp/*").versions(), None);
        assert_eq!(read("npm/@corp/x@1").versions().unwrap().exact(), Some("1"));
        assert_eq!(read("npm/X@>=1,<2").to_string(), "npm/x@>=1,<2");
        assert_eq!(read("npm/x@=1").to_string(), "npm/x@1");
        assert_eq!(read("file/x").ecosystem(), "files");
        assert_eq!(read("files/x/@y").name(), "x/@y");
        assert_eq!(read("x-1/y").ecosystem(), "x-1");
        assert!(read("npm/x@1").is_exact());
        assert!(!read("npm/x*@1").is_exact());
        assert!(!read("npm/x@>=1").is_exact());
        for wrong in [
            "npm",
            "npm/",
            "/x",
            "*/x",
            "npm/x@",
            "npm/x y",
            "npm/x@>=",
            "npm/x@1 ",
            "NPM/x",
            "npm/x@1,*",
            "npm/x@>>1",
            "npm/x\u{7}",
            "npm/x@1\u{7}",
            "npm_2/x",
        ] {
            assert!(Pattern::read(wrong, &PLAIN).is_err(), "{wrong}");
        }
        assert!(Pattern::read(&format!("npm/{}", "x".repeat(600)), &PLAIN).is_err());
        assert!(Pattern::read(&format!("npm/x@{}1", ">1,".repeat(9)), &PLAIN).is_err());
    }

    #[test]
    fn patterns_of_two_ecosystems_have_nothing_to_do_with_each_other() {
        let read = |text| Pattern::read(text, &PLAIN).unwrap();
        assert!(read("npm/x").is_within(&read("npm/*")) && read("npm/x").overlaps(&read("npm/*")));
        assert!(!read("npm/x").is_within(&read("pypi/*")) && !read("npm/x").overlaps(&read("pypi/*")));
    }

    #[test]
    fn a_pattern_that_covers_its_namespace_has_no_rest() {
        let rest = |text| Pattern::read(text, &PLAIN).unwrap().rest_of_namespace();
        let shown = |text| rest(text).map(|rest| rest.to_string());
        assert_eq!(shown("maven/com.corp.*").as_deref(), Some("maven/com.corp:*"));
        assert_eq!(shown("maven/com.corp*"), None);
        assert_eq!(shown("npm/@corp").as_deref(), Some("npm/@corp/*"));
        assert_eq!(shown("npm/@corp/x"), None);
    }

    #[test]
    fn a_range_holds_what_lies_in_it() {
        let holds = |range: &str, version: &str| Versions::parse(range).unwrap().hold("npm", version, &PLAIN);
        assert_eq!(holds(">=1,<3", "2"), Some(true));
        assert_eq!(holds(">=1,<3", "3"), Some(false));
        assert_eq!(holds(">1", "1"), Some(false));
        assert_eq!(holds("<=1", "1"), Some(true));
        assert_eq!(holds("1", "1"), Some(true));
        assert_eq!(holds("1", "one"), Some(false));
        assert_eq!(holds(">1", "one"), None);
        assert_eq!(holds("one", "one"), Some(true));
        // What one comparison rules out, no other brings back.
        assert_eq!(holds(">x,<1", "2"), Some(false));
    }
}
