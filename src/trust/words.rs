//! Fingerprints as words, to be read aloud and typed.
//!
//! The list is the English one of BIP-39 (`words.txt`, 2048 words, sorted; its first four letters tell each word from
//! every other). It stems from the public domain (CC0-1.0 as shipped with rust-bitcoin's `bip39` crate).

use std::sync::OnceLock;

use crate::model::Digest;

/// 44 bits: enough to recognise something whose digest is checked by other means.
pub const WORDS_TO_IDENTIFY: usize = 4;

/// 132 bits: nobody can make a second document with the same words.
pub const WORDS_TO_PIN: usize = 12;

/// 2048 words tell eleven bits each.
const BITS_PER_WORD: usize = 11;

/// The first letters that tell every word of the list from every other.
const TELLING_LETTERS: usize = 4;

/// Typed words do not name a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordsError {
    /// Another number of words.
    #[error("{found} words where {expected} are needed")]
    Count {
        /// How many are needed.
        expected: usize,
        /// How many came.
        found: usize,
    },
    /// A word is not in the list.
    #[error("word {number}, {word:?}, is not in the list")]
    Unknown {
        /// Its place, from 1.
        number: usize,
        /// The word, shortened.
        word: String,
    },
    /// A word is not the fingerprint's.
    #[error("word {number} differs")]
    Differs {
        /// Its place, from 1. Which word would be right is not told: it has to come from the other person.
        number: usize,
    },
}

/// The first words of a digest: eleven bits each, most significant first.
pub fn of(digest: &Digest, count: usize) -> Vec<&'static str> {
    (0..count.min(256 / BITS_PER_WORD))
        .map(|place| list()[number_at(digest, place)])
        .collect()
}

/// The first words of a digest as one line.
pub fn phrase(digest: &Digest, count: usize) -> String {
    of(digest, count).join(" ")
}

/// Fails unless a text is exactly the twelve words of a digest.
///
/// Case does not count, words may be cut to their first four letters, and `-` or white space may stand between them.
pub fn check_pin(digest: &Digest, typed: &str) -> Result<(), WordsError> {
    let numbers = numbers(typed)?;
    match (0..WORDS_TO_PIN).find(|place| numbers[*place] != number_at(digest, *place)) {
        None => Ok(()),
        Some(place) => Err(WordsError::Differs { number: place + 1 }),
    }
}

/// Twelve typed words as a phrase, each whole.
pub fn spelt_out(typed: &str) -> Result<String, WordsError> {
    let words: Vec<&str> = numbers(typed)?.into_iter().map(|number| list()[number]).collect();
    Ok(words.join(" "))
}

/// The places of twelve typed words in the list.
fn numbers(typed: &str) -> Result<Vec<usize>, WordsError> {
    let typed: Vec<String> = typed
        .split(|character: char| character.is_whitespace() || character == '-' || character == ',')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if typed.len() != WORDS_TO_PIN {
        return Err(WordsError::Count {
            expected: WORDS_TO_PIN,
            found: typed.len(),
        });
    }
    let numbers = typed.iter().enumerate().map(|(place, word)| {
        find(word).ok_or_else(|| WordsError::Unknown {
            number: place + 1,
            word: word.chars().take(20).collect(),
        })
    });
    // A misspelt word is told before a wrong one, wherever it stands.
    numbers.collect()
}

fn list() -> &'static [&'static str] {
    static LIST: OnceLock<Vec<&'static str>> = OnceLock::new();
    LIST.get_or_init(|| include_str!("words.txt").lines().collect())
}

fn find(word: &str) -> Option<usize> {
    let list = list();
    let place = list.partition_point(|known| *known < word);
    let known = list.get(place)?;
    let cut_short = word.len() >= TELLING_LETTERS && known.starts_with(word);
    (*known == word || cut_short).then_some(place)
}

fn number_at(digest: &Digest, place: usize) -> usize {
    (place * BITS_PER_WORD..(place + 1) * BITS_PER_WORD).fold(0, |number, bit| {
        let byte = usize::from(digest.as_bytes()[bit / 8]);
        number << 1 | byte >> (7 - bit % 8) & 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_published_one() {
        assert_eq!(list().len(), 2048);
        assert!(list().is_sorted());
        // The digest of `english.txt` in bitcoin/bips:bip-0039.
        assert_eq!(
            Digest::of(include_bytes!("words.txt")).hex(),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        );
    }

    #[test]
    fn words_are_those_of_bip_39() {
        // BIP-39's own vectors: entropy of all zeros, and 0x7f repeated.
        assert_eq!(of(&Digest::from_bytes([0; 32]), 11), ["abandon"; 11]);
        assert_eq!(
            phrase(&Digest::from_bytes([0x7f; 32]), 11),
            "legal winner thank year wave sausage worth useful legal winner thank"
        );
        assert_eq!(of(&Digest::from_bytes([0xff; 32]), 99).len(), 23);
    }

    #[test]
    fn typed_words_are_compared_whole() {
        let digest = Digest::of(b"root");
        let right = of(&digest, WORDS_TO_PIN);
        let line = right.join(" ");
        assert_eq!(check_pin(&digest, &line), Ok(()));
        assert_eq!(check_pin(&digest, &format!(" {}\n", line.to_uppercase())), Ok(()));
        assert_eq!(check_pin(&digest, &right.join("-")), Ok(()));
        let cut: Vec<_> = right.iter().map(|word| &word[..word.len().min(4)]).collect();
        assert_eq!(check_pin(&digest, &cut.join(" ")), Ok(()));

        // Three letters begin many words, also where they happen to begin the next one of the list.
        assert_eq!((find("aban"), find("aba")), (Some(0), None));

        for place in 0..WORDS_TO_PIN {
            let mut wrong = right.clone();
            wrong[place] = if right[place] == "zoo" { "zone" } else { "zoo" };
            assert_eq!(
                check_pin(&digest, &wrong.join(" ")),
                Err(WordsError::Differs { number: place + 1 })
            );
        }
        let mut swapped = right.clone();
        swapped.swap(3, 4);
        assert_eq!(
            check_pin(&digest, &swapped.join(" ")),
            Err(WordsError::Differs { number: 4 })
        );
        assert!(matches!(
            check_pin(&digest, &right[..11].join(" ")),
            Err(WordsError::Count { found: 11, .. })
        ));
        assert!(matches!(
            check_pin(&digest, &format!("{line} zoo")),
            Err(WordsError::Count { found: 13, .. })
        ));
        assert!(matches!(
            check_pin(&digest, ""),
            Err(WordsError::Count { found: 0, .. })
        ));
        let mut misspelt = right;
        misspelt[11] = "zzz";
        assert!(matches!(
            check_pin(&digest, &misspelt.join(" ")),
            Err(WordsError::Unknown { number: 12, .. })
        ));
    }
}
