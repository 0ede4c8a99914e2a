//! The order of versions (deb-version(7), "Sorting algorithm").

use std::cmp::Ordering;

/// Compares two versions: epoch, upstream version, revision. A missing epoch or revision counts as 0.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    let (left_epoch, left_upstream, left_revision) = split(left);
    let (right_epoch, right_upstream, right_revision) = split(right);
    number(left_epoch, right_epoch)
        .then_with(|| part(left_upstream, right_upstream))
        .then_with(|| part(left_revision, right_revision))
}

fn split(version: &str) -> (&str, &str, &str) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch, upstream, revision)
}

/// Runs of other characters and runs of digits, by turns.
fn part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = left.split_at(left.find(is_digit).unwrap_or(left.len()));
        let (right_text, right_rest) = right.split_at(right.find(is_digit).unwrap_or(right.len()));
        let (left_number, left_after) = left_rest.split_at(left_rest.find(not_digit).unwrap_or(left_rest.len()));
        let (right_number, right_after) = right_rest.split_at(right_rest.find(not_digit).unwrap_or(right_rest.len()));
        let order = text(left_text, right_text).then_with(|| number(left_number, right_number));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_after, right_after);
    }
    Ordering::Equal
}

const fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

const fn not_digit(character: char) -> bool {
    !character.is_ascii_digit()
}

/// `~` sorts before the end, the end before letters, letters before all else.
fn text(left: &str, right: &str) -> Ordering {
    let weight = |byte: Option<u8>| match byte {
        Some(b'~') => (0, 0),
        None => (1, 0),
        Some(letter) if letter.is_ascii_alphabetic() => (2, letter),
        Some(other) => (3, other),
    };
    let length = left.len().max(right.len());
    (0..length)
        .map(|at| weight(left.as_bytes().get(at).copied()).cmp(&weight(right.as_bytes().get(at).copied())))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Digits as numbers of any length; none is 0.
fn number(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_manual() {
        // Ascending, each by one rule.
        let ascending = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0a",
            "0.1",
            "1.0~rc1-1",
            "1.0",
            "1.0-0.1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0-2",
            "1.0-10",
            "1.0+dfsg-1",
            "1.0a-1",
            "1.0.1-1",
            "1.2-1~bpo12+1",
            "1.2-1",
            "1.10-1",
            "18446744073709551616",
            "18446744073709551617",
            "1:0.1",
            "2:0",
        ];
        let ascending: Vec<&str> = {
            // `+` sorts after letters: keep the list honest about it.
            let mut list = ascending.to_vec();
            let plus = list.iter().position(|version| *version == "1.0+dfsg-1").unwrap();
            let letter = list.iter().position(|version| *version == "1.0a-1").unwrap();
            list.swap(plus, letter);
            list
        };
        for (index, left) in ascending.iter().enumerate() {
            for (other, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), index.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn different_spellings_of_one_version() {
        for (left, right) in [
            ("1.0", "0:1.0"),
            ("1.0", "1.0-0"),
            ("1.01", "1.1"),
            ("1.0-", "1.0-0"),
            ("", "0"),
        ] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
    }
}
