//! Licence expressions (SPDX 2.3, annex D): simple identifiers, `AND`, `OR`, `WITH`, parentheses, and the `/` that older crates write for
//! `OR`. What is not in that grammar is no statement of a licence.

use std::collections::BTreeSet;

/// Longer expressions list every file's licence; nobody reads them.
const MAX_EXPRESSION_BYTES: usize = 4096;

/// Real expressions nest two or three deep.
const MAX_DEPTH: usize = 16;

/// One licence, with its exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Licence {
    id: String,
    exception: Option<String>,
}

impl Licence {
    /// Reads a licence of an allow list: an identifier, where wanted with an exception.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Expression::parse(text)? {
            Expression::One(licence) => Some(licence),
            Expression::All(_) | Expression::Any(_) => None,
        }
    }

    /// Whether it is in a list, whatever the case (annex D.2). An exception only gives more leave, so a listed licence is listed with any.
    fn is_in(&self, list: &[Self]) -> bool {
        list.iter().any(|one| {
            one.id.eq_ignore_ascii_case(&self.id)
                && match (&one.exception, &self.exception) {
                    (None, _) => true,
                    (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
                    (Some(_), None) => false,
                }
        })
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expression {
    One(Licence),
    All(Vec<Expression>),
    Any(Vec<Expression>),
}

impl Expression {
    /// Reads an expression; `None` where it is none, or says that nothing is known.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_EXPRESSION_BYTES {
            return None;
        }
        let tokens = tokens(text)?;
        let mut rest = tokens.as_slice();
        let expression = any(&mut rest, 0)?;
        rest.is_empty().then_some(expression)
    }

    /// Whether the licences of a list are enough: one side of an `OR`, every side of an `AND`.
    pub(crate) fn is_allowed(&self, allow: &[Licence]) -> bool {
        match self {
            Self::One(licence) => licence.is_in(allow),
            Self::All(parts) => parts.iter().all(|part| part.is_allowed(allow)),
            Self::Any(parts) => parts.iter().any(|part| part.is_allowed(allow)),
        }
    }
}

/// Reads an allow list; what is no licence was refused with the policy.
pub(crate) fn allow_list(list: &BTreeSet<String>) -> Vec<Licence> {
    list.iter().filter_map(|text| Licence::parse(text)).collect()
}

fn tokens(text: &str) -> Option<Vec<&str>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' | ')' | '/' => 1,
            _ => rest
                .bytes()
                .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+' | b':'))
                .count(),
        };
        if length == 0 {
            return None;
        }
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

fn any(rest: &mut &[&str], depth: usize) -> Option<Expression> {
    let mut parts = vec![all(rest, depth)?];
    while let [word, after @ ..] = *rest
        && (word.eq_ignore_ascii_case("OR") || *word == "/")
    {
        *rest = after;
        parts.push(all(rest, depth)?);
    }
    Some(if parts.len() == 1 {
        parts.remove(0)
    } else {
        Expression::Any(parts)
    })
}

fn all(rest: &mut &[&str], depth: usize) -> Option<Expression> {
    let mut parts = vec![one(rest, depth)?];
    while let [word, after @ ..] = *rest
        && word.eq_ignore_ascii_case("AND")
    {
        *rest = after;
        parts.push(one(rest, depth)?);
    }
    Some(if parts.len() == 1 {
        parts.remove(0)
    } else {
        Expression::All(parts)
    })
}

fn one(rest: &mut &[&str], depth: usize) -> Option<Expression> {
    let [word, after @ ..] = *rest else { return None };
    *rest = after;
    if *word == "(" {
        if depth == MAX_DEPTH {
            return None;
        }
        let inner = any(rest, depth + 1)?;
        let [")", after @ ..] = *rest else { return None };
        *rest = after;
        return Some(inner);
    }
    let id = identifier(word)?;
    let mut exception = None;
    if let [with, name, after @ ..] = *rest
        && with.eq_ignore_ascii_case("WITH")
    {
        exception = Some(identifier(name)?);
        *rest = after;
    }
    Some(Expression::One(Licence { id, exception }))
}

/// An identifier: not an operator, and not the words for "nobody knows" (annex D).
fn identifier(word: &str) -> Option<String> {
    let reserved = ["AND", "OR", "WITH", "NONE", "NOASSERTION", "(", ")", "/"];
    let starts_well = word.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    (starts_well && !reserved.iter().any(|other| word.eq_ignore_ascii_case(other))).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_weighed_by_their_operators() {
        let allow = allow_list(
            &["MIT", "Apache-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"]
                .map(str::to_owned)
                .into(),
        );
        for (text, expected) in [
            ("MIT", Some(true)),
            ("mit", Some(true)),
            ("MIT OR GPL-3.0-only", Some(true)),
            ("MIT/Apache-2.0", Some(true)),
            ("MIT AND GPL-3.0-only", Some(false)),
            ("MIT AND (GPL-3.0-only OR Apache-2.0)", Some(true)),
            // AND binds before OR (annex D.4).
            ("MIT OR Apache-2.0 AND GPL-3.0-only", Some(true)),
            ("GPL-3.0-only OR Apache-2.0 AND GPL-3.0-only", Some(false)),
            ("Apache-2.0 WITH LLVM-exception", Some(true)),
            ("GPL-2.0-only WITH Classpath-exception-2.0", Some(true)),
            ("GPL-2.0-only", Some(false)),
            ("GPL-2.0-only WITH GCC-exception-2.0", Some(false)),
            ("LicenseRef-x", Some(false)),
            ("", None),
            ("BSD License", None),
            ("NOASSERTION", None),
            ("MIT OR", None),
            ("(MIT", None),
            ("MIT)", None),
            ("MIT WITH", None),
            ("MIT OR NONE", None),
            ("MIT, Apache-2.0", None),
            ("MIT\u{0}", None),
        ] {
            let found = Expression::parse(text).map(|expression| expression.is_allowed(&allow));
            assert_eq!(found, expected, "{text}");
        }
        assert!(Expression::parse(&format!("{}MIT{}", "(".repeat(16), ")".repeat(16))).is_some());
        assert!(Expression::parse(&format!("{}MIT{}", "(".repeat(17), ")".repeat(17))).is_none());
        assert!(Expression::parse(&format!("MIT{}", " OR MIT".repeat(584))).is_some());
        assert!(Expression::parse(&format!("MIT{}", " OR MIT".repeat(585))).is_none());
        assert!(Licence::parse("MIT OR Apache-2.0").is_none());
    }
}
