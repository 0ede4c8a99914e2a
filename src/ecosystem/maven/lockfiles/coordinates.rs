//! Coordinates: `group:artifact[:extension[:classifier]]:version`, as people write them and as `mvn dependency:list` and
//! `mvn dependency:tree` print them.
//!
//! Source: Maven Resolver, `DefaultArtifact`; Maven Dependency Plugin, `DependencyStatusSets` and the tree's text writer.

use super::super::coordinate::Kind;
use super::{malformed, wanted, without_doubles};
use crate::ecosystem::{Mismatch, Selection, SelectionError};

/// What the plugin puts behind a coordinate.
const SCOPES: [&str; 6] = ["compile", "provided", "runtime", "test", "system", "import"];

/// What is in no such list, and is needed for a build all the same.
const NOT_LISTED: &str = "parents, imported BOMs, plugins and what they need are in no list of dependencies: take a local \
                          repository that a build has filled";

/// Reads coordinates that an operator wrote.
pub(in super::super) fn read(lines: &[String]) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    for line in lines {
        take(line.trim(), &mut selection).map_err(|error| malformed("coordinates", line, describe(&error)))?;
    }
    without_doubles(&mut selection);
    Ok(selection)
}

/// Reads a list or tree that the dependency plugin printed; what the build printed around it is passed over.
pub(super) fn read_list(file: &str, text: &str) -> Result<Selection, SelectionError> {
    let mut selection = Selection::default();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let (is_log, line) = unprefixed(line);
        let (branches, words) = split_branches(line);
        let word = words.split_ascii_whitespace().next().unwrap_or_default();
        // Marked in verbose trees: `(org.example:lib:jar:1.0:compile - omitted for duplicate)`.
        let word = word.trim_matches(['(', ')', ',']);
        if word.is_empty() || word.starts_with('#') {
            continue;
        }
        let is_noise = !is_coordinate(word);
        if is_noise && (is_log || is_words_of_the_plugin(words)) {
            continue;
        }
        // The tree's root is the project itself.
        let is_root = branches.is_empty()
            && lines
                .peek()
                .is_some_and(|(_, next)| !split_branches(unprefixed(next).1).0.is_empty());
        if is_root {
            selection.left_out.push(format!("{word}: the project itself"));
            continue;
        }
        take(word, &mut selection).map_err(|error| malformed(file, format!("line {}", index + 1), describe(&error)))?;
    }
    without_doubles(&mut selection);
    selection.left_out.push(NOT_LISTED.to_owned());
    Ok(selection)
}

fn describe(mismatch: &Mismatch) -> String {
    match &mismatch.found {
        Some(found) => format!("{} (found {found:?})", mismatch.reason),
        None => mismatch.reason.clone(),
    }
}

/// Takes `[INFO]` off a line of a build's log.
fn unprefixed(line: &str) -> (bool, &str) {
    match line.strip_prefix("[INFO]").or_else(|| line.strip_prefix("[WARNING]")) {
        Some(rest) => (true, rest),
        None => (false, line),
    }
}

/// Parts a line of a tree: `|  +- org.example:lib:jar:1.0:compile`.
fn split_branches(line: &str) -> (&str, &str) {
    let start = line
        .find(|character: char| !matches!(character, '|' | '+' | '\\' | '-' | ' ' | '\t'))
        .unwrap_or(line.len());
    let (branches, words) = line.split_at(start);
    (branches.trim(), words)
}

/// A coordinate has colons and no brackets or slashes; log lines such as `maven-dependency-plugin:3.6.0:list` have two parts.
fn is_coordinate(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+~:".contains(&byte);
    (3..=6).contains(&word.split(':').count())
        && word.bytes().all(plain)
        && word.split(':').all(|part| !part.is_empty())
        && !word.starts_with("maven-dependency-plugin:")
        && !word.starts_with("dependency:")
}

fn is_words_of_the_plugin(words: &str) -> bool {
    words.starts_with("The following files have been resolved") || words.trim() == "none"
}

/// Takes one coordinate. The usual jar is all that its pom says; any other file is that file, and the pom.
fn take(text: &str, selection: &mut Selection) -> Result<(), Mismatch> {
    let mut parts: Vec<&str> = text.split(':').collect();
    let scope = parts
        .last()
        .copied()
        .filter(|last| SCOPES.contains(last) && parts.len() > 4);
    if scope.is_some() {
        parts.pop();
    }
    let (name, kind, version) = match parts.as_slice() {
        [group, id, version] => (format!("{group}:{id}"), None, *version),
        [group, id, extension, version] => (format!("{group}:{id}"), Some(Kind::of_type(extension, None)), *version),
        [group, id, extension, classifier, version] => (
            format!("{group}:{id}"),
            Some(Kind::of_type(extension, Some(classifier))),
            *version,
        ),
        _ => {
            return Err(
                Mismatch::new("it is not `group:artifact[:extension[:classifier]]:version`")
                    .comparing("a coordinate", text),
            );
        }
    };
    if scope == Some("system") {
        selection
            .left_out
            .push(format!("{text}: it lies in the system and in no repository"));
        return Ok(());
    }
    let kind = kind.filter(|kind| *kind != Kind::new("jar", None));
    let mut add = |kind: Option<&Kind>| {
        selection.wanted.push(wanted(&name, version, kind, Vec::new())?);
        Ok::<_, Mismatch>(())
    };
    if let Some(kind) = &kind {
        add(Some(&Kind::new("pom", None)))?;
        if kind.extension != "pom" || kind.classifier.is_some() {
            add(Some(kind))?;
        }
        return Ok(());
    }
    add(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_log_are_no_coordinates() {
        for good in ["a:b:1", "a:b:jar:linux:1:compile", "a-b.c:d_e:1.0+x~y"] {
            assert!(is_coordinate(good), "{good}");
        }
        for noise in [
            "a:b",
            "a:b:c:d:e:f:g",
            "https://a.example.com:8443/m2",
            "a:[b]:1",
            "a::1",
            ":b:1",
            "a:b:",
            "maven-dependency-plugin:3.6.0:list",
            "dependency:3.7.0:tree",
        ] {
            assert!(!is_coordinate(noise), "{noise}");
        }
    }

    #[test]
    fn a_scope_stands_behind_four_parts_only() {
        let taken = |text: &str| {
            let mut selection = Selection::default();
            take(text, &mut selection).map(|()| selection.wanted.remove(0).version)
        };
        // Nobody calls a version so, and it is one all the same.
        assert_eq!(taken("a:b:test").unwrap(), "test");
        assert_eq!(taken("a:b:jar:runtime").unwrap(), "runtime");
        assert_eq!(taken("a:b:jar:1:runtime").unwrap(), "1");
    }
}
