//! The one door to YAML: selection files and pnpm's lockfiles come in here, and nothing else names the library.
//!
//! Threats, each with its defence:
//! - What people and programs read differently: anchors, aliases, tags, merge keys, directives, several documents,
//!   complex keys and odd line breaks are refused before the library sees the text; duplicate keys after it.
//! - Alias bombs: there are no aliases. Depth is bounded by the library (128).
//! - Size: [`MAX_BYTES`].
//!
//! The scan that finds these things is stricter than YAML where that keeps it simple: plain (unquoted) texts stand on
//! one line. It errs towards refusal: it never takes for text what the library would take for an anchor or alias.
//!
//! Source: YAML 1.1 as libyaml reads it (the library is a translation of it).

use serde::de::DeserializeOwned;

/// The largest lockfiles of monorepos have about 3 MiB.
pub const MAX_BYTES: usize = 8 << 20;

/// A YAML text is not one that sealift reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// The text is over the bound.
    #[error("the text has {found} bytes, more than {MAX_BYTES}")]
    TooLong {
        /// Its length.
        found: usize,
    },
    /// The text uses a part of YAML that sealift does not take.
    #[error("line {line}: {what} cannot be used here")]
    Unsupported {
        /// The line, from 1.
        line: usize,
        /// The construct.
        what: &'static str,
    },
    /// The text is not YAML, or does not hold what is expected.
    #[error("the text does not hold what is expected")]
    Malformed {
        /// Why, with the place.
        source: serde_yaml::Error,
    },
}

/// Reads one document.
///
/// # Errors
/// [`YamlError`], for everything in the module's list.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, YamlError> {
    if text.len() > MAX_BYTES {
        return Err(YamlError::TooLong { found: text.len() });
    }
    Scan::new(text).run()?;
    // The library drops a duplicate silently where `T` is a map; its own tree refuses it.
    serde_yaml::from_str::<serde_yaml::Value>(text).map_err(|source| YamlError::Malformed { source })?;
    serde_yaml::from_str(text).map_err(|source| YamlError::Malformed { source })
}

/// Walks over the text's tokens, without building anything.
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    /// Open brackets and braces.
    flow_depth: usize,
    /// The column of the innermost key or dash on this line: what a block text belongs to.
    parent: Option<usize>,
    /// No token but dashes has been seen on this line.
    fresh: bool,
    /// A plain text has ended; until a separator comes, another text would continue it.
    after_plain: AfterPlain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AfterPlain {
    No,
    /// In a flow collection: `,`, `:` or a closing bracket must follow.
    Flow,
    /// In a block, for a parent at this column: the next line must not stand deeper.
    Block(Option<usize>),
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            line: 1,
            line_start: 0,
            flow_depth: 0,
            parent: None,
            fresh: true,
            after_plain: AfterPlain::No,
        }
    }

    fn refuse<T>(&self, what: &'static str) -> Result<T, YamlError> {
        Err(YamlError::Unsupported { line: self.line, what })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn blank(&self, ahead: usize) -> bool {
        matches!(self.peek(ahead), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
    }

    fn column(&self) -> usize {
        self.at - self.line_start
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
        if self.flow_depth == 0 {
            self.parent = None;
            self.fresh = true;
        }
    }

    fn run(mut self) -> Result<(), YamlError> {
        self.line_breaks()?;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => self.newline(),
                b'\r' | b' ' => self.at += 1,
                b'\t' if self.fresh && self.flow_depth == 0 => return self.refuse("a tab before a text"),
                b'\t' => self.at += 1,
                // The library takes `#` for a comment wherever a token could begin, also right behind a bracket.
                b'#' => self.skip_line(),
                _ => self.token(byte)?,
            }
        }
        Ok(())
    }

    /// The library also ends lines at characters that editors show as nothing.
    fn line_breaks(&mut self) -> Result<(), YamlError> {
        let bytes = self.bytes;
        for (at, byte) in bytes.iter().enumerate() {
            let rest = &bytes[at..];
            match byte {
                b'\n' => self.line += 1,
                b'\r' if !rest.starts_with(b"\r\n") => return self.refuse("a line break of another kind"),
                0xc2 if rest.starts_with("\u{85}".as_bytes()) => return self.refuse("a line break of another kind"),
                0xe2 if rest.starts_with("\u{2028}".as_bytes()) || rest.starts_with("\u{2029}".as_bytes()) => {
                    return self.refuse("a line break of another kind");
                }
                0xef if rest.starts_with("\u{feff}".as_bytes()) => return self.refuse("a byte order mark"),
                0 => return self.refuse("a NUL"),
                _ => {}
            }
        }
        self.line = 1;
        Ok(())
    }

    fn token(&mut self, byte: u8) -> Result<(), YamlError> {
        if self.column() == 0 && self.flow_depth == 0 {
            if byte == b'%' {
                return self.refuse("a directive");
            }
            if self.bytes[self.at..].starts_with(b"---") && self.blank(3) {
                if self.bytes[..self.at].iter().any(|byte| !byte.is_ascii_whitespace()) && !self.only_comments_before()
                {
                    return self.refuse("a second document");
                }
                self.at += 3;
                return Ok(());
            }
            if self.bytes[self.at..].starts_with(b"...") && self.blank(3) {
                return self.refuse("a second document");
            }
        }
        self.check_continuation(byte)?;
        match byte {
            b'&' => self.refuse("an anchor"),
            b'*' => self.refuse("an alias"),
            b'!' => self.refuse("a tag"),
            b'?' if self.flow_depth > 0 || self.blank(1) => self.refuse("a complex key"),
            b'[' | b'{' => {
                self.flow_depth += 1;
                self.step()
            }
            b']' | b'}' => {
                self.flow_depth = self.flow_depth.saturating_sub(1);
                self.step()
            }
            b',' => self.step(),
            b':' if self.flow_depth > 0 || self.blank(1) => self.step(),
            b'-' if self.blank(1) => {
                self.parent = Some(self.column());
                self.at += 1;
                Ok(())
            }
            b'"' | b'\'' => self.quoted(byte),
            b'|' | b'>' => self.block_text(),
            _ => self.plain(),
        }
    }

    fn step(&mut self) -> Result<(), YamlError> {
        self.at += 1;
        self.fresh = false;
        Ok(())
    }

    fn only_comments_before(&self) -> bool {
        self.bytes[..self.at]
            .split(|byte| *byte == b'\n')
            .all(|line| matches!(line.trim_ascii_start().first(), None | Some(b'#')))
    }

    /// Refuses what the library would read as the next line of a plain text.
    fn check_continuation(&mut self, byte: u8) -> Result<(), YamlError> {
        let continues = match self.after_plain {
            AfterPlain::No => false,
            AfterPlain::Flow => !matches!(byte, b',' | b':' | b']' | b'}'),
            AfterPlain::Block(None) => true,
            AfterPlain::Block(Some(parent)) => self.column() > parent,
        };
        if continues {
            return self.refuse("a plain text over several lines");
        }
        self.after_plain = AfterPlain::No;
        Ok(())
    }

    fn skip_line(&mut self) {
        while !matches!(self.peek(0), None | Some(b'\n')) {
            self.at += 1;
        }
    }

    fn quoted(&mut self, quote: u8) -> Result<(), YamlError> {
        let column = self.column();
        self.at += 1;
        loop {
            match self.peek(0) {
                None => return self.refuse("a quoted text without end"),
                Some(b'\\') if quote == b'"' => {
                    if self.peek(1) == Some(b'\n') {
                        self.at += 1;
                        self.line_within();
                    } else {
                        self.at += 2;
                    }
                }
                // One of them within single quotes; within double quotes two, which are passed all the same.
                Some(b'\'') if self.peek(1) == Some(b'\'') => self.at += 2,
                Some(byte) if byte == quote => break,
                Some(b'\n') => self.line_within(),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        self.key_at(column);
        Ok(())
    }

    /// Passes a line's end within a quoted text: what follows it is still the same token.
    fn line_within(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    /// Notes the column of a text that turns out to be a key.
    fn key_at(&mut self, column: usize) {
        self.fresh = false;
        let mut ahead = 0;
        while self.peek(ahead) == Some(b' ') {
            ahead += 1;
        }
        if self.flow_depth == 0 && self.peek(ahead) == Some(b':') && self.blank(ahead + 1) {
            self.parent = Some(column);
        }
    }

    /// A literal or folded text: its lines are the next ones that stand as deep as the first of them.
    fn block_text(&mut self) -> Result<(), YamlError> {
        self.at += 1;
        let mut stated = None;
        while let Some(byte @ (b'+' | b'-' | b'1'..=b'9')) = self.peek(0) {
            if byte.is_ascii_digit() {
                stated = Some(usize::from(byte - b'0'));
            }
            self.at += 1;
        }
        while matches!(self.peek(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        if !matches!(self.peek(0), None | Some(b'\n' | b'\r' | b'#')) {
            return self.refuse("a text behind `|` or `>`");
        }
        self.skip_line();
        let Some(parent) = self.parent else {
            return self.refuse("a block text without a key or a dash on its line");
        };
        let mut depth = stated.map(|more| parent + more);
        while self.peek(0).is_some() {
            let line = self.at + 1;
            let rest = self.bytes.get(line..).unwrap_or(&[]);
            let indent = rest.iter().take_while(|byte| **byte == b' ').count();
            let empty = matches!(rest.get(indent), None | Some(b'\n' | b'\r'));
            if !empty {
                if depth.is_none() && indent > parent {
                    depth = Some(indent);
                }
                if depth.is_none_or(|depth| indent < depth) {
                    return Ok(());
                }
            }
            self.newline();
            self.skip_line();
        }
        Ok(())
    }

    fn plain(&mut self) -> Result<(), YamlError> {
        let column = self.column();
        let start = self.at;
        let alone = self.fresh && self.parent.is_none();
        let mut end = self.at;
        while let Some(byte) = self.peek(0) {
            let stop = match byte {
                b'\n' | b'\r' => true,
                b'#' => self.at > start && matches!(self.bytes[self.at - 1], b' ' | b'\t'),
                b':' => {
                    self.blank(1)
                        || self.flow_depth > 0 && matches!(self.peek(1), Some(b',' | b'?' | b'[' | b']' | b'{' | b'}'))
                }
                b',' | b'[' | b']' | b'{' | b'}' => self.flow_depth > 0,
                _ => false,
            };
            if stop {
                break;
            }
            self.at += 1;
            if !matches!(byte, b' ' | b'\t') {
                end = self.at;
            }
        }
        self.fresh = false;
        let is_key = self.peek(0) == Some(b':');
        if is_key {
            if &self.bytes[start..end] == b"<<" {
                return self.refuse("a merge key");
            }
            if self.flow_depth == 0 {
                self.parent = Some(column);
            }
        } else if self.flow_depth > 0 {
            self.after_plain = AfterPlain::Flow;
        } else if alone {
            return self.refuse("a plain text on a line of its own");
        } else {
            self.after_plain = AfterPlain::Block(self.parent);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn refused(text: &str) -> String {
        match read::<serde_yaml::Value>(text) {
            Err(YamlError::Malformed { source }) => source.to_string(),
            Err(error) => error.to_string(),
            Ok(value) => panic!("{text:?} was read as {value:?}"),
        }
    }

    #[test]
    fn what_is_not_taken_is_refused() {
        for (text, what) in [
            ("a: &x 1\nb: *x\n", "an anchor"),
            ("a: *x\n", "an alias"),
            ("- *x\n", "an alias"),
            ("[a, *x]\n", "an alias"),
            ("{a: *x}\n", "an alias"),
            ("{\"a\":*x}\n", "an alias"),
            ("a:\n  - - *x\n", "an alias"),
            ("\"a\": *x\n", "an alias"),
            ("a: 'it''s'\nb: *x\n", "an alias"),
            ("a: \"\\\"\"\nb: *x\n", "an alias"),
            ("a: |\n  text\nb: *x\n", "an alias"),
            ("- a: |\n    text\n  b: *x\n", "an alias"),
            ("- - |\n   text\n  - *x\n", "an alias"),
            ("a: |\nb: *x\n", "an alias"),
            ("a: |1\n text\nb: *x\n", "an alias"),
            ("a: >- # why\n  text\n *x\n", "an alias"),
            ("a: # \"\n  *x\n", "an alias"),
            ("[a,#,\"\n*x,\"]\n", "an alias"),
            ("{a?: *x}\n", "an alias"),
            ("*x : 1\n", "an alias"),
            ("a: !!binary aGk=\n", "a tag"),
            ("!x\na: 1\n", "a tag"),
            ("<<: {a: 1}\n", "a merge key"),
            ("{<<: {a: 1}}\n", "a merge key"),
            ("? a\n: 1\n", "a complex key"),
            ("{?a: 1}\n", "a complex key"),
            ("a: '\\'\nb: *x\n#'\n", "an alias"),
            ("b#c: *x\n", "an alias"),
            ("%YAML 1.1\n---\na: 1\n", "a directive"),
            ("a: 1\n---\nb: 1\n", "a second document"),
            ("a: 1\n...\n", "a second document"),
            ("a: b\n  \"c\n", "a plain text over several lines"),
            ("a: b\n *x\n", "a plain text over several lines"),
            ("- b\n *x\n", "a plain text over several lines"),
            ("[a\n \"b]\n", "a plain text over several lines"),
            ("a:\n  b\n \"c\n", "a plain text on a line of its own"),
            ("a: \"b\n", "a quoted text without end"),
            ("a: | text\n", "a text behind `|` or `>`"),
            // What the library takes for itself, wherever it stands, and then refuses.
            (",a\n", "did not find expected"),
            ("a: ,b\n", "did not find expected"),
            ("[- a]\n", "did not find expected"),
            ("{a: - b}\n", "did not find expected"),
            ("a: [|\n b]\n", "found character that cannot start any token"),
            ("|\n text\n", "a block text without a key or a dash"),
            ("a: 1\rb: *x\n", "a line break of another kind"),
            ("a: 1\u{2028}b: *x\n", "a line break of another kind"),
            ("a: 1\u{2029}b: *x\n", "a line break of another kind"),
            ("a: 1\u{85}b: *x\n", "a line break of another kind"),
            ("\u{feff}a: 1\n", "a byte order mark"),
            ("\ta: 1\n", "a tab before a text"),
            ("a: \"\0\"\n", "a NUL"),
            ("a: 1\na: 2\n", "duplicate entry"),
            ("{a: 1, a: 2}\n", "duplicate entry"),
            ("a: {b: 1, b: 2}\n", "duplicate entry"),
            ("a: [1\n", ""),
        ] {
            let found = refused(text);
            assert!(found.contains(what), "{text:?}: {found}");
        }
        assert!(refused("a: 1\nb: 2\nc: *x\n").starts_with("line 3"));
        assert!(refused(&format!("a: '{}'", "x".repeat(MAX_BYTES))).contains("more than"));
        assert!(read::<BTreeMap<String, u8>>("a: text\n").is_err());
    }

    #[test]
    fn what_lockfiles_and_people_write_is_read() {
        let text = "# comment\n---\nlockfileVersion: '9.0'\n\nsettings:\n  autoInstallPeers: true\n\npackages:\n\n  \
                    '@s/x@1.0.0':\n    resolution: {integrity: sha512-AYnb1nQyY49te+VR==, tarball: \"https://a/b\"}\n    \
                    engines: {node: ^8.16.0 || ^10.6.0 || >=11.0.0}\n    os: [darwin, '!win32']\n    deprecated: |-\n      \
                    * not *an* alias\n\n      & \"no anchor\n    libc: [glibc]\r\n    list:\n    - a & b * c\n    - 'two\n      lines'\n    \
                    url: https://a/b#c\n    empty:\n    plain: it's \"so\" !important # comment\n";
        let value: serde_yaml::Value = read(text).unwrap();
        let package = &value["packages"]["@s/x@1.0.0"];
        assert_eq!(package["deprecated"], "* not *an* alias\n\n& \"no anchor");
        assert_eq!(package["engines"]["node"], "^8.16.0 || ^10.6.0 || >=11.0.0");
        assert_eq!(package["list"][0], "a & b * c");
        assert_eq!(package["list"][1], "two lines");
        assert_eq!(package["url"], "https://a/b#c");
        assert_eq!(package["plain"], "it's \"so\" !important");
        assert_eq!(read::<BTreeMap<String, String>>("a: b").unwrap()["a"], "b");
        // A sign that no blank follows begins a text.
        for text in [":*x", "-*x", "?*x", "[b:*x]"] {
            let value: serde_yaml::Value = read(&format!("a: {text}\n")).unwrap();
            let value = value["a"].get(0).unwrap_or(&value["a"]);
            assert_eq!(value, text.trim_matches(['[', ']']), "{text}");
        }
        assert!(read::<serde_yaml::Value>("---x: 1\n").unwrap()["---x"].is_number());
        assert!(read::<serde_yaml::Value>("[a]: b\n").unwrap().is_mapping());
    }

    /// What the library itself finds in texts that passed the scan: an alias, which it does not know since no text has
    /// an anchor; a tag; a merge key.
    fn library_finds(text: &str) -> Option<String> {
        fn inside(value: &serde_yaml::Value) -> bool {
            match value {
                serde_yaml::Value::Tagged(_) => true,
                serde_yaml::Value::Sequence(items) => items.iter().any(inside),
                serde_yaml::Value::Mapping(map) => map.iter().any(|(key, value)| inside(key) || inside(value)),
                _ => false,
            }
        }
        match serde_yaml::from_str::<serde_yaml::Value>(text) {
            Ok(value) if inside(&value) => Some("a tag".to_owned()),
            Ok(_) => None,
            Err(error) => Some(error.to_string()).filter(|text| text.contains("unknown anchor")),
        }
    }

    proptest::proptest! {
        #[test]
        fn the_scan_misses_nothing_that_the_library_finds(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "b", " ", "  ", "\n", "\n  ", "\n ", ": ", ":", "- ", "-", "\"", "'", "|", ">", "|-", "#", " #", "[", "]",
                    "{", "}", ",", ", ", "*x", "!x ", "?", "? ", "\\", "1", "\t", "\r\n", "---", "a: ", "\na: ", "\n- ", "<<",
                ]),
                0..24,
            )
        ) {
            let text = parts.concat();
            if Scan::new(&text).run().is_ok() {
                proptest::prop_assert_eq!(library_finds(&text), None, "{:?}", text);
            }
        }
    }
}
