//! `yarn.lock` of Yarn 1, in its own syntax: blocks of a line of patterns at the margin, and properties below it.
//!
//! Yarn 2 and later write YAML with checksums of the zips that Yarn itself makes, and no hash of what the registry
//! published, so their locks pin nothing that could be checked here.
//!
//! Source: Yarn 1's `src/lockfile/parse.js` and `stringify.js`.

use super::{Entry, malformed, shorten};
use crate::ecosystem::SelectionError;
use crate::ecosystem::npm::coordinate;
use crate::model::{Algorithm, Claim};

#[derive(Default)]
struct Block {
    patterns: Vec<String>,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
}

pub(super) fn read(file: &str, text: &str) -> Result<Vec<Entry>, SelectionError> {
    if text.lines().any(|line| line.starts_with("__metadata:")) {
        return Err(SelectionError::Unpinned {
            file: file.to_owned(),
            entry: "this lock of Yarn 2 or later lists checksums of Yarn's own zips; what the registry published"
                .to_owned(),
        });
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let wrong = |reason: &str| malformed(file, format_args!("line {number}: {reason}"));
        let content = line.trim_start_matches(' ');
        let depth = line.len() - content.len();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if ["<<<<<<<", "=======", ">>>>>>>"]
            .iter()
            .any(|mark| content.starts_with(mark))
        {
            return Err(wrong("the mark of a merge conflict"));
        }
        let words = words(content).ok_or_else(|| wrong("a text that is not of Yarn's syntax"))?;
        match (depth, blocks.last_mut()) {
            (0, _) => blocks.push(Block {
                patterns: patterns(words).ok_or_else(|| wrong("a line of patterns that is not one"))?,
                ..Block::default()
            }),
            (2, Some(block)) => {
                let (key, value) = match words.as_slice() {
                    // The names of the maps below: dependencies and optionalDependencies.
                    [Word::Text(_), Word::Colon] => continue,
                    [Word::Text(key), Word::Text(value)] => (key.as_str(), value),
                    _ => return Err(wrong("a property that is not one")),
                };
                let property = match key {
                    "version" => &mut block.version,
                    "resolved" => &mut block.resolved,
                    "integrity" => &mut block.integrity,
                    _ => continue,
                };
                if property.replace(value.clone()).is_some() {
                    return Err(wrong("a property that stands twice"));
                }
            }
            (4, Some(_)) => {}
            _ => return Err(wrong("a line that belongs to nothing")),
        }
    }
    let mut entries = Vec::new();
    for block in blocks {
        let aliases: Vec<String> = block.patterns.iter().filter_map(|pattern| alias(pattern)).collect();
        let entry = entry(file, block)?;
        entries.extend(aliases.into_iter().map(Entry::Elsewhere));
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(file: &str, block: Block) -> Result<Entry, SelectionError> {
    let first = block.patterns.first().map_or("", String::as_str);
    let Some((name, range)) = target(first) else {
        return Err(malformed(file, format_args!("{:?} is not a pattern", shorten(first))));
    };
    if let Some(other) = block
        .patterns
        .iter()
        .find(|other| target(other).is_none_or(|(other, _)| other != name))
    {
        return Err(malformed(
            file,
            format_args!("{:?} and {:?} share an entry", shorten(first), shorten(other)),
        ));
    }
    let from_elsewhere = || {
        Entry::LeftOut(format!(
            "{name}: {} is not from a registry",
            shorten(&coordinate::without_credentials(range))
        ))
    };
    let (Some(version), Some(resolved)) = (block.version, block.resolved) else {
        return Ok(from_elsewhere());
    };
    let (url, fragment) = resolved.split_once('#').unwrap_or((&resolved, ""));
    // With an offline mirror, older Yarns wrote the mirror's file name alone.
    let in_mirror = url.ends_with(".tgz") && !url.contains([':', '/']);
    // Ranges of a registry have neither: `git+ssh://…`, `user/repository`, `https://…`, `file:…`.
    if range.contains([':', '/']) || !coordinate::is_web_url(url) && !in_mirror {
        return Ok(from_elsewhere());
    }
    let mut claims = block.integrity.as_deref().map(coordinate::claims).unwrap_or_default();
    claims.extend(Claim::from_hex(Algorithm::Sha1, fragment));
    claims.sort();
    claims.dedup();
    Ok(Entry::Registry {
        name: name.to_owned(),
        version,
        claims,
        url: (!in_mirror).then(|| coordinate::without_credentials(url)),
    })
}

/// The name under which a pattern asks for another package, or for what is not from a registry.
fn alias(pattern: &str) -> Option<String> {
    let (name, range) = coordinate::split(pattern)?;
    range.contains([':', '/']).then(|| name.to_owned())
}

/// The package's name and range of a pattern: `ms@^2.0.0`, `@s/x@1`, `alias@npm:ms@2.1.3`.
fn target(pattern: &str) -> Option<(&str, &str)> {
    let (name, range) = coordinate::split(pattern)?;
    match range.strip_prefix("npm:") {
        Some(alias) => Some(coordinate::split(alias).unwrap_or((alias, ""))),
        None => Some((name, range)),
    }
}

enum Word {
    Text(String),
    Colon,
    Comma,
}

/// Splits a line: quoted texts are JSON strings, others end at a space, a colon before the line's end, or a comma.
fn words(mut rest: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    loop {
        rest = rest.trim_start_matches(' ').trim_end_matches(['\r', ' ']);
        match rest.chars().next() {
            None => return Some(words),
            Some('"') => {
                let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
                words.push(Word::Text(texts.next()?.ok()?));
                rest = rest.get(texts.byte_offset()..)?;
            }
            Some(',') => {
                words.push(Word::Comma);
                rest = &rest[1..];
            }
            Some(':') => {
                words.push(Word::Colon);
                rest = &rest[1..];
            }
            Some(_) => {
                let end = rest.find([' ', ',']).unwrap_or(rest.len());
                let end = if rest[..end].ends_with(':') { end - 1 } else { end };
                words.push(Word::Text(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
    }
}

fn patterns(words: Vec<Word>) -> Option<Vec<String>> {
    let mut patterns = Vec::new();
    let mut words = words.into_iter();
    loop {
        let Some(Word::Text(pattern)) = words.next() else {
            return None;
        };
        patterns.push(pattern);
        match words.next()? {
            Word::Comma => {}
            Word::Colon => return words.next().is_none().then_some(patterns),
            Word::Text(_) => return None,
        }
    }
}
