//! A last record, as somebody who knows it said it by another way than the medium (`bundle-spec/custody.md` §5).

use std::fmt;
use std::str::FromStr;

use super::Chain;
use crate::model::{Code, Digest, Refusal};
use crate::trust::words::{WORDS_TO_PIN, WordsError, check_pin, phrase, spelt_out};

/// A record by its digest or by its twelve words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Its digest.
    Digest(Digest),
    /// Its words, each whole.
    Words(String),
}

impl FromStr for Named {
    type Err = WordsError;

    fn from_str(text: &str) -> Result<Self, WordsError> {
        match text.trim().parse() {
            Ok(digest) => Ok(Self::Digest(digest)),
            Err(_) => spelt_out(text).map(Self::Words),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(formatter),
            Self::Words(words) => formatter.write_str(words),
        }
    }
}

impl Named {
    fn is(&self, digest: &Digest) -> bool {
        match self {
            Self::Digest(named) => named == digest,
            Self::Words(words) => check_pin(digest, words).is_ok(),
        }
    }
}

impl Chain {
    /// The record that somebody named, if it counts here.
    pub fn find(&self, named: &Named) -> Option<Digest> {
        let mut digests = self.counting().map(|(link, _)| link.digest);
        digests.find(|digest| named.is(digest))
    }

    /// Fails unless each record that somebody named counts here. It names all before it, so these are there too, or the chain is broken.
    pub fn check_named(&self, named: &[Named]) -> Result<(), Refusal> {
        let Some(missing) = named.iter().find(|named| self.find(named).is_none()) else {
            return Ok(());
        };
        let last = self.previous(&[]);
        let found: Vec<String> = match missing {
            Named::Digest(_) => last.iter().map(Digest::to_string).collect(),
            Named::Words(_) => last.iter().map(|digest| phrase(digest, WORDS_TO_PIN)).collect(),
        };
        let found = if found.is_empty() {
            "no record that counts".to_owned()
        } else {
            found.join("; ")
        };
        let reason = "no record that counts is the last one that was named: it was taken away, or misheard";
        Err(Refusal::new(Code::CustodyChainBroken, "the chain of custody", reason)
            .comparing(missing.to_string(), found)
            .hint("have it read aloud once more, and ask for the records that are missing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_its_digest_or_its_words_however_they_are_typed() {
        let digest = Digest::of(b"record");
        let words = phrase(&digest, WORDS_TO_PIN);
        for text in [
            digest.to_string(),
            format!(" {digest}\n"),
            words.clone(),
            words.to_uppercase().replace(' ', "-"),
        ] {
            let named: Named = text.parse().unwrap();
            assert!(named.is(&digest), "{text}");
            assert!(!named.is(&Digest::of(b"other")), "{text}");
        }
        // What is kept of words is whole, however they were cut.
        let cut: Vec<&str> = words.split(' ').map(|word| &word[..word.len().min(4)]).collect();
        assert_eq!(cut.join(",").parse::<Named>().unwrap().to_string(), words);
        for text in [
            "",
            "-",
            "sha256:00",
            "sha512:00",
            &words[..words.len() - 1],
            "zoo zoo zoo zoo",
        ] {
            let parsed = text.parse::<Named>();
            assert!(
                parsed.as_ref().map_or(true, |named| !named.is(&digest)),
                "{text}: {parsed:?}"
            );
        }
        assert!("zoo zoo zoo zoo".parse::<Named>().is_err());
    }
}
