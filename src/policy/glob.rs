//! How patterns of names lie to each other: within, overlapping, apart. The patterns are those of `model::ScopePattern`.

/// One piece of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    /// A `*` within a segment.
    Segment,
    /// A `*` at the very end that takes all that follows.
    Rest,
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let takes_all = match pattern.strip_suffix('*') {
        Some("") => true,
        Some(front) => front.ends_with(['/', '.', ':']) && !front.contains('*'),
        None => false,
    };
    let mut pieces: Vec<Piece> = pattern
        .bytes()
        .map(|byte| {
            if byte == b'*' {
                Piece::Segment
            } else {
                Piece::Byte(byte)
            }
        })
        .collect();
    if takes_all && let Some(last) = pieces.last_mut() {
        *last = Piece::Rest;
    }
    pieces
}

/// Whether a star may stand for a piece of another pattern.
fn takes(star: Piece, piece: Piece) -> bool {
    match (star, piece) {
        (Piece::Rest, _) | (Piece::Segment, Piece::Segment) => true,
        (Piece::Segment, Piece::Byte(byte)) => !matches!(byte, b'/' | b'@'),
        _ => false,
    }
}

/// Whether the texts up to the first stars exclude each other: most patterns are told apart by that.
fn prefixes_differ(one: &str, other: &str) -> bool {
    let front = |text: &'_ str| text.split('*').next().unwrap_or("").len();
    let (one_front, other_front) = (&one.as_bytes()[..front(one)], &other.as_bytes()[..front(other)]);
    let common = one_front.len().min(other_front.len());
    one_front[..common] != other_front[..common]
}

/// Whether every name that `narrow` covers is covered by `wide`. Sound; where stars meet stars it may miss some.
pub(crate) fn is_within(narrow: &str, wide: &str) -> bool {
    if prefixes_differ(narrow, wide) {
        return false;
    }
    let (narrow, wide) = (pieces(narrow), pieces(wide));
    // `row[j]`: what is left of `narrow` is within what is left of `wide` from j on.
    let mut row = vec![false; wide.len() + 1];
    for i in (0..=narrow.len()).rev() {
        let mut next = vec![false; wide.len() + 1];
        for j in (0..=wide.len()).rev() {
            next[j] = match (narrow.get(i), wide.get(j)) {
                (None, None) => true,
                (_, Some(star @ (Piece::Segment | Piece::Rest))) => {
                    next[j + 1] || narrow.get(i).is_some_and(|piece| takes(*star, *piece) && row[j])
                }
                (Some(one), Some(other)) => one == other && row[j + 1],
                _ => false,
            };
        }
        row = next;
    }
    row[0]
}

/// Whether some name is covered by both.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    if prefixes_differ(one, other) {
        return false;
    }
    let (one, other) = (pieces(one), pieces(other));
    let is_star = |piece: Option<&Piece>| matches!(piece, Some(Piece::Segment | Piece::Rest));
    let takes_byte = |star: Option<&Piece>, piece: Option<&Piece>| match (star, piece) {
        (Some(star), Some(piece @ Piece::Byte(_))) => takes(*star, *piece),
        _ => false,
    };
    let mut row = vec![false; other.len() + 1];
    for i in (0..=one.len()).rev() {
        let mut next = vec![false; other.len() + 1];
        for j in (0..=other.len()).rev() {
            let (left, right) = (one.get(i), other.get(j));
            let mut both = left.is_none() && right.is_none();
            if is_star(left) {
                both |= row[j] || takes_byte(left, right) && next[j + 1];
            }
            if is_star(right) {
                both |= next[j + 1] || takes_byte(right, left) && row[j];
            }
            if let (Some(Piece::Byte(left)), Some(Piece::Byte(right))) = (left, right) {
                both |= left == right && row[j + 1];
            }
            next[j] = both;
        }
        row = next;
    }
    row[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ScopePattern;

    #[test]
    fn the_narrower_one_is_found() {
        for (narrow, wide) in [
            ("a", "a"),
            ("a", "*"),
            ("@corp/x", "@corp/*"),
            ("@corp/x*", "@corp/*"),
            ("@corp/x/y", "@corp/*"),
            ("org.example.tool:*", "org.example.*"),
            ("corp-tool", "corp-*"),
            ("a*c", "a*"),
        ] {
            assert!(is_within(narrow, wide), "{narrow} {wide}");
            assert!(narrow == wide || !is_within(wide, narrow), "{wide} {narrow}");
            assert!(overlap(narrow, wide) && overlap(wide, narrow));
        }
        assert!(!is_within("*", "a*"));
        // The last of two stars stands for one segment as well.
        assert!(is_within("ba/b", "*a/*") && !is_within("ba/b/b", "*a/*"));
        assert!(!is_within("@corp/*", "@co*"));
        assert!(overlap("a*", "*b"));
        assert!(overlap("ab*", "a*c"));
        assert!(!overlap("@corp/*", "@corporation/*"));
        assert!(!overlap("a*", "b*"));
        for (one, other) in [
            ("a*b", "a*/b"),
            ("ab", "a"),
            ("a*", "ab/"),
            ("a*", "a/b"),
            ("*a", "*b"),
            ("a*b", "ac"),
        ] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
        assert!(overlap("*", "@a/b"));
    }

    fn text(letters: &'static [&'static str], length: usize) -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::strategy::Strategy as _;
        proptest::collection::vec(proptest::sample::select(letters), 1..length).prop_map(|parts| parts.concat())
    }

    proptest::proptest! {
        #[test]
        fn what_is_said_of_patterns_holds_for_names(
            one in text(&["a", "b", "/", ".", "*"], 6),
            other in text(&["a", "b", "/", ".", "*"], 6),
            names in proptest::collection::vec(text(&["a", "b", "/", "."], 6), 40),
        ) {
            let covers = |pattern: &str, name: &str| ScopePattern::new(format!("x/{pattern}")).covers("x", name);
            for name in names.iter().chain([&one, &other]).filter(|name| !name.contains('*')) {
                let (by_one, by_other) = (covers(&one, name), covers(&other, name));
                if by_one && by_other {
                    proptest::prop_assert!(overlap(&one, &other), "{name}");
                }
                if by_one && is_within(&one, &other) {
                    proptest::prop_assert!(by_other, "{name}");
                }
            }
        }
    }
}
