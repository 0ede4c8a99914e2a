//! Artifact rules (in-toto specification 1.0 §4.3.3), as the reference implementation applies them: each takes the files that it
//! matches out of a queue, in their order, and what is left at the end is let pass.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::layout::Files;
use crate::evidence::reading::shown;
use crate::evidence::sigstore::refusal::Refusal;
use crate::model::{Doubt, Fault};

/// Rules of one step; real ones have a dozen.
const MAX_RULES: usize = 1024;
/// Bytes of patterns times bytes of paths, over a whole layout: about a second.
const MAX_WORK: u64 = 1 << 30;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Rule {
    Create(String),
    Delete(String),
    Modify(String),
    Allow(String),
    Disallow(String),
    Require(String),
    Match(Match),
}

/// `MATCH pattern [IN from] WITH side [IN to] FROM step`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) pattern: String,
    pub(super) from: String,
    pub(super) side: Side,
    pub(super) to: String,
    pub(super) step: String,
}

/// Which files of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Materials,
    Products,
}

/// The files of one step that rules are applied to.
pub(super) struct Item<'f> {
    pub(super) name: &'f str,
    pub(super) materials: &'f Files,
    pub(super) products: &'f Files,
}

/// How much may still be compared.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) const fn new() -> Self {
        Self(MAX_WORK)
    }

    /// Whether a path fits a pattern, as long as there is something left.
    pub(super) fn fits(&mut self, pattern: &str, path: &str) -> Result<bool, Refusal> {
        let work = (pattern.len() as u64 + 1).saturating_mul(path.len() as u64 + 1);
        self.0 = self.0.checked_sub(work).ok_or_else(|| {
            Refusal::doubt(
                Doubt::TooLarge,
                "the layout's rules and its links' files are too many to be compared",
            )
        })?;
        Ok(fits(pattern, path))
    }
}

/// Reads a list of rules.
pub(super) fn read(value: Option<&Value>) -> Result<Vec<Rule>, Refusal> {
    let malformed = || Refusal::malformed("the layout has a rule that is none");
    let list = value.and_then(Value::as_array).ok_or_else(malformed)?;
    if list.len() > MAX_RULES {
        let reason = format!("{} rules, and at most {MAX_RULES} are applied", list.len());
        return Err(Refusal::doubt(Doubt::TooLarge, reason));
    }
    let rule = |value: &Value| {
        let words = value
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect::<Option<Vec<_>>>()?;
        rule(&words)
    };
    list.iter().map(rule).collect::<Option<_>>().ok_or_else(malformed)
}

fn rule(words: &[&str]) -> Option<Rule> {
    let is = |place: usize, word: &str| words.get(place).is_some_and(|found| found.eq_ignore_ascii_case(word));
    if let [kind, pattern] = words {
        let pattern = (*pattern).to_owned();
        return Some(match kind.to_ascii_lowercase().as_str() {
            "create" => Rule::Create(pattern),
            "delete" => Rule::Delete(pattern),
            "modify" => Rule::Modify(pattern),
            "allow" => Rule::Allow(pattern),
            "disallow" => Rule::Disallow(pattern),
            "require" => Rule::Require(pattern),
            _ => return None,
        });
    }
    let (from, after) = if is(2, "in") { (*words.get(3)?, 4) } else { ("", 2) };
    let (to, last) = if is(after + 2, "in") {
        (*words.get(after + 3)?, after + 4)
    } else {
        ("", after + 2)
    };
    let side = match words.get(after + 1)?.to_ascii_lowercase().as_str() {
        "materials" => Side::Materials,
        "products" => Side::Products,
        _ => return None,
    };
    let fits = is(0, "match") && is(after, "with") && is(last, "from") && words.len() == last + 2;
    fits.then(|| Match {
        pattern: words[1].to_owned(),
        from: from.to_owned(),
        side,
        to: to.to_owned(),
        step: words[last + 1].to_owned(),
    })
    .map(Rule::Match)
}

impl Match {
    /// The path that a file must have on the other side; `None` if the rule is not about it.
    pub(super) fn other_path(&self, path: &str, budget: &mut Budget) -> Result<Option<String>, Refusal> {
        let Some(inner) = below(&self.from, path) else {
            return Ok(None);
        };
        if !budget.fits(&self.pattern, inner)? {
            return Ok(None);
        }
        let to = self.to.trim_end_matches('/');
        Ok(Some(if to.is_empty() {
            inner.to_owned()
        } else {
            format!("{to}/{inner}")
        }))
    }
}

fn below<'p>(folder: &str, path: &'p str) -> Option<&'p str> {
    let folder = folder.trim_end_matches('/');
    if folder.is_empty() {
        Some(path)
    } else {
        path.strip_prefix(folder)?.strip_prefix('/')
    }
}

/// Applies the rules of one side of a step; `links` are the files of all steps, by their names.
pub(super) fn apply(
    rules: &[Rule],
    side: Side,
    item: &Item<'_>,
    links: &BTreeMap<&str, Item<'_>>,
    budget: &mut Budget,
) -> Result<(), Refusal> {
    let own = item.of(side);
    let mut queue: BTreeSet<&String> = own.keys().collect();
    let refuse = |what: String| {
        let reason = format!("step `{}`: {what}", shown(item.name));
        Err(Refusal::wrong(Fault::ChainWrong, reason))
    };
    for rule in rules {
        let mut taken = Vec::new();
        match rule {
            Rule::Require(path) => {
                if !queue.contains(path) {
                    return refuse(format!("the file `{}` is required and not there", shown(path)));
                }
            }
            Rule::Match(rule) => {
                for path in &queue {
                    let Some(other) = rule.other_path(path, budget)? else {
                        continue;
                    };
                    let theirs = links
                        .get(rule.step.as_str())
                        .and_then(|link| link.of(rule.side).get(&other));
                    if theirs.is_some() && theirs == own.get(*path) {
                        taken.push(*path);
                    }
                }
            }
            Rule::Create(pattern)
            | Rule::Delete(pattern)
            | Rule::Modify(pattern)
            | Rule::Allow(pattern)
            | Rule::Disallow(pattern) => {
                for path in &queue {
                    // It is among one of both at least.
                    let (before, after) = (item.materials.get(*path), item.products.get(*path));
                    let happened = match rule {
                        Rule::Create(_) => before.is_none(),
                        Rule::Delete(_) => after.is_none(),
                        Rule::Modify(_) => before.is_some() && after.is_some() && before != after,
                        _ => true,
                    };
                    if happened && budget.fits(pattern, path)? {
                        taken.push(*path);
                    }
                }
                if let (Rule::Disallow(pattern), Some(path)) = (rule, taken.first()) {
                    return refuse(format!("`{}` disallows the file `{}`", shown(pattern), shown(path)));
                }
            }
        }
        for path in taken {
            queue.remove(path);
        }
    }
    Ok(())
}

impl<'f> Item<'f> {
    /// The files of one side.
    pub(super) const fn of(&self, side: Side) -> &'f Files {
        match side {
            Side::Materials => self.materials,
            Side::Products => self.products,
        }
    }
}

/// Whether a path fits a pattern of the shell as Python's `fnmatch` reads it: `*` goes over slashes too.
fn fits(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < path.len() {
        let next = match pattern.get(p) {
            Some('*') => {
                back = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(p + 1),
            Some('[') => one_of(&pattern[p..], path[t]).map_or_else(
                || (path[t] == '[').then_some(p + 1),
                |(length, is_in)| is_in.then_some(p + length),
            ),
            Some(other) => (*other == path[t]).then_some(p + 1),
            None => None,
        };
        match (next, back) {
            (Some(next), _) => (p, t) = (next, t + 1),
            (None, Some((star, from))) => {
                back = Some((star, from + 1));
                (p, t) = (star + 1, from + 1);
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|character| *character == '*')
}

/// Reads `[…]` at the beginning of a pattern: its length, and whether a character is of it; `None` if it is not closed.
fn one_of(pattern: &[char], character: char) -> Option<(usize, bool)> {
    let negated = pattern.get(1) == Some(&'!');
    let start = if negated { 2 } else { 1 };
    // A bracket that stands first is one of the characters.
    let end = (start + 1..pattern.len()).find(|place| pattern[*place] == ']')?;
    let mut set = &pattern[start..end];
    let mut is_in = false;
    while let Some(first) = set.first() {
        if let [from, '-', to, ..] = set {
            is_in |= (*from..=*to).contains(&character);
            set = &set[3..];
        } else {
            is_in |= *first == character;
            set = &set[1..];
        }
    }
    Some((end + 1, is_in != negated))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patterns_are_those_of_fnmatch() {
        for (pattern, path) in [
            ("*", "a/b"),
            ("*", ""),
            ("a*c", "abbc"),
            ("a/*/c", "a/b/b/c"),
            ("?.py", "a.py"),
            ("[a-c]x", "bx"),
            ("[!a-c]x", "dx"),
            ("[]]", "]"),
            ("[a", "[a"),
            ("*.[ch]", "src/x.h"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("", "a"),
            ("a", ""),
            ("a*c", "abb"),
            ("?", ""),
            ("?", "ab"),
            ("[a-c]", "d"),
            ("[!a-c]", "b"),
            ("*.py", "a.pyc"),
            ("A", "a"),
            ("[c-a]", "b"),
            ("[a", "xa"),
        ] {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn rules_have_their_forms() {
        let one = |value: Value| read(Some(&json!([value]))).map(|rules| rules[0].clone());
        assert_eq!(one(json!(["allow", "x"])).unwrap(), Rule::Allow("x".to_owned()));
        let full = one(json!([
            "MATCH",
            "*",
            "IN",
            "src/",
            "WITH",
            "materials",
            "in",
            "dst",
            "FROM",
            "build"
        ]))
        .unwrap();
        let Rule::Match(full) = full else { panic!("{full:?}") };
        assert_eq!(
            (full.from.as_str(), full.to.as_str(), full.side),
            ("src/", "dst", Side::Materials)
        );
        let mut budget = Budget::new();
        assert_eq!(full.other_path("src/a/b", &mut budget).unwrap().unwrap(), "dst/a/b");
        assert_eq!(full.other_path("srcs/a", &mut budget).unwrap(), None);
        for wrong in [
            json!([]),
            json!(["ALLOW"]),
            json!(["PERMIT", "x"]),
            json!(["ALLOW", 1]),
            json!("ALLOW x"),
            json!(["ALLOW", "x", "y"]),
            json!(["MATCH", "x", "WITH", "PRODUCTS", "FROM"]),
            json!(["MATCH", "x", "WITH", "THINGS", "FROM", "y"]),
            json!(["MATCH", "x", "FROM", "y"]),
            json!(["MATCH", "x", "WITH", "PRODUCTS", "FROM", "y", "z"]),
            json!(["MATCH", "x", "IN", "a", "PRODUCTS", "FROM", "y"]),
            json!(["ALLOW", "x", "WITH", "PRODUCTS", "FROM", "y"]),
            json!(["MATCH", "x", "WITHOUT", "PRODUCTS", "FROM", "y"]),
            json!(["MATCH", "x", "WITH", "PRODUCTS", "OF", "y"]),
        ] {
            assert!(one(wrong.clone()).is_err(), "{wrong}");
        }
        assert!(read(None).is_err());
        assert!(read(Some(&json!(vec![json!(["ALLOW", "x"]); 1025]))).is_err());
    }

    fn files(list: &[(&str, &str)]) -> Files {
        let digests = |digest: &str| BTreeMap::from([("sha256".to_owned(), digest.to_owned())]);
        list.iter()
            .map(|(path, digest)| ((*path).to_owned(), digests(digest)))
            .collect()
    }

    #[test]
    fn each_rule_takes_what_it_is_about() {
        let (materials, products) = (
            files(&[("same", "1"), ("changed", "1"), ("gone", "1")]),
            files(&[("same", "1"), ("changed", "2"), ("new", "1")]),
        );
        let theirs = files(&[("same", "1"), ("changed", "1"), ("d/new", "1")]);
        let nothing = Files::new();
        let item = Item {
            name: "step",
            materials: &materials,
            products: &products,
        };
        let links = BTreeMap::from([(
            "other",
            Item {
                name: "other",
                materials: &nothing,
                products: &theirs,
            },
        )]);
        let told = |side: Side, rules: Value| {
            let rules = read(Some(&rules)).unwrap();
            apply(&rules, side, &item, &links, &mut Budget::new()).is_ok()
        };
        // What a rule took, a later one does not see.
        let only = |side: Side, rule: Value, taken: &[&str], all: [&str; 3]| {
            for path in all {
                let rules = json!([rule, ["DISALLOW", path]]);
                assert_eq!(told(side, rules), taken.contains(&path), "{rule} {path}");
            }
        };
        let (before, after) = (["same", "changed", "gone"], ["same", "changed", "new"]);
        only(Side::Products, json!(["CREATE", "*"]), &["new"], after);
        only(Side::Products, json!(["MODIFY", "*"]), &["changed"], after);
        only(Side::Products, json!(["DELETE", "*"]), &[], after);
        only(
            Side::Products,
            json!(["ALLOW", "*e*"]),
            &["same", "changed", "new"],
            after,
        );
        only(Side::Products, json!(["ALLOW", "same"]), &["same"], after);
        only(Side::Materials, json!(["DELETE", "*"]), &["gone"], before);
        only(Side::Materials, json!(["CREATE", "*"]), &[], before);
        only(Side::Materials, json!(["MODIFY", "*"]), &["changed"], before);
        let with = |words: Value| {
            [
                json!(["MATCH", "*"]).as_array().unwrap().clone(),
                words.as_array().unwrap().clone(),
            ]
            .concat()
        };
        let products = json!(with(json!(["WITH", "PRODUCTS", "FROM", "other"])));
        only(Side::Products, products.clone(), &["same"], after);
        only(Side::Materials, products, &["same", "changed"], before);
        only(
            Side::Products,
            json!(with(json!(["WITH", "PRODUCTS", "IN", "d", "FROM", "other"]))),
            &["new"],
            after,
        );
        only(
            Side::Products,
            json!(with(json!(["WITH", "MATERIALS", "FROM", "other"]))),
            &[],
            after,
        );
        only(
            Side::Products,
            json!(with(json!(["WITH", "PRODUCTS", "FROM", "nobody"]))),
            &[],
            after,
        );
        assert!(told(Side::Products, json!([["REQUIRE", "new"]])));
        assert!(!told(Side::Products, json!([["REQUIRE", "gone"]])));
        assert!(!told(Side::Products, json!([["ALLOW", "new"], ["REQUIRE", "new"]])));
        assert!(told(Side::Products, json!([])));
    }

    #[test]
    fn comparing_is_bounded() {
        let long = "a".repeat(1 << 15);
        let mut budget = Budget::new();
        assert!(!budget.fits("*b", &long).unwrap());
        assert!(budget.fits(&long, &long).is_err());
    }
}
