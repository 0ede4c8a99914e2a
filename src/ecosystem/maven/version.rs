//! Maven's order of versions.
//!
//! Source: Maven's documentation, "POM Reference", "Version Order Specification", and `ComparableVersion` of
//! `maven-artifact` 3.9.

use std::cmp::Ordering;

/// Qualifiers with a place of their own; the empty one is the release itself.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

/// The place of the release among [`QUALIFIERS`].
const RELEASE: usize = 5;

/// A version, to be compared.
#[derive(Debug, Clone)]
pub(crate) struct MavenVersion {
    items: Vec<Item>,
}

/// A part of a version; a list is what follows a hyphen, or a change between letters and digits.
#[derive(Debug, Clone)]
enum Item {
    /// Decimal digits without leading zeros: of any length, and never computed with.
    Number(String),
    Text(String),
    List(Vec<Item>),
}

impl MavenVersion {
    pub(crate) fn new(text: &str) -> Self {
        let mut reader = Reader::default();
        let text = text.to_ascii_lowercase();
        let mut start = 0;
        let bytes = text.as_bytes();
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'.' => {
                    if index == start {
                        reader.push(Item::Number(String::new()));
                    } else {
                        reader.token(&text[start..index]);
                    }
                    start = index + 1;
                }
                b'-' => {
                    if index == start {
                        reader.push(Item::Number(String::new()));
                    } else {
                        reader.token(&text[start..index]);
                    }
                    start = index + 1;
                    reader.open();
                }
                byte if byte.is_ascii_digit() => {
                    if !reader.is_digit && index > start {
                        // `1.0.x1` is `1.0-x1`.
                        reader.open();
                        reader.push(Item::Text(qualifier(&text[start..index], true)));
                        start = index;
                        reader.open();
                    }
                    reader.is_digit = true;
                }
                _ => {
                    if reader.is_digit && index > start {
                        reader.push(number(&text[start..index]));
                        start = index;
                        reader.open();
                    }
                    reader.is_digit = false;
                }
            }
        }
        if start < text.len() {
            if !reader.is_digit {
                reader.open();
            }
            reader.token(&text[start..]);
        }
        let mut lists = reader.lists;
        while lists.len() > 1 {
            let mut last = lists.pop().unwrap_or_default();
            normalise(&mut last);
            if let Some(outer) = lists.last_mut() {
                outer.push(Item::List(last));
            }
        }
        let mut items = lists.pop().unwrap_or_default();
        normalise(&mut items);
        Self { items }
    }

    /// Whether it comes before its release, such as `1.0-rc1`.
    pub(crate) fn is_prerelease(&self) -> bool {
        fn any(items: &[Item]) -> bool {
            items.iter().any(|item| match item {
                Item::Number(_) => false,
                Item::Text(text) => QUALIFIERS[..RELEASE].contains(&text.as_str()),
                // One list in another for each hyphen: see [`Reader::open`] for the bound.
                Item::List(items) => any(items),
            })
        }
        any(&self.items)
    }
}

/// Lists that stand open, the innermost last.
struct Reader {
    lists: Vec<Vec<Item>>,
    is_digit: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            lists: vec![Vec::new()],
            is_digit: false,
        }
    }
}

impl Reader {
    fn push(&mut self, item: Item) {
        if let Some(list) = self.lists.last_mut() {
            list.push(item);
        }
    }

    fn token(&mut self, text: &str) {
        if self.is_digit {
            self.push(number(text));
        } else {
            self.push(Item::Text(qualifier(text, false)));
        }
    }

    /// Opens a list. A version has at most 120 bytes, so no more than 120 lists stand in one another.
    fn open(&mut self) {
        if self.lists.last().is_some_and(|list| !list.is_empty()) {
            self.lists.push(Vec::new());
        }
    }
}

fn number(digits: &str) -> Item {
    Item::Number(digits.trim_start_matches('0').to_owned())
}

/// Aliases: `a1` is `alpha-1` only before a digit, `ga`, `final` and `release` are the release, `cr` is `rc`.
fn qualifier(text: &str, is_followed_by_digit: bool) -> String {
    match text {
        "a" if is_followed_by_digit => "alpha",
        "b" if is_followed_by_digit => "beta",
        "m" if is_followed_by_digit => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        other => other,
    }
    .to_owned()
}

/// Takes away what says nothing at the end: zeros, empty qualifiers, empty lists; a list may follow them.
fn normalise(items: &mut Vec<Item>) {
    let mut index = items.len();
    while index > 0 {
        index -= 1;
        if items[index].is_null() {
            items.remove(index);
        } else if !matches!(items[index], Item::List(_)) {
            break;
        }
    }
}

impl Item {
    fn is_null(&self) -> bool {
        match self {
            Self::Number(digits) => digits.is_empty(),
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.is_empty(),
        }
    }

    /// Compares with another, or with nothing where the other version has ended.
    fn compare(&self, other: Option<&Self>) -> Ordering {
        match (self, other) {
            (Self::Number(digits), None) => match digits.is_empty() {
                true => Ordering::Equal,
                false => Ordering::Greater,
            },
            (Self::Number(one), Some(Self::Number(two))) => one.len().cmp(&two.len()).then_with(|| one.cmp(two)),
            // 1.1 is greater than 1-sp and than 1-1.
            (Self::Number(_), Some(_)) => Ordering::Greater,
            (Self::Text(text), None) => place(text).cmp(&place("")),
            (Self::Text(one), Some(Self::Text(two))) => place(one).cmp(&place(two)),
            (Self::Text(_), Some(_)) => Ordering::Less,
            (Self::List(items), None) => items
                .iter()
                .map(|item| item.compare(None))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
            (Self::List(_), Some(Self::Number(_))) => Ordering::Less,
            (Self::List(_), Some(Self::Text(_))) => Ordering::Greater,
            (Self::List(one), Some(Self::List(two))) => compare_lists(one, two),
        }
    }
}

/// A known qualifier by its place, any other after all of them and by its letters.
fn place(qualifier: &str) -> (usize, &str) {
    match QUALIFIERS.iter().position(|known| *known == qualifier) {
        Some(place) => (place, ""),
        None => (QUALIFIERS.len(), qualifier),
    }
}

fn compare_lists(one: &[Item], two: &[Item]) -> Ordering {
    (0..one.len().max(two.len()))
        .map(|index| match (one.get(index), two.get(index)) {
            (Some(left), right) => left.compare(right),
            (None, Some(right)) => right.compare(None).reverse(),
            (None, None) => Ordering::Equal,
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl PartialEq for MavenVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for MavenVersion {}

impl PartialOrd for MavenVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MavenVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_lists(&self.items, &other.items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> MavenVersion {
        MavenVersion::new(text)
    }

    /// The lists of Maven's own `ComparableVersionTest`.
    #[test]
    fn the_order_is_mavens() {
        for ascending in [
            &[
                "1-alpha2snapshot",
                "1-alpha2",
                "1-alpha-123",
                "1-beta-2",
                "1-beta123",
                "1-m2",
                "1-m11",
                "1-rc",
                "1-cr2",
                "1-rc123",
                "1-SNAPSHOT",
                "1",
                "1-sp",
                "1-sp2",
                "1-sp123",
                "1-abc",
                "1-def",
                "1-pom-1",
                "1-1-snapshot",
                "1-1",
                "1-2",
                "1-123",
            ][..],
            &[
                "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1",
                "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b", "11c",
                "11m",
            ],
            &["1", "2"],
            &["1.5", "2"],
            &["1", "2.5"],
            &["1.0", "1.1"],
            &["1.1", "1.2"],
            &["1.0.0", "1.1"],
            &["1.0.1", "1.1"],
            &["1.1", "1.2.0"],
            &["1.0-alpha-1", "1.0"],
            &["1.0-alpha-1", "1.0-alpha-2"],
            &["1.0-alpha-1", "1.0-beta-1"],
            &["1.0-beta-1", "1.0-SNAPSHOT"],
            &["1.0-SNAPSHOT", "1.0"],
            &["1.0-alpha-1-SNAPSHOT", "1.0-alpha-1"],
            &["1.0", "1.0-1"],
            &["1.0-1", "1.0-2"],
            &["1.0.0", "1.0-1"],
            &["2.0-1", "2.0.1"],
            &["2.0.1-klm", "2.0.1-lmn"],
            &["2.0.1", "2.0.1-xyz"],
            &["2.0.1", "2.0.1-123"],
            &["2.0.1-xyz", "2.0.1-123"],
            &["6.1.0rc3", "6.1.0"],
            &["6.1.0", "6.1H.5-beta"],
            &["20190126.230843", "1234567890.12345"],
            &["123456789012345.1H.5-beta", "12345678901234567890.1H.5-beta"],
            &["31.0-android", "31.0-jre"],
            // What begins with nothing is not nothing.
            &["1", "1-0.1"],
        ] {
            for (index, low) in ascending.iter().enumerate() {
                for high in &ascending[index + 1..] {
                    assert!(version(low) < version(high), "{low} < {high}");
                    assert!(version(high) > version(low), "{high} > {low}");
                }
            }
        }
    }

    #[test]
    fn what_says_nothing_is_passed_over() {
        for equal in [
            &[
                "1",
                "1.0",
                "1.0.0",
                "1-0",
                "1.0-0",
                "1-ga",
                "1-final",
                "1-release",
                "1.ga",
                "01",
                "1.0.00",
            ][..],
            &["1a1", "1-a1", "1-alpha-1", "1-alpha1", "1.0-alpha-1"],
            &["1m3", "1milestone3", "1-Milestone-3"],
            &["1rc", "1-cr", "1-RC"],
            &["0.0", "0"],
            &["1x", "1.0.0-x", "1.0-x", "1.0.0x"],
        ] {
            for one in equal {
                for two in equal {
                    assert_eq!(version(one), version(two), "{one} = {two}");
                }
            }
        }
    }

    #[test]
    fn what_differs_is_not_equal() {
        assert!(version("1") != version("2"));
        assert!(version("1-alpha") != version("1"));
    }

    #[test]
    fn prereleases() {
        for before in ["1.0-rc1", "1.0-M2", "1.0-alpha-1", "2.0b3", "1.0-SNAPSHOT"] {
            assert!(version(before).is_prerelease(), "{before}");
        }
        for release in ["1.0", "1.0.Final", "33.0.0-jre", "1.0-sp1", "r09"] {
            assert!(!version(release).is_prerelease(), "{release}");
        }
    }

    #[test]
    fn odd_texts_do_no_harm() {
        for odd in ["", "-", ".", "--..", "a", &"1-".repeat(60), &"a1".repeat(60)] {
            let _ = version(odd).cmp(&version("1"));
            assert_eq!(version(odd), version(odd));
        }
    }

    #[test]
    fn of_texts_that_no_version_has_nothing_is_said() {
        use crate::ecosystem::{Ecosystem as _, maven::Maven};
        assert_eq!(Maven.compare_versions("1.10", "1.9"), Some(Ordering::Greater));
        let (longest, longer) = ("1-".repeat(60), "1-".repeat(100_000));
        assert!(Maven.compare_versions(&longest, "1").is_some());
        assert_eq!(Maven.compare_versions(&longer, "1"), None);
        assert_eq!(Maven.compare_versions("1", &longer), None);
    }
}
