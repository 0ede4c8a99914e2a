//! Names that look like others: one letter more, less or other, two swapped, letters that look alike, words in another order, separators and
//! scopes that come and go, groups of another domain (`bundle-spec/policy.md` §6).
//!
//! Distance alone is blind to invented names; those are met by `first-seen-name`. What is found here is a question to a person, so it errs
//! towards asking, but for names so short that they are all alike.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use unicode_security::confusable_detection::skeleton;

use super::document::CompareWith;

/// Names of up to four letters are all one edit from another; only their look is compared. Of two names the longer one counts.
const MIN_EDITED_LETTERS: usize = 5;

/// From here on two edits still look like the same name.
const MIN_TWICE_EDITED_LETTERS: usize = 12;

/// A name that stands under so many scopes is a common word, such as `types` or `common`.
const COMMON_SCOPES: usize = 3;

/// From here on a scope that begins or ends with another one looks like it.
const MIN_SCOPE_LETTERS: usize = 4;

/// The scope of typings: what is below it is called as the package that it is for.
const TYPINGS: &str = "types";

/// Names end at 214 characters on npm; what is longer is compared by its beginning.
const MAX_LETTERS: usize = 256;

/// How one name looks like another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// The same letters in another case, where that makes another name.
    Case,
    /// Letters that look the same.
    Homoglyphs,
    /// The same letters, with other separators or another scope sign.
    Separators,
    /// The same name below another scope, or below none.
    Scope,
    /// The same name in a group of another domain.
    Group,
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
            Self::Case => "it differs in case only",
            Self::Homoglyphs => "its letters look the same",
            Self::Separators => "it differs in separators or scope only",
            Self::Scope => "it is the same but for its scope",
            Self::Group => "it differs in the first word of its group only",
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
    /// As they are spelled, each once.
    names: Vec<(String, BTreeSet<CompareWith>)>,
    /// By the name in small letters, of which there may be several spellings.
    by_name: HashMap<String, Vec<usize>>,
    /// What a name is reduced to, and which names come to it.
    by_look: HashMap<String, Vec<usize>>,
    by_separators: HashMap<String, Vec<usize>>,
    by_words: HashMap<String, Vec<usize>>,
    by_stem: HashMap<String, Vec<usize>>,
    /// Those of a scope by their scope, and by what is below it.
    by_scope: HashMap<String, Vec<usize>>,
    by_unscoped: HashMap<String, Vec<usize>>,
    by_domain: HashMap<String, Vec<usize>>,
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

    /// Takes a name, as it is told apart from others in its ecosystem ([`super::Ecosystems::spelling`]).
    pub fn add(&mut self, ecosystem: &str, spelled: &str, because: CompareWith) {
        self.by_ecosystem
            .entry(ecosystem.to_owned())
            .or_default()
            .add(spelled, because);
    }

    /// The known name that a name looks most like, if it looks like any and is none itself.
    pub fn similar(&self, ecosystem: &str, spelled: &str, with: &BTreeSet<CompareWith>) -> Option<(&str, Likeness)> {
        self.by_ecosystem.get(ecosystem)?.similar(spelled, with)
    }
}

impl Known {
    fn add(&mut self, spelled: &str, because: CompareWith) {
        let whole = spelled.to_lowercase();
        let spellings = self.by_name.entry(whole.clone()).or_default();
        if let Some(index) = spellings.iter().find(|index| self.names[**index].0 == spelled) {
            self.names[*index].1.insert(because);
            return;
        }
        let index = self.names.len();
        spellings.push(index);
        self.names.push((spelled.to_owned(), BTreeSet::from([because])));
        let name = shortened(&whole);
        let parts = scoped(name);
        for (map, reduced) in [
            (&mut self.by_look, Some(look(name))),
            (&mut self.by_separators, Some(without_separators(name))),
            (&mut self.by_words, sorted_words(name)),
            (&mut self.by_stem, stem(name).map(str::to_owned)),
            (&mut self.by_scope, parts.map(|(scope, _)| scope.to_owned())),
            (&mut self.by_unscoped, parts.map(|(_, below)| below.to_owned())),
            (&mut self.by_domain, without_domain(name)),
        ] {
            if let Some(reduced) = reduced {
                map.entry(reduced).or_default().push(index);
            }
        }
        let letters: Vec<char> = name.chars().collect();
        if letters.len() + 1 >= MIN_EDITED_LETTERS {
            for gap in gaps(&letters) {
                self.by_gap.entry(gap).or_default().push(index);
            }
        }
        if letters.len() + 2 >= MIN_TWICE_EDITED_LETTERS {
            let entry = self.long.entry(letters.len()).or_default();
            entry.push((letter_set(&letters), index));
        }
    }

    fn similar(&self, spelled: &str, with: &BTreeSet<CompareWith>) -> Option<(&str, Likeness)> {
        let counts = |index: &usize| !self.names[*index].1.is_disjoint(with);
        let whole = spelled.to_lowercase();
        let spellings = self.by_name.get(&whole);
        if let Some(indices) = spellings
            && indices
                .iter()
                .any(|index| self.names[*index].0 == spelled && counts(index))
        {
            return None;
        }
        let name = shortened(&whole);
        let mut found: Vec<(Likeness, &str)> = Vec::new();
        let mut take = |likeness, indices: Option<&Vec<usize>>| {
            // The name itself is not among them: it would count.
            let names = indices.into_iter().flatten().filter(|index| counts(index));
            found.extend(names.map(|index| (likeness, self.names[*index].0.as_str())));
        };
        take(Likeness::Case, spellings);
        take(Likeness::Homoglyphs, self.by_look.get(&look(name)));
        take(Likeness::Separators, self.by_separators.get(&without_separators(name)));
        take(Likeness::Scope, Some(&self.below_other_scopes(name, &counts)));
        let in_domains = without_domain(name).and_then(|rest| self.by_domain.get(&rest));
        take(Likeness::Group, in_domains);
        let words = sorted_words(name);
        take(Likeness::Order, words.and_then(|words| self.by_words.get(&words)));
        if let Some(stem) = stem(name) {
            take(Likeness::Number, self.by_stem.get(stem));
            take(Likeness::Number, self.by_name.get(stem));
        }
        take(Likeness::Number, self.by_stem.get(name));
        take(Likeness::Edit, Some(&self.edited(name)));
        found.sort_unstable();
        found.first().map(|(likeness, name)| (*name, *likeness))
    }

    /// Names that are one edit away, or two where one of them is long.
    fn edited(&self, name: &str) -> Vec<usize> {
        let letters: Vec<char> = name.chars().collect();
        let is_within = |index: &usize, edits: usize, from: usize| {
            let whole = self.names[*index].0.to_lowercase();
            let other = shortened(&whole);
            letters.len().max(other.chars().count()) >= from && strsim::osa_distance(name, other) <= edits
        };
        let mut near = BTreeSet::new();
        if letters.len() + 1 >= MIN_EDITED_LETTERS {
            let gaps = gaps(&letters);
            let sharing = gaps.iter().filter_map(|gap| self.by_gap.get(gap)).flatten();
            let sharing: BTreeSet<usize> = sharing.copied().collect();
            near.extend(
                sharing
                    .into_iter()
                    .filter(|index| is_within(index, 1, MIN_EDITED_LETTERS)),
            );
        }
        if letters.len() + 2 >= MIN_TWICE_EDITED_LETTERS {
            let set = letter_set(&letters);
            let lengths = letters.len().saturating_sub(2)..=letters.len() + 2;
            let long = lengths.filter_map(|length| self.long.get(&length)).flatten();
            // Two edits bring in or take away at most two letters each.
            let close = long.filter(|(other, _)| (other ^ set).count_ones() <= 4);
            let close = close.map(|(_, index)| *index);
            near.extend(close.filter(|index| is_within(index, 2, MIN_TWICE_EDITED_LETTERS)));
        }
        near.into_iter().collect()
    }

    /// Names that are the same below another scope, or below one where this has none, or the other way round. A scope has one owner: whoever has one
    /// that is known may call a package as he likes.
    fn below_other_scopes(&self, name: &str, counts: &impl Fn(&usize) -> bool) -> Vec<usize> {
        let (scope, below) = scoped(name).map_or((None, name), |(scope, below)| (Some(scope), below));
        let is_known = |scope: &str| {
            let names = self.by_scope.get(scope).into_iter().flatten();
            scope == TYPINGS || names.into_iter().any(counts)
        };
        if scope.is_some_and(is_known) {
            return Vec::new();
        }
        let others: Vec<(usize, String)> = (self.by_unscoped.get(below).into_iter().flatten())
            .filter(|index| counts(index))
            .filter_map(|index| Some((*index, scoped(&self.names[*index].0.to_lowercase())?.0.to_owned())))
            .filter(|(_, other)| other != TYPINGS)
            .collect();
        let is_telling = below.chars().count() >= MIN_EDITED_LETTERS && others.len() < COMMON_SCOPES;
        let mut found: Vec<usize> = others
            .into_iter()
            .filter(|(_, other)| is_telling || scope.is_some_and(|scope| are_alike(scope, other)))
            .map(|(index, _)| index)
            .collect();
        if scope.is_some() {
            found.extend(self.by_name.get(below).into_iter().flatten());
        }
        found
    }
}

/// npm's scope, without its sign, and the name below it.
fn scoped(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix('@')?.split_once('/')
}

/// Whether one of two scopes begins or ends with the other, as `babel-core` and `babeljs` do with `babel`.
fn are_alike(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    short.chars().count() >= MIN_SCOPE_LETTERS && (long.starts_with(short) || long.ends_with(short))
}

/// One of Maven's coordinates without the first word of its group, which with the second makes a domain: `org.example` is another's than `com.example`.
fn without_domain(name: &str) -> Option<String> {
    let (group, artifact) = name.split_once(':')?;
    let (_, rest) = group.split_once('.')?;
    Some(format!("{rest}:{artifact}"))
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
            "road",
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
            // The longer of two has five letters, or both are too short to be compared.
            ("toas", Some(("toast", Likeness::Edit))),
            ("toad", None),
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
        assert_eq!(known.similar("x", "only-hera", &popular), None);
        // Nor below another scope.
        known.add("x", "@here/parser", CompareWith::AlreadyHere);
        assert_eq!(known.similar("x", "@elsewhere/parser", &popular), None);
        let here = BTreeSet::from([CompareWith::AlreadyHere]);
        assert!(known.similar("x", "@elsewhere/parser", &here).is_some());
        assert!(known.similar("x", "reqeusts", &popular).is_some());
        assert_eq!(known.similar("x", "reqeusts", &BTreeSet::new()), None);
    }

    #[test]
    fn a_scope_is_known_by_the_lists_that_are_asked_for() {
        let mut known = KnownNames::new();
        known.add("x", "@angular/router", CompareWith::Popular);
        known.add("x", "@here/parser", CompareWith::AlreadyHere);
        let asked = |list| known.similar("x", "@here/router", &BTreeSet::from([list]));
        assert_eq!(asked(CompareWith::Popular), Some(("@angular/router", Likeness::Scope)));
        assert_eq!(asked(CompareWith::AlreadyHere), None);
    }

    #[test]
    fn a_word_is_common_by_the_lists_that_are_asked_for() {
        let mut known = KnownNames::new();
        known.add("x", "@one/router", CompareWith::Popular);
        for scope in 1..COMMON_SCOPES {
            known.add("x", &format!("@here{scope}/router"), CompareWith::AlreadyHere);
        }
        let asked = |lists: &[CompareWith]| known.similar("x", "@else/router", &lists.iter().copied().collect());
        assert_eq!(asked(&[CompareWith::Popular]), Some(("@one/router", Likeness::Scope)));
        assert_eq!(asked(&[CompareWith::Popular, CompareWith::AlreadyHere]), None);
    }

    #[test]
    fn what_is_compared_is_long_enough_to_tell() {
        assert!(are_alike("babel", "babel-core") && are_alike("mybabel", "babel"));
        assert!(!are_alike("bab", "babel") && !are_alike("babel", "angular"));
        assert_eq!(sorted_words("b-a"), Some("a-b".to_owned()));
        assert_eq!(sorted_words("requests"), None);
        assert_eq!(sorted_words("-requests-"), None);
        assert_eq!(stem("lodash-4"), Some("lodash"));
        assert_eq!(stem("lodash"), None);
        assert_eq!(stem("lodash-"), None);
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
