//! A shard's list: which entry is which file of which name (`bundle-spec/repository.md` §2). Its digest names the shard, so
//! the list is also what makes a repository checkable without anything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::Digest;

/// The first line.
const HEADER: &str = "sealift-shard-1";

/// What one entry of a shard is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedFile {
    pub(super) digest: Digest,
    /// `ecosystem/name`.
    pub(super) owner: String,
    /// The path below the ecosystem's folder.
    pub(super) path: String,
}

/// All files of a shard, by entry.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct List(BTreeMap<String, ListedFile>);

impl List {
    pub(super) fn files(&self) -> impl Iterator<Item = (&String, &ListedFile)> {
        self.0.iter()
    }

    pub(super) fn get(&self, entry: &str) -> Option<&ListedFile> {
        self.0.get(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, entry: String, file: ListedFile) {
        self.0.insert(entry, file);
    }

    /// The canonical text: a header, then a line for each entry in order. No part of a line holds a tab or a line's end.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(64 + self.0.len() * 160);
        text.push_str(HEADER);
        text.push('\n');
        for (entry, file) in &self.0 {
            line(&mut text, entry, file);
        }
        text
    }

    /// Reads the canonical text; anything else is `None`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut list = Self::default();
        for line in text.strip_prefix(HEADER)?.strip_prefix('\n')?.lines() {
            let (entry, file) = read_line(line)?;
            list.0.insert(entry, file);
        }
        (list.text() == text).then_some(list)
    }
}

/// Writes a line of a list.
pub(super) fn line(text: &mut String, entry: &str, file: &ListedFile) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{entry}\t{}\t{}\t{}", file.digest.hex(), file.owner, file.path);
}

/// Reads a line of a list.
pub(super) fn read_line(line: &str) -> Option<(String, ListedFile)> {
    let mut parts = line.split('\t');
    let (entry, digest, owner, path) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let file = ListedFile {
        digest: format!("sha256:{digest}").parse().ok()?,
        owner: owner.to_owned(),
        path: path.to_owned(),
    };
    parts.next().is_none().then(|| (entry.to_owned(), file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_only() {
        let mut list = List::default();
        for entry in ["b", "a"] {
            let file = ListedFile {
                digest: Digest::of(entry.as_bytes()),
                owner: "files/x y".to_owned(),
                path: format!("x/{entry}"),
            };
            list.insert(entry.to_owned(), file);
        }
        let text = list.text();
        assert_eq!(List::read(&text), Some(list));
        let lines: Vec<_> = text.lines().collect();
        for wrong in [
            String::new(),
            text.replace("shard-1", "shard-2"),
            text.trim_end().to_owned(),
            format!("{text}\n"),
            format!("{text}{}\n", lines[1]),
            format!("{}\n{}\n{}\n", lines[0], lines[2], lines[1]),
            text.replace("\tx/a", "\tx/a\tmore"),
            text.replace("\tx/a", ""),
            text.replacen('\t', "\tzz", 1),
        ] {
            assert_eq!(List::read(&wrong), None, "{wrong:?}");
        }
    }
}
