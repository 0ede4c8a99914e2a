//! Names that look like others: one letter more, less or other, two swapped, letters that look alike, words in another order, separators and
//! scopes that come and go (`bundle-spec/policy.md` §6).
//!
//! Distance alone is blind to invented names; those are met by `first-seen-name`. What is found here is a question to a person, so it errs
//! towards asking, but for names so short that they are all alike.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use unicode_security::confusable_detection::skeleton;

use super::document::CompareWith;

/// Names of up to four letters are all one edit from another; only their look is compared.
const MIN_EDITED_LETTERS: usize = 5;

/// From here on two edits still look like the same name.
const MIN_TWICE_EDITED_LETTERS: usize = 12;

/// Names end at 214 characters on npm; what is longer is compared by its beginning.
const MAX_LETTERS: usize = 256;

/// How one name looks like another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// Letters that look the same.
    Homoglyphs,
    /// The same letters, with other separators or another scope sign.
    Separators,
    /// The same words in another order.
    Order,
    /// One edit, or two where the name is long.
    Edit,
    /// A number behind it.
    Number,
}

impl fmt::Display for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Homoglyphs => "its letters look the same",
            Self::Separators => "it differs in separators or scope only",
            Self::Order => "it has the same words in another order",
            Self::Edit => "it is an edit away",
            Self::Number => "it differs in the number behind it",
        })
    }
}

/// Names that are known, ready to be compared with.
#[derive(Debug, Clone, Default)]
pub struct KnownNames {
    by_ecosystem: HashMap<String, Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    names: Vec<(String, BTreeSet<CompareWith>)>,
    by_name: HashMap<String, usize>,
    /// What a name is reduced to, and which names come to it.
    by_look: HashMap<String, Vec<usize>>,
    by_separators: HashMap<String, Vec<usize>>,
    by_words: HashMap<String, Vec<usize>>,
    by_stem: HashMap<String, Vec<usize>>,
    /// Every name, and every name with one letter left out: two names that are one edit apart share one of them.
    by_gap: HashMap<u64, Vec<usize>>,
    /// The long ones by their length, with the set of their letters.
    long: HashMap<usize, Vec<(u64, usize)>>,
}

impl KnownNames {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a name, as its ecosystem's key.
    pub fn add(&mut self, ecosystem: &str, key: &str, because: CompareWith) {
        let known = self.by_ecosystem.entry(ecosystem.to_owned()).or_default();
        if let Some(index) = known.by_name.get(key) {
            known.names[*index].1.insert(because);
            return;
        }
        let index = known.names.len();
        known.by_name.insert(key.to_owned(), index);
        known.names.push((key.to_owned(), BTreeSet::from([because])));
        let name = shortened(key);
        for (map, reduced) in [
            (&mut known.by_look, Some(look(name))),
            (&mut known.by_separators, Some(without_separators(name))),
            (&mut known.by_words, sorted_words(name)),
            (&mut known.by_stem, stem(name).map(str::to_owned)),
        ] {
            if let Some(reduced) = reduced {
                map.entry(reduced).or_default().push(index);
            }
        }
        let letters: Vec<char> = name.chars().collect();
        if letters.len() + 1 >= MIN_EDITED_LETTERS {
            for gap in gaps(&letters) {
                known.by_gap.entry(gap).or_default().push(index);
            }
        }
        if letters.len() + 2 >= MIN_TWICE_EDITED_LETTERS {
            let entry = known.long.entry(letters.len()).or_default();
            entry.push((letter_set(&letters), index));
        }
    }

    /// The known name that a name looks most like, if it looks like any and is none itself.
    pub fn similar(&self, ecosystem: &str, key: &str, with: &BTreeSet<CompareWith>) -> Option<(&str, Likeness)> {
        let known = self.by_ecosystem.get(ecosystem)?;
        let counts = |index: &usize| !known.names[*index].1.is_disjoint(with);
        if known.by_name.get(key).is_some_and(counts) {
            return None;
        }
        let name = shortened(key);
        let mut found: Vec<(Likeness, &str)> = Vec::new();
        let mut take = |likeness, indices: Option<&Vec<usize>>| {
            // The name itself is not among them: it would count.
            let names = indices.into_iter().flatten().filter(|index| counts(index));
            found.extend(names.map(|index| (likeness, known.names[*index].0.as_str())));
        };
        take(Likeness::Homoglyphs, known.by_look.get(&look(name)));
        take(Likeness::Separators, known.by_separators.get(&without_separators(name)));
        take(
            Likeness::Order,
            sorted_words(name).and_then(|words| known.by_words.get(&words)),
        );
        if let Some(stem) = stem(name) {
            take(Likeness::Number, known.by_stem.get(stem));
            take(
                Likeness::Number,
                known.by_name.get(stem).map(|index| vec![*index]).as_ref(),
            );
        }
        take(Likeness::Number, known.by_stem.get(name));
        let letters: Vec<char> = name.chars().collect();
        if letters.len() >= MIN_EDITED_LETTERS {
            let near: BTreeSet<usize> = gaps(&letters)
                .iter()
                .filter_map(|gap| known.by_gap.get(gap))
                .flatten()
                .copied()
                .filter(|index| strsim::osa_distance(name, shortened(&known.names[*index].0)) == 1)
                .collect();
            take(Likeness::Edit, Some(&near.into_iter().collect()));
        }
        if letters.len() >= MIN_TWICE_EDITED_LETTERS {
            let set = letter_set(&letters);
            let near: Vec<usize> = (letters.len() - 2..=letters.len() + 2)
                .filter_map(|length| known.long.get(&length))
                .flatten()
                // Two edits bring in or take away at most two letters each.
                .filter(|(other, _)| (other ^ set).count_ones() <= 4)
                .map(|(_, index)| *index)
                .filter(|index| strsim::osa_distance(name, shortened(&known.names[*index].0)) <= 2)
                .collect();
            take(Likeness::Edit, Some(&near));
        }
        found.sort_unstable();
        found.first().map(|(likeness, name)| (*name, *likeness))
    }
}

fn shortened(name: &str) -> &str {
    name.char_indices().nth(MAX_LETTERS).map_or(name, |(at, _)| &name[..at])
}

/// What the eye sees (UTS 39 §4): `rn` is `m`, `0` is `O`, and a Cyrillic а is an a.
fn look(name: &str) -> String {
    let seen: String = skeleton(name).collect();
    // Skeletons mix cases: that of `0` is `O`, that of `I` is `l`.
    seen.to_lowercase()
}

fn is_separator(character: char) -> bool {
    matches!(character, '-' | '_' | '.' | '/' | '@' | ':')
}

fn without_separators(name: &str) -> String {
    name.chars().filter(|character| !is_separator(*character)).collect()
}

/// The words in their alphabet's order; nothing where there is one word only.
fn sorted_words(name: &str) -> Option<String> {
    let mut words: Vec<&str> = name.split(is_separator).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    (words.len() > 1).then(|| words.join("-"))
}

/// The name without the number behind it, if it has one and enough is left.
fn stem(name: &str) -> Option<&str> {
    let stem = name.trim_end_matches(|character: char| character.is_ascii_digit());
    let stem_alone = stem.trim_end_matches(is_separator);
    (stem.len() < name.len() && stem_alone.chars().count() >= MIN_EDITED_LETTERS).then_some(stem_alone)
}

/// The name's hash, and those of the name with any one letter left out.
fn gaps(letters: &[char]) -> BTreeSet<u64> {
    (0..=letters.len())
        .map(|left_out| {
            // FNV-1a: equal hashes of unequal names cost a comparison, no more.
            let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
            for (at, letter) in letters.iter().enumerate() {
                if at != left_out {
                    hash = (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0100_0000_01b3);
                }
            }
            hash
        })
        .collect()
}

/// A bit for each letter, digits and the rest together.
fn letter_set(letters: &[char]) -> u64 {
    letters
        .iter()
        .fold(0, |set, letter| set | 1 << (u32::from(*letter) % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> KnownNames {
        let mut names = KnownNames::new();
        for name in [
            "requests",
            "python-dateutil",
            "lodash",
            "@angular/core",
            "abc",
            "internationalization",
            "modern",
            "urllib3",
            "toast",
            "toasts",
        ] {
            names.add("x", name, CompareWith::Popular);
        }
        names.add("x", "only-here", CompareWith::AlreadyHere);
        names
    }

    #[test]
    fn tricks_are_seen_through() {
        let known = known();
        let both = BTreeSet::from([CompareWith::Popular, CompareWith::AlreadyHere]);
        for (name, expected) in [
            ("reqeusts", Some(("requests", Likeness::Edit))),
            ("request", Some(("requests", Likeness::Edit))),
            ("requestss", Some(("requests", Likeness::Edit))),
            ("requezts", Some(("requests", Likeness::Edit))),
            ("r\u{435}quests", Some(("requests", Likeness::Homoglyphs))),
            ("l0dash", Some(("lodash", Likeness::Homoglyphs))),
            ("modem", Some(("modern", Likeness::Homoglyphs))),
            ("1odash", Some(("lodash", Likeness::Homoglyphs))),
            ("python_dateutil", Some(("python-dateutil", Likeness::Separators))),
            ("angular-core", Some(("@angular/core", Likeness::Separators))),
            ("dateutil-python", Some(("python-dateutil", Likeness::Order))),
            ("@angulr/core", Some(("@angular/core", Likeness::Edit))),
            ("requests2", Some(("requests", Likeness::Edit))),
            ("lodash-4", Some(("lodash", Likeness::Number))),
            ("urllib", Some(("urllib3", Likeness::Edit))),
            ("urllib77", Some(("urllib3", Likeness::Number))),
            ("internationalisazion", Some(("internationalization", Likeness::Edit))),
            ("only-hera", Some(("only-here", Likeness::Edit))),
            ("core-angular", Some(("@angular/core", Likeness::Order))),
            ("core--@angular", Some(("@angular/core", Likeness::Order))),
            // Each of two that look like each other is known.
            ("toast", None),
            ("toasts", None),
            // Too short to be compared, with an edit or with a number behind it.
            ("toas", None),
            ("abc2", None),
            // Two edits, though what is left without one letter is the same.
            ("equestsx", None),
            // The same letters in quite another order.
            ("izationinternational", None),
            ("requests", None),
            ("abd", None),
            ("reqezst", None),
            ("something-else", None),
            ("", None),
        ] {
            assert_eq!(known.similar("x", name, &both), expected, "{name}");
        }
        assert_eq!(known.similar("y", "reqeusts", &both), None);
    }

    #[test]
    fn only_the_lists_that_are_asked_for_count() {
        let mut known = known();
        // One that is on both lists counts for either, and is no stranger to itself.
        known.add("x", "lodash", CompareWith::AlreadyHere);
        for list in [CompareWith::Popular, CompareWith::AlreadyHere] {
            let one = BTreeSet::from([list]);
            assert_eq!(known.similar("x", "lodahs", &one), Some(("lodash", Likeness::Edit)));
            assert_eq!(known.similar("x", "lodash", &one), None);
        }
        // A name that is here looks like itself to nobody, whichever list is asked.
        let popular = BTreeSet::from([CompareWith::Popular]);
        assert_eq!(known.similar("x", "only-here", &popular), None);
        let popular = BTreeSet::from([CompareWith::Popular]);
        assert_eq!(known.similar("x", "only-hera", &popular), None);
        assert!(known.similar("x", "reqeusts", &popular).is_some());
        assert_eq!(known.similar("x", "reqeusts", &BTreeSet::new()), None);
    }

    proptest::proptest! {
        #[test]
        fn any_single_edit_of_a_name_is_found(at in 0_usize..8, letter in "[a-z]", what in 0..4) {
            let mut letters: Vec<char> = "requests".chars().collect();
            match what {
                0 => { letters.remove(at); }
                1 => letters.insert(at, letter.chars().next().unwrap()),
                2 => letters[at] = letter.chars().next().unwrap(),
                _ => letters.swap(at, (at + 1) % 8),
            }
            let name: String = letters.into_iter().collect();
            let wrapped = what == 3 && at == 7;
            proptest::prop_assume!(name != "requests" && !wrapped);
            let both = BTreeSet::from([CompareWith::Popular]);
            proptest::prop_assert!(known().similar("x", &name, &both).is_some(), "{name}");
        }
    }
}
