//! The only printer: answers go to standard output, the conversation to standard error.

use std::error::Error;
use std::ffi::OsString;
use std::io::{BufWriter, IsTerminal as _, Stdout, Write};

use serde_json::json;

use super::args::{Colour, Global};
use super::exit::Exit;
use crate::model::{Refusal, Stop, Unable, escaped, escaped_json};

/// Prints answers, warnings and stops, in the form that the user asked for.
pub struct Output {
    json: bool,
    colour: bool,
    progress: bool,
}

impl Output {
    /// Reads the global switches, `NO_COLOR`, and whether standard error is a terminal.
    pub(crate) fn new(global: &Global) -> Self {
        Self::of(global, std::io::stderr().is_terminal(), std::env::var_os("NO_COLOR"))
    }

    fn of(global: &Global, terminal: bool, no_color: Option<OsString>) -> Self {
        let colour = match global.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && no_color.is_none_or(|value| value.is_empty()),
        };
        Self {
            json: global.json,
            colour,
            progress: terminal && !global.quiet,
        }
    }

    /// Whether one JSON document is wanted instead of text.
    pub const fn wants_json(&self) -> bool {
        self.json
    }

    /// Whether progress may be drawn: standard error is a terminal and nobody asked for quiet.
    pub const fn shows_progress(&self) -> bool {
        self.progress
    }

    /// Prints an answer's text, with its line end.
    pub fn answer(&self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// Prints a long answer line by line.
    pub(crate) fn lines(&self) -> Lines {
        Lines(BufWriter::new(std::io::stdout()))
    }

    /// Prints the one JSON document.
    pub fn json(&self, document: &serde_json::Value) {
        self.answer(&escaped_json(&format!("{document:#}")));
    }

    /// Prints the one JSON document, which may be too long to hold: a struct whose fields are in the order of their names.
    pub(crate) fn long_json(&self, document: &impl serde::Serialize) {
        let mut text = EscapedLines {
            line: Vec::new(),
            output: BufWriter::new(std::io::stdout()),
        };
        let _ = serde_json::to_writer_pretty(&mut text, document)
            .map_err(std::io::Error::from)
            .and_then(|()| text.write_all(b"\n"))
            .and_then(|()| text.flush());
    }

    /// Prints a line of conversation.
    pub fn say(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Prints a warning.
    pub fn warn(&self, text: &str) {
        self.say(&format!("{} {text}", self.mark("warning:", "33")));
    }

    /// Prints why a command stopped, and says how the program should end.
    pub fn stop(&self, stop: &Stop) -> Exit {
        if self.json {
            self.json(&stop_json(stop));
        } else {
            match stop {
                Stop::Refused(refusals) => self.say_refusals(refusals),
                Stop::Unable(unable) => self.say(&self.unable_text(unable)),
            }
        }
        Exit::of(stop)
    }

    /// Says why something beside the command's own purpose failed.
    pub(crate) fn conversation(&self, stop: &Stop) {
        match stop {
            Stop::Refused(refusals) => self.say_refusals(refusals),
            Stop::Unable(unable) => self.say(&self.unable_text(unable)),
        }
    }

    /// Hundreds may have one hint: it is said once, behind the last of them in a row.
    fn say_refusals(&self, refusals: &[Refusal]) {
        for (index, refusal) in refusals.iter().enumerate() {
            self.say(&self.refusal_text(refusal));
            let next = refusals.get(index + 1).map(|next| &next.hint);
            if let Some(hint) = &refusal.hint
                && next != Some(&refusal.hint)
            {
                self.say(&format!("{} {}", self.mark("hint:", "36"), escape(hint)));
            }
        }
    }

    fn refusal_text(&self, refusal: &Refusal) -> String {
        let mut text = format!(
            "{} {}: {} [{}]",
            self.mark("refused:", "31"),
            escape(&refusal.subject),
            escape(&refusal.reason),
            refusal.code
        );
        if let Some(expected) = &refusal.expected {
            text.push_str(&format!("\n  expected {}", escape(expected)));
        }
        if let Some(found) = &refusal.found {
            text.push_str(&format!("\n  found    {}", escape(found)));
        }
        text
    }

    fn unable_text(&self, unable: &Unable) -> String {
        let mut text = format!("{} {}", self.mark("error:", "31"), escape(&unable.what));
        if let Some(code) = unable.code {
            text.push_str(&format!(" [{code}]"));
        }
        for cause in chain(unable) {
            text.push_str(&format!("\n  because {}", escape(&cause)));
        }
        if let Some(hint) = &unable.hint {
            text.push_str(&format!("\n{} {}", self.mark("hint:", "36"), escape(hint)));
        }
        text
    }

    fn mark(&self, word: &str, colour: &str) -> String {
        if self.colour {
            format!("\u{1b}[1;{colour}m{word}\u{1b}[0m")
        } else {
            word.to_owned()
        }
    }
}

/// A long answer, written with few calls. A reader that goes away early, such as `head`, ends nothing but the printing.
pub(crate) struct Lines(BufWriter<Stdout>);

impl Lines {
    /// Prints one line.
    pub(crate) fn line(&mut self, text: &str) {
        let _ = writeln!(self.0, "{text}");
    }
}

/// A count of bytes with three digits and a decimal unit.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut divisor = 1000_u64;
    let mut unit = 0;
    while unit + 1 < UNITS.len() && count / divisor >= 1000 {
        divisor *= 1000;
        unit += 1;
    }
    let tenths = count / (divisor / 10);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// The causes of a failure, outermost first, each said once.
fn chain(unable: &Unable) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = unable.source.as_deref().map(|source| source as &(dyn Error + 'static));
    while let Some(error) = next {
        let text = error.to_string();
        if causes.last().is_none_or(|last| !last.contains(&text)) {
            causes.push(text);
        }
        next = error.source();
    }
    causes
}

fn stop_json(stop: &Stop) -> serde_json::Value {
    match stop {
        Stop::Refused(refusals) => json!({
            "schema": "sealift-stop/1",
            "outcome": "refused",
            "refusals": refusals.iter().map(|refusal| json!({
                "code": refusal.code.name(),
                "subject": refusal.subject,
                "reason": refusal.reason,
                "expected": refusal.expected,
                "found": refusal.found,
                "hint": refusal.hint,
            })).collect::<Vec<_>>(),
        }),
        Stop::Unable(unable) => json!({
            "schema": "sealift-stop/1",
            "outcome": "unable",
            "what": unable.what,
            "code": unable.code.map(crate::model::Code::name),
            "causes": chain(unable),
            "hint": unable.hint,
        }),
    }
}

/// Makes text from outside safe for a terminal: controls, bidirectional marks and invisible characters are shown
/// as `\u{…}`.
pub(crate) fn escape(text: &str) -> String {
    escaped(text)
}

/// Escapes what passes, line by line.
struct EscapedLines<W: Write> {
    line: Vec<u8>,
    output: W,
}

impl<W: Write> Write for EscapedLines<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = escaped_json(&String::from_utf8_lossy(&self.line));
                self.output.write_all(line.as_bytes())?;
                self.line.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::is_printable;

    #[test]
    fn colour_and_progress_are_for_a_terminal_whose_owner_wants_them() {
        let shown = |color, quiet, terminal, no_color: Option<&str>| {
            let global = Global {
                json: false,
                color,
                quiet,
            };
            let output = Output::of(&global, terminal, no_color.map(OsString::from));
            (output.colour, output.progress)
        };
        assert_eq!(shown(Colour::Auto, false, true, None), (true, true));
        assert_eq!(shown(Colour::Auto, false, false, None), (false, false));
        assert_eq!(shown(Colour::Auto, true, true, None), (true, false));
        // no-color.org: set, and not empty.
        assert_eq!(shown(Colour::Auto, false, true, Some("")), (true, true));
        assert_eq!(shown(Colour::Auto, false, true, Some("1")), (false, true));
        assert_eq!(shown(Colour::Always, false, false, Some("1")), (true, false));
        assert_eq!(shown(Colour::Never, false, true, None), (false, true));
    }

    #[test]
    fn a_long_document_is_escaped_as_a_short_one() {
        let document = serde_json::json!({"a": ["x\u{202e}\u{9b}y\n", "z", {}], "b": [], "c": "\u{e0001}"});
        let mut text = EscapedLines {
            line: Vec::new(),
            output: Vec::new(),
        };
        serde_json::to_writer_pretty(&mut text, &document).unwrap();
        text.write_all(b"\n").unwrap();
        let expected = escaped_json(&format!("{document:#}\n"));
        assert!(expected.contains("\\u202e\\u009by"));
        assert_eq!(String::from_utf8(text.output).unwrap(), expected);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("outer: inner words")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_chain_does_not_repeat_itself() {
        let unable = Unable::new("cannot read x").because(Outer(std::io::Error::other("inner words")));
        assert_eq!(chain(&unable), ["outer: inner words"]);
        let unable = Unable::new("cannot read x").because(Outer(std::io::Error::other("disk is full")));
        assert_eq!(chain(&unable), ["outer: inner words", "disk is full"]);
    }

    #[test]
    fn sizes_have_a_unit() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (8_590_000_000, "8.5 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn terminal_controls_are_shown_not_sent() {
        assert_eq!(escape("a\u{1b}[2Jb\u{202e}c\rd"), "a\\u{1b}[2Jb\\u{202e}c\\u{d}d");
        assert_eq!(escape("plain é"), "plain é");
    }

    #[test]
    fn json_for_a_terminal_says_the_same() {
        let document = json!({ "name": "a\u{9b}2J\u{202e}b\u{e0041}c\u{7f}\n\"é" });
        let text = escaped_json(&format!("{document:#}"));
        assert!(
            text.chars()
                .all(|character| character == '\n' || is_printable(character)),
            "{text}"
        );
        assert!(
            text.contains("\\u009b2J\\u202eb\\udb40\\udc41c\\u007f\\n\\\"é"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), document);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_said() {
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut text = EscapedLines {
            line: Vec::new(),
            output: &mut full,
        };
        assert!(text.write_all(b"x\n").is_err());
    }
}
