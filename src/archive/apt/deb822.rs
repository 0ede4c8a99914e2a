//! Control files: paragraphs of fields (deb822(5)).
//!
//! Threats, each with its defence:
//! - A field twice, of which readers take different ones: refused.
//! - Endless paragraphs or lines: each paragraph is bounded.
//! - Line ends and blank lines that readers part differently: a line of blanks alone is refused, and so is a carriage return.

use super::super::ArchiveError;
use super::super::inflate::Inflated;

/// The largest paragraphs of real indexes have some 200 KiB (packages that provide thousands of names).
const MAX_PARAGRAPH_BYTES: usize = 4 << 20;

/// Control files have some thirty fields in a paragraph.
const MAX_FIELDS: usize = 512;

/// A control file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// A line is neither a field, nor the continuation of one, nor empty.
    #[error("line {line} of a paragraph is neither a field nor a continuation")]
    Line {
        /// The line's number in its paragraph, from 1.
        line: usize,
    },
    /// A field stands twice in a paragraph.
    #[error("a paragraph has two fields {name:?}")]
    Twice {
        /// The field.
        name: String,
    },
    /// A paragraph goes over a limit.
    #[error("a paragraph has more than {limit} {what}")]
    OverLimit {
        /// What was counted.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// It is not UTF-8.
    #[error("a paragraph is not UTF-8")]
    Encoding,
    /// The bytes cannot be had.
    #[error("it cannot be read")]
    Archive(#[from] ArchiveError),
}

/// The fields of one paragraph, in their order. Names are compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paragraph<'a> {
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Paragraph<'a> {
    /// Reads the lines of one paragraph.
    ///
    /// # Errors
    /// Any line that is no field, and a field that comes twice.
    pub fn read(text: &'a str) -> Result<Self, ControlError> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        let mut start = 0;
        let mut value_from = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let at = start;
            start += line.len();
            let wrong = || ControlError::Line { line: index + 1 };
            let bare = line.strip_suffix('\n').unwrap_or(line);
            if bare.trim_ascii().is_empty() || bare.contains(['\r', '\0']) {
                return Err(wrong());
            }
            if bare.starts_with([' ', '\t']) {
                let Some((_, value)) = fields.last_mut() else {
                    return Err(wrong());
                };
                *value = &text[value_from..at + bare.len()];
                continue;
            }
            let (name, value) = bare.split_once(':').ok_or_else(wrong)?;
            let plain = |byte: u8| (0x21..0x7f).contains(&byte);
            if name.is_empty() || name.starts_with(['#', '-']) || !name.bytes().all(plain) {
                return Err(wrong());
            }
            if fields.len() >= MAX_FIELDS {
                return Err(ControlError::OverLimit {
                    what: "fields",
                    limit: MAX_FIELDS,
                });
            }
            if fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                return Err(ControlError::Twice {
                    name: name.chars().take(100).collect(),
                });
            }
            value_from = at + name.len() + 1;
            fields.push((name, value));
        }
        Ok(Self { fields })
    }

    /// A field's value without the blanks around it; continuation lines keep theirs within.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim_ascii())
    }

    /// The words of a field.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.get(name).unwrap_or_default().split_ascii_whitespace()
    }
}

/// The paragraphs of a stream, one after the other.
pub struct Paragraphs<'a> {
    inflated: Inflated<'a>,
    buffer: Vec<u8>,
    /// Where the bytes that were not yet given begin.
    start: usize,
    ended: bool,
}

/// Read at a time.
const STEP: usize = 64 << 10;

impl<'a> Paragraphs<'a> {
    /// Begins at the stream's start.
    pub fn new(inflated: Inflated<'a>) -> Self {
        Self {
            inflated,
            buffer: Vec::new(),
            start: 0,
            ended: false,
        }
    }

    /// The next paragraph's lines, each with its line feed but perhaps the last one; `None` at the end.
    ///
    /// # Errors
    /// [`ControlError`], where the stream is broken or a paragraph is too long.
    #[expect(
        clippy::should_implement_trait,
        reason = "the text is lent: an iterator could not give it"
    )]
    pub fn next(&mut self) -> Result<Option<&str>, ControlError> {
        // Blank lines before the paragraph.
        loop {
            while self.buffer.get(self.start) == Some(&b'\n') {
                self.start += 1;
            }
            if self.start < self.buffer.len() {
                break;
            }
            if !self.more()? {
                return Ok(None);
            }
        }
        let mut searched = self.start;
        let (from, to) = loop {
            let blank = self.buffer[searched..]
                .windows(2)
                .position(|pair| pair == b"\n\n")
                .map(|at| searched + at + 1);
            if let Some(end) = blank {
                break (self.start, end);
            }
            if self.buffer.len() - self.start > MAX_PARAGRAPH_BYTES {
                return Err(ControlError::OverLimit {
                    what: "bytes",
                    limit: MAX_PARAGRAPH_BYTES,
                });
            }
            let searched_of_paragraph = (self.buffer.len() - self.start).saturating_sub(1);
            if !self.more()? {
                break (self.start, self.buffer.len());
            }
            searched = self.start + searched_of_paragraph;
        };
        self.start = to;
        std::str::from_utf8(&self.buffer[from..to])
            .map(Some)
            .map_err(|_| ControlError::Encoding)
    }

    /// Reads on; `false` at the end.
    fn more(&mut self) -> Result<bool, ControlError> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + STEP, 0);
        let read = self.inflated.fill(&mut self.buffer[before..])?;
        self.buffer.truncate(before + read);
        self.ended = read < STEP;
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::super::inflate::Compression;
    use super::super::super::tar::Limits;
    use super::*;

    #[test]
    fn fields_and_their_continuations() {
        let text = "Package: a\nDescription: one\n two\n .\n\tthree\nEmpty:\nX-Y: v:w\n";
        let paragraph = Paragraph::read(text).unwrap();
        assert_eq!(paragraph.get("package"), Some("a"));
        assert_eq!(paragraph.get("Description"), Some("one\n two\n .\n\tthree"));
        assert_eq!(paragraph.get("Empty"), Some(""));
        assert_eq!(paragraph.get("x-y"), Some("v:w"));
        assert_eq!(paragraph.get("Y"), None);
        assert_eq!(
            paragraph.words("description").collect::<Vec<_>>(),
            ["one", "two", ".", "three"]
        );
    }

    #[test]
    fn doubtful_paragraphs_are_refused() {
        for text in [
            " a: b\n",
            "a\n",
            ": b\n",
            "a b: c\n",
            "#a: b\n",
            "a: b\n \nc: d\n",
            "a: b\r\nc: d\n",
            "a: b\0\n",
            "-----BEGIN: x\n",
        ] {
            assert!(
                matches!(Paragraph::read(text), Err(ControlError::Line { .. })),
                "{text:?}"
            );
        }
        assert!(matches!(
            Paragraph::read("SHA256: a\nsha256: b\n"),
            Err(ControlError::Twice { .. })
        ));
        let many: String = (0..=MAX_FIELDS).map(|number| format!("f{number}: x\n")).collect();
        assert!(matches!(
            Paragraph::read(&many),
            Err(ControlError::OverLimit { what: "fields", .. })
        ));
    }

    fn all(bytes: &[u8]) -> Result<Vec<String>, ControlError> {
        let mut reader = Cursor::new(bytes);
        let inflated = Inflated::new(Compression::None, &mut reader, &Limits::default())?;
        let mut paragraphs = Paragraphs::new(inflated);
        let mut found = Vec::new();
        while let Some(text) = paragraphs.next()? {
            found.push(text.to_owned());
        }
        Ok(found)
    }

    #[test]
    fn a_stream_is_parted_at_blank_lines_wherever_it_is_cut() {
        assert_eq!(all(b"").unwrap(), [""; 0]);
        assert_eq!(all(b"\n\n").unwrap(), [""; 0]);
        assert_eq!(all(b"\na: b\n\n\nc: d").unwrap(), ["a: b\n", "c: d"]);
        // A paragraph that begins, ends or crosses where the reader's step does.
        for shift in [-2_i64, -1, 0, 1, 2] {
            let first = "x".repeat(usize::try_from(STEP as i64 + shift - 5).unwrap());
            let text = format!("a: {first}\n\nb: {}\n\nc: d\n", "y".repeat(STEP));
            let found = all(text.as_bytes()).unwrap();
            assert_eq!(found.len(), 3, "{shift}");
            assert_eq!(found[2], "c: d\n");
        }
        let long = format!("a: {}", "x".repeat(MAX_PARAGRAPH_BYTES + STEP));
        assert!(matches!(
            all(long.as_bytes()),
            Err(ControlError::OverLimit { what: "bytes", .. })
        ));
        assert!(matches!(all(b"a: \xff\n"), Err(ControlError::Encoding)));
    }
}
