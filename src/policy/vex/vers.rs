//! Version ranges as CSAF has them: `vers:npm/>=1.0.0|<1.4.2` (package-url/vers-spec, "Checking if a version is contained within a range").

use std::cmp::Ordering;

/// The most constraints of one range; real ones have some dozens.
pub const MAX_CONSTRAINTS: usize = 200;

/// A range of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange(Vec<(Comparator, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Longer ones first.
const COMPARATORS: [(&str, Comparator); 6] = [
    ("!=", Comparator::Unequal),
    ("<=", Comparator::LessOrEqual),
    (">=", Comparator::GreaterOrEqual),
    ("=", Comparator::Equal),
    ("<", Comparator::Less),
    (">", Comparator::Greater),
];

impl VersionRange {
    /// Reads a range; `None` for what is none, and for `*`, which would be every version that will ever be.
    pub fn read(text: &str) -> Option<Self> {
        let (_, constraints) = text.strip_prefix("vers:")?.split_once('/')?;
        let parts: Vec<&str> = constraints.split('|').take(MAX_CONSTRAINTS + 1).collect();
        if parts.len() > MAX_CONSTRAINTS {
            return None;
        }
        let read = |part: &str| {
            let found = COMPARATORS
                .iter()
                .find_map(|(word, comparator)| Some((*comparator, part.strip_prefix(word)?)));
            let (comparator, version) = found.unwrap_or((Comparator::Equal, part));
            // Escapes are for characters that no version here has.
            let is_plain = !version.is_empty()
                && !version.contains(|character: char| character.is_whitespace() || "%*<>=!".contains(character));
            is_plain.then(|| (comparator, version.to_owned()))
        };
        parts.into_iter().map(read).collect::<Option<Vec<_>>>().map(Self)
    }

    /// Whether it holds a version; `None` where versions cannot be compared, or the range does not say what it means.
    pub fn holds(&self, version: &str, compare: &dyn Fn(&str, &str) -> Option<Ordering>) -> Option<bool> {
        let mut bounds = Vec::new();
        let mut is_listed = false;
        for (comparator, other) in &self.0 {
            let ordering = compare(version, other)?;
            match (comparator, ordering) {
                (Comparator::Unequal, Ordering::Equal) => return Some(false),
                (Comparator::Equal, Ordering::Equal) => is_listed = true,
                (Comparator::Unequal | Comparator::Equal, _) => {}
                _ => bounds.push((*comparator, other, ordering)),
            }
        }
        // The specification wants them in order; who does not keep to that may mean something else.
        if bounds
            .windows(2)
            .any(|pair| compare(pair[0].1, pair[1].1) != Some(Ordering::Less))
        {
            return None;
        }
        let mut is_within = false;
        let mut bounds = bounds.into_iter().peekable();
        let mut is_first = true;
        while let Some((comparator, _, ordering)) = bounds.next() {
            let fits = match comparator {
                Comparator::Less => ordering == Ordering::Less,
                Comparator::LessOrEqual => ordering != Ordering::Greater,
                Comparator::Greater => ordering == Ordering::Greater,
                _ => ordering != Ordering::Less,
            };
            match comparator {
                // An upper bound stands alone only at the beginning.
                Comparator::Less | Comparator::LessOrEqual if is_first => is_within |= fits,
                Comparator::Less | Comparator::LessOrEqual => return None,
                _ => match bounds.peek() {
                    Some((Comparator::Less, _, other)) => {
                        is_within |= fits && *other == Ordering::Less;
                        bounds.next();
                    }
                    Some((Comparator::LessOrEqual, _, other)) => {
                        is_within |= fits && *other != Ordering::Greater;
                        bounds.next();
                    }
                    Some(_) => return None,
                    None => is_within |= fits,
                },
            }
            is_first = false;
        }
        Some(is_listed || is_within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(range: &str, version: u32) -> Option<bool> {
        let compare = |one: &str, other: &str| Some(one.parse::<u32>().ok()?.cmp(&other.parse::<u32>().ok()?));
        VersionRange::read(range)?.holds(&version.to_string(), &compare)
    }

    #[test]
    fn a_range_holds_what_lies_between_its_bounds() {
        for (range, inside, outside) in [
            ("vers:npm/3", vec![3], vec![2, 4]),
            ("vers:npm/=3|5", vec![3, 5], vec![4]),
            ("vers:npm/>=2|<4", vec![2, 3], vec![1, 4]),
            ("vers:npm/>2|<=4", vec![3, 4], vec![2, 5]),
            ("vers:npm/<3", vec![1, 2], vec![3]),
            ("vers:npm/>=7", vec![7, 900], vec![6]),
            ("vers:npm/<2|>=4|<6|9", vec![1, 4, 5, 9], vec![2, 3, 6, 10]),
            ("vers:npm/>=2|!=3|<5", vec![2, 4], vec![1, 3, 5]),
        ] {
            inside
                .into_iter()
                .for_each(|version| assert_eq!(holds(range, version), Some(true), "{range} {version}"));
            outside
                .into_iter()
                .for_each(|version| assert_eq!(holds(range, version), Some(false), "{range} {version}"));
        }
    }

    #[test]
    fn what_is_no_range_or_not_in_order_holds_nothing() {
        let long = format!("vers:npm/{}", vec!["1"; MAX_CONSTRAINTS + 1].join("|"));
        for wrong in [
            "",
            "npm/1",
            "vers:npm",
            "vers:npm/",
            "vers:npm/*",
            "vers:npm/>=",
            "vers:npm/1||2",
            "vers:npm/>=1%2E0",
            "vers:npm/> 1",
            &long,
        ] {
            assert_eq!(VersionRange::read(wrong), None, "{wrong}");
        }
        for unclear in ["vers:npm/<4|>=2", "vers:npm/>=2|>=3", "vers:npm/<2|<4", "vers:npm/>=x"] {
            assert_eq!(holds(unclear, 3), None, "{unclear}");
        }
    }
}
